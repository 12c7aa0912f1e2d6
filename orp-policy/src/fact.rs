//! Facts: the words that rules speak in, what each means, and what a request says about it.
//!
//! The vocabulary is one table, so that a misspelt fact or a wrong type is found when a set is loaded, not when it fails
//! to forbid. What a host says beyond the table it either declares, with a type, in the set's `PolicySet` document, or gives
//! as *labels*: `labels.<name>`, always text.
//!
//! What it means that a fact is not there depends on the fact ([`Absence`]): a request always has a project, so a missing
//! `project.id` is an error; it need not have a data set, so without any `dataset.` fact there is none to judge.

use crate::view::View;
use orp_core::noun::{DataClass, FactValue, PolicyPoint};
use orp_core::unit::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, LazyLock},
};

/// What kind of value a fact has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactKind {
    /// Any text.
    Text,
    /// One of these texts.
    OneOf(Vec<String>),
    /// Several texts.
    Texts,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// A data class.
    Class,
    /// An amount of money.
    Money,
    /// A point in time.
    Time,
}

impl FactKind {
    /// Whether `at_least` and `at_most` mean anything.
    pub const fn is_ordered(&self) -> bool {
        matches!(self, Self::Number | Self::Class | Self::Money | Self::Time)
    }

    /// Whether values are plain texts.
    pub(crate) const fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::OneOf(_))
    }

    /// The value as this kind's, if it is one; text is read as what it should be.
    pub(crate) fn read<'a>(&self, given: &'a FactValue) -> Option<Value<'a>> {
        match (self, given) {
            (Self::Text, FactValue::Text(text)) => Some(Value::Text(text)).filter(|_| text.len() <= TEXT_LIMIT_BYTES),
            (Self::OneOf(values), FactValue::Text(text)) => values.contains(text).then_some(Value::Text(text)),
            (Self::Texts, FactValue::Texts(texts)) => Some(Value::Texts(texts)).filter(|_| are_bounded(texts)),
            (Self::Number, FactValue::Number(number)) => Some(Value::Number(*number)),
            (Self::Flag, FactValue::Flag(flag)) => Some(Value::Flag(*flag)),
            (Self::Class, FactValue::Class(class)) => Some(Value::Class(*class)),
            (Self::Class, FactValue::Text(text)) => text.parse().ok().map(Value::Class),
            (Self::Money, FactValue::Money(money)) => Some(Value::Money(*money)),
            (Self::Money, FactValue::Text(text)) => text.parse().ok().map(Value::Money),
            (Self::Time, FactValue::Time(time)) => Some(Value::Time(*time)),
            (Self::Time, FactValue::Text(text)) => text.parse().ok().map(Value::Time),
            _ => None,
        }
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::OneOf(values) => write!(f, "one of {}", values.join(", ")),
            Self::Texts => f.write_str("a list of texts"),
            Self::Number => f.write_str("a whole number"),
            Self::Flag => f.write_str("true or false"),
            Self::Class => f.write_str("a data class (public, internal, confidential or restricted)"),
            Self::Money => f.write_str("an amount of money such as `500 USD`"),
            Self::Time => f.write_str("a time such as `2026-11-23T00:00:00Z`"),
        }
    }
}

/// The longest text that rules look into, in bytes: a longer one is no value at all.
pub const TEXT_LIMIT_BYTES: usize = 4096;

/// The most texts of one fact that rules look into.
pub const TEXTS_LIMIT: usize = 256;

fn are_bounded(texts: &[String]) -> bool {
    texts.len() <= TEXTS_LIMIT && texts.iter().all(|text| text.len() <= TEXT_LIMIT_BYTES)
}

/// What it means that a request does not have the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// The host should have given it: nothing can be said, and what asks for it fails closed.
    #[default]
    Unknown,
    /// As [`Absence::Unknown`] when the request has another fact of the same subject (what stands before the dot); without
    /// any there is no such subject, and no condition on it holds but `present: false`.
    NoSubject,
    /// It was never set, and so equals nothing; whether it may count as different from something is unknown.
    Unset,
}

/// One entry of a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Declaration {
    /// The fact's name; `labels.*` stands for every label.
    pub name: String,
    /// What kind of value it has.
    pub kind: FactKind,
    /// The points at which it is known; `None` is all of them.
    pub points: Option<BTreeSet<PolicyPoint>>,
    /// What it means when it is not there.
    pub absence: Absence,
    /// What it says.
    pub meaning: String,
}

