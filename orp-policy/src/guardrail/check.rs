//! Several guardrails at once: what is found, what is done about it, and why.
//!
//! Guardrails do not know of each other and have no order: the outcome is the strictest of theirs (block, then ask, then
//! drop, then mask), and what any of them masks is masked. Findings that overlap are one place and get one mask, the one that
//! keeps least. A finding that does not count (it is allowed, or not certain enough) stays as it is, unless it overlaps one
//! that does.

use super::mask::Mask;
use super::rail::Guardrail;
use super::spec::{Action, Channel};
use super::stream::GuardStream;
use orp_core::contract::{Detector, Finding, FindingKind};
use orp_core::noun::Reason;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::{fmt, ptr};

/// The longest text that is judged in one piece; a longer one is blocked.
pub const TEXT_LIMIT_BYTES: usize = 16 << 20;

/// What is done with a text, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It goes on as it is.
    Pass,
    /// It goes on with masks in the place of what was found.
    Masked,
    /// It is left out; what it is a part of goes on.
    Dropped,
    /// It waits until somebody approves it.
    Ask,
    /// It does not go on.
    Block,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Masked => "masked",
            Self::Dropped => "dropped",
            Self::Ask => "ask",
            Self::Block => "block",
        })
    }
}

/// What guardrails say of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked<'t> {
    /// What may go on: the text itself, or masked; empty when it is dropped, asked for or blocked, so that nothing goes on by
    /// mistake.
    pub text: Cow<'t, str>,
    /// What was found and counts, in the text as it was, in order; findings of several detectors may overlap.
    pub findings: Vec<Finding>,
    /// What is done.
    pub outcome: Outcome,
    /// Why, of every guardrail whose word that is, by their ids; none when it passes.
    pub reasons: Vec<Reason>,
}

/// Guardrails that speak together.
///
/// ```
/// use orp_core::prelude::*;
/// use orp_policy::guardrail::{Action, Channel, DetectorSpec, Detectors, Guardrail, GuardrailSpec, Guardrails, Outcome};
///
/// let guardrail = |id: &str, detector: &str, action| {
///     let spec = GuardrailSpec::new([Channel::Input], [DetectorSpec::new(detector)], action);
///     Guardrail::compile(RuleId::new(id).unwrap(), &spec, &Detectors::builtin()).unwrap()
/// };
/// let (contacts, keys) = (guardrail("contacts", "email", Action::Mask), guardrail("keys", "secret", Action::Ask));
/// let guardrails = Guardrails::new([&contacts, &keys]);
///
/// let text = "ada@example.org has the password hunter2, password=hunter2";
/// let checked = guardrails.check(Channel::Input, text);
/// assert_eq!((checked.outcome, &*checked.text), (Outcome::Ask, ""));
/// assert_eq!(checked.reasons[0].to_string(), "rule `keys`: found secret.value in the input");
///
/// let approved = guardrails.check_approved(Channel::Input, text);
/// assert_eq!(approved.outcome, Outcome::Masked);
/// assert_eq!(approved.text, "[email] has the password hunter2, password=hunter2");
/// ```
#[derive(Debug, Clone)]
pub struct Guardrails<'g>(Vec<&'g Guardrail>);

impl<'g> Guardrails<'g> {
    /// These together, in whatever order.
    pub fn new(guardrails: impl IntoIterator<Item = &'g Guardrail>) -> Self {
        let mut guardrails: Vec<&Guardrail> = guardrails.into_iter().collect();
        guardrails.sort_by_key(|guardrail| guardrail.id());
        Self(guardrails)
    }

    /// Judges a text that goes this way.
    pub fn check<'t>(&self, channel: Channel, text: &'t str) -> Checked<'t> {
        Judge::new(self, channel, false).check(text)
    }

    /// Judges a text whose question was answered with yes: those that ask are silent, all others speak as ever.
    pub fn check_approved<'t>(&self, channel: Channel, text: &'t str) -> Checked<'t> {
        Judge::new(self, channel, true).check(text)
    }

    /// Judges a text that comes in pieces.
    pub fn stream(&self, channel: Channel) -> GuardStream<'g> {
        GuardStream::new(Judge::new(self, channel, false))
    }

    /// Judges a text that comes in pieces and whose question was answered with yes, as [`Guardrails::check_approved`] does.
    pub fn stream_approved(&self, channel: Channel) -> GuardStream<'g> {
        GuardStream::new(Judge::new(self, channel, true))
    }
}

/// Guardrails at work on one text: those that look at it, their detectors, and what was found so far.
#[derive(Debug)]
pub(super) struct Judge<'g> {
    channel: Channel,
    /// Those that look at this channel, by id, with what they found.
    tallies: Vec<Tally<'g>>,
    /// Each detector once, whoever watches it.
    detectors: Vec<&'g Arc<dyn Detector>>,
    /// Whether those that ask have their answer.
    is_approved: bool,
    /// Why nothing more can be judged.
    failure: Option<String>,
}

