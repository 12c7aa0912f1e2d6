//! The ledger's laws, held against a naive ledger that keeps lists and adds everything up anew each time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod behaviour;
mod laws;
mod model;

use orp_core::prelude::*;

fn usd(micros: i64) -> Money {
    Money::from_micros(micros, Currency::USD)
}

fn amount(micros: i64) -> Amount {
    usd(micros).into()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn name(text: &str) -> BudgetName {
    BudgetName::new(text).unwrap()
}

fn key(text: impl ToString) -> IdempotencyKey {
    IdempotencyKey::new(text.to_string())
}

fn spec(text: &str, limit: i64) -> BudgetSpec {
    BudgetSpec::new(name(text), usd(limit), RuleId::new("rule").unwrap())
}

/// A ledger of these accounts.
fn ledger(specs: &[BudgetSpec]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.open_all(specs).unwrap();
    ledger
}
