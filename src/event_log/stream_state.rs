//! What is known of each stream: read when it is asked for, from the last event of the stream
//! and the last one of its metadata stream, and kept for a while.
//!
//! In: requests as the writer takes them, questions of readers. Out: a [`Plan`] that the writer
//! carries out, the [`StreamState`] that a reader applies.
//! Invariants: nothing here is needed to open a log; all that is kept may be forgotten once it
//! is durable. What the writer knows counts events on their way to the disk; what readers know
//! ends where the log is durable.
//! Memory: at most [`KEPT_STREAMS`] streams and about [`KEPT_BYTES`] of documents on either side,
//! besides those of events on their way to the disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::contract::{AppendError, ReadError, StreamAppend, StreamInfo};
use super::hash::{self, BuildHashed};
use super::inbox::{Kind, PartView};
use super::index::Index;
use super::record;
use super::shared::Shared;
use super::stream_rules::{
    DELETED, METADATA_TYPE, StreamMetadata, StreamState, TOMBSTONE_TYPE, Verdict, decide,
    is_document, metadata_stream, name, original_of, partly, with_truncate_before,
};
use crate::base::{EventId, Timestamp};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, Recorded, StreamName};

/// Streams kept at most; in tests so few that every one of them sees what forgetting does.
const KEPT_STREAMS: usize = if cfg!(test) { 3 } else { 65_536 };
/// Bytes of metadata documents kept at most.
const KEPT_BYTES: usize = if cfg!(test) { 64 } else { 16 << 20 };
/// Bytes that the log adds to one append at most.
const SYSTEM_MAX: usize = 16 << 20;

/// What the writer does, and then answers.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Of an append one for each part, of a check one where the stream has events.
    pub(super) verdicts: Vec<Verdict>,
    /// What the log itself writes, after the parts. Answers a delete and a tombstone.
    pub(super) system: Vec<SystemWrite>,
}

/// An event that the log itself writes.
#[derive(Debug)]
pub(super) struct SystemWrite {
    pub(super) stream: StreamName,
    pub(super) revision: u64,
    pub(super) event: NewEvent,
}

/// One stream as the writer knows it.
#[derive(Clone, Debug, Default)]
struct Known {
    stream: Box<str>,
    state: StreamState,
    /// The data of the last metadata event, where they are JSON.
    document: Option<Vec<u8>>,
    /// It may be forgotten when everything before this position is durable.
    until: u64,
}

/// Of which events something is known: positions of the last one of the stream and of its
/// metadata stream.
type Ends = (Option<u64>, Option<u64>);

/// What readers know.
#[derive(Default)]
pub(super) struct ReaderStates(Mutex<HashMap<StreamName, (Ends, StreamState)>>);

/// What the writer knows.
#[derive(Default)]
pub(super) struct WriterStates {
    /// By hash of the name. Only looked up, never iterated for output.
    known: HashMap<u64, Known, BuildHashed>,
    /// Streams whose name has the hash of another one.
    twins: HashMap<Box<str>, Known>,
    document_bytes: usize,
}

impl Shared {
    /// What the log says of a stream.
    pub(super) fn info(&self, stream: &StreamName) -> Result<StreamInfo, ReadError> {
        let end = self.end();
        let state = self.state(stream, end)?;
        let length = self.index().durable_positions(stream, end).len() as u64;
        Ok(state.info(length))
    }

    /// What is known of a stream up to a durable position, not included.
    pub(super) fn state(&self, stream: &StreamName, end: u64) -> Result<StreamState, ReadError> {
        if let Some(original) = original_of(stream.as_str()) {
            let original = StreamName::new(original);
            let state =
                original.map_or(Ok(StreamState::default()), |name| self.state(&name, end))?;
            return Ok(state.of_metadata_stream());
        }
        let metadata = metadata_stream(stream);
        let (last, last_metadata) = {
            let index = self.index();
            let last = |stream: &StreamName| {
                let position = *index.durable_positions(stream, end).last()?;
                index.place(position)
            };
            (last(stream), metadata.as_ref().and_then(last))
        };
        let ends = (last.map(|place| place.position), last_metadata.map(|place| place.position));
        if ends == (None, None) {
            return Ok(StreamState::default());
        }
        let lock = || self.states.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, state)) = lock().get(stream).filter(|(known, _)| *known == ends) {
            return Ok(*state);
        }
        let read = |place: Option<_>| place.map(|place| self.read_one(place)).transpose();
        let state = Known::of(stream.as_str(), read(last)?, read(last_metadata)?).state;
        let mut states = lock();
        if states.len() >= KEPT_STREAMS {
            states.clear();
        }
        states.insert(stream.clone(), (ends, state));
        Ok(state)
    }
}

