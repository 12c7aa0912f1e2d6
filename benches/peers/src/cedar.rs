//! `cedar-policy`: the action in the head, the other facts in the context. Its answer names the policies.

use crate::engine::Engine;
use crate::rules::{Forbids, Request, Rule};
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Response};

pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    /// Who, what, on what: parsed once.
    head: [EntityUid; 3],
}

impl Engine for Cedar {
    type Facts = cedar_policy::Request;
    type Answer = Response;

    fn new(rules: &[Rule]) -> Self {
        let mut policies = PolicySet::new();
        let mut add = |id: &str, text: &str| {
            let policy = Policy::parse(Some(PolicyId::new(id)), text).expect("the policies are good");
            policies.add(policy).expect("ids are unique");
        };
        add("the-rest", "permit(principal, action, resource);");
        for Rule { id, forbids } in rules {
            let text = match forbids {
                Forbids::Data(label) => format!(
                    "forbid(principal, action == Action::\"fine_tune\", resource) \
                     when {{ context.labels.data == \"{label}\" && context.model.visibility == \"public\" }};"
                ),
                Forbids::Cost(project, micros) => format!(
                    "forbid(principal, action, resource) \
                     when {{ context.project.id == \"{project}\" && context.cost >= {micros} }};"
                ),
            };
            add(id, &text);
        }
        let head = ["User::\"ada\"", "Action::\"fine_tune\"", "Plan::\"plan\""].map(|uid| uid.parse().expect("an id"));
        Self { authorizer: Authorizer::new(), policies, entities: Entities::empty(), head }
    }

    fn json(request: &Request) -> String {
        request.tree().to_string()
    }

    fn facts(&self, json: &str) -> cedar_policy::Request {
        let context = Context::from_json_str(json, None).expect("a context");
        let [who, what, on] = self.head.clone();
        cedar_policy::Request::new(who, what, on, context, None).expect("a request")
    }

    fn decide(&self, facts: &cedar_policy::Request) -> Response {
        self.authorizer.is_authorized(facts, &self.policies, &self.entities)
    }

    fn forbidding(answer: &Response) -> Vec<String> {
        assert_eq!(answer.diagnostics().errors().count(), 0);
        if answer.decision() == Decision::Allow {
            return Vec::new();
        }
        let mut ids: Vec<String> = answer.diagnostics().reason().map(ToString::to_string).collect();
        ids.sort();
        ids
    }
}
