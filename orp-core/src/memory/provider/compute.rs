//! Machines in memory: leases, and processes that are records.

use super::{Held, MemoryProvider, State};
use crate::contract::{ComputeProvider, ProviderEvent};
use crate::error::{ErrorKind, ProviderError};
use crate::id::{IdempotencyKey, LeaseId};
use crate::memory::store::held;
use crate::noun::{
    AcquireRequest, Ending, Execution, ExecutionStatus, FencingToken, LaunchSpec, Lease, Offer, Released, SAVED, Signal,
};
use crate::unit::{Span, Timestamp};
use async_trait::async_trait;

/// What `SIGKILL` is on every Unix.
const KILLED: i32 = 9;

impl MemoryProvider {
    /// Ends a running process so; whether there was one.
    pub fn finish(&self, execution: &IdempotencyKey, ending: Ending) -> bool {
        self.change(|state| state.end_where(&ending, |running| running.key == *execution))
    }

    /// Gives notice that a lease will be taken back, so much later. Nothing else happens: call
    /// [`MemoryProvider::reclaim`] then.
    pub fn give_notice(&self, lease: LeaseId, notice: Span) {
        let at = self.clock.now().after(notice);
        self.change(|state| state.report(ProviderEvent::ReclaimNotice { lease, at }));
    }

    /// Takes a lease back at once, after a notice that leaves no time; whether there was one. What runs on it is lost.
    pub fn reclaim(&self, lease: LeaseId) -> bool {
        let at = self.clock.now();
        self.change(|state| {
            if !state.end_lease(
                lease,
                Released { at, reclaimed: true },
                &Ending::Lost("its lease was reclaimed".into()),
            ) {
                return false;
            }
            state.report(ProviderEvent::ReclaimNotice { lease, at });
            state.report(ProviderEvent::Reclaimed { lease, at });
            true
        })
    }

    fn granted<'a>(
        &self,
        state: &'a State,
        operation: &'static str,
        lease: LeaseId,
        token: FencingToken,
    ) -> Result<&'a Held, ProviderError> {
        let known = state
            .leases
            .iter()
            .find(|held| held.lease.id == lease)
            .ok_or_else(|| self.error(ErrorKind::NotFound, operation, format!("no lease `{lease}`")))?;
        if known.lease.token != token {
            let message = format!("token {} is not that of the lease, {}", token.0, known.lease.token.0);
            return Err(self.error(ErrorKind::Conflict, operation, message).with_context("lease", lease));
        }
        Ok(known)
    }

    fn found(
        &self,
        operation: &'static str,
        state: &State,
        key: &IdempotencyKey,
    ) -> Result<ExecutionStatus, ProviderError> {
        let unknown = || self.error(ErrorKind::NotFound, operation, format!("no execution `{key}`"));
        state.execution(key).cloned().ok_or_else(unknown)
    }
}

impl State {
    fn execution(&self, key: &IdempotencyKey) -> Option<&ExecutionStatus> {
        self.executions.iter().find(|status| status.execution().key == *key)
    }

    /// Ends every running process that `which` names; whether there was one.
    fn end_where(&mut self, ending: &Ending, which: impl Fn(&Execution) -> bool) -> bool {
        let mut ended = false;
        for status in &mut self.executions {
            if let ExecutionStatus::Running(execution) = status
                && which(execution)
            {
                *status = ExecutionStatus::Ended { execution: execution.clone(), ending: ending.clone() };
                ended = true;
            }
        }
        ended
    }

    /// Ends a lease and what runs on it; false when it is over or unknown.
    fn end_lease(&mut self, lease: LeaseId, released: Released, ending: &Ending) -> bool {
        let open = |held: &&mut Held| held.lease.id == lease && held.released.is_none();
        let Some(held) = self.leases.iter_mut().find(open) else { return false };
        held.released = Some(released);
        self.end_where(ending, |running| running.lease == lease);
        true
    }
}

