//! Who answered: a person or a machine, from how the first seconds sound.
//!
//! In: when the call was answered, when the other side speaks, beeps or presses a key. Out: one
//! [`Judgement`], and a second one where a beep shows that the first was wrong.
//!
//! People say a short word and wait; a machine talks on. Silence counts as a person who waits,
//! with little confidence, because the robot must not leave a person in silence.
//!
//! Invariants: the first judgement comes at most [`NOBODY_SPEAKS`] plus [`LONG_SPEECH`] after
//! the answer; after [`AnswerVerdict::Machine`] there is no other. It deliberately
//! knows no words and detects no tones itself.

use crate::base::{Millis, Ppm, Timestamp};

use super::hearing::MIN_SPEECH;
use super::taxonomy::named;

named! {
    /// Who or what answered.
    AnswerVerdict {
        /// A person.
        Human = "human", "真人";
        /// A voice mailbox or another machine.
        Machine = "machine", "机器";
        /// Nothing was heard; treated as a person who waits.
        Silence = "silence", "沉默";
    }
}

/// Without any speech for so long after the answer, the robot begins.  Units: ms.
pub(super) const NOBODY_SPEAKS: Millis = Millis(2_000);
/// Speech without a pause for longer than this is a machine's.  Units: ms.
pub(super) const LONG_SPEECH: Millis = Millis(2_500);
/// Speech up to this long is the usual "hello".  Units: ms.
const SHORT_SPEECH: Millis = Millis(1_500);
/// A pause of this length ends the greeting.  Units: ms.
const GREETING_PAUSE: Millis = Millis(400);
/// A beep later than this after the answer says nothing about who answered.  Units: ms.
const TONE_WINDOW: Millis = Millis(8_000);

/// Who answered, how sure that is, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Who or what it is.
    pub verdict: AnswerVerdict,
    /// How sure.  Units: parts per million.
    pub confidence: Ppm,
    /// The rule that decided, a stable dotted name.
    pub reason: &'static str,
    /// Time since the answer.
    pub after: Millis,
    /// From the answer to the last sound of the greeting, where one was heard to its end.
    pub greeting_ended: Option<Millis>,
}

/// Judges one answered call.
#[derive(Clone, Debug)]
pub struct AnswerClassifier {
    answered: Timestamp,
    /// When the run of speech began; short pauses do not end it.
    began: Option<Timestamp>,
    /// When its last word began.
    word: Timestamp,
    /// When it paused, unless it is going on.
    paused: Option<Timestamp>,
    /// When the last word before that pause was over.
    ended: Timestamp,
    verdict: Option<AnswerVerdict>,
}

impl AnswerClassifier {
    /// A call that was answered at this time.
    pub fn new(answered: Timestamp) -> Self {
        Self { answered, began: None, word: answered, paused: None, ended: answered, verdict: None }
    }

    /// The other side begins to speak.
    pub fn speech_started(&mut self, now: Timestamp) {
        self.began.get_or_insert(now);
        self.word = now;
        self.paused = None;
    }

    /// The other side pauses, after so much speech. The pause is known later than it begins.
    pub fn speech_ended(&mut self, now: Timestamp, duration: Millis) {
        let Some(began) = self.began else { return };
        if now.since(began) < MIN_SPEECH {
            self.began = None; // a click, a breath
        } else {
            self.paused.get_or_insert(now);
            self.ended = self.word.plus(duration).min(now);
        }
    }

    /// A beep was heard. It also corrects an earlier judgement.
    pub fn tone_heard(&mut self, now: Timestamp) -> Option<Judgement> {
        if now.since(self.answered) > TONE_WINDOW || self.verdict == Some(AnswerVerdict::Machine) {
            return None;
        }
        Some(self.judge(now, AnswerVerdict::Machine, 950_000, "answer.tone"))
    }

    /// A key was pressed: machines press none.
    pub fn key_pressed(&mut self, now: Timestamp) -> Option<Judgement> {
        self.verdict.is_none().then(|| self.judge(now, AnswerVerdict::Human, 990_000, "answer.key"))
    }

    /// Judges what can be judged at this time; also due when [`Self::poll_timeout`] says so.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<Judgement> {
        if self.poll_timeout()? > now {
            return None;
        }
        let Some(began) = self.began else {
            return Some(self.judge(now, AnswerVerdict::Silence, 400_000, "answer.silence"));
        };
        let Some(paused) = self.paused else {
            return Some(self.judge(now, AnswerVerdict::Machine, 800_000, "answer.long_speech"));
        };
        Some(match paused.since(began) {
            run if run > LONG_SPEECH => {
                self.judge(now, AnswerVerdict::Machine, 800_000, "answer.long_speech")
            }
            run if run > SHORT_SPEECH => {
                self.judge(now, AnswerVerdict::Human, 650_000, "answer.longer_greeting")
            }
            _ => self.judge(now, AnswerVerdict::Human, 900_000, "answer.short_greeting"),
        })
    }

    /// When time alone will decide; nothing once it is decided.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.verdict.is_some() {
            return None;
        }
        Some(match (self.began, self.paused) {
            (None, _) => self.answered.plus(NOBODY_SPEAKS),
            (Some(began), None) => began.plus(LONG_SPEECH),
            (Some(_), Some(paused)) => paused.plus(GREETING_PAUSE),
        })
    }

    fn judge(
        &mut self,
        now: Timestamp,
        verdict: AnswerVerdict,
        confidence: u32,
        reason: &'static str,
    ) -> Judgement {
        self.verdict = Some(verdict);
        let after = now.since(self.answered);
        let greeting_ended = self.paused.map(|_| self.ended.since(self.answered));
        Judgement { verdict, confidence: Ppm(confidence), reason, after, greeting_ended }
    }
}

#[cfg(test)]
mod tests;
