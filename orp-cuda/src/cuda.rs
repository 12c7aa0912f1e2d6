//! Real devices, through the CUDA driver.

mod worker;

use crate::grants::{Grants, check_fits};
use crate::{Discovery, Probe, held};
use async_trait::async_trait;
use orp_core::contract::{Availability, BufferId, Clock, Device, DeviceBackend, DeviceRequest, DeviceSample};
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{DeviceId, IdempotencyKey};
use orp_core::unit::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::sync::{OnceCell, oneshot};
use worker::{Owner, Worker};

/// How long the first look at the devices may take: many of them without persistence mode take seconds.
const DISCOVERY: Duration = Duration::from_secs(30);

/// The CUDA devices of this machine.
///
/// Making one touches nothing; the first call looks for the driver, and finds [`ErrorKind::Unavailable`] when there is none.
/// Each device has a thread that makes every call on it, in the order of arrival, so no thread of the host blocks on a
/// device and none needs to know of CUDA contexts. The thread begins with the first grant that is used. A context is made
/// with the first buffer: until then a device has all its memory.
///
/// Quotas are counted here, exactly; the driver may still refuse an allocation within them, when other processes hold the
/// memory ([`ErrorKind::Exhausted`]). Shares of time are counted, not enforced. Works in any async runtime.
#[derive(Debug)]
pub struct CudaBackend {
    clock: Arc<dyn Clock>,
    found: OnceCell<Found>,
}

/// What the look at the driver found, and what is held of it.
#[derive(Debug)]
struct Found {
    devices: Vec<Device>,
    grants: Arc<Mutex<Grants>>,
    owners: Mutex<BTreeMap<DeviceId, Owner>>,
}

impl CudaBackend {
    /// The devices of this machine; samples take their time from the clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, found: OnceCell::new() }
    }

    /// What was found, looking first if nothing was yet. A look that failed is repeated by the next call.
    async fn found(&self, operation: &'static str) -> Result<&Found, ProviderError> {
        self.found.get_or_try_init(|| find(operation)).await
    }
}

async fn find(operation: &'static str) -> Result<Found, ProviderError> {
    let unavailable = |what: String| ProviderError::new(ErrorKind::Unavailable, operation, what);
    let (reply, answer) = oneshot::channel();
    let look = move || drop(reply.send(Probe::default().with_patience(DISCOVERY).discover()));
    let started = thread::Builder::new().name("orp-cuda-find".into()).spawn(look);
    started.map_err(|error| unavailable("no thread could be started".into()).with_source(error))?;
    let Discovery { availability, devices } = answer.await.map_err(|_| unavailable("the look at it ended".into()))?;
    if !availability.is_ready() {
        return Err(unavailable(availability.to_string()));
    }
    let grants = Arc::new(Mutex::new(Grants::new(&devices)?));
    Ok(Found { devices, grants, owners: Mutex::new(BTreeMap::new()) })
}

impl Found {
    /// Has the thread of the grant's device do something.
    async fn on_grant<T: Send + 'static>(
        &self,
        operation: &'static str,
        grant: &IdempotencyKey,
        work: impl FnOnce(&mut Worker) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let device = held(&self.grants).device(operation, grant)?;
        self.owner(operation, &device)?.run(operation, work).await
    }

    /// The thread of a device, started when there is none.
    fn owner(&self, operation: &'static str, device: &DeviceId) -> Result<Owner, ProviderError> {
        let mut owners = held(&self.owners);
        if let Some(owner) = owners.get(device) {
            return Ok(owner.clone());
        }
        let ordinal = self.devices.iter().position(|known| known.id == *device);
        let ordinal = ordinal.ok_or_else(|| crate::grants::no_device(operation, device))?;
        let owner = Owner::start(operation, Worker::new(ordinal, device.clone(), self.grants.clone()))?;
        owners.insert(device.clone(), owner.clone());
        Ok(owner)
    }
}

#[async_trait]
impl DeviceBackend for CudaBackend {
    fn probe(&self) -> Availability {
        crate::probe()
    }

    async fn devices(&self) -> Result<Vec<Device>, ProviderError> {
        Ok(self.found("devices").await?.devices.clone())
    }

    async fn sample(&self, device: &DeviceId) -> Result<DeviceSample, ProviderError> {
        let found = self.found("sample").await?;
        let used = found.owner("sample", device)?.run("sample", Worker::used).await?;
        let mut sample = DeviceSample::at(self.clock.now());
        sample.memory_used = used;
        Ok(sample)
    }

    async fn admit(&self, request: &DeviceRequest) -> Result<(), ProviderError> {
        let found = self.found("admit").await?;
        held(&found.grants).admit(request)
    }

    async fn release(&self, grant: &IdempotencyKey) -> Result<(), ProviderError> {
        let found = self.found("release").await?;
        let key = grant.clone();
        match found.on_grant("release", grant, move |worker| worker.release(&key)).await {
            // The device is gone and its memory with it: what is left is the entry in the book.
            Err(error) if error.kind == ErrorKind::Lost => held(&found.grants).release(grant).map(drop),
            // Released before.
            Err(error) if error.kind == ErrorKind::NotFound && held(&found.grants).was_released(grant) => Ok(()),
            answer => answer,
        }
    }

    async fn allocate(&self, grant: &IdempotencyKey, size: Bytes) -> Result<BufferId, ProviderError> {
        let key = grant.clone();
        let found = self.found("allocate").await?;
        found.on_grant("allocate", grant, move |worker| worker.allocate(&key, size)).await
    }

    async fn free(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<(), ProviderError> {
        let key = grant.clone();
        self.found("free").await?.on_grant("free", grant, move |worker| worker.free(&key, buffer)).await
    }

    async fn write(&self, grant: &IdempotencyKey, buffer: BufferId, content: &[u8]) -> Result<(), ProviderError> {
        let found = self.found("write").await?;
        check_fits(held(&found.grants).size("write", grant, buffer)?, content)?;
        let mut ours = Vec::new();
        crate::grants::reserve_host("write", &mut ours, Bytes::new(content.len() as u64))?;
        ours.extend_from_slice(content);
        found.on_grant("write", grant, move |worker| worker.write(buffer, &ours)).await
    }

    async fn read(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<Vec<u8>, ProviderError> {
        let found = self.found("read").await?;
        let size = held(&found.grants).size("read", grant, buffer)?;
        found.on_grant("read", grant, move |worker| worker.read(buffer, size)).await
    }
}
