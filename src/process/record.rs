//! The records in an attempt's folder.

use super::file::{self, Durability};
use super::identity::Identity;
use orp_core::id::{IdempotencyKey, LeaseId};
use orp_core::noun::{Ending, Execution};
use orp_core::unit::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

pub(super) const CLAIM: &str = "claim.json";
pub(super) const STARTED: &str = "started.json";
pub(super) const REFUSED: &str = "refused.json";
pub(super) const ENDED: &str = "ended.json";
pub(super) const STARTS: &str = "starts.log";
pub(super) const WORK: &str = "work";
pub(super) const PROGRESS: &str = "progress.jsonl";

/// Whose the folder is. Made once, and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Claim {
    /// A supervisor's.
    Launch(Launch),
    /// Nobody's, ever: called off before it started.
    CalledOff { at: Timestamp },
}

/// A launch as its supervisor took it on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Launch {
    pub(super) key: IdempotencyKey,
    pub(super) lease: LeaseId,
    /// From being asked to stop to being killed.
    pub(super) grace: Span,
    pub(super) supervisor: Identity,
    pub(super) at: Timestamp,
}

impl Claim {
    /// Takes the folder: the lock that goes with it, or none when somebody was faster.
    ///
    /// The lock is held before the claim can be seen, so there is no moment at which a living supervisor looks dead.
    pub(super) fn take(&self, folder: &Path) -> io::Result<Option<File>> {
        let path = folder.join(CLAIM);
        let temporary = file::beside(&path);
        let taken = (|| -> io::Result<File> {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.lock()?;
            fs::hard_link(&temporary, &path)?;
            Ok(file)
        })();
        let _ = fs::remove_file(&temporary);
        match taken {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a claim on disk, so that it outlasts a power failure.
    pub(super) fn sync(folder: &Path) -> io::Result<()> {
        let path = folder.join(CLAIM);
        File::open(&path)?.sync_all()?;
        file::sync_folder_of(&path)
    }

    /// The claim on a folder and whether the one who made it lives; none when there is no claim.
    pub(super) fn read(folder: &Path) -> io::Result<Option<(Self, bool)>> {
        let mut file = match File::open(folder.join(CLAIM)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let is_held = match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        match serde_json::from_slice(&bytes) {
            Ok(claim) => Ok(Some((claim, is_held))),
            // A power failure tore it, and ended what it stood for.
            Err(_) if !is_held => Ok(Some((Self::CalledOff { at: Timestamp::EPOCH }, false))),
            Err(error) => Err(error.into()),
        }
    }
}

/// What was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) execution: Execution,
    pub(super) process: Identity,
}

/// Why nothing was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) message: String,
    /// The request is to blame, not the machine.
    pub(super) invalid: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) ending: Ending,
    pub(super) at: Timestamp,
}

impl Started {
    /// Not made durable: a process does not outlive the machine, so after a power failure it says nothing.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        file::write(&folder.join(STARTED), self, Durability::None)
    }
}

impl Refused {
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        file::write(&folder.join(REFUSED), self, Durability::Soon)
    }
}

impl Ended {
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        file::write(&folder.join(ENDED), self, Durability::Soon)
    }
}

/// A record that follows the claim. One that a power failure tore counts as not written: it was not acted on.
pub(super) fn read<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> io::Result<Option<T>> {
    match file::read(&folder.join(name)) {
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(None),
        other => other,
    }
}

/// Notes one start.
pub(super) fn note_start(folder: &Path, pid: u32, at: Timestamp) -> io::Result<()> {
    let mut log = File::options().create(true).append(true).open(folder.join(STARTS))?;
    writeln!(log, "{at} {pid}")
}

/// How many starts were noted.
pub(super) fn starts(folder: &Path) -> u32 {
    fs::read_to_string(folder.join(STARTS)).map_or(0, |text| u32::try_from(text.lines().count()).unwrap_or(u32::MAX))
}
