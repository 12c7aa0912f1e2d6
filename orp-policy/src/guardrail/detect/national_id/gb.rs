//! United Kingdom: national insurance number.
//!
//! Two letters, six digits, a letter from A to D. The first letter is none of D, F, I, Q, U, V, the second none of these and
//! not O; BG, GB, KN, NK, NT, TN and ZZ are not given out (HM Revenue & Customs, NIM39110).

use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.gb"),
    forms: &[
        ("AA######A", Confidence::Likely),
        ("AA ## ## ## A", Confidence::Likely),
        ("AA ###### A", Confidence::Likely),
        ("AA-##-##-##-A", Confidence::Likely),
    ],
    is_valid,
};

fn is_valid(characters: &[u8]) -> bool {
    let [first, second, .., suffix] = characters else { return false };
    !b"DFIQUV".contains(first)
        && !b"DFIOQUV".contains(second)
        && !matches!(&[*first, *second], b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ")
        && matches!(suffix, b'A'..=b'D')
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn prefixes_are_checked() {
        tells(
            "gb",
            &["AB123456C", "ab123456c", "AB 12 34 56 C", "AB 123456 D", "JG-10-37-59-A"],
            &[
                "QQ123456C",
                "AO123456C",
                "GB123456A",
                "ZZ123456A",
                "BG 12 34 56 A",
                "AB123456E",
                "AB 12 34 56",
                "AB  12 34 56 C",
                "DA123456A",
                "AF123456A",
            ],
        );
    }
}
