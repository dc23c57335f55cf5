//! One robot conversation: what came in, what is going on, what is to be done.
//!
//! This file says what the inputs and timers mean at each phase; `flow/moves.rs` walks the
//! script. See the module above for the drain contract and the invariants.

mod moves;
mod voicemail;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::base::{Millis, Timestamp};

use super::answer::Judgement;
use super::hearing::Hearing;
use super::timers::{Timer, Timers};
use super::{
    AnswerClassifier, AnswerVerdict, BARGE_IN, ConversationFact, EndReason, Intent, NodeId, Script,
    Stage, Tone, TransferReason,
};

/// After the script's `max_seconds` the last words may take this long.
pub const GRACE: Millis = Millis(10_000);
/// How long a person is looked for before the robot apologises.
pub const TRANSFER_WAIT: Millis = Millis(15_000);

/// One prompt of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromptId(pub u64);

/// What happened on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The call was answered. Anything before it is ignored, except hanging up.
    Answered,
    /// A prompt began to play.
    PromptStarted {
        /// Which.
        prompt: PromptId,
    },
    /// A prompt is over, or could not be played. Also expected after
    /// [`Output::StopSaying`].
    PromptEnded {
        /// Which.
        prompt: PromptId,
        /// How much of it was played.
        played: Millis,
        /// Whether it was played to its end.
        completed: bool,
    },
    /// The person pressed a key: `0` to `9`, `*` or `#`.
    Key(char),
    /// The person begins to speak.
    SpeechStarted,
    /// The person pauses.
    SpeechEnded {
        /// How long they spoke since [`Input::SpeechStarted`].
        duration: Millis,
    },
    /// The person begins a word, in the first seconds after the answer. Where words are told,
    /// they and not speech say who answered.
    WordStarted {
        /// How long ago.
        ago: Millis,
    },
    /// The person has said a word, in the first seconds after the answer.
    WordEnded {
        /// From its first sound to its last.
        duration: Millis,
        /// How long ago it was over.
        ago: Millis,
    },
    /// A tone.
    ToneHeard {
        /// Which.
        tone: Tone,
    },
    /// A person has taken over; the robot is silent from here on.
    Transferred,
    /// No person could be had.
    TransferFailed,
    /// The other side hung up.
    HungUp,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Play this; at most one prompt plays at a time.
    Say {
        /// Which prompt it is from now on.
        prompt: PromptId,
        /// The words, placeholders filled.
        text: String,
    },
    /// Stop a prompt at once.
    StopSaying {
        /// Which.
        prompt: PromptId,
    },
    /// Something to put on record.
    Fact(ConversationFact),
    /// It is over: hang up now. The last output.
    End(EndReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not answered yet.
    Waiting,
    /// Answered; who it is, is being judged.
    Judging,
    /// Robot and person talk.
    Talking,
    /// A person is being looked for.
    Transferring,
    /// A person has taken over.
    HandedOver,
    /// A machine talks; the message waits for its beep.
    AwaitingBeep,
    /// The message is said to a machine.
    LeavingMessage,
    /// [`Output::End`] was given.
    Ended,
}

/// A prompt that was asked for and is not over.
#[derive(Clone, Debug)]
struct Prompt {
    turn: u32,
    node: NodeId,
    stage: Stage,
    text: String,
    started: Option<Timestamp>,
}

/// One conversation on one call.
#[derive(Clone, Debug)]
pub struct Conversation {
    script: Arc<Script>,
    portrait: BTreeMap<String, String>,
    phase: Phase,
    node: NodeId,
    /// Turns begun so far, both sides.
    turns: u32,
    /// Prompts asked for so far.
    asked: u64,
    prompts: BTreeMap<PromptId, Prompt>,
    playing: Option<PromptId>,
    /// The prompt that is the message for a mailbox, until it is over.
    message: Option<PromptId>,
    classifier: Option<AnswerClassifier>,
    hearing: Hearing,
    timers: Timers,
    /// When the prompt that the person may react to was over; nothing if they cut in.
    floor_since: Option<Timestamp>,
    /// When the present silence will have been too long.
    silence_at: Timestamp,
    /// Silences since the person was last heard.
    silences: u32,
    /// Of these, those at the present node.
    silences_here: u32,
    /// Turns not understood in a row.
    unknowns: u32,
    has_opted_out: bool,
    /// The limit that was reached, which names the end.
    limit: Option<EndReason>,
    has_transfer_failed: bool,
    outputs: VecDeque<Output>,
}

