//! The laws of planners, held against generated problems and those of whoever calls.

use crate::bench::{Dice, ensure, name, skipped, with};
use crate::{Report, Verdict};
use orp_core::contract::Planner;
use orp_core::id::{OfferId, Principal, ProviderName, RecipeName, TaskName};
use orp_core::noun::{
    Accelerator, Action, AssetRef, Capacity, CheckpointTimes, ClaimTemplate, ComputeClaim, DataClass, Frontier, Hazard,
    Infeasibility, Intent, Machine, Market, NameFilter, Objective, Offer, OfferKey, Pattern, Place, PlanLimits,
    PlanOutcome, PlanningProblem, Preference, QualityPrior, Recipe, Replica, Resource, Subject, Talent, TaskTemplate,
    TokenDemand, Training, Variant, Visibility, Weights, WorkTemplate,
};
use orp_core::unit::{Bytes, CpuAmount, Currency, GpuAmount, Money, Price, Span, Timestamp, Tokens};
use std::collections::BTreeMap;

/// How many problems are generated.
const PROBLEMS: u64 = 16;
/// The most candidates a planner may look at for one problem.
const CANDIDATES: u64 = 20_000;

/// Tries every law of [`Planner`] on [generated problems](problems) and on `more`.
pub fn planner_suite(planner: &dyn Planner, more: &[PlanningProblem]) -> Report {
    let problems: Vec<PlanningProblem> = problems(1, PROBLEMS).into_iter().chain(more.iter().cloned()).collect();
    let mut report = Report::default();
    report.law_now("PLAN-1", || plan_1(planner, &problems));
    report.law_now("PLAN-2", || plan_2(planner, &problems));
    report.law_now("PLAN-3", || plan_3(planner, &problems));
    report.law_now("PLAN-4", || plan_4(planner, &problems));
    report.law_now("PLAN-5", || plan_5(planner, &problems));
    report.law_now("PLAN-6", || plan_6(planner, &problems));
    report
}

/// The same problem and limits give the same outcome, whatever was planned in between.
pub fn plan_1(planner: &dyn Planner, problems: &[PlanningProblem]) -> Verdict {
    let first: Vec<PlanOutcome> = problems.iter().map(|problem| planner.plan(problem, &limits(12))).collect();
    for (problem, first) in problems.iter().zip(&first).rev() {
        let again = planner.plan(problem, &limits(12));
        ensure!(again == *first, "`{}`: first {}, then {}", problem.intent, short(first), short(&again));
    }
    Ok(())
}

/// Every plan is without violations.
pub fn plan_2(planner: &dyn Planner, problems: &[PlanningProblem]) -> Verdict {
    for_frontiers(planner, problems, 12, |problem, frontier| {
        for plan in &frontier.plans {
            let violations = plan.violations();
            let wrong = violations.join("; ");
            ensure!(violations.is_empty(), "`{}`: the plan {} is wrong: {wrong}", problem.intent, plan.name());
            ensure!(plan.intent == problem.intent, "asked `{}`, the plan is for `{}`", problem.intent, plan.intent);
        }
        Ok(())
    })
}

/// No plan of a frontier dominates another.
pub fn plan_3(planner: &dyn Planner, problems: &[PlanningProblem]) -> Verdict {
    for_frontiers(planner, problems, 12, |problem, frontier| {
        for (one, other) in frontier.plans.iter().flat_map(|one| frontier.plans.iter().map(move |other| (one, other))) {
            ensure!(!one.estimate.dominates(&other.estimate), "`{}`: {one} dominates {other}", problem.intent);
        }
        Ok(())
    })
}

/// A frontier has at least one plan and at most `limits.plans`.
pub fn plan_4(planner: &dyn Planner, problems: &[PlanningProblem]) -> Verdict {
    for most in [1, 2, 12] {
        for_frontiers(planner, problems, most, |problem, frontier| {
            let plans = frontier.plans.len();
            ensure!((1..=most).contains(&plans), "`{}`: {plans} plans, at most {most} were asked", problem.intent);
            Ok(())
        })?;
    }
    Ok(())
}

