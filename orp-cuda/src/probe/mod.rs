//! Whether there is a driver, whether it is new enough, and which devices it has.
//!
//! The looking is done in a thread, because a broken driver can hang in its first call and nothing can end such a call. At
//! most one thread looks at a driver at a time: who asks meanwhile waits for the same answer, so a hanging driver costs
//! one thread, however often it is asked.

#[allow(unsafe_code, reason = "the one place that talks to the driver without a safe wrapper")]
mod driver;

use crate::held;
use orp_core::contract::{Availability, Device};
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// How long an answer is waited for: less than the second that law DEV-1 allows.
const PATIENCE: Duration = Duration::from_millis(800);

/// The driver's library by name, in the order in which `cudarc` looks for it, so that both open the same one.
const LIBRARIES: &[&str] = if cfg!(windows) { &["nvcuda.dll"] } else { &["libcuda.so", "libcuda.so.1"] };

/// Whether CUDA devices can be used here. Never panics and returns within a second.
///
/// A driver can take longer than that the first time in a process (many devices without persistence mode): the answer then
/// is [`Availability::Failed`], the look goes on, and a later call has its result.
///
/// ```
/// use orp_core::contract::Availability;
///
/// match orp_cuda::probe() {
///     Availability::Ready { devices, driver } => println!("{devices} devices, driver {driver}"),
///     otherwise => println!("no CUDA here: {otherwise}"),
/// }
/// ```
pub fn probe() -> Availability {
    Probe::default().discover().availability
}

/// What a look at a driver found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discovery {
    /// Whether its devices can be used.
    pub availability: Availability,
    /// The devices, in the driver's order; none unless they can be used.
    pub devices: Vec<Device>,
}

impl Discovery {
    fn none(availability: Availability) -> Self {
        Self { availability, devices: Vec::new() }
    }

    fn failed(detail: impl Into<String>) -> Self {
        Self::none(Availability::Failed { detail: detail.into() })
    }
}

/// A look at a driver: at that of the system by default, or at a library of one's own.
///
/// Only names, UUIDs and sizes are asked for. No context is made, so no memory of a device is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    libraries: Vec<PathBuf>,
    patience: Duration,
}

impl Default for Probe {
    fn default() -> Self {
        Self { libraries: LIBRARIES.iter().map(PathBuf::from).collect(), patience: PATIENCE }
    }
}

impl Probe {
    /// A look at the library of this path, or of this name where the system looks for libraries.
    pub fn with_library(path: impl Into<PathBuf>) -> Self {
        Self { libraries: vec![path.into()], patience: PATIENCE }
    }

    /// Waits up to this long for an answer, instead of just under a second.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Looks. Never panics, and blocks no longer than its patience.
    pub fn discover(&self) -> Discovery {
        let look = match self.join_or_start() {
            Ok(look) => look,
            Err(error) => return Discovery::failed(format!("no thread could be started: {error}")),
        };
        let waited = look.ended.wait_timeout_while(held(&look.found), self.patience, |found| found.is_none());
        let (found, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        found.clone().unwrap_or_else(|| {
            let names: Vec<_> = self.libraries.iter().map(|name| format!("`{}`", name.display())).collect();
            Discovery::failed(format!("{} did not answer within {:?}", names.join(" or "), self.patience))
        })
    }

    /// The look at these libraries that is under way, or a new one.
    fn join_or_start(&self) -> std::io::Result<Arc<Look>> {
        let mut under_way = held(&UNDER_WAY);
        if let Some(look) = under_way.get(&self.libraries) {
            return Ok(look.clone());
        }
        let look = Arc::new(Look::default());
        let (ours, libraries) = (look.clone(), self.libraries.clone());
        thread::Builder::new().name("orp-cuda-probe".into()).spawn(move || {
            let found = catch_unwind(|| driver::look(&libraries));
            let found = found.unwrap_or_else(|_| Discovery::failed("the probe itself failed"));
            // Out of the list first: who comes later looks anew and sees what has changed.
            held(&UNDER_WAY).remove(&libraries);
            *held(&ours.found) = Some(found);
            ours.ended.notify_all();
        })?;
        under_way.insert(self.libraries.clone(), look.clone());
        Ok(look)
    }
}

/// The looks that have not ended, by what they look at.
static UNDER_WAY: Mutex<BTreeMap<Vec<PathBuf>, Arc<Look>>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Default)]
struct Look {
    found: Mutex<Option<Discovery>>,
    ended: Condvar,
}
