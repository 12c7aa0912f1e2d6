//! What the ledger does, case by case.

use super::{amount, at, key, ledger, name, spec, usd};
use orp_core::prelude::*;

fn left(ledger: &Ledger, account: &str) -> i64 {
    ledger.account(&name(account)).unwrap().left().parts()
}

fn chain() -> Ledger {
    ledger(&[
        spec("project", 300).with_parent(name("team")),
        spec("org", 1000),
        spec("team", 600).with_parent(name("org")).with_on_limit(OnLimit::Suspend),
    ])
}

#[test]
fn a_reservation_holds_on_every_ancestor_once() {
    let mut ledger = chain();
    let (project, team, org) = (name("project"), name("team"), name("org"));
    ledger.reserve(key("a"), usd(100), std::slice::from_ref(&project), None).unwrap();
    ledger.reserve(key("b"), usd(100), &[org.clone(), project.clone(), team.clone(), project.clone()], None).unwrap();
    for account in ["project", "team", "org"] {
        assert_eq!(ledger.account(&name(account)).unwrap().reserved, usd(200), "{account}");
    }
    // Two leaves under one root, in one reservation.
    ledger.open(&spec("other", 50).with_parent(org)).unwrap();
    ledger.reserve(key("c"), usd(50), &[name("other"), project], None).unwrap();
    assert_eq!((left(&ledger, "project"), left(&ledger, "other"), left(&ledger, "org")), (50, 0, 750));
    assert_eq!(ledger.reservation(&key("c")).unwrap().accounts, [name("other"), name("project")]);
}

#[test]
fn a_refusal_names_every_short_account_the_strictest_first() {
    let mut ledger = ledger(&[
        spec("org", 100),
        spec("team", 200).with_parent(name("org")).with_on_limit(OnLimit::Suspend),
        spec("project", 150).with_parent(name("team")).with_on_limit(OnLimit::Ask(RuleId::new("owner").unwrap())),
    ]);
    let project = name("project");
    let refused = ledger.reserve(key("a"), usd(160), std::slice::from_ref(&project), None).unwrap_err();
    let LedgerError::Exceeded(exceeded) = &refused else { panic!("{refused}") };
    assert_eq!(exceeded.wanted(), &OnLimit::Deny);
    assert_eq!(exceeded.first().budget, name("org"));
    assert_eq!(exceeded.all().map(|short| short.left.parts()).collect::<Vec<_>>(), [100, 150]);
    assert_eq!(
        refused.to_string(),
        "budget `org` has 0.0001 USD left of 0.0001 USD, 0.00016 USD were asked; \
         budget `project` has 0.00015 USD left of 0.00015 USD, 0.00016 USD were asked"
    );
    ledger.reserve(key("a"), usd(100), &[project], None).unwrap();
    let refused = ledger.extend(&key("a"), usd(101)).unwrap_err();
    assert!(matches!(refused, LedgerError::Exceeded(exceeded) if exceeded.all().count() == 3));
    let suspends = spec("patient", 1).with_on_limit(OnLimit::Suspend);
    let asks = spec("polite", 1).with_on_limit(OnLimit::Ask(RuleId::new("owner").unwrap()));
    for (spec, wanted) in [(suspends, "suspend"), (asks, "ask `owner`")] {
        ledger.open(&spec).unwrap();
        let refused = ledger.reserve(key("b"), usd(2), std::slice::from_ref(&spec.name), None).unwrap_err();
        let LedgerError::Exceeded(exceeded) = refused else { panic!("{refused}") };
        assert_eq!(exceeded.wanted().to_string(), wanted);
    }
}

