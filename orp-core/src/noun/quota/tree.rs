//! The tree: admit, take, give back, and why not.

use super::kind::{CapacityKind, MOST, Parts, UNLIMITED, capacity, parts, zip};
use super::{QuotaError, QuotaShortage, QuotaSpec};
use crate::id::QueueName;
use crate::noun::Capacity;
use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

/// The most nodes a tree has.
const MAX_NODES: usize = 1_000_000;

/// The most levels a tree has.
const MAX_LEVELS: usize = 64;

/// A node of one [`QuotaTree`], found by name once and then used as it is; that of another tree means nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaId(u32);

/// Quotas as they stand: what each node has, and what its subtree can still give. The default tree has no node.
#[derive(Debug, Clone, Default)]
pub struct QuotaTree {
    pub(super) nodes: Nodes,
    names: BTreeMap<QueueName, QuotaId>,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    /// `T`: what its subtree can still give; below zero, what it borrows.
    pub(super) free: Parts,
    /// The most it may borrow; nothing at a root.
    pub(super) borrow: Parts,
    /// The most it lends.
    pub(super) lend: Parts,
    pub(super) parent: Option<QuotaId>,
    /// What is held in its subtree.
    pub(super) used: Parts,
    pub(super) children: Vec<QuotaId>,
    pub(super) spec: QuotaSpec,
}

impl Node {
    /// What of a demand its subtree cannot give out of what it keeps for itself, so that it reaches the parent.
    #[inline]
    pub(super) fn passed_on(&self, demand: Parts) -> Parts {
        let lent = |free: Parts| zip(free, self.lend, i64::min);
        zip(lent(self.free), lent(zip(self.free, demand, |free, asked| free - asked)), |before, after| before - after)
    }

    /// Changes what is free by `change`; by how much what it lends has changed.
    fn shift(&mut self, change: Parts) -> Parts {
        let before = zip(self.free, self.lend, i64::min);
        self.free = zip(self.free, change, |free, change| free + change);
        zip(zip(self.free, self.lend, i64::min), before, |after, before| after - before)
    }
}

/// INVARIANT: the parents and children of nodes are places of nodes that are there.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes(Vec<Node>);

impl Index<QuotaId> for Nodes {
    type Output = Node;
    #[inline]
    #[allow(clippy::indexing_slicing, reason = "the invariant of Nodes; ids from outside go through QuotaTree::node")]
    fn index(&self, id: QuotaId) -> &Node {
        &self.0[id.0 as usize]
    }
}

impl IndexMut<QuotaId> for Nodes {
    #[inline]
    #[allow(clippy::indexing_slicing, reason = "the invariant of Nodes; ids from outside go through QuotaTree::node")]
    fn index_mut(&mut self, id: QuotaId) -> &mut Node {
        &mut self.0[id.0 as usize]
    }
}

impl Nodes {
    /// A node and its ancestors.
    #[inline]
    pub(super) fn path(&self, id: QuotaId) -> impl Iterator<Item = &Node> {
        std::iter::successors(Some(&self[id]), |node| node.parent.map(|parent| &self[parent]))
    }

    fn ids(&self) -> impl Iterator<Item = QuotaId> + use<> {
        (0..self.0.len() as u32).map(QuotaId)
    }

    /// Every node that a root leads to, level by level; `None` when there are too many levels.
    fn levels(&self) -> Option<Vec<QuotaId>> {
        let mut order = Vec::with_capacity(self.0.len());
        let mut level: Vec<QuotaId> = self.ids().filter(|id| self[*id].parent.is_none()).collect();
        for _ in 0..MAX_LEVELS {
            order.extend_from_slice(&level);
            level = level.iter().flat_map(|id| &self[*id].children).copied().collect();
        }
        level.is_empty().then_some(order)
    }

    /// A node that is its own ancestor.
    fn in_a_circle(&self) -> Option<QuotaId> {
        let above = |id: QuotaId| std::iter::successors(self[id].parent, |id| self[*id].parent).take(self.0.len());
        self.ids().find(|id| above(*id).any(|ancestor| ancestor == *id))
    }

    /// Adds up what the nodes of every subtree can give, the lowest first.
    fn add_up(&mut self, levels: Vec<QuotaId>) {
        for id in levels.into_iter().rev() {
            let lent = zip(self[id].free, self[id].lend, i64::min);
            if let Some(parent) = self[id].parent {
                self[parent].free = zip(self[parent].free, lent, |free, lent| free + lent);
            }
        }
    }
}

