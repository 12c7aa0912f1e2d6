//! The rules and the requests that every engine is given, in no engine's words.

use serde_json::{Value, json};

/// What a rule forbids; what none forbids is allowed.
#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    pub forbids: Forbids,
}

#[derive(Debug, Clone)]
pub enum Forbids {
    /// To tune a public model on data of this label.
    Data(String),
    /// To this project, plans of at least so much, in millionths of a US dollar.
    Cost(String, i64),
}

/// A question, and what an index would look rules up by.
#[derive(Debug, Clone)]
pub struct Request {
    pub project: String,
    pub data: String,
    pub visibility: &'static str,
    pub cost: i64,
}

/// Half of the rules keep a kind of data out of public models, half cap what a project's plan may cost.
pub fn rules(count: usize) -> Vec<Rule> {
    let pair = |at: usize| {
        [
            Rule { id: format!("data-{at}"), forbids: Forbids::Data(format!("kind-{at}")) },
            Rule { id: format!("cap-{at}"), forbids: Forbids::Cost(format!("p-{at}"), at as i64 * 1_000_000) },
        ]
    };
    (0..count / 2).flat_map(pair).collect()
}

/// Requests that no rule, one rule of either kind, or both forbid.
pub fn requests(count: usize) -> Vec<Request> {
    let request = |at: usize| Request {
        project: format!("p-{}", at * 37 % 700),
        data: format!("kind-{}", at * 91 % 800),
        visibility: if at % 3 == 0 { "private" } else { "public" },
        cost: (at * 13 % 600) as i64 * 1_000_000,
    };
    (0..count).map(request).collect()
}

impl Request {
    /// The facts as a tree, amounts in millionths: what engines without money and dotted names take.
    pub fn tree(&self) -> Value {
        json!({
            "action": "fine_tune",
            "project": {"id": self.project},
            "requester": "ada",
            "goal": {"kind": "fine_tune"},
            "dataset": {"name": "tickets", "class": "internal"},
            "model": {"name": "llama-3-70b", "visibility": self.visibility},
            "labels": {"data": self.data},
            "resource": {"kind": "gpu"},
            "priority": 5,
            "cost": self.cost,
        })
    }
}

/// Conditions that no index can go by; they mean the same in ORP and in CEL; the 500th holds.
pub fn expression(at: usize) -> String {
    match at {
        500 => "priority >= 5 && model.name.startsWith('llama')".into(),
        _ if at % 3 == 0 => format!("priority > {} && model.name != 'm-{at}'", 10 + at),
        _ if at % 3 == 1 => format!("model.name.startsWith('m-{at}') || size(dataset.name) > {}", 10 + at),
        _ => format!("!(requester in ['ada', 'bob-{at}']) || priority * {at} > {}", 100 * (at + 1)),
    }
}
