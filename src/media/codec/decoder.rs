//! From the payloads of one stream to samples.
//!
//! In: payloads with their codec, in order of sequence, and how much was lost between them. Out:
//! 8 kHz samples, appended to the caller's buffer.
//! Invariants: every payload gives something to hear or nothing, never an error; a codec that
//! comes for the first time starts afresh, and goes on where it was when it comes again. Nothing
//! is allocated but the state of a codec when it first comes, and room in the caller's buffer.
//! It deliberately guesses at nothing for G.711 and G.722: [`Concealer`](super::Concealer) does,
//! where audio is played.
//! Source: RFC 3551 §4.5.2 and §4.5.14, RFC 7587 §4.

use std::fmt;

use super::half_band::Decimator;
use super::{Codec, g722, opus};
use crate::media::FRAME_SAMPLES;

/// Decodes one stream.
#[derive(Default)]
pub struct Decoder {
    g722: Option<Box<(Decimator, g722::Decoder)>>,
    opus: Option<Box<opus::Decoder>>,
}

impl Decoder {
    /// Appends the samples of a payload.
    pub fn decode(&mut self, codec: Codec, payload: &[u8], heard: &mut Vec<i16>) {
        match codec {
            Codec::Pcmu | Codec::Pcma => {
                let law = codec.law();
                heard.extend(law.into_iter().flat_map(|law| law.decode(payload)));
            }
            Codec::G722 => {
                let (down, decoder) = &mut **self.g722.get_or_insert_default();
                heard.extend(decoder.decode(payload).map(|pair| down.push(pair)));
            }
            Codec::Opus => match self.opus() {
                Some(decoder) => decoder.decode(payload, FRAME_SAMPLES, heard),
                None => heard.extend([0; FRAME_SAMPLES]),
            },
        }
    }

    /// Appends what was lost before a payload, where the codec knows: Opus, by the repair data
    /// in that payload or by guessing. Otherwise false, and nothing is appended.
    pub fn repair(&mut self, codec: Codec, lost: usize, next: &[u8], heard: &mut Vec<i16>) -> bool {
        let Some(decoder) = self.opus.as_mut().filter(|_| codec == Codec::Opus) else {
            return false;
        };
        // The data in a packet are those of the one right before it.
        let (guessed, repaired) = (lost.saturating_sub(FRAME_SAMPLES), lost.min(FRAME_SAMPLES));
        if guessed > 0 {
            decoder.conceal(guessed, heard);
        }
        decoder.repair(next, repaired, heard);
        true
    }

    /// How many samples a payload stands for, without decoding it.
    pub fn samples_in(codec: Codec, payload: &[u8]) -> usize {
        match codec {
            // G.722 has half the samples here that it has on the line: one a byte as well.
            Codec::Pcmu | Codec::Pcma | Codec::G722 => payload.len(),
            Codec::Opus => opus::samples_in(payload).unwrap_or(FRAME_SAMPLES),
        }
    }

    fn opus(&mut self) -> Option<&mut opus::Decoder> {
        if self.opus.is_none() {
            self.opus = opus::Decoder::new().map(Box::new);
        }
        self.opus.as_deref_mut()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (g722, opus) = (self.g722.is_some(), self.opus.is_some());
        f.debug_struct("Decoder").field("g722", &g722).field("opus", &opus).finish()
    }
}
