//! The agent's side: the phone rings, the legs are joined, keys say what came of it.

use super::customer::LegEnd;
use super::talk::tells_party;
use super::{Call, CallCommand, LegOver};
use crate::base::{AgentId, LegId, Timestamp};
use crate::conversation::Intent;
use crate::event::{
    AgentState, AgentStateChanged, CallBridged, DoNotCallAdded, Handler, HangUpParty, IntentTagged,
    IntentionLevel, LegAnswered, LegKind, LegStarted, OptOutHeard, RoutePurpose,
};
use crate::media::MediaStatistics;
use crate::sip::Party;

/// What an agent may key in, ended by `#`: digit, level, intent. The last one counts, but an
/// opt-out stays one.
const OUTCOMES: [(char, IntentionLevel, Intent); 7] = [
    ('1', IntentionLevel::A, Intent::Appointment),
    (SALE, IntentionLevel::A, Intent::Affirm),
    ('8', IntentionLevel::E, Intent::WrongPerson),
    ('2', IntentionLevel::B, Intent::Interested),
    ('3', IntentionLevel::C, Intent::CallbackLater),
    ('4', IntentionLevel::D, Intent::NotInterested),
    ('9', IntentionLevel::X, Intent::OptOut),
];

/// A sale. What it is worth may follow, in whole units of the currency: `5*1200#`.
const SALE: char = '5';

/// Keys remembered before `#`: an outcome, `*`, and an amount below a thousand million.
const KEYED_MAX: usize = 11;

/// What the rule ids of such outcomes begin with; the digit follows.
pub(super) const OUTCOME_RULE: &str = "level.agent.";

/// Where the agent's side is.
#[derive(Debug)]
pub(super) enum AgentSide {
    /// Nobody was asked.
    None,
    /// The agent's phone rings.
    Ringing { leg_id: LegId, agent_id: AgentId, since: Timestamp, purpose: RoutePurpose },
    /// Joined with the customer.
    Talking { leg_id: LegId, agent_id: AgentId, since: Timestamp, keyed: String },
}

impl AgentSide {
    /// Whether this leg is the agent's.
    pub(super) fn has(&self, leg_id: LegId) -> bool {
        match self {
            Self::None => false,
            Self::Ringing { leg_id: own, .. } | Self::Talking { leg_id: own, .. } => *own == leg_id,
        }
    }

