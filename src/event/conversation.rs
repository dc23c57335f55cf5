//! Facts about what was said and what it meant.

use serde::{Deserialize, Serialize};

use crate::base::{CallId, CampaignId, LeadId, Millis, Ppm, SubjectId};

/// The intention level of a customer after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IntentionLevel {
    /// Agreed to a next step.
    A,
    /// Interested: asked about price, product or process and did not refuse.
    B,
    /// Undecided: hesitates, call later, heard the pitch without a position.
    C,
    /// Refused.
    D,
    /// Could not be judged: no person, wrong person, too short.
    E,
    /// Opted out or complained: never call again.
    X,
}

impl IntentionLevel {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::E => "E",
            Self::X => "X",
        }
    }
}

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeardKind {
    /// A key (RFC 4733).
    Key,
    /// Speech, words not recognised.
    Speech,
    /// Nothing for too long.
    Silence,
}

impl HeardKind {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Speech => "speech",
            Self::Silence => "silence",
        }
    }
}

/// The robot said something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnSpoken {
    /// The call.
    pub call_id: CallId,
    /// Both sides counted, from 0.
    pub turn: u32,
    /// The script's node.
    pub node: String,
    /// The script's stage: hook, pitch, close, …
    pub stage: String,
    /// The words.
    pub text: String,
    /// How much of it was played. Units: ms.
    pub played_ms: Millis,
    /// Whether it was played to its end.
    pub is_completed: bool,
}

/// The customer pressed a key, spoke, or stayed silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnHeard {
    /// The call.
    pub call_id: CallId,
    /// Both sides counted, from 0.
    pub turn: u32,
    /// The script's node that was listening.
    pub node: String,
    /// What was heard.
    pub kind: HeardKind,
    /// The keys, where some were pressed.
    pub digits: Option<String>,
    /// How long they spoke. Units: ms.
    pub speech_ms: Option<Millis>,
    /// From the end (or start, when they cut in) of the prompt. Units: ms.
    pub reaction_ms: Option<Millis>,
}

/// A turn was given an intent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntentTagged {
    /// The call.
    pub call_id: CallId,
    /// The turn it is about.
    pub turn: u32,
    /// Id of the taxonomy, or the script's own.
    pub intent: String,
    /// Objection class of the taxonomy.
    pub objection: Option<String>,
    /// How sure.
    pub confidence_ppm: Ppm,
    /// `key`, `rule`, `agent:` and the agent's id, or a model's name.
    pub source: String,
    /// The version of what tagged it: of the script for keys and rules, of a model. Nothing for
    /// agents.
    pub model_version: Option<String>,
}

/// The customer wants a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferRequested {
    /// The call.
    pub call_id: CallId,
    /// Why: a stable name.
    pub reason: String,
}

/// The customer does not want to be called again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptOutHeard {
    /// The call.
    pub call_id: CallId,
    /// The person.
    pub subject_id: SubjectId,
    /// The turn it was heard in.
    pub turn: Option<u32>,
}

/// The customer agreed to a next step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitmentMade {
    /// The call.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The lead.
    pub lead_id: LeadId,
    /// `appointment`, `sale` or `callback`.
    pub kind: String,
    /// `robot` or the agent's id.
    pub made_with: String,
    /// What a sale is worth, where it was said. Units: minor units of `currency`.
    pub amount_minor: Option<u64>,
    /// ISO 4217, such as `USD`.
    pub currency: Option<String>,
}

/// The call's intention level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntentionLevelSet {
    /// The call.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The lead.
    pub lead_id: LeadId,
    /// The level.
    pub level: IntentionLevel,
    /// The rule that set it, a stable name.
    pub rule_id: String,
}
