//! The board: everything the first page of the console shows, true at one log position.
//!
//! In: rows that a fold made. Out: the JSON body of `GET /api/board`; `web/src/lib/types.ts`
//! mirrors it field by field.
//! Invariants: moments are RFC 3339 in UTC, spans milliseconds, shares parts per million; a
//! share whose whole is 0 is 0, and the page shows a dash there.
//! Deliberately absent: names and numbers of people.

use serde::{Serialize, Serializer};

use crate::base::{AgentId, CallId, CampaignId, CarrierId, Millis, Ppm, Timestamp};
use crate::event::{AgentState, CampaignStateName, Disposition, Handler, IntentionLevel};

/// The board at one log position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoardSnapshot {
    /// Every event up to here is counted; 0 where there is none yet.
    pub position: u64,
    /// When the event at `position` was recorded.
    #[serde(serialize_with = "rfc3339")]
    pub as_of: Timestamp,
    /// When this left the server; the server sets it anew at every sending.
    #[serde(serialize_with = "rfc3339")]
    pub server_time: Timestamp,
    /// One row per campaign.
    pub campaigns: Vec<CampaignRow>,
    /// Over all campaigns.
    pub totals: Totals,
    /// From the list to a commitment, in [`FunnelStage::ALL`]'s order.
    pub funnel: Vec<FunnelStep>,
    /// One row per carrier.
    pub carriers: Vec<CarrierRow>,
    /// The robot's channels.
    pub robot: RobotChannels,
    /// One row per agent.
    pub agents: Vec<AgentRow>,
    /// Calls in progress, oldest first.
    pub calls: Vec<CallRow>,
    /// Attempts that ended, newest first.
    pub recent: Vec<RecentRow>,
    /// The last ten minutes in buckets of ten seconds, oldest first.
    pub series: Vec<SeriesPoint>,
}

impl BoardSnapshot {
    /// The board of an empty log.
    pub fn empty(now: Timestamp) -> Self {
        Self {
            position: 0,
            as_of: now,
            server_time: now,
            campaigns: Vec::new(),
            totals: Totals::default(),
            funnel: FunnelStage::ALL.map(|stage| FunnelStep { stage, count: 0 }).to_vec(),
            carriers: Vec::new(),
            robot: RobotChannels::default(),
            agents: Vec::new(),
            calls: Vec::new(),
            recent: Vec::new(),
            series: Vec::new(),
        }
    }
}

/// One campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CampaignRow {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// What people call it.
    pub name: String,
    /// Whether it dials.
    pub state: CampaignStateName,
    /// The script's id or title.
    pub script: String,
    /// Leads on the list.
    pub leads: u64,
    /// Leads dialled at least once.
    pub dialled: u64,
    /// Dials; a lead may have several.
    pub attempts: u64,
    /// Attempts that have not ended.
    pub in_progress: u64,
    /// Attempts that anything answered.
    pub answered: u64,
    /// Attempts that a person answered.
    pub contacts: u64,
    /// Leads whose level is A or B.
    pub interested: u64,
    /// Leads whose level is A.
    pub agreed: u64,
    /// Leads that must never be called again.
    pub opted_out: u64,
    /// Leads that will not be dialled again.
    pub completed_leads: u64,
}

/// Sums over all campaigns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Attempts begun.
    pub dials: u64,
    /// Attempts that anything answered.
    pub answered: u64,
    /// Attempts that a person answered.
    pub contacts: u64,
    /// `answered` of `dials`.
    pub connect_rate_ppm: Ppm,
    /// `contacts` of `dials`.
    pub contact_rate_ppm: Ppm,
    /// From answer to end, summed over ended calls. Units: ms.
    pub talk_ms: Millis,
    /// `talk_ms` per answered and ended call. Units: ms.
    pub average_talk_ms: Millis,
    /// Attempts that have not ended.
    pub in_progress: u64,
    /// Leads that must never be called again.
    pub opted_out: u64,
}

