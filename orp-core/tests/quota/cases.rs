//! Documented cases of Kueue (KEP-79, the pages on cohorts and cluster queues), and the answers people read.

use super::{at_most, below, cpus, queue, root};
use orp_core::prelude::*;

/// The most cpus that a queue is admitted now.
fn most(tree: &QuotaTree, name: &str) -> u64 {
    let id = tree.id(&queue(name)).unwrap();
    let most = (0..1000).take_while(|count| tree.admits(id, &cpus(*count))).last().unwrap();
    assert_eq!(tree.available(id).unwrap(), cpus(most), "{name}");
    most
}

fn take(tree: &mut QuotaTree, name: &str, count: u64) {
    let id = tree.id(&queue(name)).unwrap();
    tree.take(id, &cpus(count)).unwrap();
}

fn tree(specs: Vec<QuotaSpec>) -> QuotaTree {
    QuotaTree::new(specs).unwrap()
}

/// Two teams of 9 and 12 cpus in one cohort, with limits for the first.
fn teams(borrow: CapacityLimit, lend: CapacityLimit) -> QuotaTree {
    tree(vec![
        root("team-ab", 0),
        below("team-ab", "team-a", 9).with_borrow(borrow).with_lend(lend),
        below("team-ab", "team-b", 12),
    ])
}

#[test]
fn queues_borrow_what_others_do_not_use() {
    let mut tree = teams(CapacityLimit::UNLIMITED, CapacityLimit::UNLIMITED);
    assert_eq!((most(&tree, "team-a"), most(&tree, "team-b")), (21, 21));
    take(&mut tree, "team-b", 10);
    assert_eq!(most(&tree, "team-a"), 11);
    take(&mut tree, "team-b", 3);
    assert_eq!((most(&tree, "team-a"), tree.borrowed(tree.id(&queue("team-b")).unwrap())), (8, cpus(1)));
}

#[test]
fn a_borrowing_limit_adds_to_the_nominal_share() {
    let tree = teams(at_most(1), CapacityLimit::UNLIMITED);
    assert_eq!((most(&tree, "team-a"), most(&tree, "team-b")), (10, 21));
}

#[test]
fn a_lending_limit_keeps_the_rest_for_its_queue() {
    let mut tree = teams(CapacityLimit::UNLIMITED, at_most(1));
    assert_eq!((most(&tree, "team-a"), most(&tree, "team-b")), (21, 13));
    take(&mut tree, "team-b", 13);
    assert_eq!(most(&tree, "team-a"), 8);
}

#[test]
fn a_cohorts_share_is_for_all_below_it_and_no_cap() {
    let mut tree = tree(vec![root("cohort", 12), below("cohort", "none", 0), below("cohort", "some", 5)]);
    assert_eq!((most(&tree, "none"), most(&tree, "some")), (17, 17));
    take(&mut tree, "some", 6);
    assert_eq!(most(&tree, "none"), 11);
}

/// Story 1: production may borrow from research, and not the other way round; said on either side.
#[test]
fn lending_can_go_one_way() {
    let orgs = |research: QuotaSpec, production: QuotaSpec| {
        tree(vec![
            root("company", 0),
            research,
            below("research", "vision", 10),
            below("research", "speech", 10),
            production,
            below("production", "serving", 10),
        ])
    };
    let (research, production) = (below("company", "research", 0), below("company", "production", 0));
    let closed = orgs(research.clone().with_borrow(at_most(0)), production.clone());
    assert_eq!((most(&closed, "vision"), most(&closed, "serving")), (20, 30));
    let kept = orgs(research, production.with_lend(at_most(0)));
    assert_eq!((most(&kept, "vision"), most(&kept, "serving")), (20, 30));
}

/// Story 2: organisations that share nothing, and a queue for what any of them leaves.
#[test]
fn a_special_queue_takes_what_any_organisation_leaves() {
    let org = |name: &str| below("top", name, 0).with_borrow(at_most(0));
    let mut tree = tree(vec![
        root("top", 0),
        org("red"),
        below("red", "red-1", 10),
        org("blue"),
        below("blue", "blue-1", 20),
        below("top", "special", 0),
    ]);
    assert_eq!([most(&tree, "red-1"), most(&tree, "blue-1"), most(&tree, "special")], [10, 20, 30]);
    take(&mut tree, "blue-1", 15);
    take(&mut tree, "special", 12);
    assert_eq!([most(&tree, "red-1"), most(&tree, "blue-1"), most(&tree, "special")], [3, 3, 3]);
    // Each organisation gets its own back from the special queue alone.
    let (red, special) = (tree.id(&queue("red-1")).unwrap(), tree.id(&queue("special")).unwrap());
    let owed = tree.reclaim_candidates(red, &cpus(10)).unwrap();
    assert_eq!(owed.iter().map(|from| (from.node, from.amount)).collect::<Vec<_>>(), [(special, cpus(12))]);
    assert_eq!(tree.reclaim_candidates(red, &cpus(11)).unwrap(), [], "beyond what it is owed");
}

