//! What policy is asked, and what it answers.

use super::{AccountWindow, AlertAt, DataClass, Digest, Obligations, OnLimit, OnOverrun};
use crate::id::{BudgetName, RuleId};
use crate::unit::{Amount, Money, Timestamp};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{collections::BTreeMap, fmt};

/// Where in the way of an intent the question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyPoint {
    /// May this be wanted at all?
    Intent,
    /// May this plan be run?
    Plan,
    /// May this task use this offer?
    Place,
    /// May this data go there?
    Transfer,
    /// May this run start?
    Run,
    /// May this tool be called so?
    ToolCall,
    /// May the rest be planned so?
    Replan,
    /// May this be registered for others?
    Publish,
}

impl fmt::Display for PolicyPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Intent => "intent",
            Self::Plan => "plan",
            Self::Place => "place",
            Self::Transfer => "transfer",
            Self::Run => "run",
            Self::ToolCall => "tool_call",
            Self::Replan => "replan",
            Self::Publish => "publish",
        })
    }
}

/// The value of a fact.
///
/// In JSON, flags, whole numbers, texts and lists of texts stand for themselves; the others say what they are
/// (`{"class": "restricted"}`, `{"money": "5 USD"}`, `{"time": "2026-11-23T00:00:00Z"}`), so that what is written reads back
/// as the same value. A policy engine that knows a fact's kind may take its plain text as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactValue {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A data class, which has an order.
    Class(DataClass),
    /// An amount of money, which has an order within its currency.
    Money(Money),
    /// A point in time.
    Time(Timestamp),
    /// Several texts.
    Texts(Vec<String>),
    /// Any other text.
    Text(String),
}

/// A value that is written with what it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    Class(DataClass),
    Money(Money),
    Time(Timestamp),
}

impl Serialize for FactValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => flag.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Class(class) => Named::Class(*class).serialize(serializer),
            Self::Money(money) => Named::Money(*money).serialize(serializer),
            Self::Time(time) => Named::Time(*time).serialize(serializer),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FactValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads a fact's value by the kind of what is written. Requests are mostly facts, and an untagged enum would copy each of
