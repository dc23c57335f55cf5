//! What surrounds every fact: where it stands in the log, when, why and by whom.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DecodeError, Event, upcast};
use crate::base::{CallId, EventId, ReportPlanId, Timestamp};

/// The name of an event stream: a category, a dash, an id, such as `call-0198…`.
///
/// Source: KurrentDB's naming, where the category is what stands before the first dash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(String);

/// A text cannot name an event stream.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("read stream name: {0:?} must be 1 to 255 bytes without control characters")]
pub struct StreamNameError(String);

impl StreamName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`StreamNameError`] where it is empty, over 255 bytes or has control characters.
    pub fn new(name: impl Into<String>) -> Result<Self, StreamNameError> {
        let name = name.into();
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            return Err(StreamNameError(name));
        }
        Ok(Self(name))
    }

    /// The stream of one thing: `category-id`.
    ///
    /// # Panics
    /// Where category and id together are no stream name: ids and categories of ours never are.
    pub fn of(category: &str, id: &impl fmt::Display) -> Self {
        let name = format!("{category}-{id}");
        assert!(name.len() <= 255, "ids and categories are short by construction");
        Self(name)
    }

    /// The stream of a call.
    pub fn call(id: CallId) -> Self {
        Self::of("call", &id)
    }

    /// The stream of one report: a plan and an hour or day.
    pub fn report(plan: &ReportPlanId, period: &str) -> Self {
        Self::of("report", &format_args!("{plan}-{period}"))
    }

    /// What stands before the first dash.
    pub fn category(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StreamName {
    type Error = StreamNameError;

    fn try_from(name: String) -> Result<Self, StreamNameError> {
        Self::new(name)
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> Self {
        name.0
    }
}

impl FromStr for StreamName {
    type Err = StreamNameError;

    fn from_str(name: &str) -> Result<Self, StreamNameError> {
        Self::new(name)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who caused a fact: a part of the platform, a person by id, never by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// A part of the platform, such as `dialer`.
    pub fn part(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// Somebody or something with an id, such as `agent:alex`.
    pub fn of(kind: &str, id: &impl fmt::Display) -> Self {
        Self(format!("{kind}:{id}"))
    }

    /// An actor as it was recorded.
    pub fn recorded(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The actor as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a writer believes of a stream when it appends.
///
/// Source: KurrentDB, expected revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// Whatever is there.
    Any,
    /// It has no event, or was deleted; its revisions go on where they were then.
    NoStream,
    /// It has an event, or metadata, and was not deleted.
    StreamExists,
    /// The last event has this revision, also where it is hidden.
    Exact(u64),
}

/// What the bytes of an event are.
///
/// Source: KurrentDB, `content-type`: `application/json` or `application/octet-stream`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentType {
    /// JSON text.
    #[default]
    Json,
    /// Anything else.
    Binary,
}

/// A fact on its way into the log.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Its identity: appending it twice records it once.
    pub event_id: EventId,
    /// Its stable name.
    pub event_type: String,
    /// The version of its fields.
    pub schema_version: u16,
    /// When it happened in the world.
    pub occurred_at: Timestamp,
    /// What it belongs to: the call's id for all that is said of a call.
    pub correlation_id: Option<Uuid>,
    /// The event that led to it.
    pub causation_id: Option<EventId>,
    /// Who caused it.
    pub actor: Actor,
    /// Its fields: JSON, unless the content type says otherwise.
    pub data: Vec<u8>,
    /// What the data are.
    pub content_type: ContentType,
    /// What a client of another make wrote beside the data, as it wrote it; empty for facts of
    /// this platform, whose envelope says it all.
    pub metadata: Vec<u8>,
}

impl NewEvent {
    /// Wraps a fact.
    pub fn of(event: &Event, event_id: EventId, occurred_at: Timestamp, actor: Actor) -> Self {
        Self {
            event_id,
            event_type: event.name().to_owned(),
            schema_version: event.version(),
            occurred_at,
            correlation_id: event.call_id().map(|call| call.0),
            causation_id: None,
            actor,
            data: event.encode(),
            content_type: ContentType::Json,
            metadata: Vec::new(),
        }
    }

    /// The same, caused by an earlier event.
    #[must_use]
    pub fn because_of(mut self, cause: Option<EventId>) -> Self {
        self.causation_id = cause;
        self
    }
}

/// A fact as the log gives it back.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its place among all events: it grows from one to the next. Dense from 0 in an embedded
    /// log, a byte offset on a KurrentDB server.
    pub position: u64,
    /// The event stream it is in.
    pub stream: StreamName,
    /// Its place in that stream: dense, from 0.
    pub revision: u64,
    /// When the log took it. Never goes backwards as the position grows.
    pub recorded_at: Timestamp,
    /// Its identity.
    pub event_id: EventId,
    /// Its stable name.
    pub event_type: String,
    /// The version of its fields.
    pub schema_version: u16,
    /// When it happened in the world.
    pub occurred_at: Timestamp,
    /// What it belongs to.
    pub correlation_id: Option<Uuid>,
    /// The event that led to it.
    pub causation_id: Option<EventId>,
    /// Who caused it.
    pub actor: Actor,
    /// Its fields: JSON, unless the content type says otherwise.
    pub data: bytes::Bytes,
    /// What the data are.
    pub content_type: ContentType,
    /// What a client of another make wrote beside the data, as it wrote it; else empty.
    pub metadata: bytes::Bytes,
}

impl Recorded {
    /// Whether the log wrote it about itself, or keeps it for a client: metadata of a stream,
    /// a tombstone, figures of a server. A read of all streams shows them; folds pass them over.
    ///
    /// Source: KurrentDB, whose system events have types that begin with `$`.
    pub fn is_system(&self) -> bool {
        self.event_type.starts_with('$')
    }

    /// Reads the fact, lifting an old version to the present one.
    ///
    /// # Errors
    /// [`DecodeError`] where the name is unknown, the version newer than this program, or the
    /// fields are not what that version says.
    pub fn event(&self) -> Result<Event, DecodeError> {
        // Nearly all are of the present version, and need no document between.
        if let Some(event) = Event::read(&self.event_type, self.schema_version, &self.data) {
            return Ok(event);
        }
        let fields = serde_json::from_slice(&self.data)
            .map_err(|source| DecodeError::fields(&self.event_type, self.schema_version, source))?;
        upcast(&self.event_type, self.schema_version, fields)
    }
}

#[cfg(test)]
impl Recorded {
    /// A fact as a log would give it back, alone in its stream; its id follows from the position.
    pub(crate) fn example(position: u64, event: &Event, at: Timestamp) -> Self {
        let id = EventId::generate(at, &mut crate::base::Rng::from_seed(position));
        let new = NewEvent::of(event, id, at, Actor::part("test"));
        Self {
            position,
            stream: StreamName::of("test", &1),
            revision: position,
            recorded_at: at,
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
        }
    }
}
