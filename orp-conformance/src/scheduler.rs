//! The laws of schedulers, held against a plain account of who holds what, over random histories.
//!
//! A history is drawn from a seed: jobs and gangs of three tenants come, end and are withdrawn, preempted jobs stop, nodes
//! are lost and come back. What the scheduler decides is booked in an account that knows nothing but the laws.
//! [`replay`] shows one history again.

use crate::bench::{Dice, ensure, name};
use crate::{Fault, LawId, Report, Verdict, Violation};
use orp_core::contract::Scheduler;
use orp_core::id::{DeviceId, IdempotencyKey, NodeName, Tenant};
use orp_core::noun::{
    Capacity, ClusterView, Decisions, Job, JobDecision, JobEvent, JobKey, Labels, Node, Slot, Waiting,
};
use orp_core::unit::{Bytes, CpuAmount, GpuAmount, Span, Timestamp};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many histories each law is tried on.
const SEEDS: u64 = 24;
/// How many decisions a history has.
const STEPS: u64 = 40;
/// How often a scheduler is asked, once all other jobs have ended, before the last one must run.
const ROUNDS: u64 = 10;

/// Makes a new scheduler.
pub type MakeScheduler<'a> = &'a dyn Fn() -> Box<dyn Scheduler>;

/// Tries every law of [`Scheduler`] on schedulers that `make` returns.
pub fn scheduler_suite(make: MakeScheduler<'_>) -> Report {
    let mut report = Report::default();
    report.law_now("SCHED-1", || sched_1(make));
    // The other laws are seen in the same histories.
    let wrong = OnceCell::new();
    for law in ["SCHED-2", "SCHED-3", "SCHED-4", "SCHED-5", "SCHED-6", "SCHED-7", "SCHED-8"] {
        report.law_now(law, || holds(wrong.get_or_init(|| first_wrong(make)), law));
    }
    report
}

/// What is broken in the history of one seed.
pub fn replay(make: MakeScheduler<'_>, seed: u64) -> Vec<Violation> {
    let wrong = History::of(make(), seed).wrong;
    wrong.into_iter().map(|(law, what)| Violation { law: LawId::literal(law), what }).collect()
}

/// The same events and views give the same decisions.
pub fn sched_1(make: MakeScheduler<'_>) -> Verdict {
    for seed in 0..SEEDS {
        let (one, other) = (History::of(make(), seed).decided, History::of(make(), seed).decided);
        let differ = one.iter().zip(&other).position(|(one, other)| one != other);
        ensure!(differ.is_none(), "seed {seed}: the decisions differ at step {}", differ.unwrap_or(0));
    }
    Ok(())
}

/// No node is ever given more than it has, and no accelerator twice.
pub fn sched_2(make: MakeScheduler<'_>) -> Verdict {
    holds(&first_wrong(make), "SCHED-2")
}

/// A gang starts whole or not at all; nothing is started that does not wait.
pub fn sched_3(make: MakeScheduler<'_>) -> Verdict {
    holds(&first_wrong(make), "SCHED-3")
}

/// No job is preempted for one of lower priority; none that must not be, or does not run.
pub fn sched_4(make: MakeScheduler<'_>) -> Verdict {
    holds(&first_wrong(make), "SCHED-4")
}

/// Every waiting job has a queue and a reason; no other is said to wait.
pub fn sched_5(make: MakeScheduler<'_>) -> Verdict {
    holds(&first_wrong(make), "SCHED-5")
}

/// A tenant never holds more than its quota.
pub fn sched_6(make: MakeScheduler<'_>) -> Verdict {
    holds(&first_wrong(make), "SCHED-6")
}

/// A device is held by one job at a time.
pub fn sched_7(make: MakeScheduler<'_>) -> Verdict {
    holds(&first_wrong(make), "SCHED-7")
}

/// A job that fits an idle cluster and its tenant's quota starts when all others have ended.
pub fn sched_8(make: MakeScheduler<'_>) -> Verdict {
    holds(&first_wrong(make), "SCHED-8")
}

/// What was wrong first by each law, and in which history.
type Wrong = BTreeMap<&'static str, String>;

fn first_wrong(make: MakeScheduler<'_>) -> Wrong {
    let mut first = Wrong::new();
    for seed in 0..SEEDS {
        for (law, what) in History::of(make(), seed).wrong {
            first.entry(law).or_insert_with(|| format!("seed {seed}, {what}"));
        }
    }
    first
}

fn holds(wrong: &Wrong, law: &str) -> Verdict {
    wrong.get(law).map_or(Ok(()), |what| Err(Fault::Broken(what.clone())))
}

