//! Who gets what now?

mod amounts;
mod priority;

pub use priority::{PreemptivePriority, PriorityConfig};
