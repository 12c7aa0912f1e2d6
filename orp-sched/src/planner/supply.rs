//! What can be had: the offers an intent may use, the regions they are in, and the ways between those.

use super::rejected::{Rank, Rejections};
use orp_core::{
    noun::{AssetRef, Claim, Machine, Offer, Pillar, Place, PlanningProblem, Resource},
    unit::{Currency, Money, PriceUnit},
};
use std::{cmp::Ordering, collections::BTreeMap};

/// A region's index in [`Supply::regions`].
pub(super) type Region = u16;
/// The region of a task that leaves nothing anybody would have to move.
pub(super) const NOWHERE: Region = Region::MAX;

/// An offer the intent may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) offer: &'a Offer,
    pub(super) region: Region,
    /// Reclaims to expect of one unit in a second.
    pub(super) hazard: f64,
    /// The amount of its price.
    pub(super) price: f64,
    /// Its machine's index in [`Supply::machines`]; equal machines share one.
    pub(super) machine: usize,
}

impl Entry<'_> {
    /// What holding a unit for a second costs.
    pub(super) fn per_second(&self) -> f64 {
        if self.offer.price.per == PriceUnit::Hour { self.price / 3600.0 } else { 0.0 }
    }

    /// What moving a gigabyte of it costs at the source.
    pub(super) fn per_gigabyte(&self) -> f64 {
        if self.offer.price.per == PriceUnit::Gigabyte { self.price } else { 0.0 }
    }

    /// What a call of it costs.
    pub(super) fn per_call(&self) -> f64 {
        if self.offer.price.per == PriceUnit::Call { self.price } else { 0.0 }
    }

    /// Whether it can be taken back, or is believed to fail.
    pub(super) fn is_reclaimable(&self) -> bool {
        self.hazard > 0.0 || self.offer.market.is_reclaimable()
    }
}

/// A way between two regions.
#[derive(Debug, Clone, Copy)]
struct Way {
    per_gigabyte: f64,
    seconds_per_byte: f64,
}

/// What can be had.
#[derive(Debug)]
pub(super) struct Supply<'a> {
    /// In the order of their keys.
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) regions: Vec<Place>,
    pub(super) machines: Vec<&'a Machine>,
    pub(super) currency: Currency,
    ways: Vec<Option<Way>>,
    newest: BTreeMap<(Pillar, &'a str), &'a AssetRef>,
}

impl<'a> Supply<'a> {
    /// The offers of a problem that its intent may use; `rejected` learns why the others are not among them.
    pub(super) fn of(problem: &'a PlanningProblem, rejected: &mut Rejections) -> Self {
        let currency = currency_of(problem);
        let mut offers: Vec<&Offer> = problem.offers.iter().collect();
        offers.sort_by(|a, b| a.key.cmp(&b.key));
        let mut supply = Self {
            entries: Vec::with_capacity(offers.len()),
            regions: Vec::new(),
            machines: Vec::new(),
            currency,
            ways: Vec::new(),
            newest: BTreeMap::new(),
        };
        let mut last = None;
        for offer in offers {
            let refusal = if last == Some(&offer.key) {
                Some((Rank::Offer, "another offer has the same key".to_owned()))
            } else {
                refusal(problem, offer, currency)
            };
            last = Some(&offer.key);
            match refusal {
                None => supply.take(offer, problem),
                Some((rank, reason)) => rejected.add(rank, reason, &offer.key),
            }
        }
        for binding in problem.remaining.iter().flat_map(|remaining| &remaining.plan.bindings) {
            binding.bound.iter().for_each(|bound| {
                supply.region(&bound.offer.place);
            });
        }
        supply.lay_ways(problem);
        supply
    }

