//! What this crate reads from outside, and what must hold whatever it is given. The tests of this folder call these, and so do
//! the fuzz targets in `fuzz/`. Each says whether its input was read.

use orp_core::prelude::*;
use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

/// Every kind of text that stands for one value: amounts, times, classes.
pub(crate) fn amounts(input: &[u8]) -> bool {
    let text = &*String::from_utf8_lossy(input);
    let read = [
        reads::<Money>(text),
        reads::<Currency>(text),
        reads::<Bytes>(text),
        reads::<Span>(text),
        reads::<Timestamp>(text),
        reads::<Tokens>(text),
        reads::<CpuAmount>(text),
        reads::<GpuAmount>(text),
        reads::<Amount>(text),
        reads::<Meter>(text),
        reads::<TokenDemand>(text),
        reads::<DataClass>(text),
        reads::<AlertAt>(text),
    ];
    read.contains(&true)
}

/// Every kind of text that names something.
pub(crate) fn names(input: &[u8]) -> bool {
    let text = &*String::from_utf8_lossy(input);
    [reads::<AssetRef>(text), reads::<Digest>(text), reads::<RunId>(text), reads::<RuleId>(text)].contains(&true)
}

/// What is read prints as text that reads back as the same; what is not says what was written, in backticks.
fn reads<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) -> bool {
    match text.parse::<T>() {
        Ok(value) => {
            let printed = value.to_string();
            let again = printed.parse::<T>();
            assert!(again.as_ref().is_ok_and(|again| *again == value), "{value:?} prints as `{printed}`");
            assert_eq!(again.map(|again| again.to_string()).ok(), Some(printed));
            true
        }
        Err(error) => {
            assert!(error.to_string().matches('`').count() >= 2, "{error}");
            false
        }
    }
}

/// An intent, as a document.
#[cfg(feature = "yaml")]
pub(crate) fn intents(input: &[u8]) -> bool {
    document(&String::from_utf8_lossy(input), Intent::from_source)
}

/// A recipe, as a document.
#[cfg(feature = "yaml")]
pub(crate) fn recipes(input: &[u8]) -> bool {
    document(&String::from_utf8_lossy(input), Recipe::from_source)
}

/// What is read prints as JSON that reads back as the same; what is not says where.
#[cfg(feature = "yaml")]
fn document<T: serde::Serialize + serde::de::DeserializeOwned + Debug + PartialEq>(
    text: &str,
    read: fn(&Source<'_>) -> Result<T, DocumentError>,
) -> bool {
    match read(&Source::new("input", text)) {
        Ok(value) => {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(read(&Source::new("json", &json)).as_ref(), Ok(&value), "{json}");
            assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
            true
        }
        // What only the whole document shows to be wrong may have no place in it.
        Err(error) if error.line.is_none() && Source::new("", text).parse::<T>().is_ok() => false,
        Err(error) => {
            refused(&error, text);
            false
        }
    }
}

/// An error has a place in the text, and can be printed.
#[cfg(feature = "yaml")]
pub(crate) fn refused(error: &DocumentError, text: &str) {
    let lines = text.split(['\n', '\r']).count() as u64;
    let is_in =
        |line: u64, column: u64| (1..=lines + 1).contains(&line) && (1..=text.len() as u64 + 1).contains(&column);
    assert!(error.line.zip(error.column).is_some_and(|(line, column)| is_in(line, column)), "{error:?}");
    assert!(
        !error.message.is_empty() && !error.message.contains('\n') && error.to_string().starts_with(&error.source_name)
    );
}
