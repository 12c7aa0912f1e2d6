//! The books: what runs reserve, charge and settle; as it happens, and as a later host finds it in the journal.
//!
//! Entries are made one at a time, and written before the next one is made: the journal has them in the order in which the
//! ledger saw them, each at the time by which it was made. So a host that folds the journal makes the same entries in the
//! same books; also what fell out of a rolling window has fallen out there.

use super::run::RunShared;
use super::{Control, Recovered};
use orp_core::{
    error::StoreError,
    id::{BudgetName, IdempotencyKey, RunId, TaskName},
    noun::{BudgetSpec, Event, Ledger, LedgerError, Notice, Plan, Record, RunState, TaskStatus},
    unit::{Amount, AmountError, Meter, Money, Timestamp},
};

/// The key under which a run's reservation on a meter is held.
pub(super) fn reservation_key(run: RunId, meter: Meter) -> IdempotencyKey {
    IdempotencyKey::new(match meter {
        Meter::Cost => format!("{run}/budget"),
        meter => format!("{run}/budget/{meter}"),
    })
}

impl Control {
    /// Makes an entry in the books as they stand now, and writes what it says and what time told since the last one: its
    /// answer, and the records, not yet told.
    pub(crate) async fn enter<T>(
        &self,
        run: Option<RunId>,
        entry: impl FnOnce(&mut Ledger, Timestamp) -> (T, Vec<Event>),
    ) -> Result<(T, Vec<Record>), StoreError> {
        let _one_at_a_time = self.book_gate.lock().await;
        let (at, answer, events) = {
            let mut ledger = self.ledger();
            // The ledger's time never goes back, and neither does that of its entries.
            let at = self.clock.now().max(ledger.now());
            let passed = ledger.expire(at).notices;
            let (answer, mut events) = entry(&mut ledger, at);
            events.extend(noticed(passed));
            (at, answer, events)
        };
        let records = if events.is_empty() { Vec::new() } else { self.recorder.write_at(at, run, events).await? };
        Ok((answer, records))
    }
}

impl RunShared {
    /// Makes an entry in the books for this run: journal, fold, tell.
    pub(super) async fn enter<T>(
        &self,
        control: &Control,
        entry: impl FnOnce(&mut Ledger, &RunState, Timestamp) -> (T, Vec<Event>),
    ) -> Result<T, StoreError> {
        let _in_order = self.writing.lock().await;
        let made = |ledger: &mut Ledger, at: Timestamp| self.with(|state| entry(ledger, state, at));
        let (answer, records) = control.enter(Some(self.id), made).await?;
        self.fold(&records);
        control.recorder.tell(records);
        Ok(answer)
    }
}

pub(super) fn noticed(notices: Vec<Notice>) -> impl Iterator<Item = Event> {
    notices.into_iter().map(|notice| Event::BudgetNoticed { notice })
}

/// Reserves what a plan takes on every budget that counts it, or nothing at all: money always, and every other meter that a
/// budget counts.
pub(super) fn reserve(
    ledger: &mut Ledger,
    run: RunId,
    plan: &Plan,
    budgets: &[BudgetSpec],
) -> Result<Vec<Event>, LedgerError> {
    let mut wanted: Vec<(Amount, Vec<BudgetSpec>)> = Vec::new();
    for meter in Meter::ALL {
        let budgets: Vec<BudgetSpec> = budgets.iter().filter(|budget| budget.limit.meter() == meter).cloned().collect();
        match (meter, budgets.first()) {
            (Meter::Cost, _) => wanted.push((plan.reserve.into(), budgets)),
            (_, None) => {}
            (_, Some(first)) => {
                let amount = plan.believed(meter, |_| true).ok_or_else(|| unstated(first))??;
                wanted.push((amount, budgets));
            }
        }
    }
    // One reservation undoes itself where it is refused; several need the books as they were.
    let before = (wanted.len() > 1).then(|| ledger.clone());
    let mut events = Vec::new();
    let mut notices = Vec::new();
    for (amount, budgets) in wanted {
        let key = reservation_key(run, amount.meter());
        match ledger.open_and_reserve(key.clone(), amount, &budgets, None) {
            Ok(told) => notices.extend(told),
            Err(error) => {
                if let Some(before) = before {
                    *ledger = before;
                }
                return Err(error);
            }
        }
        events.push(Event::BudgetReserved { key, amount, budgets });
    }
    events.extend(noticed(notices));
    Ok(events)
}

