//! Which process: telling one from every other that ever had its number, finding what belongs to it, and signals to it.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

/// A process, told from every other that ever had its number by when it was started and in which boot of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) pid: u32,
    /// As the kernel tells it: clock ticks since boot on Linux; elsewhere what `ps` prints.
    start: String,
    /// The kernel's name of this boot; empty where it has none.
    boot: String,
}

impl Identity {
    /// The process that has this number now; none when there is none, or when it has ended and only waits to be reaped.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let process = system::process(pid)?;
        (!process.is_dead).then(|| Self { pid, start: process.start, boot: system::boot() })
    }

    /// A process just started by the caller, who has not reaped it: it has its number, whether it still runs or not.
    pub(super) fn of_child(pid: u32) -> Self {
        let start = system::process(pid).map(|process| process.start).unwrap_or_default();
        Self { pid, start, boot: system::boot() }
    }

    /// This process.
    pub(super) fn own() -> Self {
        Self::of_child(std::process::id())
    }

    /// It still runs.
    pub(super) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Tells its group, if it still runs.
    pub(super) fn signal_group(&self, signal: Signal) {
        if self.is_alive()
            && let Some(group) = signalable(self.pid)
        {
            // It may have ended just now, and then there is nobody to tell.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Kills every process of the session that this one leads or led, itself excepted; returns how many there were.
    ///
    /// A session's number is not given away while it has members, so the number together with the boot is proof, unless
    /// another process leads a session of that number now.
    pub(super) fn kill_session(&self) -> usize {
        if self.boot != system::boot() || Self::of(self.pid).is_some_and(|now| now != *self) {
            return 0;
        }
        kill_all(system::processes(|process| process.session == self.pid && process.pid != self.pid))
    }
}

/// Kills every child of this process; returns how many there were.
pub(super) fn kill_children() -> usize {
    let parent = std::process::id();
    kill_all(system::processes(|process| process.parent == parent))
}

fn kill_all(pids: Vec<u32>) -> usize {
    for pid in pids.iter().filter_map(|pid| signalable(*pid)) {
        let _ = kill_process(pid, Signal::KILL);
    }
    pids.len()
}

/// The number as one that a signal may be sent to. Process 1 is excepted, because "group 1" means every process there is.
pub(super) fn signalable(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw)
}

/// What the system says of a process.
struct Process {
    pid: u32,
    parent: u32,
    session: u32,
    start: String,
    is_dead: bool,
}

/// Linux: `proc(5)`.
#[cfg(target_os = "linux")]
mod system {
    use super::Process;
    use std::fs;

    pub(super) fn boot() -> String {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
    }

    pub(super) fn process(pid: u32) -> Option<Process> {
        parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The living processes of which `wanted` holds.
    pub(super) fn processes(wanted: impl Fn(&Process) -> bool) -> Vec<u32> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(process)
            .filter(|process| !process.is_dead && wanted(process))
            .map(|process| process.pid)
            .collect()
    }

    /// `pid (name) state parent group session … start …`; the name may itself hold spaces and parentheses.
    pub(super) fn parse(pid: u32, stat: &str) -> Option<Process> {
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Process {
            pid,
            parent: field(4)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            start: field(22)?.to_owned(),
            is_dead: matches!(field(3)?, "Z" | "X"),
        })
    }
}

/// Elsewhere: what `ps` prints, which POSIX defines but for `lstart`.
#[cfg(not(target_os = "linux"))]
mod system {
    use super::Process;
    use std::process::Command;

    /// `lstart` is a date, so it tells boots apart by itself.
    pub(super) fn boot() -> String {
        String::new()
    }

    pub(super) fn process(pid: u32) -> Option<Process> {
        table(&["-p", &pid.to_string()]).pop()
    }

    /// The living processes of which `wanted` holds.
    pub(super) fn processes(wanted: impl Fn(&Process) -> bool) -> Vec<u32> {
        let all = table(&["-A"]);
        all.iter().filter(|process| !process.is_dead && wanted(process)).map(|process| process.pid).collect()
    }

    fn table(which: &[&str]) -> Vec<Process> {
        let columns = ["-o", "pid=", "-o", "ppid=", "-o", "sess=", "-o", "state=", "-o", "lstart="];
        let Ok(output) = Command::new("ps").args(which).args(columns).output() else { return Vec::new() };
        String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect()
    }

    fn parse(line: &str) -> Option<Process> {
        let mut fields = line.split_ascii_whitespace();
        Some(Process {
            pid: fields.next()?.parse().ok()?,
            parent: fields.next()?.parse().ok()?,
            // Not every system shows the session as a number; then nobody is taken for a member.
            session: fields.next()?.parse().unwrap_or(0),
            is_dead: fields.next()?.starts_with('Z'),
            start: fields.collect::<Vec<_>>().join(" "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_itself_and_no_other() {
        let own = Identity::own();
        assert!(own.is_alive());
        assert!(!Identity { start: "0".into(), ..own.clone() }.is_alive());
        assert!(!Identity { boot: "another".into(), ..own }.is_alive());
    }

    #[test]
    fn no_signal_goes_to_everybody() {
        for pid in [0, 1, u32::MAX] {
            assert!(signalable(pid).is_none(), "{pid}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_with_parentheses_do_not_confuse() {
        let numbers = (7..22).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let process = system::parse(42, &format!("42 (a) b) (c) S 1 42 40 {numbers} 777 0")).unwrap();
        assert_eq!((process.parent, process.session, process.start.as_str()), (1, 40, "777"));
        assert!(system::parse(42, "42 (cut off) S 1").is_none());
    }
}
