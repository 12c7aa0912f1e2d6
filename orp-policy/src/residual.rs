//! Partial evaluation: one pass over the rules for an intent, then little for each of its candidates.
//!
//! What is known for good decides every atom that speaks of nothing else. Rules that are false are gone, and of the others
//! only what is still undecided is judged for a candidate, behind an index of its own. The law, held by a test: judging what
//! is left on the facts that were open comes to what judging everything at once comes to.

use crate::condition::Expr;
use crate::fact::{Absence, FactName};
use crate::index::{Index, Position};
use crate::set::{Candidate, PolicySet};
use crate::view::View;
use orp_core::contract::{ResidualPolicy, opens};
use orp_core::noun::{Facts, PolicyDecision, PolicyRequest};
use std::{fmt::Debug, ops::Deref};

/// A set, borrowed or shared, with most facts taken in.
#[derive(Debug)]
pub(crate) struct Residual<S> {
    set: S,
    known: PolicyRequest,
    open: Vec<String>,
    /// The rules that may still speak, by their positions in the set.
    rules: Vec<(Position, Expr)>,
    index: Index,
}

impl<S: Deref<Target = PolicySet>> Residual<S> {
    pub(crate) fn new(set: S, known: &PolicyRequest, open: &[&str]) -> Self {
        let view = View::new(&known.facts, known.at);
        let is_final = |fact: &FactName| {
            let is_open = |name: &str| open.iter().any(|open| opens(open, name));
            // A fact that is not there may mean that there is no such subject, which an open fact can change.
            let hangs_on_others = fact.declaration().absence == Absence::NoSubject && view.get(fact.as_str()).is_none();
            let may_appear = || open.iter().any(|open| open.starts_with(fact.subject()));
            !(is_open(fact.as_str()) || hangs_on_others && may_appear())
        };
        let mut rules: Vec<(Position, Expr)> = Vec::new();
        for Candidate { position, conditions, .. } in set.covering(known) {
            match conditions.simplify(view, &is_final) {
                Expr::Always(false) => {}
                left => rules.push((position, left)),
            }
        }
        let numbered = (0..)
            .zip(&rules)
            .filter_map(|(at, (position, left))| Some((at, set.rules().get(*position as usize)?, left)));
        let index = Index::new(numbered);
        let open = open.iter().map(|name| (*name).to_owned()).collect();
        Self { set, known: known.clone(), open, rules, index }
    }
}

impl<S: Deref<Target = PolicySet> + Debug + Send + Sync> ResidualPolicy for Residual<S> {
    fn decide(&self, candidate: &Facts) -> PolicyDecision {
        let is_open = |name: &String| self.open.iter().any(|open| opens(open, name));
        let taken: Facts;
        let over = if candidate.keys().all(is_open) {
            candidate
        } else {
            taken = candidate
                .iter()
                .filter(|(name, _)| is_open(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            &taken
        };
        let view = View::new(&self.known.facts, self.known.at).over(over);
        let found = self.index.candidates(self.known.point, &self.known.action, view);
        let candidates = found.into_iter().filter_map(|at| {
            let (position, conditions) = self.rules.get(at as usize)?;
            Some(Candidate { position: *position, rule: self.set.rules().get(*position as usize)?, conditions })
        });
        self.set.weigh(&self.known, view, candidates).decision
    }
}
