//! Numbers and texts as people read them: the one place that rounds.

use super::facts::Measure;
use orp_core::prelude::*;

/// Money to the cent; below ten cents to four places, so that small amounts do not read as nothing.
pub(super) fn money(amount: Money) -> String {
    let small = !amount.is_zero() && amount.as_f64().abs() < 0.1;
    if small { format!("{amount:.4}") } else { format!("{amount:.2}") }
}

/// A length of time to the second, or to the minute from an hour up.
pub(super) fn span(span: Span) -> String {
    span.rounded().to_string()
}

/// A share as a percentage: `62 %`; to one place below ten.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "<0.1 %".into()
    } else if percent.abs() < 10.0 && (percent - percent.round()).abs() > 0.05 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// A range of shares: `27–68 %`.
pub(super) fn percents((from, to): (f64, f64)) -> String {
    let (from, to) = (percent(from), percent(to));
    format!("{}–{to}", from.trim_end_matches(" %"))
}

/// A measure or quality: three places, or as many digits when it is large or tiny.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        value.to_string()
    } else if size >= 10_000.0 {
        amount(value)
    } else if size >= 100.0 {
        trim_zeros(format!("{value:.1}"))
    } else if size >= 0.001 || size == 0.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    }
}

/// A count of events that may be a fraction, because it was believed: `1.6`.
pub(super) fn count(value: f64) -> String {
    trim_zeros(format!("{value:.1}"))
}

/// A speed: `812 k tokens/s`.
pub(super) fn rate(per_second: f64, unit: &str) -> String {
    format!("{} {unit}/s", amount(per_second))
}

/// A size in three digits: `4.83 GB`.
pub(super) fn bytes(size: Bytes) -> String {
    format!("{}B", if size.get() < 1_000 { format!("{} ", size.get()) } else { amount(size.get() as f64) })
}

/// A measure by its task and name: `evaluate.accuracy`.
pub(super) fn measure_name(measure: &Measure) -> String {
    format!("{}.{}", measure.task, measure.name)
}

/// One thing or many: `1 reclaim`, `2 reclaims`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// Three digits and a decimal prefix: `41.4 k`.
pub(super) fn amount(value: f64) -> String {
    let prefixes = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, "")];
    let found = prefixes.iter().find(|(size, _)| value.abs() >= *size);
    let Some((size, prefix)) = found else { return trim_zeros(format!("{value:.3}")) };
    let mantissa = value / size;
    let digits = if mantissa.abs() >= 100.0 { 0 } else { usize::from(mantissa.abs() < 10.0) + 1 };
    let mantissa = format!("{mantissa:.digits$}");
    if prefix.is_empty() { trim_zeros(mantissa) } else { format!("{mantissa}{prefix}") }
}

fn trim_zeros(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// Text on one line without control characters: what names and reasons hold comes from outside, and must move no cursor.
pub(super) fn plain(text: &str) -> String {
    let clean = text.trim().chars().map(|c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_unprintable(c) => '\u{fffd}',
        c => c,
    });
    clean.collect()
}

/// Text as HTML shows it: nothing in it is markup, and it is on one line.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// Control characters, and those that reorder the text around them.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many columns of a terminal a character takes.
pub(super) fn columns_of(c: char) -> usize {
    match c {
        '\u{0300}'..='\u{036f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// How many columns of a terminal a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// As much of a text as fits, with `…` where something was left out.
pub(super) fn cut(text: &str, room: f64, width: &dyn Fn(char) -> f64) -> String {
    if text.chars().map(width).sum::<f64>() <= room {
        return text.into();
    }
    let mut left = room - width('…');
    let kept: String = text
        .chars()
        .take_while(|c| {
            left -= width(*c);
            left >= 0.0
        })
        .collect();
    if kept.is_empty() { String::new() } else { format!("{}…", kept.trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, text) in [
            (0.0, "0.000"),
            (0.7126, "0.713"),
            (1e-6, "1.0e-6"),
            (1234.56, "1234.6"),
            (98_765.0, "98.8 k"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text);
        }
        for (per_second, text) in [(812_345.0, "812 k t/s"), (1.5e9, "1.50 G t/s"), (0.25, "0.25 t/s"), (0.0, "0 t/s")]
        {
            assert_eq!(rate(per_second, "t"), text);
        }
        for (share, text) in [(0.0, "0 %"), (0.624, "62 %"), (0.0431, "4.3 %"), (1.04, "104 %"), (1e-5, "<0.1 %")] {
            assert_eq!(percent(share), text);
        }
        for (amount, text) in [("0 USD", "0.00 USD"), ("0.004 USD", "0.0040 USD"), ("12.345 USD", "12.35 USD")] {
            assert_eq!(money(amount.parse().unwrap()), text);
        }
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("<b a='1'>&\"</b>\n\u{0}"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;&lt;/b&gt; \u{fffd}");
    }

    #[test]
    fn texts_from_outside_move_no_cursor() {
        assert_eq!(plain(" a\nb\u{1b}[31m\u{202e}c "), "a b\u{fffd}[31m\u{fffd}c");
        assert_eq!((columns("微调 70b"), columns("é")), (8, 1));
        assert_eq!(cut("abcdef", 4.0, &|_| 1.0), "abc…");
        assert_eq!(cut("abcd", 4.0, &|_| 1.0), "abcd");
    }
}
