//! Budgets: which account a charge falls under, and how much that may hold.
//!
//! A budget is a ceiling for each value of some facts in each window of time: 20,000 USD for each project and month. Here
//! it only *names* the account and its limit; the [ledger](orp_core::noun::ledger) keeps `spent + reserved ≤ limit`.
//!
//! The account's name is `<budget>/<values>/<window>`: `gpu-month-project/vision/2026-11`. What cannot stand in a name is
//! written as `+` and two hexadecimal digits for each byte (so is `-` when several values are joined by it), so that no two
//! accounts share a name. Where a value is not known, the charge falls under an account that holds nothing: a budget is
//! never passed by leaving out whom it is for.

use crate::condition::{Expr, Truth};
use crate::fact::{FactKind, FactName, Reading};
use crate::view::View;
use chrono::{DateTime, Utc};
use orp_core::id::{BudgetName, Principal, RuleId};
use orp_core::noun::{BudgetSpec, Digest, PolicyRequest};
use orp_core::unit::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write};

/// The longest id of a budget, in bytes: it leaves room for values and window in the account's name.
pub const ID_LIMIT_BYTES: usize = 64;

/// The longest text of the values in an account's name, in bytes; longer ones are named by their digest.
const VALUES_LIMIT_BYTES: usize = 100;

/// The time over which a budget's limit holds. Calendars are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// All time.
    Total,
    /// Each of the calendar's days or months anew.
    Calendar(CalendarUnit),
}

/// A part of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CalendarUnit {
    /// From midnight to midnight.
    Day,
    /// From the first day to the last.
    Month,
}

impl Window {
    /// The window's part of an account's name: `2026-11`, `2026-11-23` or `total`; `None` beyond the calendar's end, about
    /// 260,000 years from now.
    pub fn name_at(self, time: Timestamp) -> Option<String> {
        let format = match self {
            Self::Total => return Some("total".into()),
            Self::Calendar(CalendarUnit::Month) => "%Y-%m",
            Self::Calendar(CalendarUnit::Day) => "%Y-%m-%d",
        };
        DateTime::<Utc>::from_timestamp_micros(time.as_micros()).map(|time| time.format(format).to_string())
    }
}

/// A fact that says whose account it is: any but an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct Holder(FactName);

impl TryFrom<FactName> for Holder {
    type Error = String;
    fn try_from(fact: FactName) -> Result<Self, String> {
        match &fact.declaration().kind {
            FactKind::Text | FactKind::OneOf(_) | FactKind::Number | FactKind::Flag | FactKind::Class => Ok(Self(fact)),
            kind => Err(format!("`{fact}` is {kind}: expected a fact that says whose account it is")),
        }
    }
}

/// One budget of a set.
#[derive(Debug, Clone, Serialize)]
pub struct Budget {
    pub(crate) id: RuleId,
    pub(crate) owner: Option<Principal>,
    pub(crate) per: Vec<Holder>,
    pub(crate) conditions: Expr,
    pub(crate) window: Window,
    pub(crate) limit: Money,
    /// Limits of single accounts, by the values' part of the account's name.
    pub(crate) overrides: BTreeMap<String, Money>,
}

/// Whose account a charge falls under.
enum Account {
    /// This one's, as it stands in the account's name.
    Of(String),
    /// Nobody's: there is no such subject.
    None,
    /// It cannot be said: this fact is missing.
    Unknown(FactName),
}

impl Budget {
    /// Its id, unique in its set.
    pub const fn id(&self) -> &RuleId {
        &self.id
    }

    /// Who answers for it.
    pub const fn owner(&self) -> Option<&Principal> {
        self.owner.as_ref()
    }

    /// The account that a charge with these facts falls under; `None` when the budget is not about it. A budget whose
    /// conditions cannot be judged is about it.
    pub fn account(&self, request: &PolicyRequest) -> Option<BudgetSpec> {
        let view = View::new(&request.facts, request.at);
        if self.conditions.judge(view) == Truth::False {
            return None;
        }
        let window = self.window.name_at(request.at);
        let (name, limit) = match (self.holder(view), window) {
            (Account::None, _) => return None,
            (Account::Unknown(fact), _) => (format!("{}/unknown:{fact}", self.id), Money::zero(self.limit.currency())),
            (Account::Of(_), None) => (format!("{}/unknown:time", self.id), Money::zero(self.limit.currency())),
            (Account::Of(values), Some(window)) => {
                let limit = self.overrides.get(&values).copied().unwrap_or(self.limit);
                let values = if values.len() > VALUES_LIMIT_BYTES { digest_of(&values) } else { values };
                let holder = if self.per.is_empty() { String::new() } else { format!("/{values}") };
                (format!("{}{holder}/{window}", self.id), limit)
            }
        };
        // INVARIANT: every part is made of a name's characters and they fit: see `escape` and the limits above.
        let name = BudgetName::new(name).ok()?;
        Some(BudgetSpec::new(name, limit, self.id.clone()))
    }

