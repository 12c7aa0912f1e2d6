//! Nothing fits: which constraints bind, and which changes of the intent help.
//!
//! Each hard constraint is lifted in turn, and the problem solved again: if that helps, the constraint binds, and what
//! comes nearest to it is what the best candidate then needs. That amount, rounded up for people, is the relaxation; it is
//! reported only after the whole intent so changed was solved and fits.

use super::conditions::Conditions;
use super::course::Course;
use super::rejected::Rejections;
use super::solve::{Outline, QUALITY_TOLERANCE, Solver};
use super::supply::Supply;
use super::{FrontierPlanner, whole_problem};
use orp_core::{
    noun::{
        AssetRef, BindingConstraint, Infeasibility, Intent, NameFilter, Pillar, PlanLimits, PlanningProblem,
        Relaxation, Resource, Subject, TokenDemand,
    },
    unit::{Money, Probability, Span, Tokens},
};

/// The probability to be late that is proposed where none was tolerated.
const PROPOSED_MISS: f64 = 0.05;
/// How many other models or versions are tried.
const OTHERS: usize = 3;

/// A whole candidate without its choices, after the solver is gone.
#[derive(Debug, Clone)]
struct Sketch {
    variant: String,
    tokens: Tokens,
    outline: Outline,
    regions: Vec<String>,
    providers: Vec<String>,
    /// What of the budget it needs.
    cost: Money,
}

/// What keeps every plan out, and what would help.
pub(super) fn diagnose(
    planner: &FrontierPlanner,
    problem: &PlanningProblem,
    limits: &PlanLimits,
    solver: &Solver<'_>,
) -> Infeasibility {
    let rejected = solver.rejected.report();
    let mut inquiry = Inquiry { planner, problem, limits, binding: Vec::new(), relaxations: Vec::new() };
    if problem.remaining.is_some() || inquiry.goal_is_served() {
        inquiry.subjects(solver.supply);
        inquiry.constraints();
    }
    if inquiry.binding.is_empty() {
        inquiry.say_stuck(solver);
    }
    Infeasibility::new(inquiry.binding, inquiry.relaxations, rejected)
}

struct Inquiry<'a> {
    planner: &'a FrontierPlanner,
    problem: &'a PlanningProblem,
    limits: &'a PlanLimits,
    binding: Vec<BindingConstraint>,
    relaxations: Vec<Relaxation>,
}

