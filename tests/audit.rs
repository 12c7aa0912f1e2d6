//! The durable audit log: crashes, tampering, the journal it follows, and a run from end to end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{House, recipe};
use orp_sdk::{
    audit::{AuditError, AuditLog, AuditOptions, Follower, verify_file},
    policy::audit::{AuditRecord, Chain, Disclosure, Draft, Entry, Salt, Verifier, export, kind},
    prelude::*,
    store::Store,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

fn entry(text: &str) -> Entry {
    let draft = Draft::new("test", Timestamp::from_micros(7)).with("text", text).with("who", "ada");
    draft.with_personal("/who", Salt::new([text.len() as u8; 32])).finish().unwrap()
}

fn records(log: &AuditLog) -> Vec<AuditRecord> {
    log.records().unwrap().map(Result::unwrap).collect()
}

fn check(path: &Path) -> orp_sdk::policy::audit::Report {
    verify_file(path, Verifier::new()).unwrap()
}

/// A log's two files in a folder of their own, cut as a crash could have left them.
struct Cut {
    _folder: TempDir,
    path: PathBuf,
}

fn cut(log: &[u8], personal: &[u8]) -> Cut {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    fs::write(&path, log).unwrap();
    fs::write(folder.path().join("audit.log.personal"), personal).unwrap();
    Cut { _folder: folder, path }
}

fn open(path: &Path) -> Result<AuditLog, AuditError> {
    AuditLog::open(AuditOptions::at(path))
}

// ---- the log ------------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn what_was_appended_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/audit.log");
    let options = AuditOptions::at(&path).with_checkpoint_every(10);
    let log = AuditLog::open(options.clone()).unwrap();
    let first = log.append(vec![entry("a"), entry("b")]).await.unwrap().await.unwrap();
    assert_eq!(first, 2);
    let early = log.head();
    let many = (0..100).map(|at| {
        let log = log.clone();
        tokio::spawn(async move { log.append(vec![entry(&at.to_string())]).await.unwrap().await.unwrap() })
    });
    let mut places = BTreeSet::new();
    for task in many.collect::<Vec<_>>() {
        places.insert(task.await.unwrap());
    }
    assert_eq!(places.len(), 100, "each has a place of its own");
    assert!(matches!(open(&path), Err(AuditError::Locked { .. })));
    let (consistency, now) = log.prove_since(&early).unwrap();
    assert!(consistency.holds(&early, &now));
    let (record, inclusion, head) = log.prove(first).unwrap();
    assert!(inclusion.holds(record.hash, &head) && record.seq == 2);
    assert!(matches!(log.prove(0), Err(AuditError::NoRecord { .. })));
    let before = records(&log);
    drop(log);

    let bytes = fs::read(&path).unwrap();
    drop(AuditLog::open(options.clone()).unwrap());
    assert_eq!(fs::read(&path).unwrap(), bytes, "opening and closing writes nothing");

    let log = AuditLog::open(options).unwrap();
    assert_eq!(log.opened().cut, None);
    let after = records(&log);
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after.last().unwrap().kind, kind::CHECKPOINT, "an orderly end has a checkpoint");
    let report = log.verify(Verifier::new().with_head(early)).unwrap();
    assert!(report.is_intact() && report.checkpoints >= 10, "{report}");
    for disclosure in log.disclosures().unwrap() {
        let record = &after[disclosure.seq as usize - 1];
        assert_eq!(record.revealed(&[disclosure]).unwrap()["who"], "ada");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_every_byte_leaves_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = AuditLog::open(AuditOptions::at(&path).with_checkpoint_every(3)).unwrap();
    let mut acknowledged = Vec::new();
    for text in ["a", "bb", "ccc"] {
        log.append(vec![entry(text)]).await.unwrap().await.unwrap();
        acknowledged.push(fs::metadata(&path).unwrap().len());
    }
    let all = records(&log);
    let (bytes, personal) = (fs::read(&path).unwrap(), fs::read(log.personal_path()).unwrap());
    let crashed = |at: usize| {
        let Cut { _folder, path } = cut(&bytes[..at], &personal);
        let again = open(&path).unwrap();
        let found = records(&again);
        let known = acknowledged.iter().filter(|length| **length <= at as u64).count();
        assert!(found.len() >= known, "cut at {at}: {known} were acknowledged, {} are there", found.len());
        assert_eq!(found, all[..found.len()], "cut at {at}: a prefix of what was written");
        let disclosed: Vec<u64> = again.disclosures().unwrap().iter().map(|disclosure| disclosure.seq).collect();
        let personal: Vec<u64> = found.iter().filter(|record| record.kind == "test").map(|record| record.seq).collect();
        assert_eq!(disclosed, personal, "cut at {at}: what is kept out of records is there, and nothing else");
        drop(again);
        assert!(check(&path).is_intact(), "cut at {at}: and it goes on");
    };
    // Eight at a time: they wait for the disk.
    std::thread::scope(|scope| {
        for first in 0..8 {
            let (crashed, length) = (&crashed, bytes.len());
            scope.spawn(move || (first..=length).step_by(8).for_each(crashed));
        }
    });
}

