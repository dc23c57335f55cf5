//! One row of a list as the dialer sees it.

use crate::base::{CallId, CampaignId, Millis, SubjectId, Timestamp};
use crate::event::{Disposition, RetryRule};

/// Where a lead stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadState {
    /// Not dialled yet.
    New,
    /// An attempt is open.
    InFlight(CallId),
    /// To be dialled again from this moment on.
    RetryAt(Timestamp),
    /// Not to be dialled again in this campaign.
    Closed,
}

impl LeadState {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InFlight(_) => "in_flight",
            Self::RetryAt(_) => "retry",
            Self::Closed => "closed",
        }
    }
}

/// A lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The person.
    pub subject_id: SubjectId,
    /// HMAC-SHA256 of the number, hexadecimal.
    pub phone_hash: String,
    /// Its place on the list.
    pub list_order: u64,
    /// Attempts so far.
    pub attempts: u32,
    /// Where it stands.
    pub state: LeadState,
    /// How the last attempt ended.
    pub last_disposition: Option<Disposition>,
}

/// When a lead is dialled again after an ending, by the campaign's rule; never where it is closed.
///
/// An attempt cut off by a restart is not repeated: the phone may have rung.
pub(super) fn retry_at(
    rule: &RetryRule,
    attempts: u32,
    ending: Disposition,
    ended_at: Timestamp,
) -> Option<Timestamp> {
    if attempts >= rule.max_attempts {
        return None;
    }
    let after: Millis = match ending {
        Disposition::Busy => rule.busy_after_ms,
        Disposition::NoAnswer | Disposition::SwitchedOff => rule.no_answer_after_ms,
        Disposition::Congestion | Disposition::CarrierFailed => rule.carrier_failed_after_ms,
        Disposition::AnsweredHuman
        | Disposition::AnsweredMachine
        | Disposition::AnsweredFax
        | Disposition::Rejected
        | Disposition::InvalidNumber
        | Disposition::Blocked
        | Disposition::Cancelled
        | Disposition::Abandoned => return None,
    };
    Some(ended_at.plus(after))
}
