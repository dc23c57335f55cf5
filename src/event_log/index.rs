//! Where everything is: a cache, rebuilt from the segments whenever a log is opened.
//!
//! In: every record in the order of positions. Out: the place of a position, the positions of
//! a stream, the revision of an event id, and the answer to an append.
//! Invariant: the writer enters records before they are durable, so readers pass the durable
//! end with every question and see nothing at or after it.
//! Memory: about 80 bytes an event and 200 a stream.

use std::collections::HashMap;
use std::sync::Arc;

use super::contract::{AppendError, Appended, ReadError};
use super::hash::{self, BuildHashed};
use super::inbox::PartView;
use super::recent::Recent;
use super::record;
use super::shared::read_place;
use super::storage::SegmentFile;
use super::writer;
use crate::base::{EventId, Timestamp};
use crate::event::{ExpectedRevision, StreamName};

/// One segment file and what is in it.
pub(super) struct Segment {
    pub(super) path: String,
    /// None while it is being made.
    pub(super) file: Option<Arc<dyn SegmentFile>>,
    /// Position of its first event.
    pub(super) base: u64,
    /// First position and time of recording of each frame.
    frames: Vec<(u64, Timestamp)>,
    /// Offset and length of each record.
    records: Vec<(u32, u32)>,
}

/// Where one record is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Index of the segment.
    pub(super) segment: usize,
    pub(super) offset: u64,
    pub(super) len: usize,
    pub(super) position: u64,
    pub(super) recorded_at: Timestamp,
}

/// What an append will do.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Write, the first event with this revision.
    Write(u64),
    /// All of it is there.
    Repeat(Appended),
}

pub(super) struct Index {
    pub(super) segments: Vec<Segment>,
    /// By hash of the name: the first stream of that hash. Only looked up, never iterated.
    streams: HashMap<u64, u32, BuildHashed>,
    /// Streams whose name has the hash of another one.
    twins: HashMap<String, u32>,
    /// By stream number: the name, and the position of each revision.
    positions: Vec<(Box<str>, Vec<u64>)>,
    recent: Recent,
    /// The position the next event gets.
    pub(super) next: u64,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            segments: Vec::new(),
            streams: HashMap::default(),
            twins: HashMap::new(),
            positions: Vec::new(),
            recent: Recent::new(0),
            next: 0,
        }
    }
}

impl Segment {
    pub(super) fn new(path: String, file: Option<Arc<dyn SegmentFile>>, base: u64) -> Self {
        Self { path, file, base, frames: Vec::new(), records: Vec::new() }
    }
}

impl Index {
    /// Notes that a frame begins in the last segment.
    pub(super) fn begin_frame(&mut self, base: u64, recorded_at: Timestamp) {
        if let Some(segment) = self.segments.last_mut() {
            segment.frames.push((base, recorded_at));
        }
    }

