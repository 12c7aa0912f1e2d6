//! Journals and asset stores that break one law each.

use crate::{Fake, catches};
use async_trait::async_trait;
use orp_conformance::{JournalHarness, assets_suite, journal_suite};
use orp_core::memory::{MemoryAssets, MemoryJournal};
use orp_core::prelude::*;
use std::sync::Arc;

pub(crate) const FAKES: &[Fake] = &[
    ("JRN-1", "loses the last batch"),
    ("JRN-2", "writes a batch piece by piece"),
    ("JRN-3", "answers with the last sequence"),
    ("JRN-4", "rounds numbers"),
    ("JRN-4", "reads more than was asked"),
    ("ASSET-1", "changes the owner"),
    ("ASSET-1", "lists nothing"),
    ("ASSET-2", "takes other content for the same"),
    ("ASSET-3", "goes back without a word"),
    ("ASSET-4", "finds the oldest"),
    ("ASSET-4", "sorts versions as text"),
];

#[derive(Debug)]
struct BentJournal {
    inner: MemoryJournal,
    flaw: &'static str,
    /// One batch after the other, so that pieces of two never mix.
    turn: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Journal for BentJournal {
    async fn append(&self, records: Vec<NewRecord>) -> Result<Sequence, StoreError> {
        let (count, turn) = (records.len() as u64, self.turn.lock().await);
        if self.flaw == "writes a batch piece by piece" {
            let mut first = None;
            for record in records {
                let sequence = self.inner.append(vec![record]).await?;
                first = first.or(Some(sequence));
                tokio::task::yield_now().await;
            }
            return Ok(first.unwrap_or_default());
        }
        let first = self.inner.append(records).await?;
        drop(turn);
        let answer = if self.flaw == "answers with the last sequence" { first.0 + count - 1 } else { first.0 };
        Ok(Sequence(answer))
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Record>, StoreError> {
        let limit = if self.flaw == "reads more than was asked" { limit.saturating_mul(2) } else { limit };
        let mut records = self.inner.read(from, limit).await?;
        for Record { event, .. } in &mut records {
            if let Event::AttemptEnded { share, .. } = event
                && self.flaw == "rounds numbers"
            {
                *share = (*share * 1e6).round() / 1e6;
            }
        }
        Ok(records)
    }
}

/// Opens again what a journal held, all of it or all but the last batch.
struct Harness(&'static str);

impl Harness {
    fn empty(&self) -> BentJournal {
        BentJournal { inner: MemoryJournal::default(), flaw: self.0, turn: tokio::sync::Mutex::default() }
    }
}

#[async_trait]
impl JournalHarness for Harness {
    async fn fresh(&self) -> Arc<dyn Journal> {
        Arc::new(self.empty())
    }

    async fn reopen(&self, journal: Arc<dyn Journal>) -> Option<Arc<dyn Journal>> {
        let mut records = journal.read(Sequence(1), 1_000).await.unwrap();
        if self.0 == "loses the last batch" {
            let last = records.last()?.event.clone();
            records.retain(|record| record.event != last);
        }
        let again = self.empty();
        let written = records.into_iter().map(|Record { at, run, event, .. }| NewRecord { at, run, event });
        again.inner.append(written.collect()).await.unwrap();
        Some(Arc::new(again))
    }
}

#[tokio::test]
async fn journals() {
    journal_suite(&Harness("is sound")).await.assert_ok();
    for fake in FAKES.iter().filter(|(law, _)| law.starts_with("JRN")) {
        catches(*fake, &journal_suite(&Harness(fake.1)).await);
    }
}

#[derive(Debug)]
struct BentAssets {
    inner: MemoryAssets,
    flaw: &'static str,
}

#[async_trait]
impl AssetStore for BentAssets {
    async fn register(&self, asset: Asset) -> Result<AssetId, StoreError> {
        let id = asset.id;
        match self.inner.register(asset).await {
            Err(_) if self.flaw == "takes other content for the same" => Ok(id),
            result => result,
        }
    }

    async fn find(&self, reference: &AssetRef) -> Result<Option<Asset>, StoreError> {
        let known = self.inner.list().await?;
        let mut admitted = known.into_iter().filter(|asset| reference.admits(&asset.reference));
        match self.flaw {
            "finds the oldest" => Ok(admitted.next()),
            "sorts versions as text" => Ok(admitted.max_by_key(|asset| asset.reference.clone())),
            _ => Ok(admitted.next_back()),
        }
    }

    async fn get(&self, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let mut asset = self.inner.get(id).await?;
        if let Some(asset) = asset.as_mut().filter(|_| self.flaw == "changes the owner") {
            asset.owner = Principal::new("somebody-else").unwrap();
        }
        Ok(asset)
    }

    async fn transition(&self, id: AssetId, to: LifeCycle) -> Result<(), StoreError> {
        match self.inner.transition(id, to).await {
            Err(_) if self.flaw == "goes back without a word" => Ok(()),
            result => result,
        }
    }

    async fn list(&self) -> Result<Vec<Asset>, StoreError> {
        if self.flaw == "lists nothing" { Ok(Vec::new()) } else { self.inner.list().await }
    }
}

#[tokio::test]
async fn assets() {
    for fake in FAKES.iter().filter(|(law, _)| law.starts_with("ASSET")) {
        catches(*fake, &assets_suite(&BentAssets { inner: MemoryAssets::default(), flaw: fake.1 }).await);
    }
}
