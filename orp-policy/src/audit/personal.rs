//! Personal data: outside the chain, provable while kept, and gone when erased.
//!
//! A chain that nothing can be taken out of must not hold what somebody has a right to have erased (GDPR, article 17). So a
//! field marked personal is replaced by a *commitment*, `SHA-256(domain ‖ salt ‖ value)`, before a record is written, and
//! value and salt become a [`Disclosure`], which is kept beside the log. Whoever has the disclosure can prove what the
//! record said; once it is deleted, the commitment says nothing: the salt is 32 random bytes and cannot be guessed, however
//! few values there are. The log verifies the same with and without.
//!
//! Rejected: encrypting the values under a key for each person and deleting keys. Then the chain holds personal data for
//! ever, safe only as long as the cipher is.
//!
//! ```
//! use orp_policy::audit::{Chain, Draft, Frame, Header, Salt, Split};
//!
//! let draft = Draft::new("intent_declared", "2026-11-23T04:38:00Z".parse()?)
//!     .with("project", "vision")
//!     .with("requester", "ada")
//!     .with_personal("/requester", Salt::new([7; 32]));
//! let entry = draft.finish()?;
//! let mut log = Vec::new();
//! let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
//! let seq = chain.append(&entry, &mut log);
//! assert!(!String::from_utf8_lossy(&log).contains("ada"));
//!
//! let disclosures = entry.disclosures(seq);
//! let (_, frames) = Header::split(&log)?;
//! let Split::Whole(frame, _) = Frame::split(frames) else { panic!("a frame is there") };
//! let record = frame.record()?;
//! assert_eq!(record.revealed(&disclosures)?["requester"], "ada");
//! assert!(record.revealed(&[])?["requester"]["committed"].is_string());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::AuditRecord;
use orp_core::noun::Digest;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt;
use thiserror::Error;

/// What every commitment begins with, so that no other hash is ever one.
const DOMAIN: &[u8] = b"orp.audit/commitment/v1";
/// The member that marks a commitment in a body.
const COMMITTED: &str = "committed";

/// 32 random bytes of which nobody knows anything beforehand; each is used for one value only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// From 32 bytes of a cryptographic random generator.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The commitment to `value` under this salt.
    pub fn commit(&self, value: &str) -> Digest {
        let hash = Sha256::new().chain_update(DOMAIN).chain_update(self.0).chain_update(value);
        Digest::from_bytes(hash.finalize().into())
    }
}

impl fmt::Debug for Salt {
    /// Shows nothing of it: whoever knows a salt can try values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl Serialize for Salt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&super::hex::Hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize<'de>>::deserialize(deserializer)?;
        super::hex::parse(&text).map(Self).ok_or_else(|| D::Error::custom("a salt is 64 hexadecimal digits"))
    }
}

/// What a record keeps out of the chain: one value, and what proves that the record speaks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// Which record.
    pub seq: u64,
    /// Where in its body: a JSON pointer (RFC 6901), `/requester`.
    pub field: String,
    /// The salt of the commitment.
    pub salt: Salt,
    /// The value.
    pub value: String,
}

/// Why a disclosure does not belong to a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DisclosureError {
    /// The record has no commitment there.
    #[error("record {seq} has no commitment at `{field}`")]
    NoCommitment {
        /// Which record.
        seq: u64,
        /// Where it was looked for.
        field: String,
    },
    /// The record's commitment is to something else.
    #[error("the value given for `{field}` of record {seq} is not the one the record commits to")]
    Mismatch {
        /// Which record.
        seq: u64,
        /// Where.
        field: String,
    },
    /// The body is not JSON.
    #[error("the body of record {seq} is not JSON: {detail}")]
    Body {
        /// Which record.
        seq: u64,
        /// What the parser said.
        detail: String,
    },
}

impl AuditRecord {
    /// The body, with commitments where the record keeps values out of the chain.
    pub fn value(&self) -> Result<Value, DisclosureError> {
        let wrong = |error: serde_json::Error| DisclosureError::Body { seq: self.seq, detail: error.to_string() };
        serde_json::from_str(&self.body).map_err(wrong)
    }

