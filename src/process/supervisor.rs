//! The supervisor: a process that starts one other, waits for it, and writes down how it ended.
//!
//! It runs in a process of its own and does one thing after the other; whoever kills it at any point leaves records from
//! which [`Standing`](super::standing::Standing) tells the truth.

use super::identity::{Identity, kill_children, signalable};
use super::limit::spawn_within;
use super::order::{Order, PROTOCOL};
use super::record::{self, Claim, Ended, Launch, Refused, Started, WORK};
use crate::time::wall_now;
use orp_core::noun::{Ending, Execution};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, setsid, waitid};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::{thread, time::Duration};

/// What it says when all that is to be known stands in the folder.
pub(super) const DONE: &str = "ok";
/// What it begins with otherwise; what is wrong follows. A program that says anything else is no supervisor.
pub(super) const PROBLEM: &str = "problem: ";

/// A longer order is refused.
const ORDER_BYTES_MAX: u64 = 16 << 20;
/// The time between two stops of a process that runs at a share of the processor.
const PERIOD: Duration = Duration::from_millis(20);
/// How long what a process left is waited for once it was killed; then the system holds it, and nobody can end it.
const CLEAR_ROUNDS: u32 = 5_000;
const CLEAR_PAUSE: Duration = Duration::from_millis(1);
/// How long it tries to record the end: a full disk may be emptied.
const RECORD_TRIES: u32 = 6_000;
const RECORD_PAUSE: Duration = Duration::from_millis(100);

/// All of the supervisor's life; returns its exit status.
pub(super) fn run(protocol: &OsStr) -> i32 {
    match read_order(protocol).and_then(begin) {
        Ok(task) => {
            say(DONE);
            if let Some(task) = task {
                task.see_through();
            }
            0
        }
        Err(problem) => {
            say(&format!("{PROBLEM}{problem}"));
            1
        }
    }
}

/// To the host, which may be gone by now.
fn say(word: &str) {
    let _ = writeln!(io::stdout(), "{}", word.replace('\n', " "));
}

fn read_order(protocol: &OsStr) -> Result<Order, String> {
    if protocol != PROTOCOL {
        return Err(format!("the supervisor speaks protocol {PROTOCOL}, the host {}", protocol.display()));
    }
    let mut line = String::new();
    let read = io::BufReader::new(io::stdin().take(ORDER_BYTES_MAX)).read_line(&mut line);
    read.map_err(|error| format!("the supervisor cannot read its order: {error}"))?;
    // The reader's message could quote a secret, so only where it stumbled is told.
    serde_json::from_str(&line)
        .map_err(|error| format!("the supervisor does not understand its order at column {}", error.column()))
}

/// Claims the folder and starts the process; none when there is nothing to see through.
fn begin(order: Order) -> Result<Option<Task>, String> {
    setsid().map_err(|error| format!("the supervisor cannot lead a session: {error}"))?;
    adopt_orphans();
    let claim = Claim::Launch(Launch {
        key: order.key.clone(),
        lease: order.lease,
        grace: order.grace,
        supervisor: Identity::own(),
        at: wall_now(),
    });
    let taken = claim.take(&order.folder);
    let Some(lock) = taken.map_err(|error| format!("cannot claim `{}`: {error}", order.folder.display()))? else {
        return Ok(None);
    };
    match start(&order) {
        Ok(pid) => Ok(Some(Task { pid, folder: order.folder, cpu_share: order.cpu_share, _lock: lock })),
        Err(refused) => match refused.write(&order.folder) {
            Ok(()) => Ok(None),
            Err(_) => Err(refused.message),
        },
    }
}

