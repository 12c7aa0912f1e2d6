//! The frontier as points: cost against duration, quality as size.

use super::scale::{Axis, Unit};
use super::svg::{Anchor, Labels, Svg, fit, text_width};
use super::{Layout, Plot, draw_x_axis, draw_y_axis, worth_drawing};
use crate::report::Report;
use crate::report::facts::{FrontierFacts, PlanFacts};
use crate::report::format::{money, number, span};
use orp_core::prelude::*;

/// The plans by cost and duration, the chosen one marked, and what happened.
pub(in crate::report) fn frontier(report: &Report, facts: &FrontierFacts, layout: Layout) -> String {
    let (width, height) = (layout.width(), if layout.is_wide() { 380.0 } else { 340.0 });
    let plot = Plot {
        left: if layout.is_wide() { 64.0 } else { 46.0 },
        top: 30.0,
        right: width - 18.0,
        bottom: height - 46.0,
    };
    let chart = Scatter { report, facts, layout, plot, axes: frontier_axes(report, facts, layout, plot) };
    let description = chart.description();
    let mut svg = Svg::new(layout.class(), (width, height), "Plans by expected cost and duration", &description);
    chart.draw(&mut svg);
    svg.finish()
}

fn frontier_axes(report: &Report, facts: &FrontierFacts, layout: Layout, plot: Plot) -> (Axis, Axis) {
    let values = |of: &dyn Fn(&Estimate) -> f64, happened: f64, limit: Option<f64>| {
        let plans =
            facts.plans.iter().map(|plan| of(&plan.estimate)).chain([happened].into_iter().filter(|v| *v > 0.0));
        let (low, high) = plans.fold((f64::INFINITY, 0.0), |(low, high), v| (f64::min(low, v), f64::max(high, v)));
        (low, limit.filter(|limit| worth_drawing(*limit, high)).map_or(high, |limit| high.max(limit)))
    };
    let cost =
        values(&|e| e.cost.mean.as_f64(), report.cost.total().as_f64(), report.cost.limit_here().map(Money::as_f64));
    let seconds = |span: Span| span.as_secs_f64();
    let time = values(&|e| seconds(e.duration.mean), seconds(report.time.took), report.time.limit.map(seconds));
    (
        Axis::around(cost, Unit::Decimal, (plot.left, plot.right), layout.ticks()),
        Axis::around(time, Unit::Time, (plot.bottom, plot.top), 6),
    )
}

struct Scatter<'a> {
    report: &'a Report,
    facts: &'a FrontierFacts,
    layout: Layout,
    plot: Plot,
    axes: (Axis, Axis),
}

