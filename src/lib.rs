#![doc = include_str!("../README.md")]

pub mod audit;
mod control;
mod error;
pub mod governance;
mod host;
mod lock;
mod orp;
pub mod process;
pub mod provider;
pub mod report;
pub mod schema;
pub mod store;
pub mod time;

pub use control::{Declassified, OrpEvent, Settings};
pub use error::OrpError;
pub use host::TaskContext;
pub use orp::{Orp, OrpBuilder, PlanAnswer, RunAnswer, RunHandle, read_intent};
pub use orp_core as core;
pub use orp_cuda as cuda;
pub use orp_policy as policy;
pub use orp_sched as sched;

/// Everything a host needs, in one `use`.
pub mod prelude {
    pub use crate::provider::{local::LocalProvider, market::MarketProvider};
    pub use crate::{
        Orp, OrpBuilder, OrpError, OrpEvent, PlanAnswer, RunAnswer, RunHandle, Settings, TaskContext, read_intent,
    };
    pub use futures_util::StreamExt;
    pub use orp_core::prelude::*;
    pub use orp_policy::PolicySet;
}
