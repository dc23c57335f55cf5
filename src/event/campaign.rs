//! Facts about campaigns. The settings stand in the log, so a replay needs no file.

use serde::{Deserialize, Serialize};

use crate::base::{CampaignId, Millis, Ppm, ScriptId};

/// How leads are dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialingMode {
    /// One dial for each free handler, never more.
    Progressive,
}

/// Which endings are dialled again, how often and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRule {
    /// Dials of one lead, the first included.
    pub max_attempts: u32,
    /// Wait after busy. Units: ms.
    pub busy_after_ms: Millis,
    /// Wait after no answer. Units: ms.
    pub no_answer_after_ms: Millis,
    /// Wait after congestion or a failed carrier. Units: ms.
    pub carrier_failed_after_ms: Millis,
}

/// The weights of the handler score. They add up to one.
///
/// Units: parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingWeights {
    /// Customer value (recency, frequency, monetary).
    pub customer_value: Ppm,
    /// How well a robot suits this conversation.
    pub robot_fit: Ppm,
    /// The handler's skill.
    pub agent_skill: Ppm,
    /// The line's quality.
    pub line_quality: Ppm,
}

impl Default for RoutingWeights {
    /// 0.4, 0.3, 0.2, 0.1.
    fn default() -> Self {
        Self {
            customer_value: Ppm(400_000),
            robot_fit: Ppm(300_000),
            agent_skill: Ppm(200_000),
            line_quality: Ppm(100_000),
        }
    }
}

/// What a campaign runs under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignSettings {
    /// How leads are dialled.
    pub mode: DialingMode,
    /// Robot channels at once.
    pub robot_channels: u32,
    /// How long to let it ring. Units: ms.
    pub ring_timeout_ms: Millis,
    /// When to dial again.
    pub retry: RetryRule,
    /// The weights of the handler score.
    pub weights: RoutingWeights,
    /// The seed every random choice of this campaign follows from.
    pub seed: u64,
}

/// A campaign's state, as its name in tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignStateName {
    /// Created, not started.
    Created,
    /// Dialing.
    Running,
    /// No new dials.
    Paused,
    /// Every lead is closed.
    Completed,
}

impl CampaignStateName {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
        }
    }
}

/// A campaign exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignCreated {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// What people call it.
    pub name: String,
    /// The script the robot follows.
    pub script_id: ScriptId,
    /// SHA-256 of the script's file, hexadecimal.
    pub script_hash: String,
    /// `en` or `zh`.
    pub language: String,
    /// What it runs under.
    pub settings: CampaignSettings,
}

/// Dialing may begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignStarted {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// No new dials until it is resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignPaused {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Why.
    pub reason: String,
}

/// Dialing goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignResumed {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// Every lead is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignCompleted {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Leads on the list.
    pub leads: u64,
    /// Attempts made.
    pub attempts: u64,
}
