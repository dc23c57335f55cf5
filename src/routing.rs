//! Who talks to a customer: the robot or a person, and which one.
//!
//! In: facts and a call that wants somebody. Out: the choice with every candidate, every term
//! before its weight, the weighted sum and the vetoes. Invariants: a vetoed candidate is never
//! chosen; equal scores are broken by a seed that stands in the decision, so the same state
//! gives the same choice. Deliberately absent: exploration and learned terms.
//! Source: weighted score of customer value, robot fit, agent skill and line quality,
//! 0.4/0.3/0.2/0.1 by default; shrinkage of skills after Beta-binomial practice.

mod score;

use std::collections::BTreeMap;

pub use score::{Customer, LineQuality, ROUTING_POLICY};
use score::{agent_terms, robot_terms, weigh};

use crate::base::{AgentId, CallId, CampaignId, CarrierId, LeadId, Ppm, Rng, Timestamp};
use crate::event::{
    AgentState, CampaignSettings, Event, Handler, HandlerCandidate, HandlerChosen, IntentionLevel,
    LegKind, RoutePurpose, Veto,
};

/// An agent as the router sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// The skill on record.
    pub skill: Ppm,
    /// What the agent is doing.
    pub state: AgentState,
    /// Since when.
    pub since: Timestamp,
    /// Where the agent's phone is.
    pub phone: String,
    /// Calls talked in.
    pub calls: u64,
    /// Calls that ended in level A.
    pub agreed: u64,
}

/// A call as the router sees it.
#[derive(Clone, Debug, PartialEq)]
struct RoutedCall {
    campaign_id: CampaignId,
    lead_id: LeadId,
    carrier_id: Option<CarrierId>,
    handler: Option<Handler>,
}

/// The router's state: a fold of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    agents: BTreeMap<AgentId, Agent>,
    campaigns: BTreeMap<CampaignId, CampaignSettings>,
    customers: BTreeMap<LeadId, Customer>,
    calls: BTreeMap<CallId, RoutedCall>,
    lines: BTreeMap<CarrierId, LineQuality>,
    robot_calls: u64,
    robot_agreed: u64,
}

impl Routing {
    /// All agents.
    pub const fn agents(&self) -> &BTreeMap<AgentId, Agent> {
        &self.agents
    }

    /// Chooses who talks.
    ///
    /// A call the router never saw gets the campaign's defaults and no customer value.
    pub fn choose_handler(
        &self,
        call_id: CallId,
        purpose: RoutePurpose,
        now: Timestamp,
        position: u64,
    ) -> HandlerChosen {
        let call = self.calls.get(&call_id);
        let settings = call.and_then(|call| self.campaigns.get(&call.campaign_id));
        let weights = settings.map(|settings| settings.weights).unwrap_or_default();
        let customer =
            call.and_then(|call| self.customers.get(&call.lead_id)).cloned().unwrap_or_default();
        let line = call
            .and_then(|call| call.carrier_id.as_ref())
            .and_then(|carrier| self.lines.get(carrier))
            .copied()
            .unwrap_or_default();
        let robot = robot_terms(&customer, line, self.robot_calls, self.robot_agreed);
        let mut candidates = vec![HandlerCandidate {
            handler: Handler::Robot,
            terms: robot,
            score: weigh(&robot, &weights),
            veto: self.robot_veto(call, settings, purpose),
        }];
        for (agent_id, agent) in &self.agents {
            let terms = agent_terms(&customer, line, agent.skill, agent.calls, agent.agreed);
            candidates.push(HandlerCandidate {
                handler: Handler::Agent(agent_id.clone()),
                terms,
                score: weigh(&terms, &weights),
                veto: (agent.state != AgentState::Available)
                    .then(|| Veto(format!("state_{}", agent.state.as_str()))),
            });
        }
        let seed = settings.map_or(0, |settings| settings.seed) ^ position;
        let chosen = best(&candidates, seed);
        HandlerChosen {
            call_id,
            purpose,
            position,
            decided_at: now,
            policy: ROUTING_POLICY.to_owned(),
            weights,
            candidates,
            seed,
            chosen,
        }
    }

