//! What a process says: its progress, and the end of its logs.

use orp_core::noun::Progress;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// How much of a progress file one call reads.
const BLOCK_BYTES: u64 = 1 << 20;
/// A longer line is not progress.
const LINE_BYTES_MAX: usize = 64 << 10;
/// What stands where a secret stood.
const REDACTED: &str = "[redacted]";
/// A shorter line of a secret of several lines is not taken for a secret of its own.
const SECRET_LINE_MIN: usize = 8;

/// The progress that was appended in an attempt's folder from byte `from` on, and where to go on reading.
///
/// At most 1 MiB is read: when the offset grew, there may be more. A last line without its end is left for the next call;
/// a line that is not progress is passed over. A file that is shorter than `from` was begun again, and is read from its
/// start; one that does not exist has no progress yet.
///
/// # Errors
///
/// When the file cannot be read.
pub fn read_progress(folder: &Path, from: u64) -> io::Result<(Vec<Progress>, u64)> {
    let Some(mut file) = open(&folder.join(super::record::PROGRESS))? else { return Ok((Vec::new(), 0)) };
    let from = if file.metadata()?.len() < from { 0 } else { from };
    file.seek(SeekFrom::Start(from))?;
    let mut block = Vec::new();
    file.take(BLOCK_BYTES).read_to_end(&mut block)?;
    let whole = block.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (lines, torn) = block.split_at(whole);
    let progress = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| line.len() <= LINE_BYTES_MAX)
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    // A torn line that is too long already will not become progress when its end comes.
    let passed = if torn.len() > LINE_BYTES_MAX { block.len() } else { whole };
    Ok((progress, from + passed as u64))
}

/// One of the two logs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// What it wrote to its standard output.
    Stdout,
    /// What it wrote to its standard error.
    Stderr,
}

impl Log {
    /// Its file in an attempt's folder.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Stdout => "stdout.log",
            Self::Stderr => "stderr.log",
        }
    }
}

/// The last lines of a log in an attempt's folder, at most `bytes_max` of it, with every one of `secrets` made unreadable.
///
/// Begins at the start of a line, unless the last line alone is longer than that. Bytes that are not UTF-8 are replaced;
/// a log that does not exist is empty.
///
/// # Errors
///
/// When the file cannot be read.
pub fn read_log_tail<'a>(
    folder: &Path,
    log: Log,
    bytes_max: usize,
    secrets: impl IntoIterator<Item = &'a str>,
) -> io::Result<String> {
    let Some(mut file) = open(&folder.join(log.file()))? else { return Ok(String::new()) };
    let secrets = needles(secrets);
    // More than is returned, so that a secret across the cut is seen whole and goes.
    let margin = secrets.first().map_or(0, |longest| longest.len()) + 1;
    let end = file.seek(SeekFrom::End(0))?;
    let begin = end.saturating_sub((bytes_max + margin) as u64);
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take((bytes_max + margin) as u64).read_to_end(&mut bytes)?;
    let text = without(&secrets, String::from_utf8_lossy(&bytes).into_owned());
    Ok(tail(&text, bytes_max, begin == 0).to_owned())
}

/// The text with every one of `secrets` made unreadable.
pub(crate) fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    without(&needles(secrets), text.to_owned())
}

fn without(needles: &[&str], text: String) -> String {
    needles.iter().fold(text, |text, needle| text.replace(needle, REDACTED))
}

/// The secrets and the longer lines of secrets of several lines, the longest first, so that none is hidden within another.
fn needles<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut needles: Vec<&str> = Vec::new();
    for secret in secrets {
        needles.push(secret);
        needles.extend(secret.lines().filter(|line| line.len() >= SECRET_LINE_MIN));
    }
    needles.retain(|needle| !needle.is_empty());
    needles.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
    needles.dedup();
    needles
}