    fn take(&mut self, offer: &'a Offer, problem: &PlanningProblem) {
        let region = self.region(&offer.place);
        let distrusted = problem.remaining.as_ref().and_then(|remaining| remaining.distrusted.get(&offer.key));
        let per_hour = distrusted.copied().unwrap_or(offer.hazard.reclaims_per_hour);
        let machine = offer.machine().map_or(0, |machine| self.machine(machine));
        if let Some((pillar, asset)) = asset_of(offer) {
            let newest = self.newest.entry((pillar, asset.name())).or_insert(asset);
            if natural_order(asset.version().unwrap_or(""), newest.version().unwrap_or("")) == Ordering::Greater {
                *newest = asset;
            }
        }
        self.entries.push(Entry {
            offer,
            region,
            hazard: per_hour / 3600.0,
            price: offer.price.amount.as_f64(),
            machine,
        });
    }

    /// The index of a place's region, which is new from the first place in it on.
    pub(super) fn region(&mut self, place: &Place) -> Region {
        let at = self.regions.iter().position(|known| known.same_region(place)).unwrap_or_else(|| {
            self.regions.push(Place::new(place.site.clone(), place.region.clone()));
            self.regions.len() - 1
        });
        // More regions than an index holds are more than any document may list; they fold into the last one.
        Region::try_from(at).unwrap_or(NOWHERE - 1)
    }

    /// The index of a place's region; nowhere, if nothing is in it.
    pub(super) fn region_of(&self, place: &Place) -> Region {
        let at = self.regions.iter().position(|known| known.same_region(place));
        at.and_then(|at| Region::try_from(at).ok()).unwrap_or(NOWHERE)
    }

    fn machine(&mut self, machine: &'a Machine) -> usize {
        // Offers of one type in many zones are neighbours in no order: search from the newest.
        self.machines.iter().rposition(|known| *known == machine).unwrap_or_else(|| {
            self.machines.push(machine);
            self.machines.len() - 1
        })
    }

    fn lay_ways(&mut self, problem: &PlanningProblem) {
        for from in &self.regions {
            for to in &self.regions {
                let route = problem.network.route(from, to);
                let price = route.price.amount;
                let payable = price.is_zero() || price.currency() == self.currency;
                let good = route.gbps.is_finite() && route.gbps > 0.0 && !price.is_negative();
                let per_gigabyte = if route.price.per == PriceUnit::Gigabyte { price.as_f64() } else { 0.0 };
                self.ways.push(
                    (payable && good).then_some(Way { per_gigabyte, seconds_per_byte: 8.0 / (route.gbps * 1e9) }),
                );
            }
        }
    }

    /// What moving `bytes` costs, and how many seconds it takes on the way itself; nothing when there is no way.
    pub(super) fn moving(&self, bytes: f64, from: Region, to: Region) -> Option<(f64, f64)> {
        if bytes <= 0.0 || from == NOWHERE || to == NOWHERE {
            return Some((0.0, 0.0));
        }
        let way = self.ways.get(usize::from(from) * self.regions.len() + usize::from(to)).copied().flatten()?;
        Some((bytes / 1e9 * way.per_gigabyte, bytes * way.seconds_per_byte))
    }

    /// The registered asset a reference means: the one named, or the newest version.
    pub(super) fn resolve(&self, pillar: Pillar, asset: &AssetRef) -> Option<&'a AssetRef> {
        let of_pillar = || self.entries.iter().filter_map(|entry| asset_of(entry.offer)).filter(|(p, _)| *p == pillar);
        match asset.version() {
            Some(_) => of_pillar().map(|(_, known)| known).find(|known| asset.admits(known)),
            None => self.newest.get(&(pillar, asset.name())).copied(),
        }
    }

    /// The entries that hold an asset or serve a claim of one of the pillars that are not machines.
    pub(super) fn serving(&self, claim: &Claim) -> Vec<usize> {
        let resolved = match claim {
            Claim::Data(asset) => self.resolve(Pillar::Data, asset),
            Claim::Model(asset) => self.resolve(Pillar::Model, asset),
            _ => None,
        };
        let serves = |entry: &Entry<'_>| {
            claim.admits(entry.offer).is_ok()
                && resolved.is_none_or(|asset| asset_of(entry.offer).is_none_or(|(_, known)| known == asset))
        };
        self.entries.iter().enumerate().filter(|(_, entry)| serves(entry)).map(|(at, _)| at).collect()
    }

    /// An amount in the currency of the plans; nothing when it does not fit.
    pub(super) fn money(&self, amount: f64) -> Option<Money> {
        Money::from_f64(amount, self.currency)
    }
}

