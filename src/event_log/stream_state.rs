//! What is known of each stream: read when it is asked for, from the last event of the stream
//! and the last one of its metadata stream, and kept for a while.
//!
//! In: work on its way to the writer, questions of readers. Out: a [`Plan`] that the writer
//! carries out, the [`StreamState`] that a reader applies.
//! Invariants: nothing here is needed to open a log; all that is kept may be forgotten between
//! two groups. What the writer knows counts events of the group it is at; what readers know ends
//! where the log is durable.
//! Memory: at most [`KEPT_STREAMS`] streams and about [`KEPT_BYTES`] of documents on either side.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::contract::{AppendError, ReadError, StreamAppend};
use super::inbox::PartView;
use super::index::Part;
use super::shared::Shared;
use super::stream_rules::{
    DELETED, METADATA_TYPE, Past, StreamMetadata, StreamState, TOMBSTONE_TYPE, Verdict,
    check_deletable, check_name, decide, is_document, metadata_stream, original_of,
    with_truncate_before,
};
use super::stream_runs::{KeyHasher, StreamKey};
use crate::base::{EventId, Timestamp, unhex};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, Recorded, StreamName};

/// Streams that are known to have nothing special kept at most; in tests few, too.
const PLAIN_STREAMS: usize = if cfg!(test) { 2 } else { 262_144 };
/// Streams kept at most; in tests so few that every one of them sees what forgetting does.
const KEPT_STREAMS: usize = if cfg!(test) { 3 } else { 16_384 };
/// Bytes of metadata documents kept at most, before those of the group at hand.
const KEPT_BYTES: usize = 16 << 20;
/// Bytes that the log adds to one append at most.
const SYSTEM_MAX: usize = 16 << 20;

/// What a writer is asked to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Append to these streams.
    Append(Vec<StreamAppend>),
    /// Answer with the last event of the stream, with nothing where it has none.
    Check(StreamName, ExpectedRevision),
    /// Hide what there is.
    Delete(StreamName, ExpectedRevision),
    /// Close for good.
    Tombstone(StreamName, ExpectedRevision),
    /// Begin a new segment.
    Roll,
}

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
    state: StreamState,
    /// The data of the last metadata event, where they are JSON.
    document: Option<Vec<u8>>,
}

/// What an event may say of its stream.
struct Said {
    event_type: String,
    content_type: ContentType,
    data: Bytes,
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
    known: HashMap<StreamName, Known>,
    document_bytes: usize,
    /// Streams without metadata or tombstone: nearly all that are written to.
    plain: HashSet<StreamKey, BuildHasherDefault<KeyHasher>>,
}

