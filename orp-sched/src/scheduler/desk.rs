//! What the scheduler knows, and the few ways to change it: where plans of a pass start and stop jobs.

use super::admit::Admission;
use super::cluster::{Cluster, Spot};
use super::order::Order;
use super::pace::Pace;
use super::place::Placement;
use super::queue::{Place, WaitQueue};
use super::task::{Phase, Task, TaskId};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use orp_core::id::{DeviceId, NodeName};
use orp_core::noun::{ACCELERATOR, ClusterView, Job, JobDecision, JobEvent, JobKey, Queue};
use orp_core::unit::{Span, Timestamp};
use std::borrow::Cow;
use std::sync::Arc;

/// Why a task does not start now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Its tenant or queue may not have more.
    Quota(String),
    /// Another task holds the device.
    Device(JobKey),
    /// No room.
    Room,
}

/// Everything the scheduler knows, at one time.
#[derive(Debug)]
pub struct Desk {
    now: Timestamp,
    tasks: Vec<Option<Task>>,
    unused: Vec<TaskId>,
    by_key: HashMap<JobKey, TaskId, FixedState>,
    queue: WaitQueue,
    /// Those that run or stop, in no order that means anything.
    running: Vec<TaskId>,
    /// Where each task stands in `running`.
    at: Vec<u32>,
    stopping: usize,
    devices: HashMap<DeviceId, TaskId, FixedState>,
    cluster: Cluster,
    admission: Box<dyn Admission>,
    order: Arc<dyn Order>,
    placement: Arc<dyn Placement>,
    turns: u64,
    ranked: Timestamp,
    /// Counts up whenever something may have become possible that was not.
    freed: u64,
    decisions: Vec<JobDecision>,
    wake: Option<Timestamp>,
    spots: Vec<Spot>,
}

impl Clone for Desk {
    fn clone(&self) -> Self {
        Self {
            now: self.now,
            tasks: self.tasks.clone(),
            unused: self.unused.clone(),
            by_key: self.by_key.clone(),
            queue: self.queue.clone(),
            running: self.running.clone(),
            at: self.at.clone(),
            stopping: self.stopping,
            devices: self.devices.clone(),
            cluster: self.cluster.clone(),
            admission: self.admission.boxed(),
            order: self.order.clone(),
            placement: self.placement.clone(),
            turns: self.turns,
            ranked: self.ranked,
            freed: self.freed,
            decisions: self.decisions.clone(),
            wake: self.wake,
            spots: Vec::new(),
        }
    }
}

impl Desk {
    pub(crate) fn new(order: Arc<dyn Order>, placement: Arc<dyn Placement>, admission: Box<dyn Admission>) -> Self {
        Self {
            now: Timestamp::EPOCH,
            tasks: Vec::new(),
            unused: Vec::new(),
            by_key: HashMap::default(),
            queue: WaitQueue::default(),
            running: Vec::new(),
            at: Vec::new(),
            stopping: 0,
            devices: HashMap::default(),
            cluster: Cluster::default(),
            admission,
            order,
            placement,
            turns: 0,
            ranked: Timestamp::EPOCH,
            freed: 0,
            decisions: Vec::new(),
            wake: None,
            spots: Vec::new(),
        }
    }

