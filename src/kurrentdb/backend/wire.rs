//! Events as the `eventstore` crate has them, and back.

use bytes::Bytes;
use eventstore::{EventData, RecordedEvent};
use serde_json::value::RawValue;

use crate::base::{EventId, Timestamp};
use crate::event::{ContentType, ExpectedRevision, NewEvent, Recorded, StreamName};
use crate::kurrentdb::codec::{self, Outside};

/// What a writer believes of a stream.
pub(super) const fn expected_of(expected: ExpectedRevision) -> eventstore::ExpectedRevision {
    match expected {
        ExpectedRevision::Any => eventstore::ExpectedRevision::Any,
        ExpectedRevision::NoStream => eventstore::ExpectedRevision::NoStream,
        ExpectedRevision::StreamExists => eventstore::ExpectedRevision::StreamExists,
        ExpectedRevision::Exact(revision) => eventstore::ExpectedRevision::Exact(revision),
    }
}

/// The last revision of a stream, as a refusal tells it.
pub(super) const fn revision_of(current: eventstore::CurrentRevision) -> Option<u64> {
    match current {
        eventstore::CurrentRevision::Current(revision) => Some(revision),
        eventstore::CurrentRevision::NoStream => None,
    }
}

/// An event on its way to the server.
pub(super) fn proposed(event: &NewEvent) -> EventData {
    let metadata = codec::metadata_of(event);
    let data = match event.content_type {
        ContentType::Json => json(event),
        ContentType::Binary => None,
    };
    let data = data.unwrap_or_else(|| {
        EventData::binary(&event.event_type, Bytes::copy_from_slice(&event.data))
    });
    data.id(event.event_id.0).metadata(metadata)
}

/// JSON with the very bytes it has. The crate takes JSON as something to serialize only, so bytes
/// that would not come out the same go as binary.
fn json(event: &NewEvent) -> Option<EventData> {
    let text = std::str::from_utf8(&event.data).ok()?;
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    if raw.get() != text {
        return None;
    }
    EventData::json(&event.event_type, &raw).ok()
}

/// An event as the server gives it; nothing where its stream has a name that no stream of ours
/// can have.
pub(super) fn recorded_of(event: &RecordedEvent) -> Option<Recorded> {
    let stream = StreamName::new(event.stream_id.clone()).ok()?;
    // The crate's own `created` is cut to whole seconds (eventstore 4.0.0).
    let ticks = event.metadata.get(codec::CREATED).and_then(|ticks| ticks.parse::<i64>().ok());
    let recorded_at = Timestamp::from_micros(ticks.unwrap_or(0) / 10);
    let content_type = event.metadata.get(codec::CONTENT_TYPE).map(String::as_str);
    let outside = Outside {
        event_id: EventId(event.id),
        event_type: event.event_type.clone(),
        content_type: content_type.map_or(ContentType::Binary, codec::content_type_of),
        metadata: event.custom_metadata.clone(),
        data: event.data.clone(),
    };
    let new = codec::from_outside(outside, "unknown", recorded_at);
    Some(Recorded {
        position: event.position.commit,
        stream,
        revision: event.revision,
        recorded_at,
        event_id: new.event_id,
        event_type: new.event_type,
        schema_version: new.schema_version,
        occurred_at: new.occurred_at,
        correlation_id: new.correlation_id,
        causation_id: new.causation_id,
        actor: new.actor,
        data: new.data.into(),
        content_type: new.content_type,
        metadata: new.metadata.into(),
    })
}
