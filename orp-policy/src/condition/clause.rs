//! `where`: a map of facts to what they must be, all of which must hold. Its form is that of
//! [`document`](crate::document).

use super::atom::Relation;
use super::{Atom, Expr, SIZE_LIMIT, Term, Test};
use crate::document::raw::{Fault, Raw};
use crate::fact::{FactKind, FactName, Vocabulary};
use orp_core::noun::FactValue;
use orp_core::unit::Currency;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

/// What a `where` says, its facts being of this vocabulary.
pub(crate) fn read(vocabulary: &Vocabulary, written: &Spanned<Raw>) -> Result<Expr, Fault> {
    let Raw::Map(entries) = &written.value else {
        return Err(Fault::new(
            written.referenced,
            format!("expected a map of facts to conditions, found {}", written.value),
        ));
    };
    if entries.is_empty() {
        return Err(Fault::new(written.referenced, "no conditions: expected at least one, or no `where` for always"));
    }
    // In the order of the facts, so that the same conditions are the same however written.
    let mut conditions = BTreeMap::new();
    for (name, condition) in entries {
        let fact = vocabulary.find(&name.value).map_err(|message| Fault::new(name.referenced, message))?;
        let atoms = Reader { fact: &fact }.condition(condition)?;
        conditions.insert(fact, atoms);
    }
    let expr = Expr::all(conditions.into_values().flatten().map(Expr::Atom));
    match expr.size() {
        size if size > SIZE_LIMIT => {
            let message = format!("{size} values to compare with: at most {SIZE_LIMIT} in one document");
            Err(Fault::new(written.referenced, message))
        }
        _ => Ok(expr),
    }
}

/// The names of tests, in the order in which they are judged.
const TESTS: [&str; 5] = ["any_of", "at_least", "at_most", "not", "present"];

/// Reads what one fact must be.
struct Reader<'f> {
    fact: &'f FactName,
}

impl Reader<'_> {
    fn kind(&self) -> &FactKind {
        &self.fact.declaration().kind
    }

    fn term(&self) -> Term {
        Term::Fact(self.fact.clone())
    }

    /// A value, a list of values, or a map of tests.
    fn condition(&self, written: &Spanned<Raw>) -> Result<Vec<Atom>, Fault> {
        let Raw::Map(tests) = &written.value else {
            return Ok(vec![Atom::new(self.one_of(written)?, true)]);
        };
        if tests.is_empty() {
            return Err(Fault::new(written.referenced, format!("no test of `{}`: expected at least one", self.fact)));
        }
        let mut atoms = BTreeMap::new();
        for (name, value) in tests {
            let Some(place) = TESTS.iter().position(|test| *test == name.value) else {
                let message = format!("unknown test `{}`: expected one of {}", name.value, TESTS.join(", "));
                return Err(Fault::new(name.referenced, message));
            };
            atoms.insert(place, self.test(name, value)?);
        }
        let atoms: Vec<Atom> = atoms.into_values().collect();
        self.check_currency(&atoms, written.referenced)?;
        Ok(atoms)
    }

    fn test(&self, name: &Spanned<String>, value: &Spanned<Raw>) -> Result<Atom, Fault> {
        match name.value.as_str() {
            "any_of" => Ok(Atom::new(self.one_of(value)?, true)),
            "not" => Ok(Atom::new(self.one_of(value)?, false)),
            "present" => match value.value {
                Raw::Flag(wanted) => Ok(Atom::new(Test::Present(self.fact.clone()), wanted)),
                _ => Err(Fault::new(value.referenced, format!("expected true or false, found {}", value.value))),
            },
            bound => {
                if !self.kind().is_ordered() {
                    let message = format!("`{}` has no order: it is {}", self.fact, self.kind());
                    return Err(Fault::new(name.referenced, message));
                }
                let relation = if bound == "at_least" { Relation::AtLeast } else { Relation::AtMost };
                let literal = Term::Literal(self.literal(value)?);
                Ok(Atom::new(Test::Compare(relation, self.term(), literal), true))
            }
        }
    }

    /// One value, or a list of them.
    fn one_of(&self, written: &Spanned<Raw>) -> Result<Test, Fault> {
        if *self.kind() == FactKind::Texts {
            let message = format!("`{}` is a list: write `when: \"'…' in {}\"`", self.fact, self.fact);
            return Err(Fault::new(written.referenced, message));
        }
        let list = match &written.value {
            Raw::List(list) => list.iter().map(|item| self.literal(item)).collect::<Result<Vec<_>, _>>()?,
            _ => vec![self.literal(written)?],
        };
        if list.is_empty() {
            let message = format!("an empty list for `{}`: expected at least one value", self.fact);
            return Err(Fault::new(written.referenced, message));
        }
        let test = Test::one_of(self.term(), list);
        self.check_currency(&[Atom::new(test.clone(), true)], written.referenced)?;
        Ok(test)
    }

    /// One value of the kind that the fact is declared as.
    fn literal(&self, written: &Spanned<Raw>) -> Result<FactValue, Fault> {
        match &written.value {
            Raw::Text(text) if self.kind().is_text() && text.contains('*') => {
                let message =
                    format!("`{text}` is no pattern here: expected the whole text that `{}` must equal", self.fact);
                Err(Fault::new(written.referenced, message))
            }
            _ => value(self.fact, written),
        }
    }

    /// Amounts of two currencies in one condition could never be judged.
    fn check_currency(&self, atoms: &[Atom], at: Location) -> Result<(), Fault> {
        let mut first: Option<Currency> = None;
        let values = atoms.iter().flat_map(|atom| match &atom.test {
            Test::OneOf(_, values) => values.as_slice(),
            Test::Compare(_, _, Term::Literal(value)) => std::slice::from_ref(value),
            _ => &[],
        });
        for value in values {
            let FactValue::Money(money) = value else { continue };
            let expected = *first.get_or_insert(money.currency());
            if money.currency() != expected {
                let message = format!("`{money}` beside amounts in {expected}: expected one currency");
                return Err(Fault::new(at, message));
            }
        }
        Ok(())
    }
}