/// What one guardrail found.
#[derive(Debug)]
struct Tally<'g> {
    guardrail: &'g Guardrail,
    /// For each of its watches, the detector's place among all.
    watches: Vec<usize>,
    kinds: BTreeMap<FindingKind, u32>,
    places: u32,
}

/// What may go on of a part.
pub(super) struct Passed<'t> {
    pub(super) text: Cow<'t, str>,
    /// What counts, in order.
    pub(super) findings: Vec<Finding>,
    /// Whether something in it keeps the rest from going on.
    pub(super) is_stopped: bool,
}

impl<'g> Judge<'g> {
    fn new(guardrails: &Guardrails<'g>, channel: Channel, is_approved: bool) -> Self {
        let mut detectors: Vec<&Arc<dyn Detector>> = Vec::new();
        let mut tallies = Vec::new();
        for guardrail in guardrails.0.iter().filter(|guardrail| guardrail.applies_to(channel)) {
            let place = |detector: &'g Arc<dyn Detector>| {
                let same = |known: &&Arc<dyn Detector>| ptr::addr_eq(Arc::as_ptr(known), Arc::as_ptr(detector));
                detectors.iter().position(same).unwrap_or_else(|| {
                    detectors.push(detector);
                    detectors.len() - 1
                })
            };
            let watches = guardrail.watches().iter().map(|watch| &watch.detector).map(place).collect();
            tallies.push(Tally { guardrail, watches, kinds: BTreeMap::new(), places: 0 });
        }
        Self { channel, tallies, detectors, is_approved, failure: None }
    }

    /// How many detectors are at work.
    pub(super) const fn detectors(&self) -> usize {
        self.detectors.len()
    }

    /// What a detector finds. One that breaks its laws tells nothing of any text, so nothing goes on.
    pub(super) fn find(&mut self, detector: usize, text: &str) -> Vec<Finding> {
        let Some(detector) = self.detectors.get(detector) else { return Vec::new() };
        let findings = detector.find(text);
        let mut at = 0;
        let is_sound = findings.iter().all(|finding| {
            let is_next = at <= finding.start && finding.start < finding.end;
            at = finding.end;
            is_next && text.get(finding.start..finding.end).is_some()
        });
        if !is_sound {
            self.fail(format!("the detector `{}` found what is no part of the text (DET-1, DET-2)", detector.name()));
            return Vec::new();
        }
        findings
    }

    /// Where a detector lets a text be cut.
    pub(super) fn settled(&mut self, detector: usize, text: &str) -> usize {
        let Some(detector) = self.detectors.get(detector) else { return 0 };
        let settled = detector.settled(text);
        if !text.is_char_boundary(settled) {
            self.fail(format!("the detector `{}` would cut a text where no character ends (DET-7)", detector.name()));
            return 0;
        }
        settled
    }

    /// A whole text.
    fn check(mut self, text: &str) -> Checked<'_> {
        if self.tallies.is_empty() {
            return self.checked(Cow::Borrowed(text), Vec::new());
        }
        self.check_size(text.len());
        if self.failure.is_some() {
            return self.checked(Cow::Borrowed(""), Vec::new());
        }
        let found: Vec<Vec<Finding>> = (0..self.detectors.len()).map(|place| self.find(place, text)).collect();
        let Passed { text, findings, is_stopped } = self.pass(text, &found);
        self.checked(if is_stopped { Cow::Borrowed("") } else { text }, findings)
    }

    pub(super) fn check_size(&mut self, bytes: usize) {
        if bytes > TEXT_LIMIT_BYTES {
            self.fail(format!("the text has {bytes} bytes, at most {TEXT_LIMIT_BYTES} are judged"));
        }
    }

    /// Nothing more can be judged, so nothing more goes on.
    pub(super) fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// What is said of all that was seen so far.
    pub(super) fn checked<'t>(&self, text: Cow<'t, str>, findings: Vec<Finding>) -> Checked<'t> {
        if let Some(failure) = &self.failure {
            let reasons = self.tallies.iter().map(|tally| tally.guardrail.reason_of(failure.clone())).collect();
            return Checked { text: Cow::Borrowed(""), findings, outcome: Outcome::Block, reasons };
        }
        let outcome = self.tallies.iter().map(|tally| tally.outcome(self.is_approved)).max().unwrap_or(Outcome::Pass);
        let speaking =
            self.tallies.iter().filter(|tally| outcome > Outcome::Pass && tally.outcome(self.is_approved) == outcome);
        let reasons = speaking.map(|tally| tally.reason(self.channel)).collect();
        Checked { text, findings, outcome, reasons }
    }

    /// Counts what was found in a part, and tells what may go on of it.
    pub(super) fn pass<'t>(&mut self, text: &'t str, found: &[Vec<Finding>]) -> Passed<'t> {
        let mut places = places(found);
        let (mut findings, mut stop) = (Vec::new(), None);
        for tally in &mut self.tallies {
            let counted = tally.counted(text, found);
            let stopped = tally.count(&counted, self.is_approved);
            stop = [stop, stopped].into_iter().flatten().min();
            if tally.guardrail.action() == Action::Mask {
                cover(&mut places, &counted, tally.guardrail.mask());
            }
            findings.extend(counted.into_iter().cloned());
        }
        findings.sort();
        findings.dedup();
        // A place that is stopped in is not shown half.
        let end =
            stop.map(|stop| places.iter().find(|place| place.end > stop).map_or(stop, |place| place.start.min(stop)));
        Passed { text: masked(text, &places, end), findings, is_stopped: stop.is_some() }
    }
}

