//! Reservations: what is shown of one, and the table they are kept in.
//!
//! The table is a slab with an index of keys beside it. Closed reservations stay so that their keys still answer, oldest
//! first out once there are more than the ledger remembers. The hash is fixed, so the same operations always take the same
//! steps; nothing is ever read in the table's order.

use super::LedgerError;
use super::books::Path;
use crate::id::{BudgetName, IdempotencyKey};
use crate::unit::{Amount, Timestamp};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::ops::{Index, IndexMut};

/// An amount held for one purpose on several accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reservation {
    /// How much was reserved, with every extension.
    pub amount: Amount,
    /// How much has been charged, overrun included.
    pub charged: Amount,
    /// How much of that was charged beyond the reservation.
    pub overrun: Amount,
    /// On which accounts it was made; it is held on their ancestors too.
    pub accounts: Vec<BudgetName>,
    /// When [`Ledger::expire`](super::Ledger::expire) frees what is left of it.
    pub expires: Option<Timestamp>,
    /// Whether it holds anything, and why not.
    pub status: ReservationStatus,
}

impl Reservation {
    /// What is left to charge; nothing once it is closed.
    pub fn left(&self) -> Amount {
        match self.status {
            ReservationStatus::Open => {
                let within = self.charged.parts().saturating_sub(self.overrun.parts());
                self.amount.with_parts(self.amount.parts().saturating_sub(within))
            }
            _ => self.amount.zero(),
        }
    }
}

/// Whether a reservation holds anything, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// It holds what was not charged.
    Open,
    /// Its rest was released when the work was done.
    Settled,
    /// It was called off before anything was charged.
    Voided,
    /// Its time ran out, and its rest was released.
    Expired,
}

impl fmt::Display for ReservationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Voided => "voided",
            Self::Expired => "expired",
        })
    }
}

/// A reservation as the ledger keeps it.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    pub(super) key: IdempotencyKey,
    hash: u64,
    pub(super) path: Path,
    /// Nothing, on the reservation's meter.
    pub(super) zero: Amount,
    /// What was reserved first: a repeated request is known by it.
    pub(super) first: i64,
    pub(super) amount: i64,
    pub(super) charged: i64,
    pub(super) overrun: i64,
    pub(super) expires: Option<Timestamp>,
    pub(super) status: ReservationStatus,
}

impl Hold {
    #[inline]
    pub(super) fn new(key: IdempotencyKey, amount: Amount, path: Path, expires: Option<Timestamp>) -> Self {
        let (hash, parts) = (hash(key.as_str()), amount.parts());
        let (zero, status) = (amount.zero(), ReservationStatus::Open);
        Self { key, hash, path, zero, first: parts, amount: parts, charged: 0, overrun: 0, expires, status }
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.status == ReservationStatus::Open
    }

    /// Why a closed one cannot be used.
    pub(super) fn closed(&self) -> LedgerError {
        LedgerError::Closed { key: self.key.clone(), status: self.status }
    }

    /// What is left to charge, and therefore held.
    #[inline]
    pub(super) fn left(&self) -> i64 {
        if self.is_open() { self.amount.saturating_sub(self.charged.saturating_sub(self.overrun)) } else { 0 }
    }
}

/// A reservation's place. INVARIANT: one is made only for a reservation that is there; the place of one that is forgotten is
/// used again, and no operation keeps a place beyond its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

/// All reservations by key.
#[derive(Debug, Clone)]
pub(super) struct Holds {
    slots: Vec<Hold>,
    index: HashTable<Slot>,
    /// Places of forgotten reservations, to be used again.
    free: Vec<Slot>,
    /// Closed reservations, the oldest first.
    closed: VecDeque<Slot>,
    /// How many closed ones are kept.
    pub(super) remembered: usize,
    /// Open reservations that end by themselves, the next one first.
    expiring: BTreeSet<(Timestamp, Slot)>,
}

