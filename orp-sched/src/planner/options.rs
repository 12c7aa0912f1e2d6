//! Options of a task: where it can run, on what, and whence its inputs come; without those that are worse in everything.

use super::candidate::{Candidate, Fallback, Outcome, Terms};
use super::course::{Need, Shape, size_of};
use super::crowd::Grain;
use super::rejected::{Rank, Rejections};
use super::supply::{Entry, NOWHERE, Region, Supply};
use orp_core::{
    contract::{Estimator, TimeEstimate},
    noun::{CheckpointTimes, Claim, ComputeClaim, Offer, Resource, Work},
    unit::Timestamp,
};
use std::collections::BTreeMap;

/// How many units of an offer may form a gang, as far as it has them.
const GANGS: [u32; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/// The most combinations of inputs that are kept for a task in a region, and the most fallbacks for a candidate.
const ACCESSES: usize = 16;
const FALLBACKS: usize = 3;

/// A choice of offers for all claims of a task but that on a machine.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Access {
    /// What they cost.
    pub(super) cost: f64,
    /// Seconds that bringing the inputs takes, or that the tool's calls take.
    pub(super) ways: f64,
    /// Seconds from now before which it cannot begin.
    pub(super) not_before: f64,
    /// Which entry serves which claim.
    pub(super) bound: Vec<(usize, usize)>,
}

impl Access {
    fn is_no_worse(&self, other: &Self) -> bool {
        self.cost <= other.cost && self.ways <= other.ways && self.not_before <= other.not_before
    }
}

/// A region in which a task can run.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) region: Region,
    pub(super) accesses: Vec<Access>,
    pub(super) candidates: Vec<Candidate>,
}

impl Site {
    /// The candidates without those that another one matches but for a small difference; the cheapest and the quickest
    /// always stay.
    ///
    /// Amounts do not fall with the time on the ways, and are linear from each card's own on, so the shortest and the
    /// longest ways decide.
    pub(super) fn distinct(&self, longest: f64, strict: bool, grain: Grain) -> Vec<usize> {
        let outcomes: Vec<[Outcome; 2]> =
            self.candidates.iter().map(|one| [one.at(0.0, strict), one.at(longest, strict)]).collect();
        let least = |end: usize, part: &dyn Fn(&Outcome) -> f64| {
            let all = outcomes.iter().enumerate();
            all.min_by(|(_, a), (_, b)| part(&a[end]).total_cmp(&part(&b[end]))).map(|(at, _)| at)
        };
        let mut ends = Vec::new();
        for end in 0..2 {
            ends.push(least(end, &|one| one.cost.mean));
            ends.push(least(end, &|one| one.time.mean));
            ends.push(least(end, &|one| one.time.worst));
        }
        let mut kept: Vec<(usize, &[Outcome; 2])> = Vec::new();
        for (at, one) in outcomes.iter().enumerate() {
            let is_near = |(_, other): &(usize, &[Outcome; 2])| {
                other.iter().zip(one).all(|(theirs, mine)| theirs.is_near(mine, grain))
            };
            if ends.contains(&Some(at)) || !kept.iter().any(is_near) {
                kept.push((at, one));
            }
        }
        kept.into_iter().map(|(at, _)| at).collect()
    }
}

/// Everything a task can run on.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) sites: Vec<Site>,
    /// What the estimator believes, for candidates to refer to.
    pub(super) beliefs: Vec<TimeEstimate>,
    /// The longest its inputs can be on their ways.
    pub(super) longest: f64,
}

/// What is looked around with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) supply: &'a Supply<'a>,
    pub(super) estimator: &'a dyn Estimator,
    pub(super) corrections: &'a BTreeMap<String, f64>,
    pub(super) now: Timestamp,
    /// Whether the deadline must not be missed, whatever is reclaimed.
    pub(super) strict: bool,
}

/// The offers that may serve each task of a course, with the gangs they may form: the same for any number of tokens.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    machines: Vec<Vec<(usize, u32)>>,
    others: Vec<Vec<(usize, Vec<usize>)>>,
}