impl Known {
    /// From the last event of a stream and of its metadata stream.
    fn of(stream: &str, last: Option<Recorded>, metadata: Option<Recorded>) -> Self {
        let mut known = Self { stream: stream.into(), ..Self::default() };
        known.state.is_tombstoned = last.is_some_and(|event| event.event_type == TOMBSTONE_TYPE);
        if let Some(event) = metadata {
            known.learn(event.content_type, &event.data);
        }
        known
    }

    /// Takes in the last event of the metadata stream.
    fn learn(&mut self, content_type: ContentType, data: &[u8]) {
        self.state.has_metadata = true;
        self.state.metadata = StreamMetadata::parse(content_type, data);
        self.document = (content_type == ContentType::Json).then(|| data.to_vec());
    }

    fn document_bytes(&self) -> usize {
        self.document.as_ref().map_or(0, Vec::len)
    }
}

impl WriterStates {
    /// Forgets what is durable, where there is too much. What is on its way to the disk cannot
    /// be read from the files yet.
    pub(super) fn trim(&mut self, end: u64) {
        let count = self.known.len() + self.twins.len();
        if count > KEPT_STREAMS || self.document_bytes > KEPT_BYTES {
            self.known.retain(|_, known| known.until > end);
            self.twins.retain(|_, known| known.until > end);
            let kept = self.known.values().chain(self.twins.values());
            self.document_bytes = kept.map(Known::document_bytes).sum();
        }
    }

    /// The verdict on an append to one stream of which nothing special is known; none where
    /// there is more to it than to write these events.
    ///
    /// # Errors
    /// See [`AppendError`]; then nothing is to be written.
    pub(super) fn plan_one(
        &mut self,
        index: &Index,
        part: &PartView<'_>,
    ) -> Result<Option<Verdict>, AppendError> {
        let is_metadata = original_of(part.stream).is_some();
        let (verdict, state) = self.judge(index, part, true)?;
        let is_plain = !is_metadata && !state.metadata.is_deleted();
        Ok((is_plain || matches!(verdict, Verdict::Repeat(..))).then_some(verdict))
    }

