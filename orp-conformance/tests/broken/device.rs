//! Device backends that break one law each.

use crate::memory::device;
use crate::{Fake, catches};
use async_trait::async_trait;
use orp_conformance::device_suite;
use orp_core::memory::MemoryDevices;
use orp_core::prelude::*;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub(crate) const FAKES: &[Fake] = &[
    ("DEV-1", "panics"),
    ("DEV-1", "dawdles"),
    ("DEV-2", "has more memory than it shows"),
    ("DEV-2", "counts half of the time"),
    ("DEV-3", "grants twice the memory"),
    ("DEV-4", "writes nothing"),
    ("DEV-4", "gives buffers that are not empty"),
    ("DEV-5", "releases but once"),
    ("DEV-5", "keeps what it granted"),
    ("DEV-6", "grants twice under one key"),
    ("DEV-6", "takes a released key again"),
    ("DEV-7", "calls an unknown device invalid"),
    ("DEV-7", "frees what it never made"),
];

#[derive(Debug)]
struct Bent {
    inner: MemoryDevices,
    flaw: &'static str,
    calls: AtomicU64,
    released: Mutex<Vec<IdempotencyKey>>,
    admitted: Mutex<Vec<DeviceRequest>>,
}

impl Bent {
    fn is(&self, flaw: &str) -> bool {
        self.flaw == flaw
    }

    fn another(&self, request: &DeviceRequest) -> DeviceRequest {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        DeviceRequest { key: IdempotencyKey::new(format!("{}~{call}", request.key)), ..request.clone() }
    }
}

#[async_trait]
impl DeviceBackend for Bent {
    fn probe(&self) -> Availability {
        let first = self.calls.fetch_add(1, Ordering::SeqCst) == 0;
        match self.flaw {
            "panics" if first => panic!("no driver"),
            "dawdles" if first => std::thread::sleep(Duration::from_millis(1_100)),
            _ => {}
        }
        self.inner.probe()
    }

    async fn devices(&self) -> Result<Vec<Device>, ProviderError> {
        let mut devices = self.inner.devices().await?;
        if self.is("has more memory than it shows") {
            devices.iter_mut().for_each(|device| device.memory = Bytes::new(device.memory.get() / 2));
        }
        Ok(devices)
    }

    async fn sample(&self, device: &DeviceId) -> Result<DeviceSample, ProviderError> {
        self.inner.sample(device).await.map_err(|mut error| {
            if self.is("calls an unknown device invalid") {
                error.kind = ErrorKind::Invalid;
            }
            error
        })
    }

    async fn admit(&self, request: &DeviceRequest) -> Result<(), ProviderError> {
        let mut asked = request.clone();
        match self.flaw {
            "counts half of the time" => asked.share = GpuAmount::from_milli(request.share.milli() / 2),
            "grants twice the memory" => asked.memory = Bytes::new(request.memory.get().saturating_mul(2)),
            _ => {}
        }
        let admitted = self.inner.admit(&asked).await;
        let again = self.admitted.lock().unwrap().contains(request);
        if admitted.is_ok() {
            self.admitted.lock().unwrap().push(request.clone());
        }
        if self.is("grants twice under one key") && again {
            let more = self.another(&DeviceRequest { share: GpuAmount::from_milli(400), ..request.clone() });
            self.inner.admit(&more).await?;
        }
        match admitted {
            Err(_) if self.is("takes a released key again") && self.released.lock().unwrap().contains(&request.key) => {
                Ok(())
            }
            admitted => admitted,
        }
    }

    async fn release(&self, grant: &IdempotencyKey) -> Result<(), ProviderError> {
        if self.is("releases but once") && self.released.lock().unwrap().contains(grant) {
            return Err(ProviderError::new(ErrorKind::NotFound, "release", "it is over"));
        }
        self.inner.release(grant).await?;
        self.released.lock().unwrap().push(grant.clone());
        let half = Bytes::new(device().memory.get() / 2);
        let large = |request: &&DeviceRequest| request.key == *grant && request.memory > half;
        let kept = self.admitted.lock().unwrap().iter().find(large).cloned();
        if let Some(kept) = kept.filter(|_| self.is("keeps what it granted")) {
            let memory = DeviceRequest { share: GpuAmount::ZERO, ..kept };
            self.inner.admit(&self.another(&memory)).await?;
        }
        Ok(())
    }

    async fn allocate(&self, grant: &IdempotencyKey, size: Bytes) -> Result<BufferId, ProviderError> {
        let buffer = self.inner.allocate(grant, size).await?;
        if self.is("gives buffers that are not empty") {
            self.inner.write(grant, buffer, b"x").await?;
        }
        Ok(buffer)
    }

    async fn free(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<(), ProviderError> {
        match self.inner.free(grant, buffer).await {
            Err(_) if self.is("frees what it never made") => Ok(()),
            result => result,
        }
    }

    async fn write(&self, grant: &IdempotencyKey, buffer: BufferId, content: &[u8]) -> Result<(), ProviderError> {
        let content = if self.is("writes nothing") { b"" } else { content };
        self.inner.write(grant, buffer, content).await
    }

    async fn read(&self, grant: &IdempotencyKey, buffer: BufferId) -> Result<Vec<u8>, ProviderError> {
        self.inner.read(grant, buffer).await
    }
}

#[tokio::test]
async fn devices() {
    for fake in FAKES {
        let bent = Bent {
            inner: MemoryDevices::new(vec![device()]),
            flaw: fake.1,
            calls: AtomicU64::new(0),
            released: Default::default(),
            admitted: Default::default(),
        };
        catches(*fake, &device_suite(&bent).await);
    }
}
