//! Policy documents: the YAML that people write, read into rules and budgets.
//!
//! Several documents stand in one text, `---` between them; each says `apiVersion`, `kind`, `metadata` and `spec`. They are
//! read one by one, so that each wrong one is reported, with line and column. Unknown fields are errors: a rule whose
//! `where:` is misspelt must not silently apply to everything, nor to nothing.
//!
//! ```yaml
//! apiVersion: orp.policy/v1
//! kind: Rule
//! metadata: {id: no-spot-for-restricted, owner: dpo@example.com}
//! spec:
//!   effect: deny                        # deny | allow | require_approval
//!   mode: enforce                       # enforce | warn | shadow
//!   points: [place]                     # where it speaks; all points that know its facts when left out
//!   actions: ["*"]
//!   where: {market: spot, dataset.class: restricted}
//!   because: "{dataset.name} is {dataset.class}"
//!   remedy: use machines that cannot be reclaimed
//!   controls: [iso27001/a.8.11]
//! ---
//! apiVersion: orp.policy/v1
//! kind: Budget
//! metadata: {id: gpu-month-project}
//! spec:
//!   per: [project.id]                   # one account for each value; one for all when left out
//!   where: {resource.kind: gpu}
//!   window: {calendar: month}           # {calendar: month} | {calendar: day} | total
//!   limit: 20000 USD
//!   overrides: {vision: 60000 USD}
//! ```
//!
//! # Conditions
//!
//! `where` maps [facts](crate::fact::VOCABULARY) to conditions, all of which must hold:
//!
//! ```yaml
//! where:
//!   project.id: vision                          # equal to
//!   goal.kind: [fine_tune, distil]              # one of
//!   dataset.class: {at_least: confidential}     # at_least, at_most, not, any_of, present: all that are given must hold
//!   labels.reviewed: {present: true}
//! ```
//!
//! Values are read by the fact's kind; `at_least` and `at_most` are for kinds with an order: data classes, numbers, and money
//! of one currency. A condition that cannot be judged (the fact is missing or of another kind, the currency another) is
//! unknown, and so are the conditions together, unless one of them is false. An unknown `deny` or `require_approval`
//! forbids and names the fact; an unknown `allow` does not allow; an unknown budget applies. But where a fact's *subject* is
//! not there at all (an intent without a data set), conditions on it are false: a rule about data sets has nothing to say.
//! `present` says which is meant, and is never unknown. See [`Absence`](crate::fact::Absence).

use crate::budget::{Budget, Holder, ID_LIMIT_BYTES, Window, escape};
use crate::condition::Conditions;
use crate::fact::FactName;
use crate::rule::{Actions, Effect, Mode, Rule};
use crate::set::DEFAULT_DENY;
use crate::template::Template;
use orp_core::document::{DocumentError, LIMIT_BYTES, Source};
use orp_core::id::{Principal, RuleId};
use orp_core::noun::PolicyPoint;
use orp_core::unit::Money;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_saphyr::{Location, Spanned};
use std::collections::{BTreeMap, BTreeSet};

/// One document, read.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind")]
pub(crate) enum Document {
    Rule(Rule),
    Budget(Budget),
}

impl Document {
    pub(crate) const fn id(&self) -> &RuleId {
        match self {
            Self::Rule(rule) => &rule.id,
            Self::Budget(budget) => &budget.id,
        }
    }
}

/// A place in a source, to say later that something is wrong there.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    source_name: String,
    line: u64,
    column: u64,
    excerpt: Option<String>,
}

impl Place {
    pub(crate) fn error(&self, message: impl Into<String>) -> DocumentError {
        let mut error = Source::new(&self.source_name, "").error(message);
        (error.line, error.column, error.excerpt) = (Some(self.line), Some(self.column), self.excerpt.clone());
        error
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.source_name, self.line, self.column)
    }
}

/// Reads every document of a source, each with the place of its id or with what is wrong with it.
pub(crate) fn read(source: &Source<'_>) -> Vec<Result<(Document, Place), DocumentError>> {
    let size = source.text().len();
    if size > LIMIT_BYTES {
        return vec![Err(source.error(format!("the document has {size} bytes, at most {LIMIT_BYTES} are read")))];
    }
    Part::all_of(source).iter().filter(|part| !part.is_empty()).map(Part::read).collect()
}

/// One document's part of a text.
struct Part<'a> {
    source: Source<'a>,
    /// How many lines of the text come before.
    lines_before: u64,
}

