//! The data: two related random sources of "language", the raw text drawn from them, and the
//! cleaning that turns raw text into token streams.
//!
//! A source is a sparse order-2 Markov chain: the next token depends on the previous token and on
//! the *class* of the one before it. For each previous token, part of the classes follow one
//! common rule (easy to learn) and the others a rule of their own (slow to learn). Because we own
//! the source, the accuracy of a perfect predictor is known and can be reported beside what the
//! model reached. The target source keeps most common rules of the base source and few of the
//! others, so that a base model is of some use, and fine-tuning of more.

use std::collections::BTreeSet;

/// Number of different tokens. Token 0 ends a sentence; the others are words.
pub const VOCABULARY: usize = 64;
pub const END: u8 = 0;

const CLASSES: usize = 64;
/// Chances (of 1000) of a rule's possible words, the likeliest first.
const CHANCES: [u64; 4] = [740, 130, 80, 50];
/// Chance (of 1000) that a sentence ends after a word.
const END_CHANCE: u64 = 40;
/// Chance (of 1000) that a class follows the common rule of the previous token.
const COMMON: u64 = 350;
/// Chances (of 1000) that the target source replaces a common rule, or a class's own rule.
const CHANGED_COMMON: u64 = 50;
const CHANGED_OWN: u64 = 800;

const CONSONANTS: &[u8; 16] = b"bcdfghjklmnprstv";
const VOWELS: &[u8; 4] = b"aeio";

/// splitmix64: tiny, well mixed, and the same on every platform.
pub struct Random(u64);

impl Random {
    /// A stream of its own for each (seed, purpose).
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut mixed = Random(seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Random(mixed.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; the tiny bias does not matter here.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `-1.0..1.0`.
    pub fn signed_unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

/// Which of the two sources.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Base,
    Target,
}

/// A source: the class of each token and, for each (class, token), the words that may follow.
pub struct Source {
    class_of: [usize; VOCABULARY],
    rules: Vec<[u8; CHANCES.len()]>,
}

impl Source {
    /// The source of the kind that belongs to `seed`; both kinds share classes and some rules.
    pub fn new(seed: u64, kind: Kind) -> Self {
        let mut random = Random::new(seed, 1);
        let mut class_of = [0; VOCABULARY];
        for class in &mut class_of {
            *class = random.below(CLASSES as u64) as usize;
        }
        // The changes come from a stream of their own, so that what is kept stays the same.
        let mut change = Random::new(seed, 2);
        let mut rule = |changed: u64| {
            let (rule, replacement) = (random_rule(&mut random), random_rule(&mut change));
            let replace = change.below(1000) < changed && kind == Kind::Target;
            if replace { replacement } else { rule }
        };
        let common: Vec<_> = (0..VOCABULARY).map(|_| rule(CHANGED_COMMON)).collect();
        let mut rules: Vec<_> = (0..CLASSES * VOCABULARY).map(|_| rule(CHANGED_OWN)).collect();
        for (place, rule) in rules.iter_mut().enumerate() {
            if random.below(1000) < COMMON {
                *rule = common[place % VOCABULARY];
            }
        }
        Source { class_of, rules }
    }

    fn rule(&self, before: u8, last: u8) -> &[u8; CHANCES.len()] {
        &self.rules[self.class_of[before as usize] * VOCABULARY + last as usize]
    }

    fn draw(&self, before: u8, last: u8, random: &mut Random) -> u8 {
        if last == END {
            // Any word may start a sentence, so that no rule is out of reach.
            return 1 + random.below(VOCABULARY as u64 - 1) as u8;
        }
        if random.below(1000) < END_CHANCE {
            return END;
        }
        let mut left = random.below(1000);
        let rule = self.rule(before, last);
        for (&word, &chance) in rule.iter().zip(&CHANCES) {
            if left < chance {
                return word;
            }
            left -= chance;
        }
        rule[0]
    }

    /// Share of the tokens of `stream` that a predictor knowing the source's rules gets right.
    pub fn best_accuracy(&self, stream: &[u8]) -> f64 {
        let right = stream.windows(3).filter(|w| self.rule(w[0], w[1])[0] == w[2]).count();
        right as f64 / stream.len().saturating_sub(2).max(1) as f64
    }

    /// Raw text of at least `tokens` tokens, a sentence a line, as untidy as collected text is:
    /// repeated lines, lines with foreign words, stray capitals and spaces.
    pub fn raw_text(&self, tokens: usize, random: &mut Random) -> String {
        let mut text = String::with_capacity(tokens * 3 + tokens / 8);
        let mut previous_line = String::new();
        let (mut before, mut last, mut written) = (END, END, 0);
        while written < tokens {
            let mut line = String::new();
            loop {
                let token = self.draw(before, last, random);
                (before, last) = (last, token);
                written += 1;
                if token == END {
                    break;
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                push_word(&mut line, token);
            }
            match random.below(100) {
                0..=2 => text.push_str(&previous_line),
                3 => text.push_str("<<404>> "),
                4 => text.push_str("  "),
                5 => line.make_ascii_uppercase(),
                _ => {}
            }
            line.push('\n');
            text.push_str(&line);
            previous_line = line;
        }
        text
    }
}

fn random_rule(random: &mut Random) -> [u8; CHANCES.len()] {
    let mut rule = [END; CHANCES.len()];
    for place in 0..rule.len() {
        rule[place] = loop {
            let word = 1 + random.below(VOCABULARY as u64 - 1) as u8;
            if !rule[..place].contains(&word) {
                break word;
            }
        };
    }
    rule
}

fn push_word(line: &mut String, token: u8) {
    let token = token as usize;
    line.push(char::from(CONSONANTS[token / VOWELS.len()]));
    line.push(char::from(VOWELS[token % VOWELS.len()]));
}

fn token_of(word: &str) -> Option<u8> {
    let [consonant, vowel] = word.as_bytes() else {
        return None;
    };
    let consonant = CONSONANTS.iter().position(|c| *c == consonant.to_ascii_lowercase())?;
    let vowel = VOWELS.iter().position(|v| *v == vowel.to_ascii_lowercase())?;
    let token = (consonant * VOWELS.len() + vowel) as u8;
    (token != END).then_some(token)
}

/// What cleaning kept and what it left out.
#[derive(Default)]
pub struct Cleaned {
    /// Tokens to train on, each sentence closed by `END`.
    pub train: Vec<u8>,
    /// Tokens kept aside; no sentence is in both.
    pub held_out: Vec<u8>,
    pub repeated_lines: u64,
    pub foreign_lines: u64,
}

/// Tokenises raw text: drops lines with foreign words and repeated lines, and keeps one distinct
/// line in `held_out_one_in` aside. The choice depends on the line alone, not on where it stands.
pub fn clean(text: &str, held_out_one_in: u64) -> Cleaned {
    let mut cleaned = Cleaned::default();
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    for line in text.lines() {
        let tokens: Option<Vec<u8>> = line.split_whitespace().map(token_of).collect();
        let Some(mut tokens) = tokens else {
            cleaned.foreign_lines += 1;
            continue;
        };
        if tokens.is_empty() {
            continue;
        }
        tokens.push(END);
        if seen.contains(&tokens) {
            cleaned.repeated_lines += 1;
            continue;
        }
        let mark = tokens.iter().fold(0u64, |mark, &token| Random(mark ^ u64::from(token)).next());
        if mark % held_out_one_in == 0 {
            cleaned.held_out.extend_from_slice(&tokens);
        } else {
            cleaned.train.extend_from_slice(&tokens);
        }
        seen.insert(tokens);
    }
    cleaned
}
