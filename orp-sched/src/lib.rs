//! Pure decisions for Open Resource Planning: the planner and the scheduler.
//!
//! | module | answers | contract |
//! | --- | --- | --- |
//! | [`planner`] | what would do? | [`Planner`](orp_core::contract::Planner), [`Estimator`](orp_core::contract::Estimator) |
//! | [`scheduler`] | who gets what now? | [`Scheduler`](orp_core::contract::Scheduler) |
//!
//! Both are functions of their arguments: no clock, no randomness, no I/O, so the same inputs give the same bytes. Neither
//! knows that providers or policies exist: offers, and what policy forbids of them, come in as data.

pub mod planner;
pub mod scheduler;
pub mod sim;
