//! The entries of a system stream: links to events, made when they are read.
//!
//! In: an event, and where it stands in a system stream. Out: the event that a reader of that
//! stream gets.
//! Invariant: the same entry, id included, whenever and wherever it is read.

use super::names::{CATEGORY, CATEGORY_STREAMS};
use crate::base::EventId;
use crate::event::{Actor, ContentType, Recorded, StreamName};

/// The type of an event that points at another one: its data are `<revision>@<stream>`.
pub const LINK_TYPE: &str = "$>";
/// The type of an event whose data name a stream.
const REFERENCE_TYPE: &str = "$@";

/// The entry of a system stream at a revision, for an event of the log. In a category, a link
/// that a client wrote is not pointed at: its target is.
pub(super) fn entry(stream: &StreamName, revision: u64, event: &Recorded) -> Recorded {
    let (event_type, data) = if stream.as_str().starts_with(CATEGORY_STREAMS) {
        (REFERENCE_TYPE, event.stream.as_str().to_owned().into())
    } else if event.event_type == LINK_TYPE && stream.as_str().starts_with(CATEGORY) {
        (LINK_TYPE, event.data.clone())
    } else {
        (LINK_TYPE, format!("{}@{}", event.revision, event.stream).into())
    };
    Recorded {
        position: event.position,
        stream: stream.clone(),
        revision,
        recorded_at: event.recorded_at,
        event_id: id(stream, event),
        event_type: event_type.to_owned(),
        schema_version: 1,
        occurred_at: event.recorded_at,
        correlation_id: None,
        causation_id: Some(event.event_id),
        actor: Actor::part("event_log"),
        data,
        content_type: ContentType::Binary,
        metadata: bytes::Bytes::new(),
    }
}

/// Follows from the stream and the event; no event is in a system stream twice.
fn id(stream: &StreamName, event: &Recorded) -> EventId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(event.event_id.0.as_bytes());
    hasher.update(&event.position.to_le_bytes());
    hasher.update(stream.as_str().as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    EventId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
