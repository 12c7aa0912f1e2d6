//! The one table from events to records: what is audited, under which kind, and what the record says.
//!
//! What is audited is what was decided, by whom, and what it cost; how the work goes is for the journal. A record says what
//! an auditor asks for, not all the journal knows: a plan is named, not repeated.

use super::fold::{Facts, Granted};
use orp_core::noun::{BudgetSpec, Digest, Event, Plan, PolicyDecision, PolicyRequest, Reason, Record};
use orp_policy::audit::kind;
use serde_json::{Map, Value, json};

/// The kind and the fields of the record for an event; none when it is not audited.
///
/// Texts that name people are kept out of the chain by the caller, whichever field they stand in.
pub(super) fn row(record: &Record, facts: &Facts) -> Option<(&'static str, Value)> {
    let (kind, fields) = match &record.event {
        Event::IntentDeclared { id, intent } => (
            kind::INTENT_DECLARED,
            json!({
                "intent": text(id),
                "name": intent.name,
                "goal": text(&intent.goal),
                "project": text(&intent.project),
                "requester": text(&intent.requester),
                "budget": intent.constraints.cost.as_ref().map(|cost| text(cost.max)),
                "within": intent.constraints.finish.as_ref().map(|finish| text(finish.within)),
            }),
        ),
        Event::PolicyDecided { point, subject, decision, asked } => (
            kind::POLICY_DECIDED,
            json!({
                "asked": asked.len(),
                "questions": digest(asked),
                "point": text(point),
                "subject": subject,
                "verdict": decision.verdict,
                "policy": text(decision.policy),
                "reasons": reasons(&decision.reasons),
                "warnings": reasons(&decision.warnings),
                "exceptions": reasons(&decision.exceptions),
                "obligations": decision.obligations.to_string(),
            }),
        ),
        Event::ApprovalRequested { approval } => (
            kind::APPROVAL_REQUESTED,
            json!({
                "approval": text(approval.digest()),
                "flow": text(&approval.flow),
                "quorum": approval.terms.quorum,
                "people": approval.terms.approvers.iter().map(text).collect::<Value>(),
                "requester": text(&approval.requester),
                "subject": approval.subject,
                "policy": text(approval.policy),
                "plan": approval.plan.map(text),
                "cost_max": approval.cost_max.map(text),
                "until": text(approval.expires()),
            }),
        ),
        Event::ApprovalVoted { vote } => (
            kind::APPROVAL_VOTED,
            json!({
                "approval": text(vote.digest),
                "by": text(&vote.by),
                "approves": vote.approves,
                "comment": vote.comment,
            }),
        ),
        Event::RunCleared { clearance } => (
            kind::RUN_CLEARED,
            json!({
                "approvals": clearance.approvals.iter().map(text).collect::<Value>(),
                "obligations": clearance.obligations.to_string(),
                "policy": clearance.policy.map(text),
                "cost_max": clearance.cost_max.map(text),
            }),
        ),
        Event::BudgetRaised { budget, by, approval } => {
            (kind::BUDGET_RAISED, json!({ "budget": text(budget), "by": text(by), "approval": text(approval) }))
        }
        Event::BudgetTransferred { key, transfer, by } => (
            kind::BUDGET_TRANSFERRED,
            json!({
                "key": text(key),
                "from": text(&transfer.from),
                "to": text(&transfer.to),
                "amount": text(transfer.amount),
                "reason": transfer.reason,
                "by": text(by),
            }),
        ),
        Event::BudgetNoticed { notice } => (
            kind::BUDGET_NOTICED,
            json!({ "budget": text(&notice.budget), "notice": text(notice), "spent": text(notice.spent), "limit": text(notice.limit) }),
        ),
        Event::RunStarted { plan } => (kind::RUN_STARTED, planned(plan)),
        Event::Replanned { reason, plan } => (kind::REPLANNED, with(planned(plan), "reason", reason.clone())),
        Event::CancelRequested { reason } => (kind::CANCEL_REQUESTED, json!({ "reason": reason })),
        Event::RunEnded { outcome } => (kind::RUN_ENDED, json!({ "outcome": text(outcome) })),
        Event::BudgetReserved { key, amount, budgets } => (
            kind::BUDGET_RESERVED,
            json!({ "key": text(key), "amount": text(amount), "budgets": budgets.iter().map(budget).collect::<Value>() }),
        ),
        Event::BudgetExtended { key, more } => (kind::BUDGET_EXTENDED, json!({ "key": text(key), "more": text(more) })),
        Event::BudgetSettled { key, spent, released } => {
            (kind::BUDGET_SETTLED, json!({ "key": text(key), "spent": text(spent), "released": text(released) }))
        }
        Event::LeaseGranted { attempt, lease } => {
            let granted = Granted::new(attempt, lease);
            (kind::LEASE_GRANTED, with(handed_over(&granted), "lease", text(lease.id)))
        }
        Event::LeaseReleased { lease, released, cost } => {
            let granted = facts.leases.get(lease);
            let charge = granted.map_or(json!({}), handed_over);
            let charge = with(charge, "amount", text(cost));
            let charge = with(charge, "from", text(granted.map_or(released.at, |granted| granted.at)));
            let charge = with(charge, "until", text(released.at));
            let charge = with(charge, "project", project(record, facts));
            let charge =
                with(charge, "what", if released.reclaimed { "lease, reclaimed by its provider" } else { "lease" });
            (kind::CHARGED, with(charge, "lease", text(lease)))
        }
        Event::Charged { what, amount } => (
            kind::CHARGED,
            json!({
                "amount": text(amount),
                "from": text(record.at),
                "until": text(record.at),
                "service": "transfer",
                "project": project(record, facts),
                "what": what,
            }),
        ),
        Event::Metered { what, amount } => {
            (kind::METERED, json!({ "amount": text(amount), "project": project(record, facts), "what": what }))
        }
        // How work goes: queues, attempts and processes, and what they left.
        Event::AttemptQueued { .. }
        | Event::LeaseRequested { .. }
        | Event::LeaseRefused { .. }
        | Event::AttemptStarting { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptReattached { .. }
        | Event::CheckpointSaved { .. }
        | Event::ReclaimNoticed { .. }
        | Event::AttemptEnded { .. }
        | Event::TaskDone { .. } => return None,
        // Events are not exhaustive. Until somebody decides what to say of a new one, it is on record by its name.
        other => (kind::OTHER, json!({ "event": name(other) })),
    };
    let fields = match record.run {
        Some(run) => with(fields, "run", text(run)),
        None => fields,
    };
    Some((kind, fields))
}

/// The name an event has in the journal.
pub(super) fn name(event: &Event) -> String {
    let event = serde_json::to_value(event).unwrap_or_default();
    event.get("type").and_then(Value::as_str).unwrap_or("unknown").to_owned()
}

fn planned(plan: &Plan) -> Value {
    let people = plan.bindings.iter().filter_map(|binding| super::fold::person(&binding.person()?.offer));
    json!({
        "plan": text(plan.id),
        "recipe": format!("{}@{} {}", plan.recipe.0, plan.recipe.1, plan.variant).trim_end(),
        "project": text(&plan.intent.project),
        "requester": text(&plan.intent.requester),
        "goal": text(&plan.intent.goal),
        "reserve": text(plan.reserve),
        "people": people.map(text).collect::<Value>(),
    })
}

fn handed_over(lease: &Granted) -> Value {
    json!({
        "attempt": lease.attempt,
        "provider": text(&lease.offer.provider),
        "offer": text(&lease.offer.offer),
        "region": lease.region,
        "market": lease.market,
        "units": lease.units,
        "service": lease.service,
    })
}

fn project(record: &Record, facts: &Facts) -> Option<String> {
    facts.projects.get(&record.run?).map(text)
}

fn reasons(reasons: &[Reason]) -> Value {
    let reason = |reason: &Reason| {
        let said = json!({ "rule": text(&reason.rule), "because": reason.because });
        match &reason.remedy {
            Some(remedy) => with(said, "remedy", remedy.clone()),
            None => said,
        }
    };
    reasons.iter().map(reason).collect()
}

fn budget(budget: &BudgetSpec) -> Value {
    json!({ "name": text(&budget.name), "limit": text(budget.limit), "rule": text(&budget.rule) })
}

/// The digest of questions and answers, which the journal has whole: who has that can show that they are the ones.
fn digest(asked: &[(PolicyRequest, PolicyDecision)]) -> String {
    Digest::of(&serde_json::to_vec(asked).unwrap_or_default()).to_string()
}

fn text(value: impl ToString) -> String {
    value.to_string()
}

fn with(fields: Value, name: &str, value: impl Into<Value>) -> Value {
    let mut fields: Map<String, Value> = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.insert(name.into(), value.into());
    Value::Object(fields)
}
