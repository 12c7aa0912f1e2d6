//! The laws of detectors: places between characters, in order, soon, and clean once masked.

use crate::bench::{Dice, ensure, skipped};
use crate::{Report, Verdict};
use orp_core::contract::{Detector, Finding, FindingKind};
use std::time::{Duration, Instant};

/// How many texts a law is tried on, besides the samples.
const TEXTS: usize = 200;

/// Tries every law of [`Detector`] on `samples`, texts in which it finds something, and on texts made of their pieces.
pub fn detector_suite(detector: &dyn Detector, samples: &[&str]) -> Report {
    let texts = texts(samples);
    let mut report = Report::default();
    report.law_now("DET-1", || det_1(detector, &texts));
    report.law_now("DET-2", || det_2(detector, &texts));
    report.law_now("DET-3", || det_3(detector, &texts));
    report.law_now("DET-4", || det_4(detector, &texts));
    report.law_now("DET-5", || det_5(detector, samples));
    report.law_now("DET-6", || det_6(detector, &texts));
    report.law_now("DET-7", || det_7(detector, &texts));
    report
}

/// A finding is not empty, lies inside the text, and begins and ends between characters.
pub fn det_1(detector: &dyn Detector, texts: &[String]) -> Verdict {
    on_each(detector, texts, |text, findings| {
        for finding in findings {
            let found = text.get(finding.start..finding.end);
            ensure!(found.is_some_and(|found| !found.is_empty()), "in {text:?}: {finding}");
        }
        Ok(())
    })
}

/// Findings are in order and do not overlap.
pub fn det_2(detector: &dyn Detector, texts: &[String]) -> Verdict {
    on_each(detector, texts, |text, findings| {
        for (one, next) in findings.iter().zip(findings.iter().skip(1)) {
            ensure!(one.end <= next.start, "in {text:?}: {one}, then {next}");
        }
        Ok(())
    })
}

/// The same text has the same findings, whatever was looked at in between.
pub fn det_3(detector: &dyn Detector, texts: &[String]) -> Verdict {
    let first: Vec<_> = texts.iter().map(|text| detector.find(text)).collect();
    for (text, first) in texts.iter().zip(&first).rev() {
        let again = detector.find(text);
        ensure!(again == *first, "in {text:?}: first {first:?}, then {again:?}");
    }
    Ok(())
}

/// Every finding is of one of the kinds, and there is one.
pub fn det_4(detector: &dyn Detector, texts: &[String]) -> Verdict {
    ensure!(!detector.kinds().is_empty(), "it has no kinds");
    on_each(detector, texts, |text, findings| {
        for finding in findings {
            ensure!(detector.kinds().contains(&finding.kind), "in {text:?}: {finding}, of none of its kinds");
        }
        Ok(())
    })
}

/// Twice the text takes about twice the time: on samples again and again, and on long runs of their characters.
pub fn det_5(detector: &dyn Detector, samples: &[&str]) -> Verdict {
    const FEW: usize = 1 << 10;
    const TIMES: u32 = 32;
    let mut pieces: Vec<String> = samples.iter().map(|sample| (*sample).to_owned()).collect();
    pieces.extend(samples.iter().flat_map(|sample| sample.chars().map(String::from)));
    pieces.sort();
    pieces.dedup();
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        let few = piece.repeat(FEW.div_ceil(piece.len()));
        let many = few.repeat(TIMES as usize);
        let (mut short, mut long) = (Duration::MAX, Duration::MAX);
        // The least of some times, and eight times what it should be: the machine has other things to do.
        let soon = (0..10).any(|_| {
            (short, long) = (short.min(time(detector, &few)), long.min(time(detector, &many)));
            long <= short.saturating_mul(TIMES * 8)
        });
        let text = format!("{} bytes of {piece:?}", few.len());
        ensure!(soon, "{text} take {short:?}, {TIMES} times as many take {long:?}");
    }
    Ok(())
}

/// Words in brackets in the place of a finding are none, and leave the others as they are: one by one, and all at once.
pub fn det_6(detector: &dyn Detector, texts: &[String]) -> Verdict {
    on_each(detector, texts, |text, findings| {
        let replaced = (0..findings.len()).map(|at| at..at + 1).chain(std::iter::once(0..findings.len()));
        for masked in replaced.filter(|masked| !masked.is_empty() && is_sound(text, findings)) {
            let (instead, expected) = replace(text, findings, |at| masked.contains(&at));
            let Some(left) = find_sound(detector, &instead) else { continue };
            let same = places(&left).eq(places(&expected));
            ensure!(same, "of {text:?} was left {instead:?}: expected {expected:?}, got {left:?}");
        }
        Ok(())
    })
}

