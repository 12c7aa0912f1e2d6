//! Simulation: what another set would have decided, on a record of what was asked and decided.
//!
//! Before a set is changed, the record of decisions tells what the change would have done: which decisions *flip*, for which
//! rules and projects, at which points, and how much money hangs on them; and where the answer stays, whether its obligations
//! grow *tighter* or *looser*. Records are replayed one at a time, so a log may be longer than memory; what is kept is
//! counted in groups, of which there are at most [`GROUP_LIMIT`] of each kind.
//!
//! A decision is a function of the request and the set, so replaying a record under the set that made it (the same version)
//! comes to the same decision to the letter. Where it does not, the record is not what was decided: that is a *divergence*.
//!
//! ```
//! use orp_core::prelude::*;
//! use orp_policy::{PolicySet, Recorded, Simulation};
//!
//! let rule = |most: &str| format!("
//! apiVersion: orp.policy/v1
//! kind: Rule
//! metadata: {{id: small}}
//! spec: {{effect: allow, actions: [train], where: {{cost: {{at_most: {most} USD}}}}}}
//! ");
//! let load = |text: &str| PolicySet::from_sources(&[Source::new("set.yaml", text)]);
//! let (enforced, candidate) = (load(&rule("500"))?, load(&rule("100"))?);
//!
//! let mut simulation = Simulation::new(&candidate);
//! for cost in ["80 USD", "200 USD"] {
//!     let request = PolicyRequest::new(PolicyPoint::Run, "train", Timestamp::EPOCH)
//!         .with_fact("project.id", "vision")
//!         .with_fact("cost", cost.parse::<Money>()?);
//!     // As a line of a log, and back.
//!     let line = Recorded::new(request.clone(), enforced.decide(&request)).to_line();
//!     simulation.replay(&Recorded::read("log.jsonl", 1, &line)?);
//! }
//! let report = simulation.finish();
//! assert_eq!((report.replayed, report.unchanged, report.total.stricter.requests), (2, 1, 1));
//! assert_eq!(report.by_project["vision"].stricter.cost.values().next().unwrap().to_string(), "200.00 USD");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::PolicySet;
use crate::fact::{FactKind, Value};
use orp_core::contract::PolicyEngine;
use orp_core::document::{DocumentError, LIMIT_BYTES, Source};
use orp_core::id::RuleId;
use orp_core::noun::{Digest, Obligations, PolicyDecision, PolicyPoint, PolicyRequest, Verdict};
use orp_core::unit::{Currency, Money};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How many rules and how many projects are counted by themselves; requests of others are counted as
/// [`ungrouped`](SimulationReport::ungrouped).
pub const GROUP_LIMIT: usize = 1_000;

/// How many requests are kept to be shown, of those that differ and of those that diverge.
pub const EXAMPLE_LIMIT: usize = 20;

/// What was asked, and what was decided: one line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recorded {
    /// What was asked.
    pub request: PolicyRequest,
    /// What was decided.
    pub decision: PolicyDecision,
}

impl Recorded {
    /// A request with its decision.
    pub const fn new(request: PolicyRequest, decision: PolicyDecision) -> Self {
        Self { request, decision }
    }

    /// Reads a line of a log of this name; `number` is the line's, from 1.
    pub fn read(name: &str, number: u64, line: &str) -> Result<Self, DocumentError> {
        let size = line.len();
        if size > LIMIT_BYTES {
            return Err(
                Source::new(name, "").error(format!("line {number} has {size} bytes, at most {LIMIT_BYTES} are read"))
            );
        }
        serde_json::from_str(line).map_err(|error| {
            let message = error.to_string();
            // The library ends its message with the place, which this error says in its own way.
            let message = message.rfind(" at line ").map_or(message.as_str(), |end| &message[..end]);
            let mut wrong = Source::new(name, "").error(message);
            (wrong.line, wrong.column) = (Some(number), Some(error.column().max(1) as u64));
            wrong.excerpt = Some(line.chars().take(200).collect());
            wrong
        })
    }

    /// The line of a log, without its end.
    #[allow(
        clippy::expect_used,
        reason = "INVARIANT: requests and decisions are made of text, numbers, and maps with text as keys"
    )]
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a record can be written as JSON")
    }
}

