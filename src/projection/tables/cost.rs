//! Money spent.

use crate::base::Timestamp;
use crate::event::{CostBooked, LeadsImported};
use crate::projection::table::{int, row};

row! {
    /// Money spent on one thing.
    Cost = "costs" {
        /// The campaign.
        campaign_id: String,
        /// The call, where it is about one.
        call_id: Option<String>,
        /// `line`, `agent` or `data`.
        kind: &'static str,
        /// The carrier or the agent that was paid, or the file of leads.
        payee: String,
        /// How much, in thousandths of the currency's minor unit.
        amount_milli: i64,
        /// The currency, by ISO 4217.
        currency: String,
        /// When what it pays for began.
        incurred_at: Timestamp,
        /// The event.
        last_position: i64,
    }
}

impl Cost {
    /// Leads, where they had a price.
    pub(super) fn of_leads(fact: &LeadsImported, at: Timestamp, position: i64) -> Option<Self> {
        Some(Self {
            campaign_id: fact.campaign_id.to_string(),
            call_id: None,
            kind: "data",
            payee: fact.file.clone(),
            amount_milli: int(fact.cost_milli?),
            currency: fact.currency.clone()?,
            incurred_at: at,
            last_position: position,
        })
    }

    pub(super) fn of(fact: &CostBooked, position: i64) -> Self {
        Self {
            campaign_id: fact.campaign_id.to_string(),
            call_id: Some(fact.call_id.to_string()),
            kind: fact.kind.as_str(),
            payee: fact.payee.clone(),
            amount_milli: int(fact.amount_milli),
            currency: fact.currency.clone(),
            incurred_at: fact.incurred_at,
            last_position: position,
        }
    }
}