    /// The time of this pass.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A task.
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(id as usize)?.as_ref()
    }

    /// A task by its job's key.
    pub fn find(&self, key: &JobKey) -> Option<TaskId> {
        self.by_key.get(key).copied()
    }

    /// The tasks that wait.
    pub fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// The tasks that run or are being stopped, in no order that means anything.
    pub fn running(&self) -> impl Iterator<Item = (TaskId, &Task)> {
        self.running.iter().filter_map(|id| Some((*id, self.task(*id)?)))
    }

    /// How many were told to stop and have not yet.
    pub fn stopping(&self) -> usize {
        self.stopping
    }

    /// The nodes.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The quotas.
    pub fn admission(&self) -> &dyn Admission {
        &*self.admission
    }

    /// The order of turns.
    pub fn order(&self) -> &dyn Order {
        &*self.order
    }

    /// How members are placed.
    pub fn placement(&self) -> &dyn Placement {
        &*self.placement
    }

    pub(crate) fn order_shared(&self) -> Arc<dyn Order> {
        self.order.clone()
    }

    pub(crate) fn placement_shared(&self) -> Arc<dyn Placement> {
        self.placement.clone()
    }

    /// Counts up whenever something may have become possible that was not before.
    pub fn freed(&self) -> u64 {
        self.freed
    }

    /// Asks to be asked again at this time, even if nothing happens.
    pub fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
    }

    /// Starts a task that waits, if quota, device and nodes allow.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn try_start(&mut self, id: TaskId, reason: impl Into<Cow<'static, str>>) -> Result<(), Refusal> {
        let mut spots = std::mem::take(&mut self.spots);
        spots.clear();
        let found = self.find_spots(id, &mut spots);
        if found.is_ok() {
            self.start_at(id, &spots, reason);
        }
        self.spots = spots;
        found
    }

    /// Whether a task may start as far as quota and device go.
    ///
    /// # Errors
    /// Why it may not.
    pub fn may_start(&self, id: TaskId) -> Result<(), Refusal> {
        let Some(task) = self.task(id) else { return Err(Refusal::Room) };
        self.admission.admits(task, task.members()).map_err(Refusal::Quota)?;
        let holder = task.job.device.as_ref().and_then(|device| self.task(*self.devices.get(device)?));
        holder.map_or(Ok(()), |holder| Err(Refusal::Device(holder.job.key.clone())))
    }

    fn find_spots(&self, id: TaskId, spots: &mut Vec<Spot>) -> Result<(), Refusal> {
        self.may_start(id)?;
        let task = self.task(id).ok_or(Refusal::Room)?;
        let placed = self.placement.place(task, task.members(), &self.cluster, spots);
        if placed && self.is_free(task, spots) { Ok(()) } else { Err(Refusal::Room) }
    }

    /// Whether spots hold all members of a task, and are free.
    fn is_free(&self, task: &Task, spots: &[Spot]) -> bool {
        let [spot] = spots else { return self.are_free(task, spots) };
        spot.members == task.members() && self.cluster.node(spot.node).is_some_and(|node| node.has(&task.demand, spot))
    }

    fn are_free(&self, task: &Task, spots: &[Spot]) -> bool {
        let members: u32 = spots.iter().map(|spot| spot.members).sum();
        let each = spots.iter().all(|spot| {
            let here = spots.iter().filter(|other| other.node == spot.node).map(|other| other.members).sum();
            self.cluster.node(spot.node).is_some_and(|node| {
                node.has(&task.demand, spot) && node.free().holds(&task.demand.amounts(), here) == here
            })
        });
        members == task.members() && each
    }

    /// Starts a task that waits at these spots, if they are free and quota and device allow.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn try_start_at(
        &mut self,
        id: TaskId,
        spots: &[Spot],
        reason: impl Into<Cow<'static, str>>,
    ) -> Result<(), Refusal> {
        self.may_start(id)?;
        let task = self.task(id).filter(|task| task.is_waiting()).ok_or(Refusal::Room)?;
        if !self.is_free(task, spots) {
            return Err(Refusal::Room);
        }
        self.start_at(id, spots, reason);
        Ok(())
    }

    fn start_at(&mut self, id: TaskId, spots: &[Spot], reason: impl Into<Cow<'static, str>>) {
        let (now, turn) = (self.now, self.next_turn());
        let Some(task) = self.tasks.get_mut(id as usize).and_then(Option::as_mut).filter(|task| task.is_waiting())
        else {
            return;
        };
        self.queue.remove(id, task);
        let model = |spot: &Spot| self.cluster.node(spot.node)?.node().labels.get(ACCELERATOR);
        task.pace = Pace::of(&task.job, spots.iter().map(model));
        task.enter(Phase::Running(spots.to_vec()), now, turn);
        self.cluster.take(&task.demand, spots);
        self.admission.take(task, task.members());
        if let Some(device) = &task.job.device {
            self.devices.insert(device.clone(), id);
        }
        let (job, slots) = (task.job.key.clone(), self.cluster.slots(spots));
        if let Some(at) = self.at.get_mut(id as usize) {
            *at = self.running.len() as u32;
        }
        self.running.push(id);
        self.decisions.push(JobDecision::Start { job, slots, reason: reason.into() });
    }

    /// Tells a running task to stop; it keeps what it holds until it has.
    pub fn preempt(&mut self, id: TaskId, for_task: Option<TaskId>, reason: impl Into<Cow<'static, str>>) {
        let for_job = for_task.and_then(|id| Some(self.task(id)?.job.key.clone()));
        let Some(task) = self.tasks.get_mut(id as usize).and_then(Option::as_mut) else { return };
        if let Phase::Running(spots) = &mut task.phase {
            task.phase = Phase::Stopping(std::mem::take(spots));
            self.stopping += 1;
            self.decisions.push(JobDecision::Preempt { job: task.job.key.clone(), for_job, reason: reason.into() });
        }
    }

    /// Refuses a task that waits, for good.
    pub fn reject(&mut self, id: TaskId, reason: impl Into<Cow<'static, str>>) {
        let Some(task) = self.task(id).filter(|task| task.is_waiting()) else { return };
        let job = task.job.key.clone();
        self.end(&job);
        self.decisions.push(JobDecision::Reject { job, reason: reason.into() });
    }

    // ---- what happens ---------------------------------------------------------------------------------------------------

    pub(crate) fn open(&mut self, now: Timestamp, view: &ClusterView) {
        self.now = now;
        self.wake = None;
        self.decisions.clear();
        if self.cluster.renew(&view.nodes) {
            self.freed += 1;
        }
        let Self { running, tasks, admission, .. } = self;
        let task = |id: &TaskId| tasks.get(*id as usize)?.as_ref().map(|task| (task, task.members()));
        admission.renew(view, &mut running.iter().filter_map(task));
    }

    pub(crate) fn close(&mut self) -> (Vec<JobDecision>, Option<Timestamp>) {
        (std::mem::take(&mut self.decisions), self.wake)
    }

    pub(crate) fn apply(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Submitted(job) => self.submit(job),
            JobEvent::Ended(key) => self.end(key),
            // Of a job that was not told to stop this is late or repeated: what it holds now is of another start.
            JobEvent::Stopped(key) => {
                let stops = |id: &TaskId| self.task(*id).is_some_and(|task| matches!(task.phase, Phase::Stopping(_)));
                if let Some(id) = self.find(key).filter(stops) {
                    self.wait_again(id);
                }
            }
            JobEvent::Estimated { job, remaining } => self.estimate(job, *remaining),
            JobEvent::NodeLost(node) => self.lose(node),
            _ => {}
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    fn submit(&mut self, job: &Arc<Job>) {
        if self.by_key.contains_key(&job.key) {
            return;
        }
        let class = self.queue.enter(job);
        let mut task = Task::new(job.clone(), self.next_turn(), class);
        task.rank = self.order.rank(&task, self.now);
        let id = self.unused.pop().unwrap_or(self.tasks.len() as TaskId);
        self.queue.insert(id, &task);
        self.by_key.insert(job.key.clone(), id);
        match self.tasks.get_mut(id as usize) {
            Some(free) => *free = Some(task),
            None => {
                self.tasks.push(Some(task));
                self.at.push(0);
            }
        }
    }

    fn end(&mut self, key: &JobKey) {
        let Some(id) = self.by_key.remove(key) else { return };
        self.vacate(id);
        if let Some(task) = self.tasks.get_mut(id as usize).and_then(Option::take) {
            if task.is_waiting() {
                self.queue.remove(id, &task);
            }
            self.queue.leave(task.class);
            self.unused.push(id);
        }
    }

    /// Takes back what a task holds; it stands nowhere then.
    fn vacate(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(id as usize).and_then(Option::as_ref) else { return };
        if task.is_waiting() {
            return;
        }
        self.stopping -= usize::from(matches!(task.phase, Phase::Stopping(_)));
        self.cluster.give_back(&task.demand, task.spots());
        self.admission.give_back(task, task.members());
        if let Some(device) = &task.job.device {
            self.devices.remove(device);
        }
        self.freed += 1;
        let at = self.at.get(id as usize).copied().unwrap_or_default();
        self.running.swap_remove(at as usize);
        if let Some(moved) = self.running.get(at as usize)
            && let Some(place) = self.at.get_mut(*moved as usize)
        {
            *place = at;
        }
    }

    fn wait_again(&mut self, id: TaskId) {
        self.vacate(id);
        let (now, turn) = (self.now, self.next_turn());
        if let Some(task) = self.tasks.get_mut(id as usize).and_then(Option::as_mut) {
            task.enter(Phase::Waiting, now, turn);
            task.remaining = task.remaining.map(|left| left.saturating_add(task.job.stop_cost));
            task.rank = self.order.rank(task, now);
            self.queue.insert(id, task);
        }
    }

    fn estimate(&mut self, key: &JobKey, remaining: Span) {
        let (Some(id), now) = (self.find(key), self.now) else { return };
        let Some(task) = self.tasks.get_mut(id as usize).and_then(Option::as_mut) else { return };
        if task.is_waiting() {
            self.queue.remove(id, task);
            task.remaining = Some(remaining);
            task.rank = self.order.rank(task, now);
            self.queue.insert(id, task);
        } else {
            (task.waited, task.served) = (task.waited(now), task.served(now));
            (task.since, task.remaining) = (now, Some(remaining));
        }
        self.freed += 1;
    }

    fn lose(&mut self, name: &NodeName) {
        let Some(rank) = self.cluster.rank(name) else { return };
        let on_it = |(_, task): &(TaskId, &Task)| task.spots().iter().any(|spot| spot.node == rank);
        let mut lost: Vec<(u64, TaskId)> = self.running().filter(on_it).map(|(id, task)| (task.turn, id)).collect();
        lost.sort_unstable();
        for (_, id) in lost {
            self.wait_again(id);
        }
    }

    /// Ranks those that wait anew, if their ranks have had their time.
    pub(crate) fn rank_again(&mut self) {
        let Some(lasts) = self.order.lasts() else { return };
        if self.now.since(self.ranked) < lasts {
            return;
        }
        self.ranked = self.now;
        for id in self.queue.iter().collect::<Vec<_>>() {
            let Some(task) = self.tasks.get_mut(id as usize).and_then(Option::as_mut) else { continue };
            let rank = self.order.rank(task, self.now);
            if rank != task.rank {
                self.queue.remove(id, task);
                task.rank = rank;
                self.queue.insert(id, task);
            }
        }
    }

    // ---- why they wait --------------------------------------------------------------------------------------------------

    /// Where and why a task waits, as far as the task itself goes.
    pub fn why(&self, id: TaskId) -> Option<(Queue, String)> {
        let task = self.task(id)?;
        let members = task.members();
        let asks = task.demand.amounts();
        let idle = self.cluster.holds_idle(&task.job, &task.demand, members);
        if idle < members {
            let asked = format!("{members} × ({})", asks.words(&asks));
            return Some((
                Queue::Ready,
                format!("never fits: needs {asked}, the idle cluster holds {idle} of {members}"),
            ));
        }
        Some(match self.may_start(id) {
            Err(Refusal::Quota(reason)) => (Queue::Job, reason),
            Err(Refusal::Device(holder)) => (Queue::Device, format!("`{holder}` holds its device")),
            _ => {
                let words = asks.words(&asks);
                let needs = if members == 1 { words } else { format!("{members} × ({words})") };
                let now: u32 = self
                    .cluster
                    .nodes()
                    .map(|(_, node)| node.holds(&task.demand, members))
                    .fold(0, u32::saturating_add);
                let place = match now {
                    now if now >= members => "there is room, others go first".to_owned(),
                    0 => "no node has room for one".to_owned(),
                    now => format!("{now} of {members} have room"),
                };
                (Queue::Ready, format!("needs {needs}: {place}"))
            }
        })
    }

    /// The place of a task in the queue.
    pub fn place_of(&self, id: TaskId) -> Option<Place> {
        self.task(id).map(|task| (task.rank, task.turn))
    }
}
