//! After a restart: folds the journal and takes runs up where they stand.

use super::run::RunShared;
use super::{Control, clear, held};
use orp_core::{
    error::StoreError,
    id::{IdempotencyKey, LeaseId, RunId},
    noun::{ApprovalStatus, Lease, Ledger, Record, RunState},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the journal says.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) runs: BTreeMap<RunId, RunState>,
    pub(crate) ledger: Ledger,
    pub(crate) approvals: clear::Book,
}

impl Recovered {
    /// Takes one record in.
    pub(crate) fn fold(&mut self, record: &Record) {
        self.approvals.fold(&record.event);
        if let Some(state) = RunState::begin(record) {
            self.runs.insert(state.id, state);
        }
        if let Some(run) = record.run.and_then(|run| self.runs.get_mut(&run)) {
            run.apply(record);
        }
        self.fold_books(record);
    }
}

impl Control {
    /// Takes up every run that is not over, and releases leases no run knows of.
    pub(crate) async fn recover(self: &Arc<Self>, recovered: Recovered) -> Result<(), StoreError> {
        *held(&self.ledger) = recovered.ledger;
        // The pool must know its nodes before the first attempt is taken up.
        self.look().await;
        let known: BTreeSet<LeaseId> = recovered
            .runs
            .values()
            .filter(|run| run.ended.is_none())
            .flat_map(|run| run.open_leases().map(|open| open.lease.id))
            .collect();
        let asked: BTreeSet<IdempotencyKey> = recovered
            .runs
            .values()
            .filter(|run| run.ended.is_none())
            .flat_map(|run| run.tasks.values().filter_map(|task| task.open_attempt()?.lease_key.clone()))
            .collect();
        self.release_orphans(&known, &asked).await;
        let now = self.clock.now();
        for approval in self.approvals.all() {
            if matches!(approval.status(now), ApprovalStatus::Pending { .. }) {
                self.deliver(&approval.request).await;
            }
        }
        for (id, state) in recovered.runs {
            let run = Arc::new(RunShared::new(state));
            if run.with(|state| state.ended.is_some()) {
                self.runs().insert(id, run);
            } else {
                self.take_up(run);
            }
        }
        Ok(())
    }

    /// Releases leases that no run holds and none is asking for.
    async fn release_orphans(&self, known: &BTreeSet<LeaseId>, asked: &BTreeSet<IdempotencyKey>) {
        for (name, provider) in &self.providers.compute {
            let leases: Vec<Lease> = match provider.leases().await {
                Ok(leases) => leases,
                Err(error) => {
                    tracing::warn!(provider = %name, %error, "its leases are not known");
                    continue;
                }
            };
            for lease in leases.iter().filter(|lease| !known.contains(&lease.id) && !asked.contains(&lease.key)) {
                tracing::warn!(lease = %lease.id, provider = %name, "a lease of no run is released");
                if let Err(error) = provider.release(lease.id, lease.token).await {
                    tracing::warn!(lease = %lease.id, %error, "it could not be released");
                }
            }
        }
    }
}
