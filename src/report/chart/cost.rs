//! The cost over time, as stacked areas.

use super::scale::{Axis, Unit};
use super::svg::{Anchor, Labels, Svg, text_width};
use super::{
    Key, Layout, MARKETS, Plot, draw_x_axis, draw_y_axis, last_second, market_class, replan_marks, worth_drawing,
};
use crate::report::Report;
use crate::report::format::{money, span};
use orp_core::prelude::*;
use std::collections::BTreeMap;

/// What is stacked in the chart of costs, from below: a class, a name, and the cost at each of the moments.
struct Layer {
    class: &'static str,
    name: String,
    cost: Vec<f64>,
}

/// The cost over time, stacked by market, against the budget and what was believed.
pub(in crate::report) fn cost(report: &Report, layout: Layout) -> String {
    let (width, height) = (layout.width(), if layout.is_wide() { 270.0 } else { 250.0 });
    let plot = Plot {
        left: if layout.is_wide() { 132.0 } else { 44.0 },
        top: 28.0,
        right: width - 18.0,
        bottom: height - 30.0,
    };
    let total = report.cost.total().as_f64();
    let limit =
        report.cost.limit_here().map(Money::as_f64).filter(|limit| total == 0.0 || worth_drawing(*limit, total));
    let believed =
        Some(report.cost.believed.mean.as_f64()).filter(|believed| total == 0.0 || worth_drawing(*believed, total));
    let high = limit.into_iter().chain(believed).fold(total, f64::max) * 1.06;
    let x = Axis::from_zero(last_second(report), Unit::Time, (plot.left, plot.right), layout.ticks());
    let y = Axis::from_zero(high, Unit::Decimal, (plot.bottom, plot.top), 5);
    let (moments, layers) = cost_layers(report);
    let description = cost_description(report, &layers);
    let mut svg = Svg::new(layout.class(), (width, height), "Cost over time", &description);
    draw_x_axis(&mut svg, &x, plot, false);
    draw_y_axis(&mut svg, &y, plot);
    svg.text("t m", (plot.left - 8.0, 14.0), Anchor::End, report.cost.spent.currency().code());
    let mut below: Vec<f64> = vec![0.0; moments.len()];
    for layer in &layers {
        let above: Vec<f64> = below.iter().zip(&layer.cost).map(|(low, more)| low + more).collect();
        let pixel = |(at, value): (&Span, &f64)| (x.at(at.as_secs_f64()), y.at(*value));
        let mut outline: Vec<(f64, f64)> = moments.iter().zip(&above).map(pixel).collect();
        outline.extend(moments.iter().zip(&below).map(pixel).rev());
        svg.path(&format!("area {}", layer.class), &outline, true, &layer.name);
        below = above;
    }
    let line: Vec<(f64, f64)> =
        moments.iter().zip(&below).map(|(at, value)| (x.at(at.as_secs_f64()), y.at(*value))).collect();
    svg.path("total", &line, false, "");
    draw_cost_marks(&mut svg, report, (&x, &y), plot);
    svg.finish()
}

fn cost_description(report: &Report, layers: &[Layer]) -> String {
    let part = |layer: &Layer| format!("{} {:.2}", layer.name, layer.cost.last().copied().unwrap_or(0.0));
    let parts: Vec<String> = layers.iter().map(part).collect();
    format!("The cost grows to {} over {}: {}.", money(report.cost.total()), span(report.seen), parts.join(", "))
}

fn draw_cost_marks(svg: &mut Svg, report: &Report, (x, y): (&Axis, &Axis), plot: Plot) {
    let mut labels =
        Labels::new((plot.left + 2.0, plot.top - 20.0), (plot.right + 14.0, plot.bottom - 2.0), Layout::LABEL);
    draw_limits(svg, report, (x, y), plot, &mut labels);
    let end = (x.at(report.seen.as_secs_f64()), y.at(report.cost.total().as_f64()));
    svg.circle("total-end", end, 3.5, "");
    labels.block((end.0 - 4.0, end.1 - 4.0), (end.0 + 4.0, end.1 + 4.0));
    let believed = (report.time.believed.mean, report.cost.believed.mean);
    let plan = (x.at(believed.0.as_secs_f64()), y.at(believed.1.as_f64()));
    let shown = x.holds(believed.0.as_secs_f64()) && y.holds(believed.1.as_f64());
    if shown {
        let (px, py) = plan;
        let corners = [(px, py - 6.0), (px + 6.0, py), (px, py + 6.0), (px - 6.0, py)];
        svg.path("believed", &corners, true, &format!("believed: {} in {}", money(believed.1), span(believed.0)));
        labels.block((px - 7.0, py - 7.0), (px + 7.0, py + 7.0));
    }
    let text = money(report.cost.total());
    place(svg, &mut labels, end, "t strong halo", &text);
    if shown {
        place(svg, &mut labels, plan, "t halo", &format!("plan {}", money(believed.1)));
    }
}

