//! What would happen? A simulator of discrete events around any [`Scheduler`](orp_core::contract::Scheduler).
//!
//! The scheduler that decides here is the one that decides live: it is told events and answers with decisions, and cannot
//! tell the difference. Time is an integer, in microseconds. What happens at the same time happens in this order: jobs end and
//! stop, nodes come and go, jobs come; then the scheduler is asked, again for as long as what it decides makes something
//! happen at that same time.
//!
//! Every decision is checked against an account of its own: a scheduler that gives more than there is gets an error, not a
//! metric.

mod account;
mod engine;
mod metrics;
mod outcome;
pub mod trace;
mod workload;

pub use account::Invalid;
pub use engine::{Progress, SimConfig, SimError, Simulation};
pub use metrics::{Metrics, Spread};
pub use outcome::{Outcome, Record, Sample};
pub use workload::{Change, Work, Workload};