impl Inquiry<'_> {
    fn binds(&mut self, constraint: &str, asked: impl ToString, nearest: impl ToString) {
        self.binding.push(BindingConstraint {
            constraint: constraint.into(),
            asked: asked.to_string(),
            nearest: nearest.to_string(),
        });
    }

    /// Whether some recipe serves the goal and the intent fits it.
    fn goal_is_served(&mut self) -> bool {
        let problem = self.problem;
        let goal = &problem.intent.goal;
        let serving: Vec<_> = problem.recipes.iter().filter(|recipe| recipe.goal == goal.kind).collect();
        if serving.is_empty() {
            let mut known: Vec<&str> = problem.recipes.iter().map(|recipe| recipe.goal.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            let known = if known.is_empty() { "no recipe at all".into() } else { known.join(", ") };
            self.binds("goal.kind", &goal.kind, known);
            return false;
        }
        if Course::all(problem).is_empty() {
            for recipe in serving {
                if let Err(error) = recipe.check_intent(&problem.intent) {
                    self.binds("goal", goal, error);
                }
            }
            return false;
        }
        true
    }

    /// Whether there is what the goal is about, and enough of it.
    fn subjects(&mut self, supply: &Supply<'_>) {
        let problem = self.problem;
        let goal = &problem.intent.goal;
        let needs =
            |subject| problem.recipes.iter().any(|recipe| recipe.goal == goal.kind && recipe.needs.contains(&subject));
        for (subject, pillar, asset) in
            [(Subject::Data, Pillar::Data, &goal.data), (Subject::Model, Pillar::Model, &goal.model)]
        {
            let Some(asset) = asset.as_ref().filter(|_| needs(subject)) else { continue };
            if supply.resolve(pillar, asset).is_some() {
                continue;
            }
            let others = self.other_versions(pillar, asset);
            let nearest = others.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let nearest = match nearest.as_str() {
                "" if self.is_hidden(pillar, asset) => format!("{asset}, where the intent or policy does not allow it"),
                "" => format!("no provider has {pillar} `{asset}`"),
                others => format!("no provider has {pillar} `{asset}`, but {others}"),
            };
            self.binds(&format!("goal.{subject}"), asset, nearest);
            for other in others.into_iter().take(OTHERS) {
                let mut intent = problem.intent.clone();
                let slot = if pillar == Pillar::Data { &mut intent.goal.data } else { &mut intent.goal.model };
                *slot = Some(other.clone());
                self.propose(format!("use the {pillar} `{other}`"), intent);
            }
        }
        self.enough_tokens(supply);
    }

    /// Whether the data has as many tokens as are demanded.
    fn enough_tokens(&mut self, supply: &Supply<'_>) {
        let TokenDemand::AtLeast(least) = self.problem.intent.goal.tokens else { return };
        let total = super::course::Subjects::of(&self.problem.intent, supply).data_tokens;
        if least > total && total > Tokens::ZERO {
            self.binds("goal.tokens", self.problem.intent.goal.tokens, format!("{total}, all there are"));
            let intent = self.problem.intent.clone().with_tokens(TokenDemand::All);
            self.propose(format!("train on all {total} tokens there are"), intent);
        }
    }

    fn other_versions(&self, pillar: Pillar, asset: &AssetRef) -> Vec<AssetRef> {
        let mut others: Vec<AssetRef> =
            self.assets(pillar).filter(|other| other.name() == asset.name()).cloned().collect();
        others.retain(|other| !asset.admits(other));
        others.sort();
        others.dedup();
        others.reverse();
        others
    }

    /// Whether somebody has it, only not for this intent.
    fn is_hidden(&self, pillar: Pillar, asset: &AssetRef) -> bool {
        self.assets(pillar).any(|other| asset.admits(other))
    }

    fn assets(&self, pillar: Pillar) -> impl Iterator<Item = &AssetRef> {
        self.problem.offers.iter().filter_map(move |offer| match &offer.resource {
            Resource::Data(replica) if pillar == Pillar::Data => Some(&replica.asset),
            Resource::Model(weights) if pillar == Pillar::Model => Some(&weights.asset),
            _ => None,
        })
    }

    /// Lifts the constraints one by one; budget and deadline together if neither helps alone.
    fn constraints(&mut self) {
        let limited = |intent: &Intent| (intent.constraints.cost.is_some(), intent.constraints.finish.is_some());
        let (has_budget, has_deadline) = limited(&self.problem.intent);
        let by_cost = has_budget && self.raise(true, false);
        let by_time = has_deadline && self.raise(false, true);
        if has_budget && has_deadline && !by_cost && !by_time {
            self.raise(true, true);
        }
        self.tolerate_misses();
        self.fewer_tokens();
        self.lift_filters();
        self.smaller_models();
        self.without_policy();
    }

    /// Raises budget, deadline or both as far as needed. With both, the cheapest way decides how far, and the quickest is
    /// proposed as well.
    fn raise(&mut self, cost: bool, time: bool) -> bool {
        let mut lifted = self.problem.intent.clone();
        let constraints = &mut lifted.constraints;
        if let Some(limit) = constraints.cost.as_mut().filter(|_| cost) {
            limit.max = Money::from_micros(i64::MAX / 4, limit.max.currency());
        }
        if let Some(limit) = constraints.finish.as_mut().filter(|_| time) {
            limit.within = Span::from_secs(1 << 40);
        }
        let sketches = self.solve(&lifted);
        let cheapest = sketches.iter().min_by_key(|sketch| sketch.cost.micros());
        let quickest = sketches.iter().min_by_key(|sketch| sketch.longest());
        let Some((cheapest, quickest)) = cheapest.zip(quickest) else { return false };
        let limits = self.problem.intent.constraints.clone();
        if let Some(limit) = limits.cost.filter(|_| cost) {
            self.binds("constraints.cost.max", limit.max, format!("{:.2}", cheapest.cost));
        }
        if let Some(limit) = limits.finish.filter(|_| time) {
            self.binds("constraints.finish.within", limit.within, quickest.longest().rounded());
        }
        if cost {
            self.propose_limits(cheapest, cost, time);
        }
        if time && (!cost || quickest.longest() < cheapest.longest()) {
            self.propose_limits(quickest, cost, time);
        }
        true
    }

    /// Limits that a sketch keeps, rounded up.
    fn propose_limits(&mut self, sketch: &Sketch, cost: bool, time: bool) {
        let mut intent = self.problem.intent.clone();
        let mut changes = Vec::new();
        if let Some(limit) = intent.constraints.cost.as_mut().filter(|_| cost) {
            limit.max = round_money_up(sketch.cost);
            changes.push(format!("raise the budget to {}", limit.max));
        }
        if let Some(limit) = intent.constraints.finish.as_mut().filter(|_| time) {
            limit.within = round_span_up(sketch.longest());
            changes.push(format!("move the deadline to {}", limit.within));
        }
        self.propose(changes.join(" and "), intent);
    }

    /// A guarantee may be what cannot be had.
    fn tolerate_misses(&mut self) {
        let mut intent = self.problem.intent.clone();
        let Some(finish) = intent.constraints.finish.as_mut().filter(|finish| finish.miss == Probability::ZERO) else {
            return;
        };
        finish.miss = Probability::clamped(PROPOSED_MISS);
        let proposed = finish.miss;
        if self.propose(format!("tolerate to be late with probability {proposed}"), intent) {
            self.binds("constraints.finish.miss", "0 (a guarantee)", proposed);
        }
    }

    /// As many tokens as the other constraints let it train on.
    fn fewer_tokens(&mut self) {
        let demand = self.problem.intent.goal.tokens;
        if demand == TokenDemand::Any || self.problem.remaining.is_some() {
            return;
        }
        let free = self.problem.intent.clone().with_tokens(TokenDemand::Any);
        let Some(most) = self.solve(&free).into_iter().map(|sketch| sketch.tokens).max() else { return };
        let intent = self.problem.intent.clone().with_tokens(TokenDemand::AtLeast(most));
        if self.propose(format!("train on {most} tokens, the most that fit"), intent) {
            self.binds("goal.tokens", demand, format!("{most} tokens"));
        }
    }

    fn lift_filters(&mut self) {
        let constraints = self.problem.intent.constraints.clone();
        if !constraints.regions.is_empty() {
            let mut free = self.problem.intent.clone();
            free.constraints.regions = NameFilter::default();
            if let Some(names) = self.names_needed(&free, &constraints.regions, |sketch| &sketch.regions) {
                let mut intent = self.problem.intent.clone();
                intent.constraints.regions = widened(&constraints.regions, &names);
                self.binds("constraints.regions", &constraints.regions, names.join(", "));
                self.propose(format!("allow the regions {}", names.join(", ")), intent);
            }
        }
        if !constraints.providers.is_empty() {
            let mut free = self.problem.intent.clone();
            free.constraints.providers = NameFilter::default();
            if let Some(names) = self.names_needed(&free, &constraints.providers, |sketch| &sketch.providers) {
                let mut intent = self.problem.intent.clone();
                intent.constraints.providers = widened(&constraints.providers, &names);
                self.binds("constraints.providers", &constraints.providers, names.join(", "));
                self.propose(format!("allow the providers {}", names.join(", ")), intent);
            }
        }
    }

    /// The names the cheapest plan without a filter uses that the filter does not admit.
    fn names_needed(
        &self,
        free: &Intent,
        filter: &NameFilter,
        names: impl Fn(&Sketch) -> &Vec<String>,
    ) -> Option<Vec<String>> {
        let sketch = self.solve(free).into_iter().min_by_key(|sketch| sketch.cost.micros())?;
        let mut needed: Vec<String> = names(&sketch).iter().filter(|name| !filter.admits(name)).cloned().collect();
        needed.sort();
        needed.dedup();
        (!needed.is_empty()).then_some(needed)
    }

    /// The largest smaller model that is on offer and fits.
    fn smaller_models(&mut self) {
        let Some(model) = self.problem.intent.goal.model.clone().filter(|_| self.problem.remaining.is_none()) else {
            return;
        };
        let weights = || {
            self.problem.offers.iter().filter_map(|offer| match &offer.resource {
                Resource::Model(weights) => Some(weights),
                _ => None,
            })
        };
        let Some(size) = weights().filter(|known| model.admits(&known.asset)).map(|known| known.parameters).max()
        else {
            return;
        };
        let mut smaller: Vec<(u64, AssetRef)> = weights()
            .filter(|known| known.parameters < size)
            .map(|known| (known.parameters, known.asset.clone()))
            .collect();
        smaller.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        smaller.dedup();
        for (_, asset) in smaller.into_iter().take(OTHERS) {
            let mut intent = self.problem.intent.clone();
            intent.goal.model = Some(asset.clone());
            if self.propose(format!("use the smaller model `{asset}`"), intent) {
                self.binds("goal.model", &model, asset);
                return;
            }
        }
    }

    /// Whether it is policy that keeps every plan out: nothing in the intent can change that.
    fn without_policy(&mut self) {
        if self.problem.forbidden.is_empty() || !self.binding.is_empty() {
            return;
        }
        let mut free = self.problem.clone();
        let forbidden = std::mem::take(&mut free.forbidden);
        if let Some(sketch) = self.solve_problem(&free).first() {
            let reasons: std::collections::BTreeSet<&String> = forbidden.values().collect();
            let reasons: Vec<&str> = reasons.into_iter().take(OTHERS).map(String::as_str).collect();
            self.binds("policy", reasons.join("; "), format!("{:.2} where policy forbids it", sketch.cost));
        }
    }

    /// No constraint of the intent binds: some task can run nowhere.
    fn say_stuck(&mut self, solver: &Solver<'_>) {
        let mut reasons = solver.stuck.clone();
        reasons.sort();
        reasons.dedup();
        let goal = self.problem.intent.goal.to_string();
        let told = solver.rejected.report();
        let because = told.first().map_or_else(String::new, |rejection| format!(": {}", rejection.reason));
        let reason = reasons.first().map_or("nothing that is on offer will do", String::as_str);
        self.binds("goal", goal, format!("{reason}{because}"));
    }

    /// Adds a relaxation, if the intent so changed is feasible.
    fn propose(&mut self, change: String, intent: Intent) -> bool {
        let sketches = self.solve(&intent);
        // The cheapest plan, as the planner would call it: of those near the best quality.
        let quality = |sketch: &Sketch| sketch.outline.estimate.quality.value;
        let best = sketches.iter().map(quality).fold(0.0, f64::max) - QUALITY_TOLERANCE;
        let able = sketches.iter().filter(|sketch| quality(sketch) >= best);
        let Some(cheapest) = able.min_by_key(|sketch| sketch.outline.estimate.cost.mean.micros()) else { return false };
        let estimate = &cheapest.outline.estimate;
        let tokens =
            if cheapest.tokens == Tokens::ZERO { String::new() } else { format!(" on {} tokens", cheapest.tokens) };
        let gives = format!(
            "{}{tokens}: {:.2}, {}, quality {:.3}",
            cheapest.variant,
            estimate.cost.mean,
            estimate.duration.mean.rounded(),
            estimate.quality.value
        );
        self.relaxations.push(Relaxation { change, intent: Box::new(intent), gives });
        true
    }

    fn solve(&self, intent: &Intent) -> Vec<Sketch> {
        self.solve_problem(&whole_problem(self.problem, intent))
    }

    fn solve_problem(&self, problem: &PlanningProblem) -> Vec<Sketch> {
        let mut ignored = Rejections::default();
        let supply = Supply::of(problem, &mut ignored);
        let conditions = Conditions::of(problem, &problem.intent.constraints);
        let mut solver = Solver::new(problem, &supply, &*self.planner.estimator, conditions, self.limits.candidates);
        let outlines = solver.solve();
        outlines.into_iter().filter_map(|outline| sketch(&solver, outline)).collect()
    }
}

