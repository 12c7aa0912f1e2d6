//! The fold over the journal: what has to be known of earlier events to put a later one on record, and what of a record is
//! personal.

use super::error::AuditError;
use super::people::People;
use super::table;
use orp_core::{
    id::{AttemptId, LeaseId, Principal, RunId, Tenant},
    noun::{Event, Lease, Offer, OfferKey, Plan, Record, Resource},
    unit::Timestamp,
};
use orp_policy::audit::{Draft, Entry, EntryError, Salt};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest text in a record, in bytes; the journal has all of it.
const TEXT_MAX: usize = 1000;
/// The most reasons, budgets or people in a record; the journal has all of them.
const LIST_MAX: usize = 32;

/// What is known of earlier events.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Everybody who asked for something or was given something to do.
    people: People,
    /// Whom runs that are not over work for.
    pub(super) projects: BTreeMap<RunId, Tenant>,
    /// Leases that are not over.
    pub(super) leases: BTreeMap<LeaseId, Granted>,
}

/// What a charge says of the lease it is for.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) attempt: String,
    pub(super) offer: OfferKey,
    pub(super) region: String,
    pub(super) market: String,
    pub(super) service: String,
    pub(super) units: u32,
    pub(super) at: Timestamp,
}

impl Granted {
    pub(super) fn new(attempt: &AttemptId, lease: &Lease) -> Self {
        let offer = &lease.offer;
        Self {
            attempt: attempt.to_string(),
            offer: offer.key.clone(),
            region: offer.place.region.clone(),
            market: offer.market.to_string(),
            service: offer.resource.pillar().to_string(),
            units: lease.units,
            at: lease.granted,
        }
    }
}

impl Facts {
    /// Learns from a record. Again changes nothing.
    pub(super) fn learn(&mut self, record: &Record) {
        match (&record.event, record.run) {
            (Event::IntentDeclared { intent, .. }, _) => self.people.add(intent.requester.as_str()),
            (Event::ApprovalRequested { approval }, _) => {
                let people = approval.terms.approvers.iter().chain([&approval.requester]);
                people.for_each(|person| self.people.add(person.as_str()));
            }
            (Event::ApprovalVoted { vote }, _) => self.people.add(vote.by.as_str()),
            (Event::BudgetTransferred { by, .. }, _) => self.people.add(by.as_str()),
            (Event::RunStarted { plan } | Event::Replanned { plan, .. }, Some(run)) => {
                self.projects.insert(run, plan.intent.project.clone());
                self.learn_people(plan);
            }
            (Event::LeaseGranted { attempt, lease }, _) => {
                person(&lease.offer).into_iter().for_each(|person| self.people.add(person.as_str()));
                self.leases.insert(lease.id, Granted::new(attempt, lease));
            }
            _ => {}
        }
    }

    fn learn_people(&mut self, plan: &Plan) {
        self.people.add(plan.intent.requester.as_str());
        let offers = plan.bindings.iter().flat_map(|binding| &binding.bound).map(|bound| &bound.offer);
        offers.filter_map(person).for_each(|person| self.people.add(person.as_str()));
    }

    /// Lets go of what no later record needs.
    pub(super) fn forget(&mut self, record: &Record) {
        match (&record.event, record.run) {
            (Event::LeaseReleased { lease, .. }, _) => drop(self.leases.remove(lease)),
            (Event::RunEnded { .. }, Some(run)) => drop(self.projects.remove(&run)),
            _ => {}
        }
    }

    /// What is put on record for a record of the journal, if it is audited. Personal texts are kept out of it.
    pub(super) fn entry(&self, record: &Record) -> Result<Option<Entry>, AuditError> {
        let Some((kind, mut fields)) = table::row(record, self) else { return Ok(None) };
        let mut personal = Vec::new();
        self.tidy(&mut fields, &mut String::new(), &mut personal);
        let mut draft = Draft::new(kind, record.at).with_journal(record.sequence);
        for (name, value) in fields.as_object_mut().map(std::mem::take).unwrap_or_default() {
            draft = draft.with(name, value);
        }
        for place in personal {
            draft = draft.with_personal(place, salt()?);
        }
        match draft.finish() {
            Ok(entry) => Ok(Some(entry)),
            // Every text and list is bounded, yet all together may not fit. The journal must not wait for that.
            Err(EntryError::TooLong { bytes, .. }) => {
                let short = Draft::new(kind, record.at).with_journal(record.sequence).with("left_out", bytes);
                Ok(Some(short.finish()?))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Bounds texts and lists, drops what is null, and finds the places of texts that name people.
    fn tidy(&self, value: &mut Value, place: &mut String, personal: &mut Vec<String>) {
        match value {
            Value::String(text) => {
                if text.len() > TEXT_MAX {
                    let end = (0..=TEXT_MAX).rev().find(|end| text.is_char_boundary(*end));
                    text.truncate(end.unwrap_or(0));
                    text.push('…');
                }
                if self.people.are_named_in(text) {
                    personal.push(place.clone());
                }
            }
            Value::Array(values) => {
                values.truncate(LIST_MAX);
                values
                    .iter_mut()
                    .enumerate()
                    .for_each(|(at, value)| self.tidy_in(value, &at.to_string(), place, personal));
            }
            Value::Object(fields) => {
                fields.retain(|_, value| !value.is_null());
                fields.iter_mut().for_each(|(name, value)| self.tidy_in(value, name, place, personal));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Names of fields are those of the table: none has a character that JSON pointers escape.
    fn tidy_in(&self, value: &mut Value, name: &str, place: &mut String, personal: &mut Vec<String>) {
        let length = place.len();
        place.push('/');
        place.push_str(name);
        self.tidy(value, place, personal);
        place.truncate(length);
    }
}

/// The human an offer is the time of; none for agents, and for everything else.
pub(super) fn person(offer: &Offer) -> Option<&Principal> {
    match &offer.resource {
        Resource::Talent(talent) if !talent.agent => Some(&talent.who),
        _ => None,
    }
}

/// Random bytes of the machine's: the one thing about a record that is never the same again.
fn salt() -> Result<Salt, AuditError> {
    let mut bytes = [0; 32];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| AuditError::Io { path: "salts".into(), detail: error.to_string() })?;
    Ok(Salt::new(bytes))
}
