//! Intents: a goal, hard constraints, and what to prefer among the plans that meet them.

use super::{AssetRef, Labels, NameFilter};
use crate::id::{IdError, Principal, Tenant};
use crate::unit::{Money, Probability, Span, Tokens};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// What to make: a kind of goal that some recipe serves, and what it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Goal {
    /// Which recipes serve it: `fine_tune`, `data_pipeline`.
    pub kind: String,
    /// The model it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<AssetRef>,
    /// The data set it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<AssetRef>,
    /// What to measure the result by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// How much of the data must be used.
    #[serde(default)]
    pub tokens: TokenDemand,
}

impl Goal {
    /// A goal of this kind about nothing yet.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), model: None, data: None, metric: None, tokens: TokenDemand::Any }
    }

    /// About this model.
    pub fn with_model(mut self, model: AssetRef) -> Self {
        self.model = Some(model);
        self
    }

    /// About this data set.
    pub fn with_data(mut self, data: AssetRef) -> Self {
        self.data = Some(data);
        self
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind.replace('_', " "))?;
        if let Some(model) = &self.model {
            write!(f, " {model}")?;
        }
        if let Some(data) = &self.data {
            write!(f, " on {data}")?;
        }
        if let Some(metric) = &self.metric {
            write!(f, ", measured by {metric}")?;
        }
        Ok(())
    }
}

/// A measure of the result, and on what it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What should be high: `accuracy`.
    pub maximise: String,
    /// The benchmark it is taken on.
    pub on: String,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.maximise, self.on)
    }
}

/// How much of the data set must be trained on: reads and prints as `any`, `all` or `at least 2 G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenDemand {
    /// As much as the plan finds worth it: a decision variable.
    #[default]
    Any,
    /// At least so many; how many more is a decision variable.
    AtLeast(Tokens),
    /// Every token at least once.
    All,
}

impl TokenDemand {
    /// The fewest tokens that will do, of a data set with `total`.
    pub fn least(self, total: Tokens) -> Tokens {
        match self {
            Self::Any => Tokens::ZERO,
            Self::AtLeast(tokens) => tokens,
            Self::All => total,
        }
    }
}

impl fmt::Display for TokenDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.pad("any"),
            Self::AtLeast(tokens) => f.pad(&format!("at least {tokens}")),
            Self::All => f.pad("all"),
        }
    }
}

impl FromStr for TokenDemand {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "any" => Ok(Self::Any),
            "all" => Ok(Self::All),
            text => match text.strip_prefix("at least ") {
                Some(tokens) => tokens.parse().map(Self::AtLeast).map_err(|error| format!("{error}")),
                None => Err(format!("`{text}` is not a demand of tokens: expected `any`, `all` or `at least 2 G`")),
            },
        }
    }
}

impl Serialize for TokenDemand {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenDemand {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize<'de>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for TokenDemand {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TokenDemand".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "`any`, `all`, or `at least` and a count of tokens",
            "examples": ["any", "all", "at least 2 G"],
        })
    }
}

/// The most it may cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CostLimit {
    /// The limit, all charges together.
    pub max: Money,
    /// How sure the plan must be to keep it.
    #[serde(default = "CostLimit::usual_confidence")]
    pub confidence: Probability,
}

impl CostLimit {
    /// A limit that is kept with the usual confidence.
    pub fn new(max: Money) -> Self {
        Self { max, confidence: Self::usual_confidence() }
    }

    fn usual_confidence() -> Probability {
        Probability::clamped(0.95)
    }
}

/// When it must be done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FinishLimit {
    /// So long after the run starts.
    pub within: Span,
    /// The probability to be late that is tolerated; 0 asks for a structural guarantee.
    #[serde(default = "FinishLimit::usual_miss")]
    pub miss: Probability,
}

impl FinishLimit {
    fn usual_miss() -> Probability {
        Probability::clamped(0.05)
    }
}

/// What every plan must satisfy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Constraints {
    /// The most it may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostLimit>,
    /// When it must be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishLimit>,
    /// Regions that may be used, by region name: `{deny: [cn-*]}`.
    pub regions: NameFilter,
    /// Providers that may be used.
    pub providers: NameFilter,
    /// Facts stated about what the intent uses, for policy: `{dataset.class: internal}`. They can raise a class, never
    /// lower what is registered.
    pub labels: Labels,
}

/// A measure of a plan that one may want high or low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Money, expected.
    Cost,
    /// Time from start to end, expected.
    Duration,
    /// The probability to miss a constraint.
    Risk,
    /// Expected quality of the result.
    Quality,
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cost => "cost",
            Self::Duration => "duration",
            Self::Risk => "risk",
            Self::Quality => "quality",
        })
    }
}

