//! What the scheduler knows: jobs that wait, jobs that hold something, and what is held of nodes, quotas and devices.

use super::place::{Nodes, Placement, Rank};
use super::reason::Why;
use super::room::{Hold, Room};
use crate::scheduler::amounts::Amounts;
use indexmap::IndexMap;
use orp_core::id::{DeviceId, Tenant};
use orp_core::noun::{Capacity, ClusterView, Job, JobKey};
use orp_core::unit::{Span, Timestamp};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A job with its demand as numbers.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) job: Arc<Job>,
    /// Of each member.
    pub(super) demand: Amounts,
    /// At least one.
    pub(super) members: u32,
    /// Of all members together; `None` when that is more than can be counted.
    pub(super) total: Option<Amounts>,
}

impl Request {
    pub(super) fn new(job: &Arc<Job>) -> Arc<Self> {
        let demand = Amounts::from(&job.demand);
        let members = job.members.max(1);
        Arc::new(Self { job: job.clone(), demand, members, total: demand.checked_times(members) })
    }
}

/// When it is a job's turn: by priority with ageing, then by submission, then by key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) priority: i64,
    pub(super) request: &'a Request,
}

impl Turn<'_> {
    pub(super) fn order(&self, other: &Turn<'_>) -> Ordering {
        let (job, other_job) = (&self.request.job, &other.request.job);
        (other.priority.cmp(&self.priority))
            .then_with(|| job.submitted.cmp(&other_job.submitted))
            .then_with(|| job.key.cmp(&other_job.key))
    }
}

/// What a job holds, or is promised, of nodes and of its tenant's quota.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub(super) placement: Placement,
    pub(super) total: Amounts,
}

/// A job that waits.
#[derive(Debug, Clone)]
pub(super) struct Waiter {
    pub(super) request: Arc<Request>,
    /// When it began to wait.
    since: Timestamp,
    /// How long it waited before it last ran.
    waited_before: Span,
    /// Its priority with ageing, as of the last decision.
    pub(super) priority: i64,
    /// What is promised to it once the jobs stopped for it have stopped.
    pub(super) promise: Option<Holding>,
    pub(super) why: Why,
}

impl Waiter {
    pub(super) fn new(request: Arc<Request>) -> Self {
        let since = request.job.submitted;
        Self { request, since, waited_before: Span::ZERO, priority: 0, promise: None, why: Why::New }
    }

    /// All the time it has waited.
    pub(super) fn waited(&self, now: Timestamp) -> Span {
        self.waited_before.saturating_add(now.since(self.since))
    }

    pub(super) fn turn(&self) -> Turn<'_> {
        Turn { priority: self.priority, request: &self.request }
    }

    /// Whether it already waited, and was ordered behind this job, when that started. `aged` is its priority at a time.
    pub(super) fn stood_behind(&self, holder: &Holder, aged: impl Fn(&Self, Timestamp) -> i64) -> bool {
        let then = Turn { priority: aged(self, holder.started), request: &self.request };
        self.since <= holder.started && holder.turn().order(&then) == Ordering::Less
    }
}

/// A job that runs, or was told to stop and has not yet.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) request: Arc<Request>,
    pub(super) holding: Holding,
    pub(super) started: Timestamp,
    waited: Span,
    /// Its priority with ageing when it started.
    priority: i64,
    /// For whom it was told to stop.
    pub(super) stopping_for: Option<Arc<Request>>,
}

impl Holder {
    pub(super) fn new(waiter: &Waiter, holding: Holding, now: Timestamp) -> Self {
        let (request, waited, priority) = (waiter.request.clone(), waiter.waited(now), waiter.priority);
        Self { request, holding, started: now, waited, priority, stopping_for: None }
    }

    pub(super) fn turn(&self) -> Turn<'_> {
        Turn { priority: self.priority, request: &self.request }
    }

    pub(super) fn hold(&self) -> Hold {
        if self.stopping_for.is_some() { Hold::Stopping } else { Hold::Running }
    }

    /// It has stopped, and waits from now on.
    pub(super) fn wait_again(self, now: Timestamp) -> Waiter {
        Waiter { since: now, waited_before: self.waited, ..Waiter::new(self.request) }
    }

    /// Its place among those who may be preempted: lowest priority first, then youngest start.
    fn rank_as_victim(&self) -> Option<(i32, Reverse<Timestamp>, JobKey)> {
        let job = &self.request.job;
        let may_be = job.preemptible && self.stopping_for.is_none();
        may_be.then(|| (job.priority, Reverse(self.started), job.key.clone()))
    }
}

/// All jobs that hold something.
#[derive(Debug, Clone, Default)]
pub(super) struct Holders {
    by_key: IndexMap<JobKey, Holder>,
    preemptible: BTreeSet<(i32, Reverse<Timestamp>, JobKey)>,
    /// How many were told to stop.
    stopping: usize,
}

