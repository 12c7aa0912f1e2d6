//! The laws DEV-1 to DEV-7, over any backend with two devices or more on which nothing is granted.

use orp_core::prelude::*;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

/// Waits for a future of any backend.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A request of this much memory and this many thousandths of a device's time.
pub(crate) fn request(key: &str, device: &Device, memory: u64, share: u64) -> DeviceRequest {
    DeviceRequest {
        key: IdempotencyKey::new(key),
        tenant: Tenant::new("tests").unwrap(),
        device: device.id.clone(),
        memory: Bytes::new(memory),
        share: GpuAmount::from_milli(share),
    }
}

/// All of them.
pub(crate) async fn all(backend: &dyn DeviceBackend) {
    granted_never_exceeds(backend).await;
    buffers_never_exceed(backend).await;
    what_was_written_is_read(backend).await;
    release_frees_once(backend).await;
    a_key_grants_once(backend).await;
    the_unknown_is_not_found(backend).await;
}

fn kind<T: std::fmt::Debug>(result: Result<T, ProviderError>) -> ErrorKind {
    result.unwrap_err().kind
}

async fn first_device(backend: &dyn DeviceBackend) -> Device {
    backend.devices().await.unwrap().remove(0)
}

/// DEV-2.
async fn granted_never_exceeds(backend: &dyn DeviceBackend) {
    let device = first_device(backend).await;
    let memory = device.memory.get();
    let half = request("dev-2/half", &device, memory / 2, 500);
    backend.admit(&half).await.unwrap();
    for (more_memory, more_share) in [(memory - memory / 2 + 1, 1), (1, 501), (u64::MAX, 1)] {
        let more = request("dev-2/more", &device, more_memory, more_share);
        let error = backend.admit(&more).await.unwrap_err();
        assert_eq!((error.kind, error.retry), (ErrorKind::Exhausted, Retry::Elsewhere), "{error}");
    }
    let rest = request("dev-2/rest", &device, memory - memory / 2, 500);
    backend.admit(&rest).await.unwrap();
    for (memory, share) in [(0, 1), (1, 0)] {
        assert_eq!(kind(backend.admit(&request("dev-2/more", &device, memory, share)).await), ErrorKind::Exhausted);
    }
    for (memory, share) in [(0, 0), (1, 1001), (0, u64::MAX)] {
        assert_eq!(kind(backend.admit(&request("dev-2/more", &device, memory, share)).await), ErrorKind::Invalid);
    }
    // The other device has all of its own.
    let other = backend.devices().await.unwrap().remove(1);
    let whole = request("dev-2/other", &other, other.memory.get(), 1000);
    backend.admit(&whole).await.unwrap();
    for request in [half, rest, whole] {
        backend.release(&request.key).await.unwrap();
    }
    let whole = request("dev-2/whole", &device, memory, 1000);
    backend.admit(&whole).await.unwrap();
    backend.release(&whole.key).await.unwrap();
}

/// DEV-3.
async fn buffers_never_exceed(backend: &dyn DeviceBackend) {
    let device = first_device(backend).await;
    let request = request("dev-3", &device, 100, 0);
    backend.admit(&request).await.unwrap();
    let buffer = backend.allocate(&request.key, Bytes::new(60)).await.unwrap();
    for size in [41, u64::MAX] {
        assert_eq!(kind(backend.allocate(&request.key, Bytes::new(size)).await), ErrorKind::Exhausted);
    }
    assert_eq!(kind(backend.allocate(&request.key, Bytes::ZERO).await), ErrorKind::Invalid);
    let rest = backend.allocate(&request.key, Bytes::new(40)).await.unwrap();
    assert_ne!(buffer, rest);
    assert_eq!(kind(backend.allocate(&request.key, Bytes::new(1)).await), ErrorKind::Exhausted);
    assert!(backend.sample(&device.id).await.unwrap().memory_used.is_none_or(|used| used >= Bytes::new(100)));
    backend.free(&request.key, buffer).await.unwrap();
    backend.allocate(&request.key, Bytes::new(60)).await.unwrap();
    backend.release(&request.key).await.unwrap();
}

/// DEV-4.
async fn what_was_written_is_read(backend: &dyn DeviceBackend) {
    let device = first_device(backend).await;
    let request = request("dev-4", &device, 16, 0);
    backend.admit(&request).await.unwrap();
    let key = &request.key;
    let buffer = backend.allocate(key, Bytes::new(8)).await.unwrap();
    let other = backend.allocate(key, Bytes::new(8)).await.unwrap();
    assert_eq!(backend.read(key, buffer).await.unwrap(), [0; 8]);
    for (content, expected) in [
        (&b"12345"[..], b"12345\0\0\0"),
        (&b"ab"[..], b"ab345\0\0\0"),
        (&b""[..], b"ab345\0\0\0"),
        (&b"ABCDEFGH"[..], b"ABCDEFGH"),
    ] {
        backend.write(key, buffer, content).await.unwrap();
        assert_eq!(backend.read(key, buffer).await.unwrap(), expected);
    }
    assert_eq!(kind(backend.write(key, buffer, b"123456789").await), ErrorKind::Invalid);
    assert_eq!(backend.read(key, buffer).await.unwrap(), b"ABCDEFGH");
    assert_eq!(backend.read(key, other).await.unwrap(), [0; 8]);
    // Memory that had a content before is zeros again.
    backend.free(key, buffer).await.unwrap();
    let again = backend.allocate(key, Bytes::new(8)).await.unwrap();
    assert_eq!(backend.read(key, again).await.unwrap(), [0; 8]);
    backend.release(key).await.unwrap();
}

