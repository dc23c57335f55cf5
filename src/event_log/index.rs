//! Where everything is: a cache, rebuilt from the segments whenever a log is opened.
//!
//! In: every record in the order of positions. Out: the place of a position, the positions of
//! a stream, the revision of an event id.
//! Invariant: the writer enters records before they are durable, so readers pass the durable
//! end with every question and see nothing at or after it.
//! Memory: about 80 bytes an event and 200 a stream.

use std::collections::HashMap;
use std::sync::Arc;

use super::contract::Appended;
use super::storage::SegmentFile;
use crate::base::{EventId, Timestamp};
use crate::event::StreamName;

/// One segment file and what is in it.
pub(super) struct Segment {
    pub(super) path: String,
    pub(super) file: Arc<dyn SegmentFile>,
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

#[derive(Default)]
pub(super) struct Index {
    pub(super) segments: Vec<Segment>,
    /// Only looked up, never iterated: the order of a hash map reaches no output.
    streams: HashMap<String, u32>,
    /// By stream number: the position of each revision.
    positions: Vec<Vec<u64>>,
    /// By stream number and event id: the revision.
    ids: HashMap<(u32, EventId), u64>,
    /// The position the next event gets.
    pub(super) next: u64,
}

impl Segment {
    pub(super) fn new(path: String, file: Arc<dyn SegmentFile>, base: u64) -> Self {
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
        revision: u64,
        event_id: EventId,
        offset: u64,
        len: usize,
    ) -> Result<(), &'static str> {
        let place = (
            u32::try_from(offset).map_err(|_| "segment is too long")?,
            u32::try_from(len).map_err(|_| "record is too long")?,
        );
        let number = match self.streams.get(stream) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.positions.len()).map_err(|_| "too many streams")?;
                self.streams.insert(stream.to_owned(), number);
                self.positions.push(Vec::new());
                number
            }
        };
        let positions = self.positions.get_mut(number as usize).ok_or("stream number")?;
        if positions.len() as u64 != revision {
            return Err("record has a wrong revision");
        }
        let segment = self.segments.last_mut().ok_or("no segment")?;
        positions.push(self.next);
        segment.records.push(place);
        self.ids.insert((number, event_id), revision);
        self.next += 1;
        Ok(())
    }

    /// How many events a stream has, counting what is not durable yet.
    pub(super) fn length(&self, stream: &str) -> u64 {
        self.positions_of(stream).map_or(0, |positions| positions.len() as u64)
    }

    fn positions_of(&self, stream: &str) -> Option<&[u64]> {
        let number = *self.streams.get(stream)?;
        self.positions.get(number as usize).map(Vec::as_slice)
    }

    /// The positions of a stream's durable events, by revision.
    pub(super) fn durable_positions(&self, stream: &StreamName, end: u64) -> &[u64] {
        let all = self.positions_of(stream.as_str()).unwrap_or_default();
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

    /// The revision of an event of a stream, counting what is not durable yet.
    pub(super) fn revision_of(&self, stream: &StreamName, id: EventId) -> Option<u64> {
        let number = *self.streams.get(stream.as_str())?;
        self.ids.get(&(number, id)).copied()
    }

    /// The answer to an append whose events stand at these revisions.
    pub(super) fn repeated(&self, stream: &StreamName, first: u64, last: u64) -> Appended {
        let at = |revision: u64| {
            let index = usize::try_from(revision).ok()?;
            self.positions_of(stream.as_str())?.get(index).copied()
        };
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
}
