//! Schedules of batch jobs that are known from elsewhere, job by job: Batsim's own, and those of a simple oracle on logs of
//! the Parallel Workloads Archive.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod traces;

use orp_core::prelude::*;
use orp_sched::scheduler::{Backfill, Composed, Fifo, Greedy};
use orp_sched::sim::trace::{batsim, swf, uniform};
use orp_sched::sim::{Metrics, Outcome, SimConfig, Simulation, Workload};
use std::io::BufRead;

fn run(workload: &Workload, backfill: Option<Backfill>) -> Outcome {
    let scheduler = Composed::new().order(Fifo);
    let mut scheduler = match backfill {
        Some(backfill) => scheduler.planning(backfill),
        None => scheduler.planning(Greedy::STRICT),
    };
    Simulation::new(workload, SimConfig::default()).unwrap().run(&mut scheduler).unwrap()
}

fn rows(path: &str) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let rows = traces::open(path)?.lines().map(|line| line.unwrap().split(',').map(str::to_owned).collect());
    let mut rows: Vec<Vec<String>> = rows.collect();
    Some((rows.remove(0), rows))
}

fn column(header: &[String], name: &str) -> usize {
    header.iter().position(|field| field == name).unwrap()
}

fn batsim(policy: &str, backfill: Backfill, mean_wait: f64) {
    let path = format!("batsim/{policy}_out_jobs.csv");
    let (Some(input), Some((header, rows))) = (traces::open("batsim/medium_late.json"), rows(&path)) else { return };
    let workload = batsim::read("medium_late", input).unwrap();
    let outcome = run(&workload, Some(backfill));
    let (key, start) = (column(&header, "job_id"), column(&header, "starting_time"));
    let mut equal = 0;
    for row in &rows {
        let record = outcome.records.iter().find(|record| record.job.key.as_str() == row[key]).unwrap();
        let started = record.started.unwrap().since(Timestamp::EPOCH).as_secs_f64();
        equal += usize::from((started - row[start].parse::<f64>().unwrap()).abs() < 1e-5);
    }
    assert_eq!(equal, 801, "of 801 start as Batsim starts them");
    let wait = Metrics::of(&outcome).wait.mean;
    assert!((wait - mean_wait).abs() < 1e-5, "{wait}");
}

#[test]
fn easy_backfilling_is_batsims() {
    batsim("easy", Backfill::easy(), 9.516_326);
}

#[test]
fn conservative_backfilling_is_batsims() {
    batsim("conservative", Backfill::conservative(), 9.852_251);
}

/// One node with so many cores: machines are counted, not told apart.
fn counted(name: &str, processors: u64) -> Option<Workload> {
    let work = swf::read(name, traces::open(&format!("swf/{name}.swf.gz"))?).unwrap();
    let node = Capacity { cpu: CpuAmount::whole(processors), ..Capacity::ZERO };
    Some(Workload { name: name.into(), nodes: uniform("n", 1, node), work, ..Workload::default() })
}

fn archive(name: &str, processors: u64, policy: &str, backfill: Option<Backfill>, expected: Option<(f64, f64)>) {
    let path = format!("reference/{name}_P{processors}_starts.csv.gz");
    let (Some(workload), Some((header, rows))) = (counted(name, processors), rows(&path)) else { return };
    let outcome = run(&workload, backfill);
    let start = column(&header, &format!("{policy}_start"));
    assert_eq!(rows.len(), outcome.records.len());
    let differ = rows.iter().zip(&outcome.records).filter(|(row, record)| {
        let started = record.started.unwrap().since(Timestamp::EPOCH).as_secs_f64();
        (started - row[start].parse::<f64>().unwrap()).abs() > 1e-5
    });
    let differ: Vec<_> = differ.collect();
    let first = differ.first().map(|(row, record)| format!("{row:?} starts at {:?}", record.started));
    assert_eq!(differ.len(), 0, "{name} {policy}: start otherwise, first {first:?}");
    if let Some((wait, slowdown)) = expected {
        let metrics = Metrics::of(&outcome);
        assert!((metrics.wait.mean - wait).abs() < 0.051, "{}", metrics.wait.mean);
        assert!((metrics.bounded_slowdown.mean - slowdown).abs() < 0.005_1, "{}", metrics.bounded_slowdown.mean);
    }
}

#[test]
fn hpc2n_is_the_oracles() {
    archive("hpc2n_sample", 240, "fcfs", None, Some((5_588.6, 47.04)));
    archive("hpc2n_sample", 240, "easy", Some(Backfill::easy()), Some((3_470.2, 16.21)));
    // The oracle makes all reservations anew, in the order of the queue, where Batsim keeps them and moves them forward.
    let anew = Backfill::with_reservations(usize::MAX);
    archive("hpc2n_sample", 240, "conservative", Some(anew), Some((3_596.7, 16.74)));
}

#[test]
fn nasa_is_the_oracles() {
    archive("NASA-iPSC-1993-3.1-cln", 128, "fcfs", None, None);
    archive("NASA-iPSC-1993-3.1-cln", 128, "easy", Some(Backfill::easy()), Some((4.07, 1.012)));
    archive("NASA-iPSC-1993-3.1-cln", 128, "conservative", Some(Backfill::conservative()), None);
}
