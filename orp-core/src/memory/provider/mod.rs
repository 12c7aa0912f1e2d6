//! A provider of all five pillars in memory.
//!
//! Its machines run nothing: a launched process is a record that ends when [`MemoryProvider::finish`] says so, when it is
//! signalled, or when its lease is over. Its files are in memory too. What it holds outlives the handle: a clone finds the
//! same leases and processes, as a restarted host would find them.

mod compute;
mod content;
mod example;
mod work;

use super::{ManualClock, SeededIds, store::held};
use crate::contract::{Answer, Assignment, Capabilities, Clock, IdSource, ProviderEvent, ResourceProvider};
use crate::error::{ErrorKind, ProviderError};
use crate::id::{IdempotencyKey, OfferId, ProviderName};
use crate::noun::{AcquireRequest, AssetRef, ExecutionStatus, Lease, Network, Offer, Pillar, Place, Released, Replica};
use crate::unit::{Money, Span};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::poll_fn,
    path::PathBuf,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

/// How many events are kept for slow readers.
const KEPT_EVENTS: usize = 1024;

/// What a tool does with its input; an error is the caller's fault.
type Function = Arc<dyn Fn(&Value) -> Result<Value, String> + Send + Sync>;

/// A provider of all five pillars in memory. Clones are handles on the same resources.
///
/// ```
/// use orp_core::{memory::MemoryProvider, noun::Pillar, prelude::*};
/// # use futures_util::FutureExt;
///
/// let provider = MemoryProvider::example();
/// let offers = provider.offers().now_or_never().unwrap()?;
/// assert!(Pillar::ALL.iter().all(|pillar| offers.iter().any(|offer| offer.resource.pillar() == *pillar)));
/// # Ok::<(), ProviderError>(())
/// ```
#[derive(Clone)]
pub struct MemoryProvider {
    name: ProviderName,
    capabilities: Capabilities,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    network: Network,
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What is on offer, with all its units.
    offers: Vec<Offer>,
    leases: Vec<Held>,
    /// What runs and ran, by key, in the order of the launches.
    executions: Vec<ExecutionStatus>,
    /// What data sets and models hold, by reference.
    content: BTreeMap<AssetRef, Vec<u8>>,
    /// Replicas that were made by transfers.
    moved: Vec<(Place, Replica)>,
    transfers: BTreeMap<IdempotencyKey, (Span, Money)>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    tools: BTreeMap<AssetRef, (Value, Function)>,
    /// The first answer under each key, and how many calls were made.
    calls: BTreeMap<IdempotencyKey, Result<Value, String>>,
    assignments: Vec<Assignment>,
    answers: BTreeMap<IdempotencyKey, Answer>,
    /// The last events, and the number of the first of them.
    events: VecDeque<ProviderEvent>,
    first_event: u64,
    wakers: Vec<Waker>,
}

/// A lease, what it was asked with, and how it ended.
struct Held {
    lease: Lease,
    request: AcquireRequest,
    released: Option<Released>,
}

impl MemoryProvider {
    /// A provider that declares everything and offers nothing yet; its clock stands still.
    pub fn new(name: ProviderName) -> Self {
        Self {
            name,
            capabilities: Capabilities {
                launch: true,
                reattach: true,
                reclaim: true,
                ..Capabilities::offering(Pillar::ALL)
            },
            clock: Arc::new(ManualClock::default()),
            ids: Arc::new(SeededIds::new(0)),
            network: Network::default(),
            shared: Arc::default(),
        }
    }

    /// What it declares instead; constant from then on.
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The clock that leases and processes are dated by.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where its leases' identifiers come from.
    pub fn with_ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// What moving data costs and takes.
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// One more offer; see [`MemoryProvider::put_offer`].
    pub fn with_offer(self, offer: Offer) -> Self {
        self.put_offer(offer);
        self
    }

    /// What a data set or model on offer holds; without it, a data set holds zeros.
    pub fn with_content(self, asset: AssetRef, content: impl Into<Vec<u8>>) -> Self {
        self.change(|state| state.content.insert(asset, content.into()));
        self
    }

