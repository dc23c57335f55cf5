//! How long agents and carriers were in which state.

use crate::base::Timestamp;
use crate::projection::table::{int, row};

row! {
    /// One agent in one state from one moment to another.
    AgentInterval = "agent_states" {
        /// The agent.
        agent_id: String,
        /// `available`, `ringing`, `talking`, `wrap_up` or `break`.
        state: &'static str,
        /// Since when.
        from_at: Timestamp,
        /// Until when; nothing where it goes on.
        until_at: Option<Timestamp>,
        /// How long, in ms; nothing where it goes on.
        duration_ms: Option<i64>,
        /// The call it is about.
        call_id: Option<String>,
        /// Why the agent came into this state.
        reason: Option<String>,
        /// The agent's skill, in parts per million.
        skill_ppm: Option<i64>,
        /// The last event that changed this row.
        last_position: i64,
    }
}

row! {
    /// One carrier up or down from one moment to another.
    CarrierInterval = "carrier_states" {
        /// The carrier.
        carrier_id: String,
        /// `up` or `down`.
        state: &'static str,
        /// Since when.
        from_at: Timestamp,
        /// Until when; nothing where it goes on.
        until_at: Option<Timestamp>,
        /// How long, in ms; nothing where it goes on.
        duration_ms: Option<i64>,
        /// Why it is down.
        reason: Option<String>,
        /// Its share of calls relative to the others.
        weight: Option<i64>,
        /// Calls at once.
        channels: Option<i64>,
        /// The last event that changed this row.
        last_position: i64,
    }
}

row! {
    /// Channels in use on one carrier at one moment.
    LineSample = "line_samples" {
        /// The carrier.
        carrier_id: String,
        /// When.
        sampled_at: Timestamp,
        /// Calls at this moment.
        channels_in_use: i64,
        /// Calls it may carry.
        channels: i64,
        /// The event.
        last_position: i64,
    }
}

impl AgentInterval {
    pub(super) fn close(&mut self, at: Timestamp, position: i64) {
        self.until_at = Some(at.max(self.from_at));
        self.duration_ms = Some(int(at.since(self.from_at).0));
        self.last_position = position;
    }
}

impl CarrierInterval {
    pub(super) fn close(&mut self, at: Timestamp, position: i64) {
        self.until_at = Some(at.max(self.from_at));
        self.duration_ms = Some(int(at.since(self.from_at).0));
        self.last_position = position;
    }
}
