//! One attempt at a task: queue, policy, lease, launch, watch, end.
//!
//! Every step is journaled before and after, under a key made of the attempt's name. So an attempt that a dead host left
//! open is taken up by the next one: each step looks at what the journal says was done, and asks the provider again under
//! the same key when that is not known.

use super::Control;
use super::admit::Subjects;
use super::books;
use super::judge::{decided, refuses_route};
use super::pool::{Ticket, node_name};
use super::providers::Report;
use super::run::{RunShared, Stop, next_attempt};
use crate::host::TaskContext;
use crate::process::{Log, read_log_tail, read_progress};
use orp_core::{
    contract::{Answer, Assignment, ComputeProvider, ProviderEvent},
    error::{ErrorKind, ProviderError, Retry, StoreError},
    id::{AssetId, AttemptId, TaskName},
    noun::{
        AcquireRequest, Action, Artefact, Asset, AssetRef, AttemptState, Binding, Bound, Digest, Ending, Event,
        Execution, ExecutionStatus, Interruption, Job, LaunchSpec, Lease, Ledger, LifeCycle, Lineage, Market, Offer,
        OfferKey, Pillar, PolicyPoint, Progress, Queue, Resource, RunState, Signal, Task,
    },
    unit::{Amount, Bytes, Money, Span},
};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, io::Read, path::Path, sync::Arc};
use tokio::sync::{broadcast, watch};

/// How often a provider call is made again when the provider says that may help.
const TRIES: u32 = 5;
/// How much of what a failed process said is told, in bytes.
const LAST_WORDS_MAX: usize = 4096;

/// How an attempt left its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    /// Done.
    Done,
    /// To be tried again as it was planned.
    Again,
    /// To be planned again with other capacity; why.
    Elsewhere(String),
    /// Failed for good; why.
    Failed(String),
    /// Stopped because the run stops.
    Stopped,
}

/// Why a step did not lead to the next one: the attempt is over, or the store failed.
enum Break {
    End(AttemptEnd),
    Store(StoreError),
}

impl From<StoreError> for Break {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

type Step<T> = Result<T, Break>;

/// Makes an attempt at a task, or goes on with the one that is open.
pub(crate) async fn drive(
    control: Arc<Control>,
    run: Arc<RunShared>,
    task: TaskName,
) -> Result<AttemptEnd, StoreError> {
    let Some(mut attempt) = Attempt::new(control, run, &task) else {
        return Ok(AttemptEnd::Failed(format!("task `{task}` has no binding in the plan")));
    };
    match attempt.go().await {
        Ok(end) | Err(Break::End(end)) => Ok(end),
        Err(Break::Store(error)) => Err(error),
    }
}

struct Attempt {
    control: Arc<Control>,
    run: Arc<RunShared>,
    id: AttemptId,
    task: Task,
    binding: Binding,
    /// What the journal says of the attempt, when an earlier host began it.
    open: Option<AttemptState>,
    ticket: Option<Ticket>,
    reports: Option<broadcast::Receiver<Report>>,
    stop: watch::Receiver<Option<Stop>>,
}

/// What was brought to where a task runs.
struct Moved {
    what: String,
    cost: Money,
    /// How much left another place.
    bytes: Bytes,
}

/// What watching a process came to.
struct Watched {
    ending: Ending,
    interruption: Option<Interruption>,
    progress: Progress,
}

impl Attempt {
    fn new(control: Arc<Control>, run: Arc<RunShared>, name: &TaskName) -> Option<Self> {
        let (task, binding, open, id) = run.with(|state| {
            let task = state.plan.workflow.task(name)?.clone();
            let binding = state.plan.binding(name)?.clone();
            let open = state.tasks.get(name).and_then(|task| task.open_attempt()).cloned();
            let id = open.as_ref().map_or_else(|| next_attempt(state, run.id, name), |open| open.id.clone());
            Some((task, binding, open, id))
        })?;
        let (reports, stop) = (control.providers.reports(), run.stop.subscribe());
        Some(Self { control, run, id, task, binding, open, ticket: None, reports, stop })
    }

    async fn go(&mut self) -> Step<AttemptEnd> {
        if self.open.is_none() {
            let (attempt, queue) = (self.id.clone(), self.first_queue());
            let reason = "its inputs exist".into();
            self.record(vec![Event::AttemptQueued { attempt, queue, reason }]).await?;
        }
        let lease = self.hold_machine().await?;
        let result = self.work(lease.as_ref()).await;
        // Whatever happened, the lease is given back before the attempt is left.
        self.ticket = None;
        if let Some(lease) = &lease
            && !matches!(result, Err(Break::Store(_)))
        {
            release(&self.control, &self.run, lease).await?;
        }
        result
    }

