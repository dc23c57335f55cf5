//! Where everything is: a cache, rebuilt from the segments whenever a log is opened.
//!
//! In: every record in the order of positions. Out: the place of a position, the positions of
//! a stream, the revision of an event id.
//! Invariant: the writer enters records before they are durable, so readers pass the durable
//! end with every question and see nothing at or after it.
//! Memory: about 80 bytes an event and 200 a stream.

use std::collections::HashMap;
use std::sync::Arc;

use super::contract::{Appended, ReadError};
use super::hash::{self, BuildHashed};
use super::recent::Recent;
use super::record::{self, Stamp};
use super::shared::read_place;
use super::storage::SegmentFile;
use super::stream_rules::Past;
use crate::base::{EventId, Timestamp};
use crate::event::StreamName;

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

    /// How many events a stream has, counting what is not durable yet.
    pub(super) fn length(&self, stream: &str, hash: u64) -> u64 {
        self.positions_of(stream, hash).len() as u64
    }

    /// The last event of a stream, counting what is not durable yet.
    pub(super) fn last(&self, stream: &str, hash: u64) -> Option<u64> {
        self.positions_of(stream, hash).last().copied()
    }

    /// The answer to an append whose events stand at these revisions.
    pub(super) fn repeated(&self, stream: &str, hash: u64, first: u64, last: u64) -> Appended {
        let positions = self.positions_of(stream, hash);
        let at = |revision| positions.get(usize::try_from(revision).unwrap_or(usize::MAX)).copied();
        let (Some(first_position), Some(last_position)) = (at(first), at(last)) else {
            unreachable!("a revision that was found has a position");
        };
        Appended {
            first_revision: first,
            last_revision: last,
            first_position,
            last_position,
            is_repeat: true,
        }
    }

    /// The events of a stream by their ids.
    pub(super) fn past<'a>(&'a self, stream: &str, hash: u64) -> InStream<'a> {
        InStream { index: self, hash, positions: self.positions_of(stream, hash) }
    }

    /// The id of the event at a position. What is not durable yet is among the recent.
    fn id_at(&self, position: u64) -> Result<EventId, ReadError> {
        match self.recent.id_at(position) {
            Some(id) => Ok(id),
            None => self.read(position, |bytes, stamp| {
                record::decode(bytes, stamp).map(|record| record.event_id)
            }),
        }
    }

    /// Reads of a durable event what is asked for.
    pub(super) fn read<T>(
        &self,
        position: u64,
        take: impl FnOnce(&[u8], Stamp) -> Result<T, &'static str>,
    ) -> Result<T, ReadError> {
        let Some((place, segment)) = self.place(position).and_then(|place| {
            let segment = self.segments.get(place.segment)?;
            Some((place, segment))
        }) else {
            unreachable!("a position in the index has a place");
        };
        let Some(file) = &segment.file else {
            unreachable!("a segment that is being made has no durable event");
        };
        read_place(&**file, &segment.path, &place, take)
    }
}

/// The events of one stream.
pub(super) struct InStream<'a> {
    index: &'a Index,
    hash: u64,
    positions: &'a [u64],
}

impl Past for InStream<'_> {
    fn length(&self) -> u64 {
        self.positions.len() as u64
    }

    fn is_at(&self, revision: u64, id: EventId) -> Result<bool, ReadError> {
        let position = self.positions.get(usize::try_from(revision).unwrap_or(usize::MAX));
        position.map_or(Ok(false), |position| Ok(self.index.id_at(*position)? == id))
    }

    fn recent(&self, id: EventId) -> Option<u64> {
        self.index.recent.find(self.hash, id).map(|(revision, _)| revision)
    }
}
