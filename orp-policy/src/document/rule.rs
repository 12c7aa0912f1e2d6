//! `kind: Rule`.

use super::part::Part;
use super::raw::{Fault, Raw};
use super::{Documents, Envelope, given};
use crate::condition::Expr;
use crate::fact::FactName;
use crate::rule::{Actions, Effect, Mode, Rule};
use crate::template::Template;
use orp_core::document::DocumentError;
use orp_core::id::{Principal, RuleId};
use orp_core::noun::{ApprovalTerms, Obligations, Pattern, PolicyPoint};
use orp_core::unit::Money;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use std::collections::BTreeSet;

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
    /// What facts must be: all conditions must hold. Always when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Conditions>"))]
    #[serde(default, rename = "where", deserialize_with = "given")]
    conditions: Option<Spanned<Raw>>,
    /// A further condition, in CEL.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "given")]
    when: Option<Spanned<String>>,
    /// What a rule with `effect: require` asks for.
    #[cfg_attr(feature = "schema", schemars(with = "Option<RequireSpec>"))]
    #[serde(default, deserialize_with = "given")]
    require: Option<Spanned<RequireSpec>>,
    /// Why, for people, with facts in braces: `{dataset.name} is {dataset.class}`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    because: Option<Spanned<String>>,
    /// What would change its answer.
    remedy: Option<String>,
    /// The regulations it serves.
    #[serde(default)]
    controls: BTreeSet<String>,
}

/// What a rule asks for.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RequireSpec {
    /// At most this.
    cap: Option<CapSpec>,
    /// What is taken out of texts first, by the names of detectors.
    #[serde(default)]
    redact: BTreeSet<String>,
    /// The approval flows whose approval is needed first.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<ApproveSpec>"))]
    #[serde(default)]
    approve: Vec<Spanned<Raw>>,
    /// Where it may go.
    route: Option<RouteSpec>,
    /// Who is told.
    #[serde(default)]
    notify: BTreeSet<Principal>,
}

/// Ceilings.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CapSpec {
    /// The most it may cost.
    #[cfg_attr(feature = "schema", schemars(with = "Money"))]
    cost: Spanned<Money>,
}

/// Places, each by patterns of which one must fit.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteSpec {
    /// Regions.
    regions: Option<BTreeSet<Pattern>>,
    /// Providers.
    providers: Option<BTreeSet<Pattern>>,
    /// Markets.
    markets: Option<BTreeSet<Pattern>>,
}

/// An approval flow, and how many must approve when that is more than the flow itself asks for.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "it says to editors what is read from `Raw`, with places")]
enum ApproveSpec {
    Flow(RuleId),
    Quorum { flow: RuleId, quorum: u32 },
}

impl Part<'_> {
    /// A rule, with what it refers to.
    pub(super) fn rule(
        &self,
        id: &RuleId,
        documents: &Documents,
        envelope: Result<Envelope<RuleSpec>, DocumentError>,
    ) -> Result<Rule, DocumentError> {
        let Envelope { metadata, spec, .. } = envelope?;
        let conditions = documents.conditions(self, spec.conditions.as_ref(), spec.when.as_ref())?;
        let places =
            [spec.conditions.as_ref().map(|given| given.referenced), spec.when.as_ref().map(|when| when.referenced)];
        let points = match (&spec.points, places.into_iter().flatten().next()) {
            (Some(points), _) => {
                check_points(&points.value, &conditions)
                    .map_err(|message| self.error(Fault::new(points.referenced, message)))?;
                Some(points.value.clone())
            }
            (None, Some(at)) => usual_points(&conditions).map_err(|message| self.error(Fault::new(at, message)))?,
            (None, None) => None,
        };
        let because = spec.because.map(|because| {
            let read = Template::read(&documents.vocabulary, &because.value);
            read.map_err(|message| self.error(Fault::new(because.referenced, message)))
        });
        let require = match (spec.effect, spec.require) {
            (Effect::Require, Some(require)) => {
                let at = require.referenced;
                let obligations = self.obligations(require, documents)?;
                if obligations.is_empty() {
                    let message = "it requires nothing: expected at least one of cap, redact, approve, route, notify";
                    return Err(self.error(Fault::new(at, message)));
                }
                obligations
            }
            (Effect::Require, None) => {
                return Err(self
                    .error(Fault::new(metadata.id.referenced, "a rule that requires says what: expected `require`")));
            }
            (_, Some(require)) => {
                return Err(self.error(Fault::new(require.referenced, "only a rule with `effect: require` requires")));
            }
            (_, None) => Obligations::default(),
        };
        Ok(Rule {
            id: id.clone(),
            owner: metadata.owner,
            effect: spec.effect,
            mode: spec.mode,
            points,
            actions: spec.actions,
            conditions,
            require,
            because: because.transpose()?,
            remedy: spec.remedy,
            controls: spec.controls,
        })
    }

    /// What is asked for, which may be nothing.
    pub(super) fn obligations(
        &self,
        written: Spanned<RequireSpec>,
        documents: &Documents,
    ) -> Result<Obligations, DocumentError> {
        let RequireSpec { cap, redact, approve, route, notify } = written.value;
        let mut obligations = redact.into_iter().fold(Obligations::default(), Obligations::with_redact);
        obligations = notify.into_iter().fold(obligations, Obligations::with_notify);
        if let Some(CapSpec { cost }) = cap {
            if cost.value.is_negative() {
                let message = format!("`{}` is below zero: expected an amount that may be spent", cost.value);
                return Err(self.error(Fault::new(cost.referenced, message)));
            }
            obligations = obligations.with_cost_max(cost.value);
        }
        if let Some(RouteSpec { regions, providers, markets }) = route {
            obligations = regions.into_iter().fold(obligations, Obligations::with_regions);
            obligations = providers.into_iter().fold(obligations, Obligations::with_providers);
            obligations = markets.into_iter().fold(obligations, Obligations::with_markets);
        }
        for approve in &approve {
            let (flow, terms) = approval(approve, documents).map_err(|fault| self.error(fault))?;
            obligations = obligations.with_approval(flow, terms);
        }
        Ok(obligations)
    }
}

