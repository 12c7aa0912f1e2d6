//! Who is known by name, and whether a text names them.

use std::collections::{BTreeMap, BTreeSet};

/// What an intent says whose requester is nobody in particular.
const NOBODY: &str = "anonymous";

/// Names of people, by their first word: a text is looked through once, however many people there are.
#[derive(Debug, Clone, Default)]
pub(super) struct People(BTreeMap<String, BTreeSet<String>>);

impl People {
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut people = Self::default();
        names.into_iter().for_each(|name| people.add(name));
        people
    }

    pub(super) fn add(&mut self, name: &str) {
        if name != NOBODY && !name.is_empty() {
            let first = words(name).next().map_or(name, |(_, word)| word);
            self.0.entry(first.to_owned()).or_default().insert(name.to_owned());
        }
    }

    /// Whether any of them stands in `text`, not as a part of a longer word.
    pub(super) fn are_named_in(&self, text: &str) -> bool {
        let stands_at = |at: usize, name: &String| {
            let after = text.get(at..).and_then(|rest| rest.strip_prefix(name.as_str()));
            after.is_some_and(|after| !after.starts_with(char::is_alphanumeric))
        };
        !self.0.is_empty()
            && words(text)
                .any(|(at, word)| self.0.get(word).is_some_and(|names| names.iter().any(|name| stands_at(at, name))))
    }
}

/// The words of a text, and where they begin. A word is letters and digits; names begin with one.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(move |word| (word.as_ptr() as usize - start, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_named_by_whole_words() {
        let people = People::of(["ada", "eve.b@acme.com", "李", "anonymous"]);
        for text in
            ["ada", "ask ada!", "(ada)", "x/eve.b@acme.com/2026", "to 李 and", "ada.lovelace", "eve.b@acme.com.uk"]
        {
            assert!(people.are_named_in(text), "{text}");
        }
        for text in ["", "data", "adam", "Ada", "eve", "eve.b@acme.community", "李白", "anonymous"] {
            assert!(!people.are_named_in(text), "{text}");
        }
    }
}
