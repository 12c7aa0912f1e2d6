//! Leases: granted offers.

use super::Offer;
use crate::id::{IdempotencyKey, LeaseId, OfferId, Tenant};
use crate::unit::{Amount, AmountError, Money, MoneyError, Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A request to acquire an offer. The key makes it happen at most once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AcquireRequest {
    /// The same key again returns the same lease.
    pub key: IdempotencyKey,
    /// Which offer of the provider.
    pub offer: OfferId,
    /// How many units.
    pub units: u32,
    /// For whom.
    pub tenant: Tenant,
    /// Extensions of one provider's own.
    pub options: BTreeMap<String, String>,
}

impl AcquireRequest {
    /// A request for one unit.
    pub fn new(key: IdempotencyKey, offer: OfferId, tenant: Tenant) -> Self {
        Self { key, offer, units: 1, tenant, options: BTreeMap::new() }
    }

    /// For this many units.
    pub fn with_units(mut self, units: u32) -> Self {
        self.units = units;
        self
    }
}

/// A number that grows with every lease of a provider: who holds an older one can no longer act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FencingToken(pub u64);

/// A granted offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lease {
    /// Unique for ever.
    pub id: LeaseId,
    /// The key it was acquired under.
    pub key: IdempotencyKey,
    /// Its fencing token.
    pub token: FencingToken,
    /// The offer, as it was granted: its price holds for the lease.
    pub offer: Offer,
    /// How many units.
    pub units: u32,
    /// For whom.
    pub tenant: Tenant,
    /// When it was granted; charges run from here.
    pub granted: Timestamp,
    /// When it ends if it is not renewed; never, when none.
    pub expires: Option<Timestamp>,
}

impl Lease {
    /// A lease as a provider grants it.
    pub fn new(id: LeaseId, request: &AcquireRequest, token: FencingToken, offer: Offer, granted: Timestamp) -> Self {
        Self {
            id,
            key: request.key.clone(),
            token,
            offer,
            units: request.units,
            tenant: request.tenant.clone(),
            granted,
            expires: None,
        }
    }

    /// What it has cost when it ends at `until`: all units, by the microsecond, rounded up.
    pub fn cost_until(&self, until: Timestamp) -> Result<Money, MoneyError> {
        self.offer.price.for_span(until.since(self.granted))?.checked_mul(self.units.into())
    }

    /// How long it has held how many accelerators when it ends at `until`, in GPU-seconds rounded up; nothing where it has
    /// none.
    pub fn gpu_time_until(&self, until: Timestamp) -> Result<Amount, AmountError> {
        self.offer.gpu_time(self.units, until.since(self.granted))
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = if self.units > 1 { format!("{}× ", self.units) } else { String::new() };
        write!(f, "{} on {units}{}", self.id.short(), self.offer)
    }
}

/// A lease that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// When it ended; charges run until here.
    pub at: Timestamp,
    /// Whether the provider took it back.
    pub reclaimed: bool,
}
