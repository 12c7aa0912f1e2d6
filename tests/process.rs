//! Real processes under supervisors: endings, signals, limits, and what is left when host or supervisor is killed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests measure, and fail loudly")]

use orp_core::prelude::*;
use orp_sdk::process::{LaunchOptions, Launcher, Log, Supervisor, read_log_tail, read_progress};
use orp_sdk::time::RandomIds;
use rustix::process::{Pid, Signal as SystemSignal, kill_process, kill_process_group};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::{fs::PermissionsExt, process::CommandExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// An attempt in a folder of its own; whatever of it still runs is killed at the end of the test, also of a failed one.
struct Attempt {
    home: tempfile::TempDir,
    launcher: Launcher,
    spec: LaunchSpec,
    options: LaunchOptions,
    lease: LeaseId,
}

impl Attempt {
    fn new(program: &str, args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let spec = spec_in(home.path(), program, args);
        let launcher = launcher();
        Self { home, launcher, spec, options: LaunchOptions::default(), lease: LeaseId::next(&RandomIds) }
    }

    fn shell(script: &str) -> Self {
        Self::new("sh", &["-c", script])
    }

    fn folder(&self) -> &Path {
        &self.spec.folder
    }

    async fn launch(&self) -> Result<Execution, ProviderError> {
        self.launcher.launch(self.lease, &self.spec, self.options).await
    }

    async fn wait(&self) -> Ending {
        ending(tokio::time::timeout(Duration::from_secs(60), self.launcher.wait(self.folder())).await.unwrap().unwrap())
    }

    async fn run(&self) -> Ending {
        self.launch().await.unwrap();
        self.wait().await
    }

    async fn is_running(&self) -> bool {
        matches!(self.launcher.status(self.folder()).await.unwrap(), ExecutionStatus::Running(_))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap_or_default()
    }

    fn starts(&self) -> usize {
        self.read("starts.log").lines().count()
    }

    /// The process id of its supervisor.
    fn supervisor(&self) -> Pid {
        let claim: serde_json::Value = serde_json::from_str(&self.read("claim.json")).unwrap();
        Pid::from_raw(claim["launch"]["supervisor"]["pid"].as_i64().unwrap() as i32).unwrap()
    }

    async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..2_000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never: {what}");
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let (launcher, folder) = (self.launcher.clone(), self.folder().to_owned());
        let kill = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(launcher.kill(&folder)).unwrap();
        };
        std::thread::spawn(kill).join().unwrap();
        let _ = &self.home;
    }
}

fn launcher() -> Launcher {
    Launcher::new(Supervisor::program(env!("CARGO_BIN_EXE_orp-supervisor")))
}

fn spec_in(home: &Path, program: &str, args: &[&str]) -> LaunchSpec {
    let attempt = AttemptId { run: RunId::next(&RandomIds), task: TaskName::new("train").unwrap(), number: 1 };
    let mut spec = LaunchSpec::new(attempt, program, home.join("attempt"));
    spec.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    spec
}

fn ending(status: ExecutionStatus) -> Ending {
    match status {
        ExecutionStatus::Ended { ending, .. } => ending,
        ExecutionStatus::Running(execution) => panic!("{execution:?} still runs"),
    }
}

fn pid(execution: &Execution) -> Pid {
    Pid::from_raw(execution.pid as i32).unwrap()
}

/// The state of a process as `ps` prints it; none when it is gone, or only waits to be reaped.
fn state(pid: Pid) -> Option<char> {
    let output = Command::new("ps").args(["-o", "state=", "-p", &pid.to_string()]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().chars().next().filter(|state| *state != 'Z')
}

/// How many living processes have this argument.
fn with_argument(argument: &str) -> usize {
    let output = Command::new("ps").args(["-A", "-o", "state=", "-o", "args="]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| !line.starts_with('Z') && line.split(' ').any(|word| word == argument)).count()
}

/// A number of seconds to sleep that no other test uses, so that the sleeper can be found.
fn unique_seconds() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}.{:03}", 100_000 + std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn endings_are_what_the_system_says() {
    for (script, expected) in [
        ("exit 0", Ending::Exited(0)),
        ("exit 3", Ending::Exited(3)),
        ("exit 75", Ending::Exited(75)),
        ("kill -KILL $$", Ending::Signalled(9)),
        ("kill -TERM $$", Ending::Signalled(15)),
    ] {
        let attempt = Attempt::shell(script);
        assert_eq!(attempt.run().await, expected, "{script}");
        assert_eq!(attempt.wait().await, expected, "{script}, asked again");
        assert_eq!(attempt.starts(), 1);
    }
}

