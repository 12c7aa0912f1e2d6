//! The handle of a host: build, plan, run, watch, stop.

use crate::audit::{AuditLog, AuditOptions, Follower};
use crate::control::{
    Approvals, Asking, Cleared, Control, Declassified, OrpEvent, Pool, Providers, Recorder, Recovered, Refusal,
    RunShared, Settings, Stop, decided, held,
};
use crate::error::OrpError;
use crate::governance::{PolicyText, read_policies};
use crate::host::{Folders, Functions, Programs, Secrets, TaskContext};
use crate::store::Store;
use crate::time::{RandomIds, Timer, WallClock};
use futures_util::{Stream, StreamExt, future};
use orp_core::{
    contract::{
        AssetStore, ComputeProvider, DataProvider, IdSource, Journal, Planner, PolicyEngine, ResourceProvider,
        Scheduler, TalentProvider,
    },
    document::Source,
    id::{BudgetName, IdempotencyKey, IntentId, Principal, RunId},
    memory::{MemoryAssets, MemoryJournal},
    noun::{
        Account, Approval, ApprovalError, ApprovalRequest, ApprovalStatus, Asset, AssetRef, DataClass, Event, Frontier,
        Infeasibility, Intent, Ledger, Offer, Plan, PlanOutcome, PolicyDecision, PolicyPoint, Recipe, Record, RunState,
        Transfer, Vote, Waiting,
    },
};
use orp_policy::{PolicySet, Recorded};
use orp_sched::{planner::FrontierPlanner, scheduler::PreemptivePriority};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::task::JoinSet;
use tokio_stream::wrappers::BroadcastStream;

/// What planning an intent came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanAnswer {
    /// Plans there are.
    Plans(Frontier),
    /// None there is, and why.
    Infeasible(Infeasibility),
    /// Policy does not allow it, and why.
    Refused(Box<PolicyDecision>),
    /// These people were asked to approve the intent first: plan it again when they have.
    NeedsApproval(Vec<ApprovalRequest>),
}

impl PlanAnswer {
    /// The plans, or the answer as an error: for callers who have no use for it.
    pub fn plans(self) -> Result<Frontier, OrpError> {
        match self {
            Self::Plans(frontier) => Ok(frontier),
            Self::Infeasible(infeasible) => Err(OrpError::Infeasible(Box::new(infeasible))),
            Self::Refused(decision) => Err(OrpError::Refused(decision)),
            Self::NeedsApproval(asked) => Err(OrpError::NeedsApproval(asked)),
        }
    }
}

/// What asking for a run came to.
#[derive(Debug, Clone)]
pub enum RunAnswer {
    /// It started.
    Started(RunHandle),
    /// Policy does not allow it, and why. Nothing was started or reserved.
    Refused(Box<PolicyDecision>),
    /// These people were asked to approve it first. Nothing was started or reserved: run the same plan again when they have.
    NeedsApproval(Vec<ApprovalRequest>),
    /// A budget has too little left. Nothing was started or reserved.
    NoBudget(orp_core::noun::LedgerError),
}

impl RunAnswer {
    /// The run, or the answer as an error: for callers who have no use for it.
    pub fn started(self) -> Result<RunHandle, OrpError> {
        match self {
            Self::Started(run) => Ok(run),
            Self::Refused(decision) => Err(OrpError::Refused(decision)),
            Self::NeedsApproval(asked) => Err(OrpError::NeedsApproval(asked)),
            Self::NoBudget(error) => Err(error.into()),
        }
    }
}

/// Open Resource Planning, in the host's process.
///
/// # Shutdown and drop
///
/// [`Orp::shutdown`] and dropping the last handle both leave runs as they are: what runs under a supervisor goes on, the
/// journal says where everything stands, and the next host with the same store takes it up. Tasks *in* the process end
/// with it and are tried again. To stop a run for good, [cancel](RunHandle::cancel) it and wait for its end first.
#[derive(Debug, Clone)]
pub struct Orp {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    control: Arc<Control>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        held(&self.control.drivers).abort_all();
    }
}

