//! Reading a log: record by record, or whole, to verify it.

use super::error::AuditError;
use orp_policy::audit::{AuditRecord, Frame, Header, Report, Split, Verifier};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// How much is read at a time.
const PIECE: usize = 1 << 20;

/// Reads the log at `path` with a verifier, and says what it found. The file is not changed, and may be in use.
///
/// ```no_run
/// use orp_sdk::audit::verify_file;
/// use orp_sdk::policy::audit::Verifier;
///
/// let report = verify_file("audit.log", Verifier::new())?;
/// println!("{report}");
/// # Ok::<(), orp_sdk::audit::AuditError>(())
/// ```
pub fn verify_file(path: impl AsRef<Path>, verifier: Verifier) -> Result<Report, AuditError> {
    let path = path.as_ref();
    let verified = File::open(path).and_then(|mut file| verify(&mut file, verifier));
    verified.map_err(|error| AuditError::io(path, error))
}

/// Feeds what is left of `source` to a verifier.
pub(super) fn verify(source: &mut impl Read, mut verifier: Verifier) -> io::Result<Report> {
    let mut piece = vec![0; PIECE];
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok(verifier.finish()),
            Ok(read) => verifier.feed(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Verifies the last `most` bytes of a log, or all of it when it is shorter or has no checkpoint in them.
pub(super) fn verify_end(file: &mut File, most: u64) -> io::Result<Report> {
    let length = file.seek(SeekFrom::End(0))?;
    if let Some(from) = length.checked_sub(most).filter(|from| *from > 0) {
        let mut header = Vec::new();
        file.rewind()?;
        file.take(orp_policy::audit::frame::HEADER_LEN as u64).read_to_end(&mut header)?;
        if let Ok((header, _)) = Header::split(&header) {
            file.seek(SeekFrom::Start(from))?;
            let report = verify(file, Verifier::of_end(header, from))?;
            if !report.is_intact() || report.records > 0 {
                return Ok(report);
            }
        }
    }
    file.rewind()?;
    verify(file, Verifier::new())
}

/// The records of a log, from the first to the last that is durable. Each record's own hash is checked; that the records
/// follow each other is for [`verify_file`] to say.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    source: io::Take<File>,
    bytes: Vec<u8>,
    read: usize,
    begun: bool,
}

impl Records {
    /// The records among the first `bytes` bytes of a log.
    pub(super) fn open(path: &Path, bytes: u64) -> Result<Self, AuditError> {
        let source = File::open(path).map_err(|error| AuditError::io(path, error))?.take(bytes);
        Ok(Self { path: path.to_owned(), source, bytes: Vec::new(), read: 0, begun: false })
    }

    fn next_record(&mut self) -> Result<Option<AuditRecord>, AuditError> {
        loop {
            let rest = self.bytes.get(self.read..).unwrap_or_default();
            if !self.begun {
                if let Ok((_, after)) = Header::split(rest) {
                    (self.begun, self.read) = (true, self.bytes.len() - after.len());
                    continue;
                }
            } else {
                match Frame::split(rest) {
                    Split::Whole(frame, after) if frame.is_sound() => {
                        let record = frame.record().map_err(|error| self.wrong(&error.to_string()))?;
                        self.read = self.bytes.len() - after.len();
                        return Ok(Some(record));
                    }
                    Split::Whole(..) => return Err(self.wrong("a record was changed")),
                    Split::None => return Err(self.wrong("something is no record")),
                    Split::Short => {}
                }
            }
            if !self.fill()? {
                return if self.bytes.len() == self.read { Ok(None) } else { Err(self.wrong("the end is torn")) };
            }
        }
    }

    fn wrong(&self, what: &str) -> AuditError {
        AuditError::io(&self.path, format_args!("{what}; verify the log"))
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> Result<bool, AuditError> {
        self.bytes.drain(..self.read);
        self.read = 0;
        let piece = self.source.by_ref().take(PIECE as u64).read_to_end(&mut self.bytes);
        piece.map(|read| read > 0).map_err(|error| AuditError::io(&self.path, error))
    }
}

impl Iterator for Records {
    type Item = Result<AuditRecord, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_record();
        if next.is_err() {
            // What comes after something wrong is not read.
            self.source.set_limit(0);
            self.bytes.clear();
            (self.read, self.begun) = (0, true);
        }
        next.transpose()
    }
}
