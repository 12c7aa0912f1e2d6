mod planner_catalogue;
use orp_core::prelude::*;
use orp_sched::planner::FrontierPlanner;
use planner_catalogue::*;

#[test]
fn show() {
    let p = FrontierPlanner::default();
    let t = std::time::Instant::now();
    match p.plan(&problem(reference_intent(), reference_offers()), &PlanLimits::default()) {
        PlanOutcome::Feasible(f) => {
            println!("{} considered, complete {}, {:?}", f.considered, f.complete, t.elapsed());
            println!("{}", f.table());
            for n in ["fastest", "cheapest", "balanced"] { println!("{}", f.named(n).unwrap().explain()); }
            for r in &f.rejected { println!("  {} × {}", r.count, r.reason); }
        }
        PlanOutcome::Infeasible(i) => println!("{i}"),
    }
    let t = std::time::Instant::now();
    match p.plan(&problem(reference_intent().with_tokens(TokenDemand::All), reference_offers()), &PlanLimits::default()) {
        PlanOutcome::Feasible(f) => println!("{}", f.table()),
        PlanOutcome::Infeasible(i) => println!("{i}\n{:?}", t.elapsed()),
    }
    for n in [200, 500, 1000] {
    let pr = problem(reference_intent(), wide_offers(n));
    let t = std::time::Instant::now();
    match p.plan(&pr, &PlanLimits::default()) {
        PlanOutcome::Feasible(f) => {
            println!("{} considered, complete {}, {:?}", f.considered, f.complete, t.elapsed());
            println!("{}", f.table());
        }
        PlanOutcome::Infeasible(i) => println!("{i}"),
    }
    }
}