impl Orp {
    /// Begins to put one together.
    pub fn builder() -> OrpBuilder {
        OrpBuilder::default()
    }

    /// Plans an intent: the frontier, or why there is none.
    pub async fn plan(&self, intent: &Intent) -> Result<PlanAnswer, OrpError> {
        intent.check()?;
        let control = &self.inner.control;
        for recipe in control.recipes.iter().filter(|recipe| recipe.goal == intent.goal.kind) {
            recipe.check_intent(intent)?;
        }
        let id = IntentId::next(&*control.ids);
        let (problem, refused) = control.problem(intent, None, None).await;
        let subjects = control.subjects(intent, &problem.offers);
        let request = control.request(PolicyPoint::Intent, intent, &subjects);
        let decision = control.policy.decide(&request);
        let declared = Event::IntentDeclared { id, intent: Box::new(intent.clone()) };
        let judged =
            decided(PolicyPoint::Intent, id.to_string(), decision.clone(), vec![(request.clone(), decision.clone())]);
        let facts = [declared, judged].into_iter().chain(refused).collect();
        let records = control.recorder.write(None, facts).await?;
        control.recorder.tell(records);
        // What nobody has on offer is said first: policy cannot judge it, and "not known" would be its only reason.
        let goal = &intent.goal;
        let unknown = (goal.data.is_some() && subjects.class.is_none())
            || (goal.model.is_some() && subjects.visibility.is_none());
        let cleared = match control.clear(&request, decision, &Asking::to_plan(intent)).await? {
            Cleared::No(decision) if !unknown => return Ok(PlanAnswer::Refused(Box::new(decision))),
            Cleared::Asked(approvals) => return Ok(PlanAnswer::NeedsApproval(approvals)),
            Cleared::No(decision) => Some(decision),
            Cleared::Yes(_) => None,
        };
        let (answer, refused) = match (control.plan_blocking(problem).await?, cleared) {
            (PlanOutcome::Infeasible(infeasible), _) => (PlanAnswer::Infeasible(infeasible), Vec::new()),
            (PlanOutcome::Feasible(_), Some(refusal)) => (PlanAnswer::Refused(Box::new(refusal)), Vec::new()),
            (PlanOutcome::Feasible(frontier), None) => control.permitted(frontier, &subjects),
        };
        if !refused.is_empty() {
            let records = control.recorder.write(None, refused).await?;
            control.recorder.tell(records);
        }
        Ok(answer)
    }

    /// Starts a run of a plan, if policy and the budgets allow it. When this returns `Started`, the run is in the journal
    /// and survives the host.
    pub async fn run(&self, plan: Plan) -> Result<RunAnswer, OrpError> {
        Ok(match self.inner.control.admit(plan).await? {
            Ok(run) => RunAnswer::Started(self.handle(run)),
            Err(Refusal::Policy(decision)) => RunAnswer::Refused(decision),
            Err(Refusal::Approval(asked)) => RunAnswer::NeedsApproval(asked),
            Err(Refusal::Budget(error)) => RunAnswer::NoBudget(error),
        })
    }

    /// Plans an intent, chooses by its preferences, and runs the choice: an intent in, a run out.
    pub async fn submit(&self, intent: &Intent) -> Result<RunHandle, OrpError> {
        let frontier = self.plan(intent).await?.plans()?;
        let plan = frontier.choose(&intent.prefer).cloned();
        let plan = plan.ok_or_else(|| OrpError::InvalidPlan(vec!["the frontier is empty".into()]))?;
        self.run(plan).await?.started()
    }

    /// All runs the store knows, oldest first, also those of earlier hosts.
    pub fn runs(&self) -> Vec<RunHandle> {
        self.inner.control.runs().values().map(|run| self.handle(run.clone())).collect()
    }

    /// A run by its identifier.
    pub fn find_run(&self, id: RunId) -> Result<RunHandle, OrpError> {
        let run = self.inner.control.runs().get(&id).cloned();
        run.map(|run| self.handle(run)).ok_or(OrpError::UnknownRun(id))
    }

