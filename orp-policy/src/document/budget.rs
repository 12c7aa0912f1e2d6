//! `kind: Budget`.

use super::part::Part;
use super::raw::{Fault, Raw};
use super::{Documents, Envelope, given};
use crate::budget::{Budget, Holder, ID_LIMIT_BYTES, Window, escape};
use orp_core::document::DocumentError;
use orp_core::id::RuleId;
use orp_core::noun::{AlertAt, OnLimit, OnOverrun};
use orp_core::unit::{Amount, Meter, Span};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

/// What a budget says.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetSpec {
    /// The facts whose values say whose account it is; one account for all when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    #[serde(default)]
    per: Vec<Spanned<String>>,
    /// Which charges it is about: all conditions must hold. All charges when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Conditions>"))]
    #[serde(default, rename = "where", deserialize_with = "given")]
    conditions: Option<Spanned<Raw>>,
    /// A further condition, in CEL.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "given")]
    when: Option<Spanned<String>>,
    /// What it counts; cost when left out.
    #[serde(default)]
    meter: Meter,
    /// The time over which the limit holds, by the calendar of UTC.
    #[cfg_attr(feature = "schema", schemars(with = "Window"))]
    window: Spanned<Window>,
    /// The most that may be spent and reserved on one account, in what it counts: `20000 USD`, `500 GB`, `2000000`.
    #[cfg_attr(feature = "schema", schemars(with = "AmountSpec"))]
    limit: Spanned<Raw>,
    /// Other limits for single accounts, by their values.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, AmountSpec>"))]
    #[serde(default)]
    overrides: BTreeMap<String, Spanned<Raw>>,
    /// The budget on which everything here is held too, whatever its own conditions.
    #[cfg_attr(feature = "schema", schemars(with = "Option<RuleId>"))]
    parent: Option<Spanned<RuleId>>,
    /// What is done where too little is left: refused, when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<OnLimitSpec>"))]
    #[serde(rename = "onLimit")]
    on_limit: Option<Spanned<OnLimitSpec>>,
    /// What is done where a charge passes what was reserved for it: the work is suspended, when left out.
    #[serde(default, rename = "onOverrun")]
    on_overrun: OnOverrun,
    /// When somebody is told: `80%` of the limit is spent, `forecast>100%` of it will be.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    #[serde(default)]
    alerts: Vec<AlertAt>,
}

/// A whole number of what is counted, or a text with its unit.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "it says to editors what is read from `Raw`, by the meter")]
enum AmountSpec {
    Count(u64),
    Text(String),
}

/// What is done where too little is left.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnLimitSpec {
    /// It is refused.
    Deny,
    /// The work waits, with its state saved.
    Suspend,
    /// This approval flow is asked.
    Approve(RuleId),
}

impl Part<'_> {
    /// A budget.
    pub(super) fn budget(
        &self,
        id: &RuleId,
        id_at: Location,
        documents: &Documents,
        envelope: Result<Envelope<BudgetSpec>, DocumentError>,
    ) -> Result<Budget, DocumentError> {
        let Envelope { metadata, spec, .. } = envelope?;
        let fault = |at: Location, message: String| self.error(Fault::new(at, message));
        if id.as_str().len() > ID_LIMIT_BYTES || id.as_str().contains('/') {
            let message =
                format!("`{id}` begins accounts' names: expected at most {ID_LIMIT_BYTES} bytes, without `/`");
            return Err(fault(id_at, message));
        }
        let limit = self.amount(spec.meter, &spec.limit)?;
        if let Window::Rolling(Span::ZERO) = spec.window.value {
            return Err(fault(spec.window.referenced, "a window of no time: expected a span such as `30d`".into()));
        }
        let holder = |name: &Spanned<String>| {
            let fact = documents.vocabulary.find(&name.value).and_then(Holder::try_from);
            fact.map_err(|message| fault(name.referenced, message))
        };
        let per = spec.per.iter().map(holder).collect::<Result<Vec<_>, _>>()?;
        let mut overrides = BTreeMap::new();
        for (values, written) in &spec.overrides {
            let other = self.amount(spec.meter, written)?;
            let values =
                override_key(values, per.len(), other, limit).map_err(|message| fault(written.referenced, message))?;
            overrides.insert(values, other);
        }
        let on_limit = match spec.on_limit.map(|on_limit| (on_limit.value, on_limit.referenced)) {
            None | Some((OnLimitSpec::Deny, _)) => OnLimit::Deny,
            Some((OnLimitSpec::Suspend, _)) => OnLimit::Suspend,
            Some((OnLimitSpec::Approve(flow), at)) => {
                documents.flow(&flow).map_err(|message| fault(at, message))?;
                OnLimit::Ask(flow)
            }
        };
        if spec.parent.as_ref().is_some_and(|parent| parent.value == *id) {
            return Err(fault(id_at, format!("`{id}` is its own parent")));
        }
        Ok(Budget {
            id: id.clone(),
            owner: metadata.owner,
            per,
            conditions: documents.conditions(self, spec.conditions.as_ref(), spec.when.as_ref())?,
            window: spec.window.value,
            limit,
            overrides,
            parent: spec.parent.map(|parent| parent.value),
            on_limit,
            on_overrun: spec.on_overrun,
            alerts: spec.alerts,
        })
    }

    /// An amount of what a budget counts.
    fn amount(&self, meter: Meter, written: &Spanned<Raw>) -> Result<Amount, DocumentError> {
        let fault = |message: String| self.error(Fault::new(written.referenced, message));
        let text = match &written.value {
            Raw::Text(text) => text.clone(),
            Raw::Number(number) => number.to_string(),
            other => return Err(fault(format!("expected an amount, found {other}"))),
        };
        let amount = Amount::read(meter, &text).map_err(|error| fault(error.to_string()))?;
        if amount.is_negative() {
            return Err(fault(format!("`{amount}` is below zero: expected an amount that may be spent")));
        }
        Ok(amount)
    }
}

/// What is wrong with the budgets' parents: the budget, and the message. Everything held on one is held on its parent, so that
/// must be there, count the same, belong to a part of the same holders, and not lead back.
pub(super) fn wrong_parents(budgets: &[Budget]) -> Vec<(RuleId, String)> {
    let find = |id: &RuleId| budgets.binary_search_by(|budget| budget.id.cmp(id)).ok().and_then(|at| budgets.get(at));
    let check = |budget: &Budget| -> Result<(), String> {
        let Some(parent) = &budget.parent else { return Ok(()) };
        let parent =
            find(parent).ok_or_else(|| format!("unknown budget `{parent}`: expected the id of another budget"))?;
        if !parent.limit.is_like(budget.limit) {
            return Err(format!(
                "`{}` counts {}, and its parent `{}` {}",
                budget.id, budget.limit, parent.id, parent.limit
            ));
        }
        let mut at = parent;
        for _ in 0..budgets.len() {
            match at.parent.as_ref().and_then(find) {
                Some(next) if next.id == budget.id => return Err(format!("`{}` is its own ancestor", budget.id)),
                Some(next) => at = next,
                None => return Ok(()),
            }
        }
        Ok(())
    };
    budgets.iter().filter_map(|budget| Some((budget.id.clone(), check(budget).err()?))).collect()
}

/// The key of an override as [`Budget`] keeps it, if the override can ever hold.
fn override_key(values: &str, per: usize, limit: Amount, usual: Amount) -> Result<String, String> {
    if !limit.is_like(usual) {
        return Err(format!("`{limit}` beside a limit of {usual}: expected one currency"));
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
