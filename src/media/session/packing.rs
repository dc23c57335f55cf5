//! Steps of 20 ms put into packets of the length that was agreed.
//!
//! In: frames with their timestamps. Out: payloads with the timestamp of their first sample.
//! Invariants: samples leave in the order they came, each once; at 20 ms a packet none waits.
//! Source: RFC 3551 §4.2.

use crate::media::codec::{Encoder, PAYLOAD_MAX};
use crate::media::{FRAME_SAMPLES, Frame, Negotiated, OpusFormat, SAMPLE_RATE};

/// Most samples that wait: those of the longest packet, less one step, and a step.
const ROOM: usize = 4 * FRAME_SAMPLES;

/// Encodes what is sent, packet by packet.
#[derive(Debug)]
pub(super) struct Packing {
    encoder: Encoder,
    format: OpusFormat,
    /// Samples in a packet.
    length: usize,
    waiting: [i16; ROOM],
    filled: usize,
    /// The timestamp of the first sample that waits.
    timestamp: u32,
    /// True where that begins a talk spurt.
    marker: bool,
}

/// What goes before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// Bytes of payload.
    pub(super) length: usize,
}

impl Packing {
    pub(super) fn new(negotiated: &Negotiated) -> Self {
        Self {
            encoder: Encoder::new(negotiated.codec, &negotiated.opus),
            format: negotiated.opus,
            length: samples_of(negotiated),
            waiting: [0; ROOM],
            filled: 0,
            timestamp: 0,
            marker: false,
        }
    }

    /// Takes what was agreed anew: the same codec goes on where it was.
    pub(super) fn set_agreed(&mut self, negotiated: &Negotiated) {
        if (self.encoder.codec(), self.format) == (negotiated.codec, negotiated.opus) {
            self.length = samples_of(negotiated);
        } else {
            *self = Self::new(negotiated);
        }
    }

    /// Takes a step's frame; packets that are full then are [`Self::pop`]ped.
    pub(super) fn push(&mut self, frame: &Frame, timestamp: u32, marker: bool) {
        if self.filled == 0 {
            (self.timestamp, self.marker) = (timestamp, false);
        }
        self.marker |= marker;
        let room = self.waiting.get_mut(self.filled..).unwrap_or_default();
        self.filled += room.iter_mut().zip(frame).map(|(slot, sample)| *slot = *sample).count();
    }

    /// Fills up a packet under way with silence.
    pub(super) fn flush(&mut self) {
        if self.filled > 0 {
            let rest = self.waiting.get_mut(self.filled..self.length).unwrap_or_default();
            rest.fill(0);
            self.filled = self.filled.max(self.length);
        }
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Writes the next packet's payload, where there is enough for one, to where there is room
    /// for [`PAYLOAD_MAX`] bytes.
    pub(super) fn pop(&mut self, payload: &mut [u8]) -> Option<Packed> {
        if self.filled < self.length {
            return None;
        }
        let payload = payload.get_mut(..PAYLOAD_MAX).unwrap_or_default();
        let samples = self.waiting.get(..self.length).unwrap_or_default();
        let length = self.encoder.encode(samples, payload);
        let packed = Packed { timestamp: self.timestamp, marker: self.marker, length };
        self.waiting.copy_within(self.length..self.filled, 0);
        self.filled -= self.length;
        let units = self.length as u32 * (self.encoder.codec().clock_rate() / SAMPLE_RATE);
        self.timestamp = self.timestamp.wrapping_add(units);
        self.marker = false;
        Some(packed)
    }
}

fn samples_of(negotiated: &Negotiated) -> usize {
    let samples = usize::try_from(negotiated.ptime.0).unwrap_or(0) * FRAME_SAMPLES / 20;
    samples.clamp(FRAME_SAMPLES / 2, 3 * FRAME_SAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Millis;
    use crate::media::{Codec, SILENCE};

    fn packing(codec: Codec, ptime: u64) -> Packing {
        let remote = (std::net::Ipv4Addr::LOCALHOST, 4_000).into();
        Packing::new(&Negotiated { ptime: Millis(ptime), ..Negotiated::plain(remote, codec) })
    }

    /// The packets of so many frames: their timestamps and lengths.
    fn packets(codec: Codec, ptime: u64, frames: u32) -> Vec<(u32, usize)> {
        let mut packing = packing(codec, ptime);
        let mut sent = Vec::new();
        for number in 0..frames {
            packing.push(&SILENCE, number * codec.clock_rate() / 50, number == 0);
            let mut payload = [0; PAYLOAD_MAX];
            while let Some(packed) = packing.pop(&mut payload) {
                assert_eq!(packed.marker, packed.timestamp == 0);
                sent.push((packed.timestamp, packed.length));
            }
        }
        sent
    }

    #[test]
    fn packets_are_as_long_as_agreed_and_follow_each_other() {
        assert_eq!(packets(Codec::Pcma, 20, 3), [(0, 160), (160, 160), (320, 160)]);
        assert_eq!(packets(Codec::Pcmu, 10, 2), [(0, 80), (80, 80), (160, 80), (240, 80)]);
        assert_eq!(packets(Codec::G722, 30, 3), [(0, 240), (240, 240)]);
        assert_eq!(packets(Codec::Pcmu, 50, 5), [(0, 400), (400, 400)]);
        let opus: Vec<u32> = packets(Codec::Opus, 60, 7).iter().map(|packet| packet.0).collect();
        assert_eq!(opus, [0, 2_880]);
    }

    #[test]
    fn what_is_left_goes_out_with_silence_behind_it() {
        let mut packing = packing(Codec::Pcmu, 60);
        let mut payload = [0; PAYLOAD_MAX];
        packing.push(&[8_000; FRAME_SAMPLES], 800, true);
        assert_eq!(packing.pop(&mut payload), None);
        packing.flush();
        let packed = Packed { timestamp: 800, marker: true, length: 480 };
        assert_eq!(packing.pop(&mut payload), Some(packed));
        assert!(payload[..160].iter().all(|byte| *byte == payload[0]));
        assert!(payload[160..].iter().all(|byte| *byte == 0xFF));
        packing.flush();
        assert_eq!(packing.pop(&mut payload), None, "nothing is left");
    }
}
