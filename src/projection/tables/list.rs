//! Campaigns and the leads on their lists.

use crate::base::Timestamp;
use crate::event::{AttemptEnded, CampaignCreated, DialingMode, LeadImported, Portrait};
use crate::projection::table::{int, row};

row! {
    /// One campaign.
    Campaign = "campaigns" {
        /// The campaign; the key.
        campaign_id: String,
        /// What people call it.
        name: String,
        /// `created`, `running`, `paused` or `completed`.
        state: &'static str,
        /// The script.
        script_id: String,
        /// The script file's SHA-256.
        script_hash: String,
        /// `en` or `zh`.
        language: String,
        /// How leads are dialled.
        mode: &'static str,
        /// Robot channels at once.
        robot_channels: i64,
        /// How long it may ring, in ms.
        ring_timeout_ms: i64,
        /// Dials of one lead at most.
        max_attempts: i64,
        /// The seed of its random choices.
        seed: i64,
        /// Leads on the list.
        leads: i64,
        /// Rows of lead files that could not be used.
        rejected_rows: i64,
        /// Rows of lead files whose number was on the list already.
        duplicate_rows: i64,
        /// When it was created.
        created_at: Timestamp,
        /// When it first started.
        started_at: Option<Timestamp>,
        /// When every lead was closed.
        completed_at: Option<Timestamp>,
        /// The last event that changed this row.
        last_position: i64,
    }
}

row! {
    /// One subject on one campaign's list. Neither number nor name is here.
    Lead = "leads" {
        /// The lead; the key.
        lead_id: String,
        /// The campaign.
        campaign_id: String,
        /// The person.
        subject_id: String,
        /// Its place on the list, from 1.
        list_order: i64,
        /// The lead file's SHA-256.
        file_hash: String,
        /// The line in that file.
        line: i64,
        /// The list people know it by.
        list_id: Option<String>,
        /// Customer value, in parts per million.
        value_ppm: i64,
        /// When it was imported.
        imported_at: Timestamp,
        /// Age in years.
        age: Option<i64>,
        /// Job.
        job: Option<String>,
        /// Marital status.
        marital: Option<String>,
        /// Education.
        education: Option<String>,
        /// Whether there is a housing loan.
        housing: Option<String>,
        /// Whether there is a personal loan.
        loan: Option<String>,
        /// The customer's region.
        region: Option<String>,
        /// The customer's trade.
        industry: Option<String>,
        /// The customer's time zone, by the time zone database.
        time_zone: Option<String>,
        /// How the customer was reached before.
        contact_type: Option<String>,
        /// Contacts before this campaign.
        previous_contacts: Option<i64>,
        /// What came of them.
        previous_outcome: Option<String>,
        /// What the lead file says came of this one, for comparison.
        recorded_outcome: Option<String>,
        /// All that is known of the customer, as JSON.
        portrait: String,
        /// Dials so far.
        attempts: i64,
        /// When the last one began.
        last_attempt_at: Option<Timestamp>,
        /// How the last one ended.
        last_disposition: Option<&'static str>,
        /// Whether a person answered at least once.
        is_reached: bool,
        /// Whether a rule forbade the dial.
        is_refused: bool,
        /// The latest intention level.
        level: Option<&'static str>,
        /// Whether the customer agreed to anything.
        is_committed: bool,
        /// Whether the customer asked never to be called again.
        is_opted_out: bool,
        /// The last event that changed this row.
        last_position: i64,
    }
}

impl Campaign {
    pub(super) fn created(fact: &CampaignCreated, at: Timestamp, position: i64) -> Self {
        let settings = &fact.settings;
        Self {
            campaign_id: fact.campaign_id.to_string(),
            name: fact.name.clone(),
            state: "created",
            script_id: fact.script_id.to_string(),
            script_hash: fact.script_hash.clone(),
            language: fact.language.clone(),
            mode: match settings.mode {
                DialingMode::Progressive => "progressive",
            },
            robot_channels: i64::from(settings.robot_channels),
            ring_timeout_ms: int(settings.ring_timeout_ms.0),
            max_attempts: i64::from(settings.retry.max_attempts),
            seed: int(settings.seed),
            leads: 0,
            rejected_rows: 0,
            duplicate_rows: 0,
            created_at: at,
            started_at: None,
            completed_at: None,
            last_position: position,
        }
    }
}

impl Campaign {
    /// What is said now, with what came of it before.
    pub(super) fn instead_of(self, old: &Self) -> Self {
        Self {
            state: old.state,
            leads: old.leads,
            rejected_rows: old.rejected_rows,
            duplicate_rows: old.duplicate_rows,
            created_at: old.created_at,
            started_at: old.started_at,
            completed_at: old.completed_at,
            ..self
        }
    }
}

/// What an attempt keeps of its lead: later words on the lead do not change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) region: Option<String>,
    pub(super) industry: Option<String>,
    pub(super) imported_at: Option<Timestamp>,
}

impl Origin {
    pub(super) fn of(lead: &Lead) -> Self {
        Self {
            region: lead.region.clone(),
            industry: lead.industry.clone(),
            imported_at: Some(lead.imported_at),
        }
    }
}

impl Lead {
    /// What is said now, with what came of it before.
    pub(super) fn instead_of(self, old: &Self) -> Self {
        Self {
            imported_at: old.imported_at,
            attempts: old.attempts,
            last_attempt_at: old.last_attempt_at,
            last_disposition: old.last_disposition,
            is_reached: old.is_reached,
            is_refused: old.is_refused,
            level: old.level,
            is_committed: old.is_committed,
            is_opted_out: old.is_opted_out,
            ..self
        }
    }

    pub(super) fn imported(fact: &LeadImported, at: Timestamp, position: i64) -> Self {
        let text = |name: &str| fact.portrait.get(name).cloned();
        Self {
            lead_id: fact.lead_id.to_string(),
            campaign_id: fact.campaign_id.to_string(),
            subject_id: fact.subject_id.to_string(),
            list_order: int(fact.list_order),
            file_hash: fact.file_hash.clone(),
            line: int(fact.line),
            list_id: fact.list_id.clone(),
            value_ppm: i64::from(fact.value_ppm),
            imported_at: at,
            age: number(&fact.portrait, "age"),
            job: text("job"),
            marital: text("marital"),
            education: text("education"),
            housing: text("housing"),
            loan: text("loan"),
            region: text("region"),
            industry: text("industry"),
            time_zone: text("time_zone"),
            contact_type: text("contact_type"),
            previous_contacts: number(&fact.portrait, "previous_contacts"),
            previous_outcome: text("previous_outcome"),
            recorded_outcome: text("recorded_outcome"),
            portrait: serde_json::to_string(&fact.portrait).unwrap_or_default(),
            attempts: 0,
            last_attempt_at: None,
            last_disposition: None,
            is_reached: false,
            is_refused: false,
            level: None,
            is_committed: false,
            is_opted_out: false,
            last_position: position,
        }
    }

    pub(super) fn attempt_ended(&mut self, fact: &AttemptEnded) {
        self.last_disposition = Some(fact.disposition.as_str());
        self.is_reached |= fact.disposition.is_contact();
    }
}

fn number(portrait: &Portrait, name: &str) -> Option<i64> {
    portrait.get(name)?.trim().parse().ok()
}
