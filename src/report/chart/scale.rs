//! Axes: where a value lies, and where the ticks are.

use orp_core::prelude::*;

/// An axis of a chart, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    /// Values with their labels.
    pub(super) ticks: Vec<(f64, String)>,
}

/// What is counted along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds, with steps people count time in.
    Time,
    /// Anything decimal.
    Decimal,
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;
/// Steps between ticks that people count time in, in seconds; above, days by tens.
const TIME_STEPS: [f64; 22] = [
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    15.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    3.0 * HOUR,
    4.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
    2.0 * DAY,
    5.0 * DAY,
    7.0 * DAY,
];

impl Axis {
    /// From zero to `high`, drawn between two pixels, with about `ticks` ticks.
    pub(super) fn from_zero(high: f64, unit: Unit, (from, to): (f64, f64), ticks: usize) -> Self {
        Self::over((0.0, high), unit, (from, to), ticks)
    }

    /// Over `low..=high`; from zero, unless the values lie together far from it.
    pub(super) fn around((low, high): (f64, f64), unit: Unit, pixels: (f64, f64), ticks: usize) -> Self {
        let margin = 0.15 * (high - low);
        if low > 0.5 * high && high > low {
            Self::over((low - margin, high + margin), unit, pixels, ticks)
        } else {
            Self::over((0.0, high * 1.08), unit, pixels, ticks)
        }
    }

    fn over((low, high): (f64, f64), unit: Unit, (from, to): (f64, f64), ticks: usize) -> Self {
        let low = if low.is_finite() { low.max(0.0) } else { 0.0 };
        let high = if high.is_finite() && high > low { high } else { low + 1.0 };
        let step = step((high - low) / ticks.max(1) as f64, unit);
        let first = (low / step).ceil();
        // The step is at least the range over `ticks`, so this ends; the bound holds against rounding.
        let values =
            (0..=2 * ticks + 2).map(|at| (first + at as f64) * step).take_while(|value| *value <= high * 1.0001);
        let ticks = values.map(|value| (value, label(value, step, unit))).collect();
        Self { low, high, from, to, ticks }
    }

    /// The pixel of a value, never outside the axis.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }

    /// Whether a value lies on the axis.
    pub(super) fn holds(&self, value: f64) -> bool {
        value >= self.low && value <= self.high
    }
}

/// The smallest step people like that is at least `least`.
fn step(least: f64, unit: Unit) -> f64 {
    if unit == Unit::Time && least > 0.5 {
        if let Some(step) = TIME_STEPS.iter().find(|step| **step >= least) {
            return *step;
        }
        return DAY * decimal_step(least / DAY);
    }
    decimal_step(least)
}

fn decimal_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-12).log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * 0.9999).unwrap_or(10.0);
    factor * power
}

fn label(value: f64, step: f64, unit: Unit) -> String {
    match unit {
        Unit::Time if value < step / 2.0 => "0".into(),
        Unit::Time => Span::from_secs_f64(value).to_string(),
        Unit::Decimal => {
            let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
            format!("{value:.digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(high: f64, unit: Unit, ticks: usize) -> Vec<String> {
        Axis::from_zero(high, unit, (0.0, 100.0), ticks).ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(500.0, Unit::Decimal, 6), ["0", "100", "200", "300", "400", "500"]);
        assert_eq!(labels(0.07, Unit::Decimal, 4), ["0.00", "0.02", "0.04", "0.06"]);
        assert_eq!(labels(43_200.0, Unit::Time, 6), ["0", "2h", "4h", "6h", "8h", "10h", "12h"]);
        assert_eq!(labels(100.0, Unit::Time, 4), ["0", "30s", "1m", "1m30s"]);
        assert_eq!(labels(0.5, Unit::Time, 5), ["0", "100ms", "200ms", "300ms", "400ms", "500ms"]);
        assert_eq!(labels(4.0e7, Unit::Time, 5), ["0", "100d", "200d", "300d", "400d"]);
    }

    #[test]
    fn every_range_has_an_axis() {
        for high in [0.0, -5.0, f64::NAN, f64::INFINITY, 1e-9, 1e15] {
            for unit in [Unit::Time, Unit::Decimal] {
                let axis = Axis::from_zero(high, unit, (10.0, 90.0), 5);
                assert!(!axis.ticks.is_empty() && axis.ticks.len() <= 12, "{high} {axis:?}");
                assert!(axis.ticks.iter().all(|(value, _)| (10.0..=90.0).contains(&axis.at(*value))));
            }
        }
        let axis = Axis::around((300.0, 340.0), Unit::Decimal, (0.0, 1.0), 5);
        assert!(axis.holds(300.0) && axis.holds(340.0) && !axis.holds(0.0));
    }
}
