//! Raw segments, read whole: where every event is, and the figures of the seal record.
//!
//! In: the bytes of segments that follow each other. Out: a [`Scan`].
//! Invariant: every checksum and every link of the chain was compared before anything is sealed.

use std::sync::Arc;

use super::seal_record::SealedSegment;
use super::{RawSegment, SealError};
use crate::base::{Timestamp, hex};
use crate::event::Recorded;
use crate::event_log::frame::{self, FRAME_HEADER, Fault, Hash, SEGMENT_HEADER, SegmentHeader};
use crate::event_log::record::{self, Stamp};
use crate::event_log::storage::{Storage, read_to_end};

/// Where one event is.
#[derive(Clone, Copy, Debug)]
struct Row {
    segment: u32,
    offset: u32,
    frame: u32,
}

/// What events of one frame have in common.
#[derive(Clone, Copy, Debug)]
struct Frame {
    base: u64,
    recorded_at: Timestamp,
    version: u16,
}

/// Raw segments, compared with their checksums.
pub(super) struct Scan<'a> {
    segments: &'a [RawSegment],
    rows: Vec<Row>,
    frames: Vec<Frame>,
    /// Position of the first event.
    pub(super) base: u64,
    /// The segments as the seal record names them.
    pub(super) entries: Vec<SealedSegment>,
}

/// One event of a scan.
pub(super) struct RawEvent {
    pub(super) event: Recorded,
    /// The format version of its frame, where it is the first event of it.
    pub(super) frame_version: Option<u16>,
}

pub(super) fn read(storage: &Arc<dyn Storage>, name: &str) -> Result<RawSegment, SealError> {
    let path = || storage.path(name).display().to_string();
    let failed = |source| {
        SealError::Read(crate::event_log::contract::ReadError::Io {
            path: path(),
            offset: 0,
            source: Arc::new(source),
        })
    };
    let file = storage.open(name, false).map_err(failed)?;
    let mut bytes = read_to_end(&*file, 0).map_err(failed)?;
    let mut end = SEGMENT_HEADER.min(bytes.len());
    let fault = loop {
        let rest = bytes.get(end..).unwrap_or_default();
        match frame::decode(rest) {
            Ok(found) => end += found.bytes.len(),
            Err(_) if frame::is_blank(rest) => break None,
            Err(fault) => break Some(fault),
        }
    };
    match fault {
        None => {
            bytes.truncate(end);
            Ok(RawSegment { name: name.to_owned(), bytes: bytes.into() })
        }
        Some(fault) => {
            let what = what(fault);
            Err(SealError::Unsealable { path: path(), offset: end as u64, what })
        }
    }
}

fn what(fault: Fault) -> &'static str {
    match fault {
        Fault::Damaged(what) => what,
        Fault::Version(_) => "a newer program wrote it",
    }
}

impl<'a> Scan<'a> {
    /// Reads segments that follow each other.
    pub(super) fn new(segments: &'a [RawSegment]) -> Result<Self, SealError> {
        let mut scan =
            Self { segments, rows: Vec::new(), frames: Vec::new(), base: 0, entries: Vec::new() };
        let mut before: Option<Hash> = None;
        for number in 0..segments.len() {
            before = Some(scan.segment(number, before)?);
        }
        if scan.rows.is_empty() {
            return Err(SealError::Empty);
        }
        Ok(scan)
    }

    fn segment(&mut self, number: usize, before: Option<Hash>) -> Result<Hash, SealError> {
        let Some(raw) = self.segments.get(number) else { return Err(SealError::Empty) };
        let bad = |offset: usize, what| SealError::Unsealable {
            path: raw.name.clone(),
            offset: offset as u64,
            what,
        };
        let refuse = |offset, what| Err(bad(offset, what));
        let header = match SegmentHeader::decode(&raw.bytes) {
            Ok(header) => header,
            Err(fault) => return refuse(0, what(fault)),
        };
        let head = raw.bytes.get(..SEGMENT_HEADER).unwrap_or_default();
        match before {
            None => self.base = header.base,
            Some(_) if header.base != self.next() => {
                return Err(SealError::Gap { position: self.next() });
            }
            Some(hash) if header.previous != hash => {
                return refuse(48, "it does not follow the segment before");
            }
            Some(_) => {}
        }
        let mut at = SEGMENT_HEADER;
        let (mut previous, mut sequence) = (frame::hash(head), 0);
        while at < raw.bytes.len() {
            let rest = raw.bytes.get(at..).unwrap_or_default();
            let found = match frame::decode(rest) {
                Ok(found) => found,
                Err(fault) => return refuse(at, what(fault)),
            };
            let frame = &found.header;
            if frame.segment != header.segment {
                return refuse(at + 8, "frame of another segment");
            }
            if frame.base != self.next() || frame.sequence != sequence {
                return refuse(at + 24, "frame is out of order");
            }
            if frame.previous != previous {
                return refuse(at + 40, "frame does not follow the one before");
            }
            if frame.count == 0 {
                return refuse(at + 76, "frame without events");
            }
            self.frame(number, at, &found).map_err(|(at, what)| bad(at, what))?;
            previous = frame::hash(found.bytes);
            at += found.bytes.len();
            sequence += 1;
        }
        self.entries.push(SealedSegment {
            name: raw.name.clone(),
            header: hex(head),
            base: header.base,
            end: self.next(),
            bytes: raw.bytes.len() as u64,
            frames: sequence,
            last_frame: hex(&previous),
            blake3: hex(&frame::hash(&raw.bytes)),
        });
        Ok(previous)
    }

    fn frame(
        &mut self,
        segment: usize,
        start: usize,
        found: &frame::FrameView<'_>,
    ) -> Result<(), (usize, &'static str)> {
        let recorded_at = found.header.recorded_at;
        self.frames.push(Frame {
            base: found.header.base,
            recorded_at,
            version: found.header.version,
        });
        let mut at = FRAME_HEADER;
        for _ in 0..found.header.count {
            let stamp = Stamp { position: self.next(), recorded_at };
            let body = found.bytes.get(at..).unwrap_or_default();
            let record = record::decode(body, stamp).map_err(|what| (start + at, what))?;
            let number = |number: usize| {
                u32::try_from(number).map_err(|_| (start + at, "segment is too long"))
            };
            self.rows.push(Row {
                segment: number(segment)?,
                offset: number(start + at)?,
                frame: number(self.frames.len() - 1)?,
            });
            at += record.len;
        }
        Ok(())
    }

    /// The position after the last event.
    pub(super) fn next(&self) -> u64 {
        self.base + self.rows.len() as u64
    }

    /// Events in it.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The event of a number, counted from 0.
    pub(super) fn event(&self, number: usize) -> Result<RawEvent, SealError> {
        let position = self.base + number as u64;
        let found = self.rows.get(number).and_then(|row| {
            Some((
                row,
                self.segments.get(row.segment as usize)?,
                self.frames.get(row.frame as usize)?,
            ))
        });
        let Some((row, raw, frame)) = found else { return Err(SealError::Gap { position }) };
        let stamp = Stamp { position, recorded_at: frame.recorded_at };
        let bytes = raw.bytes.get(row.offset as usize..).unwrap_or_default();
        let event = record::decode(bytes, stamp)
            .and_then(|record| record.to_recorded(stamp))
            .map_err(|what| SealError::Unsealable {
                path: raw.name.clone(),
                offset: u64::from(row.offset),
                what,
            })?;
        Ok(RawEvent { event, frame_version: (frame.base == position).then_some(frame.version) })
    }
}
