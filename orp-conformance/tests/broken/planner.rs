//! Planners that break one law each.

use crate::{Fake, catches};
use orp_conformance::planner_suite;
use orp_core::memory::MemoryPlanner;
use orp_core::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const FAKES: &[Fake] = &[
    ("PLAN-1", "plans a little differently each time"),
    ("PLAN-2", "ignores the budget"),
    ("PLAN-2", "leaves a task out"),
    ("PLAN-3", "adds a plan that is worse"),
    ("PLAN-4", "plans more than was asked"),
    ("PLAN-4", "has a frontier without plans"),
    ("PLAN-5", "gives false hope"),
    ("PLAN-6", "binds what is forbidden"),
];

#[derive(Debug)]
struct Bent {
    flaw: &'static str,
    calls: AtomicU64,
}

impl Planner for Bent {
    fn plan(&self, problem: &PlanningProblem, limits: &PlanLimits) -> PlanOutcome {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let mut seen = problem.clone();
        match self.flaw {
            "ignores the budget" => seen.intent.constraints.cost = None,
            "binds what is forbidden" => seen.forbidden.clear(),
            _ => {}
        }
        match MemoryPlanner::default().plan(&seen, limits) {
            PlanOutcome::Feasible(mut frontier) => {
                self.bend(&mut frontier, problem, limits, call);
                PlanOutcome::Feasible(frontier)
            }
            PlanOutcome::Infeasible(mut reasons) => {
                if self.flaw == "gives false hope" {
                    let (change, gives) = ("hope".into(), "all".into());
                    reasons.relaxations = vec![Relaxation { change, intent: Box::new(problem.intent.clone()), gives }];
                }
                PlanOutcome::Infeasible(reasons)
            }
        }
    }
}

impl Bent {
    fn bend(&self, frontier: &mut Frontier, problem: &PlanningProblem, limits: &PlanLimits, call: u64) {
        let mut plan = frontier.plans.remove(0);
        plan.intent = problem.intent.clone();
        let mut more = plan.clone();
        match self.flaw {
            "plans a little differently each time" => plan.why.push(format!("call {call}")),
            "leaves a task out" => drop(plan.bindings.pop()),
            "adds a plan that is worse" if limits.plans > 1 => {
                more.estimate.risk = Probability::ONE;
                frontier.plans.push(more);
            }
            "plans more than was asked" => frontier.plans.extend(vec![more; limits.plans]),
            "has a frontier without plans" => return,
            _ => {}
        }
        frontier.plans.push(plan);
    }
}

#[test]
fn planners() {
    for fake in FAKES {
        catches(*fake, &planner_suite(&Bent { flaw: fake.1, calls: AtomicU64::new(0) }, &[]));
    }
}
