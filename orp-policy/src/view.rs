//! The facts that conditions are judged on: those of a request, or what was known before with a candidate's on top.

use orp_core::noun::{FactValue, Facts};
use orp_core::unit::Timestamp;
use std::ops::Bound;

/// Facts to judge on, and the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    facts: &'a Facts,
    /// Facts that go before the others.
    over: Option<&'a Facts>,
    at: Timestamp,
}

impl<'a> View<'a> {
    /// The facts of a request made at this time.
    pub(crate) const fn new(facts: &'a Facts, at: Timestamp) -> Self {
        Self { facts, over: None, at }
    }

    #[cfg(test)]
    pub(crate) const fn of(facts: &'a Facts) -> Self {
        Self::new(facts, Timestamp::EPOCH)
    }

    /// The same with these facts before those.
    pub(crate) const fn over(self, over: &'a Facts) -> Self {
        Self { over: Some(over), ..self }
    }

    /// When it is judged.
    pub(crate) const fn at(self) -> Timestamp {
        self.at
    }

    /// What is said about a fact.
    pub(crate) fn get(self, name: &str) -> Option<&'a FactValue> {
        self.over.and_then(|over| over.get(name)).or_else(|| self.facts.get(name))
    }

    /// Every fact, those that go before the others first; a name may come twice.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, &'a FactValue)> {
        self.over.into_iter().chain([self.facts]).flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is any fact whose name begins so.
    pub(crate) fn has_subject(self, subject: &str) -> bool {
        let begins = |facts: &Facts| {
            let from = (Bound::Included(subject), Bound::Unbounded);
            facts.range::<str, _>(from).next().is_some_and(|(name, _)| name.starts_with(subject))
        };
        begins(self.facts) || self.over.is_some_and(begins)
    }
}
