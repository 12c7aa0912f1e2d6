//! The ledger: budgets in a tree, two-phase reservations, charges. A fold over operations; exact integers, and no clock.
//!
//! An amount is *reserved* on accounts and all their ancestors, each once and all or nothing, before anything starts;
//! *charged* as it is spent, against the reservation; and what is left is *released* when the work settles, is voided, or
//! its time runs out. On every account `spent + reserved ≤ limit` holds after every operation, so a budget cannot be passed
//! by many who each look and then spend.
//!
//! | module | what stands there |
//! | --- | --- |
//! | [`terms`](AccountWindow) | over which time a limit holds; what is wanted when it is reached |
//! | [`account`](Account) | an account as it stands |
//! | [`reservation`](Reservation) | a reservation as it stands |
//! | [`notice`](Notice) | what the operations that cross a threshold return beside their answer |
//! | [`transfer`](Transfer) | moving limit between accounts |
//! | [`operation`](LedgerOperation) | operations as data: the fold |
//! | [`error`](LedgerError) | why something was refused; a refusal changes nothing |
//!
//! What happens at a limit is the account's word ([`OnLimit`], [`OnOverrun`]); the ledger reports it with the refusal and
//! leaves suspending and asking to its caller. The one thing that can pass a limit is a charge beyond a reservation on
//! accounts that all say [`OnOverrun::Record`]: it is counted ([`Account::overrun`]), told ([`NoticeKind::Overrun`]), and
//! counts against the limit, so that `spent + reserved ≤ limit + overrun`.
//!
//! Time comes in as an argument and from one clock: a time before the latest the ledger has seen counts as that one.
//! Reservations are idempotent by their key for as long as it is remembered: open ones always, closed ones until
//! [`Ledger::REMEMBERED`] (or what [`Ledger::with_memory`] says) others were closed after them.
//!
//! Rejected: double entry with debit and credit accounts (a budget has no counterparty, so half of the entries would say
//! nothing); an account's parent inside its name (moving a team would rename its history); reservations that pass over
//! ancestors and are checked there later (that is how budgets are passed by many).
//!
//! ```
//! use orp_core::prelude::*;
//!
//! let usd = |text: &str| text.parse::<Money>().unwrap();
//! let (org, project) = (BudgetName::new("org/2026-11")?, BudgetName::new("vision/2026-11")?);
//! let rule = RuleId::new("gpu-month")?;
//! let mut ledger = Ledger::default();
//! ledger.open_all(&[
//!     BudgetSpec::new(org.clone(), usd("5000 USD"), rule.clone()),
//!     BudgetSpec::new(project.clone(), usd("1000 USD"), rule)
//!         .with_parent(org.clone())
//!         .with_on_limit(OnLimit::Ask(RuleId::new("owner")?))
//!         .with_alerts(["10%".parse()?]),
//! ])?;
//! let run = IdempotencyKey::new("run-1");
//! ledger.reserve(run.clone(), usd("600 USD"), &[project.clone()], None)?;
//!
//! let refused = ledger.reserve(IdempotencyKey::new("run-2"), usd("500 USD"), &[project.clone()], None).unwrap_err();
//! assert_eq!(refused.to_string(), "budget `vision/2026-11` has 400.00 USD left of 1000.00 USD, 500.00 USD were asked");
//! assert!(matches!(&refused, LedgerError::Exceeded(exceeded) if matches!(exceeded.wanted(), OnLimit::Ask(_))));
//!
//! let told = ledger.charge(&run, usd("120 USD"), Timestamp::EPOCH)?;
//! assert_eq!(told[0].to_string(), "budget `vision/2026-11` has reached 10%: 120.00 USD of 1000.00 USD are spent");
//! assert_eq!(ledger.settle(&run)?, usd("480 USD"));
//! assert_eq!(ledger.account(&org).unwrap().left(), usd("4880 USD"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod admit;
mod books;
mod error;
mod notice;
mod open;
mod operation;
mod reservation;
mod reserve;
mod rolling;
mod spend;
mod state;
mod terms;
mod transfer;

pub use account::Account;
pub use error::{Exceeded, LedgerError, Shortage};
pub use notice::{Notice, NoticeKind};
pub use operation::LedgerOperation;
pub use reservation::{Reservation, ReservationStatus};
pub use spend::Expiry;
pub use terms::{AccountWindow, AlertAt, OnLimit, OnOverrun};
pub use transfer::Transfer;

use super::BudgetSpec;
use crate::id::{BudgetName, IdempotencyKey};
use crate::unit::{Amount, Timestamp};
use books::Books;
use indexmap::IndexMap;
use reservation::{Hold, Holds};

/// All budgets and reservations.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The latest time it was told.
    now: Timestamp,
    books: Books,
    holds: Holds,
    transfers: IndexMap<IdempotencyKey, Transfer>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::with_memory(Self::REMEMBERED)
    }
}

impl Ledger {
    /// How many closed reservations, and how many transfers, a ledger remembers unless told otherwise.
    pub const REMEMBERED: usize = 1 << 16;

    /// An empty ledger that remembers so many closed reservations and so many transfers: their keys stay idempotent. What
    /// it holds open it always remembers.
    pub fn with_memory(closed: usize) -> Self {
        let now = Timestamp::from_micros(i64::MIN);
        Self { now, books: Books::default(), holds: Holds::new(closed), transfers: IndexMap::new() }
    }

    /// An account, as it stands.
    pub fn account(&self, name: &BudgetName) -> Option<Account> {
        self.books.find(name).map(|id| self.books[id].view())
    }

    /// All accounts, in the order they were opened.
    pub fn accounts(&self) -> impl Iterator<Item = (&BudgetName, Account)> {
        self.books.iter().map(|book| (book.name(), book.view()))
    }

    /// The terms an account is kept on, as they were given last. Transfers are not in its limit.
    pub fn budget(&self, name: &BudgetName) -> Option<&BudgetSpec> {
        self.books.find(name).map(|id| &self.books[id].page.spec)
    }

    /// A reservation, as it stands, while it is remembered.
    pub fn reservation(&self, key: &IdempotencyKey) -> Option<Reservation> {
        self.holds.find(key).map(|slot| self.view(&self.holds[slot]))
    }

    /// The open reservations, in the order of their keys.
    pub fn open_reservations(&self) -> impl Iterator<Item = (&IdempotencyKey, Reservation)> {
        self.holds.open().map(|hold| (&hold.key, self.view(hold)))
    }

    /// The latest time the ledger was told.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    fn view(&self, hold: &Hold) -> Reservation {
        let amount = |parts| hold.zero.with_parts(parts);
        Reservation {
            amount: amount(hold.amount),
            charged: amount(hold.charged),
            overrun: amount(hold.overrun),
            accounts: hold.path.named().iter().map(|id| self.books[*id].name().clone()).collect(),
            expires: hold.expires,
            status: hold.status,
        }
    }
}

#[inline]
fn not_negative(amount: Amount) -> Result<(), LedgerError> {
    if amount.is_negative() { Err(LedgerError::Negative(amount)) } else { Ok(()) }
}
