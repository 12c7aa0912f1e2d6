//! Providers: what can be had, and what can be done with it, by pillar.

use crate::error::ProviderError;
use crate::id::{IdempotencyKey, LeaseId, Principal, ProviderName};
use crate::noun::{
    AcquireRequest, AssetRef, Execution, ExecutionStatus, FencingToken, LaunchSpec, Lease, Network, Offer, Pillar,
    Place, Released, Replica, Signal, Weights,
};
use crate::unit::{Money, Span, Timestamp};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::{fmt::Debug, path::Path};

/// What a provider declares it can do; the conformance kit holds it to that, and the planner promises nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// The pillars it has offers of.
    pub pillars: Vec<Pillar>,
    /// It launches processes on its leases.
    pub launch: bool,
    /// Its leases and processes outlive the host: a restarted host finds them again.
    pub reattach: bool,
    /// It may take capacity back, with notice.
    pub reclaim: bool,
}

impl Capabilities {
    /// Offers of these pillars and nothing else.
    pub fn offering(pillars: impl IntoIterator<Item = Pillar>) -> Self {
        Self { pillars: pillars.into_iter().collect(), launch: false, reattach: false, reclaim: false }
    }
}

/// What a provider reports of its own accord.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProviderEvent {
    /// A lease will be taken back.
    ReclaimNotice {
        /// Which lease.
        lease: LeaseId,
        /// When.
        at: Timestamp,
    },
    /// A lease was taken back; nothing runs on it any more.
    Reclaimed {
        /// Which lease.
        lease: LeaseId,
        /// When.
        at: Timestamp,
    },
    /// Offers came, went or changed: ask again.
    OffersChanged,
}

/// What can be had of a provider now. Every provider implements this, and the trait of each pillar it serves.
///
/// **PROV-1** every offer bears the provider's own name and passes [`Offer::check`]. **PROV-2** an offer's id is unique
/// and names the same thing while it is on offer. **PROV-3** only declared pillars are offered.
///
/// ```
/// use orp_core::{contract::ResourceProvider, memory::MemoryProvider};
/// # use futures_util::FutureExt;
///
/// let provider = MemoryProvider::example();
/// let offers = provider.offers().now_or_never().unwrap()?;
/// assert!(offers.iter().all(|offer| offer.key.provider == *provider.name()));
/// # Ok::<(), orp_core::error::ProviderError>(())
/// ```
#[async_trait]
pub trait ResourceProvider: Send + Sync + Debug {
    /// Its name, unique within one ORP.
    fn name(&self) -> &ProviderName;

    /// What it can do. Constant.
    fn capabilities(&self) -> Capabilities;

    /// What can be had now. Cancel safe. Callers set a time limit: a slow provider makes a plan poorer, never later.
    async fn offers(&self) -> Result<Vec<Offer>, ProviderError>;

    /// Reports from now on. A slow reader may miss some: [`ComputeProvider::status`] always tells the truth.
    fn watch(&self) -> BoxStream<'static, ProviderEvent>;
}

