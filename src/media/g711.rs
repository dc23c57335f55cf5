//! The two telephone codecs: µ-law (PCMU) and A-law (PCMA), one byte a sample at 8 kHz.
//!
//! In: 16-bit samples or bytes. Out: the other. Every byte decodes; encoding what was decoded
//! gives the same sound again. Source: ITU-T G.711.

/// Bias that makes every µ-law segment a power of two. Source: ITU-T G.711, table 2a.
const MU_BIAS: i32 = 0x84;
/// Largest magnitude µ-law can say, less the bias.
const MU_CLIP: i32 = 32_635;

const MU_DECODED: [i16; 256] = mu_table();
const A_DECODED: [i16; 256] = a_table();

/// One of the two laws by which a sample becomes a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// µ-law: North America and Japan.
    Mu,
    /// A-law: everywhere else.
    A,
}

impl Law {
    /// One sample as a byte.
    pub const fn encode_sample(self, sample: i16) -> u8 {
        match self {
            Self::Mu => mu_encode(sample),
            Self::A => a_encode(sample),
        }
    }

    /// One byte as a sample.
    pub const fn decode_sample(self, byte: u8) -> i16 {
        match self {
            Self::Mu => MU_DECODED[byte as usize],
            Self::A => A_DECODED[byte as usize],
        }
    }

    /// Samples as bytes, one each.
    pub(super) fn encode(self, samples: &[i16]) -> Vec<u8> {
        samples.iter().map(|sample| self.encode_sample(*sample)).collect()
    }

    /// Bytes as samples, one each.
    pub(super) fn decode(self, bytes: &[u8]) -> impl Iterator<Item = i16> + '_ {
        bytes.iter().map(move |byte| self.decode_sample(*byte))
    }
}

const fn mu_encode(sample: i16) -> u8 {
    let wide = sample as i32;
    let (sign, magnitude) = if wide < 0 { (0x80, -wide) } else { (0, wide) };
    let clipped = if magnitude > MU_CLIP { MU_CLIP } else { magnitude };
    let biased = clipped + MU_BIAS;
    // The bias puts the highest set bit at 7 (segment 0) or above, up to 14 (segment 7).
    let segment = 24 - biased.leading_zeros() as i32;
    let step = (biased >> (segment + 3)) & 0x0F;
    !((sign | (segment << 4) | step) as u8)
}

const fn mu_decode(byte: u8) -> i16 {
    let bits = !byte as i32;
    let magnitude = ((((bits & 0x0F) << 3) + MU_BIAS) << ((bits & 0x70) >> 4)) - MU_BIAS;
    (if bits & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

const fn a_encode(sample: i16) -> u8 {
    let wide = (sample as i32) >> 3;
    // A-law inverts every other bit, and the sign bit says "positive".
    let (mask, magnitude) = if wide < 0 { (0x55, -wide - 1) } else { (0xD5, wide) };
    // 12 bits of magnitude: segments 0 and 1 share a step, then each doubles it.
    let high = 32 - (magnitude as u32).leading_zeros() as i32;
    let segment = if high > 5 { high - 5 } else { 0 };
    let shift = if segment < 2 { 1 } else { segment };
    (((segment << 4) | ((magnitude >> shift) & 0x0F)) ^ mask) as u8
}

const fn a_decode(byte: u8) -> i16 {
    let bits = (byte ^ 0x55) as i32;
    let segment = (bits & 0x70) >> 4;
    let step = (bits & 0x0F) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    (if bits & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

const fn mu_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = mu_decode(byte as u8);
        byte += 1;
    }
    table
}

const fn a_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = a_decode(byte as u8);
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests;
