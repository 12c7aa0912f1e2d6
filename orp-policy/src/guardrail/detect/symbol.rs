//! Text as symbols: what numbers and identifiers are written with, whatever script and spacing.

use super::scan::{next_byte, tick};

/// A character of a text, as numbers are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A decimal digit of any script in use, as ASCII.
    Digit(u8),
    /// A letter of ASCII, in upper case.
    Letter(u8),
    /// A letter of another script whose words are set apart by spaces: Latin, Greek, Cyrillic.
    Foreign,
    /// A space of any width, none too; not a tab and not the end of a line.
    Space,
    /// A hyphen, a minus or an en dash.
    Hyphen,
    Dot,
    Slash,
    Plus,
    /// A parenthesis that opens.
    Open,
    /// A parenthesis that closes.
    Close,
    /// Anything else: a boundary.
    Other,
    /// The end of the text.
    End,
}

impl Symbol {
    /// Whether it belongs to a word.
    pub(super) const fn is_word(self) -> bool {
        matches!(self, Self::Digit(_) | Self::Letter(_) | Self::Foreign)
    }

    /// Whether the digits before it may belong together with those behind it.
    pub(super) const fn joins(self) -> bool {
        matches!(self, Self::Space | Self::Hyphen | Self::Dot | Self::Slash | Self::Open | Self::Close)
    }

    /// Whether it is a letter.
    pub(super) const fn is_letter(self) -> bool {
        matches!(self, Self::Letter(_) | Self::Foreign)
    }

    pub(super) const fn is_digit(self) -> bool {
        matches!(self, Self::Digit(_))
    }

    pub(super) const fn of(c: char) -> Self {
        match c {
            '0'..='9' => Self::Digit(c as u8),
            'A'..='Z' | 'a'..='z' => Self::Letter((c as u8).to_ascii_uppercase()),
            ' ' => Self::Space,
            '-' => Self::Hyphen,
            '.' | '．' => Self::Dot,
            '/' | '／' => Self::Slash,
            '+' | '＋' => Self::Plus,
            '(' | '（' => Self::Open,
            ')' | '）' => Self::Close,
            '\u{a0}'
            | '\u{ad}'
            | '\u{2000}'..='\u{200d}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{2060}'
            | '\u{3000}'
            | '\u{feff}' => Self::Space,
            '\u{d7}' | '\u{f7}' => Self::Other,
            '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{481}' | '\u{48a}'..='\u{52f}' => Self::Foreign,
            '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => Self::Hyphen,
            _ if c.is_ascii() => Self::Other,
            _ => Self::of_digit(c),
        }
    }

    const fn of_digit(c: char) -> Self {
        let mut at = 0;
        while at < ZEROS.len() {
            let above = (c as u32).wrapping_sub(ZEROS[at]);
            if above < 10 {
                return Self::Digit(b'0' + above as u8);
            }
            at += 1;
        }
        Self::Other
    }
}

/// The zeros of the scripts in use whose decimal digits are read, and of the mathematical alphabets (Unicode 16, general
/// category Nd): Arabic, Persian, NKo, Indic from Devanagari to Sinhala, Thai, Lao, Tibetan, Burmese, Khmer, Mongolian,
/// full-width; bold, double-struck and sans-serif.
const ZEROS: [u32; 25] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6, 0x0e50,
    0x0ed0, 0x0f20, 0x1040, 0x17e0, 0x1810, 0xff10, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6,
];

/// The symbols of ASCII.
static ASCII: [Symbol; 128] = {
    let mut symbols = [Symbol::Other; 128];
    let mut at = 0;
    while at < symbols.len() {
        symbols[at] = Symbol::of(at as u8 as char);
        at += 1;
    }
    symbols
};

/// The symbol at a place, and how many bytes it takes.
pub(super) fn symbol_at(text: &str, at: usize) -> (Symbol, usize) {
    tick(1);
    match text.as_bytes().get(at) {
        None => (Symbol::End, 0),
        Some(byte) if byte.is_ascii() => (ASCII.get(usize::from(*byte)).copied().unwrap_or(Symbol::Other), 1),
        Some(_) => text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .map_or((Symbol::End, 0), |c| (Symbol::of(c), c.len_utf8())),
    }
}

/// The symbol before a place, and how many bytes it takes.
pub(super) fn symbol_before(text: &str, at: usize) -> (Symbol, usize) {
    tick(1);
    let before = at.checked_sub(1).and_then(|last| text.as_bytes().get(last));
    match before {
        None => (Symbol::End, 0),
        Some(byte) if byte.is_ascii() => (ASCII.get(usize::from(*byte)).copied().unwrap_or(Symbol::Other), 1),
        Some(_) => text
            .get(..at)
            .and_then(|begin| begin.chars().next_back())
            .map_or((Symbol::End, 0), |c| (Symbol::of(c), c.len_utf8())),
    }
}

/// A run of letters and digits as long as it goes, with at least one digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many letters and digits.
    pub(super) length: usize,
}

impl Word {
    /// The next one from `from` on, which is not within one.
    pub(super) fn next(text: &str, from: usize) -> Option<Self> {
        let digit = next_digit(text, from)?;
        let (mut start, mut end, mut length) = (digit, digit, 0);
        while let (symbol, width) = symbol_before(text, start)
            && symbol.is_word()
            && start > from
        {
            (start, length) = (start - width, length + 1);
        }
        loop {
            match symbol_at(text, end) {
                (symbol, width) if symbol.is_word() => (end, length) = (end + width, length + 1),
                _ => return Some(Self { start, end, length }),
            }
        }
    }
}

