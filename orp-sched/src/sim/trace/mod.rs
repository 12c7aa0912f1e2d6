//! Traces of real clusters, and schedules known from elsewhere.
//!
//! Readers take bytes, line by line, and never more than a line at a time; what is packed or in files is the caller's to
//! open. Every error names the trace, the line, what stands there and what was expected.

pub mod batsim;
mod lines;
pub mod philly;
pub mod swf;

pub use lines::TraceError;

use orp_core::id::NodeName;
use orp_core::noun::{Capacity, Labels, Node};

/// So many equal nodes, named `prefix` and a number from 0.
pub fn uniform(prefix: &str, count: u32, capacity: Capacity) -> Vec<Node> {
    let node = |at| Some(Node { name: NodeName::new(format!("{prefix}{at}")).ok()?, capacity, labels: Labels::new() });
    (0..count).filter_map(node).collect()
}
