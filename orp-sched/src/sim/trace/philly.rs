//! Jobs of Microsoft's Philly cluster (Jeon et al., ATC '19), as comma-separated columns `job_id`, `submit_time` and
//! `duration` in seconds, `gpu_num`.

use super::TraceError;
use super::lines::Lines;
use crate::sim::Work;
use orp_core::id::Tenant;
use orp_core::noun::{Capacity, Job, JobKey};
use orp_core::unit::{GpuAmount, Span, Timestamp};
use std::io::BufRead;
use std::sync::Arc;

/// Reads jobs: each accelerator a member of its own, so that a placement is free to spread or to gather them. The scheduler
/// is told the true run time as what is expected.
///
/// # Errors
/// [`TraceError`] with the line.
pub fn read(name: &str, input: impl BufRead) -> Result<Vec<Work>, TraceError> {
    let mut lines = Lines::new(name, input);
    let [id, submitted, duration, gpus] = lines.header(["job_id", "submit_time", "duration", "gpu_num"])?;
    let tenant = Tenant::new("philly").map_err(|error| lines.wrong(error.to_string()))?;
    let mut work = Vec::new();
    while let Some(fields) = lines.fields(',', 4)? {
        let submitted = lines.seconds(&fields, submitted, "submit_time")?;
        let run = Span::from_secs_f64(lines.seconds(&fields, duration, "duration")?);
        let members: u32 = lines.number(&fields, gpus, "gpu_num")?;
        if members == 0 {
            return Err(lines.wrong("gpu_num is 0, expected at least 1"));
        }
        let key = JobKey::new(fields.get(id).cloned().unwrap_or_default());
        let at = Timestamp::EPOCH.after(Span::from_secs_f64(submitted));
        let demand = Capacity { gpu: GpuAmount::whole(1), ..Capacity::ZERO };
        let mut job = Job::new(key, tenant.clone(), demand, at);
        (job.members, job.expected) = (members, Some(run));
        work.push(Work { job: Arc::new(job), run });
    }
    Ok(work)
}

/// What stopping a job costs by Helios's reckoning (SC '21): 7 s with one accelerator, 30 s with up to eight, 60 s beyond.
/// Helios also counts a second more for each run under its preemptive policy; that is added to the true run time here.
pub fn with_stop_cost(work: &[Work]) -> Vec<Work> {
    let with = |work: &Work| {
        let mut job = Job::clone(&work.job);
        job.stop_cost = Span::from_secs(match job.members {
            0..=1 => 7,
            2..=8 => 30,
            _ => 60,
        });
        Work { job: Arc::new(job), run: work.run.saturating_add(Span::SECOND) }
    };
    work.iter().map(with).collect()
}
