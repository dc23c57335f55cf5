//! Our events as KurrentDB's, and back, for both sides of the protocol.
//!
//! In: an envelope, or what a client wrote beside an event. Out: custom metadata as JSON, or an
//! envelope. KurrentDB knows no time of occurrence, actor or version of fields, so these travel
//! in the custom metadata, beside `$correlationId` and `$causationId`, which are its own words.
//!
//! Invariants: an event of this platform comes back equal after any number of trips: metadata
//! that are exactly what [`metadata_of`] writes are taken apart and not kept. An event of any
//! other client is given out with the very bytes it came with. Who such an event is from begins
//! with [`CLIENT`]; nothing that is understood in its metadata changes those bytes.
//! Deliberately absent: looking up what a link points at.

use prost::bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::links::Resolved;
use super::messages::streams::read_resp::{Position, ReadEvent, RecordedEvent};
use super::messages::streams::{ProposedMessage, read_req};
use super::messages::{self, AllStreamPosition, StreamIdentifier};
use crate::base::{EventId, Timestamp};
use crate::event::{Actor, ContentType, NewEvent, Recorded};

/// The metadata key of an event's stable name.
pub const TYPE: &str = "type";
/// The metadata key of what the data are.
pub const CONTENT_TYPE: &str = "content-type";
/// The metadata key of the time of recording. Units: ticks of 100 ns since 1970.
pub const CREATED: &str = "created";
/// The content type of JSON.
pub const JSON: &str = "application/json";
/// The content type of anything else.
pub const OCTETS: &str = "application/octet-stream";
/// The kind of actor that events of other clients are from.
pub const CLIENT: &str = "client";

/// What of an envelope travels in custom metadata.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What the event belongs to.
    #[serde(rename = "$correlationId", default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// The event that led to it.
    #[serde(rename = "$causationId", default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// The version of its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<u16>,
    /// When it happened in the world; UTC, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// Who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

/// An event as it comes from outside, whoever brought it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside {
    /// Its identity.
    pub event_id: EventId,
    /// Its stable name.
    pub event_type: String,
    /// What the data are.
    pub content_type: ContentType,
    /// The custom metadata.
    pub metadata: Bytes,
    /// The data.
    pub data: Bytes,
}

/// An event that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// A metadata key that every event needs.
    #[error("read proposed event: the metadata key {0:?} is missing")]
    MissingKey(&'static str),
    /// No id, or none that is a UUID.
    #[error("read proposed event: its id is missing or is not a UUID")]
    Id,
}

/// The custom metadata that an event is given out with.
pub fn metadata_of(event: &NewEvent) -> Bytes {
    written(&event.metadata, &event.event_type, &event.actor, || Envelope {
        correlation_id: event.correlation_id,
        causation_id: event.causation_id.map(|id| id.0),
        schema_version: Some(event.schema_version),
        occurred_at: Some(event.occurred_at.to_string()),
        actor: Some(event.actor.as_str().to_owned()),
    })
    .unwrap_or_else(|| Bytes::copy_from_slice(&event.metadata))
}

/// The same for an event of the log.
pub fn recorded_metadata(event: &Recorded) -> Bytes {
    written(&event.metadata, &event.event_type, &event.actor, || Envelope {
        correlation_id: event.correlation_id,
        causation_id: event.causation_id.map(|id| id.0),
        schema_version: Some(event.schema_version),
        occurred_at: Some(event.occurred_at.to_string()),
        actor: Some(event.actor.as_str().to_owned()),
    })
    .unwrap_or_else(|| event.metadata.clone())
}

/// The envelope as JSON, where an event has no metadata of its own and is not another client's.
fn written(
    metadata: &[u8],
    event_type: &str,
    actor: &Actor,
    envelope: impl FnOnce() -> Envelope,
) -> Option<Bytes> {
    if !metadata.is_empty() || is_of_client(actor) || event_type.starts_with('$') {
        return None;
    }
    // Texts and numbers only: this cannot fail.
    serde_json::to_vec(&envelope()).ok().map(Bytes::from)
}

/// Whether another client wrote the event without saying who it is.
fn is_of_client(actor: &Actor) -> bool {
    actor.as_str().strip_prefix(CLIENT).is_some_and(|rest| rest.starts_with(':'))
}

/// An event from outside as an event of ours. `by` is who brought it, `at` the time where it says
/// none.
pub fn from_outside(event: Outside, by: &str, at: Timestamp) -> NewEvent {
    let envelope = understood(&event.metadata);
    let occurred_at = envelope.occurred_at.as_deref().and_then(|text| text.parse().ok());
    let actor = match envelope.actor {
        Some(actor) if !actor.is_empty() => Actor::recorded(actor),
        _ => Actor::of(CLIENT, &by),
    };
    let mut taken = NewEvent {
        event_id: event.event_id,
        event_type: event.event_type,
        schema_version: envelope.schema_version.unwrap_or(1),
        occurred_at: occurred_at.unwrap_or(at),
        correlation_id: envelope.correlation_id,
        causation_id: envelope.causation_id.map(EventId),
        actor,
        data: event.data.into(),
        content_type: event.content_type,
        metadata: Vec::new(),
    };
    // Nothing is kept where it follows from the rest, byte for byte.
    if metadata_of(&taken) != event.metadata {
        taken.metadata = event.metadata.into();
    }
    taken
}

