//! A compute provider of one's own in some 150 lines, and the proof that it keeps the laws of its contract.
//!
//! `FolderProvider` leases slots of this machine and launches real processes, each in its own folder. It declares what it
//! can do and no more: its processes end with the host, so it does not declare `reattach` and is not asked for it.
//! `cargo run --example own_provider` prints which laws it keeps.

use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt, pending};
use orp_conformance::{ComputeHarness, compute_suite, provider_suite};
use orp_core::{contract::*, error::*, id::*, noun::*, unit::Price};
use orp_sdk::time::{RandomIds, WallClock};
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU32, atomic::Ordering};
use std::{collections::BTreeMap, error::Error, fs, io, path::PathBuf, time::Duration};
use tokio::{process::Child, process::Command, time::sleep};

#[derive(Debug)]
struct FolderProvider {
    offer: Offer,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    leases: Vec<(Lease, Option<Released>)>,
    processes: BTreeMap<IdempotencyKey, (Execution, Child)>,
}

fn error<T>(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Result<T, ProviderError> {
    Err(ProviderError::new(kind, operation, message))
}

impl FolderProvider {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(|(_, released)| released.is_none()).map(|(lease, _)| lease)
    }

    fn left(&self, offer: &Offer) -> u32 {
        offer.units.saturating_sub(self.open().map(|lease| lease.units).sum())
    }

    /// Whether and how a lease ended; an error unless the token is its own.
    fn ending(&mut self, id: LeaseId, token: FencingToken) -> Result<&mut Option<Released>, ProviderError> {
        match self.leases.iter_mut().find(|(lease, _)| lease.id == id) {
            Some((lease, released)) if lease.token == token => Ok(released),
            Some(_) => error(ErrorKind::Conflict, "lease", format!("token {} is stale", token.0)),
            None => error(ErrorKind::NotFound, "lease", format!("no lease `{id}`")),
        }
    }

    fn look(&mut self, operation: &'static str, key: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        let Some((execution, child)) = self.processes.get_mut(key) else {
            return error(ErrorKind::NotFound, operation, format!("no execution `{key}`"));
        };
        let ending = match child.try_wait() {
            Ok(None) => return Ok(ExecutionStatus::Running(execution.clone())),
            Ok(Some(status)) => {
                status.code().map_or(Ending::Signalled(status.signal().unwrap_or_default()), Ending::Exited)
            }
            Err(lost) => Ending::Lost(lost.to_string()),
        };
        Ok(ExecutionStatus::Ended { execution: execution.clone(), ending })
    }

    /// Tells a process and its children, while it runs: nobody waits for it meanwhile, so its number is still its own.
    fn signal(&mut self, key: &IdempotencyKey, signal: Signal) -> Result<(), ProviderError> {
        self.look("signal", key)?;
        let Some(group) = self.processes.get(key).and_then(|(_, child)| child.id()) else { return Ok(()) };
        let name = if signal == Signal::Terminate { "TERM" } else { "KILL" };
        let kill = std::process::Command::new("kill").args(["-s", name, "--", &format!("-{group}")]).status();
        kill.map(drop).or_else(|wrong| error(ErrorKind::System, "signal", wrong.to_string()))
    }
}

/// Starts a program in its folder, with what every task finds in its environment.
fn start(spec: &LaunchSpec) -> io::Result<Child> {
    [&spec.folder, &spec.out, &spec.checkpoints].into_iter().try_for_each(fs::create_dir_all)?;
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).envs(&spec.env).envs(&spec.secrets).current_dir(&spec.folder).process_group(0);
    command.env("ORP_RUN_ID", spec.attempt.run.to_string()).env("ORP_TASK", spec.attempt.task.as_str());
    command.env("ORP_ATTEMPT", spec.attempt.number.to_string()).env("ORP_PROGRESS", spec.folder.join("progress"));
    command.env("ORP_OUT", &spec.out).env("ORP_CHECKPOINT_DIR", &spec.checkpoints).kill_on_drop(true);
    let log = fs::File::create(spec.folder.join("log"))?;
    command.stdout(log.try_clone()?).stderr(log).spawn()
}

#[async_trait]
impl ResourceProvider for FolderProvider {
    fn name(&self) -> &ProviderName {
        &self.offer.key.provider
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::offering([Pillar::Compute]);
        capabilities.launch = true;
        capabilities
    }

    async fn offers(&self) -> Result<Vec<Offer>, ProviderError> {
        let mut offer = self.offer.clone();
        offer.units = self.state().left(&offer);
        Ok(if offer.units > 0 { vec![offer] } else { Vec::new() })
    }

    fn watch(&self) -> BoxStream<'static, ProviderEvent> {
        pending().boxed()
    }
}

