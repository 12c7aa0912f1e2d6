//! One plain in-memory implementation of every contract: what the laws are stated on, and what tests are built with.
//!
//! Nothing here is durable and nothing is fast on purpose; each is as short as its laws allow.

mod provider;
mod store;
mod time;

pub use provider::MemoryProvider;
pub use store::{MemoryAssets, MemoryJournal};
pub use time::{ManualClock, SeededIds};
