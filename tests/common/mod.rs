//! What the tests of the control plane share: a house of its own for each, and looks into it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "tests; each test binary uses a part")]

use orp_sdk::{prelude::*, process::Supervisor, provider::local::LocalConfig, time::Timer};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

/// A folder, and this machine as a pool of one core in it.
pub(crate) struct House {
    folder: Arc<TempDir>,
    pub(crate) local: Arc<LocalProvider>,
}

pub(crate) fn supervisor() -> Supervisor {
    Supervisor::program(env!("CARGO_BIN_EXE_orp-supervisor"))
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let local = open(folder.path());
        Self { folder, local }
    }

    /// The same folder, as the next host finds it.
    pub(crate) fn reopened(&self) -> Self {
        Self { folder: self.folder.clone(), local: self.local.clone() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn builder(&self, recipe: Recipe) -> OrpBuilder {
        Orp::builder().folder(self.path().join("orp")).compute(self.local.clone()).recipes(vec![recipe])
    }

    /// The contents of every file of this name that hold `part`.
    pub(crate) fn find(&self, name: &str, part: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|file| file == name) {
                    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                    found.extend(text.contains(part).then_some(text));
                }
            }
        }
        found
    }
}

fn open(folder: &Path) -> Arc<LocalProvider> {
    let one_core = Capacity {
        cpu: CpuAmount::whole(1),
        memory: Bytes::from_gb(1),
        disk: Bytes::from_gb(10),
        gpu: GpuAmount::ZERO,
    };
    let config = LocalConfig::new(folder.join("local"), supervisor()).with_capacity(one_core);
    Arc::new(LocalProvider::open(config).unwrap())
}

/// A recipe of these tasks, for the goal of the same name, with a parameter `steps`.
pub(crate) fn recipe(name: &str, tasks: &str) -> Recipe {
    let text = format!(
        "name: {name}\nversion: 1.0.0\ngoal: {name}\nparameters: {{steps: \"10\"}}\n\
         variants: [{{name: plain, quality: {{floor: 1, ceiling: 1, half: 1, source: assumed}}}}]\ntasks:{tasks}"
    );
    Recipe::from_source(&Source::new(name, &text)).unwrap()
}

/// Waits until something is so, for ten seconds at most.
pub(crate) async fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to be within ten seconds");
}

/// Whether a process with this id runs (and is no zombie).
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

/// Somebody who can annotate.
pub(crate) fn annotator() -> Arc<MemoryProvider> {
    let provider = MemoryProvider::new(ProviderName::new("people").unwrap());
    let key = OfferKey { provider: provider.name().clone(), offer: OfferId::new("ada").unwrap() };
    let talent = Talent {
        who: Principal::new("ada").unwrap(),
        skills: ["annotate".to_owned()].into(),
        free: Span::HOUR,
        from: Timestamp::EPOCH,
        agent: false,
    };
    let price = Price::per_hour("0 USD".parse().unwrap());
    provider.put_offer(Offer::new(key, Resource::Talent(talent), Place::new("local", "here"), price));
    Arc::new(provider)
}

/// A clock that is moved by hand, and that one can wait on.
#[derive(Debug, Default)]
pub(crate) struct HandClock(ManualClock);

impl HandClock {
    pub(crate) fn at(now: &str) -> Arc<Self> {
        Arc::new(Self(ManualClock::at(now.parse().unwrap())))
    }

    pub(crate) fn advance(&self, span: Span) {
        self.0.advance(span);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

#[async_trait::async_trait]
impl Timer for HandClock {
    async fn sleep_until(&self, at: Timestamp) {
        while self.now() < at {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Machines with two accelerators each, at a dollar a second, by a clock that is moved by hand.
pub(crate) fn gpus(clock: &Arc<HandClock>) -> Arc<MemoryProvider> {
    let provider = MemoryProvider::new(ProviderName::new("cloud").unwrap()).with_clock(clock.clone());
    let key = OfferKey { provider: provider.name().clone(), offer: OfferId::new("two").unwrap() };
    let capacity = Capacity {
        cpu: CpuAmount::whole(8),
        memory: Bytes::from_gb(64),
        disk: Bytes::from_gb(100),
        gpu: GpuAmount::whole(2),
    };
    let accelerator = Some(Accelerator { model: "h100-80gb".into(), memory: Bytes::from_gb(80) });
    let machine = Machine { sku: "gpu.2".into(), capacity, accelerator, network_gbps: 10.0 };
    let price = Price::per_hour("3600 USD".parse().unwrap());
    let mut offer = Offer::new(key, Resource::Compute(machine), Place::new("cloud", "east"), price);
    offer.units = 4;
    provider.put_offer(offer);
    Arc::new(provider)
}
