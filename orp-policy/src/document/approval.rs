//! `kind: ApprovalFlow`.

use super::Envelope;
use super::part::Part;
use super::raw::Fault;
use crate::approval::ApprovalFlow;
use orp_core::document::DocumentError;
use orp_core::id::{Principal, RuleId};
use orp_core::noun::ApprovalTerms;
use orp_core::unit::Span;
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeSet;

/// What an approval flow says.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalFlowSpec {
    /// Who may approve: people, never agents.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeSet<Principal>"))]
    approvers: Spanned<BTreeSet<Principal>>,
    /// How many of them must; one when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u32>"))]
    quorum: Option<Spanned<u32>>,
    /// How long is waited for them, and how long an approval then holds; 72 hours when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Span>"))]
    ttl: Option<Spanned<Span>>,
}

impl Part<'_> {
    /// An approval flow.
    pub(super) fn approval_flow(
        &self,
        id: &RuleId,
        envelope: Result<Envelope<ApprovalFlowSpec>, DocumentError>,
    ) -> Result<ApprovalFlow, DocumentError> {
        let Envelope { metadata, spec, .. } = envelope?;
        let people = spec.approvers.value.len();
        let quorum = spec.quorum.as_ref().map_or(1, |quorum| quorum.value);
        if people == 0 {
            return Err(self.error(Fault::new(spec.approvers.referenced, "nobody may approve: expected at least one")));
        }
        if !(1..=people).contains(&(quorum as usize)) {
            let at = spec.quorum.map_or(spec.approvers.referenced, |quorum| quorum.referenced);
            return Err(self.error(Fault::new(at, format!("`{quorum}` of {people}: expected 1 to {people} approvals"))));
        }
        if let Some(ttl) = spec.ttl.as_ref().filter(|ttl| ttl.value == Span::ZERO) {
            return Err(self.error(Fault::new(ttl.referenced, "no time to approve in: expected a span such as `72h`")));
        }
        let ttl = spec.ttl.map_or(ApprovalFlow::TTL, |ttl| ttl.value);
        Ok(ApprovalFlow {
            id: id.clone(),
            owner: metadata.owner,
            terms: ApprovalTerms::new(quorum, spec.approvers.value, ttl),
        })
    }
}
