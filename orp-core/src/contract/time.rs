//! Time and identifiers, from outside.

use crate::unit::Timestamp;
use std::fmt::Debug;
use uuid::Uuid;

/// What time it is. The pure crates never ask: they are told. Only the control plane and providers hold a clock.
///
/// **CLOCK-1** a later call never returns an earlier time.
///
/// ```
/// use orp_core::{contract::Clock, memory::ManualClock, unit::Span};
///
/// let clock = ManualClock::default();
/// let before = clock.now();
/// clock.advance(Span::HOUR);
/// assert_eq!(clock.now().since(before), Span::HOUR);
/// ```
pub trait Clock: Send + Sync + Debug {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Where new identifiers come from.
///
/// **ID-1** no two calls return the same.
///
/// ```
/// use orp_core::{contract::IdSource, id::RunId, memory::SeededIds};
///
/// let (first, again) = (SeededIds::new(7), SeededIds::new(7));
/// assert_eq!(RunId::next(&first), RunId::next(&again));
/// assert_ne!(RunId::next(&first), RunId::next(&first));
/// ```
pub trait IdSource: Send + Sync + Debug {
    /// The next identifier.
    fn next_uuid(&self) -> Uuid;
}
