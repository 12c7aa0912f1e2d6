//! Plans: tasks bound to offers, with estimates and reasons; the frontier of them; and why nothing fits.

use super::{
    Intent, Market, Network, Objective, Offer, OfferKey, Pillar, Place, Preference, Recipe, Resource, Task, Workflow,
};
use crate::id::{PlanId, RecipeName, TaskName};
use crate::unit::{Amount, AmountError, Bytes, GpuAmount, Meter, Money, Probability, Span, Timestamp, Tokens};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// An uncertain amount: its mean, median and 95th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimated<T> {
    /// The mean.
    pub mean: T,
    /// The median.
    pub p50: T,
    /// What it stays below with probability 0.95.
    pub p95: T,
}

impl<T: Copy> Estimated<T> {
    /// An amount that is certain.
    pub const fn exact(amount: T) -> Self {
        Self { mean: amount, p50: amount, p95: amount }
    }
}

/// One offer of a binding, as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Which claim of the task it serves.
    pub claim: usize,
    /// The offer.
    pub offer: Offer,
    /// How many units of it.
    pub units: u32,
}

impl Bound {
    /// How many bytes leave its place when a task runs at another; none of what is not moved, or is there already.
    pub fn moves_to(&self, place: &Place) -> Option<Bytes> {
        let size = match &self.offer.resource {
            Resource::Data(replica) => replica.size,
            Resource::Model(weights) => weights.size,
            _ => return None,
        };
        (self.offer.place != *place).then_some(size)
    }
}

/// A task with every claim bound to an offer, and what is believed about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Binding {
    /// The task.
    pub task: TaskName,
    /// An offer for every claim.
    pub bound: Vec<Bound>,
    /// Other offers that would serve the claim on compute, best first: where to go after a reclaim.
    pub alternatives: Vec<OfferKey>,
    /// When it starts, from the plan's start, expected.
    pub start: Span,
    /// How long it takes from start to end, reclaims and restarts counted in.
    pub duration: Estimated<Span>,
    /// What it costs, transfers counted in.
    pub cost: Estimated<Money>,
    /// Expected reclaims on the way.
    pub reclaims: f64,
    /// How often it should save its state.
    pub checkpoint_every: Option<Span>,
    /// Progress believed for each second: the estimator's rate, with its unit and source.
    pub rate: Option<Rate>,
}

impl Binding {
    /// A binding with nothing bound, that takes no time and costs nothing; change the fields that differ.
    pub fn new(task: TaskName, cost: Money) -> Self {
        Self {
            task,
            bound: Vec::new(),
            alternatives: Vec::new(),
            start: Span::ZERO,
            duration: Estimated::exact(Span::ZERO),
            cost: Estimated::exact(cost),
            reclaims: 0.0,
            checkpoint_every: None,
            rate: None,
        }
    }

    /// The offer that serves the claim on compute.
    pub fn machine(&self) -> Option<&Bound> {
        self.bound.iter().find(|bound| bound.offer.resource.pillar() == Pillar::Compute)
    }

    /// The person or agent bound, if any.
    pub fn person(&self) -> Option<&Bound> {
        self.bound.iter().find(|bound| bound.offer.resource.pillar() == Pillar::Talent)
    }
}

/// A believed speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Units for each second.
    pub per_second: f64,
    /// The unit: `tokens`.
    pub unit: String,
    /// Where the belief comes from.
    pub source: String,
}

/// An expected quality, and where the belief comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// In `0..=1`.
    pub value: f64,
    /// A source, or `assumed`.
    pub source: String,
}

/// What is believed about a whole plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Estimate {
    /// All charges together.
    pub cost: Estimated<Money>,
    /// From start to end.
    pub duration: Estimated<Span>,
    /// The probability to miss the budget or the deadline.
    pub risk: Probability,
    /// Quality of the result.
    pub quality: Quality,
    /// Expected reclaims.
    pub reclaims: f64,
}

impl Estimate {
    /// All of it together.
    pub fn new(
        cost: Estimated<Money>,
        duration: Estimated<Span>,
        risk: Probability,
        quality: Quality,
        reclaims: f64,
    ) -> Self {
        Self { cost, duration, risk, quality, reclaims }
    }