/// How far a lead came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FunnelStage {
    /// On the list.
    Leads,
    /// Dialled at least once.
    Dialled,
    /// Something answered.
    Answered,
    /// A person answered.
    Person,
    /// Level A or B.
    Interested,
    /// Level A.
    Agreed,
}

impl FunnelStage {
    /// From the widest to the narrowest.
    pub const ALL: [Self; 6] =
        [Self::Leads, Self::Dialled, Self::Answered, Self::Person, Self::Interested, Self::Agreed];
}

/// One step of the funnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FunnelStep {
    /// How far.
    pub stage: FunnelStage,
    /// Leads that came at least so far.
    pub count: u64,
}

/// Whether a carrier takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarrierState {
    /// It does.
    Up,
    /// It was taken out.
    Down,
}

/// One carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CarrierRow {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// Whether it takes calls.
    pub state: CarrierState,
    /// Why it was taken out, a stable name such as `sip_503`.
    pub reason: Option<String>,
    /// Calls it carries now.
    pub channels_in_use: u32,
    /// Calls it may carry.
    pub channels_max: u32,
    /// Share of calls relative to the others.
    pub weight: u32,
    /// Calls offered to it.
    pub attempts: u64,
    /// Calls answered over it.
    pub answered: u64,
    /// Calls that failed because of it.
    pub failed: u64,
    /// `answered` of `attempts`: the answer-seizure ratio of ITU-T E.411.
    pub answer_seizure_ppm: Ppm,
}

/// The robot's channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RobotChannels {
    /// Calls the robot talks in now.
    pub channels_in_use: u32,
    /// Calls it may talk in.
    pub channels_max: u32,
}

/// One human agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentRow {
    /// The agent.
    pub agent_id: AgentId,
    /// What the agent is doing.
    pub state: AgentState,
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// Calls handled.
    pub calls: u64,
}

/// Where a call in progress is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// INVITE sent, no word yet.
    Dialling,
    /// It rings.
    Ringing,
    /// Answered; nobody talks yet.
    Answered,
    /// The robot talks.
    Robot,
    /// An agent talks.
    Agent,
    /// Being taken down.
    Ending,
}

/// One call in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallRow {
    /// The call.
    pub call_id: CallId,
    /// Its campaign.
    pub campaign_id: CampaignId,
    /// Where it is.
    pub state: CallState,
    /// Who talks: `robot` or an agent's id.
    #[serde(serialize_with = "displayed")]
    pub handler: Option<Handler>,
    /// The carrier it goes over.
    pub carrier_id: Option<CarrierId>,
    /// The script's stage.
    pub stage: Option<String>,
    /// When the dial began.
    #[serde(serialize_with = "rfc3339")]
    pub started_at: Timestamp,
    /// When it was answered.
    #[serde(serialize_with = "rfc3339_option")]
    pub answered_at: Option<Timestamp>,
}

/// One attempt that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecentRow {
    /// The call.
    pub call_id: CallId,
    /// How it ended.
    pub disposition: Disposition,
    /// The call's intention level.
    pub level: Option<IntentionLevel>,
    /// From answer to end; 0 where not answered. Units: ms.
    pub talk_ms: Millis,
    /// Who talked last: `robot` or an agent's id.
    #[serde(serialize_with = "displayed")]
    pub handler: Option<Handler>,
    /// The carrier it went over.
    pub carrier_id: Option<CarrierId>,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub ended_at: Timestamp,
}

/// What happened within ten seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesPoint {
    /// The bucket's beginning.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// Attempts begun.
    pub dials: u64,
    /// Attempts answered.
    pub answered: u64,
    /// Attempts ended.
    pub ended: u64,
}

/// Writes a moment as text: JSON readers should not have to know our unit.
pub(super) fn rfc3339<S: Serializer>(moment: &Timestamp, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(moment)
}

fn rfc3339_option<S: Serializer>(moment: &Option<Timestamp>, out: S) -> Result<S::Ok, S::Error> {
    displayed(moment, out)
}

fn displayed<T: std::fmt::Display, S: Serializer>(
    value: &Option<T>,
    out: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => out.collect_str(value),
        None => out.serialize_none(),
    }
}
