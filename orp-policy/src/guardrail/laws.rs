//! The laws of guardrails, on random texts, and of the built-in detectors, on numbers made by their rules.
//!
//! The check digits here are reckoned as their sources write them, apart from the code that is tried.

use super::detect::{Card, Iban, NationalId};
use super::*;
use orp_core::contract::{Detector, Finding};
use orp_core::id::RuleId;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::borrow::Cow;

/// What one of the built-in detectors finds, or nearly.
const TELLING: [&str; 46] = [
    "ada@example.org",
    "o'b.x+1@a.co.uk",
    "@b.co",
    "é@ü.de",
    "DE89 3704 0044 0532 0130 00",
    "BE68539007547034",
    "NO93 8601 1117 947",
    "4111 1111 1111 1111",
    "378282246310005",
    "4000 0000 0000 0000 006",
    "6200-0000-0000-0005",
    "+49 30 123456",
    "(212) 555-0100",
    "030/123 45 67",
    "01.23.45.67.89",
    "13800138000",
    "+1 (212) 555-0100",
    "0049 30 123456",
    "AB 12 34 56 C",
    "219-09-1234",
    "86 095 742 719",
    "X-1234567-L",
    "12345678Z",
    "RSSMRA85T10A562S",
    "111222333",
    "85.07.30-033.28",
    "811228-9874",
    "11010519491231002X",
    "9999 4105 7058",
    "111.444.777-35",
    "131052A308T",
    "756.9217.0769.85",
    "10.0.0.1",
    "2001:db8::1",
    "1:2:3:4:5:6:7:8",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.a-b_c",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "password=hunter2",
    "\"api key\": \"abc123x\"",
    "token: a1b2c3d4",
    "https://user:pass@host.example:8080/p?q=1",
    "[email]",
    "[national_id.de]",
    "2024-01-02T10:30:45.123456Z",
];

/// What may stand around and between.
const BETWEEN: [&str; 30] = [
    "", " ", " ", "  ", "\n", "\t", ".", ",", ";", ":", "-", "_", "+", "/", "=", "@", "(", ")", "[", "]", "'", "\"",
    "\\n", "\u{a0}", "\u{200b}", "电", "é", "４", "x", "7",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => select(TELLING.to_vec()).prop_map(str::to_owned),
        6 => select(BETWEEN.to_vec()).prop_map(str::to_owned),
        // A piece of something telling, with another character in it.
        3 => (select(TELLING.to_vec()), 0.0..1.0, 0.0..1.0, select(BETWEEN.to_vec())).prop_map(|(text, from, to, put)| {
            let place = |share: f64| text.floor_char_boundary((share * text.len() as f64) as usize);
            let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
            format!("{}{put}{}", &text[from..to], &text[to..])
        }),
        2 => "[0-9]{1,20}",
        2 => "[0-9A-Fa-f.: -]{1,24}",
        2 => "[a-z]{1,8}",
        1 => "(?s).{0,4}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn compile(id: &str, spec: &GuardrailSpec) -> Guardrail {
    Guardrail::compile(RuleId::new(id).unwrap(), spec, &Detectors::builtin()).unwrap()
}

fn everything(action: Action) -> GuardrailSpec {
    let all = Detectors::builtin();
    GuardrailSpec::new([Channel::Output], all.names().map(DetectorSpec::new), action)
}

/// All detectors' findings, each detector's in order.
fn find_all(text: &str) -> Vec<(usize, Vec<Finding>)> {
    let all = Detectors::builtin();
    let find = |name: &str| all.get(&DetectorSpec::new(name)).unwrap().find(text);
    all.names().map(find).enumerate().collect()
}

fn specs() -> impl Strategy<Value = Vec<GuardrailSpec>> {
    let names: Vec<String> = Detectors::builtin().names().map(str::to_owned).collect();
    let action = select(vec![Action::Mask, Action::Mask, Action::Mask, Action::Drop, Action::Ask, Action::Block]);
    let spec =
        (proptest::sample::subsequence(names, 1..4), action, 0..5_u8, proptest::option::of(0..4_u32), any::<bool>());
    let spec = spec.prop_map(|(names, action, keep, limit, allow)| {
        let mut spec = GuardrailSpec::new([Channel::Output], names.into_iter().map(DetectorSpec::new), action);
        if action == Action::Mask {
            spec = spec.with_mask(MaskSpec::default().keeping_last(keep));
        }
        spec = match limit {
            Some(limit) if action != Action::Block => spec.with_limit(limit),
            _ => spec,
        };
        if allow { spec.with_allowed("ada@example.org").with_allowed("111222333") } else { spec }
    });
    vec(spec, 1..4)
}

