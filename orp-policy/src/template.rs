//! Text with facts in it: `{dataset.name} is {dataset.class}`. Braces that stand for themselves are doubled.

use crate::fact::{FactName, Vocabulary};
use crate::view::View;
use serde::Serialize;
use std::fmt::Write;

/// Text in which the names of facts stand in braces; every name is in the vocabulary.
#[derive(Debug, Clone, Serialize)]
#[serde(into = "String")]
pub(crate) struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Fact(FactName),
}

impl Template {
    /// The text with the facts of a request filled in; what the request does not say is said to be unknown.
    pub(crate) fn fill(&self, view: View<'_>) -> String {
        let mut filled = String::with_capacity(2 * self.text.len());
        for piece in &self.pieces {
            // Text takes whatever is written to it.
            let _ = match piece {
                Piece::Text(text) => filled.write_str(text),
                Piece::Fact(name) => match view.get(name.as_str()) {
                    Some(value) => write!(filled, "{value}"),
                    None => write!(filled, "(unknown {name})"),
                },
            };
        }
        filled
    }
}

impl Template {
    /// The text as a template, its facts being of this vocabulary.
    pub(crate) fn read(vocabulary: &Vocabulary, text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("an empty text: expected why the rule speaks, or no text at all".into());
        }
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if let Some((doubled, after)) = [("{{", '{'), ("}}", '}')]
                .into_iter()
                .find_map(|(doubled, single)| brace.strip_prefix(doubled).map(|after| (single, after)))
            {
                plain.push(doubled);
                rest = after;
                continue;
            }
            let (name, after) = brace.strip_prefix('{').and_then(|open| open.split_once('}')).ok_or_else(|| {
                format!("`{text}` has a brace without its other half: expected `{{fact.name}}`, or a doubled brace")
            })?;
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Fact(vocabulary.find(name)?));
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self { text: text.into(), pieces })
    }
}

impl From<Template> for String {
    fn from(template: Template) -> String {
        template.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::noun::Facts;

    #[test]
    fn facts_are_filled_in() {
        let facts = Facts::from([("dataset.name".to_owned(), "tickets".into())]);
        for (text, expected) in [
            ("plain", "plain"),
            ("{dataset.name}: no", "tickets: no"),
            ("{dataset.class}", "(unknown dataset.class)"),
            ("{{x}} {dataset.name}}}", "{x} tickets}"),
        ] {
            let template = Template::read(Vocabulary::builtin(), text).unwrap();
            assert_eq!(template.fill(View::of(&facts)), expected, "{text}");
        }
        for (text, part) in [
            (" ", "an empty text"),
            ("{", "a brace without its other half"),
            ("a } b", "a brace without its other half"),
            ("{cots}", "unknown fact `cots`"),
        ] {
            let error = Template::read(Vocabulary::builtin(), text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
