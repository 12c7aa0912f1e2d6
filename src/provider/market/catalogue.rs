//! The price list: machine types on sale in the regions of public clouds, and the offers that follow from it.
//!
//! [`Catalogue::builtin`] is our own dated snapshot of about 60 machine types over three clouds (see the notes at the head
//! of `catalogue.csv`); [`super::snapshots`] reads larger ones. Prices are never current: they are for examples, tests and
//! benchmarks.
//!
//! What no price list says is stated in [`Supply`]: how many machines there are and how soon one is ready.

use super::table::{CsvFile, Row, TableError, read_table};
use indexmap::IndexMap;
use orp_core::id::{OfferId, ProviderName};
use orp_core::noun::{Accelerator, Capacity, Hazard, Labels, Machine, Market, Offer, OfferKey, Place, Resource};
use orp_core::unit::{Bytes, CpuAmount, GpuAmount, Money, Price, Span};
use std::collections::BTreeSet;

const BUILTIN: &str = include_str!("catalogue.csv");
const COLUMNS: &[&str] = &[
    "provider",
    "sku",
    "region",
    "zones",
    "vcpus",
    "memory_gb",
    "gpu",
    "gpu_count",
    "gpu_memory_gb",
    "network_gbps",
    "usd_per_hour",
    "usd_per_hour_spot",
    "reclaim_percent_per_month",
    "source",
];

/// What an unknown reclaim band counts as, percent a month: a stated default, not a measurement.
pub const UNKNOWN_RECLAIM_PERCENT: f64 = 20.0;

/// Hours in a month, as the clouds count them.
const HOURS_PER_MONTH: f64 = 730.0;

/// A machine type on sale in a region.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Listing {
    /// The cloud: `aws`.
    pub site: String,
    /// The region.
    pub region: String,
    /// The zones it is sold in as spot; spot is sold by region when none is known.
    pub zones: Vec<String>,
    /// The machine; its disk is what [`Supply::disk`] says.
    pub machine: Machine,
    /// What an hour costs on demand; none when it is not sold so.
    pub on_demand: Option<Money>,
    /// Its spot terms; none when it is not sold so.
    pub spot: Option<SpotTerms>,
    /// Where the facts are from.
    pub source: String,
}

/// How a machine type is sold as spot.
#[derive(Debug, Clone, PartialEq)]
pub struct SpotTerms {
    /// What an hour costs.
    pub price: Money,
    /// The share of machines reclaimed in a month, in percent, from 0 to below 100;
    /// [`UNKNOWN_RECLAIM_PERCENT`] when none.
    pub reclaim_percent_per_month: Option<f64>,
}

impl Listing {
    /// A machine type on sale nowhere yet: set [`Listing::on_demand`] or [`Listing::spot`].
    pub fn new(site: impl Into<String>, region: impl Into<String>, machine: Machine) -> Self {
        Self {
            site: site.into(),
            region: region.into(),
            zones: Vec::new(),
            machine,
            on_demand: None,
            spot: None,
            source: String::new(),
        }
    }

    /// Where it is sold as spot: each zone, or the region when no zone is known.
    fn spot_places(&self) -> Vec<Place> {
        let region = Place::new(&self.site, &self.region);
        match (&self.spot, self.zones.is_empty()) {
            (None, _) => Vec::new(),
            (Some(_), true) => vec![region],
            (Some(_), false) => self.zones.iter().map(|zone| region.clone().with_zone(zone)).collect(),
        }
    }

    /// Each way it is sold: how, where, under which offer id, at what price.
    fn sales(&self) -> Vec<(Market, Place, String, Money)> {
        let on_demand = self.on_demand.map(|price| (Market::OnDemand, Place::new(&self.site, &self.region), price));
        let spot = self
            .spot
            .iter()
            .flat_map(|terms| self.spot_places().into_iter().map(|place| (Market::Spot, place, terms.price)));
        let named = |(market, place, price): (Market, Place, Money)| {
            let id = format!("{}/{}/{market}", self.machine.sku, place.zone.as_ref().unwrap_or(&place.region));
            (market, place, id, price)
        };
        on_demand.into_iter().chain(spot).map(named).collect()
    }

    fn hazard(&self, market: Market) -> Hazard {
        match &self.spot {
            Some(terms) if market == Market::Spot => Hazard {
                reclaims_per_hour: reclaims_per_hour(
                    terms.reclaim_percent_per_month.unwrap_or(UNKNOWN_RECLAIM_PERCENT),
                ),
                notice: notice(&self.site),
            },
            _ => Hazard::NONE,
        }
    }
}

