//! WAV files, as far as telephony and speech programs write them: PCM, 16 bit, mono.
//!
//! In: bytes. Out: samples with their rate, or what is wrong; and the bytes of a file at 8 kHz.
//! Invariants: reading never panics, and never allocates more than the bytes it was given call
//! for. A program that writes into a pipe cannot know the length: such a data chunk reaches to
//! the end. It deliberately neither mixes channels nor resamples.
//! Source: Microsoft/IBM RIFF WAVE, 1991.

use super::SAMPLE_RATE;

/// Bytes before the samples in a file written here.
const HEADER: usize = 44;
/// Sizes from here on are what writers put who did not know the length yet (0x7FFFF000 and up).
const SIZE_UNKNOWN: u32 = 0x7FFF_0000;

/// The samples of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    /// One channel.
    pub samples: Vec<i16>,
    /// How many of them make a second. Units: Hz.
    pub rate_hz: u32,
}

/// What is wrong with a WAV file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// It does not begin as WAV files do.
    #[error("read WAV: does not begin with RIFF and WAVE, wanted a WAV file")]
    NotWav,
    /// It has no description of its samples before them.
    #[error("read WAV: no fmt chunk before the data")]
    NoFormat,
    /// It has no samples chunk.
    #[error("read WAV: no data chunk")]
    NoData,
    /// A chunk ends after the file does.
    #[error("read WAV: chunk at byte {offset} says {size} bytes, {left} are left")]
    Cut {
        /// Where the chunk begins.
        offset: usize,
        /// Bytes it claims.
        size: u32,
        /// Bytes there are.
        left: usize,
    },
    /// Another coding than PCM.
    #[error("read WAV: format {0}, wanted 1 (PCM)")]
    Coding(u16),
    /// Not one channel.
    #[error("read WAV: {0} channels, wanted 1")]
    Channels(u16),
    /// Not 16 bit.
    #[error("read WAV: {0} bits a sample, wanted 16")]
    Bits(u16),
    /// Half a sample at the end.
    #[error("read WAV: {0} bytes of 16-bit samples, wanted an even number")]
    Odd(usize),
}

impl Wav {
    /// Reads the bytes of a file.
    ///
    /// # Errors  [`WavError`]: the first thing that is not so.
    pub fn read(bytes: &[u8]) -> Result<Self, WavError> {
        if bytes.get(0..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
            return Err(WavError::NotWav);
        }
        let mut offset = 12;
        let mut described_hz = None;
        while let Some(head) = bytes.get(offset..offset + 8) {
            let size = u32_at(head, 4);
            let rest = bytes.get(offset + 8..).unwrap_or_default();
            let wanted = usize::try_from(size).unwrap_or(usize::MAX);
            let is_data = head.starts_with(b"data");
            let body = match rest.get(..wanted) {
                Some(body) => body,
                None if is_data && size >= SIZE_UNKNOWN => rest,
                None => return Err(WavError::Cut { offset, size, left: rest.len() }),
            };
            if head.starts_with(b"fmt ") {
                described_hz = Some(read_format(body)?);
            } else if is_data {
                let rate_hz = described_hz.ok_or(WavError::NoFormat)?;
                return Ok(Self { samples: read_samples(body)?, rate_hz });
            }
            // Chunks begin at even offsets.
            offset += 8 + body.len() + body.len() % 2;
        }
        Err(WavError::NoData)
    }
}

/// The bytes of a file with these samples at 8 kHz.
pub(super) fn write(samples: &[i16]) -> Vec<u8> {
    // A WAV file says its sizes in 32 bits: 74 hours at 8 kHz.
    let size = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX - 36);
    let mut bytes = Vec::with_capacity(HEADER + samples.len() * 2);
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
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

fn read_format(body: &[u8]) -> Result<u32, WavError> {
    if body.len() < 16 {
        return Err(WavError::NoFormat);
    }
    let (coding, channels, rate_hz, bits) =
        (u16_at(body, 0), u16_at(body, 2), u32_at(body, 4), u16_at(body, 14));
    // An extensible format (0xFFFE) says its coding at the start of its sub-format.
    let coding = if coding == 0xFFFE { u16_at(body, 24) } else { coding };
    match (coding, channels, bits) {
        (1, 1, 16) => Ok(rate_hz),
        (1, 1, _) => Err(WavError::Bits(bits)),
        (1, ..) => Err(WavError::Channels(channels)),
        _ => Err(WavError::Coding(coding)),
    }
}

fn read_samples(body: &[u8]) -> Result<Vec<i16>, WavError> {
    let (pairs, rest) = body.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(WavError::Odd(body.len()));
    }
    Ok(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
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
