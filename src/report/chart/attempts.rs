//! The attempts over time, as bars.

use super::scale::{Axis, Unit};
use super::svg::{Anchor, Svg, fit, text_width};
use super::{Key, Layout, MARKETS, Plot, draw_x_axis, last_second, market_class, replan_marks};
use crate::report::Report;
use crate::report::facts::{AttemptFacts, LeaseFacts, TaskFacts};
use crate::report::format::{counted, escape, money, percent, span};
use orp_core::prelude::*;

/// The attempts over time: queued, provisioning, running; reclaims, re-plans, the deadline.
pub(in crate::report) fn attempts(report: &Report, layout: Layout) -> String {
    let rows = rows_of(report, layout);
    let pitch = if rows.iter().all(|row| row.label.is_none()) { 26.0 } else { 40.0 };
    let top = 38.0;
    let bottom = top + pitch * rows.len().max(1) as f64 + 4.0;
    let width = layout.width();
    let plot = Plot { left: if layout.is_wide() { 132.0 } else { 10.0 }, top, right: width - 18.0, bottom };
    let axis = Axis::from_zero(last_second(report), Unit::Time, (plot.left, plot.right), layout.ticks());
    let mut svg = Svg::new(layout.class(), (width, bottom + 28.0), "Attempts over time", &description(report));
    let suffix = if layout.is_wide() { "w" } else { "n" };
    svg.push(&format!(
        r#"<defs><pattern id="lost-{suffix}" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="2.2" height="5"/></pattern></defs>"#
    ));
    draw_x_axis(&mut svg, &axis, plot, true);
    let chart = Gantt { report, layout, plot, axis, hatch: format!("lost-{suffix}") };
    chart.draw_marks(&mut svg);
    for (at, row) in rows.iter().enumerate() {
        chart.draw_row(&mut svg, row, plot.top + pitch * at as f64, pitch);
    }
    svg.finish()
}

fn description(report: &Report) -> String {
    let attempt = |task: &TaskFacts, attempt: &AttemptFacts| {
        let from = attempt.started.map_or("not started".into(), |at| format!("from {}", span(at)));
        let to = attempt.ended.map_or(String::new(), |at| format!(" to {}", span(at)));
        format!("{}#{} {from}{to}: {}", task.name, attempt.number, attempt.result())
    };
    let all = report.tasks.iter().flat_map(|task| task.attempts.iter().map(move |one| attempt(task, one)));
    format!("A bar for each attempt. {}.", all.collect::<Vec<_>>().join("; "))
}

/// A row of the chart: one attempt, or all attempts of a task when there are too many for a row each.
struct Row<'a> {
    task: &'a TaskFacts,
    title: String,
    label: Option<String>,
    attempts: Vec<&'a AttemptFacts>,
}

/// The most rows with a label each.
const LABELLED_ROWS: usize = 30;

fn rows_of(report: &Report, layout: Layout) -> Vec<Row<'_>> {
    let rows: usize = report.tasks.iter().map(|task| task.attempts.len().max(1)).sum();
    let mut all = Vec::new();
    for task in &report.tasks {
        if rows > LABELLED_ROWS || task.attempts.is_empty() {
            let many = format!("{} ×{}", task.name, task.attempts.len());
            let title = if task.attempts.len() > 1 { many } else { task.name.to_string() };
            let label = (rows <= LABELLED_ROWS).then(|| match layout {
                Layout::Wide => "not started".into(),
                Layout::Narrow => format!("{}: not started", task.name),
            });
            all.push(Row { task, title, label, attempts: task.attempts.iter().collect() });
            continue;
        }
        for attempt in &task.attempts {
            let title = if task.attempts.len() > 1 {
                format!("{} #{}", task.name, attempt.number)
            } else {
                task.name.to_string()
            };
            let label = Some(row_label(attempt, &title, layout));
            all.push(Row { task, title, label, attempts: vec![attempt] });
        }
    }
    all
}

