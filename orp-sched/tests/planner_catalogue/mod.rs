//! A small market for the planner's tests and benchmark: prices and hazards like those of public clouds, made up.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(missing_docs, clippy::unwrap_used, clippy::type_complexity, reason = "helpers of tests")]

use orp_core::prelude::*;
use orp_sched::planner::builtin_recipes;
use std::collections::BTreeSet;

pub(crate) fn now() -> Timestamp {
    "2026-11-01T08:00:00Z".parse().unwrap()
}

pub(crate) fn usd(text: &str) -> Money {
    format!("{text} USD").parse().unwrap()
}

pub(crate) fn key(provider: &str, id: &str) -> OfferKey {
    OfferKey { provider: provider.parse().unwrap(), offer: id.parse().unwrap() }
}

/// `site/region/zone`.
pub(crate) fn place(text: &str) -> Place {
    let parts: Vec<&str> = text.split('/').collect();
    let place = Place::new(parts[0], parts[1]);
    if let Some(zone) = parts.get(2) { place.with_zone(*zone) } else { place }
}

pub(crate) fn machine(sku: &str, cpu: u64, memory_gb: u64, gpus: Option<(&str, u64, u64)>, gbps: f64) -> Machine {
    Machine {
        sku: sku.into(),
        capacity: Capacity {
            cpu: CpuAmount::whole(cpu),
            memory: Bytes::from_gb(memory_gb),
            gpu: GpuAmount::whole(gpus.map_or(0, |(_, count, _)| count)),
            ..Capacity::ZERO
        },
        accelerator: gpus.map(|(model, _, gb)| Accelerator { model: model.into(), memory: Bytes::from_gb(gb) }),
        network_gbps: gbps,
    }
}

/// A machine on offer; reclaimed so many times an hour makes it spot.
pub(crate) fn compute(id: &str, at: &str, machine: Machine, per_hour: &str, reclaims: f64, units: u32) -> Offer {
    let price = Price::per_hour(usd(per_hour));
    let mut offer = Offer::new(key("market", id), Resource::Compute(machine), place(at), price);
    if reclaims > 0.0 {
        offer.market = Market::Spot;
        offer.hazard = Hazard { reclaims_per_hour: reclaims, notice: "2m".parse().unwrap() };
    }
    offer.units = units;
    offer.provision = if reclaims > 0.0 { "3m".parse().unwrap() } else { "2m".parse().unwrap() };
    offer
}

pub(crate) fn replica(asset: &str, at: &str, size: &str) -> Offer {
    let resource = Resource::Data(Replica {
        asset: asset.parse().unwrap(),
        size: size.parse().unwrap(),
        tokens: None,
        class: DataClass::Internal,
    });
    let id = format!("{}-{}", asset.replace('@', "-"), at.replace('/', "-"));
    Offer::new(key("lake", &id), resource, place(at), Price::per_gigabyte(usd("0")))
}

pub(crate) fn weights(asset: &str, at: &str, size: &str, parameters: u64) -> Offer {
    let resource = Resource::Model(Weights {
        asset: asset.parse().unwrap(),
        size: size.parse().unwrap(),
        parameters,
        visibility: Visibility::Public,
    });
    let id = format!("{}-{}", asset.replace('@', "-"), at.replace('/', "-"));
    Offer::new(key("hub", &id), resource, place(at), Price::per_gigabyte(usd("0")))
}

pub(crate) fn person(name: &str, skill: &str, per_hour: &str, free: &str, from: Timestamp) -> Offer {
    let resource = Resource::Talent(Talent {
        who: name.parse().unwrap(),
        skills: BTreeSet::from([skill.to_owned()]),
        free: free.parse().unwrap(),
        from,
        agent: false,
    });
    Offer::new(key("people", name), resource, place("local/here"), Price::per_hour(usd(per_hour)))
}

pub(crate) fn desk() -> Offer {
    let resource = Resource::Compute(machine("desk", 2, 24, None, 1.0));
    let mut offer = Offer::new(key("local", "desk"), resource, place("local/here"), Price::per_hour(usd("0")));
    offer.market = Market::Owned;
    offer
}

