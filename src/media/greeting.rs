//! The words of a greeting, heard sooner and through more noise than [`super::Activity`] does.
//!
//! In: frames of 20 ms, and whether a frame is a tone. Out: the moments a word starts and ends.
//! Invariants: the same frames give the same words; starts and ends alternate, beginning with a
//! start. A frame is speech where it stands well above the noise, or where it is voiced and
//! stands a little above it.
//! It deliberately knows no sentences: short pauses end a word, and whoever listens joins them.
//! It serves the first seconds alone, where waiting for a pause to be certain is what a person
//! hears as silence; turns and cutting in stay with [`super::Activity`].
//! Source: Rabiner 1977, IEEE Trans. ASSP 25(1) (pitch by autocorrelation).

use super::{FRAME_MILLIS, FRAME_SAMPLES, Frame, activity};
use crate::base::Millis;

/// Softest speech, as mean of the squared samples: about −50 dBm0.
const ENERGY_MIN: u64 = 10_000;
/// How far above the noise any speech stands, in energy: 9 dB.
const LOUD_RATIO: u64 = 8;
/// The same for a voiced frame: 2 dB.
const VOICED_RATIO_HALVES: u64 = 3;
/// Least likeness of a voiced frame to itself one period on.
const VOICED: f32 = 0.6;
/// Periods a voice has, in samples: 400 to 80 Hz.
const PERIODS: std::ops::RangeInclusive<usize> = 20..=100;
/// Frames at the beginning that are taken for the line's noise.
const FIRST_FRAMES: u64 = 5;
/// Loudest noise believed from the beginning: −35 dBm0 or so.
const FIRST_NOISE_MAX: u64 = 360_000;
/// Frames of speech before a word counts as started: clicks are shorter.
const ONSET: u64 = 3;
/// Quiet frames before a word counts as ended.
const HANGOVER: u64 = 6;

/// What changed with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordChange {
    /// A word started this long ago.
    Started {
        /// From its first frame to now.
        ago: Millis,
    },
    /// A word ended.
    Ended {
        /// From its first frame to its last.
        duration: Millis,
        /// Quiet since then.
        ago: Millis,
    },
}

/// The listener.
#[derive(Clone, Debug, Default)]
pub struct GreetingListener {
    /// Noise, times 256 so that slow changes are kept.
    floor: u64,
    heard: u64,
    /// Frames of speech in a row, before a word.
    loud: u64,
    /// Frames since the word's first.
    word: u64,
    /// Quiet frames in a row, in a word.
    quiet: u64,
    is_word: bool,
}

impl GreetingListener {
    /// Takes one frame; a tone is no word.
    pub fn push(&mut self, frame: &Frame, is_tone: bool) -> Option<WordChange> {
        let is_speech = !is_tone && self.is_speech(frame);
        if self.is_word { self.in_word(is_speech) } else { self.between_words(is_speech) }
    }

    fn is_speech(&mut self, frame: &Frame) -> bool {
        let energy = activity::energy(frame);
        self.heard += 1;
        let noise = energy.min(FIRST_NOISE_MAX) << 8;
        if self.heard == 1 {
            self.floor = noise;
        } else if self.heard <= FIRST_FRAMES {
            self.floor = self.floor.min(noise);
        }
        let floor = self.floor >> 8;
        let is_loud = energy > ENERGY_MIN.max(floor.saturating_mul(LOUD_RATIO));
        let is_speech = is_loud
            || energy > ENERGY_MIN.max(floor.saturating_mul(VOICED_RATIO_HALVES) / 2)
                && likeness(frame) > VOICED;
        let scaled = energy << 8;
        if scaled < self.floor {
            self.floor -= (self.floor - scaled) / 8;
        } else if is_speech {
            self.floor += (self.floor / 256).max(64);
        } else {
            self.floor += (scaled - self.floor) / 32;
        }
        is_speech
    }

    fn between_words(&mut self, is_speech: bool) -> Option<WordChange> {
        if !is_speech {
            self.loud = self.loud.saturating_sub(1);
            return None;
        }
        self.loud += 1;
        if self.loud < ONSET {
            return None;
        }
        (self.is_word, self.word, self.quiet) = (true, self.loud, 0);
        Some(WordChange::Started { ago: Millis(self.loud * FRAME_MILLIS) })
    }

    fn in_word(&mut self, is_speech: bool) -> Option<WordChange> {
        self.word += 1;
        self.quiet = if is_speech { 0 } else { self.quiet + 1 };
        if self.quiet < HANGOVER {
            return None;
        }
        let duration = Millis((self.word - self.quiet) * FRAME_MILLIS);
        let ago = Millis(self.quiet * FRAME_MILLIS);
        (self.is_word, self.loud, self.word, self.quiet) = (false, 0, 0, 0);
        Some(WordChange::Ended { duration, ago })
    }
}

/// How like a frame is to itself one period of a voice on: 1 is the same, 0 has none.
///
/// Sums of whole numbers, each as exact as the next, so that machines agree.
fn likeness(frame: &Frame) -> f32 {
    let (mut best, mut from) = (0.0_f32, 0);
    // The energy of what is compared, without the last samples and without the first.
    let whole = sum_of_products(frame, frame);
    let (mut first, mut second) = (whole, whole);
    for lag in PERIODS.step_by(2) {
        let ends = frame.get(FRAME_SAMPLES - lag..FRAME_SAMPLES - from).unwrap_or_default();
        let starts = frame.get(from..lag).unwrap_or_default();
        first -= sum_of_products(ends, ends);
        second -= sum_of_products(starts, starts);
        from = lag;
        let both = sum_of_products(frame, frame.get(lag..).unwrap_or_default());
        let whole = (first as f32 * second as f32).sqrt();
        if whole > 0.0 {
            best = best.max(both as f32 / whole);
        }
    }
    best
}

/// Two samples multiplied fit 32 bits, which machines multiply many of in one step.
fn sum_of_products(one: &[i16], other: &[i16]) -> i64 {
    let products = one.iter().zip(other).map(|(a, b)| i32::from(*a) * i32::from(*b));
    products.map(i64::from).sum()
}

#[cfg(test)]
mod tests;