fn row_label(attempt: &AttemptFacts, title: &str, layout: Layout) -> String {
    let mut parts = Vec::new();
    if layout == Layout::Narrow {
        let on = attempt.on.iter().flat_map(|on| [on.market.to_string(), on.where_short()]);
        let ended = Some(attempt.result_short()).filter(|_| !attempt.is_done());
        return [title.to_owned()].into_iter().chain(ended).chain(on).collect::<Vec<_>>().join(" · ");
    }
    if !attempt.is_done() {
        parts.push(attempt.result());
    }
    if let Some(on) = &attempt.on {
        parts.push(on.market.to_string());
        parts.push(on.where_short());
        parts.push(on.what());
    }
    parts.join(" · ")
}

struct Gantt<'a> {
    report: &'a Report,
    layout: Layout,
    plot: Plot,
    axis: Axis,
    hatch: String,
}

impl Gantt<'_> {
    fn x(&self, at: Span) -> f64 {
        self.axis.at(at.as_secs_f64())
    }

    /// Lines over all rows: re-plans with their numbers, the deadline, and now when the run is not over.
    fn draw_marks(&self, svg: &mut Svg) {
        let plot = self.plot;
        for (_, x) in replan_marks(self.report, &self.axis, 6.0) {
            svg.line("replan", (x, plot.top - 8.0), (x, plot.bottom));
        }
        for (at, x) in replan_marks(self.report, &self.axis, 17.0) {
            let tip = self
                .report
                .replans
                .get(at)
                .map(|replan| format!("planned again at {}: {}", span(replan.at), replan.reason));
            svg.circle("badge", (x, plot.top - 14.0), 8.0, &tip.unwrap_or_default());
            svg.text("t badge-text", (x, plot.top - 10.0), Anchor::Middle, &(at + 1).to_string());
        }
        if let Some(limit) = self.report.time.limit {
            let text = format!("deadline {}", span(limit));
            if self.axis.holds(limit.as_secs_f64()) {
                svg.line("limit", (self.x(limit), 14.0), (self.x(limit), plot.bottom));
                svg.text("t bad", (self.x(limit) + 4.0, 10.0), Anchor::End, &text);
            } else {
                svg.text("t bad", (plot.right, 10.0), Anchor::End, &format!("{text} →"));
            }
        }
        if self.report.outcome.is_none() {
            let x = self.x(self.report.seen);
            svg.line("now", (x, plot.top - 4.0), (x, plot.bottom));
            let clear = self.report.time.limit.is_none_or(|limit| self.x(limit) - x > 190.0);
            if clear {
                svg.text(
                    "t m",
                    (x.max(plot.left + 30.0), 10.0),
                    Anchor::Middle,
                    &format!("as of {}", span(self.report.seen)),
                );
            }
        }
    }

    fn draw_row(&self, svg: &mut Svg, row: &Row<'_>, top: f64, pitch: f64) {
        let bar = if row.label.is_some() { top + 17.0 } else { top + 6.0 };
        if self.layout.is_wide() {
            let title = fit(&row.title, self.plot.left - 12.0, Layout::LABEL);
            svg.text("t strong", (self.plot.left - 10.0, bar + 10.0), Anchor::End, &title);
        }
        svg.line("row", (self.plot.left, top + pitch), (self.plot.right, top + pitch));
        for attempt in &row.attempts {
            self.draw_attempt(svg, row.task, attempt, bar);
        }
        if let Some(label) = &row.label {
            let size = 11.0;
            let text = fit(label, self.plot.right - self.plot.left, size);
            let start = row.attempts.first().map_or(self.plot.left, |attempt| self.x(attempt.queued));
            let x = start.min(self.plot.right - text_width(&text, size)).max(self.plot.left + 2.0);
            svg.text("t s halo", (x, bar - 4.0), Anchor::Start, &text);
        }
    }

    fn draw_attempt(&self, svg: &mut Svg, task: &TaskFacts, attempt: &AttemptFacts, y: f64) {
        let seen = self.report.seen;
        let end = attempt.ended.unwrap_or(seen);
        let running = attempt.started.unwrap_or(end);
        let provisioning = attempt.requested.unwrap_or(running).min(running);
        let market = attempt.on.as_ref().map_or("other", |on| market_class(on.market));
        let name = format!("{}#{}", task.name, attempt.number);
        let draw = |svg: &mut Svg, class: &str, (from, to): (Span, Span), what: &str| {
            if to > from {
                let tip = format!("{name} {what}: {} – {}, {}", span(from), span(to), span(to.saturating_sub(from)));
                svg.rect(class, (self.x(from), y), (self.x(to) - self.x(from), 13.0), &tip);
            }
        };
        draw(svg, "queued", (attempt.queued, provisioning), "queued");
        draw(svg, &format!("provisioning {market}"), (provisioning, running), "provisioning");
        draw(svg, market, (running, end), "running");
        if attempt.lost > Span::ZERO {
            let from = end.saturating_sub(attempt.lost);
            let tip =
                format!("{name}: {} of work lost ({} of the task)", span(attempt.lost), percent(attempt.lost_share));
            let (x, width) = (self.x(from), (self.x(end) - self.x(from)).max(1.0));
            svg.rect("lost-ground", (x, y), (width, 13.0), "");
            svg.push(&format!(
                r##"<rect fill="url(#{})" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="13"><title>{}</title></rect>"##,
                self.hatch,
                escape(&tip)
            ));
        }
        self.draw_leases(svg, task, attempt, y);
        self.draw_end(svg, attempt, self.x(end), y, &name);
    }

    /// A thin line under the bar while a machine is held for the attempt: where it is longer than the bar, it is idle.
    fn draw_leases(&self, svg: &mut Svg, task: &TaskFacts, attempt: &AttemptFacts, y: f64) {
        let own =
            |lease: &&LeaseFacts| lease.task == task.name && lease.attempt == attempt.number && lease.idle.is_some();
        for lease in self.report.leases.iter().filter(own) {
            let to = lease.to.unwrap_or(self.report.seen);
            let tip = format!("{} held: {} – {}, {}", lease.on.what(), span(lease.from), span(to), money(lease.cost));
            let class = format!("held {}", market_class(lease.on.market));
            svg.rect(&class, (self.x(lease.from), y + 14.5), (self.x(to) - self.x(lease.from), 2.5), &tip);
        }
    }

    /// A mark where an attempt ended otherwise than done.
    fn draw_end(&self, svg: &mut Svg, attempt: &AttemptFacts, x: f64, y: f64, name: &str) {
        let Some(ending) = attempt.ending.as_ref().filter(|ending| !ending.is_success()) else { return };
        let tip = format!("{name} {}", attempt.result());
        if attempt.interruption == Some(Interruption::Reclaimed) {
            svg.path("mark", &[(x - 5.5, y - 3.0), (x + 5.5, y - 3.0), (x, y + 7.5)], true, &tip);
        } else if attempt.interruption.is_some() || ending.is_saved() {
            svg.path("mark", &[(x, y), (x + 5.0, y + 6.5), (x, y + 13.0), (x - 5.0, y + 6.5)], true, &tip);
        } else {
            svg.line("fail", (x - 4.5, y + 2.0), (x + 4.5, y + 11.0));
            svg.line("fail", (x - 4.5, y + 11.0), (x + 4.5, y + 2.0));
        }
    }
}

