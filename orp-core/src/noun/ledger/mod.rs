//! The ledger: budgets, two-phase reservations and charges. A fold over events; exact integers only.
//!
//! Money is *reserved* on every budget of a run, all or nothing, before anything starts; *charged* as it is spent, against
//! the reservation; and what is left is *released* when the run settles. On every account `spent + reserved ≤ limit`
//! holds after every operation, so a budget cannot be passed by many who each look and then spend.
//!
//! ```
//! use orp_core::prelude::*;
//!
//! let usd = |text: &str| text.parse::<Money>().unwrap();
//! let project = BudgetName::new("vision/2026-11")?;
//! let mut ledger = Ledger::default();
//! ledger.open(project.clone(), usd("1000 USD"))?;
//! let run = IdempotencyKey::new("run-1");
//! ledger.reserve(run.clone(), usd("600 USD"), &[project.clone()])?;
//! let refused = ledger.reserve(IdempotencyKey::new("run-2"), usd("500 USD"), &[project.clone()]).unwrap_err();
//! assert_eq!(refused.to_string(), "budget `vision/2026-11` has 400.00 USD left of 1000.00 USD, 500.00 USD were asked");
//! ledger.charge(&run, usd("120 USD"))?;
//! ledger.settle(&run)?;
//! assert_eq!(ledger.account(&project).unwrap().left()?, usd("880 USD"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::id::{BudgetName, IdempotencyKey};
use crate::unit::{Money, MoneyError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// One budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// The most that may be spent and reserved.
    pub limit: Money,
    /// Charged so far.
    pub spent: Money,
    /// Held for reservations, not yet charged.
    pub reserved: Money,
}

impl Account {
    /// What can still be reserved.
    pub fn left(&self) -> Result<Money, MoneyError> {
        self.limit.checked_sub(self.spent)?.checked_sub(self.reserved)
    }
}

/// Money held for one purpose on several accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reservation {
    /// How much was reserved.
    pub amount: Money,
    /// How much of it has been charged.
    pub charged: Money,
    /// On which accounts.
    pub accounts: Vec<BudgetName>,
    /// Whether the rest was released.
    pub settled: bool,
}

impl Reservation {
    /// What is left to charge.
    pub fn left(&self) -> Result<Money, MoneyError> {
        self.amount.checked_sub(self.charged)
    }
}

/// Why the ledger refused; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A budget has too little left.
    #[error("budget `{budget}` has {left} left of {limit}, {asked} were asked")]
    Exceeded {
        /// Which budget.
        budget: BudgetName,
        /// What is left of it.
        left: Money,
        /// Its limit.
        limit: Money,
        /// What was asked.
        asked: Money,
    },
    /// A charge is larger than what its reservation has left: extend it first.
    #[error("reservation `{key}` has {left} left, {asked} were to be charged")]
    BeyondReservation {
        /// Which reservation.
        key: IdempotencyKey,
        /// What is left of it.
        left: Money,
        /// What was to be charged.
        asked: Money,
    },
    /// No such budget.
    #[error("unknown budget `{0}`")]
    UnknownBudget(BudgetName),
    /// No such reservation, or it is settled.
    #[error("no open reservation `{0}`")]
    UnknownReservation(IdempotencyKey),
    /// The key holds another reservation already.
    #[error("reservation `{0}` exists with another amount or other budgets")]
    Conflict(IdempotencyKey),
    /// An amount is below zero.
    #[error("{0} is negative: only amounts from zero can be reserved or charged")]
    Negative(Money),
    /// Currencies differ, or a sum does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// All budgets and reservations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    accounts: BTreeMap<BudgetName, Account>,
    reservations: BTreeMap<IdempotencyKey, Reservation>,
}

