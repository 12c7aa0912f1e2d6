//! Reads YAML and JSON documents; every error says where, what, and what was expected.
//!
//! JSON is read by the same reader (it is a subset of YAML 1.2), so both report line and column alike. The reader takes
//! named text, not files: reading files is the host's or the root crate's part.
//!
//! ```
//! use orp_core::{document::Source, noun::Intent};
//!
//! let source = Source::new("intent.yaml", "goal: {kind: fine_tune}\nconstraints: {cost: {max: 500 dollars}}\n");
//! let error = source.parse::<Intent>().unwrap_err();
//! assert_eq!((error.line, error.column), (Some(2), Some(27)));
//! assert!(error.to_string().contains("unknown unit `dollars`"));
//! ```

use serde::de::DeserializeOwned;
use std::fmt;

/// The largest document that is read, in bytes: far above any written by people.
pub const LIMIT_BYTES: usize = 4 << 20;

/// How deep lists and maps nest. The reader calls itself for each, and a stack is as large as the host's threads have it.
pub const DEPTH_LIMIT: usize = 32;

/// How much of a line is shown with an error in it.
const EXCERPT_CHARS: usize = 200;

/// A named text: the name is what errors call it.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    /// A text under the name that errors give it, usually the file's path.
    pub const fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }

    /// The name.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The text.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Reads the one document of the text.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        self.check_size()?;
        serde_saphyr::from_str_with_options(self.text, options()).map_err(|error| self.error_of(&error))
    }

    /// Reads every document of the text, in order; an empty text has none.
    pub fn parse_all<T: DeserializeOwned>(&self) -> Result<Vec<T>, DocumentError> {
        self.check_size()?;
        serde_saphyr::from_multiple_with_options(self.text, options()).map_err(|error| self.error_of(&error))
    }

    /// An error about the whole document: no place in it is to blame. It is said in one line, whatever of the text is in it.
    pub fn error(&self, message: impl Into<String>) -> DocumentError {
        let message = message.into().replace('\n', "\\n").replace('\r', "\\r");
        DocumentError { source_name: self.name.into(), line: None, column: None, message, excerpt: None }
    }

    /// An error at the first line whose text contains `needle`: for what only the whole document shows to be wrong.
    pub fn error_at(&self, needle: &str, message: impl Into<String>) -> DocumentError {
        let place =
            self.text.lines().enumerate().find_map(|(at, line)| line.find(needle).map(|column| (at, column, line)));
        match place {
            None => self.error(message),
            Some((at, column, line)) => DocumentError {
                line: Some(at as u64 + 1),
                column: Some(line[..column].chars().count() as u64 + 1),
                excerpt: Some(line.chars().take(EXCERPT_CHARS).collect()),
                ..self.error(message)
            },
        }
    }

    fn check_size(&self) -> Result<(), DocumentError> {
        if self.text.len() > LIMIT_BYTES {
            return Err(
                self.error(format!("the document has {} bytes, at most {LIMIT_BYTES} are read", self.text.len()))
            );
        }
        Ok(())
    }

    fn error_of(&self, error: &serde_saphyr::Error) -> DocumentError {
        let place = error.location().map(|location| (location.line(), location.column()));
        let full = error.without_snippet().to_string();
        // The library ends its one-line form with the place, which this error says in its own way.
        let message = full.rfind(" at line ").map_or(full.as_str(), |end| &full[..end]).to_owned();
        let excerpt = place
            .and_then(|(line, _)| self.text.lines().nth((line as usize).saturating_sub(1)))
            .map(|line| line.chars().take(EXCERPT_CHARS).collect());
        let (line, column) = place.unzip();
        DocumentError { line, column, excerpt, ..self.error(message) }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { budget: serde_saphyr::budget! { max_depth: DEPTH_LIMIT } }
}

/// What is wrong with a document, and where: prints as `file:line:column: what`, with the line below.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DocumentError {
    /// The document's name.
    pub source_name: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column, from 1, in characters.
    pub column: Option<u64>,
    /// What is wrong, and what was expected.
    pub message: String,
    /// The line itself, or its beginning.
    pub excerpt: Option<String>,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source_name)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if let (Some(excerpt), Some(line), Some(column)) = (&self.excerpt, self.line, self.column) {
            let margin = line.to_string().len();
            write!(f, "\n {line} | {excerpt}")?;
            // A long line is not shown to its end, and what is wrong beyond is not pointed at.
            if column <= excerpt.chars().count() as u64 + 1 {
                write!(f, "\n {:margin$} | {:>2$}", "", "^", column as usize)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for DocumentError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_point_at_the_place() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pair {
            #[allow(dead_code, reason = "only its reading is tested")]
            a: crate::unit::Money,
        }
        let error = Source::new("x.yaml", "a: 1 USD\nb: 2\n").parse::<Pair>().unwrap_err();
        assert_eq!(error.to_string(), "x.yaml:2:1: unknown field `b`, expected one of a\n 2 | b: 2\n   | ^");
        let error = Source::new("x.json", "{\"a\":\n  \"-\"}").parse::<Pair>().unwrap_err();
        assert_eq!((error.line, error.column), (Some(2), Some(3)));
        assert_eq!(Source::new("e", "").parse_all::<Pair>().unwrap().len(), 0);
        let error = Source::new("x.yaml", "a: \"1 U\\nD\"\n").parse::<Pair>().unwrap_err();
        assert!(error.message.starts_with("`1 U\\nD`"), "{error}");
        let long = format!("{}b: 2\n", " ".repeat(70_000));
        for error in
            [Source::new("x.yaml", &long).parse::<Pair>().unwrap_err(), Source::new("x", &long).error_at("b", "no")]
        {
            assert_eq!((error.line, error.column), (Some(1), Some(70_001)));
            assert!(error.to_string().len() < 400, "{error}");
        }
    }
}
