//! The events, in their order, and the scheduler between them.

use super::account::{Account, Invalid};
use super::outcome::{Outcome, Record, Sample};
use super::workload::{Change, Work, Workload};
use crate::scheduler::Pace;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use orp_core::contract::Scheduler;
use orp_core::noun::{ACCELERATOR, ClusterView, JobDecision, JobEvent, JobKey, Node, Slot};
use orp_core::unit::{Span, Timestamp};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use thiserror::Error;

/// How a simulation goes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SimConfig {
    /// How long a job that is told to stop takes to do so.
    pub stop_takes: Span,
    /// How often the scheduler is asked at one and the same time before that is an error.
    pub rounds_most: u32,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self { stop_takes: Span::ZERO, rounds_most: 10_000 }
    }
}

/// Why a simulation ended before its time.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SimError {
    /// Two jobs have the same key.
    #[error("two jobs are called `{0}`: keys must differ")]
    SameKey(JobKey),
    /// The scheduler gave more than there is.
    #[error("at {at}: the scheduler's decision is invalid: {invalid}")]
    Invalid {
        /// When.
        at: Timestamp,
        /// What.
        invalid: Invalid,
    },
    /// The scheduler makes something happen at one time over and over again.
    #[error("at {at}: the scheduler decided {rounds} times and time did not pass")]
    NoEnd {
        /// When.
        at: Timestamp,
        /// How often it was asked.
        rounds: u32,
    },
}

/// How far a simulation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The time in the simulation.
    pub now: Timestamp,
    /// How many jobs are over.
    pub over: usize,
    /// Of how many.
    pub of: usize,
}

/// How often progress is told: every so many times the scheduler is asked.
const TELL_EVERY: u64 = 4_096;

#[derive(Debug, Default)]
struct State {
    slots: Vec<Slot>,
    /// What is left of it, at full speed.
    left: Span,
    pace: Pace,
    since: Timestamp,
    stopping: bool,
    /// Counts its starts, so that the end of an earlier one is known.
    starts: u32,
}

/// A workload on its way through a scheduler.
pub struct Simulation<'a> {
    config: SimConfig,
    view: ClusterView,
    account: Account,
    now: Timestamp,
    records: Vec<Record>,
    states: Vec<State>,
    by_key: HashMap<JobKey, u32, FixedState>,
    /// The order in which jobs come.
    arrivals: Vec<u32>,
    arrived: usize,
    changes: Vec<(Timestamp, Change)>,
    changed: usize,
    ends: BinaryHeap<Reverse<(Timestamp, u64, u32, u32)>>,
    stops: BinaryHeap<Reverse<(Timestamp, u64, u32, u32)>>,
    started: u64,
    over: usize,
    waiting: u32,
    running: u32,
    gpu_milli: u64,
    cpu_milli: u64,
    gpu_limit: u64,
    cpu_limit: u64,
    outcome: Outcome,
    /// One sample in so many is kept.
    thinning: u64,
    seen: u64,
    tell: Option<Box<dyn FnMut(Progress) + 'a>>,
}

impl std::fmt::Debug for Simulation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation").field("now", &self.now).field("over", &self.over).finish_non_exhaustive()
    }
}

