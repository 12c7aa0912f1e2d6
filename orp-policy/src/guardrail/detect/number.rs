//! Detectors of numbers: they try at the beginnings of words with a digit in them.

use super::scan::{Hit, Scan, Try};
use super::symbol::{Reader, Symbol, Word, begins, symbol_at, symbol_before};
use orp_core::contract::{Confidence, FindingKind};

/// Words longer than this are no numbers of anything: the longest are IBANs, of 34.
const WORD_LIMIT: usize = 40;

/// A number that ends where the reader stood: what it is, and what that rests on.
pub(super) type Number = (usize, FindingKind, Confidence);

/// A detector of numbers.
pub(super) trait Numbers {
    /// Where a number could begin whose first word with a digit is this one, if before it: `AB 12`, `+49`. Not before `floor`.
    fn lead(&self, _text: &str, _word: &Word, _floor: usize) -> Option<Beginning> {
        None
    }

    /// Reads a number as long as one goes from where the reader stands, at this beginning.
    fn read(&self, reader: &mut Reader<'_>, at: &Beginning) -> Option<Number>;
}

/// Where a number may begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    pub(super) start: usize,
    /// How many letters and digits its first word has; none if it begins with a sign.
    pub(super) length: usize,
    /// What stands behind its first word.
    pub(super) behind: Symbol,
}

impl<N: Numbers> Scan for N {
    fn step(&self, text: &str, from: usize, floor: usize) -> Option<Try> {
        let word = Word::next(text, from)?;
        let (mut begin, mut is_open, mut hit) = (word.start, word.end == text.len(), None);
        if word.length <= WORD_LIMIT {
            let lead = self.lead(text, &word, from.max(floor));
            begin = lead.map_or(begin, |lead| lead.start);
            let itself = Beginning { start: word.start, length: word.length, behind: symbol_at(text, word.end).0 };
            for at in lead.into_iter().chain([itself]).filter(|at| begins(text, at.start)) {
                let mut reader = Reader::new(text, at.start);
                let number = self.read(&mut reader, &at);
                is_open |= reader.saw_end;
                hit = number.map(|(end, kind, confidence)| Hit::new(at.start, end, kind, confidence));
                if hit.is_some() {
                    break;
                }
            }
        }
        let next = hit.as_ref().map_or(word.end, |hit| hit.end);
        Some(Try { hit, begin, is_open, next })
    }

    fn is_break(&self, c: char) -> bool {
        let symbol = Symbol::of(c);
        !symbol.is_word() && symbol != Symbol::Dot
    }

    /// A word at the end may get a digit, and lead to one.
    fn tail(&self, text: &str) -> usize {
        let mut at = text.len();
        for _ in 0..3 {
            match symbol_before(text, at) {
                (Symbol::Space | Symbol::Hyphen | Symbol::Plus | Symbol::Open | Symbol::Dot, width) => at -= width,
                _ => break,
            }
        }
        word_start(text, at)
    }
}

/// Where the word begins that ends at a place.
fn word_start(text: &str, end: usize) -> usize {
    let mut at = end;
    while let (symbol, width) = symbol_before(text, at)
        && symbol.is_word()
    {
        at -= width;
    }
    at
}

/// One or two letters before a word, with a space or a hyphen between: `AB 12 34 56 C`, `X-1234567-L`.
pub(super) fn letters_before(text: &str, word: &Word, floor: usize) -> Option<Beginning> {
    let (behind @ (Symbol::Space | Symbol::Hyphen), width) = symbol_before(text, word.start) else { return None };
    let (mut start, mut letters) = (word.start - width, 0);
    while let (Symbol::Letter(_), width) = symbol_before(text, start)
        && letters < 2
    {
        (start, letters) = (start - width, letters + 1);
    }
    (letters > 0 && start >= floor && begins(text, start)).then_some(Beginning { start, length: letters, behind })
}

/// The letters and digits of a number, as ASCII, without what stands between them.
#[derive(Debug, Clone)]
pub(super) struct Code {
    characters: [u8; 34],
    length: usize,
}

impl Default for Code {
    fn default() -> Self {
        Self { characters: [0; 34], length: 0 }
    }
}

impl Code {
    /// One more; what has no room is no number.
    pub(super) fn push(&mut self, character: u8) -> Option<()> {
        *self.characters.get_mut(self.length)? = character;
        self.length += 1;
        Some(())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.characters.get(..self.length).unwrap_or_default()
    }
}

/// Looks ahead for a number in one of its written forms, and tells where it ends. In a form, `#` is a digit, `A` a letter,
/// `*` either, and everything else itself: spaces and hyphens of any kind.
pub(super) fn look_for(reader: &mut Reader<'_>, form: &str) -> Option<(Code, usize)> {
    let mut ahead = reader.clone();
    let mut code = Code::default();
    let mut is_next = |expected: u8| match (expected, ahead.read()) {
        (b'#' | b'*', Symbol::Digit(character)) | (b'A' | b'*', Symbol::Letter(character)) => {
            code.push(character).is_some()
        }
        (b' ', Symbol::Space) | (b'-', Symbol::Hyphen) | (b'.', Symbol::Dot) | (b'+', Symbol::Plus) => true,
        _ => false,
    };
    let is_it = form.bytes().all(&mut is_next) && ahead.ends();
    reader.saw_end |= ahead.saw_end;
    is_it.then_some((code, ahead.at))
}