    /// The value of an objective as a float, for comparison and plots.
    pub fn value(&self, objective: Objective) -> f64 {
        match objective {
            Objective::Cost => self.cost.mean.as_f64(),
            Objective::Duration => self.duration.mean.as_hours_f64(),
            Objective::Risk => self.risk.get(),
            Objective::Quality => self.quality.value,
        }
    }

    /// Whether it is at least as good in everything and better in something.
    pub fn dominates(&self, other: &Self) -> bool {
        let objectives = [Objective::Cost, Objective::Duration, Objective::Risk, Objective::Quality];
        let mut better = false;
        for objective in objectives {
            let (mine, theirs) = (self.value(objective), other.value(objective));
            let (mine, theirs) = if objective == Objective::Quality { (-mine, -theirs) } else { (mine, theirs) };
            if mine > theirs {
                return false;
            }
            better |= mine < theirs;
        }
        better
    }
}

/// Whether the deadline is guaranteed whatever spot does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Guarantee {
    /// It is, as long as one of these can be acquired within `bound` when it is needed; their cost is reserved.
    Deadline {
        /// Capacity that cannot be reclaimed.
        fallback: Vec<OfferKey>,
        /// The longest that acquiring it may take.
        bound: Span,
    },
    /// It is not, for this reason.
    None(String),
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline { fallback, bound } => {
                write!(f, "guaranteed: {} fallback offers, acquired within {bound}", fallback.len())
            }
            Self::None(reason) => write!(f, "no guarantee: {reason}"),
        }
    }
}

/// A plan: the workflow with every claim bound, what is believed about it, and why it is so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// Unique for ever.
    pub id: PlanId,
    /// What it is on the frontier: `fastest`, `cheapest`, `balanced`, or `option-N`. One plan may be several.
    pub names: Vec<String>,
    /// The intent it is for.
    pub intent: Intent,
    /// The recipe it follows, with its version.
    pub recipe: (RecipeName, String),
    /// The variant of the recipe.
    pub variant: String,
    /// How many tokens it trains on; zero when the goal has none.
    pub tokens: Tokens,
    /// The tasks.
    pub workflow: Workflow,
    /// A binding for each task, in the workflow's order.
    pub bindings: Vec<Binding>,
    /// What is believed about it.
    pub estimate: Estimate,
    /// How much of the budget to reserve before anything starts.
    pub reserve: Money,
    /// Whether the deadline is guaranteed.
    pub guarantee: Guarantee,
    /// Why it is so, a line each, most important first.
    pub why: Vec<String>,
    /// When it was made.
    pub made: Timestamp,
}

impl Plan {
    /// A plan that reserves its cost at p95, without names, reasons or guarantee, and without variant or tokens; change the
    /// fields that differ.
    pub fn new(
        id: PlanId,
        intent: Intent,
        recipe: (RecipeName, String),
        workflow: Workflow,
        bindings: Vec<Binding>,
        estimate: Estimate,
    ) -> Self {
        Self {
            id,
            names: Vec::new(),
            intent,
            recipe,
            variant: String::new(),
            tokens: Tokens::ZERO,
            workflow,
            bindings,
            reserve: estimate.cost.p95,
            estimate,
            guarantee: Guarantee::None("none was asked for".into()),
            why: Vec::new(),
            made: Timestamp::EPOCH,
        }
    }

