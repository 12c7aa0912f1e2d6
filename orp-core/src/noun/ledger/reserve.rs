//! Holding amounts: reserve, extend, renew.

use super::books::{BookId, Path};
use super::reservation::{Hold, Slot};
use super::{Exceeded, Ledger, LedgerError, not_negative};
use crate::id::{BudgetName, IdempotencyKey};
use crate::unit::{Amount, Timestamp};

impl Ledger {
    /// Reserves `amount` on every account and all their ancestors, each once, or on none. While the reservation is open,
    /// the same key with the same amount and accounts again changes nothing, whatever it says of the end.
    ///
    /// It ends by itself at the first [`Ledger::expire`] from `expires` on; without one, when it is settled or voided.
    ///
    /// # Errors
    /// [`LedgerError::Exceeded`] with every account that is short; [`LedgerError::Closed`] when the key's reservation is
    /// closed, so that what this permits is always held; [`LedgerError::Conflict`] when the key holds something else.
    pub fn reserve(
        &mut self,
        key: IdempotencyKey,
        amount: impl Into<Amount>,
        accounts: &[BudgetName],
        expires: Option<Timestamp>,
    ) -> Result<(), LedgerError> {
        let amount = amount.into();
        not_negative(amount)?;
        let path = self.books.path(accounts)?;
        if let Some(slot) = self.holds.find(&key) {
            return repeated(&self.holds[slot], amount, &path);
        }
        self.check_room(&path, amount)?;
        let slot = self.holds.insert(Hold::new(key, amount, path, expires))?;
        for id in self.holds[slot].path.ids() {
            self.books[*id].reserved += amount.parts();
        }
        Ok(())
    }

    /// Raises a reservation by `more` on all its accounts, or on none. Not idempotent: [`Ledger::extend_to`] is.
    ///
    /// # Errors
    /// As [`Ledger::reserve`].
    pub fn extend(&mut self, key: &IdempotencyKey, more: impl Into<Amount>) -> Result<(), LedgerError> {
        let (slot, more) = (self.open_slot(key)?, more.into());
        self.extend_slot(slot, more)
    }

    /// Raises a reservation to `total` in all, if it is below that; idempotent.
    ///
    /// # Errors
    /// As [`Ledger::reserve`]; [`LedgerError::Backwards`] when it is above `total`.
    pub fn extend_to(&mut self, key: &IdempotencyKey, total: impl Into<Amount>) -> Result<(), LedgerError> {
        let (slot, total) = (self.open_slot(key)?, total.into());
        let held = &self.holds[slot];
        let more = left_until(held, held.amount, total)?;
        self.extend_slot(slot, more)
    }

    /// Lets a reservation end later. One that would end later already, or never, stays as it is; idempotent.
    ///
    /// # Errors
    /// [`LedgerError::UnknownReservation`], [`LedgerError::Closed`].
    pub fn renew(&mut self, key: &IdempotencyKey, expires: Timestamp) -> Result<(), LedgerError> {
        let slot = self.open_slot(key)?;
        if self.holds[slot].expires.is_some_and(|before| before < expires) {
            self.holds.renew(slot, expires);
        }
        Ok(())
    }

    fn extend_slot(&mut self, slot: Slot, more: Amount) -> Result<(), LedgerError> {
        not_negative(more)?;
        let held = &self.holds[slot];
        let amount = held.zero.with_parts(held.amount).checked_add(more)?.parts();
        self.check_room(&held.path, more)?;
        for id in held.path.ids() {
            self.books[*id].reserved += more.parts();
        }
        self.holds[slot].amount = amount;
        Ok(())
    }

    #[inline]
    pub(super) fn slot(&self, key: &IdempotencyKey) -> Result<Slot, LedgerError> {
        self.holds.find(key).ok_or_else(|| LedgerError::UnknownReservation(key.clone()))
    }

    fn open_slot(&self, key: &IdempotencyKey) -> Result<Slot, LedgerError> {
        let slot = self.slot(key)?;
        let held = &self.holds[slot];
        if held.is_open() { Ok(slot) } else { Err(held.closed()) }
    }

    /// Whether every account has so much left. What passes can be added to each: `spent + reserved ≤ limit` fits.
    fn check_room(&self, path: &Path, asked: Amount) -> Result<(), LedgerError> {
        let fits = |id: &BookId| self.books[*id].has_room(asked);
        if path.ids().iter().all(fits) { Ok(()) } else { Err(self.why_no_room(path, asked)) }
    }

    #[cold]
    fn why_no_room(&self, path: &Path, asked: Amount) -> LedgerError {
        let books = || path.ids().iter().map(|id| &self.books[*id]);
        match books().find_map(|book| asked.checked_add(book.zero).err()) {
            Some(error) => error.into(),
            None => Exceeded::of(books().filter(|book| !book.has_room(asked)).map(|book| book.shortage(asked))),
        }
    }
}

/// The answer to a key that is known.
fn repeated(held: &Hold, amount: Amount, path: &Path) -> Result<(), LedgerError> {
    let same = held.zero.with_parts(held.first) == amount && held.path.named() == path.named();
    match (same, held.is_open()) {
        (true, true) => Ok(()),
        (true, false) => Err(held.closed()),
        (false, _) => Err(LedgerError::Conflict(held.key.clone())),
    }
}

/// How much is missing until `total` when a reservation stands at `now`.
pub(super) fn left_until(held: &Hold, now: i64, total: Amount) -> Result<Amount, LedgerError> {
    let now = held.zero.with_parts(now);
    let more = total.checked_sub(now)?;
    if more.is_negative() { Err(LedgerError::Backwards { key: held.key.clone(), now, asked: total }) } else { Ok(more) }
}