#[test]
fn borrowing_goes_far_and_every_level_limits_it() {
    let mut tree = tree(vec![
        root("root", 1),
        below("root", "left", 2).with_borrow(at_most(6)),
        below("left", "left-a", 3).with_borrow(at_most(9)),
        below("left", "left-b", 4).with_lend(at_most(1)),
        below("root", "right", 5).with_lend(at_most(4)),
        below("right", "right-a", 6),
    ]);
    // Own 3, left's 2, 1 of left-b's 4, the root's 1, 4 of right's 11: and left borrows 5 of at most 6.
    assert_eq!(most(&tree, "left-a"), 3 + 2 + 1 + 1 + 4);
    take(&mut tree, "left-a", 11);
    assert_eq!((most(&tree, "left-b"), most(&tree, "right-a")), (3, 7));
    let left = tree.id(&queue("left")).unwrap();
    assert_eq!((tree.borrowed(left), tree.used(left)), (cpus(5), cpus(11)));
}

#[test]
fn a_refusal_names_node_kind_and_amount() {
    let mut tree = teams(at_most(1), CapacityLimit::UNLIMITED);
    let (a, b) = (tree.id(&queue("team-a")).unwrap(), tree.id(&queue("team-b")).unwrap());
    take(&mut tree, "team-b", 12);
    let refused = tree.take(a, &cpus(11)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "quota: `team-a` is 1 cpu short: 10 cpu left, 11 cpu asked; `team-ab` is 2 cpu short: 9 cpu left, 11 cpu asked"
    );
    // Another kind: nobody has memory here, and asking for none of it is no question.
    let memory = Capacity { memory: Bytes::from_gb(1), ..cpus(1) };
    assert_eq!(
        tree.take(b, &memory).unwrap_err().to_string(),
        "quota: `team-ab` is 1 GB memory short: 0 B memory left, 1 GB memory asked"
    );
    let short = tree.why_not(a, &cpus(11)).unwrap();
    assert_eq!((short[0].kind, short[0].short()), (CapacityKind::Cpu, 1000));
    assert_eq!(tree.why_not(a, &cpus(9)).unwrap(), []);
    let endless = Capacity { gpu: GpuAmount::from_milli(u64::MAX), ..Capacity::ZERO };
    assert!(!tree.admits(a, &endless));
    assert_eq!(
        tree.give_back(b, &cpus(13)).unwrap_err().to_string(),
        "`team-b` holds 12 cpu, 0 B: 13 cpu, 0 B cannot be given back"
    );
    let group = tree.id(&queue("team-ab")).unwrap();
    assert_eq!(
        tree.take(group, &cpus(1)).unwrap_err().to_string(),
        "`team-ab` is a group of queues: expected a queue without others below it"
    );
    assert!(!tree.admits(group, &cpus(0)));
}

#[test]
fn own_use_is_never_offered_for_reclaim() {
    let mut tree = tree(vec![
        root("org", 0),
        below("org", "a", 10),
        below("org", "pair", 4),
        below("pair", "b", 10),
        below("pair", "c", 0),
        below("org", "d", 0),
    ]);
    let id = |tree: &QuotaTree, name: &str| tree.id(&queue(name)).unwrap();
    take(&mut tree, "b", 12);
    take(&mut tree, "c", 6);
    take(&mut tree, "d", 6);
    // `b` and `c` borrow 2 and 6, of which 4 are their group's own; `d` borrows 6.
    let owed = tree.reclaim_candidates(id(&tree, "a"), &cpus(10)).unwrap();
    let owed: Vec<_> = owed.iter().map(|from| (from.node, from.amount)).collect();
    assert_eq!(owed, [(id(&tree, "b"), cpus(2)), (id(&tree, "c"), cpus(4)), (id(&tree, "d"), cpus(6))]);
    // A queue beyond its share is owed nothing, even where there would be something to take.
    assert_eq!(tree.reclaim_candidates(id(&tree, "d"), &cpus(1)).unwrap(), []);
}

#[test]
fn a_group_is_owed_its_share_for_a_queue_that_borrows_within_it() {
    let group = |borrow| {
        let mut tree = tree(vec![
            root("org", 0),
            below("org", "pair", 4),
            below("pair", "b", 0).with_borrow(at_most(borrow)),
            below("org", "d", 0),
        ]);
        take(&mut tree, "d", 4);
        let id = |name: &str| tree.id(&queue(name)).unwrap();
        let owed = tree.reclaim_candidates(id("b"), &cpus(3)).unwrap();
        owed.iter().map(|from| (tree.spec(from.node).unwrap().name.to_string(), from.amount)).collect::<Vec<_>>()
    };
    assert_eq!(group(3), [("d".to_string(), cpus(4))]);
    assert_eq!(group(2), [], "beyond what it may borrow, whoever gives back");
}

