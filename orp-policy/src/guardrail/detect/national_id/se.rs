//! Sweden: personal identity number (personnummer), and coordination number.
//!
//! Date of birth (YYMMDD or YYYYMMDD; 60 more in the day for a coordination number), `-` or, from a hundred years on, `+`,
//! three digits and a check digit (Luhn, over the ten digits without the century) (Folkbokföringslag 1991:481, § 18;
//! Skatteverket, SKV 704). Ten digits in one piece are found, too, but are possibly something else.

use super::super::checksum::{is_day, luhn, number};
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.se"),
    forms: &[
        ("######-####", Confidence::Likely),
        ("######+####", Confidence::Likely),
        ("########-####", Confidence::Likely),
        ("############", Confidence::Likely),
        ("##########", Confidence::Possible),
    ],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    let (century, ten) = digits.split_at_checked(digits.len().saturating_sub(10)).unwrap_or_default();
    let Some(date) = ten.get(..6).and_then(number) else { return false };
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    let year = match century {
        b"18" | b"19" | b"20" => number(century).map(|century| century * 100 + year),
        b"" => None,
        _ => return false,
    };
    is_day(year, month, if day > 60 { day - 60 } else { day }) && luhn(ten)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn date_and_check_digit_are_checked() {
        tells(
            "se",
            &[
                "811228-9874",
                "19811228-9874",
                "198112289874",
                "8112289874",
                "670919-9530",
                "640823+3234",
                "701063-2391",
                "701091-2397",
                "19960229-1230",
                "20000229-1235",
            ],
            &[
                "811228-9875",
                "811328-9873",
                "20000230-1234",
                "17811228-9874",
                "811228 9874",
                "19000229-1235",
                "19970229-1239",
                "701092-2396",
                "81122898740",
            ],
        );
    }
}
