//! How fast a job runs, of the fastest it could.

use orp_core::noun::Job;
use orp_core::unit::Span;

/// The part of full speed that a job runs at: above 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// As fast as it can.
    pub const FULL: Self = Self(1.0);

    /// On these models of accelerator, one for each node: a gang is as fast as its slowest member. A model that the job does
    /// not name does not slow it.
    pub fn of<'a>(job: &Job, models: impl Iterator<Item = Option<&'a String>>) -> Self {
        if job.speeds.is_empty() {
            return Self::FULL;
        }
        let fastest = job.speeds.values().copied().fold(0.0, f64::max);
        let slowest = models.filter_map(|model| job.speeds.get(model?).copied()).fold(fastest, f64::min);
        if slowest > 0.0 && slowest < fastest { Self(slowest / fastest) } else { Self::FULL }
    }

    /// The same with only some of all members.
    pub fn with_members(self, some: u32, all: u32) -> Self {
        if some < all { Self(self.0 * f64::from(some.max(1)) / f64::from(all)) } else { self }
    }

    /// The work, as time at full speed, that is done in a time.
    pub fn work(self, time: Span) -> Span {
        if self.0 < 1.0 { Span::from_secs_f64(time.as_secs_f64() * self.0) } else { time }
    }

    /// The time that work takes.
    pub fn time(self, work: Span) -> Span {
        if self.0 < 1.0 { Span::from_secs_f64(work.as_secs_f64() / self.0) } else { work }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::FULL
    }
}
