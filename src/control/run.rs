//! One run: starts what is ready, re-plans after a reclaim, and settles the account.
//!
//! A run is driven by one task of the runtime. Everything it knows is in its [`RunState`], folded from the journal; what
//! it does next is a function of that state, so a restarted host goes on where the last one stood.

use super::attempt::{self, AttemptEnd};
use super::books::{self, accrued};
use super::judge::{Judged, decided, unaffordable};
use super::{Asking, Cleared, Control, held};
use crate::error::OrpError;
use orp_core::{
    error::StoreError,
    id::{AttemptId, RunId, TaskName},
    noun::{
        Digest, Event, Infeasibility, Intent, Interruption, LeaseState, Ledger, LedgerError, OfferKey, Outcome, Plan,
        PlanOutcome, PolicyDecision, PolicyPoint, PolicyRequest, Record, Remaining, RunState, TaskStatus,
    },
    unit::{Probability, Timestamp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tokio::{sync::watch, task::JoinSet};

/// How many ticks the guard of the budget looks ahead, at the pace the clock just went: time for processes to be told, to
/// save, and to end.
const LOOK_AHEAD_TICKS: u64 = 6;

/// Why the attempts of a run must stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody cancelled it.
    Cancelled(String),
    /// A budget has no more.
    BudgetExhausted(String),
    /// A task failed for good, and the others are of no use any more.
    Failed(String),
}

impl Stop {
    pub(crate) const fn interruption(&self) -> Interruption {
        match self {
            Self::BudgetExhausted(_) => Interruption::BudgetExhausted,
            Self::Cancelled(_) | Self::Failed(_) => Interruption::Cancelled,
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Cancelled(_) => Outcome::Cancelled,
            Self::BudgetExhausted(reason) | Self::Failed(reason) => Outcome::Failed(reason.clone()),
        }
    }
}

/// A run as its driver, its attempts and its handles share it.
#[derive(Debug)]
pub(crate) struct RunShared {
    pub(crate) id: RunId,
    state: Mutex<RunState>,
    /// Held while facts are written and folded, so that the fold sees them in the journal's order.
    pub(super) writing: tokio::sync::Mutex<()>,
    pub(crate) stop: watch::Sender<Option<Stop>>,
    pub(crate) finished: watch::Sender<bool>,
    /// What a store that failed said: the run is then left as it is, for a later host.
    pub(crate) broken: Mutex<Option<StoreError>>,
    /// Offers that were reclaimed or refused, with the hazard to believe of them until the run ends.
    distrusted: Mutex<BTreeMap<OfferKey, f64>>,
}

impl RunShared {
    pub(crate) fn new(state: RunState) -> Self {
        let finished = state.ended.is_some();
        let stop = state.cancelling.clone().map(Stop::Cancelled);
        Self {
            id: state.id,
            state: Mutex::new(state),
            writing: tokio::sync::Mutex::new(()),
            stop: watch::Sender::new(stop),
            finished: watch::Sender::new(finished),
            broken: Mutex::new(None),
            distrusted: Mutex::new(BTreeMap::new()),
        }
    }

    /// The state now.
    pub(crate) fn state(&self) -> RunState {
        held(&self.state).clone()
    }

    /// What `read` makes of the state now.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&RunState) -> T) -> T {
        read(&held(&self.state))
    }

    /// Writes facts of this run: journal, fold, tell.
    pub(crate) async fn record(&self, control: &Control, events: Vec<Event>) -> Result<(), StoreError> {
        let _in_order = self.writing.lock().await;
        let records = control.recorder.write(Some(self.id), events).await?;
        self.fold(&records);
        control.recorder.tell(records);
        Ok(())
    }

    pub(crate) fn fold(&self, records: &[Record]) {
        let mut state = held(&self.state);
        records.iter().for_each(|record| state.apply(record));
    }

    /// Asks every attempt to stop; the first reason stays.
    pub(crate) fn ask_to_stop(&self, stop: Stop) {
        self.stop.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(stop);
            }
            first
        });
    }

    pub(crate) fn distrust(&self, offer: OfferKey, reclaims_per_hour: f64) {
        held(&self.distrusted).insert(offer, reclaims_per_hour);
    }

    fn stop_reason(&self) -> Option<Stop> {
        self.stop.borrow().clone()
    }
}

