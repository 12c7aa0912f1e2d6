//! Amounts of processors and accelerators, in thousandths of one.

use super::number::{decimal, scaled};
use super::{UnitError, text_unit};
use std::{fmt, str::FromStr};

macro_rules! milli_amount {
    ($name:ident, $what:literal, $doc:literal, $example:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u64);

        impl $name {
            /// None.
            pub const ZERO: Self = Self(0);

            /// From thousandths of one.
            pub const fn from_milli(milli: u64) -> Self {
                Self(milli)
            }

            /// From whole ones, saturating.
            pub const fn whole(count: u64) -> Self {
                Self(count.saturating_mul(1000))
            }

            /// In thousandths of one.
            pub const fn milli(self) -> u64 {
                self.0
            }

            /// As a float of whole ones, for estimates.
            pub fn as_f64(self) -> f64 {
                self.0 as f64 / 1e3
            }

            /// Exactly none.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// The sum, if it fits.
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// The difference, if it is not below zero.
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&decimal(self.0.into(), 1000, 0))
            }
        }

        impl FromStr for $name {
            type Err = UnitError;
            fn from_str(text: &str) -> Result<Self, UnitError> {
                let milli = scaled(text.trim(), 1000).ok_or(UnitError::Malformed {
                    text: text.into(),
                    what: $what,
                    expected: concat!("a number with at most three decimals, such as `", $example, "`"),
                })?;
                if milli < 0 {
                    return Err(UnitError::Negative { text: text.into(), what: $what });
                }
                u64::try_from(milli)
                    .map(Self)
                    .map_err(|_| UnitError::OutOfRange { text: text.into(), limit: "at most about 1.8e16" })
            }
        }
        text_unit!($name, $what, $example);
    };
}

milli_amount!(
    CpuAmount,
    "an amount of processor cores",
    "Processor cores (virtual ones on a cloud), in thousandths.",
    "0.5"
);
milli_amount!(
    GpuAmount,
    "an amount of accelerators",
    "Accelerators (GPUs, TPUs), in thousandths: `0.25` is a quarter of one.",
    "8"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        assert_eq!("0.25".parse::<GpuAmount>().unwrap().milli(), 250);
        assert_eq!(GpuAmount::whole(8).to_string(), "8");
        assert_eq!(CpuAmount::from_milli(1500).to_string(), "1.5");
        for text in ["-1", "x", "1.0005", ""] {
            assert!(text.parse::<CpuAmount>().is_err(), "{text}");
        }
    }
}
