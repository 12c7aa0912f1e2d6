//! The four kinds of capacity, one at a time.

use crate::noun::Capacity;
use crate::unit::{Bytes, CpuAmount, GpuAmount};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most of one kind that a tree shares, in its smallest part: sums of a few such stay within 64 bits.
pub(super) const MOST: i64 = i64::MAX / 8;

/// More than any use: what an unlimited limit is reckoned with.
pub(super) const UNLIMITED: i64 = i64::MAX / 2;

/// Amounts of every kind in its smallest part, in the order of [`CapacityKind::ALL`].
pub(super) type Parts = [i64; 4];

/// One kind of what a [`Capacity`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityKind {
    /// Processor cores, in thousandths.
    Cpu,
    /// Bytes of main memory.
    Memory,
    /// Bytes of local disk.
    Disk,
    /// Accelerators, in thousandths.
    Gpu,
}

impl CapacityKind {
    /// All of them, in the order a capacity lists them.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Disk, Self::Gpu];

    /// So many smallest parts of this kind, for people.
    pub(super) fn shown(self, parts: i64) -> String {
        let (sign, parts) = (if parts < 0 { "-" } else { "" }, parts.unsigned_abs());
        match self {
            Self::Cpu => format!("{sign}{} cpu", CpuAmount::from_milli(parts)),
            Self::Memory => format!("{sign}{} memory", Bytes::new(parts)),
            Self::Disk => format!("{sign}{} disk", Bytes::new(parts)),
            Self::Gpu => format!("{sign}{} gpu", GpuAmount::from_milli(parts)),
        }
    }
}

impl fmt::Display for CapacityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Gpu => "gpu",
        })
    }
}

/// A demand as parts. More than any tree shares counts as just that: it is refused everywhere, and nothing overflows.
#[inline]
pub(super) fn parts(capacity: &Capacity) -> Parts {
    let Capacity { cpu, memory, disk, gpu } = capacity;
    [cpu.milli(), memory.get(), disk.get(), gpu.milli()]
        .map(|parts| i64::try_from(parts).map_or(MOST + 1, |p| p.min(MOST + 1)))
}

/// Parts as a capacity; what is below zero is nothing.
pub(super) fn capacity(parts: Parts) -> Capacity {
    let [cpu, memory, disk, gpu] = parts.map(|parts| u64::try_from(parts).unwrap_or(0));
    Capacity {
        cpu: CpuAmount::from_milli(cpu),
        memory: Bytes::new(memory),
        disk: Bytes::new(disk),
        gpu: GpuAmount::from_milli(gpu),
    }
}

/// Member by member.
#[inline]
pub(super) fn zip(left: Parts, right: Parts, with: impl Fn(i64, i64) -> i64) -> Parts {
    std::array::from_fn(|at| match (left.get(at), right.get(at)) {
        (Some(left), Some(right)) => with(*left, *right),
        _ => 0,
    })
}