/// Fifteen machines in five regions, and the reference's data and weights in one of them.
pub(crate) fn reference_offers() -> Vec<Offer> {
    let h100 = |sku: &str| machine(sku, 192, 2048, Some(("h100-80gb", 8, 80)), 3200.0);
    let a100 = |sku: &str| machine(sku, 96, 1152, Some(("a100-80gb", 8, 80)), 400.0);
    let cpu = |sku: &str| machine(sku, 16, 64, None, 12.5);
    vec![
        compute("p5-east", "aws/us-east-1/a", h100("p5.48xlarge"), "98.32", 0.0, 4),
        compute("p5-east-spot", "aws/us-east-1/b", h100("p5.48xlarge"), "38.50", 0.05, 8),
        compute("p5-west", "aws/us-west-2/a", h100("p5.48xlarge"), "55.04", 0.0, 4),
        compute("p5-west-spot-a", "aws/us-west-2/a", h100("p5.48xlarge"), "31.10", 0.02, 8),
        compute("p5-west-spot-b", "aws/us-west-2/b", h100("p5.48xlarge"), "29.72", 0.03, 8),
        compute("a3-central", "gcp/us-central1/a", h100("a3-highgpu-8g"), "88.49", 0.0, 4),
        compute("a3-central-spot", "gcp/us-central1/a", h100("a3-highgpu-8g"), "36.30", 0.06, 8),
        compute("p4de-east", "aws/us-east-1/a", a100("p4de.24xlarge"), "27.45", 0.0, 4),
        compute("p4de-west-spot", "aws/us-west-2/b", a100("p4de.24xlarge"), "11.20", 0.04, 8),
        compute("p5-north-spot", "aws/cn-north-1/a", h100("p5.48xlarge"), "18.00", 0.01, 8),
        compute("m7i-east", "aws/us-east-1/a", cpu("m7i.4xlarge"), "0.8064", 0.0, 16),
        compute("m7i-east-spot", "aws/us-east-1/b", cpu("m7i.4xlarge"), "0.3871", 0.01, 16),
        compute("m7i-west", "aws/us-west-2/a", cpu("m7i.4xlarge"), "0.8064", 0.0, 16),
        compute("n2-central", "gcp/us-central1/a", cpu("n2-standard-16"), "0.7769", 0.0, 16),
        desk(),
        replica("corpus@v3", "aws/us-east-1", "100 GB"),
        weights("llama-3-70b@v1", "aws/us-east-1", "140 GB", 70_000_000_000),
    ]
}

pub(crate) fn network() -> Network {
    let mut network = Network::default();
    let mut way = |from: &str, to: &str, price: &str, gbps: f64| {
        let route = Route { price: Price::per_gigabyte(usd(price)), gbps };
        network.add(Pattern::new(from), Pattern::new(to), route).unwrap();
    };
    way("aws:*", "*", "0.09", 5.0);
    way("aws:*", "aws:*", "0.02", 5.0);
    way("gcp:*", "*", "0.08", 6.0);
    way("local:*", "*", "0", 1.0);
    network
}

/// Fine-tune 70 G parameters on 100 GB for 500 USD within 12 hours, outside of China.
pub(crate) fn reference_intent() -> Intent {
    Intent::fine_tune("llama-3-70b@v1".parse().unwrap(), "corpus@v3".parse().unwrap())
        .with_metric("accuracy", "benchmark-2026")
        .with_budget(usd("500"))
        .with_deadline("12h".parse().unwrap())
        .with_region_filter(NameFilter { deny: vec![Pattern::new("cn-*")], ..NameFilter::default() })
}

pub(crate) fn problem(intent: Intent, offers: Vec<Offer>) -> PlanningProblem {
    let mut problem = PlanningProblem::new(now(), intent, builtin_recipes(), offers);
    problem.network = network();
    problem
}

/// The reference over a market of so many machines: regions, zones and kinds multiplied.
pub(crate) fn wide_offers(count: usize) -> Vec<Offer> {
    let mut offers = vec![
        desk(),
        replica("corpus@v3", "aws/region-0", "100 GB"),
        weights("llama-3-70b@v1", "aws/region-0", "140 GB", 70_000_000_000),
    ];
    let kinds: [(&str, u64, u64, Option<(&str, u64, u64)>, f64, f64); 8] = [
        ("p5.48xlarge", 192, 2048, Some(("h100-80gb", 8, 80)), 3200.0, 55.0),
        ("p5en.48xlarge", 192, 2048, Some(("h200-141gb", 8, 141)), 3200.0, 63.3),
        ("p4de.24xlarge", 96, 1152, Some(("a100-80gb", 8, 80)), 400.0, 27.4),
        ("a2-ultragpu-1g", 12, 170, Some(("a100-80gb", 1, 80)), 24.0, 5.1),
        ("g6.48xlarge", 192, 768, Some(("l4-24gb", 8, 24)), 100.0, 13.4),
        ("m7i.4xlarge", 16, 64, None, 6.25, 0.8064),
        ("m7i.16xlarge", 64, 256, None, 25.0, 3.2256),
        ("c7i.2xlarge", 8, 16, None, 3.1, 0.357),
    ];
    let mut at = 0_usize;
    while offers.len() < count {
        let (sku, cpu, memory, gpus, gbps, price) = kinds[at % kinds.len()];
        let (region, zone, spot) = ((at / 8) % 12, (at / 96) % 3, (at / 288) % 2 == 1);
        // A little different everywhere, as markets are.
        let drift = 1.0 + ((at * 37) % 23) as f64 / 100.0;
        let price = format!("{:.4}", price * drift * if spot { 0.42 } else { 1.0 });
        let hazard = if spot { 0.01 + ((at * 13) % 7) as f64 / 100.0 } else { 0.0 };
        let place = format!("{}/region-{region}/{zone}", if region < 6 { "aws" } else { "gcp" });
        offers.push(compute(&format!("m{at}"), &place, machine(sku, cpu, memory, gpus, gbps), &price, hazard, 8));
        at += 1;
    }
    offers
}
