//! A ledger one can see through: lists, sums made anew, no indexes. Slow, and right because it is plain.

use orp_core::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const BUCKETS: i64 = 64;

#[derive(Clone)]
struct Held {
    named: Vec<BudgetName>,
    on: BTreeSet<BudgetName>,
    first: i64,
    amount: i64,
    charged: i64,
    overrun: i64,
    expires: Option<i64>,
    status: ReservationStatus,
}

impl Held {
    fn left(&self) -> i64 {
        if self.status == ReservationStatus::Open { self.amount - (self.charged - self.overrun) } else { 0 }
    }
}

/// One charge on one account.
#[derive(Clone)]
struct Charge {
    account: BudgetName,
    at: i64,
    parts: i64,
    overrun: i64,
}

#[derive(Clone, Default)]
pub(crate) struct Model {
    now: i64,
    specs: BTreeMap<BudgetName, BudgetSpec>,
    moved: BTreeMap<BudgetName, i64>,
    transfers: Vec<(IdempotencyKey, Transfer)>,
    holds: BTreeMap<IdempotencyKey, Held>,
    closed: Vec<IdempotencyKey>,
    remembered: usize,
    charges: Vec<Charge>,
    /// When each rolling account was last told the time.
    rolled: BTreeMap<BudgetName, i64>,
}

impl Model {
    pub(crate) fn new(remembered: usize) -> Self {
        Self { remembered, now: i64::MIN, ..Self::default() }
    }

    fn width(&self, account: &BudgetName) -> Option<i64> {
        match self.specs[account].window {
            AccountWindow::Rolling { last } => Some((last.as_micros() as i64 + BUCKETS - 1) / BUCKETS),
            _ => None,
        }
    }

    fn spent(&self, account: &BudgetName) -> i64 {
        let counts = |charge: &&Charge| match self.width(account) {
            None => true,
            Some(width) => self.rolled[account].div_euclid(width) - charge.at.div_euclid(width) <= BUCKETS,
        };
        self.charges.iter().filter(|charge| charge.account == *account).filter(counts).map(|charge| charge.parts).sum()
    }

    fn reserved(&self, account: &BudgetName) -> i64 {
        self.holds.values().filter(|held| held.on.contains(account)).map(Held::left).sum()
    }

    fn limit(&self, account: &BudgetName) -> i64 {
        self.specs[account].limit.parts() + self.moved.get(account).unwrap_or(&0)
    }

    fn left(&self, account: &BudgetName) -> i64 {
        self.limit(account) - self.spent(account) - self.reserved(account)
    }

    /// Limit, spent, reserved, overrun.
    pub(crate) fn numbers(&self, account: &BudgetName) -> [i64; 4] {
        let overrun =
            self.charges.iter().filter(|charge| charge.account == *account).map(|charge| charge.overrun).sum();
        [self.limit(account), self.spent(account), self.reserved(account), overrun]
    }

    /// What was charged in the last `span` at the model's time.
    pub(crate) fn in_window(&self, account: &BudgetName, span: i64) -> i64 {
        let young = |charge: &&Charge| charge.account == *account && self.now - charge.at < span;
        self.charges.iter().filter(young).map(|charge| charge.parts).sum()
    }

    pub(crate) fn hold(&self, key: &IdempotencyKey) -> Option<(i64, i64, i64, ReservationStatus)> {
        self.holds.get(key).map(|held| (held.amount, held.charged, held.left(), held.status))
    }

    fn close(&mut self, key: &IdempotencyKey, status: ReservationStatus) {
        let held = self.holds.get_mut(key).unwrap();
        if held.status == ReservationStatus::Open {
            held.status = status;
            self.closed.push(key.clone());
            while self.closed.len() > self.remembered {
                let oldest = self.closed.remove(0);
                self.holds.remove(&oldest);
            }
        }
    }

    fn fits(&self, on: &BTreeSet<BudgetName>, parts: i64) -> bool {
        on.iter().all(|account| parts <= self.left(account).max(0))
    }

