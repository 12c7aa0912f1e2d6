//! What it costs and takes to move data between places.

use super::{Pattern, Place};
use crate::unit::{Bytes, Money, MoneyError, Price, Span};
use serde::{Deserialize, Serialize};

/// A way between two places: what a gigabyte costs, and how fast it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Price by the gigabyte.
    pub price: Price,
    /// Bandwidth, Gbit/s.
    pub gbps: f64,
}

impl Route {
    /// What moving `bytes` costs. Never falls when `bytes` grows.
    pub fn cost(&self, bytes: Bytes) -> Result<Money, MoneyError> {
        self.price.for_bytes(bytes)
    }

    /// How long moving `bytes` takes over this way when the receiver takes `card_gbps` at most.
    pub fn time(&self, bytes: Bytes, card_gbps: f64) -> Span {
        let gbps = if card_gbps > 0.0 { self.gbps.min(card_gbps) } else { self.gbps };
        if bytes == Bytes::ZERO { Span::ZERO } else { Span::from_secs_f64(bytes.get() as f64 * 8.0 / (gbps * 1e9)) }
    }
}

/// A rule of a network table: patterns over `site:region`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rule {
    from: Pattern,
    to: Pattern,
    route: Route,
}

/// A table of ways between regions. The most specific rule wins: the one with the fewest `*`, then the longest, then the
/// first. Within a region data moves free of charge at [`Network::LOCAL_GBPS`] unless a rule says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    rules: Vec<Rule>,
    fallback: Route,
}

impl Network {
    /// Bandwidth within a region when no rule speaks, Gbit/s; the receiver's card is usually slower.
    pub const LOCAL_GBPS: f64 = 100.0;

    /// A network in which a way no rule speaks of is `fallback`.
    pub const fn new(fallback: Route) -> Self {
        Self { rules: Vec::new(), fallback }
    }

    /// Adds a rule; an error when the price is negative or the bandwidth is not above zero.
    pub fn add(&mut self, from: Pattern, to: Pattern, route: Route) -> Result<(), String> {
        if route.price.amount.is_negative() {
            return Err(format!("the way from `{from}` to `{to}` has the negative price {}", route.price));
        }
        if !route.gbps.is_finite() || route.gbps <= 0.0 {
            return Err(format!(
                "the way from `{from}` to `{to}` has {} Gbit/s, expected a number above 0",
                route.gbps
            ));
        }
        self.rules.push(Rule { from, to, route });
        Ok(())
    }

    /// The way from one place to another.
    pub fn route(&self, from: &Place, to: &Place) -> Route {
        let (source, target) = (from.region_key(), to.region_key());
        let specificity = |rule: &Rule| {
            let text = |pattern: &Pattern| (pattern.as_str().matches('*').count(), pattern.as_str().len());
            let ((from_stars, from_len), (to_stars, to_len)) = (text(&rule.from), text(&rule.to));
            (std::cmp::Reverse(from_stars + to_stars), from_len + to_len)
        };
        let mut best: Option<&Rule> = None;
        for rule in self.rules.iter().filter(|rule| rule.from.matches(&source) && rule.to.matches(&target)) {
            if best.is_none_or(|best| specificity(rule) > specificity(best)) {
                best = Some(rule);
            }
        }
        let exact = |rule: &&Rule| !rule.from.as_str().contains('*') && !rule.to.as_str().contains('*');
        if source == target && best.filter(exact).is_none() {
            let free = Money::zero(self.fallback.price.amount.currency());
            return Route { price: Price::per_gigabyte(free), gbps: Self::LOCAL_GBPS };
        }
        best.map_or_else(|| self.fallback.clone(), |rule| rule.route.clone())
    }
}

impl Default for Network {
    /// Every way between regions at 0.09 USD/GB and 5 Gbit/s: the medians of public clouds' list prices and measured
    /// transfers (AWS to the internet; Skyplane, 2022).
    fn default() -> Self {
        let price = Price::per_gigabyte(Money::from_micros(90_000, crate::unit::Currency::USD));
        Self::new(Route { price, gbps: 5.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_rule_wins() {
        let mut network = Network::default();
        let route = |usd: &str| Route { price: Price::per_gigabyte(usd.parse().unwrap()), gbps: 10.0 };
        network.add(Pattern::new("aws:*"), Pattern::new("*"), route("0.09 USD")).unwrap();
        network.add(Pattern::new("aws:*"), Pattern::new("aws:*"), route("0.02 USD")).unwrap();
        network.add(Pattern::new("aws:us-east-1"), Pattern::new("aws:us-east-2"), route("0.01 USD")).unwrap();
        let cost = |from: (&str, &str), to: (&str, &str)| {
            network.route(&Place::new(from.0, from.1), &Place::new(to.0, to.1)).price.amount.as_f64()
        };
        assert!((cost(("aws", "us-east-1"), ("gcp", "us-central1")) - 0.09).abs() < 1e-9);
        assert!((cost(("aws", "us-east-1"), ("aws", "us-west-2")) - 0.02).abs() < 1e-9);
        assert!((cost(("aws", "us-east-1"), ("aws", "us-east-2")) - 0.01).abs() < 1e-9);
        assert!(cost(("aws", "us-east-1"), ("aws", "us-east-1")) < 1e-9);
        assert!(network.add(Pattern::new("*"), Pattern::new("*"), route("-1 USD")).is_err());
    }

    #[test]
    fn time_goes_by_the_slower_end() {
        let route = Route { price: Price::per_gigabyte("0.02 USD".parse().unwrap()), gbps: 10.0 };
        let bytes: Bytes = "100 GB".parse().unwrap();
        assert_eq!(route.time(bytes, 100.0), Span::from_secs(80));
        assert_eq!(route.time(bytes, 5.0), Span::from_secs(160));
    }
}