/// How two decisions on one request differ, other than in their reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The answer is another.
    Flip {
        /// What was answered.
        from: Verdict,
        /// What is answered instead.
        to: Verdict,
    },
    /// The same answer, with more asked for in return.
    Tightened,
    /// The same answer, with less asked for in return.
    Loosened,
    /// The same answer, with something else asked for in return: neither is as strict as the other in all.
    Otherwise,
}

impl Difference {
    /// How `after` differs from `before`; `None` when it does not.
    pub fn between(before: &PolicyDecision, after: &PolicyDecision) -> Option<Self> {
        if before.verdict != after.verdict {
            return Some(Self::Flip { from: before.verdict, to: after.verdict });
        }
        let (old, new) = (&before.obligations, &after.obligations);
        let is_stricter = |one: &Obligations, other: &Obligations| one.merge(other) == *one;
        match (is_stricter(new, old), is_stricter(old, new)) {
            (true, true) => None,
            (true, false) => Some(Self::Tightened),
            (false, true) => Some(Self::Loosened),
            (false, false) => Some(Self::Otherwise),
        }
    }
}

/// Requests, and what they may cost together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Costed {
    /// How many.
    pub requests: u64,
    /// The sum of their fact `cost`, where they have one, by currency; it stays at the largest amount there is.
    pub cost: BTreeMap<Currency, Money>,
}

impl Costed {
    fn add(&mut self, cost: Option<Money>) {
        self.requests += 1;
        if let Some(cost) = cost {
            let sum = self.cost.entry(cost.currency()).or_insert(Money::zero(cost.currency()));
            *sum = Money::from_micros(sum.micros().saturating_add(cost.micros()), cost.currency());
        }
    }
}

/// How decisions differ, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// Answers that flip to a stricter one: to needing approval, or to being forbidden.
    pub stricter: Costed,
    /// Answers that flip to a looser one.
    pub looser: Costed,
    /// The same answer with tighter obligations.
    pub tightened: u64,
    /// The same answer with looser obligations.
    pub loosened: u64,
    /// The same answer with other obligations.
    pub otherwise: u64,
}

impl Tally {
    fn add(&mut self, difference: Difference, cost: Option<Money>) {
        match difference {
            Difference::Flip { from, to } if to > from => self.stricter.add(cost),
            Difference::Flip { .. } => self.looser.add(cost),
            Difference::Tightened => self.tightened += 1,
            Difference::Loosened => self.loosened += 1,
            Difference::Otherwise => self.otherwise += 1,
        }
    }

    /// How many decisions differ.
    pub const fn requests(&self) -> u64 {
        self.stricter.requests + self.looser.requests + self.tightened + self.loosened + self.otherwise
    }
}

/// Answers that flip from one to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flips {
    /// What was answered.
    pub from: Verdict,
    /// What is answered instead.
    pub to: Verdict,
    /// How many, and what they may cost.
    pub flipped: Costed,
}

/// A request on which two decisions were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Example {
    /// What was asked.
    pub request: PolicyRequest,
    /// What was decided.
    pub before: PolicyDecision,
    /// What is decided instead.
    pub after: PolicyDecision,
}

/// Decisions compared with others on the same requests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SimulationReport {
    /// How many requests were replayed.
    pub replayed: u64,
    /// How many of them came to the same answer with the same obligations.
    pub unchanged: u64,
    /// How the others differ.
    pub total: Tally,
    /// The answers that flip, from what to what.
    pub flips: Vec<Flips>,
    /// The same by rule: those that decide in the stricter of two answers; where the answer stays, those that decide in one
    /// of them only, or else in both. A request may count for several.
    pub by_rule: BTreeMap<RuleId, Tally>,
    /// The same by project (the fact `project.id`); requests without one are in none.
    pub by_project: BTreeMap<String, Tally>,
    /// The same by point.
    pub by_point: BTreeMap<PolicyPoint, Tally>,
    /// How many times a request belonged to a rule or project beyond [`GROUP_LIMIT`].
    pub ungrouped: u64,
    /// How many records are not what their own set decides; they are in no other count but `replayed`.
    pub divergences: u64,
    /// The first requests that differ, at most [`EXAMPLE_LIMIT`].
    pub examples: Vec<Example>,
    /// The first that diverge, at most [`EXAMPLE_LIMIT`].
    pub diverging: Vec<Example>,
}