/// Machines: leases on them and processes on the leases.
///
/// Every call that changes something has a key and happens at most once under it, also across restarts of the host when
/// the provider declares `reattach`: after a crash, ask again with the same key.
///
/// **COMP-1** `acquire` with the same key returns the same lease. **COMP-2** never more units of an offer are leased than
/// it has. **COMP-3** `launch` with the same key starts no second process. **COMP-4** `release` ends what runs on the lease
/// and is idempotent; the second call answers as the first. **COMP-5** a released lease launches nothing
/// ([`ErrorKind::Lost`](crate::error::ErrorKind::Lost)). **COMP-6** a stale token changes nothing
/// ([`ErrorKind::Conflict`](crate::error::ErrorKind::Conflict)). **COMP-7** unknown leases, executions and offers are
/// [`ErrorKind::NotFound`](crate::error::ErrorKind::NotFound). **COMP-8** `leases` lists every lease not released.
/// **COMP-9** tokens grow from lease to lease.
///
/// ```
/// use orp_core::{memory::MemoryProvider, prelude::*};
/// # use futures_util::FutureExt;
/// # fn now<T>(future: impl std::future::Future<Output = T>) -> T { future.now_or_never().unwrap() }
///
/// let provider = MemoryProvider::example();
/// let offer = now(provider.offers())?.into_iter().find(|offer| offer.machine().is_some()).unwrap();
/// let request = AcquireRequest::new(IdempotencyKey::new("a"), offer.key.offer.clone(), Tenant::new("t")?);
/// let lease = now(provider.acquire(&request))?;
/// assert_eq!(now(provider.acquire(&request))?, lease);
/// now(provider.release(lease.id, lease.token))?;
/// assert!(now(provider.leases())?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait ComputeProvider: ResourceProvider {
    /// Leases units of an offer. Returns when they can be used. Cancelling the call may leave a lease: ask again with the
    /// same key, or find it in [`ComputeProvider::leases`].
    async fn acquire(&self, request: &AcquireRequest) -> Result<Lease, ProviderError>;

    /// Starts a process on a lease; under a key that was used before, returns what that call started.
    async fn launch(&self, lease: LeaseId, token: FencingToken, spec: &LaunchSpec) -> Result<Execution, ProviderError>;

    /// Where the execution of this key stands.
    async fn status(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError>;

    /// Waits until the execution of this key is over. Cancel safe.
    async fn wait(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError>;

    /// Tells a process something. Does nothing when it is over.
    async fn signal(&self, execution: &IdempotencyKey, signal: Signal) -> Result<(), ProviderError>;

    /// Gives a lease back: what runs on it is killed, charges end.
    async fn release(&self, lease: LeaseId, token: FencingToken) -> Result<Released, ProviderError>;

    /// Every lease that is not released, however old: what a restarted host compares with its journal.
    async fn leases(&self) -> Result<Vec<Lease>, ProviderError>;
}

/// Data sets: where they lie, and moving them.
///
/// **DATA-1** `locate` returns only replicas of what was asked. **DATA-2** `read` of a located replica has the declared
/// size. **DATA-3** `transfer` costs what the network says, and never less for more.
#[async_trait]
pub trait DataProvider: ResourceProvider {
    /// The replicas of a data set.
    async fn locate(&self, asset: &AssetRef) -> Result<Vec<(Place, Replica)>, ProviderError>;

    /// Some bytes of a data set, from `offset`, at most `length`.
    async fn read(&self, asset: &AssetRef, offset: u64, length: u64) -> Result<Vec<u8>, ProviderError>;

    /// Makes a replica in a place: how long it takes and what it costs. The same key again changes nothing.
    async fn transfer(
        &self,
        asset: &AssetRef,
        to: &Place,
        key: &IdempotencyKey,
    ) -> Result<(Span, Money), ProviderError>;

    /// What moving data costs and takes.
    fn network(&self) -> Network;
}

/// Models: their weights, taken and given.
///
/// **MODEL-1** `pull` of what was pushed writes the same bytes. **MODEL-2** `push` of a version that exists with other
/// bytes is [`ErrorKind::Conflict`](crate::error::ErrorKind::Conflict).
#[async_trait]
pub trait ModelProvider: ResourceProvider {
    /// The copies of a model's weights.
    async fn resolve(&self, asset: &AssetRef) -> Result<Vec<(Place, Weights)>, ProviderError>;

    /// Writes the weights to a file.
    async fn pull(&self, asset: &AssetRef, to: &Path) -> Result<(), ProviderError>;

    /// Takes weights from a file, as a new version.
    async fn push(&self, asset: &AssetRef, from: &Path) -> Result<(), ProviderError>;
}

/// Tools: what they take and give, and calling them.
///
/// **TOOL-1** `invoke` under a key that was used before returns the first answer and does nothing.
#[async_trait]
pub trait ToolProvider: ResourceProvider {
    /// The JSON Schema of a tool's input.
    async fn describe(&self, tool: &AssetRef) -> Result<serde_json::Value, ProviderError>;

    /// Calls a tool once.
    async fn invoke(
        &self,
        tool: &AssetRef,
        input: &serde_json::Value,
        key: &IdempotencyKey,
    ) -> Result<serde_json::Value, ProviderError>;
}

/// What a person or agent is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The same key again asks nobody twice.
    pub key: IdempotencyKey,
    /// Who.
    pub who: Principal,
    /// What, for people.
    pub request: String,
    /// How much time it should take.
    pub time: Span,
}

/// What came of an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done; with what was said.
    Done(String),
    /// It was refused; with the reason.
    Refused(String),
}

/// People and agents: asking them, and waiting for their answer.
///
/// **TALENT-1** `assign` with the same key asks nobody twice. **TALENT-2** `answer` returns the same answer to every caller.
#[async_trait]
pub trait TalentProvider: ResourceProvider {
    /// Asks somebody to do something.
    async fn assign(&self, assignment: &Assignment) -> Result<(), ProviderError>;

    /// Waits for the answer. Cancel safe.
    async fn answer(&self, assignment: &IdempotencyKey) -> Result<Answer, ProviderError>;
}
