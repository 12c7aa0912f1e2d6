//! Mutants: the set with one small thing changed, and whether its tests notice.
//!
//! Coverage says that a rule was at work; only a test that fails when the rule says something else shows that somebody looks.
//! So each rule, exception and budget is dropped, turned, and changed by one literal, atom, action, point or obligation, one
//! at a time, and the tests are run. A mutant that they let pass is either a hole in the tests or a change that makes no
//! difference.

use super::run::holds;
use crate::condition::{Atom, Expr};
use crate::document::Documents;
use crate::document::rule::usual_points;
use crate::rule::{Actions, Effect, Rule};
use crate::{Budget, Exception, PolicySet};
use orp_core::id::RuleId;
use orp_core::noun::{DataClass, FactValue, Obligations, Routing};
use orp_core::unit::{Money, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most mutants that are tried; the others are counted.
pub const MUTANT_LIMIT: usize = 20_000;

/// How much money is a small change, in millionths: a cent.
const CENT: i64 = 10_000;

/// Which mutants of a set its tests let pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MutationReport {
    /// How many were tried.
    pub tried: usize,
    /// How many were not, because there are more than [`MUTANT_LIMIT`].
    pub left_out: usize,
    /// Those that no test noticed.
    pub survivors: Vec<Mutant>,
}

/// What a mutant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mutant {
    /// The document.
    pub id: RuleId,
    /// What is changed in it.
    pub change: String,
}

impl PolicySet {
    /// Runs the tests of the set on each of its mutants. Takes as long as the tests, as many times as there are mutants.
    ///
    /// ```
    /// # use orp_core::document::Source;
    /// # use orp_policy::PolicySet;
    /// let text = r#"
    /// apiVersion: orp.policy/v1
    /// kind: Rule
    /// metadata: {id: small}
    /// spec: {effect: allow, actions: [train], where: {cost: {at_most: 5 USD}}}
    /// ---
    /// apiVersion: orp.policy/v1
    /// kind: PolicyTest
    /// metadata: {id: costs}
    /// spec:
    ///   given: {action: train, cost: 1 USD}
    ///   cases: [{name: small, expect: {decision: permit}}, {name: large, set: {cost: 9 USD}, expect: {decision: forbid}}]
    /// "#;
    /// let set = PolicySet::from_sources(&[Source::new("set.yaml", text)])?;
    /// let survivors = set.run_mutants().survivors;
    /// assert_eq!(survivors[0].to_string(), "`small`: 5.00 USD becomes 5.01 USD", "nobody asks at the limit");
    /// # Ok::<(), orp_policy::LoadError>(())
    /// ```
    pub fn run_mutants(&self) -> MutationReport {
        let mut report = MutationReport { tried: 0, left_out: 0, survivors: Vec::new() };
        each(self.documents(), &mut |id, change, documents| {
            if report.tried == MUTANT_LIMIT {
                report.left_out += 1;
                return;
            }
            report.tried += 1;
            if holds(&Self::new(documents()), self.tests()) {
                report.survivors.push(Mutant { id: id.clone(), change });
            }
        });
        report
    }
}

/// A mutant: which document is changed how, and what all documents then are.
type Visit<'v> = &'v mut dyn FnMut(&RuleId, String, &dyn Fn() -> Documents);

/// Every mutant of some documents.
fn each(documents: &Documents, visit: Visit<'_>) {
    for (at, rule) in documents.rules.iter().enumerate() {
        for (change, mutant) in or_dropped(rule_changes(rule)) {
            visit(&rule.id, change, &|| with(documents, |documents| replace(&mut documents.rules, at, mutant.clone())));
        }
    }
    for (at, exception) in documents.exceptions.iter().enumerate() {
        for (change, mutant) in or_dropped(exception_changes(exception)) {
            let replaced = || with(documents, |documents| replace(&mut documents.exceptions, at, mutant.clone()));
            visit(&exception.id, change, &replaced);
        }
    }
    for (at, budget) in documents.budgets.iter().enumerate() {
        for (change, mutant) in or_dropped(budget_changes(budget)) {
            let replaced = || with(documents, |documents| replace(&mut documents.budgets, at, mutant.clone()));
            visit(&budget.id, change, &replaced);
        }
    }
}

