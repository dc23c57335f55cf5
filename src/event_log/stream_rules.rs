//! The rules of a stream: what an append does to it, and what of it a reader sees.
//!
//! In: what is known of a stream, what a writer believes of it, the last event of its metadata
//! stream. Out: a [`Verdict`] or a refusal; the first revision a reader gets.
//! Invariants: pure, nothing is read or kept here; of two repeats of one append at most one is
//! written where the expected revision names its place.
//!
//! Deliberately absent: access control. `$acl` is kept and given back, nobody is checked by it.
//!
//! Source: KurrentDB `src/KurrentDB.Core`, `IndexWriter.CheckCommit`, `IndexReader`,
//! `StreamMetadata.FromJsonReader` and `StorageWriterService` (`WriteDelete`, `SoftUndeleteStream`).

use serde_json::{Map, Value};

use super::contract::{AppendError, ReadError, StreamInfo};
use super::secondary::is_system_stream;
use crate::base::EventId;
use crate::event::{ContentType, ExpectedRevision, StreamName};

/// The type of an event that says how a stream is to be read.
pub(super) const METADATA_TYPE: &str = "$metadata";
/// The type of a stream's last event where it was closed for good.
pub(super) const TOMBSTONE_TYPE: &str = "$streamDeleted";
/// The `$tb` of a stream that was deleted.
pub(super) const DELETED: u64 = i64::MAX as u64;
/// What stands before the name of a stream in the name of its metadata stream.
const METADATA_PREFIX: &str = "$$";

/// What a stream's metadata say of reading it. The rest (`$acl`, `$cacheControl`, keys of
/// others) is in the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamMetadata {
    /// Only so many of the newest events are read. Above 0.
    pub(super) max_count: Option<u64>,
    /// Only events that are no older are read. Units: microseconds, above 0.
    pub(super) max_age_us: Option<i64>,
    /// Only events from this revision on are read.
    pub(super) truncate_before: Option<u64>,
}

/// What is known of a stream besides its revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamState {
    /// Closed for good.
    pub(super) is_tombstoned: bool,
    /// Its metadata stream has events.
    pub(super) has_metadata: bool,
    /// What the last of these says.
    pub(super) metadata: StreamMetadata,
}

/// What an append will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write, the first event with this revision.
    Write(u64),
    /// All of it is there, from one revision to another.
    Repeat(u64, u64),
}

/// What is known of the events of one stream by their ids.
pub(super) trait Past {
    /// Whether the event at a revision has this id. Asked only below the stream's end.
    ///
    /// # Errors
    /// Where that event cannot be read.
    fn is_at(&self, revision: u64, id: EventId) -> Result<bool, ReadError>;

    /// The revision of an event that was appended lately; older ones may be forgotten.
    fn recent(&self, id: EventId) -> Option<u64>;
}

/// The metadata stream of a stream; none where that name would be too long.
pub(super) fn metadata_stream(stream: &StreamName) -> Option<StreamName> {
    StreamName::new(format!("{METADATA_PREFIX}{stream}")).ok()
}

/// The stream that this one holds the metadata of.
pub(super) fn original_of(stream: &str) -> Option<&str> {
    stream.strip_prefix(METADATA_PREFIX)
}

/// Whether anything may be appended to a stream of this name.
///
/// # Errors
/// [`AppendError::InvalidStream`] where not.
pub(super) fn check_name(stream: &StreamName) -> Result<(), AppendError> {
    if !stream.as_str().starts_with('$') {
        return Ok(());
    }
    let original = original_of(stream.as_str());
    let what = if is_system_stream(original.unwrap_or(stream.as_str())) {
        "the log keeps this system stream itself, from the events of all others; append to those"
    } else if original.is_some_and(str::is_empty) {
        "no stream has an empty name, so none has this metadata stream"
    } else if original.and_then(original_of).is_some() {
        "a metadata stream has no metadata; write to the stream without the first `$$`"
    } else {
        return Ok(());
    };
    Err(AppendError::InvalidStream { stream: stream.clone(), what })
}

/// Whether a stream of this name may be deleted or closed.
///
/// # Errors
/// [`AppendError::InvalidStream`] where not.
pub(super) fn check_deletable(stream: &StreamName) -> Result<(), AppendError> {
    check_name(stream)?;
    if original_of(stream.as_str()).is_some() {
        let what = "a metadata stream ends with its stream; delete that one";
        return Err(AppendError::InvalidStream { stream: stream.clone(), what });
    }
    Ok(())
}

