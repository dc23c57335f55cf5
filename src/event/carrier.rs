//! Facts about carriers and their lines.

use serde::{Deserialize, Serialize};

use crate::base::{CarrierId, Millis};

/// A carrier may be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierAdded {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// Share of calls relative to the others.
    pub weight: u32,
    /// Calls at once.
    pub channels: u32,
}

/// A carrier was taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierFailed {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// Why: `no_provisional`, `transport`, `options_timeout`, `not_configured`, `sip_503`, …
    pub reason: String,
}

/// A carrier answers again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierRecovered {
    /// The carrier.
    pub carrier_id: CarrierId,
}

/// A carrier that wants registration took ours; refreshes are not told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierRegistered {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// How long it holds unless it is refreshed. Units: ms.
    pub expires_ms: Millis,
}

/// A carrier that wants registration has none of ours: it gets no calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarrierRegistrationLost {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// What its registrar said; nothing where no usable answer came.
    pub sip_status: Option<u16>,
    /// Why: `starting`, `refused`, `unanswered`.
    pub reason: String,
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