/// One wish about the plan. The list of wishes is lexicographic: a later one decides among plans that an earlier one holds
/// for equal (within one part in a hundred).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// As much as can be had: `{maximise: quality}`.
    Maximise(Objective),
    /// As little as can be had: `{minimise: cost}`.
    Minimise(Objective),
}

impl fmt::Display for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maximise(objective) => write!(f, "maximise {objective}"),
            Self::Minimise(objective) => write!(f, "minimise {objective}"),
        }
    }
}

/// A declared intent. Reads from YAML or JSON (see [`crate::document`]) or is built in Rust:
///
/// ```
/// use orp_core::prelude::*;
///
/// let intent = Intent::fine_tune("llama-3-70b@v1".parse()?, "corpus@v3".parse()?)
///     .with_budget("500 USD".parse()?)
///     .with_deadline("12h".parse()?)
///     .with_region_filter(NameFilter { deny: vec![Pattern::new("cn-*")], ..NameFilter::default() })
///     .preferring(Preference::Maximise(Objective::Quality));
/// intent.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Intent {
    /// What people call it.
    #[serde(default = "Intent::usual_name")]
    pub name: String,
    /// Who it is for: shares and budgets go by it.
    #[serde(default = "Intent::usual_tenant")]
    pub project: Tenant,
    /// Who asks.
    #[serde(default = "Intent::usual_requester")]
    pub requester: Principal,
    /// Higher goes first, and may preempt lower; 0 is usual.
    #[serde(default)]
    pub priority: i32,
    /// What to make.
    pub goal: Goal,
    /// What every plan must satisfy.
    #[serde(default)]
    pub constraints: Constraints,
    /// What to prefer, most important first; the balanced plan when empty.
    #[serde(default)]
    pub prefer: Vec<Preference>,
    /// Values for the recipe's parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

impl Intent {
    /// An intent with this goal and nothing else.
    pub fn new(goal: Goal) -> Self {
        Self {
            name: Self::usual_name(),
            project: Self::usual_tenant(),
            requester: Self::usual_requester(),
            priority: 0,
            goal,
            constraints: Constraints::default(),
            prefer: Vec::new(),
            parameters: BTreeMap::new(),
        }
    }

    /// Fine-tune a model on a data set, as much of it as is worth it.
    pub fn fine_tune(model: AssetRef, data: AssetRef) -> Self {
        Self::new(Goal { model: Some(model), data: Some(data), ..Goal::new("fine_tune") })
    }

    /// What people call it.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Who it is for.
    pub fn with_project(mut self, project: Tenant) -> Self {
        self.project = project;
        self
    }

    /// Who asks.
    pub fn with_requester(mut self, requester: Principal) -> Self {
        self.requester = requester;
        self
    }

    /// Its priority.
    pub fn with_priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// What the result is measured by.
    pub fn with_metric(mut self, maximise: impl Into<String>, on: impl Into<String>) -> Self {
        self.goal.metric = Some(Metric { maximise: maximise.into(), on: on.into() });
        self
    }

    /// How much of the data must be used.
    pub fn with_tokens(mut self, tokens: TokenDemand) -> Self {
        self.goal.tokens = tokens;
        self
    }

    /// The most it may cost, with confidence 0.95.
    pub fn with_budget(mut self, max: Money) -> Self {
        self.constraints.cost = Some(CostLimit { max, confidence: CostLimit::usual_confidence() });
        self
    }

    /// When it must be done; the probability to be late is at most 0.05.
    pub fn with_deadline(mut self, within: Span) -> Self {
        self.constraints.finish = Some(FinishLimit { within, miss: FinishLimit::usual_miss() });
        self
    }

    /// Which regions may be used.
    pub fn with_region_filter(mut self, regions: NameFilter) -> Self {
        self.constraints.regions = regions;
        self
    }

    /// Which providers may be used.
    pub fn with_provider_filter(mut self, providers: NameFilter) -> Self {
        self.constraints.providers = providers;
        self
    }

