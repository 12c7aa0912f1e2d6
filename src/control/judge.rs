//! What policy says of a whole plan: of the plan, of every machine it binds, and of everything it moves.

use super::Control;
use super::admit::Subjects;
use crate::orp::PlanAnswer;
use orp_core::{
    id::RuleId,
    noun::{
        Bound, Clearance, Digest, Event, Frontier, LedgerError, Obligations, Offer, Plan, PolicyDecision, PolicyPoint,
        PolicyRequest, Reason, Rejection, Shortage, Verdict,
    },
};

/// What obligations nobody can keep are refused by: the reason's rule, when it is not one of the set's own.
const OBLIGATIONS: &str = "obligations";

/// A decision, with every single question that it is made of.
pub(crate) struct Judged {
    pub(crate) decision: PolicyDecision,
    pub(crate) asked: Vec<(PolicyRequest, PolicyDecision)>,
}

/// The fact that policy answered.
pub(crate) const fn decided(
    point: PolicyPoint,
    subject: String,
    decision: PolicyDecision,
    asked: Vec<(PolicyRequest, PolicyDecision)>,
) -> Event {
    Event::PolicyDecided { point, subject, decision, asked }
}

impl Control {
    /// One decision on a plan and everything in it, the strictest of all, with the obligations of all; forbidden too where an
    /// obligation is not kept.
    pub(crate) fn judge_plan(&self, request: &PolicyRequest, plan: &Plan, subjects: &Subjects) -> Judged {
        let ask = |request: PolicyRequest| {
            let decision = self.policy.decide(&request);
            (request, decision)
        };
        let mut asked = vec![ask(request.clone())];
        for binding in &plan.bindings {
            let Some(machine) = binding.machine() else { continue };
            asked.push(ask(self.place_request(&plan.intent, subjects, &machine.offer)));
            for moved in &binding.bound {
                let request = self.transfer_request(plan, subjects, moved, &machine.offer);
                asked.extend(request.map(ask));
            }
        }
        let decision = strictest(asked.iter().map(|(_, decision)| decision.clone()).collect());
        let decision = match self.breach(&decision.obligations, plan) {
            Some(breach) if decision.verdict != Verdict::Forbid => forbidden(decision, breach),
            _ => decision,
        };
        Judged { decision, asked }
    }

    /// Which obligation a plan does not keep, if there is one.
    fn breach(&self, obligations: &Obligations, plan: &Plan) -> Option<String> {
        let machines = || plan.bindings.iter().filter_map(|binding| Some(&binding.machine()?.offer));
        let cost = obligations.refuses_cost(plan.reserve);
        cost.or_else(|| machines().find_map(|offer| refuses_route(obligations, offer))).or_else(|| {
            let nobody = obligations.redact.iter().find(|detector| !self.redactors.contains(*detector))?;
            Some(format!("`{nobody}` must be taken out of the data first, and this host has no redactor for it"))
        })
    }

    /// A question about moving what a task needs to its machine, if it must be moved.
    pub(crate) fn transfer_request(
        &self,
        plan: &Plan,
        subjects: &Subjects,
        moved: &Bound,
        machine: &Offer,
    ) -> Option<PolicyRequest> {
        let bytes = i64::try_from(moved.moves_to(&machine.place)?.get()).unwrap_or(i64::MAX);
        let request = self
            .request(PolicyPoint::Transfer, &plan.intent, subjects)
            .with_fact("transfer.from", moved.offer.place.region.as_str())
            .with_fact("transfer.to", machine.place.region.as_str())
            .with_fact("transfer.bytes", bytes);
        Some(request)
    }

