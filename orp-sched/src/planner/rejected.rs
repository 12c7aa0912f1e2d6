//! Why candidates were left out, counted by reason.

use orp_core::noun::Rejection;
use std::{collections::BTreeMap, fmt};

/// The most reasons that are reported.
const REASONS: usize = 16;

/// Which reasons people want to read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Policy or a filter of the intent keeps it out.
    Policy,
    /// It would run, but not within budget or deadline.
    Constraint,
    /// The work cannot run on it.
    Work,
    /// The offer itself cannot be used.
    Offer,
    /// It is another kind of thing than what is claimed.
    Claim,
}

/// Reasons with counts and an example each.
#[derive(Debug, Clone, Default)]
pub(super) struct Rejections(BTreeMap<(Rank, String), (u64, Option<String>)>);

impl Rejections {
    /// One more for a reason; the first subject becomes the example.
    pub(super) fn add(&mut self, rank: Rank, reason: String, subject: &dyn fmt::Display) {
        let (count, example) = self.0.entry((rank, reason)).or_insert((0, None));
        *count += 1;
        example.get_or_insert_with(|| subject.to_string());
    }

    /// So many more for a reason that needs no example.
    pub(super) fn add_many(&mut self, rank: Rank, reason: &str, count: u64) {
        if count > 0 {
            self.0.entry((rank, reason.into())).or_insert((0, None)).0 += count;
        }
    }

    /// The most telling reasons first, of equal ones those that hit most.
    pub(super) fn report(&self) -> Vec<Rejection> {
        let mut reasons: Vec<_> = self.0.iter().collect();
        reasons
            .sort_by(|(a, (hits_a, _)), (b, (hits_b, _))| a.0.cmp(&b.0).then(hits_b.cmp(hits_a)).then(a.1.cmp(&b.1)));
        let line = |((_, reason), (count, example)): (&(Rank, String), &(u64, Option<String>))| Rejection {
            reason: example.as_ref().map_or_else(|| reason.clone(), |example| format!("{reason} (such as {example})")),
            count: *count,
        };
        reasons.into_iter().take(REASONS).map(line).collect()
    }
}
