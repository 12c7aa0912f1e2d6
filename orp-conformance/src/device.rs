//! The laws of devices: shares granted, buffers made, and what is written in them.
//!
//! They take little: a mebibyte of memory but for DEV-2, which asks for shares of the whole until it is refused.

use crate::bench::{Dice, ensure, expect_kind, fresh_key, name, skipped};
use crate::{Fault, Report, Verdict};
use futures_util::future::join_all;
use orp_core::contract::{BufferId, Device, DeviceBackend, DeviceRequest};
use orp_core::error::ErrorKind;
use orp_core::id::{DeviceId, IdempotencyKey, Tenant};
use orp_core::unit::{Bytes, GpuAmount, Span};
use std::time::Instant;

const LITTLE: u64 = 1 << 20;

/// Tries every law of [`DeviceBackend`] on its first device; all but DEV-1 are skipped where there is none. What is granted
/// is released.
pub async fn device_suite(backend: &dyn DeviceBackend) -> Report {
    let mut report = Report::default();
    report.law_now("DEV-1", || dev_1(backend));
    report.law("DEV-2", dev_2(backend)).await;
    report.law("DEV-3", dev_3(backend)).await;
    report.law("DEV-4", dev_4(backend)).await;
    report.law("DEV-5", dev_5(backend)).await;
    report.law("DEV-6", dev_6(backend)).await;
    report.law("DEV-7", dev_7(backend)).await;
    report
}

/// `probe` never panics and never waits longer than a second.
pub fn dev_1(backend: &dyn DeviceBackend) -> Verdict {
    #[allow(clippy::disallowed_methods, reason = "the law is about the time that passes outside")]
    let now = Instant::now;
    let before = now();
    let available = backend.probe();
    let took = Span::from(now() - before);
    ensure!(took <= Span::SECOND, "`probe` took {took} to say `{available}`");
    Ok(())
}

/// Granted memory and shares of a device never exceed what it has, however many ask at once.
pub async fn dev_2(backend: &dyn DeviceBackend) -> Verdict {
    let device = device(backend).await?;
    let all = device.memory.get();
    let third = GpuAmount::from_milli(334);
    let more = request(&device, Bytes::new(all.saturating_add(1)), GpuAmount::ZERO);
    expect_kind(ErrorKind::Exhausted, "more memory was asked than the device has", backend.admit(&more).await)?;
    for (memory, share) in [(Bytes::new(all / 3 + 1), GpuAmount::ZERO), (Bytes::new(LITTLE), third)] {
        let asked: Vec<_> = (0..4).map(|_| request(&device, memory, share)).collect();
        let results = join_all(asked.iter().map(|asked| backend.admit(asked))).await;
        let granted = results.iter().filter(|result| result.is_ok()).count() as u64;
        let (memory, share) = (memory.get() * granted, share.milli() * granted);
        for (asked, result) in asked.iter().zip(results) {
            match result {
                Ok(()) => backend.release(&asked.key).await?,
                refused => expect_kind(ErrorKind::Exhausted, "a third of the device asked four times", refused)?,
            }
        }
        ensure!(memory <= all, "{memory} bytes were granted, the device has {all}");
        ensure!(share <= 1000, "{} of its time was granted", GpuAmount::from_milli(share));
    }
    Ok(())
}

/// The buffers of a grant never exceed its memory.
pub async fn dev_3(backend: &dyn DeviceBackend) -> Verdict {
    let grant = Grant::of_little(backend).await?;
    let mut made = 0;
    for _ in 0..5 {
        match backend.allocate(grant.key(), Bytes::new(LITTLE / 4)).await {
            Ok(_) => made += LITTLE / 4,
            refused => expect_kind(ErrorKind::Exhausted, "a quarter of a grant asked five times", refused)?,
        }
    }
    ensure!(made <= LITTLE, "buffers of {made} bytes were made in a grant of {LITTLE}");
    grant.release().await
}

/// What was written is read back; what was not written is zero.
pub async fn dev_4(backend: &dyn DeviceBackend) -> Verdict {
    let grant = Grant::of_little(backend).await?;
    let mut dice = Dice::new(4);
    for length in [1_usize, 255, 4_096] {
        let one = backend.allocate(grant.key(), Bytes::new(length as u64)).await?;
        let other = backend.allocate(grant.key(), Bytes::new(length as u64)).await?;
        let content = dice.bytes(length);
        backend.write(grant.key(), one, &content).await?;
        grant.reads(one, &content, "the bytes that were written").await?;
        grant.reads(other, &vec![0; length], "zeros, nothing was written").await?;
        let (front, rest) = (dice.bytes(length / 2), content.get(length / 2..).unwrap_or_default());
        backend.write(grant.key(), one, &front).await?;
        grant.reads(one, &[&front, rest].concat(), "the first half written again").await?;
    }
    grant.release().await
}

