//! This machine as a pool of its own: leases on shares of it, and real processes on the leases.
//!
//! There is one offer, `machine`, [owned](orp_core::noun::Market::Owned), of one unit: all of the machine. It stays the same while parts of it
//! are leased, because owned capacity is queued for rather than refused; a scheduler that shares it out needs to know how
//! much there is in all. What a lease holds is said by the options of the request:
//!
//! | option | an amount of | such as |
//! | --- | --- | --- |
//! | `cpu` | processor cores | `2`, `0.5` |
//! | `memory` | main memory | `16 GB` |
//! | `disk` | disk | `100 GB` |
//! | `gpu` | accelerators | `1`, `0.25` |
//!
//! Without any of them a lease holds the whole machine; of what is not named while others are, it holds nothing. Other
//! options are passed over. [`Lease::offer`] says what was granted, and its price is the machine's in proportion to the
//! largest part of anything it holds.
//!
//! A share is kept by never granting more than there is, and for accelerators by naming them: whole ones belong to one
//! lease, parts of one lie on one device, and `CUDA_VISIBLE_DEVICES` tells a process which are its own. What one process
//! may take is bounded by [`LaunchSpec::limits`], which the operating system holds it to.
//!
//! Leases are files in the provider's folder, written before a grant is answered. Processes run under the supervisors of
//! [`crate::process`]. Both outlive the host: the next one opens the folder and finds them. Only one host at a time can
//! have it open.
//!
//! ```standalone_crate
//! use orp_core::prelude::*;
//! use orp_sdk::process::{Supervisor, supervise_if_asked};
//! use orp_sdk::provider::local::{LocalConfig, LocalProvider};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     supervise_if_asked();
//!     let folder = std::env::temp_dir().join(format!("orp-local-doc-{}", std::process::id()));
//!     let local = LocalProvider::open(LocalConfig::new(folder.join("leases"), Supervisor::this_host()?))?;
//!
//!     let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//!     runtime.block_on(async {
//!         let offer = local.offers().await?.remove(0);
//!         let mut request = AcquireRequest::new(IdempotencyKey::new("a"), offer.key.offer, Tenant::new("research")?);
//!         request.options = [("cpu".to_owned(), "0.5".to_owned())].into();
//!         let lease = local.acquire(&request).await?;
//!
//!         let attempt = AttemptId { run: "run_00000000000000000000000000000001".parse()?, task: TaskName::new("say")?, number: 1 };
//!         let spec = LaunchSpec::new(attempt, "true", folder.join("say"));
//!         local.launch(lease.id, lease.token, &spec).await?;
//!         let ExecutionStatus::Ended { ending, .. } = local.wait(&spec.key()).await? else { unreachable!() };
//!         assert!(ending.is_success());
//!         local.release(lease.id, lease.token).await?;
//!         Ok::<(), Box<dyn std::error::Error>>(())
//!     })?;
//!     std::fs::remove_dir_all(folder)?;
//!     Ok(())
//! }
//! ```
#![cfg(unix)]

mod book;
mod config;
mod machine;
mod share;

pub use config::LocalConfig;
pub use machine::this_machine;

use crate::process::{LaunchOptions, Launcher};
use async_trait::async_trait;
use book::{Book, Record};
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, future::try_join_all};
use orp_core::contract::{Capabilities, Clock, ComputeProvider, IdSource, ProviderEvent, ResourceProvider};
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdempotencyKey, LeaseId, ProviderName};
use orp_core::noun::{
    AcquireRequest, Execution, ExecutionStatus, FencingToken, LaunchSpec, Lease, Offer, Pillar, Released, Signal,
};
use share::Share;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// How many reports a slow reader may be behind before it misses some.
const EVENTS_KEPT: usize = 256;

/// This machine as a provider; see the [module](self).
///
/// Dropping it ends nothing: leases and processes wait for the next host that opens the folder.
#[derive(Debug)]
pub struct LocalProvider {
    offer: Offer,
    devices: u32,
    launcher: Launcher,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    book: Mutex<Book>,
    events: broadcast::Sender<ProviderEvent>,
    /// Held while the provider lives, so that no other host opens the folder.
    _lock: File,
}

