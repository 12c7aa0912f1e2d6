//! The least that what is left of a workflow can cost and take: what tells early that a label cannot keep the bounds.
//!
//! A task that is left costs at least what its cheapest candidate costs, with the ways from where the open tasks lie that
//! it comes after and that no other task is to bring before; ways between tasks neither of which has its place yet count
//! nothing. From the end of an open task it takes at least the longest of the ways through the tasks that wait for it, each
//! at its shortest.

use super::candidate::Amount;
use super::course::Need;
use super::search::{Bounds, Search};
use super::supply::{NOWHERE, Region};

/// Lower bounds for every part of a search.
#[derive(Debug)]
pub(super) struct Left<'a> {
    search: &'a Search<'a>,
    /// For each task, the least it costs in each of its sites.
    costs: Vec<Vec<f64>>,
    /// For each task, the least time it takes in each of its sites, from its start to the end of all that wait for it.
    times: Vec<Vec<f64>>,
}

/// What is left at least for labels whose open tasks lie in the same regions.
#[derive(Debug, Clone)]
pub(super) struct Tails {
    /// Cost of all tasks that are left.
    pub(super) cost: f64,
    /// From the end of each open task to the end of all.
    pub(super) times: Vec<f64>,
}

impl Tails {
    /// Whether a label with these times (the latest end nobody waits for, then those of open tasks) must miss the bounds.
    pub(super) fn pass(&self, times: &[Amount], bounds: &Bounds) -> bool {
        let beyond = |end: &Amount, tail: f64| end.mean + tail > bounds.time || end.worst + tail > bounds.worst_time;
        times.iter().zip([0.0].into_iter().chain(self.times.iter().copied())).any(|(end, tail)| beyond(end, tail))
    }
}

impl<'a> Left<'a> {
    pub(super) fn of(search: &'a Search<'a>) -> Self {
        let times = vec![Vec::new(); search.shape.needs.len()];
        let mut left = Self { search, costs: Vec::new(), times };
        for options in search.options {
            let cost = |site: &super::options::Site| {
                let accesses = site.accesses.iter().map(|access| access.cost).fold(f64::INFINITY, f64::min);
                let runs = site.candidates.iter().map(|one| one.outcome(0.0).cost.mean).fold(f64::INFINITY, f64::min);
                accesses + runs
            };
            left.costs.push(options.sites.iter().map(cost).collect());
        }
        // Backwards, so that the tasks that wait are known before those they wait for.
        for at in (0..search.shape.needs.len()).rev() {
            let Some(options) = search.options.get(at) else { continue };
            let times = options.sites.iter().map(|site| {
                let runs = site.candidates.iter().map(|one| one.bare(false).time.mean).fold(f64::INFINITY, f64::min);
                runs + left.tail(at, site.region, at + 1)
            });
            let times = times.collect();
            if let Some(slot) = left.times.get_mut(at) {
                *slot = times;
            }
        }
        left
    }

    /// The least cost of the tasks from one on.
    pub(super) fn least_cost(&self, from: usize) -> f64 {
        let least = |costs: &Vec<f64>| costs.iter().copied().fold(f64::INFINITY, f64::min);
        self.costs.iter().skip(from).map(least).sum()
    }

    /// The least time of all.
    pub(super) fn least_time(&self) -> f64 {
        let least = |times: &Vec<f64>| times.iter().copied().fold(f64::INFINITY, f64::min);
        self.times.iter().map(least).fold(0.0, f64::max)
    }

    /// What is left at least after task `at`, when the open tasks lie in these regions.
    pub(super) fn tails(&self, at: usize, open: &[usize], regions: &[Region]) -> Tails {
        let needs = &self.search.shape.needs;
        let left = needs.iter().enumerate().skip(at + 1);
        let cost = left.map(|(later, need)| self.cost_from((at + 1, later), need, open, regions));
        let times = open.iter().zip(regions).map(|(task, region)| {
            let place = needs.iter().position(|need| need.task == *task);
            place.map_or(0.0, |place| self.tail(place, *region, at + 1))
        });
        Tails { cost: cost.sum(), times: times.collect() }
    }

    /// The least cost of a task, brought what open tasks left in these regions.
    fn cost_from(&self, (next, at): (usize, usize), need: &Need, open: &[usize], regions: &[Region]) -> f64 {
        let Some((options, costs)) = self.search.options.get(at).zip(self.costs.get(at)) else { return 0.0 };
        let sooner = self.search.shape.needs.get(next..at).unwrap_or_default();
        let unbrought = |from: usize| !sooner.iter().any(|one| one.before.iter().any(|(other, _)| *other == from));
        let in_site = |(site, cost): (&super::options::Site, &f64)| {
            let ways = need.before.iter().filter(|(from, _)| unbrought(*from)).map(|(from, bytes)| {
                let region = open.iter().position(|task| task == from).and_then(|place| regions.get(place));
                let way = self.search.supply.moving(*bytes, region.copied().unwrap_or(NOWHERE), site.region);
                way.map_or(f64::INFINITY, |(cost, _)| cost)
            });
            cost + ways.sum::<f64>()
        };
        options.sites.iter().zip(costs).map(in_site).fold(f64::INFINITY, f64::min)
    }

    /// The least time from the end of task `at`, in this region, to the end of all from task `next` on that wait for it.
    fn tail(&self, at: usize, region: Region, next: usize) -> f64 {
        let needs = &self.search.shape.needs;
        let Some(task) = needs.get(at).map(|need| need.task) else { return 0.0 };
        let (mut tail, mut is_brought) = (0.0_f64, false);
        for (later, need) in needs.iter().enumerate().skip(next) {
            let Some((_, bytes)) = need.before.iter().find(|(from, _)| *from == task) else { continue };
            let Some((options, times)) = self.search.options.get(later).zip(self.times.get(later)) else { continue };
            let in_site = |(site, time): (&super::options::Site, &f64)| {
                // What the first of them brought, the others find nearer, or there.
                let way = self.search.supply.moving(if is_brought { 0.0 } else { *bytes }, region, site.region);
                way.map_or(f64::INFINITY, |(_, seconds)| seconds + time)
            };
            tail = tail.max(options.sites.iter().zip(times).map(in_site).fold(f64::INFINITY, f64::min));
            is_brought = true;
        }
        tail
    }
}
