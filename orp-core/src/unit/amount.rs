//! Amounts of anything a budget is kept in: money, accelerator time, tokens, bytes, energy, calls.
//!
//! A budget's [`Meter`] says what it counts; an [`Amount`] is a whole number of the meter's smallest part. Money is one of
//! the meters and keeps its currency, so [`Money`] turns into an amount and back without loss. Amounts of different meters,
//! and money of different currencies, are never put together. A generic `Amount<M>` was rejected: an account's meter is
//! data from a policy document, not known when the program is built.
//!
//! ```
//! use orp_core::unit::{Amount, Meter, Money};
//!
//! let limit: Amount = "20000 USD".parse()?;
//! assert_eq!(limit.money(), Some("20000 USD".parse::<Money>()?));
//! let held: Amount = "500 gpu_seconds".parse()?;
//! assert_eq!(held.checked_sub(Amount::gpu_time("2".parse()?, "90s".parse()?)?)?.to_string(), "320 gpu_seconds");
//! assert_eq!(Amount::read(Meter::EgressBytes, "100 GB")?.to_string(), "100000000000 egress_bytes");
//! assert!(limit.checked_add(held).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::number::{decimal, scaled, split_number};
use super::{Bytes, Currency, GpuAmount, Money, Span, Tokens, UnitError, text_unit};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, str::FromStr};
use thiserror::Error;

const WHAT: &str = "an amount";
const FORMS: &str = "a number and a currency or meter, such as `20000 USD`, `500 gpu_seconds`";
const MICROS: i128 = 1_000_000;
const MILLIS: i128 = 1_000;

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// Money, in millionths of a currency's unit.
    #[default]
    Cost,
    /// Accelerators times seconds, in thousandths.
    GpuSeconds,
    /// Tokens read or written.
    Tokens,
    /// Bytes that leave a place.
    EgressBytes,
    /// Watt-hours, in thousandths.
    EnergyWh,
    /// Calls of a tool or model.
    Calls,
}

impl Meter {
    /// All of them, in the order they are listed in messages.
    pub const ALL: [Self; 6] =
        [Self::Cost, Self::GpuSeconds, Self::Tokens, Self::EgressBytes, Self::EnergyWh, Self::Calls];

    /// Its name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::GpuSeconds => "gpu_seconds",
            Self::Tokens => "tokens",
            Self::EgressBytes => "egress_bytes",
            Self::EnergyWh => "energy_wh",
            Self::Calls => "calls",
        }
    }

    /// How many of its smallest parts make one.
    const fn scale(self) -> i128 {
        match self {
            Self::Cost => MICROS,
            Self::GpuSeconds | Self::EnergyWh => MILLIS,
            Self::Tokens | Self::EgressBytes | Self::Calls => 1,
        }
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Meter {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        Self::ALL.into_iter().find(|meter| meter.name() == text).ok_or_else(|| UnitError::UnknownUnit {
            text: text.into(),
            unit: text.into(),
            expected: "the meters: cost, gpu_seconds, tokens, egress_bytes, energy_wh, calls",
        })
    }
}

/// An exact amount on one [`Meter`]; negative amounts are credits. Reads and prints as `20000.00 USD`, `500 gpu_seconds`.
///
/// `partial_cmp` between meters or currencies is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    parts: i64,
    meter: Meter,
    /// INVARIANT: there is one if and only if the meter is [`Meter::Cost`].
    currency: Option<Currency>,
}

/// Why two amounts cannot be put together, or one cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AmountError {
    /// They count different things, or money of different currencies; ORP never converts.
    #[error("cannot put {left} and {right} together: they are counted on different meters")]
    MeterMismatch {
        /// The amount on the left.
        left: Amount,
        /// The amount on the right.
        right: Amount,
    },
    /// The result does not fit in 64 bits of the meter's smallest part.
    #[error("the amount is out of range")]
    Overflow,
}

impl Amount {
    const fn counted(meter: Meter, parts: i64) -> Self {
        Self { parts, meter, currency: None }
    }

    fn fitting(meter: Meter, parts: impl TryInto<i64>) -> Result<Self, AmountError> {
        parts.try_into().map(|parts| Self::counted(meter, parts)).map_err(|_| AmountError::Overflow)
    }

