//! Workloads of Batsim (Dutot et al., JSSPP '16) in JSON, with profiles of type `delay`.

use super::{TraceError, uniform};
use crate::sim::{Work, Workload};
use orp_core::id::Tenant;
use orp_core::noun::{Capacity, Job, JobKey};
use orp_core::unit::{CpuAmount, Span, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

#[derive(Deserialize)]
struct File {
    nb_res: u32,
    jobs: Vec<Row>,
    profiles: BTreeMap<String, Profile>,
}

#[derive(Deserialize)]
struct Row {
    id: serde_json::Value,
    profile: String,
    res: u32,
    subtime: f64,
    walltime: Option<f64>,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(rename = "type")]
    kind: String,
    delay: Option<f64>,
}

/// Reads jobs and machines: each machine is a node with one core, each resource a job asks for a member. A job that would
/// run beyond its wall time is stopped then.
///
/// # Errors
/// [`TraceError`] with the line of what is no JSON, or with the job.
pub fn read(name: &str, mut input: impl Read) -> Result<Workload, TraceError> {
    let whole = |what: String| TraceError::Whole { trace: name.into(), what };
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(|error| whole(format!("cannot be read: {error}")))?;
    let file: File = serde_json::from_str(&text).map_err(|error| TraceError::Line {
        trace: name.into(),
        line: error.line(),
        what: error.to_string(),
    })?;
    let one = Capacity { cpu: CpuAmount::whole(1), ..Capacity::ZERO };
    let tenant = Tenant::new("batsim").map_err(|error| whole(error.to_string()))?;
    let mut work = Vec::new();
    for row in file.jobs {
        let id = row.id.as_str().map_or_else(|| row.id.to_string(), str::to_owned);
        let wrong = |what: String| whole(format!("job `{id}`: {what}"));
        let profile =
            file.profiles.get(&row.profile).ok_or_else(|| wrong(format!("there is no profile `{}`", row.profile)))?;
        let delay = profile.delay.filter(|_| profile.kind == "delay").ok_or_else(|| {
            wrong(format!("profile `{}` is of type `{}`, expected `delay` with a delay", row.profile, profile.kind))
        })?;
        let seconds = |what: &str, seconds: f64| {
            let fits = (0.0..=1e12).contains(&seconds);
            if fits {
                Ok(Span::from_secs_f64(seconds))
            } else {
                Err(wrong(format!("{what} is {seconds} s, expected 0 to 1e12")))
            }
        };
        let run = seconds("the delay", delay)?;
        let limit =
            row.walltime.filter(|limit| *limit >= 0.0).map_or(Ok(run), |limit| seconds("the wall time", limit))?;
        if row.res == 0 {
            return Err(wrong("asks for 0 resources, expected at least 1".into()));
        }
        let submitted = Timestamp::EPOCH.after(seconds("the submission", row.subtime)?);
        let mut job = Job::new(JobKey::new(id.clone()), tenant.clone(), one, submitted);
        (job.members, job.expected) = (row.res, Some(limit));
        work.push(Work { job: Arc::new(job), run: run.min(limit) });
    }
    Ok(Workload { name: name.into(), nodes: uniform("m", file.nb_res, one), work, ..Workload::default() })
}
