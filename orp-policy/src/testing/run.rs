//! Judges tests: a function of the set and the tests.

use super::coverage::Observer;
use super::domain::{combinations, domains};
use super::report::{CheckKind, CheckReport, Failure, Mismatch, TestReport, TestResult};
use super::{Case, Cells, Draft, Expectation, FORALL_LIMIT, Invariant, Matrix, PolicyTest, Words, word};
use crate::PolicySet;
use crate::condition::Truth;
use crate::document::Place;
use crate::rule::join;
use crate::set::Judgement;
use crate::view::View;
use orp_core::contract::PolicyEngine;
use orp_core::id::RuleId;
use orp_core::noun::{FactValue, Facts, Obligations, PolicyDecision, PolicyRequest, Reason};
use orp_core::unit::Amount;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

impl PolicySet {
    /// Judges the set by its own tests.
    pub fn run_tests(&self) -> TestReport {
        run(self, self.tests())
    }
}

/// Judges a set by tests, which may be those of another one: what a candidate must still hold to.
pub fn run(set: &PolicySet, tests: &[PolicyTest]) -> TestReport {
    let mut runner = Runner { set, observer: Some(Observer::new(set)) };
    let tests = tests.iter().map(|test| TestResult { id: test.id.clone(), checks: runner.checks(test) }).collect();
    let coverage = runner.observer.unwrap_or_else(|| Observer::new(set)).finish();
    TestReport { policy: set.version(), tests, coverage }
}

/// Whether a set holds to every test: looks at no more than it must, the quick ones first.
pub(super) fn holds(set: &PolicySet, tests: &[PolicyTest]) -> bool {
    let mut runner = Runner { set, observer: None };
    tests.iter().all(|test| test.cases.iter().all(|case| runner.case(test, case).is_ok()))
        && tests.iter().all(|test| test.matrices.iter().all(|matrix| runner.matrix(test, matrix).is_ok()))
        && tests.iter().all(|test| test.invariants.iter().all(|invariant| runner.invariant(test, invariant).is_ok()))
}

struct Runner<'s> {
    set: &'s PolicySet,
    observer: Option<Observer<'s>>,
}

impl Runner<'_> {
    fn checks(&mut self, test: &PolicyTest) -> Vec<CheckReport> {
        let mut checks = Vec::new();
        test.cases.iter().for_each(|case| checks.push(self.case(test, case)));
        test.matrices.iter().for_each(|matrix| checks.push(self.matrix(test, matrix)));
        test.invariants.iter().for_each(|invariant| checks.push(self.invariant(test, invariant)));
        checks
    }

    fn case(&mut self, test: &PolicyTest, case: &Case) -> CheckReport {
        let mut report = report(CheckKind::Case, &case.name, &case.place);
        self.expect(test, &test.given.with(&case.change), Some(&case.expect), &mut report);
        report
    }

    fn matrix(&mut self, test: &PolicyTest, matrix: &Matrix) -> CheckReport {
        let mut report = report(CheckKind::Matrix, &matrix.name, &matrix.place);
        let base = test.given.with(&matrix.change);
        for at in 0..matrix.cells() {
            let draft = base.with_choice(&matrix.over, at);
            let expectation = match &matrix.expect {
                Cells::Each(cells) => cells.get(at),
                Cells::First(rules) => {
                    let (request, words) = (draft.request(), words_of(&draft));
                    let view = View::new(&request.facts, request.at).over(&words);
                    let first = rules.iter().find(|(when, _)| when.judge(view) == Truth::True);
                    first.map(|(_, expectation)| expectation)
                }
            };
            self.expect(test, &draft, expectation, &mut report);
        }
        report
    }

    /// Judges one request, and says what is otherwise than expected.
    fn expect(
        &mut self,
        test: &PolicyTest,
        draft: &Draft,
        expectation: Option<&Expectation>,
        report: &mut CheckReport,
    ) {
        let request = draft.request();
        report.requests += 1;
        let judged = self.set.judge(&request);
        let mismatches = match expectation {
            Some(expectation) => {
                if let Some(observer) = &mut self.observer {
                    observer.see(&request, expectation.budgets.is_some());
                }
                expectation.mismatches(self.set, &request, &judged)
            }
            None => vec![Mismatch::new("expect", "an expectation whose `when` holds", "none")],
        };
        if !mismatches.is_empty() {
            let set = test.given.changed(draft);
            report.fail(Failure { set, mismatches, decision: Some(judged.decision) });
        }
    }

    fn invariant(&self, test: &PolicyTest, invariant: &Invariant) -> CheckReport {
        let mut report = report(CheckKind::Invariant, &invariant.name, &invariant.place);
        let base = test.given.with(&invariant.change);
        let domains = domains(self.set.documents(), &base, invariant);
        let Some(count) = combinations(&domains).filter(|count| *count <= FORALL_LIMIT) else {
            let too_many = Mismatch::new("forall", format!("at most {FORALL_LIMIT} combinations"), "more");
            report.fail(Failure { set: BTreeMap::new(), mismatches: vec![too_many], decision: None });
            return report;
        };
        let mut least: Option<Failure> = None;
        for at in 0..count {
            let draft = base.with_choice(&domains, at);
            report.requests += 1;
            let Some((mismatch, decision)) = self.counterexample(&draft, invariant) else { continue };
            report.failed += 1;
            let set = test.given.changed(&draft);
            if least.as_ref().is_none_or(|least| set.len() < least.set.len()) {
                least = Some(Failure { set, mismatches: vec![mismatch], decision: Some(decision) });
            }
        }
        report.failures.extend(least);
        report
    }

    /// Why an invariant does not hold of a request, if it does not.
    fn counterexample(&self, draft: &Draft, invariant: &Invariant) -> Option<(Mismatch, PolicyDecision)> {
        let request = draft.request();
        let decision = self.set.decide(&request);
        let mut words = words_of(draft);
        words.insert(Words::DECISION.into(), word(decision.verdict).into());
        let obligations = &decision.obligations;
        words.insert(Words::REDACT.into(), texts(&obligations.redact));
        words.insert(Words::APPROVALS.into(), texts(obligations.approvals.keys()));
        let view = View::new(&request.facts, request.at).over(&words);
        let found = match (invariant.condition.judge(view), invariant.always) {
            (Truth::True, true) | (Truth::False, false) => return None,
            (Truth::True, false) => "that it does".to_owned(),
            (Truth::False, true) => "that it does not".to_owned(),
            (Truth::Unknown, _) => format!("that it cannot be judged: {}", join(&invariant.condition.gaps(view))),
        };
        let what = if invariant.always { "always" } else { "never" };
        Some((Mismatch::new(what, format!("to hold `{}`", invariant.text), found), decision))
    }
}

