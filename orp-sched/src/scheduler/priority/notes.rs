//! What is noted during a pass: whom nobody may pass, and what found no room and need not be tried again.

use super::state::Request;
use crate::scheduler::amounts::Amounts;
use orp_core::id::{DeviceId, Tenant};
use orp_core::noun::{Job, Queue};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Jobs that may no longer be passed.
#[derive(Debug, Default)]
pub(super) struct Barriers {
    ready: Option<Arc<Request>>,
    tenants: BTreeMap<Tenant, Arc<Request>>,
    devices: BTreeMap<DeviceId, Arc<Request>>,
}

impl Barriers {
    /// Where others wait behind a job that waits there, and keep off what it needs.
    pub(super) fn raise(&mut self, queue: Queue, request: &Arc<Request>) {
        if queue == Queue::Ready {
            self.ready.get_or_insert_with(|| request.clone());
        }
        if queue == Queue::Job {
            self.tenants.entry(request.job.tenant.clone()).or_insert_with(|| request.clone());
        }
        if let Some(device) = &request.job.device {
            self.devices.entry(device.clone()).or_insert_with(|| request.clone());
        }
    }

    pub(super) fn before(&self, job: &Job) -> Option<(Queue, &Arc<Request>)> {
        let tenant = || self.tenants.get(&job.tenant).map(|before| (Queue::Job, before));
        let device = || self.devices.get(job.device.as_ref()?).map(|before| (Queue::Device, before));
        let ready = || self.ready.as_ref().map(|before| (Queue::Ready, before));
        tenant().or_else(device).or_else(ready)
    }
}

/// How many refusals of a kind are remembered within a pass.
const REFUSALS_MAX: usize = 32;

/// What found no room in this pass, so that nothing that needs as much is tried again: within a pass room only shrinks,
/// unless a promise is given up or a job stopped, and then all this is forgotten.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// So many members of this demand found no nodes.
    places: Vec<(Amounts, u32)>,
    /// At this priority, so many members of this demand were too many even if all of lower priority stopped.
    rooms: Vec<(i32, Amounts, u32)>,
    /// At this priority, the tenant's quota did not hold this even if all of lower priority stopped.
    quotas: Vec<(Tenant, i32, Amounts)>,
}

impl Refused {
    pub(super) fn places(&self, demand: &Amounts, members: u32) -> bool {
        self.places.iter().any(|(least, fewest)| least.fits_in(demand) && *fewest <= members)
    }

    pub(super) fn note_place(&mut self, demand: Amounts, members: u32) {
        self.places.retain(|(least, fewest)| !(demand.fits_in(least) && members <= *fewest));
        if self.places.len() < REFUSALS_MAX {
            self.places.push((demand, members));
        }
    }

    pub(super) fn searches(&self, request: &Request, total: Amounts) -> bool {
        let Request { job, demand, members, .. } = request;
        let room = self
            .rooms
            .iter()
            .any(|(priority, least, room)| job.priority <= *priority && least.fits_in(demand) && room < members);
        let quota = self.quotas.iter().any(|(tenant, priority, least)| {
            *tenant == job.tenant && job.priority <= *priority && least.fits_in(&total)
        });
        room || quota
    }

    pub(super) fn note_room(&mut self, request: &Request, room: u32) {
        if self.rooms.len() < REFUSALS_MAX {
            self.rooms.push((request.job.priority, request.demand, room));
        }
    }

    pub(super) fn note_quota(&mut self, request: &Request, total: Amounts) {
        if self.quotas.len() < REFUSALS_MAX {
            self.quotas.push((request.job.tenant.clone(), request.job.priority, total));
        }
    }
}
