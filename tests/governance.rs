//! Policy in the control plane: what it asks for is done before anything starts, and kept to until the end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use common::{HandClock, House, recipe, wait_until};
use orp_sdk::{Declassified, prelude::*};
use std::{fs, sync::Arc};

const TASK: &str = r#"
  - name: only
    claims: [{compute: {cpu: 1, memory: 64 MB}}]
    work: {fixed: 1s}
    run: {process: {program: sh, args: [-c, "echo \"redact=$ORP_REDACT\" > $ORP_OUT/a"]}}
    outputs: [{name: result, pillar: data, kind: text, file: a}]
"#;

const HEAD: &str = r#"
apiVersion: orp.policy/v1
kind: Rule
metadata: {id: everything}
spec: {effect: allow, actions: ["*"], because: all may}
---
apiVersion: orp.policy/v1
kind: ApprovalFlow
metadata: {id: one-of-two}
spec: {approvers: [ada, eve], ttl: 1h}
"#;

fn document(kind: &str, id: &str, spec: &str) -> String {
    format!("---\napiVersion: orp.policy/v1\nkind: {kind}\nmetadata: {{id: {id}}}\nspec: {spec}\n")
}

fn policy(documents: &[String]) -> Arc<PolicySet> {
    let text = format!("{HEAD}{}", documents.concat());
    Arc::new(PolicySet::from_sources(&[Source::new("policy.yaml", &text)]).unwrap())
}

/// A set that forbids everything.
static STRICTER: std::sync::LazyLock<PolicySet> = std::sync::LazyLock::new(PolicySet::default);

fn needs_approval() -> Arc<PolicySet> {
    let spec = r#"{effect: require, actions: ["*"], points: [run, replan], require: {approve: [one-of-two]}, because: runs are looked at}"#;
    policy(&[document("Rule", "looked-at", spec)])
}

fn intent() -> Intent {
    Intent::new(Goal::new("job")).with_budget("5 USD".parse().unwrap()).with_deadline(Span::HOUR)
}

