//! What a simulation is given: nodes, jobs with their true run times, and what happens to nodes.

use orp_core::id::{NodeName, Tenant};
use orp_core::noun::{Capacity, Job, Node, QuotaSpec};
use orp_core::unit::{Span, Timestamp};
use std::sync::Arc;

/// A job, and what only the simulator knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The job as the scheduler sees it.
    pub job: Arc<Job>,
    /// How long it really runs, on the accelerators it is fastest on.
    pub run: Span,
}

/// What happens to the cluster.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A node is gone; what ran there is lost.
    Lost(NodeName),
    /// A node came, or came back.
    Came(Node),
}

/// What is simulated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Workload {
    /// What it is called in reports.
    pub name: String,
    /// The nodes at the beginning, in the order ties are broken by.
    pub nodes: Vec<Node>,
    /// The jobs; they come at the time they were submitted, at equal times in this order.
    pub work: Vec<Work>,
    /// Caps of tenants.
    pub quotas: Vec<(Tenant, Capacity)>,
    /// The quota tree.
    pub shares: Vec<QuotaSpec>,
    /// What happens to nodes, and when.
    pub changes: Vec<(Timestamp, Change)>,
}