impl Tally<'_> {
    /// The findings of a part that count for this guardrail, in order.
    fn counted<'f>(&self, text: &str, found: &'f [Vec<Finding>]) -> Vec<&'f Finding> {
        let watches = self.guardrail.watches().iter().zip(&self.watches);
        let found = watches.filter_map(|(watch, place)| Some((watch, found.get(*place)?)));
        let mut counted: Vec<&Finding> = found
            .flat_map(|(watch, found)| found.iter().filter(|finding| self.guardrail.counts(watch, finding, text)))
            .collect();
        counted.sort();
        counted
    }

    /// Counts findings and the places they stand at; tells where the first stands after which nothing may go on.
    fn count(&mut self, counted: &[&Finding], is_approved: bool) -> Option<usize> {
        let (mut end, mut stop) = (None, None);
        for finding in counted {
            let times = self.kinds.entry(finding.kind.clone()).or_default();
            *times = times.saturating_add(1);
            if end.is_none_or(|end| finding.start >= end) {
                self.places = self.places.saturating_add(1);
            }
            end = end.max(Some(finding.end));
            if stop.is_none() && self.outcome(is_approved) > Outcome::Masked {
                stop = Some(finding.start);
            }
        }
        stop
    }

    fn is_beyond_limit(&self) -> bool {
        self.guardrail.limit().is_some_and(|limit| self.places > limit)
    }

    fn outcome(&self, is_approved: bool) -> Outcome {
        match self.guardrail.action() {
            _ if self.places == 0 => Outcome::Pass,
            _ if self.is_beyond_limit() => Outcome::Block,
            Action::Mask => Outcome::Masked,
            Action::Drop => Outcome::Dropped,
            Action::Ask if is_approved => Outcome::Pass,
            Action::Ask => Outcome::Ask,
            Action::Block => Outcome::Block,
        }
    }

    fn reason(&self, channel: Channel) -> Reason {
        let mut reason = self.guardrail.reason(channel, &self.kinds);
        if let Some(limit) = self.guardrail.limit().filter(|_| self.is_beyond_limit()) {
            reason.because += &format!(" (more than {limit} places)");
        }
        reason
    }
}

/// Findings that overlap, and how they are shown.
struct Place<'g> {
    start: usize,
    end: usize,
    /// The mask that keeps least, with its finding; none when nothing in it is masked.
    shown: Option<(&'g Mask, Finding)>,
}

/// Where anything was found, whether it counts or not.
fn places<'g>(found: &[Vec<Finding>]) -> Vec<Place<'g>> {
    let mut spans: Vec<(usize, usize)> = found.iter().flatten().map(|finding| (finding.start, finding.end)).collect();
    spans.sort_unstable();
    let mut places: Vec<Place<'_>> = Vec::new();
    for (start, end) in spans {
        match places.last_mut() {
            Some(last) if start < last.end => last.end = last.end.max(end),
            _ => places.push(Place { start, end, shown: None }),
        }
    }
    places
}

/// Masks the places of these findings, which are in order.
fn cover<'g>(places: &mut [Place<'g>], counted: &[&Finding], mask: &'g Mask) {
    let mut places = places.iter_mut().peekable();
    for finding in counted {
        while places.next_if(|place| place.end <= finding.start).is_some() {}
        let Some(place) = places.peek_mut() else { return };
        let strict = |mask: &'g Mask, finding: &Finding| {
            (mask.keep(), usize::MAX - (finding.end - finding.start), finding.clone(), mask)
        };
        let is_stricter =
            place.shown.as_ref().is_none_or(|(other, shown)| strict(mask, finding) < strict(other, shown));
        if is_stricter {
            place.shown = Some((mask, (*finding).clone()));
        }
    }
}

/// The text up to an end, with masks.
fn masked<'t>(text: &'t str, places: &[Place<'_>], end: Option<usize>) -> Cow<'t, str> {
    let end = end.unwrap_or(text.len());
    let shown =
        || places.iter().filter(|place| place.start < end).filter_map(|place| Some((place, place.shown.as_ref()?)));
    if shown().next().is_none() {
        return Cow::Borrowed(text.get(..end).unwrap_or_default());
    }
    let (mut masked, mut at) = (String::with_capacity(end), 0);
    for (place, (mask, finding)) in shown() {
        masked.push_str(text.get(at..place.start).unwrap_or_default());
        masked.push_str(&mask.of(finding, text));
        at = place.end;
    }
    masked.push_str(text.get(at..end).unwrap_or_default());
    Cow::Owned(masked)
}
