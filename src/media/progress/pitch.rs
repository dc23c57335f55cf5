//! Where a frame's energy lies.
//!
//! In: one frame. Out: its pitch, where it has one, and whether it is low all over.
//! Invariants: a tone between two bins is found as well as one on a bin; what speech looks like
//! for a frame now and then may count here: those who follow runs of frames tell it apart.
//! It deliberately works in single precision: the bank is the dearest thing a leg does, and is
//! written so that many bins go in one step. A frame is as long as a period of the bins' distance,
//! so its bins are those of a discrete Fourier transform, whose waves are alike in each quarter:
//! samples that meet the same value are added first.
//! Source: Cooley and Tukey 1965, Math. Comp. 19(90), for the symmetry.

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

/// Listens for all bins at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bank;

/// The first bin as a multiple of the distance between two.
const FIRST: usize = (FIRST_HZ / STEP_HZ) as usize;
/// Every other bin: those of even multiples, and those of odd ones.
const LANES: usize = BINS / 2;
/// Samples in a quarter of a frame.
const QUARTER: usize = FRAME_SAMPLES / 4;

/// What a sample weighs in bins of every other multiple.
#[derive(Clone, Copy)]
struct Weights {
    cosines: [f32; LANES],
    sines: [f32; LANES],
}

/// By sample of the first quarter.
type Table = [Weights; QUARTER + 1];

static EVEN: Table = weights(0);
static ODD: Table = weights(1);

const _: () = assert!(FIRST.is_multiple_of(2) && FRAME_SAMPLES as u32 * STEP_HZ == SAMPLE_RATE);

impl Bank {
    /// Listens to one frame, of which the mean of the squared samples is known.
    pub(super) fn listen(self, frame: &Frame, energy: u64) -> Sound {
        // See `goertzel::share`.
        let length = FRAME_SAMPLES as f32;
        let whole = energy.max(1) as f32 * length * length / 2.0;
        let shares = powers(frame).map(|power| power / whole);
        let low: f32 = shares.iter().take(*LOW.end() + 1).skip(*LOW.start()).sum();
        Sound { pitch: pitch(&shares), is_low: low >= LOW_SHARE }
    }
}

/// The squared magnitudes of all bins.
fn powers(frame: &Frame) -> [f32; BINS] {
    let at = |place: usize| f32::from(frame[place]);
    let mut even = [(0.0, 0.0); QUARTER + 1];
    let mut odd = even;
    // The waves begin with 1 and 0, and are there again in the middle, with either sign.
    (even[0].0, odd[0].0) = (at(0) + at(2 * QUARTER), at(0) - at(2 * QUARTER));
    let mut place = 1;
    while place < QUARTER {
        let (early, late) = (at(place), at(FRAME_SAMPLES - place));
        let (before, behind) = (at(2 * QUARTER - place), at(2 * QUARTER + place));
        let (sum, middle_sum) = (early + late, before + behind);
        let (difference, middle_difference) = (early - late, before - behind);
        even[place] = (sum + middle_sum, difference - middle_difference);
        odd[place] = (sum - middle_sum, difference + middle_difference);
        place += 1;
    }
    let (early, late) = (at(QUARTER), at(3 * QUARTER));
    (even[QUARTER], odd[QUARTER]) = ((early + late, 0.0), (0.0, early - late));
    let (even, odd) = (half(&even, &EVEN), half(&odd, &ODD));
    std::array::from_fn(|bin| if bin % 2 == 0 { even[bin / 2] } else { odd[bin / 2] })
}

/// The squared magnitudes of every other bin, of sums for the cosines and for the sines. Loops are
/// written out so that the tests' build is not slow.
fn half(sums: &[(f32, f32); QUARTER + 1], table: &Table) -> [f32; LANES] {
    let (mut real, mut imaginary) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    let mut place = 0;
    while place <= QUARTER {
        let ((cosine, sine), weights) = (sums[place], &table[place]);
        let mut lane = 0;
        while lane < LANES {
            real[lane] += cosine * weights.cosines[lane];
            imaginary[lane] += sine * weights.sines[lane];
            lane += 1;
        }
        place += 1;
    }
    std::array::from_fn(|lane| real[lane] * real[lane] + imaginary[lane] * imaginary[lane])
}

const fn weights(first: usize) -> Table {
    let mut table = [Weights { cosines: [0.0; LANES], sines: [0.0; LANES] }; QUARTER + 1];
    let mut place = 0;
    while place <= QUARTER {
        let mut lane = 0;
        while lane < LANES {
            let turns = place * (FIRST + first + 2 * lane);
            table[place].cosines[lane] = wave(turns) as f32;
            // A sine is a cosine a quarter of a turn later.
            table[place].sines[lane] = wave(turns + 3 * QUARTER) as f32;
            lane += 1;
        }
        place += 1;
    }
    table
}

/// The cosine of so many parts of a turn, of which a frame's samples are one.
const fn wave(parts: usize) -> f64 {
    let parts = parts % FRAME_SAMPLES;
    // The series is exact to 15 digits in an eighth of a turn, and the rest is symmetry.
    let folded = if parts > 2 * QUARTER { FRAME_SAMPLES - parts } else { parts };
    let (folded, sign) =
        if folded > QUARTER { (2 * QUARTER - folded, -1.0) } else { (folded, 1.0) };
    let part = std::f64::consts::TAU / FRAME_SAMPLES as f64;
    if 2 * folded > QUARTER {
        sign * series((QUARTER - folded) as f64 * part, 1)
    } else {
        sign * series(folded as f64 * part, 0)
    }
}

/// The series of the cosine, or of the sine where it begins with the first power.
const fn series(angle: f64, first: u32) -> f64 {
    let mut term = if first == 1 { angle } else { 1.0 };
    let (mut sum, mut power) = (0.0, first);
    while power < 18 {
        sum += term;
        term *= -angle * angle / ((power + 1) as f64 * (power + 2) as f64);
        power += 2;
    }
    sum
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
        Bank.listen(&frames[0], activity::energy(&frames[0]))
    }

    #[test]
    fn powers_are_those_of_a_transform() {
        let sample = |at: usize| ((at * at * 7_919 + at * 104_729) % 20_011) as i16 - 10_000;
        let frame: Frame = std::array::from_fn(sample);
        for (bin, power) in (0_u32..).zip(powers(&frame)) {
            let turn = std::f64::consts::TAU * f64::from(FIRST_HZ + STEP_HZ * bin)
                / f64::from(SAMPLE_RATE);
            let part = |wave: fn(f64) -> f64| -> f64 {
                let parts =
                    (0_u32..).zip(frame).map(|(at, x)| f64::from(x) * wave(turn * f64::from(at)));
                parts.sum()
            };
            let wanted = part(f64::cos).powi(2) + part(f64::sin).powi(2);
            assert!((f64::from(power) - wanted).abs() <= wanted * 1e-3, "{power} for {wanted}");
        }
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
