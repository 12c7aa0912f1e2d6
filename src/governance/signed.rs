//! Sets that somebody answers for: a signature beside the files, by a key that is trusted.

use super::folder::{PolicyText, read_policies};
use crate::error::OrpError;
use orp_core::document::{LIMIT_BYTES, Source};
use orp_policy::{PolicySet, audit::PublicKey, signature::SetSignature};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// As [`read_policies`], if one of these keys signed what is read: the [signature](SetSignature) stands in
/// [`SIGNATURE_FILE`](super::SIGNATURE_FILE), in the folder, or beside the file.
///
/// # Errors
/// [`OrpError::Signature`] when it is not there, or does not verify; otherwise as [`read_policies`] and
/// [`PolicySet::from_sources`].
pub fn read_signed_policies(path: impl AsRef<Path>, trusted: &[PublicKey]) -> Result<Vec<PolicyText>, OrpError> {
    let path = path.as_ref();
    let texts = read_policies(path)?;
    let signature = read_signature(path)?;
    let sources: Vec<Source<'_>> = texts.iter().map(PolicyText::source).collect();
    verify(&PolicySet::from_sources(&sources)?, &signature, trusted)?;
    Ok(texts)
}

/// The signature of the set in a file or folder, not yet verified.
pub(super) fn read_signature(path: &Path) -> Result<PolicyText, OrpError> {
    let file = signature_file(path);
    let name = file.display().to_string();
    let wrong = |detail: String| OrpError::Signature { path: name.clone(), detail };
    let mut text = String::new();
    let opened = fs::File::open(&file).map_err(|error| wrong(format!("the set is not signed: {error}")))?;
    opened.take(LIMIT_BYTES as u64).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    Ok(PolicyText { name, text })
}

fn signature_file(path: &Path) -> PathBuf {
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    folder.unwrap_or(Path::new("")).join(super::SIGNATURE_FILE)
}

/// Whether a signature is one of this set by somebody who is trusted.
pub(super) fn verify(set: &PolicySet, signature: &PolicyText, trusted: &[PublicKey]) -> Result<(), OrpError> {
    let verified = signature.text.parse::<SetSignature>().and_then(|signature| signature.verify(set, trusted));
    verified.map_err(|error| OrpError::Signature { path: signature.name.clone(), detail: error.to_string() })
}
