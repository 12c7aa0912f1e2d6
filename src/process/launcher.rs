//! The host's side: starts supervisors, and sees and signals what they supervise through the records they keep.

use super::ASK;
use super::order::{Order, PROTOCOL};
use super::record::{Claim, ENDED};
use super::standing::Standing;
use super::supervisor::{DONE, PROBLEM};
use crate::time::wall_now;
use orp_core::error::{ErrorKind, ProviderError, Retry};
use orp_core::id::{IdempotencyKey, LeaseId};
use orp_core::noun::{Ending, Execution, ExecutionStatus, LaunchSpec, Signal};
use orp_core::unit::Span;
use rustix::process::Signal as SystemSignal;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering};
use std::{thread, time::Duration};
use tokio::sync::oneshot;

/// What a supervisor may say of a problem.
const WORD_BYTES_MAX: u64 = 4_096;
/// How long a supervisor may take from its claim to the start, and killed processes until they are gone.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// How often one that waits looks whether the supervisor lives, which costs more than whether the end is on record.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The program that supervises.
#[derive(Debug, Clone)]
pub struct Supervisor {
    program: PathBuf,
}

impl Supervisor {
    /// The host's own program, started again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when [`supervise_if_asked`](super::supervise_if_asked) was not called: the host's program
    /// would then not become a supervisor but a second host, and start a third.
    pub fn this_host() -> Result<Self, ProviderError> {
        if !super::HOOKED.load(Ordering::Acquire) {
            let message = "this program does not call `orp_sdk::process::supervise_if_asked()` first thing in `main`: \
                           call it there, or name the `orp-supervisor` program";
            return Err(ProviderError::new(ErrorKind::Invalid, "supervise", message));
        }
        // The link rather than the path: it leads to this very program also when another was installed in its place.
        let link = Path::new("/proc/self/exe");
        let program = if link.exists() { Ok(link.to_owned()) } else { std::env::current_exe() };
        let program = program.map_err(|error| system("supervise", "this program does not know its own path", error))?;
        Ok(Self { program })
    }

    /// A program that calls [`supervise_if_asked`](super::supervise_if_asked), such as `orp-supervisor`.
    pub fn program(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { program: std::path::absolute(&path).unwrap_or(path) }
    }
}

/// Under which terms a process is launched.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LaunchOptions {
    /// The share of the processor's time it gets, above 0 and at most 1: below 1 it is stopped for the rest of every
    /// 20 ms. In effect at least 0.01.
    pub cpu_share: f64,
    /// What [`Launcher::stop`] gives it between asking it to stop and killing it.
    pub grace: Span,
}

impl Default for LaunchOptions {
    /// The whole processor, and 30 seconds.
    fn default() -> Self {
        Self { cpu_share: 1.0, grace: Span::from_secs(30) }
    }
}

/// Launches processes under supervisors, and re-attaches to those that a former host launched. Cheap to clone.
///
/// Every call names an execution by its attempt's folder ([`LaunchSpec::folder`]), which is all a restarted host has to
/// know. Calls need a Tokio runtime with time; they touch the disk for microseconds.
#[derive(Debug, Clone)]
pub struct Launcher {
    supervisor: Supervisor,
    /// Supervisors this host started: their parent has to reap them.
    supervisors: Arc<Mutex<Vec<Child>>>,
}

impl Launcher {
    /// With this supervisor.
    pub fn new(supervisor: Supervisor) -> Self {
        Self { supervisor, supervisors: Arc::default() }
    }

