//! A market of cloud offers, run on this machine.
//!
//! For planning the market is real: machine types, list prices, zones, reclaim bands and transfer prices come from dated
//! tables ([`Catalogue`], [`builtin_network`], [`load_prices`]). For running it is a stage: a leased machine is an entry in a
//! book, and what is launched on it is a **real process group of this machine**, which is told to stop with `SIGTERM`, has
//! its grace, and gets `SIGKILL`, as on a cloud. The market's time comes from a [`ScaledClock`], so that a plan of ten hours
//! can be played in ten seconds. Progress comes from the processes, never from the clock: what a process does in a second of
//! real time is what gets done.
//!
//! # Reclaims
//!
//! A [`ReclaimModel`] says when a pool has no spot capacity. A lease in it is taken back then: notice (two minutes on AWS, 30
//! seconds elsewhere, in the market's time), `SIGTERM`, grace, `SIGKILL`. The clock slows down for the notice, so that the
//! grace is at least [`GRACE_MIN`], a second in which real processes can save their state; it is let go as soon as all
//! of them have ended. Until the outage is over, the pool's offers are gone.
//!
//! # After a restart
//!
//! Leases and launches are on disk before anybody hears of them, and processes have supervisors of their own
//! ([`crate::process`]), so dropping the provider, or killing its host, ends no process. [`MarketProvider::open`] with the
//! same folder finds everything again. **The market's time stands still while no host runs it**: what the clock shows is
//! written down every 200 ms and when it changes hands, and is taken up from there, so no reclaim is missed. (A control
//! plane whose own records show a later time moves the clock on with [`ScaledClock::advance_to`].) To end everything,
//! [`MarketProvider::shutdown`].
//!
//! # What is not modelled
//!
//! Prices do not move. A machine is as fast as this one, or the share of it that the lease's option `speed` names
//! ([`SPEED_OPTION`]). Data and weights have sizes and places, but their content is generated ([`DataProvider::read`]).
//!
//! ```standalone_crate
//! use orp_core::prelude::*;
//! use orp_sdk::process::{Launcher, Supervisor, supervise_if_asked};
//! use orp_sdk::provider::market::{CsvFile, MarketConfig, MarketProvider, ReclaimModel, Trace};
//! use orp_sdk::time::ScaledClock;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     supervise_if_asked(); // first thing: the host is its own supervisor's program
//!
//!     let folder = std::env::temp_dir().join(format!("orp-market-doc-{}", std::process::id()));
//!     let reclaims = CsvFile::new("reclaims.csv", b"zone,at,for\nus-east-1a,1h,2h\n");
//!     let config = MarketConfig::new(folder.join("market"))
//!         .with_clock(ScaledClock::new("2026-08-21T00:00:00Z".parse()?, 36_000.0)) // ten hours in a second
//!         .with_reclaims(ReclaimModel::Trace(Trace::from_csv(reclaims)?))
//!         .with_launcher(Launcher::new(Supervisor::this_host()?));
//!
//!     let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
//!     runtime.block_on(async {
//!         let market = MarketProvider::open(config).await?;
//!         let offer = OfferId::new("p5.48xlarge/us-east-1a/spot")?;
//!         let request = AcquireRequest::new(IdempotencyKey::new("lease"), offer, Tenant::new("research")?);
//!         let lease = market.acquire(&request).await?; // three minutes later, by the market's clock
//!
//!         let attempt = AttemptId { run: "run_00000000000000000000000000000001".parse()?, task: TaskName::new("train")?, number: 1 };
//!         let mut spec = LaunchSpec::new(attempt, "sh", folder.join("train"));
//!         spec.args = vec!["-c".into(), "trap 'echo saved; exit 75' TERM; while :; do sleep 0.01; done".into()];
//!         market.launch(lease.id, lease.token, &spec).await?;
//!
//!         let ended = market.wait(&spec.key()).await?; // reclaimed within the hour
//!         let ExecutionStatus::Ended { ending, .. } = ended else { unreachable!() };
//!         assert!(ending.is_saved());
//!         market.shutdown().await?;
//!         Ok::<(), Box<dyn std::error::Error>>(())
//!     })?;
//!     std::fs::remove_dir_all(folder)?;
//!     Ok(())
//! }
//! ```
#![cfg(unix)]

