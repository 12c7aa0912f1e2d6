//! One plain in-memory implementation of every contract: what the laws are stated on, and what tests are built with.
//!
//! | contract | here |
//! | --- | --- |
//! | `ResourceProvider` and the trait of each pillar | [`MemoryProvider`] |
//! | `DeviceBackend` | [`MemoryDevices`] |
//! | `Planner`, `Estimator` | [`MemoryPlanner`], [`MemoryEstimator`] |
//! | `Scheduler` | [`MemoryScheduler`] |
//! | `PolicyEngine` | [`MemoryPolicy`] |
//! | `Detector` | [`MemoryDetector`] |
//! | `Journal`, `AssetStore` | [`MemoryJournal`], [`MemoryAssets`] |
//! | `IntentInterpreter` | [`MemoryInterpreter`] |
//! | `Clock`, `IdSource` | [`ManualClock`], [`SeededIds`] |
//!
//! Nothing here is durable and nothing is fast on purpose; each is as short as its laws allow.

mod detect;
mod device;
mod estimator;
mod interpreter;
mod planner;
mod policy;
mod provider;
mod scheduler;
mod store;
mod time;

pub use detect::MemoryDetector;
pub use device::MemoryDevices;
pub use estimator::MemoryEstimator;
pub use interpreter::MemoryInterpreter;
pub use planner::MemoryPlanner;
pub use policy::MemoryPolicy;
pub use provider::MemoryProvider;
pub use scheduler::MemoryScheduler;
pub use store::{MemoryAssets, MemoryJournal};
pub use time::{ManualClock, SeededIds};

use crate::id::IdError;

/// A name written in this crate: it is one by inspection.
#[allow(clippy::expect_used, reason = "INVARIANT: only called with literals that are names, each covered by a test")]
fn literal<T>(text: &str, new: impl Fn(String) -> Result<T, IdError>) -> T {
    new(text.into()).expect("a literal that is a name")
}
