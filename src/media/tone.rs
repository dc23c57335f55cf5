//! Pure tones: the beep of a voicemail, the calling and answering tones of a fax.
//!
//! In: frames of 20 ms. Out: each tone when it ends, with its pitch and length.
//! Invariants: integers only after the coefficient is rounded to 14 bits; a tone counts where one
//! pitch holds most of the frame's energy, however loud it is.
//! It deliberately knows only the pitches it was asked for, in steps of 50 Hz (one frame's
//! resolution), and hears one tone at a time: dial tones of two pitches are no beep.
//! Source: Goertzel 1958, Amer. Math. Monthly 65(1); ITU-T T.30 for the fax pitches.

use super::{FRAME_MILLIS, FRAME_SAMPLES, Frame, SAMPLE_RATE, activity};
use crate::base::Millis;

/// The beep of most voicemail systems, the fax calling tone and the fax answering tone, in hertz.
pub(super) const PITCHES: [u32; 3] = [1_000, 1_100, 2_100];

/// Shortest tone reported: speech and music hold one pitch for less.
const HEARD_MIN: Millis = Millis(120);
/// Softest tone, as mean of the squared samples: about −50 dBm0.
const ENERGY_MIN: u64 = 10_000;
/// Least share of the energy at the pitch, in 1/256.
const SHARE_MIN: u128 = 200;
/// Frames without the pitch inside a tone that are taken for lost packets.
const GAP_MAX: u64 = 2;

/// A tone that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToneHeard {
    /// Its pitch, in hertz.
    pub hz: u32,
    /// How long it was, to the frame.
    pub duration: Millis,
}

/// Listens for pure tones of given pitches.
#[derive(Clone, Debug)]
pub struct ToneDetector {
    /// Pitch and 2·cos(2π·pitch/rate) in 1/16384.
    pitches: Vec<(u32, i64)>,
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    hz: u32,
    frames: u64,
    gap: u64,
}

impl ToneDetector {
    /// A detector for the given pitches in hertz; those of half the sample rate or more are
    /// left out.
    pub fn new(pitches: &[u32]) -> Self {
        let coefficient = |hz: u32| {
            let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(SAMPLE_RATE);
            (2.0 * turn.cos() * 16_384.0).round() as i64
        };
        let audible = pitches.iter().filter(|hz| **hz > 0 && **hz < SAMPLE_RATE / 2);
        Self { pitches: audible.map(|hz| (*hz, coefficient(*hz))).collect(), current: None }
    }

    /// True while a tone sounds.
    pub fn is_sounding(&self) -> bool {
        self.current.is_some_and(|current| current.gap == 0)
    }

    /// True until what sounded is reported, or found too short.
    pub(super) fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// Takes one frame; a tone is reported when it has ended.
    pub fn push(&mut self, frame: &Frame) -> Option<ToneHeard> {
        let hz = self.pitch_of(frame);
        match (&mut self.current, hz) {
            (None, None) => None,
            (None, Some(hz)) => {
                self.current = Some(Current { hz, frames: 1, gap: 0 });
                None
            }
            (Some(current), Some(hz)) if current.hz == hz => {
                current.frames += 1 + current.gap;
                current.gap = 0;
                None
            }
            (Some(current), None) if current.gap < GAP_MAX => {
                current.gap += 1;
                None
            }
            (Some(_), hz) => {
                let ended = self.current.take();
                self.current = hz.map(|hz| Current { hz, frames: 1, gap: 0 });
                ended.and_then(Current::heard)
            }
        }
    }

    fn pitch_of(&self, frame: &Frame) -> Option<u32> {
        if self.pitches.is_empty() {
            return None;
        }
        let energy = activity::energy(frame);
        if energy < ENERGY_MIN {
            return None;
        }
        // A pure tone of amplitude a over n samples has power (a·n/2)² and energy n·a²/2,
        // so that 2·power / (n·energy) is 1 for a tone and small for anything else.
        let length = FRAME_SAMPLES as u128;
        let whole = length * length * u128::from(energy);
        self.pitches
            .iter()
            .map(|(hz, coefficient)| (*hz, power(frame, *coefficient)))
            .max_by_key(|(_, power)| *power)
            .filter(|(_, power)| 2 * 256 * u128::from(*power) > SHARE_MIN * whole)
            .map(|(hz, _)| hz)
    }
}

impl Current {
    fn heard(self) -> Option<ToneHeard> {
        let duration = Millis(self.frames * FRAME_MILLIS);
        (duration >= HEARD_MIN).then_some(ToneHeard { hz: self.hz, duration })
    }
}

/// The squared magnitude of one bin. The state stays below 2²⁴ for 160 samples, the products
/// below 2⁵⁰.
fn power(frame: &Frame, coefficient: i64) -> u64 {
    let (mut last, mut before) = (0_i64, 0_i64);
    for sample in frame {
        let next = i64::from(*sample) + ((coefficient * last) >> 14) - before;
        before = last;
        last = next;
    }
    let squared = last * last + before * before - ((coefficient * last) >> 14) * before;
    u64::try_from(squared).unwrap_or(0)
}

#[cfg(test)]
mod tests;