/// The next decimal digit of any script.
fn next_digit(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        // The first bytes of all that is above ASCII and a digit: not those of Latin, Greek, Cyrillic, Chinese and Korean.
        at = next_byte(text.as_bytes(), at, |byte| {
            byte.is_ascii_digit() | (byte >= 0xd9 && !(0xe2..=0xee).contains(&byte))
        })?;
        match symbol_at(text, at) {
            (Symbol::Digit(_), _) => return Some(at),
            (_, width) => at += width.max(1),
        }
    }
}

/// Whether what begins at `start` is no later part of a longer word or number: before a letter or digit is no other, and
/// before a digit no digit and a dot. A sign begins anywhere.
pub(super) fn begins(text: &str, start: usize) -> bool {
    let (first, _) = symbol_at(text, start);
    match symbol_before(text, start) {
        (symbol, _) if symbol.is_word() => !first.is_word(),
        (Symbol::Dot, width) => !(first.is_digit() && symbol_before(text, start - width).0.is_digit()),
        _ => true,
    }
}

/// Whether a bracket opens at a place. What stands there may be a mask, and what it masks may have gone on with what stands
/// before it: `10.0.0.1.face` is no address, and so `10.0.0.1.[…]` is none.
pub(super) fn opens_bracket(text: &str, at: usize) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(['[', '(', '<']))
}

/// Reads symbols one after the other, and knows whether it has seen the end.
#[derive(Debug, Clone)]
pub(super) struct Reader<'t> {
    text: &'t str,
    pub(super) at: usize,
    pub(super) saw_end: bool,
}

impl<'t> Reader<'t> {
    pub(super) const fn new(text: &'t str, at: usize) -> Self {
        Self { text, at, saw_end: false }
    }

    /// The symbol that comes next.
    pub(super) fn peek(&mut self) -> Symbol {
        self.look().0
    }

    /// The symbol that comes next; goes on after it.
    pub(super) fn read(&mut self) -> Symbol {
        let (symbol, width) = self.look();
        self.at += width;
        symbol
    }

    /// Goes on if this comes next.
    pub(super) fn skip(&mut self, expected: Symbol) -> bool {
        let (symbol, width) = self.look();
        if symbol == expected {
            self.at += width;
        }
        symbol == expected
    }

    /// The digit that comes next, as ASCII; goes on after it.
    pub(super) fn digit(&mut self) -> Option<u8> {
        match self.look() {
            (Symbol::Digit(digit), width) => {
                self.at += width;
                Some(digit)
            }
            _ => None,
        }
    }

    /// Whether what ends here is no earlier part of a longer word or number: no letter or digit follows, and no dot and a
    /// digit if it ends with a digit.
    pub(super) fn ends(&mut self) -> bool {
        match self.look() {
            (symbol, _) if symbol.is_word() => false,
            (Symbol::Dot, width) if symbol_before(self.text, self.at).0.is_digit() => {
                let (after, _) = symbol_at(self.text, self.at + width);
                self.saw_end |= after == Symbol::End;
                !after.is_digit()
            }
            _ => true,
        }
    }

    fn look(&mut self) -> (Symbol, usize) {
        let (symbol, width) = symbol_at(self.text, self.at);
        self.saw_end |= symbol == Symbol::End;
        (symbol, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_count() {
        for zero in ZEROS {
            for digit in 0..10 {
                let c = char::from_u32(zero + digit).unwrap();
                assert_eq!(Symbol::of(c), Symbol::Digit(b'0' + digit as u8), "{c:?}");
                let text = format!("ab {c}");
                assert_eq!(Word::next(&text, 0), Some(Word { start: 3, end: text.len(), length: 1 }), "{c:?}");
            }
            assert_eq!(Symbol::of(char::from_u32(zero - 1).unwrap()).is_digit(), zero > 0x1d7ce, "{zero:x}");
        }
        assert_eq!(Symbol::of('½'), Symbol::Other);
        let wide = [Symbol::Dot, Symbol::Slash, Symbol::Plus, Symbol::Open, Symbol::Close];
        assert_eq!(['．', '／', '＋', '（', '）'].map(Symbol::of), wide);
        for (letters, symbol) in [("éßжωΩ", Symbol::Foreign), ("×÷电한אक", Symbol::Other)] {
            assert!(letters.chars().all(|c| Symbol::of(c) == symbol), "{letters}");
        }
    }

    #[test]
    fn words_with_digits_are_found_as_long_as_they_go() {
        let text = format!("{} no digits; ab1c-22 {}x9", "z".repeat(40), "é".repeat(40));
        let mut words = Vec::new();
        let mut from = 0;
        while let Some(word) = Word::next(&text, from) {
            words.push(&text[word.start..word.end]);
            assert_eq!(word.length, text[word.start..word.end].chars().count());
            from = word.end;
        }
        assert_eq!(words, ["ab1c", "22", &format!("{}x9", "é".repeat(40))]);
    }

    #[test]
    fn a_dot_between_digits_joins_them() {
        for (text, at, is) in
            [("1.2", 2, false), ("a.2", 2, true), ("1.b", 2, true), ("ab", 1, false), ("a-b", 2, true)]
        {
            assert_eq!(begins(text, at), is, "{text}");
        }
        for (text, at, is) in
            [("1.2", 1, false), ("1.b", 1, true), ("a.2", 1, true), ("ab", 1, false), ("1-2", 1, true)]
        {
            assert_eq!(Reader::new(text, at).ends(), is, "{text}");
        }
        assert!(begins("电2", 3) && begins("a(", 1) && begins("a+", 1));
        for (text, is_open) in [("1", true), ("1.", true), ("1. ", false), ("1,", false), ("1.2", false)] {
            let mut reader = Reader::new(text, 1);
            reader.ends();
            assert_eq!(reader.saw_end, is_open, "{text}");
        }
    }
}
