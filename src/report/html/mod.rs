//! The report as one HTML file: no script, no font, no address of anything outside.
//!
//! Tables turn into cards on a phone: each cell carries its column's name. Text becomes markup in one function, which
//! escapes it, and a content security policy forbids the page to load or run anything, should that ever be wrong.

mod element;

use super::Report;
use super::chart;
use super::facts::*;
use super::format::{bytes, measure_name, money, number, percents, span};
use element::{Markup, Table, bar, card, code, dotted, figure, fine, legend, lines, list, section, strong, text};
use orp_core::prelude::*;

const STYLE: &str = include_str!("style.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let (name, standing) = (text(&report.name), text(report.standing()));
    let sections = [
        header(report),
        notes(report),
        figures(report),
        plans(report),
        attempts(report),
        costs(report),
        beliefs(report),
        leases(report),
        section("Policy", &[list(report.policy_lines())]),
        artefacts(report),
    ];
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{name}: {standing}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
{}</main>
</body>
</html>
"#,
        sections.concat()
    )
}

fn header(report: &Report) -> String {
    let class = match report.outcome {
        Some(Outcome::Succeeded) => "good",
        Some(Outcome::Failed(_)) => "bad",
        _ => "plain",
    };
    let (standing, name, intent) = (text(report.standing()), text(&report.name), text(&report.intent));
    let origin = fine(&report.origin().join(" · "));
    format!(
        "<header>\n<p class=\"standing {class}\">{standing}</p>\n<h1>{name}</h1>\n<p class=\"intent\">{intent}</p>\n\
         {origin}</header>\n"
    )
}

fn notes(report: &Report) -> String {
    if report.notes.is_empty() {
        return String::new();
    }
    format!("<aside class=\"notes\">\n<h2>Read this first</h2>\n{}</aside>\n", list(&report.notes))
}

fn figures(report: &Report) -> String {
    let cards = [cost_card(report), time_card(report), reclaim_card(report), quality_card(report)];
    format!("<section class=\"figures\">\n{}</section>\n", cards.concat())
}

fn cost_card(report: &Report) -> String {
    let cost = &report.cost;
    let of = cost.limit.map_or("without a budget".into(), |limit| format!("of {}", money(limit)));
    let used = cost.share().zip(cost.limit_here());
    let drawn = used.map(|(share, limit)| bar("budget", share, cost.believed.mean.as_f64() / limit.as_f64()));
    card("Cost", &money(cost.total()), &of, &drawn.unwrap_or_default(), &report.cost_details())
}

fn time_card(report: &Report) -> String {
    let time = &report.time;
    let of = time.limit.map_or("without a deadline".into(), |limit| format!("of {}", span(limit)));
    let used = time.share().zip(time.limit);
    let drawn =
        used.map(|(share, limit)| bar("deadline", share, time.believed.mean.as_secs_f64() / limit.as_secs_f64()));
    card("Time", &span(time.took), &of, &drawn.unwrap_or_default(), &report.time_details())
}

fn reclaim_card(report: &Report) -> String {
    let hits = &report.interruptions;
    let (value, of) = match hits.reclaims {
        0 => ("none".into(), String::new()),
        reclaims => (hits.survived.to_string(), format!("of {reclaims} survived")),
    };
    card("Reclaims", &value, &of, "", &report.interruption_details())
}

fn quality_card(report: &Report) -> String {
    let details = [report.prior()];
    match &report.quality.reached {
        Some(measure) => card(&measure_name(measure), &number(measure.value), &report.measured_on(), "", &details),
        None => card("Quality", "–", &format!("not measured {}", report.measured_on()), "", &details),
    }
}

fn plans(report: &Report) -> String {
    let Some(facts) = &report.frontier else { return String::new() };
    let mut keys = vec![
        ("point-key", "a plan; the larger, the better its quality".into()),
        ("chosen-key", "the plan followed".into()),
        ("limit-key", "budget and deadline".into()),
    ];
    if report.outcome.is_some() {
        keys.push(("happened-key", "what happened".into()));
    }
    let drawing = figure(|layout| chart::frontier(report, facts, layout));
    section("The plans there were", &[drawing, legend(&keys), plan_table(facts), rejections(facts)])
}

fn plan_table(facts: &FrontierFacts) -> String {
    let head = ["plan", "cost", "p95", "duration", "risk", "quality", "way", "on"];
    let mut table = Table::new(&head, &[1, 2, 3, 4, 5]);
    for plan in &facts.plans {
        let e = &plan.estimate;
        let title = if plan.chosen { format!("{} ✓", plan.title()) } else { plan.title() };
        let on = plan.on.as_ref().map(|on| format!("{} {} in {}", on.market, on.what(), on.where_short()));
        table.push_marked(
            plan.chosen,
            [
                strong(title),
                text(money(e.cost.mean)),
                text(money(e.cost.p95)),
                text(span(e.duration.mean)),
                text(e.risk),
                text(format!("{} ({})", number(e.quality.value), e.quality.source)),
                text(format!("{}, {} tokens", plan.variant, plan.tokens)),
                text(on.unwrap_or_default()),
            ],
        );
        table.push_more(plan.chosen, &lines(plan.why.iter().chain([&plan.guarantee])));
    }
    table.finish()
}