#[tokio::test]
async fn environment_folders_and_logs_are_as_promised() {
    let mut attempt =
        Attempt::shell("env; pwd >&2; test -d $ORP_OUT && test -d $ORP_CHECKPOINT_DIR && printf $KEY | wc -c");
    attempt.spec.env.insert("ORP_PARAM_TOKENS".into(), "7".into());
    attempt.spec.env.insert("ORP_TASK".into(), "not this".into());
    attempt.spec.secrets.insert("KEY".into(), "s3cret-value".into());
    assert_eq!(attempt.run().await, Ending::Exited(0));

    let folder = attempt.folder().display().to_string();
    let stdout = read_log_tail(attempt.folder(), Log::Stdout, 10_000, ["s3cret-value"]).unwrap();
    for line in [
        format!("ORP_RUN_ID={}", attempt.spec.attempt.run),
        "ORP_TASK=train".into(),
        "ORP_ATTEMPT=1".into(),
        format!("ORP_OUT={folder}/out"),
        format!("ORP_CHECKPOINT_DIR={folder}/checkpoints"),
        format!("ORP_PROGRESS={folder}/progress.jsonl"),
        "ORP_PARAM_TOKENS=7".into(),
        format!("PATH={}", std::env::var("PATH").unwrap()),
        "KEY=[redacted]".into(),
        "12".into(),
    ] {
        assert!(stdout.lines().any(|have| have == line), "no {line} in {stdout}");
    }
    let known = ["PATH", "HOME", "LANG", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_", "KEY"];
    for name in stdout.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name) {
        assert!(known.contains(&name) || name.starts_with("ORP_"), "{name} leaks from the host");
    }
    assert!(!stdout.contains("ORP_SUPERVISE"), "a task that is itself a host must not become a supervisor");
    assert_eq!(attempt.read("stderr.log"), format!("{folder}/work\n"));
}

#[tokio::test]
async fn secrets_are_in_no_file() {
    let mut attempt = Attempt::shell("test ${#KEY} = 25");
    attempt.spec.secrets.insert("KEY".into(), "very-secret-value-7f3a9b2c".into());
    attempt.spec.args[1] = "test ${#KEY} = 26 && sleep 0.2".into();
    attempt.launch().await.unwrap();
    assert_no_file_has(attempt.home.path(), "7f3a9b2c");
    assert_eq!(attempt.wait().await, Ending::Exited(0));
    assert_no_file_has(attempt.home.path(), "7f3a9b2c");
}

fn assert_no_file_has(folder: &Path, text: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_file_has(&path, text);
        } else {
            let content = fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&content).contains(text), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_process_that_saves_its_state_when_asked_has_its_grace() {
    let attempt = Attempt::shell("trap 'sleep 0.1; exit 75' TERM; echo ready; while :; do sleep 0.05; done");
    attempt.launch().await.unwrap();
    attempt.until("it is ready", |attempt| attempt.read("stdout.log").contains("ready")).await;
    assert!(ending(attempt.launcher.stop(attempt.folder()).await.unwrap()).is_saved());
    // Stopping and signalling what is over does nothing.
    attempt.launcher.signal(attempt.folder(), Signal::Kill).await.unwrap();
    assert!(ending(attempt.launcher.stop(attempt.folder()).await.unwrap()).is_saved());
}

#[tokio::test]
async fn a_process_that_somebody_stopped_is_continued_to_save_its_state() {
    let attempt = Attempt::shell("trap 'exit 75' TERM; echo ready; while :; do sleep 0.05; done");
    let execution = attempt.launch().await.unwrap();
    attempt.until("it is ready", |attempt| attempt.read("stdout.log").contains("ready")).await;
    kill_process_group(pid(&execution), SystemSignal::STOP).unwrap();
    assert!(ending(attempt.launcher.stop(attempt.folder()).await.unwrap()).is_saved());
}

