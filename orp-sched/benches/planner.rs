//! How long planning takes: the reference intent over the tests' small market, and over markets of many machines.
//!
//! ```text
//! cargo bench -p orp-sched --bench planner
//! ```

#![allow(missing_docs, reason = "criterion's macros make items without docs")]

#[path = "../tests/planner_catalogue/mod.rs"]
mod planner_catalogue;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use orp_core::prelude::*;
use orp_sched::planner::FrontierPlanner;
use planner_catalogue::{problem, reference_intent, reference_offers, wide_offers};
use std::hint::black_box;

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reference intent");
    group.sample_size(10);
    for (name, offers) in [("small", reference_offers()), ("wide", wide_offers(200)), ("wide", wide_offers(500))] {
        let problem = problem(reference_intent(), offers);
        group.bench_with_input(BenchmarkId::new(name, problem.offers.len()), &problem, |bencher, problem| {
            let planner = FrontierPlanner::default();
            bencher.iter(|| planner.plan(black_box(problem), &PlanLimits::default()));
        });
    }
    group.finish();
}

/// A chain of three tasks of fixed length over so many machines, each of which would do for any of them.
fn chain(machines: usize) -> PlanningProblem {
    let task = |name: &str, after: &str| {
        format!(
            "  - {{name: {name}, after: [{after}], claims: [{{compute: {{cpu: 2}}}}], work: {{scan: {{per_core_second: 1 MB}}}}, \
             run: {{process: {{program: sh}}}}}}\n"
        )
    };
    let text = "name: chain\nversion: 1.0.0\ngoal: chain\nneeds: [data]\n\
                variants: [{name: plain, quality: {floor: 1, ceiling: 1, half: 1, source: assumed}}]\ntasks:\n"
        .to_owned();
    let text = text + &task("a", "") + &task("b", "a") + &task("c", "b");
    let mut problem = problem(Intent::new(Goal::new("chain")), wide_offers(machines + 3));
    problem.intent.goal.data = "corpus".parse().ok();
    problem.recipes = Recipe::from_source(&Source::new("chain.yaml", &text)).into_iter().collect();
    problem
}

fn chains(criterion: &mut Criterion) {
    let problem = chain(132);
    let planner = FrontierPlanner::default();
    criterion.bench_function("chain of 3, 132 candidates each", |bencher| {
        bencher.iter(|| planner.plan(black_box(&problem), &PlanLimits::default()));
    });
}

criterion_group!(benches, chains, plan);
criterion_main!(benches);
