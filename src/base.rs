//! Words everything else is written in.
//!
//! In: nothing but the standard library, `uuid`, SHA-256 and a portable generator. Out: ids
//! that carry time, [`Timestamp`], units, [`Network`], [`Rng`], hexadecimal text, and personal
//! values that print masked.
//! Invariant: nothing here reads the clock, the environment or the operating system's
//! randomness; both come in from `runtime`.

mod hex;
mod id;
mod network;
mod offset;
mod personal;
mod reach;
mod rng;
mod time;
mod units;

pub use hex::{hex, sha256_hex, unhex};
pub use id::{
    AgentId, CallId, CampaignId, CarrierId, EventId, IdError, IdSequence, LeadId, LegId, MessageId,
    RecordingId, ReportPlanId, ScriptId, SimId, SubjectId,
};
pub use network::{Network, NetworkError};
pub use offset::{UtcOffset, UtcOffsetError};
pub use personal::{PersonName, PhoneNumber, PhoneNumberError};
pub use reach::Reach;
pub use rng::Rng;
pub use time::{Clock, Timestamp, TimestampError};
pub use units::{Millis, Ppm};

#[cfg(test)]
mod tests;
