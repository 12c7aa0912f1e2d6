//! The state of a run, folded from its events: what a restarted host knows, and what reports read.

use super::{
    AssetRef, Binding, Checkpoint, Clearance, Digest, Ending, Event, Execution, Interruption, Lease, Outcome, Pillar,
    Plan, PolicyDecision, PolicyPoint, Rate, Record, Released,
};
use crate::id::{AttemptId, IdempotencyKey, LeaseId, RunId, TaskName};
use crate::unit::{Amount, Bytes, Meter, Money, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something a task left: a file with its digest, registered as an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// The asset's name and version.
    pub asset: AssetRef,
    /// The pillar it belongs to.
    pub pillar: Pillar,
    /// What it is within the pillar.
    pub kind: String,
    /// The file.
    pub path: String,
    /// Its size.
    pub size: Bytes,
    /// The digest of its content.
    pub digest: Digest,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Its inputs do not exist yet, or it waits in a queue.
    #[default]
    Waiting,
    /// A process or person works on it.
    Running,
    /// It is done.
    Done,
}

/// One attempt at a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptState {
    /// Which.
    pub id: AttemptId,
    /// When it was queued.
    pub queued: Timestamp,
    /// When its lease was asked for, the last time.
    pub requested: Option<Timestamp>,
    /// The key of the lease asked for.
    pub lease_key: Option<IdempotencyKey>,
    /// The lease it runs on.
    pub lease: Option<LeaseId>,
    /// The speed the plan believed in when the lease was granted; none when it was on another offer than the planned one.
    pub rate: Option<Rate>,
    /// Whether a launch was about to happen: it may have happened.
    pub starting: bool,
    /// The process.
    pub execution: Option<Execution>,
    /// When it started, by ORP's clock.
    pub started: Option<Timestamp>,
    /// When and how it ended.
    pub ended: Option<(Timestamp, Ending)>,
    /// Why it had to end, when the task was not done.
    pub interruption: Option<Interruption>,
    /// The share of the task done when it started and when it ended.
    pub share: (f64, f64),
    /// How often a restarted host found it again.
    pub reattached: u32,
}

/// One task of the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskState {
    /// Where it stands.
    pub status: TaskStatus,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptState>,
    /// The share that is safe in a checkpoint.
    pub safe_share: f64,
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What it left.
    pub artefacts: Vec<Artefact>,
    /// The last measures it reported.
    pub metrics: BTreeMap<String, f64>,
}

impl TaskState {
    /// The attempt that is not over, if there is one.
    pub fn open_attempt(&self) -> Option<&AttemptState> {
        self.attempts.last().filter(|attempt| attempt.ended.is_none())
    }

    /// Attempts that ended by a failure of the task's own.
    pub fn failures(&self) -> u32 {
        let failed = |attempt: &&AttemptState| {
            attempt.interruption.is_none()
                && attempt.ended.as_ref().is_some_and(|(_, ending)| !ending.is_success() && !ending.is_saved())
        };
        self.attempts.iter().filter(failed).count() as u32
    }
}

/// A lease of the run, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaseState {
    /// For which attempt.
    pub attempt: AttemptId,
    /// The lease.
    pub lease: Lease,
    /// When and why it ended, and what it cost.
    pub released: Option<(Released, Money)>,
}

/// A charge for something else than a lease: a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// When.
    pub at: Timestamp,
    /// For what.
    pub what: String,
    /// How much.
    pub amount: Money,
}

/// What a run holds and uses on a meter other than cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// The reservation.
    pub key: IdempotencyKey,
    /// How much is reserved.
    pub reserved: Amount,
    /// How much was used so far.
    pub used: Amount,
}

/// What policy was asked in the run, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// When.
    pub at: Timestamp,
    /// Where it was asked.
    pub point: PolicyPoint,
    /// What it was about.
    pub subject: String,
    /// The answer.
    pub decision: PolicyDecision,
}

