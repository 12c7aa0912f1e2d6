//! Whom to stop, so that a job can start: the fewest that will do, the least important first.
//!
//! One question is asked throughout, *would the job fit if these had stopped?*, of quota, device and nodes together. It
//! only ever turns from no to yes as more are stopped. So candidates are added in order (lowest priority, youngest start)
//! until the answer is yes, and then dropped again in the opposite order wherever it stays yes: what remains is a set of
//! which none can be spared, and no candidate is in it that a lesser one could have replaced when it was tried.

use super::place::{Rank, fill};
use super::room::Room;
use super::state::{Cluster, Holder, Holders, Holding, Request, Waiter};
use crate::scheduler::amounts::Amounts;
use orp_core::noun::JobKey;
use orp_core::unit::Timestamp;

/// What stopping others would do for a job.
#[derive(Debug)]
pub(super) enum Search {
    /// These must stop; then the job has this.
    Victims(Vec<JobKey>, Holding),
    /// None must stop: the job fits once those that were told to stop have stopped.
    Enough,
    /// Nothing would.
    Nothing {
        /// Whether its tenant's quota would do.
        quota: bool,
        /// How many members would find room.
        room: u32,
        /// Whether every running preemptible job of lower priority was tried.
        all_tried: bool,
    },
}

/// Looks for the jobs to stop, so that this one fits. `aged` is a waiting job's priority at a time.
///
/// A job that was ordered before this one when it started, by ageing, keeps its turn and is no candidate: otherwise it
/// would start only to be stopped.
pub(super) fn search(
    waiter: &Waiter,
    total: Amounts,
    cluster: &Cluster,
    holders: &Holders,
    aged: impl Fn(&Waiter, Timestamp) -> i64,
) -> Search {
    let request = &*waiter.request;
    let mut trial = Trial::new(request, total, cluster);
    if trial.fits() {
        return Search::Enough;
    }
    let (mut chosen, mut all_tried) = (Vec::new(), true);
    for holder in holders.below(request.job.priority) {
        if waiter.stood_behind(holder, &aged) {
            all_tried = false;
            continue;
        }
        trial.stop(holder);
        chosen.push(holder);
        if trial.fits() {
            spare(&mut trial, &mut chosen);
            return match trial.place() {
                Some(holding) => Search::Victims(chosen.iter().map(|it| it.request.job.key.clone()).collect(), holding),
                None => trial.nothing(all_tried),
            };
        }
    }
    trial.nothing(all_tried)
}

/// Drops all that need not stop, the most important first.
fn spare(trial: &mut Trial<'_>, chosen: &mut Vec<&Holder>) {
    for at in (0..chosen.len()).rev() {
        let Some(holder) = chosen.get(at).copied() else { continue };
        trial.run_on(holder);
        if trial.fits() {
            chosen.remove(at);
        } else {
            trial.stop(holder);
        }
    }
}

/// What a limit is, and what of it will be held.
#[derive(Debug, Clone, Copy)]
struct Committed {
    limit: Amounts,
    held: Amounts,
}

impl Committed {
    fn of(room: &Room) -> Self {
        Self { limit: room.limit(), held: room.committed() }
    }

    fn left(&self) -> Amounts {
        self.limit.minus(self.held)
    }
}

/// The cluster as it would be once all that stops has stopped.
#[derive(Debug)]
struct Trial<'a> {
    request: &'a Request,
    total: Amounts,
    quota: Committed,
    /// Who keeps the device, if anyone does.
    device_kept_by: Option<JobKey>,
    /// By rank; `None` for a node that takes no more jobs.
    nodes: Vec<Option<Committed>>,
    /// How many members would find room.
    room: u64,
}

impl<'a> Trial<'a> {
    fn new(request: &'a Request, total: Amounts, cluster: &Cluster) -> Self {
        let device = request.job.device.as_ref().and_then(|device| cluster.device(device));
        let mut trial = Self {
            request,
            total,
            quota: Committed::of(&cluster.tenant(&request.job.tenant)),
            device_kept_by: device.and_then(|held| held.running.clone().or(held.promised.clone())),
            nodes: Vec::new(),
            room: 0,
        };
        for (rank, room) in cluster.nodes.rooms() {
            let node = Committed::of(room);
            trial.room += u64::from(node.left().holds(&request.demand, request.members));
            trial.nodes.resize(rank as usize, None);
            trial.nodes.push(Some(node));
        }
        trial
    }

    fn fits(&self) -> bool {
        self.device_kept_by.is_none() && self.room >= self.request.members.into() && self.quota_fits()
    }

    fn quota_fits(&self) -> bool {
        self.total.fits_in(&self.quota.left())
    }

    /// As if this one had stopped.
    fn stop(&mut self, holder: &Holder) {
        self.change(holder, Amounts::minus);
        if self.device_kept_by.as_ref() == Some(&holder.request.job.key) {
            self.device_kept_by = None;
        }
    }

    /// As if it ran on after all.
    fn run_on(&mut self, holder: &Holder) {
        self.change(holder, Amounts::plus);
        if self.request.job.device.is_some() && self.request.job.device == holder.request.job.device {
            self.device_kept_by = Some(holder.request.job.key.clone());
        }
    }

    fn change(&mut self, holder: &Holder, change: fn(Amounts, Amounts) -> Amounts) {
        let Request { demand, members: most, .. } = self.request;
        let Holding { placement, total } = &holder.holding;
        if holder.request.job.tenant == self.request.job.tenant {
            self.quota.held = change(self.quota.held, *total);
        }
        for (rank, members) in placement {
            let Some(Some(node)) = self.nodes.get_mut(*rank as usize) else { continue };
            self.room -= u64::from(node.left().holds(demand, *most));
            node.held = change(node.held, holder.request.demand.times(*members));
            self.room += u64::from(node.left().holds(demand, *most));
        }
    }

    /// Where the members go: best fit, as if all that stops had stopped.
    fn place(&self) -> Option<Holding> {
        let left = |(rank, node): (Rank, &Option<Committed>)| node.map(|node| (node.left(), rank));
        let mut left: Vec<(Amounts, Rank)> = (0..).zip(&self.nodes).filter_map(left).collect();
        left.sort_unstable();
        let placement = fill(left, &self.request.demand, self.request.members)?;
        Some(Holding { placement, total: self.total })
    }

    fn nothing(&self, all_tried: bool) -> Search {
        Search::Nothing { quota: self.quota_fits(), room: u32::try_from(self.room).unwrap_or(u32::MAX), all_tried }
    }
}
