//! What both forms of a report say in words.

use super::Report;
use super::facts::*;
use super::format::{amount, count, counted, measure_name, money, number, percent, rate, span};
use orp_core::prelude::*;
use std::collections::BTreeSet;

/// The most answers of policy that are told one by one.
const TOLD_ANSWERS: usize = 20;

impl Report {
    /// Where the run stands: `succeeded`, `running`, `cancelling: …`.
    pub(super) fn standing(&self) -> String {
        match (&self.outcome, &self.cancelling) {
            (Some(Outcome::Cancelled), Some(reason)) => format!("cancelled: {reason}"),
            (Some(outcome), _) => outcome.to_string(),
            (None, Some(reason)) => format!("cancelling: {reason}"),
            (None, None) => "running".into(),
        }
    }

    /// Who asked, what was followed, when it began: each to stand on one line.
    pub(super) fn origin(&self) -> Vec<String> {
        let tokens = if self.tokens == Tokens::ZERO { String::new() } else { format!(", {} tokens", self.tokens) };
        let mut parts = vec![
            format!("for {}, asked by {}", self.project, self.requester),
            format!("{}{tokens}", self.recipe),
            format!("started {}", self.started),
            self.run.to_string(),
        ];
        if self.outcome.is_none() {
            parts.push(format!("as of {} after the start", span(self.seen)));
        }
        parts
    }

    /// What else is to be said of the cost.
    pub(super) fn cost_details(&self) -> Vec<String> {
        let cost = &self.cost;
        let mut details = vec![format!("believed {}, p95 {}", money(cost.believed.mean), money(cost.believed.p95))];
        if !cost.running_up.is_zero() {
            details.push(format!("{} of it not charged yet", money(cost.running_up)));
        }
        if !cost.reserved.is_zero() {
            details.push(format!("{} more reserved", money(cost.reserved)));
        }
        details
    }

    /// What else is to be said of the time.
    pub(super) fn time_details(&self) -> Vec<String> {
        let time = &self.time;
        let believed = format!("believed {}, p95 {}", span(time.believed.mean), span(time.believed.p95));
        vec![believed, format!("deadline {}", time.guarantee)]
    }

    /// What else is to be said of the reclaims.
    pub(super) fn interruption_details(&self) -> Vec<String> {
        let hits = &self.interruptions;
        let mut others = vec![counted(self.replans.len(), "re-plan"), counted(hits.preemptions as usize, "preemption")];
        if hits.failures > 0 {
            others.push(counted(hits.failures as usize, "failure"));
        }
        vec![format!("{} believed", count(hits.believed)), others.join(", ")]
    }

    /// Where the quality that was believed comes from.
    pub(super) fn prior(&self) -> String {
        let believed = &self.quality.believed;
        format!("believed {} (source: {})", number(believed.value), believed.source)
    }

    /// What the quality is measured on.
    pub(super) fn measured_on(&self) -> String {
        self.quality.wanted.as_ref().map_or(String::new(), |wanted| format!("on {}", wanted.on))
    }

    /// The quality reached beside the one believed.
    pub(super) fn quality_line(&self) -> String {
        let reached = match &self.quality.reached {
            Some(measure) => format!("{} {}", measure_name(measure), number(measure.value)),
            None => "not measured".into(),
        };
        [reached, self.measured_on()].join(" ").trim_end().to_owned() + "; " + &self.prior()
    }

    /// Whether every process was started once.
    pub(super) fn starts_line(&self) -> String {
        let starts = &self.starts;
        let again = match starts.reattached {
            0 => String::new(),
            1 => "; re-attached once by a restarted host".into(),
            times => format!("; re-attached {times} times by a restarted host"),
        };
        if starts.started == 0 {
            return "no attempt started".into();
        }
        if starts.wrong.is_empty() {
            let once = if starts.started == 1 { "started once" } else { "each started once" };
            return format!("{}, {once}{again}", counted(starts.started as usize, "attempt"));
        }
        let wrong: Vec<String> =
            starts.wrong.iter().map(|(attempt, starts)| format!("{attempt} {starts} times")).collect();
        format!("expected one start for each attempt, but started were {}{again}", wrong.join(", "))
    }

