//! Whatever is read from outside is read or refused, and never stops the host: on inputs that were checked in, and on
//! mutations of them. `fuzz/` looks further, with the same readers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../../../orp-core/tests/corpus/mutate.rs"]
mod mutate;
mod readers;

use std::path::Path;

fn try_all(reader: &str, cases: u64, read: fn(&[u8]) -> bool) {
    mutate::try_all(&Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus")).join(reader), cases, read);
}

#[test]
fn documents() {
    try_all("documents", 500, readers::documents);
}

#[test]
fn when() {
    try_all("when", 1_500, readers::when);
}

#[test]
fn clauses() {
    try_all("clauses", 1_000, readers::clauses);
}

#[test]
fn tests() {
    try_all("tests", 250, readers::tests);
}

#[test]
fn requests() {
    try_all("requests", 4_000, readers::requests);
}

#[test]
fn records() {
    try_all("records", 2_000, readers::records);
}

#[test]
fn logs() {
    try_all("logs", 1_500, readers::logs);
}

#[test]
fn disclosures() {
    try_all("disclosures", 2_000, readers::disclosures);
}

#[test]
fn texts() {
    try_all("texts", 600, readers::texts);
}
