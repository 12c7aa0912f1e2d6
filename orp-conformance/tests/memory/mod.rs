//! Harnesses for the references of `orp_core::memory`, and for fakes that bend them.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "a test; each binary uses its part")]

use async_trait::async_trait;
use orp_conformance::{ComputeHarness, DataHarness, JournalHarness, ModelHarness, TalentHarness, ToolHarness};
use orp_core::contract::{Answer, ComputeProvider, DataProvider, Journal, ModelProvider, TalentProvider, ToolProvider};
use orp_core::memory::{MemoryJournal, MemoryProvider};
use orp_core::prelude::*;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Tries a provider that `bend` makes of a fresh reference.
pub struct MemoryHarness<P> {
    bend: Box<dyn Fn(MemoryProvider) -> P + Send + Sync>,
    /// The reference behind the last provider.
    last: Mutex<MemoryProvider>,
    files: Mutex<usize>,
}

impl<P> MemoryHarness<P> {
    pub fn new(bend: impl Fn(MemoryProvider) -> P + Send + Sync + 'static) -> Self {
        Self { bend: Box::new(bend), last: Mutex::new(MemoryProvider::example()), files: Mutex::new(0) }
    }

    pub fn last(&self) -> MemoryProvider {
        self.last.lock().unwrap().clone()
    }

    fn next(&self) -> Arc<P> {
        let reference = reference();
        *self.last.lock().unwrap() = reference.clone();
        Arc::new((self.bend)(reference))
    }
}

/// The example provider, with a second, larger data set, and a tool that counts.
pub fn reference() -> MemoryProvider {
    let large = Replica { asset: asset("large@v1"), size: Bytes::new(3 << 20), tokens: None, class: DataClass::Public };
    let key = OfferKey { provider: ProviderName::new("memory").unwrap(), offer: OfferId::new("large").unwrap() };
    let free = Price::per_gigabyte("0 USD".parse().unwrap());
    let calls = std::sync::atomic::AtomicU64::new(0);
    MemoryProvider::example()
        .with_offer(Offer::new(key, Resource::Data(large), Place::new("memory", "here"), free))
        .with_tool(asset("echo@v1"), serde_json::json!({}), move |_| {
            Ok(calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst).into())
        })
}

pub fn asset(text: &str) -> AssetRef {
    text.parse().unwrap()
}

#[async_trait]
impl<P: ComputeProvider + 'static> ComputeHarness for MemoryHarness<P> {
    async fn fresh(&self) -> Arc<dyn ComputeProvider> {
        self.next()
    }

    fn spec(&self, attempt: AttemptId) -> LaunchSpec {
        LaunchSpec::new(attempt, "forever", "/memory".into())
    }

    async fn pause(&self) {
        tokio::task::yield_now().await;
    }

    async fn reopen(&self, provider: Arc<dyn ComputeProvider>) -> Option<Arc<dyn ComputeProvider>> {
        drop(provider);
        Some(Arc::new((self.bend)(self.last())))
    }

    async fn reclaim(&self, _: &dyn ComputeProvider, lease: LeaseId) -> bool {
        self.last().reclaim(lease)
    }
}

#[async_trait]
impl<P: DataProvider + 'static> DataHarness for MemoryHarness<P> {
    async fn fresh(&self) -> Arc<dyn DataProvider> {
        self.next()
    }

    fn assets(&self) -> Vec<AssetRef> {
        vec![asset("large@v1"), asset("corpus")]
    }

    fn elsewhere(&self) -> Place {
        Place::new("elsewhere", "far-1")
    }
}

#[async_trait]
impl<P: ModelProvider + 'static> ModelHarness for MemoryHarness<P> {
    async fn fresh(&self) -> Arc<dyn ModelProvider> {
        self.next()
    }

    async fn write(&self, content: &[u8]) -> PathBuf {
        let mut files = self.files.lock().unwrap();
        *files += 1;
        let path = PathBuf::from(format!("/memory/{files}"));
        self.last().put_file(&path, content);
        path
    }

    async fn read(&self, file: &Path) -> Option<Vec<u8>> {
        self.last().file(file)
    }
}

