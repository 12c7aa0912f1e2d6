//! Providers of machines that break one law each, and providers of anything.

use crate::memory::MemoryHarness;
use crate::{Fake, catches};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use orp_conformance::{ComputeHarness, compute_suite, provider_suite};
use orp_core::memory::MemoryProvider;
use orp_core::prelude::*;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

pub(crate) const FAKES: &[Fake] = &[
    ("COMP-1", "forgets keys"),
    ("COMP-1", "grants a released key again"),
    ("COMP-2", "has one unit more than it shows"),
    ("COMP-3", "starts a second process"),
    ("COMP-4", "leaves processes running"),
    ("COMP-4", "answers a second release anew"),
    ("COMP-5", "launches on leases that are over"),
    ("COMP-6", "ignores tokens"),
    ("COMP-7", "calls the unknown invalid"),
    ("COMP-7", "waits for ever for the unknown"),
    ("COMP-8", "lists the newest lease only"),
    ("COMP-9", "counts tokens down"),
];

pub(crate) const OF_ANY_PROVIDER: &[Fake] = &[
    ("PROV-1", "bears another name"),
    ("PROV-1", "pays for being used"),
    ("PROV-2", "gives two offers one id"),
    ("PROV-2", "moves what it offers"),
    ("PROV-3", "offers what it does not declare"),
];

#[derive(Debug)]
struct Bent {
    inner: MemoryProvider,
    flaw: &'static str,
    calls: AtomicU32,
}

impl Bent {
    fn is(&self, flaw: &str) -> bool {
        self.flaw == flaw
    }

    fn call(&self) -> u32 {
        self.calls.fetch_add(1, Ordering::SeqCst)
    }

    /// The token the reference must see.
    async fn token(&self, lease: LeaseId, token: FencingToken) -> FencingToken {
        let leases = self.inner.leases().await.unwrap();
        match leases.into_iter().find(|known| known.id == lease) {
            Some(known) if self.is("ignores tokens") => known.token,
            _ => self.other_way(token),
        }
    }

    fn other_way(&self, token: FencingToken) -> FencingToken {
        if self.is("counts tokens down") { FencingToken(1_000 - token.0) } else { token }
    }

    fn shown(&self, mut lease: Lease) -> Lease {
        lease.token = self.other_way(lease.token);
        lease
    }

    fn error(&self, mut error: ProviderError) -> ProviderError {
        if self.is("calls the unknown invalid") && error.kind == ErrorKind::NotFound {
            error.kind = ErrorKind::Invalid;
        }
        error
    }
}

#[async_trait]
impl ResourceProvider for Bent {
    fn name(&self) -> &ProviderName {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        let mut declared = self.inner.capabilities();
        if self.is("offers what it does not declare") {
            declared.pillars.retain(|pillar| *pillar != Pillar::Tool);
        }
        declared
    }

    async fn offers(&self) -> Result<Vec<Offer>, ProviderError> {
        let mut offers = self.inner.offers().await?;
        match self.flaw {
            "has one unit more than it shows" => offers.iter_mut().for_each(|offer| offer.units -= 1),
            "bears another name" => offers[3].key.provider = ProviderName::new("other").unwrap(),
            "pays for being used" => offers[3].price.amount = "-1 USD".parse().unwrap(),
            "gives two offers one id" => offers[3].key = offers[4].key.clone(),
            "moves what it offers" => offers[3].place.region = format!("region-{}", self.call()),
            _ => {}
        }
        Ok(offers)
    }

    fn watch(&self) -> BoxStream<'static, ProviderEvent> {
        self.inner.watch()
    }
}

#[async_trait]
impl ComputeProvider for Bent {
    async fn acquire(&self, request: &AcquireRequest) -> Result<Lease, ProviderError> {
        let mut request = request.clone();
        let anew = match self.flaw {
            "forgets keys" => true,
            "grants a released key again" => {
                let lease = self.inner.acquire(&request).await?;
                !self.inner.leases().await?.contains(&lease)
            }
            _ => false,
        };
        if anew {
            request.key = IdempotencyKey::new(format!("{}~{}", request.key, self.call()));
        }
        self.inner.acquire(&request).await.map(|lease| self.shown(lease)).map_err(|error| self.error(error))
    }

