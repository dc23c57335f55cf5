//! A line in virtual time: prompts of three seconds, a person who does what the test says, and
//! a record of all that came out.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::base::{Millis, Timestamp};
use crate::conversation::{
    Conversation, ConversationFact, EndReason, Heard, Input, Output, PromptId, Script, Tone, judge,
};

pub(super) use crate::conversation::Language;

/// How long every prompt takes.
const PROMPT: u64 = 3_000;

/// What happens at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Does {
    Press(char),
    /// Speaks for so many milliseconds.
    Speak(u64),
    Beep,
    Tone(Tone),
    HangUp,
    IsConnected,
    IsNotConnected,
    Nothing,
}

impl Language {
    pub(super) fn script(self) -> Arc<Script> {
        static EN: OnceLock<Arc<Script>> = OnceLock::new();
        static ZH: OnceLock<Arc<Script>> = OnceLock::new();
        let (cell, text) = match self {
            Self::En => (&EN, include_str!("../../../scripts/business_loan_en.toml")),
            Self::Zh => (&ZH, include_str!("../../../scripts/business_loan_zh.toml")),
        };
        let read = || Arc::new(Script::parse("shipped", text).expect("shipped scripts are right"));
        Arc::clone(cell.get_or_init(read))
    }
}

pub(super) struct Line {
    script: Arc<Script>,
    pub(super) conversation: Conversation,
    now: u64,
    /// The prompt on the line and when it began.
    playing: Option<(PromptId, u64)>,
    /// When the speech that is going on ends, and when it began.
    speech: Option<(u64, u64)>,
    pub(super) facts: Vec<ConversationFact>,
    pub(super) end: Option<EndReason>,
    record: Vec<String>,
}

pub(super) fn ms(at: u64) -> Timestamp {
    Timestamp::EPOCH.plus(Millis(at))
}

impl Line {
    /// Answered at 0.
    pub(super) fn new(language: Language) -> Self {
        let script = language.script();
        let mut line = Self {
            conversation: Conversation::new(Arc::clone(&script), BTreeMap::new()),
            script,
            now: 0,
            playing: None,
            speech: None,
            facts: Vec::new(),
            end: None,
            record: Vec::new(),
        };
        line.input(Input::Answered);
        line
    }

    /// Lets time pass until `at`, then this happens.
    pub(super) fn does(&mut self, at: u64, does: Does) {
        self.run_until(at);
        match does {
            Does::Press(key) => self.input(Input::Key(key)),
            Does::Speak(span) => {
                self.speech = Some((at + span, at));
                self.input(Input::SpeechStarted);
            }
            Does::Beep => self.input(Input::ToneHeard { tone: Tone::Beep }),
            Does::Tone(tone) => self.input(Input::ToneHeard { tone }),
            Does::HangUp => self.input(Input::HungUp),
            Does::IsConnected => self.input(Input::Transferred),
            Does::IsNotConnected => self.input(Input::TransferFailed),
            Does::Nothing => {}
        }
    }

    pub(super) fn wait_for_end(&mut self) {
        self.run_until(600_000);
        assert!(self.end.is_some(), "no end after ten minutes: {:#?}", self.record);
    }

    /// One line for each thing that came out, then the level.
    pub(super) fn record(&self) -> Vec<String> {
        let judged = judge(&self.facts, self.end);
        let mut record = self.record.clone();
        record.push(format!("level {} {}", judged.level, judged.rule));
        record
    }