#[async_trait]
impl ComputeProvider for MemoryProvider {
    async fn acquire(&self, request: &AcquireRequest) -> Result<Lease, ProviderError> {
        let error = |kind, message: String| self.error(kind, "acquire", message);
        self.change(|state| {
            if let Some(known) = state.leases.iter().find(|held| held.lease.key == request.key) {
                let conflict =
                    || error(ErrorKind::Conflict, format!("key `{}` is that of another request", request.key));
                return if known.request == *request { Ok(known.lease.clone()) } else { Err(conflict()) };
            }
            let offer = state.offers.iter().find(|offer| offer.key.offer == request.offer);
            let offer = offer.ok_or_else(|| error(ErrorKind::NotFound, format!("no offer `{}`", request.offer)))?;
            if request.units == 0 {
                return Err(error(ErrorKind::Invalid, "0 units were asked: expected at least one".into()));
            }
            let left = offer.units.saturating_sub(state.leased(&request.offer));
            if request.units > left {
                let message = format!("`{}` has {left} units left, {} were asked", request.offer, request.units);
                return Err(error(ErrorKind::Exhausted, message));
            }
            let token = FencingToken(state.leases.len() as u64 + 1);
            let (offer, id) = (Offer::clone(offer), LeaseId::next(&*self.ids));
            let lease = Lease::new(id, request, token, offer, self.clock.now());
            state.leases.push(Held { lease: lease.clone(), request: request.clone(), released: None });
            Ok(lease)
        })
    }

    async fn launch(&self, lease: LeaseId, token: FencingToken, spec: &LaunchSpec) -> Result<Execution, ProviderError> {
        let error = |kind, message: String| self.error(kind, "launch", message).with_context("lease", lease);
        self.change(|state| {
            let on = self.granted(state, "launch", lease, token)?;
            if let Some(known) = state.execution(&spec.key()) {
                return Ok(known.execution().clone());
            }
            if !self.capabilities.launch {
                return Err(error(ErrorKind::Unsupported, "it launches nothing".into()));
            }
            if on.released.is_some() {
                return Err(error(ErrorKind::Lost, "the lease is over".into()));
            }
            if on.lease.offer.machine().is_none() {
                return Err(error(ErrorKind::Invalid, format!("`{}` is no machine", on.lease.offer.key)));
            }
            let pid = u32::try_from(state.executions.len()).unwrap_or(u32::MAX).saturating_add(1);
            let execution = Execution::new(spec.key(), lease, pid, self.clock.now());
            state.executions.push(ExecutionStatus::Running(execution.clone()));
            Ok(execution)
        })
    }

    async fn status(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        self.found("status", &held(&self.shared), execution)
    }

    async fn wait(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        self.until(|state| match self.found("wait", state, execution) {
            Ok(ExecutionStatus::Running(_)) => None,
            over => Some(over),
        })
        .await
    }

    async fn signal(&self, execution: &IdempotencyKey, signal: Signal) -> Result<(), ProviderError> {
        let ending = match signal {
            Signal::Terminate => Ending::Exited(SAVED),
            Signal::Kill => Ending::Signalled(KILLED),
        };
        self.change(|state| {
            self.found("signal", state, execution)?;
            state.end_where(&ending, |running| running.key == *execution);
            Ok(())
        })
    }

    async fn release(&self, lease: LeaseId, token: FencingToken) -> Result<Released, ProviderError> {
        let at: Timestamp = self.clock.now();
        self.change(|state| {
            let held = self.granted(state, "release", lease, token)?;
            let released = held.released.unwrap_or(Released { at, reclaimed: false });
            state.end_lease(lease, released, &Ending::Signalled(KILLED));
            Ok(released)
        })
    }

    async fn leases(&self) -> Result<Vec<Lease>, ProviderError> {
        let state = held(&self.shared);
        Ok(state.leases.iter().filter(|held| held.released.is_none()).map(|held| held.lease.clone()).collect())
    }
}