    const fn first_queue(&self) -> Queue {
        match self.task.action {
            Action::Person { .. } => Queue::Device,
            _ => Queue::Ready,
        }
    }

    /// Carries the task out on what is held.
    async fn work(&mut self, lease: Option<&Lease>) -> Step<AttemptEnd> {
        let watched = match (self.task.action.clone(), lease) {
            (Action::Process { program, args, env }, Some(lease)) => {
                let execution = self.launch(lease, &program, &args, &env).await?;
                self.watch(lease, execution).await?
            }
            (Action::Process { .. }, None) => {
                return Ok(AttemptEnd::Failed(format!("task `{}` is a process and has no machine", self.task.name)));
            }
            (Action::InProcess { function, parameters }, _) => self.call(&function, parameters).await?,
            (Action::Person { request }, _) => self.ask(&request).await?,
            (other, _) => return Ok(AttemptEnd::Failed(format!("this version cannot carry out {other:?}"))),
        };
        self.end(watched).await
    }

    // ---- the machine ----------------------------------------------------------------------------------------------

    /// Holds the machine the plan bound, if it bound one: the lease an earlier host was granted, or a new one.
    async fn hold_machine(&mut self) -> Step<Option<Lease>> {
        let Some(bound) = self.binding.machine().cloned() else { return Ok(None) };
        if let Some(lease) = self.lease_held() {
            // The machine is ours already; the scheduler is only told, and waits for nobody.
            self.ticket = self.job(&bound.offer.key, bound.offer.market).map(|job| self.control.pool.submit(job));
            return Ok(Some(lease));
        }
        self.ask_policy(&bound.offer).await?;
        if let Some(job) = self.job(&bound.offer.key, bound.offer.market) {
            let mut ticket = self.control.pool.submit(job);
            let started = tokio::select! {
                node = ticket.started() => node.is_some(),
                () = stopped(&mut self.stop) => false,
            };
            if !started {
                return Err(self.withdraw().await);
            }
            self.ticket = Some(ticket);
        }
        let key = self.id.key("acquire");
        if self.open.as_ref().is_none_or(|open| open.lease_key.is_none()) {
            let (attempt, offer) = (self.id.clone(), bound.offer.key.clone());
            self.record(vec![Event::LeaseRequested { attempt, offer, key: key.clone() }]).await?;
        }
        let mut request = AcquireRequest::new(
            key,
            bound.offer.key.offer.clone(),
            self.run.with(|state| state.plan.intent.project.clone()),
        )
        .with_units(bound.units);
        request.options = self.lease_options();
        let provider = self.compute(&bound.offer.key)?;
        match self.persist(|| provider.acquire(&request)).await {
            Ok(lease) => {
                let (attempt, granted) = (self.id.clone(), Box::new(lease.clone()));
                self.record(vec![Event::LeaseGranted { attempt, lease: granted }]).await?;
                Ok(Some(lease))
            }
            Err(error) => Err(self.lease_refused(&bound.offer.key, &error).await?),
        }
    }

    fn lease_held(&self) -> Option<Lease> {
        let id = self.open.as_ref()?.lease?;
        self.run.with(|state| state.open_leases().find(|open| open.lease.id == id).map(|open| open.lease.clone()))
    }

    /// The job the scheduler sees: only owned capacity is shared out by it.
    fn job(&self, offer: &OfferKey, market: Market) -> Option<Job> {
        node_name(offer).filter(|_| market == Market::Owned)?;
        let (intent, started) = self.run.with(|state| (state.plan.intent.clone(), state.started));
        let demand = self.task.machine()?.capacity();
        let mut job = Job::new(self.id.key("job"), intent.project, demand, self.control.clock.now());
        job.priority = intent.priority;
        job.preemptible = self.task.checkpoint.is_some();
        job.deadline = intent.constraints.finish.map(|finish| started.after(finish.within));
        job.expected = Some(self.binding.duration.mean);
        Some(job)
    }

    /// The share of a divisible machine that is wanted, and how fast it is against the one first planned.
    fn lease_options(&self) -> BTreeMap<String, String> {
        let mut options = BTreeMap::new();
        if let Some(claim) = self.task.machine() {
            options.insert("cpu".into(), claim.cpu.to_string());
            options.insert("memory".into(), claim.memory.to_string());
            options.insert("disk".into(), claim.disk.to_string());
            options.insert("gpu".into(), claim.gpu.to_string());
        }
        let first =
            self.run.with(|state| state.first_plan.binding(&self.task.name).and_then(|first| first.rate.clone()));
        if let (Some(first), Some(now)) = (first, &self.binding.rate) {
            options.insert("speed".into(), format!("{:.3}", (now.per_second / first.per_second).clamp(0.05, 1.0)));
        }
        options
    }