/// From here on, what the process's own children leave behind becomes a child of the supervisor.
fn adopt_orphans() {
    // Without it only those are found that stay in the group.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

fn start(order: &Order) -> Result<Pid, Refused> {
    let machine = |what: &str, error: io::Error| Refused { message: format!("{what}: {error}"), invalid: false };
    let log = |name: &str| File::options().create(true).append(true).open(order.folder.join(name));
    // All files are open before the limit on open files is lowered.
    let stdin = File::open("/dev/null").map_err(|error| machine("cannot open `/dev/null`", error))?;
    let stdout = log("stdout.log").map_err(|error| machine("cannot open `stdout.log`", error))?;
    let stderr = log("stderr.log").map_err(|error| machine("cannot open `stderr.log`", error))?;
    let mut command = Command::new(&order.program);
    command.args(&order.args).env_clear().envs(&order.env).current_dir(order.folder.join(WORK)).process_group(0);
    command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
    let child = spawn_within(&order.limits, &mut command).map_err(|error| cannot_start(&order.program, &error))?;
    let pid = signalable(child.id()).ok_or_else(|| machine("no process id", io::Error::other("out of range")))?;

    let at = wall_now();
    let started = Started {
        execution: Execution::new(order.key.clone(), order.lease, child.id(), at),
        process: Identity::of_child(child.id()),
    };
    record::note_start(&order.folder, child.id(), at).and_then(|()| started.write(&order.folder)).map_err(|error| {
        clear(pid);
        machine("it was started, and killed because that could not be recorded", error)
    })?;
    Ok(pid)
}

fn cannot_start(program: &Path, error: &io::Error) -> Refused {
    let kind = error.kind();
    let invalid = matches!(kind, ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::InvalidInput)
        || kind == ErrorKind::ArgumentListTooLong
        || Errno::from_io_error(error) == Some(Errno::NOEXEC);
    Refused { message: format!("cannot start `{}`: {error}", program.display()), invalid }
}

/// A process that runs.
struct Task {
    pid: Pid,
    folder: PathBuf,
    cpu_share: f64,
    /// Held as long as the supervisor lives: this is how others see that it does.
    _lock: File,
}

impl Task {
    fn see_through(self) {
        // Beside the process rather than before it: a disk may take longer than all the rest of the start. Whoever pulls
        // the plug in these milliseconds may see the process started again once the machine is up.
        let folder = self.folder.clone();
        let _ = thread::Builder::new().name("sync".to_owned()).spawn(move || Claim::sync(&folder));
        let throttle = (self.cpu_share < 1.0).then(|| Throttle::start(self.pid, self.cpu_share));
        let ending = wait_without_reaping(self.pid);
        if let Some(throttle) = throttle {
            throttle.stop();
        }
        clear(self.pid);
        let ended = Ended { ending, at: wall_now() };
        for _ in 0..RECORD_TRIES {
            match ended.write(&self.folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => {}
                // Written, or there is no folder any more, and so nobody who asks.
                _ => return,
            }
            thread::sleep(RECORD_PAUSE);
        }
    }
}

/// Waits for the end of a child and leaves it to be reaped, so that its number and group stay its own.
fn wait_without_reaping(pid: Pid) -> Ending {
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(Some(status)) => {
                let exited = status.exit_status().map(Ending::Exited);
                let signalled = || status.terminating_signal().map(Ending::Signalled);
                return exited
                    .or_else(signalled)
                    .unwrap_or_else(|| Ending::Lost("the system did not say how it ended".to_owned()));
            }
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Ending::Lost(format!("the system did not say how it ended: {error}")),
        }
    }
}

/// Kills and reaps an ended process's group and every other process it left.
fn clear(leader: Pid) {
    // On Linux what follows finds them too, as children; elsewhere only what is in the group is found at all.
    let _ = kill_process_group(leader, Signal::KILL);
    let _ = waitid(WaitId::Pid(leader), WaitIdOptions::EXITED);
    let mut rounds = 0;
    while rounds < CLEAR_ROUNDS {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Err(_) => return,
            Ok(None) => {
                kill_children();
                thread::sleep(CLEAR_PAUSE);
                rounds += 1;
            }
        }
    }
}

/// Stops and continues a group in turn, so that it gets a share of the processor: a slow machine, for real.
///
/// If the supervisor is killed while the group is stopped, the kernel hangs it up and continues it, as it does with every
/// stopped group that loses its session's leader.
struct Throttle(Arc<Mutex<bool>>);

impl Throttle {
    fn start(group: Pid, share: f64) -> Self {
        let run = PERIOD.mul_f64(share.max(0.01));
        let over = Arc::new(Mutex::new(false));
        let shared = Arc::clone(&over);
        // Under the lock, so that no signal goes out once the group may be reaped.
        let tell = move |signal| {
            let over = shared.lock().unwrap_or_else(PoisonError::into_inner);
            !*over && kill_process_group(group, signal).is_ok()
        };
        let turns = move || {
            loop {
                thread::sleep(run);
                if !tell(Signal::STOP) {
                    return;
                }
                thread::sleep(PERIOD.saturating_sub(run));
                if !tell(Signal::CONT) {
                    return;
                }
            }
        };
        // Without the thread it is faster than asked for, which hurts nobody.
        let _ = thread::Builder::new().name("throttle".to_owned()).spawn(turns);
        Self(over)
    }

    fn stop(self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}
