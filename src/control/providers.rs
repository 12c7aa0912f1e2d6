//! The providers a host plugged in, by pillar and name.

use crate::error::OrpError;
use futures_util::StreamExt;
use orp_core::{
    contract::{ComputeProvider, DataProvider, ProviderEvent, ResourceProvider, TalentProvider},
    id::ProviderName,
    noun::Network,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{sync::broadcast, task::JoinSet};

/// How many reports a slow reader may be behind before it misses some.
const REPORTS_KEPT: usize = 1024;

/// A provider's report, and whose it is.
pub(crate) type Report = (ProviderName, ProviderEvent);

/// All providers.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    pub(crate) all: BTreeMap<ProviderName, Arc<dyn ResourceProvider>>,
    pub(crate) compute: BTreeMap<ProviderName, Arc<dyn ComputeProvider>>,
    pub(crate) data: BTreeMap<ProviderName, Arc<dyn DataProvider>>,
    pub(crate) talent: BTreeMap<ProviderName, Arc<dyn TalentProvider>>,
    reports: Option<broadcast::Sender<Report>>,
    listeners: JoinSet<()>,
}

impl Providers {
    /// Takes a provider in. One provider may come several times, once for each pillar; two of one name are refused.
    pub(crate) fn add(&mut self, provider: Arc<dyn ResourceProvider>) -> Result<(), OrpError> {
        let name = provider.name().clone();
        match self.all.get(&name) {
            Some(known) if !same(known, &provider) => Err(OrpError::DuplicateProvider(name)),
            _ => {
                self.all.insert(name, provider);
                Ok(())
            }
        }
    }

    /// Begins to listen to every provider's reports.
    pub(crate) fn listen(&mut self) {
        let (sender, _) = broadcast::channel(REPORTS_KEPT);
        for (name, provider) in &self.all {
            let (name, sender, mut reports) = (name.clone(), sender.clone(), provider.watch());
            self.listeners.spawn(async move {
                while let Some(report) = reports.next().await {
                    // Without a receiver nobody is interested at the moment.
                    let _ = sender.send((name.clone(), report));
                }
            });
        }
        self.reports = Some(sender);
    }

    /// Reports from now on.
    pub(crate) fn reports(&self) -> Option<broadcast::Receiver<Report>> {
        self.reports.as_ref().map(broadcast::Sender::subscribe)
    }

    /// What moving data costs and takes: as the first data provider says.
    pub(crate) fn network(&self) -> Network {
        self.data.values().next().map_or_else(Network::default, |provider| provider.network())
    }
}

/// Whether two handles are of one provider, whatever trait they came as.
fn same(one: &Arc<dyn ResourceProvider>, other: &Arc<dyn ResourceProvider>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}
