//! Spending what is held, and letting go of the rest: charge, commit, settle, void, expire.

use super::books::Books;
use super::reservation::{Hold, Slot};
use super::reserve::left_until;
use super::{Ledger, LedgerError, Notice, OnOverrun, ReservationStatus, not_negative};
use crate::id::IdempotencyKey;
use crate::unit::{Amount, AmountError, Timestamp};

/// What time took away: see [`Ledger::expire`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Expiry {
    /// Reservations whose time ran out, and what was released of each, in the order of their ends.
    pub released: Vec<(IdempotencyKey, Amount)>,
    /// What is to be told.
    pub notices: Vec<Notice>,
}

impl Ledger {
    /// Turns `amount` of a reservation from reserved into spent, at a time: what it tells. Not idempotent:
    /// [`Ledger::charge_to`] and [`Ledger::commit`] are.
    ///
    /// Where all accounts record overrun, what passes the reservation is spent too and counted as overrun; so is all that
    /// is charged to an expired reservation.
    ///
    /// # Errors
    /// [`LedgerError::BeyondReservation`] with what the accounts want done, [`LedgerError::UnknownReservation`],
    /// [`LedgerError::Closed`].
    pub fn charge(
        &mut self,
        key: &IdempotencyKey,
        amount: impl Into<Amount>,
        at: Timestamp,
    ) -> Result<Vec<Notice>, LedgerError> {
        let slot = self.slot(key)?;
        self.charge_slot(slot, amount.into(), at)
    }

    /// Charges a reservation until `total` is charged in all, at a time: what it tells. Idempotent, for work that reports
    /// its use so far.
    ///
    /// # Errors
    /// As [`Ledger::charge`]; [`LedgerError::Backwards`] when more is charged already.
    pub fn charge_to(
        &mut self,
        key: &IdempotencyKey,
        total: impl Into<Amount>,
        at: Timestamp,
    ) -> Result<Vec<Notice>, LedgerError> {
        let slot = self.slot(key)?;
        let held = &self.holds[slot];
        let more = left_until(held, held.charged, total.into())?;
        self.charge_slot(slot, more, at)
    }

    /// Charges a reservation until `actual` is charged in all, releases the rest and closes it: [`Ledger::charge_to`] and
    /// [`Ledger::settle`] in one. The same again changes nothing.
    ///
    /// # Errors
    /// As [`Ledger::charge_to`]; [`LedgerError::Conflict`] when it was settled with another amount.
    pub fn commit(
        &mut self,
        key: &IdempotencyKey,
        actual: impl Into<Amount>,
        at: Timestamp,
    ) -> Result<Vec<Notice>, LedgerError> {
        let (slot, actual) = (self.slot(key)?, actual.into());
        let held = &self.holds[slot];
        if held.status == ReservationStatus::Settled {
            let same = held.zero.with_parts(held.charged) == actual;
            return if same { Ok(Vec::new()) } else { Err(LedgerError::Conflict(key.clone())) };
        }
        let more = left_until(held, held.charged, actual)?;
        let notices = self.charge_slot(slot, more, at)?;
        self.close(slot, ReservationStatus::Settled);
        Ok(notices)
    }

    /// Releases what is left of a reservation and closes it; what was released. A closed one releases nothing again.
    ///
    /// # Errors
    /// [`LedgerError::UnknownReservation`].
    pub fn settle(&mut self, key: &IdempotencyKey) -> Result<Amount, LedgerError> {
        let slot = self.slot(key)?;
        Ok(self.close(slot, ReservationStatus::Settled))
    }

    /// Calls a reservation off; what was released. A voided one releases nothing again.
    ///
    /// # Errors
    /// [`LedgerError::Charged`] when something was charged: what was spent is not taken back. [`LedgerError::Closed`] when
    /// it was settled or expired.
    pub fn void(&mut self, key: &IdempotencyKey) -> Result<Amount, LedgerError> {
        let slot = self.slot(key)?;
        let held = &self.holds[slot];
        match held.status {
            ReservationStatus::Open if held.charged > 0 => {
                Err(LedgerError::Charged { key: key.clone(), charged: held.zero.with_parts(held.charged) })
            }
            ReservationStatus::Open | ReservationStatus::Voided => Ok(self.close(slot, ReservationStatus::Voided)),
            ReservationStatus::Settled | ReservationStatus::Expired => Err(held.closed()),
        }
    }

    /// Takes in what time changes: frees what is left of reservations whose end has come, forgets what is older than a
    /// rolling window, and looks at forecasts. The same time again changes nothing.
    pub fn expire(&mut self, now: Timestamp) -> Expiry {
        self.now = self.now.max(now);
        let mut expiry = Expiry::default();
        while let Some(slot) = self.holds.next_expired(self.now) {
            let key = self.holds[slot].key.clone();
            expiry.released.push((key, self.close(slot, ReservationStatus::Expired)));
        }
        self.books.pass(self.now, &mut expiry.notices);
        expiry
    }

    fn charge_slot(&mut self, slot: Slot, amount: Amount, at: Timestamp) -> Result<Vec<Notice>, LedgerError> {
        not_negative(amount)?;
        let held = &mut self.holds[slot];
        let charged = held.zero.with_parts(held.charged).checked_add(amount)?.parts();
        if !matches!(held.status, ReservationStatus::Open | ReservationStatus::Expired) {
            return Err(held.closed());
        }
        let within = amount.parts().min(held.left());
        let beyond = amount.parts() - within;
        if beyond > 0 {
            check_overrun(&self.books, held, amount)?;
        }
        self.now = self.now.max(at);
        let mut notices = Vec::new();
        for id in held.path.ids() {
            self.books[*id].charge(within, beyond, self.now, &mut notices);
        }
        held.charged = charged;
        held.overrun += beyond;
        Ok(notices)
    }

    /// Closes a reservation if it is open, and releases what is left of it: how much.
    fn close(&mut self, slot: Slot, status: ReservationStatus) -> Amount {
        let held = &self.holds[slot];
        let left = held.zero.with_parts(held.left());
        if held.is_open() {
            for id in held.path.ids() {
                self.books[*id].reserved -= left.parts();
            }
            self.holds.close(slot, status);
        }
        left
    }
}

/// Whether every account takes a charge that passes its reservation, and can count it.
#[cold]
fn check_overrun(books: &Books, held: &Hold, asked: Amount) -> Result<(), LedgerError> {
    let on_path = || held.path.ids().iter().map(|id| &books[*id]);
    // A reservation on no account has nobody to say that it may be passed.
    let wanted = on_path().map(|book| book.page.spec.on_overrun).max().unwrap_or(OnOverrun::Suspend);
    if wanted != OnOverrun::Record {
        let (key, left) = (held.key.clone(), held.zero.with_parts(held.left()));
        return Err(LedgerError::BeyondReservation { key, left, asked, wanted });
    }
    for book in on_path() {
        let total = book.overrun.max(book.spent).checked_add(book.reserved);
        total.and_then(|total| total.checked_add(asked.parts())).ok_or(AmountError::Overflow)?;
    }
    Ok(())
}