    /// So many accelerators for so long, rounded up to a thousandth of a GPU-second so that no part of a use is lost.
    pub fn gpu_time(gpus: GpuAmount, time: Span) -> Result<Self, AmountError> {
        let micro_parts = u128::from(gpus.milli()).checked_mul(time.as_micros().into()).ok_or(AmountError::Overflow)?;
        Self::fitting(Meter::GpuSeconds, micro_parts.div_ceil(1_000_000))
    }

    /// So many tokens.
    pub fn tokens(count: Tokens) -> Result<Self, AmountError> {
        Self::fitting(Meter::Tokens, count.get())
    }

    /// So many bytes that leave a place.
    pub fn egress(bytes: Bytes) -> Result<Self, AmountError> {
        Self::fitting(Meter::EgressBytes, bytes.get())
    }

    /// So many thousandths of a watt-hour.
    pub const fn energy_milliwatt_hours(milli: i64) -> Self {
        Self::counted(Meter::EnergyWh, milli)
    }

    /// So many calls.
    pub fn calls(count: u64) -> Result<Self, AmountError> {
        Self::fitting(Meter::Calls, count)
    }

    /// Reads a budget's limit as its document states it: the amount's own form on every meter, and beside it what people
    /// write for one of that meter (`100 GB` of egress, `200 M` tokens, a plain number of calls).
    ///
    /// ```
    /// # use orp_core::unit::{Amount, Meter};
    /// assert_eq!(Amount::read(Meter::Tokens, "200 M")?.to_string(), "200000000 tokens");
    /// assert_eq!(
    ///     Amount::read(Meter::Calls, "5 USD").unwrap_err().to_string(),
    ///     "`5 USD` is not an amount on the meter `calls`: expected a number, or one with `calls` after it"
    /// );
    /// # Ok::<(), orp_core::unit::UnitError>(())
    /// ```
    pub fn read(meter: Meter, text: &str) -> Result<Self, UnitError> {
        let out_of_range = || UnitError::OutOfRange { text: text.into(), limit: LIMIT };
        match text.parse::<Self>() {
            Ok(amount) if amount.meter == meter => return Ok(amount),
            Err(error @ UnitError::OutOfRange { .. }) => return Err(error),
            _ => {}
        }
        match meter {
            Meter::Cost => text.parse::<Money>().map(Self::from),
            Meter::Tokens => Self::tokens(text.parse()?).map_err(|_| out_of_range()),
            Meter::EgressBytes => Self::egress(text.parse()?).map_err(|_| out_of_range()),
            Meter::GpuSeconds | Meter::EnergyWh | Meter::Calls => {
                let malformed = || UnitError::Malformed {
                    text: text.into(),
                    what: match meter {
                        Meter::GpuSeconds => "an amount on the meter `gpu_seconds`",
                        Meter::EnergyWh => "an amount on the meter `energy_wh`",
                        _ => "an amount on the meter `calls`",
                    },
                    expected: match meter {
                        Meter::GpuSeconds => "a number, or one with `gpu_seconds` after it",
                        Meter::EnergyWh => "a number, or one with `energy_wh` after it",
                        _ => "a number, or one with `calls` after it",
                    },
                };
                let (number, _) = split_number(text).filter(|(_, unit)| unit.is_empty()).ok_or_else(malformed)?;
                let parts = scaled(number, meter.scale()).ok_or_else(malformed)?;
                Self::fitting(meter, parts).map_err(|_| out_of_range())
            }
        }
    }

    /// What it is counted on.
    pub const fn meter(self) -> Meter {
        self.meter
    }

    /// The currency, if it is money.
    pub const fn currency(self) -> Option<Currency> {
        self.currency
    }

    /// The amount as money, if that is what it is.
    pub const fn money(self) -> Option<Money> {
        match self.currency {
            Some(currency) => Some(Money::from_micros(self.parts, currency)),
            None => None,
        }
    }

    /// In the meter's smallest part: millionths of a currency's unit, thousandths of GPU-seconds and watt-hours, whole
    /// tokens, bytes and calls.
    #[inline]
    pub const fn parts(self) -> i64 {
        self.parts
    }

    /// So many smallest parts on the same meter, and of the same currency.
    #[inline]
    pub const fn with_parts(self, parts: i64) -> Self {
        Self { parts, ..self }
    }

    /// Nothing, on the same meter.
    #[inline]
    pub const fn zero(self) -> Self {
        self.with_parts(0)
    }