/// A changed copy.
fn with<T: Clone>(original: &T, change: impl FnOnce(&mut T)) -> T {
    let mut copy = original.clone();
    change(&mut copy);
    copy
}

/// Changes, after a first one: that it is not there at all.
fn or_dropped<T>(changed: Vec<(String, T)>) -> impl Iterator<Item = (String, Option<T>)> {
    let dropped = ("it is dropped".to_owned(), None);
    std::iter::once(dropped).chain(changed.into_iter().map(|(change, mutant)| (change, Some(mutant))))
}

/// Puts a document in another's place, or takes that out.
fn replace<T>(documents: &mut Vec<T>, at: usize, by: Option<T>) {
    match (documents.get_mut(at), by) {
        (Some(document), Some(by)) => *document = by,
        (Some(_), None) => drop(documents.remove(at)),
        (None, _) => {}
    }
}

fn rule_changes(rule: &Rule) -> Vec<(String, Rule)> {
    let mut changed = Vec::new();
    let mut change = |what: String, change: &dyn Fn(&mut Rule)| {
        changed.push((what, with(rule, change)));
    };
    let effect = if rule.effect == Effect::Deny { Effect::Allow } else { Effect::Deny };
    change(format!("{} becomes {effect}", rule.effect), &|rule| {
        rule.effect = effect;
        rule.require = Obligations::default();
    });
    if let Actions::Named(names) = &rule.actions {
        for name in names {
            change(format!("action `{name}` is left out"), &|rule| {
                rule.actions = Actions::Named(names.iter().filter(|other| *other != name).cloned().collect());
            });
        }
    }
    // Points that follow from the conditions were not written, so nobody can have written them wrong.
    let is_written = usual_points(&rule.conditions).is_ok_and(|usual| usual != rule.points);
    for point in rule.points.iter().flatten().filter(|_| is_written) {
        change(format!("point {point} is left out"), &|rule| {
            rule.points = rule.points.clone().map(|points| points.into_iter().filter(|other| other != point).collect());
        });
    }
    for (what, conditions) in expr_changes(&rule.conditions) {
        change(what, &|rule| rule.conditions = conditions.clone());
    }
    for (what, require) in obligation_changes(&rule.require) {
        change(what, &|rule| rule.require = require.clone());
    }
    changed
}

fn exception_changes(exception: &Exception) -> Vec<(String, Exception)> {
    let mut changed = Vec::new();
    let mut change = |what: String, change: &dyn Fn(&mut Exception)| {
        changed.push((what, with(exception, change)));
    };
    for (what, conditions) in expr_changes(&exception.conditions) {
        change(what, &|exception| exception.conditions = conditions.clone());
    }
    let second = Span::from_secs(1);
    for until in [exception.until.before(second), exception.until.after(second)] {
        change(format!("it ends on {until}"), &|exception| exception.until = until);
    }
    for from in exception.from.iter().flat_map(|from| [from.before(second), from.after(second)]) {
        change(format!("it begins on {from}"), &|exception| exception.from = Some(from));
    }
    changed
}

fn budget_changes(budget: &Budget) -> Vec<(String, Budget)> {
    let mut changed = Vec::new();
    let mut change = |what: String, change: &dyn Fn(&mut Budget)| {
        changed.push((what, with(budget, change)));
    };
    for (what, conditions) in expr_changes(&budget.conditions) {
        change(what, &|budget| budget.conditions = conditions.clone());
    }
    // Whatever it is counted in, twice as much is another limit, unless it is none.
    let larger = budget.limit.checked_add(budget.limit).ok().filter(|larger| *larger != budget.limit);
    if let Some(larger) = larger {
        change(format!("{} becomes {larger}", budget.limit), &|budget| budget.limit = larger);
    }
    for account in budget.overrides.keys() {
        change(format!("the limit of `{account}` is left out"), &|budget| {
            budget.overrides.remove(account);
        });
    }
    changed
}

