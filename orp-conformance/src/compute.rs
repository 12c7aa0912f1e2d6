//! The laws of machines: leases on them, and processes on the leases.
//!
//! ```
//! use async_trait::async_trait;
//! use orp_conformance::{ComputeHarness, compute_suite};
//! use orp_core::{contract::{Capabilities, ComputeProvider}, id::AttemptId, memory::MemoryProvider, noun::*};
//! use std::sync::Arc;
//!
//! struct Harness;
//!
//! #[async_trait]
//! impl ComputeHarness for Harness {
//!     async fn fresh(&self) -> Arc<dyn ComputeProvider> {
//!         // It launches nothing, so the laws of launching are skipped.
//!         Arc::new(MemoryProvider::example().with_capabilities(Capabilities::offering(Pillar::ALL)))
//!     }
//!     fn spec(&self, attempt: AttemptId) -> LaunchSpec {
//!         LaunchSpec::new(attempt, "sleep", "/tmp/work".into())
//!     }
//!     async fn pause(&self) {
//!         tokio::time::sleep(std::time::Duration::from_millis(5)).await;
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let report = compute_suite(&Harness).await;
//! report.assert_ok();
//! assert_eq!(report.skipped.len(), 2, "{report}");
//! # }
//! ```

use crate::bench::{PATIENCE, ensure, expect_kind, fresh_key, in_time, name, skipped, unknown};
use crate::{Fault, Report, Verdict};
use async_trait::async_trait;
use futures_util::future::join_all;
use orp_core::contract::ComputeProvider;
use orp_core::error::ErrorKind;
use orp_core::id::{AttemptId, IdempotencyKey, LeaseId, OfferId, RunId, TaskName, Tenant};
use orp_core::noun::{AcquireRequest, ExecutionStatus, FencingToken, LaunchSpec, Lease, Offer, Signal};
use std::sync::Arc;

/// The most leases a law asks for together.
const TOGETHER: u32 = 8;

/// What the laws of machines need of whoever wants a provider tried.
#[async_trait]
pub trait ComputeHarness: Send + Sync {
    /// A provider on which nothing is leased. Each law gets its own, and gives back what it leased.
    async fn fresh(&self) -> Arc<dyn ComputeProvider>;

    /// How to launch a small program that runs until it is told to stop. Only called when `launch` is declared.
    fn spec(&self, attempt: AttemptId) -> LaunchSpec;

    /// Lets a moment pass (some milliseconds) for what goes on in the background.
    async fn pause(&self);

    /// What a restarted host finds where `provider` was: called when `reattach` is declared, and must be some then.
    async fn reopen(&self, provider: Arc<dyn ComputeProvider>) -> Option<Arc<dyn ComputeProvider>> {
        drop(provider);
        None
    }

    /// How often the program of this spec was started, as it can be seen without asking the provider (a file the program
    /// appends to, say); none when it cannot.
    fn starts(&self, spec: &LaunchSpec) -> Option<u32> {
        let _ = spec;
        None
    }

    /// Makes the provider take a lease back at once; whether it can be made to.
    async fn reclaim(&self, provider: &dyn ComputeProvider, lease: LeaseId) -> bool {
        let _ = (provider, lease);
        false
    }
}

/// Tries every law of [`ComputeProvider`]; see [`crate::provider_suite`] for those of every provider.
pub async fn compute_suite(harness: &dyn ComputeHarness) -> Report {
    let mut report = Report::default();
    macro_rules! try_law {
        ($($id:literal: $law:path,)*) => {$(
            let mut bed = Bed::fresh(harness).await;
            report.law($id, $law(&mut bed)).await;
            bed.clear().await;
        )*};
    }
    try_law! {
        "COMP-1": comp_1,
        "COMP-2": comp_2,
        "COMP-3": comp_3,
        "COMP-4": comp_4,
        "COMP-5": comp_5,
        "COMP-6": comp_6,
        "COMP-7": comp_7,
        "COMP-8": comp_8,
        "COMP-9": comp_9,
    }
    report
}

/// A fresh provider for one law.
pub struct Bed<'a> {
    harness: &'a dyn ComputeHarness,
    provider: Option<Arc<dyn ComputeProvider>>,
}

impl<'a> Bed<'a> {
    /// With a fresh provider of the harness.
    pub async fn fresh(harness: &'a dyn ComputeHarness) -> Self {
        Self { harness, provider: Some(harness.fresh().await) }
    }

