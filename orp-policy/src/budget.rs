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
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};
use orp_core::id::{BudgetName, Principal, RuleId};
use orp_core::noun::{AccountWindow, AlertAt, BudgetSpec, Digest, OnLimit, OnOverrun, PolicyRequest};
use orp_core::unit::{Amount, Meter, Span, Timestamp};
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
    /// Each of the calendar's days, months or years anew.
    Calendar(CalendarUnit),
    /// The last so many hours or days, at every instant.
    Rolling(Span),
}

/// A part of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CalendarUnit {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday: the weeks of ISO 8601.
    Week,
    /// From the first day to the last.
    Month,
    /// Three months, from January, April, July and October on.
    Quarter,
    /// From the first of January to the last of December.
    Year,
}

impl Window {
    /// The window that a time falls into: its part of an account's name (`2026-11`, `2026-11-23`, `2026-W48`, `2026-Q4`,
    /// `total`, `last-30d`) and its bounds; `None` beyond the calendar's end, about 260,000 years from now.
    pub fn at(self, time: Timestamp) -> Option<(String, AccountWindow)> {
        let unit = match self {
            Self::Total => return Some(("total".into(), AccountWindow::Total)),
            Self::Rolling(last) => return Some((format!("last-{last}"), AccountWindow::Rolling { last })),
            Self::Calendar(unit) => unit,
        };
        let day = DateTime::<Utc>::from_timestamp_micros(time.as_micros())?.date_naive();
        let (first, next) = unit.around(day)?;
        let instant =
            |day: NaiveDate| Timestamp::from_micros(day.and_time(NaiveTime::MIN).and_utc().timestamp_micros());
        let name = match unit {
            CalendarUnit::Day => first.format("%Y-%m-%d").to_string(),
            CalendarUnit::Week => first.format("%G-W%V").to_string(),
            CalendarUnit::Month => first.format("%Y-%m").to_string(),
            CalendarUnit::Quarter => format!("{}-Q{}", first.format("%Y"), first.month0() / 3 + 1),
            CalendarUnit::Year => first.format("%Y").to_string(),
        };
        Some((name, AccountWindow::Between { from: instant(first), until: instant(next) }))
    }
}

