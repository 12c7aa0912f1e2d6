//! What the ledger tells beside its answers: limits that come near, forecasts that pass them, overruns.

use super::AccountWindow;
use crate::id::BudgetName;
use crate::unit::{Amount, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something about an account that somebody should hear of. Each alert of an account is told once; on a rolling window,
/// once each time it is reached anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notice {
    /// Which account.
    pub budget: BudgetName,
    /// What is to be told.
    pub kind: NoticeKind,
    /// What was spent when it was told.
    pub spent: Amount,
    /// The limit when it was told.
    pub limit: Amount,
}

/// What is to be told about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeKind {
    /// So much of its limit is spent.
    Spent {
        /// In percent.
        percent: u16,
    },
    /// More than so much of its limit will have been spent when its window ends.
    Forecast {
        /// In percent.
        percent: u16,
        /// What will have been spent.
        forecast: Amount,
    },
    /// A charge passed its reservation, and was recorded.
    Overrun {
        /// By how much.
        by: Amount,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budget, spent, limit, .. } = self;
        match self.kind {
            NoticeKind::Spent { percent } => {
                write!(f, "budget `{budget}` has reached {percent}%: {spent} of {limit} are spent")
            }
            NoticeKind::Forecast { percent, forecast } => {
                write!(f, "budget `{budget}` is forecast to pass {percent}%: {forecast} of {limit}, {spent} are spent")
            }
            NoticeKind::Overrun { by } => {
                write!(f, "budget `{budget}` was charged {by} beyond a reservation: {spent} of {limit} are spent")
            }
        }
    }
}

/// What will have been spent when a window ends, if spending goes on as it did, rounded up: spent ÷ the share of the
/// window that has passed. `None` before a window begins, and for windows that do not end.
pub(super) fn forecast(window: AccountWindow, spent: i64, now: Timestamp) -> Option<i64> {
    let AccountWindow::Between { from, until } = window else { return None };
    if now <= from {
        return None;
    }
    if now >= until {
        return Some(spent);
    }
    let (whole, passed) = (i128::from(until.since(from).as_micros()), i128::from(now.since(from).as_micros()));
    let product = i128::from(spent).saturating_mul(whole);
    let forecast = product.div_euclid(passed) + i128::from(product.rem_euclid(passed) != 0);
    Some(i64::try_from(forecast).unwrap_or(i64::MAX))
}

/// So much percent of a limit, rounded up, and at least the smallest part: nothing spent reaches no share.
pub(super) fn share(limit: i64, percent: u16) -> i64 {
    let product = i128::from(limit) * i128::from(percent);
    let share = product.div_euclid(100) + i128::from(product.rem_euclid(100) != 0);
    i64::try_from(share).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecasts_are_linear_and_round_up() {
        let at = Timestamp::from_micros;
        let window = AccountWindow::Between { from: at(1000), until: at(2000) };
        for (spent, now, expected) in [
            (100, 1000, None),
            (100, 1250, Some(400)),
            (1, 1300, Some(4)),
            (0, 1300, Some(0)),
            (100, 2000, Some(100)),
            (100, 9000, Some(100)),
            (i64::MAX, 1001, Some(i64::MAX)),
        ] {
            assert_eq!(forecast(window, spent, at(now)), expected, "{spent} at {now}");
        }
        assert_eq!(forecast(AccountWindow::Total, 5, at(1)), None);
        let (from, until) = (at(i64::MIN), at(i64::MAX));
        assert_eq!(forecast(AccountWindow::Between { from, until }, i64::MAX, at(i64::MIN + 1)), Some(i64::MAX));
    }

    #[test]
    fn shares_round_up_and_are_never_nothing() {
        for (limit, percent, expected) in
            [(1000, 80, 800), (1001, 50, 501), (0, 50, 1), (-5, 50, 1), (i64::MAX, 200, i64::MAX)]
        {
            assert_eq!(share(limit, percent), expected);
        }
    }
}
