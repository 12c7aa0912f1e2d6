//! Capacities as plain numbers.

use orp_core::noun::Capacity;
use orp_core::unit::{Bytes, CpuAmount, GpuAmount};

/// A [`Capacity`] as numbers: accelerators, cores (both in thousandths), memory and disk (bytes).
///
/// What is dearest comes first, so the derived order is the order of *fewest left over*: of two nodes that hold the same
/// demand, the one with the smaller free amounts has the smaller rest, and work without accelerators goes to nodes without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amounts([u64; 4]);

impl Amounts {
    /// Nothing of anything.
    pub const ZERO: Self = Self([0; 4]);
    /// More than there is of everything.
    pub const MAX: Self = Self([u64::MAX; 4]);

    fn each(self, other: Self, both: impl Fn(u64, u64) -> u64) -> Self {
        let mut kinds = self.0;
        kinds.iter_mut().zip(other.0).for_each(|(kind, other)| *kind = both(*kind, other));
        Self(kinds)
    }

    /// The sum, saturating.
    pub fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// The difference, zero where it would be below.
    pub fn minus(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    /// Of each kind the larger.
    pub fn most(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    /// Of each kind the smaller.
    pub fn least(self, other: Self) -> Self {
        self.each(other, u64::min)
    }

    /// So many times, saturating.
    pub fn times(self, count: u32) -> Self {
        self.each(Self::ZERO, |kind, _| kind.saturating_mul(count.into()))
    }

    /// So many times, if that can be counted.
    pub fn checked_times(self, count: u32) -> Option<Self> {
        self.0.iter().all(|kind| kind.checked_mul(count.into()).is_some()).then(|| self.times(count))
    }

    /// Whether of each kind `other` has at least as much.
    pub fn fits_in(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(kind, other)| *kind <= other)
    }

    /// How many demands of this size `self` holds, at most `most`.
    pub fn holds(&self, demand: &Self, most: u32) -> u32 {
        let each = self.0.iter().zip(demand.0).filter(|(_, demand)| *demand > 0).map(|(kind, demand)| kind / demand);
        each.min().map_or(most, |count| u32::try_from(count).unwrap_or(most).min(most))
    }

    /// The kinds of which `self` has more than `other`; of the rest nothing.
    pub fn exceeding(self, other: &Self) -> Self {
        self.each(*other, |kind, other| if kind > other { kind } else { 0 })
    }

    /// How much of a demand is there, in thousandths of the kind of which the least is, at most all.
    pub fn share_of(&self, demand: &Self) -> u64 {
        let asked = self.0.iter().zip(demand.0).filter(|(_, demand)| *demand > 0);
        asked.map(|(kind, demand)| kind.saturating_mul(1_000) / demand).fold(1_000, u64::min)
    }

    /// In words, only the kinds that `asked` has some of: `2 cpu, 8 GB`.
    pub fn words(&self, asked: &Self) -> String {
        let [gpu, cpu, memory, disk] = self.0;
        let [has_gpu, has_cpu, has_memory, has_disk] = asked.0.map(|kind| kind > 0);
        let parts = [
            has_cpu.then(|| format!("{} cpu", CpuAmount::from_milli(cpu))),
            has_memory.then(|| Bytes::new(memory).to_string()),
            has_disk.then(|| format!("{} disk", Bytes::new(disk))),
            has_gpu.then(|| format!("{} gpu", GpuAmount::from_milli(gpu))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
    }
}

impl From<&Capacity> for Amounts {
    fn from(capacity: &Capacity) -> Self {
        Self([capacity.gpu.milli(), capacity.cpu.milli(), capacity.memory.get(), capacity.disk.get()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_count_and_compare_kind_by_kind() {
        let node = Amounts([8_000, 4_000, 100, 0]);
        for (demand, members) in [
            (Amounts([1_000, 1_000, 10, 0]), 4),
            (Amounts([0, 0, 30, 0]), 3),
            (Amounts([0, 0, 0, 1]), 0),
            (Amounts::ZERO, 64),
            (Amounts([u64::MAX; 4]), 0),
        ] {
            assert_eq!(node.holds(&demand, 64), members, "{demand:?}");
        }
        assert_eq!(node.share_of(&Amounts([16_000, 1_000, 0, 0])), 500);
        assert_eq!(Amounts::MAX.checked_times(2), None);
        assert_eq!(node.words(&Amounts([1, 1, 0, 0])), "4 cpu, 8 gpu");
        assert_eq!(node.words(&Amounts::ZERO), "nothing");
    }
}