    /// The binding of a task.
    pub fn binding(&self, task: &TaskName) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.task == *task)
    }

    /// How much these of its tasks are believed to take on a meter other than cost; `None` on those a plan does not state:
    /// tokens, energy, calls. Accelerators are held by each task for as long as it takes at p95, and bytes leave their place
    /// once for each task that runs elsewhere.
    pub fn believed(&self, meter: Meter, of: impl Fn(&TaskName) -> bool) -> Option<Result<Amount, AmountError>> {
        let sum = |taken: fn(&Self, &Binding) -> Result<Amount, AmountError>, nothing: Amount| {
            let mut bindings = self.bindings.iter().filter(|binding| of(&binding.task));
            bindings.try_fold(nothing, |sum, binding| sum.checked_add(taken(self, binding)?))
        };
        match meter {
            Meter::GpuSeconds => Some(sum(Self::gpu_time, Amount::gpu_time(GpuAmount::ZERO, Span::ZERO).ok()?)),
            Meter::EgressBytes => Some(sum(Self::egress, Amount::egress(Bytes::ZERO).ok()?)),
            Meter::Cost | Meter::Tokens | Meter::EnergyWh | Meter::Calls => None,
        }
    }

    /// A task holds its share of owned capacity, which is shared out, and all of any other.
    fn gpu_time(&self, binding: &Binding) -> Result<Amount, AmountError> {
        let Some(bound) = binding.machine() else { return Amount::gpu_time(GpuAmount::ZERO, Span::ZERO) };
        let claim = self.workflow.task(&binding.task).and_then(Task::machine);
        match claim.filter(|_| bound.offer.market == Market::Owned) {
            Some(claim) => Amount::gpu_time(claim.gpu, binding.duration.p95),
            None => bound.offer.gpu_time(bound.units, binding.duration.p95),
        }
    }

    fn egress(&self, binding: &Binding) -> Result<Amount, AmountError> {
        let Some(machine) = binding.machine() else { return Amount::egress(Bytes::ZERO) };
        let moved = binding.bound.iter().filter_map(|bound| bound.moves_to(&machine.offer.place));
        moved.map(Amount::egress).try_fold(Amount::egress(Bytes::ZERO)?, |sum, moved| sum.checked_add(moved?))
    }

    /// Its first name.
    pub fn name(&self) -> &str {
        self.names.first().map_or("plan", String::as_str)
    }

    /// The binding that costs most: what a table shows of a plan.
    pub fn main_binding(&self) -> Option<&Binding> {
        self.bindings.iter().filter(|b| b.machine().is_some()).max_by_key(|b| (b.cost.mean.micros(), b.duration.mean))
    }

    /// Whether any task runs on capacity that can be reclaimed.
    pub fn uses_spot(&self) -> bool {
        self.bindings.iter().any(|b| b.machine().is_some_and(|m| m.offer.market == Market::Spot))
    }

    /// What does not hold between the plan and its intent: a claim unbound, an offer that does not serve its claim, a hard
    /// constraint missed by the estimate. Independent of every planner; empty for a valid plan.
    pub fn violations(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for task in self.workflow.tasks() {
            match self.binding(&task.name) {
                None => wrong.push(format!("task `{}` has no binding", task.name)),
                Some(binding) => self.check_binding(task, binding, &mut wrong),
            }
        }
        for binding in &self.bindings {
            if self.workflow.task(&binding.task).is_none() {
                wrong.push(format!("binding for unknown task `{}`", binding.task));
            }
        }
        let constraints = &self.intent.constraints;
        if let Some(cost) = &constraints.cost {
            let bound = if cost.confidence.get() > 0.5 { self.estimate.cost.p95 } else { self.estimate.cost.p50 };
            if bound > cost.max || bound.currency() != cost.max.currency() {
                wrong.push(format!("costs up to {bound}, the budget is {}", cost.max));
            }
            if self.reserve > cost.max {
                wrong.push(format!("reserves {}, the budget is {}", self.reserve, cost.max));
            }
        }
        if let Some(finish) = &constraints.finish
            && self.estimate.duration.p95 > finish.within
            && finish.miss.get() < 0.5
        {
            wrong.push(format!("takes up to {}, the deadline is {}", self.estimate.duration.p95, finish.within));
        }
        wrong
    }

    fn check_binding(&self, task: &Task, binding: &Binding, wrong: &mut Vec<String>) {
        let constraints = &self.intent.constraints;
        for (at, claim) in task.claims.iter().enumerate() {
            let Some(bound) = binding.bound.iter().find(|bound| bound.claim == at) else {
                wrong.push(format!("task `{}`: claim on {claim} is not bound", task.name));
                continue;
            };
            if let Err(reason) = claim.admits(&bound.offer) {
                // A gang of units serves a claim that one unit does not: the capacities add up.
                let gang = matches!(claim, super::Claim::Compute(_)) && bound.units > 1;
                if !gang {
                    wrong.push(format!("task `{}`: {} does not serve: {reason}", task.name, bound.offer.key));
                }
            }
            if bound.units == 0 || bound.units > bound.offer.units {
                wrong.push(format!("task `{}`: {} units of {}", task.name, bound.units, bound.offer.key));
            }
            if !constraints.regions.admits(&bound.offer.place.region) {
                wrong.push(format!("task `{}`: region {} is not allowed", task.name, bound.offer.place.region));
            }
            if !constraints.providers.admits(bound.offer.key.provider.as_str()) {
                wrong.push(format!("task `{}`: provider {} is not allowed", task.name, bound.offer.key.provider));
            }
        }
        for before in &task.after {
            if let Some(earlier) = self.binding(before)
                && earlier.start.saturating_add(earlier.duration.p50) > binding.start.saturating_add(Span::SECOND)
            {
                wrong.push(format!("task `{}` starts before `{before}` ends", task.name));
            }
        }
    }

    /// Why the plan is as it is, for people: what runs where, what is believed, what was given up.
    pub fn explain(&self) -> String {
        let mut text = format!(
            "{} — {} ({}), {} tokens: {:.2} expected, at most {:.2} at p95; {} expected, {} at p95; risk {}; quality {:.3} ({})\n",
            self.names.join(", "),
            self.recipe.0,
            self.variant,
            self.tokens,
            self.estimate.cost.mean,
            self.estimate.cost.p95,
            self.estimate.duration.mean.rounded(),
            self.estimate.duration.p95.rounded(),
            self.estimate.risk,
            self.estimate.quality.value,
            self.estimate.quality.source,
        );
        for binding in &self.bindings {
            let on: Vec<String> = binding
                .bound
                .iter()
                .map(|b| if b.units > 1 { format!("{}× {}", b.units, b.offer) } else { b.offer.to_string() })
                .collect();
            text.push_str(&format!(
                "  {:<10} from {:>8}, {:>8}, {:>10.2}  on {}\n",
                binding.task.as_str(),
                binding.start.rounded().to_string(),
                binding.duration.mean.rounded().to_string(),
                binding.cost.mean,
                if on.is_empty() { "nothing".into() } else { on.join("; ") },
            ));
        }
        for why in &self.why {
            text.push_str(&format!("  because {why}\n"));
        }
        text.push_str(&format!("  {}\n", self.guarantee));
        text
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:.2}, {}, risk {}, quality {:.3}",
            self.names.join(", "),
            self.estimate.cost.mean,
            self.estimate.duration.mean.rounded(),
            self.estimate.risk,
            self.estimate.quality.value
        )
    }
}

