//! Detectors: what in a text is not for everyone.
//!
//! A detector says *where* something stands and *what kind* of thing it is, and never hands the text itself on: findings can
//! be logged, counted and stored where the text must not be. What is done about them (mask, drop, ask, block) is policy's
//! part: the guardrails of `orp-policy` put detectors to work.
//!
//! Rejected: findings that carry the text that was found (every log of them would be a leak), and a confidence in percent
//! (nobody can say what 0.73 means; three words that say what a finding rests on can be compared and explained).

use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};

/// What kind of thing is found: `email`, `national_id.de`. 1 to 64 lower-case letters, digits, `_`, `-` or `.`, beginning
/// with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct FindingKind(Cow<'static, str>);

impl FindingKind {
    /// A kind, if the text names one.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        if is_kind(text.as_bytes()) {
            return Ok(Self(Cow::Owned(text)));
        }
        Err(format!(
            "`{text}` is not a kind of finding: expected 1 to 64 of a-z, 0-9, `_`, `-` and `.`, beginning with a letter"
        ))
    }

    /// A kind written in a program; its clones cost nothing.
    ///
    /// # Panics
    ///
    /// When the text names no kind; in a constant that is an error of compilation.
    #[allow(clippy::panic, reason = "INVARIANT: for constants, which are checked when they are compiled")]
    pub const fn from_static(text: &'static str) -> Self {
        if is_kind(text.as_bytes()) {
            return Self(Cow::Borrowed(text));
        }
        panic!("not a kind of finding: expected 1 to 64 of a-z, 0-9, `_`, `-` and `.`, beginning with a letter")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_kind(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        if !(text[at].is_ascii_lowercase() || at > 0 && matches!(text[at], b'0'..=b'9' | b'_' | b'-' | b'.')) {
            return false;
        }
        at += 1;
    }
    at > 0 && at <= 64
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for FindingKind {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::new(text)
    }
}

impl From<FindingKind> for String {
    fn from(kind: FindingKind) -> Self {
        kind.0.into_owned()
    }
}

/// What a finding rests on, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Its form only, or a form that other things often have too.
    #[default]
    Possible,
    /// Its form, and a rule that most texts of that form break: a check digit, an allocation, a telling prefix.
    Likely,
    /// Its form, and rules that hardly any other text keeps: fewer than one in fifty of that form.
    Certain,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        })
    }
}

/// Where something was found, and what: never the text itself. Prints as `email at 4..17 (likely)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes: the first one after it.
    pub end: usize,
    /// What it is.
    pub kind: FindingKind,
    /// What that rests on.
    pub confidence: Confidence,
}

impl Finding {
    /// A finding of the bytes from `start` to before `end`.
    pub const fn new(start: usize, end: usize, kind: FindingKind, confidence: Confidence) -> Self {
        Self { start, end, kind, confidence }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}..{} ({})", self.kind, self.start, self.end, self.confidence)
    }
}

/// What in this text is not for everyone?
///
/// **DET-1** a finding is not empty, lies inside the text, and begins and ends between characters. **DET-2** findings are in
/// order and do not overlap. **DET-3** the same text has the same findings. **DET-4** every finding is of one of `kinds`.
/// **DET-5** twice the text takes about twice the time. **DET-6** words in brackets in the place of a finding are none, and
/// leave the others as they are. **DET-7** a text cut in two at `settled` has the same findings in its parts, whatever
/// follows it.
///
/// DET-6 is why masked text is clean: what stands next to a finding must not be found only because the finding is gone. A
/// detector that takes whole words, from the first to the last character that may belong to them, keeps it.
///
/// ```
/// use orp_core::prelude::*;
///
/// /// Finds badge numbers: `EMP-` and six digits.
/// #[derive(Debug)]
/// struct Badges([FindingKind; 1]);
///
/// impl Detector for Badges {
///     fn name(&self) -> &str {
///         "badge"
///     }
///
///     fn kinds(&self) -> &[FindingKind] {
///         &self.0
///     }
///
///     fn find(&self, text: &str) -> Vec<Finding> {
///         let (mut findings, mut start) = (Vec::new(), 0);
///         for word in text.split_inclusive(|c: char| !c.is_alphanumeric() && c != '-') {
///             let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '-');
///             let digits = bare.strip_prefix("EMP-").unwrap_or_default();
///             if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
///                 let [kind] = self.0.clone();
///                 findings.push(Finding::new(start, start + bare.len(), kind, Confidence::Likely));
///             }
///             start += word.len();
///         }
///         findings
///     }
///
///     /// No badge number has a space in it, so a text can be cut at its last one.
///     fn settled(&self, text: &str) -> usize {
///         text.rfind(' ').unwrap_or(0)
///     }
/// }
///
/// let badges = Badges([FindingKind::new("badge")?]);
/// let findings = badges.find("Ask EMP-004711, not EMP-12.");
/// assert_eq!(findings[0].to_string(), "badge at 4..14 (likely)");
/// assert_eq!(findings.len(), 1);
/// # Ok::<(), String>(())
/// ```
pub trait Detector: Send + Sync + fmt::Debug {
    /// What guardrails call it: a word like those of [`FindingKind`], the same for ever.
    fn name(&self) -> &str;

    /// The kinds of all it ever finds, at least one.
    fn kinds(&self) -> &[FindingKind];

    /// What it finds in a text, in order. A function of the text: no clock, no chance, no other text seen before.
    fn find(&self, text: &str) -> Vec<Finding>;

    /// A place, as far on as possible, at which a text that may go on can be cut in two: nothing that will be found crosses
    /// it, and nothing found after it depends on what stands before it. Between two characters; 0 when there is none.
    ///
    /// It lets text that comes in pieces go on before all of it is there. By default nothing is settled before the end:
    /// right for everyone, and slow for whoever waits.
    fn settled(&self, text: &str) -> usize {
        let _ = text;
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_checked() {
        let longest = "x".repeat(64);
        for text in ["email", "national_id.de", "a-1", longest.as_str()] {
            assert_eq!(FindingKind::new(text).unwrap().to_string(), text);
        }
        for text in ["", "Email", "1a", "_a", "a b", "é", &"x".repeat(65)] {
            assert!(FindingKind::new(text).is_err(), "{text:?}");
        }
        let json = serde_json::to_string(&FindingKind::from_static("email")).unwrap();
        assert_eq!(serde_json::from_str::<FindingKind>(&json).unwrap().as_str(), "email");
        assert!(serde_json::from_str::<FindingKind>("\"E\"").is_err());
    }

    #[test]
    fn findings_say_where_and_what_and_not_the_text() {
        let finding = Finding::new(4, 17, FindingKind::from_static("email"), Confidence::Likely);
        assert_eq!(finding.to_string(), "email at 4..17 (likely)");
        let json = r#"{"start":4,"end":17,"kind":"email","confidence":"likely"}"#;
        assert_eq!(serde_json::to_string(&finding).unwrap(), json);
        assert!(Confidence::Possible < Confidence::Likely && Confidence::Likely < Confidence::Certain);
    }
}
