//! Tests of policy sets, written beside the rules: what a set is expected to decide, and whether it does.
//!
//! A set without tests says what its authors wrote, not what they meant. A `PolicyTest` document says what they meant, in
//! three ways: *cases* name one request each, *matrices* walk through every combination of some values, and *invariants* say
//! what must hold whatever some facts are. [`PolicySet::run_tests`](crate::PolicySet::run_tests) judges them all and reports what was found instead, with
//! the rules that decided and their reasons; it is a function of the set, and tests are not part of the set's version.
//!
//! ```
//! use orp_core::document::Source;
//! use orp_policy::PolicySet;
//!
//! let text = r#"
//! apiVersion: orp.policy/v1
//! kind: Rule
//! metadata: {id: everything-else}
//! spec: {effect: allow, actions: ["*"]}
//! ---
//! apiVersion: orp.policy/v1
//! kind: Rule
//! metadata: {id: no-sensitive-data}
//! spec:
//!   effect: deny
//!   actions: [fine_tune]
//!   when: dataset.class >= label('confidential') && model.visibility == 'public'
//!   because: "{dataset.name} is {dataset.class}"
//! ---
//! apiVersion: orp.policy/v1
//! kind: PolicyTest
//! metadata: {id: sensitive-data}
//! spec:
//!   given: {action: fine_tune, dataset: {name: tickets, class: internal}, model: {visibility: public}}
//!   cases:
//!     - name: restricted data is refused
//!       set: {dataset.class: restricted}
//!       expect: {decision: forbid, by: [no-sensitive-data], because: tickets is restricted}
//!   matrices:
//!     - name: class by visibility
//!       over: {dataset.class: [internal, restricted], model.visibility: [private, public]}
//!       cells: [[permit, permit], [permit, forbid]]
//!   invariants:
//!     - forall: [dataset.class, model.visibility]
//!       never: decision != 'forbid' && dataset.class >= label('confidential') && model.visibility == 'public'
//! "#;
//! let report = PolicySet::from_sources(&[Source::new("set.yaml", text)])?.run_tests();
//! assert!(report.is_ok() && report.coverage.is_full(), "{report}");
//! assert_eq!(report.requests(), 1 + 4 + 15);
//! # Ok::<(), orp_policy::LoadError>(())
//! ```
//!
//! # Given, set
//!
//! `given` is a request: its `action`, its `point` (`plan` when left out), when it is made (`at`; 1970-01-01 when left out)
//! and its facts, dotted or nested, read by their declared kinds. A check `set`s some of it otherwise; `null` takes a fact
//! out, and so it does a whole subject (`dataset: null`). A request has only the facts that are known at its point, as those
//! of a host do, so one `given` serves several points.
//!
//! # Expect
//!
//! `decision` is one of `permit`, `needs_approval` and `forbid`: the words of [decisions](orp_core::noun::Verdict), not those
//! of rules, which deny, allow and require. What else is stated must be so exactly, and what is left out is not looked at:
//!
//! | field | what must be so |
//! | --- | --- |
//! | `by` | these rules decided (`default-deny` where none allows) |
//! | `because` | this text is in some reason |
//! | `require` | these obligations, written as a rule writes them; `{}` is none |
//! | `warnings`, `shadow` | these rules spoke in that mode |
//! | `exceptions` | these exceptions set rules aside |
//! | `budgets` | the request falls under these accounts, by name, with these limits |
//!
//! A matrix says what it expects of its cells in `cells`, lists within lists in the order of `over`, or in `expect`, a list
//! of expectations of which the first whose `when` holds is the cell's.
//!
//! # Invariants
//!
//! `forall` names what varies: a fact, `action`, `point` or `at`. Its values are the given one; all of them, for data classes,
//! flags and facts that are one of some texts; those listed (`{region: [eu-1]}`); those that the rules, exceptions and
//! budgets of the set and the invariant itself compare with, and for numbers, money and times those next to them; a text that
//! nobody names; and none at all. `never` and `always` are [CEL](crate::document) on the facts, on `action`, `point`, `at`, on
//! `decision`, and on the lists `obligations.redact` and `obligations.approvals`. An invariant that cannot be judged does not
//! hold: ask `has(…)` where a fact may be missing. Of all counterexamples, the one that differs least from what was given is
//! reported.

mod coverage;
mod domain;
mod mutation;
mod report;
mod run;

