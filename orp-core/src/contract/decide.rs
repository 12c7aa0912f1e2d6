//! Those who decide: planner, estimator, scheduler, policy, interpreter. All are functions of their arguments.

use crate::id::RuleId;
use crate::noun::{
    ApprovalTerms, BudgetSpec, ClusterView, Decisions, Facts, Intent, JobEvent, Machine, PlanLimits, PlanOutcome,
    PlanningProblem, PolicyDecision, PolicyRequest, Rate, Waiting, Work,
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
/// **SCHED-1** the same events and views give the same decisions. **SCHED-2** no node is ever given more than it has, and no
/// accelerator twice. **SCHED-3** a gang starts whole or not at all. **SCHED-4** no job is preempted for one of lower
/// priority. **SCHED-5** every waiting job has a queue and a reason. **SCHED-6** a tenant never holds more than its quota.
/// **SCHED-7** a device is held by one job at a time. **SCHED-8** a job that fits an idle cluster and its tenant's quota
/// starts when all others have ended.
pub trait Scheduler: Send + Debug {
    /// Takes events in and decides.
    fn decide(&mut self, now: Timestamp, events: &[JobEvent], view: &ClusterView) -> Decisions;

    /// The jobs that wait, where and why, in the order they will be looked at.
    fn waiting(&self) -> Vec<Waiting>;

    /// The scheduler as it is now, to be asked what would happen; the original knows nothing of it. `None` from one that
    /// cannot be copied.
    fn fork(&self) -> Option<Box<dyn Scheduler>> {
        None
    }
}

/// May it? Judges requests by the policies in force.
///
/// **POL-1** an error in evaluation never permits. **POL-2** a refusal names its rules. **POL-3** the same request gets the
/// same decision. **POL-4** adding a fact that no rule speaks of changes nothing. **POL-5** what is judged in two steps comes to
/// what is judged in one.
pub trait PolicyEngine: Send + Sync + Debug {
    /// Judges a request.
    fn decide(&self, request: &PolicyRequest) -> PolicyDecision;

    /// The budgets that a charge with these facts at this time falls under.
    fn budgets(&self, request: &PolicyRequest) -> Vec<BudgetSpec>;

    /// On what terms an approval flow approves; `None` where there is no such flow. What a budget asks at its limit is asked so.
    fn approval_terms(&self, flow: &RuleId) -> Option<ApprovalTerms> {
        let _ = flow;
        None
    }

    /// The engine with `known` taken in, for requests that differ from it in the `open` facts only; `None` from an engine
    /// that gains nothing by it. A name that ends in `.*` opens all facts that begin so. Call [`PolicyEngineExt::narrow`],
    /// which always answers.
    fn residual<'a>(&'a self, known: &PolicyRequest, open: &[&str]) -> Option<Box<dyn ResidualPolicy + 'a>> {
        let _ = (known, open);
        None
    }
}

/// What is left to judge once most facts are known: judged for one candidate after the other.
pub trait ResidualPolicy: Send + Sync + Debug {
    /// Judges what was known with the open facts of a candidate; facts that are not open are not taken.
    fn decide(&self, candidate: &Facts) -> PolicyDecision;
}

/// Comfort over every [`PolicyEngine`].
pub trait PolicyEngineExt: PolicyEngine {
    /// What is left to judge when `known` is known and only the `open` facts differ: one pass for an intent, then little for
    /// each of its candidates.
    ///
    /// ```
    /// use orp_core::{memory::MemoryPolicy, prelude::*};
    ///
    /// let policy = MemoryPolicy::default().with_permit_up_to(RuleId::new("small")?, PolicyPoint::Run, "fine_tune", "5 USD".parse()?);
    /// let narrow = policy.narrow(&PolicyRequest::new(PolicyPoint::Run, "fine_tune", Timestamp::EPOCH), &["cost"]);
    /// for (cost, permitted) in [("3 USD", true), ("8 USD", false)] {
    ///     let candidate = Facts::from([("cost".to_owned(), cost.parse::<Money>()?.into())]);
    ///     assert_eq!(narrow.decide(&candidate).is_permit(), permitted);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn narrow<'a>(&'a self, known: &PolicyRequest, open: &[&str]) -> Box<dyn ResidualPolicy + 'a> {
        self.residual(known, open).unwrap_or_else(|| {
            let open = open.iter().map(|name| (*name).to_owned()).collect();
            Box::new(Whole { engine: self, known: known.clone(), open })
        })
    }
}

impl<E: PolicyEngine + ?Sized> PolicyEngineExt for E {}

/// A narrowed engine that judges everything again each time.
#[derive(Debug)]
struct Whole<'a, E: ?Sized> {
    engine: &'a E,
    known: PolicyRequest,
    open: Vec<String>,
}

impl<E: PolicyEngine + ?Sized> ResidualPolicy for Whole<'_, E> {
    fn decide(&self, candidate: &Facts) -> PolicyDecision {
        let mut request = self.known.clone();
        let open = candidate.iter().filter(|(name, _)| self.open.iter().any(|open| opens(open, name)));
        request.facts.extend(open.map(|(name, value)| (name.clone(), value.clone())));
        self.engine.decide(&request)
    }
}

/// Whether an open name, which may end in `.*`, stands for a fact.
pub fn opens(open: &str, fact: &str) -> bool {
    match open.strip_suffix('*').filter(|prefix| prefix.ends_with('.')) {
        Some(prefix) => fact.starts_with(prefix),
        None => open == fact,
    }
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
