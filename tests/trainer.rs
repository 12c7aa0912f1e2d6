//! Drives the trainer as an orchestrator does: as processes, stopped and killed at any point.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

/// The example's program; `cargo test` builds examples before it runs tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("the test's own program");
    let path = tests.ancestors().nth(2).expect("it lies in a target folder").join("examples/trainer");
    assert!(path.exists(), "`{}` is not there: run `cargo build --example trainer` first", path.display());
    path
}

const SCALE: u64 = 200;
/// Kept short: every seed trains several times. Debug builds are about 50 times slower.
const REAL_TOKENS: u64 = if cfg!(debug_assertions) { 4_000 } else { 150_000 };
const METHODS: [&str; 3] = ["full", "lora", "qlora"];

/// A folder of this test run; removed by `workplace` when it is set up again.
fn workplace(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("test folder");
    folder
}

fn make(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(&path).expect("test folder");
    path
}

fn trainer(command: &str) -> Command {
    let mut process = Command::new(program());
    process.arg(command).env_clear().stdin(Stdio::null());
    process
}

fn expect_success(output: Output) {
    assert!(output.status.success(), "{:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
}

/// The outputs of `stage` and `prepare`, made once for all tests.
fn prepared() -> &'static Path {
    static PREPARED: OnceLock<PathBuf> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let work = workplace("prepared");
        let (staged, prepared) = (make(&work, "stage"), make(&work, "prepare"));
        let output = trainer("stage").env("ORP_OUT", &staged).output();
        expect_success(output.expect("stage"));
        let output = trainer("prepare").env("ORP_OUT", &prepared).env("ORP_IN_STAGE", &staged).output();
        expect_success(output.expect("prepare"));
        prepared
    })
}

struct Training {
    folder: PathBuf,
    method: &'static str,
    seed: u64,
    tokens: u64,
}

impl Training {
    fn new(folder: &Path, method: &'static str, seed: u64, real_tokens: u64) -> Self {
        for name in ["out", "checkpoints", "evaluate", "register"] {
            make(folder, name);
        }
        Training { folder: folder.to_owned(), method, seed, tokens: real_tokens * SCALE + 77 }
    }

    fn command(&self) -> Command {
        let mut command = trainer("train");
        command
            .env("ORP_OUT", self.folder.join("out"))
            .env("ORP_CHECKPOINT_DIR", self.checkpoints())
            .env("ORP_PROGRESS", self.folder.join("progress.jsonl"))
            .env("ORP_IN_PREPARE", prepared())
            .env("ORP_PARAM_TOKENS", self.tokens.to_string())
            .env("ORP_PARAM_SCALE", SCALE.to_string())
            .env("ORP_PARAM_METHOD", self.method)
            .env("ORP_PARAM_SEED", self.seed.to_string())
            .env("ORP_PARAM_CHECKPOINT_TOKENS", (self.tokens / 7).to_string());
        command
    }

    fn checkpoints(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }

    fn digest(&self) -> String {
        let weights = fs::read(self.folder.join("out/weights.bin")).expect("weights.bin");
        Sha256::digest(weights).iter().map(|b| format!("{b:02x}")).collect()
    }

    fn run(&self) -> String {
        expect_success(self.command().output().expect("train"));
        self.digest()
    }

    /// Starts the training, sends the signal after the delay, and waits for the end.
    fn interrupt(&self, signal: &str, delay: Duration) -> ExitStatus {
        let mut child = self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("train");
        sleep(delay);
        // Not yet waited for, so the id still belongs to the child even if it has ended.
        let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
        child.wait().expect("wait")
    }

    fn accuracy(&self) -> (f64, f64, f64) {
        let evaluated = self.folder.join("evaluate");
        let output = trainer("evaluate")
            .env("ORP_OUT", &evaluated)
            .env("ORP_IN_PREPARE", prepared())
            .env("ORP_IN_TRAIN", self.folder.join("out"))
            .output();
        expect_success(output.expect("evaluate"));
        let report = json(&evaluated.join("report.json"));
        let number = |name: &str| report[name].as_f64().expect("a number");
        (number("accuracy"), number("base_accuracy"), number("bayes_accuracy"))
    }
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).expect("file")).expect("JSON")
}

