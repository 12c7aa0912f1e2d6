//! A detector that knows words by heart.

use crate::contract::{Confidence, Detector, Finding, FindingKind};

/// Finds words of a list, letter by letter, wherever they stand: code names, customers. Of words that overlap it finds the
/// first, of words that begin together the longest.
///
/// ```
/// use orp_core::{memory::MemoryDetector, prelude::*};
///
/// let names = MemoryDetector::new(FindingKind::new("codename")?).with_word("Blue Heron")?.with_word("Heron")?;
/// let found: Vec<String> = names.find("Heron was Blue Heron").iter().map(ToString::to_string).collect();
/// assert_eq!(found, ["codename at 0..5 (certain)", "codename at 10..20 (certain)"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct MemoryDetector {
    kind: [FindingKind; 1],
    /// The longest first.
    words: Vec<String>,
}

impl MemoryDetector {
    /// A detector without words, named like the one kind it finds.
    pub const fn new(kind: FindingKind) -> Self {
        Self { kind: [kind], words: Vec::new() }
    }

    /// One more word: not empty, and not of what may stand in its place (DET-6): without brackets, and no part of the kind.
    pub fn with_word(mut self, word: impl Into<String>) -> Result<Self, String> {
        let word = word.into();
        if self.name().contains(&word) || word.contains(['[', ']', '(', ')', '<', '>', '{', '}']) {
            return Err(format!(
                "`{word}` cannot be found: expected a word without brackets, no part of `{}`",
                self.name()
            ));
        }
        self.words.push(word);
        self.words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Ok(self)
    }

    /// The words in a text, and the place from which on more text could change that.
    fn read(&self, text: &str) -> (Vec<Finding>, usize) {
        let [kind] = &self.kind;
        let longest = self.words.first().map_or(0, String::len);
        let (mut findings, mut settled, mut at) = (Vec::new(), None, 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if rest.len() < longest {
                settled = settled.or(Some(at));
            }
            at += match self.words.iter().find(|word| rest.starts_with(word.as_str())) {
                Some(word) => {
                    findings.push(Finding::new(at, at + word.len(), kind.clone(), Confidence::Certain));
                    word.len()
                }
                None => rest.chars().next().map_or(1, char::len_utf8),
            };
        }
        (findings, settled.unwrap_or(at))
    }
}

impl Detector for MemoryDetector {
    fn name(&self) -> &str {
        let [kind] = &self.kind;
        kind.as_str()
    }

    fn kinds(&self) -> &[FindingKind] {
        &self.kind
    }

    fn find(&self, text: &str) -> Vec<Finding> {
        self.read(text).0
    }

    fn settled(&self, text: &str) -> usize {
        self.read(text).1
    }
}