impl Ledger {
    /// Opens an account, or sets the limit of one that is open. A limit below what is spent and reserved stops further
    /// reservations; it takes nothing back.
    pub fn open(&mut self, name: BudgetName, limit: Money) -> Result<(), LedgerError> {
        not_negative(limit)?;
        match self.accounts.get_mut(&name) {
            Some(account) => {
                account.limit.checked_add(limit)?;
                account.limit = limit;
            }
            None => {
                let zero = Money::zero(limit.currency());
                self.accounts.insert(name, Account { limit, spent: zero, reserved: zero });
            }
        }
        Ok(())
    }

    /// Reserves `amount` on every account, or on none. The same key with the same amount and accounts again changes nothing.
    pub fn reserve(&mut self, key: IdempotencyKey, amount: Money, accounts: &[BudgetName]) -> Result<(), LedgerError> {
        not_negative(amount)?;
        if let Some(held) = self.reservations.get(&key) {
            let same = held.amount == amount && held.accounts == accounts;
            return if same { Ok(()) } else { Err(LedgerError::Conflict(key)) };
        }
        self.check_room(amount, accounts)?;
        self.add_reserved(amount, accounts)?;
        let zero = Money::zero(amount.currency());
        let accounts = accounts.to_vec();
        self.reservations.insert(key, Reservation { amount, charged: zero, accounts, settled: false });
        Ok(())
    }

    /// Raises a reservation by `more` on all its accounts, or on none.
    pub fn extend(&mut self, key: &IdempotencyKey, more: Money) -> Result<(), LedgerError> {
        not_negative(more)?;
        let held = self.open_reservation(key)?.clone();
        let amount = held.amount.checked_add(more)?;
        self.check_room(more, &held.accounts)?;
        self.add_reserved(more, &held.accounts)?;
        if let Some(held) = self.reservations.get_mut(key) {
            held.amount = amount;
        }
        Ok(())
    }

    /// Turns `amount` of a reservation from reserved into spent.
    pub fn charge(&mut self, key: &IdempotencyKey, amount: Money) -> Result<(), LedgerError> {
        not_negative(amount)?;
        let held = self.open_reservation(key)?.clone();
        let left = held.left()?;
        let charged = held.charged.checked_add(amount)?;
        if amount > left {
            return Err(LedgerError::BeyondReservation { key: key.clone(), left, asked: amount });
        }
        for name in &held.accounts {
            if let Some(account) = self.accounts.get_mut(name) {
                account.reserved = account.reserved.checked_sub(amount)?;
                account.spent = account.spent.checked_add(amount)?;
            }
        }
        if let Some(held) = self.reservations.get_mut(key) {
            held.charged = charged;
        }
        Ok(())
    }

    /// Releases what is left of a reservation and closes it; what was released. A settled one releases nothing again.
    pub fn settle(&mut self, key: &IdempotencyKey) -> Result<Money, LedgerError> {
        let held = self.reservations.get(key).ok_or_else(|| LedgerError::UnknownReservation(key.clone()))?.clone();
        if held.settled {
            return Ok(Money::zero(held.amount.currency()));
        }
        let left = held.left()?;
        for name in &held.accounts {
            if let Some(account) = self.accounts.get_mut(name) {
                account.reserved = account.reserved.checked_sub(left)?;
            }
        }
        if let Some(held) = self.reservations.get_mut(key) {
            held.settled = true;
        }
        Ok(left)
    }

    /// An account.
    pub fn account(&self, name: &BudgetName) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// All accounts, by name.
    pub fn accounts(&self) -> impl Iterator<Item = (&BudgetName, &Account)> {
        self.accounts.iter()
    }

    /// A reservation.
    pub fn reservation(&self, key: &IdempotencyKey) -> Option<&Reservation> {
        self.reservations.get(key)
    }

    fn open_reservation(&self, key: &IdempotencyKey) -> Result<&Reservation, LedgerError> {
        self.reservations
            .get(key)
            .filter(|held| !held.settled)
            .ok_or_else(|| LedgerError::UnknownReservation(key.clone()))
    }