pub use coverage::{AtomCoverage, Coverage, CoverageOf, Covered};
pub use mutation::{MUTANT_LIMIT, Mutant, MutationReport};
pub use report::{CheckKind, CheckReport, FAILURE_LIMIT, Failure, Mismatch, TestReport, TestResult};
pub use run::run;

pub(crate) use domain::{combinations, domains};

use crate::condition::Expr;
use crate::document::Place;
use crate::fact::{Declaration, FactKind, FactName, Vocabulary};
use orp_core::id::{Principal, RuleId};
use orp_core::noun::{FactValue, Obligations, PolicyPoint, PolicyRequest, Verdict};
use orp_core::unit::{Amount, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The most cells of one matrix.
pub const CELL_LIMIT: usize = 10_000;

/// The most requests that one invariant is tried on.
pub const FORALL_LIMIT: usize = 100_000;

/// Every point, as tests name them.
pub(crate) const POINTS: [PolicyPoint; 8] = [
    PolicyPoint::Intent,
    PolicyPoint::Plan,
    PolicyPoint::Place,
    PolicyPoint::Transfer,
    PolicyPoint::Run,
    PolicyPoint::ToolCall,
    PolicyPoint::Replan,
    PolicyPoint::Publish,
];

/// One test document of a set.
#[derive(Debug, Clone)]
pub struct PolicyTest {
    pub(crate) id: RuleId,
    pub(crate) owner: Option<Principal>,
    pub(crate) given: Draft,
    pub(crate) cases: Vec<Case>,
    pub(crate) matrices: Vec<Matrix>,
    pub(crate) invariants: Vec<Invariant>,
}

impl PolicyTest {
    /// Its id, unique in its set.
    pub const fn id(&self) -> &RuleId {
        &self.id
    }

    /// Who answers for it.
    pub const fn owner(&self) -> Option<&Principal> {
        self.owner.as_ref()
    }

    /// The requests of its cases and of the cells of its matrices, in their order: what there is an expectation for.
    pub fn requests(&self) -> impl Iterator<Item = PolicyRequest> {
        let cases = self.cases.iter().map(|case| self.given.with(&case.change).request());
        let cells = self.matrices.iter().flat_map(|matrix| {
            let base = self.given.with(&matrix.change);
            (0..matrix.cells()).map(move |at| base.with_choice(&matrix.over, at).request())
        });
        cases.chain(cells)
    }
}

/// One request and what is expected of it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) change: Change,
    pub(crate) expect: Expectation,
}

/// A fact, or `action`, `point` or `at`, with the values it takes; `None` is that it is not there.
pub(crate) type Choice = (FactName, Vec<Option<FactValue>>);

/// Every combination of some values.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) change: Change,
    pub(crate) over: Vec<Choice>,
    pub(crate) expect: Cells,
}

impl Matrix {
    /// How many cells there are.
    pub(crate) fn cells(&self) -> usize {
        combinations(&self.over).unwrap_or_default()
    }
}

/// What is expected of the cells of a matrix.
#[derive(Debug, Clone)]
pub(crate) enum Cells {
    /// Of each, in order.
    Each(Vec<Expectation>),
    /// What stands with the first condition that holds.
    First(Vec<(Expr, Expectation)>),
}

/// What must hold whatever some facts are.
#[derive(Debug, Clone)]
pub(crate) struct Invariant {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) change: Change,
    /// What varies, with the values that the test lists.
    pub(crate) forall: Vec<Choice>,
    pub(crate) condition: Expr,
    /// Whether the condition must always hold, or never.
    pub(crate) always: bool,
    /// The condition as it is written.
    pub(crate) text: String,
}

/// What is expected of one decision.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) decision: Verdict,
    pub(crate) by: Option<BTreeSet<RuleId>>,
    pub(crate) because: Option<String>,
    pub(crate) require: Option<Obligations>,
    pub(crate) warnings: Option<BTreeSet<RuleId>>,
    pub(crate) shadow: Option<BTreeSet<RuleId>>,
    pub(crate) exceptions: Option<BTreeSet<RuleId>>,
    pub(crate) budgets: Option<BTreeMap<String, Amount>>,
}

impl Expectation {
    /// Of the decision only.
    pub(crate) const fn of(decision: Verdict) -> Self {
        let (by, because, require, budgets) = (None, None, None, None);
        Self { decision, by, because, require, warnings: None, shadow: None, exceptions: None, budgets }
    }
}

