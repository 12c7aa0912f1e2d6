//! Turning points: the values of a fact at which conditions on it may change. Between two of them every value is judged
//! alike, so trying these is trying all: what an explanation proposes, and what an invariant is checked on.

use super::{Atom, Expr, Term, Test};
use crate::fact::{FactKind, FactName};
use orp_core::noun::{DataClass, FactValue};
use orp_core::unit::{Money, Timestamp};
use std::collections::BTreeMap;

/// The most values that are tried of one fact.
pub(crate) const VALUES_LIMIT: usize = 32;

/// A text that no rule compares with: it stands for every other one.
pub(crate) const OTHER: &str = "\u{2026}";

/// The turning points of every fact that conditions speak of, each value once, none twice; texts include [`OTHER`].
pub(crate) fn points<'a>(conditions: impl IntoIterator<Item = &'a Expr>) -> BTreeMap<&'a FactName, Vec<FactValue>> {
    let mut points: BTreeMap<&FactName, Vec<FactValue>> = BTreeMap::new();
    for atom in conditions.into_iter().flat_map(Expr::atoms) {
        for fact in atom.facts() {
            points.entry(fact).or_insert_with(|| of_kind(&fact.declaration().kind));
        }
        if let Some((fact, values)) = of_atom(atom)
            && let Some(known) = points.get_mut(fact)
        {
            for value in values {
                if known.len() < VALUES_LIMIT && !known.contains(&value) {
                    known.push(value);
                }
            }
        }
    }
    points
}

/// Every value of kinds that have few, and one that stands for all others.
fn of_kind(kind: &FactKind) -> Vec<FactValue> {
    match kind {
        FactKind::OneOf(values) => values.iter().take(VALUES_LIMIT).map(|value| value.as_str().into()).collect(),
        FactKind::Flag => vec![false.into(), true.into()],
        FactKind::Class => CLASSES.map(FactValue::Class).into(),
        FactKind::Text => vec![OTHER.into()],
        FactKind::Texts => vec![Vec::new().into()],
        FactKind::Number | FactKind::Money | FactKind::Time => Vec::new(),
    }
}

/// From the highest: the first that does is the least change of what is too sensitive.
pub(crate) const CLASSES: [DataClass; 4] =
    [DataClass::Restricted, DataClass::Confidential, DataClass::Internal, DataClass::Public];

/// The fact that an atom compares with literals, with those and their neighbours.
fn of_atom(atom: &Atom) -> Option<(&FactName, Vec<FactValue>)> {
    match &atom.test {
        Test::OneOf(Term::Fact(fact), values) => Some((fact, values.iter().flat_map(around).collect())),
        Test::Compare(_, Term::Fact(fact), Term::Literal(value))
        | Test::Compare(_, Term::Literal(value), Term::Fact(fact)) => Some((fact, around(value))),
        Test::Text(_, Term::Fact(fact), Term::Literal(part)) => Some((fact, vec![part.clone()])),
        Test::Within(Term::Literal(FactValue::Text(text)), Term::Fact(fact)) => {
            Some((fact, vec![vec![text.clone()].into()]))
        }
        _ => None,
    }
}

/// A value, with the next lower and higher ones of kinds that have an order.
pub(crate) fn around(value: &FactValue) -> Vec<FactValue> {
    let by = |step: i64| match value {
        FactValue::Number(number) => number.checked_add(step).map(FactValue::Number),
        FactValue::Money(money) => {
            money.micros().checked_add(step).map(|micros| Money::from_micros(micros, money.currency()).into())
        }
        FactValue::Time(time) => time.as_micros().checked_add(step).map(|micros| Timestamp::from_micros(micros).into()),
        _ => None,
    };
    [by(-1), Some(value.clone()), by(1)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::cel;
    use crate::fact::{Declaration, Vocabulary};

    fn show(text: &str) -> String {
        let mut vocabulary = Vocabulary::builtin().clone();
        vocabulary.declare(Declaration::new("tags", FactKind::Texts, "")).unwrap();
        let condition = cel::read(&vocabulary, text).unwrap();
        let show = |values: Vec<FactValue>| values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(" ");
        points([&condition])
            .into_iter()
            .map(|(fact, values)| format!("{fact}: {}", show(values)))
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[test]
    fn values_are_those_at_which_a_condition_turns() {
        for (text, expected) in [
            ("priority > 3", "priority: 2 3 4"),
            ("3 < priority || priority >= 4", "priority: 2 3 4 5"),
            ("priority == 3", "priority: 2 3 4"),
            ("model.name == 'a'", "model.name: … a"),
            ("model.name.startsWith('a') && has(agent.id)", "agent.id: …; model.name: … a"),
            ("labels.a == labels.b", "labels.a: …; labels.b: …"),
            ("model.visibility == 'public'", "model.visibility: private public"),
            ("tool.writes", "tool.writes: false true"),
            ("dataset.class >= label('internal')", "dataset.class: restricted confidential internal public"),
            ("cost > money('5 USD')", "cost: 4.999999 USD 5.00 USD 5.000001 USD"),
            ("'eu' in tags", "tags: [] [eu]"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn values_have_a_bound() {
        let many: Vec<String> = (0..2 * VALUES_LIMIT).map(|at| format!("'{at:02}'")).collect();
        let values = show(&format!("model.name in [{}]", many.join(", ")));
        assert_eq!(values.split_whitespace().count(), 1 + VALUES_LIMIT, "{values}");
        assert!(values.starts_with("model.name: … 00 01 ") && values.ends_with(" 30"), "{values}");
    }
}
