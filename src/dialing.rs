//! Who is dialled next, over which carrier, what an ending means, and what a call costs.
//!
//! In: facts, the moment, the log position. Out: decisions as facts, or the reason to wait.
//! Decisions ([`Dialing::decide_dial`], [`Dialing::choose_carrier`], [`Dialing::judge_carrier`])
//! read the state and change nothing; [`Dialing::apply`] takes facts in and decides nothing.
//! Invariants: a lead has at most one attempt open; never more dials are pending than handlers
//! are free; a carrier is tried at most once per attempt.
//! Deliberately absent: predictive pacing and number pools.

mod barred;
mod carrier;
mod carriers;
mod ending;
mod lead;
pub mod lead_file;
mod policy;
mod price;
mod sim_card;
mod state;

pub use barred::{Barred, barred};
pub use carrier::{Carrier, OPTIONS_TIMEOUT, POST_DIAL_DELAY_MAX, Trust, suspended_until};
pub use ending::{Blame, EarlyTone, LegEnding, LegVerdict, blame, judge_ending};
pub use lead::{Lead, LeadState};
pub use policy::{CARRIER_POLICY, CarrierPolicy, DIAL_POLICY, DialPolicy};
pub use price::{LinePrice, Prices};
pub use sim_card::{SimCard, SimCards};
pub use state::{Campaign, DialDecision, Dialing, OpenAttempt, Wait};

#[cfg(test)]
mod tests;
