//! Reads published snapshots of prices and networks into the same catalogue and network as our own tables.
//!
//! The tables are those of a folder such as
//!
//! | file | columns |
//! | --- | --- |
//! | `prices/aws_ondemand.csv` | `instance_type,region,usd_per_hour` |
//! | `prices/aws_spot_advisor_linux.csv` | `instance_type,region,savings_pct_vs_ondemand,…,monthly_interruption_max_pct,vcpus,ram_gb` |
//! | `prices/aws_instance_bandwidth_mbps.csv` | `instance_type,mbps` |
//! | `prices/azure_ondemand_gpu_and_general.csv` | `sku,region,usd_per_hour` |
//! | `prices/gcp_instances.csv` | `machine_type,region,vcpus,ram_gb,attrs,usd_per_hour,usd_per_hour_spot,spot_suspect` |
//! | `network/skyplane_egress_usd_per_gb.csv` | `src,dst,src_tier,dst_tier,usd_per_gb` |
//! | `network/aws_transfer_usd_per_gb_v2.csv` | `src,dst,usd_per_gb` |
//! | `network/skyplane_throughput_gbps_2022-01.csv` | `src,src_tier,src_instance,dst,dst_tier,iperf3_connections,gbps_sent` |
//!
//! Not every table says what a machine is. What neither it nor our own catalogue knows is left out and counted
//! ([`Snapshot::left_out`]), never guessed; only an unknown network card counts as [`ASSUMED_GBPS`]. A row that is wrong in
//! itself is an error with file, line and column.
//!
//! ```no_run
//! use orp_sdk::provider::market::{load_network, load_prices};
//! use std::path::Path;
//!
//! let folder = Path::new("../shared/data/market");
//! let snapshot = load_prices(folder)?;
//! println!("{} listings; left out: {:?}", snapshot.catalogue.listings().len(), snapshot.left_out);
//! let network = load_network(folder)?;
//! # Ok::<(), orp_sdk::provider::market::TableError>(())
//! ```

use super::catalogue::{Catalogue, Listing, SpotTerms, cpu_amount, gibibytes, gigabytes, gpu_amount};
use super::table::{CsvFile, Row, TableError, read_table};
use orp_core::noun::{Accelerator, Capacity, Machine, Network, Pattern, Route};
use orp_core::unit::{Bytes, Currency, GpuAmount, Money, Price};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a network card of unknown speed counts as, Gbit/s.
pub const ASSUMED_GBPS: f64 = 10.0;

/// What the spot advisor's open band "more than 20 % a month" counts as; it prints 100, which would mean at once.
pub const OPEN_BAND_PERCENT: f64 = 30.0;

/// GCP's names of accelerators, ours, and the memory of one in GB.
const GCP_ACCELERATORS: &[(&str, &str, f64)] = &[
    ("a100", "a100-40gb", 40.0),
    ("a100-80gb", "a100-80gb", 80.0),
    ("h100-80gb", "h100-80gb", 80.0),
    ("h100-80gb-mega", "h100-80gb", 80.0),
    ("l4", "l4-24gb", 24.0),
    ("rtx6000", "rtx6000-96gb", 96.0),
];

/// A snapshot of prices, and what of it could not be used.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// What could be used.
    pub catalogue: Catalogue,
    /// How many rows each file has, by the file's name.
    pub rows: BTreeMap<String, usize>,
    /// How many rows were left out, by the reason.
    pub left_out: BTreeMap<&'static str, usize>,
}