impl Conversation {
    /// A conversation about to begin. `portrait` fills the script's placeholders.
    pub fn new(script: Arc<Script>, portrait: BTreeMap<String, String>) -> Self {
        let node = script.start().clone();
        Self {
            script,
            portrait,
            phase: Phase::Waiting,
            node,
            turns: 0,
            asked: 0,
            prompts: BTreeMap::new(),
            playing: None,
            message: None,
            classifier: None,
            hearing: Hearing::default(),
            timers: Timers::default(),
            floor_since: None,
            silence_at: Timestamp::EPOCH,
            silences: 0,
            silences_here: 0,
            unknowns: 0,
            has_opted_out: false,
            limit: None,
            has_transfer_failed: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened at this time.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        match (self.phase, input) {
            (Phase::Ended, _) => {}
            (_, Input::HungUp) => self.hung_up(now),
            (Phase::Waiting, Input::Answered) => self.answered(now),
            (Phase::Waiting, _) | (_, Input::Answered) => {}
            (_, Input::PromptStarted { prompt }) => {
                if let Some(prompt) = self.prompts.get_mut(&prompt) {
                    prompt.started.get_or_insert(now);
                }
            }
            (_, Input::PromptEnded { prompt, played, completed }) => {
                self.prompt_ended(now, prompt, played, completed);
            }
            (_, Input::Key(key)) => self.key(now, key),
            (_, Input::SpeechStarted) => self.speech_started(now),
            (_, Input::SpeechEnded { duration }) => self.speech_ended(now, duration),
            (Phase::HandedOver, _) => {}
            (Phase::AwaitingBeep, Input::ToneHeard { tone: Tone::Beep }) => {
                self.leave_message(now);
            }
            (Phase::AwaitingBeep | Phase::LeavingMessage, _) => {}
            (_, Input::WordStarted { ago }) => {
                if let Some(classifier) = &mut self.classifier {
                    classifier.word_started(now, ago);
                }
                self.look_at_answer(now);
            }
            (_, Input::WordEnded { duration, ago }) => {
                if let Some(classifier) = &mut self.classifier {
                    classifier.word_ended(now, duration, ago);
                }
                self.look_at_answer(now);
            }
            (_, Input::ToneHeard { tone }) => {
                let judged = self.classifier.as_mut().and_then(|it| it.tone_heard(now, tone));
                self.judged(now, judged);
            }
            (_, Input::Transferred) => self.handed_over(),
            (Phase::Transferring, Input::TransferFailed) => self.transfer_failed(now),
            (_, Input::TransferFailed) => {}
        }
    }

    /// Lets time pass. Needed when [`Self::poll_timeout`] says so, harmless otherwise.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Answer => self.look_at_answer(now),
                Timer::BargeIn => self.barge_in(now),
                Timer::TurnEnd => self.turn_over(now),
                Timer::Silence => self.silence(now),
                Timer::Transfer => self.transfer_failed(now),
                Timer::Beep => self.end(now, EndReason::Machine),
                Timer::TimeLimit => {
                    if !self.is_closing() {
                        self.close_at_limit(now, EndReason::TimeLimit);
                    }
                }
                Timer::Grace if self.phase == Phase::LeavingMessage => {
                    self.end(now, EndReason::Machine);
                }
                Timer::Grace => self.end(now, self.closing_reason(EndReason::TimeLimit)),
            }
        }
    }

    /// When [`Self::handle_timeout`] is needed next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What part of the talk it is in.
    pub fn stage(&self) -> Stage {
        self.script.node(&self.node).map_or(Stage::Hook, |node| node.stage)
    }

    // --- the answer

    fn answered(&mut self, now: Timestamp) {
        let limit = now.plus(self.script.globals().max_time);
        self.timers.set(Timer::TimeLimit, limit);
        self.timers.set(Timer::Grace, limit.plus(GRACE));
        self.classifier = Some(AnswerClassifier::new(now));
        self.phase = Phase::Judging;
        self.look_at_answer(now);
    }

    /// Asks the classifier what it makes of the time, and when to ask again.
    fn look_at_answer(&mut self, now: Timestamp) {
        let Some(classifier) = &mut self.classifier else { return };
        let judged = classifier.handle_timeout(now);
        match classifier.poll_timeout() {
            Some(at) => self.timers.set(Timer::Answer, at),
            None => self.timers.cancel(Timer::Answer),
        }
        self.judged(now, judged);
    }

    fn judged(&mut self, now: Timestamp, judgement: Option<Judgement>) {
        let Some(judgement) = judgement else { return };
        let Judgement { verdict, confidence, reason, after, greeting_ended } = judgement;
        self.timers.cancel(Timer::Answer);
        let judged =
            ConversationFact::AnswerJudged { verdict, confidence, reason, after, greeting_ended };
        self.fact(judged);
        if verdict.is_final() {
            self.machine(now, &judgement);
        } else if verdict == AnswerVerdict::Ringback {
            self.look_at_answer(now);
        } else if self.phase == Phase::Judging {
            // It goes on listening: who then talks on is a machine after all.
            self.look_at_answer(now);
            self.begin(now);
        }
    }

    // --- the person

    fn key(&mut self, now: Timestamp, key: char) {
        if !self.hearing.is_new_press(now, key) {
            return;
        }
        if self.opts_out(key) {
            self.opt_out(now, key);
        } else if self.phase == Phase::Judging {
            // Nothing has been offered yet: the press only shows that somebody is there.
            let judged = self.classifier.as_mut().and_then(|it| it.key_pressed(now));
            self.judged(now, judged);
        } else if self.phase == Phase::Talking && !self.is_closing() {
            self.key_heard(now, key);
        }
    }

    fn speech_started(&mut self, now: Timestamp) {
        let latest = self.hearing.speech_started(now);
        match self.phase {
            Phase::Judging => {
                if let Some(classifier) = &mut self.classifier {
                    classifier.speech_started(now);
                }
                self.look_at_answer(now);
            }
            Phase::Talking => {
                self.timers.set(Timer::TurnEnd, latest);
                if self.playing.is_some() {
                    self.timers.set(Timer::BargeIn, now.plus(BARGE_IN));
                } else {
                    self.timers.cancel(Timer::Silence);
                }
            }
            _ => {}
        }
    }

    fn speech_ended(&mut self, now: Timestamp, duration: Millis) {
        let over = self.hearing.speech_ended(now, duration);
        self.timers.cancel(Timer::BargeIn);
        match self.phase {
            Phase::Judging => {
                if let Some(classifier) = &mut self.classifier {
                    classifier.speech_ended(now, duration);
                }
                self.look_at_answer(now);
            }
            Phase::Talking => {
                if let Some(at) = over {
                    self.timers.set(Timer::TurnEnd, at);
                }
            }
            _ => {}
        }
    }

    /// Somebody has spoken over a prompt for a while: it gives way, if its node lets it.
    fn barge_in(&mut self, now: Timestamp) {
        let yields = self.script.node(&self.node).is_some_and(|node| node.yields_to_speech);
        if yields && self.playing.is_some() && self.hearing.is_speaking() {
            self.stop_saying();
            self.floor_since = None;
            self.silence_at = now.plus(self.script.globals().silence_wait);
        }
    }

    fn hung_up(&mut self, now: Timestamp) {
        let reason = match self.phase {
            Phase::HandedOver => EndReason::Transferred,
            Phase::AwaitingBeep | Phase::LeavingMessage => EndReason::Machine,
            _ => self.closing_reason(EndReason::HungUp),
        };
        self.end(now, reason);
    }

    // --- the hand-over

    fn handed_over(&mut self) {
        self.stop_saying();
        self.timers.clear();
        self.phase = Phase::HandedOver;
    }

    fn transfer_failed(&mut self, now: Timestamp) {
        self.timers.cancel(Timer::Transfer);
        if self.playing.is_some() {
            // "One moment, please" is said to its end first.
            self.has_transfer_failed = true;
            return;
        }
        let script = Arc::clone(&self.script);
        let node = script.node(&self.node).and_then(|node| node.on_transfer_failed.as_ref());
        match node {
            Some(to) => self.go(now, to, TransferReason::Script),
            None => self.end(now, EndReason::TransferFailed),
        }
    }

    // --- what is going on

    fn opts_out(&self, key: char) -> bool {
        let node = self.script.node(&self.node);
        let rule = node.and_then(|node| self.script.key(node, key));
        rule.is_some_and(|rule| rule.intent == Intent::OptOut)
    }

    /// Whether the last words are being said.
    fn is_closing(&self) -> bool {
        self.phase == Phase::Talking
            && self.script.node(&self.node).is_some_and(|node| node.ends.is_some())
    }

    /// How it has ended if it stops here: as the last words say, or else for this reason.
    fn closing_reason(&self, otherwise: EndReason) -> EndReason {
        if !self.is_closing() {
            return otherwise;
        }
        let ends = self.script.node(&self.node).and_then(|node| node.ends);
        self.limit.or(ends).unwrap_or(otherwise)
    }

    fn fact(&mut self, fact: ConversationFact) {
        self.outputs.push_back(Output::Fact(fact));
    }
}
