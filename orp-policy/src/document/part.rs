//! One document's part of a text, and places in it.

use super::raw::Fault;
use crate::condition::cel::CelError;
use orp_core::document::{DocumentError, LIMIT_BYTES, Source};
use serde::de::DeserializeOwned;
use serde_saphyr::{Location, Spanned};

/// A place in a source, to say later that something is wrong there.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    source_name: String,
    line: u64,
    column: u64,
    excerpt: Option<String>,
}

impl Place {
    #[cfg(test)]
    pub(crate) const fn nowhere() -> Self {
        Self { source_name: String::new(), line: 1, column: 1, excerpt: None }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> DocumentError {
        let mut error = Source::new(&self.source_name, "").error(message);
        (error.line, error.column, error.excerpt) = (Some(self.line), Some(self.column), self.excerpt.clone());
        error
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.source_name, self.line, self.column)
    }
}

/// One document's part of a text.
pub(super) struct Part<'a> {
    source: Source<'a>,
    /// How many lines of the text come before.
    lines_before: u64,
}

impl<'a> Part<'a> {
    /// Splits a text at the lines that begin with `---`, which in YAML is a document's beginning wherever it stands.
    pub(super) fn all_of(source: &Source<'a>) -> Result<Vec<Self>, DocumentError> {
        let size = source.text().len();
        if size > LIMIT_BYTES {
            return Err(source.error(format!("the document has {size} bytes, at most {LIMIT_BYTES} are read")));
        }
        let part = |text, lines_before| Self { source: Source::new(source.name(), text), lines_before };
        let (mut parts, mut begin, mut lines_before, mut at) = (Vec::new(), 0, 0, 0);
        for (number, line) in (0..).zip(source.text().split_inclusive('\n')) {
            let is_mark = line
                .strip_prefix("---")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
            if is_mark {
                parts.extend(source.text().get(begin..at).map(|text| part(text, lines_before)));
                (begin, lines_before) = (at, number);
            }
            at += line.len();
        }
        parts.extend(source.text().get(begin..).map(|text| part(text, lines_before)));
        Ok(parts)
    }

    /// Whether there is nothing but comments, directives and marks.
    pub(super) fn is_empty(&self) -> bool {
        self.source.text().lines().all(|line| {
            let line = line.trim_start_matches('\u{feff}');
            let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("...")).unwrap_or(line).trim();
            rest.is_empty() || rest.starts_with('#') || line.starts_with('%')
        })
    }

    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        self.source.parse().map_err(|mut error| {
            error.line = error.line.map(|line| line + self.lines_before);
            error
        })
    }

    /// What stands before the `spec:` of a document, when that is whole without it; else what stands anywhere. The rest is
    /// read later, and with it all of this again, so nothing is taken that the whole document does not say; but reading the
    /// text once and a bit takes half the time of reading it twice.
    pub(super) fn parse_head<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        let head = self.source.text().find("\nspec:").and_then(|end| self.source.text().get(..=end));
        let head = head.and_then(|head| Source::new(self.source.name(), head).parse().ok());
        head.map_or_else(|| self.parse(), Ok)
    }

    pub(super) fn place(&self, location: Location) -> Place {
        self.place_at(location.line(), location.column())
    }

    pub(super) fn place_at(&self, line: u64, column: u64) -> Place {
        let excerpt = self.source.text().lines().nth((line as usize).saturating_sub(1));
        Place {
            source_name: self.source.name().into(),
            line: line + self.lines_before,
            column,
            excerpt: excerpt.map(|line| line.chars().take(200).collect()),
        }
    }

    /// Something is wrong there.
    pub(super) fn error(&self, fault: Fault) -> DocumentError {
        self.place(fault.at).error(fault.message)
    }

    /// Something is wrong within an expression that begins there.
    pub(super) fn error_in(&self, text: &Spanned<String>, error: CelError) -> DocumentError {
        let place = error.place.and_then(|(line, column)| self.place_within(text, line, column));
        place.unwrap_or_else(|| self.place(text.referenced)).error(error.message)
    }

    /// Where a place within a text stands in the source, if the text stands there as it is: not folded, nothing escaped.
    fn place_within(&self, text: &Spanned<String>, line: usize, column: usize) -> Option<Place> {
        let mut lines = (1u64..).zip(self.source.text().lines()).skip_while(|(at, _)| *at < text.referenced.line());
        let mut found = None;
        for written in text.value.lines().take(line) {
            let stripped = written.trim();
            let from = text.referenced.column() as usize;
            found = lines.find_map(|(at, whole)| {
                let skip = if at == text.referenced.line() { from.saturating_sub(1) } else { 0 };
                let start = whole.char_indices().nth(skip).map_or(whole.len(), |(start, _)| start);
                let begins = whole.get(start..)?.find(stripped)? + start;
                let indent = written.len() - written.trim_start().len();
                Some((at, whole.get(..begins)?.chars().count(), indent))
            });
        }
        let (at, before, indent) = found?;
        Some(self.place_at(at, (before + column).checked_sub(indent)? as u64))
    }
}