    fn robot_veto(
        &self,
        call: Option<&RoutedCall>,
        settings: Option<&CampaignSettings>,
        purpose: RoutePurpose,
    ) -> Option<Veto> {
        if purpose == RoutePurpose::Transfer {
            return Some(Veto("customer_wants_a_person".to_owned()));
        }
        let campaign_id = call.map(|call| &call.campaign_id);
        let in_use = self
            .calls
            .values()
            .filter(|other| other.handler == Some(Handler::Robot))
            .filter(|other| Some(&other.campaign_id) == campaign_id)
            .count();
        let channels = settings.map_or(0, |settings| settings.robot_channels);
        (in_use >= channels as usize).then(|| Veto("channels_full".to_owned()))
    }

    /// Takes a fact in. Cannot fail and cannot decide.
    pub fn apply(&mut self, event: &Event, occurred_at: Timestamp) {
        match event {
            Event::CampaignCreated(fact) => {
                self.campaigns.insert(fact.campaign_id.clone(), fact.settings.clone());
            }
            Event::LeadImported(fact) => {
                self.customers
                    .insert(fact.lead_id, Customer::of(&fact.portrait, Ppm(fact.value_ppm)));
            }
            Event::AttemptStarted(fact) => {
                self.calls.insert(
                    fact.call_id,
                    RoutedCall {
                        campaign_id: fact.campaign_id.clone(),
                        lead_id: fact.lead_id,
                        carrier_id: None,
                        handler: None,
                    },
                );
            }
            Event::LegStarted(fact) => {
                if let (LegKind::Customer(carrier), Some(call)) =
                    (&fact.kind, self.calls.get_mut(&fact.call_id))
                {
                    call.carrier_id = Some(carrier.clone());
                }
            }
            Event::LegEnded(fact) => {
                if let LegKind::Customer(carrier) = &fact.kind {
                    self.lines.entry(carrier.clone()).or_default().leg_ended(fact);
                }
            }
            Event::HandlerChosen(fact) => {
                // A transfer nobody could take leaves whoever talks.
                if let (Some(call), Some(chosen)) =
                    (self.calls.get_mut(&fact.call_id), &fact.chosen)
                {
                    call.handler = Some(chosen.clone());
                }
            }
            Event::TransferCompleted(fact) => {
                if let Some(call) = self.calls.get_mut(&fact.call_id) {
                    call.handler = Some(Handler::Agent(fact.target.clone()));
                }
            }
            Event::AttemptEnded(fact) => self.attempt_ended(fact),
            Event::AgentSignedIn(fact) => {
                let fresh = Agent {
                    skill: fact.skill_ppm,
                    state: AgentState::Available,
                    since: occurred_at,
                    phone: fact.phone.clone(),
                    calls: 0,
                    agreed: 0,
                };
                let agent = self.agents.entry(fact.agent_id.clone()).or_insert(fresh);
                agent.skill = fact.skill_ppm;
                agent.phone.clone_from(&fact.phone);
                agent.state = AgentState::Available;
                agent.since = occurred_at;
            }
            Event::AgentStateChanged(fact) => {
                self.set_agent(&fact.agent_id, fact.to, occurred_at);
            }
            Event::AgentSignedOut(fact) => {
                self.set_agent(&fact.agent_id, AgentState::SignedOut, occurred_at);
            }
            _ => {}
        }
    }

    fn set_agent(&mut self, agent_id: &AgentId, state: AgentState, at: Timestamp) {
        if let Some(agent) = self.agents.get_mut(agent_id) {
            agent.state = state;
            agent.since = at;
        }
    }

    fn attempt_ended(&mut self, fact: &crate::event::AttemptEnded) {
        let agreed = u64::from(fact.level == Some(IntentionLevel::A));
        match self.calls.remove(&fact.call_id).and_then(|call| call.handler) {
            Some(Handler::Robot) => {
                self.robot_calls += 1;
                self.robot_agreed += agreed;
            }
            Some(Handler::Agent(agent_id)) => {
                if let Some(agent) = self.agents.get_mut(&agent_id) {
                    agent.calls += 1;
                    agent.agreed += agreed;
                }
            }
            None => {}
        }
    }
}

/// The highest score without a veto; ties by the seed.
fn best(candidates: &[HandlerCandidate], seed: u64) -> Option<Handler> {
    let open = || candidates.iter().filter(|candidate| candidate.veto.is_none());
    let top = open().map(|candidate| candidate.score).max()?;
    let tied: Vec<_> = open().filter(|candidate| candidate.score == top).collect();
    let index = Rng::from_seed(seed).below(tied.len() as u64);
    let winner = tied.get(usize::try_from(index).unwrap_or(0))?;
    Some(winner.handler.clone())
}

#[cfg(test)]
mod tests;
