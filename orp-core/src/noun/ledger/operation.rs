//! Operations as data: a ledger is the fold of them.

use super::{Ledger, LedgerError, Notice, Transfer};
use crate::id::{BudgetName, IdempotencyKey};
use crate::noun::BudgetSpec;
use crate::unit::{Amount, Timestamp};
use serde::{Deserialize, Serialize};

/// One operation of a [`Ledger`], for journals and replays. Applying the same operations in the same order to an empty
/// ledger gives the same ledger, byte for byte.
///
/// ```
/// use orp_core::prelude::*;
///
/// let b = BudgetName::new("b")?;
/// let journal = [
///     LedgerOperation::Open { budgets: vec![BudgetSpec::new(b.clone(), "9 USD".parse::<Money>()?, RuleId::new("r")?)] },
///     LedgerOperation::Reserve { key: IdempotencyKey::new("k"), amount: "5 USD".parse()?, accounts: vec![b], expires: None },
/// ];
/// let replay = || journal.iter().try_fold(Ledger::default(), |mut ledger, operation| {
///     ledger.apply(operation)?;
///     Ok::<_, LedgerError>(ledger)
/// });
/// assert_eq!(serde_json::to_string(&replay()?)?, serde_json::to_string(&replay()?)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LedgerOperation {
    /// [`Ledger::open_all`].
    Open {
        /// The accounts' terms.
        budgets: Vec<BudgetSpec>,
    },
    /// [`Ledger::reserve`].
    Reserve {
        /// The reservation's key.
        key: IdempotencyKey,
        /// How much.
        amount: Amount,
        /// On which accounts, beside their ancestors.
        accounts: Vec<BudgetName>,
        /// When it ends by itself.
        expires: Option<Timestamp>,
    },
    /// [`Ledger::extend`].
    Extend {
        /// Which reservation.
        key: IdempotencyKey,
        /// By how much.
        more: Amount,
    },
    /// [`Ledger::renew`].
    Renew {
        /// Which reservation.
        key: IdempotencyKey,
        /// Until when.
        expires: Timestamp,
    },
    /// [`Ledger::charge`].
    Charge {
        /// Which reservation.
        key: IdempotencyKey,
        /// How much more.
        amount: Amount,
        /// When.
        at: Timestamp,
    },
    /// [`Ledger::commit`].
    Commit {
        /// Which reservation.
        key: IdempotencyKey,
        /// How much in all.
        actual: Amount,
        /// When.
        at: Timestamp,
    },
    /// [`Ledger::settle`].
    Settle {
        /// Which reservation.
        key: IdempotencyKey,
    },
    /// [`Ledger::void`].
    Void {
        /// Which reservation.
        key: IdempotencyKey,
    },
    /// [`Ledger::expire`].
    Expire {
        /// The time.
        now: Timestamp,
    },
    /// [`Ledger::transfer`].
    Transfer {
        /// The transfer's key.
        key: IdempotencyKey,
        /// What is moved, and why.
        transfer: Transfer,
    },
}

impl Ledger {
    /// Carries one operation out: what it tells. Refused, it changes nothing.
    pub fn apply(&mut self, operation: &LedgerOperation) -> Result<Vec<Notice>, LedgerError> {
        type Op = LedgerOperation;
        let quiet = |()| Vec::new();
        match operation {
            Op::Open { budgets } => self.open_all(budgets),
            Op::Reserve { key, amount, accounts, expires } => {
                self.reserve(key.clone(), *amount, accounts, *expires).map(quiet)
            }
            Op::Extend { key, more } => self.extend(key, *more).map(quiet),
            Op::Renew { key, expires } => self.renew(key, *expires).map(quiet),
            Op::Charge { key, amount, at } => self.charge(key, *amount, *at),
            Op::Commit { key, actual, at } => self.commit(key, *actual, *at),
            Op::Settle { key } => self.settle(key).map(drop).map(quiet),
            Op::Void { key } => self.void(key).map(drop).map(quiet),
            Op::Expire { now } => Ok(self.expire(*now).notices),
            Op::Transfer { key, transfer } => self.transfer(key.clone(), transfer.clone()),
        }
    }
}