#[test]
fn wrong_trees_are_refused() {
    let chain = |levels: usize| {
        let name = |level: usize| format!("n{level}");
        (0..levels)
            .map(|at| if at == 0 { root("n0", 1) } else { below(&name(at - 1), &name(at), 1) })
            .collect::<Vec<_>>()
    };
    for (specs, expected) in [
        (vec![root("a", 1), root("a", 2)], "quota `a` is given twice: expected each name once"),
        (vec![below("z", "a", 1)], "quota `a` is below `z`, which is not there"),
        (vec![root("r", 1), below("b", "a", 1), below("a", "b", 1)], "quota `a` is its own ancestor"),
        (vec![below("b", "a", 1), below("b", "b", 1)], "quota `b` is its own ancestor"),
        (
            vec![root("a", 1).with_borrow(at_most(0))],
            "quota `a` is a root: expected no limit on borrowing or lending, there is nobody to borrow from or lend to",
        ),
        (
            vec![root("a", u64::MAX)],
            "the shares up to `a` come to more cpu than a tree can hold, about 10^18 of its smallest part",
        ),
        (chain(65), "the quotas stand on more than 64 levels"),
    ] {
        assert_eq!(QuotaTree::new(specs).unwrap_err().to_string(), expected);
    }
    assert!(QuotaTree::new(chain(64)).is_ok());
    assert!(QuotaTree::new(vec![]).is_ok());
    let larger = tree(vec![root("a", 1), root("b", 1)]);
    let smaller = tree(vec![root("a", 1)]);
    assert_eq!(smaller.why_not(larger.id(&queue("b")).unwrap(), &cpus(0)), Err(QuotaError::UnknownNode));
}

#[test]
fn what_is_held_outlasts_other_quotas() {
    let mut before = teams(CapacityLimit::UNLIMITED, CapacityLimit::UNLIMITED);
    take(&mut before, "team-a", 15);
    let after = before.reshaped(vec![root("ab", 0), below("ab", "team-a", 5), below("ab", "team-b", 6)]).unwrap();
    assert_eq!((most(&after, "team-a"), most(&after, "team-b")), (0, 0));
    let refused = after.why_not(after.id(&queue("team-b")).unwrap(), &cpus(1)).unwrap();
    assert_eq!(refused[0].to_string(), "`ab` is 5 cpu short: -4 cpu left, 1 cpu asked");
    assert_eq!(after.why_not(after.id(&queue("team-b")).unwrap(), &cpus(0)), Ok(vec![]), "nothing is never short");
    let gone = before.reshaped(vec![root("team-b", 1)]).unwrap_err();
    assert_eq!(gone.to_string(), "`team-a` holds something: expected it to stay a queue");
}

#[test]
fn trees_are_stored_with_what_they_hold() {
    let mut tree = teams(at_most(1), CapacityLimit::UNLIMITED);
    take(&mut tree, "team-a", 10);
    let json = serde_json::to_string(&tree).unwrap();
    let again: QuotaTree = serde_json::from_str(&json).unwrap();
    assert_eq!(again, tree);
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
    take(&mut tree, "team-b", 1);
    assert_ne!(again, tree);
    for (what, with, expected) in [
        (r#""used":{"team-a""#, r#""used":{"team-ab""#, "is a group of queues"),
        (r#""used":{"team-a""#, r#""used":{"team-x""#, "no such node"),
        (r#""parent":"team-ab""#, r#""parent":"nobody""#, "which is not there"),
    ] {
        assert!(json.contains(what), "{json}");
        let error = serde_json::from_str::<QuotaTree>(&json.replacen(what, with, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// What a tree shares, and what is held of it, stays within what can be added up.
#[test]
fn shares_and_use_have_a_bound() {
    let most = (1_u64 << 60) - 1;
    let memory = |bytes| Capacity { memory: Bytes::new(bytes), ..Capacity::ZERO };
    let share = |name: &str, bytes| QuotaSpec::new(queue(name), memory(bytes));
    assert!(QuotaTree::new(vec![share("a", most)]).is_ok());
    assert!(QuotaTree::new(vec![share("a", most + 1)]).is_err());
    assert!(QuotaTree::new(vec![share("a", most), share("b", 1)]).is_err());
    let used = |a: u64, b: u64| -> Result<QuotaTree, String> {
        let quotas = [share("a", most - 1), share("b", 1)];
        let state = serde_json::json!({"quotas": quotas, "used": {"a": memory(a), "b": memory(b)}});
        serde_json::from_value(state).map_err(|error| error.to_string())
    };
    assert!(used(most - 2, 2).is_ok());
    for (a, b) in [(most - 1, 2), (most, most), (2, most - 1)] {
        let error = used(a, b).unwrap_err();
        assert!(error.starts_with("the shares up to `b` come to more memory than a tree can hold"), "{error}");
    }
}
