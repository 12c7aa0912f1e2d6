//! The parts a page is made of: escaped text, cards, bars, legends, tables.

use crate::report::chart::{Key, Layout};
use crate::report::format::{escape, percent};
use std::fmt;

/// What may stand in the page as it is. Text becomes markup by [`text`], which escapes it, and by nothing else.
#[derive(Debug, Clone, Default)]
pub(super) struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text, escaped.
pub(super) fn text(text: impl fmt::Display) -> Markup {
    Markup(escape(&text.to_string()))
}

/// Text that stands out.
pub(super) fn strong(text: impl fmt::Display) -> Markup {
    Markup(format!("<b>{}</b>", escape(&text.to_string())))
}

/// A path or digest.
pub(super) fn code(text: impl fmt::Display) -> Markup {
    Markup(format!("<code>{}</code>", escape(&text.to_string())))
}

/// Text after a dot of the colour of a class.
pub(super) fn dotted(class: &str, text: impl fmt::Display) -> Markup {
    let text = escape(&text.to_string());
    Markup(format!(r#"<span class="line"><span class="dot {class}"></span>{text}</span>"#))
}

/// Texts, one below the other.
pub(super) fn lines<T: fmt::Display>(texts: impl IntoIterator<Item = T>) -> Markup {
    Markup(texts.into_iter().map(|line| text(line).0).collect::<Vec<_>>().join("<br>"))
}

/// Texts as a list, or as a numbered one.
pub(super) fn list<T: fmt::Display>(texts: impl IntoIterator<Item = T>) -> String {
    let items: String = texts.into_iter().map(|item| format!("<li>{}</li>\n", text(item))).collect();
    format!("<ul>\n{items}</ul>\n")
}

/// A section with a title; nothing when it has no content.
pub(super) fn section(title: &str, content: &[String]) -> String {
    let content = content.concat();
    if content.is_empty() { content } else { format!("<section>\n<h2>{}</h2>\n{content}</section>\n", text(title)) }
}

/// A line of less weight.
pub(super) fn fine(line: &str) -> String {
    format!("<p class=\"fine\">{}</p>\n", text(line))
}

/// A chart, drawn for wide and for narrow pages.
pub(super) fn figure(draw: impl Fn(Layout) -> String) -> String {
    format!("<figure>\n{}</figure>\n", Layout::BOTH.into_iter().map(draw).collect::<String>())
}

/// A figure with its name, a bar if it has a limit, and what else is to be said of it.
pub(super) fn card(name: &str, value: &str, of: &str, bar: &str, details: &[String]) -> String {
    let (name, value, of) = (text(name), text(value), text(of));
    let details: String = details.iter().map(|detail| format!("<p>{}</p>", text(detail))).collect();
    format!(
        "<div class=\"card\"><h2>{name}</h2><p class=\"value\">{value} <small>{of}</small></p>{bar}{details}</div>\n"
    )
}

/// How much of a limit is used (1 is all of it), with a notch where it was believed to end.
pub(super) fn bar(name: &str, used: f64, believed: f64) -> String {
    let high = [used, believed].into_iter().filter(|value| value.is_finite()).fold(1.0, f64::max);
    let at = |value: f64| if value.is_finite() { (100.0 * value / high).clamp(0.0, 100.0) } else { 0.0 };
    let class = if used > 1.0 { "used over" } else { "used" };
    let title = text(format!("{name}: {} used, {} believed", percent(used), percent(believed)));
    let (whole, used, notch) = (at(1.0), at(used), (at(believed) - 0.4).clamp(0.0, 99.2));
    format!(
        r#"<svg class="bar" role="img" viewBox="0 0 100 10" preserveAspectRatio="none"><title>{title}</title><desc>The coloured part is used; the notch is what was believed.</desc><rect class="whole" width="{whole:.2}" y="2" height="6"/><rect class="{class}" width="{used:.2}" y="2" height="6"/><rect class="notch" x="{notch:.2}" width="0.8" height="10"/></svg>"#
    )
}

/// What marks and colours mean.
pub(super) fn legend(keys: &[Key]) -> String {
    let item = |(class, name): &Key| {
        let (mark, name) = (mark(class), text(name));
        format!("<li><svg class=\"key\" viewBox=\"0 0 18 12\" aria-hidden=\"true\">{mark}</svg>{name}</li>\n")
    };
    format!("<ul class=\"legend\">\n{}</ul>\n", keys.iter().map(item).collect::<String>())
}

/// The mark a legend shows for a class: a box of its colour, but for those that have a shape.
fn mark(class: &str) -> String {
    let shape = match class {
        "held-key" => r#"<rect class="ink" y="5" width="18" height="2.5"/>"#,
        "mark-key" => r#"<path class="mark" d="M4 2L14 2L9 11Z"/>"#,
        "replan-key" => r#"<circle class="badge" cx="9" cy="6" r="5.5"/>"#,
        "lost-key" => r#"<path class="lost-lines" d="M2 12L8 0M8 12L14 0M14 12L18 4M0 6L3 0"/>"#,
        "limit-key" => r#"<line class="limit" x1="0" y1="6" x2="18" y2="6"/>"#,
        "point-key" => r#"<circle class="point named" cx="9" cy="6" r="4.5"/>"#,
        "chosen-key" => {
            r#"<circle class="ring" cx="9" cy="6" r="5.2"/><circle class="point named" cx="9" cy="6" r="2.8"/>"#
        }
        "happened-key" => r#"<path class="happened" d="M4.5 1.5L13.5 10.5M4.5 10.5L13.5 1.5"/>"#,
        "believed-key" => r#"<path class="believed" d="M9 0.8L14 6L9 11.2L4 6Z"/>"#,
        class => return format!(r#"<rect class="{class}" width="18" height="12"/>"#),
    };
    shape.into()
}

/// A table. Each cell names its column, for pages that are too narrow to show it as one.
pub(super) struct Table {
    head: Vec<&'static str>,
    numbers: Vec<usize>,
    rows: String,
}

impl Table {
    /// A table with these columns, of which these hold numbers.
    pub(super) fn new(head: &[&'static str], numbers: &[usize]) -> Self {
        Self { head: head.to_vec(), numbers: numbers.to_vec(), rows: String::new() }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, cells: impl IntoIterator<Item = Markup>) {
        self.push_marked(false, cells);
    }

    /// Adds a row, which may stand out.
    pub(super) fn push_marked(&mut self, marked: bool, cells: impl IntoIterator<Item = Markup>) {
        let mut row = String::new();
        for (at, (name, cell)) in self.head.iter().zip(cells).enumerate() {
            let empty = if cell.0.is_empty() { " data-empty" } else { "" };
            row.push_str(&format!("<td{} data-name=\"{name}\"{empty}>{cell}</td>", self.class(at)));
        }
        let class = if marked { " class=\"marked\"" } else { "" };
        self.rows.push_str(&format!("<tr{class}>{row}</tr>\n"));
    }

    /// Adds a cell over all columns, which belongs to the row before.
    pub(super) fn push_more(&mut self, marked: bool, cell: &Markup) {
        let (class, columns) = (if marked { "more marked" } else { "more" }, self.head.len());
        self.rows.push_str(&format!("<tr class=\"{class}\"><td colspan=\"{columns}\">{cell}</td></tr>\n"));
    }

    /// The finished table.
    pub(super) fn finish(self) -> String {
        let names = self.head.iter().enumerate();
        let head: String = names.map(|(at, name)| format!("<th{} scope=\"col\">{name}</th>", self.class(at))).collect();
        let rows = &self.rows;
        format!(
            "<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
        )
    }

    fn class(&self, column: usize) -> &'static str {
        if self.numbers.contains(&column) { " class=\"number\"" } else { "" }
    }
}
