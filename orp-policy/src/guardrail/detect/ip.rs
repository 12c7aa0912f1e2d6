//! Internet addresses.
//!
//! IPv4 in dotted decimal (RFC 1123, 2.1; no leading zeros, which some read as octal) and IPv6 as RFC 4291, 2.2 writes it,
//! of which only what is hardly anything else: eight groups, or `::` and a first group of at least three digits, of which
//! one is decimal unless there are three groups. `a::b` is a path in most programs, and `12:30` a time. A port behind an IPv4 address is left.
//! The addresses that mean no one in particular (`0.0.0.0`, `127.0.0.1`, `255.255.255.255`) are not found.

use super::detector;
use super::scan::{Hit, Scan, Try, tick};
use super::symbol::{Reader, Symbol, begins, opens_bracket};
use orp_core::contract::{Confidence, FindingKind};
use std::net::{Ipv4Addr, Ipv6Addr};

const IP: FindingKind = FindingKind::from_static("ip");

/// The longest IPv6 address, with an IPv4 address in it.
const LENGTH_LIMIT: usize = 45;

/// Finds internet addresses.
///
/// ```
/// use orp_core::contract::Detector;
/// use orp_policy::guardrail::detect::Ip;
///
/// let found: Vec<String> = Ip.find("10.1.2.3:80 at 12:30, [2001:db8::1]").iter().map(ToString::to_string).collect();
/// assert_eq!(found, ["ip at 0..8 (possible)", "ip at 23..34 (likely)"]);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Ip;

detector!(Ip, "ip", [IP]);

/// What addresses are written with.
const fn is_part(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')
}

impl Scan for Ip {
    fn step(&self, text: &str, from: usize, floor: usize) -> Option<Try> {
        let bytes = text.as_bytes();
        let at = from + memchr::memchr2(b'.', b':', bytes.get(from..)?)?;
        let before = bytes.get(from.max(floor)..at)?.iter().rev().take_while(|byte| is_part(**byte)).count();
        tick(before as u64);
        let begin = at - before;
        let (mut hit, mut saw_end) = v6(text, begin);
        let mut next = begin;
        while hit.is_none() {
            let part = bytes.get(next..)?.iter().take_while(|byte| is_part(**byte) && **byte != b':').count();
            tick(part as u64 + 1);
            let (found, is_open) = v4(text, next, next + part);
            (hit, saw_end, next) = (found, saw_end | is_open, next + part);
            if bytes.get(next) != Some(&b':') {
                break;
            }
            next += 1;
        }
        let next = hit.as_ref().map_or(next.max(at + 1), |hit| hit.end);
        Some(Try { hit, begin, is_open: saw_end || next == bytes.len(), next })
    }

    fn is_break(&self, c: char) -> bool {
        !matches!(c, '.' | ':' | '[' | '(' | '<') && !Symbol::of(c).is_word()
    }

    fn tail(&self, text: &str) -> usize {
        let end = text.char_indices().rev().inspect(|_| tick(1)).take_while(|(_, c)| !self.is_break(*c)).last();
        end.map_or(text.len(), |(at, _)| at)
    }
}

/// An IPv6 address that begins a run, and whether the end of the text was seen.
fn v6(text: &str, begin: usize) -> (Option<Hit>, bool) {
    let bytes = text.as_bytes().get(begin..).unwrap_or_default();
    let run = bytes.iter().take(LENGTH_LIMIT + 8).take_while(|byte| is_part(**byte)).count();
    tick(run as u64);
    let saw_end = run == bytes.len();
    let Some(address) = without_name(text, begin, begin + run) else { return (None, saw_end) };
    let start = begin + run - address.len();
    let mut address = address.trim_end_matches('.');
    if !address.ends_with("::") {
        address = address.strip_suffix(':').unwrap_or(address);
    }
    let end = start + address.len();
    let is_cut = (end < begin + run || address.ends_with(':')) && opens_bracket(text, begin + run);
    if address.len() > LENGTH_LIMIT || is_cut || address.parse::<Ipv6Addr>().is_err() || !is_telling(address) {
        return (None, saw_end);
    }
    bounded(text, start, end, saw_end, Confidence::Likely)
}

