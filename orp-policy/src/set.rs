//! Sets of policies: loaded whole or not at all, then asked.
//!
//! The order of evaluation: among the rules that cover the request's point and action, whose conditions are each true,
//! false or [unknown](crate::fact::Absence),
//!
//! 1. a `deny` that holds forbids, and so does a `deny` or `require` that cannot be judged, unless an [exception] from the
//!    rule is in force and holds;
//! 2. else, when no `allow` holds, the default forbids: an `allow` that cannot be judged does not hold;
//! 3. else the obligations of every `require` that holds are merged; where they ask for approval, that is needed;
//! 4. else it is permitted, provided the obligations are kept.
//!
//! [exception]: crate::exception
//!
//! Rules in mode `warn` and `shadow` are judged just so, and heard, but not counted. Nothing here fails: whatever cannot be
//! judged forbids.

use crate::approval::ApprovalFlow;
use crate::budget::Budget;
use crate::condition::{Expr, Truth};
use crate::document::Documents;
use crate::error::LoadError;
use crate::exception::Exception;
use crate::fact::{Gap, Vocabulary};
use crate::guardrail::{Detectors, Guardrail, Guardrails};
use crate::index::{Index, Position};
use crate::residual::Residual;
use crate::rule::{Actions, Effect, Mode, Rule, join};
use crate::testing::PolicyTest;
use crate::view::View;
use orp_core::contract::{PolicyEngine, ResidualPolicy};
use orp_core::document::Source;
use orp_core::id::RuleId;
use orp_core::noun::{
    ApprovalTerms, BudgetSpec, Digest, Obligations, PolicyDecision, PolicyRequest, QuotaTree, Reason, Verdict,
};
use std::{collections::BTreeMap, fmt, sync::Arc};

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
#[derive(Clone)]
pub struct PolicySet {
    documents: Documents,
    index: Index,
    /// The exceptions from a rule, by positions.
    excepted: BTreeMap<Position, Vec<usize>>,
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

/// A rule that may speak, with the conditions it is judged by: its own, or what is left of them.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) position: Position,
    pub(crate) rule: &'a Rule,
    pub(crate) conditions: &'a Expr,
}

