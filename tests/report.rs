//! Reports of runs: what they say, that they are safe to open, and that no run breaks them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use orp_core::prelude::*;
use orp_sdk::report::Report;
use std::collections::BTreeMap;
use uuid::Uuid;

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn usd(amount: f64) -> Money {
    Money::from_f64(amount, Currency::USD).unwrap()
}

fn name(text: &str) -> TaskName {
    TaskName::new(text).unwrap()
}

fn start() -> Timestamp {
    "2026-11-23T04:38:00Z".parse().unwrap()
}

fn spread<T: Copy>(mean: T, p95: T) -> Estimated<T> {
    Estimated { mean, p50: mean, p95 }
}

/// A machine on offer: `(id, sku, gpus, model, site, region, zone, market, price an hour)`.
type Sold = (&'static str, &'static str, u64, &'static str, (&'static str, &'static str, &'static str), Market, f64);

const CPU: Sold = ("c7i", "c7i.16xlarge", 0, "", ("aws", "us-east-1", "us-east-1a"), Market::OnDemand, 2.856);
const SPOT_EAST: Sold =
    ("p5-east", "p5.48xlarge", 8, "h100-80gb", ("aws", "us-east-1", "us-east-1b"), Market::Spot, 29.12);
const SPOT_WEST: Sold =
    ("p5-west", "p5.48xlarge", 8, "h100-80gb", ("aws", "us-west-2", "us-west-2c"), Market::Spot, 31.46);
const ON_DEMAND: Sold =
    ("a3", "a3-highgpu-8g", 8, "h100-80gb", ("gcp", "europe-west4", "europe-west4-a"), Market::OnDemand, 70.48);
const OWNED: Sold = ("lab", "lab-a100", 2, "a100-40gb", ("house", "lab", "rack-1"), Market::Owned, 0.0);

fn offer((id, sku, gpus, model, (site, region, zone), market, price): Sold) -> Offer {
    let capacity = Capacity { cpu: CpuAmount::whole(64), gpu: GpuAmount::whole(gpus), ..Capacity::ZERO };
    let accelerator = (gpus > 0).then(|| Accelerator { model: model.into(), memory: Bytes::from_gb(80) });
    let machine = Machine { sku: sku.into(), capacity, accelerator, network_gbps: 100.0 };
    let key = OfferKey { provider: ProviderName::new("market").unwrap(), offer: OfferId::new(id).unwrap() };
    let place = Place::new(site, region).with_zone(zone);
    let mut offer = Offer::new(key, Resource::Compute(machine), place, Price::per_hour(usd(price)));
    offer.market = market;
    offer
}

fn binding(task: &str, sold: Option<Sold>, begins: &str, takes: (&str, &str), costs: (f64, f64)) -> Binding {
    let mut binding = Binding::new(name(task), usd(costs.0));
    binding.bound = sold.map(|sold| Bound { claim: 0, offer: offer(sold), units: 1 }).into_iter().collect();
    binding.start = span(begins);
    binding.duration = spread(span(takes.0), span(takes.1));
    binding.cost = spread(usd(costs.0), usd(costs.1));
    binding
}

fn tokens_per_second(per_second: f64) -> Option<Rate> {
    Some(Rate { per_second, unit: "tokens".into(), source: "assumed: 40 % of the peak arithmetic rate".into() })
}

const TOKENS: u64 = 1_200_000_000;

fn workflow() -> Workflow {
    let process = || Action::Process { program: "trainer".into(), args: Vec::new(), env: BTreeMap::new() };
    let training = Training {
        flops_per_parameter_token: 4.0,
        bytes_per_parameter: 0.6,
        utilisation: 0.4,
        checkpoint_bytes_per_parameter: 0.02,
    };
    let works = [
        ("prepare", vec![], Work::Scan { bytes: Bytes::from_gb(100), per_core_second: Bytes::new(600_000) }),
        ("train", vec!["prepare"], Work::Train { tokens: Tokens::new(TOKENS), parameters: 70_000_000_000, training }),
        ("evaluate", vec!["train"], Work::Fixed(span("30m"))),
        ("register", vec!["evaluate"], Work::Fixed(span("1m"))),
    ];
    let task = |(task, after, work): (&str, Vec<&str>, Work)| {
        let mut task = Task::new(name(task), work, process());
        task.after = after.into_iter().map(name).collect();
        task
    };
    Workflow::new(works.into_iter().map(task).collect()).unwrap()
}