impl Snapshot {
    fn leave_out(&mut self, reason: &'static str) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    /// Like [`read_table`], counting the rows.
    fn read(
        &mut self,
        file: CsvFile<'_>,
        columns: &[&str],
        mut each: impl FnMut(&mut Self, &Row<'_>) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let mut rows = 0;
        read_table(file, columns, |row| {
            rows += 1;
            each(self, row)
        })?;
        self.rows.insert(file.name().to_owned(), rows);
        Ok(())
    }
}

/// The tables of prices, as bytes.
#[derive(Debug, Clone, Copy)]
pub struct PriceFiles<'a> {
    /// AWS on-demand prices.
    pub aws_on_demand: CsvFile<'a>,
    /// AWS spot: savings and interruption bands, and what a type has.
    pub aws_spot_advisor: CsvFile<'a>,
    /// AWS network cards.
    pub aws_bandwidth: CsvFile<'a>,
    /// Azure on-demand prices.
    pub azure_on_demand: CsvFile<'a>,
    /// GCP machine types and prices.
    pub gcp_instances: CsvFile<'a>,
}

/// The tables of the network, as bytes.
#[derive(Debug, Clone, Copy)]
pub struct NetworkFiles<'a> {
    /// Prices between regions of all clouds.
    pub skyplane_egress: CsvFile<'a>,
    /// Newer prices between AWS regions, and to the internet.
    pub aws_transfer: CsvFile<'a>,
    /// Measured rates between regions of all clouds.
    pub skyplane_throughput: CsvFile<'a>,
}

/// Reads the tables of prices under `folder`; a missing file is named.
pub fn load_prices(folder: &Path) -> Result<Snapshot, TableError> {
    let [on_demand, advisor, bandwidth, azure, gcp] = [
        "prices/aws_ondemand.csv",
        "prices/aws_spot_advisor_linux.csv",
        "prices/aws_instance_bandwidth_mbps.csv",
        "prices/azure_ondemand_gpu_and_general.csv",
        "prices/gcp_instances.csv",
    ]
    .map(|name| Loaded::from(folder, name));
    read_prices(&PriceFiles {
        aws_on_demand: on_demand.file()?,
        aws_spot_advisor: advisor.file()?,
        aws_bandwidth: bandwidth.file()?,
        azure_on_demand: azure.file()?,
        gcp_instances: gcp.file()?,
    })
}

/// Reads the tables of the network under `folder`; a missing file is named.
pub fn load_network(folder: &Path) -> Result<Network, TableError> {
    let [egress, transfer, throughput] = [
        "network/skyplane_egress_usd_per_gb.csv",
        "network/aws_transfer_usd_per_gb_v2.csv",
        "network/skyplane_throughput_gbps_2022-01.csv",
    ]
    .map(|name| Loaded::from(folder, name));
    read_network(&NetworkFiles {
        skyplane_egress: egress.file()?,
        aws_transfer: transfer.file()?,
        skyplane_throughput: throughput.file()?,
    })
}

struct Loaded {
    name: String,
    bytes: Result<Vec<u8>, std::io::Error>,
}

impl Loaded {
    fn from(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        Self { name: path.display().to_string(), bytes: std::fs::read(path) }
    }

    fn file(&self) -> Result<CsvFile<'_>, TableError> {
        match &self.bytes {
            Ok(bytes) => Ok(CsvFile::new(&self.name, bytes)),
            Err(error) => {
                Err(CsvFile::new(&self.name, b"").error(format!("cannot be read, expected a table: {error}")))
            }
        }
    }
}

/// Reads the tables of prices.
pub fn read_prices(files: &PriceFiles<'_>) -> Result<Snapshot, TableError> {
    let known = Known::new();
    let mut snapshot = Snapshot::default();
    read_aws(files, &known, &mut snapshot)?;
    read_azure(files.azure_on_demand, &known, &mut snapshot)?;
    read_gcp(files.gcp_instances, &known, &mut snapshot)?;
    Ok(snapshot)
}

/// What our own catalogue knows of machine types and zones.
struct Known {
    machines: BTreeMap<String, Machine>,
    zones: BTreeMap<(String, String), Vec<String>>,
}

