//! Norway: birth number (fødselsnummer), and D number.
//!
//! Eleven digits: date of birth (DDMMYY; 40 more in the day for a D number), three digits, and two check digits by weights
//! modulo 11 (Folkeregisterforskriften, § 2-2-1; Skatteetaten).

use super::super::checksum::{is_day, number, weighted};
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.no"),
    forms: &[("###########", Confidence::Certain), ("###### #####", Confidence::Certain)],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    let Some(date) = digits.get(..6).and_then(number) else { return false };
    let (day, month) = (date / 10_000, date / 100 % 100);
    let sums = [&[3, 7, 6, 1, 8, 9, 4, 5, 2, 1][..], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]];
    let has_checks = sums.iter().all(|weights| weighted(digits, weights).is_some_and(|sum| sum.is_multiple_of(11)));
    is_day(None, month, if day > 40 { day - 40 } else { day }) && has_checks
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn date_and_check_digits_are_checked() {
        tells(
            "no",
            &["15108695088", "151086 95088", "15108620061", "55018620188"],
            &["15108695077", "15108695098", "15138695058", "72108695088", "72018620031", "151086-95088", "00000000000"],
        );
    }
}
