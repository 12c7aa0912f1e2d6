//! Counts of training tokens.

use super::number::{decimal, scaled, split_number};
use super::{UnitError, text_unit};
use std::{fmt, str::FromStr};

/// A count of tokens. Reads `25 G`, `200M`, `1.5 B` (B and G both mean 10⁹) or a plain number; prints the largest unit in
/// which it is exact to three places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tokens(u64);

impl Tokens {
    /// None.
    pub const ZERO: Self = Self(0);

    /// From a plain count.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// The plain count.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The difference, not below zero.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [("T", 1_000_000_000_000_u64), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)] {
            if self.0 >= size && self.0.is_multiple_of((size / 1000).max(1)) {
                return f.pad(&format!("{} {unit}", decimal(self.0.into(), size.into(), 0)));
            }
        }
        f.pad(&self.0.to_string())
    }
}

impl FromStr for Tokens {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let malformed = || UnitError::Malformed {
            text: text.into(),
            what: "a count of tokens",
            expected: "a number with an optional k, M, G (or B), T, such as `200 M`",
        };
        let (number, unit) = split_number(text).ok_or_else(malformed)?;
        let unit = unit.strip_suffix("tokens").unwrap_or(unit).trim();
        let scale = match unit {
            "" => 1,
            "k" | "K" => 1_000,
            "M" => 1_000_000,
            "G" | "B" => 1_000_000_000,
            "T" => 1_000_000_000_000,
            unit => {
                return Err(UnitError::UnknownUnit {
                    text: text.into(),
                    unit: unit.into(),
                    expected: "k, M, G (or B), T",
                });
            }
        };
        let count = scaled(number, scale).ok_or_else(malformed)?;
        if count < 0 {
            return Err(UnitError::Negative { text: text.into(), what: "a count of tokens" });
        }
        u64::try_from(count)
            .map(Self)
            .map_err(|_| UnitError::OutOfRange { text: text.into(), limit: "at most 2^64 - 1" })
    }
}
text_unit!(Tokens, "A count of tokens with an optional k, M, G or T", "200 M");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, count, printed) in [
            ("25 G", 25_000_000_000, "25 G"),
            ("200M tokens", 200_000_000, "200 M"),
            ("1.5B", 1_500_000_000, "1.5 G"),
            ("1234", 1234, "1.234 k"),
            ("7", 7, "7"),
        ] {
            let tokens: Tokens = text.parse().unwrap();
            assert_eq!(tokens.get(), count);
            assert_eq!(tokens.to_string(), printed);
            assert_eq!(printed.parse::<Tokens>().unwrap(), tokens);
        }
        assert!("-1".parse::<Tokens>().is_err());
        assert!("5 Q".parse::<Tokens>().is_err());
    }
}
