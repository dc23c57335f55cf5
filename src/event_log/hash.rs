//! Spreads the bits of a number, for tables in memory only.

/// Multiplies to 128 bits and folds the halves, so that every bit in reaches every bit out.
pub(super) fn mix(one: u64, two: u64) -> u64 {
    let product = u128::from(one) * u128::from(two);
    (product as u64) ^ ((product >> 64) as u64)
}
