//! Where every goal stands: `cargo bench --bench scorecard [-- AREA …]`.
//!
//! Prints a line for each goal: `area/goal`, what was measured, the target, and whether it is met. It measures and never
//! asserts. Peers and floors are measured in the same run where they can be had; every figure is the best of several tries,
//! since these are shared machines. A goal nothing measures yet says so.

#![allow(clippy::expect_used, reason = "a benchmark of good input")]

mod durable;

use orp_sdk::{
    policy::{
        PolicySet,
        audit::{Chain, Header, Verifier},
    },
    prelude::*,
    provider::market::{Catalogue, Supply, builtin_network},
    sched::{
        planner::{FrontierPlanner, builtin_recipes},
        scheduler::PreemptivePriority,
    },
    store::Store,
};
use std::{
    fs::File,
    hint::black_box,
    io::Write,
    process::Command,
    time::{Duration, Instant},
};

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let areas: [(&str, Area); 5] =
        [("house", house), ("policy", policy), ("scheduler", scheduler), ("planner", planner), ("runs", runs)];
    println!("{:<44} {:<34} {:<26} state", "area/goal", "measured", "target");
    for (area, measure) in areas {
        if wanted.is_empty() || wanted.iter().any(|name| name == area) {
            for line in measure() {
                println!(
                    "{:<44} {:<34} {:<26} {}",
                    format!("{area}/{}", line.goal),
                    line.measured,
                    line.target,
                    line.state
                );
            }
        }
    }
}

type Area = fn() -> Vec<Line>;

struct Line {
    goal: &'static str,
    measured: String,
    target: String,
    state: &'static str,
}

fn line(goal: &'static str, measured: String, target: &str, met: bool) -> Line {
    Line { goal, measured, target: target.into(), state: if met { "met" } else { "missed" } }
}

/// A time, which is to be at most so long.
fn within(goal: &'static str, took: Duration, most: Duration, target: &str) -> Line {
    line(goal, format!("{took:.2?}"), target, took <= most)
}

fn not_measured(goal: &'static str, target: &str) -> Line {
    Line { goal, measured: "-".into(), target: target.into(), state: "not measured" }
}

