//! The laws of the scheduler under random events, judged by a model that shares no code with it.
//!
//! The model replays events and decisions and knows nothing of promises, indices or caches: it adds up what is held. Every
//! step is judged: SCHED-1 to SCHED-7, that victims are needed and enough, that promises are kept, that patience is honoured,
//! and that nothing that fits is left waiting. SCHED-8 is tried at the end, for every job that waits.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use orp_core::prelude::*;
use orp_sched::scheduler::{PreemptivePriority, PriorityConfig};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NODES: [&str; 3] = ["n0", "n1", "n2"];
const TENANTS: [&str; 3] = ["a", "b", "c"];
const DEVICES: [&str; 2] = ["x", "y"];

/// One thing that happens; numbers choose among what there is, modulo.
#[derive(Debug, Clone)]
enum Op {
    Submit { cpu: u64, gpu: u64, members: u32, priority: i32, tenant: usize, device: Option<usize>, preemptible: bool },
    Repeat,
    End(usize),
    Stop(usize),
    StopAgain(usize),
    Lose(usize),
    Node { at: usize, cpu: u64, gpu: u64 },
    Remove(usize),
    Quota { tenant: usize, cpu: u64 },
    Minutes(u64),
    Decide,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let device = prop_oneof![4 => Just(None), 1 => (0..2usize).prop_map(Some)];
    let submit = (0..5u64, 0..3u64, 1..4u32, 0..4i32, 0..3usize, device, prop::bool::weighted(0.8));
    let op = prop_oneof![
        12 => submit.prop_map(|(cpu, gpu, members, priority, tenant, device, preemptible)| Op::Submit {
            cpu, gpu, members, priority, tenant, device, preemptible
        }),
        1 => Just(Op::Repeat),
        5 => any::<usize>().prop_map(Op::End),
        6 => any::<usize>().prop_map(Op::Stop),
        1 => any::<usize>().prop_map(Op::StopAgain),
        1 => (0..3usize).prop_map(Op::Lose),
        1 => (0..3usize, 1..7u64, 0..4u64).prop_map(|(at, cpu, gpu)| Op::Node { at, cpu, gpu }),
        1 => (0..3usize).prop_map(Op::Remove),
        1 => (0..3usize, 1..12u64).prop_map(|(tenant, cpu)| Op::Quota { tenant, cpu }),
        3 => (1..90u64).prop_map(Op::Minutes),
        12 => Just(Op::Decide),
    ];
    prop::collection::vec(op, 1..120)
}

fn config() -> impl Strategy<Value = PriorityConfig> {
    let patience = prop_oneof![Just(Span::ZERO), Just(Span::HOUR), Just(Span::MAX)];
    (patience, 0..3u32)
        .prop_map(|(patience, most)| PriorityConfig::default().with_patience(patience).with_ageing(Span::HOUR, most))
}

type Numbers = [u64; 4];

fn numbers(capacity: &Capacity) -> Numbers {
    [capacity.cpu.milli(), capacity.memory.get(), capacity.disk.get(), capacity.gpu.milli()]
}

fn add(sum: &mut Numbers, demand: &Numbers, times: u64) {
    sum.iter_mut().zip(demand).for_each(|(sum, demand)| *sum += demand * times);
}

/// How many of this demand fit beside what is used.
fn room(limit: &Numbers, used: &Numbers, demand: &Numbers) -> u64 {
    let kinds = limit.iter().zip(used).zip(demand).filter(|(_, demand)| **demand > 0);
    kinds.map(|((limit, used), demand)| limit.saturating_sub(*used) / demand).min().unwrap_or(u64::MAX)
}

#[derive(Debug, Clone)]
struct Known {
    job: Arc<Job>,
    since: Timestamp,
    waited: Span,
    /// Where it holds its demand; empty while it waits.
    nodes: Vec<NodeName>,
    stopping: bool,
}

impl Known {
    fn holds(&self) -> bool {
        !self.nodes.is_empty()
    }

    fn waited(&self, now: Timestamp) -> Span {
        self.waited.saturating_add(now.since(self.since))
    }

    fn wait_again(&mut self, now: Timestamp) {
        (self.nodes, self.stopping, self.since) = (Vec::new(), false, now);
    }
}

/// What is so, as events and decisions tell.
#[derive(Debug, Clone, Default)]
struct Model {
    jobs: BTreeMap<JobKey, Known>,
    /// Jobs for which others were stopped, and that have not started since.
    preemptors: BTreeSet<JobKey>,
    /// Those of them whose promise nothing can have broken.
    sure: BTreeSet<JobKey>,
}

