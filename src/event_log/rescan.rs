//! Reading a finished segment once more, for what the index does not have.
//!
//! In: a segment file. Out: its table, or the identities of its events.
//! Invariant: nothing of a frame is used before its checksum was compared.
//! Deliberately absent: explaining a torn tail; a finished segment has none.

use std::sync::Arc;

use super::contract::ReadError;
use super::frame::{self, FRAME_HEADER, Fault, SEGMENT_HEADER};
use super::index::{Index, Part, RawPart};
use super::recent::Recent;
use super::record::{self, RecordView, Stamp};
use super::segment_table::SegmentTable;
use super::storage::{Storage, read_to_end};
use super::stream_runs::StreamKey;
use crate::base::Timestamp;

/// Events whose ids are remembered when a log is opened, if so many bytes hold them.
const RECENT_EVENTS: u64 = 262_144;
const RECENT_BYTES: u64 = 128 << 20;

/// What [`visit`] meets.
enum Visit<'a> {
    /// A frame begins at this offset.
    Frame(u64, Timestamp),
    /// A record stands at this offset.
    Record(u64, RecordView<'a>),
}

/// Walks a finished segment that begins at a position.
fn visit(
    storage: &dyn Storage,
    raw: &RawPart,
    each: &mut dyn FnMut(Visit<'_>) -> Result<(), &'static str>,
) -> Result<(), ReadError> {
    let io = |source| ReadError::Io { path: raw.path.clone(), offset: 0, source: Arc::new(source) };
    let file = storage.open(&raw.name, false).map_err(io)?;
    let bytes = read_to_end(&*file, 0).map_err(io)?;
    let corrupt = |at: usize, position, what| ReadError::Corrupt {
        path: raw.path.clone(),
        offset: at as u64,
        position,
        what,
    };
    let (mut at, mut position) = (SEGMENT_HEADER, raw.base);
    while at < bytes.len() {
        let found = frame::decode(bytes.get(at..).unwrap_or_default()).map_err(|fault| {
            let what = match fault {
                Fault::Damaged(what) => what,
                Fault::Version(_) => "frame of a newer version",
            };
            corrupt(at, position, what)
        })?;
        let recorded_at = found.header.recorded_at;
        each(Visit::Frame(at as u64, recorded_at)).map_err(|what| corrupt(at, position, what))?;
        let mut inside = FRAME_HEADER;
        for _ in 0..found.header.count {
            let stamp = Stamp { position, recorded_at };
            let wrong = |what| corrupt(at + inside, position, what);
            let record = record::decode(found.bytes.get(inside..).unwrap_or_default(), stamp)
                .map_err(wrong)?;
            let len = record.len;
            each(Visit::Record((at + inside) as u64, record)).map_err(wrong)?;
            inside += len;
            position += 1;
        }
        at += found.bytes.len();
    }
    Ok(())
}

/// Makes the table of a finished segment again from its file.
///
/// # Errors
/// [`ReadError::Corrupt`] at the first byte that cannot be explained; [`ReadError::Io`].
pub(super) fn table_of(storage: &dyn Storage, raw: &RawPart) -> Result<SegmentTable, ReadError> {
    let mut table = SegmentTable::new(raw.base);
    visit(storage, raw, &mut |visit| match visit {
        Visit::Frame(offset, recorded_at) => table.begin_frame(offset, recorded_at),
        Visit::Record(offset, record) => table.record(offset, record.len),
    })?;
    Ok(table)
}

/// Fills in the newest ids of the parts that were not read when the log was opened.
///
/// # Errors
/// What cannot be read; then the ids behind it are remembered.
pub(super) fn remember_recent(storage: &dyn Storage, index: &mut Index) -> Result<(), ReadError> {
    let mut wanted = RECENT_EVENTS.saturating_sub(index.recent.len());
    let mut bytes = RECENT_BYTES;
    let mut first = index.parts.partition_point(|part| part.base() < index.recent.first());
    let count = first;
    while let Some(part) = first.checked_sub(1).and_then(|before| index.parts.get(before)) {
        let (events, size) = match part {
            Part::Raw(raw) => raw.facts.map_or((0, 0), |facts| (facts.count, facts.end)),
            Part::Sealed(sealed) => (sealed.end() - sealed.base(), 0),
        };
        if wanted == 0 || size > bytes {
            break;
        }
        wanted = wanted.saturating_sub(events);
        bytes -= size;
        first -= 1;
    }
    let parts = index.parts.get(first..count).unwrap_or_default().to_vec();
    let Some(start) = parts.first().map(Part::base) else { return Ok(()) };
    let mut recent = Recent::new(start);
    let mut read = Ok(());
    for part in parts {
        read = read.and(match part {
            Part::Raw(raw) => visit(storage, &raw, &mut |visit| {
                if let Visit::Record(_, record) = visit {
                    let key = StreamKey::of(record.tail.stream).low();
                    recent.push(recent.next(), key, record.event_id, record.revision);
                }
                Ok(())
            }),
            Part::Sealed(sealed) => sealed.keys(&mut |key| {
                let stream = StreamKey::of(key.stream.as_str()).low();
                recent.push(key.position, stream, key.event_id, key.revision);
            }),
        });
    }
    recent.append(&index.recent);
    index.recent = recent;
    read
}

/// The bytes that hexadecimal text stands for.
pub(super) fn from_hex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs
        .iter()
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
