//! Offers: what a provider can give now, of each of the five pillars.

use super::{AssetRef, DataClass, Labels, Pillar, Visibility};
use crate::id::{OfferId, Principal, ProviderName};
use crate::unit::{Amount, AmountError, Bytes, CpuAmount, GpuAmount, Price, Span, Timestamp, Tokens};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// How capacity is sold, and so whether it can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Market {
    /// The organisation's own: paid for already.
    Owned,
    /// Reserved for a term: paid for already.
    Reserved,
    /// Paid by use, kept until released.
    OnDemand,
    /// Cheap, and reclaimed by the provider after a short notice.
    Spot,
}

impl Market {
    /// Whether the provider may take it back.
    pub const fn is_reclaimable(self) -> bool {
        matches!(self, Self::Spot)
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Owned => "owned",
            Self::Reserved => "reserved",
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
        })
    }
}

/// Where something is: a site (a cloud, or `local`), a region in it, and a zone in that. Prints as `aws/us-east-1/us-east-1a`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The cloud, data centre or house.
    pub site: String,
    /// The region; prices of transfers go by it.
    pub region: String,
    /// The zone: what fails and is reclaimed together.
    pub zone: Option<String>,
}

impl Place {
    /// A region of a site.
    pub fn new(site: impl Into<String>, region: impl Into<String>) -> Self {
        Self { site: site.into(), region: region.into(), zone: None }
    }

    /// The same region, in this zone.
    pub fn with_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// `site:region`, as network tables name it.
    pub fn region_key(&self) -> String {
        format!("{}:{}", self.site, self.region)
    }

    /// Whether nothing has to cross between regions.
    pub fn same_region(&self, other: &Self) -> bool {
        self.site == other.site && self.region == other.region
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.as_ref().map(|zone| format!("/{zone}")).unwrap_or_default();
        f.pad(&format!("{}/{}{zone}", self.site, self.region))
    }
}

/// Amounts of what a machine has; of a claim, at least these. Adds and compares member by member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    /// Processor cores.
    pub cpu: CpuAmount,
    /// Main memory.
    pub memory: Bytes,
    /// Local disk.
    pub disk: Bytes,
    /// Accelerators.
    pub gpu: GpuAmount,
}

impl Capacity {
    /// Nothing of anything.
    pub const ZERO: Self = Self { cpu: CpuAmount::ZERO, memory: Bytes::ZERO, disk: Bytes::ZERO, gpu: GpuAmount::ZERO };

    /// Whether every member of `self` is at most that of `other`.
    pub fn fits_in(&self, other: &Self) -> bool {
        self.cpu <= other.cpu && self.memory <= other.memory && self.disk <= other.disk && self.gpu <= other.gpu
    }

    /// The sum, if every member fits.
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        Some(Self {
            cpu: self.cpu.checked_add(other.cpu)?,
            memory: self.memory.checked_add(other.memory)?,
            disk: self.disk.checked_add(other.disk)?,
            gpu: self.gpu.checked_add(other.gpu)?,
        })
    }

    /// The difference, if no member falls below zero.
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        other.fits_in(self).then(|| Self {
            cpu: CpuAmount::from_milli(self.cpu.milli() - other.cpu.milli()),
            memory: self.memory.saturating_sub(other.memory),
            disk: self.disk.saturating_sub(other.disk),
            gpu: GpuAmount::from_milli(self.gpu.milli() - other.gpu.milli()),
        })
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![format!("{} cpu", self.cpu), self.memory.to_string()];
        if self.disk > Bytes::ZERO {
            parts.push(format!("{} disk", self.disk));
        }
        if !self.gpu.is_zero() {
            parts.push(format!("{} gpu", self.gpu));
        }
        f.pad(&parts.join(", "))
    }
}

/// A kind of accelerator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Accelerator {
    /// Model with memory, lower case: `h100-80gb`.
    pub model: String,
    /// Memory of one.
    pub memory: Bytes,
}

/// One machine or instance of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The provider's name for the type: `p5.48xlarge`.
    pub sku: String,
    /// What one unit has.
    pub capacity: Capacity,
    /// The kind of its accelerators, if it has any.
    pub accelerator: Option<Accelerator>,
    /// The bandwidth of its network card, Gbit/s.
    pub network_gbps: f64,
}

/// A copy of a data set in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Which data set, with its version.
    pub asset: AssetRef,
    /// Its size.
    pub size: Bytes,
    /// How many tokens it is; when not known, four bytes count as one.
    pub tokens: Option<Tokens>,
    /// How sensitive it is.
    pub class: DataClass,
}

impl Replica {
    /// The tokens it holds: as declared, else one for each four bytes of text.
    pub fn token_count(&self) -> Tokens {
        self.tokens.unwrap_or(Tokens::new(self.size.get() / 4))
    }
}

/// A copy of a model's weights in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Which model, with its version.
    pub asset: AssetRef,
    /// The size of the weights.
    pub size: Bytes,
    /// The number of parameters.
    pub parameters: u64,
    /// Who may get at what is made of it.
    pub visibility: Visibility,
}

/// A tool that can be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Which tool, with its version.
    pub tool: AssetRef,
    /// Calls per second it takes.
    pub calls_per_second: f64,
}

