//! When spot capacity is taken back: from a trace, from a seed, or never.
//!
//! Either way the answer is a set of *outages* of each pool (a zone, or a machine type in a zone): stretches of the market's
//! time in which the pool has no spot capacity. A lease in the pool is reclaimed when the next outage begins, and nothing can
//! be leased there until it ends. Outages depend on neither leases nor the host's speed, so the same model gives the same
//! reclaims to a run that is replayed on a slower machine.

use super::seeded;
use super::table::{CsvFile, Row, TableError, read_table};
use orp_core::document::{DocumentError, Source};
use orp_core::noun::{Offer, Pattern, Place};
use orp_core::unit::{Span, Timestamp};
use serde::Deserialize;

/// When spot capacity is taken back. Offers that are not spot are never taken back.
///
/// ```
/// use orp_sdk::provider::market::{CsvFile, ReclaimModel, Trace};
///
/// let csv = CsvFile::new("reclaims.csv", b"zone,at,for\nus-east-1a,2h30m,45m\n");
/// let model = ReclaimModel::Trace(Trace::from_csv(csv)?);
/// # let _ = model;
/// # Ok::<(), orp_sdk::provider::market::TableError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ReclaimModel {
    /// Never.
    #[default]
    Never,
    /// As a trace says.
    Trace(Trace),
    /// At random, by each offer's hazard.
    Seeded(Seeded),
}

/// A stretch of time in which a pool has no spot capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When it begins: leases are gone by then.
    pub from: Timestamp,
    /// When capacity is back.
    pub until: Timestamp,
}

impl ReclaimModel {
    /// The outage of the offer's pool that is on at `at` or, if none is, the next one; for a market that began at `start`.
    pub fn outage(&self, offer: &Offer, at: Timestamp, start: Timestamp) -> Option<Outage> {
        if !offer.market.is_reclaimable() {
            return None;
        }
        let after = at.since(start);
        let (from, until) = match self {
            Self::Never => None,
            Self::Trace(trace) => trace.outage(&offer.place, after),
            Self::Seeded(seeded) => seeded.outage(offer, after),
        }?;
        Some(Outage { from: start.after(from), until: start.after(until) })
    }

    /// Whether anything is ever reclaimed.
    pub const fn reclaims(&self) -> bool {
        !matches!(self, Self::Never)
    }
}

/// Outages as they were recorded or thought up: a zone, when it begins, how long.
///
/// As CSV: `zone,at,for`, with `at` counted from the market's start, both as lengths of time (`2h30m`); a zone may be a
/// pattern (`us-east-*`), and is the region's name where spot is sold by region. [`Trace::from_availability`] reads the
/// JSON of published availability traces.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    windows: Vec<Window>,
}

#[derive(Debug, Clone, PartialEq)]
struct Window {
    zone: Pattern,
    from: Span,
    until: Span,
}

impl Trace {
    /// Reads the CSV form. Errors say file, line, column and what was expected.
    pub fn from_csv<'a>(file: impl Into<CsvFile<'a>>) -> Result<Self, TableError> {
        let mut trace = Self::default();
        read_table(file, &["zone", "at", "for"], |row| {
            trace.add(row.name("zone")?, span(row, "at")?, span(row, "for")?);
            Ok(())
        })?;
        Ok(trace)
    }

    /// Reads a published availability trace of one zone: `{"metadata": {"gap_seconds": 600}, "data": [1, 0, …]}`, in which
    /// a value above 0 means that a spot machine could be had for the next gap.
    pub fn from_availability(zone: &str, source: Source<'_>) -> Result<Self, DocumentError> {
        #[derive(Deserialize)]
        struct Metadata {
            gap_seconds: f64,
        }
        #[derive(Deserialize)]
        struct Availability {
            metadata: Metadata,
            data: Vec<f64>,
        }
        let found: Availability = source.parse()?;
        let gap = found.metadata.gap_seconds;
        if !gap.is_finite() || gap <= 0.0 {
            return Err(source.error_at("gap_seconds", format!("`{gap}` is not a gap, expected seconds above 0")));
        }
        let mut trace = Self::default();
        let mut at = 0;
        while at < found.data.len() {
            let rest = found.data.get(at..).unwrap_or_default();
            let out = rest.iter().take_while(|value| **value <= 0.0).count();
            if out > 0 {
                trace.add(zone, Span::from_secs_f64(gap * at as f64), Span::from_secs_f64(gap * out as f64));
            }
            at += out.max(1);
        }
        Ok(trace)
    }

    /// Adds an outage of the zones that match, `length` long, beginning `at` after the market's start.
    pub fn add(&mut self, zone: &str, at: Span, length: Span) {
        self.windows.push(Window { zone: Pattern::new(zone), from: at, until: at.saturating_add(length) });
    }

    /// All outages of both.
    pub fn merge(&mut self, other: Self) {
        self.windows.extend(other.windows);
    }

    fn outage(&self, place: &Place, after: Span) -> Option<(Span, Span)> {
        let zone = place.zone.as_ref().unwrap_or(&place.region);
        let here = || self.windows.iter().filter(|window| window.zone.matches(zone));
        let (from, mut until) =
            here().filter(|window| window.until > after).map(|window| (window.from, window.until)).min()?;
        // Outages that touch or overlap are one. Ends: `until` only grows, to the end of some window.
        while let Some(later) = here().filter(|w| w.from <= until && w.until > until).map(|w| w.until).max() {
            until = later;
        }
        Some((from, until))
    }
}

