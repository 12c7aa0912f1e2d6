//! The laws of the log: whatever is done to its bytes is found, what was written is read again, and no bytes break a
//! reader.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::{
    AuditRecord, Chain, Disclosure, Draft, Entry, FaultKind, Frame, Head, Header, Report, Salt, Split, Verifier,
    frame::{FRAME_MAX, HEADER_LEN, write},
};
use orp_core::{noun::Sequence, unit::Timestamp};
use proptest::prelude::*;
use std::ops::Range;
use uuid::Uuid;

/// A log, and where its frames are.
#[derive(Debug, Clone)]
struct Log {
    bytes: Vec<u8>,
    frames: Vec<Range<usize>>,
    chain: Chain,
}

impl Log {
    fn new(id: u128) -> Self {
        let mut bytes = Vec::new();
        let chain = Chain::begin(Header::new(Uuid::from_u128(id)), &mut bytes);
        Self { bytes, frames: Vec::new(), chain }
    }

    fn append(&mut self, entry: &Entry) {
        let from = self.bytes.len();
        self.chain.append(entry, &mut self.bytes);
        self.frames.push(from..self.bytes.len());
    }

    fn checkpoint(&mut self) {
        let from = self.bytes.len();
        self.chain.append_checkpoint(None, &mut self.bytes);
        self.frames.push(from..self.bytes.len());
    }

    fn frame(&self, at: usize) -> Vec<u8> {
        self.bytes[self.frames[at].clone()].to_vec()
    }

    /// The log made of its header and these of its frames.
    fn of_frames(&self, frames: impl IntoIterator<Item = usize>) -> Vec<u8> {
        let frames = frames.into_iter().flat_map(|at| self.frame(at));
        self.bytes[..HEADER_LEN].iter().copied().chain(frames).collect()
    }

    fn head(&self) -> Head {
        self.chain.head()
    }
}

fn entry(at: i64, journal: u64, text: &str) -> Entry {
    let draft = Draft::new("test", Timestamp::from_micros(at)).with("text", text).with("who", "ada");
    let draft = draft.with_personal("/who", Salt::new([at as u8; 32]));
    if journal > 0 { draft.with_journal(Sequence(journal)).finish().unwrap() } else { draft.finish().unwrap() }
}

/// Five records, the third a checkpoint.
fn small() -> Log {
    let mut log = Log::new(1);
    log.append(&entry(1, 1, "a"));
    log.append(&entry(2, 0, ""));
    log.checkpoint();
    log.append(&entry(3, 4, "ä 😀"));
    log.append(&entry(4, 5, "end"));
    log
}

fn check(bytes: &[u8]) -> Report {
    Verifier::new().check(bytes)
}

/// The report when the bytes come in pieces of this size.
fn check_in_pieces(bytes: &[u8], size: usize) -> Report {
    let mut verifier = Verifier::new();
    bytes.chunks(size.max(1)).for_each(|piece| verifier.feed(piece));
    verifier.finish()
}

fn read_all(bytes: &[u8]) -> Vec<AuditRecord> {
    let mut records = Vec::new();
    Verifier::new().feed_each(bytes, |frame| records.push(frame.record().unwrap()));
    records
}

fn any_log() -> impl Strategy<Value = Log> {
    let records = prop::collection::vec((any::<bool>(), 0i64..9, "[a-zäß\"\\\\]{0,40}", any::<bool>()), 1..20);
    (1u128..4, records).prop_map(|(id, records)| {
        let mut log = Log::new(id);
        for (journal, (checkpoint, at, text, follows)) in records.into_iter().enumerate() {
            if checkpoint && at > 4 {
                log.checkpoint();
            } else {
                log.append(&entry(at, if follows { journal as u64 + 1 } else { 0 }, &text));
            }
        }
        log
    })
}

#[test]
fn every_flipped_bit_is_found_where_it_is() {
    let log = small();
    assert!(check(&log.bytes).is_intact());
    for bit in 0..log.bytes.len() * 8 {
        let mut bytes = log.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let report = check(&bytes);
        let Some(fault) = report.faults.first() else { panic!("bit {bit} was not found: {report}") };
        assert_eq!(report.torn, None, "bit {bit}: {report}");
        // A fault is of the record that holds the bit; in the header, of the first record or of the header itself.
        let hit = log.frames.iter().position(|frame| frame.contains(&(bit / 8))).unwrap_or(0);
        let place = if bit / 8 < 10 { 0 } else { log.frames[hit].start };
        assert_eq!(fault.offset, place as u64, "bit {bit}: {fault}");
        assert_eq!(report.faults.len(), 1, "one damage is one fault, bit {bit}: {report}");
    }
}

