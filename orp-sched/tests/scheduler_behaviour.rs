//! What the preemptive priority scheduler does, one behaviour a test, told in one line a step.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail loudly")]

use orp_core::prelude::*;
use orp_sched::scheduler::{PreemptivePriority, PriorityConfig};
use std::sync::Arc;

/// A scheduler, its cluster, and a clock in minutes.
struct World {
    scheduler: PreemptivePriority,
    view: ClusterView,
    now: Timestamp,
}

impl World {
    /// A cluster of nodes with so many cores; gigabytes ten times as many.
    fn new(nodes: &[(&str, u64)]) -> Self {
        Self::with(PriorityConfig::default(), nodes)
    }

    fn with(config: PriorityConfig, nodes: &[(&str, u64)]) -> Self {
        let view = ClusterView::new(nodes.iter().map(|(name, cpu)| node(name, *cpu)).collect());
        Self { scheduler: PreemptivePriority::new(config), view, now: Timestamp::EPOCH }
    }

    fn quota(mut self, tenant: &str, cpu: u64) -> Self {
        self.view.quotas.push((Tenant::new(tenant).unwrap(), capacity(cpu)));
        self
    }

    fn minute(&mut self, minute: u64) -> &mut Self {
        self.now = Timestamp::EPOCH.after(Span::MINUTE.saturating_mul(minute));
        self
    }

    fn submit<const N: usize>(&mut self, jobs: [Job; N]) -> String {
        let submitted = |mut job: Job| {
            job.submitted = self.now;
            job.into()
        };
        self.step(jobs.map(submitted).to_vec())
    }

    fn end(&mut self, key: &str) -> String {
        self.step(vec![JobEvent::Ended(JobKey::new(key))])
    }

    fn stopped(&mut self, key: &str) -> String {
        self.step(vec![JobEvent::Stopped(JobKey::new(key))])
    }

    fn lost(&mut self, name: &str) -> String {
        Arc::make_mut(&mut self.view.nodes).retain(|node| node.name.as_str() != name);
        self.step(vec![JobEvent::NodeLost(NodeName::new(name).unwrap())])
    }

