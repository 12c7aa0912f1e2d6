//! The laws every provider keeps, whatever it offers.

use crate::bench::{ensure, skipped};
use crate::{Fault, Report, Verdict};
use orp_core::contract::ResourceProvider;
use orp_core::noun::{Offer, Resource};
use std::collections::BTreeMap;

/// How often offers are asked for and compared.
const ROUNDS: usize = 4;

/// Tries every law of [`ResourceProvider`].
pub async fn provider_suite(provider: &dyn ResourceProvider) -> Report {
    let mut report = Report::default();
    report.law("PROV-1", prov_1(provider)).await;
    report.law("PROV-2", prov_2(provider)).await;
    report.law("PROV-3", prov_3(provider)).await;
    report
}

/// Every offer bears the provider's own name and passes [`Offer::check`].
pub async fn prov_1(provider: &dyn ResourceProvider) -> Verdict {
    for offer in offers(provider).await? {
        let (name, bears) = (provider.name(), &offer.key.provider);
        ensure!(bears == name, "offer `{}` bears the name `{bears}`, the provider is `{name}`", offer.key.offer);
        offer.check().map_err(Fault::Broken)?;
    }
    Ok(())
}

/// An offer's id is unique and names the same thing while it is on offer.
pub async fn prov_2(provider: &dyn ResourceProvider) -> Verdict {
    let mut before: BTreeMap<_, Offer> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let mut now = BTreeMap::new();
        for offer in offers(provider).await? {
            let id = offer.key.offer.clone();
            if let Some(known) = before.get(&id) {
                ensure!(same_thing(known, &offer), "`{id}` named {known}, and then {offer}");
            }
            ensure!(now.insert(id.clone(), offer).is_none(), "two offers have the id `{id}`");
        }
        before = now;
    }
    Ok(())
}

/// Only declared pillars are offered.
pub async fn prov_3(provider: &dyn ResourceProvider) -> Verdict {
    let declared = provider.capabilities().pillars;
    for offer in offers(provider).await? {
        let pillar = offer.resource.pillar();
        ensure!(declared.contains(&pillar), "offer `{}` is of the pillar {pillar}, which is not declared", offer.key);
    }
    Ok(())
}

/// Prices, units and people's free time may move; what is offered, and where and how, may not.
fn same_thing(one: &Offer, other: &Offer) -> bool {
    let resource = match (&one.resource, &other.resource) {
        (Resource::Talent(one), Resource::Talent(other)) => (&one.who, one.agent) == (&other.who, other.agent),
        (one, other) => one == other,
    };
    resource && one.place == other.place && one.market == other.market
}

async fn offers(provider: &dyn ResourceProvider) -> Result<Vec<Offer>, Fault> {
    let offers = provider.offers().await?;
    if offers.is_empty() { skipped("nothing is on offer") } else { Ok(offers) }
}
