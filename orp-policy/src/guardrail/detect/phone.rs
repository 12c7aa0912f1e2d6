//! Telephone numbers.
//!
//! International numbers (ITU-T E.164): `+` or `00`, an assigned country code, 7 to 15 digits in all, in groups with single
//! spaces, hyphens, dots, slashes or parentheses between. National numbers only in groupings that hardly anything else has:
//! of North America (NANP: `(212) 555-0100`, `212-555-0100`; area and exchange by its rules), with a trunk zero as in most
//! of Europe and Japan (`030 1234567`, `01 23 45 67 89`, `090-1234-5678`), mobile numbers of China (`138 0013 8000`, also in
//! one piece) and India (`98765 43210`). Other digits in a row are not telephone numbers here: most of them are none.

use super::detector;
use super::number::{Beginning, Code, Number, Numbers, look_for};
use super::symbol::{Reader, Symbol, Word, symbol_before};
use orp_core::contract::{Confidence, FindingKind};

const PHONE: FindingKind = FindingKind::from_static("phone");

/// Finds telephone numbers.
///
/// ```
/// use orp_core::contract::Detector;
/// use orp_policy::guardrail::detect::Phone;
///
/// let found: Vec<String> = Phone.find("+49 30 123456 or (212) 555-0100").iter().map(ToString::to_string).collect();
/// assert_eq!(found, ["phone at 0..13 (likely)", "phone at 17..31 (likely)"]);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Phone;

detector!(Phone, "phone", [PHONE]);

impl Numbers for Phone {
    /// A plus or a parenthesis.
    fn lead(&self, text: &str, word: &Word, floor: usize) -> Option<Beginning> {
        let (behind @ (Symbol::Plus | Symbol::Open), width) = symbol_before(text, word.start) else { return None };
        let start = word.start - width;
        (start >= floor).then_some(Beginning { start, length: 0, behind })
    }

    fn read(&self, reader: &mut Reader<'_>, at: &Beginning) -> Option<Number> {
        let found = match (at.length, reader.peek()) {
            (0, Symbol::Plus) => international(reader),
            (0, _) => parenthesised(reader),
            (_, Symbol::Digit(b'0')) if at.behind.joins() => with_zeros(reader),
            _ => national(reader, at),
        };
        found.map(|(end, confidence)| (end, PHONE, confidence))
    }
}

type Found = (usize, Confidence);

/// `+49 30 123456`, from the plus on.
fn international(reader: &mut Reader<'_>) -> Option<Found> {
    reader.skip(Symbol::Plus);
    let groups = Groups::read(reader);
    groups.longest(is_international).map(|end| (end, Confidence::Likely))
}

/// `(212) 555-0100`, `(030) 1234567`, from the parenthesis on.
fn parenthesised(reader: &mut Reader<'_>) -> Option<Found> {
    reader.skip(Symbol::Open);
    let mut area = reader.clone();
    let length = (0..7).take_while(|_| area.digit().is_some()).count();
    let is_closed = area.skip(Symbol::Close);
    reader.saw_end |= area.saw_end;
    if !is_closed || length > 6 {
        return None;
    }
    let groups = Groups::read(reader);
    let north_america = groups.longest(|groups| is_grouped(groups, &[3, 3, 4]) && is_north_american(groups.1));
    let likely = north_america.map(|end| (end, Confidence::Likely));
    likely.or_else(|| groups.longest(has_trunk_zero).map(|end| (end, Confidence::Possible)))
}

/// `030 1234567`, `0049 30 123456`, from the first zero on.
fn with_zeros(reader: &mut Reader<'_>) -> Option<Found> {
    let groups = Groups::read(reader);
    let end = groups.longest(has_trunk_zero).or_else(|| groups.longest(is_international_by_zeros));
    end.map(|end| (end, Confidence::Possible))
}