    fn step(&mut self, events: Vec<JobEvent>) -> String {
        let decisions = self.scheduler.decide(self.now, &events, &self.view).list;
        let words = decisions.iter().map(|decision| match decision {
            JobDecision::Start { job, slots, .. } => {
                let nodes: Vec<&str> = Slot::nodes(slots).map(NodeName::as_str).collect();
                format!("{job} on {}", nodes.join("+"))
            }
            JobDecision::Preempt { job, for_job: Some(for_job), .. } => format!("stop {job} for {for_job}"),
            other => panic!("{other:?}"),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// The queue and the reason of a waiting job.
    fn why(&self, key: &str) -> String {
        let waiting = self.scheduler.waiting();
        let found = waiting.iter().find(|waiting| waiting.job.as_str() == key);
        found.map_or("does not wait".into(), |waiting| format!("{}: {}", waiting.queue, waiting.reason))
    }
}

fn node(name: &str, cpu: u64) -> Node {
    Node { name: NodeName::new(name).unwrap(), capacity: capacity(cpu), labels: Labels::new() }
}

fn capacity(cpu: u64) -> Capacity {
    Capacity { cpu: CpuAmount::whole(cpu), memory: Bytes::from_gb(10 * cpu), ..Capacity::ZERO }
}

/// A job of one member; the time of submission is set when it is submitted.
fn job(key: &str, cpu: u64) -> Job {
    Job::new(JobKey::new(key), Tenant::new("a").unwrap(), capacity(cpu), Timestamp::EPOCH)
}

fn at(priority: i32, job: Job) -> Job {
    let mut job = job;
    job.priority = priority;
    job
}

fn gang(members: u32, job: Job) -> Job {
    let mut job = job;
    job.members = members;
    job
}

fn firm(job: Job) -> Job {
    let mut job = job;
    job.preemptible = false;
    job
}

fn of(tenant: &str, job: Job) -> Job {
    let mut job = job;
    job.tenant = Tenant::new(tenant).unwrap();
    job
}

fn with_device(device: &str, job: Job) -> Job {
    let mut job = job;
    job.device = Some(DeviceId::new(device).unwrap());
    job
}

#[test]
fn priority_then_submission_then_key_decides_who_is_first() {
    let mut world = World::new(&[("n", 1)]);
    assert_eq!(world.submit([firm(job("first", 1))]), "first on n");
    world.minute(1).submit([job("c", 1), job("b", 1)]);
    world.minute(2).submit([job("a", 1), at(1, job("z", 1))]);
    let order: Vec<String> = world.scheduler.waiting().iter().map(|waiting| waiting.job.to_string()).collect();
    assert_eq!(order, ["z", "b", "c", "a"]);
    assert_eq!(world.end("first"), "z on n");
}

#[test]
fn members_go_where_they_leave_the_least_and_gangs_start_whole() {
    let mut world = World::new(&[("large", 8), ("small", 2), ("small-2", 2)]);
    assert_eq!(world.submit([job("one", 2)]), "one on small");
    assert_eq!(world.submit([gang(3, job("gang", 3))]), "");
    assert_eq!(world.why("gang"), "ready: never fits: the idle cluster holds 2 of its 3 members");
    assert_eq!(world.submit([gang(4, job("other", 2))]), "other on small-2+large+large+large");
    assert_eq!(world.submit([gang(2, job("next", 2))]), "");
    assert_eq!(world.why("next"), "ready: needs 2 × (2 cpu, 20 GB) at once; there is room for 1");
}

#[test]
fn ageing_orders_but_does_not_preempt() {
    let config = PriorityConfig::default().with_ageing(Span::HOUR, 3).with_patience(Span::MAX);
    let mut world = World::with(config, &[("n", 1)]);
    world.submit([at(2, job("runs", 1))]);
    world.submit([job("old", 1)]);
    world.minute(61).submit([at(2, firm(job("new", 1)))]);
    let first = |world: &World| world.scheduler.waiting()[0].job.to_string();
    assert_eq!(first(&world), "new");
    world.minute(60 * 24).step(vec![]);
    assert_eq!(first(&world), "new", "ageing is bounded: 2 + 3 stays above 0 + 3");
    world.minute(60 * 24).submit([at(1, job("newest", 1))]);
    let order: Vec<String> = world.scheduler.waiting().iter().map(|waiting| waiting.job.to_string()).collect();
    assert_eq!(order, ["new", "old", "newest"]);
    assert_eq!(world.why("old"), "ready: needs 1 cpu, 10 GB; the freest node has 0 cpu, 0 B");
    assert_eq!(world.end("new"), "");
    assert_eq!(world.end("runs"), "old on n", "its turn, by age, and `newest` does not stop it at once");
    assert_eq!(world.minute(60 * 25).submit([at(1, job("later", 1))]), "stop old for later");
}

#[test]
fn a_job_of_higher_priority_takes_the_place_of_lower_ones() {
    let mut world = World::new(&[("n", 4)]);
    assert_eq!(world.submit([job("old", 2)]), "old on n");
    assert_eq!(world.minute(1).submit([job("young", 2)]), "young on n");
    assert_eq!(world.minute(2).submit([job("equal", 1)]), "", "equal priority waits");
    assert_eq!(world.submit([at(5, job("high", 2))]), "stop young for high", "the youngest start");
    assert_eq!(world.why("high"), "ready: waits for 1 victim to stop");
    assert_eq!(world.step(vec![]), "", "it is stopped once");
    assert_eq!(world.minute(3).stopped("young"), "high on n");
    assert_eq!(world.why("young"), "ready: needs 2 cpu, 20 GB; the freest node has 0 cpu, 0 B");
    assert_eq!(world.stopped("young"), "", "a repeated event changes nothing");
}

#[test]
fn nobody_is_stopped_in_vain_or_without_need() {
    let mut world = World::new(&[("n1", 4), ("n2", 4)]);
    world.submit([job("a", 1), job("b", 3), at(9, job("c", 4))]);
    assert_eq!(world.submit([at(5, gang(2, job("gang", 4)))]), "", "stopping both on n1 would not do");
    assert_eq!(world.submit([at(5, job("big", 4))]), "stop a for big, stop b for big");
    let mut world = World::new(&[("n1", 4), ("n2", 4)]);
    world.submit([job("b", 3)]);
    world.minute(1).submit([job("a", 1), at(9, job("c", 4))]);
    assert_eq!(world.submit([at(5, job("mid", 3))]), "stop b for mid", "the younger `a` is spared: it would not do");
    let mut world = World::new(&[("n", 2)]);
    world.submit([firm(job("firm", 2))]);
    assert_eq!(world.submit([at(5, job("high", 1))]), "", "a job that may not be preempted runs on");
}

#[test]
fn vacated_room_is_kept_for_who_asked_for_it() {
    let mut world = World::new(&[("n1", 4), ("n2", 4)]);
    world.submit([job("a", 4), job("b", 4)]);
    assert_eq!(world.submit([at(5, gang(2, job("high", 3)))]), "stop a for high, stop b for high");
    assert_eq!(world.stopped("a"), "", "one of two");
    assert_eq!(world.why("high"), "ready: waits for 1 victim to stop");
    assert_eq!(world.submit([at(9, job("greedy", 2))]), "", "not even a higher priority takes what is promised");
    assert_eq!(world.submit([job("tiny", 1)]), "tiny on n1", "what is left over is free");
    assert_eq!(world.stopped("b"), "high on n1+n2");
}

#[test]
fn surplus_of_a_victim_serves_the_next_preemptor() {
    let mut world = World::new(&[("n", 4)]);
    world.submit([job("big", 4)]);
    world.submit([at(1, job("x", 1))]);
    assert_eq!(world.submit([at(2, job("y", 1))]), "");
    assert_eq!(world.why("y"), "ready: waits for 1 victim to stop");
    assert_eq!(world.stopped("big"), "y on n, x on n");
    let mut world = World::new(&[("n", 8)]);
    world.submit([job("big", 4), firm(job("firm", 3))]);
    assert_eq!(world.submit([at(5, job("high", 3))]), "stop big for high");
    assert_eq!(world.submit([job("tiny", 1)]), "tiny on n", "what is promised is not taken twice");
}

#[test]
fn a_promise_lapses_with_its_job() {
    let mut world = World::new(&[("n", 4)]);
    world.submit([job("low", 4)]);
    assert_eq!(world.submit([at(5, job("high", 4))]), "stop low for high");
    assert_eq!(world.end("high"), "");
    assert_eq!(world.submit([at(1, job("next", 4))]), "", "low is being stopped already");
    assert_eq!(world.stopped("low"), "next on n");
}

#[test]
fn a_promise_that_cannot_be_kept_is_made_anew() {
    let mut world = World::new(&[("n1", 4), ("n2", 4)]).quota("a", 8);
    world.submit([job("a", 4), job("b", 4)]);
    assert_eq!(world.submit([at(5, job("high", 4))]), "stop a for high");
    assert_eq!(world.lost("n1"), "stop b for high");
    world.view.quotas[0].1 = capacity(3);
    assert_eq!(world.stopped("b"), "");
    assert_eq!(world.why("high"), "job: never fits: needs 4 cpu, 40 GB, the quota of tenant `a` is 3 cpu, 30 GB");
    world.view.quotas.clear();
    assert_eq!(world.step(vec![]), "high on n2");
}

#[test]
fn a_preemptor_takes_other_room_when_that_comes_first() {
    let mut world = World::new(&[("n1", 4), ("n2", 4)]);
    assert_eq!(world.submit([firm(job("firm", 4)), job("low", 4)]), "firm on n1, low on n2");
    assert_eq!(world.submit([at(5, job("high", 4))]), "stop low for high");
    assert_eq!(world.submit([job("waits", 2)]), "");
    assert_eq!(world.end("firm"), "high on n1");
    assert_eq!(world.stopped("low"), "low on n2", "its own room again: its key comes before `waits`");
}

#[test]
fn room_that_a_preemptor_gives_up_is_used_at_once() {
    let mut world = World::new(&[("n1", 4), ("n2", 4)]);
    Arc::make_mut(&mut world.view.nodes)[1].capacity.memory = Bytes::from_gb(10);
    let with_memory = |gb, mut job: Job| {
        job.demand.memory = Bytes::from_gb(gb);
        job
    };
    world.submit([job("l1", 2), job("l2", 2), firm(with_memory(10, job("firm", 4)))]);
    assert_eq!(world.submit([at(5, with_memory(5, job("high", 3)))]), "stop l1 for high, stop l2 for high");
    assert_eq!(world.submit([at(9, with_memory(20, job("fat", 2)))]), "");
    assert_eq!(world.stopped("l1"), "", "of the 2 vacated one is promised, and n2 is too small for `fat`");
    assert_eq!(world.end("firm"), "high on n2, fat on n1");
}

#[test]
fn a_lost_node_sends_its_jobs_back() {
    let mut world = World::new(&[("n1", 4), ("n2", 4)]);
    assert_eq!(world.submit([gang(2, job("gang", 4))]), "gang on n1+n2");
    assert_eq!(world.lost("n1"), "");
    assert_eq!(world.why("gang"), "ready: never fits: the idle cluster holds 1 of its 2 members");
    assert_eq!(world.submit([job("other", 4)]), "other on n2", "the surviving member holds nothing");
    assert_eq!(world.submit([at(3, job("high", 4))]), "stop other for high");
    assert_eq!(world.lost("n2"), "");
    assert_eq!(world.why("high"), "ready: never fits: the cluster has no nodes");
    assert_eq!(world.stopped("other"), "", "it waits already");
    Arc::make_mut(&mut world.view.nodes).push(node("n3", 4));
    assert_eq!(world.step(vec![]), "high on n3");
}

#[test]
fn a_drained_node_takes_no_more_and_loses_nothing() {
    let mut world = World::new(&[("n1", 4), ("n2", 4)]);
    world.submit([job("a", 3), job("b", 3)]);
    Arc::make_mut(&mut world.view.nodes).remove(0);
    assert_eq!(world.submit([job("c", 1), job("d", 1)]), "c on n2");
    assert_eq!(world.end("b"), "d on n2");
    Arc::make_mut(&mut world.view.nodes).push(node("n1", 4));
    assert_eq!(world.submit([job("e", 2)]), "e on n2");
    assert_eq!(world.submit([job("f", 2)]), "", "n1 has 1 beside what a holds");
    assert_eq!(world.end("a"), "f on n1");
}

#[test]
fn a_tenant_waits_for_its_quota_and_for_no_other() {
    let mut world = World::new(&[("n", 8)]).quota("a", 2);
    assert_eq!(world.submit([job("a1", 2), job("a2", 1), of("b", job("b1", 4))]), "a1 on n, b1 on n");
    assert_eq!(world.why("a2"), "job: needs 1 cpu, 10 GB; tenant `a` holds 2 cpu, 20 GB of its quota of 2 cpu, 20 GB");
    world.submit([job("huge", 3)]);
    assert_eq!(world.why("huge"), "job: never fits: needs 3 cpu, 30 GB, the quota of tenant `a` is 2 cpu, 20 GB");
    assert_eq!(world.submit([at(1, job("a3", 1))]), "stop a1 for a3", "within a tenant, priority goes for quota too");
    assert_eq!(world.stopped("a1"), "a3 on n, a2 on n");
    world.view.quotas.clear();
    assert_eq!(world.step(vec![]), "a1 on n", "without a quota, all of the cluster");
}

#[test]
fn a_device_is_held_by_one_job() {
    let mut world = World::new(&[("n", 8)]);
    assert_eq!(world.submit([with_device("x", job("one", 1)), with_device("x", job("two", 1))]), "one on n");
    assert_eq!(world.why("two"), "device: device `x` is held by `one`");
    assert_eq!(world.submit([at(1, with_device("x", job("high", 1)))]), "stop one for high");
    assert_eq!(world.stopped("one"), "high on n");
    assert_eq!(world.why("one"), "device: device `x` is held by `high`");
    assert_eq!(world.end("high"), "one on n", "it was submitted with `two`, and its key is lower");
}

#[test]
fn later_jobs_pass_for_as_long_as_patience_lasts() {
    let config = PriorityConfig::default().with_patience(Span::MINUTE.saturating_mul(10)).with_ageing(Span::ZERO, 0);
    let mut world = World::with(config, &[("n", 4)]);
    world.submit([firm(job("runs", 1))]);
    world.submit([job("big", 4)]);
    assert_eq!(world.minute(9).submit([job("small", 1)]), "small on n");
    assert_eq!(world.minute(10).submit([job("late", 1), of("b", at(1, job("above", 1)))]), "above on n");
    assert_eq!(world.why("late"), "ready: `big` is before it and has waited too long to be passed");
    world.end("runs");
    world.end("small");
    assert_eq!(world.end("above"), "big on n");
}

#[test]
fn without_patience_order_is_strict_but_what_never_fits_holds_nobody_back() {
    let mut world = World::with(PriorityConfig::default().with_patience(Span::ZERO), &[("n", 4)]);
    world.submit([job("first", 1), job("never", 5), job("next", 4), job("small", 1)]);
    assert_eq!(world.why("never"), "ready: never fits: no node has 5 cpu, 50 GB");
    assert_eq!(world.why("small"), "ready: `next` is before it and has waited too long to be passed");
    assert_eq!(world.end("first"), "next on n");
    let mut world = World::with(PriorityConfig::default().with_patience(Span::ZERO), &[("n", 8)]).quota("a", 2);
    let jobs = [job("a1", 1), job("a2", 2), job("a3", 1), of("b", job("b1", 1))];
    assert_eq!(world.submit(jobs), "a1 on n, b1 on n", "who waits for quota holds back its tenant only");
    assert_eq!(world.why("a3"), "job: `a2` is before it and has waited too long to be passed");
    let jobs =
        [with_device("x", of("b", job("b2", 1))), with_device("x", of("b", job("b3", 1))), of("b", job("b4", 1))];
    assert_eq!(world.submit(jobs), "b2 on n, b4 on n", "who waits for a device holds back those who want it");
}

/// Found by the laws: the promise was dropped at each decision, so that others took the room.
#[test]
fn a_promise_holds_on_a_node_overdrawn_in_another_kind() {
    let mut world = World::new(&[("n", 4)]);
    Arc::make_mut(&mut world.view.nodes)[0].capacity.gpu = GpuAmount::whole(1);
    let mut with_gpu = firm(job("gpu", 1));
    with_gpu.demand.gpu = GpuAmount::whole(1);
    assert_eq!(world.submit([with_gpu, job("low", 3)]), "gpu on n, low on n");
    Arc::make_mut(&mut world.view.nodes)[0].capacity.gpu = GpuAmount::ZERO;
    assert_eq!(world.submit([at(5, job("high", 3))]), "stop low for high");
    assert_eq!(world.step(vec![]), "");
    assert_eq!(world.why("high"), "ready: waits for 1 victim to stop");
    world.submit([at(5, job("also", 3))]);
    assert_eq!(world.stopped("low"), "high on n");
}

/// Found by the laws: `two` has waited too long, and only `one` before it was kept from being passed.
#[test]
fn who_waits_behind_another_still_keeps_its_device() {
    let mut world = World::with(PriorityConfig::default().with_patience(Span::ZERO), &[("n", 8)]).quota("a", 2);
    let jobs = [job("held", 2), job("one", 1), with_device("x", job("two", 1)), with_device("x", of("b", job("z", 1)))];
    assert_eq!(world.submit(jobs), "held on n");
    assert_eq!(world.why("z"), "device: `two` is before it and has waited too long to be passed");
}

#[test]
fn bounds_are_reported() {
    let mut world = World::with(PriorityConfig::default().with_patience(Span::ZERO), &[("n", 4)]);
    world.submit([gang(100_000, job("many", 0)), gang(3, with_device("x", job("odd", u64::MAX / 1_000)))]);
    assert_eq!(world.why("many"), "ready: never fits: has 100000 members, at most 65536 are placed");
    assert_eq!(world.why("odd"), "ready: never fits: needs more in all than can be counted");
    assert_eq!(world.submit([gang(0, job("none", 1))]), "none on n", "a gang has at least one member");
}

#[test]
fn unknown_and_repeated_events_change_nothing() {
    let mut world = World::new(&[("n", 4)]);
    assert_eq!(world.submit([job("a", 2), job("a", 4)]), "a on n");
    assert_eq!(world.submit([job("a", 2)]), "");
    assert_eq!(world.stopped("a") + &world.stopped("x") + &world.end("x"), "");
    let mut lost = World::new(&[("n", 4)]);
    Arc::make_mut(&mut lost.view.nodes).push(node("m", 1));
    assert_eq!(lost.lost("z"), "");
    assert_eq!(world.submit([job("b", 3)]), "", "`a` still holds its 2");
    assert_eq!(world.end("a") + &world.end("a"), "b on n");
}

#[test]
fn reasons_to_start_and_stop_are_for_people() {
    let mut world = World::new(&[("n", 4)]);
    let reason = |decisions: Decisions| decisions.list.last().unwrap().reason().to_owned();
    let submitted = |job: Job| [job.into()];
    let World { scheduler, view, .. } = &mut world;
    let mut decide = |minute, events: &[JobEvent]| {
        reason(scheduler.decide(Timestamp::EPOCH.after(Span::MINUTE.saturating_mul(minute)), events, view))
    };
    assert_eq!(decide(0, &submitted(job("low", 3))), "priority 0: first in order, and fits");
    let events = [job("wait", 4).into(), job("zap", 1).into()];
    assert_eq!(decide(1, &events), "priority 0: fits, and passes `wait`, which does not now");
    assert_eq!(
        decide(2, &submitted(at(7, job("high", 3)))),
        "its priority 0 is below 7 of `high`, which needs 1 × (3 cpu, 30 GB)"
    );
    assert_eq!(decide(3, &[JobEvent::Stopped(JobKey::new("low"))]), "priority 7: has the room it was promised");
    let events = [JobEvent::Ended(JobKey::new("zap")), JobEvent::Ended(JobKey::new("high"))];
    assert_eq!(decide(121, &events), "priority 0 and 2 more for waiting 2h1m: first in order, and fits");
}