fn compile_all(specs: &[GuardrailSpec]) -> Vec<Guardrail> {
    specs.iter().enumerate().map(|(at, spec)| compile(&format!("g{at}"), spec)).collect()
}

/// The text in pieces of these many characters, again and again.
fn cut<'t>(text: &'t str, lengths: &[usize]) -> Vec<&'t str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    for length in lengths.iter().cycle() {
        let end = rest.char_indices().nth(*length).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn masked_text_holds_no_finding(text in text(), keep in 0..5_u8) {
        let guardrail = compile("all", &everything(Action::Mask).with_mask(MaskSpec::default().keeping_last(keep)));
        let once = guardrail.check(Channel::Output, &text);
        let again = guardrail.check(Channel::Output, &once.text);
        prop_assert!(again.findings.is_empty(), "{text:?} masked is {:?}: {:?}", once.text, again.findings);
        prop_assert_eq!(&again.text, &once.text);
        prop_assert_eq!(once.outcome == Outcome::Masked, !once.findings.is_empty());
    }

    #[test]
    fn a_text_without_findings_is_not_copied(text in text()) {
        let guardrail = compile("all", &everything(Action::Mask));
        let checked = guardrail.check(Channel::Output, &text);
        match checked.text {
            Cow::Borrowed(same) => {
                prop_assert!(checked.findings.is_empty() && checked.reasons.is_empty());
                prop_assert_eq!((same, checked.outcome), (&*text, Outcome::Pass));
            }
            Cow::Owned(_) => prop_assert!(!checked.findings.is_empty()),
        }
    }

    #[test]
    fn texts_set_apart_are_found_apart(one in text(), other in text()) {
        let between = "\n;\n";
        let from = one.len() + between.len();
        let together = find_all(&format!("{one}{between}{other}"));
        for ((place, mut left), (_, right)) in find_all(&one).into_iter().zip(find_all(&other)) {
            left.extend(right.into_iter().map(|finding| Finding::new(finding.start + from, finding.end + from, finding.kind, finding.confidence)));
            prop_assert_eq!(&together[place].1, &left);
        }
    }

    #[test]
    fn detectors_keep_their_laws(text in text(), more in text(), at in 0.0..1.0) {
        let all = Detectors::builtin();
        for name in all.names() {
            let detector = all.get(&DetectorSpec::new(name)).unwrap();
            let findings = detector.find(&text);
            let mut end = 0;
            for finding in &findings {
                prop_assert!(end <= finding.start && finding.start < finding.end && text.get(finding.start..finding.end).is_some());
                prop_assert!(detector.kinds().contains(&finding.kind));
                end = finding.end;
            }
            let begin = &text[..text.floor_char_boundary((at * text.len() as f64) as usize)];
            let whole = format!("{begin}{more}");
            let settled = detector.settled(begin);
            let mut parts = detector.find(&whole[..settled]);
            parts.extend(detector.find(&whole[settled..]).into_iter().map(|finding| {
                Finding::new(finding.start + settled, finding.end + settled, finding.kind, finding.confidence)
            }));
            prop_assert_eq!(parts, detector.find(&whole), "{} cut {:?} at {}", name, whole, settled);
        }
    }

    /// What a text is cut into does not matter: the same comes out, and the same is said.
    #[test]
    fn pieces_do_not_matter(text in text(), specs in specs(), lengths in vec(1..9_usize, 1..6), is_approved: bool) {
        let all = compile_all(&specs);
        let together = Guardrails::new(&all);
        let (whole, mut stream) = if is_approved {
            (together.check_approved(Channel::Output, &text), together.stream_approved(Channel::Output))
        } else {
            (together.check(Channel::Output, &text), together.stream(Channel::Output))
        };
        let (mut out, mut findings) = (String::new(), Vec::new());
        let pieces = cut(&text, &lengths);
        let mut outcomes = Vec::new();
        for piece in &pieces {
            let checked = stream.push(piece);
            out += &checked.text;
            findings.extend(checked.findings);
            outcomes.push(checked.outcome);
        }
        let last = stream.finish();
        out += &last.text;
        findings.extend(last.findings);
        outcomes.push(last.outcome);
        prop_assert_eq!((last.outcome, &last.reasons), (whole.outcome, &whole.reasons), "{:?}", pieces);
        prop_assert!(outcomes.is_sorted(), "an outcome never gets milder");
        // Findings of one place may come in another order of kinds, as places go on one after the other.
        findings.sort();
        let mut expected = whole.findings;
        expected.sort();
        prop_assert_eq!(findings, expected, "{:?}", pieces);
        if whole.outcome <= Outcome::Masked {
            prop_assert_eq!(out, whole.text, "{:?}", pieces);
        } else {
            // What has gone on is what goes on of the text up to where it is stopped.
            let mut stream = together.stream(Channel::Output);
            let mut in_one = stream.push(&text).text.into_owned();
            in_one += &stream.finish().text;
            if !is_approved {
                prop_assert_eq!(&out, &in_one, "{:?}", pieces);
            }
            // With something in brackets behind it, as of any mask: what was cut off may have told what stands before it.
            let masked = format!("{out}[stopped]");
            let again = together.check(Channel::Output, &masked);
            prop_assert!(again.findings.is_empty() || is_approved, "{out:?}: {:?}", again.findings);
        }
    }

    #[test]
    fn the_order_of_guardrails_does_not_matter(text in text(), specs in specs(), turn in 0..4_usize) {
        let all = compile_all(&specs);
        let mut turned: Vec<&Guardrail> = all.iter().collect();
        turned.rotate_left(turn % all.len());
        let checked = Guardrails::new(&all).check(Channel::Output, &text);
        prop_assert_eq!(&Guardrails::new(turned.iter().copied()).check(Channel::Output, &text), &checked);
        turned.reverse();
        prop_assert_eq!(&Guardrails::new(turned).check(Channel::Output, &text), &checked);
        let strictest = all.iter().map(|guardrail| guardrail.check(Channel::Output, &text).outcome).max();
        prop_assert_eq!(Some(checked.outcome), strictest);
        prop_assert_eq!(checked.outcome == Outcome::Pass, checked.reasons.is_empty());
    }

    #[test]
    fn any_text_is_judged(text in "(?s).{0,300}") {
        let guardrail = compile("all", &everything(Action::Mask));
        let whole = guardrail.check(Channel::Output, &text);
        let mut stream = Guardrails::new([&guardrail]).stream(Channel::Output);
        let mut out = stream.push(&text).text.into_owned();
        out += &stream.finish().text;
        prop_assert_eq!(out, whole.text);
    }

    /// Numbers made by their rules are found in any company, and not with one digit changed.
    #[test]
    fn valid_numbers_are_found_and_mistyped_ones_are_not(
        (what, number) in number(),
        at in 0.0..1.0,
        step in 1..10_u8,
        before in select(vec!["", "nr ", "电", "(", ": ", "\t", "a, "]),
        after in select(vec!["", ".", " of", "电", ")", "\n", ", "]),
    ) {
        let detector = what.detector();
        let found = |number: &str| {
            let text = format!("{before}{number}{after}");
            let is_it = |finding: &Finding| text[finding.start..finding.end] == *number;
            detector.find(&text).iter().any(is_it)
        };
        prop_assert!(found(&number), "{what:?} {number}");
        let digits: Vec<usize> = number.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
        let place = digits[(at * digits.len() as f64) as usize];
        let mut changed = number.clone().into_bytes();
        changed[place] = b'0' + (changed[place] - b'0' + step) % 10;
        let changed = String::from_utf8(changed).unwrap();
        prop_assert!(!what.notices_any_digit() || !found(&changed), "{what:?} {number}, changed {changed}");
    }
}

