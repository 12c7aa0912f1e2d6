//! Checkpoints: records in which the log says how long it was and what its root was, signed where a host has a key.
//!
//! A checkpoint makes a rewritten log visible to whoever verifies it: all hashes after a changed record can be computed
//! again, a signature cannot. It also holds the [peaks](super::Tree::peaks) of the tree, so that a long log can be taken up
//! from its last checkpoint. Keys are arguments: whoever has them in a vault implements [`Signer`].
//!
//! ```
//! use orp_policy::audit::{Checkpoint, Tree, leaf_hash};
//!
//! let tree: Tree = [b"a", b"b", b"c"].iter().map(|data| leaf_hash(*data)).collect();
//! let checkpoint = Checkpoint::of(uuid::Uuid::nil(), &tree, None);
//! assert_eq!(checkpoint.head, tree.head());
//! assert_eq!(checkpoint.tree(), Some(tree), "the tree goes on from its peaks");
//! assert!(checkpoint.to_string().ends_with("unsigned"));
//! ```

use super::frame::AuditRecord;
use super::hex::{self, Hex};
use super::merkle::{Head, Tree};
use orp_core::noun::Digest;
use serde::{Deserialize, de::Error as _};
use serde_json::{Map, Value};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// What every signed message begins with.
const DOMAIN: &[u8] = b"orp.audit/checkpoint/v1";

/// What signs checkpoints.
pub trait Signer: Send + Sync + fmt::Debug {
    /// The key that verifies what it signs.
    fn key(&self) -> PublicKey;

    /// Its Ed25519 signature (RFC 8032) of `message`; none when it cannot sign now: the checkpoint is then unsigned, and a
    /// verifier that expects signatures says so.
    fn sign(&self, message: &[u8]) -> Option<[u8; 64]>;
}

/// An Ed25519 public key; reads and prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` is one of `message` by the holder of the key. Strict: a key or signature that could be had in
    /// two forms is refused.
    #[cfg(feature = "sign")]
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a public key: expected 64 hexadecimal digits");
        hex::parse(text).map(Self).ok_or_else(bad)
    }
}

/// A signer with the key in memory.
#[cfg(feature = "sign")]
pub struct SigningKey(ed25519_dalek::SigningKey);

#[cfg(feature = "sign")]
impl SigningKey {
    /// From the 32 secret bytes (RFC 8032's seed).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }
}

#[cfg(feature = "sign")]
impl Signer for SigningKey {
    fn key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        use ed25519_dalek::Signer as _;
        self.0.try_sign(message).ok().map(|signature| signature.to_bytes())
    }
}

#[cfg(feature = "sign")]
impl fmt::Debug for SigningKey {
    /// Shows nothing of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.key()).finish_non_exhaustive()
    }
}

/// A signature, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// The key it was made with.
    pub key: PublicKey,
    /// Its 64 bytes.
    pub bytes: [u8; 64],
}

/// What a record of kind [`CHECKPOINT`](super::kind::CHECKPOINT) says of the records before it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// How many records there were before it, and the root over them.
    pub head: Head,
    /// The tree's peaks, the largest first.
    pub peaks: Vec<Digest>,
    /// The signature of [`Checkpoint::message`], if there is one.
    pub signature: Option<Signature>,
}

/// A checkpoint as it stands in a body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    key: Option<String>,
    peaks: Vec<Digest>,
    root: Digest,
    signature: Option<String>,
    size: u64,
}

impl Checkpoint {
    /// The checkpoint of a tree, signed if there is a signer that signs.
    pub fn of(log: Uuid, tree: &Tree, signer: Option<&dyn Signer>) -> Self {
        let head = tree.head();
        let sign = |signer: &dyn Signer| {
            let bytes = signer.sign(&Self::message(log, &head))?;
            Some(Signature { key: signer.key(), bytes })
        };
        Self { head, peaks: tree.peaks().to_vec(), signature: signer.and_then(sign) }
    }

    /// What is signed: `"orp.audit/checkpoint/v1" ‖ log (16 bytes) ‖ size (8, big-endian) ‖ root (32)`.
    pub fn message(log: Uuid, head: &Head) -> Vec<u8> {
        [DOMAIN, log.as_bytes(), &head.size.to_be_bytes(), head.root.as_bytes()].concat()
    }

    /// The tree it was taken of; none when its peaks are not of its size and root.
    pub fn tree(&self) -> Option<Tree> {
        Tree::from_peaks(self.head.size, self.peaks.clone()).filter(|tree| tree.root() == self.head.root)
    }

