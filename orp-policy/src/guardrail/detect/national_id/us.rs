//! United States: social security number.
//!
//! Nine digits, 3-2-4. No area 000, 666 or 900 to 999, no group 00, no serial 0000 (Social Security Administration, POMS RM
//! 10201.035; unchanged by the randomisation of 2011). There is no check digit, so nine digits in one piece are not found.
//! Two numbers were printed in advertisements and belong to no one: 078-05-1120, 219-09-9999.

use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.us"),
    forms: &[("###-##-####", Confidence::Likely), ("### ## ####", Confidence::Possible)],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    let [area @ .., _, _, _, _, _, _] = digits else { return false };
    let [_, _, _, group @ .., _, _, _, _] = digits else { return false };
    !matches!(area, b"000" | b"666" | [b'9', ..])
        && group != b"00"
        && !digits.ends_with(b"0000")
        && !matches!(digits, b"078051120" | b"219099999")
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn allocation_is_checked() {
        tells(
            "us",
            &["219-09-1234", "899-01-0001", "001-01-0001", "665-99-9999", "219 09 1234", "219\u{2011}09\u{2011}1234"],
            &[
                "000-12-3456",
                "666-12-3456",
                "900-12-3456",
                "999-12-3456",
                "219-00-1234",
                "219-09-0000",
                "078-05-1120",
                "219-09-9999",
                "219091234",
                "219-091-234",
                "219-09 1234",
            ],
        );
    }
}