/// A person or agent with skills and free time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talent {
    /// Who.
    pub who: Principal,
    /// What they can do: `annotate:medical`, `review`.
    pub skills: BTreeSet<String>,
    /// Time they have free from `from` on.
    pub free: Span,
    /// When they can begin.
    pub from: Timestamp,
    /// Whether it is an agent: agents may propose, never approve.
    pub agent: bool,
}

/// What is on offer, by pillar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Machines.
    Compute(Machine),
    /// A data replica.
    Data(Replica),
    /// A copy of weights.
    Model(Weights),
    /// A tool endpoint.
    Tool(Endpoint),
    /// A person or agent.
    Talent(Talent),
}

impl Resource {
    /// The pillar it belongs to.
    pub const fn pillar(&self) -> Pillar {
        match self {
            Self::Compute(_) => Pillar::Compute,
            Self::Data(_) => Pillar::Data,
            Self::Model(_) => Pillar::Model,
            Self::Tool(_) => Pillar::Tool,
            Self::Talent(_) => Pillar::Talent,
        }
    }
}

/// How likely capacity is taken back, and with what warning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hazard {
    /// Expected reclaims for each hour held.
    pub reclaims_per_hour: f64,
    /// The warning before a reclaim.
    pub notice: Span,
}

impl Hazard {
    /// Never taken back.
    pub const NONE: Self = Self { reclaims_per_hour: 0.0, notice: Span::ZERO };
}

/// An offer's provider and id together: unique over all providers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OfferKey {
    /// The provider.
    pub provider: ProviderName,
    /// The offer within it.
    pub offer: OfferId,
}

impl fmt::Display for OfferKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.offer)
    }
}

/// What a provider can give now: a resource, where, at what price, how it is sold, and how likely it is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Offer {
    /// Provider and id.
    pub key: OfferKey,
    /// What is on offer.
    pub resource: Resource,
    /// Where it is.
    pub place: Place,
    /// How it is sold.
    pub market: Market,
    /// What one unit costs.
    pub price: Price,
    /// How likely one unit is taken back.
    pub hazard: Hazard,
    /// How many units can be had now.
    pub units: u32,
    /// Time from asking to having it.
    pub provision: Span,
    /// Further facts.
    pub labels: Labels,
}

impl Offer {
    /// One unit, on demand, at once, never taken back; change the fields that differ.
    pub fn new(key: OfferKey, resource: Resource, place: Place, price: Price) -> Self {
        Self {
            key,
            resource,
            place,
            market: Market::OnDemand,
            price,
            hazard: Hazard::NONE,
            units: 1,
            provision: Span::ZERO,
            labels: Labels::new(),
        }
    }

    /// The machine, when it is one.
    pub const fn machine(&self) -> Option<&Machine> {
        match &self.resource {
            Resource::Compute(machine) => Some(machine),
            _ => None,
        }
    }

    /// How much accelerator time so many units of it are in a span, rounded up; nothing where it has no accelerators.
    pub fn gpu_time(&self, units: u32, time: Span) -> Result<Amount, AmountError> {
        let each = self.machine().map_or(GpuAmount::ZERO, |machine| machine.capacity.gpu);
        let all = each.milli().checked_mul(units.into()).ok_or(AmountError::Overflow)?;
        Amount::gpu_time(GpuAmount::from_milli(all), time)
    }

    /// What keeps the offer from being used at all: a negative or nonsensical price, hazard or rate.
    ///
    /// Providers' offers are checked with it where they come in; one that fails is left out and reported.
    pub fn check(&self) -> Result<(), String> {
        if self.price.amount.is_negative() {
            return Err(format!("offer `{}` has the negative price {}", self.key, self.price));
        }
        let hazard = self.hazard.reclaims_per_hour;
        if !hazard.is_finite() || hazard < 0.0 {
            return Err(format!(
                "offer `{}` has the reclaim hazard {hazard}, expected a finite number from 0",
                self.key
            ));
        }
        let rate = match &self.resource {
            Resource::Compute(machine) => machine.network_gbps,
            Resource::Tool(endpoint) => endpoint.calls_per_second,
            _ => return Ok(()),
        };
        if !rate.is_finite() || rate < 0.0 {
            return Err(format!("offer `{}` has the rate {rate}, expected a finite number from 0", self.key));
        }
        Ok(())
    }

    /// What it is, in a few words: `p5.48xlarge (8× h100-80gb)`.
    pub fn title(&self) -> String {
        match &self.resource {
            Resource::Compute(machine) => match &machine.accelerator {
                Some(accelerator) => format!("{} ({}× {})", machine.sku, machine.capacity.gpu, accelerator.model),
                None => format!("{} ({} cpu)", machine.sku, machine.capacity.cpu),
            },
            Resource::Data(replica) => format!("{} ({})", replica.asset, replica.size),
            Resource::Model(weights) => format!("{} ({})", weights.asset, weights.size),
            Resource::Tool(endpoint) => endpoint.tool.to_string(),
            Resource::Talent(talent) => format!("{} ({})", talent.who, if talent.agent { "agent" } else { "person" }),
        }
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} in {} at {}", self.market, self.title(), self.place, self.price)
    }
}
