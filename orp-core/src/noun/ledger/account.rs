//! Accounts: what is shown of one, and the books behind it.

use super::books::BookId;
use super::notice::{forecast, share};
use super::rolling::{BUCKETS, Rolling};
use super::{AccountWindow, AlertAt, LedgerError, Notice, NoticeKind, Shortage};
use crate::id::BudgetName;
use crate::noun::BudgetSpec;
use crate::unit::{Amount, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most alerts one account has.
pub(super) const MAX_ALERTS: usize = 16;

/// Forecasts alert only once this part of the window has passed: before, one early charge would forecast anything.
const FORECAST_FROM: u64 = 20;

/// One budget as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// The most that may be spent and reserved, with what was transferred to or from it.
    pub limit: Amount,
    /// Charged so far; on a rolling window, what of it still counts.
    pub spent: Amount,
    /// Held for reservations, not yet charged.
    pub reserved: Amount,
    /// How much was ever charged beyond reservations, where that is recorded.
    pub overrun: Amount,
    /// Over which time the limit holds.
    pub window: AccountWindow,
}

impl Account {
    /// What can still be reserved; below zero after an overrun, or when the limit was lowered.
    pub fn left(&self) -> Amount {
        let left = self.limit.parts().saturating_sub(self.spent.parts()).saturating_sub(self.reserved.parts());
        self.limit.with_parts(left)
    }

    /// What will have been spent when the window ends, if spending goes on as it did, rounded up: spent ÷ the share of the
    /// window that has passed. `None` before a window begins, and for windows that do not end.
    pub fn forecast(&self, now: Timestamp) -> Option<Amount> {
        forecast(self.window, self.spent.parts(), now).map(|parts| self.limit.with_parts(parts))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, spent, reserved, .. } = self;
        write!(f, "{} left of {limit}: {spent} spent, {reserved} reserved", self.left())
    }
}

/// Why an account cannot be kept on these terms; `None` when it can.
pub(super) fn wrong_terms(spec: &BudgetSpec) -> Option<String> {
    if let AccountWindow::Between { from, until } = spec.window
        && from >= until
    {
        return Some(format!("its window ends at {until}, not after its beginning at {from}"));
    }
    if let AccountWindow::Rolling { last } = spec.window
        && Rolling::new(last, Timestamp::EPOCH).is_none()
    {
        return Some(format!("a rolling window of {last}: expected from {BUCKETS}us to 290,000 years"));
    }
    if spec.alerts.len() > MAX_ALERTS {
        return Some(format!("{} alerts: expected at most {MAX_ALERTS}", spec.alerts.len()));
    }
    let ends = matches!(spec.window, AccountWindow::Between { .. });
    let forecast = spec.alerts.iter().find(|alert| matches!(alert, AlertAt::Forecast(_)));
    forecast.filter(|_| !ends).map(|alert| format!("the alert `{alert}` needs a calendar window: no other one ends"))
}

/// An account as the ledger keeps it: what every reservation touches, and the rest behind a pointer.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) limit: i64,
    pub(super) spent: i64,
    pub(super) reserved: i64,
    pub(super) overrun: i64,
    /// What must be spent for the next alert; `i64::MAX` when there is none.
    next_alert: i64,
    /// Nothing, on the account's meter.
    pub(super) zero: Amount,
    pub(super) parent: Option<BookId>,
    /// Whether time matters to a charge: a rolling window, or forecasts that are to be told.
    timed: bool,
    pub(super) page: Box<Page>,
}

/// The part of an account that few operations touch.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) spec: BudgetSpec,
    /// What transfers added to the limit.
    pub(super) moved: i64,
    /// Which of the alerts were told.
    pub(super) told: u16,
    pub(super) rolling: Option<Rolling>,
}

impl Book {
    pub(super) fn new(spec: &BudgetSpec, now: Timestamp) -> Self {
        let page = Box::new(Page { spec: spec.clone(), moved: 0, told: 0, rolling: None });
        let mut book = Self {
            limit: spec.limit.parts(),
            spent: 0,
            reserved: 0,
            overrun: 0,
            next_alert: i64::MAX,
            zero: spec.limit.zero(),
            parent: None,
            timed: false,
            page,
        };
        book.follow(spec.clone(), now);
        book
    }

