//! From samples to the payloads of one stream.
//!
//! In: 8 kHz samples, 10 to 60 ms at a time. Out: one payload, written into the caller's buffer.
//! Invariant: state is that of one direction of one session, and nothing is allocated once it is
//! there. Source: RFC 3551 §4.5.2 and §4.5.14, RFC 7587 §4.

use std::fmt;

use super::half_band::Interpolator;
use super::{Codec, g722, opus};
use crate::media::OpusFormat;
use crate::media::g711::Law;

/// Longest payload written: 60 ms of G.711; Opus is told to stay below.
pub const PAYLOAD_MAX: usize = 480;

/// Encodes one stream.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    state: State,
}

enum State {
    G711(Law),
    G722(Box<(Interpolator, g722::Encoder)>),
    Opus(Box<opus::Encoder>),
    /// Opus would not start.
    Nothing,
}

impl Encoder {
    /// A stream from its start; what the other side says of Opus matters only there.
    pub fn new(codec: Codec, format: &OpusFormat) -> Self {
        let state = match codec {
            Codec::Pcmu => State::G711(Law::Mu),
            Codec::Pcma => State::G711(Law::A),
            Codec::G722 => State::G722(Box::default()),
            Codec::Opus => match opus::Encoder::new(format) {
                Some(encoder) => State::Opus(Box::new(encoder)),
                None => State::Nothing,
            },
        };
        Self { codec, state }
    }

    /// Which codec it is.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Writes 10, 20, 40 or 60 ms of samples, or 30 and 50 for all but Opus, to where there is
    /// room for [`PAYLOAD_MAX`]; how many bytes.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        match &mut self.state {
            State::G711(law) => {
                let both = payload.iter_mut().zip(samples);
                both.map(|(byte, sample)| *byte = law.encode_sample(*sample)).count()
            }
            State::G722(state) => {
                let (up, encoder) = &mut **state;
                let bytes = samples.iter().map(|sample| encoder.encode_pair(up.push(*sample)));
                payload.iter_mut().zip(bytes).map(|(slot, byte)| *slot = byte).count()
            }
            State::Opus(encoder) => encoder.encode(samples, payload),
            State::Nothing => 0,
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::G711(_) => "G711",
            Self::G722(_) => "G722",
            Self::Opus(_) => "Opus",
            Self::Nothing => "Nothing",
        })
    }
}
