//! Identifiers of plans: functions of the problem, so that the same problem gives the same plans.

use orp_core::{
    id::PlanId,
    noun::{Digest, PlanLimits, PlanningProblem},
};
use serde::Serialize;
use uuid::Builder;

/// Everything a plan depends on, in one digest.
pub(super) fn digest(problem: &PlanningProblem, limits: &PlanLimits) -> Digest {
    let mut bytes = Vec::with_capacity(1 << 16);
    put(&mut bytes, &(problem.now, limits));
    put(&mut bytes, &problem.intent);
    put(&mut bytes, &problem.recipes);
    put(&mut bytes, &problem.offers);
    put(&mut bytes, &problem.network);
    put(&mut bytes, &problem.corrections);
    // Maps by offer have keys that JSON does not have: they go as lists. Floats that JSON does not have go by their bits.
    put(&mut bytes, &problem.forbidden.iter().collect::<Vec<_>>());
    if let Some(rest) = &problem.remaining {
        put(&mut bytes, &(&rest.plan, &rest.settled, &rest.running, rest.spent, rest.elapsed));
        put(&mut bytes, &rest.progress.iter().map(|(task, share)| (task, share.to_bits())).collect::<Vec<_>>());
        put(&mut bytes, &rest.distrusted.iter().map(|(key, hazard)| (key, hazard.to_bits())).collect::<Vec<_>>());
    }
    Digest::of(&bytes)
}

/// The identifier of the plan at this place of the frontier.
pub(super) fn plan_id(problem: &Digest, place: usize) -> PlanId {
    let mut bytes = problem.as_bytes().to_vec();
    bytes.extend((place as u64).to_be_bytes());
    let digest = Digest::of(&bytes);
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_bytes()[..16]);
    PlanId::from_uuid(Builder::from_custom_bytes(half).into_uuid())
}

fn put(bytes: &mut Vec<u8>, part: &impl Serialize) {
    // Writing to memory does not fail, and what is not finite is written as `null`.
    let _ = serde_json::to_writer(&mut *bytes, part);
    bytes.push(b'\n');
}
