//! The events by which the server keeps groups, with KurrentDB's names and contents.
//!
//! Source: KurrentDB `src/KurrentDB.Core/Services/PersistentSubscription`, the writers of
//! checkpoints and parked messages.

use serde_json::{Value, json};

use super::config::{Config, place_of, place_text};
use super::source::Given;
use crate::base::{Clock, EventId, Timestamp};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, Recorded, StreamName};
use crate::event_log::{
    AppendError, Appended, Direction, EventLog, LINK_TYPE, ReadError, StreamAppend, StreamRead,
};

/// Where the configuration is.
const CONFIG: &str = "$persistentSubscriptionConfig";

/// Something could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error("keep persistent subscriptions")]
    Append(#[from] AppendError),
    #[error("read persistent subscriptions")]
    Read(#[from] ReadError),
    #[error(
        "name the streams of group {0:?}: together with the stream's name it is too long, or has control characters"
    )]
    Name(String),
    #[error("make an id: the operating system gives no random bytes")]
    Random(#[from] getrandom::Error),
    #[error("read {CONFIG}: its last event is not a configuration: {0}")]
    Config(#[source] serde_json::Error),
}

/// The streams of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// How far it is.
    pub(super) checkpoint: StreamName,
    /// What it put aside.
    pub(super) parked: StreamName,
}

impl Names {
    /// # Errors
    /// [`KeepError::Name`] where a name would be longer than any may be.
    pub(super) fn of(key: &str) -> Result<Self, KeepError> {
        let name = |what: &str| {
            // The metadata stream has a longer name, and must be possible too.
            let name = format!("$persistentsubscription-{key}-{what}");
            StreamName::new(format!("$${name}"))
                .and_then(|_| StreamName::new(name))
                .map_err(|_| KeepError::Name(key.to_owned()))
        };
        Ok(Self { checkpoint: name("checkpoint")?, parked: name("parked")? })
    }
}

/// Whether a stream is one that a group of all streams keeps itself by. Such a group does not
/// see them, or it would have something to write about for ever.
pub(super) fn is_own(stream: &str) -> bool {
    let stream = stream.strip_prefix("$$").unwrap_or(stream);
    stream.starts_with("$persistentsubscription-$all::")
        && (stream.ends_with("-checkpoint") || stream.ends_with("-parked"))
}

fn event(
    event_type: &str,
    content_type: ContentType,
    data: Vec<u8>,
    now: Timestamp,
) -> Result<NewEvent, KeepError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(NewEvent {
        event_id: EventId(uuid::Builder::from_random_bytes(bytes).into_uuid()),
        event_type: event_type.to_owned(),
        schema_version: 1,
        occurred_at: now,
        correlation_id: None,
        causation_id: None,
        actor: Actor::part("persistent-subscriptions"),
        data,
        content_type,
        metadata: Vec::new(),
    })
}

fn json_event(event_type: &str, value: &Value, now: Timestamp) -> Result<NewEvent, KeepError> {
    event(event_type, ContentType::Json, value.to_string().into_bytes(), now)
}

fn metadata_stream(stream: &StreamName) -> Result<StreamName, KeepError> {
    StreamName::new(format!("$${stream}")).map_err(|_| KeepError::Name(stream.to_string()))
}

/// Appends, and with the first event of a stream says how it is to be read.
async fn append(
    log: &dyn EventLog,
    stream: &StreamName,
    events: Vec<NewEvent>,
    metadata: Value,
    now: Timestamp,
) -> Result<Appended, KeepError> {
    let is_new = log.stream(stream).await?.last_revision.is_none();
    if !is_new {
        return Ok(log.append(stream.clone(), ExpectedRevision::Any, events).await?);
    }
    let metadata = json_event("$metadata", &metadata, now)?;
    let any = ExpectedRevision::Any;
    let batch = vec![
        StreamAppend { stream: metadata_stream(stream)?, expected: any, events: vec![metadata] },
        StreamAppend { stream: stream.clone(), expected: any, events },
    ];
    let appended = log.append_many(batch).await?;
    Ok(*appended.last().ok_or(AppendError::NoEvents)?)
}

fn for_admins(mut metadata: Value) -> Value {
    metadata["$acl"] = json!({
        "$r": "$admins", "$w": "$admins", "$d": "$admins", "$mr": "$admins", "$mw": "$admins",
    });
    metadata
}

