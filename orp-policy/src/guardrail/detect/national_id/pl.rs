//! Poland: PESEL.
//!
//! Eleven digits: date of birth (YYMMDD; the month tells the century: 80 more for 18xx, 20 for 20xx, 40 for 21xx, 60 for
//! 22xx), four digits, and a check digit with weights 1, 3, 7, 9 (Ustawa z dnia 24 września 2010 r. o ewidencji ludności,
//! art. 15).

use super::super::checksum::{is_day, number, weighted};
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.pl"),
    forms: &[("###########", Confidence::Likely)],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    let Some(date) = digits.get(..6).and_then(number) else { return false };
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    let century = [1900, 2000, 2100, 2200, 1800].get((month / 20) as usize).copied().unwrap_or_default();
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    is_day(Some(century + year), month % 20, day) && sum.is_some_and(|sum| sum % 10 == 0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn date_and_check_digit_are_checked() {
        tells(
            "pl",
            &["44051401359", "02070803628", "02270803624", "00222912349", "04022912341"],
            &[
                "44051401358",
                "44131401350",
                "44053201353",
                "4405140135",
                "00000000000",
                // The 29th of February of 1900, 2100, 2200, 1800 and 1903.
                "00022912343",
                "00422912345",
                "00622912341",
                "00822912347",
                "03022912344",
            ],
        );
    }
}