#[test]
fn every_cut_is_torn_and_nothing_else() {
    let log = small();
    for cut in 0..log.bytes.len() {
        let report = check(&log.bytes[..cut]);
        assert!(report.is_intact(), "{cut}: {report}");
        let whole = log.frames.iter().filter(|frame| frame.end <= cut).count();
        let end = if cut < HEADER_LEN { 0 } else { log.frames[..whole].last().map_or(HEADER_LEN, |frame| frame.end) };
        assert_eq!(report.records, whole as u64);
        assert_eq!(
            report.torn.map(|torn| (torn.offset, torn.bytes)),
            (cut > end).then_some((end as u64, (cut - end) as u64))
        );
        // What was cut off can be written again: the log is then what it was.
        if let Some(mut chain) = report.into_chain() {
            let mut bytes = log.bytes[..end].to_vec();
            for at in whole..log.frames.len() {
                match at {
                    2 => chain.append_checkpoint(None, &mut bytes),
                    at => chain.append(
                        &[entry(1, 1, "a"), entry(2, 0, ""), entry(0, 0, ""), entry(3, 4, "ä 😀"), entry(4, 5, "end")]
                            [at],
                        &mut bytes,
                    ),
                };
            }
            assert_eq!(bytes, log.bytes, "cut at {cut}");
        }
        // And whoever knows how long it was sees that something is missing.
        assert!(!Verifier::new().with_head(log.head()).check(&log.bytes[..cut]).is_intact() || cut < HEADER_LEN);
    }
}

#[test]
fn an_end_of_zeros_is_torn_and_a_hole_of_zeros_is_not() {
    let log = small();
    let last = log.frames[4].clone();
    // A file system that made the file longer before it had written it: from some block on there are zeros.
    for written in (last.start..last.end - 8).chain([log.bytes.len()]) {
        for more in [0, 1, 4096] {
            let mut bytes = log.bytes[..written].to_vec();
            bytes.resize(last.end + more, 0);
            let report = check(&bytes);
            let whole = written == log.bytes.len() || (bytes[..last.end] == log.bytes[..]);
            assert!(report.is_intact(), "written to {written}, {more} more: {report}");
            let offset = if whole { last.end } else { last.start };
            assert_eq!(
                report.torn.map(|torn| torn.offset),
                (!whole || more > 0).then_some(offset as u64),
                "{written} {more}"
            );
        }
    }
    let mut bytes = log.bytes.clone();
    bytes[log.frames[3].clone()].fill(0);
    let report = check(&bytes);
    let length = log.frames[3].len() as u64;
    assert_eq!(report.torn, None);
    assert_eq!(report.faults[0].kind, FaultKind::Unreadable { bytes: length, records: 1 });
}

#[test]
fn a_header_that_was_never_written_is_torn() {
    for (bytes, is_torn) in [
        (vec![0; 1], true),
        (vec![0; HEADER_LEN - 1], true),
        (vec![0; HEADER_LEN], true),
        (vec![0; HEADER_LEN + 1], false),
        (vec![1; HEADER_LEN], false),
    ] {
        for report in [check(&bytes), check_in_pieces(&bytes, 1), check_in_pieces(&bytes, HEADER_LEN)] {
            let torn = report.torn.map(|torn| (torn.offset, torn.bytes));
            assert_eq!(torn, is_torn.then_some((0, bytes.len() as u64)), "{} bytes: {report}", bytes.len());
            assert_eq!(report.is_intact(), is_torn, "{} bytes: {report}", bytes.len());
        }
    }
}

