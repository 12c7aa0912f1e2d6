//! Laws over any operations in any order.

use super::model::Model;
use super::{amount, at, key, name, spec};
use orp_core::prelude::*;
use proptest::prelude::*;

const NAMES: [&str; 5] = ["org", "team", "project", "day", "lone"];
const REMEMBERED: usize = 6;
/// The length of the rolling window of `day`.
const DAY: i64 = 700;

/// A chain of three, a rolling window below the same root, and an account by itself that records overrun.
fn tree(limits: [i64; 5]) -> Vec<BudgetSpec> {
    let last = Span::from_micros(DAY as u64);
    vec![
        spec("org", limits[0]),
        spec("team", limits[1]).with_parent(name("org")).with_on_overrun(OnOverrun::Extend),
        spec("project", limits[2]).with_parent(name("team")).with_alerts([AlertAt::Spent(50)]),
        spec("day", limits[3]).with_parent(name("org")).with_window(AccountWindow::Rolling { last }),
        spec("lone", limits[4]).with_on_overrun(OnOverrun::Record),
    ]
}

fn operation() -> impl Strategy<Value = LedgerOperation> {
    type Op = LedgerOperation;
    let keys = (0u8..12).prop_map(key);
    let amounts = (0i64..300).prop_map(amount);
    let times = (0i64..2000).prop_map(at);
    let account = prop::sample::select(&NAMES[..]).prop_map(name);
    let accounts = prop::collection::vec(account.clone(), 0..4);
    let limits = prop::array::uniform5(0i64..1500);
    let transfer = (account.clone(), account, amounts.clone(), 0u8..3);
    prop_oneof![
        1 => limits.prop_map(|limits| Op::Open { budgets: tree(limits) }),
        8 => (keys.clone(), amounts.clone(), accounts, prop::option::of(times.clone()))
            .prop_map(|(key, amount, accounts, expires)| Op::Reserve { key, amount, accounts, expires }),
        3 => (keys.clone(), amounts.clone()).prop_map(|(key, more)| Op::Extend { key, more }),
        1 => (keys.clone(), times.clone()).prop_map(|(key, expires)| Op::Renew { key, expires }),
        6 => (keys.clone(), amounts.clone(), times.clone()).prop_map(|(key, amount, at)| Op::Charge { key, amount, at }),
        3 => (keys.clone(), amounts, times.clone()).prop_map(|(key, actual, at)| Op::Commit { key, actual, at }),
        2 => keys.clone().prop_map(|key| Op::Settle { key }),
        1 => keys.clone().prop_map(|key| Op::Void { key }),
        2 => times.prop_map(|now| Op::Expire { now }),
        1 => (keys, transfer).prop_map(|(key, (from, to, amount, why))| {
            Op::Transfer { key, transfer: Transfer::new(from, to, amount, why.to_string()) }
        }),
    ]
}

fn numbers(account: Account) -> [i64; 4] {
    [account.limit, account.spent, account.reserved, account.overrun].map(Amount::parts)
}

fn limits(ledger: &Ledger) -> i64 {
    ledger.accounts().map(|(_, account)| account.limit.parts()).sum()
}

fn bytes(ledger: &Ledger) -> String {
    serde_json::to_string(ledger).unwrap()
}