/// The constant hazard under which `percent` of machines are reclaimed within a month: −ln(1 − p) / 730 h.
pub fn reclaims_per_hour(percent: f64) -> f64 {
    // No negative zero: it would print as `-0`.
    (-(1.0 - percent / 100.0).ln() / HOURS_PER_MONTH).max(0.0)
}

/// The warning before a reclaim, as the clouds document it: two minutes on AWS, 30 seconds elsewhere.
pub fn notice(site: &str) -> Span {
    Span::from_secs(if site == "aws" { 120 } else { 30 })
}

/// How much there is of what a price list names, and how soon: what no price list says, so all of it is assumed.
///
/// ```
/// use orp_sdk::provider::market::Supply;
///
/// let scarce = Supply::default().with_gpu_units(1);
/// assert_eq!(scarce.gpu_units, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Supply {
    /// Machines with accelerators that can be had at once of each offer: 4.
    pub gpu_units: u32,
    /// Machines without that can be had at once of each offer: 100.
    pub cpu_units: u32,
    /// Disk of each machine, as a network volume, not priced: 8 TB.
    pub disk: Bytes,
    /// From asking for a machine with accelerators to having it: 3 min.
    pub gpu_provision: Span,
    /// From asking for a machine without to having it: 1 min.
    pub cpu_provision: Span,
}

impl Default for Supply {
    fn default() -> Self {
        Self {
            gpu_units: 4,
            cpu_units: 100,
            disk: Bytes::from_gb(8_000),
            gpu_provision: Span::from_secs(180),
            cpu_provision: Span::from_secs(60),
        }
    }
}

impl Supply {
    /// With this many machines with accelerators of each offer.
    pub fn with_gpu_units(mut self, units: u32) -> Self {
        self.gpu_units = units;
        self
    }

    /// With this many machines without accelerators of each offer.
    pub fn with_cpu_units(mut self, units: u32) -> Self {
        self.cpu_units = units;
        self
    }

    /// Machines are ready this long after they were asked for.
    pub fn with_provision(mut self, span: Span) -> Self {
        (self.gpu_provision, self.cpu_provision) = (span, span);
        self
    }
}

/// A list of machine types on sale. Every offer that follows from it has an id of its own.
///
/// ```
/// use orp_sdk::provider::market::{Catalogue, Supply};
/// use orp_core::id::ProviderName;
///
/// let mut catalogue = Catalogue::builtin();
/// catalogue.retain(|listing| listing.region == "us-east-1");
/// let offers = catalogue.offers(&ProviderName::new("market")?, &Supply::default());
/// assert!(offers.iter().any(|offer| offer.key.offer.as_str() == "p5.48xlarge/us-east-1a/spot"));
/// # Ok::<(), orp_core::id::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue {
    listings: Vec<Listing>,
    ids: BTreeSet<String>,
}

impl Catalogue {
    /// The one that comes with the SDK.
    pub fn builtin() -> Self {
        // INVARIANT: the table that is compiled in reads; a test holds it.
        Self::from_csv(CsvFile::new("catalogue.csv", BUILTIN.as_bytes())).unwrap_or_default()
    }

    /// Reads a table with the columns of `catalogue.csv`. Errors say file, line, column and what was expected.
    pub fn from_csv<'a>(file: impl Into<CsvFile<'a>>) -> Result<Self, TableError> {
        let mut catalogue = Self::default();
        read_table(file, COLUMNS, |row| {
            let listing = read_listing(row)?;
            catalogue.add(listing).map_err(|what| row.error_in("sku", what))
        })?;
        Ok(catalogue)
    }

    /// Adds a listing; an error when one of its offers has no valid id, or one that is there already.
    pub fn add(&mut self, listing: Listing) -> Result<(), String> {
        let ids: Vec<String> = listing.sales().into_iter().map(|(_, _, id, _)| id).collect();
        for (at, id) in ids.iter().enumerate() {
            OfferId::new(id).map_err(|error| error.to_string())?;
            if self.ids.contains(id) || ids.iter().take(at).any(|before| before == id) {
                return Err(format!("`{id}` is there twice"));
            }
        }
        self.ids.extend(ids);
        self.listings.push(listing);
        Ok(())
    }

    /// Keeps the listings for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&Listing) -> bool) {
        self.listings.retain(keep);
        self.ids = self.listings.iter().flat_map(Listing::sales).map(|(_, _, id, _)| id).collect();
    }

    /// The listings, in the order of the table.
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// Everything the listings put on offer: one offer for each type and region on demand, `p5.48xlarge/us-east-1/on-demand`,
    /// and one for each type and zone as spot, `p5.48xlarge/us-east-1a/spot`.
    pub fn offers(&self, provider: &ProviderName, supply: &Supply) -> Vec<Offer> {
        let offers = self.listings.iter().flat_map(|listing| {
            // INVARIANT: `add` has checked every id.
            let valid = |(market, place, id, price)| Some((market, place, OfferId::new(id).ok()?, price));
            listing.sales().into_iter().filter_map(valid).map(|(market, place, id, price): (_, _, OfferId, _)| {
                let key = OfferKey { provider: provider.clone(), offer: id };
                let mut machine = listing.machine.clone();
                machine.capacity.disk = supply.disk;
                let has_gpu = !machine.capacity.gpu.is_zero();
                let mut offer = Offer::new(key, Resource::Compute(machine), place, Price::per_hour(price));
                offer.market = market;
                offer.hazard = listing.hazard(market);
                offer.units = if has_gpu { supply.gpu_units } else { supply.cpu_units };
                offer.provision = if has_gpu { supply.gpu_provision } else { supply.cpu_provision };
                offer.labels = Labels::from([("source".to_owned(), listing.source.clone())]);
                offer
            })
        });
        offers.collect()
    }

    /// What each machine type is, by its name: for price lists that do not say.
    pub(super) fn machines(&self) -> IndexMap<&str, &Machine> {
        self.listings.iter().map(|listing| (listing.machine.sku.as_str(), &listing.machine)).collect()
    }
}