    fn check_room(&self, amount: Money, accounts: &[BudgetName]) -> Result<(), LedgerError> {
        for name in accounts {
            let account = self.accounts.get(name).ok_or_else(|| LedgerError::UnknownBudget(name.clone()))?;
            let left = account.left()?;
            left.checked_sub(amount)?;
            account.reserved.checked_add(amount)?;
            if amount > left {
                let (limit, asked) = (account.limit, amount);
                return Err(LedgerError::Exceeded { budget: name.clone(), left, limit, asked });
            }
        }
        Ok(())
    }

    fn add_reserved(&mut self, amount: Money, accounts: &[BudgetName]) -> Result<(), LedgerError> {
        for name in accounts {
            if let Some(account) = self.accounts.get_mut(name) {
                account.reserved = account.reserved.checked_add(amount)?;
            }
        }
        Ok(())
    }
}

fn not_negative(amount: Money) -> Result<(), LedgerError> {
    if amount.is_negative() { Err(LedgerError::Negative(amount)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Currency;
    use proptest::prelude::*;

    fn usd(units: i64) -> Money {
        Money::from_micros(units, Currency::USD)
    }

    proptest! {
        /// Invariant 3: spent + reserved ≤ limit on every account, whatever is tried in whatever order; and money is
        /// neither made nor lost between reservations and accounts.
        #[test]
        fn no_budget_is_ever_passed(operations in prop::collection::vec((0u8..5, 0u8..6, 0i64..400), 1..200)) {
            let (all, team) = (BudgetName::new("all").unwrap(), BudgetName::new("team").unwrap());
            let mut ledger = Ledger::default();
            ledger.open(all.clone(), usd(1000)).unwrap();
            ledger.open(team.clone(), usd(600)).unwrap();
            for (operation, key, amount) in operations {
                let name = IdempotencyKey::new(key.to_string());
                let accounts = if key % 2 == 0 { vec![all.clone(), team.clone()] } else { vec![all.clone()] };
                let before = ledger.clone();
                let done = match operation {
                    0 | 1 => ledger.reserve(name, usd(amount), &accounts),
                    2 => ledger.charge(&name, usd(amount)),
                    3 => ledger.extend(&name, usd(amount)),
                    _ => ledger.settle(&name).map(drop),
                };
                if done.is_err() {
                    prop_assert_eq!(&ledger, &before, "a refused operation changes nothing");
                }
                for (name, account) in ledger.accounts() {
                    prop_assert!(account.spent.micros() + account.reserved.micros() <= account.limit.micros());
                    let on_it = || ledger.reservations.values().filter(|r| r.accounts.contains(name));
                    let spent: i64 = on_it().map(|r| r.charged.micros()).sum();
                    let held: i64 = on_it().filter(|r| !r.settled).map(|r| r.left().unwrap().micros()).sum();
                    prop_assert_eq!(account.spent.micros(), spent);
                    prop_assert_eq!(account.reserved.micros(), held);
                }
            }
        }
    }

    #[test]
    fn keys_hold_one_reservation() {
        let name = BudgetName::new("b").unwrap();
        let mut ledger = Ledger::default();
        ledger.open(name.clone(), usd(10)).unwrap();
        let key = IdempotencyKey::new("k");
        ledger.reserve(key.clone(), usd(6), std::slice::from_ref(&name)).unwrap();
        ledger.reserve(key.clone(), usd(6), std::slice::from_ref(&name)).unwrap();
        assert_eq!(
            ledger.reserve(key.clone(), usd(7), std::slice::from_ref(&name)),
            Err(LedgerError::Conflict(key.clone()))
        );
        assert_eq!(ledger.account(&name).unwrap().reserved, usd(6));
        assert!(matches!(ledger.charge(&key, usd(7)), Err(LedgerError::BeyondReservation { .. })));
        assert_eq!(ledger.settle(&key), Ok(usd(6)));
        assert_eq!(ledger.settle(&key), Ok(usd(0)));
        assert!(matches!(ledger.charge(&key, usd(1)), Err(LedgerError::UnknownReservation(_))));
        assert!(matches!(ledger.open(name, "1 EUR".parse().unwrap()), Err(LedgerError::Money(_))));
    }
}
