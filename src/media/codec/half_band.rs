//! From 16,000 samples a second to 8,000, and back.
//!
//! In: samples at one rate. Out: samples at the other, appended. Invariants: level and pitch stay
//! (within 0.1 dB up to 3.4 kHz); what the lower rate cannot hold is 50 dB down from 4.6 kHz on,
//! so it does not come back as another pitch. Nothing is allocated.
//! The filter is a half-band FIR of 47 coefficients (sinc under a Kaiser window, β 5.65), of
//! which every second one is zero; it delays by 23 samples of the higher rate, 1.4 ms.

/// The coefficients on one side of the middle, which is a half. Units: 1/32,768.
const SIDE: [i32; 12] = [10_381, -3_329, 1_847, -1_170, 773, -511, 331, -206, 120, -64, 29, -9];
/// Samples before and after the middle that count.
const SPAN: usize = 2 * SIDE.len();

/// Sums of a run of 24 neighbours, weighed by how far they are from its middle.
fn weigh(run: &[i32; SPAN]) -> i32 {
    let (before, after) = run.split_at(SIDE.len());
    let pairs = before.iter().rev().zip(after);
    SIDE.iter().zip(pairs).map(|(weight, (left, right))| weight * (left + right)).sum()
}

fn shift<const N: usize>(run: &mut [i32; N], sample: i16) {
    run.copy_within(1.., 0);
    if let Some(last) = run.last_mut() {
        *last = i32::from(sample);
    }
}

fn round(sum: i64) -> i16 {
    ((sum + (1 << 14)) >> 15).clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

/// Halves the rate.
#[derive(Clone, Debug, Default)]
pub(super) struct Decimator {
    /// The first of each pair.
    evens: [i32; SPAN],
    /// The second of each: the middle is among them.
    odds: [i32; SIDE.len()],
}

impl Decimator {
    /// One sample for a pair.
    pub(super) fn push(&mut self, [even, odd]: [i16; 2]) -> i16 {
        shift(&mut self.evens, even);
        let middle = self.odds.first().copied().unwrap_or_default();
        shift(&mut self.odds, odd);
        round(i64::from(weigh(&self.evens)) + (i64::from(middle) << 14))
    }
}

/// Doubles the rate.
#[derive(Clone, Debug, Default)]
pub(super) struct Interpolator {
    samples: [i32; SPAN],
}

impl Interpolator {
    /// Two samples for one: one of those that came, and one between it and the next.
    pub(super) fn push(&mut self, sample: i16) -> [i16; 2] {
        shift(&mut self.samples, sample);
        let middle = self.samples.get(SIDE.len() - 1).copied().unwrap_or_default();
        [middle as i16, round(i64::from(weigh(&self.samples)) << 1)]
    }
}
