//! The thread that writes: whatever arrived while the disk was busy is written and synced together.

use super::error::AuditError;
use super::side::Side;
use orp_policy::audit::{Chain, Disclosure, Entry, Signer};
use std::{fs::File, io::Write, path::PathBuf, sync::Arc};
use tokio::sync::{mpsc, oneshot, watch};

/// How many bytes one batch may have, checkpoints aside: what comes later waits for the next.
const BATCH_BYTES: usize = 4 << 20;

/// What the writer is asked.
pub(super) enum Request {
    /// Puts entries on record, in order.
    Append { entries: Vec<Entry>, done: oneshot::Sender<Result<u64, AuditError>> },
    /// Erases what is kept out of records.
    Erase(Erase),
    /// Puts a checkpoint on record, if anything came after the last one.
    Checkpoint { done: oneshot::Sender<Result<u64, AuditError>> },
}

/// What is to be erased, and who waits until it is.
pub(super) struct Erase {
    pub(super) which: Box<dyn Fn(&Disclosure) -> bool + Send>,
    pub(super) done: oneshot::Sender<Result<usize, AuditError>>,
}

/// What is on disk.
#[derive(Debug, Clone)]
pub(super) struct Durable {
    /// The end of the log.
    pub(super) chain: Chain,
    /// How long its file is.
    pub(super) bytes: u64,
    /// Why nothing more is written, if that is so.
    pub(super) failed: Option<AuditError>,
}

/// The log's files, and what goes into them next.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) side: Side,
    pub(super) chain: Chain,
    pub(super) signer: Option<Arc<dyn Signer>>,
    pub(super) checkpoint_every: u64,
    pub(super) durable: watch::Sender<Durable>,
}

/// Frames and disclosures that are not on disk yet, and who waits for them.
#[derive(Default)]
struct Batch {
    frames: Vec<u8>,
    disclosures: Vec<Disclosure>,
    waiting: Vec<(u64, oneshot::Sender<Result<u64, AuditError>>)>,
}

impl Writer {
    /// Writes until nobody can ask any more; then puts a last checkpoint on record.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let mut batch = Batch::default();
            let mut next = Some(first);
            while let Some(request) = next {
                let erase = self.take(request, &mut batch);
                let full = batch.frames.len() >= BATCH_BYTES;
                next = if full || erase.is_some() { None } else { requests.try_recv().ok() };
                if let Some(Erase { which, done }) = erase {
                    self.commit(std::mem::take(&mut batch));
                    let _ = done.send(self.check().and_then(|()| self.side.erase(&*which)));
                }
            }
            self.commit(batch);
        }
        let mut batch = Batch::default();
        if self.check().is_ok() {
            self.checkpoint(&mut batch);
            self.commit(batch);
        }
    }

    /// Takes a request into the batch; what is to be erased once the batch is written.
    fn take(&mut self, request: Request, batch: &mut Batch) -> Option<Erase> {
        match request {
            Request::Append { entries, done } => {
                let mut last = self.chain.tree().size();
                for entry in &entries {
                    last = self.chain.append(entry, &mut batch.frames);
                    batch.disclosures.extend(entry.disclosures(last));
                    if self.chain.since_checkpoint() >= self.checkpoint_every {
                        self.checkpoint(batch);
                    }
                }
                batch.waiting.push((last, done));
                None
            }
            Request::Checkpoint { done } => {
                self.checkpoint(batch);
                batch.waiting.push((self.chain.tree().size(), done));
                None
            }
            Request::Erase(erase) => Some(erase),
        }
    }

    fn checkpoint(&mut self, batch: &mut Batch) {
        if self.chain.since_checkpoint() > 0 {
            self.chain.append_checkpoint(self.signer.as_deref(), &mut batch.frames);
        }
    }

    /// Writes a batch and tells who waits. After a failure nobody knows what is on disk, so nothing is written any more.
    fn commit(&mut self, batch: Batch) {
        let written = self.check().and_then(|()| self.write(&batch));
        match &written {
            Ok(()) if batch.frames.is_empty() => {}
            Ok(()) => self.durable.send_modify(|durable| {
                durable.chain = self.chain.clone();
                durable.bytes += batch.frames.len() as u64;
            }),
            Err(error) => self.durable.send_modify(|durable| {
                durable.failed.get_or_insert_with(|| error.clone());
            }),
        }
        for (last, done) in batch.waiting {
            let _ = done.send(written.clone().map(|()| last));
        }
    }

    /// What is kept out of records is on disk before the records are: see [`Side`].
    fn write(&mut self, batch: &Batch) -> Result<(), AuditError> {
        if batch.frames.is_empty() {
            return Ok(());
        }
        self.side.append(&batch.disclosures)?;
        let written = self.file.write_all(&batch.frames).and_then(|()| self.file.sync_data());
        written.map_err(|error| AuditError::io(&self.path, error))
    }

    fn check(&self) -> Result<(), AuditError> {
        match self.durable.borrow().failed {
            Some(_) => Err(AuditError::Stopped { path: self.path.display().to_string() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::unit::Timestamp;
    use orp_policy::audit::{Draft, Header};

    /// A disk that fails once is not trusted again: what it has written is known when the log is opened.
    #[test]
    fn after_a_failure_nothing_more_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let mut header = Vec::new();
        let chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut header);
        std::fs::write(&path, &header).unwrap();
        let (durable, watched) =
            watch::channel(Durable { chain: chain.clone(), bytes: header.len() as u64, failed: None });
        // Opened for reading only, every write fails.
        let file = File::open(&path).unwrap();
        let side = Side::open(Side::path_of(&path), 0).unwrap();
        let writer = Writer { path: path.clone(), file, side, chain, signer: None, checkpoint_every: 8, durable };
        let (sender, requests) = mpsc::channel(8);
        let append = || {
            let (done, answer) = oneshot::channel();
            let entry = Draft::new("test", Timestamp::EPOCH).finish().unwrap();
            sender.try_send(Request::Append { entries: vec![entry], done }).map_err(|_| "full").unwrap();
            answer
        };
        let answers = [append(), append()];
        let (done, erased) = oneshot::channel();
        let erase = Request::Erase(Erase { which: Box::new(|_| true), done });
        sender.try_send(erase).map_err(|_| "full").unwrap();
        let later = append();
        drop(sender);
        writer.run(requests);
        for answer in answers {
            assert!(matches!(answer.blocking_recv().unwrap(), Err(AuditError::Io { .. })));
        }
        assert!(matches!(erased.blocking_recv().unwrap(), Err(AuditError::Stopped { .. })));
        assert!(matches!(later.blocking_recv().unwrap(), Err(AuditError::Stopped { .. })));
        let durable = watched.borrow();
        assert!(matches!(durable.failed, Some(AuditError::Io { .. })) && durable.chain.head().size == 0);
        assert_eq!(std::fs::read(&path).unwrap(), header);
    }
}
