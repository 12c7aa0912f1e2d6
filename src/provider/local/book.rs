//! The book of leases: every lease of this machine, on disk before anybody hears of it.
//!
//! Each lease has a record, written when it is granted and again when it is over, whole and through to the disk; and a log
//! of what was launched on it, one line for each. The log need not be through to the disk: no process outlives the
//! machine. Leases that are over are kept, so that calls repeated after a crash get the same answers; the oldest are
//! forgotten beyond [`OVER_MAX`].

use super::share::Share;
use super::unusable;
use crate::process::file::{Durability, read, write};
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdempotencyKey, LeaseId};
use orp_core::noun::{AcquireRequest, FencingToken, Lease, Released};
use orp_core::unit::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many leases that are over are remembered.
const OVER_MAX: usize = 10_000;
/// How many executions a lease may have.
const EXECUTIONS_MAX: usize = 10_000;

/// What the book says of a lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What was asked for.
    pub(super) request: AcquireRequest,
    /// What was granted.
    pub(super) lease: Lease,
    /// The part of the machine it holds until it is over.
    pub(super) share: Share,
    /// How it ended: it is over, and nothing runs on it.
    pub(super) released: Option<Released>,
    /// It is about to end: nothing is launched on it any more. A host that dies now leaves it held.
    #[serde(skip)]
    pub(super) releasing: Option<Released>,
    /// What was launched on it, with its folder: logged before it is started.
    #[serde(skip)]
    pub(super) executions: BTreeMap<IdempotencyKey, PathBuf>,
}

impl Record {
    pub(super) fn new(request: AcquireRequest, lease: Lease, share: Share) -> Self {
        Self { request, lease, share, released: None, releasing: None, executions: BTreeMap::new() }
    }
}

/// One line of a lease's log.
#[derive(Serialize, Deserialize)]
struct Launched {
    key: IdempotencyKey,
    folder: PathBuf,
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
            if let Some(mut record) = read::<Record>(&path).map_err(|error| unusable(&path, error))? {
                let log = book.log(record.lease.id);
                record.executions = launches(&log).map_err(|error| unusable(&log, error))?;
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

    /// Leases that are not over, by the order in which they were granted.
    pub(super) fn held(&self) -> Vec<Lease> {
        let held = self.records.values().filter(|record| record.released.is_none());
        let mut leases: Vec<Lease> = held.map(|record| record.lease.clone()).collect();
        leases.sort_by_key(|lease| lease.token);
        leases
    }

    /// The parts of the machine that are held.
    pub(super) fn occupied(&self) -> impl Iterator<Item = &Share> {
        self.records.values().filter(|record| record.released.is_none()).map(|record| &record.share)
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

    /// Logs what is about to be launched on a lease.
    pub(super) fn launch(&mut self, id: LeaseId, key: IdempotencyKey, folder: PathBuf) -> Result<(), ProviderError> {
        let log = self.log(id);
        let record = self.records.get_mut(&id).ok_or_else(|| no_lease(id, "launch"))?;
        if record.executions.len() >= EXECUTIONS_MAX {
            let message = format!("the lease {} has had {EXECUTIONS_MAX} executions, and takes no more", id.short());
            return Err(ProviderError::new(ErrorKind::Exhausted, "launch", message));
        }
        append(&log, &Launched { key: key.clone(), folder: folder.clone() }).map_err(|error| {
            ProviderError::new(ErrorKind::System, "launch", "the launch cannot be recorded")
                .with_context("lease", id)
                .with_source(error)
        })?;
        record.executions.insert(key.clone(), folder);
        self.launched.insert(key, id);
        Ok(())
    }

    /// Begins the end of a lease: how it ends, if nothing comes between, and in which folders something may still run.
    pub(super) fn begin_release(
        &mut self,
        id: LeaseId,
        now: Timestamp,
    ) -> Result<(Released, Vec<PathBuf>), ProviderError> {
        let record = self.records.get_mut(&id).ok_or_else(|| no_lease(id, "release"))?;
        match record.released {
            Some(released) => Ok((released, Vec::new())),
            None => {
                let released = *record.releasing.get_or_insert(Released { at: now, reclaimed: false });
                Ok((released, record.executions.values().cloned().collect()))
            }
        }
    }

    /// Writes down that a lease is over, once nothing runs on it.
    pub(super) fn end_release(&mut self, id: LeaseId, released: Released) -> Result<(), ProviderError> {
        let before = self.records.get(&id).ok_or_else(|| no_lease(id, "release"))?;
        if before.released.is_some() {
            return Ok(());
        }
        let record = Record { released: Some(released), ..before.clone() };
        self.save(&record, "release")?;
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

    fn log(&self, id: LeaseId) -> PathBuf {
        self.folder.join(format!("{id}.log"))
    }

    /// Forgets the oldest of too many leases that are over. Never the newest, which says what the next token is.
    fn forget(&mut self) {
        let over = || self.records.values().filter(|record| record.released.is_some());
        if over().count() <= OVER_MAX {
            return;
        }
        let Some(oldest) = over().min_by_key(|record| record.lease.token).map(|record| record.lease.clone()) else {
            return;
        };
        // One that stays on disk is forgotten by the next host.
        let _ = std::fs::remove_file(self.path(oldest.id));
        let _ = std::fs::remove_file(self.log(oldest.id));
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

fn append(log: &Path, launched: &Launched) -> io::Result<()> {
    let mut line = serde_json::to_vec(launched)?;
    line.push(b'\n');
    File::options().create(true).append(true).open(log)?.write_all(&line)
}

/// What was launched, by a lease's log; a line that a power failure tore is passed over.
fn launches(log: &Path) -> io::Result<BTreeMap<IdempotencyKey, PathBuf>> {
    let bytes = match std::fs::read(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        other => other?,
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Launched>(line).ok());
    Ok(lines.map(|launched| (launched.key, launched.folder)).collect())
}

fn no_lease(id: LeaseId, operation: &'static str) -> ProviderError {
    ProviderError::new(ErrorKind::NotFound, operation, format!("no lease `{id}`"))
}