impl<'a> Part<'a> {
    /// Splits a text at the lines that begin with `---`, which in YAML is a document's beginning wherever it stands.
    fn all_of(source: &Source<'a>) -> Vec<Self> {
        let part = |text, lines_before| Self { source: Source::new(source.name(), text), lines_before };
        let (mut parts, mut begin, mut lines_before, mut at) = (Vec::new(), 0, 0, 0);
        for (number, line) in (0..).zip(source.text().split_inclusive('\n')) {
            let is_mark = line
                .strip_prefix("---")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
            if is_mark {
                parts.extend(source.text().get(begin..at).map(|text| part(text, lines_before)));
                (begin, lines_before) = (at, number);
            }
            at += line.len();
        }
        parts.extend(source.text().get(begin..).map(|text| part(text, lines_before)));
        parts
    }

    /// Whether there is nothing but comments, directives and marks.
    fn is_empty(&self) -> bool {
        self.source.text().lines().all(|line| {
            let line = line.trim_start_matches('\u{feff}');
            let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("...")).unwrap_or(line).trim();
            rest.is_empty() || rest.starts_with('#') || line.starts_with('%')
        })
    }

    fn read(&self) -> Result<(Document, Place), DocumentError> {
        let header: Header = self.parse()?;
        let ApiVersion::V1 = header.api_version;
        let place = self.place(header.metadata.id.referenced);
        let document = match header.kind {
            Kind::Rule => Document::Rule(self.rule(self.parse()?)?),
            Kind::Budget => Document::Budget(self.budget(self.parse()?)?),
        };
        if document.id().as_str() == DEFAULT_DENY {
            return Err(
                place.error(format!("`{DEFAULT_DENY}` is what speaks when no rule allows: expected another id"))
            );
        }
        Ok((document, place))
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        self.source.parse().map_err(|mut error| {
            error.line = error.line.map(|line| line + self.lines_before);
            error
        })
    }

    fn place(&self, location: Location) -> Place {
        let line = location.line();
        let excerpt = self.source.text().lines().nth((line as usize).saturating_sub(1));
        Place {
            source_name: self.source.name().into(),
            line: line + self.lines_before,
            column: location.column(),
            excerpt: excerpt.map(|line| line.chars().take(200).collect()),
        }
    }

    fn rule(&self, Envelope { metadata, spec, .. }: Envelope<RuleSpec>) -> Result<Rule, DocumentError> {
        let conditions = spec.conditions.map(|conditions| (conditions.value, conditions.referenced));
        let points = match (&spec.points, &conditions) {
            (Some(points), conditions) => {
                let facts = conditions.iter().flat_map(|(conditions, _)| conditions.facts());
                check_points(&points.value, facts).map_err(|message| self.place(points.referenced).error(message))?;
                Some(points.value.clone())
            }
            (None, Some((conditions, at))) => {
                usual_points(conditions).map_err(|message| self.place(*at).error(message))?
            }
            (None, None) => None,
        };
        Ok(Rule {
            id: metadata.id.value,
            owner: metadata.owner,
            effect: spec.effect,
            mode: spec.mode,
            points,
            actions: spec.actions,
            conditions: conditions.map(|(conditions, _)| conditions).unwrap_or_default(),
            because: spec.because,
            remedy: spec.remedy,
            controls: spec.controls,
        })
    }

    fn budget(&self, Envelope { metadata, spec, .. }: Envelope<BudgetSpec>) -> Result<Budget, DocumentError> {
        let id = &metadata.id;
        if id.value.as_str().len() > ID_LIMIT_BYTES || id.value.as_str().contains('/') {
            let message =
                format!("`{}` begins accounts' names: expected at most {ID_LIMIT_BYTES} bytes, without `/`", id.value);
            return Err(self.place(id.referenced).error(message));
        }
        if spec.limit.value.is_negative() {
            let message = format!("`{}` is below zero: expected an amount that may be spent", spec.limit.value);
            return Err(self.place(spec.limit.referenced).error(message));
        }
        let mut overrides = BTreeMap::new();
        for (values, limit) in spec.overrides {
            let values = override_key(&values, spec.per.len(), limit.value, spec.limit.value)
                .map_err(|message| self.place(limit.referenced).error(message))?;
            overrides.insert(values, limit.value);
        }
        Ok(Budget {
            id: metadata.id.value,
            owner: metadata.owner,
            per: spec.per,
            conditions: spec.conditions,
            window: spec.window,
            limit: spec.limit.value,
            overrides,
        })
    }
}

/// Where a rule speaks that does not say: at every point that knows all its facts; `None` is every point there is.
fn usual_points(conditions: &Conditions) -> Result<Option<BTreeSet<PolicyPoint>>, String> {
    let mut known: Option<BTreeSet<PolicyPoint>> = None;
    for points in conditions.facts().filter_map(|fact| fact.declaration().points) {
        let points: BTreeSet<PolicyPoint> = points.iter().copied().collect();
        known = Some(known.map_or_else(|| points.clone(), |known| &known & &points));
    }
    match known {
        Some(known) if known.is_empty() => {
            let facts: Vec<String> = conditions.facts().map(known_at).collect();
            Err(format!("no point knows all of these facts: {}", facts.join("; ")))
        }
        known => Ok(known),
    }
}

