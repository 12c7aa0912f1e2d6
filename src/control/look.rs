//! Looks at what can be had and used: offers of every provider, judged by policy, as a planning problem.

use super::Control;
use super::admit::{OFFER_FACTS, Subjects, offer_facts};
use super::judge::refuses_route;
use futures_util::future::join_all;
use orp_core::{
    contract::{PolicyEngineExt, ResourceProvider},
    noun::{
        Clearance, CostLimit, Intent, Obligations, Offer, OfferKey, PlanningProblem, PolicyPoint, Remaining, Resource,
        Verdict,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub(crate) offers: Vec<Offer>,
    /// What could not be seen or was left out, for people.
    pub(crate) notes: Vec<String>,
}

impl Control {
    /// Asks every provider at once; one that is too slow or fails is left out, and noted.
    pub(crate) async fn look(&self) -> Look {
        let limit = self.settings.offers_timeout.as_std();
        let ask = |provider: Arc<dyn ResourceProvider>| async move {
            let name = provider.name().clone();
            match tokio::time::timeout(limit, provider.offers()).await {
                Ok(Ok(offers)) => Ok(offers),
                Ok(Err(error)) => Err(format!("provider `{name}`: {error}")),
                Err(_) => Err(format!("provider `{name}` did not answer within {}", self.settings.offers_timeout)),
            }
        };
        let mut look = Look::default();
        for answer in join_all(self.providers.all.values().cloned().map(ask)).await {
            match answer {
                Err(note) => look.notes.push(note),
                Ok(offers) => {
                    for offer in offers {
                        match offer.check() {
                            Ok(()) => look.offers.push(offer),
                            Err(note) => look.notes.push(note),
                        }
                    }
                }
            }
        }
        for note in &look.notes {
            tracing::warn!(%note, "an offer or provider is left out");
        }
        self.pool.update_nodes(&look.offers);
        look
    }

    /// The planning problem for an intent as things are now: for a run that was cleared, within its clearance.
    pub(crate) async fn problem(
        &self,
        intent: &Intent,
        remaining: Option<Remaining>,
        clearance: Option<&Clearance>,
    ) -> PlanningProblem {
        let look = self.look().await;
        let now = self.clock.now();
        let recipes = self.recipes.iter().filter(|recipe| recipe.goal == intent.goal.kind).cloned().collect();
        let subjects = self.subjects(intent, &look.offers);
        let mut obligations = self.policy.decide(&self.request(PolicyPoint::Intent, intent, &subjects)).obligations;
        if let Some(clearance) = clearance {
            obligations.add(&clearance.obligations);
        }
        let forbidden = self.forbidden(intent, &subjects, &look.offers, &obligations, clearance);
        let mut problem = PlanningProblem::new(now, capped(intent, &obligations), recipes, look.offers);
        problem.network = self.providers.network();
        problem.forbidden = forbidden;
        problem.remaining = remaining;
        problem
    }

    /// The offers that an intent may not use, with the reason. What only needs approval may be planned with, and is asked for
    /// when the run is to start; a run that has started asks for no more.
    fn forbidden(
        &self,
        intent: &Intent,
        subjects: &Subjects,
        offers: &[Offer],
        obligations: &Obligations,
        clearance: Option<&Clearance>,
    ) -> BTreeMap<OfferKey, String> {
        let known = self.request(PolicyPoint::Place, intent, subjects);
        let narrow = self.policy.narrow(&known, &OFFER_FACTS);
        let refuses = |offer: &Offer| {
            let decision = narrow.decide(&offer_facts(offer));
            let unapproved = match (decision.verdict, clearance) {
                (Verdict::Permit, _) | (Verdict::NeedsApproval, None) => None,
                (Verdict::NeedsApproval, Some(clearance)) => self.holds_up(&decision, clearance, None),
                (Verdict::Forbid, _) => Some(decision.to_string()),
            };
            unapproved
                .or_else(|| refuses_route(&decision.obligations, offer))
                .or_else(|| refuses_route(obligations, offer))
        };
        let machines = offers.iter().filter(|offer| matches!(offer.resource, Resource::Compute(_)));
        machines.filter_map(|offer| Some((offer.key.clone(), refuses(offer)?))).collect()
    }
}

/// The intent with no more to spend than policy caps it at.
fn capped(intent: &Intent, obligations: &Obligations) -> Intent {
    let mut intent = intent.clone();
    let limit = &mut intent.constraints.cost;
    let own = limit.as_ref().map(|limit| limit.max);
    let cap = match own {
        Some(own) => obligations.cost_max.get(&own.currency()).filter(|cap| **cap < own),
        None => obligations.cost_max.values().next(),
    };
    match (limit.as_mut(), cap) {
        (Some(limit), Some(cap)) => limit.max = *cap,
        (None, Some(cap)) => *limit = Some(CostLimit::new(*cap)),
        (_, None) => {}
    }
    intent
}