impl Declaration {
    /// A fact that is known everywhere, and should be.
    pub fn new(name: impl Into<String>, kind: FactKind, meaning: impl Into<String>) -> Self {
        Self { name: name.into(), kind, points: None, absence: Absence::Unknown, meaning: meaning.into() }
    }

    /// Known at these points only.
    pub fn with_points(mut self, points: impl IntoIterator<Item = PolicyPoint>) -> Self {
        self.points = Some(points.into_iter().collect());
        self
    }

    /// What it means when it is not there.
    pub fn with_absence(mut self, absence: Absence) -> Self {
        self.absence = absence;
        self
    }

    /// Whether a request at `point` may have the fact.
    pub fn is_known_at(&self, point: PolicyPoint) -> bool {
        self.points.as_ref().is_none_or(|points| points.contains(&point))
    }
}

/// The facts that rules may speak of: those of ORP, and those a host declares beside them.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    facts: BTreeMap<String, Arc<Declaration>>,
}

/// The facts of ORP itself: name, kind, points, absence, meaning. Values are the texts that the nouns of `orp-core` print as.
fn builtin() -> Vec<Declaration> {
    use Absence::{NoSubject, Unknown, Unset};
    use FactKind::{Class, Flag, Money, Number, OneOf, Text};
    use PolicyPoint::{Intent, Place, Plan, Publish, Replan, Run, ToolCall, Transfer};
    let one_of = |values: &[&str]| OneOf(values.iter().map(|value| (*value).to_owned()).collect());
    let of_intent: &[PolicyPoint] = &[Intent, Plan, Place, Transfer, Run, Replan];
    let of_plan: &[PolicyPoint] = &[Plan, Run, Replan];
    let of_resource: &[PolicyPoint] = &[Plan, Place, Run, Replan];
    let (everywhere, of_offer, of_transfer, of_call, of_asset): (&[PolicyPoint], &[_], &[_], &[_], &[_]) =
        (&[], &[Place], &[Transfer], &[ToolCall], &[Publish]);
    [
        ("agent.id", Text, of_call, NoSubject, "the agent that calls, when one does"),
        (
            "asset.class",
            Class,
            of_asset,
            NoSubject,
            "how sensitive what is published is: the highest class it was made from",
        ),
        ("asset.kind", Text, of_asset, NoSubject, "what is published: `dataset`, `weights`, `report`"),
        ("asset.name", Text, of_asset, NoSubject, "the name under which it is published"),
        ("asset.visibility", one_of(&["private", "public"]), of_asset, NoSubject, "who may get at it"),
        ("cost", Money, of_plan, Unknown, "what the plan, or what is left of it, may cost"),
        ("dataset.class", Class, everywhere, NoSubject, "how sensitive the data set is"),
        ("dataset.name", Text, everywhere, NoSubject, "the data set, as the goal names it"),
        ("declassify.to", Class, of_asset, NoSubject, "the class that `asset.class` is to be lowered to"),
        ("goal.kind", Text, of_intent, Unknown, "the kind of goal, such as `fine_tune`"),
        ("labels.*", Text, everywhere, Unset, "what the host or the intent says beyond this table"),
        ("market", one_of(&["owned", "reserved", "on-demand", "spot"]), of_offer, Unknown, "how the offer is sold"),
        ("model.name", Text, everywhere, NoSubject, "the model, as the goal names it"),
        (
            "model.visibility",
            one_of(&["private", "public"]),
            everywhere,
            NoSubject,
            "who may get at the model's weights",
        ),
        ("priority", Number, of_intent, Unknown, "the intent's priority; 0 is usual"),
        ("project.id", Text, everywhere, Unknown, "who it is for"),
        ("provider", Text, of_offer, Unknown, "whose offer it is"),
        ("region", Text, of_offer, Unknown, "where the offer is"),
        ("requester", Text, everywhere, Unknown, "who asks"),
        ("resource.kind", one_of(&["cpu", "gpu"]), of_resource, Unknown, "what kind of machine is used"),
        ("tool.name", Text, of_call, Unknown, "the tool that is called"),
        ("tool.version", Text, of_call, Unknown, "its version"),
        ("tool.writes", Flag, of_call, Unknown, "whether the call changes anything outside"),
        ("transfer.bytes", Number, of_transfer, Unknown, "how much is moved"),
        ("transfer.from", Text, of_transfer, Unknown, "the region it leaves"),
        ("transfer.to", Text, of_transfer, Unknown, "the region it goes to"),
    ]
    .into_iter()
    .map(|(name, kind, points, absence, meaning)| {
        let declaration = Declaration::new(name, kind, meaning).with_absence(absence);
        if points.is_empty() { declaration } else { declaration.with_points(points.iter().copied()) }
    })
    .collect()
}

