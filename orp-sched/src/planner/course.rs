//! Courses: the ways to a goal — a variant of a recipe, or the rest of a run — and their workflows in numbers.
//!
//! # What moves between tasks
//!
//! A task with `work: stage` leaves the data and models it claims, one with `work: scan` the bytes it read and the models
//! it was left, one with `work: train` its checkpoint. Other tasks leave reports: nothing to speak of. A task brings what
//! each task it comes after left, and what it claims of data and models itself, into the region it runs in; the ways
//! there cost money and time. So does what was saved of a task that goes on elsewhere. What a task brought lies in its region from then on: later tasks, and the same one after a
//! reclaim, bring it from there. Of the goal's data only the share that is trained on is moved and read.

use super::supply::Supply;
use orp_core::{
    id::{RecipeName, TaskName},
    noun::{
        AssetRef, Claim, Intent, Offer, Pillar, Place, PlanningProblem, Quality, QualityPrior, Recipe, Remaining,
        Resource, Task, TokenDemand, Variant, Work, WorkTemplate, Workflow,
    },
    unit::{Bytes, Span, Tokens},
};

/// What a goal is about, as it is on offer.
#[derive(Debug, Clone, Default)]
pub(super) struct Subjects {
    data: Option<AssetRef>,
    data_size: Bytes,
    pub(super) data_tokens: Tokens,
    model: Option<AssetRef>,
    model_size: Bytes,
    parameters: u64,
}

impl Subjects {
    /// The subjects of an intent; what is not on offer is as if it were empty.
    pub(super) fn of(intent: &Intent, supply: &Supply<'_>) -> Self {
        let mut subjects = Self::default();
        let offers = || supply.entries.iter().map(|entry| entry.offer);
        if let Some(asset) = intent.goal.data.as_ref().and_then(|asset| supply.resolve(Pillar::Data, asset)) {
            for offer in offers() {
                match &offer.resource {
                    Resource::Data(replica) if replica.asset == *asset => {
                        subjects.data_size = subjects.data_size.max(replica.size);
                        subjects.data_tokens = subjects.data_tokens.max(replica.token_count());
                    }
                    _ => {}
                }
            }
            subjects.data = Some(asset.clone());
        }
        if let Some(asset) = intent.goal.model.as_ref().and_then(|asset| supply.resolve(Pillar::Model, asset)) {
            for offer in offers() {
                match &offer.resource {
                    Resource::Model(weights) if weights.asset == *asset => {
                        subjects.model_size = subjects.model_size.max(weights.size);
                        subjects.parameters = subjects.parameters.max(weights.parameters);
                    }
                    _ => {}
                }
            }
            subjects.model = Some(asset.clone());
        }
        subjects
    }

    /// So many of the data set's tokens, as a share of it; all of it when tokens do not matter.
    fn share(&self, tokens: Tokens) -> f64 {
        let total = self.data_tokens.get();
        if tokens == Tokens::ZERO || total == 0 { 1.0 } else { (tokens.get() as f64 / total as f64).min(1.0) }
    }
}

/// How many tokens a course may train on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenRange {
    /// It does not train, or the number is given: this one.
    Fixed(Tokens),
    /// From the first to the second.
    Between(Tokens, Tokens),
}

/// A way to the goal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Course<'a> {
    /// A variant of a recipe, from its start.
    Whole(&'a Recipe, &'a Variant),
    /// What is left of a run.
    Rest(&'a Remaining),
}

impl<'a> Course<'a> {
    /// The courses to a problem's goal.
    pub(super) fn all(problem: &'a PlanningProblem) -> Vec<Self> {
        match &problem.remaining {
            Some(remaining) => vec![Self::Rest(remaining)],
            None => {
                let serving = problem.recipes.iter().filter(|recipe| recipe.goal == problem.intent.goal.kind);
                let fitting = serving.filter(|recipe| recipe.check_intent(&problem.intent).is_ok());
                fitting
                    .flat_map(|recipe| recipe.variants.iter().map(move |variant| Self::Whole(recipe, variant)))
                    .collect()
            }
        }
    }

    pub(super) fn recipe(&self) -> (RecipeName, String) {
        match self {
            Self::Whole(recipe, _) => (recipe.name.clone(), recipe.version.clone()),
            Self::Rest(remaining) => remaining.plan.recipe.clone(),
        }
    }

