//! What came of a suite: which laws hold, which could not be tried, which are broken.

use crate::LawId;
use futures_util::FutureExt;
use orp_core::error::{ProviderError, StoreError};
use std::{any::Any, fmt, panic::AssertUnwindSafe};

/// Why a law was not seen to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It could not be tried, for this reason: the capability is not declared, or the harness cannot show it.
    Skipped(String),
    /// It does not hold: what was done, and what came of it.
    Broken(String),
}

/// Whether a law was seen to hold.
pub type Verdict = Result<(), Fault>;

impl From<ProviderError> for Fault {
    fn from(error: ProviderError) -> Self {
        Self::Broken(format!("a call that must succeed did not: {error}"))
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Broken(format!("a call that must succeed did not: {error}"))
    }
}

/// A law that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which law.
    pub law: LawId,
    /// What was done, and what came of it.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.law, self.law.says(), self.what)
    }
}

/// What came of a suite, or of several; prints a line for each law.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Laws that were seen to hold.
    pub passed: Vec<LawId>,
    /// Laws that could not be tried, and why.
    pub skipped: Vec<(LawId, String)>,
    /// Laws that do not hold.
    pub failed: Vec<Violation>,
}

impl Report {
    /// Whether no law is broken.
    pub fn is_ok(&self) -> bool {
        self.failed.is_empty()
    }

    /// This report and another one.
    pub fn and(mut self, other: Self) -> Self {
        self.passed.extend(other.passed);
        self.skipped.extend(other.skipped);
        self.failed.extend(other.failed);
        self
    }

    /// Panics with the whole report when a law is broken: for tests.
    #[allow(clippy::panic, reason = "it is an assertion, called by tests")]
    #[track_caller]
    pub fn assert_ok(&self) {
        if !self.is_ok() {
            panic!("{} laws are broken\n{self}", self.failed.len());
        }
    }

    /// Tries a law. A panic in it breaks the law.
    pub(crate) async fn law(&mut self, id: &'static str, trial: impl Future<Output = Verdict>) {
        let verdict = AssertUnwindSafe(trial).catch_unwind().await;
        self.note(LawId::literal(id), verdict);
    }

    /// Tries a law that waits for nothing. A panic in it breaks the law.
    pub(crate) fn law_now(&mut self, id: &'static str, trial: impl FnOnce() -> Verdict) {
        let verdict = std::panic::catch_unwind(AssertUnwindSafe(trial));
        self.note(LawId::literal(id), verdict);
    }

    fn note(&mut self, law: LawId, verdict: Result<Verdict, Box<dyn Any + Send>>) {
        match verdict {
            Ok(Ok(())) => self.passed.push(law),
            Ok(Err(Fault::Skipped(reason))) => self.skipped.push((law, reason)),
            Ok(Err(Fault::Broken(what))) => self.failed.push(Violation { law, what }),
            Err(panic) => self.failed.push(Violation { law, what: format!("it panicked: {}", words_of(&*panic)) }),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for law in &self.passed {
            writeln!(f, "holds    {law:<9} {}", law.says())?;
        }
        for (law, reason) in &self.skipped {
            writeln!(f, "skipped  {law:<9} {reason}")?;
        }
        for Violation { law, what } in &self.failed {
            writeln!(f, "BROKEN   {law:<9} {}: {what}", law.says())?;
        }
        let (passed, skipped, failed) = (self.passed.len(), self.skipped.len(), self.failed.len());
        write!(f, "{passed} laws hold, {skipped} could not be tried, {failed} are broken")
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_say_what_holds_and_what_does_not() {
        let mut report = Report::default();
        report.law_now("CLOCK-1", || Ok(()));
        report.law_now("ID-1", || Err(Fault::Skipped("no time".into())));
        report.law_now("COMP-1", || Err(Fault::Broken("two leases".into())));
        report.law_now("COMP-9", || panic!("ouch"));
        assert_eq!(
            report.to_string(),
            "holds    CLOCK-1   a later call never returns an earlier time\n\
             skipped  ID-1      no time\n\
             BROKEN   COMP-1    `acquire` with the same key returns the same lease: two leases\n\
             BROKEN   COMP-9    tokens grow from lease to lease: it panicked: ouch\n\
             1 laws hold, 1 could not be tried, 2 are broken"
        );
    }
}