impl CalendarUnit {
    /// The first day of the unit that a day falls into, and the first day after it.
    fn around(self, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let months = |first: NaiveDate, count: u32| Some((first, first.checked_add_months(Months::new(count))?));
        match self {
            Self::Day => Some((day, day.succ_opt()?)),
            Self::Week => {
                let monday = day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into()))?;
                Some((monday, monday.checked_add_days(Days::new(7))?))
            }
            Self::Month => months(day.with_day(1)?, 1),
            Self::Quarter => months(day.with_day(1)?.with_month0(day.month0() / 3 * 3)?, 3),
            Self::Year => months(day.with_day(1)?.with_month0(0)?, 12),
        }
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
    pub(crate) limit: Amount,
    /// Limits of single accounts, by the values' part of the account's name.
    pub(crate) overrides: BTreeMap<String, Amount>,
    /// The budget whose account everything here is held on too.
    pub(crate) parent: Option<RuleId>,
    pub(crate) on_limit: OnLimit,
    pub(crate) on_overrun: OnOverrun,
    pub(crate) alerts: Vec<AlertAt>,
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

    /// What it counts.
    pub const fn meter(&self) -> Meter {
        self.limit.meter()
    }

    /// The budget that everything here is held on too.
    pub const fn parent(&self) -> Option<&RuleId> {
        self.parent.as_ref()
    }

    /// The account that a charge with these facts falls under, without its parent; `None` when the budget is not about it. A
    /// budget whose conditions cannot be judged is about it.
    pub fn account(&self, request: &PolicyRequest) -> Option<BudgetSpec> {
        let view = View::new(&request.facts, request.at);
        match self.conditions.judge(view) {
            Truth::False => None,
            Truth::True | Truth::Unknown => self.account_of(view),
        }
    }

    /// The account of whom the facts say, whatever the conditions.
    pub(crate) fn account_of(&self, view: View<'_>) -> Option<BudgetSpec> {
        let nothing = self.limit.zero();
        let (name, limit, window) = match (self.holder(view), self.window.at(view.at())) {
            (Account::None, _) => return None,
            (Account::Unknown(fact), _) => (format!("{}/unknown:{fact}", self.id), nothing, AccountWindow::Total),
            (Account::Of(_), None) => (format!("{}/unknown:time", self.id), nothing, AccountWindow::Total),
            (Account::Of(values), Some((window, bounds))) => {
                let limit = self.overrides.get(&values).copied().unwrap_or(self.limit);
                let values = if values.len() > VALUES_LIMIT_BYTES { digest_of(&values) } else { values };
                let holder = if self.per.is_empty() { String::new() } else { format!("/{values}") };
                (format!("{}{holder}/{window}", self.id), limit, bounds)
            }
        };
        // INVARIANT: every part is made of a name's characters and they fit: see `escape` and the limits above.
        let name = BudgetName::new(name).ok()?;
        let spec =
            BudgetSpec::new(name, limit, self.id.clone()).with_window(window).with_on_limit(self.on_limit.clone());
        Some(spec.with_on_overrun(self.on_overrun).with_alerts(self.alerts.iter().copied()))
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
            ("{calendar: week}", "2027-01-03T23:59:59Z", "b/2026-W53 5.00 USD"),
            ("{calendar: quarter}", "2026-12-31T23:59:59Z", "b/2026-Q4 5.00 USD"),
            ("{calendar: quarter}", "2027-01-01T00:00:00Z", "b/2027-Q1 5.00 USD"),
            ("{calendar: year}", "2026-11-23T04:38:00Z", "b/2026 5.00 USD"),
            ("{rolling: 30d}", "2026-11-23T04:38:00Z", "b/last-30d 5.00 USD"),
            ("{calendar: day}", "9223372036854775807us", "b/unknown:time 0.00 USD"),
        ] {
            assert_eq!(account(&format!("window: {window}"), &[], at), name, "{window} {at}");
        }
    }

    #[test]
    fn windows_have_the_bounds_of_their_name() {
        let at: Timestamp = "2026-11-23T04:38:00Z".parse().unwrap();
        for (unit, bounds) in [
            (CalendarUnit::Day, ["2026-11-23", "2026-11-24"]),
            (CalendarUnit::Week, ["2026-11-23", "2026-11-30"]),
            (CalendarUnit::Month, ["2026-11-01", "2026-12-01"]),
            (CalendarUnit::Quarter, ["2026-10-01", "2027-01-01"]),
            (CalendarUnit::Year, ["2026-01-01", "2027-01-01"]),
        ] {
            let [from, until] = bounds.map(|day| format!("{day}T00:00:00Z").parse().unwrap());
            assert_eq!(Window::Calendar(unit).at(at).unwrap().1, AccountWindow::Between { from, until }, "{unit:?}");
        }
    }

    /// What is held on an account is held on all above it, which are named with it, each once.
    #[test]
    fn accounts_come_with_those_above_them() {
        let budget = |id: &str, spec: &str| {
            format!(
                "---\n{{apiVersion: orp.policy/v1, kind: Budget, metadata: {{id: {id}}}, spec: {{limit: 5 USD, {spec}}}}}\n"
            )
        };
        let text = [
            budget("org", "window: {calendar: year}, where: {resource.kind: cpu}"),
            budget("team", "window: {calendar: month}, per: [labels.team], parent: org, when: has(labels.team)"),
            budget(
                "project",
                "window: {calendar: month}, per: [project.id], parent: org, alerts: [80%], onLimit: suspend",
            ),
        ];
        let set = PolicySet::from_sources(&[Source::new("b.yaml", &text.concat())]).unwrap();
        let request = PolicyRequest::new(PolicyPoint::Run, "x", "2026-11-23T04:38:00Z".parse().unwrap())
            .with_fact("project.id", "vision")
            .with_fact("resource.kind", "gpu")
            .with_fact("labels.team", "red");
        let accounts = set.budgets(&request);
        let shown: Vec<String> = accounts
            .iter()
            .map(|account| format!("{} < {}", account.name, account.parent.as_ref().map_or("-", |name| name.as_str())))
            .collect();
        assert_eq!(shown, ["project/vision/2026-11 < org/2026", "org/2026 < -", "team/red/2026-11 < org/2026"]);
        assert_eq!((accounts[0].on_limit.clone(), accounts[0].alerts.len()), (OnLimit::Suspend, 1));
        orp_core::noun::Ledger::default().open_all(&accounts).unwrap();
    }

    #[test]
    fn accounts_are_named_after_their_holders() {
        let (long, longest) = ("x".repeat(300), "x".repeat(VALUES_LIMIT_BYTES));
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
            ("per: [project.id]", &[("project.id", longest.as_str())], &format!("b/{longest}/total 5.00 USD")),
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