impl LocalProvider {
    /// Opens the provider's folder, made if it is not there, with what an earlier host left in it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when another host has it open; [`ErrorKind::Invalid`] when the configuration contradicts
    /// itself; [`ErrorKind::System`] when the folder cannot be read or made.
    pub fn open(config: LocalConfig) -> Result<Self, ProviderError> {
        let lock = take(&config.folder)?;
        let (offer, devices) = config.offer()?;
        Ok(Self {
            offer,
            devices,
            launcher: Launcher::new(config.supervisor),
            clock: config.clock,
            ids: config.ids,
            book: Mutex::new(Book::open(config.folder.join("leases"))?),
            events: broadcast::Sender::new(EVENTS_KEPT),
            _lock: lock,
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease of this request: a new one, or the one it was granted before.
    fn grant(&self, request: &AcquireRequest) -> Result<Lease, ProviderError> {
        let refused = |kind, message: String| Err(ProviderError::new(kind, "acquire", message));
        let mut book = self.book();
        if let Some(known) = book.by_key(&request.key) {
            return if known.request == *request {
                Ok(known.lease.clone())
            } else {
                refused(ErrorKind::Conflict, format!("key `{}` is that of another request", request.key))
            };
        }
        let key = &self.offer.key.offer;
        if request.offer != *key {
            return refused(ErrorKind::NotFound, format!("no offer `{}`, expected `{key}`", request.offer));
        }
        match request.units {
            1 => {}
            0 => return refused(ErrorKind::Invalid, format!("0 units of `{key}` were asked, expected 1")),
            more => return refused(ErrorKind::Exhausted, format!("{more} units of `{key}` were asked, it has 1")),
        }
        let share = Share::of(request, &self.offer, self.devices, book.occupied())?;
        let offer = share.offer(&self.offer)?;
        let lease = Lease::new(LeaseId::next(&*self.ids), request, book.next_token(), offer, self.clock.now());
        book.insert(Record::new(request.clone(), lease.clone(), share))?;
        self.tell_change();
        Ok(lease)
    }

    /// Writes a launch down, if it may be made; the share it runs on. None when it was made before and the lease is over:
    /// then it is only looked for.
    fn enter(&self, id: LeaseId, token: FencingToken, spec: &LaunchSpec) -> Result<Option<Share>, ProviderError> {
        let key = spec.key();
        let folder = std::path::absolute(&spec.folder).unwrap_or_else(|_| spec.folder.clone());
        let mut book = self.book();
        if let Some((other, _)) = book.execution(&key).filter(|(other, _)| *other != id) {
            let message = format!("`{key}` was launched on another lease, {}", other.short());
            return Err(ProviderError::new(ErrorKind::Conflict, "launch", message));
        }
        let record = book.current(id, token, "launch")?;
        let share = record.share.clone();
        let over = record.released.or(record.releasing);
        match (record.executions.get(&key), over) {
            (Some(known), _) if *known != folder => {
                let message = format!("`{key}` was launched in `{}`, not in `{}`", known.display(), folder.display());
                Err(ProviderError::new(ErrorKind::Conflict, "launch", message))
            }
            (Some(_), None) => Ok(Some(share)),
            (Some(_), Some(_)) => Ok(None),
            (None, Some(released)) => {
                let message = format!("the lease {} was released at {}", id.short(), released.at);
                Err(ProviderError::new(ErrorKind::Lost, "launch", message))
            }
            (None, None) => book.launch(id, key, folder).map(|()| Some(share)),
        }
    }

    fn folder_of(&self, execution: &IdempotencyKey, operation: &'static str) -> Result<PathBuf, ProviderError> {
        self.book()
            .execution(execution)
            .map(|(_, folder)| folder.to_owned())
            .ok_or_else(|| ProviderError::new(ErrorKind::NotFound, operation, format!("no execution `{execution}`")))
    }

    fn tell_change(&self) {
        // Without a reader nobody is interested at the moment.
        let _ = self.events.send(ProviderEvent::OffersChanged);
    }
}

/// Takes the folder for this host alone.
fn take(folder: &Path) -> Result<File, ProviderError> {
    let path = folder.join("lock");
    let opened = std::fs::create_dir_all(folder).and_then(|()| File::create(&path));
    let lock = opened.map_err(|error| unusable(&path, error))?;
    match crate::lock::take(&lock) {
        Ok(true) => Ok(lock),
        Ok(false) => {
            let message = "another host has this folder open: two would grant the same machine twice";
            Err(ProviderError::new(ErrorKind::Conflict, "open", message).with_context("folder", folder.display()))
        }
        Err(error) => Err(unusable(&path, error)),
    }
}

fn unusable(path: &Path, error: std::io::Error) -> ProviderError {
    ProviderError::new(ErrorKind::System, "open", "the provider's records cannot be read or made")
        .with_context("path", path.display())
        .with_source(error)
}

#[async_trait]
impl ResourceProvider for LocalProvider {
    fn name(&self) -> &ProviderName {
        &self.offer.key.provider
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::offering([Pillar::Compute]);
        capabilities.launch = true;
        capabilities.reattach = true;
        capabilities
    }

    async fn offers(&self) -> Result<Vec<Offer>, ProviderError> {
        Ok(vec![self.offer.clone()])
    }

    fn watch(&self) -> BoxStream<'static, ProviderEvent> {
        // A reader that missed some goes on with the next.
        BroadcastStream::new(self.events.subscribe()).filter_map(|event| async { event.ok() }).boxed()
    }
}

#[async_trait]
impl ComputeProvider for LocalProvider {
    async fn acquire(&self, request: &AcquireRequest) -> Result<Lease, ProviderError> {
        self.grant(request)
    }

    async fn launch(&self, lease: LeaseId, token: FencingToken, spec: &LaunchSpec) -> Result<Execution, ProviderError> {
        // Logged before it is started, so that whoever releases the lease, even after a crash, knows of it.
        match self.enter(lease, token, spec)? {
            Some(share) => {
                let mut spec = spec.clone();
                share.show(self.devices, &mut spec.env);
                self.launcher.launch(lease, &spec, LaunchOptions::default()).await
            }
            None => match self.status(&spec.key()).await? {
                ExecutionStatus::Running(execution) | ExecutionStatus::Ended { execution, .. } => Ok(execution),
            },
        }
    }

    async fn status(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        self.launcher.status(&self.folder_of(execution, "status")?).await
    }

    async fn wait(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        self.launcher.wait(&self.folder_of(execution, "wait")?).await
    }

    async fn signal(&self, execution: &IdempotencyKey, signal: Signal) -> Result<(), ProviderError> {
        self.launcher.signal(&self.folder_of(execution, "signal")?, signal).await
    }

    async fn release(&self, lease: LeaseId, token: FencingToken) -> Result<Released, ProviderError> {
        let (released, folders) = {
            let mut book = self.book();
            book.current(lease, token, "release")?;
            book.begin_release(lease, self.clock.now())?
        };
        // A launch that is under way on another thread finds its folder taken and starts nothing.
        try_join_all(folders.iter().map(|folder| self.launcher.kill(folder))).await?;
        self.book().end_release(lease, released)?;
        self.tell_change();
        Ok(released)
    }

    async fn leases(&self) -> Result<Vec<Lease>, ProviderError> {
        Ok(self.book().held())
    }
}
