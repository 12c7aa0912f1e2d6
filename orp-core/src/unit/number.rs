//! Decimal text to exact integers of a smaller part: the one reader behind every unit.

use thiserror::Error;

/// Why a text is not an amount of some unit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnitError {
    /// The text has no number where one must stand.
    #[error("`{text}` is not {what}: expected {expected}")]
    Malformed {
        /// What the user wrote.
        text: String,
        /// What it should have been ("an amount of money").
        what: &'static str,
        /// The accepted forms, with an example.
        expected: &'static str,
    },
    /// The unit after the number is not known.
    #[error("`{text}`: unknown unit `{unit}`, expected one of {expected}")]
    UnknownUnit {
        /// What the user wrote.
        text: String,
        /// The part that was not understood.
        unit: String,
        /// The units that are.
        expected: &'static str,
    },
    /// The number is below zero where that has no meaning.
    #[error("`{text}` is negative: {what} must not be below zero")]
    Negative {
        /// What the user wrote.
        text: String,
        /// What it should have been.
        what: &'static str,
    },
    /// The amount does not fit, or is finer than the smallest part.
    #[error("`{text}` is out of range: {limit}")]
    OutOfRange {
        /// What the user wrote.
        text: String,
        /// The bound that was passed.
        limit: &'static str,
    },
}

/// Splits `-12.5 GB` into its number (`-12.5`) and what follows (`GB`), both trimmed.
pub(super) fn split_number(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|&(at, c)| !(c.is_ascii_digit() || c == '.' || c == '_' || (at == 0 && (c == '-' || c == '+'))))
        .map_or(text.len(), |(at, _)| at);
    let (number, rest) = text.split_at(end);
    number.bytes().any(|b| b.is_ascii_digit()).then(|| (number, rest.trim()))
}

/// Reads a decimal number as an exact multiple of `scale` parts: `scaled("1.5", 1000)` is `Some(1500)`.
///
/// `None` when it is malformed, does not fit, or is finer than one part.
pub(super) fn scaled(number: &str, scale: i128) -> Option<i128> {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits_only = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if !digits_only(whole) || !digits_only(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let mut parts: i128 = 0;
    for digit in whole.bytes().filter(u8::is_ascii_digit) {
        parts = parts.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    parts = parts.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes().filter(u8::is_ascii_digit) {
        let value = i128::from(digit - b'0');
        if value == 0 {
            place /= 10;
            continue;
        }
        let numerator = value.checked_mul(place)?;
        if numerator % 10 != 0 {
            return None;
        }
        parts = parts.checked_add(numerator / 10)?;
        place /= 10;
    }
    Some(if negative { -parts } else { parts })
}

/// Prints `parts` out of `scale` (a power of ten) as a decimal with at least `least` digits after the point.
pub(super) fn decimal(parts: i128, scale: i128, least: usize) -> String {
    let sign = if parts < 0 { "-" } else { "" };
    let magnitude = parts.unsigned_abs();
    let scale = scale.unsigned_abs();
    let width = scale.ilog10() as usize;
    let mut fraction = format!("{:0width$}", magnitude % scale);
    while fraction.len() > least && fraction.ends_with('0') {
        fraction.pop();
    }
    let whole = magnitude / scale;
    if fraction.is_empty() || scale == 1 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_scale_exactly_or_not_at_all() {
        for (text, scale, expected) in [
            ("1.5", 1000, Some(1500)),
            ("-0.000001", 1_000_000, Some(-1)),
            ("0.0000001", 1_000_000, None),
            ("1_000", 1, Some(1000)),
            ("1.500", 10, Some(15)),
            ("0.5", 3600, Some(1800)),
            ("1.2.3", 10, None),
            ("", 10, None),
            (".", 10, None),
            ("99999999999999999999999999999999999999999", 1, None),
        ] {
            assert_eq!(scaled(text, scale), expected, "{text} in parts of 1/{scale}");
        }
    }

    #[test]
    fn decimals_print_what_they_hold() {
        assert_eq!(decimal(1_500_000, 1_000_000, 2), "1.50");
        assert_eq!(decimal(-1, 1_000_000, 2), "-0.000001");
        assert_eq!(decimal(2000, 1000, 0), "2");
    }
}
