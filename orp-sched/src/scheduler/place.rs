//! Where do members go? Spots of nodes and accelerators for a job.

use super::cluster::{Cluster, NodeState, Rank, Spot};
use super::task::Task;
use orp_core::noun::NODE;
use std::fmt::Debug;

/// Chooses spots. What it chooses is checked against what is free; a choice that does not fit counts as none.
pub trait Placement: Debug + Send + Sync {
    /// Spots for all members of a task, or none. `spots` comes empty.
    fn place(&self, task: &Task, members: u32, cluster: &Cluster, spots: &mut Vec<Spot>) -> bool;
}

/// Fills nodes one after the other, in this order, until all members have a place.
pub(super) fn fill<'a>(
    nodes: impl Iterator<Item = (Rank, &'a NodeState)>,
    task: &Task,
    members: u32,
    cluster: &Cluster,
    spots: &mut Vec<Spot>,
) -> bool {
    let mut left = members;
    let needs_whole = task.within_node();
    let any = task.job.needs.is_empty() && task.job.speeds.is_empty();
    for (rank, state) in nodes {
        let here = state.holds(&task.demand, left);
        if here == 0 || (needs_whole && here < members) || !(any || cluster.allows(&task.job, state)) {
            continue;
        }
        cluster.spots(rank, &task.demand, here, spots);
        left -= here;
        if left == 0 {
            return true;
        }
    }
    spots.clear();
    false
}

/// Fills nodes within one domain: that of which the least is left over.
fn fill_domain(label: &str, task: &Task, members: u32, cluster: &Cluster, spots: &mut Vec<Spot>) -> bool {
    let mut best: Option<(u32, &[Rank])> = None;
    for (_, ranks) in cluster.domains(label) {
        let states =
            ranks.iter().filter_map(|rank| cluster.node(*rank)).filter(|state| cluster.allows(&task.job, state));
        let room: u32 = states.map(|state| state.holds(&task.demand, u32::MAX >> 12)).fold(0, u32::saturating_add);
        if room >= members && best.is_none_or(|(least, _)| room < least) {
            best = Some((room, ranks));
        }
    }
    let Some((_, ranks)) = best else { return false };
    let mut nodes: Vec<(Rank, &NodeState)> =
        ranks.iter().filter_map(|rank| Some((*rank, cluster.node(*rank)?))).collect();
    nodes.sort_by_key(|(rank, state)| (state.free(), *rank));
    fill(nodes.into_iter(), task, members, cluster, spots)
}

/// The label of a domain that a job must stay within, other than a node.
fn domain(task: &Task) -> Option<&str> {
    task.job.within.as_deref().filter(|label| *label != NODE)
}

/// Each member goes to the node that it leaves the least of: fewest accelerators, then cores, memory and disk; ties by rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct BestFit;

impl Placement for BestFit {
    fn place(&self, task: &Task, members: u32, cluster: &Cluster, spots: &mut Vec<Spot>) -> bool {
        match domain(task) {
            Some(label) => fill_domain(label, task, members, cluster, spots),
            None => fill(cluster.with_free(&task.demand.amounts()), task, members, cluster, spots),
        }
    }
}

/// Each member goes to the node that it leaves the most of; ties by rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorstFit;

impl Placement for WorstFit {
    fn place(&self, task: &Task, members: u32, cluster: &Cluster, spots: &mut Vec<Spot>) -> bool {
        match domain(task) {
            Some(label) => fill_domain(label, task, members, cluster, spots),
            None => fill(cluster.by_most_free(), task, members, cluster, spots),
        }
    }
}

/// The fewest nodes, or none: who fits one node gets the one it leaves the least of; who does not gets nodes that are
/// empty, and for the rest the next that has the most free. As Helios places training jobs (SC '21).
#[derive(Debug, Clone, Copy, Default)]
pub struct Consolidate;

impl Placement for Consolidate {
    fn place(&self, task: &Task, members: u32, cluster: &Cluster, spots: &mut Vec<Spot>) -> bool {
        let most = cluster.largest().holds(&task.demand.amounts(), members);
        if most >= members {
            let together = task.demand.amounts().times(members);
            let fits = |(rank, state): (Rank, &NodeState)| {
                (state.holds(&task.demand, members) == members && cluster.allows(&task.job, state)).then_some(rank)
            };
            let Some(rank) = cluster.with_free(&together).find_map(fits) else { return false };
            cluster.spots(rank, &task.demand, members, spots);
            return true;
        }
        let mut left = members;
        for (rank, state) in cluster.by_most_free().filter(|(_, state)| cluster.allows(&task.job, state)) {
            let here = state.holds(&task.demand, left);
            if most == 0 || here < left.min(most) {
                break;
            }
            cluster.spots(rank, &task.demand, here, spots);
            left -= here;
            if left == 0 {
                return true;
            }
        }
        spots.clear();
        false
    }
}
