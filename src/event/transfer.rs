//! Facts about calls that are held, passed on, and listened to.

use serde::{Deserialize, Serialize};

use super::LegKind;
use crate::base::{AgentId, CallId, LegId, Millis};

/// How a call is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Unannounced: the next one's phone rings, and the customer is joined.
    Blind,
    /// The two agents talk first.
    Attended,
}

impl TransferKind {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Attended => "attended",
        }
    }
}

/// What a supervisor does in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisionMode {
    /// Hears both and is heard by nobody.
    Listen,
    /// Hears both and is heard by the agent.
    Whisper,
    /// Hears both and is heard by both.
    Barge,
}

impl SupervisionMode {
    /// The name in tables and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Whisper => "whisper",
            Self::Barge => "barge",
        }
    }
}

/// The other end of a leg put us on hold: it is not heard, and wants to hear nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegHeld {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// Which side holds.
    pub kind: LegKind,
}

/// The other end of a leg is back, or the leg ended while it was held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegResumed {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// Which side held.
    pub kind: LegKind,
    /// How long. Units: ms.
    pub held_ms: Millis,
}

/// An agent asked to pass the call on, and may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferStarted {
    /// The call.
    pub call_id: CallId,
    /// The leg of the agent who asked.
    pub leg_id: LegId,
    /// That agent.
    pub agent_id: AgentId,
    /// How.
    pub kind: TransferKind,
    /// To whom; nothing where routing is to choose.
    pub target: Option<AgentId>,
}

/// The customer is joined with the next agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferCompleted {
    /// The call.
    pub call_id: CallId,
    /// The leg of the agent who asked.
    pub leg_id: LegId,
    /// That agent.
    pub agent_id: AgentId,
    /// How.
    pub kind: TransferKind,
    /// Who talks now.
    pub target: AgentId,
    /// Since it was asked for. Units: ms.
    pub after_ms: Millis,
}

/// Nothing came of it; an agent who is still there keeps the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferFailed {
    /// The call.
    pub call_id: CallId,
    /// The leg of the agent who asked.
    pub leg_id: LegId,
    /// That agent.
    pub agent_id: AgentId,
    /// How.
    pub kind: TransferKind,
    /// To whom; nothing where routing was to choose, or the target is not on record.
    pub target: Option<AgentId>,
    /// What the agent's phone is told: 486 busy, 480 nobody there, 603 not allowed.
    pub sip_status: u16,
    /// Since it was asked for. Units: ms.
    pub after_ms: Millis,
}

/// A supervisor was joined to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupervisionStarted {
    /// The call.
    pub call_id: CallId,
    /// The supervisor's leg.
    pub leg_id: LegId,
    /// The supervisor.
    pub agent_id: AgentId,
    /// What for.
    pub mode: SupervisionMode,
}

/// A supervisor does something else in a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupervisionModeChanged {
    /// The call.
    pub call_id: CallId,
    /// The supervisor's leg.
    pub leg_id: LegId,
    /// The supervisor.
    pub agent_id: AgentId,
    /// What, from now on.
    pub mode: SupervisionMode,
}

/// A supervisor left a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupervisionEnded {
    /// The call.
    pub call_id: CallId,
    /// The supervisor's leg.
    pub leg_id: LegId,
    /// The supervisor.
    pub agent_id: AgentId,
    /// Since the supervisor was joined. Units: ms.
    pub after_ms: Millis,
}
