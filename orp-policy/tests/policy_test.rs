//! Tests of policy sets: what is wrong with them is said with its place, and what they find is counted right.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use orp_core::document::Source;
use orp_policy::testing::{self, CheckReport, TestReport};
use orp_policy::{LoadError, PolicySet};

/// What the tests below are about.
const RULES: &str = r#"
apiVersion: orp.policy/v1
kind: Rule
metadata: {id: everything-else}
spec: {effect: allow, actions: ["*"]}
---
apiVersion: orp.policy/v1
kind: Rule
metadata: {id: no-sensitive-data}
spec:
  effect: deny
  actions: [tune]
  when: dataset.class >= label('confidential') && model.visibility == 'public'
  because: "{dataset.name} is {dataset.class}"
---
apiVersion: orp.policy/v1
kind: Rule
metadata: {id: large-runs}
spec: {effect: require, actions: ["*"], where: {cost: {at_least: 1000 USD}}, require: {approve: [two], redact: [email]}}
---
apiVersion: orp.policy/v1
kind: Rule
metadata: {id: night}
spec: {effect: deny, mode: warn, actions: ["*"], when: now.getHours() < 6}
---
apiVersion: orp.policy/v1
kind: Rule
metadata: {id: soon}
spec: {effect: deny, mode: shadow, actions: ["*"], where: {labels.stage: old}}
---
apiVersion: orp.policy/v1
kind: Exception
metadata: {id: pilot}
spec:
  rules: [no-sensitive-data]
  where: {project.id: pilot}
  until: 2027-01-01T00:00:00Z
  because: agreed
  approvedBy: [dpo]
---
apiVersion: orp.policy/v1
kind: ApprovalFlow
metadata: {id: two}
spec: {approvers: [ada, bob], quorum: 2}
---
apiVersion: orp.policy/v1
kind: Budget
metadata: {id: month}
spec: {per: [project.id], where: {resource.kind: gpu}, window: {calendar: month}, limit: 500 USD}
"#;

fn load(spec: &str) -> Result<PolicySet, LoadError> {
    let test = format!("apiVersion: orp.policy/v1\nkind: PolicyTest\nmetadata: {{id: t}}\nspec: {spec}\n");
    PolicySet::from_sources(&[Source::new("rules.yaml", RULES), Source::new("t.yaml", &test)])
}

/// A test that starts from an ordinary request.
fn run(checks: &str) -> TestReport {
    let given = "given: {action: tune, at: 2026-11-23T12:00:00Z, project.id: vision, resource: {kind: gpu}, \
                 dataset: {name: tickets, class: internal}, model: {name: m, visibility: public}, cost: 5 USD}";
    load(&format!("\n  {given}\n{checks}")).unwrap_or_else(|error| panic!("{error}")).run_tests()
}

fn only(report: &TestReport) -> &CheckReport {
    let checks: Vec<_> = report.checks().collect();
    let [check] = checks[..] else { panic!("one check: {report}") };
    check
}

/// What a case with these fields fails with: each mismatch in a line.
fn failed(fields: &str) -> String {
    let report = run(&format!("  cases: [{{name: c, {fields}}}]"));
    let check = only(&report);
    let mismatches = check.failures.iter().flat_map(|failure| &failure.mismatches);
    mismatches.map(|one| format!("{}: {} / {}\n", one.what, one.expected, one.found)).collect()
}

/// `line:column: message` of the only error, without the excerpt.
fn error(spec: &str) -> String {
    let error = load(spec).expect_err(spec);
    let [error] = error.errors() else { panic!("one error: {error}") };
    assert!(error.excerpt.is_some() && error.source_name == "t.yaml", "{error}");
    let message = error.message.split(": expected one of action, agent.id").next().unwrap();
    format!("{}:{}: {message}", error.line.unwrap(), error.column.unwrap())
}