impl Servers {
    /// Looks for what serves the tasks of a shape.
    pub(super) fn of(shape: &Shape, supply: &Supply<'_>, rejected: &mut Rejections) -> Self {
        let mut servers = Self { machines: Vec::new(), others: Vec::new() };
        for need in &shape.needs {
            let task = shape.task(need);
            let claim = task.and_then(|task| task.machine());
            let name = task.map_or("", |task| task.name.as_str());
            let machines = claim.map_or_else(Vec::new, |claim| machines_for(claim, need, name, supply, rejected));
            servers.machines.push(machines);
            servers.others.push(need.others.iter().map(|(at, claim, _)| (*at, supply.serving(claim))).collect());
        }
        servers
    }
}

/// The entries that serve a claim on a machine, each with its gangs.
fn machines_for(
    claim: &ComputeClaim,
    need: &Need,
    task: &str,
    supply: &Supply<'_>,
    rejected: &mut Rejections,
) -> Vec<(usize, u32)> {
    let asked = Claim::Compute(claim.clone());
    let in_gangs = matches!(need.work, Work::Train { .. });
    let mut found = Vec::new();
    for (at, entry) in supply.entries.iter().enumerate().filter(|(_, entry)| entry.offer.machine().is_some()) {
        let alone = asked.admits(entry.offer);
        let most = if in_gangs { entry.offer.units } else { 1 };
        let before = found.len();
        for units in GANGS.into_iter().filter(|units| *units <= most) {
            if alone.is_ok() || (units > 1 && gang_admits(claim, entry.offer, units)) {
                found.push((at, units));
            }
        }
        match alone {
            Err(reason) if found.len() == before => {
                rejected.add(Rank::Claim, format!("task `{task}` {reason}"), &entry.offer.key);
            }
            _ => {}
        }
    }
    found
}

/// Whether so many units together have what one lacks: amounts add up, kinds do not.
fn gang_admits(claim: &ComputeClaim, offer: &Offer, units: u32) -> bool {
    let Some(machine) = offer.machine() else { return false };
    let capacity = (0..units).try_fold(orp_core::noun::Capacity::ZERO, |sum, _| sum.checked_add(&machine.capacity));
    let together = machine.clone();
    let Some(capacity) = capacity else { return false };
    let resource = Resource::Compute(orp_core::noun::Machine { capacity, ..together });
    let gang = Offer::new(offer.key.clone(), resource, offer.place.clone(), offer.price);
    Claim::Compute(claim.clone()).admits(&gang).is_ok()
}

impl<'a> Ground<'a> {
    /// The options of every task of a shape; why a task has none, when one has none.
    pub(super) fn options(
        &self,
        shape: &Shape,
        servers: &Servers,
        rejected: &mut Rejections,
    ) -> Result<Vec<Options>, String> {
        let mut all = Vec::with_capacity(shape.needs.len());
        for (at, need) in shape.needs.iter().enumerate() {
            let machines = servers.machines.get(at).map_or(&[][..], Vec::as_slice);
            let others = servers.others.get(at).map_or(&[][..], Vec::as_slice);
            let mut options = match need.machine {
                Some(_) => self.on_machines(shape, need, machines, others, rejected),
                None => self.without_machine(need, others)?,
            };
            options.sites.retain(|site| !site.accesses.is_empty() && !site.candidates.is_empty());
            if options.sites.is_empty() {
                let name = shape.task(need).map_or("", |task| task.name.as_str());
                let unserved = need.others.iter().zip(others).find(|(_, (_, entries))| entries.is_empty());
                return Err(match unserved {
                    Some(((_, claim, _), _)) => format!("task `{name}` needs {claim}, and nothing on offer gives it"),
                    None => format!("task `{name}` can run nowhere"),
                });
            }
            all.push(options);
        }
        Ok(all)
    }

    fn without_machine(&self, need: &Need, others: &[(usize, Vec<usize>)]) -> Result<Options, String> {
        let belief = self.believe(need, None, 1)?;
        let candidate = Candidate::without_machine(&belief, need.reload)?;
        let accesses = self.accesses(need, others, NOWHERE);
        let site = Site { region: NOWHERE, accesses, candidates: vec![candidate] };
        Ok(Options { sites: vec![site], beliefs: vec![belief], ..Options::default() })
    }