impl Shared {
    /// What is known of a stream up to a durable position, not included.
    pub(super) fn state(&self, stream: &StreamName, end: u64) -> Result<StreamState, ReadError> {
        if let Some(original) = original_of(stream.as_str()) {
            let original = StreamName::new(original);
            let state =
                original.map_or(Ok(StreamState::default()), |name| self.state(&name, end))?;
            return Ok(state.of_metadata_stream());
        }
        let ends = self.ends(stream, end)?;
        if ends == (None, None) {
            return Ok(StreamState::default());
        }
        let lock = || self.states.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, state)) = lock().get(stream).filter(|(known, _)| *known == ends) {
            return Ok(*state);
        }
        let state = self.read_known(ends)?.state;
        let mut states = lock();
        if states.len() >= KEPT_STREAMS {
            states.clear();
        }
        states.insert(stream.clone(), (ends, state));
        Ok(state)
    }

    /// Where the last durable event of a stream is, and that of its metadata stream.
    fn ends(&self, stream: &StreamName, end: u64) -> Result<Ends, ReadError> {
        let last = |stream: &StreamName| {
            let last = self.last(StreamKey::of(stream.as_str()), end)?;
            Ok(last.map(|(_, position)| position))
        };
        let metadata = metadata_stream(stream);
        Ok((last(stream)?, metadata.as_ref().map_or(Ok(None), last)?))
    }

    fn read_known(&self, ends: Ends) -> Result<Known, ReadError> {
        let mut known = Known::default();
        if let Some(last) = ends.0 {
            let event = self.said_of_stream(last)?;
            known.state.is_tombstoned = event.is_some_and(|said| said.event_type == TOMBSTONE_TYPE);
        }
        if let Some(metadata) = ends.1
            && let Some(said) = self.said_of_stream(metadata)?
        {
            known.learn(said.content_type, &said.data);
        }
        Ok(known)
    }

    /// An event that may say something of its stream: as the seal record knows it, so that no
    /// store is asked, else from the files. None where it says nothing.
    fn said_of_stream(&self, position: u64) -> Result<Option<Said>, ReadError> {
        let part = {
            let index = self.index();
            match index.part_at(position).and_then(|number| index.parts.get(number)) {
                Some(Part::Sealed(part)) => Some(part.clone()),
                Some(Part::Raw(_)) | None => None,
            }
        };
        if let Some(known) = part.as_ref().and_then(|part| part.record().stream_event(position)) {
            return Ok(known.map(|event| Said {
                event_type: event.event_type.clone(),
                content_type: if event.is_json { ContentType::Json } else { ContentType::Binary },
                data: unhex(&event.data).unwrap_or_default().into(),
            }));
        }
        let Recorded { event_type, content_type, data, .. } = self.read_one(position)?;
        Ok(Some(Said { event_type, content_type, data }))
    }
}

impl Known {
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

/// The events of one stream, those included that are not durable yet.
struct InStream<'a> {
    shared: &'a Shared,
    key: StreamKey,
}

impl Past for InStream<'_> {
    fn is_at(&self, revision: u64, id: EventId) -> Result<bool, ReadError> {
        let Some(position) = self.shared.position(self.key, revision, u64::MAX)? else {
            return Ok(false);
        };
        // What is not durable yet is among the recent.
        let recent = self.shared.index().recent.id_at(position);
        match recent {
            Some(recent) => Ok(recent == id),
            None => Ok(self.shared.parts.id_at(self.shared, position)? == id),
        }
    }

    fn recent(&self, id: EventId) -> Option<u64> {
        self.shared.index().recent.find(self.key.low(), id).map(|(revision, _)| revision)
    }
}

impl WriterStates {
    /// Whether there is so much that it is time to [`Self::trim`].
    pub(super) fn is_over(&self) -> bool {
        self.known.len() > KEPT_STREAMS || self.document_bytes > KEPT_BYTES
    }

    /// Forgets. Only while everything is durable: what is not cannot be read from the files yet.
    pub(super) fn trim(&mut self) {
        self.known.clear();
        self.document_bytes = 0;
    }

    /// Judges an append to a stream that is known to have nothing special; none where it is not.
    pub(super) fn judge_plain(
        &self,
        shared: &Shared,
        part: &PartView<'_>,
    ) -> Option<Result<Verdict, AppendError>> {
        if !self.plain.contains(&part.key) {
            return None;
        }
        let ids = part.events.iter().map(|event| event.lead.event_id);
        let past = InStream { shared, key: part.key };
        let state = StreamState::default();
        Some(
            shared
                .length(part.key, u64::MAX)
                .map_err(AppendError::Unreadable)
                .and_then(|length| decide(part.stream, part.expected, ids, length, &state, &past)),
        )
    }

