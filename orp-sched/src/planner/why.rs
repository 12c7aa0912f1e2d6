//! Why a plan is as it is, in lines for people: the most important first.

use super::build::Chosen;
use super::solve::{Level, Outline, QUALITY_TOLERANCE, Solver};
use super::supply::{Entry, NOWHERE};
use orp_core::noun::Market;
use orp_core::unit::{Bytes, Span};

/// From this share of a limit on, the limit is what keeps a plan from more.
const AT_THE_LIMIT: f64 = 0.95;

/// The lines.
pub(super) fn lines(solver: &Solver<'_>, level: &Level, outline: &Outline, chosen: &[Chosen<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    let on_machine = chosen.iter().filter(|one| one.candidate.entry.is_some());
    let main =
        on_machine.max_by(|a, b| a.cost().mean.total_cmp(&b.cost().mean).then(a.time().mean.total_cmp(&b.time().mean)));
    if let Some(main) = main {
        lines.extend(market_line(solver, level, main));
    }
    lines.extend(tokens_line(solver, level, outline));
    if let Some(main) = main {
        lines.extend(speed_line(main));
    }
    lines.extend(moving_line(solver, chosen));
    if let Some(rest) = &solver.problem.remaining {
        lines.push(format!("{} is spent and {} gone of the run so far", rest.spent, rest.elapsed.rounded()));
    }
    lines
}

/// How the main machine is sold, and what that saves or costs.
fn market_line(solver: &Solver<'_>, level: &Level, main: &Chosen<'_>) -> Option<String> {
    let entry = main.candidate.entry.and_then(|at| solver.supply.entries.get(at))?;
    let (market, region) = (entry.offer.market, solver.supply.regions.get(usize::from(entry.region))?);
    // The same machine sold the other way: in the same region, or else the cheapest anywhere.
    let others = |kept: bool| {
        let alike = solver.supply.entries.iter().filter(|other| other.machine == entry.machine && other.price > 0.0);
        let markets = alike.filter(move |other| other.is_reclaimable() != kept && other.offer.machine().is_some());
        let near = |other: &Entry<'_>| other.region != entry.region;
        markets.min_by(|a, b| near(a).cmp(&near(b)).then(a.price.total_cmp(&b.price)))
    };
    let elsewhere = |other: &Entry<'_>| match solver.supply.regions.get(usize::from(other.region)) {
        Some(place) if other.region != entry.region => format!(" in {place}"),
        _ => String::new(),
    };
    let share = |of: &Entry<'_>, to: &Entry<'_>| format!("{:.0} %", of.price / to.price * 100.0);
    if matches!(market, Market::Owned | Market::Reserved) {
        return Some(format!("{market} capacity in {region} at {}", entry.offer.price));
    }
    if entry.is_reclaimable() {
        let cheaper = others(true).map_or_else(
            || "is all there is of it".into(),
            |kept| format!("costs {} of {}{}", share(entry, kept), kept.offer.market, elsewhere(kept)),
        );
        let times = level.shape.task(main.need).and_then(|task| task.checkpoint).map(|spec| spec.times);
        let saving = times.zip(main.candidate.checkpoint).map_or_else(String::new, |(times, interval)| {
            let every = Span::from_secs_f64(interval).rounded();
            format!(", a checkpoint every {every} costs {:.1} %", main.candidate.saving_share(times) * 100.0)
        });
        return Some(format!("{market} in {region} {cheaper}; {:.1} reclaims expected{saving}", main.outcome.reclaims));
    }
    let spot = others(false).map_or_else(
        || "there is no spot of it".into(),
        |spot| {
            let reclaims = spot.hazard * f64::from(main.candidate.units) * main.outcome.time.mean;
            let place = elsewhere(spot);
            format!("spot{place} would cost {} of it, with {reclaims:.1} reclaims in that time", share(spot, entry))
        },
    );
    Some(format!("{market} in {region} is kept until released; {spot}"))
}

/// What settled the number of tokens.
fn tokens_line(solver: &Solver<'_>, level: &Level, outline: &Outline) -> Option<String> {
    let (tokens, total) = (level.tokens, solver.subjects.data_tokens);
    if tokens.get() == 0 || solver.problem.remaining.is_some() {
        return None;
    }
    if tokens >= total {
        return Some(format!("all {total} tokens of the data fit the constraints"));
    }
    let estimate = &outline.estimate;
    if let Some(limit) = solver.conditions.budget.filter(|_| level.is_most)
        && estimate.cost.p95.as_f64() >= AT_THE_LIMIT * limit.max.as_f64()
    {
        return Some(format!("{tokens} tokens are what {} buy at p95", limit.max));
    }
    if let Some(limit) = solver.conditions.deadline.filter(|_| level.is_most)
        && estimate.duration.p95.as_secs_f64() >= AT_THE_LIMIT * limit.within.as_secs_f64()
    {
        return Some(format!("{tokens} tokens are what {} let it train on at p95", limit.within));
    }
    let missing = solver.best_quality - estimate.quality.value;
    if missing <= QUALITY_TOLERANCE {
        return Some(format!("{tokens} of {total} tokens come within {missing:.3} of the best quality that fits"));
    }
    Some(format!("{tokens} of {total} tokens: {missing:.3} below the best quality that fits"))
}

/// How fast the main task is believed to be, and whose belief that is.
fn speed_line(main: &Chosen<'_>) -> Option<String> {
    let rate = main.options.beliefs.get(main.candidate.belief)?.rate.as_ref()?;
    Some(format!("{:.0} {}/s believed, from {}", rate.per_second, rate.unit, rate.source))
}

/// What moving data between regions costs, if anything.
fn moving_line(solver: &Solver<'_>, chosen: &[Chosen<'_>]) -> Option<String> {
    let moved = chosen.iter().filter(|one| one.candidate.entry.is_some() && one.aside > 0.0 && one.bytes > 0.0);
    let cost = solver.supply.money(moved.clone().map(|one| one.aside).sum())?;
    let largest = moved.max_by(|a, b| a.aside.total_cmp(&b.aside)).filter(|one| one.source != NOWHERE)?;
    let place = solver.supply.regions.get(usize::from(largest.source))?;
    let size = Bytes::new((largest.bytes / 1e8).round() as u64 * 100_000_000);
    Some(format!("moving data between regions costs {cost:.2}, most of it {size} from {place}"))
}