/// How a number may be written, which digits it then has, and how sure that makes it.
type Form = (&'static str, fn(&[u8]) -> bool, Confidence);

/// `212-555-0100`, from the first digit on.
fn national(reader: &mut Reader<'_>, at: &Beginning) -> Option<Found> {
    const LIKELY: Confidence = Confidence::Likely;
    const POSSIBLE: Confidence = Confidence::Possible;
    let forms: &[Form] = match (at.length, at.behind) {
        (1, Symbol::Hyphen) => &[("#-###-###-####", is_long_distance, LIKELY)],
        (1, Symbol::Space) => &[("# ###-###-####", is_long_distance, LIKELY)],
        (3, Symbol::Hyphen) => {
            &[("###-###-####", is_north_american, LIKELY), ("###-####-####", is_chinese_mobile, POSSIBLE)]
        }
        (3, Symbol::Dot) => &[("###.###.####", is_north_american, LIKELY)],
        (3, Symbol::Space) => {
            &[("### ### ####", is_north_american, POSSIBLE), ("### #### ####", is_chinese_mobile, POSSIBLE)]
        }
        (5, Symbol::Space) => &[("##### #####", is_indian_mobile, POSSIBLE)],
        (11, _) => &[("###########", is_chinese_mobile, POSSIBLE)],
        _ => return None,
    };
    forms.iter().find_map(|(form, is_valid, confidence)| {
        let (code, end) = look_for(reader, form)?;
        is_valid(code.as_bytes()).then_some((end, *confidence))
    })
}

/// Digits in a row, and what stands behind them.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    start: usize,
    length: usize,
    end: usize,
    /// The sign behind, unless the number must end here.
    after: Option<Symbol>,
    /// Whether a number may end here.
    is_end: bool,
}

/// At most 15 digits (E.164, 6.1), in groups.
#[derive(Debug, Default)]
struct Groups {
    digits: Code,
    groups: [Group; 16],
    count: usize,
}

/// Some groups of a number, from the first one on.
type Part<'g> = (&'g [Group], &'g [u8]);

impl Groups {
    /// Reads groups of digits as long as single signs stand between, of at most 15 digits and two zeros before them.
    fn read(reader: &mut Reader<'_>) -> Self {
        let mut all = Self::default();
        while let Some(slot) = all.groups.get_mut(all.count) {
            let start = all.digits.as_bytes().len();
            while let Some(digit) = reader.digit() {
                if all.digits.as_bytes().len() >= 17 || all.digits.push(digit).is_none() {
                    return all;
                }
            }
            let length = all.digits.as_bytes().len() - start;
            *slot = Group { start, length, end: reader.at, after: None, is_end: reader.ends() };
            if length == 0 || reader.peek().is_word() {
                return all;
            }
            all.count += 1;
            let Some(sign) = gap(reader) else { return all };
            slot.after = Some(sign);
        }
        all
    }

    fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or_default()
    }

    /// Where the longest part ends that is a number.
    fn longest(&self, is_number: impl Fn(Part<'_>) -> bool) -> Option<usize> {
        let is_whole = |count: &usize| {
            let part = self.groups().get(..*count).and_then(|groups| {
                let last = groups.last().filter(|last| last.is_end)?;
                Some((groups, self.digits.as_bytes().get(..last.start + last.length)?))
            });
            part.is_some_and(&is_number)
        };
        let count = (1..=self.count).rev().find(is_whole)?;
        self.groups().get(count - 1).map(|last| last.end)
    }
}

/// Goes over what may stand between two groups: `) `, `-`, ` (`, and `(0)` behind a country code. Tells the first sign.
fn gap(reader: &mut Reader<'_>) -> Option<Symbol> {
    let first = reader.peek();
    let mut signs = u32::from(reader.skip(Symbol::Close));
    if matches!(reader.peek(), Symbol::Space | Symbol::Hyphen | Symbol::Dot | Symbol::Slash) {
        reader.read();
        signs += 1;
    }
    let mut zero = reader.clone();
    if zero.skip(Symbol::Open) && zero.skip(Symbol::Digit(b'0')) && zero.skip(Symbol::Close) {
        zero.skip(Symbol::Space);
        reader.at = zero.at;
        signs += 1;
    }
    reader.saw_end |= zero.saw_end;
    signs += u32::from(reader.skip(Symbol::Open));
    (signs > 0 && reader.peek().is_digit()).then_some(first)
}

fn is_grouped((groups, _): Part<'_>, lengths: &[usize]) -> bool {
    groups.iter().map(|group| group.length).eq(lengths.iter().copied())
}

/// NANP: area and exchange begin with 2 to 9; neither is a service code (N11), and no area has 9 in the middle.
fn is_north_american(digits: &[u8]) -> bool {
    let is_code = |code: &[u8]| matches!(code, [b'2'..=b'9', middle, last] if (*middle, *last) != (b'1', b'1'));
    let (area, rest) = digits.split_at_checked(3).unwrap_or_default();
    digits.len() == 10 && is_code(area) && area.get(1) != Some(&b'9') && rest.get(..3).is_some_and(is_code)
}