impl Scatter<'_> {
    fn description(&self) -> String {
        let plans: Vec<String> = self.facts.plans.iter().map(plan_line).collect();
        format!("A point for each plan: {}.", plans.join("; "))
    }

    fn draw(&self, svg: &mut Svg) {
        let (x, y) = &self.axes;
        draw_x_axis(svg, x, self.plot, true);
        draw_y_axis(svg, y, self.plot);
        let below = self.plot.bottom + 38.0;
        svg.text(
            "t m",
            (self.plot.right, below),
            Anchor::End,
            &format!("expected cost, {}", self.report.cost.spent.currency()),
        );
        svg.text("t m", (if self.layout.is_wide() { 8.0 } else { 4.0 }, 16.0), Anchor::Start, "expected duration");
        let mut labels = Labels::new(
            (self.plot.left + 4.0, self.plot.top),
            (self.plot.right, self.plot.bottom - 4.0),
            Layout::LABEL,
        );
        self.draw_limits(svg, &mut labels);
        for (point, radius, _) in self.points() {
            labels.block((point.0 - radius, point.1 - radius), (point.0 + radius, point.1 + radius));
        }
        self.draw_happened(svg, &mut labels);
        self.draw_plans(svg, &mut labels);
    }

    fn draw_limits(&self, svg: &mut Svg, labels: &mut Labels) {
        let ((x, y), plot) = (&self.axes, self.plot);
        if let Some(limit) = self.report.cost.limit_here() {
            let text = format!("budget {}", money(limit));
            let room = text_width(&text, Layout::LABEL);
            if x.holds(limit.as_f64()) {
                let at = x.at(limit.as_f64());
                svg.line("limit", (at, plot.top), (at, plot.bottom));
                svg.text("t bad", (at.min(plot.right), plot.top - 8.0), Anchor::End, &text);
                labels.block((at - 2.0, plot.top), (at + 2.0, plot.bottom));
            } else {
                svg.text("t bad", (plot.right, plot.top - 8.0), Anchor::End, &format!("{text} →"));
                labels.block((plot.right - room - 14.0, plot.top - 20.0), (plot.right, plot.top));
            }
        }
        if let Some(limit) = self.report.time.limit {
            let (text, value) = (format!("deadline {}", span(limit)), limit.as_secs_f64());
            let room = text_width(&text, Layout::LABEL) + 14.0;
            let (text, at) = if y.holds(value) { (text, y.at(value)) } else { (format!("{text} ↑"), plot.top) };
            if y.holds(value) {
                svg.line("limit", (plot.left, at), (plot.right, at));
            }
            svg.text("t bad", (plot.left + 6.0, at + 15.0), Anchor::Start, &text);
            labels.block((plot.left, at - 3.0), (plot.left + room, at + 20.0));
            labels.block((plot.left, at - 2.0), (plot.right, at + 2.0));
        }
    }

    /// Each plan's point and radius: the area grows with the quality.
    fn points(&self) -> Vec<((f64, f64), f64, &PlanFacts)> {
        let (x, y) = &self.axes;
        let quality = |plan: &PlanFacts| plan.estimate.quality.value;
        let all = || self.facts.plans.iter().map(quality).filter(|q| q.is_finite());
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let radius = |plan: &PlanFacts| {
            let share = if high - low > 1e-9 { ((quality(plan) - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
            (25.0 + 119.0 * share).sqrt()
        };
        let at = |estimate: &Estimate| (x.at(estimate.cost.mean.as_f64()), y.at(estimate.duration.mean.as_secs_f64()));
        self.facts.plans.iter().map(|plan| (at(&plan.estimate), radius(plan), plan)).collect()
    }

    fn draw_plans(&self, svg: &mut Svg, labels: &mut Labels) {
        let mut points = self.points();
        // The chosen and the named ones find the best places for their labels.
        points.sort_by_key(|(_, _, plan)| (!plan.chosen, !plan.is_named()));
        for (at, radius, plan) in points.iter().rev() {
            let class = if plan.is_named() || plan.chosen { "point named" } else { "point" };
            if plan.chosen {
                svg.circle("ring", *at, radius + 4.0, "");
            }
            svg.circle(class, *at, *radius, &plan_line(plan));
        }
        for (at, radius, plan) in &points {
            let quality = number(plan.estimate.quality.value);
            let named = plan.is_named() || plan.chosen;
            let text = if named { format!("{} · {quality}", plan.title()) } else { quality };
            let text = fit(&text, (self.plot.right - self.plot.left) * 0.6, Layout::LABEL);
            let ring = if plan.chosen { 4.0 } else { 0.0 };
            if let Some(spot) = labels.beside(*at, radius + ring, &text) {
                if let Some((from, to)) = spot.leader {
                    svg.line("leader", from, to);
                }
                svg.text(if named { "t strong" } else { "t m" }, spot.at, Anchor::Start, &text);
            }
        }
    }

    /// What the run cost and took: where it is over.
    fn draw_happened(&self, svg: &mut Svg, labels: &mut Labels) {
        let (total, took) = (self.report.cost.total(), self.report.time.took);
        if took == Span::ZERO || self.report.outcome.is_none() {
            return;
        }
        let (x, y) = (self.axes.0.at(total.as_f64()), self.axes.1.at(took.as_secs_f64()));
        svg.line("happened", (x - 6.0, y - 6.0), (x + 6.0, y + 6.0));
        svg.line("happened", (x - 6.0, y + 6.0), (x + 6.0, y - 6.0));
        labels.block((x - 7.0, y - 7.0), (x + 7.0, y + 7.0));
        let wide = format!("happened: {}, {}", money(total), span(took));
        let text = if self.layout.is_wide() { wide } else { "happened".into() };
        if let Some(spot) = labels.beside((x, y), 6.0, &text) {
            svg.text("t", spot.at, Anchor::Start, &text);
        }
    }
}

fn plan_line(plan: &PlanFacts) -> String {
    let e = &plan.estimate;
    let chosen = if plan.chosen { " (chosen)" } else { "" };
    format!(
        "{}{chosen}: {}, {}, risk {}, quality {}",
        plan.title(),
        money(e.cost.mean),
        span(e.duration.mean),
        e.risk,
        number(e.quality.value)
    )
}
