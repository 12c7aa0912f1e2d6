//! What the scheduler sees, and what it decides.
//!
//! The three queues of an operating system are visible: a job waits in the *job* queue for its tenant's quota, in the
//! *ready* queue for capacity, in the *device* queue for one device, tool or person that another job holds.

use super::{Capacity, Labels, QuotaSpec};
use crate::id::{DeviceId, IdempotencyKey, NodeName, QueueName, Tenant};
use crate::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A job's key: for a task of a run, its attempt's key.
pub type JobKey = IdempotencyKey;

/// A runnable task, or a gang of equal members that start together or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// Which job.
    pub key: JobKey,
    /// Whose share it counts against.
    pub tenant: Tenant,
    /// Higher goes first, and may preempt lower.
    pub priority: i32,
    /// How many members it has; each gets its demand on one node.
    pub members: u32,
    /// What each member needs.
    pub demand: Capacity,
    /// One device, tool or person it needs for itself, beside its demand.
    pub device: Option<DeviceId>,
    /// Whether it may be stopped for a job of higher priority, and go on later.
    pub preemptible: bool,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it should be done.
    pub deadline: Option<Timestamp>,
    /// How long it is believed to run, on the accelerators it is fastest on.
    pub expected: Option<Span>,
    /// The queue of the [quota tree](ClusterView::shares) that its demand is taken from; none for work outside the tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueName>,
    /// The fewest members it runs with, if it is elastic; `members` is then the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members_min: Option<u32>,
    /// What its nodes must be labelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<NodeNeed>,
    /// A label of which all its nodes must have the same value, such as [`RACK`]; [`NODE`] for one node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Cow<'static, str>>,
    /// How fast it is on each [model of accelerator](ACCELERATOR), in units of its own; it cannot run on those not named.
    /// Without any it is equally fast everywhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub speeds: BTreeMap<String, f64>,
    /// The work that a stop costs it: to save, to load again, and what was done since it last saved.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stop_cost: Span,
    /// Whether it has no end of its own: it runs until it is withdrawn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service: bool,
}

fn is_zero(span: &Span) -> bool {
    *span == Span::ZERO
}

impl Job {
    /// A preemptible job of one member at priority 0; change the fields that differ.
    pub fn new(key: JobKey, tenant: Tenant, demand: Capacity, submitted: Timestamp) -> Self {
        Self {
            key,
            tenant,
            priority: 0,
            members: 1,
            demand,
            device: None,
            preemptible: true,
            submitted,
            deadline: None,
            expected: None,
            queue: None,
            members_min: None,
            needs: Vec::new(),
            within: None,
            speeds: BTreeMap::new(),
            stop_cost: Span::ZERO,
            service: false,
        }
    }
}

/// The label of a node that names the model of its accelerators.
pub const ACCELERATOR: &str = "accelerator";
/// The label of a node that names its rack.
pub const RACK: &str = "rack";
/// The label of a node that names its zone.
pub const ZONE: &str = "zone";
/// What stands for the node itself where a label of nodes is asked for.
pub const NODE: &str = "node";

/// A label that a node must have, with one of these values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeNeed {
    /// Which label.
    pub label: Cow<'static, str>,
    /// Any of these.
    pub any: Vec<String>,
}

/// Where a job waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// Admitted, waits for quota.
    Job,
    /// Runnable, waits for capacity.
    Ready,
    /// Waits for one device, tool or person.
    Device,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Job => "job",
            Self::Ready => "ready",
            Self::Device => "device",
        })
    }
}

/// A node of the cluster: what it has in all. What is in use the scheduler knows from its own decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Which node.
    pub name: NodeName,
    /// What it has.
    pub capacity: Capacity,
    /// Further facts: zone, rack.
    pub labels: Labels,
}

/// The cluster as it is now.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClusterView {
    /// Its nodes, in the order ties are broken by. Shared: a view with the very same list is known to be unchanged.
    #[serde(with = "shared")]
    pub nodes: Arc<Vec<Node>>,
    /// The most of its capacity a tenant may hold at once; a tenant not named here may hold all of it.
    pub quotas: Vec<(Tenant, Capacity)>,
    /// The quota tree, from whose queues [jobs](Job::queue) take; empty when there is none.
    #[serde(default, with = "shared")]
    pub shares: Arc<Vec<QuotaSpec>>,
}

impl ClusterView {
    /// A cluster of these nodes, without quotas.
    pub fn new(nodes: Vec<Node>) -> Self {
        Self { nodes: Arc::new(nodes), ..Self::default() }
    }
}

/// What is shared, as if it were not.
mod shared {
    use super::{Arc, Deserialize, Serialize};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(shared: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(shared, serializer)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Arc<T>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        T::deserialize(deserializer).map(Arc::new)
    }
}

