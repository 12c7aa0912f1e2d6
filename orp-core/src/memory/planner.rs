//! A planner that takes the cheapest.

use super::MemoryEstimator;
use crate::contract::{Estimator, Planner};
use crate::id::{PlanId, TaskName};
use crate::noun::{
    Binding, BindingConstraint, Bound, Claim, CostLimit, Digest, Estimate, Estimated, Frontier, Guarantee,
    Infeasibility, Intent, Offer, Plan, PlanLimits, PlanOutcome, PlanningProblem, Quality, Recipe, Rejection,
    Relaxation, Remaining, Replica, Resource, Task, TokenDemand, Variant, Weights,
};
use crate::unit::{Bytes, Currency, Money, MoneyError, Probability, Span, Tokens};
use std::collections::BTreeMap;
use uuid::Builder;

/// Takes the first recipe that serves the goal, its first variant, and for each claim the cheapest offer that admits it: one
/// unit, never one that can be reclaimed. Its estimates are exact by the fixed rates of its [`MemoryEstimator`].
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryPlanner {
    /// How long it believes work to take.
    pub estimator: MemoryEstimator,
}

impl Planner for MemoryPlanner {
    fn plan(&self, problem: &PlanningProblem, _limits: &PlanLimits) -> PlanOutcome {
        let mut rejected = Rejected::default();
        let plan = match self.cheapest(problem, &mut rejected) {
            Ok(plan) => plan,
            Err(reason) => {
                rejected.add(reason);
                return PlanOutcome::Infeasible(Infeasibility::new(Vec::new(), Vec::new(), rejected.list()));
            }
        };
        if plan.violations().is_empty() {
            PlanOutcome::Feasible(Frontier::new(vec![plan], rejected.list(), 1, true))
        } else {
            PlanOutcome::Infeasible(self.relaxed(problem, &plan, rejected))
        }
    }
}

/// Why offers were left out, and how many.
#[derive(Default)]
struct Rejected(BTreeMap<String, u64>);

impl Rejected {
    fn add(&mut self, reason: String) {
        *self.0.entry(reason).or_default() += 1;
    }

    fn list(self) -> Vec<Rejection> {
        self.0.into_iter().map(|(reason, count)| Rejection { reason, count }).collect()
    }
}

/// What a claim comes to on an offer.
struct Choice<'a> {
    offer: &'a Offer,
    cost: Money,
    time: Span,
}

impl MemoryPlanner {
    /// The cheapest plan, whatever it costs and however long it takes; or why a task has none.
    fn cheapest(&self, problem: &PlanningProblem, rejected: &mut Rejected) -> Result<Plan, String> {
        let intent = &problem.intent;
        let (recipe, variant) = recipe_of(problem)?;
        let currency = intent.constraints.cost.map_or(Currency::USD, |cost| cost.max.currency());
        let offers = usable(problem, currency, rejected);
        let subject = Subject::of(intent, &offers);
        let tokens = problem.remaining.as_ref().map_or(subject.tokens, |left| left.plan.tokens);
        let workflow = recipe
            .workflow(intent, variant, tokens, subject.parameters, subject.size)
            .map_err(|error| error.to_string())?;
        let (mut cost, mut end) = match &problem.remaining {
            Some(left) => (left.spent, left.elapsed),
            None => (Money::zero(currency), Span::ZERO),
        };
        let begin = end;
        let mut bindings: Vec<Binding> = Vec::new();
        for task in workflow.tasks() {
            let after = bindings.iter().filter(|earlier| task.after.contains(&earlier.task));
            let start = after.map(end_of).max().unwrap_or(begin);
            let binding = match problem.remaining.as_ref().and_then(|left| settled(left, &task.name, begin)) {
                Some(binding) => binding,
                None => self.bind(problem, task, start, &offers, currency)?,
            };
            cost = cost.checked_add(binding.cost.mean).map_err(text)?;
            end = end.max(end_of(&binding));
            bindings.push(binding);
        }
        let quality = Quality { value: variant.quality.at(tokens), source: variant.quality.source.clone() };
        let estimate = Estimate::new(Estimated::exact(cost), Estimated::exact(end), Probability::ZERO, quality, 0.0);
        let recipe = (recipe.name.clone(), recipe.version.clone());
        Ok(Plan {
            names: ["fastest", "cheapest", "balanced"].map(String::from).into(),
            variant: variant.name.clone(),
            tokens,
            guarantee: Guarantee::None("this planner gives none".into()),
            why: vec!["each claim has the cheapest offer that serves it and cannot be reclaimed".into()],
            made: problem.now,
            ..Plan::new(plan_id(problem), intent.clone(), recipe, workflow, bindings, estimate)
        })
    }

