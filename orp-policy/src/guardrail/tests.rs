//! What documents say and how guardrails speak together, case by case.

use super::*;
use orp_core::contract::{Confidence, Detector, Finding, FindingKind};
use orp_core::document::Source;
use orp_core::id::RuleId;
use orp_core::memory::MemoryDetector;
use std::borrow::Cow;
use std::sync::Arc;

/// The guardrails of YAML lists, called `a`, `b`, …
fn guardrails<const COUNT: usize>(specs: [&str; COUNT]) -> [Guardrail; COUNT] {
    let names = MemoryDetector::new(FindingKind::from_static("codename")).with_word("Heron").unwrap();
    let detectors = Detectors::builtin().with(Arc::new(names)).unwrap();
    let mut ids = 'a'..='z';
    specs.map(|spec| {
        let id = RuleId::new(ids.next().unwrap()).unwrap();
        let spec = Source::new("spec", &format!("{{{spec}}}")).parse::<GuardrailSpec>().unwrap();
        Guardrail::compile(id, &spec, &detectors).unwrap()
    })
}

const TEXT: &str = "Ada (ada@example.org) pays with 4111 1111 1111 1111.";

#[track_caller]
fn says(specs: &[&str], text: &str, outcome: Outcome, out: &str, reasons: &[&str]) {
    let all: Vec<Guardrail> = specs.iter().flat_map(|spec| guardrails([*spec])).collect();
    let checked = Guardrails::new(&all).check(Channel::Input, text);
    assert_eq!((checked.outcome, &*checked.text), (outcome, out), "{specs:?}");
    let found: Vec<String> = checked.reasons.iter().map(|reason| reason.because.clone()).collect();
    assert_eq!(found, reasons, "{specs:?}");
}

#[test]
fn each_action_does_what_it_says() {
    let spec = |action: &str| format!("applies: [input], detectors: [email], action: {action}");
    let masked = "Ada ([email]) pays with 4111 1111 1111 1111.";
    for (action, outcome, out) in [
        ("mask", Outcome::Masked, masked),
        ("drop", Outcome::Dropped, ""),
        ("ask", Outcome::Ask, ""),
        ("block", Outcome::Block, ""),
    ] {
        says(&[&spec(action)], TEXT, outcome, out, &["found email in the input"]);
        says(&[&spec(action)], "nothing", Outcome::Pass, "nothing", &[]);
    }
    says(&[], TEXT, Outcome::Pass, TEXT, &[]);
}

#[test]
fn the_strictest_word_is_the_outcome() {
    let [mask, drop] =
        ["applies: [input], detectors: [email], action: mask", "applies: [input], detectors: [card], action: drop"];
    let [ask, block] =
        ["applies: [input], detectors: [card], action: ask", "applies: [input], detectors: [card], action: block"];
    let found = "found card in the input";
    says(&[mask, drop], TEXT, Outcome::Dropped, "", &[found]);
    says(&[drop, ask, mask], TEXT, Outcome::Ask, "", &[found]);
    says(&[block, ask, drop], TEXT, Outcome::Block, "", &[found]);
    let other = "applies: [output, tool_call, dataset, publish], detectors: [card], action: block";
    says(&[other], TEXT, Outcome::Pass, TEXT, &[]);
}

#[test]
fn words_are_printed_as_people_read_them() {
    let outcomes = [Outcome::Pass, Outcome::Masked, Outcome::Dropped, Outcome::Ask, Outcome::Block];
    assert_eq!(outcomes.map(|outcome| outcome.to_string()), ["pass", "masked", "dropped", "ask", "block"]);
    let channels = [Channel::Input, Channel::Output, Channel::ToolCall, Channel::Dataset, Channel::Publish];
    let printed = channels.map(|channel| channel.to_string());
    assert_eq!(printed, ["input", "output", "tool call", "data set", "publication"]);
}

