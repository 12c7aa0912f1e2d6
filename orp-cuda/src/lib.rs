//! CUDA devices as resources of Open Resource Planning.
//!
//! A device is something one holds a part of: [`DeviceBackend`](orp_core::contract::DeviceBackend) grants shares of its
//! memory and time, and counts exactly what each grant holds. Three things stand here:
//!
//! | what | needs | is |
//! | --- | --- | --- |
//! | [`Probe`] | nothing | the typed answer to "is there a driver, is it new enough, which devices?". Never panics, never blocks for more than a second |
//! | [`SoftBackend`] | nothing | devices of host memory: the same quotas without the hardware, for tests and development |
//! | `CudaBackend` | feature `cuda` | real devices: one thread for each owns all that is done on it |
//!
//! [`local_accelerators`] turns the devices of a backend into what offers of machines name.
//!
//! # Why an own probe
//!
//! A host that embeds ORP runs on machines with and without devices, and must not fall over on either. The `cudarc` crate
//! panics when the driver is absent or lacks a symbol, at the first call that meets it. So the probe opens the driver
//! itself, looks for every symbol that will be called, and only then calls anything: in a thread of its own, because a
//! broken driver can hang in its first call. Linking the driver when building was rejected: the same binary then would not
//! start on a machine without one.
//!
//! # Example
//!
//! ```
//! use orp_core::{memory::ManualClock, prelude::*};
//! use orp_cuda::{SoftBackend, local_accelerators};
//! # use futures_util::FutureExt;
//! # fn now<T>(future: impl std::future::Future<Output = T>) -> T { future.now_or_never().unwrap() }
//! use std::sync::Arc;
//!
//! println!("CUDA here: {}", orp_cuda::probe());
//!
//! let backend = SoftBackend::uniform(2, "16 GiB".parse()?, Arc::new(ManualClock::default()));
//! assert_eq!(now(local_accelerators(&backend)).first().map(|(_, count)| *count), Some(2));
//!
//! let device = now(backend.devices())?.remove(0);
//! let request = DeviceRequest {
//!     key: IdempotencyKey::new("train#1"),
//!     tenant: Tenant::new("research")?,
//!     device: device.id,
//!     memory: "1 GiB".parse()?,
//!     share: GpuAmount::from_milli(500),
//! };
//! now(backend.admit(&request))?;
//! let buffer = now(backend.allocate(&request.key, "4 B".parse()?))?;
//! now(backend.write(&request.key, buffer, b"ORP"))?;
//! assert_eq!(now(backend.read(&request.key, buffer))?, b"ORP\0");
//! assert!(now(backend.allocate(&request.key, "1 GiB".parse()?)).is_err(), "four bytes of it are in use");
//! now(backend.release(&request.key))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is not here yet
//!
//! Utilisation, power and health of real devices (they need NVML), checkpoints of device memory, and a cap on kernels:
//! shares of time are counted against each other, not enforced on the device.

mod accelerators;
#[cfg(feature = "cuda")]
mod cuda;
mod grants;
mod model;
mod probe;
mod soft;

pub use accelerators::{accelerators, local_accelerators};
#[cfg(feature = "cuda")]
pub use cuda::CudaBackend;
pub use probe::{Discovery, Probe, probe};
pub use soft::SoftBackend;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a mutex guards, also after a panic elsewhere: every change here is made whole before the guard is dropped.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
