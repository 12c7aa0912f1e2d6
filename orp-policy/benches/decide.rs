//! What a decision costs, and what it takes to get to one.
//!
//! ```text
//! cargo bench -p orp-policy --bench decide
//! ```
//!
//! | group | what is measured |
//! | --- | --- |
//! | `decide` | a permit and a refusal with their reasons, facts already built, among 10 to 10,000 rules of which half forbid a kind of data to go into public models and half cap what a project's plan may cost |
//! | `json` | the same among 1,000 rules, from the request as JSON |
//! | `when` | 1,000 rules that no index can tell apart, beside the crate `cel` on the same 1,000 expressions |
//! | `candidates` | 1,000 offers judged one by one, and after one pass over what they have in common |
//! | `load` | 1,000 rules read, checked and indexed |
//! | `explain` | one explanation among 1,000 rules |
//!
//! Times are the thread's processor time: what other work on the machine takes does not count.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![allow(missing_docs, reason = "criterion's macros make items without docs")]

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use orp_core::contract::PolicyEngine;
use orp_core::prelude::*;
use orp_policy::PolicySet;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

type Bench = Criterion<CpuTime>;

/// The processor time of the thread.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
    }

    fn end(&self, start: Duration) -> Duration {
        self.start() - start
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        static WALL: WallTime = WallTime;
        WALL.formatter()
    }
}

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

fn document(id: &str, spec: &str) -> String {
    format!("---\napiVersion: orp.policy/v1\nkind: Rule\nmetadata: {{id: {id}}}\nspec: {{{spec}}}\n")
}

fn set(text: &str) -> PolicySet {
    PolicySet::from_sources(&[Source::new("bench.yaml", text)]).unwrap()
}

/// Rules that are told apart by what facts equal.
fn indexable(count: usize) -> String {
    let mut text = document("the-rest", "effect: allow, actions: [\"*\"], because: nothing forbids it");
    for at in 0..count / 2 {
        let data = format!(
            "effect: deny, actions: [fine_tune], where: {{labels.data: kind-{at}, model.visibility: public}}, \
             because: \"{{labels.data}} stays out of public models; {{model.name}} is one\", remedy: a private model"
        );
        let cap =
            format!("effect: deny, actions: [\"*\"], where: {{project.id: p-{at}, cost: {{at_least: {at} USD}}}}");
        text += &document(&format!("data-{at}"), &data);
        text += &document(&format!("cap-{at}"), &cap);
    }
    text
}

/// What the control plane asks of a plan.
fn request(cost: &str) -> PolicyRequest {
    PolicyRequest::new(PolicyPoint::Plan, "fine_tune", "2026-11-23T04:38:00Z".parse().unwrap())
        .with_fact("project.id", "p-3")
        .with_fact("requester", "ada")
        .with_fact("goal.kind", "fine_tune")
        .with_fact("dataset.name", "tickets")
        .with_fact("dataset.class", DataClass::Internal)
        .with_fact("model.name", "llama-3-70b")
        .with_fact("model.visibility", "public")
        .with_fact("labels.data", "kind-x")
        .with_fact("resource.kind", "gpu")
        .with_fact("priority", 5)
        .with_fact("cost", cost.parse::<Money>().unwrap())
}

