//! Facts about money spent.

use serde::{Deserialize, Serialize};

use crate::base::{CallId, CampaignId, Timestamp};

/// What money was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostKind {
    /// A carrier's minutes.
    Line,
    /// An agent's time.
    Agent,
}

impl CostKind {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Agent => "agent",
        }
    }
}

/// Money was spent on a call; what leads cost stands in `LeadsImported`.
///
/// A call costs less than a cent, so amounts are finer than the currency's minor unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostBooked {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The call.
    pub call_id: CallId,
    /// What for.
    pub kind: CostKind,
    /// To whom: the carrier's or the agent's id.
    pub payee: String,
    /// How much. Units: thousandths of the currency's minor unit.
    pub amount_milli: u64,
    /// ISO 4217, such as `USD`.
    pub currency: String,
    /// When what it pays for began.
    pub incurred_at: Timestamp,
}