#[test]
fn what_was_approved_goes_on_masked() {
    let all = guardrails([
        "applies: [input], detectors: [email], action: mask",
        "applies: [input], detectors: [card], action: ask",
        "applies: [input], detectors: [iban], action: block",
    ]);
    let together = Guardrails::new(&all);
    let approved = together.check_approved(Channel::Input, TEXT);
    assert_eq!((approved.outcome, &*approved.text), (Outcome::Masked, "Ada ([email]) pays with 4111 1111 1111 1111."));
    assert_eq!(approved.findings.len(), 2);
    let blocked = together.check_approved(Channel::Input, "to BE68539007547034");
    assert_eq!((blocked.outcome, &*blocked.text), (Outcome::Block, ""));
    let only = Guardrails::new(&all[1..2]).check_approved(Channel::Input, TEXT);
    assert_eq!((only.outcome, only.reasons.len()), (Outcome::Pass, 0));
    assert!(matches!(only.text, Cow::Borrowed(TEXT)));
}

#[test]
fn findings_are_told_and_counted() {
    let [all] =
        guardrails(["applies: [input], detectors: [email, card, phone], action: mask, because: '{found}: {channel}!'"]);
    let checked = all.check(Channel::Input, "a@b.co, c@d.eu, 4111 1111 1111 1111");
    let found: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["email at 0..6 (certain)", "email at 8..14 (certain)", "card at 16..35 (likely)"]);
    assert_eq!(checked.reasons[0].because, "card, 2 email: input!");
}

#[test]
fn what_is_allowed_or_not_certain_enough_stays() {
    let allow = "applies: [input], detectors: [email], action: mask, allow: [ada@example.org]";
    says(
        &[allow],
        "ada@example.org, Ada@example.org",
        Outcome::Masked,
        "ada@example.org, [email]",
        &["found email in the input"],
    );
    let least = "applies: [input], detectors: [{detector: phone, min_confidence: likely}], action: mask";
    says(
        &[least],
        "030 1234567, +49 30 123456",
        Outcome::Masked,
        "030 1234567, [phone]",
        &["found phone in the input"],
    );
    let countries = "applies: [input], detectors: [{detector: national_id, countries: [es]}], action: mask";
    says(
        &[countries],
        "12345678Z 86095742719",
        Outcome::Masked,
        "[national_id.es] 86095742719",
        &["found national_id.es in the input"],
    );
}

#[test]
fn more_places_than_the_limit_block() {
    let spec = "applies: [input], detectors: [email, codename], action: mask, limit: 1";
    says(&[spec], "a@b.co", Outcome::Masked, "[email]", &["found email in the input"]);
    // Findings that overlap are one place.
    says(&[spec], "Heron@b.co", Outcome::Masked, "[email]", &["found codename, email in the input"]);
    says(&[spec], "a@b.co c@d.eu", Outcome::Block, "", &["found 2 email in the input (more than 1 places)"]);
    let none = "applies: [input], detectors: [email], action: ask, limit: 0";
    says(&[none], "a@b.co", Outcome::Block, "", &["found email in the input (more than 0 places)"]);
}

#[test]
fn the_mask_that_keeps_least_is_shown() {
    let plain = "applies: [input], detectors: [card], action: mask";
    let keeps = |last: u8| format!("applies: [input], detectors: [card], action: mask, mask: {{keep_last: {last}}}");
    let found = "found card in the input";
    let text = "4111 1111 1111 1111";
    says(&[plain, &keeps(4)], text, Outcome::Masked, "[card]", &[found, found]);
    says(&[&keeps(4), &keeps(2)], text, Outcome::Masked, "[card …11]", &[found, found]);
    let words = |words: &str| format!("applies: [input], detectors: [card], action: mask, mask: {{with: '[{words}]'}}");
    says(&[&words("b"), &words("a"), &words("c")], text, Outcome::Masked, "[a]", &[found, found, found]);
    // What overlaps is one place, shown as its longest part.
    let names = "applies: [input], detectors: [codename], action: mask";
    let email = "applies: [input], detectors: [email], action: mask";
    let reasons = &["found codename in the input", "found email in the input"];
    says(&[names, email], "x Heron@b.co y", Outcome::Masked, "x [email] y", reasons);
    says(&[names, email], "x a@b.Heron y", Outcome::Masked, "x [email] y", reasons);
    let keeps = format!("{email}, mask: {{keep_last: 2}}");
    says(&[names, &keeps], "x Heron@b.co y", Outcome::Masked, "x [codename] y", reasons);
}

