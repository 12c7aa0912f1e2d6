//! One step of the search: a task is added to every label.
//!
//! A *trip* takes labels to a site where the task can run. Cheap trips come first; a later one, or any label on it, is given
//! up as soon as what it can come to at best is matched by what an earlier one has come to.

use super::candidate::Amount;
use super::course::Need;
use super::crowd::{Crowd, Grain};
use super::left::{Left, Tails};
use super::options::{Options, Site};
use super::search::{BEAM, Choice, Effort, Group, Layer, Origin, Search};
use super::supply::{NOWHERE, Region};
use std::collections::BTreeMap;

/// The step.
#[derive(Debug)]
pub(super) struct Step<'s> {
    search: &'s Search<'s>,
    at: usize,
    need: &'s Need,
    options: &'s Options,
    before: &'s Layer,
    left: &'s Left<'s>,
    grain: Grain,
    /// Which of the open tasks stay open, by their places in the layer before.
    stays: Vec<usize>,
    /// The open tasks after this step.
    open: Vec<usize>,
    /// Which of those that stay open are waited for only by tasks that wait for this one too: to them they end no earlier.
    covered: Vec<bool>,
    is_last: bool,
    /// The candidates of each site that are worth looking at, and what none of them is better than.
    sites: Vec<(Vec<usize>, Amount, Amount)>,
}

/// A group's way to a site: money, seconds.
#[derive(Debug)]
struct Way<'s> {
    group: &'s Group,
    cost: f64,
    seconds: f64,
}

/// Ways to a site of groups whose labels then have their open tasks in the same regions.
#[derive(Debug)]
struct Trip<'s> {
    key: Vec<Region>,
    site_at: usize,
    site: &'s Site,
    ways: Vec<Way<'s>>,
}

/// Labels that have brought their inputs to where the task will run. Their times: the start, the time on the ways, then
/// what their labels have: the latest end of tasks nobody waits for, and the ends of open tasks that stay open.
#[derive(Debug)]
struct Arrivals {
    crowd: Crowd,
    from: Vec<(usize, usize)>,
}

/// Labels that have grown by the task.
#[derive(Debug)]
struct Grown {
    crowd: Crowd,
    origins: Vec<Origin>,
    /// How many there were when those matched by others were last dropped.
    thinned: usize,
}

impl<'s> Step<'s> {
    pub(super) fn new(
        search: &'s Search<'s>,
        (at, need, options): (usize, &'s Need, &'s Options),
        before: &'s Layer,
        later: &'s [Need],
        left: &'s Left<'s>,
        grain: Grain,
    ) -> Self {
        let waits = |task: usize| later.iter().any(|need| need.before.iter().any(|(from, _)| *from == task));
        let stays: Vec<usize> =
            before.open.iter().enumerate().filter(|(_, task)| waits(**task)).map(|(at, _)| at).collect();
        let mut open: Vec<usize> = stays.iter().filter_map(|&stay| before.open.get(stay).copied()).collect();
        let waiting = |task: usize| later.iter().filter(move |one| one.before.iter().any(|(from, _)| *from == task));
        let too = |one: &Need| one.before.iter().any(|(from, _)| *from == need.task);
        let covered = open.iter().map(|&task| waiting(task).all(too)).collect();
        open.extend(need.is_awaited.then_some(need.task));
        let few = |site: &Site| {
            let few = if site.candidates.len() * 2 <= grain.crowd {
                (0..site.candidates.len()).collect()
            } else {
                site.distinct(options.longest, search.strict, grain)
            };
            let bare = few.iter().filter_map(|&at: &usize| site.candidates.get(at)).map(|one| one.bare(search.strict));
            let floor = bare.map(|one| (one.cost, one.time)).reduce(|a, b| (a.0.least(b.0), a.1.least(b.1)));
            let (cost, time) = floor.unwrap_or_default();
            (few, cost, time)
        };
        let sites = options.sites.iter().map(few).collect();
        let is_last = later.is_empty();
        Self { search, at, need, options, before, left, grain, stays, open, covered, is_last, sites }
    }

    /// The labels after the task.
    pub(super) fn take(&self, effort: &mut Effort) -> Layer {
        let mut all: BTreeMap<Vec<Region>, Grown> = BTreeMap::new();
        for trip in self.trips() {
            let times_each = 1 + self.open.len();
            let mut grown = all.remove(&trip.key).unwrap_or_else(|| Grown::new(times_each));
            let tails = self.left.tails(self.at, &self.open, &trip.key);
            let arrivals = self.arrivals(&trip, &tails, &grown.crowd, effort);
            self.grow(&trip, &arrivals, &tails, &mut grown, effort);
            grown.thin_out();
            all.insert(trip.key, grown);
        }
        self.settle(all, effort)
    }