impl Known {
    fn new() -> Self {
        let catalogue = Catalogue::builtin();
        let machines =
            catalogue.machines().into_iter().map(|(sku, machine)| (sku.to_owned(), machine.clone())).collect();
        let zone = |listing: &Listing| ((listing.machine.sku.clone(), listing.region.clone()), listing.zones.clone());
        Self { machines, zones: catalogue.listings().iter().map(zone).collect() }
    }

    /// A listing with the zones we know of.
    fn listing(&self, site: &str, region: &str, machine: Machine, source: &str) -> Listing {
        let mut listing = Listing::new(site, region, machine);
        let key = (listing.machine.sku.clone(), listing.region.clone());
        listing.zones = self.zones.get(&key).cloned().unwrap_or_default();
        listing.source = source.to_owned();
        listing
    }
}

/// What the AWS tables say of a machine type and of a type in a region.
#[derive(Default)]
struct Aws {
    gbps: BTreeMap<String, f64>,
    sizes: BTreeMap<String, (f64, f64)>,
    on_demand: BTreeMap<(String, String), Money>,
    /// The saving as a share of the on-demand price, and the percentage reclaimed in a month.
    spot: BTreeMap<(String, String), (f64, f64)>,
}

fn read_aws(files: &PriceFiles<'_>, known: &Known, snapshot: &mut Snapshot) -> Result<(), TableError> {
    let mut aws = Aws::default();
    snapshot.read(files.aws_bandwidth, &["instance_type", "mbps"], |_, row| {
        aws.gbps.insert(row.name("instance_type")?.into(), row.number("mbps")? / 1e3);
        Ok(())
    })?;
    snapshot.read(files.aws_on_demand, &["instance_type", "region", "usd_per_hour"], |_, row| {
        aws.on_demand.insert((row.name("instance_type")?.into(), row.name("region")?.into()), hourly(row)?);
        Ok(())
    })?;
    read_spot_advisor(files.aws_spot_advisor, &mut aws, snapshot)?;
    for (key, price) in &aws.on_demand {
        let (sku, region) = key;
        let Some(machine) = aws.machine(sku, known) else {
            snapshot.leave_out("aws: neither table nor catalogue knows what the machine has");
            continue;
        };
        let mut listing = known.listing("aws", region, machine, files.aws_on_demand.name());
        listing.on_demand = Some(*price);
        listing.spot = aws.spot_terms(key, *price);
        snapshot.add(listing, files.aws_on_demand)?;
    }
    let unpriced = aws.spot.keys().filter(|key| !aws.on_demand.contains_key(key)).count();
    if unpriced > 0 {
        snapshot.left_out.insert("aws: a saving on an unknown on-demand price", unpriced);
    }
    Ok(())
}

fn read_spot_advisor(file: CsvFile<'_>, aws: &mut Aws, snapshot: &mut Snapshot) -> Result<(), TableError> {
    const COLUMNS: &[&str] = &[
        "instance_type",
        "region",
        "savings_pct_vs_ondemand",
        "interruption_range_index",
        "monthly_interruption_label",
        "monthly_interruption_max_pct",
        "vcpus",
        "ram_gb",
    ];
    snapshot.read(file, COLUMNS, |_, row| {
        let (sku, region) = (row.name("instance_type")?, row.name("region")?);
        // A saving may be negative: spot can be dearer.
        let column = "savings_pct_vs_ondemand";
        let saving = row.within(column, row.text(column), -1000.0, 99.99, "a number from -1000 to below 100")?;
        let column = "monthly_interruption_max_pct";
        let percent = row.within(column, row.text(column), 0.0, 100.0, "a number from 0 to 100")?;
        let percent = if percent >= 100.0 { OPEN_BAND_PERCENT } else { percent };
        aws.spot.insert((sku.into(), region.into()), (saving / 100.0, percent));
        aws.sizes.insert(sku.into(), (row.number("vcpus")?, row.number("ram_gb")?));
        Ok(())
    })
}

