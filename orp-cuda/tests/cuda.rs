//! `CudaBackend` over fake drivers: real `cudarc`, and a library that stands in for the driver.
//!
//! `cudarc` looks for the driver by name, so each test runs itself again in a process whose library path begins with a
//! fake one. No device is needed, and none is measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by them")]
#![cfg(target_os = "linux")]

mod fake;
mod laws;

use fake::Fake;
use laws::{hold_under_threads, request, wait};
use orp_core::{memory::ManualClock, prelude::*};
use orp_cuda::{CudaBackend, local_accelerators};
use std::process::Command;
use std::sync::Arc;

const INSIDE: &str = "ORP_CUDA_TEST_INSIDE";

/// Runs `test`, which is named so, where the driver is a fake one.
fn with_driver(name: &str, definitions: &[&str], test: impl FnOnce(CudaBackend)) {
    if std::env::var_os(INSIDE).is_some() {
        return test(CudaBackend::new(Arc::new(ManualClock::default())));
    }
    let Some(fake) = Fake::build("libcuda.so", definitions) else { return };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(INSIDE, "1").env("LD_LIBRARY_PATH", fake.folder());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

#[test]
fn the_laws_hold() {
    with_driver("the_laws_hold", &[], |backend| {
        assert_eq!(backend.probe(), Availability::Ready { devices: 2, driver: "13.0".into() });
        wait(laws::all(&backend));
    });
}

#[test]
fn the_laws_hold_under_threads() {
    with_driver("the_laws_hold_under_threads", &[], |backend| hold_under_threads(&backend, 8, 100));
}

#[test]
fn both_devices_carry_content() {
    with_driver("both_devices_carry_content", &[], |backend| {
        let content: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
        // One of the devices has memory pools and the other has not.
        for device in wait(backend.devices()).unwrap() {
            let used = || wait(backend.sample(&device.id)).unwrap().memory_used;
            let request = request(device.id.as_str(), &device, 2 << 20, 0);
            wait(backend.admit(&request)).unwrap();
            assert_eq!(used(), None, "no context yet");
            let buffer = wait(backend.allocate(&request.key, Bytes::new(1 << 20))).unwrap();
            assert_eq!(used(), Some(Bytes::new(1 << 20)));
            wait(backend.write(&request.key, buffer, &content)).unwrap();
            assert!(wait(backend.read(&request.key, buffer)).unwrap() == content);
            wait(backend.release(&request.key)).unwrap();
            assert_eq!(used(), Some(Bytes::ZERO), "the driver has it back");
        }
    });
}

#[test]
fn the_driver_may_refuse_within_the_quota() {
    with_driver("the_driver_may_refuse_within_the_quota", &["CONSTRAINED"], |backend| {
        let device = wait(backend.devices()).unwrap().remove(0);
        let request = request("a", &device, 4 << 20, 0);
        wait(backend.admit(&request)).unwrap();
        // What was refused is not counted: three times this is more than the quota.
        for _ in 0..3 {
            let error = wait(backend.allocate(&request.key, Bytes::new(2 << 20))).unwrap_err();
            assert_eq!((error.kind, error.retry), (ErrorKind::Exhausted, Retry::Elsewhere));
            let said = "the driver said CUDA_ERROR_OUT_OF_MEMORY: out of memory";
            assert_eq!(error.to_string(), format!("allocate failed: {said} (device {})", device.id));
        }
        for _ in 0..8 {
            let buffer = wait(backend.allocate(&request.key, Bytes::new(1 << 20))).unwrap();
            wait(backend.free(&request.key, buffer)).unwrap();
        }
    });
}

#[test]
fn a_lost_device_can_be_given_back() {
    with_driver("a_lost_device_can_be_given_back", &["BREAKS"], |backend| {
        let device = wait(backend.devices()).unwrap().remove(0);
        let whole = request("a", &device, device.memory.get(), 1000);
        wait(backend.admit(&whole)).unwrap();
        let buffer = wait(backend.allocate(&whole.key, Bytes::new(8))).unwrap();
        let error = wait(backend.write(&whole.key, buffer, b"content")).unwrap_err();
        assert_eq!((error.kind, error.retry), (ErrorKind::Lost, Retry::Elsewhere), "{error}");
        assert_eq!(wait(backend.read(&whole.key, buffer)).unwrap_err().kind, ErrorKind::Lost);
        for _ in 0..2 {
            wait(backend.release(&whole.key)).unwrap();
        }
        wait(backend.admit(&request("b", &device, device.memory.get(), 1000))).unwrap();
    });
}

#[test]
fn devices_are_named_in_offers() {
    with_driver("devices_are_named_in_offers", &[], |backend| {
        let kinds = wait(local_accelerators(&backend));
        assert_eq!(kinds, [(Accelerator { model: "h100-80gb".into(), memory: Bytes::new(80 << 30) }, 2)]);
    });
}

#[test]
fn a_driver_that_is_too_old_is_an_answer() {
    with_driver("a_driver_that_is_too_old_is_an_answer", &["NO_SYMBOLS"], |backend| {
        assert!(matches!(backend.probe(), Availability::DriverTooOld { .. }));
        let error = wait(backend.devices()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.starts_with("the driver is too old: it lacks cuCtxGetCurrent"), "{error}");
        assert_eq!(wait(local_accelerators(&backend)), []);
    });
}

#[test]
fn without_a_device_there_is_an_answer() {
    with_driver("without_a_device_there_is_an_answer", &["INIT_RESULT=100"], |backend| {
        let error = wait(backend.devices()).unwrap_err();
        assert_eq!(error.to_string(), "devices failed: the driver found no device");
    });
}

#[test]
fn a_dropped_call_harms_nobody() {
    with_driver("a_dropped_call_harms_nobody", &[], |backend| {
        let device = wait(backend.devices()).unwrap().remove(0);
        let request = request("a", &device, 800, 0);
        wait(backend.admit(&request)).unwrap();
        for _ in 0..200 {
            let dropped = async {
                tokio::select! {
                    biased;
                    _ = backend.allocate(&request.key, Bytes::new(8)) => {}
                    () = tokio::task::yield_now() => {}
                }
            };
            wait(dropped);
        }
        wait(backend.release(&request.key)).unwrap();
        assert_eq!(wait(backend.sample(&device.id)).unwrap().memory_used, Some(Bytes::ZERO));
    });
}