    /// Starts a process, or returns what was started in this folder before.
    ///
    /// The program gets [what every task finds](orp_core::noun::execution) (but for the names that only a plan knows,
    /// which are the spec's to set), the host's `PATH`, `HOME`, `LANG` and `TMPDIR`, and nothing else of the host's
    /// environment. A name is looked up in the `PATH` that the process will have. Cancel safe: a cancelled call may have
    /// started the process; ask again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when the program cannot be found or run, or the options make no sense;
    /// [`ErrorKind::Conflict`] when the folder belongs to another key; [`ErrorKind::Lost`] when an earlier launch was
    /// called off, or its supervisor died while starting it; [`ErrorKind::System`] when the machine refused. A refused
    /// launch is refused again for ever: its key is used up.
    pub async fn launch(
        &self,
        lease: LeaseId,
        spec: &LaunchSpec,
        options: LaunchOptions,
    ) -> Result<Execution, ProviderError> {
        if matches!(look(&spec.folder, "launch")?, Standing::Unclaimed) {
            self.supervised(Order::new(lease, spec, options)?).await?;
        }
        let standing = settled(&spec.folder, "launch").await?;
        check_key(&standing, &spec.key(), &spec.folder)?;
        match standing {
            Standing::Unclaimed => {
                let message = "the supervisor ended before it started anything";
                Err(ProviderError::new(ErrorKind::System, "launch", message).with_retry(Retry::Now))
            }
            Standing::Lost { started: None, why, .. } => Err(ProviderError::new(ErrorKind::Lost, "launch", why)),
            standing => status_of(standing, "launch").map(|status| match status {
                ExecutionStatus::Running(execution) | ExecutionStatus::Ended { execution, .. } => execution,
            }),
        }
        .map_err(|error| error.with_context("folder", spec.folder.display()))
    }

    /// Where the execution in this folder stands. Cancel safe.
    ///
    /// A process that outlived its killed supervisor counts as running, and as [`Ending::Lost`] once it is over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] when nothing was launched there; what [`Launcher::launch`] said when it was refused.
    pub async fn status(&self, folder: &Path) -> Result<ExecutionStatus, ProviderError> {
        status_of(settled(folder, "status").await?, "status")
            .map_err(|error| error.with_context("folder", folder.display()))
    }

    /// Waits until the execution in this folder is over. Cancel safe. Errors as [`Launcher::status`].
    ///
    /// It looks for the record of the end again and again, at first each millisecond, then after a thirtieth of the time
    /// the process has run, and at least twenty times a second: the end is noticed late by 3 % of the run or 50 ms, the
    /// lesser. That the supervisor was killed is noticed within a second.
    pub async fn wait(&self, folder: &Path) -> Result<ExecutionStatus, ProviderError> {
        loop {
            match self.status(folder).await? {
                ExecutionStatus::Running(execution) => until_recorded(folder, &execution).await,
                ended => {
                    self.reap();
                    return Ok(ended);
                }
            }
        }
    }

    /// Tells the process and all of its group something; does nothing when it is over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] when nothing was launched there.
    pub async fn signal(&self, folder: &Path, signal: Signal) -> Result<(), ProviderError> {
        match settled(folder, "signal").await? {
            Standing::Running { started, .. } => {
                match signal {
                    Signal::Kill => started.process.signal_group(SystemSignal::KILL),
                    _ => {
                        started.process.signal_group(SystemSignal::TERM);
                        // A stopped process would hear it only when it is continued.
                        started.process.signal_group(SystemSignal::CONT);
                    }
                }
                Ok(())
            }
            Standing::Unclaimed => Err(nothing_there("signal").with_context("folder", folder.display())),
            _ => Ok(()),
        }
    }

    /// Asks the process to stop, gives it the grace it was launched with, and kills what is left. Cancel safe: ask again.
    ///
    /// # Errors
    ///
    /// As [`Launcher::status`] and [`Launcher::kill`].
    pub async fn stop(&self, folder: &Path) -> Result<ExecutionStatus, ProviderError> {
        self.signal(folder, Signal::Terminate).await?;
        if let Standing::Running { launch, .. } = look(folder, "stop")?
            && let Ok(ended) = tokio::time::timeout(launch.grace.as_std(), self.wait(folder)).await
        {
            return ended;
        }
        self.kill(folder).await?;
        self.status(folder).await
    }

