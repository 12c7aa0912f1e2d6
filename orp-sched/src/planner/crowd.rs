//! Sets of labels with the same future, and which of them are worth keeping.

use super::candidate::Amount;

/// How often labels are looked at more coarsely before a crowd is taken as it is.
const COARSENINGS: usize = 12;

/// Labels by what they cost and a few times each: the same times in the same order for all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd {
    times_each: usize,
    costs: Vec<Amount>,
    times: Vec<Amount>,
}

/// How closely labels are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grain {
    /// The differences in cost and time below which labels are near.
    pub(super) cost: f64,
    pub(super) time: f64,
    /// How many labels may stand in one place before near ones are dropped.
    pub(super) crowd: usize,
}

impl Grain {
    /// Whether an amount is no larger than another, but for `by`.
    pub(super) fn is_close(mine: &Amount, other: &Amount, by: f64) -> bool {
        mine.mean <= other.mean + by && mine.high() <= other.high() + by && mine.worst <= other.worst + by
    }

    /// Twice as coarse.
    fn coarser(self) -> Self {
        Self { cost: self.cost * 2.0, time: self.time * 2.0, ..self }
    }
}

impl Crowd {
    /// An empty one, whose labels have so many times each.
    pub(super) const fn new(times_each: usize) -> Self {
        Self { times_each, costs: Vec::new(), times: Vec::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.costs.len()
    }

    pub(super) fn cost(&self, label: usize) -> Amount {
        self.costs.get(label).copied().unwrap_or_default()
    }

    pub(super) fn times(&self, label: usize) -> &[Amount] {
        self.times.get(label * self.times_each..(label + 1) * self.times_each).unwrap_or_default()
    }

    pub(super) fn time(&self, label: usize, at: usize) -> Amount {
        self.times(label).get(at).copied().unwrap_or_default()
    }

    pub(super) fn push(&mut self, cost: Amount, times: &[Amount]) {
        self.costs.push(cost);
        self.times.extend_from_slice(times);
        debug_assert_eq!(self.times.len(), self.costs.len() * self.times_each);
    }

    /// Whether any label is no worse than this in everything.
    pub(super) fn matches(&self, cost: &Amount, times: &[Amount]) -> bool {
        (0..self.len()).any(|label| {
            self.times(label).iter().zip(times).rev().all(|(mine, other)| mine.within(other))
                && self.cost(label).within(cost)
        })
    }

    /// What no label is better than, in everything.
    pub(super) fn floor(&self) -> (Amount, Vec<Amount>) {
        let cost = self.costs.iter().copied().reduce(Amount::least).unwrap_or_default();
        let times = (0..self.times_each)
            .map(|at| (0..self.len()).map(|label| self.time(label, at)).reduce(Amount::least).unwrap_or_default());
        (cost, times.collect())
    }

    /// The labels worth keeping, cheapest first: no other is as good in everything; and where they crowd, no other is as
    /// good but for a difference that grows until few enough are left. The cheapest, the quickest and the one with the
    /// least worst time always stay.
    pub(super) fn worthy(&self, grain: Grain) -> Vec<usize> {
        let best = self.undominated();
        let ends = [self.first_by(&best, |time| time.mean), self.first_by(&best, |time| time.worst)];
        let (mut kept, mut grain) = (best, grain);
        for _ in 0..COARSENINGS {
            if kept.len() <= grain.crowd {
                break;
            }
            let mut fewer: Vec<usize> = Vec::with_capacity(kept.len());
            for &label in &kept {
                let is_end = fewer.is_empty() || ends.contains(&Some(label));
                if is_end || !fewer.iter().any(|&other| self.is_near(other, label, grain)) {
                    fewer.push(label);
                }
            }
            (kept, grain) = (fewer, grain.coarser());
        }
        kept
    }

    /// Only these labels.
    pub(super) fn only(&self, labels: &[usize]) -> Self {
        let mut few = Self::new(self.times_each);
        labels.iter().for_each(|&label| few.push(self.cost(label), self.times(label)));
        few
    }

    /// Of the labels worth keeping only the cheapest and the quickest: what is looked at when the effort is spent.
    pub(super) fn ends(&self) -> Vec<usize> {
        let best = self.undominated();
        let quickest = self.first_by(&best, |time| time.mean);
        let mut ends: Vec<usize> = best.first().copied().into_iter().chain(quickest).collect();
        ends.dedup();
        ends
    }

    /// The labels that no other one matches in everything, cheapest first.
    pub(super) fn undominated(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        // The sort is stable: of equal labels the first stays.
        order.sort_by(|&a, &b| {
            let (left, right) = (self.cost(a), self.cost(b));
            left.mean.total_cmp(&right.mean).then_with(|| self.last_end(a).total_cmp(&self.last_end(b)))
        });
        let mut kept: Vec<usize> = Vec::new();
        for label in order {
            if !kept.iter().any(|&other| self.is_no_worse(other, label)) {
                kept.push(label);
            }
        }
        kept
    }

    fn first_by(&self, labels: &[usize], part: impl Fn(&Amount) -> f64) -> Option<usize> {
        let latest = |label: usize| self.times(label).iter().map(&part).fold(0.0, f64::max);
        labels.iter().copied().min_by(|&a, &b| latest(a).total_cmp(&latest(b)))
    }

    fn last_end(&self, label: usize) -> f64 {
        self.times(label).iter().map(|time| time.mean).fold(0.0, f64::max)
    }

    fn is_no_worse(&self, label: usize, other: usize) -> bool {
        // The labels come in the order of cost, and the last end differs most: what decides soonest is looked at first.
        self.times(label).iter().zip(self.times(other)).rev().all(|(mine, other)| mine.within(other))
            && self.cost(label).within(&self.cost(other))
    }

    fn is_near(&self, label: usize, other: usize, grain: Grain) -> bool {
        Grain::is_close(&self.cost(label), &self.cost(other), grain.cost)
            && self
                .times(label)
                .iter()
                .zip(self.times(other))
                .all(|(mine, other)| Grain::is_close(mine, other, grain.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(points: &[(f64, f64)]) -> Crowd {
        let mut crowd = Crowd::new(1);
        for &(cost, time) in points {
            crowd.push(Amount { mean: cost, ..Amount::default() }, &[Amount { mean: time, ..Amount::default() }]);
        }
        crowd
    }

    #[test]
    fn what_is_worse_in_everything_goes() {
        let grain = Grain { cost: 0.0, time: 0.0, crowd: 24 };
        let crowd = crowd(&[(3.0, 1.0), (1.0, 3.0), (2.0, 2.0), (2.0, 2.0), (3.0, 3.0)]);
        assert_eq!(crowd.worthy(grain), [1, 2, 0]);
        assert_eq!(crowd.ends(), [1, 0]);
    }

    #[test]
    fn a_crowd_keeps_its_ends_and_thins_between() {
        let points: Vec<(f64, f64)> = (0..100).map(|at| (100.0 + f64::from(at), 300.0 - f64::from(at))).collect();
        let kept = crowd(&points).worthy(Grain { cost: 1.5, time: 1.5, crowd: 24 });
        assert!(kept.contains(&0) && kept.contains(&99), "{kept:?}");
        assert!(kept.len() < 25 && kept.len() > 10, "{kept:?}");
    }
}
