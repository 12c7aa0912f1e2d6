//! Schedulers that break one law each.

use crate::{Fake, catches};
use orp_conformance::{LawId, scheduler::replay, scheduler_suite};
use orp_core::memory::MemoryScheduler;
use orp_core::prelude::*;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub(crate) const FAKES: &[Fake] = &[
    ("SCHED-1", "follows its mood"),
    ("SCHED-2", "sees every node double"),
    ("SCHED-2", "starts on nodes that are lost"),
    ("SCHED-3", "starts gangs but one"),
    ("SCHED-3", "starts a job twice"),
    ("SCHED-4", "preempts for anyone"),
    ("SCHED-4", "preempts what must not be"),
    ("SCHED-5", "gives no reason"),
    ("SCHED-5", "forgets the last who waits"),
    ("SCHED-6", "knows no quotas"),
    ("SCHED-7", "shares devices"),
    ("SCHED-8", "starts nothing"),
    ("SCHED-8", "waits for company"),
];

/// What all schedulers of this process have in common: a mood.
static MOOD: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
struct Bent {
    inner: MemoryScheduler,
    flaw: &'static str,
    jobs: BTreeMap<JobKey, Arc<Job>>,
    nodes: Vec<Node>,
}

impl Bent {
    fn is(&self, flaw: &str) -> bool {
        self.flaw == flaw
    }

    /// What the reference is shown of the cluster.
    fn view(&mut self, view: &ClusterView) -> ClusterView {
        let mut view = view.clone();
        for node in view.nodes.iter() {
            if !self.nodes.iter().any(|known| known.name == node.name) {
                self.nodes.push(node.clone());
            }
        }
        let blind = match self.flaw {
            "starts nothing" => true,
            "waits for company" => self.jobs.len() < 2,
            "follows its mood" => MOOD.fetch_add(1, Ordering::SeqCst).is_multiple_of(7),
            _ => false,
        };
        if blind {
            view.nodes = Arc::default();
        }
        if self.is("starts on nodes that are lost") {
            view.nodes = Arc::new(self.nodes.clone());
        }
        if self.is("sees every node double") {
            Arc::make_mut(&mut view.nodes)
                .iter_mut()
                .for_each(|node| node.capacity = node.capacity.checked_add(&node.capacity).unwrap());
        }
        if self.is("knows no quotas") {
            view.quotas.clear();
        }
        view
    }

    fn learn(&mut self, event: &JobEvent) -> JobEvent {
        match event {
            JobEvent::Submitted(job) => {
                let mut seen = Job::clone(job);
                self.jobs.insert(job.key.clone(), job.clone());
                if self.is("shares devices") {
                    seen.device = None;
                }
                seen.into()
            }
            JobEvent::Ended(key) => {
                self.jobs.remove(key);
                event.clone()
            }
            event => event.clone(),
        }
    }

    /// The first job that waits, and one that runs which may not be preempted for it.
    fn whim(&self) -> Option<JobDecision> {
        let waiting = self.inner.waiting();
        let waits = |key: &JobKey| waiting.iter().any(|waiting| waiting.job == *key);
        let for_job = self.jobs.get(&waiting.first()?.job)?;
        let fair = |job: &&Arc<Job>| match self.flaw {
            "preempts what must not be" => !job.preemptible && job.priority < for_job.priority,
            _ => job.preemptible && job.priority > for_job.priority,
        };
        let victim = self.jobs.values().find(|job| !waits(&job.key) && fair(job))?;
        let (job, for_job) = (victim.key.clone(), for_job.key.clone());
        Some(JobDecision::Preempt { job, for_job: Some(for_job), reason: "a whim".into() })
    }
}

impl Scheduler for Bent {
    fn decide(&mut self, now: Timestamp, events: &[JobEvent], view: &ClusterView) -> Decisions {
        let events: Vec<JobEvent> = events.iter().map(|event| self.learn(event)).collect();
        let view = self.view(view);
        let mut decisions = self.inner.decide(now, &events, &view);
        for decision in &mut decisions.list {
            if let JobDecision::Start { slots, .. } = decision
                && self.flaw == "starts gangs but one"
                && slots.len() > 1
            {
                slots.pop();
            }
        }
        match self.flaw {
            "starts a job twice" => decisions.list.extend(decisions.list.first().cloned()),
            flaw if flaw.starts_with("preempts") => decisions.list.extend(self.whim()),
            _ => {}
        }
        decisions
    }

    fn waiting(&self) -> Vec<Waiting> {
        let mut waiting = self.inner.waiting();
        match self.flaw {
            "gives no reason" => waiting.iter_mut().for_each(|waiting| waiting.reason.clear()),
            "forgets the last who waits" => drop(waiting.pop()),
            _ => {}
        }
        waiting
    }
}

fn bent(flaw: &'static str) -> Box<dyn Scheduler> {
    Box::new(Bent { inner: MemoryScheduler::default(), flaw, jobs: BTreeMap::new(), nodes: Vec::new() })
}

#[test]
fn schedulers() {
    for fake in FAKES {
        catches(*fake, &scheduler_suite(&|| bent(fake.1)));
    }
}

#[test]
fn a_seed_shows_what_broke_again() {
    let report = scheduler_suite(&|| bent("sees every node double"));
    let what = &report.failed.first().unwrap().what;
    let seed = what.strip_prefix("seed ").unwrap().split(',').next().unwrap().parse().unwrap();
    let again = replay(&|| bent("sees every node double"), seed);
    assert_eq!(again.first().unwrap().law, LawId::new("SCHED-2").unwrap());
    assert_eq!(format!("seed {seed}, {}", again.first().unwrap().what), *what);
}
