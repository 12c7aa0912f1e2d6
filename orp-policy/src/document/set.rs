//! `kind: PolicySet`: what the other documents stand on.

use super::Envelope;
use super::part::Part;
use super::raw::Fault;
use crate::fact::{Absence, Declaration, FactKind};
use indexmap::IndexMap;
use orp_core::document::{DocumentError, Source};
use orp_core::id::RuleId;
use orp_core::noun::PolicyPoint;
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeSet;

/// The most files and folders that one document includes.
pub const INCLUDE_LIMIT: usize = 1_000;

/// What a set says of itself.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicySetSpec {
    /// What it is for.
    #[serde(rename = "description")]
    _description: Option<String>,
    /// Further files and folders, relative to this one.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    #[serde(default)]
    include: Vec<Spanned<String>>,
    /// Facts beside the vocabulary, by name.
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<String, FactSpec>"))]
    #[serde(default)]
    facts: IndexMap<Spanned<String>, FactSpec>,
}

/// A fact of the host's own.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct FactSpec {
    /// What kind of value it has.
    kind: FactKind,
    /// The points at which it is known; all when left out.
    points: Option<BTreeSet<PolicyPoint>>,
    /// What it means when it is not there.
    #[serde(default)]
    absence: Absence,
    /// What it says.
    #[serde(default)]
    meaning: String,
}

impl Part<'_> {
    /// The facts that a set declares.
    pub(super) fn policy_set(
        &self,
        _id: &RuleId,
        envelope: Result<Envelope<PolicySetSpec>, DocumentError>,
    ) -> Result<Vec<Spanned<Declaration>>, DocumentError> {
        let spec = envelope?.spec;
        check_includes(&spec.include).map_err(|fault| self.error(fault))?;
        let declare = |(name, fact): (Spanned<String>, FactSpec)| {
            let declaration = Declaration {
                name: name.value,
                kind: fact.kind,
                points: fact.points,
                absence: fact.absence,
                meaning: fact.meaning,
            };
            Spanned::new(declaration, name.referenced, name.defined)
        };
        Ok(spec.facts.into_iter().map(declare).collect())
    }
}

fn check_includes(include: &[Spanned<String>]) -> Result<(), Fault> {
    if let Some(beyond) = include.get(INCLUDE_LIMIT) {
        return Err(Fault::new(beyond.referenced, format!("at most {INCLUDE_LIMIT} files and folders are included")));
    }
    match include.iter().find(|path| is_outside(&path.value)) {
        Some(path) => {
            let message = format!("`{}` is not below this file: expected a relative path without `..`", path.value);
            Err(Fault::new(path.referenced, message))
        }
        None => Ok(()),
    }
}

fn is_outside(path: &str) -> bool {
    path.is_empty()
        || path.starts_with(['/', '\\', '~'])
        || path.contains(':')
        || path.split(['/', '\\']).any(|part| part == "..")
}

/// The files and folders that the `PolicySet` documents of a text include, as written, for whoever reads files. What is wrong
/// with the text is said when it is loaded.
pub fn includes(source: &Source<'_>) -> Vec<String> {
    let Ok(parts) = Part::all_of(source) else { return Vec::new() };
    let specs =
        parts.iter().filter(|part| !part.is_empty()).filter_map(|part| part.parse::<Envelope<PolicySetSpec>>().ok());
    let written = specs.flat_map(|envelope| envelope.spec.include).map(|path| path.value);
    written.filter(|path| !is_outside(path)).take(INCLUDE_LIMIT).collect()
}