/// The end of a text from the start of a line on.
fn tail(text: &str, bytes_max: usize, is_whole: bool) -> &str {
    if is_whole && text.len() <= bytes_max {
        return text;
    }
    let mut cut = text.len().saturating_sub(bytes_max);
    while !text.is_char_boundary(cut) {
        cut += 1;
    }
    let rest = &text[cut..];
    let begins_line = cut > 0 && text.as_bytes().get(cut - 1) == Some(&b'\n');
    match rest.find('\n') {
        Some(end) if !begins_line && end + 1 < rest.len() => &rest[end + 1..],
        _ => rest,
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn with(name: &str, content: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), content).unwrap();
        folder
    }

    #[test]
    fn progress_is_read_line_by_line_and_a_torn_line_waits_for_its_end() {
        let torn = b"{\"done\":1,\"total\":4}\nnot json\n\n\xff\xfe\n5\n{\"done\":2,\"total\":4}\n{\"done\":3,";
        let folder = with("progress.jsonl", torn);
        let (progress, offset) = read_progress(folder.path(), 0).unwrap();
        assert_eq!(progress.iter().map(|p| p.done).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(read_progress(folder.path(), offset).unwrap(), (vec![], offset));

        let mut all = torn.to_vec();
        all.extend_from_slice(b"\"total\":4}\n");
        fs::write(folder.path().join("progress.jsonl"), &all).unwrap();
        let (progress, offset) = read_progress(folder.path(), offset).unwrap();
        assert_eq!(progress.iter().map(|p| p.done).collect::<Vec<_>>(), [3]);
        assert_eq!(offset, all.len() as u64);

        fs::write(folder.path().join("progress.jsonl"), "{\"done\":9}\n").unwrap();
        assert_eq!(read_progress(folder.path(), offset).unwrap().0.len(), 1, "begun again");
    }

    #[test]
    fn a_line_without_end_does_not_grow_without_bound() {
        let mut content = vec![b'x'; 3 << 20];
        content.extend_from_slice(b"\n{\"done\":7}\n");
        let folder = with("progress.jsonl", &content);
        let (mut offset, mut progress) = (0, vec![]);
        while offset < content.len() as u64 {
            let (more, next) = read_progress(folder.path(), offset).unwrap();
            assert!(next > offset, "it moves on");
            progress.extend(more);
            offset = next;
        }
        assert_eq!(progress.len(), 1);
        assert_eq!(read_progress(Path::new("/nowhere"), 5).unwrap(), (vec![], 0));
    }

    #[test]
    fn the_tail_begins_with_a_line_and_holds_no_secret() {
        let folder = with("stdout.log", b"first line\nkey=s3cret-value\nlast s3cret-value\n");
        let read = |bytes, secrets: &[&str]| {
            read_log_tail(folder.path(), Log::Stdout, bytes, secrets.iter().copied()).unwrap()
        };
        assert_eq!(read(1000, &[]), "first line\nkey=s3cret-value\nlast s3cret-value\n");
        assert_eq!(read(1000, &["s3cret-value", ""]), "first line\nkey=[redacted]\nlast [redacted]\n");
        assert_eq!(read(20, &["s3cret-value"]), "last [redacted]\n");
        assert_eq!(read(10, &[]), "ret-value\n", "a line that is longer than what was asked for");
        for bytes in 0..60 {
            let tail = read(bytes, &["s3cret-value"]);
            assert!(!tail.contains("value"), "{bytes}: {tail}");
        }
        assert_eq!(read_log_tail(folder.path(), Log::Stderr, 10, []).unwrap(), "");
    }

    #[test]
    fn each_line_of_a_long_secret_is_one() {
        let folder = with("stderr.log", b"begin\nQUJDREVGR0g=\nend\n");
        let secret = "begin\nQUJDREVGR0g=\nen";
        let tail = read_log_tail(folder.path(), Log::Stderr, 1000, [secret]).unwrap();
        assert_eq!(tail, "[redacted]d\n");
        let tail = read_log_tail(folder.path(), Log::Stderr, 1000, ["x\nQUJDREVGR0g=\ny"]).unwrap();
        assert_eq!(tail, "begin\n[redacted]\nend\n");
    }
}
