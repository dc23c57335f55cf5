//! Recordings as WAV files: left the customer, right our side.
//!
//! In: both channels by turns in G.711. Out: the bytes of a file that any program plays, in 16-bit
//! PCM, or as they are for programs that know G.711.
//! Source: Microsoft/IBM RIFF WAVE, 1991; format tags 1 (PCM), 6 (A-law), 7 (µ-law).

use std::ops::Range;
use std::sync::Arc;

use super::{Coding, Opened};
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

impl WavCoding {
    /// The name in facts: `wav` or `wav-g711`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcm16 => "wav",
            Self::G711 => "wav-g711",
        }
    }
}

/// A file that is not made as a whole: any part of it can be had.
#[derive(Clone, Debug)]
pub struct WavFile {
    head: Vec<u8>,
    audio: Arc<Opened>,
    form: WavCoding,
}

impl WavFile {
    /// The file of a recording.
    pub fn new(audio: Arc<Opened>, form: WavCoding) -> Self {
        let head = head(audio.audio.len(), audio.header.coding, form);
        Self { head, audio, form }
    }

    /// Its length. Units: bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.audio.audio.len() * self.form.bytes_per_sample()
    }

    /// Whether there is nothing in it, which never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range, as far as there are any.
    pub fn bytes(&self, range: Range<usize>) -> Vec<u8> {
        let head = self.head.get(range.start.min(self.head.len())..range.end.min(self.head.len()));
        let mut bytes = head.unwrap_or_default().to_vec();
        let each = self.form.bytes_per_sample();
        let from = range.start.saturating_sub(self.head.len());
        let to = range.end.saturating_sub(self.head.len());
        // Whole samples around the range, and of them what is in it.
        let end = to.div_ceil(each).min(self.audio.audio.len());
        let samples = self.audio.audio.get((from / each).min(end)..end).unwrap_or_default();
        let coded = encoded(samples, self.audio.header.coding, self.form);
        let wanted = to.saturating_sub(from);
        bytes.extend(coded.into_iter().skip(from % each).take(wanted));
        bytes
    }
}

impl WavCoding {
    const fn bytes_per_sample(self) -> usize {
        match self {
            Self::Pcm16 => 2,
            Self::G711 => 1,
        }
    }
}

/// The bytes of a file.
pub fn write(audio: &[u8], coding: Coding, form: WavCoding) -> Vec<u8> {
    let mut bytes = head(audio.len(), coding, form);
    bytes.extend(encoded(audio, coding, form));
    bytes
}

/// Samples as a file has them.
fn encoded(audio: &[u8], coding: Coding, form: WavCoding) -> Vec<u8> {
    match form {
        WavCoding::Pcm16 => coding.decode(audio).flat_map(i16::to_le_bytes).collect(),
        WavCoding::G711 => audio.to_vec(),
    }
}

/// What stands before so many samples.
fn head(samples: usize, coding: Coding, form: WavCoding) -> Vec<u8> {
    let (tag, bits, has_fact): (u16, u16, bool) = match (form, coding) {
        (WavCoding::Pcm16, _) => (1, 16, false),
        (WavCoding::G711, Coding::ALaw) => (6, 8, true),
        (WavCoding::G711, Coding::MuLaw) => (7, 8, true),
    };
    let frame = CHANNELS * bits / 8;
    // A WAV file says its sizes in 32 bits: 37 hours at this rate.
    let moments = u32::try_from(samples / usize::from(CHANNELS)).unwrap_or(u32::MAX >> 3);
    let size = moments.saturating_mul(u32::from(frame));
    let head: u32 = if has_fact { 50 } else { 36 };
    let mut bytes = Vec::with_capacity(64);
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
    bytes
}
