//! Sizes of data.

use super::number::{decimal, scaled, split_number};
use super::{UnitError, text_unit};
use std::{fmt, str::FromStr};

/// A size in bytes. Reads decimal (`100 GB`) and binary (`64 KiB`) units; prints the largest decimal unit in which it is
/// exact to three places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(u64);

const UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const EXPECTED: &str = "B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB";

impl Bytes {
    /// No bytes.
    pub const ZERO: Self = Self(0);

    /// A size from a count of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size from gigabytes (10⁹ bytes), saturating.
    pub const fn from_gb(gigabytes: u64) -> Self {
        Self(gigabytes.saturating_mul(1_000_000_000))
    }

    /// The count of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// In gigabytes (10⁹ bytes), for estimates.
    pub fn as_gb(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The sum, if it fits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, not below zero.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = ["PB", "TB", "GB", "MB", "kB"]
            .iter()
            .filter_map(|name| UNITS.iter().find(|(known, _)| known == name))
            .find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(size / 1_000));
        match unit {
            Some((name, size)) => f.pad(&format!("{} {name}", decimal(self.0.into(), (*size).into(), 0))),
            None => f.pad(&format!("{} B", self.0)),
        }
    }
}

impl FromStr for Bytes {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_number(text).ok_or(UnitError::Malformed {
            text: text.into(),
            what: "a size",
            expected: "a number and a unit, such as `100 GB`",
        })?;
        let scale =
            match unit {
                "" => {
                    return Err(UnitError::Malformed {
                        text: text.into(),
                        what: "a size",
                        expected: "a unit after the number, such as `100 GB`",
                    });
                }
                unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size).ok_or_else(|| {
                    UnitError::UnknownUnit { text: text.into(), unit: unit.into(), expected: EXPECTED }
                })?,
            };
        let parts = scaled(number, scale.into())
            .ok_or(UnitError::OutOfRange { text: text.into(), limit: "a whole number of bytes, at most 2^64 - 1" })?;
        if parts < 0 {
            return Err(UnitError::Negative { text: text.into(), what: "a size" });
        }
        u64::try_from(parts)
            .map(Self)
            .map_err(|_| UnitError::OutOfRange { text: text.into(), limit: "at most 2^64 - 1 bytes" })
    }
}
text_unit!(Bytes, "A size in bytes with a decimal or binary unit", "100 GB");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, bytes, printed) in [
            ("100 GB", 100_000_000_000, "100 GB"),
            ("1.5 TB", 1_500_000_000_000, "1.5 TB"),
            ("64 KiB", 65_536, "65.536 kB"),
            ("0 B", 0, "0 B"),
            ("7 B", 7, "7 B"),
            ("1234567 B", 1_234_567, "1234.567 kB"),
        ] {
            let size: Bytes = text.parse().unwrap();
            assert_eq!(size.get(), bytes, "{text}");
            assert_eq!(size.to_string(), printed);
            assert_eq!(size.to_string().parse::<Bytes>().unwrap(), size);
        }
    }

    #[test]
    fn wrong_text_is_refused() {
        for text in ["GB", "12", "1 XB", "-1 GB", "99999999999 PB", "0.3 B"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
