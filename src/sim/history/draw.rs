//! Draws from distributions given as tables, in integers: the same on every machine.

use crate::base::{Millis, Rng};

/// A value from a table of evenly spaced quantiles, straight lines in between; 0 of no table.
pub(super) fn quantile(rng: &mut Rng, table: &[u64]) -> u64 {
    const STEPS: u64 = 1_000;
    let spans = (table.len() as u64).saturating_sub(1);
    let drawn = rng.below(spans * STEPS);
    let (index, part) = ((drawn / STEPS) as usize, drawn % STEPS);
    let low = table.get(index).copied().unwrap_or(0);
    let high = table.get(index + 1).copied().unwrap_or(low);
    low + high.saturating_sub(low) * part / STEPS
}

/// The same as a span of time.
pub(super) fn span(rng: &mut Rng, table_ms: &[u64]) -> Millis {
    Millis(quantile(rng, table_ms))
}

/// One of several, by weight; the first where all weights are 0.
pub(super) fn weighted(rng: &mut Rng, weights: impl Iterator<Item = u64> + Clone) -> usize {
    let mut left = rng.below(weights.clone().sum());
    for (index, weight) in weights.enumerate() {
        if left < weight {
            return index;
        }
        left -= weight;
    }
    0
}

/// One of several, each equally likely; nothing of nothing.
pub(super) fn one<'a, T>(rng: &mut Rng, of: &'a [T]) -> Option<&'a T> {
    of.get(rng.below(of.len() as u64) as usize)
}