static BUILTIN: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary {
    facts: builtin().into_iter().map(|declared| (declared.name.clone(), Arc::new(declared))).collect(),
});

impl Vocabulary {
    /// The facts of ORP itself.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// One more fact of the host's.
    pub fn declare(&mut self, declaration: Declaration) -> Result<(), String> {
        let name = &declaration.name;
        let (stem, all) = name.strip_suffix(".*").map_or((name.as_str(), false), |stem| (stem, true));
        let is_segment = |segment: &str| {
            segment.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && segment.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if name.len() > LABEL_LIMIT_BYTES || !stem.split('.').all(is_segment) || (all && stem.contains('.')) {
            return Err(format!(
                "`{name}` is no name of a fact: expected identifiers joined by dots, such as `team.size` or `tags.*`, at most {LABEL_LIMIT_BYTES} bytes"
            ));
        }
        if RESERVED.contains(&stem.split('.').next().unwrap_or_default()) {
            return Err(format!("`{name}` is taken: conditions mean something else by it"));
        }
        if matches!(&declaration.kind, FactKind::OneOf(values) if values.is_empty()) {
            return Err(format!("`{name}` is one of no texts: expected at least one"));
        }
        if let Some(others) = self.overlap(name) {
            return Err(format!("the fact `{name}` is declared already, as `{others}`"));
        }
        self.facts.insert(name.clone(), Arc::new(declaration));
        Ok(())
    }

    /// These facts, and words that mean something to tests only and that no document may declare.
    pub(crate) fn with_words(&self, words: impl IntoIterator<Item = Declaration>) -> Self {
        let mut facts = self.facts.clone();
        facts.extend(words.into_iter().map(|word| (word.name.clone(), Arc::new(word))));
        Self { facts }
    }

    /// Whether any fact's name begins so.
    pub(crate) fn has_subject(&self, subject: &str) -> bool {
        self.facts.keys().any(|name| name.starts_with(subject))
    }

    /// The declaration that already speaks of what `name` would declare.
    fn overlap(&self, name: &str) -> Option<&str> {
        let clashes = |one: &str, other: &str| {
            one == other || one.strip_suffix('*').is_some_and(|prefix| other.starts_with(prefix))
        };
        self.facts.keys().find(|taken| clashes(taken, name) || clashes(name, taken)).map(String::as_str)
    }

    /// Every declaration, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Declaration> {
        self.facts.values().map(AsRef::as_ref)
    }

    /// The declarations that are not ORP's own, in the order of their names.
    pub fn declared(&self) -> impl Iterator<Item = &Declaration> {
        self.iter().filter(|declared| !BUILTIN.facts.contains_key(&declared.name))
    }

    /// The fact of this name.
    pub fn find(&self, text: &str) -> Result<FactName, String> {
        let label = |name: &str| {
            (1..=LABEL_LIMIT_BYTES).contains(&name.len())
                && name.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c))
        };
        let whole = self.facts.get(text).filter(|declared| !declared.name.ends_with('*'));
        let found = whole.or_else(|| {
            let (stem, name) = text.split_once('.')?;
            self.facts.get(&format!("{stem}.*")).filter(|_| label(name))
        });
        match found {
            Some(declaration) => Ok(FactName::new(text, declaration.clone())),
            None => Err(self.unknown(text)),
        }
    }

    /// What is said of a name that no fact has: the likely one, or all.
    fn unknown(&self, text: &str) -> String {
        let near = self.facts.keys().filter(|name| !name.ends_with('*')).map(|name| (distance(text, name), name)).min();
        match near.filter(|(distance, name)| *distance <= 2 && name.len() > 4) {
            Some((_, name)) => format!("unknown fact `{text}`: did you mean `{name}`?"),
            None => {
                let names: Vec<&str> = self.facts.keys().map(String::as_str).collect();
                format!("unknown fact `{text}`: expected one of {}", names.join(", "))
            }
        }
    }
}

