//! Approvals: people who say yes to one thing, on stated terms, for a stated time.
//!
//! What is approved is bound by a digest over all of it: who asks, for what, on which facts, with which plan, under which
//! policy set, and at which cost at most. Whatever changes makes another digest, which nobody has approved. Approval takes as
//! many *different people* as the terms ask for; the requester is never one of them, nor is an agent.
//!
//! ```
//! use orp_core::prelude::*;
//!
//! let who = |name: &str| Principal::new(name);
//! let terms = ApprovalTerms::new(2, [who("ada")?, who("bob")?, who("eve")?], Span::HOUR);
//! let request = PolicyRequest::new(PolicyPoint::Run, "fine_tune", Timestamp::EPOCH);
//! let request = ApprovalRequest::new(RuleId::new("two-of-three")?, terms, &request, "fine-tune llama", who("eve")?, Digest::of(b"policy"));
//! let mut approval = Approval::new(request);
//! let vote = |by: &str| Vote::yes(Principal::new(by).unwrap(), VoterKind::Person, approval.request.digest(), Timestamp::EPOCH);
//! let (ada, bob, eve) = (vote("ada"), vote("bob"), vote("eve"));
//! assert_eq!(approval.take(ada)?, ApprovalStatus::Pending { missing: 1 });
//! assert_eq!(approval.take(eve).unwrap_err().to_string(), "`eve` asked for it and cannot approve it");
//! assert!(approval.take(bob)?.is_granted());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{ApprovalTerms, Digest, Obligations, PolicyDecision, PolicyRequest};
use crate::id::{Principal, RuleId};
use crate::unit::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// Something that somebody must approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalRequest {
    /// The approval flow that asks.
    pub flow: RuleId,
    /// Who may approve, how many must, and for how long it is asked and then holds.
    pub terms: ApprovalTerms,
    /// Who asked for what is to be approved.
    pub requester: Principal,
    /// What it is, for people.
    pub subject: String,
    /// The digest of what policy was asked: the point, the action and every fact.
    pub request: Digest,
    /// The digest of the plan, when there is one.
    pub plan: Option<Digest>,
    /// The digest of the policy set that asks for approval.
    pub policy: Digest,
    /// The most it may cost.
    pub cost_max: Option<Money>,
    /// When it was asked.
    pub asked: Timestamp,
}

/// What a digest is taken of: everything but when it was asked.
#[derive(Serialize)]
struct Bound<'a> {
    flow: &'a RuleId,
    terms: &'a ApprovalTerms,
    requester: &'a Principal,
    subject: &'a str,
    request: Digest,
    plan: Option<Digest>,
    policy: Digest,
    cost_max: Option<Money>,
}

impl ApprovalRequest {
    /// A request for approval of what policy was asked.
    pub fn new(
        flow: RuleId,
        terms: ApprovalTerms,
        request: &PolicyRequest,
        subject: impl Into<String>,
        requester: Principal,
        policy: Digest,
    ) -> Self {
        let asked = request.at;
        let request = digest(&(request.point, &request.action, &request.facts));
        Self { flow, terms, requester, subject: subject.into(), request, plan: None, policy, cost_max: None, asked }
    }

    /// Also bound to this plan, and to what it may cost.
    pub fn with_plan(mut self, plan: Digest, cost_max: Money) -> Self {
        (self.plan, self.cost_max) = (Some(plan), Some(cost_max));
        self
    }

    /// What is approved. The same thing asked for again later has the same one.
    pub fn digest(&self) -> Digest {
        let Self { flow, terms, requester, subject, request, plan, policy, cost_max, asked: _ } = self;
        let (request, plan, policy, cost_max) = (*request, *plan, *policy, *cost_max);
        digest(&Bound { flow, terms, requester, subject, request, plan, policy, cost_max })
    }

    /// When nobody can approve it any more, and when an approval ends.
    pub fn expires(&self) -> Timestamp {
        self.asked.after(self.terms.ttl)
    }
}

/// The digest of a value's JSON, whose maps are in order.
#[allow(clippy::expect_used, reason = "INVARIANT: only called with text, numbers, and maps with text as keys")]
fn digest(value: &impl Serialize) -> Digest {
    Digest::of(&serde_json::to_vec(value).expect("it can be written as JSON"))
}

