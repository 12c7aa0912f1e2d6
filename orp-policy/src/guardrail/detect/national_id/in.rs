//! India: Aadhaar number.
//!
//! Twelve digits, the first not 0 or 1, the last a check digit by Verhoeff's scheme (Unique Identification Authority of
//! India, Aadhaar numbering scheme, 2010). Twelve digits in one piece are possibly something else.

use super::super::checksum::verhoeff;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.in"),
    forms: &[("#### #### ####", Confidence::Likely), ("############", Confidence::Possible)],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    matches!(digits.first(), Some(b'2'..=b'9')) && verhoeff(digits)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn first_and_check_digit_are_checked() {
        tells(
            "in",
            &["9999 4105 7058", "999941057058", "९९९९ ४१०५ ७०५८"],
            &["9999 4105 7059", "0999 4105 7058", "9999-4105-7058", "99994105705"],
        );
    }
}
