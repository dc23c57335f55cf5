//! The moves of a conversation along its script: say, listen, go on, end.

use std::sync::Arc;

use crate::base::{Millis, Ppm, Timestamp};

use super::super::hearing::LONGEST_TURN;
use super::super::timers::Timer;
use super::super::{
    ConversationFact, EndReason, Heard, Intent, KeyAction, MIN_SPEECH, Node, NodeId, Objection,
    TagSource, TransferReason, UnknownRule,
};
use super::{Conversation, Output, Phase, Prompt, PromptId, TRANSFER_WAIT};

impl Conversation {
    // --- the robot

    /// Says the first prompt.
    pub(super) fn begin(&mut self, now: Timestamp) {
        let start = self.script.start().clone();
        self.go(now, &start, TransferReason::Script);
    }

    /// Goes to a node and says what it says. `why` counts if the node hands over to a person.
    pub(super) fn go(&mut self, now: Timestamp, to: &NodeId, why: TransferReason) {
        let script = Arc::clone(&self.script);
        let Some(node) = script.node(to) else {
            debug_assert!(false, "the script names {to:?}, which it does not have");
            return self.end(now, EndReason::NotUnderstood);
        };
        if node.ends.is_none() && self.is_out_of_turns() {
            return self.close_at_limit(now, EndReason::TurnLimit);
        }
        self.node = node.id.clone();
        self.silences_here = 0;
        self.has_transfer_failed = false;
        self.timers.cancel(Timer::Transfer);
        self.phase = Phase::Talking;
        self.say(now, node, &node.say);
        if node.transfers {
            self.phase = Phase::Transferring;
            self.timers.set(Timer::Transfer, now.plus(TRANSFER_WAIT));
            self.fact(ConversationFact::TransferRequested { reason: why });
        }
    }

    /// Says something without leaving the node.
    fn say_here(&mut self, now: Timestamp, node: &Node, text: &str) {
        if self.is_out_of_turns() {
            return self.close_at_limit(now, EndReason::TurnLimit);
        }
        self.say(now, node, text);
    }

    fn say(&mut self, now: Timestamp, node: &Node, text: &str) {
        self.stop_saying();
        self.hearing.forget(now);
        for timer in [Timer::TurnEnd, Timer::BargeIn, Timer::Silence] {
            self.timers.cancel(timer);
        }
        self.floor_since = None;
        let prompt = PromptId(self.asked);
        self.asked += 1;
        let text = self.script.fill(text, &self.portrait);
        let turn = self.next_turn();
        let record = Prompt {
            turn,
            node: node.id.clone(),
            stage: node.stage,
            text: text.clone(),
            started: None,
        };
        self.prompts.insert(prompt, record);
        self.playing = Some(prompt);
        self.outputs.push_back(Output::Say { prompt, text });
    }

    pub(super) fn stop_saying(&mut self) {
        if let Some(prompt) = self.playing.take() {
            self.outputs.push_back(Output::StopSaying { prompt });
        }
    }

    pub(super) fn prompt_ended(
        &mut self,
        now: Timestamp,
        id: PromptId,
        played: Millis,
        completed: bool,
    ) {
        let Some(prompt) = self.prompts.remove(&id) else { return };
        self.spoken(prompt, played, completed);
        self.message_over(id, played, completed);
        if self.playing == Some(id) {
            self.playing = None;
            self.said(now);
        }
    }

    fn spoken(&mut self, prompt: Prompt, played: Millis, completed: bool) {
        let Prompt { turn, node, stage, text, .. } = prompt;
        self.fact(ConversationFact::TurnSpoken { turn, node, stage, text, played, completed });
    }

    /// A prompt is over: what the node does next by itself.
    fn said(&mut self, now: Timestamp) {
        let script = Arc::clone(&self.script);
        let Some(node) = script.node(&self.node) else { return };
        self.timers.cancel(Timer::BargeIn);
        if self.phase == Phase::LeavingMessage {
            self.end(now, EndReason::Machine);
        } else if node.ends.is_some() {
            self.end(now, self.closing_reason(EndReason::NotUnderstood));
        } else if self.phase == Phase::Transferring {
            if self.has_transfer_failed {
                self.transfer_failed(now);
            }
        } else if let Some(next) = &node.next {
            self.go(now, next, TransferReason::Script);
        } else {
            self.listen(now, node);
        }
    }

    /// It is the person's turn.
    fn listen(&mut self, now: Timestamp, node: &Node) {
        let wait =
            node.on_silence.as_ref().map_or(self.script.globals().silence_wait, |it| it.wait);
        self.floor_since = Some(now);
        self.silence_at = now.plus(wait);
        if self.hearing.is_speaking() {
            self.timers.set(Timer::TurnEnd, now.plus(LONGEST_TURN));
        } else if !self.hearing.in_turn() {
            self.timers.set(Timer::Silence, self.silence_at);
        }
    }

    // --- the person

    pub(super) fn key_heard(&mut self, now: Timestamp, key: char) {
        let script = Arc::clone(&self.script);
        let Some(node) = script.node(&self.node) else { return };
        let turn = self.heard_key(now, key);
        let Some(rule) = script.key(node, key) else {
            self.tag(turn, Intent::Other, None, TagSource::Rule);
            return self.not_understood(now, node);
        };
        self.tag(turn, rule.intent, rule.objection, TagSource::Key);
        self.unknowns = 0;
        let why = match rule.intent {
            Intent::TransferHuman => TransferReason::Asked,
            _ => TransferReason::Script,
        };
        match &rule.action {
            KeyAction::Go(to) => self.go(now, to, why),
            KeyAction::Repeat => self.say_here(now, node, &node.say),
        }
    }

