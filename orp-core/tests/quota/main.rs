//! The quota tree against what is documented of Kueue's cohorts, and against a naive recomputation.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod cases;
mod laws;

use orp_core::prelude::*;

fn queue(name: &str) -> QueueName {
    QueueName::new(name).unwrap()
}

fn cpus(count: u64) -> Capacity {
    Capacity { cpu: CpuAmount::whole(count), ..Capacity::ZERO }
}

/// A limit on cpus alone.
fn at_most(count: u64) -> CapacityLimit {
    CapacityLimit { cpu: Some(CpuAmount::whole(count)), ..CapacityLimit::UNLIMITED }
}

fn root(name: &str, nominal: u64) -> QuotaSpec {
    QuotaSpec::new(queue(name), cpus(nominal))
}

fn below(parent: &str, name: &str, nominal: u64) -> QuotaSpec {
    root(name, nominal).with_parent(queue(parent))
}