/// What is understood of custom metadata: all of it or field by field, whatever else is there.
fn understood(metadata: &[u8]) -> Envelope {
    if metadata.first() != Some(&b'{') {
        return Envelope::default();
    }
    if let Ok(envelope) = serde_json::from_slice(metadata) {
        return envelope;
    }
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(metadata) else {
        return Envelope::default();
    };
    let text = |name: &str| fields.get(name).and_then(serde_json::Value::as_str);
    let id = |name: &str| text(name).and_then(|text| Uuid::try_parse(text).ok());
    let version = fields.get("schemaVersion").and_then(serde_json::Value::as_u64);
    Envelope {
        correlation_id: id("$correlationId"),
        causation_id: id("$causationId"),
        schema_version: version.and_then(|version| u16::try_from(version).ok()),
        occurred_at: text("occurredAt").map(str::to_owned),
        actor: text("actor").map(str::to_owned),
    }
}

/// What a client proposes as an event of ours.
///
/// # Errors
/// [`ProposalError`] where id, type or content type are missing.
pub fn from_proposal(
    message: ProposedMessage,
    by: &str,
    at: Timestamp,
) -> Result<NewEvent, ProposalError> {
    let mut metadata = message.metadata;
    let event_type = metadata.remove(TYPE).filter(|name| !name.is_empty());
    let content_type = metadata.remove(CONTENT_TYPE);
    let id = message.id.as_ref().and_then(uuid_from_wire);
    let event = Outside {
        event_id: EventId(id.ok_or(ProposalError::Id)?),
        event_type: event_type.ok_or(ProposalError::MissingKey(TYPE))?,
        content_type: content_type_of(
            &content_type.ok_or(ProposalError::MissingKey(CONTENT_TYPE))?,
        ),
        metadata: message.custom_metadata,
        data: message.data,
    };
    Ok(from_outside(event, by, at))
}

/// What a content type's name says.
pub fn content_type_of(name: &str) -> ContentType {
    if name == JSON { ContentType::Json } else { ContentType::Binary }
}

/// The name of a content type.
pub fn content_type_name(content_type: ContentType) -> &'static str {
    match content_type {
        ContentType::Json => JSON,
        ContentType::Binary => OCTETS,
    }
}

/// Whether ids are written as text, which a reader chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UuidForm {
    /// Two numbers.
    Structured,
    /// Text.
    Text,
}

impl UuidForm {
    /// What a reader chose.
    pub fn of(option: Option<&read_req::UuidOption>) -> Self {
        match option.and_then(|option| option.content) {
            Some(read_req::UuidForm::String(_)) => Self::Text,
            _ => Self::Structured,
        }
    }
}

/// An id in the form that a reader chose.
pub fn uuid_to_wire(id: Uuid, form: UuidForm) -> messages::Uuid {
    let value = match form {
        UuidForm::Text => messages::uuid::Value::String(id.to_string()),
        UuidForm::Structured => {
            let (high, low) = id.as_u64_pair();
            messages::uuid::Value::Structured(messages::uuid::Structured {
                most_significant_bits: high.cast_signed(),
                least_significant_bits: low.cast_signed(),
            })
        }
    };
    messages::Uuid { value: Some(value) }
}

/// An id in either form; nothing where it is none.
pub fn uuid_from_wire(id: &messages::Uuid) -> Option<Uuid> {
    match id.value.as_ref()? {
        messages::uuid::Value::Structured(halves) => Some(Uuid::from_u64_pair(
            halves.most_significant_bits.cast_unsigned(),
            halves.least_significant_bits.cast_unsigned(),
        )),
        messages::uuid::Value::String(text) => Uuid::try_parse(text).ok(),
    }
}

/// A position, both halves equal.
pub fn position_to_wire(position: u64) -> AllStreamPosition {
    AllStreamPosition { commit_position: position, prepare_position: position }
}

/// An event as a reader gets it.
pub fn recorded_to_wire(event: &Recorded, form: UuidForm) -> RecordedEvent {
    let ticks = event.recorded_at.as_micros().saturating_mul(10);
    RecordedEvent {
        id: Some(uuid_to_wire(event.event_id.0, form)),
        stream_identifier: Some(StreamIdentifier::of(event.stream.as_str())),
        stream_revision: event.revision,
        prepare_position: event.position,
        commit_position: event.position,
        metadata: [
            (TYPE, event.event_type.clone()),
            (CONTENT_TYPE, content_type_name(event.content_type).to_owned()),
            (CREATED, ticks.to_string()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect(),
        custom_metadata: recorded_metadata(event),
        data: event.data.clone(),
    }
}

/// An event as a read gives it.
pub fn read_event(event: &Recorded, form: UuidForm) -> ReadEvent {
    ReadEvent {
        event: Some(recorded_to_wire(event, form)),
        link: None,
        position: Some(Position::CommitPosition(event.position)),
    }
}

/// The same for an event that a link may have led to. The position is that of what was read.
pub(in crate::kurrentdb) fn resolved_event(found: &Resolved, form: UuidForm) -> ReadEvent {
    let wire = |event: &Option<Recorded>| event.as_ref().map(|it| recorded_to_wire(it, form));
    ReadEvent {
        event: wire(&found.event),
        link: wire(&found.link),
        position: found.original().map(|event| Position::CommitPosition(event.position)),
    }
}

#[cfg(test)]
mod tests;
