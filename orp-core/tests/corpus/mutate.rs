//! Inputs that were checked in, and mutations of them: the same number makes the same bytes, everywhere.
//!
//! `ORP_CORPUS_CASES=1000000` tries so many mutations for each reader, `ORP_CORPUS_CASE=17` the seventeenth only.

use std::{
    fs,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    time::{Duration, Instant},
};

/// The longest mutation, in bytes: longer than a line that somebody writes, so that columns get large too.
const LENGTH_MAX: usize = 100_000;
/// No reader takes this long for so little, however slow the machine and however it is built.
const TIME_MAX: Duration = Duration::from_secs(10);

/// What means something to some reader, or nearly.
const WORDS: [&str; 48] = [
    "0",
    "-1",
    "1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "0.1",
    ".5",
    "1_0",
    "NaN",
    ".inf",
    "true",
    "null",
    "~",
    "''",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ": ",
    ",",
    "- ",
    "#",
    "//",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "| ",
    ">-",
    "%",
    "---\n",
    "...\n",
    "\n",
    "\r\n",
    "\t",
    "\u{feff}",
    "\u{0}",
    "é",
    "\u{2028}",
    "😀",
];

/// Tries a reader on every file of a folder, which it must read or refuse as the file's name begins (`good-`, `bad-`), and on
/// so many mutations of them. The reader says whether it read its input, and panics when what must hold does not.
pub(crate) fn try_all(folder: &Path, cases: u64, read: fn(&[u8]) -> bool) {
    let seeds = seeds(folder);
    for (name, bytes) in &seeds {
        let was_read = tried(|| format!("{}/{name}", folder.display()), bytes, read);
        assert_eq!(was_read, name.starts_with("good-"), "{}/{name} was read", folder.display());
    }
    let bytes: Vec<&[u8]> = seeds.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let mutator = Mutator::new(&bytes);
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let cases = match number("ORP_CORPUS_CASE") {
        Some(only) => only..only + 1,
        None => 0..number("ORP_CORPUS_CASES").unwrap_or(cases),
    };
    let tried_on = |case: u64| tried(|| format!("ORP_CORPUS_CASE={case}"), &mutator.mutation(case), read);
    let count = cases.end - cases.start;
    let were_read = cases.filter(|case| tried_on(*case)).count() as u64;
    // Mutations that are all refused, or none, try one half of a reader only.
    let is_even = (count / 200..=count - count / 200).contains(&were_read);
    assert!(count < 100 || is_even, "{were_read} of {count} were read: the mutations say little");
}

/// The files of a folder, in the order of their names.
fn seeds(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut seeds: Vec<(String, Vec<u8>)> =
        files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds
}

/// What the reader says; a reader that panics or takes too long is reported with its input, and how to try it again.
#[allow(clippy::disallowed_methods, reason = "that readers are done in time is part of what is tried")]
fn tried(again: impl Fn() -> String, bytes: &[u8], read: fn(&[u8]) -> bool) -> bool {
    let start = Instant::now();
    let said = catch_unwind(AssertUnwindSafe(|| read(bytes)));
    let took = start.elapsed();
    let shown = || bytes.get(..2_000).unwrap_or(bytes).escape_ascii().to_string();
    match said {
        Ok(was_read) => {
            assert!(took < TIME_MAX, "{} took {took:?}: {}", again(), shown());
            was_read
        }
        Err(panic) => {
            eprintln!("{} of {} bytes: {}", again(), bytes.len(), shown());
            resume_unwind(panic)
        }
    }
}

/// Makes mutations of seeds.
pub(crate) struct Mutator<'s> {
    seeds: &'s [&'s [u8]],
    /// What stands between punctuation in the seeds, and [`WORDS`].
    words: Vec<&'s [u8]>,
}

