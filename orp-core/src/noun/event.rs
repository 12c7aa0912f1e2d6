//! Events: the facts of the journal, the only source of truth. Everything else is folded from them.

use super::{
    ApprovalRequest, Artefact, BudgetSpec, Checkpoint, Clearance, Digest, Ending, Execution, Intent, Lease, Notice,
    Plan, PolicyDecision, PolicyPoint, PolicyRequest, Queue, Released, Transfer, Vote,
};
use crate::id::{AttemptId, BudgetName, IdempotencyKey, IntentId, LeaseId, Principal, RunId, TaskName};
use crate::unit::{Amount, Money, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A record's place in the journal, from 1, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

/// An event in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its place.
    pub sequence: Sequence,
    /// When it was written, by ORP's clock.
    pub at: Timestamp,
    /// The run it belongs to, if any.
    pub run: Option<RunId>,
    /// What happened.
    pub event: Event,
}

/// An event to be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewRecord {
    /// When.
    pub at: Timestamp,
    /// The run it belongs to, if any.
    pub run: Option<RunId>,
    /// What happened.
    pub event: Event,
}

/// Why a task's attempt had to end before the task was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// The provider took the capacity back.
    Reclaimed,
    /// The scheduler preempted it for a job of higher priority.
    Preempted,
    /// The run was cancelled.
    Cancelled,
    /// The budget has no more.
    BudgetExhausted,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every task is done.
    Succeeded,
    /// A task failed for good, or nothing fits any more.
    Failed(String),
    /// It was cancelled.
    Cancelled,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// A fact. Names are past tense: it has happened, or it has been decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// An intent came in.
    IntentDeclared {
        /// Its identifier.
        id: IntentId,
        /// The intent.
        intent: Box<Intent>,
    },
    /// Policy answered.
    PolicyDecided {
        /// Where it was asked.
        point: PolicyPoint,
        /// What it was about.
        subject: String,
        /// The answer.
        decision: PolicyDecision,
        /// Every single question, with its answer: what another policy can be asked again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asked: Vec<(PolicyRequest, PolicyDecision)>,
    },
    /// Somebody was asked to approve something.
    ApprovalRequested {
        /// What is to be approved.
        approval: Box<ApprovalRequest>,
    },
    /// Somebody voted on it, and the vote counts.
    ApprovalVoted {
        /// The vote.
        vote: Vote,
    },
    /// What policy asked for before the run might start was done: it may go on within this.
    RunCleared {
        /// What was approved, and what else is to be kept to.
        clearance: Clearance,
    },
    /// A run was admitted: from here on it survives a restart.
    RunStarted {
        /// The plan it follows.
        plan: Box<Plan>,
    },
    /// An amount was reserved on every budget of the run that counts it: money, or what else a plan says it takes.
    BudgetReserved {
        /// The reservation; a run has one for each meter.
        key: IdempotencyKey,
        /// How much.
        amount: Amount,
        /// On which budgets.
        budgets: Vec<BudgetSpec>,
    },
    /// A reservation was raised.
    BudgetExtended {
        /// The reservation.
        key: IdempotencyKey,
        /// By how much.
        more: Amount,
    },
    /// A budget's limit was raised, for somebody approved it.
    BudgetRaised {
        /// Which account.
        budget: BudgetName,
        /// By how much.
        by: Amount,
        /// The approval, by its digest; it is used up.
        approval: Digest,
    },
    /// Limit was moved from one budget's account to another's.
    BudgetTransferred {
        /// The same key again changes nothing.
        key: IdempotencyKey,
        /// What was moved, and why.
        transfer: Transfer,
        /// Who moved it.
        by: Principal,
    },
    /// A budget's limit comes near, or was passed.
    BudgetNoticed {
        /// What is to be told.
        notice: Notice,
    },
    /// A task's inputs exist; its attempt waits.
    AttemptQueued {
        /// Which attempt.
        attempt: AttemptId,
        /// Where it waits.
        queue: Queue,
        /// Why, for people.
        reason: String,
    },
    /// A lease is about to be asked for: written before the provider is called.
    LeaseRequested {
        /// For which attempt.
        attempt: AttemptId,
        /// The provider and offer asked.
        offer: super::OfferKey,
        /// The key of the call.
        key: IdempotencyKey,
    },
    /// A lease was granted.
    LeaseGranted {
        /// For which attempt.
        attempt: AttemptId,
        /// The lease.
        lease: Box<Lease>,
    },
    /// A lease could not be had.
    LeaseRefused {
        /// For which attempt.
        attempt: AttemptId,
        /// The key of the call.
        key: IdempotencyKey,
        /// Why.
        reason: String,
    },
    /// A lease is over, and what it cost.
    LeaseReleased {
        /// Which lease.
        lease: LeaseId,
        /// When and why.
        released: Released,
        /// What it cost; the ledger is charged with it.
        cost: Money,
    },
    /// Something else than a lease was charged: a transfer.
    Charged {
        /// For what.
        what: String,
        /// How much.
        amount: Money,
    },
    /// Something was used that a budget of the run counts otherwise than in money; the ledger is charged with it.
    Metered {
        /// For what.
        what: String,
        /// How much.
        amount: Amount,
    },
    /// A process is about to be launched: written before the provider is called.
    AttemptStarting {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// A process runs.
    AttemptStarted {
        /// Which attempt.
        attempt: AttemptId,
        /// The process.
        execution: Execution,
    },
    /// The host came back and found the process running, or how it ended.
    AttemptReattached {
        /// Which attempt.
        attempt: AttemptId,
        /// The process.
        execution: Execution,
    },
    /// A state was saved.
    CheckpointSaved {
        /// By which attempt.
        attempt: AttemptId,
        /// The checkpoint.
        checkpoint: Checkpoint,
        /// The share of the task that is safe with it.
        share: f64,
    },
    /// The provider gave notice that it takes a lease back.
    ReclaimNoticed {
        /// Which attempt it hits.
        attempt: AttemptId,
        /// When the capacity goes.
        at: Timestamp,
    },
    /// An attempt is over.
    AttemptEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// How.
        ending: Ending,
        /// Why it had to, when the task is not done.
        interruption: Option<Interruption>,
        /// The last measures it reported.
        metrics: BTreeMap<String, f64>,
        /// The share of the task done, as last reported.
        share: f64,
    },
    /// A task is done.
    TaskDone {
        /// Which task.
        task: TaskName,
        /// What it left.
        artefacts: Vec<Artefact>,
    },
    /// The rest of the run was planned again.
    Replanned {
        /// Why.
        reason: String,
        /// What is followed from now on: the same workflow, with new bindings for what is left.
        plan: Box<Plan>,
    },
    /// Somebody asked for the run to stop.
    CancelRequested {
        /// Who or why.
        reason: String,
    },
    /// What was left of the reservation was released: the account is closed.
    BudgetSettled {
        /// The reservation.
        key: IdempotencyKey,
        /// How much was spent.
        spent: Amount,
        /// How much was released.
        released: Amount,
    },
    /// The run is over.
    RunEnded {
        /// How.
        outcome: Outcome,
    },
}
