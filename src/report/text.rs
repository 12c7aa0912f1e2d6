//! The report on a terminal: at most a hundred columns, aligned, colours only when asked for.

use super::Report;
use super::facts::*;
use super::format::{bytes, columns, columns_of, counted, cut, money, number, percent, percents, plain, span};
use orp_core::prelude::*;

const WIDTH: usize = 100;
const INDENT: &str = "  ";
/// The width of the names of figures.
const FACT: usize = 10;

/// How a piece of text is shown when colours are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Title,
    Good,
    Bad,
    Note,
    Faint,
}

/// A page as it grows.
struct Page {
    text: String,
    colour: bool,
}

/// The whole report.
pub(super) fn page(report: &Report, colour: bool) -> String {
    let mut page = Page { text: String::new(), colour };
    page.head(report);
    page.notes(report);
    page.figures(report);
    page.plans(report);
    page.tasks(report);
    page.attempts(report);
    page.leases(report);
    page.list("Planned again", report.replans.iter().map(|replan| format!("{} {}", span(replan.at), replan.reason)));
    page.list("Idle and lost", report.waste_lines().into_iter());
    page.list("Policy", report.policy_lines().into_iter());
    page.artefacts(report);
    page.text
}

impl Page {
    fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.colour {
            return text.into();
        }
        let code = match ink {
            Ink::Title => "1",
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Note => "33",
            Ink::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn inked(&mut self, ink: Ink, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            let line = self.ink(ink, &line);
            self.line(&line);
        }
    }

    fn title(&mut self, title: &str) {
        self.line("");
        let title = self.ink(Ink::Title, title);
        self.line(&title);
    }

    fn head(&mut self, report: &Report) {
        let ink = match report.outcome {
            Some(Outcome::Succeeded) => Ink::Good,
            Some(Outcome::Failed(_)) => Ink::Bad,
            _ => Ink::Note,
        };
        let (name, standing) = (plain(&report.name), plain(&report.standing()));
        if columns(&name) + 2 + columns(&standing) <= WIDTH {
            let head = format!("{}: {}", self.ink(Ink::Title, &name), self.ink(ink, &standing));
            self.line(&head);
        } else {
            self.inked(Ink::Title, wrap(&name, WIDTH));
            self.inked(ink, wrap(&standing, WIDTH));
        }
        // Each part of the origin stays on one line: spaces within it are not for breaking.
        let origin: Vec<String> = report.origin().iter().map(|part| part.replace(' ', "\u{a0}")).collect();
        let origin = wrap(&origin.join(" · "), WIDTH).into_iter().map(|line| line.replace('\u{a0}', " "));
        self.inked(Ink::Faint, wrap(&report.intent, WIDTH).into_iter().chain(origin));
    }

    fn notes(&mut self, report: &Report) {
        if report.notes.is_empty() {
            return;
        }
        self.line("");
        for note in &report.notes {
            let lines = wrap(note, WIDTH - 2).into_iter().enumerate();
            self.inked(Ink::Note, lines.map(|(at, line)| format!("{}{line}", if at == 0 { "! " } else { "  " })));
        }
    }

    fn figures(&mut self, report: &Report) {
        self.title("Figures");
        let of = |limit: Option<String>, none: &str| limit.map_or(none.into(), |limit| format!("of {limit}"));
        let cost = format!("{} {}", money(report.cost.total()), of(report.cost.limit.map(money), "without a budget"));
        let time = format!("{} {}", span(report.time.took), of(report.time.limit.map(span), "without a deadline"));
        self.figure("cost", &cost, report.cost.share(), &report.cost_details());
        self.figure("time", &time, report.time.share(), &report.time_details());
        let hits = &report.interruptions;
        let survived =
            if hits.reclaims == 0 { "none".into() } else { format!("{} of {} survived", hits.survived, hits.reclaims) };
        self.fact("reclaims", &format!("{survived}; {}", report.interruption_details().join("; ")));
        self.fact("quality", &report.quality_line());
        self.fact("starts", &report.starts_line());
    }