    /// The trips, cheap ones first.
    fn trips(&self) -> Vec<Trip<'s>> {
        let mut trips: Vec<Trip<'s>> = Vec::new();
        for (site_at, site) in self.options.sites.iter().enumerate() {
            let mut by_key: BTreeMap<Vec<Region>, Vec<Way<'s>>> = BTreeMap::new();
            for group in &self.before.groups {
                let Some((cost, seconds)) = self.bring(group, site.region) else { continue };
                by_key.entry(self.key(group, site.region)).or_default().push(Way { group, cost, seconds });
            }
            for (key, mut ways) in by_key {
                ways.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.seconds.total_cmp(&b.seconds)));
                trips.push(Trip { key, site_at, site, ways });
            }
        }
        let cheapest = |trip: &Trip<'_>| trip.ways.first().map_or((0.0, 0.0), |way| (way.cost, way.seconds));
        trips.sort_by(|a, b| {
            let (left, right) = (cheapest(a), cheapest(b));
            left.0.total_cmp(&right.0).then(left.1.total_cmp(&right.1))
        });
        trips
    }

    /// Where what the open tasks left lies, once the task ran in a region: there, if it brought it.
    fn key(&self, group: &Group, region: Region) -> Vec<Region> {
        let lies = |&stay: &usize| {
            let task = self.before.open.get(stay)?;
            let before = group.regions.get(stay).copied()?;
            let brought = self.need.before.iter().any(|(from, bytes)| from == task && *bytes > 0.0);
            Some(if brought && region != NOWHERE { region } else { before })
        };
        let mut key: Vec<Region> = self.stays.iter().filter_map(lies).collect();
        // What leaves nothing lies nowhere.
        key.extend(self.need.is_awaited.then_some(if self.need.leaves > 0.0 { region } else { NOWHERE }));
        key
    }

    /// What bringing the inputs from where a group's tasks left them costs and takes.
    fn bring(&self, group: &Group, to: Region) -> Option<(f64, f64)> {
        let mut sum = (0.0, 0.0);
        for (task, bytes) in &self.need.before {
            let from = self.before.open.iter().position(|open| open == task);
            let region = from.and_then(|at| group.regions.get(at)).copied().unwrap_or(NOWHERE);
            let (cost, seconds) = self.search.supply.moving(*bytes, region, to)?;
            sum = (sum.0 + cost, sum.1 + seconds);
        }
        Some(sum)
    }

    fn arrivals(&self, trip: &Trip<'s>, tails: &Tails, grown: &Crowd, effort: &mut Effort) -> Arrivals {
        let mut all = Arrivals { crowd: Crowd::new(3 + self.stays.len()), from: Vec::new() };
        let (_, least_cost, least_time) = self.sites.get(trip.site_at).cloned().unwrap_or_default();
        let (mut times, mut best) = (Vec::new(), Vec::new());
        let mut needless = |cost: Amount, times: &[Amount], all: &Crowd| {
            let [start, on_ways, rest @ ..] = times else { return true };
            let cost_at_best = cost.plus(least_cost);
            self.label_times(rest, start.plus(*on_ways).plus(least_time), &mut best);
            self.is_beyond(&cost_at_best, &best, tails, effort)
                || all.matches(&cost, times)
                || grown.matches(&cost_at_best, &best)
        };
        for Way { group, cost, seconds } in &trip.ways {
            for (access_at, access) in trip.site.accesses.iter().enumerate() {
                let way = (cost + access.cost, seconds + access.ways, access.not_before);
                // If the best of the group in everything is not needed, none of it is.
                let floor = self.arrive(group.floor.0, &group.floor.1, way, &mut times);
                if needless(floor, &times, &all.crowd) {
                    continue;
                }
                for label in 0..group.crowd.len() {
                    let cost = self.arrive(group.crowd.cost(label), group.crowd.times(label), way, &mut times);
                    if !needless(cost, &times, &all.crowd) {
                        all.crowd.push(cost, &times);
                        all.from.push((group.first + label, access_at));
                    }
                }
            }
        }
        all
    }

    /// A label with its inputs brought: what it has cost, and, in `times`, its times.
    fn arrive(
        &self,
        cost: Amount,
        before: &[Amount],
        (way_cost, way_seconds, not_before): (f64, f64, f64),
        times: &mut Vec<Amount>,
    ) -> Amount {
        let end_of = |open_at: usize| before.get(1 + open_at).copied().unwrap_or_default();
        let waits_for = |task: &usize| self.need.before.iter().any(|(from, _)| from == task);
        let ends = self.before.open.iter().enumerate().filter(|(_, task)| waits_for(task)).map(|(at, _)| end_of(at));
        let start = ends.fold(self.search.kind(Amount::certain(not_before)), Amount::later);
        times.clear();
        times.push(start);
        times.push(self.search.kind(Amount::certain(way_seconds)));
        times.push(before.first().copied().unwrap_or_default());
        times.extend(self.stays.iter().map(|&stay| end_of(stay)));
        cost.plus(self.search.kind(Amount::certain(way_cost)))
    }

    /// The times of a label whose task ends at `end`: of an arrival's times, those of its label, and that end.
    fn label_times(&self, rest: &[Amount], end: Amount, times: &mut Vec<Amount>) {
        times.clear();
        times.extend_from_slice(rest);
        let open = times.iter_mut().skip(1).zip(&self.covered).filter(|(_, covered)| **covered);
        open.for_each(|(time, _)| *time = time.later(end));
        if self.need.is_awaited {
            times.push(end);
        } else if let Some(done) = times.first_mut() {
            *done = done.later(end);
        }
    }

    /// Lets every arrival run on every candidate of its site.
    fn grow(&self, trip: &Trip<'_>, arrivals: &Arrivals, tails: &Tails, grown: &mut Grown, effort: &mut Effort) {
        let candidates = self.sites.get(trip.site_at).map_or(&[][..], |(few, ..)| few.as_slice());
        let mut times = Vec::new();
        for arrival in arrivals.crowd.worthy(self.grain) {
            let Some(&(parent, access)) = arrivals.from.get(arrival) else { continue };
            let arrived = arrivals.crowd.cost(arrival);
            let [start, on_ways, rest @ ..] = arrivals.crowd.times(arrival) else { continue };
            for &candidate_at in candidates {
                let Some(candidate) = trip.site.candidates.get(candidate_at) else { continue };
                let outcome = candidate.at(on_ways.mean, self.search.strict);
                let cost = arrived.plus(outcome.cost);
                self.label_times(rest, start.plus(outcome.time), &mut times);
                effort.left = effort.left.saturating_sub(1);
                effort.whole += u64::from(self.is_last);
                if !self.is_beyond(&cost, &times, tails, effort) && !grown.crowd.matches(&cost, &times) {
                    let choice = Choice { site: trip.site_at, access, candidate: candidate_at };
                    grown.origins.push(Origin { parent, choice, reclaims: outcome.reclaims });
                    grown.crowd.push(cost, &times);
                }
            }
        }
    }

    /// Whether a label cannot keep the bounds, whatever comes after it.
    fn is_beyond(&self, cost: &Amount, times: &[Amount], tails: &Tails, effort: &mut Effort) -> bool {
        let over_cost = cost.mean + tails.cost > self.search.bounds.cost;
        let over_time = !over_cost && tails.pass(times, &self.search.bounds);
        effort.over_cost += u64::from(over_cost);
        effort.over_time += u64::from(over_time);
        over_cost || over_time
    }

    /// Keeps what is worth keeping of what has grown.
    fn settle(&self, all: BTreeMap<Vec<Region>, Grown>, effort: &mut Effort) -> Layer {
        let all = all.into_iter().filter(|(_, grown)| grown.crowd.len() > 0);
        let kept: Vec<(Vec<Region>, Grown, Vec<usize>)> = all
            .map(|(regions, grown)| {
                let labels = grown.crowd.worthy(self.grain);
                (regions, grown, labels)
            })
            .collect();
        let spent = effort.left == 0 || kept.iter().map(|(.., labels)| labels.len()).sum::<usize>() > BEAM;
        effort.complete &= !spent;
        let mut next = Layer { open: self.open.clone(), ..Layer::default() };
        for (regions, mut grown, labels) in kept {
            let labels = if spent && labels.len() > 2 { grown.crowd.ends() } else { labels };
            grown.keep(&labels);
            let (first, floor) = (next.origins.len(), grown.crowd.floor());
            next.origins.extend(grown.origins);
            next.groups.push(Group { regions, first, crowd: grown.crowd, floor });
        }
        next
    }
}

impl Grown {
    const fn new(times_each: usize) -> Self {
        Self { crowd: Crowd::new(times_each), origins: Vec::new(), thinned: 0 }
    }

    /// Drops labels that others match, once they may be many.
    fn thin_out(&mut self) {
        if self.crowd.len() > 2 * self.thinned + 32 {
            self.keep(&self.crowd.undominated());
            self.thinned = self.crowd.len();
        }
    }

    fn keep(&mut self, labels: &[usize]) {
        self.crowd = self.crowd.only(labels);
        self.origins = labels.iter().filter_map(|&label| self.origins.get(label).copied()).collect();
    }
}