/// The terms of an approval: a flow's id, or a flow with a higher quorum.
fn approval(written: &Spanned<Raw>, documents: &Documents) -> Result<(RuleId, ApprovalTerms), Fault> {
    let find = |id: &str, at| {
        let id = RuleId::new(id).map_err(|error| Fault::new(at, error.to_string()))?;
        documents.flow(&id).map_err(|message| Fault::new(at, message))
    };
    let entries = match &written.value {
        Raw::Text(id) => return find(id, written.referenced).map(|flow| (flow.id().clone(), flow.terms().clone())),
        Raw::Map(entries) => entries,
        other => return Err(Fault::new(written.referenced, format!("expected an approval flow's id, found {other}"))),
    };
    let (mut flow, mut quorum) = (None, None);
    for (name, value) in entries {
        match (name.value.as_str(), &value.value) {
            ("flow", Raw::Text(id)) => flow = Some(find(id, value.referenced)?),
            ("quorum", Raw::Number(number)) => quorum = Some((*number, value.referenced)),
            ("flow" | "quorum", other) => {
                return Err(Fault::new(value.referenced, format!("`{}` cannot be {other}", name.value)));
            }
            (other, _) => {
                return Err(Fault::new(
                    name.referenced,
                    format!("unknown field `{other}`, expected one of flow, quorum"),
                ));
            }
        }
    }
    let flow = flow.ok_or_else(|| Fault::new(written.referenced, "missing field `flow`"))?;
    let mut terms = flow.terms().clone();
    if let Some((number, at)) = quorum {
        terms.quorum = u32::try_from(number)
            .ok()
            .filter(|quorum| (terms.quorum..=terms.approvers.len() as u32).contains(quorum))
            .ok_or_else(|| {
                let least = terms.quorum;
                let message =
                    format!("`{number}` of `{}`: expected {least} to {} approvals", flow.id(), terms.approvers.len());
                Fault::new(at, message)
            })?;
    }
    Ok((flow.id().clone(), terms))
}

/// Where a rule speaks that does not say: at every point that knows all its facts; `None` is every point there is.
pub(crate) fn usual_points(conditions: &Expr) -> Result<Option<BTreeSet<PolicyPoint>>, String> {
    let mut known: Option<BTreeSet<PolicyPoint>> = None;
    let facts = conditions.facts();
    for points in facts.iter().filter_map(|fact| fact.declaration().points.as_ref()) {
        known = Some(known.map_or_else(|| points.clone(), |known| &known & points));
    }
    match known {
        Some(known) if known.is_empty() => {
            let facts: Vec<String> = facts.into_iter().map(known_at).collect();
            Err(format!("no point knows all of these facts: {}", facts.join("; ")))
        }
        known => Ok(known),
    }
}

/// A rule that speaks where one of its facts is never known would always, or never, forbid.
fn check_points(points: &BTreeSet<PolicyPoint>, conditions: &Expr) -> Result<(), String> {
    if points.is_empty() {
        return Err("no points: expected at least one, or no `points` for all that know the rule's facts".into());
    }
    let unknown = |fact: &FactName| points.iter().find(|point| !fact.declaration().is_known_at(**point)).copied();
    match conditions.facts().into_iter().find_map(|fact| unknown(fact).map(|point| (fact, point))) {
        Some((fact, point)) => Err(format!("the rule speaks at {point}, and {}", known_at(fact))),
        None => Ok(()),
    }
}

/// At which points a fact is known, in words.
pub(super) fn known_at(fact: &FactName) -> String {
    match &fact.declaration().points {
        None => format!("`{fact}` is known everywhere"),
        Some(points) => {
            let points: Vec<String> = points.iter().map(ToString::to_string).collect();
            format!("`{fact}` is known at {} only", points.join(", "))
        }
    }
}

impl<'de> Deserialize<'de> for Actions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(BTreeSet::<String>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
