//! A consultation: an agent who holds the customer calls another agent from the same phone, and
//! may then join the two (an attended transfer).
//!
//! The phone's second call comes in as an INVITE; we call the other agent and join both legs.
//! One at a time. Where either hangs up, the other is hung up, too, and the customer's leg is
//! not touched.

use super::agent::AgentSide;
use super::customer::LegEnd;
use super::transfer::Departing;
use super::{Call, CallCommand, LegOver};
use crate::base::{AgentId, LegId, Millis, Timestamp};
use crate::event::{AgentState, HangUpParty, LegAnswered, LegKind, LegStarted, TransferKind};
use crate::media::MediaStatistics;
use crate::sip::Party;

/// A consultation under way.
#[derive(Debug)]
pub(super) struct Consult {
    from: AgentId,
    to: AgentId,
    since: Timestamp,
    /// The leg the asking agent's phone made; nothing once it is over.
    from_leg: Option<LegId>,
    /// It was answered.
    is_answered: bool,
    to_leg: Option<Asked>,
    /// The other agent is being chosen.
    is_choosing: bool,
}

/// The other agent's phone.
#[derive(Debug)]
struct Asked {
    leg_id: LegId,
    since: Timestamp,
    /// Since when they talk.
    talks_since: Option<Timestamp>,
}

impl Consult {
    /// Whose leg that is, where it is one of these.
    pub(super) fn agent_of(&self, leg_id: LegId) -> Option<&AgentId> {
        if self.from_leg == Some(leg_id) {
            return Some(&self.from);
        }
        self.to_leg.as_ref().filter(|one| one.leg_id == leg_id).map(|_| &self.to)
    }

    /// Both legs, once they talk.
    pub(super) fn talking(&self) -> Option<(LegId, LegId)> {
        let to = self.to_leg.as_ref().filter(|one| one.talks_since.is_some())?;
        Some((self.from_leg.filter(|_| self.is_answered)?, to.leg_id))
    }
}

impl Call {
    /// The phone of the agent who talks calls another agent.
    pub(super) fn consult(&mut self, now: Timestamp, leg_id: LegId, from: &AgentId, to: AgentId) {
        let talks = matches!(&self.agent, AgentSide::Talking { agent_id, .. } if agent_id == from);
        let may = talks && self.consult.is_none() && self.transfer.is_none() && *from != to;
        if !may || !self.customer.is_up() || self.is_stopping {
            return self.command(CallCommand::RejectPhone { leg_id, status: 486 });
        }
        let call_id = self.setup.call_id;
        self.fact(LegStarted { call_id, leg_id, kind: LegKind::Agent(from.clone()) });
        self.command(CallCommand::WantAgent { agent_id: to.clone() });
        self.consult = Some(Consult {
            from: from.clone(),
            to,
            since: now,
            from_leg: Some(leg_id),
            is_answered: false,
            to_leg: None,
            is_choosing: true,
        });
    }

    /// Whether that agent is to be taken for a consultation.
    pub(super) fn wants_to_consult(&self, agent_id: &AgentId) -> bool {
        self.consult.as_ref().is_some_and(|one| one.is_choosing && one.to == *agent_id)
    }

    pub(super) fn consult_taken(&mut self, now: Timestamp, agent_id: AgentId, is_free: bool) {
        let Some(consult) = &mut self.consult else { return };
        consult.is_choosing = false;
        let Some(from_leg) = consult.from_leg else { return };
        if !is_free {
            let reject = CallCommand::RejectPhone { leg_id: from_leg, status: 486 };
            return self.command(reject);
        }
        let leg_id = self.next_leg(now);
        let call_id = self.setup.call_id;
        self.fact(LegStarted { call_id, leg_id, kind: LegKind::Agent(agent_id.clone()) });
        let ring_timeout = self.setup.agent_ring;
        self.command(CallCommand::RingPhone { leg_id: from_leg });
        self.command(CallCommand::InviteAgent { leg_id, agent_id, ring_timeout });
        if let Some(consult) = &mut self.consult {
            consult.to_leg = Some(Asked { leg_id, since: now, talks_since: None });
        }
    }

