//! Facts: the words that rules speak in, what each means, and what a request says about it.
//!
//! The vocabulary is one table, so that a misspelt fact or a wrong type is found when a set is loaded, not when it fails
//! to forbid. A host says what it likes beyond the table as *labels*: `labels.<name>`, always text.
//!
//! What it means that a fact is not there depends on the fact ([`Absence`]): a request always has a project, so a missing
//! `project.id` is an error; it need not have a data set, so without any `dataset.` fact there is none to judge.

use orp_core::noun::{DataClass, FactValue, Facts, PolicyPoint};
use orp_core::unit::Money;
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, ops::Bound, str::FromStr};

/// What kind of value a fact has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactKind {
    /// Any text.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A whole number.
    Number,
    /// A data class.
    Class,
    /// An amount of money.
    Money,
}

impl FactKind {
    /// Whether `at_least` and `at_most` mean anything.
    pub const fn is_ordered(self) -> bool {
        matches!(self, Self::Number | Self::Class | Self::Money)
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::OneOf(values) => write!(f, "one of {}", values.join(", ")),
            Self::Number => f.write_str("a whole number"),
            Self::Class => f.write_str("a data class (public, internal, confidential or restricted)"),
            Self::Money => f.write_str("an amount of money such as `500 USD`"),
        }
    }
}

/// What it means that a request does not have the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The host should have given it: nothing can be said, and what asks for it fails closed.
    Unknown,
    /// As [`Absence::Unknown`] when the request has another fact of the same subject (what stands before the dot); without
    /// any there is no such subject, and no condition on it holds but `present: false`.
    NoSubject,
    /// It was never set, and so equals nothing; whether it may count as different from something is unknown.
    Unset,
}

/// One entry of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Declaration {
    /// The fact's name; `labels.*` stands for every label.
    pub name: &'static str,
    /// What kind of value it has.
    pub kind: FactKind,
    /// The points at which it is known; `None` is all of them.
    pub points: Option<&'static [PolicyPoint]>,
    /// What it means when it is not there.
    pub absence: Absence,
    /// What it says.
    pub meaning: &'static str,
}

impl Declaration {
    /// Whether a request at `point` may have the fact.
    pub fn is_known_at(&self, point: PolicyPoint) -> bool {
        self.points.is_none_or(|points| points.contains(&point))
    }
}

const fn declare(
    name: &'static str,
    kind: FactKind,
    points: Option<&'static [PolicyPoint]>,
    absence: Absence,
    meaning: &'static str,
) -> Declaration {
    Declaration { name, kind, points, absence, meaning }
}

const OF_INTENT: Option<&[PolicyPoint]> =
    Some(&[PolicyPoint::Intent, PolicyPoint::Plan, PolicyPoint::Place, PolicyPoint::Run, PolicyPoint::Replan]);
const OF_PLAN: Option<&[PolicyPoint]> = Some(&[PolicyPoint::Plan, PolicyPoint::Run, PolicyPoint::Replan]);
const OF_RESOURCE: Option<&[PolicyPoint]> =
    Some(&[PolicyPoint::Plan, PolicyPoint::Place, PolicyPoint::Run, PolicyPoint::Replan]);
const OF_OFFER: Option<&[PolicyPoint]> = Some(&[PolicyPoint::Place]);

/// Every fact that rules may speak of. Values are the texts that the nouns of `orp-core` print as.
pub const VOCABULARY: &[Declaration] = &[
    declare("cost", FactKind::Money, OF_PLAN, Absence::Unknown, "what the plan, or what is left of it, may cost"),
    declare("dataset.class", FactKind::Class, None, Absence::NoSubject, "how sensitive the data set is"),
    declare("dataset.name", FactKind::Text, None, Absence::NoSubject, "the data set, as the goal names it"),
    declare("goal.kind", FactKind::Text, OF_INTENT, Absence::Unknown, "the kind of goal, such as `fine_tune`"),
    declare("labels.*", FactKind::Text, None, Absence::Unset, "what the host or the intent says beyond this table"),
    declare(
        "market",
        FactKind::OneOf(&["owned", "reserved", "on-demand", "spot"]),
        OF_OFFER,
        Absence::Unknown,
        "how the offer is sold",
    ),
    declare("model.name", FactKind::Text, None, Absence::NoSubject, "the model, as the goal names it"),
    declare(
        "model.visibility",
        FactKind::OneOf(&["private", "public"]),
        None,
        Absence::NoSubject,
        "who may get at the model's weights",
    ),
    declare("priority", FactKind::Number, OF_INTENT, Absence::Unknown, "the intent's priority; 0 is usual"),
    declare("project.id", FactKind::Text, None, Absence::Unknown, "who it is for"),
    declare("provider", FactKind::Text, OF_OFFER, Absence::Unknown, "whose offer it is"),
    declare("region", FactKind::Text, OF_OFFER, Absence::Unknown, "where the offer is"),
    declare("requester", FactKind::Text, None, Absence::Unknown, "who asks"),
    declare(
        "resource.kind",
        FactKind::OneOf(&["cpu", "gpu"]),
        OF_RESOURCE,
        Absence::Unknown,
        "what kind of machine is used",
    ),
];

/// The longest name of a label that rules may speak of, in bytes.
pub const LABEL_LIMIT_BYTES: usize = 100;

/// The name of a fact that is in the [`VOCABULARY`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FactName {
    text: String,
    declaration: &'static Declaration,
}

