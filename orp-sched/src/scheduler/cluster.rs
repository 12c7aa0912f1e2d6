//! The nodes: what is free of each, of every accelerator singly, and an index by what is free.

use super::amounts::Amounts;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use orp_core::id::NodeName;
use orp_core::noun::{Capacity, DeviceSet, Job, NODE, Node, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The number of a node in the order of the view: ties go to the lowest.
pub type Rank = u32;

/// All of one accelerator, in thousandths.
const WHOLE: u64 = 1_000;

/// Some members on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Which node.
    pub node: Rank,
    /// How many members.
    pub members: u32,
    /// Which accelerators they use together.
    pub devices: DeviceSet,
}

/// What one member of a job needs of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Demand {
    amounts: Amounts,
    /// Whole accelerators.
    whole: u32,
    /// The share of one accelerator, in thousandths.
    share: u32,
    /// More than one accelerator and not a whole number of them: no node has that.
    uneven: bool,
}

impl Demand {
    /// What a member needs.
    pub fn new(demand: &Capacity) -> Self {
        let milli = demand.gpu.milli();
        let whole = u32::try_from(milli / WHOLE).unwrap_or(u32::MAX);
        let share = (milli % WHOLE) as u32;
        Self { amounts: Amounts::from(demand), whole, share, uneven: whole > 0 && share > 0 }
    }

    /// As plain numbers.
    pub fn amounts(&self) -> Amounts {
        self.amounts
    }

    /// Whole accelerators.
    pub fn whole(&self) -> u32 {
        self.whole
    }

    /// The share of one accelerator, in thousandths; 0 for whole ones and for none.
    pub fn share(&self) -> u32 {
        self.share
    }
}

/// A node, and what is free of it.
#[derive(Debug, Clone)]
pub struct NodeState {
    node: Node,
    limit: Amounts,
    free: Amounts,
    /// Accelerators of which all is free.
    idle: u64,
    /// What is left of accelerators that are shared or smaller than a whole.
    partly: Vec<(u8, u32)>,
    /// Whether accelerators are told apart: there are not too many.
    singly: bool,
    /// Whether the view still has it; one that left takes no more jobs, and what runs there runs on.
    present: bool,
}

impl NodeState {
    fn new(node: &Node) -> Self {
        let limit = Amounts::from(&node.capacity);
        let milli = node.capacity.gpu.milli();
        let (whole, rest) = (milli / WHOLE, (milli % WHOLE) as u32);
        let singly = whole + u64::from(rest > 0) <= DeviceSet::MOST.into();
        let idle = if whole >= 64 { u64::MAX } else { (1 << whole) - 1 };
        let partly = if rest > 0 && singly { vec![(whole as u8, rest)] } else { Vec::new() };
        Self { node: node.clone(), limit, free: limit, idle, partly, singly, present: true }
    }

    /// The node as the view shows it.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What it has.
    pub fn limit(&self) -> Amounts {
        self.limit
    }

    /// What is free of it.
    pub fn free(&self) -> Amounts {
        self.free
    }

    /// Whether it takes jobs.
    pub fn is_present(&self) -> bool {
        self.present
    }

    /// Accelerators of which all is free.
    pub fn idle(&self) -> DeviceSet {
        DeviceSet::from_bits(self.idle)
    }

    /// Accelerators that are shared, or smaller than a whole, and the thousandths that are left of each; in no order.
    pub fn partly(&self) -> &[(u8, u32)] {
        &self.partly
    }

    /// How many members of this demand it has room for now, at most `most`.
    pub fn holds(&self, demand: &Demand, most: u32) -> u32 {
        let by_amounts = self.free.holds(&demand.amounts, most);
        if by_amounts == 0 || !self.singly || (demand.whole == 0 && demand.share == 0) {
            return by_amounts;
        }
        if demand.uneven {
            return 0;
        }
        if let Some(whole) = self.idle.count_ones().checked_div(demand.whole) {
            return by_amounts.min(whole);
        }
        let of_shared: u32 = self.partly.iter().map(|(_, left)| left / demand.share).sum();
        let each = WHOLE as u32 / demand.share;
        by_amounts.min(of_shared.saturating_add(self.idle.count_ones() * each))
    }

