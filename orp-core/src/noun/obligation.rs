//! Obligations: what a permit asks for in return, merged from many rules whatever their order.
//!
//! Every part is a join of a semilattice (a minimum, a union, an intersection kept as the filters that all must admit), so
//! [`Obligations::merge`] is associative, commutative and idempotent: adding an obligation never loosens another one.
//!
//! ```
//! use orp_core::noun::{Obligations, Pattern};
//!
//! let eu = Obligations::default().with_cost_max("500 USD".parse()?).with_regions([Pattern::new("eu-*")]);
//! let west = Obligations::default().with_cost_max("300 USD".parse()?).with_regions([Pattern::new("*-west-*")]);
//! let both = eu.merge(&west);
//! assert_eq!(both.to_string(), "cost at most 300.00 USD; region in *-west-*; region in eu-*");
//! assert!(both.route.admits_region("eu-west-1") && !both.route.admits_region("us-west-2"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::Pattern;
use crate::id::{Principal, RuleId};
use crate::unit::{Currency, Money, Span};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What must be kept to when something is permitted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Obligations {
    /// The most it may cost, by currency: the least of all caps.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cost_max: BTreeMap<Currency, Money>,
    /// What must be taken out of texts first, by the names of detectors: all that any rule names.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub redact: BTreeSet<String>,
    /// Who must approve first, by approval flow: the strictest of all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub approvals: BTreeMap<RuleId, ApprovalTerms>,
    /// Where it may go: what all rules admit.
    #[serde(skip_serializing_if = "Routing::is_open")]
    pub route: Routing,
    /// Who must be told.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub notify: BTreeSet<Principal>,
}

impl Obligations {
    /// Also at most this cost.
    pub fn with_cost_max(mut self, most: Money) -> Self {
        let least = self.cost_max.get(&most.currency()).map_or(most, |least| least_of(*least, most));
        self.cost_max.insert(most.currency(), least);
        self
    }

    /// Also without what this detector finds.
    pub fn with_redact(mut self, detector: impl Into<String>) -> Self {
        self.redact.insert(detector.into());
        self
    }

    /// Also approved on these terms.
    pub fn with_approval(mut self, flow: RuleId, terms: ApprovalTerms) -> Self {
        let terms = self.approvals.get(&flow).map_or_else(|| terms.clone(), |others| others.strictest(&terms));
        self.approvals.insert(flow, terms);
        self
    }

    /// Also in a region that one of these patterns fits.
    pub fn with_regions(mut self, any_of: impl IntoIterator<Item = Pattern>) -> Self {
        self.route.regions.insert(any_of.into_iter().collect());
        self
    }

    /// Also with a provider that one of these patterns fits.
    pub fn with_providers(mut self, any_of: impl IntoIterator<Item = Pattern>) -> Self {
        self.route.providers.insert(any_of.into_iter().collect());
        self
    }

    /// Also in one of these markets, named as offers print them.
    pub fn with_markets(mut self, any_of: impl IntoIterator<Item = Pattern>) -> Self {
        self.route.markets.insert(any_of.into_iter().collect());
        self
    }

    /// Also with this person told.
    pub fn with_notify(mut self, who: Principal) -> Self {
        self.notify.insert(who);
        self
    }

    /// Both: at least as strict as each, in every part.
    pub fn merge(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.add(other);
        both
    }