impl Aws {
    fn machine(&self, sku: &str, known: &Known) -> Option<Machine> {
        let ours = known.machines.get(sku);
        let sized = self.sizes.get(sku).map(|(vcpus, memory)| Machine {
            sku: sku.into(),
            capacity: capacity(*vcpus, *memory, GpuAmount::ZERO),
            accelerator: None,
            network_gbps: ASSUMED_GBPS,
        });
        let mut machine = ours.cloned().or(sized)?;
        if let Some(gbps) = self.gbps.get(sku) {
            machine.network_gbps = *gbps;
        }
        Some(machine)
    }

    fn spot_terms(&self, key: &(String, String), on_demand: Money) -> Option<SpotTerms> {
        let (saving, percent) = self.spot.get(key)?;
        let price = Money::from_f64(on_demand.as_f64() * (1.0 - saving), Currency::USD)?;
        Some(SpotTerms { price, reclaim_percent_per_month: Some(*percent) })
    }
}

impl Snapshot {
    fn add(&mut self, listing: Listing, file: CsvFile<'_>) -> Result<(), TableError> {
        self.catalogue.add(listing).map_err(|what| file.error(what))
    }
}

fn read_azure(file: CsvFile<'_>, known: &Known, snapshot: &mut Snapshot) -> Result<(), TableError> {
    snapshot.read(file, &["sku", "region", "usd_per_hour"], |snapshot, row| {
        let (sku, region, price) = (row.name("sku")?, row.name("region")?, hourly(row)?);
        let Some(machine) = known.machines.get(sku) else {
            snapshot.leave_out("azure: neither table nor catalogue knows what the machine has");
            return Ok(());
        };
        let mut listing = known.listing("azure", region, machine.clone(), file.name());
        listing.on_demand = Some(price);
        snapshot.catalogue.add(listing).map_err(|what| row.error_in("sku", what))
    })
}

fn read_gcp(file: CsvFile<'_>, known: &Known, snapshot: &mut Snapshot) -> Result<(), TableError> {
    const COLUMNS: &[&str] =
        &["machine_type", "region", "vcpus", "ram_gb", "attrs", "usd_per_hour", "usd_per_hour_spot", "spot_suspect"];
    snapshot.read(file, COLUMNS, |snapshot, row| {
        let (on_demand, spot) = (row.dollars("usd_per_hour")?, row.dollars("usd_per_hour_spot")?);
        let Ok(machine) = gcp_machine(row, known)? else {
            snapshot.leave_out("gcp: an accelerator of unknown memory");
            return Ok(());
        };
        match row.text("spot_suspect") {
            "0" => {}
            "1" => {
                snapshot.leave_out("gcp: the spot price is suspect");
                return Ok(());
            }
            other => return Err(row.error_in("spot_suspect", format!("`{other}` is not a flag, expected 0 or 1"))),
        }
        if on_demand.is_none() && spot.is_none() {
            snapshot.leave_out("gcp: no price");
            return Ok(());
        }
        let mut listing = known.listing("gcp", row.name("region")?, machine, file.name());
        listing.on_demand = on_demand;
        listing.spot = spot.map(|price| SpotTerms { price, reclaim_percent_per_month: None });
        snapshot.catalogue.add(listing).map_err(|what| row.error_in("machine_type", what))
    })
}

/// The machine of a row; its accelerator's name when that is not known.
fn gcp_machine<'a>(row: &'a Row<'_>, known: &Known) -> Result<Result<Machine, &'a str>, TableError> {
    let sku = row.name("machine_type")?;
    let (vcpus, memory) = (row.number("vcpus")?, row.number("ram_gb")?);
    let network_gbps = known.machines.get(sku).map_or(ASSUMED_GBPS, |machine| machine.network_gbps);
    let attributes = row.text("attrs");
    let (gpu, accelerator) = if attributes.is_empty() {
        (GpuAmount::ZERO, None)
    } else {
        let expected = "an accelerator and a count, such as `l4=1`";
        let (name, count) = attributes
            .split_once('=')
            .ok_or_else(|| row.error_in("attrs", format!("`{attributes}` is malformed, expected {expected}")))?;
        let count = row.within("attrs", count, 0.0, 1024.0, expected)?;
        let Some((_, model, memory)) = GCP_ACCELERATORS.iter().find(|(theirs, _, _)| *theirs == name) else {
            return Ok(Err(name));
        };
        (gpu_amount(count), Some(Accelerator { model: (*model).into(), memory: gigabytes(*memory) }))
    };
    Ok(Ok(Machine { sku: sku.into(), capacity: capacity(vcpus, memory, gpu), accelerator, network_gbps }))
}

