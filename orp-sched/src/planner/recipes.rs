//! The recipes that come with the crate.

use orp_core::{document::Source, noun::Recipe};

/// Their documents: file name and text.
pub const BUILTIN_RECIPES: [(&str, &str); 2] = [
    ("fine-tune.yaml", include_str!("../../recipes/fine-tune.yaml")),
    ("data-pipeline.yaml", include_str!("../../recipes/data-pipeline.yaml")),
];

/// The recipes that come with the crate: `fine-tune` for goals of kind `fine_tune`, `data-pipeline` for `data_pipeline`.
pub fn builtin_recipes() -> Vec<Recipe> {
    // INVARIANT: a test reads every document, so none is dropped here.
    BUILTIN_RECIPES.iter().filter_map(|(name, text)| Recipe::from_source(&Source::new(name, text)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_recipe_reads() {
        for (name, text) in BUILTIN_RECIPES {
            if let Err(error) = Recipe::from_source(&Source::new(name, text)) {
                panic!("{error}");
            }
        }
        assert_eq!(builtin_recipes().len(), BUILTIN_RECIPES.len());
    }
}
