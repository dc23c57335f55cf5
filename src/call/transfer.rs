//! Passing a call on: the agent's phone asks (REFER), the next phone rings, the customer is
//! joined with it.
//!
//! The agent who asked stays with the customer until the next one answers, and keeps the call
//! where nothing comes of it. One who has left meanwhile is not asked again: routing chooses.

use super::agent::AgentSide;
use super::customer::LegEnd;
use super::{Call, CallCommand, LegOver};
use crate::base::{AgentId, LegId, Timestamp};
use crate::event::{
    AgentState, CallBridged, CostKind, Handler, HangUpParty, LegAnswered, LegKind, LegStarted,
    RoutePurpose, TransferCompleted, TransferFailed, TransferKind, TransferStarted,
};
use crate::media::MediaStatistics;
use crate::sip::Party;

/// Whom an agent wants a call passed on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferTarget {
    /// That agent.
    Agent(AgentId),
    /// Whoever routing chooses.
    Queue,
    /// Who talks on the other end of this leg: an attended transfer.
    Leg(LegId),
    /// Nobody who may be called on an agent's behalf.
    Forbidden,
}

/// A blind transfer under way.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The leg of the agent who asked.
    leg_id: LegId,
    from: AgentId,
    target: Option<AgentId>,
    since: Timestamp,
    /// Who asked has hung up.
    is_left: bool,
    ringing: Option<Ringing>,
}

/// The next agent's phone.
#[derive(Debug)]
struct Ringing {
    leg_id: LegId,
    agent_id: AgentId,
    since: Timestamp,
}

impl Transfer {
    /// Whether this is the leg that rings for it.
    pub(super) fn has(&self, leg_id: LegId) -> bool {
        self.ringing.as_ref().is_some_and(|ringing| ringing.leg_id == leg_id)
    }

    /// Who its ringing leg belongs to.
    pub(super) fn rings(&self) -> Option<&AgentId> {
        self.ringing.as_ref().map(|ringing| &ringing.agent_id)
    }

    /// Whether routing is to choose somebody for it.
    pub(super) const fn wants_handler(&self) -> bool {
        self.ringing.is_none() && self.target.is_none()
    }

    /// Whether that agent is to be taken for it.
    pub(super) fn wants_agent(&self, agent_id: &AgentId) -> bool {
        self.ringing.is_none() && self.target.as_ref() == Some(agent_id)
    }
}

/// A leg whose agent has passed the call on: it is hung up and its end is waited for.
#[derive(Debug)]
pub(super) struct Departing {
    pub(super) leg_id: LegId,
    pub(super) agent_id: AgentId,
    /// Since when the agent talked on it, for one that did.
    pub(super) since: Option<Timestamp>,
}

impl Call {
    /// A phone asks to have the call passed on.
    pub(super) fn referred(&mut self, now: Timestamp, leg_id: LegId, target: TransferTarget) {
        let from = match &self.agent {
            AgentSide::Talking { leg_id: own, agent_id, .. } if *own == leg_id => agent_id.clone(),
            // Only who talks to the customer may pass the customer on.
            _ => return self.command(CallCommand::RefuseRefer { leg_id, status: 603 }),
        };
        if self.transfer.is_some() {
            return self.command(CallCommand::RefuseRefer { leg_id, status: 491 });
        }
        if !self.customer.is_up() || self.ended_by.is_some() || self.is_stopping {
            return self.command(CallCommand::RefuseRefer { leg_id, status: 480 });
        }
        let (target, want) = match target {
            TransferTarget::Leg(other) => return self.attended(now, leg_id, from, other),
            TransferTarget::Forbidden => {
                self.refuse_transfer(leg_id, from, TransferKind::Blind, 603);
                return;
            }
            TransferTarget::Agent(agent_id) => {
                (Some(agent_id.clone()), CallCommand::WantAgent { agent_id })
            }
            TransferTarget::Queue => {
                (None, CallCommand::WantHandler { purpose: RoutePurpose::Transfer })
            }
        };
        self.transfer_started(leg_id, from.clone(), TransferKind::Blind, target.clone());
        self.command(CallCommand::AcceptRefer { leg_id });
        self.command(want);
        self.transfer =
            Some(Transfer { leg_id, from, target, since: now, is_left: false, ringing: None });
    }

