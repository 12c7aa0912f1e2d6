//! Nodes, and where members go: best fit, gangs whole or not at all.

use super::room::{Hold, Room};
use crate::scheduler::amounts::Amounts;
use orp_core::id::NodeName;
use orp_core::noun::{Node, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// A node's place in the order of the view: ties go to the lower.
pub(super) type Rank = u32;

/// How many members go to which node.
pub(super) type Placement = Vec<(Rank, u32)>;

#[derive(Debug, Clone)]
struct NodeRoom {
    name: NodeName,
    room: Room,
    /// Whether the view still has it; one that left takes no more jobs, and what runs there runs on.
    present: bool,
}

/// All nodes of the view, ordered by what is free on them.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    list: Vec<NodeRoom>,
    ranks: BTreeMap<NodeName, Rank>,
    /// INVARIANT: every present node, under what is free on it.
    by_free: BTreeSet<(Amounts, Rank)>,
}

impl Nodes {
    /// Whether the view still shows these nodes.
    pub(super) fn match_view(&self, view: &[Node]) -> bool {
        let mut present = self.list.iter().filter(|node| node.present);
        view.len() == self.list.iter().filter(|node| node.present).count()
            && view.iter().all(|shown| {
                present
                    .next()
                    .is_some_and(|node| node.name == shown.name && node.room.limit() == Amounts::from(&shown.capacity))
            })
    }

    /// Takes over the nodes of a view, empty, and keeps those `in_use` that it no longer has. What each old rank became.
    ///
    /// A node that the view names twice counts once, with what it has first.
    pub(super) fn renew(&mut self, view: &[Node], in_use: &BTreeSet<Rank>) -> BTreeMap<Rank, Rank> {
        let old = std::mem::take(self);
        for node in view {
            if !self.ranks.contains_key(&node.name) {
                self.push(node.name.clone(), Amounts::from(&node.capacity), true);
            }
        }
        for rank in in_use {
            if let Some(node) = old.list.get(*rank as usize)
                && !self.ranks.contains_key(&node.name)
            {
                self.push(node.name.clone(), Amounts::ZERO, false);
            }
        }
        let renewed = |node: &NodeRoom| self.ranks.get(&node.name).copied();
        (0..).zip(&old.list).filter_map(|(rank, node)| Some((rank, renewed(node)?))).collect()
    }

    fn push(&mut self, name: NodeName, limit: Amounts, present: bool) {
        let rank = self.list.len() as Rank;
        self.ranks.insert(name.clone(), rank);
        self.list.push(NodeRoom { name, room: Room::new(limit), present });
        if present {
            self.by_free.insert((limit, rank));
        }
    }

    pub(super) fn rank(&self, name: &NodeName) -> Option<Rank> {
        self.ranks.get(name).copied()
    }

    /// The rooms of the nodes that take jobs.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (Rank, &Room)> {
        (0..).zip(&self.list).filter(|(_, node)| node.present).map(|(rank, node)| (rank, &node.room))
    }

    /// The nodes of a placement by name.
    pub(super) fn slots(&self, placement: &Placement) -> Vec<Slot> {
        let slot =
            |(rank, members): &(Rank, u32)| Some(Slot::new(self.list.get(*rank as usize)?.name.clone(), *members));
        placement.iter().filter_map(slot).collect()
    }

    /// Adds to, or takes from, the rooms of a placement.
    pub(super) fn change(&mut self, placement: &Placement, change: impl Fn(&mut Room, u32)) {
        for (rank, members) in placement {
            let Some(node) = self.list.get_mut(*rank as usize) else { continue };
            let before = node.room.free();
            change(&mut node.room, *members);
            let after = node.room.free();
            if node.present && before != after {
                self.by_free.remove(&(before, *rank));
                self.by_free.insert((after, *rank));
            }
        }
    }

    /// Where `members` of this demand go now: each on the node that it leaves the least of, ties by rank. `None` when not all
    /// find room.
    ///
    /// A node that took a member has less left than before and still is the best fit, so nodes are filled one by one; and
    /// as members are equal, this finds room whenever there is.
    pub(super) fn place(&self, demand: &Amounts, members: u32) -> Option<Placement> {
        fill(self.by_free.range((*demand, 0)..).copied(), demand, members)
    }

    /// Whether the members of a placement have room now.
    pub(super) fn has_room(&self, placement: &Placement, demand: &Amounts) -> bool {
        placement.iter().all(|(rank, members)| {
            let node = self.list.get(*rank as usize).filter(|node| node.present);
            node.is_some_and(|node| demand.times(*members).fits_in(&node.room.free()))
        })
    }

    /// Whether what is promised on these nodes can still be kept.
    pub(super) fn keep_promise(&self, placement: &Placement, demand: &Amounts) -> bool {
        placement.iter().all(|(rank, _)| {
            self.list.get(*rank as usize).is_some_and(|node| node.present && !node.room.is_overdrawn(demand))
        })
    }

    /// How many of `members` an idle cluster would hold.
    pub(super) fn hold_idle(&self, demand: &Amounts, members: u32) -> u32 {
        let mut left = members;
        for (_, room) in self.rooms() {
            if left == 0 {
                break;
            }
            left -= room.limit().holds(demand, left);
        }
        members - left
    }
}

