//! Who holds what of which device: the book both backends keep.
//!
//! Nothing here touches a device. Every change is checked first and then made whole, so the sums below hold between any
//! two calls.

use orp_core::contract::{BufferId, Device, DeviceRequest};
use orp_core::error::{ErrorKind, ProviderError, Retry};
use orp_core::id::{DeviceId, IdempotencyKey};
use orp_core::unit::{Bytes, GpuAmount};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many released keys are remembered, so that a late repetition of a call is known for one; older ones are unknown.
const RELEASED_MAX: usize = 65_536;

/// The book of grants.
///
/// INVARIANT: for each device, the sum of `memory` and of `share` over its grants is `Room::granted` and at most what the
/// device has; for each grant, the sum of its buffers is `Grant::used` and at most its memory.
#[derive(Debug)]
pub(crate) struct Grants {
    rooms: BTreeMap<DeviceId, Room>,
    grants: BTreeMap<IdempotencyKey, Grant>,
    released: Released,
    next_buffer: u64,
}

/// A device, and what of it is granted.
#[derive(Debug)]
struct Room {
    memory: Bytes,
    memory_granted: Bytes,
    share_granted: GpuAmount,
}

#[derive(Debug)]
struct Grant {
    request: DeviceRequest,
    used: Bytes,
    buffers: BTreeMap<BufferId, Bytes>,
}

impl Grants {
    /// Nothing granted yet. Two devices of one id are an error.
    pub(crate) fn new(devices: &[Device]) -> Result<Self, ProviderError> {
        let mut rooms = BTreeMap::new();
        for Device { id, memory, .. } in devices {
            let room = Room { memory: *memory, memory_granted: Bytes::ZERO, share_granted: GpuAmount::ZERO };
            if rooms.insert(id.clone(), room).is_some() {
                let message = format!("two devices have the id `{id}`, expected each to have its own");
                return Err(ProviderError::new(ErrorKind::Invalid, "devices", message));
            }
        }
        Ok(Self { rooms, grants: BTreeMap::new(), released: Released::default(), next_buffer: 0 })
    }

    /// Grants what is asked, if there is room.
    pub(crate) fn admit(&mut self, request: &DeviceRequest) -> Result<(), ProviderError> {
        const OPERATION: &str = "admit";
        let DeviceRequest { key, device, memory, share, .. } = request;
        if let Some(known) = self.grants.get(key) {
            return if known.request == *request { Ok(()) } else { Err(conflict(key, "used for another request")) };
        }
        if self.released.knows(key) {
            return Err(conflict(key, "released"));
        }
        if *share > GpuAmount::whole(1) || (share.is_zero() && *memory == Bytes::ZERO) {
            let message =
                format!("the request is for {memory} and {share} of a device, expected some, and at most 1 of it");
            return Err(ProviderError::new(ErrorKind::Invalid, OPERATION, message));
        }
        let room = self.rooms.get_mut(device).ok_or_else(|| no_device(OPERATION, device))?;
        let memory_granted = room.memory_granted.checked_add(*memory).filter(|sum| *sum <= room.memory);
        let share_granted = room.share_granted.checked_add(*share).filter(|sum| *sum <= GpuAmount::whole(1));
        let (Some(memory_granted), Some(share_granted)) = (memory_granted, share_granted) else {
            let memory_left = room.memory.saturating_sub(room.memory_granted);
            let share_left = GpuAmount::from_milli(1000_u64.saturating_sub(room.share_granted.milli()));
            let message =
                format!("{memory_left} and {share_left} of the device are free, {memory} and {share} were asked");
            return Err(ProviderError::new(ErrorKind::Exhausted, OPERATION, message).with_context("device", device));
        };
        (room.memory_granted, room.share_granted) = (memory_granted, share_granted);
        let grant = Grant { request: request.clone(), used: Bytes::ZERO, buffers: BTreeMap::new() };
        self.grants.insert(key.clone(), grant);
        Ok(())
    }