/// The budget, the deadline, and where the run was planned again.
fn draw_limits(svg: &mut Svg, report: &Report, (x, y): (&Axis, &Axis), plot: Plot, labels: &mut Labels) {
    for (_, at) in replan_marks(report, x, 6.0) {
        svg.line("replan", (at, plot.top), (at, plot.bottom));
    }
    if let Some(limit) = report.cost.limit_here() {
        let text = format!("budget {}", money(limit));
        let room = text_width(&text, Layout::LABEL);
        if y.holds(limit.as_f64()) {
            let at = y.at(limit.as_f64());
            svg.line("limit", (plot.left, at), (plot.right, at));
            svg.text("t bad halo", (plot.left + 4.0, at - 5.0), Anchor::Start, &text);
            labels.block((plot.left, at - 20.0), (plot.left + room + 8.0, at));
            labels.block((plot.left, at - 2.0), (plot.right, at + 2.0));
        } else {
            svg.text("t bad", (plot.left + 4.0, plot.top - 12.0), Anchor::Start, &format!("{text} ↑"));
            labels.block((plot.left, plot.top - 24.0), (plot.left + room + 20.0, plot.top - 8.0));
        }
    }
    if let Some(limit) = report.time.limit.filter(|limit| x.holds(limit.as_secs_f64())) {
        let at = x.at(limit.as_secs_f64());
        svg.line("limit", (at, plot.top), (at, plot.bottom));
        labels.block((at - 2.0, plot.top), (at + 2.0, plot.bottom));
    }
}

fn place(svg: &mut Svg, labels: &mut Labels, at: (f64, f64), class: &str, text: &str) {
    if let Some(spot) = labels.beside(at, 5.0, text) {
        if let Some((from, to)) = spot.leader {
            svg.line("leader", from, to);
        }
        svg.text(class, spot.at, Anchor::Start, text);
    }
}

/// What the colours of the chart mean, in the order they are stacked.
pub(in crate::report) fn cost_legend(report: &Report) -> Vec<Key> {
    let layers = cost_layers(report).1.into_iter().map(|layer| (layer.class, layer.name));
    layers.chain([("believed-key", "what the plan believed".into())]).collect()
}

/// The cost of each market at every moment at which something changes. A lease's cost grows evenly while it is held.
fn cost_layers(report: &Report) -> (Vec<Span>, Vec<Layer>) {
    let mut moments: Vec<Span> = vec![Span::ZERO, report.seen];
    for lease in &report.leases {
        moments.extend([lease.from, lease.to.unwrap_or(report.seen)]);
    }
    // Twice: a charge is a step, and a lease without a length is one too.
    moments.extend(report.charges.iter().flat_map(|charge| [charge.at, charge.at]));
    moments.sort();
    let before = |at: usize| at + 1 < moments.len() && moments.get(at) == moments.get(at + 1);
    let mut layers: BTreeMap<usize, Layer> = BTreeMap::new();
    let mut layer = |rank: usize, class, name: String, cost: &dyn Fn(Span, bool) -> f64| {
        let layer = layers.entry(rank).or_insert_with(|| Layer { class, name, cost: vec![0.0; moments.len()] });
        for (at, (moment, sum)) in moments.iter().zip(&mut layer.cost).enumerate() {
            *sum += cost(*moment, before(at));
        }
    };
    for lease in report.leases.iter().filter(|lease| !lease.cost.is_zero()) {
        let market = lease.on.market;
        let rank = MARKETS.iter().position(|one| *one == market).unwrap_or(MARKETS.len());
        let (from, held, total) = (lease.from, lease.held(report.seen).as_secs_f64(), lease.cost.as_f64());
        layer(rank, market_class(market), market.to_string(), &|at, _| {
            let share = if held > 0.0 { at.saturating_sub(from).as_secs_f64() / held } else { f64::from(at >= from) };
            total * share.min(1.0)
        });
    }
    for charge in &report.charges {
        let (from, amount) = (charge.at, charge.amount.as_f64());
        layer(MARKETS.len(), "other", "other charges".into(), &|at, before| {
            if at > from || (at == from && !before) { amount } else { 0.0 }
        });
    }
    (moments, layers.into_values().collect())
}
