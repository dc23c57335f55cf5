//! The quadrature mirror filters that split 16,000 samples a second into two bands of 8,000 each
//! and join them again. Source: ITU-T G.722, clauses 3.1 and 4.4, table 11.

use super::saturate;

/// Every second coefficient; the others are the same backwards.
const COEFFICIENTS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];
/// Samples that a filter looks at.
const LENGTH: usize = 24;

/// The last samples, oldest first.
#[derive(Clone, Debug, Default)]
struct History([i32; LENGTH]);

impl History {
    /// Takes two more and gives the sums over those at even and at odd places.
    fn push(&mut self, pair: [i32; 2]) -> (i32, i32) {
        self.0.copy_within(2.., 0);
        let (pairs, _) = self.0.as_chunks_mut::<2>();
        if let Some(last) = pairs.last_mut() {
            *last = pair;
        }
        let pairs = pairs.iter();
        let both = COEFFICIENTS.iter().zip(COEFFICIENTS.iter().rev());
        pairs.zip(both).fold((0, 0), |(even, odd), ([first, second], (ahead, back))| {
            (even + first * ahead, odd + second * back)
        })
    }
}

/// Splits.
#[derive(Clone, Debug, Default)]
pub(super) struct Analysis(History);

impl Analysis {
    /// The low and the high band of two samples.
    pub(super) fn push(&mut self, pair: [i16; 2]) -> (i32, i32) {
        let (even, odd) = self.0.push(pair.map(i32::from));
        ((odd + even) >> 14, (odd - even) >> 14)
    }
}

/// Joins.
#[derive(Clone, Debug, Default)]
pub(super) struct Synthesis(History);

impl Synthesis {
    /// The two samples of a low and a high band.
    pub(super) fn push(&mut self, low: i32, high: i32) -> [i16; 2] {
        let (even, odd) = self.0.push([low + high, low - high]);
        [odd, even].map(|sum| saturate(sum >> 11) as i16)
    }
}