fn intent() -> Intent {
    Intent::fine_tune("llama-3-70b@v1".parse().unwrap(), "clinical-notes@v3".parse().unwrap())
        .with_name("Clinical assistant, November")
        .with_project(Tenant::new("health").unwrap())
        .with_requester(Principal::new("ada@example").unwrap())
        .with_metric("accuracy", "medqa")
        .with_budget(usd(500.0))
        .with_deadline(span("12h"))
        .preferring(Preference::Maximise(Objective::Quality))
}

/// A plan, by its place on the frontier, what it trains on, and what is believed about it.
fn plan(id: u128, names: &[&str], train_on: Sold, cost: (f64, f64), takes: (&str, &str), quality: f64) -> Plan {
    let without_others = |takes: &str| span(takes).saturating_sub(span("1h21m")).to_string();
    let training = (without_others(takes.0), without_others(takes.1));
    let costs = (cost.0 - 2.14, cost.1 - 2.5);
    let mut train = binding("train", Some(train_on), "48m", (&training.0, &training.1), costs);
    train.rate = tokens_per_second(42_500.0);
    let mut prepare = binding("prepare", Some(CPU), "0s", ("45m", "52m"), (2.14, 2.5));
    prepare.rate = Some(Rate { per_second: 38.4e6, unit: "bytes".into(), source: "measured on this machine".into() });
    let bindings = vec![
        prepare,
        train,
        binding("evaluate", Some(OWNED), "9h", ("32m", "40m"), (0.0, 0.0)),
        binding("register", None, "9h32m", ("1m", "1m"), (0.0, 0.0)),
    ];
    let quality = Quality { value: quality, source: "assumed".into() };
    let risk = Probability::clamped(if train_on.5 == Market::Spot { 0.034 } else { 0.004 });
    let estimate = Estimate::new(
        spread(usd(cost.0), usd(cost.1)),
        spread(span(takes.0), span(takes.1)),
        risk,
        quality,
        if train_on.5 == Market::Spot { 1.6 } else { 0.0 },
    );
    let recipe = (RecipeName::new("fine-tune").unwrap(), "1.2.0".to_owned());
    let mut plan = Plan::new(PlanId::from_uuid(Uuid::from_u128(id)), intent(), recipe, workflow(), bindings, estimate);
    plan.names = names.iter().map(ToString::to_string).collect();
    plan.variant = "qlora".into();
    plan.tokens = Tokens::new(TOKENS);
    plan.reserve = usd(478.0);
    plan.guarantee = Guarantee::Deadline { fallback: vec![offer(ON_DEMAND).key], bound: span("10m") };
    plan.why = vec![
        format!("{} is the cheapest machine with 8 accelerators of 80 GB that meets the deadline", train_on.1),
        "1.2 G tokens: more would add less than 0.001 of quality for each 20 USD".into(),
    ];
    plan.made = start();
    plan
}

fn chosen() -> Plan {
    plan(3, &["balanced"], SPOT_EAST, (318.4, 431.0), ("9h35m", "11h40m"), 0.702)
}

fn frontier() -> Frontier {
    let plans = vec![
        plan(1, &["fastest"], ON_DEMAND, (492.1, 498.0), ("6h10m", "6h30m"), 0.702),
        plan(2, &["cheapest"], SPOT_EAST, (206.9, 291.0), ("11h20m", "11h58m"), 0.664),
        chosen(),
        plan(4, &["option-4"], SPOT_WEST, (351.0, 455.2), ("9h05m", "11h10m"), 0.703),
        plan(5, &["option-5"], SPOT_EAST, (262.0, 377.0), ("10h30m", "11h50m"), 0.688),
        plan(6, &["option-6"], ON_DEMAND, (405.5, 415.0), ("7h40m", "8h05m"), 0.691),
        plan(7, &["option-7"], SPOT_EAST, (311.0, 420.0), ("9h48m", "11h45m"), 0.698),
    ];
    let rejected = vec![
        Rejection { reason: "policy: region cn-north-1 is denied for internal data".into(), count: 212 },
        Rejection { reason: "needs 80 GB on each accelerator".into(), count: 1_104 },
        Rejection { reason: "costs up to 613.00 USD, the budget is 500.00 USD".into(), count: 386 },
    ];
    Frontier::new(plans, rejected, 1_840, true)
}

