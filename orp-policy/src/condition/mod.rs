//! Conditions on facts, and what comes of them: true, false, or unknown.
//!
//! Both ways of writing one, `where` ([`clause`]) and `when` ([`cel`]), come to one form: [atoms](atom) joined by *all* and
//! *any*, with every negation pushed down into the atoms. So one evaluator judges them, one index leaves them out, one
//! partial evaluator shortens them, and an explanation can name the atom that decided.
//!
//! The logic is Kleene's: in *all*, one false makes it false whatever else is unknown, else one unknown makes it unknown;
//! *any* the other way round. So a rule that plainly does not apply never fails on a fact it did not need. What is said of a
//! subject that is not there is false, and so is its opposite: a rule about data sets has nothing to say where there is none.

mod atom;
pub(crate) mod cel;
pub(crate) mod clause;
pub(crate) mod turning;

pub(crate) use atom::{Atom, Term, Test, TextTest};

use crate::fact::{FactName, Gap, Value};
use crate::view::View;
use orp_core::noun::FactValue;
use serde::Serialize;

/// The most atoms and literals that the conditions of one document have.
pub(crate) const SIZE_LIMIT: usize = 512;

/// What comes of conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    False,
    True,
    Unknown,
}

/// Conditions that are true, false or unknown on the facts of a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expr {
    /// This, whatever the facts.
    Always(bool),
    /// All hold.
    All(Vec<Expr>),
    /// At least one holds.
    Any(Vec<Expr>),
    /// This holds.
    Atom(Atom),
}

impl Default for Expr {
    fn default() -> Self {
        Self::Always(true)
    }
}

impl Expr {
    /// All of these hold: flat, and decided where it already is.
    pub(crate) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Always(true) => {}
                Self::Always(false) => return Self::Always(false),
                Self::All(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Self::Always(true),
            1 => kept.remove(0),
            _ => Self::All(kept),
        }
    }

    /// At least one of these holds: flat, and decided where it already is.
    pub(crate) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Always(false) => {}
                Self::Always(true) => return Self::Always(true),
                Self::Any(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Self::Always(false),
            1 => kept.remove(0),
            _ => Self::Any(kept),
        }
    }

    /// Judges the conditions on what is known.
    pub(crate) fn judge(&self, view: View<'_>) -> Truth {
        match self {
            Self::Always(true) => Truth::True,
            Self::Always(false) => Truth::False,
            Self::Atom(atom) => atom.judge(view),
            Self::All(parts) => first(parts, view, Truth::False, Truth::True),
            Self::Any(parts) => first(parts, view, Truth::True, Truth::False),
        }
    }

    /// What keeps unknown conditions from being judged.
    pub(crate) fn gaps<'a>(&'a self, view: View<'a>) -> Vec<Gap<'a>> {
        let mut gaps = Vec::new();
        self.collect_gaps(view, &mut gaps);
        gaps
    }

    fn collect_gaps<'a>(&'a self, view: View<'a>, gaps: &mut Vec<Gap<'a>>) {
        if self.judge(view) != Truth::Unknown {
            return;
        }
        match self {
            Self::Always(_) => {}
            Self::Atom(atom) => {
                if let Some(gap) = atom.gap(view)
                    && !gaps.iter().any(|known| known.about == gap.about)
                {
                    gaps.push(gap);
                }
            }
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect_gaps(view, gaps)),
        }
    }

    /// What is left to judge when facts are known that will not change: judging it on all facts comes to the same.
    pub(crate) fn simplify(&self, view: View<'_>, is_final: &dyn Fn(&FactName) -> bool) -> Self {
        match self {
            Self::Always(_) => self.clone(),
            Self::All(parts) => Self::all(parts.iter().map(|part| part.simplify(view, is_final))),
            Self::Any(parts) => Self::any(parts.iter().map(|part| part.simplify(view, is_final))),
            Self::Atom(atom) => {
                let judged = if atom.facts().all(is_final) { atom.judge(view) } else { Truth::Unknown };
                match judged {
                    Truth::True => Self::Always(true),
                    Truth::False => Self::Always(false),
                    // What is unknown for good stays, to be named when somebody asks why.
                    Truth::Unknown => self.clone(),
                }
            }
        }
    }

    /// Every atom, from left to right.
    pub(crate) fn atoms(&self) -> Vec<&Atom> {
        match self {
            Self::Always(_) => Vec::new(),
            Self::Atom(atom) => vec![atom],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::atoms).collect(),
        }
    }

    /// Every fact spoken of, each once, in the order of their names.
    pub(crate) fn facts(&self) -> Vec<&FactName> {
        let mut facts = Vec::new();
        self.collect_facts(&mut facts);
        facts.sort_unstable();
        facts.dedup();
        facts
    }

    fn collect_facts<'a>(&'a self, facts: &mut Vec<&'a FactName>) {
        match self {
            Self::Always(_) => {}
            Self::Atom(atom) => atom.collect_facts(facts),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect_facts(facts)),
        }
    }

    /// The facts that must equal one of some texts, with those texts: what an index can go by.
    pub(crate) fn texts(&self) -> Vec<(&FactName, Vec<&str>)> {
        match self {
            Self::Atom(atom) => atom.texts().into_iter().collect(),
            Self::All(parts) => parts.iter().filter_map(|part| part.as_atom()?.texts()).collect(),
            Self::Always(_) | Self::Any(_) => Vec::new(),
        }
    }

    const fn as_atom(&self) -> Option<&Atom> {
        match self {
            Self::Atom(atom) => Some(atom),
            _ => None,
        }
    }

    /// How much there is to judge.
    pub(crate) fn size(&self) -> usize {
        self.atoms().into_iter().map(Atom::size).sum()
    }
}

