//! Ring-back, busy and congestion: low tones that come and go in a rhythm.
//!
//! In: runs of low sound, and whether something else is heard. Out: what the rhythm says.
//! Invariants: sounds that are not equally loud all through are no tone, and something else in a
//! pause begins the rhythm anew, so that speech has none. Where a tone has sounded for longer than
//! any busy tone does it is ring-back, said while it still rings: whoever waits must know early.
//! After speech that may be a voicemail's beep, and one stroke says nothing.
//! It deliberately measures no pitch beyond "low": countries use 400 to 450 Hz and pairs from 350
//! to 620, and tell tones apart by rhythm. A country whose busy tone is faster than 600 ms a turn
//! (Spain) is heard as congestion: both mean that nobody is there.
//! Sources: ITU-T E.180/Q.35 §5 to §8 (ring-back 0.67–1.5 s and 3–5 s; busy and congestion turns
//! of 300–1100 ms), E.180 Supplement 2 (North America 2/4, 0.5/0.5, 0.25/0.25; China 1/4,
//! 0.35/0.35, congestion 0.7/0.7; Britain 0.4/0.2/0.4/2, 0.375/0.375, congestion
//! 0.4/0.35/0.225/0.525).

use super::Progress;
use super::run::{Run, Step};

// All times are in frames of 20 ms, and give way by one at each edge.

/// Longer than any busy tone: the longest is China's congestion, 700 ms.
const RING_FRAMES: u64 = 38;
/// First stroke of a double ring.
const STROKE: std::ops::RangeInclusive<u64> = 17..=28;
/// Pause inside a double ring.
const DOUBLE_PAUSE: std::ops::RangeInclusive<u64> = 7..=13;
/// Frames after which the second stroke is one.
const SECOND_STROKE: u64 = 17;
/// Tone and pause of busy and congestion.
const BEAT: std::ops::RangeInclusive<u64> = 8..=40;
/// Frames of a third stroke after which the rhythm is sure.
const THIRD_STROKE: u64 = 5;
/// A whole turn from here on is busy, a faster one congestion.
const BUSY_TURN: u64 = 30;
/// A stroke from here on is China's congestion.
const LONG_STROKE: u64 = 32;
/// How much one turn may differ from the next.
const ALIKE: u64 = 2;
/// Frames of something else that a pause may hold.
const NOISE_MAX: u64 = 3;

/// One stroke of the tone and the pause after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    tone: u64,
    pause: u64,
}

/// Follows the rhythm.
#[derive(Clone, Debug, Default)]
pub(super) struct Cadence {
    /// The two turns before this one, the last one first.
    turns: [Option<Turn>; 2],
    /// The stroke whose pause is going on.
    stroke: Option<u64>,
    /// How long that pause is.
    pause: u64,
    noise: u64,
    reported: Option<Progress>,
}

impl Cadence {
    pub(super) fn push(
        &mut self,
        step: &Step,
        is_noise: bool,
        has_spoken: bool,
    ) -> Option<Progress> {
        if let Some(ended) = step.ended {
            self.ended(&ended);
        }
        let Some(run) = step.going else {
            self.pause += 1;
            self.noise += u64::from(is_noise);
            if self.noise > NOISE_MAX {
                (self.turns, self.stroke) = ([None; 2], None);
            }
            return None;
        };
        if run.frames == 1 && run.gap == 0 {
            self.began();
        }
        let heard = self.going(&run, has_spoken)?;
        (self.reported != Some(heard)).then(|| {
            self.reported = Some(heard);
            heard
        })
    }

    fn ended(&mut self, run: &Run) {
        // The frames in which it was found to have ended are pause already.
        (self.pause, self.noise) = (run.gap, 0);
        self.stroke = run.is_steady().then_some(run.frames);
        if self.stroke.is_none() {
            self.turns = [None; 2];
        }
    }

    fn began(&mut self) {
        if let Some(tone) = self.stroke.take() {
            self.turns = [Some(Turn { tone, pause: self.pause }), self.turns[0]];
        }
    }

    fn going(&self, run: &Run, has_spoken: bool) -> Option<Progress> {
        if run.gap > 0 || !run.is_steady() {
            return None;
        }
        if run.frames >= RING_FRAMES && !has_spoken {
            return Some(Progress::Ringback);
        }
        let last = self.turns[0]?;
        let is_double = STROKE.contains(&last.tone) && DOUBLE_PAUSE.contains(&last.pause);
        if is_double && run.frames >= SECOND_STROKE {
            return Some(Progress::Ringback);
        }
        let before = self.turns[1].filter(|_| run.frames >= THIRD_STROKE)?;
        beat(before, last)
    }
}

/// What two turns say.
fn beat(before: Turn, last: Turn) -> Option<Progress> {
    let is_beat = |turn: Turn| BEAT.contains(&turn.tone) && BEAT.contains(&turn.pause);
    let are_alike = |one: u64, other: u64| one.abs_diff(other) <= ALIKE;
    if !is_beat(before) || !is_beat(last) {
        return None;
    }
    if are_alike(before.tone, last.tone) && are_alike(before.pause, last.pause) {
        let turn = last.tone + last.pause;
        let is_busy = turn >= BUSY_TURN && last.tone < LONG_STROKE && are_even(last);
        if is_busy {
            return Some(Progress::Busy);
        }
        return are_even(last).then_some(Progress::Congestion);
    }
    let british = [Turn { tone: 20, pause: 17 }, Turn { tone: 11, pause: 26 }];
    let is_like = |turn: Turn, wanted: Turn| {
        are_alike(turn.tone, wanted.tone) && are_alike(turn.pause, wanted.pause)
    };
    let [one, other] = british;
    let is_british = is_like(before, one) && is_like(last, other)
        || is_like(before, other) && is_like(last, one);
    is_british.then_some(Progress::Congestion)
}

/// Tone and pause of about the same length. Source: E.180/Q.35 §7: 0.67 to 1.5.
fn are_even(turn: Turn) -> bool {
    3 * turn.tone >= 2 * turn.pause.saturating_sub(1)
        && 3 * turn.pause >= 2 * turn.tone.saturating_sub(1)
}
