//! May a job have so much? Quotas of tenants and of the quota tree.

use super::amounts::Amounts;
use super::task::Task;
use orp_core::id::Tenant;
use orp_core::noun::{Capacity, ClusterView, QuotaSpec, QuotaTree};
use orp_core::unit::{Bytes, CpuAmount, GpuAmount};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// Keeps account of what jobs hold, and says who may have more.
pub trait Admission: Debug + Send {
    /// Takes over the quotas of a view; `held` is what jobs hold now. Called when they may have changed.
    fn renew(&mut self, view: &ClusterView, held: &mut dyn Iterator<Item = (&Task, u32)>);

    /// Why a task may not have so many members now.
    ///
    /// # Errors
    /// The reason, for people.
    fn admits(&self, task: &Task, members: u32) -> Result<(), String>;

    /// A task has so many members from now on.
    fn take(&mut self, task: &Task, members: u32);

    /// It no longer has them.
    fn give_back(&mut self, task: &Task, members: u32);

    /// A copy that lives on its own.
    fn boxed(&self) -> Box<dyn Admission>;
}

/// What members demand together; as much as can be counted where it is more.
pub(crate) fn together(task: &Task, members: u32) -> Capacity {
    let Capacity { cpu, memory, disk, gpu } = task.job().demand;
    let times = u64::from(members);
    Capacity {
        cpu: CpuAmount::from_milli(cpu.milli().saturating_mul(times)),
        memory: Bytes::new(memory.get().saturating_mul(times)),
        disk: Bytes::new(disk.get().saturating_mul(times)),
        gpu: GpuAmount::from_milli(gpu.milli().saturating_mul(times)),
    }
}

/// The quotas of the view: a cap for each tenant, and the tree that lends and borrows.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    caps: Vec<(Tenant, Capacity)>,
    tenants: BTreeMap<Tenant, (Amounts, Amounts)>,
    seen: Arc<Vec<QuotaSpec>>,
    tree: QuotaTree,
    /// Why the view's tree is none.
    broken: Option<String>,
}

impl Quotas {
    /// The quota tree as it stands.
    pub fn tree(&self) -> &QuotaTree {
        &self.tree
    }
}

impl Admission for Quotas {
    fn renew(&mut self, view: &ClusterView, held: &mut dyn Iterator<Item = (&Task, u32)>) {
        let same_tree = Arc::ptr_eq(&self.seen, &view.shares) || *self.seen == *view.shares;
        if same_tree && self.caps == view.quotas {
            return;
        }
        self.caps.clone_from(&view.quotas);
        self.tenants.clear();
        for (tenant, quota) in &view.quotas {
            let limit = Amounts::from(quota);
            let entry = self.tenants.entry(tenant.clone()).or_insert((limit, Amounts::ZERO));
            entry.0 = entry.0.least(limit);
        }
        if !same_tree {
            self.seen = view.shares.clone();
            match QuotaTree::new(view.shares.to_vec()) {
                Ok(tree) => (self.tree, self.broken) = (tree, None),
                Err(error) => (self.tree, self.broken) = (QuotaTree::default(), Some(error.to_string())),
            }
        } else if let Ok(tree) = QuotaTree::new(view.shares.to_vec()) {
            self.tree = tree;
        }
        for (task, members) in held {
            self.take(task, members);
        }
    }

    fn admits(&self, task: &Task, members: u32) -> Result<(), String> {
        let tenant = &task.job().tenant;
        if let Some((limit, used)) = self.tenants.get(tenant) {
            let asked = task.demand().amounts().checked_times(members);
            if !asked.is_some_and(|asked| asked.fits_in(&limit.minus(*used))) {
                return Err(format!("`{tenant}` holds {} of {}", used.words(limit), limit.words(limit)));
            }
        }
        let Some(queue) = &task.job().queue else { return Ok(()) };
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let id = self.tree.id(queue).ok_or_else(|| format!("there is no queue `{queue}`"))?;
        let asked = together(task, members);
        if self.tree.admits(id, &asked) {
            return Ok(());
        }
        match self.tree.why_not(id, &asked) {
            Ok(short) => Err(short.first().map_or_else(|| format!("`{queue}` is short"), ToString::to_string)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn take(&mut self, task: &Task, members: u32) {
        if let Some((_, used)) = self.tenants.get_mut(&task.job().tenant) {
            *used = used.plus(task.demand().amounts().times(members));
        }
        if let Some(id) = task.job().queue.as_ref().and_then(|queue| self.tree.id(queue)) {
            // What runs is counted even where a lowered quota would not admit it; no cluster has more than can be counted.
            let _taken = self.tree.take_held(id, &together(task, members));
        }
    }

    fn give_back(&mut self, task: &Task, members: u32) {
        if let Some((_, used)) = self.tenants.get_mut(&task.job().tenant) {
            *used = used.minus(task.demand().amounts().times(members));
        }
        if let Some(id) = task.job().queue.as_ref().and_then(|queue| self.tree.id(queue)) {
            // It was taken, so it is there.
            let _given = self.tree.give_back(id, &together(task, members));
        }
    }

    fn boxed(&self) -> Box<dyn Admission> {
        Box::new(self.clone())
    }
}
