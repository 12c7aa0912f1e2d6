//! What comes with the SDK keeps the laws of its contracts; the providers' own tests hold them to theirs.

#![allow(clippy::unwrap_used, reason = "a test")]

use async_trait::async_trait;
use orp_conformance::{
    JournalHarness, assets_suite, clock_suite, estimator_suite, ids_suite, journal_suite, planner_suite,
    scheduler_suite,
};
use orp_sdk::{
    prelude::*,
    provider::market::{Catalogue, Supply},
    sched::{
        planner::{FrontierPlanner, ThroughputEstimator},
        scheduler::PreemptivePriority,
    },
    store::Store,
    time::{RandomIds, ScaledClock, WallClock},
};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

#[test]
fn clocks_and_identifiers() {
    clock_suite(&WallClock).assert_ok();
    clock_suite(&ScaledClock::new(Timestamp::EPOCH, 3600.0)).assert_ok();
    ids_suite(&RandomIds).assert_ok();
}

#[test]
fn the_planner() {
    planner_suite(&FrontierPlanner::default(), &[]).assert_ok();
}

#[test]
fn the_estimator() {
    let market = ProviderName::new("market").unwrap();
    let offers = Catalogue::builtin().offers(&market, &Supply::default());
    let mut machines: Vec<Machine> = offers.iter().filter_map(|offer| offer.machine().cloned()).collect();
    machines.dedup();
    machines.truncate(40);
    estimator_suite(&ThroughputEstimator::default(), &machines).assert_ok();
}

#[test]
fn the_scheduler() {
    scheduler_suite(&|| Box::new(PreemptivePriority::default())).assert_ok();
}

/// Journals in folders of their own. Reopened as a dead host leaves them: from a copy of the file taken while it was open.
#[derive(Default)]
struct Journals(Mutex<Vec<TempDir>>);

impl Journals {
    fn folder(&self) -> std::path::PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orp.redb");
        self.0.lock().unwrap().push(folder);
        path
    }
}

#[async_trait]
impl JournalHarness for Journals {
    async fn fresh(&self) -> Arc<dyn Journal> {
        Arc::new(Store::open(self.folder()).unwrap().journal().unwrap())
    }

    async fn reopen(&self, _: Arc<dyn Journal>) -> Option<Arc<dyn Journal>> {
        let was = self.0.lock().unwrap().last().unwrap().path().join("orp.redb");
        let now = self.folder();
        std::fs::copy(was, &now).unwrap();
        Some(Arc::new(Store::open(now).unwrap().journal().unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store() {
    journal_suite(&Journals::default()).await.assert_ok();
    let folder = tempfile::tempdir().unwrap();
    assets_suite(&Store::open(folder.path().join("orp.redb")).unwrap().assets().unwrap()).await.assert_ok();
}
