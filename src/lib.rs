//! The control plane of Open Resource Planning.

pub mod process;
pub mod provider;
pub mod report;
pub mod store;
pub mod time;
