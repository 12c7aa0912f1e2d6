//! Holding a process to its limits from its first instruction on.

use orp_core::noun::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::process::{Child, Command};

/// Starts a process within limits.
///
/// A child inherits the limits of who starts it, so they are lowered here just for the start. Only the soft ones: the
/// hard ones could never be raised again, and the supervisor has records to write when the process is gone. On Linux the
/// child's hard limits follow as soon as it is started; elsewhere a process that means to may raise its own. They bound
/// what a process does by mistake: one of the same user that means harm could kill its supervisor as well.
pub(super) fn spawn_within(limits: &Limits, command: &mut Command) -> io::Result<Child> {
    let bounds = bounds(limits);
    let before: Vec<(Resource, Rlimit)> = bounds.iter().map(|bound| (bound.0, getrlimit(bound.0))).collect();
    let lowered = bounds.iter().try_for_each(|(resource, soft, _)| {
        let own = getrlimit(*resource);
        let current = own.maximum.map_or(*soft, |hard| hard.min(*soft));
        setrlimit(*resource, Rlimit { current: Some(current), maximum: own.maximum })
    });
    let child = lowered.map_err(io::Error::from).and_then(|()| command.spawn());
    for (resource, own) in before {
        // Raising a soft limit to what it was is always allowed.
        let _ = setrlimit(resource, own);
    }
    if let Ok(child) = &child {
        fix(child, &bounds);
    }
    child
}

/// What is bounded, the soft and the hard bound.
fn bounds(limits: &Limits) -> Vec<(Resource, u64, u64)> {
    let mut bounds = Vec::new();
    if let Some(size) = limits.file_size {
        bounds.push((Resource::Fsize, size.get(), size.get()));
    }
    if let Some(time) = limits.cpu_time {
        // In whole seconds. A second between the two, so that it ends by SIGXCPU, which says why, and not by SIGKILL.
        let seconds = time.as_micros().div_ceil(1_000_000).max(1);
        bounds.push((Resource::Cpu, seconds, seconds.saturating_add(1)));
    }
    if let Some(files) = limits.open_files {
        bounds.push((Resource::Nofile, files, files));
    }
    if let Some(memory) = limits.memory {
        bounds.push((Resource::As, memory.get(), memory.get()));
    }
    bounds
}

#[cfg(target_os = "linux")]
fn fix(child: &Child, bounds: &[(Resource, u64, u64)]) {
    use rustix::process::prlimit;
    let Some(pid) = super::identity::signalable(child.id()) else { return };
    for (resource, soft, hard) in bounds {
        let own = getrlimit(*resource).maximum;
        let capped = |bound: u64| Some(own.map_or(bound, |own| own.min(bound)));
        // Refused only for a program that took on other rights when it started; its soft limit holds all the same.
        let _ = prlimit(Some(pid), *resource, Rlimit { current: capped(*soft), maximum: capped(*hard) });
    }
}

#[cfg(not(target_os = "linux"))]
fn fix(_: &Child, _: &[(Resource, u64, u64)]) {}