/// What a check says otherwise than what was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    /// Beginnings of the names of facts that are taken out first.
    pub(crate) cleared: BTreeSet<String>,
    pub(crate) facts: BTreeMap<FactName, Option<FactValue>>,
}

/// A request in the making: facts stay with their declarations, known or not at the point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    pub(crate) action: String,
    pub(crate) point: PolicyPoint,
    pub(crate) at: Timestamp,
    facts: BTreeMap<FactName, FactValue>,
}

impl Draft {
    /// A request without facts.
    pub(crate) const fn new(action: String) -> Self {
        Self { action, point: PolicyPoint::Plan, at: Timestamp::EPOCH, facts: BTreeMap::new() }
    }

    /// What is said of a fact, or of `action`, `point` or `at`.
    pub(crate) fn get(&self, fact: &FactName) -> Option<FactValue> {
        match fact.as_str() {
            Words::ACTION => Some(self.action.as_str().into()),
            Words::POINT => Some(self.point.to_string().into()),
            Words::AT => Some(self.at.into()),
            _ => self.facts.get(fact).cloned(),
        }
    }

    /// Says something else of it; `action`, `point` and `at` cannot be taken out.
    pub(crate) fn set(&mut self, fact: &FactName, value: Option<&FactValue>) {
        match (fact.as_str(), value) {
            (Words::ACTION, Some(FactValue::Text(action))) => self.action = action.clone(),
            (Words::POINT, Some(FactValue::Text(name))) => {
                self.point = POINTS.into_iter().find(|point| point.to_string() == *name).unwrap_or(self.point);
            }
            (Words::AT, Some(FactValue::Time(at))) => self.at = *at,
            (Words::ACTION | Words::POINT | Words::AT, _) => {}
            (_, Some(value)) => drop(self.facts.insert(fact.clone(), value.clone())),
            (_, None) => drop(self.facts.remove(fact)),
        }
    }

    pub(crate) fn with(&self, change: &Change) -> Self {
        let mut draft = self.clone();
        draft.facts.retain(|fact, _| !change.cleared.iter().any(|subject| fact.as_str().starts_with(subject.as_str())));
        change.facts.iter().for_each(|(fact, value)| draft.set(fact, value.as_ref()));
        draft
    }

    /// With the combination at this place in their order: the last choice varies first.
    pub(crate) fn with_choice(&self, choices: &[Choice], at: usize) -> Self {
        let mut draft = self.clone();
        let mut rest = at;
        for (fact, values) in choices.iter().rev() {
            let count = values.len().max(1);
            draft.set(fact, values.get(rest % count).and_then(Option::as_ref));
            rest /= count;
        }
        draft
    }

    /// The request: with the facts that are known at its point.
    pub(crate) fn request(&self) -> PolicyRequest {
        let mut request = PolicyRequest::new(self.point, self.action.clone(), self.at);
        let known = self.facts.iter().filter(|(fact, _)| fact.declaration().is_known_at(self.point));
        request.facts = known.map(|(fact, value)| (fact.as_str().to_owned(), value.clone())).collect();
        request
    }

    /// What another one says otherwise; `None` is that it has no such fact.
    pub(crate) fn changed(&self, other: &Self) -> BTreeMap<String, Option<FactValue>> {
        let words: [(_, FactValue, FactValue); 3] = [
            (Words::ACTION, self.action.as_str().into(), other.action.as_str().into()),
            (Words::POINT, self.point.to_string().into(), other.point.to_string().into()),
            (Words::AT, self.at.into(), other.at.into()),
        ];
        let words = words.into_iter().filter(|(_, one, other)| one != other);
        let mut changed: BTreeMap<String, Option<FactValue>> =
            words.map(|(name, _, other)| (name.to_owned(), Some(other))).collect();
        for fact in self.facts.keys().chain(other.facts.keys()) {
            if self.facts.get(fact) != other.facts.get(fact) {
                changed.insert(fact.as_str().to_owned(), other.facts.get(fact).cloned());
            }
        }
        changed
    }
}

/// The words of tests: the facts of a set, and what a request and its decision are made of beside them.
#[derive(Debug)]
pub(crate) struct Words {
    /// For what is given and set, and for `when`.
    pub(crate) requests: Vocabulary,
    /// For `never` and `always`.
    pub(crate) decisions: Vocabulary,
}