    /// Whether the members of a spot have room, on the accelerators it names.
    pub fn has(&self, demand: &Demand, spot: &Spot) -> bool {
        let devices = spot.devices;
        let left = |device: u8| match self.partly.iter().find(|(number, _)| *number == device) {
            Some((_, left)) => *left,
            None if self.idle & (1 << device) != 0 => WHOLE as u32,
            None => 0,
        };
        let singly = match (demand.whole, demand.share) {
            _ if !self.singly => true,
            (0, 0) => true,
            (0, share) => devices.len() == 1 && devices.iter().all(|device| left(device) / share >= spot.members),
            (whole, 0) => devices.bits() & !self.idle == 0 && devices.len() == whole.saturating_mul(spot.members),
            _ => false,
        };
        self.present && singly && self.free.holds(&demand.amounts, spot.members) == spot.members
    }

    /// Whether one member has room.
    pub fn fits(&self, demand: &Demand) -> bool {
        self.holds(demand, 1) == 1
    }

    /// How many members it would hold if it were empty, at most `most`.
    pub fn holds_idle(&self, demand: &Demand, most: u32) -> u32 {
        let by_amounts = self.limit.holds(&demand.amounts, most);
        let whole = (self.node.capacity.gpu.milli() / WHOLE) as u32;
        match (self.singly, demand.whole, demand.share) {
            (false, ..) | (true, 0, 0) => by_amounts,
            _ if demand.uneven => 0,
            (true, 0, share) => {
                let rest = (self.node.capacity.gpu.milli() % WHOLE) as u32 / share;
                by_amounts.min(rest + whole * (WHOLE as u32 / share))
            }
            (true, count, _) => by_amounts.min(whole / count),
        }
    }

    /// Accelerators for so many members, the lowest numbers first: whole ones together, shares on the fullest that has room.
    fn choose(&self, demand: &Demand, members: u32) -> Vec<(u32, DeviceSet)> {
        if !self.singly || (demand.whole == 0 && demand.share == 0) {
            return vec![(members, DeviceSet::NONE)];
        }
        if demand.whole > 0 {
            let (mut set, mut idle) = (0_u64, self.idle);
            for _ in 0..demand.whole * members {
                set |= idle & idle.wrapping_neg();
                idle &= idle.wrapping_sub(1);
            }
            return vec![(members, DeviceSet::from_bits(set))];
        }
        let mut shared = self.partly.clone();
        shared.sort_unstable_by_key(|(device, left)| (*left, *device));
        shared.extend(DeviceSet::from_bits(self.idle).iter().map(|device| (device, WHOLE as u32)));
        let (mut chosen, mut missing) = (Vec::new(), members);
        for (device, left) in shared {
            let here = (left / demand.share).min(missing);
            if here > 0 {
                chosen.push((here, DeviceSet::from_iter([device])));
                missing -= here;
            }
        }
        chosen
    }

    fn take(&mut self, demand: &Demand, spot: &Spot) {
        self.free = self.free.minus(demand.amounts.times(spot.members));
        if demand.whole > 0 {
            self.idle &= !spot.devices.bits();
        } else if demand.share > 0 {
            for device in spot.devices.iter() {
                if self.idle & (1 << device) != 0 {
                    self.idle &= !(1 << device);
                    self.partly.push((device, WHOLE as u32));
                }
                for (_, left) in self.partly.iter_mut().filter(|(number, _)| *number == device) {
                    *left = left.saturating_sub(demand.share * spot.members);
                }
            }
        }
    }

    fn give_back(&mut self, demand: &Demand, spot: &Spot) {
        self.free = self.free.plus(demand.amounts.times(spot.members)).least(self.limit);
        let whole = (self.node.capacity.gpu.milli() / WHOLE).min(64) as u32;
        let all = if whole == 64 { u64::MAX } else { (1 << whole) - 1 };
        if demand.whole > 0 {
            self.idle |= spot.devices.bits() & all;
        } else if demand.share > 0 {
            for device in spot.devices.iter() {
                let Some(at) = self.partly.iter().position(|(number, _)| *number == device) else { continue };
                let Some((_, left)) = self.partly.get_mut(at) else { continue };
                *left += demand.share * spot.members;
                if *left >= WHOLE as u32 && all & (1 << device) != 0 {
                    self.partly.swap_remove(at);
                    self.idle |= 1 << device;
                }
            }
        }
    }
}

