//! People with phones: those who talk to customers, and those who listen to them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::carrier::is_off;
use super::{Secret, SrtpName};
use crate::base::{AgentId, Ppm};
use crate::sip::Credentials;

/// What a person with a phone does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentRole {
    /// Talks to customers.
    #[default]
    Agent,
    /// Listens to those who do, and takes no calls.
    Supervisor,
}

impl AgentRole {
    const fn is_agent(&self) -> bool {
        matches!(self, Self::Agent)
    }
}

/// A human agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The agent's name in the system.
    pub id: AgentId,
    /// What the person does here.
    #[serde(default, skip_serializing_if = "AgentRole::is_agent")]
    pub role: AgentRole,
    /// The SIP address of the agent's phone, where it stays at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<SocketAddr>,
    /// What a phone that moves registers as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Password for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Whether calls with the phone are encrypted.
    #[serde(default, skip_serializing_if = "is_off")]
    pub srtp: SrtpName,
    /// The agent's skill. Units: parts per million.
    #[serde(default = "default_skill")]
    pub skill_ppm: Ppm,
    /// What an hour of the agent's on calls costs. Units: minor units of the currency.
    #[serde(default)]
    pub cost_per_hour_minor: Option<u64>,
}

impl AgentConfig {
    /// Whether the person listens to calls and takes none.
    pub fn is_supervisor(&self) -> bool {
        self.role == AgentRole::Supervisor
    }

    /// What the agent's phone registers with, where it does.
    pub fn credentials(&self) -> Option<Credentials> {
        let (user, password) = self.user.clone().zip(self.password.as_ref())?;
        Some(Credentials { user, password: password.reveal().to_owned() })
    }
}

const fn default_skill() -> Ppm {
    Ppm(500_000)
}