/// them before it is known for what it is.
struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = FactValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a flag, a whole number, a text, a list of texts, or one of `class`, `money`, `time` with its value",
        )
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<FactValue, E> {
        Ok(FactValue::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<FactValue, E> {
        Ok(FactValue::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<FactValue, E> {
        let too_large = |_| E::custom(format!("{number} is too large for a fact: expected at most {}", i64::MAX));
        i64::try_from(number).map(FactValue::Number).map_err(too_large)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FactValue, E> {
        Ok(FactValue::Text(text.into()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<FactValue, E> {
        Ok(FactValue::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<FactValue, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(FactValue::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FactValue, A::Error> {
        let value = match Named::deserialize(MapAccessDeserializer::new(&mut map))? {
            Named::Class(class) => FactValue::Class(class),
            Named::Money(money) => FactValue::Money(money),
            Named::Time(time) => FactValue::Time(time),
        };
        match map.next_key::<String>()? {
            None => Ok(value),
            Some(more) => Err(A::Error::custom(format!("`{more}` beside a value: expected one of them"))),
        }
    }
}

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Class(class) => write!(f, "{class}"),
            Self::Money(money) => write!(f, "{money}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Texts(texts) => write!(f, "[{}]", texts.join(", ")),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for FactValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for FactValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Timestamp> for FactValue {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<Vec<String>> for FactValue {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

impl From<bool> for FactValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for FactValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<DataClass> for FactValue {
    fn from(class: DataClass) -> Self {
        Self::Class(class)
    }
}

impl From<Money> for FactValue {
    fn from(money: Money) -> Self {
        Self::Money(money)
    }
}

/// Facts by dotted name: `dataset.class`, `model.visibility`, `project.id`, `resource.kind`, `cost`.
pub type Facts = BTreeMap<String, FactValue>;

/// A question to policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PolicyRequest {
    /// Where it is asked.
    pub point: PolicyPoint,
    /// The kind of action: the goal's kind, `publish`, …
    pub action: String,
    /// What is known.
    pub facts: Facts,
    /// When: calendar windows go by it.
    pub at: Timestamp,
}

impl PolicyRequest {
    /// A question without facts.
    pub fn new(point: PolicyPoint, action: impl Into<String>, at: Timestamp) -> Self {
        Self { point, action: action.into(), facts: Facts::new(), at }
    }

    /// One more fact.
    pub fn with_fact(mut self, name: impl Into<String>, value: impl Into<FactValue>) -> Self {
        self.facts.insert(name.into(), value.into());
        self
    }
}

/// Yes, no, or ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may.
    Permit,
    /// It may, once somebody approved it.
    NeedsApproval,
    /// It may not.
    Forbid,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Permit => "permit",
            Self::NeedsApproval => "needs approval",
            Self::Forbid => "forbid",
        })
    }
}

/// Why: which rule spoke, on what, and what would change its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule.
    pub rule: RuleId,
    /// What it says, with the facts filled in.
    pub because: String,
    /// What would change the answer.
    pub remedy: Option<String>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`: {}", self.rule, self.because)?;
        match &self.remedy {
            Some(remedy) => write!(f, " (remedy: {remedy})"),
            None => Ok(()),
        }
    }
}

/// What policy answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PolicyDecision {
    /// Yes, no, or ask.
    pub verdict: Verdict,
    /// Why; never empty unless permitted by no rule's word.
    pub reasons: Vec<Reason>,
    /// What must be kept to, unless forbidden.
    #[serde(default, skip_serializing_if = "Obligations::is_empty")]
    pub obligations: Obligations,
    /// What was set aside, and by which exception.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Reason>,
    /// What rules say that warn and do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Reason>,
    /// The digest of the policy set that answered.
    pub policy: Digest,
}

impl PolicyDecision {
    /// A decision with its reasons.
    pub fn new(verdict: Verdict, reasons: Vec<Reason>, policy: Digest) -> Self {
        let (obligations, exceptions, warnings) = (Obligations::default(), Vec::new(), Vec::new());
        Self { verdict, reasons, obligations, exceptions, warnings, policy }
    }

    /// The decision with what must be kept to.
    pub fn with_obligations(mut self, obligations: Obligations) -> Self {
        self.obligations = obligations;
        self
    }

    /// The decision with what exceptions set aside.
    pub fn with_exceptions(mut self, exceptions: Vec<Reason>) -> Self {
        self.exceptions = exceptions;
        self
    }

    /// The decision with what rules say that warn.
    pub fn with_warnings(mut self, warnings: Vec<Reason>) -> Self {
        self.warnings = warnings;
        self
    }

    /// Whether it may go on at once.
    pub fn is_permit(&self) -> bool {
        self.verdict == Verdict::Permit
    }
}

impl fmt::Display for PolicyDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        for (at, reason) in self.reasons.iter().enumerate() {
            write!(f, "{}{reason}", if at == 0 { ": " } else { "; " })?;
        }
        if !self.obligations.is_empty() {
            write!(f, "; provided: {}", self.obligations)?;
        }
        self.exceptions.iter().try_for_each(|exception| write!(f, "; exception: {exception}"))?;
        self.warnings.iter().try_for_each(|warning| write!(f, "; warning of {warning}"))
    }
}

/// A budget as the ledger knows it: the terms of one account, for one window.
///
/// ```
/// use orp_core::prelude::*;
///
/// let limit: Money = "20000 USD".parse()?;
/// let budget = BudgetSpec::new(BudgetName::new("gpu-month/vision/2026-11")?, limit, RuleId::new("gpu-month")?)
///     .with_parent(BudgetName::new("gpu-month-org/2026-11")?)
///     .with_window(AccountWindow::Between { from: "2026-11-01T00:00:00Z".parse()?, until: "2026-12-01T00:00:00Z".parse()? })
///     .with_on_limit(OnLimit::Ask(RuleId::new("budget-owner")?))
///     .with_alerts(["50%".parse()?, "80%".parse()?, "forecast>100%".parse()?]);
/// let journaled = r#"{"name": "gpu-month/vision/2026-11", "limit": "20000.00 USD", "rule": "gpu-month"}"#;
/// assert_eq!(serde_json::from_str::<BudgetSpec>(journaled)?.on_limit, OnLimit::Deny);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BudgetSpec {
    /// The account: the budget, who it is for, and its window: `gpu-month/vision/2026-11`.
    pub name: BudgetName,
    /// The most that may be spent and reserved on it; its meter is the account's.
    pub limit: Amount,
    /// The policy rule or document it comes from.
    pub rule: RuleId,
    /// The account that everything held on this one is held on too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<BudgetName>,
    /// Over which time the limit holds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub window: AccountWindow,
    /// What is wanted where too little is left.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_limit: OnLimit,
    /// What is wanted where a charge passes its reservation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_overrun: OnOverrun,
    /// When to tell that the limit comes near.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertAt>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl BudgetSpec {
    /// A budget over all time that denies at its limit, suspends on overrun, and alerts nobody.
    pub fn new(name: BudgetName, limit: impl Into<Amount>, rule: RuleId) -> Self {
        Self {
            name,
            limit: limit.into(),
            rule,
            parent: None,
            window: AccountWindow::default(),
            on_limit: OnLimit::default(),
            on_overrun: OnOverrun::default(),
            alerts: Vec::new(),
        }
    }

    /// The same under a parent.
    pub fn with_parent(mut self, parent: BudgetName) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The same over another time.
    pub fn with_window(mut self, window: AccountWindow) -> Self {
        self.window = window;
        self
    }

    /// The same with another answer at its limit.
    pub fn with_on_limit(mut self, on_limit: OnLimit) -> Self {
        self.on_limit = on_limit;
        self
    }

    /// The same with another answer to overruns.
    pub fn with_on_overrun(mut self, on_overrun: OnOverrun) -> Self {
        self.on_overrun = on_overrun;
        self
    }

    /// The same with these alerts instead of any others.
    pub fn with_alerts(mut self, alerts: impl IntoIterator<Item = AlertAt>) -> Self {
        self.alerts = alerts.into_iter().collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_as_the_same_value() {
        let money: Money = "5 USD".parse().unwrap();
        let values = [
            FactValue::Flag(true),
            (-3).into(),
            DataClass::Public.into(),
            money.into(),
            Timestamp::EPOCH.into(),
            vec!["a".to_owned()].into(),
            "5 USD".into(),
            "public".into(),
        ];
        for value in values {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<FactValue>(&text).unwrap(), value, "{text}");
            let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::from_value::<FactValue>(tree).unwrap(), value, "{text}");
            assert_eq!(serde_json::from_reader::<_, FactValue>(text.as_bytes()).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn what_is_no_fact_is_refused() {
        for (text, part) in [
            ("null", "expected a flag, a whole number"),
            ("1.5", "expected a flag, a whole number"),
            ("9223372036854775808", "at most 9223372036854775807"),
            ("[1]", "expected a string"),
            ("{}", "expected"),
            (r#"{"amount": 1}"#, "unknown variant `amount`"),
            (r#"{"money": "five"}"#, "`five`"),
            (r#"{"class": "public", "money": "5 USD"}"#, "`money` beside a value"),
        ] {
            let error = serde_json::from_str::<FactValue>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
