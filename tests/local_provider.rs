//! This machine as a provider: the laws of machines, shares, and what a restarted host finds.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use orp_conformance::{ComputeHarness, compute_suite, provider_suite};
use orp_core::prelude::*;
use orp_sdk::process::Supervisor;
use orp_sdk::provider::local::{LocalConfig, LocalProvider};
use orp_sdk::time::RandomIds;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn config(home: &Path) -> LocalConfig {
    let capacity = Capacity {
        cpu: CpuAmount::whole(4),
        memory: Bytes::from_gb(16),
        disk: Bytes::from_gb(100),
        gpu: GpuAmount::ZERO,
    };
    let supervisor = Supervisor::program(env!("CARGO_BIN_EXE_orp-supervisor"));
    LocalConfig::new(home.join("local"), supervisor).with_capacity(capacity)
}

/// Releases every lease at the end of the test, also of a failed one.
struct House {
    home: tempfile::TempDir,
    local: Option<LocalProvider>,
}

impl House {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let local = Some(LocalProvider::open(config(home.path())).unwrap());
        Self { home, local }
    }

    fn local(&self) -> &LocalProvider {
        self.local.as_ref().unwrap()
    }

    fn restart(&mut self) {
        self.local = None;
        self.local = Some(LocalProvider::open(config(self.home.path())).unwrap());
    }

    fn spec(&self, script: &str) -> LaunchSpec {
        shell(self.home.path(), AttemptId { run: RunId::next(&RandomIds), task: name("work"), number: 1 }, script)
    }

    async fn lease(&self, key: &str, options: &[(&str, &str)]) -> Result<Lease, ProviderError> {
        self.local().acquire(&request(key, options)).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let Some(local) = self.local.take() else { return };
        let release = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for lease in local.leases().await.unwrap() {
                    local.release(lease.id, lease.token).await.unwrap();
                }
            });
        };
        std::thread::spawn(release).join().unwrap();
    }
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn request(key: &str, options: &[(&str, &str)]) -> AcquireRequest {
    let mut request = AcquireRequest::new(IdempotencyKey::new(key), name("machine"), name("research"));
    request.options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    request
}

fn shell(home: &Path, attempt: AttemptId, script: &str) -> LaunchSpec {
    let folder = home.join(attempt.to_string().replace('/', "-"));
    let mut spec = LaunchSpec::new(attempt, "sh", folder);
    spec.args = vec!["-c".into(), script.into()];
    spec
}

fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

/// A provider for each law, in a folder of its own.
struct Harness {
    home: tempfile::TempDir,
    opened: AtomicUsize,
}

impl Harness {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), opened: AtomicUsize::new(0) }
    }

    fn open(&self) -> LocalProvider {
        let folder = self.home.path().join(self.opened.load(Ordering::SeqCst).to_string());
        LocalProvider::open(config(&folder)).unwrap()
    }
}

#[async_trait]
impl ComputeHarness for Harness {
    async fn fresh(&self) -> Arc<dyn ComputeProvider> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        Arc::new(self.open())
    }

    fn spec(&self, attempt: AttemptId) -> LaunchSpec {
        shell(
            self.home.path(),
            attempt,
            "echo started >> $ORP_OUT/starts; trap 'exit 75' TERM; while :; do sleep 0.01; done",
        )
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    async fn reopen(&self, provider: Arc<dyn ComputeProvider>) -> Option<Arc<dyn ComputeProvider>> {
        drop(provider);
        Some(Arc::new(self.open()))
    }

    fn starts(&self, spec: &LaunchSpec) -> Option<u32> {
        let text = std::fs::read_to_string(spec.out.join("starts")).unwrap_or_default();
        Some(text.lines().count() as u32)
    }
}

#[tokio::test]
async fn the_laws_of_machines_hold() {
    let harness = Harness::new();
    compute_suite(&harness).await.assert_ok();
    provider_suite(&harness.open()).await.assert_ok();
}