    fn on_machines(
        &self,
        shape: &Shape,
        need: &Need,
        machines: &[(usize, u32)],
        others: &[(usize, Vec<usize>)],
        rejected: &mut Rejections,
    ) -> Options {
        let mut options = Options::default();
        let mut by_region: BTreeMap<Region, Vec<Candidate>> = BTreeMap::new();
        let mut refusals: BTreeMap<usize, String> = BTreeMap::new();
        let mut served: Vec<usize> = Vec::new();
        let times = shape.task(need).and_then(|task| task.checkpoint).map(|spec| spec.times);
        let bytes = self.bytes(need, others);
        let mut known: BTreeMap<(usize, u32), Result<usize, String>> = BTreeMap::new();
        for &(at, units) in machines {
            let Some(entry) = self.supply.entries.get(at) else { continue };
            let belief = known.entry((entry.machine, units)).or_insert_with(|| {
                let machine = self.supply.machines.get(entry.machine).copied();
                self.believe(need, machine, units).map(|belief| {
                    options.beliefs.push(belief);
                    options.beliefs.len() - 1
                })
            });
            let candidate = match belief {
                Ok(belief) => match options.beliefs.get(*belief) {
                    Some(estimate) => Candidate::new(&terms(entry, at, units, (*belief, estimate), need, times, bytes)),
                    None => continue,
                },
                Err(reason) => Err(reason.clone()),
            };
            match candidate {
                Ok(candidate) => {
                    by_region.entry(entry.region).or_default().push(candidate);
                    served.push(at);
                }
                Err(reason) => {
                    refusals.insert(at, reason);
                }
            }
        }
        for (at, reason) in refusals.into_iter().filter(|(at, _)| !served.contains(at)) {
            if let Some(entry) = self.supply.entries.get(at) {
                rejected.add(Rank::Work, reason, &entry.offer.key);
            }
        }
        if self.strict {
            self.add_fallbacks(&mut by_region, times, bytes);
        }
        options.longest = self.longest_way(need, others);
        for (region, candidates) in by_region {
            let candidates = undominated(&candidates, options.longest, self.strict);
            options.sites.push(Site { region, accesses: self.accesses(need, others, region), candidates });
        }
        options
    }

    /// What is believed of a task on a machine, corrected by what was observed.
    fn believe(
        &self,
        need: &Need,
        machine: Option<&orp_core::noun::Machine>,
        units: u32,
    ) -> Result<TimeEstimate, String> {
        let mut belief = self.estimator.time(&need.work, machine, units)?;
        let correction = belief.rate.as_ref().and_then(|rate| self.corrections.get(&rate.source)).copied();
        // An observation a hundred times off is one of something else.
        if let Some(factor) = correction.filter(|factor| factor.is_finite() && (0.01..=100.0).contains(factor)) {
            for span in [&mut belief.mean, &mut belief.low, &mut belief.high] {
                *span = orp_core::unit::Span::from_secs_f64(span.as_secs_f64() / factor);
            }
            if let Some(rate) = &mut belief.rate {
                rate.per_second *= factor;
            }
        }
        Ok(belief)
    }

    /// The bytes a task brings, wherever it runs.
    fn bytes(&self, need: &Need, others: &[(usize, Vec<usize>)]) -> f64 {
        let saved = need.saved.as_ref().map_or(0.0, |(_, bytes)| *bytes);
        let left: f64 = saved + need.before.iter().map(|(_, bytes)| bytes).sum::<f64>();
        let claimed = need.others.iter().zip(others).map(|((_, _, share), (_, entries))| {
            let sizes = entries.iter().filter_map(|&at| self.supply.entries.get(at)).map(|entry| size_of(entry.offer));
            sizes.fold(0.0, f64::max) * share
        });
        left + claimed.sum::<f64>()
    }

    /// The longest its inputs can be on their ways.
    fn longest_way(&self, need: &Need, others: &[(usize, Vec<usize>)]) -> f64 {
        let bytes = self.bytes(need, others);
        let regions = || (0..self.supply.regions.len()).map(|at| at as Region);
        let pairs = regions().flat_map(|from| regions().map(move |to| (from, to)));
        pairs
            .filter_map(|(from, to)| self.supply.moving(bytes, from, to))
            .map(|(_, seconds)| seconds)
            .fold(0.0, f64::max)
    }