fn is_long_distance(digits: &[u8]) -> bool {
    digits.strip_prefix(b"1").is_some_and(is_north_american)
}

/// MIIT, mobile numbers: eleven digits, from 13 to 19.
fn is_chinese_mobile(digits: &[u8]) -> bool {
    matches!(digits, [b'1', b'3'..=b'9', ..]) && digits.len() == 11
}

/// DoT, National Numbering Plan: ten digits, from 6 on.
fn is_indian_mobile(digits: &[u8]) -> bool {
    matches!(digits, [b'6'..=b'9', ..]) && digits.len() == 10
}

/// A zero that is dialled within the country, and 8 to 11 digits behind it in at least two groups; not a date.
fn has_trunk_zero((groups, digits): Part<'_>) -> bool {
    let ([b'0', b'1'..=b'9', ..], 9..=12) = (digits, digits.len()) else { return false };
    let is_date = matches!(groups, [day, month, year, ..] if (day.length, month.length, year.length) == (2, 2, 4));
    let mut between = groups.iter().take(groups.len() - 1).filter_map(|group| group.after);
    let dots = between.clone().filter(|sign| *sign == Symbol::Dot).count();
    let is_even = dots == 0 || between.all(|sign| sign == Symbol::Dot);
    let area = matches!(groups, [area, _, ..] if area.length <= 6);
    area && groups.iter().all(|group| group.length >= 2) && !is_date && is_even
}

/// `0049 30 123456`.
fn is_international_by_zeros((groups, digits): Part<'_>) -> bool {
    let abroad = digits.strip_prefix(b"00");
    groups.len() > 1 && abroad.is_some_and(|digits| digits.len() >= 9 && is_abroad(digits))
}

fn is_international((_, digits): Part<'_>) -> bool {
    is_abroad(digits)
}

/// E.164: an assigned country code and a number that can be dialled behind it, of 7 to 15 digits together.
fn is_abroad(digits: &[u8]) -> bool {
    let number = match digits {
        [b'1', number @ ..] => return is_north_american(number),
        [b'7', number @ ..] => return number.len() == 10,
        [first, second, number @ ..] if is_country_of_two(*first, *second) => number,
        [first, second, third, number @ ..] if is_country_of_three(*first, *second, *third) => number,
        _ => return false,
    };
    // National numbers do not begin with the trunk zero, but in countries that have given it up as a prefix and kept it.
    let keeps_zero = [&b"39"[..], b"225", b"241", b"242", b"378", b"379"].iter().any(|code| digits.starts_with(code));
    (7..=15).contains(&digits.len()) && number.len() >= 4 && (keeps_zero || number.first() != Some(&b'0'))
}

/// ITU-T, list of assigned country codes: those of two digits.
const fn is_country_of_two(first: u8, second: u8) -> bool {
    match first {
        b'2' => matches!(second, b'0' | b'7'),
        b'3' => matches!(second, b'0'..=b'4' | b'6' | b'9'),
        b'4' => matches!(second, b'0' | b'1' | b'3'..=b'9'),
        b'5' => matches!(second, b'1'..=b'8'),
        b'6' => matches!(second, b'0'..=b'6'),
        b'8' => matches!(second, b'1' | b'2' | b'4' | b'6'),
        b'9' => matches!(second, b'0'..=b'5' | b'8'),
        _ => false,
    }
}

