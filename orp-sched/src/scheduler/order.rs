//! Whose turn is it? Ranks of jobs; the lowest goes first.

use super::task::Task;
use orp_core::unit::{Span, Timestamp};
use std::fmt::Debug;

/// Ranks jobs. Ties go to who came to wait (or to run) first.
///
/// ```
/// use orp_core::prelude::*;
/// use orp_sched::scheduler::{Order, Task};
///
/// /// Widest first.
/// #[derive(Debug)]
/// struct Widest;
///
/// impl Order for Widest {
///     fn rank(&self, task: &Task, _now: Timestamp) -> i64 {
///         -i64::from(task.members())
///     }
/// }
/// ```
pub trait Order: Debug + Send + Sync {
    /// Its place: the lowest goes first.
    fn rank(&self, task: &Task, now: Timestamp) -> i64;

    /// How long ranks of *waiting* jobs stay what they are; without an answer they stay so until the job runs.
    fn lasts(&self) -> Option<Span> {
        None
    }

    /// When the rank of a *running* job changes next, if it is known to: asked of orders that stop jobs for others.
    fn changes(&self, task: &Task, now: Timestamp) -> Option<Timestamp> {
        let _ = (task, now);
        None
    }
}

/// First come, first served.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fifo;

impl Order for Fifo {
    fn rank(&self, task: &Task, _now: Timestamp) -> i64 {
        task.job.submitted.as_micros()
    }
}

/// The shortest job first, by the run time it is believed to have; those without an estimate go last.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShortestFirst;

impl Order for ShortestFirst {
    fn rank(&self, task: &Task, _now: Timestamp) -> i64 {
        task.job.expected.map_or(i64::MAX, micros)
    }
}

/// The job with the least left to do first; those without an estimate go last.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShortestRemaining;

impl Order for ShortestRemaining {
    fn rank(&self, task: &Task, now: Timestamp) -> i64 {
        task.remaining(now).map_or(i64::MAX, micros)
    }
}

/// A span as a rank.
pub(super) fn micros(span: Span) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