impl StreamMetadata {
    /// Reads the last event of a metadata stream. A document that KurrentDB would not
    /// understand, as a whole or in a key that it knows, says nothing.
    pub(super) fn parse(content_type: ContentType, data: &[u8]) -> Self {
        match (content_type, serde_json::from_slice::<Map<String, Value>>(data)) {
            (ContentType::Json, Ok(document)) => Self::of(&document).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    fn of(document: &Map<String, Value>) -> Option<Self> {
        let whole = |key| match document.get(key) {
            None => Some(None),
            Some(value) => value.as_i64().map(Some),
        };
        let has_type = |key, is_type: fn(&Value) -> bool| document.get(key).is_none_or(is_type);
        let (max_count, max_age, truncate_before) =
            (whole("$maxCount")?, whole("$maxAge")?, whole("$tb")?);
        whole("$cacheControl")?;
        if !has_type("$acl", Value::is_object) || !has_type("$tmp", Value::is_boolean) {
            return None;
        }
        Some(Self {
            max_count: max_count.filter(|count| *count > 0).map(i64::cast_unsigned),
            max_age_us: max_age
                .filter(|seconds| *seconds > 0)
                .map(|seconds| seconds.saturating_mul(1_000_000)),
            truncate_before: truncate_before.and_then(|before| u64::try_from(before).ok()),
        })
    }

    /// Deleted, and nothing appended since.
    pub(super) fn is_deleted(&self) -> bool {
        self.truncate_before == Some(DELETED)
    }
}

/// Whether these bytes are a document that keys can be added to.
pub(super) fn is_document(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Map<String, Value>>(bytes).is_ok()
}

/// The same metadata with another `$tb`; all other keys stay. What is no document is left out.
pub(super) fn with_truncate_before(document: Option<&[u8]>, before: u64) -> Vec<u8> {
    let mut keys: Map<String, Value> =
        document.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
    keys.insert("$tb".to_owned(), Value::from(before));
    Value::Object(keys).to_string().into_bytes()
}

impl StreamState {
    /// What is known of the metadata stream of this stream: it ends with it, and only its last
    /// event is read.
    pub(super) fn of_metadata_stream(&self) -> Self {
        let metadata = StreamMetadata { max_count: Some(1), ..StreamMetadata::default() };
        Self { is_tombstoned: self.is_tombstoned, has_metadata: false, metadata }
    }

    /// The first revision that a reader gets of a stream of this length, age aside.
    pub(super) fn first_revision(&self, length: u64) -> u64 {
        if self.is_tombstoned {
            return length;
        }
        let over = self.metadata.max_count.map_or(0, |count| length.saturating_sub(count));
        self.metadata.truncate_before.unwrap_or(0).max(over).min(length)
    }

    /// What the log says of a stream of this length.
    pub(super) fn info(&self, length: u64) -> StreamInfo {
        StreamInfo {
            last_revision: length.checked_sub(1),
            first_revision: self.first_revision(length),
            is_deleted: self.metadata.is_deleted() && !self.is_tombstoned,
            is_tombstoned: self.is_tombstoned,
        }
    }
}

/// Decides an append of these events to a stream of this length, none for a mere check.
///
/// With an expected revision the events are compared with those that stand there, however old:
/// a repeat is a repeat, the beginning of one is refused. Without, the events are looked for
/// among the recent ones. One rule more than KurrentDB has: what is known to be in the stream
/// is never written again, and no event twice by one append.
///
/// # Errors
/// [`AppendError::WrongExpectedRevision`], [`AppendError::StreamDeleted`],
/// [`AppendError::PartlyRepeated`], [`AppendError::Unreadable`].
pub(super) fn decide(
    stream: &str,
    expected: ExpectedRevision,
    ids: impl Iterator<Item = EventId> + Clone,
    length: u64,
    state: &StreamState,
    past: &impl Past,
) -> Result<Verdict, AppendError> {
    let wrong = || AppendError::WrongExpectedRevision {
        stream: known_name(stream),
        expected,
        actual: length.checked_sub(1),
    };
    if state.is_tombstoned {
        return Err(AppendError::StreamDeleted { stream: known_name(stream) });
    }
    let is_deleted = state.metadata.is_deleted();
    let start = match expected {
        ExpectedRevision::NoStream => 0,
        ExpectedRevision::Exact(revision) => revision.checked_add(1).ok_or_else(wrong)?,
        ExpectedRevision::StreamExists if is_deleted || (length == 0 && !state.has_metadata) => {
            return Err(wrong());
        }
        // Found by its id, wherever it is.
        ExpectedRevision::StreamExists | ExpectedRevision::Any => {
            ids.clone().next().and_then(|first| past.recent(first)).unwrap_or(length)
        }
    };
    if start > length {
        return Err(wrong());
    }
    if start < length {
        match there(stream, ids.clone(), start, length, past)? {
            Some(last) => return Ok(Verdict::Repeat(start, last)),
            None if expected == ExpectedRevision::NoStream && is_deleted => {}
            None => return Err(wrong()),
        }
    }
    check_new(stream, ids, past)?;
    Ok(Verdict::Write(length))
}

/// The revision of the last event, where all of them stand one after the other from `start`;
/// none where not even the first does.
fn there(
    stream: &str,
    ids: impl Iterator<Item = EventId>,
    start: u64,
    length: u64,
    past: &impl Past,
) -> Result<Option<u64>, AppendError> {
    let mut last = None;
    for (revision, id) in (start..).zip(ids) {
        let is_there =
            revision < length && past.is_at(revision, id).map_err(AppendError::Unreadable)?;
        match (is_there, last) {
            (true, _) => last = Some(revision),
            (false, None) => return Ok(None),
            (false, Some(_)) => return Err(partly(stream, id)),
        }
    }
    Ok(last)
}

/// None of the ids may be known in the stream, nor stand twice in the append.
fn check_new(
    stream: &str,
    ids: impl Iterator<Item = EventId> + Clone,
    past: &impl Past,
) -> Result<(), AppendError> {
    if let Some(id) = ids.clone().find(|id| past.recent(*id).is_some()) {
        return Err(partly(stream, id));
    }
    if ids.clone().nth(1).is_some() {
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        if let Some(twin) = ids.iter().zip(ids.iter().skip(1)).find(|(one, two)| one == two) {
            return Err(partly(stream, *twin.0));
        }
    }
    Ok(())
}

fn partly(stream: &str, event_id: EventId) -> AppendError {
    AppendError::PartlyRepeated { stream: known_name(stream), event_id }
}

/// The name of a stream that was checked when the append came in.
pub(super) fn known_name(stream: &str) -> StreamName {
    match StreamName::new(stream) {
        Ok(name) => name,
        Err(error) => unreachable!("a stream name that was one before: {error}"),
    }
}
