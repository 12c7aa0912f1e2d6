//! What happened: a record for each job, and the use of the cluster over time.

use orp_core::noun::Job;
use orp_core::unit::{Span, Timestamp};
use std::sync::Arc;

/// What became of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The job.
    pub job: Arc<Job>,
    /// How long it needs by itself, on the accelerators it is fastest on.
    pub run: Span,
    /// When it first started.
    pub started: Option<Timestamp>,
    /// When it was done.
    pub ended: Option<Timestamp>,
    /// When it was refused for good.
    pub rejected: Option<Timestamp>,
    /// How long it waited in all.
    pub waited: Span,
    /// How long it held something in all.
    pub held: Span,
    /// How often it was stopped for others.
    pub preempted: u32,
    /// How often it was stopped because a node was lost.
    pub failed: u32,
    /// Work done for nothing: that it had to do again, and what stops cost.
    pub lost: Span,
    /// Whether it waited since before its last start.
    pub(crate) waits_since: Timestamp,
}

/// The use of the cluster, as it was from one time until the next sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// From when.
    pub at: Timestamp,
    /// Accelerators in use, in thousandths.
    pub gpu_milli: u64,
    /// Accelerators there are, in thousandths.
    pub gpu_limit_milli: u64,
    /// Jobs that run.
    pub running: u32,
    /// Jobs that wait.
    pub waiting: u32,
}

/// All that happened in a simulation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// A record for each job, in the order of the workload.
    pub records: Vec<Record>,
    /// The use over time; at most [a few thousand](Outcome::SAMPLES) samples, evenly thinned.
    pub samples: Vec<Sample>,
    /// Accelerators in use, summed over time: thousandths × microseconds.
    pub gpu_used: u128,
    /// Accelerators there were, summed over time.
    pub gpu_there: u128,
    /// Processor cores in use, summed over time.
    pub cpu_used: u128,
    /// Processor cores there were, summed over time.
    pub cpu_there: u128,
    /// When the first job came.
    pub began: Timestamp,
    /// When the last job was over, or the simulation ended.
    pub ended: Timestamp,
    /// How often the scheduler was asked.
    pub asked: u64,
    /// How many decisions it made.
    pub decisions: u64,
    /// How many resizes there were.
    pub resizes: u64,
}

impl Outcome {
    /// The most samples that are kept.
    pub const SAMPLES: usize = 4_096;
}