    /// Takes a grant out of the book and names the buffers it had; none when it was released before.
    pub(crate) fn release(&mut self, key: &IdempotencyKey) -> Result<Vec<BufferId>, ProviderError> {
        let Some(grant) = self.grants.remove(key) else {
            return if self.released.knows(key) { Ok(Vec::new()) } else { Err(no_grant("release", key)) };
        };
        if let Some(room) = self.rooms.get_mut(&grant.request.device) {
            room.memory_granted = room.memory_granted.saturating_sub(grant.request.memory);
            let share = room.share_granted.milli().saturating_sub(grant.request.share.milli());
            room.share_granted = GpuAmount::from_milli(share);
        }
        self.released.remember(key.clone());
        Ok(grant.buffers.into_keys().collect())
    }

    /// Books a buffer within a grant.
    pub(crate) fn reserve(&mut self, key: &IdempotencyKey, size: Bytes) -> Result<BufferId, ProviderError> {
        const OPERATION: &str = "allocate";
        let grant = self.grants.get_mut(key).ok_or_else(|| no_grant(OPERATION, key))?;
        if size == Bytes::ZERO {
            let message = "the buffer is to have 0 B, expected at least 1 B";
            return Err(ProviderError::new(ErrorKind::Invalid, OPERATION, message));
        }
        let Some(used) = grant.used.checked_add(size).filter(|sum| *sum <= grant.request.memory) else {
            let left = grant.request.memory.saturating_sub(grant.used);
            let message = format!("{left} of the grant's {} are free, {size} were asked", grant.request.memory);
            // No other offer has more room in this grant.
            let error = ProviderError::new(ErrorKind::Exhausted, OPERATION, message).with_retry(Retry::Never);
            return Err(error.with_context("grant", key));
        };
        let buffer = BufferId(self.next_buffer);
        self.next_buffer += 1;
        grant.used = used;
        grant.buffers.insert(buffer, size);
        Ok(buffer)
    }

    /// Takes a buffer out of the book.
    pub(crate) fn free(&mut self, key: &IdempotencyKey, buffer: BufferId) -> Result<(), ProviderError> {
        let grant = self.grants.get_mut(key).ok_or_else(|| no_grant("free", key))?;
        let size = grant.buffers.remove(&buffer).ok_or_else(|| no_buffer("free", key, buffer))?;
        grant.used = grant.used.saturating_sub(size);
        Ok(())
    }

    /// The size of a buffer, for this operation on it.
    pub(crate) fn size(
        &self,
        operation: &'static str,
        key: &IdempotencyKey,
        buffer: BufferId,
    ) -> Result<Bytes, ProviderError> {
        let grant = self.grants.get(key).ok_or_else(|| no_grant(operation, key))?;
        grant.buffers.get(&buffer).copied().ok_or_else(|| no_buffer(operation, key, buffer))
    }

    /// The bytes of all buffers of a device.
    pub(crate) fn used(&self, device: &DeviceId) -> Result<Bytes, ProviderError> {
        if !self.rooms.contains_key(device) {
            return Err(no_device("sample", device));
        }
        let of_device = self.grants.values().filter(|grant| grant.request.device == *device);
        Ok(of_device.fold(Bytes::ZERO, |sum, grant| sum.checked_add(grant.used).unwrap_or(sum)))
    }

    /// The device a grant is on.
    #[cfg(feature = "cuda")]
    pub(crate) fn device(&self, operation: &'static str, key: &IdempotencyKey) -> Result<DeviceId, ProviderError> {
        self.grants.get(key).map(|grant| grant.request.device.clone()).ok_or_else(|| no_grant(operation, key))
    }

    /// Whether this grant was released, as far as that is remembered.
    #[cfg(feature = "cuda")]
    pub(crate) fn was_released(&self, key: &IdempotencyKey) -> bool {
        self.released.knows(key)
    }
}

/// The keys released last.
#[derive(Debug, Default)]
struct Released {
    known: BTreeSet<IdempotencyKey>,
    order: VecDeque<IdempotencyKey>,
}

