//! Who gets what now?
//!
//! A scheduler is a deterministic state machine behind [`orp_core::contract::Scheduler`]. [`Composed`] is one of replaceable
//! parts; [`PreemptivePriority`] is the control plane's default.
//!
//! | part | question | built in |
//! | --- | --- | --- |
//! | [`Order`] | whose turn is it? | [`Fifo`], [`ShortestFirst`], [`ShortestRemaining`] |
//! | [`Admission`] | may it have so much? | [`Quotas`]: caps of tenants, and the quota tree |
//! | [`Placement`] | where do members go? | [`BestFit`], [`WorstFit`], [`Consolidate`] |
//! | [`Planning`] | who starts, who stops? | [`Greedy`], [`Backfill`], [`Reselect`] |

mod admit;
mod amounts;
mod cluster;
mod composed;
mod desk;
mod order;
mod pace;
mod place;
mod plan;
pub mod priority;
mod queue;
mod task;

pub use admit::{Admission, Quotas};
pub use amounts::Amounts;
pub use cluster::{Cluster, Demand, NodeState, Rank, Spot};
pub use composed::Composed;
pub use desk::{Desk, Refusal};
pub use order::{Fifo, Order, ShortestFirst, ShortestRemaining};
pub use pace::Pace;
pub use place::{BestFit, Consolidate, Placement, WorstFit};
pub use plan::{Backfill, Greedy, Planning, Reselect};
pub use priority::{PreemptivePriority, PriorityConfig};
pub use queue::WaitQueue;
pub use task::{Phase, Task, TaskId};
