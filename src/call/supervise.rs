//! A supervisor in a call: listens, whispers to the agent, or barges in.
//!
//! One at a time. Keys on the supervisor's phone change the mode and go to nobody else. The call
//! goes on as if nobody were there, and the supervisor leaves with the customer.

use super::customer::LegEnd;
use super::{Call, CallCommand, LegOver};
use crate::base::{AgentId, LegId, Timestamp};
use crate::event::{
    HangUpParty, LegAnswered, LegKind, LegStarted, SupervisionEnded, SupervisionMode,
    SupervisionModeChanged, SupervisionStarted,
};
use crate::media::MediaStatistics;
use crate::sip::Party;

/// A supervisor's side.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) leg_id: LegId,
    pub(super) agent_id: AgentId,
    pub(super) mode: SupervisionMode,
    /// When the phone was rung.
    asked_at: Timestamp,
    /// When it was answered.
    pub(super) since: Option<Timestamp>,
}

/// What a key on the supervisor's phone means.
const fn mode_of(digit: char) -> Option<SupervisionMode> {
    match digit {
        '1' => Some(SupervisionMode::Listen),
        '2' => Some(SupervisionMode::Whisper),
        '3' => Some(SupervisionMode::Barge),
        _ => None,
    }
}

impl Call {
    /// A supervisor wants to be joined; where the supervisor is already, the mode changes.
    pub(super) fn supervise(&mut self, now: Timestamp, agent_id: AgentId, mode: SupervisionMode) {
        if let Some(supervisor) = &self.supervisor {
            if supervisor.agent_id == agent_id {
                self.change_mode(mode);
            }
            return;
        }
        if !self.customer.is_up() || self.ended_by.is_some() || self.is_stopping {
            return;
        }
        let leg_id = self.next_leg(now);
        let (call_id, ring_timeout) = (self.setup.call_id, self.setup.agent_ring);
        self.fact(LegStarted { call_id, leg_id, kind: LegKind::Supervisor(agent_id.clone()) });
        let invited = agent_id.clone();
        self.command(CallCommand::InviteAgent { leg_id, agent_id: invited, ring_timeout });
        self.supervisor = Some(Supervisor { leg_id, agent_id, mode, asked_at: now, since: None });
    }

    pub(super) fn supervisor_answered(&mut self, now: Timestamp, codec: &'static str) {
        let Some(supervisor) = &mut self.supervisor else { return };
        supervisor.since = Some(now);
        let (leg_id, mode) = (supervisor.leg_id, supervisor.mode);
        let (agent_id, after_ms) = (supervisor.agent_id.clone(), now.since(supervisor.asked_at));
        let call_id = self.setup.call_id;
        self.fact(LegAnswered { call_id, leg_id, after_ms, codec: codec.to_owned() });
        self.fact(SupervisionStarted { call_id, leg_id, agent_id, mode });
        if !self.customer.is_up() {
            self.command(CallCommand::HangUp { leg_id });
        }
    }

    pub(super) fn supervisor_digit(&mut self, digit: char) {
        if let Some(mode) = mode_of(digit) {
            self.change_mode(mode);
        }
    }

    fn change_mode(&mut self, mode: SupervisionMode) {
        let Some(supervisor) = &mut self.supervisor else { return };
        let before = std::mem::replace(&mut supervisor.mode, mode);
        if before == mode || supervisor.since.is_none() {
            return;
        }
        let (leg_id, agent_id) = (supervisor.leg_id, supervisor.agent_id.clone());
        let call_id = self.setup.call_id;
        self.fact(SupervisionModeChanged { call_id, leg_id, agent_id, mode });
    }

    pub(super) fn supervisor_over(
        &mut self,
        now: Timestamp,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        let Some(Supervisor { leg_id, agent_id, since, .. }) = self.supervisor.take() else {
            return;
        };
        let by = since.map(|_| match over {
            LegOver::Ended { by: Party::Remote, .. } => HangUpParty::Agent,
            _ => HangUpParty::Platform,
        });
        let kind = LegKind::Supervisor(agent_id.clone());
        self.leg_ended(leg_id, kind, LegEnd::of(over), by, statistics);
        if let Some(since) = since {
            let (call_id, after_ms) = (self.setup.call_id, now.since(since));
            self.fact(SupervisionEnded { call_id, leg_id, agent_id, after_ms });
        }
    }

    /// The call is over for the customer.
    pub(super) fn end_supervision(&mut self) {
        if let Some(leg_id) = self.supervisor.as_ref().map(|one| one.leg_id) {
            self.command(CallCommand::HangUp { leg_id });
        }
    }
}
