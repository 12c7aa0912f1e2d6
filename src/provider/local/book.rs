//! The book of leases: every lease of this machine, on disk before anybody hears of it.
//!
//! One file for each lease, replaced whole. Leases that are over are kept, so that calls repeated after a crash get the
//! same answers; the oldest are forgotten beyond [`CLEARED_MAX`].

use super::share::Share;
use super::unusable;
use crate::process::file::{Durability, read, write};
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdempotencyKey, LeaseId};
use orp_core::noun::{AcquireRequest, FencingToken, Lease, Released};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// How many leases that are over are remembered.
const CLEARED_MAX: usize = 10_000;
/// How many executions a lease may have.
const EXECUTIONS_MAX: usize = 10_000;

/// What the book says of a lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What was asked for.
    pub(super) request: AcquireRequest,
    /// What was granted.
    pub(super) lease: Lease,
    /// The part of the machine it holds until it is cleared.
    pub(super) share: Share,
    /// What was launched on it, with its folder: written before it is started.
    pub(super) executions: BTreeMap<IdempotencyKey, PathBuf>,
    /// How it ended.
    pub(super) released: Option<Released>,
    /// It ended, and nothing runs on it any more.
    pub(super) cleared: bool,
}

impl Record {
    pub(super) fn new(request: AcquireRequest, lease: Lease, share: Share) -> Self {
        Self { request, lease, share, executions: BTreeMap::new(), released: None, cleared: false }
    }
}

/// All leases, by id, by the key they were acquired under, and by what was launched on them.
#[derive(Debug)]
pub(super) struct Book {
    folder: PathBuf,
    records: BTreeMap<LeaseId, Record>,
    keys: BTreeMap<IdempotencyKey, LeaseId>,
    launched: BTreeMap<IdempotencyKey, LeaseId>,
}

impl Book {
    /// Reads the book in `folder`, which is made if it is not there.
    pub(super) fn open(folder: PathBuf) -> Result<Self, ProviderError> {
        let names = std::fs::create_dir_all(&folder).and_then(|()| paths(&folder));
        let names = names.map_err(|error| unusable(&folder, error))?;
        let mut book = Self { folder, records: BTreeMap::new(), keys: BTreeMap::new(), launched: BTreeMap::new() };
        for path in names {
            if let Some(record) = read(&path).map_err(|error| unusable(&path, error))? {
                book.index(record);
            }
        }
        Ok(book)
    }

    fn index(&mut self, record: Record) {
        let id = record.lease.id;
        self.keys.insert(record.lease.key.clone(), id);
        self.launched.extend(record.executions.keys().map(|key| (key.clone(), id)));
        self.records.insert(id, record);
    }

    pub(super) fn by_key(&self, key: &IdempotencyKey) -> Option<&Record> {
        self.keys.get(key).and_then(|id| self.records.get(id))
    }

    /// The lease, if there is one and the token is its own.
    pub(super) fn current(
        &self,
        id: LeaseId,
        token: FencingToken,
        operation: &'static str,
    ) -> Result<&Record, ProviderError> {
        let record = self.records.get(&id).ok_or_else(|| no_lease(id, operation))?;
        if record.lease.token == token {
            return Ok(record);
        }
        let message = format!("the token {} is stale, the lease has {}", token.0, record.lease.token.0);
        Err(ProviderError::new(ErrorKind::Conflict, operation, message).with_context("lease", id))
    }

    /// The lease on which `execution` was launched, and its folder.
    pub(super) fn execution(&self, execution: &IdempotencyKey) -> Option<(LeaseId, &Path)> {
        let record = self.launched.get(execution).and_then(|id| self.records.get(id))?;
        record.executions.get(execution).map(|folder| (record.lease.id, folder.as_path()))
    }

    /// Leases that have not ended, by the order in which they were granted.
    pub(super) fn held(&self) -> Vec<Lease> {
        let mut held: Vec<Lease> = self
            .records
            .values()
            .filter(|record| record.released.is_none())
            .map(|record| record.lease.clone())
            .collect();
        held.sort_by_key(|lease| lease.token);
        held
    }

    /// Leases that have ended while something may still run on them.
    pub(super) fn uncleared(&self) -> Vec<LeaseId> {
        let uncleared = self.records.values().filter(|record| record.released.is_some() && !record.cleared);
        uncleared.map(|record| record.lease.id).collect()
    }

    /// The folders in which something may run that is to be killed: none when the lease is not over, or cleared.
    pub(super) fn folders_to_clear(&self, id: LeaseId) -> Vec<PathBuf> {
        match self.records.get(&id) {
            Some(record) if record.released.is_some() && !record.cleared => {
                record.executions.values().cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The parts of the machine that are held.
    pub(super) fn occupied(&self) -> impl Iterator<Item = &Share> {
        self.records.values().filter(|record| !record.cleared).map(|record| &record.share)
    }

    /// The token of the next lease: greater than every one before.
    pub(super) fn next_token(&self) -> FencingToken {
        let greatest = self.records.values().map(|record| record.lease.token.0).max().unwrap_or_default();
        FencingToken(greatest.saturating_add(1))
    }

    /// Writes a new lease down.
    pub(super) fn insert(&mut self, record: Record) -> Result<(), ProviderError> {
        self.save(&record, "acquire")?;
        self.index(record);
        self.forget();
        Ok(())
    }

    /// Changes the record of a lease, on disk and then here.
    pub(super) fn change(
        &mut self,
        id: LeaseId,
        operation: &'static str,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), ProviderError> {
        let before = self.records.get(&id).ok_or_else(|| no_lease(id, operation))?;
        let mut record = before.clone();
        change(&mut record);
        if record == *before {
            return Ok(());
        }
        if record.executions.len() > EXECUTIONS_MAX {
            let message = format!("the lease {} has had {EXECUTIONS_MAX} executions, and takes no more", id.short());
            return Err(ProviderError::new(ErrorKind::Exhausted, operation, message));
        }
        self.save(&record, operation)?;
        self.index(record);
        Ok(())
    }

    fn save(&self, record: &Record, operation: &'static str) -> Result<(), ProviderError> {
        write(&self.path(record.lease.id), record, Durability::Before).map_err(|error| {
            ProviderError::new(ErrorKind::System, operation, "the lease cannot be recorded")
                .with_context("lease", record.lease.id)
                .with_source(error)
        })
    }

    fn path(&self, id: LeaseId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// Forgets the oldest of too many leases that are over. Never the newest, which says what the next token is.
    fn forget(&mut self) {
        let cleared = || self.records.values().filter(|record| record.cleared);
        if cleared().count() <= CLEARED_MAX {
            return;
        }
        let Some(oldest) = cleared().min_by_key(|record| record.lease.token).map(|record| record.lease.clone()) else {
            return;
        };
        // One that stays on disk is forgotten by the next host.
        let _ = std::fs::remove_file(self.path(oldest.id));
        self.records.remove(&oldest.id);
        self.keys.remove(&oldest.key);
        self.launched.retain(|_, id| *id != oldest.id);
    }
}

/// The records in a folder; other files are what a crash left of records that were being written.
fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    Ok(paths)
}

fn no_lease(id: LeaseId, operation: &'static str) -> ProviderError {
    ProviderError::new(ErrorKind::NotFound, operation, format!("no lease `{id}`"))
}
