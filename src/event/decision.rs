//! Facts about choices: position, candidates, every term, vetoes, policy version and seed, so
//! that an audit can take each one again.

use serde::{Deserialize, Serialize};

use super::RoutingWeights;
use crate::base::{
    AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, Millis, SimId, SubjectId, Timestamp,
};

/// Why a candidate was out of the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Veto(pub String);

/// How much could be dialled when the dialer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialCapacity {
    /// Robot channels not in use.
    pub free_robot_channels: u32,
    /// Agents available.
    pub free_agents: u32,
    /// Dials under way that nobody handles yet.
    pub pending_dials: u32,
    /// Channels not in use over all carriers that are up.
    pub free_line_channels: u32,
}

/// The dialer chose a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialDecided {
    /// The call to be made.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The lead.
    pub lead_id: LeadId,
    /// The person.
    pub subject_id: SubjectId,
    /// 1 for the first dial of this lead.
    pub attempt_number: u32,
    /// Log position the decision was taken at: every event up to and including it was applied.
    pub position: u64,
    /// The moment it was taken with.
    pub decided_at: Timestamp,
    /// The policy's version.
    pub policy: String,
    /// What could be dialled.
    pub capacity: DialCapacity,
    /// Leads that could have been dialled.
    pub candidates: u64,
}

/// One carrier that was considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierCandidate {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// Its configured weight.
    pub weight: u32,
    /// Weight after load and health. Units: thousandths of the configured weight's unit.
    pub effective_weight: i64,
    /// The running credit of smooth weighted round robin before this choice. Same unit.
    pub credit: i64,
    /// Channels in use.
    pub channels_in_use: u32,
    /// Why it could not be chosen.
    pub veto: Option<Veto>,
}

/// One SIM card of the chosen carrier that was considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimCandidate {
    /// The SIM.
    pub sim_id: SimId,
    /// The larger share of its daily caps that is used. Units: parts per million.
    pub used_ppm: u32,
    /// Calls begun today.
    pub calls_today: u32,
    /// Talk of today. Units: ms.
    pub talk_today_ms: Millis,
    /// Why it could not be chosen.
    pub veto: Option<Veto>,
}

/// The carrier for the next leg was chosen, or none could be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierChosen {
    /// The call.
    pub call_id: CallId,
    /// The leg to be started.
    pub leg_id: LegId,
    /// Log position the decision was taken at.
    pub position: u64,
    /// The moment it was taken with.
    pub decided_at: Timestamp,
    /// The policy's version.
    pub policy: String,
    /// All carriers, in order of id.
    pub candidates: Vec<CarrierCandidate>,
    /// The chosen one; none where every one was vetoed.
    pub chosen: Option<CarrierId>,
    /// The chosen carrier's SIMs in order of id, where it is a GSM gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sims: Vec<SimCandidate>,
    /// The chosen SIM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sim: Option<SimId>,
}

/// Who talks to the customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    /// The voice robot.
    Robot,
    /// A person.
    Agent(AgentId),
}

impl std::fmt::Display for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Robot => f.write_str("robot"),
            Self::Agent(agent) => f.write_str(agent.as_str()),
        }
    }
}

/// Why somebody to talk was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutePurpose {
    /// The customer answered.
    Answer,
    /// The customer asked for a person.
    Transfer,
}

/// The terms of one candidate's score, each before its weight.
///
/// Units: parts per million, 0 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreTerms {
    /// How well the customer's value suits this handler.
    pub customer_value: u32,
    /// How well the conversation suits this handler.
    pub robot_fit: u32,
    /// The handler's skill.
    pub agent_skill: u32,
    /// The line's quality as this handler needs it.
    pub line_quality: u32,
}

/// One handler that was considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerCandidate {
    /// Robot or agent.
    pub handler: Handler,
    /// The terms.
    pub terms: ScoreTerms,
    /// The weighted sum. Units: parts per million.
    pub score: u32,
    /// Why it could not be chosen.
    pub veto: Option<Veto>,
}

/// The router chose who talks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandlerChosen {
    /// The call.
    pub call_id: CallId,
    /// Why somebody was wanted.
    pub purpose: RoutePurpose,
    /// Log position the decision was taken at.
    pub position: u64,
    /// The moment it was taken with.
    pub decided_at: Timestamp,
    /// The policy's version.
    pub policy: String,
    /// The weights in force.
    pub weights: RoutingWeights,
    /// Every candidate, the robot first, then agents by id.
    pub candidates: Vec<HandlerCandidate>,
    /// Seed of the tie break.
    pub seed: u64,
    /// The chosen one; none where every one was vetoed.
    pub chosen: Option<Handler>,
}