/// Why a budget cannot be kept by reserving.
fn unstated(budget: &BudgetSpec) -> LedgerError {
    let meter = budget.limit.meter();
    let what =
        format!("it counts {meter}, and no plan states how many it takes: expected cost, gpu_seconds or egress_bytes");
    LedgerError::Terms { budget: budget.name.clone(), what }
}

/// Raises a reservation to `wanted` in all; nothing when it is enough.
pub(super) fn extend(
    ledger: &mut Ledger,
    key: &IdempotencyKey,
    held: Amount,
    wanted: Amount,
) -> Result<Option<Event>, LedgerError> {
    let more = wanted.checked_sub(held)?;
    if more.is_negative() || more.is_zero() {
        return Ok(None);
    }
    ledger.extend(key, more)?;
    Ok(Some(Event::BudgetExtended { key: key.clone(), more }))
}

/// Charges a run's reservation on the amount's meter, raising it first when it is too small: what that says, for an event of
/// the charge to follow. What no budget allows is still owed: it is charged as far as it can be, and told.
pub(super) fn spend(ledger: &mut Ledger, run: RunId, amount: Amount, at: Timestamp) -> Vec<Event> {
    let key = reservation_key(run, amount.meter());
    let Some(left) = ledger.reservation(&key).map(|held| held.left()) else { return Vec::new() };
    let mut events = Vec::new();
    match extend(ledger, &key, left, amount) {
        Ok(extended) => events.extend(extended),
        Err(error) => tracing::error!(%key, %error, "a charge passes every budget that allows it"),
    }
    match charge(ledger, &key, amount, at) {
        Ok(notices) => events.extend(noticed(notices)),
        Err(error) => tracing::error!(%key, %error, "a charge was not booked"),
    }
    events
}

/// Charges a reservation: all of it where its accounts record what passes it, and otherwise as far as it goes.
fn charge(
    ledger: &mut Ledger,
    key: &IdempotencyKey,
    amount: Amount,
    at: Timestamp,
) -> Result<Vec<Notice>, LedgerError> {
    match ledger.charge(key, amount, at) {
        Err(LedgerError::BeyondReservation { left, .. }) => ledger.charge(key, left, at),
        charged => charged,
    }
}

/// Charges a run with what it used on a meter other than cost, where a budget of it counts that.
pub(super) fn meter(ledger: &mut Ledger, run: &RunState, what: String, amount: Amount, at: Timestamp) -> Vec<Event> {
    if !run.metered.contains_key(&amount.meter()) {
        return Vec::new();
    }
    let mut events = spend(ledger, run.id, amount, at);
    events.push(Event::Metered { what, amount });
    events
}

/// Raises what a run holds to what a new plan for the rest of it takes, as far as the budgets allow: the guard stops the run
/// before they are passed.
pub(super) fn follow(ledger: &mut Ledger, run: &RunState, plan: &Plan) -> Vec<Event> {
    let is_open = |task: &TaskName| run.tasks.get(task).is_none_or(|task| task.status != TaskStatus::Done);
    let mut events = Vec::new();
    if let Some((key, held)) = &run.reservation {
        events.extend(extend(ledger, key, (*held).into(), plan.reserve.into()).ok().flatten());
    }
    for (meter, metered) in &run.metered {
        let rest = plan.believed(*meter, is_open).and_then(Result::ok);
        let Some(wanted) = rest.and_then(|rest| metered.used.checked_add(rest).ok()) else { continue };
        events.extend(extend(ledger, &metered.key, metered.reserved, wanted).ok().flatten());
    }
    events
}

/// Raises what a run holds where it will have used more by `ahead`; what keeps a budget from allowing that.
pub(super) fn look_ahead(
    ledger: &mut Ledger,
    run: &RunState,
    ahead: Timestamp,
) -> (Result<(), LedgerError>, Vec<Event>) {
    let mut events = Vec::new();
    for (key, held, expected) in expected(run, ahead) {
        match extend(ledger, &key, held, expected) {
            Ok(extended) => events.extend(extended),
            Err(error) => return (Err(error), events),
        }
    }
    (Ok(()), events)
}

