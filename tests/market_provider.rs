//! The market with real processes on a fast clock: notice, grace, kill, restart, and the laws of its contracts.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests: they panic, and look at the machine's clock"
)]

use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use orp_conformance::{ComputeHarness, DataHarness, compute_suite, data_suite, provider_suite};
use orp_core::prelude::*;
use orp_sdk::process::{Launcher, Supervisor};
use orp_sdk::provider::market::{
    Catalogue, GRACE_MIN, MarketConfig, MarketProvider, ReclaimModel, Seeded, Supply, Trace, load_network, load_prices,
};
use orp_sdk::time::{RandomIds, ScaledClock, Timer};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
/// A minute in a second: time enough to set things up, however busy this machine is.
const SLOW: f64 = 60.0;
/// An hour in a second.
const FAST: f64 = 3_600.0;
const SPOT: &str = "p5.48xlarge/us-east-1a/spot";
const ON_DEMAND: &str = "p5.48xlarge/us-east-1/on-demand";
/// Saves when it is asked to stop.
const POLITE: &str = "trap 'echo saved > saved; exit 75' TERM; echo up > up; while :; do sleep 0.01; done";
/// Does not hear.
const STUBBORN: &str = "trap '' TERM; echo up > up; while :; do sleep 0.01; done";

/// A market in a folder of its own; what still runs is killed at the end of the test, also of a failed one.
struct Bed {
    home: TempDir,
    market: PathBuf,
    launched: Vec<PathBuf>,
}

impl Bed {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { market: home.path().join("market"), home, launched: Vec::new() }
    }

    fn config(&self, reclaims: ReclaimModel) -> MarketConfig {
        MarketConfig::new(&self.market)
            .with_clock(ScaledClock::new(START, SLOW))
            .with_start(START)
            .with_supply(Supply::default().with_provision(Span::SECOND))
            .with_reclaims(reclaims)
            .with_launcher(launcher())
    }

    /// Opened with a slow clock: see [`Bed::go`].
    async fn open(&self, reclaims: ReclaimModel) -> MarketProvider {
        MarketProvider::open(self.config(reclaims)).await.unwrap()
    }

    /// Launches a script, and returns once it is up.
    async fn launch(&mut self, market: &MarketProvider, lease: &Lease, script: &str) -> LaunchSpec {
        let spec = spec(&self.home.path().join(format!("work-{}", self.launched.len())), script);
        self.launched.push(spec.folder.clone());
        market.launch(lease.id, lease.token, &spec).await.unwrap();
        until("it is up", || spec.folder.join("work/up").exists()).await;
        spec
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let folders = std::mem::take(&mut self.launched);
        // On a thread of its own: the test's runtime must not be blocked on from within.
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                for folder in folders {
                    let _ = launcher().kill(&folder).await;
                }
            });
        });
        let _ = cleaner.join();
    }
}

fn launcher() -> Launcher {
    Launcher::new(Supervisor::program(env!("CARGO_BIN_EXE_orp-supervisor")))
}

fn spec(folder: &Path, script: &str) -> LaunchSpec {
    let attempt = AttemptId { run: RunId::next(&RandomIds), task: TaskName::new("train").unwrap(), number: 1 };
    let mut spec = LaunchSpec::new(attempt, "sh", folder.to_owned());
    spec.args = vec!["-c".into(), script.into()];
    spec
}

fn request(key: &str, offer: &str) -> AcquireRequest {
    AcquireRequest::new(IdempotencyKey::new(key), OfferId::new(offer).unwrap(), Tenant::new("research").unwrap())
}

/// One outage of `us-east-1a`.
fn outage(at: &str, length: &str) -> ReclaimModel {
    let mut trace = Trace::default();
    trace.add("us-east-1a", at.parse().unwrap(), length.parse().unwrap());
    ReclaimModel::Trace(trace)
}

