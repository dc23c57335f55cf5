//! Who is dialled next, over which carrier, what an ending means, and what a call costs.
//!
//! In: facts, the moment, the log position. Out: decisions as facts, or the reason to wait.
//! Decisions ([`Dialing::decide_dial`], [`Dialing::choose_carrier`], [`Dialing::judge_carrier`])
//! read the state and change nothing; [`Dialing::apply`] takes facts in and decides nothing.
//! Invariants: a lead has at most one attempt open; never more dials are pending than handlers
//! are free; a carrier is tried at most once per attempt.
//! Deliberately absent: predictive pacing and number pools.

mod carrier;
mod ending;
mod lead;
pub mod lead_file;
mod price;
mod state;

pub use carrier::{CARRIER_POLICY, Carrier};
pub use ending::{LegEnding, LegVerdict, judge_ending};
pub use lead::{Lead, LeadState};
pub use price::{LinePrice, Prices};
pub use state::{Campaign, DIAL_POLICY, DialDecision, Dialing, OpenAttempt, Wait};

#[cfg(test)]
mod tests;
