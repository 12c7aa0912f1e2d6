//! The journal in the embedded store, with group commit.
//!
//! Appends go to one writer thread, which commits everything that waits in one transaction: a single append costs one
//! sync of the disk, a thousand at the same time cost one as well.

use super::Store;
use async_trait::async_trait;
use orp_core::{
    contract::Journal,
    error::StoreError,
    noun::{NewRecord, Record, Sequence},
};
use redb::{ReadableTable, TableDefinition, TableError};
use std::{
    fmt,
    sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    thread::JoinHandle,
};
use tokio::sync::oneshot;

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
/// The most appends that wait for the writer; further callers wait for a place.
const WAITING_MAX: usize = 4096;
/// The most appends of one commit.
const BATCH_MAX: usize = 1024;

/// A journal in an embedded [`Store`].
pub struct EmbeddedJournal {
    store: Store,
    requests: Option<SyncSender<Request>>,
    writer: Option<JoinHandle<()>>,
}

struct Request {
    records: Vec<NewRecord>,
    done: oneshot::Sender<Result<Sequence, StoreError>>,
}

impl EmbeddedJournal {
    pub(super) fn new(store: Store) -> Result<Self, StoreError> {
        let next = last_sequence(&store)? + 1;
        let (requests, waiting) = sync_channel(WAITING_MAX);
        let writer = store.clone();
        let writer = std::thread::Builder::new()
            .name("orp-journal".into())
            .spawn(move || write_all(&writer, &waiting, next))
            .map_err(|error| store.failed(error))?;
        Ok(Self { store, requests: Some(requests), writer: Some(writer) })
    }

    fn closed(&self) -> StoreError {
        self.store.failed("its writer has stopped after an earlier failure; open the store again")
    }
}

impl fmt::Debug for EmbeddedJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedJournal").field("path", &self.store.path).finish_non_exhaustive()
    }
}

impl Drop for EmbeddedJournal {
    /// Waits until everything appended is on disk.
    fn drop(&mut self) {
        self.requests.take();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Journal for EmbeddedJournal {
    async fn append(&self, records: Vec<NewRecord>) -> Result<Sequence, StoreError> {
        let (done, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or_else(|| self.closed())?;
        let mut request = Request { records, done };
        // The channel is bounded; when it is full, wait without holding a thread of the runtime.
        loop {
            match requests.try_send(request) {
                Ok(()) => break,
                Err(std::sync::mpsc::TrySendError::Full(back)) => {
                    request = back;
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return Err(self.closed()),
            }
        }
        answer.await.map_err(|_| self.closed())?
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Record>, StoreError> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || read(&store, from, limit))
            .await
            .map_err(|error| self.store.failed(error))?
    }
}

fn write_all(store: &Store, waiting: &Receiver<Request>, mut next: u64) {
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX {
            match waiting.try_recv() {
                Ok(request) => batch.push(request),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        match commit(store, &batch, next) {
            Ok(after) => {
                for request in batch {
                    let first = Sequence(next);
                    next += request.records.len() as u64;
                    let _ = request.done.send(Ok(first));
                }
                debug_assert_eq!(next, after);
            }
            Err(error) => {
                for request in batch {
                    let _ = request.done.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Writes the batch in one transaction; the sequence after it.
fn commit(store: &Store, batch: &[Request], mut next: u64) -> Result<u64, StoreError> {
    let write = store.begin_write()?;
    {
        let mut table = write.open_table(RECORDS).map_err(|error| store.failed(error))?;
        for record in batch.iter().flat_map(|request| &request.records) {
            let bytes = serde_json::to_vec(record).map_err(|error| store.failed(error))?;
            table.insert(next, bytes.as_slice()).map_err(|error| store.failed(error))?;
            next += 1;
        }
    }
    write.commit().map_err(|error| store.failed(error))?;
    Ok(next)
}

fn last_sequence(store: &Store) -> Result<u64, StoreError> {
    match store.begin_read()?.open_table(RECORDS) {
        Ok(table) => {
            let last = table.last().map_err(|error| store.failed(error))?;
            Ok(last.map_or(0, |(sequence, _)| sequence.value()))
        }
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(store.failed(error)),
    }
}

fn read(store: &Store, from: Sequence, limit: usize) -> Result<Vec<Record>, StoreError> {
    let table = match store.begin_read()?.open_table(RECORDS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(store.failed(error)),
    };
    let mut records = Vec::new();
    for row in table.range(from.0..).map_err(|error| store.failed(error))?.take(limit) {
        let (sequence, bytes) = row.map_err(|error| store.failed(error))?;
        let sequence = Sequence(sequence.value());
        let NewRecord { at, run, event } = serde_json::from_slice(bytes.value())
            .map_err(|error| store.damaged(format_args!("record {}", sequence.0), error))?;
        records.push(Record { sequence, at, run, event });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::{noun::Event, unit::Timestamp};
    use std::sync::Arc;

    fn record(reason: &str) -> NewRecord {
        NewRecord { at: Timestamp::EPOCH, run: None, event: Event::CancelRequested { reason: reason.into() } }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_appended_is_there_again_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orp.redb");
        {
            let journal = Arc::new(Store::open(&path).unwrap().journal().unwrap());
            assert_eq!(journal.append(vec![record("a"), record("b")]).await.unwrap(), Sequence(1));
            let many = (0..100).map(|at| {
                let journal = journal.clone();
                tokio::spawn(async move { journal.append(vec![record(&at.to_string()), record("x")]).await.unwrap() })
            });
            for task in many.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        }
        let journal = Store::open(&path).unwrap().journal().unwrap();
        let all = journal.read(Sequence(1), usize::MAX).await.unwrap();
        assert_eq!(all.len(), 202);
        assert!(all.iter().zip(1..).all(|(record, at)| record.sequence == Sequence(at)));
        assert!(
            all[2..].chunks(2).all(|pair| matches!(&pair[1].event, Event::CancelRequested { reason } if reason == "x"))
        );
        assert_eq!(journal.read(Sequence(201), 10).await.unwrap().len(), 2);
        assert_eq!(journal.append(vec![record("z")]).await.unwrap(), Sequence(203));
    }
}
