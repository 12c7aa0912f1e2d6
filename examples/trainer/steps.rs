//! The short steps: `stage`, `prepare`, `evaluate`, `register` and `calibrate` (the long one is
//! in `train`).
//!
//! They take a second at most and write each output whole or not at all, the manifest last; one
//! that was stopped or killed is simply run again.

use super::Ending;
use super::corpus::{Kind, Random, Source, VOCABULARY, clean};
use super::learner::{self, Method};
use super::model::{self, WEIGHTS};
use super::protocol::{self, Listed, Outcome, Progress};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

const BASE_CORPUS_TOKENS: usize = 300_000;
const TARGET_CORPUS_TOKENS: usize = 1_200_000;
const HELD_OUT_ONE_IN: u64 = 25;
/// How long the base model learns: long enough to be of use, short enough to leave work.
const PRE_TRAIN_TOKENS: u64 = 60_000;
const MODEL_NAME: &str = "orp-tiny-lm";

#[derive(Deserialize)]
struct StageManifest {
    seed: u64,
    files: StageFiles,
}

#[derive(Deserialize)]
struct StageFiles {
    #[serde(rename = "base.txt")]
    base: Listed,
    #[serde(rename = "target.txt")]
    target: Listed,
}

#[derive(Deserialize)]
struct PrepareManifest {
    bayes_accuracy: f64,
    files: PrepareFiles,
}

#[derive(Deserialize)]
struct PrepareFiles {
    #[serde(rename = "tokens.bin")]
    tokens: Listed,
    #[serde(rename = "heldout.bin")]
    held_out: Listed,
    #[serde(rename = "base.bin")]
    base: Listed,
}

/// What later steps say about the tuned model.
#[derive(Deserialize)]
struct TrainRecord {
    method: String,
    tokens: u64,
    real_tokens: u64,
    seed: u64,
    parameters: u64,
    trained_parameters: u64,
    final_loss: f64,
    weights: Listed,
}

#[derive(Deserialize)]
struct Report {
    accuracy: f64,
    base_accuracy: f64,
    bayes_accuracy: f64,
    loss: f64,
    heldout_tokens: u64,
    weights_digest: String,
}

/// The outputs of `prepare` that training needs, checked against its manifest.
pub struct Prepared {
    pub train: Vec<u8>,
    pub train_digest: String,
    pub base: Vec<f32>,
    pub base_digest: String,
}

impl Prepared {
    pub fn load() -> Outcome<Self> {
        let folder = protocol::folder("ORP_IN_PREPARE")?;
        let manifest: PrepareManifest = protocol::read_json(&folder.join("manifest.json"))?;
        let files = manifest.files;
        Ok(Prepared {
            train: read_tokens(&folder, "tokens.bin", &files.tokens)?,
            base: read_weights(&folder, "base.bin", &files.base)?,
            train_digest: files.tokens.digest,
            base_digest: files.base.digest,
        })
    }
}

fn read_tokens(folder: &Path, name: &str, listed: &Listed) -> Outcome<Vec<u8>> {
    let tokens = protocol::read_listed(folder, name, listed)?;
    match tokens.iter().find(|t| **t as usize >= VOCABULARY) {
        None => Ok(tokens),
        Some(token) => {
            Err(format!("{} holds token {token}, expected tokens below {VOCABULARY}", folder.join(name).display()))
        }
    }
}

fn read_weights(folder: &Path, name: &str, listed: &Listed) -> Outcome<Vec<f32>> {
    let bytes = protocol::read_listed(folder, name, listed)?;
    protocol::weights_from_bytes(&folder.join(name), &bytes, WEIGHTS)
}

/// Generates the raw corpora of both sources.
pub fn stage() -> Outcome<Ending> {
    let out = protocol::folder("ORP_OUT")?;
    let seed = protocol::seed()?;
    let total = (BASE_CORPUS_TOKENS + TARGET_CORPUS_TOKENS) as u64;
    let mut progress = Progress::open(total, "tokens")?;
    progress.report(0, &json!({}))?;
    let base = Source::new(seed, Kind::Base).raw_text(BASE_CORPUS_TOKENS, &mut Random::new(seed, 3));
    let base_listed = protocol::write_listed(&out, "base.txt", base.as_bytes())?;
    progress.report(BASE_CORPUS_TOKENS as u64, &json!({}))?;
    let target = Source::new(seed, Kind::Target).raw_text(TARGET_CORPUS_TOKENS, &mut Random::new(seed, 4));
    let target_listed = protocol::write_listed(&out, "target.txt", target.as_bytes())?;
    protocol::write_json(
        &out.join("manifest.json"),
        &json!({"seed": seed, "files": {"base.txt": base_listed, "target.txt": target_listed}}),
    )?;
    progress.report(total, &json!({}))?;
    println!("staged {} bytes of base and {} bytes of target text", base.len(), target.len());
    Ok(Ending::Done)
}

