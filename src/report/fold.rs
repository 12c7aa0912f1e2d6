//! From a run's state to the facts of its report.

use super::Report;
use super::facts::*;
use orp_core::prelude::*;

/// The report of `run`, as of the last fact known of it.
pub(super) fn report(run: &RunState, frontier: Option<&Frontier>, notes: &[String]) -> Report {
    let plan = &run.first_plan;
    let fold = Fold { run, seen: last_fact(run) };
    let leases: Vec<LeaseFacts> = run.leases.iter().map(|lease| fold.lease(lease)).collect();
    let tasks: Vec<TaskFacts> = fold.tasks(&leases);
    Report {
        run: run.id,
        name: plan.intent.name.clone(),
        intent: intent_line(&plan.intent),
        project: plan.intent.project.clone(),
        requester: plan.intent.requester.clone(),
        recipe: format!("{} {} ({})", plan.recipe.0, plan.recipe.1, plan.variant),
        tokens: plan.tokens,
        started: run.started,
        seen: fold.since_start(fold.seen),
        outcome: run.ended.as_ref().map(|(_, outcome)| outcome.clone()),
        cancelling: run.cancelling.clone(),
        notes: notes.to_vec(),
        cost: fold.cost(&leases),
        time: fold.time(),
        interruptions: interruptions(run),
        replans: run.replans.iter().map(|(at, reason)| fold.replanning(*at, reason)).collect(),
        policy: run.judgements.iter().map(|judgement| fold.policy(judgement)).collect(),
        quality: quality(plan, &tasks),
        frontier: frontier.map(|frontier| frontier_facts(frontier, plan)),
        starts: starts(&tasks),
        waste: waste(&tasks, &leases, fold.since_start(fold.seen), run.spent.currency()),
        artefacts: fold.artefacts(),
        charges: run.charges.iter().map(|charge| fold.charge(charge)).collect(),
        tasks,
        leases,
    }
}

/// The intent in a line, without its name.
fn intent_line(intent: &Intent) -> String {
    let line = intent.to_string();
    line.strip_prefix(&format!("{}: ", intent.name)).map_or_else(|| line.clone(), str::to_owned)
}

/// The latest point in time that the state knows of.
fn last_fact(run: &RunState) -> Timestamp {
    let mut seen = run.ended.as_ref().map_or(run.started, |(at, _)| *at);
    let mut look = |at: Timestamp| seen = seen.max(at);
    for attempt in run.tasks.values().flat_map(|task| &task.attempts) {
        look(attempt.queued);
        [attempt.requested, attempt.started].into_iter().flatten().for_each(&mut look);
        attempt.ended.iter().for_each(|(at, _)| look(*at));
    }
    for lease in &run.leases {
        look(lease.lease.granted);
        lease.released.iter().for_each(|(released, _)| look(released.at));
    }
    run.replans.iter().for_each(|(at, _)| look(*at));
    run.charges.iter().for_each(|charge| look(charge.at));
    run.judgements.iter().for_each(|judgement| look(judgement.at));
    seen
}

/// The state, and as of when it is looked at.
struct Fold<'a> {
    run: &'a RunState,
    seen: Timestamp,
}

