//! `kind: Guardrail`.

use super::part::Part;
use super::raw::{Fault, Raw};
use super::{Documents, Envelope, Headed, given};
use crate::condition::{Expr, Truth};
use crate::guardrail::{Detectors, Guardrail, GuardrailSpec};
use crate::view::View;
use orp_core::document::DocumentError;
use orp_core::id::RuleId;
use serde::Deserialize;
use serde_saphyr::Spanned;

/// A guardrail of a set, with the requests that it is about.
#[derive(Debug, Clone)]
pub(crate) struct ScopedGuardrail {
    pub(crate) conditions: Expr,
    pub(crate) guardrail: Guardrail,
    /// What its document says, for the set's digest.
    pub(crate) said: String,
}

impl ScopedGuardrail {
    /// Whether it is about a request; where that cannot be judged it is.
    pub(crate) fn applies(&self, view: View<'_>) -> bool {
        self.conditions.judge(view) != Truth::False
    }
}

/// The part of a guardrail's document that says which requests it is about.
#[derive(Deserialize)]
struct ScopeSpec {
    #[serde(default, rename = "where", deserialize_with = "given")]
    conditions: Option<Spanned<Raw>>,
    #[serde(default, deserialize_with = "given")]
    when: Option<Spanned<String>>,
}

impl Part<'_> {
    /// A guardrail that works with these detectors.
    pub(super) fn guardrail(
        &self,
        id: &RuleId,
        documents: &Documents,
        headed: &Headed<'_>,
        detectors: &Detectors,
    ) -> Result<ScopedGuardrail, DocumentError> {
        let spec: GuardrailSpec = self.parse::<Envelope<GuardrailSpec>>()?.spec;
        let scope = self.parse::<Envelope<ScopeSpec>>()?.spec;
        let conditions = documents.conditions(self, scope.conditions.as_ref(), scope.when.as_ref())?;
        let guardrail =
            Guardrail::compile(id.clone(), &spec, detectors).map_err(|error| match (error.line(), error.column()) {
                (Some(line), Some(column)) => self.place_at(line, column).error(error.message),
                _ => self.error(Fault::new(headed.id_at, error.message)),
            })?;
        Ok(ScopedGuardrail { conditions, guardrail, said: format!("{spec:?}") })
    }
}
