//! Who answers for a set: a detached signature of what it says.
//!
//! What is signed is the set's [version](PolicySet::version), the digest that stands in every decision: who trusts the key
//! trusts what decided. Comments and layout are not in it, and a change of any document is. The signature is a small JSON
//! document beside the files; it says by which key it was made, and a verifier says which keys it trusts.
//!
//! Rejected: signing the files' bytes (a set is read from many files in any layout, and decisions name what they mean);
//! the signature inside a document (a set would have to be read without it to verify it).
//!
//! ```
//! use orp_core::document::Source;
//! use orp_policy::{PolicySet, audit::{Signer, SigningKey}, signature::SetSignature};
//!
//! let text = "apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {id: all}\nspec: {effect: allow, actions: ['*']}\n";
//! let set = PolicySet::from_sources(&[Source::new("all.yaml", text)])?;
//! let officer = SigningKey::from_seed(&[7; 32]);
//! let document = SetSignature::of(&set, &officer).ok_or("it cannot sign now")?.to_string();
//!
//! let signature: SetSignature = document.parse()?;
//! signature.verify(&set, &[officer.key()])?;
//! let other = PolicySet::from_sources(&[Source::new("all.yaml", &text.replace("allow", "deny"))])?;
//! assert!(signature.verify(&other, &[officer.key()]).unwrap_err().to_string().starts_with("it signs another set"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::PolicySet;
use crate::audit::hex::{self, Hex};
use crate::audit::{PublicKey, Signer};
use orp_core::noun::Digest;
use serde::Deserialize;
use serde_json::json;
use std::{fmt, str::FromStr};
use thiserror::Error;

/// What every signed message begins with.
const DOMAIN: &[u8] = b"orp.policy/set/v1";

/// The one algorithm there is: Ed25519 (RFC 8032).
const ALGORITHM: &str = "ed25519";

/// Somebody's signature of a set; reads and prints as its JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetSignature {
    /// The key it was made with, which is also its name.
    pub key: PublicKey,
    /// The version of the set that was signed.
    pub digest: Digest,
    /// Its 64 bytes.
    pub bytes: [u8; 64],
}

/// Why nobody who is trusted answers for a set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The document is none.
    #[error("it is no signature: {0}")]
    Malformed(String),
    /// The key is not one of those that may sign.
    #[error("it is signed with the key `{0}`, which is none of those that are trusted")]
    Untrusted(PublicKey),
    /// The signature is not one of this digest with this key.
    #[error("it was not made with the key `{0}`")]
    Forged(PublicKey),
    /// It is a signature of other documents.
    #[error("it signs another set: the documents have the digest `{found}`, and `{signed}` was signed")]
    OtherSet {
        /// What was signed.
        signed: Digest,
        /// What is there.
        found: Digest,
    },
}

/// The document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    algorithm: String,
    key: String,
    digest: Digest,
    signature: String,
}

impl SetSignature {
    /// The signature of what a set says; none when the signer cannot sign now.
    pub fn of(set: &PolicySet, signer: &dyn Signer) -> Option<Self> {
        let digest = set.version();
        let bytes = signer.sign(&Self::message(&digest))?;
        Some(Self { key: signer.key(), digest, bytes })
    }

    /// What is signed: `"orp.policy/set/v1" ‖ digest (32 bytes)`.
    pub fn message(digest: &Digest) -> Vec<u8> {
        [DOMAIN, digest.as_bytes()].concat()
    }

    /// Whether somebody who is trusted signed this set.
    ///
    /// # Errors
    /// What is wrong: the key, the signature, or that it is another set's.
    pub fn verify(&self, set: &PolicySet, trusted: &[PublicKey]) -> Result<(), SignatureError> {
        let Self { key, digest, bytes } = *self;
        if !trusted.contains(&key) {
            return Err(SignatureError::Untrusted(key));
        }
        if !key.verifies(&Self::message(&digest), &bytes) {
            return Err(SignatureError::Forged(key));
        }
        if digest != set.version() {
            return Err(SignatureError::OtherSet { signed: digest, found: set.version() });
        }
        Ok(())
    }
}