#[tokio::test]
async fn a_log_that_was_tampered_with_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = open(&path).unwrap();
    log.append(vec![entry("a"), entry("b")]).await.unwrap().await.unwrap();
    drop(log);
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let Cut { _folder, path } = cut(&changed, b"");
        let error = open(&path).unwrap_err();
        assert!(matches!(error, AuditError::Tampered { .. }), "byte {at}: {error}");
        assert_eq!(fs::read(&path).unwrap(), changed);
    }
    let mut changed = bytes;
    changed[60] ^= 1;
    let Cut { _folder, path } = cut(&changed, b"");
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("was tampered with: record 1 at byte 26: it was changed"), "{error}");
}

#[tokio::test]
async fn a_long_log_is_taken_up_at_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = AuditLog::open(AuditOptions::at(&path).with_checkpoint_every(8)).unwrap();
    log.append((0..100).map(|at| entry(&at.to_string())).collect()).await.unwrap().await.unwrap();
    drop(log);
    let whole = check(&path);
    let log = AuditLog::open(AuditOptions::at(&path).with_checked_bytes(4000)).unwrap();
    assert_eq!(log.opened().head, whole.head);
    assert!((1..20).contains(&log.opened().verified), "{:?}", log.opened());
    log.append(vec![entry("after")]).await.unwrap().await.unwrap();
    drop(log);
    assert!(check(&path).is_intact(), "it goes on as if all of it had been read");
    // With no checkpoint in what is to be checked, all of it is.
    let log = AuditLog::open(AuditOptions::at(&path).with_checked_bytes(100)).unwrap();
    assert_eq!(log.opened().verified, check(&path).records);
}

#[tokio::test]
async fn erasing_leaves_the_chain_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = open(&path).unwrap();
    let about = |who: &str, text: &str, salt: u8| {
        let draft = Draft::new("test", Timestamp::EPOCH).with("who", who).with("why", text);
        let salt = |more| Salt::new([salt + more; 32]);
        draft.with_personal("/who", salt(0)).with_personal("/why", salt(100)).finish().unwrap()
    };
    let entries = vec![about("ada", "eve told ada", 1), about("eve", "adam", 2)];
    log.append(entries).await.unwrap().await.unwrap();
    let head = log.head();
    assert_eq!(log.erase_person("ada").await.unwrap(), 2);
    let left: Vec<String> = log.disclosures().unwrap().into_iter().map(|disclosure| disclosure.value).collect();
    assert_eq!(left, ["eve", "adam"]);
    assert!(log.verify(Verifier::new().with_head(head)).unwrap().is_intact());
    assert_eq!(log.head(), head);
    let first = &records(&log)[0];
    assert!(first.revealed(&log.disclosures().unwrap()).unwrap()["who"]["committed"].is_string());
    assert!(!fs::read_to_string(log.personal_path()).unwrap().contains("ada\""));
}

#[cfg(feature = "sign")]
#[tokio::test]
async fn a_signed_log_is_verified_by_its_key() {
    use orp_sdk::policy::audit::{Signer, SigningKey};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let signer = Arc::new(SigningKey::from_seed(&[1; 32]));
    let log = AuditLog::open(AuditOptions::at(&path).with_signer(signer.clone())).unwrap();
    log.append(vec![entry("a")]).await.unwrap().await.unwrap();
    log.checkpoint().await.unwrap();
    let report = log.verify(Verifier::new().with_key(signer.key())).unwrap();
    assert!(report.is_intact() && report.signatures_good == 1, "{report}");
    let other = SigningKey::from_seed(&[2; 32]).key();
    assert!(!log.verify(Verifier::new().with_key(other)).unwrap().is_intact());
}

