//! Errors at the boundaries to providers, and of the stores.
//!
//! "Nothing fits" and "forbidden" are not errors: they are answers with reasons
//! ([`Infeasibility`](crate::noun::Infeasibility), [`PolicyDecision`](crate::noun::PolicyDecision)).

use crate::unit::Span;
use serde::{Deserialize, Serialize};
use std::{error::Error, fmt, sync::Arc};
use thiserror::Error as ThisError;

/// Who must act on a provider's error, and so what kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong: the caller must change it.
    Invalid,
    /// No such offer, lease or execution.
    NotFound,
    /// The provider has none left of what was asked.
    Exhausted,
    /// The caller may not do this; an administrator must change that.
    Denied,
    /// The key was used for another request, or the lease's fencing token is stale.
    Conflict,
    /// The lease or machine is gone: reclaimed, expired or failed.
    Lost,
    /// The provider does not declare this capability.
    Unsupported,
    /// The provider or the way to it fails for now.
    Unavailable,
    /// The operating system refused: a file, a process, a limit.
    System,
}

/// Whether the same call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It will fail again.
    Never,
    /// At once.
    Now,
    /// Not before this much time has passed.
    After(Span),
    /// Not here: plan again with another offer.
    Elsewhere,
}

/// An error of a provider call: what kind, whether to try again, in which operation, and with what context.
#[derive(Clone)]
#[non_exhaustive]
pub struct ProviderError {
    /// Who must act.
    pub kind: ErrorKind,
    /// Whether to try again.
    pub retry: Retry,
    /// The operation that failed: `acquire`, `launch` …
    pub operation: &'static str,
    /// One line for people: what happened, with user input in backticks.
    pub message: String,
    /// Named facts: the offer, the lease, the path.
    pub context: Vec<(&'static str, String)>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// An error of this kind; `retry` is what the kind usually means and [`ProviderError::with_retry`] changes it.
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Exhausted | ErrorKind::Lost => Retry::Elsewhere,
            ErrorKind::Unavailable => Retry::After(Span::SECOND),
            _ => Retry::Never,
        };
        Self { kind, retry, operation, message: message.into(), context: Vec::new(), source: None }
    }

    /// Another answer to whether to try again.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// One more named fact.
    pub fn with_context(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }

    /// What caused it.
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.operation, self.message)?;
        for (at, (name, value)) in self.context.iter().enumerate() {
            write!(f, "{}{name} {value}", if at == 0 { " (" } else { ", " })?;
        }
        if !self.context.is_empty() {
            f.write_str(")")?;
        }
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} [{:?}, {:?}]", self.kind, self.retry)
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a journal or asset store did not do what it was asked.
#[derive(Debug, Clone, ThisError)]
#[non_exhaustive]
pub enum StoreError {
    /// Another host holds the store.
    #[error("the store `{store}` is in use by another host: {detail}")]
    Locked {
        /// Which store.
        store: String,
        /// What the store said.
        detail: String,
    },
    /// The store was written by a newer version.
    #[error("the store `{store}` has schema version {found}, this library knows up to {known}: use a newer version")]
    Newer {
        /// Which store.
        store: String,
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// What was read is not what was written.
    #[error("the store `{store}` is damaged at {at}: {detail}")]
    Damaged {
        /// Which store.
        store: String,
        /// Where.
        at: String,
        /// What does not hold.
        detail: String,
    },
    /// The disk or database failed; nothing of the call was kept.
    #[error("the store `{store}` failed: {detail}")]
    Io {
        /// Which store.
        store: String,
        /// What the system said.
        detail: String,
    },
    /// The named thing exists already, differs from what was expected, or does not exist.
    #[error("{0}")]
    Conflict(String),
}
