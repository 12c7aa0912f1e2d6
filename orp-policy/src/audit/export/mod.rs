//! Records in the forms other systems read: functions of a record, with nothing kept in between.
//!
//! | function | form | for |
//! | --- | --- | --- |
//! | [`json_line`] | a JSON object on a line | log stores, `jq` |
//! | [`cloud_event`] | CloudEvents 1.0, structured JSON | event buses |
//! | [`focus_row`], [`focus_csv`] | FOCUS 1.2, CSV | cost tools (FinOps) |
//!
//! Each takes the disclosures that may be shown: with none, personal fields stay commitments; one that the record does not
//! prove is an error.
//!
//! ```
//! use orp_policy::audit::{Chain, Draft, Frame, Header, Split, export};
//!
//! let mut log = Vec::new();
//! let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
//! let draft = Draft::new("charged", "2026-11-23T06:00:00Z".parse()?)
//!     .with("amount", "9.32 USD")
//!     .with("from", "2026-11-23T04:30:00Z")
//!     .with("until", "2026-11-23T06:00:00Z")
//!     .with("service", "compute")
//!     .with("provider", "market")
//!     .with("project", "vision");
//! chain.append(&draft.finish()?, &mut log);
//! let (header, frames) = Header::split(&log)?;
//! let Split::Whole(frame, _) = Frame::split(frames) else { panic!("a frame is there") };
//! let record = frame.record()?;
//!
//! assert!(export::json_line(&record, &[])?.starts_with(r#"{"seq":1,"at":"2026-11-23T06:00:00Z","kind":"charged""#));
//! let event = export::cloud_event(&record, &header, &[])?;
//! assert!(event.contains(r#""specversion":"1.0""#) && event.contains(r#""type":"orp.audit.charged.v1""#));
//! let account = export::FocusAccount::new("acme");
//! let row = export::focus_row(&record, &account, &[])?.expect("it is a charge");
//! assert!(row.starts_with("9.32,acme,,USD,2026-12-01T00:00:00Z,2026-11-01T00:00:00Z,Usage,,"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod focus;

pub use focus::{FOCUS_COLUMNS, FocusAccount, focus_csv, focus_row};

use super::frame::{AuditRecord, Header};
use super::personal::{Disclosure, DisclosureError};
use serde_json::{Value, json};
use thiserror::Error;

/// Why a record has no such form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Its body cannot be read, or a disclosure does not belong to it.
    #[error(transparent)]
    Disclosure(#[from] DisclosureError),
    /// A field that the form needs is missing or is something else.
    #[error("record {seq} has no field `{field}` that is {expected}")]
    Field {
        /// Which record.
        seq: u64,
        /// Which field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// The record as one line of JSON, without the line's end: `seq`, `at`, `kind`, `journal`, `body`, `prev`, `hash`.
pub fn json_line(record: &AuditRecord, disclosures: &[Disclosure]) -> Result<String, ExportError> {
    let body = record.revealed(disclosures)?;
    let journal = record.journal.map_or(Value::Null, |journal| journal.0.into());
    // By hand, so that the members stand in the order people read them.
    Ok(format!(
        r#"{{"seq":{},"at":"{}","kind":"{}","journal":{journal},"body":{body},"prev":"{}","hash":"{}"}}"#,
        record.seq, record.at, record.kind, record.prev, record.hash
    ))
}

/// The record as a CloudEvent in structured JSON (CloudEvents 1.0.2, JSON event format).
///
/// `source` is the log, `id` the place in it, so that both together are unique for ever and a consumer can drop what it has
/// seen. The extension `sequence` orders events as its own specification says, and `hash` ties the event to the chain.
pub fn cloud_event(record: &AuditRecord, header: &Header, disclosures: &[Disclosure]) -> Result<String, ExportError> {
    let data = record.revealed(disclosures)?;
    let mut event = json!({
        "specversion": "1.0",
        "id": record.seq.to_string(),
        "source": format!("urn:uuid:{}", header.log),
        "type": format!("orp.audit.{}.v1", record.kind),
        "time": record.at.to_string(),
        "datacontenttype": "application/json",
        "sequence": format!("{:020}", record.seq),
        "hash": record.hash.to_string(),
    });
    if let Some(event) = event.as_object_mut() {
        if let Some(run) = data.get("run") {
            event.insert("subject".into(), run.clone());
        }
        event.insert("data".into(), data);
    }
    Ok(event.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::{Chain, Draft, Frame, Salt, Split};
    use super::*;

    pub(super) fn record(draft: Draft) -> (Header, AuditRecord, Vec<Disclosure>) {
        let entry = draft.finish().unwrap();
        let mut log = Vec::new();
        Chain::begin(Header::new(uuid::Uuid::nil()), &mut log).append(&entry, &mut log);
        let (header, frames) = Header::split(&log).unwrap();
        let Split::Whole(frame, _) = Frame::split(frames) else { panic!("a frame is there") };
        (header, frame.record().unwrap(), entry.disclosures(1))
    }

    #[test]
    fn exports_show_personal_fields_only_with_their_disclosure() {
        let draft = Draft::new("run_started", "2026-11-23T04:38:00Z".parse().unwrap())
            .with_journal(orp_core::noun::Sequence(7))
            .with("run", "run_1")
            .with("requester", "a\"da")
            .with_personal("/requester", Salt::new([1; 32]));
        let (header, record, disclosures) = record(draft);
        let line: Value = serde_json::from_str(&json_line(&record, &disclosures).unwrap()).unwrap();
        assert_eq!((&line["body"]["requester"], &line["journal"]), (&json!("a\"da"), &json!(7)));
        assert_eq!(line["hash"], record.hash.to_string());
        let hidden: Value = serde_json::from_str(&json_line(&record, &[]).unwrap()).unwrap();
        assert!(hidden["body"]["requester"]["committed"].is_string());
        let event: Value = serde_json::from_str(&cloud_event(&record, &header, &disclosures).unwrap()).unwrap();
        for (member, value) in [
            ("specversion", "1.0"),
            ("id", "1"),
            ("source", "urn:uuid:00000000-0000-0000-0000-000000000000"),
            ("type", "orp.audit.run_started.v1"),
            ("time", "2026-11-23T04:38:00Z"),
            ("datacontenttype", "application/json"),
            ("subject", "run_1"),
            ("sequence", "00000000000000000001"),
        ] {
            assert_eq!(event[member], value);
        }
        assert_eq!(event["data"]["requester"], "a\"da");
        // CloudEvents 1.0, §3.1: names of attributes are lower-case letters and digits.
        let names = event.as_object().unwrap().keys();
        assert!(names.flat_map(|name| name.bytes()).all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        let forged = Disclosure { value: "eve".into(), ..disclosures[0].clone() };
        assert!(json_line(&record, &[forged]).is_err());
    }
}