/// Each relaxation of an infeasible intent makes it feasible.
pub fn plan_5(planner: &dyn Planner, problems: &[PlanningProblem]) -> Verdict {
    let mut tried = 0;
    for problem in problems {
        let PlanOutcome::Infeasible(Infeasibility { relaxations, .. }) = planner.plan(problem, &limits(12)) else {
            continue;
        };
        for relaxation in relaxations {
            tried += 1;
            let relaxed = with(problem.clone(), |problem| problem.intent = *relaxation.intent);
            let outcome = planner.plan(&relaxed, &limits(12));
            let feasible = matches!(outcome, PlanOutcome::Feasible(_));
            let (intent, change) = (&problem.intent, relaxation.change);
            ensure!(feasible, "`{intent}`: to {change} is to help, and gives {}", short(&outcome));
        }
    }
    if tried == 0 { skipped("no relaxation was offered") } else { Ok(()) }
}

/// Nothing forbidden is bound: not of what the problem forbids, and not once what was bound first is forbidden.
pub fn plan_6(planner: &dyn Planner, problems: &[PlanningProblem]) -> Verdict {
    for_frontiers(planner, problems, 12, |problem, frontier| {
        let mut problem = problem.clone();
        no_forbidden(&problem, frontier)?;
        let bound = frontier.plans.iter().flat_map(|plan| &plan.bindings).flat_map(|binding| &binding.bound);
        for key in bound.map(|bound| bound.offer.key.clone()).take(4) {
            problem.forbidden.insert(key, "it was used before".into());
            if let PlanOutcome::Feasible(frontier) = planner.plan(&problem, &limits(12)) {
                no_forbidden(&problem, &frontier)?;
            }
        }
        Ok(())
    })
}

fn no_forbidden(problem: &PlanningProblem, frontier: &Frontier) -> Verdict {
    let bindings = frontier.plans.iter().flat_map(|plan| &plan.bindings);
    for (task, bound) in bindings.flat_map(|binding| binding.bound.iter().map(|bound| (&binding.task, bound))) {
        let reason = problem.forbidden.get(&bound.offer.key);
        ensure!(
            reason.is_none(),
            "`{}`: task `{task}` is bound to {}, which is forbidden",
            problem.intent,
            bound.offer.key
        );
    }
    Ok(())
}

fn for_frontiers(
    planner: &dyn Planner,
    problems: &[PlanningProblem],
    plans: usize,
    trial: impl Fn(&PlanningProblem, &Frontier) -> Verdict,
) -> Verdict {
    let mut tried = 0;
    for problem in problems {
        if let PlanOutcome::Feasible(frontier) = planner.plan(problem, &limits(plans)) {
            tried += 1;
            trial(problem, &frontier)?;
        }
    }
    if tried == 0 { skipped("none of the problems was found feasible") } else { Ok(()) }
}

fn limits(plans: usize) -> PlanLimits {
    let mut limits = PlanLimits::default();
    limits.candidates = limits.candidates.min(CANDIDATES);
    limits.plans = plans;
    limits
}

fn short(outcome: &PlanOutcome) -> String {
    match outcome {
        PlanOutcome::Feasible(frontier) => {
            let plans: Vec<String> = frontier.plans.iter().map(|plan| format!("{} ({})", plan, plan.id)).collect();
            format!("{} plans: {}", plans.len(), plans.join("; "))
        }
        PlanOutcome::Infeasible(reasons) => reasons.to_string(),
    }
}

/// Problems of many kinds, from a seed: the first can be met, the second has too little money, the third too little time,
/// and of the fourth everything is forbidden. The others have their limits, filters and prohibitions by chance.
pub fn problems(seed: u64, count: u64) -> Vec<PlanningProblem> {
    let mut dice = Dice::new(seed);
    (0..count).map(|number| problem(&mut dice, number)).collect()
}

