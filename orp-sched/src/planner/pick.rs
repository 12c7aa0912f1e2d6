//! Which of the whole candidates become plans, and what they are called.
//!
//! The frontier holds what no other candidate matches in cost, duration, risk and quality together. Three points on it have
//! names, all three among the *able*: those within [`QUALITY_TOLERANCE`] of the best quality there is, for a plan that
//! trains on next to nothing is always fastest and cheapest.
//!
//! * `fastest`: the shortest expected duration;
//! * `cheapest`: the least expected cost;
//! * `balanced`: the knee — nearest, with every objective scaled to 0…1 over the able, to the best of each.
//!
//! They are three different plans where there are three: if fewer are able, the best of the others is balanced. Of the others, as many as there is room for become `option-N`:
//! first the best quality and the least risk, then each time the one furthest from those there are.

use super::solve::{Outline, QUALITY_TOLERANCE};
use orp_core::noun::Objective;

const OBJECTIVES: [Objective; 4] = [Objective::Cost, Objective::Duration, Objective::Risk, Objective::Quality];

/// The plans to be, with their names, best-known first: at most `most`, at least one if there is any outline.
pub(super) fn pick(outlines: Vec<Outline>, most: usize) -> Vec<(Outline, Vec<String>)> {
    let frontier = frontier(outlines);
    let points: Vec<[f64; 4]> = frontier.iter().map(point).collect();
    let best_quality = frontier.iter().map(|outline| value(outline, Objective::Quality)).fold(0.0, f64::max);
    let able: Vec<usize> = (0..frontier.len())
        .filter(|&at| {
            let floor = best_quality - QUALITY_TOLERANCE - 1e-12;
            frontier.get(at).is_some_and(|outline| value(outline, Objective::Quality) >= floor)
        })
        .collect();
    let mut named = names(&frontier, &points, &able);
    named.truncate(most.max(1));
    let first_option = named.len() + 1;
    let chosen: Vec<usize> = named.iter().map(|(at, _)| *at).collect();
    let others = spread(&frontier, &points, chosen, most.max(1));
    let options = others.into_iter().enumerate();
    named.extend(options.map(|(count, at)| (at, vec![format!("option-{}", first_option + count)])));
    named.into_iter().filter_map(|(at, names)| Some((frontier.get(at)?.clone(), names))).collect()
}

/// The outlines that no other one dominates or equals, in the order of cost.
fn frontier(mut outlines: Vec<Outline>) -> Vec<Outline> {
    outlines.sort_by(|a, b| {
        let order = |objective| value(a, objective).total_cmp(&value(b, objective));
        let quality = order(Objective::Quality).reverse();
        order(Objective::Cost).then(quality).then(order(Objective::Duration)).then(order(Objective::Risk))
    });
    let mut kept: Vec<Outline> = Vec::new();
    for outline in outlines {
        let here = point(&outline);
        // What costs more cannot dominate what is kept: the order is by cost.
        if !kept.iter().any(|other| point(other).iter().zip(here).all(|(theirs, mine)| *theirs <= mine)) {
            kept.push(outline);
        }
    }
    kept
}

/// The named ones among the able, in the order people read them.
fn names(frontier: &[Outline], points: &[[f64; 4]], able: &[usize]) -> Vec<(usize, Vec<String>)> {
    let by = |objective: Objective| {
        move |a: &&usize, b: &&usize| {
            let of = |at: usize| frontier.get(at).map_or(f64::INFINITY, |outline| value(outline, objective));
            of(**a).total_cmp(&of(**b))
        }
    };
    let fastest = able.iter().min_by(by(Objective::Duration)).copied();
    let cheapest = able.iter().min_by(by(Objective::Cost)).copied();
    let scaled = scaled(points, able);
    let distance = |at: &usize| {
        let found = able.iter().position(|other| other == at).and_then(|place| scaled.get(place));
        found.map_or(f64::INFINITY, |point| point.iter().map(|part| part * part).sum())
    };
    let taken = [fastest, cheapest];
    let free = able.iter().filter(|at| !taken.contains(&Some(**at)));
    let knee = free.min_by(|a, b| distance(a).total_cmp(&distance(b))).copied();
    let next_best = || {
        let others = (0..frontier.len()).filter(|at| !taken.contains(&Some(*at)));
        let quality = |at: usize| frontier.get(at).map_or(0.0, |outline| value(outline, Objective::Quality));
        // Of equals the first, which is the cheapest.
        others.rev().max_by(|&a, &b| quality(a).total_cmp(&quality(b)))
    };
    let knee = knee.or_else(next_best).or(cheapest);
    let mut named: Vec<(usize, Vec<String>)> = Vec::new();
    for (at, name) in [(fastest, "fastest"), (cheapest, "cheapest"), (knee, "balanced")] {
        let Some(at) = at else { continue };
        match named.iter_mut().find(|(other, _)| *other == at) {
            Some((_, names)) => names.push(name.into()),
            None => named.push((at, vec![name.into()])),
        }
    }
    named
}

/// So many more, beside those chosen, that are as different as can be, in the order of cost.
fn spread(frontier: &[Outline], points: &[[f64; 4]], mut chosen: Vec<usize>, most: usize) -> Vec<usize> {
    let all: Vec<usize> = (0..frontier.len()).collect();
    let scaled = scaled(points, &all);
    let from = chosen.len();
    let end = |part: usize| {
        all.iter().copied().min_by(|&a, &b| {
            let of = |at: usize| points.get(at).map_or(f64::INFINITY, |point| point[part]);
            of(a).total_cmp(&of(b))
        })
    };
    for extreme in [end(3), end(2)].into_iter().flatten() {
        if chosen.len() < most && !chosen.contains(&extreme) {
            chosen.push(extreme);
        }
    }
    while chosen.len() < most {
        let apart = |at: usize| {
            let to = |other: &usize| match (scaled.get(at), scaled.get(*other)) {
                (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>(),
                _ => 0.0,
            };
            chosen.iter().map(to).fold(f64::INFINITY, f64::min)
        };
        let free = all.iter().copied().filter(|at| !chosen.contains(at));
        // `max_by` takes the last of equals; reversed, the cheapest of them.
        let Some(next) = free.rev().max_by(|&a, &b| apart(a).total_cmp(&apart(b))) else { break };
        chosen.push(next);
    }
    let mut others: Vec<usize> = chosen.into_iter().skip(from).collect();
    others.sort_unstable();
    others
}

/// Points with every objective scaled to 0…1 over those given; one that does not differ is 0.
fn scaled(points: &[[f64; 4]], among: &[usize]) -> Vec<[f64; 4]> {
    let among: Vec<&[f64; 4]> = among.iter().filter_map(|&at| points.get(at)).collect();
    let mut low = [f64::INFINITY; 4];
    let mut high = [f64::NEG_INFINITY; 4];
    for point in &among {
        for part in 0..4 {
            low[part] = low[part].min(point[part]);
            high[part] = high[part].max(point[part]);
        }
    }
    let scale = |point: &[f64; 4]| {
        let mut scaled = [0.0; 4];
        for part in 0..4 {
            let width = high[part] - low[part];
            scaled[part] = if width > 0.0 { (point[part] - low[part]) / width } else { 0.0 };
        }
        scaled
    };
    among.into_iter().map(scale).collect()
}

/// The objectives of an outline, all of them better when smaller.
fn point(outline: &Outline) -> [f64; 4] {
    OBJECTIVES.map(|objective| match objective {
        Objective::Quality => -value(outline, objective),
        _ => value(outline, objective),
    })
}

fn value(outline: &Outline, objective: Objective) -> f64 {
    outline.estimate.value(objective)
}
