//! Looks at what can be had and used: offers of every provider, judged by policy, as a planning problem.

use super::Control;
use super::admit::{OFFER_FACTS, Subjects, offer_facts};
use super::judge::{decided, refuses_route, strictest};
use futures_util::future::join_all;
use orp_core::{
    contract::{PolicyEngineExt, ResourceProvider},
    noun::{
        Clearance, CostLimit, Event, Intent, Obligations, Offer, OfferKey, PlanningProblem, PolicyDecision,
        PolicyPoint, PolicyRequest, Remaining, Resource, Verdict,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// How many different refusals of offers one planning puts on record.
const REFUSALS_MAX: usize = 16;

/// The offers that may not be used.
struct Forbidden {
    /// With the reason.
    offers: BTreeMap<OfferKey, String>,
    /// The fact that policy refused them, with one question for each different answer.
    judged: Option<Event>,
}

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

    /// The planning problem for an intent as things are now: for a run that was cleared, within its clearance. With what
    /// policy refused, when it refused anything.
    pub(crate) async fn problem(
        &self,
        intent: &Intent,
        remaining: Option<Remaining>,
        clearance: Option<&Clearance>,
    ) -> (PlanningProblem, Option<Event>) {
        let look = self.look().await;
        let now = self.clock.now();
        let recipes = self.recipes.iter().filter(|recipe| recipe.goal == intent.goal.kind).cloned().collect();
        let subjects = self.subjects(intent, &look.offers);
        let mut obligations = self.policy.decide(&self.request(PolicyPoint::Intent, intent, &subjects)).obligations;
        if let Some(clearance) = clearance {
            obligations.add(&clearance.obligations);
        }
        let Forbidden { offers: forbidden, judged } =
            self.forbidden(intent, &subjects, &look.offers, &obligations, clearance);
        let mut problem = PlanningProblem::new(now, capped(intent, &obligations), recipes, look.offers);
        problem.network = self.providers.network();
        problem.forbidden = forbidden;
        problem.remaining = remaining;
        (problem, judged)
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
    ) -> Forbidden {
        let known = self.request(PolicyPoint::Place, intent, subjects);
        let narrow = self.policy.narrow(&known, &OFFER_FACTS);
        let refuses = |offer: &Offer, decision: &PolicyDecision| {
            let unapproved = match (decision.verdict, clearance) {
                (Verdict::Permit, _) | (Verdict::NeedsApproval, None) => None,
                (Verdict::NeedsApproval, Some(clearance)) => self.holds_up(decision, clearance, None),
                (Verdict::Forbid, _) => Some(decision.to_string()),
            };
            unapproved
                .or_else(|| refuses_route(&decision.obligations, offer))
                .or_else(|| refuses_route(obligations, offer))
        };
        let machines = offers.iter().filter(|offer| matches!(offer.resource, Resource::Compute(_)));
        let (mut forbidden, mut all) = (BTreeMap::new(), 0);
        let mut refused: Vec<(&Offer, PolicyDecision)> = Vec::new();
        for offer in machines {
            let decision = narrow.decide(&offer_facts(offer));
            all += 1;
            let Some(why) = refuses(offer, &decision) else { continue };
            forbidden.insert(offer.key.clone(), why);
            // The same answer to another offer says nothing new, and there are markets with thousands.
            if refused.len() < REFUSALS_MAX && refused.iter().all(|(_, known)| *known != decision) {
                refused.push((offer, decision));
            }
        }
        let subject = format!("{} of {all} machines on offer", forbidden.len());
        let ask = |(offer, decision)| (self.place_request(intent, subjects, offer), decision);
        let asked: Vec<(PolicyRequest, PolicyDecision)> = refused.into_iter().map(ask).collect();
        let judged = (!asked.is_empty()).then(|| {
            let decision = strictest(asked.iter().map(|(_, decision)| decision.clone()).collect());
            // Also what it allows on conditions that an offer does not meet is refused.
            let decision = match (decision.verdict, forbidden.values().next()) {
                (Verdict::Forbid, _) | (_, None) => decision,
                (_, Some(why)) => super::judge::forbidden(decision, why.clone()),
            };
            decided(PolicyPoint::Place, subject, decision, asked)
        });
        Forbidden { offers: forbidden, judged }
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
