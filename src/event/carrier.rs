//! Facts about carriers and their lines.

use serde::{Deserialize, Serialize};

use crate::base::{CarrierId, Timestamp};

/// A carrier may be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierAdded {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// Share of calls relative to the others.
    pub weight: u32,
    /// Calls at once.
    pub channels: u32,
    /// Calls begun within any second, where it is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<u32>,
}

/// A carrier was taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierFailed {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// Why: `no_provisional`, `transport`, `options_timeout`, `not_configured`, `sip_503`, …
    pub reason: String,
}

/// A carrier asked to be left alone for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierSuspended {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// Until when no call is given to it.
    pub until: Timestamp,
    /// Why: `retry_after` (503 with that header).
    pub reason: String,
}

/// A carrier answers: for the first time since it was added, or again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierRecovered {
    /// The carrier.
    pub carrier_id: CarrierId,
}

/// Channels in use on a carrier at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineSampled {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// Calls at this moment.
    pub channels_in_use: u32,
    /// Calls it may carry.
    pub channels: u32,
}
