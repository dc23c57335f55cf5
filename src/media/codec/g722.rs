//! G.722 at 64 kbit/s: 16,000 samples a second in one byte for every two.
//!
//! In: samples or bytes. Out: the other, appended. A pair of samples is split into a low and a
//! high band, each of which is said as the step from what was predicted of it.
//! Invariants: every run of bytes decodes, nothing is allocated beyond the room of the caller's
//! buffer, and the same input from the start gives the same output, bit for bit.
//! It deliberately leaves out 56 and 48 kbit/s (RFC 3551 knows neither) and erasure concealment.
//! Written from ITU-T G.722 (11/88), clauses 3 to 5; the names of blocks in comments are its.

mod band;
mod quadrature;
mod tables;

use band::Band;
use quadrature::{Analysis, Synthesis};

/// Samples to bytes.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    split: Analysis,
    low: Band,
    high: Band,
}

/// Bytes to samples.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    join: Synthesis,
    low: Band,
    high: Band,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { split: Analysis::default(), low: Band::low(), high: Band::high() }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { join: Synthesis::default(), low: Band::low(), high: Band::high() }
    }
}

impl Encoder {
    /// The byte of two samples.
    pub(super) fn encode_pair(&mut self, pair: [i16; 2]) -> u8 {
        let (low, high) = self.split.push(pair);
        (self.high.encode_high(high) << 6) | self.low.encode_low(low)
    }
}

impl Decoder {
    /// Decodes bytes, two samples each.
    pub(super) fn decode<'a>(
        &'a mut self,
        bytes: &'a [u8],
    ) -> impl ExactSizeIterator<Item = [i16; 2]> + 'a {
        bytes.iter().map(|byte| {
            let low = self.low.decode_low(byte & 0x3F);
            let high = self.high.decode_high(byte >> 6);
            self.join.push(low, high)
        })
    }
}

/// Limits to 16 bits.
const fn saturate(value: i32) -> i32 {
    if value > 32_767 {
        32_767
    } else if value < -32_768 {
        -32_768
    } else {
        value
    }
}

#[cfg(test)]
mod tests;
