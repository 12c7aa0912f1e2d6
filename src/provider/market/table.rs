//! Reads the market's CSV tables; every error says file, line, column, and what was expected.

use orp_core::document::Source;
use orp_core::unit::{Currency, Money};
use std::fmt;

/// The largest table that is read, in bytes: far above any published one.
pub const LIMIT_BYTES: usize = 64 << 20;

/// A named table as bytes: the name is what errors call it, usually the file's path.
#[derive(Debug, Clone, Copy)]
pub struct CsvFile<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

impl<'a> CsvFile<'a> {
    /// The bytes of a table under the name that errors give it.
    pub const fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, bytes }
    }

    /// The name.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// An error about the whole file.
    pub(super) fn error(&self, message: impl Into<String>) -> TableError {
        TableError { file: self.name.into(), line: None, column: None, message: message.into() }
    }
}

impl<'a> From<Source<'a>> for CsvFile<'a> {
    fn from(source: Source<'a>) -> Self {
        Self::new(source.name(), source.text().as_bytes())
    }
}

/// What is wrong with a table, and where. Prints as ``prices.csv:12: column `usd_per_hour`: `-1` …, expected …``.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableError {
    /// The file.
    pub file: String,
    /// The line in it, from 1; none when the file as a whole is to blame.
    pub line: Option<u64>,
    /// The column, by its name in the header.
    pub column: Option<String>,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ": column `{column}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for TableError {}

/// Hands each row of a table to `each`, in order. The table has exactly the `columns`, in any order, named in its first
/// line; lines that are empty or begin with `#` are left out.
pub(super) fn read_table<'a>(
    file: impl Into<CsvFile<'a>>,
    columns: &[&str],
    mut each: impl FnMut(&Row<'_>) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let file = file.into();
    if file.bytes.len() > LIMIT_BYTES {
        return Err(file.error(format!("the file has {} bytes, at most {LIMIT_BYTES} are read", file.bytes.len())));
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).comment(Some(b'#')).flexible(true).from_reader(file.bytes);
    let mut record = csv::StringRecord::new();
    let mut lines = Lines::default();
    let mut header: Option<Vec<String>> = None;
    loop {
        let more = reader.read_record(&mut record);
        let line = lines.ending_at(file.bytes, reader.position().byte());
        match more {
            Ok(false) => break,
            Ok(true) => {}
            Err(_) => return Err(TableError { line: Some(line), ..file.error("not UTF-8 text") }),
        }
        let row = Row { file, line, header: header.as_deref().unwrap_or_default(), record: &record };
        match &header {
            None => header = Some(row.as_header(columns)?),
            Some(names) if names.len() != record.len() => {
                let fields = if record.len() == 1 { "field" } else { "fields" };
                return Err(row.error(format!("{} {fields}, expected {}", record.len(), names.len())));
            }
            Some(_) => each(&row)?,
        }
    }
    if header.is_none() {
        return Err(file.error(format!("the file is empty, expected a header with {}", columns.join(", "))));
    }
    Ok(())
}

/// Counts lines up to a byte: the reader itself counts a row from the comments before it.
#[derive(Default)]
struct Lines {
    counted: usize,
    breaks: u64,
}

impl Lines {
    /// The line, from 1, of the row that ends at byte `end`, its line break included.
    fn ending_at(&mut self, bytes: &[u8], end: u64) -> u64 {
        let end = usize::try_from(end).unwrap_or(bytes.len()).min(bytes.len());
        let text = bytes.get(self.counted..end).unwrap_or_default();
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        self.breaks += text.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.counted += text.len();
        self.breaks + 1
    }
}

