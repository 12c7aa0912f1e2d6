//! Laws over random trees and any operations, against a recomputation from scratch after every one.

use super::queue;
use orp_core::prelude::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Cpu and gpu, as a pair of whole numbers.
type Pair = [u64; 2];

#[derive(Debug, Clone)]
struct Shape {
    parent: Option<usize>,
    nominal: Pair,
    borrow: [Option<u64>; 2],
    lend: [Option<u64>; 2],
}

fn capacity([cpu, gpu]: Pair) -> Capacity {
    Capacity { cpu: CpuAmount::whole(cpu), gpu: GpuAmount::whole(gpu), ..Capacity::ZERO }
}

fn pair(capacity: Capacity) -> Pair {
    [capacity.cpu.milli() / 1000, capacity.gpu.milli() / 1000]
}

fn limit([cpu, gpu]: [Option<u64>; 2]) -> CapacityLimit {
    CapacityLimit { cpu: cpu.map(CpuAmount::whole), gpu: gpu.map(GpuAmount::whole), ..CapacityLimit::UNLIMITED }
}

fn name(at: usize) -> QueueName {
    queue(&format!("q{at}"))
}

fn specs(shapes: &[Shape]) -> Vec<QuotaSpec> {
    let spec = |(at, shape): (usize, &Shape)| {
        let spec = QuotaSpec::new(name(at), capacity(shape.nominal));
        match shape.parent {
            None => spec,
            Some(parent) => {
                spec.with_parent(name(parent)).with_borrow(limit(shape.borrow)).with_lend(limit(shape.lend))
            }
        }
    };
    shapes.iter().enumerate().map(spec).collect()
}

/// Parents stand before their children; one node in eight or so begins another tree.
fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let amount = || prop_oneof![Just(0u64), 0u64..12];
    let limit = || prop::array::uniform2(prop::option::of(amount()));
    let shape = (any::<prop::sample::Index>(), 0u8..8, prop::array::uniform2(amount()), limit(), limit());
    prop::collection::vec(shape, 1..10).prop_map(|raw| {
        let shape = |(at, (parent, is_root, nominal, borrow, lend)): (usize, (prop::sample::Index, u8, Pair, _, _))| {
            Shape { parent: (at > 0 && is_root > 0).then(|| parent.index(at)), nominal, borrow, lend }
        };
        raw.into_iter().enumerate().map(shape).collect()
    })
}

#[derive(Debug, Clone)]
enum Op {
    Take(prop::sample::Index, Pair),
    GiveBack(prop::sample::Index, Pair),
}

fn operations() -> impl Strategy<Value = Vec<Op>> {
    let amounts = || prop::array::uniform2(0u64..9);
    let operation = prop_oneof![
        3 => (any::<prop::sample::Index>(), amounts()).prop_map(|(at, pair)| Op::Take(at, pair)),
        1 => (any::<prop::sample::Index>(), amounts()).prop_map(|(at, pair)| Op::GiveBack(at, pair)),
    ];
    prop::collection::vec(operation, 0..30)
}

/// The definition, as it stands in the KEP: `T` from scratch, and a look at every node of the way.
struct Naive<'a> {
    shapes: &'a [Shape],
    used: BTreeMap<usize, Pair>,
}

impl Naive<'_> {
    fn is_queue(&self, at: usize) -> bool {
        self.shapes.iter().all(|shape| shape.parent != Some(at))
    }

    fn t(&self, at: usize, kind: usize) -> i64 {
        let children = (0..self.shapes.len()).filter(|child| self.shapes[*child].parent == Some(at));
        let lent =
            |child: usize| self.t(child, kind).min(self.shapes[child].lend[kind].map_or(i64::MAX, |lend| lend as i64));
        let used = self.used.get(&at).map_or(0, |used| used[kind] as i64);
        self.shapes[at].nominal[kind] as i64 - used + children.map(lent).sum::<i64>()
    }

    fn is_balanced(&self, at: usize, kind: usize) -> bool {
        let most = if self.shapes[at].parent.is_none() { Some(0) } else { self.shapes[at].borrow[kind] };
        most.is_none_or(|most| self.t(at, kind) >= -(most as i64))
    }

    fn with(&self, at: usize, demand: Pair) -> Self {
        let mut used = self.used.clone();
        let entry = used.entry(at).or_default();
        *entry = [entry[0] + demand[0], entry[1] + demand[1]];
        Naive { shapes: self.shapes, used }
    }

    /// Nodes of the way that are short, and of which kind.
    fn short(&self, at: usize, demand: Pair) -> Vec<(usize, usize)> {
        let after = self.with(at, demand);
        let way = std::iter::successors(Some(at), |at| self.shapes[*at].parent);
        way.flat_map(|at| [(at, 0), (at, 1)])
            .filter(|(at, kind)| demand[*kind] > 0 && !after.is_balanced(*at, *kind))
            .collect()
    }
}

