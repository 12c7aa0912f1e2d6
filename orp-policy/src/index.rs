//! Which rules may speak on a request, without looking at all of them.
//!
//! Rules stand by point and action, and among those by the text that one of their facts must equal. Each rule goes by the
//! fact that tells most rules of the set apart: with a thousand rules of a thousand projects, a request meets those of its
//! own. The index only leaves out rules whose conditions are false, so judging what it finds comes to what judging all
//! rules comes to; where the fact is not known, it leaves out none.

use crate::condition::Expr;
use crate::fact::{Absence, FactName, Reading, Value};
use crate::rule::{Actions, Rule};
use crate::view::View;
use indexmap::IndexMap;
use orp_core::noun::PolicyPoint;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasherDefault, DefaultHasher};

/// The position of a rule in its set.
pub(crate) type Position = u32;

/// A table that is looked into and never walked: hashed without a random seed, so that runs are alike.
type Table<T> = IndexMap<Box<str>, T, BuildHasherDefault<DefaultHasher>>;

/// Positions of rules by what they are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    any_point: ByAction,
    points: BTreeMap<PolicyPoint, ByAction>,
}

#[derive(Debug, Clone, Default)]
struct ByAction {
    any_action: ByFact,
    actions: Table<ByFact>,
}

#[derive(Debug, Clone, Default)]
struct ByFact {
    /// Rules that no text tells apart.
    rest: Vec<Position>,
    /// Rules that speak only where the fact has one of some texts.
    facts: BTreeMap<FactName, ByText>,
    /// The same for facts that are mostly not there, of which there may be as many as rules: found by a request's own.
    optional: Table<(FactName, ByText)>,
}

#[derive(Debug, Clone, Default)]
struct ByText {
    all: Vec<Position>,
    texts: Table<Vec<Position>>,
}

/// What a rule is looked up by: a fact, and the texts that it must have.
type Key<'a> = (&'a FactName, Vec<&'a str>);

impl Index {
    /// The index of rules by their positions, with the conditions that they are judged by.
    pub(crate) fn new<'a>(rules: impl Iterator<Item = (Position, &'a Rule, &'a Expr)> + Clone) -> Self {
        let keys: Vec<Vec<Key<'a>>> = rules.clone().map(|(_, _, conditions)| conditions.texts()).collect();
        let spread = spread(&keys);
        let mut index = Self::default();
        for ((position, rule, _), keys) in rules.zip(&keys) {
            let key = keys.iter().max_by_key(|(fact, _)| spread.get(fact));
            match &rule.points {
                None => index.any_point.insert(position, rule, key),
                Some(points) => {
                    points.iter().for_each(|point| index.points.entry(*point).or_default().insert(position, rule, key))
                }
            }
        }
        index
    }

    /// The positions of the rules that may speak, each once, in order.
    pub(crate) fn candidates(&self, point: PolicyPoint, action: &str, view: View<'_>) -> Vec<Position> {
        let mut found = Vec::new();
        for by_action in [Some(&self.any_point), self.points.get(&point)].into_iter().flatten() {
            let by_facts = [Some(&by_action.any_action), by_action.actions.get(action)];
            by_facts.into_iter().flatten().for_each(|by_fact| by_fact.find(view, &mut found));
        }
        found.sort_unstable();
        // A rule stands under each action and text once, but a fact may be given twice: before and over.
        found.dedup();
        found
    }
}

/// How many texts each fact is compared with in the whole set.
fn spread<'a>(keys: &[Vec<Key<'a>>]) -> BTreeMap<&'a FactName, usize> {
    let mut texts: BTreeMap<&FactName, BTreeSet<&str>> = BTreeMap::new();
    for (fact, values) in keys.iter().flatten() {
        texts.entry(fact).or_default().extend(values);
    }
    texts.into_iter().map(|(fact, values)| (fact, values.len())).collect()
}

impl ByAction {
    fn insert(&mut self, position: Position, rule: &Rule, key: Option<&Key<'_>>) {
        match &rule.actions {
            Actions::Any => self.any_action.insert(position, key),
            Actions::Named(names) => {
                for name in names {
                    self.actions.entry(name.as_str().into()).or_default().insert(position, key);
                }
            }
        }
    }
}

impl ByFact {
    fn insert(&mut self, position: Position, key: Option<&Key<'_>>) {
        let Some((fact, texts)) = key else {
            return self.rest.push(position);
        };
        let by_text = if fact.declaration().absence == Absence::Unset {
            let make = || ((*fact).clone(), ByText::default());
            &mut self.optional.entry(fact.as_str().into()).or_insert_with(make).1
        } else {
            self.facts.entry((*fact).clone()).or_default()
        };
        by_text.all.push(position);
        for text in texts {
            by_text.texts.entry((*text).into()).or_default().push(position);
        }
    }

    fn find(&self, view: View<'_>, found: &mut Vec<Position>) {
        found.extend(&self.rest);
        self.facts.iter().for_each(|(fact, by_text)| by_text.find(fact, view, found));
        if !self.optional.is_empty() {
            for (fact, by_text) in view.iter().filter_map(|(name, _)| self.optional.get(name)) {
                by_text.find(fact, view, found);
            }
        }
    }
}

impl ByText {
    fn find(&self, fact: &FactName, view: View<'_>, found: &mut Vec<Position>) {
        match fact.read(view) {
            Reading::Value(Value::Text(text)) => found.extend(self.texts.get(text).into_iter().flatten()),
            // Equal to nothing: every rule here is false.
            Reading::NoSubject | Reading::Unset => {}
            _ => found.extend(&self.all),
        }
    }
}
