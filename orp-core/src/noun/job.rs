//! What the scheduler sees, and what it decides.
//!
//! The three queues of an operating system are visible: a job waits in the *job* queue for its tenant's quota, in the
//! *ready* queue for capacity, in the *device* queue for one device, tool or person that another job holds.

use super::{Capacity, Labels};
use crate::id::{DeviceId, IdempotencyKey, NodeName, Tenant};
use crate::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// How long it is believed to run.
    pub expected: Option<Span>,
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
        }
    }
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
    /// Its nodes, in the order ties are broken by.
    pub nodes: Vec<Node>,
    /// The most of its capacity a tenant may hold at once; a tenant not named here may hold all of it.
    pub quotas: Vec<(Tenant, Capacity)>,
}

impl ClusterView {
    /// A cluster of these nodes, without quotas.
    pub fn new(nodes: Vec<Node>) -> Self {
        Self { nodes, quotas: Vec::new() }
    }
}

/// What happened since the scheduler last decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobEvent {
    /// A job came.
    Submitted(Job),
    /// A job that ran is over, or one that waited is withdrawn: what it held is free.
    Ended(JobKey),
    /// A job that was to be preempted has stopped: what it held is free, and it waits again.
    Stopped(JobKey),
    /// A node is gone; what ran there waits again.
    NodeLost(NodeName),
}

/// What the scheduler wants done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobDecision {
    /// Start a job: one node for each member.
    Start {
        /// Which job.
        job: JobKey,
        /// A node for each member.
        nodes: Vec<NodeName>,
        /// Why now.
        reason: String,
    },
    /// Stop a running job, so that another can start; it keeps what it holds until [`JobEvent::Stopped`].
    Preempt {
        /// Which job.
        job: JobKey,
        /// For which other.
        for_job: JobKey,
        /// Why it.
        reason: String,
    },
}

/// What a scheduler answers: decisions in the order they are to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Decisions {
    /// In order.
    pub list: Vec<JobDecision>,
}

/// A waiting job: where, and why it does not run yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which job.
    pub job: JobKey,
    /// Where it waits.
    pub queue: Queue,
    /// Why, for people.
    pub reason: String,
}