/// Those of three digits.
const fn is_country_of_three(first: u8, second: u8, third: u8) -> bool {
    match (first, second) {
        (b'2', b'2'..=b'4' | b'6') | (b'3', b'5' | b'7') | (b'5', b'0' | b'9') => true,
        (b'2', b'1') => matches!(third, b'1'..=b'3' | b'6' | b'8'),
        (b'2', b'5') | (b'9', b'6') => third != b'9',
        (b'2', b'9') => matches!(third, b'0' | b'1' | b'7'..=b'9'),
        (b'3', b'8') => !matches!(third, b'4' | b'8'),
        (b'4', b'2') => matches!(third, b'0' | b'1' | b'3'),
        (b'6', b'7') => third != b'1',
        (b'6', b'8') => third != b'4',
        (b'6', b'9') => matches!(third, b'0'..=b'2'),
        (b'8', b'0') => matches!(third, b'0' | b'8'),
        (b'8', b'5') => matches!(third, b'0' | b'2' | b'3' | b'5' | b'6'),
        (b'8', b'7') => matches!(third, b'0' | b'8'),
        (b'8', b'8') => matches!(third, b'0'..=b'3' | b'6' | b'8'),
        (b'9', b'7') => third != b'8',
        (b'9', b'9') => matches!(third, b'2'..=b'6' | b'8'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrail::detect::tests::{finds, keeps_the_laws};

    #[test]
    fn international_numbers_are_found() {
        for text in [
            "+493012345678",
            "+49 30 123456",
            "+49 (0)30 123456",
            "+49(0)30 123456",
            "+49 (0) 30 123456",
            "+49-30-123456",
            "+49.30.123456",
            "+49 30/123456",
            "+1 212-555-0100",
            "+1 (212) 555-0100",
            "+12125550100",
            "+7 495 123-45-67",
            "+39 06 1234567",
            "+86 138 0013 8000",
            "+683 4000",
            "+٤٩ ٣٠ ١٢٣٤٥٦",
            "0049 30 1234567",
        ] {
            finds(&Phone, &format!("tel {text}, fax"), &[text]);
            finds(&Phone, text, &[text]);
        }
        finds(&Phone, "a+493012345678, 2+49 30 123456", &["+493012345678", "+49 30 123456"]);
        finds(&Phone, "(+49) 30 123456", &["+49) 30 123456"]);
        finds(&Phone, "电话：＋86 13800138000。", &["＋86 13800138000"]);
    }

    #[test]
    fn national_numbers_are_found_in_their_groupings() {
        for text in [
            "(212) 555-0100",
            "(212)555-0100",
            "212-555-0100",
            "212.555.0100",
            "212 555 0100",
            "1-212-555-0100",
            "1 212-555-0100",
            "030 1234567",
            "(033439) 12345",
            "(030) 1234567",
            "030/123 45 67",
            "0151-123 456 78",
            "01 23 45 67 89",
            "01.23.45.67.89",
            "020 7946 0958",
            "090-1234-5678",
            "138 0013 8000",
            "138-0013-8000",
            "13800138000",
            "98765 43210",
        ] {
            finds(&Phone, &format!("tel {text}, fax"), &[text]);
            finds(&Phone, text, &[text]);
        }
    }

    #[test]
    fn what_is_none_is_not_found() {
        for text in [
            "+1 000 000 000",
            "+20 000 000 users",
            "+99",
            "+1 2125550",
            "+49 3012",
            "(212) 5550100",
            "1-112-555-0100",
            "call 00493012345678 now",
            "00 12 345 6789",
            "+1234567890123456",
            "+999 1234567",
            "01.02.2024 10",
            "01-02-2024 10:30",
            "2024-01-02",
            "12345678901",
            "112-555-0100",
            "212-155-0100",
            "211-555-0100",
            "212-911-0100",
            "292-555-0100",
            "212-555-01000",
            "(212 555-0100",
            "015112345678",
            "0.1.2.3.4.5.6.7.8",
            "58765 43210",
            "12800138000",
            "030  1234567",
            "212-555.0100",
        ] {
            finds(&Phone, text, &[]);
        }
    }

    #[test]
    fn country_codes_are_those_assigned() {
        let assigned = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 \
            81 82 84 86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 \
            234 235 236 237 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 \
            262 263 264 265 266 267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 \
            374 375 376 377 378 379 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 \
            590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 \
            689 690 691 692 800 808 850 852 853 855 856 870 878 880 881 882 883 886 888 960 961 962 963 964 965 966 967 \
            968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998";
        let assigned: Vec<&[u8]> = assigned.split_whitespace().map(str::as_bytes).collect();
        for code in 100..1000 {
            let [first, second, third] = code.to_string().into_bytes()[..] else { panic!("three digits") };
            assert_eq!(is_country_of_two(first, second), assigned.contains(&&[first, second][..]), "{code}");
            let of_three = assigned.contains(&&[first, second, third][..]);
            assert_eq!(is_country_of_three(first, second, third), of_three, "{code}");
        }
    }

    #[test]
    fn the_laws_hold() {
        keeps_the_laws(
            &Phone,
            &["tel +49 (0)30 123456, (212) 555-0100", "01 23 45 67 89 und 030/123 45 67", "(+49) 30 1234.5"],
        );
    }
}