    /// Takes another's obligations on as well.
    pub fn add(&mut self, other: &Self) {
        for (currency, most) in &other.cost_max {
            let least = self.cost_max.entry(*currency).or_insert(*most);
            *least = least_of(*least, *most);
        }
        for (flow, terms) in &other.approvals {
            match self.approvals.get_mut(flow) {
                Some(own) => *own = own.strictest(terms),
                None => drop(self.approvals.insert(flow.clone(), terms.clone())),
            }
        }
        self.redact.extend(other.redact.iter().cloned());
        self.notify.extend(other.notify.iter().cloned());
        self.route.regions.extend(other.route.regions.iter().cloned());
        self.route.providers.extend(other.route.providers.iter().cloned());
        self.route.markets.extend(other.route.markets.iter().cloned());
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Why a cost is too much, if it is. A cost in a currency that no cap is in cannot be compared with any, and is.
    pub fn refuses_cost(&self, cost: Money) -> Option<String> {
        match self.cost_max.get(&cost.currency()) {
            Some(most) if cost > *most => Some(format!("{cost} is more than the {most} that policy caps it at")),
            None if !self.cost_max.is_empty() => {
                let caps: Vec<String> = self.cost_max.values().map(ToString::to_string).collect();
                Some(format!("{cost} cannot be compared with policy's cap of {}", caps.join(" and ")))
            }
            _ => None,
        }
    }
}

/// The lesser of two amounts of one currency.
fn least_of(one: Money, other: Money) -> Money {
    if other < one { other } else { one }
}

impl fmt::Display for Obligations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.cost_max.values().map(|most| format!("cost at most {most}")).collect();
        if !self.redact.is_empty() {
            parts.push(format!("without {}", join(&self.redact)));
        }
        parts.extend(self.approvals.iter().map(|(flow, terms)| format!("approved by `{flow}` ({terms})")));
        for (what, filters) in
            [("region", &self.route.regions), ("provider", &self.route.providers), ("market", &self.route.markets)]
        {
            parts.extend(filters.iter().map(|any_of| format!("{what} in {}", join(any_of))));
        }
        if !self.notify.is_empty() {
            parts.push(format!("told to {}", join(&self.notify)));
        }
        f.pad(&parts.join("; "))
    }
}

fn join<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// Where something may go. Each filter is a list of patterns of which one must fit, and all filters must admit: the
/// intersection of what rules allow, kept without being computed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Routing {
    /// On regions.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<BTreeSet<Pattern>>,
    /// On providers.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub providers: BTreeSet<BTreeSet<Pattern>>,
    /// On markets: `on-demand`, `spot`, `reserved`, `owned`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub markets: BTreeSet<BTreeSet<Pattern>>,
}

impl Routing {
    /// Whether everywhere is admitted.
    pub fn is_open(&self) -> bool {
        self.regions.is_empty() && self.providers.is_empty() && self.markets.is_empty()
    }

    /// Whether all filters on regions admit this one.
    pub fn admits_region(&self, region: &str) -> bool {
        admits(&self.regions, region)
    }

    /// Why an offer is not admitted, if it is not.
    pub fn refuses(&self, provider: &str, region: &str, market: &str) -> Option<String> {
        [("provider", &self.providers, provider), ("region", &self.regions, region), ("market", &self.markets, market)]
            .into_iter()
            .find_map(|(what, filters, name)| {
                let filter = filters.iter().find(|any_of| !any_of.iter().any(|pattern| pattern.matches(name)))?;
                Some(format!("{what} `{name}` is not among {}, which policy routes to", join(filter)))
            })
    }
}

fn admits(filters: &BTreeSet<BTreeSet<Pattern>>, name: &str) -> bool {
    filters.iter().all(|any_of| any_of.iter().any(|pattern| pattern.matches(name)))
}

/// On what terms something counts as approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalTerms {
    /// How many different people must approve.
    pub quorum: u32,
    /// Who may.
    pub approvers: BTreeSet<Principal>,
    /// How long an approval is asked for, and how long it then holds.
    pub ttl: Span,
}

impl ApprovalTerms {
    /// So many of these people, within this time.
    pub fn new(quorum: u32, approvers: impl IntoIterator<Item = Principal>, ttl: Span) -> Self {
        Self { quorum, approvers: approvers.into_iter().collect(), ttl }
    }

    /// Both: the higher quorum, of those who may under both, within the shorter time.
    pub fn strictest(&self, other: &Self) -> Self {
        Self {
            quorum: self.quorum.max(other.quorum),
            approvers: &self.approvers & &other.approvers,
            ttl: self.ttl.min(other.ttl),
        }
    }
}

impl fmt::Display for ApprovalTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} within {}", self.quorum, join(&self.approvers), self.ttl)
    }
}