fn read_listing(row: &Row<'_>) -> Result<Listing, TableError> {
    let names = |column: &str| row.text(column).split(';').map(str::trim).map(str::to_owned).collect::<Vec<_>>();
    let mut listing = Listing::new(row.name("provider")?, row.name("region")?, read_machine(row)?);
    listing.zones = names("zones").into_iter().filter(|zone| !zone.is_empty()).collect();
    listing.on_demand = row.dollars("usd_per_hour")?;
    listing.spot = row
        .dollars("usd_per_hour_spot")?
        .map(|price| {
            Ok(SpotTerms { price, reclaim_percent_per_month: read_percent(row, "reclaim_percent_per_month")? })
        })
        .transpose()?;
    listing.source = row.text("source").to_owned();
    if listing.on_demand.is_none() && listing.spot.is_none() {
        return Err(row.error_in("usd_per_hour", "no price at all, expected one on demand, as spot, or both"));
    }
    Ok(listing)
}

fn read_machine(row: &Row<'_>) -> Result<Machine, TableError> {
    let gpus = row.number("gpu_count")?;
    let accelerator = match (row.text("gpu"), gpus > 0.0) {
        ("", false) => None,
        (model, true) if !model.is_empty() => {
            Some(Accelerator { model: model.into(), memory: gigabytes(row.number("gpu_memory_gb")?) })
        }
        (model, _) => {
            let text = row.text("gpu_count");
            return Err(row.error_in(
                "gpu_count",
                format!("`{text}` of `{model}`, expected both a model and a count, or neither"),
            ));
        }
    };
    Ok(Machine {
        sku: row.name("sku")?.into(),
        capacity: Capacity {
            cpu: cpu_amount(row.number("vcpus")?),
            memory: gibibytes(row.number("memory_gb")?),
            disk: Bytes::ZERO,
            gpu: gpu_amount(gpus),
        },
        accelerator,
        network_gbps: row.number("network_gbps")?,
    })
}

/// A share of machines reclaimed in a month, if one is given: from 0 to below 100 percent.
pub(super) fn read_percent(row: &Row<'_>, column: &str) -> Result<Option<f64>, TableError> {
    const EXPECTED: &str = "a number from 0 to below 100";
    match row.text(column) {
        "" => Ok(None),
        text => row.within(column, text, 0.0, 100.0_f64.next_down(), EXPECTED).map(Some),
    }
}

/// The vendors' "GB" of main memory is the binary one.
pub(super) fn gibibytes(number: f64) -> Bytes {
    Bytes::new((number * (1_u64 << 30) as f64).round() as u64)
}

/// Of accelerator memory it is taken as the decimal one, so that what `80 GB` asks for, an 80 GB card has.
pub(super) fn gigabytes(number: f64) -> Bytes {
    Bytes::new((number * 1e9).round() as u64)
}

/// Shared machines have a fraction of a core.
pub(super) fn cpu_amount(number: f64) -> CpuAmount {
    CpuAmount::from_milli((number * 1e3).round() as u64)
}

