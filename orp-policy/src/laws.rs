//! The laws of a policy set, on random sets and requests.

use crate::PolicySet;
use crate::set::{DEFAULT_DENY, Judgement};
use crate::view::View;
use orp_core::contract::{PolicyEngine, PolicyEngineExt};
use orp_core::document::Source;
use orp_core::noun::{DataClass, FactValue, Facts, PolicyPoint, PolicyRequest, Verdict};
use orp_core::unit::{Money, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};
#[allow(clippy::disallowed_types, reason = "see `by_plain_cel`")]
use std::collections::HashMap;
use std::{collections::BTreeMap, sync::Arc};

/// Facts that random rules and requests speak of; what is known at plan and run is known where random rules speak.
const FACTS: [&str; 8] =
    ["cost", "dataset.class", "dataset.name", "labels.x", "model.visibility", "priority", "project.id", "requester"];

fn money(text: &str) -> FactValue {
    text.parse::<Money>().unwrap().into()
}

/// Values of the declared kind; few, so that rules often speak.
fn values(fact: &str) -> Vec<FactValue> {
    match fact {
        "cost" => ["1 USD", "2 USD", "3 USD"].map(money).into(),
        "dataset.class" => [DataClass::Public, DataClass::Internal, DataClass::Confidential, DataClass::Restricted]
            .map(Into::into)
            .into(),
        "model.visibility" => ["private", "public"].map(Into::into).into(),
        "priority" => [-1, 0, 1].map(Into::into).into(),
        _ => ["a", "b", "c"].map(Into::into).into(),
    }
}

/// Values as documents have them: plain texts and numbers.
fn written(values: &[FactValue]) -> Vec<Value> {
    let plain = |value: &FactValue| match value {
        FactValue::Class(_) | FactValue::Money(_) => json!(value.to_string()),
        other => json!(other),
    };
    values.iter().map(plain).collect()
}

/// A value that no condition on the fact can be judged on.
fn broken(fact: &str) -> FactValue {
    match fact {
        "cost" => money("2 EUR"),
        "model.visibility" => "gated".into(),
        "dataset.class" => "secret".into(),
        _ => FactValue::Flag(true),
    }
}

fn a_condition(fact: &'static str, with_present: bool) -> impl Strategy<Value = Value> {
    let is_ordered = matches!(fact, "cost" | "dataset.class" | "priority");
    let tests = prop::collection::vec((select(vec![0, 1, 2, 3, 4, 5]), subsequence(values(fact), 1..=2)), 1..3);
    tests.prop_map(move |tests| {
        let mut condition = Map::new();
        for (test, values) in tests {
            match test {
                0 | 1 => condition.insert("any_of".into(), json!(written(&values))),
                2 => condition.insert("not".into(), json!(written(&values))),
                3 if is_ordered => condition.insert("at_least".into(), written(&values)[0].clone()),
                4 if is_ordered => condition.insert("at_most".into(), written(&values)[0].clone()),
                5 if with_present => condition.insert("present".into(), json!(values.len() == 1)),
                _ => condition.insert("any_of".into(), written(&values)[0].clone()),
            };
        }
        // The short forms must mean the same as the long one.
        match condition.get("any_of") {
            Some(any_of) if condition.len() == 1 => any_of.clone(),
            _ => Value::Object(condition),
        }
    })
}

fn conditions(with_present: bool) -> impl Strategy<Value = Value> {
    subsequence(FACTS.to_vec(), 0..=3).prop_flat_map(move |facts| {
        let conditions: Vec<_> = facts
            .into_iter()
            .map(|fact| a_condition(fact, with_present).prop_map(move |condition| (fact.to_owned(), condition)))
            .collect();
        conditions.prop_map(|conditions| Value::Object(conditions.into_iter().collect()))
    })
}

/// What a rule may require.
fn some_obligations() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"approve": ["one"]}),
        json!({"approve": ["two", {"flow": "one", "quorum": 2}]}),
        json!({"cap": {"cost": "2 USD"}}),
        json!({"cap": {"cost": "1 USD"}, "redact": ["email"]}),
        json!({"route": {"regions": ["eu-*"]}, "notify": ["ada"]}),
    ])
}

