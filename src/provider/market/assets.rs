//! Copies of data sets and weights: where they lie, moving them, and reading them.
//!
//! The market has no real data: what is read of a copy is generated, the same bytes for the same asset and offset.
//! What moving costs and takes is the network's word.

use super::seeded;
use crate::process::file::{Durability, read, write};
use indexmap::IndexMap;
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdempotencyKey, OfferId, ProviderName};
use orp_core::noun::{AssetRef, Network, Offer, OfferKey, Place, Replica, Resource, Weights};
use orp_core::unit::{Bytes, Currency, Money, Price, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The most that one call reads.
const READ_BYTES_MAX: u64 = 64 << 20;
/// The most copies that are made in a market.
const TRANSFERS_MAX: usize = 100_000;

/// A copy of a data set or of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Copied {
    Data(Replica),
    Model(Weights),
}

impl Copied {
    const fn asset(&self) -> &AssetRef {
        match self {
            Self::Data(replica) => &replica.asset,
            Self::Model(weights) => &weights.asset,
        }
    }

    const fn size(&self) -> Bytes {
        match self {
            Self::Data(replica) => replica.size,
            Self::Model(weights) => weights.size,
        }
    }

    /// What a copy in `place` is as an offer: free, for as many as want it.
    pub(super) fn offer(&self, place: &Place, provider: &ProviderName) -> Result<Offer, String> {
        let (pillar, resource) = match self {
            Self::Data(replica) => ("data", Resource::Data(replica.clone())),
            Self::Model(weights) => ("model", Resource::Model(weights.clone())),
        };
        let id = OfferId::new(format!("{pillar}/{}/{place}", self.asset())).map_err(|error| error.to_string())?;
        let key = OfferKey { provider: provider.clone(), offer: id };
        let mut offer = Offer::new(key, resource, place.clone(), Price::per_gigabyte(Money::zero(Currency::USD)));
        offer.units = u32::MAX;
        Ok(offer)
    }
}

/// A copy that was made here.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Transfer {
    asked: AssetRef,
    to: Place,
    copied: Copied,
    takes: Span,
    costs: Money,
    /// When the copy is there.
    ready: Timestamp,
}

/// All copies of a market: those it was set up with, and those that were made.
#[derive(Debug)]
pub(super) struct Copies {
    given: Vec<(Place, Copied)>,
    made: IndexMap<IdempotencyKey, Transfer>,
    network: Network,
    path: PathBuf,
}

impl Copies {
    pub(super) fn open(given: Vec<(Place, Copied)>, network: Network, path: PathBuf) -> std::io::Result<Self> {
        let made = read(&path)?.unwrap_or_default();
        Ok(Self { given, made, network, path })
    }

    pub(super) const fn network(&self) -> &Network {
        &self.network
    }

