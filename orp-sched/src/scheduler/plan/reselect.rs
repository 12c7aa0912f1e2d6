//! Who would run if all started anew, in order? Those run; the others stop.

use super::Planning;
use crate::scheduler::amounts::Amounts;
use crate::scheduler::desk::Desk;
use crate::scheduler::task::{Phase, TaskId};
use orp_core::unit::{Span, Timestamp};
use std::collections::BTreeSet;

/// Ranks all jobs anew, those that run and those that wait, and goes through them in order as long as the cluster holds
/// them by its sums; who runs and is not among them stops. How SRTF (Helios, SC '21) and LAS (Tiresias, NSDI '19) share
/// time.
///
/// Sums are no placement: a job may be among them and find no room. It then waits, and keeps what it would have had from
/// others as long as it is ranked before them.
#[derive(Debug, Clone, Default)]
pub struct Reselect {
    /// Those that run, as of the last pass, in order.
    list: Vec<(i64, bool, u64, TaskId)>,
}

impl Planning for Reselect {
    fn pass(&mut self, desk: &mut Desk) {
        let now = desk.now();
        self.list.clear();
        for id in desk.queue().iter() {
            if let Some(task) = desk.task(id) {
                self.list.push((task.rank, false, task.turn(), id));
            }
        }
        let order = desk.order();
        let running = desk.running().filter(|(_, task)| matches!(task.phase(), Phase::Running(_)));
        let rank = |(id, task): (TaskId, &crate::scheduler::Task)| (order.rank(task, now), true, task.turn(), id);
        self.list.extend(running.map(rank));
        self.list.sort_unstable();

        let mut left = desk.cluster().limit();
        // What must not be stopped keeps what it has.
        for (_, task) in desk.running().filter(|(_, task)| !task.job().preemptible) {
            left = left.minus(all(task));
        }
        let (mut stop, mut start) = (Vec::new(), Vec::new());
        for &(rank, runs, _, id) in &self.list {
            let Some(task) = desk.task(id) else { continue };
            if runs && !task.job().preemptible {
                continue;
            }
            let asked = all(task);
            if asked.fits_in(&left) {
                left = left.minus(asked);
                if !runs {
                    start.push((rank, id));
                }
            } else if runs {
                stop.push(id);
            }
        }
        // Nobody starts before those that stop have: their room is what is started in.
        if !stop.is_empty() {
            let first = start.first().map(|(_, id)| *id);
            for id in stop {
                desk.preempt(id, first, "others are ranked before it, and the cluster does not hold both");
            }
        }
        if desk.stopping() > 0 {
            return;
        }
        let mut without_room = BTreeSet::new();
        for (rank, id) in start {
            if desk.try_start(id, "ranked among those the cluster holds").is_err() {
                without_room.insert(rank);
            }
        }
        self.wake(desk, &without_room, now);
    }

    fn boxed(&self) -> Box<dyn Planning> {
        Box::new(self.clone())
    }
}

impl Reselect {
    /// Asks to be asked again when a running job's rank comes before that of one that found no room, or changes of itself.
    fn wake(&self, desk: &mut Desk, without_room: &BTreeSet<i64>, now: Timestamp) {
        let order = desk.order();
        let mut next: Option<Timestamp> = None;
        for (_, task) in desk.running() {
            next = [next, order.changes(task, now)].into_iter().flatten().min();
        }
        if !without_room.is_empty() {
            for &(rank, runs, _, _) in &self.list {
                if runs && let Some(before) = without_room.range(..rank).next_back() {
                    // Ranks fall no faster than time passes.
                    let at = now.after(Span::from_micros(rank.abs_diff(*before) + 1));
                    next = Some(next.map_or(at, |next| next.min(at)));
                }
            }
        }
        if let Some(next) = next {
            desk.wake_at(next);
        }
    }
}

fn all(task: &crate::scheduler::Task) -> Amounts {
    task.demand().amounts().times(task.members())
}