    /// Whether there is no leg.
    pub(super) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl Call {
    /// The router chose a person, who is marked as ringing already.
    pub(super) fn ring_agent(&mut self, now: Timestamp, agent_id: AgentId) {
        // Of two phones that ring, one would be forgotten and ring for ever.
        if !self.customer.is_up() || self.ended_by.is_some() || !self.agent.is_none() {
            self.agent_moves(&agent_id, AgentState::Ringing, AgentState::Available, None);
            return;
        }
        let leg_id = self.next_leg(now);
        let purpose = if self.talk.is_open() || self.was_served {
            RoutePurpose::Transfer
        } else {
            RoutePurpose::Answer
        };
        self.fact(LegStarted {
            call_id: self.setup.call_id,
            leg_id,
            kind: LegKind::Agent(agent_id.clone()),
        });
        self.command(CallCommand::InviteAgent {
            leg_id,
            agent_id: agent_id.clone(),
            ring_timeout: self.setup.agent_ring,
        });
        self.agent = AgentSide::Ringing { leg_id, agent_id, since: now, purpose };
    }

    pub(super) fn agent_answered(&mut self, now: Timestamp, codec: &'static str) {
        let AgentSide::Ringing { leg_id, agent_id, since, .. } = &self.agent else { return };
        let (leg_id, agent_id, waited) = (*leg_id, agent_id.clone(), now.since(*since));
        let call_id = self.setup.call_id;
        self.fact(LegAnswered { call_id, leg_id, after_ms: waited, codec: codec.to_owned() });
        let Some(customer) = self.customer.leg_id().filter(|_| self.customer.is_up()) else {
            self.command(CallCommand::HangUp { leg_id });
            return;
        };
        let handler = Handler::Agent(agent_id.clone());
        self.fact(CallBridged {
            call_id,
            customer_leg_id: customer,
            agent_leg_id: leg_id,
            handler: handler.clone(),
            wait_ms: waited,
        });
        self.agent_moves(&agent_id, AgentState::Ringing, AgentState::Talking, None);
        self.handler = Some(handler);
        self.was_served = true;
        self.agent = AgentSide::Talking { leg_id, agent_id, since: now, keyed: String::new() };
        self.hear(now, crate::conversation::Input::Transferred);
    }

    pub(super) fn agent_over(
        &mut self,
        now: Timestamp,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        self.agent_until = None;
        match std::mem::replace(&mut self.agent, AgentSide::None) {
            AgentSide::Ringing { leg_id, agent_id, purpose, .. } => {
                self.leg_ended(
                    leg_id,
                    LegKind::Agent(agent_id.clone()),
                    LegEnd::of(over),
                    None,
                    statistics,
                );
                if self.ended_by.is_some() || !self.customer.is_up() {
                    self.agent_moves(&agent_id, AgentState::Ringing, AgentState::Available, None);
                    return;
                }
                self.was_not_reached(&agent_id, over);
                self.command(CallCommand::WantHandler { purpose });
            }
            AgentSide::Talking { leg_id, agent_id, since, .. } => {
                let by = match over {
                    LegOver::Ended { by: Party::Remote, .. } => HangUpParty::Agent,
                    _ => self.ended_by.unwrap_or(HangUpParty::Platform),
                };
                let kind = LegKind::Agent(agent_id.clone());
                self.leg_ended(leg_id, kind, LegEnd::of(over), Some(by), statistics);
                self.has_talked(now, &agent_id, since);
                self.end_consult();
                if !self.has_left_behind(leg_id) {
                    self.hang_up_customer(HangUpParty::Agent);
                }
            }
            AgentSide::None => {}
        }
    }

    /// An agent's phone rang in vain: the agent is left alone for a while, unless the customer is
    /// gone and nobody is to blame.
    pub(super) fn was_not_reached(&mut self, agent_id: &AgentId, over: LegOver) {
        if self.ended_by.is_some() || !self.customer.is_up() {
            return self.agent_moves(agent_id, AgentState::Ringing, AgentState::Available, None);
        }
        let reason = match over {
            LegOver::Failed { .. }
            | LegOver::BadSession
            | LegOver::MediaTimeout
            | LegOver::NoKeys(_)
            | LegOver::Barred => "phone_unreachable",
            LegOver::Cancelled => "no_answer",
            LegOver::Refused { .. } | LegOver::Ended { .. } => "refused",
        };
        self.agent_moves(agent_id, AgentState::Ringing, AgentState::Break, Some(reason));
    }

    /// A key on the agent's phone: a digit, then `#`, says what came of the call.
    pub(super) fn agent_digit(&mut self, digit: char) {
        let AgentSide::Talking { agent_id, keyed, .. } = &mut self.agent else { return };
        if digit != '#' {
            if keyed.len() >= KEYED_MAX {
                keyed.clear();
            }
            keyed.push(digit);
            return;
        }
        let keyed = std::mem::take(keyed);
        let sale = keyed.split_once('*').filter(|(outcome, _)| outcome.ends_with(SALE));
        let (key, amount) = match sale {
            Some((_, amount)) => (Some(SALE), amount),
            None => (keyed.chars().last(), ""),
        };
        let Some(key) = key else { return };
        let Some((_, level, intent)) = OUTCOMES.iter().find(|(outcome, ..)| *outcome == key) else {
            return;
        };
        let source = format!("agent:{agent_id}");
        let worth = amount.parse().ok().map(|whole| self.setup.prices.minor(whole));
        self.sale = (key == SALE).then_some(worth);
        if let Some(is_right) = tells_party(*intent) {
            self.identify(is_right, &source);
        }
        let turn = self.talk.next_turn();
        let call_id = self.setup.call_id;
        self.fact(IntentTagged {
            call_id,
            turn,
            intent: intent.name().to_owned(),
            objection: None,
            confidence_ppm: crate::base::Ppm::ONE,
            source,
            model_version: None,
        });
        if *level == IntentionLevel::X {
            self.opt_out(Some(turn), "agent");
        }
        if self.level.as_ref().is_none_or(|(before, _)| *before != IntentionLevel::X) {
            self.level = Some((*level, format!("{OUTCOME_RULE}{key}")));
        }
        if self.agent_until.is_some() {
            self.hang_up_agent();
        }
    }

    /// The opt-out and its do-not-call entry, in one turn.
    pub(super) fn opt_out(&mut self, turn: Option<u32>, source: &str) {
        let (call_id, subject_id) = (self.setup.call_id, self.setup.subject_id);
        self.fact(OptOutHeard { call_id, subject_id, turn });
        self.fact(DoNotCallAdded {
            phone_hash: self.setup.phone_hash.clone(),
            subject_id: Some(subject_id),
            source: source.to_owned(),
            call_id: Some(call_id),
        });
    }

    /// The customer is gone. An agent who talked may still key in what came of it: "never call
    /// me again" is often the last thing a customer says.
    pub(super) fn release_agent(&mut self, now: Timestamp) {
        let may_key = matches!(self.agent, AgentSide::Talking { .. }) && self.level.is_none();
        if may_key && !self.is_stopping {
            self.agent_until = Some(now.plus(self.setup.wrap_up));
        } else {
            self.hang_up_agent();
        }
    }

    /// Ends the agent's leg; its end is recorded when SIP says so.
    pub(super) fn hang_up_agent(&mut self) {
        self.agent_until = None;
        if let AgentSide::Ringing { leg_id, .. } | AgentSide::Talking { leg_id, .. } = &self.agent {
            let leg_id = *leg_id;
            self.command(CallCommand::HangUp { leg_id });
        }
    }

    pub(super) fn agent_moves(
        &mut self,
        agent_id: &AgentId,
        from: AgentState,
        to: AgentState,
        reason: Option<&str>,
    ) {
        self.fact(AgentStateChanged {
            agent_id: agent_id.clone(),
            from,
            to,
            call_id: Some(self.setup.call_id),
            reason: reason.map(str::to_owned),
        });
    }
}