    /// Gives back every lease, whatever became of the law.
    pub async fn clear(self) {
        let Some(provider) = self.provider else { return };
        for lease in provider.leases().await.unwrap_or_default() {
            // A provider that breaks its laws may fail here too: the law's verdict says so already.
            let _ = provider.release(lease.id, lease.token).await;
        }
    }

    fn provider(&self) -> Result<&dyn ComputeProvider, Fault> {
        let gone = || Fault::Broken("it declares `reattach`, and nothing was found again".into());
        self.provider.as_deref().ok_or_else(gone)
    }

    /// Restarts the host, when the provider declares that what it holds outlives it.
    async fn restart(&mut self) -> Result<bool, Fault> {
        if !self.provider()?.capabilities().reattach {
            return Ok(false);
        }
        if let Some(provider) = self.provider.take() {
            self.provider = self.harness.reopen(provider).await;
        }
        self.provider().map(|_| true)
    }

    /// Ends the law unless the provider launches.
    fn must_launch(&self) -> Verdict {
        if self.provider()?.capabilities().launch { Ok(()) } else { skipped("it does not declare `launch`") }
    }

    async fn machine(&self) -> Result<Offer, Fault> {
        let offers = self.provider()?.offers().await?;
        match offers.into_iter().find(|offer| offer.machine().is_some() && offer.units > 0) {
            Some(offer) => Ok(offer),
            None => skipped("no machine is on offer"),
        }
    }

    async fn lease(&self) -> Result<Lease, Fault> {
        let offer = self.machine().await?;
        Ok(self.provider()?.acquire(&request(&offer.key.offer)).await?)
    }

    fn new_spec(&self) -> LaunchSpec {
        self.harness.spec(AttemptId {
            run: unknown(|ids| RunId::next(ids)),
            // Each law's attempts must be its own: the key of a launch is that of its attempt.
            task: name(fresh_key("task").as_str().replace('/', "-"), TaskName::new),
            number: 1,
        })
    }

    /// Waits until the execution is over; false when patience ended first.
    async fn ends(&self, execution: &IdempotencyKey) -> Result<bool, Fault> {
        for _ in 0..PATIENCE {
            if let ExecutionStatus::Ended { .. } = self.provider()?.status(execution).await? {
                return Ok(true);
            }
            self.harness.pause().await;
        }
        Ok(false)
    }

    /// How often a program was started, once it had the time to be started again; none when that cannot be seen.
    async fn starts(&self, spec: &LaunchSpec, expected: u32) -> Option<u32> {
        for _ in 0..PATIENCE {
            if self.harness.starts(spec)? >= expected {
                break;
            }
            self.harness.pause().await;
        }
        for _ in 0..3 {
            self.harness.pause().await;
        }
        self.harness.starts(spec)
    }
}

fn request(offer: &OfferId) -> AcquireRequest {
    AcquireRequest::new(fresh_key("lease"), offer.clone(), name("conformance", Tenant::new))
}

/// A token older than that of the lease.
const fn stale(lease: &Lease) -> FencingToken {
    FencingToken(lease.token.0.wrapping_sub(1))
}

/// `acquire` with the same key returns the same lease: one after the other, all at once, and after a restart.
pub async fn comp_1(bed: &mut Bed<'_>) -> Verdict {
    let offer = bed.machine().await?;
    let asked = request(&offer.key.offer);
    let first = bed.provider()?.acquire(&asked).await?;
    let again = bed.provider()?.acquire(&asked).await?;
    ensure!(first == again, "the first call returned {first:?}, the second {again:?}");
    bed.provider()?.release(first.id, first.token).await?;
    if let Ok(late) = bed.provider()?.acquire(&asked).await {
        ensure!(late.id == first.id, "after its release the key returned another lease, {late:?}");
    }
    let asked = request(&offer.key.offer);
    let provider = bed.provider()?;
    let mut leases = Vec::new();
    for result in join_all((0..3).map(|_| provider.acquire(&asked))).await {
        leases.push(result?);
    }
    ensure!(leases.windows(2).all(|pair| pair.first() == pair.last()), "three calls at once returned {leases:?}");
    if bed.restart().await? {
        let found = bed.provider()?.acquire(&asked).await?;
        ensure!(leases.first() == Some(&found), "after a restart the key returned {found:?} instead of {leases:?}");
    }
    let held = bed.provider()?.leases().await?.into_iter().filter(|lease| lease.key == asked.key).count();
    ensure!(held == 1, "{held} leases have the key `{}`", asked.key);
    Ok(())
}

