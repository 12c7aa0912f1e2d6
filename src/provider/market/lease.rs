//! The book of leases: every lease of the market, on disk before anybody hears of it.
//!
//! One file for each lease, replaced whole. A record says what was granted, when it will be taken back, what was launched on
//! it, and how it ended. Released leases are kept, so that calls repeated after a crash get the same answers; the oldest are
//! forgotten beyond [`RELEASED_MAX`].

use super::reclaim::Outage;
use crate::process::file::{Durability, read, write};
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdempotencyKey, LeaseId, OfferId};
use orp_core::noun::{FencingToken, Lease, Released};
use orp_core::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// How many released leases are remembered.
const RELEASED_MAX: usize = 10_000;
/// How many executions a lease may have.
const EXECUTIONS_MAX: usize = 10_000;

/// What the book says of a lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LeaseRecord {
    /// The lease.
    pub(super) lease: Lease,
    /// The options it was asked for with.
    pub(super) options: BTreeMap<String, String>,
    /// The share of this machine's processor that its processes get.
    pub(super) speed: f64,
    /// When the market will take it back, and when it has capacity again.
    pub(super) reclaim: Option<Reclaim>,
    /// Notice was given: nothing more is launched on it.
    pub(super) noticed: bool,
    /// What was launched on it, with its folder: written before it is started.
    pub(super) executions: BTreeMap<IdempotencyKey, PathBuf>,
    /// How it ended.
    pub(super) released: Option<Released>,
    /// It ended, and nothing runs on it any more.
    pub(super) cleared: bool,
}

/// A planned reclaim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reclaim {
    /// When the lease is gone.
    pub(super) at: Timestamp,
    /// How long before it is told.
    pub(super) notice: Span,
    /// When the pool has capacity again.
    pub(super) back: Timestamp,
}

impl Reclaim {
    pub(super) const fn new(outage: Outage, notice: Span) -> Self {
        Self { at: outage.from, notice, back: outage.until }
    }

    /// When notice is given; at once when the lease is younger than the notice.
    pub(super) fn told(&self) -> Timestamp {
        self.at.before(self.notice)
    }
}

impl LeaseRecord {
    pub(super) fn new(lease: Lease, options: BTreeMap<String, String>, speed: f64, reclaim: Option<Reclaim>) -> Self {
        Self {
            lease,
            options,
            speed,
            reclaim,
            noticed: false,
            executions: BTreeMap::new(),
            released: None,
            cleared: false,
        }
    }

    /// The latest time that its record speaks of as past.
    fn latest(&self) -> Timestamp {
        self.released.map_or(Timestamp::EPOCH, |released| released.at)
    }
}

/// All leases of a market, by id, by the key they were acquired under, and by what was launched on them.
#[derive(Debug)]
pub(super) struct LeaseBook {
    folder: PathBuf,
    records: BTreeMap<LeaseId, LeaseRecord>,
    keys: BTreeMap<IdempotencyKey, LeaseId>,
    launched: BTreeMap<IdempotencyKey, LeaseId>,
    /// The market was shut down: nothing is granted any more.
    full: bool,
    /// The host has let go of the market: nothing is written any more.
    closed: bool,
}

