//! What the suites share: checks that say what they saw, chance from a seed, unknown names, patience with a bound.

use crate::{Fault, Verdict};
use futures_util::future::{Either, select};
use orp_core::contract::IdSource;
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdError, IdempotencyKey};
use orp_core::memory::SeededIds;
use std::{
    fmt::Debug,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
};

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// How often a harness is asked to pause before a law gives up waiting.
pub(crate) const PATIENCE: usize = 500;

/// The law is broken, so, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::Fault::Broken(format!($($what)+)));
        }
    };
}
pub(crate) use ensure;

pub(crate) fn skipped<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Skipped(reason.into()))
}

/// The law is broken unless `result` is an error of this kind.
pub(crate) fn expect_kind<T: Debug>(kind: ErrorKind, what: &str, result: Result<T, ProviderError>) -> Verdict {
    match result {
        Err(error) if error.kind == kind => Ok(()),
        Err(error) => Err(Fault::Broken(format!("{what}: expected an error of kind {kind:?}, got {error:?}"))),
        Ok(value) => Err(Fault::Broken(format!("{what}: expected an error of kind {kind:?}, got {value:?}"))),
    }
}

/// Chance from a seed: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is above zero.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of these; none of none.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below((from.len() as u64).max(1));
        from.get(at as usize)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// A name written in this crate: it is one by inspection.
#[allow(clippy::expect_used, reason = "INVARIANT: only called with texts that are names, each covered by a test")]
pub(crate) fn name<T>(text: impl Into<String>, new: impl Fn(String) -> Result<T, IdError>) -> T {
    new(text.into()).expect("a text that is a name")
}

/// `value` with a change: for structs that may get more fields.
pub(crate) fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
}

/// A key that no other law of this process uses.
pub(crate) fn fresh_key(purpose: &str) -> IdempotencyKey {
    IdempotencyKey::new(format!("conformance/{}/{purpose}", serial()))
}

/// A number that no other call in this process returns.
pub(crate) fn serial() -> u64 {
    SERIAL.fetch_add(1, Ordering::Relaxed)
}

/// An identifier that no provider has given out.
pub(crate) fn unknown<T>(next: impl Fn(&dyn IdSource) -> T) -> T {
    next(&SeededIds::new(0x756e_6b6e_6f77_6e00))
}

/// What `future` comes to, if that is before patience ends. `pause` lets a moment pass.
pub(crate) async fn in_time<T, P: Future<Output = ()>>(
    future: impl Future<Output = T>,
    pause: impl Fn() -> P,
) -> Option<T> {
    let patience = async {
        for _ in 0..PATIENCE {
            pause().await;
        }
    };
    match select(pin!(future), pin!(patience)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}