/// A condition in CEL on the same facts; `depth` bounds how it nests.
fn an_expression(with_present: bool, depth: u32) -> impl Strategy<Value = String> {
    let atom = (select(FACTS.to_vec()), 0..6usize, 0..3usize).prop_map(move |(fact, form, at)| {
        let of = values(fact);
        let literal = |at: usize| match &of[at % of.len()] {
            FactValue::Money(money) => format!("money('{money}')"),
            FactValue::Class(class) => format!("label('{class}')"),
            FactValue::Text(text) => format!("'{text}'"),
            other => other.to_string(),
        };
        let is_ordered = matches!(fact, "cost" | "dataset.class" | "priority");
        match form {
            0 => format!("{fact} == {}", literal(at)),
            1 => format!("{} != {fact}", literal(at)),
            2 => format!("{fact} in [{}, {}]", literal(at), literal(at + 1)),
            3 if is_ordered => format!("{fact} > {}", literal(at)),
            4 if is_ordered => format!("{} >= {fact}", literal(at)),
            5 if with_present && fact.contains('.') => format!("has({fact})"),
            _ if fact == "priority" => format!("{fact} * 2 - 1 < {}", at),
            _ if fact == "requester" => {
                format!("{fact}.startsWith('{}') || {fact} == project.id", "abc".get(at..=at).unwrap())
            }
            _ => format!("{fact} == {}", literal(at)),
        }
    });
    atom.prop_recursive(depth, 8, 2, |inner| {
        (inner.clone(), inner.clone(), inner, 0..4usize).prop_map(|(one, other, third, form)| match form {
            0 => format!("({one}) && ({other})"),
            1 => format!("({one}) || ({other})"),
            2 => format!("!({one})"),
            _ => format!("({one}) ? ({other}) : ({third})"),
        })
    })
}

/// The spec of a rule.
pub(crate) fn a_rule(
    effects: &'static [&'static str],
    modes: &'static [&'static str],
    with_present: bool,
) -> impl Strategy<Value = Value> {
    let actions = select(vec![json!(["*"]), json!(["x"]), json!(["y"]), json!(["x", "y"])]);
    let points = select(vec![Value::Null, json!(["plan"]), json!(["plan", "run"])]);
    let when = prop::option::weighted(0.4, an_expression(with_present, 3));
    (select(effects), select(modes), actions, points, conditions(with_present), when, some_obligations()).prop_map(
        |(effect, mode, actions, points, conditions, when, require)| {
            let mut spec = json!({"effect": effect, "mode": mode, "actions": actions});
            if effect == "require" {
                spec["require"] = require;
            }
            if let Some(when) = when {
                spec["when"] = json!(when);
            }
            if conditions.as_object().is_some_and(|conditions| !conditions.is_empty()) {
                spec["where"] = conditions;
            }
            if !points.is_null() {
                spec["points"] = points;
            }
            spec
        },
    )
}

const EFFECTS: &[&str] = &["deny", "allow", "allow", "require"];
const MODES: &[&str] = &["enforce", "enforce", "enforce", "enforce", "warn", "shadow"];

/// Up to twelve rules; in half of the sets another one allows everything, or else the default would mostly speak.
fn some_rules(with_present: bool) -> impl Strategy<Value = Vec<Value>> {
    let rules = prop::collection::vec(a_rule(EFFECTS, MODES, with_present), 0..12);
    (rules, any::<bool>()).prop_map(|(mut rules, is_open)| {
        if is_open {
            rules.push(json!({"effect": "allow", "mode": "enforce", "actions": ["*"]}));
        }
        rules
    })
}

pub(crate) fn rules() -> impl Strategy<Value = Vec<Value>> {
    some_rules(true)
}