impl Model {
    fn apply(&mut self, now: Timestamp, event: &JobEvent) {
        match event {
            JobEvent::Submitted(job) => {
                let (since, waited, nodes) = (job.submitted, Span::ZERO, Vec::new());
                let known = Known { job: job.clone(), since, waited, nodes, stopping: false };
                self.jobs.entry(job.key.clone()).or_insert(known);
            }
            JobEvent::Ended(key) => {
                self.jobs.remove(key);
                self.preemptors.remove(key);
                self.sure.remove(key);
            }
            JobEvent::Stopped(key) => {
                self.jobs.get_mut(key).filter(|known| known.stopping).into_iter().for_each(|it| it.wait_again(now));
            }
            JobEvent::NodeLost(name) => {
                self.sure.clear();
                let on_it = self.jobs.values_mut().filter(|known| known.nodes.contains(name));
                on_it.for_each(|known| known.wait_again(now));
            }
            _ => unreachable!("the test makes no other event"),
        }
    }

    /// Whether a job would fit beside the jobs of which this holds.
    fn fits(&self, job: &Job, view: &ClusterView, holds: impl Fn(&Known) -> bool) -> bool {
        let demand = numbers(&job.demand);
        let others: Vec<&Known> = self.jobs.values().filter(|known| known.holds() && holds(known)).collect();
        let members = |node: &Node| {
            let mut used = Numbers::default();
            for known in &others {
                let here = known.nodes.iter().filter(|name| **name == node.name).count();
                add(&mut used, &numbers(&known.job.demand), here as u64);
            }
            room(&numbers(&node.capacity), &used, &demand).min(job.members.into())
        };
        let quota = view.quotas.iter().find(|(tenant, _)| *tenant == job.tenant).is_none_or(|(_, quota)| {
            let mut used = Numbers::default();
            let same = others.iter().filter(|known| known.job.tenant == job.tenant);
            same.for_each(|known| add(&mut used, &numbers(&known.job.demand), known.job.members.into()));
            room(&numbers(quota), &used, &demand) >= job.members.into()
        });
        let device = job.device.is_none() || others.iter().all(|known| known.job.device != job.device);
        quota && device && view.nodes.iter().map(members).sum::<u64>() >= job.members.into()
    }

    fn start(&mut self, now: Timestamp, key: &JobKey, slots: &[Slot], view: &ClusterView) {
        let nodes: Vec<NodeName> = Slot::nodes(slots).cloned().collect();
        let job = self.jobs[key].job.clone();
        assert!(!self.jobs[key].holds(), "{key} starts once");
        assert_eq!(nodes.len(), job.members as usize, "SCHED-3: {key} starts whole");
        assert!(self.fits(&job, view, |_| true), "SCHED-2, 6, 7: {key} fits beside all that is held");
        let known = self.jobs.get_mut(key).unwrap();
        (known.waited, known.nodes) = (known.waited(now), nodes.clone());
        for node in &nodes {
            let limit = view.nodes.iter().find(|shown| shown.name == *node).expect("a node of the view");
            let mut used = Numbers::default();
            for known in self.jobs.values() {
                let here = known.nodes.iter().filter(|name| *name == node).count();
                add(&mut used, &numbers(&known.job.demand), here as u64);
            }
            let over = used.iter().zip(numbers(&limit.capacity)).zip(numbers(&job.demand));
            assert!(over.into_iter().all(|((used, limit), demand)| demand == 0 || *used <= limit), "SCHED-2: {node}");
        }
        self.preemptors.remove(key);
        self.sure.remove(key);
    }

    fn preempt(&mut self, victims: &[JobKey], key: &JobKey, view: &ClusterView) {
        let job = self.jobs[key].job.clone();
        assert!(!self.jobs[key].holds(), "{key} waits");
        let without = |spared: Option<&JobKey>| {
            self.fits(&job, view, |known| {
                !known.stopping && (!victims.contains(&known.job.key) || spared == Some(&known.job.key))
            })
        };
        if self.preemptors.is_empty() {
            assert!(!self.fits(&job, view, |known| !known.stopping), "{key} needs victims");
            assert!(without(None), "{key} fits once its victims have stopped");
            assert!(victims.iter().all(|victim| !without(Some(victim))), "each of {victims:?} is needed");
        }
        for victim in victims {
            let known = self.jobs.get_mut(victim).unwrap();
            assert!(known.holds() && !known.stopping, "{victim} runs");
            assert!(known.job.preemptible && known.job.priority < job.priority, "SCHED-4: {victim} for {key}");
            known.stopping = true;
        }
        self.preemptors.insert(key.clone());
        self.sure.insert(key.clone());
    }

