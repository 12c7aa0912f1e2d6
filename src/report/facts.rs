//! What a report says of a run: plain data, folded from the run's state.
//!
//! Every time is a [`Span`] from the start of the run, so that reports of equal runs are equal; only
//! [`Report::started`](super::Report::started) is a point in time. A run that is not over is looked at as of the last fact
//! known of it, never as of a clock.

use orp_core::prelude::*;
use serde::{Deserialize, Serialize};

/// Cost against budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CostFacts {
    /// Charged.
    pub spent: Money,
    /// Not charged yet, for leases that are still held.
    pub running_up: Money,
    /// Still reserved beyond what was charged; zero once the account is settled.
    pub reserved: Money,
    /// The budget.
    pub limit: Option<Money>,
    /// What the first plan believed.
    pub believed: Estimated<Money>,
}

impl CostFacts {
    /// What was charged and what is running up, together.
    pub fn total(&self) -> Money {
        self.spent.checked_add(self.running_up).unwrap_or(self.spent)
    }

    /// The budget, when it is in the currency of the charges: in another one it cannot be compared.
    pub fn limit_here(&self) -> Option<Money> {
        self.limit.filter(|limit| limit.currency() == self.spent.currency())
    }

    /// The share of the budget that is used up; none without a budget above zero in the same currency.
    pub fn share(&self) -> Option<f64> {
        let limit = self.limit_here().filter(|limit| limit.micros() > 0)?;
        Some(self.total().as_f64() / limit.as_f64())
    }
}

/// Duration against deadline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimeFacts {
    /// From the start to the end, or to the last fact known.
    pub took: Span,
    /// The deadline.
    pub limit: Option<Span>,
    /// What the first plan believed.
    pub believed: Estimated<Span>,
    /// Whether the deadline was guaranteed, and by what.
    pub guarantee: String,
}

impl TimeFacts {
    /// The share of the time that is used up; none without a deadline.
    pub fn share(&self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > Span::ZERO)?;
        Some(self.took.as_secs_f64() / limit.as_secs_f64())
    }
}

/// What interrupted the run, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interruptions {
    /// Capacity was taken back by its provider.
    pub reclaims: u32,
    /// Of those, the ones after which the task went on.
    pub survived: u32,
    /// How many the first plan believed in.
    pub believed: f64,
    /// The scheduler stopped an attempt for a job of higher priority.
    pub preemptions: u32,
    /// A task failed by itself.
    pub failures: u32,
}

/// The rest of the run was planned again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replanning {
    /// When.
    pub at: Span,
    /// Why.
    pub reason: String,
}

/// A question to policy in the run, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PolicyFacts {
    /// When.
    pub at: Span,
    /// Where it was asked.
    pub point: PolicyPoint,
    /// What it was about.
    pub subject: String,
    /// The answer with its reasons.
    pub decision: PolicyDecision,
}

/// A measure a task reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Which task.
    pub task: TaskName,
    /// What it measured: `accuracy`.
    pub name: String,
    /// The last value.
    pub value: f64,
}

/// The quality that was believed, and the one reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QualityFacts {
    /// What the first plan believed, and where the belief came from.
    pub believed: Quality,
    /// What the intent asks to measure.
    pub wanted: Option<Metric>,
    /// The measure that answers it: of the wanted name; when none is wanted, what the last task that measured said first.
    pub reached: Option<Measure>,
}

/// A plan of the frontier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlanFacts {
    /// What it is on the frontier.
    pub names: Vec<String>,
    /// Whether the run began with it.
    pub chosen: bool,
    /// The variant of the recipe.
    pub variant: String,
    /// How many tokens it trains on.
    pub tokens: Tokens,
    /// What is believed about it.
    pub estimate: Estimate,
    /// What its costliest task runs on.
    pub on: Option<Holding>,
    /// Whether the deadline is guaranteed.
    pub guarantee: String,
    /// Why it is so.
    pub why: Vec<String>,
}

impl PlanFacts {
    /// Its names in a line.
    pub fn title(&self) -> String {
        if self.names.is_empty() { "plan".into() } else { self.names.join(", ") }
    }

    /// Whether it has a name of its own, beside `option-N`.
    pub fn is_named(&self) -> bool {
        self.names.iter().any(|name| !name.starts_with("option-"))
    }
}

/// The plans the run's plan was chosen from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FrontierFacts {
    /// The plans.
    pub plans: Vec<PlanFacts>,
    /// How many candidates were looked at.
    pub considered: u64,
    /// Whether that was all of them.
    pub complete: bool,
    /// Why others are not there.
    pub rejected: Vec<Rejection>,
}

/// What is leased or planned on: how much of which offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Holding {
    /// What it is: `p5.48xlarge (8× h100-80gb)`.
    pub title: String,
    /// The same in a word: `p5.48xlarge`.
    pub short: String,
    /// How many units.
    pub units: u32,
    /// How it was sold.
    pub market: Market,
    /// Where it was.
    pub place: Place,
}

impl Holding {
    pub(super) fn of(offer: &Offer, units: u32) -> Self {
        let title = offer.title();
        let short = offer.machine().map_or_else(|| title.clone(), |machine| machine.sku.clone());
        Self { title, short, units, market: offer.market, place: offer.place.clone() }
    }

    /// Units and title: `2× p5.48xlarge (8× h100-80gb)`.
    pub fn what(&self) -> String {
        self.times(&self.title)
    }

    /// Units and title in a word: `2× p5.48xlarge`.
    pub fn what_short(&self) -> String {
        self.times(&self.short)
    }

