//! Checkpoints: everything needed to go on with a training as if it had never stopped.
//!
//! A checkpoint is written to a temporary file, synced, and renamed, so a kill at any moment
//! leaves either the old state or the new one. It ends with a digest of itself: what a failing
//! disk or a cut-off copy made of it is noticed and the one before it is used. It also carries a
//! fingerprint of the training it belongs to, so that a changed plan never goes on from the state
//! of another.

use super::learner::Learned;
use super::protocol::{self, Outcome};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"ORPCKPT1";
const DIGEST: usize = 32;
/// How many checkpoints are kept: the newest, and one to fall back to.
const KEPT: usize = 2;

/// Identifies a training: data, base, method, seed and length.
pub type Fingerprint = [u8; DIGEST];

pub fn fingerprint(description: &str) -> Fingerprint {
    Sha256::digest(description.as_bytes()).into()
}

/// A checkpoint that is on disk.
pub struct Saved {
    pub file: String,
    pub bytes: u64,
    pub digest: String,
}

/// Saves a checkpoint durably and removes those no longer needed.
pub fn save(folder: &Path, owner: &Fingerprint, learned: &Learned) -> Outcome<Saved> {
    let bytes = encode(owner, learned);
    // Zero-padded, so that names sort as numbers do.
    let file = format!("checkpoint-{:015}.bin", learned.tokens);
    protocol::write(&folder.join(&file), &bytes)?;
    for old in list(folder, ".bin")?.into_iter().rev().skip(KEPT) {
        remove(&old)?;
    }
    Ok(Saved { file, bytes: bytes.len() as u64, digest: protocol::digest(&bytes) })
}

/// Loads the newest checkpoint of this training that is whole. Those that are not are set aside
/// under another name: left in place, they would count as newer than what is saved next.
pub fn load_newest(folder: &Path, owner: &Fingerprint, numbers: usize) -> Outcome<Option<(String, Learned)>> {
    // An attempt killed while saving leaves its temporary file behind.
    for left_over in list(folder, ".tmp")? {
        remove(&left_over)?;
    }
    for path in list(folder, ".bin")?.into_iter().rev() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match decode(&protocol::read(&path)?, owner, numbers) {
            Ok(learned) => return Ok(Some((name.into_owned(), learned))),
            Err(why) => {
                println!("checkpoint {name} skipped: {why}");
                let aside = path.with_extension("rejected");
                fs::rename(&path, &aside).map_err(|why| format!("cannot set {} aside: {why}", path.display()))?;
            }
        }
    }
    Ok(None)
}

/// All checkpoint files with this ending, oldest first.
fn list(folder: &Path, ending: &str) -> Outcome<Vec<PathBuf>> {
    let fail = |why| format!("cannot list {}: {why}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("checkpoint-") && name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn remove(path: &Path) -> Outcome<()> {
    fs::remove_file(path).map_err(|why| format!("cannot remove {}: {why}", path.display()))
}

fn encode(owner: &Fingerprint, learned: &Learned) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128 + 12 * learned.numbers.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(owner);
    bytes.extend_from_slice(&learned.tokens.to_le_bytes());
    bytes.extend_from_slice(&learned.steps.to_le_bytes());
    bytes.extend_from_slice(&learned.loss.to_le_bytes());
    bytes.extend_from_slice(&learned.first_power.to_le_bytes());
    bytes.extend_from_slice(&learned.second_power.to_le_bytes());
    for list in [&learned.numbers, &learned.first, &learned.second] {
        bytes.extend(protocol::weights_to_bytes(list));
    }
    let own_digest: [u8; DIGEST] = Sha256::digest(&bytes).into();
    bytes.extend_from_slice(&own_digest);
    bytes
}

/// The state in `bytes`, or why it cannot be used.
fn decode(bytes: &[u8], owner: &Fingerprint, numbers: usize) -> Result<Learned, &'static str> {
    const CUT: &str = "it is cut off";
    let (mut rest, own_digest) = bytes.split_last_chunk::<DIGEST>().ok_or(CUT)?;
    let computed: [u8; DIGEST] = Sha256::digest(rest).into();
    if computed != *own_digest {
        return Err("its digest does not match its content");
    }
    if take::<8>(&mut rest).ok_or(CUT)? != *MAGIC {
        return Err("it is not a checkpoint of this program's version");
    }
    if take::<DIGEST>(&mut rest).ok_or(CUT)? != *owner {
        return Err("it belongs to a training with other data or settings");
    }
    let tokens = u64::from_le_bytes(take(&mut rest).ok_or(CUT)?);
    let steps = u64::from_le_bytes(take(&mut rest).ok_or(CUT)?);
    let loss = f64::from_le_bytes(take(&mut rest).ok_or(CUT)?);
    let first_power = f32::from_le_bytes(take(&mut rest).ok_or(CUT)?);
    let second_power = f32::from_le_bytes(take(&mut rest).ok_or(CUT)?);
    if rest.len() != 3 * 4 * numbers {
        return Err("it holds another number of weights");
    }
    let mut lists = rest.chunks_exact(4 * numbers).map(|list| {
        let (values, _) = list.as_chunks::<4>();
        values.iter().map(|v| f32::from_le_bytes(*v)).collect()
    });
    Ok(Learned {
        numbers: lists.next().ok_or(CUT)?,
        first: lists.next().ok_or(CUT)?,
        second: lists.next().ok_or(CUT)?,
        first_power,
        second_power,
        steps,
        tokens,
        loss,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk::<N>()?;
    *bytes = tail;
    Some(*head)
}
