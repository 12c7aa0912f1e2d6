//! The bytes of a log: a header, then one frame for each record.
//!
//! ```text
//! header   8  "ORPAUDIT"
//!          2  version: 1
//!         16  the log's identifier
//!
//! frame    4  n, the length of the leaf
//!          4  n with every bit turned over
//!          n  leaf   1  0x00, the tag of a Merkle leaf
//!                    8  seq, from 1 without gaps
//!                    8  at, microseconds since 1970-01-01T00:00:00Z, signed
//!                    8  journal: up to which journal record the log is complete; 0 when it follows none
//!                   32  prev, the hash of the record before; of the header, for the first
//!                    1  k, the length of the kind
//!                    k  kind, of a-z, 0-9, `_` and `.`
//!                    …  body, JSON
//!         32  hash: SHA-256 of the leaf
//! ```
//!
//! Numbers are unsigned and big-endian unless said otherwise. The hash that chains records is the hash of the leaf in the
//! [Merkle tree](super::merkle): each record is hashed once, from one slice. `hash` and `prev` both stand there although
//! each follows from the other, so that a verifier can say *which* record was changed. The length stands twice so that a
//! flipped bit in it is never taken for a frame that was cut off. A body is canonical because its bytes are what is hashed:
//! nothing is ever parsed and written again to check it.
//!
//! ```
//! use orp_policy::audit::{Chain, Draft, Frame, Header, Split};
//!
//! let mut log = Vec::new();
//! let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
//! chain.append(&Draft::new("run_started", "2026-11-23T04:38:00Z".parse()?).with("run", "run_1").finish()?, &mut log);
//! let (header, frames) = Header::split(&log)?;
//! let Split::Whole(frame, rest) = Frame::split(frames) else { panic!("a frame is there") };
//! assert!(frame.is_sound() && rest.is_empty());
//! let record = frame.record()?;
//! assert_eq!((record.seq, record.kind.as_str(), record.prev), (1, "run_started", header.digest()));
//! assert_eq!(record.body, r#"{"run":"run_1"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::merkle::LEAF_TAG;
use orp_core::{
    noun::{Digest, Sequence},
    unit::Timestamp,
};
use sha2::{Digest as _, Sha256};
use std::fmt;
use thiserror::Error;
use uuid::Uuid;

/// What every log begins with.
pub const MAGIC: [u8; 8] = *b"ORPAUDIT";
/// The version of the header and of the frames after it. A newer one is refused.
pub const VERSION: u16 = 1;
/// The longest body of a record, in bytes.
pub const BODY_MAX: usize = 64 * 1024;
/// The longest kind, in bytes.
pub const KIND_MAX: usize = 64;
/// The length of the header, in bytes.
pub const HEADER_LEN: usize = 26;
/// What a frame has beside its leaf, in bytes.
pub const FRAME_OVERHEAD: usize = 8 + 32;

/// The length of a leaf without kind and body.
const FIXED: usize = 1 + 8 + 8 + 8 + 32 + 1;
const LEAF_MAX: usize = FIXED + KIND_MAX + BODY_MAX;
/// The longest frame, in bytes.
pub const FRAME_MAX: usize = LEAF_MAX + FRAME_OVERHEAD;

/// What a log begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The log's identifier: no record of another log fits into its chain, nor the other way round.
    pub log: Uuid,
}

/// Why bytes are not the beginning of a log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// There are too few of them.
    #[error("it ends within the header, after {0} of {HEADER_LEN} bytes")]
    Short(usize),
    /// They begin with something else.
    #[error("it is not an audit log: expected `ORPAUDIT` at its beginning")]
    Foreign,
    /// A newer version wrote them.
    #[error("its format has version {0}, this library knows {VERSION}: use a newer one")]
    Version(u16),
}

impl Header {
    /// The header of a log with this identifier.
    pub const fn new(log: Uuid) -> Self {
        Self { log }
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
        bytes[10..].copy_from_slice(self.log.as_bytes());
        bytes
    }

    /// The header that `bytes` begin with, and what comes after it.
    pub fn split(bytes: &[u8]) -> Result<(Self, &[u8]), HeaderError> {
        let begun = bytes.iter().zip(&MAGIC).all(|(found, expected)| found == expected);
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(if begun { HeaderError::Short(bytes.len()) } else { HeaderError::Foreign });
        };
        if !begun {
            return Err(HeaderError::Foreign);
        }
        let [_, _, _, _, _, _, _, _, high, low, log @ ..] = *header;
        match u16::from_be_bytes([high, low]) {
            VERSION => Ok((Self { log: Uuid::from_bytes(log) }, rest)),
            version => Err(HeaderError::Version(version)),
        }
    }

    /// The digest of its bytes: `prev` of the first record.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }
}