/// Conditions with one atom turned or left out, or one literal changed.
fn expr_changes(expr: &Expr) -> Vec<(String, Expr)> {
    let mut changed = Vec::new();
    for (at, atom) in expr.atoms().into_iter().enumerate() {
        let turned = Atom::new(atom.test.clone(), !atom.holds);
        changed.push((format!("{atom} is turned"), with_atom(expr, at, Some(&Expr::Atom(turned)), true)));
        changed.push((format!("{atom} is left out"), with_atom(expr, at, None, true)));
        for (place, literal) in atom.literals().into_iter().enumerate() {
            for other in near(literal) {
                let mut atom = atom.clone();
                if let Some(literal) = atom.literals_mut().into_iter().nth(place) {
                    *literal = other.clone();
                }
                changed
                    .push((format!("{literal} becomes {other}"), with_atom(expr, at, Some(&Expr::Atom(atom)), true)));
            }
        }
    }
    changed
}

/// Conditions with something else in the place of one atom, counted from the left; with nothing, what is around it is
/// judged without: among what must all hold that is `true`, among alternatives it is `false`.
fn with_atom(expr: &Expr, at: usize, by: Option<&Expr>, neutral: bool) -> Expr {
    let within = |parts: &[Expr], neutral: bool| {
        let mut before = 0;
        let part = |part: &Expr| {
            let (from, count) = (before, part.atoms().len());
            before += count;
            let is_here = (from..from + count).contains(&at);
            if is_here { with_atom(part, at - from, by, neutral) } else { part.clone() }
        };
        parts.iter().map(part).collect::<Vec<_>>()
    };
    match expr {
        Expr::Always(_) => expr.clone(),
        Expr::Atom(_) => by.cloned().unwrap_or(Expr::Always(neutral)),
        Expr::All(parts) => Expr::All(within(parts, true)),
        Expr::Any(parts) => Expr::Any(within(parts, false)),
    }
}

/// Values next to a literal.
fn near(literal: &FactValue) -> Vec<FactValue> {
    match literal {
        FactValue::Flag(flag) => vec![(!flag).into()],
        FactValue::Number(number) => vec![number.saturating_add(1).into(), number.saturating_sub(1).into()],
        FactValue::Class(class) => {
            let classes = [DataClass::Public, DataClass::Internal, DataClass::Confidential, DataClass::Restricted];
            classes.into_iter().filter(|other| other != class).map(Into::into).collect()
        }
        FactValue::Money(money) => vec![cents(*money, 1).into(), cents(*money, -1).into()],
        FactValue::Time(time) => {
            let micros = time.as_micros();
            [micros.saturating_add(1), micros.saturating_sub(1)].map(|at| Timestamp::from_micros(at).into()).into()
        }
        FactValue::Text(text) => vec![format!("{text}~").into()],
        FactValue::Texts(_) => Vec::new(),
    }
}

fn cents(money: Money, count: i64) -> Money {
    Money::from_micros(money.micros().saturating_add(count * CENT), money.currency())
}

/// Obligations without one of their parts, or with one a little stricter.
fn obligation_changes(require: &Obligations) -> Vec<(String, Obligations)> {
    let mut changed = Vec::new();
    let mut change = |what: String, change: &dyn Fn(&mut Obligations)| {
        changed.push((what, with(require, change)));
    };
    for (currency, most) in &require.cost_max {
        let less = cents(*most, -1);
        change(format!("the cap of {most} is left out"), &|mutant| {
            mutant.cost_max.remove(currency);
        });
        change(format!("the cap of {most} becomes {less}"), &|mutant| {
            mutant.cost_max.insert(*currency, less);
        });
    }
    for detector in &require.redact {
        change(format!("`{detector}` is not taken out"), &|mutant| {
            mutant.redact.remove(detector);
        });
    }
    for (flow, terms) in &require.approvals {
        change(format!("approval by `{flow}` is left out"), &|mutant| {
            mutant.approvals.remove(flow);
        });
        change(format!("one more must approve by `{flow}`"), &|mutant| {
            let mut terms = terms.clone();
            terms.quorum = terms.quorum.saturating_add(1);
            mutant.approvals.insert(flow.clone(), terms);
        });
    }
    if !require.route.is_open() {
        change("it may go anywhere".into(), &|mutant| mutant.route = Routing::default());
    }
    for who in &require.notify {
        change(format!("`{who}` is not told"), &|mutant| {
            mutant.notify.remove(who);
        });
    }
    changed
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.id, self.change)
    }
}

