//! How much of a run of samples is at one pitch.
//!
//! In: samples at 8 kHz and pitches. Out: powers, and shares of the whole energy.
//! Invariant: integers only after a coefficient is rounded to 14 bits; nothing overflows for up
//! to [`crate::media::FRAME_SAMPLES`] samples of any value.
//! It deliberately keeps no samples and decides nothing.
//! Source: Goertzel 1958, Amer. Math. Monthly 65(1).

use super::SAMPLE_RATE;

/// A share of energy that is the whole of it.
pub(super) const WHOLE: u64 = 1_024;

/// One pitch to look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bin {
    /// 2·cos(2π·pitch/rate) in 1/16384.
    coefficient: i64,
}

impl Bin {
    /// For a pitch in hertz.
    pub(super) fn at(hz: u32) -> Self {
        let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(SAMPLE_RATE);
        Self { coefficient: (2.0 * turn.cos() * 16_384.0).round() as i64 }
    }

    /// The squared magnitude. The state stays below 2²⁴ for 160 samples, the products below 2⁵⁰.
    pub(super) fn power(self, samples: &[i16]) -> u64 {
        let (mut last, mut before) = (0_i64, 0_i64);
        for sample in samples {
            let next = i64::from(*sample) + ((self.coefficient * last) >> 14) - before;
            before = last;
            last = next;
        }
        squared((self.coefficient, last, before))
    }
}

/// The squared magnitudes of four pitches. A filter waits for its own last step; four of them side
/// by side do not wait for each other.
pub(super) fn four_powers(bins: [Bin; 4], samples: &[i16]) -> [u64; 4] {
    let [ca, cb, cc, cd] = bins.map(|bin| bin.coefficient);
    let (mut a, mut b, mut c, mut d) = (0_i64, 0_i64, 0_i64, 0_i64);
    let (mut a1, mut b1, mut c1, mut d1) = (0_i64, 0_i64, 0_i64, 0_i64);
    for sample in samples {
        let sample = i64::from(*sample);
        let next = [
            sample + ((ca * a) >> 14) - a1,
            sample + ((cb * b) >> 14) - b1,
            sample + ((cc * c) >> 14) - c1,
            sample + ((cd * d) >> 14) - d1,
        ];
        (a1, b1, c1, d1) = (a, b, c, d);
        [a, b, c, d] = next;
    }
    [(ca, a, a1), (cb, b, b1), (cc, c, c1), (cd, d, d1)].map(squared)
}

fn squared((coefficient, last, before): (i64, i64, i64)) -> u64 {
    let squared = last * last + before * before - ((coefficient * last) >> 14) * before;
    u64::try_from(squared).unwrap_or(0)
}

/// Sum of the squared samples.
pub(super) fn energy(samples: &[i16]) -> u64 {
    samples.iter().map(|sample| u64::from(sample.unsigned_abs()).pow(2)).sum()
}

/// The share of the energy of so many samples that a power is, in 1/[`WHOLE`].
///
/// A pure tone of amplitude a over n samples has power (a·n/2)² and energy n·a²/2, so that
/// 2·power / (n·energy) is 1 for a tone and small for anything else.
pub(super) fn share(power: u64, energy: u64, samples: usize) -> u64 {
    let all = u128::from(energy) * samples as u128;
    let part = 2 * u128::from(WHOLE) * u128::from(power);
    part.checked_div(all).and_then(|share| u64::try_from(share).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Millis;
    use crate::media::Clip;

    #[test]
    fn a_tone_is_at_its_pitch_and_nowhere_else() {
        let clip = Clip::tone(1_000, Millis(20), 9_000);
        let samples = clip.samples();
        let at = |hz| share(Bin::at(hz).power(samples), energy(samples), samples.len());
        assert!((WHOLE - 5..=WHOLE + 5).contains(&at(1_000)), "{}", at(1_000));
        // Bins 50 Hz apart do not see each other in 20 ms.
        assert!(at(950) < 5 && at(1_050) < 5 && at(2_000) < 5);
    }

    #[test]
    fn silence_has_no_pitch() {
        assert_eq!(share(Bin::at(500).power(&[0; 160]), 0, 160), 0);
        assert_eq!(share(0, 0, 0), 0);
    }
}