    /// Judges a request and says what to write. What it says counts as written from here on.
    ///
    /// # Errors
    /// See [`AppendError`]; then nothing is to be written.
    pub(super) fn plan(
        &mut self,
        index: &Index,
        kind: Kind,
        parts: &[PartView<'_>],
        now: Timestamp,
    ) -> Result<Plan, AppendError> {
        let part = match (kind, parts) {
            (Kind::Append, _) => return self.plan_append(index, parts, now),
            (_, [part]) => part,
            _ => unreachable!("what is no append names one stream"),
        };
        self.judge(index, part, false)?;
        match kind {
            Kind::Check | Kind::Append => {
                let last = index.length(part.stream, part.hash).checked_sub(1);
                let last = last.map(|last| Verdict::Repeat(last, last));
                Ok(Plan { verdicts: last.into_iter().collect(), system: Vec::new() })
            }
            Kind::Delete => self.plan_delete(index, part, now),
            Kind::Tombstone => {
                let (stream, revision) = (name(part.stream), index.length(part.stream, part.hash));
                let known = self.known(index, part.stream, part.hash)?;
                known.state.is_tombstoned = true;
                known.until = index.next + 1;
                let event = system_event(TOMBSTONE_TYPE, &stream, revision, None, now);
                let write = SystemWrite { stream, revision, event };
                Ok(Plan { verdicts: Vec::new(), system: vec![write] })
            }
        }
    }

    /// Judges every part before any is written: all or none.
    fn plan_append(
        &mut self,
        index: &Index,
        parts: &[PartView<'_>],
        now: Timestamp,
    ) -> Result<Plan, AppendError> {
        let mut verdicts = Vec::with_capacity(parts.len());
        let mut is_plain = true;
        for part in parts {
            let (verdict, state) = self.judge(index, part, true)?;
            verdicts.push(verdict);
            is_plain &= original_of(part.stream).is_none() && !state.metadata.is_deleted();
        }
        let is_repeat = |verdict: &Verdict| matches!(verdict, Verdict::Repeat(..));
        let mut repeats = parts.iter().zip(&verdicts).filter(|(_, verdict)| is_repeat(verdict));
        if let Some((first, _)) = repeats.next() {
            if repeats.count() + 1 < parts.len() {
                let id = first.ids().next().ok_or(AppendError::NoEvents)?;
                return Err(partly(first.stream, id));
            }
        } else if is_plain {
            // Parts that are written one after the other end further on than each by itself.
            let events = parts.iter().map(|part| part.events.len() as u64);
            let until = index.next + events.sum::<u64>();
            for part in parts {
                self.known(index, part.stream, part.hash)?.until = until;
            }
        } else {
            let system = self.plan_around_metadata(index, parts, now)?;
            return Ok(Plan { verdicts, system });
        }
        Ok(Plan { verdicts, system: Vec::new() })
    }

    /// What an append does to metadata: it may write some, and it ends the deletion of the
    /// streams that it or its metadata are written to, with what was there staying hidden.
    fn plan_around_metadata(
        &mut self,
        index: &Index,
        parts: &[PartView<'_>],
        now: Timestamp,
    ) -> Result<Vec<SystemWrite>, AppendError> {
        let events = parts.iter().map(|part| part.events.len() as u64 + 1).sum::<u64>();
        let mut system = Vec::new();
        let mut learned = Vec::new();
        let mut bytes = 0;
        for part in parts {
            let original = original_of(part.stream);
            let (stream, hash) = match original {
                Some(original) => (original, hash::of_name(original)),
                None => (part.stream, part.hash),
            };
            let mut known = self.known(index, stream, hash)?.clone();
            known.until = index.next + events;
            let metadata = metadata_stream(&name(stream));
            let own = metadata
                .as_ref()
                .and_then(|metadata| parts.iter().find(|part| part.stream == metadata.as_str()));
            if let (None, Some(_)) = (original, own) {
                continue; // Done when it is the turn of the metadata.
            }
            let was_deleted = known.state.metadata.is_deleted();
            if let Some((lead, tail)) = own.and_then(|part| part.events().last()) {
                let Ok(tail) = lead.tail(tail) else { unreachable!("it was written with it") };
                known.learn(lead.content_type(), tail.data);
            }
            let document = known.document.as_deref().filter(|bytes| is_document(bytes));
            if let (true, Some(document), Some(metadata)) = (was_deleted, document, metadata) {
                let data = with_truncate_before(Some(document), index.length(stream, hash));
                bytes += data.len();
                known.learn(ContentType::Json, &data);
                let before = index.length(metadata.as_str(), hash::of_name(metadata.as_str()));
                let revision = before + own.map_or(0, |part| part.events.len() as u64);
                let mut event = system_event(METADATA_TYPE, &metadata, revision, Some(data), now);
                event.causation_id = part.ids().next();
                system.push(SystemWrite { stream: metadata, revision, event });
            }
            learned.push((hash, known));
        }
        if bytes > SYSTEM_MAX {
            return Err(AppendError::TooLarge { bytes, limit: SYSTEM_MAX });
        }
        for (hash, known) in learned {
            self.keep(hash, known);
        }
        Ok(system)
    }

    fn plan_delete(
        &mut self,
        index: &Index,
        part: &PartView<'_>,
        now: Timestamp,
    ) -> Result<Plan, AppendError> {
        let stream = name(part.stream);
        let Some(metadata) = metadata_stream(&stream) else {
            let what = "its name is too long for it to have metadata; a tombstone is possible";
            return Err(AppendError::InvalidStream { stream, what });
        };
        let mut known = self.known(index, part.stream, part.hash)?.clone();
        if index.length(part.stream, part.hash) == 0 && !known.state.has_metadata {
            let expected = part.expected;
            return Err(AppendError::WrongExpectedRevision { stream, expected, actual: None });
        }
        let revision = index.length(metadata.as_str(), hash::of_name(metadata.as_str()));
        let data = with_truncate_before(known.document.as_deref(), DELETED);
        known.learn(ContentType::Json, &data);
        known.until = index.next + 1;
        self.keep(part.hash, known);
        let event = system_event(METADATA_TYPE, &metadata, revision, Some(data), now);
        let write = SystemWrite { stream: metadata, revision, event };
        Ok(Plan { verdicts: Vec::new(), system: vec![write] })
    }

    /// Judges a part; its events are compared only where they are to be written.
    fn judge(
        &mut self,
        index: &Index,
        part: &PartView<'_>,
        writes: bool,
    ) -> Result<(Verdict, StreamState), AppendError> {
        let count = if writes { part.events.len() } else { 0 };
        let state = match original_of(part.stream) {
            Some(original) => {
                let known = self.known(index, original, hash::of_name(original))?;
                known.state.of_metadata_stream()
            }
            None => {
                let known = self.known(index, part.stream, part.hash)?;
                known.until = known.until.max(index.next + count as u64);
                known.state
            }
        };
        let past = index.past(part.stream, part.hash);
        let verdict = decide(part.stream, part.expected, part.ids().take(count), &state, &past)?;
        Ok((verdict, state))
    }

    /// A stream as it is, all requests before this one done.
    fn known(&mut self, index: &Index, stream: &str, hash: u64) -> Result<&mut Known, AppendError> {
        let is_there = self.known.get(&hash).is_some_and(|known| *known.stream == *stream)
            || self.twins.contains_key(stream);
        if !is_there {
            let known = read_known(index, stream, hash).map_err(AppendError::Unreadable)?;
            self.keep(hash, known);
        }
        match self.known.get_mut(&hash).filter(|known| *known.stream == *stream) {
            Some(known) => Ok(known),
            None => Ok(self.twins.entry(stream.into()).or_default()),
        }
    }

    fn keep(&mut self, hash: u64, known: Known) {
        self.document_bytes += known.document_bytes();
        let is_twin = self.known.get(&hash).is_some_and(|first| first.stream != known.stream);
        let before = if is_twin {
            self.twins.insert(known.stream.clone(), known)
        } else {
            self.known.insert(hash, known)
        };
        self.document_bytes -= before.as_ref().map_or(0, Known::document_bytes);
    }
}

/// Reads what is known of a stream. All of it is durable, or it would be kept.
fn read_known(index: &Index, stream: &str, hash: u64) -> Result<Known, ReadError> {
    let read = |position: Option<u64>| {
        let decoded = position.map(|position| {
            index.read(position, |bytes, stamp| record::decode(bytes, stamp)?.to_recorded(stamp))
        });
        decoded.transpose()
    };
    let metadata = metadata_stream(&name(stream));
    let metadata = metadata.as_ref().map(StreamName::as_str);
    let last_metadata = metadata.and_then(|name| index.last(name, hash::of_name(name)));
    Ok(Known::of(stream, read(index.last(stream, hash))?, read(last_metadata)?))
}

/// What a request that is no append carries: one event, which names the stream and is not
/// written.
pub(super) fn carrier(stream: StreamName, expected: ExpectedRevision) -> StreamAppend {
    let event = system_event("", &stream, 0, None, Timestamp::EPOCH);
    StreamAppend { stream, expected, events: vec![event] }
}

fn system_event(
    event_type: &str,
    stream: &StreamName,
    revision: u64,
    document: Option<Vec<u8>>,
    now: Timestamp,
) -> NewEvent {
    NewEvent {
        event_id: system_id(stream, revision, now),
        event_type: event_type.to_owned(),
        schema_version: 1,
        occurred_at: now,
        correlation_id: None,
        causation_id: None,
        actor: Actor::part("event_log"),
        content_type: if document.is_some() { ContentType::Json } else { ContentType::Binary },
        data: document.unwrap_or_default(),
        metadata: Vec::new(),
    }
}

/// The id of an event that the log itself writes: follows from its place, so that no
/// randomness is needed here.
fn system_id(stream: &StreamName, revision: u64, now: Timestamp) -> EventId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&revision.to_le_bytes());
    hasher.update(&now.as_micros().to_le_bytes());
    hasher.update(stream.as_str().as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    EventId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
