//! The laws of every Open Resource Planning contract as callable tests, for those who implement one.
//!
//! The documentation of each trait in [`orp_core::contract`] states laws with identifiers (`COMP-1` …). Here each law is a
//! function, and each contract has a suite that tries all of its laws and returns a [`Report`]: which hold, which could not
//! be tried and why, which are broken and what was seen. A provider is held to what it declares in its
//! [`Capabilities`](orp_core::contract::Capabilities): laws of what it does not declare are skipped, visibly.
//!
//! | contract | suite | needs |
//! | --- | --- | --- |
//! | `Clock`, `IdSource` | [`clock_suite`], [`ids_suite`] | the thing itself |
//! | `ResourceProvider` | [`provider_suite`] | the provider |
//! | `ComputeProvider` | [`compute_suite`] | a [`ComputeHarness`] |
//! | `DataProvider`, `ModelProvider` | [`data_suite`], [`model_suite`] | a [`DataHarness`], a [`ModelHarness`] |
//! | `ToolProvider`, `TalentProvider` | [`tool_suite`], [`talent_suite`] | a [`ToolHarness`], a [`TalentHarness`] |
//! | `DeviceBackend` | [`device_suite`] | the backend |
//! | `Planner`, `Estimator` | [`planner_suite`], [`estimator_suite`] | it, and more problems; it, and machines it knows |
//! | `Scheduler` | [`scheduler_suite`] | what makes one |
//! | `PolicyEngine` | [`policy_suite`] | what makes one, and requests |
//! | `Detector` | [`detector_suite`] | it, and texts in which it finds something |
//! | `Journal`, `AssetStore` | [`journal_suite`], [`assets_suite`] | a [`JournalHarness`], the store |
//! | `IntentInterpreter` | [`interpreter_suite`] | it, and words |
//!
//! Suites of what waits are `async` and run on whatever executor the implementation needs. Where a law needs to see from
//! outside what the contract does not show (how often a program was started, say), the harness tells; what it cannot tell is
//! not tried. In a test:
//!
//! ```
//! use orp_conformance::{LawId, clock_suite};
//! use orp_core::memory::ManualClock;
//!
//! let report = clock_suite(&ManualClock::default());
//! report.assert_ok();
//! assert_eq!(report.passed, [LawId::new("CLOCK-1").unwrap()]);
//! ```
//!
//! A suite is worth what it catches: the tests of this crate break every law on purpose, and see it caught by that law and
//! no other. A worked example of somebody else's provider is `examples/own_provider.rs` of the `orp-sdk` package.

mod bench;
pub mod compute;
pub mod data;
pub mod detect;
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
pub use detect::detector_suite;
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