impl<'a> Simulation<'a> {
    /// A simulation of a workload from its beginning.
    ///
    /// # Errors
    /// [`SimError::SameKey`].
    pub fn new(workload: &Workload, config: SimConfig) -> Result<Self, SimError> {
        let mut by_key = HashMap::with_capacity_and_hasher(workload.work.len(), FixedState::default());
        for (at, work) in (0..).zip(&workload.work) {
            if by_key.insert(work.job.key.clone(), at).is_some() {
                return Err(SimError::SameKey(work.job.key.clone()));
            }
        }
        let mut arrivals: Vec<u32> = (0..workload.work.len() as u32).collect();
        let submitted = |at: &u32| workload.work.get(*at as usize).map(|work| work.job.submitted);
        arrivals.sort_by_key(submitted);
        let began = arrivals.first().and_then(submitted).unwrap_or(Timestamp::EPOCH);
        let mut changes = workload.changes.clone();
        changes.sort_by_key(|(at, _)| *at);
        let mut view = ClusterView::new(workload.nodes.clone());
        view.quotas.clone_from(&workload.quotas);
        view.shares = Arc::new(workload.shares.clone());
        let mut account = Account::default();
        workload.nodes.iter().for_each(|node| account.add(node));
        let mut simulation = Self {
            config,
            view,
            account,
            now: began,
            records: workload.work.iter().map(record).collect(),
            states: workload.work.iter().map(|work| State { left: work.run, ..State::default() }).collect(),
            by_key,
            arrivals,
            arrived: 0,
            changes,
            changed: 0,
            ends: BinaryHeap::new(),
            stops: BinaryHeap::new(),
            started: 0,
            over: 0,
            waiting: 0,
            running: 0,
            gpu_milli: 0,
            cpu_milli: 0,
            gpu_limit: 0,
            cpu_limit: 0,
            outcome: Outcome { began, ended: began, ..Outcome::default() },
            thinning: 1,
            seen: 0,
            tell: None,
        };
        simulation.add_limits();
        Ok(simulation)
    }