fn span(row: &Row<'_>, column: &str) -> Result<Span, TableError> {
    row.text(column).parse().map_err(|error: orp_core::unit::UnitError| row.error_in(column, error.to_string()))
}

/// Outages at random: in each pool (a machine type in a zone) they come as a Poisson process with the hazard of its offer
/// times `factor`, so a lease of any age is as likely to be reclaimed next hour as a new one.
///
/// The same seed gives the same outages. They are drawn anew for each day of the market's time, which changes nothing in
/// their distribution, since such a process has no memory; only an outage ends with its day.
#[derive(Debug, Clone, PartialEq)]
pub struct Seeded {
    seed: u64,
    factor: f64,
    outage: Span,
}

/// A day: what is drawn together.
const BUCKET: Span = Span::from_secs(86_400);
/// How far ahead outages are looked for: ten years.
const BUCKETS: u64 = 3_650;
/// The shortest outage, so that a day has finitely many.
const OUTAGE_MIN: Span = Span::MINUTE;

impl Seeded {
    /// By the offers' own hazards; capacity is back after 30 minutes.
    pub fn new(seed: u64) -> Self {
        Self { seed, factor: 1.0, outage: Span::from_secs(1_800) }
    }

    /// With hazards times `factor`: a market that is worse (or better) than its offers say. Published bands are per month
    /// and mild; measured GPU spot capacity went away 0.1 to 1.4 times an hour. A factor that is not a number from 0 counts
    /// as 1.
    pub fn with_factor(mut self, factor: f64) -> Self {
        self.factor = if factor.is_finite() && factor >= 0.0 { factor } else { 1.0 };
        self
    }

    /// With capacity back after `span`, at least a minute and at most the rest of the day.
    pub fn with_outage(mut self, span: Span) -> Self {
        self.outage = span.max(OUTAGE_MIN);
        self
    }

    fn outage(&self, offer: &Offer, after: Span) -> Option<(Span, Span)> {
        let per_hour = offer.hazard.reclaims_per_hour * self.factor;
        if per_hour <= 0.0 {
            return None;
        }
        let pool = seeded::key(&[&self.seed.to_string(), offer.key.offer.as_str()]);
        let first = after.as_micros() / BUCKET.as_micros();
        (first..first.saturating_add(BUCKETS)).find_map(|bucket| self.outage_in(bucket, pool, per_hour, after))
    }

