//! Tools and people in memory.

use super::{MemoryProvider, State};
use crate::contract::{Answer, Assignment, TalentProvider, ToolProvider};
use crate::error::{ErrorKind, ProviderError};
use crate::id::IdempotencyKey;
use crate::memory::store::held;
use crate::noun::{AssetRef, Resource};
use async_trait::async_trait;
use serde_json::Value;

impl MemoryProvider {
    /// How many calls its tools have carried out.
    pub fn calls(&self) -> usize {
        held(&self.shared).calls.len()
    }

    /// What its people were asked, in order.
    pub fn assignments(&self) -> Vec<Assignment> {
        held(&self.shared).assignments.clone()
    }

    /// Answers an assignment in the place of whom it was given to; the first answer counts.
    pub fn respond(&self, assignment: &IdempotencyKey, answer: Answer) {
        self.change(|state| {
            state.answers.entry(assignment.clone()).or_insert(answer);
        });
    }

    fn invalid(&self, message: impl Into<String>) -> ProviderError {
        self.error(ErrorKind::Invalid, "invoke", message)
    }
}

impl State {
    /// The version of a tool that a reference finds: the newest that is on offer and does something.
    fn tool(&self, tool: &AssetRef) -> Option<&(Value, super::Function)> {
        self.offers.iter().rev().find_map(|offer| match &offer.resource {
            Resource::Tool(endpoint) if tool.admits(&endpoint.tool) => self.tools.get(&endpoint.tool),
            _ => None,
        })
    }
}

#[async_trait]
impl ToolProvider for MemoryProvider {
    async fn describe(&self, tool: &AssetRef) -> Result<Value, ProviderError> {
        let unknown = || self.error(ErrorKind::NotFound, "describe", format!("no tool `{tool}`"));
        held(&self.shared).tool(tool).map(|(schema, _)| schema.clone()).ok_or_else(unknown)
    }

    async fn invoke(&self, tool: &AssetRef, input: &Value, key: &IdempotencyKey) -> Result<Value, ProviderError> {
        self.change(|state| {
            if let Some(first) = state.calls.get(key) {
                return first.clone().map_err(|message| self.invalid(message));
            }
            let unknown = || self.error(ErrorKind::NotFound, "invoke", format!("no tool `{tool}`"));
            let (_, function) = state.tool(tool).ok_or_else(unknown)?;
            let answer = function(input);
            state.calls.insert(key.clone(), answer.clone());
            answer.map_err(|message| self.invalid(message))
        })
    }
}

#[async_trait]
impl TalentProvider for MemoryProvider {
    async fn assign(&self, assignment: &Assignment) -> Result<(), ProviderError> {
        self.change(|state| {
            if state.assignments.iter().any(|known| known.key == assignment.key) {
                return Ok(());
            }
            let known = state
                .offers
                .iter()
                .any(|offer| matches!(&offer.resource, Resource::Talent(talent) if talent.who == assignment.who));
            if !known {
                return Err(self.error(ErrorKind::NotFound, "assign", format!("nobody is `{}`", assignment.who)));
            }
            state.assignments.push(assignment.clone());
            Ok(())
        })
    }

    async fn answer(&self, assignment: &IdempotencyKey) -> Result<Answer, ProviderError> {
        self.until(|state| {
            if !state.assignments.iter().any(|known| known.key == *assignment) {
                let message = format!("no assignment `{assignment}`");
                return Some(Err(self.error(ErrorKind::NotFound, "answer", message)));
            }
            state.answers.get(assignment).cloned().map(Ok)
        })
        .await
    }
}
