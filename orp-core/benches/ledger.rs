//! What a budget and a quota cost: `cargo bench -p orp-core --bench ledger`.
//!
//! Each step reserves 100, charges 70 and settles, over one account and over three levels, by name; the floor does the same
//! additions and comparisons on plain integers under a mutex, without keys, names, or anything that is remembered.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![allow(missing_docs, reason = "criterion's macros make items without docs")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use orp_core::prelude::*;
use std::{hint::black_box, sync::Mutex, time::Duration};

const STEPS: u64 = 1000;
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn usd(micros: i64) -> Money {
    Money::from_micros(micros, Currency::USD)
}

fn names() -> [BudgetName; 3] {
    ["project/2026-11", "team/2026-11", "org/2026-11"].map(|name| BudgetName::new(name).unwrap())
}

/// A chain of accounts, the project below.
fn tree() -> Ledger {
    let (names, rule) = (names(), RuleId::new("bench").unwrap());
    let spec = |at: usize| {
        let spec = BudgetSpec::new(names[at].clone(), usd(i64::MAX), rule.clone());
        names.get(at + 1).map_or(spec.clone(), |parent| spec.with_parent(parent.clone()))
    };
    let mut ledger = Ledger::default();
    ledger.open_all(&[spec(0), spec(1), spec(2)]).unwrap();
    ledger
}

fn keys() -> Vec<IdempotencyKey> {
    (0..STEPS).map(|at| IdempotencyKey::new(format!("run_0192f0c1d2e37a4b8c5d6e7f{at:08}"))).collect()
}

/// Reserve, charge, settle for every key.
fn by_name(ledger: &mut Ledger, keys: &[IdempotencyKey], accounts: &[BudgetName]) {
    for key in keys {
        ledger.reserve(key.clone(), usd(100), accounts, None).unwrap();
        ledger.charge(key, usd(70), NOW).unwrap();
        ledger.settle(key).unwrap();
    }
}

fn ledger(criterion: &mut Criterion) {
    let (keys, [project, team, org]) = (keys(), names());
    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(STEPS)).measurement_time(Duration::from_secs(3)).sample_size(60);
    let mut measure = |name: &str, accounts: &[BudgetName]| {
        let step = |mut ledger: Ledger| {
            by_name(&mut ledger, &keys, accounts);
            ledger
        };
        group.bench_function(name, |bencher| bencher.iter_batched(tree, step, BatchSize::LargeInput));
    };
    measure("one level: reserve, charge, settle", std::slice::from_ref(&org));
    measure("three levels by parent: reserve, charge, settle", std::slice::from_ref(&project));
    measure("three levels named: reserve, charge, settle", &[project.clone(), team, org]);
    group.bench_function("three levels by parent: reserve, commit", |bencher| {
        let step = |mut ledger: Ledger| {
            for key in &keys {
                ledger.reserve(key.clone(), usd(100), std::slice::from_ref(&project), None).unwrap();
                ledger.commit(key, usd(70), NOW).unwrap();
            }
            ledger
        };
        bencher.iter_batched(tree, step, BatchSize::LargeInput);
    });
    group.bench_function("three levels, full memory: reserve, charge, settle", |bencher| {
        // Every settled reservation pushes an older one out: memory stays as it is.
        let mut full = Ledger::with_memory(100);
        for name in [&names()[2], &names()[1], &names()[0]] {
            full.open(tree().budget(name).unwrap()).unwrap();
        }
        bencher.iter(|| by_name(&mut full, &keys, std::slice::from_ref(&project)));
    });
    group.bench_function("floor: three levels of plain integers under a mutex", |bencher| {
        let floor = Mutex::new([[i64::MAX / 2, 0, 0]; 3]);
        bencher.iter(|| (0..STEPS).for_each(|_| floor_step(&floor)));
    });
    group.finish();
}

/// Limit, spent, reserved on three levels; one lock for each of the three operations, as the ledger's users take it.
fn floor_step(floor: &Mutex<[[i64; 3]; 3]>) {
    let (amount, actual) = black_box((100, 70));
    let mut held = floor.lock().unwrap();
    if held.iter().all(|[limit, spent, reserved]| limit - spent - reserved >= amount) {
        held.iter_mut().for_each(|[_, _, reserved]| *reserved += amount);
    }
    drop(held);
    for [_, spent, reserved] in floor.lock().unwrap().iter_mut() {
        (*reserved, *spent) = (*reserved - actual, *spent + actual);
    }
    floor.lock().unwrap().iter_mut().for_each(|[_, _, reserved]| *reserved -= amount - actual);
}

/// Four levels, four below each: 64 queues under 21 groups.
fn quotas() -> QuotaTree {
    let share = Capacity { gpu: GpuAmount::whole(8), cpu: CpuAmount::whole(64), ..Capacity::ZERO };
    let queue = |name: &str| QueueName::new(name).unwrap();
    let (mut specs, mut level) = (vec![QuotaSpec::new(queue("q"), share)], vec!["q".to_string()]);
    for _ in 1..4 {
        let below = |parent: &String| [0, 1, 2, 3].map(|at| (parent.clone(), format!("{parent}-{at}")));
        let children: Vec<(String, String)> = level.iter().flat_map(below).collect();
        let spec = |(parent, name): &(String, String)| QuotaSpec::new(queue(name), share).with_parent(queue(parent));
        specs.extend(children.iter().map(spec));
        level = children.into_iter().map(|(_, name)| name).collect();
    }
    QuotaTree::new(specs).unwrap()
}

fn quota(criterion: &mut Criterion) {
    let mut tree = quotas();
    let queue = tree.id(&QueueName::new("q-1-2-3").unwrap()).unwrap();
    let demand = Capacity { gpu: GpuAmount::whole(10), cpu: CpuAmount::whole(80), ..Capacity::ZERO };
    let mut group = criterion.benchmark_group("quota");
    group.measurement_time(Duration::from_secs(3)).sample_size(60);
    group.bench_function("four levels: admits", |bencher| bencher.iter(|| tree.admits(queue, black_box(&demand))));
    group.bench_function("four levels: take and give back", |bencher| {
        bencher.iter(|| {
            tree.take(queue, black_box(&demand)).unwrap();
            tree.give_back(queue, black_box(&demand)).unwrap();
        });
    });
    group.finish();
}

criterion_group!(benches, ledger, quota);
criterion_main!(benches);