/// A rule by which numbers are made.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Iban,
    Card,
    Of(&'static str),
}

impl Rule {
    fn detector(self) -> Box<dyn Detector> {
        match self {
            Self::Iban => Box::new(Iban),
            Self::Card => Box::new(Card),
            Self::Of(country) => Box::new(NationalId::of([country]).unwrap()),
        }
    }

    /// Belgium checks for two centuries, either of which will do; Brazil takes two remainders for one; the United States and
    /// the United Kingdom check nothing.
    fn notices_any_digit(self) -> bool {
        !matches!(self, Self::Of("be" | "br" | "us" | "gb"))
    }
}

fn digit(character: u8) -> u32 {
    u32::from(character - b'0')
}

/// The rest of a number of any length by division on paper; letters are two digits.
fn rest(text: &str, by: u32) -> u32 {
    let digits = text.chars().flat_map(|c| c.to_digit(36).unwrap().to_string().into_bytes());
    digits.fold(0, |rest, next| (rest * 10 + digit(next)) % by)
}

fn with_luhn(digits: &str) -> String {
    let doubled = digits.bytes().rev().enumerate().map(|(at, next)| match (at % 2, digit(next)) {
        (0, value @ 5..) => 2 * value - 9,
        (0, value) => 2 * value,
        (_, value) => value,
    });
    format!("{digits}{}", (10 - doubled.sum::<u32>() % 10) % 10)
}