    /// Whether the operation is accepted; if so, it is done.
    pub(crate) fn apply(&mut self, operation: &LedgerOperation) -> bool {
        type Op = LedgerOperation;
        match operation {
            Op::Open { budgets } => {
                for budget in budgets {
                    self.specs.insert(budget.name.clone(), budget.clone());
                    self.rolled.entry(budget.name.clone()).or_insert(self.now);
                }
                true
            }
            Op::Reserve { key, amount, accounts, expires } => {
                let (mut on, mut named) = (BTreeSet::new(), Vec::new());
                for account in accounts {
                    if !named.contains(account) {
                        named.push(account.clone());
                    }
                    let mut next = Some(account);
                    while let Some(account) = next {
                        on.insert(account.clone());
                        next = self.specs[account].parent.as_ref();
                    }
                }
                let (first, status) = (amount.parts(), ReservationStatus::Open);
                if let Some(held) = self.holds.get(key) {
                    return held.status == status && held.first == first && held.named == named;
                }
                if !self.fits(&on, first) {
                    return false;
                }
                let expires = expires.map(Timestamp::as_micros);
                let held = Held { named, on, first, amount: first, charged: 0, overrun: 0, expires, status };
                self.holds.insert(key.clone(), held);
                true
            }
            Op::Extend { key, more } => {
                let Some(held) = self.holds.get(key).filter(|held| held.status == ReservationStatus::Open) else {
                    return false;
                };
                let fits = self.fits(&held.on, more.parts());
                if fits {
                    self.holds.get_mut(key).unwrap().amount += more.parts();
                }
                fits
            }
            Op::Renew { key, expires } => match self.holds.get_mut(key) {
                Some(held) if held.status == ReservationStatus::Open => {
                    held.expires = held.expires.map(|before| before.max(expires.as_micros()));
                    true
                }
                _ => false,
            },
            Op::Charge { key, amount, at } => self.charge(key, amount.parts(), at.as_micros()),
            Op::Commit { key, actual, at } => {
                let Some(held) = self.holds.get(key) else { return false };
                let more = actual.parts() - held.charged;
                if held.status == ReservationStatus::Settled {
                    return more == 0;
                }
                let charged = more >= 0 && self.charge(key, more, at.as_micros());
                if charged {
                    self.close(key, ReservationStatus::Settled);
                }
                charged
            }
            Op::Settle { key } => {
                let known = self.holds.contains_key(key);
                if known {
                    self.close(key, ReservationStatus::Settled);
                }
                known
            }
            Op::Void { key } => match self.holds.get(key) {
                Some(held) if held.status == ReservationStatus::Open && held.charged == 0 => {
                    self.close(key, ReservationStatus::Voided);
                    true
                }
                Some(held) => held.status == ReservationStatus::Voided,
                None => false,
            },
            Op::Expire { now } => {
                self.now = self.now.max(now.as_micros());
                let over = |held: &Held| held.status == ReservationStatus::Open && held.expires <= Some(self.now);
                let mut over: Vec<_> =
                    self.holds.iter().filter(|(_, held)| held.expires.is_some() && over(held)).collect();
                over.sort_by_key(|(_, held)| held.expires);
                for key in over.into_iter().map(|(key, _)| key.clone()).collect::<Vec<_>>() {
                    self.close(&key, ReservationStatus::Expired);
                }
                self.rolled.values_mut().for_each(|rolled| *rolled = self.now);
                true
            }
            Op::Transfer { key, transfer } => {
                if let Some((_, made)) = self.transfers.iter().find(|(made, _)| made == key) {
                    return made == transfer;
                }
                let parts = transfer.amount.parts();
                if parts > self.left(&transfer.from).max(0) {
                    return false;
                }
                *self.moved.entry(transfer.from.clone()).or_default() -= parts;
                *self.moved.entry(transfer.to.clone()).or_default() += parts;
                self.transfers.push((key.clone(), transfer.clone()));
                if self.transfers.len() > self.remembered {
                    self.transfers.remove(0);
                }
                true
            }
            _ => unreachable!("every operation is modelled"),
        }
    }

    fn charge(&mut self, key: &IdempotencyKey, parts: i64, at: i64) -> bool {
        let Some(held) = self.holds.get_mut(key) else { return false };
        if !matches!(held.status, ReservationStatus::Open | ReservationStatus::Expired) {
            return false;
        }
        let overrun = (parts - held.left()).max(0);
        let records = |account: &BudgetName| self.specs[account].on_overrun == OnOverrun::Record;
        if overrun > 0 && (held.on.is_empty() || !held.on.iter().all(records)) {
            return false;
        }
        held.charged += parts;
        held.overrun += overrun;
        self.now = self.now.max(at);
        for account in held.on.clone() {
            self.rolled.insert(account.clone(), self.now);
            self.charges.push(Charge { account, at: self.now, parts, overrun });
        }
        true
    }
}
