//! Classes follow lineage: what is made from other things is as sensitive as the most sensitive of them, and only people lower
//! that.

use super::{Asking, Cleared, Control, decided};
use crate::error::OrpError;
use orp_core::{
    error::StoreError,
    id::{AssetId, Principal},
    noun::{
        ApprovalRequest, Asset, AssetRef, DataClass, LifeCycle, Lineage, PolicyDecision, PolicyPoint, PolicyRequest,
        Verdict,
    },
};
use std::sync::Arc;

/// What policy is asked when a class is to be lowered.
const DECLASSIFY: &str = "declassify";

/// What came of asking for a lower class.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "it may not have been lowered"]
pub enum Declassified {
    /// It is registered under the lower class too, as this: made from the asset, with its digest.
    Done(Box<Asset>),
    /// These people were asked to approve it: ask again when they have.
    NeedsApproval(Vec<ApprovalRequest>),
    /// Policy does not allow it; so it is when no rule says who must approve.
    Refused(Box<PolicyDecision>),
}

impl Control {
    /// The class of what is made from these: the highest of those that are registered.
    pub(crate) async fn class_of(&self, inputs: &[AssetRef]) -> Result<Option<DataClass>, StoreError> {
        let mut highest = None;
        for input in inputs {
            highest = highest.max(self.assets.find(input).await?.map(|asset| asset.class));
        }
        Ok(highest)
    }

    /// Registers an asset once more under a lower class, if policy requires an approval of that and it was given.
    pub(crate) async fn declassify(
        self: &Arc<Self>,
        asset: &AssetRef,
        to: DataClass,
        requester: &Principal,
    ) -> Result<Declassified, OrpError> {
        let from = self.assets.find(asset).await?.ok_or_else(|| OrpError::UnknownAsset(asset.clone()))?;
        if to >= from.class {
            return Err(OrpError::NotLower { asset: from.reference, class: from.class, to });
        }
        let request = self.declassify_request(&from, to, requester);
        let decision = self.policy.decide(&request);
        let subject = format!("{} from {} to {to}", from.reference, from.class);
        let judged =
            decided(PolicyPoint::Publish, subject.clone(), decision.clone(), vec![(request.clone(), decision.clone())]);
        let records = self.recorder.write(None, vec![judged]).await?;
        self.recorder.tell(records);
        if decision.verdict == Verdict::Permit {
            let because = "a class is lowered by people only, and no rule says who must approve it";
            return Ok(Declassified::Refused(Box::new(super::judge::forbidden(decision, because.into()))));
        }
        let asking = Asking { requester, subject: format!("declassification of {subject}"), plan: None };
        match self.clear(&request, decision, &asking).await? {
            Cleared::No(decision) => Ok(Declassified::Refused(Box::new(decision))),
            Cleared::Asked(asked) => Ok(Declassified::NeedsApproval(asked)),
            Cleared::Yes(_) => Ok(Declassified::Done(Box::new(self.lowered(from, to, requester).await?))),
        }
    }

    fn declassify_request(&self, asset: &Asset, to: DataClass, requester: &Principal) -> PolicyRequest {
        PolicyRequest::new(PolicyPoint::Publish, DECLASSIFY, self.clock.now())
            .with_fact("project.id", asset.tenant.as_str())
            .with_fact("requester", requester.as_str())
            .with_fact("asset.name", asset.reference.name())
            .with_fact("asset.kind", asset.kind.as_str())
            .with_fact("asset.class", asset.class)
            .with_fact("asset.visibility", asset.visibility.to_string())
            .with_fact("declassify.to", to)
    }

    async fn lowered(&self, from: Asset, to: DataClass, requester: &Principal) -> Result<Asset, OrpError> {
        let version = from.reference.version().map_or_else(|| to.to_string(), |version| format!("{version}-{to}"));
        let reference: AssetRef = format!("{}@{version}", from.reference.name())
            .parse()
            .map_err(|detail: orp_core::id::IdError| StoreError::Conflict(detail.to_string()))?;
        let mut asset = from.clone();
        asset.id = AssetId::next(&*self.ids);
        asset.lineage = Lineage::new(None, vec![from.reference]);
        (asset.reference, asset.class, asset.owner) = (reference, to, requester.clone());
        (asset.state, asset.registered) = (LifeCycle::Registered, self.clock.now());
        self.assets.register(asset.clone()).await?;
        Ok(asset)
    }
}