impl SimulationReport {
    /// Takes two decisions on one request in, and says how they differ.
    pub fn compare(
        &mut self,
        request: &PolicyRequest,
        before: &PolicyDecision,
        after: &PolicyDecision,
    ) -> Option<Difference> {
        self.replayed += 1;
        let Some(difference) = Difference::between(before, after) else {
            self.unchanged += 1;
            return None;
        };
        let cost = cost_of(request);
        self.total.add(difference, cost);
        if let Difference::Flip { from, to } = difference {
            self.flip(from, to).add(cost);
        }
        self.by_point.entry(request.point).or_default().add(difference, cost);
        let mut ungrouped = 0;
        for rule in rules_of(difference, before, after) {
            ungrouped += u64::from(!group(&mut self.by_rule, rule, difference, cost));
        }
        let project = request.facts.get("project.id").and_then(|value| FactKind::Text.read(value));
        if let Some(Value::Text(project)) = project {
            ungrouped += u64::from(!group(&mut self.by_project, project.to_owned(), difference, cost));
        }
        self.ungrouped += ungrouped;
        keep(&mut self.examples, request, before, after);
        Some(difference)
    }

    /// Takes a record in that is not what its own set decides.
    fn diverge(&mut self, request: &PolicyRequest, before: &PolicyDecision, after: &PolicyDecision) {
        self.replayed += 1;
        self.divergences += 1;
        keep(&mut self.diverging, request, before, after);
    }

    fn flip(&mut self, from: Verdict, to: Verdict) -> &mut Costed {
        let at = match self.flips.binary_search_by_key(&(from, to), |flips| (flips.from, flips.to)) {
            Ok(at) => at,
            Err(at) => {
                self.flips.insert(at, Flips { from, to, flipped: Costed::default() });
                at
            }
        };
        // INVARIANT: found there, or just put there.
        &mut self.flips[at].flipped
    }
}

fn keep(examples: &mut Vec<Example>, request: &PolicyRequest, before: &PolicyDecision, after: &PolicyDecision) {
    if examples.len() < EXAMPLE_LIMIT {
        examples.push(Example { request: request.clone(), before: before.clone(), after: after.clone() });
    }
}

/// Counts for a group, unless there are too many already.
fn group<K: Ord>(groups: &mut BTreeMap<K, Tally>, key: K, difference: Difference, cost: Option<Money>) -> bool {
    if groups.len() == GROUP_LIMIT && !groups.contains_key(&key) {
        return false;
    }
    groups.entry(key).or_default().add(difference, cost);
    true
}

/// What a request may cost.
fn cost_of(request: &PolicyRequest) -> Option<Money> {
    match request.facts.get("cost").and_then(|value| FactKind::Money.read(value)) {
        Some(Value::Money(cost)) => Some(cost),
        _ => None,
    }
}

/// The rules that a difference is down to.
fn rules_of(difference: Difference, before: &PolicyDecision, after: &PolicyDecision) -> BTreeSet<RuleId> {
    let rules = |decision: &PolicyDecision| -> BTreeSet<RuleId> {
        decision.reasons.iter().map(|reason| reason.rule.clone()).collect()
    };
    match difference {
        Difference::Flip { from, to } if to > from => rules(after),
        Difference::Flip { .. } => rules(before),
        _ => {
            let (before, after) = (rules(before), rules(after));
            let changed = &before ^ &after;
            if changed.is_empty() { after } else { changed }
        }
    }
}

/// A record replayed against a candidate set.
#[derive(Debug)]
pub struct Simulation<'s> {
    candidate: &'s PolicySet,
    report: SimulationReport,
}

impl<'s> Simulation<'s> {
    /// Nothing replayed yet.
    pub fn new(candidate: &'s PolicySet) -> Self {
        Self { candidate, report: SimulationReport::default() }
    }

    /// Asks the candidate what was asked, and says how its answer differs. A record of the candidate's own that differs is a
    /// divergence, and no difference.
    pub fn replay(&mut self, recorded: &Recorded) -> Option<Difference> {
        let Recorded { request, decision } = recorded;
        let after = self.candidate.decide(request);
        if decision.policy == self.candidate.version() && *decision != after {
            self.report.diverge(request, decision, &after);
            return None;
        }
        self.report.compare(request, decision, &after)
    }

