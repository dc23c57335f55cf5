//! Who answered: a person or a machine, from how the first seconds sound.
//!
//! In: when the call was answered, when the other side speaks or presses a key, and tones. Out:
//! a [`Judgement`], and another where a tone shows that the first was wrong, or where somebody
//! answers after it rang on.
//!
//! People say a short word and wait; a machine talks on. Silence counts as a person who waits,
//! with little confidence, because the robot must not leave a person in silence. Where it is in
//! doubt it is a person: a machine that is greeted costs a minute, a person who is hung up on
//! is lost.
//!
//! Invariants: the first judgement comes at most [`NOBODY_SPEAKS`] plus [`LONG_SPEECH`] after
//! the answer, and after [`AnswerVerdict::Ringback`] the next at most [`RINGS_ON`] plus the same
//! later; after [`AnswerVerdict::Machine`], [`AnswerVerdict::Fax`] and [`AnswerVerdict::Sit`]
//! there is no other. It deliberately knows no words and detects no tones itself.

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
        /// A fax.
        Fax = "fax", "传真";
        /// The three tones before an announcement that the number cannot be reached.
        Sit = "sit", "空号音";
        /// It rings on after the answer: a switchboard or a diversion. Somebody may answer yet.
        Ringback = "ringback", "回铃音";
    }
}

impl AnswerVerdict {
    /// Whether nobody is there to talk to, now or later in this call.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Machine | Self::Fax | Self::Sit)
    }
}

/// A tone on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// One pitch for a moment, as before a recording.
    Beep,
    /// It rings at somebody's.
    Ringback,
    /// The called one talks, or has hung up behind a gateway.
    Busy,
    /// The network has no way there.
    Congestion,
    /// The three tones before an announcement.
    Sit,
    /// A fax that calls.
    FaxCalling,
    /// A fax that answers.
    FaxAnswer,
}

/// Without any speech for so long after the answer, the robot begins.  Units: ms.
pub(super) const NOBODY_SPEAKS: Millis = Millis(2_000);
/// Speech without a pause for longer than this is a machine's. Firms greet for up to some 3.5 s; a
/// machine that greets for less beeps soon after.  Units: ms.
pub(super) const LONG_SPEECH: Millis = Millis(4_000);
/// Speech up to this long is the usual "hello".  Units: ms.
const SHORT_SPEECH: Millis = Millis(1_500);
/// A pause of this length ends the greeting.  Units: ms.
const GREETING_PAUSE: Millis = Millis(400);
/// A tone later than this after the answer says nothing about who answered.  Units: ms.
const TONE_WINDOW: Millis = Millis(8_000);
/// A fax answers its tone some 2 s after the call, and may wait for a person first.  Units: ms.
const FAX_WINDOW: Millis = Millis(20_000);
/// A beep sooner than this with no speech before it is the exchange's, which says that it has
/// connected, or that it records.  Units: ms.
const CONNECT_BEEP: Millis = Millis(1_500);
/// After what passed for a person's greeting, a beep later than this is the person's kettle or
/// car: machines beep within some 2 s of their last word.  Units: ms.
const BEEP_AFTER_GREETING: Millis = Millis(4_000);
/// It may ring on for so long after the answer.  Units: ms.
pub(super) const RINGS_ON: Millis = Millis(30_000);
/// While it rings on, less than this is a stroke's beginning, not speech.  Units: ms.
const STROKE: Millis = Millis(300);

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
    /// When it began to ring on, where it does.
    rings_since: Option<Timestamp>,
    verdict: Option<AnswerVerdict>,
}

impl AnswerClassifier {
    /// A call that was answered at this time.
    pub fn new(answered: Timestamp) -> Self {
        Self {
            answered,
            began: None,
            word: answered,
            paused: None,
            ended: answered,
            rings_since: None,
            verdict: None,
        }
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
        let is_stroke = self.rings_since.is_some() && duration < STROKE;
        if now.since(began) < MIN_SPEECH || is_stroke {
            self.began = None; // a click, a breath
        } else {
            self.paused.get_or_insert(now);
            self.ended = self.word.plus(duration).min(now);
        }
    }

    /// A tone was heard. It also corrects an earlier judgement.
    pub fn tone_heard(&mut self, now: Timestamp, tone: Tone) -> Option<Judgement> {
        use AnswerVerdict::{Fax, Machine, Sit};
        if self.verdict.is_some_and(AnswerVerdict::is_final) {
            return None;
        }
        let window = match tone {
            Tone::FaxAnswer | Tone::FaxCalling => FAX_WINDOW,
            _ => TONE_WINDOW,
        };
        // Where it rang on, whoever speaks then has answered then.
        let answered = match self.rings_since {
            Some(_) => self.began.unwrap_or(now),
            None => self.answered,
        };
        if now.since(answered) > window {
            return None;
        }
        let is_open = self.verdict.is_none();
        match tone {
            Tone::Beep => self
                .is_beep_a_machines(now)
                .then(|| self.judge(now, Machine, 950_000, "answer.tone")),
            Tone::FaxAnswer => Some(self.judge(now, Fax, 980_000, "answer.fax_answer_tone")),
            Tone::FaxCalling => Some(self.judge(now, Fax, 900_000, "answer.fax_calling_tone")),
            Tone::Sit => Some(self.judge(now, Sit, 980_000, "answer.special_tone")),
            Tone::Ringback if is_open && self.rings_since.is_none() => Some(self.rings_on(now)),
            Tone::Busy if is_open => Some(self.judge(now, Machine, 900_000, "answer.busy_tone")),
            Tone::Congestion if is_open => {
                Some(self.judge(now, Machine, 900_000, "answer.congestion_tone"))
            }
            Tone::Ringback | Tone::Busy | Tone::Congestion => None,
        }
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
            (None, _) => match self.rings_since {
                Some(since) => since.plus(RINGS_ON),
                None => self.answered.plus(NOBODY_SPEAKS),
            },
            (Some(began), None) => began.plus(LONG_SPEECH),
            (Some(_), Some(paused)) => paused.plus(GREETING_PAUSE),
        })
    }

    fn is_beep_a_machines(&self, now: Timestamp) -> bool {
        if self.verdict == Some(AnswerVerdict::Human) {
            return now.since(self.ended) <= BEEP_AFTER_GREETING;
        }
        self.began.is_some() || now.since(self.answered) >= CONNECT_BEEP
    }

    /// Waits anew: who answers now is judged as if the call had been answered then.
    fn rings_on(&mut self, now: Timestamp) -> Judgement {
        let judgement = self.judge(now, AnswerVerdict::Ringback, 900_000, "answer.ringback");
        (self.verdict, self.rings_since) = (None, self.rings_since.or(Some(now)));
        (self.began, self.paused) = (None, None);
        judgement
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
