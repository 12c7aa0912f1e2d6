//! Canada: social insurance number.
//!
//! Nine digits, the first not 0 or 8, the last a check digit (Luhn); 9 is for temporary residents (Employment and Social
//! Development Canada, SIN code of practice). In one piece they are not found: one number of nine digits in ten passes.

use super::super::checksum::luhn;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.ca"),
    forms: &[("###-###-###", Confidence::Likely), ("### ### ###", Confidence::Possible)],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    !matches!(digits.first(), Some(b'0' | b'8')) && luhn(digits)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn first_and_check_digit_are_checked() {
        tells("ca", &["130-692-544", "130 692 544"], &["130-692-545", "130692544", "800-000-002", "046-454-286"]);
    }
}