impl PolicySet {
    /// The set that documents make, whatever their order; all are read before any error is returned.
    pub fn from_sources(sources: &[Source<'_>]) -> Result<Self, LoadError> {
        Self::with_detectors(sources, &Detectors::builtin())
    }

    /// As [`PolicySet::from_sources`], with these detectors for guardrails to choose from.
    pub fn with_detectors(sources: &[Source<'_>], detectors: &Detectors) -> Result<Self, LoadError> {
        Documents::read(sources, detectors).map(Self::new)
    }

    /// The set that permits everything, and bounds no cost: for hosts that want no policy, and say so.
    pub fn permissive() -> Self {
        let rule = Rule {
            id: literal_id("permit-everything"),
            owner: None,
            effect: Effect::Allow,
            mode: Mode::Enforce,
            points: None,
            actions: Actions::Any,
            conditions: Expr::default(),
            require: Obligations::default(),
            because: None,
            remedy: None,
            controls: std::collections::BTreeSet::new(),
        };
        Self::new(Documents { rules: vec![rule], ..Documents::default() })
    }

    pub(crate) fn new(documents: Documents) -> Self {
        let rules = (0..).zip(&documents.rules).map(|(position, rule)| (position, rule, &rule.conditions));
        let index = Index::new(rules);
        let mut excepted: BTreeMap<Position, Vec<usize>> = BTreeMap::new();
        for (at, exception) in documents.exceptions.iter().enumerate() {
            for id in &exception.rules {
                if let Ok(position) = documents.rules.binary_search_by(|rule| rule.id.cmp(id)) {
                    excepted.entry(position as Position).or_default().push(at);
                }
            }
        }
        let version = digest(&documents);
        Self { documents, index, excepted, version, default_deny: literal_id(DEFAULT_DENY) }
    }

    /// The digest of what the set says: two sets with the same documents have the same one, however written. Its tests say
    /// nothing of their own.
    pub const fn version(&self) -> Digest {
        self.version
    }

    /// The facts that its rules may speak of.
    pub const fn vocabulary(&self) -> &Vocabulary {
        &self.documents.vocabulary
    }

    /// The rules, in the order of their ids.
    pub fn rules(&self) -> &[Rule] {
        &self.documents.rules
    }

    /// The budgets, in the order of their ids; those a charge falls under are [`PolicyEngine::budgets`].
    pub fn all_budgets(&self) -> &[Budget] {
        &self.documents.budgets
    }

    /// The tree of quotas, of which nothing is taken yet: a scheduler takes from a copy.
    pub const fn quotas(&self) -> &QuotaTree {
        &self.documents.quotas
    }

    /// The guardrails that the texts of a request pass; one whose conditions cannot be judged is among them.
    pub fn guardrails(&self, request: &PolicyRequest) -> Guardrails<'_> {
        let view = View::new(&request.facts, request.at);
        let applying = self.documents.guardrails.iter().filter(|scoped| scoped.applies(view));
        Guardrails::new(applying.map(|scoped| &scoped.guardrail))
    }

    /// Every guardrail, whatever it is about, in the order of their ids.
    pub fn all_guardrails(&self) -> impl Iterator<Item = &Guardrail> {
        self.documents.guardrails.iter().map(|scoped| &scoped.guardrail)
    }

    fn budget(&self, id: &RuleId) -> Option<&Budget> {
        let budgets = &self.documents.budgets;
        budgets.binary_search_by(|budget| budget.id.cmp(id)).ok().and_then(|at| budgets.get(at))
    }

    /// The approval flows, in the order of their ids.
    pub fn approval_flows(&self) -> &[ApprovalFlow] {
        &self.documents.flows
    }

    /// The exceptions, in the order of their ids, those that have ended included.
    pub fn exceptions(&self) -> &[Exception] {
        &self.documents.exceptions
    }

    /// What its documents expect of it, in the order of their ids; [`PolicySet::run_tests`] runs them.
    pub fn tests(&self) -> &[PolicyTest] {
        &self.documents.tests
    }

    /// What its documents say.
    pub(crate) const fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Judges a request, shadowed rules included.
    pub fn judge(&self, request: &PolicyRequest) -> Judgement {
        let view = View::new(&request.facts, request.at);
        let positions = self.index.candidates(request.point, &request.action, view);
        self.weigh(request, view, positions.into_iter().filter_map(|position| self.candidate(position)))
    }

    /// As [`PolicyEngine::residual`], of a set that is kept as long as what is left of it.
    pub fn narrowed(self: Arc<Self>, known: &PolicyRequest, open: &[&str]) -> Box<dyn ResidualPolicy> {
        Box::new(Residual::new(self, known, open))
    }

    fn candidate(&self, position: Position) -> Option<Candidate<'_>> {
        let rule = self.documents.rules.get(position as usize)?;
        Some(Candidate { position, rule, conditions: &rule.conditions })
    }

    /// Every rule that covers a request, whatever its conditions come to.
    pub(crate) fn covering<'a>(&'a self, request: &'a PolicyRequest) -> impl Iterator<Item = Candidate<'a>> {
        let positions = 0..self.documents.rules.len() as Position;
        positions.filter_map(|position| self.candidate(position)).filter(|candidate| candidate.rule.covers(request))
    }

