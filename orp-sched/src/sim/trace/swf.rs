//! Jobs in the Standard Workload Format, version 2.2 (Feitelson's Parallel Workloads Archive): one line a job, 18 fields,
//! comments begin with `;`.

use super::TraceError;
use super::lines::Lines;
use crate::sim::Work;
use orp_core::id::Tenant;
use orp_core::noun::{Capacity, Job, JobKey};
use orp_core::unit::{CpuAmount, Span, Timestamp};
use std::io::BufRead;
use std::sync::Arc;

/// Reads jobs: each processor that was asked for is a member of its own; where a log does not say, each that was used. Jobs that never ran, or on nothing, are left out; one that ran longer
/// than it asked for is taken to have been stopped then. What it asked for is what is expected; without that, its run time.
///
/// # Errors
/// [`TraceError`] with the line.
pub fn read(name: &str, input: impl BufRead) -> Result<Vec<Work>, TraceError> {
    let mut lines = Lines::new(name, input);
    let mut work = Vec::new();
    loop {
        let Some(line) = lines.next()? else { return Ok(work) };
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        let fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if fields.len() < 11 {
            return Err(lines.wrong(format!("has {} fields, expected 18", fields.len())));
        }
        let submitted = lines.seconds(&fields, 1, "the submit time")?;
        let run: f64 = lines.number(&fields, 3, "the run time")?;
        let (used, asked): (i64, i64) =
            (lines.number(&fields, 4, "the processors")?, lines.number(&fields, 7, "the requested processors")?);
        let limit: f64 = lines.number(&fields, 8, "the requested time")?;
        let processors = if asked > 0 { asked } else { used };
        if run <= 0.0 || processors <= 0 {
            continue;
        }
        let members =
            u32::try_from(processors).map_err(|_| lines.wrong(format!("{processors} processors are too many")))?;
        let limit = if limit > 0.0 { limit } else { run };
        if !(run.is_finite() && limit.is_finite() && run.max(limit) <= 1e12) {
            return Err(lines.wrong(format!("run time {run} s of {limit} s, expected at most 1e12")));
        }
        let key = JobKey::new(fields.first().cloned().unwrap_or_default());
        let user: String = fields.get(11).filter(|user| user.parse::<u64>().is_ok()).cloned().unwrap_or_default();
        let tenant = Tenant::new(format!("user{user}")).map_err(|error| lines.wrong(error.to_string()))?;
        let demand = Capacity { cpu: CpuAmount::whole(1), ..Capacity::ZERO };
        let mut job = Job::new(key, tenant, demand, Timestamp::EPOCH.after(Span::from_secs_f64(submitted)));
        (job.members, job.expected) = (members, Some(Span::from_secs_f64(limit)));
        work.push(Work { job: Arc::new(job), run: Span::from_secs_f64(run.min(limit)) });
    }
}