/// A small generator for the moments of interruption.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn interrupted_training_gives_the_same_bits() {
    let work = workplace("interrupted");
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 1..=20 {
        let method = METHODS[seed as usize % 3];
        let whole = Training::new(&make(&work, &format!("{seed}-whole")), method, seed, REAL_TOKENS);
        let start = std::time::Instant::now();
        let expected = whole.run();
        let length = start.elapsed().as_millis() as u64;

        let cut = Training::new(&make(&work, &format!("{seed}-cut")), method, seed, REAL_TOKENS);
        let mut state = seed * 7919;
        for _ in 0..8 {
            let signal = ["-TERM", "-KILL"][random(&mut state) as usize % 2];
            let delay = Duration::from_millis(random(&mut state) % (length / 2 + 1));
            let status = cut.interrupt(signal, delay);
            // A SIGTERM before the program listens for it ends it as a kill does.
            let end = status.code().map_or("killed".to_owned(), |c| c.to_string());
            *ends.entry(format!("{signal} -> {end}")).or_default() += 1;
            assert!(matches!(status.code(), None | Some(0 | 75)), "{status:?}");
            if status.success() {
                break;
            }
        }
        assert_eq!(cut.run(), expected, "seed {seed} {method}");
        let record = "out/train.json";
        assert_eq!(json(&whole.folder.join(record)), json(&cut.folder.join(record)));
        check_progress(&cut);
    }
    println!("ends of interrupted attempts: {ends:?}");
}

/// Every line is JSON, planned tokens never exceed the total, and the last report is complete.
fn check_progress(training: &Training) {
    let text = fs::read_to_string(training.folder.join("progress.jsonl")).expect("progress");
    let mut last = 0;
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
        if let Some(done) = line["done"].as_u64() {
            assert_eq!(line["total"].as_u64(), Some(training.tokens));
            assert!(done <= training.tokens);
            last = done;
        } else {
            assert!(line["checkpoint"]["done"].is_u64(), "{line}");
        }
    }
    assert_eq!(last, training.tokens);
}

#[test]
fn a_corrupt_checkpoint_is_skipped() {
    let work = workplace("corrupt");
    let whole = Training::new(&make(&work, "whole"), "lora", 5, REAL_TOKENS);
    let expected = whole.run();
    for (name, harm) in [
        ("flipped", (|bytes: &mut Vec<u8>| bytes[5000] ^= 4) as fn(&mut Vec<u8>)),
        ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
        ("empty", |bytes| bytes.clear()),
    ] {
        let training = Training::new(&make(&work, name), "lora", 5, REAL_TOKENS);
        // A finished training leaves its last two checkpoints.
        training.run();
        fs::remove_file(training.folder.join("out/weights.bin")).expect("remove");
        let mut kept: Vec<_> =
            fs::read_dir(training.checkpoints()).expect("list").map(|e| e.expect("entry").path()).collect();
        kept.sort();
        assert_eq!(kept.len(), 2, "{kept:?}");
        let mut bytes = fs::read(&kept[1]).expect("checkpoint");
        harm(&mut bytes);
        fs::write(&kept[1], bytes).expect("harm");
        let output = training.command().output().expect("train");
        let log = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(log.contains("skipped") && log.contains("resumed from"), "{log}");
        assert_eq!(training.digest(), expected, "{name}");
        // With both gone, it starts over.
        for path in fs::read_dir(training.checkpoints()).expect("list") {
            fs::write(path.expect("entry").path(), b"torn").expect("harm");
        }
        assert_eq!(training.run(), expected, "{name}, all checkpoints torn");
    }
}

#[test]
fn checkpoints_of_another_plan_are_not_used() {
    let work = workplace("another-plan");
    let mut training = Training::new(&work, "full", 3, REAL_TOKENS / 2);
    training.run();
    let fresh = Training::new(&make(&work, "fresh"), "full", 3, REAL_TOKENS);
    training.tokens = fresh.tokens;
    assert_eq!(training.run(), fresh.run());
}

#[test]
fn all_steps_agree_with_each_other() {
    let work = workplace("pipeline");
    let training = Training::new(&work, "qlora", 2, REAL_TOKENS);
    training.run();
    let (accuracy, _, _) = training.accuracy();
    let card = training.folder.join("register");
    let register = || {
        trainer("register")
            .env("ORP_OUT", &card)
            .env("ORP_IN_TRAIN", training.folder.join("out"))
            .env("ORP_IN_EVALUATE", training.folder.join("evaluate"))
            .output()
            .expect("register")
    };
    expect_success(register());
    let card = json(&card.join("model-card.json"));
    assert_eq!(card["name"], "orp-tiny-lm");
    assert_eq!(card["accuracy"].as_f64(), Some(accuracy));
    let digest = format!("sha256:{}", training.digest());
    assert_eq!(card["weights"]["digest"], digest.as_str());

    let weights = training.folder.join("out/weights.bin");
    let mut bytes = fs::read(&weights).expect("weights");
    bytes[100] ^= 1;
    fs::write(&weights, bytes).expect("harm");
    expect_one_line(register(), "weights.bin");
}