    /// Judges work and says what to write. What it says counts as written from here on.
    ///
    /// # Errors
    /// See [`AppendError`]; then nothing is to be written.
    pub(super) fn plan(
        &mut self,
        shared: &Shared,
        work: &Work,
        now: Timestamp,
    ) -> Result<Plan, AppendError> {
        match work {
            Work::Append(batch) => self.plan_append(shared, batch, now),
            Work::Check(stream, expected) => {
                check_name(stream)?;
                self.judge(shared, stream, *expected, &[])?;
                let length = length_of(shared, stream)?;
                let last = length.checked_sub(1).map(|last| Verdict::Repeat(last, last));
                Ok(Plan { verdicts: last.into_iter().collect(), system: Vec::new() })
            }
            Work::Roll => Ok(Plan::default()),
            Work::Delete(stream, expected) => self.plan_delete(shared, stream, *expected, now),
            Work::Tombstone(stream, expected) => {
                check_deletable(stream)?;
                self.judge(shared, stream, *expected, &[])?;
                let revision = length_of(shared, stream)?;
                let event = system_event(TOMBSTONE_TYPE, stream, revision, None, now);
                self.known(shared, stream)?.state.is_tombstoned = true;
                self.plain.remove(&StreamKey::of(stream.as_str()));
                let write = SystemWrite { stream: stream.clone(), revision, event };
                Ok(Plan { verdicts: Vec::new(), system: vec![write] })
            }
        }
    }

    /// Judges every part before any is written: all or none.
    fn plan_append(
        &mut self,
        shared: &Shared,
        batch: &[StreamAppend],
        now: Timestamp,
    ) -> Result<Plan, AppendError> {
        let mut verdicts = Vec::with_capacity(batch.len());
        let mut is_plain = true;
        for part in batch {
            let (verdict, state) = self.judge(shared, &part.stream, part.expected, &part.events)?;
            verdicts.push(verdict);
            is_plain &= original_of(part.stream.as_str()).is_none() && !state.metadata.is_deleted();
        }
        let is_repeat = |verdict: &&Verdict| matches!(verdict, Verdict::Repeat(..));
        let repeats = verdicts.iter().filter(is_repeat).count();
        if repeats > 0 && repeats < verdicts.len() {
            return Err(partly_repeated(batch, &verdicts));
        }
        let system = if is_plain || repeats > 0 {
            Vec::new()
        } else {
            self.plan_around_metadata(shared, batch, now)?
        };
        Ok(Plan { verdicts, system })
    }

    /// What an append does to metadata: it may write some, and it ends the deletion of the
    /// streams that it or its metadata are written to, with what was there staying hidden.
    fn plan_around_metadata(
        &mut self,
        shared: &Shared,
        batch: &[StreamAppend],
        now: Timestamp,
    ) -> Result<Vec<SystemWrite>, AppendError> {
        let written = |stream: &StreamName| batch.iter().find(|part| part.stream == *stream);
        let mut system = Vec::new();
        let mut learned = Vec::new();
        let mut bytes = 0;
        for part in batch {
            let original = original_of(part.stream.as_str());
            let name = original.and_then(|name| StreamName::new(name).ok());
            let stream = name.as_ref().unwrap_or(&part.stream);
            let Some(metadata) = metadata_stream(stream) else { continue };
            let own = written(&metadata);
            if original.is_none() && own.is_some() {
                continue; // Done when it is the turn of the metadata.
            }
            let mut known = self.known(shared, stream)?.clone();
            let was_deleted = known.state.metadata.is_deleted();
            if let Some(event) = own.and_then(|part| part.events.last()) {
                known.learn(event.content_type, &event.data);
            }
            if was_deleted && known.document.as_deref().is_some_and(is_document) {
                let first = length_of(shared, stream)?;
                let count = length_of(shared, &metadata)?;
                let revision = count + own.map_or(0, |part| part.events.len() as u64);
                let data = with_truncate_before(known.document.as_deref(), first);
                bytes += data.len();
                known.learn(ContentType::Json, &data);
                let mut event = system_event(METADATA_TYPE, &metadata, revision, Some(data), now);
                let cause = part.events.first();
                event.causation_id = cause.map(|cause| cause.event_id);
                event.correlation_id = cause.and_then(|cause| cause.correlation_id);
                system.push(SystemWrite { stream: metadata, revision, event });
            }
            learned.push((stream.clone(), known));
        }
        if bytes > SYSTEM_MAX {
            return Err(AppendError::TooLarge { bytes, limit: SYSTEM_MAX });
        }
        for (stream, known) in learned {
            self.keep(stream, known);
        }
        Ok(system)
    }

