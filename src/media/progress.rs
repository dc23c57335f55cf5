//! What the network and machines say in tones: ring-back, busy, congestion, the three tones before
//! an announcement, faxes, and the beep after a greeting.
//!
//! In: frames of 20 ms. Out: each tone once, as soon as it can be nothing else.
//! Invariants: the same frames give the same answers; speech is none of these, and a tone that
//! may be two things is the one that does less harm (see each file).
//! It deliberately knows no countries (what differs between them is told apart by pitch and
//! rhythm alone, so the continuous tones of dialling and of an unobtainable number are none) and
//! no key tones, which are `dual_tone`'s.
//! Sources: ITU-T E.180/Q.35 (rhythms), E.180 Supplement 2 (tones by country), T.30 §4 (faxes),
//! T.4 and V.8 §3.2 (answering tones).

mod beep;
mod cadence;
mod fax;
mod pitch;
mod run;
mod sit;

use super::{Activity, ActivitySettings, Frame, activity};
use crate::base::Millis;
use beep::Beeps;
use cadence::Cadence;
use fax::Fax;
use pitch::{Bank, Sound};
use run::Runs;
pub use sit::SitKind;
use sit::SpecialTones;

/// Softest tone, as mean of the squared samples: about −50 dBm0.
const ENERGY_MIN: u64 = 10_000;
/// Time of speech after which somebody has spoken, in frames: a word.
const SPOKEN_FRAMES: u64 = 15;
/// Frames of one pitch after which it is a tone and no longer speech.
const PURE_FRAMES: u64 = 2;
/// Frames of a steady low sound after which it is a network's tone and no longer speech.
const LOW_FRAMES: u64 = 6;

/// What a tone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It rings at somebody's.
    Ringback,
    /// The called one talks, or has hung up behind a gateway.
    Busy,
    /// The network has no way there.
    Congestion,
    /// An announcement follows: the number cannot be reached.
    Sit(SitKind),
    /// A fax that calls.
    FaxCalling,
    /// A fax that answers.
    FaxAnswer,
    /// One pitch for a moment: a voicemail that now records.
    Beep {
        /// Its pitch, in hertz, to about 10.
        hz: u32,
        /// How long it was, to the frame.
        duration: Millis,
    },
}

/// Listens for tones.
#[derive(Clone, Debug)]
pub struct ProgressDetector {
    /// Runs of one pitch.
    pure: Runs,
    /// Runs of low sounds, of one pitch or two.
    low: Runs,
    cadence: Cadence,
    special: SpecialTones,
    fax: Fax,
    beeps: Beeps,
    voice: Activity,
    /// Frames of speech so far.
    spoken: u64,
}

impl Default for ProgressDetector {
    fn default() -> Self {
        Self {
            pure: Runs::default(),
            low: Runs::default(),
            cadence: Cadence::default(),
            special: SpecialTones::default(),
            fax: Fax::default(),
            beeps: Beeps::default(),
            voice: Activity::new(ActivitySettings::default()),
            spoken: 0,
        }
    }
}

impl ProgressDetector {
    /// True while a tone sounds that is no speech.
    pub fn is_sounding(&self) -> bool {
        self.pure.current().is_some_and(|run| run.gap == 0 && run.frames >= PURE_FRAMES)
            || self
                .low
                .current()
                .is_some_and(|run| run.gap == 0 && run.frames >= LOW_FRAMES && run.is_steady())
    }

    /// True until what sounded is reported, or found to be nothing.
    pub(super) fn is_open(&self) -> bool {
        self.pure.current().is_some() || self.beeps.is_open()
    }

    /// Takes one frame.
    pub fn push(&mut self, frame: &Frame) -> Option<Progress> {
        let energy = activity::energy(frame);
        let sound =
            if energy >= ENERGY_MIN { Bank.listen(frame, energy) } else { Sound::default() };
        let pure = self.pure.push(sound.pitch, energy);
        let low = self.low.push(sound.is_low.then_some(0), energy);
        let is_tone = sound.pitch.is_some() || sound.is_low;
        let is_noise = !is_tone && energy >= ENERGY_MIN && self.is_loud(energy);
        let has_spoken = self.has_spoken(frame);

        // All hear everything; the surest one speaks.
        let rhythm = self.cadence.push(&low, is_noise, has_spoken);
        let special = self.special.push(&pure);
        let fax = self.fax.push(&pure);
        let beep = self.beeps.push(&pure, has_spoken);
        special.or(fax).or(rhythm).or(beep)
    }

    /// Whether somebody has spoken, with this frame.
    fn has_spoken(&mut self, frame: &Frame) -> bool {
        if self.spoken < SPOKEN_FRAMES {
            if self.is_sounding() {
                self.voice.push_other();
            } else {
                self.voice.push(frame);
                self.spoken += u64::from(self.voice.is_speaking());
            }
        }
        self.spoken >= SPOKEN_FRAMES
    }

    /// Whether a frame would be heard beside the tone before it: noise of the line would not.
    fn is_loud(&self, energy: u64) -> bool {
        self.low.last_energy().max(self.pure.last_energy()) / 16 <= energy
    }
}

#[cfg(test)]
mod tests;
