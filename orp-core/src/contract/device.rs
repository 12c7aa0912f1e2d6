//! Devices: which there are, how they are, and who holds what of their memory.

use crate::error::ProviderError;
use crate::id::{DeviceId, IdempotencyKey, Tenant};
use crate::unit::{Bytes, GpuAmount, Probability, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether devices of a backend can be used, and if not, what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Availability {
    /// They can.
    Ready {
        /// How many.
        devices: u32,
        /// The driver's version.
        driver: String,
    },
    /// The driver is not installed.
    NoDriver {
        /// What was looked for, and what the system said.
        detail: String,
    },
    /// The driver lacks something that is needed.
    DriverTooOld {
        /// What it lacks.
        missing: String,
    },
    /// The driver is there, but no device.
    NoDevice,
    /// The driver refused for now.
    Failed {
        /// What it said.
        detail: String,
    },
}

impl Availability {
    /// Whether they can be used now.
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { devices: 1, driver } => write!(f, "ready: 1 device, driver {driver}"),
            Self::Ready { devices, driver } => write!(f, "ready: {devices} devices, driver {driver}"),
            Self::NoDriver { detail } => write!(f, "no driver: {detail}"),
            Self::DriverTooOld { missing } => write!(f, "the driver is too old: it lacks {missing}"),
            Self::NoDevice => f.write_str("the driver found no device"),
            Self::Failed { detail } => write!(f, "the driver failed: {detail}"),
        }
    }
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Device {
    /// Stable across restarts: its UUID.
    pub id: DeviceId,
    /// What its maker calls it.
    pub name: String,
    /// The model with its memory, as offers name it: `h100-80gb`.
    pub model: String,
    /// Its memory.
    pub memory: Bytes,
    /// It computes nothing: host memory stands in for a device.
    #[serde(default)]
    pub software: bool,
}

impl Device {
    /// A device of hardware.
    pub fn new(id: DeviceId, name: impl Into<String>, model: impl Into<String>, memory: Bytes) -> Self {
        Self { id, name: name.into(), model: model.into(), memory, software: false }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({}, {:.1} GB)", self.id, self.name, self.model, self.memory.as_gb())
    }
}

/// How a device is now; what it does not tell is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceSample {
    /// When.
    pub at: Timestamp,
    /// Memory in use, by anyone.
    pub memory_used: Option<Bytes>,
    /// The share of time it computed.
    pub utilisation: Option<Probability>,
    /// Power drawn, milliwatts.
    pub power_milliwatts: Option<u64>,
}

impl DeviceSample {
    /// A sample that tells nothing but when it was taken.
    pub const fn at(at: Timestamp) -> Self {
        Self { at, memory_used: None, utilisation: None, power_milliwatts: None }
    }
}

/// A request for a share of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// The same key again returns the same grant.
    pub key: IdempotencyKey,
    /// For whom.
    pub tenant: Tenant,
    /// Which device.
    pub device: DeviceId,
    /// How much of its memory.
    pub memory: Bytes,
    /// How much of its time, at most one.
    pub share: GpuAmount,
}

/// A buffer on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BufferId(pub u64);

/// Devices of one kind, and shares of their memory and time.
///
/// **DEV-1** `probe` never panics and never waits longer than a second. **DEV-2** granted memory and shares of a device
/// never exceed what it has ([`ErrorKind::Exhausted`](crate::error::ErrorKind::Exhausted)). **DEV-3** the buffers of a
/// grant never exceed its memory ([`ErrorKind::Exhausted`](crate::error::ErrorKind::Exhausted)). **DEV-4** what was
/// written is read back. **DEV-5** releasing a grant frees its buffers and is idempotent. **DEV-6** `admit` with the same
/// key grants once: with another request, or after its release, it is
/// [`ErrorKind::Conflict`](crate::error::ErrorKind::Conflict). **DEV-7** unknown devices, grants and buffers are
/// [`ErrorKind::NotFound`](crate::error::ErrorKind::NotFound); so is a released grant to everything but `release`.
#[async_trait]
pub trait DeviceBackend: Send + Sync + fmt::Debug {
    /// Whether its devices can be used.
    fn probe(&self) -> Availability;

    /// The devices.
    async fn devices(&self) -> Result<Vec<Device>, ProviderError>;

    /// How a device is now.
    async fn sample(&self, device: &DeviceId) -> Result<DeviceSample, ProviderError>;

    /// Grants a share of a device: of its memory, its time, or both.
    async fn admit(&self, request: &DeviceRequest) -> Result<(), ProviderError>;

    /// Gives a grant back, with its buffers.
    async fn release(&self, grant: &IdempotencyKey) -> Result<(), ProviderError>;

    /// Makes a buffer of zeros, of at least one byte, within a grant. Cancelling the call may leave a buffer: the release
    /// of its grant frees it.
    async fn allocate(&self, grant: &IdempotencyKey, size: Bytes) -> Result<BufferId, ProviderError>;

    /// Frees a buffer.
    async fn free(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<(), ProviderError>;

    /// Copies to a buffer, from its beginning; more than fits is
    /// [`ErrorKind::Invalid`](crate::error::ErrorKind::Invalid), and nothing is written.
    async fn write(&self, grant: &IdempotencyKey, buffer: BufferId, content: &[u8]) -> Result<(), ProviderError>;

    /// Copies a whole buffer back.
    async fn read(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<Vec<u8>, ProviderError>;
}
