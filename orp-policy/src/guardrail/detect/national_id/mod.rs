//! Numbers that states give to persons: by the form each is written in, and the dates and check digits it must have.
//!
//! One file a country, with the source of its rule. A form without spaces and hyphens is only found where check digits, a
//! date or letters tell it from any other number. A number that several countries could have given out is found once, as
//! that of which most is checked.

mod be;
mod br;
mod ca;
mod ch;
mod cn;
mod de;
mod es;
mod fi;
mod fr;
mod gb;
mod r#in;
mod it;
mod nl;
mod no;
mod pl;
mod se;
mod us;

use super::number::{Beginning, Number, Numbers, letters_before, look_for};
use super::symbol::{Reader, Symbol, Word};
use orp_core::contract::{Confidence, Detector, Finding, FindingKind};

/// What a country gives out.
#[derive(Debug)]
struct Scheme {
    kind: FindingKind,
    /// How it is written (see [`look_for`]), and what a number of that form rests on.
    forms: &'static [(&'static str, Confidence)],
    /// Whether letters and digits, of which there are as many as in a form, are such a number.
    is_valid: fn(&[u8]) -> bool,
}

const SCHEMES: [(&str, &Scheme); 17] = [
    ("be", &be::SCHEME),
    ("br", &br::SCHEME),
    ("ca", &ca::SCHEME),
    ("ch", &ch::SCHEME),
    ("cn", &cn::SCHEME),
    ("de", &de::SCHEME),
    ("es", &es::SCHEME),
    ("fi", &fi::SCHEME),
    ("fr", &fr::SCHEME),
    ("gb", &gb::SCHEME),
    ("in", &r#in::SCHEME),
    ("it", &it::SCHEME),
    ("nl", &nl::SCHEME),
    ("no", &no::SCHEME),
    ("pl", &pl::SCHEME),
    ("se", &se::SCHEME),
    ("us", &us::SCHEME),
];

/// The countries whose numbers are known, by ISO 3166-1 alpha-2 in lower case.
pub const COUNTRIES: [&str; SCHEMES.len()] = {
    let mut countries = [""; SCHEMES.len()];
    let mut at = 0;
    while at < SCHEMES.len() {
        countries[at] = SCHEMES[at].0;
        at += 1;
    }
    countries
};

/// The longest first group of a form, and one.
const LENGTHS: usize = 19;

/// Finds the numbers that some states give to persons, each as a kind of its own: `national_id.de`.
///
/// ```
/// use orp_core::contract::Detector;
/// use orp_policy::guardrail::detect::NationalId;
///
/// let found = NationalId::default().find("DNI 12345678Z, no DNI 12345678A");
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].to_string(), "national_id.es at 4..13 (likely)");
/// ```
#[derive(Debug, Clone)]
pub struct NationalId {
    kinds: Vec<FindingKind>,
    /// The forms by the length of their first group: a word of that length may begin one.
    forms: [Vec<Form>; LENGTHS],
}

#[derive(Debug, Clone)]
struct Form {
    scheme: &'static Scheme,
    form: &'static str,
    /// What stands behind its first group; nothing if that is all.
    behind: Option<Symbol>,
    confidence: Confidence,
}

impl Default for NationalId {
    /// Of all countries known.
    fn default() -> Self {
        Self::with(SCHEMES.iter().map(|(_, scheme)| *scheme))
    }
}

impl NationalId {
    /// Of these countries, at least one, by ISO 3166-1 alpha-2 in lower case.
    pub fn of<C: AsRef<str>>(countries: impl IntoIterator<Item = C>) -> Result<Self, String> {
        let mut chosen = [false; SCHEMES.len()];
        for country in countries {
            let country = country.as_ref();
            match SCHEMES.iter().zip(&mut chosen).find(|((known, _), _)| *known == country) {
                Some((_, chosen)) => *chosen = true,
                None => return Err(format!("no rule for `{country}`: expected any of {}", COUNTRIES.join(", "))),
            }
        }
        if !chosen.contains(&true) {
            return Err(format!("no countries: expected any of {}", COUNTRIES.join(", ")));
        }
        let chosen = SCHEMES.iter().zip(chosen).filter(|(_, chosen)| *chosen);
        Ok(Self::with(chosen.map(|((_, scheme), _)| *scheme)))
    }

