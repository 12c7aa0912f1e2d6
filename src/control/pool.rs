//! Drives the scheduler: every lease of owned capacity is granted by it.
//!
//! An attempt that wants owned capacity hands in a job and waits for its ticket to start. The scheduler is told what
//! happens and answers with starts and preemptions; this module carries both to the attempts.

use super::held;
use crate::time::Timer;
use orp_core::{
    contract::Scheduler,
    id::NodeName,
    noun::{ClusterView, Job, JobDecision, JobEvent, JobKey, Labels, Market, Node, Offer, OfferKey, Slot, Waiting},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// The pool of owned capacity and its scheduler.
#[derive(Debug)]
pub(crate) struct Pool {
    clock: Arc<dyn Timer>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    scheduler: Box<dyn Scheduler>,
    view: ClusterView,
    jobs: BTreeMap<JobKey, Signals>,
}

#[derive(Debug)]
struct Signals {
    start: watch::Sender<Option<NodeName>>,
    preempt: watch::Sender<Option<String>>,
}

/// A job handed in: tells when it may start and when it must stop. Dropping it withdraws the job and frees what it held.
#[derive(Debug)]
pub(crate) struct Ticket {
    pool: Arc<Pool>,
    key: JobKey,
    start: watch::Receiver<Option<NodeName>>,
    preempt: watch::Receiver<Option<String>>,
}

impl Ticket {
    /// Waits until the job may start; the node it was given.
    pub(crate) async fn started(&mut self) -> Option<NodeName> {
        let started = self.start.wait_for(Option::is_some).await.map(|node| node.clone());
        started.ok().flatten()
    }

    /// Waits until the job must stop; why.
    pub(crate) async fn preempted(&mut self) -> String {
        let reason = self.preempt.wait_for(Option::is_some).await.map(|reason| reason.clone());
        match reason {
            Ok(reason) => reason.unwrap_or_default(),
            // The pool is gone, and nobody preempts any more.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.pool.tell(&[JobEvent::Ended(self.key.clone())]);
        held(&self.pool.inner).jobs.remove(&self.key);
    }
}

impl Pool {
    pub(crate) fn new(scheduler: Box<dyn Scheduler>, clock: Arc<dyn Timer>) -> Self {
        let inner = Inner { scheduler, view: ClusterView::default(), jobs: BTreeMap::new() };
        Self { clock, inner: Mutex::new(inner) }
    }

    /// Hands a job in.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Ticket {
        let (start, preempt) = (watch::Sender::new(None), watch::Sender::new(None));
        let ticket =
            Ticket { pool: self.clone(), key: job.key.clone(), start: start.subscribe(), preempt: preempt.subscribe() };
        held(&self.inner).jobs.insert(job.key.clone(), Signals { start, preempt });
        self.tell(&[job.into()]);
        ticket
    }

    /// The jobs that wait, where and why.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        held(&self.inner).scheduler.waiting()
    }

    /// Makes the nodes what the offers of owned machines say.
    pub(crate) fn update_nodes(&self, offers: &[Offer]) {
        let nodes = offers
            .iter()
            .filter(|offer| offer.market == Market::Owned)
            .filter_map(|offer| Some((node_name(&offer.key)?, offer.machine()?)))
            .map(|(name, machine)| Node { name, capacity: machine.capacity, labels: Labels::new() });
        let nodes: Vec<Node> = nodes.collect();
        let changed = {
            let mut inner = held(&self.inner);
            let changed = *inner.view.nodes != nodes;
            if changed {
                inner.view.nodes = Arc::new(nodes);
            }
            changed
        };
        if changed {
            self.tell(&[]);
        }
    }

    /// Tells the scheduler what happened and carries out what it decides.
    fn tell(&self, events: &[JobEvent]) {
        let mut guard = held(&self.inner);
        let Inner { scheduler, view, jobs } = &mut *guard;
        for decision in scheduler.decide(self.clock.now(), events, view).list {
            match decision {
                JobDecision::Start { job, slots, reason } => {
                    tracing::debug!(%job, %reason, "start");
                    if let Some(signals) = jobs.get(&job) {
                        signals.start.send_replace(Slot::nodes(&slots).next().cloned());
                    }
                }
                JobDecision::Preempt { job, for_job, reason } => {
                    tracing::debug!(%job, ?for_job, %reason, "preempt");
                    if let Some(signals) = jobs.get(&job) {
                        signals.preempt.send_replace(Some(reason.into_owned()));
                    }
                }
                JobDecision::Reject { job, reason } => {
                    tracing::warn!(%job, %reason, "the scheduler refuses it");
                    // Whoever waits for its start hears that there will be none.
                    jobs.remove(&job);
                }
                // No job handed in here is elastic.
                other => tracing::warn!(?other, "not carried out"),
            }
        }
    }
}

/// The node an offer of an owned machine is.
pub(crate) fn node_name(offer: &OfferKey) -> Option<NodeName> {
    NodeName::new(offer.to_string()).ok()
}