pub(crate) fn a_request() -> impl Strategy<Value = PolicyRequest> {
    let facts: Vec<_> = FACTS
        .into_iter()
        .map(|fact| {
            let value = prop_oneof![
                1 => Just(None),
                8 => select(values(fact)).prop_map(Some),
                1 => Just(Some(broken(fact))),
            ];
            value.prop_map(move |value| (fact, value))
        })
        .collect();
    let points = select(vec![PolicyPoint::Intent, PolicyPoint::Plan, PolicyPoint::Place, PolicyPoint::Run]);
    (points, select(vec!["x", "y", "z"]), facts).prop_map(|(point, action, facts)| {
        let request = PolicyRequest::new(point, action, Timestamp::EPOCH);
        facts.into_iter().fold(request, |request, (name, value)| match value {
            Some(value) => request.with_fact(name, value),
            None => request,
        })
    })
}

pub(crate) fn requests() -> impl Strategy<Value = Vec<PolicyRequest>> {
    prop::collection::vec(a_request(), 16)
}

pub(crate) fn document(id: usize, spec: &Value) -> String {
    let document =
        json!({"apiVersion": "orp.policy/v1", "kind": "Rule", "metadata": {"id": format!("r{id}")}, "spec": spec});
    format!("---\n{document}\n")
}

pub(crate) fn load(specs: &[Value]) -> PolicySet {
    load_text(&specs.iter().enumerate().map(|(id, spec)| document(id, spec)).collect::<String>())
}

pub(crate) fn load_text(rules: &str) -> PolicySet {
    let flow = |id: &str| {
        let spec = json!({"approvers": ["ada", "bob", "eve"]});
        let metadata = json!({"id": id});
        json!({"apiVersion": "orp.policy/v1", "kind": "ApprovalFlow", "metadata": metadata, "spec": spec})
    };
    let text = format!("{}\n---\n{}\n{rules}", flow("one"), flow("two"));
    PolicySet::from_sources(&[Source::new("random", &text)]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn with(specs: &[Value], more: &Value) -> PolicySet {
    load(&[specs, std::slice::from_ref(more)].concat())
}

fn linear(set: &PolicySet, request: &PolicyRequest) -> Judgement {
    set.weigh(request, View::new(&request.facts, request.at), set.covering(request))
}

/// Rules of some effects and modes, none of which allows everything.
fn rules_of(effects: &'static [&'static str], modes: &'static [&'static str]) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(a_rule(effects, modes, true), 0..6)
}

fn all_forbidden(set: &PolicySet, requests: &[PolicyRequest]) -> bool {
    requests.iter().all(|request| set.decide(request).verdict == Verdict::Forbid)
}

