//! `kind: Quota`.

use super::part::Part;
use super::raw::Fault;
use super::{Documents, Envelope, Headed, Kind, of_kind};
use orp_core::document::DocumentError;
use orp_core::id::{QueueName, RuleId};
use orp_core::noun::{Capacity, CapacityLimit, QuotaError, QuotaSpec, QuotaTree};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

/// What a quota says: a node of the tree of queues.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaDocument {
    /// The quota of the group that it belongs to.
    #[cfg_attr(feature = "schema", schemars(with = "Option<QueueName>"))]
    parent: Option<Spanned<QueueName>>,
    /// Its own share; of a group, what belongs to all below it together. Nothing when left out.
    #[serde(default)]
    nominal: Capacity,
    /// The most it may have beyond its own; a kind that is left out is unlimited.
    #[serde(default)]
    borrow: CapacityLimit,
    /// The most of its own that others may have while it does not need it; a kind that is left out is unlimited.
    #[serde(default)]
    lend: CapacityLimit,
}

impl Part<'_> {
    fn quota(&self, id: &RuleId, headed: &Headed<'_>) -> Result<QuotaSpec, DocumentError> {
        let envelope: Envelope<QuotaDocument> = self.parse()?;
        let QuotaDocument { parent, nominal, borrow, lend } = envelope.spec;
        let name =
            QueueName::new(id.as_str()).map_err(|error| self.error(Fault::new(headed.id_at, error.to_string())))?;
        let spec = QuotaSpec::new(name, nominal).with_borrow(borrow).with_lend(lend);
        Ok(match parent {
            Some(parent) => spec.with_parent(parent.value),
            None => spec,
        })
    }
}

impl Documents {
    /// Makes the tree of all quotas.
    pub(super) fn read_quotas(&mut self, documents: &BTreeMap<RuleId, Headed<'_>>) -> Vec<DocumentError> {
        let (mut specs, mut errors) = (Vec::new(), Vec::new());
        for (id, headed) in of_kind(documents, Kind::Quota) {
            match headed.part.quota(id, headed) {
                Ok(spec) => specs.push(spec),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return errors;
        }
        match QuotaTree::new(specs) {
            Ok(tree) => self.quotas = tree,
            Err(error) => {
                let named = node_of(&error).and_then(|node| RuleId::new(node.as_str()).ok());
                let first = || of_kind(documents, Kind::Quota).next().map(|(_, headed)| headed);
                let headed = named.and_then(|id| documents.get(&id)).or_else(first);
                errors.extend(headed.map(|headed| headed.place.error(error.to_string())));
            }
        }
        errors
    }
}

/// The quota that is to blame.
const fn node_of(error: &QuotaError) -> Option<&QueueName> {
    match error {
        QuotaError::Duplicate(node) | QuotaError::Cycle(node) | QuotaError::LimitOnRoot(node) => Some(node),
        QuotaError::UnknownParent { node, .. } | QuotaError::TooLarge { node, .. } => Some(node),
        _ => None,
    }
}