pub(super) fn gpu_amount(number: f64) -> GpuAmount {
    GpuAmount::from_milli((number * 1e3).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(catalogue: &Catalogue) -> Vec<Offer> {
        catalogue.offers(&ProviderName::new("market").unwrap(), &Supply::default())
    }

    #[test]
    fn the_builtin_catalogue_reads() {
        let catalogue = Catalogue::from_csv(CsvFile::new("catalogue.csv", BUILTIN.as_bytes())).unwrap();
        assert_eq!(catalogue, Catalogue::builtin());
        let skus: BTreeSet<&str> = catalogue.listings().iter().map(|listing| listing.machine.sku.as_str()).collect();
        let sites: BTreeSet<&str> = catalogue.listings().iter().map(|listing| listing.site.as_str()).collect();
        assert!(skus.len() >= 55, "{}", skus.len());
        assert_eq!(sites, BTreeSet::from(["aws", "azure", "gcp"]));
    }

    #[test]
    fn every_offer_is_valid_and_has_its_own_id() {
        let offers = offers(&Catalogue::builtin());
        let ids: BTreeSet<&OfferId> = offers.iter().map(|offer| &offer.key.offer).collect();
        assert_eq!(ids.len(), offers.len());
        for offer in &offers {
            offer.check().unwrap();
            assert_eq!(offer.market == Market::Spot, offer.hazard.reclaims_per_hour > 0.0, "{offer}");
            assert_eq!(offer.market == Market::Spot, offer.place.zone.is_some(), "{offer}");
        }
    }

    #[test]
    fn an_offer_says_what_its_row_says() {
        let offers = offers(&Catalogue::builtin());
        let find = |id: &str| offers.iter().find(|offer| offer.key.offer.as_str() == id).unwrap();
        let spot = find("p5.48xlarge/us-east-1a/spot");
        assert_eq!(spot.to_string(), "spot p5.48xlarge (8× h100-80gb) in aws/us-east-1/us-east-1a at 26.4192 USD/h");
        assert_eq!(spot.hazard.notice, Span::from_secs(120));
        assert!((1.0 - (-spot.hazard.reclaims_per_hour * 730.0).exp() - 0.3).abs() < 1e-12, "30 % are gone in a month");
        let on_demand = find("Standard_D8s_v5/eastus/on-demand");
        assert_eq!(on_demand.to_string(), "on-demand Standard_D8s_v5 (8 cpu) in azure/eastus at 0.384 USD/h");
        assert_eq!(on_demand.machine().unwrap().capacity.memory, "32 GiB".parse().unwrap());
        assert_eq!(find("a3-highgpu-8g/us-central1-a/spot").hazard.notice, Span::from_secs(30));
    }

    #[test]
    fn wrong_catalogues_say_where_and_what_was_expected() {
        let head = COLUMNS.join(",");
        for (row, expected) in [
            (
                "aws,m,r,,2,8,,0,0,1,-0.1,,,s",
                "2: column `usd_per_hour`: `-0.1` is out of range, expected an amount of dollars from 0",
            ),
            (
                "aws,m,r,,2,8,,0,0,1,cheap,,,s",
                "2: column `usd_per_hour`: `cheap` is not a number, expected an amount of dollars from 0",
            ),
            ("aws,m,r,,2,8,,0,0,1,1e300,,,s", "2: column `usd_per_hour`: `1e300` is out of range for money"),
            (
                "aws,m,r,,2,8,,0,0,1,,,,s",
                "2: column `usd_per_hour`: no price at all, expected one on demand, as spot, or both",
            ),
            ("aws,m,r,,two,8,,0,0,1,1,,,s", "2: column `vcpus`: `two` is not a number, expected a number from 0"),
            (
                "aws,m,r,,2,8,h100,0,0,1,1,,,s",
                "2: column `gpu_count`: `0` of `h100`, expected both a model and a count, or neither",
            ),
            (
                "aws,m,r,a,2,8,,0,0,1,1,1,100,s",
                "2: column `reclaim_percent_per_month`: `100` is out of range, expected a number from 0 to below 100",
            ),
            ("aws,m,r,,2,8,,0,0,1,1,,,s\naws,m,r,,2,8,,0,0,1,1,,,s", "3: column `sku`: `m/r/on-demand` is there twice"),
            ("aws,m,r,z;z,2,8,,0,0,1,1,1,,s", "2: column `sku`: `m/z/spot` is there twice"),
            (
                "aws,m m,r,,2,8,,0,0,1,1,,,s",
                "2: column `sku`: `m m/r/on-demand` is not a offer id: expected 1 to 200 letters, digits or any of `._-/:@#+`, beginning with a letter or digit",
            ),
            ("aws,m,r,,2,8,,0", "2: 8 fields, expected 14"),
        ] {
            let text = format!("{head}\n{row}\n");
            let error = Catalogue::from_csv(CsvFile::new("c.csv", text.as_bytes())).unwrap_err();
            assert_eq!(error.to_string(), format!("c.csv:{expected}"));
        }
    }
}