/// A job as the account knows it.
#[derive(Debug)]
struct Booked {
    job: Arc<Job>,
    /// Where its members run; nowhere while it waits.
    slots: Vec<Slot>,
    /// It was told to stop, and holds its nodes until it has.
    stopping: bool,
}

/// One history: who holds what, and the first thing that was wrong by each law.
struct History {
    scheduler: Box<dyn Scheduler>,
    dice: Dice,
    step: u64,
    now: Timestamp,
    view: ClusterView,
    lost: Vec<Node>,
    jobs: BTreeMap<JobKey, Booked>,
    decided: Vec<(Decisions, Vec<Waiting>)>,
    wrong: Wrong,
}

impl History {
    fn of(scheduler: Box<dyn Scheduler>, seed: u64) -> Self {
        let mut history = Self {
            scheduler,
            dice: Dice::new(seed),
            step: 0,
            now: Timestamp::EPOCH,
            view: cluster(),
            lost: Vec::new(),
            jobs: BTreeMap::new(),
            decided: Vec::new(),
            wrong: Wrong::new(),
        };
        for _ in 0..STEPS {
            let events = history.draw();
            history.decide(&events);
        }
        history.run_last();
        history
    }

    fn broken(&mut self, law: &'static str, what: String) {
        let step = self.step;
        self.wrong.entry(law).or_insert_with(|| format!("step {step}: {what}"));
    }

    /// Books the events, has the scheduler decide, and books what it decided.
    fn decide(&mut self, events: &[JobEvent]) {
        self.step += 1;
        self.now = self.now.after(Span::from_secs(1 + self.dice.below(3_600)));
        events.iter().for_each(|event| self.happen(event));
        let decisions = self.scheduler.decide(self.now, events, &self.view);
        for decision in &decisions.list {
            match decision {
                JobDecision::Start { job, slots, .. } => self.start(job, slots),
                JobDecision::Preempt { job, for_job, .. } => self.preempt(job, for_job.as_ref()),
                other => self.broken("SCHED-3", format!("no job is elastic or refused here: {other:?}")),
            }
        }
        let waiting = self.scheduler.waiting();
        self.check_waiting(&waiting);
        self.decided.push((decisions, waiting));
    }