async fn last(log: &dyn EventLog, stream: &StreamName) -> Result<Option<Recorded>, ReadError> {
    let events = log.read_stream(stream, StreamRead::End, Direction::Backwards, 1).await?;
    Ok(events.into_iter().next())
}

/// Writes how far a group is.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn write_checkpoint(
    log: &dyn EventLog,
    clock: &dyn Clock,
    names: &Names,
    source: &str,
    place: u64,
) -> Result<(), KeepError> {
    let now = clock.now();
    let text = place_text(source, i64::try_from(place).unwrap_or(i64::MAX));
    let event = json_event("$SubscriptionCheckpoint", &Value::String(text), now)?;
    let metadata = for_admins(json!({ "$maxCount": 2 }));
    append(log, &names.checkpoint, vec![event], metadata, now).await?;
    Ok(())
}

/// Reads how far a group is; nothing where it never said.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn read_checkpoint(
    log: &dyn EventLog,
    names: &Names,
) -> Result<Option<u64>, KeepError> {
    let Some(event) = last(log, &names.checkpoint).await? else { return Ok(None) };
    let place = match serde_json::from_slice(&event.data) {
        Ok(Value::String(text)) => place_of(&text),
        Ok(Value::Number(number)) => number.as_i64(),
        _ => None,
    };
    if place.is_none() {
        tracing::error!(stream = %names.checkpoint, "a checkpoint is not understood, the group starts anew");
    }
    Ok(place.and_then(|place| u64::try_from(place).ok()))
}

/// An event to put aside: a link to it, with the reason.
///
/// # Errors
/// See [`KeepError`].
pub(super) fn parked_event(
    given: &Given,
    reason: &str,
    now: Timestamp,
) -> Result<NewEvent, KeepError> {
    let link = format!("{}@{}", given.event.revision, given.event.stream);
    let mut event = event(LINK_TYPE, ContentType::Binary, link.into_bytes(), now)?;
    let metadata = json!({
        "added": now.to_string(),
        "reason": reason,
        "subscriptionEventNumber": given.link.as_ref().unwrap_or(&given.event).revision,
    });
    event.metadata = metadata.to_string().into_bytes();
    Ok(event)
}

/// Puts events aside. Gives the revision of the first; they stand one behind the other.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn park(
    log: &dyn EventLog,
    names: &Names,
    events: Vec<NewEvent>,
    now: Timestamp,
) -> Result<u64, KeepError> {
    let appended = append(log, &names.parked, events, for_admins(json!({})), now).await?;
    Ok(appended.first_revision)
}

/// Cuts off parked events below a revision.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn truncate_parked(
    log: &dyn EventLog,
    clock: &dyn Clock,
    names: &Names,
    before: u64,
) -> Result<(), KeepError> {
    let metadata = for_admins(json!({ "$tb": before }));
    let event = json_event("$metadata", &metadata, clock.now())?;
    log.append(metadata_stream(&names.parked)?, ExpectedRevision::Any, vec![event]).await?;
    Ok(())
}

/// Deletes the streams of a group, so that one of the same name starts anew.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn forget(log: &dyn EventLog, names: &Names) -> Result<(), KeepError> {
    for stream in [&names.checkpoint, &names.parked] {
        if log.stream(stream).await?.exists() {
            log.delete(stream.clone(), ExpectedRevision::Any).await?;
        }
    }
    Ok(())
}

/// Reads which groups there are.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn read_config(log: &dyn EventLog) -> Result<Config, KeepError> {
    let stream = StreamName::new(CONFIG).map_err(|_| KeepError::Name(CONFIG.to_owned()))?;
    match last(log, &stream).await? {
        Some(event) => serde_json::from_slice(&event.data).map_err(KeepError::Config),
        None => Ok(Config::default()),
    }
}

/// Writes which groups there are.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn write_config(
    log: &dyn EventLog,
    clock: &dyn Clock,
    config: &Config,
) -> Result<(), KeepError> {
    let stream = StreamName::new(CONFIG).map_err(|_| KeepError::Name(CONFIG.to_owned()))?;
    let now = clock.now();
    let value = serde_json::to_vec(config).map_err(KeepError::Config)?;
    let event = event("$PersistentConfig", ContentType::Json, value, now)?;
    append(log, &stream, vec![event], json!({ "$maxCount": 2 }), now).await?;
    Ok(())
}
