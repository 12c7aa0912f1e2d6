//! Later jobs go first where that delays nobody who has a reservation.

use super::Planning;
use super::profile::{Profile, Spread};
use crate::scheduler::amounts::Amounts;
use crate::scheduler::cluster::Spot;
use crate::scheduler::desk::Desk;
use crate::scheduler::task::{Task, TaskId};
use orp_core::unit::{Span, Timestamp};
use std::collections::BTreeMap;

/// Backfilling with reservations: the first jobs that cannot start are each promised the earliest time there is room, on
/// nodes that are named, and others start before them only where and as long as they keep out of the way.
///
/// Jobs without an estimate are taken to run for ever. A job that runs longer than estimated is taken to end at any moment.
#[derive(Debug, Clone)]
pub struct Backfill {
    reservations: usize,
    keeps: bool,
    /// What is promised to whom, by the order of the queue.
    promised: BTreeMap<TaskId, Promise>,
    profile: Profile,
    /// What had been freed when the profile was made.
    made: Option<u64>,
}

#[derive(Debug, Clone)]
struct Promise {
    from: Timestamp,
    to: Timestamp,
    spread: Spread,
    demand: Amounts,
    turn: u64,
}

impl Backfill {
    /// EASY (Lifka, JSSPP '95): only the first that cannot start has a reservation, made anew every time.
    pub fn easy() -> Self {
        Self::with_reservations(1)
    }

    /// So many have reservations, made anew every time, as Slurm does.
    pub fn with_reservations(reservations: usize) -> Self {
        let (promised, profile) = (BTreeMap::new(), Profile::default());
        Self { reservations, keeps: false, promised, profile, made: None }
    }

    /// Conservative (Mu'alem and Feitelson, TPDS '01): all have reservations and keep them; when somebody ends early each is
    /// moved forward, in the order of the queue.
    pub fn conservative() -> Self {
        Self { keeps: true, ..Self::with_reservations(usize::MAX) }
    }

    /// What is free from now on, of what runs.
    fn of_running(desk: &Desk) -> Profile {
        let now = desk.now();
        let count = desk.cluster().nodes().map(|(rank, _)| rank + 1).max().unwrap_or(0);
        let limit = |rank| match desk.cluster().node(rank) {
            Some(state) if state.is_present() => state.limit(),
            _ => Amounts::ZERO,
        };
        let mut profile = Profile::new(now, (0..count).map(limit).collect());
        for (_, task) in desk.running() {
            let spread = task.spots().iter().map(|spot| (spot.node, spot.members)).collect();
            profile.change((now, expected_end(task, now)), &spread, &task.demand().amounts(), true);
        }
        profile
    }

    /// The earliest time a task has room, and where.
    fn earliest(&self, desk: &Desk, task: &Task, only_now: bool) -> Option<Promise> {
        let lasts = |from: Timestamp| end(task, from);
        let (job, cluster) = (task.job(), desk.cluster());
        let any = job.needs.is_empty() && job.speeds.is_empty();
        let may = |rank| any || cluster.node(rank).is_some_and(|state| cluster.allows(job, state));
        let demand = task.demand().amounts();
        let (from, spread) = self.profile.earliest(lasts, &demand, task.members(), &may, only_now)?;
        Some(Promise { from, to: lasts(from), spread, demand, turn: task.turn() })
    }

    fn note(&mut self, promise: &Promise, takes: bool) {
        self.profile.change((promise.from, promise.to), &promise.spread, &promise.demand, takes);
    }

    /// Starts a task where the profile has room for it now.
    fn start(&mut self, desk: &mut Desk, id: TaskId, promise: &Promise, reason: &'static str) -> bool {
        let Some(task) = desk.task(id) else { return false };
        let demand = *task.demand();
        let mut spots: Vec<Spot> = Vec::new();
        for (rank, members) in &promise.spread {
            desk.cluster().spots(*rank, &demand, *members, &mut spots);
        }
        desk.try_start_at(id, &spots, reason).is_ok()
    }

    /// Everybody's reservation anew, or moved forward, in the order of the queue.
    fn renew(&mut self, desk: &Desk) {
        self.profile = Self::of_running(desk);
        let mut kept = std::mem::take(&mut self.promised);
        if self.keeps {
            kept.retain(|id, promise| {
                desk.task(*id).is_some_and(|task| task.is_waiting() && task.turn() == promise.turn)
            });
            for promise in kept.values() {
                self.profile.change((promise.from, promise.to), &promise.spread, &promise.demand, true);
            }
            for id in desk.queue().iter() {
                let (Some(old), Some(task)) = (kept.remove(&id), desk.task(id)) else { continue };
                self.note(&old, false);
                let new = self.earliest(desk, task, false).filter(|new| new.from <= old.from).unwrap_or(old);
                self.note(&new, true);
                self.promised.insert(id, new);
            }
        }
        self.made = Some(desk.freed());
    }
}

impl Planning for Backfill {
    fn pass(&mut self, desk: &mut Desk) {
        let now = desk.now();
        let late = || desk.running().any(|(_, task)| task.ends().is_some_and(|end| end <= now));
        if !self.keeps || self.made != Some(desk.freed()) || late() {
            self.renew(desk);
        } else {
            self.profile.forget_before(now);
        }
        let mut reserved = 0;
        for id in desk.queue().iter() {
            let Some(task) = desk.task(id) else { continue };
            let kept = self.promised.get(&id).cloned();
            if desk.may_start(id).is_err() && kept.is_none() {
                continue;
            }
            let only_now = kept.is_none() && reserved >= self.reservations;
            let Some(promise) = kept.clone().or_else(|| self.earliest(desk, task, only_now)) else { continue };
            let reason =
                if reserved == 0 { "first in order, and fits" } else { "fits, and delays nobody with a reservation" };
            if promise.from <= now && self.start(desk, id, &promise, reason) {
                self.promised.remove(&id);
                if kept.is_none() {
                    self.note(&promise, true);
                }
                continue;
            }
            if only_now {
                continue;
            }
            reserved += 1;
            if kept.is_none() {
                self.note(&promise, true);
                self.promised.insert(id, promise);
            }
        }
        if let Some(next) = self.promised.values().map(|promise| promise.from).filter(|from| *from > now).min() {
            desk.wake_at(next);
        }
    }

    fn earliest(&self, id: TaskId) -> Option<Timestamp> {
        self.promised.get(&id).map(|promise| promise.from)
    }

    fn why(&self, desk: &Desk, id: TaskId) -> Option<String> {
        let promise = self.promised.get(&id)?;
        Some(format!("has a reservation in {}", promise.from.since(desk.now()).rounded()))
    }

    fn boxed(&self) -> Box<dyn Planning> {
        Box::new(self.clone())
    }
}

/// When a task that starts then is expected to end.
fn end(task: &Task, from: Timestamp) -> Timestamp {
    task.remaining(from).map_or_else(forever, |left| from.after(left.max(Span::from_micros(1))))
}

/// When a running task is expected to end, as seen now: later than now in any case.
fn expected_end(task: &Task, now: Timestamp) -> Timestamp {
    task.ends().unwrap_or_else(forever).max(now.after(Span::from_micros(1)))
}

/// Later than anything.
fn forever() -> Timestamp {
    Timestamp::EPOCH.after(Span::MAX)
}