/// A run told event by event.
struct Story {
    run: RunState,
    records: Vec<Record>,
    leases: u128,
}

impl Story {
    fn begin(plan: Plan) -> Self {
        let event = Event::RunStarted { plan: Box::new(plan) };
        let id = RunId::from_uuid(Uuid::from_u128(0x5eed_0001));
        let record = Record { sequence: Sequence(1), at: start(), run: Some(id), event };
        Self { run: RunState::begin(&record).unwrap(), records: vec![record], leases: 0 }
    }

    fn at(&mut self, when: &str, event: Event) {
        let sequence = Sequence(self.records.len() as u64 + 1);
        let record = Record { sequence, at: start().after(span(when)), run: Some(self.run.id), event };
        self.run.apply(&record);
        self.records.push(record);
    }

    fn attempt(&self, task: &str, number: u32) -> AttemptId {
        AttemptId { run: self.run.id, task: name(task), number }
    }

    fn queue(&mut self, when: &str, task: &str, number: u32) {
        let attempt = self.attempt(task, number);
        self.at(when, Event::AttemptQueued { attempt, queue: Queue::Ready, reason: "its inputs exist".into() });
    }

    /// Asks for a machine, gets it, starts a process on it.
    fn lease(&mut self, (asked, granted, started): (&str, &str, &str), task: &str, number: u32, sold: Sold) -> LeaseId {
        let (attempt, offer) = (self.attempt(task, number), offer(sold));
        let key = attempt.key("acquire");
        self.at(asked, Event::LeaseRequested { attempt: attempt.clone(), offer: offer.key.clone(), key: key.clone() });
        self.leases += 1;
        let id = LeaseId::from_uuid(Uuid::from_u128(0xabc0 + self.leases));
        let request = AcquireRequest::new(key, offer.key.offer.clone(), Tenant::new("health").unwrap());
        let lease = Lease::new(id, &request, FencingToken(1), offer, start().after(span(granted)));
        self.at(granted, Event::LeaseGranted { attempt, lease: Box::new(lease) });
        self.start(started, task, number, id);
        id
    }

    fn start(&mut self, when: &str, task: &str, number: u32, lease: LeaseId) {
        let attempt = self.attempt(task, number);
        let execution = Execution::new(attempt.key("launch"), lease, 4711, start().after(span(when)));
        self.at(when, Event::AttemptStarting { attempt: attempt.clone() });
        self.at(when, Event::AttemptStarted { attempt, execution });
    }

    fn save(&mut self, when: &str, task: &str, number: u32, share: f64) {
        let checkpoint = Checkpoint { file: format!("step-{share}.bin"), ..Checkpoint::default() };
        self.at(when, Event::CheckpointSaved { attempt: self.attempt(task, number), checkpoint, share });
    }

    fn reattach(&mut self, when: &str, task: &str, number: u32) {
        let attempt = self.attempt(task, number);
        let state = &self.run.tasks[&name(task)].attempts[number as usize - 1];
        let execution = state.execution.clone().unwrap();
        self.at(when, Event::AttemptReattached { attempt, execution });
    }

    fn end(&mut self, when: &str, task: &str, number: u32, (ending, why): (Ending, Option<Interruption>), share: f64) {
        let metrics = match task {
            "evaluate" => BTreeMap::from([("accuracy".into(), 0.6868), ("questions".into(), 1273.0)]),
            "train" => BTreeMap::from([("loss".into(), 1.982 - share)]),
            _ => BTreeMap::new(),
        };
        let attempt = self.attempt(task, number);
        self.at(when, Event::AttemptEnded { attempt, ending, interruption: why, metrics, share });
    }

    fn release(&mut self, when: &str, lease: LeaseId, reclaimed: bool) {
        let at = start().after(span(when));
        let state = self.run.leases.iter().find(|state| state.lease.id == lease).unwrap();
        let cost = state.lease.cost_until(at).unwrap();
        self.at(when, Event::LeaseReleased { lease, released: Released { at, reclaimed }, cost });
    }

