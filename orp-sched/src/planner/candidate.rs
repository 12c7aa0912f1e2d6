//! Candidates: a task on a machine (or without one), with what it is believed to cost and take.
//!
//! # The model
//!
//! `W` is the estimator's mean time with standard deviation `σ = (high − low) / 3.29` (the interval holds nine in ten),
//! `λ` the reclaims per second of all units together, `P` the time to get the machine, `X` the time to bring the inputs:
//! `max(Σ bytes / way, Σ bytes / card)`, and `p` the price of all units for a second. The machine is held, and paid, for
//! `H`; reclaims number `N = λ·H`; from start to end it takes `P + H + N·P`; and it costs `p·H` and what the ways cost.
//!
//! * **kept** (`λ = 0`): `H = X + W`, with variance `σ²`.
//! * **reclaimable, saving its state** every `τ = √(2·C/λ)` (Young 1974; at least a minute and one save `C`, at most `W`):
//!   a reclaim loses `L = τ/2 + R`, with `R` the time to restore, so `H = (X + W·(1 + C/τ)) / (1 − λ·L)`, with variance
//!   `(σ·(1 + C/τ)/(1 − λ·L))² + N·(L² + τ²/12)` (Poisson reclaims, each at a uniform point of its interval; for the
//!   duration, `L + P` in place of `L`). Refused when `λ·L` is above one half.
//! * **reclaimable, beginning anew**: `H = X + (e^(λW) − 1)/λ`, with variance `(e^(2λW) − 2λW·e^(λW) − 1)/λ² + (σ·e^(λW))²`.
//!   Refused when `λ·W` is above one: it would begin anew more often than not.
//!
//! What was brought into a region stays there, so a reclaim does not pay the way again.

use super::crowd::Grain;
use super::spread::Z95;
use super::supply::{NOWHERE, Region};
use orp_core::{contract::TimeEstimate, noun::CheckpointTimes};

/// An amount as the search compares it: mean, variance, and the worst that is planned for (zero when nobody asks).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Amount {
    pub(super) mean: f64,
    pub(super) variance: f64,
    pub(super) worst: f64,
}

impl Amount {
    /// An amount that is certain.
    pub(super) const fn certain(amount: f64) -> Self {
        Self { mean: amount, variance: 0.0, worst: amount }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { mean: self.mean + other.mean, variance: self.variance + other.variance, worst: self.worst + other.worst }
    }

    /// The later of two ends. The variance is the larger, so that what is smaller in all stays so.
    pub(super) fn later(self, other: Self) -> Self {
        Self {
            mean: self.mean.max(other.mean),
            variance: self.variance.max(other.variance),
            worst: self.worst.max(other.worst),
        }
    }

    /// The smaller of two in everything.
    pub(super) fn least(self, other: Self) -> Self {
        Self {
            mean: self.mean.min(other.mean),
            variance: self.variance.min(other.variance),
            worst: self.worst.min(other.worst),
        }
    }

    /// Whether it is no larger in anything.
    pub(super) fn within(&self, other: &Self) -> bool {
        self.mean <= other.mean && self.variance <= other.variance && self.worst <= other.worst
    }

    /// Its mean and 1.645 standard deviations: a smooth stand-in for the 95th percentile.
    pub(super) fn high(&self) -> f64 {
        self.mean + Z95 * self.variance.max(0.0).sqrt()
    }
}

/// What a task on a machine comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    pub(super) cost: Amount,
    pub(super) time: Amount,
    pub(super) reclaims: f64,
}

impl Outcome {
    /// Whether it is no larger in anything.
    pub(super) fn within(&self, other: &Self) -> bool {
        self.cost.within(&other.cost) && self.time.within(&other.time)
    }

    /// Whether it is no larger in anything, but for a small difference.
    pub(super) fn is_near(&self, other: &Self, grain: Grain) -> bool {
        Grain::is_close(&self.cost, &other.cost, grain.cost) && Grain::is_close(&self.time, &other.time, grain.time)
    }
}