/// A row of a table; its fields by the name of their column.
pub(super) struct Row<'a> {
    file: CsvFile<'a>,
    line: u64,
    header: &'a [String],
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    /// An error about the row.
    pub(super) fn error(&self, message: impl Into<String>) -> TableError {
        TableError { line: Some(self.line), ..self.file.error(message) }
    }

    /// An error about one of its fields.
    pub(super) fn error_in(&self, column: &str, message: impl Into<String>) -> TableError {
        TableError { column: Some(column.into()), ..self.error(message) }
    }

    fn as_header(&self, columns: &[&str]) -> Result<Vec<String>, TableError> {
        let names: Vec<String> = self.record.iter().map(|name| name.trim().to_owned()).collect();
        let known = columns.join(", ");
        for (at, name) in names.iter().enumerate() {
            if !columns.contains(&name.as_str()) {
                return Err(self.error_in(name, format!("unknown column, expected {known}")));
            }
            if names.iter().take(at).any(|before| before == name) {
                return Err(self.error_in(name, "the column is there twice"));
            }
        }
        match columns.iter().find(|column| !names.iter().any(|name| name == *column)) {
            Some(missing) => Err(self.error_in(missing, format!("the column is missing, expected {known}"))),
            None => Ok(names),
        }
    }

    /// The text of a field, without spaces around it; empty when it is.
    pub(super) fn text(&self, column: &str) -> &str {
        let at = self.header.iter().position(|name| name == column);
        at.and_then(|at| self.record.get(at)).unwrap_or_default().trim()
    }

    /// The text of a field that must not be empty.
    pub(super) fn name(&self, column: &str) -> Result<&str, TableError> {
        match self.text(column) {
            "" => Err(self.error_in(column, "empty, expected a name")),
            text => Ok(text),
        }
    }

    /// A finite number from 0, if the field is not empty.
    pub(super) fn optional(&self, column: &str) -> Result<Option<f64>, TableError> {
        match self.text(column) {
            "" => Ok(None),
            text => self.within(column, text, 0.0, f64::MAX, "a number from 0").map(Some),
        }
    }

    /// A finite number from 0.
    pub(super) fn number(&self, column: &str) -> Result<f64, TableError> {
        self.optional(column)?.ok_or_else(|| self.error_in(column, "empty, expected a number from 0"))
    }

    /// An amount of dollars from 0, to the nearest millionth, if the field is not empty.
    pub(super) fn dollars(&self, column: &str) -> Result<Option<Money>, TableError> {
        let too_much = || self.error_in(column, format!("`{}` is out of range for money", self.text(column)));
        let amount = match self.text(column) {
            "" => return Ok(None),
            text => self.within(column, text, 0.0, f64::MAX, "an amount of dollars from 0")?,
        };
        Money::from_f64(amount, Currency::USD).map(Some).ok_or_else(too_much)
    }

    /// A finite number from `least` to `most`, which `expected` names.
    pub(super) fn within(
        &self,
        column: &str,
        text: &str,
        least: f64,
        most: f64,
        expected: &str,
    ) -> Result<f64, TableError> {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        match number {
            None => Err(self.error_in(column, format!("`{text}` is not a number, expected {expected}"))),
            Some(number) if number < least || number > most => {
                Err(self.error_in(column, format!("`{text}` is out of range, expected {expected}")))
            }
            Some(number) => Ok(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u64, String, f64)>, String> {
        let mut rows = Vec::new();
        read_table(CsvFile::new("t.csv", bytes), &["name", "usd"], |row| {
            rows.push((row.line, row.name("name")?.to_owned(), row.number("usd")?));
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        Ok(rows)
    }

    #[test]
    fn rows_know_their_line_whatever_stands_between() {
        let rows = read(b"# a comment\n\n# another\nusd,name\n1, a \n# between\n\n2.5,b\r\n3,c").unwrap();
        assert_eq!(rows, [(5, "a".into(), 1.0), (8, "b".into(), 2.5), (9, "c".into(), 3.0)]);
    }

    #[test]
    fn wrong_tables_say_where_and_what_was_expected() {
        for (text, expected) in [
            (&b""[..], "t.csv: the file is empty, expected a header with name, usd"),
            (b"# only\n", "t.csv: the file is empty, expected a header with name, usd"),
            (b"name,euro\n", "t.csv:1: column `euro`: unknown column, expected name, usd"),
            (b"name\n", "t.csv:1: column `usd`: the column is missing, expected name, usd"),
            (b"name,usd,usd\n", "t.csv:1: column `usd`: the column is there twice"),
            (b"name,usd\na\n", "t.csv:2: 1 field, expected 2"),
            (b"name,usd\na,1\nb,2,3\n", "t.csv:3: 3 fields, expected 2"),
            (b"name,usd\n,1\n", "t.csv:2: column `name`: empty, expected a name"),
            (b"name,usd\na,\n", "t.csv:2: column `usd`: empty, expected a number from 0"),
            (b"name,usd\na,-1\n", "t.csv:2: column `usd`: `-1` is out of range, expected a number from 0"),
            (b"name,usd\na,dear\n", "t.csv:2: column `usd`: `dear` is not a number, expected a number from 0"),
            (b"name,usd\na,NaN\n", "t.csv:2: column `usd`: `NaN` is not a number, expected a number from 0"),
            (b"name,usd\na,1\n\xff,2\n", "t.csv:3: not UTF-8 text"),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{}", String::from_utf8_lossy(text));
        }
    }
}
