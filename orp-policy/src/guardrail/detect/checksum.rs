//! Check digits, over characters as ASCII. Anything that is no digit where one must be fails.

/// The value of a digit.
fn digit(character: u8) -> Option<u32> {
    char::from(character).to_digit(10)
}

/// The number these digits write; `None` for other characters, and from twenty digits on.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |sum, character| sum.checked_mul(10)?.checked_add(digit(*character)?.into()))
}

/// The digits times their weights, summed; `None` for other characters.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> Option<u32> {
    digits.iter().zip(weights).try_fold(0, |sum, (character, weight)| Some(sum + digit(*character)? * weight))
}

/// ISO/IEC 7812-1, annex B (Luhn): every second digit from the right is doubled, the digits' sum ends with 0.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().try_fold(0, |sum, (at, character)| {
        let value = digit(*character)? << (at % 2);
        Some(sum + value / 10 + value % 10)
    });
    sum.is_some_and(|sum| sum % 10 == 0)
}

/// ISO 7064, MOD 97-10: letters count from A = 10; the remainder is 1.
pub(super) fn mod_97_10<'c>(characters: impl IntoIterator<Item = &'c u8>) -> bool {
    let rest = characters.into_iter().try_fold(0, |rest, character| {
        let value = char::from(*character).to_digit(36)?;
        let scale = if value < 10 { 10 } else { 100 };
        Some((rest * scale + value) % 97)
    });
    rest == Some(1)
}

/// ISO 7064, MOD 11,10: the last of the digits is the check digit.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, digits)) = digits.split_last() else { return false };
    let product = digits.iter().try_fold(10, |product, character| {
        let sum = match (digit(*character)? + product) % 10 {
            0 => 10,
            sum => sum,
        };
        Some(sum * 2 % 11)
    });
    product.zip(digit(*check)).is_some_and(|(product, check)| (11 - product) % 10 == check)
}

/// ISO 7064, MOD 11-2: the last is the check character, X for ten.
pub(super) fn mod_11_2(characters: &[u8]) -> bool {
    let Some((check, digits)) = characters.split_last() else { return false };
    let check = if *check == b'X' { Some(10) } else { digit(*check) };
    let sum = digits.iter().try_fold(0, |sum, character| Some((sum + digit(*character)?) * 2 % 11));
    sum.zip(check).is_some_and(|(sum, check)| (sum + check) % 11 == 1)
}

/// Verhoeff (1969): the digits through the dihedral group of order ten, permuted by place.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTED: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    /// Turns are 0 to 4, turns of the mirror image 5 to 9.
    const fn product(one: u32, other: u32) -> u32 {
        match (one < 5, other < 5) {
            (true, true) => (one + other) % 5,
            (true, false) => (one + other) % 5 + 5,
            (false, true) => (one + 5 - other) % 5 + 5,
            (false, false) => (one + 5 - other) % 5,
        }
    }
    let check = digits.iter().rev().enumerate().try_fold(0, |check, (place, character)| {
        let permuted = (0..place % 8).try_fold(digit(*character)?, |value, _| PERMUTED.get(value as usize).copied());
        Some(product(check, permuted?))
    });
    check == Some(0)
}

/// Whether there is such a day: February has 29 where the year is not told.
pub(super) fn is_day(year: Option<u64>, month: u64, day: u64) -> bool {
    let leap =
        year.is_none_or(|year| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)));
    let last = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every single digit changed is noticed.
    fn notices(check: impl Fn(&[u8]) -> bool, valid: &str) {
        assert!(check(valid.as_bytes()), "{valid}");
        for at in 0..valid.len() {
            for other in b'0'..=b'9' {
                let mut changed = valid.as_bytes().to_vec();
                changed[at] = other;
                assert_eq!(check(&changed), changed == valid.as_bytes(), "{valid} with {} at {at}", char::from(other));
            }
        }
        assert!(!check(b"A"));
    }

    #[test]
    fn single_mistakes_are_noticed() {
        notices(luhn, "79927398713");
        notices(mod_11_10, "86095742719");
        notices(mod_11_2, "11010519491231002X");
        notices(verhoeff, "2363");
        notices(verhoeff, "123451");
        notices(|text| mod_97_10(text), "3214282912345698765432161182");
    }

    #[test]
    fn neighbours_exchanged_are_noticed_by_verhoeff() {
        for (text, is_valid) in [("999941057058", true), ("999941057085", false), ("999940157058", false)] {
            assert_eq!(verhoeff(text.as_bytes()), is_valid, "{text}");
        }
    }

    #[test]
    fn numbers_and_sums() {
        assert_eq!(number(b"0120"), Some(120));
        assert_eq!((number(b"1A"), number(&[b'9'; 20])), (None, None));
        assert_eq!((weighted(b"123", &[1, 10, 100]), weighted(b"1A", &[1, 1])), (Some(321), None));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (year, month, day, is) in [
            (Some(2024), 2, 29, true),
            (Some(2023), 2, 29, false),
            (Some(1900), 2, 29, false),
            (Some(2000), 2, 29, true),
            (None, 2, 29, true),
            (None, 2, 30, false),
            (None, 4, 31, false),
            (None, 12, 31, true),
            (None, 13, 1, false),
            (None, 0, 1, false),
            (None, 1, 0, false),
            (None, 1, 32, false),
        ] {
            assert_eq!(is_day(year, month, day), is, "{year:?} {month} {day}");
        }
    }
}
