//! The room that is left of a limit: what nodes and quotas have in common.

use crate::scheduler::amounts::Amounts;

/// As what something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// By a job that runs.
    Running,
    /// By a job that was told to stop and has not yet.
    Stopping,
    /// For a job that waits until others have stopped.
    Promised,
}

/// A limit, of a node or of a tenant's quota, and what is taken of it.
///
/// Promises are kept out of what stopping jobs still hold, so the two overlap: INVARIANT: `running + stopping` (what is
/// held now) and `running + promised` (what will be held) are both within the limit, unless the limit was lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    limit: Amounts,
    running: Amounts,
    stopping: Amounts,
    promised: Amounts,
}

impl Room {
    pub(super) const UNLIMITED: Self = Self::new(Amounts::MAX);

    pub(super) const fn new(limit: Amounts) -> Self {
        Self { limit, running: Amounts::ZERO, stopping: Amounts::ZERO, promised: Amounts::ZERO }
    }

    pub(super) fn limit(&self) -> Amounts {
        self.limit
    }

    pub(super) fn set_limit(&mut self, limit: Amounts) {
        self.limit = limit;
    }

    /// What is held or promised, whichever is more.
    pub(super) fn taken(&self) -> Amounts {
        self.running.plus(self.stopping.most(self.promised))
    }

    /// What can be given now.
    pub(super) fn free(&self) -> Amounts {
        self.limit.minus(self.taken())
    }

    /// What will be held when all that stops has stopped and all promises are kept.
    pub(super) fn committed(&self) -> Amounts {
        self.running.plus(self.promised)
    }

    /// Whether the limit was lowered below what runs and is promised, of a kind that is asked for.
    pub(super) fn is_overdrawn(&self, asked: &Amounts) -> bool {
        let over = self.committed().exceeding(&self.limit);
        over.least(*asked) != Amounts::ZERO
    }

    pub(super) fn is_unused(&self) -> bool {
        [self.running, self.stopping, self.promised].iter().all(|sum| *sum == Amounts::ZERO)
    }

    pub(super) fn add(&mut self, hold: Hold, amounts: Amounts) {
        let sum = self.sum(hold);
        *sum = sum.plus(amounts);
    }

    pub(super) fn remove(&mut self, hold: Hold, amounts: Amounts) {
        let sum = self.sum(hold);
        *sum = sum.minus(amounts);
    }

    fn sum(&mut self, hold: Hold) -> &mut Amounts {
        match hold {
            Hold::Running => &mut self.running,
            Hold::Stopping => &mut self.stopping,
            Hold::Promised => &mut self.promised,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::noun::Capacity;
    use orp_core::unit::{CpuAmount, GpuAmount};

    fn cpu(cores: u64) -> Amounts {
        Amounts::from(&Capacity { cpu: CpuAmount::whole(cores), ..Capacity::ZERO })
    }

    #[test]
    fn promises_are_kept_out_of_what_stops() {
        let mut room = Room::new(cpu(4));
        room.add(Hold::Running, cpu(1));
        room.add(Hold::Stopping, cpu(3));
        room.add(Hold::Promised, cpu(2));
        assert_eq!((room.free(), room.committed()), (cpu(0), cpu(3)));
        room.remove(Hold::Stopping, cpu(3));
        assert_eq!(room.free(), cpu(1), "of what was vacated, the promised 2 are not free");
        room.set_limit(cpu(2));
        let gpu = Capacity { gpu: GpuAmount::from_milli(1), ..Capacity::ZERO };
        assert!(room.is_overdrawn(&cpu(1)) && !room.is_overdrawn(&Amounts::from(&gpu)));
    }
}
