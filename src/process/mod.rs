//! Real processes, each under a small supervisor of its own, so that a restarted host finds them again.
//!
//! A host may die at any instant; the processes it started must neither die with it nor be started twice. So the host
//! starts nothing itself. For each attempt it starts a *supervisor*: a separate process in a session of its own, which
//! claims the attempt's folder, starts the process, waits for it, and writes down how it ended. Everything a host has to
//! know is in that folder:
//!
//! | file | says | written |
//! | --- | --- | --- |
//! | `claim.json` | which launch has the folder; locked as long as its supervisor lives | before anything is started |
//! | `started.json` | what was started: process id, and when by the kernel's own clock | after the start |
//! | `refused.json` | why nothing could be started | instead of the start |
//! | `ended.json` | how it ended | when nothing of it runs any more |
//! | `starts.log` | a line for each start: never more than one | after the start |
//! | `stdout.log`, `stderr.log` | what the process wrote | by the process |
//! | `progress.jsonl` | its progress, where `ORP_PROGRESS` points | by the process |
//! | `work/` | its working folder | |
//!
//! What holds, whatever dies when:
//!
//! - **At most one start for each folder.** The claim is made under a temporary name, locked, and then linked to its
//!   real name, which succeeds once. A second supervisor finds it and leaves. A claim whose lock is free, without a
//!   record of the end, means [`Ending::Lost`](orp_core::noun::Ending::Lost), never a second start.
//! - **No process is mistaken for another.** A process id counts only together with its start time and the machine's
//!   boot, so an id that was given away again is noticed.
//! - **Nothing is left behind.** The process leads a group of its own within the supervisor's session. When it ends,
//!   whatever it started and left is killed before the end is recorded; on Linux also what moved to another session.
//!   When the supervisor was killed too, [`Launcher::kill`] finds the rest by its session.
//! - **No secret touches the disk.** The order reaches the supervisor through a pipe.
//!
//! The supervisor is a process rather than a thread that "detaches", because only a process outlives its host; it is one
//! for each attempt rather than one for the machine, because then no failure takes down more than one attempt, and there
//! is no service to install. The price is one more process start for each attempt, about a millisecond.
//!
//! ```standalone_crate
//! use orp_sdk::process::{LaunchOptions, Launcher, Supervisor, supervise_if_asked};
//! use orp_core::{memory::SeededIds, prelude::*};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     supervise_if_asked(); // first thing: the host is its own supervisor's program
//!
//!     let ids = SeededIds::new(7);
//!     let folder = std::env::temp_dir().join(format!("orp-process-doc-{}", std::process::id()));
//!     let attempt = AttemptId { run: RunId::next(&ids), task: TaskName::new("greet")?, number: 1 };
//!     let mut spec = LaunchSpec::new(attempt, "sh", folder.clone());
//!     spec.args = vec!["-c".into(), "echo hello from $ORP_TASK".into()];
//!
//!     let launcher = Launcher::new(Supervisor::this_host()?);
//!     let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//!     runtime.block_on(async {
//!         launcher.launch(LeaseId::next(&ids), &spec, LaunchOptions::default()).await?;
//!         let ExecutionStatus::Ended { ending, .. } = launcher.wait(&folder).await? else { unreachable!() };
//!         assert_eq!(ending, Ending::Exited(0));
//!         Ok::<(), ProviderError>(())
//!     })?;
//!     assert_eq!(std::fs::read_to_string(folder.join("stdout.log"))?, "hello from greet\n");
//!     std::fs::remove_dir_all(folder)?;
//!     Ok(())
//! }
//! ```
//!
//! Providers build on [`Launcher`]: see [`crate::provider::local`].
#![cfg(unix)]

pub(crate) mod file;
mod identity;
mod launcher;
mod limit;
mod order;
mod output;
mod record;
mod standing;
mod supervisor;

pub use launcher::{LaunchOptions, Launcher, Supervisor};
pub(crate) use output::redact;
pub use output::{Log, read_log_tail, read_progress};

use std::sync::atomic::{AtomicBool, Ordering};

/// Set in the environment of a program that is to be a supervisor; its value is the protocol it is asked to speak.
const ASK: &str = "ORP_SUPERVISE";

/// Whether [`supervise_if_asked`] was called in this process.
static HOOKED: AtomicBool = AtomicBool::new(false);

/// Becomes a supervisor and ends, if this process was started to be one; else returns at once.
///
/// Call it first thing in `main`, before threads, arguments and logs: [`Supervisor::this_host`] starts the host's own
/// program again, and this is where that start turns off. It does nothing else and costs one look at the environment.
pub fn supervise_if_asked() {
    HOOKED.store(true, Ordering::Release);
    if let Some(protocol) = std::env::var_os(ASK) {
        std::process::exit(supervisor::run(&protocol));
    }
}
