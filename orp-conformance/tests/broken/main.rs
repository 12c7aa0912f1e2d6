//! Fakes that break one law each, on purpose: every suite catches every one of them, by the law it breaks and no other.
//!
//! A check that has never failed proves nothing. Each topic lists its fakes as (law, flaw); [`every_law_has_a_fake`] holds
//! the lists to the table of laws.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod compute;
mod content;
mod decide;
mod detect;
mod device;
#[path = "../memory/mod.rs"]
mod memory;
mod planner;
mod scheduler;
mod store;
mod time;

use orp_conformance::{LawId, Report};
use std::collections::BTreeSet;

/// A law, and what the fake does that breaks it.
type Fake = (&'static str, &'static str);

/// The report tells of this law, and of no other.
#[track_caller]
fn catches((law, flaw): Fake, report: &Report) {
    let broken: Vec<&str> = report.failed.iter().map(|violation| violation.law.as_str()).collect();
    assert_eq!(broken, [law], "a fake that {flaw}\n{report}");
}

#[test]
fn every_law_has_a_fake() {
    let topics = [
        compute::FAKES,
        compute::OF_ANY_PROVIDER,
        content::FAKES,
        decide::FAKES,
        detect::FAKES,
        device::FAKES,
        planner::FAKES,
        scheduler::FAKES,
        store::FAKES,
        time::FAKES,
    ];
    let faked: BTreeSet<&str> = topics.into_iter().flatten().map(|(law, _)| *law).collect();
    let laws: BTreeSet<&str> = LawId::all().map(LawId::as_str).collect();
    assert_eq!(faked, laws);
}
