//! Policy in the control plane: what it asks for is done before anything starts, and kept to until the end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use common::{House, recipe, wait_until};
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
