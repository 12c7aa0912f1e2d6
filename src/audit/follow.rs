//! The follower: puts the journal on record, each of its records once, in its order.
//!
//! Every audit record says which journal record it comes from, so the log itself knows where it stopped: a host that died
//! between the two files finds the journal ahead, and goes on from there. Nothing is remembered anywhere else, so nothing
//! can disagree.
//!
//! Writers of the journal call [`Follower::follow`] after each append, in any order: whoever comes first puts everything up
//! to its own records on record, reading from the journal what others have appended and not yet brought.

use super::error::AuditError;
use super::fold::Facts;
use super::log::AuditLog;
use orp_core::{
    contract::Journal,
    noun::{Record, Sequence},
};
use orp_policy::audit::Entry;
use tokio::sync::Mutex;

/// How many records are read from the journal at a time.
const PAGE: usize = 1024;

/// Puts a journal on record in an [`AuditLog`].
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use orp_sdk::{audit::{AuditLog, AuditOptions, Follower}, prelude::*};
///
/// let folder = tempfile::tempdir()?;
/// let journal = MemoryJournal::default();
/// let event = Event::RunEnded { outcome: Outcome::Succeeded };
/// journal.append(vec![NewRecord { at: Timestamp::EPOCH, run: None, event }]).await?;
///
/// let log = AuditLog::open(AuditOptions::at(folder.path().join("audit.log")))?;
/// let follower = Follower::new(log);
/// follower.catch_up(&journal).await?;
/// assert_eq!(follower.log().journal(), Some(Sequence(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Follower {
    log: AuditLog,
    /// The last journal record that was on record when the log was opened.
    on_record: Sequence,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    facts: Facts,
    /// The journal record that comes next.
    next: Sequence,
    /// The last journal record that was handed to the log: nothing after it has to be waited for.
    handed: Sequence,
}

impl Follower {
    /// A follower that goes on where the log stopped. What it has to know of earlier records it reads from the journal.
    pub fn new(log: AuditLog) -> Self {
        let on_record = log.journal().unwrap_or_default();
        let state = State { facts: Facts::default(), next: Sequence(1), handed: on_record };
        Self { log, on_record, state: Mutex::new(state) }
    }

    /// The log.
    pub fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Puts everything in the journal on record; returns when it is durable. [`AuditError::Foreign`] when the log is ahead
    /// of the journal, which never happens to two that belong together: the journal is written first.
    pub async fn catch_up(&self, journal: &dyn Journal) -> Result<(), AuditError> {
        loop {
            let next = self.state.lock().await.next;
            let page = journal.read(next, PAGE).await?;
            if page.is_empty() {
                return self.caught_up().await;
            }
            self.take(&page).await?;
        }
    }

    /// Puts `records`, just appended to the journal, and all before them on record; returns when they are durable. Dropping
    /// the call leaves no gap: the next one fills it.
    pub async fn follow(&self, journal: &dyn Journal, records: &[Record]) -> Result<(), AuditError> {
        let Some(last) = records.last() else { return Ok(()) };
        let mut state = self.state.lock().await;
        let brought = records.first().is_some_and(|first| first.sequence <= state.next);
        if brought {
            self.hand_over(&mut state, records).await?;
        }
        while state.next <= last.sequence {
            let missing = usize::try_from(last.sequence.0 - state.next.0).unwrap_or(PAGE).saturating_add(1);
            let page = journal.read(state.next, missing.min(PAGE)).await?;
            if page.is_empty() {
                return Err(self.foreign(last.sequence, state.next));
            }
            self.hand_over(&mut state, &page).await?;
        }
        let handed = state.handed;
        drop(state);
        self.log.durable_up_to(handed).await
    }

    /// Takes the next records of the journal as somebody reads it from the beginning.
    pub(crate) async fn take(&self, records: &[Record]) -> Result<(), AuditError> {
        let mut state = self.state.lock().await;
        self.hand_over(&mut state, records).await
    }

    /// The journal was read to its end: waits until what it has is durable.
    pub(crate) async fn caught_up(&self) -> Result<(), AuditError> {
        let (next, handed) = {
            let state = self.state.lock().await;
            (state.next, state.handed)
        };
        if next <= self.on_record {
            return Err(self.foreign(self.on_record, next));
        }
        self.log.durable_up_to(handed).await
    }

    /// Hands what is not on record yet to the log, in order. Once there is a place nothing waits any more, so that a dropped
    /// call has either done all of it or nothing.
    async fn hand_over(&self, state: &mut State, records: &[Record]) -> Result<(), AuditError> {
        let place = self.log.place().await?;
        let State { facts, next, handed } = state;
        let new = || records.iter().skip_while(|record| record.sequence < *next);
        let mut entries = Vec::new();
        for record in new() {
            facts.learn(record);
            if record.sequence > self.on_record {
                entries.extend(facts.entry(record)?);
            }
        }
        // Only now: had one of them failed, all would be learned from again.
        new().for_each(|record| facts.forget(record));
        if let Some(last) = records.last() {
            *next = Sequence(last.sequence.0 + 1).max(*next);
        }
        if let Some(last) = entries.last().and_then(Entry::journal) {
            *handed = last;
            drop(place.append(entries));
        }
        Ok(())
    }

    fn foreign(&self, audited: Sequence, next: Sequence) -> AuditError {
        let path = self.log.path().display().to_string();
        AuditError::Foreign { path, audited: audited.0, last: next.0.saturating_sub(1) }
    }
}