    /// What a tool on offer takes (a JSON Schema) and does. It is called with the provider locked, so that each key calls it
    /// once: it must not call the provider.
    pub fn with_tool(
        self,
        tool: AssetRef,
        schema: Value,
        function: impl Fn(&Value) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Self {
        self.change(|state| state.tools.insert(tool, (schema, Arc::new(function))));
        self
    }

    /// Puts an offer on, or in the place of the one with its id: a price that moved, say. The offer gets this provider's
    /// name; one that fails [`Offer::check`] is never shown.
    pub fn put_offer(&self, mut offer: Offer) {
        offer.key.provider = self.name.clone();
        self.change(|state| {
            match state.offers.iter_mut().find(|known| known.key == offer.key) {
                Some(known) => *known = offer,
                None => state.offers.push(offer),
            }
            state.report(ProviderEvent::OffersChanged);
        });
    }

    /// Takes an offer off; leases on it stay.
    pub fn withdraw_offer(&self, offer: &OfferId) {
        self.change(|state| {
            state.offers.retain(|known| known.key.offer != *offer);
            state.report(ProviderEvent::OffersChanged);
        });
    }

    fn error(&self, kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> ProviderError {
        ProviderError::new(kind, operation, message).with_context("provider", &self.name)
    }

    /// Changes the state, whole, and wakes everyone who waits for a change.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = held(&self.shared);
        let result = change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        // Woken tasks may look at once, so the lock is given back before.
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Waits until `find` finds something. Cancel safe: it only looks.
    async fn until<T>(&self, find: impl Fn(&State) -> Option<T>) -> T {
        poll_fn(|context| held(&self.shared).poll(context, |state| find(state))).await
    }
}

impl State {
    /// What `find` finds, or a wake-up at the next change.
    fn poll<T>(&mut self, context: &Context<'_>, find: impl FnOnce(&Self) -> Option<T>) -> Poll<T> {
        if let Some(found) = find(self) {
            return Poll::Ready(found);
        }
        if !self.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            self.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }

    fn report(&mut self, event: ProviderEvent) {
        if self.events.len() == KEPT_EVENTS {
            self.events.pop_front();
            self.first_event += 1;
        }
        self.events.push_back(event);
    }

    fn next_event(&self) -> u64 {
        self.first_event + self.events.len() as u64
    }

    /// The event of this number, or the first after it that is kept, with its number.
    fn event_from(&self, number: u64) -> Option<(u64, ProviderEvent)> {
        let number = number.max(self.first_event);
        let at = usize::try_from(number - self.first_event).ok()?;
        self.events.get(at).map(|event| (number, event.clone()))
    }

    /// How many units of an offer are leased.
    fn leased(&self, offer: &OfferId) -> u32 {
        let on_it = |held: &&Held| held.released.is_none() && held.lease.offer.key.offer == *offer;
        self.leases.iter().filter(on_it).map(|held| held.lease.units).sum()
    }
}

#[async_trait]
impl ResourceProvider for MemoryProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn offers(&self) -> Result<Vec<Offer>, ProviderError> {
        let state = held(&self.shared);
        let left = |offer: &Offer| offer.units.saturating_sub(state.leased(&offer.key.offer));
        let shown = state.offers.iter().filter(|offer| offer.check().is_ok());
        Ok(shown.map(|offer| Offer { units: left(offer), ..offer.clone() }).filter(|offer| offer.units > 0).collect())
    }

    fn watch(&self) -> BoxStream<'static, ProviderEvent> {
        let shared = self.shared.clone();
        let mut next = held(&shared).next_event();
        Box::pin(futures_util::stream::poll_fn(move |context| {
            held(&shared).poll(context, |state| state.event_from(next)).map(|(number, event)| {
                next = number + 1;
                Some(event)
            })
        }))
    }
}

impl fmt::Debug for MemoryProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = held(&self.shared);
        f.debug_struct("MemoryProvider")
            .field("name", &self.name.as_str())
            .field("offers", &state.offers.len())
            .field("leases", &state.leases.iter().filter(|held| held.released.is_none()).count())
            .field("executions", &state.executions.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ComputeProvider;
    use crate::id::{AttemptId, RunId, TaskName, Tenant};
    use crate::noun::{Ending, LaunchSpec};
    use futures_util::{FutureExt, StreamExt};

    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("nothing to wait for")
    }

    #[test]
    fn watchers_see_what_comes_after_they_began() {
        let provider = MemoryProvider::example();
        let mut events = provider.watch();
        assert_eq!(events.next().now_or_never(), None);
        provider.withdraw_offer(&OfferId::new("gpu").unwrap());
        assert_eq!(now(events.next()), Some(ProviderEvent::OffersChanged));
        for _ in 0..2 * KEPT_EVENTS {
            provider.withdraw_offer(&OfferId::new("gpu").unwrap());
        }
        let mut seen = 0;
        while events.next().now_or_never().is_some() {
            seen += 1;
        }
        assert_eq!(seen, KEPT_EVENTS, "a slow reader misses the oldest");
    }

    #[test]
    fn leased_units_are_not_on_offer() {
        let provider = MemoryProvider::example();
        let cpu = || now(provider.offers()).unwrap().into_iter().find(|offer| offer.key.offer.as_str() == "cpu");
        let request =
            AcquireRequest::new(IdempotencyKey::new("a"), cpu().unwrap().key.offer, Tenant::new("t").unwrap());
        now(provider.acquire(&request.clone().with_units(3))).unwrap();
        assert_eq!(cpu().unwrap().units, 1);
        let other = AcquireRequest { key: IdempotencyKey::new("b"), ..request };
        let lease = now(provider.acquire(&other)).unwrap();
        assert_eq!(cpu(), None);
        assert_eq!(
            now(provider.acquire(&AcquireRequest { key: IdempotencyKey::new("c"), ..other })).unwrap_err().kind,
            ErrorKind::Exhausted
        );
        assert!(provider.reclaim(lease.id));
        assert_eq!(cpu().unwrap().units, 1);
    }

    #[test]
    fn waiting_ends_when_the_process_does() {
        let provider = MemoryProvider::example();
        let request =
            AcquireRequest::new(IdempotencyKey::new("a"), OfferId::new("cpu").unwrap(), Tenant::new("t").unwrap());
        let lease = now(provider.acquire(&request)).unwrap();
        let attempt =
            AttemptId { run: RunId::from_uuid(uuid::Uuid::nil()), task: TaskName::new("x").unwrap(), number: 1 };
        let spec = LaunchSpec::new(attempt, "true", "/nowhere".into());
        let execution = now(provider.launch(lease.id, lease.token, &spec)).unwrap();
        let mut wait = provider.wait(&execution.key);
        assert!((&mut wait).now_or_never().is_none());
        assert!(provider.finish(&execution.key, Ending::Exited(0)));
        let status = now(wait).unwrap();
        assert!(matches!(status, ExecutionStatus::Ended { ending: Ending::Exited(0), .. }));
        assert!(!provider.finish(&execution.key, Ending::Exited(1)), "what is over stays as it ended");
    }
}