fn rejections(facts: &FrontierFacts) -> String {
    let considered = fine(&facts.considered_line());
    if facts.rejected.is_empty() {
        return considered;
    }
    let reasons = facts.rejected.iter().map(|rejection| format!("{} × {}", rejection.count, rejection.reason));
    format!("{considered}<details open><summary>Why others are not there</summary>\n{}</details>\n", list(reasons))
}

fn attempts(report: &Report) -> String {
    let mut content = vec![legend(&chart::attempts_legend(report)), figure(|layout| chart::attempts(report, layout))];
    if !report.replans.is_empty() {
        let item = |replan: &Replanning| format!("<li>{} {}</li>\n", strong(span(replan.at)), text(&replan.reason));
        let items: String = report.replans.iter().map(item).collect();
        content.push(format!("<h3>Planned again</h3>\n<ol>\n{items}</ol>\n"));
    }
    section("What ran when", &content)
}

fn costs(report: &Report) -> String {
    let drawing = figure(|layout| chart::cost(report, layout));
    section("Cost over time", &[legend(&chart::cost_legend(report)), drawing, charges(report)])
}

fn charges(report: &Report) -> String {
    if report.charges.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["charge beside the leases", "at", "cost"], &[1, 2]);
    for charge in &report.charges {
        table.push([text(&charge.what), text(span(charge.at)), text(money(charge.amount))]);
    }
    table.finish()
}

fn beliefs(report: &Report) -> String {
    let sources: Vec<String> = report.rate_sources().into_iter().collect();
    let source = format!("The believed speeds come from: {}.", sources.join("; "));
    let class = if report.starts.wrong.is_empty() { "" } else { " class=\"alarm\"" };
    let starts = format!("<p{class}>{}</p>\n", text(report.starts_line()));
    let content = [
        task_table(report),
        attempt_table(report),
        if sources.is_empty() { String::new() } else { fine(&source) },
        "<h3>Starts, idle time, lost work</h3>\n".into(),
        starts,
        list(report.waste_lines()),
    ];
    section("Believed and happened", &content)
}

fn task_table(report: &Report) -> String {
    let head = ["task", "believed", "p95", "took", "believed cost", "cost", "attempts", "measured"];
    let mut table = Table::new(&head, &[1, 2, 3, 4, 5, 6]);
    for task in &report.tasks {
        let believed = task.believed;
        table.push([
            strong(&task.name),
            text(believed.map_or(String::new(), |(time, _)| span(time.mean))),
            text(believed.map_or(String::new(), |(time, _)| span(time.p95))),
            text(task.took.map_or(String::new(), span)),
            text(believed.map_or(String::new(), |(_, cost)| money(cost.mean))),
            text(money(task.cost)),
            text(task.attempts.len()),
            text(task.measured_line()),
        ]);
    }
    table.finish()
}

fn attempt_table(report: &Report) -> String {
    if report.attempts().next().is_none() {
        return String::new();
    }
    let head = [
        "attempt",
        "progress",
        "believed speed",
        "while running",
        "while held",
        "of believed",
        "lost",
        "starts",
        "ended",
    ];
    let mut table = Table::new(&head, &[2, 3, 4, 5, 6, 7]);
    for (task, attempt) in report.attempts() {
        let [believed, running, held, share] = attempt.speed_cells().map(text);
        let lost = if attempt.lost > Span::ZERO { span(attempt.lost) } else { String::new() };
        let again =
            if attempt.reattached > 0 { format!(", re-attached {}×", attempt.reattached) } else { String::new() };
        let name = strong(format!("{} #{}", task.name, attempt.number));
        let starts = text(format!("{}{again}", attempt.starts));
        let progress = text(attempt.started.map_or(String::new(), |_| percents(attempt.share)));
        table.push([name, progress, believed, running, held, share, text(lost), starts, text(attempt.result())]);
    }
    format!("<h3>Attempts</h3>\n{}", table.finish())
}

fn leases(report: &Report) -> String {
    if report.leases.is_empty() {
        return String::new();
    }
    let head = ["for", "machine", "market", "place", "price", "from", "to", "held", "idle", "cost", "ended"];
    let mut table = Table::new(&head, &[4, 5, 6, 7, 8, 9]);
    for lease in &report.leases {
        table.push([
            strong(format!("{} #{}", lease.task, lease.attempt)),
            text(lease.on.what()),
            dotted(chart::market_class(lease.on.market), lease.on.market),
            text(lease.on.where_short()),
            text(format!("{}/{}", money(lease.price.amount), lease.price.per)),
            text(span(lease.from)),
            lease.to.map_or(Markup::default(), |to| text(span(to))),
            text(span(lease.held(report.seen))),
            lease.idle.map_or(Markup::default(), |idle| text(span(idle))),
            text(money(lease.cost)),
            text(lease.fate()),
        ]);
    }
    section("Leases", &[table.finish()])
}

fn artefacts(report: &Report) -> String {
    if report.artefacts.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["asset", "kind", "from", "size", "file", "digest"], &[3]);
    for ArtefactFacts { task, artefact } in &report.artefacts {
        table.push([
            strong(&artefact.asset),
            text(format!("{} {}", artefact.pillar, artefact.kind)),
            text(task),
            text(bytes(artefact.size)),
            code(&artefact.path),
            code(artefact.digest),
        ]);
    }
    section("Artefacts", &[table.finish()])
}