    /// Below zero.
    #[inline]
    pub const fn is_negative(self) -> bool {
        self.parts < 0
    }

    /// Exactly zero.
    pub const fn is_zero(self) -> bool {
        self.parts == 0
    }

    /// Whether both count the same, so that they can be put together.
    #[inline]
    pub fn is_like(self, other: Self) -> bool {
        self.meter == other.meter && self.currency == other.currency
    }

    /// The sum, if both count the same and it fits.
    #[inline]
    pub fn checked_add(self, other: impl Into<Self>) -> Result<Self, AmountError> {
        let parts = self.parts.checked_add(self.like(other.into())?.parts).ok_or(AmountError::Overflow)?;
        Ok(self.with_parts(parts))
    }

    /// The difference, if both count the same and it fits.
    pub fn checked_sub(self, other: impl Into<Self>) -> Result<Self, AmountError> {
        let parts = self.parts.checked_sub(self.like(other.into())?.parts).ok_or(AmountError::Overflow)?;
        Ok(self.with_parts(parts))
    }

    #[inline]
    fn like(self, other: Self) -> Result<Self, AmountError> {
        if self.is_like(other) { Ok(other) } else { Err(AmountError::MeterMismatch { left: self, right: other }) }
    }
}

impl From<Money> for Amount {
    #[inline]
    fn from(money: Money) -> Self {
        Self { parts: money.micros(), meter: Meter::Cost, currency: Some(money.currency()) }
    }
}

impl PartialEq<Money> for Amount {
    fn eq(&self, money: &Money) -> bool {
        *self == Self::from(*money)
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.is_like(*other).then(|| self.parts.cmp(&other.parts))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.money() {
            Some(money) => fmt::Display::fmt(&money, f),
            None => f.pad(&format!("{} {}", decimal(self.parts.into(), self.meter.scale(), 0), self.meter)),
        }
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const LIMIT: &str = "at most 2^63 - 1 of the meter's smallest part, and not finer than it";

impl FromStr for Amount {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let malformed = || UnitError::Malformed { text: text.into(), what: WHAT, expected: FORMS };
        let (number, unit) = split_number(text).ok_or_else(malformed)?;
        let Some(meter) = Meter::ALL.into_iter().find(|meter| *meter != Meter::Cost && meter.name() == unit) else {
            return match unit {
                "" => Err(malformed()),
                _ if unit.parse::<Currency>().is_ok() => text.parse::<Money>().map(Self::from),
                _ => Err(UnitError::UnknownUnit {
                    text: text.into(),
                    unit: unit.into(),
                    expected: "the ISO 4217 currencies, such as `USD`, or gpu_seconds, tokens, egress_bytes, energy_wh, calls",
                }),
            };
        };
        let parts = scaled(number, meter.scale()).and_then(|parts| i64::try_from(parts).ok());
        parts.map(|parts| Self::counted(meter, parts)).ok_or(UnitError::OutOfRange { text: text.into(), limit: LIMIT })
    }
}
text_unit!(Amount, "A number and an ISO 4217 currency or a meter", "500 gpu_seconds");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_prints_exactly() {
        for (text, parts, printed) in [
            ("20000 USD", 20_000_000_000, "20000.00 USD"),
            ("-1.5EUR", -1_500_000, "-1.50 EUR"),
            ("500 gpu_seconds", 500_000, "500 gpu_seconds"),
            ("0.25 gpu_seconds", 250, "0.25 gpu_seconds"),
            ("12 tokens", 12, "12 tokens"),
            ("1_000 egress_bytes", 1000, "1000 egress_bytes"),
            ("1.5 energy_wh", 1500, "1.5 energy_wh"),
            ("7calls", 7, "7 calls"),
        ] {
            assert_eq!((amount(text).parts(), amount(text).to_string()), (parts, printed.into()), "{text}");
            assert_eq!(amount(printed), amount(text));
        }
        assert_eq!(format!("{:>10}|{:<9}|", amount("7 calls"), amount("1 calls")), "   7 calls|1 calls  |");
    }

