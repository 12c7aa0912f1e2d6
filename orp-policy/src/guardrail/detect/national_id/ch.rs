//! Switzerland: social security number (AHV/AVS).
//!
//! Thirteen digits: the country's 756, nine more, and a check digit as of EAN-13 (Zentrale Ausgleichsstelle; AHVV, art. 133).

use super::super::checksum::weighted;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.ch"),
    forms: &[("###.####.####.##", Confidence::Certain), ("#############", Confidence::Certain)],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    digits.starts_with(b"756") && sum.is_some_and(|sum| sum % 10 == 0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn country_and_check_digit_are_checked() {
        tells(
            "ch",
            &["756.9217.0769.85", "7569217076985"],
            &["756.9217.0769.84", "757.9217.0769.82", "756 9217 0769 85", "756921707698"],
        );
    }
}