fn capacity(vcpus: f64, memory: f64, gpu: GpuAmount) -> Capacity {
    Capacity { cpu: cpu_amount(vcpus), memory: gibibytes(memory), disk: Bytes::ZERO, gpu }
}

fn hourly(row: &Row<'_>) -> Result<Money, TableError> {
    let missing = || row.error_in("usd_per_hour", "empty, expected an amount of dollars from 0");
    row.dollars("usd_per_hour")?.ok_or_else(missing)
}

/// Prices and rates by way, `site:region` to `site:region`.
#[derive(Default)]
struct Ways {
    usd: BTreeMap<(String, String), f64>,
    gbps: BTreeMap<(String, String), f64>,
}

/// Reads the tables of the network. Ways of the premium tier only; for a way that was measured more than once the slowest
/// counts; a way without a rate gets the median between its clouds, and a way without a price the medians of both.
pub fn read_network(files: &NetworkFiles<'_>) -> Result<Network, TableError> {
    let mut ways = Ways::default();
    let columns = ["src", "dst", "src_tier", "dst_tier", "usd_per_gb"];
    read_table(files.skyplane_egress, &columns, |row| {
        let price = row.number("usd_per_gb")?;
        if premium(row) {
            ways.usd.insert((region(row.name("src")?), region(row.name("dst")?)), price);
        }
        Ok(())
    })?;
    read_table(files.aws_transfer, &["src", "dst", "usd_per_gb"], |row| {
        let to = match row.name("dst")? {
            "internet" => "*".to_owned(),
            name => format!("aws:{name}"),
        };
        ways.usd.insert((format!("aws:{}", row.name("src")?), to), row.number("usd_per_gb")?);
        Ok(())
    })?;
    read_throughput(files.skyplane_throughput, &mut ways)?;
    // Within a region the network's own rule holds.
    ways.usd.retain(|(from, to), _| from != to);
    ways.network().map_err(|what| files.skyplane_egress.error(what))
}

fn read_throughput(file: CsvFile<'_>, ways: &mut Ways) -> Result<(), TableError> {
    let columns = ["src", "src_tier", "src_instance", "dst", "dst_tier", "iperf3_connections", "gbps_sent"];
    read_table(file, &columns, |row| {
        let gbps = row.number("gbps_sent")?;
        if gbps <= 0.0 {
            return Err(row.error_in("gbps_sent", format!("`{gbps}` is out of range, expected a number above 0")));
        }
        if premium(row) {
            let way = (region(row.name("src")?), region(row.name("dst")?));
            ways.gbps.entry(way).and_modify(|slowest| *slowest = slowest.min(gbps)).or_insert(gbps);
        }
        Ok(())
    })
}

fn premium(row: &Row<'_>) -> bool {
    row.text("src_tier") == "PREMIUM" && row.text("dst_tier") == "PREMIUM"
}

/// `site:region` of `site:region`, or of `gcp:region-zone`: prices go by the region.
fn region(text: &str) -> String {
    let zone = |rest: &str| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase());
    match text.rsplit_once('-') {
        Some((region, rest)) if text.starts_with("gcp:") && zone(rest) => region.to_owned(),
        _ => text.to_owned(),
    }
}