    fn with(schemes: impl Iterator<Item = &'static Scheme>) -> Self {
        let mut all = Self { kinds: Vec::new(), forms: Default::default() };
        for scheme in schemes {
            all.kinds.push(scheme.kind.clone());
            for (form, confidence) in scheme.forms {
                let first = form.bytes().take_while(|byte| matches!(byte, b'#' | b'A' | b'*')).count();
                let behind = form.chars().nth(first).map(Symbol::of);
                if let Some(forms) = all.forms.get_mut(first) {
                    forms.push(Form { scheme, form, behind, confidence: *confidence });
                }
            }
        }
        all
    }
}

impl Numbers for NationalId {
    fn lead(&self, text: &str, word: &Word, floor: usize) -> Option<Beginning> {
        letters_before(text, word, floor)
    }

    /// The longest one; of several, that of which most is checked; of those, that of the first country.
    fn read(&self, reader: &mut Reader<'_>, at: &Beginning) -> Option<Number> {
        let mut best: Option<(usize, Confidence, &Form)> = None;
        let forms = self.forms.get(at.length)?.iter();
        for form in forms.filter(|form| form.behind.is_none_or(|behind| behind == at.behind)) {
            let Some((code, end)) = look_for(reader, form.form) else { continue };
            let is_better = best.is_none_or(|(other, confidence, _)| (other, confidence) < (end, form.confidence));
            if is_better && (form.scheme.is_valid)(code.as_bytes()) {
                best = Some((end, form.confidence, form));
            }
        }
        best.map(|(end, confidence, form)| (end, form.scheme.kind.clone(), confidence))
    }
}

impl Detector for NationalId {
    fn name(&self) -> &str {
        "national_id"
    }

    fn kinds(&self) -> &[FindingKind] {
        &self.kinds
    }

    fn find(&self, text: &str) -> Vec<Finding> {
        super::scan::find(self, text)
    }

    fn settled(&self, text: &str) -> usize {
        super::scan::settled(self, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrail::detect::tests::{finds, keeps_the_laws};

    /// A country's numbers are found as that country's however written, and those beside them are not.
    #[track_caller]
    pub(super) fn tells(country: &str, valid: &[&str], invalid: &[&str]) {
        let detector = NationalId::of([country]).unwrap();
        for text in valid {
            finds(&detector, &format!("id: {text}, of"), &[text]);
            finds(&detector, text, &[text]);
            finds(&detector, &format!("x{text}"), &[]);
            finds(&detector, &format!("{text}5"), &[]);
            finds(&detector, &format!("{text}x"), &[]);
            assert!(detector.find(text)[0].kind.as_str() == format!("national_id.{country}"));
        }
        for text in invalid {
            finds(&detector, text, &[]);
        }
    }

    #[test]
    fn every_form_fits_where_it_is_kept() {
        for (country, scheme) in SCHEMES {
            assert_eq!(scheme.kind.as_str(), format!("national_id.{country}"));
            for (form, _) in scheme.forms {
                let first = form.bytes().take_while(|byte| matches!(byte, b'#' | b'A' | b'*')).count();
                let letters = form.bytes().take_while(|byte| *byte == b'A').count();
                assert!((1..LENGTHS).contains(&first), "{form}");
                assert!(letters < first || letters <= 2, "{form}: without a digit only two letters lead to one");
            }
        }
    }

    #[test]
    fn countries_are_known_or_named() {
        assert!(NationalId::of(COUNTRIES).is_ok());
        let none: [&str; 0] = [];
        assert!(NationalId::of(none).unwrap_err().starts_with("no countries: expected any of be, br"));
        assert!(NationalId::of(["de", "xx"]).unwrap_err().starts_with("no rule for `xx`: expected any of be, br"));
        assert_eq!(NationalId::of(["fr", "de", "de"]).unwrap().kinds().len(), 2);
    }

    #[test]
    fn a_number_of_several_countries_is_that_of_which_most_is_checked() {
        let found = NationalId::default().find("111222333 and 86095742719");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["national_id.nl at 0..9 (possible)", "national_id.de at 14..25 (certain)"]);
        for (number, also) in [("50051410575", "br"), ("50051400182", "pl")] {
            finds(&NationalId::of([also]).unwrap(), number, &[number]);
            assert_eq!(NationalId::default().find(number)[0].kind.as_str(), "national_id.be", "{number}");
        }
        assert_eq!(NationalId::default().name(), "national_id");
    }

    #[test]
    fn the_laws_hold() {
        let all = NationalId::default();
        keeps_the_laws(
            &all,
            &["AB 12 34 56 C and 86095742719", "X-1234567-L, 219-09-1234.", "2 55 08 14 168 025 38 12 3"],
        );
    }
}
