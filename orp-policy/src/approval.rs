//! Approval flows: who may approve, how many must, and within which time.

use orp_core::id::{Principal, RuleId};
use orp_core::noun::ApprovalTerms;
use orp_core::unit::Span;
use serde::Serialize;

/// One approval flow of a set.
#[derive(Debug, Clone, Serialize)]
pub struct ApprovalFlow {
    pub(crate) id: RuleId,
    pub(crate) owner: Option<Principal>,
    pub(crate) terms: ApprovalTerms,
}

impl ApprovalFlow {
    /// How long an approval is waited for, and then holds, where a flow does not say.
    pub const TTL: Span = Span::from_secs(72 * 3_600);

    /// Its id, unique in its set.
    pub const fn id(&self) -> &RuleId {
        &self.id
    }

    /// Who answers for it.
    pub const fn owner(&self) -> Option<&Principal> {
        self.owner.as_ref()
    }

    /// On what terms it approves.
    pub const fn terms(&self) -> &ApprovalTerms {
        &self.terms
    }
}