fn problem(dice: &mut Dice, number: u64) -> PlanningProblem {
    let offers = offers(dice);
    let mut intent = Intent::fine_tune(asset("base@v1"), asset("corpus")).with_name(format!("problem {number}"));
    let mut forbidden = BTreeMap::new();
    match number {
        0 => {}
        1 => intent = intent.with_budget(cents(1)),
        2 => intent = intent.with_deadline(Span::SECOND),
        3 => forbidden = offers.iter().map(|offer| (offer.key.clone(), "all of it".into())).collect(),
        _ => {
            intent = by_chance(dice, intent);
            let some = offers.iter().filter(|_| dice.below(8) == 0);
            forbidden = some.map(|offer| (offer.key.clone(), "by chance".into())).collect();
        }
    }
    let mut problem = PlanningProblem::new(Timestamp::EPOCH, intent, vec![recipe()], offers);
    problem.forbidden = forbidden;
    problem
}

fn by_chance(dice: &mut Dice, mut intent: Intent) -> Intent {
    if dice.below(2) == 0 {
        intent = intent.with_budget(cents(100 << dice.below(16)));
    }
    if dice.below(2) == 0 {
        intent = intent.with_deadline(Span::from_secs(600 << dice.below(12)));
    }
    if dice.below(3) == 0 {
        intent = intent.with_region_filter(NameFilter { deny: vec![Pattern::new("west-*")], ..NameFilter::default() });
    }
    if dice.below(4) == 0 {
        intent =
            intent.with_provider_filter(NameFilter { allow: vec![Pattern::new("alpha")], ..NameFilter::default() });
    }
    let tokens = [TokenDemand::Any, TokenDemand::All, TokenDemand::AtLeast(Tokens::new(10_000_000))];
    intent = intent.with_tokens(dice.pick(&tokens).copied().unwrap_or_default());
    let objectives = [Objective::Cost, Objective::Duration, Objective::Risk];
    match dice.pick(&objectives) {
        Some(objective) if dice.below(2) == 0 => intent.preferring(Preference::Minimise(*objective)),
        _ => intent.preferring(Preference::Maximise(Objective::Quality)),
    }
}

/// Prepare, train, review: two ways to train.
fn recipe() -> Recipe {
    let variant = |name: &str, flops, bytes, ceiling| Variant {
        name: name.into(),
        training: Some(Training {
            flops_per_parameter_token: flops,
            bytes_per_parameter: bytes,
            utilisation: 0.4,
            checkpoint_bytes_per_parameter: 2.0,
        }),
        quality: QualityPrior { floor: 0.3, ceiling, half: Tokens::new(20_000_000), source: "assumed".into() },
    };
    let cpu = ComputeClaim { cpu: CpuAmount::whole(4), memory: Bytes::from_gb(8), ..ComputeClaim::default() };
    let gpu = ComputeClaim { gpu: GpuAmount::whole(1), ..cpu.clone() };
    let prepare = task(
        "prepare",
        &[],
        vec![ClaimTemplate::Compute(cpu), ClaimTemplate::Data("{data}".into())],
        WorkTemplate::Scan { per_core_second: Bytes::new(50_000_000) },
    );
    let mut train = task(
        "train",
        &["prepare"],
        vec![ClaimTemplate::Compute(gpu), ClaimTemplate::Model("{model}".into())],
        WorkTemplate::Train,
    );
    train.checkpoint = Some(CheckpointTimes { save: Span::from_secs(20), restore: Span::from_secs(60) });
    let half_an_hour = Span::from_secs(1_800);
    let review = TaskTemplate {
        run: Action::Person { request: "look at it".into() },
        ..task(
            "review",
            &["train"],
            vec![ClaimTemplate::Talent { skill: "review".into(), time: half_an_hour }],
            WorkTemplate::People(half_an_hour),
        )
    };
    let variants = vec![variant("full", 6.0, 18.0, 0.9), variant("lora", 4.0, 2.4, 0.85)];
    let recipe = name("conformance", RecipeName::new);
    let mut recipe = Recipe::new(recipe, "fine_tune", variants, vec![prepare, train, review]);
    recipe.needs = vec![Subject::Model, Subject::Data];
    recipe
}

fn task(title: &str, after: &[&str], claims: Vec<ClaimTemplate>, work: WorkTemplate) -> TaskTemplate {
    TaskTemplate {
        name: name(title, TaskName::new),
        after: after.iter().map(|before| name(*before, TaskName::new)).collect(),
        claims,
        work,
        run: Action::Process { program: "true".into(), args: Vec::new(), env: BTreeMap::new() },
        checkpoint: None,
        outputs: Vec::new(),
        retries: 1,
    }
}