/// Why candidates were left out: a reason, and how many it hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Why, with an example.
    pub reason: String,
    /// How many candidates.
    pub count: u64,
}

/// Plans none of which is worse than another in everything, best-known first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Frontier {
    /// The plans; at most a dozen, at least one.
    pub plans: Vec<Plan>,
    /// Why other candidates are not there.
    pub rejected: Vec<Rejection>,
    /// How many whole candidates were looked at.
    pub considered: u64,
    /// Whether the search looked at everything, or stopped at a limit.
    pub complete: bool,
}

impl Frontier {
    /// A frontier of these plans.
    pub fn new(plans: Vec<Plan>, rejected: Vec<Rejection>, considered: u64, complete: bool) -> Self {
        Self { plans, rejected, considered, complete }
    }

    /// The plan of this name.
    pub fn named(&self, name: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.names.iter().any(|n| n == name))
    }

    /// The best plan for the intent's preferences: lexicographic, plans within one part in a hundred of the best being
    /// equal; the balanced plan when nothing is preferred.
    pub fn choose(&self, prefer: &[Preference]) -> Option<&Plan> {
        let mut left: Vec<&Plan> = self.plans.iter().collect();
        for preference in prefer {
            let (objective, sign) = match preference {
                Preference::Minimise(objective) => (*objective, 1.0),
                Preference::Maximise(objective) => (*objective, -1.0),
            };
            let value = |plan: &Plan| sign * plan.estimate.value(objective);
            let Some(best) = left.iter().map(|plan| value(plan)).min_by(f64::total_cmp) else { break };
            left.retain(|plan| value(plan) <= best + 0.01 * best.abs());
        }
        if prefer.is_empty() { self.named("balanced").or(left.first().copied()) } else { left.first().copied() }
    }

    /// The frontier as a table for people.
    pub fn table(&self) -> String {
        let header = ["plan", "cost", "p95", "duration", "risk", "quality", "tokens", "on", "why"].map(String::from);
        let mut rows = vec![header];
        for plan in &self.plans {
            let on = plan.main_binding().and_then(Binding::machine).map_or_else(
                || "-".into(),
                |bound| {
                    let units = if bound.units > 1 { format!("{}× ", bound.units) } else { String::new() };
                    format!("{units}{} {} in {}", bound.offer.market, bound.offer.title(), bound.offer.place.region)
                },
            );
            rows.push([
                plan.names.join(", "),
                format!("{:.2}", plan.estimate.cost.mean),
                format!("{:.2}", plan.estimate.cost.p95),
                plan.estimate.duration.mean.rounded().to_string(),
                plan.estimate.risk.to_string(),
                format!("{:.3}", plan.estimate.quality.value),
                format!("{} {}", plan.tokens, plan.variant),
                on,
                plan.why.first().cloned().unwrap_or_default(),
            ]);
        }
        align(&rows)
    }
}