    /// Takes over other terms. What is spent stays spent: in a rolling window it counts as spent now.
    pub(super) fn change(&mut self, spec: BudgetSpec, now: Timestamp, notices: &mut Vec<Notice>) {
        let before = std::mem::replace(&mut self.page.spec, spec.clone());
        if before.window != spec.window {
            self.page.rolling = None;
        }
        // What was told stays told under the new terms.
        let told = |alert: &AlertAt| {
            before.alerts.iter().enumerate().any(|(at, old)| old == alert && self.page.told & (1 << at) != 0)
        };
        let told = spec.alerts.iter().enumerate().filter(|(_, alert)| told(alert)).map(|(at, _)| 1 << at).sum();
        self.page.told = told;
        self.follow(spec, now);
        self.tell(now, notices);
    }

    fn follow(&mut self, spec: BudgetSpec, now: Timestamp) {
        if let (AccountWindow::Rolling { last }, None) = (spec.window, &self.page.rolling) {
            self.page.rolling = Rolling::new(last, now);
            if let Some(rolling) = &mut self.page.rolling {
                rolling.add(self.spent);
            }
        }
        self.limit = spec.limit.parts().saturating_add(self.page.moved);
        self.page.spec = spec;
        self.arm();
    }

    pub(super) fn view(&self) -> Account {
        let amount = |parts| self.zero.with_parts(parts);
        Account {
            limit: amount(self.limit),
            spent: amount(self.spent),
            reserved: amount(self.reserved),
            overrun: amount(self.overrun),
            window: self.page.spec.window,
        }
    }

    #[inline]
    pub(super) fn name(&self) -> &BudgetName {
        &self.page.spec.name
    }

    /// What can still be reserved. It saturates towards having less.
    #[inline]
    pub(super) fn left(&self) -> i64 {
        self.limit.saturating_sub(self.spent).saturating_sub(self.reserved)
    }

    /// Whether so much can be reserved; nothing always can.
    #[inline]
    pub(super) fn has_room(&self, asked: Amount) -> bool {
        self.zero.is_like(asked) && asked.parts() <= self.left().max(0)
    }

    /// Why it cannot.
    pub(super) fn shortage(&self, asked: Amount) -> Shortage {
        let (left, limit) = (self.zero.with_parts(self.left()), self.zero.with_parts(self.limit));
        let BudgetSpec { name, rule, on_limit, .. } = &self.page.spec;
        let (budget, rule, on_limit) = (name.clone(), rule.clone(), on_limit.clone());
        Shortage { budget, rule, left, limit, asked, on_limit }
    }

    /// What transfers will have added to the limit after one more; `None` when the limit does not fit then.
    pub(super) fn moved_by(&self, parts: i64) -> Option<i64> {
        let moved = self.page.moved.checked_add(parts)?;
        self.page.spec.limit.parts().checked_add(moved).map(|_| moved)
    }

    /// Sets what transfers added to the limit, as [`Book::moved_by`] found it.
    pub(super) fn set_moved(&mut self, moved: i64, now: Timestamp, notices: &mut Vec<Notice>) {
        self.page.moved = moved;
        self.limit = self.page.spec.limit.parts().saturating_add(moved);
        self.tell(now, notices);
    }

    /// Takes a charge: `within` from what is reserved, `beyond` on top of it. `spent + reserved` grows by no more than
    /// `beyond`, and the caller has checked that this fits.
    #[inline]
    pub(super) fn charge(&mut self, within: i64, beyond: i64, now: Timestamp, notices: &mut Vec<Notice>) {
        if self.timed {
            self.roll(now);
        }
        self.reserved -= within;
        self.spent += within + beyond;
        if beyond > 0 {
            self.overrun += beyond;
            notices.push(self.notice(NoticeKind::Overrun { by: self.zero.with_parts(beyond) }));
        }
        if self.timed
            && let Some(rolling) = &mut self.page.rolling
        {
            rolling.add(within + beyond);
        }
        if self.spent >= self.next_alert || self.timed {
            self.tell(now, notices);
        }
    }

