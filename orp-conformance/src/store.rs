//! The laws of stores: the journal, and the assets.

use crate::bench::{Dice, ensure, fresh_key, name, skipped, with};
use crate::{Fault, Report, Verdict};
use async_trait::async_trait;
use futures_util::future::{join, join_all, poll_immediate};
use orp_core::contract::{AssetStore, Journal};
use orp_core::error::StoreError;
use orp_core::id::{AssetId, IdempotencyKey, IntentId, Principal, RunId, Tenant};
use orp_core::memory::SeededIds;
use orp_core::noun::{
    Asset, AssetRef, Digest, Event, Goal, Intent, LifeCycle, Lineage, NewRecord, Outcome, Pillar, Record, Sequence,
};
use orp_core::unit::{Bytes, Money, Span, Timestamp};
use std::{pin::pin, sync::Arc};

/// More records than any law appends.
const ALL: usize = 100_000;

/// What the laws of journals need of whoever wants one tried.
#[async_trait]
pub trait JournalHarness: Send + Sync {
    /// An empty journal. Each law gets its own.
    async fn fresh(&self) -> Arc<dyn Journal>;

    /// What a restarted host finds where `journal` was, with nothing closed in an orderly way before; none when that cannot
    /// be shown, and JRN-1 is skipped.
    async fn reopen(&self, journal: Arc<dyn Journal>) -> Option<Arc<dyn Journal>>;
}

/// Tries every law of [`Journal`].
pub async fn journal_suite(harness: &dyn JournalHarness) -> Report {
    let mut report = Report::default();
    report.law("JRN-1", jrn_1(harness)).await;
    report.law("JRN-2", jrn_2(harness)).await;
    report.law("JRN-3", jrn_3(harness)).await;
    report.law("JRN-4", jrn_4(harness)).await;
    report
}

/// When `append` has returned, its records survive the death of the process and the machine. What is tried is the death of
/// the handle; that of the machine is the implementer's to try.
pub async fn jrn_1(harness: &dyn JournalHarness) -> Verdict {
    let mut journal = harness.fresh().await;
    let mut appended = 0;
    for round in 1..=4 {
        journal.append(batch(round, round as usize)).await?;
        appended += round as usize;
        let Some(again) = harness.reopen(journal).await else { return skipped("the harness opens nothing again") };
        journal = again;
        let found = journal.read(Sequence(1), ALL).await?.len();
        ensure!(found == appended, "{appended} records were appended, after a restart there are {found}");
    }
    Ok(())
}

/// A batch is there whole or not at all: whenever one looks, and also when the call was cancelled.
pub async fn jrn_2(harness: &dyn JournalHarness) -> Verdict {
    let journal = harness.fresh().await;
    let appends = (1..=6).map(|number| journal.append(batch(number, 5)));
    let looks = join_all((0..6).map(|_| journal.read(Sequence(1), ALL)));
    let (appended, seen) = join(join_all(appends), looks).await;
    for result in appended {
        result?;
    }
    for polls in 0..6 {
        let mut append = pin!(journal.append(batch(100 + polls, 5)));
        for _ in 0..polls {
            if poll_immediate(&mut append).await.is_some() {
                break;
            }
        }
    }
    for records in seen.into_iter().chain([journal.read(Sequence(1), ALL).await]) {
        whole(&records?, 5)?;
    }
    Ok(())
}

/// Sequences count from 1 without gaps, in the order of the calls.
pub async fn jrn_3(harness: &dyn JournalHarness) -> Verdict {
    let journal = harness.fresh().await;
    let mut next = 1;
    for size in [1, 3, 1, 7] {
        let first = journal.append(batch(next, size)).await?;
        ensure!(first == Sequence(next), "the call that must begin at {next} began at {}", first.0);
        next += size as u64;
    }
    let together = join_all((0..4).map(|number| journal.append(batch(100 + number, 2)))).await;
    let mut firsts = Vec::new();
    for first in together {
        firsts.push(first?.0);
    }
    firsts.sort_unstable();
    let expected: Vec<u64> = (0..4).map(|number| next + 2 * number).collect();
    ensure!(firsts == expected, "four calls at once must begin at {expected:?}, they began at {firsts:?}");
    let sequences: Vec<u64> = journal.read(Sequence(1), ALL).await?.iter().map(|record| record.sequence.0).collect();
    let counted: Vec<u64> = (1..=20).collect();
    ensure!(sequences == counted, "20 records were appended, their sequences are {sequences:?}");
    Ok(())
}