#[test]
fn records_say_what_they_are() {
    let log = small();
    let records = read_all(&log.bytes);
    assert_eq!(
        records[0].to_string(),
        format!("#1 1970-01-01T00:00:00.000001Z {} {}", records[0].kind, records[0].body)
    );
    let checkpoints: Vec<bool> = records.iter().map(|record| record.checkpoint().is_some()).collect();
    assert_eq!(checkpoints, [false, false, true, false, false]);
    let checkpoint = records[2].checkpoint().unwrap();
    assert_eq!(checkpoint.to_string(), format!("{}, unsigned", checkpoint.head));
    assert_eq!(log.chain.since_checkpoint(), 2);
    let (known, unknown) = (entry(1, 7, "a"), entry(1, 0, "a"));
    assert_eq!((known.kind(), known.journal(), unknown.journal()), (&*records[0].kind, Some(Sequence(7)), None));
    let torn = check(&log.bytes[..HEADER_LEN + 1]).torn.unwrap();
    let expected =
        format!("the end is torn: 1 bytes from byte {HEADER_LEN} on are of a record that was never finished");
    assert_eq!(torn.to_string(), expected);
}

/// Files that are, or could be, trouble, each with what the verifier says of it. They are made the same each time.
fn corpus() -> Vec<(&'static str, Vec<u8>, Vec<String>)> {
    let log = small();
    let mut other = Log::new(2);
    other.append(&entry(1, 1, "foreign"));
    let place = |at: usize| log.frames[at].start;
    let from = |at: usize| log.bytes[place(at)..].to_vec();
    let mut replaced = log.of_frames([0]);
    let mut chain = check(&replaced).into_chain().unwrap();
    chain.append(&entry(2, 0, "another"), &mut replaced);
    let replaced_end = replaced.len();
    let mut misnumbered = log.of_frames([0]);
    write(&mut misnumbered, 4, Timestamp::EPOCH, None, "test", "{}", &read_all(&log.bytes)[0].hash);
    let mut longest = log.bytes.clone();
    let length = u32::try_from(FRAME_MAX - 40).unwrap();
    longest[HEADER_LEN..HEADER_LEN + 8].copy_from_slice(&[length.to_be_bytes(), (!length).to_be_bytes()].concat());
    let displaced = |seq, at, expected| {
        format!(
            "record {seq} at byte {at}: it stands where record {expected} is expected: it was moved, repeated or put in"
        )
    };
    let unlinked = "it does not continue the record before it: one of the two was replaced";
    let foreign = "at byte 0: it is not an audit log: expected `ORPAUDIT` at its beginning";
    vec![
        ("nothing", vec![], vec![]),
        ("a header alone", log.of_frames([]), vec![]),
        ("whole", log.bytes.clone(), vec![]),
        ("text", b"not a log at all, but somebody's notes".to_vec(), vec![foreign.into()]),
        (
            "the first gone",
            log.of_frames([1, 2, 3, 4]),
            vec![format!("record 2 at byte {}: record 1 is missing before it", place(0))],
        ),
        (
            "two gone",
            log.of_frames([0, 3, 4]),
            vec![format!("record 4 at byte {}: records 2 to 3 are missing before it", place(1))],
        ),
        ("one twice", log.of_frames([0, 0, 1, 2, 3, 4]), vec![displaced(1, place(1), 2)]),
        (
            "two changed places",
            log.of_frames([0, 2, 1, 3, 4]),
            vec![
                format!("record 3 at byte {}: record 2 is missing before it", place(1)),
                displaced(2, place(1) + log.frames[2].len(), 4),
            ],
        ),
        ("one with a wrong number", misnumbered, vec![displaced(4, place(1), 2)]),
        ("one made up and put in", [replaced.clone(), from(1)].concat(), vec![displaced(2, replaced_end, 3)]),
        ("one replaced", [replaced, from(2)].concat(), vec![format!("record 3 at byte {replaced_end}: {unlinked}")]),
        (
            "one of another log put in",
            [log.of_frames([0, 1]), other.frame(0), from(2)].concat(),
            vec![displaced(1, place(2), 3)],
        ),
        (
            "noise between",
            [log.of_frames([0]), vec![0xff; 100], from(1)].concat(),
            vec![format!("at byte {}: 100 bytes are no record", place(1))],
        ),
        (
            "a length beyond the end",
            longest,
            vec![format!(
                "at byte {}: {} bytes are no record, records missing there: 1",
                place(0),
                log.frames[0].len()
            )],
        ),
        (
            "noise at the end",
            [log.bytes.clone(), vec![7; 30]].concat(),
            vec![format!("at byte {}: 30 bytes are no record", log.bytes.len())],
        ),
    ]
}

