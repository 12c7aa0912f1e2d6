//! Why the audit log did not do what it was asked.

use orp_core::error::StoreError;
use orp_policy::audit::{DisclosureError, EntryError, Report};
use std::path::Path;
use thiserror::Error;

/// What keeps the audit log from doing what it was asked.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The system refused.
    #[error("the audit log `{path}` failed: {detail}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// Another host holds the log.
    #[error("the audit log `{path}` is in use by another host: its file is locked")]
    Locked {
        /// Which file.
        path: String,
    },
    /// The log does not hold what was written. Nothing was changed.
    #[error(
        "the audit log `{path}` was tampered with: {}; keep it as evidence under another name, and the next host writes a \
         new one from the journal",
        first_fault(.report)
    )]
    Tampered {
        /// Which file.
        path: String,
        /// Everything that was found.
        report: Box<Report>,
    },
    /// The log belongs to another journal. Nothing was changed.
    #[error(
        "the audit log `{path}` is complete up to journal record {audited}, the journal ends at {last}: they do not belong \
         together"
    )]
    Foreign {
        /// Which file.
        path: String,
        /// Up to which journal record the log is complete.
        audited: u64,
        /// The last record of the journal.
        last: u64,
    },
    /// The file with what is kept out of the log is damaged.
    #[error("line {line} of `{path}` is not what a record keeps out of the audit log: {detail}")]
    Personal {
        /// Which file.
        path: String,
        /// Which line.
        line: usize,
        /// What the parser said.
        detail: String,
    },
    /// What was to be put on record does not fit.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A disclosure does not belong to its record.
    #[error(transparent)]
    Disclosure(#[from] DisclosureError),
    /// There is no such record.
    #[error("the audit log `{path}` has no record {seq}")]
    NoRecord {
        /// Which file.
        path: String,
        /// Which record was asked for.
        seq: u64,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An earlier failure stopped the log: what is on disk is known again when it is opened.
    #[error("the audit log `{path}` has stopped after an earlier failure; open it again")]
    Stopped {
        /// Which file.
        path: String,
    },
}

fn first_fault(report: &Report) -> String {
    let more = report.faults.len() as u64 + report.faults_left_out;
    match report.faults.first() {
        Some(first) if more > 1 => format!("{first} (and {} faults more)", more - 1),
        Some(first) => first.to_string(),
        None => "nothing is wrong".into(),
    }
}

impl AuditError {
    pub(super) fn io(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Io { path: path.display().to_string(), detail: error.to_string() }
    }
}

/// The control plane writes a fact to the journal and to the audit log in one step: either failing is the store failing.
impl From<AuditError> for StoreError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => error,
            AuditError::Io { path, detail } => Self::Io { store: path, detail },
            error => Self::Io { store: "audit log".into(), detail: error.to_string() },
        }
    }
}
