//! A quota tree as it is stored: what its nodes were given, and what its queues hold.

use super::kind::{MOST, capacity, parts};
use super::{QuotaError, QuotaSpec, QuotaTree};
use crate::id::QueueName;
use crate::noun::Capacity;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::BTreeMap;

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    quotas: Vec<QuotaSpec>,
    used: BTreeMap<QueueName, Capacity>,
}

impl QuotaTree {
    fn state(&self) -> State {
        let quotas = self.specs().map(|(_, spec)| spec.clone()).collect();
        let queues = self.specs().map(|(id, _)| &self.nodes[id]).filter(|node| node.children.is_empty());
        let used = queues.map(|node| (node.spec.name.clone(), capacity(node.used)));
        State { quotas, used: used.filter(|(_, used)| *used != Capacity::ZERO).collect() }
    }

    fn restored(state: State) -> Result<Self, QuotaError> {
        let mut tree = Self::new(state.quotas)?;
        let mut total = [0_i64; 4];
        for (name, used) in state.used {
            let id = tree.id(&name).ok_or(QuotaError::UnknownNode)?;
            tree.queue(id)?;
            for (total, (part, kind)) in total.iter_mut().zip(parts(&used).into_iter().zip(super::CapacityKind::ALL)) {
                *total += part;
                if *total > MOST {
                    return Err(QuotaError::TooLarge { node: name, kind });
                }
            }
            tree.shift(id, parts(&used));
        }
        Ok(tree)
    }
}

/// Two trees are the same when they were given and hold the same: then they answer the same.
impl PartialEq for QuotaTree {
    fn eq(&self, other: &Self) -> bool {
        self.state() == other.state()
    }
}

impl Eq for QuotaTree {}

impl Serialize for QuotaTree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.state().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for QuotaTree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        State::deserialize(deserializer).and_then(|state| Self::restored(state).map_err(D::Error::custom))
    }
}
