//! Executions: a task as a process on a lease; how it is launched, what it says, how it ends.
//!
//! # What a process finds in its environment
//!
//! | variable | holds |
//! | --- | --- |
//! | `ORP_RUN_ID`, `ORP_TASK`, `ORP_ATTEMPT` | which run, task and attempt (from 1) it is |
//! | `ORP_OUT` | an existing folder for its outputs, the same for every attempt |
//! | `ORP_IN_<TASK>` | the output folder of each task it comes after (upper case, `-` and `.` as `_`) |
//! | `ORP_CHECKPOINT_DIR` | an existing folder for checkpoints, the same for every attempt |
//! | `ORP_PROGRESS` | a file to which it may append progress, one JSON object a line: see [`Progress`] |
//! | `ORP_PARAM_<NAME>` | parameters of the recipe and plan: `ORP_PARAM_TOKENS` |
//!
//! Its working folder is its own. `SIGTERM` asks it to save its state and end with status 75 ([`SAVED`]) within the grace;
//! then comes `SIGKILL`. Status 0 is done; any other is a failure.

use super::Digest;
use crate::id::{AttemptId, IdempotencyKey, LeaseId};
use crate::unit::{Bytes, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// The exit status of a process that was asked to stop and saved its state (`EX_TEMPFAIL` of `sysexits.h`).
pub const SAVED: i32 = 75;

/// Bounds the operating system holds a process to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Address space.
    pub memory: Option<Bytes>,
    /// Processor time.
    pub cpu_time: Option<Span>,
    /// Open files.
    pub open_files: Option<u64>,
    /// The largest file it may write.
    pub file_size: Option<Bytes>,
}

/// What to launch on a lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LaunchSpec {
    /// Which attempt; its key makes the launch happen at most once.
    pub attempt: AttemptId,
    /// The program: a path, or a name to look up.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, beside what every task finds there.
    pub env: BTreeMap<String, String>,
    /// Environment variables that hold secrets: given to the process, never written to disk, log or journal.
    #[serde(skip)]
    pub secrets: BTreeMap<String, String>,
    /// Its folder: work, logs and the supervisor's records.
    pub folder: PathBuf,
    /// Where outputs go.
    pub out: PathBuf,
    /// Where checkpoints go.
    pub checkpoints: PathBuf,
    /// Bounds.
    pub limits: Limits,
}

impl LaunchSpec {
    /// A program without arguments; change the fields that differ.
    pub fn new(attempt: AttemptId, program: impl Into<String>, folder: PathBuf) -> Self {
        Self {
            attempt,
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            out: folder.join("out"),
            checkpoints: folder.join("checkpoints"),
            folder,
            limits: Limits::default(),
        }
    }

    /// The key under which it is launched at most once.
    pub fn key(&self) -> IdempotencyKey {
        self.attempt.key("launch")
    }
}

/// A launched process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Execution {
    /// The key it was launched under; every later call names it by this.
    pub key: IdempotencyKey,
    /// The lease it runs on.
    pub lease: LeaseId,
    /// The process id.
    pub pid: u32,
    /// When it was started, by the machine's own clock.
    pub started: Timestamp,
    /// How often a process was started under this key: one, always.
    pub starts: u32,
}

impl Execution {
    /// A process started just now, for the first time.
    pub fn new(key: IdempotencyKey, lease: LeaseId, pid: u32, started: Timestamp) -> Self {
        Self { key, lease, pid, started, starts: 1 }
    }
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// It ended with this status.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// Its machine or supervisor is gone, and with it the knowledge how it ended.
    Lost(String),
}

impl Ending {
    /// It is done.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// It saved its state when it was asked to stop.
    pub const fn is_saved(&self) -> bool {
        matches!(self, Self::Exited(SAVED))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(0) => f.write_str("done"),
            Self::Exited(SAVED) => f.write_str("saved and stopped"),
            Self::Exited(code) => write!(f, "exit status {code}"),
            Self::Signalled(signal) => write!(f, "signal {signal}"),
            Self::Lost(why) => write!(f, "lost: {why}"),
        }
    }
}

/// Where an execution stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// It runs.
    Running(Execution),
    /// It is over.
    Ended {
        /// What ran.
        execution: Execution,
        /// How it ended.
        ending: Ending,
    },
}

impl ExecutionStatus {
    /// What runs or ran.
    pub const fn execution(&self) -> &Execution {
        match self {
            Self::Running(execution) | Self::Ended { execution, .. } => execution,
        }
    }
}

/// What to tell a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Signal {
    /// Save and stop, within the grace.
    Terminate,
    /// Stop at once.
    Kill,
}

/// A line a process appends to its progress file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// How much is done, in `unit`.
    pub done: u64,
    /// How much there is in all.
    pub total: u64,
    /// What is counted: `tokens`.
    pub unit: String,
    /// Measures of the moment: `loss`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// A checkpoint that is safely on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

impl Progress {
    /// The share done, in `0..=1`.
    pub fn share(&self) -> f64 {
        if self.total == 0 { 0.0 } else { (self.done as f64 / self.total as f64).min(1.0) }
    }
}

/// A saved state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkpoint {
    /// The file, relative to the checkpoint folder.
    pub file: String,
    /// How much was done when it was taken.
    pub done: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The digest of its content.
    pub digest: Option<Digest>,
}