mod assets;
mod catalogue;
mod config;
mod lease;
mod network;
mod reclaim;
mod seeded;
mod snapshots;
mod state;
mod table;
mod watcher;

pub use catalogue::{Catalogue, Listing, SpotTerms, Supply, UNKNOWN_RECLAIM_PERCENT, notice, reclaims_per_hour};
pub use config::{DEFAULT_NAME, MarketConfig};
pub use network::{builtin_network, network_from_csv};
pub use reclaim::{Outage, ReclaimModel, Seeded, Trace};
pub use snapshots::{
    ASSUMED_GBPS, NetworkFiles, OPEN_BAND_PERCENT, PriceFiles, Snapshot, load_network, load_prices, read_network,
    read_prices,
};
pub use state::SPEED_OPTION;
pub use table::{CsvFile, LIMIT_BYTES, TableError};
pub use watcher::GRACE_MIN;

use crate::time::{ScaledClock, Timer};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use orp_core::contract::{Capabilities, Clock, ComputeProvider, DataProvider, ProviderEvent, ResourceProvider};
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdempotencyKey, LeaseId, ProviderName};
use orp_core::noun::{
    AcquireRequest, AssetRef, Execution, ExecutionStatus, FencingToken, LaunchSpec, Lease, Network, Offer, Place,
    Released, Replica, Signal,
};
use orp_core::unit::{Money, Span};
use state::{Market, unreadable};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::BroadcastStream;
use watcher::Watched;

/// A market of cloud offers, run on this machine: see [the module](self).
///
/// Keeps [PROV-*](ResourceProvider), [COMP-*](ComputeProvider) and [DATA-*](DataProvider), across restarts.
#[derive(Debug)]
pub struct MarketProvider {
    market: Arc<Market>,
    granted: mpsc::UnboundedSender<Watched>,
    watcher: JoinHandle<()>,
    /// Held as long as this host has the market; the system lets go of it when the host dies.
    _lock: File,
}

impl MarketProvider {
    /// Opens the market in the configuration's folder, which is made if it is not there, and goes on from where a former
    /// host left it: leases, processes, copies, and the time. Must be called on a Tokio runtime with time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when another host has the folder; [`ErrorKind::Invalid`] when an offer breaks a law;
    /// [`ErrorKind::System`] when the folder cannot be read or written.
    pub async fn open(config: MarketConfig) -> Result<Self, ProviderError> {
        let lock = take(&config.folder)?;
        let (market, stood) = Market::open(config)?;
        let market = Arc::new(market);
        // One entry for each lease that is held, of which there are no more than units on offer.
        let (granted, watched) = mpsc::unbounded_channel();
        for record in market.book().held() {
            if let Some(reclaim) = record.reclaim {
                // INVARIANT: the receiver lives until the watcher is started below. Before the time goes on, so that the
                // clock is slow when it comes to a notice.
                let _ = granted.send(Watched::new(record.lease.id, reclaim, &market.clock));
            }
        }
        market.resume(stood)?;
        watcher::clear_left(&market).await;
        let watcher = tokio::spawn(watcher::watch(market.clone(), watched));
        Ok(Self { market, granted, watcher, _lock: lock })
    }

    /// The clock the market runs by.
    pub fn clock(&self) -> ScaledClock {
        self.market.clock.clone()
    }

    /// Gives every lease back, which kills all processes, and grants no more. Without it processes outlive the provider.
    ///
    /// # Errors
    ///
    /// The first error of a release; the other leases are given back all the same.
    pub async fn shutdown(&self) -> Result<(), ProviderError> {
        self.watcher.abort();
        self.market.book().grant_no_more();
        let mut first = Ok(());
        for lease in self.leases().await? {
            first = first.and(self.release(lease.id, lease.token).await.map(drop));
        }
        first
    }
}

