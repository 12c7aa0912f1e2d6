//! The order a host gives a supervisor: one line of JSON through a pipe.

use super::launcher::LaunchOptions;
use super::record::{PROGRESS, WORK};
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{IdempotencyKey, LeaseId};
use orp_core::noun::{LaunchSpec, Limits};
use orp_core::unit::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Host and supervisor must speak the same: they may be programs of different age.
pub(super) const PROTOCOL: &str = "1";

/// What every process gets of the host's own environment.
const FROM_HOST: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];

/// What to start and under which terms. It holds secrets, so it is never printed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) key: IdempotencyKey,
    pub(super) lease: LeaseId,
    pub(super) grace: Span,
    pub(super) cpu_share: f64,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    /// All of it.
    pub(super) env: BTreeMap<String, String>,
    pub(super) folder: PathBuf,
    pub(super) limits: Limits,
    /// Folders that must exist when it starts.
    pub(super) folders: Vec<PathBuf>,
}

impl Order {
    pub(super) fn new(lease: LeaseId, spec: &LaunchSpec, options: LaunchOptions) -> Result<Self, ProviderError> {
        let invalid = |message: String| ProviderError::new(ErrorKind::Invalid, "launch", message);
        if !(options.cpu_share > 0.0 && options.cpu_share <= 1.0) {
            return Err(invalid(format!("the processor share `{}` is not in 0..=1 and above 0", options.cpu_share)));
        }
        let folder = std::path::absolute(&spec.folder)
            .map_err(|error| invalid(format!("`{}` is not a folder", spec.folder.display())).with_source(error))?;
        let folders = [&spec.out, &spec.checkpoints].map(|path| folder_of(path, &folder));
        let env = environment(spec, &folder, &folders);
        let program = find(&spec.program, env.get("PATH").map_or("", String::as_str)).map_err(invalid)?;
        Ok(Self {
            key: spec.key(),
            lease,
            grace: options.grace,
            cpu_share: options.cpu_share,
            program,
            args: spec.args.clone(),
            env,
            folders: [folder.join(WORK)].into_iter().chain(folders).collect(),
            folder,
            limits: spec.limits,
        })
    }
}

/// Where the spec's folder is absolute, so are these; else they were meant from the same place as it.
fn folder_of(path: &Path, folder: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| folder.join(path))
}

/// The host's few, then the spec's own, then its secrets, then what must be true: each wins over those before it.
fn environment(spec: &LaunchSpec, folder: &Path, [out, checkpoints]: &[PathBuf; 2]) -> BTreeMap<String, String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut env: BTreeMap<String, String> =
        FROM_HOST.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    env.extend(spec.env.clone());
    env.extend(spec.secrets.clone());
    env.extend(
        [
            ("ORP_RUN_ID", spec.attempt.run.to_string()),
            ("ORP_TASK", spec.attempt.task.to_string()),
            ("ORP_ATTEMPT", spec.attempt.number.to_string()),
            ("ORP_OUT", text(out)),
            ("ORP_CHECKPOINT_DIR", text(checkpoints)),
            ("ORP_PROGRESS", text(&folder.join(PROGRESS))),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    env
}

/// The program's file: a path as it is (from the host's working folder when it is relative), a name by the search path
/// that the process itself will have.
fn find(program: &str, search_path: &str) -> Result<PathBuf, String> {
    if program.is_empty() {
        return Err("the program is empty: expected a path, or a name to look up".to_owned());
    }
    if program.contains('/') {
        return std::path::absolute(program).map_err(|error| format!("`{program}` is not a path: {error}"));
    }
    std::env::split_paths(search_path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_absolute() && file.is_file())
        .ok_or_else(|| format!("the program `{program}` is not in the search path `{search_path}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_before_anything_starts() {
        assert!(find("sh", "/nowhere:/bin").unwrap().ends_with("bin/sh"));
        assert_eq!(find("/a/b", "").unwrap(), Path::new("/a/b"));
        assert!(find("a/b", "").unwrap().is_absolute());
        assert!(find("no-such-program", "/bin").unwrap_err().contains("`no-such-program` is not in the search path"));
        assert!(find("", "/bin").is_err());
    }
}