    /// What came of the records so far.
    pub const fn report(&self) -> &SimulationReport {
        &self.report
    }

    /// The version of the candidate.
    pub const fn candidate(&self) -> Digest {
        self.candidate.version()
    }

    /// What came of all records.
    pub fn finish(self) -> SimulationReport {
        self.report
    }
}

impl fmt::Display for Costed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.requests)?;
        let cost: Vec<String> = self.cost.values().map(ToString::to_string).collect();
        if cost.is_empty() { Ok(()) } else { write!(f, " (cost {})", cost.join(", ")) }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flips = [(&self.stricter, "stricter"), (&self.looser, "looser")];
        let flips = flips.into_iter().filter(|(costed, _)| costed.requests > 0);
        let mut parts: Vec<String> = flips.map(|(costed, what)| format!("{what}: {costed}")).collect();
        let obligations = [
            (self.tightened, "tighter obligations"),
            (self.loosened, "looser obligations"),
            (self.otherwise, "other obligations"),
        ];
        let obligations = obligations.into_iter().filter(|(count, _)| *count > 0);
        parts.extend(obligations.map(|(count, what)| format!("{what}: {count}")));
        f.pad(&if parts.is_empty() { "nothing".into() } else { parts.join("; ") })
    }
}

impl fmt::Display for SimulationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} decisions replayed, {} unchanged", self.replayed, self.unchanged)?;
        if self.total.requests() > 0 {
            write!(f, "; {}", self.total)?;
        }
        for Flips { from, to, flipped } in &self.flips {
            write!(f, "\n  from {from} to {to}: {flipped}")?;
        }
        grouped(f, "by rule", self.by_rule.iter().map(|(rule, tally)| (format!("`{rule}`"), tally)))?;
        grouped(f, "by project", self.by_project.iter().map(|(project, tally)| (format!("`{project}`"), tally)))?;
        grouped(f, "by point", self.by_point.iter().map(|(point, tally)| (point.to_string(), tally)))?;
        if self.ungrouped > 0 {
            write!(f, "\n{} of rules and projects beyond the first {GROUP_LIMIT}", self.ungrouped)?;
        }
        shown(f, "differ, for example", &self.examples)?;
        if self.divergences > 0 {
            write!(f, "\n{} records diverge: their own set decides otherwise", self.divergences)?;
            shown(f, "diverge, for example", &self.diverging)?;
        }
        Ok(())
    }
}

/// How many examples are printed; all are in the report.
const SHOWN: usize = 5;

fn shown(f: &mut fmt::Formatter<'_>, title: &str, examples: &[Example]) -> fmt::Result {
    if !examples.is_empty() {
        write!(f, "\n{title}")?;
    }
    for Example { request, before, after } in examples.iter().take(SHOWN) {
        let facts: Vec<String> = request.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        write!(f, "\n  `{}` at {} on {}: {}", request.action, request.point, request.at, facts.join(", "))?;
        write!(f, "\n    was {before}\n    now {after}")?;
    }
    Ok(())
}

