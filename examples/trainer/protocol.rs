//! What the orchestrator and this program say to each other: settings come in through the
//! environment, progress goes out as JSON lines, results as files in the output folder.
//!
//! Every error is one line that names the variable or file and what was expected of it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A result whose error is the one line for stderr.
pub type Outcome<T> = Result<T, String>;

/// An environment variable; set but empty counts as not set.
fn variable(name: &str) -> Outcome<Option<String>> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name} is not valid UTF-8")),
    }
}

/// A folder that the orchestrator names and has made.
pub fn folder(name: &str) -> Outcome<PathBuf> {
    let path = variable(name)?
        .map(PathBuf::from)
        .ok_or_else(|| format!("{name} is not set, expected the path of an existing folder"))?;
    if path.is_dir() { Ok(path) } else { Err(format!("{name}: {} is not a folder", path.display())) }
}

/// The parameter `ORP_PARAM_<name>` as text.
pub fn text_parameter(name: &str) -> Outcome<Option<String>> {
    variable(&format!("ORP_PARAM_{name}"))
}

/// The parameter `ORP_PARAM_<name>`, a whole number.
pub fn number_parameter(name: &str) -> Outcome<Option<u64>> {
    text_parameter(name)?
        .map(|text| {
            text.trim().parse().map_err(|_| format!("ORP_PARAM_{name} is {text:?}, expected a whole number from 0 up"))
        })
        .transpose()
}

/// The seed, 1 unless the orchestrator sets another.
pub fn seed() -> Outcome<u64> {
    Ok(number_parameter("SEED")?.unwrap_or(1))
}

/// How many planned tokens one real token stands for.
pub fn scale() -> Outcome<u64> {
    match number_parameter("SCALE")? {
        None => Ok(200),
        Some(0) => Err("ORP_PARAM_SCALE is 0, expected at least 1".to_owned()),
        Some(scale) => Ok(scale),
    }
}

/// SHA-256 as `sha256:<hex>`.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

pub fn read(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(|why| format!("cannot read {}: {why}", path.display()))
}

/// Writes a file so that it is there whole or not at all, even if the machine loses power.
pub fn write(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let write = || {
        // A left-over of a killed attempt is simply overwritten.
        let temporary = path.with_extension("tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        match path.parent() {
            // The rename is durable only once the folder is.
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|why: std::io::Error| format!("cannot write {}: {why}", path.display()))
}

pub fn write_json(path: &Path, value: &Value) -> Outcome<()> {
    let mut text = format!("{value:#}");
    text.push('\n');
    write(path, text.as_bytes())
}

pub fn read_json<T: DeserializeOwned>(path: &Path) -> Outcome<T> {
    serde_json::from_slice(&read(path)?)
        .map_err(|why| format!("{} is not the expected JSON document: {why}", path.display()))
}

/// A file as a manifest lists it.
#[derive(Deserialize)]
pub struct Listed {
    pub bytes: u64,
    pub digest: String,
}

/// Writes a file and gives its line for the manifest.
pub fn write_listed(folder: &Path, name: &str, bytes: &[u8]) -> Outcome<Value> {
    write(&folder.join(name), bytes)?;
    Ok(json!({"bytes": bytes.len(), "digest": digest(bytes)}))
}

/// Reads a file and checks that it is the one the manifest lists.
pub fn read_listed(folder: &Path, name: &str, listed: &Listed) -> Outcome<Vec<u8>> {
    let path = folder.join(name);
    let bytes = read(&path)?;
    let found = digest(&bytes);
    if bytes.len() as u64 != listed.bytes || found != listed.digest {
        return Err(format!(
            "{} is {} bytes with {found}, expected {} bytes with {}",
            path.display(),
            bytes.len(),
            listed.bytes,
            listed.digest
        ));
    }
    Ok(bytes)
}

/// Weights as the bytes of a file: little-endian f32, one after the other.
pub fn weights_to_bytes(weights: &[f32]) -> Vec<u8> {
    weights.iter().flat_map(|w| w.to_le_bytes()).collect()
}

/// The weights of a file whose bytes were checked against their digest already.
pub fn weights_from_bytes(path: &Path, bytes: &[u8], expected: usize) -> Outcome<Vec<f32>> {
    let (weights, rest) = bytes.as_chunks::<4>();
    if weights.len() != expected || !rest.is_empty() {
        return Err(format!("{} is {} bytes, expected {expected} weights of 4 bytes", path.display(), bytes.len()));
    }
    Ok(weights.iter().map(|w| f32::from_le_bytes(*w)).collect())
}

/// The progress file; without `ORP_PROGRESS` (started by hand) nothing is written.
pub struct Progress {
    file: Option<(PathBuf, File)>,
    total: u64,
    unit: &'static str,
    last: Option<Instant>,
}

impl Progress {
    pub fn open(total: u64, unit: &'static str) -> Outcome<Self> {
        let file = match variable("ORP_PROGRESS")? {
            None => None,
            Some(path) => {
                let path = PathBuf::from(path);
                let file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&path)
                    .map_err(|why| format!("ORP_PROGRESS: {}: {why}", path.display()))?;
                Some((path, file))
            }
        };
        Ok(Progress { file, total, unit, last: None })
    }

    /// One line in one write, so that a reader never sees lines mixed.
    fn line(&mut self, value: &Value) -> Outcome<()> {
        if let Some((path, file)) = &mut self.file {
            let line = format!("{value}\n");
            file.write_all(line.as_bytes()).map_err(|why| format!("cannot append to {}: {why}", path.display()))?;
        }
        Ok(())
    }

    pub fn report(&mut self, done: u64, metrics: &Value) -> Outcome<()> {
        self.last = Some(Instant::now());
        let (total, unit) = (self.total, self.unit);
        self.line(&json!({"done": done, "total": total, "unit": unit, "metrics": metrics}))
    }

    /// Whether enough time has passed since the last report (at most ten a second).
    pub fn due(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() >= Duration::from_millis(100))
    }

    pub fn checkpoint(&mut self, file: &str, done: u64, bytes: u64, digest: &str) -> Outcome<()> {
        self.line(&json!({
            "checkpoint": {"file": file, "done": done, "bytes": bytes, "digest": digest}
        }))
    }
}
