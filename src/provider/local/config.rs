//! What this machine is set up with as a provider.

use super::machine::this_machine;
use crate::process::Supervisor;
use crate::time::{RandomIds, WallClock};
use orp_core::contract::{Clock, IdSource};
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdError, OfferId, ProviderName};
use orp_core::noun::{Accelerator, Capacity, Machine, Market, Offer, OfferKey, Place, Resource};
use orp_core::unit::{Currency, GpuAmount, Money, Price};
use std::path::PathBuf;
use std::sync::Arc;

/// The one offer: the machine.
const OFFER: &str = "machine";
/// The bandwidth of the network card when nobody says, Gbit/s: what most machines have at least.
const NETWORK_GBPS: f64 = 1.0;

/// What a [`LocalProvider`](super::LocalProvider) is set up with. Every part has a default but the folder and the
/// supervisor.
///
/// | part | default |
/// | --- | --- |
/// | name | `local` |
/// | capacity | what [`this_machine`] finds, and the accelerators |
/// | accelerators | none |
/// | place | `local/here` |
/// | price | nothing, in US dollars |
/// | network | 1 Gbit/s |
/// | clock | the machine's time |
///
/// ```
/// use orp_core::{noun::{Accelerator, Capacity}, unit::CpuAmount};
/// use orp_sdk::{process::Supervisor, provider::local::LocalConfig};
///
/// let supervisor = Supervisor::program("/usr/local/bin/orp-supervisor");
/// let config = LocalConfig::new("/var/lib/orp/local", supervisor)
///     .with_accelerators(Accelerator { model: "h100-80gb".into(), memory: "80 GB".parse()? }, 2);
/// # let _ = config;
/// # Ok::<(), orp_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LocalConfig {
    pub(super) folder: PathBuf,
    pub(super) supervisor: Supervisor,
    name: Result<ProviderName, IdError>,
    capacity: Option<Capacity>,
    accelerators: Vec<(Accelerator, u32)>,
    place: Place,
    price: Price,
    network_gbps: f64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
}

impl LocalConfig {
    /// This machine, with its leases in `folder`.
    pub fn new(folder: impl Into<PathBuf>, supervisor: Supervisor) -> Self {
        Self {
            folder: folder.into(),
            supervisor,
            name: ProviderName::new("local"),
            capacity: None,
            accelerators: Vec::new(),
            place: Place::new("local", "here"),
            price: Price::per_hour(Money::zero(Currency::USD)),
            network_gbps: NETWORK_GBPS,
            clock: Arc::new(WallClock),
            ids: Arc::new(RandomIds),
        }
    }

    /// Under this name.
    pub fn with_name(mut self, name: ProviderName) -> Self {
        self.name = Ok(name);
        self
    }

    /// With this capacity in all, rather than all there is.
    pub fn with_capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// With this many accelerators of a kind, after those named before: their order is that of their device numbers.
    ///
    /// The offer of a machine with several kinds names the one with the least memory, so that no plan counts on more.
    pub fn with_accelerators(mut self, kind: Accelerator, count: u32) -> Self {
        self.accelerators.push((kind, count));
        self
    }

    /// With the CUDA devices that are there, if any: looks for the driver, for less than a second.
    pub fn with_cuda_devices(self) -> Self {
        let devices = orp_cuda::Probe::default().discover().devices;
        let found = orp_cuda::accelerators(&devices);
        found.into_iter().fold(self, |config, (kind, count)| config.with_accelerators(kind, count))
    }

    /// In this place: what transfers are priced by.
    pub fn with_place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// At this price for the whole machine: owned, so usually nothing.
    pub fn with_price(mut self, price: Price) -> Self {
        self.price = price;
        self
    }

    /// With a network card of this bandwidth, Gbit/s.
    pub fn with_network_gbps(mut self, network_gbps: f64) -> Self {
        self.network_gbps = network_gbps;
        self
    }

    /// By this clock: charges run by it. Give the same one to the control plane.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Naming leases from this source, which must never name two alike, also not after a restart.
    pub fn with_ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// The offer of all of the machine, and how many accelerators it has.
    pub(super) fn offer(&self) -> Result<(Offer, u32), ProviderError> {
        let invalid = |message: String| ProviderError::new(ErrorKind::Invalid, "open", message);
        let provider = self.name.clone().map_err(|error| invalid(error.to_string()))?;
        let id = OfferId::new(OFFER).map_err(|error| invalid(error.to_string()))?;
        let (capacity, devices) = self.capacity_in_all().map_err(invalid)?;
        let machine = Machine {
            sku: "this machine".to_owned(),
            capacity,
            accelerator: self.accelerators.iter().map(|(kind, _)| kind).min_by_key(|kind| kind.memory).cloned(),
            network_gbps: self.network_gbps,
        };
        let key = OfferKey { provider, offer: id };
        let mut offer = Offer::new(key, Resource::Compute(machine), self.place.clone(), self.price);
        offer.market = Market::Owned;
        offer.check().map_err(invalid)?;
        Ok((offer, devices))
    }

    fn capacity_in_all(&self) -> Result<(Capacity, u32), String> {
        let named: u64 = self.accelerators.iter().map(|(_, count)| u64::from(*count)).sum();
        let mut capacity = self.capacity.unwrap_or_else(|| this_machine(&self.folder));
        if self.accelerators.is_empty() {
            let whole = capacity.gpu.milli() / 1000;
            return match u32::try_from(whole) {
                Ok(devices) if GpuAmount::whole(whole) == capacity.gpu => Ok((capacity, devices)),
                _ => Err(format!("the machine has {} accelerators, expected a whole number", capacity.gpu)),
            };
        }
        let devices = u32::try_from(named).map_err(|_| format!("{named} accelerators are more than can be counted"))?;
        if !capacity.gpu.is_zero() && capacity.gpu != GpuAmount::whole(named) {
            return Err(format!("the capacity has {} accelerators, {named} were named", capacity.gpu));
        }
        capacity.gpu = GpuAmount::whole(named);
        Ok((capacity, devices))
    }
}