    /// The same, telling how far it is now and then.
    pub fn telling(mut self, tell: impl FnMut(Progress) + 'a) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Runs until all jobs are over, or nothing more will happen.
    ///
    /// # Errors
    /// [`SimError::Invalid`], [`SimError::NoEnd`].
    pub fn run(mut self, scheduler: &mut dyn Scheduler) -> Result<Outcome, SimError> {
        let mut events = Vec::new();
        let mut wake: Option<Timestamp> = None;
        let mut rounds = 0;
        while let Some(next) = self.next(wake) {
            rounds = if next > self.now { 0 } else { rounds + 1 };
            if rounds > self.config.rounds_most {
                return Err(SimError::NoEnd { at: self.now, rounds });
            }
            self.pass_time(next);
            self.happen(&mut events);
            let decisions = scheduler.decide(self.now, &events, &self.view);
            self.outcome.asked += 1;
            self.outcome.decisions += decisions.list.len() as u64;
            events.clear();
            wake = decisions.wake.map(|at| at.max(self.now.after(Span::from_micros(1))));
            for decision in decisions.list {
                self.carry_out(decision).map_err(|invalid| SimError::Invalid { at: self.now, invalid })?;
            }
            if self.outcome.asked.is_multiple_of(TELL_EVERY) {
                self.tell();
            }
            if self.over == self.records.len() {
                break;
            }
        }
        self.tell();
        self.sample(true);
        self.outcome.ended = self.now;
        self.outcome.records = self.records;
        Ok(self.outcome)
    }

    fn tell(&mut self) {
        let progress = Progress { now: self.now, over: self.over, of: self.records.len() };
        if let Some(tell) = &mut self.tell {
            tell(progress);
        }
    }

    /// When something happens next.
    fn next(&self, wake: Option<Timestamp>) -> Option<Timestamp> {
        let end = self.ends.peek().map(|Reverse((at, ..))| *at);
        let stop = self.stops.peek().map(|Reverse((at, ..))| *at);
        let came =
            self.arrivals.get(self.arrived).and_then(|at| self.records.get(*at as usize)).map(|it| it.job.submitted);
        let change = self.changes.get(self.changed).map(|(at, _)| *at);
        [end, stop, came, change, wake].into_iter().flatten().min()
    }

    fn pass_time(&mut self, next: Timestamp) {
        let passed = u128::from(next.since(self.now).as_micros());
        if passed > 0 {
            self.outcome.gpu_used += passed * u128::from(self.gpu_milli);
            self.outcome.cpu_used += passed * u128::from(self.cpu_milli);
            self.outcome.gpu_there += passed * u128::from(self.gpu_limit);
            self.outcome.cpu_there += passed * u128::from(self.cpu_limit);
            self.sample(false);
            self.now = next;
        }
    }

    /// Keeps how it was until now.
    fn sample(&mut self, last: bool) {
        self.seen += 1;
        if !last && !self.seen.is_multiple_of(self.thinning) {
            return;
        }
        self.outcome.samples.push(Sample {
            at: self.now,
            gpu_milli: self.gpu_milli,
            gpu_limit_milli: self.gpu_limit,
            running: self.running,
            waiting: self.waiting,
        });
        if self.outcome.samples.len() >= Outcome::SAMPLES {
            let mut at = 0;
            self.outcome.samples.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.thinning *= 2;
        }
    }

    /// All that happens now, in order.
    fn happen(&mut self, events: &mut Vec<JobEvent>) {
        while let Some(Reverse((at, _, job, starts))) =
            self.ends.peek().copied().filter(|Reverse((at, ..))| *at <= self.now)
        {
            let _ = at;
            self.ends.pop();
            if self.states.get(job as usize).is_some_and(|state| state.starts == starts && !state.slots.is_empty()) {
                self.leave(job, true);
                self.over += 1;
                if let Some(record) = self.records.get_mut(job as usize) {
                    record.ended = Some(self.now);
                    events.push(JobEvent::Ended(record.job.key.clone()));
                }
            }
        }
        while let Some(Reverse((_, _, job, starts))) =
            self.stops.peek().copied().filter(|Reverse((at, ..))| *at <= self.now)
        {
            self.stops.pop();
            if self.states.get(job as usize).is_some_and(|state| state.starts == starts && state.stopping) {
                self.leave(job, false);
                if let Some(record) = self.records.get_mut(job as usize) {
                    record.preempted += 1;
                    events.push(JobEvent::Stopped(record.job.key.clone()));
                }
            }
        }
        while let Some((_, change)) = self.changes.get(self.changed).filter(|(at, _)| *at <= self.now).cloned() {
            self.changed += 1;
            self.change(change, events);
        }
        while let Some(at) = self.arrivals.get(self.arrived).copied() {
            let Some(record) = self.records.get_mut(at as usize).filter(|it| it.job.submitted <= self.now) else {
                break;
            };
            self.arrived += 1;
            self.waiting += 1;
            record.waits_since = self.now;
            events.push(JobEvent::Submitted(record.job.clone()));
        }
    }

    fn change(&mut self, change: Change, events: &mut Vec<JobEvent>) {
        let nodes = Arc::make_mut(&mut self.view.nodes);
        match change {
            Change::Came(node) => {
                self.account.add(&node);
                nodes.retain(|other| other.name != node.name);
                nodes.push(node);
            }
            Change::Lost(name) => {
                nodes.retain(|node| node.name != name);
                let on_it = |state: &State| state.slots.iter().any(|slot| slot.node == name);
                let hit: Vec<u32> =
                    (0..).zip(&self.states).filter(|(_, state)| on_it(state)).map(|(at, _)| at).collect();
                for job in hit {
                    self.leave(job, false);
                    if let Some(record) = self.records.get_mut(job as usize) {
                        record.failed += 1;
                    }
                }
                self.account.remove(&name);
                events.push(JobEvent::NodeLost(name));
            }
        }
        self.add_limits();
    }

    fn add_limits(&mut self) {
        let sum = |of: fn(&Node) -> u64| self.view.nodes.iter().map(of).fold(0, u64::saturating_add);
        (self.gpu_limit, self.cpu_limit) =
            (sum(|node| node.capacity.gpu.milli()), sum(|node| node.capacity.cpu.milli()));
    }

    /// A job no longer runs: it is done, or waits again.
    fn leave(&mut self, job: u32, done: bool) {
        let (Some(record), Some(state)) = (self.records.get_mut(job as usize), self.states.get_mut(job as usize))
        else {
            return;
        };
        let slots = std::mem::take(&mut state.slots);
        self.account.give_back(&record.job, &slots);
        let members: u32 = slots.iter().map(|slot| slot.members).sum();
        self.running -= 1;
        self.gpu_milli -= record.job.demand.gpu.milli() * u64::from(members);
        self.cpu_milli -= record.job.demand.cpu.milli() * u64::from(members);
        let ran = self.now.since(state.since);
        record.held = record.held.saturating_add(ran);
        state.stopping = false;
        if !done {
            state.left = state.left.saturating_sub(state.pace.work(ran)).saturating_add(record.job.stop_cost);
            record.lost = record.lost.saturating_add(record.job.stop_cost);
            record.waits_since = self.now;
            self.waiting += 1;
        }
    }

    fn carry_out(&mut self, decision: JobDecision) -> Result<(), Invalid> {
        let key = decision.job();
        let job = *self.by_key.get(key).ok_or_else(|| Invalid::NoJob(key.clone()))?;
        let (Some(record), Some(state)) = (self.records.get_mut(job as usize), self.states.get_mut(job as usize))
        else {
            return Err(Invalid::NoJob(key.clone()));
        };
        let come = record.job.submitted <= self.now && record.ended.is_none() && record.rejected.is_none();
        let state_now = match () {
            () if !come => "is not there",
            () if state.stopping => "stops",
            () if state.slots.is_empty() => "waits",
            () => "runs",
        };
        let wrong = |what| Invalid::State { job: record.job.key.clone(), what, state: state_now };
        match decision {
            JobDecision::Start { slots, .. } => {
                if state_now != "waits" {
                    return Err(wrong("started"));
                }
                self.account.take(&record.job, &slots)?;
                let members: u32 = slots.iter().map(|slot| slot.members).sum();
                self.gpu_milli += record.job.demand.gpu.milli() * u64::from(members);
                self.cpu_milli += record.job.demand.cpu.milli() * u64::from(members);
                let nodes = &self.view.nodes;
                let node = |slot: &Slot| nodes.iter().find(|node| node.name == slot.node);
                // Only where speeds differ is it worth a look at the nodes.
                let models = slots.iter().map(|slot| node(slot)?.labels.get(ACCELERATOR));
                state.pace = Pace::of(&record.job, models).with_members(members, record.job.members);
                (state.slots, state.since) = (slots, self.now);
                state.starts += 1;
                self.started += 1;
                record.started.get_or_insert(self.now);
                record.waited = record.waited.saturating_add(self.now.since(record.waits_since));
                (self.waiting, self.running) = (self.waiting - 1, self.running + 1);
                if !record.job.service {
                    let takes = state.pace.time(state.left);
                    self.ends.push(Reverse((self.now.after(takes), self.started, job, state.starts)));
                }
            }
            JobDecision::Preempt { .. } => {
                if state_now != "runs" {
                    return Err(wrong("stopped"));
                }
                state.stopping = true;
                self.started += 1;
                self.stops.push(Reverse((self.now.after(self.config.stop_takes), self.started, job, state.starts)));
            }
            JobDecision::Reject { .. } => {
                if state_now != "waits" {
                    return Err(wrong("rejected"));
                }
                record.rejected = Some(self.now);
                record.waited = record.waited.saturating_add(self.now.since(record.waits_since));
                self.over += 1;
                self.waiting -= 1;
            }
            _ => return Err(wrong("resized")),
        }
        Ok(())
    }
}

fn record(work: &Work) -> Record {
    Record {
        job: work.job.clone(),
        run: work.run,
        started: None,
        ended: None,
        rejected: None,
        waited: Span::ZERO,
        held: Span::ZERO,
        preempted: 0,
        failed: 0,
        lost: Span::ZERO,
        waits_since: work.job.submitted,
    }
}