impl Holders {
    pub(super) fn get(&self, key: &JobKey) -> Option<&Holder> {
        self.by_key.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Holder> {
        self.by_key.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Holder> {
        self.by_key.values_mut()
    }

    pub(super) fn insert(&mut self, holder: Holder) {
        self.preemptible.extend(holder.rank_as_victim());
        self.stopping += usize::from(holder.stopping_for.is_some());
        self.by_key.insert(holder.request.job.key.clone(), holder);
    }

    pub(super) fn remove(&mut self, key: &JobKey) -> Option<Holder> {
        let holder = self.by_key.swap_remove(key)?;
        if let Some(rank) = holder.rank_as_victim() {
            self.preemptible.remove(&rank);
        }
        self.stopping -= usize::from(holder.stopping_for.is_some());
        Some(holder)
    }

    /// How many were told to stop and have not yet.
    pub(super) fn stopping(&self) -> usize {
        self.stopping
    }

    /// Running preemptible jobs of priority below this one: lowest first, then youngest start, then key.
    pub(super) fn below(&self, priority: i32) -> impl Iterator<Item = &Holder> {
        let below = self.preemptible.iter().take_while(move |(lower, ..)| *lower < priority);
        below.filter_map(|(_, _, key)| self.by_key.get(key))
    }
}

/// Who holds a device.
#[derive(Debug, Clone, Default)]
pub(super) struct DeviceUse {
    pub(super) running: Option<JobKey>,
    pub(super) stopping: Option<JobKey>,
    pub(super) promised: Option<JobKey>,
}

impl DeviceUse {
    fn slot(&mut self, hold: Hold) -> &mut Option<JobKey> {
        match hold {
            Hold::Running => &mut self.running,
            Hold::Stopping => &mut self.stopping,
            Hold::Promised => &mut self.promised,
        }
    }

    /// Who keeps others from it.
    pub(super) fn holder(&self) -> Option<&JobKey> {
        self.running.as_ref().or(self.stopping.as_ref()).or(self.promised.as_ref())
    }
}

/// What is held of nodes, quotas and devices.
#[derive(Debug, Clone, Default)]
pub(super) struct Cluster {
    pub(super) nodes: Nodes,
    tenants: BTreeMap<Tenant, Room>,
    quotas: Vec<(Tenant, Capacity)>,
    devices: BTreeMap<DeviceId, DeviceUse>,
}

impl Cluster {
    /// A tenant's quota and what is taken of it.
    pub(super) fn tenant(&self, tenant: &Tenant) -> Room {
        self.tenants.get(tenant).copied().unwrap_or(Room::UNLIMITED)
    }

    pub(super) fn device(&self, device: &DeviceId) -> Option<&DeviceUse> {
        self.devices.get(device)
    }

    /// Notes that a job holds something, or is promised it.
    pub(super) fn take(&mut self, request: &Request, holding: &Holding, hold: Hold) {
        let Request { job, demand, .. } = request;
        self.nodes.change(&holding.placement, hold.add(*demand));
        let room = self.tenants.entry(job.tenant.clone()).or_insert(Room::UNLIMITED);
        room.add(hold, holding.total);
        if let Some(device) = &job.device {
            *self.devices.entry(device.clone()).or_default().slot(hold) = Some(job.key.clone());
        }
    }

    /// Notes that it no longer does.
    pub(super) fn release(&mut self, request: &Request, holding: &Holding, hold: Hold) {
        let Request { job, demand, .. } = request;
        self.nodes.change(&holding.placement, hold.remove(*demand));
        if let Some(room) = self.tenants.get_mut(&job.tenant) {
            room.remove(hold, holding.total);
            if room.is_unused() && room.limit() == Amounts::MAX {
                self.tenants.remove(&job.tenant);
            }
        }
        if let Some(device) = &job.device
            && let Some(held) = self.devices.get_mut(device)
        {
            *held.slot(hold) = None;
            if held.holder().is_none() {
                self.devices.remove(device);
            }
        }
    }

    /// Whether what is promised to a job can still be kept.
    pub(super) fn keep_promise(&self, request: &Request, promise: &Holding) -> bool {
        !self.tenant(&request.job.tenant).is_overdrawn(&promise.total)
            && self.nodes.keep_promise(&promise.placement, &request.demand)
    }

    /// Takes over the quotas of a view.
    pub(super) fn renew_quotas(&mut self, view: &ClusterView) {
        if self.quotas == view.quotas {
            return;
        }
        self.quotas.clone_from(&view.quotas);
        self.tenants.values_mut().for_each(|room| room.set_limit(Amounts::MAX));
        for (tenant, quota) in &view.quotas {
            let room = self.tenants.entry(tenant.clone()).or_insert(Room::UNLIMITED);
            room.set_limit(room.limit().least(Amounts::from(quota)));
        }
        self.tenants.retain(|_, room| !room.is_unused() || room.limit() != Amounts::MAX);
    }

    /// Takes over the nodes of a view, and what is held and promised of them.
    pub(super) fn renew_nodes(
        &mut self,
        view: &ClusterView,
        holders: &mut Holders,
        waiting: &mut IndexMap<JobKey, Waiter>,
    ) {
        if self.nodes.match_view(&view.nodes) {
            return;
        }
        let mut held: Vec<(Amounts, Hold, &mut Holding)> = Vec::new();
        for holder in holders.iter_mut() {
            held.push((holder.request.demand, holder.hold(), &mut holder.holding));
        }
        for waiter in waiting.values_mut() {
            if let Some(promise) = &mut waiter.promise {
                held.push((waiter.request.demand, Hold::Promised, promise));
            }
        }
        let in_use: BTreeSet<Rank> =
            held.iter().flat_map(|(_, _, holding)| holding.placement.iter().map(|(rank, _)| *rank)).collect();
        let ranks = self.nodes.renew(&view.nodes, &in_use);
        for (demand, hold, holding) in held {
            for (rank, _) in &mut holding.placement {
                *rank = ranks.get(rank).copied().unwrap_or(*rank);
            }
            self.nodes.change(&holding.placement, hold.add(demand));
        }
    }
}
