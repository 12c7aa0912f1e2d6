//! `kind: PolicyTest`.

use super::part::Part;
use super::raw::{Fault, Raw};
use super::rule::{RequireSpec, known_at};
use super::{Documents, Envelope, Headed, Kind, given};
use crate::condition::{Expr, cel, clause};
use crate::fact::{FactName, LABEL_LIMIT_BYTES, Vocabulary};
use crate::set::DEFAULT_DENY;
use crate::testing::{
    CELL_LIMIT, Case, Cells, Change, Choice, Draft, Expectation, FORALL_LIMIT, Invariant, Matrix, POINTS, PolicyTest,
    Words, combinations, domains,
};
use orp_core::document::DocumentError;
use orp_core::id::RuleId;
use orp_core::noun::{FactValue, PolicyPoint, Verdict};
use orp_core::unit::Amount;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use std::collections::{BTreeMap, BTreeSet};

/// What a test says.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyTestSpec {
    /// The request that every check starts from: its `action`, its `point` (`plan` when left out), when it is made (`at`) and
    /// its facts, dotted or nested.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Given"))]
    given: Spanned<Raw>,
    /// Single requests.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<CaseSpec>"))]
    #[serde(default)]
    cases: Vec<Spanned<CaseSpec>>,
    /// Every combination of some values.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<MatrixSpec>"))]
    #[serde(default)]
    matrices: Vec<Spanned<MatrixSpec>>,
    /// What must hold whatever some facts are.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<InvariantSpec>"))]
    #[serde(default)]
    invariants: Vec<Spanned<InvariantSpec>>,
}

/// One request and what is expected of it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct CaseSpec {
    /// What it shows.
    name: String,
    /// What is otherwise than given; `null` takes a fact, or a whole subject, out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Given>"))]
    #[serde(default, deserialize_with = "given")]
    set: Option<Spanned<Raw>>,
    /// What is expected.
    #[cfg_attr(feature = "schema", schemars(with = "ExpectSpec"))]
    expect: Spanned<ExpectSpec>,
}

/// Every combination of some values, and what is expected of each.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct MatrixSpec {
    /// What it shows.
    name: String,
    /// What is otherwise than given; `null` takes a fact, or a whole subject, out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Given>"))]
    #[serde(default, deserialize_with = "given")]
    set: Option<Spanned<Raw>>,
    /// The values of facts, of `action`, `point` or `at`; `null` is that the fact is not there.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Vec<serde_json::Value>>"))]
    over: Spanned<Raw>,
    /// The decisions, lists within lists in the order of `over`. This or `expect`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<serde_json::Value>>"))]
    #[serde(default, deserialize_with = "given")]
    cells: Option<Spanned<Raw>>,
    /// Expectations, of which the first whose `when` holds is the cell's. This or `cells`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<ExpectSpec>>"))]
    #[serde(default, deserialize_with = "given")]
    expect: Option<Spanned<Vec<Spanned<ExpectSpec>>>>,
}

/// What is expected of a decision: what is left out is not looked at.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ExpectSpec {
    /// In a matrix: the cells it is about, in CEL; all that are left when left out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "given")]
    when: Option<Spanned<String>>,
    /// The answer.
    decision: Verdict,
    /// Exactly these rules decided.
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeSet<RuleId>>"))]
    #[serde(default, deserialize_with = "given")]
    by: Option<Vec<Spanned<RuleId>>>,
    /// A text that is in some reason.
    #[serde(default, deserialize_with = "given")]
    because: Option<String>,
    /// Exactly these obligations, as a rule writes them; `{}` is none.
    #[cfg_attr(feature = "schema", schemars(with = "Option<RequireSpec>"))]
    #[serde(default, deserialize_with = "given")]
    require: Option<Spanned<RequireSpec>>,
    /// Exactly these rules warned.
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeSet<RuleId>>"))]
    #[serde(default, deserialize_with = "given")]
    warnings: Option<Vec<Spanned<RuleId>>>,
    /// Exactly these rules spoke in the shadow.
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeSet<RuleId>>"))]
    #[serde(default, deserialize_with = "given")]
    shadow: Option<Vec<Spanned<RuleId>>>,
    /// Exactly these exceptions set rules aside.
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeSet<RuleId>>"))]
    #[serde(default, deserialize_with = "given")]
    exceptions: Option<Vec<Spanned<RuleId>>>,
    /// It falls under exactly these accounts, by name, with these limits.
    #[serde(default, deserialize_with = "given")]
    budgets: Option<BTreeMap<String, Amount>>,
}

