//! Recordings as WAV files: left the customer, right our side.
//!
//! In: both channels by turns in G.711. Out: the bytes of a file that any program plays, in 16-bit
//! PCM, or as they are for programs that know G.711.
//! Source: Microsoft/IBM RIFF WAVE, 1991; format tags 1 (PCM), 6 (A-law), 7 (µ-law).

use super::Coding;
use crate::media::SAMPLE_RATE;

/// Left and right.
const CHANNELS: u16 = 2;

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WavCoding {
    /// 16-bit PCM: four bytes for each moment.
    Pcm16,
    /// G.711 as it was kept: two bytes for each moment.
    G711,
}

/// The bytes of a file.
pub fn write(audio: &[u8], coding: Coding, form: WavCoding) -> Vec<u8> {
    let (tag, bits, has_fact): (u16, u16, bool) = match (form, coding) {
        (WavCoding::Pcm16, _) => (1, 16, false),
        (WavCoding::G711, Coding::ALaw) => (6, 8, true),
        (WavCoding::G711, Coding::MuLaw) => (7, 8, true),
    };
    let frame = CHANNELS * bits / 8;
    // A WAV file says its sizes in 32 bits: 37 hours at this rate.
    let moments = u32::try_from(audio.len() / usize::from(CHANNELS)).unwrap_or(u32::MAX >> 3);
    let size = moments.saturating_mul(u32::from(frame));
    let head: u32 = if has_fact { 50 } else { 36 };
    let mut bytes = Vec::with_capacity(audio.len() * 2 + 64);
    bytes.extend(b"RIFF");
    bytes.extend(size.saturating_add(head).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(if has_fact { 18_u32 } else { 16 }.to_le_bytes());
    bytes.extend(tag.to_le_bytes());
    bytes.extend(CHANNELS.to_le_bytes());
    bytes.extend(SAMPLE_RATE.to_le_bytes());
    bytes.extend((SAMPLE_RATE * u32::from(frame)).to_le_bytes());
    bytes.extend(frame.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    if has_fact {
        // Formats but PCM say the length of an extension, which is none, and the moments.
        bytes.extend(0_u16.to_le_bytes());
        bytes.extend(b"fact");
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(moments.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    match form {
        WavCoding::Pcm16 => bytes.extend(coding.decode(audio).flat_map(i16::to_le_bytes)),
        WavCoding::G711 => bytes.extend(audio),
    }
    bytes
}