#[tokio::test]
async fn a_process_that_ignores_being_asked_is_killed_after_its_grace() {
    let mut attempt = Attempt::shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    attempt.options.grace = Span::from_millis(300);
    attempt.launch().await.unwrap();
    attempt.until("it is ready", |attempt| attempt.read("stdout.log").contains("ready")).await;
    let asked = Instant::now();
    assert_eq!(ending(attempt.launcher.stop(attempt.folder()).await.unwrap()), Ending::Signalled(9));
    assert!(asked.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn kill_takes_the_whole_tree() {
    let seconds = unique_seconds();
    // In its group, in another group, and in another session.
    let script = format!("sleep {seconds} & setsid sleep {seconds} & (set -m; sleep {seconds} & wait) & wait");
    let attempt = Attempt::shell(&script);
    attempt.launch().await.unwrap();
    attempt.until("three sleep", |_| with_argument(&seconds) >= 3).await;
    attempt.launcher.kill(attempt.folder()).await.unwrap();
    assert_eq!(with_argument(&seconds), 0);
    assert_eq!(attempt.wait().await, Ending::Signalled(9));
}

#[tokio::test]
async fn what_a_process_leaves_behind_is_gone_when_it_has_ended() {
    let seconds = unique_seconds();
    let attempt = Attempt::shell(&format!("sleep {seconds} & setsid sleep {seconds} & exit 0"));
    assert_eq!(attempt.run().await, Ending::Exited(0));
    assert_eq!(with_argument(&seconds), 0);
}

#[tokio::test]
async fn limits_hold() {
    let mut attempt = Attempt::new("head", &["-c", "100000", "/dev/zero"]);
    attempt.spec.limits.file_size = Some("10 kB".parse().unwrap());
    assert_eq!(attempt.run().await, Ending::Signalled(25), "SIGXFSZ");
    assert_eq!(fs::metadata(attempt.folder().join("stdout.log")).unwrap().len(), 10_000);

    let mut attempt = Attempt::shell("while :; do :; done");
    attempt.spec.limits.cpu_time = Some(Span::SECOND);
    assert_eq!(attempt.run().await, Ending::Signalled(24), "SIGXCPU");

    let mut attempt = Attempt::shell("ulimit -Sn; sleep 0.3; ulimit -Sv; ulimit -Hn; ulimit -Hv");
    attempt.spec.limits.open_files = Some(20);
    attempt.spec.limits.memory = Some("512 MiB".parse().unwrap());
    assert_eq!(attempt.run().await, Ending::Exited(0));
    let out = attempt.read("stdout.log");
    let have: Vec<&str> = out.lines().collect();
    assert_eq!(have[..2], ["20", "524288"]);
    if cfg!(target_os = "linux") {
        assert_eq!(have[2..], ["20", "524288"], "the hard limits follow");
    }

    // Less memory than the supervisor itself has, and hardly a file to open.
    let mut attempt = Attempt::shell("exit 0");
    attempt.spec.limits.open_files = Some(4);
    attempt.spec.limits.memory = Some("4 MiB".parse().unwrap());
    assert!(!matches!(attempt.run().await, Ending::Lost(_)));
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_the_same_way_for_ever() {
    let attempt = Attempt::new("no-such-program", &[]);
    let error = attempt.launch().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.to_string().contains("the program `no-such-program` is not in the search path"), "{error}");
    assert_eq!(attempt.launcher.status(attempt.folder()).await.unwrap_err().kind, ErrorKind::NotFound);

    for (content, mode, why) in [("", 0o644, "Permission denied"), ("no program", 0o755, "Exec format error")] {
        let mut attempt = Attempt::new("", &[]);
        let file = attempt.home.path().join("program");
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        attempt.spec.program = file.display().to_string();
        let first = attempt.launch().await.unwrap_err();
        assert_eq!(first.kind, ErrorKind::Invalid, "{first}");
        assert!(first.to_string().contains(&format!("cannot start `{}`: {why}", file.display())), "{first}");
        assert_eq!(attempt.launch().await.unwrap_err().to_string(), first.to_string());
        assert_eq!(attempt.launcher.status(attempt.folder()).await.unwrap_err().kind, ErrorKind::Invalid);
        assert_eq!(attempt.starts(), 0);
    }

    let mut attempt = Attempt::shell("exit 0");
    attempt.options.cpu_share = 0.0;
    assert_eq!(attempt.launch().await.unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn a_folder_belongs_to_one_key() {
    let mut attempt = Attempt::shell("exit 0");
    attempt.launch().await.unwrap();
    attempt.spec.attempt.number = 2;
    assert_eq!(attempt.launch().await.unwrap_err().kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn what_was_called_off_never_starts() {
    let attempt = Attempt::shell("exit 0");
    attempt.launcher.kill(attempt.folder()).await.unwrap();
    assert_eq!(attempt.launch().await.unwrap_err().kind, ErrorKind::Lost);
    assert_eq!(attempt.launcher.status(attempt.folder()).await.unwrap_err().kind, ErrorKind::Lost);
    assert_eq!(attempt.starts(), 0);
}

#[tokio::test]
async fn a_program_that_is_no_supervisor_is_told_from_one_and_does_not_spread_secrets() {
    let mut attempt = Attempt::shell("exit 0");
    attempt.spec.secrets.insert("KEY".into(), "s3cret-value".into());
    for (program, kind) in
        [("/bin/cat", ErrorKind::Invalid), ("/bin/true", ErrorKind::System), ("/none", ErrorKind::System)]
    {
        // As for `cat`, which says what it was told, so that the arguments do not matter.
        let file = attempt.home.path().join("supervisor");
        fs::write(&file, format!("#!/bin/sh\nexec {program}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let launcher = Launcher::new(Supervisor::program(file));
        let error = launcher.launch(attempt.lease, &attempt.spec, attempt.options).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(!error.to_string().contains("s3cret-value"), "{error}");
    }
    assert_eq!(attempt.run().await, Ending::Exited(0), "nothing was used up");
}

#[tokio::test]
async fn a_claim_that_a_power_failure_tore_starts_nothing_and_is_in_nobodys_way() {
    let attempt = Attempt::shell("exit 0");
    fs::create_dir_all(attempt.folder()).unwrap();
    fs::write(attempt.folder().join("claim.json"), "").unwrap();
    assert_eq!(attempt.launch().await.unwrap_err().kind, ErrorKind::Lost);
    attempt.launcher.kill(attempt.folder()).await.unwrap();
    assert_eq!(attempt.starts(), 0);
}

#[tokio::test]
async fn a_host_without_the_hook_is_not_started_again() {
    let error = Supervisor::this_host().unwrap_err();
    assert!(error.to_string().contains("supervise_if_asked"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn the_same_key_from_eight_threads_is_one_start() {
    let attempt = Attempt::shell("sleep 0.2");
    let launches = (0..8).map(|_| {
        // Launchers that know nothing of each other, as two hosts would have.
        let (launcher, spec) = (launcher(), attempt.spec.clone());
        let (lease, options) = (attempt.lease, attempt.options);
        tokio::spawn(async move { launcher.launch(lease, &spec, options).await.unwrap() })
    });
    let executions: Vec<Execution> =
        futures_util::future::join_all(launches).await.into_iter().map(Result::unwrap).collect();
    assert!(executions.windows(2).all(|two| two[0] == two[1]), "{executions:?}");
    assert_eq!(attempt.starts(), 1);
    assert_eq!(attempt.wait().await, Ending::Exited(0));
    assert_eq!(attempt.launch().await.unwrap(), executions[0], "after the end too");
    assert_eq!(attempt.starts(), 1);
}

#[tokio::test]
async fn a_cancelled_wait_can_be_repeated() {
    let attempt = Attempt::shell("sleep 0.3; exit 4");
    attempt.launch().await.unwrap();
    for _ in 0..5 {
        let wait = tokio::time::timeout(Duration::from_millis(10), attempt.launcher.wait(attempt.folder()));
        assert!(wait.await.is_err());
    }
    assert_eq!(attempt.wait().await, Ending::Exited(4));
}

#[tokio::test]
async fn progress_is_read_while_it_runs() {
    let attempt = Attempt::shell(
        "echo '{\"done\":1,\"total\":2,\"unit\":\"tokens\",\"metrics\":{\"loss\":2.5}}' >> $ORP_PROGRESS; sleep 0.2; \
         echo '{\"done\":2,\"total\":2}' >> $ORP_PROGRESS",
    );
    attempt.launch().await.unwrap();
    attempt.until("it wrote", |attempt| !attempt.read("progress.jsonl").is_empty()).await;
    let (first, offset) = read_progress(attempt.folder(), 0).unwrap();
    assert_eq!(first[0].metrics["loss"].to_string(), "2.5");
    assert_eq!(attempt.wait().await, Ending::Exited(0));
    let (second, _) = read_progress(attempt.folder(), offset).unwrap();
    assert_eq!((first.len(), second.len(), second[0].done), (1, 1, 2));
}

#[tokio::test]
async fn a_share_of_the_processor_makes_it_slower() {
    let mut attempt = Attempt::shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; times");
    attempt.options.cpu_share = 0.3;
    let begin = Instant::now();
    assert_eq!(attempt.run().await, Ending::Exited(0));
    let wall = begin.elapsed().as_secs_f64();
    // `0m0.300s 0m0.010s`: its own time in user and system mode. Whatever else the machine does makes only `wall` longer.
    let times = attempt.read("stdout.log");
    let seconds = |text: &str| text.trim_start_matches("0m").trim_end_matches('s').parse::<f64>().unwrap();
    let processor: f64 = times.lines().next().unwrap().split(' ').map(seconds).sum();
    assert!(processor > 0.05 && wall > 2.0 * processor, "{wall} s for {processor} s");

    let mut attempt = Attempt::shell("trap 'exit 75' TERM; echo ready; while :; do :; done");
    attempt.options.cpu_share = 0.1;
    attempt.launch().await.unwrap();
    attempt.until("it is ready", |attempt| attempt.read("stdout.log").contains("ready")).await;
    assert!(ending(attempt.launcher.stop(attempt.folder()).await.unwrap()).is_saved());
}

#[tokio::test]
async fn a_slowed_process_is_not_left_stopped_when_its_supervisor_is_killed() {
    for _ in 0..5 {
        let mut attempt = Attempt::shell("trap '' HUP; while :; do :; done");
        attempt.options.cpu_share = 0.05;
        let execution = attempt.launch().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        kill_process(attempt.supervisor(), SystemSignal::KILL).unwrap();
        attempt.until("it goes on", |_| state(pid(&execution)) != Some('T')).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(matches!(state(pid(&execution)), Some('R' | 'S')));
    }
}

#[tokio::test]
async fn without_its_supervisor_a_process_is_running_and_then_lost() {
    let seconds = unique_seconds();
    let attempt = Attempt::shell(&format!("sleep {seconds} & sleep {seconds}"));
    let execution = attempt.launch().await.unwrap();
    attempt.until("they sleep", |_| with_argument(&seconds) >= 2).await;
    kill_process(attempt.supervisor(), SystemSignal::KILL).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(attempt.is_running().await);
    assert_eq!(attempt.launch().await.unwrap(), execution);
    kill_process(pid(&execution), SystemSignal::KILL).unwrap();
    assert!(matches!(attempt.wait().await, Ending::Lost(_)));
    // Only the process itself was killed; what it started is found by its session.
    assert_eq!(with_argument(&seconds), 2);
    attempt.launcher.kill(attempt.folder()).await.unwrap();
    assert_eq!(with_argument(&seconds), 0);
    assert!(matches!(attempt.wait().await, Ending::Lost(_)));
    assert_eq!(attempt.launch().await.unwrap(), execution, "never started again");
    assert_eq!(attempt.starts(), 1);
}

#[tokio::test]
async fn another_process_with_the_same_number_is_not_mistaken_for_it() {
    let seconds = unique_seconds();
    let attempt = Attempt::new("sleep", &[&seconds]);
    attempt.launch().await.unwrap();
    kill_process(attempt.supervisor(), SystemSignal::KILL).unwrap();
    attempt.until("the supervisor is gone", |attempt| state(attempt.supervisor()).is_none()).await;
    assert!(attempt.is_running().await);
    let mut started: serde_json::Value = serde_json::from_str(&attempt.read("started.json")).unwrap();
    started["process"]["start"] = "1".into();
    fs::write(attempt.folder().join("started.json"), started.to_string()).unwrap();
    assert!(matches!(attempt.wait().await, Ending::Lost(_)));
    attempt.launcher.signal(attempt.folder(), Signal::Kill).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(with_argument(&seconds), 1, "and gets no signal");
}

#[tokio::test]
async fn a_supervisor_that_died_while_starting_leaves_nothing_running_and_no_second_start() {
    let attempt = Attempt::shell("sleep 60");
    let execution = attempt.launch().await.unwrap();
    // As if it had died after the start and before the record of it.
    fs::remove_file(attempt.folder().join("started.json")).unwrap();
    kill_process(attempt.supervisor(), SystemSignal::KILL).unwrap();
    attempt.until("the supervisor is gone", |attempt| state(attempt.supervisor()).is_none()).await;
    assert_eq!(attempt.launch().await.unwrap_err().kind, ErrorKind::Lost);
    assert!(matches!(attempt.wait().await, Ending::Lost(_)));
    attempt.launcher.kill(attempt.folder()).await.unwrap();
    assert_eq!(state(pid(&execution)), None, "found by its session");
}

/// Not a test: a host in a process of its own, for the tests to kill. Launches what is asked for and sleeps.
#[test]
#[ignore = "a helper of other tests"]
fn helper_host() {
    let Some(home) = std::env::var_os("ORP_TEST_HOME").map(PathBuf::from) else { return };
    let spec: LaunchSpec = serde_json::from_slice(&fs::read(home.join("spec.json")).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("\nlaunching");
    runtime.block_on(launcher().launch(LeaseId::next(&RandomIds), &spec, LaunchOptions::default())).unwrap();
    println!("\nlaunched");
    std::thread::sleep(Duration::from_secs(60));
}

/// Starts the helper in a process group of its own and returns when it has said `word`.
fn host_that_said(attempt: &Attempt, word: &str) -> std::process::Child {
    fs::write(attempt.home.path().join("spec.json"), serde_json::to_vec(&attempt.spec).unwrap()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "helper_host", "--ignored", "--nocapture"]).env("ORP_TEST_HOME", attempt.home.path());
    let mut host = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(host.stdout.as_mut().unwrap().by_ref()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == word), "the host did not come to {word}");
    host
}

#[tokio::test]
async fn a_new_host_finds_what_a_killed_one_launched() {
    let attempt = Attempt::shell("while [ ! -e $ORP_OUT/go ]; do sleep 0.02; done; exit 7");
    let mut host = host_that_said(&attempt, "launched");
    // What a terminal sends when it is closed or Ctrl-C is typed, and then the worst.
    let group = Pid::from_raw(host.id() as i32).unwrap();
    for signal in [SystemSignal::INT, SystemSignal::HUP, SystemSignal::KILL] {
        let _ = kill_process_group(group, signal);
    }
    host.wait().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(attempt.is_running().await);
    let execution = attempt.launch().await.unwrap();
    assert_eq!((attempt.starts(), execution.starts), (1, 1));
    fs::write(attempt.spec.out.join("go"), "").unwrap();
    assert_eq!(attempt.wait().await, Ending::Exited(7));
}

#[tokio::test]
async fn a_host_killed_at_any_instant_of_a_launch_does_not_start_twice() {
    let mut found = 0;
    for delay_us in (0..6_000).step_by(200) {
        let attempt = Attempt::shell("sleep 0.05; exit 5");
        let mut host = host_that_said(&attempt, "launching");
        tokio::time::sleep(Duration::from_micros(delay_us)).await;
        host.kill().unwrap();
        host.wait().unwrap();
        found += usize::from(attempt.folder().join("claim.json").exists());
        attempt.launch().await.unwrap();
        assert_eq!(attempt.wait().await, Ending::Exited(5));
        assert_eq!(attempt.starts(), 1, "after {delay_us} us");
    }
    println!("{found} of 30 were claimed before the host was killed");
}

#[tokio::test]
async fn a_supervisor_killed_at_any_instant_does_not_start_twice() {
    let mut lost = 0;
    for delay_us in (0..3_000).step_by(100) {
        let seconds = unique_seconds();
        let attempt = Attempt::new("sleep", &[&seconds]);
        let launch = {
            let (launcher, spec, lease) = (attempt.launcher.clone(), attempt.spec.clone(), attempt.lease);
            tokio::spawn(async move { launcher.launch(lease, &spec, LaunchOptions::default()).await })
        };
        while !attempt.folder().join("claim.json").exists() {
            tokio::task::yield_now().await;
        }
        std::thread::sleep(Duration::from_micros(delay_us));
        kill_process(attempt.supervisor(), SystemSignal::KILL).unwrap();
        let _ = launch.await.unwrap();
        let again = attempt.launch().await;
        lost += usize::from(again.is_err());
        assert!(attempt.starts() <= 1, "after {delay_us} us");
        assert!(with_argument(&seconds) <= 1, "after {delay_us} us");
        attempt.launcher.kill(attempt.folder()).await.unwrap();
        assert_eq!(with_argument(&seconds), 0, "after {delay_us} us");
    }
    println!("{lost} of 30 were lost while starting");
}
