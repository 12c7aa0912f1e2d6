//! Where a job waits and why: noted in a few bytes when it is looked at, put into words when someone asks.

use super::place::Nodes;
use super::state::{Cluster, Holder, Holders, Request, Waiter};
use crate::scheduler::amounts::Amounts;
use orp_core::noun::{JobKey, Queue};
use std::collections::BTreeMap;
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

/// Puts reasons into words. Asks the nodes once for each shape of jobs.
#[derive(Debug)]
pub(super) struct Explainer<'a> {
    cluster: &'a Cluster,
    holders: &'a Holders,
    surveys: BTreeMap<(Amounts, u32), Survey>,
}

/// What the nodes have for jobs of one shape.
#[derive(Debug, Clone, Copy)]
struct Survey {
    /// How many members an idle cluster holds.
    idle: u32,
    /// How many members find room now.
    room: u64,
    /// What is free on the node that has most of what one member needs.
    freest: Amounts,
}

impl Survey {
    fn of(demand: &Amounts, members: u32, nodes: &Nodes) -> Self {
        let mut survey = Self { idle: nodes.hold_idle(demand, members), room: 0, freest: Amounts::ZERO };
        let mut most = None;
        for (_, room) in nodes.rooms() {
            let free = room.free();
            survey.room += u64::from(free.holds(demand, members));
            let share = Some(free.share_of(demand));
            if share > most {
                (most, survey.freest) = (share, free);
            }
        }
        survey
    }
}

impl<'a> Explainer<'a> {
    pub(super) fn new(cluster: &'a Cluster, holders: &'a Holders) -> Self {
        Self { cluster, holders, surveys: BTreeMap::new() }
    }

    /// Why the job waits, for people.
    pub(super) fn explain(&mut self, waiter: &Waiter) -> String {
        let Request { job, demand, members, .. } = &*waiter.request;
        if let Why::TooManyMembers(most) = &waiter.why {
            return format!("never fits: has {members} members, at most {most} are placed");
        }
        let new = || Survey::of(demand, *members, &self.cluster.nodes);
        let survey = *self.surveys.entry((*demand, *members)).or_insert_with(new);
        if let Some(never) = self.never(&waiter.request, survey) {
            return format!("never fits: {never}");
        }
        match &waiter.why {
            Why::Quota => self.quota(&waiter.request),
            Why::Device(holder) => match &job.device {
                Some(device) => format!("device `{device}` is held by `{holder}`"),
                None => format!("its device is held by `{holder}`"),
            },
            Why::Behind(_, before) => format!("`{}` is before it and has waited too long to be passed", before.job.key),
            Why::Promised => stops(self.holders.iter().filter(|holder| holds_up(holder, waiter)).count()),
            Why::Enough(_) => stops(self.holders.stopping()),
            _ => capacity(&waiter.request, survey),
        }
    }

    /// What the whole quota or an idle cluster would not hold.
    fn never(&self, request: &Request, survey: Survey) -> Option<String> {
        let Request { job, demand, members, total } = request;
        let Some(total) = total else { return Some("needs more in all than can be counted".into()) };
        let limit = self.cluster.tenant(&job.tenant).limit();
        let short = total.exceeding(&limit);
        if short != Amounts::ZERO {
            let (needed, quota) = (total.words(&short), limit.words(&short));
            return Some(format!("needs {needed}, the quota of tenant `{}` is {quota}", job.tenant));
        }
        if survey.idle == *members {
            return None;
        }
        let limits = self.cluster.nodes.rooms().map(|(_, room)| room.limit());
        let Some(most) = limits.reduce(Amounts::most) else { return Some("the cluster has no nodes".into()) };
        let short = demand.exceeding(&most);
        Some(match survey.idle {
            _ if short != Amounts::ZERO => format!("no node has {}", demand.words(&short)),
            0 => format!("no node has {} together", demand.words(demand)),
            held => format!("the idle cluster holds {held} of its {members} members"),
        })
    }

    fn quota(&self, request: &Request) -> String {
        let tenant = &request.job.tenant;
        let (room, total) = (self.cluster.tenant(tenant), request.total.unwrap_or(Amounts::MAX));
        let short = total.exceeding(&room.free());
        if short == Amounts::ZERO {
            return NEXT.into();
        }
        let (needed, held, quota) = (total.words(&short), room.taken().words(&short), room.limit().words(&short));
        format!("needs {needed}; tenant `{tenant}` holds {held} of its quota of {quota}")
    }
}

/// Of a job that got room by what was decided after it was looked at.
const NEXT: &str = "fits since others were stopped, and is looked at again with the next decision";

fn capacity(request: &Request, survey: Survey) -> String {
    let Request { demand, members, .. } = request;
    let needed = demand.words(demand);
    match members {
        _ if survey.room >= u64::from(*members) => NEXT.into(),
        1 => format!("needs {needed}; the freest node has {}", survey.freest.words(demand)),
        _ => format!("needs {members} × ({needed}) at once; there is room for {}", survey.room),
    }
}

fn stops(count: usize) -> String {
    format!("waits for {count} {} to stop", if count == 1 { "victim" } else { "victims" })
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