/// What must hold whatever some facts are.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct InvariantSpec {
    /// What it says; the condition itself when left out.
    name: Option<String>,
    /// What is otherwise than given; `null` takes a fact, or a whole subject, out.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Given>"))]
    #[serde(default, deserialize_with = "given")]
    set: Option<Spanned<Raw>>,
    /// What varies: names of facts, or `{fact: [values]}`, with values to be tried besides those that the rules name.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<serde_json::Value>"))]
    forall: Spanned<Vec<Spanned<Raw>>>,
    /// A condition that holds of no request and its decision, in CEL. This or `always`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "given")]
    never: Option<Spanned<String>>,
    /// A condition that holds of every request and its decision, in CEL. This or `never`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "given")]
    always: Option<Spanned<String>>,
}

impl Part<'_> {
    /// What is expected of the documents that were read; those that were not are known by their headers.
    pub(super) fn policy_test(
        &self,
        id: &RuleId,
        documents: &Documents,
        headed: &BTreeMap<RuleId, Headed<'_>>,
        words: &Words,
        envelope: Result<Envelope<PolicyTestSpec>, DocumentError>,
    ) -> Result<PolicyTest, DocumentError> {
        let Envelope { metadata, spec, .. } = envelope?;
        let mut reader = Reader { part: self, documents, headed, words, points: BTreeSet::new() };
        if spec.cases.is_empty() && spec.matrices.is_empty() && spec.invariants.is_empty() {
            let message = "a test that tests nothing: expected `cases`, `matrices` or `invariants`";
            return Err(reader.error(metadata.id.referenced, message));
        }
        let facts = reader.facts(&spec.given)?;
        let given = reader.given(&spec.given, &facts)?;
        let cases = spec.cases.into_iter().map(|case| reader.case(&given, case)).collect::<Result<_, _>>()?;
        let matrices = spec.matrices.into_iter().map(|matrix| reader.matrix(&given, matrix));
        let matrices = matrices.collect::<Result<_, _>>()?;
        let invariants = spec.invariants.into_iter().map(|invariant| reader.invariant(&given, invariant));
        let invariants = invariants.collect::<Result<_, _>>()?;
        for fact in &facts.values {
            reader.check_known(fact, &reader.points)?;
        }
        Ok(PolicyTest { id: id.clone(), owner: metadata.owner, given, cases, matrices, invariants })
    }
}

/// Facts as they are written: names and values, with places.
#[derive(Default)]
struct Written {
    values: Vec<(FactName, Option<FactValue>, Location)>,
    /// Subjects that are taken out as a whole.
    cleared: BTreeSet<String>,
}

impl Written {
    fn change(&self) -> Change {
        let facts = self.values.iter().map(|(fact, value, _)| (fact.clone(), value.clone())).collect();
        Change { cleared: self.cleared.clone(), facts }
    }
}

/// What varies, as it is written: with its values and its place.
type Listed = (FactName, Vec<Option<FactValue>>, Location);

/// Reads one test.
struct Reader<'r, 'd> {
    part: &'r Part<'d>,
    documents: &'r Documents,
    headed: &'r BTreeMap<RuleId, Headed<'d>>,
    words: &'r Words,
    /// The points at which any check asks.
    points: BTreeSet<PolicyPoint>,
}

impl Reader<'_, '_> {
    fn error(&self, at: Location, message: impl Into<String>) -> DocumentError {
        self.part.error(Fault::new(at, message))
    }

    /// A map of facts, dotted or nested.
    fn facts(&self, written: &Spanned<Raw>) -> Result<Written, DocumentError> {
        let mut facts = Written::default();
        match &written.value {
            Raw::Map(entries) if !entries.is_empty() => self.collect(None, entries, &mut facts)?,
            Raw::Map(_) => return Err(self.error(written.referenced, "no facts: expected at least one")),
            found => return Err(self.error(written.referenced, format!("expected a map of facts, found {found}"))),
        }
        Ok(facts)
    }

