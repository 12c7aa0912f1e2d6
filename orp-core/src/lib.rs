//! The nouns and contracts of Open Resource Planning (ORP).
//!
//! Everything that AI production needs — compute, data, models, tools, people — has the same life here: it is
//! registered as an [`Asset`](noun::asset::Asset), put on offer by a [provider](contract::ResourceProvider) as an
//! [`Offer`](noun::offer::Offer), asked for by a [`Claim`](noun::claim::Claim), held by a
//! [`Lease`](noun::lease::Lease), judged by [policy](contract::PolicyEngine) and charged in the
//! [`Ledger`](noun::ledger::Ledger).
//!
//! The crate has four rooms:
//!
//! | module | what stands there |
//! | --- | --- |
//! | [`mod@unit`] | amounts with a unit: money, bytes, time, devices. Checked integers, read from and printed as text |
//! | [`noun`] | the things ORP speaks of, from intent to event. Data, folds over data, and validation; no I/O |
//! | [`contract`] | the traits a host may implement: providers, planner, scheduler, policy, journal, clock |
//! | [`memory`] | one plain in-memory implementation of every contract: the reference the laws are stated on |
//!
//! This crate reads no clock, draws no random number, touches no disk and spawns nothing: time and identifiers come
//! in through [`Clock`](contract::Clock) and [`IdSource`](contract::IdSource), so the same inputs give the same bytes.
//!
//! ```
//! use orp_core::prelude::*;
//!
//! let budget: Money = "500 USD".parse()?;
//! let hourly = Price::per_hour("98.32 USD".parse()?);
//! let train: Span = "4h30m".parse()?;
//! assert!(hourly.for_span(train)? < budget);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod contract;
#[cfg(feature = "yaml")]
pub mod document;
pub mod error;
pub mod id;
pub mod memory;
pub mod noun;
pub mod unit;

/// Everything most callers need, in one `use`.
pub mod prelude {
    pub use crate::contract::*;
    #[cfg(feature = "yaml")]
    pub use crate::document::{DocumentError, Source};
    pub use crate::error::*;
    pub use crate::id::*;
    pub use crate::memory::*;
    pub use crate::noun::*;
    pub use crate::unit::*;
}