    /// A fact for policy about what the intent uses.
    pub fn with_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.constraints.labels.insert(name.into(), value.into());
        self
    }

    /// One more preference, less important than those before.
    pub fn preferring(mut self, preference: Preference) -> Self {
        self.prefer.push(preference);
        self
    }

    /// A value for a parameter of the recipe.
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.parameters.insert(name.into(), value.to_string());
        self
    }

    /// What makes it meaningless whatever the market has: each wrong field with what was expected.
    pub fn check(&self) -> Result<(), IntentError> {
        if let Some(cost) = &self.constraints.cost
            && cost.max.is_negative()
        {
            return Err(IntentError::NegativeBudget(cost.max));
        }
        if let Some(finish) = &self.constraints.finish
            && finish.within == Span::ZERO
        {
            return Err(IntentError::NoTime);
        }
        if self.goal.kind.trim().is_empty() {
            return Err(IntentError::NoGoal);
        }
        Ok(())
    }

    fn usual_name() -> String {
        "intent".into()
    }

    fn usual_tenant() -> Tenant {
        name_or_default("default", Tenant::new)
    }

    fn usual_requester() -> Principal {
        name_or_default("anonymous", Principal::new)
    }
}

/// A name written in this crate: it is one by inspection.
#[allow(clippy::expect_used, reason = "INVARIANT: only called with literals that are names, each covered by a test")]
fn name_or_default<T>(text: &str, new: impl Fn(String) -> Result<T, IdError>) -> T {
    new(text.into()).expect("a literal that is a name")
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.goal)?;
        if let Some(cost) = &self.constraints.cost {
            write!(f, ", at most {}", cost.max)?;
        }
        if let Some(finish) = &self.constraints.finish {
            write!(f, ", within {}", finish.within)?;
        }
        if !self.prefer.is_empty() {
            let wishes: Vec<String> = self.prefer.iter().map(ToString::to_string).collect();
            write!(f, ", {}", wishes.join(", then "))?;
        }
        Ok(())
    }
}

/// What makes an intent meaningless whatever the market has. The field's path is in the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntentError {
    /// The budget is below zero.
    #[error("constraints.cost.max is `{0}`: a budget must not be negative")]
    NegativeBudget(Money),
    /// There is no time to do anything.
    #[error("constraints.finish.within is `0s`: expected a length of time above zero, such as `12h`")]
    NoTime,
    /// The kind of goal is empty.
    #[error("goal.kind is empty: expected the kind of goal some recipe serves, such as `fine_tune`")]
    NoGoal,
}

impl IntentError {
    /// The text a document has at the wrong place, to point at it.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::NegativeBudget(_) => "max:",
            Self::NoTime => "within:",
            Self::NoGoal => "kind:",
        }
    }
}

/// Reads an intent document and checks it.
#[cfg(feature = "yaml")]
impl Intent {
    /// The intent a document declares, or where and why it does not.
    pub fn from_source(source: &crate::document::Source<'_>) -> Result<Self, crate::document::DocumentError> {
        let intent: Self = source.parse()?;
        intent.check().map_err(|error| {
            let quoted = format!("\"{}", error.field().replace(':', "\":"));
            let needle = if source.text().contains(error.field()) { error.field() } else { &quoted };
            source.error_at(needle, error.to_string())
        })?;
        Ok(intent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_demands_read_and_print() {
        for (text, demand) in [
            ("any", TokenDemand::Any),
            ("all", TokenDemand::All),
            ("at least 2 G", TokenDemand::AtLeast(Tokens::new(2_000_000_000))),
        ] {
            assert_eq!(text.parse::<TokenDemand>().unwrap(), demand);
            assert_eq!(demand.to_string(), text);
        }
        assert!("some".parse::<TokenDemand>().is_err());
    }

    #[cfg(feature = "yaml")]
    #[test]
    fn wrong_intents_point_at_the_place() {
        use crate::document::Source;
        for (text, line, column, part) in [
            ("goal: {kind: x}\nbugdet: 5 USD\n", 2, 1, "unknown field `bugdet`"),
            ("goal: {kind: x}\nconstraints:\n  cost:\n    max: 5 dollars\n", 4, 10, "unknown unit `dollars`"),
            ("goal: {kind: x}\nconstraints: {cost: {max: -5 USD}}\n", 2, 22, "must not be negative"),
            ("goal: {kind: x}\nconstraints: {finish: {within: 0s}}\n", 2, 24, "length of time above zero"),
            ("goal: {kind: x, tokens: most}\n", 1, 25, "not a demand of tokens"),
            ("{\"goal\": {\"kind\": \"x\"},\n \"constraints\": {\"cost\": {\"max\": \"-1 USD\"}}}", 2, 27, "negative"),
        ] {
            let error = Intent::from_source(&Source::new("i.yaml", text)).unwrap_err();
            assert_eq!((error.line, error.column), (Some(line), Some(column)), "{text}: {error}");
            assert!(error.message.contains(part), "{error}");
        }
    }
}