fn report(kind: CheckKind, name: &str, place: &Place) -> CheckReport {
    let (name, place) = (name.to_owned(), place.to_string());
    CheckReport { kind, name, place, requests: 0, failed: 0, failures: Vec::new() }
}

/// What conditions of tests may speak of beside the facts.
fn words_of(draft: &Draft) -> Facts {
    let words: [(_, FactValue); 3] = [
        (Words::ACTION, draft.action.as_str().into()),
        (Words::POINT, draft.point.to_string().into()),
        (Words::AT, draft.at.into()),
    ];
    words.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> FactValue {
    FactValue::Texts(items.into_iter().map(|item| item.to_string()).collect())
}

impl Expectation {
    /// What is otherwise.
    fn mismatches(&self, set: &PolicySet, request: &PolicyRequest, judged: &Judgement) -> Vec<Mismatch> {
        let Judgement { decision, shadow } = judged;
        let mut mismatches = Vec::new();
        let mut note = |what: &str, differs: bool, expected: String, found: String| {
            if differs {
                mismatches.push(Mismatch::new(what, expected, found));
            }
        };
        let (expected, found) = (word(self.decision), word(decision.verdict));
        note("decision", self.decision != decision.verdict, expected.into(), found.into());
        let by_rule = [
            ("by", &self.by, &decision.reasons),
            ("warnings", &self.warnings, &decision.warnings),
            ("shadow", &self.shadow, shadow),
            ("exceptions", &self.exceptions, &decision.exceptions),
        ];
        for (what, expected, found) in by_rule {
            if let Some(expected) = expected {
                let found: BTreeSet<RuleId> = found.iter().map(|reason| reason.rule.clone()).collect();
                note(what, *expected != found, listed(expected), listed(&found));
            }
        }
        if let Some(part) = &self.because {
            let has = |reason: &Reason| reason.because.contains(part.as_str());
            let found: Vec<&str> = decision.reasons.iter().map(|reason| reason.because.as_str()).collect();
            note("because", !decision.reasons.iter().any(has), format!("`{part}`"), format!("`{}`", found.join("; ")));
        }
        if let Some(expected) = &self.require {
            let found = &decision.obligations;
            note("require", expected != found, shown(expected), shown(found));
        }
        if let Some(expected) = &self.budgets {
            let found = set.budgets(request);
            let found: BTreeMap<String, Amount> =
                found.into_iter().map(|budget| (budget.name.as_str().to_owned(), budget.limit)).collect();
            note("budgets", *expected != found, accounts(expected), accounts(&found));
        }
        mismatches
    }
}

fn shown(obligations: &Obligations) -> String {
    if obligations.is_empty() { "nothing".into() } else { obligations.to_string() }
}

fn accounts(accounts: &BTreeMap<String, Amount>) -> String {
    listed(accounts.iter().map(|(name, limit)| format!("{name}: {limit}")))
}

fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    if items.is_empty() { "none".into() } else { items.join(", ") }
}
