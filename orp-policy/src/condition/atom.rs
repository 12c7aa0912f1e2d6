//! Atoms: single tests of facts, and the terms they compare.

use super::{Truth, literal};
use crate::fact::{FactName, Gap, Reading, Value, Why};
use crate::view::View;
use chrono::{DateTime, Datelike, Timelike, Utc};
use orp_core::noun::FactValue;
use serde::Serialize;
use std::{cmp::Ordering, fmt};

/// A test that must hold, or must not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Atom {
    pub(crate) test: Test,
    /// Whether the test must hold, or must fail.
    pub(crate) holds: bool,
}

/// A test of terms.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Test {
    /// The term equals one of these, which are of its kind, sorted, each once.
    OneOf(Term, Vec<FactValue>),
    /// The terms stand so to each other.
    Compare(Relation, Term, Term),
    /// The first term is among the texts of the second.
    Within(Term, Term),
    /// The first term's text has the second's there.
    Text(TextTest, Term, Term),
    /// There is such a fact.
    Present(FactName),
}

/// How one value stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Relation {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Where one text is looked for in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

/// Something with a value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Term {
    Fact(FactName),
    Literal(FactValue),
    /// When the request is made.
    Now,
    /// A part of a time's date, by the calendar of UTC.
    Part(TimePart, Box<Term>),
    /// How many texts, or characters.
    Size(Box<Term>),
    Arithmetic(Arithmetic, Box<Term>, Box<Term>),
}

/// A part of a date, numbered as CEL does: months, days of the month (`getDayOfMonth`) and of the week from 0, Sunday first;
/// `getDate` from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimePart {
    Year,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    Hours,
    Minutes,
}

/// What is done with two amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Why a term has no value.
enum Lack<'a> {
    /// It is about a subject that is not there: nothing about it holds.
    NoSubject,
    /// It was never set: it equals nothing.
    Unset,
    /// This.
    Gap(Gap<'a>),
}

impl Atom {
    pub(crate) const fn new(test: Test, holds: bool) -> Self {
        Self { test, holds }
    }

    pub(crate) fn judge(&self, view: View<'_>) -> Truth {
        match self.test.holds(view) {
            Ok(holds) if holds == self.holds => Truth::True,
            Ok(_) | Err(Lack::NoSubject) => Truth::False,
            Err(Lack::Unset) if self.holds => Truth::False,
            Err(Lack::Unset | Lack::Gap(_)) => Truth::Unknown,
        }
    }

    /// What keeps it from being judged.
    pub(super) fn gap<'a>(&'a self, view: View<'a>) -> Option<Gap<'a>> {
        match self.test.holds(view) {
            Err(Lack::Gap(gap)) => Some(gap),
            Err(Lack::Unset) => self.facts().next().map(|fact| Gap { about: fact.as_str(), why: Why::Missing }),
            Ok(_) | Err(Lack::NoSubject) => None,
        }
    }