/// Whether a run will have used more than it holds by `ahead`.
pub(super) fn needs_more(run: &RunState, ahead: Timestamp) -> bool {
    expected(run, ahead).any(|(_, held, expected)| expected > held)
}

/// Every reservation of a run with what it holds and what will have been used of it.
fn expected(run: &RunState, ahead: Timestamp) -> impl Iterator<Item = (IdempotencyKey, Amount, Amount)> {
    let money = run.reservation.as_ref().and_then(|(key, held)| {
        let expected = accrued(run, ahead)?;
        Some((key.clone(), Amount::from(*held), Amount::from(expected)))
    });
    let metered = run.metered.values().filter_map(move |metered| {
        let expected = metered_by(run, metered.used, ahead).ok()?;
        Some((metered.key.clone(), metered.reserved, expected))
    });
    money.into_iter().chain(metered)
}

/// What a run has cost by `at`: what is charged, and what its open leases have come to.
pub(super) fn accrued(run: &RunState, at: Timestamp) -> Option<Money> {
    run.open_leases().try_fold(run.spent, |sum, open| {
        let cost = open.lease.cost_until(at.max(open.lease.granted)).ok()?;
        sum.checked_add(cost).ok()
    })
}

/// What a run has used on another meter by `at`: of what runs on, only accelerators count by time.
fn metered_by(run: &RunState, used: Amount, at: Timestamp) -> Result<Amount, AmountError> {
    if used.meter() != Meter::GpuSeconds {
        return Ok(used);
    }
    run.open_leases().try_fold(used, |sum, open| sum.checked_add(open.lease.gpu_time_until(at)?))
}

/// Releases what is left of everything a run holds.
pub(super) fn settle(ledger: &mut Ledger, run: &RunState) -> Vec<Event> {
    let money = run.reservation.iter().map(|(key, _)| (key, Amount::from(run.spent)));
    let metered = run.metered.values().map(|metered| (&metered.key, metered.used));
    let settled = |(key, spent): (&IdempotencyKey, Amount)| {
        let released = ledger.settle(key).unwrap_or(spent.zero());
        Event::BudgetSettled { key: key.clone(), spent, released }
    };
    money.chain(metered).map(settled).collect()
}

/// Releases what was reserved for a run that does not start.
pub(super) fn give_back(ledger: &mut Ledger, run: RunId) {
    for meter in Meter::ALL {
        let _ = ledger.settle(&reservation_key(run, meter));
    }
}

impl Recovered {
    /// Takes an entry in as it was made.
    pub(super) fn fold_books(&mut self, record: &Record) {
        if let Err(error) = fold(&mut self.ledger, record) {
            // What was owed beyond every budget is not in the ledger, as it was not when it happened.
            tracing::warn!(sequence = record.sequence.0, %error, "a record does not fit the ledger");
        }
    }
}

fn fold(ledger: &mut Ledger, record: &Record) -> Result<(), LedgerError> {
    let at = record.at;
    let charged = |ledger: &mut Ledger, amount: Amount| {
        ledger.expire(at);
        let Some(run) = record.run else { return Ok(()) };
        let key = reservation_key(run, amount.meter());
        if ledger.reservation(&key).is_none() { Ok(()) } else { charge(ledger, &key, amount, at).map(drop) }
    };
    match &record.event {
        Event::BudgetReserved { key, amount, budgets } => {
            ledger.expire(at);
            ledger.open_all(budgets)?;
            let names: Vec<BudgetName> = budgets.iter().map(|budget| budget.name.clone()).collect();
            ledger.reserve(key.clone(), *amount, &names, None)
        }
        Event::BudgetExtended { key, more } => {
            ledger.expire(at);
            ledger.extend(key, *more)
        }
        Event::BudgetSettled { key, .. } => {
            ledger.expire(at);
            ledger.settle(key).map(drop)
        }
        Event::BudgetTransferred { key, transfer, .. } => {
            ledger.expire(at);
            ledger.transfer(key.clone(), transfer.clone()).map(drop)
        }
        // What time tells is told once, also by an entry that was refused.
        Event::BudgetNoticed { .. } => {
            ledger.expire(at);
            Ok(())
        }
        Event::LeaseReleased { cost: amount, .. } | Event::Charged { amount, .. } => charged(ledger, (*amount).into()),
        Event::Metered { amount, .. } => charged(ledger, *amount),
        _ => Ok(()),
    }
}
