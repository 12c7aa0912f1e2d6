mod planner_catalogue;
use orp_core::prelude::*;
use orp_sched::planner::FrontierPlanner;
use planner_catalogue::*;
fn main_for(n: usize) {
    let p = FrontierPlanner::default();
    let pr = problem(reference_intent(), if n==0 { reference_offers() } else { wide_offers(n) });
    for _ in 0..5 {
    match p.plan(&pr, &PlanLimits::default()) {
        PlanOutcome::Feasible(f) => println!("{} considered, complete {}, {} {}", f.considered, f.complete, f.named("cheapest").unwrap(), f.named("fastest").unwrap()),
        PlanOutcome::Infeasible(i) => println!("{i}"),
    }
    }
}
#[test] fn n0() { main_for(0) }
#[test] fn n200() { main_for(200) }
#[test] fn n500() { main_for(500) }