impl Words {
    pub(crate) const ACTION: &str = "action";
    pub(crate) const POINT: &str = "point";
    pub(crate) const AT: &str = "at";
    pub(crate) const DECISION: &str = "decision";
    pub(crate) const REDACT: &str = "obligations.redact";
    pub(crate) const APPROVALS: &str = "obligations.approvals";

    /// Beside these facts.
    pub(crate) fn of(facts: &Vocabulary) -> Self {
        let points = POINTS.iter().map(ToString::to_string).collect();
        let requests = facts.with_words([
            Declaration::new(Self::ACTION, FactKind::Text, "what is asked for"),
            Declaration::new(Self::POINT, FactKind::OneOf(points), "where it is asked"),
            Declaration::new(Self::AT, FactKind::Time, "when it is asked"),
        ]);
        let verdicts = [Verdict::Permit, Verdict::NeedsApproval, Verdict::Forbid].map(word);
        let verdicts = verdicts.map(ToOwned::to_owned).into();
        let decisions = requests.with_words([
            Declaration::new(Self::DECISION, FactKind::OneOf(verdicts), "what is answered"),
            Declaration::new(Self::REDACT, FactKind::Texts, "the detectors whose findings must be taken out"),
            Declaration::new(Self::APPROVALS, FactKind::Texts, "the approval flows that must approve"),
        ]);
        Self { requests, decisions }
    }
}

