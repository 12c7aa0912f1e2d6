//! Which rules may speak on a request, without looking at all of them.
//!
//! Rules stand by point and action, and among those by the text that one of their facts must equal. Each rule goes by the
//! fact that tells most rules of the set apart: with a thousand rules of a thousand projects, a request meets those of its
//! own. The index only leaves out rules whose conditions are false, so judging what it finds comes to what judging all
//! rules comes to; where the fact is not known, it leaves out none.

use crate::fact::{FactName, Reading, Value};
use crate::rule::{Actions, Rule};
use orp_core::noun::{Facts, PolicyPoint, PolicyRequest};
use std::collections::{BTreeMap, BTreeSet};

/// The position of a rule in its set.
type Position = u32;

/// Positions of rules by what they are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    any_point: ByAction,
    points: BTreeMap<PolicyPoint, ByAction>,
}

#[derive(Debug, Clone, Default)]
struct ByAction {
    any_action: ByFact,
    actions: BTreeMap<String, ByFact>,
}

#[derive(Debug, Clone, Default)]
struct ByFact {
    /// Rules that no text tells apart.
    rest: Vec<Position>,
    /// Rules that speak only where the fact has one of some texts.
    facts: BTreeMap<FactName, ByText>,
}

#[derive(Debug, Clone, Default)]
struct ByText {
    all: Vec<Position>,
    texts: BTreeMap<String, Vec<Position>>,
}

impl Index {
    /// The index of rules by their positions.
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let spread = spread(rules);
        let mut index = Self::default();
        for (position, rule) in (0..).zip(rules) {
            let key = rule.conditions.texts().max_by_key(|(fact, _)| spread.get(fact));
            match &rule.points {
                None => index.any_point.insert(position, rule, key.as_ref()),
                Some(points) => points
                    .iter()
                    .for_each(|point| index.points.entry(*point).or_default().insert(position, rule, key.as_ref())),
            }
        }
        index
    }

    /// The positions of the rules that may speak on a request, each once, in order.
    pub(crate) fn candidates(&self, request: &PolicyRequest) -> Vec<Position> {
        let mut found = Vec::new();
        for by_action in [Some(&self.any_point), self.points.get(&request.point)].into_iter().flatten() {
            let by_facts = [Some(&by_action.any_action), by_action.actions.get(&request.action)];
            by_facts.into_iter().flatten().for_each(|by_fact| by_fact.find(&request.facts, &mut found));
        }
        found.sort_unstable();
        found
    }
}

/// How many texts each fact is compared with in the whole set.
fn spread(rules: &[Rule]) -> BTreeMap<&FactName, usize> {
    let mut texts: BTreeMap<&FactName, BTreeSet<&str>> = BTreeMap::new();
    for (fact, values) in rules.iter().flat_map(|rule| rule.conditions.texts()) {
        texts.entry(fact).or_default().extend(values);
    }
    texts.into_iter().map(|(fact, values)| (fact, values.len())).collect()
}

impl ByAction {
    fn insert(&mut self, position: Position, rule: &Rule, key: Option<&(&FactName, Vec<&str>)>) {
        match &rule.actions {
            Actions::Any => self.any_action.insert(position, key),
            Actions::Named(names) => {
                for name in names {
                    self.actions.entry(name.clone()).or_default().insert(position, key);
                }
            }
        }
    }
}

impl ByFact {
    fn insert(&mut self, position: Position, key: Option<&(&FactName, Vec<&str>)>) {
        let Some((fact, texts)) = key else {
            return self.rest.push(position);
        };
        let by_text = self.facts.entry((*fact).clone()).or_default();
        by_text.all.push(position);
        for text in texts {
            by_text.texts.entry((*text).to_owned()).or_default().push(position);
        }
    }

    fn find(&self, facts: &Facts, found: &mut Vec<Position>) {
        found.extend(&self.rest);
        for (fact, by_text) in &self.facts {
            match fact.read(facts) {
                Reading::Value(Value::Text(text)) => found.extend(by_text.texts.get(text).into_iter().flatten()),
                // Equal to nothing: every rule here is false.
                Reading::NoSubject | Reading::Unset => {}
                _ => found.extend(&by_text.all),
            }
        }
    }
}