    /// The facts spoken of.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &FactName> {
        let mut facts = Vec::new();
        self.collect_facts(&mut facts);
        facts.into_iter()
    }

    pub(super) fn collect_facts<'a>(&'a self, facts: &mut Vec<&'a FactName>) {
        match &self.test {
            Test::Present(fact) => facts.push(fact),
            Test::OneOf(term, _) => term.facts(facts),
            Test::Compare(_, left, right) | Test::Within(left, right) | Test::Text(_, left, right) => {
                left.facts(facts);
                right.facts(facts);
            }
        }
    }

    /// The literals that are compared with, from left to right.
    pub(crate) fn literals(&self) -> Vec<&FactValue> {
        let (terms, mut literals) = match &self.test {
            Test::Present(_) => (vec![], vec![]),
            Test::OneOf(term, values) => (vec![term], values.iter().collect()),
            Test::Compare(_, left, right) | Test::Within(left, right) | Test::Text(_, left, right) => {
                (vec![left, right], vec![])
            }
        };
        terms.into_iter().for_each(|term| term.literals(&mut literals));
        literals
    }

    /// The same, to be changed.
    pub(crate) fn literals_mut(&mut self) -> Vec<&mut FactValue> {
        let (terms, mut literals) = match &mut self.test {
            Test::Present(_) => (vec![], vec![]),
            Test::OneOf(term, values) => (vec![term], values.iter_mut().collect()),
            Test::Compare(_, left, right) | Test::Within(left, right) | Test::Text(_, left, right) => {
                (vec![left, right], vec![])
            }
        };
        terms.into_iter().for_each(|term| term.literals_mut(&mut literals));
        literals
    }

    /// Whether it speaks of nothing that can change.
    pub(super) fn is_constant(&self) -> bool {
        let is_constant = |term: &Term| term.is_constant();
        match &self.test {
            Test::Present(_) => false,
            Test::OneOf(term, _) => is_constant(term),
            Test::Compare(_, left, right) | Test::Within(left, right) | Test::Text(_, left, right) => {
                is_constant(left) && is_constant(right)
            }
        }
    }

    /// The fact that must equal one of some texts, with those.
    pub(super) fn texts(&self) -> Option<(&FactName, Vec<&str>)> {
        let (Test::OneOf(Term::Fact(fact), values), true) = (&self.test, self.holds) else { return None };
        if !fact.declaration().kind.is_text() {
            return None;
        }
        let texts = values.iter().map(|value| match value {
            FactValue::Text(text) => Some(text.as_str()),
            _ => None,
        });
        Some((fact, texts.collect::<Option<_>>()?))
    }

    pub(super) fn size(&self) -> usize {
        match &self.test {
            Test::Present(_) => 1,
            Test::OneOf(term, values) => term.size() + values.len(),
            Test::Compare(_, left, right) | Test::Within(left, right) | Test::Text(_, left, right) => {
                left.size() + right.size()
            }
        }
    }
}

impl Test {
    fn holds<'a>(&'a self, view: View<'a>) -> Result<bool, Lack<'a>> {
        match self {
            Self::Present(fact) => Ok(matches!(fact.read(view), Reading::Value(_) | Reading::Mistyped(_))),
            Self::OneOf(term, values) => {
                let value = term.value(view)?;
                for wanted in values {
                    if compare(value, literal(wanted), term)?.is_eq() {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Compare(relation, left, right) => {
                let (one, other) = both(left, right, view)?;
                compare(one, other, left).map(|order| relation.holds(order))
            }
            Self::Within(item, list) => match both(item, list, view)? {
                (Value::Text(text), Value::Texts(texts)) => Ok(texts.iter().any(|one| one == text)),
                _ => Err(cannot(item, Why::Missing)),
            },
            Self::Text(test, text, part) => match both(text, part, view)? {
                (Value::Text(text), Value::Text(part)) => Ok(test.holds(text, part)),
                _ => Err(cannot(text, Why::Missing)),
            },
        }
    }
}

/// Both values; that a subject is not there goes before all else that is lacking.
fn both<'a>(left: &'a Term, right: &'a Term, view: View<'a>) -> Result<(Value<'a>, Value<'a>), Lack<'a>> {
    match (left.value(view), right.value(view)) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(Lack::NoSubject), _) | (_, Err(Lack::NoSubject)) => Err(Lack::NoSubject),
        (Err(Lack::Gap(gap)), _) | (_, Err(Lack::Gap(gap))) => Err(Lack::Gap(gap)),
        (Err(Lack::Unset), _) | (_, Err(Lack::Unset)) => Err(Lack::Unset),
    }
}

/// The order of two values; kinds were checked when the condition was read, so only currencies can differ.
fn compare<'a>(value: Value<'a>, other: Value<'a>, term: &'a Term) -> Result<Ordering, Lack<'a>> {
    value.compare(other).ok_or_else(|| match (value, other) {
        (Value::Money(found), Value::Money(limit)) => cannot(term, Why::Currency(found, limit)),
        _ => cannot(term, Why::Missing),
    })
}

/// The lack of a value for what the term is about.
fn cannot<'a>(term: &'a Term, why: Why<'a>) -> Lack<'a> {
    let mut facts = Vec::new();
    term.facts(&mut facts);
    Lack::Gap(Gap { about: facts.first().map_or("now", |fact| fact.as_str()), why })
}