/// A verdict as tests write it.
pub(crate) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Permit => "permit",
        Verdict::NeedsApproval => "needs_approval",
        Verdict::Forbid => "forbid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicySet;
    use crate::laws::{document, load_text, requests, rules};
    use orp_core::contract::PolicyEngine;
    use orp_core::document::Source;
    use orp_core::unit::Money;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::{Value, json};

    /// What can be written of a request: facts that are known at its point, of their declared kinds.
    fn writable(mut request: PolicyRequest) -> PolicyRequest {
        let point = request.point;
        request.facts.retain(|name, value| {
            let fact = Vocabulary::builtin().find(name).unwrap();
            fact.declaration().is_known_at(point) && fact.declaration().kind.read(value).is_some()
        });
        request
    }

    /// The request as a case sets it.
    fn set_of(request: &PolicyRequest) -> Value {
        let mut set = json!({"action": request.action, "point": request.point.to_string()});
        for (name, value) in &request.facts {
            set[name] = match value {
                FactValue::Number(number) => json!(number),
                FactValue::Flag(flag) => json!(flag),
                other => json!(other.to_string()),
            };
        }
        set
    }

    fn test_of(checks: Value) -> String {
        let mut spec = json!({"given": {"action": "x"}});
        spec.as_object_mut().unwrap().extend(checks.as_object().unwrap().clone());
        let metadata = json!({"id": "t"});
        let test = json!({"apiVersion": "orp.policy/v1", "kind": "PolicyTest", "metadata": metadata, "spec": spec});
        format!("---\n{test}\n")
    }

    fn text_of(specs: &[Value]) -> String {
        specs.iter().enumerate().map(|(id, spec)| document(id, spec)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A test that states what the set decides passes, and one that states anything else fails, once for each.
        #[test]
        fn what_is_stated_is_what_is_decided(specs in rules(), requests in requests(), wrong in 0usize..1 << 16) {
            let requests: Vec<PolicyRequest> = requests.into_iter().map(writable).collect();
            let rules = text_of(&specs);
            let set = load_text(&rules);
            let cases = requests.iter().enumerate().map(|(at, request)| {
                let judged = set.judge(request);
                let ids = |reasons: &[orp_core::noun::Reason]| -> BTreeSet<String> {
                    reasons.iter().map(|reason| reason.rule.to_string()).collect()
                };
                let other = [Verdict::Permit, Verdict::NeedsApproval, Verdict::Forbid];
                let other = other.into_iter().find(|other| *other != judged.decision.verdict).unwrap();
                let verdict = if wrong >> at & 1 == 1 { other } else { judged.decision.verdict };
                json!({"name": format!("c{at}"), "set": set_of(request), "expect": {
                    "decision": word(verdict),
                    "by": ids(&judged.decision.reasons),
                    "warnings": ids(&judged.decision.warnings),
                    "shadow": ids(&judged.shadow),
                    "because": judged.decision.reasons[0].because,
                }})
            });
            let test = test_of(json!({"cases": cases.collect::<Vec<_>>()}));
            let with_test = load_text(&format!("{rules}{test}"));
            prop_assert_eq!(with_test.version(), set.version());
            let asked: Vec<PolicyRequest> = with_test.tests()[0].requests().collect();
            prop_assert_eq!(asked, requests);
            let report = with_test.run_tests();
            prop_assert_eq!(report.failed(), wrong.count_ones() as usize, "{}", report);
            prop_assert_eq!(report.passed() + report.failed(), 16);
        }

        /// What an invariant does not try comes to what something that it does try comes to.
        #[test]
        fn the_values_that_are_tried_stand_for_the_others(
            specs in rules(),
            requests in requests(),
            fact in select(vec!["cost", "dataset.class", "labels.x", "model.visibility", "priority", "project.id", "requester"]),
            number in -3i64..5,
            text in select(vec!["a", "b", "c", "d", "ab", "zz", ""]),
        ) {
            let set = load_text(&text_of(&specs));
            let value: FactValue = match fact {
                "cost" => Money::from_micros(number * 500_000, "USD".parse().unwrap()).into(),
                "priority" => number.into(),
                "dataset.class" => ["public", "internal", "confidential", "restricted"][number.rem_euclid(4) as usize].into(),
                "model.visibility" => ["private", "public"][number.rem_euclid(2) as usize].into(),
                _ => text.into(),
            };
            let fact = Vocabulary::builtin().find(fact).unwrap();
            for request in requests.into_iter().map(writable) {
                let mut draft = Draft::new(request.action.clone());
                draft.point = request.point;
                request.facts.iter().for_each(|(name, value)| {
                    draft.set(&Vocabulary::builtin().find(name).unwrap(), Some(value));
                });
                let mut other = draft.clone();
                other.set(&fact, Some(&value));
                let invariant = Invariant {
                    name: String::new(),
                    place: crate::document::Place::nowhere(),
                    change: Change::default(),
                    forall: vec![(fact.clone(), Vec::new())],
                    condition: Expr::Always(true),
                    always: true,
                    text: String::new(),
                };
                let domains = domains(set.documents(), &draft, &invariant);
                let verdict = set.decide(&other.request()).verdict;
                let tried = (0..domains[0].1.len()).map(|at| set.decide(&draft.with_choice(&domains, at).request()));
                prop_assert!(tried.into_iter().any(|decision| decision.verdict == verdict), "{:?}", other);
            }
        }
    }

    proptest! {
        /// What people type and get wrong is refused or read; it never stops the host.
        #[test]
        fn loading_tests_never_panics(at in 0.0..1.0, length in 0usize..20, put in "(?s).{0,12}") {
            const RULES: &str = include_str!("../../examples/reference.yaml");
            const TESTS: &str = r#"
apiVersion: orp.policy/v1
kind: PolicyTest
metadata: {id: t, owner: ada}
spec:
  given: {action: fine_tune, at: 2026-11-25T10:00:00Z, dataset: {name: a, class: internal}, model.visibility: public}
  cases:
    - {name: c, set: {dataset.class: null}, expect: {decision: forbid, by: [default-deny], because: x, require: {}}}
  matrices:
    - {name: m, over: {point: [plan, run], cost: [1 USD, null]}, cells: [[permit, forbid], [permit, forbid]]}
    - {name: n, over: {priority: [1]}, expect: [{when: priority > 0, decision: permit}, {decision: forbid}]}
  invariants:
    - {forall: [dataset.class, {cost: [5 USD]}], never: "decision == 'permit' && dataset.class > label('public')"}
"#;
            let from = TESTS.floor_char_boundary((at * TESTS.len() as f64) as usize);
            let to = TESTS.floor_char_boundary((from + length).min(TESTS.len()));
            let mangled = format!("{}{put}{}", &TESTS[..from], &TESTS[to..]);
            match PolicySet::from_sources(&[Source::new("rules", RULES), Source::new("mangled", &mangled)]) {
                Ok(set) => drop(set.run_tests().to_string()),
                Err(error) => prop_assert!(error.errors().iter().all(|error| error.line.is_some()), "{error}"),
            }
        }
    }
}
