//! Lines of a trace, their fields, and what is wrong with them.

use std::fmt::Display;
use std::io::BufRead;
use std::str::FromStr;
use thiserror::Error;

/// Why a trace cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceError {
    /// Something is wrong with a line.
    #[error("{trace}:{line}: {what}")]
    Line {
        /// Which trace.
        trace: String,
        /// Which line, from 1.
        line: usize,
        /// What was found, and what was expected.
        what: String,
    },
    /// The trace as a whole.
    #[error("{trace}: {what}")]
    Whole {
        /// Which trace.
        trace: String,
        /// What was found, and what was expected.
        what: String,
    },
}

/// The longest line that is read.
const LINE_MOST: usize = 1 << 20;

/// The lines of a trace, with their numbers.
pub(super) struct Lines<R> {
    pub(super) trace: String,
    input: R,
    line: usize,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(trace: &str, input: R) -> Self {
        Self { trace: trace.into(), input, line: 0, buffer: Vec::new() }
    }

    /// The next line, without its end.
    pub(super) fn next(&mut self) -> Result<Option<&str>, TraceError> {
        self.buffer.clear();
        self.line += 1;
        let most = LINE_MOST as u64;
        let read = std::io::Read::take(&mut self.input, most).read_until(b'\n', &mut self.buffer);
        match read {
            Ok(0) => return Ok(None),
            Ok(read) if read == LINE_MOST => {
                return Err(self.wrong(format!("the line is longer than {LINE_MOST} bytes")));
            }
            Ok(_) => {}
            Err(error) => return Err(self.wrong(format!("cannot be read: {error}"))),
        }
        let Self { buffer, trace, line, .. } = self;
        let text = std::str::from_utf8(buffer).map_err(|error| TraceError::Line {
            trace: trace.clone(),
            line: *line,
            what: format!("is not UTF-8 text, from byte {}", error.valid_up_to()),
        })?;
        Ok(Some(text.trim_end_matches(['\n', '\r'])))
    }

    /// An error at the line read last.
    pub(super) fn wrong(&self, what: impl Into<String>) -> TraceError {
        TraceError::Line { trace: self.trace.clone(), line: self.line, what: what.into() }
    }

    /// The next line as comma-separated fields, at least so many; none at the end. Empty lines are passed.
    pub(super) fn fields(&mut self, separator: char, least: usize) -> Result<Option<Vec<String>>, TraceError> {
        loop {
            let Some(line) = self.next()? else { return Ok(None) };
            if line.trim().is_empty() {
                continue;
            }
            let fields: Vec<String> = line.split(separator).map(|field| field.trim().to_owned()).collect();
            if fields.len() < least {
                return Err(self.wrong(format!("has {} fields, expected at least {least}", fields.len())));
            }
            return Ok(Some(fields));
        }
    }

    /// Where the named columns stand in the first line.
    pub(super) fn header<const N: usize>(&mut self, names: [&str; N]) -> Result<[usize; N], TraceError> {
        let Some(fields) = self.fields(',', 1)? else {
            return Err(self.wrong(format!("is empty, expected the columns {}", names.join(", "))));
        };
        let mut columns = [0; N];
        for (column, name) in columns.iter_mut().zip(names) {
            *column = fields
                .iter()
                .position(|field| field == name)
                .ok_or_else(|| self.wrong(format!("has no column `{name}`, only {}", fields.join(", "))))?;
        }
        Ok(columns)
    }

    /// A field as a number.
    pub(super) fn number<T: FromStr>(&self, fields: &[String], column: usize, name: &str) -> Result<T, TraceError>
    where
        T::Err: Display,
    {
        let text = fields.get(column).map_or("", String::as_str);
        text.parse().map_err(|error| self.wrong(format!("{name} `{text}`: {error}")))
    }

    /// A field as seconds, not below zero.
    pub(super) fn seconds(&self, fields: &[String], column: usize, name: &str) -> Result<f64, TraceError> {
        let seconds: f64 = self.number(fields, column, name)?;
        // About thirty thousand years: times stay far from the end of the clock.
        if (0.0..=1e12).contains(&seconds) {
            return Ok(seconds);
        }
        Err(self.wrong(format!("{name} is {seconds} s, expected 0 to 1e12")))
    }
}
