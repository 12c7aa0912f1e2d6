//! The traits a host may implement.
//!
//! Each is small and object-safe; each states laws with identifiers (`PROV-1` …) that `orp-conformance` tests, and has a
//! plain reference implementation in [`crate::memory`].
//!
//! | trait | answers |
//! | --- | --- |
//! | [`ResourceProvider`] | what can you give now? |
//! | [`ComputeProvider`], [`DataProvider`], [`ModelProvider`], [`ToolProvider`], [`TalentProvider`] | what can be done with it, by pillar |
//! | [`DeviceBackend`] | which devices are there, how are they, and who holds what of their memory? |
//! | [`Planner`], [`Estimator`] | what would do? how long, how dear, how good? |
//! | [`Scheduler`] | who gets what now? |
//! | [`PolicyEngine`] | may it? |
//! | [`Detector`] | what in this text is not for everyone? |
//! | [`Journal`], [`AssetStore`] | what happened? what do we have? |
//! | [`IntentInterpreter`] | what do these words want? |
//! | [`Clock`], [`IdSource`] | when is it? what is its name? |

mod decide;
mod detect;
mod device;
mod provider;
mod store;
mod time;

pub use decide::*;
pub use detect::*;
pub use device::*;
pub use provider::*;
pub use store::*;
pub use time::*;