fn begin() -> (Ledger, Model) {
    let (mut ledger, mut model) = (Ledger::with_memory(REMEMBERED), Model::new(REMEMBERED));
    let open = LedgerOperation::Open { budgets: tree([1000, 600, 300, 400, 500]) };
    ledger.apply(&open).unwrap();
    assert!(model.apply(&open));
    (ledger, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every answer, every account and every reservation is the naive ledger's; a refusal changes nothing; no account is
    /// passed; a rolling window never holds less than was really spent in it; a transfer makes and loses nothing.
    #[test]
    fn the_ledger_is_what_its_operations_add_up_to(operations in prop::collection::vec(operation(), 1..80)) {
        let (mut ledger, mut model) = begin();
        for operation in &operations {
            let before = ledger.clone();
            let answer = ledger.apply(operation);
            prop_assert_eq!(answer.is_ok(), model.apply(operation), "{:?}: {:?}", operation, answer);
            if answer.is_err() {
                prop_assert_eq!(&ledger, &before, "refused, and yet changed");
            }
            for ((account, now), (_, then)) in ledger.accounts().zip(before.accounts()) {
                prop_assert_eq!(numbers(now), model.numbers(account), "{} after {:?}", account, operation);
                // Above its limit only by overrun, or because the limit was lowered, and then it does not grow.
                let above = |account: Account| account.spent.parts() + account.reserved.parts() - account.overrun.parts();
                prop_assert!(above(now) <= now.limit.parts().max(above(then)), "{} after {:?}", account, operation);
            }
            for at in 0..12 {
                let seen = ledger.reservation(&key(at));
                let seen = seen.map(|r| (r.amount.parts(), r.charged.parts(), r.left().parts(), r.status));
                prop_assert_eq!(seen, model.hold(&key(at)), "reservation {} after {:?}", at, operation);
            }
            let (day, account) = (name("day"), ledger.account(&name("day")).unwrap());
            prop_assert!(model.in_window(&day, DAY) <= account.spent.parts(), "the window forgot too early");
            if matches!(operation, LedgerOperation::Transfer { .. }) {
                prop_assert_eq!(limits(&ledger), limits(&before));
            }
        }
    }

    /// Stored at any point and read again, a ledger goes on as if nothing had happened; replayed from the stored
    /// operations, every prefix is a state the original passed through, byte for byte.
    #[test]
    fn a_crash_at_any_point_recovers_the_same_ledger(operations in prop::collection::vec(operation(), 1..40)) {
        let (mut original, _) = begin();
        let (mut replayed, mut reread) = (original.clone(), original.clone());
        for operation in &operations {
            let answer = original.apply(operation);
            let stored: LedgerOperation = serde_json::from_str(&serde_json::to_string(operation).unwrap()).unwrap();
            prop_assert_eq!(&replayed.apply(&stored), &answer);
            prop_assert_eq!(&reread.apply(&stored), &answer);
            let state = bytes(&original);
            prop_assert_eq!(&bytes(&replayed), &state);
            reread = serde_json::from_str(&state).unwrap();
            prop_assert_eq!(&reread, &original);
            prop_assert_eq!(bytes(&reread), state);
        }
    }

    /// What was accepted can be said again: reserve, commit, settle, void, expire, transfer, open and renew change nothing
    /// the second time. (Charge and extend add up; `charge_to` and `extend_to` are their idempotent forms.)
    #[test]
    fn said_twice_is_said_once(operations in prop::collection::vec(operation(), 1..60)) {
        let (mut ledger, _) = begin();
        for operation in &operations {
            let accepted = ledger.apply(operation).is_ok();
            let adds_up = matches!(operation, LedgerOperation::Charge { .. } | LedgerOperation::Extend { .. });
            if accepted && !adds_up {
                let once = ledger.clone();
                prop_assert_eq!(ledger.apply(operation), Ok(vec![]), "{:?}", operation);
                prop_assert_eq!(&ledger, &once, "{:?}", operation);
            }
            if let LedgerOperation::Charge { key, amount, at } = operation {
                let once = |ledger: &mut Ledger| ledger.charge_to(key, *amount, *at);
                if once(&mut ledger).is_ok() {
                    let before = ledger.clone();
                    prop_assert_eq!(once(&mut ledger), Ok(vec![]));
                    prop_assert_eq!(&ledger, &before);
                }
            }
            if let LedgerOperation::Extend { key, more } = operation
                && ledger.extend_to(key, *more).is_ok()
            {
                let before = ledger.clone();
                prop_assert_eq!(ledger.extend_to(key, *more), Ok(()));
                prop_assert_eq!(&ledger, &before);
            }
        }
    }

    /// What time frees is what was not charged, on every account, once.
    #[test]
    fn expiry_frees_exactly_what_was_not_charged(operations in prop::collection::vec(operation(), 1..60), now in 0i64..2500) {
        let (mut ledger, _) = begin();
        for operation in &operations {
            let _ = ledger.apply(operation);
        }
        let (before, open) = (ledger.clone(), ledger.open_reservations().map(|(k, r)| (k.clone(), r)).collect::<Vec<_>>());
        let freed = ledger.expire(at(now)).released;
        let ended = open.iter().filter(|(_, held)| held.expires.is_some_and(|end| end <= at(now).max(before.now())));
        let mut expected: Vec<_> = ended.map(|(key, held)| (held.expires, key.clone(), held.left())).collect();
        let mut got: Vec<_> = freed.iter().map(|(key, left)| (before.reservation(key).unwrap().expires, key.clone(), *left)).collect();
        prop_assert!(got.is_sorted_by_key(|(end, ..)| *end));
        expected.sort_by(|a, b| a.1.cmp(&b.1));
        got.sort_by(|a, b| a.1.cmp(&b.1));
        prop_assert_eq!(got, expected);
        prop_assert_eq!(ledger.expire(at(now)).released, vec![]);
        let held: i64 = ledger.open_reservations().map(|(_, held)| held.left().parts()).sum();
        let most = ledger.accounts().map(|(_, account)| account.reserved.parts()).max().unwrap();
        prop_assert!(most <= held);
    }
}
