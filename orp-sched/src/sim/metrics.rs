//! Figures of an outcome.

use super::outcome::{Outcome, Record};
use orp_core::unit::Span;
use serde::{Deserialize, Serialize};

/// How a quantity is spread, in seconds or as a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// The arithmetic mean.
    pub mean: f64,
    /// Half are at most this.
    pub p50: f64,
    /// 90 in 100 are at most this.
    pub p90: f64,
    /// 99 in 100 are at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these values; all zero for none.
    pub fn of(mut values: Vec<f64>) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mut at = |part: f64| {
            let place = ((values.len() as f64 * part).ceil() as usize).clamp(1, values.len()) - 1;
            *values.select_nth_unstable_by(place, f64::total_cmp).1
        };
        Self { mean, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

/// Figures of a simulation. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Jobs that were done.
    pub done: usize,
    /// Jobs that were refused for good.
    pub rejected: usize,
    /// Jobs that were not over when nothing more could happen.
    pub left: usize,
    /// From submission to end.
    pub completion: Spread,
    /// Waiting in all.
    pub wait: Spread,
    /// Completion over run time, of jobs shorter than ten seconds over ten seconds; at least 1.
    pub bounded_slowdown: Spread,
    /// From the first submission to the last end.
    pub makespan: f64,
    /// Jobs done per hour.
    pub throughput: f64,
    /// The part of accelerator time that was in use.
    pub gpu_use: f64,
    /// The part of processor time that was in use.
    pub cpu_use: f64,
    /// How often jobs were stopped for others.
    pub preemptions: u64,
    /// How often jobs were stopped because a node was lost.
    pub failures: u64,
    /// Accelerator-seconds of work done for nothing.
    pub lost_gpu: f64,
    /// Jobs that were done after their deadline, or not at all.
    pub deadlines_missed: usize,
    /// Jobs with a deadline.
    pub deadlines: usize,
}

/// The shortest run time that slowdown is reckoned with (Feitelson and Rudolph, JSSPP '98).
const SHORTEST: f64 = 10.0;

impl Metrics {
    /// The figures of all jobs.
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            makespan: outcome.ended.since(outcome.began).as_secs_f64(),
            throughput: ratio(
                outcome.records.iter().filter(|it| it.ended.is_some()).count() as f64,
                outcome.ended.since(outcome.began).as_hours_f64(),
            ),
            gpu_use: ratio(outcome.gpu_used as f64, outcome.gpu_there as f64),
            cpu_use: ratio(outcome.cpu_used as f64, outcome.cpu_there as f64),
            ..Self::of_records(outcome.records.iter())
        }
    }

    /// The figures of some jobs: of a tenant, of a queue. What is of the cluster as a whole stays zero.
    pub fn of_records<'a>(records: impl Iterator<Item = &'a Record> + Clone) -> Self {
        let done = records.clone().filter_map(|record| Some((record, record.ended?.since(record.job.submitted))));
        let slowdown = |(record, took): (&Record, Span)| {
            let run = record.run.as_secs_f64().max(SHORTEST);
            (took.as_secs_f64() / run).max(1.0)
        };
        let late = |record: &&Record| match (record.job.deadline, record.ended) {
            (Some(deadline), Some(ended)) => ended > deadline,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let lost = |record: &Record| {
            record.lost.as_secs_f64() * record.job.demand.gpu.as_f64() * f64::from(record.job.members.max(1))
        };
        Self {
            done: done.clone().count(),
            rejected: records.clone().filter(|record| record.rejected.is_some()).count(),
            left: records.clone().filter(|record| record.ended.is_none() && record.rejected.is_none()).count(),
            completion: Spread::of(done.clone().map(|(_, took)| took.as_secs_f64()).collect()),
            wait: Spread::of(done.clone().map(|(record, _)| record.waited.as_secs_f64()).collect()),
            bounded_slowdown: Spread::of(done.map(slowdown).collect()),
            preemptions: records.clone().map(|record| u64::from(record.preempted)).sum(),
            failures: records.clone().map(|record| u64::from(record.failed)).sum(),
            lost_gpu: records.clone().map(lost).sum(),
            deadlines_missed: records.clone().filter(late).count(),
            deadlines: records.filter(|record| record.job.deadline.is_some()).count(),
            ..Self::default()
        }
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