impl fmt::Display for MutationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caught = self.tried - self.survivors.len();
        write!(f, "mutants: {caught} of {} were noticed", self.tried)?;
        if self.left_out > 0 {
            write!(f, ", {} were not tried", self.left_out)?;
        }
        self.survivors.iter().try_for_each(|survivor| write!(f, "\n  not noticed: {survivor}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::document::Source;

    fn changes(spec: &str) -> Vec<String> {
        let flow = "{apiVersion: orp.policy/v1, kind: ApprovalFlow, metadata: {id: one}, spec: {approvers: [ada]}}";
        let rule = format!("{{apiVersion: orp.policy/v1, kind: Rule, metadata: {{id: r}}, spec: {{{spec}}}}}");
        let set = PolicySet::from_sources(&[Source::new("flow", flow), Source::new("rule", &rule)]).unwrap();
        // Without tests every mutant survives.
        let report = set.run_mutants();
        assert_eq!(report.tried, report.survivors.len());
        report.survivors.into_iter().map(|mutant| mutant.change).collect()
    }

    #[test]
    fn mutants_are_small_changes() {
        for (spec, expected) in [
            ("effect: allow, actions: [\"*\"]", vec!["it is dropped", "allow becomes deny"]),
            (
                "effect: deny, actions: [a, b], points: [run], where: {priority: 5}",
                vec![
                    "it is dropped",
                    "deny becomes allow",
                    "action `a` is left out",
                    "action `b` is left out",
                    "point run is left out",
                    "`priority` is 5 is turned",
                    "`priority` is 5 is left out",
                    "5 becomes 6",
                    "5 becomes 4",
                ],
            ),
            (
                "effect: require, actions: [\"*\"], require: {cap: {cost: 1 USD}, redact: [email], approve: [one], route: {regions: [a]}, notify: [ada]}",
                vec![
                    "it is dropped",
                    "require becomes deny",
                    "the cap of 1.00 USD is left out",
                    "the cap of 1.00 USD becomes 0.99 USD",
                    "`email` is not taken out",
                    "approval by `one` is left out",
                    "one more must approve by `one`",
                    "it may go anywhere",
                    "`ada` is not told",
                ],
            ),
        ] {
            assert_eq!(changes(spec), expected, "{spec}");
        }
    }

    /// What is left out is neutral where it stands, and nothing else is touched.
    #[test]
    fn one_atom_is_changed_at_a_time() {
        let vocabulary = crate::fact::Vocabulary::builtin();
        let when = "requester == 'a' && (project.id == 'b' || provider == 'c' && region == 'd') || market == 'spot'";
        let expr = crate::condition::cel::read(vocabulary, when).unwrap();
        let shown = |at| with_atom(&expr, at, None, true).to_string();
        let atoms = ["`requester` is a", "`project.id` is b", "`provider` is c", "`region` is d", "`market` is spot"];
        let [a, b, c, d, e] = atoms;
        assert_eq!(expr.to_string(), format!("({a} and ({b} or ({c} and {d}))) or {e}"));
        for (at, expected) in [
            format!("(true and ({b} or ({c} and {d}))) or {e}"),
            format!("({a} and (false or ({c} and {d}))) or {e}"),
            format!("({a} and ({b} or (true and {d}))) or {e}"),
            format!("({a} and ({b} or ({c} and true))) or {e}"),
            format!("({a} and ({b} or ({c} and {d}))) or false"),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(shown(at), expected);
        }
    }
}
