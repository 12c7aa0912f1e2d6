//! The probe, against fake drivers of every kind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by them")]

mod fake;

use fake::Fake;
use orp_core::contract::Availability;
use orp_cuda::{Discovery, Probe};
use std::time::Duration;

fn discover(definitions: &[&str]) -> Option<Discovery> {
    Fake::build("libcuda.so.1", definitions).map(|fake| Probe::with_library(fake.library()).discover())
}

#[test]
fn two_devices_are_ready() {
    let Some(found) = discover(&[]) else { return };
    assert_eq!(found.availability, Availability::Ready { devices: 2, driver: "13.0".into() });
    let told: Vec<_> = found.devices.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "GPU-00000000-0000-0000-0000-000000000001 NVIDIA H100 80GB HBM3 (h100-80gb, 85.9 GB)",
            "GPU-00000000-0000-0000-0000-000000000002 NVIDIA H100 80GB HBM3 (h100-80gb, 85.9 GB)",
        ]
    );
    assert!(found.devices.iter().all(|device| !device.software));
}

#[test]
fn a_driver_without_the_symbols_is_too_old() {
    let Some(found) = discover(&["NO_SYMBOLS"]) else { return };
    let Availability::DriverTooOld { missing } = &found.availability else { panic!("{found:?}") };
    assert_eq!(missing, "cuCtxGetCurrent, cuCtxSetCurrent, cuCtxSynchronize and 27 more");
    assert_eq!(found.devices, []);
}

#[test]
fn what_the_driver_says_at_first_is_told() {
    let failed = |detail: &str| Availability::Failed { detail: detail.into() };
    for (code, expected) in [
        (100, Availability::NoDevice),
        (999, failed("cuInit returned CUDA_ERROR_UNKNOWN (999)")),
        (12345, failed("cuInit returned an unknown error (12345)")),
    ] {
        let Some(found) = discover(&[&format!("INIT_RESULT={code}")]) else { return };
        assert_eq!((found.availability, found.devices), (expected, vec![]));
    }
    let Some(stub) = discover(&["INIT_RESULT=34"]) else { return };
    assert!(matches!(stub.availability, Availability::NoDriver { .. }), "{stub:?}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "what is tested is how long it takes")]
fn a_hanging_driver_costs_a_second_and_one_thread() {
    let Some(fake) = Fake::build("libcuda.so.1", &["HANG"]) else { return };
    let before = std::time::Instant::now();
    let found = Probe::with_library(fake.library()).discover();
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    let Availability::Failed { detail } = found.availability else { panic!("{found:?}") };
    assert!(detail.ends_with("did not answer within 800ms"), "{detail}");

    let impatient = Probe::with_library(fake.library()).with_patience(Duration::from_millis(1));
    let threads = probing_threads();
    for _ in 0..50 {
        assert!(matches!(impatient.discover().availability, Availability::Failed { .. }));
    }
    assert!(probing_threads() <= threads, "a hanging driver is asked once");
}

/// How many threads of this process hang in the probe of any test; only Linux tells.
fn probing_threads() -> usize {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("orp-cuda-probe")).count()
}

#[test]
fn without_a_library_there_is_no_driver() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("libcuda.so.1");
    let text = folder.path().join("text");
    std::fs::write(&text, "not a library").unwrap();
    for path in [absent, text] {
        let found = Probe::with_library(&path).discover();
        let Availability::NoDriver { detail } = &found.availability else { panic!("{found:?}") };
        assert!(detail.contains(&*path.to_string_lossy()), "{detail}");
    }
}

#[test]
fn many_threads_may_look_at_once() {
    let Some(fake) = Fake::build("libcuda.so.1", &[]) else { return };
    let probe = Probe::with_library(fake.library());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert!(probe.discover().availability.is_ready()));
        }
    });
}

#[test]
fn the_system_is_asked_without_harm() {
    let found = Probe::default().discover();
    assert_eq!(found.availability.is_ready(), !found.devices.is_empty(), "{found:?}");
}