#[test]
fn the_corpus_says_what_it_always_said() {
    for (name, bytes, faults) in corpus() {
        let report = check(&bytes);
        let found: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        assert_eq!(found, faults, "{name}");
        for size in [1, 7, 64, 1000] {
            assert_eq!(check_in_pieces(&bytes, size), report, "{name} in pieces of {size}");
        }
    }
}

#[test]
fn a_log_rewritten_to_its_end_is_known_by_a_head() {
    let log = small();
    let mut bytes = log.of_frames([0]);
    let mut chain = check(&bytes).into_chain().unwrap();
    for _ in 1..log.frames.len() {
        chain.append(&entry(9, 9, "another"), &mut bytes);
    }
    assert!(check(&bytes).is_intact(), "by itself it is a good log");
    let report = Verifier::new().with_head(log.head()).check(&bytes);
    assert!(matches!(report.faults[0].kind, FaultKind::Rewritten { size: 5, .. }), "{report}");
    let never = Head { size: 0, ..log.head() };
    assert!(!Verifier::new().with_head(never).check(&log.bytes).is_intact(), "no log ever had such a head");
}

#[test]
fn checkpoints_and_journal_places_that_lie_are_found() {
    let mut log = small();
    let wrong = Draft::new("checkpoint", Timestamp::EPOCH).with("size", 3);
    log.append(&wrong.finish().unwrap());
    assert!(matches!(&check(&log.bytes).faults[0].kind, FaultKind::Checkpoint(what) if what.contains("missing field")));
    let mut log = small();
    let mut body: serde_json::Value = serde_json::from_str(&read_all(&log.bytes)[2].body).unwrap();
    body["size"] = 5.into();
    let mut lie = Draft::new("checkpoint", Timestamp::EPOCH);
    for (field, value) in body.as_object().unwrap().clone() {
        lie = lie.with(field, value);
    }
    log.append(&lie.finish().unwrap());
    assert!(
        matches!(&check(&log.bytes).faults[0].kind, FaultKind::Checkpoint(what) if what.starts_with("it speaks of 5"))
    );
    let mut log = small();
    let (mut body, head) = (body, log.head());
    (body["size"], body["root"]) = (head.size.into(), head.root.to_string().into());
    let mut lie = Draft::new("checkpoint", Timestamp::EPOCH);
    for (field, value) in body.as_object().unwrap().clone() {
        lie = lie.with(field, value);
    }
    log.append(&lie.finish().unwrap());
    assert!(matches!(&check(&log.bytes).faults[0].kind, FaultKind::Checkpoint(what) if what.starts_with("its peaks")));
    let mut log = small();
    log.append(&entry(5, 2, "back"));
    assert_eq!(check(&log.bytes).faults[0].kind, FaultKind::Journal { before: 5, found: 2 });
}

