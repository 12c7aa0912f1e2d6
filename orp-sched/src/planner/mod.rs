//! What would do? From an intent and what is on offer to a frontier of plans.
//!
//! # The way of a problem
//!
//! 1. **Supply**: offers that policy forbids, that filters of the intent exclude, or that make no sense are left out; the
//!    ways between the regions are laid.
//! 2. **Courses**: each variant of each recipe for the goal, with each number of tokens worth looking at.
//! 3. **Candidates**: for each task, every offer (in gangs where that trains a model), with what it costs and takes:
//!    provisioning, bringing inputs, the work, reclaims, and what saving and restoring cost. What is worse than another in
//!    the same region in everything is dropped at once.
//! 4. **Search**: labels over the tasks, one set for each combination of regions where things lie.
//! 5. **Plans**: whole candidates that keep the constraints, those not dominated, named and explained. If there are none:
//!    which constraints bind, and changes of the intent that were tried and help.
//!
//! Each step's module says what it takes for granted: [`estimator`] how fast work goes, `candidate` what reclaims do to
//! it, `course` what moves between tasks, `spread` how uncertain amounts add up, `solve` how the number of tokens is
//! found, `search` when it is exact, `pick` what the names of plans mean.
//!
//! # What it does not do
//!
//! Zones are taken one by one: a binding names alternatives in other zones, but the hazard is that of one. Two tasks side by
//! side may be bound to the same units, and then wait for each other. How to react to a reclaim is not planned ahead: the
//! rest of the run is planned again, with [`Remaining`](orp_core::noun::Remaining).
//!
//! A weighted sum of the objectives, mixed-integer programming, and planning task by task were rejected: the first hides
//! what is traded for what, the second takes seconds where labels take milliseconds, and the third moves data needlessly.
//!
//! ```
//! use orp_core::prelude::*;
//! use orp_sched::planner::{FrontierPlanner, builtin_recipes};
//!
//! // A data set, someone to annotate, and a machine of one's own.
//! let here = Place::new("local", "here");
//! let offer = |id: &str, resource| -> Result<Offer, Box<dyn std::error::Error>> {
//!     let key = OfferKey { provider: "local".parse()?, offer: id.parse()? };
//!     Ok(Offer::new(key, resource, here.clone(), Price::per_hour("0 USD".parse()?)))
//! };
//! let machine = Machine {
//!     sku: "desk".into(),
//!     capacity: Capacity { cpu: "8".parse()?, memory: "24 GB".parse()?, ..Capacity::ZERO },
//!     accelerator: None,
//!     network_gbps: 1.0,
//! };
//! let data = Replica { asset: "corpus@v3".parse()?, size: "10 GB".parse()?, tokens: None, class: DataClass::Internal };
//! let ann = Talent {
//!     who: "ann".parse()?,
//!     skills: ["annotate".to_owned()].into(),
//!     free: "8h".parse()?,
//!     from: Timestamp::EPOCH,
//!     agent: false,
//! };
//! let offers = vec![
//!     offer("desk", Resource::Compute(machine))?,
//!     offer("corpus", Resource::Data(data))?,
//!     offer("ann", Resource::Talent(ann))?,
//! ];
//!
//! let intent = Intent::new(Goal::new("data_pipeline").with_data("corpus".parse()?));
//! let problem = PlanningProblem::new(Timestamp::EPOCH, intent, builtin_recipes(), offers);
//! match FrontierPlanner::default().plan(&problem, &PlanLimits::default()) {
//!     PlanOutcome::Feasible(frontier) => assert!(frontier.named("cheapest").is_some()),
//!     PlanOutcome::Infeasible(why) => panic!("{why}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod candidate;
mod conditions;
mod course;
mod crowd;
mod diagnose;
pub mod estimator;
mod identity;
mod left;
mod options;
mod pick;
mod recipes;
mod rejected;
mod search;
mod solve;
mod spread;
mod step;
mod supply;
pub mod tables;
mod why;

pub use estimator::ThroughputEstimator;
pub use recipes::{BUILTIN_RECIPES, builtin_recipes};
pub use solve::QUALITY_TOLERANCE;

use conditions::Conditions;
use orp_core::{
    contract::{Estimator, Planner},
    noun::{BindingConstraint, Frontier, Infeasibility, Intent, Plan, PlanLimits, PlanOutcome, PlanningProblem},
};
use rejected::Rejections;
use solve::{Outline, Solver};
use std::sync::Arc;
use supply::Supply;

/// A planner that looks at every candidate it cannot prove worse, and returns the frontier.
#[derive(Debug, Clone)]
pub struct FrontierPlanner {
    estimator: Arc<dyn Estimator>,
}

impl FrontierPlanner {
    /// A planner that believes this estimator.
    pub fn new(estimator: Arc<dyn Estimator>) -> Self {
        Self { estimator }
    }

    /// The plans of outlines, named.
    fn frontier(solver: &Solver<'_>, outlines: Vec<Outline>, limits: &PlanLimits) -> Vec<Plan> {
        let digest = identity::digest(solver.problem, limits);
        let picked = pick::pick(outlines, limits.plans).into_iter().enumerate();
        let built = picked.filter_map(|(place, (outline, names))| {
            build::plan(solver, &outline, names, identity::plan_id(&digest, place))
        });
        // What the independent check finds fault with is not handed out; the tests show that it finds none.
        built.filter(|plan| plan.violations().is_empty()).collect()
    }
}

impl Default for FrontierPlanner {
    /// A planner that believes the throughput tables shipped with the crate.
    fn default() -> Self {
        Self::new(Arc::new(ThroughputEstimator::default()))
    }
}

impl Planner for FrontierPlanner {
    fn plan(&self, problem: &PlanningProblem, limits: &PlanLimits) -> PlanOutcome {
        if let Err(error) = problem.intent.check() {
            let (constraint, asked) = ("intent".into(), error.to_string());
            let bound = BindingConstraint { constraint, asked, nearest: "an intent with a meaning".into() };
            return PlanOutcome::Infeasible(Infeasibility::new(vec![bound], Vec::new(), Vec::new()));
        }
        let mut rejected = Rejections::default();
        let supply = Supply::of(problem, &mut rejected);
        let conditions = Conditions::of(problem, &problem.intent.constraints);
        let mut solver = Solver::new(problem, &supply, &*self.estimator, conditions, limits.candidates);
        solver.rejected = rejected;
        let outlines = solver.solve();
        let plans = Self::frontier(&solver, outlines, limits);
        if plans.is_empty() {
            return PlanOutcome::Infeasible(diagnose::diagnose(self, problem, limits, &solver));
        }
        let (considered, complete) = (solver.effort.whole, solver.effort.complete);
        PlanOutcome::Feasible(Frontier::new(plans, solver.rejected.report(), considered, complete))
    }
}

/// The same problem with another intent.
fn whole_problem(problem: &PlanningProblem, intent: &Intent) -> PlanningProblem {
    let mut changed = problem.clone();
    changed.intent = intent.clone();
    changed
}
