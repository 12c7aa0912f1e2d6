//! Claims: what a task needs of one pillar.

use super::{AssetRef, Capacity, NameFilter, Offer, Pillar, Resource};
use crate::unit::{Bytes, CpuAmount, GpuAmount, Span};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a task needs of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ComputeClaim {
    /// At least this many processor cores.
    pub cpu: CpuAmount,
    /// At least this much main memory.
    pub memory: Bytes,
    /// At least this much local disk.
    pub disk: Bytes,
    /// At least this many accelerators.
    pub gpu: GpuAmount,
    /// Which accelerator models will do; any, when empty.
    pub accelerator: NameFilter,
    /// At least this much memory on each accelerator.
    pub accelerator_memory: Bytes,
}

impl ComputeClaim {
    /// What it needs of everything that has an amount.
    pub const fn capacity(&self) -> Capacity {
        Capacity { cpu: self.cpu, memory: self.memory, disk: self.disk, gpu: self.gpu }
    }
}

/// What a task needs of one pillar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Claim {
    /// A machine.
    Compute(ComputeClaim),
    /// A data set, in any place it can be moved from.
    Data(AssetRef),
    /// A model's weights, in any place they can be moved from.
    Model(AssetRef),
    /// Calls of a tool.
    Tool {
        /// Which tool.
        tool: AssetRef,
        /// How many calls.
        calls: u64,
    },
    /// Time of someone with a skill.
    Talent {
        /// What they must be able to do.
        skill: String,
        /// How much of their time.
        time: Span,
    },
}

impl Claim {
    /// The pillar it asks of.
    pub const fn pillar(&self) -> Pillar {
        match self {
            Self::Compute(_) => Pillar::Compute,
            Self::Data(_) => Pillar::Data,
            Self::Model(_) => Pillar::Model,
            Self::Tool { .. } => Pillar::Tool,
            Self::Talent { .. } => Pillar::Talent,
        }
    }

    /// Whether one unit of `offer` serves it; if not, why, in a few words that group well over many offers.
    pub fn admits(&self, offer: &Offer) -> Result<(), String> {
        match (self, &offer.resource) {
            (Self::Compute(claim), Resource::Compute(machine)) => {
                let (need, have) = (claim.capacity(), &machine.capacity);
                if need.cpu > have.cpu {
                    return Err(format!("needs {} cpu", need.cpu));
                }
                if need.memory > have.memory {
                    return Err(format!("needs {} memory", need.memory));
                }
                if need.disk > have.disk {
                    return Err(format!("needs {} disk", need.disk));
                }
                if need.gpu > have.gpu {
                    return Err(format!("needs {} gpu", need.gpu));
                }
                if need.gpu.is_zero() && claim.accelerator.is_empty() {
                    return Ok(());
                }
                match &machine.accelerator {
                    None => Err("needs an accelerator".into()),
                    Some(have) if !claim.accelerator.admits(&have.model) => {
                        Err(format!("needs an accelerator: {}", claim.accelerator))
                    }
                    Some(have) if claim.accelerator_memory > have.memory => {
                        Err(format!("needs {} on each accelerator", claim.accelerator_memory))
                    }
                    Some(_) => Ok(()),
                }
            }
            (Self::Data(asset), Resource::Data(replica)) if asset.admits(&replica.asset) => Ok(()),
            (Self::Model(asset), Resource::Model(weights)) if asset.admits(&weights.asset) => Ok(()),
            (Self::Tool { tool, .. }, Resource::Tool(endpoint)) if tool.admits(&endpoint.tool) => Ok(()),
            (Self::Talent { skill, time }, Resource::Talent(talent)) => {
                if !talent.skills.contains(skill) {
                    Err(format!("needs the skill {skill}"))
                } else if *time > talent.free {
                    Err(format!("needs {time} of free time"))
                } else {
                    Ok(())
                }
            }
            _ => Err(format!("needs {self}")),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compute(claim) => write!(f, "{}", claim.capacity()),
            Self::Data(asset) => write!(f, "data {asset}"),
            Self::Model(asset) => write!(f, "model {asset}"),
            Self::Tool { tool, calls } => write!(f, "{calls} calls of {tool}"),
            Self::Talent { skill, time } => write!(f, "{time} of someone who can {skill}"),
        }
    }
}