/// Where a task that must not be late goes on when reclaimable capacity has let it down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fallback {
    /// The offer, by its entry.
    pub(super) entry: usize,
    pub(super) units: u32,
    /// From the reclaim to the end, with everything done anew, at worst.
    pub(super) time: f64,
    /// What that costs at worst.
    pub(super) cost: f64,
}

/// A task on so many units of an offer, or without a machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// The offer, by its entry.
    pub(super) entry: Option<usize>,
    pub(super) units: u32,
    pub(super) region: Region,
    /// Which belief of the task's it stands on.
    pub(super) belief: usize,
    /// Seconds between saves.
    pub(super) checkpoint: Option<f64>,
    /// Where it goes on in the worst case; only looked for when the deadline must not be missed.
    pub(super) fallback: Option<Fallback>,
    /// Whether it can be taken back.
    reclaimable: bool,
    provision: f64,
    per_second: f64,
    hazard: f64,
    /// Seconds its card needs for what it brings.
    card: f64,
    /// What it is held for each second of bringing inputs, and for the work.
    stretch: f64,
    held: f64,
    variance: f64,
    lost_squared: f64,
    waited_squared: f64,
    /// The worst of the work when nothing is reclaimed.
    high: f64,
}

/// What a candidate is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) entry: Option<usize>,
    pub(super) units: u32,
    pub(super) region: Region,
    pub(super) belief: usize,
    pub(super) estimate: &'a TimeEstimate,
    /// Seconds to load what was saved, before it goes on.
    pub(super) reload: f64,
    pub(super) checkpoint: Option<CheckpointTimes>,
    pub(super) provision: f64,
    /// Price of all units for a second.
    pub(super) per_second: f64,
    /// Whether it can be taken back.
    pub(super) reclaimable: bool,
    /// Reclaims of all units in a second.
    pub(super) hazard: f64,
    /// Seconds its card needs for what it brings.
    pub(super) card: f64,
}

impl Candidate {
    /// A candidate, or why the work would not get done.
    pub(super) fn new(terms: &Terms<'_>) -> Result<Self, String> {
        let seconds = |span: orp_core::unit::Span| span.as_secs_f64();
        let (work, reload) = (seconds(terms.estimate.mean), terms.reload);
        let deviation = (seconds(terms.estimate.high) - seconds(terms.estimate.low)).max(0.0) / (2.0 * Z95);
        let high = seconds(terms.estimate.high).max(work) + reload;
        let kept = Self {
            entry: terms.entry,
            units: terms.units,
            region: terms.region,
            belief: terms.belief,
            checkpoint: None,
            fallback: None,
            reclaimable: terms.reclaimable,
            provision: terms.provision,
            per_second: terms.per_second,
            hazard: terms.hazard,
            card: terms.card,
            stretch: 1.0,
            held: work + reload,
            variance: deviation * deviation,
            lost_squared: 0.0,
            waited_squared: 0.0,
            high,
        };
        match terms.checkpoint {
            _ if terms.hazard <= 0.0 => Ok(kept),
            Some(times) => kept.saving(work, reload, deviation, times),
            None => kept.beginning_anew(deviation),
        }
    }

    fn saving(self, work: f64, reload: f64, deviation: f64, times: CheckpointTimes) -> Result<Self, String> {
        let (save, restore) = (times.save.as_secs_f64(), times.restore.as_secs_f64());
        let interval = (2.0 * save / self.hazard).sqrt().max(60.0).max(save).min(work.max(1.0));
        let lost = interval / 2.0 + restore;
        let drag = self.hazard * lost;
        if drag > 0.5 {
            return Err("reclaimed faster than it gets on".into());
        }
        let (overhead, stretch) = (1.0 + save / interval, 1.0 / (1.0 - drag));
        let spread = interval * interval / 12.0;
        let waited = lost + self.provision;
        Ok(Self {
            checkpoint: Some(interval),
            stretch,
            held: (work * overhead + reload) * stretch,
            variance: (deviation * overhead * stretch).powi(2),
            lost_squared: lost * lost + spread,
            waited_squared: waited * waited + spread,
            ..self
        })
    }

