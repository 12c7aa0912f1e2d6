//! The reference intent, both ways, over a small realistic market; and the planner against plain enumeration.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod planner_catalogue;

use orp_core::prelude::*;
use orp_sched::planner::FrontierPlanner;
use planner_catalogue::{compute, machine, now, problem, reference_intent, reference_offers, usd, wide_offers};
use proptest::prelude::*;

fn plan(intent: Intent, offers: Vec<Offer>) -> PlanOutcome {
    FrontierPlanner::default().plan(&problem(intent, offers), &PlanLimits::default())
}

fn frontier(outcome: PlanOutcome) -> Frontier {
    match outcome {
        PlanOutcome::Feasible(frontier) => frontier,
        PlanOutcome::Infeasible(why) => panic!("{why}"),
    }
}

#[test]
fn with_tokens_free_there_are_three_named_plans_and_the_cheap_one_is_on_spot() {
    let frontier = frontier(plan(reference_intent(), reference_offers()));
    let named = |name: &str| frontier.named(name).unwrap_or_else(|| panic!("no plan is {name}"));
    let (fastest, cheapest, balanced) = (named("fastest"), named("cheapest"), named("balanced"));
    assert!(fastest.id != cheapest.id && cheapest.id != balanced.id && balanced.id != fastest.id);
    assert!(cheapest.estimate.cost.mean < fastest.estimate.cost.mean);
    assert!(fastest.estimate.duration.mean < cheapest.estimate.duration.mean);
    assert!(cheapest.uses_spot());
    let train = cheapest.binding(&TaskName::new("train").unwrap()).unwrap();
    assert!(train.checkpoint_every.is_some() && !train.alternatives.is_empty());
    for plan in &frontier.plans {
        assert_eq!(plan.violations(), Vec::<String>::new());
        assert!(plan.tokens > Tokens::new(1_000_000) && plan.tokens < Tokens::new(25_000_000_000));
        assert!(!plan.why.is_empty() && plan.explain().contains("because"));
    }
    assert!(frontier.table().contains("fastest"));
}

#[test]
fn every_token_for_500_usd_is_infeasible_and_each_relaxation_helps() {
    let intent = reference_intent().with_tokens(TokenDemand::All);
    let PlanOutcome::Infeasible(why) = plan(intent, reference_offers()) else { panic!("nobody can pay for that") };
    assert!(!why.binding.is_empty() && !why.relaxations.is_empty(), "{why}");
    assert!(why.to_string().contains("constraints."), "{why}");
    for relaxation in &why.relaxations {
        let again = plan((*relaxation.intent).clone(), reference_offers());
        assert!(matches!(again, PlanOutcome::Feasible(_)), "{} does not help", relaxation.change);
    }
}

#[test]
fn the_same_problem_gives_the_same_bytes() {
    let bytes = || serde_json::to_vec(&plan(reference_intent(), wide_offers(60))).unwrap();
    assert!(bytes() == bytes());
}

#[test]
fn what_is_missing_is_named() {
    let without = |test: fn(&Offer) -> bool| reference_offers().into_iter().filter(test).collect();
    let PlanOutcome::Infeasible(why) =
        plan(reference_intent(), without(|offer| offer.resource.pillar() != Pillar::Data))
    else {
        panic!("there is no data")
    };
    assert!(why.to_string().contains("corpus@v3"), "{why}");
    let unknown = Intent::new(Goal::new("make_coffee"));
    let PlanOutcome::Infeasible(why) = plan(unknown, reference_offers()) else { panic!("nobody makes coffee") };
    assert!(why.to_string().contains("make_coffee"), "{why}");
}

