//! The audit log: what was decided, by whom it was approved and what it cost, so that nobody can change it unseen.
//!
//! A log is bytes: a header and [frames](frame), one for each record, each chained to the one before by its hash. The same
//! hashes are the leaves of a [Merkle tree](merkle), so that one root stands for the whole log, one record can be proven
//! without the others, and a longer log can be proven to begin with a shorter one. [Checkpoints](checkpoint) put the root
//! on record now and then, signed where there is a key. [Personal data](personal) stays outside and can be erased.
//!
//! | module | what stands there |
//! | --- | --- |
//! | [`frame`] | the format, to the byte |
//! | [`entry`] | what is to be put on record, and what does not fit |
//! | [`chain`] | the end of a log, to append to |
//! | [`merkle`] | roots, and proofs of inclusion and consistency (RFC 6962, RFC 9162) |
//! | [`checkpoint`] | heads on record, and their signatures (feature `sign`) |
//! | [`personal`] | commitments, disclosures, erasure |
//! | [`verify`] | what a log holds, and every fault with its place |
//! | [`kind`] | the kinds of record that ORP writes |
//! | [`export`] | JSON lines, CloudEvents, FOCUS |
//!
//! Nothing here reads or writes files, knows the time or draws salts: bytes, times and salts are arguments. The durable log
//! that follows the journal is `orp_sdk::audit`.
//!
//! Rejected: a chain without a tree (a proof for one record would be all records after it); a tree without a chain (a
//! verifier could not say which record was put in or left out); hashing JSON in a canonical form such as RFC 8785 (the
//! bytes that stand there are hashed, so nothing has to be canonical but them); and blocks of records under one hash (a
//! fault would be known to the block, not to the record).
//!
//! ```
//! use orp_policy::audit::{Chain, Draft, Header, Verifier, kind};
//!
//! let mut log = Vec::new();
//! let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
//! let at = "2026-11-23T04:38:00Z".parse()?;
//! for run in ["run_1", "run_2", "run_3"] {
//!     chain.append(&Draft::new(kind::RUN_STARTED, at).with("run", run).finish()?, &mut log);
//! }
//! chain.append_checkpoint(None, &mut log);
//!
//! let report = Verifier::new().check(&log);
//! assert!(report.is_intact());
//! assert_eq!((report.records, report.checkpoints, report.head), (4, 1, chain.head()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod chain;
pub mod checkpoint;
pub mod entry;
pub mod export;
pub mod frame;
pub(crate) mod hex;
pub mod kind;
#[cfg(test)]
mod laws;
pub mod merkle;
pub mod personal;
pub mod verify;

pub use chain::Chain;
#[cfg(feature = "sign")]
pub use checkpoint::SigningKey;
pub use checkpoint::{Checkpoint, PublicKey, Signature, Signer};
pub use entry::{Draft, Entry, EntryError};
pub use frame::{AuditRecord, Frame, FrameError, Header, HeaderError, Split};
pub use merkle::{Consistency, Head, Inclusion, Tree, leaf_hash, node_hash};
pub use personal::{Disclosure, DisclosureError, Salt};
pub use verify::{Fault, FaultKind, Report, Torn, Verifier};