#[test]
fn keys_hold_one_reservation() {
    let mut ledger = ledger(&[spec("b", 10), spec("c", 10)]);
    let (b, c) = (name("b"), name("c"));
    let mut reserve = |amount, accounts: &[BudgetName]| ledger.reserve(key("k"), usd(amount), accounts, None);
    reserve(6, std::slice::from_ref(&b)).unwrap();
    reserve(6, &[b.clone(), b.clone()]).unwrap();
    assert_eq!(reserve(7, std::slice::from_ref(&b)), Err(LedgerError::Conflict(key("k"))));
    assert_eq!(reserve(6, &[c]), Err(LedgerError::Conflict(key("k"))));
    ledger.extend_to(&key("k"), usd(8)).unwrap();
    // The request that made it is known after an extension, and after the account has another parent.
    ledger.open_all(&[spec("b", 10).with_parent(name("p")), spec("p", 0)]).unwrap();
    ledger.reserve(key("k"), usd(6), std::slice::from_ref(&b), None).unwrap();
    assert_eq!((left(&ledger, "b"), left(&ledger, "p")), (2, 0));
    assert_eq!(ledger.settle(&key("k")).unwrap(), usd(8));
    assert_eq!(ledger.settle(&key("k")).unwrap(), usd(0));
    let again = ledger.reserve(key("k"), usd(6), &[b], None).unwrap_err();
    assert_eq!(again.to_string(), "reservation `k` is settled");
    assert!(matches!(ledger.charge(&key("k"), usd(1), at(0)), Err(LedgerError::Closed { .. })));
    assert!(matches!(ledger.settle(&key("x")), Err(LedgerError::UnknownReservation(_))));
}

#[test]
fn accounts_open_in_any_order_and_never_in_a_circle() {
    let mut ledger = chain();
    let before = ledger.clone();
    let a = |parent: &str| spec("a", 1).with_parent(name(parent));
    for (specs, expected) in [
        (vec![a("b"), spec("b", 1).with_parent(name("a"))], "budget `a` would be its own ancestor"),
        (vec![a("a")], "budget `a` would be its own ancestor"),
        (vec![spec("org", 1).with_parent(name("project"))], "budget `org` would be its own ancestor"),
        (vec![a("nobody")], "unknown budget `nobody`"),
        (vec![spec("a", 1), spec("a", 2)], "budget `a`: it is given twice: expected each account once"),
        (vec![spec("a", -1)], "-0.000001 USD is negative: only amounts from zero can be reserved, charged or moved"),
        (
            vec![spec("a", 1).with_window(AccountWindow::Between { from: at(5), until: at(5) })],
            "budget `a`: its window ends at 1970-01-01T00:00:00.000005Z, not after its beginning at 1970-01-01T00:00:00.000005Z",
        ),
        (
            vec![spec("a", 1).with_window(AccountWindow::Rolling { last: Span::ZERO })],
            "budget `a`: a rolling window of 0s: expected from 64us to 290,000 years",
        ),
        (
            vec![spec("a", 1).with_alerts([AlertAt::Forecast(100)])],
            "budget `a`: the alert `forecast>100%` needs a calendar window: no other one ends",
        ),
        (vec![spec("a", 1).with_alerts([AlertAt::Spent(1); 17])], "budget `a`: 17 alerts: expected at most 16"),
        (
            vec![
                BudgetSpec::new(name("a"), "5 calls".parse::<Amount>().unwrap(), RuleId::new("r").unwrap())
                    .with_parent(name("org")),
            ],
            "cannot put 5 calls and 0.001 USD together: they are counted on different meters",
        ),
    ] {
        assert_eq!(ledger.open_all(&specs).unwrap_err().to_string(), expected);
        assert_eq!(ledger, before, "{expected}");
    }
    assert!(ledger.clone().open(&spec("a", 1).with_alerts([AlertAt::Spent(1); 16])).is_ok());
    let euro = BudgetSpec::new(name("org"), "1 EUR".parse::<Money>().unwrap(), RuleId::new("r").unwrap());
    assert!(matches!(ledger.open(&euro), Err(LedgerError::Amount(_))));
    assert!(matches!(
        ledger.reserve(key("k"), "1 EUR".parse::<Money>().unwrap(), &[name("org")], None),
        Err(LedgerError::Amount(_))
    ));
    let deep: Vec<BudgetSpec> = (0..80)
        .map(|level| spec(&format!("d{level}"), 1).with_parent(name(&format!("d{}", level + 1))))
        .chain([spec("d80", 1)])
        .collect();
    assert_eq!(ledger.open_all(&deep), Err(LedgerError::TooManyAccounts(64)));
}

#[test]
fn a_tree_of_many_accounts_is_held_whole() {
    let specs: Vec<BudgetSpec> = (0..40).map(|at| spec(&format!("a{at}"), 10)).collect();
    let mut ledger = ledger(&specs);
    let names: Vec<BudgetName> = specs.iter().map(|spec| spec.name.clone()).collect();
    ledger.reserve(key("k"), usd(7), &names, None).unwrap();
    assert!(ledger.accounts().all(|(_, account)| account.left() == usd(3)));
    let again: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
    assert_eq!(again, ledger);
    ledger.settle(&key("k")).unwrap();
    assert!(ledger.accounts().all(|(_, account)| account.left() == usd(10)));
    assert_eq!(ledger.reservation(&key("k")).unwrap().accounts, names);
}