// ---- the journal it follows -------------------------------------------------------------------------------------------

fn usd(text: &str) -> Money {
    format!("{text} USD").parse().unwrap()
}

/// What a run with one lease says, and things that are not audited between.
fn events() -> Vec<(Option<RunId>, Event)> {
    let ids = SeededIds::new(1);
    let (run, key) = (RunId::next(&ids), IdempotencyKey::new("key"));
    let requester = Principal::new("grace").unwrap();
    let intent = Intent::new(Goal::new("label")).with_requester(requester).with_name("for grace");
    let attempt = AttemptId { run, task: TaskName::new("ask").unwrap(), number: 1 };
    let talent = common::annotator();
    let offer = futures_util::FutureExt::now_or_never(talent.offers()).unwrap().unwrap().remove(0);
    let request = AcquireRequest::new(key.clone(), offer.key.offer.clone(), Tenant::new("vision").unwrap());
    let lease = Lease::new(LeaseId::next(&ids), &request, FencingToken(1), offer, Timestamp::EPOCH);
    let because = "grace may do this".into();
    let reason = Reason { rule: RuleId::new("all").unwrap(), because, remedy: None };
    let decision = PolicyDecision::new(Verdict::Permit, vec![reason], Digest::of(b""));
    let budgets = vec![BudgetSpec::new(BudgetName::new("month/grace").unwrap(), usd("9"), RuleId::new("b").unwrap())];
    let released = Released { at: Timestamp::EPOCH.after(Span::HOUR), reclaimed: false };
    let lease_id = lease.id;
    vec![
        (None, Event::IntentDeclared { id: IntentId::next(&ids), intent: Box::new(intent) }),
        (None, Event::PolicyDecided { point: PolicyPoint::Intent, subject: "x".into(), decision, asked: Vec::new() }),
        (Some(run), Event::BudgetReserved { key: key.clone(), amount: usd("5").into(), budgets }),
        (Some(run), Event::AttemptQueued { attempt: attempt.clone(), queue: Queue::Job, reason: "waits".into() }),
        (Some(run), Event::LeaseGranted { attempt: attempt.clone(), lease: Box::new(lease) }),
        (Some(run), Event::AttemptStarting { attempt }),
        (Some(run), Event::LeaseReleased { lease: lease_id, released, cost: usd("1.25") }),
        (Some(run), Event::Charged { what: "transfer of corpus@v3".into(), amount: usd("0.5") }),
        (Some(run), Event::BudgetSettled { key, spent: usd("1.75").into(), released: usd("3.25").into() }),
        (Some(run), Event::RunEnded { outcome: Outcome::Succeeded }),
    ]
}

async fn journal_of(events: &[(Option<RunId>, Event)]) -> MemoryJournal {
    let journal = MemoryJournal::default();
    for (at, (run, event)) in events.iter().enumerate() {
        let record = NewRecord { at: Timestamp::from_micros(at as i64), run: *run, event: event.clone() };
        journal.append(vec![record]).await.unwrap();
    }
    journal
}

/// What a log says, with what is kept out of it: all that must be the same after every crash.
fn said(log: &AuditLog) -> Vec<(Option<Sequence>, String, serde_json::Value)> {
    let disclosures = log.disclosures().unwrap();
    let records = records(log).into_iter().filter(|record| record.kind != kind::CHECKPOINT);
    records.map(|record| (record.journal, record.kind.clone(), record.revealed(&disclosures).unwrap())).collect()
}