    pub(super) fn variant(&self) -> &'a str {
        match self {
            Self::Whole(_, variant) => &variant.name,
            Self::Rest(remaining) => &remaining.plan.variant,
        }
    }

    pub(super) fn quality(&self, tokens: Tokens) -> Quality {
        match self {
            Self::Whole(_, variant) => {
                Quality { value: variant.quality.at(tokens), source: variant.quality.source.clone() }
            }
            Self::Rest(remaining) => remaining.plan.estimate.quality.clone(),
        }
    }

    pub(super) fn prior(&self) -> Option<&'a QualityPrior> {
        match self {
            Self::Whole(_, variant) => Some(&variant.quality),
            Self::Rest(_) => None,
        }
    }

    /// How many tokens it may train on; nothing when the data has fewer than are demanded.
    pub(super) fn tokens(&self, demand: TokenDemand, subjects: &Subjects) -> Option<TokenRange> {
        let recipe = match self {
            Self::Whole(recipe, _) => recipe,
            Self::Rest(remaining) => return Some(TokenRange::Fixed(remaining.plan.tokens)),
        };
        if !recipe.tasks.iter().any(|task| task.work == WorkTemplate::Train) {
            return Some(TokenRange::Fixed(Tokens::ZERO));
        }
        let total = subjects.data_tokens;
        let least = demand.least(total).max(Tokens::new(1));
        match least.cmp(&total) {
            std::cmp::Ordering::Greater => None,
            std::cmp::Ordering::Equal => Some(TokenRange::Fixed(total)),
            std::cmp::Ordering::Less => Some(TokenRange::Between(least, total)),
        }
    }

    /// Its workflow in numbers, training on so many tokens.
    pub(super) fn shape(&self, intent: &Intent, subjects: &Subjects, tokens: Tokens) -> Result<Shape, String> {
        let share = subjects.share(tokens);
        let workflow = match self {
            Self::Whole(recipe, variant) => {
                let data = Bytes::new((subjects.data_size.get() as f64 * share).ceil() as u64);
                let filled = recipe.workflow(intent, variant, tokens, subjects.parameters, data);
                filled.map_err(|error| error.to_string())?
            }
            Self::Rest(remaining) => remaining.plan.workflow.clone(),
        };
        let rest = if let Self::Rest(remaining) = self { Some(*remaining) } else { None };
        Ok(Shape::of(workflow, rest, subjects, share))
    }
}

/// A workflow in numbers: what is left to be planned of it.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) workflow: Workflow,
    /// The tasks to plan, each after those it waits for.
    pub(super) needs: Vec<Need>,
}

/// A task to be planned.
#[derive(Debug, Clone)]
pub(super) struct Need {
    /// Its index in the workflow.
    pub(super) task: usize,
    /// The indices of the tasks it comes after, with the bytes it brings from each.
    pub(super) before: Vec<(usize, f64)>,
    /// What is left of its work.
    pub(super) work: Work,
    /// Seconds to load what was saved, before it goes on.
    pub(super) reload: f64,
    /// Where what was saved of it lies, and its bytes.
    pub(super) saved: Option<(Place, f64)>,
    /// Bytes it leaves to the tasks after it.
    pub(super) leaves: f64,
    /// Whether some task to be planned comes after it.
    pub(super) is_awaited: bool,
    /// Which of its claims is on a machine.
    pub(super) machine: Option<usize>,
    /// Its other claims, with the share of an asset that is brought.
    pub(super) others: Vec<(usize, Claim, f64)>,
}

/// What a task leaves, by kind.
#[derive(Debug, Clone, Copy, Default)]
struct Leaving {
    data: f64,
    models: f64,
}