impl Drop for MarketProvider {
    fn drop(&mut self) {
        self.watcher.abort();
        // The watcher may be at work on another thread: it writes nothing after this.
        self.market.book().close();
        if let Err(error) = self.market.save_time() {
            tracing::warn!(%error, "the market's time cannot be written down");
        }
    }
}

/// Takes the market's folder for this host alone.
fn take(folder: &Path) -> Result<File, ProviderError> {
    let path = folder.join("lock");
    let opened = std::fs::create_dir_all(folder).and_then(|()| File::create(&path));
    let lock = opened.map_err(|error| unreadable(&path, error))?;
    match crate::lock::take(&lock) {
        Ok(true) => Ok(lock),
        Ok(false) => {
            let message = "another host has this market open: two would run one clock twice";
            Err(ProviderError::new(ErrorKind::Conflict, "open", message).with_context("path", folder.display()))
        }
        Err(error) => Err(unreadable(&path, error)),
    }
}

#[async_trait]
impl ResourceProvider for MarketProvider {
    fn name(&self) -> &ProviderName {
        &self.market.name
    }

    fn capabilities(&self) -> Capabilities {
        self.market.capabilities.clone()
    }

    async fn offers(&self) -> Result<Vec<Offer>, ProviderError> {
        self.market.offers()
    }

    fn watch(&self) -> BoxStream<'static, ProviderEvent> {
        // A reader that missed some goes on with the next.
        BroadcastStream::new(self.market.events()).filter_map(|event| async { event.ok() }).boxed()
    }
}

#[async_trait]
impl ComputeProvider for MarketProvider {
    async fn acquire(&self, request: &AcquireRequest) -> Result<Lease, ProviderError> {
        let (lease, reclaim) = self.market.grant(request)?;
        if let Some(reclaim) = reclaim {
            // Nobody listens only after a shutdown, which has released the lease or is about to.
            let _ = self.granted.send(Watched::new(lease.id, reclaim, &self.market.clock));
        }
        self.market.save_time().map_err(|error| {
            ProviderError::new(ErrorKind::System, "acquire", "the market's time cannot be written down")
                .with_source(error)
        })?;
        self.market.clock.sleep_until(lease.granted).await;
        Ok(lease)
    }

    async fn launch(&self, lease: LeaseId, token: FencingToken, spec: &LaunchSpec) -> Result<Execution, ProviderError> {
        self.market.launch(lease, token, spec).await
    }

    async fn status(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        let (launcher, folder) = self.market.execution(execution, "status")?;
        launcher.status(&folder).await
    }

    async fn wait(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        let (launcher, folder) = self.market.execution(execution, "wait")?;
        launcher.wait(&folder).await
    }

    async fn signal(&self, execution: &IdempotencyKey, signal: Signal) -> Result<(), ProviderError> {
        let (launcher, folder) = self.market.execution(execution, "signal")?;
        launcher.signal(&folder, signal).await
    }

    async fn release(&self, lease: LeaseId, token: FencingToken) -> Result<Released, ProviderError> {
        self.market.release(lease, token).await
    }

    async fn leases(&self) -> Result<Vec<Lease>, ProviderError> {
        Ok(self.market.book().held().map(|record| record.lease.clone()).collect())
    }
}

#[async_trait]
impl DataProvider for MarketProvider {
    async fn locate(&self, asset: &AssetRef) -> Result<Vec<(Place, Replica)>, ProviderError> {
        Ok(self.market.copies().locate(asset, self.market.clock.now()))
    }

    /// The content is generated: the same bytes for the same asset and offset, at most 64 MiB a call.
    async fn read(&self, asset: &AssetRef, offset: u64, length: u64) -> Result<Vec<u8>, ProviderError> {
        self.market.copies().read(asset, offset, length, self.market.clock.now())
    }

    /// Of data sets and of weights, from where it is cheapest. Returns at once; the copy is there, and is located, once the
    /// time it takes has passed.
    async fn transfer(
        &self,
        asset: &AssetRef,
        to: &Place,
        key: &IdempotencyKey,
    ) -> Result<(Span, Money), ProviderError> {
        self.market.copies().transfer(asset, to, key, self.market.clock.now())
    }

    fn network(&self) -> Network {
        self.market.copies().network().clone()
    }
}
