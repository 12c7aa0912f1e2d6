//! A look at every waiting job, in order: it starts, or others are stopped for it, or it waits and may hold others back.

use super::config::PriorityConfig;
use super::notes::{Barriers, Refused};
use super::preempt::{Search, search};
use super::reason::{Why, fits_idle};
use super::room::Hold;
use super::state::{Cluster, Holder, Holders, Holding, Request, Waiter};
use indexmap::IndexMap;
use orp_core::noun::{JobDecision, JobKey, Queue};
use orp_core::unit::{Span, Timestamp};
use std::sync::Arc;

/// What came of looking at a job.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Starts,
    Waits,
}

/// One look at every waiting job, in order.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    now: Timestamp,
    config: &'a PriorityConfig,
    cluster: &'a mut Cluster,
    holders: &'a mut Holders,
    decisions: Vec<JobDecision>,
    barriers: Barriers,
    refused: Refused,
    /// The first job so far that does not fit.
    passed: Option<Arc<Request>>,
    searches_left: u32,
    /// Whether a job started elsewhere than it was promised.
    gave_up_promise: bool,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        now: Timestamp,
        config: &'a PriorityConfig,
        cluster: &'a mut Cluster,
        holders: &'a mut Holders,
    ) -> Self {
        Self {
            now,
            config,
            cluster,
            holders,
            decisions: Vec::new(),
            barriers: Barriers::default(),
            refused: Refused::default(),
            passed: None,
            searches_left: config.searches_max,
            gave_up_promise: false,
        }
    }

    /// Looks at all in the order they stand in; those that start are taken out.
    ///
    /// When a job starts elsewhere than it was promised, the look begins again from the first, for whom the promised room
    /// now is. That ends, as each time one job fewer waits.
    pub(super) fn run(mut self, waiting: &mut IndexMap<JobKey, Waiter>) -> Vec<JobDecision> {
        loop {
            waiting.retain(|_, waiter| self.gave_up_promise || self.look_at(waiter) == Look::Waits);
            if !std::mem::take(&mut self.gave_up_promise) {
                return self.decisions;
            }
            (self.barriers, self.refused, self.passed) = Default::default();
        }
    }

    fn look_at(&mut self, waiter: &mut Waiter) -> Look {
        let promise = waiter.promise.take();
        if let Some(promise) = &promise {
            self.cluster.release(&waiter.request, promise, Hold::Promised);
        }
        waiter.why = match self.fit(waiter, promise.as_ref()) {
            Ok(holding) => {
                self.start(waiter, holding, promise.is_some());
                return Look::Starts;
            }
            Err(why) => match promise {
                Some(promise) => self.promise(waiter, promise),
                None => self.make_room(waiter, why),
            },
        };
        self.hold_others_back(waiter);
        Look::Waits
    }

    /// What the job can have now, or why not. Where it was promised room, it may have it whoever is before it.
    fn fit(&mut self, waiter: &Waiter, promise: Option<&Holding>) -> Result<Holding, Why> {
        let request = &*waiter.request;
        let Request { job, demand, members, total } = request;
        if *members > self.config.members_max {
            return Err(Why::TooManyMembers(self.config.members_max));
        }
        let total = total.ok_or(Why::Uncountable)?;
        if !total.fits_in(&self.cluster.tenant(&job.tenant).free()) {
            return Err(Why::Quota);
        }
        let held = job.device.as_ref().and_then(|device| self.cluster.device(device)?.holder());
        if let Some(holder) = held {
            return Err(Why::Device(holder.clone()));
        }
        if let Some(promise) = promise.filter(|promise| self.cluster.nodes.has_room(&promise.placement, demand)) {
            return Ok(promise.clone());
        }
        if let Some((queue, before)) = self.barriers.before(job) {
            return Err(Why::Behind(queue, before.clone()));
        }
        if promise.is_none() && self.refused.places(demand, *members) {
            return Err(Why::Capacity);
        }
        match self.cluster.nodes.place(demand, *members) {
            Some(placement) => {
                self.gave_up_promise |= promise.is_some();
                Ok(Holding { placement, total })
            }
            None => {
                if promise.is_none() {
                    self.refused.note_place(*demand, *members);
                }
                Err(Why::Capacity)
            }
        }
    }

    fn start(&mut self, waiter: &Waiter, holding: Holding, promised: bool) {
        let request = &waiter.request;
        self.cluster.take(request, &holding, Hold::Running);
        let slots = self.cluster.nodes.slots(&holding.placement);
        let reason = self.reason_to_start(waiter, promised);
        self.decisions.push(JobDecision::Start { job: request.job.key.clone(), slots, reason: reason.into() });
        self.holders.insert(Holder::new(waiter, holding, self.now));
    }

    fn reason_to_start(&self, waiter: &Waiter, promised: bool) -> String {
        let waited = waiter.waited(self.now);
        let aged = match self.config.aged_by(waited) {
            0 => String::new(),
            by => format!(" and {by} more for waiting {}", waited.rounded()),
        };
        let how = match &self.passed {
            _ if promised => "has the room it was promised".into(),
            Some(before) => format!("fits, and passes `{}`, which does not now", before.job.key),
            None => "first in order, and fits".into(),
        };
        format!("priority {}{aged}: {how}", waiter.request.job.priority)
    }

    /// Keeps for the job what it will have once others have stopped.
    fn promise(&mut self, waiter: &mut Waiter, promise: Holding) -> Why {
        self.cluster.take(&waiter.request, &promise, Hold::Promised);
        waiter.promise = Some(promise);
        Why::Promised
    }

    /// Stops others for the job if that gives it all it needs; why it waits then.
    fn make_room(&mut self, waiter: &mut Waiter, why: Why) -> Why {
        let request = waiter.request.clone();
        let hopeless = matches!(why, Why::TooManyMembers(_) | Why::Behind(..));
        let Some(total) = request.total.filter(|_| !hopeless && self.barriers.before(&request.job).is_none()) else {
            return why;
        };
        let nobody_would = self.holders.stopping() == 0 && self.holders.below(request.job.priority).next().is_none();
        if nobody_would || self.device_is_kept(waiter) || self.refused.searches(&request, total) {
            return why;
        }
        let Some(left) = self.searches_left.checked_sub(1) else { return why };
        self.searches_left = left;
        let config = self.config;
        match search(waiter, total, self.cluster, self.holders, |waiter, at| config.priority(waiter, at)) {
            Search::Enough => Why::Enough(why.queue()),
            Search::Victims(victims, holding) => {
                victims.iter().for_each(|victim| self.stop(victim, &request));
                self.refused = Refused::default();
                self.promise(waiter, holding)
            }
            Search::Nothing { quota, room, all_tried } => {
                if all_tried && !quota {
                    self.refused.note_quota(&request, total);
                }
                if all_tried && room < request.members {
                    self.refused.note_room(&request, room);
                }
                why
            }
        }
    }

    /// Whether someone has the job's device who may not be stopped for it.
    fn device_is_kept(&self, waiter: &Waiter) -> bool {
        let job = &waiter.request.job;
        let Some(held) = job.device.as_ref().and_then(|device| self.cluster.device(device)) else { return false };
        let kept = held.running.as_ref().and_then(|key| self.holders.get(key)).is_some_and(|holder| {
            let holding = &holder.request.job;
            !holding.preemptible || holding.priority >= job.priority
        });
        kept || held.promised.is_some()
    }

    fn stop(&mut self, victim: &JobKey, preemptor: &Arc<Request>) {
        let Some(mut holder) = self.holders.remove(victim) else { return };
        self.cluster.release(&holder.request, &holder.holding, Hold::Running);
        self.cluster.take(&holder.request, &holder.holding, Hold::Stopping);
        let job = &preemptor.job;
        let needed = preemptor.demand.words(&preemptor.demand);
        let reason = format!(
            "its priority {} is below {} of `{}`, which needs {} × ({needed})",
            holder.request.job.priority, job.priority, job.key, preemptor.members
        );
        self.decisions.push(JobDecision::Preempt {
            job: victim.clone(),
            for_job: Some(job.key.clone()),
            reason: reason.into(),
        });
        holder.stopping_for = Some(preemptor.clone());
        self.holders.insert(holder);
    }

    /// A job that has waited too long may no longer be passed where it waits. One that never fits holds nobody back, one
    /// with a promise need not, and one behind another adds nothing to what that one holds back, but for a device.
    fn hold_others_back(&mut self, waiter: &Waiter) {
        let Waiter { request, why, .. } = waiter;
        let adds_nothing = match why {
            Why::Promised | Why::TooManyMembers(_) => true,
            Why::Behind(..) => request.job.device.is_none(),
            _ => false,
        };
        if adds_nothing {
            return;
        }
        let impatient = waiter.waited(self.now) >= self.config.patience && self.config.patience < Span::MAX;
        if impatient && fits_idle(request, self.cluster) {
            self.barriers.raise(why.queue(), request);
        }
        if why.queue() == Queue::Ready {
            self.passed.get_or_insert_with(|| request.clone());
        }
    }
}
