//! What the person is doing: is this press a new one, is this speech a turn, is it over?
//!
//! In: keys and the edges of speech, with their times. Out: whether a press counts, and the
//! speech of one turn, short pauses within it left out. It deliberately decides nothing about
//! the conversation.

use crate::base::{Millis, Timestamp};

/// Speech over a prompt that lasts this long stops it; shorter is a "hm" in passing.
pub const BARGE_IN: Millis = Millis(600);
/// Less speech than this is a click or a breath.
pub const MIN_SPEECH: Millis = Millis(200);
/// The same key again within this time is the same press, heard twice.
pub const SAME_PRESS: Millis = Millis(150);
/// A pause of this length ends the person's turn.
pub const TURN_PAUSE: Millis = Millis(700);
/// Somebody who speaks for so long without a pause is interrupted; it may be a radio.
pub(super) const LONGEST_TURN: Millis = Millis(8_000);

/// The speech of one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Speech {
    /// When it began.
    pub(super) began: Timestamp,
    /// How long it was, pauses left out.
    pub(super) spoken: Millis,
}

/// Follows one person.
#[derive(Clone, Debug, Default)]
pub(super) struct Hearing {
    last_press: Option<(char, Timestamp)>,
    began: Option<Timestamp>,
    speaking_since: Option<Timestamp>,
    spoken: Millis,
}

impl Hearing {
    /// Whether this is a press of its own and not the last one heard again.
    pub(super) fn is_new_press(&mut self, now: Timestamp, key: char) -> bool {
        let same =
            self.last_press.is_some_and(|(last, at)| last == key && now.since(at) < SAME_PRESS);
        self.last_press = Some((key, now));
        !same
    }

    /// Speech begins. Returns when the turn is over at the latest.
    pub(super) fn speech_started(&mut self, now: Timestamp) -> Timestamp {
        self.speaking_since.get_or_insert(now);
        self.began.get_or_insert(now).plus(LONGEST_TURN)
    }

    /// Speech pauses. Returns when the turn is over unless it goes on before.
    pub(super) fn speech_ended(&mut self, now: Timestamp, duration: Millis) -> Option<Timestamp> {
        let since = self.speaking_since.take()?;
        let began = self.began?;
        self.spoken = Millis(self.spoken.0.saturating_add(duration.0.min(now.since(since).0)));
        Some(now.plus(TURN_PAUSE).min(began.plus(LONGEST_TURN)))
    }

    pub(super) fn is_speaking(&self) -> bool {
        self.speaking_since.is_some()
    }

    /// Whether a turn has begun and is not over.
    pub(super) fn in_turn(&self) -> bool {
        self.began.is_some()
    }

    /// Takes the turn's speech; what is still being said begins the next turn.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Speech> {
        let going_on = self.speaking_since.map_or(Millis(0), |since| now.since(since));
        let spoken = Millis(self.spoken.0.saturating_add(going_on.0));
        let began = self.began;
        self.forget(now);
        began.map(|began| Speech { began, spoken })
    }

    /// Forgets the turn so far; what is still being said begins the next one.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.spoken = Millis(0);
        self.speaking_since = self.speaking_since.map(|_| now);
        self.began = self.speaking_since;
    }
}