    async fn launch(&self, lease: LeaseId, token: FencingToken, spec: &LaunchSpec) -> Result<Execution, ProviderError> {
        let token = self.token(lease, token).await;
        match self.inner.launch(lease, token, spec).await {
            Ok(mut execution) if self.is("starts a second process") => {
                execution.pid += self.call();
                Ok(execution)
            }
            Err(error) if self.is("launches on leases that are over") && error.kind == ErrorKind::Lost => {
                Ok(Execution::new(spec.key(), lease, 1, Timestamp::EPOCH))
            }
            result => result.map_err(|error| self.error(error)),
        }
    }

    async fn status(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        match self.inner.status(execution).await {
            Ok(ExecutionStatus::Ended { execution, .. }) if self.is("leaves processes running") => {
                Ok(ExecutionStatus::Running(execution))
            }
            result => result.map_err(|error| self.error(error)),
        }
    }

    async fn wait(&self, execution: &IdempotencyKey) -> Result<ExecutionStatus, ProviderError> {
        if self.is("waits for ever for the unknown") && self.inner.status(execution).await.is_err() {
            futures_util::future::pending::<()>().await;
        }
        self.inner.wait(execution).await.map_err(|error| self.error(error))
    }

    async fn signal(&self, execution: &IdempotencyKey, signal: Signal) -> Result<(), ProviderError> {
        self.inner.signal(execution, signal).await.map_err(|error| self.error(error))
    }

    async fn release(&self, lease: LeaseId, token: FencingToken) -> Result<Released, ProviderError> {
        let token = self.token(lease, token).await;
        let mut released = self.inner.release(lease, token).await.map_err(|error| self.error(error))?;
        if self.is("answers a second release anew") {
            released.at = Timestamp::from_micros(self.call().into());
        }
        Ok(released)
    }

    async fn leases(&self) -> Result<Vec<Lease>, ProviderError> {
        let mut leases: Vec<Lease> = self.inner.leases().await?.into_iter().map(|lease| self.shown(lease)).collect();
        if self.is("lists the newest lease only") {
            leases.drain(..leases.len().saturating_sub(1));
        }
        Ok(leases)
    }
}

fn bent(inner: MemoryProvider, flaw: &'static str) -> Bent {
    Bent { inner, flaw, calls: AtomicU32::new(0) }
}

#[tokio::test]
async fn machines() {
    for fake in FAKES {
        let harness = MemoryHarness::new(|provider| bent(provider, fake.1));
        catches(*fake, &compute_suite(&harness).await);
    }
}

#[tokio::test]
async fn any_provider() {
    for fake in OF_ANY_PROVIDER {
        catches(*fake, &provider_suite(&bent(MemoryProvider::example(), fake.1)).await);
    }
}

/// Declares that its leases outlive the host, and finds none again; or finds nothing at all.
struct Forgetful {
    honest: MemoryHarness<MemoryProvider>,
    finds_another: bool,
}

#[async_trait]
impl ComputeHarness for Forgetful {
    async fn fresh(&self) -> Arc<dyn ComputeProvider> {
        self.honest.fresh().await
    }

    fn spec(&self, attempt: AttemptId) -> LaunchSpec {
        self.honest.spec(attempt)
    }

    async fn pause(&self) {
        self.honest.pause().await;
    }

    async fn reopen(&self, _: Arc<dyn ComputeProvider>) -> Option<Arc<dyn ComputeProvider>> {
        if self.finds_another { Some(Arc::new(MemoryProvider::example())) } else { None }
    }
}

#[tokio::test]
async fn what_is_declared_is_asked_for() {
    for finds_another in [false, true] {
        let harness = Forgetful { honest: MemoryHarness::new(|provider| provider), finds_another };
        let report = compute_suite(&harness).await;
        let broken: Vec<&str> = report.failed.iter().map(|violation| violation.law.as_str()).collect();
        assert_eq!(broken, ["COMP-1", "COMP-3", "COMP-4", "COMP-8", "COMP-9"], "{report}");
    }
}
