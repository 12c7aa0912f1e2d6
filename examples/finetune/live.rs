//! What a run says while it goes: bars on a terminal, lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use orp_sdk::prelude::*;
use std::{collections::BTreeMap, io::IsTerminal};

/// Follows the events of a run.
pub(crate) struct Live {
    bars: MultiProgress,
    by_task: BTreeMap<TaskName, ProgressBar>,
    start: Timestamp,
    drawn: bool,
}

impl Live {
    /// A bar for each task of the plan.
    pub(crate) fn new(plan: &Plan, start: Timestamp, plain: bool) -> Self {
        let drawn = std::io::stderr().is_terminal() && !plain;
        let bars = MultiProgress::new();
        let style = ProgressStyle::with_template("  {prefix:<10} [{bar:32}] {percent:>3} %  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let bar = |task: &Task| {
            let bar = ProgressBar::new(1000).with_style(style.clone()).with_prefix(task.name.to_string());
            (task.name.clone(), if drawn { bars.add(bar) } else { bar })
        };
        let by_task = plan.workflow.tasks().iter().map(bar).collect();
        Self { bars, by_task, start, drawn }
    }

    /// Takes one event in.
    pub(crate) fn see(&mut self, event: &OrpEvent) {
        match event {
            OrpEvent::Progressed { attempt, progress } => {
                let share = (progress.share() * 1000.0) as u64;
                let metrics: Vec<String> =
                    progress.metrics.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
                self.bar(&attempt.task, |bar| {
                    bar.set_position(share);
                    bar.set_message(metrics.join(", "));
                });
            }
            OrpEvent::Recorded(record) => self.recorded(record),
            _ => {}
        }
    }

    fn recorded(&mut self, record: &Record) {
        let at = record.at;
        match &record.event {
            Event::LeaseGranted { attempt, lease } => self.say(at, &format!("{} gets {lease}", attempt.task)),
            Event::AttemptStarted { attempt, execution } => {
                self.say(
                    at,
                    &format!("{} starts, attempt {}, process {}", attempt.task, attempt.number, execution.pid),
                );
            }
            Event::AttemptReattached { attempt, execution } => self.say(
                at,
                &format!(
                    "{} is found again: process {}, started {} time",
                    attempt.task, execution.pid, execution.starts
                ),
            ),
            Event::ReclaimNoticed { attempt, at: when } => {
                let notice = when.since(at);
                self.say(at, &format!("RECLAIM: the machine of {} goes in {}", attempt.task, notice.rounded()));
            }
            Event::AttemptEnded { attempt, ending, interruption: Some(why), share, .. } => {
                self.say(at, &format!("{} {ending} at {:.1} % ({why:?})", attempt.task, share * 100.0));
            }
            Event::AttemptEnded { attempt, ending, .. } if !ending.is_success() => {
                self.say(at, &format!("{} ended: {ending}", attempt.task));
            }
            Event::Replanned { reason, plan } => {
                let next = plan.main_binding().and_then(Binding::machine).map(|bound| bound.offer.to_string());
                self.say(at, &format!("planned again, because {reason}: on {}", next.unwrap_or_default()));
            }
            Event::LeaseReleased { released, cost, .. } => {
                let how = if released.reclaimed { "reclaimed" } else { "released" };
                self.say(at, &format!("lease {how}, {cost:.2}"));
            }
            Event::TaskDone { task, .. } => {
                self.say(at, &format!("{task} is done"));
                self.bar(task, |bar| {
                    bar.set_position(1000);
                    bar.finish_with_message("done");
                });
            }
            Event::CancelRequested { reason } => self.say(at, &format!("stopping: {reason}")),
            _ => {}
        }
    }

    fn bar(&self, task: &TaskName, change: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.by_task.get(task) {
            change(bar);
        }
    }

    /// One line, with the time since the start of the run.
    fn say(&self, at: Timestamp, text: &str) {
        let hours = at.since(self.start).as_hours_f64();
        let line = format!("  {hours:>6.2} h  {text}");
        if self.drawn {
            // Above the bars; a terminal that is gone is no reason to fail.
            let _ = self.bars.println(line);
        } else {
            println!("{line}");
        }
    }

    /// Takes the bars away.
    pub(crate) fn end(&self) {
        let _ = self.bars.clear();
    }
}
