//! The durable audit log: what was decided and spent, on disk before anything acts on it.
//!
//! An [`AuditLog`] is one append-only file in the format of [`orp_policy::audit`], and a file beside it with the personal
//! data that records keep out of the chain. A thread of its own writes: whatever arrived while the disk was busy is written
//! and synced together, so that many writers share one sync. A [`Follower`] folds the journal into it, each journal record
//! once; the control plane does so on its own wherever it has a folder ([`OrpBuilder::folder`](crate::OrpBuilder::folder)),
//! and a fact counts as written only when it is durable in both.
//!
//! | file | what stands there |
//! | --- | --- |
//! | [`log`] | the log: open, append, prove, erase |
//! | `writer` | the thread: batches, checkpoints, what happens when the disk fails |
//! | `side` | personal data, beside the log |
//! | [`read`] | records and verification from a file |
//! | [`follow`] | the journal, put on record exactly once |
//! | `fold`, `table`, `people` | what a record says of an event, and what of it is personal |
//!
//! A host that dies leaves a torn end, which is cut when the log is opened: nobody was told that it was on record, and the
//! journal brings it back. Anything else that does not hold is refused: see [`AuditError::Tampered`].
//!
//! Personal is who asks ([`Intent::requester`](orp_core::noun::Intent)), which people work, and every text of a record in
//! which one of them is named. A name that ORP cannot know to be one, in a task's parameter or an intent's title, is not
//! found; and the journal has its own copy of what happened, which erasing here does not reach.
//!
//! Rejected: the audit chain inside the journal's database (nobody could verify it without ORP, and a host may bring its own
//! journal); one sync for both files (there is none); and a separate note of how far the log has come (it could disagree).
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use orp_sdk::{audit::{AuditLog, AuditOptions}, policy::audit::{Draft, Salt, Verifier}};
//!
//! let folder = tempfile::tempdir()?;
//! let log = AuditLog::open(AuditOptions::at(folder.path().join("audit.log")))?;
//! let draft = Draft::new("acme.badge_issued", "2026-11-23T04:38:00Z".parse()?)
//!     .with("to", "ada")
//!     .with_personal("/to", Salt::new([7; 32]));
//! let seq = log.append(vec![draft.finish()?]).await?.await?;
//! let (record, proof, head) = log.prove(seq)?;
//! assert!(proof.holds(record.hash, &head));
//!
//! assert_eq!(record.revealed(&log.disclosures()?)?["to"], "ada");
//! assert_eq!(log.erase_person("ada").await?, 1);
//! assert!(log.disclosures()?.is_empty() && log.verify(Verifier::new())?.is_intact());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod error;
mod fold;
pub mod follow;
pub mod log;
mod people;
pub mod read;
mod side;
mod table;
mod writer;

pub use error::AuditError;
pub use follow::Follower;
pub use log::{AuditLog, AuditOptions, Opened, Receipt};
pub use read::{Records, verify_file};
