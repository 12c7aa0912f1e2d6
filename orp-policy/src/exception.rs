//! Exceptions: rules set aside for a stated scope until a stated time.
//!
//! An exception names rules that deny or require, the conditions under which they are set aside, who approved that and until
//! when. Where its own conditions cannot be judged it does not hold: what is not known opens nothing.

use crate::condition::{Expr, Truth};
use crate::view::View;
use orp_core::id::{Principal, RuleId};
use orp_core::noun::Reason;
use orp_core::unit::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// One exception of a set.
#[derive(Debug, Clone, Serialize)]
pub struct Exception {
    pub(crate) id: RuleId,
    pub(crate) owner: Option<Principal>,
    pub(crate) rules: BTreeSet<RuleId>,
    pub(crate) conditions: Expr,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Timestamp,
    pub(crate) because: String,
    pub(crate) approved_by: BTreeSet<Principal>,
}

impl Exception {
    /// Its id, unique in its set.
    pub const fn id(&self) -> &RuleId {
        &self.id
    }

    /// Who answers for it.
    pub const fn owner(&self) -> Option<&Principal> {
        self.owner.as_ref()
    }

    /// The rules it sets aside.
    pub const fn rules(&self) -> &BTreeSet<RuleId> {
        &self.rules
    }

    /// When it ends: from then on it holds no more.
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether it is in force at a time.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && at < self.until
    }

    /// Whether it is in force, and its conditions hold.
    pub(crate) fn holds(&self, view: View<'_>) -> bool {
        self.is_in_force(view.at()) && self.conditions.judge(view) == Truth::True
    }

    /// Why it set a rule aside.
    pub(crate) fn reason(&self, rule: &RuleId) -> Reason {
        let by: Vec<&str> = self.approved_by.iter().map(Principal::as_str).collect();
        let because =
            format!("sets rule `{rule}` aside until {}: {} (approved by {})", self.until, self.because, by.join(", "));
        Reason { rule: self.id.clone(), because, remedy: None }
    }
}