/// Releasing a grant frees its buffers and is idempotent.
pub async fn dev_5(backend: &dyn DeviceBackend) -> Verdict {
    let first = Grant::of_little(backend).await?;
    let buffer = backend.allocate(first.key(), Bytes::new(LITTLE)).await?;
    first.release().await?;
    first.release().await?;
    let result = backend.read(first.key(), buffer).await;
    expect_kind(ErrorKind::NotFound, "a buffer of a released grant read", result)?;
    // More than half, again and again: unless each is free after its release, the next one is not left. Where others hold
    // so much of the device already, a little memory must do.
    let device = device(backend).await?;
    let (mut memory, share) = (Bytes::new(device.memory.get() / 2 + 1), GpuAmount::from_milli(600));
    for round in 0..3 {
        let mut part = request(&device, memory, share);
        let mut admitted = backend.admit(&part).await;
        if round == 0 && admitted.is_err() {
            memory = Bytes::new(LITTLE);
            part = request(&device, memory, share);
            admitted = backend.admit(&part).await;
        }
        admitted?;
        backend.release(&part.key).await?;
    }
    Ok(())
}

/// `admit` with the same key grants once: with another request, or after its release, it is a conflict.
pub async fn dev_6(backend: &dyn DeviceBackend) -> Verdict {
    let device = device(backend).await?;
    let most = request(&device, Bytes::new(LITTLE), GpuAmount::from_milli(600));
    let rest = request(&device, Bytes::new(LITTLE), GpuAmount::from_milli(400));
    backend.admit(&most).await?;
    backend.admit(&most).await?;
    let other = DeviceRequest { share: GpuAmount::from_milli(1), ..most.clone() };
    expect_kind(ErrorKind::Conflict, "another request under a key in use", backend.admit(&other).await)?;
    let left = backend.admit(&rest).await;
    ensure!(left.is_ok(), "six tenths were granted twice under one key: the other four are not left ({left:?})");
    backend.release(&rest.key).await?;
    backend.release(&most.key).await?;
    expect_kind(ErrorKind::Conflict, "a key that was released", backend.admit(&most).await)
}

/// Unknown devices, grants and buffers are not found; nor is a released grant, but by `release`.
pub async fn dev_7(backend: &dyn DeviceBackend) -> Verdict {
    let known = device(backend).await?;
    let nowhere = name("no-such-device", DeviceId::new);
    expect_kind(ErrorKind::NotFound, "an unknown device sampled", backend.sample(&nowhere).await)?;
    let asked = DeviceRequest { device: nowhere, ..request(&known, Bytes::new(1), GpuAmount::ZERO) };
    expect_kind(ErrorKind::NotFound, "an unknown device asked for", backend.admit(&asked).await)?;
    let grant = Grant::of_little(backend).await?;
    not_found(backend, grant.key(), BufferId(u64::MAX), "an unknown buffer").await?;
    let buffer = backend.allocate(grant.key(), Bytes::new(16)).await?;
    backend.free(grant.key(), buffer).await?;
    not_found(backend, grant.key(), buffer, "a buffer that was freed").await?;
    let buffer = backend.allocate(grant.key(), Bytes::new(16)).await?;
    grant.release().await?;
    for (key, what) in [(grant.key().clone(), "a released grant"), (fresh_key("nobody"), "an unknown grant")] {
        let result = backend.allocate(&key, Bytes::new(16)).await;
        expect_kind(ErrorKind::NotFound, &format!("{what} allocated in"), result)?;
        not_found(backend, &key, buffer, what).await?;
    }
    Ok(())
}

async fn not_found(backend: &dyn DeviceBackend, grant: &IdempotencyKey, buffer: BufferId, what: &str) -> Verdict {
    expect_kind(ErrorKind::NotFound, &format!("{what} read"), backend.read(grant, buffer).await)?;
    expect_kind(ErrorKind::NotFound, &format!("{what} written"), backend.write(grant, buffer, b"x").await)?;
    expect_kind(ErrorKind::NotFound, &format!("{what} freed"), backend.free(grant, buffer).await)
}

/// A grant of a little memory.
struct Grant<'a> {
    backend: &'a dyn DeviceBackend,
    key: IdempotencyKey,
}

impl<'a> Grant<'a> {
    async fn of_little(backend: &'a dyn DeviceBackend) -> Result<Self, Fault> {
        let request = request(&device(backend).await?, Bytes::new(LITTLE), GpuAmount::ZERO);
        backend.admit(&request).await?;
        Ok(Self { backend, key: request.key })
    }

    const fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    async fn reads(&self, buffer: BufferId, expected: &[u8], what: &str) -> Verdict {
        let read = self.backend.read(&self.key, buffer).await?;
        let differ = read.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(read.len().min(expected.len()));
        let (length, have) = (expected.len(), read.len());
        ensure!(
            read == expected,
            "expected {what}, {length} bytes; read {have} bytes that differ from byte {differ} on"
        );
        Ok(())
    }

    async fn release(&self) -> Verdict {
        Ok(self.backend.release(&self.key).await?)
    }
}

async fn device(backend: &dyn DeviceBackend) -> Result<Device, Fault> {
    if !backend.probe().is_ready() {
        return skipped(format!("no device: {}", backend.probe()));
    }
    match backend.devices().await?.into_iter().next() {
        Some(device) => Ok(device),
        None => Err(Fault::Broken(format!("`probe` said `{}`, and there is none", backend.probe()))),
    }
}

fn request(device: &Device, memory: Bytes, share: GpuAmount) -> DeviceRequest {
    let (key, tenant) = (fresh_key("grant"), name("conformance", Tenant::new));
    DeviceRequest { key, tenant, device: device.id.clone(), memory, share }
}
