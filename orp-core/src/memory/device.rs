//! Devices whose memory is main memory.

use super::{ManualClock, store::held};
use crate::contract::{Availability, BufferId, Clock, Device, DeviceBackend, DeviceRequest, DeviceSample};
use crate::error::{ErrorKind, ProviderError};
use crate::id::{DeviceId, IdempotencyKey};
use crate::unit::{Bytes, GpuAmount};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Devices that compute nothing; their buffers are in main memory.
#[derive(Debug)]
pub struct MemoryDevices {
    devices: Vec<Device>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    grants: BTreeMap<IdempotencyKey, Grant>,
    buffers: u64,
}

#[derive(Debug)]
struct Grant {
    request: DeviceRequest,
    buffers: BTreeMap<BufferId, Vec<u8>>,
    released: bool,
}

impl MemoryDevices {
    /// These devices, sampled by a clock that stands still.
    pub fn new(devices: Vec<Device>) -> Self {
        Self { devices, clock: Arc::new(ManualClock::default()), state: Mutex::default() }
    }

    /// The clock that samples are dated by.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn device(&self, operation: &'static str, id: &DeviceId) -> Result<&Device, ProviderError> {
        let unknown = || ProviderError::new(ErrorKind::NotFound, operation, format!("no device `{id}`"));
        self.devices.iter().find(|device| device.id == *id).ok_or_else(unknown)
    }
}

impl State {
    /// What is granted of a device, memory and time.
    fn granted(&self, device: &DeviceId) -> (u64, u64) {
        let on_it = self.grants.values().filter(|grant| !grant.released && grant.request.device == *device);
        on_it.fold((0, 0), |(memory, share), grant| {
            (memory + grant.request.memory.get(), share + grant.request.share.milli())
        })
    }

    fn grant(&mut self, operation: &'static str, key: &IdempotencyKey) -> Result<&mut Grant, ProviderError> {
        let unknown = || ProviderError::new(ErrorKind::NotFound, operation, format!("no grant `{key}`"));
        self.grants.get_mut(key).filter(|grant| !grant.released).ok_or_else(unknown)
    }

    fn buffer(
        &mut self,
        operation: &'static str,
        key: &IdempotencyKey,
        buffer: BufferId,
    ) -> Result<&mut Vec<u8>, ProviderError> {
        let unknown = || ProviderError::new(ErrorKind::NotFound, operation, format!("no buffer {}", buffer.0));
        self.grant(operation, key)?.buffers.get_mut(&buffer).ok_or_else(unknown)
    }
}

#[async_trait]
impl DeviceBackend for MemoryDevices {
    fn probe(&self) -> Availability {
        match u32::try_from(self.devices.len()).unwrap_or(u32::MAX) {
            0 => Availability::NoDevice,
            devices => Availability::Ready { devices, driver: "memory".into() },
        }
    }

    async fn devices(&self) -> Result<Vec<Device>, ProviderError> {
        Ok(self.devices.clone())
    }

    async fn sample(&self, device: &DeviceId) -> Result<DeviceSample, ProviderError> {
        self.device("sample", device)?;
        let state = held(&self.state);
        let on_it = state.grants.values().filter(|grant| grant.request.device == *device);
        let used = on_it.flat_map(|grant| grant.buffers.values()).map(|buffer| buffer.len() as u64).sum();
        Ok(DeviceSample { memory_used: Some(Bytes::new(used)), ..DeviceSample::at(self.clock.now()) })
    }

    async fn admit(&self, request: &DeviceRequest) -> Result<(), ProviderError> {
        let error = |kind, message: String| ProviderError::new(kind, "admit", message);
        let mut state = held(&self.state);
        if let Some(known) = state.grants.get(&request.key) {
            let same = known.request == *request && !known.released;
            let conflict = || error(ErrorKind::Conflict, format!("key `{}` was used already", request.key));
            return if same { Ok(()) } else { Err(conflict()) };
        }
        let device = self.device("admit", &request.device)?;
        let (memory, share) = state.granted(&request.device);
        let memory_left = device.memory.get().saturating_sub(memory);
        let share_left = GpuAmount::whole(1).milli().saturating_sub(share);
        if request.memory.get() > memory_left || request.share.milli() > share_left {
            let (memory, share) = (Bytes::new(memory_left), GpuAmount::from_milli(share_left));
            let message = format!("`{}` has {memory} and {share} of its time left", device.id);
            return Err(error(ErrorKind::Exhausted, message));
        }
        let grant = Grant { request: request.clone(), buffers: BTreeMap::new(), released: false };
        state.grants.insert(request.key.clone(), grant);
        Ok(())
    }

    async fn release(&self, grant: &IdempotencyKey) -> Result<(), ProviderError> {
        let unknown = || ProviderError::new(ErrorKind::NotFound, "release", format!("no grant `{grant}`"));
        let mut state = held(&self.state);
        let held = state.grants.get_mut(grant).ok_or_else(unknown)?;
        held.released = true;
        held.buffers.clear();
        Ok(())
    }

    async fn allocate(&self, grant: &IdempotencyKey, size: Bytes) -> Result<BufferId, ProviderError> {
        let error = |kind, message: String| ProviderError::new(kind, "allocate", message);
        let mut state = held(&self.state);
        let id = BufferId(state.buffers + 1);
        let held = state.grant("allocate", grant)?;
        let used = held.buffers.values().map(|buffer| buffer.len() as u64).sum();
        let left = held.request.memory.saturating_sub(Bytes::new(used));
        if size > left {
            return Err(error(ErrorKind::Exhausted, format!("the grant has {left} left, {size} were asked")));
        }
        if size == Bytes::ZERO {
            return Err(error(ErrorKind::Invalid, "0 B were asked: expected at least one byte".into()));
        }
        let length =
            usize::try_from(size.get()).map_err(|_| error(ErrorKind::Invalid, format!("{size} is too much")))?;
        held.buffers.insert(id, vec![0; length]);
        state.buffers = id.0;
        Ok(id)
    }

    async fn free(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<(), ProviderError> {
        let mut state = held(&self.state);
        state.buffer("free", grant, buffer)?;
        state.grant("free", grant)?.buffers.remove(&buffer);
        Ok(())
    }

    async fn write(&self, grant: &IdempotencyKey, buffer: BufferId, content: &[u8]) -> Result<(), ProviderError> {
        let mut state = held(&self.state);
        let held = state.buffer("write", grant, buffer)?;
        let size = held.len();
        let place = held.get_mut(..content.len()).ok_or_else(|| {
            let message = format!("the buffer has {size} bytes, {} were given", content.len());
            ProviderError::new(ErrorKind::Invalid, "write", message)
        })?;
        place.copy_from_slice(content);
        Ok(())
    }

    async fn read(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<Vec<u8>, ProviderError> {
        held(&self.state).buffer("read", grant, buffer).cloned()
    }
}