    /// One of the two legs was answered: the other agent's by that agent, then the asking
    /// phone's by us.
    pub(super) fn consult_answered(&mut self, now: Timestamp, leg_id: LegId, codec: &'static str) {
        let Some(consult) = &mut self.consult else { return };
        let (call_id, codec) = (self.setup.call_id, codec.to_owned());
        if consult.from_leg == Some(leg_id) {
            consult.is_answered = true;
            let after_ms = now.since(consult.since);
            return self.fact(LegAnswered { call_id, leg_id, after_ms, codec });
        }
        let Some(asked) = &mut consult.to_leg else { return };
        asked.talks_since = Some(now);
        let (after_ms, to, from_leg) =
            (now.since(asked.since), consult.to.clone(), consult.from_leg);
        self.fact(LegAnswered { call_id, leg_id, after_ms, codec });
        self.agent_moves(&to, AgentState::Ringing, AgentState::Talking, None);
        self.command(match from_leg {
            Some(leg_id) => CallCommand::AnswerPhone { leg_id },
            None => CallCommand::HangUp { leg_id },
        });
    }

    /// One of the two legs is over; so shall be the other.
    pub(super) fn consult_over(
        &mut self,
        now: Timestamp,
        leg_id: LegId,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        let Some(consult) = &mut self.consult else { return };
        let by = match over {
            LegOver::Ended { by: Party::Remote, .. } => HangUpParty::Agent,
            _ => HangUpParty::Platform,
        };
        if consult.from_leg == Some(leg_id) {
            consult.from_leg = None;
            let kind = LegKind::Agent(consult.from.clone());
            let other = consult.to_leg.as_ref().map(|one| one.leg_id);
            self.leg_ended(leg_id, kind, LegEnd::of(over), Some(by), statistics);
            if let Some(leg_id) = other {
                self.command(CallCommand::HangUp { leg_id });
            }
        } else if let Some(asked) = consult.to_leg.take() {
            let (to, from_leg) = (consult.to.clone(), consult.from_leg);
            let kind = LegKind::Agent(to.clone());
            let by = asked.talks_since.map(|_| by);
            self.leg_ended(leg_id, kind, LegEnd::of(over), by, statistics);
            match asked.talks_since {
                Some(since) => self.has_talked(now, &to, since),
                None if from_leg.is_none() => {
                    self.agent_moves(&to, AgentState::Ringing, AgentState::Available, None);
                }
                None => self.was_not_reached(&to, over),
            }
            if let Some(leg_id) = from_leg {
                self.command(CallCommand::HangUp { leg_id });
            }
        }
        if self.consult.as_ref().is_some_and(|one| one.from_leg.is_none() && one.to_leg.is_none()) {
            self.consult = None;
        }
    }

    /// Joins the customer with the agent who was consulted.
    pub(super) fn attended(&mut self, now: Timestamp, leg_id: LegId, from: AgentId, other: LegId) {
        let talking = self.consult.as_ref().and_then(Consult::talking);
        if talking.is_none_or(|(from_leg, _)| from_leg != other) {
            return self.refuse_transfer(leg_id, from, TransferKind::Attended, 481);
        }
        let Some(Consult { to, to_leg: Some(asked), .. }) = self.consult.take() else { return };
        let kind = TransferKind::Attended;
        self.transfer_started(leg_id, from.clone(), kind, Some(to.clone()));
        self.command(CallCommand::AcceptRefer { leg_id });
        self.departing.push(Departing { leg_id: other, agent_id: from.clone(), since: None });
        let since = asked.talks_since.unwrap_or(now);
        self.pass_on(leg_id, from, kind, (asked.leg_id, to), since, Millis(0), Millis(0));
        self.command(CallCommand::HangUp { leg_id: other });
    }

    /// Hangs a consultation up.
    pub(super) fn end_consult(&mut self) {
        let Some(consult) = &self.consult else { return };
        let legs = [consult.from_leg, consult.to_leg.as_ref().map(|one| one.leg_id)];
        for leg_id in legs.into_iter().flatten() {
            self.command(CallCommand::HangUp { leg_id });
        }
    }
}
