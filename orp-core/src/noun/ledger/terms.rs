//! The terms an account is kept under: over which time its limit holds, and what is wanted when it is reached.

use crate::id::RuleId;
use crate::unit::{Span, Timestamp, UnitError};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Over which time an account's limit holds.
///
/// A calendar window is an account of its own for each month or day, and the account's name says which; its bounds are
/// here so that the account can be forecast. A charge falls into the window its reservation was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountWindow {
    /// All time.
    #[default]
    Total,
    /// One window of a calendar.
    Between {
        /// Its first instant.
        from: Timestamp,
        /// The first instant after it.
        until: Timestamp,
    },
    /// The last so many hours or days at every instant. What was spent is forgotten at the latest 1/64 of the length after
    /// it is that old, and never before.
    Rolling {
        /// How long.
        last: Span,
    },
}

/// What an account wants when it has too little left; the stricter one speaks where several accounts are short.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnLimit {
    /// Somebody is asked, by this approval flow.
    Ask(RuleId),
    /// The work is suspended until there is more.
    Suspend,
    /// No.
    #[default]
    Deny,
}

impl fmt::Display for OnLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(flow) => write!(f, "ask `{flow}`"),
            Self::Suspend => f.pad("suspend"),
            Self::Deny => f.pad("deny"),
        }
    }
}

/// What an account wants when a charge passes its reservation; the stricter one speaks where accounts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnOverrun {
    /// The charge is taken: what passes the reservation is counted as overrun, and told.
    Record,
    /// The charge is refused: the reservation is to be extended first.
    Extend,
    /// The charge is refused: the work is to be suspended.
    #[default]
    Suspend,
}

impl fmt::Display for OnOverrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Record => "record",
            Self::Extend => "extend",
            Self::Suspend => "suspend",
        })
    }
}

/// When to tell that an account's limit comes near, in percent of it. Reads and prints as `80%`, `forecast>100%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertAt {
    /// So much of it is spent.
    Spent(u16),
    /// More than so much of it will have been spent when the window ends, if spending goes on as it did.
    Forecast(u16),
}

impl fmt::Display for AlertAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spent(percent) => write!(f, "{percent}%"),
            Self::Forecast(percent) => write!(f, "forecast>{percent}%"),
        }
    }
}

impl FromStr for AlertAt {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, alert): (_, fn(u16) -> Self) = match text.trim().strip_prefix("forecast") {
            Some(rest) => (rest.trim_start().strip_prefix('>'), Self::Forecast),
            None => (Some(text), Self::Spent),
        };
        let number = number.and_then(|number| number.trim().strip_suffix('%'));
        let percent = number.and_then(|number| number.trim_end().parse().ok()).filter(|percent| *percent > 0);
        percent.map(alert).ok_or(UnitError::Malformed {
            text: text.into(),
            what: "an alert",
            expected: "a whole percentage of the limit from 1%, spent or forecast, such as `80%`, `forecast>100%`",
        })
    }
}
crate::unit::text_unit!(AlertAt, "A percentage of the limit that is spent or forecast", "80%");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_read_and_print() {
        for (text, alert, printed) in [
            ("80%", AlertAt::Spent(80), "80%"),
            (" 120 % ", AlertAt::Spent(120), "120%"),
            ("forecast > 100%", AlertAt::Forecast(100), "forecast>100%"),
        ] {
            assert_eq!(text.parse::<AlertAt>().unwrap(), alert);
            assert_eq!(alert.to_string(), printed);
        }
        for text in ["", "80", "0%", "-1%", "1.5%", "99999%", "forecast 80%", "forecast<80%"] {
            assert!(text.parse::<AlertAt>().unwrap_err().to_string().contains("`forecast>100%`"), "{text}");
        }
    }

    #[test]
    fn the_stricter_word_is_the_greater() {
        let ask = OnLimit::Ask(RuleId::new("owner").unwrap());
        assert!(OnLimit::Deny > OnLimit::Suspend && OnLimit::Suspend > ask);
        assert!(OnOverrun::Suspend > OnOverrun::Extend && OnOverrun::Extend > OnOverrun::Record);
        assert_eq!(serde_json::to_string(&ask).unwrap(), r#"{"ask":"owner"}"#);
    }
}
