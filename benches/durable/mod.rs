//! What the durable audit log takes, beside the bare disk: measured for the table of `audit_log` and for the scorecard.
//!
//! The floor writes the same bytes to a file beside the log and syncs it (`fdatasync`), in turn with the log, so that both
//! see the same disk.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

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

/// How long tries took.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn best(&self) -> Duration {
        self.0.iter().min().copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        let mut times = self.0.clone();
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}

/// The same writes to a bare file, and to the log.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) floor: Times,
    pub(crate) log: Times,
}

/// A decision of the usual length.
pub(crate) fn decision(personal: bool) -> Entry {
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

    async fn append(&self, entries: Vec<Entry>) -> Duration {
        let start = Instant::now();
        self.log.append(entries).await.expect("a place").await.expect("it is durable");
        start.elapsed()
    }
}

/// One record, waited for, and then the next: what a fact is delayed by when nothing else happens.
pub(crate) async fn one_at_a_time(personal: bool) -> Beside {
    let (mut place, mut times) = (place(), Beside::default());
    for _ in 0..400 {
        times.floor.0.push(place.floor(1));
        times.log.0.push(place.append(vec![decision(personal)]).await);
    }
    times
}

/// One caller that appends batches and waits for each.
pub(crate) async fn in_batches(batch: usize) -> Beside {
    let (mut place, mut times) = (place(), Beside::default());
    for _ in 0..(20_000 / batch).clamp(5, 100) {
        times.floor.0.push(place.floor(batch));
        times.log.0.push(place.append(vec![decision(false); batch]).await);
    }
    times
}

/// How many callers there are, and how many records each has.
pub(crate) const WRITERS: (usize, usize) = (64, 4096);

/// Sixty-four callers with one record at a time each and up to 256 receipts open: group commit does the rest.
pub(crate) async fn many_writers() -> Times {
    let mut times = Times::default();
    for _ in 0..5 {
        let Place { _folder, log, .. } = place();
        let entry = decision(false);
        let start = Instant::now();
        let writers = (0..WRITERS.0).map(|_| {
            let (log, entry) = (log.clone(), entry.clone());
            tokio::spawn(async move {
                for _ in 0..WRITERS.1 / 256 {
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
        times.0.push(start.elapsed());
        assert!(log.verify(Verifier::new()).expect("it can be read").is_intact());
    }
    times
}

/// What a fact takes that is written to a journal in memory and followed into the log.
pub(crate) async fn one_fact_followed() -> Times {
    let Place { _folder, log, .. } = place();
    let (journal, follower) = (MemoryJournal::default(), Follower::new(log));
    let mut times = Times::default();
    for _ in 0..400 {
        let decision = PolicyDecision::new(Verdict::Permit, Vec::new(), Digest::of(b"policy"));
        let event =
            Event::PolicyDecided { point: PolicyPoint::Run, subject: "plan".into(), decision, asked: Vec::new() };
        let start = Instant::now();
        let new = NewRecord { at: Timestamp::EPOCH, run: None, event: event.clone() };
        let sequence = journal.append(vec![new]).await.expect("it is in memory");
        let record = Record { sequence, at: Timestamp::EPOCH, run: None, event };
        follower.follow(&journal, &[record]).await.expect("it is durable");
        times.0.push(start.elapsed());
    }
    times
}
