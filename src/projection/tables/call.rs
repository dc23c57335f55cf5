//! Attempts and their legs.

use super::list::Origin;
use crate::base::Timestamp;
use crate::event::{
    AnswerClassified, AttemptEnded, AttemptStarted, CallAnswered, CallBridged, CallEnded, Handler,
    IntentionLevelSet, LegAnswered, LegEnded, LegKind, LegProgressed, LegReleased, LegStarted,
};
use crate::projection::table::{int, row};

row! {
    /// One dial of one lead, with everything that came of it.
    Attempt = "attempts" {
        /// The call; the key.
        call_id: String,
        /// The campaign.
        campaign_id: String,
        /// The lead.
        lead_id: String,
        /// The person.
        subject_id: String,
        /// 1 for the first dial of this lead.
        attempt_number: i64,
        /// The customer's region, as the list said it when the attempt began.
        region: Option<String>,
        /// The customer's trade, as the list said it when the attempt began.
        industry: Option<String>,
        /// When the lead came in.
        lead_imported_at: Option<Timestamp>,
        /// When the attempt began.
        started_at: Timestamp,
        /// When the customer's side was answered.
        answered_at: Option<Timestamp>,
        /// When the attempt was over.
        ended_at: Option<Timestamp>,
        /// Whether the attempt is over.
        is_over: bool,
        /// Whether anything answered.
        is_answered: bool,
        /// Whether a person answered.
        is_contact: bool,
        /// How it ended: `answered_human`, `no_answer`, `busy` and so on.
        disposition: Option<&'static str>,
        /// The last final SIP status of the customer's side.
        sip_status: Option<i64>,
        /// The Q.850 cause.
        q850_cause: Option<i64>,
        /// The carrier of the last customer leg.
        carrier_id: Option<String>,
        /// Customer legs: 2 where a second carrier was tried.
        carrier_tries: i64,
        /// From the first INVITE to the answer, in ms.
        ring_ms: Option<i64>,
        /// From the answer to the end, in ms; 0 where not answered.
        talk_ms: i64,
        /// What the detector heard: `human`, `machine`, `silence`, `fax`, `sit`, `ringback`.
        verdict: Option<&'static str>,
        /// How sure the detector was, in parts per million.
        verdict_confidence_ppm: Option<i64>,
        /// The detector's rule.
        verdict_reason: Option<String>,
        /// From the answer to the verdict, in ms.
        verdict_after_ms: Option<i64>,
        /// From the answer to the end of the greeting, in ms; nothing where none was heard.
        greeting_ended_after_ms: Option<i64>,
        /// What answered, as somebody says who listened: `human`, `machine`, `silence`.
        reviewed_as: Option<&'static str>,
        /// Whether the right person talked; nothing where that is not known.
        is_right_party: Option<bool>,
        /// Who talked last: `robot` or an agent's id.
        handler: Option<String>,
        /// `robot` or `agent`.
        handler_kind: Option<&'static str>,
        /// Whether customer and agent were connected.
        is_bridged: bool,
        /// When customer and agent were connected.
        bridged_at: Option<Timestamp>,
        /// The agent they were connected with.
        agent_id: Option<String>,
        /// From the routing decision to the bridge, in ms.
        bridge_wait_ms: Option<i64>,
        /// Why a person was asked for.
        transfer_reason: Option<String>,
        /// Who hung up: `customer`, `platform`, `agent`, `carrier`.
        hung_up_by: Option<&'static str>,
        /// The script's stage at the end.
        stage: Option<String>,
        /// Things said and heard.
        turns: i64,
        /// The intention level, A to E or X.
        level: Option<&'static str>,
        /// The rule that set the level.
        level_rule: Option<String>,
        /// What the customer agreed to, such as `appointment`.
        commitment: Option<String>,
        /// Whether the customer agreed to anything.
        is_committed: bool,
        /// Whether the customer asked never to be called again.
        is_opted_out: bool,
        /// What else there is to say, such as `process_restart`.
        reason: Option<String>,
        /// The last event that changed this row.
        last_position: i64,
    }
}