    async fn ask_policy(&self, offer: &Offer) -> Step<()> {
        let intent = self.run.with(|state| state.plan.intent.clone());
        let subjects = self.control.subjects(&intent, &self.all_bound_offers());
        let request = self.control.place_request(&intent, &subjects, offer);
        let decision = self.control.policy.decide(&request);
        let clearance = self.run.with(|state| state.clearance.clone());
        let refusal = self.control.holds_up(&decision, &clearance, None);
        let refusal = refusal.or_else(|| refuses_route(&decision.obligations, offer));
        let subject = format!("{} on {}", self.id, offer.key);
        self.record(vec![decided(PolicyPoint::Place, subject, decision.clone(), vec![(request, decision)])]).await?;
        let Some(refusal) = refusal else { return Ok(()) };
        let reason = format!("task `{}` may not use {}: {refusal}", self.task.name, offer.key);
        Err(Break::End(self.give_up(reason, AttemptEnd::Elsewhere).await?))
    }

    fn all_bound_offers(&self) -> Vec<Offer> {
        self.run.with(|state| {
            let bound = state.plan.bindings.iter().flat_map(|binding| &binding.bound);
            bound.map(|bound| bound.offer.clone()).collect()
        })
    }

    async fn lease_refused(&self, offer: &OfferKey, error: &ProviderError) -> Step<Break> {
        let reason = self.control.secrets.redact(&error.to_string());
        let (attempt, key) = (self.id.clone(), self.id.key("acquire"));
        self.record(vec![Event::LeaseRefused { attempt, key, reason: reason.clone() }]).await?;
        let elsewhere = error.retry == Retry::Elsewhere || error.kind == ErrorKind::Unavailable;
        if elsewhere {
            self.run.distrust(offer.clone(), f64::INFINITY);
        }
        let end = if elsewhere { AttemptEnd::Elsewhere } else { AttemptEnd::Failed };
        Ok(Break::End(self.give_up(format!("task `{}`: {reason}", self.task.name), end).await?))
    }

    fn compute(&self, offer: &OfferKey) -> Step<Arc<dyn ComputeProvider>> {
        self.control.providers.compute.get(&offer.provider).cloned().ok_or_else(|| {
            let reason = format!("task `{}`: no compute provider is called `{}`", self.task.name, offer.provider);
            Break::End(AttemptEnd::Failed(reason))
        })
    }

