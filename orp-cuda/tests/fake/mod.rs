//! Fake drivers, built by the C compiler of the machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A fake driver in a folder that is removed with it.
pub(crate) struct Fake {
    folder: TempDir,
    library: PathBuf,
}

impl Fake {
    /// Builds one under this name with these definitions; `None`, with a line that says so, without a C compiler.
    pub(crate) fn build(name: &str, definitions: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/driver/fake.c");
        let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        command.args(definitions.iter().map(|definition| format!("-D{definition}")));
        match command.status() {
            Ok(status) => assert!(status.success(), "the fake driver does not build: {command:?}"),
            Err(error) => {
                // Not `eprintln`: the output of tests that pass is hidden, and this is to be seen.
                let _ = writeln!(std::io::stderr(), "SKIPPED: no C compiler to build a fake driver with: {error}");
                return None;
            }
        }
        Some(Self { folder, library })
    }

    /// The folder it lies in.
    #[allow(dead_code, reason = "not every test needs it")]
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The library itself.
    #[allow(dead_code, reason = "not every test needs it")]
    pub(crate) fn library(&self) -> &Path {
        &self.library
    }
}
