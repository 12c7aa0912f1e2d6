//! From a whole candidate to a plan: bindings, guarantee, reserve.

use super::candidate::{Amount, Candidate, Outcome};
use super::conditions::Conditions;
use super::course::Need;
use super::options::{Access, Ground, Options};
use super::solve::{Level, Outline, Solver};
use super::spread::Spread;
use super::supply::{NOWHERE, Region, Supply};
use super::why;
use orp_core::{
    id::PlanId,
    noun::{Binding, Bound, Estimated, Guarantee, OfferKey, Plan, Remaining},
    unit::{Money, Span},
};

/// The most alternatives a binding names.
const ALTERNATIVES: usize = 8;

/// A task of a plan to be, with what was chosen for it and what that comes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub(super) need: &'a Need,
    pub(super) options: &'a Options,
    pub(super) access: &'a Access,
    pub(super) candidate: &'a Candidate,
    /// When it starts, from now.
    pub(super) start: Amount,
    pub(super) outcome: Outcome,
    /// What its ways and its other claims cost.
    pub(super) aside: f64,
    /// Whence most of its inputs come, and how many bytes in all.
    pub(super) source: Region,
    pub(super) bytes: f64,
}

impl Chosen<'_> {
    pub(super) fn time(&self) -> Spread {
        Spread { mean: self.outcome.time.mean, variance: self.outcome.time.variance }
    }

    pub(super) fn cost(&self) -> Spread {
        Spread { mean: self.outcome.cost.mean + self.aside, variance: self.outcome.cost.variance }
    }
}

/// Follows the choices of an outline from the first task to the last.
pub(super) fn follow<'a>(solver: &Solver<'_>, level: &'a Level, outline: &Outline) -> Option<Vec<Chosen<'a>>> {
    let mut ends: Vec<(usize, Region, Amount)> = solver
        .settled(&level.shape)
        .into_iter()
        .map(|settled| (settled.task, settled.region, Amount::certain(settled.end)))
        .collect();
    let mut chosen = Vec::with_capacity(level.shape.needs.len());
    for ((need, options), choice) in level.shape.needs.iter().zip(&level.options).zip(&outline.choices) {
        let site = options.sites.get(choice.site)?;
        let access = site.accesses.get(choice.access)?;
        let candidate = site.candidates.get(choice.candidate)?;
        let mut start = Amount::certain(access.not_before);
        let (mut ways, mut cost, mut bytes) = (access.ways, access.cost, 0.0);
        let mut source = match &need.saved {
            Some((place, saved)) => (*saved, solver.supply.region_of(place)),
            None => (0.0, NOWHERE),
        };
        bytes += source.0;
        for (before, left) in &need.before {
            let (_, region, end) = ends.iter_mut().find(|(task, ..)| task == before)?;
            let (way_cost, seconds) = solver.supply.moving(*left, *region, site.region)?;
            (start, ways, cost, bytes) = (start.later(*end), ways + seconds, cost + way_cost, bytes + left);
            source = if *left > source.0 { (*left, *region) } else { source };
            // What was brought lies here from now on.
            if *left > 0.0 && site.region != NOWHERE {
                *region = site.region;
            }
        }
        for (claim, entry) in &access.bound {
            let entry = solver.supply.entries.get(*entry)?;
            let share = need.others.iter().find(|(at, ..)| at == claim).map_or(1.0, |(.., share)| *share);
            let size = super::course::size_of(entry.offer) * share;
            bytes += size;
            source = if size > source.0 { (size, entry.region) } else { source };
        }
        // The worst is reckoned with here always: it shows whether the deadline is kept anyhow.
        let outcome = candidate.outcome_at_worst(ways);
        let region = if need.leaves > 0.0 { site.region } else { NOWHERE };
        ends.push((need.task, region, start.plus(outcome.time)));
        let source = source.1;
        chosen.push(Chosen { need, options, access, candidate, start, outcome, aside: cost, source, bytes });
    }
    Some(chosen)
}

/// The plan of an outline; nothing when an amount does not fit.
pub(super) fn plan(solver: &Solver<'_>, outline: &Outline, names: Vec<String>, id: PlanId) -> Option<Plan> {
    let level = solver.levels.get(outline.level)?;
    let course = solver.courses.get(level.course)?;
    let chosen = follow(solver, level, outline)?;
    let rest = solver.problem.remaining.as_ref();
    let mut bindings = Vec::with_capacity(level.shape.workflow.tasks().len());
    for (at, task) in level.shape.workflow.tasks().iter().enumerate() {
        match chosen.iter().position(|chosen| chosen.need.task == at) {
            Some(place) => bindings.push(binding(solver, level, &chosen, place)?),
            None => bindings.push(settled_binding(rest?, &task.name)?),
        }
    }
    let mut plan = Plan::new(
        id,
        solver.problem.intent.clone(),
        course.recipe(),
        level.shape.workflow.clone(),
        bindings,
        outline.estimate.clone(),
    );
    plan.names = names;
    plan.variant = course.variant().into();
    plan.tokens = level.tokens;
    plan.made = solver.problem.now;
    plan.guarantee = guarantee(&solver.conditions, solver.supply, &chosen);
    plan.reserve = reserve(&solver.conditions, solver.supply, outline)?;
    plan.why = why::lines(solver, level, outline, &chosen);
    Some(plan)
}

