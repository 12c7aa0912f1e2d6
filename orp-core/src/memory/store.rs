//! A journal and an asset store that last as long as the process.

use crate::contract::{AssetStore, Journal};
use crate::error::StoreError;
use crate::id::AssetId;
use crate::noun::{Asset, AssetRef, LifeCycle, NewRecord, Record, Sequence};
use async_trait::async_trait;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A journal in memory.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Vec<Record>>);

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, records: Vec<NewRecord>) -> Result<Sequence, StoreError> {
        let mut all = held(&self.0);
        let first = all.len() as u64 + 1;
        for (at, NewRecord { at: time, run, event }) in records.into_iter().enumerate() {
            all.push(Record { sequence: Sequence(first + at as u64), at: time, run, event });
        }
        Ok(Sequence(first))
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Record>, StoreError> {
        let skip = usize::try_from(from.0.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(held(&self.0).iter().skip(skip).take(limit).cloned().collect())
    }
}

/// Assets in memory.
#[derive(Debug, Default)]
pub struct MemoryAssets(Mutex<Vec<Asset>>);

#[async_trait]
impl AssetStore for MemoryAssets {
    async fn register(&self, asset: Asset) -> Result<AssetId, StoreError> {
        let mut all = held(&self.0);
        if let Some(known) = all.iter().find(|known| known.reference == asset.reference) {
            if known.digest == asset.digest {
                return Ok(known.id);
            }
            return Err(StoreError::Conflict(format!("asset `{}` is registered with another digest", asset.reference)));
        }
        let id = asset.id;
        all.push(asset);
        Ok(id)
    }

    async fn find(&self, reference: &AssetRef) -> Result<Option<Asset>, StoreError> {
        Ok(held(&self.0).iter().rev().find(|asset| reference.admits(&asset.reference)).cloned())
    }

    async fn get(&self, id: AssetId) -> Result<Option<Asset>, StoreError> {
        Ok(held(&self.0).iter().find(|asset| asset.id == id).cloned())
    }

    async fn transition(&self, id: AssetId, to: LifeCycle) -> Result<(), StoreError> {
        let mut all = held(&self.0);
        let asset = all
            .iter_mut()
            .find(|asset| asset.id == id)
            .ok_or_else(|| StoreError::Conflict(format!("no asset `{id}`")))?;
        if !asset.state.may_become(to) {
            return Err(StoreError::Conflict(format!("asset `{id}` is {:?} and cannot become {to:?}", asset.state)));
        }
        asset.state = to;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Asset>, StoreError> {
        Ok(held(&self.0).clone())
    }
}

/// What a mutex guards, also after a panic elsewhere: every change here is made whole before the guard is dropped.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
