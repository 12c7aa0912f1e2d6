//! Guardrails.
pub mod detect;
