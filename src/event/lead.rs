//! Facts about people and lists.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{CampaignId, LeadId, SubjectId};

/// What is known of a subject, by column name: age, job and the like. Never name or number.
pub type Portrait = BTreeMap<String, String>;

/// A person is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubjectRegistered {
    /// The person.
    pub subject_id: SubjectId,
    /// HMAC-SHA256 of the E.164 number under the installation's key, hexadecimal.
    pub phone_hash: String,
    /// Number and name, encrypted under the subject's key, hexadecimal.
    pub ciphertext: String,
}

/// A subject is on a campaign's list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadImported {
    /// The lead.
    pub lead_id: LeadId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The person.
    pub subject_id: SubjectId,
    /// HMAC-SHA256 of the E.164 number, hexadecimal: what do-not-call lists are matched by.
    pub phone_hash: String,
    /// Its place on the list, from 1: the dialing order.
    pub list_order: u64,
    /// The file it came from: SHA-256, hexadecimal. Empty for a lead that a client offered: the
    /// offer is the fact that this one follows from.
    pub file_hash: String,
    /// The line in that file, from 1; 0 where there is no file.
    pub line: u64,
    /// What is known of the subject.
    pub portrait: Portrait,
    /// Customer value from recency, frequency and monetary, 0 to 1,000,000.
    pub value_ppm: u32,
    /// The list people know it by: the lead file's name without its ending.
    pub list_id: Option<String>,
}

/// One row of a lead file could not be used. The offending value stays out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadRowRejected {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The file: SHA-256, hexadecimal.
    pub file_hash: String,
    /// The line in that file, from 1.
    pub line: u64,
    /// The column's name.
    pub column: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// A lead file was read to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadsImported {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The file's name without its folders.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub file_hash: String,
    /// Rows that became leads.
    pub accepted: u64,
    /// Rows that could not be used.
    pub rejected: u64,
    /// Rows whose number is on this campaign's list already.
    pub duplicates: u64,
    /// What the leads cost, where they have a price. Units: thousandths of the currency's minor
    /// unit.
    pub cost_milli: Option<u64>,
    /// ISO 4217, such as `USD`.
    pub currency: Option<String>,
}

/// What became of a lead that a client offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    /// It is on the list.
    Accepted,
    /// Its number is on this campaign's list already.
    Duplicate,
    /// It cannot be used.
    Rejected,
}

/// A client offered a lead. Nothing that it said of the person is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadOffered {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// What became of it.
    pub outcome: OfferOutcome,
    /// The lead, where it was accepted.
    #[serde(default)]
    pub lead_id: Option<LeadId>,
    /// The column that cannot be used, where it was rejected; empty where all of it is meant.
    #[serde(default)]
    pub column: Option<String>,
    /// What is wrong and what would be right, where it was rejected.
    #[serde(default)]
    pub reason: Option<String>,
}
