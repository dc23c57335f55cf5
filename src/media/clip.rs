//! Recorded speech: a run of samples that sessions share without copying.
//!
//! In: samples, or the bytes of a raw µ-law file. Out: a [`Clip`], and the bytes of a WAV or raw
//! µ-law file. Invariant: a clip never changes. It deliberately neither opens files nor
//! resamples. Source: ITU-T G.711.

use std::fmt;
use std::sync::Arc;

use super::g711::Law;
use super::{SAMPLE_RATE, SAMPLES_PER_MILLI, wav};
use crate::base::Millis;

/// Audio at 8 kHz, mono.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip(Arc<[i16]>);

impl Clip {
    /// From samples at 8 kHz.
    pub fn new(samples: impl Into<Arc<[i16]>>) -> Self {
        Self(samples.into())
    }

    /// Nothing, for as long as asked.
    pub fn silence(length: Millis) -> Self {
        Self(vec![0; samples_in(length)].into())
    }

    /// A pure tone, for voicemail beeps and tests. The pitch is in hertz, the amplitude that of
    /// its peaks.
    pub fn tone(hz: u32, length: Millis, amplitude: i16) -> Self {
        let turns_per_sample = f64::from(hz) / f64::from(SAMPLE_RATE);
        let sample = |number: usize| {
            let turns = (number as f64 * turns_per_sample).fract();
            (f64::from(amplitude) * (std::f64::consts::TAU * turns).sin()).round() as i16
        };
        Self((0..samples_in(length)).map(sample).collect())
    }

    /// The samples.
    pub fn samples(&self) -> &[i16] {
        &self.0
    }

    /// Whether a copy of this clip is held elsewhere.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// How long it plays, rounded up to the millisecond.
    pub fn duration(&self) -> Millis {
        Millis((self.0.len() as u64).div_ceil(SAMPLES_PER_MILLI))
    }

    /// This clip and then the other, as one.
    pub fn followed_by(&self, next: &Self) -> Self {
        Self(self.0.iter().chain(next.0.iter()).copied().collect())
    }

    /// The bytes of a WAV file with these samples.
    pub fn to_wav(&self) -> Vec<u8> {
        wav::write(&self.0)
    }

    /// Reads raw µ-law at 8 kHz (`.ulaw`); every run of bytes is one.
    pub fn from_ulaw(bytes: &[u8]) -> Self {
        Self(Law::Mu.decode(bytes).collect())
    }

    /// These samples as raw µ-law.
    pub fn to_ulaw(&self) -> Vec<u8> {
        Law::Mu.encode(&self.0)
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({} samples)", self.0.len())
    }
}

fn samples_in(length: Millis) -> usize {
    usize::try_from(length.0.saturating_mul(SAMPLES_PER_MILLI)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
