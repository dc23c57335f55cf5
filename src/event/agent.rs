//! Facts about human agents.

use serde::{Deserialize, Serialize};

use crate::base::{AgentId, CallId, Ppm};

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
