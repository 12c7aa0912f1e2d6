//! What will be free of each node, over time.

use crate::scheduler::amounts::Amounts;
use crate::scheduler::cluster::Rank;
use orp_core::unit::Timestamp;

/// So many members on each of these nodes.
pub(super) type Spread = Vec<(Rank, u32)>;

#[derive(Debug, Clone)]
struct Segment {
    from: Timestamp,
    free: Vec<Amounts>,
}

/// What is free of each node, in segments of time: each lasts until the next, the last for ever.
///
/// INVARIANT: there is at least one segment, and their times rise.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    segments: Vec<Segment>,
}

impl Profile {
    /// All is free, from now on.
    pub(super) fn new(now: Timestamp, limits: Vec<Amounts>) -> Self {
        Self { segments: vec![Segment { from: now, free: limits }] }
    }

    /// Forgets what was before.
    pub(super) fn forget_before(&mut self, now: Timestamp) {
        let past = self.segments.iter().take_while(|segment| segment.from <= now).count();
        if past > 1 {
            self.segments.drain(..past - 1);
        }
        if let Some(first) = self.segments.first_mut() {
            first.from = first.from.max(now);
        }
    }

    /// The segment that begins at this time, made where there is none.
    fn cut(&mut self, at: Timestamp) -> usize {
        let after = self.segments.partition_point(|segment| segment.from < at);
        match (self.segments.get(after), after.checked_sub(1).and_then(|before| self.segments.get(before))) {
            (Some(segment), _) if segment.from == at => {}
            (_, Some(before)) => {
                let free = before.free.clone();
                self.segments.insert(after, Segment { from: at, free });
            }
            // Before all segments there is nothing to be cut.
            _ => {}
        }
        after
    }

    /// Joins a segment to the one before it where nothing changes between them.
    fn join(&mut self, at: usize) {
        let same = |segments: &[Segment]| match at.checked_sub(1).map(|before| (segments.get(before), segments.get(at)))
        {
            Some((Some(before), Some(segment))) => before.free == segment.free,
            _ => false,
        };
        if same(&self.segments) {
            self.segments.remove(at);
        }
    }

    /// Takes what members of this demand hold, or gives it back.
    pub(super) fn change(
        &mut self,
        (from, to): (Timestamp, Timestamp),
        spread: &Spread,
        demand: &Amounts,
        takes: bool,
    ) {
        if from >= to {
            return;
        }
        let (first, last) = (self.cut(from), self.cut(to));
        for segment in self.segments.get_mut(first..last).into_iter().flatten() {
            for (rank, members) in spread {
                if let Some(free) = segment.free.get_mut(*rank as usize) {
                    let all = demand.times(*members);
                    *free = if takes { free.minus(all) } else { free.plus(all) };
                }
            }
        }
        self.join(last);
        self.join(first);
    }

    /// The earliest time from which members have room for so long, and where: the lowest nodes. `may` says which nodes.
    pub(super) fn earliest(
        &self,
        lasts: impl Fn(Timestamp) -> Timestamp,
        demand: &Amounts,
        members: u32,
        may: &dyn Fn(Rank) -> bool,
        only_first: bool,
    ) -> Option<(Timestamp, Spread)> {
        let most = if only_first { 1 } else { self.segments.len() };
        for (at, segment) in self.segments.iter().enumerate().take(most) {
            let until = lasts(segment.from);
            let window = self.segments.get(at..)?;
            let window = window.iter().take_while(|later| later.from < until || later.from == segment.from);
            if let Some(spread) = room(window, demand, members, may) {
                return Some((segment.from, spread));
            }
        }
        None
    }
}

/// Where members have room in all segments of a window: on the lowest nodes.
fn room<'a>(
    window: impl Iterator<Item = &'a Segment> + Clone,
    demand: &Amounts,
    members: u32,
    may: &dyn Fn(Rank) -> bool,
) -> Option<Spread> {
    let nodes = window.clone().next()?.free.len();
    let (mut spread, mut left) = (Spread::new(), members);
    for rank in (0..nodes as Rank).filter(|rank| may(*rank)) {
        let mut here = left;
        for segment in window.clone() {
            here = segment.free.get(rank as usize).map_or(0, |free| free.holds(demand, here));
            if here == 0 {
                break;
            }
        }
        if here > 0 {
            spread.push((rank, here));
            left -= here;
        }
        if left == 0 {
            return Some(spread);
        }
    }
    None
}
