//! What the durable audit log takes, against the bare disk: `cargo bench --bench audit_log`.
//!
//! Best values and medians, since these are shared machines; how they are measured is in `durable`.

#![allow(clippy::expect_used, reason = "a benchmark of good input")]

mod durable;

use durable::{Beside, Times, WRITERS};

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("{:<58} {:>14} {:>14}", "what", "best", "median");
    runtime.block_on(async {
        for (personal, what) in [(false, "one record, durable"), (true, "one record with a personal field, durable")] {
            let Beside { floor, log } = durable::one_at_a_time(personal).await;
            line("write + fdatasync of one record (floor)", &floor);
            line(what, &log);
        }
        for batch in [1, 16, 256, 4096] {
            let Beside { floor, log } = durable::in_batches(batch).await;
            rate(&format!("batches of {batch}: floor"), batch, &floor);
            rate(&format!("batches of {batch}: durable"), batch, &log);
        }
        let (writers, each) = WRITERS;
        let what = format!("{writers} writers, a record at a time, 256 receipts open");
        rate(&what, writers * each, &durable::many_writers().await);
        line("one fact of the journal, on record", &durable::one_fact_followed().await);
    });
}

fn line(what: &str, times: &Times) {
    println!("{what:<58} {:>14.2?} {:>14.2?}", times.best(), times.median());
}

fn rate(what: &str, records: usize, times: &Times) {
    let [best, median] =
        [times.best(), times.median()].map(|time| format!("{:.0}/s", records as f64 / time.as_secs_f64()));
    println!("{what:<58} {best:>14} {median:>14}");
}
