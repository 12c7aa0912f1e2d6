//! A scheduler of replaceable parts.

use super::admit::{Admission, Quotas};
use super::desk::Desk;
use super::order::{Fifo, Order};
use super::place::{BestFit, Placement};
use super::plan::{Greedy, Planning};
use orp_core::contract::Scheduler;
use orp_core::noun::{ClusterView, Decisions, JobEvent, Waiting};
use orp_core::unit::Timestamp;
use std::sync::Arc;

/// A scheduler composed of an order, an admission, a placement and a plan for each pass; any of them can be a host's own.
///
/// ```
/// use orp_core::prelude::*;
/// use orp_sched::scheduler::{Composed, Consolidate, Greedy, ShortestFirst};
///
/// let mut scheduler = Composed::new().order(ShortestFirst).placement(Consolidate).planning(Greedy::STRICT);
/// let gpus = |count| Capacity { gpu: GpuAmount::whole(count), ..Capacity::ZERO };
/// let node = Node { name: NodeName::new("n1")?, capacity: gpus(8), labels: Labels::new() };
/// let mut job = Job::new(JobKey::new("train"), Tenant::new("vision")?, gpus(2), Timestamp::EPOCH);
/// job.members = 4;
/// let decisions = scheduler.decide(Timestamp::EPOCH, &[job.into()], &ClusterView::new(vec![node]));
/// let [JobDecision::Start { slots, .. }] = &decisions.list[..] else { panic!("{decisions:?}") };
/// assert_eq!((slots[0].members, slots[0].devices.len()), (4, 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Composed {
    desk: Desk,
    planning: Box<dyn Planning>,
}

impl Default for Composed {
    fn default() -> Self {
        Self::new()
    }
}

impl Composed {
    /// First come, first served, best fit, quotas of the view, and who fits passes who does not.
    pub fn new() -> Self {
        let desk = Desk::new(Arc::new(Fifo), Arc::new(BestFit), Box::new(Quotas::default()));
        Self { desk, planning: Box::new(Greedy::BEST_EFFORT) }
    }

    /// The same with another order; it knows no jobs yet.
    pub fn order(self, order: impl Order + 'static) -> Self {
        let placement = self.desk.placement_shared();
        Self { desk: Desk::new(Arc::new(order), placement, self.desk.admission().boxed()), ..self }
    }

    /// The same with another placement; it knows no jobs yet.
    pub fn placement(self, placement: impl Placement + 'static) -> Self {
        let order = self.desk.order_shared();
        Self { desk: Desk::new(order, Arc::new(placement), self.desk.admission().boxed()), ..self }
    }

    /// The same with another admission; it knows no jobs yet.
    pub fn admission(self, admission: impl Admission + 'static) -> Self {
        let desk = Desk::new(self.desk.order_shared(), self.desk.placement_shared(), Box::new(admission));
        Self { desk, ..self }
    }

    /// The same with another plan for each pass.
    pub fn planning(self, planning: impl Planning + 'static) -> Self {
        Self { planning: Box::new(planning), ..self }
    }

    /// What it knows.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }
}

impl Clone for Composed {
    fn clone(&self) -> Self {
        Self { desk: self.desk.clone(), planning: self.planning.boxed() }
    }
}

impl Scheduler for Composed {
    fn decide(&mut self, now: Timestamp, events: &[JobEvent], view: &ClusterView) -> Decisions {
        self.desk.open(now, view);
        events.iter().for_each(|event| self.desk.apply(event));
        self.desk.rank_again();
        self.planning.pass(&mut self.desk);
        let (list, wake) = self.desk.close();
        Decisions { list, wake }
    }

    fn waiting(&self) -> Vec<Waiting> {
        let why = |id| {
            let task = self.desk.task(id)?;
            let (queue, own) = self.desk.why(id)?;
            let reason = self.planning.why(&self.desk, id).map_or(own.clone(), |plan| format!("{plan}; {own}"));
            let mut waiting = Waiting::new(task.job().key.clone(), queue, reason);
            waiting.earliest = self.planning.earliest(id);
            Some(waiting)
        };
        self.desk.queue().iter().filter_map(why).collect()
    }

    fn fork(&self) -> Option<Box<dyn Scheduler>> {
        Some(Box::new(self.clone()))
    }
}
