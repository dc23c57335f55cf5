//! Answered calls, their legs joined: who was there when, and for how long.

use super::call::Attempt;
use crate::base::{Millis, Timestamp};
use crate::event::{
    AnswerClassified, AttemptEnded, CallBridged, CallEnded, Handler, LegEnded, LegResumed,
};
use crate::projection::table::{int, row};

row! {
    /// One answered call: customer's and agent's legs joined.
    Call = "calls" {
        /// The call; the key.
        call_id: String,
        /// The campaign.
        campaign_id: String,
        /// The lead.
        lead_id: String,
        /// The person.
        subject_id: String,
        /// The carrier that carried it.
        carrier_id: Option<String>,
        /// When the customer's side was answered.
        answered_at: Timestamp,
        /// What the detector heard: `human`, `machine`, `silence`, `fax`, `sit`, `ringback`.
        verdict: Option<&'static str>,
        /// When the detector had heard enough.
        classified_at: Option<Timestamp>,
        /// When the greeting was over, where one was heard.
        greeting_ended_at: Option<Timestamp>,
        /// When the robot was first heard.
        robot_began_at: Option<Timestamp>,
        /// When an agent was connected last.
        agent_connected_at: Option<Timestamp>,
        /// The agent.
        agent_id: Option<String>,
        /// From the routing decision to the agent, in ms.
        agent_wait_ms: Option<i64>,
        /// From the agent's connection to the end of the agent's leg, in ms.
        agent_talk_ms: Option<i64>,
        /// How long agents held the customer, in ms.
        hold_ms: i64,
        /// The agent's work after the call, in ms; nothing before it is over.
        wrap_up_ms: Option<i64>,
        /// From the answer to the end, in ms.
        talk_ms: Option<i64>,
        /// When it was over.
        ended_at: Option<Timestamp>,
        /// Who hung up: `customer`, `platform`, `agent`, `carrier`.
        hung_up_by: Option<&'static str>,
        /// Whether it is over.
        is_over: bool,
        /// Whether a person answered.
        is_contact: bool,
        /// Whether the right person talked; nothing where that is not known.
        is_right_party: Option<bool>,
        /// The E-model's rating R of the customer's leg, in thousandths.
        r_milli: Option<i64>,
        /// The mean opinion score of the customer's leg, in thousandths.
        mos_milli: Option<i64>,
        /// The last event that changed this row.
        last_position: i64,
    }
}

impl Call {
    pub(super) fn answered(attempt: &Attempt, at: Timestamp, position: i64) -> Self {
        Self {
            call_id: attempt.call_id.clone(),
            campaign_id: attempt.campaign_id.clone(),
            lead_id: attempt.lead_id.clone(),
            subject_id: attempt.subject_id.clone(),
            carrier_id: attempt.carrier_id.clone(),
            answered_at: at,
            verdict: None,
            classified_at: None,
            greeting_ended_at: None,
            robot_began_at: None,
            agent_connected_at: None,
            agent_id: None,
            agent_wait_ms: None,
            agent_talk_ms: None,
            hold_ms: 0,
            wrap_up_ms: None,
            talk_ms: None,
            ended_at: None,
            hung_up_by: None,
            is_over: false,
            is_contact: false,
            is_right_party: None,
            r_milli: None,
            mos_milli: None,
            last_position: position,
        }
    }

    pub(super) fn classified(&mut self, fact: &AnswerClassified) {
        self.verdict = Some(fact.verdict.as_str());
        self.classified_at = Some(self.answered_at.plus(fact.after_ms));
        self.greeting_ended_at =
            fact.greeting_ended_after_ms.map(|after| self.answered_at.plus(after));
    }

    /// The robot's turn ended at a moment: when was it first heard? Turns may come in any order.
    pub(super) fn spoken(&mut self, at: Timestamp, played: Millis) {
        if played == Millis(0) {
            return;
        }
        let played_us = int(played.0.saturating_mul(1_000));
        let began = Timestamp::from_micros(at.as_micros().saturating_sub(played_us));
        self.robot_began_at = Some(self.robot_began_at.map_or(began, |before| before.min(began)));
    }

    pub(super) fn bridged(&mut self, fact: &CallBridged, at: Timestamp) {
        self.agent_connected_at = Some(at);
        self.agent_wait_ms = Some(int(fact.wait_ms.0));
        if let Handler::Agent(agent) = &fact.handler {
            self.agent_id = Some(agent.to_string());
        }
    }

    pub(super) fn customer_leg_ended(&mut self, fact: &LegEnded) {
        self.r_milli = fact.r_milli.map(i64::from);
        self.mos_milli = fact.mos_milli.map(i64::from);
    }

    pub(super) fn agent_leg_ended(&mut self, at: Timestamp) {
        if let Some(since) = self.agent_connected_at {
            self.agent_talk_ms = Some(int(at.since(since).0));
        }
    }

    /// An agent held the call and is back, or gone.
    pub(super) fn resumed(&mut self, fact: &LegResumed) {
        self.hold_ms += int(fact.held_ms.0);
    }

    pub(super) fn call_ended(&mut self, fact: &CallEnded) {
        self.hung_up_by = Some(fact.hung_up_by.as_str());
    }

    pub(super) fn ended(&mut self, fact: &AttemptEnded, at: Timestamp) {
        self.ended_at = Some(at);
        self.is_over = true;
        self.is_contact = fact.disposition.is_contact();
        self.talk_ms = Some(int(fact.talk_ms.0));
    }
}