/// A written value as one of the kind that a fact is declared as.
pub(crate) fn value(fact: &FactName, written: &Spanned<Raw>) -> Result<FactValue, Fault> {
    let kind = &fact.declaration().kind;
    let fault = |message: String| Err(Fault::new(written.referenced, message));
    let value = match (kind, &written.value) {
        (_, Raw::Text(text)) => literal_of(kind, text),
        (FactKind::Number, Raw::Number(number)) => Ok(FactValue::Number(*number)),
        (FactKind::Flag, Raw::Flag(flag)) => Ok(FactValue::Flag(*flag)),
        (FactKind::Texts, Raw::List(items)) => {
            let text = |item: &Spanned<Raw>| match &item.value {
                Raw::Text(text) => Ok(text.clone()),
                found => Err(Fault::new(item.referenced, format!("expected text in `{fact}`, found {found}"))),
            };
            return items.iter().map(text).collect::<Result<_, _>>().map(FactValue::Texts);
        }
        (kind, found) => {
            let quoted = if *kind == FactKind::Text { "; write it in quotes" } else { "" };
            return fault(format!("expected {kind} for `{fact}`, found {found}{quoted}"));
        }
    };
    let no_value = || format!("{} is no value of `{fact}`: expected {kind}", written.value);
    value.or_else(|why| fault(why.unwrap_or_else(no_value)))
}

/// A text as a value of a kind; `None` when there is nothing better to say than that it is none.
pub(super) fn literal_of(kind: &FactKind, text: &str) -> Result<FactValue, Option<String>> {
    match kind {
        FactKind::Text => Ok(FactValue::Text(text.into())),
        FactKind::OneOf(values) if values.iter().any(|value| value == text) => Ok(FactValue::Text(text.into())),
        FactKind::Class => text.parse().map(FactValue::Class).map_err(Some),
        FactKind::Money => {
            text.parse().map(FactValue::Money).map_err(|error: orp_core::unit::UnitError| Some(error.to_string()))
        }
        FactKind::Time => text.parse().map(FactValue::Time).map_err(|_| None),
        _ => Err(None),
    }
}

impl Test {
    /// Equal to one of these: sorted, each once, so that the same test is the same however written.
    pub(super) fn one_of(term: Term, values: Vec<FactValue>) -> Self {
        let values: BTreeMap<String, FactValue> = values.into_iter().map(|value| (value.to_string(), value)).collect();
        Self::OneOf(term, values.into_values().collect())
    }
}
