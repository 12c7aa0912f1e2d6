//! In order, whoever fits starts.

use super::Planning;
use crate::scheduler::desk::Desk;
use crate::scheduler::task::TaskId;

/// Starts jobs in their order. Who does not fit either holds up all behind it, or is passed by those that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greedy {
    /// How many kinds of jobs that do not fit are passed, of jobs that ask for different things.
    pass_most: usize,
    /// What had become possible when nothing more could start.
    settled: Option<u64>,
}

impl Greedy {
    /// Nobody passes a job that waits.
    pub const STRICT: Self = Self { pass_most: 0, settled: None };

    /// Jobs that fit pass those that do not, however many.
    pub const BEST_EFFORT: Self = Self { pass_most: usize::MAX, settled: None };

    /// Jobs that fit pass those that do not, as long as these ask for at most so many different things.
    pub const fn passing(kinds: usize) -> Self {
        Self { pass_most: kinds, settled: None }
    }
}

impl Planning for Greedy {
    fn pass(&mut self, desk: &mut Desk) {
        let (mut passed, mut after) = (0, None);
        while let Some((head, id)) = desk.queue().head_after(after) {
            let reason = if passed == 0 { "first in order, and fits" } else { "fits, and passes jobs that do not" };
            if desk.try_start(id, reason).is_err() {
                if passed >= self.pass_most {
                    return;
                }
                passed += 1;
                after = Some(head);
            }
        }
    }

    fn why(&self, desk: &Desk, id: TaskId) -> Option<String> {
        let (_, first) = desk.queue().head_after(None)?;
        let before = desk.task(first).filter(|_| self.pass_most == 0 && first != id)?;
        Some(format!("comes after `{}`", before.job().key))
    }

    fn boxed(&self) -> Box<dyn Planning> {
        Box::new(self.clone())
    }
}
