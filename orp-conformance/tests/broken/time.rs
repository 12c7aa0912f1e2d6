//! Clocks that run back, and sources that repeat themselves.

use crate::{Fake, catches};
use orp_conformance::{clock_suite, ids_suite};
use orp_core::contract::{Clock, IdSource};
use orp_core::memory::SeededIds;
use orp_core::unit::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

pub(crate) const FAKES: &[Fake] = &[("CLOCK-1", "runs back"), ("ID-1", "repeats itself")];

#[derive(Debug, Default)]
struct Bent(AtomicI64);

impl Clock for Bent {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::SeqCst) % 1_000)
    }
}

impl IdSource for Bent {
    fn next_uuid(&self) -> uuid::Uuid {
        let ids = SeededIds::new((self.0.fetch_add(1, Ordering::SeqCst) % 1_000).unsigned_abs());
        ids.next_uuid()
    }
}

#[test]
fn clocks_and_ids() {
    catches(FAKES[0], &clock_suite(&Bent::default()));
    catches(FAKES[1], &ids_suite(&Bent::default()));
}
