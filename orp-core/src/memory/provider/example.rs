//! The example provider: something of every pillar.

use super::MemoryProvider;
use crate::id::{OfferId, Principal, ProviderName};
use crate::memory::literal;
use crate::noun::{
    Accelerator, AssetRef, Capacity, DataClass, Endpoint, Machine, Market, Offer, OfferKey, Place, Replica, Resource,
    Talent, Visibility, Weights,
};
use crate::unit::{Bytes, CpuAmount, Currency, GpuAmount, Money, Price, Span, Timestamp};

impl MemoryProvider {
    /// A provider named `memory` with machines (`cpu` and `gpu`, four units each, and `gpu-spot`), the data set
    /// `corpus@v1`, the model `base@v1`, the tool `echo@v1`, the person `ada` and the agent `bot`.
    pub fn example() -> Self {
        let name = literal("memory", ProviderName::new);
        let [machine, gpu, spot] = example_machines(&name);
        let mut provider = Self::new(name).with_offer(machine).with_offer(gpu).with_offer(spot);
        for offer in example_things(&provider.name) {
            provider = provider.with_offer(offer);
        }
        provider.with_tool(asset("echo@v1"), serde_json::json!({"type": "object"}), |input| Ok(input.clone()))
    }
}

fn example_machines(provider: &ProviderName) -> [Offer; 3] {
    let capacity = |cpu, gpu| Capacity {
        cpu: CpuAmount::whole(cpu),
        memory: Bytes::from_gb(cpu * 4),
        disk: Bytes::from_gb(500),
        gpu: GpuAmount::whole(gpu),
    };
    let accelerator = Accelerator { model: "h100-80gb".into(), memory: Bytes::from_gb(80) };
    let machine = |sku: &str, capacity, accelerator| {
        Resource::Compute(Machine { sku: sku.into(), capacity, accelerator, network_gbps: 10.0 })
    };
    let hourly = |cents: i64| Price::per_hour(Money::from_micros(cents * 10_000, Currency::USD));
    let offer = |id, resource, price| example_offer(provider, id, resource, price);
    let gpu = machine("gpu.8", capacity(64, 8), Some(accelerator));
    [
        Offer { units: 4, ..offer("cpu", machine("cpu.16", capacity(16, 0), None), hourly(80)) },
        Offer { units: 4, ..offer("gpu", gpu.clone(), hourly(2_400)) },
        Offer { market: Market::Spot, units: 4, ..offer("gpu-spot", gpu, hourly(900)) },
    ]
}

fn example_things(provider: &ProviderName) -> [Offer; 5] {
    let free = |per: fn(Money) -> Price| per(Money::zero(Currency::USD));
    let offer = |id, resource, price| example_offer(provider, id, resource, price);
    let talent = |who: &str, skill: &str, agent| {
        Resource::Talent(Talent {
            who: literal(who, Principal::new),
            skills: [skill.into()].into(),
            free: Span::from_secs(8 * 3_600),
            from: Timestamp::EPOCH,
            agent,
        })
    };
    let corpus =
        Replica { asset: asset("corpus@v1"), size: Bytes::new(4_096), tokens: None, class: DataClass::Internal };
    let base = Weights {
        asset: asset("base@v1"),
        size: Bytes::from_gb(14),
        parameters: 7_000_000_000,
        visibility: Visibility::Public,
    };
    let echo = Endpoint { tool: asset("echo@v1"), calls_per_second: 10.0 };
    let cent = Money::from_micros(10_000, Currency::USD);
    [
        offer("corpus", Resource::Data(corpus), free(Price::per_gigabyte)),
        offer("base", Resource::Model(base), free(Price::per_gigabyte)),
        offer("echo", Resource::Tool(echo), Price::per_call(cent)),
        offer("ada", talent("ada", "review", false), Price::per_hour(Money::from_micros(60_000_000, Currency::USD))),
        offer("bot", talent("bot", "annotate", true), Price::per_hour(cent)),
    ]
}

fn example_offer(provider: &ProviderName, id: &str, resource: Resource, price: Price) -> Offer {
    let key = OfferKey { provider: provider.clone(), offer: literal(id, OfferId::new) };
    Offer::new(key, resource, Place::new("memory", "here"), price)
}

fn asset(text: &str) -> AssetRef {
    literal(text, |text| text.parse())
}
