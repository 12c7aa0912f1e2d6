//! What the provider and its watcher share: the offers, the book of leases, and what may be done with them.

use super::assets::Copies;
use super::config::MarketConfig;
use super::lease::{LeaseBook, LeaseRecord, Reclaim};
use super::reclaim::ReclaimModel;
use crate::process::file::{Durability, read, write};
use crate::process::{LaunchOptions, Launcher};
use crate::time::ScaledClock;
use orp_core::contract::{Capabilities, Clock, IdSource, ProviderEvent};
use orp_core::error::{ErrorKind, ProviderError, Retry};
use orp_core::id::{IdempotencyKey, LeaseId, ProviderName};
use orp_core::noun::{AcquireRequest, Execution, FencingToken, LaunchSpec, Lease, Offer, Pillar, Released, Signal};
use orp_core::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};

/// How many reports a slow reader may be behind before it misses some.
const EVENTS_KEPT: usize = 1_024;
/// How many names are drawn for a lease before the source counts as broken.
const DRAWS_MAX: usize = 100_000;
/// The option that says how fast a lease's processes run: the share of this machine's processor, above 0 and at most 1.
pub const SPEED_OPTION: &str = "speed";

/// When the market began and what its clock shows, for a host that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Time {
    start: Timestamp,
    shown: Timestamp,
}

/// The market itself.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) name: ProviderName,
    pub(super) clock: ScaledClock,
    pub(super) launcher: Option<Launcher>,
    pub(super) capabilities: Capabilities,
    /// Machines and further offers, with all their units.
    offers: Vec<Offer>,
    reclaims: ReclaimModel,
    ids: Arc<dyn IdSource>,
    start: Timestamp,
    time_path: PathBuf,
    book: Mutex<LeaseBook>,
    copies: Mutex<Copies>,
    events: broadcast::Sender<ProviderEvent>,
    /// Woken when a lease ends.
    ended: watch::Sender<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn invalid(operation: &'static str, message: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, operation, message)
}

pub(super) fn unreadable(path: &Path, error: std::io::Error) -> ProviderError {
    ProviderError::new(ErrorKind::System, "open", "the market's records cannot be read or made")
        .with_context("path", path.display())
        .with_source(error)
}

impl Market {
    /// Reads what is in the folder, and where the market's time stood, which [`Market::resume`] takes up.
    pub(super) fn open(config: MarketConfig) -> Result<(Self, Timestamp), ProviderError> {
        let folder = config.folder;
        let name = config.name.map_err(|error| invalid("open", error.to_string()))?;
        let (book_path, copies_path) = (folder.join("leases"), folder.join("transfers.json"));
        let time_path = folder.join("clock.json");
        let book = LeaseBook::open(book_path.clone()).map_err(|error| unreadable(&book_path, error))?;
        let copies = Copies::open(config.copies, config.network, copies_path.clone())
            .map_err(|error| unreadable(&copies_path, error))?;
        let saved: Option<Time> = read(&time_path).map_err(|error| unreadable(&time_path, error))?;
        let stood = saved.map_or(Timestamp::EPOCH, |saved| saved.shown).max(book.latest());
        let mut offers = config.catalogue.offers(&name, &config.supply);
        offers.extend(config.further);
        let start = saved.map(|saved| saved.start).or(config.start).unwrap_or_else(|| config.clock.now());
        let mut market = Self {
            capabilities: Capabilities::offering([]),
            offers,
            reclaims: config.reclaims,
            ids: config.ids,
            start,
            time_path,
            book: Mutex::new(book),
            copies: Mutex::new(copies),
            events: broadcast::Sender::new(EVENTS_KEPT),
            ended: watch::Sender::new(()),
            launcher: config.launcher,
            clock: config.clock,
            name,
        };
        market.capabilities = market.declared()?;
        Ok((market, stood))
    }

    /// Goes on from where the market's time stood.
    pub(super) fn resume(&self, stood: Timestamp) -> Result<(), ProviderError> {
        self.clock.advance_to(stood);
        self.save_time().map_err(|error| unreadable(&self.time_path, error))
    }