    /// Makes a provider call again while the provider says that may help.
    async fn persist<T, F: Future<Output = Result<T, ProviderError>>>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<T, ProviderError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match call().await {
                Err(error) if tries < TRIES => match error.retry {
                    Retry::Now => {}
                    Retry::After(span) => tokio::time::sleep(span.as_std()).await,
                    Retry::Never | Retry::Elsewhere => return Err(error),
                },
                answer => return answer,
            }
        }
    }

    // ---- the process ----------------------------------------------------------------------------------------------

    /// Launches the process, or finds the one that an earlier host launched: the key makes both the same call.
    async fn launch(
        &mut self,
        lease: &Lease,
        program: &str,
        args: &[String],
        env: &BTreeMap<String, String>,
    ) -> Step<Execution> {
        let starting = self.open.as_ref().is_some_and(|open| open.starting);
        if !starting {
            let moved = self.transfer(lease).await?;
            self.charge(moved, Event::AttemptStarting { attempt: self.id.clone() }).await?;
        }
        let spec = match self.spec(program, args, env) {
            Ok(spec) => spec,
            Err(reason) => return Err(Break::End(self.give_up(reason, AttemptEnd::Failed).await?)),
        };
        let provider = self.compute(&lease.offer.key)?;
        let launched = match self.persist(|| provider.launch(lease.id, lease.token, &spec)).await {
            // A lease that is gone launches nothing, but what was launched on it before may still be asked after.
            Err(error) if starting && error.kind == ErrorKind::Lost => {
                provider.status(&spec.key()).await.map(|status| match status {
                    ExecutionStatus::Running(execution) | ExecutionStatus::Ended { execution, .. } => execution,
                })
            }
            launched => launched,
        };
        let attempt = self.id.clone();
        match launched {
            Ok(execution) if starting => {
                let found = execution.clone();
                self.record(vec![Event::AttemptReattached { attempt, execution: found }]).await?;
                Ok(execution)
            }
            Ok(execution) => {
                let started = execution.clone();
                self.record(vec![Event::AttemptStarted { attempt, execution: started }]).await?;
                Ok(execution)
            }
            Err(error) => {
                let reason = format!("task `{}`: {}", self.task.name, self.control.secrets.redact(&error.to_string()));
                let elsewhere = matches!(error.kind, ErrorKind::Lost | ErrorKind::NotFound);
                let end = if elsewhere { AttemptEnd::Elsewhere } else { AttemptEnd::Failed };
                let interruption = elsewhere.then_some(Interruption::Reclaimed);
                self.close(Ending::Lost(reason.clone()), interruption, &Progress::default()).await?;
                Err(Break::End(end(reason)))
            }
        }
    }

    /// Brings claimed data and models to where the task runs.
    async fn transfer(&mut self, lease: &Lease) -> Step<Vec<Moved>> {
        let is_asset = |bound: &&Bound| matches!(bound.offer.resource, Resource::Data(_) | Resource::Model(_));
        for bound in self.binding.bound.iter().filter(is_asset) {
            self.ask_to_move(bound, &lease.offer).await?;
        }
        let mut all = Vec::new();
        let mut longest = Span::ZERO;
        for bound in &self.binding.bound {
            let asset = match &bound.offer.resource {
                Resource::Data(replica) => &replica.asset,
                Resource::Model(weights) => &weights.asset,
                _ => continue,
            };
            let Some(provider) = self.control.providers.data.get(&bound.offer.key.provider) else { continue };
            let key = self.id.key(&format!("transfer/{asset}"));
            match provider.transfer(asset, &lease.offer.place, &key).await {
                Ok((span, cost)) => {
                    longest = longest.max(span);
                    let what = format!("transfer of {asset} from {} to {}", bound.offer.place, lease.offer.place);
                    all.push(Moved { what, cost, bytes: bound.moves_to(&lease.offer.place).unwrap_or(Bytes::ZERO) });
                }
                Err(error) => {
                    let reason = format!("task `{}`: {error}", self.task.name);
                    let closing = self.closing(Ending::Lost(reason.clone()), None, &Progress::default());
                    self.charge(all, closing).await?;
                    return Err(Break::End(AttemptEnd::Failed(reason)));
                }
            }
        }
        let until = self.control.clock.now().after(longest);
        tokio::select! {
            () = self.control.clock.sleep_until(until) => Ok(all),
            () = stopped(&mut self.stop) => {
                self.charge(all, self.withdrawal()).await?;
                Err(Break::End(AttemptEnd::Stopped))
            }
        }
    }

    /// Charges the run with what was moved for it, in one with the event that follows: never twice for one attempt.
    async fn charge(&self, moved: Vec<Moved>, then: Event) -> Step<()> {
        let entry = |ledger: &mut Ledger, state: &RunState, at| {
            let mut events = Vec::new();
            for Moved { what, cost, bytes } in moved {
                if let Some(bytes) = Amount::egress(bytes).ok().filter(|bytes| !bytes.is_zero()) {
                    events.extend(books::meter(ledger, state, what.clone(), bytes, at));
                }
                if !cost.is_zero() {
                    events.extend(books::spend(ledger, state.id, cost.into(), at));
                    events.push(Event::Charged { what, amount: cost });
                }
            }
            events.push(then);
            ((), events)
        };
        Ok(self.run.enter(&self.control, entry).await?)
    }

    /// Asks policy before anything moves.
    async fn ask_to_move(&self, bound: &Bound, machine: &Offer) -> Step<()> {
        let (plan, clearance) = self.run.with(|state| (state.plan.clone(), state.clearance.clone()));
        let subjects = self.control.subjects(&plan.intent, &self.all_bound_offers());
        let Some(request) = self.control.transfer_request(&plan, &subjects, bound, machine) else { return Ok(()) };
        let decision = self.control.policy.decide(&request);
        let refusal = self.control.holds_up(&decision, &clearance, None);
        let subject = format!("{} from {} to {}", bound.offer.key, bound.offer.place, machine.place);
        self.record(vec![decided(PolicyPoint::Transfer, subject, decision.clone(), vec![(request, decision)])]).await?;
        let Some(refusal) = refusal else { return Ok(()) };
        let reason = format!("task `{}` may not move {}: {refusal}", self.task.name, bound.offer.key);
        Err(Break::End(self.give_up(reason, AttemptEnd::Failed).await?))
    }

    fn spec(&self, program: &str, args: &[String], env: &BTreeMap<String, String>) -> Result<LaunchSpec, String> {
        let folders = &self.control.folders;
        let (program, args) = self.control.programs.resolve(program, args);
        let mut spec = LaunchSpec::new(self.id.clone(), program, folders.attempt(&self.id));
        spec.args = args;
        spec.out = folders.out(&self.id, &self.task.name);
        spec.checkpoints = folders.checkpoints(&self.id);
        for folder in [&spec.folder, &spec.out, &spec.checkpoints] {
            folders.make(folder)?;
        }
        (spec.env, spec.secrets) = self.control.secrets.split(env)?;
        let redact = self.run.with(|state| state.clearance.obligations.redact.clone());
        if !redact.is_empty() {
            spec.env.insert("ORP_REDACT".into(), redact.into_iter().collect::<Vec<_>>().join(","));
        }
        for before in self.ancestors() {
            let variable = before.as_str().to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            spec.env.insert(format!("ORP_IN_{variable}"), folders.out(&self.id, &before).display().to_string());
        }
        if let Some(every) = self.binding.checkpoint_every {
            spec.env.insert("ORP_PARAM_CHECKPOINT_SECONDS".into(), format!("{:.3}", every.as_secs_f64()));
            if let Some(rate) = &self.binding.rate {
                let amount = (rate.per_second * every.as_secs_f64()).max(1.0) as u64;
                spec.env.insert(format!("ORP_PARAM_CHECKPOINT_{}", rate.unit.to_uppercase()), amount.to_string());
            }
        }
        Ok(spec)
    }

    /// Every task this one comes after, directly or not.
    fn ancestors(&self) -> Vec<TaskName> {
        self.run.with(|state| {
            let mut found: Vec<TaskName> = Vec::new();
            let mut next = self.task.after.clone();
            while let Some(name) = next.pop() {
                if !found.contains(&name) {
                    next.extend(state.plan.workflow.task(&name).map(|task| task.after.clone()).unwrap_or_default());
                    found.push(name);
                }
            }
            found
        })
    }

    /// Watches the process to its end: progress, checkpoints, reclaims, preemption, cancellation.
    async fn watch(&mut self, lease: &Lease, execution: Execution) -> Step<Watched> {
        let provider = self.compute(&lease.offer.key)?;
        let key = execution.key.clone();
        let folder = self.control.folders.attempt(&self.id);
        let mut seen = Seen::default();
        let mut asked: Option<Interruption> = None;
        let mut kill_at: Option<tokio::time::Instant> = None;
        let mut noticed = false;
        let waiting = provider.wait(&key);
        tokio::pin!(waiting);
        let mut tick = tokio::time::interval(self.control.settings.poll.as_std());
        let ending = loop {
            let request = tokio::select! {
                status = &mut waiting => break match status {
                    Ok(ExecutionStatus::Ended { ending, .. }) => ending,
                    Ok(ExecutionStatus::Running(_)) => Ending::Lost("the provider stopped waiting".into()),
                    Err(error) => Ending::Lost(self.control.secrets.redact(&error.to_string())),
                },
                report = next_report(&mut self.reports) => {
                    noticed |= self.heed(lease, &report).await?;
                    continue;
                }
                _ = tick.tick() => {
                    self.take_progress(&folder, &mut seen).await?;
                    if kill_at.is_some_and(|at| tokio::time::Instant::now() >= at) {
                        kill_at = None;
                        let _ = provider.signal(&key, Signal::Kill).await;
                    }
                    continue;
                }
                () = stopped(&mut self.stop), if asked.is_none() => self.stop.borrow().as_ref().map(Stop::interruption),
                reason = preempted(&mut self.ticket), if asked.is_none() => {
                    tracing::info!(attempt = %self.id, %reason, "preempted");
                    Some(Interruption::Preempted)
                }
            };
            asked = request;
            kill_at = Some(tokio::time::Instant::now() + self.control.settings.grace.as_std());
            let _ = provider.signal(&key, Signal::Terminate).await;
        };
        self.take_progress(&folder, &mut seen).await?;
        // Saved and stopped without our asking: the provider asked, and its notice was lost on the way.
        let interruption = match asked {
            _ if ending.is_success() => None,
            Some(asked) => Some(asked),
            None if noticed || ending.is_saved() || matches!(ending, Ending::Lost(_)) => Some(Interruption::Reclaimed),
            None => None,
        };
        Ok(Watched { ending, interruption, progress: seen.last })
    }

    /// Takes a provider's report in; whether it takes this lease back.
    async fn heed(&self, lease: &Lease, (provider, report): &Report) -> Step<bool> {
        let at = match report {
            ProviderEvent::ReclaimNotice { lease: hit, at } if *hit == lease.id => *at,
            ProviderEvent::Reclaimed { lease: hit, .. } if *hit == lease.id => return Ok(true),
            _ => return Ok(false),
        };
        debug_assert_eq!(*provider, lease.offer.key.provider);
        self.record(vec![Event::ReclaimNoticed { attempt: self.id.clone(), at }]).await?;
        Ok(true)
    }

    async fn take_progress(&self, folder: &Path, seen: &mut Seen) -> Step<()> {
        // A file that cannot be read now may be readable at the next look; the exit status decides anyway.
        let Ok((lines, offset)) = read_progress(folder, seen.offset) else { return Ok(()) };
        seen.offset = offset;
        for progress in lines {
            if let Some(checkpoint) = progress.checkpoint {
                let total = seen.last.total.max(1);
                let share = (checkpoint.done as f64 / total as f64).min(1.0);
                let attempt = self.id.clone();
                self.record(vec![Event::CheckpointSaved { attempt, checkpoint, share }]).await?;
            } else {
                let mut progress = progress;
                for (name, value) in std::mem::take(&mut seen.last.metrics) {
                    progress.metrics.entry(name).or_insert(value);
                }
                seen.last = progress.clone();
                self.control.recorder.tell_progress(self.id.clone(), progress);
            }
        }
        Ok(())
    }

    // ---- functions and people -------------------------------------------------------------------------------------

    /// Runs a function of the host in this process.
    async fn call(&mut self, function: &str, parameters: BTreeMap<String, String>) -> Step<Watched> {
        let folders = &self.control.folders;
        let progress = watch::Sender::new(Progress::default());
        let (out, checkpoints) = (folders.out(&self.id, &self.task.name), folders.checkpoints(&self.id));
        let inputs = self.ancestors().into_iter().map(|task| (task.clone(), folders.out(&self.id, &task))).collect();
        let (attempt, mut reports) = (self.id.clone(), progress.subscribe());
        let made = folders.make(&out).and_then(|()| folders.make(&checkpoints));
        let context = TaskContext { attempt, parameters, out, checkpoints, inputs, progress };
        let work = match made.and_then(|()| self.control.functions.call(function, context)) {
            Ok(work) => work,
            Err(reason) => return Err(Break::End(self.give_up(reason, AttemptEnd::Failed).await?)),
        };
        self.record(vec![Event::AttemptStarting { attempt: self.id.clone() }]).await?;
        let mut work = tokio::spawn(work);
        let result = loop {
            tokio::select! {
                result = &mut work => break Some(result),
                Ok(()) = reports.changed() => {
                    let progress = reports.borrow_and_update().clone();
                    self.control.recorder.tell_progress(self.id.clone(), progress);
                }
                () = stopped(&mut self.stop) => break None,
            }
        };
        let progress = reports.borrow().clone();
        let (ending, interruption) = match result {
            Some(Ok(Ok(()))) => (Ending::Exited(0), None),
            Some(Ok(Err(reason))) => {
                tracing::warn!(attempt = %self.id, %reason, "the function failed");
                (Ending::Lost(self.control.secrets.redact(&reason)), None)
            }
            Some(Err(error)) => (Ending::Lost(format!("the function broke off: {error}")), None),
            None => {
                work.abort();
                let stop = self.stop.borrow().as_ref().map(Stop::interruption);
                (Ending::Lost("stopped".into()), stop)
            }
        };
        Ok(Watched { ending, interruption, progress })
    }

    /// Asks the person the plan bound, and waits for the answer.
    async fn ask(&mut self, request: &str) -> Step<Watched> {
        let bound = self.binding.person().cloned();
        let who = bound.as_ref().and_then(|bound| match &bound.offer.resource {
            Resource::Talent(talent) => Some(talent.who.clone()),
            _ => None,
        });
        let provider =
            bound.as_ref().and_then(|bound| self.control.providers.talent.get(&bound.offer.key.provider)).cloned();
        let (Some(who), Some(provider)) = (who, provider) else {
            let reason = format!("task `{}` asks a person, and the plan bound none", self.task.name);
            return Err(Break::End(self.give_up(reason, AttemptEnd::Failed).await?));
        };
        let assignment =
            Assignment { key: self.id.key("assign"), who, request: request.into(), time: self.binding.duration.mean };
        self.record(vec![Event::AttemptStarting { attempt: self.id.clone() }]).await?;
        let answered = async {
            self.persist(|| provider.assign(&assignment)).await?;
            provider.answer(&assignment.key).await
        };
        let mut stop = self.run.stop.subscribe();
        let (ending, interruption) = tokio::select! {
            answer = answered => match answer {
                Ok(Answer::Done(_)) => (Ending::Exited(0), None),
                Ok(Answer::Refused(reason)) => (Ending::Lost(format!("refused: {reason}")), None),
                Err(error) => (Ending::Lost(error.to_string()), None),
            },
            () = stopped(&mut stop) => {
                (Ending::Lost("stopped".into()), self.stop.borrow().as_ref().map(Stop::interruption))
            }
        };
        Ok(Watched { ending, interruption, progress: Progress::default() })
    }

    // ---- the end --------------------------------------------------------------------------------------------------

    /// Closes the attempt, and says what follows for the task.
    async fn end(&mut self, watched: Watched) -> Step<AttemptEnd> {
        let Watched { ending, interruption, progress } = watched;
        if ending.is_success() {
            return match self.artefacts().await {
                Ok(artefacts) => {
                    let mut events = vec![self.ended(ending, None, &progress, 1.0)];
                    events.push(Event::TaskDone { task: self.task.name.clone(), artefacts });
                    self.record(events).await?;
                    Ok(AttemptEnd::Done)
                }
                Err(reason) => Ok(self.give_up(reason, AttemptEnd::Failed).await?),
            };
        }
        let said = self.last_words();
        self.close(ending.clone(), interruption, &progress).await?;
        match interruption {
            Some(Interruption::Reclaimed) => {
                if let Some(bound) = self.binding.machine() {
                    // Where one was just taken, more will be: believe in ten times the hazard, at least one each hour.
                    let hazard = (10.0 * bound.offer.hazard.reclaims_per_hour).max(1.0);
                    self.run.distrust(bound.offer.key.clone(), hazard);
                    return Ok(AttemptEnd::Elsewhere(format!("{} was reclaimed", bound.offer.key)));
                }
                Ok(AttemptEnd::Again)
            }
            Some(Interruption::Preempted) => Ok(AttemptEnd::Again),
            Some(Interruption::Cancelled | Interruption::BudgetExhausted) => Ok(AttemptEnd::Stopped),
            None => {
                let failures =
                    self.run.with(|state| state.tasks.get(&self.task.name).map_or(0, |task| task.failures()));
                if failures <= self.task.retries {
                    return Ok(AttemptEnd::Again);
                }
                let times = if failures == 1 { "once".into() } else { format!("{failures} times") };
                Ok(AttemptEnd::Failed(format!("task `{}` failed {times}, last: {ending}{said}", self.task.name)))
            }
        }
    }

    /// The last line the process wrote to its error stream.
    fn last_words(&self) -> String {
        let folder = self.control.folders.attempt(&self.id);
        let text =
            read_log_tail(&folder, Log::Stderr, LAST_WORDS_MAX, self.control.secrets.values()).unwrap_or_default();
        let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if line.is_empty() { String::new() } else { format!(", saying: {}", line.trim()) }
    }

    /// What the task left: each file with its digest, registered as an asset.
    async fn artefacts(&self) -> Result<Vec<Artefact>, String> {
        let out = self.control.folders.out(&self.id, &self.task.name);
        let mut artefacts = Vec::new();
        for output in &self.task.outputs {
            let path = out.join(&output.file);
            let hashed = path.clone();
            let (digest, size) = tokio::task::spawn_blocking(move || digest_file(&hashed))
                .await
                .map_err(|error| error.to_string())?
                .map_err(|error| {
                    format!("task `{}` ended well but left no `{}`: {error}", self.task.name, output.file)
                })?;
            let asset: AssetRef = format!("{}@{}", output.name, self.id.run)
                .parse()
                .map_err(|error| format!("task `{}`: output name `{}`: {error}", self.task.name, output.name))?;
            let (pillar, kind, path) = (output.pillar, output.kind.clone(), path.display().to_string());
            let artefact = Artefact { asset, pillar, kind, path, size, digest };
            self.register(&artefact).await.map_err(|error| error.to_string())?;
            artefacts.push(artefact);
        }
        Ok(artefacts)
    }

    async fn register(&self, artefact: &Artefact) -> Result<(), StoreError> {
        let intent = self.run.with(|state| state.plan.intent.clone());
        let subjects = self.control.subjects(&intent, &self.all_bound_offers());
        let mut asset = Asset::new(
            AssetId::next(&*self.control.ids),
            artefact.asset.clone(),
            artefact.pillar,
            &artefact.kind,
            intent.project,
            intent.requester,
        );
        asset.digest = Some(artefact.digest);
        asset.size = Some(artefact.size);
        // What is made of data is at least as sensitive as the data, and what is made of a model goes where it goes.
        asset.class = subjects.class.unwrap_or(asset.class);
        if artefact.pillar == Pillar::Model {
            asset.visibility = subjects.visibility.unwrap_or(asset.visibility);
        }
        let inputs: Vec<AssetRef> = [intent.goal.model, intent.goal.data].into_iter().flatten().collect();
        asset.class = asset.class.max(self.control.class_of(&inputs).await?.unwrap_or(asset.class));
        asset.lineage = Lineage::new(Some(self.id.run), inputs);
        asset.registered = self.control.clock.now();
        if !self.may_publish(&asset, &subjects).await? {
            asset.state = LifeCycle::Draft;
        }
        self.control.assets.register(asset).await.map(drop)
    }

    /// Asks policy whether others may have an asset; one they may not have stays a draft.
    async fn may_publish(&self, asset: &Asset, subjects: &Subjects) -> Result<bool, StoreError> {
        let (intent, clearance) = self.run.with(|state| (state.plan.intent.clone(), state.clearance.clone()));
        let request = self
            .control
            .request(PolicyPoint::Publish, &intent, subjects)
            .with_fact("asset.name", asset.reference.name())
            .with_fact("asset.kind", asset.kind.as_str())
            .with_fact("asset.class", asset.class)
            .with_fact("asset.visibility", asset.visibility.to_string());
        let decision = self.control.policy.decide(&request);
        let permitted = self.control.holds_up(&decision, &clearance, None).is_none();
        let subject = asset.reference.to_string();
        let judged = decided(PolicyPoint::Publish, subject, decision.clone(), vec![(request, decision)]);
        self.run.record(&self.control, vec![judged]).await?;
        Ok(permitted)
    }

    /// Ends the attempt before anything ran, because the run stops.
    async fn withdraw(&self) -> Break {
        match self.record(vec![self.withdrawal()]).await {
            Ok(()) => Break::End(AttemptEnd::Stopped),
            Err(stopped) => stopped,
        }
    }

    fn withdrawal(&self) -> Event {
        let interruption = self.stop.borrow().as_ref().map_or(Interruption::Cancelled, Stop::interruption);
        self.closing(Ending::Lost("not started".into()), Some(interruption), &Progress::default())
    }

    /// Ends the attempt without the task being done, for a reason that is not the task's own.
    async fn give_up(&self, reason: String, end: fn(String) -> AttemptEnd) -> Step<AttemptEnd> {
        self.close(Ending::Lost(reason.clone()), None, &Progress::default()).await?;
        Ok(end(reason))
    }

    async fn close(&self, ending: Ending, interruption: Option<Interruption>, progress: &Progress) -> Step<()> {
        self.record(vec![self.closing(ending, interruption, progress)]).await
    }

    fn closing(&self, ending: Ending, interruption: Option<Interruption>, progress: &Progress) -> Event {
        let safe = self.run.with(|state| state.tasks.get(&self.task.name).map_or(0.0, |task| task.safe_share));
        let share = if progress.total == 0 { safe } else { progress.share() };
        self.ended(ending, interruption, progress, share)
    }

    fn ended(&self, ending: Ending, interruption: Option<Interruption>, progress: &Progress, share: f64) -> Event {
        let (attempt, metrics) = (self.id.clone(), progress.metrics.clone());
        Event::AttemptEnded { attempt, ending, interruption, metrics, share }
    }

    async fn record(&self, events: Vec<Event>) -> Step<()> {
        Ok(self.run.record(&self.control, events).await?)
    }
}

