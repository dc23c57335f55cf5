//! The robot's side: the conversation's outputs become facts and commands.

use super::{Call, CallCommand};
use crate::base::{Millis, Timestamp};
use crate::conversation::{
    self, AnswerVerdict, Conversation, ConversationFact, EndReason, Heard, Input, Intent, Output,
    TagSource,
};
use crate::event::{
    AnswerClassified, Disposition, HangUpParty, HeardKind, IntentTagged, IntentionLevel,
    RoutePurpose, TransferRequested, TurnHeard, TurnSpoken, VoicemailLeft,
};

/// Whether an answer tells that it is the right party who gives it: who answers to an offer is
/// taken for the one it is made to. Nothing for what anybody may say, such as to be left alone.
pub(super) const fn tells_party(intent: Intent) -> Option<bool> {
    match intent {
        Intent::WrongPerson => Some(false),
        Intent::OptOut
        | Intent::Complaint
        | Intent::Abuse
        | Intent::AskCompany
        | Intent::AskSource
        | Intent::AskRobot
        | Intent::Repeat
        | Intent::Greeting
        | Intent::Goodbye
        | Intent::Thanks
        | Intent::Other => None,
        Intent::Affirm
        | Intent::Deny
        | Intent::Interested
        | Intent::AskPrice
        | Intent::AskProduct
        | Intent::AskProcess
        | Intent::AskDiscount
        | Intent::AskLocation
        | Intent::AskGuarantee
        | Intent::Appointment
        | Intent::CallbackLater
        | Intent::SendInfo
        | Intent::TransferHuman
        | Intent::NotInterested
        | Intent::Hesitate => Some(true),
    }
}

/// What was said and what is known of the ending.
#[derive(Debug, Default)]
pub(super) struct Talk {
    conversation: Option<Conversation>,
    /// The conversation is over; its facts stay.
    is_over: bool,
    facts: Vec<ConversationFact>,
    end: Option<EndReason>,
    stage: Option<String>,
    turns: u32,
    /// What answered, where it is nobody to talk to, or nobody yet.
    machine: Option<AnswerVerdict>,
    /// From answer to end.
    pub(super) length: Millis,
    /// How the attempt ended, where the customer did not answer.
    pub(super) disposition: Option<Disposition>,
    pub(super) sip_status: Option<u16>,
    pub(super) q850_cause: Option<u8>,
}

impl Talk {
    /// Whether the robot is in the conversation.
    pub(super) const fn is_open(&self) -> bool {
        self.conversation.is_some() && !self.is_over
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.conversation.as_ref().filter(|_| !self.is_over)?.poll_timeout()
    }

    /// The last stage the robot spoke in.
    pub(super) fn stage(&self) -> Option<String> {
        self.stage.clone()
    }

    /// A number for a turn of a person.
    pub(super) const fn next_turn(&mut self) -> u32 {
        let turn = self.turns;
        self.turns += 1;
        turn
    }

    /// How the attempt ended, where a machine answered. An announcement is one.
    pub(super) const fn answered_by_machine(&self) -> Option<Disposition> {
        match self.machine {
            None => None,
            Some(AnswerVerdict::Fax) => Some(Disposition::AnsweredFax),
            Some(_) => Some(Disposition::AnsweredMachine),
        }
    }

    /// The level the facts give, with its rule; nothing where the robot never talked.
    pub(super) fn level(&self) -> Option<(IntentionLevel, String)> {
        self.conversation.as_ref()?;
        if self.machine.is_some() {
            return None;
        }
        let judged = conversation::judge(&self.facts, self.end);
        Some((recorded_level(judged.level), judged.rule.to_owned()))
    }
}

impl Call {
    /// The robot takes the call.
    pub(super) fn begin_talk(&mut self, now: Timestamp) {
        let mut conversation =
            Conversation::new(self.setup.script.clone(), self.setup.portrait.clone());
        conversation.handle(now, Input::Answered);
        self.talk.conversation = Some(conversation);
        self.drain_talk();
    }

    /// Something happened that the conversation wants to know.
    pub(super) fn hear(&mut self, now: Timestamp, input: Input) {
        if let Some(conversation) = self.talk.conversation.as_mut().filter(|_| !self.talk.is_over) {
            conversation.handle(now, input);
            self.drain_talk();
        }
    }

    pub(super) fn talk_timeout(&mut self, now: Timestamp) {
        if self.talk.poll_timeout().is_some_and(|due| due <= now) {
            if let Some(conversation) = &mut self.talk.conversation {
                conversation.handle_timeout(now);
            }
            self.drain_talk();
        }
    }

    /// The script and its version, which give keys their meanings.
    fn script_version(&self) -> String {
        format!("{} {}", self.setup.script.id(), self.setup.script.version())
    }

