//! Small files that are written whole or not at all.

use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How sure one must be that what was written survives the machine's power failing. A process that is killed loses
/// nothing in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Not at all: what the file says means nothing after a restart of the machine.
    None,
    /// Soon: readers see it at once, and it is on disk when the call returns.
    Soon,
    /// Before any reader sees it.
    Before,
}

/// A name beside `path` that nobody else uses: it has this process's id and a counter.
pub(super) fn beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

/// Writes `value` as JSON to `path`, in the place of what was there.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T, durability: Durability) -> io::Result<()> {
    let bytes = serde_json::to_vec(value)?;
    let temporary = beside(path);
    let written = (|| {
        let mut file = File::create(&temporary)?;
        io::Write::write_all(&mut file, &bytes)?;
        if durability == Durability::Before {
            file.sync_all()?;
        }
        fs::rename(&temporary, path)?;
        if durability != Durability::None {
            file.sync_all()?;
            sync_folder_of(path)?;
        }
        Ok(())
    })();
    if written.is_err() {
        // Gone already when the renaming succeeded.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Puts the entries of the folder that holds `path` on disk.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads JSON; none when there is no such file. What is not JSON of this form is [`ErrorKind::InvalidData`].
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from).map_err(as_invalid_data),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn as_invalid_data(error: io::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        assert_eq!(read::<u32>(&path).unwrap(), None);
        for (value, durability) in [(1u32, Durability::None), (2, Durability::Soon), (3, Durability::Before)] {
            write(&path, &value, durability).unwrap();
            assert_eq!(read::<u32>(&path).unwrap(), Some(value));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, "").unwrap();
        assert_eq!(read::<u32>(&path).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
