//! Payment cards.
//!
//! ISO/IEC 7812-1: an issuer number, an account number and a check digit (Luhn), which one number in ten passes. Issuers'
//! ranges and lengths are those the networks publish: Visa, Mastercard, American Express, Diners Club, Discover, JCB,
//! UnionPay, Maestro, Mir, RuPay, Troy. Written in one piece, or in the groups printed on cards (4-4-4-4, 4-4-4-4-3, 4-6-5,
//! 4-6-4) with the same single space, hyphen or dot between: numbers in other groups are more often rows of a table.

use super::checksum::{luhn, number};
use super::detector;
use super::number::{Beginning, Number, Numbers, look_for};
use super::symbol::{Reader, Symbol};
use orp_core::contract::{Confidence, FindingKind};

const CARD: FindingKind = FindingKind::from_static("card");

/// Finds payment card numbers.
///
/// ```
/// use orp_core::contract::Detector;
/// use orp_policy::guardrail::detect::Card;
///
/// let found = Card.find("paid with 4111 1111 1111 1111, order 4111 1111 1111 1112");
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].to_string(), "card at 10..29 (likely)");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Card;

detector!(Card, "card", [CARD]);

/// The forms in groups, by what stands between; the longest first, since a card's number may go on.
const SPACED: [&str; 4] = ["#### #### #### #### ###", "#### #### #### ####", "#### ###### #####", "#### ###### ####"];
const HYPHENED: [&str; 4] = ["####-####-####-####-###", "####-####-####-####", "####-######-#####", "####-######-####"];
const DOTTED: [&str; 4] = ["####.####.####.####.###", "####.####.####.####", "####.######.#####", "####.######.####"];
const LONGEST: &str = "###################";

impl Numbers for Card {
    fn read(&self, reader: &mut Reader<'_>, at: &Beginning) -> Option<Number> {
        let forms: &[&str] = match (at.length, at.behind) {
            (4, Symbol::Space) => &SPACED,
            (4, Symbol::Hyphen) => &HYPHENED,
            (4, Symbol::Dot) => &DOTTED,
            (13..=19, _) => &[LONGEST.get(..at.length)?],
            _ => return None,
        };
        forms.iter().find_map(|form| {
            let (code, end) = look_for(reader, form)?;
            let is_card = is_issued(code.as_bytes()) && luhn(code.as_bytes());
            is_card.then_some((end, CARD, Confidence::Likely))
        })
    }
}

/// Whether a network gives out such numbers: by their first six digits and their length.
fn is_issued(digits: &[u8]) -> bool {
    let Some(issuer) = digits.get(..6).and_then(number) else { return false };
    match (issuer, digits.len()) {
        // Visa.
        (400_000..=499_999, 13 | 16 | 19) => true,
        // Mastercard.
        (510_000..=559_999 | 222_100..=272_099, 16) => true,
        // American Express.
        (340_000..=349_999 | 370_000..=379_999, 15) => true,
        // Diners Club.
        (300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999, 14..=19) => true,
        // Discover.
        (601_100..=601_199 | 644_000..=659_999, 16..=19) => true,
        // JCB.
        (352_800..=358_999, 16..=19) => true,
        // UnionPay.
        (620_000..=629_999 | 810_000..=817_199, 16..=19) => true,
        // Maestro.
        (501_800..=501_899 | 502_000..=502_099 | 503_800..=503_899 | 589_300..=589_399, 13..=19) => true,
        (630_400..=630_499 | 675_900..=675_999 | 676_100..=676_399, 13..=19) => true,
        // Mir.
        (220_000..=220_499, 16..=19) => true,
        // RuPay.
        (508_500..=508_999 | 606_985..=607_984 | 608_001..=608_500 | 817_200..=820_199, 16) => true,
        // Troy.
        (979_200..=979_299, 16) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrail::detect::tests::{finds, keeps_the_laws};

    /// Numbers that networks and payment services publish for tests.
    const VALID: [&str; 16] = [
        "4111111111111111",
        "4222222222222",
        "4000000000000000006",
        "5555555555554444",
        "2223003122003222",
        "2720992593319364",
        "378282246310005",
        "341111111111111",
        "30569309025904",
        "36227206271667",
        "6011111111111117",
        "6445644564456445",
        "3530111333300000",
        "6200000000000005",
        "6759649826438453",
        "2200000000000004",
    ];

    #[test]
    fn numbers_of_every_network_are_found() {
        for card in VALID {
            finds(&Card, &format!("card:{card},"), &[card]);
            finds(&Card, card, &[card]);
        }
        let full_width = "卡号４１１１１１１１１１１１１１１１。";
        finds(&Card, full_width, &[full_width.trim_matches(['卡', '号', '。'])]);
    }

    #[test]
    fn groups_are_those_printed_on_cards() {
        for text in [
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111.1111.1111.1111",
            "4111\u{202f}1111\u{202f}1111\u{202f}1111",
            "4111\u{200b}1111\u{200b}1111\u{200b}1111",
            "3782 822463 10005",
            "3782-822463-10005",
            "3056 930902 5904",
            "4000 0000 0000 0000 006",
        ] {
            finds(&Card, &format!("a 12 {text} 12"), &[text]);
        }
        for text in [
            "4111 1111-1111 1111",
            "41111111 11111111",
            "4111  1111 1111 1111",
            "4111\t1111 1111 1111",
            "411 1111 1111 11111",
        ] {
            finds(&Card, text, &[]);
        }
    }

    #[test]
    fn what_is_none_is_not_found() {
        for text in [
            "4111111111111112",
            "41111111111111111",
            "411111111111111",
            "x4111111111111111",
            "é4111111111111111",
            "4111111111111111x",
            "4111111111111111_".trim_end_matches('_').repeat(2).as_str(),
            "0.4111111111111111",
            "4111111111111111.5",
            "7111111111111111",
            "1234567812345670",
            "0000000000000000",
            "4",
        ] {
            finds(&Card, text, &[]);
        }
    }

    #[test]
    fn ranges_end_where_networks_say() {
        for (issuer, length, is) in [
            ("399999", 16, true),
            ("499999", 16, true),
            ("500000", 16, false),
            ("510000", 16, true),
            ("509999", 16, false),
            ("559999", 16, true),
            ("560000", 16, false),
            ("222099", 16, false),
            ("222100", 16, true),
            ("272099", 16, true),
            ("272100", 16, false),
            ("352799", 16, false),
            ("358999", 16, true),
            ("340000", 16, false),
            ("400000", 15, false),
            ("510000", 19, false),
            ("36", 14, false),
            ("501799", 16, false),
            ("501800", 13, true),
            ("502099", 19, true),
            ("503900", 16, false),
            ("589399", 16, true),
            ("508499", 16, false),
            ("508500", 16, true),
            ("607984", 16, true),
            ("608001", 16, true),
            ("820199", 16, true),
            ("820200", 16, false),
            ("979199", 16, false),
            ("979200", 16, true),
            ("979300", 16, false),
        ] {
            let digits = format!("{issuer:0<length$}");
            let digits = if issuer.len() < 6 { issuer.to_owned() } else { digits };
            assert_eq!(is_issued(digits.as_bytes()), is, "{digits}");
        }
    }

    #[test]
    fn the_laws_hold() {
        keeps_the_laws(&Card, &["4111 1111 1111 1111 and 378282246310005.", "4000 0000 0000 0000 006, 4222222222222"]);
    }
}