#[tokio::test]
async fn a_journal_is_put_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_of(&events()).await;
    let log = open(&folder.path().join("audit.log")).unwrap();
    Follower::new(log.clone()).catch_up(&journal).await.unwrap();
    let said = said(&log);
    let kinds: Vec<(u64, &str)> = said.iter().map(|(journal, kind, _)| (journal.unwrap().0, kind.as_str())).collect();
    assert_eq!(
        kinds,
        [
            (1, "intent_declared"),
            (2, "policy_decided"),
            (3, "budget_reserved"),
            (5, "lease_granted"),
            (7, "charged"),
            (8, "charged"),
            (9, "budget_settled"),
            (10, "run_ended"),
        ]
    );
    let charge = &said[4].2;
    for (field, value) in
        [("amount", "1.25 USD"), ("service", "talent"), ("offer", "ada"), ("until", "1970-01-01T01:00:00Z")]
    {
        assert_eq!(charge[field], value, "{charge}");
    }
    // Who asked, who worked, and every text with a name in it is outside the chain.
    let bytes = fs::read(log.path()).unwrap();
    // A commitment in hexadecimal may have the letters of a bare name by chance.
    let text = String::from_utf8_lossy(&bytes);
    assert!(["\"ada\"", "/ada", "grace"].iter().all(|named| !text.contains(named)));
    let fields: BTreeSet<String> = log.disclosures().unwrap().into_iter().map(|disclosure| disclosure.field).collect();
    let expected = ["/budgets/0/name", "/name", "/offer", "/reasons/0/because", "/requester"];
    assert_eq!(fields, expected.map(str::to_owned).into());
    let csv = export::focus_csv(&records(&log), &export::FocusAccount::new("acme"), &[]).unwrap();
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.lines().nth(1).unwrap().starts_with("1.25,acme,,USD,1970-02-01T00:00:00Z,1970-01-01T00:00:00Z,Usage"));
}

