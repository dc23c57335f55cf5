//! Live folds: what the core acts on and the board shows, in memory, true at one position.
//!
//! In: recorded facts, each exactly once and in order. Out: [`LiveState`]. Invariant: the state
//! at a position follows from the facts up to it alone, so an audit that replays the log to
//! that position holds the very state a decision was taken with.

mod board;
mod state;

pub use board::{
    Board, CampaignCounts, CarrierCounts, CurrentCall, CurrentCallState, RecentCall, SeriesBucket,
};
pub use state::{LiveState, OutOfOrder};

#[cfg(test)]
mod tests;