proptest! {
    // Loading takes longest, so there are fewer sets than usual, and each is asked many times.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Judging by the index comes to what judging by all rules comes to, to the last reason.
    #[test]
    fn indexed_is_linear(specs in rules(), requests in requests()) {
        let set = load(&specs);
        for request in &requests {
            prop_assert_eq!(set.judge(request), linear(&set, request));
        }
    }

    #[test]
    fn the_default_is_deny(specs in rules_of(&["deny", "require"], MODES), requests in requests()) {
        prop_assert!(all_forbidden(&load(&specs), &requests));
    }

    /// Only rules that count allow.
    #[test]
    fn warnings_and_shadows_allow_nothing(specs in rules_of(&["allow"], &["warn", "shadow"]), requests in requests()) {
        prop_assert!(all_forbidden(&load(&specs), &requests));
    }

    #[test]
    fn deny_wins(specs in rules(), requests in requests()) {
        let set = with(&specs, &json!({"effect": "deny", "actions": ["*"]}));
        prop_assert!(all_forbidden(&set, &requests));
    }

    #[test]
    fn order_does_not_matter(
        (specs, order) in rules().prop_flat_map(|specs| {
            let order: Vec<usize> = (0..specs.len()).collect();
            (Just(specs), Just(order).prop_shuffle())
        }),
        requests in requests(),
    ) {
        let shuffled: String = order.iter().map(|at| document(*at, &specs[*at])).collect();
        let shuffled = load_text(&shuffled);
        let set = load(&specs);
        prop_assert_eq!(set.version(), shuffled.version());
        for request in &requests {
            prop_assert_eq!(set.judge(request), shuffled.judge(request));
        }
    }

    #[test]
    fn duplicates_do_not_matter(specs in rules(), requests in requests()) {
        let (once, twice) = (load(&specs), load(&[specs.clone(), specs.clone()].concat()));
        for request in &requests {
            prop_assert_eq!(once.decide(request).verdict, twice.decide(request).verdict);
        }
    }

    #[test]
    fn a_deny_or_require_never_widens(
        specs in rules(),
        more in a_rule(&["deny", "require"], &["enforce"], true),
        requests in requests(),
    ) {
        let (fewer, more) = (load(&specs), with(&specs, &more));
        for request in &requests {
            let (fewer, more) = (fewer.decide(request), more.decide(request));
            prop_assert!(more.verdict >= fewer.verdict);
            if more.verdict != Verdict::Forbid {
                prop_assert_eq!(fewer.obligations.merge(&more.obligations), more.obligations);
            }
        }
    }

    /// What is judged in two steps, whatever was open, comes to what is judged in one, to the last reason.
    #[test]
    fn the_residual_is_the_whole(
        specs in rules(),
        open in subsequence(FACTS.to_vec(), 0..=FACTS.len()),
        requests in requests(),
    ) {
        let set = load(&specs);
        for request in &requests {
            let (candidate, known): (Facts, Facts) =
                request.facts.clone().into_iter().partition(|(name, _)| open.contains(&name.as_str()));
            let mut request_known = request.clone();
            request_known.facts = known;
            let known = request_known;
            let narrow = set.narrow(&known, &open);
            prop_assert_eq!(narrow.decide(&candidate), set.decide(request));
            // Facts that were not open are not taken.
            prop_assert_eq!(narrow.decide(&request.facts), set.decide(request));
        }
    }

    /// What an explanation says would change the answer does, and it says so of permits and refusals alike.
    #[test]
    fn explanations_are_true(specs in rules(), requests in requests()) {
        let set = load(&specs);
        for request in requests.iter().take(4) {
            let explanation = set.explain(request);
            prop_assert_eq!(&explanation.decision, &set.decide(request));
            for change in &explanation.changes {
                prop_assert_ne!(change.verdict, explanation.decision.verdict);
                let changed = change.facts.iter().fold(request.clone(), |request, (fact, to)| match to {
                    crate::explain::ChangedTo::Value(value) => request.with_fact(fact, value.clone()),
                    crate::explain::ChangedTo::Other => request.with_fact(fact, "any other"),
                });
                prop_assert_eq!(set.decide(&changed).verdict, change.verdict, "{}", explanation);
            }
        }
    }

    #[test]
    fn an_allow_never_narrows(specs in rules(), more in a_rule(&["allow"], &["enforce"], true), requests in requests()) {
        let (fewer, more) = (load(&specs), with(&specs, &more));
        for request in &requests {
            prop_assert!(more.decide(request).verdict <= fewer.decide(request).verdict);
        }
    }

    /// A rule that does not count changes neither verdict nor reasons, and says just what it would say if it did.
    #[test]
    fn shadow_and_warn_change_nothing_and_tell_the_truth(
        specs in rules_of(EFFECTS, &["enforce"]),
        more in a_rule(&["deny"], &["enforce"], true),
        requests in requests(),
    ) {
        let (before, enforced) = (load(&specs), with(&specs, &more));
        let [shadowed, warning] = ["shadow", "warn"].map(|mode| {
            let mut silent = more.clone();
            silent["mode"] = json!(mode);
            with(&specs, &silent)
        });
        let added = format!("r{}", specs.len());
        for request in &requests {
            let before = before.decide(request);
            let mut would = enforced.decide(request).reasons;
            would.retain(|reason| reason.rule.as_str() == added);
            let (shadowed, warning) = (shadowed.judge(request), warning.judge(request));
            for decision in [&shadowed.decision, &warning.decision] {
                prop_assert_eq!((decision.verdict, &decision.reasons), (before.verdict, &before.reasons));
            }
            prop_assert_eq!((&shadowed.shadow, &warning.decision.warnings), (&would, &would));
            prop_assert!(shadowed.decision.warnings.is_empty() && warning.shadow.is_empty());
        }
    }

    /// POL-1: what cannot be judged is at least as strict as any value it could have had.
    #[test]
    fn an_error_never_permits(specs in rules(), requests in requests()) {
        let set = load(&specs);
        for (request, fact) in requests.iter().flat_map(|request| FACTS.map(|fact| (request, fact))) {
            let verdict = set.decide(&request.clone().with_fact(fact, broken(fact))).verdict;
            for value in values(fact) {
                prop_assert!(verdict >= set.decide(&request.clone().with_fact(fact, value)).verdict, "{}", fact);
            }
        }
    }

    /// POL-1 again: so is what is missing, where it should not be and no rule asks whether it is there.
    #[test]
    fn a_missing_fact_never_permits(specs in some_rules(false), requests in requests()) {
        let set = load(&specs);
        let always = ["cost", "priority", "project.id", "requester"];
        for (request, fact) in requests.iter().flat_map(|request| always.map(|fact| (request, fact))) {
            let mut missing = request.clone();
            missing.facts.remove(fact);
            let verdict = set.decide(&missing).verdict;
            for value in values(fact) {
                prop_assert!(verdict >= set.decide(&request.clone().with_fact(fact, value)).verdict, "{}", fact);
            }
        }
    }

    /// POL-2 and POL-3: every decision names rules that count, of the effect that decides, and is made again just so.
    #[test]
    fn decisions_name_their_rules(specs in rules(), requests in requests()) {
        let set = load(&specs);
        for request in &requests {
            let decision = set.decide(request);
            prop_assert_eq!(&decision, &set.decide(request));
            prop_assert!(!decision.reasons.is_empty());
            for reason in &decision.reasons {
                let rule = specs.iter().enumerate().find(|(at, _)| reason.rule.as_str() == format!("r{at}"));
                let is_gap = reason.because.contains("cannot be judged");
                let is_its_own = match (decision.verdict, rule.map(|(_, spec)| (&spec["mode"], &spec["effect"]))) {
                    (Verdict::Forbid, None) => reason.rule.as_str() == DEFAULT_DENY,
                    (_, None) => false,
                    (_, Some((mode, _))) if mode != "enforce" => false,
                    (Verdict::Permit, Some((_, effect))) => effect == "allow" || effect == "require",
                    (Verdict::NeedsApproval, Some((_, effect))) => effect == "require",
                    (Verdict::Forbid, Some((_, effect))) => effect == "deny" || (effect == "require" && is_gap),
                };
                prop_assert!(is_its_own, "{}", decision);
            }
        }
    }

    /// POL-4, where to speak of a subject's fact is to speak of the subject.
    #[test]
    fn facts_that_no_rule_speaks_of_change_nothing(specs in rules(), requests in requests()) {
        let set = load(&specs);
        let text = serde_json::to_string(&specs).unwrap();
        let unspoken = |fact: &&str| !text.contains(fact.split_inclusive('.').next().unwrap());
        for request in &requests {
            let more = request.clone().with_fact("weather.today", "fair");
            let more = FACTS.into_iter().filter(unspoken).fold(more, |more, fact| more.with_fact(fact, broken(fact)));
            prop_assert_eq!(set.judge(request), set.judge(&more));
        }
    }
}

