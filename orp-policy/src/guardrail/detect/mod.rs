//! The built-in detectors: deterministic, without dictionaries or models, each a function of the text alone.
//!
//! | detector | finds | rests on |
//! | --- | --- | --- |
//! | [`Email`] | addresses | the form |
//! | [`Iban`] | bank accounts | the country's length, two check digits |
//! | [`Card`] | payment cards | the issuer's range and length, a check digit |
//! | [`Phone`] | telephone numbers | country codes, national groupings |
//! | [`NationalId`] | numbers of persons, of seventeen countries | each country's form, dates and check digits |
//! | [`Ip`] | internet addresses | the form |
//! | [`Secret`] | keys, tokens, passwords | prefixes, and the names of values |
//!
//! They find what is written as people and programs write it, in any of the usual scripts, spaces and hyphens; not what
//! someone hides on purpose (in words, in base64, a letter at a time). What tells a number from any other is its check digit
//! wherever there is one; [`Confidence`](orp_core::contract::Confidence) says how much that is.
//!
//! Rejected: regular expressions. A crate for them brings automata that are built at start and more code than all of this,
//! and still needs the check digits in Rust; and what a text may be cut at ([`Detector::settled`]) cannot be asked of it.
//! Rejected, too: a dictionary of names and places, which is never deterministic enough to block upon; a host brings its own
//! as a [`Detector`].
//!
//! ```
//! use orp_core::contract::Detector;
//! use orp_policy::guardrail::detect::NationalId;
//!
//! let ids = NationalId::of(["de", "fr"]).unwrap();
//! let found = ids.find("Steuer-ID 86 095 742 719, SSN 219-09-1234");
//! assert_eq!(found.len(), 1);
//! assert_eq!(found[0].to_string(), "national_id.de at 10..24 (certain)");
//! ```

mod card;
mod checksum;
mod email;
mod iban;
mod ip;
mod national_id;
mod number;
mod phone;
mod scan;
mod secret;
mod symbol;

pub use card::Card;
pub use email::Email;
pub use iban::Iban;
pub use ip::Ip;
pub use national_id::{COUNTRIES, NationalId};
pub use phone::Phone;
pub use secret::Secret;

#[cfg(doc)]
use orp_core::contract::Detector;

/// Makes a detector of what scans.
macro_rules! detector {
    ($name:ident, $called:literal, [$($kind:expr),*]) => {
        impl orp_core::contract::Detector for $name {
            fn name(&self) -> &str {
                $called
            }

            fn kinds(&self) -> &[FindingKind] {
                const KINDS: &[FindingKind] = &[$($kind),*];
                KINDS
            }

            fn find(&self, text: &str) -> Vec<orp_core::contract::Finding> {
                super::scan::find(self, text)
            }

            fn settled(&self, text: &str) -> usize {
                super::scan::settled(self, text)
            }
        }
    };
}
use detector;

#[cfg(test)]
mod tests {
    use super::scan::STEPS;
    use super::*;
    use orp_conformance::detector_suite;
    use orp_core::contract::Detector;

    /// It finds exactly these texts.
    #[track_caller]
    pub(super) fn finds(detector: &dyn Detector, text: &str, expected: &[&str]) {
        let findings = detector.find(text);
        let found: Vec<&str> = findings.iter().map(|finding| &text[finding.start..finding.end]).collect();
        assert_eq!(found, expected, "in {text:?}");
    }

    #[track_caller]
    pub(super) fn keeps_the_laws(detector: &dyn Detector, samples: &[&str]) {
        let report = detector_suite(detector, samples);
        report.assert_ok();
        assert_eq!(report.skipped, [], "{report}");
    }

    fn all() -> Vec<Box<dyn Detector>> {
        vec![
            Box::new(Email),
            Box::new(Iban),
            Box::new(Card),
            Box::new(Phone),
            Box::new(NationalId::default()),
            Box::new(Ip),
            Box::new(Secret),
        ]
    }

    /// What makes a scanner look again and again at the same bytes, if anything does.
    const ADVERSARIAL: [&str; 40] = [
        "1",
        "@",
        "a.",
        "a",
        "-",
        ".",
        ":",
        "=",
        " ",
        "1 ",
        "1-",
        "1.",
        "+1",
        "(1",
        "a@",
        "a@b.",
        "a@b.co.",
        "1:",
        "::",
        "f:",
        "1.1.1.1",
        "1.1.1.1:",
        "AA11 ",
        "DE89 ",
        "AA 1",
        "A-1-",
        "0 11 ",
        "+49 ",
        "eyJ",
        "eyJ.",
        "-eyJaaaaaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----",
        "password=",
        "password:",
        "token=a1",
        "sk-",
        "xoxb-1",
        "４",
        "é1",
        "\u{200b}1",
    ];

    /// How many steps [`STEPS`] counts, at most, for each byte.
    const STEPS_PER_BYTE: f64 = 60.0;

    #[test]
    fn work_is_linear() {
        const BYTES: usize = 1 << 13;
        for detector in all() {
            let mut most = (0.0, "");
            for (piece, tail) in
                ADVERSARIAL.iter().flat_map(|piece| ["", "(", "!", " x", "-----END"].map(|tail| (piece, tail)))
            {
                let text = piece.repeat(BYTES / piece.len()) + tail;
                let find: fn(&dyn Detector, &str) = |detector, text| drop(detector.find(text));
                let settle: fn(&dyn Detector, &str) = |detector, text| drop(detector.settled(text).to_string());
                for look in [find, settle] {
                    STEPS.set(0);
                    look(&*detector, &text);
                    let steps = STEPS.get() as f64 / text.len() as f64;
                    most = if steps > most.0 { (steps, piece) } else { most };
                    assert!(steps <= STEPS_PER_BYTE, "{} on {piece:?}…{tail:?}: {steps} steps a byte", detector.name());
                }
            }
            println!("{}: at most {:.1} steps a byte, on {:?}", detector.name(), most.0, most.1);
        }
    }

    #[test]
    fn a_megabyte_of_the_same_takes_a_few_steps_a_byte() {
        for (detector, piece) in all().iter().flat_map(|detector| ["1", "@", "a."].map(|piece| (detector, piece))) {
            let text = piece.repeat((1 << 20) / piece.len());
            STEPS.set(0);
            detector.find(&text);
            let steps = STEPS.get() as f64 / text.len() as f64;
            println!("{} on a megabyte of {piece:?}: {steps:.2} steps a byte", detector.name());
            assert!(steps <= 4.0, "{} on {piece:?}: {steps}", detector.name());
        }
    }
}