#[test]
fn under_another_parent_only_later_reservations_are_held_on_it() {
    let mut ledger = chain();
    let project = [name("project")];
    ledger.reserve(key("old"), usd(100), &project, None).unwrap();
    ledger.open_all(&[spec("new", 500), spec("project", 300).with_parent(name("new"))]).unwrap();
    ledger.reserve(key("new"), usd(50), &project, None).unwrap();
    assert_eq!((left(&ledger, "team"), left(&ledger, "new"), left(&ledger, "project")), (500, 450, 150));
    ledger.settle(&key("old")).unwrap();
    assert_eq!((left(&ledger, "team"), left(&ledger, "new"), left(&ledger, "project")), (600, 450, 250));
}

#[test]
fn commit_is_charge_and_settle_in_one() {
    let mut ledger = chain();
    let (commit, again) = (key("a"), |ledger: &mut Ledger, actual| ledger.commit(&key("a"), usd(actual), at(1)));
    ledger.reserve(commit.clone(), usd(100), &[name("project")], None).unwrap();
    ledger.charge(&commit, usd(30), at(0)).unwrap();
    assert!(matches!(again(&mut ledger, 20), Err(LedgerError::Backwards { .. })));
    assert!(matches!(again(&mut ledger, 101), Err(LedgerError::BeyondReservation { wanted: OnOverrun::Suspend, .. })));
    again(&mut ledger, 70).unwrap();
    assert_eq!((left(&ledger, "project"), left(&ledger, "org")), (230, 930));
    assert_eq!(again(&mut ledger, 70), Ok(vec![]));
    assert_eq!(again(&mut ledger, 71), Err(LedgerError::Conflict(commit)));
}

#[test]
fn a_total_is_charged_and_held_once() {
    let mut ledger = chain();
    ledger.reserve(key("a"), usd(100), &[name("project")], None).unwrap();
    for total in [30, 30, 45] {
        ledger.charge_to(&key("a"), usd(total), at(0)).unwrap();
    }
    ledger.extend_to(&key("a"), usd(120)).unwrap();
    ledger.extend_to(&key("a"), usd(120)).unwrap();
    assert!(matches!(ledger.extend_to(&key("a"), usd(119)), Err(LedgerError::Backwards { .. })));
    let project = ledger.account(&name("project")).unwrap();
    assert_eq!((project.spent, project.reserved), (amount(45), amount(75)));
}

#[test]
fn what_was_spent_is_not_voided() {
    let mut ledger = chain();
    ledger.reserve(key("a"), usd(100), &[name("project")], None).unwrap();
    assert_eq!(ledger.void(&key("a")).unwrap(), usd(100));
    assert_eq!(ledger.void(&key("a")).unwrap(), usd(0));
    ledger.reserve(key("b"), usd(100), &[name("project")], None).unwrap();
    ledger.charge(&key("b"), usd(1), at(0)).unwrap();
    assert_eq!(
        ledger.void(&key("b")).unwrap_err().to_string(),
        "reservation `b` has 0.000001 USD charged and cannot be voided: settle it"
    );
    ledger.settle(&key("b")).unwrap();
    assert!(matches!(ledger.void(&key("b")), Err(LedgerError::Closed { status: ReservationStatus::Settled, .. })));
    assert_eq!(left(&ledger, "project"), 299);
}

#[test]
fn an_end_can_be_put_off_and_never_brought_forward() {
    let mut ledger = chain();
    ledger.reserve(key("a"), usd(100), &[name("project")], Some(at(10))).unwrap();
    ledger.renew(&key("a"), at(20)).unwrap();
    ledger.renew(&key("a"), at(5)).unwrap();
    assert_eq!(ledger.expire(at(19)).released, []);
    ledger.charge(&key("a"), usd(30), at(19)).unwrap();
    assert_eq!(ledger.expire(at(20)).released, [(key("a"), amount(70))]);
    assert_eq!(left(&ledger, "project"), 270);
    assert!(matches!(ledger.renew(&key("a"), at(30)), Err(LedgerError::Closed { .. })));
    assert_eq!(ledger.settle(&key("a")).unwrap(), usd(0));
    let late = ledger.charge(&key("a"), usd(1), at(21)).unwrap_err();
    assert_eq!(late.to_string(), "reservation `a` has 0.00 USD left, 0.000001 USD were to be charged: suspend");
    // Without an end it stays.
    ledger.reserve(key("b"), usd(100), &[name("project")], None).unwrap();
    ledger.renew(&key("b"), at(1)).unwrap();
    assert_eq!(ledger.expire(at(i64::MAX)).released, []);
}

