//! How the scheduler orders jobs, and what bounds it.

use super::state::Waiter;
use orp_core::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How [`PreemptivePriority`](super::PreemptivePriority) orders jobs, and its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PriorityConfig {
    /// For each such span that a job has waited, it is ordered one priority higher. Zero: no ageing. Default one hour.
    ///
    /// Ageing orders who is looked at first; who may preempt whom goes by the declared priority only.
    pub ageing: Span,
    /// The most that ageing adds. Default 10.
    pub ageing_max: u32,
    /// How long a job that does not fit lets later ones pass. Once it has waited so long (in all its waits together),
    /// nothing of lower order starts before it that would take what it waits for: quota of its tenant, its device, or any
    /// node. Zero: strictly in order. [`Span::MAX`]: whatever fits, starts, and a large job may wait for ever. Default one hour.
    pub patience: Span,
    /// The most members of a gang; one with more never starts, and its reason says so. Default 65 536.
    pub members_max: u32,
    /// For how many jobs victims are looked for in one decision; those later in order wait for the next. Default 128.
    pub searches_max: u32,
}

impl Default for PriorityConfig {
    fn default() -> Self {
        Self { ageing: Span::HOUR, ageing_max: 10, patience: Span::HOUR, members_max: 65_536, searches_max: 128 }
    }
}

impl PriorityConfig {
    /// Ageing by one for each such span waited, by `most` at most.
    pub fn with_ageing(mut self, span: Span, most: u32) -> Self {
        (self.ageing, self.ageing_max) = (span, most);
        self
    }

    /// How long a job lets later ones pass: zero is strictly in order.
    pub fn with_patience(mut self, patience: Span) -> Self {
        self.patience = patience;
        self
    }

    /// How many priorities so long a wait is worth.
    pub(super) fn aged_by(&self, waited: Span) -> u32 {
        let steps = waited.as_micros().checked_div(self.ageing.as_micros()).unwrap_or(0);
        u32::try_from(steps).unwrap_or(u32::MAX).min(self.ageing_max)
    }

    /// A waiting job's priority with ageing, at a time.
    pub(super) fn priority(&self, waiter: &Waiter, at: Timestamp) -> i64 {
        i64::from(waiter.request.job.priority) + i64::from(self.aged_by(waiter.waited(at)))
    }
}
