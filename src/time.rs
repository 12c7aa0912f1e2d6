//! Clocks that also wait: the wall's, and one that runs faster.
//!
//! The pure crates are told the time; only this module asks the machine for it.

use async_trait::async_trait;
use orp_core::{
    contract::{Clock, IdSource},
    unit::{Span, Timestamp},
};
use std::{
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;
use uuid::Uuid;

/// A clock one can wait on.
#[async_trait]
pub trait Timer: Clock {
    /// Returns when the clock shows `at` or later. Cancel safe.
    async fn sleep_until(&self, at: Timestamp);
}

/// The time of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        wall_now()
    }
}

#[async_trait]
impl Timer for WallClock {
    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left == Span::ZERO {
                return;
            }
            // In slices, so that a machine that slept, or whose clock was set, is noticed.
            tokio::time::sleep(left.as_std().min(Duration::from_secs(60))).await;
        }
    }
}

/// A clock that runs at a rate against the machine's: at rate 3600 an hour passes in a second.
///
/// The rate can be changed at any time; the time shown never goes back, and jumps only where [`ScaledClock::advance_to`]
/// says so. While any [`SlowDown`] is held the clock runs at the slowest of their rates: a reclaim notice of two minutes
/// then lasts a second that real processes can use.
#[derive(Debug, Clone)]
pub struct ScaledClock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    /// What the clock showed at `since`.
    shown: Timestamp,
    since: Instant,
    rate: f64,
    slow_downs: Vec<Slow>,
    next_slow_down: u64,
}

/// No faster than `rate` while the time shown is in `from..until`.
#[derive(Debug)]
struct Slow {
    id: u64,
    from: Timestamp,
    until: Timestamp,
    rate: f64,
}

impl State {
    fn rate_at(&self, shown: Timestamp) -> f64 {
        let slow = self.slow_downs.iter().filter(|slow| slow.from <= shown && shown < slow.until);
        slow.map(|slow| slow.rate).fold(self.rate, f64::min)
    }

    /// The next time at which the rate may change of itself.
    fn next_border(&self, shown: Timestamp) -> Option<Timestamp> {
        self.slow_downs.iter().flat_map(|slow| [slow.from, slow.until]).filter(|border| *border > shown).min()
    }

    fn now(&self, instant: Instant) -> Timestamp {
        let mut real = instant.saturating_duration_since(self.since).as_secs_f64();
        let mut shown = self.shown;
        // Ends: every turn comes to a later border, and there are finitely many.
        while let Some(border) = self.next_border(shown) {
            let needed = border.since(shown).as_secs_f64() / self.rate_at(shown);
            if real < needed {
                break;
            }
            real -= needed;
            shown = border;
        }
        shown.after(Span::from_secs_f64(real * self.rate_at(shown)))
    }

    /// Makes `instant` the new base, so that a change of rate counts from here.
    fn rebase(&mut self, instant: Instant) {
        self.shown = self.now(instant);
        self.since = instant;
    }
}

/// Keeps a [`ScaledClock`] slow while it lives.
#[derive(Debug)]
pub struct SlowDown {
    clock: ScaledClock,
    id: u64,
}

impl Drop for SlowDown {
    fn drop(&mut self) {
        let id = self.id;
        self.clock.change(|state| state.slow_downs.retain(|slow| slow.id != id));
    }
}

impl ScaledClock {
    /// A clock that shows `start` now and runs at `rate`; rates that are not above zero count as 1.
    pub fn new(start: Timestamp, rate: f64) -> Self {
        let state = State {
            shown: start,
            since: instant_now(),
            rate: positive(rate),
            slow_downs: Vec::new(),
            next_slow_down: 0,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: watch::Sender::new(()) }) }
    }

    /// The rate it runs at now.
    pub fn rate(&self) -> f64 {
        let state = self.state();
        state.rate_at(state.now(instant_now()))
    }

    /// Changes the rate.
    pub fn set_rate(&self, rate: f64) {
        self.change(|state| state.rate = positive(rate));
    }

    /// Moves on to `at` at once, when it shows less: for a host that comes back and goes on from where it stood.
    pub fn advance_to(&self, at: Timestamp) {
        self.change(|state| state.shown = state.shown.max(at));
    }

    /// Runs no faster than `rate` until what is returned is dropped.
    #[must_use = "the clock is slow only while this is held"]
    pub fn slow_down(&self, rate: f64) -> SlowDown {
        self.slow_between(Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX), rate)
    }

    /// Runs no faster than `rate` while it shows a time in `from..until`, unless what is returned is dropped before.
    ///
    /// Said beforehand it holds exactly: however late the host wakes, the clock has not run past `from` at full rate.
    #[must_use = "the clock is slow only while this is held"]
    pub fn slow_between(&self, from: Timestamp, until: Timestamp, rate: f64) -> SlowDown {
        let mut id = 0;
        self.change(|state| {
            id = state.next_slow_down;
            state.next_slow_down += 1;
            state.slow_downs.push(Slow { id, from, until, rate: positive(rate) });
        });
        SlowDown { clock: self.clone(), id }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        {
            let mut state = self.state();
            state.rebase(instant_now());
            change(&mut state);
        }
        self.shared.changed.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn positive(rate: f64) -> f64 {
    if rate.is_finite() && rate > 0.0 { rate } else { 1.0 }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        self.state().now(instant_now())
    }
}