impl Released {
    fn knows(&self, key: &IdempotencyKey) -> bool {
        self.known.contains(key)
    }

    fn remember(&mut self, key: IdempotencyKey) {
        if self.order.len() == RELEASED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        if self.known.insert(key.clone()) {
            self.order.push_back(key);
        }
    }
}

fn conflict(key: &IdempotencyKey, how: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Conflict, "admit", format!("the key `{key}` was {how}, expected a new one"))
}

/// The error that names a device nobody knows.
pub(crate) fn no_device(operation: &'static str, device: &DeviceId) -> ProviderError {
    ProviderError::new(ErrorKind::NotFound, operation, format!("there is no device `{device}`"))
}

fn no_grant(operation: &'static str, key: &IdempotencyKey) -> ProviderError {
    ProviderError::new(ErrorKind::NotFound, operation, format!("there is no grant `{key}`"))
}

fn no_buffer(operation: &'static str, key: &IdempotencyKey, buffer: BufferId) -> ProviderError {
    let message = format!("the grant `{key}` has no buffer `{}`", buffer.0);
    ProviderError::new(ErrorKind::NotFound, operation, message)
}

/// Refuses content that does not fit into a buffer of this size.
pub(crate) fn check_fits(size: Bytes, content: &[u8]) -> Result<(), ProviderError> {
    let length = Bytes::new(content.len() as u64);
    if length > size {
        let message = format!("{length} were given, expected at most the buffer's {size}");
        return Err(ProviderError::new(ErrorKind::Invalid, "write", message));
    }
    Ok(())
}

/// Makes room in host memory for this much more, or says that there is none, where a plain `Vec` would end the process.
pub(crate) fn reserve_host(operation: &'static str, memory: &mut Vec<u8>, more: Bytes) -> Result<(), ProviderError> {
    let reserved = usize::try_from(more.get()).is_ok_and(|more| memory.try_reserve_exact(more).is_ok());
    if !reserved {
        let message = format!("the host has not {more} of memory left");
        return Err(ProviderError::new(ErrorKind::System, operation, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::id::Tenant;

    fn request(key: &str) -> DeviceRequest {
        DeviceRequest {
            key: IdempotencyKey::new(key),
            tenant: Tenant::new("t").unwrap(),
            device: DeviceId::new("d").unwrap(),
            memory: Bytes::new(10),
            share: GpuAmount::from_milli(1),
        }
    }

    fn book() -> Grants {
        Grants::new(&[Device::new(DeviceId::new("d").unwrap(), "d", "d", Bytes::new(100))]).unwrap()
    }

    #[test]
    fn only_so_many_released_keys_are_remembered() {
        let mut grants = book();
        for at in 0..=RELEASED_MAX {
            let request = request(&at.to_string());
            grants.admit(&request).unwrap();
            grants.release(&request.key).unwrap();
        }
        assert_eq!(grants.released.known.len(), RELEASED_MAX);
        assert_eq!(grants.released.order.len(), RELEASED_MAX);
        assert_eq!(grants.release(&request("0").key).unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(grants.release(&request("1").key).unwrap(), []);
    }

    #[test]
    fn errors_say_what_was_there_and_what_was_asked() {
        let mut grants = book();
        grants.admit(&request("a")).unwrap();
        let big = DeviceRequest { memory: Bytes::new(91), ..request("b") };
        assert_eq!(
            grants.admit(&big).unwrap_err().to_string(),
            "admit failed: 90 B and 0.999 of the device are free, 91 B and 0.001 were asked (device d)"
        );
        assert_eq!(
            grants.reserve(&request("a").key, Bytes::new(11)).unwrap_err().to_string(),
            "allocate failed: 10 B of the grant's 10 B are free, 11 B were asked (grant a)"
        );
        assert_eq!(grants.release(&request("b").key).unwrap_err().to_string(), "release failed: there is no grant `b`");
    }
}