impl<'s> Mutator<'s> {
    /// A mutator of these.
    pub(crate) fn new(seeds: &'s [&'s [u8]]) -> Self {
        let of_seeds = seeds.iter().flat_map(|seed| seed.split(|byte| !is_word(*byte)));
        let mut words: Vec<&[u8]> = of_seeds.filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words.dedup();
        words.extend(WORDS.iter().map(|word| word.as_bytes()));
        Self { seeds, words }
    }

    /// The mutation of this number.
    pub(crate) fn mutation(&self, number: u64) -> Vec<u8> {
        let mut dice = Dice(number);
        let mut bytes = dice.one_of(self.seeds).to_vec();
        for _ in 0..=dice.below(4) {
            self.mutate(&mut bytes, &mut dice);
            bytes.truncate(LENGTH_MAX);
        }
        bytes
    }

    fn mutate(&self, bytes: &mut Vec<u8>, dice: &mut Dice) {
        let part = dice.part(bytes.len());
        let at = part.start;
        match dice.below(32) {
            // A flipped bit, or another byte.
            0..=2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
            3..=4 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = dice.below(256) as u8),
            // Something is left out, or is there twice, or stands elsewhere.
            5..=8 => drop(bytes.drain(part)),
            9..=11 => drop(bytes.splice(at..at, bytes[part].to_vec())),
            12..=14 => {
                let moved: Vec<u8> = bytes.drain(part).collect();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, moved);
            }
            // Something of another seed, or the rest of one.
            15..=17 => {
                let other = dice.one_of(self.seeds);
                let put = other[dice.part(other.len())].to_vec();
                bytes.splice(part, put);
            }
            18 => {
                let other = dice.one_of(self.seeds);
                bytes.truncate(at);
                bytes.extend(&other[dice.below(other.len() + 1)..]);
            }
            // A word more, or in the place of one.
            19..=22 => drop(bytes.splice(at..at, dice.one_of(&self.words).to_vec())),
            23..=30 => {
                let word = word_at(bytes, at);
                bytes.splice(word, dice.one_of(&self.words).to_vec());
            }
            // The same again and again.
            _ => {
                let times = 1 << dice.below(17);
                let again = bytes[part].repeat(times.min(LENGTH_MAX / 16));
                bytes.splice(at..at, again);
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte) || !byte.is_ascii()
}

/// The first word at or after a place; nothing at the end where there is none.
fn word_at(bytes: &[u8], at: usize) -> Range<usize> {
    let from = (at..bytes.len()).find(|at| is_word(bytes[*at])).unwrap_or(bytes.len());
    let start = (0..from).rev().find(|at| !is_word(bytes[*at])).map_or(0, |before| before + 1);
    let end = (from..bytes.len()).find(|at| !is_word(bytes[*at])).unwrap_or(bytes.len());
    start.min(from)..end
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    fn one_of<'a>(&mut self, of: &[&'a [u8]]) -> &'a [u8] {
        of[self.below(of.len())]
    }

    /// Some part of so many bytes, mostly a short one.
    fn part(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        let longest = if self.below(4) == 0 { length } else { 16 };
        start..(start + self.below(longest + 1)).min(length)
    }
}

#[test]
fn the_same_number_makes_the_same_bytes_and_another_makes_others() {
    let seeds: [&[u8]; 2] = [b"effect: deny", b"cost > money('5 USD') && true"];
    let mutator = Mutator::new(&seeds);
    let mutations: Vec<Vec<u8>> = (0..1_000).map(|number| mutator.mutation(number)).collect();
    assert!((0..1_000).all(|number| mutator.mutation(number) == mutations[number as usize]));
    let mut others = mutations.clone();
    others.sort();
    others.dedup();
    assert!(others.len() > 900, "{}", others.len());
    assert!(mutations.iter().any(|bytes| bytes.len() > 65_536), "none is long");
}

#[test]
#[should_panic = "a reader that does not know `deny`"]
fn a_reader_that_breaks_on_something_is_caught() {
    let seeds: [&[u8]; 2] = [b"effect: allow", b"deny"];
    let read = |bytes: &[u8]| {
        assert!(!bytes.starts_with(b"effect: deny"), "a reader that does not know `deny`");
        false
    };
    let mutator = Mutator::new(&seeds);
    assert!((0..2_000).any(|number| tried(String::new, &mutator.mutation(number), read)), "nothing was caught");
}