#[test]
fn wrong_tests_are_refused_with_their_place() {
    let ok = "cases: [{name: c, expect: {decision: permit}}]";
    for (spec, expected) in [
        (format!("{{{ok}}}"), "4:8: missing field `given`"),
        (
            "{given: {action: x}}".into(),
            "3:16: a test that tests nothing: expected `cases`, `matrices` or `invariants`",
        ),
        (format!("{{given: {{}}, {ok}}}"), "4:15: no facts: expected at least one"),
        (format!("{{given: x, {ok}}}"), "4:15: expected a map of facts, found `x`"),
        (format!("{{given: {{point: run}}, {ok}}}"), "4:15: missing field `action`"),
        (
            format!("{{given: {{action: 5}}, {ok}}}"),
            "4:24: expected text for `action`, found the number `5`; write it in quotes",
        ),
        (
            format!("{{given: {{action: x, point: start}}, {ok}}}"),
            "4:34: `start` is no value of `point`: expected one of intent, plan, place, transfer, run, tool_call, replan, publish",
        ),
        (
            format!("{{given: {{action: x, at: noon}}, {ok}}}"),
            "4:31: `noon` is no value of `at`: expected a time such as `2026-11-23T00:00:00Z`",
        ),
        (
            format!("{{given: {{action: x, dataset: {{clas: public}}}}, {ok}}}"),
            "4:37: unknown fact `dataset.clas`: did you mean `dataset.class`?",
        ),
        (format!("{{given: {{action: x, mood: good}}, {ok}}}"), "4:27: unknown fact `mood`"),
        (
            format!("{{given: {{action: x, cost: {{max: 5 USD}}}}, {ok}}}"),
            "4:33: expected an amount of money such as `500 USD` for `cost`, found a map",
        ),
        (
            format!("{{given: {{action: x, cost: 5}}, {ok}}}"),
            "4:33: expected an amount of money such as `500 USD` for `cost`, found the number `5`",
        ),
        (
            format!("{{given: {{action: x, dataset.class: secret}}, {ok}}}"),
            "4:42: `secret` is not a data class: expected public, internal, confidential or restricted",
        ),
        (
            format!("{{given: {{action: x, labels: {{pii: true}}}}, {ok}}}"),
            "4:41: expected text for `labels.pii`, found `true`; write it in quotes",
        ),
        (format!("{{given: {{action: x, priority: null}}, {ok}}}"), "4:27: `priority` is nothing: leave it out"),
        (format!("{{given: {{action: x, dataset: null}}, {ok}}}"), "4:15: `dataset.` is nothing: leave it out"),
        (format!("{{given: {{action: null}}, {ok}}}"), "4:24: a request always has its `action`"),
        (
            format!("{{given: {{action: x, dataset.name: a, dataset: {{name: b}}}}, {ok}}}"),
            "4:54: `dataset.name` is stated twice",
        ),
        (format!("{{given: {{action: x, decision: permit}}, {ok}}}"), "4:27: unknown fact `decision`"),
        (
            format!("{{given: {{action: x, region: eu}}, {ok}}}"),
            "4:27: `region` is known at place only, and what is asked is asked at plan",
        ),
        (
            "{given: {action: x}, case: []}".into(),
            "4:28: unknown field `case`, expected one of given, cases, matrices, invariants",
        ),
        ("{given: {action: x}, cases: [{expect: {decision: permit}}]}".into(), "4:37: missing field `name`"),
        ("{given: {action: x}, cases: [{name: c}]}".into(), "4:37: missing field `expect`"),
        ("{given: {action: x}, cases: [{name: c, expect: {}}]}".into(), "4:54: missing field `decision`"),
        (
            "{given: {action: x}, cases: [{name: c, expect: {decision: deny}}]}".into(),
            "4:65: unknown variant `deny`, expected one of permit, needs_approval, forbid",
        ),
        (
            "{given: {action: x}, cases: [{name: c, expect: {decision: permit, by: [nobody]}}]}".into(),
            "4:78: unknown rule `nobody`",
        ),
        (
            "{given: {action: x}, cases: [{name: c, expect: {decision: permit, by: [month]}}]}".into(),
            "4:78: unknown rule `month`",
        ),
        (
            "{given: {action: x}, cases: [{name: c, expect: {decision: permit, exceptions: [soon]}}]}".into(),
            "4:86: unknown exception `soon`",
        ),
        (
            "{given: {action: x}, cases: [{name: c, expect: {decision: permit, when: a}}]}".into(),
            "4:79: `when` chooses among the cells of a matrix: a case has none",
        ),
        (
            "{given: {action: x}, cases: [{name: c, expect: {decision: permit, require: {aprove: [two]}}}]}".into(),
            "4:83: unknown field `aprove`, expected one of cap, redact, approve, route, notify",
        ),
        (
            "{given: {action: x}, cases: [{name: c, expect: {decision: permit, require: {approve: [three]}}}]}".into(),
            "4:93: unknown approval flow `three`: expected one of two",
        ),
        (
            "{given: {action: x}, cases: [{name: c, expect: {decision: permit, budgets: {month: 5}}}]}".into(),
            "4:90: `5` is not an amount: expected a number and a currency or meter, such as `20000 USD`, `500 gpu_seconds`",
        ),
        (
            "{given: {action: x}, cases: [{name: c, set: {}, expect: {decision: permit}}]}".into(),
            "4:51: no facts: expected at least one",
        ),
        (
            "{given: {action: x}, cases: [{name: c, set: , expect: {decision: permit}}]}".into(),
            "4:49: expected a map of facts, found nothing",
        ),
        (
            "{given: {action: x}, cases: [{name: c, set: {market: spot}, expect: {decision: permit}}]}".into(),
            "4:52: `market` is known at place only, and what is asked is asked at plan",
        ),
        (
            "{given: {action: x}, cases: [{name: c, set: {mood: null}, expect: {decision: permit}}]}".into(),
            "4:52: unknown fact `mood`",
        ),
    ] {
        assert_eq!(error(&spec), expected, "{spec}");
    }
}

