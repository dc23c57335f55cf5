//! Facts about human agents.

use serde::{Deserialize, Serialize};

use crate::base::{AgentId, CallId, Millis, Ppm};

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Waits for a call.
    Available,
    /// The agent's phone rings.
    Ringing,
    /// Talks to a customer.
    Talking,
    /// Works on the call after it.
    WrapUp,
    /// On a break.
    Break,
    /// Not on shift.
    SignedOut,
}

impl AgentState {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Ringing => "ringing",
            Self::Talking => "talking",
            Self::WrapUp => "wrap_up",
            Self::Break => "break",
            Self::SignedOut => "signed_out",
        }
    }
}

/// An agent came on shift and is available.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentSignedIn {
    /// The agent.
    pub agent_id: AgentId,
    /// The agent's skill.
    pub skill_ppm: Ppm,
    /// Where the agent's phone is: a SIP address on our side.
    pub phone: String,
}

/// An agent went from one state to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentStateChanged {
    /// The agent.
    pub agent_id: AgentId,
    /// Before.
    pub from: AgentState,
    /// After.
    pub to: AgentState,
    /// The call it is about.
    pub call_id: Option<CallId>,
    /// Why, a stable name.
    pub reason: Option<String>,
}

/// An agent left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentSignedOut {
    /// The agent.
    pub agent_id: AgentId,
}

/// An agent's phone registered, or registered from elsewhere; refreshes are not told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhoneRegistered {
    /// The agent.
    pub agent_id: AgentId,
    /// Where the phone is reached.
    pub phone: String,
    /// How long it holds unless the phone registers again. Units: ms.
    pub expires_ms: Millis,
}

/// An agent's phone is not registered any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhoneUnregistered {
    /// The agent.
    pub agent_id: AgentId,
    /// Why: `removed` by the phone, or `expired`.
    pub reason: String,
}