/// A run, folded from its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunState {
    /// Which run.
    pub id: RunId,
    /// When it started.
    pub started: Timestamp,
    /// The plan followed now.
    pub plan: Plan,
    /// The plan it began with.
    pub first_plan: Plan,
    /// The tasks.
    pub tasks: BTreeMap<TaskName, TaskState>,
    /// The leases, in order.
    pub leases: Vec<LeaseState>,
    /// The reservation of money, and how much is reserved.
    pub reservation: Option<(IdempotencyKey, Money)>,
    /// What is reserved on other meters, where budgets of the run count them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metered: BTreeMap<Meter, Metered>,
    /// Charged so far.
    pub spent: Money,
    /// Of that, what was not for a lease, in order.
    pub charges: Vec<Charge>,
    /// What was approved, and what else is to be kept to.
    #[serde(default)]
    pub clearance: Clearance,
    /// What policy said, in order.
    pub judgements: Vec<Judgement>,
    /// Why it was planned again, in order.
    pub replans: Vec<(Timestamp, String)>,
    /// Reclaims so far.
    pub reclaims: u32,
    /// Whether it was asked to stop.
    pub cancelling: Option<String>,
    /// When and how it ended.
    pub ended: Option<(Timestamp, Outcome)>,
    /// Whether the account is closed.
    pub settled: bool,
}

impl RunState {
    /// The run that a `RunStarted` record begins; `None` for any other record.
    pub fn begin(record: &Record) -> Option<Self> {
        let (Event::RunStarted { plan }, Some(id)) = (&record.event, record.run) else { return None };
        let tasks = plan.workflow.tasks().iter().map(|task| (task.name.clone(), TaskState::default())).collect();
        Some(Self {
            id,
            started: record.at,
            plan: (**plan).clone(),
            first_plan: (**plan).clone(),
            tasks,
            leases: Vec::new(),
            reservation: None,
            metered: BTreeMap::new(),
            spent: Money::zero(plan.reserve.currency()),
            charges: Vec::new(),
            clearance: Clearance::default(),
            judgements: Vec::new(),
            replans: Vec::new(),
            reclaims: 0,
            cancelling: None,
            ended: None,
            settled: false,
        })
    }

    /// Takes one record of this run in.
    pub fn apply(&mut self, record: &Record) {
        let at = record.at;
        match &record.event {
            Event::PolicyDecided { point, subject, decision, .. } => self.judgements.push(Judgement {
                at,
                point: *point,
                subject: subject.clone(),
                decision: decision.clone(),
            }),
            Event::RunCleared { clearance } => self.clearance = clearance.clone(),
            Event::BudgetReserved { key, amount, .. } => self.reserve(key, *amount),
            Event::BudgetExtended { more, .. } => self.extend(*more),
            Event::AttemptQueued { attempt, .. } => self.queue(attempt, at),
            Event::LeaseRequested { attempt, key, .. } => {
                self.with_attempt(attempt, |state| {
                    state.requested = Some(at);
                    state.lease_key = Some(key.clone());
                });
            }
            Event::LeaseGranted { attempt, lease } => self.grant(attempt, lease),
            Event::LeaseReleased { lease, released, cost } => self.release(*lease, *released, *cost),
            Event::Charged { what, amount } => {
                self.charges.push(Charge { at, what: what.clone(), amount: *amount });
                self.spend(*amount);
            }
            Event::Metered { amount, .. } => {
                if let Some(metered) = self.metered.get_mut(&amount.meter()) {
                    metered.used = metered.used.checked_add(*amount).unwrap_or(metered.used);
                }
            }
            Event::AttemptStarting { attempt } => {
                self.with_attempt(attempt, |state| state.starting = true);
                self.with_task(&attempt.task, |task| task.status = TaskStatus::Running);
            }
            Event::AttemptStarted { attempt, execution } => {
                let safe = self.tasks.get(&attempt.task).map_or(0.0, |task| task.safe_share);
                self.with_attempt(attempt, |state| {
                    state.execution = Some(execution.clone());
                    state.started = Some(at);
                    state.share = (safe, safe);
                });
            }
            Event::AttemptReattached { attempt, execution } => self.with_attempt(attempt, |state| {
                state.execution = Some(execution.clone());
                state.started.get_or_insert(at);
                state.reattached += 1;
            }),
            Event::CheckpointSaved { attempt, checkpoint, share } => self.with_task(&attempt.task, |task| {
                task.checkpoint = Some(checkpoint.clone());
                task.safe_share = *share;
            }),
            Event::AttemptEnded { attempt, ending, interruption, metrics, share } => {
                self.end_attempt(attempt, at, ending, *interruption, metrics, *share);
            }
            Event::TaskDone { task, artefacts } => self.with_task(task, |task| {
                task.status = TaskStatus::Done;
                task.safe_share = 1.0;
                task.artefacts = artefacts.clone();
            }),
            Event::Replanned { reason, plan } => {
                self.replans.push((at, reason.clone()));
                self.plan = (**plan).clone();
            }
            Event::CancelRequested { reason } => self.cancelling = Some(reason.clone()),
            Event::BudgetSettled { spent, .. } => self.settled |= spent.meter() == Meter::Cost,
            Event::RunEnded { outcome } => self.ended = Some((at, outcome.clone())),
            _ => {}
        }
    }

