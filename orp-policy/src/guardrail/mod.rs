//! Guardrails: what in a text is not for everyone, and what is done about it before the text goes on.
//!
//! A `Guardrail` document says which [detectors](Detectors) look at which [texts](Channel) and what is done when they find
//! something: [mask, drop, ask or block](Action). [`Guardrail::compile`] makes a pure object of it; [`Guardrails::check`]
//! judges a text by several of them, and [`Guardrails::stream`] one that comes in pieces.
//!
//! | module | what stands there |
//! | --- | --- |
//! | [`detect`] | the built-in detectors |
//! | `spec` | what a document says |
//! | `rail` | a guardrail made of it |
//! | `check` | several guardrails and a text |
//! | `stream` | a text in pieces |
//!
//! It fails closed: a text that is too long to be judged is blocked, and so is one that would have to be held back for too
//! long; an outcome other than pass or masked comes with an empty text. Findings never hold the text that was found.
//!
//! # Laws
//!
//! Masked text holds no finding of the same detectors, and stays as it is when it is judged again; text without findings
//! comes back unchanged, without a copy; the order of guardrails and the pieces of a text do not matter; work is linear in
//! the text. `laws` tries them on random texts.
//!
//! ```
//! use orp_core::prelude::*;
//! use orp_policy::guardrail::{Channel, Detectors, Guardrail, GuardrailSpec, Outcome};
//!
//! let source = Source::new("cards.yaml", "
//! applies: [tool_call]
//! detectors: [{detector: card, min_confidence: likely}]
//! action: block
//! because: a tool would get {found}
//! remedy: pay by the payment tool");
//! let guardrail = Guardrail::compile(RuleId::new("no-cards")?, &source.parse::<GuardrailSpec>()?, &Detectors::builtin())?;
//! let checked = guardrail.check(Channel::ToolCall, "pay 12 EUR with 4111 1111 1111 1111");
//! assert_eq!((checked.outcome, &*checked.text), (Outcome::Block, ""));
//! assert_eq!(checked.findings[0].to_string(), "card at 16..35 (likely)");
//! assert_eq!(
//!     checked.reasons[0].to_string(),
//!     "rule `no-cards`: a tool would get card (remedy: pay by the payment tool)",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
pub mod detect;
#[cfg(test)]
mod laws;
mod mask;
mod rail;
mod registry;
mod spec;
mod stream;
#[cfg(test)]
mod tests;

pub use check::{Checked, Guardrails, Outcome, TEXT_LIMIT_BYTES};
pub use rail::Guardrail;
pub use registry::Detectors;
pub use spec::{Action, Channel, DetectorSpec, GuardrailError, GuardrailSpec, MaskSpec};
pub use stream::{GuardStream, HOLD_LIMIT_BYTES};