/// Which nodes a job may use: those with the labels it needs, and a model of accelerator it runs on.
#[derive(Debug, Clone, Default)]
struct Domains {
    /// Of each label, its values, each with its nodes.
    by_label: BTreeMap<String, BTreeMap<String, Vec<Rank>>>,
}

/// All nodes of the view.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// The list of the view these are. Kept, so that the same list is known to be unchanged.
    seen: Arc<Vec<Node>>,
    list: Vec<NodeState>,
    ranks: HashMap<NodeName, Rank, FixedState>,
    /// INVARIANT: every present node, under what is free on it.
    by_free: BTreeSet<(Amounts, Rank)>,
    domains: Domains,
    limit: Amounts,
    free: Amounts,
    largest: Amounts,
}

impl Cluster {
    /// Takes over the nodes of a view. A node that is gone keeps its place, and what runs there, until nothing does; a node
    /// named twice counts once. Whether anything changed.
    pub(crate) fn renew(&mut self, view: &Arc<Vec<Node>>) -> bool {
        if Arc::ptr_eq(&self.seen, view) || self.seen == *view {
            return false;
        }
        for state in &mut self.list {
            state.present = false;
        }
        for node in view.iter() {
            match self.ranks.get(&node.name).copied().and_then(|rank| self.list.get_mut(rank as usize)) {
                Some(state) if state.present => {}
                Some(state) if state.node == *node => state.present = true,
                Some(state) => {
                    let used = state.limit.minus(state.free);
                    let fresh = NodeState::new(node);
                    let free = fresh.limit.minus(used);
                    let busy = state.busy_devices();
                    *state = NodeState { free, idle: fresh.idle & !busy, ..fresh };
                }
                None => {
                    self.ranks.insert(node.name.clone(), self.list.len() as Rank);
                    self.list.push(NodeState::new(node));
                }
            }
        }
        self.seen = view.clone();
        self.index();
        true
    }

    /// Makes the index, the domains and the sums anew.
    fn index(&mut self) {
        self.by_free = self.present().map(|(rank, state)| (state.free, rank)).collect();
        let mut by_label: BTreeMap<String, BTreeMap<String, Vec<Rank>>> = BTreeMap::new();
        for (rank, state) in self.present() {
            for (label, value) in &state.node.labels {
                by_label.entry(label.clone()).or_default().entry(value.clone()).or_default().push(rank);
            }
        }
        self.limit = self.present().fold(Amounts::ZERO, |sum, (_, state)| sum.plus(state.limit));
        self.free = self.present().fold(Amounts::ZERO, |sum, (_, state)| sum.plus(state.free));
        self.largest = self.present().fold(Amounts::ZERO, |most, (_, state)| most.most(state.limit));
        self.domains = Domains { by_label };
    }

    fn present(&self) -> impl Iterator<Item = (Rank, &NodeState)> {
        (0..).zip(&self.list).filter(|(_, state)| state.present)
    }

    /// All nodes that take jobs, by rank.
    pub fn nodes(&self) -> impl Iterator<Item = (Rank, &NodeState)> {
        self.present()
    }

    /// A node.
    pub fn node(&self, rank: Rank) -> Option<&NodeState> {
        self.list.get(rank as usize)
    }

    /// A node by name.
    pub fn rank(&self, name: &NodeName) -> Option<Rank> {
        self.ranks.get(name).copied()
    }

    /// What all nodes have together.
    pub fn limit(&self) -> Amounts {
        self.limit
    }

    /// What is free of all nodes together.
    pub fn free(&self) -> Amounts {
        self.free
    }

    /// The nodes that have at least so much free, those with the least free first, ties by rank.
    pub fn with_free(&self, least: &Amounts) -> impl Iterator<Item = (Rank, &NodeState)> {
        let from = self.by_free.range((*least, 0)..);
        from.filter_map(|(_, rank)| Some((*rank, self.list.get(*rank as usize)?)))
    }

