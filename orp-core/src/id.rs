//! Identifiers: newtypes that print with a prefix, and validated names.
//!
//! Unique identifiers ([`RunId`] …) are version-7 UUIDs from an [`IdSource`](crate::contract::IdSource), so they sort by
//! time and a seeded source gives the same ones again. Names ([`ProviderName`] …) are chosen by people and documents.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};
use thiserror::Error;
use uuid::Uuid;

/// Why a text is not an identifier or a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdError {
    /// Not `prefix_` and 32 hexadecimal digits.
    #[error("`{text}` is not an identifier: expected `{prefix}_` and 32 hexadecimal digits")]
    Malformed {
        /// What was given.
        text: String,
        /// The prefix this kind of identifier prints with.
        prefix: &'static str,
    },
    /// A character that names do not have, or too long, or empty.
    #[error(
        "`{text}` is not a {what}: expected 1 to 200 letters, digits or any of `._-/:@#+`, beginning with a letter or digit"
    )]
    BadName {
        /// What was given.
        text: String,
        /// The kind of name.
        what: &'static str,
    },
}

macro_rules! unique_id {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What it prints with.
            pub const PREFIX: &'static str = $prefix;

            /// The next one of `source`.
            pub fn next(source: &dyn crate::contract::IdSource) -> Self {
                Self(source.next_uuid())
            }

            /// From a UUID that is already unique.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// The last eight digits: enough for people to tell one from another.
            pub fn short(&self) -> String {
                let text = self.to_string();
                format!(concat!($prefix, "_…{}"), &text[text.len() - 8..])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!(concat!($prefix, "_{}"), self.0.simple()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(IdError::Malformed { text: text.into(), prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as Deserialize<'de>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

unique_id! {
    /// One registered asset, whatever its name or version.
    AssetId = "asset";
    /// One declared intent.
    IntentId = "intent";
    /// One plan for an intent.
    PlanId = "plan";
    /// One execution of a plan.
    RunId = "run";
    /// One granted offer.
    LeaseId = "lease";
}

macro_rules! name_type {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// A name, if the text is one; see [`IdError::BadName`].
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                if is_name(&text) { Ok(Self(text.into())) } else { Err(IdError::BadName { text, what: $what }) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().into()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

name_type! {
    /// A provider, unique within one ORP: `local`, `market`.
    ProviderName = "provider name";
    /// An offer, unique within its provider and stable while it is on offer.
    OfferId = "offer id";
    /// A recipe.
    RecipeName = "recipe name";
    /// A task within a workflow.
    TaskName = "task name";
    /// Who an intent works for: the unit that shares, quotas and budgets are given to.
    Tenant = "tenant";
    /// A person or agent that acts: who asked, who approved.
    Principal = "principal";
    /// A budget.
    BudgetName = "budget name";
    /// A policy rule.
    RuleId = "rule id";
    /// A scheduling queue.
    QueueName = "queue name";
    /// A node of a pool: one machine or instance.
    NodeName = "node name";
    /// A device of a node, stable across restarts (a GPU's UUID).
    DeviceId = "device id";
}

fn is_name(text: &str) -> bool {
    text.len() <= 200
        && text.starts_with(|c: char| c.is_alphanumeric())
        && text.chars().all(|c| c.is_alphanumeric() || "._-/:@#+".contains(c))
}

/// The key under which an operation happens at most once: the same key again returns what the first call made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// A key from any text that is the same whenever the operation is.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for IdempotencyKey {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> Self {
        key.0.as_ref().into()
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One try at one task of one run. Attempts count from 1; prints as `run_…/train#2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskName,
    /// Which try, from 1.
    pub number: u32,
}

impl AttemptId {
    /// The key of an operation on this attempt: `acquire`, `launch` …
    pub fn key(&self, operation: &str) -> IdempotencyKey {
        IdempotencyKey::new(format!("{self}/{operation}"))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.run, self.task, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_print_and_read_back() {
        let id = RunId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "run_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        assert_eq!(id.short(), "run_…00000007");
        assert!(id.to_string().parse::<LeaseId>().is_err());
        assert!("run_7".parse::<RunId>().is_err());
    }

    #[test]
    fn names_are_checked() {
        assert!(TaskName::new("train-1.2").is_ok());
        for text in ["", " a", "-a", "a b", "a\n", &"x".repeat(201)] {
            assert!(TaskName::new(text).is_err(), "{text:?}");
        }
    }
}
