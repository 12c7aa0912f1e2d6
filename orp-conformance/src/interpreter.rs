//! The laws of interpreters: ask, never guess.

use crate::bench::{ensure, skipped};
use crate::{Fault, Report, Verdict};
use orp_core::contract::{IntentInterpreter, Interpretation};

/// Tries every law of [`IntentInterpreter`]: `clear` words it must understand, `unclear` ones may mean several things.
pub fn interpreter_suite(interpreter: &dyn IntentInterpreter, clear: &[&str], unclear: &[&str]) -> Report {
    let mut report = Report::default();
    report.law_now("INT-1", || int_1(interpreter, clear, unclear));
    report.law_now("INT-2", || int_2(interpreter, &[clear, unclear].concat()));
    report
}

/// What is not clear is asked, never guessed; what is clear is not asked.
pub fn int_1(interpreter: &dyn IntentInterpreter, clear: &[&str], unclear: &[&str]) -> Verdict {
    if unclear.is_empty() {
        return skipped("no unclear words were given");
    }
    for words in unclear {
        match interpreter.interpret(words) {
            Ok(Interpretation::Question { question, .. }) => {
                ensure!(!question.trim().is_empty(), "of `{words}` it asked nothing");
            }
            other => return Err(Fault::Broken(format!("`{words}` is not clear: got {other:?}"))),
        }
    }
    for words in clear {
        match interpreter.interpret(words) {
            Ok(Interpretation::Intent(intent)) => intent.check().map_err(|error| Fault::Broken(error.to_string()))?,
            other => return Err(Fault::Broken(format!("`{words}` is clear: got {other:?}"))),
        }
    }
    Ok(())
}

/// The same words mean the same, whatever was said in between.
pub fn int_2(interpreter: &dyn IntentInterpreter, words: &[&str]) -> Verdict {
    let first: Vec<_> = words.iter().map(|words| interpreter.interpret(words)).collect();
    for (words, first) in words.iter().zip(&first).rev() {
        let again = interpreter.interpret(words);
        ensure!(again == *first, "`{words}`: first {first:?}, then {again:?}");
    }
    Ok(())
}
