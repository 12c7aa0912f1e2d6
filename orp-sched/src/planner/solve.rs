//! Solving a problem: every course, every number of tokens worth looking at, and the whole candidates that keep the
//! constraints.
//!
//! # How many tokens
//!
//! Cost and duration rise with the tokens, and so does quality, ever more slowly. Where the demand leaves the number open
//! it is looked for on a grid of doublings between the least and all; between the last number that fits the constraints
//! and the first that does not, to one part in a hundred, for the most that can be had. Quick looks do for the way there;
//! once the best quality is known, a close one is taken where a course comes within [`QUALITY_TOLERANCE`] of it, at the most it
//! can have, and half-way. All numbers but the least and the whole are rounded to three digits.

use super::conditions::Conditions;
use super::course::{Course, Shape, Subjects, TokenRange};
use super::options::{Ground, Options, Servers};
use super::rejected::{Rank, Rejections};
use super::search::{Choice, Effort, Look, Search, Settled, Whole};
use super::spread::Spread;
use super::supply::{NOWHERE, Supply};
use orp_core::{
    contract::Estimator,
    noun::{Estimate, Objective, PlanningProblem, Quality, TokenDemand},
    unit::Tokens,
};

/// Plans whose quality is within this of the best attainable compete for the names `fastest`, `cheapest` and `balanced`.
pub const QUALITY_TOLERANCE: f64 = 0.02;
/// The least share of a data set that is looked at when any number of tokens will do, as a power of two: 1/1024.
const DOUBLINGS: u32 = 10;
/// The most whole candidates that are kept of one course and number of tokens.
const KEPT: usize = 24;

/// A whole candidate that keeps the constraints.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    /// Which level it is of.
    pub(super) level: usize,
    pub(super) estimate: Estimate,
    /// What it costs, and how long the whole takes, at worst; zero when the worst is not reckoned with.
    pub(super) worst_cost: f64,
    pub(super) worst_time: f64,
    pub(super) choices: Vec<Choice>,
}

/// A course with a number of tokens: its workflow in numbers, and the options of its tasks.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) course: usize,
    pub(super) tokens: Tokens,
    /// How closely it was looked at.
    pub(super) look: Look,
    /// Whether one part in a hundred more tokens would not fit.
    pub(super) is_most: bool,
    pub(super) shape: Shape,
    pub(super) options: Vec<Options>,
}

/// A problem being solved.
#[derive(Debug)]
pub(super) struct Solver<'a> {
    pub(super) problem: &'a PlanningProblem,
    pub(super) supply: &'a Supply<'a>,
    pub(super) estimator: &'a dyn Estimator,
    pub(super) conditions: Conditions,
    demand: TokenDemand,
    /// The best quality that fits the constraints.
    pub(super) best_quality: f64,
    pub(super) subjects: Subjects,
    pub(super) courses: Vec<Course<'a>>,
    pub(super) servers: Vec<Option<Servers>>,
    pub(super) levels: Vec<Level>,
    pub(super) rejected: Rejections,
    pub(super) effort: Effort,
    /// Why a course cannot be followed at all.
    pub(super) stuck: Vec<String>,
}

impl<'a> Solver<'a> {
    pub(super) fn new(
        problem: &'a PlanningProblem,
        supply: &'a Supply<'a>,
        estimator: &'a dyn Estimator,
        conditions: Conditions,
        candidates: u64,
    ) -> Self {
        let courses = Course::all(problem);
        Self {
            problem,
            supply,
            estimator,
            conditions,
            demand: problem.intent.goal.tokens,
            best_quality: 0.0,
            subjects: Subjects::of(&problem.intent, supply),
            servers: vec![None; courses.len()],
            courses,
            levels: Vec::new(),
            rejected: Rejections::default(),
            effort: Effort::of(candidates),
            stuck: Vec::new(),
        }
    }

    /// The whole candidates that keep the constraints.
    pub(super) fn solve(&mut self) -> Vec<Outline> {
        let mut found = Vec::new();
        for course in 0..self.courses.len() {
            found.extend(self.explore(course));
        }
        let near = self.near_the_best(&found);
        found.extend(near);
        let (cost, time) = (self.effort.over_cost, self.effort.over_time);
        self.rejected.add_many(Rank::Constraint, "over the budget, with its confidence", cost);
        self.rejected.add_many(Rank::Constraint, "too late, with the probability that is tolerated", time);
        found
    }

