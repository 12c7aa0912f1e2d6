//! What the durable audit log takes, against the bare disk: `cargo bench --bench audit_log`.
//!
//! The floor writes the same bytes to a file beside the log and syncs it (`fdatasync`), in turn with the log, so that both
//! see the same disk. Medians and best values, since these are shared machines.

#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a benchmark measures time, of good input")]

use orp_sdk::{
    audit::{AuditLog, AuditOptions, Follower},
    policy::audit::{Draft, Entry, Salt, Verifier, kind},
    prelude::*,
};
use std::{
    fs::File,
    io::Write,
    time::{Duration, Instant},
};

/// The bytes of one record on disk.
const RECORD: usize = 440;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("{:<58} {:>14} {:>14}", "what", "best", "median");
    runtime.block_on(async {
        one_at_a_time(false).await;
        one_at_a_time(true).await;
        for batch in [1, 16, 256, 4096] {
            in_batches(batch).await;
        }
        many_writers().await;
        one_fact_followed().await;
    });
}

/// A decision of the usual length.
fn decision(personal: bool) -> Entry {
    let draft = Draft::new(kind::POLICY_DECIDED, Timestamp::from_micros(1_800_000_000_000_000))
        .with("point", "run")
        .with("run", "run_01890a5d6f7c7b3c8d9e0f1a2b3c4d5e")
        .with("because", "x".repeat(if personal { 120 } else { 220 }))
        .with("requester", "ada");
    let draft = if personal { draft.with_personal("/requester", Salt::new([7; 32])) } else { draft };
    draft.finish().expect("it fits")
}

struct Place {
    _folder: tempfile::TempDir,
    log: AuditLog,
    floor: File,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::open(AuditOptions::at(folder.path().join("audit.log"))).expect("a log");
    let floor = File::create(folder.path().join("floor")).expect("a file");
    Place { _folder: folder, log, floor }
}

impl Place {
    fn floor(&mut self, records: usize) -> Duration {
        let bytes = vec![b'x'; RECORD * records];
        let start = Instant::now();
        self.floor.write_all(&bytes).and_then(|()| self.floor.sync_data()).expect("it is written");
        start.elapsed()
    }
}

/// One record, waited for, and then the next: what a fact is delayed by when nothing else happens.
async fn one_at_a_time(personal: bool) {
    let mut place = place();
    let (mut floors, mut logs) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        floors.push(place.floor(1));
        let entry = decision(personal);
        let start = Instant::now();
        place.log.append(vec![entry]).await.expect("a place").await.expect("it is durable");
        logs.push(start.elapsed());
    }
    line("write + fdatasync of one record (floor)", &mut floors);
    line(if personal { "one record with a personal field, durable" } else { "one record, durable" }, &mut logs);
}

/// One caller that appends batches and waits for each.
async fn in_batches(batch: usize) {
    let mut place = place();
    let rounds = (20_000 / batch).clamp(5, 100);
    let (mut floors, mut logs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        floors.push(place.floor(batch));
        let entries = vec![decision(false); batch];
        let start = Instant::now();
        place.log.append(entries).await.expect("a place").await.expect("it is durable");
        logs.push(start.elapsed());
    }
    rate(&format!("batches of {batch}: floor"), batch, &mut floors);
    rate(&format!("batches of {batch}: durable"), batch, &mut logs);
}

/// Sixty-four callers with one record at a time each and up to 256 receipts open: group commit does the rest.
async fn many_writers() {
    const WRITERS: usize = 64;
    const EACH: usize = 4096;
    let mut times = Vec::new();
    for _ in 0..5 {
        let Place { _folder, log, .. } = place();
        let entry = decision(false);
        let start = Instant::now();
        let writers = (0..WRITERS).map(|_| {
            let (log, entry) = (log.clone(), entry.clone());
            tokio::spawn(async move {
                for _ in 0..EACH / 256 {
                    let mut receipts = Vec::with_capacity(256);
                    for _ in 0..256 {
                        receipts.push(log.append(vec![entry.clone()]).await.expect("a place"));
                    }
                    for receipt in receipts {
                        receipt.await.expect("it is durable");
                    }
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("it ends");
        }
        times.push(start.elapsed());
        assert!(log.verify(Verifier::new()).expect("it can be read").is_intact());
    }
    rate("64 writers, a record at a time, 256 receipts open", WRITERS * EACH, &mut times);
}

/// What a fact takes that is written to a journal in memory and followed into the log.
async fn one_fact_followed() {
    let Place { _folder, log, .. } = place();
    let (journal, follower) = (MemoryJournal::default(), Follower::new(log));
    let mut times = Vec::new();
    for _ in 0..400 {
        let decision = PolicyDecision::new(Verdict::Permit, Vec::new(), Digest::of(b"policy"));
        let event =
            Event::PolicyDecided { point: PolicyPoint::Run, subject: "plan".into(), decision, asked: Vec::new() };
        let start = Instant::now();
        let new = NewRecord { at: Timestamp::EPOCH, run: None, event: event.clone() };
        let sequence = journal.append(vec![new]).await.expect("it is in memory");
        let record = Record { sequence, at: Timestamp::EPOCH, run: None, event };
        follower.follow(&journal, &[record]).await.expect("it is durable");
        times.push(start.elapsed());
    }
    line("one fact of the journal, on record", &mut times);
}

fn line(what: &str, times: &mut [Duration]) {
    times.sort();
    println!("{what:<58} {:>14.2?} {:>14.2?}", times[0], times[times.len() / 2]);
}

fn rate(what: &str, records: usize, times: &mut [Duration]) {
    times.sort();
    let per_second = |time: Duration| format!("{:.0}/s", records as f64 / time.as_secs_f64());
    println!("{what:<58} {:>14} {:>14}", per_second(times[0]), per_second(times[times.len() / 2]));
}
