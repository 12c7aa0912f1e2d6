//! What came of the tests of a set, to be read or kept.

use super::Coverage;
use orp_core::id::RuleId;
use orp_core::noun::{Digest, FactValue, PolicyDecision};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// How many failures of one check are kept; the others are counted.
pub const FAILURE_LIMIT: usize = 5;

/// What came of the tests of a set: prints every check, what was found where something else was expected, and what no
/// expectation was about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestReport {
    /// The version of the set that was asked.
    pub policy: Digest,
    /// The tests, in the order of their ids.
    pub tests: Vec<TestResult>,
    /// What they saw at work.
    pub coverage: Coverage,
}

/// What came of one test document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestResult {
    /// The document.
    pub id: RuleId,
    /// Its cases, matrices and invariants, in that order.
    pub checks: Vec<CheckReport>,
}

/// What came of a case, a matrix or an invariant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// What it is.
    pub kind: CheckKind,
    /// Its name.
    pub name: String,
    /// Where it is written: `file:line:column`.
    pub place: String,
    /// How many requests were judged for it.
    pub requests: u64,
    /// How many of them came to something else than was expected.
    pub failed: u64,
    /// The first [`FAILURE_LIMIT`] of those; of an invariant, the one that differs least from what was given.
    pub failures: Vec<Failure>,
}

/// What a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// One request.
    Case,
    /// Every combination of some values.
    Matrix,
    /// What must hold whatever some facts are.
    Invariant,
}

/// A request that came to something else than was expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// What the request says otherwise than what was given; `None` is that it has no such fact.
    pub set: BTreeMap<String, Option<FactValue>>,
    /// What was found to be otherwise.
    pub mismatches: Vec<Mismatch>,
    /// The decision, with the rules that decided and their reasons; `None` where there was none to make.
    pub decision: Option<PolicyDecision>,
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mismatch {
    /// What: a field of the expectation, `never` or `always`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl TestReport {
    /// Whether everything came to what was expected. A set without tests is all right.
    pub fn is_ok(&self) -> bool {
        self.failed() == 0
    }

    /// Every check.
    pub fn checks(&self) -> impl Iterator<Item = &CheckReport> {
        self.tests.iter().flat_map(|test| &test.checks)
    }

    /// How many checks passed.
    pub fn passed(&self) -> usize {
        self.checks().filter(|check| check.is_ok()).count()
    }

    /// How many checks failed.
    pub fn failed(&self) -> usize {
        self.checks().filter(|check| !check.is_ok()).count()
    }

    /// How many requests were judged.
    pub fn requests(&self) -> u64 {
        self.checks().map(|check| check.requests).sum()
    }
}

impl CheckReport {
    /// Whether every request came to what was expected.
    pub const fn is_ok(&self) -> bool {
        self.failed == 0
    }

    /// Takes one more failure in, keeping the first.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        if self.failures.len() < FAILURE_LIMIT {
            self.failures.push(failure);
        }
    }
}

impl Mismatch {
    pub(super) fn new(what: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), expected: expected.into(), found: found.into() }
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for test in &self.tests {
            writeln!(f, "{}", test.id)?;
            test.checks.iter().try_for_each(|check| writeln!(f, "{check}"))?;
        }
        writeln!(f, "{}", self.coverage)?;
        let (passed, failed) = (self.passed(), self.failed());
        let checks = passed + failed;
        write!(
            f,
            "{passed} of {checks} checks passed, {} requests judged, policy {}",
            self.requests(),
            self.policy.short()
        )
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_ok() { "ok    " } else { "FAILED" };
        write!(f, "  {word}  {}", self.name)?;
        match (self.kind, self.failed) {
            (CheckKind::Case, 0) => return Ok(()),
            (CheckKind::Case, _) => write!(f, " ({})", self.place)?,
            (_, 0) => return write!(f, ": {} requests", self.requests),
            (_, failed) => write!(f, ": {failed} of {} requests ({})", self.requests, self.place)?,
        }
        self.failures.iter().try_for_each(|failure| write!(f, "{failure}"))?;
        match self.failed.saturating_sub(self.failures.len() as u64) {
            more if more > 0 && self.kind == CheckKind::Matrix => write!(f, "\n          and {more} more"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set: Vec<String> = self.set.iter().map(|(name, value)| shown(name, value.as_ref())).collect();
        let set = if set.is_empty() { "as given".into() } else { set.join(", ") };
        write!(f, "\n          - {set}")?;
        for Mismatch { what, expected, found } in &self.mismatches {
            write!(f, "\n            {what}: expected {expected}, found {found}")?;
        }
        match &self.decision {
            Some(decision) => write!(f, "\n            {decision}"),
            None => Ok(()),
        }
    }
}

/// What a request says of a fact.
fn shown(name: &str, value: Option<&FactValue>) -> String {
    match value {
        Some(value) => format!("{name}: {value}"),
        None => format!("no {name}"),
    }
}