/// DEV-5.
async fn release_frees_once(backend: &dyn DeviceBackend) {
    let device = first_device(backend).await;
    let whole = request("dev-5", &device, device.memory.get(), 1000);
    backend.admit(&whole).await.unwrap();
    let buffer = backend.allocate(&whole.key, Bytes::new(8)).await.unwrap();
    for _ in 0..3 {
        backend.release(&whole.key).await.unwrap();
    }
    let after = request("dev-5/after", &device, device.memory.get(), 1000);
    backend.admit(&after).await.unwrap();
    backend.release(&whole.key).await.unwrap();
    assert_eq!(kind(backend.read(&after.key, buffer).await), ErrorKind::NotFound);
    assert_eq!(kind(backend.allocate(&whole.key, Bytes::new(1)).await), ErrorKind::NotFound);
    assert_eq!(kind(backend.admit(&request("dev-5/more", &device, 1, 0)).await), ErrorKind::Exhausted);
    backend.release(&after.key).await.unwrap();
}

/// DEV-6.
async fn a_key_grants_once(backend: &dyn DeviceBackend) {
    let device = first_device(backend).await;
    let memory = device.memory.get();
    let most = request("dev-6", &device, memory - 1, 999);
    for _ in 0..3 {
        backend.admit(&most).await.unwrap();
    }
    let rest = request("dev-6/rest", &device, 1, 1);
    backend.admit(&rest).await.unwrap();
    assert_eq!(kind(backend.admit(&request("dev-6", &device, 1, 1)).await), ErrorKind::Conflict);
    backend.release(&most.key).await.unwrap();
    // A call that was late: nobody would release what it granted.
    assert_eq!(kind(backend.admit(&most).await), ErrorKind::Conflict);
    backend.release(&rest.key).await.unwrap();
}

/// DEV-7.
async fn the_unknown_is_not_found(backend: &dyn DeviceBackend) {
    let device = first_device(backend).await;
    let known = request("dev-7", &device, 10, 0);
    backend.admit(&known).await.unwrap();
    let buffer = backend.allocate(&known.key, Bytes::new(1)).await.unwrap();
    let (nobody, nothing) = (IdempotencyKey::new("nobody"), BufferId(u64::MAX));
    let nowhere = Device::new(DeviceId::new("nowhere").unwrap(), "", "", Bytes::ZERO);
    for result in [
        backend.sample(&nowhere.id).await.map(drop),
        backend.admit(&request("dev-7/device", &nowhere, 1, 1)).await,
        backend.release(&nobody).await,
        backend.allocate(&nobody, Bytes::new(1)).await.map(drop),
        backend.free(&nobody, buffer).await,
        backend.write(&nobody, buffer, b"").await,
        backend.read(&nobody, buffer).await.map(drop),
        backend.free(&known.key, nothing).await,
        backend.write(&known.key, nothing, b"").await,
        backend.read(&known.key, nothing).await.map(drop),
    ] {
        assert_eq!(kind(result), ErrorKind::NotFound);
    }
    backend.free(&known.key, buffer).await.unwrap();
    assert_eq!(kind(backend.free(&known.key, buffer).await), ErrorKind::NotFound);
    backend.release(&known.key).await.unwrap();
}

/// DEV-2, DEV-3 and DEV-4 with many threads: sums of what was granted and allocated are kept from outside, counted after
/// a call succeeded and until before it is undone, so they are never above the truth.
pub(crate) fn hold_under_threads(backend: &dyn DeviceBackend, threads: usize, rounds: usize) {
    let devices = wait(backend.devices()).unwrap();
    let sums: Vec<(AtomicU64, AtomicU64)> = devices.iter().map(|_| Default::default()).collect();
    let granted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (devices, sums, granted) = (&devices, &sums, &granted);
            scope.spawn(move || {
                for round in 0..rounds {
                    let at = (thread + round) % devices.len();
                    let (device, (memory_sum, share_sum)) = (&devices[at], &sums[at]);
                    // Three of them fit at once, so some of eight threads are always refused.
                    let (memory, share) = (device.memory.get() / 3, 333);
                    let request = request(&format!("{thread}/{round}"), device, memory, share);
                    match wait(backend.admit(&request)) {
                        Ok(()) => {}
                        Err(error) if error.kind == ErrorKind::Exhausted => continue,
                        Err(error) => panic!("{error}"),
                    }
                    granted.fetch_add(1, Ordering::SeqCst);
                    assert!(memory_sum.fetch_add(memory, Ordering::SeqCst) + memory <= device.memory.get());
                    assert!(share_sum.fetch_add(share, Ordering::SeqCst) + share <= 1000);
                    use_grant(backend, &request, [thread as u8; 8]);
                    memory_sum.fetch_sub(memory, Ordering::SeqCst);
                    share_sum.fetch_sub(share, Ordering::SeqCst);
                    wait(backend.release(&request.key)).unwrap();
                }
            });
        }
    });
    assert!(granted.load(Ordering::SeqCst) > 0);
    for (at, device) in devices.iter().enumerate() {
        let whole = request(&format!("after/{at}"), device, device.memory.get(), 1000);
        wait(backend.admit(&whole)).expect("all was given back");
        wait(backend.release(&whole.key)).unwrap();
    }
}

fn use_grant(backend: &dyn DeviceBackend, request: &DeviceRequest, content: [u8; 8]) {
    let buffer = wait(backend.allocate(&request.key, Bytes::new(8))).unwrap();
    wait(backend.write(&request.key, buffer, &content)).unwrap();
    std::thread::yield_now();
    assert_eq!(wait(backend.read(&request.key, buffer)).unwrap(), content);
    let more = wait(backend.allocate(&request.key, request.memory)).unwrap_err();
    assert_eq!(more.kind, ErrorKind::Exhausted);
}
