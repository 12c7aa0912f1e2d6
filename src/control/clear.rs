//! What must be done before something may go on: approvals, asked of people and kept in the journal.
//!
//! A request for approval is known by the digest of what is to be approved, so asking again for the same thing finds the votes
//! that are there, and whatever has changed is another thing. It is delivered through the talent providers that know an
//! approver; a host may also bring votes itself.

use super::judge::forbidden;
use super::{Control, Refusal, held};
use crate::error::OrpError;
use orp_core::{
    contract::{Answer, Assignment, TalentProvider},
    id::{BudgetName, IdempotencyKey, Principal, RuleId},
    noun::{
        Approval, ApprovalError, ApprovalRequest, ApprovalStatus, ApprovalTerms, BudgetSpec, Clearance, Digest, Event,
        Intent, LedgerError, Obligations, OnLimit, Plan, PolicyDecision, PolicyRequest, Resource, Shortage, Verdict,
        Vote, VoterKind,
    },
    unit::{Amount, Span, Timestamp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// How much of an approver's time a request is said to take.
const APPROVAL_TIME: Span = Span::from_secs(900);

/// What the journal says of approvals.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Every request, by the digest of what is to be approved.
    asked: BTreeMap<Digest, Approval>,
    /// Those that were used: what was approved once is done once.
    used: BTreeSet<Digest>,
    /// What approvals added to accounts' limits.
    raised: BTreeMap<BudgetName, Amount>,
}

/// Every request for approval.
#[derive(Debug, Default)]
pub(crate) struct Approvals {
    book: Mutex<Book>,
    /// Changes whenever a vote counts.
    voted: watch::Sender<()>,
}

impl Approvals {
    /// Those of a journal.
    pub(crate) fn new(book: Book) -> Self {
        Self { book: Mutex::new(book), voted: watch::Sender::default() }
    }

    pub(crate) fn all(&self) -> Vec<Approval> {
        held(&self.book).asked.values().cloned().collect()
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<Approval> {
        held(&self.book).asked.get(digest).cloned()
    }

    /// What was approved and is not used yet, or where it stands otherwise; none when it must be asked for.
    fn standing(&self, digest: &Digest, at: Timestamp) -> Option<(ApprovalStatus, ApprovalRequest)> {
        let book = held(&self.book);
        let known = book.asked.get(digest).filter(|_| !book.used.contains(digest))?;
        Some((known.status(at), known.request.clone()))
    }

    /// A budget with what approvals added to its limit.
    pub(crate) fn with_raise(&self, mut budget: BudgetSpec) -> BudgetSpec {
        if let Some(raised) = held(&self.book).raised.get(&budget.name) {
            budget.limit = budget.limit.checked_add(*raised).unwrap_or(budget.limit);
        }
        budget
    }

    pub(crate) fn take(&self, event: &Event) {
        held(&self.book).fold(event);
    }

    pub(crate) fn voted(&self) -> watch::Receiver<()> {
        self.voted.subscribe()
    }
}

impl Book {
    /// Takes an event in.
    pub(crate) fn fold(&mut self, event: &Event) {
        match event {
            Event::ApprovalRequested { approval } => {
                let digest = approval.digest();
                self.used.remove(&digest);
                self.asked.insert(digest, Approval::new((**approval).clone()));
            }
            Event::ApprovalVoted { vote } => {
                // Only votes that counted are in the journal.
                let _ = self.asked.get_mut(&vote.digest).map(|approval| approval.take(vote.clone()));
            }
            Event::RunCleared { clearance } => self.used.extend(&clearance.approvals),
            Event::BudgetRaised { budget, by, approval } => {
                self.used.insert(*approval);
                let raised = self.raised.entry(budget.clone()).or_insert_with(|| by.zero());
                *raised = raised.checked_add(*by).unwrap_or(*raised);
            }
            _ => {}
        }
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
    let ask = |(flow, terms)| approval_request(request, decision.policy, asking, flow, terms);
    decision.obligations.approvals.iter().map(ask).collect()
}

/// One request for approval.
fn approval_request(
    request: &PolicyRequest,
    policy: Digest,
    asking: &Asking<'_>,
    flow: &RuleId,
    terms: &ApprovalTerms,
) -> ApprovalRequest {
    let (subject, requester) = (asking.subject.as_str(), asking.requester.clone());
    let asked = ApprovalRequest::new(flow.clone(), terms.clone(), request, subject, requester, policy);
    match asking.plan {
        Some(plan) => asked.with_plan(Digest::of(&serde_json::to_vec(plan).unwrap_or_default()), plan.reserve),
        None => asked,
    }
}

/// An account, and by how much its limit is raised.
type Raise = (BudgetName, Amount);

/// Whether everything wanted is approved.
enum Given {
    All(Vec<Digest>),
    Asked(Vec<ApprovalRequest>),
    Refused(String),
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
        let wanted = approval_requests(request, &decision, asking);
        let given = match self.given(wanted, request.at).await? {
            Given::All(given) => given,
            Given::Asked(asked) => return Ok(Cleared::Asked(asked)),
            Given::Refused(because) => return Ok(Cleared::No(forbidden(decision, because))),
        };
        let cost_max = asking.plan.map(|plan| plan.reserve);
        Ok(Cleared::Yes(Clearance::new(decision.obligations, decision.policy, given, cost_max)))
    }

    /// Whether everything wanted is approved; what is not is asked for.
    async fn given(self: &Arc<Self>, wanted: Vec<ApprovalRequest>, at: Timestamp) -> Result<Given, OrpError> {
        let (mut given, mut asked) = (Vec::new(), Vec::new());
        for approval in wanted {
            let digest = approval.digest();
            match self.approvals.standing(&digest, at) {
                Some((ApprovalStatus::Granted { .. }, _)) => given.push(digest),
                Some((status @ ApprovalStatus::Refused { .. }, _)) => {
                    return Ok(Given::Refused(format!("`{}` did not approve it: {status}", approval.flow)));
                }
                Some((ApprovalStatus::Pending { .. }, known)) => asked.push(known),
                Some((ApprovalStatus::Expired, _)) | None => asked.push(self.ask_for(approval).await?),
            }
        }
        Ok(if asked.is_empty() { Given::All(given) } else { Given::Asked(asked) })
    }

    /// What follows when budgets have too little left for a plan: where all of them want somebody asked, that is done, and
    /// what was approved is added to their limits.
    pub(crate) async fn raise_limits(
        self: &Arc<Self>,
        request: &PolicyRequest,
        error: LedgerError,
        policy: Digest,
        plan: &Plan,
    ) -> Result<Result<(), Refusal>, OrpError> {
        let Some((wanted, raises)) = self.wanted_raises(request, &error, policy, plan) else {
            return Ok(Err(Refusal::Budget(error)));
        };
        let given = match self.given(wanted, request.at).await? {
            Given::All(given) => given,
            Given::Asked(asked) => return Ok(Err(Refusal::Approval(asked))),
            Given::Refused(_) => return Ok(Err(Refusal::Budget(error))),
        };
        let raised = |((budget, by), approval)| Event::BudgetRaised { budget, by, approval };
        let events: Vec<Event> = raises.into_iter().zip(given).map(raised).collect();
        let records = self.recorder.write(None, events.clone()).await?;
        events.iter().for_each(|event| self.approvals.take(event));
        self.recorder.tell(records);
        Ok(Ok(()))
    }

    /// What must be approved for every budget that has too little left, and by how much each is raised then; nothing where
    /// one of them wants something else than to be asked.
    fn wanted_raises(
        &self,
        request: &PolicyRequest,
        error: &LedgerError,
        policy: Digest,
        plan: &Plan,
    ) -> Option<(Vec<ApprovalRequest>, Vec<Raise>)> {
        let LedgerError::Exceeded(exceeded) = error else { return None };
        let ask = |short: &Shortage| {
            let OnLimit::Ask(flow) = &short.on_limit else { return None };
            let by = short.asked.checked_sub(short.left).ok()?;
            let subject = format!("{by} more than the {} of budget `{}`, for {}", short.limit, short.budget, plan.id);
            let asking = Asking { subject, ..Asking::to_run(plan) };
            let wanted = approval_request(request, policy, &asking, flow, &self.policy.approval_terms(flow)?);
            Some((wanted, (short.budget.clone(), by)))
        };
        exceeded.all().map(ask).collect::<Option<Vec<_>>>().map(|asked| asked.into_iter().unzip())
    }

    /// Writes a request down, and brings it to everyone who may approve it.
    async fn ask_for(self: &Arc<Self>, approval: ApprovalRequest) -> Result<ApprovalRequest, OrpError> {
        let event = Event::ApprovalRequested { approval: Box::new(approval.clone()) };
        let records = self.recorder.write(None, vec![event.clone()]).await?;
        self.approvals.take(&event);
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
        self.approvals.take(&event);
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