    /// The choices of offers for a task's other claims, when it runs in `region`.
    fn accesses(&self, need: &Need, others: &[(usize, Vec<usize>)], region: Region) -> Vec<Access> {
        let Some((cost, ways)) = self.saved_way(need, region) else { return Vec::new() };
        let mut all = vec![Access { cost, ways, ..Access::default() }];
        for ((claim_at, claim, share), (_, entries)) in need.others.iter().zip(others) {
            let mut next: Vec<Access> = Vec::new();
            for &at in entries {
                let Some(one) = self.supply.entries.get(at).and_then(|entry| self.access(entry, claim, *share, region))
                else {
                    continue;
                };
                for access in &all {
                    let mut bound = access.bound.clone();
                    bound.push((*claim_at, at));
                    next.push(Access {
                        cost: access.cost + one.cost,
                        ways: access.ways + one.ways,
                        not_before: access.not_before.max(one.not_before),
                        bound,
                    });
                }
            }
            all = best_accesses(next);
        }
        all
    }

    /// What bringing what was saved before costs and takes.
    fn saved_way(&self, need: &Need, region: Region) -> Option<(f64, f64)> {
        let Some((place, bytes)) = &need.saved else { return Some((0.0, 0.0)) };
        self.supply.moving(*bytes, self.supply.region_of(place), region)
    }

    /// One offer for one claim.
    fn access(&self, entry: &Entry<'_>, claim: &Claim, share: f64, region: Region) -> Option<Access> {
        let mut access = Access::default();
        match (claim, &entry.offer.resource) {
            (Claim::Tool { calls, .. }, Resource::Tool(endpoint)) => {
                if endpoint.calls_per_second <= 0.0 && *calls > 0 {
                    return None;
                }
                access.ways = if *calls == 0 { 0.0 } else { *calls as f64 / endpoint.calls_per_second };
                access.cost = *calls as f64 * entry.per_call() + access.ways * entry.per_second();
            }
            (Claim::Talent { time, .. }, Resource::Talent(talent)) => {
                access.cost = time.as_secs_f64() * entry.per_second();
                access.not_before = talent.from.since(self.now).as_secs_f64();
            }
            _ => {
                let bytes = size_of(entry.offer) * share;
                let (cost, seconds) = self.supply.moving(bytes, entry.region, region)?;
                access.cost = cost + bytes / 1e9 * entry.per_gigabyte();
                access.ways = seconds;
            }
        }
        Some(access)
    }

    /// Gives reclaimable candidates somewhere to go on: kept ones, in the same region or another. A candidate that has
    /// several stands there once with each.
    fn add_fallbacks(
        &self,
        by_region: &mut BTreeMap<Region, Vec<Candidate>>,
        times: Option<CheckpointTimes>,
        bytes: f64,
    ) {
        let kept: Vec<Candidate> = by_region.values().flatten().filter(|one| one.is_kept()).copied().collect();
        let restore = times.map_or(0.0, |times| times.restore.as_secs_f64());
        for (&region, candidates) in by_region.iter_mut() {
            let mut fallbacks: Vec<Fallback> = Vec::new();
            for one in &kept {
                if let Some((way, seconds)) = self.supply.moving(bytes, region, one.region) {
                    fallbacks.extend(one.as_fallback(restore, seconds, way));
                }
            }
            let fallbacks = best_fallbacks(fallbacks);
            let (mut with, reclaimable): (Vec<Candidate>, Vec<Candidate>) =
                candidates.iter().partition(|one| one.is_kept());
            for one in reclaimable {
                with.extend(fallbacks.iter().map(|fallback| one.with_fallback(*fallback)));
            }
            *candidates = with;
        }
    }