    /// Judges by some rules; they cover the request, and those left out have conditions that are false. The view may know
    /// more than the request.
    pub(crate) fn weigh<'a>(
        &'a self,
        request: &'a PolicyRequest,
        view: View<'a>,
        candidates: impl Iterator<Item = Candidate<'a>>,
    ) -> Judgement {
        let mut heard = Heard::default();
        for candidate in candidates {
            let truth = candidate.conditions.judge(view);
            if truth != Truth::False && !self.is_set_aside(candidate, truth, view, &mut heard) {
                heard.take(candidate, truth, request, view);
            }
        }
        let Heard { denials, mut grants, near, requirements, obligations, exceptions, warnings, shadow } = heard;
        let (verdict, reasons) = if !denials.is_empty() {
            (Verdict::Forbid, denials)
        } else if grants.is_empty() {
            (Verdict::Forbid, vec![self.default_denial(request, &near)])
        } else if obligations.approvals.is_empty() {
            grants.extend(requirements);
            (Verdict::Permit, grants)
        } else {
            (Verdict::NeedsApproval, requirements)
        };
        let mut decision = PolicyDecision::new(verdict, reasons, self.version);
        (decision.warnings, decision.exceptions) = (warnings, exceptions);
        if verdict != Verdict::Forbid {
            decision.obligations = obligations;
        }
        Judgement { decision, shadow }
    }

    /// Whether an exception holds from a rule that would speak.
    fn is_set_aside<'a>(
        &'a self,
        candidate: Candidate<'a>,
        truth: Truth,
        view: View<'a>,
        heard: &mut Heard<'a>,
    ) -> bool {
        let Some(exceptions) = self.excepted.get(&candidate.position) else { return false };
        let mut exceptions = exceptions.iter().filter_map(|at| self.documents.exceptions.get(*at));
        let holding = exceptions.find(|exception| exception.holds(view));
        if let (Some(exception), Mode::Enforce, true) = (holding, candidate.rule.mode, truth != Truth::False) {
            heard.exceptions.push(exception.reason(&candidate.rule.id));
        }
        holding.is_some()
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

/// How much there is of everything: a set may have thousands of documents.
impl fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Documents { rules, budgets, flows, exceptions, .. } = &self.documents;
        f.debug_struct("PolicySet")
            .field("rules", &rules.len())
            .field("budgets", &budgets.len())
            .field("approval_flows", &flows.len())
            .field("exceptions", &exceptions.len())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Default for PolicySet {
    fn default() -> Self {
        Self::new(Documents::default())
    }
}

impl PolicyEngine for PolicySet {
    fn decide(&self, request: &PolicyRequest) -> PolicyDecision {
        self.judge(request).decision
    }

    fn budgets(&self, request: &PolicyRequest) -> Vec<BudgetSpec> {
        let budgets = &self.documents.budgets;
        let mut accounts: Vec<BudgetSpec> = Vec::new();
        for budget in budgets {
            let Some(mut account) = budget.account(request) else { continue };
            let (mut below, mut family) = (budget, Vec::new());
            // Everything held on an account is held on those above it, whatever their own conditions.
            while let Some(above) = below.parent().and_then(|parent| self.budget(parent)) {
                let Some(next) = above.account_of(View::new(&request.facts, request.at)) else { break };
                account.parent = Some(next.name.clone());
                family.push(std::mem::replace(&mut account, next));
                below = above;
            }
            family.push(account);
            for account in family {
                // One found before as somebody's ancestor is the same one.
                if !accounts.iter().any(|known| known.name == account.name) {
                    accounts.push(account);
                }
            }
        }
        accounts
    }

    fn approval_terms(&self, flow: &RuleId) -> Option<ApprovalTerms> {
        self.documents.flows.iter().find(|known| known.id() == flow).map(|flow| flow.terms().clone())
    }

    fn residual<'a>(&'a self, known: &PolicyRequest, open: &[&str]) -> Option<Box<dyn ResidualPolicy + 'a>> {
        Some(Box::new(Residual::new(self, known, open)))
    }
}

