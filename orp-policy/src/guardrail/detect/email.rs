//! E-mail addresses.
//!
//! The part of RFC 5322's `addr-spec` that addresses are made of in practice: letters, digits and `._%+-'` before the `@`, a
//! name of at least two labels after it, the last one of letters (or `xn--…`, RFC 5890). Letters are those of ASCII, Latin,
//! Greek and Cyrillic, whose words are set apart by spaces (RFC 6531); an address within Chinese text is found, one of
//! Chinese letters is not. Quoted names, and hosts by address (`@[10.0.0.1]`), are not found.

use super::detector;
use super::scan::{Hit, Scan, Try, tick};
use super::symbol::{Symbol, opens_bracket, symbol_at};
use orp_core::contract::{Confidence, FindingKind};

const EMAIL: FindingKind = FindingKind::from_static("email");

/// Finds e-mail addresses.
///
/// ```
/// use orp_core::contract::Detector;
/// use orp_policy::guardrail::detect::Email;
///
/// let found = Email.find("Write to <ada@example.org>, or to @ada.");
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].to_string(), "email at 10..25 (certain)");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Email;

detector!(Email, "email", [EMAIL]);

impl Scan for Email {
    fn step(&self, text: &str, from: usize, floor: usize) -> Option<Try> {
        let at = from + memchr::memchr(b'@', text.as_bytes().get(from..)?)?;
        let local = run_before(text, at, floor);
        let run = run_after(text, at + 1);
        let name = text.get(local..at).unwrap_or_default();
        let start =
            local + name.find(|c: char| is_letter(c) || Symbol::of(c).is_digit() || c == '_').unwrap_or(name.len());
        let host = host(text.get(at + 1..run).unwrap_or_default(), opens_bracket(text, run)).filter(|_| start < at);
        let hit = host.map(|length| Hit::new(start, whole(text, at + 1 + length), EMAIL, Confidence::Certain));
        let next = hit.as_ref().map_or(at + 1, |hit| hit.end);
        Some(Try { hit, begin: local, is_open: run.max(next) == text.len(), next })
    }

    fn is_break(&self, c: char) -> bool {
        !is_local(c) && !matches!(c, '@' | '[' | '(' | '<')
    }

    fn tail(&self, text: &str) -> usize {
        text.len() - length_of(text.chars().rev(), |c| !self.is_break(c))
    }
}

/// Letters of scripts whose words are set apart by spaces.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{52f}') && c.is_alphabetic()
}

fn is_local(c: char) -> bool {
    is_letter(c) || Symbol::of(c).is_digit() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'')
}

fn is_host(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit() || matches!(c, '.' | '-')
}

fn length_of(characters: impl Iterator<Item = char>, is: impl Fn(char) -> bool) -> usize {
    characters.inspect(|_| tick(1)).take_while(|c| is(*c)).map(char::len_utf8).sum()
}

fn run_before(text: &str, at: usize, floor: usize) -> usize {
    at - length_of(text.get(floor..at).unwrap_or_default().chars().rev(), is_local)
}

fn run_after(text: &str, at: usize) -> usize {
    at + length_of(text.get(at..).unwrap_or_default().chars(), is_host)
}

/// How much of a run is a host's name: as many labels as it goes, ending with one that can be the last. Three hyphens end a
/// name: they are a line, or begin a key. One or two may stand behind it, too, but not before a bracket: what stands there
/// may be a mask, and what it masks may have been a part of the label.
fn host(run: &str, is_before_bracket: bool) -> Option<usize> {
    let (mut length, mut best) = (0, None);
    let name = run.split("---").next().unwrap_or_default();
    for (number, label) in name.split('.').enumerate() {
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') {
            let bare = label.trim_end_matches('-');
            let is_last = number > 0 && !bare.starts_with('-') && is_last_label(bare);
            let is_cut = is_before_bracket && length + label.len() == run.len();
            return if is_last && !is_cut { Some(length + bare.len()) } else { best };
        }
        length += label.len();
        if number > 0 && is_last_label(label) {
            best = Some(length);
        }
        length += 1;
    }
    best
}

fn is_last_label(label: &str) -> bool {
    let is_coded = label.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("xn--")) && label.len() > 4;
    is_coded || (label.chars().nth(1).is_some() && label.chars().all(is_letter))
}

/// Where the word ends in which a finding ends: digits of other scripts may stand right behind it, and belong to it.
fn whole(text: &str, end: usize) -> usize {
    let mut end = end;
    while let (symbol, width @ 1..) = symbol_at(text, end)
        && symbol.is_word()
    {
        end += width;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrail::detect::tests::{finds, keeps_the_laws};

    #[test]
    fn addresses_are_found_without_what_stands_around_them() {
        for (text, found) in [
            ("ada@example.org", "ada@example.org"),
            ("mailto:ada.l+x@example.co.uk?subject=1", "ada.l+x@example.co.uk"),
            ("<ada_1%x@sub.example-1.org>.", "ada_1%x@sub.example-1.org"),
            ("'o'brien@example.ie'", "o'brien@example.ie"),
            ("to ada@example.org.", "ada@example.org"),
            ("to ada@example.org...", "ada@example.org"),
            ("ada@example.org--", "ada@example.org"),
            ("ada@example.org-", "ada@example.org"),
            ("ada@example.org---x", "ada@example.org"),
            ("ada@example.org----[x]", "ada@example.org"),
            ("ada@example.org[x]", "ada@example.org"),
            ("ada@example.org.[x]", "ada@example.org"),
            ("请写信给ada@example.org谢谢", "ada@example.org"),
            ("jürgen@müller.de", "jürgen@müller.de"),
            ("почта@пример.рф", "почта@пример.рф"),
            ("a@xn--mller-kva.xn--p1ai", "a@xn--mller-kva.xn--p1ai"),
            ("x=a@example.org&y", "a@example.org"),
            ("...ada@example.org", "ada@example.org"),
            ("a@b.com.4111", "a@b.com"),
            ("a@b.com４１", "a@b.com４１"),
            ("４１a@b.com", "４１a@b.com"),
            ("a@b.com@c.org", "a@b.com"),
        ] {
            finds(&Email, text, &[found]);
        }
        finds(&Email, "a@b.com.x@y.de,c@d.eu", &["a@b.com", "x@y.de", "c@d.eu"]);
    }

    #[test]
    fn what_is_none_is_not_found() {
        for text in [
            "@ada",
            "ada@",
            "ada@host",
            "ada@example.o",
            "ada@example.4",
            "a@b.co4",
            "@example.org",
            ".@b.com",
            "a@-b.com",
            "a@b..com",
            "a@.com",
            "a@b-.com",
            "a @b.com",
            "a@ b.com",
            "a@b.com4",
            "a@b.com-[x]",
            "a@b.com-4",
            "李@例子.中国",
            "a@xn--.xn--",
        ] {
            finds(&Email, text, &[]);
        }
    }

    #[test]
    fn the_laws_hold() {
        keeps_the_laws(
            &Email,
            &["to ada@example.org, <o'b+x@a.co.uk>.", "a@b.com.x@y.de 李a@b.com-", "é@ü.de@x.yz ４a@b.cd４"],
        );
    }
}
