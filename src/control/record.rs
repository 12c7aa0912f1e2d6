//! The one way a fact comes to be: journal first, then the audit log, then fold, then tell.

use crate::audit::{AuditError, Follower};
use crate::time::Timer;
use orp_core::{
    contract::Journal,
    error::StoreError,
    id::{AttemptId, RunId},
    noun::{Event, NewRecord, Progress, Record, Sequence},
    unit::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::broadcast;

/// How many events a slow reader may be behind before it misses some.
const EVENTS_KEPT: usize = 4096;
/// How many records are read from the journal at a time.
const PAGE: usize = 4096;

/// What the control plane tells its host as it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrpEvent {
    /// A fact that is in the journal.
    Recorded(Box<Record>),
    /// A task said how far it is; not in the journal.
    Progressed {
        /// Which attempt.
        attempt: AttemptId,
        /// What it said.
        progress: Progress,
    },
}

impl OrpEvent {
    /// The run it is about, if any.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Recorded(record) => record.run,
            Self::Progressed { attempt, .. } => Some(attempt.run),
        }
    }
}

/// Writes facts to the journal and tells them.
#[derive(Debug)]
pub(crate) struct Recorder {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Timer>,
    audit: Option<Follower>,
    events: broadcast::Sender<OrpEvent>,
}

impl Recorder {
    pub(crate) fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Timer>, audit: Option<Follower>) -> Self {
        Self { journal, clock, audit, events: broadcast::Sender::new(EVENTS_KEPT) }
    }

    /// What follows the journal into the audit log, if anything does.
    pub(crate) fn audit(&self) -> Option<&Follower> {
        self.audit.as_ref()
    }

    /// Writes facts of one moment together; they are on disk and, where they are audited, on record when this returns, and
    /// not yet told.
    pub(crate) async fn write(&self, run: Option<RunId>, events: Vec<Event>) -> Result<Vec<Record>, StoreError> {
        self.write_at(self.clock.now(), run, events).await
    }

    /// The same of another moment than now.
    pub(crate) async fn write_at(
        &self,
        at: Timestamp,
        run: Option<RunId>,
        events: Vec<Event>,
    ) -> Result<Vec<Record>, StoreError> {
        let new = events.iter().map(|event| NewRecord { at, run, event: event.clone() }).collect();
        let first = self.journal.append(new).await?;
        let record = |(event, sequence)| Record { sequence: Sequence(sequence), at, run, event };
        let records: Vec<Record> = events.into_iter().zip(first.0..).map(record).collect();
        if let Some(audit) = &self.audit {
            audit.follow(&*self.journal, &records).await?;
        }
        Ok(records)
    }

    /// Tells what was written and folded.
    pub(crate) fn tell(&self, records: Vec<Record>) {
        for record in records {
            // Without a receiver nobody is interested at the moment.
            let _ = self.events.send(OrpEvent::Recorded(Box::new(record)));
        }
    }

    /// Tells how far a task is, without writing it.
    pub(crate) fn tell_progress(&self, attempt: AttemptId, progress: Progress) {
        let _ = self.events.send(OrpEvent::Progressed { attempt, progress });
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<OrpEvent> {
        self.events.subscribe()
    }

    /// Everything that ever happened, in order, a page at a time. What the audit log does not have yet is put on record.
    pub(crate) async fn replay(&self, mut take: impl FnMut(Record)) -> Result<(), AuditError> {
        let mut next = Sequence(1);
        loop {
            let page = self.journal.read(next, PAGE).await?;
            let Some(last) = page.last() else { break };
            next = Sequence(last.sequence.0 + 1);
            if let Some(audit) = &self.audit {
                audit.take(&page).await?;
            }
            page.into_iter().for_each(&mut take);
        }
        match &self.audit {
            Some(audit) => audit.caught_up().await,
            None => Ok(()),
        }
    }
}
