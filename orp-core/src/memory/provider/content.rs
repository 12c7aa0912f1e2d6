//! Data sets and models in memory.

use super::{MemoryProvider, State};
use crate::contract::{DataProvider, ModelProvider};
use crate::error::{ErrorKind, ProviderError};
use crate::id::IdempotencyKey;
use crate::memory::store::held;
use crate::noun::{AssetRef, Network, Offer, OfferKey, Place, Replica, Resource, Visibility, Weights};
use crate::unit::{Bytes, Currency, Money, Price, Span};
use async_trait::async_trait;
use std::path::Path;

impl MemoryProvider {
    /// Puts a file where [`ModelProvider::push`] finds it: like everything here, files are in memory.
    pub fn put_file(&self, path: impl AsRef<Path>, content: impl Into<Vec<u8>>) {
        self.change(|state| state.files.insert(path.as_ref().into(), content.into()));
    }

    /// The file of this path: one that was put there, or that [`ModelProvider::pull`] wrote.
    pub fn file(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        held(&self.shared).files.get(path.as_ref()).cloned()
    }

    fn no_asset(&self, operation: &'static str, asset: &AssetRef) -> ProviderError {
        self.error(ErrorKind::NotFound, operation, format!("no asset `{asset}`"))
    }
}

impl State {
    fn replicas(&self, asset: &AssetRef) -> Vec<(Place, Replica)> {
        let offered = self.offers.iter().filter_map(|offer| match &offer.resource {
            Resource::Data(replica) => Some((offer.place.clone(), replica.clone())),
            _ => None,
        });
        offered.chain(self.moved.iter().cloned()).filter(|(_, replica)| asset.admits(&replica.asset)).collect()
    }

    fn weights(&self, asset: &AssetRef) -> Vec<(Place, Weights)> {
        let copies = self.offers.iter().filter_map(|offer| match &offer.resource {
            Resource::Model(weights) => Some((offer.place.clone(), weights.clone())),
            _ => None,
        });
        copies.filter(|(_, weights)| asset.admits(&weights.asset)).collect()
    }
}

#[async_trait]
impl DataProvider for MemoryProvider {
    async fn locate(&self, asset: &AssetRef) -> Result<Vec<(Place, Replica)>, ProviderError> {
        Ok(held(&self.shared).replicas(asset))
    }

    async fn read(&self, asset: &AssetRef, offset: u64, length: u64) -> Result<Vec<u8>, ProviderError> {
        let state = held(&self.shared);
        let (_, replica) = state.replicas(asset).pop().ok_or_else(|| self.no_asset("read", asset))?;
        let end = replica.size.get().min(offset.saturating_add(length));
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let (from, to) = (place(offset.min(end)), place(end));
        Ok(match state.content.get(&replica.asset) {
            Some(content) => content.get(from..to.min(content.len())).unwrap_or_default().to_vec(),
            None => vec![0; to - from],
        })
    }

    async fn transfer(
        &self,
        asset: &AssetRef,
        to: &Place,
        key: &IdempotencyKey,
    ) -> Result<(Span, Money), ProviderError> {
        self.change(|state| {
            if let Some(done) = state.transfers.get(key) {
                return Ok(*done);
            }
            let mut cheapest: Option<(Money, Span, Replica)> = None;
            for (from, replica) in state.replicas(asset) {
                let route = self.network.route(&from, to);
                let cost = route.cost(replica.size).map_err(|error| {
                    self.error(ErrorKind::Invalid, "transfer", error.to_string()).with_context("asset", asset)
                })?;
                if cheapest.as_ref().is_none_or(|(least, ..)| cost < *least) {
                    cheapest = Some((cost, route.time(replica.size, 0.0), replica));
                }
            }
            let (cost, time, replica) = cheapest.ok_or_else(|| self.no_asset("transfer", asset))?;
            state.moved.push((to.clone(), replica));
            state.transfers.insert(key.clone(), (time, cost));
            Ok((time, cost))
        })
    }

    fn network(&self) -> Network {
        self.network.clone()
    }
}

#[async_trait]
impl ModelProvider for MemoryProvider {
    async fn resolve(&self, asset: &AssetRef) -> Result<Vec<(Place, Weights)>, ProviderError> {
        Ok(held(&self.shared).weights(asset))
    }

    async fn pull(&self, asset: &AssetRef, to: &Path) -> Result<(), ProviderError> {
        self.change(|state| {
            let (_, weights) = state.weights(asset).pop().ok_or_else(|| self.no_asset("pull", asset))?;
            let content = state.content.get(&weights.asset).cloned().unwrap_or_default();
            state.files.insert(to.into(), content);
            Ok(())
        })
    }

    async fn push(&self, asset: &AssetRef, from: &Path) -> Result<(), ProviderError> {
        let error = |kind, message: String| self.error(kind, "push", message).with_context("asset", asset);
        let id = asset.to_string().parse().map_err(|wrong| error(ErrorKind::Invalid, format!("{wrong}")))?;
        self.change(|state| {
            let missing = || error(ErrorKind::NotFound, format!("no file `{}`", from.display()));
            let content = state.files.get(from).cloned().ok_or_else(missing)?;
            if !state.weights(asset).is_empty() {
                let same = state.content.get(asset) == Some(&content);
                return if same {
                    Ok(())
                } else {
                    Err(error(ErrorKind::Conflict, "it exists with other bytes".into()))
                };
            }
            let size = Bytes::new(content.len() as u64);
            let weights = Weights { asset: asset.clone(), size, parameters: 0, visibility: Visibility::Private };
            let key = OfferKey { provider: self.name.clone(), offer: id };
            let free = Price::per_gigabyte(Money::zero(Currency::USD));
            let place = Place::new(self.name.as_str(), "memory");
            state.offers.push(Offer::new(key, Resource::Model(weights), place, free));
            state.content.insert(asset.clone(), content);
            Ok(())
        })
    }
}
