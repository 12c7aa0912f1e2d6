//! Policy documents on disk: read from files and folders, watched, and swapped as a whole.
//!
//! [`orp_policy`] takes named texts and judges; what touches the disk stands here. [`read_policies`] reads a file or a folder
//! with everything it includes; [`LivePolicy`] is the engine whose set is read again when its files change. A set that is
//! wrong is refused whole, with every mistake at its place, and the last good one stays in force; before there is any, all is
//! forbidden.

mod folder;
mod live;

pub use folder::{FILE_LIMIT, PolicyText, read_policies};
pub use live::{LivePolicy, Watch};