impl Index<Slot> for Holds {
    type Output = Hold;
    #[allow(clippy::indexing_slicing, reason = "the invariant of Slot")]
    #[inline]
    fn index(&self, slot: Slot) -> &Hold {
        &self.slots[slot.0 as usize]
    }
}

impl IndexMut<Slot> for Holds {
    #[allow(clippy::indexing_slicing, reason = "the invariant of Slot")]
    #[inline]
    fn index_mut(&mut self, slot: Slot) -> &mut Hold {
        &mut self.slots[slot.0 as usize]
    }
}

impl Holds {
    pub(super) fn new(remembered: usize) -> Self {
        let (closed, expiring) = (VecDeque::new(), BTreeSet::new());
        Self { slots: Vec::new(), index: HashTable::new(), free: Vec::new(), closed, remembered, expiring }
    }

    #[inline]
    pub(super) fn find(&self, key: &IdempotencyKey) -> Option<Slot> {
        self.index.find(hash(key.as_str()), |slot| self[*slot].key == *key).copied()
    }

    /// Adds a reservation whose key is not there.
    pub(super) fn insert(&mut self, hold: Hold) -> Result<Slot, LedgerError> {
        let (hash, expires) = (hold.hash, hold.expires.filter(|_| hold.is_open()));
        let slot = match self.free.pop() {
            Some(slot) => {
                self[slot] = hold;
                slot
            }
            None => {
                let full = LedgerError::Full(u32::MAX as usize);
                let slot = Slot(u32::try_from(self.slots.len()).map_err(|_| full)?);
                self.slots.push(hold);
                slot
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |slot| slots.get(slot.0 as usize).map_or(0, |hold| hold.hash));
        if let Some(expires) = expires {
            self.expiring.insert((expires, slot));
        }
        Ok(slot)
    }

    /// Gives an open reservation another end.
    pub(super) fn renew(&mut self, slot: Slot, expires: Timestamp) {
        if let Some(before) = self[slot].expires.replace(expires) {
            self.expiring.remove(&(before, slot));
        }
        self.expiring.insert((expires, slot));
    }

    /// Closes an open reservation, and forgets the oldest closed ones when there are too many.
    pub(super) fn close(&mut self, slot: Slot, status: ReservationStatus) {
        self[slot].status = status;
        if let Some(expires) = self[slot].expires {
            self.expiring.remove(&(expires, slot));
        }
        self.keep_closed(slot);
    }

    /// Puts a closed reservation behind those closed before it.
    pub(super) fn keep_closed(&mut self, slot: Slot) {
        self.closed.push_back(slot);
        while self.closed.len() > self.remembered {
            if let Some(oldest) = self.closed.pop_front() {
                self.forget(oldest);
            }
        }
    }

    fn forget(&mut self, slot: Slot) {
        if let Ok(entry) = self.index.find_entry(self[slot].hash, |other| *other == slot) {
            entry.remove();
        }
        self.free.push(slot);
    }

    /// The next open reservation whose time has run out.
    pub(super) fn next_expired(&self, now: Timestamp) -> Option<Slot> {
        self.expiring.first().filter(|(expires, _)| *expires <= now).map(|(_, slot)| *slot)
    }

    /// Open reservations, in the order of their keys.
    pub(super) fn open(&self) -> impl Iterator<Item = &Hold> {
        let mut open: Vec<&Hold> = self.index.iter().map(|slot| &self[*slot]).filter(|hold| hold.is_open()).collect();
        open.sort_by(|a, b| a.key.cmp(&b.key));
        open.into_iter()
    }

    /// Closed reservations, in the order they were closed.
    pub(super) fn closed(&self) -> impl Iterator<Item = &Hold> {
        self.closed.iter().map(|slot| &self[*slot])
    }
}

/// The same number for the same text, always.
#[inline]
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = foldhash::fast::FixedState::with_seed(0).build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}