    /// Kills every process of the execution in this folder, and returns when none is left. Cancel safe: ask again.
    ///
    /// If nothing was launched there yet, nothing ever will be: a launch that is under way, even by a host that has died,
    /// finds the folder taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when a process is still there after 30 seconds: the system holds it (a disk or device
    /// that does not answer).
    pub async fn kill(&self, folder: &Path) -> Result<(), ProviderError> {
        let mut pauses = pauses();
        loop {
            let clear = match settled(folder, "kill").await? {
                Standing::Unclaimed => call_off(folder)?,
                Standing::Running { started, supervised: true, .. } => {
                    started.process.signal_group(SystemSignal::KILL);
                    false
                }
                Standing::Running { launch, started, supervised: false } => {
                    started.process.signal_group(SystemSignal::KILL);
                    launch.supervisor.kill_session();
                    false
                }
                Standing::Lost { launch, .. } => launch.supervisor.kill_session() == 0,
                Standing::CalledOff | Standing::Refused(..) | Standing::Ended { .. } => true,
                Standing::Starting => return Err(still_starting("kill")),
            };
            if clear {
                self.reap();
                return Ok(());
            }
            let Some(pause) = pauses.next() else {
                let message = "a killed process is still there: the system holds it";
                return Err(ProviderError::new(ErrorKind::Unavailable, "kill", message)
                    .with_context("folder", folder.display()));
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Has an order carried out, on a thread of its own, which a runtime that shuts down does not wait for.
    async fn supervised(&self, order: Order) -> Result<(), ProviderError> {
        let (answer, answered) = oneshot::channel();
        let launcher = self.clone();
        let work = move || drop(answer.send(launcher.supervise(&order)));
        let thread = thread::Builder::new().name("launch".to_owned()).spawn(work);
        thread.map_err(|error| system("launch", "cannot start a thread", error))?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(gone)) => Err(system("launch", "the thread that launches failed", io::Error::other(gone))),
            Err(_) => {
                let program = self.supervisor.program.display();
                let message = format!("the supervisor `{program}` did not answer in {} s", PATIENCE.as_secs());
                Err(ProviderError::new(ErrorKind::Unavailable, "launch", message))
            }
        }
    }

    /// Starts a supervisor, gives it its order, and returns when what came of it stands in the folder.
    fn supervise(&self, order: &Order) -> Result<(), ProviderError> {
        self.reap();
        for folder in &order.folders {
            std::fs::create_dir_all(folder)
                .map_err(|error| system("launch", &format!("cannot make the folder `{}`", folder.display()), error))?;
        }
        let mut command = Command::new(&self.supervisor.program);
        // The arguments are for people who list processes.
        command.arg0("orp-supervisor").args(["supervise", order.key.as_str()]).env(ASK, PROTOCOL);
        command.current_dir(&order.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let program = self.supervisor.program.display();
        let mut child = command
            .spawn()
            .map_err(|error| system("launch", &format!("cannot start the supervisor `{program}`"), error))?;
        let word = converse(&mut child, order);
        self.supervisors.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        let word =
            word.map_err(|error| system("launch", &format!("cannot talk to the supervisor `{program}`"), error))?;
        // One that died says nothing; the folder shows how far it came.
        if word == DONE || word.is_empty() {
            return Ok(());
        }
        Err(match word.strip_prefix(PROBLEM) {
            Some(problem) => ProviderError::new(ErrorKind::System, "launch", problem),
            // Not what it said: that may be the order itself, with its secrets.
            None => {
                let message =
                    format!("`{program}` is no supervisor: it must call `supervise_if_asked` first in `main`");
                ProviderError::new(ErrorKind::Invalid, "launch", message)
            }
        })
    }

    /// Reaps the supervisors that have ended.
    fn reap(&self) {
        let mut supervisors = self.supervisors.lock().unwrap_or_else(PoisonError::into_inner);
        supervisors.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

/// Gives the order, and returns the one line of answer.
fn converse(child: &mut Child, order: &Order) -> io::Result<String> {
    if let Some(mut stdin) = child.stdin.take() {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        match stdin.write_all(line.as_bytes()) {
            // It died; its silence says so.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => other?,
        }
    }
    let mut word = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout.take(WORD_BYTES_MAX)).read_line(&mut word)?;
    }
    Ok(word.trim_end().to_owned())
}

/// Takes the folder so that nothing starts there; false when somebody was faster.
fn call_off(folder: &Path) -> Result<bool, ProviderError> {
    let claim = Claim::CalledOff { at: wall_now() };
    let taken = std::fs::create_dir_all(folder).and_then(|()| claim.take(folder));
    taken
        .map(|lock| lock.is_some())
        .map_err(|error| system("kill", "cannot call off a launch", error).with_context("folder", folder.display()))
}

fn look(folder: &Path, operation: &'static str) -> Result<Standing, ProviderError> {
    Standing::of(folder)
        .map_err(|error| system(operation, "cannot read the records of an execution", error))
        .map_err(|error| error.with_context("folder", folder.display()))
}

/// Where it stands once its supervisor has started it or given up.
async fn settled(folder: &Path, operation: &'static str) -> Result<Standing, ProviderError> {
    let mut pauses = pauses();
    loop {
        match look(folder, operation)? {
            Standing::Starting => match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(still_starting(operation).with_context("folder", folder.display())),
            },
            standing => return Ok(standing),
        }
    }
}

/// Returns when the end of an execution is on record, or after [`LOOK_EVERY`].
async fn until_recorded(folder: &Path, execution: &Execution) {
    let record = folder.join(ENDED);
    let mut waited = Duration::ZERO;
    while waited < LOOK_EVERY && !record.exists() {
        let age = wall_now().since(execution.started).as_std();
        let pause = (age / 32).clamp(PAUSE_MIN, PAUSE_MAX);
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}

/// Growing pauses that come to [`PATIENCE`] in all.
fn pauses() -> impl Iterator<Item = Duration> {
    let mut left = PATIENCE;
    let mut next = PAUSE_MIN;
    std::iter::from_fn(move || {
        let pause = next.min(left);
        left -= pause;
        next = (next * 2).min(PAUSE_MAX);
        (!pause.is_zero()).then_some(pause)
    })
}

fn check_key(standing: &Standing, key: &IdempotencyKey, folder: &Path) -> Result<(), ProviderError> {
    let owner = match standing {
        Standing::Running { launch, .. } | Standing::Lost { launch, .. } | Standing::Refused(launch, _) => &launch.key,
        Standing::Ended { execution, .. } => &execution.key,
        Standing::Unclaimed | Standing::CalledOff | Standing::Starting => return Ok(()),
    };
    if owner == key {
        return Ok(());
    }
    let message = format!("the folder `{}` belongs to `{owner}`, not to `{key}`", folder.display());
    Err(ProviderError::new(ErrorKind::Conflict, "launch", message))
}

fn status_of(standing: Standing, operation: &'static str) -> Result<ExecutionStatus, ProviderError> {
    Ok(match standing {
        Standing::Unclaimed => return Err(nothing_there(operation)),
        Standing::CalledOff => {
            return Err(ProviderError::new(ErrorKind::Lost, operation, "it was called off before it started"));
        }
        Standing::Starting => return Err(still_starting(operation)),
        Standing::Refused(_, refused) => {
            let kind = if refused.invalid { ErrorKind::Invalid } else { ErrorKind::System };
            return Err(ProviderError::new(kind, operation, refused.message));
        }
        Standing::Running { started, .. } => ExecutionStatus::Running(started.execution),
        Standing::Ended { execution, ending } => ExecutionStatus::Ended { execution, ending },
        Standing::Lost { started: Some(started), why, .. } => {
            ExecutionStatus::Ended { execution: started.execution, ending: Ending::Lost(why.to_owned()) }
        }
        Standing::Lost { launch, started: None, why } => {
            let mut execution = Execution::new(launch.key, launch.lease, 0, launch.at);
            execution.starts = 0;
            ExecutionStatus::Ended { execution, ending: Ending::Lost(why.to_owned()) }
        }
    })
}

fn nothing_there(operation: &'static str) -> ProviderError {
    ProviderError::new(ErrorKind::NotFound, operation, "nothing was launched there")
}

fn still_starting(operation: &'static str) -> ProviderError {
    ProviderError::new(ErrorKind::Unavailable, operation, "the supervisor has not started it yet")
}

fn system(operation: &'static str, message: &str, error: io::Error) -> ProviderError {
    ProviderError::new(ErrorKind::System, operation, message).with_source(error)
}