    fn drain_talk(&mut self) {
        while let Some(output) = self.talk.conversation.as_mut().and_then(Conversation::poll_output)
        {
            let leg_id = self.customer.leg_id().filter(|_| self.customer.is_up());
            match (output, leg_id) {
                (Output::Say { prompt, text }, Some(leg_id)) => {
                    self.command(CallCommand::Play { leg_id, prompt, text });
                }
                (Output::StopSaying { prompt }, Some(leg_id)) => {
                    self.command(CallCommand::StopPlaying { leg_id, prompt });
                }
                (Output::Say { .. } | Output::StopSaying { .. }, None) => {}
                (Output::Fact(fact), _) => self.talk_fact(fact),
                (Output::End(reason), _) => {
                    self.talk.is_over = true;
                    self.talk.end = Some(reason);
                    if reason != EndReason::Transferred {
                        self.hang_up_customer(HangUpParty::Platform);
                    }
                }
            }
        }
    }

    /// One fact of the conversation as a fact of the log.
    #[expect(clippy::too_many_lines, reason = "an arm for each fact")]
    fn talk_fact(&mut self, fact: ConversationFact) {
        let call_id = self.setup.call_id;
        match &fact {
            ConversationFact::AnswerJudged {
                verdict,
                confidence,
                reason,
                after,
                greeting_ended,
            } => {
                let rings = *verdict == AnswerVerdict::Ringback;
                self.talk.machine = (rings || verdict.is_final()).then_some(*verdict);
                self.fact(AnswerClassified {
                    call_id,
                    verdict: recorded_verdict(*verdict),
                    confidence_ppm: *confidence,
                    reason: (*reason).to_owned(),
                    after_ms: *after,
                    greeting_ended_after_ms: *greeting_ended,
                });
            }
            ConversationFact::TurnSpoken { turn, node, stage, text, played, completed } => {
                self.talk.turns = self.talk.turns.max(turn + 1);
                self.talk.stage = Some(stage.name().to_owned());
                self.fact(TurnSpoken {
                    call_id,
                    turn: *turn,
                    node: node.to_string(),
                    stage: stage.name().to_owned(),
                    text: text.clone(),
                    played_ms: *played,
                    is_completed: *completed,
                });
            }
            ConversationFact::TurnHeard { turn, node, kind, digits, speech, reaction, .. } => {
                self.talk.turns = self.talk.turns.max(turn + 1);
                self.fact(TurnHeard {
                    call_id,
                    turn: *turn,
                    node: node.to_string(),
                    kind: match kind {
                        Heard::Key => HeardKind::Key,
                        Heard::Speech => HeardKind::Speech,
                        Heard::Silence => HeardKind::Silence,
                    },
                    digits: (!digits.is_empty()).then(|| digits.clone()),
                    speech_ms: (speech.0 > 0).then_some(*speech),
                    reaction_ms: *reaction,
                });
            }
            ConversationFact::IntentTagged { turn, intent, objection, confidence, source } => {
                self.fact(IntentTagged {
                    call_id,
                    turn: *turn,
                    intent: intent.name().to_owned(),
                    objection: objection.map(|objection| objection.name().to_owned()),
                    confidence_ppm: *confidence,
                    source: source.name().to_owned(),
                    model_version: Some(self.script_version()),
                });
                if let (TagSource::Key, Some(is_right)) = (source, tells_party(*intent)) {
                    self.identify(is_right, source.name());
                }
            }
            ConversationFact::VoicemailLeft { played, completed } => {
                self.fact(VoicemailLeft { call_id, played_ms: *played, is_complete: *completed })
            }
            ConversationFact::OptOutRequested { turn } => self.opt_out(Some(*turn), "key"),
            ConversationFact::TransferRequested { reason } => {
                self.fact(TransferRequested { call_id, reason: reason.name().to_owned() });
                // A phone that rings since an earlier wish serves this one too.
                if self.agent.is_none() {
                    self.command(CallCommand::WantHandler { purpose: RoutePurpose::Transfer });
                }
            }
        }
        self.talk.facts.push(fact);
    }
}

const fn recorded_verdict(verdict: AnswerVerdict) -> crate::event::AnswerVerdict {
    use crate::event::AnswerVerdict as Recorded;
    match verdict {
        AnswerVerdict::Human => Recorded::Human,
        AnswerVerdict::Machine => Recorded::Machine,
        AnswerVerdict::Silence => Recorded::Silence,
        AnswerVerdict::Fax => Recorded::Fax,
        AnswerVerdict::Sit => Recorded::Sit,
        AnswerVerdict::Ringback => Recorded::Ringback,
    }
}

const fn recorded_level(level: conversation::IntentionLevel) -> IntentionLevel {
    match level {
        conversation::IntentionLevel::A => IntentionLevel::A,
        conversation::IntentionLevel::B => IntentionLevel::B,
        conversation::IntentionLevel::C => IntentionLevel::C,
        conversation::IntentionLevel::D => IntentionLevel::D,
        conversation::IntentionLevel::E => IntentionLevel::E,
        conversation::IntentionLevel::X => IntentionLevel::X,
    }
}
