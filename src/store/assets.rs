//! Assets in the embedded store.

use super::Store;
use async_trait::async_trait;
use orp_core::{
    contract::AssetStore,
    error::StoreError,
    id::AssetId,
    noun::{Asset, AssetRef, LifeCycle},
};
use redb::{ReadableTable, TableDefinition, TableError};

/// Assets in order of registration.
const ASSETS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("assets");
/// The order by reference (`name@version`).
const BY_REFERENCE: TableDefinition<'_, &str, u64> = TableDefinition::new("assets-by-reference");
/// The order by identifier.
const BY_ID: TableDefinition<'_, u128, u64> = TableDefinition::new("assets-by-id");

/// Assets in an embedded [`Store`].
#[derive(Debug, Clone)]
pub struct EmbeddedAssets {
    store: Store,
}

impl EmbeddedAssets {
    pub(super) fn new(store: Store) -> Result<Self, StoreError> {
        // Makes the tables, so that readers find them.
        let write = store.begin_write()?;
        write.open_table(ASSETS).map_err(|error| store.failed(error))?;
        write.open_table(BY_REFERENCE).map_err(|error| store.failed(error))?;
        write.open_table(BY_ID).map_err(|error| store.failed(error))?;
        write.commit().map_err(|error| store.failed(error))?;
        Ok(Self { store })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(|error| self.store.failed(error))?
    }
}

#[async_trait]
impl AssetStore for EmbeddedAssets {
    async fn register(&self, asset: Asset) -> Result<AssetId, StoreError> {
        self.blocking(move |store| register(store, &asset)).await
    }

    async fn find(&self, reference: &AssetRef) -> Result<Option<Asset>, StoreError> {
        let reference = reference.clone();
        self.blocking(move |store| {
            if reference.version().is_some() {
                return at_reference(store, &reference.to_string());
            }
            // Without a version: the newest of that name, which is the last registered.
            let all = list(store)?;
            Ok(all.into_iter().rev().find(|asset| reference.admits(&asset.reference)))
        })
        .await
    }

    async fn get(&self, id: AssetId) -> Result<Option<Asset>, StoreError> {
        self.blocking(move |store| {
            let table = store.begin_read()?.open_table(BY_ID).map_err(|error| store.failed(error))?;
            let order = table.get(id.as_uuid().as_u128()).map_err(|error| store.failed(error))?;
            order.map_or(Ok(None), |order| at_order(store, order.value()))
        })
        .await
    }

    async fn transition(&self, id: AssetId, to: LifeCycle) -> Result<(), StoreError> {
        self.blocking(move |store| transition(store, id, to)).await
    }

    async fn list(&self) -> Result<Vec<Asset>, StoreError> {
        self.blocking(list).await
    }
}

fn register(store: &Store, asset: &Asset) -> Result<AssetId, StoreError> {
    let write = store.begin_write()?;
    let reference = asset.reference.to_string();
    {
        let mut assets = write.open_table(ASSETS).map_err(|error| store.failed(error))?;
        let mut by_reference = write.open_table(BY_REFERENCE).map_err(|error| store.failed(error))?;
        let mut by_id = write.open_table(BY_ID).map_err(|error| store.failed(error))?;
        let known =
            by_reference.get(reference.as_str()).map_err(|error| store.failed(error))?.map(|order| order.value());
        if let Some(order) = known {
            let known = decode(store, order, assets.get(order).map_err(|error| store.failed(error))?)?;
            return match known {
                Some(known) if known.digest == asset.digest => Ok(known.id),
                _ => Err(StoreError::Conflict(format!("asset `{reference}` is registered with another digest"))),
            };
        }
        let last = assets.last().map_err(|error| store.failed(error))?.map_or(0, |(order, _)| order.value());
        let bytes = serde_json::to_vec(asset).map_err(|error| store.failed(error))?;
        assets.insert(last + 1, bytes.as_slice()).map_err(|error| store.failed(error))?;
        by_reference.insert(reference.as_str(), last + 1).map_err(|error| store.failed(error))?;
        by_id.insert(asset.id.as_uuid().as_u128(), last + 1).map_err(|error| store.failed(error))?;
    }
    write.commit().map_err(|error| store.failed(error))?;
    Ok(asset.id)
}

fn transition(store: &Store, id: AssetId, to: LifeCycle) -> Result<(), StoreError> {
    let write = store.begin_write()?;
    {
        let by_id = write.open_table(BY_ID).map_err(|error| store.failed(error))?;
        let mut assets = write.open_table(ASSETS).map_err(|error| store.failed(error))?;
        let order = by_id.get(id.as_uuid().as_u128()).map_err(|error| store.failed(error))?.map(|order| order.value());
        let order = order.ok_or_else(|| StoreError::Conflict(format!("no asset `{id}`")))?;
        let found = decode(store, order, assets.get(order).map_err(|error| store.failed(error))?)?;
        let mut asset = found.ok_or_else(|| store.damaged(format_args!("asset {order}"), "it is missing"))?;
        if !asset.state.may_become(to) {
            return Err(StoreError::Conflict(format!("asset `{id}` is {:?} and cannot become {to:?}", asset.state)));
        }
        asset.state = to;
        let bytes = serde_json::to_vec(&asset).map_err(|error| store.failed(error))?;
        assets.insert(order, bytes.as_slice()).map_err(|error| store.failed(error))?;
    }
    write.commit().map_err(|error| store.failed(error))
}

fn at_reference(store: &Store, reference: &str) -> Result<Option<Asset>, StoreError> {
    let table = store.begin_read()?.open_table(BY_REFERENCE).map_err(|error| store.failed(error))?;
    let order = table.get(reference).map_err(|error| store.failed(error))?;
    order.map_or(Ok(None), |order| at_order(store, order.value()))
}

fn at_order(store: &Store, order: u64) -> Result<Option<Asset>, StoreError> {
    let table = store.begin_read()?.open_table(ASSETS).map_err(|error| store.failed(error))?;
    decode(store, order, table.get(order).map_err(|error| store.failed(error))?)
}

fn list(store: &Store) -> Result<Vec<Asset>, StoreError> {
    let table = match store.begin_read()?.open_table(ASSETS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(store.failed(error)),
    };
    let mut all = Vec::new();
    for row in table.iter().map_err(|error| store.failed(error))? {
        let (order, bytes) = row.map_err(|error| store.failed(error))?;
        all.extend(decode(store, order.value(), Some(bytes))?);
    }
    Ok(all)
}

fn decode(
    store: &Store,
    order: u64,
    bytes: Option<redb::AccessGuard<'_, &'static [u8]>>,
) -> Result<Option<Asset>, StoreError> {
    let decode = |bytes: redb::AccessGuard<'_, &'static [u8]>| {
        serde_json::from_slice(bytes.value()).map_err(|error| store.damaged(format_args!("asset {order}"), error))
    };
    bytes.map(decode).transpose()
}
