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

mod weights;

use crate::base::{Millis, Ppm, Timestamp};

use self::weights::{
    BEEP_AFTER_GREETING, BEEP_GAP, CONNECT_BEEP, FAX_WINDOW, FIRST_WORD_AT_LAST, GREETING_PAUSE,
    JOINED, SHORT_SPEECH, SHORTEST, STROKE, TALKS_ON_AFTER, TONE_WINDOW, pause_after,
};
pub(super) use self::weights::{LONG_SPEECH, NOBODY_SPEAKS, RINGS_ON};
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
    /// Words are told, so that speech says nothing more.
    has_words: bool,
    /// When the greeting began; short pauses do not end it.
    began: Option<Timestamp>,
    /// When its last word began.
    word: Timestamp,
    /// When it was known to pause, unless it is going on.
    paused: Option<Timestamp>,
    /// When the last word before that pause was over.
    ended: Timestamp,
    /// Speech before the word that is going on, short pauses included.
    spoken: Millis,
    /// When it began to ring on, where it does.
    rings_since: Option<Timestamp>,
    /// Words still belong to the greeting.
    is_greeting: bool,
    verdict: Option<AnswerVerdict>,
}

impl AnswerClassifier {
    /// A call that was answered at this time.
    pub fn new(answered: Timestamp) -> Self {
        Self {
            answered,
            has_words: false,
            began: None,
            word: answered,
            paused: None,
            ended: answered,
            spoken: Millis(0),
            rings_since: None,
            is_greeting: true,
            verdict: None,
        }
    }

    /// The other side begins to speak.
    pub fn speech_started(&mut self, now: Timestamp) {
        if self.has_words || self.verdict.is_some() {
            return;
        }
        self.began.get_or_insert(now);
        self.word = now;
        self.paused = None;
    }

    /// The other side pauses, after so much speech. The pause is known later than it begins.
    pub fn speech_ended(&mut self, now: Timestamp, duration: Millis) {
        if self.has_words || self.verdict.is_some() {
            return;
        }
        let Some(began) = self.began else { return };
        let is_stroke = self.rings_since.is_some() && duration < STROKE;
        if now.since(began) < MIN_SPEECH || is_stroke {
            self.began = None; // a click, a breath
        } else {
            self.paused.get_or_insert(now);
            self.ended = self.word.plus(duration).min(now);
            self.spoken = self.ended.since(began);
        }
    }

    /// The other side began a word so long ago. Once words are told, speech says nothing more.
    pub fn word_started(&mut self, now: Timestamp, ago: Millis) {
        if !self.has_words && self.verdict.is_none() {
            (self.began, self.paused, self.spoken) = (None, None, Millis(0));
        }
        self.has_words = true;
        let word = self.back(now, ago);
        let gap = word.since(self.ended);
        if self.began.is_some() {
            self.is_greeting &= self.verdict.is_none() || gap <= TALKS_ON_AFTER;
            if gap <= JOINED {
                self.spoken = Millis(self.spoken.0 + gap.0);
            }
        } else {
            self.is_greeting &=
                self.verdict.is_none() || word.since(self.answered) <= FIRST_WORD_AT_LAST;
            (self.began, self.spoken) = (Some(word), Millis(0));
        }
        (self.word, self.paused) = (word, None);
    }

