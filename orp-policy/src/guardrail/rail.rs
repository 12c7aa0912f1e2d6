//! A guardrail made of its document: what looks, what counts, and what is done.

use super::check::{Checked, Guardrails};
use super::mask::{Blanks, Mask};
use super::registry::Detectors;
use super::spec::{Action, Channel, GuardrailError, GuardrailSpec};
use orp_core::contract::{Confidence, Detector, Finding, FindingKind};
use orp_core::id::RuleId;
use orp_core::noun::Reason;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A guardrail: a function of the text, made once and shared.
///
/// ```
/// use orp_core::prelude::*;
/// use orp_policy::guardrail::{Channel, Detectors, Guardrail, GuardrailSpec, Outcome};
///
/// let source = Source::new("guardrail.yaml", "{applies: [output], detectors: [email, iban], action: mask}");
/// let guardrail = Guardrail::compile(RuleId::new("no-contacts")?, &source.parse::<GuardrailSpec>()?, &Detectors::builtin())?;
///
/// let checked = guardrail.check(Channel::Output, "write to ada@example.org");
/// assert_eq!((checked.outcome, &*checked.text), (Outcome::Masked, "write to [email]"));
/// assert_eq!(checked.reasons[0].to_string(), "rule `no-contacts`: found email in the output");
/// assert_eq!(guardrail.check(Channel::Input, "write to ada@example.org").outcome, Outcome::Pass);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Guardrail {
    id: RuleId,
    applies: BTreeSet<Channel>,
    watches: Vec<Watch>,
    action: Action,
    mask: Mask,
    allow: BTreeSet<String>,
    limit: Option<u32>,
    because: Blanks,
    remedy: Option<String>,
}

/// A detector, and which of its findings count.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    pub(super) detector: Arc<dyn Detector>,
    least: Confidence,
}

impl Guardrail {
    /// Makes a guardrail of what a document says, with these detectors to choose from.
    pub fn compile(id: RuleId, spec: &GuardrailSpec, detectors: &Detectors) -> Result<Self, GuardrailError> {
        if spec.applies.value.is_empty() {
            return Err(GuardrailError::at(
                &spec.applies,
                "it applies to nothing: expected at least one of input, output, tool_call, dataset, publish",
            ));
        }
        if let Some(text) = spec.allow.iter().find(|text| text.is_empty()) {
            return Err(GuardrailError::at(
                &spec.detectors,
                format!("`allow` has `{text}` in it: expected texts that are found"),
            ));
        }
        if let (Action::Block, Some(limit)) = (spec.action, &spec.limit) {
            return Err(GuardrailError::at(
                limit,
                "a limit beside `action: block`, which tolerates nothing: expected another action",
            ));
        }
        let watches = watches(spec, detectors)?;
        let mask = mask(spec, &watches)?;
        let because = match &spec.because {
            Some(because) if because.value.trim().is_empty() => {
                return Err(GuardrailError::at(
                    because,
                    "an empty text: expected why the guardrail speaks, or no text at all",
                ));
            }
            Some(because) => {
                Blanks::new(&because.value, &BLANKS).map_err(|message| GuardrailError::at(because, message))?
            }
            None => Blanks::new("found {found} in the {channel}", &BLANKS)
                .map_err(|message| GuardrailError::at(&spec.detectors, message))?,
        };
        Ok(Self {
            id,
            applies: spec.applies.value.clone(),
            watches,
            action: spec.action,
            mask,
            allow: spec.allow.clone(),
            limit: spec.limit.as_ref().map(|limit| limit.value),
            because,
            remedy: spec.remedy.clone(),
        })
    }

    /// The document's id, which reasons name.
    pub const fn id(&self) -> &RuleId {
        &self.id
    }

    /// Whether it looks at texts that go this way.
    pub fn applies_to(&self, channel: Channel) -> bool {
        self.applies.contains(&channel)
    }

    /// Judges a text that goes this way; for several guardrails together, see [`Guardrails`].
    pub fn check<'t>(&self, channel: Channel, text: &'t str) -> Checked<'t> {
        Guardrails::new([self]).check(channel, text)
    }

    pub(super) fn watches(&self) -> &[Watch] {
        &self.watches
    }

    pub(super) const fn action(&self) -> Action {
        self.action
    }

    pub(super) const fn mask(&self) -> &Mask {
        &self.mask
    }

    pub(super) const fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Whether a finding of this watch counts, in this text.
    pub(super) fn counts(&self, watch: &Watch, finding: &Finding, text: &str) -> bool {
        let is_allowed = || text.get(finding.start..finding.end).is_some_and(|found| self.allow.contains(found));
        finding.confidence >= watch.least && (self.allow.is_empty() || !is_allowed())
    }

    /// Why it speaks, by what was found.
    pub(super) fn reason(&self, channel: Channel, found: &BTreeMap<FindingKind, u32>) -> Reason {
        let found: Vec<String> = found
            .iter()
            .map(|(kind, times)| if *times == 1 { kind.to_string() } else { format!("{times} {kind}") })
            .collect();
        self.reason_of(self.because.fill(&[&found.join(", "), &channel.to_string()]))
    }

    pub(super) fn reason_of(&self, because: String) -> Reason {
        Reason { rule: self.id.clone(), because, remedy: self.remedy.clone() }
    }
}

/// What can be filled in a reason.
const BLANKS: [&str; 2] = ["found", "channel"];

fn watches(spec: &GuardrailSpec, detectors: &Detectors) -> Result<Vec<Watch>, GuardrailError> {
    if spec.detectors.value.is_empty() {
        let known: Vec<&str> = detectors.names().collect();
        let message = format!("it looks for nothing: expected at least one of {}", known.join(", "));
        return Err(GuardrailError::at(&spec.detectors, message));
    }
    let (mut watches, mut seen) = (Vec::new(), BTreeSet::new());
    for entry in &spec.detectors.value {
        if !seen.insert(&entry.value.detector) {
            let message = format!("`{}` stands there twice: expected it once", entry.value.detector);
            return Err(GuardrailError::at(entry, message));
        }
        let detector = detectors.get(&entry.value).map_err(|message| GuardrailError::at(entry, message))?;
        watches.push(Watch { detector, least: entry.value.min_confidence });
    }
    Ok(watches)
}

/// The mask, if it is used, and none of the detectors takes it for a finding.
fn mask(spec: &GuardrailSpec, watches: &[Watch]) -> Result<Mask, GuardrailError> {
    let usual = super::spec::MaskSpec::default();
    let Some(given) = &spec.mask else {
        return Mask::new(&usual).map_err(|message| GuardrailError::at(&spec.detectors, message));
    };
    if spec.action != Action::Mask {
        return Err(GuardrailError::at(given, "a mask without `action: mask`: expected no mask, or that action"));
    }
    let mask = Mask::new(&given.value).map_err(|message| GuardrailError::at(given, message))?;
    for kind in watches.iter().flat_map(|watch| watch.detector.kinds()) {
        let found = "7777 7777";
        let shown = mask.of(&Finding::new(0, found.len(), kind.clone(), Confidence::Certain), found);
        if let Some(watch) = watches.iter().find(|watch| !watch.detector.find(&shown).is_empty()) {
            let message = format!(
                "the detector `{}` finds something in the mask `{shown}`: expected other words",
                watch.detector.name()
            );
            return Err(GuardrailError::at(given, message));
        }
    }
    Ok(mask)
}
