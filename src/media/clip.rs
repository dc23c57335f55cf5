//! Recorded speech: a run of samples that sessions share without copying.
//!
//! In: the bytes of a WAV file (PCM, 16 bit, 8 kHz, mono) or of a raw µ-law file, with the name
//! to put into errors. Out: a [`Clip`], and the same bytes back.
//! Invariants: a clip never changes; reading never panics, and never allocates more than the
//! bytes it was given call for.
//! It deliberately neither opens files nor resamples: a file of another kind is an error that
//! says what it is. Source: Microsoft/IBM RIFF WAVE, 1991; ITU-T G.711.

use std::fmt;
use std::sync::Arc;

use super::{Codec, SAMPLE_RATE, SAMPLES_PER_MILLI};
use crate::base::Millis;

/// Bytes before the samples in a WAV file written here.
const WAV_HEADER: usize = 44;
/// Sizes from here on are what writers put who did not know the length yet (0x7FFFF000 and up).
const SIZE_UNKNOWN: u32 = 0x7FFF_0000;

/// Audio at 8 kHz, mono.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip(Arc<[i16]>);

/// A file is not a clip.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read audio {file}: {problem}")]
pub struct ClipError {
    /// The name given with the bytes.
    pub file: String,
    /// What is wrong.
    pub problem: ClipProblem,
}

/// What is wrong with an audio file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClipProblem {
    /// It does not begin as WAV files do.
    #[error("does not begin with RIFF and WAVE, wanted a WAV file")]
    NotWav,
    /// It has no description of its samples before them.
    #[error("no fmt chunk before the data")]
    NoFormat,
    /// It has no samples chunk.
    #[error("no data chunk")]
    NoData,
    /// A chunk ends after the file does.
    #[error("chunk at byte {offset} says {size} bytes, {left} are left")]
    Cut {
        /// Where the chunk begins.
        offset: usize,
        /// Bytes it claims.
        size: u32,
        /// Bytes there are.
        left: usize,
    },
    /// Another coding than PCM.
    #[error("format {0}, wanted 1 (PCM)")]
    Coding(u16),
    /// Not one channel.
    #[error("{0} channels, wanted 1")]
    Channels(u16),
    /// Not 8 kHz.
    #[error("{0} samples a second, wanted 8000")]
    Rate(u32),
    /// Not 16 bit.
    #[error("{0} bits a sample, wanted 16")]
    Bits(u16),
    /// Half a sample at the end.
    #[error("{0} bytes of 16-bit samples, wanted an even number")]
    Odd(usize),
}

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

    /// How long it plays, rounded up to the millisecond.
    pub fn duration(&self) -> Millis {
        Millis((self.0.len() as u64).div_ceil(SAMPLES_PER_MILLI))
    }

    /// This clip and then the other, as one.
    pub fn followed_by(&self, next: &Self) -> Self {
        Self(self.0.iter().chain(next.0.iter()).copied().collect())
    }

    /// Reads the bytes of a WAV file: PCM, 16 bit, 8 kHz, mono. `file` is named in errors.
    ///
    /// # Errors  [`ClipError`] with the first thing that is not so.
    pub fn from_wav(file: &str, bytes: &[u8]) -> Result<Self, ClipError> {
        read_wav(bytes).map_err(|problem| ClipError { file: file.to_owned(), problem })
    }

    /// The bytes of a WAV file with these samples.
    pub fn to_wav(&self) -> Vec<u8> {
        // A WAV file says its sizes in 32 bits: 74 hours at 8 kHz.
        let size = u32::try_from(self.0.len() * 2).unwrap_or(u32::MAX - 36);
        let mut bytes = Vec::with_capacity(WAV_HEADER + self.0.len() * 2);
        bytes.extend(b"RIFF");
        bytes.extend((size.saturating_add(36)).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16_u32.to_le_bytes());
        bytes.extend(1_u16.to_le_bytes()); // PCM
        bytes.extend(1_u16.to_le_bytes()); // channels
        bytes.extend(SAMPLE_RATE.to_le_bytes());
        bytes.extend((SAMPLE_RATE * 2).to_le_bytes()); // bytes a second
        bytes.extend(2_u16.to_le_bytes()); // bytes a sample of all channels
        bytes.extend(16_u16.to_le_bytes()); // bits
        bytes.extend(b"data");
        bytes.extend(size.to_le_bytes());
        bytes.extend(self.0.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    /// Reads raw µ-law at 8 kHz (`.ulaw`); every run of bytes is one.
    pub fn from_ulaw(bytes: &[u8]) -> Self {
        Self(Codec::Pcmu.decode(bytes).collect())
    }

    /// These samples as raw µ-law.
    pub fn to_ulaw(&self) -> Vec<u8> {
        Codec::Pcmu.encode(&self.0)
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

fn read_wav(bytes: &[u8]) -> Result<Clip, ClipProblem> {
    if bytes.get(0..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(ClipProblem::NotWav);
    }
    let mut offset = 12;
    let mut is_described = false;
    while let Some(head) = bytes.get(offset..offset + 8) {
        let size = u32_at(head, 4);
        let rest = bytes.get(offset + 8..).unwrap_or_default();
        let wanted = usize::try_from(size).unwrap_or(usize::MAX);
        let is_data = head.starts_with(b"data");
        let body = match rest.get(..wanted) {
            Some(body) => body,
            None if is_data && size >= SIZE_UNKNOWN => rest,
            None => return Err(ClipProblem::Cut { offset, size, left: rest.len() }),
        };
        if head.starts_with(b"fmt ") {
            check_format(body)?;
            is_described = true;
        } else if is_data && !is_described {
            return Err(ClipProblem::NoFormat);
        } else if is_data {
            return read_samples(body);
        }
        // Chunks begin at even offsets.
        offset += 8 + body.len() + body.len() % 2;
    }
    Err(ClipProblem::NoData)
}

fn check_format(body: &[u8]) -> Result<(), ClipProblem> {
    if body.len() < 16 {
        return Err(ClipProblem::NoFormat);
    }
    let (coding, channels, rate, bits) =
        (u16_at(body, 0), u16_at(body, 2), u32_at(body, 4), u16_at(body, 14));
    // An extensible format (0xFFFE) says its coding at the start of its sub-format.
    let coding = if coding == 0xFFFE { u16_at(body, 24) } else { coding };
    match (coding, channels, rate, bits) {
        (1, 1, SAMPLE_RATE, 16) => Ok(()),
        (1, 1, SAMPLE_RATE, _) => Err(ClipProblem::Bits(bits)),
        (1, 1, ..) => Err(ClipProblem::Rate(rate)),
        (1, ..) => Err(ClipProblem::Channels(channels)),
        _ => Err(ClipProblem::Coding(coding)),
    }
}

fn read_samples(body: &[u8]) -> Result<Clip, ClipProblem> {
    let (pairs, rest) = body.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(ClipProblem::Odd(body.len()));
    }
    Ok(Clip(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()))
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    match bytes.get(offset..offset + 2) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from(u16_at(bytes, offset)) | (u32::from(u16_at(bytes, offset + 2)) << 16)
}

#[cfg(test)]
mod tests;
