//! Where a job waits and why: noted in a few bytes when it is looked at, put into words when someone asks.

use super::amounts::{Amounts, Room};
use super::state::{Cluster, Holder, Holders, Request, Waiter};
use orp_core::noun::{JobKey, Queue};
use std::cmp::Reverse;
use std::sync::Arc;

/// Why a job waits.
#[derive(Debug, Clone)]
pub(super) enum Why {
    /// It has not been looked at yet.
    New,
    /// It has more members than are placed; the most.
    TooManyMembers(u32),
    /// What it needs in all is more than can be counted.
    Uncountable,
    /// Its tenant's quota does not hold it beside what the tenant holds.
    Quota,
    /// This job holds its device.
    Device(JobKey),
    /// In this queue, this job is before it and may no longer be passed.
    Behind(Queue, Arc<Request>),
    /// No nodes have room for all members.
    Capacity,
    /// Others are being stopped for it.
    Promised,
    /// It waits in this queue, and has what it needs once those that were told to stop have stopped.
    Enough(Queue),
}

impl Why {
    pub(super) fn queue(&self) -> Queue {
        match self {
            Self::Quota => Queue::Job,
            Self::Device(_) => Queue::Device,
            Self::Behind(queue, _) | Self::Enough(queue) => *queue,
            Self::New | Self::TooManyMembers(_) | Self::Uncountable | Self::Capacity | Self::Promised => Queue::Ready,
        }
    }
}

/// Whether the job would fit if nobody else held anything.
pub(super) fn fits_idle(request: &Request, cluster: &Cluster) -> bool {
    request.total.is_some_and(|total| total.fits_in(&cluster.tenant(&request.job.tenant).limit()))
        && cluster.nodes.hold_idle(&request.demand, request.members) == request.members
}

/// Why the job waits, for people.
pub(super) fn explain(waiter: &Waiter, cluster: &Cluster, holders: &Holders) -> String {
    let request = &*waiter.request;
    match &waiter.why {
        Why::TooManyMembers(most) => format!("never fits: has {} members, at most {most} are placed", request.members),
        _ if !fits_idle(request, cluster) => format!("never fits: {}", never(request, cluster)),
        Why::New => "has not been looked at yet".into(),
        Why::Quota => quota(request, cluster),
        Why::Device(holder) => device(request, holder),
        Why::Behind(_, before) => format!("`{}` is before it and has waited too long to be passed", before.job.key),
        Why::Uncountable | Why::Capacity => capacity(request, cluster),
        Why::Promised => stops(holders.iter().filter(|holder| holds_up(holder, waiter)).count()),
        Why::Enough(_) => stops(holders.stopping()),
    }
}

/// What an idle cluster or the whole quota would not hold.
fn never(request: &Request, cluster: &Cluster) -> String {
    let Request { job, demand, members, total } = request;
    let Some(total) = total else { return "needs more in all than can be counted".into() };
    let limit = cluster.tenant(&job.tenant).limit();
    let short = total.exceeding(&limit);
    if short != Amounts::ZERO {
        let (needed, quota) = (total.words(&short), limit.words(&short));
        return format!("needs {needed}, the quota of tenant `{}` is {quota}", job.tenant);
    }
    let Some(most) = cluster.nodes.rooms().map(|(_, room)| room.limit()).reduce(Amounts::most) else {
        return "the cluster has no nodes".into();
    };
    let short = demand.exceeding(&most);
    if short != Amounts::ZERO {
        return format!("no node has {}", demand.words(&short));
    }
    match cluster.nodes.hold_idle(demand, *members) {
        0 => format!("no node has {} together", demand.words(demand)),
        held => format!("the idle cluster holds {held} of its {members} members"),
    }
}

fn stops(count: usize) -> String {
    format!("waits for {count} {} to stop", if count == 1 { "victim" } else { "victims" })
}

fn quota(request: &Request, cluster: &Cluster) -> String {
    let tenant = &request.job.tenant;
    let (room, total) = (cluster.tenant(tenant), request.total.unwrap_or(Amounts::MAX));
    let short = total.exceeding(&room.free());
    let (needed, held, quota) = (total.words(&short), room.taken().words(&short), room.limit().words(&short));
    format!("needs {needed}; tenant `{tenant}` holds {held} of its quota of {quota}")
}

fn device(request: &Request, holder: &JobKey) -> String {
    match &request.job.device {
        Some(device) => format!("device `{device}` is held by `{holder}`"),
        None => format!("its device is held by `{holder}`"),
    }
}

fn capacity(request: &Request, cluster: &Cluster) -> String {
    let Request { demand, members, .. } = request;
    let needed = demand.words(demand);
    if *members > 1 {
        let free = cluster.nodes.rooms().map(|(_, room)| u64::from(room.free().holds(demand, *members)));
        return format!("needs {members} × ({needed}) at once; there is room for {}", free.sum::<u64>());
    }
    let share = |room: &Room| room.free().share_of(demand);
    let freest = cluster.nodes.rooms().max_by_key(|(rank, room)| (share(room), Reverse(*rank)));
    let free = freest.map_or(Amounts::ZERO, |(_, room)| room.free());
    format!("needs {needed}; the freest node has {}", free.words(demand))
}

/// Whether this one has to stop before what is promised to the waiting job is free.
fn holds_up(holder: &Holder, waiter: &Waiter) -> bool {
    let Some(preemptor) = &holder.stopping_for else { return false };
    let (job, other) = (&waiter.request.job, &holder.request.job);
    let shared_node = || {
        let of_holder = &holder.holding.placement;
        let promised = waiter.promise.iter().flat_map(|promise| &promise.placement);
        promised.into_iter().any(|(rank, _)| of_holder.iter().any(|(held, _)| held == rank))
    };
    preemptor.job.key == job.key
        || job.tenant == other.tenant
        || (job.device.is_some() && job.device == other.device)
        || shared_node()
}
