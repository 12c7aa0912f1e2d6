//! Holding a process to its limits.

use orp_core::noun::Limits;
use orp_core::unit::Span;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::process::{Child, Command};

/// More open files than a start needs.
const FILES_MIN: u64 = 16;

/// A bound on one resource.
struct Bound {
    resource: Resource,
    soft: u64,
    hard: u64,
}

/// Starts a process within limits.
///
/// A child inherits the limits of who starts it, so they are lowered here just for the start. Only the soft ones: the
/// hard ones could never be raised again, and the supervisor has records to write when the process is gone. On Linux the
/// child's hard limits follow as soon as it is started; elsewhere a process that means to may raise its own. They bound
/// what a process does by mistake: one of the same user that means harm could kill its supervisor as well.
pub(super) fn spawn_within(limits: &Limits, command: &mut Command) -> io::Result<Child> {
    let bounds = bounds(limits);
    let before: Vec<(Resource, Rlimit)> =
        bounds.iter().map(|bound| (bound.resource, getrlimit(bound.resource))).collect();
    let lowered = bounds.iter().filter(|bound| is_inherited(bound)).try_for_each(|bound| {
        let own = getrlimit(bound.resource);
        setrlimit(bound.resource, Rlimit { current: capped(bound.soft, own), maximum: own.maximum })
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

fn bounds(limits: &Limits) -> Vec<Bound> {
    let even = |resource, bound: u64| Bound { resource, soft: bound, hard: bound };
    let cpu_time = |time: Span| {
        // In whole seconds. A second between the two, so that it ends by SIGXCPU, which says why, and not by SIGKILL.
        let soft = time.as_micros().div_ceil(1_000_000).max(1);
        Bound { resource: Resource::Cpu, soft, hard: soft.saturating_add(1) }
    };
    let all = [
        limits.file_size.map(|size| even(Resource::Fsize, size.get())),
        limits.cpu_time.map(cpu_time),
        limits.open_files.map(|files| even(Resource::Nofile, files)),
        limits.memory.map(|memory| even(Resource::As, memory.get())),
    ];
    all.into_iter().flatten().collect()
}

/// The start itself must succeed: the supervisor may be larger than the memory its child may have, and has a few files
/// open. Where a bound is that low, and can be set afterwards, it is.
fn is_inherited(bound: &Bound) -> bool {
    let is_low = bound.resource == Resource::As || (bound.resource == Resource::Nofile && bound.soft < FILES_MIN);
    !(is_low && cfg!(target_os = "linux"))
}

/// No more than is allowed to this process itself.
fn capped(bound: u64, own: Rlimit) -> Option<u64> {
    Some(own.maximum.map_or(bound, |maximum| maximum.min(bound)))
}

#[cfg(target_os = "linux")]
fn fix(child: &Child, bounds: &[Bound]) {
    use rustix::process::prlimit;
    let Some(pid) = super::identity::signalable(child.id()) else { return };
    for bound in bounds {
        let own = getrlimit(bound.resource);
        let limit = Rlimit { current: capped(bound.soft, own), maximum: capped(bound.hard, own) };
        // Refused only for a program that took on other rights when it started; its soft limit holds all the same.
        let _ = prlimit(Some(pid), bound.resource, limit);
    }
}

#[cfg(not(target_os = "linux"))]
fn fix(_: &Child, _: &[Bound]) {}
