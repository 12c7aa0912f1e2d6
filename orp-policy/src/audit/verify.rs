//! The verifier: reads the bytes of a log in pieces of any size, and says what it found and every fault with its place.
//!
//! A log that ends within a frame (or in zeros, where a file system had made the file longer before it had written it) is
//! *torn*: its host died while it wrote, and what is missing was never acknowledged. Everything else that does not hold is
//! a *fault*, and none of the ways to one is innocent. Where framing is lost, the verifier looks for the next frame whose
//! hash is right and goes on from there, so that one damage does not hide the next.
//!
//! What no log can show by itself is that whole records are missing at its end. A [`Head`] kept elsewhere shows it
//! ([`Verifier::with_head`]), and so does the journal, which a host's log catches up with when it is opened.
//!
//! ```
//! use orp_policy::audit::{Chain, Draft, Header, Verifier};
//!
//! let mut log = Vec::new();
//! let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
//! for run in ["run_1", "run_2"] {
//!     let draft = Draft::new("run_started", "2026-11-23T04:38:00Z".parse()?).with("run", run);
//!     chain.append(&draft.finish()?, &mut log);
//! }
//! let report = Verifier::new().with_head(chain.head()).check(&log);
//! assert!(report.is_intact() && report.head == chain.head());
//!
//! let at = log.len() - 40;
//! log[at] ^= 1;
//! let report = Verifier::new().check(&log);
//! assert_eq!(report.faults[0].to_string(), "record 2 at byte 150: it was changed: its content does not have the hash that stands with it");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::chain::Chain;
use super::checkpoint::{Checkpoint, PublicKey, Signature};
use super::frame::{FRAME_MAX, Frame, HEADER_LEN, Header, HeaderError, Split};
use super::kind;
use super::merkle::Head;
use orp_core::{noun::Digest, unit::Timestamp};
use std::fmt;
use thiserror::Error;

/// How many faults are kept; further ones are counted.
pub const FAULTS_KEPT: usize = 100;
/// How often, where framing is lost, something that looks like a frame is hashed to see whether it is one. Somebody who
/// makes up a log of nothing but such places gets no further.
const TRIES_MAX: u32 = 10_000;

/// Something that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The byte of the log at which it begins.
    pub offset: u64,
    /// Which record is concerned, when that is known.
    pub seq: Option<u64>,
    /// What does not hold.
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "record {seq} at byte {}: {}", self.offset, self.kind),
            None => write!(f, "at byte {}: {}", self.offset, self.kind),
        }
    }
}

/// What does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The log does not begin as logs do; nothing more of it was read.
    #[error(transparent)]
    Header(HeaderError),
    /// Content and hash of a record do not agree.
    #[error("it was changed: its content does not have the hash that stands with it")]
    Altered,
    /// Records that were there are not.
    #[error("{} missing before it", gap(*.from, *.to))]
    Missing {
        /// The first that is missing.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A record stands where another should: it was moved, repeated or put in.
    #[error("it stands where record {expected} is expected: it was moved, repeated or put in")]
    Displaced {
        /// Which record should stand there.
        expected: u64,
    },
    /// A record has the right place and does not continue the one before.
    #[error("it does not continue the record before it: one of the two was replaced")]
    Unlinked,
    /// Bytes that are no frame.
    #[error("{bytes} bytes are no record{}", lost(*.records))]
    Unreadable {
        /// How many.
        bytes: u64,
        /// How many records are missing there.
        records: u64,
    },
    /// A checkpoint does not say what the log is.
    #[error("the checkpoint is wrong: {0}")]
    Checkpoint(String),
    /// A checkpoint's signature is not one of its key.
    #[error("the checkpoint has a signature that is not one by {0}")]
    Signature(PublicKey),
    /// The last checkpoint has no signature by a key that was given.
    #[error("the last checkpoint is not signed by the key that was given")]
    Unsigned,
    /// The journal goes back.
    #[error("it says to follow journal record {found}, the log was at {before} already")]
    Journal {
        /// Where the log was.
        before: u64,
        /// What the record says.
        found: u64,
    },
    /// The log does not begin with what it is known to have been.
    #[error("the first {size} records have root {found}, they are known to have had {expected}: the log was rewritten")]
    Rewritten {
        /// How many records were known.
        size: u64,
        /// Their root as known.
        expected: Digest,
        /// Their root now.
        found: Digest,
    },
    /// The log is shorter than it is known to have been.
    #[error("the log ends here, it is known to have had {0} records")]
    Shortened(u64),
}

