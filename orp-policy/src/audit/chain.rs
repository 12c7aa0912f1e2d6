//! The end of a log: what the next record is chained to.
//!
//! ```
//! use orp_policy::audit::{Chain, Draft, Header, Verifier};
//!
//! let mut log = Vec::new();
//! let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
//! let entry = Draft::new("run_started", "2026-11-23T04:38:00Z".parse()?).with("run", "run_1").finish()?;
//! assert_eq!(chain.append(&entry, &mut log), 1);
//!
//! // Later, elsewhere: the log is verified, and goes on where it stood.
//! let mut again = Verifier::new().check(&log).into_chain().expect("nothing is wrong with it");
//! assert_eq!(again.append(&entry, &mut log), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::checkpoint::{Checkpoint, Signer};
use super::entry::Entry;
use super::frame::{self, Frame, Header};
use super::kind;
use super::merkle::{Head, Tree};
use orp_core::{
    noun::{Digest, Sequence},
    unit::Timestamp,
};

/// The end of a log. Appending to it gives the bytes that come next: the same entries in the same order, after the same
/// header, give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    header: Header,
    tree: Tree,
    last: Digest,
    at: Timestamp,
    journal: Option<Sequence>,
    since_checkpoint: u64,
}

impl Chain {
    /// A log without records: its header is written to `out`.
    pub fn begin(header: Header, out: &mut Vec<u8>) -> Self {
        out.extend(header.encode());
        Self::empty(header)
    }

    /// The end of a log of which nothing but the header is there.
    pub(super) fn empty(header: Header) -> Self {
        let last = header.digest();
        let (at, journal) = (Timestamp::EPOCH, None);
        Self { header, tree: Tree::default(), last, at, journal, since_checkpoint: 0 }
    }

    /// The end of a log just before a checkpoint, which says all that is needed; none when its peaks contradict it, or the
    /// frame is not numbered as it says.
    pub(super) fn before_checkpoint(header: Header, frame: &Frame<'_>, checkpoint: &Checkpoint) -> Option<Self> {
        let tree = checkpoint.tree().filter(|tree| tree.size().checked_add(1) == Some(frame.seq()))?;
        let (last, at, journal) = (frame.prev(), frame.at(), frame.journal());
        Some(Self { header, tree, last, at, journal, since_checkpoint: 0 })
    }

    /// Writes the next record to the end of `out`; its place in the log.
    pub fn append(&mut self, entry: &Entry, out: &mut Vec<u8>) -> u64 {
        self.journal = entry.journal.or(self.journal);
        self.at = entry.at;
        self.since_checkpoint += 1;
        self.write(&entry.kind, &entry.body, out)
    }

    /// Writes a checkpoint of everything before, at the time of the last record; its place in the log.
    pub fn append_checkpoint(&mut self, signer: Option<&dyn Signer>, out: &mut Vec<u8>) -> u64 {
        let checkpoint = Checkpoint::of(self.header.log, &self.tree, signer);
        self.since_checkpoint = 0;
        self.write(kind::CHECKPOINT, &checkpoint.body(), out)
    }

    fn write(&mut self, kind: &str, body: &str, out: &mut Vec<u8>) -> u64 {
        let seq = self.next();
        let hash = frame::write(out, seq, self.at, self.journal, kind, body, &self.last);
        self.link(hash);
        seq
    }

    /// Takes up the next record, which is known to belong here.
    pub(super) fn take(&mut self, frame: &Frame<'_>, hash: Digest) {
        self.at = frame.at();
        self.journal = frame.journal();
        self.since_checkpoint =
            if frame.kind() == kind::CHECKPOINT.as_bytes() { 0 } else { self.since_checkpoint.saturating_add(1) };
        self.link(hash);
    }

    fn link(&mut self, hash: Digest) {
        self.tree.push(hash);
        self.last = hash;
    }

    /// The place of the next record.
    pub fn next(&self) -> u64 {
        self.tree.size() + 1
    }

    /// How many records there are, and the root over them.
    pub fn head(&self) -> Head {
        self.tree.head()
    }

    /// The tree over the records.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The hash of the last record; of the header, when there is none.
    pub const fn last(&self) -> Digest {
        self.last
    }

    /// The log's header.
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Up to which journal record the log is complete.
    pub const fn journal(&self) -> Option<Sequence> {
        self.journal
    }

    /// The time of the last record.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// How many records came after the last checkpoint.
    pub const fn since_checkpoint(&self) -> u64 {
        self.since_checkpoint
    }
}