/// A run without the end of a name before it: `IPv6:2001:db8::1`, `to:2001:db8::1`.
fn without_name(text: &str, begin: usize, end: usize) -> Option<&str> {
    let run = text.get(begin..end)?;
    let before = text.get(..begin).and_then(|before| before.chars().next_back());
    match before {
        Some(letter) if letter.is_ascii_alphabetic() && !letter.is_ascii_hexdigit() => {
            let (name, address) = run.split_once(':')?;
            (name == "6" || name.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some(address)
        }
        None => run.strip_prefix(':').or(Some(run)),
        Some(c) if c.is_whitespace() => run.strip_prefix(':').or(Some(run)),
        Some(_) => Some(run),
    }
}

/// Whether it is hardly anything but an address.
fn is_telling(address: &str) -> bool {
    let has_digit = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    let first = address.split(':').next().unwrap_or_default();
    let groups = address.split(':').filter(|group| !group.is_empty()).count();
    has_digit(address) && (!address.contains("::") || (first.len() >= 3 && (groups >= 3 || has_digit(first))))
}

/// The IPv4 address that a part is, and whether the end of the text was seen.
fn v4(text: &str, start: usize, end: usize) -> (Option<Hit>, bool) {
    let saw_end = end == text.len();
    let part = text.get(start..end).unwrap_or_default();
    let address = part.trim_end_matches('.');
    let is_cut = address.len() < part.len() && opens_bracket(text, end);
    match (address.len() <= 15 && !is_cut).then(|| address.parse::<Ipv4Addr>()) {
        Some(Ok(known)) if !(known.is_unspecified() || known.is_loopback() || known.is_broadcast()) => {
            bounded(text, start, start + address.len(), saw_end, Confidence::Possible)
        }
        _ => (None, saw_end),
    }
}

/// The finding, unless it is a part of a longer word.
fn bounded(text: &str, start: usize, end: usize, saw_end: bool, confidence: Confidence) -> (Option<Hit>, bool) {
    let mut reader = Reader::new(text, end);
    let is_whole = begins(text, start) & reader.ends();
    (is_whole.then(|| Hit::new(start, end, IP, confidence)), saw_end || reader.saw_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrail::detect::tests::{finds, keeps_the_laws};

    #[test]
    fn addresses_are_found() {
        for (text, found) in [
            ("10.0.0.1", &["10.0.0.1"][..]),
            ("at 192.168.178.20.", &["192.168.178.20"]),
            ("192.0.2.1:8080", &["192.0.2.1"]),
            ("10.0.0.0/8", &["10.0.0.0"]),
            ("10.0.0.1-10.0.0.9", &["10.0.0.1", "10.0.0.9"]),
            ("10.0.0.1:10.0.0.2", &["10.0.0.1", "10.0.0.2"]),
            ("face:10.0.0.1", &["10.0.0.1"]),
            ("host=10.0.0.1;", &["10.0.0.1"]),
            ("地址10.0.0.1。", &["10.0.0.1"]),
            ("2001:db8::1", &["2001:db8::1"]),
            ("[2001:db8:0:0:8:800:200c:417a]:443", &["2001:db8:0:0:8:800:200c:417a"]),
            ("fe80::1%eth0", &["fe80::1"]),
            ("2001:db8::192.0.2.1", &["2001:db8::192.0.2.1"]),
            ("2001:db8::1[x]", &["2001:db8::1"]),
            ("10.0.0.1[x]", &["10.0.0.1"]),
            ("dead:beef::1", &["dead:beef::1"]),
            ("to:2001:db8::1.", &["2001:db8::1"]),
            ("2001:db8::1: ", &["2001:db8::1"]),
            ("interface:fe80::1", &["fe80::1"]),
            ("2001:db8:: ", &["2001:db8::"]),
            ("IPv6:2001:db8::1", &["2001:db8::1"]),
            (":2001:db8::1 :2001:db8::2", &["2001:db8::1", "2001:db8::2"]),
            ("10.0.0.1:dead:beef::1", &["10.0.0.1"]),
            ("1:2:3:4:5:6:7:8", &["1:2:3:4:5:6:7:8"]),
        ] {
            finds(&Ip, text, found);
        }
    }

    #[test]
    fn what_is_none_is_not_found() {
        for text in [
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "v1.2.3.4",
            "1.2.3.4x",
            "12:30:45",
            "12:30",
            "aa:bb:cc:dd:ee:ff",
            "std::vec",
            "a::b",
            "add::b1",
            "::1",
            "::",
            "1:2:3:4:5:6:7:8:9",
            "g2001:db8::1",
            "2001:db8::1g",
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "fe80::fe80::1",
            "...",
            ":::",
            "dead::beef",
            "10.0.0.1.[x]",
            "10.0.0.1.face",
            "..10.0.0.1",
            "2001:db8::1:[x]",
            "2001:db8::[x]",
            "]:2001:db8::1",
            "１.２.３.４",
        ] {
            finds(&Ip, text, &[]);
        }
    }

    #[test]
    fn the_laws_hold() {
        keeps_the_laws(
            &Ip,
            &["10.0.0.1:80 and [2001:db8::192.0.2.1]:443", "10.0.0.1:dead:beef::1:2 1.2.3.4.5", "fe80::1: 12:30"],
        );
    }
}