#[tokio::test]
async fn the_whole_machine_is_one_lease_and_shares_are_several() {
    let house = House::new();
    let whole = house.lease("a", &[]).await.unwrap();
    assert_eq!(whole.offer, house.local().offers().await.unwrap()[0]);
    assert_eq!(house.lease("b", &[("cpu", "0.1")]).await.unwrap_err().kind, ErrorKind::Exhausted);
    house.local().release(whole.id, whole.token).await.unwrap();

    let shares = [("cpu", "1.5"), ("memory", "6 GB"), ("speed", "0.5")];
    let first = house.lease("b", &shares).await.unwrap();
    assert_eq!(first.offer.machine().unwrap().capacity.to_string(), "1.5 cpu, 6 GB");
    house.lease("c", &shares).await.unwrap();
    let error = house.lease("d", &shares).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Exhausted);
    assert_eq!(error.retry, Retry::Elsewhere);
    assert_eq!(
        error.to_string(),
        "acquire failed: 1.5 cpu, 6 GB was asked, of 4 cpu, 16 GB, 100 GB disk this machine has 1 cpu, 4 GB, 100 GB disk left"
    );
    assert_eq!(house.lease("d", &[("memory", "x")]).await.unwrap_err().kind, ErrorKind::Invalid);
    let changed = house.lease("b", &[("cpu", "2")]).await.unwrap_err();
    assert_eq!(changed.kind, ErrorKind::Conflict, "a key is that of one request");
}

#[tokio::test]
async fn however_many_ask_at_once_no_more_is_granted_than_there_is() {
    let house = House::new();
    let keys: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let results = futures_util::future::join_all(keys.iter().map(|key| house.lease(key, &[("cpu", "0.3")]))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 13, "of 4 cores");
}

#[tokio::test]
async fn a_restarted_host_finds_leases_and_processes() {
    let mut house = House::new();
    let lease = house.lease("a", &[("cpu", "1")]).await.unwrap();
    let spec = house.spec("while [ ! -e $ORP_OUT/go ]; do sleep 0.01; done; exit 3");
    let execution = house.local().launch(lease.id, lease.token, &spec).await.unwrap();

    let busy = LocalProvider::open(config(house.home.path())).unwrap_err();
    assert_eq!(busy.kind, ErrorKind::Conflict);
    assert!(busy.to_string().contains("another host has this folder open"), "{busy}");

    house.restart();
    assert_eq!(house.local().leases().await.unwrap(), std::slice::from_ref(&lease));
    assert_eq!(house.local().status(&spec.key()).await.unwrap(), ExecutionStatus::Running(execution.clone()));
    assert_eq!(house.lease("b", &[("cpu", "3.5")]).await.unwrap_err().kind, ErrorKind::Exhausted);
    std::fs::write(spec.out.join("go"), "").unwrap();
    let ended = ExecutionStatus::Ended { execution, ending: Ending::Exited(3) };
    assert_eq!(house.local().wait(&spec.key()).await.unwrap(), ended);

    let released = house.local().release(lease.id, lease.token).await.unwrap();
    house.restart();
    assert_eq!(house.local().release(lease.id, lease.token).await.unwrap(), released);
    assert_eq!(house.local().status(&spec.key()).await.unwrap(), ended, "known after the release too");
    let next = house.lease("b", &[]).await.unwrap();
    assert!(next.token > lease.token, "tokens grow over restarts");
}

#[tokio::test]
async fn a_release_ends_everything_that_runs_on_the_lease() {
    let house = House::new();
    let (one, other) =
        (house.lease("a", &[("cpu", "1")]).await.unwrap(), house.lease("b", &[("cpu", "1")]).await.unwrap());
    let stubborn = "trap '' TERM HUP; while :; do sleep 0.05; done";
    let mut pids = Vec::new();
    for _ in 0..3 {
        let spec = house.spec(stubborn);
        pids.push(house.local().launch(one.id, one.token, &spec).await.unwrap().pid);
    }
    let kept = house.spec(stubborn);
    let kept_pid = house.local().launch(other.id, other.token, &kept).await.unwrap().pid;
    house.local().release(one.id, one.token).await.unwrap();
    assert!(pids.iter().all(|pid| !runs(*pid)));
    assert!(runs(kept_pid), "of another lease");
    let elsewhere = house.local().launch(one.id, one.token, &kept).await.unwrap_err();
    assert_eq!(elsewhere.kind, ErrorKind::Conflict, "its key belongs to the other lease");
}