    /// A figure with a bar towards its limit.
    fn figure(&mut self, name: &str, value: &str, share: Option<f64>, details: &[String]) {
        let drawn = share.map_or(String::new(), |share| format!("{}  {}", bar(share, 24), percent(share)));
        let value = pad(value, 28, false);
        self.fact_as_it_is(name, &format!("{value}  {drawn}"));
        self.fact("", &details.join("; "));
    }

    fn fact_as_it_is(&mut self, name: &str, value: &str) {
        let name = pad(name, FACT, false);
        self.line(&format!("{INDENT}{name}  {value}"));
    }

    fn fact(&mut self, name: &str, value: &str) {
        for (at, line) in wrap(value, WIDTH - FACT - 4).iter().enumerate() {
            self.fact_as_it_is(if at == 0 { name } else { "" }, line);
        }
    }

    fn plans(&mut self, report: &Report) {
        let Some(facts) = &report.frontier else { return };
        self.title("Plans");
        let mut table =
            Table::new(&["", "plan", "cost", "p95", "duration", "risk", "quality", "way", "on"], &[2, 3, 4, 5, 6]);
        for plan in &facts.plans {
            let e = &plan.estimate;
            table.push(vec![
                if plan.chosen { ">".into() } else { String::new() },
                plan.title(),
                money(e.cost.mean),
                format!("{:.2}", e.cost.p95.as_f64()),
                span(e.duration.mean),
                e.risk.to_string(),
                number(e.quality.value),
                format!("{} {}", plan.variant, plan.tokens),
                plan.on.as_ref().map_or(String::new(), |on| format!("{} {}", on.market, on.what_short())),
            ]);
        }
        self.table(&table);
        let chosen = facts.plans.iter().find(|plan| plan.chosen);
        let why = chosen.into_iter().flat_map(|plan| plan.why.iter().map(|why| format!("because {why}")));
        let left_out =
            facts.rejected.iter().map(|r| format!("{} left out: {}", counted(r.count as usize, "candidate"), r.reason));
        let considered = facts.considered_line();
        self.items(why.chain([considered]).chain(left_out));
    }

    fn tasks(&mut self, report: &Report) {
        self.title("Tasks");
        let mut table = Table::new(
            &["task", "took", "believed", "p95", "cost", "believed", "attempts", "measured"],
            &[1, 2, 3, 4, 5, 6],
        );
        for task in &report.tasks {
            let (time, cost) = (task.believed.map(|(time, _)| time), task.believed.map(|(_, cost)| cost));
            table.push(vec![
                task.name.to_string(),
                task.took.map_or("-".into(), span),
                time.map_or("-".into(), |time| span(time.mean)),
                time.map_or("-".into(), |time| span(time.p95)),
                money(task.cost),
                cost.map_or("-".into(), |cost| money(cost.mean)),
                task.attempts.len().to_string(),
                task.measured_line(),
            ]);
        }
        self.table(&table);
    }

    fn attempts(&mut self, report: &Report) {
        if report.attempts().next().is_none() {
            return;
        }
        self.title("Attempts");
        let mut table = Table::new(
            &["attempt", "started", "ran", "progress", "speed, of believed", "lost", "ended"],
            &[1, 2, 3, 5],
        );
        for (task, attempt) in report.attempts() {
            table.push(vec![
                format!("{}#{}", task.name, attempt.number),
                attempt.started.map_or("-".into(), span),
                span(attempt.running(report.seen)),
                attempt.started.map_or("-".into(), |_| percents(attempt.share)),
                attempt.speed_line(),
                if attempt.lost > Span::ZERO { span(attempt.lost) } else { "-".into() },
                attempt.result_short(),
            ]);
        }
        self.table(&table);
    }

    fn leases(&mut self, report: &Report) {
        if report.leases.is_empty() {
            return;
        }
        self.title("Leases");
        let mut table = Table::new(&["for", "market", "machine", "place", "from", "to", "cost", "ended"], &[4, 5, 6]);
        for lease in &report.leases {
            table.push(vec![
                format!("{}#{}", lease.task, lease.attempt),
                lease.on.market.to_string(),
                lease.on.what_short(),
                lease.on.where_short(),
                span(lease.from),
                lease.to.map_or("-".into(), span),
                money(lease.cost),
                lease.fate().into(),
            ]);
        }
        self.table(&table);
        self.items(
            report
                .charges
                .iter()
                .map(|charge| format!("{} {}: {}", span(charge.at), charge.what, money(charge.amount))),
        );
    }

