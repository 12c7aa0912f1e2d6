//! Estimators, policies and interpreters that break one law each.

use crate::memory::{machines, requests};
use crate::{Fake, catches};
use orp_conformance::{estimator_suite, interpreter_suite, policy_suite};
use orp_core::memory::{MemoryEstimator, MemoryInterpreter, MemoryPolicy};
use orp_core::prelude::*;
use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

pub(crate) const FAKES: &[Fake] = &[
    ("EST-1", "does much work in no time"),
    ("EST-2", "has a mean above the most"),
    ("EST-3", "runs anything anywhere"),
    ("EST-3", "refuses without a reason"),
    ("POL-1", "permits when in doubt"),
    ("POL-2", "refuses in silence"),
    ("POL-3", "answers a request once only"),
    ("POL-4", "fears facts it does not know"),
    ("POL-5", "forgets what was known"),
    ("INT-1", "guesses"),
    ("INT-2", "understands differently each time"),
];

#[derive(Debug)]
struct BentEstimator(&'static str);

impl Estimator for BentEstimator {
    fn time(&self, work: &Work, machine: Option<&Machine>, units: u32) -> Result<TimeEstimate, String> {
        let hour = TimeEstimate { mean: Span::HOUR, low: Span::HOUR, high: Span::HOUR, rate: None };
        match (self.0, MemoryEstimator::default().time(work, machine, units)) {
            ("does much work in no time", Ok(estimate)) if estimate.mean > Span::HOUR => {
                Ok(TimeEstimate { mean: Span::SECOND, low: Span::SECOND, ..estimate })
            }
            ("has a mean above the most", Ok(estimate)) => {
                Ok(TimeEstimate { mean: estimate.high.saturating_add(Span::SECOND), ..estimate })
            }
            ("runs anything anywhere", Err(_)) if machine.is_some() => Ok(hour),
            ("refuses without a reason", Err(_)) => Err(String::new()),
            (_, result) => result,
        }
    }
}

#[test]
fn estimators() {
    for fake in FAKES.iter().filter(|(law, _)| law.starts_with("EST")) {
        catches(*fake, &estimator_suite(&BentEstimator(fake.1), &machines()));
    }
}

#[derive(Debug)]
struct BentPolicy {
    inner: MemoryPolicy,
    flaw: &'static str,
    asked: Mutex<Vec<PolicyRequest>>,
}

impl PolicyEngine for BentPolicy {
    fn decide(&self, request: &PolicyRequest) -> PolicyDecision {
        let mut decision = self.inner.decide(request);
        let doubt = decision.to_string().contains("cannot be evaluated");
        let again = self.asked.lock().unwrap().contains(request);
        self.asked.lock().unwrap().push(request.clone());
        match self.flaw {
            "permits when in doubt" if doubt => decision.verdict = Verdict::Permit,
            "refuses in silence" if !decision.is_permit() => decision.reasons.clear(),
            "answers a request once only" if again => decision.verdict = Verdict::NeedsApproval,
            "fears facts it does not know" if request.facts.keys().any(|fact| fact != "cost") => {
                decision.verdict = Verdict::NeedsApproval;
            }
            _ => {}
        }
        decision
    }

    fn budgets(&self, request: &PolicyRequest) -> Vec<BudgetSpec> {
        self.inner.budgets(request)
    }

    fn residual<'a>(&'a self, known: &PolicyRequest, _open: &[&str]) -> Option<Box<dyn ResidualPolicy + 'a>> {
        let mut known = known.clone();
        known.facts.clear();
        (self.flaw == "forgets what was known").then(|| Box::new(Forgetful { engine: self, known }) as _)
    }
}

#[derive(Debug)]
struct Forgetful<'a> {
    engine: &'a BentPolicy,
    known: PolicyRequest,
}

impl ResidualPolicy for Forgetful<'_> {
    fn decide(&self, candidate: &Facts) -> PolicyDecision {
        let mut request = self.known.clone();
        request.facts = candidate.clone();
        self.engine.decide(&request)
    }
}

#[test]
fn policies() {
    let rule = RuleId::new("small").unwrap();
    let inner =
        MemoryPolicy::default().with_permit_up_to(rule, PolicyPoint::Run, "fine_tune", "5 USD".parse().unwrap());
    let (requests, erring) = requests();
    for fake in FAKES.iter().filter(|(law, _)| law.starts_with("POL")) {
        let make = || -> Box<dyn PolicyEngine> {
            Box::new(BentPolicy { inner: inner.clone(), flaw: fake.1, asked: Mutex::default() })
        };
        catches(*fake, &policy_suite(&make, &requests, &erring));
    }
}

#[derive(Debug)]
struct BentInterpreter {
    inner: MemoryInterpreter,
    flaw: &'static str,
    calls: AtomicU32,
}

impl IntentInterpreter for BentInterpreter {
    fn interpret(&self, words: &str) -> Result<Interpretation, String> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match (self.flaw, self.inner.interpret(words)?) {
            ("guesses", Interpretation::Question { candidates, .. }) => self.inner.interpret(&candidates[0]),
            ("understands differently each time", Interpretation::Intent(intent)) => {
                Ok(Interpretation::Intent(Box::new(intent.with_name(call.to_string()))))
            }
            (_, understood) => Ok(understood),
        }
    }
}

#[test]
fn interpreters() {
    let intent = Intent::fine_tune("base".parse().unwrap(), "corpus".parse().unwrap());
    let inner = MemoryInterpreter::default().with_phrase("tune it", intent);
    for fake in FAKES.iter().filter(|(law, _)| law.starts_with("INT")) {
        let bent = BentInterpreter { inner: inner.clone(), flaw: fake.1, calls: AtomicU32::new(0) };
        catches(*fake, &interpreter_suite(&bent, &["tune it"], &["make it better"]));
    }
}
