//! Providers of data, models, tools and talent that break one law each.

use crate::memory::{MemoryHarness, asset};
use crate::{Fake, catches};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use orp_conformance::{Report, data_suite, model_suite, talent_suite, tool_suite};
use orp_core::memory::MemoryProvider;
use orp_core::prelude::*;
use serde_json::Value;
use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

pub(crate) const FAKES: &[Fake] = &[
    ("DATA-1", "finds something whatever is asked"),
    ("DATA-2", "reads half of it"),
    ("DATA-2", "reads on for ever"),
    ("DATA-3", "takes a fee"),
    ("DATA-3", "takes a fee the second time"),
    ("MODEL-1", "loses the last byte"),
    ("MODEL-2", "takes other bytes for a version"),
    ("MODEL-2", "refuses other bytes, and keeps them"),
    ("TOOL-1", "forgets keys"),
    ("TOOL-1", "answers as before, and does it again"),
    ("TALENT-1", "asks again"),
    ("TALENT-2", "changes the answer"),
    ("TALENT-2", "does not wait"),
];

#[derive(Debug)]
struct Bent {
    inner: MemoryProvider,
    flaw: &'static str,
    calls: AtomicU32,
}

impl Bent {
    fn is(&self, flaw: &str) -> bool {
        self.flaw == flaw
    }

    fn call(&self) -> u32 {
        self.calls.fetch_add(1, Ordering::SeqCst)
    }

    fn another(&self, key: &IdempotencyKey) -> IdempotencyKey {
        IdempotencyKey::new(format!("{key}~{}", self.call()))
    }
}

#[async_trait]
impl ResourceProvider for Bent {
    fn name(&self) -> &ProviderName {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn offers(&self) -> Result<Vec<Offer>, ProviderError> {
        self.inner.offers().await
    }

    fn watch(&self) -> BoxStream<'static, ProviderEvent> {
        self.inner.watch()
    }
}

#[async_trait]
impl DataProvider for Bent {
    async fn locate(&self, wanted: &AssetRef) -> Result<Vec<(Place, Replica)>, ProviderError> {
        let found = self.inner.locate(wanted).await?;
        if found.is_empty() && self.is("finds something whatever is asked") {
            return self.inner.locate(&asset("corpus")).await;
        }
        Ok(found)
    }

    async fn read(&self, asset: &AssetRef, offset: u64, length: u64) -> Result<Vec<u8>, ProviderError> {
        if self.is("reads on for ever") {
            return Ok(vec![0; length as usize]);
        }
        let mut content = self.inner.read(asset, offset, length).await?;
        if self.is("reads half of it") {
            let half = self.inner.locate(asset).await?[0].1.size.get() / 2;
            content.truncate(half.saturating_sub(offset) as usize);
        }
        Ok(content)
    }

    async fn transfer(
        &self,
        asset: &AssetRef,
        to: &Place,
        key: &IdempotencyKey,
    ) -> Result<(Span, Money), ProviderError> {
        let (time, cost) = self.inner.transfer(asset, to, key).await?;
        let fee = self.is("takes a fee") || self.is("takes a fee the second time") && self.call() % 2 == 1;
        Ok((time, Money::from_micros(cost.micros() + i64::from(fee), cost.currency())))
    }

    fn network(&self) -> Network {
        self.inner.network()
    }
}

#[async_trait]
impl ModelProvider for Bent {
    async fn resolve(&self, asset: &AssetRef) -> Result<Vec<(Place, Weights)>, ProviderError> {
        self.inner.resolve(asset).await
    }

    async fn pull(&self, asset: &AssetRef, to: &Path) -> Result<(), ProviderError> {
        self.inner.pull(asset, to).await?;
        if self.is("loses the last byte") {
            let mut content = self.inner.file(to).unwrap();
            // One byte alone is kept, so that only what is longer is broken.
            content.truncate(content.len().saturating_sub(1).max(1));
            self.inner.put_file(to, content);
        }
        Ok(())
    }

    async fn push(&self, asset: &AssetRef, from: &Path) -> Result<(), ProviderError> {
        let pushed = self.inner.push(asset, from).await;
        match &pushed {
            Err(_) if self.is("takes other bytes for a version") => return Ok(()),
            Err(_) if self.is("refuses other bytes, and keeps them") => {
                drop(self.inner.clone().with_content(asset.clone(), self.inner.file(from).unwrap()));
            }
            _ => {}
        }
        pushed
    }
}

#[async_trait]
impl ToolProvider for Bent {
    async fn describe(&self, tool: &AssetRef) -> Result<Value, ProviderError> {
        self.inner.describe(tool).await
    }

    async fn invoke(&self, tool: &AssetRef, input: &Value, key: &IdempotencyKey) -> Result<Value, ProviderError> {
        if self.is("forgets keys") {
            return self.inner.invoke(tool, input, &self.another(key)).await;
        }
        if self.is("answers as before, and does it again") {
            self.inner.invoke(tool, input, &self.another(key)).await?;
        }
        self.inner.invoke(tool, input, key).await
    }
}

#[async_trait]
impl TalentProvider for Bent {
    async fn assign(&self, assignment: &Assignment) -> Result<(), ProviderError> {
        if self.is("asks again") {
            self.inner.assign(&Assignment { key: self.another(&assignment.key), ..assignment.clone() }).await?;
        }
        self.inner.assign(assignment).await
    }

    async fn answer(&self, assignment: &IdempotencyKey) -> Result<Answer, ProviderError> {
        let known = self.inner.assignments().iter().any(|known| known.key == *assignment);
        if self.is("does not wait") && known {
            return Ok(Answer::Refused("busy".into()));
        }
        let answer = self.inner.answer(assignment).await?;
        if self.is("changes the answer") && self.call() > 0 {
            return Ok(Answer::Refused("no, after all".into()));
        }
        Ok(answer)
    }
}

#[tokio::test]
async fn data_models_tools_and_talent() {
    for fake in FAKES {
        let flaw = fake.1;
        let harness = MemoryHarness::new(move |inner| Bent { inner, flaw, calls: AtomicU32::new(0) });
        let mut report = Report::default();
        report = report.and(data_suite(&harness).await);
        report = report.and(model_suite(&harness).await);
        report = report.and(tool_suite(&harness).await);
        report = report.and(talent_suite(&harness).await);
        catches(*fake, &report);
    }
}
