//! How fast texts are judged by all built-in detectors together, and by each alone: a megabyte of clean prose, one of dense
//! personal data, and the worst that was found for each detector; beside a floor in the same run, a search for one byte that
//! is not there (`memchr`), which cannot be beaten by anything that looks at every byte.
//!
//! ```text
//! cargo bench -p orp-policy --bench guardrail
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![allow(missing_docs, reason = "criterion's macros make items without docs")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use orp_core::prelude::*;
use orp_policy::guardrail::detect::{Card, Email, Iban, Ip, NationalId, Phone, Secret};
use orp_policy::guardrail::{Action, Channel, DetectorSpec, Detectors, Guardrail, GuardrailSpec, Guardrails, Outcome};
use std::hint::black_box;
use std::time::Duration;

const BYTES: usize = 1 << 20;

/// Prose as people write it, with years, amounts, times, links and a little code, and nothing that is to be found.
const PROSE: &str = "In 1998 the committee met for the third time; of its 27 members 19 were present, and the minutes (12 pages) \
    record that \"nothing was decided\". By 14:30 most had left. The budget of 1,250,000 EUR was raised by 3.5 % in 2003 - \
    see https://example.org/minutes/1998-03.html?page=2 - and again two years later. It's a well-known story: the model's \
    loss fell from 2.314159 to 0.8734 within 20,000 steps, while learning_rate=3e-4 and batch_size=256 stayed as they were. \
    Nobody knew why. Questions were asked, answers were promised; the report, when it came, had 480 pages and no index.\n";

/// A record of personal data a line.
const DENSE: &str = "ada@example.org;DE89 3704 0044 0532 0130 00;4111 1111 1111 1111;+49 30 123456;86095742719;10.1.2.3;a\n\
    o.brien+x@mail.example.co.uk;BE68539007547034;378282246310005;(212) 555-0100;219-09-1234;2001:db8::17;b\n\
    11010519491231002X;AB 12 34 56 C;X-1234567-L;111.444.777-35;password=hunter2x;AKIAIOSFODNN7EXAMPLE;c\n";

/// What takes each detector the most steps a byte, of all that its tests try.
const ADVERSARIAL: [&str; 8] = ["1", "@", "a.", "0 11 ", "1.1.1.1:", "-", "password:", "DE89 "];

fn repeated(piece: &str) -> String {
    let mut text = piece.repeat(BYTES.div_ceil(piece.len()));
    text.truncate((0..=BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
    text
}

fn guardrail(detectors: &[&str]) -> Guardrail {
    let detectors = detectors.iter().map(|name| DetectorSpec::new(*name));
    let spec = GuardrailSpec::new([Channel::Output], detectors, Action::Mask);
    Guardrail::compile(RuleId::new("bench").unwrap(), &spec, &Detectors::builtin()).unwrap()
}

fn together(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("guardrail");
    group.sample_size(20).measurement_time(Duration::from_secs(3)).throughput(Throughput::Bytes(BYTES as u64));
    let names: Vec<String> = Detectors::builtin().names().map(str::to_owned).collect();
    let all = guardrail(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let prose = repeated(PROSE);
    assert_eq!(
        all.check(Channel::Output, &prose).outcome,
        Outcome::Pass,
        "{:?}",
        all.check(Channel::Output, PROSE).findings
    );
    group.bench_function("floor/memchr", |bencher| bencher.iter(|| memchr::memchr(0, black_box(prose.as_bytes()))));
    group.bench_function("floor/bytes", |bencher| {
        bencher.iter(|| {
            black_box(prose.as_bytes())
                .iter()
                .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)))
        });
    });
    let texts = [("prose", PROSE), ("dense", DENSE)];
    let worst = ADVERSARIAL.iter().map(|piece| (*piece, *piece));
    for (name, piece) in texts.into_iter().chain(worst) {
        let text = repeated(piece);
        group.bench_with_input(BenchmarkId::new("all", name), &text, |bencher, text| {
            bencher.iter(|| all.check(Channel::Output, black_box(text)));
        });
    }
    let tokens: Vec<&str> = prose.split_inclusive(' ').collect();
    group.bench_function("all/prose in words", |bencher| {
        bencher.iter(|| {
            let mut stream = Guardrails::new([&all]).stream(Channel::Output);
            let gone: usize = tokens.iter().map(|token| stream.push(black_box(token)).text.len()).sum();
            gone + stream.finish().text.len()
        });
    });
    group.finish();
}

fn alone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("detector");
    group.sample_size(20).measurement_time(Duration::from_secs(2)).throughput(Throughput::Bytes(BYTES as u64));
    let prose = repeated(PROSE);
    let detectors: [&dyn Detector; 7] = [&Email, &Iban, &Card, &Phone, &NationalId::default(), &Ip, &Secret];
    for detector in detectors {
        group.bench_function(BenchmarkId::new(detector.name(), "prose"), |bencher| {
            bencher.iter(|| detector.find(black_box(&prose)));
        });
    }
    group.finish();
}

criterion_group!(benches, together, alone);
criterion_main!(benches);
