//! The scheduler itself: events in, a look at every waiting job in order, decisions out.

use super::config::PriorityConfig;
use super::pass::Pass;
use super::reason::Explainer;
use super::room::Hold;
use super::state::{Cluster, Holder, Holders, Request, Waiter};
use indexmap::IndexMap;
use orp_core::contract::Scheduler;
use orp_core::id::NodeName;
use orp_core::noun::{ClusterView, Decisions, Job, JobEvent, JobKey, Waiting};
use orp_core::unit::Timestamp;
use std::cmp::Ordering;
use std::sync::Arc;

/// A scheduler by priority that stops running jobs for more important ones. See [the module](super) for what it does and
/// promises; it holds the laws SCHED-1 to SCHED-8 of [`Scheduler`].
///
/// Deciding takes time linear in the waiting jobs and the nodes (sorting aside) when few jobs look for victims; each search
/// is linear in the nodes and the running jobs of lower priority. Memory is linear in the jobs that are not over: whoever
/// submits bounds them.
///
/// Cloning forks it: a clone can be asked what would happen.
#[derive(Debug, Clone, Default)]
pub struct PreemptivePriority {
    config: PriorityConfig,
    cluster: Cluster,
    holders: Holders,
    /// In the order of their turn, as of the last decision.
    waiting: IndexMap<JobKey, Waiter>,
}

impl PreemptivePriority {
    /// A scheduler that knows no jobs yet.
    pub fn new(config: PriorityConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Its configuration.
    pub fn config(&self) -> &PriorityConfig {
        &self.config
    }

    fn apply(&mut self, now: Timestamp, event: &JobEvent) {
        match event {
            JobEvent::Submitted(job) => self.submit(job),
            JobEvent::Ended(key) => self.end(key),
            // Of a job that was not told to stop this is late or repeated: what it holds now is of another start.
            JobEvent::Stopped(key) if self.holders.get(key).is_some_and(|it| it.stopping_for.is_some()) => {
                self.wait_again(now, key);
            }
            JobEvent::NodeLost(node) => self.lose(now, node),
            _ => {}
        }
    }

    fn submit(&mut self, job: &Arc<Job>) {
        if self.holders.get(&job.key).is_none() && !self.waiting.contains_key(&job.key) {
            self.waiting.insert(job.key.clone(), Waiter::new(Request::new(job)));
        }
    }

    fn end(&mut self, key: &JobKey) {
        if let Some(holder) = self.holders.remove(key) {
            self.cluster.release(&holder.request, &holder.holding, holder.hold());
        } else if let Some(Waiter { request, promise: Some(promise), .. }) = self.waiting.swap_remove(key) {
            self.cluster.release(&request, &promise, Hold::Promised);
        }
    }

    fn wait_again(&mut self, now: Timestamp, key: &JobKey) {
        if let Some(holder) = self.holders.remove(key) {
            self.cluster.release(&holder.request, &holder.holding, holder.hold());
            self.waiting.insert(key.clone(), holder.wait_again(now));
        }
    }

    fn lose(&mut self, now: Timestamp, node: &NodeName) {
        let Some(lost) = self.cluster.nodes.rank(node) else { return };
        let is_on = |holder: &&Holder| holder.holding.placement.iter().any(|(rank, _)| *rank == lost);
        let on_it = self.holders.iter().filter(is_on).map(|holder| holder.request.job.key.clone());
        for key in on_it.collect::<Vec<_>>() {
            self.wait_again(now, &key);
        }
    }

    /// Takes back what can no longer be kept, as a node is gone or a limit was lowered; who had it looks for victims anew.
    fn break_promises(&mut self) {
        for waiter in self.waiting.values_mut() {
            let Waiter { request, promise, .. } = waiter;
            if let Some(broken) = promise.take_if(|promise| !self.cluster.keep_promise(request, promise)) {
                self.cluster.release(request, &broken, Hold::Promised);
            }
        }
    }

    fn order(&mut self, now: Timestamp) {
        for waiter in self.waiting.values_mut() {
            waiter.priority = self.config.priority(waiter, now);
        }
        if !self.waiting.values().is_sorted_by(|a, b| a.turn().order(&b.turn()) != Ordering::Greater) {
            self.waiting.sort_by(|_, a, _, b| a.turn().order(&b.turn()));
        }
    }
}

impl Scheduler for PreemptivePriority {
    fn decide(&mut self, now: Timestamp, events: &[JobEvent], view: &ClusterView) -> Decisions {
        self.cluster.renew_quotas(view);
        self.cluster.renew_nodes(view, &mut self.holders, &mut self.waiting);
        events.iter().for_each(|event| self.apply(now, event));
        self.break_promises();
        self.order(now);
        let pass = Pass::new(now, &self.config, &mut self.cluster, &mut self.holders);
        Decisions { list: pass.run(&mut self.waiting), wake: None }
    }

    fn waiting(&self) -> Vec<Waiting> {
        let mut explainer = Explainer::new(&self.cluster, &self.holders);
        let why = |(key, waiter): (&JobKey, &Waiter)| {
            Waiting::new(key.clone(), waiter.why.queue(), explainer.explain(waiter))
        };
        self.waiting.iter().map(why).collect()
    }

    fn fork(&self) -> Option<Box<dyn Scheduler>> {
        Some(Box::new(self.clone()))
    }
}
