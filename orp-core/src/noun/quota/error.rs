//! What a quota tree refuses, and why.

use super::CapacityKind;
use crate::id::QueueName;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// A node that cannot bear a demand, for one kind of capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QuotaShortage {
    /// Which node: the queue itself, or an ancestor.
    pub node: QueueName,
    /// What it lacks.
    pub kind: CapacityKind,
    /// What of the demand reaches this node, in the kind's smallest part: what the nodes below cannot give themselves.
    pub asked: i64,
    /// What it can give, with what it may borrow; below zero when its quota was lowered below its use.
    pub left: i64,
}

impl QuotaShortage {
    /// By how much, in the kind's smallest part.
    pub fn short(&self) -> i64 {
        self.asked.saturating_sub(self.left)
    }
}

impl fmt::Display for QuotaShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |parts| self.kind.shown(parts);
        let (node, short) = (&self.node, shown(self.short()));
        write!(f, "`{node}` is {short} short: {} left, {} asked", shown(self.left), shown(self.asked))
    }
}

/// Why a tree, or an operation on one, is refused; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// Two nodes have one name.
    #[error("quota `{0}` is given twice: expected each name once")]
    Duplicate(QueueName),
    /// A parent is not there.
    #[error("quota `{node}` is below `{parent}`, which is not there")]
    UnknownParent {
        /// Which node.
        node: QueueName,
        /// The parent it names.
        parent: QueueName,
    },
    /// A node is its own ancestor.
    #[error("quota `{0}` is its own ancestor")]
    Cycle(QueueName),
    /// A root has a limit.
    #[error(
        "quota `{0}` is a root: expected no limit on borrowing or lending, there is nobody to borrow from or lend to"
    )]
    LimitOnRoot(QueueName),
    /// The shares of a tree do not fit.
    #[error("the shares up to `{node}` come to more {kind} than a tree can hold, about 10^18 of its smallest part")]
    TooLarge {
        /// The node with which it becomes too much.
        node: QueueName,
        /// Of what.
        kind: CapacityKind,
    },
    /// More nodes than a tree has.
    #[error("{0} quotas: expected at most 1,000,000")]
    TooMany(usize),
    /// More levels than a tree has.
    #[error("the quotas stand on more than {0} levels")]
    TooDeep(usize),
    /// Only queues hold something: nodes without children.
    #[error("`{0}` is a group of queues: expected a queue without others below it")]
    NotAQueue(QueueName),
    /// The node is not one of this tree.
    #[error("there is no such node in this quota tree")]
    UnknownNode,
    /// A demand is not admitted.
    #[error("quota: {}", listed(.0))]
    Short(Vec<QuotaShortage>),
    /// More is given back than was taken.
    #[error("`{node}` holds {held}: {given} cannot be given back")]
    NotTaken {
        /// Which queue.
        node: QueueName,
        /// What it holds.
        held: String,
        /// What was to be given back.
        given: String,
    },
    /// A queue that holds something would vanish.
    #[error("`{0}` holds something: expected it to stay a queue")]
    InUse(QueueName),
}

fn listed(short: &[QuotaShortage]) -> String {
    short.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