/// Two providers in three regions: machines with and without accelerators, of every market, and what the goal is about.
fn offers(dice: &mut Dice) -> Vec<Offer> {
    let mut offers = Vec::new();
    for provider in ["alpha", "beta"] {
        for region in ["east-1", "west-1", "west-2"] {
            let place = Place::new(provider, region).with_zone("a");
            let mut add = |id: &str, resource, price| {
                let offer = name(format!("{region}.{id}"), OfferId::new);
                let key = OfferKey { provider: name(provider, ProviderName::new), offer };
                offers.push(with(Offer::new(key, resource, place.clone(), price), |offer| offer.units = 4));
            };
            add("cpu", machine("cpu", 16, None), Price::per_hour(cents(40 + dice.below(60))));
            let h100 = Some(("h100-80gb", 80, 8));
            add("h100", machine("h100", 96, h100), Price::per_hour(cents(2_000 + dice.below(2_000))));
            add("h100-spot", machine("h100", 96, h100), Price::per_hour(cents(600 + dice.below(600))));
            let a100 = Some(("a100-80gb", 80, 1));
            add("a100", machine("a100", 12, a100), Price::per_hour(cents(150 + dice.below(200))));
            for spot in offers.iter_mut().filter(|offer| offer.key.offer.as_str().ends_with("-spot")) {
                spot.market = Market::Spot;
                spot.hazard = Hazard { reclaims_per_hour: 0.1, notice: Span::from_secs(120) };
            }
        }
    }
    offers.extend(subjects());
    offers
}

fn subjects() -> Vec<Offer> {
    let corpus = |version: &str| {
        let asset = asset(&format!("corpus@{version}"));
        Resource::Data(Replica { asset, size: Bytes::from_gb(1), tokens: None, class: DataClass::Internal })
    };
    let base = Resource::Model(Weights {
        asset: asset("base@v1"),
        size: Bytes::from_gb(3),
        parameters: 1_500_000_000,
        visibility: Visibility::Public,
    });
    let ada = Resource::Talent(Talent {
        who: name("ada", Principal::new),
        skills: ["review".to_owned()].into(),
        free: Span::from_secs(3 * 3_600),
        from: Timestamp::EPOCH,
        agent: false,
    });
    let free = Price::per_gigabyte(cents(0));
    [("corpus.v1", corpus("v1"), free), ("base", base, free), ("ada", ada, Price::per_hour(cents(6_000)))]
        .map(|(id, resource, price)| {
            let key = OfferKey { provider: name("alpha", ProviderName::new), offer: name(id, OfferId::new) };
            Offer::new(key, resource, Place::new("alpha", "east-1"), price)
        })
        .into()
}

fn machine(sku: &str, cpu: u64, accelerator: Option<(&str, u64, u64)>) -> Resource {
    let (kind, gpu) = match accelerator {
        Some((model, gb, count)) => {
            (Some(Accelerator { model: model.into(), memory: Bytes::from_gb(gb) }), GpuAmount::whole(count))
        }
        None => (None, GpuAmount::ZERO),
    };
    let capacity =
        Capacity { cpu: CpuAmount::whole(cpu), memory: Bytes::from_gb(8 * cpu), disk: Bytes::from_gb(1_000), gpu };
    Resource::Compute(Machine { sku: sku.into(), capacity, accelerator: kind, network_gbps: 25.0 })
}

fn asset(text: &str) -> AssetRef {
    name(text, |text| text.parse())
}

const fn cents(cents: u64) -> Money {
    Money::from_micros(cents as i64 * 10_000, Currency::USD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_those_of_their_seed() {
        recipe().check().unwrap();
        assert_eq!(problems(3, 8), problems(3, 8));
        assert!(problems(1, PROBLEMS).iter().all(|problem| problem.intent.check().is_ok()));
        assert!(problems(1, PROBLEMS).iter().flat_map(|problem| &problem.offers).all(|offer| offer.check().is_ok()));
    }
}
