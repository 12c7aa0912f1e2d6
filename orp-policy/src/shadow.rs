//! Shadow: another set beside the one in force, asked the same and not heeded.
//!
//! A [`Simulation`](crate::Simulation) asks what a candidate would have decided; [`Shadowed`] asks it while decisions are
//! made. It answers with the enforced engine's decision, unchanged, and hands each request on which the candidate
//! [differs](Difference) to a [`Sink`]. Changing the candidate changes no decision, no budget and no residual.
//!
//! Rules in [mode](crate::rule::Mode) `shadow` are for one rule to be tried; this is for a whole set.
//!
//! ```
//! use orp_core::prelude::*;
//! use orp_policy::{PolicySet, Shadowed, shadow::Contrast};
//! use std::sync::{Arc, Mutex};
//!
//! let seen = Arc::new(Mutex::new(Vec::new()));
//! let sink = {
//!     let seen = Arc::clone(&seen);
//!     move |contrast: &Contrast<'_>| seen.lock().unwrap().push(contrast.candidate.verdict)
//! };
//! let shadowed = Shadowed::new(Arc::new(PolicySet::permissive()), Arc::new(PolicySet::default()), sink);
//! let request = PolicyRequest::new(PolicyPoint::Run, "train", Timestamp::EPOCH);
//! assert!(shadowed.decide(&request).is_permit());
//! assert_eq!(*seen.lock().unwrap(), [Verdict::Forbid]);
//! assert_eq!((shadowed.decided(), shadowed.differed()), (1, 1));
//! ```

use crate::simulation::Difference;
use orp_core::contract::{PolicyEngine, PolicyEngineExt, ResidualPolicy, opens};
use orp_core::id::RuleId;
use orp_core::noun::{ApprovalTerms, BudgetSpec, Facts, PolicyDecision, PolicyRequest};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A request on which the candidate differs.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Contrast<'a> {
    /// What is asked.
    pub request: &'a PolicyRequest,
    /// What is answered.
    pub enforced: &'a PolicyDecision,
    /// What the candidate would answer.
    pub candidate: &'a PolicyDecision,
    /// How that differs.
    pub difference: Difference,
}

/// Who is told of differences: a function, or a type of one's own. It is called while a decision waits for it, so it should
/// count or pass on, and not block.
pub trait Sink: Send + Sync {
    /// The candidate differs.
    fn take(&self, contrast: &Contrast<'_>);
}

impl<F: Fn(&Contrast<'_>) + Send + Sync> Sink for F {
    fn take(&self, contrast: &Contrast<'_>) {
        self(contrast);
    }
}

/// An engine that answers as the enforced one does, and asks a candidate too.
pub struct Shadowed<S> {
    enforced: Arc<dyn PolicyEngine>,
    candidate: Arc<dyn PolicyEngine>,
    sink: S,
    decided: AtomicU64,
    differed: AtomicU64,
}

impl<S: Sink> Shadowed<S> {
    /// The enforced engine with a candidate beside it.
    pub const fn new(enforced: Arc<dyn PolicyEngine>, candidate: Arc<dyn PolicyEngine>, sink: S) -> Self {
        Self { enforced, candidate, sink, decided: AtomicU64::new(0), differed: AtomicU64::new(0) }
    }

    /// How many decisions were made.
    pub fn decided(&self) -> u64 {
        self.decided.load(Ordering::Relaxed)
    }

    /// On how many of them the candidate differed.
    pub fn differed(&self) -> u64 {
        self.differed.load(Ordering::Relaxed)
    }

    /// Counts, and tells of a difference.
    fn observe(&self, enforced: &PolicyDecision, candidate: &PolicyDecision, request: impl FnOnce() -> PolicyRequest) {
        self.decided.fetch_add(1, Ordering::Relaxed);
        if let Some(difference) = Difference::between(enforced, candidate) {
            self.differed.fetch_add(1, Ordering::Relaxed);
            self.sink.take(&Contrast { request: &request(), enforced, candidate, difference });
        }
    }
}

impl<S> fmt::Debug for Shadowed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Shadowed");
        shown.field("enforced", &self.enforced).field("candidate", &self.candidate);
        shown.field("decided", &self.decided).field("differed", &self.differed).finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Sink> PolicyEngine for Shadowed<S> {
    fn decide(&self, request: &PolicyRequest) -> PolicyDecision {
        let enforced = self.enforced.decide(request);
        self.observe(&enforced, &self.candidate.decide(request), || request.clone());
        enforced
    }

    fn budgets(&self, request: &PolicyRequest) -> Vec<BudgetSpec> {
        self.enforced.budgets(request)
    }

    fn approval_terms(&self, flow: &RuleId) -> Option<ApprovalTerms> {
        self.enforced.approval_terms(flow)
    }

    fn residual<'a>(&'a self, known: &PolicyRequest, open: &[&str]) -> Option<Box<dyn ResidualPolicy + 'a>> {
        let (enforced, candidate) = (self.enforced.narrow(known, open), self.candidate.narrow(known, open));
        let open = open.iter().map(|name| (*name).to_owned()).collect();
        Some(Box::new(Narrowed { shadowed: self, known: known.clone(), open, enforced, candidate }))
    }
}

