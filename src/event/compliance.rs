//! Facts about what the rules said.

use serde::{Deserialize, Serialize};

use crate::base::{CallId, CampaignId, LeadId, SubjectId};

/// What one rule said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleOutcome {
    /// The rule's stable id, such as `dnc.number`.
    pub rule_id: String,
    /// The rule's version.
    pub rule_version: u32,
    /// Whether it allows the dial.
    pub is_allowed: bool,
}

/// The rules that were asked before a dial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComplianceChecked {
    /// The call that was about to be made.
    pub call_id: CallId,
    /// The lead.
    pub lead_id: LeadId,
    /// The person.
    pub subject_id: SubjectId,
    /// Log position the rules were asked at.
    pub position: u64,
    /// What each rule said.
    pub rules: Vec<RuleOutcome>,
}

/// A rule forbade the dial: the lead is closed without an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialRefused {
    /// The lead.
    pub lead_id: LeadId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The person.
    pub subject_id: SubjectId,
    /// Log position the rules were asked at.
    pub position: u64,
    /// What each rule said.
    pub rules: Vec<RuleOutcome>,
}

/// A number is never to be called again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoNotCallAdded {
    /// HMAC-SHA256 of the E.164 number, hexadecimal.
    pub phone_hash: String,
    /// The person, where known.
    pub subject_id: Option<SubjectId>,
    /// Where it came from: `key` (the customer pressed it), `agent` (an agent keyed it
    /// in) or `message` (the customer wrote it).
    pub source: String,
    /// The call it was heard in; nothing where it was not heard in one.
    pub call_id: Option<CallId>,
}