impl FactName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the vocabulary says of it.
    pub const fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    /// The value it has in a request, or what its absence means there.
    pub(crate) fn read<'a>(&self, facts: &'a Facts) -> Reading<'a> {
        let Some(given) = facts.get(&self.text) else {
            return match self.declaration.absence {
                Absence::Unset => Reading::Unset,
                Absence::NoSubject if !self.has_subject(facts) => Reading::NoSubject,
                _ => Reading::Missing,
            };
        };
        let value = match (self.declaration.kind, given) {
            (FactKind::Text, given) => text_of(given).map(Value::Text),
            (FactKind::OneOf(values), given) => text_of(given).filter(|text| values.contains(text)).map(Value::Text),
            (FactKind::Number, FactValue::Number(number)) => Some(Value::Number(*number)),
            (FactKind::Class, FactValue::Class(class)) => Some(Value::Class(*class)),
            (FactKind::Class, FactValue::Text(text)) => text.parse().ok().map(Value::Class),
            (FactKind::Money, FactValue::Money(money)) => Some(Value::Money(*money)),
            _ => None,
        };
        value.map_or(Reading::Mistyped(given), Reading::Value)
    }

    /// Whether a request has any fact of this one's subject.
    fn has_subject(&self, facts: &Facts) -> bool {
        let end = self.text.find('.').map_or(self.text.len(), |dot| dot + 1);
        let subject = &self.text[..end];
        let from = (Bound::Included(subject), Bound::Unbounded);
        facts.range::<str, _>(from).next().is_some_and(|(name, _)| name.starts_with(subject))
    }
}

/// The text of a fact that is declared as text. A journal keeps `public` without its type and reads it back as a data
/// class, so both are one text here.
fn text_of(value: &FactValue) -> Option<&str> {
    match value {
        FactValue::Text(text) => Some(text),
        FactValue::Class(DataClass::Public) => Some("public"),
        FactValue::Class(DataClass::Internal) => Some("internal"),
        FactValue::Class(DataClass::Confidential) => Some("confidential"),
        FactValue::Class(DataClass::Restricted) => Some("restricted"),
        _ => None,
    }
}

impl FromStr for FactName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let label = |name: &str| {
            (1..=LABEL_LIMIT_BYTES).contains(&name.len())
                && name.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c))
        };
        VOCABULARY
            .iter()
            .find(|declared| match declared.name.strip_suffix('*') {
                Some(prefix) => text.strip_prefix(prefix).is_some_and(label),
                None => declared.name == text,
            })
            .map(|declaration| Self { text: text.into(), declaration })
            .ok_or_else(|| {
                let names: Vec<&str> = VOCABULARY.iter().map(|declared| declared.name).collect();
                format!("unknown fact `{text}`: expected one of {}", names.join(", "))
            })
    }
}

impl TryFrom<String> for FactName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FactName> for String {
    fn from(name: FactName) -> String {
        name.text
    }
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for FactName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for FactName {}

impl PartialOrd for FactName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FactName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

/// A fact's value, of the kind that was declared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Class(DataClass),
    Money(Money),
}

/// What a request says about a fact.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading<'a> {
    /// This.
    Value(Value<'a>),
    /// Something of another kind than was declared.
    Mistyped(&'a FactValue),
    /// Nothing, though it should.
    Missing,
    /// Nothing, for it is about nothing of that name.
    NoSubject,
    /// Nothing, for nobody set it.
    Unset,
}

/// What keeps a condition from being judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gap<'a> {
    pub(crate) fact: &'a FactName,
    pub(crate) why: Why<'a>,
}

/// Why a fact says nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why<'a> {
    /// It is not there.
    Missing,
    /// It is of another kind.
    Mistyped(&'a FactValue),
    /// It is in another currency than what it is compared with.
    Currency(Money, Money),
}

impl fmt::Display for Gap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Missing => write!(f, "`{}` is not known", self.fact),
            Why::Mistyped(found) => {
                write!(f, "`{}` is `{found}`, expected {}", self.fact, self.fact.declaration.kind)
            }
            Why::Currency(found, limit) => {
                write!(f, "`{}` is {found}, which cannot be compared with {limit}", self.fact)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_in_order_and_reads_itself() {
        assert!(VOCABULARY.is_sorted_by_key(|declared| declared.name));
        for declared in VOCABULARY {
            let name = declared.name.replace('*', "team");
            assert_eq!(name.parse::<FactName>().unwrap().declaration(), declared);
        }
        for text in ["", "dataset", "dataset.clas", "labels", "labels.", "labels.a b", "labels.*"] {
            let error = text.parse::<FactName>().unwrap_err();
            assert!(
                error.starts_with(&format!("unknown fact `{text}`: expected one of cost, dataset.class")),
                "{error}"
            );
        }
    }

    #[test]
    fn absence_means_what_is_declared() {
        let facts = Facts::from([("dataset.name".to_owned(), "tickets".into()), ("datasets.x".to_owned(), 1.into())]);
        let read = |name: &str| format!("{:?}", name.parse::<FactName>().unwrap().read(&facts));
        assert_eq!(read("dataset.class"), "Missing");
        assert_eq!(read("model.name"), "NoSubject");
        assert_eq!(read("labels.team"), "Unset");
        assert_eq!(read("cost"), "Missing");
    }

    /// A journal keeps facts without their types, so text may come back as a data class.
    #[test]
    fn facts_read_the_same_after_the_journal() {
        let facts = Facts::from([
            ("model.visibility".to_owned(), "public".into()),
            ("project.id".to_owned(), "internal".into()),
            ("dataset.class".to_owned(), DataClass::Restricted.into()),
        ]);
        let again: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        assert_ne!(again, facts);
        for name in facts.keys() {
            let name: FactName = name.parse().unwrap();
            assert_eq!(format!("{:?}", name.read(&facts)), format!("{:?}", name.read(&again)), "{name}");
        }
    }
}
