//! Moving limit from one account to another.

use super::{Exceeded, Ledger, LedgerError, Notice, not_negative};
use crate::id::{BudgetName, IdempotencyKey};
use crate::unit::{Amount, AmountError};
use serde::{Deserialize, Serialize};

/// Limit that was moved from one account to another: both limits changed by the same amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transfer {
    /// Whose limit fell.
    pub from: BudgetName,
    /// Whose limit rose.
    pub to: BudgetName,
    /// By how much.
    pub amount: Amount,
    /// Why, for the audit.
    pub reason: String,
}

impl Transfer {
    /// What is to be moved, and why.
    pub fn new(from: BudgetName, to: BudgetName, amount: impl Into<Amount>, reason: impl Into<String>) -> Self {
        Self { from, to, amount: amount.into(), reason: reason.into() }
    }
}

impl Ledger {
    /// Moves limit between two accounts of the same meter. The same key with the same transfer again changes nothing.
    ///
    /// It outlasts [`Ledger::open`]: opening sets the limit of the budget's document, and what was moved stays added to it.
    ///
    /// # Errors
    /// [`LedgerError::Exceeded`] when the giver would fall below what it has spent and reserved, [`LedgerError::Conflict`]
    /// when the key moved something else.
    pub fn transfer(&mut self, key: IdempotencyKey, transfer: Transfer) -> Result<Vec<Notice>, LedgerError> {
        not_negative(transfer.amount)?;
        if let Some(made) = self.transfers.get(&key) {
            return if *made == transfer { Ok(Vec::new()) } else { Err(LedgerError::Conflict(key)) };
        }
        let (from, to) = (self.books.id(&transfer.from)?, self.books.id(&transfer.to)?);
        let (giver, taker) = (&self.books[from], &self.books[to]);
        transfer.amount.checked_add(giver.zero)?.checked_add(taker.zero)?;
        if !giver.has_room(transfer.amount) {
            return Err(Exceeded::of([giver.shortage(transfer.amount)]));
        }
        let parts = transfer.amount.parts();
        let limits = giver.moved_by(-parts).zip(taker.moved_by(parts));
        let (given, taken) = limits.ok_or(AmountError::Overflow)?;
        let mut notices = Vec::new();
        if from != to {
            self.books[from].set_moved(given, self.now, &mut notices);
            self.books[to].set_moved(taken, self.now, &mut notices);
        }
        self.transfers.insert(key, transfer);
        if self.transfers.len() > self.holds.remembered {
            self.transfers.shift_remove_index(0);
        }
        Ok(notices)
    }

    /// The transfers that the ledger remembers, the oldest first.
    pub fn transfers(&self) -> impl Iterator<Item = (&IdempotencyKey, &Transfer)> {
        self.transfers.iter()
    }
}
