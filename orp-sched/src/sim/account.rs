//! Who holds what, by plain addition: what decisions are checked against.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use orp_core::id::NodeName;
use orp_core::noun::{Capacity, Job, JobKey, Node, Slot};
use thiserror::Error;

/// A decision that gives more than there is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Invalid {
    /// There is no such job, or it is over.
    #[error("`{0}` is no job that is there")]
    NoJob(JobKey),
    /// It is not in the state that the decision is for.
    #[error("`{job}` cannot be {what}: it {state}")]
    State {
        /// Which job.
        job: JobKey,
        /// What was to be done.
        what: &'static str,
        /// What it does.
        state: &'static str,
    },
    /// A node that is not there.
    #[error("`{job}` cannot run on `{node}`: there is no such node")]
    NoNode {
        /// Which job.
        job: JobKey,
        /// Which node.
        node: NodeName,
    },
    /// A node is given more than it has.
    #[error("`{job}` does not fit on `{node}`: {free} is free, it demands {members} × ({demand})")]
    Full {
        /// Which job.
        job: JobKey,
        /// Which node.
        node: NodeName,
        /// What is free.
        free: Capacity,
        /// How many members.
        members: u32,
        /// What each demands.
        demand: Capacity,
    },
    /// An accelerator is given twice, or is not there.
    #[error("`{job}` cannot have accelerator {device} of `{node}`: {left}/1000 of it is free")]
    Device {
        /// Which job.
        job: JobKey,
        /// Which node.
        node: NodeName,
        /// Which accelerator.
        device: u8,
        /// What is left.
        left: u32,
    },
    /// A gang that is not whole.
    #[error("`{job}` has {members} members, {given} were given a place")]
    Gang {
        /// Which job.
        job: JobKey,
        /// How many it has.
        members: u32,
        /// How many were given a place.
        given: u32,
    },
}

#[derive(Debug)]
struct Held {
    name: NodeName,
    free: Capacity,
    /// Thousandths left of each accelerator.
    devices: Vec<u32>,
    here: bool,
}

/// What is free of each node.
#[derive(Debug, Default)]
pub(super) struct Account {
    nodes: Vec<Held>,
    ranks: HashMap<NodeName, u32, FixedState>,
}

impl Account {
    pub(super) fn add(&mut self, node: &Node) {
        let whole = (node.capacity.gpu.milli() / 1_000).min(64) as usize;
        let rest = (node.capacity.gpu.milli() % 1_000) as u32;
        let mut devices = vec![1_000; whole];
        devices.extend((rest > 0).then_some(rest));
        let held = Held { name: node.name.clone(), free: node.capacity, devices, here: true };
        match self.ranks.get(&node.name).and_then(|rank| self.nodes.get_mut(*rank as usize)) {
            Some(old) => *old = held,
            None => {
                self.ranks.insert(node.name.clone(), self.nodes.len() as u32);
                self.nodes.push(held);
            }
        }
    }

    pub(super) fn remove(&mut self, name: &NodeName) {
        if let Some(held) = self.ranks.get(name).and_then(|rank| self.nodes.get_mut(*rank as usize)) {
            held.here = false;
        }
    }

    pub(super) fn take(&mut self, job: &Job, slots: &[Slot]) -> Result<(), Invalid> {
        let members = job.members.max(1);
        let given: u32 = slots.iter().map(|slot| slot.members).fold(0, u32::saturating_add);
        if given > members || given < job.members_min.unwrap_or(members).min(members) {
            return Err(Invalid::Gang { job: job.key.clone(), members, given });
        }
        for slot in slots {
            let held = self.ranks.get(&slot.node).and_then(|rank| self.nodes.get_mut(*rank as usize));
            let Some(held) = held.filter(|held| held.here) else {
                return Err(Invalid::NoNode { job: job.key.clone(), node: slot.node.clone() });
            };
            let mut free = Some(held.free);
            for _ in 0..slot.members {
                free = free.and_then(|free| free.checked_sub(&job.demand));
            }
            let Some(free) = free else {
                return Err(Invalid::Full {
                    job: job.key.clone(),
                    node: held.name.clone(),
                    free: held.free,
                    members: slot.members,
                    demand: job.demand,
                });
            };
            held.free = free;
            let each = share(job, slot);
            for device in slot.devices.iter() {
                let left = held.devices.get(device as usize).copied().unwrap_or(0);
                match held.devices.get_mut(device as usize).filter(|left| **left >= each) {
                    Some(left) => *left -= each,
                    None => {
                        let (job, node) = (job.key.clone(), held.name.clone());
                        return Err(Invalid::Device { job, node, device, left });
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn give_back(&mut self, job: &Job, slots: &[Slot]) {
        for slot in slots {
            let held = self.ranks.get(&slot.node).and_then(|rank| self.nodes.get_mut(*rank as usize));
            let Some(held) = held.filter(|held| held.here) else { continue };
            for _ in 0..slot.members {
                held.free = held.free.checked_add(&job.demand).unwrap_or(held.free);
            }
            let each = share(job, slot);
            for device in slot.devices.iter() {
                if let Some(left) = held.devices.get_mut(device as usize) {
                    *left += each;
                }
            }
        }
    }
}

/// What a slot takes of each of its accelerators.
fn share(job: &Job, slot: &Slot) -> u32 {
    let all = job.demand.gpu.milli().saturating_mul(slot.members.into());
    u32::try_from(all / u64::from(slot.devices.len().max(1))).unwrap_or(u32::MAX)
}
