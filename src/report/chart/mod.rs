//! The three charts of a report: the frontier, the attempts over time, and the cost over time.
//!
//! Each is drawn twice, for a wide page and for a phone: a drawing that is only scaled down has labels nobody can read.
//! Times lie on the same axis in the last two, so that what cost money stands under what ran.

mod attempts;
mod cost;
mod frontier;
mod scale;
mod svg;

pub(super) use attempts::{attempts, attempts_legend};
pub(super) use cost::{cost, cost_legend};
pub(super) use frontier::frontier;

use super::Report;
use orp_core::prelude::*;
use scale::Axis;
use svg::{Anchor, Svg, text_width};

/// For which page a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// A screen or a sheet of paper.
    Wide,
    /// A phone.
    Narrow,
}

impl Layout {
    pub(super) const BOTH: [Self; 2] = [Self::Wide, Self::Narrow];
    /// The size of labels.
    const LABEL: f64 = 12.0;

    const fn class(self) -> &'static str {
        if self.is_wide() { "chart wide" } else { "chart narrow" }
    }

    const fn is_wide(self) -> bool {
        matches!(self, Self::Wide)
    }

    const fn width(self) -> f64 {
        if self.is_wide() { 960.0 } else { 360.0 }
    }

    const fn ticks(self) -> usize {
        if self.is_wide() { 9 } else { 5 }
    }
}

/// The plot within a drawing.
#[derive(Debug, Clone, Copy)]
struct Plot {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// Every market, in the order of legends and stacks.
const MARKETS: [Market; 4] = [Market::Owned, Market::Reserved, Market::OnDemand, Market::Spot];

/// The class that colours a market.
pub(super) const fn market_class(market: Market) -> &'static str {
    match market {
        Market::Owned => "owned",
        Market::Reserved => "reserved",
        Market::OnDemand => "ondemand",
        Market::Spot => "spot",
    }
}

/// What a legend explains: a class, and what it stands for.
pub(super) type Key = (&'static str, String);

/// A limit is drawn while what happened keeps at least this share of the chart; else it is named at the edge.
const LEAST_SHARE: f64 = 0.4;

/// Whether a limit is near enough to what happened to share a chart with it.
fn worth_drawing(limit: f64, data: f64) -> bool {
    limit * LEAST_SHARE <= data
}

fn draw_x_axis(svg: &mut Svg, axis: &Axis, plot: Plot, grid: bool) {
    for (value, label) in &axis.ticks {
        let x = axis.at(*value);
        svg.line("grid", (x, if grid { plot.top } else { plot.bottom }), (x, plot.bottom + 4.0));
        let half = text_width(label, 11.0) / 2.0;
        let anchor = if x + half > plot.right + 14.0 { Anchor::End } else { Anchor::Middle };
        svg.text("t m", (x, plot.bottom + 18.0), anchor, label);
    }
    svg.line("axis", (plot.left, plot.bottom), (plot.right, plot.bottom));
}

fn draw_y_axis(svg: &mut Svg, axis: &Axis, plot: Plot) {
    for (value, label) in &axis.ticks {
        let y = axis.at(*value);
        svg.line("grid", (plot.left - 4.0, y), (plot.right, y));
        svg.text("t m", (plot.left - 8.0, y + 4.0), Anchor::End, label);
    }
}

/// Where the run was planned again, with the number of each; those closer to the last one than `gap` pixels are left out,
/// as they would run into it.
fn replan_marks(report: &Report, axis: &Axis, gap: f64) -> Vec<(usize, f64)> {
    let mut marks: Vec<(usize, f64)> = Vec::new();
    for (at, replan) in report.replans.iter().enumerate() {
        let x = axis.at(replan.at.as_secs_f64());
        if marks.last().is_none_or(|(_, last)| x - last > gap) {
            marks.push((at, x));
        }
    }
    marks
}

/// The last second of the charts over time.
fn last_second(report: &Report) -> f64 {
    let seen = report.seen.as_secs_f64();
    let worth = |limit: &f64| report.seen == Span::ZERO || worth_drawing(*limit, seen);
    let limits = [report.time.limit, Some(report.time.believed.mean)].into_iter().flatten().map(Span::as_secs_f64);
    limits.filter(worth).fold(seen, f64::max) * 1.02
}
