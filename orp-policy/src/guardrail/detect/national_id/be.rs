//! Belgium: national register number (rijksregisternummer), and number in the BIS register.
//!
//! Eleven digits: date of birth (YYMMDD), a serial number, and 97 less the first nine digits modulo 97, with a 2 before them
//! for those born from 2000 on. A month or a day may be 0; in the BIS register 20 or 40 is added to the month (Arrêté royal
//! du 3 avril 1984; Arrêté royal du 8 février 1991).

use super::super::checksum::number;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.be"),
    forms: &[
        ("###########", Confidence::Certain),
        ("##.##.##-###.##", Confidence::Certain),
        ("##.##.##-###-##", Confidence::Certain),
        ("######-###-##", Confidence::Certain),
        ("######-###.##", Confidence::Certain),
        ("## ## ## ### ##", Confidence::Certain),
    ],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    let Some((person, check)) = digits.split_last_chunk::<2>() else { return false };
    let (Some(person), Some(check)) = (number(person), number(check)) else { return false };
    let (month, day, serial) = (person / 100_000 % 100, person / 1_000 % 100, person % 1_000);
    let is_person = month % 20 <= 12 && month < 60 && day <= 31 && (1..=998).contains(&serial);
    is_person && [person, person + 2_000_000_000].iter().any(|person| 97 - person % 97 == check)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn date_and_check_digits_are_checked() {
        tells(
            "be",
            &[
                "85073003328",
                "85.07.30-033.28",
                "85.07.30-033-28",
                "850730-033-28",
                "17073003384",
                "00012556777",
                "98472899765",
                "40000100133",
            ],
            &[
                "85073003329",
                "85133003370",
                "85073200197",
                "85600003338",
                "85 07 30 033",
                "85.07.30.033.28",
                "00000000096",
            ],
        );
    }
}
