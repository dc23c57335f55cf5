//! Sketches: small summaries that are stored in place of the values and merged again.
//!
//! In: values, or sketches. Out: bytes in the format of Apache DataSketches, which its other
//! languages read, and estimates. Invariant: the same values give the same bytes, in whatever
//! order and grouping they come, or a view could not be compared with its replay. Deliberately
//! absent: KLL and REQ, which draw lots.

mod distinct;
mod quantiles;

pub(crate) use self::distinct::Distinct;
pub(crate) use self::quantiles::{Merged, Quantiles};

/// Bytes that are no sketch of this kind.
#[derive(Debug, thiserror::Error)]
#[error("read a sketch: {0}; give a column made by {1}")]
pub(crate) struct SketchError(pub(crate) String, pub(crate) &'static str);

#[cfg(test)]
mod tests;
