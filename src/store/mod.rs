//! The embedded store: journal and assets in one [redb] file, no server.
//!
//! Chosen over SQLite and LSM stores because it is pure Rust in three crates, keeps everything in one file, and reads
//! about twice as fast for each unit of processor time; its format is behind [`Journal`](orp_core::contract::Journal) and
//! [`AssetStore`](orp_core::contract::AssetStore), so a host may bring its own database. With *quick repair* on, a store
//! whose host was killed opens in milliseconds whatever its size.
//!
//! [redb]: https://docs.rs/redb

mod assets;
mod journal;

pub use assets::EmbeddedAssets;
pub use journal::EmbeddedJournal;

use crate::lock::patiently;
use orp_core::error::StoreError;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The version of the tables and of the records in them. A newer one is refused, an older one would be migrated.
pub const SCHEMA_VERSION: u32 = 1;

const META: TableDefinition<'_, &str, u32> = TableDefinition::new("meta");
const VERSION: &str = "schema-version";

/// An open store: one file that one host holds.
#[derive(Debug, Clone)]
pub struct Store {
    database: Arc<Database>,
    path: PathBuf,
}

impl Store {
    /// Opens the store at `path`, or makes it (with the folders above it).
    ///
    /// [`StoreError::Locked`] when another host has it open, [`StoreError::Newer`] when a newer version wrote it,
    /// [`StoreError::Damaged`] when the file is not a store; then nothing is changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let name = path.display().to_string();
        let failed = |detail: String| StoreError::Io { store: name.clone(), detail };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        let locked = || StoreError::Locked { store: name.clone(), detail: "its file is locked".into() };
        let opened = patiently(|| match Database::create(&path) {
            Err(DatabaseError::DatabaseAlreadyOpen) => Ok(None),
            opened => opened.map(Some),
        });
        let database = opened.map_err(|error| match error {
            DatabaseError::Storage(redb::StorageError::Corrupted(detail)) => {
                StoreError::Damaged { store: name.clone(), at: "its header".into(), detail }
            }
            DatabaseError::Storage(redb::StorageError::Io(error))
                if error.kind() == std::io::ErrorKind::InvalidData =>
            {
                StoreError::Damaged { store: name.clone(), at: "its header".into(), detail: error.to_string() }
            }
            error => failed(error.to_string()),
        })?;
        let database = database.ok_or_else(locked)?;
        let store = Self { database: Arc::new(database), path };
        store.check_version()?;
        Ok(store)
    }

    /// Its journal. One journal for each store: its appends are put together into few commits by one thread.
    pub fn journal(&self) -> Result<EmbeddedJournal, StoreError> {
        EmbeddedJournal::new(self.clone())
    }

    /// Its assets.
    pub fn assets(&self) -> Result<EmbeddedAssets, StoreError> {
        EmbeddedAssets::new(self.clone())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn check_version(&self) -> Result<(), StoreError> {
        let write = self.begin_write()?;
        let found = {
            let mut meta = write.open_table(META).map_err(|error| self.failed(error))?;
            let found = meta.get(VERSION).map_err(|error| self.failed(error))?.map(|version| version.value());
            if found.is_none() {
                meta.insert(VERSION, SCHEMA_VERSION).map_err(|error| self.failed(error))?;
            }
            found.unwrap_or(SCHEMA_VERSION)
        };
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer { store: self.name(), found, known: SCHEMA_VERSION });
        }
        write.commit().map_err(|error| self.failed(error))
    }

    /// A transaction whose commit returns when its changes are on disk.
    fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        let mut write = self.database.begin_write().map_err(|error| self.failed(error))?;
        write.set_durability(Durability::Immediate).map_err(|error| self.failed(error))?;
        write.set_quick_repair(true);
        Ok(write)
    }

    fn begin_read(&self) -> Result<redb::ReadTransaction, StoreError> {
        self.database.begin_read().map_err(|error| self.failed(error))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn failed(&self, error: impl std::fmt::Display) -> StoreError {
        StoreError::Io { store: self.name(), detail: error.to_string() }
    }

    fn damaged(&self, at: impl std::fmt::Display, error: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged { store: self.name(), at: at.to_string(), detail: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_host_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orp.redb");
        let store = Store::open(&path).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Locked { .. })));
        drop(store);
        Store::open(&path).unwrap();
    }

    #[test]
    fn a_newer_or_foreign_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let newer = folder.path().join("newer.redb");
        let store = Store::open(&newer).unwrap();
        let write = store.begin_write().unwrap();
        write.open_table(META).unwrap().insert(VERSION, 99).unwrap();
        write.commit().unwrap();
        drop(store);
        assert!(matches!(Store::open(&newer), Err(StoreError::Newer { found: 99, .. })));
        let foreign = folder.path().join("foreign.redb");
        std::fs::write(&foreign, "not a store at all, but somebody's notes").unwrap();
        assert!(matches!(Store::open(&foreign), Err(StoreError::Damaged { .. })));
        assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "not a store at all, but somebody's notes");
    }
}