/// By no rule, by a rule that does not say why, and by one that says it with facts.
fn requests() -> [(&'static str, PolicyRequest, Verdict); 3] {
    [
        ("permit", request("2 USD"), Verdict::Permit),
        ("forbid", request("4 USD"), Verdict::Forbid),
        ("forbid-because", request("2 USD").with_fact("labels.data", "kind-1"), Verdict::Forbid),
    ]
}

fn decide(criterion: &mut Bench) {
    let mut group = criterion.benchmark_group("decide");
    for count in SIZES {
        let set = set(&indexable(count));
        for (name, request, verdict) in requests() {
            assert_eq!(set.decide(&request).verdict, verdict);
            group.bench_with_input(BenchmarkId::new(name, count), &request, |bencher, request| {
                bencher.iter(|| set.decide(black_box(request)));
            });
        }
    }
    group.finish();
}

fn json(criterion: &mut Bench) {
    let set = set(&indexable(1_000));
    let mut group = criterion.benchmark_group("json");
    for (name, request, verdict) in requests() {
        let text = serde_json::to_string(&request).unwrap();
        let answer = |text: &str| set.decide(&serde_json::from_str(text).unwrap());
        assert_eq!(answer(&text).verdict, verdict);
        group.bench_with_input(BenchmarkId::new(name, 1_000), &text, |bencher, text| {
            bencher.iter(|| answer(black_box(text)));
        });
    }
    group.finish();
}

/// Conditions that name no text which a fact must equal, and mean the same to the crate `cel`; the 500th of them holds.
fn expression(at: usize) -> String {
    match at {
        500 => "priority >= 5 && model.name.startsWith('llama')".into(),
        _ if at.is_multiple_of(3) => format!("priority > {} && model.name != 'm-{at}'", 10 + at),
        _ if at % 3 == 1 => format!("model.name.startsWith('m-{at}') || size(dataset.name) > {}", 10 + at),
        _ => format!("!(requester in ['ada', 'bob-{at}']) || priority * {at} > {}", 100 * (at + 1)),
    }
}

/// What the crate `cel` is given: the facts of a request that expressions speak of, as it knows values.
fn cel_context(request: &PolicyRequest) -> cel::Context<'static, 'static> {
    let mut context = cel::Context::default();
    let mut subjects: BTreeMap<&str, Vec<(&str, cel::Value)>> = BTreeMap::new();
    for (name, fact) in &request.facts {
        let value = match fact {
            FactValue::Text(text) => cel::Value::from(text.as_str()),
            FactValue::Number(number) => cel::Value::from(*number),
            _ => continue,
        };
        match name.split_once('.') {
            None => context.add_variable_from_value(name.as_str(), value),
            Some((subject, field)) => subjects.entry(subject).or_default().push((field, value)),
        }
    }
    for (subject, fields) in subjects {
        let map = std::sync::Arc::new(fields.into_iter().map(|(field, value)| (field.into(), value)).collect());
        context.add_variable_from_value(subject, cel::Value::Map(cel::objects::Map { map }));
    }
    context
}

fn when(criterion: &mut Bench) {
    let mut text = document("the-rest", "effect: allow, actions: [\"*\"]");
    for at in 0..1_000 {
        let spec = format!("effect: deny, actions: [\"*\"], when: \"{}\"", expression(at));
        text += &document(&format!("when-{at}"), &spec);
    }
    let (set, request) = (set(&text), request("2 USD"));
    let decision = set.decide(&request);
    let said: Vec<&str> = decision.reasons.iter().map(|reason| reason.rule.as_str()).collect();
    assert_eq!(said, ["when-500"]);

    let programs: Vec<cel::Program> = (0..1_000).map(|at| cel::Program::compile(&expression(at)).unwrap()).collect();
    let context = cel_context(&request);
    let holding = |context: &cel::Context<'_, '_>| -> Vec<usize> {
        let holds = |program: &cel::Program| program.execute(context).unwrap() == cel::Value::Bool(true);
        programs.iter().enumerate().filter(|(_, program)| holds(program)).map(|(at, _)| at).collect()
    };
    assert_eq!(holding(&context), [500]);

    let mut group = criterion.benchmark_group("when");
    group.bench_function("orp/1000", |bencher| bencher.iter(|| set.decide(black_box(&request))));
    group.bench_function("cel/1000", |bencher| bencher.iter(|| holding(black_box(&context))));
    group.finish();
}

/// Rules on where a project's tasks may run, beside those about its data.
fn placing(count: usize) -> String {
    let mut text = indexable(count / 2);
    for at in 0..count / 4 {
        let region = format!("effect: deny, actions: [\"*\"], where: {{project.id: p-{at}, region: r-{at}}}");
        let market = format!(
            "effect: deny, actions: [\"*\"], where: {{market: spot, labels.data: kind-{at}}}, \
             when: dataset.class >= label('confidential')"
        );
        text += &document(&format!("region-{at}"), &region);
        text += &document(&format!("market-{at}"), &market);
    }
    text
}

fn candidates(criterion: &mut Bench) {
    let set = set(&placing(1_000));
    let mut known = request("2 USD");
    known.point = PolicyPoint::Place;
    known.facts.remove("cost");
    let open = ["provider", "region", "market"];
    let offers: Vec<Facts> = (0..1_000)
        .map(|at| {
            let offer = [("provider", "aws".into()), ("region", format!("r-{}", at % 60)), ("market", "spot".into())];
            offer.map(|(name, value): (&str, String)| (name.to_owned(), FactValue::from(value))).into()
        })
        .collect();
    let whole: Vec<PolicyRequest> = offers
        .iter()
        .map(|offer| offer.iter().fold(known.clone(), |whole, (name, value)| whole.with_fact(name, value.clone())))
        .collect();
    let one_by_one = || whole.iter().filter(|request| set.decide(black_box(request)).is_permit()).count();
    let after_one_pass = || {
        let narrow = set.narrow(black_box(&known), &open);
        offers.iter().filter(|offer| narrow.decide(black_box(offer)).is_permit()).count()
    };
    assert_eq!((one_by_one(), after_one_pass()), (983, 983));

    let mut group = criterion.benchmark_group("candidates");
    group.bench_function("each/1000", |bencher| bencher.iter(one_by_one));
    group.bench_function("narrowed/1000", |bencher| bencher.iter(after_one_pass));
    group.bench_function("narrow", |bencher| bencher.iter(|| set.narrow(black_box(&known), &open)));
    group.finish();
}

fn load(criterion: &mut Bench) {
    let with_when: String = (0..1_000)
        .map(|at| {
            let spec = format!(
                "effect: deny, actions: [fine_tune], where: {{project.id: p-{at}}}, \
                 when: \"dataset.class >= label('internal') && cost > money('{at} USD')\""
            );
            document(&format!("r-{at}"), &spec)
        })
        .collect();
    let mut group = criterion.benchmark_group("load");
    for (name, text) in [("where", indexable(1_000)), ("when", with_when)] {
        group.bench_function(BenchmarkId::new(name, 1_000), |bencher| bencher.iter(|| set(black_box(&text))));
    }
    group.finish();
}

fn explain(criterion: &mut Bench) {
    let set = set(&indexable(1_000));
    let mut group = criterion.benchmark_group("explain");
    for (name, request, _) in requests() {
        group
            .bench_function(BenchmarkId::new(name, 1_000), |bencher| bencher.iter(|| set.explain(black_box(&request))));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = decide, json, when, candidates, load, explain
}
criterion_main!(benches);