impl Shape {
    fn of(workflow: Workflow, rest: Option<&Remaining>, subjects: &Subjects, share: f64) -> Self {
        let tasks = workflow.tasks();
        let is_settled = |task: &Task| rest.is_some_and(|rest| rest.settled.contains(&task.name));
        let index = |name: &TaskName| tasks.iter().position(|task| task.name == *name);
        let mut leaving: Vec<Leaving> = Vec::with_capacity(tasks.len());
        let mut needs = Vec::new();
        for (at, task) in tasks.iter().enumerate() {
            let before: Vec<usize> = task.after.iter().filter_map(index).collect();
            let found = |from: &[usize]| {
                from.iter().filter_map(|&from| leaving.get(from)).fold(Leaving::default(), |sum, part| Leaving {
                    data: sum.data + part.data,
                    models: sum.models + part.models,
                })
            };
            let left = Leaving::of(task, found(&before), subjects, share);
            if !is_settled(task) {
                let bytes = |from: usize| leaving.get(from).map_or(0.0, |part| part.data + part.models);
                let progress = rest.and_then(|rest| rest.progress.get(&task.name)).copied().unwrap_or(0.0);
                let done = if progress.is_finite() { progress.clamp(0.0, 1.0) } else { 0.0 };
                let awaited = tasks.iter().any(|later| later.after.contains(&task.name) && !is_settled(later));
                needs.push(Need {
                    task: at,
                    before: before.iter().map(|&from| (from, bytes(from))).collect(),
                    work: part_of(task.work, 1.0 - done),
                    reload: task.checkpoint.filter(|_| done > 0.0).map_or(0.0, |spec| spec.times.restore.as_secs_f64()),
                    saved: rest.filter(|_| done > 0.0).and_then(|rest| saved(task, rest)),
                    leaves: left.data + left.models,
                    is_awaited: awaited,
                    machine: task.claims.iter().position(|claim| matches!(claim, Claim::Compute(_))),
                    others: other_claims(task, subjects, share),
                });
            }
            leaving.push(left);
        }
        Self { workflow, needs }
    }

    /// The task of a need.
    pub(super) fn task(&self, need: &Need) -> Option<&Task> {
        self.workflow.tasks().get(need.task)
    }
}

impl Leaving {
    fn of(task: &Task, found: Self, subjects: &Subjects, share: f64) -> Self {
        match task.work {
            Work::Stage => {
                let mut left = found;
                for claim in &task.claims {
                    match claim {
                        Claim::Data(asset) if subjects.is_data(asset) => {
                            left.data += subjects.data_size.get() as f64 * share;
                        }
                        Claim::Model(asset) if subjects.is_model(asset) => {
                            left.models += subjects.model_size.get() as f64;
                        }
                        _ => {}
                    }
                }
                left
            }
            Work::Scan { bytes, .. } => Self { data: bytes.get() as f64, models: found.models },
            Work::Train { parameters, .. } => Self {
                data: 0.0,
                models: task.checkpoint.map_or(parameters as f64 * 2.0, |spec| spec.size.get() as f64),
            },
            _ => Self::default(),
        }
    }
}

impl Subjects {
    /// Whether a claim on data is one on the goal's data.
    fn is_data(&self, asset: &AssetRef) -> bool {
        self.data.as_ref().is_some_and(|data| asset.admits(data))
    }

    /// Whether a claim on a model is one on the goal's model.
    fn is_model(&self, asset: &AssetRef) -> bool {
        self.model.as_ref().is_some_and(|model| asset.admits(model))
    }
}

fn other_claims(task: &Task, subjects: &Subjects, share: f64) -> Vec<(usize, Claim, f64)> {
    let others = task.claims.iter().enumerate().filter(|(_, claim)| !matches!(claim, Claim::Compute(_)));
    others
        .map(|(at, claim)| {
            let share = if matches!(claim, Claim::Data(asset) if subjects.is_data(asset)) { share } else { 1.0 };
            (at, claim.clone(), share)
        })
        .collect()
}

/// Where the state of a task lies that was saved, and its bytes: where it ran last.
fn saved(task: &Task, rest: &Remaining) -> Option<(Place, f64)> {
    let machine = rest.plan.binding(&task.name)?.machine()?;
    Some((machine.offer.place.clone(), task.checkpoint?.size.get() as f64))
}

/// The bytes of an asset on offer; zero of anything else.
pub(super) fn size_of(offer: &Offer) -> f64 {
    match &offer.resource {
        Resource::Data(replica) => replica.size.get() as f64,
        Resource::Model(weights) => weights.size.get() as f64,
        _ => 0.0,
    }
}

/// A part of some work.
fn part_of(work: Work, left: f64) -> Work {
    let count = |amount: u64| (amount as f64 * left).ceil() as u64;
    let span = |span: Span| Span::from_secs_f64(span.as_secs_f64() * left);
    match work {
        _ if left >= 1.0 => work,
        Work::Fixed(all) => Work::Fixed(span(all)),
        Work::Scan { bytes, per_core_second } => Work::Scan { bytes: Bytes::new(count(bytes.get())), per_core_second },
        Work::Train { tokens, parameters, training } => {
            Work::Train { tokens: Tokens::new(count(tokens.get())), parameters, training }
        }
        Work::People(all) => Work::People(span(all)),
        Work::Calls(calls) => Work::Calls(count(calls)),
        other => other,
    }
}
