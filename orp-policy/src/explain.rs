//! Explanations: which rule, which of its conditions, on which value, and what would change the answer.
//!
//! A decision names the rules that decided. An explanation looks at every rule that could have spoken, for permits as well as
//! for refusals, and tries the facts' turning points (the values at which a condition changes) for the smallest changes of at most two
//! facts that come to another verdict. Every change it names has been judged, so none is a guess.
//!
//! ```
//! use orp_core::prelude::*;
//! use orp_policy::PolicySet;
//!
//! let set = PolicySet::from_sources(&[Source::new("reference.yaml", include_str!("../examples/reference.yaml"))])?;
//! let request = PolicyRequest::new(PolicyPoint::Intent, "fine_tune", Timestamp::EPOCH)
//!     .with_fact("dataset.name", "tickets")
//!     .with_fact("dataset.class", DataClass::Restricted)
//!     .with_fact("model.name", "llama-3-70b")
//!     .with_fact("model.visibility", "public");
//! let explanation = set.explain(&request);
//! assert_eq!(explanation.changes[0].to_string(), "`dataset.class` internal: permit");
//! assert!(explanation.to_string().contains("`dataset.class` >= confidential: holds, it is restricted"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::condition::{Truth, turning};
use crate::fact::FactName;
use crate::rule::{Effect, Mode};
use crate::set::{Candidate, PolicySet};
use crate::view::View;
use orp_core::contract::PolicyEngine;
use orp_core::id::RuleId;
use orp_core::noun::{FactValue, PolicyDecision, PolicyRequest, Verdict};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The most changes that are named.
pub const CHANGES_LIMIT: usize = 5;

/// The most changes that are tried.
pub const TRIES_LIMIT: usize = 4_096;

/// The most rules that are explained; those that hold or cannot be judged come first.
pub const RULES_LIMIT: usize = 50;

/// Whether something held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It held.
    Holds,
    /// It did not.
    Fails,
    /// It cannot be judged.
    Unknown,
}

impl From<Truth> for Outcome {
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::True => Self::Holds,
            Truth::False => Self::Fails,
            Truth::Unknown => Self::Unknown,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Unknown => "cannot be judged",
        })
    }
}

/// A decision, with everything that went into it. Prints as lines, one for each rule and condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The decision.
    pub decision: PolicyDecision,
    /// The rules about this point and action.
    pub rules: Vec<RuleExplanation>,
    /// How many more rules there are, all of which failed.
    pub more_rules: usize,
    /// The smallest changes that come to another verdict: to a milder one, or from a permit to a stricter one.
    pub changes: Vec<Change>,
}

/// What a rule said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleExplanation {
    /// Which.
    pub rule: RuleId,
    /// What it does.
    pub effect: Effect,
    /// Whether it counts.
    pub mode: Mode,
    /// Whether its conditions hold.
    pub outcome: Outcome,
    /// Its conditions, one by one.
    pub conditions: Vec<ConditionExplanation>,
}

/// What a condition came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConditionExplanation {
    /// The condition, in words.
    pub condition: String,
    /// What it came to.
    pub outcome: Outcome,
    /// What was found of the facts that it speaks of.
    pub found: BTreeMap<String, Option<FactValue>>,
}

/// Facts that would have to be otherwise, and what the answer then is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The facts, and their values.
    pub facts: BTreeMap<String, ChangedTo>,
    /// The verdict then.
    pub verdict: Verdict,
}

/// What a fact would have to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedTo {
    /// This.
    Value(FactValue),
    /// Any text that no rule names.
    Other,
}

impl PolicySet {
    /// Explains what the set decides on a request. Takes much longer than deciding: it is for people.
    pub fn explain(&self, request: &PolicyRequest) -> Explanation {
        let view = View::new(&request.facts, request.at);
        let decision = self.decide(request);
        let mut rules: Vec<RuleExplanation> = self.covering(request).map(|rule| explained(rule, view)).collect();
        rules.sort_by_key(|rule| rule.outcome == Outcome::Fails);
        let more_rules = rules.len().saturating_sub(RULES_LIMIT);
        rules.truncate(RULES_LIMIT);
        let changes = Search { set: self, request, verdict: decision.verdict, tries: 0 }.changes(view);
        Explanation { decision, rules, more_rules, changes }
    }
}