    /// Tasks whose inputs exist and that neither run nor are done.
    pub fn ready(&self) -> Vec<TaskName> {
        let done = |name: &TaskName| self.tasks.get(name).is_some_and(|task| task.status == TaskStatus::Done);
        let waits = |name: &TaskName| self.tasks.get(name).is_some_and(|task| task.status == TaskStatus::Waiting);
        let tasks = self.plan.workflow.tasks().iter();
        tasks.filter(|task| waits(&task.name) && task.after.iter().all(done)).map(|task| task.name.clone()).collect()
    }

    /// Whether every task is done.
    pub fn is_complete(&self) -> bool {
        self.tasks.values().all(|task| task.status == TaskStatus::Done)
    }

    /// Leases that are not released.
    pub fn open_leases(&self) -> impl Iterator<Item = &LeaseState> {
        self.leases.iter().filter(|lease| lease.released.is_none())
    }

    fn reserve(&mut self, key: &IdempotencyKey, amount: Amount) {
        match amount.money() {
            Some(money) => self.reservation = Some((key.clone(), money)),
            None => {
                let metered = Metered { key: key.clone(), reserved: amount, used: amount.zero() };
                self.metered.insert(amount.meter(), metered);
            }
        }
    }

    fn extend(&mut self, more: Amount) {
        if let (Some((_, amount)), Some(more)) = (&mut self.reservation, more.money()) {
            *amount = amount.checked_add(more).unwrap_or(*amount);
        }
        if let Some(metered) = self.metered.get_mut(&more.meter()) {
            metered.reserved = metered.reserved.checked_add(more).unwrap_or(metered.reserved);
        }
    }

    fn queue(&mut self, attempt: &AttemptId, at: Timestamp) {
        self.with_task(&attempt.task, |task| {
            if task.attempts.iter().all(|state| state.id != *attempt) {
                let share = (task.safe_share, task.safe_share);
                task.attempts.push(AttemptState {
                    id: attempt.clone(),
                    queued: at,
                    requested: None,
                    lease_key: None,
                    lease: None,
                    rate: None,
                    starting: false,
                    execution: None,
                    started: None,
                    ended: None,
                    interruption: None,
                    share,
                    reattached: 0,
                });
            }
        });
    }

    fn grant(&mut self, attempt: &AttemptId, lease: &Lease) {
        let binding = self.plan.binding(&attempt.task);
        let as_planned = |b: &&Binding| b.machine().is_some_and(|bound| bound.offer.key == lease.offer.key);
        let rate = binding.filter(as_planned).and_then(|binding| binding.rate.clone());
        self.with_attempt(attempt, |state| {
            state.lease = Some(lease.id);
            state.rate = rate.or(state.rate.take());
        });
        self.leases.push(LeaseState { attempt: attempt.clone(), lease: lease.clone(), released: None });
    }

    fn end_attempt(
        &mut self,
        attempt: &AttemptId,
        at: Timestamp,
        ending: &Ending,
        interruption: Option<Interruption>,
        metrics: &BTreeMap<String, f64>,
        share: f64,
    ) {
        self.with_attempt(attempt, |state| {
            state.ended = Some((at, ending.clone()));
            state.interruption = interruption;
            state.share.1 = share;
        });
        self.with_task(&attempt.task, |task| {
            task.status = TaskStatus::Waiting;
            task.metrics.extend(metrics.clone());
        });
        if interruption == Some(Interruption::Reclaimed) {
            self.reclaims += 1;
        }
    }

    fn release(&mut self, lease: LeaseId, released: Released, cost: Money) {
        if let Some(state) = self.leases.iter_mut().find(|state| state.lease.id == lease && state.released.is_none()) {
            state.released = Some((released, cost));
            self.spend(cost);
        }
    }

    fn spend(&mut self, amount: Money) {
        self.spent = self.spent.checked_add(amount).unwrap_or(self.spent);
    }

    fn with_task(&mut self, name: &TaskName, change: impl FnOnce(&mut TaskState)) {
        if let Some(task) = self.tasks.get_mut(name) {
            change(task);
        }
    }

    fn with_attempt(&mut self, id: &AttemptId, change: impl FnOnce(&mut AttemptState)) {
        self.with_task(&id.task, |task| {
            if let Some(state) = task.attempts.iter_mut().find(|state| state.id == *id) {
                change(state);
            }
        });
    }
}
