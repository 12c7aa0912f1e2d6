//! What must be done before something may go on: approvals, asked of people and kept in the journal.
//!
//! A request for approval is known by the digest of what is to be approved, so asking again for the same thing finds the votes
//! that are there, and whatever has changed is another thing. It is delivered through the talent providers that know an
//! approver; a host may also bring votes itself.

use super::judge::forbidden;
use super::{Control, held};
use crate::error::OrpError;
use orp_core::{
    contract::{Answer, Assignment, TalentProvider},
    id::{IdempotencyKey, Principal, RuleId},
    noun::{
        Approval, ApprovalError, ApprovalRequest, ApprovalStatus, ApprovalTerms, Clearance, Digest, Event, Intent,
        Obligations, Plan, PolicyDecision, PolicyRequest, Resource, Verdict, Vote, VoterKind,
    },
    unit::Span,
};
use std::{collections::BTreeMap, sync::Arc, sync::Mutex};
use tokio::sync::watch;

/// How much of an approver's time a request is said to take.
const APPROVAL_TIME: Span = Span::from_secs(900);

/// Every request for approval, by the digest of what is to be approved.
#[derive(Debug, Default)]
pub(crate) struct Approvals {
    book: Mutex<BTreeMap<Digest, Approval>>,
    /// Changes whenever a vote counts.
    voted: watch::Sender<()>,
}

impl Approvals {
    /// Those of a journal.
    pub(crate) fn new(book: BTreeMap<Digest, Approval>) -> Self {
        Self { book: Mutex::new(book), voted: watch::Sender::default() }
    }

    pub(crate) fn all(&self) -> Vec<Approval> {
        held(&self.book).values().cloned().collect()
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<Approval> {
        held(&self.book).get(digest).cloned()
    }

    pub(crate) fn voted(&self) -> watch::Receiver<()> {
        self.voted.subscribe()
    }
}

/// Takes an approval's event in.
pub(crate) fn fold(book: &mut BTreeMap<Digest, Approval>, event: &Event) {
    match event {
        Event::ApprovalRequested { approval } => {
            book.insert(approval.digest(), Approval::new((**approval).clone()));
        }
        Event::ApprovalVoted { vote } => {
            // Only votes that counted are in the journal.
            let _ = book.get_mut(&vote.digest).map(|approval| approval.take(vote.clone()));
        }
        _ => {}
    }
}

/// Who asks to go on with what.
#[derive(Debug, Clone)]
pub(crate) struct Asking<'a> {
    pub(crate) requester: &'a Principal,
    /// What it is, for people.
    pub(crate) subject: String,
    /// The plan that is to be run, when it is about one.
    pub(crate) plan: Option<&'a Plan>,
}

impl<'a> Asking<'a> {
    /// To plan an intent.
    pub(crate) fn to_plan(intent: &'a Intent) -> Self {
        Self { requester: &intent.requester, subject: format!("the intent to {}", intent.goal.kind), plan: None }
    }

    /// To run a plan.
    pub(crate) fn to_run(plan: &'a Plan) -> Self {
        let subject = format!("{} for {}", plan.id, plan.intent.goal.kind);
        Self { requester: &plan.intent.requester, subject, plan: Some(plan) }
    }
}

/// What must be approved, by every flow that a decision names.
fn approval_requests(request: &PolicyRequest, decision: &PolicyDecision, asking: &Asking<'_>) -> Vec<ApprovalRequest> {
    let bound = asking.plan.map(|plan| (Digest::of(&serde_json::to_vec(plan).unwrap_or_default()), plan.reserve));
    let ask = |(flow, terms): (&RuleId, &ApprovalTerms)| {
        let (subject, requester) = (asking.subject.as_str(), asking.requester.clone());
        let asked = ApprovalRequest::new(flow.clone(), terms.clone(), request, subject, requester, decision.policy);
        match bound {
            Some((digest, cost)) => asked.with_plan(digest, cost),
            None => asked,
        }
    };
    decision.obligations.approvals.iter().map(ask).collect()
}

/// Whether something may go on.
#[derive(Debug, Clone)]
pub(crate) enum Cleared {
    /// It may, within this.
    Yes(Clearance),
    /// These people must approve it first.
    Asked(Vec<ApprovalRequest>),
    /// It may not.
    No(PolicyDecision),
}