/// `read` returns what was appended, unchanged: from where it was asked on, and as many as were asked for.
pub async fn jrn_4(harness: &dyn JournalHarness) -> Verdict {
    let journal = harness.fresh().await;
    let records = samples();
    journal.append(records.clone()).await?;
    let expected: Vec<Record> = (1..)
        .zip(records)
        .map(|(sequence, NewRecord { at, run, event })| Record { sequence: Sequence(sequence), at, run, event })
        .collect();
    let all = expected.len();
    for (from, limit) in [(1, ALL), (1, 2), (2, 3), (all, 1), (all + 1, 5), (1, 0)] {
        let read = journal.read(Sequence(from as u64), limit).await?;
        let wanted: Vec<Record> = expected.iter().skip(from - 1).take(limit).cloned().collect();
        ensure!(read == wanted, "read from {from}, at most {limit}: expected {wanted:?}, got {read:?}");
    }
    Ok(())
}

/// Records that name the batch they belong to.
fn batch(number: u64, size: usize) -> Vec<NewRecord> {
    let event = Event::CancelRequested { reason: format!("batch {number}") };
    vec![NewRecord { at: Timestamp::EPOCH, run: None, event }; size]
}

/// Whether every batch is there whole, its records one after the other.
fn whole(records: &[Record], size: usize) -> Verdict {
    for records in records.chunks(size) {
        let same = records.windows(2).all(|two| two.first().map(|r| &r.event) == two.last().map(|r| &r.event));
        ensure!(same && records.len() == size, "of a batch of {size} records one sees {records:?}");
    }
    Ok(())
}

/// Records of many shapes: texts in any script, large ones, floats, money, times before the epoch.
fn samples() -> Vec<NewRecord> {
    let ids = SeededIds::new(7);
    let run = RunId::next(&ids);
    let metrics = [("loss", 0.1 + 0.2), ("tiny", f64::MIN_POSITIVE), ("whole", 3.0)];
    let intent = Intent::new(Goal::new("微调 \"quoted\"\n\u{1f980}")).with_deadline(Span::from_micros(u64::MAX));
    let money = |micros| Money::from_micros(micros, orp_core::unit::Currency::EUR);
    let events = [
        Event::IntentDeclared { id: IntentId::next(&ids), intent: Box::new(intent) },
        Event::BudgetSettled {
            key: IdempotencyKey::new(""),
            spent: money(i64::MAX).into(),
            released: money(-1).into(),
        },
        Event::CancelRequested { reason: "x".repeat(100_000) },
        Event::RunEnded { outcome: Outcome::Failed("no".into()) },
        Event::AttemptEnded {
            attempt: orp_core::id::AttemptId {
                run,
                task: name("train", orp_core::id::TaskName::new),
                number: u32::MAX,
            },
            ending: orp_core::noun::Ending::Exited(-1),
            interruption: None,
            metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
            share: 1.0 / 3.0,
        },
    ];
    let at = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_micros);
    at.into_iter()
        .zip(events)
        .enumerate()
        .map(|(number, (at, event))| NewRecord { at, run: (number % 2 == 0).then_some(run), event })
        .collect()
}

/// Tries every law of [`AssetStore`] on a store that this suite was not tried on before.
pub async fn assets_suite(store: &dyn AssetStore) -> Report {
    let mut report = Report::default();
    report.law("ASSET-1", asset_1(store)).await;
    report.law("ASSET-2", asset_2(store)).await;
    report.law("ASSET-3", asset_3(store)).await;
    report.law("ASSET-4", asset_4(store)).await;
    report
}

/// `get` returns what was registered, as do `find` and `list`.
pub async fn asset_1(store: &dyn AssetStore) -> Verdict {
    let asset = asset("1");
    ensure!(store.get(asset.id).await?.is_none(), "an asset was there before it was registered");
    let id = store.register(asset.clone()).await?;
    ensure!(id == asset.id, "registered as `{}`, it is `{id}`", asset.id);
    let found = [store.get(id).await?, store.find(&asset.reference).await?];
    ensure!(found.iter().all(|found| found.as_ref() == Some(&asset)), "registered was {asset:?}, there is {found:?}");
    ensure!(store.list().await?.contains(&asset), "the list is without {asset:?}");
    Ok(())
}