impl Relation {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// What holds where this does not; equality has no relation for that.
    pub(super) const fn opposite(self) -> Option<Self> {
        match self {
            Self::Equal => None,
            Self::Less => Some(Self::AtLeast),
            Self::AtMost => Some(Self::Greater),
            Self::Greater => Some(Self::AtMost),
            Self::AtLeast => Some(Self::Less),
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl TextTest {
    fn holds(self, text: &str, part: &str) -> bool {
        match self {
            Self::StartsWith => text.starts_with(part),
            Self::EndsWith => text.ends_with(part),
            Self::Contains => text.contains(part),
        }
    }
}

impl Term {
    fn value<'a>(&'a self, view: View<'a>) -> Result<Value<'a>, Lack<'a>> {
        match self {
            Self::Literal(value) => Ok(literal(value)),
            Self::Now => Ok(Value::Time(view.at())),
            Self::Fact(fact) => match fact.read(view) {
                Reading::Value(value) => Ok(value),
                Reading::NoSubject => Err(Lack::NoSubject),
                Reading::Unset => Err(Lack::Unset),
                Reading::Missing => Err(Lack::Gap(Gap { about: fact.as_str(), why: Why::Missing })),
                Reading::Mistyped(found) => {
                    Err(Lack::Gap(Gap { about: fact.as_str(), why: Why::Mistyped(found, &fact.declaration().kind) }))
                }
            },
            Self::Size(of) => match of.value(view)? {
                Value::Texts(texts) => Ok(Value::Number(texts.len() as i64)),
                Value::Text(text) => Ok(Value::Number(text.chars().count() as i64)),
                _ => Err(cannot(of, Why::Missing)),
            },
            Self::Part(part, of) => match of.value(view)? {
                Value::Time(time) => match DateTime::<Utc>::from_timestamp_micros(time.as_micros()) {
                    Some(date) => Ok(Value::Number(part.of(date))),
                    None => Err(cannot(of, Why::Overflow)),
                },
                _ => Err(cannot(of, Why::Missing)),
            },
            Self::Arithmetic(operation, left, right) => {
                let (one, other) = both(left, right, view)?;
                operation.on(one, other).ok_or_else(|| cannot(self, Why::Overflow))
            }
        }
    }

    fn facts<'a>(&'a self, facts: &mut Vec<&'a FactName>) {
        match self {
            Self::Fact(fact) => facts.push(fact),
            Self::Literal(_) | Self::Now => {}
            Self::Size(of) | Self::Part(_, of) => of.facts(facts),
            Self::Arithmetic(_, left, right) => {
                left.facts(facts);
                right.facts(facts);
            }
        }
    }

    fn literals<'a>(&'a self, literals: &mut Vec<&'a FactValue>) {
        match self {
            Self::Literal(value) => literals.push(value),
            Self::Fact(_) | Self::Now => {}
            Self::Size(of) | Self::Part(_, of) => of.literals(literals),
            Self::Arithmetic(_, left, right) => {
                left.literals(literals);
                right.literals(literals);
            }
        }
    }

    fn literals_mut<'a>(&'a mut self, literals: &mut Vec<&'a mut FactValue>) {
        match self {
            Self::Literal(value) => literals.push(value),
            Self::Fact(_) | Self::Now => {}
            Self::Size(of) | Self::Part(_, of) => of.literals_mut(literals),
            Self::Arithmetic(_, left, right) => {
                left.literals_mut(literals);
                right.literals_mut(literals);
            }
        }
    }

    fn is_constant(&self) -> bool {
        match self {
            Self::Literal(_) => true,
            Self::Fact(_) | Self::Now => false,
            Self::Size(of) | Self::Part(_, of) => of.is_constant(),
            Self::Arithmetic(_, left, right) => left.is_constant() && right.is_constant(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Literal(_) | Self::Fact(_) | Self::Now => 1,
            Self::Size(of) | Self::Part(_, of) => 1 + of.size(),
            Self::Arithmetic(_, left, right) => 1 + left.size() + right.size(),
        }
    }
}

