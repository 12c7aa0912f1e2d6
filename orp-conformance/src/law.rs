//! The laws of every contract: their identifiers, and what they say.

use std::fmt;

/// The identifier of a law, as the contract's documentation states it: `COMP-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LawId(&'static str);

impl LawId {
    /// The law of this identifier, if there is one.
    pub fn new(id: &str) -> Option<Self> {
        LAWS.iter().find(|(known, _)| *known == id).map(|(known, _)| Self(known))
    }

    /// All laws of all contracts.
    pub fn all() -> impl Iterator<Item = Self> {
        LAWS.iter().map(|(id, _)| Self(id))
    }

    /// The identifier's text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// What the law says.
    pub fn says(self) -> &'static str {
        LAWS.iter().find(|(known, _)| *known == self.0).map_or("", |(_, says)| says)
    }

    pub(crate) const fn literal(id: &'static str) -> Self {
        Self(id)
    }
}

impl fmt::Display for LawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// What `orp_core::contract` states, word for word; a test holds the two together.
const LAWS: &[(&str, &str)] = &[
    ("CLOCK-1", "a later call never returns an earlier time"),
    ("ID-1", "no two calls return the same"),
    ("PROV-1", "every offer bears the provider's own name and passes `Offer::check`"),
    ("PROV-2", "an offer's id is unique and names the same thing while it is on offer"),
    ("PROV-3", "only declared pillars are offered"),
    ("COMP-1", "`acquire` with the same key returns the same lease"),
    ("COMP-2", "never more units of an offer are leased than it has"),
    ("COMP-3", "`launch` with the same key starts no second process"),
    ("COMP-4", "`release` ends what runs on the lease and is idempotent; the second call answers as the first"),
    ("COMP-5", "a released lease launches nothing (`ErrorKind::Lost`)"),
    ("COMP-6", "a stale token changes nothing (`ErrorKind::Conflict`)"),
    ("COMP-7", "unknown leases, executions and offers are `ErrorKind::NotFound`"),
    ("COMP-8", "`leases` lists every lease not released"),
    ("COMP-9", "tokens grow from lease to lease"),
    ("DATA-1", "`locate` returns only replicas of what was asked"),
    ("DATA-2", "`read` of a located replica has the declared size"),
    ("DATA-3", "`transfer` costs what the network says, and never less for more"),
    ("MODEL-1", "`pull` of what was pushed writes the same bytes"),
    ("MODEL-2", "`push` of a version that exists with other bytes is `ErrorKind::Conflict`"),
    ("TOOL-1", "`invoke` under a key that was used before returns the first answer and does nothing"),
    ("TALENT-1", "`assign` with the same key asks nobody twice"),
    ("TALENT-2", "`answer` returns the same answer to every caller"),
    ("DEV-1", "`probe` never panics and never waits longer than a second"),
    ("DEV-2", "granted memory and shares of a device never exceed what it has (`ErrorKind::Exhausted`)"),
    ("DEV-3", "the buffers of a grant never exceed its memory (`ErrorKind::Exhausted`)"),
    ("DEV-4", "what was written is read back"),
    ("DEV-5", "releasing a grant frees its buffers and is idempotent"),
    (
        "DEV-6",
        "`admit` with the same key grants once: with another request, or after its release, it is `ErrorKind::Conflict`",
    ),
    (
        "DEV-7",
        "unknown devices, grants and buffers are `ErrorKind::NotFound`; so is a released grant to everything but `release`",
    ),
    ("PLAN-1", "the same problem and limits give the same outcome"),
    ("PLAN-2", "every plan is without violations"),
    ("PLAN-3", "no plan of a frontier dominates another"),
    ("PLAN-4", "a frontier has at least one plan and at most `limits.plans`"),
    ("PLAN-5", "each relaxation of an infeasible intent makes it feasible"),
    ("PLAN-6", "nothing forbidden is bound"),
    ("EST-1", "more work of the same kind never takes less time"),
    ("EST-2", "`low ≤ mean ≤ high`"),
    ("EST-3", "a machine on which the work cannot run (its memory does not hold it) is refused with a reason"),
    ("SCHED-1", "the same events and views give the same decisions"),
    ("SCHED-2", "no node is ever given more than it has, and no accelerator twice"),
    ("SCHED-3", "a gang starts whole or not at all"),
    ("SCHED-4", "no job is preempted for one of lower priority"),
    ("SCHED-5", "every waiting job has a queue and a reason"),
    ("SCHED-6", "a tenant never holds more than its quota"),
    ("SCHED-7", "a device is held by one job at a time"),
    ("SCHED-8", "a job that fits an idle cluster and its tenant's quota starts when all others have ended"),
    ("POL-1", "an error in evaluation never permits"),
    ("POL-2", "a refusal names its rules"),
    ("POL-3", "the same request gets the same decision"),
    ("POL-4", "adding a fact that no rule speaks of changes nothing"),
    ("POL-5", "what is judged in two steps comes to what is judged in one"),
    ("DET-1", "a finding is not empty, lies inside the text, and begins and ends between characters"),
    ("DET-2", "findings are in order and do not overlap"),
    ("DET-3", "the same text has the same findings"),
    ("DET-4", "every finding is of one of `kinds`"),
    ("DET-5", "twice the text takes about twice the time"),
    ("DET-6", "words in brackets in the place of a finding are none, and leave the others as they are"),
    ("DET-7", "a text cut in two at `settled` has the same findings in its parts, whatever follows it"),
    ("INT-1", "what is not clear is asked, never guessed"),
    ("INT-2", "the same words mean the same"),
    ("JRN-1", "when `append` has returned, its records survive the death of the process and the machine"),
    ("JRN-2", "a batch is there whole or not at all"),
    ("JRN-3", "sequences count from 1 without gaps, in the order of the calls"),
    ("JRN-4", "`read` returns what was appended, unchanged"),
    ("ASSET-1", "`get` returns what was registered"),
    (
        "ASSET-2",
        "a reference is registered once: again with another digest is a conflict, again with the same changes nothing",
    ),
    ("ASSET-3", "states only go forward"),
    ("ASSET-4", "a reference without a version finds the newest"),
];
