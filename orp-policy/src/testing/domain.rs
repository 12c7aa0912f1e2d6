//! The values that an invariant is tried on.
//!
//! Rules change their answer only where they compare, so a fact whose values cannot all be tried is tried on what it is
//! compared with and on what lies next to that. Values are in a fixed order, the given one first.

use super::{Choice, Draft, Invariant, Words};
use crate::condition::{Atom, Expr};
use crate::document::Documents;
use crate::fact::{FactKind, FactName};
use crate::rule::Actions;
use orp_core::noun::{DataClass, FactValue};
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
            values.add(Some(unnamed(&values).into()));
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
        FactKind::Class => [DataClass::Public, DataClass::Internal, DataClass::Confidential, DataClass::Restricted]
            .map(Into::into)
            .into(),
        _ => Vec::new(),
    }
}

/// A text that is not among these.
fn unnamed(values: &Values) -> String {
    let mut text = "other".to_owned();
    while values.0.iter().flatten().any(|value| *value == FactValue::Text(text.clone())) {
        text.push('-');
    }
    text
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
        (FactKind::Number, FactValue::Number(number)) => {
            let near = [number.checked_sub(1), Some(*number), number.checked_add(1)];
            near.into_iter().flatten().map(Into::into).collect()
        }
        (FactKind::Money, FactValue::Money(money)) => {
            let near = [money.micros().checked_sub(1), Some(money.micros()), money.micros().checked_add(1)];
            near.into_iter().flatten().map(|micros| Money::from_micros(micros, money.currency()).into()).collect()
        }
        (FactKind::Time, FactValue::Time(time)) => {
            let near = [time.as_micros().checked_sub(1), Some(time.as_micros()), time.as_micros().checked_add(1)];
            near.into_iter().flatten().map(|micros| Timestamp::from_micros(micros).into()).collect()
        }
        (FactKind::Text, FactValue::Text(_)) => vec![other.clone()],
        (FactKind::Text, FactValue::Texts(texts)) => texts.iter().map(|text| text.as_str().into()).collect(),
        (FactKind::Texts, FactValue::Text(text)) => vec![FactValue::Texts(Vec::new()), vec![text.clone()].into()],
        _ => Vec::new(),
    }
}
