//! Points in time and lengths of time.

use super::number::scaled;
use super::{UnitError, text_unit};
use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use std::{fmt, str::FromStr};

const SECOND: u64 = 1_000_000;
const WHAT: &str = "a length of time";
const FORMS: &str = "numbers with units, such as `12h`, `1h30m`, `90s`, `250ms`";
const UNITS: &[(&str, u64)] =
    &[("d", 86_400 * SECOND), ("h", 3_600 * SECOND), ("m", 60 * SECOND), ("s", SECOND), ("ms", 1_000), ("us", 1)];

/// A length of time in microseconds, never negative. Reads and prints as `1d2h30m`, `250ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One second.
    pub const SECOND: Self = Self(SECOND);
    /// One minute.
    pub const MINUTE: Self = Self(60 * SECOND);
    /// One hour.
    pub const HOUR: Self = Self(3_600 * SECOND);
    /// The longest length of time there is.
    pub const MAX: Self = Self(u64::MAX);

    /// From microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From milliseconds, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From seconds, saturating.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// The nearest span to a float of seconds: zero when negative or NaN, [`Span::MAX`] when it does not fit.
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self((seconds * SECOND as f64).round() as u64)
    }

    /// The nearest span to a float of hours; see [`Span::from_secs_f64`].
    pub fn from_hours_f64(hours: f64) -> Self {
        Self::from_secs_f64(hours * 3_600.0)
    }

    /// In microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// In seconds, as a float.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }

    /// In hours, as a float.
    pub fn as_hours_f64(self) -> f64 {
        self.as_secs_f64() / 3_600.0
    }

    /// The sum, at most [`Span::MAX`].
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least zero.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Times a count, at most [`Span::MAX`].
    pub const fn saturating_mul(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// To the nearest second, or minute from an hour up: for people.
    pub fn rounded(self) -> Self {
        let step = if self.0 >= 3_600 * SECOND {
            60 * SECOND
        } else if self.0 >= SECOND {
            SECOND
        } else {
            1_000
        };
        Self(self.0.saturating_add(step / 2) / step * step)
    }

    /// As the standard library's duration.
    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0s");
        }
        let mut rest = self.0;
        let mut text = String::new();
        for (unit, size) in UNITS {
            if rest >= *size {
                text.push_str(&format!("{}{unit}", rest / size));
                rest %= size;
            }
        }
        f.pad(&text)
    }
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let malformed = || UnitError::Malformed { text: text.into(), what: WHAT, expected: FORMS };
        let out_of_range =
            || UnitError::OutOfRange { text: text.into(), limit: "at most 584,000 years, in whole microseconds" };
        let mut rest = text.trim();
        if rest.starts_with('-') {
            return Err(UnitError::Negative { text: text.into(), what: WHAT });
        }
        if rest.is_empty() {
            return Err(malformed());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).ok_or_else(malformed)?;
            let (number, tail) = rest.split_at(end);
            let tail = tail.trim_start();
            let unit_end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let size = match unit {
                "min" => 60 * SECOND,
                "µs" => 1,
                unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size).ok_or_else(|| {
                    UnitError::UnknownUnit { text: text.into(), unit: unit.into(), expected: "d, h, m, s, ms, us" }
                })?,
            };
            if !number.bytes().any(|b| b.is_ascii_digit()) {
                return Err(malformed());
            }
            let micros = scaled(number, size.into()).and_then(|m| u64::try_from(m).ok()).ok_or_else(out_of_range)?;
            total = total.checked_add(micros).ok_or_else(out_of_range)?;
            rest = tail.trim_start();
        }
        Ok(Self(total))
    }
}
text_unit!(Span, "A length of time", "12h");

/// A point in time: microseconds since 1970-01-01T00:00:00Z. Reads and prints as RFC 3339; outside the years
/// 0 to 9999, which that has, as a number with `us` after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This much later, saturating.
    pub fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// This much earlier, saturating.
    pub fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(i128::from(self.0) - i128::from(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 has years of four digits.
        match DateTime::<Utc>::from_timestamp_micros(self.0).filter(|time| (0..=9999).contains(&time.year())) {
            Some(time) => f.pad(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => f.pad(&format!("{}us", self.0)),
        }
    }
}

impl FromStr for Timestamp {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        if let Some(micros) = text.strip_suffix("us").and_then(|micros| micros.parse().ok()) {
            return Ok(Self(micros));
        }
        DateTime::parse_from_rfc3339(text.trim()).map(|time| Self(time.timestamp_micros())).map_err(|_| {
            UnitError::Malformed {
                text: text.into(),
                what: "a point in time",
                expected: "RFC 3339, such as `2026-11-23T04:38:00Z`",
            }
        })
    }
}
text_unit!(Timestamp, "A point in time, RFC 3339", "2026-11-23T04:38:00Z");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print() {
        for (text, micros, printed) in [
            ("12h", 43_200 * SECOND, "12h"),
            ("1h 30m", 5_400 * SECOND, "1h30m"),
            ("1.5h", 5_400 * SECOND, "1h30m"),
            ("250ms", 250_000, "250ms"),
            ("90s", 90 * SECOND, "1m30s"),
            ("5µs 5us", 10, "10us"),
            ("0s", 0, "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.as_micros(), micros, "{text}");
            assert_eq!(span.to_string(), printed);
            assert_eq!(printed.parse::<Span>().unwrap(), span);
        }
        for text in ["", "12", "h", "-1h", "1 fortnight", "99999999999d", ".h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn timestamps_read_and_print() {
        let t: Timestamp = "2026-11-23T04:38:00.5Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-23T04:38:00.500Z");
        assert_eq!(t.after(Span::HOUR).since(t), Span::HOUR);
        assert_eq!(t.since(t.after(Span::HOUR)), Span::ZERO);
        // As RFC 3339 has it up to the ends of its years, and beyond.
        for micros in [
            -62_167_219_200_000_001,
            -62_167_219_200_000_000,
            253_402_300_799_999_999,
            253_402_300_800_000_000,
            i64::MAX,
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string().parse::<Timestamp>().unwrap().as_micros(), micros);
        }
        assert!("yesterday".parse::<Timestamp>().is_err());
    }
}