#[test]
fn what_overlaps_a_finding_that_counts_is_hidden_with_it() {
    let spec = "applies: [input], detectors: [codename, email], action: mask, allow: [ada.Heron@b.co]";
    says(&[spec], "ada.Heron@b.co", Outcome::Masked, "[codename]", &["found codename in the input"]);
}

#[test]
fn a_text_beyond_the_limit_is_blocked() {
    let specs = ["applies: [input], detectors: [email], action: mask"; 2];
    let long = "x".repeat(TEXT_LIMIT_BYTES + 1);
    let because = "the text has 16777217 bytes, at most 16777216 are judged";
    says(&specs, &long, Outcome::Block, "", &[because, because]);
    says(&specs, &long[1..], Outcome::Pass, &long[1..], &[]);
    says(&[], &long, Outcome::Pass, &long, &[]);
}

#[test]
fn a_value_before_a_masked_telephone_number_stays_none() {
    // It is taken for a call, with the number and with its mask.
    let [all] = guardrails(["applies: [input], detectors: [secret, phone], action: mask"]);
    let checked = all.check(Channel::Input, "password=hunter2(212) 555-0100");
    assert_eq!(checked.text, "password=hunter2[phone]");
    assert_eq!(all.check(Channel::Input, &checked.text).outcome, Outcome::Pass);
}

#[test]
fn a_telephone_number_is_found_right_behind_an_address() {
    // As it is behind the address's mask, and in a stream that is cut before its plus.
    let [all] = guardrails(["applies: [input], detectors: [email, phone], action: mask"]);
    assert_eq!(all.check(Channel::Input, "ada@example.org+49 30 123456").text, "[email][phone]");
}

/// Finds what it likes.
#[derive(Debug)]
struct Bent {
    findings: Vec<(usize, usize)>,
    settled: usize,
}

const BENT: FindingKind = FindingKind::from_static("bent");

impl Detector for Bent {
    fn name(&self) -> &str {
        "bent"
    }

    fn kinds(&self) -> &[FindingKind] {
        const KINDS: &[FindingKind] = &[BENT];
        KINDS
    }

    fn find(&self, _text: &str) -> Vec<Finding> {
        self.findings.iter().map(|(start, end)| Finding::new(*start, *end, BENT, Confidence::Likely)).collect()
    }

    fn settled(&self, _text: &str) -> usize {
        self.settled
    }
}

fn bent(findings: &[(usize, usize)], settled: usize) -> Guardrail {
    let detectors = Detectors::builtin().with(Arc::new(Bent { findings: findings.into(), settled })).unwrap();
    let spec = GuardrailSpec::new([Channel::Input], [DetectorSpec::new("bent")], Action::Mask);
    Guardrail::compile(RuleId::new("bent").unwrap(), &spec, &detectors).unwrap()
}

#[test]
fn a_detector_that_breaks_its_laws_blocks() {
    for findings in [&[(0, 0)][..], &[(0, 9)], &[(1, 2)], &[(3, 4), (2, 3)], &[(2, 4), (3, 5)], &[(3, 2)]] {
        let checked = bent(findings, 0).check(Channel::Input, "éabcd");
        assert_eq!((checked.outcome, &*checked.text), (Outcome::Block, ""), "{findings:?}");
        let because = "rule `bent`: the detector `bent` found what is no part of the text (DET-1, DET-2)";
        assert_eq!(checked.reasons[0].to_string(), because);
    }
    assert_eq!(bent(&[(2, 3), (3, 4)], 0).check(Channel::Input, "éabcd").text, "é[bent][bent]cd");
    for settled in [1, 9] {
        let guardrail = bent(&[], settled);
        let mut stream = Guardrails::new([&guardrail]).stream(Channel::Input);
        let checked = stream.push("éabcd");
        assert_eq!((checked.outcome, &*checked.text), (Outcome::Block, ""), "{settled}");
        assert!(checked.reasons[0].because.ends_with("where no character ends (DET-7)"));
        assert_eq!(stream.outcome(), Outcome::Block);
        assert_eq!((&*stream.push("more").text, &*stream.finish().text), ("", ""));
    }
}