impl LeaseBook {
    /// Reads the book in `folder`, which is made if it is not there.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let mut book = Self {
            folder,
            records: BTreeMap::new(),
            keys: BTreeMap::new(),
            launched: BTreeMap::new(),
            full: false,
            closed: false,
        };
        for entry in std::fs::read_dir(&book.folder)? {
            let path = entry?.path();
            // Others are what a crash left of files that were being written.
            if path.extension().is_some_and(|extension| extension == "json")
                && let Some(record) = read(&path).map_err(|error| named(&path, error))?
            {
                book.index(record);
            }
        }
        Ok(book)
    }

    fn index(&mut self, record: LeaseRecord) {
        let id = record.lease.id;
        self.keys.insert(record.lease.key.clone(), id);
        self.launched.extend(record.executions.keys().map(|key| (key.clone(), id)));
        self.records.insert(id, record);
    }

    /// Nothing is granted from here on.
    pub(super) fn grant_no_more(&mut self) {
        self.full = true;
    }

    /// Nothing is written from here on.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn get(&self, id: LeaseId) -> Option<&LeaseRecord> {
        self.records.get(&id)
    }

    pub(super) fn by_key(&self, key: &IdempotencyKey) -> Option<&LeaseRecord> {
        self.keys.get(key).and_then(|id| self.records.get(id))
    }

    /// The lease on which `execution` was launched, and its folder.
    pub(super) fn execution(&self, execution: &IdempotencyKey) -> Option<(LeaseId, &Path)> {
        let record = self.launched.get(execution).and_then(|id| self.records.get(id))?;
        record.executions.get(execution).map(|folder| (record.lease.id, folder.as_path()))
    }

    /// Leases that have not ended, by the order in which they were granted.
    pub(super) fn held(&self) -> impl Iterator<Item = &LeaseRecord> {
        self.records.values().filter(|record| record.released.is_none())
    }

    /// Leases that have ended while something may still run on them.
    pub(super) fn uncleared(&self) -> impl Iterator<Item = &LeaseRecord> {
        self.records.values().filter(|record| record.released.is_some() && !record.cleared)
    }

    /// How many units of each offer are leased.
    pub(super) fn leased(&self) -> BTreeMap<&OfferId, u32> {
        let mut units: BTreeMap<&OfferId, u32> = BTreeMap::new();
        for record in self.held() {
            let leased = units.entry(&record.lease.offer.key.offer).or_default();
            *leased = leased.saturating_add(record.lease.units);
        }
        units
    }

    /// The token of the next lease: greater than every one before.
    pub(super) fn next_token(&self) -> FencingToken {
        let greatest = self.records.values().map(|record| record.lease.token.0).max().unwrap_or_default();
        FencingToken(greatest.saturating_add(1))
    }

    /// The latest time that the book speaks of as past.
    pub(super) fn latest(&self) -> Timestamp {
        self.records.values().map(LeaseRecord::latest).max().unwrap_or_default()
    }

    /// Writes a new lease down.
    pub(super) fn insert(&mut self, record: LeaseRecord, operation: &'static str) -> Result<(), ProviderError> {
        if self.full {
            return Err(ProviderError::new(ErrorKind::Unavailable, operation, "the market is shut down"));
        }
        self.save(&record, operation)?;
        self.index(record);
        self.forget();
        Ok(())
    }

    /// Changes the record of a lease, on disk and then here.
    pub(super) fn change(
        &mut self,
        id: LeaseId,
        operation: &'static str,
        change: impl FnOnce(&mut LeaseRecord),
    ) -> Result<(), ProviderError> {
        let Some(mut record) = self.records.get(&id).cloned() else {
            return Err(ProviderError::new(ErrorKind::NotFound, operation, format!("no lease `{id}`")));
        };
        change(&mut record);
        if record.executions.len() > EXECUTIONS_MAX {
            let message = format!("`{id}` has had {EXECUTIONS_MAX} executions, and takes no more");
            return Err(ProviderError::new(ErrorKind::Exhausted, operation, message));
        }
        self.save(&record, operation)?;
        self.index(record);
        Ok(())
    }

    fn save(&self, record: &LeaseRecord, operation: &'static str) -> Result<(), ProviderError> {
        if self.closed {
            return Err(ProviderError::new(ErrorKind::Unavailable, operation, "the market is closed"));
        }
        write(&self.path(record.lease.id), record, Durability::Before).map_err(|error| {
            ProviderError::new(ErrorKind::System, operation, "the lease cannot be recorded")
                .with_context("lease", record.lease.id)
                .with_source(error)
        })
    }

    fn path(&self, id: LeaseId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// Forgets the oldest of too many released leases.
    fn forget(&mut self) {
        let over = |record: &&LeaseRecord| record.cleared;
        let count = self.records.values().filter(over).count();
        if count <= RELEASED_MAX {
            return;
        }
        let oldest = self.records.values().filter(over).min_by_key(|record| record.lease.token).cloned();
        if let Some(record) = oldest {
            // One that stays on disk is forgotten the next time.
            let _ = std::fs::remove_file(self.path(record.lease.id));
            self.records.remove(&record.lease.id);
            self.keys.remove(&record.lease.key);
            self.launched.retain(|_, id| *id != record.lease.id);
        }
    }
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::contract::IdSource;
    use orp_core::id::{ProviderName, Tenant};
    use orp_core::memory::SeededIds;
    use orp_core::noun::AcquireRequest;

    fn record(ids: &dyn IdSource, key: &str, token: FencingToken) -> LeaseRecord {
        let market = ProviderName::new("market").unwrap();
        let offer = super::super::Catalogue::builtin().offers(&market, &super::super::Supply::default()).remove(0);
        let request = AcquireRequest::new(IdempotencyKey::new(key), offer.key.offer.clone(), Tenant::new("t").unwrap());
        let lease = Lease::new(LeaseId::next(ids), &request, token, offer, Timestamp::EPOCH);
        LeaseRecord::new(lease, BTreeMap::new(), 1.0, None)
    }

    #[test]
    fn the_book_is_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let ids = SeededIds::new(1);
        let mut book = LeaseBook::open(folder.path().join("leases")).unwrap();
        let first = record(&ids, "a", book.next_token());
        book.insert(first.clone(), "acquire").unwrap();
        let second = record(&ids, "b", book.next_token());
        book.insert(second.clone(), "acquire").unwrap();
        let execution = IdempotencyKey::new("x");
        book.change(first.lease.id, "launch", |record| {
            record.executions.insert(execution.clone(), "work".into());
        })
        .unwrap();
        let released = Released { at: Timestamp::from_micros(5), reclaimed: false };
        book.change(second.lease.id, "release", |record| record.released = Some(released)).unwrap();
        std::fs::write(folder.path().join("leases/lease.json.1-1.tmp"), "{half").unwrap();

        let again = LeaseBook::open(folder.path().join("leases")).unwrap();
        assert_eq!(again.records, book.records);
        assert_eq!(again.by_key(&IdempotencyKey::new("b")).unwrap().released, Some(released));
        assert_eq!(again.execution(&execution), Some((first.lease.id, Path::new("work"))));
        assert_eq!(again.held().map(|record| record.lease.id).collect::<Vec<_>>(), [first.lease.id]);
        assert_eq!(again.uncleared().count(), 1);
        assert_eq!(again.leased().values().sum::<u32>(), 1);
        assert!(again.next_token() > second.lease.token, "tokens grow over restarts");
        assert_eq!(again.latest(), released.at);
    }

    #[test]
    fn every_offer_is_read_as_it_was_written() {
        let market = ProviderName::new("market").unwrap();
        for offer in super::super::Catalogue::builtin().offers(&market, &super::super::Supply::default()) {
            let text = serde_json::to_string(&offer).unwrap();
            assert_eq!(serde_json::from_str::<orp_core::noun::Offer>(&text).unwrap(), offer);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_a_closed_book_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = LeaseBook::open(folder.path().to_owned()).unwrap();
        book.close();
        let error = book.insert(record(&SeededIds::new(1), "a", FencingToken(1)), "acquire").unwrap_err();
        assert_eq!(error.to_string(), "acquire failed: the market is closed");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(folder.path().join("lease_x.json"), "{}").unwrap();
        let error = LeaseBook::open(folder.path().to_owned()).unwrap_err().to_string();
        assert!(error.contains("lease_x.json`: "), "{error}");
    }
}
