//! Who hears whom in a call, and hold.
//!
//! In: what the call's sides are. Out: one command whenever that changes, with all of it.
//! Invariants: a supervisor who listens is heard by nobody, one who whispers by no customer;
//! nobody hears an end that holds; a customer whom an agent holds hears the tone of hold.

use std::collections::BTreeSet;

use super::agent::AgentSide;
use super::consult::Consult;
use super::customer::CustomerSide;
use super::transfer::Transfer;
use super::{Call, CallCommand};
use crate::base::{LegId, Timestamp};
use crate::event::{LegHeld, LegKind, LegResumed, SupervisionMode};

/// One leg hears another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hearing {
    /// Who hears.
    pub listener: LegId,
    /// Whom.
    pub speaker: LegId,
    /// The speaker's keys are passed on, too.
    pub with_keys: bool,
}

impl Call {
    /// The other end of a leg holds it.
    pub(super) fn held(&mut self, now: Timestamp, leg_id: LegId) {
        let Some(kind) = self.kind_of(leg_id).filter(|_| !self.holds.contains_key(&leg_id)) else {
            return;
        };
        self.holds.insert(leg_id, now);
        let call_id = self.setup.call_id;
        self.fact(LegHeld { call_id, leg_id, kind });
    }

    /// The other end is back, or the leg is about to be recorded as over.
    pub(super) fn resumed(&mut self, now: Timestamp, leg_id: LegId) {
        let Some(kind) = self.kind_of(leg_id) else { return };
        let Some(since) = self.holds.remove(&leg_id) else { return };
        let (call_id, held_ms) = (self.setup.call_id, now.since(since));
        self.fact(LegResumed { call_id, leg_id, kind, held_ms });
    }

    /// Whose leg it is.
    fn kind_of(&self, leg_id: LegId) -> Option<LegKind> {
        match &self.customer {
            CustomerSide::Up { leg_id: own, carrier_id, .. } if *own == leg_id => {
                return Some(LegKind::Customer(carrier_id.clone()));
            }
            _ => {}
        }
        let supervisor = self.supervisor.as_ref().filter(|one| one.leg_id == leg_id);
        if let Some(supervisor) = supervisor {
            return Some(LegKind::Supervisor(supervisor.agent_id.clone()));
        }
        let main = match &self.agent {
            AgentSide::Talking { leg_id: own, agent_id, .. }
            | AgentSide::Ringing { leg_id: own, agent_id, .. }
                if *own == leg_id =>
            {
                Some(agent_id)
            }
            _ => None,
        };
        let next = self.transfer.as_ref().filter(|one| one.has(leg_id)).and_then(Transfer::rings);
        let consult = self.consult.as_ref().and_then(|one| one.agent_of(leg_id));
        let departing = self.departing.iter().find(|one| one.leg_id == leg_id);
        let agent = main.or(next).or(consult).or(departing.map(|one| &one.agent_id));
        agent.map(|agent_id| LegKind::Agent(agent_id.clone()))
    }

    fn has_leg(&self, leg_id: LegId) -> bool {
        self.kind_of(leg_id).is_some()
    }

    /// Says who hears whom now, where that changed.
    pub(super) fn reconnect(&mut self) {
        let (hears, waits) = (self.hearings(), self.waits_on_hold());
        // What ends with a leg needs no saying.
        let mut before = std::mem::take(&mut self.hears);
        before.retain(|one| [one.listener, one.speaker].iter().all(|leg| self.has_leg(*leg)));
        self.hears = before;
        if hears != self.hears {
            let wanted = hears.iter().copied().collect();
            self.hears = hears;
            self.command(CallCommand::Connect { hears: wanted });
        }
        if waits != self.waits {
            let before = std::mem::replace(&mut self.waits, waits);
            if let Some(leg_id) = waits.or(before).filter(|_| self.customer.is_up()) {
                self.command(if waits.is_some() {
                    CallCommand::PlayHold { leg_id }
                } else {
                    CallCommand::StopHold { leg_id }
                });
            }
        }
    }

    /// The customer's leg, while nobody else is heard there.
    fn waits_on_hold(&self) -> Option<LegId> {
        let leg_id = self.customer.leg_id().filter(|_| self.customer.is_up())?;
        let waits = match &self.agent {
            AgentSide::Talking { leg_id, .. } => self.holds.contains_key(leg_id),
            AgentSide::Ringing { .. } | AgentSide::None => self.transfer.is_some(),
        };
        waits.then_some(leg_id)
    }

    fn hearings(&self) -> BTreeSet<Hearing> {
        let mut hears = BTreeSet::new();
        let mut hear = |listener, speaker, with_keys| {
            hears.insert(Hearing { listener, speaker, with_keys });
        };
        let customer = self.customer.leg_id().filter(|_| self.customer.is_up());
        let agent = match &self.agent {
            AgentSide::Talking { leg_id, .. } if !self.holds.contains_key(leg_id) => Some(*leg_id),
            _ => None,
        };
        if let (Some(customer), Some(agent)) = (customer, agent) {
            hear(customer, agent, true);
            hear(agent, customer, true);
        }
        if let Some((from, to)) = self.consult.as_ref().and_then(Consult::talking) {
            hear(from, to, true);
            hear(to, from, true);
        }
        if let Some(supervisor) = self.supervisor.as_ref().filter(|one| one.since.is_some()) {
            for party in [customer, agent].into_iter().flatten() {
                hear(supervisor.leg_id, party, false);
            }
            let (to_agent, to_customer) = match supervisor.mode {
                SupervisionMode::Listen => (None, None),
                SupervisionMode::Whisper => (agent, None),
                SupervisionMode::Barge => (agent, customer),
            };
            for party in [to_agent, to_customer].into_iter().flatten() {
                hear(party, supervisor.leg_id, false);
            }
        }
        hears
    }
}
