//! Conditions on facts, and what comes of them: true, false, or unknown.
//!
//! Their form is that of [`document`](crate::document).
//!
//! All conditions of a `where` must hold. The conjunction is Kleene's: one false makes it false whatever else is unknown,
//! else one unknown makes it unknown. So a rule that plainly does not apply never fails on a fact it did not need.

use crate::fact::{FactKind, FactName, Gap, Reading, Value, Why};
use orp_core::noun::{FactValue, Facts};
use orp_core::unit::{Currency, Money};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::{cmp::Ordering, collections::BTreeMap, fmt};

/// What comes of conditions; `Unknown` says what kept them from being judged.
#[derive(Debug)]
pub(crate) enum Truth<'a> {
    False,
    True,
    Unknown(Vec<Gap<'a>>),
}

/// Conditions by fact: all must hold. None were given when there are none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Conditions(BTreeMap<FactName, Condition>);

impl Conditions {
    /// Judges the conditions on what a request says.
    pub(crate) fn judge<'a>(&'a self, facts: &'a Facts) -> Truth<'a> {
        let mut gaps = Vec::new();
        for (fact, condition) in &self.0 {
            let reading = fact.read(facts);
            let mut gap = None;
            for test in &condition.0 {
                match test.judge(reading) {
                    Ok(true) => {}
                    Ok(false) => return Truth::False,
                    Err(why) => gap = Some(Gap { fact, why }),
                }
            }
            gaps.extend(gap);
        }
        if gaps.is_empty() { Truth::True } else { Truth::Unknown(gaps) }
    }

    /// The facts spoken of.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &FactName> {
        self.0.keys()
    }

    /// The facts that must equal one of some texts, with those texts: what an index can go by.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&FactName, Vec<&str>)> {
        self.0.iter().filter_map(|(fact, condition)| {
            let values = condition.0.iter().find_map(|test| match test {
                Test::AnyOf(values) => Some(values),
                _ => None,
            })?;
            let texts = values.iter().map(|value| match value {
                FactValue::Text(text) => Some(text.as_str()),
                _ => None,
            });
            Some((fact, texts.collect::<Option<_>>()?))
        })
    }
}

/// Tests of one fact: all must hold. At least one, in the order of their names, each at most once.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
struct Condition(Vec<Test>);

impl Condition {
    fn any_of(values: Vec<FactValue>) -> Self {
        Self(vec![Test::AnyOf(values)])
    }
}

/// One test of a fact. Values are of the kind that the fact is declared as.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Test {
    AnyOf(Vec<FactValue>),
    AtLeast(FactValue),
    AtMost(FactValue),
    Not(Vec<FactValue>),
    Present(bool),
}

impl Test {
    fn judge<'a>(&self, reading: Reading<'a>) -> Result<bool, Why<'a>> {
        let value = match (self, reading) {
            (Self::Present(wanted), reading) => {
                return Ok(*wanted == matches!(reading, Reading::Value(_) | Reading::Mistyped(_)));
            }
            (_, Reading::Value(value)) => value,
            (_, Reading::Mistyped(found)) => return Err(Why::Mistyped(found)),
            (_, Reading::Missing) | (Self::Not(_), Reading::Unset) => return Err(Why::Missing),
            (_, Reading::NoSubject | Reading::Unset) => return Ok(false),
        };
        match self {
            Self::AnyOf(list) => is_one_of(value, list),
            Self::Not(list) => is_one_of(value, list).map(|is| !is),
            Self::AtLeast(bound) => compare(value, bound).map(Ordering::is_ge),
            Self::AtMost(bound) => compare(value, bound).map(Ordering::is_le),
            Self::Present(_) => Ok(true),
        }
    }
}

fn is_one_of<'a>(value: Value<'a>, list: &[FactValue]) -> Result<bool, Why<'a>> {
    for literal in list {
        if compare(value, literal)?.is_eq() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The order of a value and a literal. Kinds agree, for both were read by the fact's declaration; were they not to, nothing
/// could be said.
fn compare<'a>(value: Value<'a>, literal: &FactValue) -> Result<Ordering, Why<'a>> {
    match (value, literal) {
        (Value::Text(text), FactValue::Text(literal)) => Ok(text.cmp(literal.as_str())),
        (Value::Number(number), FactValue::Number(literal)) => Ok(number.cmp(literal)),
        (Value::Class(class), FactValue::Class(literal)) => Ok(class.cmp(literal)),
        (Value::Money(money), FactValue::Money(literal)) => {
            money.partial_cmp(literal).ok_or(Why::Currency(money, *literal))
        }
        _ => Err(Why::Missing),
    }
}

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Conditions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of facts to conditions")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Conditions, A::Error> {
                let mut conditions = BTreeMap::new();
                while let Some(fact) = map.next_key::<FactName>()? {
                    let condition = map.next_value_seed(ConditionOf(&fact))?;
                    conditions.insert(fact, condition);
                }
                if conditions.is_empty() {
                    return Err(A::Error::custom("no conditions: expected at least one, or no `where` for always"));
                }
                Ok(Conditions(conditions))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// Reads the condition on a fact: a value, a list of values, or a map of tests.
struct ConditionOf<'f>(&'f FactName);

