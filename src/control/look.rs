//! Looks at what can be had and used: offers of every provider, judged by policy, as a planning problem.

use super::Control;
use futures_util::future::join_all;
use orp_core::{
    contract::ResourceProvider,
    noun::{Intent, Offer, OfferKey, PlanningProblem, Remaining, Resource},
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

    /// The planning problem for an intent as things are now.
    pub(crate) async fn problem(&self, intent: &Intent, remaining: Option<Remaining>) -> PlanningProblem {
        let look = self.look().await;
        let now = self.clock.now();
        let recipes = self.recipes.iter().filter(|recipe| recipe.goal == intent.goal.kind).cloned().collect();
        let forbidden = self.forbidden(intent, &look.offers);
        let mut problem = PlanningProblem::new(now, intent.clone(), recipes, look.offers);
        problem.network = self.providers.network();
        problem.forbidden = forbidden;
        problem.remaining = remaining;
        problem
    }

    /// The offers policy does not allow for an intent, with the reason.
    fn forbidden(&self, intent: &Intent, offers: &[Offer]) -> BTreeMap<OfferKey, String> {
        let subjects = self.subjects(intent, offers);
        let mut forbidden = BTreeMap::new();
        for offer in offers.iter().filter(|offer| matches!(offer.resource, Resource::Compute(_))) {
            let decision = self.policy.decide(&self.place_request(intent, &subjects, offer));
            if !decision.is_permit() {
                forbidden.insert(offer.key.clone(), decision.to_string());
            }
        }
        forbidden
    }
}
