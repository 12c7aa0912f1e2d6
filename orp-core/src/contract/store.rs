//! Stores: the journal and the assets.

use crate::error::StoreError;
use crate::id::AssetId;
use crate::noun::{Asset, AssetRef, LifeCycle, NewRecord, Record, Sequence};
use async_trait::async_trait;
use std::fmt::Debug;

/// What happened: an append-only sequence of records, the only source of truth.
///
/// **JRN-1** when `append` has returned, its records survive the death of the process and the machine. **JRN-2** a batch is
/// there whole or not at all. **JRN-3** sequences count from 1 without gaps, in the order of the calls. **JRN-4** `read`
/// returns what was appended, unchanged.
#[async_trait]
pub trait Journal: Send + Sync + Debug {
    /// Appends records together; returns the sequence of the first. Cancelling the call leaves it open whether the batch
    /// was written.
    async fn append(&self, records: Vec<NewRecord>) -> Result<Sequence, StoreError>;

    /// At most `limit` records from `from` on, in order; fewer only at the end.
    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Record>, StoreError>;
}

/// What there is: registered assets with their versions and lineage.
///
/// **ASSET-1** `get` returns what was registered. **ASSET-2** a reference is registered once: again with another digest is
/// a conflict, again with the same changes nothing. **ASSET-3** states only go forward. **ASSET-4** a reference without a
/// version finds the newest.
#[async_trait]
pub trait AssetStore: Send + Sync + Debug {
    /// Registers an asset.
    async fn register(&self, asset: Asset) -> Result<AssetId, StoreError>;

    /// The asset a reference names.
    async fn find(&self, reference: &AssetRef) -> Result<Option<Asset>, StoreError>;

    /// The asset of this identifier.
    async fn get(&self, id: AssetId) -> Result<Option<Asset>, StoreError>;

    /// Moves an asset on in its life.
    async fn transition(&self, id: AssetId, to: LifeCycle) -> Result<(), StoreError>;

    /// All assets, oldest first.
    async fn list(&self) -> Result<Vec<Asset>, StoreError>;
}