fn sum(digits: &str, weights: &[u32]) -> u32 {
    digits.bytes().zip(weights).map(|(next, weight)| digit(next) * weight).sum()
}

/// A day in the form that the number has it, by year, month and day.
fn day() -> impl Strategy<Value = (u32, u32, u32)> {
    (0..100_u32, 1..=12_u32, 1..=28_u32)
}

fn digits(count: usize) -> impl Strategy<Value = String> {
    vec(0..10_u8, count).prop_map(|digits| digits.iter().map(|digit| char::from(b'0' + digit)).collect())
}

/// A number of any kind, made by its rule.
fn number() -> impl Strategy<Value = (Rule, String)> {
    prop_oneof![
        iban().prop_map(|number| (Rule::Iban, number)),
        card().prop_map(|number| (Rule::Card, number)),
        (of_dates(), any::<bool>()).prop_map(|((country, number), _)| (Rule::Of(country), number)),
        of_serials().prop_map(|(country, number)| (Rule::Of(country), number)),
    ]
}

fn iban() -> impl Strategy<Value = String> {
    let countries =
        vec![("DE", 18), ("FR", 23), ("NO", 11), ("MT", 27), ("GB", 18), ("RU", 29), ("BE", 12), ("LC", 28)];
    (select(countries), digits(29), 0..3_usize).prop_map(|((country, length), account, grouping)| {
        let account = &account[..length];
        let check = 98 - rest(&format!("{account}{country}00"), 97);
        let iban = format!("{country}{check:02}{account}");
        let groups: Vec<&str> = iban.as_bytes().chunks(4).map(|group| str::from_utf8(group).unwrap()).collect();
        groups.join(["", " ", "-"][grouping])
    })
}

fn card() -> impl Strategy<Value = String> {
    let issuers = vec![
        ("4", 16),
        ("4", 13),
        ("4", 19),
        ("51", 16),
        ("2221", 16),
        ("37", 15),
        ("36", 14),
        ("6011", 16),
        ("3528", 16),
        ("62", 19),
    ];
    (select(issuers), digits(19), any::<bool>()).prop_map(|((issuer, length), account, is_grouped)| {
        let card = with_luhn(&format!("{issuer}{account}")[..length - 1]);
        if !is_grouped || length != 16 {
            return card;
        }
        let groups: Vec<&str> = card.as_bytes().chunks(4).map(|group| str::from_utf8(group).unwrap()).collect();
        groups.join(" ")
    })
}

