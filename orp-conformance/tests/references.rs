//! Every reference of `orp_core::memory` keeps the laws of its contract, and none is skipped without a reason known here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod memory;

use memory::{Journals, MemoryHarness, NAMES, device, machines, names, reference, requests};
use orp_conformance::*;
use orp_core::memory::*;
use orp_core::prelude::*;

/// The report is without violations, and has skipped exactly these.
#[track_caller]
fn keeps(report: Report, skipped: &[&str]) {
    report.assert_ok();
    let left_out: Vec<&str> = report.skipped.iter().map(|(law, _)| law.as_str()).collect();
    assert_eq!(left_out, skipped, "{report}");
}

#[test]
fn clock_and_ids() {
    keeps(clock_suite(&ManualClock::default()), &[]);
    keeps(ids_suite(&SeededIds::new(7)), &[]);
}

#[tokio::test]
async fn provider() {
    keeps(provider_suite(&reference()).await, &[]);
}

#[tokio::test]
async fn compute() {
    keeps(compute_suite(&MemoryHarness::new(|provider| provider)).await, &[]);
}

#[tokio::test]
async fn what_is_not_declared_is_not_tried() {
    let plain = MemoryHarness::new(|provider| provider.with_capabilities(Capabilities::offering(Pillar::ALL)));
    keeps(compute_suite(&plain).await, &["COMP-3", "COMP-5"]);
}

#[tokio::test]
async fn data() {
    keeps(data_suite(&MemoryHarness::new(|provider| provider)).await, &[]);
}

#[tokio::test]
async fn model() {
    keeps(model_suite(&MemoryHarness::new(|provider| provider)).await, &[]);
}

#[tokio::test]
async fn tool() {
    keeps(tool_suite(&MemoryHarness::new(|provider| provider)).await, &[]);
}

#[tokio::test]
async fn talent() {
    keeps(talent_suite(&MemoryHarness::new(|provider| provider)).await, &[]);
}

#[tokio::test]
async fn devices() {
    keeps(device_suite(&MemoryDevices::new(vec![device()])).await, &[]);
    let none = ["DEV-2", "DEV-3", "DEV-4", "DEV-5", "DEV-6", "DEV-7"];
    keeps(device_suite(&MemoryDevices::new(Vec::new())).await, &none);
}

#[test]
fn estimator() {
    keeps(estimator_suite(&MemoryEstimator::default(), &machines()), &[]);
}

#[test]
fn planner() {
    keeps(planner_suite(&MemoryPlanner::default(), &[]), &[]);
}

#[test]
fn what_is_left_of_a_run_is_planned() {
    let planner = MemoryPlanner::default();
    let plan = |problem: &PlanningProblem| match planner.plan(problem, &PlanLimits::default()) {
        PlanOutcome::Feasible(mut frontier) => frontier.plans.remove(0),
        PlanOutcome::Infeasible(reasons) => panic!("{reasons}"),
    };
    let mut problem = planner::problems(1, 1).remove(0);
    let first = plan(&problem);
    let [prepare, train, review] = first.bindings.as_slice() else { panic!("{}", first.explain()) };
    let (spent, elapsed) = (prepare.cost.mean, prepare.duration.mean);
    let mut left = Remaining::new(first.clone(), spent, elapsed);
    left.settled.push(prepare.task.clone());
    left.progress.insert(train.task.clone(), 1.0);
    problem.remaining = Some(left);
    let rest = plan(&problem);
    assert_eq!(rest.bindings[0].bound, prepare.bound, "what is done stays as it was");
    assert!(rest.estimate.cost.mean < first.estimate.cost.mean, "training that is done is not paid again");
    assert!(rest.estimate.cost.mean >= spent.checked_add(review.cost.mean).unwrap());
    assert!(rest.estimate.duration.mean >= elapsed);
}

#[test]
fn scheduler() {
    keeps(scheduler_suite(&|| Box::new(MemoryScheduler::default())), &[]);
}

#[test]
fn policy() {
    let five = "5 USD".parse().unwrap();
    let rule = RuleId::new("small").unwrap();
    let policy = MemoryPolicy::default().with_permit_up_to(rule, PolicyPoint::Run, "fine_tune", five);
    let (requests, erring) = requests();
    keeps(policy_suite(&|| Box::new(policy.clone()), &requests, &erring), &[]);
}

#[test]
fn detector() {
    keeps(detector_suite(&names(), &NAMES), &[]);
    let none = ["DET-1", "DET-2", "DET-4", "DET-6"];
    keeps(detector_suite(&names(), &["nobody is named here"]), &none);
}

#[test]
fn interpreter() {
    let intent = Intent::fine_tune("base".parse().unwrap(), "corpus".parse().unwrap());
    let interpreter = MemoryInterpreter::default().with_phrase("tune it", intent);
    keeps(interpreter_suite(&interpreter, &["tune it"], &["make it better", ""]), &[]);
}

#[tokio::test]
async fn journal() {
    keeps(journal_suite(&Journals).await, &["JRN-1"]);
}

#[tokio::test]
async fn assets() {
    keeps(assets_suite(&MemoryAssets::default()).await, &[]);
}