#[test]
fn a_stream_lets_go_what_is_settled() {
    let all =
        guardrails(["applies: [input], detectors: [email, card, national_id, phone, iban, ip, secret], action: mask"]);
    let mut stream = Guardrails::new(&all).stream(Channel::Input);
    stream.push("4111 11");
    assert_eq!(format!("{stream:?}"), "GuardStream { outcome: Pass, held: 7, .. }");
    let mut stream = Guardrails::new(&all).stream(Channel::Input);
    let text = "It is said that Ada has 4111 1111 1111 1111 and no more than that to say, so far.";
    let mut lag = 0;
    let (mut came, mut gone) = (0, String::new());
    for piece in text.split_inclusive(' ') {
        gone += &stream.push(piece).text;
        came += piece.len();
        lag = lag.max(came - gone.len());
    }
    assert!(lag <= 40, "{lag} bytes were held back");
    gone += &stream.finish().text;
    assert_eq!(gone, text.replace("4111 1111 1111 1111", "[card]"));
}

#[test]
fn a_stream_ends_where_it_is_stopped() {
    let all = guardrails([
        "applies: [input], detectors: [email], action: mask",
        "applies: [input], detectors: [codename], action: drop",
        "applies: [input], detectors: [card], action: block, because: 'no {found}'",
    ]);
    let mut stream = Guardrails::new(&all).stream(Channel::Input);
    let first = stream.push("a@b.co and Heron and Heron; c@d.eu ");
    assert_eq!((&*first.text, first.outcome), ("[email] and ", Outcome::Dropped));
    let second = stream.push("and 4111 1111 1111 1111\n");
    assert_eq!(&*second.text, "");
    let last = stream.finish();
    assert_eq!((&*last.text, last.outcome, &*last.reasons[0].because), ("", Outcome::Block, "no card"));
    let places: Vec<usize> =
        [first, second, last].iter().flat_map(|checked| &checked.findings).map(|finding| finding.start).collect();
    assert_eq!(places, [0, 11, 21, 28, 39]);
    // A place that is stopped in is not shown half.
    let mut stream = Guardrails::new(&all).stream(Channel::Input);
    let first = stream.push("x ada.Heron@b.co y");
    let last = stream.finish();
    assert_eq!((&*(first.text + &*last.text), last.outcome), ("x ", Outcome::Dropped));
    // One that ends where the text is stopped is shown whole.
    let all = guardrails([
        "applies: [input], detectors: [codename], action: mask",
        "applies: [input], detectors: [phone], action: drop",
    ]);
    let mut stream = Guardrails::new(&all).stream(Channel::Input);
    let first = stream.push("x Heron+493012345678 y");
    let last = stream.finish();
    assert_eq!((&*(first.text + &*last.text), last.outcome), ("x [codename]", Outcome::Dropped));
}

