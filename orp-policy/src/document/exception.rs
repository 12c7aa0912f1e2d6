//! `kind: Exception`.

use super::part::Part;
use super::raw::{Fault, Raw};
use super::{Documents, Envelope, given};
use crate::condition::Expr;
use crate::exception::Exception;
use crate::rule::Effect;
use orp_core::document::DocumentError;
use orp_core::id::{Principal, RuleId};
use orp_core::unit::Timestamp;
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeSet;

/// What an exception says.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionSpec {
    /// The rules that are set aside: those that deny or require.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeSet<RuleId>"))]
    rules: Vec<Spanned<RuleId>>,
    /// Its scope: all conditions must hold. This, or `when`, is a must.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Conditions>"))]
    #[serde(default, rename = "where", deserialize_with = "given")]
    conditions: Option<Spanned<Raw>>,
    /// A further condition, in CEL.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "given")]
    when: Option<Spanned<String>>,
    /// From when on; from ever when left out.
    from: Option<Timestamp>,
    /// Until when.
    #[cfg_attr(feature = "schema", schemars(with = "Timestamp"))]
    until: Spanned<Timestamp>,
    /// Why.
    because: String,
    /// Who approved it.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeSet<Principal>"))]
    #[serde(rename = "approvedBy")]
    approved_by: Spanned<BTreeSet<Principal>>,
}

impl Part<'_> {
    /// An exception from rules that there are.
    pub(super) fn exception(
        &self,
        id: &RuleId,
        documents: &Documents,
        envelope: Result<Envelope<ExceptionSpec>, DocumentError>,
    ) -> Result<Exception, DocumentError> {
        let Envelope { metadata, spec, .. } = envelope?;
        let fault = |at, message: String| self.error(Fault::new(at, message));
        let conditions = documents.conditions(self, spec.conditions.as_ref(), spec.when.as_ref())?;
        if conditions == Expr::Always(true) {
            return Err(fault(metadata.id.referenced, "an exception without scope: expected `where` or `when`".into()));
        }
        if spec.rules.is_empty() {
            return Err(fault(metadata.id.referenced, "an exception from nothing: expected `rules`".into()));
        }
        for rule in &spec.rules {
            match documents.rules.iter().find(|known| *known.id() == rule.value).map(|known| known.effect()) {
                Some(Effect::Deny | Effect::Require) => {}
                Some(Effect::Allow) => {
                    let message = format!("`{}` allows: only what denies or requires can be set aside", rule.value);
                    return Err(fault(rule.referenced, message));
                }
                None => return Err(fault(rule.referenced, format!("unknown rule `{}`", rule.value))),
            }
        }
        if spec.from.is_some_and(|from| from >= spec.until.value) {
            let message = format!("it ends at {}, which is not after it begins", spec.until.value);
            return Err(fault(spec.until.referenced, message));
        }
        if spec.approved_by.value.is_empty() {
            return Err(fault(spec.approved_by.referenced, "nobody approved it: expected at least one".into()));
        }
        Ok(Exception {
            id: id.clone(),
            owner: metadata.owner,
            rules: spec.rules.into_iter().map(|rule| rule.value).collect(),
            conditions,
            from: spec.from,
            until: spec.until.value,
            because: spec.because,
            approved_by: spec.approved_by.value,
        })
    }
}