    /// The first outage of a day that ends after `after`.
    fn outage_in(&self, bucket: u64, pool: u64, per_hour: f64, after: Span) -> Option<(Span, Span)> {
        let begin = Span::from_micros(bucket.saturating_mul(BUCKET.as_micros()));
        let end = begin.saturating_add(BUCKET);
        let key = seeded::number(pool, bucket);
        let mut up = begin;
        // Ends: each turn moves on by at least `OUTAGE_MIN`.
        for index in 0.. {
            let from = up.saturating_add(Span::from_hours_f64(-seeded::share(key, index).ln() / per_hour));
            if from >= end {
                return None;
            }
            up = from.saturating_add(self.outage).min(end);
            if up > after {
                return Some((from, up));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Catalogue, Supply};
    use super::*;
    use orp_core::id::ProviderName;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn offer(id: &str) -> Offer {
        let offers = Catalogue::builtin().offers(&ProviderName::new("market").unwrap(), &Supply::default());
        offers.into_iter().find(|offer| offer.key.offer.as_str() == id).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        START.after(text.parse().unwrap())
    }

    /// What happens next to the offer's pool: `2h..2h45m`.
    fn next(model: &ReclaimModel, offer: &Offer, now: &str) -> String {
        match model.outage(offer, at(now), START) {
            Some(outage) => format!("{}..{}", outage.from.since(START), outage.until.since(START)),
            None => "never".into(),
        }
    }

    #[test]
    fn a_trace_takes_back_what_is_in_its_zones() {
        let csv = "zone,at,for\nus-east-1a,2h,45m\nus-east-1a,2h30m,1h\nus-east-1a,9h,0s\nus-west-*,1h,1h\n";
        let model = ReclaimModel::Trace(Trace::from_csv(CsvFile::new("t.csv", csv.as_bytes())).unwrap());
        for (id, now, expected) in [
            ("p5.48xlarge/us-east-1a/spot", "0s", "2h..3h30m"),
            ("p5.48xlarge/us-east-1a/spot", "2h", "2h..3h30m"),
            ("p5.48xlarge/us-east-1a/spot", "3h30m", "9h..9h"),
            ("p5.48xlarge/us-east-1a/spot", "9h", "never"),
            ("p5.48xlarge/us-east-1b/spot", "0s", "never"),
            ("p5.48xlarge/us-west-2b/spot", "0s", "1h..2h"),
            ("p5.48xlarge/us-east-1/on-demand", "0s", "never"),
        ] {
            assert_eq!(next(&model, &offer(id), now), expected, "{id} at {now}");
        }
        assert_eq!(next(&ReclaimModel::Never, &offer("p5.48xlarge/us-east-1a/spot"), "0s"), "never");
    }

    #[test]
    fn wrong_traces_say_where_and_what_was_expected() {
        for (row, expected) in [
            (
                "a,2 fortnights,1h",
                "t.csv:2: column `at`: `2 fortnights`: unknown unit `fortnights`, expected one of d, h, m, s, ms, us",
            ),
            ("a,-1h,1h", "t.csv:2: column `at`: `-1h` is negative: a length of time must not be below zero"),
            (
                "a,1h,",
                "t.csv:2: column `for`: `` is not a length of time: expected numbers with units, such as `12h`, `1h30m`, `90s`, `250ms`",
            ),
            (",1h,1h", "t.csv:2: column `zone`: empty, expected a name"),
            ("a,1h", "t.csv:2: 2 fields, expected 3"),
        ] {
            let text = format!("zone,at,for\n{row}\n");
            assert_eq!(Trace::from_csv(CsvFile::new("t.csv", text.as_bytes())).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn availability_traces_are_read_too() {
        let json = r#"{"metadata":{"gap_seconds":600},"data":[1,0,0,1,1,0]}"#;
        let trace = Trace::from_availability("us-east-1a", Source::new("a.json", json)).unwrap();
        let model = ReclaimModel::Trace(trace);
        let offer = offer("p5.48xlarge/us-east-1a/spot");
        assert_eq!(next(&model, &offer, "0s"), "10m..30m");
        assert_eq!(next(&model, &offer, "30m"), "50m..1h");
        let wrong = Source::new("a.json", r#"{"metadata":{"gap_seconds":0},"data":[]}"#);
        assert!(Trace::from_availability("z", wrong).unwrap_err().to_string().contains("expected seconds above 0"));
    }

    #[test]
    fn the_same_seed_gives_the_same_outages() {
        let offer = offer("p5.48xlarge/us-east-1a/spot");
        let model = |seed| ReclaimModel::Seeded(Seeded::new(seed).with_factor(1_000.0));
        let outages = |model: &ReclaimModel| {
            let mut now = START;
            let mut found = Vec::new();
            for _ in 0..50 {
                let outage = model.outage(&offer, now, START).unwrap();
                found.push(outage);
                now = outage.until;
            }
            found
        };
        assert_eq!(outages(&model(7)), outages(&model(7)));
        assert_ne!(outages(&model(7)), outages(&model(8)));
        for pair in outages(&model(7)).windows(2) {
            assert!(pair[0].from < pair[0].until && pair[0].until <= pair[1].from);
        }
    }

    #[test]
    fn seeded_reclaims_come_at_the_stated_hazard() {
        let offer = offer("p5.48xlarge/us-east-1a/spot");
        let model = ReclaimModel::Seeded(Seeded::new(1).with_factor(500.0).with_outage(Span::MINUTE));
        let expected = offer.hazard.reclaims_per_hour * 500.0;
        let (mut now, mut up) = (START, Span::ZERO);
        const COUNT: u32 = 4_000;
        for _ in 0..COUNT {
            let outage = model.outage(&offer, now, START).unwrap();
            up = up.saturating_add(outage.from.since(now));
            now = outage.until;
        }
        let found = f64::from(COUNT) / up.as_hours_f64();
        assert!((found / expected - 1.0).abs() < 0.05, "{found} reclaims an hour, expected {expected}");
    }

    #[test]
    fn a_mild_hazard_is_answered_fast_and_a_missing_one_with_never() {
        let offer = offer("m7i.8xlarge/us-east-1a/spot");
        assert!(ReclaimModel::Seeded(Seeded::new(1)).outage(&offer, START, START).is_some());
        assert_eq!(next(&ReclaimModel::Seeded(Seeded::new(1).with_factor(0.0)), &offer, "0s"), "never");
        assert_eq!(next(&ReclaimModel::Seeded(Seeded::new(1).with_factor(1e-15)), &offer, "0s"), "never");
    }
}