    /// The place without the region where the zone's name holds it: `aws/us-east-1b`.
    pub fn where_short(&self) -> String {
        let Place { site, region, zone } = &self.place;
        match zone {
            Some(zone) if zone.starts_with(region.as_str()) => format!("{site}/{zone}"),
            _ => self.place.to_string(),
        }
    }

    fn times(&self, title: &str) -> String {
        if self.units > 1 { format!("{}× {title}", self.units) } else { title.into() }
    }
}

/// A speed that was measured, in the unit of the believed one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Speed {
    /// Units of work for each second the process ran.
    pub running: f64,
    /// Units of work for each second the machine was held: start, restore and notice counted in.
    pub held: f64,
}

/// One attempt at a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptFacts {
    /// Which, from 1.
    pub number: u32,
    /// When it was queued.
    pub queued: Span,
    /// When its lease was asked for.
    pub requested: Option<Span>,
    /// When its process started.
    pub started: Option<Span>,
    /// When it ended.
    pub ended: Option<Span>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Why it had to.
    pub interruption: Option<Interruption>,
    /// The machine.
    pub on: Option<Holding>,
    /// The share of the task done when it started and when it ended.
    pub share: (f64, f64),
    /// The share it did that nothing kept: done again by the next attempt.
    pub lost_share: f64,
    /// How long it worked on what was lost.
    pub lost: Span,
    /// How often its process was started: one, or zero when it never came so far.
    pub starts: u32,
    /// How often a restarted host found it again.
    pub reattached: u32,
    /// The speed the plan believed in.
    pub rate: Option<Rate>,
    /// The speed it had.
    pub speed: Option<Speed>,
}

impl AttemptFacts {
    /// How it ended, in a few words.
    pub fn result(&self) -> String {
        let ending = self.ending.as_ref();
        match (self.interruption, ending) {
            (Some(why), Some(ending)) => format!("{}, {ending}", interruption_text(why)),
            (Some(why), None) => interruption_text(why).into(),
            (None, Some(ending)) => ending.to_string(),
            (None, None) if self.started.is_some() => "running".into(),
            (None, None) if self.requested.is_some() => "provisioning".into(),
            (None, None) => "queued".into(),
        }
    }

    /// Whether it ended as it should.
    pub fn is_done(&self) -> bool {
        self.ending.as_ref().is_some_and(Ending::is_success)
    }

    /// The same in a word or two.
    pub fn result_short(&self) -> String {
        self.interruption.map_or_else(|| self.result(), |why| interruption_text(why).into())
    }

    /// How long its process ran, as of `seen`.
    pub fn running(&self, seen: Span) -> Span {
        let until = self.ended.unwrap_or(seen);
        self.started.map_or(Span::ZERO, |started| until.saturating_sub(started))
    }
}

/// The words for why an attempt had to end.
pub(super) const fn interruption_text(why: Interruption) -> &'static str {
    match why {
        Interruption::Reclaimed => "reclaimed",
        Interruption::Preempted => "preempted",
        Interruption::Cancelled => "cancelled",
        Interruption::BudgetExhausted => "budget exhausted",
    }
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskFacts {
    /// Its name.
    pub name: TaskName,
    /// Where it stands.
    pub status: TaskStatus,
    /// What the first plan believed of its duration and cost.
    pub believed: Option<(Estimated<Span>, Estimated<Money>)>,
    /// From its first attempt being queued to its last one's end.
    pub took: Option<Span>,
    /// What its leases cost.
    pub cost: Money,
    /// Its attempts.
    pub attempts: Vec<AttemptFacts>,
    /// The last measures it reported.
    pub measures: Vec<Measure>,
}

/// One lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeaseFacts {
    /// Which.
    pub id: LeaseId,
    /// The task it was for.
    pub task: TaskName,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Provider and offer.
    pub offer: OfferKey,
    /// What was leased, how it was sold and where it was.
    pub on: Holding,
    /// What one unit cost.
    pub price: Price,
    /// From when.
    pub from: Span,
    /// Until when; none while it is held.
    pub to: Option<Span>,
    /// What it cost, or has run up so far.
    pub cost: Money,
    /// Whether the provider took it back.
    pub reclaimed: bool,
    /// For a machine: how long it was held while no process of the attempt ran.
    pub idle: Option<Span>,
}

impl LeaseFacts {
    /// How it ended.
    pub const fn fate(&self) -> &'static str {
        match (self.to, self.reclaimed) {
            (None, _) => "held",
            (Some(_), true) => "reclaimed",
            (Some(_), false) => "released",
        }
    }

    /// How long it was held, as of `seen`.
    pub fn held(&self, seen: Span) -> Span {
        self.to.unwrap_or(seen).saturating_sub(self.from)
    }
}

/// A charge beside the leases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeFacts {
    /// When.
    pub at: Span,
    /// For what.
    pub what: String,
    /// How much.
    pub amount: Money,
}

/// Something a task left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArtefactFacts {
    /// Which task.
    pub task: TaskName,
    /// What.
    pub artefact: Artefact,
}

/// What was paid for and did not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WasteFacts {
    /// How long machines were held, all together.
    pub leased: Span,
    /// Of that, how long no process ran on them.
    pub idle: Span,
    /// What the idle time cost.
    pub idle_cost: Money,
    /// Work done again because a reclaim came after the last checkpoint.
    pub lost_to_reclaims: Span,
    /// Work done again for any other reason.
    pub lost_otherwise: Span,
}

/// Whether every process was started once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StartFacts {
    /// Attempts whose process started.
    pub started: u32,
    /// Attempts (`train#2`) with another number of starts than one, and that number.
    pub wrong: Vec<(String, u32)>,
    /// How often a restarted host found a process again.
    pub reattached: u32,
}
