//! Which rules the tests of a set have seen at work.
//!
//! Counted are the requests with an expectation, those of cases and matrices: an invariant looks at many without saying what
//! each comes to. An atom is covered when it alone has decided both ways: once the conditions held and would not have
//! without it, once they did not and would have. That is the *masking* form of MC/DC (Chilenski, *An Investigation of Three
//! Forms of the Modified Condition Decision Coverage Criterion*, 2001); that each atom was merely true once and false once
//! would let a rule pass in which it makes no difference.

use crate::PolicySet;
use crate::condition::{Expr, Truth};
use crate::rule::Actions;
use crate::view::View;
use orp_core::id::RuleId;
use orp_core::noun::PolicyRequest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the tests of a set have seen at work, in the order of the documents: rules, exceptions, budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Coverage {
    /// Each rule, exception and budget.
    pub covered: Vec<Covered>,
}

/// What one document was seen to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Covered {
    /// The document.
    pub id: RuleId,
    /// What it is.
    pub of: CoverageOf,
    /// On how many requests its conditions held.
    pub held: u64,
    /// On how many they did not, or it was about another action or point.
    pub not_held: u64,
    /// Whether it is about everything, so that it never does not hold.
    pub is_open: bool,
    /// Its atoms, from left to right.
    pub atoms: Vec<AtomCoverage>,
}

/// What is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CoverageOf {
    /// A rule.
    Rule,
    /// An exception.
    Exception,
    /// A budget, on requests of which the budgets are expected.
    Budget,
}

/// How one atom decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AtomCoverage {
    /// The atom, in words.
    pub atom: String,
    /// The conditions held, and would not have without it.
    pub for_it: bool,
    /// The conditions did not hold, and would have without it.
    pub against_it: bool,
}

impl Coverage {
    /// Whether every document held and, unless it is about everything, did not, and every atom decided both ways.
    pub fn is_full(&self) -> bool {
        self.covered.iter().all(Covered::is_full)
    }

    /// The rules that never held.
    pub fn uncovered_rules(&self) -> impl Iterator<Item = &RuleId> {
        let rules = self.covered.iter().filter(|covered| covered.of == CoverageOf::Rule && covered.held == 0);
        rules.map(|covered| &covered.id)
    }
}

impl Covered {
    fn new(of: CoverageOf, id: &RuleId, conditions: &Expr, is_open: bool) -> Self {
        let atom =
            |atom: &crate::condition::Atom| AtomCoverage { atom: atom.to_string(), for_it: false, against_it: false };
        let atoms = conditions.atoms().into_iter().map(atom).collect();
        Self { id: id.clone(), of, held: 0, not_held: 0, is_open, atoms }
    }

    /// Whether it held and, unless it is about everything, did not, and every atom decided both ways.
    pub fn is_full(&self) -> bool {
        self.gaps().is_empty()
    }

    /// What was not seen, each in one line.
    fn gaps(&self) -> Vec<String> {
        if self.held == 0 {
            return vec!["was never made to hold".into()];
        }
        let mut gaps = Vec::new();
        if self.not_held == 0 && !self.is_open {
            gaps.push("was never made not to hold".into());
        }
        for AtomCoverage { atom, for_it, against_it } in &self.atoms {
            match (for_it, against_it) {
                (true, true) => {}
                (false, false) => gaps.push(format!("never depended on whether {atom}")),
                (true, false) => gaps.push(format!("never failed for want of: {atom}")),
                (false, true) => gaps.push(format!("never held because {atom}")),
            }
        }
        gaps
    }

    /// Takes a request in that it is about.
    fn see(&mut self, conditions: &Expr, view: View<'_>) {
        match conditions.judge(view) {
            Truth::True => self.held += 1,
            Truth::False => self.not_held += 1,
            Truth::Unknown => {}
        }
        mark(conditions, view, true, &mut self.atoms.iter_mut());
    }
}

