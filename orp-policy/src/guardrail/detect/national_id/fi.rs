//! Finland: personal identity code (henkilötunnus).
//!
//! Date of birth (DDMMYY), a sign for the century (`+` for 18xx, `-` and U to Y for 19xx, A to F for 20xx), three digits from
//! 002 on (900 to 999 are temporary), and a check character: the nine digits modulo 31 (Laki väestötietojärjestelmästä
//! 661/2009; Asetus 128/2010, § 2 and 3).

use super::super::checksum::{is_day, number};
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.fi"),
    forms: &[
        ("######-###*", Confidence::Certain),
        ("######+###*", Confidence::Certain),
        ("######A###*", Confidence::Certain),
    ],
    is_valid,
};

fn is_valid(characters: &[u8]) -> bool {
    // The sign is among the characters when it is a letter.
    let (date, rest) = characters.split_at_checked(6).unwrap_or_default();
    let (serial, check) = match rest {
        [b'A'..=b'F' | b'U'..=b'Y', serial @ .., check] if serial.len() == 3 => (serial, check),
        [serial @ .., check] if serial.len() == 3 => (serial, check),
        _ => return false,
    };
    let (Some(date), Some(serial)) = (number(date), number(serial)) else { return false };
    let place = ((date * 1_000 + serial) % 31) as usize;
    is_day(None, date / 100 % 100, date / 10_000)
        && serial >= 2
        && b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(place) == Some(check)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn date_and_check_character_are_checked() {
        tells(
            "fi",
            &["131052-308T", "131052+308T", "131052A308T", "131052y308t"],
            &["131052-308U", "131352-3087", "131052G308T", "131052 308T", "131052-000V", "131052-001W"],
        );
    }
}
