//! Rules: what one says, when it speaks, and what it then says.

use crate::condition::Expr;
use crate::fact::Gap;
use crate::template::Template;
use crate::view::View;
use orp_core::id::{Principal, RuleId};
use orp_core::noun::{Obligations, PolicyPoint, PolicyRequest, Reason};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// What a rule does when its conditions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may not, whatever other rules say.
    Deny,
    /// It may, unless another rule denies it.
    Allow,
    /// It may as long as its obligations are kept, when some rule allows it and none denies it.
    Require,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
            Self::Require => "require",
        })
    }
}

/// Whether a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It does not, but says what it would have done to whoever asks.
    Warn,
    /// It does not, and only the record shows what it would have done.
    Shadow,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
            Self::Shadow => "shadow",
        })
    }
}

/// The actions a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "BTreeSet<String>")]
pub(crate) enum Actions {
    Any,
    Named(BTreeSet<String>),
}

impl TryFrom<BTreeSet<String>> for Actions {
    type Error = String;
    fn try_from(names: BTreeSet<String>) -> Result<Self, String> {
        if names.is_empty() {
            return Err("no actions: expected at least one, or `*` for any".into());
        }
        if names.contains("*") {
            return Ok(Self::Any);
        }
        let is_name =
            |name: &String| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c));
        match names.iter().find(|name| !is_name(name)) {
            Some(name) => {
                Err(format!("`{name}` is no action: expected letters, digits or any of `._-/`, or `*` for any"))
            }
            None => Ok(Self::Named(names)),
        }
    }
}

impl From<Actions> for BTreeSet<String> {
    fn from(actions: Actions) -> Self {
        match actions {
            Actions::Any => Self::from(["*".to_owned()]),
            Actions::Named(names) => names,
        }
    }
}

/// One rule of a set.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    pub(crate) id: RuleId,
    pub(crate) owner: Option<Principal>,
    pub(crate) effect: Effect,
    pub(crate) mode: Mode,
    /// `None` is every point.
    pub(crate) points: Option<BTreeSet<PolicyPoint>>,
    pub(crate) actions: Actions,
    pub(crate) conditions: Expr,
    /// What it asks for when it requires.
    pub(crate) require: Obligations,
    pub(crate) because: Option<Template>,
    pub(crate) remedy: Option<String>,
    pub(crate) controls: BTreeSet<String>,
}

impl Rule {
    /// Its id, unique in its set.
    pub const fn id(&self) -> &RuleId {
        &self.id
    }

    /// Who answers for it.
    pub const fn owner(&self) -> Option<&Principal> {
        self.owner.as_ref()
    }

    /// What it does when its conditions hold.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether it counts.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What it asks for when it requires; nothing otherwise.
    pub const fn obligations(&self) -> &Obligations {
        &self.require
    }

    /// The regulations it serves, such as `gdpr/5.1.b`.
    pub fn controls(&self) -> impl Iterator<Item = &str> {
        self.controls.iter().map(String::as_str)
    }

    /// Whether it is about what is asked, before any fact is looked at: what the index must agree with.
    pub(crate) fn covers(&self, request: &PolicyRequest) -> bool {
        self.points.as_ref().is_none_or(|points| points.contains(&request.point))
            && match &self.actions {
                Actions::Any => true,
                Actions::Named(names) => names.contains(&request.action),
            }
    }

    /// Why it speaks, its conditions holding.
    pub(crate) fn reason(&self, request: &PolicyRequest, view: View<'_>) -> Reason {
        let because = match &self.because {
            Some(template) => template.fill(view),
            None => self.plain_because(request, view),
        };
        Reason { rule: self.id.clone(), because, remedy: self.remedy.clone() }
    }

    /// Why it speaks, its conditions not being known to fail.
    pub(crate) fn reason_for_gaps(&self, gaps: &[Gap<'_>]) -> Reason {
        let facts: Vec<String> = gaps.iter().map(|gap| format!("`{}`", gap.about)).collect();
        Reason {
            rule: self.id.clone(),
            because: format!("it cannot be judged: {}", join(gaps)),
            remedy: Some(format!("state {}", facts.join(", "))),
        }
    }

    /// What it goes by, in words, for a rule that does not say why.
    fn plain_because(&self, request: &PolicyRequest, view: View<'_>) -> String {
        let mut text = String::with_capacity(128);
        // Text takes whatever is written to it.
        let _ = self.write_because(&mut text, request, view);
        text
    }

    fn write_because(&self, text: &mut impl fmt::Write, request: &PolicyRequest, view: View<'_>) -> fmt::Result {
        let (action, point) = (&request.action, request.point);
        match self.effect {
            Effect::Deny => write!(text, "denies `{action}` at {point}")?,
            Effect::Allow => write!(text, "allows `{action}` at {point}")?,
            Effect::Require => write!(text, "requires of `{action}` at {point}: {}", self.require)?,
        }
        for (at, fact) in self.conditions.facts().into_iter().enumerate() {
            text.write_str(if at == 0 { ", for " } else { " and " })?;
            match view.get(fact.as_str()) {
                Some(value) => write!(text, "`{fact}` is {value}")?,
                None => write!(text, "there is no `{fact}`")?,
            }
        }
        Ok(())
    }
}

/// Gaps as one line.
pub(crate) fn join(gaps: &[Gap<'_>]) -> String {
    gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
