//! How fast a log is verified and written, against what SHA-256 alone costs for the same bytes.
//!
//! ```text
//! cargo bench -p orp-policy --bench audit
//! ```
//!
//! The floor hashes each leaf once and each node of the tree once, from memory, and does nothing else. Every figure is the
//! best of several tries, since these are shared machines.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark measures time, of good input")]

use orp_core::{
    noun::{Digest, Sequence},
    unit::Timestamp,
};
use orp_policy::audit::{Chain, Draft, Entry, Header, Salt, Tree, Verifier, kind};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

const RECORDS: usize = 200_000;
const TRIES: u32 = 7;
/// How much a reader of a file hands on at a time.
const PIECE: usize = 1 << 20;

fn main() {
    println!("{:<34} {:>12} {:>9} {:>10} {:>8}", "what", "records/s", "ns each", "MB/s", "floor ×");
    for text in [60, 260, 380] {
        let entry = decided(text);
        let mut log = Vec::new();
        let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
        let written = best(|| {
            log.clear();
            chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
            for at in 0..RECORDS {
                chain.append(&entry, &mut log);
                if at % 1024 == 1023 {
                    chain.append_checkpoint(None, &mut log);
                }
            }
        });
        let frame = log.len() / RECORDS;
        println!("-- {RECORDS} records, {} bytes of JSON, {frame} bytes with its frame", entry.body().len());
        let floor = hashing(frame - 40);
        let verified = best(|| {
            let mut verifier = Verifier::new();
            black_box(&log).chunks(PIECE).for_each(|piece| verifier.feed(piece));
            assert!(verifier.finish().is_intact());
        });
        let drafted = best(|| (0..RECORDS / 10).for_each(|_| drop(black_box(decided(text))))) * 10;
        line("SHA-256 of leaf and node (floor)", floor, log.len(), floor);
        line("verify, in pieces of 1 MiB", verified, log.len(), floor);
        line("append to memory", written, log.len(), floor);
        line("draft with a personal field", drafted, log.len(), floor);
    }
}

/// A decision with one personal field and a reason of so many bytes.
fn decided(text: usize) -> Entry {
    Draft::new(kind::POLICY_DECIDED, Timestamp::from_micros(1_800_000_000_000_000))
        .with_journal(Sequence(1))
        .with("point", "run")
        .with("run", "run_01890a5d6f7c7b3c8d9e0f1a2b3c4d5e")
        .with("because", "x".repeat(text))
        .with("requester", "ada")
        .with_personal("/requester", Salt::new([7; 32]))
        .finish()
        .unwrap()
}

fn hashing(leaf: usize) -> Duration {
    let data = vec![b'x'; leaf];
    best(|| {
        let tree: Tree = (0..RECORDS).map(|_| Digest::of(black_box(&data))).collect();
        black_box(tree.root());
    })
}

fn line(what: &str, took: Duration, bytes: usize, floor: Duration) {
    let each = took.as_secs_f64() / RECORDS as f64;
    println!(
        "{what:<34} {:>12.0} {:>9.0} {:>10.0} {:>8.2}",
        1.0 / each,
        each * 1e9,
        bytes as f64 / took.as_secs_f64() / 1e6,
        took.as_secs_f64() / floor.as_secs_f64()
    );
}

fn best(mut work: impl FnMut()) -> Duration {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..TRIES).map(time).min().unwrap_or_default()
}