    fn holder(&self, view: View<'_>) -> Account {
        let mut values = Vec::with_capacity(self.per.len());
        for Holder(fact) in &self.per {
            match fact.read(view) {
                Reading::Value(value) => values.push(escape(&value.to_string(), self.per.len() > 1)),
                Reading::NoSubject => return Account::None,
                _ => return Account::Unknown(fact.clone()),
            }
        }
        Account::Of(values.join("-"))
    }
}

/// A value as it stands in an account's name. Different values stay different.
pub(crate) fn escape(value: &str, joined: bool) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_alphanumeric() || "._@".contains(c) || (c == '-' && !joined) {
            text.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(text, "+{byte:02x}");
            }
        }
    }
    text
}

/// The name of values that are too long for one: `#` stands in no escaped value.
fn digest_of(values: &str) -> String {
    Digest::of(values.as_bytes()).to_string().replacen("sha256:", "#", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicySet;
    use orp_core::contract::PolicyEngine;
    use orp_core::document::Source;
    use orp_core::noun::PolicyPoint;

    fn account(spec: &str, facts: &[(&str, &str)], at: &str) -> String {
        let text =
            format!("{{apiVersion: orp.policy/v1, kind: Budget, metadata: {{id: b}}, spec: {{limit: 5 USD, {spec}}}}}");
        let set = PolicySet::from_sources(&[Source::new("b.yaml", &text)]).unwrap();
        let request = PolicyRequest::new(PolicyPoint::Run, "x", at.parse().unwrap());
        let request = facts.iter().fold(request, |request, (name, value)| request.with_fact(*name, *value));
        set.budgets(&request).iter().map(|account| format!("{} {}", account.name, account.limit)).collect()
    }

    #[test]
    fn windows_are_those_of_the_utc_calendar() {
        for (window, at, name) in [
            ("total", "2026-11-23T04:38:00Z", "b/total 5.00 USD"),
            ("{calendar: month}", "2026-11-30T23:59:59.999999Z", "b/2026-11 5.00 USD"),
            ("{calendar: month}", "2026-12-01T00:00:00Z", "b/2026-12 5.00 USD"),
            ("{calendar: month}", "2026-12-01T07:59:59+08:00", "b/2026-11 5.00 USD"),
            ("{calendar: day}", "2028-02-29T12:00:00Z", "b/2028-02-29 5.00 USD"),
            ("{calendar: day}", "-1us", "b/1969-12-31 5.00 USD"),
            ("{calendar: day}", "9223372036854775807us", "b/unknown:time 0.00 USD"),
        ] {
            assert_eq!(account(&format!("window: {window}"), &[], at), name, "{window} {at}");
        }
    }

    #[test]
    fn accounts_are_named_after_their_holders() {
        let long = "x".repeat(300);
        let vision = [("project.id", "vision"), ("requester", "ada")];
        let dashed = [("project.id", "a-b"), ("requester", "c d/é")];
        for (spec, facts, name) in [
            ("per: [project.id]", &vision[..], "b/vision/total 5.00 USD"),
            ("per: [project.id, requester]", &vision, "b/vision-ada/total 5.00 USD"),
            ("per: [project.id]", &dashed, "b/a-b/total 5.00 USD"),
            ("per: [project.id, requester]", &dashed, "b/a+2db-c+20d+2fé/total 5.00 USD"),
            ("per: [project.id], overrides: {vision: 9 USD}", &vision, "b/vision/total 9.00 USD"),
            ("per: [project.id], overrides: {a/b: 9 USD}", &[("project.id", "a/b")], "b/a+2fb/total 9.00 USD"),
            ("per: [project.id, requester], overrides: {vision-ada: 0 USD}", &vision, "b/vision-ada/total 0.00 USD"),
            (
                "per: [project.id, requester], overrides: {a+2db-c+20d+2fé: 9 USD}",
                &dashed,
                "b/a+2db-c+20d+2fé/total 9.00 USD",
            ),
            ("per: [requester, project.id]", &vision[..1], "b/unknown:requester 0.00 USD"),
            ("per: [dataset.class]", &[("dataset.class", "public")], "b/public/total 5.00 USD"),
            ("per: [project.id]", &[("project.id", "a+2fb")], "b/a+2b2fb/total 5.00 USD"),
            ("per: [dataset.class]", &[("dataset.name", "x")], "b/unknown:dataset.class 0.00 USD"),
            ("per: [dataset.class]", &vision, ""),
            ("per: [labels.team]", &vision, "b/unknown:labels.team 0.00 USD"),
            (
                "per: [project.id]",
                &[("project.id", long.as_str())],
                "b/#0d4e2ca9e9cbced7a7a5380eb29e1a3783b9b6d0db72de36a1051038e1c1fbc7/total 5.00 USD",
            ),
        ] {
            assert_eq!(account(&format!("window: total, {spec}"), facts, "2026-11-23T04:38:00Z"), name, "{spec}");
        }
    }
}