impl Sketch {
    /// The longest it may take: at worst, if that is reckoned with.
    fn longest(&self) -> Span {
        Span::from_secs_f64(self.outline.worst_time).max(self.outline.estimate.duration.p95)
    }
}

fn sketch(solver: &Solver<'_>, outline: Outline) -> Option<Sketch> {
    let level = solver.levels.get(outline.level)?;
    let chosen = super::build::follow(solver, level, &outline)?;
    let entries =
        chosen.iter().flat_map(|one| one.candidate.entry.into_iter().chain(one.access.bound.iter().map(|(_, at)| *at)));
    let offers: Vec<_> = entries.filter_map(|at| solver.supply.entries.get(at)).map(|entry| entry.offer).collect();
    let estimate = &outline.estimate;
    let sure = solver.conditions.budget.is_none_or(|limit| limit.confidence.get() > 0.5);
    let likely = if sure { estimate.cost.p95 } else { estimate.cost.p50 };
    let worst = solver.supply.money(solver.conditions.spent + outline.worst_cost)?;
    Some(Sketch {
        variant: solver.courses.get(level.course)?.variant().into(),
        tokens: level.tokens,
        regions: offers.iter().map(|offer| offer.place.region.clone()).collect(),
        providers: offers.iter().map(|offer| offer.key.provider.to_string()).collect(),
        cost: if solver.conditions.is_strict() && worst > likely { worst } else { likely },
        outline,
    })
}