    /// One course, with every number of tokens worth looking at.
    fn explore(&mut self, course: usize) -> Vec<Outline> {
        let range = self.courses.get(course).and_then(|course| course.tokens(self.demand, &self.subjects));
        match range {
            None => Vec::new(),
            Some(TokenRange::Fixed(tokens)) => self.at(course, tokens, Look::CLOSE).unwrap_or_default(),
            Some(TokenRange::Between(least, total)) => self.climb(course, least, total),
        }
    }

    /// Up a grid as far as the constraints let it, and from there to the most they let.
    fn climb(&mut self, course: usize, least: Tokens, total: Tokens) -> Vec<Outline> {
        let mut found: Vec<Outline> = Vec::new();
        let mut fits: Option<Tokens> = None;
        for tokens in grid(least, total) {
            if self.effort.left == 0 && !found.is_empty() {
                self.effort.complete = false;
                return found;
            }
            let Ok(more) = self.at(course, tokens, Look::QUICK) else { return found };
            if more.is_empty() {
                if fits.is_none() {
                    // A quick look may miss what only just fits.
                    found.extend(self.at(course, tokens, Look::CLOSE).unwrap_or_default());
                    fits =
                        if found.is_empty() { self.descend(course, least, tokens, &mut found) } else { Some(tokens) };
                    if fits == Some(tokens) {
                        continue;
                    }
                }
                if let Some(fits) = fits {
                    found.extend(self.most_between(course, fits, tokens));
                }
                return found;
            }
            fits = Some(tokens);
            found.extend(more);
        }
        found
    }

    /// Below the grid, an eighth at a time: some number that fits.
    fn descend(&mut self, course: usize, least: Tokens, from: Tokens, found: &mut Vec<Outline>) -> Option<Tokens> {
        let mut tokens = from.get() / 8;
        while tokens >= least.get() && tokens > 0 {
            let more = self.at(course, Tokens::new(tokens), Look::QUICK).ok()?;
            if !more.is_empty() {
                found.extend(more);
                return Some(Tokens::new(tokens));
            }
            tokens /= 8;
        }
        None
    }

    /// The most tokens between one number that fits and one that does not, to one part in a hundred: quick looks to near
    /// it, close ones to find it.
    fn most_between(&mut self, course: usize, fits: Tokens, beyond: Tokens) -> Vec<Outline> {
        let (mut low, mut high) = (fits.get(), beyond.get());
        let mut best = Vec::new();
        for (look, ratio) in [(Look::QUICK, 1.05), (Look::CLOSE, 1.01)] {
            while high as f64 > low as f64 * ratio && self.effort.left > 0 {
                let middle = round_down(((low as f64) * (high as f64)).sqrt() as u64);
                if middle <= low || middle >= high {
                    break;
                }
                match self.at(course, Tokens::new(middle), look) {
                    Ok(found) if !found.is_empty() => (low, best) = (middle, found),
                    _ => high = middle,
                }
            }
            // What a quick look held for too much may fit after all.
            high = (high + high / 16).min(beyond.get());
        }
        for level in self.levels.iter_mut().filter(|level| level.course == course && level.tokens.get() == low) {
            level.is_most = true;
        }
        best
    }

    /// Close looks where courses come within the tolerance of the best quality found, at their most, and half-way.
    fn near_the_best(&mut self, found: &[Outline]) -> Vec<Outline> {
        let quality = |outline: &Outline| outline.estimate.quality.value;
        let Some(best) = found.iter().map(quality).max_by(f64::total_cmp) else { return Vec::new() };
        self.best_quality = best;
        let mut more = Vec::new();
        for course in 0..self.courses.len() {
            let Some(TokenRange::Between(least, _)) =
                self.courses.get(course).and_then(|course| course.tokens(self.demand, &self.subjects))
            else {
                continue;
            };
            let most = found.iter().filter_map(|outline| self.levels.get(outline.level));
            let most = most.filter(|level| level.course == course).map(|level| level.tokens).max();
            let prior = self.courses.get(course).and_then(Course::prior);
            let Some((most, prior)) = most.zip(prior) else { continue };
            let Some(enough) = tokens_for(prior, best - QUALITY_TOLERANCE) else { continue };
            let enough = enough.max(least);
            if enough > most {
                continue;
            }
            let between = Tokens::new(round_down(((enough.get() as f64) * (most.get() as f64)).sqrt() as u64));
            let mut close = vec![enough, between.max(enough), most];
            close.dedup();
            for tokens in close {
                let looked =
                    |level: &Level| level.course == course && level.tokens == tokens && level.look == Look::CLOSE;
                if self.effort.left > 0 && !self.levels.iter().any(looked) {
                    more.extend(self.at(course, tokens, Look::CLOSE).unwrap_or_default());
                }
            }
        }
        more
    }