#[test]
fn wrong_matrices_and_invariants_are_refused_with_their_place() {
    for (check, expected) in [
        ("matrices: [{name: m, over: {priority: [1]}}]", "4:39: expected either `cells` or `expect`"),
        (
            "matrices: [{name: m, over: {priority: [1]}, cells: [permit], expect: []}]",
            "4:39: expected either `cells` or `expect`",
        ),
        (
            "matrices: [{name: m, over: {}, cells: [permit]}]",
            "4:55: expected facts, each with a list of its values, found a map",
        ),
        (
            "matrices: [{name: m, over: {priority: 1}, cells: [permit]}]",
            "4:66: expected a list of values of `priority`, found the number `1`",
        ),
        (
            "matrices: [{name: m, over: {priority: []}, cells: []}]",
            "4:66: expected a list of values of `priority`, found a list",
        ),
        (
            "matrices: [{name: m, over: {priority: [1, 1]}, cells: [permit, permit]}]",
            "4:70: the number `1` is listed twice",
        ),
        (
            "matrices: [{name: m, over: {priority: [one]}, cells: [permit]}]",
            "4:67: `one` is no value of `priority`: expected a whole number",
        ),
        (
            "matrices: [{name: m, over: {priorty: [1]}, cells: [permit]}]",
            "4:56: unknown fact `priorty`: did you mean `priority`?",
        ),
        (
            "matrices: [{name: m, over: {market: [spot]}, cells: [permit]}]",
            "4:56: `market` is known at place only, and what is asked is asked at plan",
        ),
        (
            "matrices: [{name: m, over: {priority: [1, 2]}, cells: [permit]}]",
            "4:82: expected a list of 2, one for each value of `priority`, found 1",
        ),
        (
            "matrices: [{name: m, over: {priority: [1]}, cells: permit}]",
            "4:79: expected a list of 1, one for each value of `priority`, found `permit`",
        ),
        (
            "matrices: [{name: m, over: {priority: [1]}, cells: [allow]}]",
            "4:80: `allow` is no decision: expected permit, needs_approval or forbid",
        ),
        (
            "matrices: [{name: m, over: {priority: [1]}, expect: [{when: priorty > 1, decision: permit}]}]",
            "4:88: unknown fact `priorty`: did you mean `priority`?",
        ),
        (
            "matrices: [{name: m, over: {priority: [1]}, expect: [{when: 1 < 2, decision: permit}]}]",
            "4:88: it is true whatever is asked: expected a condition",
        ),
        (
            "matrices: [{name: m, over: {priority: [1]}, expect: [{when: decision == 'permit', decision: permit}]}]",
            "4:88: unknown fact `decision`",
        ),
        ("invariants: [{forall: [priority]}]", "4:41: expected either `never` or `always`"),
        ("invariants: [{forall: [priority], never: a, always: b}]", "4:41: expected either `never` or `always`"),
        ("invariants: [{never: decision == 'forbid'}]", "4:42: missing field `forall`"),
        ("invariants: [{forall: [], never: decision == 'forbid'}]", "4:50: nothing varies: expected at least one fact"),
        (
            "invariants: [{forall: [priority, priority], never: decision == 'forbid'}]",
            "4:61: `priority` is named twice",
        ),
        ("invariants: [{forall: [decision], never: decision == 'forbid'}]", "4:51: unknown fact `decision`"),
        (
            "invariants: [{forall: [5], never: decision == 'forbid'}]",
            "4:51: expected the name of a fact, or `{fact: [values]}`, found the number `5`",
        ),
        (
            "invariants: [{forall: [{priority: [x]}], never: decision == 'forbid'}]",
            "4:63: `x` is no value of `priority`: expected a whole number",
        ),
        (
            "invariants: [{forall: [market], never: decision == 'forbid'}]",
            "4:51: `market` is known at place only, and what is asked is asked at plan",
        ),
        (
            "invariants: [{forall: [priority], never: decision == 'deny'}]",
            "4:78: `deny` is no value of it: expected one of permit, needs_approval, forbid",
        ),
        (
            "invariants: [{forall: [priority], never: decision > 'permit'}]",
            "4:78: `<` and `>` compare numbers, classes, money and times: this is one of permit, needs_approval, forbid",
        ),
        (
            "invariants: [{forall: [priority], never: 2 < 1}]",
            "4:69: it is false whatever is asked: expected a condition",
        ),
    ] {
        assert_eq!(error(&format!("{{given: {{action: x}}, {check}}}")), expected, "{check}");
    }
    let values: Vec<String> = (0..120).map(|number| number.to_string()).collect();
    let many = values.join(", ");
    let large = format!(
        "{{given: {{action: x}}, matrices: [{{name: m, over: {{priority: [{many}], transfer.bytes: [{many}]}}, set: {{point: transfer}}, cells: []}}]}}"
    );
    assert_eq!(error(&large), "4:55: the matrix is too large: expected at most 10000 cells");
    let large = format!(
        "{{given: {{action: x, point: transfer}}, invariants: [{{forall: [point, {{priority: [{many}]}}, {{transfer.bytes: [{many}]}}], never: decision == 'permit'}}]}}"
    );
    assert_eq!(
        error(&large),
        "4:67: too many combinations (8 of `point`, 121 of `priority`, 121 of `transfer.bytes`): at most 100000 are tried"
    );
}

