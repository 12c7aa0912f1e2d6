//! The laws of tools and talent: at most one call, at most one request, one answer.

use crate::bench::{ensure, expect_kind, fresh_key, in_time};
use crate::{Fault, Report, Verdict};
use async_trait::async_trait;
use futures_util::{FutureExt, future::join_all};
use orp_core::contract::{Answer, Assignment, TalentProvider, ToolProvider};
use orp_core::error::ErrorKind;
use orp_core::id::{IdempotencyKey, Principal};
use orp_core::noun::AssetRef;
use orp_core::unit::Span;
use serde_json::Value;
use std::sync::Arc;

/// What the laws of tools need of whoever wants a provider tried.
#[async_trait]
pub trait ToolHarness: Send + Sync {
    /// A provider with a tool. Each law gets its own.
    async fn fresh(&self) -> Arc<dyn ToolProvider>;

    /// A tool that may be called a few times, and an input for it; best, one that answers differently each time.
    fn tool(&self) -> (AssetRef, Value);

    /// How many calls the tool has carried out for the last provider, as it can be seen without asking that; none when it
    /// cannot.
    fn carried_out(&self) -> Option<u64> {
        None
    }
}

/// Tries every law of [`ToolProvider`]; see [`crate::provider_suite`] for those of every provider.
pub async fn tool_suite(harness: &dyn ToolHarness) -> Report {
    let mut report = Report::default();
    report.law("TOOL-1", tool_1(harness)).await;
    report
}

/// `invoke` under a key that was used before returns the first answer and does nothing.
pub async fn tool_1(harness: &dyn ToolHarness) -> Verdict {
    let provider = harness.fresh().await;
    let (tool, input) = harness.tool();
    let before = harness.carried_out();
    let keys = [fresh_key("call"), fresh_key("call")];
    for key in &keys {
        let calls = (0..3).map(|_| provider.invoke(&tool, &input, key));
        let mut answers = Vec::new();
        for answer in join_all(calls).await {
            answers.push(answer?);
        }
        answers.push(provider.invoke(&tool, &input, key).await?);
        ensure!(answers.windows(2).all(|two| two.first() == two.last()), "one key was answered with {answers:?}");
    }
    if let (Some(before), Some(after)) = (before, harness.carried_out()) {
        let done = after.saturating_sub(before);
        ensure!(done == keys.len() as u64, "under {} keys {done} calls were carried out", keys.len());
    }
    Ok(())
}

/// What the laws of talent need of whoever wants a provider tried.
#[async_trait]
pub trait TalentHarness: Send + Sync {
    /// A provider with somebody who can be asked. Each law gets its own.
    async fn fresh(&self) -> Arc<dyn TalentProvider>;

    /// Somebody who can be asked.
    fn who(&self) -> Principal;

    /// How often that somebody was asked under this key by the last provider, as they see it; none when that cannot be
    /// seen.
    fn asked(&self, assignment: &IdempotencyKey) -> Option<u64>;

    /// Answers the last provider as that somebody.
    async fn respond(&self, assignment: &IdempotencyKey, answer: Answer);

    /// Lets a moment pass (some milliseconds) for what goes on in the background.
    async fn pause(&self);
}

/// Tries every law of [`TalentProvider`]; see [`crate::provider_suite`] for those of every provider.
pub async fn talent_suite(harness: &dyn TalentHarness) -> Report {
    let mut report = Report::default();
    report.law("TALENT-1", talent_1(harness)).await;
    report.law("TALENT-2", talent_2(harness)).await;
    report
}

/// `assign` with the same key asks nobody twice.
pub async fn talent_1(harness: &dyn TalentHarness) -> Verdict {
    let (provider, assignment) = (harness.fresh().await, assignment(harness));
    for result in join_all((0..3).map(|_| provider.assign(&assignment))).await {
        result?;
    }
    provider.assign(&assignment).await?;
    harness.pause().await;
    match harness.asked(&assignment.key) {
        None => Err(Fault::Skipped("the harness cannot see how often somebody was asked".into())),
        Some(1) => Ok(()),
        Some(times) => Err(Fault::Broken(format!("under one key they were asked {times} times"))),
    }
}

/// `answer` returns the same answer to every caller: those who waited, and those who come later.
pub async fn talent_2(harness: &dyn TalentHarness) -> Verdict {
    let (provider, assignment) = (harness.fresh().await, assignment(harness));
    let key = &assignment.key;
    let unknown = in_time(provider.answer(&fresh_key("nobody")), || harness.pause()).await;
    let unknown = unknown.ok_or(Fault::Broken("waiting for the answer to an unknown assignment did not end".into()))?;
    expect_kind(ErrorKind::NotFound, "the answer to an unknown assignment", unknown)?;
    provider.assign(&assignment).await?;
    let mut waiting = [provider.answer(key), provider.answer(key)];
    for wait in &mut waiting {
        let early = wait.now_or_never();
        ensure!(early.is_none(), "nobody answered yet, and it returned {early:?}");
    }
    let answer = Answer::Done("yes".into());
    harness.respond(key, answer.clone()).await;
    let given = in_time(join_all(waiting), || harness.pause()).await;
    let mut given = given.ok_or(Fault::Broken("somebody answered, and those who wait were not told".into()))?;
    harness.respond(key, Answer::Refused("no".into())).await;
    harness.pause().await;
    given.extend(in_time(provider.answer(key), || harness.pause()).await);
    for given in given {
        let given = given?;
        ensure!(given == answer, "the answer was {answer:?}, a caller got {given:?}");
    }
    Ok(())
}

fn assignment(harness: &dyn TalentHarness) -> Assignment {
    let request = "say yes, please".into();
    Assignment { key: fresh_key("assignment"), who: harness.who(), request, time: Span::MINUTE }
}