/// Cleans and tokenises the corpora, and pre-trains the base model.
pub fn prepare() -> Outcome<Ending> {
    let out = protocol::folder("ORP_OUT")?;
    let staged = protocol::folder("ORP_IN_STAGE")?;
    let manifest: StageManifest = protocol::read_json(&staged.join("manifest.json"))?;
    let mut progress = Progress::open(3, "parts")?;
    progress.report(0, &json!({}))?;
    let base = clean(&read_text(&staged, "base.txt", &manifest.files.base)?, HELD_OUT_ONE_IN);
    progress.report(1, &json!({}))?;
    let target = clean(&read_text(&staged, "target.txt", &manifest.files.target)?, HELD_OUT_ONE_IN);
    progress.report(2, &json!({}))?;
    let weights = learner::pre_train(&base.train, PRE_TRAIN_TOKENS, manifest.seed)
        .ok_or("base.txt of stage holds too few usable lines")?;
    let source = Source::new(manifest.seed, Kind::Target);
    let manifest = json!({
        "bayes_accuracy": source.best_accuracy(&target.held_out),
        "train_tokens": target.train.len(),
        "heldout_tokens": target.held_out.len(),
        "repeated_lines_dropped": base.repeated_lines + target.repeated_lines,
        "foreign_lines_dropped": base.foreign_lines + target.foreign_lines,
        "pretrained_tokens": PRE_TRAIN_TOKENS,
        "files": {
            "tokens.bin": protocol::write_listed(&out, "tokens.bin", &target.train)?,
            "heldout.bin": protocol::write_listed(&out, "heldout.bin", &target.held_out)?,
            "base.bin":
                protocol::write_listed(&out, "base.bin", &protocol::weights_to_bytes(&weights))?,
        },
    });
    protocol::write_json(&out.join("manifest.json"), &manifest)?;
    progress.report(3, &json!({}))?;
    println!(
        "prepared {} tokens to train on and {} held out; dropped {} repeated and {} foreign lines",
        target.train.len(),
        target.held_out.len(),
        base.repeated_lines + target.repeated_lines,
        base.foreign_lines + target.foreign_lines
    );
    Ok(Ending::Done)
}

fn read_text(folder: &Path, name: &str, listed: &Listed) -> Outcome<String> {
    String::from_utf8(protocol::read_listed(folder, name, listed)?)
        .map_err(|_| format!("{} is not valid UTF-8", folder.join(name).display()))
}

/// Measures base and tuned model on the held-out tokens.
pub fn evaluate() -> Outcome<Ending> {
    let out = protocol::folder("ORP_OUT")?;
    let prepared = protocol::folder("ORP_IN_PREPARE")?;
    let trained = protocol::folder("ORP_IN_TRAIN")?;
    let manifest: PrepareManifest = protocol::read_json(&prepared.join("manifest.json"))?;
    let record: TrainRecord = protocol::read_json(&trained.join("train.json"))?;
    let held_out = read_tokens(&prepared, "heldout.bin", &manifest.files.held_out)?;
    let base = read_weights(&prepared, "base.bin", &manifest.files.base)?;
    let tuned = read_weights(&trained, "weights.bin", &record.weights)?;

    let total = 2 * held_out.len() as u64;
    let mut progress = Progress::open(total, "tokens")?;
    progress.report(0, &json!({}))?;
    let (base_accuracy, base_loss) = model::evaluate(&base, &held_out);
    progress.report(total / 2, &json!({}))?;
    let (accuracy, loss) = model::evaluate(&tuned, &held_out);
    protocol::write_json(
        &out.join("report.json"),
        &json!({
            "accuracy": accuracy,
            "base_accuracy": base_accuracy,
            "bayes_accuracy": manifest.bayes_accuracy,
            "loss": loss,
            "base_loss": base_loss,
            "heldout_tokens": held_out.len(),
            "weights_digest": record.weights.digest,
        }),
    )?;
    progress.report(total, &json!({"accuracy": accuracy}))?;
    println!("accuracy {accuracy:.4} (base {base_accuracy:.4}, best possible {:.4})", manifest.bayes_accuracy);
    Ok(Ending::Done)
}

/// Writes the model card: what was really trained, and how good it is.
pub fn register() -> Outcome<Ending> {
    let out = protocol::folder("ORP_OUT")?;
    let trained = protocol::folder("ORP_IN_TRAIN")?;
    let evaluated = protocol::folder("ORP_IN_EVALUATE")?;
    let record: TrainRecord = protocol::read_json(&trained.join("train.json"))?;
    let report: Report = protocol::read_json(&evaluated.join("report.json"))?;
    // Reading checks that the weights are still those that were trained.
    read_weights(&trained, "weights.bin", &record.weights)?;
    if report.weights_digest != record.weights.digest {
        return Err(format!(
            "{} is about weights {}, expected {}",
            evaluated.join("report.json").display(),
            report.weights_digest,
            record.weights.digest
        ));
    }
    let card = json!({
        "name": MODEL_NAME,
        "parameters": record.parameters,
        "trained_parameters": record.trained_parameters,
        "method": record.method,
        "seed": record.seed,
        "tokens": record.tokens,
        "real_tokens": record.real_tokens,
        "final_training_loss": record.final_loss,
        "accuracy": report.accuracy,
        "base_accuracy": report.base_accuracy,
        "bayes_accuracy": report.bayes_accuracy,
        "loss": report.loss,
        "heldout_tokens": report.heldout_tokens,
        "weights": {"bytes": record.weights.bytes, "digest": record.weights.digest},
    });
    protocol::write_json(&out.join("model-card.json"), &card)?;
    let mut progress = Progress::open(1, "models")?;
    progress.report(1, &json!({"accuracy": report.accuracy}))?;
    println!("registered {MODEL_NAME}, {}", record.weights.digest);
    Ok(Ending::Done)
}

/// Prints how fast this machine trains.
pub fn calibrate() -> Outcome<Ending> {
    let method = match protocol::text_parameter("METHOD")? {
        None => Method::Full,
        Some(_) => super::train::method_parameter()?,
    };
    let speed = super::calibrate(method, 0.4);
    let line: Value = json!({
        "method": method.name(),
        "tokens_per_second": speed,
        "planned_tokens_per_second": speed * protocol::scale()? as f64,
    });
    println!("{line}");
    Ok(Ending::Done)
}