#[async_trait]
impl Timer for ScaledClock {
    async fn sleep_until(&self, at: Timestamp) {
        let mut changed = self.shared.changed.subscribe();
        loop {
            let (left, rate) = {
                let state = self.state();
                let now = state.now(instant_now());
                // To the next change of rate at most: what comes after it takes another time.
                let until = state.next_border(now).map_or(at, |border| border.min(at));
                (if now >= at { Span::ZERO } else { until.since(now) }, state.rate_at(now))
            };
            if left == Span::ZERO {
                return;
            }
            // Rounded up to the timer's own step, a millisecond; in slices against overflow.
            let real = Duration::from_secs_f64((left.as_secs_f64() / rate).clamp(0.001, 3600.0));
            tokio::select! {
                () = tokio::time::sleep(real) => {}
                _ = changed.changed() => {}
            }
        }
    }
}

/// Identifiers that are unique over all hosts: version-7 UUIDs, from the machine's time and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where identifiers come from the machine")]
    fn next_uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The machine's time: for what the machine itself does (when a process started).
#[allow(clippy::disallowed_methods, reason = "this is the one place where the time comes from the machine")]
pub(crate) fn wall_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.after(Span::from(since_epoch))
}

#[allow(clippy::disallowed_methods, reason = "this is the one place where the time comes from the machine")]
pub(crate) fn instant_now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scaled_clock_runs_fast_and_slows_down() {
        let start = Timestamp::from_micros(1_000_000);
        let clock = ScaledClock::new(start, 36_000.0);
        clock.sleep_until(start.after(Span::HOUR)).await;
        assert!(clock.now() >= start.after(Span::HOUR));
        let slow = clock.slow_down(1.0);
        assert!((clock.rate() - 1.0).abs() < 1e-9);
        let before = clock.now();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(clock.now().since(before) < Span::MINUTE);
        drop(slow);
        assert!((clock.rate() - 36_000.0).abs() < 1e-9);
    }

    #[tokio::test]
    async fn a_slow_down_said_beforehand_holds_however_late_the_host_wakes() {
        let clock = ScaledClock::new(Timestamp::EPOCH, 36_000.0);
        let hour = Timestamp::EPOCH.after(Span::HOUR);
        let slow = clock.slow_between(hour, hour.after(Span::MINUTE), 60.0);
        // The machine is busy: at full rate three hours would have passed.
        std::thread::sleep(Duration::from_millis(300));
        let shown = clock.now();
        assert!(shown >= hour && shown < hour.after(Span::MINUTE), "{shown}");
        assert!((clock.rate() - 60.0).abs() < 1e-9);
        let before = instant_now();
        clock.sleep_until(hour.after(Span::HOUR)).await;
        assert!(before.elapsed() < Duration::from_secs(5), "sleepers see that the slow stretch ends");
        drop(slow);
    }

    #[test]
    fn a_clock_moves_on_but_never_back() {
        let clock = ScaledClock::new(Timestamp::EPOCH, 1.0);
        clock.advance_to(Timestamp::EPOCH.after(Span::HOUR));
        clock.advance_to(Timestamp::EPOCH);
        assert!(clock.now() >= Timestamp::EPOCH.after(Span::HOUR));
    }

    #[tokio::test]
    async fn sleepers_notice_a_change_of_rate() {
        let clock = ScaledClock::new(Timestamp::EPOCH, 1.0);
        let sleeper = clock.clone();
        let asleep = tokio::spawn(async move { sleeper.sleep_until(Timestamp::EPOCH.after(Span::HOUR)).await });
        tokio::task::yield_now().await;
        clock.set_rate(3_600_000.0);
        tokio::time::timeout(Duration::from_secs(10), asleep).await.unwrap().unwrap();
    }
}
