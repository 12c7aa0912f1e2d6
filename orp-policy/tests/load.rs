//! What is wrong with documents is said with its place, and nothing wrong is loaded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use orp_core::document::Source;
use orp_policy::{LoadError, PolicySet};

/// A rule whose spec is given, with the spec's braces on line 4.
fn rule(spec: &str) -> String {
    format!("apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {{id: r}}\nspec: {spec}\n")
}

/// A budget whose spec is given, on line 4.
fn budget(spec: &str) -> String {
    format!("apiVersion: orp.policy/v1\nkind: Budget\nmetadata: {{id: b}}\nspec: {spec}\n")
}

fn load(text: &str) -> Result<PolicySet, LoadError> {
    PolicySet::from_sources(&[Source::new("p.yaml", text)])
}

/// `line:column: message` of the only error, without the excerpt.
fn error(text: &str) -> String {
    let error = load(text).expect_err(text);
    let [error] = error.errors() else { panic!("one error: {error}") };
    assert!(error.excerpt.is_some(), "{error}");
    format!("{}:{}: {}", error.line.unwrap(), error.column.unwrap(), error.message)
}

#[test]
fn wrong_rules_are_refused_with_their_place() {
    let cases = [
        ("{effect: deny}", "4:8: missing field `actions`"),
        ("{effect: permit, actions: [x]}", "4:16: unknown variant `permit`, expected one of deny, allow, require"),
        (
            "{effect: deny, actions: [x], wher: {}}",
            "4:36: unknown field `wher`, expected one of effect, mode, points, actions, where, when, require, because, remedy, controls",
        ),
        ("{effect: deny, actions: []}", "4:31: no actions: expected at least one, or `*` for any"),
        (
            "{effect: deny, actions: [tune*]}",
            "4:31: `tune*` is no action: expected letters, digits or any of `._-/`, or `*` for any",
        ),
        (
            "{effect: deny, mode: loud, actions: [x]}",
            "4:28: unknown variant `loud`, expected one of enforce, warn, shadow",
        ),
        (
            "{effect: deny, actions: [x], points: [start]}",
            "4:45: unknown variant `start`, expected one of intent, plan, place, transfer, run, tool_call, replan, publish",
        ),
        (
            "{effect: deny, actions: [x], points: []}",
            "4:44: no points: expected at least one, or no `points` for all that know the rule's facts",
        ),
        (
            "{effect: deny, actions: [x], points: [intent], where: {cost: {at_least: 5 USD}}}",
            "4:44: the rule speaks at intent, and `cost` is known at plan, run, replan only",
        ),
        (
            "{effect: deny, actions: [x], where: {cost: {at_least: 5 USD}, region: us}}",
            "4:43: no point knows all of these facts: `cost` is known at plan, run, replan only; `region` is known at place only",
        ),
        (
            "{effect: deny, actions: [x], where: {dataset.clas: public}}",
            "4:44: unknown fact `dataset.clas`: did you mean `dataset.class`?",
        ),
        (
            "{effect: deny, actions: [x], where: {}}",
            "4:43: no conditions: expected at least one, or no `where` for always",
        ),
        ("{effect: allow, actions: [x], where: }", "4:42: expected a map of facts to conditions, found nothing"),
        ("{effect: allow, actions: [x], points: }", "4:43: expected sequence start"),
        (
            "{effect: deny, actions: [x], where: {dataset.class: secret}}",
            "4:59: `secret` is not a data class: expected public, internal, confidential or restricted",
        ),
        (
            "{effect: deny, actions: [x], where: {dataset.class: [public, 5]}}",
            "4:68: expected a data class (public, internal, confidential or restricted) for `dataset.class`, found the number `5`",
        ),
        (
            "{effect: deny, actions: [x], where: {model.visibility: publick}}",
            "4:62: `publick` is no value of `model.visibility`: expected one of private, public",
        ),
        (
            "{effect: deny, actions: [x], where: {model.visibility: {at_least: public}}}",
            "4:63: `model.visibility` has no order: it is one of private, public",
        ),
        (
            "{effect: deny, actions: [x], where: {model.name: {matches: m}}}",
            "4:57: unknown test `matches`: expected one of any_of, at_least, at_most, not, present",
        ),
        (
            "{effect: deny, actions: [x], where: {model.name: {}}}",
            "4:56: no test of `model.name`: expected at least one",
        ),
        (
            "{effect: deny, actions: [x], where: {model.name: []}}",
            "4:56: an empty list for `model.name`: expected at least one value",
        ),
        (
            "{effect: deny, actions: [x], where: {model.name: 5}}",
            "4:56: expected text for `model.name`, found the number `5`; write it in quotes",
        ),
        (
            "{effect: deny, actions: [x], where: {labels.pii: true}}",
            "4:56: expected text for `labels.pii`, found `true`; write it in quotes",
        ),
        (
            "{effect: deny, actions: [x], where: {model.name: {present: maybe}}}",
            "4:66: expected true or false, found `maybe`",
        ),
        (
            "{effect: deny, actions: [x], where: {model.name: \"llama-*\"}}",
            "4:56: `llama-*` is no pattern here: expected the whole text that `model.name` must equal",
        ),
        (
            "{effect: deny, actions: [x], where: {model.name: {not: [a, \"llama-*\"]}}}",
            "4:66: `llama-*` is no pattern here: expected the whole text that `model.name` must equal",
        ),
        (
            "{effect: deny, actions: [x], where: {priority: 1.5}}",
            "4:54: expected a whole number for `priority`, found the number `1.5`",
        ),
        (
            "{effect: deny, actions: [x], where: {priority: 99999999999999999999}}",
            "4:54: expected a whole number for `priority`, found the number `100000000000000000000`",
        ),
        (
            "{effect: deny, actions: [x], where: {cost: 5 dollars}}",
            "4:50: `5 dollars`: unknown unit `dollars`, expected one of the ISO 4217 codes, such as `USD`",
        ),
        (
            "{effect: deny, actions: [x], where: {cost: [5 USD, 5 EUR]}}",
            "4:50: `5.00 USD` beside amounts in EUR: expected one currency",
        ),
        (
            "{effect: deny, actions: [x], where: {cost: {at_least: 5 USD, at_most: 9 EUR}}}",
            "4:50: `9.00 EUR` beside amounts in USD: expected one currency",
        ),
        (
            "{effect: deny, actions: [x], where: {model.name: a, model.name: b}}",
            "4:59: duplicate mapping key: model.name, set DuplicateKeyPolicy in Options if acceptable",
        ),
        (
            "{effect: deny, actions: [x], because: \"{cots} is much\"}",
            "4:45: unknown fact `cots`: expected one of agent.id, …",
        ),
        (
            "{effect: deny, actions: [x], because: \"{cost is much\"}",
            "4:45: `{cost is much` has a brace without its other half: expected `{fact.name}`, or a doubled brace",
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(shortened(&error(&rule(spec))), expected, "{spec}");
    }
}

/// An error within an expression is said at its place in the file, however the expression is written there.
#[test]
fn wrong_expressions_are_refused_where_they_stand() {
    let head = "apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {id: r}\nspec:\n  effect: deny\n  actions: [x]\n";
    for (when, expected) in [
        ("  when: cots > money('5 USD')\n", "7:9: unknown fact `cots`: expected one of agent.id, …"),
        (
            "  when: \"priority > 3 && cost > 5\"\n",
            "7:31: an amount of money such as `500 USD` cannot be compared with a whole number",
        ),
        (
            "  when: |\n    priority > 3 &&\n      dataset.clas == 'x'\n",
            "9:14: unknown fact `dataset.clas`: did you mean `dataset.class`?",
        ),
        (
            "  when:\n    'priority > 3 &&'\n",
            "8:21: it is no expression: mismatched input `the end` expecting expression",
        ),
        (
            "  when: >\n    priority > 3 &&\n    cost > 5\n",
            "8:5: an amount of money such as `500 USD` cannot be compared with a whole number",
        ),
        ("  when: 1 < 2\n", "7:9: it is true whatever the facts: expected a condition on facts, or no `when`"),
        ("  when: true\n", "7:9: it is true whatever the facts: expected a condition on facts, or no `when`"),
        ("  when: \"\"\n", "7:9: it is no expression: mismatched input `the end` expecting expression"),
        ("  because: cots > 5\n  when: cots > 5\n", "8:9: unknown fact `cots`: expected one of agent.id, …"),
        (
            "  when: |\n    priority > 3 &&\n    cots > 5\n  because: cots > 5\n",
            "9:5: unknown fact `cots`: expected one of agent.id, …",
        ),
        (
            "  points: [intent]\n  when: cost > money('5 USD')\n",
            "7:11: the rule speaks at intent, and `cost` is known at plan, run, replan only",
        ),
    ] {
        assert_eq!(shortened(&error(&format!("{head}{when}"))), expected, "{when}");
    }
}

#[test]
fn wrong_requirements_flows_and_exceptions_are_refused_with_their_place() {
    let document = |kind: &str, id: &str, spec: &str| {
        format!("---\napiVersion: orp.policy/v1\nkind: {kind}\nmetadata: {{id: {id}}}\nspec: {spec}\n")
    };
    let flow = document("ApprovalFlow", "two", "{approvers: [ada, bob, eve], quorum: 2}");
    let deny = document("Rule", "no", "{effect: deny, actions: [x]}");
    let allow = document("Rule", "yes", "{effect: allow, actions: [x]}");
    let base = format!("{flow}{deny}{allow}");
    let until = "until: 2027-01-01T00:00:00Z, because: pilot, approvedBy: [ada]";
    let rule = |require: &str| ("Rule", format!("{{effect: require, actions: [x], require: {require}}}"));
    let exception = |spec: &str| ("Exception", format!("{{{spec}, {until}}}"));
    for ((kind, spec), expected) in [
        (
            ("Rule", "{effect: require, actions: [x]}".into()),
            "19:16: a rule that requires says what: expected `require`",
        ),
        (
            ("Rule", "{effect: deny, actions: [x], require: {redact: [email]}}".into()),
            "20:45: only a rule with `effect: require` requires",
        ),
        (rule("{}"), "20:48: it requires nothing: expected at least one of cap, redact, approve, route, notify"),
        (rule("{cap: {cost: -1 USD}}"), "20:61: `-1.00 USD` is below zero: expected an amount that may be spent"),
        (rule("{approve: [three]}"), "20:59: unknown approval flow `three`: expected one of two"),
        (rule("{approve: [{flow: two, quorum: 4}]}"), "20:79: `4` of `two`: expected 2 to 3 approvals"),
        (rule("{approve: [{flow: two, quorum: 1}]}"), "20:79: `1` of `two`: expected 2 to 3 approvals"),
        (rule("{approve: [{quorum: 1}]}"), "20:59: missing field `flow`"),
        (rule("{approve: [{flow: two, of: 3}]}"), "20:71: unknown field `of`, expected one of flow, quorum"),
        (rule("{approve: [5]}"), "20:59: expected an approval flow's id, found the number `5`"),
        (("ApprovalFlow", "{approvers: []}".into()), "20:19: nobody may approve: expected at least one"),
        (("ApprovalFlow", "{approvers: [ada], quorum: 2}".into()), "20:34: `2` of 1: expected 1 to 1 approvals"),
        (("ApprovalFlow", "{approvers: [ada], quorum: 0}".into()), "20:34: `0` of 1: expected 1 to 1 approvals"),
        (
            ("ApprovalFlow", "{approvers: [ada], ttl: 0s}".into()),
            "20:31: no time to approve in: expected a span such as `72h`",
        ),
        (exception("rules: [no]"), "19:16: an exception without scope: expected `where` or `when`"),
        (exception("rules: [], where: {project.id: p}"), "19:16: an exception from nothing: expected `rules`"),
        (exception("rules: [nay], where: {project.id: p}"), "20:16: unknown rule `nay`"),
        (
            exception("rules: [yes], where: {project.id: p}"),
            "20:16: `yes` allows: only what denies or requires can be set aside",
        ),
        (
            exception("rules: [no], where: {project.id: p}, from: 2028-01-01T00:00:00Z"),
            "20:80: it ends at 2027-01-01T00:00:00Z, which is not after it begins",
        ),
        (
            (
                "Exception",
                "{rules: [no], where: {project.id: p}, until: 2027-01-01T00:00:00Z, because: x, approvedBy: []}".into(),
            ),
            "20:98: nobody approved it: expected at least one",
        ),
        (
            ("PolicySet", "{facts: {cost: {kind: number}}}".into()),
            "20:16: the fact `cost` is declared already, as `cost`",
        ),
        (
            ("PolicySet", "{include: [../more]}".into()),
            "20:18: `../more` is not below this file: expected a relative path without `..`",
        ),
    ] {
        let text = format!("{base}{}", document(kind, "new", &spec));
        assert_eq!(error(&text), expected, "{kind} {spec}");
    }
}

#[test]
fn quotas_make_a_tree_or_are_refused_with_their_place() {
    let quota = |id: &str, spec: &str| {
        format!("---\napiVersion: orp.policy/v1\nkind: Quota\nmetadata: {{id: {id}}}\nspec: {spec}\n")
    };
    let org = quota("org", "{nominal: {gpu: 2}}");
    let set = load(&format!("{org}{}", quota("vision", "{parent: org, nominal: {gpu: 8}, lend: {gpu: 4}}"))).unwrap();
    let vision = set.quotas().id(&orp_core::id::QueueName::new("vision").unwrap()).unwrap();
    assert_eq!(set.quotas().available(vision).unwrap().gpu.to_string(), "10");
    for (text, expected) in [
        (quota("a", "{parent: b}"), "4:16: quota `a` is below `b`, which is not there"),
        (
            quota("a", "{borrow: {gpu: 1}}"),
            "4:16: quota `a` is a root: expected no limit on borrowing or lending, there is nobody to borrow from or lend to",
        ),
        (quota("a", "{parent: a}"), "4:16: quota `a` is its own ancestor"),
        (quota("a", "{nominal: {gpus: 1}}"), "5:18: unknown field `gpus`, expected one of cpu, memory, disk, gpu"),
    ] {
        assert_eq!(error(&text), expected, "{text}");
    }
}

#[test]
fn guardrails_are_asked_of_their_requests_or_refused_with_their_place() {
    use orp_core::noun::{PolicyPoint, PolicyRequest};
    use orp_core::unit::Timestamp;
    use orp_policy::guardrail::{Channel, Outcome};
    let guardrail =
        |spec: &str| format!("apiVersion: orp.policy/v1\nkind: Guardrail\nmetadata: {{id: g}}\nspec: {spec}\n");
    let spec = "{where: {project.id: support}, applies: [input], detectors: [{detector: email}], action: mask}";
    let set = load(&guardrail(spec)).unwrap();
    let text = "write to ada@example.org";
    let ask = |project: Option<&str>| {
        let request = PolicyRequest::new(PolicyPoint::ToolCall, "chat", Timestamp::EPOCH);
        let request = project.into_iter().fold(request, |request, project| request.with_fact("project.id", project));
        set.guardrails(&request).check(Channel::Input, text).text.into_owned()
    };
    assert_eq!(ask(Some("support")), "write to [email]");
    assert_eq!(ask(None), "write to [email]", "whose it is is not known");
    assert_eq!(ask(Some("sales")), text);
    assert_eq!(set.all_guardrails().next().unwrap().check(Channel::Output, text).outcome, Outcome::Pass);
    let other = load(&guardrail(&spec.replace("mask", "block"))).unwrap();
    assert_ne!(set.version(), other.version());
    for (spec, expected) in [
        (
            "{applies: [], detectors: [{detector: email}], action: mask}",
            "4:17: it applies to nothing: expected at least one of input, output, tool_call, dataset, publish",
        ),
        (
            "{applies: [input], detectors: [{detector: email}], action: mask, where: {project: x}}",
            "4:80: unknown fact `project`: expected one of agent.id, …",
        ),
        (
            "{applies: [input], detectors: [{detector: email}], action: mask, when: cost}",
            "4:78: expected a condition, which is true or false; this is an amount of money such as `500 USD`",
        ),
    ] {
        assert_eq!(shortened(&error(&guardrail(spec))), expected, "{spec}");
    }
}

#[test]
fn wrong_budgets_are_refused_with_their_place() {
    let cases = [
        ("{limit: 5 USD}", "4:8: missing field `window`"),
        ("{limit: -5 USD, window: total}", "4:15: `-5.00 USD` is below zero: expected an amount that may be spent"),
        (
            "{limit: 5, window: total}",
            "4:15: `5` is not an amount of money: expected a number and an ISO 4217 currency, such as `500 USD`",
        ),
        ("{limit: 5 USD, window: total, parent: up}", "3:16: unknown budget `up`: expected the id of another budget"),
        ("{limit: 5 USD, window: total, parent: b}", "3:16: `b` is its own parent"),
        ("{limit: 5 USD, window: {rolling: 0s}}", "4:30: a window of no time: expected a span such as `30d`"),
        (
            "{limit: 5 USD, window: total, onLimit: {approve: boss}}",
            "4:46: unknown approval flow `boss`: there is none",
        ),
        (
            "{limit: 5 USD, window: total, onLimit: ask}",
            "4:46: unknown variant `ask`, expected one of deny, suspend, approve",
        ),
        (
            "{limit: 5 USD, window: total, alerts: [half]}",
            "4:46: `half` is not an alert: expected a whole percentage of the limit from 1%, spent or forecast, such as `80%`, `forecast>100%`",
        ),
        (
            "{limit: 5 USD, window: total, meter: gpu_seconds}",
            "4:15: `5 USD` is not an amount on the meter `gpu_seconds`: expected a number, or one with `gpu_seconds` after it",
        ),
        ("{limit: [5], window: total}", "4:15: expected an amount, found a list"),
        ("{limit: 5 USD, window: month}", "4:30: unknown variant `month`, expected one of total, calendar, rolling"),
        (
            "{limit: 5 USD, window: {calendar: fortnight}}",
            "4:41: unknown variant `fortnight`, expected one of day, week, month, quarter, year",
        ),
        (
            "{limit: 5 USD, window: total, limits: deny}",
            "4:37: unknown field `limits`, expected one of per, where, when, meter, window, limit, overrides, parent, onLimit, onOverrun, alerts",
        ),
        (
            "{limit: 5 USD, window: total, per: [cost]}",
            "4:43: `cost` is an amount of money such as `500 USD`: expected a fact that says whose account it is",
        ),
        ("{limit: 5 USD, window: total, per: [team]}", "4:43: unknown fact `team`: expected one of agent.id, …"),
        (
            "{limit: 5 USD, window: total, overrides: {vision: 6 USD}}",
            "4:57: an override without `per`: expected facts that say whose account it is",
        ),
        (
            "{limit: 5 USD, window: total, per: [project.id], overrides: {vision: 6 EUR}}",
            "4:76: `6.00 EUR` beside a limit of 5.00 USD: expected one currency",
        ),
        (
            "{limit: 5 USD, window: total, per: [project.id], overrides: {vision: -6 USD}}",
            "4:76: `-6.00 USD` is below zero: expected an amount that may be spent",
        ),
        (
            "{limit: 5 USD, window: total, per: [project.id, requester], overrides: {vision: 6 USD}}",
            "4:87: `vision` names no account: expected 2 values joined by `-`, as in the account's name",
        ),
        (
            "{limit: 5 USD, window: total, per: [project.id, requester], overrides: {vision-a/b: 6 USD}}",
            "4:91: `vision-a/b` names no account: expected 2 values joined by `-`, as in the account's name",
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(shortened(&error(&budget(spec))), expected, "{spec}");
    }
}

/// A budget may stand below another that stands below a third, but not below itself.
#[test]
fn budgets_that_lead_back_are_refused() {
    let chain = |top: &str| {
        [("a", top), ("b", ", parent: a"), ("c", ", parent: b")].map(|(id, parent)| {
            format!("---\napiVersion: orp.policy/v1\nkind: Budget\nmetadata: {{id: {id}}}\nspec: {{limit: 5 USD, window: total{parent}}}\n")
        })
    };
    assert_eq!(load(&chain("").concat()).unwrap().all_budgets().len(), 3);
    let errors = load(&chain(", parent: c").concat()).unwrap_err();
    let messages: Vec<&str> = errors.errors().iter().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["`a` is its own ancestor", "`b` is its own ancestor", "`c` is its own ancestor"]);
}

/// What is just within a limit is read.
#[test]
fn limits_are_inclusive() {
    let values = |count: u32| (0..count).map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
    let numbers = |count| rule(&format!("{{effect: deny, actions: [x], where: {{priority: [{}]}}}}", values(count)));
    assert!(load(&numbers(511)).is_ok());
    assert_eq!(error(&numbers(512)), "4:43: 513 values to compare with: at most 512 in one document");
    let named = |length: usize| {
        budget("{limit: 5 USD, window: total}").replace("id: b", &format!("id: {}", "b".repeat(length)))
    };
    assert!(load(&named(64)).is_ok());
    assert!(error(&named(65)).contains("begins accounts' names: expected at most 64 bytes"), "{}", error(&named(65)));
    let padded = |length| "#".repeat(length);
    assert!(load(&padded(orp_core::document::LIMIT_BYTES)).is_ok());
    assert!(load(&padded(orp_core::document::LIMIT_BYTES + 1)).is_err());
}

/// Without most of the vocabulary.
fn shortened(error: &str) -> String {
    match error.split_once("agent.id, asset.class") {
        Some((start, _)) => format!("{start}agent.id, …"),
        None => error.to_owned(),
    }
}

#[test]
fn wrong_headers_are_refused_with_their_place() {
    for (text, expected) in [
        ("kind: Rule\nmetadata: {id: r}\nspec: {}\n", "3:1: missing field `apiVersion`"),
        (
            "apiVersion: orp.policy/v2\nkind: Rule\nmetadata: {id: r}\nspec: {}\n",
            "1:13: unknown variant `orp.policy/v2`, expected one of orp.policy/v1",
        ),
        (
            "apiVersion: orp.policy/v1\nkind: Qota\nmetadata: {id: r}\nspec: {}\n",
            "2:7: unknown variant `Qota`, expected one of PolicySet, Rule, Budget, Quota, ApprovalFlow, Exception, Guardrail, PolicyTest",
        ),
        (
            "apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {id: r r}\nspec: {}\n",
            "3:16: `r r` is not a rule id: expected 1 to 200 letters, digits or any of `._-/:@#+`, beginning with a letter or digit",
        ),
        (
            "apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {id: r, name: x}\nspec: {}\n",
            "3:19: unknown field `name`, expected one of id, owner",
        ),
        ("apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {id: r}\n", "3:1: missing field `spec`"),
        (
            "apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {id: r}\nspec: {effect: allow, actions: [x]}\nstatus: ok\n",
            "5:1: unknown field `status`, expected one of apiVersion, kind, metadata, spec",
        ),
        (
            "apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {id: default-deny}\nspec: {effect: allow, actions: [x]}\n",
            "3:16: `default-deny` is what speaks when no rule allows: expected another id",
        ),
        (
            "apiVersion: orp.policy/v1\nkind: Budget\nmetadata: {id: a/b}\nspec: {limit: 5 USD, window: total}\n",
            "3:16: `a/b` begins accounts' names: expected at most 64 bytes, without `/`",
        ),
        ("- a\n", "1:1: expected mapping start"),
        ("just words\n", "1:1: expected mapping start"),
        ("a: [\n", "1:4: unclosed bracket '['"),
        ("a: 1\n...\nb: 2\n", "1:1: missing field `apiVersion`"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn every_wrong_document_is_reported_at_its_line_in_the_text() {
    let text = format!(
        "# Rules of the house.\r\n\r\n---\r\n{}---\n# Nothing here.\n--- # But here:\n{}\n---\n{}",
        rule("{effect: deny, actions: [x]}").replace('\n', "\r\n"),
        rule("{effect: dney, actions: [x]}").replace("id: r", "id: s"),
        budget("{limit: 5 USD, window: month}"),
    );
    let error = load(&text).unwrap_err();
    let places: Vec<_> = error.errors().iter().map(|error| (error.line.unwrap(), error.column.unwrap())).collect();
    assert_eq!(places, [(14, 16), (20, 30)]);
    assert!(error.to_string().contains("p.yaml:14:16: unknown variant `dney`"), "{error}");
    assert!(error.to_string().contains("\n 20 | spec: {limit: 5 USD, window: month}\n"), "{error}");
}

#[test]
fn ids_are_unique_in_the_whole_set() {
    let text = rule("{effect: deny, actions: [x]}");
    let both = PolicySet::from_sources(&[Source::new("a.yaml", &text), Source::new("b.yaml", &text)]);
    assert_eq!(
        both.unwrap_err().to_string(),
        "b.yaml:3:16: the id `r` is taken: it is at a.yaml:3:16 too\n 3 | metadata: {id: r}\n   |                ^"
    );
    let twin = budget("{limit: 5 USD, window: total}").replace("id: b", "id: r");
    let twice = error(&format!("{text}---\n{twin}"));
    assert_eq!(twice, "8:16: the id `r` is taken: it is at p.yaml:3:16 too");
}

#[test]
fn a_document_after_an_end_mark_is_not_lost() {
    let (first, second) = (rule("{effect: allow, actions: [x]}"), rule("{effect: deny, actions: [x]}"));
    let set = load(&format!("{first}...\n---\n{}...\n", second.replace("id: r", "id: s"))).unwrap();
    assert_eq!(set.rules().len(), 2);
    let error = load(&format!("{first}...\n{second}")).unwrap_err();
    assert!(error.to_string().contains("multiple YAML documents"), "{error}");
}

#[test]
fn texts_without_documents_make_a_set_that_forbids() {
    for text in ["", "\n\n", "# nothing\n", "---\n---\n", "%YAML 1.2\n---\n...\n", "\u{feff}"] {
        assert_eq!(load(text).unwrap().version(), PolicySet::default().version(), "{text:?}");
    }
}

#[test]
fn json_is_read_too() {
    let text = r#"{"spec": {"effect": "allow", "actions": ["x"], "where": {"priority": {"at_most": 5}}},
        "metadata": {"id": "r"}, "kind": "Rule", "apiVersion": "orp.policy/v1"}"#;
    let yaml = rule(
        "{effect: allow, actions: [x, x], where: {priority: {at_most: 5}}, points: [intent, plan, place, transfer, run, replan]}",
    );
    assert_eq!(load(text).unwrap().version(), load(&yaml).unwrap().version());
}

#[test]
fn errors_are_bounded() {
    let text = "---\nkind: X\n".repeat(60);
    let error = load(&text).unwrap_err();
    assert_eq!(error.errors().len(), orp_policy::error::ERROR_LIMIT);
    assert!(error.to_string().ends_with("and 10 more errors"), "{error}");
    let huge = " ".repeat(orp_core::document::LIMIT_BYTES + 1);
    assert!(load(&huge).unwrap_err().to_string().contains("at most 4194304 are read"));
}