    fn collect(
        &self,
        subject: Option<&str>,
        entries: &[(Spanned<String>, Spanned<Raw>)],
        facts: &mut Written,
    ) -> Result<(), DocumentError> {
        for (key, value) in entries {
            let name = subject.map_or_else(|| key.value.clone(), |subject| format!("{subject}.{}", key.value));
            let found = self.words.requests.find(&name);
            match (&value.value, found) {
                // No name is longer, so this also bounds how deep facts nest.
                (Raw::Map(inner), Err(_)) if !inner.is_empty() && name.len() <= LABEL_LIMIT_BYTES => {
                    self.collect(Some(&name), inner, facts)?;
                }
                (Raw::Null, Err(_)) if self.words.requests.has_subject(&format!("{name}.")) => {
                    facts.cleared.insert(format!("{name}."));
                }
                (_, Err(message)) => return Err(self.error(key.referenced, message)),
                (_, Ok(fact)) => {
                    if facts.values.iter().any(|(other, ..)| *other == fact) {
                        return Err(self.error(key.referenced, format!("`{fact}` is stated twice")));
                    }
                    let read = self.value(&fact, value)?;
                    facts.values.push((fact, read, key.referenced));
                }
            }
        }
        Ok(())
    }

    /// A value of a fact; nothing is that it is not there.
    fn value(&self, fact: &FactName, written: &Spanned<Raw>) -> Result<Option<FactValue>, DocumentError> {
        let is_word = [Words::ACTION, Words::POINT, Words::AT].contains(&fact.as_str());
        match &written.value {
            Raw::Null if is_word => Err(self.error(written.referenced, format!("a request always has its `{fact}`"))),
            Raw::Null => Ok(None),
            _ => clause::value(fact, written).map(Some).map_err(|fault| self.part.error(fault)),
        }
    }

    /// The request that every check starts from.
    fn given(&self, written: &Spanned<Raw>, facts: &Written) -> Result<Draft, DocumentError> {
        if let Some((fact, _, at)) = facts.values.iter().find(|(_, value, _)| value.is_none()) {
            return Err(self.error(*at, format!("`{fact}` is nothing: leave it out")));
        }
        if let Some(subject) = facts.cleared.first() {
            return Err(self.error(written.referenced, format!("`{subject}` is nothing: leave it out")));
        }
        if !facts.values.iter().any(|(fact, ..)| fact.as_str() == Words::ACTION) {
            return Err(self.error(written.referenced, "missing field `action`"));
        }
        Ok(Draft::new(String::new()).with(&facts.change()))
    }

    /// What a check says otherwise, its facts being known at one of these points.
    fn change(
        &self,
        written: Option<&Spanned<Raw>>,
        points: impl FnOnce(&Change) -> BTreeSet<PolicyPoint>,
    ) -> Result<(Change, BTreeSet<PolicyPoint>), DocumentError> {
        let facts = written.map(|written| self.facts(written)).transpose()?.unwrap_or_default();
        let change = facts.change();
        let points = points(&change);
        facts.values.iter().try_for_each(|fact| self.check_known(fact, &points))?;
        Ok((change, points))
    }

    /// A fact that none of the requests can have is a mistake.
    fn check_known(
        &self,
        (fact, value, at): &(FactName, Option<FactValue>, Location),
        points: &BTreeSet<PolicyPoint>,
    ) -> Result<(), DocumentError> {
        if value.is_none() || points.iter().any(|point| fact.declaration().is_known_at(*point)) {
            return Ok(());
        }
        let points: Vec<String> = points.iter().map(ToString::to_string).collect();
        Err(self.error(*at, format!("{}, and what is asked is asked at {}", known_at(fact), points.join(", "))))
    }

    fn case(&mut self, given: &Draft, written: Spanned<CaseSpec>) -> Result<Case, DocumentError> {
        let place = self.part.place(written.referenced);
        let CaseSpec { name, set, expect } = written.value;
        let (change, points) = self.change(set.as_ref(), |change| BTreeSet::from([given.with(change).point]))?;
        self.points.extend(points);
        if let Some(when) = &expect.value.when {
            return Err(self.error(when.referenced, "`when` chooses among the cells of a matrix: a case has none"));
        }
        Ok(Case { name, place, change, expect: self.expectation(expect.value)? })
    }

    fn matrix(&mut self, given: &Draft, written: Spanned<MatrixSpec>) -> Result<Matrix, DocumentError> {
        let (place, at) = (self.part.place(written.referenced), written.referenced);
        let MatrixSpec { name, set, over, cells, expect } = written.value;
        let (over_at, over) = (over.referenced, self.over(&over)?);
        let choices: Vec<Choice> = over.iter().map(|(fact, values, _)| (fact.clone(), values.clone())).collect();
        let (change, points) = self.change(set.as_ref(), |change| points_of(&given.with(change), &choices))?;
        self.check_choices(&over, &points)?;
        self.points.extend(points);
        let count = combinations(&choices).filter(|count| *count <= CELL_LIMIT);
        if count.is_none() {
            return Err(self.error(over_at, format!("the matrix is too large: expected at most {CELL_LIMIT} cells")));
        }
        let expect = match (cells, expect) {
            (Some(cells), None) => {
                let mut expectations = Vec::new();
                self.cells(&cells, &choices, &mut expectations)?;
                Cells::Each(expectations)
            }
            (None, Some(rules)) => {
                Cells::First(rules.value.into_iter().map(|rule| self.rule_of_cells(rule)).collect::<Result<_, _>>()?)
            }
            _ => return Err(self.error(at, "expected either `cells` or `expect`")),
        };
        Ok(Matrix { name, place, change, over: choices, expect })
    }