/// A reference is registered once: again with another digest is a conflict, again with the same changes nothing.
pub async fn asset_2(store: &dyn AssetStore) -> Verdict {
    let first = asset("1");
    store.register(first.clone()).await?;
    let again = with(first.clone(), |asset| asset.id = new_id());
    let id = store.register(again.clone()).await?;
    ensure!(id == first.id, "registered again with the same digest it is `{id}`, before it was `{}`", first.id);
    let other = with(again.clone(), |asset| (asset.id, asset.digest) = (new_id(), Some(Digest::of(b"other"))));
    match store.register(other.clone()).await {
        Err(StoreError::Conflict(_)) => {}
        result => return Err(Fault::Broken(format!("registered again with another digest: got {result:?}"))),
    }
    for id in [again.id, other.id] {
        ensure!(store.get(id).await?.is_none(), "registered again, `{}` is there twice", first.reference);
    }
    let found = store.find(&first.reference).await?;
    ensure!(found.as_ref() == Some(&first), "registered again, {first:?} became {found:?}");
    Ok(())
}

/// States only go forward: a step back is refused and changes nothing.
pub async fn asset_3(store: &dyn AssetStore) -> Verdict {
    use LifeCycle::{Deprecated, Draft, Published, Registered, Retired};
    let asset = asset("1");
    store.register(asset.clone()).await?;
    for (to, allowed) in [
        (Published, true),
        (Registered, false),
        (Draft, false),
        (Deprecated, true),
        (Published, false),
        (Retired, true),
        (Deprecated, false),
    ] {
        let before = state(store, asset.id).await?;
        let result = store.transition(asset.id, to).await;
        let after = state(store, asset.id).await?;
        ensure!(result.is_ok() == allowed, "from {before:?} to {to:?}: got {result:?}");
        let expected = if allowed { to } else { before };
        ensure!(after == expected, "from {before:?} to {to:?}: it is {after:?}");
    }
    let unknown = store.transition(new_id(), Retired).await;
    ensure!(unknown.is_err(), "an unknown asset changed its state");
    Ok(())
}

/// A reference without a version finds the newest, one with a version that version.
pub async fn asset_4(store: &dyn AssetStore) -> Verdict {
    let first = asset("9");
    let bare = reference(first.reference.name());
    let mut versions = Vec::new();
    for (at, version) in (1..).zip(["9", "10", "11"]) {
        let asset = with(first.clone(), |asset| {
            asset.id = new_id();
            asset.reference = reference(&format!("{bare}@{version}"));
            asset.registered = Timestamp::from_micros(at);
        });
        store.register(asset.clone()).await?;
        let newest = store.find(&bare).await?;
        ensure!(newest.as_ref() == Some(&asset), "`{}` is the newest, `{bare}` found {newest:?}", asset.reference);
        versions.push(asset);
    }
    for asset in &versions {
        let found = store.find(&asset.reference).await?;
        ensure!(found.as_ref() == Some(asset), "`{}` found {found:?}", asset.reference);
    }
    Ok(())
}

async fn state(store: &dyn AssetStore, id: AssetId) -> Result<LifeCycle, Fault> {
    let missing = || Fault::Broken(format!("`{id}` was registered, and is not there"));
    Ok(store.get(id).await?.ok_or_else(missing)?.state)
}

/// An asset with something in every field, of a name that no other law uses.
fn asset(version: &str) -> Asset {
    let title = reference(&format!("{}@{version}", fresh_key("asset").as_str().replace('/', "-")));
    let (tenant, owner) = (name("conformance", Tenant::new), name("somebody", Principal::new));
    with(Asset::new(new_id(), title, Pillar::Data, "dataset", tenant, owner), |asset| {
        asset.digest = Some(Digest::of(b"content"));
        asset.size = Some(Bytes::new(7));
        asset.licence = Some("MIT OR Apache-2.0".into());
        asset.labels.insert("语言".into(), "zh".into());
        asset.lineage = Lineage::new(None, vec![reference("corpus@v1")]);
        asset.registered = Timestamp::from_micros(1);
    })
}

fn reference(text: &str) -> AssetRef {
    name(text, |text| text.parse())
}

/// An identifier that no other asset of this process has.
fn new_id() -> AssetId {
    AssetId::next(&SeededIds::new(Dice::new(crate::bench::serial()).next()))
}
