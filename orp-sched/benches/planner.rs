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

criterion_group!(benches, plan);
criterion_main!(benches);