fn binding(solver: &Solver<'_>, level: &Level, all: &[Chosen<'_>], place: usize) -> Option<Binding> {
    let chosen = all.get(place)?;
    let task = level.shape.task(chosen.need)?;
    let money = |amount: f64| solver.supply.money(amount);
    let (time, cost) = (chosen.time(), chosen.cost());
    let span = Span::from_secs_f64;
    let mut binding = Binding::new(task.name.clone(), money(0.0)?);
    binding.start = span(solver.conditions.elapsed + chosen.start.mean);
    binding.duration = Estimated { mean: span(time.mean), p50: span(time.p50()), p95: span(time.p95()) };
    binding.cost = Estimated { mean: money(cost.mean)?, p50: money(cost.p50())?, p95: money(cost.p95())? };
    binding.reclaims = chosen.outcome.reclaims;
    binding.checkpoint_every = chosen.candidate.checkpoint.map(span);
    binding.rate = chosen.options.beliefs.get(chosen.candidate.belief).and_then(|belief| belief.rate.clone());
    let entry = |at: usize| solver.supply.entries.get(at);
    if let Some((claim, machine)) = chosen.need.machine.zip(chosen.candidate.entry.and_then(entry)) {
        binding.bound.push(Bound { claim, offer: machine.offer.clone(), units: chosen.candidate.units });
        binding.alternatives = alternatives(&solver.ground(), solver, level, place, chosen)
            .into_iter()
            .filter_map(|at| entry(at).map(|entry| entry.offer.key.clone()))
            .collect();
    }
    for (claim, at) in &chosen.access.bound {
        binding.bound.push(Bound { claim: *claim, offer: entry(*at)?.offer.clone(), units: 1 });
    }
    binding.bound.sort_by_key(|bound| bound.claim);
    Some(binding)
}

/// The next best offers in other zones.
fn alternatives(
    ground: &Ground<'_>,
    solver: &Solver<'_>,
    level: &Level,
    place: usize,
    chosen: &Chosen<'_>,
) -> Vec<usize> {
    let entry = chosen.candidate.entry.and_then(|at| solver.supply.entries.get(at));
    let servers = solver.servers.get(level.course).and_then(Option::as_ref);
    let Some((entry, servers)) = entry.zip(servers) else { return Vec::new() };
    let from = if chosen.source == NOWHERE { entry.region } else { chosen.source };
    let mut all = ground.alternatives(&level.shape, place, servers, entry, (from, chosen.bytes));
    all.truncate(ALTERNATIVES);
    all
}

/// The old binding of a task that is not planned, corrected only where it contradicts what happened: what is done has
/// ended by now, and what runs has begun.
fn settled_binding(rest: &Remaining, task: &orp_core::id::TaskName) -> Option<Binding> {
    let mut binding = rest.plan.binding(task)?.clone();
    let end = rest.elapsed.saturating_add(rest.running.get(task).copied().unwrap_or(Span::ZERO));
    if binding.start.saturating_add(binding.duration.mean.max(binding.duration.p50)) > end {
        binding.start = binding.start.min(rest.elapsed);
        binding.duration = Estimated::exact(end.saturating_sub(binding.start));
    }
    Some(binding)
}

/// How much of the budget to set aside: what it costs at p95, or at worst when the deadline must be kept, within the budget.
fn reserve(conditions: &Conditions, supply: &Supply<'_>, outline: &Outline) -> Option<Money> {
    let likely = outline.estimate.cost.p95;
    let worst = if conditions.is_strict() { supply.money(conditions.spent + outline.worst_cost)? } else { likely };
    let wanted = if worst > likely { worst } else { likely };
    Some(match conditions.budget {
        Some(limit) if wanted > limit.max => limit.max,
        _ => wanted,
    })
}

/// Whether the deadline is kept whatever is reclaimed.
fn guarantee(conditions: &Conditions, supply: &Supply<'_>, chosen: &[Chosen<'_>]) -> Guarantee {
    let Some(deadline) = conditions.deadline else { return Guarantee::None("no deadline is set".into()) };
    let worst = chosen.iter().map(|one| one.start.worst + one.outcome.time.worst).fold(0.0, f64::max);
    let reclaimable = chosen.iter().find(|one| !one.candidate.is_kept());
    if let (Some(one), false) = (reclaimable, conditions.is_strict()) {
        let entry = one.candidate.entry.and_then(|at| supply.entries.get(at));
        let market = entry.map_or_else(String::new, |entry| entry.offer.market.to_string());
        return Guarantee::None(format!(
            "it runs on {market} capacity, and the intent tolerates to be late with probability {}",
            deadline.miss
        ));
    }
    if conditions.elapsed + worst > deadline.within.as_secs_f64() * (1.0 + 1e-9) {
        let late = Span::from_secs_f64(conditions.elapsed + worst).rounded();
        return Guarantee::None(format!("at worst it takes {late}"));
    }
    let mut fallback: Vec<OfferKey> = Vec::new();
    let mut bound = 0.0_f64;
    for one in chosen {
        let at = one.candidate.fallback.map(|fallback| fallback.entry).or(one.candidate.entry);
        let Some(entry) = at.and_then(|at| supply.entries.get(at)) else { continue };
        bound = bound.max(entry.offer.provision.as_secs_f64());
        if !fallback.contains(&entry.offer.key) {
            fallback.push(entry.offer.key.clone());
        }
    }
    Guarantee::Deadline { fallback, bound: Span::from_secs_f64(bound) }
}