#[test]
fn overrun_is_recorded_only_where_every_account_says_so() {
    let record = |spec: BudgetSpec| spec.with_on_overrun(OnOverrun::Record);
    let mut ledger = ledger(&[
        record(spec("top", 100)),
        record(spec("open", 100)).with_parent(name("top")),
        spec("strict", 100).with_parent(name("top")).with_on_overrun(OnOverrun::Extend),
    ]);
    ledger.reserve(key("s"), usd(10), &[name("strict")], None).unwrap();
    let refused = ledger.charge(&key("s"), usd(11), at(0)).unwrap_err();
    assert!(matches!(refused, LedgerError::BeyondReservation { wanted: OnOverrun::Extend, .. }));
    ledger.reserve(key("o"), usd(10), &[name("open")], Some(at(5))).unwrap();
    let told = ledger.charge(&key("o"), usd(95), at(1)).unwrap();
    assert_eq!(told.len(), 2);
    assert_eq!(
        told[0].to_string(),
        "budget `open` was charged 0.000085 USD beyond a reservation: 0.000095 USD of 0.0001 USD are spent"
    );
    let top = ledger.account(&name("top")).unwrap();
    assert_eq!((top.left().parts(), top.overrun.parts()), (-5, 85));
    assert_eq!(top.to_string(), "-0.000005 USD left of 0.0001 USD: 0.000095 USD spent, 0.00001 USD reserved");
    // What is overrun counts: nothing more is reserved, but nothing can be reserved.
    assert!(matches!(ledger.reserve(key("x"), usd(1), &[name("strict")], None), Err(LedgerError::Exceeded(_))));
    ledger.reserve(key("nothing"), usd(0), &[name("strict")], None).unwrap();
    // What was spent after the end is recorded as well.
    ledger.expire(at(5));
    assert_eq!(ledger.charge(&key("o"), usd(1), at(6)).unwrap().len(), 2);
    assert_eq!(ledger.reservation(&key("o")).unwrap().overrun, usd(86));
    // On no account nobody says that it may be passed.
    ledger.reserve(key("none"), usd(1), &[], None).unwrap();
    assert!(matches!(ledger.charge(&key("none"), usd(2), at(0)), Err(LedgerError::BeyondReservation { .. })));
    // Sums that do not fit are refused whole.
    let most = amount(i64::MAX);
    let before = ledger.clone();
    assert!(matches!(ledger.charge(&key("o"), most, at(7)), Err(LedgerError::Amount(AmountError::Overflow))));
    assert!(matches!(ledger.extend(&key("none"), most), Err(LedgerError::Amount(AmountError::Overflow))));
    assert_eq!(ledger, before);
}

#[test]
fn alerts_are_told_once_each() {
    let alerts = [AlertAt::Spent(50), AlertAt::Spent(80), AlertAt::Spent(100)];
    let mut ledger = ledger(&[spec("b", 100).with_alerts(alerts), spec("c", 100)]);
    ledger.reserve(key("k"), usd(100), &[name("b")], None).unwrap();
    let mut told = |charge: i64| -> Vec<String> {
        let notices = ledger.charge(&key("k"), usd(charge), at(0)).unwrap();
        notices.iter().map(|notice| notice.to_string()).collect()
    };
    assert_eq!(told(49), [""; 0]);
    assert_eq!(told(1), ["budget `b` has reached 50%: 0.00005 USD of 0.0001 USD are spent"]);
    assert_eq!(told(0), [""; 0]);
    assert_eq!(told(50).len(), 2);
    // A higher limit does not arm them again; an alert that is new is told at once, and so is what a lower limit reaches.
    let spec = spec("b", 200).with_alerts([AlertAt::Spent(50), AlertAt::Spent(40), AlertAt::Spent(90)]);
    let kinds = |notices: Vec<Notice>| notices.into_iter().map(|notice| notice.kind).collect::<Vec<_>>();
    assert_eq!(kinds(ledger.open(&spec).unwrap()), [NoticeKind::Spent { percent: 40 }]);
    let move_away = Transfer::new(name("b"), name("c"), usd(90), "c needs it");
    assert_eq!(kinds(ledger.transfer(key("t"), move_away).unwrap()), [NoticeKind::Spent { percent: 90 }]);
    assert_eq!(ledger.open(&spec), Ok(vec![]));
}

