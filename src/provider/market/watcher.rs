//! The watcher: gives notice of reclaims, takes leases back, and writes down what the clock shows.
//!
//! A reclaim, in the market's time:
//!
//! 1. `at − notice`: [`ProviderEvent::ReclaimNotice`], and `SIGTERM` to everything on the lease. From here on the clock runs
//!    slowly enough for the notice to last [`GRACE_MIN`] of real time: the clock knows beforehand, so it does not run on while
//!    the host wakes up.
//! 2. As soon as nothing runs on the lease any more, the clock is let go and runs on to `at` at its own rate.
//! 3. `at`, and at least [`GRACE_MIN`] after the signal: `SIGKILL` to what is left, then [`ProviderEvent::Reclaimed`] and
//!    [`ProviderEvent::OffersChanged`]. Charges run until `at`, however long the kill took.
//! 4. When the pool has capacity again: [`ProviderEvent::OffersChanged`].
//!
//! Nothing here waits by the machine's clock except for the least grace.

use super::lease::Reclaim;
use super::state::Market;
use crate::process::Launcher;
use crate::time::{ScaledClock, SlowDown, Timer, instant_now};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use orp_core::contract::ProviderEvent;
use orp_core::error::ErrorKind;
use orp_core::id::LeaseId;
use orp_core::noun::{ExecutionStatus, Signal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// The least real time between the signal that asks processes to stop and the one that ends them.
pub const GRACE_MIN: Duration = Duration::from_secs(1);
/// How often what the clock shows is written down.
const SAVE_EVERY: Duration = Duration::from_millis(200);
/// How soon a write or kill that failed is tried again, and how often.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const TRIES_MAX: u32 = 60;
/// How soon a launch that is written down, but not made yet, is looked at again.
const LAUNCH_PAUSE: Duration = Duration::from_millis(20);

/// A lease that will be taken back, with the clock's promise to be slow by then.
#[derive(Debug)]
pub(super) struct Watched {
    lease: LeaseId,
    reclaim: Reclaim,
    slow: SlowDown,
}

impl Watched {
    /// Makes the clock slow during the notice, from now on until the lease is over.
    pub(super) fn new(lease: LeaseId, reclaim: Reclaim, clock: &ScaledClock) -> Self {
        let rate = reclaim.notice.as_secs_f64() / GRACE_MIN.as_secs_f64();
        Self { lease, reclaim, slow: clock.slow_between(reclaim.told(), reclaim.at, rate) }
    }
}

/// Watches over all leases until it is aborted.
pub(super) async fn watch(market: Arc<Market>, mut granted: mpsc::UnboundedReceiver<Watched>) {
    let mut leases = FuturesUnordered::new();
    let mut saves = tokio::time::interval(SAVE_EVERY);
    saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(watched) = granted.recv() => leases.push(watch_one(&market, watched)),
            Some(()) = leases.next(), if !leases.is_empty() => {}
            _ = saves.tick() => {
                if let Err(error) = market.save_time() {
                    tracing::warn!(%error, "the market's time cannot be written down");
                }
            }
        }
    }
}

/// Sees one lease through to its end.
async fn watch_one(market: &Market, watched: Watched) {
    let Watched { lease, reclaim, slow } = watched;
    let taken = tokio::select! {
        () = market.given_back(lease) => false,
        taken = take_back(market, lease, reclaim, slow) => taken,
    };
    if taken {
        market.emit(ProviderEvent::Reclaimed { lease, at: reclaim.at });
        market.emit(ProviderEvent::OffersChanged);
        market.clock.sleep_until(reclaim.back).await;
        market.emit(ProviderEvent::OffersChanged);
    }
}

/// Notice, grace, kill; whether the lease was taken back.
async fn take_back(market: &Market, lease: LeaseId, reclaim: Reclaim, slow: SlowDown) -> bool {
    market.clock.sleep_until(reclaim.told()).await;
    let folders = give_notice(market, lease);
    market.emit(ProviderEvent::ReclaimNotice { lease, at: reclaim.at });
    if let Some(launcher) = &market.launcher {
        let told = instant_now();
        join_all(folders.iter().map(|folder| tell(launcher, folder))).await;
        let grace = async {
            market.clock.sleep_until(reclaim.at).await;
            tokio::time::sleep(GRACE_MIN.saturating_sub(told.elapsed())).await;
        };
        tokio::select! {
            () = over(launcher, &folders) => {}
            () = grace => {}
        }
    }
    drop(slow);
    market.clock.sleep_until(reclaim.at).await;
    end(market, lease, reclaim).await
}

/// Nothing is launched on the lease from here on; where the processes are that run on it.
fn give_notice(market: &Market, lease: LeaseId) -> Vec<PathBuf> {
    let mut book = market.book();
    if let Err(error) = book.change(lease, "reclaim", |record| record.noticed = true) {
        // What runs is told all the same.
        tracing::warn!(%lease, %error, "a reclaim notice cannot be written down");
    }
    book.get(lease).map(|record| record.executions.values().cloned().collect()).unwrap_or_default()
}

async fn tell(launcher: &Launcher, folder: &Path) {
    match launcher.signal(folder, Signal::Terminate).await {
        // A launch that is under way asks whether notice was given once it is made.
        Err(error) if error.kind != ErrorKind::NotFound => {
            tracing::warn!(folder = %folder.display(), %error, "a process cannot be told to stop");
        }
        _ => {}
    }
}

/// Returns when nothing runs in any of the folders.
async fn over(launcher: &Launcher, folders: &[PathBuf]) {
    let ended = folders.iter().map(|folder| async {
        loop {
            match launcher.wait(folder).await {
                Err(error) if error.kind == ErrorKind::NotFound => tokio::time::sleep(LAUNCH_PAUSE).await,
                // What cannot be looked at is killed in time.
                Err(_) | Ok(ExecutionStatus::Ended { .. } | ExecutionStatus::Running(_)) => return,
            }
        }
    });
    join_all(ended).await;
}

/// Writes the end down and kills what is left; whether the lease was taken back, rather than released just before. Tries
/// again when the disk or the machine is in trouble.
async fn end(market: &Market, lease: LeaseId, reclaim: Reclaim) -> bool {
    for _ in 0..TRIES_MAX {
        let ended = match market.take_back(lease, reclaim.at) {
            Ok(released) => market.clear(lease).await.map(|()| released.reclaimed),
            Err(error) => Err(error),
        };
        match ended {
            Ok(reclaimed) => return reclaimed,
            Err(error) => tracing::warn!(%lease, %error, "a reclaim is not done yet"),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
    tracing::error!(%lease, "a reclaim could not be done: the lease stays in the book, and processes may still run");
    false
}

/// Kills what a former host left on leases that have ended.
pub(super) async fn clear_left(market: &Market) {
    let left: Vec<LeaseId> = market.book().uncleared().map(|record| record.lease.id).collect();
    for lease in left {
        if let Err(error) = market.clear(lease).await {
            tracing::warn!(%lease, %error, "what ran on a lease that has ended cannot be killed");
        }
    }
}
