//! What this machine has.

use orp_core::noun::Capacity;
use orp_core::unit::{Bytes, CpuAmount, GpuAmount};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What this machine has for this process: the cores it may run on, the memory it may use, and the disk that is free where
/// `folder` is. No accelerators: which there are is for the device layer to say. What cannot be found out counts as none.
///
/// Containers are heeded: a control group's limits on processors and memory bound what is found.
pub fn this_machine(folder: &Path) -> Capacity {
    let cores = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    Capacity { cpu: CpuAmount::whole(cores), memory: memory(), disk: disk(folder), gpu: GpuAmount::ZERO }
}

fn memory() -> Bytes {
    let installed = match fs::read_to_string("/proc/meminfo") {
        Ok(text) => meminfo(&text),
        Err(_) => output("sysctl", &["-n", "hw.memsize"]).and_then(|text| text.trim().parse().ok()),
    };
    // Version 2 of control groups, and version 1; a container sees its own at the root.
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    Bytes::new(limits.chain(installed).min().unwrap_or(0))
}

/// `MemTotal:       48156672 kB`, in units of 1024 bytes.
fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn disk(folder: &Path) -> Bytes {
    // By a program, for the standard library has no call for it.
    let free = folder.to_str().and_then(|folder| output("df", &["-Pk", folder])).and_then(|text| free_of(&text));
    Bytes::new(free.unwrap_or(0))
}

/// The fourth column of the second line, in units of 1024 bytes, as POSIX has it.
fn free_of(text: &str) -> Option<u64> {
    text.lines().nth(1)?.split_ascii_whitespace().nth(3)?.parse::<u64>().ok()?.checked_mul(1024)
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_something_of_everything() {
        let capacity = this_machine(&std::env::temp_dir());
        assert!(capacity.cpu >= CpuAmount::whole(1));
        assert!(capacity.memory > Bytes::from_gb(0) && capacity.disk > Bytes::ZERO, "{capacity}");
    }

    #[test]
    fn what_the_system_prints_is_read() {
        assert_eq!(meminfo("MemTotal:       48156672 kB\nMemFree: 1 kB\n"), Some(48_156_672 * 1024));
        assert_eq!(meminfo("nothing"), None);
        let printed = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 100 40 60 40% /\n";
        assert_eq!(free_of(printed), Some(60 * 1024));
        assert_eq!(free_of(""), None);
    }
}
