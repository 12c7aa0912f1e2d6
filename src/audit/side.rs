//! The file beside the log with what is kept out of it: a disclosure on each line, as JSON.
//!
//! A disclosure is on disk before the record that commits to it is, so that none is ever lost; one whose record never came
//! to be is dropped when the log is opened. Erasing writes the file anew without what is erased, which costs the whole
//! file and is seldom asked for. The old file is then unlinked: its blocks are the file system's to use again, and whoever
//! must be sure that they cannot be read keeps the file on an encrypted disk.

use super::error::AuditError;
use crate::process::file::sync_folder_of;
use orp_policy::audit::Disclosure;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The disclosures of one log.
#[derive(Debug)]
pub(super) struct Side {
    path: PathBuf,
    /// Open from the first disclosure on: a log without personal data has no such file.
    file: Option<File>,
}

impl Side {
    /// Where the disclosures of the log at `log` are.
    pub(super) fn path_of(log: &Path) -> PathBuf {
        let mut name = log.file_name().unwrap_or_default().to_os_string();
        name.push(".personal");
        log.with_file_name(name)
    }

    /// Opens the file of a log with so many records: an end that was being written is cut, and disclosures for records that
    /// the log does not have are dropped.
    pub(super) fn open(path: PathBuf, records: u64) -> Result<Self, AuditError> {
        let unfinished = Self::unfinished(&path);
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(AuditError::io(&unfinished, error)),
            _ => {}
        }
        let mut side = Self { path, file: None };
        let (kept, whole) = read(&side.path)?;
        if !whole || kept.iter().any(|disclosure| disclosure.seq > records) {
            side.replace(kept.iter().filter(|disclosure| disclosure.seq <= records))?;
        }
        Ok(side)
    }

    /// Appends disclosures; they are on disk when this returns.
    pub(super) fn append(&mut self, disclosures: &[Disclosure]) -> Result<(), AuditError> {
        if disclosures.is_empty() {
            return Ok(());
        }
        let lines = lines(disclosures);
        let failed = |error| AuditError::io(&self.path, error);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let file = options().append(true).open(&self.path).map_err(failed)?;
                sync_folder_of(&self.path).map_err(failed)?;
                file
            }
        };
        file.write_all(&lines).and_then(|()| file.sync_data()).map_err(failed)?;
        self.file = Some(file);
        Ok(())
    }

    /// Erases what `which` picks; how many disclosures that were. They are gone when this returns.
    pub(super) fn erase(&mut self, which: &dyn Fn(&Disclosure) -> bool) -> Result<usize, AuditError> {
        let (all, _) = read(&self.path)?;
        let kept: Vec<&Disclosure> = all.iter().filter(|disclosure| !which(disclosure)).collect();
        let erased = all.len() - kept.len();
        if erased > 0 {
            self.replace(kept)?;
        }
        Ok(erased)
    }

    fn replace<'a>(&mut self, kept: impl IntoIterator<Item = &'a Disclosure>) -> Result<(), AuditError> {
        let unfinished = Self::unfinished(&self.path);
        let written = (|| {
            let mut file = BufWriter::new(options().write(true).truncate(true).open(&unfinished)?);
            kept.into_iter().try_for_each(|disclosure| file.write_all(&lines([disclosure])))?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&unfinished, &self.path)?;
            sync_folder_of(&self.path)
        })();
        self.file = None;
        written.map_err(|error| AuditError::io(&self.path, error))
    }

    fn unfinished(path: &Path) -> PathBuf {
        path.with_extension("personal.new")
    }
}

/// Only the host's own user may read it.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

fn lines<'a>(disclosures: impl IntoIterator<Item = &'a Disclosure>) -> Vec<u8> {
    let mut lines = Vec::new();
    for disclosure in disclosures {
        // Numbers and texts always become JSON, and a vector takes all that is written to it.
        let _ = serde_json::to_writer(&mut lines, disclosure);
        lines.push(b'\n');
    }
    lines
}

/// The disclosures of a file, and whether its last line is whole. None, when there is no file.
pub(super) fn read(path: &Path) -> Result<(Vec<Disclosure>, bool), AuditError> {
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), true)),
        Err(error) => return Err(AuditError::io(path, error)),
    };
    let (mut all, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(|error| AuditError::io(path, error))? == 0 {
            return Ok((all, true));
        }
        if !line.ends_with(b"\n") {
            return Ok((all, false));
        }
        let disclosure = serde_json::from_slice(&line).map_err(|error| AuditError::Personal {
            path: path.display().to_string(),
            line: all.len() + 1,
            detail: error.to_string(),
        })?;
        all.push(disclosure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_policy::audit::Salt;

    fn disclosure(seq: u64, value: &str) -> Disclosure {
        let draft = orp_policy::audit::Draft::new("k", orp_core::unit::Timestamp::EPOCH).with("who", value);
        let entry = draft.with_personal("/who", Salt::new([seq as u8; 32])).finish().unwrap();
        entry.disclosures(seq).remove(0)
    }

    #[test]
    fn disclosures_stay_until_they_are_erased() {
        let folder = tempfile::tempdir().unwrap();
        let path = Side::path_of(&folder.path().join("audit.log"));
        let mut side = Side::open(path.clone(), 0).unwrap();
        assert!(!path.exists(), "what keeps nothing out has no file");
        let all = [disclosure(1, "ada"), disclosure(2, "eve"), disclosure(3, "ada\n")];
        side.append(&all[..2]).unwrap();
        side.append(&all[2..]).unwrap();
        assert_eq!(read(&path).unwrap(), (all.to_vec(), true));
        assert_eq!(side.erase(&|disclosure| disclosure.value.starts_with("ada")).unwrap(), 2);
        assert_eq!(side.erase(&|disclosure| disclosure.value.starts_with("ada")).unwrap(), 0);
        assert!(!fs::read_to_string(&path).unwrap().contains("ada"));
        side.append(&all[2..]).unwrap();
        assert_eq!(read(&path).unwrap().0, all[1..]);
    }

    #[test]
    fn an_end_never_acknowledged_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = Side::path_of(&folder.path().join("audit.log"));
        let all = [disclosure(1, "ada"), disclosure(2, "eve"), disclosure(3, "eve")];
        let bytes = lines(&all);
        let first = lines(&all[..1]).len();
        for cut in (0..bytes.len()).step_by(7).chain([first - 1, first, bytes.len() - 1]) {
            fs::write(&path, &bytes[..cut]).unwrap();
            fs::write(Side::unfinished(&path), "half of it").unwrap();
            let mut side = Side::open(path.clone(), 2).unwrap();
            let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(read(&path).unwrap(), (all[..whole.min(2)].to_vec(), true), "cut at {cut}");
            assert!(!Side::unfinished(&path).exists());
            side.append(&all[2..]).unwrap();
        }
        fs::write(&path, "{}\n").unwrap();
        let error = Side::open(path, 2).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("missing field"), "{error}");
    }
}