/// Drives a run to its end. Returns early only when the store fails; the run then goes on with the next host.
pub(crate) async fn drive(control: Arc<Control>, run: Arc<RunShared>) {
    if let Err(error) = Driver::new(control, run.clone()).go().await {
        tracing::error!(run = %run.id, %error, "the run is left to a later host");
        *held(&run.broken) = Some(error);
    }
    run.finished.send_replace(true);
}

struct Driver {
    control: Arc<Control>,
    run: Arc<RunShared>,
    attempts: JoinSet<(TaskName, Result<AttemptEnd, StoreError>)>,
    in_flight: BTreeSet<TaskName>,
    /// What the open leases cost for each tick of the clock seen last, to look ahead.
    last_look: Timestamp,
}

impl Driver {
    fn new(control: Arc<Control>, run: Arc<RunShared>) -> Self {
        let last_look = control.clock.now();
        Self { control, run, attempts: JoinSet::new(), in_flight: BTreeSet::new(), last_look }
    }

    async fn go(mut self) -> Result<(), StoreError> {
        self.release_leftovers().await?;
        let mut stop = self.run.stop.subscribe();
        let mut tick = tokio::time::interval(self.control.settings.poll.as_std());
        loop {
            let stopping = self.run.stop_reason();
            if let (Some(Stop::Cancelled(reason)), None) = (&stopping, self.run.with(|state| state.cancelling.clone()))
            {
                self.run.record(&self.control, vec![Event::CancelRequested { reason: reason.clone() }]).await?;
            }
            // A stopping run still takes up attempts that were open when the host came back: they must be ended.
            self.start_attempts(stopping.is_some());
            if self.in_flight.is_empty() {
                let outcome = match stopping {
                    _ if self.run.with(RunState::is_complete) => Outcome::Succeeded,
                    Some(stop) => stop.outcome(),
                    None => Outcome::Failed("no task can go on".into()),
                };
                return self.settle(outcome).await;
            }
            tokio::select! {
                Some(ended) = self.attempts.join_next() => self.attempt_ended(ended).await?,
                _ = stop.changed() => {}
                _ = tick.tick() => self.guard_budget().await?,
            }
        }
    }

    /// Starts an attempt for every ready task, and takes up every open one.
    fn start_attempts(&mut self, only_open: bool) {
        let (ready, open) = self.run.with(|state| {
            let open: Vec<TaskName> = state
                .tasks
                .iter()
                .filter(|(_, task)| task.status != TaskStatus::Done && task.open_attempt().is_some())
                .map(|(name, _)| name.clone())
                .collect();
            (if only_open { Vec::new() } else { state.ready() }, open)
        });
        for task in ready.into_iter().chain(open) {
            if self.in_flight.insert(task.clone()) {
                let (control, run) = (self.control.clone(), self.run.clone());
                self.attempts.spawn(async move { (task.clone(), attempt::drive(control, run, task).await) });
            }
        }
    }

    async fn attempt_ended(
        &mut self,
        ended: Result<(TaskName, Result<AttemptEnd, StoreError>), tokio::task::JoinError>,
    ) -> Result<(), StoreError> {
        let (task, end) = match ended {
            Ok((task, end)) => (task, end?),
            Err(error) => {
                // A panic in an attempt: a fault of this library. The run fails visibly instead of hanging.
                self.run.ask_to_stop(Stop::Failed(format!("an attempt broke off: {error}")));
                self.in_flight.clear();
                self.attempts.abort_all();
                return Ok(());
            }
        };
        self.in_flight.remove(&task);
        match end {
            AttemptEnd::Done | AttemptEnd::Again | AttemptEnd::Stopped => Ok(()),
            AttemptEnd::Failed(reason) => {
                self.run.ask_to_stop(Stop::Failed(reason));
                Ok(())
            }
            AttemptEnd::Elsewhere(reason) => self.replan(reason).await,
        }
    }