    /// Everything that happens from now on. A reader that falls far behind misses some; the journal misses nothing.
    pub fn events(&self) -> impl Stream<Item = OrpEvent> + Send + Unpin + 'static {
        let stream = BroadcastStream::new(self.inner.control.recorder.subscribe());
        stream.filter_map(|event| future::ready(event.ok()))
    }

    /// What can be had now, of every provider and pillar; and what could not be seen, for people.
    pub async fn offers(&self) -> (Vec<Offer>, Vec<String>) {
        let look = self.inner.control.look().await;
        (look.offers, look.notes)
    }

    /// The jobs that wait for owned capacity: in which queue, and why.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.inner.control.pool.waiting()
    }

    /// The audit log: what was decided and spent, verifiable and for good. None without a folder to keep it in, unless the
    /// host [places](OrpBuilder::audit) it; and none where the host does [without](OrpBuilder::without_audit).
    pub fn audit(&self) -> Option<&AuditLog> {
        self.inner.control.recorder.audit().map(Follower::log)
    }

    /// Every budget account as it stands now: its limit, what is spent, and what is reserved.
    pub fn budgets(&self) -> Vec<(BudgetName, Account)> {
        // On a copy: what time tells is told where it is written down.
        let mut ledger = self.inner.control.ledger().clone();
        ledger.expire(self.inner.control.clock.now());
        ledger.accounts().map(|(name, account)| (name.clone(), account)).collect()
    }

    /// Moves limit from one budget's account to another's, for good and on record. The same key again changes nothing. Who
    /// may do that is for the host to say.
    pub async fn transfer_budget(
        &self,
        key: IdempotencyKey,
        transfer: Transfer,
        by: Principal,
    ) -> Result<(), OrpError> {
        let control = &self.inner.control;
        let entry = |ledger: &mut Ledger, _| match ledger.transfer(key.clone(), transfer.clone()) {
            Err(error) => (Err(error), Vec::new()),
            Ok(notices) => {
                let noticed = notices.into_iter().map(|notice| Event::BudgetNoticed { notice });
                (Ok(()), [Event::BudgetTransferred { key, transfer, by }].into_iter().chain(noticed).collect())
            }
        };
        let (transferred, records) = control.enter(None, entry).await?;
        control.recorder.tell(records);
        Ok(transferred?)
    }

    /// Everything that somebody was asked to approve, and where it stands now.
    pub fn approvals(&self) -> Vec<(Approval, ApprovalStatus)> {
        let control = &self.inner.control;
        let now = control.clock.now();
        control.approvals.all().into_iter().map(|approval| (approval.clone(), approval.status(now))).collect()
    }

    /// Takes somebody's vote on a request for approval. The host answers for who it is, and that it is a person: votes that
    /// come through a [`TalentProvider`] are taken without it.
    pub async fn vote(&self, vote: Vote) -> Result<ApprovalStatus, OrpError> {
        self.inner.control.vote(vote).await
    }

    /// Waits until something asked for is approved, refused or expired.
    pub async fn wait_for_approval(&self, asked: &ApprovalRequest) -> Result<ApprovalStatus, OrpError> {
        let control = &self.inner.control;
        let mut voted = control.approvals.voted();
        loop {
            let approval = control.approvals.find(&asked.digest()).ok_or(ApprovalError::Unknown(asked.digest()))?;
            match approval.status(control.clock.now()) {
                ApprovalStatus::Pending { .. } => {}
                decided => return Ok(decided),
            }
            tokio::select! {
                changed = voted.changed() => changed.map_err(|_| OrpError::ShutDown)?,
                () = control.clock.sleep_until(approval.request.expires()) => {}
            }
        }
    }

    /// Registers an asset once more under a lower class, when somebody approved that; see [`Declassified`].
    pub async fn declassify(
        &self,
        asset: &AssetRef,
        to: DataClass,
        requester: &Principal,
    ) -> Result<Declassified, OrpError> {
        self.inner.control.declassify(asset, to, requester).await
    }

    /// Every question that policy was asked, with its answer, oldest first: a log that another set can be tried on
    /// ([`Simulation`](orp_policy::Simulation)).
    pub async fn decisions(&self, mut take: impl FnMut(Recorded)) -> Result<(), OrpError> {
        let replay = |record: Record| {
            if let Event::PolicyDecided { asked, .. } = record.event {
                asked.into_iter().for_each(|(request, decision)| take(Recorded::new(request, decision)));
            }
        };
        Ok(self.inner.control.recorder.replay(replay).await?)
    }

    /// Every registered asset, oldest first.
    pub async fn assets(&self) -> Result<Vec<Asset>, OrpError> {
        Ok(self.inner.control.assets.list().await?)
    }

    /// Stops driving runs and leaves them as they are, for the next host; see [Shutdown and drop](Orp#shutdown-and-drop).
    pub async fn shutdown(self) {
        let mut drivers = std::mem::take(&mut *held(&self.inner.control.drivers));
        drivers.shutdown().await;
    }

    fn handle(&self, run: Arc<RunShared>) -> RunHandle {
        RunHandle { run, orp: self.clone() }
    }
}