/// What the marks of the chart of attempts mean, as far as the run has them: a class and a name.
pub(in crate::report) fn attempts_legend(report: &Report) -> Vec<Key> {
    let has = |holds: &dyn Fn(&AttemptFacts) -> bool| report.attempts().any(|(_, attempt)| holds(attempt));
    let on = |market: Market| has(&|attempt| attempt.on.as_ref().is_some_and(|on| on.market == market));
    let mut legend: Vec<Key> = vec![("queued", "queued".into()), ("provisioning ink", "provisioning".into())];
    let markets = MARKETS.into_iter().filter(|market| on(*market));
    legend.extend(markets.map(|market| (market_class(market), market.to_string())));
    let others = [
        (has(&|attempt| attempt.started.is_some() && attempt.on.is_none()), "other", "no machine".into()),
        (report.leases.iter().any(|lease| lease.idle.is_some()), "held-key", "machine held".into()),
        (has(&|attempt| attempt.lost > Span::ZERO), "lost-key", "work lost".into()),
        (report.interruptions.reclaims > 0, "mark-key", counted(report.interruptions.reclaims as usize, "reclaim")),
        (!report.replans.is_empty(), "replan-key", "planned again".into()),
    ];
    legend.extend(others.into_iter().filter(|(there, ..)| *there).map(|(_, class, name)| (class, name)));
    legend
}