    /// Puts the wish on record, once, and says goodbye unless a person has the call.
    pub(super) fn opt_out(&mut self, now: Timestamp, key: char) {
        if self.has_opted_out {
            return;
        }
        self.has_opted_out = true;
        if self.phase == Phase::Judging
            && let Some(judged) = self.classifier.as_mut().and_then(|it| it.key_pressed(now))
        {
            self.timers.cancel(Timer::Answer);
            self.phase = Phase::Talking; // keeps the verdict from beginning the talk
            self.judged(now, Some(judged));
        }
        let turn = self.heard_key(now, key);
        self.tag(turn, Intent::OptOut, None, TagSource::Key);
        self.fact(ConversationFact::OptOutRequested { turn });
        if self.phase == Phase::HandedOver {
            return;
        }
        self.limit = None;
        let script = Arc::clone(&self.script);
        match script.opt_out_node() {
            Some(to) => self.go(now, to, TransferReason::Script),
            None => self.end(now, EndReason::OptedOut),
        }
    }

    fn heard_key(&mut self, now: Timestamp, key: char) -> u32 {
        let reaction = self.floor_since.map(|since| now.since(since));
        self.silences = 0;
        self.heard(Heard::Key, key.to_string(), Millis(0), reaction)
    }

    /// The person has spoken and pauses, or does not stop.
    pub(super) fn turn_over(&mut self, now: Timestamp) {
        self.timers.cancel(Timer::BargeIn);
        let Some(speech) = self.hearing.take(now) else { return };
        if self.phase != Phase::Talking || self.playing.is_some() {
            return; // said in passing, over a prompt that went on
        }
        if speech.spoken < MIN_SPEECH {
            return self.timers.set(Timer::Silence, self.silence_at);
        }
        let script = Arc::clone(&self.script);
        let Some(node) = script.node(&self.node) else { return };
        let since = self.floor_since.filter(|since| *since <= speech.began);
        let reaction = since.map(|since| speech.began.since(since));
        self.silences = 0;
        self.heard(Heard::Speech, String::new(), speech.spoken, reaction);
        match &node.on_speech {
            Some(to) => {
                self.unknowns = 0;
                self.go(now, to, TransferReason::Script);
            }
            None => self.not_understood(now, node),
        }
    }

    /// Nobody said anything for too long.
    pub(super) fn silence(&mut self, now: Timestamp) {
        if self.phase != Phase::Talking || self.playing.is_some() {
            return;
        }
        let script = Arc::clone(&self.script);
        let Some(node) = script.node(&self.node) else { return };
        let waited = self.floor_since.map(|since| now.since(since));
        self.heard(Heard::Silence, String::new(), Millis(0), waited);
        self.silences += 1;
        self.silences_here += 1;
        let globals = script.globals();
        if let Some(rule) = &node.on_silence {
            let nth = usize::try_from(self.silences_here - 1).unwrap_or(usize::MAX);
            match rule.reprompts.get(nth) {
                Some(text) => self.say_here(now, node, text),
                None => self.go(now, &rule.go, TransferReason::Script),
            }
            return;
        }
        match self.silences {
            1 => self.say_here(now, node, &globals.silence_reprompt),
            2 => self.go(now, &globals.silence_alternative, TransferReason::Script),
            _ => self.go(now, &globals.silence_close, TransferReason::Script),
        }
    }

    fn not_understood(&mut self, now: Timestamp, node: &Node) {
        let script = Arc::clone(&self.script);
        let UnknownRule { say, limit, go } =
            node.on_unknown.as_ref().unwrap_or(&script.globals().unknown);
        self.unknowns += 1;
        if self.unknowns < *limit {
            self.say_here(now, node, say);
        } else {
            self.go(now, go, TransferReason::NotUnderstood);
        }
    }

    fn heard(
        &mut self,
        kind: Heard,
        digits: String,
        speech: Millis,
        reaction: Option<Millis>,
    ) -> u32 {
        let turn = self.next_turn();
        let (node, stage) = (self.node.clone(), self.stage());
        let heard =
            ConversationFact::TurnHeard { turn, node, stage, kind, digits, speech, reaction };
        self.fact(heard);
        turn
    }

    fn tag(&mut self, turn: u32, intent: Intent, objection: Option<Objection>, source: TagSource) {
        let confidence = Ppm::ONE;
        self.fact(ConversationFact::IntentTagged { turn, intent, objection, confidence, source });
    }

    pub(super) fn next_turn(&mut self) -> u32 {
        let turn = self.turns;
        self.turns += 1;
        turn
    }

    // --- the end

    fn is_out_of_turns(&self) -> bool {
        self.turns >= self.script.globals().max_turns
    }

    /// Says the last words because a limit was reached.
    pub(super) fn close_at_limit(&mut self, now: Timestamp, reason: EndReason) {
        self.limit = Some(reason);
        let script = Arc::clone(&self.script);
        self.go(now, &script.globals().at_limit, TransferReason::Script);
    }

    /// Ends, with every prompt accounted for as far as is known.
    pub(super) fn end(&mut self, now: Timestamp, reason: EndReason) {
        self.stop_saying();
        for (id, prompt) in std::mem::take(&mut self.prompts) {
            let played = prompt.started.map_or(Millis(0), |started| now.since(started));
            self.spoken(prompt, played, false);
            self.message_over(id, played, false);
        }
        self.timers.clear();
        self.phase = Phase::Ended;
        self.outputs.push_back(Output::End(reason));
    }
}