    fn beginning_anew(self, deviation: f64) -> Result<Self, String> {
        let exponent = self.hazard * self.held;
        if exponent > 1.0 {
            return Err("would begin anew after reclaims more often than not".into());
        }
        let growth = exponent.exp();
        let spread = (growth * growth - 2.0 * exponent * growth - 1.0).max(0.0) / (self.hazard * self.hazard);
        Ok(Self {
            held: exponent.exp_m1() / self.hazard,
            variance: spread + (deviation * growth).powi(2),
            waited_squared: self.provision * self.provision,
            ..self
        })
    }

    /// What it comes to when its inputs need so many seconds on their ways.
    pub(super) fn outcome(&self, ways: f64) -> Outcome {
        self.bringing(ways.max(self.card))
    }

    /// What it comes to when there is nothing to bring: less than which it never does, and takes beside the ways.
    pub(super) fn bare(&self, strict: bool) -> Outcome {
        let bare = Self { card: 0.0, ..*self };
        bare.at(0.0, strict)
    }

    fn bringing(&self, seconds: f64) -> Outcome {
        let held = self.stretch * seconds + self.held;
        let reclaims = self.hazard * held;
        Outcome {
            cost: Amount {
                mean: self.per_second * held,
                variance: self.per_second * self.per_second * (self.variance + reclaims * self.lost_squared),
                worst: 0.0,
            },
            time: Amount {
                mean: self.provision * (1.0 + reclaims) + held,
                variance: self.variance + reclaims * self.waited_squared,
                worst: 0.0,
            },
            reclaims,
        }
    }

    /// The same with the worst that must be planned for: at the end of the estimator's interval when it is kept; else
    /// everything done anew on the fallback after one interval without progress, and the money of both spent.
    pub(super) fn outcome_at_worst(&self, ways: f64) -> Outcome {
        let seconds = ways.max(self.card);
        let mut outcome = self.bringing(seconds);
        let begun = self.provision + seconds;
        (outcome.time.worst, outcome.cost.worst) = match &self.fallback {
            None if !self.reclaimable => (begun + self.high, self.per_second * (seconds + self.high)),
            None => (f64::INFINITY, f64::INFINITY),
            Some(fallback) => {
                let interval = self.checkpoint.unwrap_or(60.0);
                (begun + interval + fallback.time, outcome.cost.high() + fallback.cost)
            }
        };
        outcome
    }

    /// This candidate as the fallback of another: moving there takes `seconds` and costs `way`.
    pub(super) fn as_fallback(&self, restore: f64, seconds: f64, way: f64) -> Option<Fallback> {
        let held = seconds.max(self.card) + restore + self.high;
        Some(Fallback {
            entry: self.entry.filter(|_| !self.reclaimable)?,
            units: self.units,
            time: self.provision + held,
            cost: self.per_second * held + way,
        })
    }

    /// Seconds its card needs for what it brings.
    pub(super) const fn card(&self) -> f64 {
        self.card
    }

    /// The outcome, with the worst when `strict`.
    pub(super) fn at(&self, ways: f64, strict: bool) -> Outcome {
        if strict { self.outcome_at_worst(ways) } else { self.outcome(ways) }
    }

    /// Whether it stands on a machine that is kept, or on none.
    pub(super) const fn is_kept(&self) -> bool {
        !self.reclaimable
    }

    /// The share of the work that saving costs.
    pub(super) fn saving_share(&self, times: CheckpointTimes) -> f64 {
        self.checkpoint.map_or(0.0, |interval| times.save.as_secs_f64() / interval)
    }

    /// The same, with somewhere to go on in the worst case.
    pub(super) fn with_fallback(self, fallback: Fallback) -> Self {
        Self { fallback: Some(fallback), ..self }
    }

    /// A task that needs no machine and leaves nothing to move.
    pub(super) fn without_machine(estimate: &TimeEstimate, reload: f64) -> Result<Self, String> {
        Self::new(&Terms {
            entry: None,
            units: 0,
            region: NOWHERE,
            belief: 0,
            estimate,
            reload,
            checkpoint: None,
            provision: 0.0,
            per_second: 0.0,
            reclaimable: false,
            hazard: 0.0,
            card: 0.0,
        })
    }
}