fn expect_one_line(output: Output, mention: &str) {
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.status.code() != Some(75));
    assert!(output.status.code().is_some(), "ended by a signal");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(mention), "{line} lacks {mention}");
    assert!(!line.contains("panicked"), "{line}");
    println!("  {}", line.trim_end());
}

#[test]
fn errors_are_one_clear_line() {
    let work = workplace("errors");
    let empty = make(&work, "empty");
    let training = Training::new(&work, "full", 1, 1000);
    for (name, value, mention) in [
        ("ORP_PARAM_TOKENS", "many", "ORP_PARAM_TOKENS"),
        ("ORP_PARAM_TOKENS", "-5", "ORP_PARAM_TOKENS"),
        ("ORP_PARAM_TOKENS", "199", "at least"),
        ("ORP_PARAM_SCALE", "0", "ORP_PARAM_SCALE"),
        ("ORP_PARAM_SEED", "1.5", "ORP_PARAM_SEED"),
        ("ORP_PARAM_METHOD", "magic", "full, lora or qlora"),
        ("ORP_PARAM_CHECKPOINT_TOKENS", "0", "CHECKPOINT_TOKENS"),
        ("ORP_OUT", "/nonexistent/folder", "ORP_OUT"),
        ("ORP_CHECKPOINT_DIR", "/nonexistent/folder", "ORP_CHECKPOINT_DIR"),
        ("ORP_PROGRESS", "/nonexistent/folder/file", "ORP_PROGRESS"),
        ("ORP_IN_PREPARE", empty.to_str().expect("UTF-8"), "manifest.json"),
    ] {
        expect_one_line(training.command().env(name, value).output().expect("train"), mention);
    }
    for name in ["ORP_OUT", "ORP_CHECKPOINT_DIR", "ORP_IN_PREPARE", "ORP_PARAM_TOKENS", "ORP_PARAM_METHOD"] {
        expect_one_line(training.command().env_remove(name).output().expect("train"), name);
    }
    for command in ["stage", "prepare", "evaluate", "register"] {
        expect_one_line(trainer(command).output().expect(command), "ORP_OUT");
        if command != "stage" {
            let output = trainer(command).env("ORP_OUT", &empty).output();
            expect_one_line(output.expect(command), "ORP_IN_");
        }
    }
    expect_one_line(trainer("fly").output().expect("fly"), "unknown command");

    // Data that is not what prepare wrote is noticed, and so is a manifest of another shape.
    let copy = make(&work, "copy");
    for name in ["manifest.json", "tokens.bin", "heldout.bin", "base.bin"] {
        fs::copy(prepared().join(name), copy.join(name)).expect("copy");
    }
    let with_copy = || training.command().env("ORP_IN_PREPARE", &copy).output().expect("train");
    fs::write(copy.join("base.bin"), b"short").expect("write");
    expect_one_line(with_copy(), "base.bin");
    fs::remove_file(copy.join("tokens.bin")).expect("remove");
    expect_one_line(with_copy(), "tokens.bin");
    fs::write(copy.join("manifest.json"), b"{}").expect("write");
    expect_one_line(with_copy(), "manifest.json");
}

/// Slow, so only on request: `cargo test --release -- --ignored --nocapture`.
#[test]
#[ignore = "trains for minutes"]
fn accuracy_rises_with_tokens() {
    let work = workplace("accuracy");
    for method in METHODS {
        let mut before = 0.0;
        for thousands in [200, 500, 1000, 2000, 3000] {
            let folder = make(&work, &format!("{method}-{thousands}"));
            let training = Training::new(&folder, method, 1, thousands * 1000);
            let start = std::time::Instant::now();
            training.run();
            let seconds = start.elapsed().as_secs_f64();
            let (accuracy, base, best) = training.accuracy();
            println!(
                "{method:>5} {thousands:>5}k real tokens  accuracy {accuracy:.4}  base {base:.4}  best {best:.4}  {seconds:.1} s"
            );
            assert!(accuracy > base && accuracy < best + 0.01);
            assert!(accuracy > before - 0.005, "accuracy fell");
            before = accuracy;
        }
    }
}