impl TimePart {
    fn of(self, date: DateTime<Utc>) -> i64 {
        match self {
            Self::Year => date.year().into(),
            Self::Month => date.month0().into(),
            Self::Date => date.day().into(),
            Self::DayOfMonth => date.day0().into(),
            Self::DayOfWeek => date.weekday().num_days_from_sunday().into(),
            Self::Hours => date.hour().into(),
            Self::Minutes => date.minute().into(),
        }
    }

    /// Its method in CEL.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Year => "getFullYear",
            Self::Month => "getMonth",
            Self::Date => "getDate",
            Self::DayOfMonth => "getDayOfMonth",
            Self::DayOfWeek => "getDayOfWeek",
            Self::Hours => "getHours",
            Self::Minutes => "getMinutes",
        }
    }

    /// The part that a method of CEL is for.
    pub(super) fn from_method(name: &str) -> Option<Self> {
        use TimePart::{Date, DayOfMonth, DayOfWeek, Hours, Minutes, Month, Year};
        [Year, Month, Date, DayOfMonth, DayOfWeek, Hours, Minutes].into_iter().find(|part| part.method() == name)
    }
}

impl Arithmetic {
    /// The result, if there is one: checked, never wrapped.
    fn on<'v>(self, left: Value<'_>, right: Value<'_>) -> Option<Value<'v>> {
        match (self, left, right) {
            (_, Value::Number(left), Value::Number(right)) => {
                let result = match self {
                    Self::Add => left.checked_add(right),
                    Self::Subtract => left.checked_sub(right),
                    Self::Multiply => left.checked_mul(right),
                    Self::Divide => left.checked_div(right),
                    Self::Remainder => left.checked_rem(right),
                };
                result.map(Value::Number)
            }
            (Self::Add, Value::Money(left), Value::Money(right)) => left.checked_add(right).ok().map(Value::Money),
            (Self::Subtract, Value::Money(left), Value::Money(right)) => left.checked_sub(right).ok().map(Value::Money),
            (Self::Multiply, Value::Money(money), Value::Number(count))
            | (Self::Multiply, Value::Number(count), Value::Money(money)) => {
                let micros = money.micros().checked_mul(count)?;
                Some(Value::Money(orp_core::unit::Money::from_micros(micros, money.currency())))
            }
            _ => None,
        }
    }

    const fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
            Self::Remainder => '%',
        }
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.holds { "" } else { "not " };
        match &self.test {
            Test::Present(fact) if self.holds => write!(f, "there is a `{fact}`"),
            Test::Present(fact) => write!(f, "there is no `{fact}`"),
            Test::OneOf(term, values) => match (&values[..], self.holds) {
                ([value], true) => write!(f, "{term} is {value}"),
                ([value], false) => write!(f, "{term} is not {value}"),
                (values, _) => {
                    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                    write!(f, "{term} is {not}one of {}", values.join(", "))
                }
            },
            Test::Compare(Relation::Equal, left, right) => write!(f, "{left} is {not}{right}"),
            Test::Compare(relation, left, right) => write!(f, "{not}{left} {} {right}", relation.sign()),
            Test::Within(item, list) => write!(f, "{item} is {not}in {list}"),
            Test::Text(test, text, part) => {
                let (does, does_not) = match test {
                    TextTest::StartsWith => ("begins with", "does not begin with"),
                    TextTest::EndsWith => ("ends with", "does not end with"),
                    TextTest::Contains => ("contains", "does not contain"),
                };
                write!(f, "{text} {} {part}", if self.holds { does } else { does_not })
            }
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fact(fact) => write!(f, "`{fact}`"),
            Self::Literal(value) => write!(f, "{value}"),
            Self::Now => f.write_str("`now`"),
            Self::Part(part, of) => write!(f, "{of}.{}()", part.method()),
            Self::Size(of) => write!(f, "size({of})"),
            Self::Arithmetic(operation, left, right) => write!(f, "({left} {} {right})", operation.sign()),
        }
    }
}