impl Fold<'_> {
    fn since_start(&self, at: Timestamp) -> Span {
        at.since(self.run.started)
    }

    fn zero(&self) -> Money {
        Money::zero(self.run.spent.currency())
    }

    fn cost(&self, leases: &[LeaseFacts]) -> CostFacts {
        let run = self.run;
        let open = leases.iter().filter(|lease| lease.to.is_none()).map(|lease| lease.cost);
        let held = run.reservation.as_ref().filter(|_| !run.settled).map(|(_, amount)| *amount);
        let reserved = held.and_then(|amount| amount.checked_sub(run.spent).ok()).filter(|left| !left.is_negative());
        CostFacts {
            spent: run.spent,
            running_up: Money::total(run.spent.currency(), open).unwrap_or(self.zero()),
            reserved: reserved.unwrap_or(self.zero()),
            limit: run.first_plan.intent.constraints.cost.map(|cost| cost.max),
            believed: run.first_plan.estimate.cost,
        }
    }

    fn time(&self) -> TimeFacts {
        let plan = &self.run.first_plan;
        let end = self.run.ended.as_ref().map_or(self.seen, |(at, _)| *at);
        TimeFacts {
            took: self.since_start(end),
            limit: plan.intent.constraints.finish.map(|finish| finish.within),
            believed: plan.estimate.duration,
            guarantee: plan.guarantee.to_string(),
        }
    }

    fn replanning(&self, at: Timestamp, reason: &str) -> Replanning {
        Replanning { at: self.since_start(at), reason: reason.into() }
    }

    fn policy(&self, judgement: &Judgement) -> PolicyFacts {
        PolicyFacts {
            at: self.since_start(judgement.at),
            point: judgement.point,
            subject: judgement.subject.clone(),
            decision: judgement.decision.clone(),
        }
    }

    fn charge(&self, charge: &Charge) -> ChargeFacts {
        ChargeFacts { at: self.since_start(charge.at), what: charge.what.clone(), amount: charge.amount }
    }

    fn lease(&self, state: &LeaseState) -> LeaseFacts {
        let lease = &state.lease;
        let cost = state.released.map_or_else(|| lease.cost_until(self.seen), |(_, cost)| Ok(cost));
        LeaseFacts {
            id: lease.id,
            task: state.attempt.task.clone(),
            attempt: state.attempt.number,
            offer: lease.offer.key.clone(),
            on: Holding::of(&lease.offer, lease.units),
            price: lease.offer.price,
            from: self.since_start(lease.granted),
            to: state.released.map(|(released, _)| self.since_start(released.at)),
            cost: cost.unwrap_or(self.zero()),
            reclaimed: state.released.is_some_and(|(released, _)| released.reclaimed),
            idle: lease.offer.machine().map(|_| self.idle(state)),
        }
    }

    /// How long the lease was held while no process of its attempt ran.
    fn idle(&self, state: &LeaseState) -> Span {
        let until = state.released.map_or(self.seen, |(released, _)| released.at);
        let held = until.since(state.lease.granted);
        let task = self.run.tasks.get(&state.attempt.task);
        let attempt = task.and_then(|task| task.attempts.iter().find(|attempt| attempt.id == state.attempt));
        let used = attempt.and_then(|attempt| {
            let from = attempt.started?.max(state.lease.granted);
            let to = attempt.ended.as_ref().map_or(self.seen, |(at, _)| *at).min(until);
            Some(to.since(from))
        });
        held.saturating_sub(used.unwrap_or(Span::ZERO))
    }

    /// The tasks in the order of the workflow.
    fn tasks(&self, leases: &[LeaseFacts]) -> Vec<TaskFacts> {
        let named = |task: &Task| self.run.tasks.get(&task.name).map(|state| self.task(task, state, leases));
        self.run.plan.workflow.tasks().iter().filter_map(named).collect()
    }

    fn task(&self, task: &Task, state: &TaskState, leases: &[LeaseFacts]) -> TaskFacts {
        let own = || leases.iter().filter(|lease| lease.task == task.name);
        let safe_after = |at: usize| state.attempts.get(at + 1).map_or(state.safe_share, |next| next.share.0);
        let attempts: Vec<AttemptFacts> = state
            .attempts
            .iter()
            .enumerate()
            .map(|(at, attempt)| self.attempt(task, attempt, safe_after(at), own()))
            .collect();
        let last = state.attempts.last();
        let end = last.map(|last| last.ended.as_ref().map_or(self.seen, |(at, _)| *at));
        let binding = self.run.first_plan.binding(&task.name);
        let measure =
            |(name, value): (&String, &f64)| Measure { task: task.name.clone(), name: name.clone(), value: *value };
        TaskFacts {
            name: task.name.clone(),
            status: state.status,
            believed: binding.map(|binding| (binding.duration, binding.cost)),
            took: state.attempts.first().zip(end).map(|(first, end)| end.since(first.queued)),
            cost: Money::total(self.run.spent.currency(), own().map(|lease| lease.cost)).unwrap_or(self.zero()),
            attempts,
            measures: state.metrics.iter().map(measure).collect(),
        }
    }

    fn attempt<'a>(
        &self,
        task: &Task,
        state: &AttemptState,
        safe_after: f64,
        leases: impl Iterator<Item = &'a LeaseFacts>,
    ) -> AttemptFacts {
        let seen = self.since_start(self.seen);
        let mut machines = leases.filter(|lease| lease.attempt == state.id.number && lease.idle.is_some());
        let machine = machines.next();
        let mut facts = AttemptFacts {
            number: state.id.number,
            queued: self.since_start(state.queued),
            requested: state.requested.map(|at| self.since_start(at)),
            started: state.started.map(|at| self.since_start(at)),
            ended: state.ended.as_ref().map(|(at, _)| self.since_start(*at)),
            ending: state.ended.as_ref().map(|(_, ending)| ending.clone()),
            interruption: state.interruption,
            on: machine.map(|lease| lease.on.clone()),
            // While it goes on, only what is safe is known of its progress.
            share: (state.share.0, if state.ended.is_some() { state.share.1 } else { safe_after.max(state.share.1) }),
            lost_share: 0.0,
            lost: Span::ZERO,
            starts: state.execution.as_ref().map_or(0, |execution| execution.starts),
            reattached: state.reattached,
            rate: state.rate.clone(),
            speed: None,
        };
        let running = facts.running(seen);
        let done = (state.share.1 - state.share.0).max(0.0);
        if state.ended.as_ref().is_some_and(|(_, ending)| !ending.is_success()) {
            facts.lost_share = (state.share.1 - safe_after).clamp(0.0, done);
            facts.lost = running_for(running, facts.lost_share, done);
        }
        facts.speed = self.work_of(task).filter(|_| done > 0.0 && state.ended.is_some()).and_then(|total| {
            let held = machine.map_or(running, |lease| lease.held(seen));
            speed(done * total, running, held)
        });
        facts
    }

    /// How much work the task is in all, in the unit its estimator counts; none for work that is only a length of time.
    fn work_of(&self, task: &Task) -> Option<f64> {
        match task.work {
            Work::Train { tokens, .. } => Some(tokens.get() as f64),
            Work::Scan { bytes, .. } => Some(bytes.get() as f64),
            Work::Calls(calls) => Some(calls as f64),
            _ => None,
        }
    }

    fn artefacts(&self) -> Vec<ArtefactFacts> {
        let of = |task: &Task| {
            let state = self.run.tasks.get(&task.name);
            let left = state.map_or(&[][..], |state| &state.artefacts);
            left.iter().map(|one| ArtefactFacts { task: task.name.clone(), artefact: one.clone() }).collect::<Vec<_>>()
        };
        self.run.plan.workflow.tasks().iter().flat_map(of).collect()
    }
}