    /// Idle time and lost work.
    pub(super) fn waste_lines(&self) -> Vec<String> {
        let waste = &self.waste;
        let mut lines = Vec::new();
        if waste.leased > Span::ZERO {
            let share = waste.idle.as_secs_f64() / waste.leased.as_secs_f64();
            let (idle, leased) = (span(waste.idle), span(waste.leased));
            let cost = money(waste.idle_cost);
            lines.push(format!(
                "machines were held {leased}, {idle} of it without a process ({}), for {cost}",
                percent(share)
            ));
        }
        lines.push(match waste.lost_to_reclaims {
            Span::ZERO => "no work was lost to reclaims".into(),
            lost => format!("{} of work was lost to reclaims and done again", span(lost)),
        });
        if waste.lost_otherwise > Span::ZERO {
            lines.push(format!("{} of work was lost to other stops", span(waste.lost_otherwise)));
        }
        lines
    }

    /// What policy answered: permits counted, all else told.
    pub(super) fn policy_lines(&self) -> Vec<String> {
        if self.policy.is_empty() {
            return vec!["policy was not asked during the run".into()];
        }
        let permits: Vec<&PolicyFacts> = self.policy.iter().filter(|asked| asked.decision.is_permit()).collect();
        let points: BTreeSet<String> = permits.iter().map(|asked| asked.point.to_string()).collect();
        let sets: BTreeSet<String> = self.policy.iter().map(|asked| asked.decision.policy.short()).collect();
        let mut lines = vec![format!(
            "{} of {} permitted{}{}; policy set {}",
            permits.len(),
            counted(self.policy.len(), "question"),
            if points.is_empty() { "" } else { ": " },
            points.into_iter().collect::<Vec<_>>().join(", "),
            sets.into_iter().collect::<Vec<_>>().join(", "),
        )];
        let others: Vec<&PolicyFacts> = self.policy.iter().filter(|asked| !asked.decision.is_permit()).collect();
        let tell =
            |asked: &&PolicyFacts| format!("{} {} {}: {}", span(asked.at), asked.point, asked.subject, asked.decision);
        lines.extend(others.iter().take(TOLD_ANSWERS).map(tell));
        if others.len() > TOLD_ANSWERS {
            lines.push(format!("and {} more", others.len() - TOLD_ANSWERS));
        }
        lines
    }

    /// Every attempt with its task, in order.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (&TaskFacts, &AttemptFacts)> {
        self.tasks.iter().flat_map(|task| task.attempts.iter().map(move |attempt| (task, attempt)))
    }

    /// Where the believed speeds come from.
    pub(super) fn rate_sources(&self) -> BTreeSet<String> {
        self.attempts().filter_map(|(_, attempt)| attempt.rate.as_ref().map(|rate| rate.source.clone())).collect()
    }
}

impl AttemptFacts {
    /// The speed it had for each second `of` which it was measured, and the believed one; empty where not known.
    pub(super) fn speed_cells(&self) -> [String; 4] {
        let Some(believed) = &self.rate else { return Default::default() };
        let shown = |value: f64| rate(value, &believed.unit);
        let [running, held, share] = match self.speed.filter(|_| believed.per_second > 0.0) {
            Some(speed) => [shown(speed.running), shown(speed.held), percent(speed.held / believed.per_second)],
            None => Default::default(),
        };
        [shown(believed.per_second), running, held, share]
    }

    /// The same in a line: `41.4 k of 42.5 k tokens/s (97 %)`.
    pub(super) fn speed_line(&self) -> String {
        match (&self.rate, self.speed) {
            (Some(believed), Some(speed)) if believed.per_second > 0.0 => {
                let (held, share) = (amount(speed.held), percent(speed.held / believed.per_second));
                format!("{held} of {} ({share})", rate(believed.per_second, &believed.unit))
            }
            (Some(believed), _) => format!("believed {}", rate(believed.per_second, &believed.unit)),
            (None, _) => "-".into(),
        }
    }
}

impl TaskFacts {
    /// What it measured: `accuracy 0.687, loss 1.982`.
    pub(super) fn measured_line(&self) -> String {
        let measures: Vec<String> = self.measures.iter().map(|m| format!("{} {}", m.name, number(m.value))).collect();
        measures.join(", ")
    }
}

impl FrontierFacts {
    /// How much was looked at.
    pub(super) fn considered_line(&self) -> String {
        let all = if self.complete { "the search was complete" } else { "the search stopped at its limit" };
        format!("{} looked at; {all}", counted(self.considered as usize, "candidate"))
    }
}
