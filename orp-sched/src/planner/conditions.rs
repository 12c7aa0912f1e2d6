//! The hard constraints of an intent in numbers, and the judge of whole candidates.

use super::search::Bounds;
use super::spread::Spread;
use super::supply::Supply;
use orp_core::{
    noun::{Binding, Constraints, CostLimit, Estimate, Estimated, FinishLimit, PlanningProblem, Quality},
    unit::{Probability, Span},
};

/// Constraints that need only be kept as likely as not may have means this much above their limits.
const EVEN_ODDS_SLACK: f64 = 3.0;

/// What plans must keep, and what of it is used up already.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Conditions {
    pub(super) budget: Option<CostLimit>,
    pub(super) deadline: Option<FinishLimit>,
    /// Spent, or bound to be spent by tasks that run.
    pub(super) spent: f64,
    /// Seconds gone since the run started.
    pub(super) elapsed: f64,
}

/// A whole candidate's estimate, and whether it keeps the constraints.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) estimate: Estimate,
    pub(super) over_cost: bool,
    pub(super) over_time: bool,
}

impl Conditions {
    pub(super) fn of(problem: &PlanningProblem, constraints: &Constraints) -> Self {
        let rest = problem.remaining.as_ref();
        Self {
            budget: constraints.cost,
            deadline: constraints.finish,
            spent: rest.map_or(0.0, |rest| {
                let running = rest.running.iter().filter_map(|(task, left)| Some((rest.plan.binding(task)?, *left)));
                rest.spent.as_f64() + running.map(|(binding, left)| cost_of_rest(binding, left)).sum::<f64>()
            }),
            elapsed: rest.map_or(0.0, |rest| rest.elapsed.as_secs_f64()),
        }
    }

    /// Whether the deadline must not be missed, whatever is reclaimed.
    pub(super) fn is_strict(&self) -> bool {
        self.deadline.is_some_and(|finish| finish.miss == Probability::ZERO)
    }

    /// What the means of a whole candidate may come to from now on.
    pub(super) fn bounds(&self) -> Bounds {
        let cost = self.budget.map_or(f64::INFINITY, |cost| {
            cost.max.as_f64() * if cost.confidence.get() > 0.5 { 1.0 } else { EVEN_ODDS_SLACK } - self.spent
        });
        let within = self.deadline.map_or(f64::INFINITY, |finish| finish.within.as_secs_f64());
        let slack = self.deadline.map_or(1.0, |finish| if finish.miss.get() < 0.5 { 1.0 } else { EVEN_ODDS_SLACK });
        // What is equal but for rounding is not beyond the bound.
        let ease = |bound: f64| bound + 1e-9 * bound.abs();
        Bounds {
            cost: ease(cost),
            time: ease(within * slack - self.elapsed),
            worst_time: if self.is_strict() { ease(within - self.elapsed) } else { f64::INFINITY },
        }
    }

    /// The estimate of a whole candidate that costs and takes so much from now on; nothing when the money does not fit.
    ///
    /// The risk is the sum of the probabilities to miss budget and deadline: a bound, as both may be missed together. The
    /// deadline is not at risk when it is kept at worst.
    pub(super) fn judge(
        &self,
        supply: &Supply<'_>,
        (cost, worst_cost): (Spread, f64),
        time: Spread,
        quality: Quality,
        reclaims: f64,
    ) -> Option<Judged> {
        let money = |part: f64| supply.money(self.spent + part);
        let span = |part: f64| Span::from_secs_f64(self.elapsed + part);
        let costs = Estimated { mean: money(cost.mean)?, p50: money(cost.p50())?, p95: money(cost.p95())? };
        let spans = Estimated { mean: span(time.mean), p50: span(time.p50()), p95: span(time.p95()) };
        let (mut risk, mut over_cost, mut over_time) = (0.0, false, false);
        if let Some(limit) = self.budget {
            let beyond = cost.exceeds(limit.max.as_f64() - self.spent);
            let bound = if limit.confidence.get() > 0.5 { costs.p95 } else { costs.p50 };
            over_cost = bound > limit.max || beyond > limit.confidence.complement().get() + 1e-9;
            over_cost |= self.is_strict() && money(worst_cost)? > limit.max;
            risk += beyond;
        }
        if let Some(limit) = self.deadline {
            let late = time.exceeds(limit.within.as_secs_f64() - self.elapsed);
            over_time = limit.miss.get() < 0.5 && spans.p95 > limit.within;
            // At worst it keeps the deadline: the search let nothing else pass.
            if !self.is_strict() {
                over_time |= late > limit.miss.get() + 1e-9;
                risk += late;
            }
        }
        let estimate = Estimate::new(costs, spans, Probability::clamped(risk), quality, reclaims);
        Some(Judged { estimate, over_cost, over_time })
    }
}

/// What a task that still runs for `left` is believed to cost from now on.
fn cost_of_rest(binding: &Binding, left: Span) -> f64 {
    let whole = binding.duration.mean.as_secs_f64();
    if whole > 0.0 { binding.cost.mean.as_f64() * (left.as_secs_f64() / whole).min(1.0) } else { 0.0 }
}
