//! Whose borrowed use can be taken back for a queue that wants its own share.
//!
//! Who stays within a share is owed it. From the first node upwards whose subtree stays within its share with the demand,
//! everybody beside the way to the root who borrows from the common capacity holds what is owed: the queues that borrow, as
//! far as they and every group between them and the way borrow. A use within a queue's own share, or within that of its
//! group, is never offered.

use super::QuotaError;
use super::kind::{CapacityKind, Parts, capacity, parts};
use super::tree::{Node, QuotaId, QuotaTree};
use crate::noun::Capacity;
use std::collections::BTreeMap;

/// A queue that borrows, and the most that can be taken back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reclaimable {
    /// Which queue.
    pub node: QuotaId,
    /// The most, if nothing else is taken back: several queues of one group may together be offered more than the group
    /// borrows, so ask again after each.
    pub amount: Capacity,
}

impl QuotaTree {
    /// From which queues borrowed use can be taken back so that `queue` can take `demand`, the nearest first. Empty when the
    /// demand is admitted as it is, and when taking back cannot help, because the demand is beyond what the queue or any
    /// group of its own is owed, or beyond a borrowing limit.
    ///
    /// When it is not empty, taking back what is offered, asking again after each, leads to admission; and a queue within its
    /// nominal share gets it always.
    ///
    /// # Errors
    /// [`QuotaError::UnknownNode`], [`QuotaError::NotAQueue`].
    pub fn reclaim_candidates(&self, queue: QuotaId, demand: &Capacity) -> Result<Vec<Reclaimable>, QuotaError> {
        let short = self.why_not(queue, demand)?;
        let mut found = Found::default();
        for (at, kind) in CapacityKind::ALL.into_iter().enumerate() {
            if short.iter().any(|short| short.kind == kind) && !self.owed_by(queue, at, parts(demand), &mut found) {
                return Ok(Vec::new());
            }
        }
        let mut list: Vec<(usize, QuotaId, Parts)> =
            found.0.into_iter().map(|(node, (distance, amount))| (distance, node, amount)).collect();
        list.sort_unstable();
        Ok(list.into_iter().map(|(_, node, amount)| Reclaimable { node, amount: capacity(amount) }).collect())
    }

    /// Finds who holds what is owed of one kind; whether taking it back makes room.
    fn owed_by(&self, queue: QuotaId, kind: usize, mut asked: Parts, found: &mut Found) -> bool {
        let (mut is_owed, mut id) = (false, queue);
        for distance in 0.. {
            let node = &self.nodes[id];
            let after = of(&node.free, kind) - of(&asked, kind);
            is_owed |= after >= 0;
            if !is_owed && after < -of(&node.borrow, kind) {
                return false;
            }
            asked = node.passed_on(asked);
            let Some(parent) = node.parent else { break };
            if is_owed {
                for beside in self.nodes[parent].children.iter().filter(|child| **child != id) {
                    self.borrowers(*beside, kind, i64::MAX, distance, found);
                }
            }
            id = parent;
        }
        is_owed
    }

    /// The borrowing queues below a node that borrows.
    fn borrowers(&self, id: QuotaId, kind: usize, most: i64, distance: usize, found: &mut Found) {
        let node: &Node = &self.nodes[id];
        let most = most.min(-of(&node.free, kind));
        if most <= 0 {
            return;
        }
        if node.children.is_empty() {
            found.add(id, kind, most, distance);
        }
        for child in &node.children {
            self.borrowers(*child, kind, most, distance, found);
        }
    }
}

fn of(parts: &Parts, kind: usize) -> i64 {
    parts.get(kind).copied().unwrap_or(0)
}

/// Queues with how far up they were found, and what of each kind they can give back.
#[derive(Default)]
struct Found(BTreeMap<QuotaId, (usize, Parts)>);

impl Found {
    fn add(&mut self, id: QuotaId, kind: usize, most: i64, distance: usize) {
        let (nearest, amounts) = self.0.entry(id).or_insert((distance, [0; 4]));
        *nearest = distance.min(*nearest);
        if let Some(amount) = amounts.get_mut(kind) {
            *amount = most;
        }
    }
}
