//! `SoftBackend`: the laws, any order of calls against a model, and many threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by them")]

mod laws;

use laws::{hold_under_threads, request, wait};
use orp_core::{memory::ManualClock, prelude::*};
use orp_cuda::{SoftBackend, local_accelerators};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn soft(count: u32, memory: u64) -> SoftBackend {
    SoftBackend::uniform(count, Bytes::new(memory), Arc::new(ManualClock::default()))
}

#[test]
fn the_laws_hold() {
    wait(laws::all(&soft(2, 1000)));
}

#[test]
fn the_laws_hold_under_threads() {
    hold_under_threads(&soft(2, 1000), 8, 500);
}

#[test]
fn it_says_that_it_is_software() {
    let real = Device::new(DeviceId::new("GPU-1").unwrap(), "NVIDIA H100", "h100-80gb", Bytes::from_gb(85));
    let backend = SoftBackend::new(vec![real.clone()], Arc::new(ManualClock::default())).unwrap();
    let device = wait(backend.devices()).unwrap().remove(0);
    assert!(device.software);
    assert_eq!(device.name, "NVIDIA H100 (software)");
    assert_eq!(backend.probe(), Availability::Ready { devices: 1, driver: "software".into() });
    let kinds = wait(local_accelerators(&backend));
    assert_eq!(kinds, [(Accelerator { model: "soft-h100-80gb".into(), memory: Bytes::from_gb(85) }, 1)]);

    let twice = SoftBackend::new(vec![real.clone(), real], Arc::new(ManualClock::default())).unwrap_err();
    assert_eq!(twice.to_string(), "devices failed: two devices have the id `GPU-1`, expected each to have its own");
}

#[test]
fn without_devices_there_are_none() {
    let backend = soft(0, 1);
    assert_eq!(backend.probe(), Availability::NoDevice);
    assert_eq!(wait(local_accelerators(&backend)), []);
}

#[test]
fn samples_tell_the_time_and_the_memory_in_use() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(7)));
    let backend = SoftBackend::uniform(1, Bytes::new(100), clock.clone());
    let device = wait(backend.devices()).unwrap().remove(0);
    let sample = || wait(backend.sample(&device.id)).unwrap();
    assert_eq!((sample().at, sample().memory_used), (Timestamp::from_micros(7), Some(Bytes::ZERO)));
    clock.advance(Span::SECOND);
    let request = request("a", &device, 60, 0);
    wait(backend.admit(&request)).unwrap();
    wait(backend.allocate(&request.key, Bytes::new(50))).unwrap();
    assert_eq!((sample().at, sample().memory_used), (Timestamp::from_micros(1_000_007), Some(Bytes::new(50))));
    assert_eq!((sample().utilisation, sample().power_milliwatts), (None, None));
}

#[test]
fn memory_that_was_not_written_costs_none() {
    let backend = soft(8, 1 << 50);
    let device = wait(backend.devices()).unwrap().remove(0);
    let request = request("a", &device, 1 << 50, 1000);
    wait(backend.admit(&request)).unwrap();
    let buffer = wait(backend.allocate(&request.key, Bytes::new(1 << 50))).unwrap();
    wait(backend.write(&request.key, buffer, b"little")).unwrap();
    let error = wait(backend.read(&request.key, buffer)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::System, "{error}");
}

#[derive(Debug, Clone)]
enum Call {
    Admit { key: u8, device: u8, memory: u64, share: u64 },
    Release { key: u8 },
    Allocate { key: u8, size: u64 },
    Free { key: u8, nth: usize },
    Write { key: u8, nth: usize, content: Vec<u8> },
}

fn call() -> impl Strategy<Value = Call> {
    let key = 0..6_u8;
    prop_oneof![
        (key.clone(), 0..3_u8, prop_oneof![0..60_u64, Just(u64::MAX)], prop_oneof![0..700_u64, Just(u64::MAX)])
            .prop_map(|(key, device, memory, share)| Call::Admit { key, device, memory, share }),
        key.clone().prop_map(|key| Call::Release { key }),
        (key.clone(), prop_oneof![0..40_u64, Just(u64::MAX)]).prop_map(|(key, size)| Call::Allocate { key, size }),
        (key.clone(), 0..4_usize).prop_map(|(key, nth)| Call::Free { key, nth }),
        (key, 0..4_usize, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(key, nth, content)| Call::Write {
            key,
            nth,
            content
        }),
    ]
}

type Buffers = Vec<(BufferId, Vec<u8>)>;

/// What should be: written from the laws, without a look at the book.
#[derive(Default)]
struct Model {
    grants: BTreeMap<u8, (DeviceRequest, Buffers)>,
    released: Vec<u8>,
}

const MEMORY: u64 = 100;

impl Model {
    fn admit(&self, key: u8, request: &DeviceRequest) -> Result<(), ErrorKind> {
        if self.released.contains(&key) || self.grants.get(&key).is_some_and(|(known, _)| known != request) {
            return Err(ErrorKind::Conflict);
        }
        if self.grants.contains_key(&key) {
            return Ok(());
        }
        if request.share.milli() > 1000 || (request.share.is_zero() && request.memory == Bytes::ZERO) {
            return Err(ErrorKind::Invalid);
        }
        if request.device.as_str() == "soft-2" {
            return Err(ErrorKind::NotFound);
        }
        let (memory, share) = self.granted(&request.device);
        let fits = memory + u128::from(request.memory.get()) <= MEMORY.into() && share + request.share.milli() <= 1000;
        if fits { Ok(()) } else { Err(ErrorKind::Exhausted) }
    }

