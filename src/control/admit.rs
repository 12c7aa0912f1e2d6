//! What stands before every start: the facts for policy, and the budgets a run falls under.

use super::Control;
use crate::error::OrpError;
use orp_core::{
    id::{BudgetName, RuleId, RunId},
    noun::{
        BudgetSpec, DataClass, FactValue, Facts, Intent, Offer, Plan, PolicyPoint, PolicyRequest, Resource, Visibility,
    },
};

/// What is known of the data set and model an intent is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Subjects {
    pub(crate) class: Option<DataClass>,
    pub(crate) visibility: Option<Visibility>,
}

/// The facts in which the offers for an intent differ.
pub(crate) const OFFER_FACTS: [&str; 4] = ["provider", "region", "market", "resource.kind"];

/// What policy is told of an offer.
pub(crate) fn offer_facts(offer: &Offer) -> Facts {
    let gpu = offer.machine().is_some_and(|machine| !machine.capacity.gpu.is_zero());
    let values: [FactValue; 4] = [
        offer.key.provider.as_str().into(),
        offer.place.region.as_str().into(),
        offer.market.to_string().into(),
        (if gpu { "gpu" } else { "cpu" }).into(),
    ];
    OFFER_FACTS.iter().map(|name| (*name).to_owned()).zip(values).collect()
}

impl Control {
    /// What offers and the intent's own labels say of its subjects: the highest class, and public where any copy is.
    pub(crate) fn subjects(&self, intent: &Intent, offers: &[Offer]) -> Subjects {
        let goal = &intent.goal;
        let mut subjects = Subjects::default();
        for offer in offers {
            match &offer.resource {
                Resource::Data(replica) if goal.data.as_ref().is_some_and(|data| data.admits(&replica.asset)) => {
                    subjects.class = subjects.class.max(Some(replica.class));
                }
                Resource::Model(weights) if goal.model.as_ref().is_some_and(|model| model.admits(&weights.asset)) => {
                    subjects.visibility = subjects.visibility.max(Some(weights.visibility));
                }
                _ => {}
            }
        }
        let stated = intent.constraints.labels.get("dataset.class").and_then(|class| class.parse().ok());
        subjects.class = subjects.class.max(stated);
        subjects
    }

    /// A question about an intent.
    pub(crate) fn request(&self, point: PolicyPoint, intent: &Intent, subjects: &Subjects) -> PolicyRequest {
        let mut request = PolicyRequest::new(point, intent.goal.kind.clone(), self.clock.now())
            .with_fact("project.id", intent.project.as_str())
            .with_fact("requester", intent.requester.as_str())
            .with_fact("goal.kind", intent.goal.kind.clone())
            .with_fact("priority", i64::from(intent.priority));
        if let Some(data) = &intent.goal.data {
            request = request.with_fact("dataset.name", data.name());
        }
        match intent.constraints.labels.get("dataset.class") {
            // A class that is none is not passed over: policy sees what was written, cannot judge it, and forbids.
            Some(stated) if stated.parse::<DataClass>().is_err() => {
                request = request.with_fact("dataset.class", stated.clone());
            }
            _ => {
                if let Some(class) = subjects.class {
                    request = request.with_fact("dataset.class", class);
                }
            }
        }
        if let Some(model) = &intent.goal.model {
            request = request.with_fact("model.name", model.name());
        }
        if let Some(visibility) = subjects.visibility {
            request = request.with_fact("model.visibility", visibility.to_string());
        }
        let known = ["dataset.class"];
        for (name, value) in intent.constraints.labels.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            request = request.with_fact(format!("labels.{name}"), value.clone());
        }
        request
    }

    /// A question about using an offer.
    pub(crate) fn place_request(&self, intent: &Intent, subjects: &Subjects, offer: &Offer) -> PolicyRequest {
        let mut request = self.request(PolicyPoint::Place, intent, subjects);
        request.facts.extend(offer_facts(offer));
        request
    }

    /// A question about a plan.
    pub(crate) fn plan_request(&self, point: PolicyPoint, plan: &Plan, subjects: &Subjects) -> PolicyRequest {
        let gpu = plan
            .bindings
            .iter()
            .filter_map(|binding| binding.machine()?.offer.machine())
            .any(|machine| !machine.capacity.gpu.is_zero());
        self.request(point, &plan.intent, subjects)
            .with_fact("cost", plan.reserve)
            .with_fact("resource.kind", if gpu { "gpu" } else { "cpu" })
    }

    /// The budgets of a run: its own limit, and those policy names.
    pub(crate) fn budgets(
        &self,
        run: RunId,
        plan: &Plan,
        request: &PolicyRequest,
    ) -> Result<Vec<BudgetSpec>, OrpError> {
        let budgets = self.policy.budgets(request).into_iter();
        let mut budgets: Vec<BudgetSpec> = budgets.map(|budget| self.approvals.with_raise(budget)).collect();
        if let Some(cost) = &plan.intent.constraints.cost {
            let spec = |name: BudgetName, rule: RuleId| BudgetSpec::new(name, cost.max, rule);
            let name = BudgetName::new(format!("intent/{run}"));
            let rule = RuleId::new("constraints.cost.max");
            budgets.extend(name.ok().zip(rule.ok()).map(|(name, rule)| spec(name, rule)));
        }
        Ok(budgets)
    }
}
