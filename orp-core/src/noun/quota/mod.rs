//! Quotas: who may hold how much of a shared capacity at once, in a tree that lends and borrows.
//!
//! A budget is used up; a quota comes back. Every queue has a *nominal* share of its own; an inner node's nominal share
//! belongs to all below it together, and adds to theirs: it is no cap on them. What a queue does not use it lends, up to its
//! lending limit, to the rest of the tree; what it needs beyond its share it borrows, up to its borrowing limit. A limit that
//! is not given is unlimited, which is not zero.
//!
//! The arithmetic is that of Kueue's hierarchical cohorts (KEP-79). For a node `x` and a resource,
//! `T(x) = nominal(x) − use(x) + Σ min(lend(c), T(c))` over its children `c` is what its subtree can still give; negative, it
//! is what the subtree borrows. A demand is admitted if and only if afterwards `T(x) ≥ −borrow(x)` for the queue and all its
//! ancestors; a root has nobody to borrow from, so there `T ≥ 0`. `T` is kept for every node, so admission costs a step for
//! each level.
//!
//! | module | what stands there |
//! | --- | --- |
//! | [`spec`](QuotaSpec) | what a node is given |
//! | [`tree`](QuotaTree) | admit, take, give back, and why not |
//! | [`reclaim`](Reclaimable) | whose borrowed use can be taken back for a queue that wants its own share |
//! | [`error`](QuotaError) | what is refused |
//!
//! Rejected: keeping who lends to whom (it is enough that the balances hold, and then some assignment exists); a share of
//! the tree by weight here (fair sharing orders queues, it does not bound them: the scheduler's part); resources by name
//! (a tree for each kind of accelerator says the same, and a node's amounts stay four integers).
//!
//! ```
//! use orp_core::prelude::*;
//!
//! let gpus = |count| Capacity { gpu: GpuAmount::whole(count), ..Capacity::ZERO };
//! let queue = |name: &str| QueueName::new(name).unwrap();
//! let mut tree = QuotaTree::new(vec![
//!     QuotaSpec::new(queue("org"), Capacity::ZERO),
//!     QuotaSpec::new(queue("research"), gpus(8)).with_parent(queue("org")),
//!     QuotaSpec::new(queue("production"), gpus(8))
//!         .with_parent(queue("org"))
//!         .with_lend(CapacityLimit { gpu: Some(GpuAmount::whole(6)), ..CapacityLimit::UNLIMITED }),
//! ])?;
//! let (research, production) = (tree.id(&queue("research")).unwrap(), tree.id(&queue("production")).unwrap());
//!
//! tree.take(research, &gpus(14))?;
//! assert_eq!(tree.borrowed(research), gpus(6));
//! let refused = tree.take(research, &gpus(1)).unwrap_err();
//! assert_eq!(refused.to_string(), "quota: `org` is 1 gpu short: 0 gpu left, 1 gpu asked");
//!
//! // Production wants its share back: research holds 6 that are not its own, 2 of production's were never lent.
//! assert!(tree.admits(production, &gpus(2)) && !tree.admits(production, &gpus(8)));
//! let [from] = &tree.reclaim_candidates(production, &gpus(8))?[..] else { panic!("one candidate") };
//! assert_eq!((from.node, from.amount), (research, gpus(6)));
//! # Ok::<(), QuotaError>(())
//! ```

mod error;
mod kind;
mod reclaim;
mod spec;
mod state;
mod tree;

pub use error::{QuotaError, QuotaShortage};
pub use kind::CapacityKind;
pub use reclaim::Reclaimable;
pub use spec::{CapacityLimit, QuotaSpec};
pub use tree::{QuotaId, QuotaTree};
