//! Policy documents on disk: read from files and folders, watched, and swapped as a whole.
//!
//! [`orp_policy`] takes named texts and judges; what touches the disk stands here. [`read_policies`] reads a file or a folder
//! with everything it includes; [`LivePolicy`] is the engine whose set is read again when its files change. A set that is
//! wrong is refused whole, with every mistake at its place, and the last good one stays in force; before there is any, all is
//! forbidden. With the feature `sign` both can be told whose signature they want to see.

mod folder;
mod live;
#[cfg(feature = "sign")]
mod signed;

pub use folder::{FILE_LIMIT, PolicyText, SIGNATURE_FILE, read_policies};
pub use live::{LivePolicy, Watch};
#[cfg(feature = "sign")]
pub use signed::read_signed_policies;