    /// Other offers for the machine of a task, best first: by what the task costs there, its inputs brought from `from`.
    pub(super) fn alternatives(
        &self,
        shape: &Shape,
        need_at: usize,
        servers: &Servers,
        chosen: &Entry<'_>,
        (from, bytes): (Region, f64),
    ) -> Vec<usize> {
        let Some(need) = shape.needs.get(need_at) else { return Vec::new() };
        let machines = servers.machines.get(need_at).map_or(&[][..], Vec::as_slice);
        let times = shape.task(need).and_then(|task| task.checkpoint).map(|spec| spec.times);
        let mut costs: BTreeMap<usize, f64> = BTreeMap::new();
        let mut known: BTreeMap<(usize, u32), Result<TimeEstimate, String>> = BTreeMap::new();
        for &(at, units) in machines {
            let Some(entry) = self.supply.entries.get(at).filter(|entry| entry.offer.place != chosen.offer.place)
            else {
                continue;
            };
            let belief = known.entry((entry.machine, units)).or_insert_with(|| {
                let machine = self.supply.machines.get(entry.machine).copied();
                self.believe(need, machine, units)
            });
            let Ok(belief) = belief else { continue };
            let Ok(one) = Candidate::new(&terms(entry, at, units, (0, belief), need, times, bytes)) else { continue };
            let Some((way, seconds)) = self.supply.moving(bytes, from, entry.region) else { continue };
            let cost = one.outcome(seconds).cost.mean + way;
            let least = costs.entry(at).or_insert(cost);
            *least = least.min(cost);
        }
        let mut ranked: Vec<(usize, f64)> = costs.into_iter().collect();
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        ranked.into_iter().map(|(at, _)| at).collect()
    }
}

fn terms<'b>(
    entry: &Entry<'_>,
    at: usize,
    units: u32,
    (belief, estimate): (usize, &'b TimeEstimate),
    need: &Need,
    checkpoint: Option<CheckpointTimes>,
    bytes: f64,
) -> Terms<'b> {
    let gbps = entry.offer.machine().map_or(0.0, |machine| machine.network_gbps);
    Terms {
        entry: Some(at),
        units,
        region: entry.region,
        belief,
        estimate,
        reload: need.reload,
        checkpoint,
        provision: entry.offer.provision.as_secs_f64(),
        per_second: entry.per_second() * f64::from(units),
        reclaimable: entry.is_reclaimable(),
        hazard: entry.hazard * f64::from(units),
        // A card whose speed is not stated does not bound.
        card: if gbps > 0.0 { bytes * 8.0 / (gbps * 1e9) } else { 0.0 },
    }
}

/// The candidates none of which is worse than another in everything, cheapest first. All amounts are linear in the time on
/// the ways once the card is waited for: who has the quicker card, and is no worse with nothing to bring and with the
/// longest ways, is no worse whatever they are.
fn undominated(candidates: &[Candidate], longest: f64, strict: bool) -> Vec<Candidate> {
    let longest = candidates.iter().map(Candidate::card).fold(longest, f64::max);
    let outcomes: Vec<[Outcome; 2]> =
        candidates.iter().map(|one| [one.bare(strict), one.at(longest, strict)]).collect();
    let mut order: Vec<(f64, f64, usize)> =
        outcomes.iter().enumerate().map(|(at, [bare, _])| (bare.cost.mean, bare.time.mean, at)).collect();
    // Entries come in the order of their keys: ties go to the smaller key.
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut kept: Vec<(&Candidate, &[Outcome; 2])> = Vec::new();
    for (_, _, at) in order {
        let Some((one, mine)) = candidates.get(at).zip(outcomes.get(at)) else { continue };
        let is_no_worse = |(better, theirs): &(&Candidate, &[Outcome; 2])| {
            better.card() <= one.card() && theirs.iter().zip(mine).all(|(theirs, mine)| theirs.within(mine))
        };
        if !kept.iter().any(is_no_worse) {
            kept.push((one, mine));
        }
    }
    kept.into_iter().map(|(one, _)| *one).collect()
}

fn best_accesses(mut all: Vec<Access>) -> Vec<Access> {
    all.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.ways.total_cmp(&b.ways)).then(a.bound.cmp(&b.bound)));
    let mut kept: Vec<Access> = Vec::new();
    for one in all {
        if kept.len() < ACCESSES && !kept.iter().any(|better| better.is_no_worse(&one)) {
            kept.push(one);
        }
    }
    kept
}

fn best_fallbacks(mut all: Vec<Fallback>) -> Vec<Fallback> {
    all.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.time.total_cmp(&b.time)).then(a.entry.cmp(&b.entry)));
    let mut kept: Vec<Fallback> = Vec::new();
    for one in all {
        if kept.iter().all(|cheaper| cheaper.time > one.time) {
            kept.push(one);
        }
    }
    // The cheapest, the quickest, and one between.
    if kept.len() > FALLBACKS {
        let (middle, last) = (kept.len() / 2, kept.len() - 1);
        kept = [0, middle, last].iter().filter_map(|&at| kept.get(at).copied()).collect();
    }
    kept
}