impl Hold {
    /// Adds what members of this demand hold.
    pub(super) fn add(self, demand: Amounts) -> impl Fn(&mut Room, u32) {
        move |room, members| room.add(self, demand.times(members))
    }

    /// Takes away what members of this demand held.
    pub(super) fn remove(self, demand: Amounts) -> impl Fn(&mut Room, u32) {
        move |room, members| room.remove(self, demand.times(members))
    }
}

/// Fills nodes in the given order until all members have a place.
pub(super) fn fill(
    free: impl IntoIterator<Item = (Amounts, Rank)>,
    demand: &Amounts,
    members: u32,
) -> Option<Placement> {
    let (mut placement, mut left) = (Placement::new(), members);
    for (free, rank) in free {
        let here = free.holds(demand, left);
        if here > 0 {
            placement.push((rank, here));
            left -= here;
        }
        if left == 0 {
            return Some(placement);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::noun::{Capacity, Labels};
    use orp_core::unit::{Bytes, CpuAmount, GpuAmount};

    fn capacity(cpu: u64, gpu: u64) -> Capacity {
        Capacity { cpu: CpuAmount::whole(cpu), memory: Bytes::from_gb(8), gpu: GpuAmount::whole(gpu), ..Capacity::ZERO }
    }

    fn node(name: &str, cpu: u64, gpu: u64) -> Node {
        Node { name: NodeName::new(name).unwrap(), capacity: capacity(cpu, gpu), labels: Labels::new() }
    }

    fn nodes(view: &[Node]) -> Nodes {
        let mut nodes = Nodes::default();
        nodes.renew(view, &BTreeSet::new());
        nodes
    }

    #[test]
    fn members_go_where_they_leave_the_least() {
        let nodes = nodes(&[node("gpu", 8, 4), node("large", 8, 0), node("small", 2, 0), node("small-2", 2, 0)]);
        let placed = |cpu, gpu, members| {
            let demand = Amounts::from(&Capacity { memory: Bytes::ZERO, ..capacity(cpu, gpu) });
            let slots = nodes.place(&demand, members).map(|placement| nodes.slots(&placement));
            slots.map(|slots| Slot::nodes(&slots).map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        for (cpu, gpu, members, expected) in [
            (1, 0, 1, Some("small")),
            (1, 0, 3, Some("small small small-2")),
            (3, 0, 1, Some("large")),
            (1, 1, 1, Some("gpu")),
            (4, 0, 4, Some("large large gpu gpu")),
            (4, 0, 5, None),
            (0, 5, 1, None),
        ] {
            assert_eq!(placed(cpu, gpu, members).as_deref(), expected, "{members} of {cpu} cpu, {gpu} gpu");
        }
    }

    #[test]
    fn a_node_that_left_takes_no_more() {
        let mut nodes = nodes(&[node("a", 4, 0), node("b", 4, 0)]);
        let one = Amounts::from(&capacity(1, 0));
        let ranks = nodes.renew(&[node("b", 4, 0)], &BTreeSet::from([0]));
        assert_eq!(ranks, BTreeMap::from([(0, 1), (1, 0)]));
        assert!(nodes.match_view(&[node("b", 4, 0)]) && !nodes.match_view(&[node("b", 5, 0)]));
        assert_eq!(nodes.place(&one, 1), Some(vec![(0, 1)]));
        assert!(!nodes.has_room(&vec![(1, 1)], &Amounts::ZERO));
    }
}
