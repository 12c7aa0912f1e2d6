//! Detectors that break one law each.

use crate::memory::{NAMES, names};
use crate::{Fake, catches};
use orp_conformance::detector_suite;
use orp_core::memory::MemoryDetector;
use orp_core::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const FAKES: &[Fake] = &[
    ("DET-1", "cuts characters in two"),
    ("DET-1", "reaches beyond the text"),
    ("DET-1", "finds nothing somewhere"),
    ("DET-2", "looks from the end"),
    ("DET-2", "finds twice"),
    ("DET-3", "doubts every other time"),
    ("DET-4", "has kinds of its own"),
    ("DET-4", "has no kinds"),
    ("DET-5", "compares all with all"),
    ("DET-6", "finds masks"),
    ("DET-7", "settles too early"),
    ("DET-7", "settles within characters"),
];

#[derive(Debug)]
struct BentDetector {
    inner: MemoryDetector,
    flaw: &'static str,
    calls: AtomicU32,
}

impl Detector for BentDetector {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn kinds(&self) -> &[FindingKind] {
        const OTHER: &[FindingKind] = &[FindingKind::from_static("password")];
        match self.flaw {
            "has kinds of its own" => OTHER,
            "has no kinds" => &[],
            _ => self.inner.kinds(),
        }
    }

    fn find(&self, text: &str) -> Vec<Finding> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let mut findings = self.inner.find(text);
        let last = findings.last_mut();
        match (self.flaw, last) {
            ("cuts characters in two", Some(last)) if last.end < text.len() && !text.is_char_boundary(last.end + 1) => {
                last.end += 1;
            }
            ("reaches beyond the text", Some(last)) if last.end == text.len() => last.end += 1,
            ("finds nothing somewhere", Some(last)) => last.start = last.end,
            ("looks from the end", _) => findings.reverse(),
            ("finds twice", Some(last)) => {
                let again = last.clone();
                findings.push(again);
            }
            ("doubts every other time", Some(last)) if call.is_multiple_of(2) => last.confidence = Confidence::Possible,
            ("compares all with all", _) if text.len() > 1_000 => {
                let equal = |one: &u8| text.bytes().filter(|other| one == other).count();
                std::hint::black_box(text.bytes().step_by(16).map(|one| equal(&one)).sum::<usize>());
            }
            ("finds masks", _) => {
                let mask = |(at, mask): (usize, &str)| {
                    Finding::new(at, at + mask.len(), self.inner.kinds()[0].clone(), Confidence::Certain)
                };
                findings.extend(text.match_indices("[codename]").map(mask));
                findings.sort();
            }
            _ => {}
        }
        findings
    }

    fn settled(&self, text: &str) -> usize {
        match self.flaw {
            "finds masks" => 0,
            "settles too early" => text.len(),
            "settles within characters" => (0..text.len()).find(|at| !text.is_char_boundary(*at)).unwrap_or(0),
            _ => self.inner.settled(text),
        }
    }
}

#[test]
fn detectors() {
    for fake in FAKES {
        let bent = BentDetector { inner: names(), flaw: fake.1, calls: AtomicU32::new(0) };
        catches(*fake, &detector_suite(&bent, &NAMES));
    }
}