    /// A task with the cheapest offer for each claim.
    fn bind(
        &self,
        problem: &PlanningProblem,
        task: &Task,
        start: Span,
        offers: &[&Offer],
        currency: Currency,
    ) -> Result<Binding, String> {
        let no_offer = |claim: &Claim| format!("task `{}`: nothing on offer serves {claim}", task.name);
        let left = 1.0 - problem.remaining.as_ref().and_then(|left| left.progress.get(&task.name)).unwrap_or(&0.0);
        let mut binding = Binding { start, ..Binding::new(task.name.clone(), Money::zero(currency)) };
        let mut cost = Money::zero(currency);
        let claim_on_machine = task.claims.iter().enumerate().find(|(_, claim)| matches!(claim, Claim::Compute(_)));
        let (machine, mut duration) = match claim_on_machine {
            None => (None, self.estimator.time(&task.work, None, 0)?.mean),
            Some((at, claim)) => {
                let choices = serving(claim, offers).filter_map(|offer| {
                    let time = self.estimator.time(&task.work, offer.machine(), 1).ok()?.mean;
                    Some(Choice { offer, cost: offer.price.for_span(time).ok()?, time })
                });
                let chosen = least(choices).ok_or_else(|| no_offer(claim))?;
                binding.bound.push(Bound { claim: at, offer: chosen.offer.clone(), units: 1 });
                (Some(chosen.offer), chosen.time)
            }
        };
        duration = Span::from_secs_f64(duration.as_secs_f64() * left);
        for (at, claim) in task.claims.iter().enumerate().filter(|(_, claim)| !matches!(claim, Claim::Compute(_))) {
            let choices = serving(claim, offers).filter_map(|offer| serve(problem, claim, offer, machine).ok());
            let chosen = least(choices).ok_or_else(|| no_offer(claim))?;
            cost = cost.checked_add(chosen.cost).map_err(text)?;
            duration = duration.saturating_add(chosen.time);
            if let Resource::Talent(talent) = &chosen.offer.resource {
                binding.start = binding.start.max(talent.from.since(problem.now));
            }
            binding.bound.push(Bound { claim: at, offer: chosen.offer.clone(), units: 1 });
        }
        if let Some(machine) = machine {
            duration = duration.saturating_add(machine.provision);
            cost = machine.price.for_span(duration).and_then(|rent| cost.checked_add(rent)).map_err(text)?;
        }
        binding.bound.sort_by_key(|bound| bound.claim);
        Ok(Binding { duration: Estimated::exact(duration), cost: Estimated::exact(cost), ..binding })
    }

    /// Why a plan that serves every claim will not do, and the limits under which it would.
    fn relaxed(&self, problem: &PlanningProblem, plan: &Plan, rejected: Rejected) -> Infeasibility {
        let mut intent = problem.intent.clone();
        let (mut binding, mut changes) = (Vec::new(), Vec::new());
        if let Some(CostLimit { max, .. }) = &mut intent.constraints.cost
            && plan.reserve > *max
        {
            let (asked, nearest) = (max.to_string(), plan.reserve.to_string());
            changes.push(format!("raise the budget to {nearest}"));
            binding.push(BindingConstraint { constraint: "constraints.cost.max".into(), asked, nearest });
            *max = plan.reserve;
        }
        let duration = plan.estimate.duration.p95;
        if let Some(finish) = &mut intent.constraints.finish
            && duration > finish.within
        {
            let (asked, nearest) = (finish.within.to_string(), duration.to_string());
            changes.push(format!("extend the deadline to {nearest}"));
            binding.push(BindingConstraint { constraint: "constraints.finish.within".into(), asked, nearest });
            finish.within = duration;
        }
        let changed = PlanningProblem { intent, ..problem.clone() };
        let then = self.cheapest(&changed, &mut Rejected::default()).ok().filter(|plan| plan.violations().is_empty());
        let relaxation = then.map(|plan| Relaxation {
            change: changes.join(" and "),
            intent: Box::new(changed.intent),
            gives: plan.to_string(),
        });
        Infeasibility::new(binding, relaxation.into_iter().collect(), rejected.list())
    }
}

/// What the goal is about, in numbers; zero where nothing on offer says.
struct Subject {
    size: Bytes,
    tokens: Tokens,
    parameters: u64,
}

impl Subject {
    fn of(intent: &Intent, offers: &[&Offer]) -> Self {
        let data = intent.goal.data.as_ref().and_then(|asset| {
            offers.iter().find_map(|offer| match &offer.resource {
                Resource::Data(replica) if asset.admits(&replica.asset) => Some((replica.size, replica.token_count())),
                _ => None,
            })
        });
        let parameters = intent.goal.model.as_ref().and_then(|asset| {
            offers.iter().find_map(|offer| match &offer.resource {
                Resource::Model(weights) if asset.admits(&weights.asset) => Some(weights.parameters),
                _ => None,
            })
        });
        let (size, all) = data.unwrap_or_default();
        let tokens = match intent.goal.tokens {
            TokenDemand::Any => all,
            demand => demand.least(all),
        };
        Self { size, tokens, parameters: parameters.unwrap_or(0) }
    }
}