#[test]
fn a_mistake_in_a_rule_is_not_reported_of_its_tests_too() {
    let broken = RULES.replace("now.getHours() < 6", "now.getHour() < 6");
    let test = "{apiVersion: orp.policy/v1, kind: PolicyTest, metadata: {id: t}, spec: {given: {action: x}, \
                cases: [{name: c, expect: {decision: permit, warnings: [night]}}]}}";
    let error = PolicySet::from_sources(&[Source::new("r", &broken), Source::new("t", test)]).unwrap_err();
    assert_eq!(error.errors().len(), 1, "{error}");
}

#[test]
fn cases_find_what_is_otherwise() {
    for (fields, expected) in [
        (
            "expect: {decision: permit, by: [everything-else], because: allows, require: {}, warnings: [], shadow: [], exceptions: []}",
            "",
        ),
        ("expect: {decision: forbid}", "decision: forbid / permit\n"),
        ("expect: {decision: permit, by: [no-sensitive-data]}", "by: `no-sensitive-data` / `everything-else`\n"),
        ("expect: {decision: permit, by: []}", "by: none / `everything-else`\n"),
        ("expect: {decision: permit, because: nothing}", "because: `nothing` / `allows `tune` at plan`\n"),
        ("expect: {decision: permit, require: {redact: [email]}}", "require: without email / nothing\n"),
        ("expect: {decision: permit, warnings: [night]}", "warnings: `night` / none\n"),
        ("expect: {decision: permit, shadow: [soon]}", "shadow: `soon` / none\n"),
        ("expect: {decision: permit, exceptions: [pilot]}", "exceptions: `pilot` / none\n"),
        ("expect: {decision: permit, budgets: {}}", "budgets: none / `month/vision/2026-11: 500.00 USD`\n"),
        ("expect: {decision: permit, budgets: {month/vision/2026-11: 500 USD}}", ""),
        (
            "set: {dataset.class: restricted}, expect: {decision: forbid, by: [no-sensitive-data], because: tickets is restricted}",
            "",
        ),
        ("set: {dataset: {class: restricted}}, expect: {decision: permit}", "decision: permit / forbid\n"),
        ("set: {dataset.class: null}, expect: {decision: forbid, because: cannot be judged}", ""),
        ("set: {dataset: null}, expect: {decision: permit}", ""),
        ("set: {action: ask, dataset.class: restricted}, expect: {decision: permit}", ""),
        ("set: {project.id: pilot, dataset.class: restricted}, expect: {decision: permit, exceptions: [pilot]}", ""),
        (
            "set: {project.id: pilot, dataset.class: restricted, at: 2027-01-01T12:00:00Z}, expect: {decision: forbid, exceptions: []}",
            "",
        ),
        ("set: {at: 2026-11-23T03:00:00Z}, expect: {decision: permit, warnings: [night], shadow: []}", ""),
        ("set: {labels: {stage: old}}, expect: {decision: permit, warnings: [], shadow: [soon]}", ""),
        (
            "set: {cost: 1000 USD}, expect: {decision: needs_approval, by: [large-runs], require: {approve: [two], redact: [email]}}",
            "",
        ),
        (
            "set: {cost: 1000 USD}, expect: {decision: needs_approval, require: {approve: [two]}}",
            "require: approved by `two` (2 of ada, bob within 3d) / without email; approved by `two` (2 of ada, bob within 3d)\n",
        ),
        ("set: {cost: 1000 USD, point: run}, expect: {decision: needs_approval}", ""),
    ] {
        assert_eq!(failed(fields), expected, "{fields}");
    }
}