fn gap(from: u64, to: u64) -> String {
    if from == to { format!("record {from} is") } else { format!("records {from} to {to} are") }
}

fn lost(records: u64) -> String {
    if records == 0 { String::new() } else { format!(", records missing there: {records}") }
}

/// An end that was being written when the host died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Where it begins: everything before is whole.
    pub offset: u64,
    /// How many bytes there are of it.
    pub bytes: u64,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the end is torn: {} bytes from byte {} on are of a record that was never finished",
            self.bytes, self.offset
        )
    }
}

/// What a verifier found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The log's header, when it has one.
    pub header: Option<Header>,
    /// How many bytes were read.
    pub bytes: u64,
    /// How many records were read: fewer than the log has when it was taken up at a checkpoint.
    pub records: u64,
    /// The time of the first and of the last of them.
    pub between: Option<(Timestamp, Timestamp)>,
    /// How many records the log has, and their root. Of a log with faults it says nothing.
    pub head: Head,
    /// How many checkpoints were read.
    pub checkpoints: u64,
    /// The last of them.
    pub last_checkpoint: Option<Checkpoint>,
    /// How many signatures are good.
    pub signatures_good: u64,
    /// How many signatures are by keys that were not given, so that nothing is known of them.
    pub signatures_unknown: u64,
    /// What does not hold, in the order of the log; at most [`FAULTS_KEPT`].
    pub faults: Vec<Fault>,
    /// How many faults more there are.
    pub faults_left_out: u64,
    /// The end that was being written when the host died. No fault.
    pub torn: Option<Torn>,
    chain: Option<Chain>,
}

impl Report {
    /// Whether nothing was tampered with. The end may be [torn](Report::torn).
    pub const fn is_intact(&self) -> bool {
        self.faults.is_empty()
    }

    /// The end of the log, to append to; none when there are faults, or no header.
    pub fn into_chain(self) -> Option<Chain> {
        self.chain
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(header) = &self.header {
            writeln!(f, "log         {}", header.log)?;
        }
        write!(f, "records     {} in {} bytes", self.records, self.bytes)?;
        match self.between {
            Some((from, until)) => writeln!(f, ", from {from} to {until}")?,
            None => writeln!(f)?,
        }
        if self.is_intact() {
            writeln!(f, "root        {} over {} records", self.head.root, self.head.size)?;
        }
        match &self.last_checkpoint {
            Some(last) => writeln!(f, "checkpoints {}, the last of {last}", self.checkpoints)?,
            None => writeln!(f, "checkpoints none")?,
        }
        writeln!(f, "signatures  {} good, {} by unknown keys", self.signatures_good, self.signatures_unknown)?;
        if let Some(torn) = &self.torn {
            writeln!(f, "torn        {torn}")?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(f, "FAULT       {fault}"))?;
        match self.faults_left_out {
            0 => {}
            left_out => writeln!(f, "FAULT       and {left_out} more")?,
        }
        f.write_str(match (self.is_intact(), self.torn) {
            (false, _) => "verdict     TAMPERED WITH",
            (true, Some(_)) => "verdict     intact up to its torn end",
            (true, None) => "verdict     intact",
        })
    }
}

/// Bytes in which no frame was found so far.
#[derive(Debug)]
struct Lost {
    offset: u64,
    /// Whether the end would be torn if the log ended like this.
    torn: bool,
    /// From here on only zeros leave it torn.
    zeros_from: u64,
}

/// What comes next in the log.
#[derive(Debug)]
enum State {
    Header,
    Frame,
    Lost(Lost),
    /// The first checkpoint is looked for, to take the log up there.
    Seek(Header),
    /// Nothing more is read.
    Stopped,
}