    #[test]
    fn wrong_text_says_what_was_expected() {
        for (text, part) in [
            ("500", "expected a number and a currency or meter"),
            ("many calls", "expected a number and a currency or meter"),
            ("5 cost", "unknown unit `cost`, expected one of the ISO 4217 currencies, such as `USD`, or gpu_seconds"),
            ("5 gpu_hours", "unknown unit `gpu_hours`"),
            ("0.5 calls", "not finer than it"),
            ("99999999999999999999 tokens", "out of range"),
        ] {
            let error = text.parse::<Amount>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!("dollars".parse::<Meter>().unwrap_err().to_string().contains("gpu_seconds"));
    }

    #[test]
    fn limits_read_in_the_words_of_their_meter() {
        for (meter, text, printed) in [
            (Meter::Cost, "20000 USD", "20000.00 USD"),
            (Meter::GpuSeconds, "36000", "36000 gpu_seconds"),
            (Meter::GpuSeconds, "36000 gpu_seconds", "36000 gpu_seconds"),
            (Meter::Tokens, "1.5 G", "1500000000 tokens"),
            (Meter::EgressBytes, "2 TB", "2000000000000 egress_bytes"),
            (Meter::EnergyWh, "0.5", "0.5 energy_wh"),
            (Meter::Calls, "500", "500 calls"),
        ] {
            assert_eq!(Amount::read(meter, text).unwrap().to_string(), printed);
        }
        for (meter, text, part) in [
            (Meter::Cost, "500 calls", "expected"),
            (Meter::Calls, "500 USD", "expected a number, or one with `calls` after it"),
            (Meter::Tokens, "5 USD", "expected"),
            (
                Meter::GpuSeconds,
                "5h",
                "on the meter `gpu_seconds`: expected a number, or one with `gpu_seconds` after it",
            ),
            (Meter::EnergyWh, "5 J", "on the meter `energy_wh`: expected a number, or one with `energy_wh` after it"),
            (Meter::EgressBytes, "-5 GB", "must not be below zero"),
            (Meter::Calls, "0.5", "expected"),
            (Meter::Calls, "99999999999999999999 calls", "out of range"),
        ] {
            let error = Amount::read(meter, text).unwrap_err().to_string();
            assert!(error.contains(part), "{meter} {text}: {error}");
        }
    }

    #[test]
    fn amounts_compare_on_one_meter_only() {
        let (money, calls) = (amount("5 USD"), amount("5 calls"));
        assert_eq!((money.currency(), calls.currency()), (Some(Currency::USD), None));
        assert_eq!((calls.is_zero(), calls.zero().is_zero()), (false, true));
        assert!(money == Money::from_micros(5_000_000, Currency::USD));
        assert!(money != Money::from_micros(5_000_000, Currency::EUR));
        assert_eq!(calls.partial_cmp(&amount("6 calls")), Some(Ordering::Less));
        assert_eq!(format!("{money:?}, {calls:?}"), "5.00 USD, 5 calls");
    }

    #[test]
    fn meters_and_currencies_never_mix() {
        for (left, right) in [("1 USD", "1 EUR"), ("1 calls", "1 tokens"), ("1 USD", "1 calls")] {
            assert!(matches!(amount(left).checked_add(amount(right)), Err(AmountError::MeterMismatch { .. })));
            assert_eq!(amount(left).partial_cmp(&amount(right)), None);
        }
        let most = amount("1 calls").with_parts(i64::MAX);
        assert_eq!(most.checked_add(amount("1 calls")), Err(AmountError::Overflow));
        assert_eq!(Amount::calls(u64::MAX), Err(AmountError::Overflow));
    }

    #[test]
    fn the_time_of_a_part_of_a_device_rounds_up() {
        let third = Amount::gpu_time("0.333".parse().unwrap(), "1ms".parse().unwrap()).unwrap();
        assert_eq!(third, amount("0.001 gpu_seconds"));
        assert_eq!(Amount::gpu_time("8".parse().unwrap(), "1h".parse().unwrap()).unwrap(), amount("28800 gpu_seconds"));
        assert_eq!(Amount::gpu_time(GpuAmount::from_milli(u64::MAX), Span::MAX), Err(AmountError::Overflow));
    }

    proptest! {
        /// Every amount prints text that reads back to it, and money passes through without loss.
        #[test]
        fn what_is_printed_reads_back(parts in any::<i64>(), meter in 0usize..6) {
            let money = Money::from_micros(parts, Currency::EUR);
            prop_assert_eq!(Amount::from(money).money(), Some(money));
            let amount = match Meter::ALL[meter] {
                Meter::Cost => money.into(),
                meter => Amount::counted(meter, parts),
            };
            prop_assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount);
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
        }
    }
}