    fn plan_delete(
        &mut self,
        shared: &Shared,
        stream: &StreamName,
        expected: ExpectedRevision,
        now: Timestamp,
    ) -> Result<Plan, AppendError> {
        check_deletable(stream)?;
        let Some(metadata) = metadata_stream(stream) else {
            let what = "its name is too long for it to have metadata; a tombstone is possible";
            return Err(AppendError::InvalidStream { stream: stream.clone(), what });
        };
        self.judge(shared, stream, expected, &[])?;
        let mut known = self.known(shared, stream)?.clone();
        let (length, revision) = (length_of(shared, stream)?, length_of(shared, &metadata)?);
        if length == 0 && !known.state.has_metadata {
            let stream = stream.clone();
            return Err(AppendError::WrongExpectedRevision { stream, expected, actual: None });
        }
        let data = with_truncate_before(known.document.as_deref(), DELETED);
        known.learn(ContentType::Json, &data);
        let event = system_event(METADATA_TYPE, &metadata, revision, Some(data), now);
        self.keep(stream.clone(), known);
        let write = SystemWrite { stream: metadata, revision, event };
        Ok(Plan { verdicts: Vec::new(), system: vec![write] })
    }

    fn judge(
        &mut self,
        shared: &Shared,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<(Verdict, StreamState), AppendError> {
        let state = match original_of(stream.as_str()).map(StreamName::new) {
            Some(Ok(original)) => self.known(shared, &original)?.state.of_metadata_stream(),
            Some(Err(_)) | None => self.known(shared, stream)?.state,
        };
        let key = StreamKey::of(stream.as_str());
        if state == StreamState::default() && original_of(stream.as_str()).is_none() {
            if self.plain.len() >= PLAIN_STREAMS {
                self.plain.clear();
            }
            self.plain.insert(key);
        }
        let length = shared.length(key, u64::MAX).map_err(AppendError::Unreadable)?;
        let ids = events.iter().map(|event| event.event_id);
        let past = InStream { shared, key };
        Ok((decide(stream.as_str(), expected, ids, length, &state, &past)?, state))
    }

    fn known(&mut self, shared: &Shared, stream: &StreamName) -> Result<&mut Known, AppendError> {
        if !self.known.contains_key(stream) {
            let known = shared.ends(stream, shared.end()).and_then(|ends| shared.read_known(ends));
            let known = known.map_err(AppendError::Unreadable)?;
            self.keep(stream.clone(), known);
        }
        let Some(known) = self.known.get_mut(stream) else { unreachable!("it is kept by now") };
        Ok(known)
    }

    fn keep(&mut self, stream: StreamName, known: Known) {
        self.plain.remove(&StreamKey::of(stream.as_str()));
        self.document_bytes += known.document_bytes();
        if let Some(before) = self.known.insert(stream, known) {
            self.document_bytes -= before.document_bytes();
        }
    }
}

/// Events of a stream, those included that are not durable yet.
fn length_of(shared: &Shared, stream: &StreamName) -> Result<u64, AppendError> {
    shared.length(StreamKey::of(stream.as_str()), u64::MAX).map_err(AppendError::Unreadable)
}

/// An event that says why the log wrote it: the stream it is in, and when.
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

fn partly_repeated(batch: &[StreamAppend], verdicts: &[Verdict]) -> AppendError {
    let is_repeat = |verdict: &Verdict| matches!(verdict, Verdict::Repeat(..));
    let partly = batch.iter().zip(verdicts).find(|(_, verdict)| is_repeat(verdict));
    match partly.and_then(|(part, _)| Some((part, part.events.first()?))) {
        Some((part, event)) => {
            AppendError::PartlyRepeated { stream: part.stream.clone(), event_id: event.event_id }
        }
        None => AppendError::NoEvents,
    }
}