/// A run, to watch and to stop. Dropping it does nothing to the run.
#[derive(Clone)]
pub struct RunHandle {
    run: Arc<RunShared>,
    orp: Orp,
}

impl RunHandle {
    /// Which run.
    pub fn id(&self) -> RunId {
        self.run.id
    }

    /// Its state now.
    pub fn state(&self) -> RunState {
        self.run.state()
    }

    /// What happens to it from now on.
    pub fn events(&self) -> impl Stream<Item = OrpEvent> + Send + Unpin + 'static {
        let id = self.run.id;
        self.orp.events().filter(move |event| future::ready(event.run() == Some(id)))
    }

    /// Asks it to stop: every process is asked to save and end within the grace, then killed; leases are released and the
    /// account is closed. Returns at once; [`RunHandle::wait`] returns when all of that is done.
    pub fn cancel(&self, reason: impl Into<String>) {
        self.run.ask_to_stop(Stop::Cancelled(reason.into()));
    }

    /// Waits until it is over; its state then. An error when the store failed: the run then goes on with a later host.
    pub async fn wait(&self) -> Result<RunState, OrpError> {
        let mut finished = self.run.finished.subscribe();
        if finished.wait_for(|finished| *finished).await.is_err() {
            return Err(OrpError::ShutDown);
        }
        match held(&self.run.broken).clone() {
            Some(error) => Err(error.into()),
            None => Ok(self.run.state()),
        }
    }
}

impl fmt::Debug for RunHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunHandle").field(&self.run.id).finish()
    }
}

/// Puts an [`Orp`] together. Everything has a default but the providers.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct OrpBuilder {
    folder: Option<PathBuf>,
    store: Option<(Arc<dyn Journal>, Arc<dyn AssetStore>)>,
    clock: Option<Arc<dyn Timer>>,
    ids: Option<Arc<dyn IdSource>>,
    compute: Vec<Arc<dyn ComputeProvider>>,
    data: Vec<Arc<dyn DataProvider>>,
    talent: Vec<Arc<dyn TalentProvider>>,
    others: Vec<Arc<dyn ResourceProvider>>,
    planner: Option<Arc<dyn Planner>>,
    scheduler: Option<Box<dyn Scheduler>>,
    policy: Option<Arc<dyn PolicyEngine>>,
    recipes: Option<Vec<Recipe>>,
    more_recipes: Vec<Recipe>,
    programs: Programs,
    functions: Functions,
    secrets: Secrets,
    redactors: BTreeSet<String>,
    settings: Settings,
    audit: Audit,
}

/// Whether there is an audit log, and where.
#[derive(Debug, Default)]
enum Audit {
    /// `audit.log` in the host's folder, if there is one.
    #[default]
    InFolder,
    At(AuditOptions),
    None,
}

impl Audit {
    fn open(self, folder: Option<&Path>) -> Result<Option<Follower>, OrpError> {
        let options = match (self, folder) {
            (Self::At(options), _) => options,
            (Self::InFolder, Some(folder)) => AuditOptions::at(folder.join("audit.log")),
            (Self::InFolder, None) | (Self::None, _) => return Ok(None),
        };
        Ok(Some(Follower::new(AuditLog::open(options)?)))
    }
}

