//! What this crate reads from outside, and what must hold whatever it is given. The tests of this folder call these, and so do
//! the fuzz targets in `fuzz/`. Each says whether its input was read.

use orp_core::prelude::*;
use orp_policy::audit::{Chain, Disclosure, Draft, Frame, Header, Report, Split, Verifier, export};
use orp_policy::guardrail::{
    Action, Channel, Checked, DetectorSpec, Detectors, Guardrail, GuardrailSpec, Guardrails, HOLD_LIMIT_BYTES, Outcome,
};
use orp_policy::{LoadError, PolicySet, Recorded, Simulation, TestReport, document, error::ERROR_LIMIT};
use serde_json::json;
use std::sync::LazyLock;

/// Rules of every effect and kind of condition, beside which tests, requests and records are read.
const RULES: &str = include_str!("documents/good-all-kinds.yaml");

static SET: LazyLock<PolicySet> = LazyLock::new(|| load(RULES).unwrap());

fn load(text: &str) -> Result<PolicySet, LoadError> {
    PolicySet::from_sources(&[Source::new("input", text)])
}

/// Policy documents of all kinds, in YAML or JSON.
pub(crate) fn documents(input: &[u8]) -> bool {
    let text = &*String::from_utf8_lossy(input);
    let _ = document::includes(&Source::new("input", text));
    let loaded = load(text);
    // How lines end says nothing, and reading again comes to the same.
    let again = load(&if text.contains('\r') { text.to_owned() } else { text.replace('\n', "\r\n") });
    match (loaded, again) {
        (Ok(set), Ok(again)) => {
            assert_eq!(set.version(), again.version());
            answers(&set);
            true
        }
        (Err(error), Err(_)) => {
            refused(&error, text);
            false
        }
        (one, other) => panic!("{:?} and {:?}", one.err(), other.err()),
    }
}

/// A `when`: an expression in CEL.
pub(crate) fn when(input: &[u8]) -> bool {
    let text = &*String::from_utf8_lossy(input);
    let rule = |when: &str| {
        json!({"apiVersion": "orp.policy/v1", "kind": "Rule", "metadata": {"id": "r"},
            "spec": {"effect": "deny", "actions": ["*"], "when": when}})
        .to_string()
    };
    let document = rule(text);
    match load(&document) {
        Ok(set) => {
            answers(&set);
            // What is denied twice is what was said, unless it is too much then.
            match load(&rule(&format!("!(!(\n{text}\n))"))) {
                Ok(twice) => assert_eq!(set.version(), twice.version()),
                Err(error) => {
                    assert!(error.to_string().contains("at most") || error.to_string().contains("deep"), "{error}")
                }
            }
            true
        }
        Err(error) => {
            refused(&error, &document);
            false
        }
    }
}

/// A `where`: a map of facts to what they must be.
pub(crate) fn clauses(input: &[u8]) -> bool {
    let text = &*String::from_utf8_lossy(input);
    let rule = "apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {id: r}\nspec:\n  effect: deny\n  actions: [\"*\"]\n  where:\n";
    let lines: String = text.split_inclusive('\n').map(|line| format!("    {line}")).collect();
    let document = format!("{rule}{lines}");
    match load(&document) {
        Ok(set) => {
            answers(&set);
            true
        }
        Err(error) => {
            refused(&error, &document);
            false
        }
    }
}

/// `PolicyTest` documents, beside some rules.
pub(crate) fn tests(input: &[u8]) -> bool {
    let document = format!("{RULES}\n---\n{}", String::from_utf8_lossy(input));
    match load(&document) {
        Ok(set) => {
            let report = set.run_tests();
            assert_eq!(report, set.run_tests());
            let json = serde_json::to_string(&report).unwrap();
            assert_eq!(serde_json::from_str::<TestReport>(&json).unwrap(), report, "{json}");
            let _ = report.to_string();
            set.tests().iter().flat_map(|test| test.requests()).take(20).for_each(|request| answer(&set, &request));
            true
        }
        Err(error) => {
            refused(&error, &document);
            false
        }
    }
}

/// A request as JSON.
pub(crate) fn requests(input: &[u8]) -> bool {
    match serde_json::from_slice::<PolicyRequest>(input) {
        Ok(request) => {
            let json = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<PolicyRequest>(&json).unwrap(), request, "{json}");
            answer(&SET, &request);
            true
        }
        Err(error) => {
            assert!(error.line() > 0, "{error}");
            false
        }
    }
}