/// Reads a log and says what it found.
#[derive(Debug)]
#[must_use = "a verifier says what it found when it is finished"]
pub struct Verifier {
    keys: Vec<PublicKey>,
    known: Option<Head>,
    state: State,
    carry: Vec<u8>,
    /// The byte of the log that comes next.
    offset: u64,
    /// The record that comes next; the tree of a log with faults does not know.
    expected: u64,
    /// A second hash that the next record may continue, after a fault in the one before.
    also: Option<Digest>,
    /// Whether the next record may continue anything: something was lost before it.
    unlinked: bool,
    tries: u32,
    chain: Option<Chain>,
    checkpoint_place: Option<(u64, u64, bool)>,
    report: Report,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::begin(State::Header, 0)
    }
}

impl Verifier {
    /// A verifier of a log from its first byte on.
    pub fn new() -> Self {
        Self::default()
    }

    /// A verifier of the end of a log: of its bytes from `offset` on, wherever that is. What comes before the first
    /// checkpoint is passed over, and the checkpoint is believed; when there is none, [`Report::into_chain`] gives nothing.
    pub fn of_end(header: Header, offset: u64) -> Self {
        let mut verifier = Self::begin(State::Seek(header), offset);
        verifier.report.header = Some(header);
        verifier
    }

    fn begin(state: State, offset: u64) -> Self {
        let report = Report {
            header: None,
            bytes: 0,
            records: 0,
            between: None,
            head: Head { size: 0, root: Digest::of(b"") },
            checkpoints: 0,
            last_checkpoint: None,
            signatures_good: 0,
            signatures_unknown: 0,
            faults: Vec::new(),
            faults_left_out: 0,
            torn: None,
            chain: None,
        };
        Self {
            keys: Vec::new(),
            known: None,
            state,
            carry: Vec::new(),
            offset,
            expected: 1,
            also: None,
            unlinked: false,
            tries: 0,
            chain: None,
            checkpoint_place: None,
            report,
        }
    }

    /// Expects that the last checkpoint is signed by this key, or by another one given.
    #[cfg(feature = "sign")]
    pub fn with_key(mut self, key: PublicKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Expects that the log begins with what it is known to have been.
    pub fn with_head(mut self, known: Head) -> Self {
        self.known = Some(known);
        self
    }

    /// Takes the next bytes of the log.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_each(bytes, |_| {});
    }

