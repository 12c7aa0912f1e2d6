//! What a guardrail document says: the YAML under `spec:`.
//!
//! ```yaml
//! applies: [input, output]              # input | output | tool_call | dataset | publish
//! detectors:
//!   - email                             # a built-in detector, or one of the host's, by its name
//!   - {detector: card, min_confidence: likely}
//!   - {detector: national_id, countries: [de, fr]}
//! action: mask                          # mask | drop | ask | block
//! mask: {with: "[{kind} …{last}]", keep_last: 4}
//! allow: [support@example.org]          # exact texts that are no findings
//! limit: 20                             # more places than this block, whatever the action
//! because: "found {found} in the {channel}"
//! remedy: leave personal data out, or ask for an Exception
//! ```
//!
//! Unknown fields are errors, and so is what can have no effect (a mask beside `action: block`): a guardrail that is
//! misspelt must not silently let everything pass. What only the whole shows to be wrong (an unknown detector) is found by
//! [`Guardrail::compile`](super::Guardrail::compile), with its place.

use orp_core::contract::Confidence;
use serde::de::IgnoredAny;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeSet;
use std::fmt;

/// Which way a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// To a model.
    Input,
    /// From a model.
    Output,
    /// To a tool.
    ToolCall,
    /// Into a data set.
    Dataset,
    /// To others, with an asset that is registered for them.
    Publish,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::ToolCall => "tool call",
            Self::Dataset => "data set",
            Self::Publish => "publication",
        })
    }
}

/// What is done about a text in which something is found, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It goes on with a mask in the place of each finding.
    Mask,
    /// It is left out as a whole, and what it is a part of goes on: the record, the message.
    Drop,
    /// It waits until somebody approves it.
    Ask,
    /// It does not go on, nor does what it is a part of.
    Block,
}

/// What a guardrail document says. It reads from YAML or JSON, or is built in Rust:
///
/// ```
/// use orp_policy::guardrail::{Action, Channel, DetectorSpec, GuardrailSpec};
///
/// let spec = GuardrailSpec::new([Channel::Input], [DetectorSpec::new("email")], Action::Mask).with_limit(20);
/// # let _ = spec;
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GuardrailSpec {
    /// The ways of texts it looks at, at least one.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeSet<Channel>", extend("minItems" = 1)))]
    pub(super) applies: Placed<BTreeSet<Channel>>,
    /// What looks for findings, at least one.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<DetectorSpec>", extend("minItems" = 1)))]
    pub(super) detectors: Placed<Vec<Placed<DetectorSpec>>>,
    /// What is done about a text in which something is found.
    pub(super) action: Action,
    /// What stands in the place of a finding, with `action: mask`: `[{kind}]` when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<MaskSpec>"))]
    #[serde(default, deserialize_with = "given")]
    pub(super) mask: Option<Placed<MaskSpec>>,
    /// Exact texts that are no findings: a support address.
    #[serde(default)]
    pub(super) allow: BTreeSet<String>,
    /// How many places may hold findings before the text is blocked, whatever the action; findings that overlap are one.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u32>"))]
    #[serde(default, deserialize_with = "given")]
    pub(super) limit: Option<Placed<u32>>,
    /// Why, for people: `{found}` is what was found, `{channel}` where.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "given")]
    pub(super) because: Option<Placed<String>>,
    /// What would change its answer.
    pub(super) remedy: Option<String>,
    /// In a policy document, the requests it is about: read by the set, which asks only the guardrails of a request.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Conditions>"))]
    #[serde(default, rename = "where")]
    conditions: Option<IgnoredAny>,
    /// A further condition, in CEL.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default)]
    when: Option<IgnoredAny>,
}

/// Reads a field that may be left out but not left empty.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A value, and where in a document it stands; two are equal if their values are.
#[derive(Clone, Copy)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    place: Option<(u64, u64)>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::deserialize(deserializer)?;
        let place = (referenced != Location::UNKNOWN).then(|| (referenced.line(), referenced.column()));
        Ok(Self { value, place })
    }
}

impl<T> From<T> for Placed<T> {
    /// A value that was not read from a document.
    fn from(value: T) -> Self {
        Self { value, place: None }
    }
}

impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Placed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl GuardrailSpec {
    /// A guardrail of these ways and detectors, with the usual mask and without limit.
    pub fn new(
        applies: impl IntoIterator<Item = Channel>,
        detectors: impl IntoIterator<Item = DetectorSpec>,
        action: Action,
    ) -> Self {
        Self {
            applies: applies.into_iter().collect::<BTreeSet<_>>().into(),
            detectors: detectors.into_iter().map(Placed::from).collect::<Vec<_>>().into(),
            action,
            mask: None,
            allow: BTreeSet::new(),
            limit: None,
            because: None,
            remedy: None,
            conditions: None,
            when: None,
        }
    }

    /// With another mask.
    pub fn with_mask(mut self, mask: MaskSpec) -> Self {
        self.mask = Some(mask.into());
        self
    }

    /// With one more text that is no finding.
    pub fn with_allowed(mut self, text: impl Into<String>) -> Self {
        self.allow.insert(text.into());
        self
    }

    /// With a limit of places that hold findings.
    pub fn with_limit(mut self, places: u32) -> Self {
        self.limit = Some(places.into());
        self
    }

    /// With a reason for people; see the field `because`.
    pub fn with_because(mut self, because: impl Into<String>) -> Self {
        self.because = Some(Placed::from(because.into()));
        self
    }

    /// With what would change its answer.
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// A detector by its name, and which of its findings count. In a document, the name alone will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectorSpec {
    pub(super) detector: String,
    pub(super) countries: Option<BTreeSet<String>>,
    pub(super) min_confidence: Confidence,
}

impl DetectorSpec {
    /// All findings of a detector.
    pub fn new(detector: impl Into<String>) -> Self {
        Self { detector: detector.into(), countries: None, min_confidence: Confidence::Possible }
    }

    /// Only the numbers of these countries, by ISO 3166-1 alpha-2 in lower case; for `national_id`.
    pub fn of_countries<C: Into<String>>(mut self, countries: impl IntoIterator<Item = C>) -> Self {
        self.countries = Some(countries.into_iter().map(Into::into).collect());
        self
    }

    /// Only findings of at least this confidence.
    pub fn with_min_confidence(mut self, least: Confidence) -> Self {
        self.min_confidence = least;
        self
    }
}

/// A detector with what else is said of it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct DetectorFields {
    /// Its name.
    detector: String,
    /// The countries whose numbers count, by ISO 3166-1 alpha-2 in lower case; for `national_id`. All when left out.
    #[serde(default, deserialize_with = "given")]
    countries: Option<BTreeSet<String>>,
    /// The least confidence of findings that count; all count when left out.
    #[serde(default)]
    min_confidence: Confidence,
}

impl<'de> Deserialize<'de> for DetectorSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrFields;

        impl<'de> Visitor<'de> for NameOrFields {
            type Value = DetectorSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a detector's name, or `{detector: …}` with what else is said of it")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<DetectorSpec, E> {
                Ok(DetectorSpec::new(name))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<DetectorSpec, M::Error> {
                let DetectorFields { detector, countries, min_confidence } =
                    Deserialize::deserialize(MapAccessDeserializer::new(map))?;
                Ok(DetectorSpec { detector, countries, min_confidence })
            }
        }
        deserializer.deserialize_any(NameOrFields)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for DetectorSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DetectorSpec".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let fields = generator.subschema_for::<DetectorFields>();
        schemars::json_schema!({
            "description": "A detector by its name, and which of its findings count",
            "anyOf": [{"type": "string"}, fields],
        })
    }
}

/// What stands in the place of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MaskSpec {
    /// Words in brackets: `[{kind}]`, `(removed)`. `{kind}` is what was found, `{last}` its last letters and digits. No
    /// digits and signs of its own but `-_.,*#…•`, so that a mask is never taken for a finding.
    #[serde(default, deserialize_with = "given")]
    pub with: Option<String>,
    /// How many of the last letters and digits are kept, at most 4 and at most half; 0 when left out.
    #[serde(default)]
    pub keep_last: u8,
}

impl MaskSpec {
    /// The mask `with`, which keeps nothing.
    pub fn new(with: impl Into<String>) -> Self {
        Self { with: Some(with.into()), keep_last: 0 }
    }

    /// A mask that keeps the last letters and digits.
    pub const fn keeping_last(mut self, letters: u8) -> Self {
        self.keep_last = letters;
        self
    }
}

/// Why a guardrail does not work, and where in its document that is said; prints as one line without the place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardrailError {
    /// What is wrong, and what was expected.
    pub message: String,
    place: Option<(u64, u64)>,
}

impl GuardrailError {
    pub(super) fn at<T>(placed: &Placed<T>, message: impl Into<String>) -> Self {
        Self { message: message.into(), place: placed.place }
    }

    /// The line in the document, from 1, if it was read from one.
    pub fn line(&self) -> Option<u64> {
        self.place.map(|(line, _)| line)
    }

    /// The column in the document, from 1, in characters, if it was read from one.
    pub fn column(&self) -> Option<u64> {
        self.place.map(|(_, column)| column)
    }
}

impl fmt::Display for GuardrailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GuardrailError {}
