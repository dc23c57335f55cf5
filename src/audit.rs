//! Takes decisions again from the log, and says why each was taken.
//!
//! In: recorded facts from position zero. Out: for each decision whether it comes out the same,
//! with the first difference; for a call, the story of its choices. Invariants: nothing but the
//! log is read, no clock, no configuration; the state a decision is taken again with is the fold
//! of every fact up to the position it names. Deliberately absent: judging whether a decision
//! was wise.

mod explain;
mod replay;

pub use explain::explain;
pub use replay::{Disagreement, Replay, ReplayError, ReplayReport};

#[cfg(test)]
mod tests;
