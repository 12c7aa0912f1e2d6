//! A policy of permits; what none permits is forbidden.

use super::literal;
use crate::contract::PolicyEngine;
use crate::id::RuleId;
use crate::noun::{BudgetSpec, Digest, FactValue, PolicyDecision, PolicyPoint, PolicyRequest, Reason, Verdict};
use crate::unit::Money;

/// An ordered list of permits: the first that speaks of a request and holds permits it; what none permits is forbidden.
/// When a permit that speaks of a request cannot be evaluated, the request is forbidden whatever the others say.
///
/// ```
/// use orp_core::{memory::MemoryPolicy, prelude::*};
///
/// let policy = MemoryPolicy::default().with_permit_up_to(RuleId::new("small")?, PolicyPoint::Run, "fine_tune", "5 USD".parse()?);
/// let run = PolicyRequest::new(PolicyPoint::Run, "fine_tune", Timestamp::EPOCH);
/// assert!(policy.decide(&run.clone().with_fact("cost", "3 USD".parse::<Money>()?)).is_permit());
/// assert_eq!(policy.decide(&run).to_string(), "forbid: rule `small`: cannot be evaluated: the fact `cost` is missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryPolicy {
    permits: Vec<Permit>,
    budgets: Vec<BudgetSpec>,
}

#[derive(Debug, Clone)]
struct Permit {
    rule: RuleId,
    point: PolicyPoint,
    action: String,
    /// Only when the fact `cost` is at most this.
    up_to: Option<Money>,
}

impl MemoryPolicy {
    /// One more permit: this action, at this point.
    pub fn with_permit(self, rule: RuleId, point: PolicyPoint, action: impl Into<String>) -> Self {
        self.and(Permit { rule, point, action: action.into(), up_to: None })
    }

    /// One more permit: this action, at this point, when the fact `cost` is at most so much.
    pub fn with_permit_up_to(self, rule: RuleId, point: PolicyPoint, action: impl Into<String>, most: Money) -> Self {
        self.and(Permit { rule, point, action: action.into(), up_to: Some(most) })
    }

    /// One more budget that every charge falls under.
    pub fn with_budget(mut self, budget: BudgetSpec) -> Self {
        self.budgets.push(budget);
        self
    }

    fn and(mut self, permit: Permit) -> Self {
        self.permits.push(permit);
        self
    }
}

impl Permit {
    /// Whether it holds for a request it speaks of, and why not; or why that cannot be said.
    fn holds(&self, request: &PolicyRequest) -> Result<Result<(), String>, String> {
        let Some(most) = self.up_to else { return Ok(Ok(())) };
        match request.facts.get("cost") {
            None => Err("the fact `cost` is missing".into()),
            Some(FactValue::Money(cost)) if cost.currency() != most.currency() => {
                Err(format!("the fact `cost` is {cost}: expected an amount in {}", most.currency()))
            }
            Some(FactValue::Money(cost)) if *cost <= most => Ok(Ok(())),
            Some(FactValue::Money(cost)) => Ok(Err(format!("costs {cost}, at most {most} is permitted"))),
            Some(other) => Err(format!("the fact `cost` is `{other}`: expected an amount of money")),
        }
    }
}

impl PolicyEngine for MemoryPolicy {
    fn decide(&self, request: &PolicyRequest) -> PolicyDecision {
        let policy = Digest::of(format!("{:?}", self.permits).as_bytes());
        let mut permitted = None;
        let (mut unmet, mut wrong) = (Vec::new(), Vec::new());
        let speak = |permit: &&Permit| permit.point == request.point && permit.action == request.action;
        for permit in self.permits.iter().filter(speak) {
            let reason = |because| Reason { rule: permit.rule.clone(), because, remedy: None };
            match permit.holds(request) {
                Ok(Ok(())) => permitted = permitted.or(Some(reason("it permits this".into()))),
                Ok(Err(because)) => unmet.push(reason(because)),
                Err(error) => wrong.push(reason(format!("cannot be evaluated: {error}"))),
            }
        }
        match permitted {
            _ if !wrong.is_empty() => PolicyDecision::new(Verdict::Forbid, wrong, policy),
            Some(reason) => PolicyDecision::new(Verdict::Permit, vec![reason], policy),
            None if !unmet.is_empty() => PolicyDecision::new(Verdict::Forbid, unmet, policy),
            None => {
                let because = format!("no permit speaks of `{}` at the point `{}`", request.action, request.point);
                let rule = literal("default-deny", RuleId::new);
                PolicyDecision::new(Verdict::Forbid, vec![Reason { rule, because, remedy: None }], policy)
            }
        }
    }

    fn budgets(&self, _request: &PolicyRequest) -> Vec<BudgetSpec> {
        self.budgets.clone()
    }
}