#[async_trait]
impl ComputeProvider for FolderProvider {
    async fn acquire(&self, request: &AcquireRequest) -> Result<Lease, ProviderError> {
        let mut state = self.state();
        if let Some((lease, _)) = state.leases.iter().find(|(lease, _)| lease.key == request.key) {
            return Ok(lease.clone());
        }
        let left = state.left(&self.offer);
        if request.offer != self.offer.key.offer {
            return error(ErrorKind::NotFound, "acquire", format!("no offer `{}`", request.offer));
        } else if !(1..=left).contains(&request.units) {
            return error(ErrorKind::Exhausted, "acquire", format!("{left} slots left, {} asked", request.units));
        }
        let token = FencingToken(state.leases.len() as u64 + 1);
        let lease = Lease::new(LeaseId::next(&RandomIds), request, token, self.offer.clone(), WallClock.now());
        state.leases.push((lease.clone(), None));
        Ok(lease)
    }

    async fn launch(&self, lease: LeaseId, token: FencingToken, spec: &LaunchSpec) -> Result<Execution, ProviderError> {
        let mut state = self.state();
        let over = state.ending(lease, token)?.is_some();
        if let Some((known, _)) = state.processes.get(&spec.key()) {
            return Ok(known.clone());
        } else if over {
            return error(ErrorKind::Lost, "launch", "the lease is over");
        } else if spec.limits != Limits::default() {
            return error(ErrorKind::Unsupported, "launch", "it sets no limits");
        }
        let child = start(spec).or_else(|wrong| error(ErrorKind::System, "launch", wrong.to_string()))?;
        let execution = Execution::new(spec.key(), lease, child.id().unwrap_or_default(), WallClock.now());
        state.processes.insert(spec.key(), (execution.clone(), child));
        Ok(execution)
    }

    async fn status(&self, key: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        self.state().look("status", key)
    }

    async fn wait(&self, key: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        loop {
            match self.status(key).await? {
                ExecutionStatus::Running(_) => sleep(Duration::from_millis(20)).await,
                over => return Ok(over),
            }
        }
    }

    async fn signal(&self, key: &IdempotencyKey, signal: Signal) -> Result<(), ProviderError> {
        self.state().signal(key, signal)
    }

    async fn release(&self, lease: LeaseId, token: FencingToken) -> Result<Released, ProviderError> {
        let now = Released { at: WallClock.now(), reclaimed: false };
        let released = *self.state().ending(lease, token)?.get_or_insert(now);
        let on_it = |(on, _): &(Execution, Child)| (on.lease == lease).then(|| on.key.clone());
        let keys: Vec<IdempotencyKey> = self.state().processes.values().filter_map(on_it).collect();
        for key in keys {
            self.signal(&key, Signal::Kill).await?;
            self.wait(&key).await?;
        }
        Ok(released)
    }

    async fn leases(&self) -> Result<Vec<Lease>, ProviderError> {
        Ok(self.state().open().cloned().collect())
    }
}

/// What the conformance kit needs: fresh providers, and a program that runs until it is told to stop.
struct Harness {
    folder: PathBuf,
    offer: Offer,
    specs: AtomicU32,
}

#[async_trait]
impl ComputeHarness for Harness {
    async fn fresh(&self) -> Arc<dyn ComputeProvider> {
        Arc::new(FolderProvider { offer: self.offer.clone(), state: Mutex::default() })
    }

    fn spec(&self, attempt: AttemptId) -> LaunchSpec {
        let folder = self.folder.join(self.specs.fetch_add(1, Ordering::SeqCst).to_string());
        let mut spec = LaunchSpec::new(attempt, "sh", folder);
        spec.args = ["-c", "echo started >> \"$ORP_OUT/starts\"; sleep 600"].map(String::from).into();
        spec
    }

    fn starts(&self, spec: &LaunchSpec) -> Option<u32> {
        Some(fs::read_to_string(spec.out.join("starts")).unwrap_or_default().lines().count() as u32)
    }

    async fn pause(&self) {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let capacity = Capacity { cpu: "1".parse()?, memory: "1 GB".parse()?, ..Capacity::ZERO };
    let slot = Machine { sku: "slot".into(), capacity, accelerator: None, network_gbps: 1.0 };
    let key = OfferKey { provider: ProviderName::new("folder")?, offer: OfferId::new("slot")? };
    let price = Price::per_hour("0.02 USD".parse()?);
    let mut offer = Offer::new(key, Resource::Compute(slot), Place::new("here", "here"), price);
    offer.units = 4;
    let folder = std::env::temp_dir().join(format!("orp-own-provider-{}", std::process::id()));
    let harness = Harness { folder, offer, specs: AtomicU32::new(0) };
    let provider = harness.fresh().await;
    let report = provider_suite(&*provider).await.and(compute_suite(&harness).await);
    println!("{report}");
    fs::remove_dir_all(&harness.folder)?;
    report.assert_ok();
    Ok(())
}