/// Rows as columns of equal width, two spaces between, the last one ragged.
fn align(rows: &[[String; 9]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..9).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A hard constraint that keeps every plan out, and how far the best one is from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BindingConstraint {
    /// Its path in the intent: `constraints.cost.max`.
    pub constraint: String,
    /// What the intent asks.
    pub asked: String,
    /// The nearest that could be had, all else being equal.
    pub nearest: String,
}

/// A change of the intent that makes it feasible; each was verified by planning again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relaxation {
    /// The change, for people: `raise the budget to 46,200 USD`.
    pub change: String,
    /// The intent so changed.
    pub intent: Box<Intent>,
    /// What the cheapest plan would then be, in a line.
    pub gives: String,
}

/// Nothing fits: which constraints bind, and what would help.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Infeasibility {
    /// The constraints that bind.
    pub binding: Vec<BindingConstraint>,
    /// Changes each of which would do.
    pub relaxations: Vec<Relaxation>,
    /// Why candidates were left out.
    pub rejected: Vec<Rejection>,
}

impl Infeasibility {
    /// All of it together.
    pub fn new(binding: Vec<BindingConstraint>, relaxations: Vec<Relaxation>, rejected: Vec<Rejection>) -> Self {
        Self { binding, relaxations, rejected }
    }
}

impl fmt::Display for Infeasibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "infeasible: no plan satisfies the intent")?;
        for bound in &self.binding {
            writeln!(f, "  {} is {}: the nearest that can be had is {}", bound.constraint, bound.asked, bound.nearest)?;
        }
        for relaxation in &self.relaxations {
            writeln!(f, "  to make it feasible, {} (gives: {})", relaxation.change, relaxation.gives)?;
        }
        for rejection in &self.rejected {
            writeln!(f, "  {} candidates: {}", rejection.count, rejection.reason)?;
        }
        Ok(())
    }
}

/// What a planner answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanOutcome {
    /// Plans there are.
    Feasible(Frontier),
    /// None there is.
    Infeasible(Infeasibility),
}

/// Everything a planner needs to know; a plan is a function of it and the limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlanningProblem {
    /// The time now.
    pub now: Timestamp,
    /// What is wanted.
    pub intent: Intent,
    /// Recipes that may serve the goal.
    pub recipes: Vec<Recipe>,
    /// What can be had, of all pillars and providers.
    pub offers: Vec<Offer>,
    /// What moving data costs and takes.
    pub network: Network,
    /// Offers policy does not allow, with the reason.
    pub forbidden: BTreeMap<OfferKey, String>,
    /// Speeds observed before, by the believed rate's source: observed over believed.
    pub corrections: BTreeMap<String, f64>,
    /// When a run is planned again in its middle: what is left of it.
    pub remaining: Option<Remaining>,
}

impl PlanningProblem {
    /// A problem without policy, experience or a run under way; change the fields that differ.
    pub fn new(now: Timestamp, intent: Intent, recipes: Vec<Recipe>, offers: Vec<Offer>) -> Self {
        Self {
            now,
            intent,
            recipes,
            offers,
            network: Network::default(),
            forbidden: BTreeMap::new(),
            corrections: BTreeMap::new(),
            remaining: None,
        }
    }
}

/// What is left of a run that is planned again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Remaining {
    /// The plan it followed; recipe, variant and tokens stay.
    pub plan: Plan,
    /// Tasks not to plan: done, or running undisturbed.
    pub settled: Vec<TaskName>,
    /// How long settled tasks that still run are believed to take from now; a settled task not named here is done.
    #[serde(default)]
    pub running: BTreeMap<TaskName, Span>,
    /// Shares done (of 1) of tasks that have checkpoints, by task.
    pub progress: BTreeMap<TaskName, f64>,
    /// Money spent already.
    pub spent: Money,
    /// Time gone since the run started.
    pub elapsed: Span,
    /// Offers that were just reclaimed or failed, with the reclaims per hour to believe of them now.
    pub distrusted: BTreeMap<OfferKey, f64>,
}

