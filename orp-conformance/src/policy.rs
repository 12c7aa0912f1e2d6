//! The laws of policy: when in doubt no, and every no says why.

use crate::bench::{ensure, skipped};
use crate::{Report, Verdict};
use orp_core::contract::{PolicyEngine, PolicyEngineExt};
use orp_core::noun::{DataClass, FactValue, Facts, PolicyRequest, Verdict as Word};

/// Tries every law of [`PolicyEngine`] on engines that `make` returns, all with the same rules.
///
/// `requests` are requests of many kinds, some permitted and some refused; `erring` are requests on which a rule that speaks
/// of them cannot be evaluated (a fact of the wrong kind, say), whatever the other rules say.
pub fn policy_suite(
    make: &dyn Fn() -> Box<dyn PolicyEngine>,
    requests: &[PolicyRequest],
    erring: &[PolicyRequest],
) -> Report {
    let all: Vec<PolicyRequest> = requests.iter().chain(erring).cloned().collect();
    let mut report = Report::default();
    report.law_now("POL-1", || pol_1(&*make(), erring));
    report.law_now("POL-2", || pol_2(&*make(), &all));
    report.law_now("POL-3", || pol_3(make, &all));
    report.law_now("POL-4", || pol_4(&*make(), &all));
    report.law_now("POL-5", || pol_5(&*make(), &all));
    report
}

/// An error in evaluation never permits.
pub fn pol_1(engine: &dyn PolicyEngine, erring: &[PolicyRequest]) -> Verdict {
    if erring.is_empty() {
        return skipped("no request was given on which a rule cannot be evaluated");
    }
    for request in erring {
        let decision = engine.decide(request);
        ensure!(!decision.is_permit(), "a rule cannot be evaluated on {request:?}: got `{decision}`");
    }
    Ok(())
}

/// A refusal names its rules.
pub fn pol_2(engine: &dyn PolicyEngine, requests: &[PolicyRequest]) -> Verdict {
    let mut refused = 0;
    for request in requests {
        let decision = engine.decide(request);
        if decision.verdict != Word::Permit {
            refused += 1;
            let named = decision.reasons.iter().all(|reason| !reason.because.trim().is_empty());
            ensure!(named && !decision.reasons.is_empty(), "{request:?}: `{decision}` says not why");
        }
    }
    if refused == 0 { skipped("none of the requests was refused") } else { Ok(()) }
}

/// The same request gets the same decision, whatever is asked in between and whichever engine is asked.
pub fn pol_3(make: &dyn Fn() -> Box<dyn PolicyEngine>, requests: &[PolicyRequest]) -> Verdict {
    let (one, other) = (make(), make());
    let first: Vec<_> = requests.iter().map(|request| one.decide(request)).collect();
    for (request, first) in requests.iter().zip(&first).rev() {
        for again in [one.decide(request), other.decide(request)] {
            ensure!(again == *first, "{request:?}: first `{first}`, then `{again}`");
        }
    }
    Ok(())
}

/// Adding a fact that no rule speaks of changes nothing.
pub fn pol_4(engine: &dyn PolicyEngine, requests: &[PolicyRequest]) -> Verdict {
    let facts: [FactValue; 4] = ["yes".into(), true.into(), 7.into(), DataClass::Restricted.into()];
    for request in requests {
        let before = engine.decide(request);
        for fact in &facts {
            let more = request.clone().with_fact("conformance.nobody.speaks.of.this", fact.clone());
            let after = engine.decide(&more);
            ensure!(after == before, "{request:?}: `{before}`, with one more fact `{after}`");
        }
    }
    Ok(())
}

/// What is judged in two steps comes to what is judged in one: with each fact of a request open by itself, and with all.
pub fn pol_5(engine: &dyn PolicyEngine, requests: &[PolicyRequest]) -> Verdict {
    for request in requests {
        // Whoever does not answer alike twice breaks another law.
        if engine.decide(request) != engine.decide(request) {
            continue;
        }
        let names: Vec<&str> = request.facts.keys().map(String::as_str).collect();
        let single = names.iter().map(|name| vec![*name]);
        for open in single.chain([names.clone(), Vec::new()]) {
            let is_open = |name: &String| open.contains(&name.as_str());
            let (candidate, rest): (Facts, Facts) =
                request.facts.clone().into_iter().partition(|(name, _)| is_open(name));
            let mut known = request.clone();
            known.facts = rest;
            let (whole, steps) = (engine.decide(request), engine.narrow(&known, &open).decide(&candidate));
            ensure!(steps == whole, "{request:?} with {open:?} open: `{whole}` at once, `{steps}` in two steps");
        }
    }
    Ok(())
}
