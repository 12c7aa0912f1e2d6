//! The starter sets in `examples/policies` hold to their tests, and their tests would notice if they did not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use orp_core::prelude::*;
use orp_policy::{PolicySet, testing};
use std::fs;
use std::path::PathBuf;

const SETS: [&str; 3] = ["ai-governance", "cost-control", "data-classification"];

fn text(set: &str, file: &str) -> String {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/policies"));
    fs::read_to_string(folder.join(set).join(file)).unwrap()
}

fn load(texts: &[String]) -> PolicySet {
    let sources: Vec<Source<'_>> = texts.iter().map(|text| Source::new("starter.yaml", text)).collect();
    PolicySet::from_sources(&sources).unwrap_or_else(|error| panic!("{error}"))
}

fn starter(set: &str) -> PolicySet {
    load(&[text(set, "rules.yaml"), text(set, "tests.yaml")])
}

#[test]
fn every_starter_set_holds_to_its_tests_which_cover_it_in_full() {
    for name in SETS {
        let set = starter(name);
        let report = set.run_tests();
        assert!(report.is_ok(), "{name}\n{report}");
        assert!(report.coverage.is_full(), "{name}\n{}", report.coverage);
        let invariants = report.checks().filter(|check| check.kind == testing::CheckKind::Invariant);
        assert!(invariants.count() >= 3, "{name}");
        assert!(set.rules().iter().all(|rule| rule.owner().is_some()), "{name}: somebody answers for every rule");
    }
}

/// Drop a rule, turn its effect, change a literal, an action, an obligation: some test fails.
#[test]
fn no_small_change_to_a_starter_set_goes_unnoticed() {
    for name in SETS {
        let report = starter(name).run_mutants();
        assert!(report.survivors.is_empty(), "{name}\n{report}");
        assert!(report.tried > 70 && report.left_out == 0, "{name}\n{report}");
        // A check that has never failed proves nothing: without its tests, nothing is noticed.
        let untested = load(&[text(name, "rules.yaml")]).run_mutants();
        assert_eq!(untested.survivors.len(), report.tried, "{name}");
    }
}

/// The sets are about different things, so they can be in force together: the strictest of them decides.
#[test]
fn the_starter_sets_work_together() {
    let sets = SETS.map(starter);
    let together = load(&SETS.map(|name| text(name, "rules.yaml")));
    let requests: Vec<PolicyRequest> =
        sets.iter().flat_map(|set| set.tests()).flat_map(|test| test.requests()).collect();
    assert!(requests.len() > 300);
    for request in &requests {
        let decisions = sets.each_ref().map(|set| set.decide(request));
        let strictest = decisions.iter().map(|decision| decision.verdict).max();
        assert_eq!(Some(together.decide(request).verdict), strictest, "{request:?}");
    }
}