/// Never more units of an offer are leased than it has, however many ask at once.
pub async fn comp_2(bed: &mut Bed<'_>) -> Verdict {
    let offer = bed.machine().await?;
    let (id, provider) = (&offer.key.offer, bed.provider()?);
    if let Some(more) = offer.units.checked_add(1) {
        let result = provider.acquire(&request(id).with_units(more)).await;
        expect_kind(ErrorKind::Exhausted, &format!("{more} of {} units were asked", offer.units), result)?;
    }
    let mut granted = 0;
    if offer.units > TOGETHER {
        granted += provider.acquire(&request(id).with_units(offer.units - TOGETHER)).await?.units;
    }
    let asked: Vec<_> = (0..offer.units.min(TOGETHER) + 3).map(|_| request(id)).collect();
    for result in join_all(asked.iter().map(|asked| provider.acquire(asked))).await {
        match result {
            Ok(lease) => granted += lease.units,
            refused => expect_kind(ErrorKind::Exhausted, "more units were asked than there are", refused)?,
        }
    }
    ensure!(granted <= offer.units, "{granted} units of `{id}` were leased, it has {}", offer.units);
    Ok(())
}

/// `launch` with the same key starts no second process: one after the other, all at once, and after a restart.
pub async fn comp_3(bed: &mut Bed<'_>) -> Verdict {
    bed.must_launch()?;
    let (lease, spec) = (bed.lease().await?, bed.new_spec());
    let provider = bed.provider()?;
    let mut executions = Vec::new();
    for result in join_all((0..3).map(|_| provider.launch(lease.id, lease.token, &spec))).await {
        executions.push(result?);
    }
    executions.push(provider.launch(lease.id, lease.token, &spec).await?);
    if bed.restart().await? {
        executions.push(bed.provider()?.launch(lease.id, lease.token, &spec).await?);
    }
    for again in &executions {
        let first = executions.first().unwrap_or(again);
        ensure!(
            again.key == spec.key() && again.starts == 1,
            "a launch under the key `{}` returned {again:?}",
            spec.key()
        );
        ensure!(again == first, "the first call returned {first:?}, a later one {again:?}");
    }
    let starts = bed.starts(&spec, 1).await.unwrap_or(1);
    ensure!(starts == 1, "its program was started {starts} times");
    Ok(())
}

/// `release` ends what runs on the lease and is idempotent; the second call answers as the first.
pub async fn comp_4(bed: &mut Bed<'_>) -> Verdict {
    let lease = bed.lease().await?;
    let mut running = None;
    if bed.must_launch().is_ok() {
        running = Some(bed.provider()?.launch(lease.id, lease.token, &bed.new_spec()).await?);
    }
    let first = bed.provider()?.release(lease.id, lease.token).await?;
    if let Some(execution) = running {
        ensure!(bed.ends(&execution.key).await?, "the lease is released, and {execution:?} still runs");
    }
    let again = bed.provider()?.release(lease.id, lease.token).await?;
    ensure!(first == again, "the first call answered {first:?}, the second {again:?}");
    if bed.restart().await? {
        let again = bed.provider()?.release(lease.id, lease.token).await?;
        ensure!(first == again, "the first call answered {first:?}, one after a restart {again:?}");
    }
    Ok(())
}

/// A released lease launches nothing; nor does one that was reclaimed, where that can be brought about.
pub async fn comp_5(bed: &mut Bed<'_>) -> Verdict {
    bed.must_launch()?;
    let released = bed.lease().await?;
    bed.provider()?.release(released.id, released.token).await?;
    let reclaimed = bed.lease().await?;
    let taken = bed.provider()?.capabilities().reclaim && bed.harness.reclaim(bed.provider()?, reclaimed.id).await;
    for (lease, how) in [(Some(released), "released"), (taken.then_some(reclaimed), "reclaimed")] {
        let Some(lease) = lease else { continue };
        let spec = bed.new_spec();
        let result = bed.provider()?.launch(lease.id, lease.token, &spec).await;
        expect_kind(ErrorKind::Lost, &format!("a launch on a {how} lease"), result)?;
        let starts = bed.starts(&spec, 0).await.unwrap_or(0);
        ensure!(starts == 0, "the launch on a {how} lease was refused, and its program was started");
    }
    Ok(())
}