    /// The checkpoint in a record's body, or why there is none.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let Body { key, peaks, root, signature, size } = serde_json::from_slice(body)?;
        let signature = match (key, signature) {
            (None, None) => None,
            (Some(key), Some(bytes)) => {
                let key = key.parse().map_err(serde_json::Error::custom)?;
                let bytes = hex::parse(&bytes)
                    .ok_or_else(|| serde_json::Error::custom("a signature is 128 hexadecimal digits"))?;
                Some(Signature { key, bytes })
            }
            _ => return Err(serde_json::Error::custom("`key` and `signature` come together")),
        };
        Ok(Self { head: Head { size, root }, peaks, signature })
    }

    /// Its body as a record.
    pub(super) fn body(&self) -> String {
        let peaks: Vec<String> = self.peaks.iter().map(ToString::to_string).collect();
        let mut body = Map::from_iter([
            ("peaks".to_owned(), peaks.into()),
            ("root".to_owned(), self.head.root.to_string().into()),
            ("size".to_owned(), self.head.size.into()),
        ]);
        if let Some(Signature { key, bytes }) = &self.signature {
            body.insert("key".to_owned(), key.to_string().into());
            body.insert("signature".to_owned(), Hex(bytes).to_string().into());
        }
        Value::Object(body).to_string()
    }
}

impl AuditRecord {
    /// The checkpoint it is, if it is one.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let is_one = self.kind == super::kind::CHECKPOINT;
        is_one.then(|| Checkpoint::parse(self.body.as_bytes()).ok()).flatten()
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.signature {
            Some(signature) => write!(f, "{}, signed by {}", self.head, signature.key),
            None => write!(f, "{}, unsigned", self.head),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::merkle::leaf_hash;
    use super::*;

    #[test]
    fn checkpoints_read_and_print() {
        let tree: Tree = [b"a", b"b", b"c"].iter().map(|data| leaf_hash(*data)).collect();
        let plain = Checkpoint::of(Uuid::nil(), &tree, None);
        assert_eq!(Checkpoint::parse(plain.body().as_bytes()).unwrap(), plain);
        assert_eq!(plain.tree(), Some(tree));
        let signature = Some(Signature { key: PublicKey([3; 32]), bytes: [4; 64] });
        let signed = Checkpoint { signature, ..plain.clone() };
        assert_eq!(Checkpoint::parse(signed.body().as_bytes()).unwrap(), signed);
        let text = signed.body();
        for (from, to, error) in [
            ("\"size\":3", "\"size\":-3", "invalid value"),
            ("0303", "03", "is not a public key"),
            ("0404", "04", "128 hexadecimal digits"),
            ("\"key\"", "\"kez\"", "unknown field `kez`"),
            ("\"root\"", "\"key\"", "duplicate field"),
        ] {
            let error_found = Checkpoint::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
            assert!(error_found.contains(error), "{error_found}");
        }
        let lonely = r#"{"key":"00","peaks":[],"root":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":0}"#;
        assert!(Checkpoint::parse(lonely.as_bytes()).unwrap_err().to_string().starts_with("`key` and `signature`"));
        for head in [Head { size: 4, ..plain.head }, Head { root: leaf_hash(b"d"), ..plain.head }] {
            assert_eq!(Checkpoint { head, ..plain.clone() }.tree(), None);
        }
    }

    /// RFC 8032 §7.1, test 1, and that a checkpoint's signature is bound to log, size and root.
    #[cfg(feature = "sign")]
    #[test]
    fn signatures_are_those_of_rfc_8032() {
        let seed = hex::parse("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let signer = SigningKey::from_seed(&seed);
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".parse().unwrap();
        assert_eq!(signer.key(), key);
        let signature = signer.sign(b"").unwrap();
        let known = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(Hex(&signature).to_string(), known);
        let tree: Tree = std::iter::once(leaf_hash(b"a")).collect();
        let log = Uuid::from_u128(1);
        let checkpoint = Checkpoint::of(log, &tree, Some(&signer));
        let Some(Signature { bytes, .. }) = checkpoint.signature else { panic!("it is signed") };
        let head = checkpoint.head;
        assert!(key.verifies(&Checkpoint::message(log, &head), &bytes));
        for message in [
            Checkpoint::message(Uuid::nil(), &head),
            Checkpoint::message(log, &Head { size: 2, ..head }),
            Checkpoint::message(log, &Head { root: leaf_hash(b"b"), ..head }),
        ] {
            assert!(!key.verifies(&message, &bytes));
        }
        assert!(!PublicKey([0; 32]).verifies(&Checkpoint::message(log, &head), &bytes));
    }
}
