//! Why a set of policies was not loaded.

use orp_core::document::DocumentError;
use std::{error::Error, fmt};

/// How many errors are kept; whoever made more reads the first ones first.
pub const ERROR_LIMIT: usize = 50;

/// Every document that is wrong, with the place of its first error; prints one after the other. Nothing was loaded: a host
/// keeps the set it has, and one that has none forbids everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    errors: Vec<DocumentError>,
    left_out: usize,
}

impl LoadError {
    /// `Err` when there are errors.
    pub(crate) fn check(errors: Vec<DocumentError>) -> Result<(), Self> {
        if errors.is_empty() {
            return Ok(());
        }
        let left_out = errors.len().saturating_sub(ERROR_LIMIT);
        Err(Self { errors: errors.into_iter().take(ERROR_LIMIT).collect(), left_out })
    }

    /// What is wrong, in the order of the documents; at least one, at most [`ERROR_LIMIT`].
    pub fn errors(&self) -> &[DocumentError] {
        &self.errors
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if at == 0 { "" } else { "\n" })?;
        }
        match self.left_out {
            0 => Ok(()),
            left_out => write!(f, "\nand {left_out} more errors"),
        }
    }
}

impl Error for LoadError {}