fn recipe_of(problem: &PlanningProblem) -> Result<(&Recipe, &Variant), String> {
    let intent = &problem.intent;
    let plan = problem.remaining.as_ref().map(|left| &left.plan);
    let serves = |recipe: &&Recipe| match plan {
        Some(plan) => recipe.name == plan.recipe.0 && recipe.version == plan.recipe.1,
        None => recipe.goal == intent.goal.kind && recipe.check_intent(intent).is_ok(),
    };
    let no_recipe = || format!("no recipe serves the goal `{}`", intent.goal);
    let recipe = problem.recipes.iter().find(serves).ok_or_else(no_recipe)?;
    let wanted = |variant: &&Variant| plan.is_none_or(|plan| variant.name == plan.variant);
    Ok((recipe, recipe.variants.iter().find(wanted).ok_or_else(no_recipe)?))
}

/// The offers that may be bound at all.
fn usable<'a>(problem: &'a PlanningProblem, currency: Currency, rejected: &mut Rejected) -> Vec<&'a Offer> {
    let constraints = &problem.intent.constraints;
    let mut usable = Vec::new();
    for offer in &problem.offers {
        let (provider, region) = (&offer.key.provider, &offer.place.region);
        let wrong = if let Some(reason) = problem.forbidden.get(&offer.key) {
            format!("forbidden: {reason}")
        } else if let Err(reason) = offer.check() {
            reason
        } else if !constraints.providers.admits(provider.as_str()) {
            format!("provider {provider} is not allowed")
        } else if !constraints.regions.admits(region) {
            format!("region {region} is not allowed")
        } else if offer.market.is_reclaimable() || offer.hazard.reclaims_per_hour > 0.0 {
            "it can be reclaimed".into()
        } else if offer.price.amount.currency() != currency {
            format!("it is not priced in {currency}")
        } else if offer.units == 0 {
            "no unit is left".into()
        } else {
            usable.push(offer);
            continue;
        };
        rejected.add(wrong);
    }
    usable
}

fn serving<'a>(claim: &Claim, offers: &[&'a Offer]) -> impl Iterator<Item = &'a Offer> {
    offers.iter().copied().filter(|offer| claim.admits(offer).is_ok())
}

/// What a claim on anything but a machine comes to; data and models move to the machine, if there is one.
fn serve<'a>(
    problem: &PlanningProblem,
    claim: &Claim,
    offer: &'a Offer,
    machine: Option<&Offer>,
) -> Result<Choice<'a>, MoneyError> {
    let (cost, time) = match (claim, &offer.resource) {
        (Claim::Tool { calls, .. }, _) => (offer.price.for_calls(*calls)?, Span::ZERO),
        (Claim::Talent { time, .. }, _) => (offer.price.for_span(*time)?, Span::ZERO),
        (_, Resource::Data(Replica { size, .. }) | Resource::Model(Weights { size, .. })) => match machine {
            Some(machine) => {
                let route = problem.network.route(&offer.place, &machine.place);
                let card = machine.machine().map_or(0.0, |machine| machine.network_gbps);
                (route.cost(*size)?, route.time(*size, card))
            }
            None => (Money::zero(offer.price.amount.currency()), Span::ZERO),
        },
        _ => (Money::zero(offer.price.amount.currency()), Span::ZERO),
    };
    Ok(Choice { offer, cost, time })
}

fn least<'a>(choices: impl Iterator<Item = Choice<'a>>) -> Option<Choice<'a>> {
    choices.min_by(|a, b| {
        let key = |choice: &Choice<'a>| (choice.cost.micros(), choice.time, &choice.offer.key);
        key(a).cmp(&key(b))
    })
}

/// A task that is not to be planned keeps its binding; what it costs is spent already, and it takes what is left of it.
fn settled(left: &Remaining, task: &TaskName, start: Span) -> Option<Binding> {
    let binding = left.settled.contains(task).then(|| left.plan.binding(task)).flatten()?.clone();
    let nothing = Money::zero(binding.cost.mean.currency());
    let rest = left.running.get(task).copied().unwrap_or(Span::ZERO);
    Some(Binding { start, duration: Estimated::exact(rest), cost: Estimated::exact(nothing), ..binding })
}

fn end_of(binding: &Binding) -> Span {
    binding.start.saturating_add(binding.duration.mean)
}

/// A function of the problem, so that the same problem gives the same plan.
fn plan_id(problem: &PlanningProblem) -> PlanId {
    let digest = Digest::of(format!("{problem:?}").as_bytes());
    let bytes = digest.as_bytes().first_chunk().copied().unwrap_or_default();
    PlanId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
}

fn text(error: MoneyError) -> String {
    error.to_string()
}
