//! Whatever is read from outside is read or refused, and never stops the host: on inputs that were checked in, and on
//! mutations of them. `fuzz/` looks further, with the same readers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod mutate;
mod readers;

use std::path::Path;

fn try_all(reader: &str, cases: u64, read: fn(&[u8]) -> bool) {
    mutate::try_all(&Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus")).join(reader), cases, read);
}

#[test]
fn amounts() {
    try_all("amounts", 5_000, readers::amounts);
}

#[test]
fn names() {
    try_all("names", 3_000, readers::names);
}

#[test]
#[cfg(feature = "yaml")]
fn intents() {
    try_all("intents", 2_000, readers::intents);
}

#[test]
#[cfg(feature = "yaml")]
fn recipes() {
    try_all("recipes", 2_000, readers::recipes);
}
