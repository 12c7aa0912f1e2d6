//! A text that comes in pieces: a model's output, token by token.
//!
//! A finding may stand in several pieces, so what could still become one is held back, and what is settled goes on: for prose
//! a word or two, for a number as long as digits follow. What comes out, put together, is what [`Guardrails::check`] makes of
//! the whole text, wherever it was cut. Only what has gone on cannot be called back: a text that is dropped, asked for or
//! blocked ends where the first finding stands that says so; the outcome is that of the whole text.
//!
//! Rejected: a window of fixed length that is held back whatever is in it. It would have to be as long as the longest private
//! key, and text would come out a page late.

use super::check::{Checked, Judge, Outcome, Passed};
use orp_core::contract::Finding;
use std::borrow::Cow;
use std::fmt;

#[cfg(doc)]
use super::check::Guardrails;

/// The most that is held back; a text that cannot be judged in so much is blocked.
pub const HOLD_LIMIT_BYTES: usize = 64 << 10;

/// Judges a text that comes in pieces; made by [`Guardrails::stream`].
///
/// ```
/// use orp_core::prelude::*;
/// use orp_policy::guardrail::{Action, Channel, DetectorSpec, Detectors, Guardrail, GuardrailSpec, Guardrails, Outcome};
///
/// let spec = GuardrailSpec::new([Channel::Output], [DetectorSpec::new("email")], Action::Mask);
/// let guardrail = Guardrail::compile(RuleId::new("contacts")?, &spec, &Detectors::builtin())?;
///
/// let mut stream = Guardrails::new([&guardrail]).stream(Channel::Output);
/// let pieces = ["Write to a", "da@exam", "ple.org or ", "not"];
/// let out: Vec<String> = pieces.iter().map(|piece| stream.push(piece).text.into_owned()).collect();
/// assert_eq!(out, ["Write to", "", " [email] or", ""]);
/// let last = stream.finish();
/// assert_eq!((&*last.text, last.outcome), (" not", Outcome::Masked));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GuardStream<'g> {
    judge: Judge<'g>,
    /// What came and has not gone on.
    held: String,
    /// How much came before that.
    gone: usize,
    /// How much of what is held came since it was last looked at.
    fresh: usize,
    /// For each detector.
    looks: Vec<Look>,
    is_stopped: bool,
}

impl fmt::Debug for GuardStream<'_> {
    /// Without what is held back, which is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outcome, held) = (self.outcome(), self.held.len());
        f.debug_struct("GuardStream").field("outcome", &outcome).field("held", &held).finish_non_exhaustive()
    }
}

/// How far a detector has come in what is held.
#[derive(Debug, Default)]
struct Look {
    /// Up to here all is found.
    settled: usize,
    found: Vec<Finding>,
}

impl<'g> GuardStream<'g> {
    pub(super) fn new(judge: Judge<'g>) -> Self {
        let looks = (0..judge.detectors()).map(|_| Look::default()).collect();
        Self { judge, held: String::new(), gone: 0, fresh: 0, looks, is_stopped: false }
    }

    /// Takes the next piece, and tells what may go on now: text and findings since the last call (their places counted from
    /// the beginning of the whole text), outcome and reasons of all that was judged so far.
    pub fn push(&mut self, piece: &str) -> Checked<'static> {
        self.judge.check_size(self.held.len().saturating_add(piece.len()));
        if self.judge.has_failed() {
            return self.judge.checked(Cow::Borrowed(""), Vec::new());
        }
        self.held.push_str(piece);
        self.fresh += piece.len();
        // What is held is looked at from its beginning each time, so a long one only when it has grown by some part.
        if self.fresh < self.held.len() / 16 {
            return self.judge.checked(Cow::Borrowed(""), Vec::new());
        }
        self.fresh = 0;
        for (detector, look) in self.looks.iter_mut().enumerate() {
            let rest = self.held.get(look.settled..).unwrap_or_default();
            let settled = self.judge.settled(detector, rest);
            look.settle(&mut self.judge, detector, rest.get(..settled).unwrap_or_default());
        }
        let checked = self.let_go(self.settled());
        if self.held.len() > HOLD_LIMIT_BYTES {
            let held = self.held.len();
            self.judge.fail(format!(
                "{held} bytes cannot be judged before more text comes, at most {HOLD_LIMIT_BYTES} are held back"
            ));
            self.held.clear();
            return self.judge.checked(Cow::Borrowed(""), checked.findings);
        }
        checked
    }

    /// The text has ended: tells what may go on of what was held back, and what was said of the whole.
    pub fn finish(mut self) -> Checked<'static> {
        for (detector, look) in self.looks.iter_mut().enumerate() {
            look.settle(&mut self.judge, detector, self.held.get(look.settled..).unwrap_or_default());
        }
        self.let_go(self.held.len())
    }

    /// How much of what is held all detectors have judged, and no finding crosses.
    fn settled(&self) -> usize {
        let mut settled = self.looks.iter().map(|look| look.settled).min().unwrap_or(self.held.len());
        let crossing = |settled: usize| {
            let crosses = |finding: &&Finding| finding.start < settled && settled < finding.end;
            self.looks.iter().flat_map(|look| &look.found).filter(crosses).map(|finding| finding.start).min()
        };
        while let Some(start) = crossing(settled) {
            settled = start;
        }
        settled
    }

    /// Judges the beginning of what is held, and lets go on what may.
    fn let_go(&mut self, length: usize) -> Checked<'static> {
        let found: Vec<Vec<Finding>> = self.looks.iter_mut().map(|look| look.let_go(length)).collect();
        let Passed { text, mut findings, is_stopped } =
            self.judge.pass(self.held.get(..length).unwrap_or_default(), &found);
        let text = if self.is_stopped { String::new() } else { text.into_owned() };
        for finding in &mut findings {
            (finding.start, finding.end) = (finding.start + self.gone, finding.end + self.gone);
        }
        self.is_stopped |= is_stopped;
        self.held.drain(..length);
        self.gone += length;
        self.judge.checked(Cow::Owned(text), findings)
    }

    /// What was said of the text so far.
    pub fn outcome(&self) -> Outcome {
        self.judge.checked(Cow::Borrowed(""), Vec::new()).outcome
    }
}

impl Look {
    /// Finds what is in what is settled next, which nothing that follows changes.
    fn settle(&mut self, judge: &mut Judge<'_>, detector: usize, next: &str) {
        for mut finding in judge.find(detector, next) {
            (finding.start, finding.end) = (finding.start + self.settled, finding.end + self.settled);
            self.found.push(finding);
        }
        self.settled += next.len();
    }

    /// Gives away the findings of the first `length` bytes, which go on.
    fn let_go(&mut self, length: usize) -> Vec<Finding> {
        let left = self.found.partition_point(|finding| finding.end <= length);
        let found = self.found.drain(..left).collect();
        for finding in &mut self.found {
            (finding.start, finding.end) = (finding.start - length, finding.end - length);
        }
        self.settled -= length;
        found
    }
}
