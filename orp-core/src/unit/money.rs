//! Money, prices, and what a price comes to.

use super::number::{decimal, scaled, split_number};
use super::{Bytes, Span, UnitError, text_unit};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, str::FromStr};
use thiserror::Error;

const MICROS: i128 = 1_000_000;
const WHAT: &str = "an amount of money";
const FORMS: &str = "a number and an ISO 4217 currency, such as `500 USD`";

/// A currency by its ISO 4217 code: three capital letters. Any three are taken; ORP converts between none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(UnitError::UnknownUnit {
                text: text.into(),
                unit: text.into(),
                expected: "an ISO 4217 code of three capital letters, such as `USD`",
            }),
        }
    }
}
text_unit!(Currency, "An ISO 4217 currency code", "USD");

/// An exact amount of one currency, in millionths of its unit; negative amounts are credits.
///
/// Reads and prints as `500.00 USD`. Sums and comparisons between currencies are errors ([`MoneyError`]), never
/// conversions; `partial_cmp` across currencies is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    micros: i64,
    currency: Currency,
}

/// Why two amounts of money cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// The currencies differ; ORP never converts.
    #[error("cannot put {left} and {right} together: no exchange rate is assumed")]
    CurrencyMismatch {
        /// The currency on the left.
        left: Currency,
        /// The currency on the right.
        right: Currency,
    },
    /// The sum or product does not fit in 64 bits of micro-units (about 9.2 million million units).
    #[error("the amount is out of range")]
    Overflow,
}

impl Money {
    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self { micros: 0, currency }
    }

    /// An amount from millionths of the currency's unit.
    pub const fn from_micros(micros: i64, currency: Currency) -> Self {
        Self { micros, currency }
    }

    /// The amount in millionths of the currency's unit.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Below zero.
    pub const fn is_negative(self) -> bool {
        self.micros < 0
    }

    /// Exactly zero.
    pub const fn is_zero(self) -> bool {
        self.micros == 0
    }

    /// The amount as a float of whole units: for estimates and plots, never for accounts.
    pub fn as_f64(self) -> f64 {
        self.micros as f64 / MICROS as f64
    }

    /// The nearest amount to `units` whole units; `None` when that is not finite or does not fit.
    pub fn from_f64(units: f64, currency: Currency) -> Option<Self> {
        let micros = (units * MICROS as f64).round();
        (micros.is_finite() && micros.abs() < i64::MAX as f64).then_some(Self { micros: micros as i64, currency })
    }

    /// The sum, if the currencies agree and it fits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let micros = self.micros.checked_add(other.micros).ok_or(MoneyError::Overflow)?;
        Ok(Self { micros, ..self })
    }

    /// The difference, if the currencies agree and it fits.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let micros = self.micros.checked_sub(other.micros).ok_or(MoneyError::Overflow)?;
        Ok(Self { micros, ..self })
    }

    /// The amount times a count.
    pub fn checked_mul(self, count: u64) -> Result<Self, MoneyError> {
        let micros = i128::from(self.micros).checked_mul(i128::from(count)).ok_or(MoneyError::Overflow)?;
        Ok(Self { micros: i64::try_from(micros).map_err(|_| MoneyError::Overflow)?, ..self })
    }

    /// `self × numerator / denominator`, rounded away from zero so that no part of a charge is lost.
    pub fn checked_ratio(self, numerator: u128, denominator: u128) -> Result<Self, MoneyError> {
        let numerator = i128::try_from(numerator).map_err(|_| MoneyError::Overflow)?;
        let denominator = i128::try_from(denominator).map_err(|_| MoneyError::Overflow)?;
        if denominator == 0 {
            return Err(MoneyError::Overflow);
        }
        let product = i128::from(self.micros).checked_mul(numerator).ok_or(MoneyError::Overflow)?;
        let rounded = product / denominator + (product % denominator).signum();
        Ok(Self { micros: i64::try_from(rounded).map_err(|_| MoneyError::Overflow)?, ..self })
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }

    /// The sum of amounts of one currency; zero `currency` when there are none.
    pub fn total(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }
}

impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.currency == other.currency).then(|| self.micros.cmp(&other.micros))
    }
}

impl fmt::Display for Money {
    /// `500.00 USD`; with a precision (`{:.0}`) rounded for reading.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match f.precision() {
            Some(digits) => format!("{:.digits$} {}", self.as_f64(), self.currency),
            None => format!("{} {}", decimal(self.micros.into(), MICROS, 2), self.currency),
        };
        match f.width() {
            Some(width) if f.align() == Some(fmt::Alignment::Left) => write!(f, "{text:<width$}"),
            Some(width) => write!(f, "{text:>width$}"),
            None => f.write_str(&text),
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Money {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let malformed = || UnitError::Malformed { text: text.into(), what: WHAT, expected: FORMS };
        let (number, unit) = split_number(text).ok_or_else(malformed)?;
        if unit.is_empty() {
            return Err(malformed());
        }
        let currency = unit.parse().map_err(|_| UnitError::UnknownUnit {
            text: text.into(),
            unit: unit.into(),
            expected: "the ISO 4217 codes, such as `USD`",
        })?;
        let micros = scaled(number, MICROS).and_then(|m| i64::try_from(m).ok()).ok_or(UnitError::OutOfRange {
            text: text.into(),
            limit: "at most about 9.2 million million, with at most six decimals",
        })?;
        Ok(Self { micros, currency })
    }
}
text_unit!(Money, "An amount and an ISO 4217 currency", "500 USD");

