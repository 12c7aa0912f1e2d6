//! What an operation allocates, once the ledger's memory is full: nothing. (A reservation keeps the key it is given.)

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use allocation_counter::measure;
use orp_core::prelude::*;

fn usd(micros: i64) -> Money {
    Money::from_micros(micros, Currency::USD)
}

/// Three levels by parent, and a memory of 64 closed reservations that is full.
fn warm() -> (Ledger, [BudgetName; 1]) {
    let [project, team, org] = ["project", "team", "org"].map(|name| BudgetName::new(name).unwrap());
    let spec = |name: &BudgetName| BudgetSpec::new(name.clone(), usd(i64::MAX), RuleId::new("rule").unwrap());
    let mut ledger = Ledger::with_memory(64);
    let specs = [spec(&project).with_parent(team.clone()), spec(&team).with_parent(org.clone()), spec(&org)];
    ledger.open_all(&specs).unwrap();
    let accounts = [project];
    for at in 0..1000 {
        one(&mut ledger, IdempotencyKey::new(format!("warm-{at}")), &accounts);
    }
    (ledger, accounts)
}

fn one(ledger: &mut Ledger, key: IdempotencyKey, accounts: &[BudgetName]) {
    let again = key.clone();
    ledger.reserve(key, usd(100), accounts, None).unwrap();
    ledger.extend(&again, usd(20)).unwrap();
    ledger.charge(&again, usd(70), Timestamp::EPOCH).unwrap();
    ledger.settle(&again).unwrap();
}

#[test]
fn a_warm_ledger_allocates_nothing_but_the_keys_it_is_given() {
    let (mut ledger, accounts) = warm();
    let keys: Vec<IdempotencyKey> = (0..1000).map(|at| IdempotencyKey::new(format!("run-{at}"))).collect();
    let keys_alone = measure(|| keys.iter().for_each(|key| drop((key.clone(), key.clone()))));
    let all = measure(|| keys.iter().for_each(|key| one(&mut ledger, key.clone(), &accounts)));
    assert_eq!(all.count_total, keys_alone.count_total, "allocations of 1,000 reserve + extend + charge + settle");
}

#[test]
fn a_quota_is_admitted_and_taken_without_allocations() {
    let queue = |name: &str| QueueName::new(name).unwrap();
    let share = Capacity { gpu: GpuAmount::whole(8), ..Capacity::ZERO };
    let specs =
        vec![QuotaSpec::new(queue("org"), share), QuotaSpec::new(queue("team"), share).with_parent(queue("org"))];
    let mut tree = QuotaTree::new(specs).unwrap();
    let team = tree.id(&queue("team")).unwrap();
    let counted = measure(|| {
        assert!(tree.admits(team, &share));
        tree.take(team, &share).unwrap();
        tree.give_back(team, &share).unwrap();
    });
    assert_eq!(counted.count_total, 0);
}