/// One record of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRecord {
    /// Its place in the log, from 1, without gaps.
    pub seq: u64,
    /// When what it says happened, by ORP's clock.
    pub at: Timestamp,
    /// Up to which journal record the log is complete with it; none when it follows no journal.
    pub journal: Option<Sequence>,
    /// What kind of thing happened; [`kind`](super::kind) has those of ORP.
    pub kind: String,
    /// What happened: a JSON object. Personal data stand in it as commitments; see [`personal`](super::personal).
    pub body: String,
    /// The hash of the record before; of the header, for the first.
    pub prev: Digest,
    /// Its own hash: the hash of its leaf in the Merkle tree.
    pub hash: Digest,
}

impl AuditRecord {
    /// The frame of the record, as it stands in a log.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write(out, self.seq, self.at, self.journal, &self.kind, &self.body, &self.prev);
    }
}

impl fmt::Display for AuditRecord {
    /// `#12 2026-11-23T04:38:00Z policy_decided {…}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {} {} {}", self.seq, self.at, self.kind, self.body)
    }
}

/// Why a frame that is whole holds no record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} is not UTF-8")]
pub struct FrameError(&'static str);

/// Writes a frame at the end of `out`; its hash.
///
/// The caller has checked that kind and body are within [`KIND_MAX`] and [`BODY_MAX`]: only an
/// [`Entry`](super::Entry), or a record that was read, gets here.
pub(super) fn write(
    out: &mut Vec<u8>,
    seq: u64,
    at: Timestamp,
    journal: Option<Sequence>,
    kind: &str,
    body: &str,
    prev: &Digest,
) -> Digest {
    let length = (FIXED + kind.len() + body.len()) as u32;
    out.reserve(length as usize + FRAME_OVERHEAD);
    out.extend(length.to_be_bytes());
    out.extend((!length).to_be_bytes());
    let leaf = out.len();
    out.push(LEAF_TAG);
    out.extend(seq.to_be_bytes());
    out.extend(at.as_micros().to_be_bytes());
    out.extend(journal.map_or(0, |journal| journal.0).to_be_bytes());
    out.extend(prev.as_bytes());
    out.push(kind.len() as u8);
    out.extend(kind.as_bytes());
    out.extend(body.as_bytes());
    let hash = <[u8; 32]>::from(Sha256::digest(out.get(leaf..).unwrap_or_default()));
    out.extend(hash);
    Digest::from_bytes(hash)
}

/// A frame in the bytes of a log, with the lengths in it checked, and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    leaf: &'a [u8],
    stored: &'a [u8; 32],
    fixed: &'a [u8; FIXED],
    kind: &'a [u8],
    body: &'a [u8],
}

/// What bytes begin with.
#[derive(Debug, Clone, Copy)]
pub enum Split<'a> {
    /// A frame, and what comes after it.
    Whole(Frame<'a>, &'a [u8]),
    /// A frame may begin, but it does not end here.
    Short,
    /// No frame: the lengths contradict each other, or are out of bounds.
    None,
}

impl<'a> Frame<'a> {
    /// What `bytes` begin with.
    pub fn split(bytes: &'a [u8]) -> Split<'a> {
        if bytes.len() < 8 {
            return Split::Short;
        }
        let Some(length) = Self::announced(bytes) else { return Split::None };
        let rest = bytes.get(8..).unwrap_or_default();
        let Some((leaf, rest)) = rest.split_at_checked(length - FRAME_OVERHEAD) else { return Split::Short };
        let Some((stored, rest)) = rest.split_first_chunk() else { return Split::Short };
        match Self::of_leaf(leaf, stored) {
            Some(frame) => Split::Whole(frame, rest),
            None => Split::None,
        }
    }

    /// The length of the frame that `bytes` say to begin with; none when what stands there twice differs, or is out of
    /// bounds.
    pub(super) fn announced(bytes: &[u8]) -> Option<usize> {
        let &[a, b, c, d, w, x, y, z] = bytes.first_chunk()?;
        let length = u32::from_be_bytes([a, b, c, d]);
        let fits = length == !u32::from_be_bytes([w, x, y, z]) && (FIXED + 1..=LEAF_MAX).contains(&(length as usize));
        fits.then_some(length as usize + FRAME_OVERHEAD)
    }

    fn of_leaf(leaf: &'a [u8], stored: &'a [u8; 32]) -> Option<Self> {
        let (fixed, rest) = leaf.split_first_chunk::<FIXED>()?;
        let [tag, .., kind] = fixed;
        let (kind, body) = rest.split_at_checked((*kind).into())?;
        let fits = *tag == LEAF_TAG && (1..=KIND_MAX).contains(&kind.len()) && body.len() <= BODY_MAX;
        fits.then_some(Self { leaf, stored, fixed, kind, body })
    }

    /// Its length in bytes.
    pub const fn bytes(&self) -> usize {
        self.leaf.len() + FRAME_OVERHEAD
    }

    /// The place it says it has.
    pub fn seq(&self) -> u64 {
        u64::from_be_bytes(self.field::<1, 8>())
    }

    /// When, as it says.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(i64::from_be_bytes(self.field::<9, 8>()))
    }