/// Numbers of countries that write the day of birth into them.
fn of_dates() -> impl Strategy<Value = (&'static str, String)> {
    let countries = vec!["be", "cn", "fi", "no", "pl", "se"];
    (select(countries), day(), 2..900_u32).prop_filter_map(
        "no such check digits",
        |(country, (year, month, day), serial)| {
            let number = match country {
                "be" => {
                    let person = format!("{year:02}{month:02}{day:02}{serial:03}");
                    format!("{person}{:02}", 97 - rest(&person, 97))
                }
                "cn" => {
                    let person =
                        format!("1101051{year:03}{month:02}{day:02}{serial:03}").replacen("11010510", "11010519", 1);
                    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
                    format!(
                        "{person}{}",
                        ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][sum(&person, &weights) as usize % 11]
                    )
                }
                "fi" => {
                    let person = format!("{day:02}{month:02}{year:02}{serial:03}");
                    let check = "0123456789ABCDEFHJKLMNPRSTUVWXY".as_bytes()[rest(&person, 31) as usize];
                    format!("{}-{}{}", &person[..6], &person[6..], char::from(check))
                }
                "no" => {
                    let person = format!("{day:02}{month:02}{year:02}{serial:03}");
                    let first = (11 - sum(&person, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
                    let second = (11 - sum(&format!("{person}{first}"), &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
                    if first == 10 || second == 10 {
                        return None;
                    }
                    format!("{person}{first}{second}")
                }
                "pl" => {
                    let person = format!("{year:02}{:02}{day:02}{serial:04}", month + 20);
                    format!("{person}{}", (10 - sum(&person, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10)
                }
                _ => {
                    let person = with_luhn(&format!("{year:02}{month:02}{day:02}{serial:03}"));
                    format!("{}-{}", &person[..6], &person[6..])
                }
            };
            Some((country, number))
        },
    )
}

/// Numbers of countries that count, and of those that do both.
fn of_serials() -> impl Strategy<Value = (&'static str, String)> {
    let countries = vec!["br", "ca", "ch", "de", "es", "fr", "gb", "in", "it", "nl", "us"];
    (select(countries), digits(13), Just(()), proptest::sample::select(vec![0_usize, 3, 7])).prop_filter_map(
        "not given out",
        |(country, random, (), place)| {
            let number = match country {
                "br" => {
                    let first = sum(&random, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
                    let person = format!("{}{first}", &random[..9]);
                    let second = sum(&person, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
                    format!("{person}{second}")
                }
                "ca" => {
                    let number = with_luhn(&format!("1{}", &random[..7]));
                    format!("{}-{}-{}", &number[..3], &number[3..6], &number[6..])
                }
                "ch" => {
                    let person = format!("756{}", &random[..9]);
                    format!("{person}{}", (10 - sum(&person, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10) % 10)
                }
                "de" => {
                    // All digits but one, which stands twice.
                    let mut person = "1234567890".to_owned();
                    person.replace_range(9..10, &person.clone()[place..=place]);
                    let product = person.bytes().fold(10, |product, next| match (digit(next) + product) % 10 {
                        0 => 20 % 11,
                        sum => sum * 2 % 11,
                    });
                    format!("{person}{}", (11 - product) % 10)
                }
                "es" => {
                    let letter = "TRWAGMYFPDXBNJZSQVHLCKE".as_bytes()[rest(&random[..8], 23) as usize];
                    format!("{}{}", &random[..8], char::from(letter))
                }
                "fr" => {
                    let person = format!("1{}05{}", &random[..2], &random[..8]);
                    format!("{person}{:02}", 97 - rest(&person, 97))
                }
                "gb" => format!("AB {} {} {} C", &random[..2], &random[2..4], &random[4..6]),
                "in" => return with_verhoeff(&format!("2{}", &random[..10])).map(|number| (country, number)),
                "it" => {
                    let person = format!("RSSMRA{}T1{}A{}", &random[..2], &random[2..3], &random[3..6]);
                    let odd =
                        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
                    let value = |(at, next): (usize, u8)| {
                        let value = if next.is_ascii_digit() { digit(next) } else { u32::from(next - b'A') };
                        if at % 2 == 0 { odd[value as usize] } else { value }
                    };
                    let sum: u32 = person.bytes().enumerate().map(value).sum();
                    format!("{person}{}", char::from(b'A' + (sum % 26) as u8))
                }
                "nl" => {
                    let check = sum(&random, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
                    if check == 10 || random.starts_with("00000000") {
                        return None;
                    }
                    format!("{}{check}", &random[..8])
                }
                _ => format!("219-09-1{}", &random[..3]),
            };
            Some((country, number))
        },
    )
}

/// By the tables that Verhoeff prints.
fn with_verhoeff(digits: &str) -> Option<String> {
    const PRODUCT: [&str; 10] = [
        "0123456789",
        "1234067895",
        "2340178956",
        "3401289567",
        "4012395678",
        "5987604321",
        "6598710432",
        "7659821043",
        "8765932104",
        "9876543210",
    ];
    const PERMUTED: [&str; 8] = [
        "0123456789",
        "1576283094",
        "5803796142",
        "8916043527",
        "9453126870",
        "4286573901",
        "2793806415",
        "7046913258",
    ];
    let look = |table: &str, at: usize| usize::from(table.as_bytes()[at] - b'0');
    let valid = |number: &str| {
        let places = number.bytes().rev().enumerate();
        places.fold(0, |check, (place, next)| look(PRODUCT[check], look(PERMUTED[place % 8], digit(next) as usize)))
            == 0
    };
    (0..10).map(|check| format!("{digits}{check}")).find(|number| valid(number))
}