/// A stale token changes nothing: it launches nothing, and releases nothing.
pub async fn comp_6(bed: &mut Bed<'_>) -> Verdict {
    let lease = bed.lease().await?;
    let mut running = None;
    if bed.must_launch().is_ok() {
        let (first, second) = (bed.new_spec(), bed.new_spec());
        running = Some(bed.provider()?.launch(lease.id, lease.token, &first).await?);
        let result = bed.provider()?.launch(lease.id, stale(&lease), &second).await;
        expect_kind(ErrorKind::Conflict, "a launch with a stale token", result)?;
        let starts = bed.starts(&second, 0).await.unwrap_or(0);
        ensure!(starts == 0, "the launch with a stale token was refused, and its program was started");
    }
    let result = bed.provider()?.release(lease.id, stale(&lease)).await;
    expect_kind(ErrorKind::Conflict, "a release with a stale token", result)?;
    let kept = bed.provider()?.leases().await?.contains(&lease);
    ensure!(kept, "the release with a stale token was refused, and the lease is gone");
    if let Some(execution) = running {
        let status = bed.provider()?.status(&execution.key).await?;
        let runs = matches!(status, ExecutionStatus::Running(_));
        ensure!(runs, "a release with a stale token was refused, and {execution:?} does not run any more");
    }
    Ok(())
}

/// Unknown leases, executions and offers are not found.
pub async fn comp_7(bed: &mut Bed<'_>) -> Verdict {
    let provider = bed.provider()?;
    let offer = name("no-such-offer-anywhere", OfferId::new);
    expect_kind(ErrorKind::NotFound, "an unknown offer acquired", provider.acquire(&request(&offer)).await)?;
    let (lease, token) = (unknown(|ids| LeaseId::next(ids)), FencingToken(1));
    expect_kind(ErrorKind::NotFound, "an unknown lease released", provider.release(lease, token).await)?;
    if bed.must_launch().is_err() {
        return Ok(());
    }
    let result = provider.launch(lease, token, &bed.new_spec()).await;
    expect_kind(ErrorKind::NotFound, "a launch on an unknown lease", result)?;
    let key = fresh_key("nobody");
    expect_kind(ErrorKind::NotFound, "the status of an unknown execution", provider.status(&key).await)?;
    let result = provider.signal(&key, Signal::Kill).await;
    expect_kind(ErrorKind::NotFound, "a signal to an unknown execution", result)?;
    match in_time(provider.wait(&key), || bed.harness.pause()).await {
        Some(result) => expect_kind(ErrorKind::NotFound, "a wait for an unknown execution", result),
        None => Err(Fault::Broken("a wait for an unknown execution did not end".into())),
    }
}

/// `leases` lists every lease not released, also after a restart.
pub async fn comp_8(bed: &mut Bed<'_>) -> Verdict {
    let mut held = vec![bed.lease().await?];
    // Where only one unit is on offer, one lease must do.
    held.extend(bed.lease().await.ok());
    held.sort_by_key(|lease| lease.id);
    for round in ["two were acquired", "one of two was released"] {
        for restarted in [false, true] {
            if restarted && !bed.restart().await? {
                continue;
            }
            let mut listed = bed.provider()?.leases().await?;
            listed.sort_by_key(|lease| lease.id);
            let when = if restarted { " and the host restarted" } else { "" };
            ensure!(listed == held, "{round}{when}: {held:?} are held, {listed:?} are listed");
        }
        if let Some(last) = held.pop() {
            bed.provider()?.release(last.id, last.token).await?;
        }
    }
    Ok(())
}

/// Tokens grow from lease to lease, also after a release and a restart.
pub async fn comp_9(bed: &mut Bed<'_>) -> Verdict {
    let mut last: Option<Lease> = None;
    for round in 0..4 {
        if round == 2 {
            bed.restart().await?;
        }
        let lease = bed.lease().await?;
        if let Some(last) = &last {
            ensure!(last.token < lease.token, "a lease has token {}, the next one {}", last.token.0, lease.token.0);
        }
        bed.provider()?.release(lease.id, lease.token).await?;
        last = Some(lease);
    }
    Ok(())
}