/// The asset an offer is a copy of.
fn asset_of(offer: &Offer) -> Option<(Pillar, &AssetRef)> {
    match &offer.resource {
        Resource::Data(replica) => Some((Pillar::Data, &replica.asset)),
        Resource::Model(weights) => Some((Pillar::Model, &weights.asset)),
        _ => None,
    }
}

/// Why an intent may not use an offer, whatever for.
fn refusal(problem: &PlanningProblem, offer: &Offer, currency: Currency) -> Option<(Rank, String)> {
    let constraints = &problem.intent.constraints;
    let price = offer.price.amount;
    if let Err(detail) = offer.check() {
        // The detail names the offer; without its name the reasons group.
        let key = format!("offer `{}` has", offer.key);
        return Some((Rank::Offer, format!("the offer has{}", detail.strip_prefix(&key).unwrap_or(": wrong figures"))));
    }
    if !constraints.regions.admits(&offer.place.region) {
        return Some((Rank::Policy, format!("the region is not allowed: {}", constraints.regions)));
    }
    if !constraints.providers.admits(offer.key.provider.as_str()) {
        return Some((Rank::Policy, format!("the provider is not allowed: {}", constraints.providers)));
    }
    if let Some(reason) = problem.forbidden.get(&offer.key) {
        return Some((Rank::Policy, format!("forbidden by {reason}")));
    }
    let distrusted = problem.remaining.as_ref().and_then(|remaining| remaining.distrusted.get(&offer.key));
    if distrusted.is_some_and(|hazard| !hazard.is_finite() || *hazard < 0.0) {
        return Some((Rank::Offer, "just reclaimed or failed".into()));
    }
    if !price.is_zero() && price.currency() != currency {
        return Some((Rank::Offer, format!("priced in {}, the plan is in {currency}", price.currency())));
    }
    (offer.units == 0).then(|| (Rank::Offer, "no unit is left".into()))
}

/// The currency of the plans: the budget's, else that of what was spent, else the one most offers are priced in.
fn currency_of(problem: &PlanningProblem) -> Currency {
    if let Some(cost) = &problem.intent.constraints.cost {
        return cost.max.currency();
    }
    if let Some(remaining) = &problem.remaining {
        return remaining.spent.currency();
    }
    let mut counts: BTreeMap<Currency, usize> = BTreeMap::new();
    for offer in problem.offers.iter().filter(|offer| !offer.price.amount.is_zero()) {
        *counts.entry(offer.price.amount.currency()).or_default() += 1;
    }
    let most = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
    most.map_or(Currency::USD, |(currency, _)| currency)
}

/// The order of versions: runs of digits by their number, all else letter by letter, so that `v10` comes after `v9`.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (in_a, in_b) = (digits(a), digits(b));
        let order = if in_a > 0 && in_b > 0 {
            let number = |text: &str, len: usize| text[..len].trim_start_matches('0').to_owned();
            let (left, right) = (number(a, in_a), number(b, in_b));
            (a, b) = (&a[in_a..], &b[in_b..]);
            left.len().cmp(&right.len()).then(left.cmp(&right))
        } else {
            let (mut left, mut right) = (a.chars(), b.chars());
            match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (x, y) => {
                    (a, b) = (left.as_str(), right.as_str());
                    x.cmp(&y)
                }
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_a_natural_order() {
        for (a, b) in [("v1", "v2"), ("v9", "v10"), ("", "1"), ("1.9.3", "1.10"), ("a", "b"), ("v1", "v1b")] {
            assert_eq!(natural_order(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(natural_order(b, a), Ordering::Greater, "{a} {b}");
        }
        assert_eq!(natural_order("v01", "v1"), Ordering::Equal);
    }
}