/// Marks the atoms whose change alone would change what the conditions come to.
fn mark<'a>(expr: &Expr, view: View<'_>, is_decisive: bool, atoms: &mut impl Iterator<Item = &'a mut AtomCoverage>) {
    let (parts, deciding) = match expr {
        Expr::Always(_) => return,
        Expr::Atom(atom) => {
            if let Some(covered) = atoms.next()
                && is_decisive
            {
                match atom.judge(view) {
                    Truth::True => covered.for_it = true,
                    Truth::False => covered.against_it = true,
                    Truth::Unknown => {}
                }
            }
            return;
        }
        Expr::All(parts) => (parts, Truth::False),
        Expr::Any(parts) => (parts, Truth::True),
    };
    let truths: Vec<Truth> = parts.iter().map(|part| part.judge(view)).collect();
    let decided = truths.iter().filter(|truth| **truth == deciding).count();
    let is_unknown = decided == 0 && truths.contains(&Truth::Unknown);
    for (part, truth) in parts.iter().zip(truths) {
        // One of several that decide makes no difference; where none does, each part that is as it must be does.
        let is_decisive = is_decisive && !is_unknown && (decided == 0 || (decided == 1 && truth == deciding));
        mark(part, view, is_decisive, atoms);
    }
}

/// Coverage in the making.
pub(super) struct Observer<'s> {
    set: &'s PolicySet,
    rules: Vec<Covered>,
    exceptions: Vec<Covered>,
    budgets: Vec<Covered>,
}

impl<'s> Observer<'s> {
    pub(super) fn new(set: &'s PolicySet) -> Self {
        let is_open = |conditions: &Expr| *conditions == Expr::Always(true);
        let rule = |rule: &crate::Rule| {
            let is_open = is_open(&rule.conditions) && rule.points.is_none() && rule.actions == Actions::Any;
            Covered::new(CoverageOf::Rule, rule.id(), &rule.conditions, is_open)
        };
        let exception = |exception: &crate::Exception| {
            Covered::new(CoverageOf::Exception, exception.id(), &exception.conditions, false)
        };
        let budget = |budget: &crate::Budget| {
            Covered::new(CoverageOf::Budget, budget.id(), &budget.conditions, is_open(&budget.conditions))
        };
        Self {
            set,
            rules: set.rules().iter().map(rule).collect(),
            exceptions: set.exceptions().iter().map(exception).collect(),
            budgets: set.all_budgets().iter().map(budget).collect(),
        }
    }

    /// Takes a request in of which the decision is expected and, maybe, the budgets.
    pub(super) fn see(&mut self, request: &PolicyRequest, with_budgets: bool) {
        let view = View::new(&request.facts, request.at);
        for (rule, covered) in self.set.rules().iter().zip(&mut self.rules) {
            if rule.covers(request) {
                covered.see(&rule.conditions, view);
            } else {
                covered.not_held += 1;
            }
        }
        for (exception, covered) in self.set.exceptions().iter().zip(&mut self.exceptions) {
            if exception.is_in_force(request.at) {
                covered.see(&exception.conditions, view);
            } else {
                covered.not_held += 1;
            }
        }
        if with_budgets {
            for (budget, covered) in self.set.all_budgets().iter().zip(&mut self.budgets) {
                covered.see(&budget.conditions, view);
            }
        }
    }

    pub(super) fn finish(self) -> Coverage {
        Coverage { covered: [self.rules, self.exceptions, self.budgets].concat() }
    }
}

impl fmt::Display for CoverageOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rule => "rule",
            Self::Exception => "exception",
            Self::Budget => "budget",
        })
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.covered.iter().filter(|covered| covered.is_full()).count();
        write!(f, "coverage: {full} of {} rules, exceptions and budgets", self.covered.len())?;
        for covered in &self.covered {
            for gap in covered.gaps() {
                write!(f, "\n  {} `{}` {gap}", covered.of, covered.id)?;
            }
        }
        Ok(())
    }
}
