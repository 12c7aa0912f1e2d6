//! Sets of policies: loaded whole or not at all, then asked.
//!
//! The order of evaluation: among the rules that cover the request's point and action, whose conditions are each true,
//! false or [unknown](crate::fact::Absence),
//!
//! 1. a `deny` that holds forbids, and so does a `deny` or `require_approval` that cannot be judged;
//! 2. else, when no `allow` holds, the default forbids: an `allow` that cannot be judged does not hold;
//! 3. else a `require_approval` that holds asks for approval;
//! 4. else it is permitted.
//!
//! Rules in mode `warn` and `shadow` are judged just so, and heard, but not counted. Nothing here fails: whatever cannot be
//! judged forbids.

use crate::budget::Budget;
use crate::condition::{Conditions, Truth};
use crate::document::{Document, Place, read};
use crate::error::LoadError;
use crate::fact::Gap;
use crate::index::Index;
use crate::rule::{Actions, Effect, Mode, Rule, join};
use orp_core::contract::PolicyEngine;
use orp_core::document::{DocumentError, Source};
use orp_core::id::RuleId;
use orp_core::noun::{BudgetSpec, Digest, PolicyDecision, PolicyRequest, Reason, Verdict};
use std::collections::BTreeMap;

/// What speaks when no rule allows: its id in reasons, which no document may have.
pub const DEFAULT_DENY: &str = "default-deny";

/// The most documents that one set is made of.
pub const DOCUMENT_LIMIT: usize = 20_000;

/// A set of rules and budgets: an immutable [`PolicyEngine`].
///
/// A set without rules (the default) forbids everything; so should a host that has no good set yet.
///
/// ```
/// use orp_core::prelude::*;
/// use orp_policy::PolicySet;
///
/// let text = r#"
/// apiVersion: orp.policy/v1
/// kind: Rule
/// metadata: {id: team-may-tune}
/// spec: {effect: allow, actions: [fine_tune], where: {project.id: vision}}
/// "#;
/// let set = PolicySet::from_sources(&[Source::new("team.yaml", text)])?;
/// let ask = |action: &str| PolicyRequest::new(PolicyPoint::Intent, action, Timestamp::EPOCH).with_fact("project.id", "vision");
/// assert!(set.decide(&ask("fine_tune")).is_permit());
/// assert_eq!(
///     set.decide(&ask("distil")).to_string(),
///     "forbid: rule `default-deny`: no rule allows `distil` at intent (remedy: a rule with `effect: allow`)",
/// );
/// # Ok::<(), orp_policy::LoadError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PolicySet {
    rules: Vec<Rule>,
    budgets: Vec<Budget>,
    index: Index,
    version: Digest,
    default_deny: RuleId,
}

/// What a set says about a request, with what it would say were shadowed rules enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// The decision; its warnings are what rules in mode `warn` say.
    pub decision: PolicyDecision,
    /// What rules in mode `shadow` say.
    pub shadow: Vec<Reason>,
}

