//! The names of system streams, and which of them an event is in.
//!
//! In: a stream's name, or an event. Out: whether the log keeps that stream itself; the system
//! streams of the event.
//! Invariant: pure, and the same for ever: files of the index hold what was decided here.
//! Deliberately absent: `$bc-`, KurrentDB's streams by correlation id, which it does not keep
//! unless told to.
//!
//! Source: KurrentDB `src/KurrentDB.Projections.Core/Standard`: `IndexStreams`,
//! `CategorizeStreamByPath`, `CategorizeEventsByStreamPath`, `IndexEventsByEventType`,
//! `StreamDeletedHelper`.

use super::link::LINK_TYPE;
use crate::event::Recorded;
use crate::event_log::stream_rules::{
    DELETED, METADATA_TYPE, StreamMetadata, TOMBSTONE_TYPE, original_of,
};

/// Every stream, by its first event.
const STREAMS: &str = "$streams";
/// The events of a category.
pub(super) const CATEGORY: &str = "$ce-";
/// The streams of a category, by their first event.
pub(super) const CATEGORY_STREAMS: &str = "$category-";
/// The events of a type.
const EVENT_TYPE: &str = "$et-";
/// The type under which deletions and tombstones stand.
const DELETED_TYPE: &str = "$deleted";

/// A system stream as the index knows it: the first 16 bytes of BLAKE3 of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameKey(pub(super) [u8; 16]);

impl NameKey {
    /// The key of a name.
    pub(super) fn of(name: &str) -> Self {
        let hash = *blake3::hash(name.as_bytes()).as_bytes();
        Self(hash.first_chunk().copied().unwrap_or_default())
    }
}

/// Whether the log itself keeps a stream of this name.
pub(in crate::event_log) fn is_system_stream(name: &str) -> bool {
    name.starts_with('$')
        && (name == STREAMS
            || [CATEGORY, EVENT_TYPE, CATEGORY_STREAMS]
                .iter()
                .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty())))
}

/// What stands before the first hyphen of a stream's name. System streams and metadata streams
/// have no category.
fn category_of(stream: &str) -> Option<&str> {
    let (category, _) = stream.split_once('-')?;
    (!category.is_empty() && !category.starts_with('$')).then_some(category)
}

/// Names the system streams that an event is in, each once.
pub(super) fn of(event: &Recorded, each: &mut dyn FnMut(&str)) {
    let stream = event.stream.as_str();
    let deleted = deleted_by(event);
    let mut put = |prefix: &str, rest: &str| each(&format!("{prefix}{rest}"));
    if event.revision == 0 && event.event_type != TOMBSTONE_TYPE {
        put(STREAMS, "");
        if let Some(category) = category_of(stream) {
            put(CATEGORY_STREAMS, category);
        }
    }
    if let Some(category) = category_of(deleted.unwrap_or(stream)) {
        put(CATEGORY, category);
    }
    if event.event_type != LINK_TYPE {
        put(EVENT_TYPE, if deleted.is_some() { DELETED_TYPE } else { &event.event_type });
    }
}

/// The stream that an event deletes or closes.
fn deleted_by(event: &Recorded) -> Option<&str> {
    let stream = event.stream.as_str();
    match (original_of(stream), event.event_type.as_str()) {
        (None, TOMBSTONE_TYPE) => Some(stream),
        (Some(original), METADATA_TYPE) => {
            let metadata = StreamMetadata::parse(event.content_type, &event.data);
            (metadata.truncate_before == Some(DELETED)).then_some(original)
        }
        _ => None,
    }
}