    /// Up to which journal record the log is complete with it, as it says.
    pub fn journal(&self) -> Option<Sequence> {
        let journal = u64::from_be_bytes(self.field::<17, 8>());
        (journal != 0).then_some(Sequence(journal))
    }

    /// The hash of the record before, as it says.
    pub fn prev(&self) -> Digest {
        Digest::from_bytes(self.field::<25, 32>())
    }

    /// Its kind.
    pub const fn kind(&self) -> &'a [u8] {
        self.kind
    }

    /// Its body.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The hash that stands in it.
    pub const fn stored(&self) -> Digest {
        Digest::from_bytes(*self.stored)
    }

    /// The hash it should have.
    pub fn computed(&self) -> Digest {
        Digest::from_bytes(Sha256::digest(self.leaf).into())
    }

    /// Whether the hash that stands in it is the one it should have.
    pub fn is_sound(&self) -> bool {
        self.computed() == self.stored()
    }

    /// The record in it. It is not checked that the hash is right; see [`Frame::is_sound`].
    pub fn record(&self) -> Result<AuditRecord, FrameError> {
        let text = |bytes: &[u8], what| String::from_utf8(bytes.to_vec()).map_err(|_| FrameError(what));
        Ok(AuditRecord {
            seq: self.seq(),
            at: self.at(),
            journal: self.journal(),
            kind: text(self.kind, "the kind")?,
            body: text(self.body, "the body")?,
            prev: self.prev(),
            hash: self.stored(),
        })
    }

    /// `N` bytes of the fixed part from `AT` on.
    fn field<const AT: usize, const N: usize>(&self) -> [u8; N] {
        const { assert!(AT + N < FIXED, "a field lies within the fixed part") };
        let mut field = [0; N];
        field.copy_from_slice(&self.fixed[AT..AT + N]);
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format is a promise: these bytes were written by version 1 and must stay readable.
    #[test]
    fn the_bytes_of_version_1_stay() {
        let header = Header::new(Uuid::from_u128(0x0102_0304));
        let mut log = header.encode().to_vec();
        let (at, journal) = (Timestamp::from_micros(-2), Some(Sequence(3)));
        let hash = write(&mut log, 1, at, journal, "k", "{}", &header.digest());
        let mut expected = b"ORPAUDIT\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\x04".to_vec();
        expected.extend(b"\0\0\0\x3d\xff\xff\xff\xc2");
        expected.extend(b"\0\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xfe\0\0\0\0\0\0\0\x03");
        expected.extend(header.digest().as_bytes());
        expected.extend(b"\x01k{}");
        assert_eq!(hash, Digest::of(&expected[HEADER_LEN + 8..]));
        expected.extend(hash.as_bytes());
        assert_eq!(log, expected);
        assert_eq!(hash.short(), "sha256:db95f5eddc9d");
    }

    #[test]
    fn wrong_headers_say_what_is_wrong() {
        let good = Header::new(Uuid::nil()).encode();
        let changed = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            bytes.to_vec()
        };
        for (bytes, error) in [
            (vec![], "it ends within the header, after 0 of 26 bytes"),
            (good[..25].to_vec(), "it ends within the header, after 25 of 26 bytes"),
            (b"ORPX".to_vec(), "it is not an audit log: expected `ORPAUDIT` at its beginning"),
            (changed(0, b'o'), "it is not an audit log: expected `ORPAUDIT` at its beginning"),
            (changed(9, 2), "its format has version 2, this library knows 1: use a newer one"),
        ] {
            assert_eq!(Header::split(&bytes).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn frames_are_whole_short_or_none() {
        let mut bytes = Vec::new();
        write(&mut bytes, 7, Timestamp::EPOCH, None, "kind", "{\"a\":1}", &Digest::of(b""));
        for cut in 0..bytes.len() {
            assert!(matches!(Frame::split(&bytes[..cut]), Split::Short), "{cut}");
        }
        let Split::Whole(frame, rest) = Frame::split(&bytes) else { panic!("it is whole") };
        assert!(rest.is_empty() && frame.is_sound() && frame.bytes() == bytes.len());
        let record = frame.record().unwrap();
        let mut again = Vec::new();
        record.encode(&mut again);
        assert_eq!(again, bytes);
        for (at, byte) in [(3, 1), (7, 1), (8, 1), (65, 0), (65, 255)] {
            let mut bad = bytes.clone();
            bad[at] = byte;
            assert!(matches!(Frame::split(&bad), Split::None), "{at}");
        }
        let mut long = Vec::new();
        write(&mut long, 7, Timestamp::EPOCH, None, "k", &"x".repeat(BODY_MAX + 1), &Digest::of(b""));
        assert!(matches!(Frame::split(&long), Split::None), "a body has its own bound");
        bytes[70] = 0xff;
        let Split::Whole(frame, _) = Frame::split(&bytes) else { panic!("its lengths are right") };
        assert!(!frame.is_sound());
        assert_eq!(frame.record().unwrap_err().to_string(), "the body is not UTF-8");
    }
}
