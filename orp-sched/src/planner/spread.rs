//! Uncertain amounts: what a plan believes about its cost and its duration.
//!
//! Means and variances of the parts add up: task by task the estimator's interval and the reclaims are taken for
//! independent. The sum is read as a log-normal with that mean `m` and variance `v` (moment matching, Fenton 1960): with
//! `s² = ln(1 + v/m²)` its median is `m·e^(−s²/2)`, never above the mean, and its 95th percentile `median·e^(1.645·s)`.
//! Both rise with `m` and, up to `v = 14·m²`, with `v`, so that of two plans the one with the smaller moments has the
//! smaller percentiles: what lets the search compare moments only.

/// A standard normal stays below this with probability 0.95.
pub(super) const Z95: f64 = 1.644_853_626_951_472_2;

/// An uncertain amount by its mean and variance.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

impl Spread {
    /// The median.
    pub(super) fn p50(self) -> f64 {
        if self.is_certain() { self.mean } else { self.mean * (-0.5 * self.log_variance()).exp() }
    }

    /// What it stays below with probability 0.95.
    pub(super) fn p95(self) -> f64 {
        if self.is_certain() { self.mean } else { self.p50() * (Z95 * self.log_variance().sqrt()).exp() }
    }

    /// The probability to exceed `limit`.
    pub(super) fn exceeds(self, limit: f64) -> f64 {
        // What is equal but for rounding does not exceed.
        let slack = 1e-9 * limit.abs().max(1e-3);
        if self.is_certain() {
            return f64::from(u8::from(self.mean > limit + slack));
        }
        if limit <= 0.0 {
            return 1.0;
        }
        1.0 - normal_below((limit / self.p50()).ln() / self.log_variance().sqrt())
    }

    fn is_certain(self) -> bool {
        self.variance <= 0.0 || self.mean <= 0.0
    }

    fn log_variance(self) -> f64 {
        (self.variance / (self.mean * self.mean)).ln_1p()
    }
}

/// The probability that a standard normal is below `z`, to 1e-7 (Abramowitz and Stegun 1964, 26.2.17).
fn normal_below(z: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let polynomial = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    let above = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() * polynomial;
    if z >= 0.0 { 1.0 - above } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_probabilities_agree() {
        for (mean, variance) in [(10.0, 1.0), (10.0, 100.0), (0.5, 0.01), (3.0, 30.0)] {
            let spread = Spread { mean, variance };
            assert!(spread.p50() <= mean && mean <= spread.p95() || variance > 9.0 * mean * mean);
            assert!((spread.exceeds(spread.p95()) - 0.05).abs() < 1e-6);
            assert!((spread.exceeds(spread.p50()) - 0.5).abs() < 1e-6);
        }
        let certain = Spread { mean: 7.0, variance: 0.0 };
        assert!((certain.p95() - 7.0).abs() < 1e-12 && certain.exceeds(7.0) < 0.5 && certain.exceeds(6.9) > 0.5);
    }

    #[test]
    fn percentiles_rise_with_both_moments() {
        let base = Spread { mean: 10.0, variance: 20.0 };
        for (mean, variance) in [(10.1, 20.0), (10.0, 21.0), (12.0, 400.0)] {
            assert!(Spread { mean, variance }.p95() > base.p95());
        }
    }
}
