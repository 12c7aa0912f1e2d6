//! The control plane end to end, with real processes on this machine: from intent to settled account, and everything that
//! may come between.

mod common;

use common::{House, recipe, runs, wait_until};
use orp_sdk::prelude::*;
use std::{fs, sync::Arc, time::Duration};

const TWO_STEPS: &str = r#"
  - name: first
    claims: [{compute: {cpu: 1, memory: 64 MB}}]
    work: {fixed: 1s}
    run: {process: {program: sh, args: [-c, "echo one > $ORP_OUT/a; echo secret is $TOKEN"], env: {TOKEN: "secret:hub"}}}
  - name: second
    after: [first]
    claims: [{compute: {cpu: 1, memory: 64 MB}}]
    work: {fixed: 1s}
    run: {process: {program: sh, args: [-c, "cat $ORP_IN_FIRST/a > $ORP_OUT/b; echo two >> $ORP_OUT/b"]}}
    outputs: [{name: result, pillar: data, kind: text, file: b}]
"#;

/// Counts to `$ORP_PARAM_STEPS` in steps of 50 ms, saving each; asked to stop, ends with status 75.
const COUNTS: &str = r#"
  - name: count
    claims: [{compute: {cpu: 1, memory: 64 MB}}]
    work: {fixed: 5s}
    checkpoint: {save: 1s, restore: 1s}
    retries: 0
    run:
      process:
        program: sh
        args:
          - -c
          - |
            f=$ORP_CHECKPOINT_DIR/n; trap 'exit 75' TERM
            n=$(cat $f 2>/dev/null || echo 0)
            while [ $n -lt {steps} ]; do
              sleep 0.05 & wait $!; n=$((n+1)); echo $n > $f.tmp; mv $f.tmp $f
              echo "{\"done\":$n,\"total\":{steps},\"unit\":\"steps\"}" >> $ORP_PROGRESS
              echo "{\"checkpoint\":{\"file\":\"n\",\"done\":$n,\"bytes\":2}}" >> $ORP_PROGRESS
            done
            cp $f $ORP_OUT/n
    outputs: [{name: counted, pillar: data, kind: text, file: n}]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_becomes_a_settled_run() {
    let house = House::new();
    let orp = house.builder(recipe("two", TWO_STEPS)).secret("hub", "tr0ub4dor").build().await.unwrap();
    let intent = Intent::new(Goal::new("two")).with_budget("5 USD".parse().unwrap()).with_deadline(Span::HOUR);
    let state = orp.submit(&intent).await.unwrap().wait().await.unwrap();
    assert_eq!(state.ended.as_ref().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded));
    assert!(state.settled && state.open_leases().next().is_none());
    let second = &state.tasks["second"];
    assert_eq!(fs::read_to_string(&second.artefacts[0].path).unwrap(), "one\ntwo\n");
    assert_eq!(second.artefacts[0].digest, Digest::of(b"one\ntwo\n"));
    assert_eq!(orp.assets().await.unwrap()[0].lineage.run, Some(state.id));
    let (_, account) = &orp.budgets()[0];
    assert!(account.reserved.is_zero() && account.spent == state.spent);
    // The secret reached the process, and nothing else.
    let log = house.find("stdout.log", "secret is");
    assert!(log.iter().any(|text| text.contains("tr0ub4dor")), "the task prints it itself: its log is its own");
    drop(orp);
    assert!(house.find("orp.redb", "tr0ub4dor").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_intent_of_higher_priority_preempts_the_first() {
    let house = House::new();
    let orp = house.builder(recipe("count", COUNTS)).build().await.unwrap();
    let submit = |priority: i32, steps: u32| {
        let orp = orp.clone();
        let intent = Intent::new(Goal::new("count")).with_priority(priority).with_parameter("steps", steps);
        async move { orp.submit(&intent).await.unwrap() }
    };
    let low = submit(0, 30).await;
    wait_until(|| low.state().tasks["count"].safe_share > 0.1).await;
    let high = submit(5, 5).await;
    let high = high.wait().await.unwrap();
    let low = low.wait().await.unwrap();
    for state in [&low, &high] {
        assert_eq!(state.ended.as_ref().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded), "{:?}", state.ended);
    }
    let attempts = &low.tasks["count"].attempts;
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0].interruption, Some(Interruption::Preempted));
    assert!(attempts[1].share.0 > 0.1, "it goes on from its checkpoint");
    assert!(high.ended.as_ref().unwrap().0 < low.ended.as_ref().unwrap().0);
    assert_eq!(fs::read_to_string(&low.tasks["count"].artefacts[0].path).unwrap().trim(), "30");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_leaves_no_process_and_no_lease() {
    let house = House::new();
    let orp = house.builder(recipe("count", COUNTS)).build().await.unwrap();
    let intent = Intent::new(Goal::new("count")).with_budget("5 USD".parse().unwrap()).with_parameter("steps", 1000);
    let run = orp.submit(&intent).await.unwrap();
    wait_until(|| run.state().tasks["count"].safe_share > 0.0).await;
    let pid = run.state().tasks["count"].attempts[0].execution.as_ref().unwrap().pid;
    assert!(runs(pid));
    run.cancel("the test says so");
    let state = run.wait().await.unwrap();
    assert_eq!(state.ended.as_ref().map(|(_, outcome)| outcome), Some(&Outcome::Cancelled));
    assert_eq!(state.tasks["count"].attempts[0].interruption, Some(Interruption::Cancelled));
    assert_eq!(state.tasks["count"].attempts[0].ended.as_ref().unwrap().1, Ending::Exited(75));
    assert!(!runs(pid));
    assert!(state.settled && state.open_leases().next().is_none());
    assert!(house.local.leases().await.unwrap().is_empty());
    assert!(orp.budgets().iter().all(|(_, account)| account.reserved.is_zero()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_host_goes_on_where_the_last_one_stood() {
    let house = House::new();
    let intent = Intent::new(Goal::new("count")).with_parameter("steps", 40);
    let (id, pid) = {
        let orp = house.builder(recipe("count", COUNTS)).build().await.unwrap();
        let run = orp.submit(&intent).await.unwrap();
        wait_until(|| run.state().tasks["count"].safe_share > 0.1).await;
        let pid = run.state().tasks["count"].attempts[0].execution.as_ref().unwrap().pid;
        let id = run.id();
        drop(run);
        orp.shutdown().await;
        (id, pid)
    };
    assert!(runs(pid), "the process goes on without a host");
    let orp = house.reopened().builder(recipe("count", COUNTS)).build().await.unwrap();
    let state = orp.find_run(id).unwrap().wait().await.unwrap();
    assert_eq!(state.ended.as_ref().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded));
    let attempts = &state.tasks["count"].attempts;
    assert_eq!((attempts.len(), attempts[0].reattached), (1, 1));
    assert_eq!(attempts[0].execution.as_ref().unwrap().pid, pid);
    assert_eq!(house.find("starts.log", "").iter().map(|text| text.lines().count()).sum::<usize>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_task_is_tried_again_and_then_told() {
    let house = House::new();
    let fails = r#"
  - name: fails
    claims: [{compute: {cpu: 1, memory: 64 MB}}]
    work: {fixed: 1s}
    retries: 1
    run: {process: {program: sh, args: [-c, "echo no such thing as luck >&2; exit 3"]}}
"#;
    let orp = house.builder(recipe("fails", fails)).build().await.unwrap();
    let state = orp.submit(&Intent::new(Goal::new("fails"))).await.unwrap().wait().await.unwrap();
    assert_eq!(state.tasks["fails"].attempts.len(), 2);
    let Some((_, Outcome::Failed(why))) = state.ended else { panic!("{:?}", state.ended) };
    assert_eq!(why, "task `fails` failed 2 times, last: exit status 3, saying: no such thing as luck");
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_refuses_before_anything_starts() {
    let house = House::new();
    let policy = r#"
apiVersion: orp.policy/v1
kind: Rule
metadata: {id: everything}
spec: {effect: allow, actions: ["*"], because: all may}
---
apiVersion: orp.policy/v1
kind: Rule
metadata: {id: not-for-the-web-team}
spec: {effect: deny, actions: ["*"], where: {project.id: web}, because: "{project.id} has no part in this", remedy: ask the owner}
---
apiVersion: orp.policy/v1
kind: Budget
metadata: {id: month}
spec: {per: [project.id], window: {calendar: month}, limit: 0 USD}
"#;
    let policy = PolicySet::from_sources(&[Source::new("policy.yaml", policy)]).unwrap();
    let orp =
        house.builder(recipe("two", TWO_STEPS)).secret("hub", "x").policy(Arc::new(policy)).build().await.unwrap();
    let refused = Intent::new(Goal::new("two")).with_project(Tenant::new("web").unwrap());
    let PlanAnswer::Refused(decision) = orp.plan(&refused).await.unwrap() else { panic!("it must be refused") };
    assert_eq!(decision.reasons[0].rule.as_str(), "not-for-the-web-team");
    assert_eq!(decision.reasons[0].because, "web has no part in this");
    assert!(orp.runs().is_empty() && house.find("starts.log", "").is_empty());
    // This machine costs nothing, so a budget of nothing is enough for those who may.
    let allowed = Intent::new(Goal::new("two")).with_project(Tenant::new("vision").unwrap());
    let state = orp.submit(&allowed).await.unwrap().wait().await.unwrap();
    assert_eq!(state.ended.map(|(_, outcome)| outcome), Some(Outcome::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_and_people_do_tasks_too() {
    let house = House::new();
    let talent = common::annotator();
    let tasks = r#"
  - name: ask
    claims: [{talent: {skill: annotate, time: 1m}}]
    work: {people: 1m}
    run: {person: {request: "label ten pictures"}}
  - name: note
    after: [ask]
    work: {fixed: 1s}
    run: {in_process: {function: note, parameters: {what: done}}}
    outputs: [{name: note, pillar: data, kind: text, file: note}]
"#;
    let orp = house
        .builder(recipe("label", tasks))
        .talent(talent.clone())
        .function("note", |task: TaskContext| async move {
            task.report(Progress { done: 1, total: 1, unit: "notes".into(), ..Progress::default() });
            fs::write(task.out.join("note"), &task.parameters["what"]).map_err(|error| error.to_string())
        })
        .build()
        .await
        .unwrap();
    let run = orp.submit(&Intent::new(Goal::new("label"))).await.unwrap();
    wait_until(|| !talent.assignments().is_empty()).await;
    let assignment = talent.assignments().remove(0);
    assert_eq!((assignment.who.as_str(), assignment.request.as_str()), ("ada", "label ten pictures"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(run.state().ended.is_none(), "it waits for the person");
    talent.respond(&assignment.key, Answer::Done("ten labels".into()));
    let state = run.wait().await.unwrap();
    assert_eq!(state.ended.as_ref().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded), "{:?}", state.ended);
    assert_eq!(state.tasks["note"].artefacts[0].size, Bytes::new(4));
}