fn explained(candidate: Candidate<'_>, view: View<'_>) -> RuleExplanation {
    let found = |fact: &FactName| (fact.to_string(), view.get(fact.as_str()).cloned());
    let conditions = candidate.conditions.atoms().into_iter().map(|atom| ConditionExplanation {
        condition: atom.to_string(),
        outcome: atom.judge(view).into(),
        found: atom.facts().map(found).collect(),
    });
    RuleExplanation {
        rule: candidate.rule.id().clone(),
        effect: candidate.rule.effect(),
        mode: candidate.rule.mode(),
        outcome: candidate.conditions.judge(view).into(),
        conditions: conditions.collect(),
    }
}

/// Looks for changes to another verdict.
struct Search<'a> {
    set: &'a PolicySet,
    request: &'a PolicyRequest,
    verdict: Verdict,
    tries: usize,
}

impl Search<'_> {
    /// Single facts first; then pairs of facts neither of which does it alone.
    fn changes(&mut self, view: View<'_>) -> Vec<Change> {
        let points = turning::points(
            self.set.covering(self.request).filter(|rule| self.matters(*rule, view)).map(|rule| rule.conditions),
        );
        let proposals: Vec<(&FactName, FactValue)> = points
            .into_iter()
            .flat_map(|(fact, values)| values.into_iter().map(move |value| (fact, value)))
            .filter(|(fact, value)| view.get(fact.as_str()) != Some(value))
            .collect();
        let mut changes = Vec::new();
        for proposal in &proposals {
            self.attempt(&[proposal], &mut changes);
        }
        for (at, one) in proposals.iter().enumerate() {
            for other in proposals.iter().skip(at + 1).filter(|other| other.0 != one.0) {
                let is_known = |(fact, _): &(&FactName, FactValue)| {
                    changes.iter().any(|change| change.facts.len() == 1 && change.facts.contains_key(fact.as_str()))
                };
                if !is_known(one) && !is_known(other) {
                    self.attempt(&[one, other], &mut changes);
                }
            }
        }
        changes
    }

    /// Whether a rule's saying something else could change the verdict.
    fn matters(&self, candidate: Candidate<'_>, view: View<'_>) -> bool {
        let holds = candidate.conditions.judge(view) != Truth::False;
        let strict = candidate.rule.effect() != Effect::Allow;
        candidate.rule.mode() == Mode::Enforce && (holds == strict) == (self.verdict != Verdict::Permit)
    }

    fn attempt(&mut self, proposals: &[&(&FactName, FactValue)], changes: &mut Vec<Change>) {
        if self.tries >= TRIES_LIMIT || changes.len() >= CHANGES_LIMIT {
            return;
        }
        self.tries += 1;
        let mut request = self.request.clone();
        for (fact, value) in proposals {
            request.facts.insert(fact.to_string(), value.clone());
        }
        let verdict = self.set.decide(&request).verdict;
        let is_better = if self.verdict == Verdict::Permit { verdict > self.verdict } else { verdict < self.verdict };
        if !is_better {
            return;
        }
        let facts: BTreeMap<String, ChangedTo> =
            proposals.iter().map(|(fact, value)| (fact.to_string(), changed_to(value))).collect();
        // Of the values of the same facts that do it, the first is enough.
        if !changes.iter().any(|change| change.verdict == verdict && change.facts.keys().eq(facts.keys())) {
            changes.push(Change { facts, verdict });
        }
    }
}

fn changed_to(value: &FactValue) -> ChangedTo {
    match value {
        FactValue::Text(text) if text == turning::OTHER => ChangedTo::Other,
        value => ChangedTo::Value(value.clone()),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.decision)?;
        for rule in &self.rules {
            let mode = if rule.mode == Mode::Enforce { String::new() } else { format!(" ({})", rule.mode) };
            write!(f, "\n  rule `{}` ({}){mode}: {}", rule.rule, rule.effect, rule.outcome)?;
            for condition in &rule.conditions {
                write!(f, "\n    {}: {}", condition.condition, condition.outcome)?;
                for (fact, found) in &condition.found {
                    let name = if condition.found.len() == 1 { "it".into() } else { format!("`{fact}`") };
                    match found {
                        Some(value) => write!(f, ", {name} is {value}")?,
                        None => write!(f, ", {name} is not given")?,
                    }
                }
            }
        }
        if self.more_rules > 0 {
            write!(f, "\n  and {} more rules that fail", self.more_rules)?;
        }
        match self.changes.is_empty() {
            true => write!(f, "\n  no change of one or two facts comes to another verdict"),
            false => self.changes.iter().try_for_each(|change| write!(f, "\n  would change it: {change}")),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (fact, to)) in self.facts.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " and " })?;
            match to {
                ChangedTo::Value(value) => write!(f, "`{fact}` {value}")?,
                ChangedTo::Other => write!(f, "another `{fact}`")?,
            }
        }
        write!(f, ": {}", self.verdict)
    }
}