    /// The nodes with the most free first, ties by rank.
    pub fn by_most_free(&self) -> impl Iterator<Item = (Rank, &NodeState)> {
        let mut below = self.by_free.last().map(|(free, _)| *free);
        let mut group = None;
        std::iter::from_fn(move || {
            loop {
                let range = group.get_or_insert_with(|| match below {
                    Some(free) => self.by_free.range((free, 0)..=(free, Rank::MAX)),
                    None => self.by_free.range((Amounts::MAX, Rank::MAX)..),
                });
                if let Some((_, rank)) = range.next() {
                    return self.list.get(*rank as usize).map(|state| (*rank, state));
                }
                below = self.by_free.range(..(below?, 0)).next_back().map(|(free, _)| *free);
                group = None;
                below?;
            }
        })
    }

    /// The groups of nodes that share a value of a label: what a gang within one of them chooses from.
    pub fn domains(&self, label: &str) -> impl Iterator<Item = (&str, &[Rank])> {
        let values = self.domains.by_label.get(label);
        values.into_iter().flatten().map(|(value, ranks)| (value.as_str(), ranks.as_slice()))
    }

    /// Whether a job may use a node at all: it has the labels the job needs, and accelerators it runs on.
    pub fn allows(&self, job: &Job, state: &NodeState) -> bool {
        let labels = &state.node.labels;
        let needs = job.needs.iter().all(|need| {
            let value = if need.label == NODE {
                Some(state.node.name.as_str())
            } else {
                labels.get(&*need.label).map(String::as_str)
            };
            value.is_some_and(|value| need.any.iter().any(|any| any == value))
        });
        let model = || labels.get(orp_core::noun::ACCELERATOR).is_some_and(|model| job.speeds.contains_key(model));
        needs && (job.speeds.is_empty() || model())
    }

    /// Spots for so many members of a node; it must have room.
    pub fn spots(&self, rank: Rank, demand: &Demand, members: u32, spots: &mut Vec<Spot>) {
        if let Some(state) = self.node(rank) {
            let chosen = state.choose(demand, members).into_iter();
            spots.extend(chosen.map(|(members, devices)| Spot { node: rank, members, devices }));
        }
    }

    /// Takes what members at these spots need.
    pub(crate) fn take(&mut self, demand: &Demand, spots: &[Spot]) {
        self.change(demand, spots, NodeState::take);
    }

    /// Gives it back.
    pub(crate) fn give_back(&mut self, demand: &Demand, spots: &[Spot]) {
        self.change(demand, spots, NodeState::give_back);
    }

    fn change(&mut self, demand: &Demand, spots: &[Spot], change: impl Fn(&mut NodeState, &Demand, &Spot)) {
        for spot in spots {
            let Some(state) = self.list.get_mut(spot.node as usize) else { continue };
            let before = state.free;
            change(state, demand, spot);
            if state.present && before != state.free {
                self.by_free.remove(&(before, spot.node));
                self.by_free.insert((state.free, spot.node));
                self.free = self.free.plus(state.free).minus(before);
            }
        }
    }

    /// Spots as the host knows them.
    pub(crate) fn slots(&self, spots: &[Spot]) -> Vec<Slot> {
        let slot = |spot: &Spot| {
            let node = self.node(spot.node)?.node.name.clone();
            Some(Slot { node, members: spot.members, devices: spot.devices })
        };
        spots.iter().filter_map(slot).collect()
    }

    /// How many of `members` an idle cluster would hold.
    pub fn holds_idle(&self, job: &Job, demand: &Demand, members: u32) -> u32 {
        let mut left = members;
        for (_, state) in self.present().filter(|(_, state)| self.allows(job, state)) {
            if left == 0 {
                break;
            }
            left -= state.holds_idle(demand, left);
        }
        members - left
    }

    /// The most of each kind that any one node has.
    pub fn largest(&self) -> Amounts {
        self.largest
    }
}

impl NodeState {
    /// Accelerators of which something is taken.
    fn busy_devices(&self) -> u64 {
        let all = match self.node.capacity.gpu.milli() / WHOLE {
            64.. => u64::MAX,
            whole => (1 << whole) - 1,
        };
        all & !self.idle
    }
}
