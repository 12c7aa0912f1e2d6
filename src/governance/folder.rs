//! Reads policy documents from a file or a folder, with what they include.

use crate::error::OrpError;
use orp_core::document::{LIMIT_BYTES, Source};
use orp_policy::document::includes;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The most files that one set is read from.
pub const FILE_LIMIT: usize = 10_000;

/// The file beside policy documents in which the signature of the set stands; it is no policy document itself.
pub const SIGNATURE_FILE: &str = "policy.sig.json";

/// What files of policy documents end in.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The text of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyText {
    /// The file's path, as errors call it.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

impl PolicyText {
    /// The text as what a set is loaded from.
    pub fn source(&self) -> Source<'_> {
        Source::new(&self.name, &self.text)
    }
}

/// The texts of a file, or of every `.yaml`, `.yml` and `.json` file of a folder and the folders in it, and of what their
/// `PolicySet` documents include: in the order of their paths, each once. Hidden files and the
/// [signature](SIGNATURE_FILE) are passed over; links are followed once.
pub fn read_policies(path: impl AsRef<Path>) -> Result<Vec<PolicyText>, OrpError> {
    let mut reader = Reader { seen: BTreeSet::new(), texts: BTreeMap::new() };
    reader.take(path.as_ref())?;
    Ok(reader.texts.into_values().collect())
}

struct Reader {
    /// Files and folders that were taken, by their real paths: so includes may go in circles.
    seen: BTreeSet<PathBuf>,
    texts: BTreeMap<PathBuf, PolicyText>,
}

impl Reader {
    /// A file or a folder that somebody named.
    fn take(&mut self, path: &Path) -> Result<(), OrpError> {
        let real = fs::canonicalize(path).map_err(|error| failed(path, &error))?;
        if !self.seen.insert(real.clone()) {
            return Ok(());
        }
        if real.is_dir() { self.folder(path) } else { self.file(path) }
    }

    fn folder(&mut self, path: &Path) -> Result<(), OrpError> {
        let entries = fs::read_dir(path).map_err(|error| failed(path, &error))?;
        let mut paths = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(path, &error))?;
            let name = entry.file_name();
            let is_document = !name.to_string_lossy().starts_with('.') && name != SIGNATURE_FILE;
            paths.extend(Some(entry.path()).filter(|_| is_document));
        }
        paths.sort();
        for path in paths {
            let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
            if path.is_dir() || ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
                self.take(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), OrpError> {
        let wrong = |detail: String| OrpError::File { path: path.display().to_string(), detail };
        if self.texts.len() == FILE_LIMIT {
            return Err(wrong(format!("a set is read from at most {FILE_LIMIT} files")));
        }
        let size = fs::metadata(path).map_err(|error| failed(path, &error))?.len();
        if size > LIMIT_BYTES as u64 {
            return Err(wrong(format!("it has {size} bytes, at most {LIMIT_BYTES} are read")));
        }
        let text = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
        let read = PolicyText { name: path.display().to_string(), text };
        let included = includes(&read.source());
        self.texts.insert(path.to_owned(), read);
        let beside = path.parent().unwrap_or(Path::new("."));
        included.iter().try_for_each(|include| self.take(&beside.join(include)))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> OrpError {
    OrpError::File { path: path.display().to_string(), detail: error.to_string() }
}