/// What happened since the scheduler last decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobEvent {
    /// A job came.
    Submitted(#[serde(with = "shared")] Arc<Job>),
    /// A job that ran is over, or one that waited is withdrawn: what it held is free.
    Ended(JobKey),
    /// A job that was to be preempted has stopped: what it held is free, and it waits again.
    Stopped(JobKey),
    /// A job that was to give slots up has done so.
    Resized(JobKey),
    /// A job is now believed to run so much longer, on the accelerators it is fastest on.
    Estimated {
        /// Which job.
        job: JobKey,
        /// How much longer.
        remaining: Span,
    },
    /// A node is gone; what ran there waits again.
    NodeLost(NodeName),
}

impl From<Job> for JobEvent {
    fn from(job: Job) -> Self {
        Self::Submitted(Arc::new(job))
    }
}

/// Where members of a job run: one node, and which of its accelerators. Members that demand a share of an accelerator are
/// in one slot only if they share the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Which node.
    pub node: NodeName,
    /// How many members.
    pub members: u32,
    /// Which accelerators of the node they use together; none from a scheduler that does not tell them apart.
    #[serde(default, skip_serializing_if = "DeviceSet::is_empty")]
    pub devices: DeviceSet,
}

impl Slot {
    /// The node of each member.
    pub fn nodes(slots: &[Self]) -> impl Iterator<Item = &NodeName> {
        slots.iter().flat_map(|slot| std::iter::repeat_n(&slot.node, slot.members as usize))
    }

    /// Some members on a node, without accelerators of their own.
    pub fn new(node: NodeName, members: u32) -> Self {
        Self { node, members, devices: DeviceSet::NONE }
    }
}

/// Accelerators of one node by number, from 0; at most [64](DeviceSet::MOST).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub struct DeviceSet(u64);

impl DeviceSet {
    /// No accelerator.
    pub const NONE: Self = Self(0);
    /// The most accelerators of a node that can be told apart.
    pub const MOST: u32 = u64::BITS;

    /// From its bits: number 0 is the lowest.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// As bits: number 0 is the lowest.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// How many.
    pub const fn len(&self) -> u32 {
        self.0.count_ones()
    }

    /// Their numbers, rising.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| left.trailing_zeros() as u8)?;
            left &= left - 1;
            Some(next)
        })
    }
}

/// Numbers beyond the most are left out.
impl FromIterator<u8> for DeviceSet {
    fn from_iter<T: IntoIterator<Item = u8>>(numbers: T) -> Self {
        Self(numbers.into_iter().filter_map(|number| 1_u64.checked_shl(number.into())).fold(0, |set, bit| set | bit))
    }
}

impl From<Vec<u8>> for DeviceSet {
    fn from(numbers: Vec<u8>) -> Self {
        numbers.into_iter().collect()
    }
}

impl From<DeviceSet> for Vec<u8> {
    fn from(set: DeviceSet) -> Self {
        set.iter().collect()
    }
}

/// What the scheduler wants done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobDecision {
    /// Start a job.
    Start {
        /// Which job.
        job: JobKey,
        /// Where its members run.
        slots: Vec<Slot>,
        /// Why now.
        reason: Cow<'static, str>,
    },
    /// Stop a running job; it keeps what it holds until [`JobEvent::Stopped`], and then waits.
    Preempt {
        /// Which job.
        job: JobKey,
        /// For which other, if for one.
        for_job: Option<JobKey>,
        /// Why it.
        reason: Cow<'static, str>,
    },
    /// Let a running job have these slots instead: what it gains is its own at once, what it loses it keeps until
    /// [`JobEvent::Resized`].
    Resize {
        /// Which job.
        job: JobKey,
        /// Where its members run from now on.
        slots: Vec<Slot>,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// Refuse a job that waits, for good: it is over, and is told of no more.
    Reject {
        /// Which job.
        job: JobKey,
        /// Why.
        reason: Cow<'static, str>,
    },
}

impl JobDecision {
    /// Which job it is about.
    pub fn job(&self) -> &JobKey {
        match self {
            Self::Start { job, .. }
            | Self::Preempt { job, .. }
            | Self::Resize { job, .. }
            | Self::Reject { job, .. } => job,
        }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Start { reason, .. }
            | Self::Preempt { reason, .. }
            | Self::Resize { reason, .. }
            | Self::Reject { reason, .. } => reason,
        }
    }
}

/// What a scheduler answers: decisions in the order they are to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Decisions {
    /// In order.
    pub list: Vec<JobDecision>,
    /// When it wants to be asked again even if nothing happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Timestamp>,
}

/// A waiting job: where, and why it does not run yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Waiting {
    /// Which job.
    pub job: JobKey,
    /// Where it waits.
    pub queue: Queue,
    /// Why, for people.
    pub reason: String,
    /// When it starts at the earliest, as far as the scheduler can tell; no promise unless the scheduler makes it one.
    pub earliest: Option<Timestamp>,
}

impl Waiting {
    /// A job that waits, and why; when it will start is not known.
    pub fn new(job: JobKey, queue: Queue, reason: impl Into<String>) -> Self {
        Self { job, queue, reason: reason.into(), earliest: None }
    }
}