#[tokio::test]
async fn a_launch_that_a_release_overtakes_leaves_nothing() {
    for delay_us in (0..4_000).step_by(250) {
        let house = House::new();
        let lease = house.lease("a", &[]).await.unwrap();
        let spec = house.spec("sleep 60");
        let launch = house.local().launch(lease.id, lease.token, &spec);
        let release = async {
            tokio::time::sleep(Duration::from_micros(delay_us)).await;
            house.local().release(lease.id, lease.token).await.unwrap();
        };
        let (launched, ()) = tokio::join!(launch, release);
        match launched {
            Ok(execution) => assert!(!runs(execution.pid)),
            Err(error) => assert_eq!(error.kind, ErrorKind::Lost, "{error}"),
        }
        assert!(!matches!(house.local().status(&spec.key()).await, Ok(ExecutionStatus::Running(_))));
    }
}

#[tokio::test]
async fn a_release_that_was_broken_off_is_taken_up_again() {
    let mut house = House::new();
    let lease = house.lease("a", &[]).await.unwrap();
    let spec = house.spec("trap '' TERM; sleep 60; sleep 60");
    let pid = house.local().launch(lease.id, lease.token, &spec).await.unwrap().pid;
    // Cancelled at its first wait: the process is told, the lease is still held, and nothing more is launched on it.
    assert!(house.local().release(lease.id, lease.token).now_or_never().is_none());
    assert_eq!(house.local().leases().await.unwrap().len(), 1);
    let late = house.local().launch(lease.id, lease.token, &house.spec("exit 0")).await.unwrap_err();
    assert_eq!(late.kind, ErrorKind::Lost);
    assert_eq!(house.lease("b", &[]).await.unwrap_err().kind, ErrorKind::Exhausted);
    // The same when the host dies.
    house.restart();
    assert_eq!(house.local().leases().await.unwrap().len(), 1);
    house.local().release(lease.id, lease.token).await.unwrap();
    assert!(!runs(pid));
    house.lease("b", &[]).await.unwrap();
}

#[tokio::test]
async fn processes_see_the_accelerators_of_their_lease() {
    let home = tempfile::tempdir().unwrap();
    let kind = Accelerator { model: "h100-80gb".into(), memory: Bytes::from_gb(80) };
    let local = LocalProvider::open(config(home.path()).with_accelerators(kind, 2)).unwrap();
    assert_eq!(local.offers().await.unwrap()[0].title(), "this machine (2× h100-80gb)");
    for (key, gpu, seen) in [("a", "1", "0"), ("b", "0.5", "1"), ("c", "0", "")] {
        let lease = local.acquire(&request(key, &[("gpu", gpu)])).await.unwrap();
        let attempt = AttemptId { run: RunId::next(&RandomIds), task: name("see"), number: 1 };
        let spec = shell(home.path(), attempt, "printf %s \"$CUDA_VISIBLE_DEVICES\"");
        local.launch(lease.id, lease.token, &spec).await.unwrap();
        local.wait(&spec.key()).await.unwrap();
        assert_eq!(std::fs::read_to_string(spec.folder.join("stdout.log")).unwrap(), seen);
    }
    assert_eq!(local.acquire(&request("d", &[("gpu", "1")])).await.unwrap_err().kind, ErrorKind::Exhausted);
}

#[tokio::test]
async fn changes_are_reported() {
    let house = House::new();
    let mut events = house.local().watch();
    let lease = house.lease("a", &[]).await.unwrap();
    assert_eq!(events.next().await, Some(ProviderEvent::OffersChanged));
    house.local().release(lease.id, lease.token).await.unwrap();
    assert_eq!(events.next().await, Some(ProviderEvent::OffersChanged));
}

#[tokio::test]
async fn contradictions_in_the_configuration_are_told() {
    let home = tempfile::tempdir().unwrap();
    let kind = Accelerator { model: "h100-80gb".into(), memory: Bytes::from_gb(80) };
    let capacity = Capacity { gpu: GpuAmount::whole(4), ..Capacity::ZERO };
    let error =
        LocalProvider::open(config(home.path()).with_capacity(capacity).with_accelerators(kind, 2)).unwrap_err();
    assert_eq!(error.to_string(), "open failed: the capacity has 4 accelerators, 2 were named");
    let error = LocalProvider::open(config(home.path()).with_network_gbps(-1.0)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}