    /// Plans what is left of the run again, and follows the new plan.
    async fn replan(&mut self, reason: String) -> Result<(), StoreError> {
        if self.run.stop_reason().is_some() {
            return Ok(());
        }
        let state = self.run.state();
        if state.replans.len() >= self.control.settings.replans_max as usize {
            let most = self.control.settings.replans_max;
            self.run.ask_to_stop(Stop::Failed(format!(
                "{reason}; the run was planned again {most} times, the most allowed"
            )));
            return Ok(());
        }
        let mut judged = None;
        let planned = self.plan_rest(&state, &mut judged).await;
        if let Some(judged) = judged {
            self.run.record(&self.control, vec![judged]).await?;
        }
        match planned {
            Ok((plan, note)) => self.follow(&state, plan, reason + &note).await,
            Err(why) => {
                self.run.ask_to_stop(Stop::Failed(format!("{reason}; then {why}")));
                Ok(())
            }
        }
    }

    /// A plan for what is left. When nothing keeps the constraints with their confidence any more, the best that keeps them
    /// as likely as not; then, since late is better than never, the best within the budget. The second part says so. What
    /// policy refused on the way is left in `judged`.
    async fn plan_rest(&self, state: &RunState, judged: &mut Option<Event>) -> Result<(Plan, String), String> {
        let intent = state.plan.intent.clone();
        let even = with_even_odds(&intent);
        let mut late = even.clone();
        late.constraints.finish = None;
        let mut why = String::new();
        for (intent, note) in [
            (intent, ""),
            (even, "; constraints are kept as likely as not"),
            (late, "; the deadline cannot be kept any more"),
        ] {
            let (problem, refused) =
                self.control.problem(&intent, Some(self.remaining(state)), Some(&state.clearance)).await;
            *judged = refused.or(judged.take());
            match self.control.plan_blocking(problem).await {
                Ok(PlanOutcome::Feasible(frontier)) => {
                    let Some(plan) = frontier.choose(&intent.prefer) else { continue };
                    let mut plan = plan.clone();
                    plan.intent.constraints = state.plan.intent.constraints.clone();
                    return Ok((plan, note.into()));
                }
                Ok(PlanOutcome::Infeasible(infeasible)) => why = first_line(&infeasible),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    fn remaining(&self, state: &RunState) -> Remaining {
        let elapsed = self.control.clock.now().since(state.started);
        let accrued = accrued(state, self.control.clock.now()).unwrap_or(state.spent);
        let mut remaining = Remaining::new(state.plan.clone(), accrued, elapsed);
        for (name, task) in &state.tasks {
            if task.status == TaskStatus::Done || self.in_flight.contains(name) {
                remaining.settled.push(name.clone());
            } else if task.safe_share > 0.0 {
                remaining.progress.insert(name.clone(), task.safe_share);
            }
        }
        remaining.distrusted = held(&self.run.distrusted).clone();
        remaining
    }

    /// Follows a new plan, if policy and the budgets allow it.
    async fn follow(&mut self, state: &RunState, plan: Plan, reason: String) -> Result<(), StoreError> {
        let subjects = self.control.subjects(&plan.intent, &[]);
        let request = self.control.plan_request(PolicyPoint::Replan, &plan, &subjects);
        let Judged { decision, asked } = self.control.judge_plan(&request, &plan, &subjects);
        let refusal = self.control.holds_up(&decision, &state.clearance, Some(&plan));
        let judged = decided(PolicyPoint::Replan, plan.id.to_string(), decision, asked);
        if let Some(refusal) = refusal {
            self.run.ask_to_stop(Stop::Failed(format!("{reason}; then policy refused: {refusal}")));
            return self.run.record(&self.control, vec![judged]).await;
        }
        let entry = |ledger: &mut Ledger, state: &RunState, _| {
            let mut events = vec![judged];
            events.extend(books::follow(ledger, state, &plan));
            events.push(Event::Replanned { reason, plan: Box::new(plan) });
            ((), events)
        };
        self.run.enter(&self.control, entry).await
    }

    /// Stops the run before what it holds is used up, unless the budgets allow to raise it.
    async fn guard_budget(&mut self) -> Result<(), StoreError> {
        let now = self.control.clock.now();
        let tick = now.since(self.last_look);
        self.last_look = now;
        let ahead = now.after(tick.saturating_mul(LOOK_AHEAD_TICKS));
        if self.run.stop_reason().is_some() || !self.run.with(|state| books::needs_more(state, ahead)) {
            return Ok(());
        }
        let raised = self.run.enter(&self.control, |ledger, state, _| books::look_ahead(ledger, state, ahead)).await?;
        if let Err(error) = raised {
            let reason = format!("the budget is exhausted, the state is saved: {error}");
            self.run.ask_to_stop(Stop::BudgetExhausted(reason));
        }
        Ok(())
    }

    /// Releases leases whose attempt ended before the last host died.
    async fn release_leftovers(&self) -> Result<(), StoreError> {
        let leftovers = self.run.with(|state| {
            let ended = |lease: &&LeaseState| {
                let task = state.tasks.get(&lease.attempt.task);
                task.is_none_or(|task| {
                    task.attempts.iter().any(|attempt| attempt.id == lease.attempt && attempt.ended.is_some())
                })
            };
            state.open_leases().filter(ended).map(|lease| lease.lease.clone()).collect::<Vec<_>>()
        });
        for lease in leftovers {
            attempt::release(&self.control, &self.run, &lease).await?;
        }
        Ok(())
    }

    /// Closes the account and the run.
    async fn settle(&self, outcome: Outcome) -> Result<(), StoreError> {
        self.release_leftovers().await?;
        let entry = |ledger: &mut Ledger, state: &RunState, _| {
            let mut events = books::settle(ledger, state);
            events.push(Event::RunEnded { outcome });
            ((), events)
        };
        self.run.enter(&self.control, entry).await
    }
}

/// The same intent with constraints that need only be kept as likely as not.
fn with_even_odds(intent: &Intent) -> Intent {
    let mut intent = intent.clone();
    let even = Probability::clamped(0.5);
    if let Some(cost) = &mut intent.constraints.cost {
        cost.confidence = even;
    }
    if let Some(finish) = &mut intent.constraints.finish {
        finish.miss = even;
    }
    intent
}

fn first_line(infeasible: &Infeasibility) -> String {
    let bound = infeasible.binding.first();
    bound.map_or_else(
        || "nothing fits any more".into(),
        |bound| {
            format!("nothing fits any more: {} is {}, the nearest is {}", bound.constraint, bound.asked, bound.nearest)
        },
    )
}

impl Control {
    /// Plans on a thread of its own: a search may take a while.
    pub(crate) async fn plan_blocking(
        self: &Arc<Self>,
        problem: orp_core::noun::PlanningProblem,
    ) -> Result<PlanOutcome, OrpError> {
        let control = self.clone();
        let planned =
            tokio::task::spawn_blocking(move || control.planner.plan(&problem, &control.settings.plan_limits));
        planned.await.map_err(|error| OrpError::InvalidPlan(vec![format!("the planner broke off: {error}")]))
    }

    /// Admits a run: policy, budgets, journal; then drives it. What refused, when something did.
    pub(crate) async fn admit(self: &Arc<Self>, plan: Plan) -> Result<Result<Arc<RunShared>, Refusal>, OrpError> {
        let violations = plan.violations();
        if !violations.is_empty() {
            return Err(OrpError::InvalidPlan(violations));
        }
        let look = self.look().await;
        let subjects = self.subjects(&plan.intent, &look.offers);
        let request = self.plan_request(PolicyPoint::Run, &plan, &subjects);
        let Judged { decision, asked } = self.judge_plan(&request, &plan, &subjects);
        let asking = Asking::to_run(&plan);
        let clearance = match self.clear(&request, decision.clone(), &asking).await? {
            Cleared::Yes(clearance) => clearance,
            Cleared::Asked(approvals) => {
                return self.refused(&plan, decision, asked, Refusal::Approval(approvals)).await;
            }
            Cleared::No(refusal) => {
                return self.refused(&plan, decision, asked, Refusal::Policy(Box::new(refusal))).await;
            }
        };
        let id = RunId::next(&*self.ids);
        let judged = decided(PolicyPoint::Run, plan.id.to_string(), decision.clone(), asked.clone());
        let cleared = Event::RunCleared { clearance: clearance.clone() };
        let records = loop {
            let budgets = self.budgets(id, &plan, &request)?;
            let start = |ledger: &mut Ledger, _| match books::reserve(ledger, id, &plan, &budgets) {
                Err(error) => (Err(error), Vec::new()),
                Ok(reserved) => {
                    let started = Event::RunStarted { plan: Box::new(plan.clone()) };
                    (Ok(()), [started, judged.clone(), cleared.clone()].into_iter().chain(reserved).collect())
                }
            };
            match self.enter(Some(id), start).await {
                Ok((Ok(()), records)) => break records,
                Ok((Err(error), records)) => {
                    self.recorder.tell(records);
                    // What is approved is used up, so this ends.
                    let policy = clearance.policy.unwrap_or(Digest::of(b""));
                    if let Err(refusal) = self.raise_limits(&request, error, policy, &plan).await? {
                        return self.refused(&plan, decision, asked, refusal).await;
                    }
                }
                Err(error) => {
                    // Nothing was started: what was held is given back before the error is told.
                    books::give_back(&mut self.ledger(), id);
                    return Err(error.into());
                }
            }
        };
        let state = records.first().and_then(RunState::begin).ok_or(OrpError::UnknownRun(id))?;
        let run = Arc::new(RunShared::new(state));
        run.fold(&records[1..]);
        self.approvals.take(&cleared);
        self.recorder.tell(records);
        self.take_up(run.clone());
        self.notify(&clearance.obligations, &id.to_string()).await;
        Ok(Ok(run))
    }

    /// Puts on record that a plan may not be run, or not yet, with every question that was asked.
    async fn refused<T>(
        &self,
        plan: &Plan,
        decision: PolicyDecision,
        asked: Vec<(PolicyRequest, PolicyDecision)>,
        refusal: Refusal,
    ) -> Result<Result<T, Refusal>, OrpError> {
        let decision = match &refusal {
            Refusal::Policy(_) | Refusal::Approval(_) => decision,
            Refusal::Budget(error) => unaffordable(decision, error),
        };
        let judged = decided(PolicyPoint::Run, plan.id.to_string(), decision, asked);
        let records = self.recorder.write(None, vec![judged]).await?;
        self.recorder.tell(records);
        Ok(Err(refusal))
    }

    /// Drives a run from where it stands.
    pub(crate) fn take_up(self: &Arc<Self>, run: Arc<RunShared>) {
        self.runs().insert(run.id, run.clone());
        held(&self.drivers).spawn(drive(self.clone(), run));
    }
}

/// Who refused a run.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    Policy(Box<PolicyDecision>),
    Approval(Vec<orp_core::noun::ApprovalRequest>),
    Budget(LedgerError),
}

/// The attempt a task would make next.
pub(crate) fn next_attempt(state: &RunState, run: RunId, task: &TaskName) -> AttemptId {
    let attempts = state.tasks.get(task).map_or(0, |task| task.attempts.len());
    AttemptId { run, task: task.clone(), number: attempts as u32 + 1 }
}
