//! The laws of estimators.

use crate::bench::{ensure, skipped};
use crate::{Fault, Report, Verdict};
use orp_core::contract::{Estimator, TimeEstimate};
use orp_core::noun::{Machine, Training, Work};
use orp_core::unit::{Bytes, Span, Tokens};

/// Mixed-precision training of all weights; see [`Training`].
const TRAINING: Training = Training {
    flops_per_parameter_token: 6.0,
    bytes_per_parameter: 18.0,
    utilisation: 0.4,
    checkpoint_bytes_per_parameter: 14.0,
};

/// Tries every law of [`Estimator`] on machines it knows, best of several kinds, some with accelerators.
pub fn estimator_suite(estimator: &dyn Estimator, machines: &[Machine]) -> Report {
    let mut report = Report::default();
    report.law_now("EST-1", || est_1(estimator, machines));
    report.law_now("EST-2", || est_2(estimator, machines));
    report.law_now("EST-3", || est_3(estimator, machines));
    report
}

/// More work of the same kind never takes less time.
pub fn est_1(estimator: &dyn Estimator, machines: &[Machine]) -> Verdict {
    on_each(estimator, machines, |_, machine, units| {
        for kind in KINDS {
            let mut before: Option<(Work, TimeEstimate)> = None;
            for amount in AMOUNTS {
                let work = kind(amount);
                let Ok(now) = estimator.time(&work, machine, units) else { continue };
                if let Some((less, then)) = &before {
                    let grew = then.mean <= now.mean && then.low <= now.low && then.high <= now.high;
                    ensure!(grew, "{less:?} takes {}, {work:?} takes {}, on {machine:?}", then.mean, now.mean);
                }
                before = Some((work, now));
            }
        }
        Ok(())
    })
}

/// `low ≤ mean ≤ high`.
pub fn est_2(estimator: &dyn Estimator, machines: &[Machine]) -> Verdict {
    on_each(estimator, machines, |estimates, machine, _| {
        for TimeEstimate { low, mean, high, .. } in estimates {
            ensure!(low <= mean && mean <= high, "{low} ≤ {mean} ≤ {high} does not hold on {machine:?}");
        }
        Ok(())
    })
}

/// A machine on which the work cannot run (its memory does not hold it) is refused with a reason.
pub fn est_3(estimator: &dyn Estimator, machines: &[Machine]) -> Verdict {
    if machines.is_empty() {
        return skipped("no machine was given");
    }
    // A quadrillion parameters: no machine there is holds their weights.
    let work = Work::Train { tokens: Tokens::new(1_000), parameters: 1_000_000_000_000_000, training: TRAINING };
    for machine in machines {
        match estimator.time(&work, Some(machine), 1) {
            Err(reason) => ensure!(!reason.trim().is_empty(), "it refuses `{}` without a reason", machine.sku),
            Ok(estimate) => {
                let message = format!("18 PB on `{}`: it says that takes {}", machine.sku, estimate.mean);
                return Err(Fault::Broken(message));
            }
        }
    }
    Ok(())
}

/// Amounts of work, from nothing on; large ones too.
const AMOUNTS: [u64; 7] = [0, 1, 1_000, 1_001, 1_000_000, 1_000_000_000, 1_000_000_000_000];

/// So much work, of each kind that has an amount.
const KINDS: [fn(u64) -> Work; 6] = [
    |amount| Work::Fixed(Span::from_micros(amount)),
    |amount| Work::People(Span::from_micros(amount)),
    Work::Calls,
    |amount| Work::Scan { bytes: Bytes::new(amount), per_core_second: Bytes::new(50_000_000) },
    |amount| Work::Train { tokens: Tokens::new(amount), parameters: 100_000_000, training: TRAINING },
    |amount| Work::Train { tokens: Tokens::new(1_000_000), parameters: amount / 1_000, training: TRAINING },
];

/// Tries something on the estimates of all kinds of work, without a machine and on each of them.
fn on_each(
    estimator: &dyn Estimator,
    machines: &[Machine],
    trial: impl Fn(&[TimeEstimate], Option<&Machine>, u32) -> Verdict,
) -> Verdict {
    let mut estimated = false;
    let on_machines = machines.iter().flat_map(|machine| [(Some(machine), 1), (Some(machine), 4)]);
    for (machine, units) in [(None, 0)].into_iter().chain(on_machines) {
        let works = KINDS.iter().flat_map(|kind| AMOUNTS.map(kind));
        let estimates: Vec<TimeEstimate> =
            works.filter_map(|work| estimator.time(&work, machine, units).ok()).collect();
        estimated |= !estimates.is_empty();
        trial(&estimates, machine, units)?;
    }
    if estimated { Ok(()) } else { skipped("it estimates nothing on the machines given") }
}
