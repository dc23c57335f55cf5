//! Where a frame's energy lies.
//!
//! In: one frame. Out: its pitch, where it has one, and whether it is low all over.
//! Invariants: a tone between two bins is found as well as one on a bin; what speech looks like
//! for a frame now and then may count here: those who follow runs of frames tell it apart.
//! It deliberately works in single precision: the bank is the dearest thing a leg does, and is
//! written so that four bins go in one step.
//! Source: Goertzel 1958, Amer. Math. Monthly 65(1).

use crate::media::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

/// Bins of one frame's resolution, 50 Hz, from 300 Hz on.
const BINS: usize = 40;
const FIRST_HZ: u32 = 300;
const STEP_HZ: u32 = 50;
/// Pitches are looked for from here on: lower ones are voices.
const PITCH_MIN_HZ: u32 = 340;
/// Least share of the energy in a pitch's own bin and the two beside it. One that lies between
/// two bins has 85 % there.
const PITCH_SHARE: f32 = 0.72;
/// Bins of the network's tones (E.180: 400 to 450 Hz; 440, 480 and 620 in North America).
const LOW: std::ops::RangeInclusive<usize> = 1..=7;
/// Least share of the energy in those.
const LOW_SHARE: f32 = 0.85;

/// What a frame sounds like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sound {
    /// The one pitch it has, in hertz.
    pub(super) pitch: Option<u32>,
    /// True where nearly all of it is between 350 and 650 Hz.
    pub(super) is_low: bool,
}

/// A Goertzel filter for each bin.
#[derive(Clone, Debug)]
pub(super) struct Bank {
    /// 2·cos(2π·pitch/rate), by fours.
    coefficients: [[f32; LANES]; BINS / LANES],
}

/// Filters that go in one step.
const LANES: usize = 4;

impl Default for Bank {
    fn default() -> Self {
        let mut hz = FIRST_HZ;
        let mut coefficient = |_| {
            let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(SAMPLE_RATE);
            hz += STEP_HZ;
            (2.0 * turn.cos()) as f32
        };
        let coefficients = std::array::from_fn(|_| std::array::from_fn(&mut coefficient));
        Self { coefficients }
    }
}

impl Bank {
    /// Listens to one frame, of which the mean of the squared samples is known.
    pub(super) fn listen(&self, frame: &Frame, energy: u64) -> Sound {
        // See `goertzel::share`.
        let length = FRAME_SAMPLES as f32;
        let whole = energy.max(1) as f32 * length * length / 2.0;
        let mut shares = [0.0_f32; BINS];
        let (fours, _) = shares.as_chunks_mut::<LANES>();
        for (shares, coefficients) in fours.iter_mut().zip(&self.coefficients) {
            *shares = four_powers(frame, *coefficients).map(|power| power / whole);
        }
        let low: f32 = shares.iter().take(*LOW.end() + 1).skip(*LOW.start()).sum();
        Sound { pitch: pitch(&shares), is_low: low >= LOW_SHARE }
    }
}

/// The squared magnitudes of four bins. Written out, so that they go side by side in a release
/// build and the tests' build is not slow.
fn four_powers(frame: &Frame, coefficients: [f32; LANES]) -> [f32; LANES] {
    let [ca, cb, cc, cd] = coefficients;
    let (mut a, mut b, mut c, mut d) = (0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32);
    let (mut a1, mut b1, mut c1, mut d1) = (0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32);
    for sample in frame {
        let sample = f32::from(*sample);
        let next = [
            sample + ca * a - a1,
            sample + cb * b - b1,
            sample + cc * c - c1,
            sample + cd * d - d1,
        ];
        (a1, b1, c1, d1) = (a, b, c, d);
        [a, b, c, d] = next;
    }
    [
        a * a + a1 * a1 - ca * a * a1,
        b * b + b1 * b1 - cb * b * b1,
        c * c + c1 * c1 - cc * c * c1,
        d * d + d1 * d1 - cd * d * d1,
    ]
}

/// The pitch that has most of the energy, told to some 5 Hz from the two strongest bins: those
/// of a tone that lies a part of the way between them stand to each other as the parts do.
fn pitch(shares: &[f32; BINS]) -> Option<u32> {
    let (peak, [below, at, above]) = shares
        .array_windows::<3>()
        .enumerate()
        .max_by(|(_, one), (_, other)| one[1].total_cmp(&other[1]))?;
    if below + at + above < PITCH_SHARE {
        return None;
    }
    let (below, at, above) = (below.max(0.0).sqrt(), at.max(0.0).sqrt(), above.max(0.0).sqrt());
    let offset = if above > below { above / (at + above) } else { -below / (at + below) };
    let bins = f64::from(u32::try_from(peak + 1).unwrap_or(0)) + f64::from(offset);
    let hz = (f64::from(FIRST_HZ) + f64::from(STEP_HZ) * bins).round() as u32;
    (hz >= PITCH_MIN_HZ).then_some(hz)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Millis;
    use crate::media::{Clip, activity};

    fn listen(clip: &Clip) -> Sound {
        let (frames, _) = clip.samples().as_chunks::<FRAME_SAMPLES>();
        Bank::default().listen(&frames[0], activity::energy(&frames[0]))
    }

    #[test]
    fn any_pitch_is_told_to_five_hertz() {
        for hz in 350..2_150 {
            let found = listen(&Clip::tone(hz, Millis(20), 5_000)).pitch.expect("a pitch");
            assert!(found.abs_diff(hz) <= 5, "{found} for {hz}");
        }
    }

    #[test]
    fn two_pitches_far_apart_are_no_pitch_and_low_ones_are_low() {
        let both = |one, other| {
            let pair = [one, other].map(|hz| Clip::tone(hz, Millis(20), 5_000));
            let sum = pair[0].samples().iter().zip(pair[1].samples()).map(|(a, b)| a + b);
            listen(&Clip::new(sum.collect::<Vec<i16>>()))
        };
        assert_eq!(both(480, 620), Sound { pitch: None, is_low: true });
        assert_eq!(both(770, 1_336), Sound::default());
        assert!(both(440, 480).is_low && both(400, 450).is_low);
        assert!(!listen(&Clip::tone(250, Millis(20), 5_000)).is_low);
        assert_eq!(listen(&Clip::silence(Millis(20))), Sound::default());
    }
}
