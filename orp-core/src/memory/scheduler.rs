//! A scheduler that serves first who came first.

use crate::contract::Scheduler;
use crate::id::NodeName;
use crate::noun::{Capacity, ClusterView, Decisions, Job, JobDecision, JobEvent, JobKey, Queue, Slot, Waiting};
use crate::unit::{Bytes, CpuAmount, GpuAmount, Timestamp};
use std::sync::Arc;

/// First in, first out, strictly: nobody passes a job that waits, nobody is preempted. A job too large for the cluster
/// holds up all behind it until it is withdrawn.
#[derive(Debug, Clone, Default)]
pub struct MemoryScheduler {
    /// Every job that is not over, in the order they came.
    jobs: Vec<Known>,
    waiting: Vec<Waiting>,
}

#[derive(Debug, Clone)]
struct Known {
    job: Arc<Job>,
    /// A node for each member while it runs; none while it waits.
    nodes: Vec<NodeName>,
}

impl Scheduler for MemoryScheduler {
    fn decide(&mut self, _now: Timestamp, events: &[JobEvent], view: &ClusterView) -> Decisions {
        events.iter().for_each(|event| self.take_in(event));
        self.waiting.clear();
        let mut list = Vec::new();
        while let Some(known) = self.jobs.iter().find(|known| known.nodes.is_empty()) {
            match self.place(&known.job, view) {
                Ok(nodes) => {
                    let (job, reason) = (known.job.key.clone(), "it came first and fits".into());
                    let slots = nodes.iter().map(|node| Slot::new(node.clone(), 1)).collect();
                    self.jobs
                        .iter_mut()
                        .filter(|known| known.job.key == job)
                        .for_each(|known| known.nodes.clone_from(&nodes));
                    list.push(JobDecision::Start { job, slots, reason });
                }
                Err((queue, reason)) => {
                    self.hold_up(queue, reason);
                    break;
                }
            }
        }
        Decisions { list, wake: None }
    }

    fn waiting(&self) -> Vec<Waiting> {
        self.waiting.clone()
    }

    fn fork(&self) -> Option<Box<dyn Scheduler>> {
        Some(Box::new(self.clone()))
    }
}

impl MemoryScheduler {
    fn take_in(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Submitted(job) if self.jobs.iter().any(|known| known.job.key == job.key) => {}
            JobEvent::Submitted(job) => self.jobs.push(Known { job: job.clone(), nodes: Vec::new() }),
            JobEvent::Ended(key) => self.jobs.retain(|known| known.job.key != *key),
            JobEvent::Stopped(key) => self.stop(|known| known.job.key == *key),
            JobEvent::NodeLost(node) => self.stop(|known| known.nodes.contains(node)),
            _ => {}
        }
    }

    fn stop(&mut self, which: impl Fn(&Known) -> bool) {
        self.jobs.iter_mut().filter(|known| which(known)).for_each(|known| known.nodes.clear());
    }

    /// The first that waits does so for this reason, and all others for it.
    fn hold_up(&mut self, queue: Queue, reason: String) {
        let mut first: Option<&JobKey> = None;
        for Known { job, .. } in self.jobs.iter().filter(|known| known.nodes.is_empty()) {
            self.waiting.push(match first {
                None => Waiting::new(job.key.clone(), queue, reason.clone()),
                Some(first) => Waiting::new(job.key.clone(), Queue::Ready, format!("comes after `{first}`")),
            });
            first.get_or_insert(&job.key);
        }
    }

    /// A node for each member, or where the job waits and why.
    fn place(&self, job: &Job, view: &ClusterView) -> Result<Vec<NodeName>, (Queue, String)> {
        let running = || self.jobs.iter().filter(|known| !known.nodes.is_empty());
        let members = job.members.max(1);
        if let Some((tenant, quota)) = view.quotas.iter().find(|(tenant, _)| *tenant == job.tenant) {
            let of_tenant = running().filter(|known| known.job.tenant == *tenant);
            let held = of_tenant
                .map(|known| times(&known.job.demand, known.job.members.max(1)))
                .chain([times(&job.demand, members)])
                .try_fold(Capacity::ZERO, |sum, part| sum.checked_add(&part?));
            if !held.is_some_and(|held| held.fits_in(quota)) {
                return Err((Queue::Job, format!("`{tenant}` may hold {quota} at once")));
            }
        }
        if let Some(device) = &job.device
            && let Some(holder) = running().find(|known| known.job.device.as_ref() == Some(device))
        {
            return Err((Queue::Device, format!("`{}` holds `{device}`", holder.job.key)));
        }
        let mut nodes = Vec::new();
        for node in view.nodes.iter() {
            let used = running()
                .flat_map(|known| known.nodes.iter().filter(|name| **name == node.name).map(|_| &known.job.demand));
            let mut free = used.into_iter().try_fold(node.capacity, |free, demand| free.checked_sub(demand));
            while nodes.len() < members as usize
                && let Some(left) = free.and_then(|free| free.checked_sub(&job.demand))
            {
                nodes.push(node.name.clone());
                free = Some(left);
            }
        }
        if nodes.len() < members as usize {
            return Err((Queue::Ready, format!("{} of {members} members fit", nodes.len())));
        }
        Ok(nodes)
    }
}

/// A demand so many times, if it fits.
fn times(demand: &Capacity, members: u32) -> Option<Capacity> {
    let members = u64::from(members);
    Some(Capacity {
        cpu: CpuAmount::from_milli(demand.cpu.milli().checked_mul(members)?),
        memory: Bytes::new(demand.memory.get().checked_mul(members)?),
        disk: Bytes::new(demand.disk.get().checked_mul(members)?),
        gpu: GpuAmount::from_milli(demand.gpu.milli().checked_mul(members)?),
    })
}