    fn done(&mut self, when: &str, task: &str, artefacts: Vec<Artefact>) {
        self.at(when, Event::TaskDone { task: name(task), artefacts });
    }

    fn judge(&mut self, when: &str, point: PolicyPoint, subject: &str, verdict: Verdict) {
        let reasons = if verdict == Verdict::Permit { vec![] } else { vec![region_reason()] };
        let decision = PolicyDecision::new(verdict, reasons, Digest::of(b"policy"));
        self.at(when, Event::PolicyDecided { point, subject: subject.into(), decision, asked: Vec::new() });
    }

    fn replan(&mut self, when: &str, reason: &str, train_on: Sold) {
        let plan = plan(30, &["balanced"], train_on, (455.0, 490.0), ("10h40m", "11h50m"), 0.702);
        self.at(when, Event::Replanned { reason: reason.into(), plan: Box::new(plan) });
    }

    fn finish(&mut self, when: &str, outcome: Outcome) {
        let (key, amount) = self.run.reservation.clone().unwrap();
        let spent = self.run.spent;
        let released = amount.checked_sub(spent).unwrap().into();
        self.at(when, Event::BudgetSettled { key, spent: spent.into(), released });
        self.at(when, Event::RunEnded { outcome });
    }

    fn report(&self) -> Report {
        Report::new(&self.run, Some(&frontier()), &notes())
    }
}

fn region_reason() -> Reason {
    Reason {
        rule: RuleId::new("data-stays-home").unwrap(),
        because: "clinical-notes is confidential, and us-gov-1 is not listed for it".into(),
        remedy: Some("use a region of the list".into()),
    }
}

fn notes() -> Vec<String> {
    vec![
        "Simulated: the machines, their prices and reclaims come from recorded market data, replayed 3,600 times as fast. \
         No machine was rented."
            .into(),
        "Really trained: a byte-level model with 1.1 M parameters on this machine's processor, in the place of \
         llama-3-70b; accuracy is that model's own."
            .into(),
    ]
}

fn artefact(asset: &str, kind: &str, path: &str, size: u64) -> Artefact {
    Artefact {
        asset: asset.parse().unwrap(),
        pillar: Pillar::Model,
        kind: kind.into(),
        path: path.into(),
        size: Bytes::new(size),
        digest: Digest::of(path.as_bytes()),
    }
}

const DONE: (Ending, Option<Interruption>) = (Ending::Exited(0), None);

/// Prepared and in training on spot capacity, reclaimed once with notice and once without, planned again both times.
fn in_training() -> Story {
    let mut story = Story::begin(chosen());
    story.judge("0s", PolicyPoint::Run, "Clinical assistant, November", Verdict::Permit);
    let key = IdempotencyKey::new("reserve");
    story.at("0s", Event::BudgetReserved { key, amount: usd(478.0).into(), budgets: vec![] });
    story.queue("0s", "prepare", 1);
    let lease = story.lease(("1m", "3m", "4m"), "prepare", 1, CPU);
    story.end("47m", "prepare", 1, DONE, 1.0);
    story.release("47m40s", lease, false);
    story.done(
        "47m40s",
        "prepare",
        vec![artefact("clinical-tokens@r1", "tokens", "prepare/out/tokens.bin", 4_831_838_208)],
    );
    story.at("48m", Event::Charged { what: "moving 4.8 GB of tokens to us-east-1b".into(), amount: usd(0.43) });
    story.queue("48m", "train", 1);
    story.judge("48m", PolicyPoint::Place, "train on market:p5-east", Verdict::Permit);
    let lease = story.lease(("52m", "57m", "1h2m"), "train", 1, SPOT_EAST);
    story.save("2h40m", "train", 1, 0.21);
    let saved = (Ending::Exited(SAVED), Some(Interruption::Reclaimed));
    story.save("3h11m", "train", 1, 0.27);
    story.end("3h11m", "train", 1, saved, 0.27);
    story.release("3h12m", lease, true);
    story.judge("3h12m", PolicyPoint::Replan, "train on market:gov", Verdict::Forbid);
    story.replan(
        "3h12m",
        "p5.48xlarge in us-east-1b was reclaimed: its hazard is believed three times as high now; \
        spot in us-west-2 still meets the deadline",
        SPOT_WEST,
    );
    story.queue("3h12m", "train", 2);
    let lease = story.lease(("3h12m", "3h19m", "3h27m"), "train", 2, SPOT_WEST);
    story.save("5h50m", "train", 2, 0.58);
    story.reattach("6h20m", "train", 2);
    let killed = (Ending::Signalled(9), Some(Interruption::Reclaimed));
    story.end("6h38m", "train", 2, killed, 0.682);
    story.release("6h38m", lease, true);
    story.replan(
        "6h39m",
        "reclaimed again with 5h21m left: the deadline is protected by capacity that cannot be reclaimed, \
        paid from what is reserved for it",
        ON_DEMAND,
    );
    story.queue("6h39m", "train", 3);
    story
}

