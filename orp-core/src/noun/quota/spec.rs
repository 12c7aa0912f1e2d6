//! What a node of the tree is given.

use super::kind::{MOST, Parts, UNLIMITED};
use crate::id::QueueName;
use crate::noun::Capacity;
use crate::unit::{Bytes, CpuAmount, GpuAmount};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A limit on each kind of capacity; a kind without one is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CapacityLimit {
    /// Processor cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuAmount>,
    /// Main memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Local disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Bytes>,
    /// Accelerators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuAmount>,
}

impl CapacityLimit {
    /// No limit on anything.
    pub const UNLIMITED: Self = Self { cpu: None, memory: None, disk: None, gpu: None };

    /// Nothing of anything.
    pub const NOTHING: Self = Self::at_most(Capacity::ZERO);

    /// At most so much of everything.
    pub const fn at_most(capacity: Capacity) -> Self {
        let Capacity { cpu, memory, disk, gpu } = capacity;
        Self { cpu: Some(cpu), memory: Some(memory), disk: Some(disk), gpu: Some(gpu) }
    }

    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::UNLIMITED
    }

    /// A limit above all that a tree can share limits nothing.
    pub(super) fn parts(&self) -> Parts {
        let Self { cpu, memory, disk, gpu } = self;
        let limits =
            [cpu.map(CpuAmount::milli), memory.map(Bytes::get), disk.map(Bytes::get), gpu.map(GpuAmount::milli)];
        limits
            .map(|limit| limit.and_then(|parts| i64::try_from(parts).ok()).filter(|p| *p <= MOST).unwrap_or(UNLIMITED))
    }
}

impl fmt::Display for CapacityLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, memory, disk, gpu } = self;
        let parts = [
            cpu.map(|cpu| format!("{cpu} cpu")),
            memory.map(|memory| format!("{memory} memory")),
            disk.map(|disk| format!("{disk} disk")),
            gpu.map(|gpu| format!("{gpu} gpu")),
        ];
        let limited: Vec<String> = parts.iter().flatten().cloned().collect();
        match limited.len() {
            0 => f.pad("unlimited"),
            4 => f.pad(&limited.join(", ")),
            _ => f.pad(&format!("{}, otherwise unlimited", limited.join(", "))),
        }
    }
}

/// One node of a quota tree: a queue, or a group of queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct QuotaSpec {
    /// Which.
    pub name: QueueName,
    /// The group it belongs to; a root has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<QueueName>,
    /// Its own share. A group's own share is for all below it, and adds to theirs.
    #[serde(default)]
    pub nominal: Capacity,
    /// The most that it, with all below it, may hold beyond its share; a root cannot borrow.
    #[serde(default, skip_serializing_if = "CapacityLimit::is_unlimited")]
    pub borrow: CapacityLimit,
    /// The most that the rest of the tree may hold of what it, with all below it, does not use; a root has nobody to lend to.
    #[serde(default, skip_serializing_if = "CapacityLimit::is_unlimited")]
    pub lend: CapacityLimit,
}

impl QuotaSpec {
    /// A root with a share of its own.
    pub fn new(name: QueueName, nominal: Capacity) -> Self {
        let (borrow, lend) = (CapacityLimit::UNLIMITED, CapacityLimit::UNLIMITED);
        Self { name, parent: None, nominal, borrow, lend }
    }

    /// The same below a group.
    pub fn with_parent(mut self, parent: QueueName) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The same with a limit on what it borrows.
    pub fn with_borrow(mut self, borrow: CapacityLimit) -> Self {
        self.borrow = borrow;
        self
    }

    /// The same with a limit on what it lends.
    pub fn with_lend(mut self, lend: CapacityLimit) -> Self {
        self.lend = lend;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_is_not_zero() {
        let gpu = CapacityLimit { gpu: Some(GpuAmount::whole(2)), ..CapacityLimit::UNLIMITED };
        for (limit, shown, json) in [
            (CapacityLimit::UNLIMITED, "unlimited", "{}"),
            (gpu, "2 gpu, otherwise unlimited", r#"{"gpu":"2"}"#),
            (
                CapacityLimit::NOTHING,
                "0 cpu, 0 B memory, 0 B disk, 0 gpu",
                r#"{"cpu":"0","memory":"0 B","disk":"0 B","gpu":"0"}"#,
            ),
        ] {
            assert_eq!(limit.to_string(), shown);
            assert_eq!(serde_json::to_string(&limit).unwrap(), json);
            assert_eq!(serde_json::from_str::<CapacityLimit>(json).unwrap(), limit);
        }
        assert_eq!(gpu.parts(), [UNLIMITED, UNLIMITED, UNLIMITED, 2000]);
        assert_eq!(CapacityLimit::NOTHING.parts(), [0; 4]);
    }
}
