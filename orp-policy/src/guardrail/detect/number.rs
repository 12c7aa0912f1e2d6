//! Detectors of numbers: they try at the beginnings of words with a digit in them.

use super::scan::{Hit, Scan, Try, tick};
use super::symbol::{Reader, Symbol, Word, begins, symbol_before};
use orp_core::contract::{Confidence, FindingKind};

/// Words longer than this are no numbers of anything: the longest are IBANs, of 34.
const WORD_LIMIT: usize = 40;

/// A number that ends where the reader stood: what it is, and what that rests on.
pub(super) type Number = (usize, FindingKind, Confidence);

/// A detector of numbers.
pub(super) trait Numbers {
    /// Where a number could begin whose first word with a digit is this one, if before it (`AB 12`, `+49`), and how many
    /// letters stand there. Not before `floor`.
    fn lead(&self, _text: &str, _word: &Word, _floor: usize) -> Option<(usize, usize)> {
        None
    }

    /// Reads a number as long as one goes from where the reader stands, at a word of `length` letters and digits, or at a
    /// sign before one. Tells where it ends.
    fn read(&self, reader: &mut Reader<'_>, length: usize) -> Option<Number>;
}

impl<N: Numbers> Scan for N {
    fn step(&self, text: &str, from: usize, floor: usize) -> Option<Try> {
        let word = Word::next(text, from)?;
        let (mut begin, mut is_open, mut hit) = (word.start, word.end == text.len(), None);
        if word.length <= WORD_LIMIT {
            let lead = self.lead(text, &word, from.max(floor));
            begin = lead.map_or(begin, |(start, _)| start);
            for (start, length) in
                lead.into_iter().chain([(word.start, word.length)]).filter(|(start, _)| begins(text, *start))
            {
                let mut reader = Reader::new(text, start);
                let number = self.read(&mut reader, length);
                is_open |= reader.saw_end;
                hit = number.map(|(end, kind, confidence)| Hit::new(start, end, kind, confidence));
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
    while let (Symbol::Digit(_) | Symbol::Letter(_), width) = symbol_before(text, at) {
        tick(1);
        at -= width;
    }
    at
}

/// One or two letters before a word, with a space or a hyphen between: `AB 12 34 56 C`, `X-1234567-L`.
pub(super) fn letters_before(text: &str, word: &Word, floor: usize) -> Option<(usize, usize)> {
    let (Symbol::Space | Symbol::Hyphen, width) = symbol_before(text, word.start) else { return None };
    let (mut start, mut letters) = (word.start - width, 0);
    while let (Symbol::Letter(_), width) = symbol_before(text, start)
        && letters < 2
    {
        (start, letters) = (start - width, letters + 1);
    }
    (letters > 0 && start >= floor && begins(text, start)).then_some((start, letters))
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

/// Reads a number in one of its written forms. In a form, `#` is a digit, `A` a letter, `*` either, and everything else
/// itself: spaces and hyphens of any kind.
pub(super) fn read_form(reader: &mut Reader<'_>, form: &str) -> Option<Code> {
    let mut code = Code::default();
    for expected in form.bytes() {
        let symbol = reader.read();
        match (expected, symbol) {
            (b'#' | b'*', Symbol::Digit(character)) | (b'A' | b'*', Symbol::Letter(character)) => {
                code.push(character)?
            }
            (b' ', Symbol::Space) | (b'-', Symbol::Hyphen) | (b'.', Symbol::Dot) | (b'+', Symbol::Plus) => {}
            _ => return None,
        }
    }
    reader.ends().then_some(code)
}