impl<'de> DeserializeSeed<'de> for ConditionOf<'_> {
    type Value = Condition;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Condition, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ConditionOf<'_> {
    type Value = Condition;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for `{}`, a list of them, or a map of tests", self.0.declaration().kind, self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Condition, E> {
        ListOf(self.0).visit_str(text).map(Condition::any_of)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Condition, E> {
        ListOf(self.0).visit_i64(number).map(Condition::any_of)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Condition, E> {
        ListOf(self.0).visit_u64(number).map(Condition::any_of)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Condition, A::Error> {
        ListOf(self.0).visit_seq(list).map(Condition::any_of)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Condition, A::Error> {
        let mut tests = BTreeMap::new();
        while let Some(name) = map.next_key::<TestName>()? {
            if matches!(name, TestName::AtLeast | TestName::AtMost) && !self.0.declaration().kind.is_ordered() {
                let kind = self.0.declaration().kind;
                return Err(A::Error::custom(format!("`{}` has no order: it is {kind}", self.0)));
            }
            let test = match name {
                TestName::AnyOf => Test::AnyOf(map.next_value_seed(ListOf(self.0))?),
                TestName::AtLeast => Test::AtLeast(map.next_value_seed(LiteralOf(self.0))?),
                TestName::AtMost => Test::AtMost(map.next_value_seed(LiteralOf(self.0))?),
                TestName::Not => Test::Not(map.next_value_seed(ListOf(self.0))?),
                TestName::Present => Test::Present(map.next_value()?),
            };
            tests.insert(name, test);
        }
        if tests.is_empty() {
            return Err(A::Error::custom(format!("no test of `{}`: expected at least one", self.0)));
        }
        one_currency(tests.values())?;
        Ok(Condition(tests.into_values().collect()))
    }
}

/// The names of tests, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TestName {
    AnyOf,
    AtLeast,
    AtMost,
    Not,
    Present,
}

/// Reads a list of values of a fact, or one value as a list of one. Sorted, each once.
struct ListOf<'f>(&'f FactName);

impl<'de> DeserializeSeed<'de> for ListOf<'_> {
    type Value = Vec<FactValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<FactValue>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListOf<'_> {
    type Value = Vec<FactValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for `{}`, or a list of them", self.0.declaration().kind, self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<FactValue>, E> {
        LiteralOf(self.0).visit_str(text).map(|value| vec![value])
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Vec<FactValue>, E> {
        LiteralOf(self.0).visit_i64(number).map(|value| vec![value])
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Vec<FactValue>, E> {
        LiteralOf(self.0).visit_u64(number).map(|value| vec![value])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<FactValue>, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(value) = list.next_element_seed(LiteralOf(self.0))? {
            values.insert(value.to_string(), value);
        }
        if values.is_empty() {
            return Err(A::Error::custom(format!("an empty list for `{}`: expected at least one value", self.0)));
        }
        let values: Vec<FactValue> = values.into_values().collect();
        one_currency([&Test::AnyOf(values.clone())])?;
        Ok(values)
    }
}

/// Amounts of two currencies in one condition could never be judged.
fn one_currency<'t, E: Error>(tests: impl IntoIterator<Item = &'t Test>) -> Result<(), E> {
    let values = tests.into_iter().flat_map(|test| match test {
        Test::AnyOf(values) | Test::Not(values) => values.as_slice(),
        Test::AtLeast(value) | Test::AtMost(value) => std::slice::from_ref(value),
        Test::Present(_) => &[],
    });
    let mut first: Option<Currency> = None;
    for money in values.filter_map(|value| if let FactValue::Money(money) = value { Some(*money) } else { None }) {
        let expected = *first.get_or_insert(Money::currency(money));
        if money.currency() != expected {
            return Err(E::custom(format!("`{money}` beside amounts in {expected}: expected one currency")));
        }
    }
    Ok(())
}

/// Reads one value of the kind that the fact is declared as.
struct LiteralOf<'f>(&'f FactName);

impl<'de> DeserializeSeed<'de> for LiteralOf<'_> {
    type Value = FactValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FactValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for LiteralOf<'_> {
    type Value = FactValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for `{}`", self.0.declaration().kind, self.0)?;
        let quoted = matches!(self.0.declaration().kind, FactKind::Text);
        f.write_str(if quoted { "; write it in quotes" } else { "" })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FactValue, E> {
        match self.0.declaration().kind {
            FactKind::Text if text.contains('*') => Err(E::custom(format!(
                "`{text}` is no pattern here: expected the whole text that `{}` must equal",
                self.0
            ))),
            FactKind::Text => Ok(FactValue::Text(text.into())),
            FactKind::OneOf(values) if values.contains(&text) => Ok(FactValue::Text(text.into())),
            FactKind::Class => text.parse().map(FactValue::Class).map_err(E::custom),
            FactKind::Money => text.parse().map(FactValue::Money).map_err(E::custom),
            kind => Err(E::custom(format!("`{text}` is no value of `{}`: expected {kind}", self.0))),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<FactValue, E> {
        match self.0.declaration().kind {
            FactKind::Number => Ok(FactValue::Number(number)),
            _ => Err(E::invalid_type(serde::de::Unexpected::Signed(number), &self)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<FactValue, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::invalid_value(serde::de::Unexpected::Unsigned(number), &self)),
        }
    }
}
