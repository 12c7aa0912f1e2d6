//! The laws of clocks and sources of identifiers.

use crate::bench::ensure;
use crate::{Report, Verdict};
use orp_core::contract::{Clock, IdSource};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicI64, Ordering},
    thread,
};

const THREADS: usize = 4;
const CALLS: usize = 5_000;

/// Tries every law of [`Clock`].
pub fn clock_suite(clock: &dyn Clock) -> Report {
    let mut report = Report::default();
    report.law_now("CLOCK-1", || clock_1(clock));
    report
}

/// Tries every law of [`IdSource`].
pub fn ids_suite(ids: &dyn IdSource) -> Report {
    let mut report = Report::default();
    report.law_now("ID-1", || id_1(ids));
    report
}

/// A later call never returns an earlier time, in whichever thread it is made.
pub fn clock_1(clock: &dyn Clock) -> Verdict {
    let latest = AtomicI64::new(i64::MIN);
    let watch = || {
        for _ in 0..CALLS {
            // What was seen before this call began, by anyone: the call must not go behind it.
            let before = latest.load(Ordering::SeqCst);
            let now = clock.now().as_micros();
            ensure!(now >= before, "it showed {before} µs, and later {now} µs");
            latest.fetch_max(now, Ordering::SeqCst);
        }
        Ok(())
    };
    in_threads(watch).into_iter().collect()
}

/// No two calls return the same, in whichever threads they are made.
pub fn id_1(ids: &dyn IdSource) -> Verdict {
    let drawn = in_threads(|| (0..CALLS).map(|_| ids.next_uuid()).collect::<Vec<_>>());
    let mut seen = BTreeSet::new();
    for id in drawn.into_iter().flatten() {
        ensure!(seen.insert(id), "`{id}` came twice in {} calls", THREADS * CALLS);
    }
    Ok(())
}

fn in_threads<T: Send>(task: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let handles: Vec<_> = (0..THREADS).map(|_| scope.spawn(&task)).collect();
        let joined = handles.into_iter().map(|handle| handle.join());
        joined.map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}
