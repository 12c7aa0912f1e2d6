//! The step `train`: fine-tunes the base model, and survives being stopped or killed.
//!
//! The state after N tokens depends on nothing but the data and settings: not on the time, nor on
//! where checkpoints were made, nor on how often the process was started. So the weights in the
//! end are the same bits whatever happened on the way.

use super::Ending;
use super::checkpoint::{self, Fingerprint};
use super::learner::{Learner, Method, Order};
use super::model::WEIGHTS;
use super::protocol::{self, Outcome, Progress};
use super::steps::Prepared;
use serde_json::json;
use signal_hook::consts::SIGTERM;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LOG_EVERY: Duration = Duration::from_secs(1);

/// What to train, in real tokens, and what the orchestrator calls it, in planned ones.
struct Plan {
    method: Method,
    seed: u64,
    scale: u64,
    planned_tokens: u64,
    tokens: u64,
    checkpoint_every: u64,
}

impl Plan {
    fn from_environment() -> Outcome<Self> {
        let planned_tokens = protocol::number_parameter("TOKENS")?
            .ok_or("ORP_PARAM_TOKENS is not set, expected how many tokens to train on")?;
        let scale = protocol::scale()?;
        let tokens = planned_tokens / scale;
        if tokens == 0 {
            return Err(format!("ORP_PARAM_TOKENS is {planned_tokens}, expected at least ORP_PARAM_SCALE ({scale})"));
        }
        let planned_every = protocol::number_parameter("CHECKPOINT_TOKENS")?.unwrap_or(planned_tokens.div_ceil(10));
        if planned_every == 0 {
            return Err("ORP_PARAM_CHECKPOINT_TOKENS is 0, expected at least 1".to_owned());
        }
        Ok(Plan {
            method: method_parameter()?,
            seed: protocol::seed()?,
            scale,
            planned_tokens,
            tokens,
            checkpoint_every: (planned_every / scale).max(1),
        })
    }

    /// Real tokens done as planned tokens; all of them once all are done.
    fn planned(&self, done: u64) -> u64 {
        if done == self.tokens { self.planned_tokens } else { done * self.scale }
    }

    fn fingerprint(&self, prepared: &Prepared) -> Fingerprint {
        // Checkpoint spacing is left out: it does not change what is learned.
        checkpoint::fingerprint(&format!(
            "{} seed {} tokens {} train {} base {}",
            self.method.name(),
            self.seed,
            self.tokens,
            prepared.train_digest,
            prepared.base_digest
        ))
    }
}

/// The parameter METHOD, which must be given.
pub fn method_parameter() -> Outcome<Method> {
    let name =
        protocol::text_parameter("METHOD")?.ok_or("ORP_PARAM_METHOD is not set, expected full, lora or qlora")?;
    Method::parse(&name).ok_or_else(|| format!("ORP_PARAM_METHOD is {name:?}, expected full, lora or qlora"))
}

struct Training {
    plan: Plan,
    learner: Learner,
    progress: Progress,
    folder: PathBuf,
    fingerprint: Fingerprint,
}

impl Training {
    fn done(&self) -> u64 {
        self.learner.learned.tokens
    }

    fn report(&mut self) -> Outcome<()> {
        let metrics = json!({"loss": self.learner.learned.loss});
        self.progress.report(self.plan.planned(self.done()), &metrics)
    }

    fn save(&mut self) -> Outcome<()> {
        let saved = checkpoint::save(&self.folder, &self.fingerprint, &self.learner.learned)?;
        let planned = self.plan.planned(self.done());
        self.progress.checkpoint(&saved.file, planned, saved.bytes, &saved.digest)
    }

    fn log(&self, what: &str) {
        println!(
            "{what}: {} of {} tokens ({} real), loss {:.4}",
            self.plan.planned(self.done()),
            self.plan.planned_tokens,
            self.done(),
            self.learner.learned.loss
        );
    }
}

pub fn train() -> Outcome<Ending> {
    // First of all, so that a request to stop is never lost to the default action.
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&stop))
        .map_err(|why| format!("cannot listen for SIGTERM: {why}"))?;

    let out = protocol::folder("ORP_OUT")?;
    let checkpoints = protocol::folder("ORP_CHECKPOINT_DIR")?;
    let plan = Plan::from_environment()?;
    let prepared = Prepared::load()?;
    let order =
        Order::new(&prepared.train, plan.seed).ok_or("tokens.bin of prepare holds too few tokens to train on")?;

    let mut training = Training {
        fingerprint: plan.fingerprint(&prepared),
        progress: Progress::open(plan.planned_tokens, "tokens")?,
        learner: Learner::new(plan.method, prepared.base, plan.seed),
        folder: checkpoints,
        plan,
    };
    let numbers = training.plan.method.trained_numbers();
    if let Some((name, learned)) = checkpoint::load_newest(&training.folder, &training.fingerprint, numbers)? {
        training.learner.learned = learned;
        training.log(&format!("resumed from {name}"));
    } else {
        training.log(&format!("started, method {}", training.plan.method.name()));
    }
    training.report()?;

    let mut logged = Instant::now();
    let mut saved_at = training.done();
    let total = training.plan.tokens;
    while training.done() < total {
        if stop.load(Ordering::Relaxed) {
            // Where the last checkpoint still says it all, there is nothing to add.
            if training.done() != saved_at || saved_at == 0 {
                training.save()?;
            }
            training.report()?;
            training.log("stopped on request, saved");
            return Ok(Ending::Stopped);
        }
        let before = training.done() / training.plan.checkpoint_every;
        training.learner.step(&prepared.train, &order, total);
        if training.done() / training.plan.checkpoint_every > before {
            training.save()?;
            saved_at = training.done();
        }
        if training.progress.due() {
            training.report()?;
        }
        if logged.elapsed() >= LOG_EVERY {
            logged = Instant::now();
            training.log("training");
        }
    }
    finish(&mut training, &out)?;
    Ok(Ending::Done)
}

fn finish(training: &mut Training, out: &std::path::Path) -> Outcome<()> {
    let weights = protocol::weights_to_bytes(&training.learner.weights());
    let listed = protocol::write_listed(out, "weights.bin", &weights)?;
    // Last, so that its presence says that the weights are whole.
    protocol::write_json(
        &out.join("train.json"),
        &json!({
            "method": training.plan.method.name(),
            "seed": training.plan.seed,
            "tokens": training.plan.planned_tokens,
            "scale": training.plan.scale,
            "real_tokens": training.done(),
            "steps": training.learner.learned.steps,
            "final_loss": training.learner.learned.loss,
            "parameters": WEIGHTS,
            "trained_parameters": training.plan.method.trained_numbers(),
            "weights": listed,
        }),
    )?;
    training.report()?;
    training.log("done");
    Ok(())
}
