//! Italy: fiscal code (codice fiscale).
//!
//! Sixteen characters: three consonants each of surname and name, year, a letter for the month, day (and 40 for women), a
//! letter and three digits for the place, a check letter; where two persons would have the same code, digits are replaced by
//! letters from the last on (omocodia; a code whose seven digits are all replaced is not found). The check letter is the sum, modulo 26, of values by place (Decreto ministeriale 23
//! dicembre 1976, n. 13813).

use super::super::checksum::{is_day, number};
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.it"),
    forms: &[("AAAAAA**A**A***A", Confidence::Certain)],
    is_valid,
};

/// The values of A to Z, and of 0 to 9, in odd places, counted from one.
const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

fn is_valid(code: &[u8]) -> bool {
    let Some((check, characters)) = code.split_last() else { return false };
    // 0 to 9 count as A to J.
    let value = |character: u8| {
        char::from(character).to_digit(36).map_or(0, |value| if value < 10 { value } else { value - 10 })
    };
    let values = characters.iter().enumerate().map(|(at, character)| {
        let value = value(*character);
        if at % 2 == 0 { ODD.get(value as usize).copied().unwrap_or_default() } else { value }
    });
    values.sum::<u32>() % 26 == value(*check) && is_person(code)
}

/// Whether month and day are some, in digits or in the letters that stand for them.
fn is_person(code: &[u8]) -> bool {
    let digit = |character: &u8| match character {
        b'0'..=b'9' => Some(*character),
        letter => b"LMNPQRSTUV".iter().position(|known| known == letter).map(|value| b'0' + value as u8),
    };
    let digits = |from, to| -> Option<u64> {
        let digits: Option<Vec<u8>> = code.get(from..to)?.iter().map(digit).collect();
        number(&digits?)
    };
    let month = code.get(8).and_then(|letter| b"ABCDEHLMPRST".iter().position(|known| known == letter));
    let (Some(_), Some(month), Some(day), Some(_)) = (digits(6, 8), month, digits(9, 11), digits(12, 15)) else {
        return false;
    };
    is_day(None, month as u64 + 1, if day > 40 { day - 40 } else { day })
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn check_letter_month_and_day_are_checked() {
        tells(
            "it",
            &[
                "RSSMRA85T10A562S",
                "RSSMRA85A10A562F",
                "RSSMRA85T71A562X",
                "rssmra85t10a562s",
                "MRTMTT91D08F205J",
                "RSSMRA85T50A562W",
                "RSSMRA85T10A56NH",
                "RSSMRA85T10A5SNT",
            ],
            &[
                "RSSMRA85T10A562T",
                "RSSMRA85F10A562R",
                "RSSMRA85T32A562Y",
                "RSSMRA85T72A562C",
                "RSSMRA85B30A562G",
                "RSSMRA85T10A56AO",
                "RSSMR185T10A562S",
                "RSSMRA85T10A562",
            ],
        );
    }
}
