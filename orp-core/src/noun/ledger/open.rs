//! Opening accounts, and changing the terms of open ones.

use super::account::Book;
use super::books::MAX_ACCOUNTS;
use super::{Ledger, LedgerError, Notice};
use crate::id::BudgetName;
use crate::noun::BudgetSpec;
use crate::unit::AmountError;

impl Ledger {
    /// Opens an account, or gives one that is open other terms; see [`Ledger::open_all`].
    pub fn open(&mut self, budget: &BudgetSpec) -> Result<Vec<Notice>, LedgerError> {
        self.open_all(std::slice::from_ref(budget))
    }

    /// Opens accounts, in any order, or gives those that are open other terms: all of them, or none. What it tells.
    ///
    /// What is spent, reserved and transferred stays. A limit below what is spent and reserved stops further reservations;
    /// it takes nothing back. Under another parent only later reservations are held on that one.
    ///
    /// # Errors
    /// [`LedgerError::UnknownBudget`] for a parent that is neither open nor among `budgets`, [`LedgerError::Cycle`],
    /// [`LedgerError::Terms`]; an [`AmountError`] where an account's meter is not that of its parent, or would change.
    pub fn open_all(&mut self, budgets: &[BudgetSpec]) -> Result<Vec<Notice>, LedgerError> {
        if budgets.iter().all(|budget| self.budget(&budget.name) == Some(budget)) {
            return Ok(Vec::new());
        }
        self.books.check_space(budgets.len())?;
        for (at, budget) in budgets.iter().enumerate() {
            self.check_terms(budget, budgets.get(..at).unwrap_or_default())?;
            self.check_ancestors(budget, budgets)?;
        }
        let mut notices = Vec::new();
        for budget in budgets {
            match self.books.find(&budget.name) {
                Some(id) => self.books[id].change(budget.clone(), self.now, &mut notices),
                None => drop(self.books.push(Book::new(budget, self.now))),
            }
        }
        for budget in budgets {
            let parent = budget.parent.as_ref().map(|parent| self.books.id(parent)).transpose()?;
            let id = self.books.id(&budget.name)?;
            self.books[id].parent = parent;
            self.books.note_time(id);
        }
        Ok(notices)
    }

    fn check_terms(&self, budget: &BudgetSpec, before: &[BudgetSpec]) -> Result<(), LedgerError> {
        budget.check()?;
        if before.iter().any(|other| other.name == budget.name) {
            let what = "it is given twice: expected each account once".into();
            return Err(LedgerError::Terms { budget: budget.name.clone(), what });
        }
        if let Some(id) = self.books.find(&budget.name) {
            let book = &self.books[id];
            let moved = book.zero.with_parts(book.page.moved);
            budget.limit.checked_add(moved)?;
        }
        Ok(())
    }

    /// Whether the account's ancestors, as they will be, are there, count the same, and end.
    fn check_ancestors(&self, budget: &BudgetSpec, budgets: &[BudgetSpec]) -> Result<(), LedgerError> {
        let find = |name: &BudgetName| budgets.iter().find(|other| other.name == *name).or_else(|| self.budget(name));
        let mut at = budget;
        for _ in 0..MAX_ACCOUNTS {
            let Some(name) = &at.parent else { return Ok(()) };
            let parent = find(name).ok_or_else(|| LedgerError::UnknownBudget(name.clone()))?;
            if !parent.limit.is_like(at.limit) {
                return Err(AmountError::MeterMismatch { left: at.limit, right: parent.limit }.into());
            }
            if parent.name == budget.name {
                return Err(LedgerError::Cycle(budget.name.clone()));
            }
            at = parent;
        }
        Err(LedgerError::TooManyAccounts(MAX_ACCOUNTS))
    }
}