row! {
    /// One SIP side of a call.
    Leg = "legs" {
        /// The leg; the key.
        leg_id: String,
        /// The call.
        call_id: String,
        /// The campaign.
        campaign_id: Option<String>,
        /// `customer` or `agent`.
        party: &'static str,
        /// The carrier of a customer's leg.
        carrier_id: Option<String>,
        /// The agent of an agent's leg.
        agent_id: Option<String>,
        /// When the INVITE went out.
        started_at: Timestamp,
        /// From the INVITE to the first 18x, in ms: post-dial delay.
        pdd_ms: Option<i64>,
        /// Whether it was answered.
        is_answered: bool,
        /// When it was answered.
        answered_at: Option<Timestamp>,
        /// From the INVITE to the answer, in ms.
        answer_after_ms: Option<i64>,
        /// The negotiated codec.
        codec: Option<String>,
        /// Whether it is over.
        is_over: bool,
        /// When it was over.
        ended_at: Option<Timestamp>,
        /// The final SIP status.
        sip_status: Option<i64>,
        /// The Q.850 cause.
        q850_cause: Option<i64>,
        /// Why the leg failed on our or the carrier's side.
        failure: Option<String>,
        /// Whether the carrier failed: a failure or a status of 500 or more.
        is_failed: bool,
        /// Who hung up.
        hung_up_by: Option<&'static str>,
        /// RTP packets sent.
        packets_sent: i64,
        /// RTP packets received.
        packets_received: i64,
        /// RTP packets that never came.
        packets_lost: i64,
        /// Interarrival jitter, in µs.
        jitter_us: Option<i64>,
        /// Round trip of the sound, in ms; nothing where the other side does not report it.
        round_trip_ms: Option<i64>,
        /// The E-model's rating R, in thousandths; nothing where no packet came.
        r_milli: Option<i64>,
        /// The mean opinion score, in thousandths.
        mos_milli: Option<i64>,
        /// From our BYE to its final answer, or to giving up, in ms.
        released_after_ms: Option<i64>,
        /// The status of that answer; nothing where none came.
        release_status: Option<i64>,
        /// The last event that changed this row.
        last_position: i64,
    }
}

/// `robot` or `agent`.
pub(super) const fn handler_kind(handler: &Handler) -> &'static str {
    match handler {
        Handler::Robot => "robot",
        Handler::Agent(_) => "agent",
    }
}

/// Whose side a leg is, with the carrier or the agent.
fn party(kind: &LegKind) -> (&'static str, Option<String>, Option<String>) {
    match kind {
        LegKind::Customer(carrier) => ("customer", Some(carrier.to_string()), None),
        LegKind::Agent(agent) => ("agent", None, Some(agent.to_string())),
        LegKind::Supervisor(agent) => ("supervisor", None, Some(agent.to_string())),
    }
}

impl Attempt {
    pub(super) fn started(
        fact: &AttemptStarted,
        origin: Origin,
        at: Timestamp,
        position: i64,
    ) -> Self {
        Self {
            call_id: fact.call_id.to_string(),
            campaign_id: fact.campaign_id.to_string(),
            lead_id: fact.lead_id.to_string(),
            subject_id: fact.subject_id.to_string(),
            attempt_number: i64::from(fact.attempt_number),
            region: origin.region,
            industry: origin.industry,
            lead_imported_at: origin.imported_at,
            started_at: at,
            answered_at: None,
            ended_at: None,
            is_over: false,
            is_answered: false,
            is_contact: false,
            disposition: None,
            sip_status: None,
            q850_cause: None,
            carrier_id: None,
            carrier_tries: 0,
            ring_ms: None,
            talk_ms: 0,
            verdict: None,
            verdict_confidence_ppm: None,
            verdict_reason: None,
            verdict_after_ms: None,
            greeting_ended_after_ms: None,
            reviewed_as: None,
            is_right_party: None,
            handler: None,
            handler_kind: None,
            is_bridged: false,
            bridged_at: None,
            agent_id: None,
            bridge_wait_ms: None,
            transfer_reason: None,
            hung_up_by: None,
            stage: None,
            turns: 0,
            level: None,
            level_rule: None,
            commitment: None,
            is_committed: false,
            is_opted_out: false,
            reason: None,
            last_position: position,
        }
    }

    /// Something else is said of the same attempt.
    pub(super) fn started_again(&mut self, fact: &AttemptStarted) {
        self.campaign_id = fact.campaign_id.to_string();
        self.lead_id = fact.lead_id.to_string();
        self.subject_id = fact.subject_id.to_string();
        self.attempt_number = i64::from(fact.attempt_number);
    }

    pub(super) fn answered(&mut self, fact: &CallAnswered, at: Timestamp) {
        self.is_answered = true;
        self.answered_at = Some(at);
        self.ring_ms = Some(int(fact.ring_ms.0));
    }

    pub(super) fn classified(&mut self, fact: &AnswerClassified) {
        self.verdict = Some(fact.verdict.as_str());
        self.verdict_confidence_ppm = Some(i64::from(fact.confidence_ppm.0));
        self.verdict_reason = Some(fact.reason.clone());
        self.verdict_after_ms = Some(int(fact.after_ms.0));
        self.greeting_ended_after_ms = fact.greeting_ended_after_ms.map(|span| int(span.0));
    }