/// What is told of account `b` when a reservation of it is charged.
fn told(ledger: &mut Ledger, parts: i64, when: i64) -> Vec<NoticeKind> {
    let notices = ledger.charge(&key("k"), usd(parts), at(when)).unwrap();
    notices.into_iter().map(|notice| notice.kind).collect()
}

#[test]
fn what_was_told_stays_told_and_the_rest_is_still_to_be_told() {
    let spent = |percents: &[u16]| percents.iter().map(|percent| AlertAt::Spent(*percent)).collect::<Vec<_>>();
    let mut ledger = ledger(&[spec("b", 100).with_alerts(spent(&[50, 60, 80]))]);
    ledger.reserve(key("k"), usd(100), &[name("b")], None).unwrap();
    assert_eq!(told(&mut ledger, 60, 0).len(), 2);
    assert_eq!(ledger.open(&spec("b", 100).with_alerts(spent(&[90, 80, 60, 50]))), Ok(vec![]));
    assert_eq!(told(&mut ledger, 20, 0), [NoticeKind::Spent { percent: 80 }]);
    assert_eq!(told(&mut ledger, 10, 0), [NoticeKind::Spent { percent: 90 }]);
}

#[test]
fn a_rolling_window_counts_overrun_and_arms_each_alert_by_itself() {
    let window = AccountWindow::Rolling { last: Span::from_micros(640) };
    let alerts = [AlertAt::Spent(20), AlertAt::Spent(80)];
    let budget = spec("b", 100).with_window(window).with_alerts(alerts).with_on_overrun(OnOverrun::Record);
    let mut ledger = ledger(&[budget]);
    ledger.reserve(key("k"), usd(50), &[name("b")], None).unwrap();
    assert_eq!(told(&mut ledger, 30, 0), [NoticeKind::Spent { percent: 20 }]);
    let over = NoticeKind::Overrun { by: amount(30) };
    assert_eq!(told(&mut ledger, 50, 300), [over, NoticeKind::Spent { percent: 80 }]);
    // The first charge is forgotten: 50 are left, below 80% and above 20%.
    ledger.expire(at(650));
    assert_eq!(ledger.account(&name("b")).unwrap().spent, usd(50));
    let over = NoticeKind::Overrun { by: amount(30) };
    assert_eq!(told(&mut ledger, 30, 660), [over, NoticeKind::Spent { percent: 80 }]);
    ledger.expire(at(5000));
    assert_eq!(ledger.account(&name("b")).unwrap().spent, usd(0));
}

#[test]
fn a_forecast_is_told_from_a_twentieth_on_and_only_above_its_share() {
    let window = AccountWindow::Between { from: at(1000), until: at(2000) };
    let alert = |percent| spec("b", 100).with_window(window).with_alerts([AlertAt::Forecast(percent)]);
    for (percent, when, spent, expected) in [
        (100, 1049, 50, false),
        (100, 1050, 50, true),
        (100, 1500, 50, false),
        (100, 1500, 51, true),
        (150, 1500, 70, false),
    ] {
        let mut ledger = ledger(&[alert(percent)]);
        ledger.reserve(key("k"), usd(100), &[name("b")], None).unwrap();
        assert_eq!(!told(&mut ledger, spent, when).is_empty(), expected, "{percent}% at {when} with {spent}");
    }
    // Nothing spent is above no share, even of a limit below zero.
    let mut ledger = ledger(&[alert(100), spec("c", 0)]);
    ledger.transfer(key("t"), Transfer::new(name("b"), name("c"), usd(100), "")).unwrap();
    assert_eq!(ledger.open(&alert(100).with_on_limit(OnLimit::Suspend)), Ok(vec![]));
    let mut lower = alert(100);
    lower.limit = amount(50);
    assert_eq!(ledger.open(&lower), Ok(vec![]));
    assert_eq!(ledger.expire(at(1900)).notices, []);
    assert_eq!(left(&ledger, "b"), -50);
}

