//! The jobs that wait, in order, by what they ask for: of jobs that ask for the same, if one is refused so are all.

use super::task::{Task, TaskId};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use orp_core::id::{DeviceId, QueueName, Tenant};
use orp_core::noun::{Job, NodeNeed};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound;

/// The place of a job: its rank, then since when it waits.
pub(super) type Place = (i64, u64);

/// What jobs of one class have in common: all that decides whether they can start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    tenant: Tenant,
    queue: Option<QueueName>,
    members: (u32, Option<u32>),
    demand: [u64; 4],
    device: Option<DeviceId>,
    needs: Vec<NodeNeed>,
    within: Option<Cow<'static, str>>,
    models: Vec<String>,
    /// Who may stop others is looked at by priority.
    priority: i32,
}

impl Shape {
    fn of(job: &Job) -> Self {
        let orp_core::noun::Capacity { cpu, memory, disk, gpu } = job.demand;
        Self {
            tenant: job.tenant.clone(),
            queue: job.queue.clone(),
            members: (job.members, job.members_min),
            demand: [cpu.milli(), memory.get(), disk.get(), gpu.milli()],
            device: job.device.clone(),
            needs: job.needs.clone(),
            within: job.within.clone(),
            models: job.speeds.keys().cloned().collect(),
            priority: job.priority,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Class {
    waiting: BTreeSet<(Place, TaskId)>,
    /// The jobs that wait or run.
    jobs: usize,
    shape: Option<Shape>,
}

/// All jobs that wait.
#[derive(Debug, Clone, Default)]
pub struct WaitQueue {
    classes: Vec<Class>,
    unused: Vec<u32>,
    by_shape: HashMap<Shape, u32, FixedState>,
    /// INVARIANT: the first of each class that has any.
    heads: BTreeSet<(Place, u32)>,
    len: usize,
}

impl WaitQueue {
    /// The class of a job that came.
    pub(crate) fn enter(&mut self, job: &Job) -> u32 {
        let shape = Shape::of(job);
        let class = match self.by_shape.get(&shape) {
            Some(class) => *class,
            None => {
                let class = self.unused.pop().unwrap_or(self.classes.len() as u32);
                if class as usize == self.classes.len() {
                    self.classes.push(Class::default());
                }
                self.by_shape.insert(shape.clone(), class);
                if let Some(entry) = self.classes.get_mut(class as usize) {
                    entry.shape = Some(shape);
                }
                class
            }
        };
        if let Some(entry) = self.classes.get_mut(class as usize) {
            entry.jobs += 1;
        }
        class
    }

    /// A job of this class is over.
    pub(crate) fn leave(&mut self, class: u32) {
        let Some(entry) = self.classes.get_mut(class as usize) else { return };
        entry.jobs = entry.jobs.saturating_sub(1);
        if entry.jobs == 0
            && let Some(shape) = entry.shape.take()
        {
            self.by_shape.remove(&shape);
            self.unused.push(class);
        }
    }

    pub(crate) fn insert(&mut self, id: TaskId, task: &Task) {
        self.change(task.class, |waiting| waiting.insert(((task.rank, task.turn), id)));
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, id: TaskId, task: &Task) {
        self.change(task.class, |waiting| waiting.remove(&((task.rank, task.turn), id)));
        self.len -= 1;
    }

    fn change(&mut self, class: u32, change: impl FnOnce(&mut BTreeSet<(Place, TaskId)>) -> bool) {
        let Some(entry) = self.classes.get_mut(class as usize) else { return };
        let before = entry.waiting.first().map(|(place, _)| *place);
        change(&mut entry.waiting);
        let after = entry.waiting.first().map(|(place, _)| *place);
        if before != after {
            if let Some(place) = before {
                self.heads.remove(&(place, class));
            }
            if let Some(place) = after {
                self.heads.insert((place, class));
            }
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first of the first class beyond this place.
    pub fn head_after(&self, after: Option<(Place, u32)>) -> Option<((Place, u32), TaskId)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let head = *self.heads.range((from, Bound::Unbounded)).next()?;
        let (_, id) = self.classes.get(head.1 as usize)?.waiting.first()?;
        Some((head, *id))
    }

    /// All that wait, in order.
    pub fn iter(&self) -> impl Iterator<Item = TaskId> + use<> {
        let mut all: Vec<(Place, TaskId)> =
            self.classes.iter().flat_map(|class| class.waiting.iter().copied()).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, id)| id)
    }
}
