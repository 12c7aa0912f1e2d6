//! Charges as rows of FOCUS, the FinOps Open Cost and Usage Specification.
//!
//! The columns are the mandatory ones of version 1.2 and those optional ones ORP knows something for. ORP charges what a
//! provider asks, at once, with no list price, negotiated discount or amortised commitment beside it: so the four costs
//! are the same amount. What ORP does not know is empty (FOCUS: null).

use super::super::frame::AuditRecord;
use super::super::kind;
use super::super::personal::{Disclosure, committed};
use super::ExportError;
use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};
use orp_core::unit::{Money, Timestamp};
use serde_json::{Map, Value};

/// The columns, in their order. `x_` marks those of our own, as FOCUS asks.
pub const FOCUS_COLUMNS: [&str; 27] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "ResourceId",
    "ServiceCategory",
    "ServiceName",
    "SubAccountId",
    "Tags",
    "x_AuditLogSequence",
    "x_AuditLogHash",
];

/// Whose bill it is: what every row says and no record knows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FocusAccount {
    /// `BillingAccountId`.
    pub id: String,
    /// `BillingAccountName`.
    pub name: Option<String>,
}

impl FocusAccount {
    /// An account without a name.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), name: None }
    }
}

/// The header and a row for every charge among `records`, as CSV (RFC 4180).
pub fn focus_csv<'a>(
    records: impl IntoIterator<Item = &'a AuditRecord>,
    account: &FocusAccount,
    disclosures: &[Disclosure],
) -> Result<String, ExportError> {
    let mut csv = FOCUS_COLUMNS.join(",");
    csv.push_str("\r\n");
    for record in records {
        if let Some(row) = focus_row(record, account, disclosures)? {
            csv.push_str(&row);
            csv.push_str("\r\n");
        }
    }
    Ok(csv)
}

/// The row of a record of kind [`CHARGED`](kind::CHARGED), without the line's end; none for every other record.
pub fn focus_row(
    record: &AuditRecord,
    account: &FocusAccount,
    disclosures: &[Disclosure],
) -> Result<Option<String>, ExportError> {
    if record.kind != kind::CHARGED {
        return Ok(None);
    }
    let revealed = record.revealed(disclosures)?;
    let missing = |field, expected| ExportError::Field { seq: record.seq, field, expected };
    let body = revealed.as_object().ok_or_else(|| missing("amount", "an amount of money"))?;
    let amount: Money = parsed(body, "amount").ok_or_else(|| missing("amount", "an amount of money"))?;
    let from: Timestamp = parsed(body, "from").ok_or_else(|| missing("from", "a point in time"))?;
    let until: Timestamp = parsed(body, "until").ok_or_else(|| missing("until", "a point in time"))?;
    let period = |time| month(time).ok_or_else(|| missing("from", "a point in time"));
    let (month, next_month) = period(from)?;
    let cost = decimal(amount);
    let category = if amount.is_negative() { "Credit" } else { "Usage" };
    let service = text(body, "service");
    let (quantity, unit) = quantity(body, from, until);
    let provider = text(body, "provider");
    let row: [String; FOCUS_COLUMNS.len()] = [
        cost.clone(),
        account.id.clone(),
        account.name.clone().unwrap_or_default(),
        amount.currency().to_string(),
        next_month,
        month,
        category.into(),
        String::new(),
        text(body, "what"),
        seconds(until, Round::Up),
        seconds(from, Round::Down),
        cost.clone(),
        cost.clone(),
        provider.clone(),
        cost,
        quantity,
        unit.into(),
        provider.clone(),
        provider,
        text(body, "region"),
        text(body, "offer"),
        service_category(&service).into(),
        service,
        text(body, "project"),
        tags(body),
        record.seq.to_string(),
        record.hash.to_string(),
    ];
    Ok(Some(row.map(quoted).join(",")))
}

/// FOCUS has a closed list of service categories.
fn service_category(service: &str) -> &'static str {
    match service {
        "compute" => "Compute",
        "data" => "Storage",
        "model" | "tool" => "AI and Machine Learning",
        "transfer" => "Networking",
        _ => "Other",
    }
}

/// Leases are priced by the hour, in millionths of one; everything else is one charge.
fn quantity(body: &Map<String, Value>, from: Timestamp, until: Timestamp) -> (String, &'static str) {
    let Some(units) = body.get("units").and_then(Value::as_u64) else { return ("1".into(), "Charges") };
    let millionths = (u128::from(until.since(from).as_micros()) * u128::from(units)).div_ceil(3_600);
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    (text.trim_end_matches('0').trim_end_matches('.').to_owned(), "Hours")
}

