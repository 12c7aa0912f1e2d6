//! The things ORP speaks of, in the order an intent meets them.
//!
//! | module | nouns |
//! | --- | --- |
//! | [`label`] | data classes, labels, name patterns |
//! | [`asset`] | what is registered: versions, digests, owners, lineage |
//! | [`offer`] | what a provider can give now, of each of the five pillars |
//! | [`network`] | what it costs and takes to move data between places |
//! | [`claim`] | what a task needs of one pillar |
//! | [`intent`] | goal, hard constraints, preferences; with a builder |
//! | [`recipe`] | a reusable workflow template for a goal |
//! | [`workflow`] | the acyclic graph of tasks |
//! | [`plan`] | tasks bound to offers, estimates, the frontier, and why nothing fits |
//! | [`policy`] | what policy is asked, and what it answers |
//! | [`obligation`] | what a permit asks for in return |
//! | [`approval`] | people who say yes to one thing |
//! | [`ledger`] | budgets with two-phase reservations |
//! | [`quota`] | shares of a common capacity, lent and borrowed in a tree |
//! | [`job`] | what the scheduler sees, and what it decides |
//! | [`lease`] | a granted offer |
//! | [`execution`] | a task as a process: how it is launched, and how it ends |
//! | [`event`] | the facts of the journal |
//! | [`run`] | the state of a run, folded from events |

pub mod approval;
pub mod asset;
pub mod claim;
pub mod event;
pub mod execution;
pub mod intent;
pub mod job;
pub mod label;
pub mod lease;
pub mod ledger;
pub mod network;
pub mod obligation;
pub mod offer;
pub mod plan;
pub mod policy;
pub mod quota;
pub mod recipe;
pub mod run;
pub mod workflow;

pub use approval::*;
pub use asset::*;
pub use claim::*;
pub use event::*;
pub use execution::*;
pub use intent::*;
pub use job::*;
pub use label::*;
pub use lease::*;
pub use ledger::*;
pub use network::*;
pub use obligation::*;
pub use offer::*;
pub use plan::*;
pub use policy::*;
pub use quota::*;
pub use recipe::*;
pub use run::*;
pub use workflow::*;
