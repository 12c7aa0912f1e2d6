//! Why the ledger refuses. A refusal changes nothing.

use super::{OnLimit, OnOverrun, ReservationStatus};
use crate::id::{BudgetName, IdempotencyKey, RuleId};
use crate::unit::{Amount, AmountError};
use std::fmt;
use thiserror::Error;

/// One account that has too little left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shortage {
    /// Which.
    pub budget: BudgetName,
    /// The policy rule or document it comes from.
    pub rule: RuleId,
    /// What is left of it; below zero after an overrun, or when its limit was lowered.
    pub left: Amount,
    /// Its limit.
    pub limit: Amount,
    /// What was asked.
    pub asked: Amount,
    /// What it wants done.
    pub on_limit: OnLimit,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budget, left, limit, asked, .. } = self;
        write!(f, "budget `{budget}` has {left} left of {limit}, {asked} were asked")
    }
}

/// Every account that has too little left for one request, the one with the strictest word first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    first: Box<Shortage>,
    others: Vec<Shortage>,
}

impl Exceeded {
    /// The refusal for accounts that are short; the order among equally strict ones stays.
    #[cold]
    pub(super) fn of(short: impl IntoIterator<Item = Shortage>) -> LedgerError {
        let mut short: Vec<Shortage> = short.into_iter().collect();
        short.sort_by(|a, b| b.on_limit.cmp(&a.on_limit));
        let mut short = short.into_iter();
        match short.next() {
            Some(first) => LedgerError::Exceeded(Self { first: Box::new(first), others: short.collect() }),
            None => LedgerError::Corrupt("no account is short".into()),
        }
    }

    /// The account whose word counts.
    pub fn first(&self) -> &Shortage {
        &self.first
    }

    /// All accounts that are short.
    pub fn all(&self) -> impl Iterator<Item = &Shortage> {
        std::iter::once(&*self.first).chain(&self.others)
    }

    /// What is to be done: the strictest word of all.
    pub fn wanted(&self) -> &OnLimit {
        &self.first.on_limit
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.others.iter().try_for_each(|short| write!(f, "; {short}"))
    }
}

/// Why the ledger refused; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Budgets have too little left.
    #[error("{0}")]
    Exceeded(Exceeded),
    /// A charge is larger than what its reservation has left.
    #[error("reservation `{key}` has {left} left, {asked} were to be charged: {wanted}")]
    BeyondReservation {
        /// Which reservation.
        key: IdempotencyKey,
        /// What is left of it.
        left: Amount,
        /// What was to be charged.
        asked: Amount,
        /// What its accounts want done.
        wanted: OnOverrun,
    },
    /// A total is below what was charged or reserved before: neither is taken back.
    #[error("reservation `{key}` stands at {now} already, {asked} were given as its total")]
    Backwards {
        /// Which reservation.
        key: IdempotencyKey,
        /// What was charged or reserved before.
        now: Amount,
        /// The total that was given.
        asked: Amount,
    },
    /// No such budget.
    #[error("unknown budget `{0}`")]
    UnknownBudget(BudgetName),
    /// No such reservation.
    #[error("no open reservation `{0}`")]
    UnknownReservation(IdempotencyKey),
    /// The reservation is closed.
    #[error("reservation `{key}` is {status}")]
    Closed {
        /// Which reservation.
        key: IdempotencyKey,
        /// How it was closed.
        status: ReservationStatus,
    },
    /// The reservation has been charged: what was spent cannot be voided.
    #[error("reservation `{key}` has {charged} charged and cannot be voided: settle it")]
    Charged {
        /// Which reservation.
        key: IdempotencyKey,
        /// What was charged.
        charged: Amount,
    },
    /// The key holds another reservation or transfer already.
    #[error("`{0}` exists with another amount or other budgets")]
    Conflict(IdempotencyKey),
    /// An amount is below zero.
    #[error("{0} is negative: only amounts from zero can be reserved, charged or moved")]
    Negative(Amount),
    /// An account would be its own ancestor.
    #[error("budget `{0}` would be its own ancestor")]
    Cycle(BudgetName),
    /// The terms of an account do not hold together.
    #[error("budget `{budget}`: {what}")]
    Terms {
        /// Which.
        budget: BudgetName,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// More accounts than one reservation may be held on.
    #[error("too many accounts for one reservation: at most {0}, ancestors included")]
    TooManyAccounts(usize),
    /// The ledger is full.
    #[error("the ledger is full: at most {0} accounts and as many reservations")]
    Full(usize),
    /// What was stored is not a ledger's state.
    #[error("not a ledger: {0}")]
    Corrupt(String),
    /// Meters or currencies differ, or a sum does not fit.
    #[error(transparent)]
    Amount(#[from] AmountError),
}