#[cfg(feature = "sign")]
#[test]
fn a_signature_keeps_a_log_from_being_rewritten() {
    use super::{PublicKey, Signer, SigningKey};
    let (signer, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
    let write = |texts: [&str; 2], signer: Option<&dyn Signer>| {
        let mut log = Log::new(1);
        texts.iter().for_each(|text| log.append(&entry(1, 0, text)));
        log.chain.append_checkpoint(signer, &mut log.bytes);
        log.bytes
    };
    let check = |bytes: &[u8], key: PublicKey| Verifier::new().with_key(key).check(bytes);
    let signed = write(["a", "b"], Some(&signer));
    let report = check(&signed, signer.key());
    assert!(report.is_intact() && report.signatures_good == 1, "{report}");
    for bytes in [write(["a", "c"], Some(&other)), write(["a", "c"], None)] {
        let report = check(&bytes, signer.key());
        assert_eq!(report.faults[0].kind, FaultKind::Unsigned, "{report}");
    }
    // A signature cut out of the true log and put into the forged one.
    let body = |bytes: &[u8]| serde_json::from_str::<serde_json::Value>(&read_all(bytes)[2].body).unwrap();
    let mut forged = Log::new(1);
    ["a", "c"].iter().for_each(|text| forged.append(&entry(1, 0, text)));
    let mut checkpoint = body(&write(["a", "c"], None));
    checkpoint["key"] = body(&signed)["key"].clone();
    checkpoint["signature"] = body(&signed)["signature"].clone();
    let fields = checkpoint.as_object().unwrap().clone();
    let draft = fields
        .into_iter()
        .fold(Draft::new("checkpoint", Timestamp::EPOCH), |draft, (name, value)| draft.with(name, value));
    forged.append(&draft.finish().unwrap());
    assert_eq!(check(&forged.bytes, signer.key()).faults[0].kind, FaultKind::Signature(signer.key()));
    // Without a key, nothing is known of signatures; with one that came later, the last checkpoint counts.
    assert_eq!(Verifier::new().check(&signed).signatures_unknown, 1);
    let mut log = small();
    log.chain.append_checkpoint(Some(&signer), &mut log.bytes);
    assert!(check(&log.bytes, signer.key()).is_intact());
}

/// Something done to the frames of a log.
#[derive(Debug, Clone)]
enum Damage {
    Flip(usize),
    Delete(usize, usize),
    Repeat(usize, usize),
    Move(usize, usize),
    PutIn(usize, usize),
    Splice(usize, usize, Vec<u8>),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<usize>().prop_map(Damage::Flip),
        (any::<usize>(), 1usize..4).prop_map(|(at, count)| Damage::Delete(at, count)),
        (any::<usize>(), any::<usize>()).prop_map(|(at, to)| Damage::Repeat(at, to)),
        (any::<usize>(), any::<usize>()).prop_map(|(at, to)| Damage::Move(at, to)),
        (any::<usize>(), any::<usize>()).prop_map(|(at, to)| Damage::PutIn(at, to)),
        (any::<usize>(), 0usize..60, prop::collection::vec(any::<u8>(), 0..60))
            .prop_map(|(at, length, bytes)| Damage::Splice(at, length, bytes)),
    ]
}

fn damaged(log: &Log, other: &Log, damage: &Damage) -> Vec<u8> {
    let count = log.frames.len();
    let mut frames: Vec<Vec<u8>> = (0..count).map(|at| log.frame(at)).collect();
    let mut bytes = log.bytes.clone();
    match damage {
        Damage::Flip(bit) => {
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            return bytes;
        }
        Damage::Splice(at, length, new) => {
            let at = at % bytes.len();
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, new.iter().copied());
            return bytes;
        }
        Damage::Delete(at, length) => drop(frames.drain(at % count..(at % count + length).min(count))),
        Damage::Repeat(at, to) => frames.insert(to % (count + 1), log.frame(at % count)),
        Damage::Move(at, to) => {
            let frame = frames.remove(at % count);
            frames.insert(to % count, frame);
        }
        Damage::PutIn(at, to) => frames.insert(to % (count + 1), other.frame(at % other.frames.len())),
    }
    bytes.truncate(HEADER_LEN);
    bytes.extend(frames.concat());
    bytes
}

/// A checkpoint that is not where it says it is would make a log of another length of the one it is in.
#[test]
fn the_end_is_not_taken_up_at_a_checkpoint_that_lies() {
    let log = small();
    let body: serde_json::Value = serde_json::from_str(&read_all(&log.bytes)[2].body).unwrap();
    let mut moved = small();
    let fields = body.as_object().unwrap().clone();
    let draft = fields
        .into_iter()
        .fold(Draft::new("checkpoint", Timestamp::EPOCH), |draft, (name, value)| draft.with(name, value));
    moved.append(&draft.finish().unwrap());
    let from = moved.frames[5].start;
    let mut verifier = Verifier::of_end(log.chain.header(), from as u64);
    verifier.feed(&moved.bytes[from..]);
    let report = verifier.finish();
    assert!(report.is_intact() && report.records == 0, "it is passed over: {report}");
}

#[test]
fn faults_and_the_search_for_frames_have_a_bound() {
    let mut log = Log::new(1);
    (0..150).for_each(|at| log.append(&entry(at, 0, "")));
    let mut bytes = log.bytes.clone();
    log.frames.iter().for_each(|frame| bytes[frame.end - 1] ^= 1);
    let report = check(&bytes);
    assert_eq!((report.faults.len(), report.faults_left_out), (100, 50));
    assert!(report.to_string().contains("FAULT       and 50 more"));
    // Noise, then what looks like frames and is none, then a true one: found, unless there are too many before it.
    let false_frame = &bytes[log.frames[0].clone()];
    for (count, found) in [(10, true), (10_001, false)] {
        let noise = [log.of_frames([0]), vec![1], false_frame.repeat(count), log.frame(1)].concat();
        assert_eq!(check(&noise).records, if found { 2 } else { 1 });
    }
}

