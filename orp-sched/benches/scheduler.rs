//! How fast the scheduler decides: 1,000 nodes of 64 cores and 8 GPUs, 10,000 jobs of mixed shapes, about half of which fit.
//!
//! `fill` starts what fits of all 10,000 at once; `step` tells the loaded scheduler of one end and one submission;
//! `preempt` sends 100 jobs of higher priority into the full cluster; `reasons` asks why each waiting job waits.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark fails loudly, and criterion's macros document nothing"
)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use orp_core::prelude::*;
use orp_sched::scheduler::{PreemptivePriority, PriorityConfig};
use std::hint::black_box;

const NODES: u64 = 1_000;
const JOBS: u64 = 10_000;

fn capacity(cpu: u64, gpu: u64) -> Capacity {
    let (cpu, memory, gpu) = (CpuAmount::whole(cpu), Bytes::from_gb(8 * cpu), GpuAmount::whole(gpu));
    Capacity { cpu, memory, gpu, ..Capacity::ZERO }
}

fn view() -> ClusterView {
    let name = |at| NodeName::new(format!("node-{at:04}")).unwrap();
    ClusterView::new(
        (0..NODES).map(|at| Node { name: name(at), capacity: capacity(64, 8), labels: Labels::new() }).collect(),
    )
}

/// The job of this number: its shape is a fixed mix of the number's bits.
fn job(at: u64, priority: i32) -> Job {
    let mixed = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let pick = |shift: u32, among: &[u64]| among[((mixed >> shift) % among.len() as u64) as usize];
    let key = JobKey::new(format!("run-{at:08}/train#1"));
    let tenant = Tenant::new(format!("tenant-{}", pick(20, &[0, 1, 2, 3, 4, 5, 6, 7]))).unwrap();
    let demand = capacity(pick(28, &[1, 2, 4, 8, 16]), pick(36, &[0, 0, 1, 1, 2, 4]));
    let mut job = Job::new(key, tenant, demand, time(at));
    job.members = pick(44, &[1, 1, 1, 1, 2, 4]) as u32;
    job.priority = priority;
    job
}

fn time(at: u64) -> Timestamp {
    Timestamp::EPOCH.after(Span::from_millis(at))
}

fn submissions(numbers: std::ops::Range<u64>, priority: i32) -> Vec<JobEvent> {
    numbers.map(|at| job(at, priority).into()).collect()
}

/// A scheduler with a full cluster and a long queue, and what it decided.
fn loaded(view: &ClusterView) -> (PreemptivePriority, Decisions) {
    let mut scheduler = PreemptivePriority::new(PriorityConfig::default());
    let decisions = scheduler.decide(time(JOBS), &submissions(0..JOBS, 0), view);
    (scheduler, decisions)
}

fn scheduler(criterion: &mut Criterion) {
    let view = view();
    let (full, started) = loaded(&view);
    let mut group = criterion.benchmark_group("scheduler");

    group.throughput(Throughput::Elements(started.list.len() as u64));
    group.bench_function(format!("fill: {} starts of {JOBS} jobs", started.list.len()), |bencher| {
        let events = submissions(0..JOBS, 0);
        let empty = || PreemptivePriority::new(PriorityConfig::default());
        bencher.iter_batched(empty, |mut it| it.decide(time(JOBS), &events, &view), BatchSize::LargeInput);
    });

    let running = started.list.iter().filter_map(|it| match it {
        JobDecision::Start { job, .. } => Some(job.clone()),
        _ => None,
    });
    let running: Vec<JobKey> = running.collect();
    group.throughput(Throughput::Elements(1));
    group.bench_function("step: one end, one submission", |bencher| {
        let (mut it, mut running, mut at) = (full.clone(), running.clone(), 0);
        bencher.iter(|| {
            let ended = running.swap_remove(at as usize % running.len());
            at += 1;
            let events = [JobEvent::Ended(ended), job(JOBS + at, 0).into()];
            for decision in it.decide(time(JOBS + at), &events, &view).list {
                if let JobDecision::Start { job, .. } = decision {
                    running.push(job);
                }
            }
        });
    });

    let events = submissions(2 * JOBS..2 * JOBS + 100, 5);
    let stopped = full.clone().decide(time(3 * JOBS), &events, &view).list.len();
    group.throughput(Throughput::Elements(stopped as u64));
    group.bench_function(format!("preempt: {stopped} victims for 100 jobs"), |bencher| {
        bencher.iter_batched(
            || full.clone(),
            |mut it| it.decide(time(3 * JOBS), &events, &view),
            BatchSize::LargeInput,
        );
    });

    group.throughput(Throughput::Elements(full.waiting().len() as u64));
    group.bench_function(format!("reasons of {} jobs", full.waiting().len()), |bencher| {
        bencher.iter(|| black_box(&full).waiting());
    });
    group.finish();
}

criterion_group!(benches, scheduler);
criterion_main!(benches);
