//! Every fact as it stands in the log.

use crate::base::Timestamp;
use crate::event::Recorded;
use crate::projection::table::{int, row};

row! {
    /// One event as it stands in the log.
    EventRow = "events" {
        /// Its place in the log; the key.
        position: i64,
        /// Its identity.
        event_id: String,
        /// The event stream it is in.
        stream: String,
        /// Its place in that stream, from 0.
        revision: i64,
        /// Its stable name.
        r#type: String,
        /// The version of its fields.
        schema_version: i64,
        /// When it happened in the world.
        occurred_at: Timestamp,
        /// When the log took it.
        recorded_at: Timestamp,
        /// What it belongs to.
        correlation_id: Option<String>,
        /// The event that led to it.
        causation_id: Option<String>,
        /// Who caused it.
        actor: String,
        /// The call, where it is about one.
        call_id: Option<String>,
        /// Its fields, as JSON text.
        data: String,
        /// The same as `position`, as every table has it.
        last_position: i64,
    }
}

impl EventRow {
    pub(super) fn of(recorded: &Recorded, call_id: Option<String>) -> Self {
        Self {
            position: int(recorded.position),
            event_id: recorded.event_id.to_string(),
            stream: recorded.stream.as_str().to_owned(),
            revision: int(recorded.revision),
            r#type: recorded.event_type.clone(),
            schema_version: i64::from(recorded.schema_version),
            occurred_at: recorded.occurred_at,
            recorded_at: recorded.recorded_at,
            correlation_id: recorded.correlation_id.map(|id| id.to_string()),
            causation_id: recorded.causation_id.map(|id| id.to_string()),
            actor: recorded.actor.as_str().to_owned(),
            call_id,
            data: String::from_utf8_lossy(&recorded.data).into_owned(),
            last_position: int(recorded.position),
        }
    }
}
