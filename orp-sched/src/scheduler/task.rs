//! A job as the scheduler keeps it.

use super::cluster::{Demand, Spot};
use super::pace::Pace;
use orp_core::noun::{Job, NODE};
use orp_core::unit::{Span, Timestamp};
use std::sync::Arc;

/// The number of a task: small, and used again once the job is over.
pub type TaskId = u32;

/// Where a task stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// It waits.
    Waiting,
    /// It runs at these spots.
    Running(Vec<Spot>),
    /// It was told to stop, and holds its spots until it has.
    Stopping(Vec<Spot>),
}

/// A job that is not over, and what it has had so far.
#[derive(Debug, Clone)]
pub struct Task {
    pub(crate) job: Arc<Job>,
    pub(crate) demand: Demand,
    pub(crate) phase: Phase,
    /// When it came to its phase.
    pub(crate) since: Timestamp,
    /// How long it waited before its phase.
    pub(crate) waited: Span,
    /// How long it ran before its phase.
    pub(crate) served: Span,
    /// What was left of it when it came to its phase, as far as known.
    pub(crate) remaining: Option<Span>,
    /// How fast it runs, of the fastest it could.
    pub(crate) pace: Pace,
    /// Counts up with every change of phase: who came to its phase first has the lower.
    pub(crate) turn: u64,
    /// Its place among those that wait, as of the last time it was ranked.
    pub(crate) rank: i64,
    pub(crate) class: u32,
}

impl Task {
    pub(crate) fn new(job: Arc<Job>, turn: u64, class: u32) -> Self {
        let (demand, since, remaining) = (Demand::new(&job.demand), job.submitted, job.expected);
        let (waited, served) = (Span::ZERO, Span::ZERO);
        Self {
            job,
            demand,
            phase: Phase::Waiting,
            since,
            waited,
            served,
            remaining,
            pace: Pace::FULL,
            turn,
            rank: 0,
            class,
        }
    }

    /// The job.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// What each member needs.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// How many members it has at most; at least one.
    pub fn members(&self) -> u32 {
        self.job.members.max(1)
    }

    /// How many accelerators it needs in all, in thousandths.
    pub fn gpu_milli(&self) -> u64 {
        self.job.demand.gpu.milli().saturating_mul(self.members().into())
    }

    /// Where it stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether it waits.
    pub fn is_waiting(&self) -> bool {
        self.phase == Phase::Waiting
    }

    /// The spots it holds.
    pub fn spots(&self) -> &[Spot] {
        match &self.phase {
            Phase::Waiting => &[],
            Phase::Running(spots) | Phase::Stopping(spots) => spots,
        }
    }

    /// When it came to its phase.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Who came to its phase first has the lower.
    pub fn turn(&self) -> u64 {
        self.turn
    }

    /// How long it has waited in all.
    pub fn waited(&self, now: Timestamp) -> Span {
        if self.is_waiting() { self.waited.saturating_add(now.since(self.since)) } else { self.waited }
    }

    /// How long it has run in all.
    pub fn served(&self, now: Timestamp) -> Span {
        if self.is_waiting() { self.served } else { self.served.saturating_add(now.since(self.since)) }
    }

    /// How much is left of it on the accelerators it is fastest on, as far as known.
    pub fn remaining(&self, now: Timestamp) -> Option<Span> {
        let left = self.remaining?;
        if self.is_waiting() {
            return Some(left);
        }
        Some(left.saturating_sub(self.pace.work(now.since(self.since))))
    }

    /// When it is believed to end, if it runs.
    pub fn ends(&self) -> Option<Timestamp> {
        if self.is_waiting() {
            return None;
        }
        let left = self.remaining?;
        Some(self.since.after(self.pace.time(left)))
    }

    /// Whether all its members must be on one node.
    pub fn within_node(&self) -> bool {
        self.job.within.as_deref() == Some(NODE)
    }

    /// Comes to a phase, and keeps account of the one before.
    pub(crate) fn enter(&mut self, phase: Phase, now: Timestamp, turn: u64) -> Phase {
        (self.waited, self.served, self.remaining) = (self.waited(now), self.served(now), self.remaining(now));
        (self.since, self.turn) = (now, turn);
        std::mem::replace(&mut self.phase, phase)
    }
}