#[async_trait]
impl<P: ToolProvider + 'static> ToolHarness for MemoryHarness<P> {
    async fn fresh(&self) -> Arc<dyn ToolProvider> {
        self.next()
    }

    fn tool(&self) -> (AssetRef, serde_json::Value) {
        (asset("echo"), serde_json::json!({"say": "hello"}))
    }

    fn carried_out(&self) -> Option<u64> {
        Some(self.last().calls() as u64)
    }
}

#[async_trait]
impl<P: TalentProvider + 'static> TalentHarness for MemoryHarness<P> {
    async fn fresh(&self) -> Arc<dyn TalentProvider> {
        self.next()
    }

    fn who(&self) -> Principal {
        Principal::new("ada").unwrap()
    }

    fn asked(&self, assignment: &IdempotencyKey) -> Option<u64> {
        // However it was disguised on the way: what counts is how often she was asked.
        let asked = self.last().assignments();
        Some(asked.iter().filter(|asked| asked.key.as_str().starts_with(assignment.as_str())).count() as u64)
    }

    async fn respond(&self, assignment: &IdempotencyKey, answer: Answer) {
        self.last().respond(assignment, answer);
    }

    async fn pause(&self) {
        tokio::task::yield_now().await;
    }
}

/// Tries the journal in memory, which does not survive its process.
pub struct Journals;

#[async_trait]
impl JournalHarness for Journals {
    async fn fresh(&self) -> Arc<dyn Journal> {
        Arc::new(MemoryJournal::default())
    }

    async fn reopen(&self, _: Arc<dyn Journal>) -> Option<Arc<dyn Journal>> {
        None
    }
}

/// A device of a gigabyte.
pub fn device() -> Device {
    Device::new(DeviceId::new("device-0").unwrap(), "a device", "soft-1gb", Bytes::from_gb(1))
}

/// Machines with and without accelerators.
pub fn machines() -> Vec<Machine> {
    let accelerator = |gb| Accelerator { model: format!("h100-{gb}gb"), memory: Bytes::from_gb(gb) };
    let capacity = |cpu, gpu| Capacity { cpu: CpuAmount::whole(cpu), gpu: GpuAmount::whole(gpu), ..Capacity::ZERO };
    let machine = |cpu, gpu, accelerator| Machine {
        sku: format!("{cpu}-{gpu}"),
        capacity: capacity(cpu, gpu),
        accelerator,
        network_gbps: 10.0,
    };
    vec![machine(4, 0, None), machine(64, 8, Some(accelerator(80))), machine(8, 1, Some(accelerator(40)))]
}

/// Requests for a policy that permits to fine-tune for up to five dollars: permitted, refused, and not to be evaluated.
pub fn requests() -> (Vec<PolicyRequest>, Vec<PolicyRequest>) {
    let run = PolicyRequest::new(PolicyPoint::Run, "fine_tune", Timestamp::EPOCH);
    let cost = |text: &str| run.clone().with_fact("cost", text.parse::<Money>().unwrap());
    let other = PolicyRequest::new(PolicyPoint::Publish, "publish", Timestamp::EPOCH);
    (vec![cost("3 USD"), cost("7 USD"), other], vec![run.clone(), cost("3 EUR"), run.with_fact("cost", "three")])
}

/// Texts in which [`names`] finds something.
pub const NAMES: [&str; 3] = ["Heron was Blue Heron", "émile: \"Éclair\", Éclair and Heron.", "Blue Heron-Heron"];

/// A detector of code names.
pub fn names() -> MemoryDetector {
    let names = MemoryDetector::new(FindingKind::from_static("codename"));
    ["Heron", "Blue Heron", "Éclair"].into_iter().fold(names, |names, word| names.with_word(word).unwrap())
}