    /// Enters the next record of the last segment. Says what is wrong where it does not fit.
    pub(super) fn enter(
        &mut self,
        stream: &str,
        hash: u64,
        revision: u64,
        event_id: EventId,
        offset: u64,
        len: usize,
    ) -> Result<(), &'static str> {
        let place = (
            u32::try_from(offset).map_err(|_| "segment is too long")?,
            u32::try_from(len).map_err(|_| "record is too long")?,
        );
        let number = match self.number(stream, hash) {
            Some(number) => number,
            None => self.add_stream(stream, hash)?,
        };
        let (_, positions) = self.positions.get_mut(number as usize).ok_or("stream number")?;
        if positions.len() as u64 != revision {
            return Err("record has a wrong revision");
        }
        let segment = self.segments.last_mut().ok_or("no segment")?;
        positions.push(self.next);
        segment.records.push(place);
        self.recent.push(hash, event_id, revision);
        self.next += 1;
        Ok(())
    }

    fn number(&self, stream: &str, hash: u64) -> Option<u32> {
        let first = *self.streams.get(&hash)?;
        match self.positions.get(first as usize) {
            Some((name, _)) if **name == *stream => Some(first),
            _ => self.twins.get(stream).copied(),
        }
    }

    fn add_stream(&mut self, stream: &str, hash: u64) -> Result<u32, &'static str> {
        let number = u32::try_from(self.positions.len()).map_err(|_| "too many streams")?;
        self.positions.push((stream.into(), Vec::new()));
        if let std::collections::hash_map::Entry::Vacant(free) = self.streams.entry(hash) {
            free.insert(number);
        } else {
            self.twins.insert(stream.to_owned(), number);
        }
        Ok(number)
    }

    fn positions_of(&self, stream: &str, hash: u64) -> &[u64] {
        let number = self.number(stream, hash);
        let found = number.and_then(|number| self.positions.get(number as usize));
        found.map_or(&[], |(_, positions)| positions)
    }

    /// The positions of a stream's durable events, by revision.
    pub(super) fn durable_positions(&self, stream: &StreamName, end: u64) -> &[u64] {
        let all = self.positions_of(stream.as_str(), hash::of_name(stream.as_str()));
        let durable = all.partition_point(|position| *position < end);
        all.get(..durable).unwrap_or_default()
    }

    /// Where an event is.
    pub(super) fn place(&self, position: u64) -> Option<Place> {
        let number = self.segments.partition_point(|segment| segment.base <= position);
        let number = number.checked_sub(1)?;
        let segment = self.segments.get(number)?;
        let (offset, len) = *segment.records.get(usize::try_from(position - segment.base).ok()?)?;
        let frame = segment.frames.partition_point(|(first, _)| *first <= position);
        let (_, recorded_at) = *segment.frames.get(frame.checked_sub(1)?)?;
        let offset = u64::from(offset);
        Some(Place { segment: number, offset, len: len as usize, position, recorded_at })
    }

    /// Decides an append as KurrentDB does: with an expected revision the events are compared with
    /// those that stand there, however old; without, they are looked for among the recent ones.
    /// One rule more: what is known to be in the stream is not written again.
    pub(super) fn admit(&self, part: &PartView<'_>) -> Result<Verdict, AppendError> {
        let positions = self.positions_of(part.stream, part.hash);
        let length = positions.len() as u64;
        let wrong = || AppendError::WrongExpectedRevision {
            stream: writer::name(part.stream),
            expected: part.expected,
            actual: length.checked_sub(1),
        };
        let first = part.events.first().ok_or(AppendError::NoEvents)?.lead.event_id;
        let recent = |id| self.recent.find(part.hash, id).map(|(revision, _)| revision);
        let start = match part.expected {
            ExpectedRevision::NoStream => 0,
            ExpectedRevision::Exact(revision) => revision.checked_add(1).ok_or_else(wrong)?,
            ExpectedRevision::StreamExists if length == 0 => return Err(wrong()),
            // Found by its id, wherever it is.
            ExpectedRevision::StreamExists | ExpectedRevision::Any => {
                recent(first).unwrap_or(length)
            }
        };
        if start > length {
            return Err(wrong());
        }
        if start == length {
            self.check_new(part)?;
            return Ok(Verdict::Write(length));
        }
        let at =
            |revision: u64| positions.get(usize::try_from(revision).unwrap_or(usize::MAX)).copied();
        let mut last = None;
        for (revision, event) in (start..).zip(part.events) {
            let is_there = match at(revision) {
                Some(position) => {
                    self.id_at(position).map_err(AppendError::Unreadable)? == event.lead.event_id
                }
                None => false,
            };
            match (is_there, last) {
                (true, _) => last = Some(revision),
                (false, None) => return Err(wrong()),
                (false, Some(_)) => return Err(partly(part.stream, event.lead.event_id)),
            }
        }
        let last = last.unwrap_or(start);
        let (Some(first_position), Some(last_position)) = (at(start), at(last)) else {
            unreachable!("a revision that was compared has a position");
        };
        Ok(Verdict::Repeat(Appended {
            first_revision: start,
            last_revision: last,
            first_position,
            last_position,
            is_repeat: true,
        }))
    }

    /// The id of the event at a position. What is not durable yet is among the recent.
    fn id_at(&self, position: u64) -> Result<EventId, ReadError> {
        if let Some(id) = self.recent.id_at(position) {
            return Ok(id);
        }
        let Some((place, segment)) = self.place(position).and_then(|place| {
            let segment = self.segments.get(place.segment)?;
            Some((place, segment))
        }) else {
            unreachable!("a position in the index has a place");
        };
        let Some(file) = &segment.file else {
            unreachable!("a segment that is being made has recent events only");
        };
        read_place(&**file, &segment.path, &place, |bytes, stamp| {
            record::decode(bytes, stamp).map(|record| record.event_id)
        })
    }

    /// None of the ids may be known in the stream, nor stand twice in the append.
    fn check_new(&self, part: &PartView<'_>) -> Result<(), AppendError> {
        for event in part.events {
            if self.recent.find(part.hash, event.lead.event_id).is_some() {
                return Err(partly(part.stream, event.lead.event_id));
            }
        }
        if part.events.len() > 1 {
            let mut ids: Vec<_> = part.events.iter().map(|event| event.lead.event_id).collect();
            ids.sort_unstable();
            if let Some(twin) = ids.iter().zip(ids.iter().skip(1)).find(|(one, two)| one == two) {
                return Err(partly(part.stream, *twin.0));
            }
        }
        Ok(())
    }
}

fn partly(stream: &str, event_id: EventId) -> AppendError {
    AppendError::PartlyRepeated { stream: writer::name(stream), event_id }
}
