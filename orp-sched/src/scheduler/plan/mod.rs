//! What a pass does: who of those that wait starts, and who stops for others.

mod backfill;
mod greedy;
mod profile;
mod reselect;

pub use backfill::Backfill;
pub use greedy::Greedy;
pub use reselect::Reselect;

use super::desk::Desk;
use super::task::TaskId;
use orp_core::unit::Timestamp;
use std::fmt::Debug;

/// Goes over the queue once and starts, stops and reserves. It is asked whenever something happened, and when it asked to
/// be.
pub trait Planning: Debug + Send {
    /// One pass.
    fn pass(&mut self, desk: &mut Desk);

    /// When a task that waits starts at the earliest, where it has a reservation.
    fn earliest(&self, id: TaskId) -> Option<Timestamp> {
        let _ = id;
        None
    }

    /// Why a task waits, where that is this plan's doing.
    fn why(&self, desk: &Desk, id: TaskId) -> Option<String> {
        let _ = (desk, id);
        None
    }

    /// A copy that lives on its own.
    fn boxed(&self) -> Box<dyn Planning>;
}