impl OrpBuilder {
    /// Where runs keep their files and, unless [`OrpBuilder::store`] names another one, the embedded store lives. Without
    /// it, everything is in memory and in a folder of the system's for temporary files, and nothing survives the host.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// A journal and an asset store of the host's own.
    pub fn store(mut self, journal: Arc<dyn Journal>, assets: Arc<dyn AssetStore>) -> Self {
        self.store = Some((journal, assets));
        self
    }

    /// The clock; the machine's by default. Providers must go by the same one.
    pub fn clock(mut self, clock: Arc<dyn Timer>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Where identifiers come from; unique over all hosts by default.
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// A provider of machines.
    pub fn compute(mut self, provider: Arc<dyn ComputeProvider>) -> Self {
        self.compute.push(provider);
        self
    }

    /// A provider of data sets.
    pub fn data(mut self, provider: Arc<dyn DataProvider>) -> Self {
        self.data.push(provider);
        self
    }

    /// A provider of people and agents.
    pub fn talent(mut self, provider: Arc<dyn TalentProvider>) -> Self {
        self.talent.push(provider);
        self
    }

    /// A provider of offers only: models and tools.
    pub fn resource(mut self, provider: Arc<dyn ResourceProvider>) -> Self {
        self.others.push(provider);
        self
    }

    /// The planner; [`FrontierPlanner`] by default.
    pub fn planner(mut self, planner: Arc<dyn Planner>) -> Self {
        self.planner = Some(planner);
        self
    }

    /// The scheduler of owned capacity; [`PreemptivePriority`] by default.
    pub fn scheduler(mut self, scheduler: Box<dyn Scheduler>) -> Self {
        self.scheduler = Some(scheduler);
        self
    }

    /// The policy; by default everything is permitted ([`PolicySet::permissive`]) and only the intents' own budgets bind.
    pub fn policy(mut self, policy: Arc<dyn PolicyEngine>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The policy of a YAML file, or of all files of a folder. For one that is read again when its files change see
    /// [`LivePolicy`](crate::governance::LivePolicy).
    pub fn policy_file(self, path: impl AsRef<Path>) -> Result<Self, OrpError> {
        let texts = read_policies(path)?;
        let sources: Vec<Source<'_>> = texts.iter().map(PolicyText::source).collect();
        let policy = PolicySet::from_sources(&sources)?;
        Ok(self.policy(Arc::new(policy)))
    }

    /// The recipes, instead of those that come with the SDK.
    pub fn recipes(mut self, recipes: Vec<Recipe>) -> Self {
        self.recipes = Some(recipes);
        self
    }

    /// One more recipe.
    pub fn recipe(mut self, recipe: Recipe) -> Self {
        self.more_recipes.push(recipe);
        self
    }

    /// One more recipe, in a YAML file.
    pub fn recipe_file(self, path: impl AsRef<Path>) -> Result<Self, OrpError> {
        let (name, text) = read(path.as_ref())?;
        Ok(self.recipe(Recipe::from_source(&Source::new(&name, &text))?))
    }

    /// A program that recipes call by this name: its path, and arguments that come before the recipe's.
    pub fn program(
        mut self,
        name: impl Into<String>,
        path: impl Into<PathBuf>,
        first_args: impl IntoIterator<Item = String>,
    ) -> Self {
        self.programs.add(name.into(), path.into(), first_args.into_iter().collect());
        self
    }

    /// A function that recipes call by this name; it runs in the host's process.
    pub fn function<F, W>(mut self, name: impl Into<String>, function: F) -> Self
    where
        F: Fn(TaskContext) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.functions.add(name.into(), function);
        self
    }

    /// A secret: tasks get it where their environment says `secret:NAME`; logs, journal and errors never do.
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.secrets.add(name.into(), value.into());
        self
    }

    /// What this host's tasks take out of texts when policy requires it, by the names of detectors: a task is told which in
    /// its variable `ORP_REDACT`, joined by commas. What policy wants taken out and nobody takes out is refused.
    pub fn redactors(mut self, detectors: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.redactors.extend(detectors.into_iter().map(Into::into));
        self
    }