    /// What a matrix or an invariant varies is known somewhere.
    fn check_choices(&self, choices: &[Listed], points: &BTreeSet<PolicyPoint>) -> Result<(), DocumentError> {
        let mut known = choices.iter().map(|(fact, _, at)| (fact.clone(), Some(FactValue::Flag(true)), *at));
        known.try_for_each(|fact| self.check_known(&fact, points))
    }

    /// The values of each fact.
    fn over(&self, written: &Spanned<Raw>) -> Result<Vec<Listed>, DocumentError> {
        let entries = match &written.value {
            Raw::Map(entries) if !entries.is_empty() => entries,
            found => {
                let message = format!("expected facts, each with a list of its values, found {found}");
                return Err(self.error(written.referenced, message));
            }
        };
        let choice = |(key, values): &(Spanned<String>, Spanned<Raw>)| {
            let fact = self.words.requests.find(&key.value).map_err(|message| self.error(key.referenced, message))?;
            let values = self.values(&fact, values)?;
            Ok((fact, values, key.referenced))
        };
        entries.iter().map(choice).collect()
    }

    /// A list of values, each once.
    fn values(&self, fact: &FactName, written: &Spanned<Raw>) -> Result<Vec<Option<FactValue>>, DocumentError> {
        let items = match &written.value {
            Raw::List(items) if !items.is_empty() => items,
            found => {
                let message = format!("expected a list of values of `{fact}`, found {found}");
                return Err(self.error(written.referenced, message));
            }
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = self.value(fact, item)?;
            if values.contains(&value) {
                return Err(self.error(item.referenced, format!("{} is listed twice", item.value)));
            }
            values.push(value);
        }
        Ok(values)
    }

    /// The decisions of cells, lists within lists.
    fn cells(
        &self,
        written: &Spanned<Raw>,
        over: &[Choice],
        expectations: &mut Vec<Expectation>,
    ) -> Result<(), DocumentError> {
        let at = written.referenced;
        let Some(((fact, values), over)) = over.split_first() else {
            let verdict = match &written.value {
                Raw::Text(text) => [Verdict::Permit, Verdict::NeedsApproval, Verdict::Forbid]
                    .into_iter()
                    .find(|verdict| crate::testing::word(*verdict) == text),
                _ => None,
            };
            let message = || format!("{} is no decision: expected permit, needs_approval or forbid", written.value);
            expectations.push(Expectation::of(verdict.ok_or_else(|| self.error(at, message()))?));
            return Ok(());
        };
        match &written.value {
            Raw::List(items) if items.len() == values.len() => {
                items.iter().try_for_each(|item| self.cells(item, over, expectations))
            }
            found => {
                let found = if let Raw::List(items) = found { items.len().to_string() } else { found.to_string() };
                let count = values.len();
                Err(self
                    .error(at, format!("expected a list of {count}, one for each value of `{fact}`, found {found}")))
            }
        }
    }

    /// What is expected of the cells of which a condition holds.
    fn rule_of_cells(&self, written: Spanned<ExpectSpec>) -> Result<(Expr, Expectation), DocumentError> {
        let when = match &written.value.when {
            Some(when) => self.condition(&self.words.requests, when)?,
            None => Expr::Always(true),
        };
        Ok((when, self.expectation(written.value)?))
    }

    fn condition(&self, words: &Vocabulary, text: &Spanned<String>) -> Result<Expr, DocumentError> {
        match cel::read(words, &text.value).map_err(|error| self.part.error_in(text, error))? {
            Expr::Always(always) => {
                let message = format!("it is {always} whatever is asked: expected a condition");
                Err(self.error(text.referenced, message))
            }
            expr => Ok(expr),
        }
    }

    fn expectation(&self, written: ExpectSpec) -> Result<Expectation, DocumentError> {
        let require = written.require.map(|require| self.part.obligations(require, self.documents));
        Ok(Expectation {
            decision: written.decision,
            by: self.ids(Kind::Rule, written.by)?,
            because: written.because,
            require: require.transpose()?,
            warnings: self.ids(Kind::Rule, written.warnings)?,
            shadow: self.ids(Kind::Rule, written.shadow)?,
            exceptions: self.ids(Kind::Exception, written.exceptions)?,
            budgets: written.budgets,
        })
    }

