//! An interpreter that knows phrases by heart.

use crate::contract::{IntentInterpreter, Interpretation};
use crate::noun::Intent;
use std::collections::BTreeMap;

/// Knows some phrases, word for word, and asks about everything else.
#[derive(Debug, Clone, Default)]
pub struct MemoryInterpreter(BTreeMap<String, Intent>);

impl MemoryInterpreter {
    /// One more phrase, and what it means.
    pub fn with_phrase(mut self, words: impl AsRef<str>, intent: Intent) -> Self {
        self.0.insert(words.as_ref().trim().into(), intent);
        self
    }
}

impl IntentInterpreter for MemoryInterpreter {
    fn interpret(&self, words: &str) -> Result<Interpretation, String> {
        Ok(match self.0.get(words.trim()) {
            Some(intent) => Interpretation::Intent(Box::new(intent.clone())),
            None => Interpretation::Question {
                question: format!("what is meant by `{}`?", words.trim()),
                candidates: self.0.keys().cloned().collect(),
            },
        })
    }
}
