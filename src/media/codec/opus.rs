//! Opus at 8,000 samples a second, mono: the rate that audio here has.
//!
//! In: samples or packets. Out: the other. The codec itself is the crate `rusty-opus`, which
//! decodes at any rate whatever the packet was made at, so nothing is resampled here.
//! Invariants: what arrives never panics and never ends the stream: a packet that cannot be read
//! is concealed as a lost one. It deliberately leaves out stereo (the decoder mixes it down) and
//! silence by not sending (DTX).
//! Sources: RFC 6716, RFC 7587 §3 and §4.

use rusty_opus::{Application, OpusDecoder, OpusEncoder};

use crate::media::{OpusFormat, SAMPLE_RATE};

/// Longest packet: 120 ms. Source: RFC 6716 §3.2.
const SAMPLES_MAX: usize = 960;
/// Bits per second sent, where the other side sets no limit: narrow-band speech is as good as
/// Opus makes it from 12,000 on (RFC 7587 §3.1.1), and repair data need some.
const BITRATE: i32 = 20_000;
/// Least that Opus can do. Source: RFC 7587 §6.1.
const BITRATE_MIN: i32 = 6_000;
/// Loss that repair data are made for. Units: percent.
const LOSS_EXPECTED: i32 = 5;
/// How hard the encoder tries, from 0 to 10: more is hardly heard on speech at this rate.
const COMPLEXITY: i32 = 5;

/// Samples to packets.
pub(super) struct Encoder {
    encoder: OpusEncoder,
    input: [f32; SAMPLES_MAX],
}

impl Encoder {
    /// As the other side wants it; nothing where the crate refuses.
    pub(super) fn new(format: &OpusFormat) -> Option<Self> {
        let mut encoder = OpusEncoder::new(SAMPLE_RATE as i32, 1, Application::Voip).ok()?;
        let limit = format.max_average_bitrate.and_then(|most| i32::try_from(most).ok());
        encoder.bitrate_bps = limit.unwrap_or(BITRATE).clamp(BITRATE_MIN, BITRATE);
        encoder.complexity = COMPLEXITY;
        encoder.use_inband_fec = format.use_inband_fec;
        encoder.packet_loss_perc = if format.use_inband_fec { LOSS_EXPECTED } else { 0 };
        encoder.lsb_depth = 16;
        Some(Self { encoder, input: [0.0; SAMPLES_MAX] })
    }

    /// Encodes 10, 20, 40 or 60 ms into one packet; its length, or 0 where that failed.
    pub(super) fn encode(&mut self, samples: &[i16], packet: &mut [u8]) -> usize {
        let Some(input) = self.input.get_mut(..samples.len()) else { return 0 };
        input.iter_mut().zip(samples).for_each(|(slot, sample)| {
            *slot = f32::from(*sample) / 32_768.0;
        });
        self.encoder.encode(input, samples.len(), packet).unwrap_or(0)
    }
}

/// Packets to samples.
pub(super) struct Decoder {
    decoder: OpusDecoder,
    output: [f32; SAMPLES_MAX],
}

impl Decoder {
    /// Nothing where the crate refuses.
    pub(super) fn new() -> Option<Self> {
        let decoder = OpusDecoder::new(SAMPLE_RATE as i32, 1).ok()?;
        Some(Self { decoder, output: [0.0; SAMPLES_MAX] })
    }

    /// Appends what is in a packet; one that cannot be read is concealed by `lost` samples.
    pub(super) fn decode(&mut self, packet: &[u8], lost: usize, heard: &mut Vec<i16>) {
        let length = samples_in(packet);
        let decoded = match length {
            Some(length) => self.decoder.decode(packet, length, &mut self.output).ok(),
            None => None,
        };
        match decoded {
            Some(length) => self.hear(length, heard),
            None => self.conceal(lost, heard),
        }
    }

    /// Appends what a lost packet may have been, by the repair data in the one after it.
    pub(super) fn repair(&mut self, next: &[u8], lost: usize, heard: &mut Vec<i16>) {
        let lost = lost.min(SAMPLES_MAX);
        match self.decoder.decode_fec(next, lost, &mut self.output) {
            Ok(length) => self.hear(length, heard),
            Err(_) => self.conceal(lost, heard),
        }
    }

    /// Appends a guess at what a lost packet was.
    pub(super) fn conceal(&mut self, lost: usize, heard: &mut Vec<i16>) {
        let lost = lost.min(SAMPLES_MAX);
        match self.decoder.decode(&[], lost, &mut self.output) {
            Ok(length) => self.hear(length, heard),
            Err(_) => heard.extend(std::iter::repeat_n(0, lost)),
        }
    }

    fn hear(&mut self, length: usize, heard: &mut Vec<i16>) {
        let samples = self.output.iter().take(length);
        heard.extend(samples.map(|sample| (sample * 32_768.0).round() as i16));
    }
}

/// How long a packet plays. Source: RFC 6716 §3.1 and §3.2.
pub(super) fn samples_in(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let configuration = first >> 3;
    // In samples at 8,000 a second.
    let frame = match configuration {
        0..12 => [80, 160, 320, 480][usize::from(configuration & 3)],
        12..16 => [80, 160][usize::from(configuration & 1)],
        _ => [20, 40, 80, 160][usize::from(configuration & 3)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(*packet.get(1)? & 0x3F),
    };
    Some(frame * frames).filter(|length| (1..=SAMPLES_MAX).contains(length))
}

#[cfg(test)]
mod tests;
