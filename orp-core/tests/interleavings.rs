//! Many threads at one ledger: under random schedules (shuttle) and on eight real threads. Nothing is spent beyond a limit
//! at any level, whatever is granted can be charged, and in the end the ledger says what the threads did.
//!
//! 20,000 schedules; as many as one likes with `ORP_SCHEDULES=1000000 cargo test --release -p orp-core --test interleavings`.
//! A schedule that fails is printed, and `shuttle::replay` runs it again.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use orp_core::prelude::*;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

const THREADS: usize = 4;
/// Every account with its parent and limit: two teams of two projects under one root that is smaller than their sum.
const TREE: [(&str, Option<usize>, i64); 7] = [
    ("org", None, 100),
    ("team-a", Some(0), 70),
    ("team-b", Some(0), 70),
    ("a-1", Some(1), 50),
    ("a-2", Some(1), 50),
    ("b-1", Some(2), 50),
    ("b-2", Some(2), 50),
];
const FIRST_PROJECT: usize = 3;

fn usd(micros: i64) -> Money {
    Money::from_micros(micros, Currency::USD)
}

/// An account of the tree and its ancestors.
fn levels(account: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(account), |at| TREE[*at].1)
}

fn name(account: usize) -> BudgetName {
    BudgetName::new(TREE[account].0).unwrap()
}

fn key(thread: usize, step: usize) -> IdempotencyKey {
    IdempotencyKey::new(format!("{thread}-{step}"))
}

fn tree() -> Ledger {
    let rule = RuleId::new("rule").unwrap();
    let spec = |at: usize| {
        let spec = BudgetSpec::new(name(at), usd(TREE[at].2), rule.clone());
        TREE[at].1.map_or(spec.clone(), |parent| spec.with_parent(name(parent)))
    };
    let mut ledger = Ledger::default();
    ledger.open_all(&(0..TREE.len()).map(spec).collect::<Vec<_>>()).unwrap();
    ledger
}

/// A mutex of whichever kind of threads.
trait Lock<T>: Send + Sync + 'static {
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R;
}

impl<T: Send + 'static> Lock<T> for Mutex<T> {
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.lock().unwrap())
    }
}

impl<T: Send + 'static> Lock<T> for shuttle::sync::Mutex<T> {
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.lock().unwrap())
    }
}

/// What the threads work with.
trait Till: Send + Sync + 'static {
    /// Does something with the ledger as one step.
    fn step<R>(&self, work: impl FnOnce(&mut Ledger) -> R) -> R;
}

/// As it is meant: each operation under one lock.
struct Whole<L>(L);

impl<L: Lock<Ledger>> Till for Whole<L> {
    fn step<R>(&self, work: impl FnOnce(&mut Ledger) -> R) -> R {
        self.0.with(work)
    }
}

/// Broken on purpose: looks under one lock and acts under another.
struct Torn<L>(L);

impl<L: Lock<Ledger>> Till for Torn<L> {
    fn step<R>(&self, work: impl FnOnce(&mut Ledger) -> R) -> R {
        let mut seen = self.0.with(|ledger| ledger.clone());
        let done = work(&mut seen);
        self.0.with(|ledger| *ledger = seen);
        done
    }
}

/// What the threads know they spent, on each account.
#[derive(Default)]
struct Spent([AtomicI64; TREE.len()]);

impl Spent {
    fn add(&self, project: usize, parts: i64) {
        for at in levels(project) {
            let total = self.0[at].fetch_add(parts, SeqCst) + parts;
            assert!(total <= TREE[at].2, "{} of {} spent on {}", total, TREE[at].2, TREE[at].0);
        }
    }
}

fn check(ledger: &Ledger) {
    for (account, now) in ledger.accounts() {
        assert!(now.spent.parts() + now.reserved.parts() <= now.limit.parts(), "{account}: {now}");
    }
}

/// One thread's work: reserves on a project, charges twice, and settles, commits, voids, or leaves the rest to time.
fn work(till: &impl Till, spent: &Spent, thread: usize, steps: usize) {
    for step in 0..steps {
        let (key, seed) = (key(thread, step), thread * 7 + step * 3);
        let project = FIRST_PROJECT + seed % (TREE.len() - FIRST_PROJECT);
        let asked = 20 + (seed % 4) as i64 * 10;
        let expires = (seed % 3 == 0).then(|| Timestamp::from_micros(step as i64 + 1));
        let granted = till.step(|ledger| ledger.reserve(key.clone(), usd(asked), &[name(project)], expires));
        if granted.is_err() {
            continue;
        }
        for part in [asked / 2, asked / 4] {
            match till.step(|ledger| ledger.charge(&key, usd(part), Timestamp::EPOCH)) {
                Ok(_) => spent.add(project, part),
                Err(error) => assert!(expires.is_some(), "what was granted could not be charged: {error}"),
            }
        }
        till.step(|ledger| {
            check(ledger);
            match seed % 4 {
                0 => drop(ledger.expire(Timestamp::from_micros(step as i64))),
                1 => drop(ledger.settle(&key).unwrap()),
                2 => assert!(ledger.void(&key).is_err()),
                _ => drop(ledger.expire(Timestamp::from_micros(2))),
            }
            check(ledger);
        });
    }
}

/// When all is done the ledger says what the threads did, and holds nothing.
fn close(till: &impl Till, spent: &Spent, steps: usize) {
    till.step(|ledger| {
        for (thread, step) in (0..8).flat_map(|thread| (0..steps).map(move |step| (thread, step))) {
            let _ = ledger.settle(&key(thread, step));
        }
        for (spent, (account, now)) in spent.0.iter().zip(ledger.accounts()) {
            assert_eq!(now.reserved, usd(0), "{account}");
            assert_eq!(now.spent.parts(), spent.load(SeqCst), "{account}");
        }
    });
}

fn under_schedules<T: Till>(till: fn(Ledger) -> T, schedules: usize) {
    let run = move || {
        let (till, spent) = (Arc::new(till(tree())), Arc::new(Spent::default()));
        let spawn = |thread| {
            let (till, spent) = (till.clone(), spent.clone());
            shuttle::thread::spawn(move || work(&*till, &spent, thread, 3))
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        close(&*till, &spent, 3);
    };
    shuttle::check_random(run, schedules);
}

#[test]
fn no_schedule_of_threads_overspends() {
    let schedules = std::env::var("ORP_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(20_000);
    under_schedules(|ledger| Whole(shuttle::sync::Mutex::new(ledger)), schedules);
}

#[test]
#[should_panic]
fn a_ledger_that_looks_and_acts_under_two_locks_is_caught() {
    under_schedules(|ledger| Torn(shuttle::sync::Mutex::new(ledger)), 20_000);
}

#[test]
fn eight_threads_do_not_overspend() {
    for _ in 0..200 {
        let (till, spent) = (Whole(Mutex::new(tree())), Spent::default());
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (till, spent) = (&till, &spent);
                scope.spawn(move || work(till, spent, thread, 20));
            }
        });
        close(&till, &spent, 20);
    }
}