#[test]
fn forecasts_are_told_when_enough_of_the_window_has_passed() {
    let window = AccountWindow::Between { from: at(1000), until: at(2000) };
    let budget = spec("b", 100).with_window(window).with_alerts([AlertAt::Forecast(100)]);
    let mut ledger = ledger(&[budget]);
    ledger.reserve(key("k"), usd(100), &[name("b")], None).unwrap();
    assert_eq!(ledger.charge(&key("k"), usd(30), at(1049)).unwrap(), [], "too early to say");
    let account = ledger.account(&name("b")).unwrap();
    assert_eq!(account.forecast(at(1250)), Some(amount(120)));
    assert_eq!(account.forecast(at(1000)), None);
    let told = ledger.expire(at(1250)).notices;
    assert_eq!(
        told[0].to_string(),
        "budget `b` is forecast to pass 100%: 0.00012 USD of 0.0001 USD, 0.00003 USD are spent"
    );
    assert_eq!(ledger.expire(at(1260)).notices, []);
    assert_eq!(ledger.charge(&key("k"), usd(30), at(1270)).unwrap(), []);
}

#[test]
fn a_rolling_window_gives_back_what_is_old_and_arms_its_alerts_again() {
    let window = AccountWindow::Rolling { last: Span::from_micros(640) };
    let mut ledger = ledger(&[spec("b", 100).with_window(window).with_alerts([AlertAt::Spent(80)])]);
    let b = [name("b")];
    ledger.reserve(key("k"), usd(90), &b, None).unwrap();
    assert_eq!(ledger.commit(&key("k"), usd(90), at(1005)).unwrap().len(), 1);
    ledger.expire(at(1649));
    assert!(ledger.reserve(key("l"), usd(90), &b, None).is_err(), "it is not old enough");
    ledger.expire(at(1660));
    ledger.reserve(key("l"), usd(90), &b, None).unwrap();
    assert_eq!(ledger.charge(&key("l"), usd(90), at(1661)).unwrap().len(), 1);
    // A window that becomes rolling counts what was spent as spent now, and one that stops rolling keeps it.
    ledger.open(&spec("b", 100)).unwrap();
    ledger.expire(at(1_000_000));
    assert_eq!(left(&ledger, "b"), 10);
    ledger.open(&spec("b", 100).with_window(window)).unwrap();
    ledger.expire(at(1_000_640));
    assert_eq!(left(&ledger, "b"), 10);
    ledger.expire(at(1_000_650));
    assert_eq!(left(&ledger, "b"), 100);
}

#[test]
fn transfers_move_limit_and_outlast_opening() {
    let mut ledger = ledger(&[spec("a", 100), spec("b", 50)]);
    let transfer = |parts| Transfer::new(name("a"), name("b"), usd(parts), "b has a deadline");
    ledger.reserve(key("r"), usd(70), &[name("a")], None).unwrap();
    let refused = ledger.transfer(key("t"), transfer(31)).unwrap_err();
    assert!(matches!(refused, LedgerError::Exceeded(_)), "{refused}");
    ledger.transfer(key("t"), transfer(30)).unwrap();
    ledger.transfer(key("t"), transfer(30)).unwrap();
    assert_eq!(ledger.transfer(key("t"), transfer(29)), Err(LedgerError::Conflict(key("t"))));
    assert_eq!((left(&ledger, "a"), left(&ledger, "b")), (0, 80));
    // Every admission opens its budgets anew, with the limits of their documents.
    ledger.open_all(&[spec("a", 110), spec("b", 50)]).unwrap();
    assert_eq!((left(&ledger, "a"), left(&ledger, "b")), (10, 80));
    ledger.transfer(key("self"), Transfer::new(name("a"), name("a"), usd(5), "nothing")).unwrap();
    assert_eq!(left(&ledger, "a"), 10);
    assert_eq!(ledger.transfers().count(), 2);
    for (wrong, transfer) in [
        ("unknown budget `z`", Transfer::new(name("a"), name("z"), usd(1), "")),
        ("cannot put", Transfer::new(name("a"), name("b"), "1 calls".parse::<Amount>().unwrap(), "")),
        ("is negative", Transfer::new(name("a"), name("b"), usd(-1), "")),
    ] {
        assert!(ledger.transfer(key("w"), transfer).unwrap_err().to_string().contains(wrong), "{wrong}");
    }
}

