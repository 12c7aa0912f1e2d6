//! Locks that keep a second host out of a folder or file.

use std::{
    fs::{File, TryLockError},
    time::Duration,
};

/// How often, and how long in between, a lock that is held is asked for again.
///
/// A process that is being started holds a copy of every lock of its parent for the moment between `fork` and `exec`; so a
/// lock that was just let go of can seem to be held for a few milliseconds. A second host holds it for good.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// What `attempt` comes to once it is not held back by a lock (`Ok(None)`); `None` when it still is after half a second.
pub(crate) fn patiently<T, E>(mut attempt: impl FnMut() -> Result<Option<T>, E>) -> Result<Option<T>, E> {
    for _ in 0..TRIES {
        if let Some(done) = attempt()? {
            return Ok(Some(done));
        }
        std::thread::sleep(PAUSE);
    }
    attempt()
}

/// Locks a file for this host alone; false when another one has it.
pub(crate) fn take(file: &File) -> Result<bool, std::io::Error> {
    let taken = patiently(|| match file.try_lock() {
        Ok(()) => Ok(Some(())),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    })?;
    Ok(taken.is_some())
}
