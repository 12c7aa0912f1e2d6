//! Pure judgement for Open Resource Planning: rules, budgets, quotas, approvals, guardrails and audit as code.
//!
//! A [`PolicySet`] is loaded from YAML [documents](document), whole or not at all, and is then a
//! [`PolicyEngine`](orp_core::contract::PolicyEngine): a function of the set and the request, without I/O, clock or
//! randomness. What no rule allows is forbidden, what any rule denies is forbidden, and so is what a rule that could deny
//! cannot judge: no error ever permits.
//!
//! | module | what stands there |
//! | --- | --- |
//! | [`document`] | the YAML of everything here |
//! | [`fact`] | the vocabulary: what rules may speak of, and what absence means |
//! | [`rule`] | what a rule says, and when |
//! | [`exception`] | rules set aside for a scope and a time |
//! | [`approval`] | who may approve what rules and budgets ask for |
//! | [`budget`] | which accounts a charge falls under |
//! | [`set`] | the order of evaluation |
//! | [`explain`] | which rule, which condition, which value, and what would change the answer |
//! | [`testing`] | what a set is expected to decide: cases, matrices, invariants; coverage and mutants |
//! | [`simulation`] | what another set would have decided, on a record of decisions |
//! | [`shadow`] | what another set would decide, beside the one in force |
//! | [`guardrail`] | personal data and secrets in texts: detectors, and what is done with what they find |
//! | [`audit`] | a log that nobody can change unseen: chain, Merkle tree, redaction, verifier, exports |
//! | `signature` | who answers for a set (feature `sign`) |
//! | [`error`] | what is wrong with documents, and where |
//!
//! Conditions come in two forms that mean one thing: `where`, a map of facts to what they must be, which an index can go by,
//! and `when`, an expression of the Common Expression Language. Both are checked in full at load against the vocabulary (names,
//! kinds, how much there is to judge), and both become the same atoms, so that there is one evaluator, one explanation and
//! one partial evaluation.
//!
//! ```
//! use orp_core::prelude::*;
//! use orp_policy::PolicySet;
//!
//! let source = Source::new("reference.yaml", include_str!("../examples/reference.yaml"));
//! let set = PolicySet::from_sources(&[source])?;
//! let request = PolicyRequest::new(PolicyPoint::Plan, "fine_tune", "2026-11-23T04:38:00Z".parse()?)
//!     .with_fact("project.id", "vision")
//!     .with_fact("resource.kind", "gpu")
//!     .with_fact("dataset.name", "tickets")
//!     .with_fact("dataset.class", DataClass::Restricted)
//!     .with_fact("model.name", "llama-3-70b")
//!     .with_fact("model.visibility", "public");
//! let decision = set.decide(&request);
//! assert_eq!(decision.verdict, Verdict::Forbid);
//! assert_eq!(decision.reasons[0].because, "tickets is restricted; llama-3-70b is public");
//! let [budget] = &set.budgets(&request)[..] else { panic!("one budget") };
//! assert_eq!(budget.name.as_str(), "gpu-month-project/vision/2026-11");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod approval;
pub mod audit;
pub mod budget;
mod condition;
pub mod document;
pub mod error;
pub mod exception;
pub mod explain;
pub mod fact;
pub mod guardrail;
mod index;
#[cfg(test)]
mod laws;
mod residual;
pub mod rule;
#[cfg(feature = "schema")]
mod schema;
pub mod set;
pub mod shadow;
#[cfg(feature = "sign")]
pub mod signature;
pub mod simulation;
mod template;
pub mod testing;
mod view;

pub use approval::ApprovalFlow;
pub use budget::Budget;
pub use error::LoadError;
pub use exception::Exception;
pub use explain::Explanation;
pub use rule::{Effect, Mode, Rule};
pub use set::{Judgement, PolicySet};
pub use shadow::Shadowed;
pub use simulation::{Recorded, Simulation};
pub use testing::{PolicyTest, TestReport};