#[tokio::test]
async fn a_crash_between_both_files_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_of(&events()).await;
    let log = AuditLog::open(AuditOptions::at(folder.path().join("audit.log")).with_checkpoint_every(3)).unwrap();
    Follower::new(log.clone()).catch_up(&journal).await.unwrap();
    let expected = said(&log);
    let (bytes, personal) = (fs::read(log.path()).unwrap(), fs::read(log.personal_path()).unwrap());
    let lines: Vec<Disclosure> = log.disclosures().unwrap();
    let ends = records(&log).into_iter().scan(26, |end, record| {
        let mut frame = Vec::new();
        record.encode(&mut frame);
        *end += frame.len();
        Some(*end)
    });
    for at in [0, 13, 26].into_iter().chain(ends.flat_map(|end| [end - 60, end - 1, end])) {
        let report = Verifier::new().check(&bytes[..at]);
        // What is kept out of a record is on disk before the record is, so that much is there; more may be, or half of it.
        let there = lines.iter().filter(|line| line.seq <= report.records).count();
        let least: usize = personal.split_inclusive(|byte| *byte == b'\n').take(there).map(<[u8]>::len).sum();
        for kept in [least, (least + 30).min(personal.len()), personal.len()] {
            let Cut { _folder, path } = cut(&bytes[..at], &personal[..kept]);
            let log = open(&path).unwrap();
            Follower::new(log.clone()).catch_up(&journal).await.unwrap();
            assert_eq!(said(&log), expected, "cut at {at}, personal data at {kept}");
            assert!(log.verify(Verifier::new()).unwrap().is_intact());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_in_any_order_leave_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
    let log = open(&folder.path().join("audit.log")).unwrap();
    let follower = Arc::new(Follower::new(log.clone()));
    let writers = (0..64u64).map(|writer| {
        let (journal, follower) = (journal.clone(), follower.clone());
        tokio::spawn(async move {
            for _ in 0..10 {
                let new = |reason: String| NewRecord {
                    at: Timestamp::EPOCH,
                    run: None,
                    event: Event::CancelRequested { reason },
                };
                let batch: Vec<NewRecord> = (0..=writer % 3).map(|at| new(format!("{writer} {at}"))).collect();
                let first = journal.append(batch.clone()).await.unwrap();
                // Others append, and bring theirs, before this one does; some never do.
                for _ in 0..writer % 5 {
                    tokio::task::yield_now().await;
                }
                let record = |(at, new): (usize, NewRecord)| {
                    let sequence = Sequence(first.0 + at as u64);
                    Record { sequence, at: new.at, run: new.run, event: new.event }
                };
                let records: Vec<Record> = batch.into_iter().enumerate().map(record).collect();
                let following = follower.follow(&*journal, &records);
                if writer % 7 == 0 {
                    let _ = tokio::time::timeout(std::time::Duration::from_micros(writer), following).await;
                } else {
                    following.await.unwrap();
                    assert!(follower.log().journal() >= records.last().map(|record| record.sequence));
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    follower.catch_up(&*journal).await.unwrap();
    let expected: Vec<u64> = (1..=journal.read(Sequence(1), usize::MAX).await.unwrap().len() as u64).collect();
    let found: Vec<u64> = said(&log).into_iter().map(|(journal, _, _)| journal.unwrap().0).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_log_of_another_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = open(&path).unwrap();
    Follower::new(log.clone()).catch_up(&journal_of(&events()).await).await.unwrap();
    drop(log);
    let shorter = journal_of(&events()[..3]).await;
    let error = Follower::new(open(&path).unwrap()).catch_up(&shorter).await.unwrap_err();
    assert!(matches!(error, AuditError::Foreign { audited: 10, last: 3, .. }), "{error}");
}

/// A fact too large for a record must neither stop the journal nor be missing.
#[tokio::test]
async fn a_fact_of_any_size_fits() {
    let folder = tempfile::tempdir().unwrap();
    let reason = |at: usize| Reason {
        rule: RuleId::new(format!("r{at}")).unwrap(),
        because: "\u{1}".repeat(5000),
        remedy: Some("x".repeat(5000)),
    };
    let decision = PolicyDecision::new(Verdict::Forbid, (0..500).map(reason).collect(), Digest::of(b""));
    let large =
        Event::PolicyDecided { point: PolicyPoint::Plan, subject: "ß".repeat(5000), decision, asked: Vec::new() };
    let long = Event::CancelRequested { reason: "ß".repeat(5000) };
    let journal = journal_of(&[(None, large), (None, long)]).await;
    let log = open(&folder.path().join("audit.log")).unwrap();
    Follower::new(log.clone()).catch_up(&journal).await.unwrap();
    let said = said(&log);
    assert!(said[0].1 == "policy_decided" && said[0].2["left_out"].as_u64().unwrap() > 64 * 1024);
    assert_eq!(said[1].2["reason"].as_str().unwrap().len(), 1000 + "…".len());
}

/// Every event is in the table by name: one that is new is noticed here, not in an audit.
#[test]
fn every_event_is_in_the_table() {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (events, table) = (read("orp-core/src/noun/event.rs"), read("src/audit/table.rs"));
    let body = events.split_once("pub enum Event {").unwrap().1.split("\n}").next().unwrap();
    let names = body.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"));
    let names: Vec<&str> = names.filter(|name| name.chars().all(char::is_alphanumeric)).collect();
    assert!(names.len() >= 22, "{names:?}");
    let missing: Vec<&&str> = names.iter().filter(|name| !table.contains(&format!("Event::{name} {{"))).collect();
    assert!(missing.is_empty(), "decide in `src/audit/table.rs` what is on record of {missing:?}");
}

// ---- the control plane --------------------------------------------------------------------------------------------------

const WRITES: &str = r#"
  - name: write
    claims: [{compute: {cpu: 1, memory: 64 MB}}]
    work: {fixed: 1s}
    run: {process: {program: sh, args: [-c, "echo one > $ORP_OUT/a"]}}
"#;

fn intent() -> Intent {
    Intent::new(Goal::new("write")).with_requester(Principal::new("grace").unwrap()).with_budget(usd("5"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_on_record_before_it_acts() {
    let house = House::new();
    let orp = house.builder(recipe("write", WRITES)).build().await.unwrap();
    let audit = orp.audit().unwrap().clone();
    let mut events = orp.events();
    let watching = audit.clone();
    let watch = tokio::spawn(async move {
        let mut told = BTreeMap::new();
        while let Some(event) = events.next().await {
            if let OrpEvent::Recorded(record) = event {
                told.insert(record.sequence, watching.journal());
                if matches!(record.event, Event::RunEnded { .. }) {
                    break;
                }
            }
        }
        told
    });
    let run = orp.submit(&intent()).await.unwrap();
    let state = run.wait().await.unwrap();
    assert_eq!(state.ended.as_ref().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded), "{:?}", state.ended);
    let told = watch.await.unwrap();
    let said = said(&audit);
    for (sequence, kind, _) in &said {
        let at = told.get(&sequence.unwrap()).unwrap();
        assert!(*at >= *sequence, "{kind} was told at {sequence:?}, the log was at {at:?}");
    }
    let kinds: Vec<&str> = said.iter().map(|(_, kind, _)| kind.as_str()).collect();
    for kind in [
        "intent_declared",
        "policy_decided",
        "run_started",
        "budget_reserved",
        "lease_granted",
        "charged",
        "budget_settled",
        "run_ended",
    ] {
        assert!(kinds.contains(&kind), "{kind} is missing: {kinds:?}");
    }
    assert_eq!(said.iter().find(|(_, kind, _)| kind == "run_started").unwrap().2["requester"], "grace");
    // The name is beside the log, and can be taken away for good.
    assert!(house.find("audit.log", "grace").is_empty() && !house.find("audit.log.personal", "grace").is_empty());
    assert!(audit.erase_person("grace").await.unwrap() >= 2);
    assert!(house.find("audit.log.personal", "grace").is_empty());
    assert!(audit.verify(Verifier::new().with_head(audit.head())).unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_brings_the_log_up_to_date_with_its_store() {
    let house = House::new();
    let path = house.path().join("orp/audit.log");
    {
        let orp = house.builder(recipe("write", WRITES)).without_audit().build().await.unwrap();
        assert!(orp.audit().is_none());
        orp.submit(&intent()).await.unwrap().wait().await.unwrap();
        orp.shutdown().await;
    }
    assert!(!path.exists());
    let before = {
        let orp = house.reopened().builder(recipe("write", WRITES)).build().await.unwrap();
        let said = said(orp.audit().unwrap());
        orp.shutdown().await;
        said
    };
    assert!(before.iter().any(|(_, kind, _)| kind == "run_ended"), "what happened without it is on record");
    // Half of it is lost; the next host has all of it again, elsewhere as well as here.
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let orp = house.reopened().builder(recipe("write", WRITES)).build().await.unwrap();
    assert!(orp.audit().unwrap().opened().cut.is_some());
    assert_eq!(said(orp.audit().unwrap()), before);
    orp.shutdown().await;
    let elsewhere = house.path().join("elsewhere/trail.log");
    let builder = house.reopened().builder(recipe("write", WRITES)).audit(AuditOptions::at(&elsewhere));
    let orp = builder.build().await.unwrap();
    assert_eq!(said(orp.audit().unwrap()), before);
    assert_eq!(orp.audit().unwrap().path(), elsewhere);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_refuses_a_log_that_was_tampered_with() {
    let house = House::new();
    let path = house.path().join("orp/audit.log");
    let orp = house.builder(recipe("write", WRITES)).build().await.unwrap();
    orp.submit(&intent()).await.unwrap().wait().await.unwrap();
    orp.shutdown().await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = house.reopened().builder(recipe("write", WRITES)).build().await.unwrap_err();
    assert!(matches!(&error, OrpError::Audit(AuditError::Tampered { .. })), "{error}");
    // As the error says: kept under another name, it is written anew from the journal.
    fs::rename(&path, path.with_extension("evidence")).unwrap();
    let orp = house.reopened().builder(recipe("write", WRITES)).build().await.unwrap();
    assert!(check(&path).is_intact() && said(orp.audit().unwrap()).len() > 5);
}

#[tokio::test]
async fn a_host_without_a_folder_has_no_log() {
    let orp = Orp::builder().build().await.unwrap();
    assert!(orp.audit().is_none());
}

/// The store and the log are two files: a store whose records were cut behind the log's back is noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_store_is_noticed() {
    let house = House::new();
    let orp = house.builder(recipe("write", WRITES)).build().await.unwrap();
    orp.submit(&intent()).await.unwrap().wait().await.unwrap();
    orp.shutdown().await;
    fs::remove_file(house.path().join("orp/orp.redb")).unwrap();
    drop(Store::open(house.path().join("orp/orp.redb")).unwrap());
    let error = house.reopened().builder(recipe("write", WRITES)).build().await.unwrap_err();
    assert!(error.to_string().contains("the journal ends at 0: they do not belong together"), "{error}");
}

/// A chain made elsewhere from the same entries is the same log: nothing of the machine gets into it.
#[tokio::test]
async fn the_same_entries_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let id = uuid::Uuid::from_u128(7);
    let log = AuditLog::open(AuditOptions::at(&path).with_id(id)).unwrap();
    log.append(vec![entry("a"), entry("b")]).await.unwrap().await.unwrap();
    let mut bytes = Vec::new();
    let mut chain = Chain::begin(orp_sdk::policy::audit::Header::new(id), &mut bytes);
    for text in ["a", "b"] {
        chain.append(&entry(text), &mut bytes);
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