/// The same run to its end.
fn finished() -> Story {
    let mut story = in_training();
    let lease = story.lease(("6h39m", "6h45m", "6h52m"), "train", 3, ON_DEMAND);
    story.save("9h", "train", 3, 0.93);
    story.end("9h40m", "train", 3, DONE, 1.0);
    story.release("9h41m", lease, false);
    story.done("9h41m", "train", vec![artefact("clinical-70b@r1", "weights", "train/out/adapter.bin", 1_342_177_280)]);
    story.queue("9h41m", "evaluate", 1);
    let lease = story.lease(("9h41m", "9h43m", "9h46m"), "evaluate", 1, OWNED);
    story.end("10h20m", "evaluate", 1, DONE, 1.0);
    story.release("10h20m", lease, false);
    story.done(
        "10h20m",
        "evaluate",
        vec![artefact("clinical-report@r1", "report", "evaluate/out/report.json", 18_442)],
    );
    story.queue("10h20m", "register", 1);
    story.start("10h20m", "register", 1, LeaseId::from_uuid(Uuid::from_u128(1)));
    story.end("10h21m", "register", 1, DONE, 1.0);
    story.done("10h21m", "register", vec![]);
    story.finish("10h21m", Outcome::Succeeded);
    story
}

fn without_limits(mut plan: Plan) -> Plan {
    plan.intent.constraints = Constraints::default();
    plan
}