    /// The whole candidates of a course with so many tokens that keep the constraints; an error when it cannot be
    /// followed, whatever the constraints.
    fn at(&mut self, course_at: usize, tokens: Tokens, look: Look) -> Result<Vec<Outline>, ()> {
        let Some(course) = self.courses.get(course_at).copied() else { return Err(()) };
        let shape = course.shape(&self.problem.intent, &self.subjects, tokens);
        let shape = shape.map_err(|reason| self.stuck.push(reason))?;
        let first = self.servers.get(course_at).is_none_or(Option::is_none);
        let mut ignored = Rejections::default();
        if let (true, Some(slot)) = (first, self.servers.get_mut(course_at)) {
            // Courses of one recipe claim the same: what does not serve is told once.
            let told = if course_at == 0 { &mut self.rejected } else { &mut ignored };
            *slot = Some(Servers::of(&shape, self.supply, told));
        }
        let ground = self.ground();
        let told = if first { &mut self.rejected } else { &mut ignored };
        let options = match self.servers.get(course_at) {
            Some(Some(servers)) => ground.options(&shape, servers, told),
            _ => return Err(()),
        };
        let options = options.map_err(|reason| self.stuck.push(reason))?;
        let settled = self.settled(&shape);
        let search = Search {
            supply: self.supply,
            shape: &shape,
            options: &options,
            settled: &settled,
            bounds: self.conditions.bounds(),
            strict: ground.strict,
            look,
        };
        let whole = search.run(&mut self.effort);
        let outlines = self.judge(whole, course.quality(tokens));
        if !outlines.is_empty() {
            let known = self.levels.iter().find(|level| level.course == course_at && level.tokens == tokens);
            let is_most = known.is_some_and(|level| level.is_most);
            self.levels.push(Level { course: course_at, tokens, look, is_most, shape, options });
        }
        Ok(outlines)
    }

    pub(super) fn ground(&self) -> Ground<'a> {
        Ground {
            supply: self.supply,
            estimator: self.estimator,
            corrections: &self.problem.corrections,
            now: self.problem.now,
            strict: self.conditions.is_strict(),
        }
    }

    /// When the tasks that are not planned end, from now.
    pub(super) fn settled(&self, shape: &Shape) -> Vec<Settled> {
        let Some(rest) = &self.problem.remaining else { return Vec::new() };
        let tasks = shape.workflow.tasks().iter().enumerate().filter(|(_, task)| rest.settled.contains(&task.name));
        tasks
            .map(|(at, task)| {
                let machine = rest.plan.binding(&task.name).and_then(|binding| binding.machine());
                let region = machine.map_or(NOWHERE, |bound| self.supply.region_of(&bound.offer.place));
                Settled { task: at, region, end: rest.running.get(&task.name).map_or(0.0, |left| left.as_secs_f64()) }
            })
            .collect()
    }

    fn judge(&mut self, whole: Vec<Whole>, quality: Quality) -> Vec<Outline> {
        let level = self.levels.len();
        let mut kept = Vec::with_capacity(whole.len());
        for one in whole {
            let cost = Spread { mean: one.cost.mean, variance: one.cost.variance };
            let time = Spread { mean: one.time.mean, variance: one.time.variance };
            let worst = (cost, one.cost.worst);
            let Some(judged) = self.conditions.judge(self.supply, worst, time, quality.clone(), one.reclaims) else {
                continue;
            };
            self.effort.over_cost += u64::from(judged.over_cost);
            self.effort.over_time += u64::from(judged.over_time && !judged.over_cost);
            if !judged.over_cost && !judged.over_time {
                kept.push(Outline {
                    level,
                    estimate: judged.estimate,
                    worst_cost: one.cost.worst,
                    worst_time: if one.time.worst > 0.0 { self.conditions.elapsed + one.time.worst } else { 0.0 },
                    choices: one.choices,
                });
            }
        }
        thin(kept)
    }
}

