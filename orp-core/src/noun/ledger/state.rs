//! A ledger as it is stored: by name, in an order that depends on nothing but what it holds.
//!
//! What follows from the rest is not stored (what is reserved on an account is the sum over its open reservations), so a
//! stored ledger cannot contradict itself there; what else must hold is checked on reading.

use super::account::Book;
use super::books::{BookId, MAX_ACCOUNTS, Path};
use super::reservation::Hold;
use super::rolling::Buckets;
use super::{AlertAt, Ledger, LedgerError, Reservation, Transfer, not_negative};
use crate::id::{BudgetName, IdempotencyKey};
use crate::noun::BudgetSpec;
use crate::unit::{Amount, Timestamp};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::BTreeMap;

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    now: Timestamp,
    remembered: usize,
    accounts: BTreeMap<BudgetName, AccountState>,
    open: IndexMap<IdempotencyKey, HoldState>,
    closed: IndexMap<IdempotencyKey, HoldState>,
    transfers: IndexMap<IdempotencyKey, Transfer>,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountState {
    spec: BudgetSpec,
    /// Added to the limit by transfers.
    moved: Amount,
    spent: Amount,
    overrun: Amount,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    told: Vec<AlertAt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rolling: Option<Buckets>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct HoldState {
    #[serde(flatten)]
    view: Reservation,
    first: Amount,
    /// The ancestors it is held on beside the accounts it was made on.
    ancestors: Vec<BudgetName>,
}

impl Ledger {
    pub(super) fn state(&self) -> State {
        let holds = |hold: &Hold| (hold.key.clone(), self.hold_state(hold));
        State {
            now: self.now,
            remembered: self.holds.remembered,
            accounts: self.books.iter().map(|book| (book.page.spec.name.clone(), account_state(book))).collect(),
            open: self.holds.open().map(holds).collect(),
            closed: self.holds.closed().map(holds).collect(),
            transfers: self.transfers.clone(),
        }
    }

    fn hold_state(&self, hold: &Hold) -> HoldState {
        let ancestors = hold.path.ancestors().iter().map(|id| self.books[*id].name().clone()).collect();
        HoldState { view: self.view(hold), first: hold.zero.with_parts(hold.first), ancestors }
    }

    fn restored(state: State) -> Result<Self, LedgerError> {
        let mut ledger = Self::with_memory(state.remembered);
        ledger.now = state.now;
        let specs: Vec<BudgetSpec> = state.accounts.values().map(|account| account.spec.clone()).collect();
        ledger.open_all(&specs)?;
        for (name, account) in &state.accounts {
            let id = ledger.books.find(name).filter(|_| account.spec.name == *name);
            let id = id.ok_or_else(|| corrupt(format!("the account `{name}` stands under another name")))?;
            restore_account(&mut ledger.books[id], account)?;
        }
        for (key, hold) in state.open.into_iter().chain(state.closed) {
            ledger.restore_hold(key, &hold)?;
        }
        ledger.transfers = state.transfers;
        Ok(ledger)
    }

    fn restore_hold(&mut self, key: IdempotencyKey, stored: &HoldState) -> Result<(), LedgerError> {
        let HoldState { view, first, ancestors } = stored;
        for part in [view.amount, view.charged, view.overrun, *first] {
            view.amount.checked_add(part.zero())?;
            not_negative(part)?;
        }
        let within = view.charged.parts() - view.overrun.parts();
        if within < 0 || within > view.amount.parts() || first.parts() > view.amount.parts() {
            return Err(corrupt(format!("the amounts of reservation `{key}` contradict each other")));
        }
        let ids = view.accounts.iter().chain(ancestors).map(|name| self.books.id(name));
        let ids = ids.collect::<Result<Vec<BookId>, _>>()?;
        let path = Path::restored(&ids, view.accounts.len()).ok_or(LedgerError::TooManyAccounts(MAX_ACCOUNTS))?;
        if self.holds.find(&key).is_some() {
            return Err(LedgerError::Conflict(key));
        }
        let mut hold = Hold::new(key, view.amount, path, view.expires);
        (hold.first, hold.charged, hold.overrun) = (first.parts(), view.charged.parts(), view.overrun.parts());
        hold.status = view.status;
        for id in ids {
            let book = &mut self.books[id];
            book.zero.checked_add(view.amount)?;
            let fits = book.reserved.checked_add(hold.left()).filter(|held| book.spent.checked_add(*held).is_some());
            book.reserved = fits.ok_or_else(|| corrupt(format!("too much is reserved on `{}`", book.name())))?;
        }
        let is_open = hold.is_open();
        let slot = self.holds.insert(hold)?;
        if !is_open {
            self.holds.keep_closed(slot);
        }
        Ok(())
    }
}

fn account_state(book: &Book) -> AccountState {
    let amount = |parts| book.zero.with_parts(parts);
    let told = book.page.spec.alerts.iter().enumerate().filter(|(at, _)| book.page.told & (1 << at) != 0);
    AccountState {
        spec: book.page.spec.clone(),
        moved: amount(book.page.moved),
        spent: amount(book.spent),
        overrun: amount(book.overrun),
        told: told.map(|(_, alert)| *alert).collect(),
        rolling: book.page.rolling.as_ref().map(super::rolling::Rolling::stored),
    }
}

fn restore_account(book: &mut Book, stored: &AccountState) -> Result<(), LedgerError> {
    for part in [stored.moved, stored.spent, stored.overrun] {
        book.zero.checked_add(part)?;
    }
    let (spent, overrun) = (stored.spent.parts(), stored.overrun.parts());
    if spent < 0 || overrun < 0 {
        return Err(corrupt(format!("account `{}` has spent less than nothing", book.name())));
    }
    let limit = book.page.spec.limit.parts().checked_add(stored.moved.parts());
    let limit = limit.ok_or_else(|| corrupt(format!("the limit of `{}` does not fit", book.name())))?;
    let bucketed = match (&mut book.page.rolling, &stored.rolling) {
        (Some(rolling), Some(buckets)) => rolling.restore(buckets) == Some(spent),
        (None, None) => true,
        _ => false,
    };
    if !bucketed {
        return Err(corrupt(format!("the rolling window of `{}` is not what was spent", book.name())));
    }
    (book.limit, book.page.moved, book.spent, book.overrun) = (limit, stored.moved.parts(), spent, overrun);
    for (at, alert) in book.page.spec.alerts.iter().enumerate() {
        if stored.told.contains(alert) {
            book.page.told |= 1 << at;
        }
    }
    book.arm();
    Ok(())
}

fn corrupt(what: String) -> LedgerError {
    LedgerError::Corrupt(what)
}

/// Two ledgers are the same when they hold the same and will answer the same.
impl PartialEq for Ledger {
    fn eq(&self, other: &Self) -> bool {
        self.state() == other.state()
    }
}

impl Eq for Ledger {}

impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.state().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        State::deserialize(deserializer).and_then(|state| Self::restored(state).map_err(D::Error::custom))
    }
}