/// What one is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PriceUnit {
    /// Each hour a unit is held, by the microsecond.
    Hour,
    /// Each gigabyte (10⁹ bytes) moved or kept.
    Gigabyte,
    /// Each call of a tool.
    Call,
}

impl fmt::Display for PriceUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "h",
            Self::Gigabyte => "GB",
            Self::Call => "call",
        })
    }
}

/// An amount of money per hour, gigabyte or call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Price {
    /// What one unit costs.
    pub amount: Money,
    /// The unit.
    pub per: PriceUnit,
}

impl Price {
    /// A price for each hour held.
    pub const fn per_hour(amount: Money) -> Self {
        Self { amount, per: PriceUnit::Hour }
    }

    /// A price for each gigabyte.
    pub const fn per_gigabyte(amount: Money) -> Self {
        Self { amount, per: PriceUnit::Gigabyte }
    }

    /// A price for each call.
    pub const fn per_call(amount: Money) -> Self {
        Self { amount, per: PriceUnit::Call }
    }

    /// What holding one unit for `span` costs: hourly prices by the microsecond, rounded up to the next micro-unit.
    /// A price that does not run by the hour costs nothing for time.
    pub fn for_span(&self, span: Span) -> Result<Money, MoneyError> {
        match self.per {
            PriceUnit::Hour => self.amount.checked_ratio(span.as_micros().into(), Span::HOUR.as_micros().into()),
            _ => Ok(Money::zero(self.amount.currency())),
        }
    }

    /// What moving `bytes` costs, rounded up; nothing when the price is not by the gigabyte.
    pub fn for_bytes(&self, bytes: Bytes) -> Result<Money, MoneyError> {
        match self.per {
            PriceUnit::Gigabyte => self.amount.checked_ratio(bytes.get().into(), 1_000_000_000),
            _ => Ok(Money::zero(self.amount.currency())),
        }
    }

    /// What `calls` calls cost; nothing when the price is not by the call.
    pub fn for_calls(&self, calls: u64) -> Result<Money, MoneyError> {
        match self.per {
            PriceUnit::Call => self.amount.checked_mul(calls),
            _ => Ok(Money::zero(self.amount.currency())),
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.amount, self.per)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Money {
        format!("{text} USD").parse().unwrap()
    }

    #[test]
    fn reads_and_prints_exactly() {
        for (text, printed) in [
            ("500 USD", "500.00 USD"),
            ("0.000001 EUR", "0.000001 EUR"),
            ("-1.5USD", "-1.50 USD"),
            ("1_000.25 USD", "1000.25 USD"),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(money.to_string(), printed);
            assert_eq!(money.to_string().parse::<Money>().unwrap(), money);
        }
        assert_eq!(format!("{:>12.2}", usd("3.14159")), "    3.14 USD");
    }

    #[test]
    fn wrong_text_says_what_was_expected() {
        for (text, part) in [
            ("USD", "expected a number and an ISO 4217 currency"),
            ("500", "expected a number and an ISO 4217 currency"),
            ("5 usd", "unknown unit `usd`"),
            ("5 dollars", "unknown unit `dollars`"),
            ("0.0000001 USD", "at most six decimals"),
            ("99999999999999999999 USD", "out of range"),
        ] {
            let error = text.parse::<Money>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn charges_round_up_and_are_exact_otherwise() {
        let price = Price::per_hour(usd("36"));
        assert_eq!(price.for_span("1s".parse().unwrap()).unwrap(), usd("0.01"));
        assert_eq!(Price::per_hour(usd("0.000001")).for_span("1s".parse().unwrap()).unwrap(), usd("0.000001"));
        assert_eq!(Price::per_gigabyte(usd("0.09")).for_bytes("100 GB".parse().unwrap()).unwrap(), usd("9"));
        assert_eq!(Price::per_call(usd("0.002")).for_calls(500).unwrap(), usd("1"));
    }

    #[test]
    fn currencies_never_mix() {
        let euro: Money = "1 EUR".parse().unwrap();
        assert!(matches!(usd("1").checked_add(euro), Err(MoneyError::CurrencyMismatch { .. })));
        assert_eq!(usd("1").partial_cmp(&euro), None);
    }
}