#[test]
fn what_is_done_stays_and_the_rest_is_planned_anew() {
    let frontier = frontier(plan(reference_intent(), reference_offers()));
    let before = frontier.named("cheapest").unwrap().clone();
    let mut remaining = Remaining::new(before.clone(), usd("100"), "4h".parse().unwrap());
    remaining.settled = ["stage", "prepare"].map(|name| TaskName::new(name).unwrap()).to_vec();
    let train = TaskName::new("train").unwrap();
    remaining.progress.insert(train.clone(), 0.5);
    let reclaimed = before.binding(&train).unwrap().machine().unwrap().offer.key.clone();
    remaining.distrusted.insert(reclaimed.clone(), f64::INFINITY);
    let mut problem = problem(reference_intent(), reference_offers());
    problem.remaining = Some(remaining);
    let PlanOutcome::Feasible(frontier) = FrontierPlanner::default().plan(&problem, &PlanLimits::default()) else {
        panic!("half is done, and money and time are left")
    };
    for plan in &frontier.plans {
        assert_eq!(plan.violations(), Vec::<String>::new());
        assert_eq!((plan.tokens, &plan.variant), (before.tokens, &before.variant));
        assert!(plan.bindings[0] == before.bindings[0], "what is settled keeps its binding");
        assert_ne!(plan.binding(&train).unwrap().machine().unwrap().offer.key, reclaimed);
        assert!(plan.estimate.cost.mean > usd("100") && plan.estimate.duration.mean > Span::HOUR);
    }
}

/// A chain of tasks of fixed length, each on one core.
fn chain(minutes: &[u64]) -> Recipe {
    let mut text = "name: chain\nversion: 1.0.0\ngoal: chain\n\
                    variants: [{name: plain, quality: {floor: 1, ceiling: 1, half: 1, source: assumed}}]\ntasks:\n"
        .to_owned();
    for (at, minutes) in minutes.iter().enumerate() {
        let after = if at == 0 { String::new() } else { format!("t{}", at - 1) };
        text += &format!(
            "  - {{name: t{at}, after: [{after}], claims: [{{compute: {{cpu: 1}}}}], work: {{fixed: {minutes}m}}, \
             run: {{process: {{program: sh}}}}}}\n"
        );
    }
    Recipe::from_source(&Source::new("chain.yaml", &text)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// On-demand machines at prices and provision times drawn at random: the cheapest plan costs what plain enumeration
    /// finds, and the fastest takes as long.
    #[test]
    fn small_chains_are_planned_as_well_as_by_enumeration(
        minutes in prop::collection::vec(1_u64..600, 1..4),
        machines in prop::collection::vec((1_u64..100_000, 0_u64..1200), 1..6),
    ) {
        let mut offers = Vec::new();
        for (at, (cents, provision)) in machines.iter().enumerate() {
            let price = format!("{}.{:02}", cents / 100, cents % 100);
            let mut offer = compute(&format!("m{at}"), "aws/us-east-1/a", machine("m", 4, 16, None, 10.0), &price, 0.0, 4);
            offer.provision = Span::from_secs(*provision);
            offers.push(offer);
        }
        let mut problem = PlanningProblem::new(now(), Intent::new(Goal::new("chain")), vec![chain(&minutes)], offers);
        problem.network = Network::default();
        let found = frontier(FrontierPlanner::default().plan(&problem, &PlanLimits::default()));
        let (mut cost, mut time) = (0.0, 0.0);
        for minutes in &minutes {
            // Charges run from when a machine is granted, which is when it can be used.
            let each = machines.iter().map(|(cents, wait)| {
                let hours = *minutes as f64 / 60.0;
                (*cents as f64 / 100.0 * hours, hours + *wait as f64 / 3600.0)
            });
            let (costs, times): (Vec<f64>, Vec<f64>) = each.unzip();
            cost += costs.iter().copied().fold(f64::INFINITY, f64::min);
            time += times.iter().copied().fold(f64::INFINITY, f64::min);
        }
        let cheapest = found.plans.iter().map(|plan| plan.estimate.cost.mean.as_f64()).fold(f64::INFINITY, f64::min);
        let fastest = found.plans.iter().map(|plan| plan.estimate.duration.mean.as_hours_f64()).fold(f64::INFINITY, f64::min);
        prop_assert!((cheapest - cost).abs() <= 1e-5 * (1.0 + cost), "cheapest {cheapest}, enumeration {cost}");
        prop_assert!((fastest - time).abs() <= 1e-5 * (1.0 + time), "fastest {fastest}, enumeration {time}");
    }
}