    fn artefacts(&mut self, report: &Report) {
        if report.artefacts.is_empty() {
            return;
        }
        self.title("Artefacts");
        let mut table = Table::new(&["asset", "kind", "from", "size", "digest", "file"], &[3]);
        for ArtefactFacts { task, artefact } in &report.artefacts {
            table.push(vec![
                artefact.asset.to_string(),
                artefact.kind.clone(),
                task.to_string(),
                bytes(artefact.size),
                artefact.digest.short(),
                artefact.path.clone(),
            ]);
        }
        self.table(&table);
    }

    /// A section of lines; nothing when there are none.
    fn list(&mut self, title: &str, lines: impl Iterator<Item = String>) {
        let mut lines = lines.peekable();
        if lines.peek().is_some() {
            self.title(title);
            self.items(lines);
        }
    }

    fn items(&mut self, lines: impl Iterator<Item = String>) {
        for text in lines {
            for (at, line) in wrap(&text, WIDTH - 4).iter().enumerate() {
                self.line(&format!("{INDENT}{}{line}", if at == 0 { "" } else { "  " }));
            }
        }
    }

    fn table(&mut self, table: &Table) {
        let widths = table.widths(WIDTH - INDENT.len());
        for (at, row) in table.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                let cell = cut(cell, *width as f64, &|c| columns_of(c) as f64);
                pad(&cell, *width, table.right.contains(&column))
            });
            let line = format!("{INDENT}{}", cells.collect::<Vec<_>>().join("  "));
            let line = if at == 0 { self.ink(Ink::Faint, line.trim_end()) } else { line };
            self.line(&line);
        }
    }
}

/// Columns of texts, numbers to the right.
struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    fn new(head: &[&str], right: &[usize]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()], right: right.to_vec() }
    }

    fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| plain(cell)).collect());
    }

    /// How wide each column is: as its widest cell, the widest columns of text cut until all fits into `room`. Numbers are
    /// never cut.
    fn widths(&self, room: usize) -> Vec<usize> {
        let count = self.rows.first().map_or(0, Vec::len);
        let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| columns(cell));
        let widest = |column: usize| self.rows.iter().map(|row| cell(row, column)).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..count).map(widest).collect();
        let gaps = 2 * count.saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > room {
            let texts =
                widths.iter_mut().enumerate().filter(|(column, width)| !self.right.contains(column) && **width > 8);
            let Some((_, width)) = texts.max_by_key(|(_, width)| **width) else { break };
            *width -= 1;
        }
        widths
    }
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let space = " ".repeat(width.saturating_sub(columns(text)));
    if right { format!("{space}{text}") } else { format!("{text}{space}") }
}

/// A share as a bar of `width` columns.
fn bar(share: f64, width: usize) -> String {
    let filled = ((share.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

/// A text in lines of at most `width` columns, broken at spaces; a word longer than a line is broken anywhere.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = plain(text);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if columns(&line) + columns_of(c) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_words_only_when_they_must() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("微调模型", 4), ["微调", "模型"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn tables_fit_the_width_and_keep_their_numbers() {
        let mut table = Table::new(&["name", "cost"], &[1]);
        table.push(vec!["a".repeat(60), "123456789.00 USD".into()]);
        let widths = table.widths(40);
        assert_eq!(widths.iter().sum::<usize>() + 2, 40);
        assert_eq!(widths.get(1), Some(&16));
    }

    #[test]
    fn bars_never_overflow() {
        for (share, drawn) in [(0.0, "░░░░"), (0.5, "██░░"), (7.0, "████"), (f64::NAN, "░░░░"), (-1.0, "░░░░")]
        {
            assert_eq!(bar(share, 4), drawn);
        }
    }
}