/// How many letters must be put in, taken out or changed to come from one text to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().take(LABEL_LIMIT_BYTES).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, c) in from.chars().take(LABEL_LIMIT_BYTES).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (above, other) in row.iter_mut().skip(1).zip(&to) {
            let changed = diagonal + usize::from(c != *other);
            diagonal = *above;
            left = changed.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Names that conditions, or what tests say of requests and decisions, give a meaning of their own.
const RESERVED: &[&str] = &[
    "now",
    "label",
    "money",
    "timestamp",
    "duration",
    "size",
    "has",
    "true",
    "false",
    "null",
    "in",
    "action",
    "point",
    "at",
    "decision",
    "obligations",
];

/// The longest name of a label that rules may speak of, in bytes.
pub const LABEL_LIMIT_BYTES: usize = 100;

/// The name of a fact that is in a [`Vocabulary`].
#[derive(Debug, Clone, Serialize)]
#[serde(into = "String")]
pub struct FactName {
    text: Arc<str>,
    /// Where the subject, with its dot, ends in the text.
    subject_end: usize,
    declaration: Arc<Declaration>,
}

impl FactName {
    fn new(text: &str, declaration: Arc<Declaration>) -> Self {
        Self { text: text.into(), subject_end: text.find('.').map_or(text.len(), |dot| dot + 1), declaration }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the vocabulary says of it.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// What stands before the dot, with the dot; the whole name without one.
    pub(crate) fn subject(&self) -> &str {
        self.text.get(..self.subject_end).unwrap_or(&self.text)
    }

    /// The value it has in a request, or what its absence means there.
    pub(crate) fn read<'a>(&self, view: View<'a>) -> Reading<'a> {
        let Some(given) = view.get(&self.text) else {
            return match self.declaration.absence {
                Absence::Unset => Reading::Unset,
                Absence::NoSubject if !view.has_subject(self.subject()) => Reading::NoSubject,
                _ => Reading::Missing,
            };
        };
        self.declaration.kind.read(given).map_or(Reading::Mistyped(given), Reading::Value)
    }
}

impl From<FactName> for String {
    fn from(name: FactName) -> String {
        name.text.as_ref().into()
    }
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for FactName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for FactName {}

impl PartialOrd for FactName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FactName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

/// A fact's value, of the kind that was declared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Flag(bool),
    Class(DataClass),
    Money(Money),
    Time(Timestamp),
    Texts(&'a [String]),
}

impl Value<'_> {
    /// The order of two values of one kind; `None` of two kinds, two currencies, or a kind without equality.
    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Number(one), Self::Number(other)) => Some(one.cmp(&other)),
            (Self::Flag(one), Self::Flag(other)) => Some(one.cmp(&other)),
            (Self::Class(one), Self::Class(other)) => Some(one.cmp(&other)),
            (Self::Money(one), Self::Money(other)) => one.partial_cmp(&other),
            (Self::Time(one), Self::Time(other)) => Some(one.cmp(&other)),
            _ => None,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Class(class) => write!(f, "{class}"),
            Self::Money(money) => write!(f, "{money}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Texts(texts) => write!(f, "[{}]", texts.join(", ")),
        }
    }
}

/// What a request says about a fact.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading<'a> {
    /// This.
    Value(Value<'a>),
    /// Something of another kind than was declared.
    Mistyped(&'a FactValue),
    /// Nothing, though it should.
    Missing,
    /// Nothing, for it is about nothing of that name.
    NoSubject,
    /// Nothing, for nobody set it.
    Unset,
}

/// What keeps a condition from being judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gap<'a> {
    /// The fact, or `now`.
    pub(crate) about: &'a str,
    pub(crate) why: Why<'a>,
}

/// Why a fact says nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why<'a> {
    /// It is not there.
    Missing,
    /// It is of another kind than this.
    Mistyped(&'a FactValue, &'a FactKind),
    /// It is in another currency than what it is compared with.
    Currency(Money, Money),
    /// What is computed from it does not fit.
    Overflow,
}

