//! Netherlands: citizen service number (burgerservicenummer).
//!
//! Nine digits; with weights 9 to 2 and −1 their sum is divisible by 11, and not all are 0 (Wet algemene bepalingen
//! burgerservicenummer; Besluit BSN, artikel 6: elfproef).

use super::super::checksum::weighted;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.nl"),
    forms: &[
        ("#########", Confidence::Possible),
        ("### ### ###", Confidence::Possible),
        ("####.##.###", Confidence::Likely),
        ("####-##-###", Confidence::Likely),
    ],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    // −1 is 10, modulo 11.
    weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 10]).is_some_and(|sum| sum > 0 && sum.is_multiple_of(11))
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn the_proof_of_eleven_is_checked() {
        tells(
            "nl",
            &["111222333", "123456782", "123 456 782", "1112.22.333", "1112-22-333"],
            &["111222334", "000000000", "123456789", "12345678", "1.112.22.333"],
        );
    }
}
