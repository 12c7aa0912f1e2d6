//! Probabilities.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A probability in `0..=1`: risk, confidence, a share. Never NaN, so it has a total order.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

impl Probability {
    /// Impossible.
    pub const ZERO: Self = Self(0.0);
    /// Certain.
    pub const ONE: Self = Self(1.0);

    /// A probability, if `value` lies in `0..=1`.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The nearest probability: what an estimate that strays by rounding is clamped to; NaN becomes certain.
    pub fn clamped(value: f64) -> Self {
        Self(if value.is_nan() { 1.0 } else { value.clamp(0.0, 1.0) })
    }

    /// As a float in `0..=1`.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The probability that it does not happen.
    pub fn complement(self) -> Self {
        Self(1.0 - self.0)
    }
}

impl From<Probability> for f64 {
    fn from(p: Probability) -> f64 {
        p.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = String;
    fn try_from(value: f64) -> Result<Self, String> {
        Self::new(value).ok_or_else(|| format!("`{value}` is not a probability: expected a number from 0 to 1"))
    }
}

impl Eq for Probability {}

#[allow(clippy::derive_ord_xor_partial_ord, reason = "never NaN, so both orders agree")]
impl Ord for Probability {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Probability {
    /// As a percentage: `2.5 %`; a positive one never prints as zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        let text = match percent {
            p if p > 0.0 && p < 0.1 => "<0.1 %".into(),
            p if p < 100.0 && p > 99.9 => ">99.9 %".into(),
            p if (p - p.round()).abs() < 1e-9 => format!("{p:.0} %"),
            p => format!("{p:.1} %"),
        };
        f.pad(&text)
    }
}
