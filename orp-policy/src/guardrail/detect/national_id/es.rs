//! Spain: DNI of citizens, NIE of foreigners.
//!
//! Eight digits, or X, Y or Z (for 0, 1 and 2) and seven, and a letter: the number modulo 23 in `TRWAGMYFPDXBNJZSQVHLCKE`
//! (Real Decreto 1553/2005, Orden INT/2058/2008; Ministerio del Interior).

use super::super::checksum::number;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.es"),
    forms: &[
        ("########A", Confidence::Likely),
        ("########-A", Confidence::Likely),
        ("########.A", Confidence::Likely),
        ("######## A", Confidence::Possible),
        ("##.###.###-A", Confidence::Likely),
        ("##.###.###A", Confidence::Likely),
        ("A#######A", Confidence::Likely),
        ("A-#######-A", Confidence::Likely),
        ("A-#######A", Confidence::Likely),
    ],
    is_valid,
};

fn is_valid(characters: &[u8]) -> bool {
    let Some((letter, digits)) = characters.split_last() else { return false };
    let mut digits = digits.to_vec();
    if let Some(first @ b'X'..=b'Z') = digits.first_mut() {
        *first = *first - b'X' + b'0';
    }
    let rest = number(&digits).map(|number| (number % 23) as usize);
    rest.is_some_and(|rest| b"TRWAGMYFPDXBNJZSQVHLCKE".get(rest) == Some(letter))
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn the_letter_is_checked() {
        tells(
            "es",
            &[
                "12345678Z",
                "12345678-Z",
                "12.345.678-Z",
                "12345678 z",
                "00000000T",
                "X1234567L",
                "X-1234567-L",
                "Y1234567X",
                "Z1234567R",
            ],
            &["12345678A", "W1234567L", "1234567Z", "X1234567A", "12.345.678", "XX1234567L"],
        );
    }
}