impl fmt::Display for Gap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Missing => write!(f, "`{}` is not known", self.about),
            Why::Mistyped(found, kind) => {
                let found: String = found.to_string().chars().take(80).collect();
                write!(f, "`{}` is `{found}`, expected {kind}", self.about)
            }
            Why::Currency(found, limit) => {
                write!(f, "`{}` is {found}, which cannot be compared with {limit}", self.about)
            }
            Why::Overflow => write!(f, "what is computed from `{}` does not fit", self.about),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::noun::Facts;

    #[test]
    fn the_vocabulary_reads_itself() {
        for declared in Vocabulary::builtin().iter() {
            let name = declared.name.replace('*', "team");
            assert_eq!(Vocabulary::builtin().find(&name).unwrap().declaration(), declared);
        }
        for text in ["", "dataset", "labels", "labels.", "labels.a b", "labels.*"] {
            let error = Vocabulary::builtin().find(text).unwrap_err();
            assert!(error.starts_with(&format!("unknown fact `{text}`: expected one of agent.id, ")), "{error}");
        }
        let error = Vocabulary::builtin().find("dataset.clas").unwrap_err();
        assert_eq!(error, "unknown fact `dataset.clas`: did you mean `dataset.class`?");
    }

    #[test]
    fn distances_count_letters() {
        for (from, to, expected) in
            [("", "cost", 4), ("cost", "", 4), ("cost", "cost", 0), ("cots", "cost", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn hosts_declare_facts_beside_these() {
        let mut vocabulary = Vocabulary::builtin().clone();
        vocabulary.declare(Declaration::new("team.size", FactKind::Number, "how many")).unwrap();
        vocabulary.declare(Declaration::new("tags.*", FactKind::Flag, "marks")).unwrap();
        assert_eq!(vocabulary.find("tags.x-1").unwrap().declaration().kind, FactKind::Flag);
        for (name, part) in [
            ("team.size", "declared already"),
            ("team.*", "declared already, as `team.size`"),
            ("tags.a", "declared already, as `tags.*`"),
            ("now", "is taken"),
            ("has.it", "is taken"),
            ("decision", "is taken"),
            ("a b", "is no name of a fact"),
            ("a..b", "is no name of a fact"),
            ("9a", "is no name of a fact"),
        ] {
            let error = vocabulary.declare(Declaration::new(name, FactKind::Text, "")).unwrap_err();
            assert!(error.contains(part), "{name}: {error}");
        }
        let mut declare = |length| vocabulary.declare(Declaration::new("n".repeat(length), FactKind::Text, ""));
        assert!(declare(LABEL_LIMIT_BYTES).is_ok() && declare(LABEL_LIMIT_BYTES + 1).is_err());
        let none = Declaration::new("mood", FactKind::OneOf(Vec::new()), "");
        assert!(vocabulary.declare(none).unwrap_err().contains("one of no texts"));
    }

    #[test]
    fn absence_means_what_is_declared() {
        let facts = Facts::from([("dataset.name".to_owned(), "tickets".into()), ("datasets.x".to_owned(), 1.into())]);
        let read = |name: &str| format!("{:?}", Vocabulary::builtin().find(name).unwrap().read(View::of(&facts)));
        assert_eq!(read("dataset.class"), "Missing");
        assert_eq!(read("model.name"), "NoSubject");
        assert_eq!(read("labels.team"), "Unset");
        assert_eq!(read("cost"), "Missing");
    }

    /// A fact that came as text, from JSON or from a journal of old, is read as what it is declared to be.
    #[test]
    fn texts_are_read_by_the_declared_kind() {
        let facts = Facts::from([
            ("cost".to_owned(), "5 USD".into()),
            ("dataset.class".to_owned(), "restricted".into()),
            ("labels.price".to_owned(), "5 USD".into()),
            ("labels.long".to_owned(), "x".repeat(TEXT_LIMIT_BYTES + 1).into()),
        ]);
        let read = |name: &str| format!("{:?}", Vocabulary::builtin().find(name).unwrap().read(View::of(&facts)));
        assert_eq!(read("cost"), "Value(Money(5.00 USD))");
        assert_eq!(read("dataset.class"), "Value(Class(Restricted))");
        assert_eq!(read("labels.price"), "Value(Text(\"5 USD\"))");
        assert!(read("labels.long").starts_with("Mistyped"));
        let time = FactValue::from("2026-11-23T00:00:00Z");
        assert!(matches!(FactKind::Time.read(&time), Some(Value::Time(_))));
    }

    #[test]
    fn lists_have_a_bound() {
        let is_read = |texts: Vec<String>| FactKind::Texts.read(&texts.into()).is_some();
        assert!(is_read(vec!["x".repeat(TEXT_LIMIT_BYTES); TEXTS_LIMIT]));
        assert!(!is_read(vec![String::new(); TEXTS_LIMIT + 1]));
        assert!(!is_read(vec![String::new(), "x".repeat(TEXT_LIMIT_BYTES + 1)]));
    }
}