impl fmt::Display for ApprovalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` asks for {}: {}, asked by {}", self.flow, self.terms, self.subject, self.requester)?;
        match self.cost_max {
            Some(cost) => write!(f, ", at most {cost} ({})", self.digest().short()),
            None => write!(f, " ({})", self.digest().short()),
        }
    }
}

/// What kind of being votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoterKind {
    /// A person.
    Person,
    /// An agent: it may ask, never approve.
    Agent,
}

/// What somebody says to a request for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Vote {
    /// Who.
    pub by: Principal,
    /// What kind of being that is, as whoever identified them says.
    pub kind: VoterKind,
    /// What it is about: an [`ApprovalRequest::digest`].
    pub digest: Digest,
    /// Whether it is a yes.
    pub approves: bool,
    /// When.
    pub at: Timestamp,
    /// What was said.
    pub comment: Option<String>,
}

impl Vote {
    /// A yes.
    pub fn yes(by: Principal, kind: VoterKind, digest: Digest, at: Timestamp) -> Self {
        Self { by, kind, digest, approves: true, at, comment: None }
    }

    /// A no: one is enough.
    pub fn no(by: Principal, kind: VoterKind, digest: Digest, at: Timestamp) -> Self {
        Self { approves: false, ..Self::yes(by, kind, digest, at) }
    }

    /// With what was said.
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }
}

/// Why a vote does not count; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// Nobody asked for it.
    #[error("nothing of the digest {} waits for approval", .0.short())]
    Unknown(Digest),
    /// The vote is about something else: what was asked has changed.
    #[error("the vote is about {}, what is asked is {}: it has changed", .voted.short(), .asked.short())]
    OtherDigest {
        /// What the vote is about.
        voted: Digest,
        /// What is asked.
        asked: Digest,
    },
    /// An agent's.
    #[error("`{0}` is an agent: agents may ask, never approve")]
    Agent(Principal),
    /// The requester's own.
    #[error("`{0}` asked for it and cannot approve it")]
    Requester(Principal),
    /// Somebody's who may not approve it.
    #[error("`{who}` may not approve it: expected one of {}", .approvers.join(", "))]
    NotAnApprover {
        /// Who voted.
        who: Principal,
        /// Who may.
        approvers: Vec<String>,
    },
    /// Somebody's who has voted before.
    #[error("`{0}` has voted already")]
    Twice(Principal),
    /// It was refused before.
    #[error("`{0}` has refused it")]
    Refused(Principal),
    /// It is too late.
    #[error("it had to be approved until {0}")]
    Expired(Timestamp),
}

/// Where an approval stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// So many are missing.
    Pending {
        /// How many.
        missing: u32,
    },
    /// It is approved, until then.
    Granted {
        /// Until when.
        until: Timestamp,
    },
    /// This one said no.
    Refused {
        /// Who.
        by: Principal,
    },
    /// It was not approved in time, or the approval has ended.
    Expired,
}

impl ApprovalStatus {
    /// Whether it is approved.
    pub const fn is_granted(&self) -> bool {
        matches!(self, Self::Granted { .. })
    }
}

impl fmt::Display for ApprovalStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending { missing: 1 } => f.write_str("one approval is missing"),
            Self::Pending { missing } => write!(f, "{missing} approvals are missing"),
            Self::Granted { until } => write!(f, "approved until {until}"),
            Self::Refused { by } => write!(f, "refused by {by}"),
            Self::Expired => f.write_str("expired"),
        }
    }
}

/// A request for approval, with the votes that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Approval {
    /// What is asked.
    pub request: ApprovalRequest,
    /// The votes, in the order in which they came; each person's once.
    pub votes: Vec<Vote>,
}

impl Approval {
    /// A request that nobody has voted on.
    pub const fn new(request: ApprovalRequest) -> Self {
        Self { request, votes: Vec::new() }
    }

    /// Takes a vote, if it counts.
    pub fn take(&mut self, vote: Vote) -> Result<ApprovalStatus, ApprovalError> {
        self.check(&vote)?;
        let at = vote.at;
        self.votes.push(vote);
        Ok(self.status(at))
    }

    fn check(&self, vote: &Vote) -> Result<(), ApprovalError> {
        let (asked, who) = (self.request.digest(), vote.by.clone());
        if vote.digest != asked {
            return Err(ApprovalError::OtherDigest { voted: vote.digest, asked });
        }
        if vote.kind == VoterKind::Agent {
            return Err(ApprovalError::Agent(who));
        }
        if who == self.request.requester {
            return Err(ApprovalError::Requester(who));
        }
        if !self.request.terms.approvers.contains(&who) {
            let approvers = self.request.terms.approvers.iter().map(ToString::to_string).collect();
            return Err(ApprovalError::NotAnApprover { who, approvers });
        }
        if self.votes.iter().any(|earlier| earlier.by == who) {
            return Err(ApprovalError::Twice(who));
        }
        if let Some(no) = self.refusal() {
            return Err(ApprovalError::Refused(no.by.clone()));
        }
        if vote.at >= self.request.expires() {
            return Err(ApprovalError::Expired(self.request.expires()));
        }
        Ok(())
    }

    fn refusal(&self) -> Option<&Vote> {
        self.votes.iter().find(|vote| !vote.approves)
    }

    /// Where it stands at a time.
    pub fn status(&self, at: Timestamp) -> ApprovalStatus {
        if let Some(no) = self.refusal() {
            return ApprovalStatus::Refused { by: no.by.clone() };
        }
        let until = self.request.expires();
        if at >= until {
            return ApprovalStatus::Expired;
        }
        let votes = u32::try_from(self.votes.len()).unwrap_or(u32::MAX);
        match self.request.terms.quorum.saturating_sub(votes) {
            // Terms without anybody to ask approve nothing.
            0 if votes > 0 => ApprovalStatus::Granted { until },
            missing => ApprovalStatus::Pending { missing: missing.max(1) },
        }
    }
}

/// What a run was cleared for: the obligations it keeps to, and which of the approvals among them were given.
///
/// A run that is planned again asks nobody again as long as it stays within its clearance: the same policy set, no flow that
/// was not approved, and no higher cost than was approved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Clearance {
    /// What is to be kept to.
    pub obligations: Obligations,
    /// The policy set that asked for it.
    pub policy: Option<Digest>,
    /// What was approved, by digest.
    pub approvals: Vec<Digest>,
    /// The most it may cost, when it was approved.
    pub cost_max: Option<Money>,
}

impl Clearance {
    /// Cleared by these approvals for these obligations.
    pub fn new(obligations: Obligations, policy: Digest, approvals: Vec<Digest>, cost_max: Option<Money>) -> Self {
        Self { obligations, policy: Some(policy), approvals, cost_max }
    }

    /// Why a decision that asks for approval is not covered, if it is not.
    pub fn refuses(&self, decision: &PolicyDecision, cost: Option<Money>) -> Option<String> {
        let asked = &decision.obligations.approvals;
        if asked.is_empty() {
            return None;
        }
        let covers = |flow, terms: &ApprovalTerms| {
            self.obligations.approvals.get(flow).is_some_and(|given: &ApprovalTerms| given.quorum >= terms.quorum)
        };
        if let Some((flow, terms)) = asked.iter().find(|(flow, terms)| !covers(*flow, terms)) {
            return Some(format!("`{flow}` has not approved it ({terms})"));
        }
        if self.policy != Some(decision.policy) {
            return Some("it was approved under another policy set".into());
        }
        match (cost, self.cost_max) {
            (Some(cost), Some(most)) if cost <= most => None,
            (Some(cost), Some(most)) => Some(format!("{cost} is more than the {most} that was approved")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noun::{PolicyPoint, Verdict};
    use crate::unit::Span;

    fn who(name: &str) -> Principal {
        Principal::new(name).unwrap()
    }

    fn asked() -> ApprovalRequest {
        let terms = ApprovalTerms::new(2, ["ada", "bob", "eve"].map(who), Span::HOUR);
        let request = PolicyRequest::new(PolicyPoint::Run, "fine_tune", Timestamp::EPOCH).with_fact("project.id", "p");
        ApprovalRequest::new(RuleId::new("flow").unwrap(), terms, &request, "tune", who("eve"), Digest::of(b"set"))
            .with_plan(Digest::of(b"plan"), "500 USD".parse().unwrap())
    }

    fn vote(name: &str, kind: VoterKind, minutes: u64) -> Vote {
        let at = Timestamp::EPOCH.after(Span::MINUTE.saturating_mul(minutes));
        Vote::yes(who(name), kind, asked().digest(), at)
    }

    #[test]
    fn votes_that_do_not_count_change_nothing() {
        let mut approval = Approval::new(asked());
        approval.take(vote("ada", VoterKind::Person, 1)).unwrap();
        let before = approval.clone();
        let mut other = vote("bob", VoterKind::Person, 2);
        other.digest = Digest::of(b"other");
        for (vote, part) in [
            (vote("bob", VoterKind::Agent, 2), "is an agent"),
            (vote("eve", VoterKind::Person, 2), "asked for it"),
            (vote("mallory", VoterKind::Person, 2), "expected one of ada, bob, eve"),
            (vote("ada", VoterKind::Person, 2), "has voted already"),
            (vote("bob", VoterKind::Person, 60), "until 1970-01-01T01:00:00Z"),
            (other, "it has changed"),
        ] {
            let error = approval.take(vote).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
            assert_eq!(approval, before);
        }
        assert!(approval.take(vote("bob", VoterKind::Person, 59)).unwrap().is_granted());
        let hour = Timestamp::EPOCH.after(Span::HOUR);
        assert_eq!(approval.status(hour), ApprovalStatus::Expired);
    }

    #[test]
    fn one_no_is_enough() {
        let mut approval = Approval::new(asked());
        approval.take(vote("ada", VoterKind::Person, 1)).unwrap();
        let no = Vote { approves: false, ..vote("bob", VoterKind::Person, 2) };
        assert_eq!(approval.take(no).unwrap().to_string(), "refused by bob");
    }

    /// Whatever is bound changes the digest; when it was asked does not.
    #[test]
    fn any_change_is_another_thing() {
        let base = asked();
        let changes: [fn(&mut ApprovalRequest); 8] = [
            |asked| asked.flow = RuleId::new("other").unwrap(),
            |asked| asked.terms.quorum = 1,
            |asked| asked.requester = who("bob"),
            |asked| asked.subject.push('s'),
            |asked| asked.request = Digest::of(b"x"),
            |asked| asked.plan = None,
            |asked| asked.policy = Digest::of(b"x"),
            |asked| asked.cost_max = Some("501 USD".parse().unwrap()),
        ];
        for change in changes {
            let mut changed = base.clone();
            change(&mut changed);
            assert_ne!(changed.digest(), base.digest(), "{changed}");
        }
        let mut later = base.clone();
        later.asked = Timestamp::EPOCH.after(Span::HOUR);
        assert_eq!(later.digest(), base.digest());
    }

    #[test]
    fn a_clearance_covers_what_was_approved() {
        let obligations = |flow: &str, quorum| {
            let terms = ApprovalTerms::new(quorum, ["ada", "bob"].map(who), Span::HOUR);
            Obligations::default().with_approval(RuleId::new(flow).unwrap(), terms)
        };
        let usd = |text: &str| text.parse::<Money>().ok();
        let set = Digest::of(b"set");
        let cleared = Clearance::new(obligations("flow", 2), set, Vec::new(), usd("500 USD"));
        let decision = |policy, obligations| {
            PolicyDecision::new(Verdict::NeedsApproval, Vec::new(), policy).with_obligations(obligations)
        };
        for (decision, cost, part) in [
            (decision(set, obligations("flow", 2)), usd("500 USD"), None),
            (decision(set, obligations("flow", 1)), None, None),
            (decision(set, Obligations::default()), usd("9000 USD"), None),
            (decision(set, obligations("flow", 2)), usd("501 USD"), Some("more than the 500.00 USD")),
            (decision(set, obligations("flow", 2)), usd("1 EUR"), Some("more than the 500.00 USD")),
            (decision(set, obligations("other", 1)), usd("1 USD"), Some("`other` has not approved it")),
            (decision(Digest::of(b"x"), obligations("flow", 1)), usd("1 USD"), Some("another policy set")),
        ] {
            let refused = cleared.refuses(&decision, cost);
            assert_eq!(refused.is_some(), part.is_some(), "{refused:?}");
            assert!(refused.unwrap_or_default().contains(part.unwrap_or_default()));
        }
        let none = Clearance::default().refuses(&decision(set, obligations("flow", 1)), None);
        assert!(none.unwrap().contains("has not approved it"));
    }

    #[test]
    fn nobody_to_ask_approves_nothing() {
        let mut request = asked();
        request.terms = ApprovalTerms::new(0, [], Span::HOUR);
        assert_eq!(Approval::new(request).status(Timestamp::EPOCH), ApprovalStatus::Pending { missing: 1 });
    }
}
