//! Devices of host memory.

use crate::grants::{Grants, check_fits, reserve_host};
use crate::held;
use async_trait::async_trait;
use orp_core::contract::{Availability, BufferId, Clock, Device, DeviceBackend, DeviceRequest, DeviceSample};
use orp_core::error::ProviderError;
use orp_core::id::{DeviceId, IdempotencyKey};
use orp_core::unit::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Devices of host memory, with the quotas of real ones. They compute nothing, and say that they are software in their
/// name, in [`Device::software`] and in the driver [`Availability`] names.
///
/// Host memory is taken by what was written, not by what was granted or allocated: a laptop can stand in for 640 GB. All
/// calls are ready at once; copies lock one buffer only.
///
/// See the [crate's example](crate#example).
#[derive(Debug)]
pub struct SoftBackend {
    devices: Vec<Device>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    grants: Grants,
    /// What was written to each buffer, from its beginning; the rest of it is zeros.
    written: BTreeMap<BufferId, Arc<Mutex<Vec<u8>>>>,
}

impl SoftBackend {
    /// These devices; each becomes one of software. Two of one id are
    /// [`ErrorKind::Invalid`](orp_core::error::ErrorKind::Invalid). Samples take their time from the clock.
    pub fn new(devices: Vec<Device>, clock: Arc<dyn Clock>) -> Result<Self, ProviderError> {
        let grants = Grants::new(&devices)?;
        let devices = devices.into_iter().map(as_software).collect();
        Ok(Self { devices, clock, state: Mutex::new(State { grants, written: BTreeMap::new() }) })
    }

    /// So many devices of this much memory each: `soft-0`, `soft-1` ….
    #[allow(clippy::expect_used, reason = "INVARIANT: ids that count up are valid, and differ")]
    pub fn uniform(count: u32, memory: Bytes, clock: Arc<dyn Clock>) -> Self {
        let device = |at: u32| {
            let id = DeviceId::new(format!("soft-{at}")).expect("a name");
            Device::new(id, "host memory", crate::model::model("generic", memory), memory)
        };
        Self::new((0..count).map(device).collect(), clock).expect("ids that differ")
    }

    /// What was written to a buffer.
    fn written(&self, operation: &'static str, key: &IdempotencyKey, buffer: BufferId) -> Result<Found, ProviderError> {
        let mut state = held(&self.state);
        let size = state.grants.size(operation, key, buffer)?;
        Ok(Found { size, written: state.written.entry(buffer).or_default().clone() })
    }
}

struct Found {
    size: Bytes,
    written: Arc<Mutex<Vec<u8>>>,
}

fn as_software(device: Device) -> Device {
    let mut software = Device::new(device.id, format!("{} (software)", device.name), device.model, device.memory);
    software.software = true;
    software
}

#[async_trait]
impl DeviceBackend for SoftBackend {
    fn probe(&self) -> Availability {
        if self.devices.is_empty() {
            return Availability::NoDevice;
        }
        let devices = u32::try_from(self.devices.len()).unwrap_or(u32::MAX);
        Availability::Ready { devices, driver: "software".into() }
    }

    async fn devices(&self) -> Result<Vec<Device>, ProviderError> {
        Ok(self.devices.clone())
    }

    async fn sample(&self, device: &DeviceId) -> Result<DeviceSample, ProviderError> {
        let used = held(&self.state).grants.used(device)?;
        let mut sample = DeviceSample::at(self.clock.now());
        sample.memory_used = Some(used);
        Ok(sample)
    }

    async fn admit(&self, request: &DeviceRequest) -> Result<(), ProviderError> {
        held(&self.state).grants.admit(request)
    }

    async fn release(&self, grant: &IdempotencyKey) -> Result<(), ProviderError> {
        let mut state = held(&self.state);
        for buffer in state.grants.release(grant)? {
            state.written.remove(&buffer);
        }
        Ok(())
    }

    async fn allocate(&self, grant: &IdempotencyKey, size: Bytes) -> Result<BufferId, ProviderError> {
        held(&self.state).grants.reserve(grant, size)
    }

    async fn free(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<(), ProviderError> {
        let mut state = held(&self.state);
        state.grants.free(grant, buffer)?;
        state.written.remove(&buffer);
        Ok(())
    }

    async fn write(&self, grant: &IdempotencyKey, buffer: BufferId, content: &[u8]) -> Result<(), ProviderError> {
        let found = self.written("write", grant, buffer)?;
        check_fits(found.size, content)?;
        let mut written = held(&found.written);
        let (over, beyond) = content.split_at(content.len().min(written.len()));
        // Before anything changes, so that a host without memory leaves the buffer as it was.
        reserve_host("write", &mut written, Bytes::new(beyond.len() as u64))?;
        if let Some(head) = written.get_mut(..over.len()) {
            head.copy_from_slice(over);
        }
        written.extend_from_slice(beyond);
        Ok(())
    }

    async fn read(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<Vec<u8>, ProviderError> {
        let found = self.written("read", grant, buffer)?;
        let mut content = Vec::new();
        reserve_host("read", &mut content, found.size)?;
        content.extend_from_slice(&held(&found.written));
        content.resize(usize::try_from(found.size.get()).unwrap_or(usize::MAX), 0);
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use orp_core::{id::Tenant, memory::ManualClock, unit::GpuAmount};

    #[test]
    fn what_is_freed_costs_no_host_memory() {
        let backend = SoftBackend::uniform(1, Bytes::new(16), Arc::new(ManualClock::default()));
        let key = IdempotencyKey::new("a");
        let request = DeviceRequest {
            key: key.clone(),
            tenant: Tenant::new("t").unwrap(),
            device: DeviceId::new("soft-0").unwrap(),
            memory: Bytes::new(16),
            share: GpuAmount::ZERO,
        };
        let buffers = || held(&backend.state).written.len();
        backend.admit(&request).now_or_never().unwrap().unwrap();
        let make = || {
            let buffer = backend.allocate(&key, Bytes::new(4)).now_or_never().unwrap().unwrap();
            backend.write(&key, buffer, b"full").now_or_never().unwrap().unwrap();
            buffer
        };
        let (first, _second, _third) = (make(), make(), make());
        assert_eq!(buffers(), 3);
        backend.free(&key, first).now_or_never().unwrap().unwrap();
        assert_eq!(buffers(), 2);
        backend.release(&key).now_or_never().unwrap().unwrap();
        assert_eq!(buffers(), 0);
    }
}