    /// Whether time may matter on these terms; [`Book::pass`] knows whether it does now.
    pub(super) fn is_timed(&self) -> bool {
        let forecasts = self.page.spec.alerts.iter().any(|alert| matches!(alert, AlertAt::Forecast(_)));
        self.page.rolling.is_some() || forecasts
    }

    /// Takes in the time: what a rolling window forgets, and what a forecast tells.
    pub(super) fn pass(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        if self.timed {
            self.roll(now);
            self.tell(now, notices);
        }
    }

    /// Forgets what is older than a rolling window; alerts that are not reached any more can be told again.
    fn roll(&mut self, now: Timestamp) {
        let Some(rolling) = &mut self.page.rolling else { return };
        let forgotten = rolling.forget(now);
        if forgotten > 0 {
            self.spent -= forgotten;
            for (at, alert) in self.page.spec.alerts.iter().enumerate() {
                if matches!(*alert, AlertAt::Spent(percent) if self.spent < share(self.limit, percent)) {
                    self.page.told &= !(1 << at);
                }
            }
            self.arm();
        }
    }

    /// Tells every alert that is reached and was not told.
    pub(super) fn tell(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        for at in 0..self.page.spec.alerts.len() {
            let Some(alert) = self.page.spec.alerts.get(at).filter(|_| self.page.told & (1 << at) == 0) else {
                continue;
            };
            let kind = match *alert {
                AlertAt::Spent(percent) => {
                    (self.spent >= share(self.limit, percent)).then_some(NoticeKind::Spent { percent })
                }
                AlertAt::Forecast(percent) => self.forecast_over(percent, now),
            };
            if let Some(kind) = kind {
                self.page.told |= 1 << at;
                notices.push(self.notice(kind));
            }
        }
        self.arm();
    }

    fn forecast_over(&self, percent: u16, now: Timestamp) -> Option<NoticeKind> {
        let AccountWindow::Between { from, until } = self.page.spec.window else { return None };
        let early = now.since(from).as_micros() < until.since(from).as_micros() / FORECAST_FROM;
        let forecast = forecast(self.page.spec.window, self.spent, now).filter(|_| !early)?;
        let over = i128::from(forecast) * 100 > i128::from(self.limit) * i128::from(percent);
        (over && forecast > 0).then_some(NoticeKind::Forecast { percent, forecast: self.zero.with_parts(forecast) })
    }

    fn notice(&self, kind: NoticeKind) -> Notice {
        let (spent, limit) = (self.zero.with_parts(self.spent), self.zero.with_parts(self.limit));
        Notice { budget: self.name().clone(), kind, spent, limit }
    }

    /// Finds what is looked out for next.
    pub(super) fn arm(&mut self) {
        let page = &self.page;
        let open = || page.spec.alerts.iter().enumerate().filter(|(at, _)| page.told & (1 << at) == 0);
        let next = open().filter_map(|(_, alert)| match *alert {
            AlertAt::Spent(percent) => Some(share(self.limit, percent)),
            AlertAt::Forecast(_) => None,
        });
        let next = next.min().unwrap_or(i64::MAX);
        self.timed = page.rolling.is_some() || open().any(|(_, alert)| matches!(alert, AlertAt::Forecast(_)));
        self.next_alert = next;
    }
}

impl BudgetSpec {
    /// Whether an account can be kept on these terms: a limit from zero, a window that ends after it begins, at most 16
    /// alerts, and forecasts only where the window ends. Readers of documents ask it, so that a mistake is found on loading.
    pub fn check(&self) -> Result<(), LedgerError> {
        if self.limit.is_negative() {
            return Err(LedgerError::Negative(self.limit));
        }
        match wrong_terms(self) {
            Some(what) => Err(LedgerError::Terms { budget: self.name.clone(), what }),
            None => Ok(()),
        }
    }
}
