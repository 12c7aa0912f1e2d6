//! Simulations: `cargo bench -p orp-sched --bench simulate [-- --quick]`.
//!
//! * Philly's 4,000 jobs on 64 nodes of 8 accelerators, first come first served, shortest first, shortest remaining first;
//! * so many jobs, drawn from Philly's with a seed, that come eight times as fast as the cluster can serve them, shortest
//!   first on the fewest nodes, of those the fullest, at three sizes up to 1,000,000 jobs and 10,000 nodes.
//!
//! Without the shared traces only the second is run, on jobs drawn from a formula.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark of good input")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use orp_core::prelude::*;
use orp_sched::scheduler::{Composed, Consolidate, Fifo, Greedy, Reselect, ShortestFirst, ShortestRemaining};
use orp_sched::sim::trace::{philly, uniform};
use orp_sched::sim::{Metrics, SimConfig, Simulation, Work, Workload};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

const EIGHT: Capacity = Capacity { gpu: GpuAmount::whole(8), ..Capacity::ZERO };

fn philly_4k() -> Option<Vec<Work>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/traces/philly/philly_4k_input.csv.gz");
    let file = std::fs::File::open(path).ok()?;
    philly::read("philly_4k", std::io::BufReader::new(flate2::read::GzDecoder::new(file))).ok()
}

fn run(workload: &Workload, mut scheduler: Composed) -> Metrics {
    let outcome = Simulation::new(workload, SimConfig::default()).unwrap().run(&mut scheduler).unwrap();
    Metrics::of(&outcome)
}

/// A number for each number, seemingly at random (SplitMix64, Steele et al., OOPSLA '14).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Jobs like those, which come `load` times as fast as so many nodes of eight can serve them.
fn drawn(like: &[(u32, Span)], jobs: u64, nodes: u32, load: u64) -> Workload {
    let picked: Vec<(u32, Span)> = (0..jobs).map(|at| like[(mixed(at) % like.len() as u64) as usize]).collect();
    let gpu_micros: u128 = picked.iter().map(|(gpus, run)| u128::from(*gpus) * u128::from(run.as_micros())).sum();
    let spread = (gpu_micros / u128::from(nodes) / 8 / u128::from(load)) as u64;
    let tenant = Tenant::new("philly").unwrap();
    let job = |(at, (gpus, run)): (u64, (u32, Span))| {
        let submitted = Timestamp::EPOCH.after(Span::from_micros(spread / jobs * at));
        let gpu = Capacity { gpu: GpuAmount::whole(1), ..Capacity::ZERO };
        let mut job = Job::new(JobKey::new(at.to_string()), tenant.clone(), gpu, submitted);
        (job.members, job.expected) = (gpus, Some(run));
        Work { job: Arc::new(job), run }
    };
    let work = (0..).zip(picked).map(job).collect();
    Workload { name: "drawn".into(), nodes: uniform("n", nodes, EIGHT), work, ..Workload::default() }
}

fn simulate(criterion: &mut Criterion) {
    let philly = philly_4k();
    let mut group = criterion.benchmark_group("simulate");
    group.sample_size(10);
    if let Some(work) = &philly {
        let workload = |work| Workload { nodes: uniform("n", 64, EIGHT), work, ..Workload::default() };
        let (plain, stopping) = (workload(work.clone()), workload(philly::with_stop_cost(work)));
        let of = || Composed::new().placement(Consolidate);
        group.bench_function("philly_4k fifo", |b| b.iter(|| run(&plain, of().order(Fifo).planning(Greedy::STRICT))));
        group.bench_function("philly_4k sjf", |b| {
            b.iter(|| run(&plain, of().order(ShortestFirst).planning(Greedy::STRICT)))
        });
        let srtf = || of().order(ShortestRemaining).planning(Reselect::default());
        group.bench_function("philly_4k srtf", |b| b.iter(|| run(&stopping, srtf())));
    }
    let formula = |at| (1 << (mixed(at) % 4), Span::from_secs(60 + mixed(at ^ 7) % 20_000));
    let like: Vec<(u32, Span)> = match &philly {
        Some(work) => work.iter().map(|work| (work.job.members, work.run)).collect(),
        None => (0..4_000).map(formula).collect(),
    };
    for (jobs, nodes) in [(10_000, 100), (100_000, 1_000), (1_000_000, 10_000)] {
        let workload = drawn(&like, jobs, nodes, 8);
        group.throughput(Throughput::Elements(jobs));
        group.bench_function(BenchmarkId::new("sjf consolidate", format!("{jobs} jobs, {nodes} nodes")), |b| {
            let scheduler = || Composed::new().order(ShortestFirst).placement(Consolidate).planning(Greedy::STRICT);
            b.iter(|| black_box(run(&workload, scheduler())));
        });
    }
    group.finish();
}

criterion_group!(benches, simulate);
criterion_main!(benches);