impl PolicySet {
    /// The set that documents make, whatever their order; all are read before any error is returned.
    pub fn from_sources(sources: &[Source<'_>]) -> Result<Self, LoadError> {
        let mut errors: Vec<DocumentError> = Vec::new();
        let mut documents: BTreeMap<RuleId, (Document, Place)> = BTreeMap::new();
        for (source, read) in sources.iter().flat_map(|source| read(source).into_iter().map(move |read| (source, read)))
        {
            let (document, place) = match read {
                Ok(read) => read,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            if let Some((_, first)) = documents.get(document.id()) {
                errors.push(place.error(format!("the id `{}` is taken: it is at {first} too", document.id())));
            } else if documents.len() == DOCUMENT_LIMIT {
                errors.push(source.error(format!("a set has at most {DOCUMENT_LIMIT} documents")));
                break;
            } else {
                documents.insert(document.id().clone(), (document, place));
            }
        }
        LoadError::check(errors)?;
        Ok(Self::new(documents.into_values().map(|(document, _)| document).collect()))
    }

    /// The set that permits everything, and bounds no cost: for hosts that want no policy, and say so.
    pub fn permissive() -> Self {
        Self::new(vec![Document::Rule(Rule {
            id: literal_id("permit-everything"),
            owner: None,
            effect: Effect::Allow,
            mode: Mode::Enforce,
            points: None,
            actions: Actions::Any,
            conditions: Conditions::default(),
            because: None,
            remedy: None,
            controls: std::collections::BTreeSet::new(),
        })])
    }

    /// The set of documents that are in the order of their ids, each id once.
    fn new(documents: Vec<Document>) -> Self {
        let version = digest(&documents);
        let (mut rules, mut budgets) = (Vec::new(), Vec::new());
        for document in documents {
            match document {
                Document::Rule(rule) => rules.push(rule),
                Document::Budget(budget) => budgets.push(budget),
            }
        }
        Self { index: Index::new(&rules), rules, budgets, version, default_deny: literal_id(DEFAULT_DENY) }
    }

    /// The digest of what the set says: two sets with the same rules and budgets have the same one, however written.
    pub const fn version(&self) -> Digest {
        self.version
    }

    /// The rules, in the order of their ids.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The budgets, in the order of their ids; those a charge falls under are [`PolicyEngine::budgets`].
    pub fn all_budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// Judges a request, shadowed rules included.
    pub fn judge(&self, request: &PolicyRequest) -> Judgement {
        let candidates = self.index.candidates(request);
        self.weigh(request, candidates.into_iter().filter_map(|position| self.rules.get(position as usize)))
    }

    /// Judges by some rules; they cover the request, and those left out have conditions that are false.
    pub(crate) fn weigh<'a>(&'a self, request: &'a PolicyRequest, rules: impl Iterator<Item = &'a Rule>) -> Judgement {
        let mut heard = Heard::default();
        for rule in rules {
            heard.take(rule, rule.judge(&request.facts), request);
        }
        let Heard { denials, approvals, grants, near, warnings, shadow } = heard;
        let (verdict, reasons) = if !denials.is_empty() {
            (Verdict::Forbid, denials)
        } else if grants.is_empty() {
            (Verdict::Forbid, vec![self.default_denial(request, &near)])
        } else if !approvals.is_empty() {
            (Verdict::NeedsApproval, approvals)
        } else {
            (Verdict::Permit, grants)
        };
        let decision = PolicyDecision::new(verdict, reasons, self.version).with_warnings(warnings);
        Judgement { decision, shadow }
    }

    /// The default's reason, with the rules that would allow were some fact known.
    fn default_denial(&self, request: &PolicyRequest, near: &[(&Rule, Vec<Gap<'_>>)]) -> Reason {
        let mut because = format!("no rule allows `{}` at {}", request.action, request.point);
        for (rule, gaps) in near {
            because.push_str(&format!("; rule `{}` does not, for {}", rule.id(), join(gaps)));
        }
        let remedy = Some("a rule with `effect: allow`".into());
        Reason { rule: self.default_deny.clone(), because, remedy }
    }
}

impl Default for PolicySet {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl PolicyEngine for PolicySet {
    fn decide(&self, request: &PolicyRequest) -> PolicyDecision {
        self.judge(request).decision
    }

    fn budgets(&self, request: &PolicyRequest) -> Vec<BudgetSpec> {
        self.budgets.iter().filter_map(|budget| budget.account(request)).collect()
    }
}

/// What rules say on one request, by what it counts for.
#[derive(Default)]
struct Heard<'a> {
    denials: Vec<Reason>,
    approvals: Vec<Reason>,
    grants: Vec<Reason>,
    /// Enforced rules that would allow, were these facts known.
    near: Vec<(&'a Rule, Vec<Gap<'a>>)>,
    warnings: Vec<Reason>,
    shadow: Vec<Reason>,
}

impl<'a> Heard<'a> {
    fn take(&mut self, rule: &'a Rule, truth: Truth<'a>, request: &PolicyRequest) {
        let reason = match (truth, rule.effect) {
            (Truth::False, _) => return,
            (Truth::Unknown(gaps), Effect::Allow) => {
                if rule.mode == Mode::Enforce {
                    self.near.push((rule, gaps));
                }
                return;
            }
            (Truth::Unknown(gaps), _) => {
                return self.counted(rule.mode, Effect::Deny).push(rule.reason_for_gaps(&gaps));
            }
            (Truth::True, _) => rule.reason(request),
        };
        self.counted(rule.mode, rule.effect).push(reason);
    }

    fn counted(&mut self, mode: Mode, effect: Effect) -> &mut Vec<Reason> {
        match (mode, effect) {
            (Mode::Warn, _) => &mut self.warnings,
            (Mode::Shadow, _) => &mut self.shadow,
            (Mode::Enforce, Effect::Deny) => &mut self.denials,
            (Mode::Enforce, Effect::Allow) => &mut self.grants,
            (Mode::Enforce, Effect::RequireApproval) => &mut self.approvals,
        }
    }
}

/// The digest of documents in the order of their ids: one line of JSON for each.
#[allow(clippy::expect_used, reason = "INVARIANT: documents are made of text, numbers, and maps with text as keys")]
fn digest(documents: &[Document]) -> Digest {
    let mut content = b"orp.policy/v1\n".to_vec();
    for document in documents {
        serde_json::to_writer(&mut content, document).expect("documents can be written as JSON");
        content.push(b'\n');
    }
    Digest::of(&content)
}

/// An id written in this crate: it is one by inspection.
#[allow(clippy::expect_used, reason = "INVARIANT: only called with literals that are ids, each covered by a test")]
fn literal_id(text: &str) -> RuleId {
    RuleId::new(text).expect("a literal that is an id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::noun::{DataClass, FactValue, Facts, PolicyPoint};
    use orp_core::unit::{Money, Timestamp};

    fn set(specs: &[&str]) -> PolicySet {
        let text: String = specs
            .iter()
            .enumerate()
            .map(|(at, spec)| {
                format!("---\napiVersion: orp.policy/v1\nkind: Rule\nmetadata: {{id: r{at}}}\nspec: {{actions: [\"*\"], {spec}}}\n")
            })
            .collect();
        PolicySet::from_sources(&[Source::new("set.yaml", &text)]).unwrap()
    }

    fn judge(specs: &[&str], facts: &[(&str, FactValue)]) -> String {
        let mut request = PolicyRequest::new(PolicyPoint::Plan, "x", Timestamp::EPOCH);
        request.facts = facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        set(specs).decide(&request).to_string()
    }

    /// Whether a condition holds, by what a deny and an allow make of it.
    fn holds(condition: &str, facts: &[(&str, FactValue)]) -> &'static str {
        let deny = judge(&["effect: allow", &format!("effect: deny, where: {{{condition}}}")], facts);
        let allow = judge(&[&format!("effect: allow, where: {{{condition}}}")], facts);
        match (deny.starts_with("permit"), allow.starts_with("permit"), deny.contains("cannot be judged")) {
            (false, true, false) => "true",
            (true, false, false) => "false",
            (false, false, true) => "unknown",
            odd => panic!("{condition}: {odd:?} {deny} {allow}"),
        }
    }

    #[test]
    fn conditions_hold_fail_or_are_unknown() {
        let usd = |text: &str| FactValue::Money(text.parse::<Money>().unwrap());
        let (name, class): (FactValue, FactValue) = ("tickets".into(), DataClass::Confidential.into());
        let known =
            [("dataset.name", name.clone()), ("dataset.class", class), ("cost", usd("5 USD")), ("priority", 7.into())];
        let other = [("dataset.name", name.clone()), ("cost", usd("5 EUR")), ("labels.team", "a".into())];
        let none = [("cost", FactValue::Flag(true))];
        for (condition, of_known, of_other, of_none) in [
            ("dataset.class: confidential", "true", "unknown", "false"),
            ("dataset.class: [public, internal]", "false", "unknown", "false"),
            ("dataset.class: {not: public}", "true", "unknown", "false"),
            ("dataset.class: {not: [public, confidential]}", "false", "unknown", "false"),
            ("dataset.class: {at_least: confidential}", "true", "unknown", "false"),
            ("dataset.class: {at_least: restricted}", "false", "unknown", "false"),
            ("dataset.class: {at_most: internal}", "false", "unknown", "false"),
            ("dataset.class: {at_least: internal, at_most: confidential}", "true", "unknown", "false"),
            ("dataset.class: {present: true}", "true", "false", "false"),
            ("dataset.class: {present: false}", "false", "true", "true"),
            ("dataset.class: {present: true, at_least: internal}", "true", "false", "false"),
            ("dataset.class: public, dataset.name: tickets", "false", "unknown", "false"),
            ("dataset.class: public, dataset.name: images", "false", "false", "false"),
            ("dataset.class: confidential, dataset.name: tickets", "true", "unknown", "false"),
            ("cost: {at_least: 5 USD}", "true", "unknown", "unknown"),
            ("cost: {at_least: 5.01 USD}", "false", "unknown", "unknown"),
            ("cost: {present: true}", "true", "true", "true"),
            ("cost: {at_least: 5 USD}, dataset.name: {present: true}", "true", "unknown", "false"),
            ("priority: {at_most: 7}", "true", "unknown", "unknown"),
            ("priority: {not: 7}", "false", "unknown", "unknown"),
            ("labels.team: a", "false", "true", "false"),
            ("labels.team: {not: b}", "unknown", "true", "unknown"),
            ("labels.team: {not: b, present: true}", "false", "true", "false"),
            ("labels.rank: {present: false}", "true", "true", "true"),
        ] {
            assert_eq!(holds(condition, &known), of_known, "{condition}");
            assert_eq!(holds(condition, &other), of_other, "{condition} without class");
            assert_eq!(holds(condition, &none), of_none, "{condition} without data set");
        }
    }

    #[test]
    fn decisions_say_why() {
        let project = [("project.id", "vision".into())];
        for (specs, expected) in [
            (
                vec!["effect: allow, where: {project.id: vision}"],
                "permit: rule `r0`: allows `x` at plan, for `project.id` is vision",
            ),
            (
                vec!["effect: allow", "effect: deny, where: {project.id: vision, dataset.name: {present: false}}"],
                "forbid: rule `r1`: denies `x` at plan, for there is no `dataset.name` and `project.id` is vision",
            ),
            (
                vec!["effect: allow, where: {cost: {at_most: 5 USD}, priority: 1}"],
                "forbid: rule `default-deny`: no rule allows `x` at plan; rule `r0` does not, for `cost` is not known; \
                 `priority` is not known (remedy: a rule with `effect: allow`)",
            ),
            (
                vec![
                    "effect: allow",
                    "effect: require_approval",
                    "effect: require_approval, because: \"{project.id} asks\"",
                ],
                "needs approval: rule `r1`: asks for approval of `x` at plan; rule `r2`: vision asks",
            ),
            (
                vec!["effect: allow, mode: warn, where: {cost: {at_most: 5 USD}}"],
                "forbid: rule `default-deny`: no rule allows `x` at plan (remedy: a rule with `effect: allow`)",
            ),
            (
                vec!["effect: require_approval"],
                "forbid: rule `default-deny`: no rule allows `x` at plan (remedy: a rule with `effect: allow`)",
            ),
            (
                vec!["effect: allow", "effect: require_approval, where: {requester: bot}"],
                "forbid: rule `r1`: it cannot be judged: `requester` is not known (remedy: state `requester`)",
            ),
            (
                vec![
                    "effect: allow",
                    "effect: deny, mode: warn, because: soon forbidden",
                    "effect: deny, mode: shadow",
                ],
                "permit: rule `r0`: allows `x` at plan; warning of rule `r1`: soon forbidden",
            ),
        ] {
            assert_eq!(judge(&specs, &project), expected);
        }
    }

    /// A rule that does not say where it speaks is silent where its facts are never known.
    #[test]
    fn rules_speak_where_their_facts_are_known() {
        let set = set(&[
            "effect: allow",
            "effect: deny, where: {cost: {at_least: 5 USD}}",
            "effect: deny, where: {region: us}",
        ]);
        let who = |point| {
            let decision = set.decide(&PolicyRequest::new(point, "x", Timestamp::EPOCH));
            decision.reasons.iter().map(|reason| reason.rule.to_string()).collect::<Vec<_>>().join(" ")
        };
        for (point, expected) in [
            (PolicyPoint::Intent, "r0"),
            (PolicyPoint::Plan, "r1"),
            (PolicyPoint::Place, "r2"),
            (PolicyPoint::Run, "r1"),
            (PolicyPoint::Replan, "r1"),
            (PolicyPoint::Publish, "r0"),
        ] {
            assert_eq!(who(point), expected, "{point}");
        }
    }

    #[test]
    fn permissive_permits_and_empty_forbids() {
        for point in [PolicyPoint::Intent, PolicyPoint::Publish] {
            let request = PolicyRequest::new(point, "anything", Timestamp::EPOCH);
            assert!(PolicySet::permissive().decide(&request).is_permit());
            assert!(PolicySet::permissive().budgets(&request).is_empty());
            assert_eq!(PolicySet::default().decide(&request).verdict, Verdict::Forbid);
        }
        assert_ne!(PolicySet::permissive().version(), PolicySet::default().version());
    }

    /// The index is there to look at few rules; the laws only say that it looks at enough.
    #[test]
    fn the_index_leaves_out_other_projects() {
        let specs: Vec<String> =
            (0..100).map(|at| format!("effect: deny, where: {{project.id: p{at}, market: spot}}")).collect();
        let set = set(&specs.iter().map(String::as_str).collect::<Vec<_>>());
        let mut request = PolicyRequest::new(PolicyPoint::Place, "x", Timestamp::EPOCH).with_fact("market", "spot");
        assert_eq!(set.index.candidates(&request).len(), 100, "whose it is is not known");
        request.facts = Facts::from([("project.id".into(), "p7".into()), ("market".into(), "spot".into())]);
        assert_eq!(set.index.candidates(&request).len(), 1);
    }
}