/// What else is known, as the JSON object that FOCUS asks for.
fn tags(body: &Map<String, Value>) -> String {
    let tag = |name: &str| Some((name.to_owned(), Value::from(Some(text(body, name)).filter(|tag| !tag.is_empty())?)));
    let tags: Map<String, Value> = ["run", "attempt", "lease", "market"].into_iter().filter_map(tag).collect();
    Value::Object(tags).to_string()
}

/// The text of a field; of one kept out of the chain and not disclosed, the commitment; nothing, when there is none.
fn text(body: &Map<String, Value>, field: &str) -> String {
    match body.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => committed(value).map(|digest| digest.to_string()).unwrap_or_default(),
        None => String::new(),
    }
}

fn parsed<T: std::str::FromStr>(body: &Map<String, Value>, field: &str) -> Option<T> {
    body.get(field)?.as_str()?.parse().ok()
}

/// The amount without its currency.
fn decimal(amount: Money) -> String {
    let text = amount.to_string();
    text.split_once(' ').map_or(text.clone(), |(number, _)| number.to_owned())
}

enum Round {
    Down,
    Up,
}

/// FOCUS has whole seconds: a period is widened to them, so that it is never empty.
fn seconds(time: Timestamp, round: Round) -> String {
    let micros = time.as_micros();
    let whole = micros.div_euclid(1_000_000)
        + match round {
            Round::Down => 0,
            Round::Up => 1.min(micros.rem_euclid(1_000_000)),
        };
    Timestamp::from_micros(whole.saturating_mul(1_000_000)).to_string()
}

/// The beginning of the calendar month of a time, and of the next, in UTC.
fn month(time: Timestamp) -> Option<(String, String)> {
    let date = DateTime::<Utc>::from_timestamp_micros(time.as_micros())?.date_naive();
    let first = NaiveDate::from_ymd_opt(date.year(), date.month(), 1)?;
    let next = first.checked_add_months(chrono::Months::new(1))?;
    let text = |date: NaiveDate| Some(date.and_hms_opt(0, 0, 0)?.and_utc().to_rfc3339_opts(SecondsFormat::Secs, true));
    Some((text(first)?, text(next)?))
}

/// A field of CSV.
fn quoted(field: String) -> String {
    if field.contains([',', '"', '\r', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Draft, Salt};
    use super::super::tests::record;
    use super::*;

    fn charged(amount: &str) -> Draft {
        Draft::new("charged", "2026-12-31T23:30:00.5Z".parse().unwrap())
            .with("amount", amount)
            .with("from", "2026-12-31T23:00:00Z")
            .with("until", "2026-12-31T23:30:00.5Z")
            .with("service", "talent")
            .with("provider", "people, and agents")
            .with("offer", "ada")
            .with("units", 2)
            .with("project", "vision")
            .with("run", "run_1")
            .with("what", "says \"done\"")
            .with_personal("/offer", Salt::new([1; 32]))
    }

    #[test]
    fn services_have_a_category() {
        for (service, category) in [
            ("compute", "Compute"),
            ("data", "Storage"),
            ("model", "AI and Machine Learning"),
            ("tool", "AI and Machine Learning"),
            ("transfer", "Networking"),
            ("talent", "Other"),
        ] {
            assert_eq!(service_category(service), category, "{service}");
        }
    }

    #[test]
    fn a_charge_is_a_row() {
        let (_, record, disclosures) = record(charged("-1.25 EUR"));
        let row = focus_row(&record, &FocusAccount::new("acme"), &disclosures).unwrap().unwrap();
        let expected = format!(
            "-1.25,acme,,EUR,2027-01-01T00:00:00Z,2026-12-01T00:00:00Z,Credit,,\"says \"\"done\"\"\",2026-12-31T23:30:01Z,\
             2026-12-31T23:00:00Z,-1.25,-1.25,\"people, and agents\",-1.25,1.000278,Hours,\"people, and agents\",\
             \"people, and agents\",,ada,Other,talent,vision,\"{{\"\"run\"\":\"\"run_1\"\"}}\",1,{}",
            record.hash
        );
        assert_eq!(row, expected);
        let csv = focus_csv([&record], &FocusAccount::new("acme"), &[]).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].split(',').count(), 27);
        assert!(!csv.contains("ada") && csv.contains("sha256:"), "what is not disclosed is a commitment");
    }

    #[test]
    fn what_is_no_charge_has_no_row() {
        let account = FocusAccount::new("acme");
        let (_, other, _) = record(Draft::new("run_started", Timestamp::EPOCH));
        assert_eq!(focus_row(&other, &account, &[]), Ok(None));
        for (draft, error) in [
            (charged("much"), "record 1 has no field `amount` that is an amount of money"),
            (charged("1 EUR").with("until", 5), "record 1 has no field `until` that is a point in time"),
        ] {
            let (_, record, disclosures) = record(draft);
            assert_eq!(focus_row(&record, &account, &disclosures).unwrap_err().to_string(), error);
        }
    }
}
