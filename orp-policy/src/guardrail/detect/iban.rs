//! International bank account numbers.
//!
//! ISO 13616-1: a country, two check digits, and the country's account number, of the length that the country has entered in
//! the IBAN registry (SWIFT, release 100); checked by ISO 7064 MOD 97-10, so that one text in 97 of that form passes, and
//! none with a single character changed. Written in one piece or in groups with single spaces or hyphens between, in upper
//! or lower case.

use super::checksum::mod_97_10;
use super::detector;
use super::number::{Beginning, Code, Number, Numbers};
use super::symbol::{Reader, Symbol};
use orp_core::contract::{Confidence, FindingKind};

const IBAN: FindingKind = FindingKind::from_static("iban");

/// Finds international bank account numbers.
///
/// ```
/// use orp_core::contract::Detector;
/// use orp_policy::guardrail::detect::Iban;
///
/// let found = Iban.find("Pay to DE89 3704 0044 0532 0130 00, not to DE88 3704 0044 0532 0130 00.");
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].to_string(), "iban at 7..34 (certain)");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Iban;

detector!(Iban, "iban", [IBAN]);

/// How long a country's IBANs are, in letters and digits; 0 for a country without.
const fn length(country: [u8; 2]) -> usize {
    match &country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"FK" | b"FO" | b"GL" | b"NL" | b"SD" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"MN" | b"XK" => 20,
        b"CH" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"CR" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" | b"VA" => 22,
        b"AE" | b"GI" | b"IL" | b"IQ" | b"OM" | b"SO" | b"TL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"VG" => 24,
        b"LY" | b"PT" | b"ST" => 25,
        b"IS" | b"TR" => 26,
        b"BI" | b"DJ" | b"FR" | b"GR" | b"IT" | b"MC" | b"MR" | b"SM" => 27,
        b"AL" | b"AZ" | b"BY" | b"CY" | b"DO" | b"GT" | b"HN" | b"HU" | b"LB" | b"NI" | b"PL" | b"SV" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" | b"YE" => 30,
        b"MT" | b"SC" => 31,
        b"LC" => 32,
        b"RU" => 33,
        _ => 0,
    }
}

impl Numbers for Iban {
    fn read(&self, reader: &mut Reader<'_>, _at: &Beginning) -> Option<Number> {
        let (Symbol::Letter(first), Symbol::Letter(second)) = (reader.read(), reader.read()) else { return None };
        let (tens, ones) = (reader.digit()?, reader.digit()?);
        let mut code = Code::default();
        for character in [first, second, tens, ones] {
            code.push(character)?;
        }
        for _ in 4..length([first, second]) {
            if matches!(reader.peek(), Symbol::Space | Symbol::Hyphen) {
                reader.read();
            }
            match reader.read() {
                Symbol::Digit(character) | Symbol::Letter(character) => code.push(character)?,
                _ => return None,
            }
        }
        let (country, account) = code.as_bytes().split_at_checked(4).filter(|(_, account)| !account.is_empty())?;
        // 00, 01 and 99 would pass as well as 97, 98 and 02.
        let is_valid = (b"02"..=b"98").contains(&&[tens, ones]) && mod_97_10(account.iter().chain(country));
        (is_valid && reader.ends()).then_some((reader.at, IBAN, Confidence::Certain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrail::detect::tests::{finds, keeps_the_laws};

    /// Examples of the registry.
    const VALID: [&str; 20] = [
        "AD1200012030200359100100",
        "AE070331234567890123456",
        "AT611904300234573201",
        "BE68539007547034",
        "BR1800360305000010009795493C1",
        "CH9300762011623852957",
        "DE89370400440532013000",
        "FR1420041010050500013M02606",
        "GB29NWBK60161331926819",
        "JO94CBJO0010000000000131000302",
        "LC55HEMM000100010012001200023015",
        "MT84MALT011000012345MTLCAST001S",
        "NL91ABNA0417164300",
        "NO9386011117947",
        "PL61109010140000071219812874",
        "PT50000201231234567890154",
        "RU0304452522540817810538091310419",
        "SE4550000000058398257466",
        "SI56263300012039086",
        "TR330006100519786457841326",
    ];

    #[test]
    fn accounts_of_the_registry_are_found_however_written() {
        for iban in VALID {
            let grouped = |between: &str| {
                let groups: Vec<&str> = iban.as_bytes().chunks(4).map(|group| str::from_utf8(group).unwrap()).collect();
                groups.join(between)
            };
            for text in [iban.into(), iban.to_lowercase(), grouped(" "), grouped("\u{a0}"), grouped("-")] {
                finds(&Iban, &format!("to {text}, please"), &[&text]);
                finds(&Iban, &text, &[&text]);
            }
        }
        finds(&Iban, "账号DE８９370400440532013000。", &["DE８９370400440532013000"]);
    }

    #[test]
    fn what_is_none_is_not_found() {
        for text in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "XDE89370400440532013000",
            "DE89370400440532013000X",
            "DE89  3704 0044 0532 0130 00",
            "XX89370400440532013000",
            "DE 89 3704 0044 0532 0130 00",
            "DE89",
            "NO9386011117947.5",
        ] {
            finds(&Iban, text, &[]);
        }
    }

    #[test]
    fn check_digits_beyond_98_are_none() {
        // 02 and 99 leave the same remainder, as do 01 and 98, 00 and 97: only the first of each pair is ever given out.
        let with = |check: u32| format!("BE{check:02}000000000000");
        let found: Vec<u32> =
            (0..100).filter(|check| !crate::guardrail::detect::scan::find(&Iban, &with(*check)).is_empty()).collect();
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn the_laws_hold() {
        keeps_the_laws(&Iban, &["to DE89 3704 0044 0532 0130 00, BE68539007547034.", "NO93 8601 1117 947 and 12 DE89"]);
    }
}