    /// The body with the values that `disclosures` prove in their places; those of other records are passed over. One that
    /// proves nothing is an error: a forged value never gets into an export.
    pub fn revealed(&self, disclosures: &[Disclosure]) -> Result<Value, DisclosureError> {
        let mut body = self.value()?;
        for disclosure in disclosures.iter().filter(|disclosure| disclosure.seq == self.seq) {
            let (seq, field) = (self.seq, disclosure.field.clone());
            let Some((place, digest)) = body.pointer_mut(&field).and_then(|place| {
                let digest = committed(place)?;
                Some((place, digest))
            }) else {
                return Err(DisclosureError::NoCommitment { seq, field });
            };
            if disclosure.salt.commit(&disclosure.value) != digest {
                return Err(DisclosureError::Mismatch { seq, field });
            }
            *place = Value::String(disclosure.value.clone());
        }
        Ok(body)
    }
}

/// How a commitment stands in a body: `{"committed": "sha256:…"}`.
pub(super) fn commitment(digest: &Digest) -> Value {
    json!({ COMMITTED: digest.to_string() })
}

/// The commitment at a place of a body, if that is one.
pub fn committed(place: &Value) -> Option<Digest> {
    let object = place.as_object().filter(|object| object.len() == 1)?;
    object.get(COMMITTED)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Chain, Draft, Frame, Header, Split};
    use super::*;
    use orp_core::unit::Timestamp;

    fn record() -> (AuditRecord, Vec<Disclosure>) {
        let draft = Draft::new("k", Timestamp::EPOCH)
            .with("who", "ada")
            .with("why", json!([{"because": "ada asks"}, {"because": "nobody"}]))
            .with_personal("/who", Salt::new([1; 32]))
            .with_personal("/why/0/because", Salt::new([2; 32]));
        let entry = draft.finish().unwrap();
        let mut log = Vec::new();
        Chain::begin(Header::new(uuid::Uuid::nil()), &mut log).append(&entry, &mut log);
        let Split::Whole(frame, _) = Frame::split(Header::split(&log).unwrap().1) else { panic!("a frame is there") };
        (frame.record().unwrap(), entry.disclosures(1))
    }

    #[test]
    fn what_is_disclosed_is_proven_and_what_is_erased_is_gone() {
        let (record, disclosures) = record();
        assert!(!record.body.contains("ada"));
        let all = record.revealed(&disclosures).unwrap();
        assert_eq!(all, json!({"who": "ada", "why": [{"because": "ada asks"}, {"because": "nobody"}]}));
        let one = record.revealed(&disclosures[1..]).unwrap();
        assert!(committed(&one["who"]).is_some() && one["why"][0]["because"] == "ada asks");
    }

    #[test]
    fn what_is_not_so_is_not_proven() {
        let (record, disclosures) = record();
        let mut lie = disclosures[0].clone();
        lie.value = "eve".into();
        let error = record.revealed(&[lie]).unwrap_err().to_string();
        assert_eq!(error, "the value given for `/who` of record 1 is not the one the record commits to");
        let moved = Disclosure { field: "/why/0/because".into(), ..disclosures[0].clone() };
        assert!(matches!(record.revealed(&[moved]), Err(DisclosureError::Mismatch { .. })));
        let nowhere = Disclosure { field: "/why/1/because".into(), ..disclosures[0].clone() };
        let error = record.revealed(&[nowhere]).unwrap_err().to_string();
        assert_eq!(error, "record 1 has no commitment at `/why/1/because`");
        let others = Disclosure { seq: 2, value: "eve".into(), ..disclosures[0].clone() };
        assert_eq!(record.revealed(&[others]), record.value());
    }

    #[test]
    fn the_same_value_never_shows_that_it_is_the_same() {
        assert_ne!(Salt::new([1; 32]).commit("ada"), Salt::new([2; 32]).commit("ada"));
        assert_eq!(format!("{:?}", Salt::new([1; 32])), "Salt(…)");
        // As version 1 has it: `SHA-256("orp.audit/commitment/v1" ‖ salt ‖ value)`.
        let known = "sha256:76007340dc463dd327a0a1a98c04ff66ac5a0f2dadf376dfb5b8d259833feff2";
        assert_eq!(Salt::new([7; 32]).commit("ada").to_string(), known);
        assert_eq!(committed(&json!({"committed": known})).map(|digest| digest.to_string()).as_deref(), Some(known));
        assert_eq!(committed(&json!({"committed": known, "by": "ada"})), None);
    }

    #[test]
    fn disclosures_read_and_print() {
        let (_, disclosures) = record();
        let text = serde_json::to_string(&disclosures).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Disclosure>>(&text).unwrap(), disclosures);
        assert!(serde_json::from_str::<Salt>("\"zz\"").is_err());
    }
}
