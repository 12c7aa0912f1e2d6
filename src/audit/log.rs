//! The durable log: one append-only file, written by a thread of its own.

use super::error::AuditError;
use super::read::{Records, verify, verify_end};
use super::side::{self, Side};
use super::writer::{Durable, Erase, Request, Writer};
use crate::process::file::sync_folder_of;
use crate::time::RandomIds;
use orp_core::{contract::IdSource, noun::Sequence};
use orp_policy::audit::{
    AuditRecord, Chain, Consistency, Disclosure, Entry, Head, Header, Inclusion, Report, Signer, Torn, Verifier,
};
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    future::Future,
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread::JoinHandle,
};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

/// How many requests wait for the writer; further callers wait for a place.
const WAITING_MAX: usize = 1024;

/// Where an audit log is, and how it is kept.
#[derive(Debug, Clone)]
#[must_use = "options do nothing until a log is opened with them"]
pub struct AuditOptions {
    path: PathBuf,
    id: Option<Uuid>,
    signer: Option<Arc<dyn Signer>>,
    checkpoint_every: u64,
    checked_bytes: u64,
}

impl AuditOptions {
    /// A log in this file, with a checkpoint after every 1,024 records, unsigned; opening it verifies its last 256 MiB.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), id: None, signer: None, checkpoint_every: 1024, checked_bytes: 256 << 20 }
    }

    /// The identifier of the log if it is new; by default one that no other log has.
    pub fn with_id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    /// What signs its checkpoints: a `SigningKey` (feature `sign`), or a key in a vault.
    pub fn with_signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// After how many records, at least one, a checkpoint is put on record. There is one at every orderly end, too.
    pub fn with_checkpoint_every(mut self, records: u64) -> Self {
        self.checkpoint_every = records.max(1);
        self
    }

    /// How many bytes of the log's end are verified when it is opened; all of it when it is shorter. What lies before is
    /// for [`AuditLog::verify`].
    pub fn with_checked_bytes(mut self, bytes: u64) -> Self {
        self.checked_bytes = bytes;
        self
    }
}

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// How many records it has, and their root.
    pub head: Head,
    /// How many records were verified, counted from the end.
    pub verified: u64,
    /// The torn end that was cut off: the host before died while it wrote, and nobody was told that this was on record.
    pub cut: Option<Torn>,
}

/// A durable audit log; clones are the same log. When the last one is dropped, everything appended is on disk, with a
/// checkpoint after it.
#[derive(Clone)]
pub struct AuditLog {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    opened: Opened,
    durable: watch::Receiver<Durable>,
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.requests.take();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("path", &self.inner.path).field("head", &self.head()).finish_non_exhaustive()
    }
}

/// Waits until what was appended is durable; then the place of its last record.
#[derive(Debug)]
#[must_use = "what was appended is durable once this completes"]
pub struct Receipt {
    done: oneshot::Receiver<Result<u64, AuditError>>,
    path: PathBuf,
}

impl Future for Receipt {
    type Output = Result<u64, AuditError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let done = Pin::new(&mut self.done).poll(context);
        done.map(|done| done.unwrap_or_else(|_| Err(AuditError::Stopped { path: self.path.display().to_string() })))
    }
}

/// A place in the queue of the writer.
pub(super) struct Place<'a> {
    permit: mpsc::Permit<'a, Request>,
    path: &'a Path,
}

impl Place<'_> {
    pub(super) fn append(self, entries: Vec<Entry>) -> Receipt {
        let (sender, done) = oneshot::channel();
        self.permit.send(Request::Append { entries, done: sender });
        Receipt { done, path: self.path.to_owned() }
    }
}