/// What rules say on one request, by what it counts for.
#[derive(Default)]
struct Heard<'a> {
    denials: Vec<Reason>,
    grants: Vec<Reason>,
    /// Enforced rules that would allow, were these facts known.
    near: Vec<(&'a Rule, Vec<Gap<'a>>)>,
    requirements: Vec<Reason>,
    obligations: Obligations,
    exceptions: Vec<Reason>,
    warnings: Vec<Reason>,
    shadow: Vec<Reason>,
}

impl<'a> Heard<'a> {
    /// Hears a rule whose conditions are not false.
    fn take(&mut self, candidate: Candidate<'a>, truth: Truth, request: &PolicyRequest, view: View<'a>) {
        let rule = candidate.rule;
        let reason = match (truth, rule.effect) {
            (Truth::Unknown, Effect::Allow) => {
                if rule.mode == Mode::Enforce {
                    self.near.push((rule, candidate.conditions.gaps(view)));
                }
                return;
            }
            (Truth::Unknown, _) => {
                let reason = rule.reason_for_gaps(&candidate.conditions.gaps(view));
                return self.counted(rule.mode, Effect::Deny).push(reason);
            }
            _ => rule.reason(request, view),
        };
        if (rule.mode, rule.effect) == (Mode::Enforce, Effect::Require) {
            self.obligations.add(&rule.require);
        }
        self.counted(rule.mode, rule.effect).push(reason);
    }

    fn counted(&mut self, mode: Mode, effect: Effect) -> &mut Vec<Reason> {
        match (mode, effect) {
            (Mode::Warn, _) => &mut self.warnings,
            (Mode::Shadow, _) => &mut self.shadow,
            (Mode::Enforce, Effect::Deny) => &mut self.denials,
            (Mode::Enforce, Effect::Allow) => &mut self.grants,
            (Mode::Enforce, Effect::Require) => &mut self.requirements,
        }
    }
}

/// The digest of documents in the order of their ids: one line of JSON for each.
fn digest(documents: &Documents) -> Digest {
    let mut content = b"orp.policy/v1\n".to_vec();
    documents.vocabulary.declared().for_each(|fact| line(&mut content, "fact", fact));
    documents.rules.iter().for_each(|rule| line(&mut content, "rule", rule));
    documents.budgets.iter().for_each(|budget| line(&mut content, "budget", budget));
    documents.quotas.specs().for_each(|(_, quota)| line(&mut content, "quota", quota));
    documents.guardrails.iter().for_each(|scoped| {
        line(&mut content, "guardrail", &(scoped.guardrail.id(), &scoped.conditions, &scoped.said));
    });
    documents.flows.iter().for_each(|flow| line(&mut content, "flow", flow));
    documents.exceptions.iter().for_each(|exception| line(&mut content, "exception", exception));
    Digest::of(&content)
}

