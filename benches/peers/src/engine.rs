//! What is measured of an engine.

use crate::rules::{Forbids, Request, Rule};
use std::collections::BTreeMap;

/// Something that decides by rules. Nothing here fails: a comparison that cannot go on stops.
pub trait Engine {
    /// Facts as the engine takes them.
    type Facts;
    /// An answer as the engine gives it, with which rules forbid.
    type Answer;

    /// An engine that forbids what these rules forbid and allows the rest.
    fn new(rules: &[Rule]) -> Self;

    /// A request as JSON, as a host of this engine would write it.
    fn json(request: &Request) -> String;

    /// The facts of a request that came as JSON.
    fn facts(&self, json: &str) -> Self::Facts;

    /// Decides.
    fn decide(&self, facts: &Self::Facts) -> Self::Answer;

    /// The rules that forbid, in the order of their ids; none where it is allowed.
    fn forbidding(answer: &Self::Answer) -> Vec<String>;
}

/// An engine behind an equality index, at its best: whatever rules a request meets, an engine with just those stands ready.
pub struct Indexed<E> {
    by_data: BTreeMap<String, usize>,
    by_project: BTreeMap<String, usize>,
    /// Engines by the positions of their rules.
    engines: BTreeMap<(Option<usize>, Option<usize>), E>,
}

impl<E: Engine> Indexed<E> {
    /// Engines for all that these requests meet.
    pub fn new(rules: &[Rule], requests: &[Request]) -> Self {
        let (mut by_data, mut by_project) = (BTreeMap::new(), BTreeMap::new());
        for (at, rule) in rules.iter().enumerate() {
            match &rule.forbids {
                Forbids::Data(label) => by_data.insert(label.clone(), at),
                Forbids::Cost(project, _) => by_project.insert(project.clone(), at),
            };
        }
        let mut indexed = Self { by_data, by_project, engines: BTreeMap::new() };
        for request in requests {
            let met = indexed.met(request);
            let few: Vec<Rule> = [met.0, met.1].into_iter().flatten().map(|at| rules[at].clone()).collect();
            indexed.engines.entry(met).or_insert_with(|| E::new(&few));
        }
        indexed
    }

    fn met(&self, request: &Request) -> (Option<usize>, Option<usize>) {
        (self.by_data.get(&request.data).copied(), self.by_project.get(&request.project).copied())
    }

    /// The engine with the rules that a request meets.
    pub fn engine(&self, request: &Request) -> &E {
        &self.engines[&self.met(request)]
    }
}