/// A filter that lets these names pass as well.
fn widened(filter: &NameFilter, names: &[String]) -> NameFilter {
    let mut wider = filter.clone();
    wider.deny.retain(|pattern| !names.iter().any(|name| pattern.matches(name)));
    if !wider.allow.is_empty() {
        wider.allow.extend(names.iter().map(orp_core::noun::Pattern::new));
    }
    wider
}

/// Up to the next amount of three digits, not finer than a hundredth.
fn round_money_up(money: Money) -> Money {
    let micros = money.micros().max(1);
    let step = 10_i64.pow((micros as u64).ilog10().saturating_sub(2)).max(10_000);
    let up = micros.checked_add(step - 1).map_or(micros, |sum| sum / step * step);
    Money::from_micros(up, money.currency())
}

/// Up to the next minute, or quarter of an hour from ten hours up.
fn round_span_up(span: Span) -> Span {
    let step = if span > Span::from_secs(36_000) { 15 * 60_000_000 } else { 60_000_000 };
    Span::from_micros(span.as_micros().div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_up_for_people() {
        for (amount, up) in [("46123.45 USD", "46200.00 USD"), ("4.131 USD", "4.14 USD"), ("0.001 USD", "0.01 USD")] {
            assert_eq!(round_money_up(amount.parse().unwrap()).to_string(), up);
        }
        for (span, up) in [("1m1s", "2m"), ("12h1m", "12h15m"), ("2h", "2h")] {
            assert_eq!(round_span_up(span.parse().unwrap()).to_string(), up);
        }
    }
}
