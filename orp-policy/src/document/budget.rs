//! `kind: Budget`.

use super::part::Part;
use super::raw::{Fault, Raw};
use super::{Documents, Envelope, given};
use crate::budget::{Budget, Holder, ID_LIMIT_BYTES, Window, escape};
use orp_core::document::DocumentError;
use orp_core::id::RuleId;
use orp_core::unit::Money;
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
        if spec.limit.value.is_negative() {
            let message = format!("`{}` is below zero: expected an amount that may be spent", spec.limit.value);
            return Err(fault(spec.limit.referenced, message));
        }
        let holder = |name: &Spanned<String>| {
            let fact = documents.vocabulary.find(&name.value).and_then(Holder::try_from);
            fact.map_err(|message| fault(name.referenced, message))
        };
        let per = spec.per.iter().map(holder).collect::<Result<Vec<_>, _>>()?;
        let mut overrides = BTreeMap::new();
        for (values, limit) in spec.overrides {
            let values = override_key(&values, per.len(), limit.value, spec.limit.value)
                .map_err(|message| fault(limit.referenced, message))?;
            overrides.insert(values, limit.value);
        }
        Ok(Budget {
            id: id.clone(),
            owner: metadata.owner,
            per,
            conditions: documents.conditions(self, spec.conditions.as_ref(), spec.when.as_ref())?,
            window: spec.window,
            limit: spec.limit.value,
            overrides,
        })
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
