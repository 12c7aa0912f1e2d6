//! The kinds of record that ORP writes, and what their bodies hold.
//!
//! A host may put records of its own on record, of any other kind. A field marked † is personal: it stands in the chain as
//! a [commitment](super::personal) unless it names nobody; so does every text in which somebody is named.
//!
//! | kind | what happened | fields |
//! | --- | --- | --- |
//! | [`CHECKPOINT`] | the log says how long it is | `size`, `root`, `peaks`, `key`, `signature` |
//! | [`INTENT_DECLARED`] | somebody wants something | `intent`, `name`, `goal`, `project`, `requester`†, `budget`, `within` |
//! | [`POLICY_DECIDED`] | policy answered | `point`, `subject`, `verdict`, `policy`, `reasons`, `warnings`, `exceptions`, `obligations`, `asked`, `questions` |
//! | [`APPROVAL_REQUESTED`] | somebody was asked to approve | `approval`, `flow`, `quorum`, `people`†, `requester`†, `subject`, `policy`, `plan`, `cost_max`, `until` |
//! | [`APPROVAL_VOTED`] | somebody voted on it | `approval`, `by`†, `approves`, `comment` |
//! | [`RUN_CLEARED`] | what was asked for was done | `approvals`, `obligations`, `policy`, `cost_max` |
//! | [`RUN_STARTED`] | a run was admitted | `plan`, `recipe`, `project`, `requester`†, `goal`, `reserve`, `people`† |
//! | [`REPLANNED`] | the rest of it was planned again | as above, and `reason` |
//! | [`CANCEL_REQUESTED`] | somebody asked for it to stop | `reason` |
//! | [`RUN_ENDED`] | it is over | `outcome` |
//! | [`BUDGET_RESERVED`] | money was reserved, or what else budgets count | `key`, `amount`, `budgets` |
//! | [`BUDGET_EXTENDED`] | a reservation was raised | `key`, `more` |
//! | [`BUDGET_SETTLED`] | what was left was released | `key`, `spent`, `released` |
//! | [`BUDGET_RAISED`] | a limit was raised | `budget`, `by`, `approval` |
//! | [`BUDGET_TRANSFERRED`] | limit was moved | `key`, `from`, `to`, `amount`, `reason`, `by`† |
//! | [`BUDGET_NOTICED`] | a limit comes near | `budget`, `notice`, `spent`, `limit` |
//! | [`LEASE_GRANTED`] | a resource was handed over | `lease`, `attempt`, `provider`, `offer`†, `region`, `market`, `units`, `service` |
//! | [`CHARGED`] | money was spent | `amount`, `from`, `until`, `project`, `what`, `service`; of a lease, all that was said when it was granted |
//! | [`METERED`] | something was used that is counted otherwise than in money | `amount`, `project`, `what` |
//! | [`OTHER`] | something newer than this table | `event` |
//!
//! What belongs to a run has a field `run` as well. Amounts are texts such as `1.20 USD`, times RFC 3339.

/// The log says how long it was and what its root was: see [`Checkpoint`](super::Checkpoint).
pub const CHECKPOINT: &str = "checkpoint";
/// An intent came in.
pub const INTENT_DECLARED: &str = "intent_declared";
/// Policy answered.
pub const POLICY_DECIDED: &str = "policy_decided";
/// Somebody was asked to approve something.
pub const APPROVAL_REQUESTED: &str = "approval_requested";
/// Somebody voted on it, and the vote counts.
pub const APPROVAL_VOTED: &str = "approval_voted";
/// What policy asked for before a run might start was done.
pub const RUN_CLEARED: &str = "run_cleared";
/// A budget's limit was raised, for somebody approved it.
pub const BUDGET_RAISED: &str = "budget_raised";
/// Limit was moved from one budget to another.
pub const BUDGET_TRANSFERRED: &str = "budget_transferred";
/// A budget's limit comes near, or was passed.
pub const BUDGET_NOTICED: &str = "budget_noticed";
/// A run was admitted.
pub const RUN_STARTED: &str = "run_started";
/// The rest of a run was planned again.
pub const REPLANNED: &str = "replanned";
/// Somebody asked for a run to stop.
pub const CANCEL_REQUESTED: &str = "cancel_requested";
/// A run is over.
pub const RUN_ENDED: &str = "run_ended";
/// Money was reserved on every budget of a run, or what else budgets count.
pub const BUDGET_RESERVED: &str = "budget_reserved";
/// A reservation was raised.
pub const BUDGET_EXTENDED: &str = "budget_extended";
/// What was left of a reservation was released.
pub const BUDGET_SETTLED: &str = "budget_settled";
/// A lease was granted.
pub const LEASE_GRANTED: &str = "lease_granted";
/// Money was spent: a lease ended, or data was moved.
pub const CHARGED: &str = "charged";
/// Something was used that a budget counts otherwise than in money.
pub const METERED: &str = "metered";
/// An event for which no kind was decided yet: it is on record by its name alone.
pub const OTHER: &str = "other";