/// A log of requests and decisions: whether all of it was read.
pub(crate) fn records(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let (mut simulation, mut again) = (Simulation::new(&SET), Simulation::new(&SET));
    let mut was_read = true;
    for (number, line) in (1..).zip(text.lines()) {
        match Recorded::read("input", number, line) {
            Ok(recorded) => {
                assert_eq!(Recorded::read("again", 1, &recorded.to_line()).as_ref(), Ok(&recorded));
                assert_eq!(simulation.replay(&recorded), again.replay(&recorded));
            }
            Err(error) => {
                was_read = false;
                let width = line.len() as u64 + 1;
                assert!(error.line == Some(number) && error.column.is_some_and(|column| (1..=width).contains(&column)));
                assert!(error.to_string().starts_with(&format!("input:{number}:")), "{error}");
            }
        }
    }
    let report = simulation.finish();
    assert_eq!(report, again.finish());
    let _ = report.to_string();
    was_read
}

/// An audit log, as it is and with its chain made right again: whether nothing is wrong with it as it is.
pub(crate) fn logs(input: &[u8]) -> bool {
    let report = verified(input);
    if let Some(sealed) = sealed(input) {
        let _ = verified(&sealed);
    }
    report.is_intact() && report.torn.is_none()
}

fn verified(bytes: &[u8]) -> Report {
    let report = Verifier::new().check(bytes);
    assert_eq!(report.bytes, bytes.len() as u64);
    let (mut verifier, mut encoded) = (Verifier::new(), Vec::new());
    // In pieces of other lengths; every record handed on is written as it was, and can be exported.
    for piece in bytes.chunks(1 + bytes.len() / 7) {
        verifier.feed_each(piece, |frame| {
            let Ok(record) = frame.record() else { return };
            encoded.clear();
            record.encode(&mut encoded);
            let Split::Whole(again, []) = Frame::split(&encoded) else { panic!("{record} is no frame") };
            assert_eq!((again.record().as_ref(), again.stored()), (Ok(&record), frame.computed()));
            let _ = (record.checkpoint(), record.revealed(&[]), export::json_line(&record, &[]));
            let _ = export::cloud_event(&record, &Header::new(uuid::Uuid::nil()), &[]);
            let _ = export::focus_row(&record, &export::FocusAccount::new("account"), &[]);
        });
    }
    assert_eq!(verifier.finish(), report);
    let _ = report.to_string();
    if let Some(header) = report.header {
        let from = bytes.len() / 3;
        let mut end = Verifier::of_end(header, from as u64);
        end.feed(&bytes[from..]);
        let _ = end.finish();
    }
    // What is intact goes on, and is what it was.
    let whole = bytes.len() - report.torn.map_or(0, |torn| torn.bytes as usize);
    let (head, records) = (report.head, report.records);
    if let Some(mut chain) = report.clone().into_chain() {
        let mut longer = bytes[..whole].to_vec();
        chain.append(&Draft::new("test", Timestamp::EPOCH).finish().unwrap(), &mut longer);
        chain.append_checkpoint(None, &mut longer);
        let longer = Verifier::new().with_head(head).check(&longer);
        assert!(longer.is_intact() && longer.records == records + 2, "{longer}");
    }
    report
}

/// The log of the records of another, which a verifier may find anything wrong with but their hashes.
fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = Header::split(bytes).ok()?;
    let mut sealed = Vec::new();
    let mut last = Chain::begin(header, &mut sealed).last();
    while let Split::Whole(frame, after) = Frame::split(rest) {
        rest = after;
        let Ok(mut record) = frame.record() else { continue };
        record.prev = last;
        let from = sealed.len();
        record.encode(&mut sealed);
        let Split::Whole(frame, []) = Frame::split(&sealed[from..]) else { panic!("{record} is no frame") };
        last = frame.stored();
    }
    Some(sealed)
}

/// A disclosure as JSON.
pub(crate) fn disclosures(input: &[u8]) -> bool {
    match serde_json::from_slice::<Disclosure>(input) {
        Ok(disclosure) => {
            let json = serde_json::to_string(&disclosure).unwrap();
            assert_eq!(serde_json::from_str::<Disclosure>(&json).unwrap(), disclosure, "{json}");
            let mut log = Vec::new();
            let mut chain = Chain::begin(Header::new(uuid::Uuid::nil()), &mut log);
            chain.append(&Draft::new("test", Timestamp::EPOCH).with("who", "ada").finish().unwrap(), &mut log);
            let Ok((_, frames)) = Header::split(&log) else { panic!("a header") };
            let Split::Whole(frame, _) = Frame::split(frames) else { panic!("a frame") };
            let revealed = frame.record().unwrap().revealed(std::slice::from_ref(&disclosure));
            assert!(revealed.is_err() || disclosure.seq != 1, "nothing there is committed to");
            true
        }
        Err(error) => {
            assert!(error.line() > 0, "{error}");
            false
        }
    }
}