#[test]
fn the_figures_are_those_of_the_run() {
    let report = finished().report();
    let text = report.to_text(false);
    for part in [
        "Clinical assistant, November: succeeded",
        "379.16 USD of 500.00 USD",
        "76 %",
        "believed 318.40 USD, p95 431.00 USD",
        "10h21m of 12h",
        "2 of 2 survived; 1.6 believed; 2 re-plans, 0 preemptions",
        "evaluate.accuracy 0.687 on medqa; believed 0.702 (source: assumed)",
        "6 attempts, each started once; re-attached once by a restarted host",
        "41.4 k of 42.5 k tokens/s (97 %)",
        "machines were held 9h52m, 26m40s of it without a process (4.5 %), for 16.58 USD",
        "47m17s of work was lost to reclaims and done again",
        "2 of 3 questions permitted: place, run; policy set sha256:823412d1eacb",
        "3h12m replan train on market:gov: forbid: rule `data-stays-home`",
        "6h39m reclaimed again with 5h21m left",
        "48m moving 4.8 GB of tokens to us-east-1b: 0.43 USD",
        "clinical-70b@r1",
        "1.34 GB",
        "! Simulated: the machines",
        "! Really trained: a byte-level model",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(report.to_string(), text);
    let lease = text.lines().find(|line| line.contains("train#2     spot")).unwrap();
    for part in ["p5.48xlarge", "aws/us-west-2c", "3h19m", "6h38m", "104.34 USD", "reclaimed"] {
        assert!(lease.contains(part), "{part}: {lease}");
    }
}

#[test]
fn the_accounts_agree() {
    let report = finished().report();
    let leases = report.leases.iter().map(|lease| lease.cost);
    let charges = report.charges.iter().map(|charge| charge.amount);
    assert_eq!(Money::total(Currency::USD, leases.chain(charges)).unwrap(), report.cost.spent);
    let tasks = report.tasks.iter().map(|task| task.cost);
    let of_leases = report.leases.iter().map(|lease| lease.cost);
    assert_eq!(Money::total(Currency::USD, tasks).unwrap(), Money::total(Currency::USD, of_leases).unwrap());
    assert_eq!(report.cost.reserved, usd(0.0), "the account is settled");
    let open = in_training().report();
    assert_eq!(open.cost.spent.checked_add(open.cost.reserved).unwrap(), usd(478.0));
    assert!(report.waste.idle <= report.waste.leased);
}

#[test]
fn what_is_held_runs_up() {
    let mut story = in_training();
    story.lease(("6h39m", "6h45m", "6h52m"), "train", 3, ON_DEMAND);
    story.reattach("6h55m", "train", 3);
    story.at("7h45m", Event::Charged { what: "a transfer".into(), amount: usd(1.0) });
    let report = story.report();
    assert_eq!(report.cost.running_up, usd(70.48), "one hour at 70.48 USD");
    assert!(report.to_string().contains("70.48 USD of it not charged yet"));
    assert!(report.to_html().contains("as of 7h45m after the start"));
}

#[test]
fn a_second_start_is_told_loudly() {
    let mut story = in_training();
    let attempt = story.attempt("train", 2);
    let mut execution = Execution::new(attempt.key("launch"), LeaseId::from_uuid(Uuid::from_u128(9)), 7, start());
    execution.starts = 2;
    story.at("6h39m", Event::AttemptReattached { attempt, execution });
    let report = story.report();
    assert_eq!(report.starts.wrong, [("train#2".to_owned(), 2)]);
    assert!(report.to_string().contains("expected one start for each attempt, but started were train#2 2 times"));
    assert!(report.to_html().contains("class=\"alarm\""));
}

#[test]
fn nothing_said_from_outside_becomes_markup_or_moves_the_cursor() {
    let evil = "<script>alert(1)</script>\u{1b}[2J\u{202e}\"'&";
    let mut plan = chosen();
    plan.intent.name = evil.into();
    plan.names = vec![evil.into()];
    plan.variant = evil.into();
    plan.why = vec![evil.into()];
    plan.estimate.quality.source = evil.into();
    let mut frontier = frontier();
    frontier.plans = vec![plan.clone()];
    frontier.rejected = vec![Rejection { reason: evil.into(), count: 1 }];
    let mut story = Story::begin(plan);
    story.queue("0s", "train", 1);
    let mut sold = SPOT_EAST;
    sold.1 = "<script>alert(1)</script>";
    sold.4 = ("<script>", "<b>", "<b>\u{7}");
    story.lease(("1m", "2m", "3m"), "train", 1, sold);
    let lost = (Ending::Lost(evil.into()), Some(Interruption::Reclaimed));
    story.end("1h", "train", 1, lost, 0.1);
    story.at("1h", Event::Charged { what: evil.into(), amount: usd(1.0) });
    story.judge("1h", PolicyPoint::Run, evil, Verdict::Forbid);
    story.done("1h", "train", vec![artefact("a@1", evil, evil, 1)]);
    story.replan("1h", evil, ON_DEMAND);
    story.at("1h", Event::CancelRequested { reason: evil.into() });
    let report = Report::new(&story.run, Some(&frontier), &[evil.into()]);
    let (html, text) = (report.to_html(), report.to_text(false));
    assert!(!html.contains("<script") && !html.contains("<b>\u{7}"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}[2J\u{fffd}&quot;&#39;&amp;"));
    check_page(&html);
    let unprintable = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(unprintable) && !html.contains(unprintable), "{text}");
    assert!(report.to_text(true).contains("\u{1b}[1m"), "colours when asked for");
}

#[test]
fn the_page_needs_nothing_else() {
    let html = finished().report().to_html();
    for foreign in ["http:", "https:", "//", "src=", "href=", "@import", "<script", "<link", "<img"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    for part in [
        "<meta name=\"viewport\"",
        "prefers-color-scheme: dark",
        "@media print",
        "default-src 'none'",
        "Read this first",
        "Plans by expected cost and duration",
        "Attempts over time",
        "Cost over time",
        "balanced ✓",
        "deadline 12h",
        "budget 500.00 USD",
        "1840 candidates looked at; the search was complete",
        "212 × policy: region cn-north-1 is denied for internal data",
        &Digest::of(b"train/out/adapter.bin").to_string(),
    ] {
        assert!(html.contains(part), "{part}");
    }
    check_page(&html);
}

#[test]
fn the_drawings_hold_every_phase_layer_and_plan() {
    let html = finished().report().to_html();
    for part in [
        "<title>train#1 queued: 48m – 52m, 4m</title>",
        "<title>train#2 provisioning: 3h12m – 3h27m, 15m</title>",
        "<title>train#2 running: 3h27m – 6h38m, 3h11m</title>",
        "<title>train#2: 47m17s of work lost (10 % of the task)</title>",
        "<title>train#2 reclaimed, signal 9</title>",
        "held: 3h19m – 6h38m, 104.34 USD</title>",
        "<title>planned again at 3h12m: p5.48xlarge in us-east-1b was reclaimed",
        "The cost grows to 379.16 USD over 10h21m: on-demand 208.87, spot 169.86, other charges 0.43.",
        "balanced (chosen): 318.40 USD, 9h35m, risk 3.4 %, quality 0.702;",
        "<title>budget: 76 % used, 64 % believed</title>",
    ] {
        assert_eq!(html.matches(part).count().min(2), if part.contains("budget:") { 1 } else { 2 }, "{part}");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes_and_survives_json() {
    let report = finished().report();
    assert_eq!(report.to_html(), finished().report().to_html());
    let json = serde_json::to_string(&report).unwrap();
    let back: Report = serde_json::from_str(&json).unwrap();
    assert_eq!((back.to_html(), back.to_string()), (report.to_html(), report.to_string()));
}

/// A run may be looked at after every one of its events.
#[test]
fn every_moment_of_a_run_has_a_report() {
    let records = finished().records;
    for shown in 1..=records.len() {
        let mut run = RunState::begin(&records[0]).unwrap();
        records[1..shown].iter().for_each(|record| run.apply(record));
        check(&Report::new(&run, (shown % 2 == 0).then(frontier).as_ref(), &notes()));
    }
}

#[test]
fn no_run_breaks_a_report() {
    let mut cancelled = Story::begin(chosen());
    cancelled.at("0s", Event::CancelRequested { reason: "not needed any more".into() });
    cancelled.at("0s", Event::RunEnded { outcome: Outcome::Cancelled });
    check(&cancelled.report());
    assert!(cancelled.report().to_string().contains("cancelled: not needed any more"));

    let mut failed = in_training();
    failed.at("6h40m", Event::RunEnded { outcome: Outcome::Failed("nothing fits any more".into()) });
    check(&failed.report());
    assert!(failed.report().to_string().contains("2 of 2 survived"), "a third attempt was queued");

    let mut stuck = Story::begin(chosen());
    stuck.queue("0s", "prepare", 1);
    let lease = stuck.lease(("0s", "0s", "0s"), "prepare", 1, SPOT_EAST);
    stuck.end("0s", "prepare", 1, (Ending::Signalled(9), Some(Interruption::Reclaimed)), 0.0);
    stuck.release("0s", lease, true);
    stuck.at("0s", Event::RunEnded { outcome: Outcome::Failed("no time".into()) });
    check(&stuck.report());
    assert!(stuck.report().to_string().contains("0 of 1 survived"));

    let free = Story::begin(without_limits(chosen()));
    check(&free.report());
    assert!(free.report().to_string().contains("0.00 USD without a budget"));

    let mut foreign = chosen();
    foreign.intent = foreign.intent.with_budget("400 EUR".parse().unwrap());
    let mut foreign = Story::begin(foreign);
    foreign.at("1h", Event::Charged { what: "a transfer".into(), amount: usd(1.0) });
    let report = foreign.report();
    check(&report);
    assert_eq!(report.cost.share(), None, "no exchange rate is assumed");
}

#[test]
fn a_frontier_of_one_plan_or_of_strange_plans_is_drawn() {
    let one = Frontier::new(vec![chosen()], vec![], 1, false);
    check(&Report::new(&finished().run, Some(&one), &[]));
    check(&Report::new(&finished().run, Some(&Frontier::new(vec![], vec![], 0, true)), &[]));
    let mut strange = chosen();
    strange.estimate.quality.value = f64::NAN;
    strange.estimate.cost = Estimated::exact(usd(0.0));
    strange.estimate.duration = Estimated::exact(Span::ZERO);
    let mut endless = chosen();
    endless.names.clear();
    endless.estimate.quality.value = f64::INFINITY;
    endless.estimate.duration = Estimated::exact(Span::MAX);
    check(&Report::new(&finished().run, Some(&Frontier::new(vec![strange, endless], vec![], 2, true)), &[]));
}

fn very_many_attempts() -> Story {
    let mut story = Story::begin(chosen());
    for number in 1..=300 {
        let at = |seconds: u32| format!("{}s", (number - 1) * 100 + seconds);
        story.queue(&at(0), "train", number);
        let lease = story.lease((&at(1), &at(5), &at(10)), "train", number, SPOT_WEST);
        let killed = (Ending::Signalled(9), Some(Interruption::Reclaimed));
        story.end(&at(90), "train", number, killed, 0.01);
        story.release(&at(91), lease, true);
        story.replan(&at(92), "reclaimed", SPOT_WEST);
    }
    story
}

#[test]
fn a_run_of_very_many_attempts_stays_readable() {
    let report = very_many_attempts().report();
    check(&report);
    let html = report.to_html();
    assert!(html.contains("train ×300"));
    assert!(html.len() < 1_500_000, "{}", html.len());
}

#[test]
fn long_and_wide_names_keep_the_width() {
    let mut plan = chosen();
    plan.intent.name = "微调一个医疗助手模型".repeat(30);
    plan.variant = "v".repeat(300);
    let mut frontier = frontier();
    frontier.plans = vec![plan.clone()];
    let mut story = Story::begin(plan);
    story.queue("0s", "train", 1);
    let mut sold = SPOT_WEST;
    sold.1 = "超长的机器名称超长的机器名称超长的机器名称超长的机器名称超长的机器名称超长的机器名称";
    story.lease(("0s", "1m", "2m"), "train", 1, sold);
    check(&Report::new(&story.run, Some(&frontier), &["长".repeat(500)]));
}

#[test]
fn pages_are_written_with_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a/b/report.html");
    let report = finished().report();
    report.save_html(&file).unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), report.to_html());
    assert!(report.save_html(folder.path()).is_err(), "a folder is no file");
}

/// What holds for every report: lines fit the terminal, the page is well formed.
fn check(report: &Report) {
    for line in report.to_text(false).lines() {
        let wide = |c: char| matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
        let columns: usize = line.chars().map(|c| if wide(c) { 2 } else { 1 }).sum();
        assert!(columns <= 100, "{columns} columns: {line}");
    }
    let coloured = report.to_text(true);
    assert_eq!(coloured.matches("\u{1b}[0m").count() * 2, coloured.matches('\u{1b}').count());
    check_page(&report.to_html());
}

/// Every element that is opened is closed in its order, and every drawing has a title, a description and finite numbers.
fn check_page(html: &str) {
    let mut open = vec!["html"];
    let body = html.split_once("</style>").unwrap().1;
    for tag in body.split('<').skip(1).map(|rest| rest.split_once('>').expect("a tag ends").0) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            if name != "head" {
                assert_eq!(open.pop(), Some(name), "near <{tag}>");
            }
        } else if !tag.ends_with('/') && name != "br" {
            open.push(name);
        }
    }
    assert_eq!(open, [] as [&str; 0], "left open");
    for drawing in body.split("<svg ").skip(1).filter(|drawing| !drawing.starts_with("class=\"key\"")) {
        let drawing = drawing.split_once("</svg>").unwrap().0;
        assert!(drawing.contains("role=\"img\"") && drawing.contains("<title>") && drawing.contains("<desc>"));
        let attributes = drawing.split('<').filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag);
        assert!(attributes.into_iter().all(|tag| !tag.contains("NaN") && !tag.contains("inf")), "{drawing}");
    }
}

/// Pages to look at, in the folder for tests' files of the target folder.
#[test]
#[ignore = "for people: cargo test --test report look -- --ignored --nocapture"]
fn look() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, report) in [
        ("finished", finished().report()),
        ("in-training", in_training().report()),
        ("started", Report::new(&Story::begin(chosen()).run, None, &[])),
        ("many", very_many_attempts().report()),
    ] {
        let file = folder.join(format!("report-{name}.html"));
        report.save_html(&file).unwrap();
        println!("{}\n{report}\n", file.display());
    }
}
