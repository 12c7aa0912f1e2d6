//! The shared traces, where there are any.

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

/// A trace of the shared folder, unpacked; says so and is none where that folder is not.
pub(crate) fn open(path: &str) -> Option<BufReader<Box<dyn Read>>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/traces")).join(path);
    let Ok(file) = File::open(&path) else {
        eprintln!("SKIPPED: there is no {}", path.display());
        return None;
    };
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    Some(BufReader::new(if packed { Box::new(GzDecoder::new(file)) } else { Box::new(file) }))
}