    /// The plans of a frontier that policy does not forbid, its refusal when it forbids all; and the facts of what it
    /// forbids.
    pub(crate) fn permitted(&self, mut frontier: Frontier, subjects: &Subjects) -> (PlanAnswer, Vec<Event>) {
        let (mut refused, mut facts): (Vec<PolicyDecision>, Vec<Event>) = (Vec::new(), Vec::new());
        frontier.plans.retain(|plan| {
            let request = self.plan_request(PolicyPoint::Plan, plan, subjects);
            let Judged { decision, asked } = self.judge_plan(&request, plan, subjects);
            let is_forbidden = decision.verdict == Verdict::Forbid;
            if is_forbidden {
                facts.push(decided(PolicyPoint::Plan, plan.id.to_string(), decision.clone(), asked));
                refused.push(decision);
            }
            !is_forbidden
        });
        let answer = match refused.first() {
            Some(decision) if frontier.plans.is_empty() => PlanAnswer::Refused(Box::new(decision.clone())),
            Some(decision) => {
                let reason = format!("policy, for one: {decision}");
                frontier.rejected.push(Rejection { reason, count: refused.len() as u64 });
                PlanAnswer::Plans(frontier)
            }
            None => PlanAnswer::Plans(frontier),
        };
        (answer, facts)
    }

    /// Why a decision does not let a run that was cleared go on, if it does not.
    pub(crate) fn holds_up(
        &self,
        decision: &PolicyDecision,
        clearance: &Clearance,
        plan: Option<&Plan>,
    ) -> Option<String> {
        match decision.verdict {
            Verdict::Permit => None,
            Verdict::NeedsApproval => {
                clearance.refuses(decision, plan.map(|plan| plan.reserve)).map(|why| format!("{decision}; {why}"))
            }
            Verdict::Forbid => Some(decision.to_string()),
        }
    }
}

/// Why obligations do not let an offer be used, if they do not.
pub(crate) fn refuses_route(obligations: &Obligations, offer: &Offer) -> Option<String> {
    let (provider, region) = (offer.key.provider.as_str(), offer.place.region.as_str());
    obligations.route.refuses(provider, region, &offer.market.to_string())
}

/// One decision of several: the strictest verdict with its reasons, and the obligations and warnings of all.
pub(crate) fn strictest(decisions: Vec<PolicyDecision>) -> PolicyDecision {
    let mut decisions = decisions.into_iter();
    let Some(mut whole) = decisions.next() else { return nothing_asked() };
    for decision in decisions {
        if decision.verdict > whole.verdict {
            (whole.verdict, whole.reasons) = (decision.verdict, decision.reasons);
        } else if decision.verdict == whole.verdict {
            add_new(&mut whole.reasons, decision.reasons);
        }
        add_new(&mut whole.exceptions, decision.exceptions);
        add_new(&mut whole.warnings, decision.warnings);
        whole.obligations.add(&decision.obligations);
    }
    if whole.verdict == Verdict::Forbid {
        whole.obligations = Obligations::default();
    }
    whole
}

fn add_new(reasons: &mut Vec<Reason>, more: Vec<Reason>) {
    for reason in more {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
}

/// What was never asked is not permitted.
fn nothing_asked() -> PolicyDecision {
    PolicyDecision::new(Verdict::Forbid, Vec::new(), Digest::of(b""))
}

/// The decision, but that it forbids because budgets do not allow it.
pub(crate) fn unaffordable(decision: PolicyDecision, error: &LedgerError) -> PolicyDecision {
    let LedgerError::Exceeded(exceeded) = error else { return forbidden(decision, error.to_string()) };
    let reason = |short: &Shortage| Reason { rule: short.rule.clone(), because: short.to_string(), remedy: None };
    let reasons = exceeded.all().map(reason).collect();
    PolicyDecision::new(Verdict::Forbid, reasons, decision.policy).with_warnings(decision.warnings)
}

/// The decision, but that it forbids for this.
pub(crate) fn forbidden(decision: PolicyDecision, because: String) -> PolicyDecision {
    let rule = RuleId::new(OBLIGATIONS).ok().or_else(|| decision.reasons.first().map(|reason| reason.rule.clone()));
    let reasons = rule.map(|rule| Reason { rule, because, remedy: None }).into_iter().collect();
    PolicyDecision::new(Verdict::Forbid, reasons, decision.policy).with_warnings(decision.warnings)
}