    /// What it can do; an error when one of its offers breaks a law.
    fn declared(&self) -> Result<Capabilities, ProviderError> {
        let mut ids = BTreeSet::new();
        let mut pillars: BTreeSet<Pillar> = BTreeSet::new();
        let copies = self.copies_on_offer(Timestamp::from_micros(i64::MAX))?;
        for offer in self.offers.iter().chain(&copies) {
            offer.check().map_err(|what| invalid("open", what))?;
            if offer.key.provider != self.name {
                let message = format!("offer `{}` bears another name than the market, `{}`", offer.key, self.name);
                return Err(invalid("open", message));
            }
            if !ids.insert(&offer.key.offer) {
                return Err(invalid("open", format!("offer `{}` is there twice", offer.key.offer)));
            }
            pillars.insert(offer.resource.pillar());
        }
        let mut capabilities = Capabilities::offering(pillars);
        capabilities.launch = self.launcher.is_some();
        capabilities.reattach = true;
        capabilities.reclaim = self.reclaims.reclaims();
        Ok(capabilities)
    }

    /// Writes down what the clock shows: it stands still while no host runs it.
    pub(super) fn save_time(&self) -> std::io::Result<()> {
        let time = Time { start: self.start, shown: self.clock.now() };
        // A process that is killed loses nothing of it; after a power failure the book of leases knows the time too.
        write(&self.time_path, &time, Durability::None)
    }

    pub(super) fn emit(&self, event: ProviderEvent) {
        // Without a reader nobody is interested at the moment.
        let _ = self.events.send(event);
    }

    pub(super) fn events(&self) -> broadcast::Receiver<ProviderEvent> {
        self.events.subscribe()
    }

