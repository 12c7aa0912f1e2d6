//! JSON Schemas of the documents people write, for editors and for those who generate them.
//!
//! The same schemas lie in the repository's `schema/` folder.

use orp_core::noun::{Intent, Recipe};
use serde_json::Value;

/// The schema of intent documents.
pub fn intent() -> Value {
    schemars::schema_for!(Intent).to_value()
}

/// The schema of recipe documents.
pub fn recipe() -> Value {
    schemars::schema_for!(Recipe).to_value()
}

/// The schema of one policy document, of every kind.
pub fn policy() -> Value {
    orp_policy::document::schema().to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ORP_UPDATE=1 cargo test` writes the files anew.
    #[test]
    fn the_files_are_current() {
        for (name, schema) in [("intent", intent()), ("recipe", recipe()), ("policy", policy())] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(format!("{name}.json"));
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if std::env::var_os("ORP_UPDATE").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "{}", path.display());
        }
    }
}