impl AuditLog {
    /// Opens the log, or makes it (with the folders above it). A torn end is cut off and [said](AuditLog::opened).
    ///
    /// [`AuditError::Tampered`] when the part that is verified does not hold what was written, [`AuditError::Locked`] when
    /// another host has it open; then nothing is changed. Blocks while it reads: about a second for each 1.2 GB.
    pub fn open(options: AuditOptions) -> Result<Self, AuditError> {
        let AuditOptions { path, id, signer, checkpoint_every, checked_bytes } = options;
        let failed = |error| AuditError::io(&path, error);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = open_file(&path).map_err(failed)?;
        if !crate::lock::take(&file).map_err(failed)? {
            return Err(AuditError::Locked { path: path.display().to_string() });
        }
        let report = verify_end(&mut file, checked_bytes).map_err(failed)?;
        if !report.is_intact() {
            return Err(AuditError::Tampered { path: path.display().to_string(), report: Box::new(report) });
        }
        let (verified, cut) = (report.records, report.torn);
        if let Some(torn) = cut {
            file.set_len(torn.offset).and_then(|()| file.sync_data()).map_err(failed)?;
        }
        let chain = match report.into_chain() {
            Some(chain) => chain,
            None => begin(&path, &mut file, id).map_err(failed)?,
        };
        let bytes = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let side = Side::open(Side::path_of(&path), chain.tree().size())?;
        let opened = Opened { head: chain.head(), verified, cut };
        let (durable, watched) = watch::channel(Durable { chain: chain.clone(), bytes, failed: None });
        let (requests, waiting) = mpsc::channel(WAITING_MAX);
        let writer = Writer { path: path.clone(), file, side, chain, signer, checkpoint_every, durable };
        let thread = std::thread::Builder::new().name("orp-audit".into()).spawn(move || writer.run(waiting));
        let writer = Some(thread.map_err(failed)?);
        Ok(Self { inner: Arc::new(Inner { path, opened, durable: watched, requests: Some(requests), writer }) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Where what is kept out of it is; the file is there once something is.
    pub fn personal_path(&self) -> PathBuf {
        Side::path_of(&self.inner.path)
    }

    /// What was found when it was opened.
    pub fn opened(&self) -> &Opened {
        &self.inner.opened
    }

    /// How many records are durable, and their root: keep one elsewhere, and nobody can shorten or rewrite the log unseen.
    pub fn head(&self) -> Head {
        self.inner.durable.borrow().chain.head()
    }

    /// Up to which journal record it is durably complete.
    pub fn journal(&self) -> Option<Sequence> {
        self.inner.durable.borrow().chain.journal()
    }

    /// Puts entries on record, in their order, with nothing of anybody else's between them but a checkpoint. Returns when
    /// they have a place in the queue; the receipt completes when they are durable. Dropping the receipt changes nothing;
    /// dropping this call before it returns puts nothing on record.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<Receipt, AuditError> {
        Ok(self.place().await?.append(entries))
    }

    /// Puts a checkpoint on record, if anything came after the last one; the place of the last record when it is durable.
    pub async fn checkpoint(&self) -> Result<u64, AuditError> {
        let (sender, done) = oneshot::channel();
        self.permit().await?.send(Request::Checkpoint { done: sender });
        done.await.map_err(|_| self.stopped())?
    }

    /// Erases what `which` picks of what is kept out of records; how many values that were. Their commitments stay, and say
    /// nothing any more. The journal is another file, with its own copy of what happened.
    pub async fn erase(&self, which: impl Fn(&Disclosure) -> bool + Send + 'static) -> Result<usize, AuditError> {
        let (sender, done) = oneshot::channel();
        self.permit().await?.send(Request::Erase(Erase { which: Box::new(which), done: sender }));
        done.await.map_err(|_| self.stopped())?
    }

    /// Erases every value in which this name stands; how many.
    pub async fn erase_person(&self, name: &str) -> Result<usize, AuditError> {
        let name = super::people::People::of([name]);
        self.erase(move |disclosure| name.are_named_in(&disclosure.value)).await
    }

    /// What is kept out of records and not erased, in the order of the records. Reads the whole file beside the log.
    pub fn disclosures(&self) -> Result<Vec<Disclosure>, AuditError> {
        let (mut all, _) = side::read(&self.personal_path())?;
        let size = self.inner.durable.borrow().chain.tree().size();
        all.retain(|disclosure| disclosure.seq <= size);
        Ok(all)
    }

    /// Every durable record, from the first on.
    pub fn records(&self) -> Result<Records, AuditError> {
        Records::open(&self.inner.path, self.inner.durable.borrow().bytes)
    }

    /// Reads everything that is durable with a verifier. Blocks while it reads.
    pub fn verify(&self, verifier: Verifier) -> Result<Report, AuditError> {
        let failed = |error| AuditError::io(&self.inner.path, error);
        let bytes = self.inner.durable.borrow().bytes;
        let mut file = File::open(&self.inner.path).map_err(failed)?.take(bytes);
        verify(&mut file, verifier).map_err(failed)
    }

    /// A record, and the proof that it is in the log of the head returned with it. Reads the whole log.
    pub fn prove(&self, seq: u64) -> Result<(AuditRecord, Inclusion, Head), AuditError> {
        let missing = || AuditError::NoRecord { path: self.inner.path.display().to_string(), seq };
        let index = seq.checked_sub(1).ok_or_else(missing)?;
        let (mut leaves, mut found) = (Vec::new(), None);
        for record in self.records()? {
            let record = record?;
            leaves.push(record.hash);
            found = found.or((record.seq == seq).then_some(record));
        }
        let proof = Inclusion::prove(&leaves, index).ok_or_else(missing)?;
        let head = leaves.into_iter().collect::<orp_policy::audit::Tree>().head();
        found.map(|record| (record, proof, head)).ok_or_else(missing)
    }

    /// The proof that the log begins with what it was at `first`, and the head it has now. Reads the whole log.
    pub fn prove_since(&self, first: &Head) -> Result<(Consistency, Head), AuditError> {
        let leaves = self.records()?.map(|record| Ok(record?.hash)).collect::<Result<Vec<_>, AuditError>>()?;
        let missing = || AuditError::NoRecord { path: self.inner.path.display().to_string(), seq: first.size };
        let proof = Consistency::prove(&leaves, first.size).ok_or_else(missing)?;
        Ok((proof, leaves.into_iter().collect::<orp_policy::audit::Tree>().head()))
    }

    /// Waits for a place in the queue of the writer.
    pub(super) async fn place(&self) -> Result<Place<'_>, AuditError> {
        Ok(Place { permit: self.permit().await?, path: &self.inner.path })
    }

    /// Waits until the log is durably complete up to this journal record.
    pub(super) async fn durable_up_to(&self, journal: Sequence) -> Result<(), AuditError> {
        if journal.0 == 0 {
            return Ok(());
        }
        let mut durable = self.inner.durable.clone();
        let reached = |durable: &Durable| durable.failed.is_some() || durable.chain.journal() >= Some(journal);
        let durable = durable.wait_for(reached).await.map_err(|_| self.stopped())?;
        durable.failed.clone().map_or(Ok(()), Err)
    }

    async fn permit(&self) -> Result<mpsc::Permit<'_, Request>, AuditError> {
        let requests = self.inner.requests.as_ref().ok_or_else(|| self.stopped())?;
        requests.reserve().await.map_err(|_| self.stopped())
    }

    fn stopped(&self) -> AuditError {
        AuditError::Stopped { path: self.inner.path.display().to_string() }
    }
}

/// Only the host's own user may read it.
fn open_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Makes the log of an empty file.
fn begin(path: &Path, file: &mut File, id: Option<Uuid>) -> std::io::Result<Chain> {
    let mut header = Vec::new();
    let chain = Chain::begin(Header::new(id.unwrap_or_else(|| RandomIds.next_uuid())), &mut header);
    file.write_all(&header)?;
    file.sync_all()?;
    sync_folder_of(path)?;
    Ok(chain)
}