/// Both engines with most facts taken in.
struct Narrowed<'a, S> {
    shadowed: &'a Shadowed<S>,
    known: PolicyRequest,
    open: Vec<String>,
    enforced: Box<dyn ResidualPolicy + 'a>,
    candidate: Box<dyn ResidualPolicy + 'a>,
}

impl<S> fmt::Debug for Narrowed<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Narrowed");
        shown.field("enforced", &self.enforced).field("candidate", &self.candidate).finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Sink> ResidualPolicy for Narrowed<'_, S> {
    fn decide(&self, candidate: &Facts) -> PolicyDecision {
        let enforced = self.enforced.decide(candidate);
        self.shadowed.observe(&enforced, &self.candidate.decide(candidate), || {
            let is_open = |name: &String| self.open.iter().any(|open| opens(open, name));
            let mut request = self.known.clone();
            let taken = candidate.iter().filter(|(name, _)| is_open(name));
            request.facts.extend(taken.map(|(name, value)| (name.clone(), value.clone())));
            request
        });
        enforced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicySet;
    use crate::laws::{load, requests, rules};
    use orp_core::noun::Verdict;
    use proptest::prelude::*;
    use proptest::sample::subsequence;
    use std::sync::Mutex;

    type Seen = Arc<Mutex<Vec<(PolicyRequest, Verdict, Verdict)>>>;

    fn shadowed(enforced: &PolicySet, candidate: &PolicySet) -> (Shadowed<impl Sink>, Seen) {
        let seen = Seen::default();
        let sink = {
            let seen = Arc::clone(&seen);
            move |contrast: &Contrast<'_>| {
                let verdicts = (contrast.enforced.verdict, contrast.candidate.verdict);
                seen.lock().unwrap().push((contrast.request.clone(), verdicts.0, verdicts.1));
            }
        };
        (Shadowed::new(Arc::new(enforced.clone()), Arc::new(candidate.clone()), sink), seen)
    }

    const FACTS: [&str; 3] = ["cost", "dataset.class", "project.id"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Shadow changes nothing: not a decision, not a budget, not a residual; and it sees what differs.
        #[test]
        fn shadow_changes_nothing(
            one in rules(),
            other in rules(),
            open in subsequence(FACTS.to_vec(), 0..=FACTS.len()),
            requests in requests(),
        ) {
            let (enforced, candidate) = (load(&one), load(&other));
            let (shadowed, seen) = shadowed(&enforced, &candidate);
            let mut expected = Vec::new();
            for request in &requests {
                let (one, other) = (enforced.decide(request), candidate.decide(request));
                prop_assert_eq!(&shadowed.decide(request), &one);
                prop_assert_eq!(shadowed.budgets(request), enforced.budgets(request));
                for flow in enforced.approval_flows() {
                    prop_assert_eq!(shadowed.approval_terms(flow.id()), Some(flow.terms().clone()));
                }
                let (over, known): (Facts, Facts) =
                    request.facts.clone().into_iter().partition(|(name, _)| open.contains(&name.as_str()));
                let mut narrow = request.clone();
                narrow.facts = known;
                prop_assert_eq!(&shadowed.narrow(&narrow, &open).decide(&over), &one);
                if Difference::between(&one, &other).is_some() {
                    // Once for each way of asking, and with the whole request.
                    let difference = (request.clone(), one.verdict, other.verdict);
                    expected.extend([difference.clone(), difference]);
                }
            }
            prop_assert_eq!((shadowed.decided(), shadowed.differed()), (32, expected.len() as u64));
            prop_assert_eq!(&*seen.lock().unwrap(), &expected);
        }
    }
}