/// Groups below a title, those with most requests first.
fn grouped<'t>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    groups: impl Iterator<Item = (String, &'t Tally)>,
) -> fmt::Result {
    let mut groups: Vec<_> = groups.collect();
    groups.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.requests()));
    if !groups.is_empty() {
        write!(f, "\n{title}")?;
    }
    groups.iter().try_for_each(|(name, tally)| write!(f, "\n  {name}: {tally}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::{a_rule, load, requests, rules, with};
    use orp_core::noun::Reason;
    use orp_core::unit::Timestamp;
    use proptest::prelude::*;

    fn recorded(set: &PolicySet, requests: &[PolicyRequest]) -> Vec<Recorded> {
        requests.iter().map(|request| Recorded::new(request.clone(), set.decide(request))).collect()
    }

    fn replayed(candidate: &PolicySet, log: &[Recorded]) -> SimulationReport {
        let mut simulation = Simulation::new(candidate);
        for recorded in log {
            simulation.replay(recorded);
        }
        simulation.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Replay equals original: what the set itself decided, written and read back, is what it decides.
        #[test]
        fn replay_under_the_logged_set_reproduces_every_decision(specs in rules(), requests in requests()) {
            let set = load(&specs);
            let lines: Vec<String> = recorded(&set, &requests).iter().map(Recorded::to_line).collect();
            let log: Vec<Recorded> = lines.iter().map(|line| Recorded::read("log", 1, line).unwrap()).collect();
            prop_assert_eq!(&log, &recorded(&set, &requests));
            let report = replayed(&set, &log);
            prop_assert_eq!((report.replayed, report.unchanged, report.divergences), (16, 16, 0));
            prop_assert_eq!(report.total, Tally::default());
        }

        /// A record that says otherwise than its own set is found, whatever was changed in it.
        #[test]
        fn what_was_changed_in_a_record_diverges(specs in rules(), requests in requests(), at in 0usize..16, part in 0..3) {
            let set = load(&specs);
            let mut log = recorded(&set, &requests);
            let decision = &mut log[at].decision;
            match part {
                0 => decision.verdict = if decision.is_permit() { Verdict::Forbid } else { Verdict::Permit },
                1 => decision.obligations = decision.obligations.clone().with_redact("nothing"),
                _ => decision.reasons.push(Reason { rule: RuleId::new("x").unwrap(), because: String::new(), remedy: None }),
            }
            let report = replayed(&set, &log);
            prop_assert_eq!((report.replayed, report.unchanged, report.divergences), (16, 15, 1));
            prop_assert_eq!(&report.diverging[0].request, &requests[at]);
            prop_assert_eq!(report.total.requests(), 0);
        }

        /// Every decision is counted once in all, and once by its point; turned around, what was stricter is looser.
        #[test]
        fn counts_add_up(one in rules(), other in rules(), requests in requests()) {
            let (one, other) = (load(&one), load(&other));
            prop_assume!(one.version() != other.version());
            let (there, back) = (replayed(&other, &recorded(&one, &requests)), replayed(&one, &recorded(&other, &requests)));
            for report in [&there, &back] {
                prop_assert_eq!(report.unchanged + report.total.requests(), report.replayed);
                prop_assert_eq!(report.by_point.values().map(Tally::requests).sum::<u64>(), report.total.requests());
                let flipped: u64 = report.flips.iter().map(|flips| flips.flipped.requests).sum();
                prop_assert_eq!(flipped, report.total.stricter.requests + report.total.looser.requests);
            }
            prop_assert_eq!(there.total.stricter, back.total.looser);
            prop_assert_eq!(there.total.looser, back.total.stricter);
            prop_assert_eq!((there.total.tightened, there.total.otherwise), (back.total.loosened, back.total.otherwise));
        }

        /// The law that a deny or require never widens, as simulation sees it: and it is that rule's doing.
        #[test]
        fn one_more_deny_or_require_only_tightens(
            specs in rules(),
            more in a_rule(&["deny", "require"], &["enforce"], true),
            requests in requests(),
        ) {
            let report = replayed(&with(&specs, &more), &recorded(&load(&specs), &requests));
            let Tally { looser, loosened, otherwise, .. } = &report.total;
            prop_assert_eq!((looser.requests, *loosened, *otherwise), (0, 0, 0), "{}", report);
            let rule = RuleId::new(format!("r{}", specs.len())).unwrap();
            let by_rule = report.by_rule.get(&rule).map_or(0, Tally::requests);
            prop_assert_eq!(by_rule, report.total.requests(), "{}", report);
        }

        /// Whatever stands in a log, reading it never stops the host, and what is wrong is said with its place.
        #[test]
        fn reading_a_record_never_panics(at in 0.0..1.0, length in 0usize..20, put in "(?s).{0,12}") {
            let request = PolicyRequest::new(PolicyPoint::Run, "train", Timestamp::EPOCH).with_fact("priority", 1);
            let text = Recorded::new(request.clone(), PolicySet::default().decide(&request)).to_line();
            let from = text.floor_char_boundary((at * text.len() as f64) as usize);
            let to = text.floor_char_boundary((from + length).min(text.len()));
            let mangled = format!("{}{put}{}", &text[..from], &text[to..]);
            if let Err(error) = Recorded::read("log", 7, &mangled) {
                prop_assert_eq!(error.line, Some(7));
            }
        }
    }

    fn set(rules: &str) -> PolicySet {
        let text: String = rules
            .lines()
            .enumerate()
            .map(|(at, spec)| {
                format!("---\n{{apiVersion: orp.policy/v1, kind: Rule, metadata: {{id: r{at}}}, spec: {{{spec}}}}}\n")
            })
            .collect();
        PolicySet::from_sources(&[Source::new("set.yaml", &text)]).unwrap()
    }

    #[test]
    fn the_report_says_what_would_change_for_whom_and_for_how_much() {
        let enforced = set("effect: allow, actions: [train, tune]");
        let candidate = set("effect: allow, actions: [train, ask]\n\
             effect: deny, actions: [train], where: {project.id: vision}, because: not vision\n\
             effect: require, actions: [train], where: {project.id: speech}, require: {redact: [email]}");
        let ask = |action: &str, project: &str, cost: &str| {
            PolicyRequest::new(PolicyPoint::Run, action, Timestamp::EPOCH)
                .with_fact("project.id", project)
                .with_fact("cost", cost)
        };
        let requests = [
            ask("train", "vision", "5 USD"),
            ask("train", "vision", "7 EUR"),
            ask("train", "speech", "1 USD"),
            ask("train", "text", "1 USD"),
            ask("tune", "text", "2 USD"),
            ask("ask", "text", "3 USD"),
        ];
        let report = replayed(&candidate, &recorded(&enforced, &requests));
        let text = report.to_string();
        let (counts, examples) = text.split_once("\ndiffer, for example\n").unwrap();
        assert_eq!(
            counts,
            "6 decisions replayed, 1 unchanged; stricter: 3 (cost 7.00 EUR, 7.00 USD); looser: 1 (cost 3.00 USD); \
             tighter obligations: 1\n  \
             from permit to forbid: 3 (cost 7.00 EUR, 7.00 USD)\n  \
             from forbid to permit: 1 (cost 3.00 USD)\n\
             by rule\n  \
             `default-deny`: stricter: 1 (cost 2.00 USD); looser: 1 (cost 3.00 USD)\n  \
             `r1`: stricter: 2 (cost 7.00 EUR, 5.00 USD)\n  \
             `r2`: tighter obligations: 1\n\
             by project\n  \
             `text`: stricter: 1 (cost 2.00 USD); looser: 1 (cost 3.00 USD)\n  \
             `vision`: stricter: 2 (cost 7.00 EUR, 5.00 USD)\n  \
             `speech`: tighter obligations: 1\n\
             by point\n  \
             run: stricter: 3 (cost 7.00 EUR, 7.00 USD); looser: 1 (cost 3.00 USD); tighter obligations: 1"
        );
        assert!(
            examples.starts_with(
                "  `train` at run on 1970-01-01T00:00:00Z: cost: 5 USD, project.id: vision\n    \
                 was permit: rule `r0`: allows `train` at run\n    \
                 now forbid: rule `r1`: not vision\n"
            ),
            "{examples}"
        );
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<SimulationReport>(&json).unwrap(), report);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (enforced, candidate) = (PolicySet::permissive(), PolicySet::default());
        let largest = Money::from_micros(i64::MAX, "USD".parse().unwrap());
        let ask = |at: usize| {
            let request = PolicyRequest::new(PolicyPoint::Run, "train", Timestamp::EPOCH).with_fact("cost", largest);
            request.with_fact("project.id", format!("p{at}"))
        };
        let requests: Vec<_> = (0..GROUP_LIMIT + 5).map(ask).collect();
        let report = replayed(&candidate, &recorded(&enforced, &requests));
        assert_eq!((report.by_project.len(), report.ungrouped), (GROUP_LIMIT, 5));
        assert_eq!(report.examples.len(), EXAMPLE_LIMIT);
        assert_eq!(report.total.stricter.cost.values().next(), Some(&largest), "sums stop at the largest amount");
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_with_its_place() {
        for (line, expected) in [
            ("", "log.jsonl:3:1: EOF while parsing a value"),
            ("{\"request\": 5}", "log.jsonl:3:13: invalid type: integer `5`, expected struct PolicyRequest"),
        ] {
            let error = Recorded::read("log.jsonl", 3, line).unwrap_err().to_string();
            assert_eq!(error.lines().next(), Some(expected), "{line}");
        }
        let long = " ".repeat(LIMIT_BYTES + 1);
        assert!(Recorded::read("log.jsonl", 3, &long).unwrap_err().to_string().contains("at most 4194304 are read"));
    }
}
