//! Drawings as text: shapes, escaped labels, and labels that keep out of each other's way.

use crate::report::format::{columns_of, cut, escape};

/// Where a text lies against its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The width of a character in a wide sans-serif face at a bold weight, in ems: rather too wide than too narrow.
fn ems(c: char) -> f64 {
    match c {
        c if columns_of(c) != 1 => columns_of(c) as f64 * 0.5,
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' | '`' | ' ' | '(' | ')' | '/' => 0.38,
        'f' | 't' | 'r' | '-' | 'I' => 0.44,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1.0,
        'A'..='Z' => 0.74,
        _ => 0.65,
    }
}

/// The width of a text, in pixels.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(ems).sum::<f64>() * size
}

/// As much of a text as fits into `room` pixels.
pub(super) fn fit(text: &str, room: f64, size: f64) -> String {
    cut(text, room, &|c| ems(c) * size)
}

/// One drawing. Coordinates are pixels at full size; classes are styled by the page.
#[derive(Debug)]
pub(super) struct Svg {
    class: &'static str,
    pub(super) width: f64,
    pub(super) height: f64,
    body: String,
}

impl Svg {
    /// An empty drawing, with a title and a description for those who cannot see it.
    pub(super) fn new(class: &'static str, (width, height): (f64, f64), title: &str, description: &str) -> Self {
        let body = format!("<title>{}</title><desc>{}</desc>", escape(title), escape(description));
        Self { class, width, height, body }
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.push(&format!(r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#));
    }

    /// A box with a tooltip; at least half a pixel wide, so that what was short is not lost.
    pub(super) fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), tip: &str) {
        let width = width.max(0.5);
        let shape = format!(r#"class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}""#);
        self.push(&format!("<rect {shape}>{}</rect>", tooltip(tip)));
    }

    pub(super) fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64, tip: &str) {
        let shape = format!(r#"class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}""#);
        self.push(&format!("<circle {shape}>{}</circle>", tooltip(tip)));
    }

    /// A path through points, closed or open.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)], closed: bool, tip: &str) {
        let mut shape = String::new();
        for (at, (x, y)) in points.iter().enumerate() {
            shape.push_str(&format!("{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" }));
        }
        let end = if closed { "Z" } else { "" };
        self.push(&format!(r#"<path class="{class}" d="{shape}{end}">{}</path>"#, tooltip(tip)));
    }

    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.push(&format!(r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#));
    }

    /// Markup that is safe already.
    pub(super) fn push(&mut self, markup: &str) {
        self.body.push_str(markup);
        self.body.push('\n');
    }

    /// The finished drawing.
    pub(super) fn finish(self) -> String {
        let Self { class, width, height, body } = self;
        format!("<svg class=\"{class}\" role=\"img\" viewBox=\"0 0 {width:.0} {height:.0}\">\n{body}</svg>\n")
    }
}

fn tooltip(tip: &str) -> String {
    if tip.is_empty() { String::new() } else { format!("<title>{}</title>", escape(tip)) }
}

/// A rectangle: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Area(f64, f64, f64, f64);

impl Area {
    fn meets(&self, other: &Self) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }

    fn within(&self, other: &Self) -> bool {
        self.0 >= other.0 && self.1 >= other.1 && self.2 <= other.2 && self.3 <= other.3
    }
}

/// Finds places for labels where nothing else is.
#[derive(Debug)]
pub(super) struct Labels {
    bounds: Area,
    taken: Vec<Area>,
    size: f64,
}

/// A place for a label: where it starts (baseline), and where a line leads to its point when it stands far from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    pub(super) at: (f64, f64),
    pub(super) leader: Option<((f64, f64), (f64, f64))>,
}

impl Labels {
    /// Labels of this size in pixels, between two corners.
    pub(super) fn new((left, top): (f64, f64), (right, bottom): (f64, f64), size: f64) -> Self {
        Self { bounds: Area(left, top, right, bottom), taken: Vec::new(), size }
    }

    /// Keeps labels off a box.
    pub(super) fn block(&mut self, (left, top): (f64, f64), (right, bottom): (f64, f64)) {
        self.taken.push(Area(left, top, right, bottom));
    }

    /// A free place beside a disc: to its right, left, above, below; or further away, with a line. `None` when all is full.
    pub(super) fn beside(&mut self, (x, y): (f64, f64), radius: f64, text: &str) -> Option<Spot> {
        let (width, height) = (text_width(text, self.size), self.size * 1.2);
        for distance in [4.0, 14.0, 28.0, 44.0, 64.0, 90.0] {
            let reach = radius + distance;
            let slant = reach * 0.75;
            let corners = [
                (x + reach, y - height / 2.0),
                (x - reach - width, y - height / 2.0),
                (x - width / 2.0, y - reach - height),
                (x - width / 2.0, y + reach),
                (x + slant, y - slant - height),
                (x + slant, y + slant),
                (x - slant - width, y - slant - height),
                (x - slant - width, y + slant),
            ];
            for (left, top) in corners {
                let area = Area(left, top, left + width, top + height);
                if area.within(&self.bounds) && !self.taken.iter().any(|taken| taken.meets(&area)) {
                    self.taken.push(area);
                    let near = (x.clamp(area.0, area.2), y.clamp(area.1, area.3));
                    let leader = (distance > 6.0).then(|| (toward((x, y), near, radius), near));
                    return Some(Spot { at: (left, top + self.size), leader });
                }
            }
        }
        None
    }
}

/// The point `step` away from one point on the way to another.
fn toward((x, y): (f64, f64), to: (f64, f64), step: f64) -> (f64, f64) {
    let (dx, dy) = (to.0 - x, to.1 - y);
    let share = step / dx.hypot(dy).max(step).max(1e-9);
    (x + share * dx, y + share * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_overlap_and_stay_inside() {
        let mut labels = Labels::new((0.0, 0.0), (400.0, 200.0), 12.0);
        let placed: Vec<Spot> =
            (0..12).filter_map(|at| labels.beside((200.0, 90.0 + f64::from(at)), 6.0, "cheapest")).collect();
        assert!(placed.len() > 6, "{}", placed.len());
        for (at, one) in labels.taken.iter().enumerate() {
            assert!(one.within(&labels.bounds));
            assert!(labels.taken.iter().skip(at + 1).all(|other| !one.meets(other)));
        }
        assert!(labels.beside((200.0, 90.0), 6.0, &"x".repeat(100)).is_none());
    }
}
