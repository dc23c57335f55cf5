//! A message for a voice mailbox: wait for the beep, say it, hang up.
//!
//! A script says so with `voicemail = "leave_message"`; without it a machine is hung up on at
//! once. Where no beep comes in [`BEEP_WAIT`] nothing is left: half a message in the middle of a
//! greeting helps nobody. Faxes, announcements and a line that is busy get no message.

use std::sync::Arc;

use crate::base::{Millis, Timestamp};

use super::super::answer::Judgement;
use super::super::timers::Timer;
use super::super::{AnswerVerdict, ConversationFact, EndReason, NodeId, Stage};
use super::{Conversation, Output, Phase, Prompt, PromptId};

/// How long the beep is waited for, from the verdict. Greetings of 20 s are long.
const BEEP_WAIT: Millis = Millis(30_000);
/// The name of the message among the nodes, which are the script's.
const NODE: &str = "voicemail";

impl Conversation {
    /// Somebody or something is known not to be a person: what is done about it.
    pub(super) fn machine(&mut self, now: Timestamp, judged: &Judgement) {
        let leaves = self.script.globals().voicemail.is_some();
        match (judged.verdict, judged.reason) {
            (AnswerVerdict::Machine, "answer.tone") if leaves => self.leave_message(now),
            (AnswerVerdict::Machine, "answer.long_speech" | "answer.talks_on") if leaves => {
                self.stop_saying();
                self.timers.clear();
                self.timers.set(Timer::Beep, now.plus(BEEP_WAIT));
                self.phase = Phase::AwaitingBeep;
            }
            _ => self.end(now, EndReason::Machine),
        }
    }

    /// The machine records now.
    pub(super) fn leave_message(&mut self, now: Timestamp) {
        let script = Arc::clone(&self.script);
        let Some(text) = &script.globals().voicemail else {
            return self.end(now, EndReason::Machine);
        };
        self.stop_saying();
        self.timers.clear();
        self.phase = Phase::LeavingMessage;
        // A prompt that never ends is cut off as any last words are.
        self.timers.set(Timer::Grace, now.plus(BEEP_WAIT));
        let prompt = PromptId(self.asked);
        self.asked += 1;
        let text = script.fill(text, &self.portrait);
        let record = Prompt {
            turn: self.next_turn(),
            node: NodeId::new(NODE.to_owned()),
            stage: Stage::Farewell,
            text: text.clone(),
            started: None,
        };
        self.prompts.insert(prompt, record);
        (self.playing, self.message) = (Some(prompt), Some(prompt));
        self.outputs.push_back(Output::Say { prompt, text });
    }

    /// So much of the message was said, if it was this prompt.
    pub(super) fn message_over(&mut self, prompt: PromptId, played: Millis, completed: bool) {
        if self.message == Some(prompt) {
            self.message = None;
            self.fact(ConversationFact::VoicemailLeft { played, completed });
        }
    }
}