/// All detectors on a text, whole and in pieces: whether it goes on as it is.
pub(crate) fn texts(input: &[u8]) -> bool {
    static ALL: LazyLock<[Guardrail; 2]> = LazyLock::new(|| {
        [Action::Mask, Action::Block].map(|action| {
            let detectors = Detectors::builtin();
            let spec = GuardrailSpec::new([Channel::Output], detectors.names().map(DetectorSpec::new), action);
            Guardrail::compile(RuleId::new("all").unwrap(), &spec, &detectors).unwrap()
        })
    });
    let (text, [mask, block]) = (&*String::from_utf8_lossy(input), &*ALL);
    let masked = checked(&Guardrails::new([mask]), text);
    // What is masked holds nothing more, and what is blocked holds something.
    let again = mask.check(Channel::Output, &masked.text);
    assert!(again.findings.is_empty() && again.text == masked.text, "{again:?} of {masked:?}");
    let is_clean = masked.outcome == Outcome::Pass;
    assert_eq!(block.check(Channel::Output, text).outcome == Outcome::Pass, is_clean);
    is_clean
}

/// What guardrails make of a text, which is the same however it comes in pieces.
fn checked<'t>(guardrails: &Guardrails<'_>, text: &'t str) -> Checked<'t> {
    let whole = guardrails.check(Channel::Output, text);
    let ends = || whole.findings.iter().flat_map(|finding| [finding.start, finding.end]);
    assert!(ends().all(|end| text.is_char_boundary(end)), "{whole:?}");
    let (mut stream, mut rest, mut out) = (guardrails.stream(Channel::Output), text, String::new());
    for length in (1..).map(|step| 1 + step * step % 23) {
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(end, _)| end);
        let (piece, after) = rest.split_at(end);
        out += &stream.push(piece).text;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    let last = stream.finish();
    out += &last.text;
    if text.len() > HOLD_LIMIT_BYTES && last.outcome == Outcome::Block {
        // More was to be held back than is: a text in pieces may be refused where the whole is not.
        return whole;
    }
    assert_eq!((last.outcome, &last.reasons), (whole.outcome, &whole.reasons));
    assert!(whole.outcome > Outcome::Masked || out == whole.text, "{out:?} and {whole:?}");
    whole
}

// ---- what holds of every set and every error ------------------------------------------------------------------------------

/// A set answers, and the same every time, whoever asks.
fn answers(set: &PolicySet) {
    static REQUESTS: LazyLock<Vec<PolicyRequest>> = LazyLock::new(|| {
        let known = PolicyRequest::new(PolicyPoint::Run, "fine_tune", Timestamp::from_micros(1_800_000_000_000_000))
            .with_fact("project.id", "vision")
            .with_fact("requester", "ada")
            .with_fact("dataset.name", "tickets")
            .with_fact("dataset.class", DataClass::Confidential)
            .with_fact("model.visibility", "public")
            .with_fact("resource.kind", "gpu")
            .with_fact("priority", 5)
            .with_fact("cost", Money::from_micros(2_000_000_000, Currency::USD));
        let mut broken = known.clone().with_fact("dataset.class", "secret").with_fact("cost", 5);
        broken.point = PolicyPoint::Place;
        vec![PolicyRequest::new(PolicyPoint::Intent, "x", Timestamp::EPOCH), known, broken]
    });
    REQUESTS.iter().for_each(|request| answer(set, request));
    let _ = set.explain(&REQUESTS[1]).to_string();
    checked(&Guardrails::new(set.all_guardrails()), "mail ada@example.org or pay DE89 3704 0044 0532 0130 00 now");
}

fn answer(set: &PolicySet, request: &PolicyRequest) {
    let decision = set.decide(request);
    assert_eq!(set.decide(request), decision);
    assert_eq!(set.judge(request).decision, decision);
    assert!(!decision.reasons.is_empty() && decision.policy == set.version());
    let open = ["cost", "dataset.class"];
    assert_eq!(set.narrow(request, &open).decide(&request.facts), decision);
    let _ = (set.budgets(request), decision.to_string());
}

/// Every error has a place in the text, and can be printed.
fn refused(error: &LoadError, text: &str) {
    assert!((1..=ERROR_LIMIT).contains(&error.errors().len()) && !error.to_string().is_empty());
    error.errors().iter().for_each(|error| has_place(error, text));
}

fn has_place(error: &DocumentError, text: &str) {
    let lines = text.split(['\n', '\r']).count() as u64;
    let is_in =
        |line: u64, column: u64| (1..=lines + 1).contains(&line) && (1..=text.len() as u64 + 1).contains(&column);
    assert!(error.line.zip(error.column).is_some_and(|(line, column)| is_in(line, column)), "{error:?}");
    assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
}