/// Facts are in a request where they are known, as those of a host are: a cost there is at plan, and none at intent.
#[test]
fn one_given_serves_several_points() {
    let costly = |point: &str, decision: &str| {
        format!("{{name: {point}, set: {{cost: 1000 USD, point: {point}}}, expect: {{decision: {decision}}}}}")
    };
    let intent = "{name: intent, set: {point: intent}, expect: {decision: permit, by: [everything-else]}}";
    let report = run(&format!(
        "  cases: [{}, {}, {intent}]\n  matrices: [{{name: points, set: {{cost: 1000 USD}}, over: {{point: [intent, plan, place, run]}}, \
         cells: [permit, needs_approval, permit, needs_approval]}}]",
        costly("plan", "needs_approval"),
        costly("run", "needs_approval"),
    ));
    assert!(report.is_ok(), "{report}");
}

#[test]
fn a_matrix_walks_through_every_cell() {
    let over = "over: {dataset.class: [internal, restricted, null], model.visibility: [private, public]}";
    let right = run(&format!(
        "  matrices: [{{name: m, {over}, cells: [[permit, permit], [permit, forbid], [permit, forbid]]}}]"
    ));
    assert_eq!((only(&right).requests, right.failed(), right.passed()), (6, 0, 1));
    let wrong = run(&format!(
        "  matrices: [{{name: m, {over}, cells: [[permit, permit], [forbid, forbid], [permit, permit]]}}]"
    ));
    let cells: Vec<String> = only(&wrong).failures.iter().map(|failure| format!("{:?}", failure.set)).collect();
    assert_eq!(only(&wrong).failed, 2);
    assert_eq!(
        cells,
        [
            r#"{"dataset.class": Some(Class(Restricted)), "model.visibility": Some(Text("private"))}"#,
            r#"{"dataset.class": None}"#
        ],
        "only what differs from what was given"
    );
    let expect = "[{when: has(dataset.class) && dataset.class < label('confidential') || model.visibility == 'private', decision: permit}, {decision: forbid, by: [no-sensitive-data]}]";
    assert!(run(&format!("  matrices: [{{name: m, {over}, expect: {expect}}}]")).is_ok());
    let partly = run(&format!(
        "  matrices: [{{name: m, {over}, expect: [{{when: model.visibility == 'private', decision: permit}}]}}]"
    ));
    assert_eq!(only(&partly).failed, 3, "cells without an expectation fail");
    assert_eq!(only(&partly).failures[0].mismatches[0].found, "none");
}

