//! Is somebody speaking? Energy against a noise floor that follows the line.
//!
//! In: frames of 20 ms. Out: the moments speech starts and ends.
//! Invariants: integers only, so the same frames give the same answers everywhere; starts and
//! ends alternate, beginning with a start.
//! What a line sounds like before anybody could have spoken is its noise.
//! It deliberately does not tell speech from other loud sounds; `progress` takes beeps out first.

use super::{FRAME_MILLIS, FRAME_SAMPLES, Frame};
use crate::base::Millis;

/// Frames at the beginning that are taken for the line's noise: a person needs longer to lift a
/// telephone to the ear.
const FIRST_FRAMES: u64 = 5;
/// Loudest noise believed from the beginning, as mean of the squared samples: −35 dBm0 or so.
const FIRST_NOISE_MAX: u64 = 360_000;

/// How the detector decides. The defaults suit a telephone line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivitySettings {
    /// Softest speech, as mean amplitude (root mean square, 0 to 32767).
    pub amplitude_min: u16,
    /// How far above the noise speech must stand, in energy: 10 is 10 dB.
    pub energy_ratio: u16,
    /// Loud time before speech counts as started: clicks are shorter.
    pub onset: Millis,
    /// Quiet time before speech counts as ended: pauses inside a sentence are shorter.
    pub hangover: Millis,
}

impl Default for ActivitySettings {
    fn default() -> Self {
        Self { amplitude_min: 130, energy_ratio: 8, onset: Millis(60), hangover: Millis(400) }
    }
}

/// What changed with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityChange {
    /// Speech started one onset ago.
    Started,
    /// Speech ended one hangover ago.
    Ended {
        /// From its first loud frame to its last.
        duration: Millis,
    },
}

/// The detector.
#[derive(Clone, Debug)]
pub struct Activity {
    settings: ActivitySettings,
    /// Noise floor: mean of the squared samples, times 256 so that slow changes are kept.
    floor: u64,
    /// Frames heard so far.
    heard: u64,
    /// Loud frames in a row, before a start.
    loud: u64,
    /// Frames since the first loud one, while speaking.
    spoken: u64,
    /// Quiet frames in a row, while speaking.
    quiet: u64,
    speaking: bool,
}

impl Activity {
    /// A detector that has heard nothing.
    pub fn new(settings: ActivitySettings) -> Self {
        Self { settings, floor: 0, heard: 0, loud: 0, spoken: 0, quiet: 0, speaking: false }
    }

    /// True between a start and its end.
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Takes one frame.
    pub fn push(&mut self, frame: &Frame) -> Option<ActivityChange> {
        self.push_energy(energy(frame), true)
    }

    /// Takes one frame that is known to be no speech, such as a beep.
    pub(super) fn push_other(&mut self) -> Option<ActivityChange> {
        self.push_energy(0, false)
    }

    fn push_energy(&mut self, energy: u64, follow: bool) -> Option<ActivityChange> {
        if follow {
            self.begin(energy);
        }
        let least = u64::from(self.settings.amplitude_min).pow(2);
        let over_noise = (self.floor >> 8).saturating_mul(u64::from(self.settings.energy_ratio));
        let is_loud = energy > least.max(over_noise);
        if follow {
            self.follow_noise(energy, is_loud);
        }
        if self.speaking { self.while_speaking(is_loud) } else { self.while_quiet(is_loud) }
    }

    /// The weakest of the first frames is the line's noise.
    fn begin(&mut self, energy: u64) {
        self.heard += 1;
        let noise = energy.min(FIRST_NOISE_MAX) << 8;
        if self.heard == 1 {
            self.floor = noise;
        } else if self.heard <= FIRST_FRAMES {
            self.floor = self.floor.min(noise);
        }
    }

    /// The floor falls quickly, rises slowly, and hardly at all under speech: a louder line is
    /// believed after some ten seconds, a sentence is not.
    fn follow_noise(&mut self, energy: u64, is_loud: bool) {
        let scaled = energy << 8;
        if scaled < self.floor {
            self.floor -= (self.floor - scaled) / 8;
        } else if is_loud {
            self.floor += (self.floor / 256).max(64);
        } else {
            self.floor += (scaled - self.floor) / 32;
        }
    }

    fn while_quiet(&mut self, is_loud: bool) -> Option<ActivityChange> {
        if !is_loud {
            // One soft frame between loud ones is a stop consonant, not the end of a word.
            self.loud = self.loud.saturating_sub(2);
            return None;
        }
        self.loud += 1;
        if self.loud < frames(self.settings.onset) {
            return None;
        }
        (self.speaking, self.spoken, self.quiet) = (true, self.loud, 0);
        Some(ActivityChange::Started)
    }

    fn while_speaking(&mut self, is_loud: bool) -> Option<ActivityChange> {
        self.spoken += 1;
        self.quiet = if is_loud { 0 } else { self.quiet + 1 };
        if self.quiet < frames(self.settings.hangover) {
            return None;
        }
        let duration = Millis((self.spoken - self.quiet) * FRAME_MILLIS);
        (self.speaking, self.loud, self.spoken, self.quiet) = (false, 0, 0, 0);
        Some(ActivityChange::Ended { duration })
    }
}

/// Mean of the squared samples.
pub(super) fn energy(frame: &Frame) -> u64 {
    let sum: u64 = frame.iter().map(|sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    sum / FRAME_SAMPLES as u64
}

/// Whole frames in a span, at least one.
fn frames(span: Millis) -> u64 {
    (span.0 / FRAME_MILLIS).max(1)
}

#[cfg(test)]
mod tests;