#[allow(clippy::expect_used, reason = "INVARIANT: documents are made of text, numbers, and maps with text as keys")]
fn line<T: serde::Serialize>(content: &mut Vec<u8>, kind: &str, document: &T) {
    content.extend_from_slice(kind.as_bytes());
    serde_json::to_writer(&mut *content, document).expect("documents can be written as JSON");
    content.push(b'\n');
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
        let flow =
            "apiVersion: orp.policy/v1\nkind: ApprovalFlow\nmetadata: {id: one}\nspec: {approvers: [ada, bob]}\n";
        PolicySet::from_sources(&[Source::new("set.yaml", &text), Source::new("flow.yaml", flow)]).unwrap()
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
                    "effect: require, require: {approve: [one]}",
                    "effect: require, require: {approve: [one]}, because: \"{project.id} asks\"",
                ],
                "needs approval: rule `r1`: requires of `x` at plan: approved by `one` (1 of ada, bob within 3d); \
                 rule `r2`: vision asks; provided: approved by `one` (1 of ada, bob within 3d)",
            ),
            (
                vec!["effect: allow, mode: warn, where: {cost: {at_most: 5 USD}}"],
                "forbid: rule `default-deny`: no rule allows `x` at plan (remedy: a rule with `effect: allow`)",
            ),
            (
                vec!["effect: require, require: {approve: [one]}"],
                "forbid: rule `default-deny`: no rule allows `x` at plan (remedy: a rule with `effect: allow`)",
            ),
            (
                vec!["effect: allow", "effect: require, require: {approve: [one]}, where: {requester: bot}"],
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
        let specs: Vec<String> = (0..100)
            .map(|at| format!("effect: deny, where: {{project.id: p{at}, market: spot, region: eu}}"))
            .chain(["effect: deny, where: {dataset.name: tickets}".into()])
            .collect();
        let set = set(&specs.iter().map(String::as_str).collect::<Vec<_>>());
        let mut request = PolicyRequest::new(PolicyPoint::Place, "x", Timestamp::EPOCH).with_fact("market", "spot");
        let candidates = |request: &PolicyRequest| {
            set.index.candidates(request.point, &request.action, View::new(&request.facts, request.at)).len()
        };
        assert_eq!(candidates(&request), 100, "whose it is is not known");
        request.facts = Facts::from([("project.id".into(), "p7".into()), ("market".into(), "spot".into())]);
        assert_eq!(candidates(&request), 1);
        let request = request.with_fact("dataset.class", "public");
        assert_eq!(candidates(&request), 2, "of which data set is not known");
    }

    #[test]
    fn a_set_says_what_it_holds() {
        let document = |kind: &str, id: &str, spec: &str| {
            format!(
                "---\napiVersion: orp.policy/v1\nkind: {kind}\nmetadata: {{id: {id}, owner: {id}-owner}}\nspec: {{{spec}}}\n"
            )
        };
        let text = [
            document("Rule", "rule", "effect: deny, mode: warn, actions: [x]"),
            document("Budget", "budget", "limit: 5 USD, window: total"),
            document("ApprovalFlow", "one", "approvers: [ada]"),
            document("ApprovalFlow", "two", "approvers: [ada, bob], quorum: 2"),
            document(
                "Exception",
                "exception",
                "rules: [rule], where: {project.id: p}, until: 2027-01-01T00:00:00Z, because: x, approvedBy: [ada]",
            ),
        ];
        let set = PolicySet::from_sources(&[Source::new("set.yaml", &text.concat())]).unwrap();
        let owners = [
            set.rules()[0].owner(),
            set.all_budgets()[0].owner(),
            set.approval_flows()[0].owner(),
            set.approval_flows()[1].owner(),
            set.exceptions()[0].owner(),
        ];
        let owners: Vec<&str> = owners.into_iter().map(|owner| owner.unwrap().as_str()).collect();
        assert_eq!(owners, ["rule-owner", "budget-owner", "one-owner", "two-owner", "exception-owner"]);
        let quorum = |id: &str| set.approval_terms(&RuleId::new(id).unwrap()).map(|terms| terms.quorum);
        assert_eq!(["one", "two", "rule"].map(quorum), [Some(1), Some(2), None]);
        assert_eq!(set.rules()[0].mode().to_string(), "warn");
        let shown = format!("{set:?}");
        assert!(
            shown.starts_with("PolicySet { rules: 1, budgets: 1, approval_flows: 2, exceptions: 1, version: "),
            "{shown}"
        );
    }

    #[test]
    fn what_is_left_of_a_borrowed_set_decides_as_the_set() {
        let set = set(&["effect: allow", "effect: deny, where: {project.id: vision, region: us}"]);
        let known = PolicyRequest::new(PolicyPoint::Place, "x", Timestamp::EPOCH).with_fact("project.id", "vision");
        let left = PolicyEngine::residual(&set, &known, &["region"]).unwrap();
        for region in ["us", "eu"] {
            let whole = set.decide(&known.clone().with_fact("region", region));
            assert_eq!(left.decide(&Facts::from([("region".into(), region.into())])), whole, "{region}");
        }
    }
}
