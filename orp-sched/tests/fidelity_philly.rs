//! Helios's schedules of a Philly trace (64 nodes of 8 accelerators), job by job.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod traces;

use orp_core::prelude::*;
use orp_sched::scheduler::{Composed, Consolidate, Fifo, Greedy, Reselect, ShortestFirst, ShortestRemaining};
use orp_sched::sim::{
    Metrics, SimConfig, Simulation, Work, Workload,
    trace::{philly, uniform},
};
use std::collections::BTreeMap;
use std::io::BufRead;

fn workload(work: Vec<Work>) -> Workload {
    let eight = Capacity { gpu: GpuAmount::whole(8), ..Capacity::ZERO };
    Workload { name: "philly_4k".into(), nodes: uniform("n", 64, eight), work, ..Workload::default() }
}

/// The start and end of each job, by the column of its name.
fn reference(policy: &str) -> Option<BTreeMap<String, (f64, f64)>> {
    let lines: Vec<String> =
        traces::open("reference/philly_4k_64x8_starts.csv.gz")?.lines().map(Result::unwrap).collect();
    let header: Vec<&str> = lines[0].split(',').collect();
    let column = |name: String| header.iter().position(|field| **field == name).unwrap();
    let (start, end) = (column(format!("{policy}_start")), column(format!("{policy}_end")));
    let row = |line: &String| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[0].to_owned(), (fields[start].parse().unwrap(), fields[end].parse().unwrap()))
    };
    Some(lines[1..].iter().map(row).collect())
}

fn check(policy: &str, mut scheduler: Composed, preempts: bool, completion: f64) {
    let (Some(input), Some(reference)) = (traces::open("philly/philly_4k_input.csv.gz"), reference(policy)) else {
        return;
    };
    let mut work = philly::read("philly_4k", input).unwrap();
    if preempts {
        work = philly::with_stop_cost(&work);
    }
    let outcome = Simulation::new(&workload(work), SimConfig::default()).unwrap().run(&mut scheduler).unwrap();
    let seconds = |at: Option<Timestamp>| at.unwrap().since(Timestamp::EPOCH).as_secs_f64();
    let differ: Vec<String> = outcome
        .records
        .iter()
        .filter_map(|record| {
            let (start, end) = reference[record.job.key.as_str()];
            let is = (seconds(record.started), seconds(record.ended));
            (is != (start, end)).then(|| format!("{}: {is:?} expected {:?}", record.job.key, (start, end)))
        })
        .collect();
    let metrics = Metrics::of(&outcome);
    assert!(differ.is_empty(), "{} differ, first {:?}", differ.len(), &differ[..differ.len().min(3)]);
    assert!((metrics.completion.mean - completion).abs() < 1e-9, "{}", metrics.completion.mean);
}

#[test]
fn first_come_first_served() {
    check("fifo", Composed::new().order(Fifo).placement(Consolidate).planning(Greedy::STRICT), false, 10_448.516_5);
}

#[test]
fn shortest_job_first() {
    check(
        "sjf",
        Composed::new().order(ShortestFirst).placement(Consolidate).planning(Greedy::STRICT),
        false,
        10_230.264_25,
    );
}

#[test]
fn shortest_remaining_first() {
    let scheduler = Composed::new().order(ShortestRemaining).placement(Consolidate).planning(Reselect::default());
    check("srtf", scheduler, true, 8_952.172_25);
}