    /// Takes the next bytes of the log, and hands on every record whose hash is right.
    pub fn feed_each(&mut self, mut bytes: &[u8], mut each: impl FnMut(&Frame<'_>)) {
        self.report.bytes += bytes.len() as u64;
        // What was cut off is completed first, a frame at most at a time, so that little is copied.
        while !self.carry.is_empty() && !bytes.is_empty() {
            let before = self.carry.len();
            let (now, later) = bytes.split_at(bytes.len().min(FRAME_MAX));
            let mut carry = std::mem::take(&mut self.carry);
            carry.extend(now);
            let used = self.read(&carry, false, &mut each);
            if used < before {
                carry.drain(..used);
                self.carry = carry;
                bytes = later;
            } else {
                bytes = bytes.get(used - before..).unwrap_or_default();
            }
        }
        if !bytes.is_empty() {
            let used = self.read(bytes, false, &mut each);
            self.carry.extend(bytes.get(used..).unwrap_or_default());
        }
    }

    /// Reads a whole log at once.
    pub fn check(mut self, log: &[u8]) -> Report {
        self.feed(log);
        self.finish()
    }

    /// The end of the log is reached: what was found.
    pub fn finish(mut self) -> Report {
        let carry = std::mem::take(&mut self.carry);
        self.read(&carry, true, &mut |_| {});
        self.end();
        if let (Some((offset, seq, false)), false) = (self.checkpoint_place, self.keys.is_empty()) {
            self.fault(offset, Some(seq), FaultKind::Unsigned);
        }
        if let Some(known) = self.known.filter(|known| known.size >= self.expected && self.report.is_intact()) {
            self.fault(self.offset, None, FaultKind::Shortened(known.size));
        }
        if let Some(chain) = self.chain {
            self.report.head = chain.head();
            self.report.chain = self.report.faults.is_empty().then_some(chain);
        }
        self.report
    }

    /// Reads as much of `bytes` as is whole; how much that is. At the end of the log, all of it.
    fn read(&mut self, bytes: &[u8], end: bool, each: &mut impl FnMut(&Frame<'_>)) -> usize {
        let mut rest = bytes;
        loop {
            let left = match &mut self.state {
                State::Header => self.read_header(rest, end),
                State::Frame => self.read_frame(rest, end, each),
                State::Lost(_) => self.find_frame(rest, end),
                State::Seek(header) => {
                    let header = *header;
                    self.find_checkpoint(header, rest, end)
                }
                State::Stopped => Some(&rest[rest.len()..]),
            };
            match left {
                Some(left) if left.is_empty() && !matches!(self.state, State::Header) => return bytes.len(),
                Some(left) => rest = left,
                None => return bytes.len() - rest.len(),
            }
        }
    }

    /// Each of these reads one thing and returns what is left, or nothing when it needs more bytes.
    fn read_header<'a>(&mut self, bytes: &'a [u8], end: bool) -> Option<&'a [u8]> {
        match Header::split(bytes) {
            Ok((header, rest)) => {
                self.known_head_holds(&Head { size: 0, root: Digest::of(b"") });
                self.report.header = Some(header);
                self.chain = Some(Chain::empty(header));
                self.advance(HEADER_LEN);
                self.state = State::Frame;
                Some(rest)
            }
            Err(error) => {
                // A file system may have made room for a header that was never written.
                let unwritten = bytes.len() <= HEADER_LEN && bytes.iter().all(|byte| *byte == 0);
                let is_torn = unwritten || matches!(error, HeaderError::Short(_));
                if is_torn && !end {
                    return None;
                }
                if is_torn {
                    self.report.torn = (!bytes.is_empty()).then_some(Torn { offset: 0, bytes: bytes.len() as u64 });
                } else {
                    self.fault(0, None, FaultKind::Header(error));
                }
                self.state = State::Stopped;
                Some(&bytes[bytes.len()..])
            }
        }
    }