    pub(super) fn run_until(&mut self, at: u64) {
        loop {
            let prompt = self.playing.map(|(_, began)| began + PROMPT);
            let speech = self.speech.map(|(ends, _)| ends);
            let micros = |it: Timestamp| u64::try_from(it.as_micros()).expect("after the epoch");
            let timer = self.conversation.poll_timeout().map(|it| micros(it).div_ceil(1_000));
            let Some(next) = [prompt, speech, timer].into_iter().flatten().min() else { break };
            if next > at {
                break;
            }
            self.now = self.now.max(next);
            if prompt == Some(next) {
                self.prompt_over(true);
            } else if speech == Some(next) {
                let began = self.speech.take().map_or(next, |(_, began)| began);
                self.input(Input::SpeechEnded { duration: Millis(next - began) });
            } else {
                self.conversation.handle_timeout(ms(self.now));
                self.drain();
            }
        }
        self.now = self.now.max(at);
    }

    pub(super) fn input(&mut self, input: Input) {
        self.conversation.handle(ms(self.now), input);
        self.drain();
    }

    fn prompt_over(&mut self, completed: bool) {
        let Some((prompt, began)) = self.playing.take() else { return };
        let played = Millis(self.now - began);
        self.input(Input::PromptEnded { prompt, played, completed });
    }

    fn drain(&mut self) {
        let mut stopped = Vec::new();
        while let Some(output) = self.conversation.poll_output() {
            assert_eq!(self.end, None, "something after the end: {output:?}");
            let line = match output {
                Output::Say { prompt, text } => {
                    assert_eq!(self.playing, None, "two prompts at once: {text}");
                    self.playing = Some((prompt, self.now));
                    self.conversation.handle(ms(self.now), Input::PromptStarted { prompt });
                    format!("say {}", self.name_of(&text))
                }
                Output::StopSaying { prompt } => {
                    let (playing, began) = self.playing.take().expect("something to stop");
                    assert_eq!(playing, prompt, "stops another prompt than is playing");
                    stopped.push((prompt, Millis(self.now - began)));
                    "stop".to_owned()
                }
                Output::Fact(fact) => {
                    let line = describe(&fact);
                    self.facts.push(fact);
                    line
                }
                Output::End(reason) => {
                    self.end = Some(reason);
                    (self.playing, self.speech) = (None, None);
                    assert_eq!(self.conversation.poll_timeout(), None, "a timer after the end");
                    format!("end {reason}")
                }
            };
            self.record.push(format!("{} {line}", self.now));
        }
        for (prompt, played) in stopped {
            self.input(Input::PromptEnded { prompt, played, completed: false });
        }
    }

    /// The node that says this text, or the rule that does.
    fn name_of(&self, text: &str) -> String {
        let node = self.script.nodes().find(|node| node.say == text);
        node.map(|node| node.id.to_string()).unwrap_or_else(|| {
            let globals = self.script.globals();
            let is_unknown = text == globals.unknown.say;
            assert!(is_unknown || text == globals.silence_reprompt, "not in the script: {text}");
            if is_unknown { "unknown" } else { "reprompt" }.to_owned()
        })
    }
}

fn describe(fact: &ConversationFact) -> String {
    match fact {
        ConversationFact::AnswerJudged { verdict, reason, .. } => {
            format!("judged {verdict} {reason}")
        }
        ConversationFact::TurnSpoken { node, played, completed, .. } => {
            let how = if *completed { "whole" } else { "cut" };
            format!("spoke {node} {} {how}", played.0)
        }
        ConversationFact::TurnHeard { kind, digits, speech, reaction, .. } => {
            let what = match kind {
                Heard::Key => format!(" {digits}"),
                Heard::Speech => format!(" {}", speech.0),
                Heard::Silence => String::new(),
            };
            let after = reaction.map(|it| format!(" after {}", it.0)).unwrap_or_default();
            format!("heard {kind}{what}{after}")
        }
        ConversationFact::IntentTagged { intent, .. } => format!("tag {intent}"),
        ConversationFact::VoicemailLeft { played, completed } => {
            format!("voicemail {played} {}", if *completed { "whole" } else { "cut" })
        }
        ConversationFact::OptOutRequested { turn } => format!("opt-out of turn {turn}"),
        ConversationFact::TransferRequested { reason } => format!("transfer {reason}"),
    }
}