/// A text cut in two at `settled` has the same findings in its parts, whatever follows it.
pub fn det_7(detector: &dyn Detector, texts: &[String]) -> Verdict {
    let mut dice = Dice::new(7);
    for text in texts {
        let whole = text.clone() + dice.pick(texts).map_or("", String::as_str);
        let Some(findings) = find_sound(detector, &whole) else { continue };
        let ends = whole.char_indices().map(|(at, _)| at).chain([whole.len()]);
        for begin in ends.filter_map(|end| whole.get(..end)) {
            let cut = detector.settled(begin);
            ensure!(begin.is_char_boundary(cut), "of {begin:?}, {cut} bytes are settled");
            let (left, right) = whole.split_at(cut);
            let Some(mut parts) = find_sound(detector, left) else { continue };
            let Some(rest) = find_sound(detector, right) else { continue };
            parts.extend(rest.into_iter().map(|finding| moved(finding, 0, cut)));
            let same = places(&parts).eq(places(&findings));
            ensure!(same, "{left:?} and {right:?}: got {parts:?}, in one piece {findings:?}");
        }
    }
    Ok(())
}

/// The findings, if they keep DET-1 and DET-2: without those, no other law can be told of.
fn find_sound(detector: &dyn Detector, text: &str) -> Option<Vec<Finding>> {
    Some(detector.find(text)).filter(|findings| is_sound(text, findings))
}

fn is_sound(text: &str, findings: &[Finding]) -> bool {
    let mut at = 0;
    findings.iter().all(|finding| {
        let follows =
            at <= finding.start && text.get(finding.start..finding.end).is_some_and(|found| !found.is_empty());
        at = finding.end;
        follows
    })
}

/// Tries something on every text, if anything is found in any.
fn on_each(detector: &dyn Detector, texts: &[String], trial: impl Fn(&str, &[Finding]) -> Verdict) -> Verdict {
    let mut found = false;
    for text in texts {
        let findings = detector.find(text);
        found |= !findings.is_empty();
        trial(text, &findings)?;
    }
    if found { Ok(()) } else { skipped("nothing was found in the samples") }
}

/// Where findings are, and of what.
fn places(findings: &[Finding]) -> impl Iterator<Item = (usize, usize, &FindingKind)> {
    findings.iter().map(|finding| (finding.start, finding.end, &finding.kind))
}

/// The text with some findings replaced, and where the others are then.
fn replace(text: &str, findings: &[Finding], is_replaced: impl Fn(usize) -> bool) -> (String, Vec<Finding>) {
    let (mut instead, mut left, mut at) = (String::new(), Vec::new(), 0);
    for (number, finding) in findings.iter().enumerate() {
        instead += text.get(at..finding.start).unwrap_or_default();
        if is_replaced(number) {
            instead += &format!("[{}]", finding.kind);
        } else {
            left.push(moved(finding.clone(), finding.start, instead.len()));
            instead += text.get(finding.start..finding.end).unwrap_or_default();
        }
        at = finding.end;
    }
    (instead + text.get(at..).unwrap_or_default(), left)
}

/// A finding of a text that began at `from` in another one, where it begins at `to`.
fn moved(mut finding: Finding, from: usize, to: usize) -> Finding {
    (finding.start, finding.end) = (finding.start - from + to, finding.end - from + to);
    finding
}

/// The time that finding takes.
fn time(detector: &dyn Detector, text: &str) -> Duration {
    #[allow(clippy::disallowed_methods, reason = "the law is about the time that passes outside")]
    let now = Instant::now;
    let before = now();
    let findings = detector.find(text);
    let took = now() - before;
    drop(findings);
    took
}

/// The samples, and texts put together from pieces of them and of what may stand between.
fn texts(samples: &[&str]) -> Vec<String> {
    const BETWEEN: [&str; 16] = ["", "", " ", "  ", "\n", ".", ",", "-", ":", "[", ")", "x", "7", "é", "电", "\u{a0}"];
    let mut dice = Dice::new(0xde7);
    let mut texts: Vec<String> = samples.iter().map(|sample| (*sample).to_owned()).collect();
    for _ in 0..TEXTS {
        let mut text = String::new();
        for _ in 0..=dice.below(4) {
            let sample = dice.pick(samples).copied().unwrap_or_default();
            let (from, to) = (place(sample, &mut dice), place(sample, &mut dice));
            text += if dice.below(3) == 0 { sample.get(from..to).unwrap_or(sample) } else { sample };
            text += dice.pick(&BETWEEN).copied().unwrap_or_default();
        }
        texts.push(text);
    }
    texts
}

/// A place between two characters.
fn place(text: &str, dice: &mut Dice) -> usize {
    let at = dice.below(text.len() as u64 + 1) as usize;
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
