//! China: resident identity number.
//!
//! Eighteen characters: administrative division, date of birth (YYYYMMDD), three digits, a check character by ISO 7064 MOD
//! 11-2 (GB 11643-1999; divisions by GB/T 2260: 11 to 82).

use super::super::checksum::{is_day, mod_11_2, number};
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.cn"),
    forms: &[("#################*", Confidence::Certain), ("###### ######## ###*", Confidence::Certain)],
    is_valid,
};

fn is_valid(characters: &[u8]) -> bool {
    let part = |from: usize, to: usize| characters.get(from..to).and_then(number).unwrap_or_default();
    let is_division = matches!(part(0, 2), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    let year = part(6, 10);
    is_division
        && (1800..2200).contains(&year)
        && is_day(Some(year), part(10, 12), part(12, 14))
        && mod_11_2(characters)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn division_date_and_check_character_are_checked() {
        tells(
            "cn",
            &["11010519491231002X", "11010519491231002x", "110105194912310038", "110105 19491231 002X"],
            &[
                "110105194912310021",
                "010105194912310026",
                "110105194913310021",
                "110105174912310021",
                "1101051949123100",
            ],
        );
        let ids = super::super::NationalId::of(["cn"]).unwrap();
        crate::guardrail::detect::tests::finds(&ids, "身份证号11010519491231002X。", &["11010519491231002X"]);
    }
}
