//! A clock that is moved by hand, and identifiers from a seed.

use crate::contract::{Clock, IdSource};
use crate::unit::{Span, Timestamp};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use uuid::{Builder, Uuid};

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_micros()))
    }

    /// Moves it on.
    pub fn advance(&self, span: Span) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        // `fetch_update` rather than an addition, so that it stops at the end of time instead of wrapping.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(micros)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Identifiers from a seed: the same seed gives the same ones again. Version-7 UUIDs whose time is a counter.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    next: AtomicU64,
}

impl SeededIds {
    /// From this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(1) }
    }
}

impl IdSource for SeededIds {
    fn next_uuid(&self) -> Uuid {
        let count = self.next.fetch_add(1, Ordering::SeqCst);
        let (a, b) = (split_mix(self.seed ^ count), split_mix(self.seed.wrapping_add(count).rotate_left(32)));
        let mut random = [0; 10];
        random[..8].copy_from_slice(&a.to_be_bytes());
        random[8..].copy_from_slice(&b.to_be_bytes()[..2]);
        Builder::from_unix_timestamp_millis(count, &random).into_uuid()
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
const fn split_mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
