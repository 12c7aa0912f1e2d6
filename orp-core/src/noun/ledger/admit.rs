//! Opening accounts and reserving on them in one step.

use super::{Ledger, LedgerError, Notice};
use crate::id::{BudgetName, IdempotencyKey};
use crate::noun::BudgetSpec;
use crate::unit::{Amount, Timestamp};

impl Ledger {
    /// Opens accounts, or gives them other terms, and reserves `amount` on all of them, or does nothing at all: what was
    /// refused leaves no account behind that no record speaks of. What it tells.
    ///
    /// Where terms change, the books are copied first: a step that takes longer with every account there is, taken once for
    /// each run and never for a charge.
    ///
    /// # Errors
    /// As [`Ledger::open_all`] and [`Ledger::reserve`].
    pub fn open_and_reserve(
        &mut self,
        key: IdempotencyKey,
        amount: impl Into<Amount>,
        budgets: &[BudgetSpec],
        expires: Option<Timestamp>,
    ) -> Result<Vec<Notice>, LedgerError> {
        let changes = budgets.iter().any(|budget| self.budget(&budget.name) != Some(budget));
        let before = changes.then(|| self.clone());
        let names: Vec<BudgetName> = budgets.iter().map(|budget| budget.name.clone()).collect();
        let done =
            self.open_all(budgets).and_then(|notices| self.reserve(key, amount, &names, expires).map(|()| notices));
        if let (Err(_), Some(before)) = (&done, before) {
            *self = before;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RuleId;
    use crate::unit::Money;

    #[test]
    fn what_is_refused_leaves_nothing_behind() {
        let usd = |text: &str| text.parse::<Money>().unwrap();
        let budget =
            |name: &str, limit| BudgetSpec::new(BudgetName::new(name).unwrap(), usd(limit), RuleId::new("r").unwrap());
        let mut ledger = Ledger::default();
        ledger.open(&budget("month", "10 USD")).unwrap();
        let before = serde_json::to_string(&ledger).unwrap();
        let own = budget("own", "100 USD").with_parent(BudgetName::new("month").unwrap());
        let refused = ledger.open_and_reserve(
            IdempotencyKey::new("a"),
            usd("11 USD"),
            &[own.clone(), budget("month", "9 USD")],
            None,
        );
        assert!(matches!(refused, Err(LedgerError::Exceeded(_))), "{refused:?}");
        assert_eq!(serde_json::to_string(&ledger).unwrap(), before);
        ledger
            .open_and_reserve(IdempotencyKey::new("a"), usd("9 USD"), &[own, budget("month", "9 USD")], None)
            .unwrap();
        assert_eq!(ledger.accounts().count(), 2);
    }
}