/// The best of several tries.
fn best(tries: u32, mut work: impl FnMut()) -> Duration {
    (0..tries).map(|_| time(&mut work)).min().unwrap_or_default()
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn time(work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The time of one of `count` equal steps that `work` makes.
fn per_step(count: u32, work: impl FnMut()) -> Duration {
    best(5, work) / count
}

// ---- house --------------------------------------------------------------------------------------------------------------

fn house() -> Vec<Line> {
    let tree = Command::new(env!("CARGO")).args(["tree", "-p", "orp-sdk", "-e", "normal", "--prefix", "none"]).output();
    let tree = tree.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let crates: std::collections::BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    // Written by `.ci/cold-build`: a cold build cannot be measured from within a warm one.
    let cold = std::fs::read_to_string("target/scorecard/cold-build.txt").ok();
    let seconds = cold.as_ref().and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    vec![
        match (seconds, cold) {
            (Some(seconds), Some(text)) => {
                line("cold default build", text.trim().into(), "wall ≤ 120 s, two cores", seconds <= 120.0)
            }
            _ => not_measured("cold default build (.ci/cold-build)", "wall ≤ 120 s, two cores"),
        },
        line("crates in the default build", crates.len().to_string(), "reported", true),
    ]
}

// ---- policy -------------------------------------------------------------------------------------------------------------

fn policy_text(rules: usize) -> String {
    let head = |id: &str| format!("---\napiVersion: orp.policy/v1\nkind: Rule\nmetadata: {{id: {id}}}\nspec:\n");
    let mut text = head("the-rest") + "  {effect: allow, actions: [\"*\"], because: nothing forbids it}\n";
    for at in 0..rules / 2 {
        text += &head(&format!("data-{at}"));
        text += &format!(
            "  {{effect: deny, actions: [fine_tune], where: {{labels.data: kind-{at}, model.visibility: public}}}}\n"
        );
        text += &head(&format!("cap-{at}"));
        text += &format!(
            "  {{effect: deny, actions: [\"*\"], where: {{project.id: p-{at}, cost: {{at_least: {at} USD}}}}}}\n"
        );
    }
    text
}

fn policy() -> Vec<Line> {
    let request = PolicyRequest::new(PolicyPoint::Plan, "fine_tune", Timestamp::from_micros(1_800_000_000_000_000))
        .with_fact("project.id", "p-3")
        .with_fact("goal.kind", "fine_tune")
        .with_fact("dataset.name", "tickets")
        .with_fact("dataset.class", DataClass::Internal)
        .with_fact("model.name", "llama-3-70b")
        .with_fact("model.visibility", "public")
        .with_fact("labels.data", "kind-x")
        .with_fact("cost", Money::from_micros(2_000_000, Currency::USD));
    let set = |text: &str| PolicySet::from_sources(&[Source::new("scorecard.yaml", text)]).expect("the rules are good");
    let decide = |rules: usize| {
        let set = set(&policy_text(rules));
        per_step(1000, || (0..1000).for_each(|_| drop(black_box(set.decide(black_box(&request))))))
    };
    let (ten, thousand, ten_thousand) = (decide(10), decide(1000), decide(10_000));
    let text = policy_text(1000);
    let load = best(5, || drop(black_box(set(&text))));
    let ratio = ten_thousand.as_secs_f64() / ten.as_secs_f64();
    let mut lines = vec![
        within("decision, 1,000 indexable rules", thousand, Duration::from_micros(1), "≤ 1 µs"),
        line("10 → 10,000 rules", format!("{ratio:.2}× ({ten:.2?}, {ten_thousand:.2?})"), "≤ 1.3×", ratio <= 1.3),
        within("load, check, index 1,000 rules", load, Duration::from_millis(50), "≤ 50 ms"),
        reserve_and_commit(),
    ];
    lines.extend(peers());
    lines.extend(audit());
    lines
}

/// What `benches/peers` found when it was last run: its engines take minutes to build.
fn peers() -> Vec<Line> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/last.json");
    let report = std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let report: serde_json::Value = report.unwrap_or_default();
    let row = |engine: &str, field: &str| {
        report["engines"].as_array()?.iter().find(|row| row["engine"] == engine)?[field].as_f64()
    };
    let against =
        |goal, engine: &str| match (row("orp", "as_is_ns"), row(engine, "as_is_ns"), row(engine, "indexed_ns")) {
            (Some(orp), Some(peer), Some(indexed)) => {
                let measured = format!("{:.0}×; {:.1}× if it is indexed", peer / orp, indexed / orp);
                line(goal, measured, "≥ 300×", peer / orp >= 300.0)
            }
            _ => not_measured(goal, "≥ 300×"),
        };
    let (residual, faster) = ("1,000 residual rules against cel", "≥ 1×");
    let [orp, cel] = [0, 1].map(|engine| report["residual"][engine][1].as_f64());
    vec![
        match (report["date"].as_str(), report["machine"].as_str()) {
            (Some(date), Some(machine)) => {
                line("last run of benches/peers", format!("{date}, {machine}"), "reported", true)
            }
            _ => not_measured("last run of benches/peers", "reported"),
        },
        against("against cedar-policy", "cedar-policy"),
        against("against regorus", "regorus"),
        against("against regorus' machine", "regorus (machine)"),
        match (orp, cel) {
            (Some(orp), Some(cel)) => line(residual, format!("{:.1}×", cel / orp), faster, cel >= orp),
            _ => not_measured(residual, faster),
        },
    ]
}

/// Records made durable, and verified.
fn audit() -> Vec<Line> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (batches, writers) =
        runtime.block_on(async { (durable::in_batches(4096).await, durable::many_writers().await) });
    let (one, fact) =
        runtime.block_on(async { (durable::one_at_a_time(false).await, durable::one_fact_followed().await) });
    let rate = |goal, records: usize, took: Duration, target, least: f64| {
        let rate = records as f64 / took.as_secs_f64();
        line(goal, format!("{rate:.0}/s"), target, rate >= least)
    };
    let (added, floor) = (one.log.median().saturating_sub(one.floor.median()), one.floor.median());
    let mut log = Vec::new();
    let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
    let entry = durable::decision(false);
    for _ in 0..VERIFIED {
        chain.append(&entry, &mut log);
    }
    let verified = best(5, || assert!(Verifier::new().check(black_box(&log)).is_intact()));
    vec![
        rate("durable audit, batches of 4,096", 4096, batches.log.best(), "≥ 100,000 records/s", 1e5),
        rate(
            "durable audit, 64 writers",
            durable::WRITERS.0 * durable::WRITERS.1,
            writers.best(),
            "≥ 100,000 records/s",
            1e5,
        ),
        line("one fact of the journal, on record", format!("{:.2?}, median", fact.median()), "reported", true),
        line("one record, above a bare sync", format!("{added:.2?}, median (sync {floor:.2?})"), "reported", true),
        rate("audit verification", VERIFIED, verified, "≥ 1,000,000 records/s", 1e6),
    ]
}

const VERIFIED: usize = 100_000;