proptest! {
    /// What was written is read again: the same records, and from them the same bytes.
    #[test]
    fn a_log_reads_as_it_was_written(log in any_log(), size in 1usize..3000) {
        let report = check_in_pieces(&log.bytes, size);
        prop_assert!(report.is_intact() && report.torn.is_none());
        prop_assert_eq!(report.head, log.head());
        prop_assert_eq!(report.into_chain(), Some(log.chain.clone()));
        prop_assert!(Verifier::new().with_head(log.head()).check(&log.bytes).is_intact());
        let first = check(&log.of_frames([0])).head;
        prop_assert!(Verifier::new().with_head(first).check(&log.bytes).is_intact());
        let mut again = log.bytes[..HEADER_LEN].to_vec();
        let records = read_all(&log.bytes);
        prop_assert_eq!(records.len(), log.frames.len());
        records.iter().for_each(|record| record.encode(&mut again));
        prop_assert_eq!(again, log.bytes);
    }

    /// Whatever is done to the frames or bytes of a log is found. Only records missing at the end need a head from
    /// elsewhere to be missed.
    #[test]
    fn every_damage_is_found(log in any_log(), mut other in any_log(), damage in any_damage()) {
        // Of another log: the next record of the very same one would be no damage at its end.
        if other.chain.header() == log.chain.header() {
            other = Log::new(99);
            other.append(&entry(1, 1, "foreign"));
        }
        let bytes = damaged(&log, &other, &damage);
        prop_assume!(bytes != log.bytes);
        let report = check(&bytes);
        let whole = report.is_intact() && report.torn.is_none();
        prop_assert!(!whole || log.bytes.starts_with(&bytes), "{:?}: {}", damage, report);
        let known = Verifier::new().with_head(log.head()).check(&bytes);
        prop_assert!(!known.is_intact() || bytes.len() < HEADER_LEN, "{:?}: {}", damage, known);
    }

    /// The pieces in which a log arrives say nothing: damaged or not, the report is the same.
    #[test]
    fn pieces_do_not_matter(log in any_log(), damage in any_damage(), size in 1usize..500) {
        let bytes = damaged(&log, &log, &damage);
        prop_assert_eq!(check_in_pieces(&bytes, size), check(&bytes));
    }

    /// The end of a log, from wherever it is read, is the end of the whole log, or is not known.
    #[test]
    fn the_end_is_the_same_from_everywhere(log in any_log(), from: usize) {
        let from = HEADER_LEN + from % (log.bytes.len() - HEADER_LEN);
        let mut verifier = Verifier::of_end(log.chain.header(), from as u64);
        verifier.feed(&log.bytes[from..]);
        let report = verifier.finish();
        prop_assert!(report.is_intact());
        if let Some(end) = report.into_chain() {
            prop_assert_eq!(end, log.chain);
        } else {
            let later = log.frames.iter().filter(|frame| frame.start >= from);
            let is_checkpoint = |frame: &Range<usize>| {
                matches!(Frame::split(&log.bytes[frame.clone()]), Split::Whole(frame, _) if frame.kind() == b"checkpoint")
            };
            prop_assert!(!later.into_iter().any(is_checkpoint));
        }
    }

    /// No bytes break a reader, whatever they are and whatever they come after.
    #[test]
    fn no_bytes_break_a_reader(log in any_log(), noise in prop::collection::vec(any::<u8>(), 0..600), keep: usize, size in 1usize..99) {
        let keep = keep % (log.bytes.len() + 1);
        for bytes in [noise.clone(), [log.bytes[..keep].to_vec(), noise.clone()].concat()] {
            let report = check_in_pieces(&bytes, size);
            prop_assert_eq!(report.bytes, bytes.len() as u64);
            let _ = report.to_string();
            let mut verifier = Verifier::of_end(log.chain.header(), 5);
            verifier.feed(&bytes);
            let _ = verifier.finish();
            if let Split::Whole(frame, _) = Frame::split(&bytes) {
                let _ = frame.record().map(|record| (record.checkpoint(), record.value()));
            }
        }
        let _ = super::Checkpoint::parse(&noise);
        let _ = serde_json::from_slice::<Disclosure>(&noise);
    }
}