fn run<'a>(shapes: &'a [Shape], operations: &[Op]) -> (QuotaTree, Naive<'a>) {
    let mut tree = QuotaTree::new(specs(shapes)).unwrap();
    let mut naive = Naive { shapes, used: BTreeMap::new() };
    for operation in operations {
        step(&mut tree, &mut naive, operation);
    }
    (tree, naive)
}

/// Does it on both sides; whether it was accepted.
fn step(tree: &mut QuotaTree, naive: &mut Naive<'_>, operation: &Op) -> (bool, bool) {
    let (Op::Take(at, amount) | Op::GiveBack(at, amount)) = operation;
    let at = at.index(naive.shapes.len());
    let id = tree.id(&name(at)).unwrap();
    match operation {
        Op::Take(..) => {
            let admitted = naive.is_queue(at) && naive.short(at, *amount).is_empty();
            if admitted {
                *naive = naive.with(at, *amount);
            }
            (tree.take(id, &capacity(*amount)).is_ok(), admitted)
        }
        Op::GiveBack(..) => {
            let used = naive.used.get(&at).copied().unwrap_or_default();
            let held = naive.is_queue(at) && (0..2).all(|kind| used[kind] >= amount[kind]);
            if held {
                naive.used.insert(at, [used[0] - amount[0], used[1] - amount[1]]);
            }
            (tree.give_back(id, &capacity(*amount)).is_ok(), held)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every answer is the definition's; every node always is within its borrowing limit; no tree holds more than it has.
    #[test]
    fn the_tree_is_what_its_definition_says(shapes in shapes(), operations in operations()) {
        let (mut tree, mut naive) = run(&shapes, &[]);
        for operation in &operations {
            let before = tree.clone();
            let (got, expected) = step(&mut tree, &mut naive, operation);
            prop_assert_eq!(got, expected, "{:?}", operation);
            prop_assert!(got || tree == before, "refused, and yet changed");
            for at in 0..shapes.len() {
                let id = tree.id(&name(at)).unwrap();
                for kind in 0..2 {
                    prop_assert!(naive.is_balanced(at, kind), "q{} after {:?}", at, operation);
                    let borrowed = (-naive.t(at, kind)).max(0) as u64;
                    prop_assert_eq!(pair(tree.borrowed(id))[kind], borrowed, "q{}", at);
                }
            }
        }
        let again: QuotaTree = serde_json::from_str(&serde_json::to_string(&tree).unwrap()).unwrap();
        prop_assert_eq!(&again, &tree);
        prop_assert_eq!(format!("{again:?}"), format!("{tree:?}"), "what is kept is what follows from what is stored");
    }

    /// `why_not` names exactly the nodes and kinds that are short; `available` is the most that is admitted.
    #[test]
    fn refusals_and_room_are_exact(
        shapes in shapes(), operations in operations(), at in any::<prop::sample::Index>(), demand in prop::array::uniform2(0u64..15),
    ) {
        let (tree, naive) = run(&shapes, &operations);
        let at = at.index(shapes.len());
        let id = tree.id(&name(at)).unwrap();
        prop_assume!(naive.is_queue(at));
        let short = tree.why_not(id, &capacity(demand)).unwrap();
        let kinds = [CapacityKind::Cpu, CapacityKind::Gpu];
        let expected: Vec<_> = naive.short(at, demand).into_iter().map(|(at, kind)| (name(at), kinds[kind])).collect();
        prop_assert_eq!(short.iter().map(|short| (short.node.clone(), short.kind)).collect::<Vec<_>>(), expected);
        prop_assert_eq!(tree.admits(id, &capacity(demand)), short.is_empty());
        let [cpu, gpu] = pair(tree.available(id).unwrap());
        prop_assert!(tree.admits(id, &capacity([cpu, gpu])));
        prop_assert!(!tree.admits(id, &capacity([cpu + 1, 0])) && !tree.admits(id, &capacity([0, gpu + 1])));
        // What a queue keeps for itself is there whatever the others do.
        let kept = |kind: usize| {
            let own = shapes[at].nominal[kind].saturating_sub(shapes[at].lend[kind].unwrap_or(u64::MAX));
            own.saturating_sub(naive.used.get(&at).map_or(0, |used| used[kind]))
        };
        prop_assert!(shapes[at].parent.is_none() || tree.admits(id, &capacity([kept(0), kept(1)])));
    }

    /// Taking back what is offered, one queue after the other, leads to admission, and brings nobody below his share. Who
    /// stays within his own share always gets it.
    #[test]
    fn reclaim_gives_a_queue_its_share(
        shapes in shapes(), operations in operations(), at in any::<prop::sample::Index>(), demand in prop::array::uniform2(0u64..15),
    ) {
        let (mut tree, mut naive) = run(&shapes, &operations);
        let at = at.index(shapes.len());
        prop_assume!(naive.is_queue(at));
        let id = tree.id(&name(at)).unwrap();
        let used = naive.used.get(&at).copied().unwrap_or_default();
        let within = (0..2).all(|kind| demand[kind] == 0 || used[kind] + demand[kind] <= shapes[at].nominal[kind]);
        let demand = capacity(demand);
        let offered = !tree.reclaim_candidates(id, &demand).unwrap().is_empty();
        for round in 0.. {
            let candidates = tree.reclaim_candidates(id, &demand).unwrap();
            let Some(from) = candidates.first() else { break };
            prop_assert!(round < 100, "it goes on for ever");
            let amount = pair(from.amount);
            prop_assert!(amount != [0, 0] && from.node != id);
            tree.give_back(from.node, &from.amount).unwrap();
            let victim = (0..shapes.len()).find(|at| tree.id(&name(*at)) == Some(from.node)).unwrap();
            let left = naive.used[&victim];
            naive.used.insert(victim, [left[0] - amount[0], left[1] - amount[1]]);
            for way in std::iter::successors(Some(victim), |at| shapes[*at].parent) {
                let shared = std::iter::successors(Some(at), |at| shapes[*at].parent).any(|ancestor| ancestor == way);
                prop_assert!(shared || (0..2).all(|kind| amount[kind] == 0 || naive.t(way, kind) <= 0), "below its share");
            }
        }
        prop_assert!(!(offered || within) || tree.admits(id, &demand), "owed, and not given");
    }

    /// Other quotas keep every use, and answer as a tree that was built with them.
    #[test]
    fn reshaping_keeps_every_use(shapes in shapes(), operations in operations(), nominal in prop::collection::vec(prop::array::uniform2(0u64..12), 10)) {
        let (tree, naive) = run(&shapes, &operations);
        let mut other = shapes.clone();
        other.iter_mut().zip(nominal).for_each(|(shape, nominal)| shape.nominal = nominal);
        let reshaped = tree.reshaped(specs(&other)).unwrap();
        let naive = Naive { shapes: &other, used: naive.used };
        for at in 0..shapes.len() {
            let id = reshaped.id(&name(at)).unwrap();
            for kind in 0..2 {
                prop_assert_eq!(pair(reshaped.borrowed(id))[kind], (-naive.t(at, kind)).max(0) as u64);
            }
            prop_assert_eq!(reshaped.used(id), tree.used(id));
            if naive.is_queue(at) {
                prop_assert_eq!(reshaped.admits(id, &capacity([1, 1])), naive.short(at, [1, 1]).is_empty());
            }
        }
        prop_assert_eq!(reshaped.reshaped(specs(&shapes)).unwrap(), tree);
    }
}