impl Control {
    /// Asks for the approvals that a decision needs, or finds that they are given.
    pub(crate) async fn clear(
        self: &Arc<Self>,
        request: &PolicyRequest,
        decision: PolicyDecision,
        asking: &Asking<'_>,
    ) -> Result<Cleared, OrpError> {
        if decision.verdict == Verdict::Forbid {
            return Ok(Cleared::No(decision));
        }
        let (mut given, mut asked) = (Vec::new(), Vec::new());
        for approval in approval_requests(request, &decision, asking) {
            let digest = approval.digest();
            match self.approvals.find(&digest).map(|known| (known.status(request.at), known)) {
                Some((ApprovalStatus::Granted { .. }, _)) => given.push(digest),
                Some((status @ ApprovalStatus::Refused { .. }, _)) => {
                    let because = format!("`{}` did not approve it: {status}", approval.flow);
                    return Ok(Cleared::No(forbidden(decision, because)));
                }
                Some((ApprovalStatus::Pending { .. }, known)) => asked.push(known.request),
                Some((ApprovalStatus::Expired, _)) | None => asked.push(self.ask_for(approval).await?),
            }
        }
        if !asked.is_empty() {
            return Ok(Cleared::Asked(asked));
        }
        let cost_max = asking.plan.map(|plan| plan.reserve);
        Ok(Cleared::Yes(Clearance::new(decision.obligations, decision.policy, given, cost_max)))
    }

    /// Writes a request down, and brings it to everyone who may approve it.
    async fn ask_for(self: &Arc<Self>, approval: ApprovalRequest) -> Result<ApprovalRequest, OrpError> {
        let event = Event::ApprovalRequested { approval: Box::new(approval.clone()) };
        let records = self.recorder.write(None, vec![event.clone()]).await?;
        fold(&mut held(&self.approvals.book), &event);
        self.recorder.tell(records);
        self.deliver(&approval).await;
        Ok(approval)
    }

    /// Brings a request to everyone who may approve it and whom a talent provider knows; their answers are votes.
    pub(crate) async fn deliver(self: &Arc<Self>, approval: &ApprovalRequest) {
        for (who, kind, provider) in self.known_people(approval.terms.approvers.iter().cloned().collect()).await {
            if who == approval.requester || kind == VoterKind::Agent {
                continue;
            }
            let key = IdempotencyKey::new(format!("approval/{}/{}/{who}", approval.digest(), approval.asked));
            let assignment = Assignment { key, who, request: approval.to_string(), time: APPROVAL_TIME };
            let (control, digest) = (self.clone(), approval.digest());
            held(&self.drivers).spawn(async move {
                if let Err(error) = control.await_vote(&*provider, &assignment, digest, kind).await {
                    tracing::warn!(who = %assignment.who, %error, "an answer to a request for approval does not count");
                }
            });
        }
    }

    async fn await_vote(
        &self,
        provider: &dyn TalentProvider,
        assignment: &Assignment,
        digest: Digest,
        kind: VoterKind,
    ) -> Result<(), OrpError> {
        provider.assign(assignment).await?;
        let (approves, comment) = match provider.answer(&assignment.key).await? {
            Answer::Done(comment) => (true, comment),
            Answer::Refused(comment) => (false, comment),
        };
        let mut vote = Vote::yes(assignment.who.clone(), kind, digest, self.clock.now()).with_comment(comment);
        vote.approves = approves;
        self.vote(vote).await.map(drop)
    }

    /// Those of these people whom a talent provider knows.
    async fn known_people(&self, wanted: Vec<Principal>) -> Vec<(Principal, VoterKind, Arc<dyn TalentProvider>)> {
        let mut found: Vec<(Principal, VoterKind, Arc<dyn TalentProvider>)> = Vec::new();
        for provider in self.providers.talent.values() {
            for offer in provider.offers().await.unwrap_or_default() {
                let Resource::Talent(talent) = offer.resource else { continue };
                if wanted.contains(&talent.who) && !found.iter().any(|(who, ..)| *who == talent.who) {
                    let kind = if talent.agent { VoterKind::Agent } else { VoterKind::Person };
                    found.push((talent.who, kind, provider.clone()));
                }
            }
        }
        found
    }

    /// Takes a vote, if it counts: journal first.
    pub(crate) async fn vote(&self, vote: Vote) -> Result<ApprovalStatus, OrpError> {
        // The gate keeps two votes from being checked against the same book before either is in it.
        let _gate = self.vote_gate.lock().await;
        let approval = self.approvals.find(&vote.digest).ok_or(ApprovalError::Unknown(vote.digest))?;
        let status = approval.clone().take(vote.clone())?;
        let event = Event::ApprovalVoted { vote };
        let records = self.recorder.write(None, vec![event.clone()]).await?;
        fold(&mut held(&self.approvals.book), &event);
        self.recorder.tell(records);
        self.approvals.voted.send_replace(());
        Ok(status)
    }

    /// Tells people what a run's clearance says they must be told, once.
    pub(crate) async fn notify(&self, obligations: &Obligations, about: &str) {
        let wanted = obligations.notify.iter().cloned().collect();
        for (who, _, provider) in self.known_people(wanted).await {
            let key = IdempotencyKey::new(format!("notice/{about}/{who}"));
            let request = format!("for your information: {about} has started");
            if let Err(error) = provider.assign(&Assignment { key, who, request, time: Span::ZERO }).await {
                tracing::warn!(%error, "somebody could not be told");
            }
        }
    }
}