    fn happen(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Submitted(job) => {
                self.jobs.insert(job.key.clone(), Booked { job: job.clone(), slots: Vec::new(), stopping: false });
            }
            JobEvent::Ended(key) => drop(self.jobs.remove(key)),
            JobEvent::Stopped(key) => self.stop(|booked| booked.job.key == *key),
            JobEvent::NodeLost(node) => self.stop(|booked| Slot::nodes(&booked.slots).any(|on| on == node)),
            _ => {}
        }
    }

    fn stop(&mut self, which: impl Fn(&Booked) -> bool) {
        for booked in self.jobs.values_mut().filter(|booked| which(booked)) {
            booked.slots.clear();
            booked.stopping = false;
        }
    }

    fn start(&mut self, key: &JobKey, slots: &[Slot]) {
        let Some(booked) = self.jobs.get(key).filter(|booked| booked.slots.is_empty()) else {
            return self.broken("SCHED-3", format!("`{key}` was started, and it does not wait"));
        };
        let job = booked.job.clone();
        let started = Slot::nodes(slots).count();
        if started != job.members as usize {
            let message = format!("`{key}` has {} members, {started} were started", job.members);
            self.broken("SCHED-3", message);
        }
        let holds = |other: &&Booked| job.device.is_some() && other.job.device == job.device;
        let holder = self.running().find(holds).map(|holder| holder.job.key.clone());
        if let (Some(holder), Some(device)) = (holder, &job.device) {
            self.broken("SCHED-7", format!("`{key}` was started with `{device}`, which `{holder}` holds"));
        }
        if let Some(booked) = self.jobs.get_mut(key) {
            booked.slots = slots.to_vec();
        }
        self.check_nodes(key, slots);
        self.check_devices(key, slots);
        self.check_quota(&job);
    }

    fn check_nodes(&mut self, key: &JobKey, slots: &[Slot]) {
        for name in Slot::nodes(slots) {
            let capacity = self.view.nodes.iter().find(|node| node.name == *name).map(|node| node.capacity);
            let Some(capacity) = capacity else {
                return self.broken("SCHED-2", format!("`{key}` was started on `{name}`, which is not there"));
            };
            let on_it = self
                .running()
                .flat_map(|booked| Slot::nodes(&booked.slots).filter(|node| *node == name).map(|_| booked.job.demand));
            let used = sum(on_it);
            if !used.fits_in(&capacity) {
                let message = format!("with `{key}`, `{name}` has given {used}, it has {capacity}");
                self.broken("SCHED-2", message);
            }
        }
    }

    /// Where accelerators are told apart, what is demanded of each.
    fn check_devices(&mut self, key: &JobKey, slots: &[Slot]) {
        for slot in slots {
            for device in slot.devices.iter() {
                let used = self.demanded_of(&slot.node, device);
                if used > 1_000 {
                    let message =
                        format!("with `{key}`, {used}/1000 of accelerator {device} of `{}` is given", slot.node);
                    return self.broken("SCHED-2", message);
                }
            }
        }
    }

    /// How many thousandths of an accelerator are given.
    fn demanded_of(&self, node: &NodeName, device: u8) -> u64 {
        let mut milli = 0;
        for booked in self.running() {
            let on_it =
                booked.slots.iter().filter(|slot| slot.node == *node && slot.devices.iter().any(|it| it == device));
            let all = |slot: &Slot| booked.job.demand.gpu.milli() * u64::from(slot.members);
            milli += on_it.map(|slot| all(slot) / u64::from(slot.devices.len().max(1))).sum::<u64>();
        }
        milli
    }

    fn check_quota(&mut self, job: &Job) {
        let Some(quota) = self.quota(&job.tenant) else { return };
        let of_tenant = self.running().filter(|booked| booked.job.tenant == job.tenant);
        let held = sum(of_tenant.flat_map(|booked| Slot::nodes(&booked.slots).map(|_| booked.job.demand)));
        if !held.fits_in(&quota) {
            let message = format!("with `{}`, `{}` holds {held}, its quota is {quota}", job.key, job.tenant);
            self.broken("SCHED-6", message);
        }
    }

    fn preempt(&mut self, key: &JobKey, for_job: Option<&JobKey>) {
        let priority = match for_job {
            Some(key) => self.jobs.get(key).map(|booked| booked.job.priority),
            None => Some(i32::MAX),
        };
        let wrong = match (self.jobs.get_mut(key), priority) {
            (Some(victim), _) if victim.slots.is_empty() => "it does not run",
            (Some(victim), _) if !victim.job.preemptible => "it is not preemptible",
            (Some(victim), Some(priority)) if victim.job.priority <= priority => {
                victim.stopping = true;
                return;
            }
            (Some(_), Some(_)) => "that has a lower priority",
            (None, _) | (_, None) => "there is no such job",
        };
        let whom = for_job.map_or_else(|| "nobody".into(), |key| format!("`{key}`"));
        self.broken("SCHED-4", format!("`{key}` was preempted for {whom}: {wrong}"));
    }

    fn check_waiting(&mut self, waiting: &[Waiting]) {
        let listed: BTreeSet<&JobKey> = waiting.iter().map(|waiting| &waiting.job).collect();
        let wait: BTreeSet<&JobKey> =
            self.jobs.values().filter(|booked| booked.slots.is_empty()).map(|booked| &booked.job.key).collect();
        let wrong = if let Some(key) = wait.difference(&listed).next() {
            format!("`{key}` waits, and is not listed")
        } else if let Some(key) = listed.difference(&wait).next() {
            format!("`{key}` is listed, and does not wait")
        } else if listed.len() != waiting.len() {
            "a job is listed twice".into()
        } else if let Some(silent) = waiting.iter().find(|waiting| waiting.reason.trim().is_empty()) {
            format!("`{}` waits without a reason", silent.job)
        } else {
            return;
        };
        self.broken("SCHED-5", wrong);
    }

    /// Ends all jobs but one that waits and fits an idle cluster: it must start.
    fn run_last(&mut self) {
        let mut fit = self.jobs.values().filter(|booked| booked.slots.is_empty() && self.fits_idle(&booked.job));
        let Some(last) = fit.next().map(|booked| booked.job.key.clone()) else { return };
        let mut events: Vec<JobEvent> =
            self.jobs.keys().filter(|key| **key != last).cloned().map(JobEvent::Ended).collect();
        for _ in 0..ROUNDS {
            self.decide(&events);
            events.clear();
            if self.running().any(|booked| booked.job.key == last) {
                return;
            }
        }
        self.broken("SCHED-8", format!("`{last}` fits, all others have ended, and it does not start"));
    }

    fn fits_idle(&self, job: &Job) -> bool {
        let mut members = 0;
        for node in self.view.nodes.iter() {
            let mut free = node.capacity;
            while members < job.members
                && let Some(left) = free.checked_sub(&job.demand)
            {
                members += 1;
                free = left;
            }
        }
        let all = sum((0..job.members).map(|_| job.demand));
        members == job.members && self.quota(&job.tenant).is_none_or(|quota| all.fits_in(&quota))
    }

    fn running(&self) -> impl Iterator<Item = &Booked> {
        self.jobs.values().filter(|booked| !booked.slots.is_empty())
    }

    fn quota(&self, tenant: &Tenant) -> Option<Capacity> {
        self.view.quotas.iter().find(|(known, _)| known == tenant).map(|(_, quota)| *quota)
    }

    /// What happens next.
    fn draw(&mut self) -> Vec<JobEvent> {
        let mut events = Vec::new();
        let stopping: Vec<JobKey> = self.running().filter(|b| b.stopping).map(|b| b.job.key.clone()).collect();
        for key in stopping {
            events.extend(match self.dice.below(10) {
                0..=6 => Some(JobEvent::Stopped(key)),
                7 => Some(JobEvent::Ended(key)),
                _ => None,
            });
        }
        for at in 0..self.dice.below(4) {
            let key = IdempotencyKey::new(format!("job-{}.{at}", self.step));
            events.push(job(&mut self.dice, key, self.now).into());
        }
        let settled = |booked: &&Booked| !booked.stopping;
        let keys: Vec<JobKey> = self.jobs.values().filter(settled).map(|booked| booked.job.key.clone()).collect();
        let ends: BTreeSet<&JobKey> = (0..self.dice.below(4)).filter_map(|_| self.dice.pick(&keys)).collect();
        events.extend(ends.into_iter().cloned().map(JobEvent::Ended));
        match self.dice.below(20) {
            0 if self.view.nodes.len() > 1 => {
                let at = self.dice.below(self.view.nodes.len() as u64) as usize;
                let node = Arc::make_mut(&mut self.view.nodes).remove(at);
                events.push(JobEvent::NodeLost(node.name.clone()));
                self.lost.push(node);
            }
            1..=3 => Arc::make_mut(&mut self.view.nodes).extend(self.lost.pop()),
            _ => {}
        }
        events
    }
}