impl QuotaTree {
    /// A tree, or several, of these nodes in any order; nothing is held.
    ///
    /// # Errors
    /// What is wrong with the nodes: [`QuotaError::Duplicate`], [`QuotaError::UnknownParent`], [`QuotaError::Cycle`],
    /// [`QuotaError::LimitOnRoot`], [`QuotaError::TooLarge`], [`QuotaError::TooMany`], [`QuotaError::TooDeep`].
    pub fn new(specs: Vec<QuotaSpec>) -> Result<Self, QuotaError> {
        if specs.len() > MAX_NODES {
            return Err(QuotaError::TooMany(specs.len()));
        }
        check_sizes(&specs)?;
        let mut names = BTreeMap::new();
        for (at, spec) in specs.iter().enumerate() {
            if names.insert(spec.name.clone(), QuotaId(at as u32)).is_some() {
                return Err(QuotaError::Duplicate(spec.name.clone()));
            }
        }
        let nodes: Result<Vec<Node>, _> = specs.into_iter().map(|spec| node(spec, &names)).collect();
        let mut tree = Self { nodes: Nodes(nodes?), names };
        for id in tree.nodes.ids() {
            if let Some(parent) = tree.nodes[id].parent {
                tree.nodes[parent].children.push(id);
            }
        }
        let levels = tree.nodes.levels().ok_or(QuotaError::TooDeep(MAX_LEVELS))?;
        if levels.len() < tree.nodes.0.len() {
            // Whoever no root leads to stands in a circle, or below one.
            let lost = tree.nodes.in_a_circle().map(|id| tree.nodes[id].spec.name.clone());
            return Err(lost.map_or(QuotaError::UnknownNode, QuotaError::Cycle));
        }
        tree.nodes.add_up(levels);
        Ok(tree)
    }

    /// The same uses in a tree of other nodes. What is held stays held, even where it is more than the new quotas admit:
    /// then nothing more is admitted there until enough is given back.
    ///
    /// # Errors
    /// Those of [`QuotaTree::new`]; [`QuotaError::InUse`] when a queue that holds something would not be a queue any more.
    pub fn reshaped(&self, specs: Vec<QuotaSpec>) -> Result<Self, QuotaError> {
        let mut tree = Self::new(specs)?;
        for node in self.nodes.0.iter().filter(|node| node.children.is_empty() && node.used != [0; 4]) {
            let queue = tree.id(&node.spec.name).filter(|id| tree.nodes[*id].children.is_empty());
            let queue = queue.ok_or_else(|| QuotaError::InUse(node.spec.name.clone()))?;
            tree.shift(queue, node.used);
        }
        Ok(tree)
    }

    /// A node by name.
    pub fn id(&self, name: &QueueName) -> Option<QuotaId> {
        self.names.get(name).copied()
    }

    /// What a node was given.
    pub fn spec(&self, id: QuotaId) -> Option<&QuotaSpec> {
        self.node(id).map(|node| &node.spec)
    }

    /// All nodes, in the order they were given.
    pub fn specs(&self) -> impl Iterator<Item = (QuotaId, &QuotaSpec)> {
        (0..).map(QuotaId).zip(self.nodes.0.iter().map(|node| &node.spec))
    }

    /// Whether a queue may take so much more now. It asks about the kinds that are demanded, and about no others.
    #[inline]
    pub fn admits(&self, queue: QuotaId, demand: &Capacity) -> bool {
        if self.node(queue).is_none_or(|node| !node.children.is_empty()) {
            return false;
        }
        let demanded = parts(demand);
        let mut asked = demanded;
        self.nodes.path(queue).all(|node| {
            let left = zip(node.free, node.borrow, |free, borrow| free + borrow);
            let fits =
                asked.iter().zip(left).zip(demanded).all(|((asked, left), demand)| demand == 0 || *asked <= left);
            asked = node.passed_on(asked);
            fits
        })
    }

    /// Why a queue may not take so much: every node that is short, from the queue upwards. Empty when it may.
    ///
    /// # Errors
    /// [`QuotaError::UnknownNode`], [`QuotaError::NotAQueue`].
    pub fn why_not(&self, queue: QuotaId, demand: &Capacity) -> Result<Vec<QuotaShortage>, QuotaError> {
        self.queue(queue)?;
        let demanded = parts(demand);
        let (mut asked, mut short) = (demanded, Vec::new());
        for node in self.nodes.path(queue) {
            let left = zip(node.free, node.borrow, |free, borrow| free + borrow);
            for (kind, ((asked, left), demand)) in
                CapacityKind::ALL.into_iter().zip(asked.into_iter().zip(left).zip(demanded))
            {
                if demand > 0 && asked > left {
                    short.push(QuotaShortage { node: node.spec.name.clone(), kind, asked, left });
                }
            }
            asked = node.passed_on(asked);
        }
        Ok(short)
    }

    /// Takes so much for a queue, or nothing.
    ///
    /// # Errors
    /// [`QuotaError::Short`] with every node that is short; [`QuotaError::UnknownNode`], [`QuotaError::NotAQueue`].
    pub fn take(&mut self, queue: QuotaId, demand: &Capacity) -> Result<(), QuotaError> {
        if !self.admits(queue, demand) {
            return Err(QuotaError::Short(self.why_not(queue, demand)?));
        }
        self.shift(queue, parts(demand));
        Ok(())
    }

