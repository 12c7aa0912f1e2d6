//! The laws of data sets: where they lie, and moving them.

use crate::bench::{ensure, fresh_key, name, skipped};
use crate::{Fault, Report, Verdict};
use async_trait::async_trait;
use orp_core::contract::DataProvider;
use orp_core::error::ErrorKind;
use orp_core::noun::{AssetRef, Place, Replica};
use orp_core::unit::{Bytes, Money};
use std::sync::Arc;

/// Data sets up to this size are read whole; of larger ones only the end is.
const READ_WHOLE: u64 = 16 << 20;
/// How much is asked for at once.
const PIECE: u64 = 1 << 20;

/// What the laws of data sets need of whoever wants a provider tried.
#[async_trait]
pub trait DataHarness: Send + Sync {
    /// A provider that holds data sets. Each law gets its own.
    async fn fresh(&self) -> Arc<dyn DataProvider>;

    /// The data sets it holds: best, several of different sizes in one place.
    fn assets(&self) -> Vec<AssetRef>;

    /// Somewhere none of them is.
    fn elsewhere(&self) -> Place;
}

/// Tries every law of [`DataProvider`]; see [`crate::provider_suite`] for those of every provider.
pub async fn data_suite(harness: &dyn DataHarness) -> Report {
    let mut report = Report::default();
    report.law("DATA-1", data_1(harness)).await;
    report.law("DATA-2", data_2(harness)).await;
    report.law("DATA-3", data_3(harness)).await;
    report
}

/// `locate` returns only replicas of what was asked.
pub async fn data_1(harness: &dyn DataHarness) -> Verdict {
    let provider = harness.fresh().await;
    for asset in harness.assets() {
        for (place, replica) in located(&*provider, &asset).await? {
            ensure!(asset.admits(&replica.asset), "asked for `{asset}`, it located `{}` in {place}", replica.asset);
        }
    }
    let nobody = name("conformance-nobody-has-this", |text| text.parse::<AssetRef>());
    match provider.locate(&nobody).await {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        found => {
            let found = found?;
            ensure!(found.is_empty(), "asked for `{nobody}`, it located {found:?}");
            Ok(())
        }
    }
}

/// `read` of a located replica has the declared size.
pub async fn data_2(harness: &dyn DataHarness) -> Verdict {
    let provider = harness.fresh().await;
    for asset in harness.assets() {
        for (_, replica) in located(&*provider, &asset).await? {
            let size = replica.size.get();
            let begin = if size <= READ_WHOLE { 0 } else { size - PIECE };
            let end = read_to_end(&*provider, &replica, begin).await?;
            ensure!(end == size, "`{}` is declared with {size} bytes, and can be read to {end}", replica.asset);
        }
    }
    Ok(())
}

/// `transfer` costs what the network says, and never less for more; the same key again changes nothing.
pub async fn data_3(harness: &dyn DataHarness) -> Verdict {
    let (provider, to) = (harness.fresh().await, harness.elsewhere());
    let network = provider.network();
    let mut moved: Vec<(Vec<Place>, Bytes, Money)> = Vec::new();
    for asset in harness.assets() {
        let replicas = located(&*provider, &asset).await?;
        let key = fresh_key("transfer");
        let first = provider.transfer(&asset, &to, &key).await?;
        let again = provider.transfer(&asset, &to, &key).await?;
        ensure!(first == again, "the first call under a key answered {first:?}, the second {again:?}");
        let costs: Vec<Option<Money>> =
            replicas.iter().map(|(from, replica)| network.route(from, &to).cost(replica.size).ok()).collect();
        let cost = first.1;
        ensure!(costs.contains(&Some(cost)), "moving `{asset}` to {to} cost {cost}, the network says {costs:?}");
        let size = replicas.iter().map(|(_, replica)| replica.size).max().unwrap_or(Bytes::ZERO);
        let mut places: Vec<Place> = replicas.into_iter().map(|(place, _)| place).collect();
        places.sort();
        moved.push((places, size, cost));
    }
    for (places, size, cost) in &moved {
        for (_, larger, other) in moved.iter().filter(|other| other.0 == *places && other.1 >= *size) {
            let never_less = other >= cost;
            ensure!(never_less, "moving {larger} cost {other}, moving {size} from the same place {cost}");
        }
    }
    Ok(())
}

async fn located(provider: &dyn DataProvider, asset: &AssetRef) -> Result<Vec<(Place, Replica)>, Fault> {
    let replicas = provider.locate(asset).await?;
    if replicas.is_empty() { skipped(format!("`{asset}` is nowhere")) } else { Ok(replicas) }
}

/// How far a replica can be read: its true size.
async fn read_to_end(provider: &dyn DataProvider, replica: &Replica, begin: u64) -> Result<u64, Fault> {
    let mut at = begin;
    // One piece more than is declared, so that a replica longer than that is noticed, and an endless one ends.
    while at <= replica.size.get() {
        let piece = provider.read(&replica.asset, at, PIECE).await?;
        ensure!(piece.len() as u64 <= PIECE, "{PIECE} bytes were asked, it read {}", piece.len());
        if piece.is_empty() {
            break;
        }
        at += piece.len() as u64;
    }
    Ok(at)
}
