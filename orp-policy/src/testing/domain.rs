//! The values that an invariant is tried on.
//!
//! Rules change their answer only where they compare, so a fact whose values cannot all be tried is tried on what it is
//! compared with and on what lies next to that: its [turning points](turning), and what else its atoms speak of. Values are
//! in a fixed order, the given one first, and none is left out: an invariant that would be tried on too many is refused.

use super::{Choice, Draft, Invariant, Words};
use crate::condition::{Atom, Expr, Term, Test, TextTest, turning};
use crate::document::Documents;
use crate::fact::{FactKind, FactName};
use crate::rule::Actions;
use orp_core::noun::FactValue;
use orp_core::unit::{Money, Timestamp};
use std::collections::BTreeSet;

/// How many combinations there are; `None` when they are too many to count.
pub(crate) fn combinations(choices: &[Choice]) -> Option<usize> {
    choices.iter().try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()))
}

/// What varies in an invariant, with all the values it is tried on, on what these documents say.
pub(crate) fn domains(documents: &Documents, given: &Draft, invariant: &Invariant) -> Vec<Choice> {
    let of = |(fact, listed): &Choice| {
        let mut values = Values(vec![given.get(fact)]);
        listed.iter().for_each(|value| values.add(value.clone()));
        all_of(&fact.declaration().kind).into_iter().for_each(|value| values.add(Some(value)));
        compared(documents, given, &invariant.condition, fact).into_iter().for_each(|value| values.add(Some(value)));
        if fact.declaration().kind == FactKind::Text {
            values.add(Some(turning::OTHER.into()));
        }
        if values.0.iter().all(Option::is_none) {
            // Nothing compares it, but a rule may ask whether it is there.
            values.add(any_of(&fact.declaration().kind));
        }
        if ![Words::ACTION, Words::POINT, Words::AT].contains(&fact.as_str()) {
            values.add(None);
        }
        (fact.clone(), values.0)
    };
    invariant.forall.iter().map(of).collect()
}

/// Values, each once, in the order in which they were found.
struct Values(Vec<Option<FactValue>>);

impl Values {
    fn add(&mut self, value: Option<FactValue>) {
        if !self.0.contains(&value) {
            self.0.push(value);
        }
    }
}

/// Every value there is, of kinds that have few.
fn all_of(kind: &FactKind) -> Vec<FactValue> {
    match kind {
        FactKind::OneOf(texts) => texts.iter().map(|text| text.as_str().into()).collect(),
        FactKind::Flag => [false, true].map(Into::into).into(),
        FactKind::Class => turning::CLASSES.map(Into::into).into(),
        _ => Vec::new(),
    }
}

/// A value that stands for every other one, of kinds that have many.
fn any_of(kind: &FactKind) -> Option<FactValue> {
    match kind {
        FactKind::Number => Some(0.into()),
        FactKind::Money => "0 USD".parse::<Money>().ok().map(Into::into),
        FactKind::Time => Some(Timestamp::EPOCH.into()),
        FactKind::Texts => Some(Vec::new().into()),
        FactKind::Text | FactKind::OneOf(_) | FactKind::Flag | FactKind::Class => None,
    }
}

/// What a fact is compared with, and what lies next to that.
fn compared(documents: &Documents, given: &Draft, condition: &Expr, fact: &FactName) -> Vec<FactValue> {
    let conditions = [
        documents.rules.iter().map(|rule| &rule.conditions).collect::<Vec<_>>(),
        documents.exceptions.iter().map(|exception| &exception.conditions).collect(),
        documents.budgets.iter().map(|budget| &budget.conditions).collect(),
        vec![condition],
    ];
    let is_at = fact.as_str() == Words::AT;
    let speaks = |atom: &&Atom| is_at || atom.facts().any(|spoken| spoken == fact);
    let atoms = conditions.iter().flatten().flat_map(|expr| expr.atoms()).filter(speaks);
    let mut values = Vec::new();
    for atom in atoms {
        let others = atom.facts().filter(|other| *other != fact).filter_map(|other| given.get(other));
        values.extend(atom.literals().into_iter().cloned().chain(others).flat_map(|value| around(fact, &value)));
        values.extend(extended(atom, fact));
    }
    match fact.as_str() {
        Words::ACTION => values.extend(actions(documents).into_iter().map(Into::into)),
        Words::AT => {
            let ends = documents.exceptions.iter().flat_map(|exception| [exception.from, Some(exception.until)]);
            values.extend(ends.flatten().flat_map(|end| around(fact, &end.into())));
        }
        _ => {}
    }
    values
}

/// A text that has what an atom looks for, and is not just that: a rule may treat the two differently.
fn extended(atom: &Atom, fact: &FactName) -> Option<FactValue> {
    let other = turning::OTHER;
    match &atom.test {
        Test::Text(test, Term::Fact(text), Term::Literal(FactValue::Text(part))) if text == fact => Some(match test {
            TextTest::StartsWith => format!("{part}{other}").into(),
            TextTest::EndsWith => format!("{other}{part}").into(),
            TextTest::Contains => format!("{other}{part}{other}").into(),
        }),
        _ => None,
    }
}

/// Every action that a rule names.
fn actions(documents: &Documents) -> BTreeSet<&str> {
    let names = documents.rules.iter().filter_map(|rule| match &rule.actions {
        Actions::Named(names) => Some(names),
        Actions::Any => None,
    });
    names.flatten().map(String::as_str).collect()
}

/// What a value makes interesting for a fact that is compared with it: nothing where it is of another kind.
fn around(fact: &FactName, other: &FactValue) -> Vec<FactValue> {
    match (&fact.declaration().kind, other) {
        (FactKind::Number, FactValue::Number(_))
        | (FactKind::Money, FactValue::Money(_))
        | (FactKind::Time, FactValue::Time(_))
        | (FactKind::Text, FactValue::Text(_)) => turning::around(other),
        (FactKind::Text, FactValue::Texts(texts)) => texts.iter().map(|text| text.as_str().into()).collect(),
        (FactKind::Texts, FactValue::Text(text)) => vec![FactValue::Texts(Vec::new()), vec![text.clone()].into()],
        _ => Vec::new(),
    }
}