#[test]
fn a_stream_that_cannot_be_judged_is_blocked() {
    let all = guardrails(["applies: [input], detectors: [email], action: mask"]);
    let mut stream = Guardrails::new(&all).stream(Channel::Input);
    let mut checked = stream.push("a@b.co ");
    for _ in 0..70 {
        checked = stream.push(&"x".repeat(1000));
    }
    assert_eq!(checked.outcome, Outcome::Block);
    assert!(
        checked.reasons[0]
            .because
            .ends_with("bytes cannot be judged before more text comes, at most 65536 are held back")
    );
    assert_eq!((&*stream.push(" and more").text, stream.finish().outcome), ("", Outcome::Block));
    let mut stream = Guardrails::new(&all).stream(Channel::Input);
    let long = "x ".repeat(TEXT_LIMIT_BYTES / 2 + 1);
    assert_eq!(stream.push(&long).outcome, Outcome::Block);
    // In one piece, a long text is settled but for its end.
    let mut stream = Guardrails::new(&all).stream(Channel::Input);
    assert_eq!(stream.push(&long[2..]).text.len(), long.len() - 3);
    let none: [Guardrail; 0] = [];
    let mut stream = Guardrails::new(&none).stream(Channel::Input);
    assert_eq!((&*stream.push("a@b.co").text, stream.finish().outcome), ("a@b.co", Outcome::Pass));
}

#[test]
fn documents_that_do_not_work_say_why_and_where() {
    for (spec, place, message) in [
        (
            "applies: []\ndetectors: [email]\naction: mask",
            (1, 10),
            "it applies to nothing: expected at least one of input, output, tool_call, dataset, publish",
        ),
        (
            "applies: [input]\ndetectors: []\naction: mask",
            (2, 12),
            "it looks for nothing: expected at least one of card, email, iban, ip, national_id, phone, secret",
        ),
        (
            "applies: [input]\ndetectors: [email, emial]\naction: mask",
            (2, 20),
            "unknown detector `emial`: expected one of card, email, iban, ip, national_id, phone, secret",
        ),
        (
            "applies: [input]\ndetectors:\n  - email\n  - {detector: email}\naction: mask",
            (4, 5),
            "`email` stands there twice: expected it once",
        ),
        (
            "applies: [input]\ndetectors: [{detector: email, countries: [de]}]\naction: mask",
            (2, 13),
            "`email` is of no country: expected `countries` beside `national_id` only",
        ),
        (
            "applies: [input]\ndetectors: [{detector: national_id, countries: [uk]}]\naction: mask",
            (2, 13),
            "no rule for `uk`: expected any of be, br, ca, ch, cn, de, es, fi, fr, gb, in, it, nl, no, pl, se, us",
        ),
        (
            "applies: [input]\ndetectors: [email]\naction: block\nmask: {keep_last: 2}",
            (4, 7),
            "a mask without `action: mask`: expected no mask, or that action",
        ),
        (
            "applies: [input]\ndetectors: [email]\naction: mask\nmask: {with: email}",
            (4, 7),
            "`email` is not in brackets: expected words in `[…]`, `(…)` or `<…>`",
        ),
        (
            "applies: [input]\ndetectors: [email]\naction: block\nlimit: 3",
            (4, 8),
            "a limit beside `action: block`, which tolerates nothing: expected another action",
        ),
        (
            "applies: [input]\ndetectors: [email]\naction: mask\nbecause: ' '",
            (4, 10),
            "an empty text: expected why the guardrail speaks, or no text at all",
        ),
        (
            "applies: [input]\ndetectors: [email]\naction: mask\nbecause: 'a {fact}'",
            (4, 10),
            "`{fact}` is filled with nothing: expected `{found}`, `{channel}`",
        ),
        (
            "applies: [input]\ndetectors: [email]\naction: mask\nallow: ['']",
            (2, 12),
            "`allow` has `` in it: expected texts that are found",
        ),
    ] {
        let parsed = Source::new("g.yaml", spec).parse::<GuardrailSpec>().unwrap();
        let error = Guardrail::compile(RuleId::new("g").unwrap(), &parsed, &Detectors::builtin()).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!((error.line(), error.column()), (Some(place.0), Some(place.1)), "{spec}");
    }
}