#[test]
fn an_invariant_reports_the_counterexample_that_differs_least() {
    let sensitive = "decision != 'forbid' && dataset.class >= label('confidential') && model.visibility == 'public'";
    let held =
        run(&format!("  invariants: [{{forall: [dataset.class, model.visibility, cost], never: \"{sensitive}\"}}]"));
    assert!(held.is_ok(), "{held}");
    // Classes and none; both visibilities and none; given, the limit and its neighbours, and none.
    assert_eq!(only(&held).requests, 5 * 3 * 5);

    let broken = run("  invariants: [{forall: [dataset.class, model.visibility, cost], always: decision == 'permit'}]");
    let check = only(&broken);
    let [least] = &check.failures[..] else { panic!("{broken}") };
    assert_eq!(format!("{:?}", least.set), r#"{"cost": Some(Money(1000.00 USD))}"#);
    assert_eq!(least.mismatches[0].found, "that it does not");
    let because = &least.decision.as_ref().unwrap().reasons[0].because;
    assert!(because.starts_with("requires of `tune`"), "{because}");
    // Three classes do not let it into a public model, whatever the cost: 3 × (public, unknown) × 5; else costs decide.
    assert_eq!(check.failed, 3 * 2 * 5 + (5 * 3 - 6) * 3);

    let unknown = run("  invariants: [{forall: [cost], always: \"decision != 'permit' || cost < money('1000 USD')\"}]");
    assert!(unknown.is_ok(), "{unknown}");
    let unknown = run("  invariants: [{forall: [priority], never: \"decision == 'permit' && priority > 5\"}]");
    assert_eq!(only(&unknown).failures[0].mismatches[0].found, "that it cannot be judged: `priority` is not known");
    assert_eq!(only(&unknown).failed, 2, "it is not known, or it is 6");
}

#[test]
fn invariants_speak_of_obligations_actions_points_and_times() {
    for (invariant, requests) in [
        (
            "{forall: [cost, point], always: \"!(point in ['plan', 'run', 'replan']) || decision == 'forbid' || cost < money('1000 USD') || 'email' in obligations.redact\"}",
            5 * 8,
        ),
        ("{forall: [cost], never: \"decision == 'needs_approval' && !('two' in obligations.approvals)\"}", 5),
        // The given one, those that rules and the invariant name, and another.
        (
            "{forall: [action], set: {dataset.class: restricted}, always: \"decision == 'forbid' || action != 'tune'\"}",
            2,
        ),
        (
            "{forall: [action, at], set: {dataset.class: restricted, project.id: pilot}, always: \"decision == 'permit' || at >= timestamp('2027-01-01T00:00:00Z')\"}",
            2 * 4,
        ),
    ] {
        let report = run(&format!("  invariants: [{invariant}]"));
        assert!(report.is_ok(), "{report}");
        assert_eq!(only(&report).requests, requests, "{invariant}");
    }
}

/// A number that nobody compares was not tried at all, so a rule that asks only whether it is there never spoke.
#[test]
fn a_fact_that_is_only_asked_to_be_there_is_tried_there() {
    for fact in ["priority", "transfer.bytes"] {
        let rules = format!(
            "{{apiVersion: orp.policy/v1, kind: Rule, metadata: {{id: a}}, spec: {{effect: allow, actions: ['*']}}}}\n---\n\
             {{apiVersion: orp.policy/v1, kind: Rule, metadata: {{id: d}}, spec: {{effect: deny, actions: ['*'], where: {{{fact}: {{present: true}}}}}}}}\n---\n\
             {{apiVersion: orp.policy/v1, kind: PolicyTest, metadata: {{id: t}}, spec: {{given: {{action: x, point: transfer}}, \
             invariants: [{{forall: [{fact}], always: \"decision == 'permit'\"}}]}}}}\n"
        );
        let report = PolicySet::from_sources(&[Source::new("r", &rules)]).unwrap().run_tests();
        assert_eq!((only(&report).requests, only(&report).failed), (2, 1), "{report}");
    }
}

/// A rule that looks into texts put texts among the times that were tried.
#[test]
fn texts_are_not_tried_as_times() {
    let rules = "{apiVersion: orp.policy/v1, kind: Rule, metadata: {id: a}, spec: {effect: allow, actions: ['*'], \
                 when: \"project.id.startsWith('a')\"}}\n---\n\
                 {apiVersion: orp.policy/v1, kind: PolicyTest, metadata: {id: t}, spec: {given: {action: x, project.id: a}, \
                 invariants: [{forall: [at], always: \"decision == 'permit'\"}, {forall: [project.id], never: \"decision == 'permit'\"}]}}";
    let report = PolicySet::from_sources(&[Source::new("r", rules)]).unwrap().run_tests();
    let counts: Vec<_> = report.checks().map(|check| (check.requests, check.failed)).collect();
    // The given time; the given text, one that begins so, another, and none.
    assert_eq!(counts, [(1, 0), (4, 2)], "{report}");
}

#[test]
fn the_report_reads_well() {
    let report = run(
        "  cases:\n    - {name: restricted is let through, set: {dataset.class: restricted}, expect: {decision: permit, by: [everything-else]}}\n    \
           - {name: internal is let through, expect: {decision: permit}}\n  \
         invariants: [{name: never more than a thousand, forall: [cost], never: \"decision == 'needs_approval'\"}]",
    );
    assert_eq!((report.passed(), report.failed(), report.requests()), (1, 2, 7));
    assert_eq!(
        report.to_string(),
        "t\n  \
         FAILED  restricted is let through (t.yaml:7:7)\n          \
           - dataset.class: restricted\n            \
             decision: expected permit, found forbid\n            \
             by: expected `everything-else`, found `no-sensitive-data`\n            \
             forbid: rule `no-sensitive-data`: tickets is restricted\n  \
         ok      internal is let through\n  \
         FAILED  never more than a thousand: 2 of 5 requests (t.yaml:9:16)\n          \
           - cost: 1000.00 USD\n            \
             never: expected to hold `decision == 'needs_approval'`, found that it does\n            \
             needs approval: rule `large-runs`: requires of `tune` at plan: without email; approved by `two` (2 of ada, bob within 3d), for `cost` is 1000.00 USD; provided: without email; approved by `two` (2 of ada, bob within 3d)\n\
         coverage: 1 of 7 rules, exceptions and budgets\n  \
         rule `large-runs` was never made to hold\n  \
         rule `night` was never made to hold\n  \
         rule `no-sensitive-data` never failed for want of: `model.visibility` is public\n  \
         rule `soon` was never made to hold\n  \
         exception `pilot` was never made to hold\n  \
         budget `month` was never made to hold\n\
         1 of 3 checks passed, 7 requests judged, policy "
            .to_owned()
            + &report.policy.short()
    );
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<TestReport>(&json).unwrap(), report);
}