    fn carry_out(&mut self, now: Timestamp, decisions: &[JobDecision], view: &ClusterView) {
        let mut rest = decisions;
        while let Some(first) = rest.first() {
            match first {
                JobDecision::Start { job, slots, .. } => {
                    self.start(now, job, slots, view);
                    rest = &rest[1..];
                }
                JobDecision::Preempt { for_job: Some(for_job), .. } => {
                    let same =
                        |it: &&JobDecision| matches!(it, JobDecision::Preempt { for_job: Some(f), .. } if f == for_job);
                    let group = rest.iter().take_while(same).count();
                    let victims: Vec<JobKey> = rest[..group].iter().map(|it| it.job().clone()).collect();
                    self.preempt(&victims, for_job, view);
                    rest = &rest[group..];
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn priority(&self, known: &Known, now: Timestamp, config: &PriorityConfig) -> i64 {
        let aged = known.waited(now).as_micros() / config.ageing.as_micros();
        i64::from(known.job.priority) + (aged as i64).min(config.ageing_max.into())
    }

    /// What must be so after each decision.
    fn judge(&self, now: Timestamp, config: &PriorityConfig, view: &ClusterView, waiting: &[Waiting]) {
        let turn = |waiting: &Waiting| {
            let known = &self.jobs[&waiting.job];
            (-self.priority(known, now, config), known.job.submitted, known.job.key.clone())
        };
        assert!(waiting.is_sorted_by_key(turn), "in the order of their turn: {waiting:?}");
        let listed: BTreeSet<&JobKey> = waiting.iter().map(|waiting| &waiting.job).collect();
        let expected: BTreeSet<&JobKey> =
            self.jobs.values().filter(|known| !known.holds()).map(|known| &known.job.key).collect();
        assert_eq!(listed, expected, "SCHED-5: every job that waits, and no other");
        for Waiting { job: key, reason, .. } in waiting {
            let job = &self.jobs[key].job;
            assert!(!reason.is_empty(), "SCHED-5: {key}: {reason}");
            let idle = self.fits(job, view, |_| false);
            assert_eq!(reason.starts_with("never fits"), !idle, "{key}: {reason}");
        }
        let stops = self.jobs.values().any(|known| known.stopping);
        assert!(stops || self.sure.is_empty(), "{:?} start when all victims have stopped", self.sure);
        if config.patience == Span::MAX && self.preemptors.is_empty() {
            for Waiting { job, reason, .. } in waiting {
                assert!(!self.fits(&self.jobs[job].job, view, |_| true), "{job} fits and waits: {reason}");
            }
        }
    }

    /// Nothing that started in a step passed a job that had waited too long.
    fn judge_patience(
        &self,
        before: &Self,
        now: Timestamp,
        config: &PriorityConfig,
        view: &ClusterView,
        all: &[Waiting],
    ) {
        let started = |known: &&Known| known.holds() && before.jobs.get(&known.job.key).is_some_and(|it| !it.holds());
        for waiter in all {
            let known = &self.jobs[&waiter.job];
            let exempt = self.preemptors.contains(&waiter.job) || !self.fits(&known.job, view, |_| false);
            if config.patience == Span::MAX || known.waited(now) < config.patience || exempt {
                continue;
            }
            for other in self.jobs.values().filter(started) {
                let turn = |known: &Known, now| {
                    (-self.priority(known, now, config), known.job.submitted, known.job.key.clone())
                };
                let earlier = &before.jobs[&other.job.key];
                if before.preemptors.contains(&other.job.key) || turn(earlier, now) < turn(known, now) {
                    continue;
                }
                let same_tenant = other.job.tenant == known.job.tenant;
                let same_device = other.job.device.is_some() && other.job.device == known.job.device;
                let passed = match waiter.queue {
                    Queue::Ready => true,
                    Queue::Job => same_tenant || same_device,
                    Queue::Device => same_device,
                };
                assert!(!passed, "{} passes {}: {}", other.job.key, waiter.job, waiter.reason);
            }
        }
    }
}

/// Two schedulers side by side, the cluster, and the model.
struct World {
    config: PriorityConfig,
    schedulers: [PreemptivePriority; 2],
    view: ClusterView,
    model: Model,
    now: Timestamp,
    events: Vec<JobEvent>,
    submitted: usize,
}

impl World {
    fn new(config: PriorityConfig) -> Self {
        let nodes = NODES.iter().map(|name| node(name, 4, 2)).collect();
        Self {
            schedulers: [PreemptivePriority::new(config.clone()), PreemptivePriority::new(config.clone())],
            config,
            view: ClusterView::new(nodes),
            model: Model::default(),
            now: Timestamp::EPOCH,
            events: Vec::new(),
            submitted: 0,
        }
    }

    fn nth(&self, at: usize, which: impl Fn(&Known) -> bool) -> Option<JobKey> {
        let keys: Vec<&JobKey> = self.model.jobs.values().filter(|it| which(it)).map(|it| &it.job.key).collect();
        (!keys.is_empty()).then(|| keys[at % keys.len()].clone())
    }

    fn tell(&mut self, event: JobEvent) {
        self.model.apply(self.now, &event);
        self.events.push(event);
    }

    /// Events and decisions take turns, as the model applies events at once.
    fn happen(&mut self, op: &Op) {
        match op {
            Op::Submit { cpu, gpu, members, priority, tenant, device, preemptible } => {
                let key = JobKey::new(format!("j{:03}", self.submitted));
                let capacity = capacity(*cpu, *gpu);
                let mut job = Job::new(key, Tenant::new(TENANTS[*tenant]).unwrap(), capacity, self.now);
                (job.members, job.priority, job.preemptible) = (*members, *priority, *preemptible);
                job.device = device.map(|at| DeviceId::new(DEVICES[at]).unwrap());
                self.submitted += 1;
                self.tell(job.into());
            }
            Op::Repeat => self.events.extend(self.events.last().cloned()),
            Op::End(at) => self.nth(*at, |_| true).into_iter().for_each(|key| self.tell(JobEvent::Ended(key))),
            Op::Stop(at) => {
                self.nth(*at, |known| known.stopping).into_iter().for_each(|key| self.tell(JobEvent::Stopped(key)));
            }
            Op::StopAgain(at) => {
                self.nth(*at, |known| !known.stopping).into_iter().for_each(|key| self.tell(JobEvent::Stopped(key)));
            }
            Op::Lose(at) => {
                self.decide();
                Arc::make_mut(&mut self.view.nodes).retain(|node| node.name.as_str() != NODES[*at]);
                self.tell(JobEvent::NodeLost(NodeName::new(NODES[*at]).unwrap()));
            }
            Op::Node { at, cpu, gpu } => {
                self.decide();
                self.model.sure.clear();
                Arc::make_mut(&mut self.view.nodes).retain(|node| node.name.as_str() != NODES[*at]);
                Arc::make_mut(&mut self.view.nodes).push(node(NODES[*at], *cpu, *gpu));
            }
            Op::Remove(at) => {
                self.decide();
                self.model.sure.clear();
                Arc::make_mut(&mut self.view.nodes).retain(|node| node.name.as_str() != NODES[*at]);
            }
            Op::Quota { tenant, cpu } => {
                self.decide();
                self.model.sure.clear();
                self.view.quotas.retain(|(name, _)| name.as_str() != TENANTS[*tenant]);
                self.view.quotas.push((Tenant::new(TENANTS[*tenant]).unwrap(), capacity(*cpu, *cpu)));
            }
            Op::Minutes(minutes) => {
                self.decide();
                self.now = self.now.after(Span::MINUTE.saturating_mul(*minutes));
            }
            Op::Decide => self.decide(),
        }
    }

    fn decide(&mut self) {
        let events = std::mem::take(&mut self.events);
        let [first, second] = [0, 1].map(|at| self.schedulers[at].decide(self.now, &events, &self.view).list);
        let waiting = self.schedulers[0].waiting();
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "SCHED-1: same events, same decisions");
        assert_eq!(waiting, self.schedulers[1].waiting(), "SCHED-1: same reasons");
        let before = self.model.clone();
        self.model.carry_out(self.now, &first, &self.view);
        self.model.judge(self.now, &self.config, &self.view, &waiting);
        self.model.judge_patience(&before, self.now, &self.config, &self.view, &waiting);
    }

    /// SCHED-8: each job that fits an idle cluster starts when all others have ended.
    fn judge_liveness(&self) {
        for known in self.model.jobs.values().filter(|known| !known.holds()) {
            let others = self.model.jobs.keys().filter(|key| **key != known.job.key);
            let ended: Vec<JobEvent> = others.map(|key| JobEvent::Ended(key.clone())).collect();
            let decisions = self.schedulers[0].clone().decide(self.now, &ended, &self.view).list;
            let starts =
                decisions.iter().any(|it| matches!(it, JobDecision::Start { job, .. } if *job == known.job.key));
            assert_eq!(starts, self.model.fits(&known.job, &self.view, |_| false), "SCHED-8: {}", known.job.key);
        }
    }
}

fn node(name: &str, cpu: u64, gpu: u64) -> Node {
    Node { name: NodeName::new(name).unwrap(), capacity: capacity(cpu, gpu), labels: Labels::new() }
}

fn capacity(cpu: u64, gpu: u64) -> Capacity {
    let (cpu, gpu) = (CpuAmount::whole(cpu), GpuAmount::whole(gpu));
    Capacity { cpu, gpu, ..Capacity::ZERO }
}

proptest! {
    #[test]
    fn the_laws_hold_under_any_events(config in config(), ops in ops()) {
        let mut world = World::new(config);
        for op in &ops {
            world.happen(op);
        }
        world.decide();
        world.judge_liveness();
    }
}