impl Remaining {
    /// What is left when nothing is done yet.
    pub fn new(plan: Plan, spent: Money, elapsed: Span) -> Self {
        Self {
            plan,
            settled: Vec::new(),
            running: BTreeMap::new(),
            progress: BTreeMap::new(),
            spent,
            elapsed,
            distrusted: BTreeMap::new(),
        }
    }
}

/// How far a planner may search. Counts, so that the same limits give the same plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlanLimits {
    /// The most whole candidates to look at.
    pub candidates: u64,
    /// The most plans on the frontier.
    pub plans: usize,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self { candidates: 1_000_000, plans: 12 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ResourceProvider;
    use crate::memory::MemoryProvider;
    use crate::noun::{Action, Claim, ComputeClaim, Goal, Work};
    use futures_util::FutureExt;

    fn offer(id: &str) -> Offer {
        let offers = MemoryProvider::example().offers().now_or_never().unwrap().unwrap();
        offers.into_iter().find(|offer| offer.key.offer.as_str() == id).unwrap()
    }

    /// A plan of a task that needs one accelerator and the example's data for ten seconds, on what is bound.
    fn plan(tasks: &[(&str, Vec<Bound>)]) -> Plan {
        let zero = "0 USD".parse().unwrap();
        let task = |(name, _): &(&str, Vec<Bound>)| {
            let action = Action::Person { request: "it does not matter".into() };
            let mut task = Task::new(TaskName::new(*name).unwrap(), Work::Fixed(Span::SECOND), action);
            let claim = ComputeClaim { gpu: GpuAmount::whole(1), ..ComputeClaim::default() };
            task.claims = vec![Claim::Compute(claim), Claim::Data("corpus@v1".parse().unwrap())];
            task
        };
        let binding = |(name, bound): &(&str, Vec<Bound>)| Binding {
            bound: bound.clone(),
            duration: Estimated { p95: Span::from_secs(10), ..Estimated::exact(Span::SECOND) },
            ..Binding::new(TaskName::new(*name).unwrap(), zero)
        };
        let quality = Quality { value: 1.0, source: "assumed".into() };
        let (cost, time) = (Estimated::exact(zero), Estimated::exact(Span::SECOND));
        Plan::new(
            PlanId::from_uuid(uuid::Uuid::nil()),
            Intent::new(Goal::new("x")),
            (RecipeName::new("x").unwrap(), "1".into()),
            Workflow::new(tasks.iter().map(task).collect()).unwrap(),
            tasks.iter().map(binding).collect(),
            Estimate::new(cost, time, Probability::ZERO, quality, 0.0),
        )
    }

    #[test]
    fn a_plan_states_what_it_takes_beside_money() {
        let bound = |claim, offer, units| Bound { claim, offer, units };
        let mut away = offer("corpus");
        away.place = Place::new("memory", "there");
        let owned = Offer { market: Market::Owned, ..offer("gpu") };
        let plan = plan(&[
            ("gang", vec![bound(0, offer("gpu"), 2), bound(1, away, 1)]),
            ("share", vec![bound(0, owned, 1), bound(1, offer("corpus"), 1)]),
            ("none", vec![]),
        ]);
        let of = |meter, task: &str| {
            let believed = plan.believed(meter, |name| task == "all" || name.as_str() == task);
            believed.map(|amount| amount.unwrap().to_string())
        };
        for (meter, task, amount) in [
            (Meter::GpuSeconds, "gang", Some("160 gpu_seconds")),
            (Meter::GpuSeconds, "share", Some("10 gpu_seconds")),
            (Meter::GpuSeconds, "none", Some("0 gpu_seconds")),
            (Meter::GpuSeconds, "all", Some("170 gpu_seconds")),
            (Meter::EgressBytes, "gang", Some("4096 egress_bytes")),
            (Meter::EgressBytes, "share", Some("0 egress_bytes")),
            (Meter::EgressBytes, "all", Some("4096 egress_bytes")),
            (Meter::Tokens, "all", None),
            (Meter::Cost, "all", None),
        ] {
            assert_eq!(of(meter, task).as_deref(), amount, "{meter} of {task}");
        }
    }
}