/// The cloud of `site:region`; `*` for any.
fn site(way_end: &str) -> &str {
    way_end.split_once(':').map_or("*", |(site, _)| site)
}

impl Ways {
    fn network(&self) -> Result<Network, String> {
        let (all_usd, all_gbps) = (median(self.usd.values()), median(self.gbps.values()));
        let mut network = Network::new(route(all_usd.unwrap_or(0.09), all_gbps.unwrap_or(5.0))?);
        for ((from, to), usd) in &self.usd {
            let exact = self.gbps.get(&(from.clone(), to.clone())).copied();
            let gbps = exact.or_else(|| median_between(&self.gbps, site(from), site(to))).or(all_gbps);
            network.add(Pattern::new(from), Pattern::new(to), route(*usd, gbps.unwrap_or(5.0))?)?;
        }
        let sites: BTreeSet<&str> = self.usd.keys().flat_map(|(from, to)| [site(from), site(to)]).collect();
        for from in sites.iter().filter(|site| **site != "*") {
            for to in sites.iter().filter(|site| **site != "*") {
                let usd = median_between(&self.usd, from, to).or(all_usd);
                let gbps = median_between(&self.gbps, from, to).or(all_gbps);
                let route = route(usd.unwrap_or(0.09), gbps.unwrap_or(5.0))?;
                network.add(Pattern::new(format!("{from}:*")), Pattern::new(format!("{to}:*")), route)?;
            }
        }
        Ok(network)
    }
}

fn route(usd: f64, gbps: f64) -> Result<Route, String> {
    let price = Money::from_f64(usd, Currency::USD).ok_or_else(|| format!("`{usd}` is out of range for money"))?;
    Ok(Route { price: Price::per_gigabyte(price), gbps })
}

fn median_between(ways: &BTreeMap<(String, String), f64>, from: &str, to: &str) -> Option<f64> {
    let between = ways.iter().filter(|((a, b), _)| site(a) == from && (to == "*" || site(b) == to));
    median(between.map(|(_, value)| value))
}

