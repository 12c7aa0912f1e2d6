//! Assets: what is registered, versioned and owned, of every pillar.

use super::{DataClass, Labels, Visibility};
use crate::id::{AssetId, IdError, Principal, RunId, Tenant};
use crate::unit::{Bytes, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

/// The five kinds of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pillar {
    /// Machines and their accelerators.
    Compute,
    /// Data sets and their replicas.
    Data,
    /// Models and their weights.
    Model,
    /// Tools: code, endpoints, prompts.
    Tool,
    /// People and agents, with skills and time.
    Talent,
}

impl Pillar {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Compute, Self::Data, Self::Model, Self::Tool, Self::Talent];
}

impl fmt::Display for Pillar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Compute => "compute",
            Self::Data => "data",
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Talent => "talent",
        })
    }
}

/// What an asset is called: a name and, after `@`, a version: `llama-3-70b@v1`. Without a version, the newest one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct AssetRef {
    name: String,
    version: Option<String>,
}

impl AssetRef {
    /// The name without the version.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, if one was asked for.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether `other` (a registered name with its version) is what this asks for.
    pub fn admits(&self, other: &Self) -> bool {
        self.name == other.name && (self.version.is_none() || self.version == other.version)
    }
}

impl fmt::Display for AssetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => f.pad(&format!("{}@{version}", self.name)),
            None => f.pad(&self.name),
        }
    }
}

impl FromStr for AssetRef {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::BadName { text: text.into(), what: "asset reference such as `corpus@v3`" };
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let good = |part: &str| !part.contains('@') && Tenant::new(part).is_ok();
        if !good(name) || !version.is_none_or(good) {
            return Err(bad());
        }
        Ok(Self { name: name.into(), version: version.map(Into::into) })
    }
}

impl TryFrom<String> for AssetRef {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<AssetRef> for String {
    fn from(asset: AssetRef) -> String {
        asset.to_string()
    }
}

/// The SHA-256 digest of some content; prints as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// From the 32 bytes of a digest computed elsewhere (in a stream, say).
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `sha256:` and the first twelve digits, for tables.
    pub fn short(&self) -> String {
        self.to_string()[..19].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a digest: expected `sha256:` and 64 hexadecimal digits");
        let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.is_ascii()).ok_or_else(bad)?;
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize<'de>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where an asset stands in its life. Content is immutable from `Published` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LifeCycle {
    /// Known, not yet usable.
    Draft,
    /// Usable.
    #[default]
    Registered,
    /// Usable, and its content never changes again.
    Published,
    /// Still usable, but something better exists.
    Deprecated,
    /// No longer usable.
    Retired,
}

impl LifeCycle {
    /// Whether an asset may go from this state to `next`: only forward, and from everywhere to retired.
    pub fn may_become(self, next: Self) -> bool {
        next > self || next == Self::Retired
    }
}

/// How an asset came from another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lineage {
    /// The run that made it.
    pub run: Option<RunId>,
    /// What it was made from.
    pub inputs: Vec<AssetRef>,
}

impl Lineage {
    /// Made by `run` from `inputs`.
    pub fn new(run: Option<RunId>, inputs: Vec<AssetRef>) -> Self {
        Self { run, inputs }
    }
}

/// A registered, versioned, owned thing of any pillar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Asset {
    /// Unique for ever.
    pub id: AssetId,
    /// Name and version.
    pub reference: AssetRef,
    /// Which kind of resource.
    pub pillar: Pillar,
    /// What it is within its pillar: `dataset`, `weights`, `report`.
    pub kind: String,
    /// The digest of its content, when it has content here.
    pub digest: Option<Digest>,
    /// The size of its content.
    pub size: Option<Bytes>,
    /// Who answers for it.
    pub owner: Principal,
    /// Whose it is.
    pub tenant: Tenant,
    /// How sensitive it is.
    pub class: DataClass,
    /// Who may get at it.
    pub visibility: Visibility,
    /// SPDX licence expression.
    pub licence: Option<String>,
    /// Further facts.
    pub labels: Labels,
    /// Where it stands in its life.
    pub state: LifeCycle,
    /// What it came from.
    pub lineage: Lineage,
    /// When it was registered.
    pub registered: Timestamp,
}

impl Asset {
    /// An internal, private, registered asset without content; change the fields that differ.
    pub fn new(id: AssetId, reference: AssetRef, pillar: Pillar, kind: &str, tenant: Tenant, owner: Principal) -> Self {
        Self {
            id,
            reference,
            pillar,
            kind: kind.into(),
            digest: None,
            size: None,
            owner,
            tenant,
            class: DataClass::default(),
            visibility: Visibility::default(),
            licence: None,
            labels: Labels::new(),
            state: LifeCycle::default(),
            lineage: Lineage::new(None, Vec::new()),
            registered: Timestamp::EPOCH,
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.reference, self.pillar, self.kind)?;
        if let Some(size) = self.size {
            write!(f, ", {size}")?;
        }
        if let Some(digest) = self.digest {
            write!(f, ", {}", digest.short())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_and_match() {
        let exact: AssetRef = "corpus@v3".parse().unwrap();
        let any: AssetRef = "corpus".parse().unwrap();
        assert_eq!((exact.name(), exact.version()), ("corpus", Some("v3")));
        assert!(any.admits(&exact) && exact.admits(&exact) && !exact.admits(&any));
        for text in ["", "@v1", "a@", "a@b@c", "a b"] {
            assert!(text.parse::<AssetRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn digests_are_sha256() {
        let digest = Digest::of(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse::<Digest>().unwrap(), digest);
        assert!("sha256:zz".parse::<Digest>().is_err());
    }

    #[test]
    fn assets_only_grow_older() {
        assert!(LifeCycle::Registered.may_become(LifeCycle::Published));
        assert!(!LifeCycle::Published.may_become(LifeCycle::Registered));
        assert!(LifeCycle::Draft.may_become(LifeCycle::Retired));
    }
}