fn who(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

async fn a_plan(orp: &Orp, intent: &Intent) -> Plan {
    let frontier = orp.plan(intent).await.unwrap().plans().unwrap();
    frontier.choose(&intent.prefer).unwrap().clone()
}

async fn asked(orp: &Orp, plan: &Plan) -> ApprovalRequest {
    let RunAnswer::NeedsApproval(asked) = orp.run(plan.clone()).await.unwrap() else { panic!("it must be asked for") };
    assert_eq!(asked.len(), 1);
    asked[0].clone()
}

fn vote(by: &str, kind: VoterKind, asked: &ApprovalRequest) -> Vote {
    Vote::yes(who(by), kind, asked.digest(), asked.asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_approve_before_anything_starts() {
    let house = House::new();
    let talent = common::annotator();
    let builder = house.builder(recipe("job", TASK)).talent(talent.clone()).policy(needs_approval());
    let orp = builder.build().await.unwrap();
    let plan = a_plan(&orp, &intent()).await;
    let request = asked(&orp, &plan).await;
    assert!(orp.runs().is_empty() && orp.budgets().is_empty() && house.find("starts.log", "").is_empty());
    assert_eq!(request.cost_max, Some(plan.reserve));

    // Who may not approve does not, and asking again asks nobody twice.
    for (by, kind, part) in [
        ("eve", VoterKind::Agent, "is an agent"),
        (request.requester.as_str(), VoterKind::Person, "asked for it"),
        ("mallory", VoterKind::Person, "expected one of ada, eve"),
    ] {
        let error = orp.vote(vote(by, kind, &request)).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(asked(&orp, &plan).await, request);
    wait_until(|| !talent.assignments().is_empty()).await;
    assert_eq!(talent.assignments().len(), 1, "eve is not known to the provider");
    let assignment = talent.assignments().remove(0);
    assert_eq!(assignment.who, who("ada"));
    assert!(assignment.request.contains("`one-of-two` asks for 1 of ada, eve within 1h"), "{}", assignment.request);

    talent.respond(&assignment.key, Answer::Done("fine".into()));
    assert!(orp.wait_for_approval(&request).await.unwrap().is_granted());
    // Another plan is another thing.
    let mut other = plan.clone();
    other.reserve = plan.reserve.checked_add("1 USD".parse().unwrap()).unwrap();
    assert_ne!(asked(&orp, &other).await.digest(), request.digest());
    let state = orp.run(plan.clone()).await.unwrap().started().unwrap().wait().await.unwrap();
    assert_eq!(state.ended.as_ref().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded), "{:?}", state.ended);
    assert_eq!(state.clearance.approvals, [request.digest()]);
    assert_eq!(state.clearance.cost_max, Some(plan.reserve));
    assert_eq!(asked(&orp, &plan).await.digest(), request.digest(), "what was approved once is done once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_stands() {
    let house = House::new();
    let orp = house.builder(recipe("job", TASK)).policy(needs_approval()).build().await.unwrap();
    let plan = a_plan(&orp, &intent()).await;
    let request = asked(&orp, &plan).await;
    let mut no = vote("eve", VoterKind::Person, &request).with_comment("not now");
    no.approves = false;
    assert_eq!(orp.vote(no).await.unwrap(), ApprovalStatus::Refused { by: who("eve") });
    let RunAnswer::Refused(decision) = orp.run(plan).await.unwrap() else { panic!("it was refused") };
    assert!(decision.to_string().contains("`one-of-two` did not approve it: refused by eve"), "{decision}");
    assert!(orp.runs().is_empty());
}

/// What was asked for and what was voted outlive the host.
#[tokio::test(flavor = "multi_thread")]
async fn approvals_survive_a_restart() {
    let house = House::new();
    let first = house.builder(recipe("job", TASK)).policy(needs_approval()).build().await.unwrap();
    let plan = a_plan(&first, &intent()).await;
    let request = asked(&first, &plan).await;
    first.shutdown().await;
    let talent = common::annotator();
    let house = house.reopened();
    let builder = house.builder(recipe("job", TASK)).talent(talent.clone()).policy(needs_approval());
    let second = builder.build().await.unwrap();
    let (approval, status) = second.approvals().remove(0);
    assert_eq!((approval.request.digest(), status), (request.digest(), ApprovalStatus::Pending { missing: 1 }));
    wait_until(|| !talent.assignments().is_empty()).await;
    second.vote(vote("eve", VoterKind::Person, &request)).await.unwrap();
    second.shutdown().await;
    let house = house.reopened();
    let third = house.builder(recipe("job", TASK)).policy(needs_approval()).build().await.unwrap();
    assert!(third.approvals()[0].1.is_granted());
    let mut simulation = orp_sdk::policy::Simulation::new(&STRICTER);
    third
        .decisions(|recorded| {
            simulation.replay(&recorded);
        })
        .await
        .unwrap();
    let report = simulation.finish();
    assert!(report.replayed >= 3 && report.total.stricter.requests == report.replayed, "{report}");
    let state = third.run(plan).await.unwrap().started().unwrap().wait().await.unwrap();
    assert_eq!(state.ended.map(|(_, outcome)| outcome), Some(Outcome::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn intents_may_need_approval_too() {
    let house = House::new();
    let spec = r#"{effect: require, actions: ["*"], points: [intent], require: {approve: [one-of-two]}}"#;
    let orp =
        house.builder(recipe("job", TASK)).policy(policy(&[document("Rule", "asked", spec)])).build().await.unwrap();
    let PlanAnswer::NeedsApproval(asked) = orp.plan(&intent()).await.unwrap() else { panic!("it must be asked for") };
    orp.vote(vote("ada", VoterKind::Person, &asked[0])).await.unwrap();
    let state = orp.submit(&intent()).await.unwrap().wait().await.unwrap();
    assert_eq!(state.ended.map(|(_, outcome)| outcome), Some(Outcome::Succeeded));
    let other = intent().with_project(Tenant::new("other").unwrap());
    assert!(matches!(orp.plan(&other).await.unwrap(), PlanAnswer::NeedsApproval(_)), "other facts are another thing");
}

#[tokio::test(flavor = "multi_thread")]
async fn obligations_are_kept_or_nothing_starts() {
    let require = |require: &str| {
        policy(&[document("Rule", "kept", &format!("{{effect: require, actions: [\"*\"], require: {require}}}"))])
    };
    // Routed away from the only machine.
    let house = House::new();
    let builder = house.builder(recipe("job", TASK));
    let orp = builder.policy(require("{route: {providers: [\"cloud-*\"]}}")).build().await.unwrap();
    let PlanAnswer::Infeasible(why) = orp.plan(&intent()).await.unwrap() else { panic!("nothing is left") };
    assert!(why.to_string().contains("provider `local` is not among cloud-*, which policy routes to"), "{why}");
    orp.shutdown().await;

    // A lower ceiling than the intent's own becomes the run's.
    let house = House::new();
    let orp = house.builder(recipe("job", TASK)).policy(require("{cap: {cost: 2 USD}}")).build().await.unwrap();
    let plan = a_plan(&orp, &intent()).await;
    assert_eq!(plan.intent.constraints.cost.as_ref().map(|limit| limit.max), Some("2 USD".parse().unwrap()));
    let run = orp.run(plan).await.unwrap().started().unwrap();
    assert_eq!(orp.budgets()[0].1.limit, "2 USD".parse::<Money>().unwrap());
    run.wait().await.unwrap();
    orp.shutdown().await;

    // What nobody takes out is not let in; who takes it out is told what.
    let house = House::new();
    let redact = require("{redact: [email, iban]}");
    let orp = house.builder(recipe("job", TASK)).policy(redact.clone()).redactors(["email"]).build().await.unwrap();
    let PlanAnswer::Refused(decision) = orp.plan(&intent()).await.unwrap() else { panic!("nobody takes it out") };
    assert!(decision.to_string().contains("`iban` must be taken out of the data first"), "{decision}");
    orp.shutdown().await;
    let house = house.reopened();
    let orp = house.builder(recipe("job", TASK)).policy(redact).redactors(["email", "iban"]).build().await.unwrap();
    let state = orp.submit(&intent()).await.unwrap().wait().await.unwrap();
    assert_eq!(fs::read_to_string(&state.tasks["only"].artefacts[0].path).unwrap(), "redact=email,iban\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_lets_its_scope_through_until_it_ends() {
    let deny = document("Rule", "no", "{effect: deny, actions: [\"*\"], because: not here}");
    let exception = |until: &str| {
        let spec = format!(
            "{{rules: [no], where: {{project.id: pilot}}, until: {until}, because: agreed, approvedBy: [dpo]}}"
        );
        policy(&[deny.clone(), document("Exception", "pilot", &spec)])
    };
    let house = House::new();
    let pilot = intent().with_project(Tenant::new("pilot").unwrap());
    let orp = house.builder(recipe("job", TASK)).policy(exception("2100-01-01T00:00:00Z")).build().await.unwrap();
    let state = orp.submit(&pilot).await.unwrap().wait().await.unwrap();
    assert!(
        state.judgements[0].decision.to_string().contains("exception: rule `pilot`: sets rule `no` aside until 2100")
    );
    assert!(matches!(orp.plan(&intent()).await.unwrap(), PlanAnswer::Refused(_)), "out of scope");
    orp.shutdown().await;
    let house = house.reopened();
    let orp = house.builder(recipe("job", TASK)).policy(exception("2020-01-01T00:00:00Z")).build().await.unwrap();
    assert!(matches!(orp.plan(&pilot).await.unwrap(), PlanAnswer::Refused(_)), "it has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_published_stays_a_draft() {
    let house = House::new();
    let spec = "{effect: deny, actions: [\"*\"], when: asset.kind == 'text' && asset.class >= label('internal')}";
    let orp =
        house.builder(recipe("job", TASK)).policy(policy(&[document("Rule", "kept-in", spec)])).build().await.unwrap();
    let state = orp.submit(&intent()).await.unwrap().wait().await.unwrap();
    assert_eq!(state.ended.map(|(_, outcome)| outcome), Some(Outcome::Succeeded));
    let asset = orp.assets().await.unwrap().remove(0);
    assert_eq!((asset.state, asset.class), (LifeCycle::Draft, DataClass::Internal));
    assert!(state.judgements.iter().any(|judged| judged.point == PolicyPoint::Publish && !judged.decision.is_permit()));
}

/// A plan that policy forbids by what it costs is not among the answers.
#[tokio::test(flavor = "multi_thread")]
async fn forbidden_plans_are_not_offered() {
    let house = House::new();
    let spec =
        "{effect: deny, actions: [\"*\"], points: [plan], when: cost >= money('0 USD'), because: it costs {cost}}";
    let spec = spec.replace("it costs {cost}", "\"it costs {cost}\"");
    let orp =
        house.builder(recipe("job", TASK)).policy(policy(&[document("Rule", "free", &spec)])).build().await.unwrap();
    let PlanAnswer::Refused(decision) = orp.plan(&intent()).await.unwrap() else { panic!("all plans cost something") };
    assert!(decision.reasons[0].because.starts_with("it costs "), "{decision}");
    let mut asked = Vec::new();
    orp.decisions(|recorded| asked.push(recorded)).await.unwrap();
    let at_plan = |recorded: &&orp_sdk::policy::Recorded| recorded.request.point == PolicyPoint::Plan;
    assert_eq!(asked.iter().find(at_plan).map(|recorded| &recorded.decision), Some(&*decision), "it is on record");
}

/// A class is lowered by people, and what is made of what they lowered is not sensitive for that again.
#[tokio::test(flavor = "multi_thread")]
async fn classes_are_lowered_by_people_only() {
    let house = House::new();
    let open = house.builder(recipe("job", TASK)).policy(policy(&[])).build().await.unwrap();
    open.submit(&intent()).await.unwrap().wait().await.unwrap();
    let made = open.assets().await.unwrap().remove(0);
    assert_eq!(made.class, DataClass::Internal);
    let (dpo, public) = (who("dpo"), DataClass::Public);
    let Declassified::Refused(refused) = open.declassify(&made.reference, public, &dpo).await.unwrap() else {
        panic!()
    };
    assert!(refused.to_string().contains("no rule says who must approve it"), "{refused}");
    let error = open.declassify(&made.reference, DataClass::Internal, &dpo).await.unwrap_err().to_string();
    assert!(error.ends_with("is internal, and internal is not lower"), "{error}");
    open.shutdown().await;

    let house = house.reopened();
    let spec =
        "{effect: require, actions: [declassify], when: declassify.to < asset.class, require: {approve: [one-of-two]}}";
    let orp = house
        .builder(recipe("job", TASK))
        .policy(policy(&[document("Rule", "looked-at", spec)]))
        .build()
        .await
        .unwrap();
    let Declassified::NeedsApproval(asked) = orp.declassify(&made.reference, public, &dpo).await.unwrap() else {
        panic!()
    };
    assert!(asked[0].subject.starts_with("declassification of result@"), "{}", asked[0]);
    orp.vote(vote("ada", VoterKind::Person, &asked[0])).await.unwrap();
    let Declassified::Done(lowered) = orp.declassify(&made.reference, public, &dpo).await.unwrap() else { panic!() };
    assert_eq!((lowered.class, lowered.digest), (public, made.digest));
    assert_eq!(lowered.lineage.inputs, std::slice::from_ref(&made.reference));
    assert!(lowered.reference.to_string().ends_with("-public"));
    assert_eq!(orp.assets().await.unwrap()[0], made, "what was registered stays as it was");
}

/// At a budget's limit its owner is asked, and what was approved is raised once; limit is moved on record; both outlive the
/// host.
#[tokio::test(flavor = "multi_thread")]
async fn limits_are_raised_and_moved_on_record() {
    let price = Price::per_hour("3600 USD".parse().unwrap());
    let house = House::new();
    let talent = common::annotator();
    let mut offer = talent.offers().await.unwrap().remove(0);
    offer.price = price;
    talent.put_offer(offer);
    let tasks = r#"
  - name: ask
    claims: [{talent: {skill: annotate, time: 1s}}]
    work: {people: 1s}
    run: {person: {request: "label"}}
"#;
    let budgets = [document(
        "Budget",
        "month",
        "{per: [project.id], window: {calendar: month}, limit: 0 USD, onLimit: {approve: one-of-two}, alerts: [50%]}",
    )];
    let build = |house: &House| house.builder(recipe("job", tasks)).talent(talent.clone()).policy(policy(&budgets));
    let orp = build(&house).build().await.unwrap();
    let intent = Intent::new(Goal::new("job")).with_budget("500 USD".parse().unwrap());
    let plan = a_plan(&orp, &intent).await;
    if plan.reserve.is_zero() {
        panic!("the plan must cost something: {}", plan.explain());
    }
    let request = asked(&orp, &plan).await;
    assert!(request.subject.contains(" more than the 0.00 USD of budget `month/"), "{}", request.subject);
    orp.vote(vote("eve", VoterKind::Person, &request)).await.unwrap();
    let run = orp.run(plan.clone()).await.unwrap().started().unwrap();
    let (month, account) = orp.budgets().into_iter().find(|(name, _)| name.as_str().starts_with("month/")).unwrap();
    assert_eq!(account.limit, plan.reserve);
    let _ = asked(&orp, &plan).await;
    run.cancel("enough");
    run.wait().await.unwrap();

    let own = orp.budgets().into_iter().find(|(name, _)| name.as_str().starts_with("intent/")).unwrap().0;
    let key = IdempotencyKey::new("move-1");
    let moved = Transfer::new(own, month.clone(), "100 USD".parse::<Money>().unwrap(), "left over");
    orp.transfer_budget(key.clone(), moved.clone(), who("cfo")).await.unwrap();
    orp.transfer_budget(key, moved, who("cfo")).await.unwrap();
    drop(run);
    let before = orp.budgets();
    orp.shutdown().await;
    let again = build(&house.reopened()).build().await.unwrap();
    assert_eq!(again.budgets(), before);
}

/// A minute on one accelerator, of a machine that has two.
const MINUTE: &str = r#"
  - name: only
    claims: [{compute: {cpu: 1, gpu: 1}}]
    work: {fixed: 60s}
    checkpoint: {save: 1s, restore: 1s}
    run: {process: {program: train}}
"#;

/// A cloud with a clock that is moved by hand, and hosts that come and go.
struct Cloud {
    house: House,
    clock: Arc<HandClock>,
    gpus: Arc<MemoryProvider>,
    tasks: &'static str,
    budgets: Vec<String>,
}

impl Cloud {
    fn new(budgets: &[String]) -> Self {
        let clock = HandClock::at("2026-11-23T00:10:00Z");
        let gpus = common::gpus(&clock);
        Self { house: House::new(), clock, gpus, tasks: MINUTE, budgets: budgets.to_vec() }
    }

    async fn host(&self) -> Orp {
        let builder = Orp::builder().folder(self.house.path().join("orp")).clock(self.clock.clone());
        let builder = builder.compute(self.gpus.clone()).data(self.gpus.clone());
        builder.recipes(vec![recipe("job", self.tasks)]).policy(policy(&self.budgets)).build().await.unwrap()
    }

    async fn plan(&self, orp: &Orp) -> Plan {
        a_plan(orp, &Intent::new(Goal::new("job")).with_budget("5000 USD".parse().unwrap())).await
    }

    async fn start(&self, orp: &Orp) -> RunHandle {
        let plan = self.plan(orp).await;
        self.started(orp.run(plan).await.unwrap()).await
    }

    /// The run, once its process is there.
    async fn started(&self, answer: RunAnswer) -> RunHandle {
        let run = answer.started().unwrap();
        wait_until(|| execution(&run).is_some()).await;
        run
    }

    /// Lets a run's process take so long, and end well.
    async fn finish(&self, run: &RunHandle, takes: Span) -> RunState {
        self.clock.advance(takes);
        assert!(self.gpus.finish(&execution(run).unwrap(), Ending::Exited(0)));
        run.wait().await.unwrap()
    }
}

fn execution(run: &RunHandle) -> Option<IdempotencyKey> {
    run.state().tasks["only"].open_attempt()?.execution.as_ref().map(|execution| execution.key.clone())
}

fn account(orp: &Orp, name: &str) -> Account {
    orp.budgets().into_iter().find(|(known, _)| known.as_str() == name).unwrap().1
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

async fn no_budget(orp: &Orp, plan: &Plan) -> String {
    let RunAnswer::NoBudget(error) = orp.run(plan.clone()).await.unwrap() else { panic!("it must not fit") };
    error.to_string()
}

/// What fell out of a rolling window can be spent again, by every host alike.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_rolling_window_forgets_is_free_again() {
    let cloud = Cloud::new(&[document("Budget", "hour", "{window: {rolling: 1h}, limit: 100 USD}")]);
    let orp = cloud.host().await;
    let run = cloud.start(&orp).await;
    let state = cloud.finish(&run, Span::MINUTE).await;
    assert_eq!(state.spent, "60 USD".parse().unwrap());
    cloud.clock.advance("30m".parse().unwrap());
    let plan = cloud.plan(&orp).await;
    assert!(no_budget(&orp, &plan).await.starts_with("budget `hour/last-1h` has 40.00 USD left of 100.00 USD"));
    let before = orp.budgets();
    drop(run);
    orp.shutdown().await;

    let orp = cloud.host().await;
    assert_eq!(orp.budgets(), before);
    cloud.clock.advance("32m".parse().unwrap());
    assert_eq!(account(&orp, "hour/last-1h").spent, amount("0 USD"));
    let run = cloud.start(&orp).await;
    assert_eq!(account(&orp, "hour/last-1h").left(), amount("100 USD").checked_sub(plan.reserve).unwrap());
    let id = run.id();
    drop(run);
    orp.shutdown().await;

    // The next host makes the same entries at the same times: the reservation fits, and what is charged is the new run's.
    let orp = cloud.host().await;
    let run = orp.find_run(id).unwrap();
    assert_eq!(account(&orp, "hour/last-1h").left(), amount("100 USD").checked_sub(plan.reserve).unwrap());
    cloud.finish(&run, Span::MINUTE).await;
    assert_eq!(account(&orp, "hour/last-1h").spent, amount("60 USD"));
    cloud.clock.advance("59m".parse().unwrap());
    assert_eq!(account(&orp, "hour/last-1h").spent, amount("60 USD"));
    let before = orp.budgets();
    drop(run);
    orp.shutdown().await;
    assert_eq!(cloud.host().await.budgets(), before);
}

/// Accelerator time is reserved, charged and settled beside money, exactly, whatever becomes of the host.
#[tokio::test(flavor = "multi_thread")]
async fn accelerator_time_has_its_budgets() {
    let spec = "{meter: gpu_seconds, window: total, limit: 1000, where: {resource.kind: gpu}, alerts: [10%]}";
    let cloud = Cloud::new(&[document("Budget", "gpu", spec)]);
    let orp = cloud.host().await;
    let run = cloud.start(&orp).await;
    let held = account(&orp, "gpu/total").reserved;
    assert_eq!(held, run.state().plan.believed(Meter::GpuSeconds, |_| true).unwrap().unwrap());
    assert!(held >= amount("120 gpu_seconds"), "two accelerators for a minute: {held}");
    cloud.clock.advance("30s".parse().unwrap());
    // The clock jumped, so the guard of the budget looks far ahead.
    wait_until(|| account(&orp, "gpu/total").reserved > held).await;
    let (before, id) = (orp.budgets(), run.id());
    drop(run);
    orp.shutdown().await;

    let orp = cloud.host().await;
    assert_eq!(orp.budgets(), before);
    let run = orp.find_run(id).unwrap();
    wait_until(|| run.state().tasks["only"].attempts[0].reattached == 1).await;
    let state = cloud.finish(&run, "45.5s".parse().unwrap()).await;
    assert_eq!(state.ended.as_ref().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded), "{:?}", state.ended);
    assert_eq!(
        (state.metered[&Meter::GpuSeconds].used, state.spent),
        (amount("151 gpu_seconds"), "75.5 USD".parse().unwrap())
    );
    let gpu = account(&orp, "gpu/total");
    assert_eq!((gpu.spent, gpu.reserved), (amount("151 gpu_seconds"), amount("0 gpu_seconds")));

    // What is left is not enough for another one that might take as long as it may.
    let plan = cloud.plan(&orp).await;
    let mut longer = plan.clone();
    longer.bindings[0].duration.p95 = "425s".parse().unwrap();
    let refused = no_budget(&orp, &longer).await;
    assert_eq!(refused, "budget `gpu/total` has 849 gpu_seconds left of 1000 gpu_seconds, 850 gpu_seconds were asked");
    assert!(
        orp.budgets().iter().all(|(_, account)| account.reserved.is_zero()),
        "no money is held for what is refused"
    );
    let before = orp.budgets();
    drop(run);
    orp.shutdown().await;
    assert_eq!(cloud.host().await.budgets(), before);
}

/// A run that comes to the limit of a budget on any meter saves its state and stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_stops_where_its_accelerator_time_ends() {
    let spec = "{meter: gpu_seconds, window: total, limit: 150, onLimit: suspend}";
    let cloud = Cloud::new(&[document("Budget", "gpu", spec)]);
    let orp = cloud.host().await;
    let run = cloud.start(&orp).await;
    cloud.clock.advance("80s".parse().unwrap());
    let state = run.wait().await.unwrap();
    let Some((_, Outcome::Failed(why))) = &state.ended else { panic!("{:?}", state.ended) };
    assert!(why.starts_with("the budget is exhausted, the state is saved: budget `gpu/total` has"), "{why}");
    assert_eq!(state.tasks["only"].attempts[0].interruption, Some(Interruption::BudgetExhausted));
    assert_eq!(state.metered[&Meter::GpuSeconds].used, amount("160 gpu_seconds"));
    let (gpu, before) = (account(&orp, "gpu/total"), orp.budgets());
    assert!(gpu.spent <= gpu.limit && gpu.reserved.is_zero(), "{gpu}");
    assert_eq!(gpu.spent, state.metered[&Meter::GpuSeconds].reserved, "it is charged as far as the reservation goes");
    drop(run);
    orp.shutdown().await;
    assert_eq!(cloud.host().await.budgets(), before);
}

/// Where the limit asks, people are asked on every meter; where a charge passes it, what records that does.
#[tokio::test(flavor = "multi_thread")]
async fn people_raise_limits_of_accelerator_time() {
    let spec = "{meter: gpu_seconds, window: total, limit: 10, onLimit: {approve: one-of-two}, onOverrun: record}";
    let cloud = Cloud::new(&[document("Budget", "gpu", spec)]);
    let orp = cloud.host().await;
    let plan = cloud.plan(&orp).await;
    let request = asked(&orp, &plan).await;
    assert!(request.subject.contains("gpu_seconds more than the 10 gpu_seconds of budget `gpu/total`"), "{request}");
    orp.vote(vote("eve", VoterKind::Person, &request)).await.unwrap();
    let run = cloud.started(orp.run(plan).await.unwrap()).await;
    let limit = account(&orp, "gpu/total").limit;
    assert_eq!(account(&orp, "gpu/total").reserved, limit);
    let state = cloud.finish(&run, "100s".parse().unwrap()).await;
    let gpu = account(&orp, "gpu/total");
    assert_eq!((gpu.spent, gpu.limit), (state.metered[&Meter::GpuSeconds].used, limit));
    assert_eq!(gpu.spent, amount("200 gpu_seconds"), "what passes the limit is recorded");
    let before = orp.budgets();
    drop(run);
    orp.shutdown().await;
    assert_eq!(cloud.host().await.budgets(), before);
}

/// Bytes that leave their place are counted once for each move; what no plan states is refused, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn moved_bytes_have_their_budgets_and_tokens_do_not() {
    let budget = |id: &str, meter: &str, limit: &str| {
        document("Budget", id, &format!("{{meter: {meter}, window: {{calendar: month}}, limit: {limit}}}"))
    };
    let mut cloud = Cloud::new(&[budget("egress", "egress_bytes", "5 KB")]);
    cloud.tasks = r#"
  - name: only
    claims: [{compute: {cpu: 1}}, {data: "{data}"}]
    work: {fixed: 60s}
    run: {process: {program: train}}
"#;
    let asset: AssetRef = "corpus@v1".parse().unwrap();
    let replica = Replica { asset: asset.clone(), size: Bytes::new(4_096), tokens: None, class: DataClass::Internal };
    let key = OfferKey { provider: cloud.gpus.name().clone(), offer: OfferId::new("corpus").unwrap() };
    let price = Price::per_gigabyte("0 USD".parse().unwrap());
    cloud.gpus.put_offer(Offer::new(key, Resource::Data(replica), Place::new("cloud", "west"), price));
    let intent = Intent::new(Goal::new("job").with_data(asset)).with_budget("500 USD".parse().unwrap());
    let orp = cloud.host().await;
    let plan = a_plan(&orp, &intent).await;
    let answer = orp.run(plan.clone()).await.unwrap();
    assert_eq!(account(&orp, "egress/2026-11").reserved, amount("4096 egress_bytes"));
    let run = answer.started().unwrap();
    // The bytes take their time on the way.
    let moving = async {
        while execution(&run).is_none() {
            cloud.clock.advance(Span::SECOND);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), moving).await.unwrap();
    assert_eq!(account(&orp, "egress/2026-11").spent, amount("4096 egress_bytes"));
    let state = cloud.finish(&run, Span::SECOND).await;
    assert_eq!(state.metered[&Meter::EgressBytes].used, amount("4096 egress_bytes"));
    assert!(no_budget(&orp, &plan).await.contains("has 904 egress_bytes left of 5000 egress_bytes"));
    let before = orp.budgets();
    drop(run);
    orp.shutdown().await;
    let orp = cloud.host().await;
    assert_eq!(orp.budgets(), before);
    orp.shutdown().await;

    cloud.budgets = vec![budget("words", "tokens", "1 M")];
    let orp = cloud.host().await;
    let refused = no_budget(&orp, &plan).await;
    assert!(refused.contains("it counts tokens, and no plan states how many it takes"), "{refused}");
}

/// What budgets refuse is on record, with every question that was asked before.
#[tokio::test(flavor = "multi_thread")]
async fn what_budgets_refuse_is_on_record() {
    let cloud = Cloud::new(&[document("Budget", "month", "{window: {calendar: month}, limit: 1 USD}")]);
    let orp = cloud.host().await;
    let plan = cloud.plan(&orp).await;
    let mut events = orp.events();
    let refused = no_budget(&orp, &plan).await;
    let OrpEvent::Recorded(record) = events.next().await.unwrap() else { panic!("a fact was told") };
    let Event::PolicyDecided { point: PolicyPoint::Run, decision, asked, subject } = record.event else { panic!() };
    assert_eq!((decision.verdict, subject), (Verdict::Forbid, plan.id.to_string()));
    assert_eq!((decision.reasons[0].rule.as_str(), &decision.reasons[0].because), ("month", &refused));
    assert!(!asked.is_empty() && asked.iter().all(|(_, answer)| answer.is_permit()), "policy itself allowed it");
}

/// What policy refuses of the offers while planning is on record, one question for each different answer.
#[tokio::test(flavor = "multi_thread")]
async fn refused_offers_are_on_record() {
    let spec = "{effect: deny, actions: [\"*\"], points: [place], where: {provider: cloud}, because: not in {region}}";
    let spec = spec.replace("not in {region}", "\"not in {region}\"");
    let cloud = Cloud::new(&[document("Rule", "no-cloud", &spec)]);
    let orp = cloud.host().await;
    let mut events = orp.events();
    let answer = orp.plan(&Intent::new(Goal::new("job"))).await.unwrap();
    assert!(matches!(answer, PlanAnswer::Infeasible(_)), "{answer:?}");
    let judged = loop {
        let OrpEvent::Recorded(record) = events.next().await.unwrap() else { continue };
        if let Event::PolicyDecided { point: PolicyPoint::Place, subject, decision, asked } = record.event {
            break (subject, decision, asked);
        }
    };
    let (subject, decision, asked) = judged;
    assert_eq!((subject.as_str(), decision.verdict), ("1 of 1 machines on offer", Verdict::Forbid));
    assert_eq!(decision.reasons[0].because, "not in east");
    let [(request, answer)] = &asked[..] else { panic!("one answer") };
    assert_eq!((&request.facts["region"], answer), (&"east".into(), &policy(&cloud.budgets).decide(request)));
}
