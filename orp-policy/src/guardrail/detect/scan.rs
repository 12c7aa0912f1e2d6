//! How the built-in detectors read: from left to right, trying at places, looking ahead no further than they must.
//!
//! A detector is a [`Scan`]: it finds the next place worth a try (a word with a digit, an `@`) and tries there once. From
//! that alone follow both questions of the contract. What is found: the hits of all tries. Where a text can be cut: before
//! the first try that has seen the end of the text, since more text could change what came of it, and across no hit.
//!
//! Numbers are read as symbols: the decimal digits of scripts in use count as digits (`４` and `٤` are 4), the spaces and
//! hyphens of Unicode as spaces and hyphens, those without width among them. Letters are those of ASCII: everything else,
//! Chinese or Cyrillic text too, is a boundary, since it may stand next to a number without a space.
//!
//! # What every detector here keeps
//!
//! Next to a finding there is no letter or digit of the same word, and no digit beyond a dot (`0.41111` is one number). So
//! words in brackets in its place change nothing for what stands beside it, whichever detector looks: DET-6 between
//! detectors, too, which masking relies on.

use orp_core::contract::{Confidence, Finding, FindingKind};

/// What came of a try.
#[derive(Debug)]
pub(super) struct Try {
    /// What was found.
    pub(super) hit: Option<Hit>,
    /// The first byte that mattered.
    pub(super) begin: usize,
    /// Whether more text could change what came of it: it has seen the end.
    pub(super) is_open: bool,
    /// Where to go on.
    pub(super) next: usize,
}

/// A finding, and where what tells of it begins: the keyword before a password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) begin: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: FindingKind,
    pub(super) confidence: Confidence,
}

impl Hit {
    pub(super) const fn new(start: usize, end: usize, kind: FindingKind, confidence: Confidence) -> Self {
        Self { begin: start, start, end, kind, confidence }
    }
}

/// A detector that tries at places.
pub(super) trait Scan {
    /// Tries at the next place from `from` on: the beginning of the text, or where a try said to go on. What stands before
    /// `floor` is found already, and belongs to nothing else.
    fn step(&self, text: &str, from: usize, floor: usize) -> Option<Try>;

    /// Whether a text can be cut before this character as far as words go.
    fn is_break(&self, c: char) -> bool;

    /// Where in a text a place could begin at which it would be tried if the text went on.
    fn tail(&self, text: &str) -> usize;
}

/// Everything found in a text.
pub(super) fn find(scan: &impl Scan, text: &str) -> Vec<Finding> {
    let (mut findings, mut from, mut floor) = (Vec::new(), 0, 0);
    while let Some(Try { hit, next, .. }) = scan.step(text, from, floor) {
        if let Some(Hit { start, end, kind, confidence, .. }) = hit {
            findings.push(Finding::new(start, end, kind, confidence));
            floor = end;
        }
        from = next;
    }
    findings
}

/// The last place at which a text that may go on can be cut.
pub(super) fn settled(scan: &impl Scan, text: &str) -> usize {
    let (mut hits, mut from, mut floor, mut limit) = (Vec::new(), 0, 0, scan.tail(text));
    while let Some(attempt) = scan.step(text, from, floor) {
        if attempt.is_open {
            limit = limit.min(attempt.begin);
        }
        if let Some(hit) = attempt.hit {
            hits.push((hit.begin, hit.end));
            floor = hit.end;
        }
        from = attempt.next;
    }
    for (at, c) in text.get(..limit).unwrap_or_default().char_indices().rev() {
        tick(1);
        while hits.last().is_some_and(|(begin, _)| *begin >= at) {
            hits.pop();
        }
        if scan.is_break(c) && hits.last().is_none_or(|(_, end)| *end <= at) {
            return at;
        }
    }
    0
}

/// The next byte from `from` on that is one of these, in blocks, so that the compiler can look at many bytes at once.
pub(super) fn next_byte(bytes: &[u8], from: usize, is: impl Fn(u8) -> bool + Copy) -> Option<usize> {
    const BLOCK: usize = 32;
    let mut at = from;
    for block in bytes.get(from..)?.chunks(BLOCK) {
        tick(1);
        if block.iter().fold(false, |any, byte| any | is(*byte)) {
            return block.iter().position(|byte| is(*byte)).map(|inside| at + inside);
        }
        at += block.len();
    }
    None
}

#[cfg(test)]
thread_local! {
    /// How many steps of work were done, for the tests that count them.
    pub(super) static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts work, in tests: each character looked at, or block of bytes skipped.
#[inline]
pub(super) fn tick(_steps: u64) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + _steps);
}