    pub(super) fn transfer_started(
        &mut self,
        leg_id: LegId,
        agent_id: AgentId,
        kind: TransferKind,
        target: Option<AgentId>,
    ) {
        let call_id = self.setup.call_id;
        self.fact(TransferStarted { call_id, leg_id, agent_id, kind, target });
    }

    /// Nothing is even tried.
    pub(super) fn refuse_transfer(
        &mut self,
        leg_id: LegId,
        agent_id: AgentId,
        kind: TransferKind,
        sip_status: u16,
    ) {
        let (call_id, target, after_ms) = (self.setup.call_id, None, crate::base::Millis(0));
        self.fact(TransferFailed { call_id, leg_id, agent_id, kind, target, sip_status, after_ms });
        self.command(CallCommand::RefuseRefer { leg_id, status: sip_status });
    }

    /// An agent was asked for by name, and is marked as ringing where free.
    pub(super) fn agent_taken(&mut self, now: Timestamp, agent_id: AgentId, is_free: bool) {
        let is_wanted = |transfer: &Transfer| transfer.wants_agent(&agent_id);
        if self.transfer.as_ref().is_some_and(is_wanted) {
            if is_free {
                self.ring_next(now, agent_id);
            } else {
                self.transfer_failed(now, 486);
            }
        } else if self.wants_to_consult(&agent_id) {
            self.consult_taken(now, agent_id, is_free);
        } else if is_free {
            self.agent_moves(&agent_id, AgentState::Ringing, AgentState::Available, None);
        }
    }

    /// Routing chose for a transfer.
    pub(super) fn transfer_chosen(&mut self, now: Timestamp, chosen: Option<Handler>) {
        match chosen {
            Some(Handler::Agent(agent_id)) => self.ring_next(now, agent_id),
            Some(Handler::Robot) | None => self.transfer_failed(now, 480),
        }
    }

    /// The next agent's phone is to ring; the agent is marked as ringing already.
    fn ring_next(&mut self, now: Timestamp, agent_id: AgentId) {
        let leg_id = self.next_leg(now);
        let call_id = self.setup.call_id;
        let kind = LegKind::Agent(agent_id.clone());
        self.fact(LegStarted { call_id, leg_id, kind });
        self.command(CallCommand::InviteAgent {
            leg_id,
            agent_id: agent_id.clone(),
            ring_timeout: self.setup.agent_ring,
        });
        if let Some(transfer) = &mut self.transfer {
            transfer.ringing = Some(Ringing { leg_id, agent_id, since: now });
        }
    }

    /// The next agent answered: the customer is joined with that one, and who asked may go.
    pub(super) fn transfer_answered(&mut self, now: Timestamp, codec: &'static str) {
        let Some(ringing) = self.transfer.as_ref().and_then(|one| one.ringing.as_ref()) else {
            return;
        };
        let (leg_id, waited) = (ringing.leg_id, now.since(ringing.since));
        let call_id = self.setup.call_id;
        self.fact(LegAnswered { call_id, leg_id, after_ms: waited, codec: codec.to_owned() });
        if !self.customer.is_up() || self.ended_by.is_some() {
            return self.command(CallCommand::HangUp { leg_id });
        }
        let Some(Transfer { leg_id: asked_on, from, since, ringing: Some(ringing), .. }) =
            self.transfer.take()
        else {
            return;
        };
        self.agent_moves(&ringing.agent_id, AgentState::Ringing, AgentState::Talking, None);
        let after_ms = now.since(since);
        self.pass_on(
            asked_on,
            from,
            TransferKind::Blind,
            (ringing.leg_id, ringing.agent_id),
            now,
            waited,
            after_ms,
        );
        self.end_consult();
    }