    pub(super) fn handled_by(&mut self, handler: &Handler) {
        self.handler = Some(handler.to_string());
        self.handler_kind = Some(handler_kind(handler));
    }

    pub(super) fn bridged(&mut self, fact: &CallBridged, at: Timestamp) {
        self.handled_by(&fact.handler);
        self.is_bridged = true;
        self.bridged_at = Some(at);
        self.bridge_wait_ms = Some(int(fact.wait_ms.0));
        if let Handler::Agent(agent) = &fact.handler {
            self.agent_id = Some(agent.to_string());
        }
    }

    pub(super) fn level_set(&mut self, fact: &IntentionLevelSet) {
        self.level = Some(fact.level.as_str());
        self.level_rule = Some(fact.rule_id.clone());
    }

    pub(super) fn call_ended(&mut self, fact: &CallEnded) {
        if let Some(handler) = &fact.handler {
            self.handled_by(handler);
        }
        self.talk_ms = int(fact.talk_ms.0);
        self.hung_up_by = Some(fact.hung_up_by.as_str());
        if fact.stage.is_some() {
            self.stage.clone_from(&fact.stage);
        }
    }

    pub(super) fn ended(&mut self, fact: &AttemptEnded, at: Timestamp) {
        self.is_over = true;
        self.ended_at = Some(at);
        self.is_answered |= fact.disposition.is_answered();
        self.is_contact = fact.disposition.is_contact();
        self.disposition = Some(fact.disposition.as_str());
        self.sip_status = fact.sip_status.map(i64::from);
        self.q850_cause = fact.q850_cause.map(i64::from);
        self.talk_ms = int(fact.talk_ms.0);
        if let Some(level) = fact.level {
            self.level = Some(level.as_str());
        }
        self.reason.clone_from(&fact.reason);
    }
}

impl Leg {
    pub(super) fn started(
        fact: &LegStarted,
        campaign_id: Option<String>,
        at: Timestamp,
        position: i64,
    ) -> Self {
        let (party, carrier_id, agent_id) = party(&fact.kind);
        Self {
            leg_id: fact.leg_id.to_string(),
            call_id: fact.call_id.to_string(),
            campaign_id,
            party,
            carrier_id,
            agent_id,
            started_at: at,
            pdd_ms: None,
            is_answered: false,
            answered_at: None,
            answer_after_ms: None,
            codec: None,
            is_over: false,
            ended_at: None,
            sip_status: None,
            q850_cause: None,
            failure: None,
            is_failed: false,
            hung_up_by: None,
            packets_sent: 0,
            packets_received: 0,
            packets_lost: 0,
            jitter_us: None,
            round_trip_ms: None,
            r_milli: None,
            mos_milli: None,
            released_after_ms: None,
            release_status: None,
            last_position: position,
        }
    }

    /// Something else is said of the same leg.
    pub(super) fn started_again(&mut self, fact: &LegStarted) {
        (self.party, self.carrier_id, self.agent_id) = party(&fact.kind);
        self.call_id = fact.call_id.to_string();
    }

    pub(super) fn progressed(&mut self, fact: &LegProgressed) {
        if (180..190).contains(&fact.sip_status) && self.pdd_ms.is_none() {
            self.pdd_ms = Some(int(fact.after_ms.0));
        }
    }

    pub(super) fn answered(&mut self, fact: &LegAnswered, at: Timestamp) {
        self.is_answered = true;
        self.answered_at = Some(at);
        self.answer_after_ms = Some(int(fact.after_ms.0));
        self.codec = Some(fact.codec.clone());
    }

    pub(super) fn ended(&mut self, fact: &LegEnded, at: Timestamp) {
        self.is_over = true;
        self.ended_at = Some(at);
        self.sip_status = fact.sip_status.map(i64::from);
        self.q850_cause = fact.q850_cause.map(i64::from);
        self.failure.clone_from(&fact.failure);
        self.is_failed =
            fact.failure.is_some() || fact.sip_status.is_some_and(|status| status >= 500);
        self.hung_up_by = fact.hung_up_by.map(crate::event::HangUpParty::as_str);
        self.packets_sent = int(fact.packets_sent);
        self.packets_received = int(fact.packets_received);
        self.packets_lost = int(fact.packets_lost);
        self.jitter_us = Some(int(fact.jitter_us));
        self.round_trip_ms = fact.round_trip_ms.map(|span| int(span.0));
        self.r_milli = fact.r_milli.map(i64::from);
        self.mos_milli = fact.mos_milli.map(i64::from);
    }

    pub(super) fn released(&mut self, fact: &LegReleased) {
        self.released_after_ms = Some(int(fact.after_ms.0));
        self.release_status = fact.sip_status.map(i64::from);
    }
}
