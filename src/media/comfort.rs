//! Comfort noise: what silence sounds like while nothing is sent.
//!
//! In: payloads of RFC 3389, which say how loud the noise is. Out: frames of noise as loud, and
//! payloads to send. Invariants: the same levels give the same noise; it is never louder than was
//! said. It deliberately leaves the noise white: the colours that a payload may add are passed
//! over, as is allowed.
//! Source: RFC 3389 §3 (payload), §4 (use).

use super::{FRAME_SAMPLES, Frame, SILENCE};

/// The loudest that can be said is that of a square wave. Units: amplitude.
const FULL: f64 = 32_767.0;
/// How loud silence of ours is said to be: a quiet room behind a good microphone. Units: −dBov.
const OURS: u8 = 75;

/// A payload to send in place of silence.
pub(super) const PAYLOAD: [u8; 1] = [OURS];

/// Noise of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ComfortNoise {
    /// Largest sample: noise that is spread evenly up to it has the level that was said.
    peak: i32,
    state: u32,
}

impl ComfortNoise {
    /// From a payload; nothing where it is empty. Bit 7 of the level means nothing.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let level = f64::from(*payload.first()? & 0x7F);
        // Even noise has 1/√3 of the power of its peaks.
        let peak = FULL * 10_f64.powf(-level / 20.0) * 3_f64.sqrt();
        Some(Self { peak: peak.min(FULL) as i32, state: 0x9E37_79B9 })
    }

    /// Takes the level of another payload, without a break in the noise.
    pub(super) fn follow(&mut self, other: &Self) {
        self.peak = other.peak;
    }

    /// The next 20 ms.
    pub(super) fn frame(&mut self) -> Frame {
        let mut frame = SILENCE;
        debug_assert_eq!(frame.len(), FRAME_SAMPLES);
        for sample in &mut frame {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            let even = i64::from(self.state as i32); // −2³¹ to 2³¹
            *sample = ((even * i64::from(self.peak)) >> 31) as i16;
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(noise: &mut ComfortNoise) -> f64 {
        let samples: Vec<f64> =
            (0..50).flat_map(|_| noise.frame()).map(|sample| f64::from(sample) / FULL).collect();
        let power = samples.iter().map(|sample| sample.powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * power.log10()
    }

    #[test]
    fn noise_is_as_loud_as_it_says() {
        for said in [20_u8, 40, 60] {
            let mut noise = ComfortNoise::read(&[said | 0x80, 3, 7]).expect("a level");
            let heard = level(&mut noise);
            assert!((heard + f64::from(said)).abs() < 1.0, "{said}: {heard:.1} dBov");
        }
        let mut noise = ComfortNoise::read(&[40]).expect("a level");
        noise.follow(&ComfortNoise::read(&[50]).expect("a level"));
        assert!((level(&mut noise) + 50.0).abs() < 1.0);
        assert_eq!(ComfortNoise::read(&[]), None);
        assert_eq!(ComfortNoise::read(&[127]).expect("a level").frame(), SILENCE);
    }
}