fn median<'a>(values: impl IntoIterator<Item = &'a f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().copied().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::id::ProviderName;
    use orp_core::noun::Place;

    const ON_DEMAND: &str = "instance_type,region,usd_per_hour\n";
    const ADVISOR: &str = "instance_type,region,savings_pct_vs_ondemand,interruption_range_index,\
                           monthly_interruption_label,monthly_interruption_max_pct,vcpus,ram_gb\n";
    const GCP: &str = "machine_type,region,vcpus,ram_gb,attrs,usd_per_hour,usd_per_hour_spot,spot_suspect\n";

    /// Rows of each table under its header: on demand, advisor, bandwidth, Azure, GCP.
    fn prices(rows: [&str; 5]) -> Result<Snapshot, String> {
        let heads = [ON_DEMAND, ADVISOR, "instance_type,mbps\n", "sku,region,usd_per_hour\n", GCP];
        let texts: Vec<String> = heads.iter().zip(rows).map(|(head, rows)| format!("{head}{rows}")).collect();
        read_prices(&PriceFiles {
            aws_on_demand: CsvFile::new("od.csv", texts[0].as_bytes()),
            aws_spot_advisor: CsvFile::new("advisor.csv", texts[1].as_bytes()),
            aws_bandwidth: CsvFile::new("bandwidth.csv", texts[2].as_bytes()),
            azure_on_demand: CsvFile::new("azure.csv", texts[3].as_bytes()),
            gcp_instances: CsvFile::new("gcp.csv", texts[4].as_bytes()),
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn snapshots_become_the_same_offers() {
        let snapshot = prices([
            "p5.48xlarge,us-east-1,50\nx1.huge,us-east-1,9\nc9.big,us-east-1,1\n",
            "p5.48xlarge,us-east-1,60,4,>20%,100,192,2048.0\nc9.big,us-east-1,-10,0,<5%,5,8,16\nc9.big,eu-west-1,50,0,<5%,5,8,16\n",
            "c9.big,12500\n",
            "Standard_D8s_v5,uksouth,0.5\nStandard_unknown,uksouth,1\n",
            "a2-ultragpu-8g,us-central1,96,1360,a100-80gb=8,40,20,0\nn2-x,us-central1,2,8,,0.1,0.01,1\nn2-y,us-central1,2,8,,,0.02,0\nb9-x,us-central1,2,8,b999=1,1,1,0\n",
        ])
        .unwrap();
        let offers = snapshot.catalogue.offers(&ProviderName::new("m").unwrap(), &super::super::Supply::default());
        let mut lines: Vec<String> = offers.iter().map(|offer| format!("{}: {offer}", offer.key.offer)).collect();
        lines.retain(|line| {
            !line.contains("us-east-1b/")
                && !line.contains("us-east-1c/")
                && !line.contains("us-east-1d/")
                && !line.contains("us-east-1f/")
        });
        assert_eq!(
            lines,
            [
                "c9.big/us-east-1/on-demand: on-demand c9.big (8 cpu) in aws/us-east-1 at 1.00 USD/h",
                "c9.big/us-east-1/spot: spot c9.big (8 cpu) in aws/us-east-1 at 1.10 USD/h",
                "p5.48xlarge/us-east-1/on-demand: on-demand p5.48xlarge (8× h100-80gb) in aws/us-east-1 at 50.00 USD/h",
                "p5.48xlarge/us-east-1a/spot: spot p5.48xlarge (8× h100-80gb) in aws/us-east-1/us-east-1a at 20.00 USD/h",
                "Standard_D8s_v5/uksouth/on-demand: on-demand Standard_D8s_v5 (8 cpu) in azure/uksouth at 0.50 USD/h",
                "a2-ultragpu-8g/us-central1/on-demand: on-demand a2-ultragpu-8g (8× a100-80gb) in gcp/us-central1 at 40.00 USD/h",
                "a2-ultragpu-8g/us-central1-a/spot: spot a2-ultragpu-8g (8× a100-80gb) in gcp/us-central1/us-central1-a at 20.00 USD/h",
                "a2-ultragpu-8g/us-central1-c/spot: spot a2-ultragpu-8g (8× a100-80gb) in gcp/us-central1/us-central1-c at 20.00 USD/h",
                "n2-y/us-central1/spot: spot n2-y (2 cpu) in gcp/us-central1 at 0.02 USD/h",
            ]
        );
        let left_out: Vec<(&str, usize)> = snapshot.left_out.into_iter().collect();
        assert_eq!(
            left_out,
            [
                ("aws: a saving on an unknown on-demand price", 1),
                ("aws: neither table nor catalogue knows what the machine has", 1),
                ("azure: neither table nor catalogue knows what the machine has", 1),
                ("gcp: an accelerator of unknown memory", 1),
                ("gcp: the spot price is suspect", 1),
            ]
        );
    }

    #[test]
    fn wrong_snapshots_say_where_and_what_was_expected() {
        let good = "c9.big,us-east-1,50,0,<5%,5,8,16\n";
        for (rows, expected) in [
            (
                ["a,r,-1\n", good, "", "", ""],
                "od.csv:2: column `usd_per_hour`: `-1` is out of range, expected an amount of dollars from 0",
            ),
            (
                ["a,r,\n", good, "", "", ""],
                "od.csv:2: column `usd_per_hour`: empty, expected an amount of dollars from 0",
            ),
            (["a,r\n", good, "", "", ""], "od.csv:2: 2 fields, expected 3"),
            (
                ["", "a,r,100,0,x,5,8,16\n", "", "", ""],
                "advisor.csv:2: column `savings_pct_vs_ondemand`: `100` is out of range, expected a number from -1000 to below 100",
            ),
            (
                ["", "a,r,50,0,x,five,8,16\n", "", "", ""],
                "advisor.csv:2: column `monthly_interruption_max_pct`: `five` is not a number, expected a number from 0 to 100",
            ),
            (
                ["", "a,r,50,0,x,5,eight,16\n", "", "", ""],
                "advisor.csv:2: column `vcpus`: `eight` is not a number, expected a number from 0",
            ),
            (
                ["", "", "a,fast\n", "", ""],
                "bandwidth.csv:2: column `mbps`: `fast` is not a number, expected a number from 0",
            ),
            (
                ["", "", "", "Standard_D8s_v5,r,1\nStandard_D8s_v5,r,1\n", ""],
                "azure.csv:3: column `sku`: `Standard_D8s_v5/r/on-demand` is there twice",
            ),
            (
                ["", "", "", "", "m,r,2,8,l4,1,1,0\n"],
                "gcp.csv:2: column `attrs`: `l4` is malformed, expected an accelerator and a count, such as `l4=1`",
            ),
            (
                ["", "", "", "", "m,r,0.25,8,l4=x,1,1,0\n"],
                "gcp.csv:2: column `attrs`: `x` is not a number, expected an accelerator and a count, such as `l4=1`",
            ),
            (
                ["", "", "", "", "m,r,2,8,,1,1,maybe\n"],
                "gcp.csv:2: column `spot_suspect`: `maybe` is not a flag, expected 0 or 1",
            ),
        ] {
            assert_eq!(prices(rows).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load_prices(Path::new("no-such-folder")).unwrap_err().to_string();
        assert!(
            error.starts_with("no-such-folder/prices/aws_ondemand.csv: cannot be read, expected a table: "),
            "{error}"
        );
        let error = load_network(Path::new("no-such-folder")).unwrap_err().to_string();
        assert!(error.starts_with("no-such-folder/network/skyplane_egress_usd_per_gb.csv: cannot be read"), "{error}");
    }

    #[test]
    fn prices_and_rates_meet_by_region_and_the_rest_are_medians() {
        let files = NetworkFiles {
            skyplane_egress: CsvFile::new(
                "egress.csv",
                b"src,dst,src_tier,dst_tier,usd_per_gb\n\
                  aws:a,aws:a,PREMIUM,PREMIUM,0.0\naws:a,aws:b,PREMIUM,PREMIUM,0.5\n\
                  gcp:us-east4-a,aws:a,PREMIUM,PREMIUM,0.12\ngcp:us-east4-a,aws:b,STANDARD,PREMIUM,9\n",
            ),
            aws_transfer: CsvFile::new("transfer.csv", b"src,dst,usd_per_gb\na,b,0.02\na,internet,0.09\n"),
            skyplane_throughput: CsvFile::new(
                "rates.csv",
                b"src,src_tier,src_instance,dst,dst_tier,iperf3_connections,gbps_sent\n\
                  aws:a,PREMIUM,m,aws:b,PREMIUM,64,7\naws:a,PREMIUM,m,aws:b,PREMIUM,64,6\n\
                  gcp:us-east4-b,PREMIUM,n,aws:a,PREMIUM,64,3\n",
            ),
        };
        let network = read_network(&files).unwrap();
        for (from, to, usd, gbps) in [
            (("aws", "a"), ("aws", "b"), 0.02, 6.0),
            (("aws", "a"), ("aws", "a"), 0.0, 100.0),
            (("aws", "a"), ("azure", "x"), 0.09, 6.0),
            (("gcp", "us-east4"), ("aws", "a"), 0.12, 3.0),
            (("gcp", "elsewhere"), ("aws", "b"), 0.12, 3.0),
        ] {
            let route = network.route(&Place::new(from.0, from.1), &Place::new(to.0, to.1));
            assert!((route.price.amount.as_f64() - usd).abs() < 1e-9, "{from:?} {to:?} {}", route.price);
            assert!((route.gbps - gbps).abs() < 1e-9, "{from:?} {to:?} {}", route.gbps);
        }
    }
}
