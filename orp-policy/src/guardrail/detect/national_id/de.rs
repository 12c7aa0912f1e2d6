//! Germany: tax identification number (Steuer-Identifikationsnummer).
//!
//! Eleven digits, the first not 0, the last a check digit by ISO 7064 MOD 11,10. Of the first ten, one digit stands twice or
//! three times (three times not in a row), every other at most once (Bundeszentralamt für Steuern; § 139b AO, § 1 StIdV).

use super::super::checksum::mod_11_10;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.de"),
    forms: &[("###########", Confidence::Certain), ("## ### ### ###", Confidence::Certain)],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    let Some((_, number)) = digits.split_last() else { return false };
    let times = |digit: u8| number.iter().filter(|other| **other == digit).count();
    let repeated: Vec<u8> = (b'0'..=b'9').filter(|digit| times(*digit) > 1).collect();
    let in_a_row = number.windows(3).any(|three| matches!(three, [one, two, last] if one == two && two == last));
    let [one] = repeated.as_slice() else { return false };
    number.first() != Some(&b'0') && times(*one) <= 3 && !in_a_row && mod_11_10(digits)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn repetition_and_check_digit_are_checked() {
        tells(
            "de",
            &["86095742719", "86 095 742 719", "57549285017", "25768131411"],
            // A check digit, a first 0, no digit twice, two digits twice, one four times, one three times in a row.
            &[
                "86095742718",
                "01234567888",
                "12345678903",
                "11223456785",
                "11213145674",
                "11123456786",
                "860 957 427 19",
            ],
        );
    }
}
