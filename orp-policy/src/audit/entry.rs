//! What is to be put on record: a draft with fields, and the entry it becomes once it is known to fit.

use super::frame::{BODY_MAX, KIND_MAX};
use super::personal::{Disclosure, Salt, commitment};
use orp_core::{noun::Sequence, unit::Timestamp};
use serde_json::{Map, Value};
use std::borrow::Cow;
use thiserror::Error;

/// Why a draft cannot be put on record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The kind is no kind.
    #[error("`{0}` is not a kind of record: expected 1 to {KIND_MAX} of a-z, 0-9, `_` and `.`")]
    Kind(String),
    /// The body, or a value kept out of it, is too long.
    #[error(
        "a record of kind `{kind}` would have {bytes} bytes of {what}, at most {BODY_MAX} fit: put a digest of what is large on record"
    )]
    TooLong {
        /// The kind of the record.
        kind: String,
        /// What is too long.
        what: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// A field is marked personal, and there is no text there.
    #[error("`{field}` of a record of kind `{kind}` is marked personal, and no text is there")]
    NoText {
        /// The kind of the record.
        kind: String,
        /// Which field.
        field: String,
    },
}

/// Something to be put on record.
///
/// ```
/// use orp_policy::audit::{Draft, Salt};
///
/// let draft = Draft::new("approved", "2026-11-23T04:38:00Z".parse()?)
///     .with("digest", "sha256:…")
///     .with("approver", "grace")
///     .with_personal("/approver", Salt::new([9; 32]));
/// let entry = draft.finish()?;
/// assert_eq!(entry.disclosures(1)[0].value, "grace");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a draft is on record once it was finished and appended"]
pub struct Draft {
    kind: Cow<'static, str>,
    at: Timestamp,
    journal: Option<Sequence>,
    body: Map<String, Value>,
    personal: Vec<(String, Salt)>,
}

impl Draft {
    /// A draft without fields: what kind of thing happened, and when.
    pub fn new(kind: impl Into<Cow<'static, str>>, at: Timestamp) -> Self {
        Self { kind: kind.into(), at, journal: None, body: Map::new(), personal: Vec::new() }
    }

    /// The journal record it comes from: the log is then complete up to it.
    pub fn with_journal(mut self, sequence: Sequence) -> Self {
        self.journal = Some(sequence);
        self
    }

    /// One more field.
    pub fn with(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.body.insert(field.into(), value.into());
        self
    }

    /// The text at this place (a JSON pointer, `/requester` or `/reasons/0/because`) is kept out of the chain.
    pub fn with_personal(mut self, field: impl Into<String>, salt: Salt) -> Self {
        self.personal.push((field.into(), salt));
        self
    }

    /// Checks that it fits, and puts commitments in the place of personal texts.
    pub fn finish(self) -> Result<Entry, EntryError> {
        let Self { kind, at, journal, body, personal } = self;
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte);
        if kind.is_empty() || kind.len() > KIND_MAX || !kind.bytes().all(is_part) {
            return Err(EntryError::Kind(kind.into_owned()));
        }
        let too_long = |what, bytes| EntryError::TooLong { kind: kind.clone().into_owned(), what, bytes };
        let mut body = Value::Object(body);
        let mut kept = Vec::with_capacity(personal.len());
        for (field, salt) in personal {
            let place = body.pointer_mut(&field).filter(|place| place.is_string());
            let no_text = || EntryError::NoText { kind: kind.clone().into_owned(), field: field.clone() };
            let place = place.ok_or_else(no_text)?;
            let Value::String(value) = place.take() else { return Err(no_text()) };
            if value.len() > BODY_MAX {
                return Err(too_long("a personal field", value.len()));
            }
            *place = commitment(&salt.commit(&value));
            kept.push(Disclosure { seq: 0, field, salt, value });
        }
        let body = body.to_string();
        if body.len() > BODY_MAX {
            return Err(too_long("fields", body.len()));
        }
        Ok(Entry { kind, at, journal, body, kept })
    }
}

/// What fits into a record, and what is kept out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) kind: Cow<'static, str>,
    pub(super) at: Timestamp,
    pub(super) journal: Option<Sequence>,
    pub(super) body: String,
    kept: Vec<Disclosure>,
}

impl Entry {
    /// What kind of thing happened.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// When.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The journal record it comes from.
    pub const fn journal(&self) -> Option<Sequence> {
        self.journal
    }

    /// The body: a JSON object, with commitments for what is kept out.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Whether anything is kept out of the record.
    pub const fn is_personal(&self) -> bool {
        !self.kept.is_empty()
    }

    /// What is kept out of the record, once it is known which it is.
    pub fn disclosures(&self, seq: u64) -> Vec<Disclosure> {
        self.kept.iter().map(|kept| Disclosure { seq, ..kept.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_says_why() {
        let draft = |kind: &'static str| Draft::new(kind, Timestamp::EPOCH);
        for (draft, error) in [
            (draft(""), "`` is not a kind of record: expected 1 to 64 of a-z, 0-9, `_` and `.`"),
            (
                Draft::new("k".repeat(65), Timestamp::EPOCH),
                "`kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk` is not a kind of record: expected 1 to 64 of a-z, 0-9, `_` and `.`",
            ),
            (
                draft("run").with("who", "x".repeat(BODY_MAX + 1)).with_personal("/who", Salt::new([0; 32])),
                "a record of kind `run` would have 65537 bytes of a personal field, at most 65536 fit: put a digest of what is large on record",
            ),
            (draft("Run"), "`Run` is not a kind of record: expected 1 to 64 of a-z, 0-9, `_` and `.`"),
            (
                draft("run").with("text", "x".repeat(BODY_MAX)),
                "a record of kind `run` would have 65547 bytes of fields, at most 65536 fit: put a digest of what is large on record",
            ),
            (
                draft("run").with_personal("/who", Salt::new([0; 32])),
                "`/who` of a record of kind `run` is marked personal, and no text is there",
            ),
            (
                draft("run").with("who", 1).with_personal("/who", Salt::new([0; 32])),
                "`/who` of a record of kind `run` is marked personal, and no text is there",
            ),
        ] {
            assert_eq!(draft.finish().unwrap_err().to_string(), error);
        }
        let longest = draft("run").with("t", "x".repeat(BODY_MAX - 8)).finish().unwrap();
        assert_eq!(longest.body().len(), BODY_MAX);
    }

    #[test]
    fn a_field_is_kept_out_once() {
        let twice = Draft::new("run", Timestamp::EPOCH)
            .with("who", "ada")
            .with_personal("/who", Salt::new([1; 32]))
            .with_personal("/who", Salt::new([2; 32]));
        assert!(matches!(twice.finish(), Err(EntryError::NoText { .. })));
    }
}
