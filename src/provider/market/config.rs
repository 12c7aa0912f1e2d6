//! What a market is set up with.

use super::assets::Copied;
use super::{Catalogue, ReclaimModel, Supply, builtin_network};
use crate::process::Launcher;
use crate::time::{RandomIds, ScaledClock, wall_now};
use orp_core::contract::IdSource;
use orp_core::id::{IdError, ProviderName};
use orp_core::noun::{Network, Offer, Place, Replica, Weights};
use orp_core::unit::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;

/// What a market is called unless it is told otherwise.
pub const DEFAULT_NAME: &str = "market";

/// What a [`MarketProvider`](super::MarketProvider) is set up with. Every part has a default but the folder.
///
/// | part | default |
/// | --- | --- |
/// | name | `market` |
/// | catalogue, network | our own dated tables |
/// | supply | [`Supply::default`] |
/// | reclaims | never |
/// | clock | the machine's time |
/// | start | what the clock shows when the folder is opened for the first time |
/// | launcher | none: offers and leases, but no processes |
/// | copies of data and weights, further offers | none |
///
/// ```
/// use orp_sdk::provider::market::{MarketConfig, ReclaimModel, Seeded};
/// use orp_sdk::time::ScaledClock;
///
/// let start = "2026-08-21T00:00:00Z".parse()?;
/// let config = MarketConfig::new("/tmp/market")
///     .with_clock(ScaledClock::new(start, 3600.0)) // an hour in a second
///     .with_start(start)
///     .with_reclaims(ReclaimModel::Seeded(Seeded::new(7).with_factor(200.0)));
/// # let _ = config;
/// # Ok::<(), orp_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MarketConfig {
    pub(super) folder: PathBuf,
    pub(super) name: Result<ProviderName, IdError>,
    pub(super) catalogue: Catalogue,
    pub(super) supply: Supply,
    pub(super) network: Network,
    pub(super) reclaims: ReclaimModel,
    pub(super) clock: ScaledClock,
    pub(super) start: Option<Timestamp>,
    pub(super) launcher: Option<Launcher>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) copies: Vec<(Place, Copied)>,
    pub(super) further: Vec<Offer>,
}

impl MarketConfig {
    /// A market that keeps its leases, its copies and its time in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            name: ProviderName::new(DEFAULT_NAME),
            catalogue: Catalogue::builtin(),
            supply: Supply::default(),
            network: builtin_network(),
            reclaims: ReclaimModel::Never,
            clock: ScaledClock::new(wall_now(), 1.0),
            start: None,
            launcher: None,
            ids: Arc::new(RandomIds),
            copies: Vec::new(),
            further: Vec::new(),
        }
    }

    /// Under this name.
    pub fn with_name(mut self, name: ProviderName) -> Self {
        self.name = Ok(name);
        self
    }

    /// Selling this.
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// With this many machines, this soon.
    pub fn with_supply(mut self, supply: Supply) -> Self {
        self.supply = supply;
        self
    }

    /// Moving data at these prices and rates.
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Taking spot capacity back so.
    pub fn with_reclaims(mut self, reclaims: ReclaimModel) -> Self {
        self.reclaims = reclaims;
        self
    }

    /// By this clock. Give the same one to the control plane; the market slows it down during reclaim notices, and moves it
    /// on to where it stood when it is opened again.
    pub fn with_clock(mut self, clock: ScaledClock) -> Self {
        self.clock = clock;
        self
    }

    /// Counting the times of reclaims from `start`, rather than from when it is first opened: a fast clock has run on by
    /// then, so this makes reclaims reproducible to the microsecond.
    pub fn with_start(mut self, start: Timestamp) -> Self {
        self.start = Some(start);
        self
    }

    /// Running what is launched as processes of this machine.
    pub fn with_launcher(mut self, launcher: Launcher) -> Self {
        self.launcher = Some(launcher);
        self
    }

    /// Naming leases from this source.
    pub fn with_ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// With a copy of a data set in this place, free to read there.
    pub fn with_replica(mut self, place: Place, replica: Replica) -> Self {
        self.copies.push((place, Copied::Data(replica)));
        self
    }

    /// With a copy of a model's weights in this place, free to read there.
    pub fn with_weights(mut self, place: Place, weights: Weights) -> Self {
        self.copies.push((place, Copied::Model(weights)));
        self
    }

    /// With a further offer of any pillar: a tool, a person, a machine of one's own. It must bear the market's name, and its
    /// id must be its own.
    pub fn with_offer(mut self, offer: Offer) -> Self {
        self.further.push(offer);
        self
    }
}