fn after(text: &str) -> Timestamp {
    START.after(text.parse().unwrap())
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

async fn next(events: &mut (impl Stream<Item = ProviderEvent> + Unpin)) -> ProviderEvent {
    tokio::time::timeout(Duration::from_secs(30), events.next()).await.expect("an event in time").expect("an event")
}

/// The next event that is about a lease.
async fn next_of_lease(events: &mut (impl Stream<Item = ProviderEvent> + Unpin)) -> ProviderEvent {
    loop {
        match next(events).await {
            ProviderEvent::OffersChanged => {}
            event => return event,
        }
    }
}

async fn ending(market: &MarketProvider, spec: &LaunchSpec) -> Ending {
    let ended = tokio::time::timeout(Duration::from_secs(30), market.wait(&spec.key())).await.expect("it ends in time");
    match ended.unwrap() {
        ExecutionStatus::Ended { ending, .. } => ending,
        running => panic!("{running:?}"),
    }
}

async fn is_offered(market: &MarketProvider, id: &str) -> bool {
    market.offers().await.unwrap().iter().any(|offer| offer.key.offer.as_str() == id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reclaim_gives_notice_and_a_grace_in_which_a_process_saves() {
    let mut bed = Bed::new();
    let market = bed.open(outage("1h", "30m")).await;
    let mut events = market.watch();
    let lease = market.acquire(&request("a", SPOT)).await.unwrap();
    assert!(lease.granted >= after("1s") && market.clock().now() >= lease.granted, "a machine takes its time");
    let spec = bed.launch(&market, &lease, POLITE).await;
    market.clock().set_rate(FAST);

    assert_eq!(next(&mut events).await, ProviderEvent::ReclaimNotice { lease: lease.id, at: after("1h") });
    assert!(market.clock().now() >= after("58m"), "two minutes before");
    let late = bed.home.path().join("late");
    let error = market.launch(lease.id, lease.token, &self::spec(&late, POLITE)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Lost, "nothing new starts on it: {error}");
    assert!(ending(&market, &spec).await.is_saved());
    assert!(market.clock().now() < after("1h"), "it saved within the notice");
    assert!(spec.folder.join("work/saved").exists());

    assert_eq!(next(&mut events).await, ProviderEvent::Reclaimed { lease: lease.id, at: after("1h") });
    assert_eq!(next(&mut events).await, ProviderEvent::OffersChanged);
    assert!(market.leases().await.unwrap().is_empty());
    assert!(!is_offered(&market, SPOT).await && is_offered(&market, ON_DEMAND).await);
    let error = market.acquire(&request("b", SPOT)).await.unwrap_err();
    assert_eq!((error.kind, error.retry), (ErrorKind::Exhausted, Retry::Elsewhere));
    assert!(
        error.to_string().contains("has no spot capacity for `p5.48xlarge/us-east-1a/spot` until 2027-01-15T09:30:00Z")
    );
    let released = market.release(lease.id, lease.token).await.unwrap();
    assert_eq!(released, Released { at: after("1h"), reclaimed: true });
    assert_eq!(
        lease.cost_until(released.at).unwrap(),
        lease.offer.price.for_span(released.at.since(lease.granted)).unwrap()
    );

    assert_eq!(next(&mut events).await, ProviderEvent::OffersChanged);
    assert!(market.clock().now() >= after("1h30m") && is_offered(&market, SPOT).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_does_not_hear_has_a_real_second_and_is_killed() {
    let mut bed = Bed::new();
    // At ten hours in a second the notice would last three milliseconds, if the clock did not slow down.
    let market = bed.open(outage("5h", "30m")).await;
    let mut events = market.watch();
    let lease = market.acquire(&request("a", SPOT)).await.unwrap();
    let spec = bed.launch(&market, &lease, STUBBORN).await;
    market.clock().set_rate(10.0 * FAST);
    assert!(matches!(next(&mut events).await, ProviderEvent::ReclaimNotice { .. }));
    let noticed = Instant::now();
    tokio::time::sleep(GRACE_MIN / 2).await;
    assert!(matches!(market.status(&spec.key()).await.unwrap(), ExecutionStatus::Running(_)));
    assert!(market.clock().now() <= after("5h"), "the clock is slow");
    assert!(matches!(next(&mut events).await, ProviderEvent::Reclaimed { .. }));
    // A hair of tolerance: the notice was read after it was given.
    assert!(noticed.elapsed() >= GRACE_MIN - Duration::from_millis(50), "{:?}", noticed.elapsed());
    assert_eq!(ending(&market, &spec).await, Ending::Signalled(9));
    assert!((market.clock().rate() - 10.0 * FAST).abs() < 1.0, "the clock is let go");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_let_go_as_soon_as_everything_has_ended() {
    let mut bed = Bed::new();
    let market = bed.open(outage("1h", "30m")).await;
    let mut events = market.watch();
    let lease = market.acquire(&request("a", SPOT)).await.unwrap();
    bed.launch(&market, &lease, POLITE).await;
    let idle = market.acquire(&request("b", SPOT)).await.unwrap();
    market.clock().set_rate(FAST);
    assert!(matches!(next_of_lease(&mut events).await, ProviderEvent::ReclaimNotice { .. }));
    let noticed = Instant::now();
    let mut taken = 0;
    while taken < 2 {
        taken += u32::from(matches!(next_of_lease(&mut events).await, ProviderEvent::Reclaimed { .. }));
    }
    assert!(noticed.elapsed() < GRACE_MIN, "{:?}", noticed.elapsed());
    assert_ne!(lease.id, idle.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_host_finds_leases_processes_and_the_time_it_stood_at() {
    let mut bed = Bed::new();
    let reclaims = || outage("2h", "30m");
    let market = bed.open(reclaims()).await;
    let lease = market.acquire(&request("a", SPOT)).await.unwrap();
    let spec = bed.launch(&market, &lease, POLITE).await;
    let ExecutionStatus::Running(before) = market.status(&spec.key()).await.unwrap() else { panic!("it runs") };
    market.clock().advance_to(after("1h"));
    let stood = market.clock().now();
    drop(market);
    tokio::time::sleep(Duration::from_millis(300)).await;

    let market = bed.open(reclaims()).await;
    let shown = market.clock().now();
    assert!(shown >= stood, "the time never goes back: {shown} after {stood}");
    assert!(shown.since(stood) < Span::from_secs(900), "the time stood still: {shown} after {stood}");
    assert_eq!(market.leases().await.unwrap(), std::slice::from_ref(&lease));
    assert_eq!(market.acquire(&request("a", SPOT)).await.unwrap(), lease);
    assert_eq!(market.launch(lease.id, lease.token, &spec).await.unwrap(), before, "it is not started again");

    let mut events = market.watch();
    market.clock().set_rate(FAST);
    assert_eq!(next(&mut events).await, ProviderEvent::ReclaimNotice { lease: lease.id, at: after("2h") });
    assert!(ending(&market, &spec).await.is_saved());
    assert_eq!(next_of_lease(&mut events).await, ProviderEvent::Reclaimed { lease: lease.id, at: after("2h") });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_gone_during_a_notice_gives_it_again() {
    let mut bed = Bed::new();
    let reclaims = || outage("1h", "30m");
    let market = bed.open(reclaims()).await;
    let mut events = market.watch();
    let lease = market.acquire(&request("a", SPOT)).await.unwrap();
    let spec = bed.launch(&market, &lease, STUBBORN).await;
    market.clock().set_rate(FAST);
    assert!(matches!(next(&mut events).await, ProviderEvent::ReclaimNotice { .. }));
    // What a crash leaves: the folder as it is now, without a farewell.
    let left = bed.home.path().join("left");
    copy(&bed.market, &left);
    drop(market);

    bed.market = left;
    let market = bed.open(reclaims()).await;
    let mut events = market.watch();
    assert_eq!(next(&mut events).await, ProviderEvent::ReclaimNotice { lease: lease.id, at: after("1h") });
    let noticed = Instant::now();
    assert!(matches!(next(&mut events).await, ProviderEvent::Reclaimed { .. }));
    assert!(noticed.elapsed() >= GRACE_MIN - Duration::from_millis(50), "{:?}", noticed.elapsed());
    assert_eq!(ending(&market, &spec).await, Ending::Signalled(9));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // A temporary file may be renamed away under our hands.
            let _ = fs::copy(entry.path(), target);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_kills_ends_charges_and_is_answered_alike_for_ever() {
    let mut bed = Bed::new();
    let market = bed.open(outage("2h", "30m")).await;
    let mut events = market.watch();
    let lease = market.acquire(&request("a", SPOT)).await.unwrap();
    let spec = bed.launch(&market, &lease, STUBBORN).await;
    let released = market.release(lease.id, lease.token).await.unwrap();
    assert!(!released.reclaimed && released.at >= lease.granted);
    let ExecutionStatus::Ended { ending, .. } = market.status(&spec.key()).await.unwrap() else { panic!("it is dead") };
    assert_eq!(ending, Ending::Signalled(9));
    market.clock().set_rate(FAST);
    // Nobody is on the lease any more: neither a notice, nor a slow clock.
    let begun = Instant::now();
    market.clock().sleep_until(after("2h30m")).await;
    assert!(begun.elapsed() < Duration::from_millis(3_300), "{:?}", begun.elapsed());
    assert_eq!(market.release(lease.id, lease.token).await.unwrap(), released);
    drop(market);
    assert_eq!(events.next().await, None, "no report of a lease that was given back");
    let market = bed.open(outage("2h", "30m")).await;
    assert_eq!(market.release(lease.id, lease.token).await.unwrap(), released);
    let error =
        market.launch(lease.id, lease.token, &self::spec(&bed.home.path().join("x"), POLITE)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_everything_and_two_hosts_never_share_a_market() {
    let mut bed = Bed::new();
    let market = bed.open(ReclaimModel::Never).await;
    let leases =
        [market.acquire(&request("a", SPOT)).await.unwrap(), market.acquire(&request("b", ON_DEMAND)).await.unwrap()];
    let mut specs = Vec::new();
    for lease in &leases {
        specs.push(bed.launch(&market, lease, STUBBORN).await);
    }
    let error = MarketProvider::open(bed.config(ReclaimModel::Never)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.to_string().contains("another host has this market open"), "{error}");
    market.shutdown().await.unwrap();
    for spec in &specs {
        assert_eq!(ending(&market, spec).await, Ending::Signalled(9));
    }
    assert!(market.leases().await.unwrap().is_empty());
    let error = market.acquire(&request("c", ON_DEMAND)).await.unwrap_err();
    assert_eq!(error.to_string(), "acquire failed: the market is shut down");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_reclaims_at_the_same_times() {
    async fn reclaimed_at(seed: u64) -> Vec<Timestamp> {
        let bed = Bed::new();
        let model = Seeded::new(seed).with_factor(1_000.0).with_outage(Span::MINUTE);
        let market = bed.open(ReclaimModel::Seeded(model)).await;
        let mut events = market.watch();
        let mut found = Vec::new();
        for zone in ["us-east-1a", "us-east-1b", "us-east-1c"] {
            market.acquire(&request(zone, &format!("p5.48xlarge/{zone}/spot"))).await.unwrap();
        }
        market.clock().set_rate(10.0 * FAST);
        while found.len() < 3 {
            if let ProviderEvent::Reclaimed { at, .. } = next(&mut events).await {
                found.push(at);
            }
        }
        found
    }
    let (first, again, other) = tokio::join!(reclaimed_at(7), reclaimed_at(7), reclaimed_at(8));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_say_what_was_expected() {
    let bed = Bed::new();
    let config = bed.config(ReclaimModel::Never).with_supply(Supply::default().with_gpu_units(2));
    let market = MarketProvider::open(config).await.unwrap();
    let with_speed = |text: &str| {
        let mut request = request("speed", SPOT);
        request.options.insert("speed".into(), text.into());
        request
    };
    for (request, kind, message) in [
        (request("a", "no-such/offer"), ErrorKind::NotFound, "no offer `no-such/offer`"),
        (
            request("b", SPOT).with_units(0),
            ErrorKind::Invalid,
            "0 units of `p5.48xlarge/us-east-1a/spot`, expected at least one",
        ),
        (
            request("c", SPOT).with_units(3),
            ErrorKind::Exhausted,
            "3 units of `p5.48xlarge/us-east-1a/spot` were asked, 2 are left",
        ),
        (
            with_speed("fast"),
            ErrorKind::Invalid,
            "the option `speed` is `fast`, expected a number above 0 and at most 1",
        ),
        (with_speed("0"), ErrorKind::Invalid, "the option `speed` is `0`, expected a number above 0 and at most 1"),
        (with_speed("1.5"), ErrorKind::Invalid, "the option `speed` is `1.5`, expected a number above 0 and at most 1"),
    ] {
        let error = market.acquire(&request).await.unwrap_err();
        assert_eq!((error.kind, error.to_string()), (kind, format!("acquire failed: {message}")));
    }
    market.acquire(&request("d", SPOT)).await.unwrap();
    let error = market.acquire(&request("d", ON_DEMAND)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "the key of another request");
    let left = market.offers().await.unwrap().into_iter().find(|offer| offer.key.offer.as_str() == SPOT).unwrap();
    assert_eq!(left.units, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_without_a_launcher_sells_and_does_not_run() {
    let home = tempfile::tempdir().unwrap();
    let config = MarketConfig::new(home.path()).with_clock(ScaledClock::new(START, FAST));
    let market = MarketProvider::open(config).await.unwrap();
    let capabilities = market.capabilities();
    assert!(!capabilities.launch && !capabilities.reclaim && capabilities.reattach);
    assert_eq!(capabilities.pillars, [Pillar::Compute]);
    let lease = market.acquire(&request("a", ON_DEMAND)).await.unwrap();
    let error = market.launch(lease.id, lease.token, &spec(&home.path().join("x"), POLITE)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    let config = MarketConfig::new(home.path().join("other")).with_offer(lease.offer.clone());
    let error = MarketProvider::open(config).await.unwrap_err();
    assert_eq!(error.to_string(), "open failed: offer `p5.48xlarge/us-east-1/on-demand` is there twice");
}

/// Processor time that the process and its children have used.
#[cfg(target_os = "linux")]
fn processor_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<f64> = stat.rsplit(')').next().unwrap().split(' ').filter_map(|text| text.parse().ok()).collect();
    // After the state: utime and stime are the 11th and 12th numbers, in hundredths.
    (fields[10] + fields[11]) / 100.0
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_machine_gets_its_share_of_the_processor() {
    let mut bed = Bed::new();
    let market = bed.open(ReclaimModel::Never).await;
    let mut asked = request("a", ON_DEMAND);
    asked.options.insert("speed".into(), "0.2".into());
    let lease = market.acquire(&asked).await.unwrap();
    let spec = bed.launch(&market, &lease, "echo up > up; while :; do :; done").await;
    let ExecutionStatus::Running(execution) = market.status(&spec.key()).await.unwrap() else { panic!("it runs") };
    let (begun, used) = (Instant::now(), processor_seconds(execution.pid));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let share = (processor_seconds(execution.pid) - used) / begun.elapsed().as_secs_f64();
    assert!(share < 0.5, "it used {share:.2} of a processor, a fifth was its share");
    market.shutdown().await.unwrap();
}

#[test]
fn published_snapshots_become_a_catalogue_and_a_network() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/market");
    if !folder.exists() {
        eprintln!("SKIPPED: no snapshots of market data beside the project");
        return;
    }
    let snapshot = load_prices(&folder).unwrap();
    for (file, rows) in &snapshot.rows {
        eprintln!("{rows:>6} rows in {}", Path::new(file).file_name().unwrap().display());
    }
    for (why, rows) in &snapshot.left_out {
        eprintln!("{rows:>6} left out: {why}");
    }
    let offers = snapshot.catalogue.offers(&ProviderName::new("market").unwrap(), &Supply::default());
    let spot = offers.iter().filter(|offer| offer.market == Market::Spot).count();
    eprintln!(
        "{:>6} listings, {} offers on demand, {spot} as spot",
        snapshot.catalogue.listings().len(),
        offers.len() - spot
    );
    assert_eq!(
        snapshot.rows.values().copied().collect::<Vec<_>>().iter().sum::<usize>(),
        1_350 + 2_686 + 14_962 + 9_948 + 17_720
    );
    assert!(snapshot.catalogue.listings().len() > 15_000 && spot > 15_000, "{spot}");
    for offer in &offers {
        offer.check().unwrap();
    }
    let h100 = |site: &str| {
        let with =
            |offer: &&Offer| offer.machine().unwrap().accelerator.as_ref().is_some_and(|gpu| gpu.model == "h100-80gb");
        offers.iter().filter(with).filter(|offer| offer.place.site == site).count()
    };
    assert!(h100("aws") > 0 && h100("gcp") > 0 && h100("azure") > 0);

    let network = load_network(&folder).unwrap();
    let route =
        |from: (&str, &str), to: (&str, &str)| network.route(&Place::new(from.0, from.1), &Place::new(to.0, to.1));
    let way = route(("aws", "us-east-1"), ("aws", "us-west-2"));
    assert!((way.price.amount.as_f64() - 0.02).abs() < 1e-9 && (4.0..6.0).contains(&way.gbps), "{way:?}");
    let way = route(("gcp", "us-central1"), ("aws", "us-east-1"));
    assert!((0.08..0.13).contains(&way.price.amount.as_f64()) && (4.0..9.0).contains(&way.gbps), "{way:?}");
    let way = route(("aws", "us-east-1"), ("azure", "no-such-region"));
    assert!((way.price.amount.as_f64() - 0.09).abs() < 1e-9, "{way:?}");
}

#[test]
fn published_availability_is_a_reclaim_trace() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/market/spot/aws-10-26-2022");
    let Ok(text) = fs::read_to_string(folder.join("us-west-2a_v100_8.json")) else {
        eprintln!("SKIPPED: no availability traces beside the project");
        return;
    };
    let trace = Trace::from_availability("us-west-2a", orp_core::document::Source::new("trace.json", &text)).unwrap();
    let offers = Catalogue::builtin().offers(&ProviderName::new("market").unwrap(), &Supply::default());
    let offer = offers.iter().find(|offer| offer.key.offer.as_str() == "p3.16xlarge/us-west-2a/spot").unwrap();
    let model = ReclaimModel::Trace(trace);
    let (mut now, mut outages) = (START, 0);
    while let Some(outage) = model.outage(offer, now, START) {
        (now, outages) = (outage.until, outages + 1);
    }
    eprintln!("{outages} outages in {}", now.since(START));
    assert!(outages > 10);
}

/// Markets for the conformance kit; the last one opened is the one that is opened again.
struct Kit {
    home: TempDir,
    last: Mutex<Option<(PathBuf, ScaledClock)>>,
}

/// Far beyond what a law takes, until a harness makes it come.
const RECLAIM: &str = "1000h";

impl Kit {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), last: Mutex::new(None) }
    }

    async fn market(&self, folder: PathBuf, clock: ScaledClock) -> MarketProvider {
        let mut catalogue = Catalogue::builtin();
        catalogue.retain(|listing| listing.machine.sku == "p5.48xlarge" && listing.region == "us-east-1");
        // Spot of one zone first: what the kit leases, it can have reclaimed.
        let mut listing = catalogue.listings()[0].clone();
        listing.zones = vec!["us-east-1a".into()];
        listing.on_demand = None;
        let mut catalogue = Catalogue::default();
        catalogue.add(listing).unwrap();
        let replica = |asset: &str, size: &str| Replica {
            asset: asset.parse().unwrap(),
            size: size.parse().unwrap(),
            tokens: None,
            class: DataClass::Internal,
        };
        let home = Place::new("aws", "us-east-1");
        let config = MarketConfig::new(folder)
            .with_catalogue(catalogue)
            .with_clock(clock)
            .with_start(START)
            .with_reclaims(outage(RECLAIM, "30m"))
            .with_launcher(launcher())
            .with_replica(home.clone(), replica("corpus@v1", "100 GB"))
            .with_replica(Place::new("gcp", "us-east4"), replica("corpus@v1", "100 GB"))
            .with_replica(home.clone(), replica("corpus@v2", "10 MB"))
            .with_replica(home, replica("tiny@v1", "10 B"));
        MarketProvider::open(config).await.unwrap()
    }

    async fn open(&self) -> MarketProvider {
        let folder = tempfile::tempdir_in(self.home.path()).unwrap().keep();
        let clock = ScaledClock::new(START, FAST);
        *self.last.lock().unwrap() = Some((folder.clone(), clock.clone()));
        self.market(folder, clock).await
    }
}

#[async_trait]
impl ComputeHarness for Kit {
    async fn fresh(&self) -> Arc<dyn ComputeProvider> {
        Arc::new(self.open().await)
    }

    fn spec(&self, attempt: AttemptId) -> LaunchSpec {
        let folder = self.home.path().join(attempt.to_string().replace(['/', '#'], "-"));
        let mut spec = LaunchSpec::new(attempt, "sh", folder);
        spec.args = vec!["-c".into(), format!("echo start >> starts; {POLITE}")];
        spec
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    async fn reopen(&self, provider: Arc<dyn ComputeProvider>) -> Option<Arc<dyn ComputeProvider>> {
        drop(provider);
        let (folder, _) = self.last.lock().unwrap().clone()?;
        let clock = ScaledClock::new(START, FAST);
        *self.last.lock().unwrap() = Some((folder.clone(), clock.clone()));
        Some(Arc::new(self.market(folder, clock).await))
    }

    fn starts(&self, spec: &LaunchSpec) -> Option<u32> {
        let text = fs::read_to_string(spec.folder.join("work/starts")).unwrap_or_default();
        Some(text.lines().count() as u32)
    }

    async fn reclaim(&self, provider: &dyn ComputeProvider, lease: LeaseId) -> bool {
        let Some((_, clock)) = self.last.lock().unwrap().clone() else { return false };
        clock.advance_to(after(RECLAIM));
        for _ in 0..500 {
            if provider.leases().await.unwrap().iter().all(|held| held.id != lease) {
                return true;
            }
            self.pause().await;
        }
        false
    }
}

#[async_trait]
impl DataHarness for Kit {
    async fn fresh(&self) -> Arc<dyn DataProvider> {
        Arc::new(self.open().await)
    }

    fn assets(&self) -> Vec<AssetRef> {
        ["corpus@v1", "corpus@v2", "tiny@v1"].map(|text| text.parse().unwrap()).into()
    }

    fn elsewhere(&self) -> Place {
        Place::new("azure", "westeurope")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_market_keeps_the_laws_of_its_contracts() {
    let kit = Kit::new();
    let compute = compute_suite(&kit).await;
    let data = data_suite(&kit).await;
    let every = provider_suite(&kit.open().await).await;
    let report = every.and(compute).and(data);
    eprintln!("{report}");
    report.assert_ok();
    assert!(report.skipped.is_empty(), "{report}");
}
