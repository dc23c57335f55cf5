//! The end: once every leg is over, what came of the call is recorded, once.

use super::agent::OUTCOME_RULE;
use super::customer::CustomerSide;
use super::{Call, CallCommand, CallOutput};
use crate::event::{
    AttemptEnded, CallEnded, CommitmentMade, Disposition, Handler, HangUpParty, IntentionLevel,
    IntentionLevelSet,
};

impl Call {
    /// Closes the call where nothing of it is left.
    pub(super) fn settle(&mut self) {
        let is_anybody_left = !self.agent.is_none()
            || self.transfer.is_some()
            || self.consult.is_some()
            || self.supervisor.is_some()
            || !self.departing.is_empty();
        if self.is_done || !matches!(self.customer, CustomerSide::Over) || is_anybody_left {
            return;
        }
        self.is_done = true;
        self.forget_wishes();
        let setup = &self.setup;
        let (call_id, campaign_id) = (setup.call_id, setup.campaign_id.clone());
        let (lead_id, subject_id) = (setup.lead_id, setup.subject_id);
        let attempt_number = setup.attempt_number;
        let disposition = self.disposition();
        let level = match self.talk.level() {
            // Whatever an agent keys in, an opt-out stays one.
            Some((IntentionLevel::X, rule_id)) => Some((IntentionLevel::X, rule_id)),
            talked => self.level.take().or(talked),
        };
        if let Some((level, rule_id)) = &level {
            self.commitment(*level, rule_id);
            self.fact(IntentionLevelSet {
                call_id,
                campaign_id: campaign_id.clone(),
                lead_id,
                level: *level,
                rule_id: rule_id.clone(),
            });
        }
        if disposition.is_answered() {
            self.fact(CallEnded {
                call_id,
                campaign_id: campaign_id.clone(),
                handler: self.handler.clone(),
                talk_ms: self.talk.length,
                hung_up_by: self.ended_by.unwrap_or(HangUpParty::Platform),
                stage: self.talk.stage(),
            });
        }
        self.fact(AttemptEnded {
            call_id,
            campaign_id,
            lead_id,
            subject_id,
            attempt_number,
            disposition,
            sip_status: self.talk.sip_status,
            q850_cause: self.talk.q850_cause,
            talk_ms: self.talk.length,
            level: level.map(|(level, _)| level),
            reason: self.reason.clone(),
        });
        self.command(CallCommand::Done);
    }

    /// A decision nobody took yet is not wanted any more: an agent chosen for a call that is
    /// over would be left ringing.
    fn forget_wishes(&mut self) {
        self.outputs.retain(|output| {
            !matches!(
                output,
                CallOutput::Command(
                    CallCommand::WantCarrier { .. }
                        | CallCommand::WantHandler { .. }
                        | CallCommand::WantAgent { .. }
                )
            )
        });
    }

    /// What the customer agreed to, where it came to that: level A says so.
    fn commitment(&mut self, level: IntentionLevel, rule_id: &str) {
        if level != IntentionLevel::A {
            return;
        }
        let (made_with, sale) = match &self.handler {
            Some(Handler::Agent(agent_id)) if rule_id.starts_with(OUTCOME_RULE) => {
                (format!("agent:{agent_id}"), self.sale)
            }
            _ => ("robot".to_owned(), None),
        };
        self.fact(CommitmentMade {
            call_id: self.setup.call_id,
            campaign_id: self.setup.campaign_id.clone(),
            lead_id: self.setup.lead_id,
            kind: if sale.is_some() { "sale" } else { "appointment" }.to_owned(),
            made_with,
            amount_minor: sale.flatten(),
            currency: sale.flatten().map(|_| self.setup.prices.currency.clone()),
        });
    }

    /// How the attempt ended. Without one from the dial, the customer answered.
    fn disposition(&self) -> Disposition {
        if let Some(disposition) = self.talk.disposition {
            disposition
        } else if self.ended_by.is_none() {
            Disposition::Cancelled
        } else if let Some(disposition) = self.talk.answered_by_machine() {
            disposition
        } else if self.was_served {
            Disposition::AnsweredHuman
        } else {
            Disposition::Abandoned
        }
    }
}