    fn granted(&self, device: &DeviceId) -> (u128, u64) {
        let of_device = self.grants.values().filter(|(request, _)| request.device == *device);
        of_device.fold((0, 0), |(memory, share), (request, _)| {
            (memory + u128::from(request.memory.get()), share + request.share.milli())
        })
    }

    fn allocate(&self, key: u8, size: u64) -> Result<(), ErrorKind> {
        let (request, buffers) = self.grants.get(&key).ok_or(ErrorKind::NotFound)?;
        let used: u128 = buffers.iter().map(|(_, content)| content.len() as u128).sum();
        match size {
            0 => Err(ErrorKind::Invalid),
            _ if used + u128::from(size) > u128::from(request.memory.get()) => Err(ErrorKind::Exhausted),
            _ => Ok(()),
        }
    }

    /// The nth buffer of a grant; when there is none, an id that none has.
    fn buffer(&mut self, key: u8, nth: usize) -> (BufferId, Option<&mut Vec<u8>>) {
        match self.grants.get_mut(&key).and_then(|(_, buffers)| buffers.get_mut(nth)) {
            Some((buffer, content)) => (*buffer, Some(content)),
            None => (BufferId(u64::MAX), None),
        }
    }
}

fn device(at: u8) -> Device {
    Device::new(DeviceId::new(format!("soft-{at}")).unwrap(), "", "", Bytes::new(MEMORY))
}

fn key(key: u8) -> IdempotencyKey {
    IdempotencyKey::new(key.to_string())
}

/// Makes a call on both and compares the answers.
fn step(backend: &SoftBackend, model: &mut Model, call: Call) -> Result<(), TestCaseError> {
    let kind = |error: ProviderError| error.kind;
    match call {
        Call::Admit { key: number, device: at, memory, share } => {
            let request = request(&number.to_string(), &device(at), memory, share);
            let expected = model.admit(number, &request);
            prop_assert_eq!(wait(backend.admit(&request)).map_err(kind), expected);
            if expected.is_ok() {
                model.grants.entry(number).or_insert((request, Vec::new()));
            }
        }
        Call::Release { key: number } => {
            let known = model.grants.remove(&number).is_some();
            let expected = if known || model.released.contains(&number) { Ok(()) } else { Err(ErrorKind::NotFound) };
            prop_assert_eq!(wait(backend.release(&key(number))).map_err(kind), expected);
            model.released.extend(known.then_some(number));
        }
        Call::Allocate { key: number, size } => {
            let expected = model.allocate(number, size);
            let answer = wait(backend.allocate(&key(number), Bytes::new(size)));
            prop_assert_eq!(answer.as_ref().map(|_| ()).map_err(|error| error.kind), expected);
            if let (Ok(buffer), Some((_, buffers))) = (answer, model.grants.get_mut(&number)) {
                buffers.push((buffer, vec![0; size as usize]));
            }
        }
        Call::Free { key: number, nth } => {
            let (buffer, known) = model.buffer(number, nth);
            let expected = known.map(drop).ok_or(ErrorKind::NotFound);
            prop_assert_eq!(wait(backend.free(&key(number), buffer)).map_err(kind), expected);
            if let (Ok(()), Some((_, buffers))) = (expected, model.grants.get_mut(&number)) {
                buffers.remove(nth);
            }
        }
        Call::Write { key: number, nth, content } => {
            let (buffer, known) = model.buffer(number, nth);
            let expected = match known {
                None => Err(ErrorKind::NotFound),
                Some(known) if known.len() < content.len() => Err(ErrorKind::Invalid),
                Some(known) => {
                    known[..content.len()].copy_from_slice(&content);
                    Ok(())
                }
            };
            prop_assert_eq!(wait(backend.write(&key(number), buffer, &content)).map_err(kind), expected);
        }
    }
    Ok(())
}

/// What the backend holds is what the model holds.
fn compare(backend: &SoftBackend, model: &Model) -> Result<(), TestCaseError> {
    for at in 0..2 {
        let device = device(at).id;
        let (memory, share) = model.granted(&device);
        prop_assert!(memory <= MEMORY.into() && share <= 1000);
        let of_device = model.grants.values().filter(|(request, _)| request.device == device);
        let used: u64 = of_device.flat_map(|(_, buffers)| buffers).map(|(_, content)| content.len() as u64).sum();
        let sample = wait(backend.sample(&device)).unwrap();
        prop_assert_eq!(sample.memory_used, Some(Bytes::new(used)));
    }
    for (number, (_, buffers)) in &model.grants {
        for (buffer, content) in buffers {
            prop_assert_eq!(&wait(backend.read(&key(*number), *buffer)).unwrap(), content);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_order_of_calls_is_as_the_laws_say(calls in proptest::collection::vec(call(), 1..60)) {
        let (backend, mut model) = (soft(2, MEMORY), Model::default());
        for call in calls {
            step(&backend, &mut model, call)?;
            compare(&backend, &model)?;
        }
    }
}
