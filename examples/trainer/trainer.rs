//! A small real training program, meant to be started as OS processes by an orchestrator.
//!
//! It stands in, honestly, for "fine-tune a large language model": it trains a next-token model
//! of a few thousand weights on a corpus it generates itself, but everything an orchestrator can
//! see is real: work that takes CPU time, held-out accuracy that rises with the tokens trained,
//! durable checkpoints, a stop on SIGTERM, and a resume that gives the same bits as a run that
//! nobody interrupted.
//!
//! The steps, each a process: `stage` (raw corpus) -> `prepare` (clean, tokenise, pre-train the
//! base) -> `train` -> `evaluate` -> `register`; `calibrate` measures this machine's speed.
//! They are told what to do by environment variables (see `protocol`) and end with status 0
//! (done), 75 (stopped on request, state saved), or 1 with one line on stderr (failed).
//!
//! One real token trained stands for `ORP_PARAM_SCALE` planned tokens; all amounts that the
//! orchestrator sends or sees (`TOKENS`, progress) are planned tokens.

#![allow(unreachable_pub, reason = "public for the binaries that include this module")]
#![allow(clippy::disallowed_methods, reason = "a task measures its own speed; nothing decides by it")]

// Paths are spelled out so that this file can also be included from another folder with
// `#[path = ".../trainer.rs"] mod trainer;`.
#[path = "adapters.rs"]
mod adapters;
#[path = "checkpoint.rs"]
mod checkpoint;
#[path = "corpus.rs"]
mod corpus;
#[path = "learner.rs"]
mod learner;
#[path = "model.rs"]
mod model;
#[path = "protocol.rs"]
mod protocol;
#[path = "steps.rs"]
mod steps;
#[path = "train.rs"]
mod train;

pub use learner::Method;
use std::process::ExitCode;

/// The commands this module answers to.
pub const COMMANDS: [&str; 6] = ["stage", "prepare", "train", "evaluate", "register", "calibrate"];

/// Exit status of a step that was asked to stop and has saved its state (EX_TEMPFAIL).
const EXIT_STOPPED: u8 = 75;

/// How a step ended without failing.
enum Ending {
    Done,
    /// Stopped on request; a checkpoint holds everything done so far.
    Stopped,
}

/// Whether `command` is one of the trainer's commands.
pub fn is_command(command: &str) -> bool {
    COMMANDS.contains(&command)
}

/// Runs one command with the settings in the environment.
pub fn run(command: &str) -> ExitCode {
    let ending = match command {
        "stage" => steps::stage(),
        "prepare" => steps::prepare(),
        "train" => train::train(),
        "evaluate" => steps::evaluate(),
        "register" => steps::register(),
        "calibrate" => steps::calibrate(),
        other => Err(format!("unknown command {other:?}, expected one of {}", COMMANDS.join(", "))),
    };
    match ending {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Stopped) => ExitCode::from(EXIT_STOPPED),
        Err(why) => {
            eprintln!("trainer {command}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Real tokens per second that this machine trains with `method`, measured for about `seconds`.
pub fn calibrate(method: Method, seconds: f64) -> f64 {
    learner::measure_speed(method, seconds)
}