/// The part of `running` that a part of what was done took.
fn running_for(running: Span, part: f64, done: f64) -> Span {
    if done > 0.0 { Span::from_secs_f64(running.as_secs_f64() * (part / done).min(1.0)) } else { Span::ZERO }
}

fn speed(work: f64, running: Span, held: Span) -> Option<Speed> {
    let (running, held) = (running.as_secs_f64(), held.as_secs_f64());
    (running > 0.0 && held > 0.0).then(|| Speed { running: work / running, held: work / held })
}

fn interruptions(run: &RunState) -> Interruptions {
    let count = |why: Interruption| {
        let attempts = run.tasks.values().flat_map(|task| &task.attempts);
        attempts.filter(|attempt| attempt.interruption == Some(why)).count() as u32
    };
    let survived = |task: &TaskState| {
        let reclaimed = |attempt: &AttemptState| attempt.interruption == Some(Interruption::Reclaimed);
        // The last attempt has nothing after it: the task went on only when it is done nevertheless.
        let all = task.attempts.iter().filter(|attempt| reclaimed(attempt)).count() as u32;
        let stuck = task.attempts.last().is_some_and(reclaimed) && task.status != TaskStatus::Done;
        all - u32::from(stuck)
    };
    Interruptions {
        reclaims: run.reclaims,
        survived: run.tasks.values().map(survived).sum(),
        believed: run.first_plan.estimate.reclaims,
        preemptions: count(Interruption::Preempted),
        failures: run.tasks.values().map(TaskState::failures).sum(),
    }
}