    /// The copies that are there at `now`.
    pub(super) fn all(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = (&Place, &Copied)> {
        let made = self.made.values().filter(move |transfer| transfer.ready <= now);
        self.given.iter().map(|(place, copied)| (place, copied)).chain(made.map(|made| (&made.to, &made.copied)))
    }

    /// The replicas of a data set at `now`.
    pub(super) fn locate(&self, asset: &AssetRef, now: Timestamp) -> Vec<(Place, Replica)> {
        let replica = |(place, copied): (&Place, &Copied)| match copied {
            Copied::Data(replica) if asset.admits(&replica.asset) => Some((place.clone(), replica.clone())),
            _ => None,
        };
        self.all(now).filter_map(replica).collect()
    }

    /// The version that `asset` names; the last one listed when it names none.
    fn version(&self, asset: &AssetRef, now: Timestamp, operation: &'static str) -> Result<&Copied, ProviderError> {
        let named = self.all(now).map(|(_, copied)| copied).rfind(|copied| asset.admits(copied.asset()));
        named.ok_or_else(|| {
            ProviderError::new(ErrorKind::NotFound, operation, format!("no copy of `{asset}` is in this market"))
        })
    }

    pub(super) fn read(
        &self,
        asset: &AssetRef,
        offset: u64,
        length: u64,
        now: Timestamp,
    ) -> Result<Vec<u8>, ProviderError> {
        let copied = self.version(asset, now, "read")?;
        let length = length.min(copied.size().get().saturating_sub(offset)).min(READ_BYTES_MAX);
        Ok(seeded::bytes(seeded::key(&[&copied.asset().to_string()]), offset, length as usize))
    }

    /// Makes a copy from the place from which that is cheapest, then fastest.
    pub(super) fn transfer(
        &mut self,
        asset: &AssetRef,
        to: &Place,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<(Span, Money), ProviderError> {
        if let Some(made) = self.made.get(key) {
            return if made.asked == *asset && made.to == *to {
                Ok((made.takes, made.costs))
            } else {
                let message = format!("the key `{key}` was used to copy `{}` to {}", made.asked, made.to);
                Err(ProviderError::new(ErrorKind::Conflict, "transfer", message))
            };
        }
        if self.made.len() >= TRANSFERS_MAX {
            let message = format!("this market has made {TRANSFERS_MAX} copies, and makes no more");
            return Err(ProviderError::new(ErrorKind::Exhausted, "transfer", message));
        }
        let transfer = self.plan(asset, to, now)?;
        let answer = (transfer.takes, transfer.costs);
        let mut made = self.made.clone();
        made.insert(key.clone(), transfer);
        write(&self.path, &made, Durability::Before).map_err(|error| {
            ProviderError::new(ErrorKind::System, "transfer", "the transfer cannot be recorded").with_source(error)
        })?;
        self.made = made;
        Ok(answer)
    }

    fn plan(&self, asset: &AssetRef, to: &Place, now: Timestamp) -> Result<Transfer, ProviderError> {
        let copied = self.version(asset, now, "transfer")?;
        let mut best: Option<(Span, Money)> = None;
        for (from, _) in self.all(now).filter(|(_, other)| other.asset() == copied.asset()) {
            let route = self.network.route(from, to);
            let costs = route
                .cost(copied.size())
                .map_err(|error| ProviderError::new(ErrorKind::Invalid, "transfer", error.to_string()))?;
            let takes = route.time(copied.size(), 0.0);
            let better = best.is_none_or(|(time, money)| (costs.micros(), takes) < (money.micros(), time));
            if better {
                best = Some((takes, costs));
            }
        }
        let (takes, costs) = best.unwrap_or((Span::ZERO, Money::zero(Currency::USD)));
        let ready = now.after(takes);
        Ok(Transfer { asked: asset.clone(), to: to.clone(), copied: copied.clone(), takes, costs, ready })
    }
}

#[cfg(test)]
mod tests {
    use super::super::builtin_network;
    use super::*;
    use orp_core::noun::{DataClass, Visibility};
    use std::path::Path;

    fn replica(asset: &str, size: &str) -> Copied {
        let (asset, size) = (asset.parse().unwrap(), size.parse().unwrap());
        Copied::Data(Replica { asset, size, tokens: None, class: DataClass::Internal })
    }

    fn copies(folder: &Path) -> Copies {
        let weights = Weights {
            asset: "llama@v1".parse().unwrap(),
            size: "140 GB".parse().unwrap(),
            parameters: 70_000_000_000,
            visibility: Visibility::Public,
        };
        let given = vec![
            (Place::new("aws", "us-east-1"), replica("corpus@v1", "100 GB")),
            (Place::new("gcp", "us-east4"), replica("corpus@v1", "100 GB")),
            (Place::new("aws", "us-east-1"), replica("corpus@v2", "50 GB")),
            (Place::new("aws", "us-east-1"), Copied::Model(weights)),
        ];
        Copies::open(given, builtin_network(), folder.join("transfers.json")).unwrap()
    }

    #[test]
    fn copies_are_found_by_name_and_version() {
        let folder = tempfile::tempdir().unwrap();
        let copies = copies(folder.path());
        for (asset, count) in [("corpus", 3), ("corpus@v1", 2), ("corpus@v9", 0), ("other", 0), ("llama@v1", 0)] {
            assert_eq!(copies.locate(&asset.parse().unwrap(), Timestamp::EPOCH).len(), count, "{asset}");
        }
        let provider = ProviderName::new("market").unwrap();
        let offers: Vec<String> = copies
            .all(Timestamp::EPOCH)
            .map(|(place, copied)| copied.offer(place, &provider).unwrap())
            .map(|offer| format!("{} {}", offer.key, offer.title()))
            .collect();
        assert_eq!(offers[0], "market:data/corpus@v1/aws/us-east-1 corpus@v1 (100 GB)");
        assert_eq!(offers[3], "market:model/llama@v1/aws/us-east-1 llama@v1 (140 GB)");
    }

    #[test]
    fn a_copy_is_made_once_from_where_it_is_cheapest() {
        let folder = tempfile::tempdir().unwrap();
        let to = Place::new("aws", "us-west-2");
        let (asset, key) = ("corpus@v1".parse().unwrap(), IdempotencyKey::new("t1"));
        let mut first = copies(folder.path());
        let (takes, costs) = first.transfer(&asset, &to, &key, Timestamp::EPOCH).unwrap();
        assert_eq!(costs.to_string(), "2.00 USD", "from us-east-1, not from GCP at 0.12 USD/GB");
        assert_eq!(takes, Span::from_secs_f64(100e9 * 8.0 / 5.2e9));
        let mut again = copies(folder.path());
        let later = Timestamp::EPOCH.after(takes);
        assert_eq!(again.transfer(&asset, &to, &key, later).unwrap(), (takes, costs), "also after a restart");
        assert_eq!(again.locate(&asset, Timestamp::EPOCH).len(), 2, "it is not there yet");
        assert_eq!(again.locate(&asset, later).len(), 3);
        let error = again.transfer(&asset, &Place::new("gcp", "x"), &key, later).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        let error = again.transfer(&"other".parse().unwrap(), &to, &IdempotencyKey::new("t2"), later).unwrap_err();
        assert_eq!(error.to_string(), "transfer failed: no copy of `other` is in this market");
    }

    #[test]
    fn content_has_the_declared_size_and_is_always_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let mut copies = copies(folder.path());
        copies.given.push((Place::new("aws", "us-east-1"), replica("tiny@v1", "10 B")));
        let read = |asset: &str, offset, length| copies.read(&asset.parse().unwrap(), offset, length, Timestamp::EPOCH);
        assert_eq!(read("tiny", 0, 100).unwrap().len(), 10);
        assert_eq!(read("tiny@v1", 4, 100).unwrap(), read("tiny", 0, 10).unwrap()[4..]);
        assert!(read("tiny", 11, 5).unwrap().is_empty());
        assert_ne!(read("corpus@v1", 0, 64).unwrap(), read("corpus@v2", 0, 64).unwrap());
        assert_eq!(read("corpus", 0, 64).unwrap(), read("corpus@v2", 0, 64).unwrap(), "the last version listed");
        assert_eq!(read("none", 0, 1).unwrap_err().kind, ErrorKind::NotFound);
    }
}
