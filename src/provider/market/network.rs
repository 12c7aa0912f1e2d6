//! What it costs and takes to move data between the regions of the catalogue: our own table, typed over from public sources.

use super::table::{CsvFile, Row, TableError, read_table};
use orp_core::noun::{Network, Pattern, Route};
use orp_core::unit::Price;

const BUILTIN: &str = include_str!("network.csv");
const COLUMNS: &[&str] = &["from", "to", "usd_per_gb", "gbps", "source"];

/// The network that comes with the SDK: see the notes at the head of `network.csv` for its sources and date.
pub fn builtin_network() -> Network {
    // INVARIANT: the table that is compiled in reads; a test holds it.
    network_from_csv(CsvFile::new("network.csv", BUILTIN.as_bytes())).unwrap_or_default()
}

/// Reads a network table with the columns `from`, `to` (patterns over `site:region`), `usd_per_gb`, `gbps` and `source`.
/// A way that no row speaks of is the median of public clouds ([`Network::default`]).
pub fn network_from_csv<'a>(file: impl Into<CsvFile<'a>>) -> Result<Network, TableError> {
    let mut network = Network::default();
    read_table(file, COLUMNS, |row| {
        let (from, to) = (row.name("from")?, row.name("to")?);
        network.add(Pattern::new(from), Pattern::new(to), route(row)?).map_err(|what| row.error(what))
    })?;
    Ok(network)
}

fn route(row: &Row<'_>) -> Result<Route, TableError> {
    let price = row
        .dollars("usd_per_gb")?
        .ok_or_else(|| row.error_in("usd_per_gb", "empty, expected an amount of dollars from 0"))?;
    let gbps = row.number("gbps")?;
    if gbps <= 0.0 {
        return Err(row.error_in("gbps", format!("`{}` is out of range, expected a number above 0", row.text("gbps"))));
    }
    Ok(Route { price: Price::per_gigabyte(price), gbps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::noun::Place;

    #[test]
    fn the_builtin_network_reads_and_knows_each_direction() {
        let network = network_from_csv(CsvFile::new("network.csv", BUILTIN.as_bytes())).unwrap();
        assert_eq!(network, builtin_network());
        for (from, to, usd, gbps) in [
            ("aws:us-east-1", "aws:us-west-2", 0.02, 5.2),
            ("aws:ap-northeast-1", "aws:us-west-2", 0.09, 5.2),
            ("aws:ap-northeast-1", "gcp:us-east4", 0.114, 5.1),
            ("gcp:us-east4", "aws:us-east-1", 0.12, 7.1),
            ("azure:eastus", "azure:southeastasia", 0.05, 16.2),
            ("gcp:us-central1", "gcp:us-central1", 0.0, 100.0),
            ("aws:eu-north-1", "aws:eu-north-1", 0.0, 100.0),
            ("aws:eu-north-1", "gcp:europe-west1", 0.09, 5.0),
            ("local:here", "aws:us-east-1", 0.12, 3.7),
        ] {
            let place = |text: &str| text.split_once(':').map(|(site, region)| Place::new(site, region)).unwrap();
            let route = network.route(&place(from), &place(to));
            assert!((route.price.amount.as_f64() - usd).abs() < 1e-9, "{from} {to}: {}", route.price);
            assert!((route.gbps - gbps).abs() < 1e-9, "{from} {to}: {}", route.gbps);
        }
    }

    #[test]
    fn wrong_networks_say_where_and_what_was_expected() {
        let head = "from,to,usd_per_gb,gbps,source\n";
        for (row, expected) in [
            ("a,b,-1,5,x", "n.csv:2: column `usd_per_gb`: `-1` is out of range, expected an amount of dollars from 0"),
            ("a,b,,5,x", "n.csv:2: column `usd_per_gb`: empty, expected an amount of dollars from 0"),
            ("a,b,1,0,x", "n.csv:2: column `gbps`: `0` is out of range, expected a number above 0"),
            ("a,b,1", "n.csv:2: 3 fields, expected 5"),
            (",b,1,1,x", "n.csv:2: column `from`: empty, expected a name"),
        ] {
            let text = format!("{head}{row}\n");
            let error = network_from_csv(CsvFile::new("n.csv", text.as_bytes())).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
