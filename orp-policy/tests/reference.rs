//! The two reference rules of requirement D3, judged case by case, to the word.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use orp_core::prelude::*;
use orp_policy::PolicySet;

fn reference() -> PolicySet {
    let source = Source::new("reference.yaml", include_str!("../examples/reference.yaml"));
    PolicySet::from_sources(&[source]).unwrap()
}

fn request(point: PolicyPoint, action: &str, facts: &[(&str, FactValue)]) -> PolicyRequest {
    let request = PolicyRequest::new(point, action, "2026-11-23T04:38:00Z".parse().unwrap());
    facts.iter().fold(request, |request, (name, value)| request.with_fact(*name, value.clone()))
}

#[test]
fn sensitive_data_stays_out_of_public_models() {
    let dataset = |class: DataClass| [("dataset.name", "tickets".into()), ("dataset.class", class.into())];
    let model = |visibility: &str| [("model.name", "llama".into()), ("model.visibility", visibility.into())];
    let both = |class, visibility| [dataset(class), model(visibility)].concat();
    let refused = |class: &str| {
        format!(
            "forbid: rule `no-sensitive-data-into-public-models`: tickets is {class}; llama is public \
             (remedy: choose a private model, or data that is internal or public)"
        )
    };
    let permitted = "permit: rule `everything-else`: nothing forbids it".to_owned();
    let gap = |fact: &str, found: &str| {
        format!(
            "forbid: rule `no-sensitive-data-into-public-models`: it cannot be judged: `{fact}` {found} \
             (remedy: state `{fact}`)"
        )
    };
    let class_text = "is `secret`, expected a data class (public, internal, confidential or restricted)";
    for (action, facts, expected) in [
        ("fine_tune", both(DataClass::Restricted, "public"), refused("restricted")),
        ("distil", both(DataClass::Confidential, "public"), refused("confidential")),
        ("fine_tune", both(DataClass::Internal, "public"), permitted.clone()),
        ("fine_tune", both(DataClass::Restricted, "private"), permitted.clone()),
        ("evaluate", both(DataClass::Restricted, "public"), permitted.clone()),
        // No data set, no model: nothing that the rule is about.
        ("fine_tune", model("public").into(), permitted.clone()),
        ("fine_tune", dataset(DataClass::Restricted).into(), permitted.clone()),
        ("fine_tune", Vec::new(), permitted.clone()),
        // A data set that is there, but not its class: fail closed, unless the model is private anyway.
        (
            "fine_tune",
            [&model("public")[..], &dataset(DataClass::Public)[..1]].concat(),
            gap("dataset.class", "is not known"),
        ),
        ("fine_tune", [&model("private")[..], &dataset(DataClass::Public)[..1]].concat(), permitted.clone()),
        (
            "fine_tune",
            [&model("public")[..], &[("dataset.class", "secret".into())]].concat(),
            gap("dataset.class", class_text),
        ),
        (
            "fine_tune",
            both(DataClass::Restricted, "gated"),
            gap("model.visibility", "is `gated`, expected one of private, public"),
        ),
    ] {
        for point in [PolicyPoint::Intent, PolicyPoint::Plan, PolicyPoint::Run] {
            let decision = reference().decide(&request(point, action, &facts));
            assert_eq!(decision.to_string(), expected, "{action} {facts:?}");
        }
    }
}

#[test]
fn a_projects_monthly_gpu_budget_has_a_ceiling() {
    let accounts = |facts: &[(&str, FactValue)]| -> Vec<String> {
        let budgets = reference().budgets(&request(PolicyPoint::Run, "fine_tune", facts));
        budgets.iter().map(|budget| format!("{} {} by {}", budget.name, budget.limit, budget.rule)).collect()
    };
    let project = |id: &str| ("project.id", id.into());
    let kind = |kind: &str| ("resource.kind", kind.into());
    let speech = "gpu-month-project/speech/2026-11 20000.00 USD by gpu-month-project";
    assert_eq!(accounts(&[project("speech"), kind("gpu")]), [speech]);
    assert_eq!(
        accounts(&[project("vision"), kind("gpu")]),
        ["gpu-month-project/vision/2026-11 60000.00 USD by gpu-month-project"]
    );
    assert!(accounts(&[project("speech"), kind("cpu")]).is_empty());
    // Not knowing the kind of machine, the charge is held to be for a GPU; not knowing whose it is, it is nobody's to spend.
    assert_eq!(accounts(&[project("speech")]), [speech]);
    assert_eq!(accounts(&[kind("gpu")]), ["gpu-month-project/unknown:project.id 0.00 USD by gpu-month-project"]);
}

/// With the ledger, the ceiling holds whoever asks how often.
#[test]
fn the_ledger_holds_the_ceiling() {
    let facts = [("project.id", "speech".into()), ("resource.kind", "gpu".into())];
    let [budget] = &reference().budgets(&request(PolicyPoint::Run, "fine_tune", &facts))[..] else {
        panic!("one budget")
    };
    let mut ledger = Ledger::default();
    ledger.open(budget).unwrap();
    let amount: Money = "9000 USD".parse().unwrap();
    let reserved = (0..5).filter(|run| {
        ledger
            .reserve(IdempotencyKey::new(format!("run-{run}")), amount, std::slice::from_ref(&budget.name), None)
            .is_ok()
    });
    assert_eq!(reserved.count(), 2);
}

/// The digest names what the set says. It changes with this file's meaning only; a change here voids approvals and makes
/// replays refer to another set, so it is not to happen by accident.
#[test]
fn the_version_is_the_digest_of_the_meaning() {
    let text = include_str!("../examples/reference.yaml");
    let set = reference();
    let reversed: Vec<&str> = text.split("\n---\n").collect::<Vec<_>>().into_iter().rev().collect();
    let sources: Vec<Source<'_>> = reversed.iter().map(|text| Source::new("part.yaml", text)).collect();
    assert_eq!(PolicySet::from_sources(&sources).unwrap().version(), set.version());
    let respaced = text.replace("{at_least: confidential}", "\n      at_least:   \"confidential\" # or higher");
    let respaced =
        respaced.replace("20000 USD", "20_000.00 USD").replace("effect: deny", "mode: enforce\n  effect: deny");
    assert_eq!(PolicySet::from_sources(&[Source::new("r", &respaced)]).unwrap().version(), set.version());
    for (from, to) in [("20000", "20001"), ("confidential}", "restricted}"), ("dpo@", "cdo@"), ("/5.1.b", "/5.1.c")] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(PolicySet::from_sources(&[Source::new("c", &changed)]).unwrap().version(), set.version(), "{from}");
    }
    assert_eq!(set.version().short(), "sha256:6be1586a0d88");
}
