//! The laws of every Open Resource Planning contract as callable tests, for those who implement one.

mod bench;
pub mod compute;
pub mod data;
pub mod device;
pub mod estimator;
pub mod interpreter;
mod law;
pub mod model;
pub mod planner;
pub mod policy;
pub mod provider;
mod report;
pub mod scheduler;
pub mod store;
pub mod time;
pub mod work;

pub use compute::{ComputeHarness, compute_suite};
pub use data::{DataHarness, data_suite};
pub use device::device_suite;
pub use estimator::estimator_suite;
pub use interpreter::interpreter_suite;
pub use law::LawId;
pub use model::{ModelHarness, model_suite};
pub use planner::planner_suite;
pub use policy::policy_suite;
pub use provider::provider_suite;
pub use report::{Fault, Report, Verdict, Violation};
pub use scheduler::scheduler_suite;
pub use store::{JournalHarness, assets_suite, journal_suite};
pub use time::{clock_suite, ids_suite};
pub use work::{TalentHarness, ToolHarness, talent_suite, tool_suite};
