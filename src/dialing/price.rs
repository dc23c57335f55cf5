//! What calls cost: a carrier's minutes, an agent's hours.
//!
//! In: prices as they were agreed, and how long something took. Out: amounts. Invariants: whole
//! numbers, so that a replay gives the same; nothing has a price that nobody named.
//! Deliberately absent: taxes, and exchange between currencies: there is one.

use std::collections::BTreeMap;

use crate::base::{AgentId, CarrierId, Millis};

/// Currencies without minor units (ISO 4217).
const WITHOUT_MINOR: [&str; 8] = ["CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XOF"];
/// Currencies with a thousand minor units (ISO 4217).
const WITH_THOUSAND: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
const MINUTE_S: u64 = 60;
const HOUR_MS: u64 = 3_600_000;

/// A carrier's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinePrice {
    /// Of a minute. Units: thousandths of the currency's minor unit.
    pub per_minute_milli: u64,
    /// What is begun is paid for: 1, 6 and 60 are common. Units: s.
    pub billed_s: u64,
}

impl LinePrice {
    /// What a call of this length costs, rounded up. Units: thousandths of the minor unit.
    pub fn of(self, length: Millis) -> u64 {
        let step_s = self.billed_s.max(1);
        let paid_s = length.0.div_ceil(step_s.saturating_mul(1_000)).saturating_mul(step_s);
        paid_s.saturating_mul(self.per_minute_milli).div_ceil(MINUTE_S)
    }
}

/// All prices, in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// ISO 4217, such as `USD`.
    pub currency: String,
    /// Of carriers; one without a price costs nothing that is known.
    pub lines: BTreeMap<CarrierId, LinePrice>,
    /// Of an agent's hour on calls. Units: minor units of the currency.
    pub agents: BTreeMap<AgentId, u64>,
}

impl Prices {
    /// What a call over a carrier costs. Units: thousandths of the minor unit.
    pub fn line(&self, carrier: &CarrierId, length: Millis) -> Option<u64> {
        self.lines.get(carrier).map(|price| price.of(length))
    }

    /// What an agent's time costs, rounded up. Units: thousandths of the minor unit.
    pub fn agent(&self, agent: &AgentId, length: Millis) -> Option<u64> {
        let per_hour = self.agents.get(agent)?;
        Some(per_hour.saturating_mul(length.0).saturating_mul(1_000).div_ceil(HOUR_MS))
    }

    /// A whole amount of the currency in its minor units.
    pub fn minor(&self, whole: u64) -> u64 {
        let currency = self.currency.as_str();
        let per_unit = if WITHOUT_MINOR.contains(&currency) {
            1
        } else if WITH_THOUSAND.contains(&currency) {
            1_000
        } else {
            100
        };
        whole.saturating_mul(per_unit)
    }
}

#[cfg(test)]
mod tests;