    /// Bounds and waiting times.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Where the audit log is and how it is kept, instead of `audit.log` in the folder, unsigned. Every fact waits until it is
    /// on record, so the disk should be as quick as the store's.
    pub fn audit(mut self, options: AuditOptions) -> Self {
        self.audit = Audit::At(options);
        self
    }

    /// No audit log.
    pub fn without_audit(mut self) -> Self {
        self.audit = Audit::None;
        self
    }

    /// Checks what was plugged in, opens the store, brings the audit log up to date with it, and takes up every run that is not over.
    pub async fn build(self) -> Result<Orp, OrpError> {
        let providers = self.providers()?;
        let mut recipes = self.recipes.unwrap_or_else(orp_sched::planner::builtin_recipes);
        recipes.extend(self.more_recipes);
        recipes.iter().try_for_each(Recipe::check)?;
        let clock = self.clock.unwrap_or_else(|| Arc::new(WallClock));
        let ids = self.ids.unwrap_or_else(|| Arc::new(RandomIds));
        let (journal, assets) = match (self.store, &self.folder) {
            (Some(store), _) => store,
            (None, Some(folder)) => {
                let store = Store::open(folder.join("orp.redb"))?;
                let (journal, assets): (Arc<dyn Journal>, Arc<dyn AssetStore>) =
                    (Arc::new(store.journal()?), Arc::new(store.assets()?));
                (journal, assets)
            }
            (None, None) => (Arc::new(MemoryJournal::default()) as _, Arc::new(MemoryAssets::default()) as _),
        };
        let audit = self.audit.open(self.folder.as_deref())?;
        let folder =
            self.folder.unwrap_or_else(|| std::env::temp_dir().join(format!("orp-{}", ids.next_uuid().simple())));
        let recorder = Recorder::new(journal, clock.clone(), audit);
        let mut recovered = Recovered::default();
        recorder.replay(|record| recovered.fold(&record)).await?;
        let scheduler = self.scheduler.unwrap_or_else(|| Box::new(PreemptivePriority::default()));
        let control = Arc::new(Control {
            settings: self.settings,
            pool: Arc::new(Pool::new(scheduler, clock.clone())),
            clock,
            ids,
            recorder,
            assets,
            providers,
            planner: self.planner.unwrap_or_else(|| Arc::new(FrontierPlanner::default())),
            recipes,
            policy: self.policy.unwrap_or_else(|| Arc::new(PolicySet::permissive())),
            ledger: Mutex::default(),
            book_gate: tokio::sync::Mutex::default(),
            approvals: Approvals::new(std::mem::take(&mut recovered.approvals)),
            vote_gate: tokio::sync::Mutex::default(),
            redactors: self.redactors,
            programs: self.programs,
            functions: self.functions,
            secrets: self.secrets,
            folders: Folders(folder),
            runs: Mutex::default(),
            drivers: Mutex::new(JoinSet::new()),
        });
        control.recover(recovered).await?;
        Ok(Orp { inner: Arc::new(Inner { control }) })
    }

    fn providers(&self) -> Result<Providers, OrpError> {
        let mut providers = Providers::default();
        for provider in &self.compute {
            providers.add(provider.clone())?;
            providers.compute.insert(provider.name().clone(), provider.clone());
        }
        for provider in &self.data {
            providers.add(provider.clone())?;
            providers.data.insert(provider.name().clone(), provider.clone());
        }
        for provider in &self.talent {
            providers.add(provider.clone())?;
            providers.talent.insert(provider.name().clone(), provider.clone());
        }
        for provider in &self.others {
            providers.add(provider.clone())?;
        }
        providers.listen();
        Ok(providers)
    }
}

/// Reads an intent from a YAML or JSON file.
pub fn read_intent(path: impl AsRef<Path>) -> Result<Intent, OrpError> {
    let (name, text) = read(path.as_ref())?;
    Ok(Intent::from_source(&Source::new(&name, &text))?)
}

fn read(path: &Path) -> Result<(String, String), OrpError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(OrpError::File { path: name, detail: error.to_string() }),
    }
}