impl fmt::Display for SetSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = json!({
            "algorithm": ALGORITHM,
            "key": self.key.to_string(),
            "digest": self.digest.to_string(),
            "signature": Hex(&self.bytes).to_string(),
        });
        write!(f, "{document:#}")
    }
}

impl FromStr for SetSignature {
    type Err = SignatureError;
    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let malformed = SignatureError::Malformed;
        let document: Document = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if document.algorithm != ALGORITHM {
            return Err(malformed(format!("the algorithm `{}`: expected `{ALGORITHM}`", document.algorithm)));
        }
        let key = document.key.parse().map_err(malformed)?;
        let bytes = hex::parse(&document.signature)
            .ok_or_else(|| malformed("`signature`: expected 128 hexadecimal digits".into()))?;
        Ok(Self { key, digest: document.digest, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::SigningKey;
    use orp_core::document::Source;

    fn set(effect: &str, comment: &str) -> PolicySet {
        let text = format!(
            "{comment}\napiVersion: orp.policy/v1\nkind: Rule\nmetadata: {{id: r}}\nspec: {{effect: {effect}, actions: ['*']}}\n"
        );
        PolicySet::from_sources(&[Source::new("r.yaml", &text)]).unwrap()
    }

    #[test]
    fn what_was_signed_verifies_and_nothing_else_does() {
        let (officer, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let (signed, trusted) = (set("allow", ""), [other.key(), officer.key()]);
        let signature = SetSignature::of(&signed, &officer).unwrap();
        assert_eq!(signature.to_string().parse(), Ok(signature));
        assert_eq!(signature.verify(&signed, &trusted), Ok(()));
        assert_eq!(
            signature.verify(&set("allow", "# as it was"), &trusted),
            Ok(()),
            "it is what is said that is signed"
        );

        let found = set("deny", "");
        let other_set = SignatureError::OtherSet { signed: signed.version(), found: found.version() };
        assert_eq!(signature.verify(&found, &trusted), Err(other_set));
        assert_eq!(signature.verify(&signed, &trusted[..1]), Err(SignatureError::Untrusted(officer.key())));
        assert_eq!(signature.verify(&signed, &[]), Err(SignatureError::Untrusted(officer.key())));
        // Neither another's key, nor another digest, nor a changed byte goes with it.
        let claimed = SetSignature { key: other.key(), ..signature };
        assert_eq!(claimed.verify(&signed, &trusted), Err(SignatureError::Forged(other.key())));
        let moved = SetSignature { digest: found.version(), ..signature };
        assert_eq!(moved.verify(&found, &trusted), Err(SignatureError::Forged(officer.key())));
        let mut flipped = signature;
        flipped.bytes[40] ^= 1;
        assert_eq!(flipped.verify(&signed, &trusted), Err(SignatureError::Forged(officer.key())));
        // What signs checkpoints of the audit log signs no set by it.
        let bytes = officer.sign(signed.version().as_bytes()).unwrap();
        assert!(SetSignature { bytes, ..signature }.verify(&signed, &trusted).is_err());
    }

    #[test]
    fn what_is_no_signature_says_why() {
        let signature = SetSignature::of(&set("allow", ""), &SigningKey::from_seed(&[1; 32])).unwrap().to_string();
        for (from, to, part) in [
            ("ed25519", "rsa", "the algorithm `rsa`: expected `ed25519`"),
            ("\"key\": \"", "\"key\": \"0", "is not a public key: expected 64 hexadecimal digits"),
            ("\"signature\": \"", "\"signature\": \"0", "expected 128 hexadecimal digits"),
            ("sha256:", "md5:", "it is no signature"),
            ("\"key\"", "\"kid\"", "unknown field `kid`"),
            ("}", "", "EOF"),
        ] {
            let error = signature.replacen(from, to, 1).parse::<SetSignature>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