    pub(super) fn book(&self) -> MutexGuard<'_, LeaseBook> {
        locked(&self.book)
    }

    pub(super) fn copies(&self) -> MutexGuard<'_, Copies> {
        locked(&self.copies)
    }

    fn copies_on_offer(&self, now: Timestamp) -> Result<Vec<Offer>, ProviderError> {
        let copies = self.copies();
        let mut offers: Vec<Offer> = Vec::new();
        for (place, copied) in copies.all(now) {
            let offer = copied.offer(place, &self.name).map_err(|what| invalid("offers", what))?;
            // A copy made where one is already is the same thing on offer.
            if !offers.iter().any(|known| known.key == offer.key) {
                offers.push(offer);
            }
        }
        Ok(offers)
    }

    /// What can be had now: with the units that are not leased, and without pools that have no capacity.
    pub(super) fn offers(&self) -> Result<Vec<Offer>, ProviderError> {
        let now = self.clock.now();
        let mut free = Vec::new();
        {
            let book = self.book();
            let leased = book.leased();
            for offer in &self.offers {
                let units = offer.units.saturating_sub(leased.get(&offer.key.offer).copied().unwrap_or_default());
                let out = self.reclaims.outage(offer, now, self.start).is_some_and(|outage| outage.from <= now);
                if units > 0 && !out {
                    let mut offer = offer.clone();
                    offer.units = units;
                    free.push(offer);
                }
            }
        }
        free.extend(self.copies_on_offer(now)?);
        Ok(free)
    }

    /// Grants a lease that begins once the machine is ready, and writes it down; the reclaim to watch for comes with a new
    /// one.
    pub(super) fn grant(&self, request: &AcquireRequest) -> Result<(Lease, Option<Reclaim>), ProviderError> {
        let refused = |kind, message: String| Err(ProviderError::new(kind, "acquire", message));
        let mut book = self.book();
        if let Some(known) = book.by_key(&request.key) {
            return if same_request(known, request) {
                Ok((known.lease.clone(), None))
            } else {
                refused(ErrorKind::Conflict, format!("the key `{}` was used for {}", request.key, known.lease))
            };
        }
        let Some(offer) = self.offers.iter().find(|offer| offer.key.offer == request.offer) else {
            return refused(ErrorKind::NotFound, format!("no offer `{}`", request.offer));
        };
        let speed = speed(request)?;
        if request.units == 0 {
            return refused(ErrorKind::Invalid, format!("0 units of `{}`, expected at least one", request.offer));
        }
        let leased = book.leased().get(&request.offer).copied().unwrap_or_default();
        let left = offer.units.saturating_sub(leased);
        if request.units > left {
            let message = format!("{} units of `{}` were asked, {left} are left", request.units, request.offer);
            return refused(ErrorKind::Exhausted, message);
        }
        let now = self.clock.now();
        let granted = now.after(offer.provision);
        let outage = self.reclaims.outage(offer, now, self.start);
        if let Some(outage) = outage.filter(|outage| outage.from <= granted) {
            let message =
                format!("{} has no spot capacity for `{}` until {}", offer.place, request.offer, outage.until);
            return refused(ErrorKind::Exhausted, message);
        }
        let lease = Lease::new(self.new_id(&book)?, request, book.next_token(), offer.clone(), granted);
        let reclaim = outage.map(|outage| Reclaim::new(outage, offer.hazard.notice));
        book.insert(LeaseRecord::new(lease.clone(), request.options.clone(), speed, reclaim), "acquire")?;
        Ok((lease, reclaim))
    }

    /// A name that no lease has: a seeded source begins again with every host.
    fn new_id(&self, book: &LeaseBook) -> Result<LeaseId, ProviderError> {
        let mut drawn = std::iter::repeat_with(|| LeaseId::next(&*self.ids)).take(DRAWS_MAX);
        drawn.find(|id| book.get(*id).is_none()).ok_or_else(|| {
            let message = format!("the source of identifiers gave none that is new in {DRAWS_MAX} draws");
            ProviderError::new(ErrorKind::System, "acquire", message)
        })
    }

    /// Starts a process on a lease.
    pub(super) async fn launch(
        &self,
        id: LeaseId,
        token: FencingToken,
        spec: &LaunchSpec,
    ) -> Result<Execution, ProviderError> {
        let Some(launcher) = &self.launcher else {
            return Err(ProviderError::new(ErrorKind::Unsupported, "launch", "this market has no launcher"));
        };
        // Written down before it is started, so that whoever ends the lease, even after a crash, knows of it.
        let options = self.enter(id, token, spec)?;
        let execution = launcher.launch(id, spec, options).await?;
        // What came in the meantime has not reached the process, or not surely.
        let (released, noticed) =
            self.book().get(id).map_or((true, true), |record| (record.released.is_some(), record.noticed));
        if released {
            launcher.kill(&spec.folder).await?;
            return Err(lost("launch", &format!("the lease {} ended while it was launched on", id.short())));
        }
        if noticed {
            launcher.signal(&spec.folder, Signal::Terminate).await?;
        }
        Ok(execution)
    }

    /// Writes a launch into the book, if it may be made.
    fn enter(&self, id: LeaseId, token: FencingToken, spec: &LaunchSpec) -> Result<LaunchOptions, ProviderError> {
        let key = spec.key();
        let mut book = self.book();
        let record = current(&book, id, token, "launch")?;
        if record.lease.offer.machine().is_none() {
            return Err(invalid("launch", format!("nothing can be launched on {}", record.lease.offer.title())));
        }
        if let Some(released) = record.released {
            let how = if released.reclaimed { "was reclaimed" } else { "was released" };
            return Err(lost("launch", &format!("the lease {} {how} at {}", id.short(), released.at)));
        }
        if let Some((other, _)) = book.execution(&key).filter(|(other, _)| *other != id) {
            let message = format!("`{key}` was launched on another lease, {}", other.short());
            return Err(ProviderError::new(ErrorKind::Conflict, "launch", message));
        }
        let known = record.executions.contains_key(&key);
        if record.noticed && !known {
            return Err(lost("launch", &format!("the lease {} is being reclaimed", id.short())));
        }
        let wait = record.lease.granted.since(self.clock.now());
        if wait > Span::ZERO {
            let message = format!("the machine of {} is not ready yet", id.short());
            let error = ProviderError::new(ErrorKind::Unavailable, "launch", message);
            return Err(error.with_retry(Retry::After(wait)));
        }
        let options = LaunchOptions { cpu_share: record.speed, ..LaunchOptions::default() };
        if !known {
            book.change(id, "launch", |record| {
                record.executions.insert(key, spec.folder.clone());
            })?;
        }
        Ok(options)
    }

    /// The folder of an execution, and what runs it.
    pub(super) fn execution(
        &self,
        execution: &IdempotencyKey,
        operation: &'static str,
    ) -> Result<(&Launcher, PathBuf), ProviderError> {
        let folder = self.book().execution(execution).map(|(_, folder)| folder.to_owned());
        self.launcher
            .as_ref()
            .zip(folder)
            .ok_or_else(|| ProviderError::new(ErrorKind::NotFound, operation, format!("no execution `{execution}`")))
    }

    /// Ends a lease at its holder's wish.
    pub(super) async fn release(&self, id: LeaseId, token: FencingToken) -> Result<Released, ProviderError> {
        let now = self.clock.now();
        let released = {
            let mut book = self.book();
            let record = current(&book, id, token, "release")?;
            match record.released {
                Some(released) => released,
                None => {
                    let released = ending(record, now);
                    book.change(id, "release", |record| record.released = Some(released))?;
                    released
                }
            }
        };
        self.ended.send_replace(());
        self.clear(id).await?;
        Ok(released)
    }

    /// Ends a lease at the market's wish, if it has not ended; how it did.
    pub(super) fn take_back(&self, id: LeaseId, at: Timestamp) -> Result<Released, ProviderError> {
        let mut book = self.book();
        if let Some(released) = book.get(id).and_then(|record| record.released) {
            return Ok(released);
        }
        let released = Released { at, reclaimed: true };
        book.change(id, "reclaim", |record| record.released = Some(released))?;
        Ok(released)
    }

    /// Kills what is left on a lease that has ended, and writes that down.
    pub(super) async fn clear(&self, id: LeaseId) -> Result<(), ProviderError> {
        let folders = match self.book().get(id) {
            Some(record) if record.released.is_some() && !record.cleared => {
                record.executions.values().cloned().collect::<Vec<_>>()
            }
            _ => return Ok(()),
        };
        if let Some(launcher) = &self.launcher {
            let kills = folders.iter().map(|folder| launcher.kill(folder));
            futures_util::future::try_join_all(kills).await?;
        } else if !folders.is_empty() {
            let message = "the lease has processes, and this market has no launcher to end them";
            return Err(ProviderError::new(ErrorKind::Unsupported, "release", message).with_context("lease", id));
        }
        self.book().change(id, "release", |record| record.cleared = true)
    }

    /// Returns when the holder has released the lease.
    pub(super) async fn given_back(&self, id: LeaseId) {
        let mut ended = self.ended.subscribe();
        loop {
            let record = self.book().get(id).map(|record| record.released);
            match record {
                None | Some(Some(Released { reclaimed: false, .. })) => return,
                Some(_) => {}
            }
            if ended.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The lease, if there is one and the token is its own.
fn current<'a>(
    book: &'a LeaseBook,
    id: LeaseId,
    token: FencingToken,
    operation: &'static str,
) -> Result<&'a LeaseRecord, ProviderError> {
    let record =
        book.get(id).ok_or_else(|| ProviderError::new(ErrorKind::NotFound, operation, format!("no lease `{id}`")))?;
    if record.lease.token == token {
        return Ok(record);
    }
    let message = format!("the token {} is stale, the lease has {}", token.0, record.lease.token.0);
    Err(ProviderError::new(ErrorKind::Conflict, operation, message).with_context("lease", id))
}

/// How a lease ends that is released at `now`: one that should be gone by then was reclaimed.
fn ending(record: &LeaseRecord, now: Timestamp) -> Released {
    match record.reclaim {
        Some(reclaim) if reclaim.at <= now => Released { at: reclaim.at, reclaimed: true },
        _ => Released { at: now, reclaimed: false },
    }
}

fn same_request(known: &LeaseRecord, request: &AcquireRequest) -> bool {
    let lease = &known.lease;
    lease.offer.key.offer == request.offer
        && lease.units == request.units
        && lease.tenant == request.tenant
        && known.options == request.options
}

fn speed(request: &AcquireRequest) -> Result<f64, ProviderError> {
    let Some(text) = request.options.get(SPEED_OPTION) else { return Ok(1.0) };
    text.parse().ok().filter(|speed| *speed > 0.0 && *speed <= 1.0).ok_or_else(|| {
        let message = format!("the option `{SPEED_OPTION}` is `{text}`, expected a number above 0 and at most 1");
        invalid("acquire", message)
    })
}

fn lost(operation: &'static str, message: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Lost, operation, message)
}
