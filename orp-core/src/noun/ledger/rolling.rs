//! What was spent in the last so many hours or days, in a fixed number of buckets.
//!
//! The window is cut into [`BUCKETS`] of equal width and one more bucket is kept, so that a bucket is forgotten only when
//! its youngest charge is older than the window: a charge counts at least as long as the window says, and at most one width
//! longer. Keeping every charge was rejected: it has no bound; a decaying average was rejected: it forgets too early.

use crate::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::num::NonZeroI64;

/// Into how many parts a window is cut.
pub(super) const BUCKETS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rolling {
    width: NonZeroI64,
    /// The number of the newest bucket, counted from the epoch.
    newest: i64,
    /// Bucket `n` stands at `n mod (BUCKETS + 1)`.
    ring: Box<[i64; BUCKETS + 1]>,
}

/// The buckets as they are stored: number and what was spent in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Buckets {
    newest: i64,
    spent: Vec<(i64, i64)>,
}

impl Rolling {
    /// An empty window; `None` when it is not from 64 microseconds to 290,000 years long.
    pub(super) fn new(last: Span, now: Timestamp) -> Option<Self> {
        let micros = i64::try_from(last.as_micros()).ok().filter(|micros| *micros >= BUCKETS as i64)?;
        let width = NonZeroI64::new(micros.div_euclid(BUCKETS as i64) + i64::from(micros % BUCKETS as i64 != 0))?;
        let newest = now.as_micros().div_euclid(width.get());
        Some(Self { width, newest, ring: Box::new([0; BUCKETS + 1]) })
    }

    fn at(&mut self, bucket: i64) -> &mut i64 {
        // INVARIANT: a remainder by the ring's length is an index of the ring.
        #[allow(clippy::indexing_slicing, reason = "the remainder is below the ring's length")]
        &mut self.ring[bucket.rem_euclid(BUCKETS as i64 + 1) as usize]
    }

    /// Forgets what is older than the window at `now`; how much that was. Time that runs backwards forgets nothing.
    pub(super) fn forget(&mut self, now: Timestamp) -> i64 {
        let bucket = now.as_micros().div_euclid(self.width.get());
        let steps = bucket.saturating_sub(self.newest).clamp(0, BUCKETS as i64 + 1);
        let mut forgotten = 0;
        for step in 0..steps {
            forgotten += std::mem::take(self.at(bucket - step));
        }
        self.newest = self.newest.max(bucket);
        forgotten
    }

    /// Adds what is spent now, in the newest bucket.
    pub(super) fn add(&mut self, parts: i64) {
        *self.at(self.newest) += parts;
    }

    pub(super) fn stored(&self) -> Buckets {
        let mut copy = self.clone();
        let numbers = (0..=BUCKETS as i64).map(|age| self.newest.saturating_sub(age));
        let spent = numbers.map(|number| (number, *copy.at(number))).filter(|(_, parts)| *parts != 0).collect();
        Buckets { newest: self.newest, spent }
    }

    /// Takes stored buckets in; their sum, or `None` when they are not this window's.
    pub(super) fn restore(&mut self, stored: &Buckets) -> Option<i64> {
        self.newest = stored.newest;
        let mut total = 0_i64;
        for &(number, parts) in &stored.spent {
            let age = stored.newest.checked_sub(number)?;
            if !(0..=BUCKETS as i64).contains(&age) || parts <= 0 || *self.at(number) != 0 {
                return None;
            }
            *self.at(number) = parts;
            total = total.checked_add(parts)?;
        }
        Some(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_too_short_or_long_are_none() {
        for (micros, good) in [(0, false), (63, false), (64, true), (i64::MAX as u64, true), (u64::MAX, false)] {
            assert_eq!(Rolling::new(Span::from_micros(micros), Timestamp::EPOCH).is_some(), good, "{micros}");
        }
    }

    #[test]
    fn buckets_of_another_window_are_not_taken_in() {
        let restore = |spent: &[(i64, i64)]| {
            let mut rolling = Rolling::new(Span::HOUR, Timestamp::EPOCH)?;
            rolling.restore(&Buckets { newest: 100, spent: spent.to_vec() })
        };
        assert_eq!(restore(&[(100, 5), (36, 2)]), Some(7));
        for wrong in [&[(101, 5)][..], &[(35, 5)], &[(100, 0)], &[(100, -1)], &[(99, 5), (99, 5)], &[(i64::MIN, 1)]] {
            assert_eq!(restore(wrong), None, "{wrong:?}");
        }
        assert_eq!(restore(&[(100, i64::MAX), (99, 1)]), None, "it does not fit");
    }

    proptest! {
        /// Against the list of all charges: nothing is forgotten before it is `last` old, and everything is a bucket after.
        #[test]
        fn forgets_never_early_and_soon(last in 64u64..2000, steps in prop::collection::vec((0i64..700, 0i64..100), 1..80)) {
            let mut rolling = Rolling::new(Span::from_micros(last), Timestamp::EPOCH).unwrap();
            let (mut now, mut spent, mut all) = (0, 0, Vec::new());
            for (step, parts) in steps {
                now += step;
                spent -= rolling.forget(Timestamp::from_micros(now));
                rolling.add(parts);
                spent += parts;
                all.push((now, parts));
                let since = |age: i64| all.iter().filter(|(at, _)| now - at < age).map(|(_, parts)| parts).sum::<i64>();
                let (last, width) = (last as i64, rolling.width.get());
                prop_assert!(since(last) <= spent, "forgot too early");
                prop_assert!(spent <= since(width * (BUCKETS as i64 + 1)), "remembers too long");
                let mut again = Rolling::new(Span::from_micros(last as u64), Timestamp::EPOCH).unwrap();
                prop_assert_eq!(again.restore(&rolling.stored()), Some(spent));
                prop_assert_eq!(&again, &rolling);
            }
        }
    }
}
