//! The laws of models: weights taken and given.

use crate::bench::{Dice, ensure, expect_kind, fresh_key, name};
use crate::{Fault, Report, Verdict};
use async_trait::async_trait;
use orp_core::contract::ModelProvider;
use orp_core::error::ErrorKind;
use orp_core::noun::AssetRef;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What the laws of models need of whoever wants a provider tried.
#[async_trait]
pub trait ModelHarness: Send + Sync {
    /// A provider to push to and pull from. Each law gets its own.
    async fn fresh(&self) -> Arc<dyn ModelProvider>;

    /// Writes a new file where the last provider can read and write it.
    async fn write(&self, content: &[u8]) -> PathBuf;

    /// What a file holds; none when there is none.
    async fn read(&self, file: &Path) -> Option<Vec<u8>>;
}

/// Tries every law of [`ModelProvider`]; see [`crate::provider_suite`] for those of every provider.
pub async fn model_suite(harness: &dyn ModelHarness) -> Report {
    let mut report = Report::default();
    report.law("MODEL-1", model_1(harness)).await;
    report.law("MODEL-2", model_2(harness)).await;
    report
}

/// `pull` of what was pushed writes the same bytes.
pub async fn model_1(harness: &dyn ModelHarness) -> Verdict {
    let provider = harness.fresh().await;
    for length in [1, 4_096, 100_003] {
        let (model, content) = (new_model(), Dice::new(length as u64).bytes(length));
        provider.push(&model, &harness.write(&content).await).await?;
        let got = pulled(harness, &*provider, &model).await?;
        ensure!(got == content, "{length} bytes were pushed, and {} bytes that differ were pulled", got.len());
    }
    Ok(())
}

/// `push` of a version that exists with other bytes is a conflict, and changes nothing; with the same bytes it may be
/// repeated.
pub async fn model_2(harness: &dyn ModelHarness) -> Verdict {
    let (provider, model) = (harness.fresh().await, new_model());
    let mut dice = Dice::new(2);
    let (content, other) = (dice.bytes(4_096), dice.bytes(4_096));
    provider.push(&model, &harness.write(&content).await).await?;
    let before = pulled(harness, &*provider, &model).await?;
    let result = provider.push(&model, &harness.write(&other).await).await;
    expect_kind(ErrorKind::Conflict, "a push of other bytes to a version that exists", result)?;
    let after = pulled(harness, &*provider, &model).await?;
    ensure!(before == after, "a push of other bytes to `{model}` was refused, and changed it");
    Ok(provider.push(&model, &harness.write(&content).await).await?)
}

/// What is pulled of a model.
async fn pulled(harness: &dyn ModelHarness, provider: &dyn ModelProvider, model: &AssetRef) -> Result<Vec<u8>, Fault> {
    let file = harness.write(b"").await;
    provider.pull(model, &file).await?;
    let missing = || Fault::Broken(format!("`{model}` was pulled, and there is no file"));
    harness.read(&file).await.ok_or_else(missing)
}

fn new_model() -> AssetRef {
    name(format!("{}@1", fresh_key("model").as_str().replace('/', "-")), |text| text.parse())
}
