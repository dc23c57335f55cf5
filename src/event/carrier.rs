//! Facts about carriers and their lines.

use serde::{Deserialize, Serialize};

use crate::base::{CarrierId, Millis, SimId, Timestamp, UtcOffset};

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
    /// Why: `no_provisional`, `transport`, `options_timeout`, `name_unresolved`, `not_configured`,
    /// `sip_503`, …
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

/// A SIM card of a carrier's gateway may be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimCardAdded {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// The SIM.
    pub sim_id: SimId,
    /// Calls a day, where they are limited.
    pub calls_per_day: Option<u32>,
    /// Talk a day, where it is limited. Units: s.
    pub seconds_per_day: Option<u32>,
    /// How long it gets no call after each. Units: ms.
    pub rest_ms: Millis,
    /// Below this it gets no call. Units: thousandths of the currency's minor unit.
    pub balance_min_milli: Option<i64>,
    /// Below this it gets no call. Units: dBm.
    pub signal_min_dbm: Option<i32>,
    /// Where its day begins.
    pub utc_offset: UtcOffset,
}

/// What a SIM card showed at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimCardSampled {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// The SIM.
    pub sim_id: SimId,
    /// What is left on it, where that is known. Units: thousandths of the currency's minor unit.
    pub balance_milli: Option<i64>,
    /// Its signal, where that is known. Units: dBm.
    pub signal_dbm: Option<i32>,
}

/// A SIM card gets no calls for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimCardRested {
    /// The carrier.
    pub carrier_id: CarrierId,
    /// The SIM.
    pub sim_id: SimId,
    /// Until when.
    pub until: Timestamp,
    /// Why: `failures`, or what an operator says.
    pub reason: String,
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