/// At most [`KEPT`] of the whole candidates of a level: the cheapest, the quickest, the least risky, and others spread
/// over the costs.
fn thin(mut outlines: Vec<Outline>) -> Vec<Outline> {
    let value = |outline: &Outline, objective| outline.estimate.value(objective);
    let by = |a: &Outline, b: &Outline, objective| value(a, objective).total_cmp(&value(b, objective));
    outlines
        .sort_by(|a, b| by(a, b, Objective::Cost).then(by(a, b, Objective::Duration)).then(by(a, b, Objective::Risk)));
    let mut best: Vec<Outline> = Vec::new();
    for outline in outlines {
        let matched = |other: &Outline| {
            [Objective::Cost, Objective::Duration, Objective::Risk]
                .into_iter()
                .all(|objective| value(other, objective) <= value(&outline, objective))
        };
        if !best.iter().any(matched) {
            best.push(outline);
        }
    }
    if best.len() <= KEPT {
        return best;
    }
    let least = |objective| {
        let all = best.iter().enumerate();
        all.min_by(|(_, a), (_, b)| by(a, b, objective)).map_or(0, |(at, _)| at)
    };
    let mut keep: Vec<usize> = (0..KEPT - 2).map(|step| step * (best.len() - 1) / (KEPT - 3)).collect();
    keep.extend([least(Objective::Duration), least(Objective::Risk)]);
    let kept = best.iter().enumerate().filter(|(at, _)| keep.contains(at));
    kept.map(|(_, outline)| outline.clone()).collect()
}

/// Doublings up to the whole, from the least on.
fn grid(least: Tokens, total: Tokens) -> Vec<Tokens> {
    let from = if least.get() > 1 { least.get() } else { (total.get() >> DOUBLINGS).max(1) };
    let mut levels = vec![if least.get() > 1 { from } else { round_down(from) }];
    let doublings = (1..=DOUBLINGS).rev().map(|shift| round_down(total.get() >> shift));
    levels.extend(doublings.filter(|tokens| *tokens > from && *tokens < total.get()));
    levels.push(total.get());
    levels.dedup();
    levels.into_iter().map(Tokens::new).collect()
}

/// A number to three digits, rounded down, so that what fits still fits and people can read it.
fn round_down(count: u64) -> u64 {
    let step = 10_u64.pow(count.max(1).ilog10().saturating_sub(2));
    count / step * step
}

/// The fewest tokens, to three digits, for which a quality is expected; nothing when no number is enough.
fn tokens_for(prior: &orp_core::noun::QualityPrior, quality: f64) -> Option<Tokens> {
    let share = (quality - prior.floor) / (prior.ceiling - prior.floor);
    if !share.is_finite() || share >= 1.0 {
        return None;
    }
    let tokens = prior.half.get() as f64 * share.max(0.0) / (1.0 - share.max(0.0));
    let rounded = round_down(tokens.ceil() as u64);
    let step = 10_u64.pow(rounded.max(1).ilog10().saturating_sub(2));
    Some(Tokens::new(if (rounded as f64) < tokens { rounded + step } else { rounded }.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::noun::QualityPrior;

    #[test]
    fn grids_double_to_the_whole() {
        let of = |least: u64, total: u64| {
            grid(Tokens::new(least), Tokens::new(total)).into_iter().map(Tokens::get).collect::<Vec<_>>()
        };
        assert_eq!(of(1, 4), [1, 2, 4]);
        assert_eq!(of(3_000, 10_240), [3_000, 5_120, 10_240]);
        let reference = of(1, 25_000_000_000);
        assert_eq!((reference.first(), reference.last()), (Some(&24_400_000), Some(&25_000_000_000)));
        assert_eq!(reference.len(), 11);
    }

    #[test]
    fn tokens_for_a_quality_give_it() {
        let prior = QualityPrior { floor: 0.6, ceiling: 0.9, half: Tokens::new(300_000_000), source: "assumed".into() };
        for quality in [0.61, 0.7, 0.75, 0.899] {
            let tokens = tokens_for(&prior, quality).unwrap();
            assert!(prior.at(tokens) >= quality && prior.at(tokens) < quality + 0.001, "{quality}: {tokens}");
        }
        assert_eq!(tokens_for(&prior, 0.9), None);
        assert_eq!(tokens_for(&prior, 0.5), Some(Tokens::new(1)));
    }
}
