//! The reference set keeps the laws of its contract.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use orp_conformance::policy_suite;
use orp_core::prelude::*;
use orp_policy::PolicySet;

fn make() -> Box<dyn PolicyEngine> {
    let source = Source::new("reference.yaml", include_str!("../examples/reference.yaml"));
    Box::new(PolicySet::from_sources(&[source]).unwrap())
}

#[test]
fn the_reference_set_keeps_every_law_of_policy() {
    let request = |point, class: &str| {
        PolicyRequest::new(point, "fine_tune", Timestamp::EPOCH)
            .with_fact("project.id", "vision")
            .with_fact("dataset.name", "tickets")
            .with_fact("dataset.class", class)
            .with_fact("model.name", "llama")
            .with_fact("model.visibility", "public")
    };
    let points = [PolicyPoint::Intent, PolicyPoint::Plan, PolicyPoint::Place, PolicyPoint::Run, PolicyPoint::Publish];
    let requests: Vec<_> =
        points.into_iter().flat_map(|point| ["internal", "restricted"].map(|class| request(point, class))).collect();
    let erring: Vec<_> = points.into_iter().map(|point| request(point, "secret")).collect();
    policy_suite(&make, &requests, &erring).assert_ok();
}