#[test]
fn documents_that_cannot_be_read_say_why_and_where() {
    for (spec, message) in [
        ("applies: [inptu]", "g.yaml:1:11: unknown variant `inptu`"),
        ("detector: [email]", "g.yaml:1:1: unknown field `detector`"),
        ("applies: [input]\naction: maks", "g.yaml:2:9: unknown variant `maks`"),
        ("applies: [input]\ndetectors: [{name: email}]", "g.yaml:2:14: unknown field `name`"),
        ("applies: [input]\ndetectors: [[email]]", "g.yaml:2:13: invalid type"),
        (
            "applies: [input]\ndetectors: [{detector: email, min_confidence: sure}]",
            "g.yaml:2:47: unknown variant `sure`",
        ),
        ("applies: [input]\ndetectors: [email]\naction: mask\nmask: {width: 4}", "g.yaml:4:8: unknown field `width`"),
        ("applies: [input]\ndetectors: [email]\naction: mask\nmask:", "g.yaml:4"),
        ("applies: [input]\ndetectors: [email]\naction: mask\nlimit: -1", "g.yaml:4:8"),
        ("applies: [input]\ndetectors: [email]\n", "g.yaml:2:1: missing field `action`"),
    ] {
        let error = Source::new("g.yaml", spec).parse::<GuardrailSpec>().unwrap_err().to_string();
        assert!(error.starts_with(message), "{spec}\n{error}");
    }
}

#[test]
fn a_mask_that_a_detector_finds_is_refused() {
    let names = MemoryDetector::new(FindingKind::from_static("codename")).with_word("hidden").unwrap();
    let detectors = Detectors::builtin().with(Arc::new(names)).unwrap();
    let spec = |mask: &str| {
        GuardrailSpec::new([Channel::Input], [DetectorSpec::new("codename")], Action::Mask)
            .with_mask(MaskSpec::new(mask))
    };
    let compile = |mask: &str| Guardrail::compile(RuleId::new("g").unwrap(), &spec(mask), &detectors);
    let error = compile("[hidden {kind}]").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the detector `codename` finds something in the mask `[hidden codename]`: expected other words"
    );
    assert_eq!((error.line(), error.column()), (None, None));
    assert!(compile("[gone]").is_ok());
}

#[test]
fn registered_detectors_are_checked() {
    let named = |name: &'static str| {
        let detector = MemoryDetector::new(FindingKind::from_static(name)).with_word("?").unwrap();
        Detectors::builtin().with(Arc::new(detector)).map(|_| ()).unwrap_err()
    };
    assert_eq!(named("email"), "there is a detector `email` already: expected another name");

    #[derive(Debug)]
    struct Odd(&'static str, &'static [FindingKind]);
    impl Detector for Odd {
        fn name(&self) -> &str {
            self.0
        }
        fn kinds(&self) -> &[FindingKind] {
            self.1
        }
        fn find(&self, _text: &str) -> Vec<Finding> {
            Vec::new()
        }
    }
    let odd = |name, kinds| Detectors::builtin().with(Arc::new(Odd(name, kinds))).map(|_| ()).unwrap_err();
    assert_eq!(
        odd("A b", const { &[BENT] }),
        "a detector cannot be called `A b`: expected a word like `email` or `acme.codename`"
    );
    assert_eq!(odd("odd", &[]), "the detector `odd` finds nothing: expected at least one kind");
    assert_eq!(Odd("odd", &[]).settled("x"), 0);
}

#[cfg(feature = "schema")]
#[test]
fn the_schema_knows_every_field() {
    let schema = schemars::schema_for!(GuardrailSpec).to_value();
    for field in ["applies", "detectors", "action", "mask", "allow", "limit", "because", "remedy"] {
        assert!(schema["properties"][field].is_object(), "{field}");
    }
    assert_eq!(schema["additionalProperties"], serde_json::json!(false));
    assert_eq!(schema["required"], serde_json::json!(["applies", "detectors", "action"]));
    assert_eq!(schema["$defs"]["DetectorSpec"]["anyOf"][0], serde_json::json!({"type": "string"}));
    assert!(schema["$defs"]["DetectorFields"]["properties"]["min_confidence"].is_object());
}
