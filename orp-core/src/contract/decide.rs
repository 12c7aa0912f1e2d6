//! Those who decide: planner, estimator, scheduler, policy, interpreter. All are functions of their arguments.

use crate::noun::{
    BudgetSpec, ClusterView, Decisions, Intent, JobEvent, Machine, PlanLimits, PlanOutcome, PlanningProblem,
    PolicyDecision, PolicyRequest, Rate, Waiting, Work,
};
use crate::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// What would do? Turns an intent and what is on offer into plans.
///
/// **PLAN-1** the same problem and limits give the same outcome. **PLAN-2** every plan is without
/// [violations](crate::noun::Plan::violations). **PLAN-3** no plan of a frontier dominates another. **PLAN-4** a frontier
/// has at least one plan and at most `limits.plans`. **PLAN-5** each relaxation of an infeasible intent makes it feasible.
/// **PLAN-6** nothing forbidden is bound.
///
/// `made` and `id` of a plan are functions of the problem too (PLAN-1).
pub trait Planner: Send + Sync + Debug {
    /// The plans for an intent, or why there are none.
    fn plan(&self, problem: &PlanningProblem, limits: &PlanLimits) -> PlanOutcome;
}

/// What an estimator believes about a task on a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeEstimate {
    /// How long it takes without reclaims, transfers and restarts: from `low` to `high`, `mean` between.
    pub mean: Span,
    /// The least.
    pub low: Span,
    /// The most.
    pub high: Span,
    /// The speed behind it, with its source.
    pub rate: Option<Rate>,
}

/// How long does work take on a machine?
///
/// **EST-1** more work of the same kind never takes less time. **EST-2** `low ≤ mean ≤ high`. **EST-3** a machine on which
/// the work cannot run (its memory does not hold it) is refused with a reason.
pub trait Estimator: Send + Sync + Debug {
    /// How long `work` takes on `units` machines of this kind together; `None` as machine for work without one.
    fn time(&self, work: &Work, machine: Option<&Machine>, units: u32) -> Result<TimeEstimate, String>;
}

/// Who gets what now? A deterministic state machine: it knows what it decided before and what it is told.
///
/// **SCHED-1** the same events and views give the same decisions. **SCHED-2** no node is ever given more than it has.
/// **SCHED-3** a gang starts whole or not at all. **SCHED-4** no job is preempted for one of lower or equal priority.
/// **SCHED-5** every waiting job has a queue and a reason. **SCHED-6** a tenant never holds more than its quota.
/// **SCHED-7** a device is held by one job at a time. **SCHED-8** a job that fits an idle cluster and its tenant's quota
/// starts when all others have ended.
pub trait Scheduler: Send + Debug {
    /// Takes events in and decides.
    fn decide(&mut self, now: Timestamp, events: &[JobEvent], view: &ClusterView) -> Decisions;

    /// The jobs that wait, where and why, in the order they will be looked at.
    fn waiting(&self) -> Vec<Waiting>;
}

/// May it? Judges requests by the policies in force.
///
/// **POL-1** an error in evaluation never permits. **POL-2** a refusal names its rules. **POL-3** the same request gets the
/// same decision. **POL-4** adding a fact that no rule speaks of changes nothing.
pub trait PolicyEngine: Send + Sync + Debug {
    /// Judges a request.
    fn decide(&self, request: &PolicyRequest) -> PolicyDecision;

    /// The budgets that a charge with these facts at this time falls under.
    fn budgets(&self, request: &PolicyRequest) -> Vec<BudgetSpec>;
}

/// What came of reading an intent from plain words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpretation {
    /// The words mean this.
    Intent(Box<Intent>),
    /// The words may mean several things: which?
    Question {
        /// What is not clear.
        question: String,
        /// What it may mean.
        candidates: Vec<String>,
    },
}

/// What do these words want?
///
/// **INT-1** what is not clear is asked, never guessed. **INT-2** the same words mean the same.
pub trait IntentInterpreter: Send + Sync + Debug {
    /// Reads an intent from plain words.
    fn interpret(&self, words: &str) -> Result<Interpretation, String>;
}
