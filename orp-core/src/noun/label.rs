//! Labels on assets and offers, the order of data classes, and patterns over names.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// How sensitive data is, from least to most. A derived asset carries the highest class of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// Anyone may see it.
    Public,
    /// For the organisation; what unlabelled data is taken for.
    #[default]
    Internal,
    /// For those who need it.
    Confidential,
    /// For named people only.
    Restricted,
}

impl fmt::Display for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        })
    }
}

impl FromStr for DataClass {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Public, Self::Internal, Self::Confidential, Self::Restricted]
            .into_iter()
            .find(|class| class.to_string() == text)
            .ok_or_else(|| {
                format!("`{text}` is not a data class: expected public, internal, confidential or restricted")
            })
    }
}

/// Who may get at a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// The owning organisation only.
    #[default]
    Private,
    /// Anyone.
    Public,
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if *self == Self::Public { "public" } else { "private" })
    }
}

/// Free names and values that rules, claims and reports may refer to.
pub type Labels = BTreeMap<String, String>;

/// A name pattern in which `*` stands for any run of characters: `cn-*`, `aws/*/us-*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transparent))]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` fits. Linear in both but for backtracking over the last `*` only.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n, mut star) = (0, 0, None);
        while n < name.len() {
            if pattern.get(p) == Some(&b'*') {
                star = Some((p, n));
                p += 1;
            } else if pattern.get(p) == Some(&name[n]) {
                p += 1;
                n += 1;
            } else if let Some((at, from)) = star {
                p = at + 1;
                n = from + 1;
                star = Some((at, from + 1));
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|&c| c == b'*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Which names are allowed: all but those denied, or, when `allow` is not empty, those allowed and not denied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NameFilter {
    /// Patterns one of which must match, unless there are none.
    pub allow: Vec<Pattern>,
    /// Patterns none of which may match.
    pub deny: Vec<Pattern>,
}

impl NameFilter {
    /// Whether `name` is allowed.
    pub fn admits(&self, name: &str) -> bool {
        (self.allow.is_empty() || self.allow.iter().any(|pattern| pattern.matches(name)))
            && !self.deny.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether it lets everything pass.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

impl fmt::Display for NameFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |patterns: &[Pattern]| patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", ");
        match (self.allow.is_empty(), self.deny.is_empty()) {
            (true, true) => f.write_str("any"),
            (false, true) => write!(f, "only {}", join(&self.allow)),
            (true, false) => write!(f, "not {}", join(&self.deny)),
            (false, false) => write!(f, "only {}, not {}", join(&self.allow), join(&self.deny)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("cn-*", "cn-north-1", true),
            ("cn-*", "us-cn-1", false),
            ("*", "", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*-east-*", "us-east-1", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn deny_wins_over_allow() {
        let filter = NameFilter { allow: vec![Pattern::new("us-*")], deny: vec![Pattern::new("us-gov-*")] };
        assert!(filter.admits("us-east-1"));
        assert!(!filter.admits("us-gov-1"));
        assert!(!filter.admits("eu-1"));
        assert!(NameFilter::default().admits("anything"));
    }
}