/// What the crate `cel` makes of an expression on facts that are all there: classes and amounts as whole numbers.
#[allow(clippy::disallowed_types, reason = "the crate takes its maps so, and only looks into them")]
fn by_plain_cel(expression: &str, facts: &Facts) -> Result<bool, String> {
    let number = |value: &FactValue| match value {
        FactValue::Class(class) => *class as i64,
        FactValue::Money(money) => money.micros(),
        FactValue::Number(number) => *number,
        other => panic!("no number: {other}"),
    };
    let mut context = cel::Context::default();
    context.add_function("label", move |text: Arc<String>| number(&text.parse::<DataClass>().unwrap().into())).unwrap();
    context.add_function("money", move |text: Arc<String>| number(&money(&text))).unwrap();
    let mut subjects: BTreeMap<&str, HashMap<String, cel::Value>> = BTreeMap::new();
    for (name, value) in facts {
        let value = match value {
            FactValue::Text(text) => cel::Value::from(text.as_str()),
            other => cel::Value::Int(number(other)),
        };
        match name.split_once('.') {
            Some((subject, field)) => drop(subjects.entry(subject).or_default().insert(field.to_owned(), value)),
            None => context.add_variable_from_value(name.as_str(), value),
        }
    }
    for (subject, fields) in subjects {
        context.add_variable_from_value(subject, fields);
    }
    let program = cel::Program::compile(expression).map_err(|error| error.to_string())?;
    match program.execute(&context) {
        Ok(cel::Value::Bool(holds)) => Ok(holds),
        other => Err(format!("{other:?}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// What a condition comes to on known facts is what the language says, by the crate's own evaluator.
    #[test]
    fn conditions_mean_what_cel_means(
        expression in an_expression(true, 5),
        picked in prop::collection::vec(0..4usize, FACTS.len()),
    ) {
        let facts: Facts =
            FACTS.iter().zip(picked).map(|(fact, at)| ((*fact).to_owned(), values(fact)[at % values(fact).len()].clone())).collect();
        let expr = crate::condition::cel::read(crate::fact::Vocabulary::builtin(), &expression).unwrap();
        let holds = expr.judge(View::of(&facts)) == crate::condition::Truth::True;
        prop_assert_eq!(Ok(holds), by_plain_cel(&expression, &facts), "{}", expr);
    }

    /// Whatever is typed is refused or read, and stays within its bounds.
    #[test]
    fn reading_conditions_never_panics(text in "(?s).{0,60}", expression in an_expression(true, 3), at in 0.0..1.0) {
        let at = expression.floor_char_boundary((at * expression.len() as f64) as usize);
        for text in [text.clone(), format!("{}{text}{}", &expression[..at], &expression[at..])] {
            let _ = crate::condition::cel::read(crate::fact::Vocabulary::builtin(), &text);
        }
    }
}

proptest! {
    /// What people type and get wrong is refused or read; it never stops the host.
    #[test]
    fn loading_never_panics(at in 0.0..1.0, length in 0usize..20, put in "(?s).{0,12}") {
        let text = include_str!("../examples/reference.yaml");
        let from = text.floor_char_boundary((at * text.len() as f64) as usize);
        let to = text.floor_char_boundary((from + length).min(text.len()));
        let text = format!("{}{put}{}", &text[..from], &text[to..]);
        if let Err(error) = PolicySet::from_sources(&[Source::new("mangled", &text)]) {
            prop_assert!(error.errors().iter().all(|error| error.line.is_some()), "{error}");
        }
    }

    /// Different holders have different accounts, whatever they are called.
    #[test]
    fn accounts_are_told_apart(left in ("(?s).{0,40}", "[-a-c+/]{0,3}"), right in ("(?s).{0,40}", "[-a-c+/]{0,3}")) {
        for per in ["[project.id]", "[project.id, requester]", "[requester, labels.x]"] {
            let budget = format!("{{apiVersion: orp.policy/v1, kind: Budget, metadata: {{id: b}}, spec: {{per: {per}, window: total, limit: 5 USD}}}}");
            let set = PolicySet::from_sources(&[Source::new("b", &budget)]).unwrap();
            let account = |(id, who): &(String, String)| {
                let request = PolicyRequest::new(PolicyPoint::Run, "x", Timestamp::EPOCH)
                    .with_fact("project.id", id.as_str())
                    .with_fact("requester", who.as_str())
                    .with_fact("labels.x", id.as_str());
                let [account] = &set.budgets(&request)[..] else { panic!("one account") };
                account.name.clone()
            };
            let is_same = if per == "[project.id]" { left.0 == right.0 } else { left == right };
            prop_assert_eq!(account(&left) == account(&right), is_same);
        }
    }
}
