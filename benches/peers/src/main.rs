//! Policy decisions of ORP beside those of `cedar-policy`, `regorus` and `cel`, on the same rules and the same requests.
//!
//! ```text
//! cd benches/peers && cargo run --release
//! ```
//!
//! Every engine first gives the same verdict for the same rules on every request. Then each decides all requests in turn, as
//! it is; behind an equality index, which is its best case (see [`engine::Indexed`]; ORP has an index of its own); and both
//! again from requests as JSON, each in the form that a host of that engine would write. Last, 1,000 conditions that no index
//! can go by, in ORP and `cel`. Times are the thread's processor time, the median over stretches of 20 decisions.
//!
//! The table is also written to `last.json`, which the scorecard of the root crate reads.

mod cedar;
mod engine;
mod orp;
mod plain_cel;
mod rego;
mod rules;

use engine::{Engine, Indexed};
use rules::{Request, Rule};
use serde::Serialize;
use std::hint::black_box;
use std::time::{Duration, SystemTime};

const RULES: usize = 1_000;
const REQUESTS: usize = 1_000;
/// How many decisions are timed at once: enough that the clock does not count.
const STRETCH: usize = 20;

/// What `last.json` says.
#[derive(Serialize)]
struct Report {
    command: &'static str,
    date: String,
    machine: String,
    versions: Vec<(String, String)>,
    rules: usize,
    requests: usize,
    /// By engine, the first of which is ORP.
    engines: Vec<Row>,
    /// Conditions that no index can go by.
    residual: Vec<(&'static str, u64)>,
}

/// Times of one decision, in nanoseconds: medians.
#[derive(Serialize)]
struct Row {
    engine: &'static str,
    as_is_ns: u64,
    indexed_ns: Option<u64>,
    json_ns: u64,
    json_indexed_ns: Option<u64>,
}

fn main() {
    let (rules, requests) = (rules::rules(RULES), rules::requests(REQUESTS));
    let expected = verdicts::<orp::Orp>(&rules, &requests);
    let both = expected.iter().filter(|by| by.len() == 2).count();
    let allowed = expected.iter().filter(|by| by.is_empty()).count();
    assert!(both > 10 && allowed > 100 && allowed < REQUESTS - 100, "{both} {allowed}");
    agree::<cedar::Cedar>(&rules, &requests, &expected);
    agree::<rego::Interpreted>(&rules, &requests, &expected);
    agree::<rego::Machine>(&rules, &requests, &expected);
    agree::<plain_cel::Cel>(&rules, &requests, &expected);
    println!("all engines agree on {REQUESTS} requests: {allowed} are allowed, {both} are forbidden by two rules\n");

    let engines = vec![
        Row { indexed_ns: None, json_indexed_ns: None, ..row::<orp::Orp>("orp", &rules, &requests) },
        row::<cedar::Cedar>("cedar-policy", &rules, &requests),
        row::<rego::Interpreted>("regorus", &rules, &requests),
        row::<rego::Machine>("regorus (machine)", &rules, &requests),
        row::<plain_cel::Cel>("cel", &rules, &requests),
    ];
    let report = Report {
        command: "cd benches/peers && cargo run --release",
        date: today(),
        machine: format!("{} cores, shared; thread processor time", cores()),
        versions: ["cedar-policy", "regorus", "cel", "orp-policy"].map(|name| (name.into(), version(name))).into(),
        rules: RULES,
        requests: REQUESTS,
        engines,
        residual: residual(),
    };
    print(&report);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/last.json");
    let text = serde_json::to_string_pretty(&report).expect("a report can be written");
    std::fs::write(path, text + "\n").expect("last.json can be written");
}

// ---- agreement ----------------------------------------------------------------------------------------------------------

fn verdicts<E: Engine>(rules: &[Rule], requests: &[Request]) -> Vec<Vec<String>> {
    let engine = E::new(rules);
    let verdict = |request: &Request| E::forbidding(&engine.decide(&engine.facts(&E::json(request))));
    requests.iter().map(verdict).collect()
}

/// As it is and behind the index, the engine forbids what is expected, by the rules that are expected.
fn agree<E: Engine>(rules: &[Rule], requests: &[Request], expected: &[Vec<String>]) {
    let indexed = Indexed::<E>::new(rules, requests);
    for ((request, by), expected) in requests.iter().zip(verdicts::<E>(rules, requests)).zip(expected) {
        assert_eq!(by, *expected, "{request:?}");
        let engine = indexed.engine(request);
        assert_eq!(E::forbidding(&engine.decide(&engine.facts(&E::json(request)))), *expected, "{request:?}");
    }
}

// ---- time ---------------------------------------------------------------------------------------------------------------

fn row<E: Engine>(name: &'static str, rules: &[Rule], requests: &[Request]) -> Row {
    let (engine, indexed) = (E::new(rules), Indexed::<E>::new(rules, requests));
    let texts: Vec<String> = requests.iter().map(E::json).collect();
    let facts: Vec<E::Facts> = texts.iter().map(|text| engine.facts(text)).collect();
    let as_is = median(|at| engine.decide(&facts[at]));
    let behind = median(|at| indexed.engine(&requests[at]).decide(&facts[at]));
    let json = median(|at| engine.decide(&engine.facts(&texts[at])));
    let json_behind = median(|at| {
        let engine = indexed.engine(&requests[at]);
        engine.decide(&engine.facts(&texts[at]))
    });
    Row { engine: name, as_is_ns: as_is, indexed_ns: Some(behind), json_ns: json, json_indexed_ns: Some(json_behind) }
}

/// The median time of one piece of work on a request, over stretches of [`STRETCH`] requests and at least all requests
/// twice; fast work is done on all requests again and again for a quarter of a second.
fn median<T>(mut work: impl FnMut(usize) -> T) -> u64 {
    (0..REQUESTS / 10).for_each(|at| drop(black_box(work(at))));
    let mut times = Vec::new();
    let begin = cpu_time();
    while times.len() < 2 * REQUESTS / STRETCH || cpu_time() - begin < Duration::from_millis(250) {
        for first in (0..REQUESTS).step_by(STRETCH) {
            let start = cpu_time();
            (first..first + STRETCH).for_each(|at| drop(black_box(work(black_box(at)))));
            times.push((cpu_time() - start).as_nanos() as u64 / STRETCH as u64);
        }
    }
    times.sort_unstable();
    times[times.len() / 2]
}

fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// 1,000 conditions one of which holds, judged all.
fn residual() -> Vec<(&'static str, u64)> {
    let id = |at: usize| format!("when-{at}");
    let mut text = orp::document("the-rest", "effect: allow, actions: [\"*\"]");
    for at in 0..RULES {
        let spec = format!("effect: deny, actions: [\"*\"], when: \"{}\"", rules::expression(at));
        text += &orp::document(&id(at), &spec);
    }
    let orp = orp::Orp::from_text(&text);
    let cel = plain_cel::Cel::from_expressions((0..RULES).map(|at| (id(at), rules::expression(at))));
    let request = &rules::requests(1)[0];
    let (orp_facts, cel_facts) = (orp.facts(&orp::Orp::json(request)), cel.facts(&plain_cel::Cel::json(request)));
    assert_eq!(orp::Orp::forbidding(&orp.decide(&orp_facts)), [id(500)]);
    assert_eq!(cel.decide(&cel_facts), [id(500)]);
    vec![("orp", median(|_| orp.decide(&orp_facts))), ("cel", median(|_| cel.decide(&cel_facts)))]
}

// ---- the report ---------------------------------------------------------------------------------------------------------

fn print(report: &Report) {
    let micros = |ns: u64| format!("{:.2} µs", ns as f64 / 1e3);
    let base = &report.engines[0];
    println!("{} rules; {}; {}", report.rules, report.date, report.machine);
    println!("{:<28} {:>20} {:>20} {:>20} {:>20}", "", "as it is", "behind an index", "from JSON", "both");
    for row in &report.engines {
        let version = report.versions.iter().find(|(name, _)| row.engine.starts_with(name.as_str()));
        let name = version.map_or(row.engine.to_owned(), |(_, version)| format!("{} {version}", row.engine));
        let cell = |ns: Option<u64>, base: u64| match ns {
            Some(ns) => format!("{} {:>7.1}×", micros(ns), ns as f64 / base as f64),
            None => "-".into(),
        };
        println!(
            "{name:<28} {:>20} {:>20} {:>20} {:>20}",
            cell(Some(row.as_is_ns), base.as_is_ns),
            cell(row.indexed_ns, base.as_is_ns),
            cell(Some(row.json_ns), base.json_ns),
            cell(row.json_indexed_ns, base.json_ns)
        );
    }
    let [(_, orp), (_, cel)] = report.residual[..] else { return };
    println!(
        "\n{RULES} conditions without an index: orp {}, cel {} ({:.1}×)",
        micros(orp),
        micros(cel),
        cel as f64 / orp as f64
    );
}

fn today() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a date after 1970");
    let now = orp_core::unit::Timestamp::from_micros(since.as_micros() as i64).to_string();
    now.chars().take("2026-11-23".len()).collect()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The version of a package in the lock file.
fn version(name: &str) -> String {
    let lock = include_str!("../Cargo.lock");
    let from = lock.find(&format!("name = \"{name}\"\nversion = \"")).expect("a locked package");
    lock[from..].split('"').nth(3).expect("a version").into()
}