    fn read_frame<'a>(&mut self, bytes: &'a [u8], end: bool, each: &mut impl FnMut(&Frame<'_>)) -> Option<&'a [u8]> {
        let (offset, torn) = (self.offset, true);
        // Where a file was made longer before it was written, a frame ends in zeros and so does the log.
        let zeros_from = || offset + Frame::announced(bytes).map_or(8, |length| length - 8) as u64;
        match Frame::split(bytes) {
            Split::Whole(frame, rest) => {
                let hash = frame.computed();
                let stored = frame.stored();
                if hash == stored {
                    self.record(&frame, hash);
                    each(&frame);
                } else if stored.as_bytes().ends_with(&[0; 8]) {
                    self.state = State::Lost(Lost { offset, torn, zeros_from: zeros_from() });
                    return Some(bytes);
                } else {
                    self.altered(&frame, hash, stored);
                }
                self.advance(frame.bytes());
                Some(rest)
            }
            Split::Short if !end || bytes.is_empty() => None,
            // At the end of the log it is torn, unless whole frames are within it: then its length was changed.
            Split::Short => {
                self.state = State::Lost(Lost { offset, torn, zeros_from: u64::MAX });
                Some(bytes)
            }
            Split::None => {
                self.state = State::Lost(Lost { offset, torn, zeros_from: zeros_from() });
                Some(bytes)
            }
        }
    }

    /// Looks for the next frame whose hash is right.
    fn find_frame<'a>(&mut self, bytes: &'a [u8], end: bool) -> Option<&'a [u8]> {
        let mut rest = bytes;
        while let Some((byte, next)) = rest.split_first() {
            match Frame::split(rest) {
                Split::Whole(frame, _) if self.tries < TRIES_MAX => {
                    self.tries += 1;
                    if frame.is_sound() {
                        self.found(frame.seq());
                        return Some(rest);
                    }
                }
                Split::Short if !end => return if rest.len() < bytes.len() { Some(rest) } else { None },
                _ => {}
            }
            if let State::Lost(lost) = &mut self.state {
                lost.torn &= self.offset < lost.zeros_from || *byte == 0;
            }
            self.advance(1);
            rest = next;
        }
        Some(rest)
    }

    /// What was lost ends before a sound frame.
    fn found(&mut self, seq: u64) {
        if let State::Lost(lost) = std::mem::replace(&mut self.state, State::Frame) {
            let records = seq.saturating_sub(self.expected);
            let bytes = self.offset - lost.offset;
            self.fault(lost.offset, None, FaultKind::Unreadable { bytes, records });
            self.unlinked = true;
        }
    }

    fn find_checkpoint<'a>(&mut self, header: Header, bytes: &'a [u8], end: bool) -> Option<&'a [u8]> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut skipped = 1;
            match Frame::split(rest) {
                Split::Whole(frame, _) if self.tries < TRIES_MAX => {
                    self.tries += 1;
                    if frame.is_sound() {
                        // Sound frames are no tries in vain, and the next one begins where they end.
                        self.tries -= 1;
                        skipped = frame.bytes();
                        let checkpoint = Self::is_checkpoint(&frame).then(|| Checkpoint::parse(frame.body()).ok());
                        let chain = checkpoint.flatten().and_then(|c| Chain::before_checkpoint(header, &frame, &c));
                        if let Some(chain) = chain {
                            self.expected = chain.next();
                            self.chain = Some(chain);
                            self.state = State::Frame;
                            return Some(rest);
                        }
                    }
                }
                Split::Short if !end => return if rest.len() < bytes.len() { Some(rest) } else { None },
                _ => {}
            }
            self.advance(skipped);
            rest = rest.get(skipped..).unwrap_or_default();
        }
        Some(rest)
    }

    /// The log ends: what was lost up to here is torn, or a fault.
    fn end(&mut self) {
        if let State::Lost(lost) = std::mem::replace(&mut self.state, State::Stopped) {
            let bytes = self.offset - lost.offset;
            if lost.torn {
                self.report.torn = Some(Torn { offset: lost.offset, bytes });
            } else {
                self.fault(lost.offset, None, FaultKind::Unreadable { bytes, records: 0 });
            }
        }
    }

    /// A record whose hash is right.
    fn record(&mut self, frame: &Frame<'_>, hash: Digest) {
        let (seq, expected, offset) = (frame.seq(), self.expected, self.offset);
        let last = self.chain.as_ref().map(Chain::last);
        let linked = last == Some(frame.prev()) || self.also == Some(frame.prev()) || self.unlinked;
        let fault = match seq.cmp(&expected) {
            std::cmp::Ordering::Equal if linked => None,
            std::cmp::Ordering::Equal => Some(FaultKind::Unlinked),
            std::cmp::Ordering::Greater if self.unlinked => None,
            std::cmp::Ordering::Greater if linked => Some(FaultKind::Displaced { expected }),
            std::cmp::Ordering::Greater => Some(FaultKind::Missing { from: expected, to: seq - 1 }),
            std::cmp::Ordering::Less => Some(FaultKind::Displaced { expected }),
        };
        if let Some(kind) = fault {
            self.fault(offset, Some(seq), kind);
        }
        if seq < expected {
            // It is out of the order of the others, which may go on as if it were not there, or after it.
            self.also = Some(hash);
            self.count(frame);
            return;
        }
        self.check_journal(frame);
        if Self::is_checkpoint(frame) {
            self.check_checkpoint(frame);
        }
        self.also = None;
        self.take(frame, hash, seq.saturating_add(1));
    }

    /// A record whose hash is wrong.
    fn altered(&mut self, frame: &Frame<'_>, hash: Digest, stored: Digest) {
        self.fault(self.offset, Some(self.expected), FaultKind::Altered);
        self.also = Some(stored);
        self.take(frame, hash, self.expected.saturating_add(1));
    }

    fn take(&mut self, frame: &Frame<'_>, hash: Digest, next: u64) {
        self.unlinked = false;
        self.expected = next;
        self.count(frame);
        if let Some(chain) = &mut self.chain {
            chain.take(frame, hash);
            // The root costs a hash for every peak: only where it is asked for.
            if self.known.is_some_and(|known| known.size == chain.tree().size()) {
                let head = chain.head();
                self.known_head_holds(&head);
            }
        }
    }

    fn count(&mut self, frame: &Frame<'_>) {
        let first = self.report.between.map_or(frame.at(), |(first, _)| first);
        self.report.between = Some((first, frame.at()));
        self.report.records += 1;
    }

    fn check_journal(&mut self, frame: &Frame<'_>) {
        // After a fault, what the record before said may be what was changed.
        let chain = self.chain.as_ref().filter(|_| self.report.is_intact());
        let before = chain.and_then(Chain::journal).map_or(0, |journal| journal.0);
        let found = frame.journal().map_or(0, |journal| journal.0);
        if found < before {
            self.fault(self.offset, Some(frame.seq()), FaultKind::Journal { before, found });
        }
    }

    fn check_checkpoint(&mut self, frame: &Frame<'_>) {
        let (offset, seq) = (self.offset, frame.seq());
        let wrong = |what: String| FaultKind::Checkpoint(what);
        let checkpoint = match Checkpoint::parse(frame.body()) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return self.fault(offset, Some(seq), wrong(error.to_string())),
        };
        self.report.checkpoints += 1;
        // After a fault the tree is another one, which says nothing new.
        if let Some(chain) = self.chain.as_ref().filter(|_| self.report.is_intact()) {
            let head = chain.head();
            if checkpoint.head != head {
                self.fault(offset, Some(seq), wrong(format!("it speaks of {}, there are {head}", checkpoint.head)));
            } else if checkpoint.peaks != chain.tree().peaks() {
                self.fault(offset, Some(seq), wrong("its peaks are not those of the tree".into()));
            }
        }
        let signed = checkpoint.signature.is_some_and(|signature| self.check_signature(seq, &checkpoint, &signature));
        self.checkpoint_place = Some((offset, seq, signed));
        self.report.last_checkpoint = Some(checkpoint);
    }

    /// Whether the signature is good and by a key that was given.
    #[cfg(feature = "sign")]
    fn check_signature(&mut self, seq: u64, checkpoint: &Checkpoint, signature: &Signature) -> bool {
        let Some(header) = self.report.header.filter(|_| self.keys.contains(&signature.key)) else {
            self.report.signatures_unknown += 1;
            return false;
        };
        let good = signature.key.verifies(&Checkpoint::message(header.log, &checkpoint.head), &signature.bytes);
        if good {
            self.report.signatures_good += 1;
        } else {
            self.fault(self.offset, Some(seq), FaultKind::Signature(signature.key));
        }
        good
    }

    #[cfg(not(feature = "sign"))]
    fn check_signature(&mut self, _seq: u64, _checkpoint: &Checkpoint, _signature: &Signature) -> bool {
        self.report.signatures_unknown += 1;
        false
    }

    fn known_head_holds(&mut self, head: &Head) {
        let known = self.known.filter(|known| known.size == head.size && known.root != head.root);
        if let Some(Head { size, root: expected }) = known.filter(|_| self.report.is_intact()) {
            self.fault(self.offset, None, FaultKind::Rewritten { size, expected, found: head.root });
        }
    }

    fn is_checkpoint(frame: &Frame<'_>) -> bool {
        frame.kind() == kind::CHECKPOINT.as_bytes()
    }

    fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
    }

    fn fault(&mut self, offset: u64, seq: Option<u64>, kind: FaultKind) {
        if self.report.faults.len() < FAULTS_KEPT {
            self.report.faults.push(Fault { offset, seq, kind });
        } else {
            self.report.faults_left_out += 1;
        }
    }
}