/// The first part that decides, or else whether any is unknown.
fn first(parts: &[Expr], view: View<'_>, deciding: Truth, otherwise: Truth) -> Truth {
    let mut truth = otherwise;
    for part in parts {
        match part.judge(view) {
            decided if decided == deciding => return deciding,
            Truth::Unknown => truth = Truth::Unknown,
            _ => {}
        }
    }
    truth
}

impl std::fmt::Display for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (parts, word) = match self {
            Self::Always(always) => return write!(f, "{always}"),
            Self::Atom(atom) => return write!(f, "{atom}"),
            Self::All(parts) => (parts, "and"),
            Self::Any(parts) => (parts, "or"),
        };
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                write!(f, " {word} ")?;
            }
            match part {
                Self::Any(_) | Self::All(_) => write!(f, "({part})")?,
                _ => write!(f, "{part}")?,
            }
        }
        Ok(())
    }
}

/// The value of a literal.
pub(crate) fn literal(value: &FactValue) -> Value<'_> {
    match value {
        FactValue::Flag(flag) => Value::Flag(*flag),
        FactValue::Number(number) => Value::Number(*number),
        FactValue::Class(class) => Value::Class(*class),
        FactValue::Money(money) => Value::Money(*money),
        FactValue::Time(time) => Value::Time(*time),
        FactValue::Texts(texts) => Value::Texts(texts),
        FactValue::Text(text) => Value::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Vocabulary;

    #[test]
    fn joined_conditions_are_flat_and_decided_where_they_can_be() {
        let present = |name| Expr::Atom(Atom::new(Test::Present(Vocabulary::builtin().find(name).unwrap()), true));
        let (cost, region, market) = (present("cost"), present("region"), present("market"));
        let (yes, no) = (Expr::Always(true), Expr::Always(false));
        type Join = fn(Vec<Expr>) -> Expr;
        let all: Join = |parts| Expr::all(parts);
        let any: Join = |parts| Expr::any(parts);
        for (join, other, kept, neutral, decided) in
            [(all, any, Expr::All as Join, &yes, &no), (any, all, Expr::Any as Join, &no, &yes)]
        {
            assert_eq!(join(vec![]), *neutral);
            assert_eq!(join(vec![neutral.clone(), cost.clone()]), cost);
            assert_eq!(join(vec![cost.clone(), decided.clone()]), *decided);
            let inner = join(vec![cost.clone(), region.clone()]);
            assert_eq!(inner, kept(vec![cost.clone(), region.clone()]));
            assert_eq!(
                join(vec![inner.clone(), market.clone()]),
                kept(vec![cost.clone(), region.clone(), market.clone()])
            );
            assert_eq!(other(vec![inner.clone()]), inner);
        }
    }
}
