//! Providers that come with the SDK.

pub mod local;
pub mod market;