#[test]
fn closed_reservations_are_remembered_up_to_a_bound() {
    let mut ledger = Ledger::with_memory(2);
    ledger.open(&spec("b", 100)).unwrap();
    let reserve = |ledger: &mut Ledger, at: i32| ledger.reserve(key(at), usd(10), &[name("b")], None);
    for at in 0..5 {
        reserve(&mut ledger, at).unwrap();
        ledger.commit(&key(at), usd(1), super::at(0)).unwrap();
    }
    assert!(ledger.reservation(&key(2)).is_none());
    assert!(matches!(reserve(&mut ledger, 3), Err(LedgerError::Closed { .. })));
    reserve(&mut ledger, 0).unwrap();
    assert_eq!(left(&ledger, "b"), 85);
    ledger.open(&spec("c", 0)).unwrap();
    for at in 0..3 {
        ledger.transfer(key(at), Transfer::new(name("b"), name("c"), usd(1), "one at a time")).unwrap();
    }
    assert_eq!(ledger.transfers().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [key(1), key(2)]);
    let mut forgetful = Ledger::with_memory(0);
    forgetful.open(&spec("b", 100)).unwrap();
    reserve(&mut forgetful, 0).unwrap();
    forgetful.commit(&key(0), usd(10), super::at(0)).unwrap();
    assert_eq!((left(&forgetful, "b"), forgetful.reservation(&key(0))), (90, None));
}

#[test]
fn a_stored_ledger_goes_on_as_the_one_it_was() {
    let alerts = [AlertAt::Spent(90), AlertAt::Spent(50)];
    let mut ledger = ledger(&[spec("b", 100).with_alerts(alerts), spec("o", 100).with_on_overrun(OnOverrun::Record)]);
    ledger.reserve(key("k"), usd(100), &[name("b")], None).unwrap();
    assert_eq!(told(&mut ledger, 50, 0).len(), 1);
    ledger.reserve(key("o"), usd(10), &[name("o")], None).unwrap();
    ledger.charge(&key("o"), usd(30), at(0)).unwrap();
    let mut again: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
    assert_eq!(again, ledger);
    assert_eq!(again.account(&name("o")).unwrap().overrun, usd(20));
    assert_eq!(again.reservation(&key("o")), ledger.reservation(&key("o")));
    // What was told is not told again, and what was not is.
    assert_eq!(told(&mut again, 0, 0), []);
    assert_eq!(told(&mut again, 40, 0), [NoticeKind::Spent { percent: 90 }]);
    assert_ne!(again, ledger);
}

#[test]
fn stored_ledgers_that_contradict_themselves_are_refused() {
    let window = AccountWindow::Rolling { last: Span::HOUR };
    let mut ledger = ledger(&[spec("b", 100), spec("r", 100).with_window(window)]);
    ledger.reserve(key("k"), usd(50), &[name("b"), name("r")], Some(at(9))).unwrap();
    ledger.charge(&key("k"), usd(20), at(1)).unwrap();
    let good = serde_json::to_string(&ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&good).unwrap(), ledger);
    for (what, with, expected) in [
        (r#""spent":"0.00002 USD""#, r#""spent":"-0.00002 USD""#, "has spent less than nothing"),
        (r#""spent":"0.00002 USD""#, r#""spent":"0.00002 EUR""#, "cannot put"),
        (r#""charged":"0.00002 USD""#, r#""charged":"0.00006 USD""#, "contradict each other"),
        (r#""first":"0.00005 USD""#, r#""first":"0.00006 USD""#, "contradict each other"),
        (r#""accounts":["b","r"]"#, r#""accounts":["b","x"]"#, "unknown budget `x`"),
        (r#"[[0,20]]"#, r#"[[0,21]]"#, "the rolling window of `r`"),
        (r#""now""#, r#""later""#, "unknown field `later`"),
    ] {
        assert!(good.contains(what), "{what} is not in {good}");
        let error = serde_json::from_str::<Ledger>(&good.replacen(what, with, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{what}: {error}");
    }
}

#[test]
fn budgets_journaled_before_trees_and_windows_still_read() {
    let old = r#"{"name":"gpu-month/vision/2026-11","limit":"20000.00 USD","rule":"gpu-month"}"#;
    let read: BudgetSpec = serde_json::from_str(old).unwrap();
    assert_eq!(read, BudgetSpec::new(read.name.clone(), "20000 USD".parse::<Money>().unwrap(), read.rule.clone()));
    assert_eq!(serde_json::to_string(&read).unwrap(), old);
}