fn quality(plan: &Plan, tasks: &[TaskFacts]) -> QualityFacts {
    let wanted = plan.intent.goal.metric.clone();
    let mut measures = tasks.iter().rev().flat_map(|task| &task.measures);
    let reached = match &wanted {
        Some(metric) => measures.find(|measure| measure.name.eq_ignore_ascii_case(&metric.maximise)),
        None => measures.next(),
    };
    QualityFacts { believed: plan.estimate.quality.clone(), reached: reached.cloned(), wanted }
}

fn frontier_facts(frontier: &Frontier, chosen: &Plan) -> FrontierFacts {
    let plan = |plan: &Plan| PlanFacts {
        names: plan.names.clone(),
        chosen: plan.id == chosen.id,
        variant: plan.variant.clone(),
        tokens: plan.tokens,
        estimate: plan.estimate.clone(),
        on: plan.main_binding().and_then(Binding::machine).map(|bound| Holding::of(&bound.offer, bound.units)),
        guarantee: plan.guarantee.to_string(),
        why: plan.why.clone(),
    };
    FrontierFacts {
        plans: frontier.plans.iter().map(plan).collect(),
        considered: frontier.considered,
        complete: frontier.complete,
        rejected: frontier.rejected.clone(),
    }
}

fn starts(tasks: &[TaskFacts]) -> StartFacts {
    let mut facts = StartFacts { started: 0, wrong: Vec::new(), reattached: 0 };
    for (task, attempt) in tasks.iter().flat_map(|task| task.attempts.iter().map(move |attempt| (task, attempt))) {
        facts.reattached += attempt.reattached;
        if attempt.started.is_some() {
            facts.started += 1;
            if attempt.starts != 1 {
                facts.wrong.push((format!("{}#{}", task.name, attempt.number), attempt.starts));
            }
        }
    }
    facts
}

fn waste(tasks: &[TaskFacts], leases: &[LeaseFacts], seen: Span, currency: Currency) -> WasteFacts {
    let mut facts = WasteFacts {
        leased: Span::ZERO,
        idle: Span::ZERO,
        idle_cost: Money::zero(currency),
        lost_to_reclaims: Span::ZERO,
        lost_otherwise: Span::ZERO,
    };
    for (lease, idle) in leases.iter().filter_map(|lease| lease.idle.map(|idle| (lease, idle))) {
        let held = lease.held(seen);
        facts.leased = facts.leased.saturating_add(held);
        facts.idle = facts.idle.saturating_add(idle);
        let share = lease.cost.checked_ratio(idle.as_micros().into(), held.as_micros().max(1).into());
        facts.idle_cost = share.and_then(|share| facts.idle_cost.checked_add(share)).unwrap_or(facts.idle_cost);
    }
    for attempt in tasks.iter().flat_map(|task| &task.attempts) {
        let lost = if attempt.interruption == Some(Interruption::Reclaimed) {
            &mut facts.lost_to_reclaims
        } else {
            &mut facts.lost_otherwise
        };
        *lost = lost.saturating_add(attempt.lost);
    }
    facts
}