/// A rule that speaks where one of its facts is never known would always, or never, forbid.
fn check_points<'f>(
    points: &BTreeSet<PolicyPoint>,
    mut facts: impl Iterator<Item = &'f FactName>,
) -> Result<(), String> {
    if points.is_empty() {
        return Err("no points: expected at least one, or no `points` for all that know the rule's facts".into());
    }
    let unknown = |fact: &FactName| points.iter().find(|point| !fact.declaration().is_known_at(**point)).copied();
    match facts.find_map(|fact| unknown(fact).map(|point| (fact, point))) {
        Some((fact, point)) => Err(format!("the rule speaks at {point}, and {}", known_at(fact))),
        None => Ok(()),
    }
}

fn known_at(fact: &FactName) -> String {
    match fact.declaration().points {
        None => format!("`{fact}` is known everywhere"),
        Some(points) => {
            let points: Vec<String> = points.iter().map(ToString::to_string).collect();
            format!("`{fact}` is known at {} only", points.join(", "))
        }
    }
}

/// The key of an override as [`Budget`] keeps it, if the override can ever hold.
fn override_key(values: &str, per: usize, limit: Money, usual: Money) -> Result<String, String> {
    if limit.currency() != usual.currency() {
        return Err(format!("`{limit}` beside a limit of {usual}: expected one currency"));
    }
    if limit.is_negative() {
        return Err(format!("`{limit}` is below zero: expected an amount that may be spent"));
    }
    match per {
        0 => Err("an override without `per`: expected facts that say whose account it is".into()),
        1 => Ok(escape(values, false)),
        // As in the name, so escaped already: nothing is left to escape but the `+` that escapes.
        per if values.split('-').count() == per && escape(values, false).replace("+2b", "+") == values => {
            Ok(values.into())
        }
        per => {
            Err(format!("`{values}` names no account: expected {per} values joined by `-`, as in the account's name"))
        }
    }
}

/// What says how the rest of a document is to be read.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "apiVersion")]
    api_version: ApiVersion,
    kind: Kind,
    metadata: Metadata,
}

#[derive(Deserialize)]
enum ApiVersion {
    #[serde(rename = "orp.policy/v1")]
    V1,
}

#[derive(Deserialize)]
enum Kind {
    Rule,
    Budget,
}

/// What every document says of itself.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    /// Unique among all documents of a set.
    #[cfg_attr(feature = "schema", schemars(with = "RuleId"))]
    id: Spanned<RuleId>,
    /// Who answers for it.
    owner: Option<Principal>,
}

/// A whole document whose kind is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<S> {
    #[serde(rename = "apiVersion")]
    _api_version: ApiVersion,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    metadata: Metadata,
    spec: S,
}

/// What a rule says.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSpec {
    /// What it does when its conditions hold.
    effect: Effect,
    /// Whether it counts; it does when left out.
    #[serde(default)]
    mode: Mode,
    /// Where it speaks; at all points that know its facts when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeSet<PolicyPoint>>"))]
    #[serde(default, deserialize_with = "given")]
    points: Option<Spanned<BTreeSet<PolicyPoint>>>,
    /// The actions it is about; `*` is any.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeSet<String>"))]
    actions: Actions,
    /// When it speaks: all conditions must hold. Always when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Conditions>"))]
    #[serde(default, rename = "where", deserialize_with = "given")]
    conditions: Option<Spanned<Conditions>>,
    /// Why, for people, with facts in braces: `{dataset.name} is {dataset.class}`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    because: Option<Template>,
    /// What would change its answer.
    remedy: Option<String>,
    /// The regulations it serves.
    #[serde(default)]
    controls: BTreeSet<String>,
}

/// What a budget says.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetSpec {
    /// The facts whose values say whose account it is; one account for all when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    #[serde(default)]
    per: Vec<Holder>,
    /// Which charges it is about: all conditions must hold. All charges when left out.
    #[serde(default, rename = "where")]
    conditions: Conditions,
    /// The time over which the limit holds, by the calendar of UTC.
    window: Window,
    /// The most that may be spent and reserved on one account.
    #[cfg_attr(feature = "schema", schemars(with = "Money"))]
    limit: Spanned<Money>,
    /// Other limits for single accounts, by their values.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Money>"))]
    #[serde(default)]
    overrides: BTreeMap<String, Spanned<Money>>,
}

/// Reads a field that may be left out but not left empty: a `where:` whose lines are all commented out is not a rule
/// without conditions.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(feature = "schema")]
pub use crate::schema::schema;
