//! The search: labels over the tasks in order, one set for each combination of regions in which what is still needed lies.
//!
//! A *label* is a choice for every task so far: what it costs, and when the tasks end that others still wait for (*open*
//! tasks). Labels whose open tasks lie in the same regions have the same future, so one that another matches in everything
//! is dropped: multi-objective label setting (Martins 1984) over means and variances of cost and time. On a chain one task
//! is open at a time; on other graphs several are, and the sets are as many as the combinations of their regions.
//!
//! Labels that cannot keep the bounds are dropped early: for each, the [least](super::left) that what is left costs and takes
//! is known, with the ways from where its open tasks lie.
//!
//! Two more bounds keep it small. Where labels or candidates [crowd](super::crowd), those that another one matches but for
//! a small part of the least whole cost and time, shared out over the tasks, are dropped too, the cheapest and the quickest
//! never: the frontier is exact at its ends and rough between (ε-dominance: Papadimitriou and Yannakakis 2000). When the
//! labels in all places pass [`BEAM`], or the limit on candidates is reached, only the ends of each set go on, and the
//! search says that it is not complete.

use super::candidate::Amount;
use super::course::Shape;
use super::crowd::{Crowd, Grain};
use super::left::Left;
use super::options::Options;
use super::step::Step;
use super::supply::{Region, Supply};

/// How closely a search looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// The part of the least whole cost and time within which labels are near, over all tasks together.
    pub(super) near: f64,
    /// How many labels may stand in one place before near ones are dropped.
    pub(super) crowd: usize,
}

impl Look {
    /// Within a part in a hundred, where labels do not crowd.
    pub(super) const CLOSE: Self = Self { near: 0.01, crowd: 16 };
    /// To see what can be had at all: exact at the ends, rough between.
    pub(super) const QUICK: Self = Self { near: 0.04, crowd: 8 };
}

/// How many labels may stand in all places together.
pub(super) const BEAM: usize = 50_000;

/// Bounds on whole candidates, from where planning starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The most it may cost on the mean; infinite without a budget.
    pub(super) cost: f64,
    /// The longest it may take on the mean; infinite without a deadline.
    pub(super) time: f64,
    /// The longest it may take at worst.
    pub(super) worst_time: f64,
}

/// When a task that is not planned ends, and where it left what it left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled {
    pub(super) task: usize,
    pub(super) region: Region,
    pub(super) end: f64,
}

/// What a search may look at, and what it has looked at so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Labels that may still be looked at.
    pub(super) left: u64,
    /// Whole candidates looked at.
    pub(super) whole: u64,
    /// Candidates, whole or in part, beyond the bounds.
    pub(super) over_cost: u64,
    pub(super) over_time: u64,
    /// Whether nothing was cut off.
    pub(super) complete: bool,
}

impl Effort {
    /// None yet, of so many labels.
    pub(super) const fn of(candidates: u64) -> Self {
        Self { left: candidates, whole: 0, over_cost: 0, over_time: 0, complete: true }
    }
}

/// A whole candidate: a choice for every task, in the order of the needs.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pub(super) cost: Amount,
    pub(super) time: Amount,
    pub(super) reclaims: f64,
    pub(super) choices: Vec<Choice>,
}

/// What was chosen for a task: indices into its options.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Choice {
    pub(super) site: usize,
    pub(super) access: usize,
    pub(super) candidate: usize,
}

/// The search over one shape.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) supply: &'a Supply<'a>,
    pub(super) shape: &'a Shape,
    pub(super) options: &'a [Options],
    pub(super) settled: &'a [Settled],
    pub(super) bounds: Bounds,
    /// Whether the worst counts.
    pub(super) strict: bool,
    pub(super) look: Look,
}

/// The labels after a task.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// The tasks somebody still waits for.
    pub(super) open: Vec<usize>,
    pub(super) groups: Vec<Group>,
    /// How each label came to be; a group's labels follow each other.
    pub(super) origins: Vec<Origin>,
}

/// Labels whose open tasks lie in the same regions. Their times: the latest end of tasks nobody waits for, then the end of
/// each open task.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) regions: Vec<Region>,
    pub(super) first: usize,
    pub(super) crowd: Crowd,
    /// What none of its labels is better than.
    pub(super) floor: (Amount, Vec<Amount>),
}

/// How a label came to be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Origin {
    /// The label before, by its place in its layer.
    pub(super) parent: usize,
    pub(super) choice: Choice,
    pub(super) reclaims: f64,
}

impl Search<'_> {
    /// The whole candidates that no other one matches in everything.
    pub(super) fn run(&self, effort: &mut Effort) -> Vec<Whole> {
        let left = Left::of(self);
        let share = self.look.near / self.shape.needs.len().max(1) as f64;
        let (cost, time) = (left.least_cost(0) * share, left.least_time() * share);
        let grain = Grain { cost, time, crowd: self.look.crowd };
        let mut layers = vec![self.first_layer()];
        for (at, (need, options)) in self.shape.needs.iter().zip(self.options).enumerate() {
            let Some(before) = layers.last() else { return Vec::new() };
            let later = self.shape.needs.get(at + 1..).unwrap_or_default();
            let next = Step::new(self, (at, need, options), before, later, &left, grain).take(effort);
            if next.groups.is_empty() {
                return Vec::new();
            }
            layers.push(next);
        }
        trace(&layers)
    }

    /// One label: nothing chosen, settled tasks end when they end.
    fn first_layer(&self) -> Layer {
        let waits = |task: usize| self.shape.needs.iter().any(|need| need.before.iter().any(|(from, _)| *from == task));
        let (open, closed): (Vec<&Settled>, Vec<&Settled>) =
            self.settled.iter().partition(|settled| waits(settled.task));
        let end = |settled: &Settled| self.kind(Amount::certain(settled.end));
        let done = closed.into_iter().map(end).fold(Amount::default(), Amount::later);
        let mut crowd = Crowd::new(1 + open.len());
        let times: Vec<Amount> = [done].into_iter().chain(open.iter().map(|settled| end(settled))).collect();
        crowd.push(Amount::default(), &times);
        let regions = open.iter().map(|settled| settled.region).collect();
        Layer {
            open: open.iter().map(|settled| settled.task).collect(),
            groups: vec![Group { regions, first: 0, crowd, floor: (Amount::default(), times) }],
            origins: vec![Origin::default()],
        }
    }

    /// The amount with its worst, if the worst counts.
    pub(super) const fn kind(&self, amount: Amount) -> Amount {
        if self.strict { amount } else { Amount { worst: 0.0, ..amount } }
    }
}

/// The whole candidates of the last layer, with their choices from the first task on.
fn trace(layers: &[Layer]) -> Vec<Whole> {
    let Some(last) = layers.last() else { return Vec::new() };
    let labels = last.groups.iter().flat_map(|group| (0..group.crowd.len()).map(move |label| (group, label)));
    labels
        .map(|(group, label)| {
            let mut choices = Vec::with_capacity(layers.len());
            let mut reclaims = 0.0;
            let mut at = group.first + label;
            for origin in layers.iter().skip(1).rev().map(|layer| &layer.origins) {
                let Some(origin) = origin.get(at) else { break };
                choices.push(origin.choice);
                reclaims += origin.reclaims;
                at = origin.parent;
            }
            choices.reverse();
            let time = group.crowd.times(label).iter().copied().fold(Amount::default(), Amount::later);
            Whole { cost: group.crowd.cost(label), time, reclaims, choices }
        })
        .collect()
}