    /// Takes so much for a queue that holds it already, even beyond what it would be admitted: after a tree was made anew.
    ///
    /// # Errors
    /// [`QuotaError::TooLarge`] when that is more than can be counted; [`QuotaError::UnknownNode`],
    /// [`QuotaError::NotAQueue`].
    pub fn take_held(&mut self, queue: QuotaId, held: &Capacity) -> Result<(), QuotaError> {
        let taken = parts(held);
        let mut next = Some(queue);
        self.queue(queue)?;
        while let Some(id) = next {
            let node = &self.nodes[id];
            for (kind, (used, taken)) in CapacityKind::ALL.into_iter().zip(node.used.into_iter().zip(taken)) {
                if used + taken > MOST {
                    return Err(QuotaError::TooLarge { node: node.spec.name.clone(), kind });
                }
            }
            next = node.parent;
        }
        self.shift(queue, taken);
        Ok(())
    }

    /// Gives so much back that a queue took.
    ///
    /// # Errors
    /// [`QuotaError::NotTaken`] when it holds less; [`QuotaError::UnknownNode`], [`QuotaError::NotAQueue`].
    pub fn give_back(&mut self, queue: QuotaId, given: &Capacity) -> Result<(), QuotaError> {
        let (node, back) = (self.queue(queue)?, parts(given));
        if node.used.iter().zip(back).any(|(used, back)| *used < back) {
            let (node, held, given) = (node.spec.name.clone(), capacity(node.used).to_string(), given.to_string());
            return Err(QuotaError::NotTaken { node, held, given });
        }
        self.shift(queue, back.map(|parts| -parts));
        Ok(())
    }

    /// What is held in a node's subtree; nothing for a node that is not there.
    pub fn used(&self, id: QuotaId) -> Capacity {
        self.node(id).map_or(Capacity::ZERO, |node| capacity(node.used))
    }

    /// What a node's subtree holds that is not its own; nothing for a node that is not there.
    pub fn borrowed(&self, id: QuotaId) -> Capacity {
        self.node(id).map_or(Capacity::ZERO, |node| capacity(node.free.map(|free| -free)))
    }

    /// The most of each kind that a queue may take now, with what it may borrow.
    ///
    /// # Errors
    /// [`QuotaError::UnknownNode`], [`QuotaError::NotAQueue`].
    pub fn available(&self, queue: QuotaId) -> Result<Capacity, QuotaError> {
        self.queue(queue)?;
        let path: Vec<&Node> = self.nodes.path(queue).collect();
        let available = path.into_iter().rev().fold([UNLIMITED; 4], |above, node| {
            // What it keeps for itself costs the nodes above nothing; but one of them that is overdrawn stops it too.
            let kept = zip(node.free, node.lend, |free, lend| (free - lend).max(0));
            let from_above = zip(above, kept, |above, kept| if above < 0 { above } else { above.saturating_add(kept) });
            let own = zip(node.free, node.borrow, |free, borrow| free + borrow);
            zip(own, from_above, i64::min)
        });
        Ok(capacity(available))
    }

    /// A node, if it is one of this tree.
    #[inline]
    fn node(&self, id: QuotaId) -> Option<&Node> {
        self.nodes.0.get(id.0 as usize)
    }

    /// A node that can hold something.
    pub(super) fn queue(&self, id: QuotaId) -> Result<&Node, QuotaError> {
        let node = self.node(id).ok_or(QuotaError::UnknownNode)?;
        if node.children.is_empty() { Ok(node) } else { Err(QuotaError::NotAQueue(node.spec.name.clone())) }
    }

    /// Adds to what a queue holds, without asking.
    pub(super) fn shift(&mut self, queue: QuotaId, taken: Parts) {
        let (mut change, mut next) = (taken.map(|parts| -parts), Some(queue));
        while let Some(id) = next {
            let node = &mut self.nodes[id];
            node.used = zip(node.used, taken, |used, taken| used + taken);
            change = node.shift(change);
            next = node.parent;
        }
    }
}

fn node(spec: QuotaSpec, names: &BTreeMap<QueueName, QuotaId>) -> Result<Node, QuotaError> {
    let parent = match &spec.parent {
        Some(name) => Some(
            *names
                .get(name)
                .ok_or_else(|| QuotaError::UnknownParent { node: spec.name.clone(), parent: name.clone() })?,
        ),
        None if spec.borrow.is_unlimited() && spec.lend.is_unlimited() => None,
        None => return Err(QuotaError::LimitOnRoot(spec.name.clone())),
    };
    let borrow = if parent.is_some() { spec.borrow.parts() } else { [0; 4] };
    let (free, lend) = (parts(&spec.nominal), spec.lend.parts());
    Ok(Node { free, borrow, lend, parent, used: [0; 4], children: Vec::new(), spec })
}

/// Whether the shares together stay within what can be added up.
fn check_sizes(specs: &[QuotaSpec]) -> Result<(), QuotaError> {
    let mut total = [0; 4];
    for spec in specs {
        total = zip(total, parts(&spec.nominal), |total, share| (total + share).min(MOST + 1));
        if let Some((kind, _)) = CapacityKind::ALL.into_iter().zip(total).find(|(_, total)| *total > MOST) {
            return Err(QuotaError::TooLarge { node: spec.name.clone(), kind });
        }
    }
    Ok(())
}