    /// The ids of documents of a kind.
    fn ids(
        &self,
        kind: Kind,
        written: Option<Vec<Spanned<RuleId>>>,
    ) -> Result<Option<BTreeSet<RuleId>>, DocumentError> {
        let (what, default) = if kind == Kind::Rule { ("rule", Some(DEFAULT_DENY)) } else { ("exception", None) };
        let is_known =
            |id: &RuleId| self.headed.get(id).is_some_and(|headed| headed.kind == kind) || default == Some(id.as_str());
        match written.iter().flatten().find(|id| !is_known(&id.value)) {
            Some(id) => Err(self.error(id.referenced, format!("unknown {what} `{}`", id.value))),
            None => Ok(written.map(|ids| ids.into_iter().map(|id| id.value).collect())),
        }
    }

    fn invariant(&mut self, given: &Draft, written: Spanned<InvariantSpec>) -> Result<Invariant, DocumentError> {
        let (place, at) = (self.part.place(written.referenced), written.referenced);
        let InvariantSpec { name, set, forall, never, always } = written.value;
        let (text, always) = match (never, always) {
            (Some(text), None) => (text, false),
            (None, Some(text)) => (text, true),
            _ => return Err(self.error(at, "expected either `never` or `always`")),
        };
        let condition = self.condition(&self.words.decisions, &text)?;
        let listed = self.forall(&forall)?;
        let choices: Vec<Choice> = listed.iter().map(|(fact, values, _)| (fact.clone(), values.clone())).collect();
        let text = text.value.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = name.unwrap_or_else(|| format!("{} {text}", if always { "always" } else { "never" }));
        let mut invariant =
            Invariant { name, place, change: Change::default(), forall: choices, condition, always, text };
        // A point that is not listed may be any.
        let points = |change: &Change| {
            let is_open = |(fact, _): &Choice| fact.as_str() == Words::POINT;
            let one = BTreeSet::from([given.with(change).point]);
            if invariant.forall.iter().any(is_open) { POINTS.into() } else { one }
        };
        let (change, points) = self.change(set.as_ref(), points)?;
        self.check_choices(&listed, &points)?;
        self.points.extend(points);
        let base = given.with(&change);
        invariant.change = change;
        let domains = domains(self.documents, &base, &invariant);
        if combinations(&domains).is_none_or(|count| count > FORALL_LIMIT) {
            let counts: Vec<String> =
                domains.iter().map(|(fact, values)| format!("{} of `{fact}`", values.len())).collect();
            let message = format!("too many combinations ({}): at most {FORALL_LIMIT} are tried", counts.join(", "));
            return Err(self.error(forall.referenced, message));
        }
        Ok(invariant)
    }

    /// What varies, with the values that are listed.
    fn forall(&self, written: &Spanned<Vec<Spanned<Raw>>>) -> Result<Vec<Listed>, DocumentError> {
        let mut choices: Vec<Listed> = Vec::new();
        for item in &written.value {
            let found = match &item.value {
                Raw::Text(name) => {
                    let fact =
                        self.words.requests.find(name).map_err(|message| self.error(item.referenced, message))?;
                    vec![(fact, Vec::new(), item.referenced)]
                }
                Raw::Map(_) => self.over(item)?,
                found => {
                    let message = format!("expected the name of a fact, or `{{fact: [values]}}`, found {found}");
                    return Err(self.error(item.referenced, message));
                }
            };
            for choice in found {
                if choices.iter().any(|(fact, ..)| *fact == choice.0) {
                    return Err(self.error(choice.2, format!("`{}` is named twice", choice.0)));
                }
                choices.push(choice);
            }
        }
        if choices.is_empty() {
            return Err(self.error(written.referenced, "nothing varies: expected at least one fact"));
        }
        Ok(choices)
    }
}

/// The points at which the requests of a matrix are made.
fn points_of(base: &Draft, over: &[Choice]) -> BTreeSet<PolicyPoint> {
    let listed = over.iter().find(|(fact, _)| fact.as_str() == Words::POINT);
    let Some((fact, values)) = listed else { return BTreeSet::from([base.point]) };
    let point = |value: &Option<FactValue>| {
        let mut draft = base.clone();
        draft.set(fact, value.as_ref());
        draft.point
    };
    values.iter().map(point).collect()
}