    /// The other side has said a word, and has been quiet for so long since.
    pub fn word_ended(&mut self, now: Timestamp, duration: Millis, ago: Millis) {
        if self.began.is_none() || self.paused.is_some() || !self.has_words {
            return;
        }
        self.ended = self.back(now, ago).max(self.word);
        self.spoken = Millis(self.spoken.0 + duration.0);
        self.paused = Some(now);
        if self.rings_since.is_some() && self.spoken < STROKE {
            self.began = None;
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
        let talks_on = tone == Tone::Beep && self.has_words && self.is_greeting;
        if now.since(answered) > window && !talks_on {
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
        self.is_greeting = false;
        self.verdict.is_none().then(|| self.judge(now, AnswerVerdict::Human, 990_000, "answer.key"))
    }

    /// Judges what can be judged at this time; also due when [`Self::poll_timeout`] says so.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<Judgement> {
        if self.poll_timeout()? > now {
            return None;
        }
        if self.verdict.is_some() {
            return Some(self.judge(now, AnswerVerdict::Machine, 800_000, "answer.talks_on"));
        }
        if self.began.is_none() {
            return Some(self.judge(now, AnswerVerdict::Silence, 400_000, "answer.silence"));
        }
        let spoken = match self.paused {
            None => LONG_SPEECH,
            Some(paused) if !self.has_words => {
                Millis(self.began.map_or(0, |began| paused.since(began).0))
            }
            Some(_) => self.spoken,
        };
        if self.has_words && spoken < SHORTEST {
            self.began = None; // a click, a breath
            return self.handle_timeout(now);
        }
        Some(match (self.paused, spoken) {
            (None, _) => self.judge(now, AnswerVerdict::Machine, 800_000, "answer.long_speech"),
            (_, spoken) if spoken > LONG_SPEECH => {
                self.judge(now, AnswerVerdict::Machine, 800_000, "answer.long_speech")
            }
            (_, spoken) if spoken > SHORT_SPEECH => {
                self.judge(now, AnswerVerdict::Human, 650_000, "answer.longer_greeting")
            }
            _ => self.judge(now, AnswerVerdict::Human, 900_000, "answer.short_greeting"),
        })
    }

    /// When time alone will decide; nothing once it is decided and nobody talks on.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.verdict.is_some() {
            return self.talks_on_until();
        }
        Some(match (self.began, self.paused) {
            (None, _) => match self.rings_since {
                Some(since) => since.plus(RINGS_ON),
                None => self.answered.plus(NOBODY_SPEAKS),
            },
            (Some(_), None) if self.has_words => self.is_long_at(),
            (Some(began), None) => began.plus(LONG_SPEECH),
            (Some(_), Some(_)) if self.has_words => self.ended.plus(pause_after(self.spoken)),
            (Some(_), Some(paused)) => paused.plus(GREETING_PAUSE),
        })
    }

    /// So long before now, but not before the answer.
    fn back(&self, now: Timestamp, ago: Millis) -> Timestamp {
        self.answered.plus(Millis(now.since(self.answered).0.saturating_sub(ago.0)))
    }

    /// When the word that is going on makes the greeting a machine's.
    fn is_long_at(&self) -> Timestamp {
        self.word.plus(Millis(LONG_SPEECH.0.saturating_sub(self.spoken.0)))
    }

    /// The same after it passed for a person's.
    fn talks_on_until(&self) -> Option<Timestamp> {
        let may_be_wrong =
            matches!(self.verdict, Some(AnswerVerdict::Human | AnswerVerdict::Silence));
        let talks = self.has_words && self.began.is_some() && self.paused.is_none();
        (may_be_wrong && talks && self.is_greeting).then(|| self.is_long_at())
    }

    fn is_beep_a_machines(&self, now: Timestamp) -> bool {
        let pauses = self.paused.is_some() && now.since(self.ended) >= BEEP_GAP;
        if self.has_words && self.began.is_some() && !pauses {
            return false; // a vowel of the voice that speaks
        }
        if self.verdict == Some(AnswerVerdict::Human) {
            return now.since(self.ended) <= BEEP_AFTER_GREETING;
        }
        self.began.is_some() || now.since(self.answered) >= CONNECT_BEEP
    }

    /// Waits anew: who answers now is judged as if the call had been answered then.
    fn rings_on(&mut self, now: Timestamp) -> Judgement {
        let judgement = self.judge(now, AnswerVerdict::Ringback, 900_000, "answer.ringback");
        (self.verdict, self.rings_since) = (None, self.rings_since.or(Some(now)));
        (self.began, self.paused, self.spoken) = (None, None, Millis(0));
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