fn reserve_and_commit() -> Line {
    let usd = |micros| Money::from_micros(micros, Currency::USD);
    let names = ["org", "team", "project"].map(|name| BudgetName::new(name).expect("a name"));
    let keys: Vec<IdempotencyKey> = (0..1000).map(|at| IdempotencyKey::new(format!("run-{at}"))).collect();
    let rule = RuleId::new("scorecard").expect("a name");
    let budget = |name: &BudgetName| BudgetSpec::new(name.clone(), usd(1_000_000_000), rule.clone());
    let budgets = names.each_ref().map(budget);
    let each = per_step(1000, || {
        let mut ledger = Ledger::default();
        ledger.open_all(&budgets).expect("new accounts");
        for key in &keys {
            ledger.reserve(key.clone(), usd(100), &names, None).expect("enough is left");
            ledger.charge(key, usd(70), Timestamp::EPOCH).expect("it is reserved");
            ledger.settle(key).expect("it is open");
        }
    });
    let goal = "reserve + charge + settle, three levels";
    within(goal, each, Duration::from_nanos(200), "≤ 200 ns")
}

// ---- scheduler ----------------------------------------------------------------------------------------------------------

fn scheduler() -> Vec<Line> {
    let node = |at: usize| Node {
        name: NodeName::new(format!("n{at}")).expect("a name"),
        capacity: Capacity {
            cpu: CpuAmount::whole(64),
            memory: Bytes::from_gb(512),
            gpu: GpuAmount::whole(8),
            ..Capacity::ZERO
        },
        labels: Labels::new(),
    };
    let view = ClusterView::new((0..1000).map(node).collect());
    let demand =
        Capacity { cpu: CpuAmount::whole(8), memory: Bytes::from_gb(64), gpu: GpuAmount::whole(1), ..Capacity::ZERO };
    let tenant = Tenant::new("t").expect("a name");
    let jobs: Vec<JobEvent> = (0..10_000)
        .map(|at| {
            let key = IdempotencyKey::new(format!("j{at:05}"));
            Job::new(key, tenant.clone(), demand, Timestamp::from_micros(at)).into()
        })
        .collect();
    let mut started = 0;
    let took = best(3, || {
        let mut scheduler = PreemptivePriority::default();
        started = scheduler.decide(Timestamp::EPOCH, &jobs, &view).list.len();
    });
    let rate = started as f64 / took.as_secs_f64();
    vec![
        line(
            "decisions, 1,000 nodes, 10,000 jobs at once",
            format!("{rate:.0}/s"),
            "≥ 100,000/s (10,000 nodes)",
            rate >= 1e5,
        ),
        not_measured("live step, 10,000 nodes, 100,000 pending", "p99 ≤ 1 ms"),
        not_measured("fidelity: Batsim, Helios, FGD, Gavel", "equal"),
        not_measured("1,000,000 jobs × 10,000 nodes", "≤ 3 s"),
    ]
}

// ---- planner ------------------------------------------------------------------------------------------------------------

fn reference() -> Intent {
    let text = include_str!("../examples/finetune/intent.yaml");
    Intent::from_source(&Source::new("intent.yaml", text)).expect("the reference intent is good")
}

fn reference_offers() -> Vec<Offer> {
    let market = ProviderName::new("market").expect("a name");
    let mut offers = Catalogue::builtin().offers(&market, &Supply::default());
    let home = Place::new("aws", "us-east-1");
    let free = Price::per_hour(Money::zero(Currency::USD));
    let mut add = |id: &str, resource| {
        let key = OfferKey { provider: market.clone(), offer: OfferId::new(id).expect("an id") };
        offers.push(Offer::new(key, resource, home.clone(), free));
    };
    let reference = |text: &str| text.parse().expect("a reference");
    let (size, tokens) = (Bytes::from_gb(100), Some(Tokens::new(25_000_000_000)));
    add("corpus", Resource::Data(Replica { asset: reference("corpus@v3"), size, tokens, class: DataClass::Internal }));
    let (size, parameters) = (Bytes::from_gb(141), 70_600_000_000);
    let asset = reference("llama-3-70b@v1");
    add("llama", Resource::Model(Weights { asset, size, parameters, visibility: Visibility::Public }));
    offers
}

