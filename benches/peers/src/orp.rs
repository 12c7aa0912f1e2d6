//! ORP itself.

use crate::engine::Engine;
use crate::rules::{Forbids, Request, Rule};
use orp_core::contract::PolicyEngine;
use orp_core::document::Source;
use orp_core::noun::{DataClass, PolicyDecision, PolicyPoint, PolicyRequest, Verdict};
use orp_core::unit::{Currency, Money};
use orp_policy::PolicySet;

pub struct Orp(PolicySet);

pub fn document(id: &str, spec: &str) -> String {
    format!("---\napiVersion: orp.policy/v1\nkind: Rule\nmetadata: {{id: {id}}}\nspec: {{{spec}}}\n")
}

impl Orp {
    pub fn from_text(text: &str) -> Self {
        Self(PolicySet::from_sources(&[Source::new("peers.yaml", text)]).expect("the rules are good"))
    }
}

/// A request without the facts that rules go by.
pub fn bare() -> PolicyRequest {
    PolicyRequest::new(PolicyPoint::Plan, "fine_tune", "2026-11-23T04:38:00Z".parse().expect("a time"))
        .with_fact("requester", "ada")
        .with_fact("goal.kind", "fine_tune")
        .with_fact("dataset.name", "tickets")
        .with_fact("dataset.class", DataClass::Internal)
        .with_fact("model.name", "llama-3-70b")
        .with_fact("resource.kind", "gpu")
        .with_fact("priority", 5)
}

impl Engine for Orp {
    type Facts = PolicyRequest;
    type Answer = PolicyDecision;

    fn new(rules: &[Rule]) -> Self {
        let mut text = document("the-rest", "effect: allow, actions: [\"*\"], because: nothing forbids it");
        for Rule { id, forbids } in rules {
            text += &match forbids {
                Forbids::Data(label) => document(
                    id,
                    &format!(
                        "effect: deny, actions: [fine_tune], where: {{labels.data: {label}, model.visibility: public}}"
                    ),
                ),
                Forbids::Cost(project, micros) => {
                    let least = Money::from_micros(*micros, Currency::USD);
                    document(
                        id,
                        &format!(
                            "effect: deny, actions: [\"*\"], where: {{project.id: {project}, cost: {{at_least: {least}}}}}"
                        ),
                    )
                }
            };
        }
        Self::from_text(&text)
    }

    fn json(request: &Request) -> String {
        let request = bare()
            .with_fact("project.id", request.project.as_str())
            .with_fact("labels.data", request.data.as_str())
            .with_fact("model.visibility", request.visibility)
            .with_fact("cost", Money::from_micros(request.cost, Currency::USD));
        serde_json::to_string(&request).expect("requests can be written")
    }

    fn facts(&self, json: &str) -> PolicyRequest {
        serde_json::from_str(json).expect("a request")
    }

    fn decide(&self, facts: &PolicyRequest) -> PolicyDecision {
        self.0.decide(facts)
    }

    fn forbidding(answer: &PolicyDecision) -> Vec<String> {
        let reasons = answer.reasons.iter().filter(|_| answer.verdict == Verdict::Forbid);
        let mut ids: Vec<String> = reasons.map(|reason| reason.rule.to_string()).collect();
        ids.sort();
        ids
    }
}