fn sum(parts: impl Iterator<Item = Capacity>) -> Capacity {
    // No history comes near the end of the numbers.
    parts.fold(Capacity::ZERO, |sum, part| sum.checked_add(&part).unwrap_or(sum))
}

fn capacity(cpu: u64, memory_gb: u64, milli_gpu: u64) -> Capacity {
    Capacity {
        cpu: CpuAmount::whole(cpu),
        memory: Bytes::from_gb(memory_gb),
        disk: Bytes::ZERO,
        gpu: GpuAmount::from_milli(milli_gpu),
    }
}

/// Three nodes; of three tenants one may hold all, one half, and one a little.
fn cluster() -> ClusterView {
    let node =
        |at: usize, capacity| Node { name: name(format!("node-{at}"), NodeName::new), capacity, labels: Labels::new() };
    let nodes = vec![node(1, capacity(8, 32, 4_000)), node(2, capacity(8, 32, 4_000)), node(3, capacity(16, 64, 0))];
    let mut view = ClusterView::new(nodes);
    view.quotas = vec![(tenant(1), capacity(16, 64, 4_000)), (tenant(2), capacity(4, 16, 1_000))];
    view
}

fn tenant(number: u64) -> Tenant {
    name(format!("tenant-{number}"), Tenant::new)
}

/// A job like those there are: most are small, some are gangs, a few fit nowhere.
fn job(dice: &mut Dice, key: JobKey, now: Timestamp) -> Job {
    let gpu = match dice.below(16) {
        0..=7 => 0,
        8..=9 => 500,
        10..=12 => 1_000,
        13..=14 => 4_000,
        _ => 8_000,
    };
    let demand = capacity(1 + dice.below(8), 1 + dice.below(24), gpu);
    let mut job = Job::new(key, tenant(dice.below(3)), demand, now);
    job.members = match dice.below(16) {
        0..=9 => 1,
        10..=14 => 2 + dice.below(3) as u32,
        _ => 9,
    };
    job.priority = dice.below(4) as i32 - 1;
    job.preemptible = dice.below(10) < 7;
    job.device = (dice.below(3) == 0).then(|| name(format!("device-{}", dice.below(2)), DeviceId::new));
    job.expected = (dice.below(2) == 0).then(|| Span::from_secs(60 * dice.below(600)));
    job.deadline = (dice.below(4) == 0).then(|| now.after(Span::from_secs(60 * dice.below(1_200))));
    job
}