/// How far the progress file was read, and what it said last.
#[derive(Default)]
struct Seen {
    offset: u64,
    last: Progress,
}

/// Gives a lease back and writes what it cost. A lease the provider does not know any more ended when it said last.
pub(crate) async fn release(control: &Control, run: &RunShared, lease: &Lease) -> Result<(), StoreError> {
    let now = control.clock.now();
    let released = match control.providers.compute.get(&lease.offer.key.provider) {
        None => Err("its provider is not there any more".to_string()),
        Some(provider) => provider.release(lease.id, lease.token).await.map_err(|error| error.to_string()),
    };
    let released = released.unwrap_or_else(|error| {
        tracing::warn!(lease = %lease.id, %error, "a lease could not be released; it is charged until now");
        orp_core::noun::Released { at: now, reclaimed: false }
    });
    let cost = lease.cost_until(released.at).unwrap_or(Money::zero(lease.offer.price.amount.currency()));
    let entry = |ledger: &mut Ledger, state: &RunState, at| {
        let held = lease.gpu_time_until(released.at).ok().filter(|held| !held.is_zero());
        let held = held.map(|held| books::meter(ledger, state, format!("lease of {}", lease.offer.key), held, at));
        let mut events = held.unwrap_or_default();
        events.extend(books::spend(ledger, state.id, cost.into(), at));
        events.push(Event::LeaseReleased { lease: lease.id, released, cost });
        ((), events)
    };
    run.enter(control, entry).await
}

/// Waits for a reason to stop.
async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) {
    if stop.wait_for(Option::is_some).await.is_err() {
        // The run is gone, and nobody stops it any more.
        std::future::pending::<()>().await;
    }
}

async fn preempted(ticket: &mut Option<Ticket>) -> String {
    match ticket {
        Some(ticket) => ticket.preempted().await,
        None => std::future::pending().await,
    }
}

/// The next report; one that was missed is made good by what the provider answers when it is asked.
async fn next_report(reports: &mut Option<broadcast::Receiver<Report>>) -> Report {
    loop {
        match reports {
            None => std::future::pending::<()>().await,
            Some(receiver) => match receiver.recv().await {
                Ok(report) => return report,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => *reports = None,
            },
        }
    }
}

/// The SHA-256 digest of a file and its size, read in pieces.
fn digest_file(path: &Path) -> std::io::Result<(Digest, Bytes)> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((Digest::from_bytes(hasher.finalize().into()), Bytes::new(size)));
        }
        hasher.update(&piece[..read]);
        size += read as u64;
    }
}