    /// Facts and commands of a transfer that worked. The next agent talks already.
    #[expect(clippy::too_many_arguments, reason = "what both kinds of transfer know")]
    pub(super) fn pass_on(
        &mut self,
        asked_on: LegId,
        from: AgentId,
        kind: TransferKind,
        (leg_id, target): (LegId, AgentId),
        since: Timestamp,
        wait_ms: crate::base::Millis,
        after_ms: crate::base::Millis,
    ) {
        let call_id = self.setup.call_id;
        let Some(customer_leg_id) = self.customer.leg_id() else { return };
        let handler = Handler::Agent(target.clone());
        self.fact(CallBridged {
            call_id,
            customer_leg_id,
            agent_leg_id: leg_id,
            handler: handler.clone(),
            wait_ms,
        });
        self.fact(TransferCompleted {
            call_id,
            leg_id: asked_on,
            agent_id: from,
            kind,
            target: target.clone(),
            after_ms,
        });
        self.handler = Some(handler);
        let next = AgentSide::Talking { leg_id, agent_id: target, since, keyed: String::new() };
        let before = std::mem::replace(&mut self.agent, next);
        self.command(CallCommand::NotifyRefer { leg_id: asked_on, status: 200 });
        if let AgentSide::Talking { leg_id, agent_id, since, .. } = before {
            self.departing.push(Departing { leg_id, agent_id, since: Some(since) });
            self.command(CallCommand::HangUp { leg_id });
        }
    }

    /// The phone that rang for a transfer did not take it.
    pub(super) fn transfer_leg_over(
        &mut self,
        now: Timestamp,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        let ringing = self.transfer.as_mut().and_then(|transfer| transfer.ringing.take());
        let Some(Ringing { leg_id, agent_id, .. }) = ringing else { return };
        let kind = LegKind::Agent(agent_id.clone());
        self.leg_ended(leg_id, kind, LegEnd::of(over), None, statistics);
        self.was_not_reached(&agent_id, over);
        let status = match over {
            LegOver::Refused { status, .. } => status,
            _ => 480,
        };
        self.transfer_failed(now, status);
    }

    /// Nothing came of a transfer. Where who asked has left, routing looks for somebody.
    pub(super) fn transfer_failed(&mut self, now: Timestamp, sip_status: u16) {
        let Some(Transfer { leg_id, from, target, since, is_left, .. }) = self.transfer.take()
        else {
            return;
        };
        self.fact(TransferFailed {
            call_id: self.setup.call_id,
            leg_id,
            agent_id: from,
            kind: TransferKind::Blind,
            target,
            sip_status,
            after_ms: now.since(since),
        });
        self.command(CallCommand::NotifyRefer { leg_id, status: sip_status });
        if is_left && self.customer.is_up() && self.ended_by.is_none() && !self.is_stopping {
            self.command(CallCommand::WantHandler { purpose: RoutePurpose::Transfer });
        }
    }

    /// Notes that an agent's leg ended. Whether the agent had asked for a transfer that is still
    /// under way: then the customer waits for the next one.
    pub(super) fn has_left_behind(&mut self, leg_id: LegId) -> bool {
        match &mut self.transfer {
            Some(transfer) if transfer.leg_id == leg_id => {
                transfer.is_left = true;
                true
            }
            _ => false,
        }
    }

    /// A leg of an agent who passed the call on is over.
    pub(super) fn departed(
        &mut self,
        now: Timestamp,
        leg_id: LegId,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        let Some(at) = self.departing.iter().position(|one| one.leg_id == leg_id) else { return };
        let Departing { agent_id, since, .. } = self.departing.remove(at);
        let by = match over {
            LegOver::Ended { by: Party::Remote, .. } => HangUpParty::Agent,
            _ => HangUpParty::Platform,
        };
        let kind = LegKind::Agent(agent_id.clone());
        self.leg_ended(leg_id, kind, LegEnd::of(over), Some(by), statistics);
        if let Some(since) = since {
            self.has_talked(now, &agent_id, since);
        }
    }

    /// An agent talked and is done: costs, and time to write up.
    pub(super) fn has_talked(&mut self, now: Timestamp, agent_id: &AgentId, since: Timestamp) {
        let cost = self.setup.prices.agent(agent_id, now.since(since));
        self.book(CostKind::Agent, agent_id.to_string(), cost, since);
        self.agent_moves(agent_id, AgentState::Talking, AgentState::WrapUp, None);
    }

    /// The call is over for the customer, or is to be: nobody else is rung for it.
    pub(super) fn release_others(&mut self, now: Timestamp) {
        match self.transfer.as_ref().map(|one| one.ringing.as_ref().map(|one| one.leg_id)) {
            Some(Some(leg_id)) => self.command(CallCommand::HangUp { leg_id }),
            Some(None) => self.transfer_failed(now, 487),
            None => {}
        }
        self.end_consult();
        self.end_supervision();
    }
}
