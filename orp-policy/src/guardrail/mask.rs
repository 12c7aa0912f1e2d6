//! What stands in the place of a finding, and texts with blanks to fill in.

use super::spec::MaskSpec;
use orp_core::contract::Finding;

/// At most so many letters and digits of a finding are kept.
const KEEP_LIMIT: u8 = 4;

/// A text in which names in braces are blanks; braces that stand for themselves are doubled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Blanks(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Text(String),
    /// The blank of this number among those known.
    Blank(usize),
}

impl Blanks {
    /// The text, if every blank in it is known.
    pub(super) fn new(text: &str, known: &[&str]) -> Result<Self, String> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = brace.strip_prefix("{{").or(brace.strip_prefix("}}")) {
                plain.extend(brace.chars().next());
                rest = after;
                continue;
            }
            let expected = || known.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ");
            let (name, after) = brace.strip_prefix('{').and_then(|open| open.split_once('}')).ok_or_else(|| {
                format!("`{text}` has a brace without its other half: expected {}, or a doubled brace", expected())
            })?;
            let blank = known.iter().position(|known| *known == name);
            let blank = blank.ok_or_else(|| format!("`{{{name}}}` is filled with nothing: expected {}", expected()))?;
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Blank(blank));
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// The text with its blanks filled in.
    pub(super) fn fill(&self, values: &[&str]) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Blank(blank) => values.get(*blank).copied().unwrap_or_default().to_owned(),
        };
        self.0.iter().map(text).collect()
    }

    fn count(&self, blank: usize) -> usize {
        self.0.iter().filter(|piece| **piece == Piece::Blank(blank)).count()
    }
}

/// What stands in the place of a finding: words in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mask {
    /// How many letters and digits of the finding are kept: the fewer, the more a mask hides.
    keep: u8,
    text: Blanks,
}

impl Mask {
    /// The mask of a document, or what is wrong with it.
    pub(super) fn new(spec: &MaskSpec) -> Result<Self, String> {
        let with = spec.with.as_deref().unwrap_or(if spec.keep_last > 0 { "[{kind} …{last}]" } else { "[{kind}]" });
        let text = Blanks::new(with, &["kind", "last"])?;
        if spec.keep_last > KEEP_LIMIT {
            return Err(format!("`keep_last: {}` keeps too much: expected at most {KEEP_LIMIT}", spec.keep_last));
        }
        match (text.count(1), spec.keep_last) {
            (2.., _) => return Err(format!("`{with}` has `{{last}}` twice: expected it once")),
            (1, 0) => return Err(format!("`{with}` has `{{last}}`, and nothing is kept: expected `keep_last`, too")),
            (0, 1..) => return Err(format!("`{with}` does not show what is kept: expected `{{last}}` in it")),
            _ => {}
        }
        check_words(&text.fill(&[]), with)?;
        Ok(Self { keep: spec.keep_last, text })
    }

    /// How many letters and digits it keeps.
    pub(super) const fn keep(&self) -> u8 {
        self.keep
    }

    /// The mask of a finding in a text.
    pub(super) fn of(&self, finding: &Finding, text: &str) -> String {
        let found = text.get(finding.start..finding.end).unwrap_or_default();
        let letters = || found.chars().filter(|c| c.is_alphanumeric());
        let kept = usize::from(self.keep).min(letters().count() / 2);
        let mut last: Vec<char> = letters().rev().take(kept).collect();
        last.reverse();
        self.text.fill(&[finding.kind.as_str(), &String::from_iter(last)])
    }
}

/// Whether words are in brackets, and without what findings are made of.
fn check_words(words: &str, with: &str) -> Result<(), String> {
    let inside = [('[', ']'), ('(', ')'), ('<', '>')]
        .into_iter()
        .find_map(|(open, close)| words.strip_prefix(open)?.strip_suffix(close))
        .ok_or_else(|| format!("`{with}` is not in brackets: expected words in `[…]`, `(…)` or `<…>`"))?;
    let is_plain = |c: char| c.is_alphabetic() || " -_.,*#…•".contains(c);
    match inside.chars().find(|c| !is_plain(*c)) {
        Some(c) => Err(format!("`{with}` has `{c}` in it: expected letters, spaces and any of `-_.,*#…•`")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::contract::{Confidence, FindingKind};

    fn masked(spec: &MaskSpec, text: &str) -> String {
        let finding = Finding::new(0, text.len(), FindingKind::from_static("card"), Confidence::Likely);
        Mask::new(spec).unwrap().of(&finding, text)
    }

    #[test]
    fn masks_show_what_they_say() {
        let with = |with: &str, keep| MaskSpec::new(with).keeping_last(keep);
        for (spec, text, expected) in [
            (MaskSpec::default(), "4111 1111", "[card]"),
            (MaskSpec::default().keeping_last(4), "4111 1111 1111 2345", "[card …2345]"),
            (with("(removed)", 0), "4111", "(removed)"),
            (with("<{kind}, {last}, {kind}>", 2), "4111-23-45-", "<card, 45, card>"),
            (with("[{last}]", 4), "ab-c", "[c]"),
            (with("[{last}]", 4), "a", "[]"),
            (with("[{last}]", 2), "aéü電", "[ü電]"),
        ] {
            assert_eq!(masked(&spec, text), expected, "{spec:?}");
        }
    }

    #[test]
    fn what_could_be_a_finding_is_no_mask() {
        for (with, keep, error) in [
            ("card", 0, "`card` is not in brackets: expected words in `[…]`, `(…)` or `<…>`"),
            ("[card", 0, "`[card` is not in brackets: expected words in `[…]`, `(…)` or `<…>`"),
            ("[card)", 0, "`[card)` is not in brackets: expected words in `[…]`, `(…)` or `<…>`"),
            ("[", 0, "`[` is not in brackets: expected words in `[…]`, `(…)` or `<…>`"),
            ("[a@b.co]", 0, "`[a@b.co]` has `@` in it: expected letters, spaces and any of `-_.,*#…•`"),
            ("[4]", 0, "`[4]` has `4` in it: expected letters, spaces and any of `-_.,*#…•`"),
            ("[{{]", 0, "`[{{]` has `{` in it: expected letters, spaces and any of `-_.,*#…•`"),
            ("[{text}]", 0, "`{text}` is filled with nothing: expected `{kind}`, `{last}`"),
            (
                "[{kind]",
                0,
                "`[{kind]` has a brace without its other half: expected `{kind}`, `{last}`, or a doubled brace",
            ),
            (
                "[kind}]",
                0,
                "`[kind}]` has a brace without its other half: expected `{kind}`, `{last}`, or a doubled brace",
            ),
            ("[{last}]", 0, "`[{last}]` has `{last}`, and nothing is kept: expected `keep_last`, too"),
            ("[{last}.{last}]", 1, "`[{last}.{last}]` has `{last}` twice: expected it once"),
            ("[{kind}]", 1, "`[{kind}]` does not show what is kept: expected `{last}` in it"),
            ("[{last}]", 5, "`keep_last: 5` keeps too much: expected at most 4"),
        ] {
            assert_eq!(Mask::new(&MaskSpec::new(with).keeping_last(keep)).unwrap_err(), error);
        }
    }

    #[test]
    fn blanks_are_filled_and_doubled_braces_stay() {
        let blanks = Blanks::new("{{a}} {found}: {found}{channel}", &["found", "channel"]).unwrap();
        assert_eq!(blanks.fill(&["x", "y"]), "{a} x: xy");
    }
}