fn planner() -> Vec<Line> {
    let recipes = builtin_recipes().into_iter().filter(|recipe| recipe.goal == "fine_tune").collect();
    let mut problem = PlanningProblem::new(Timestamp::EPOCH, reference(), recipes, reference_offers());
    problem.network = builtin_network();
    let offers = problem.offers.len();
    let planner = FrontierPlanner::default();
    let mut outcome = None;
    let took = best(3, || outcome = Some(planner.plan(&problem, &PlanLimits::default())));
    let mut lines = vec![line(
        "reference intent, built-in catalogue",
        format!("{took:.1?} over {offers} offers"),
        "≤ 100 ms (whole market)",
        took <= Duration::from_millis(100),
    )];
    if let Some(PlanOutcome::Feasible(frontier)) = outcome
        && let Some(plan) = frontier.choose(&problem.intent.prefer)
    {
        let zero = Money::zero(Currency::USD);
        let mut remaining = Remaining::new(plan.clone(), zero, Span::HOUR);
        for (task, share) in plan.workflow.tasks().iter().zip([1.0, 1.0, 0.4]) {
            if share < 1.0 {
                remaining.progress.insert(task.name.clone(), share);
            } else {
                remaining.settled.push(task.name.clone());
            }
        }
        problem.remaining = Some(remaining);
        let took = best(3, || {
            black_box(planner.plan(&problem, &PlanLimits::default()));
        });
        lines.push(within("re-plan after a reclaim", took, Duration::from_millis(10), "≤ 10 ms"));
    }
    lines.extend([
        not_measured("chain of 3 × 132 (cargo bench -p orp-sched)", "≤ 1 ms"),
        not_measured("diamond of 4 × 132", "≤ 10 ms"),
        not_measured("100 tasks × 60 regions", "≤ 1 s"),
        not_measured("HEFT, STG, reclaim tables", "see issue"),
    ]);
    lines
}

// ---- runs ---------------------------------------------------------------------------------------------------------------

fn runs() -> Vec<Line> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (appends, floor) = runtime.block_on(durable_appends());
    let ratio = floor.as_secs_f64() / appends.as_secs_f64();
    let per_append = format!("{appends:.1?} an append, fdatasync {floor:.1?}");
    let (tasks, took) = runtime.block_on(no_op_tasks(200));
    let rate = f64::from(tasks) / took.as_secs_f64();
    vec![
        line("journal, 256 appends at once, durable", per_append, "group commit: < one sync", ratio > 1.0),
        line("in-process no-op tasks, in memory", format!("{rate:.0}/s"), "≥ 1,000,000/s", rate >= 1e6),
        not_measured("journaled no-op tasks", "≥ 500,000/s"),
        not_measured("process tasks against spawn-and-wait", "≤ 1.2×"),
        not_measured("recovery of 1,000,000 events", "≤ 2 s"),
        not_measured("simulation seeds", "10,000 in CI"),
    ]
}

/// The time of one of 256 appends made at once, and of one bare write and sync of the same size.
async fn durable_appends() -> (Duration, Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Store::open(folder.path().join("orp.redb")).and_then(|store| store.journal()).expect("a store");
    let record =
        || NewRecord { at: Timestamp::EPOCH, run: None, event: Event::CancelRequested { reason: "x".repeat(400) } };
    let mut each = Duration::MAX;
    for _ in 0..5 {
        #[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
        let start = Instant::now();
        let appends = (0..256).map(|_| journal.append(vec![record()]));
        futures_util::future::join_all(appends).await.into_iter().for_each(|append| {
            append.expect("it is written");
        });
        each = each.min(start.elapsed() / 256);
    }
    let mut file = File::create(folder.path().join("floor")).expect("a file");
    let floor = best(20, || {
        file.write_all(&[b'x'; 512]).and_then(|()| file.sync_data()).expect("it is written");
    });
    (each, floor)
}

/// A run of so many tasks that do nothing, in this process, with the journal in memory: how many, and how long it took.
async fn no_op_tasks(tasks: u32) -> (u32, Duration) {
    let mut text = "name: none\nversion: 1.0.0\ngoal: none\n\
                    variants: [{name: plain, quality: {floor: 1, ceiling: 1, half: 1, source: assumed}}]\ntasks:\n"
        .to_owned();
    for at in 0..tasks {
        text += &format!("  - {{name: t{at}, work: {{fixed: 1s}}, run: {{in_process: {{function: none}}}}}}\n");
    }
    let recipe = Recipe::from_source(&Source::new("none.yaml", &text)).expect("the recipe is good");
    let orp =
        Orp::builder().recipes(vec![recipe]).function("none", |_| async { Ok(()) }).build().await.expect("it builds");
    let plans = orp.plan(&Intent::new(Goal::new("none"))).await.and_then(PlanAnswer::plans).expect("there is a plan");
    let plan = plans.choose(&[]).cloned().expect("a frontier has a plan");
    #[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
    let start = Instant::now();
    let run = orp.run(plan).await.and_then(RunAnswer::started).expect("it starts");
    run.wait().await.expect("it ends");
    (tasks, start.elapsed())
}
