//! Agents: signed in while their phone answers, rested after each call.

use super::Engine;
use crate::base::{AgentId, Millis, Timestamp};
use crate::event::{AgentSignedIn, AgentSignedOut, AgentState, AgentStateChanged};
use crate::runtime::config::AgentConfig;
use crate::runtime::journal::Draft;
use crate::sip::Hop;

/// An agent whose phone did not take a call is left alone this long.
const BREAK: Millis = Millis(5_000);

impl Engine {
    /// A phone answers: its agent is there.
    pub(super) fn phone_answered(&mut self, from: Hop) {
        let now = self.parts.journal.now();
        // Supervisors take no calls.
        let is_there =
            |agent: &&AgentConfig| !agent.is_supervisor() && self.phone_of(agent) == Some(from);
        let there: Vec<_> = self.parts.agents.iter().filter(is_there).cloned().collect();
        for agent in &there {
            let known = self.parts.journal.live.routing.agents().get(&agent.id);
            let state = known.map_or(AgentState::SignedOut, |known| known.state);
            match (state, known) {
                (AgentState::SignedOut, _) => {
                    let fact = AgentSignedIn {
                        agent_id: agent.id.clone(),
                        skill_ppm: agent.skill_ppm,
                        phone: from.to_string(),
                    };
                    self.drafts.push(Draft::new(fact, now, "runtime"));
                }
                (AgentState::Break, Some(known)) if now.since(known.since) >= BREAK => {
                    let back = moved(&agent.id, AgentState::Break, AgentState::Available, None);
                    self.drafts.push(Draft::new(back, now, "runtime"));
                }
                _ => {}
            }
        }
    }

    /// A phone does not answer: its agent gets no calls.
    pub(super) fn phone_gone(&mut self, to: Hop) {
        let is_there = |agent: &&AgentConfig| self.phone_of(agent) == Some(to);
        let gone = self.parts.agents.iter().filter(is_there).map(|agent| agent.id.clone());
        for agent_id in gone.collect::<Vec<_>>() {
            self.agent_loses_phone(&agent_id);
        }
    }

    /// An agent whose phone cannot be reached waits for no calls.
    pub(super) fn agent_loses_phone(&mut self, agent_id: &AgentId) {
        let now = self.parts.journal.now();
        let known = self.parts.journal.live.routing.agents().get(agent_id);
        if known.is_some_and(|known| known.state == AgentState::Available) {
            let reason = Some("phone_unreachable");
            let gone = moved(agent_id, AgentState::Available, AgentState::Break, reason);
            self.drafts.push(Draft::new(gone, now, "runtime"));
        }
    }

    /// Agents whose time after a call is over are free again.
    pub(super) fn rest_agents(&mut self, now: Timestamp) {
        let wrap_up = self.parts.sip.wrap_up_ms;
        for (agent_id, agent) in self.parts.journal.live.routing.agents() {
            if agent.state == AgentState::WrapUp && agent.since.plus(wrap_up) <= now {
                let free = moved(agent_id, AgentState::WrapUp, AgentState::Available, None);
                self.drafts.push(Draft::new(free, now, "runtime"));
            }
        }
    }

    pub(super) fn next_rested(&self) -> Option<Timestamp> {
        let wrap_up = self.parts.sip.wrap_up_ms;
        let agents = self.parts.journal.live.routing.agents().values();
        agents
            .filter(|agent| agent.state == AgentState::WrapUp)
            .map(|agent| agent.since.plus(wrap_up))
            .min()
    }

    pub(super) fn sign_out_agents(&mut self) {
        let now = self.parts.journal.now();
        for (agent_id, agent) in self.parts.journal.live.routing.agents() {
            if agent.state != AgentState::SignedOut {
                let fact = AgentSignedOut { agent_id: agent_id.clone() };
                self.drafts.push(Draft::new(fact, now, "runtime"));
            }
        }
    }
}

fn moved(
    agent_id: &AgentId,
    from: AgentState,
    to: AgentState,
    reason: Option<&str>,
) -> AgentStateChanged {
    AgentStateChanged {
        agent_id: agent_id.clone(),
        from,
        to,
        call_id: None,
        reason: reason.map(str::to_owned),
    }
}
