//! France: number of inscription in the register of persons (NIR, social security number).
//!
//! Thirteen characters and a key of two digits: sex, year, month, department, commune, order; the key is 97 less the number
//! modulo 97, where Corsica's 2A counts as 19 and 2B as 18 (INSEE; Code de la sécurité sociale, R. 115-1 and 2). A number
//! without its key is not found.

use super::super::checksum::number;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.fr"),
    forms: &[
        ("######*########", Confidence::Certain),
        ("# ## ## #* ### ### ##", Confidence::Certain),
        ("######*###### ##", Confidence::Certain),
    ],
    is_valid,
};

fn is_valid(characters: &[u8]) -> bool {
    let Some((person, key)) = characters.split_last_chunk::<2>() else { return false };
    let mut person = person.to_vec();
    if let [_, _, _, _, _, b'2', corsica @ (b'A' | b'B'), ..] = person.as_mut_slice() {
        let number = if *corsica == b'A' { *b"19" } else { *b"18" };
        person.splice(5..7, number);
    }
    let (Some(all), Some(key)) = (number(&person), number(key)) else { return false };
    let month = person.get(3..5).and_then(number).unwrap_or_default();
    // Sex 1 or 2, 3 or 4 for those born abroad with a number under way, 7 or 8 for provisional ones. Months beyond 12 stand
    // for births whose month is not known.
    let is_person =
        matches!(person.first(), Some(b'1'..=b'4' | b'7' | b'8')) && matches!(month, 1..=12 | 20..=42 | 50..=99);
    is_person && (1..=97).contains(&key) && all % 97 == 97 - key
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn key_and_month_are_checked() {
        tells(
            "fr",
            &[
                "255081416802538",
                "2 55 08 14 168 025 38",
                "2550814168025 38",
                "185057800608491",
                "255082A16802597",
                "2 55 08 2A 168 025 97",
            ],
            &["255081416802539", "955081416802576", "2550814168025", "255131416802521", "255082C16802597"],
        );
    }
}