#[test]
fn coverage_tells_rules_and_atoms_apart() {
    let gaps = |checks: &str| {
        let report = run(checks);
        let text = report.coverage.to_string();
        let of = text.lines().find(|line| line.contains("no-sensitive-data")).map(str::trim).map(str::to_owned);
        (of.unwrap_or_default(), report.coverage.uncovered_rules().any(|id| id.as_str() == "no-sensitive-data"))
    };
    let case = |name: &str, set: &str, decision: &str| {
        format!("{{name: {name}, set: {{dataset.class: {set}}}, expect: {{decision: {decision}}}}}")
    };
    let (internal, restricted) = (case("a", "internal", "permit"), case("b", "restricted", "forbid"));
    let private = case("c", "restricted, model.visibility: private", "permit");
    let neither = case("d", "internal, model.visibility: private", "permit");
    for (cases, gap, is_uncovered) in [
        (vec![&internal], "rule `no-sensitive-data` was never made to hold", true),
        (vec![&restricted], "rule `no-sensitive-data` was never made not to hold", false),
        (
            vec![&restricted, &internal],
            "rule `no-sensitive-data` never failed for want of: `model.visibility` is public",
            false,
        ),
        // Both atoms were true and false, but neither decided alone when they were false.
        (
            vec![&restricted, &neither],
            "rule `no-sensitive-data` never failed for want of: `dataset.class` >= confidential",
            false,
        ),
        (vec![&restricted, &internal, &private], "", false),
    ] {
        let cases: Vec<&str> = cases.into_iter().map(String::as_str).collect();
        let found = gaps(&format!("  cases: [{}]", cases.join(", ")));
        assert_eq!(found, (gap.to_owned(), is_uncovered));
    }
}

/// What is expected of a set says nothing of what it is.
#[test]
fn tests_are_not_part_of_the_version() {
    let without = PolicySet::from_sources(&[Source::new("rules.yaml", RULES)]).unwrap();
    let with = load("{given: {action: x}, cases: [{name: c, expect: {decision: permit}}]}").unwrap();
    assert_eq!(with.version(), without.version());
    assert_eq!((with.tests().len(), without.tests().len()), (1, 0));
    assert!(without.run_tests().is_ok() && !without.run_tests().coverage.is_full());
}

#[test]
fn a_candidate_is_judged_by_the_tests_of_another_set() {
    let set = load("{given: {action: tune, project.id: a, cost: 1 USD, dataset.class: restricted, model.visibility: public}, cases: [{name: c, expect: {decision: forbid, by: [no-sensitive-data]}}]}").unwrap();
    assert!(set.run_tests().is_ok());
    let report = testing::run(&PolicySet::permissive(), set.tests());
    assert_eq!(report.failed(), 1);
    assert_eq!(report.policy, PolicySet::permissive().version());
    let asked: Vec<_> = set.tests().iter().flat_map(|test| test.requests()).collect();
    assert_eq!(asked.len(), 1);
}
