//! The control plane: from an intent to a finished run.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`look`] | asks every provider what it has, and policy what may be used: the planning problem |
//! | [`admit`] | facts for policy, and the budgets of a run |
//! | [`judge`] | what policy says of a whole plan: the plan, its machines, what it moves |
//! | [`clear`] | approvals: asked of people, kept in the journal |
//! | [`lineage`] | classes of what is made from other things, and lowering them |
//! | [`books`] | what runs reserve, charge and settle, live and folded |
//! | [`record`] | journal first, then fold, then tell: the one way a fact comes to be |
//! | [`pool`] | drives the scheduler: every lease of owned capacity is granted by it |
//! | [`run`] | one run: starts what is ready, re-plans after a reclaim, settles the account |
//! | [`attempt`] | one attempt at a task: lease, launch, watch, end |
//! | [`recover`] | after a restart: folds the journal and takes runs up where they stand |

mod admit;
mod attempt;
mod books;
mod clear;
mod judge;
mod lineage;
mod look;
mod pool;
mod providers;
mod record;
mod recover;
mod run;

pub(crate) use clear::{Approvals, Asking, Cleared};
pub(crate) use judge::decided;
pub use lineage::Declassified;
pub(crate) use pool::Pool;
pub(crate) use providers::Providers;
pub use record::OrpEvent;
pub(crate) use record::Recorder;
pub(crate) use recover::Recovered;
pub(crate) use run::{Refusal, RunShared, Stop};

use crate::host::{Folders, Functions, Programs, Secrets};
use crate::time::Timer;
use orp_core::{
    contract::{AssetStore, IdSource, Planner, PolicyEngine},
    id::RunId,
    noun::{Ledger, PlanLimits, Recipe},
    unit::Span,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::task::JoinSet;

/// Bounds and waiting times of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How long a provider may take to answer what it has, by the machine's clock; then it is left out.
    pub offers_timeout: Span,
    /// How long a process may take to save its state when it is asked to stop, by the machine's clock; then it is killed.
    pub grace: Span,
    /// How often progress and costs are looked at, by the machine's clock.
    pub poll: Span,
    /// How far the planner may search.
    pub plan_limits: PlanLimits,
    /// How often the rest of a run may be planned again.
    pub replans_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            offers_timeout: Span::from_secs(10),
            grace: Span::from_secs(10),
            poll: Span::from_millis(50),
            plan_limits: PlanLimits::default(),
            replans_max: 100,
        }
    }
}

/// Everything the rooms of the control plane share.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Timer>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) recorder: Recorder,
    pub(crate) assets: Arc<dyn AssetStore>,
    pub(crate) providers: Providers,
    pub(crate) planner: Arc<dyn Planner>,
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) policy: Arc<dyn PolicyEngine>,
    pub(crate) ledger: Mutex<Ledger>,
    /// One entry in the books is made and written at a time.
    pub(crate) book_gate: tokio::sync::Mutex<()>,
    pub(crate) approvals: Approvals,
    /// One vote is checked and written at a time.
    pub(crate) vote_gate: tokio::sync::Mutex<()>,
    /// What the host's tasks take out of texts when they are told to, by the names of detectors.
    pub(crate) redactors: BTreeSet<String>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) programs: Programs,
    pub(crate) functions: Functions,
    pub(crate) secrets: Secrets,
    pub(crate) folders: Folders,
    pub(crate) runs: Mutex<BTreeMap<RunId, Arc<RunShared>>>,
    /// The tasks that drive runs; aborted when the host lets go of ORP.
    pub(crate) drivers: Mutex<JoinSet<()>>,
}

impl Control {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        held(&self.ledger)
    }

    pub(crate) fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Arc<RunShared>>> {
        held(&self.runs)
    }
}

/// What a mutex guards, also after a panic elsewhere: every change is made whole before its guard is dropped.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
