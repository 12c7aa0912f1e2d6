//! Amounts with a unit.
//!
//! All of them are integers of a smallest part (micro-units of money, bytes, microseconds, thousandths of a device),
//! so sums are exact and order is total; arithmetic is checked. Each reads from the text people write (`500 USD`,
//! `100 GB`, `12h`) and prints text that reads back to the same amount; `serde` uses that text. Floating point is
//! used for estimates only ([`Probability`], and the planner's means), never for what is owed or allotted.

mod amount;
mod bytes;
mod device;
mod money;
mod number;
mod probability;
mod time;
mod tokens;

pub use amount::{Amount, AmountError, Meter};
pub use bytes::Bytes;
pub use device::{CpuAmount, GpuAmount};
pub use money::{Currency, Money, MoneyError, Price, PriceUnit};
pub use number::UnitError;
pub use probability::Probability;
pub use time::{Span, Timestamp};
pub use tokens::Tokens;

use serde::de::Visitor;
use std::{fmt, marker::PhantomData, str::FromStr};

/// Gives a unit type `serde` through its text form and, with feature `schema`, a string schema with an example.
macro_rules! text_unit {
    ($name:ident, $schema_description:literal, $example:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(crate::unit::Parsed(std::marker::PhantomData))
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": $schema_description,
                    "examples": [$example],
                })
            }
        }
    };
}
pub(crate) use text_unit;

/// Reads a value from its text where that stands, without a copy.
pub(crate) struct Parsed<T>(pub(crate) PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}
