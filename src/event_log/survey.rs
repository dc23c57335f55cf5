//! What can be said of a log without reading all of it.
//!
//! In: a folder. Out: how many events and bytes, since when and until when.
//! Invariant: every figure is exact; the first frame and the last segment are read, and of the
//! segments between them the length alone.
//! Deliberately absent: checking them (that is `verify`), and anything about streams and types.

use std::ops::ControlFlow;

use super::folder::LogFolder;
use super::frame::{Fault, SEGMENT_HEADER, SegmentHeader};
use super::load::OpenError;
use super::storage::{Storage, read_full};
use super::walk::{LogPart, Seen, Walked, parts, segment_names};
use crate::base::Timestamp;

/// Where the index is, below the log's folder.
const INDEX: &str = "index";

/// Figures of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Events.
    pub events: u64,
    /// Raw segment files.
    pub segments: u64,
    /// Parts that were sealed.
    pub sealed_parts: u64,
    /// Segments in them.
    pub sealed_segments: u64,
    /// Events in them.
    pub sealed_events: u64,
    /// Their Parquet files. Units: bytes.
    pub sealed_bytes: u64,
    /// The raw segments they were made of. Units: bytes.
    pub sealed_raw_bytes: u64,
    /// Headers and frames of raw segments; the last file may be longer by zeros.
    pub bytes: u64,
    /// All files of the index, which is a cache. Units: bytes.
    pub index_bytes: u64,
    /// Bytes of an unfinished group at the end.
    pub torn_tail_bytes: u64,
    /// Of the first event.
    pub first_recorded_at: Option<Timestamp>,
    /// Of the last event.
    pub last_recorded_at: Option<Timestamp>,
}

/// Looks at a log without changing it, also while a process writes to it.
///
/// # Errors
/// [`OpenError`] where its ends cannot be read.
pub fn survey(folder: impl Into<LogFolder>) -> Result<Survey, OpenError> {
    let storage = folder.into().storage();
    let mut found = Survey::default();
    let mut sealed_end = 0;
    for part in parts(&storage)? {
        let LogPart::Sealed(part) = part else { break };
        let record = part.record();
        sealed_end = record.end;
        found.sealed_parts += 1;
        found.sealed_segments += record.segments.len() as u64;
        found.sealed_events += record.end - record.base;
        found.sealed_bytes += record.sealed_bytes();
        found.sealed_raw_bytes += record.raw_bytes();
        let first = Timestamp::from_micros(record.first_recorded_at);
        found.first_recorded_at.get_or_insert(first);
        found.last_recorded_at = Some(Timestamp::from_micros(record.last_recorded_at));
        found.events = record.end;
    }
    let storage = &*storage;
    found.index_bytes = index_bytes(storage)?;
    let mut names = segment_names(storage)?;
    names.retain(|(base, _)| *base >= sealed_end);
    let Some(((base, last), full)) = names.split_last() else { return Ok(found) };
    let first = full.first().map_or((base, last), |(base, name)| (base, name));
    if found.first_recorded_at.is_none() {
        let mut walked = before(storage, *first.0, first.1)?;
        let _ = walked.file(storage, *first.0, first.1, true, &mut |step| match step {
            Seen::Segment { .. } | Seen::Record { .. } => ControlFlow::Continue(()),
            Seen::Frame { frame, .. } => {
                found.first_recorded_at = Some(frame.header.recorded_at);
                ControlFlow::Break(())
            }
        })?;
    }
    for (_, name) in full {
        found.bytes += size(storage, name)?;
    }
    let mut walked = before(storage, *base, last)?;
    let start = walked.next;
    let _ = walked.file(storage, *base, last, true, &mut |_| ControlFlow::Continue(()))?;
    found.segments = full.len() as u64 + walked.segments;
    found.bytes += walked.bytes;
    found.events = walked.next;
    found.torn_tail_bytes = walked.torn;
    if walked.next > start {
        found.last_recorded_at = Some(walked.recorded_at);
    } else if let Some((base, name)) = full.last() {
        // The last segment was begun and holds nothing yet.
        let mut walked = before(storage, *base, name)?;
        let _ = walked.file(storage, *base, name, true, &mut |_| ControlFlow::Continue(()))?;
        found.last_recorded_at = Some(walked.recorded_at);
    }
    Ok(found)
}

/// What a walk would have come to before a segment, as far as the segment itself says.
pub(super) fn before(storage: &dyn Storage, base: u64, name: &str) -> Result<Walked, OpenError> {
    let path = storage.path(name).display().to_string();
    let failed = |action| {
        let path = path.clone();
        move |source| OpenError::Io { action, path, source }
    };
    let file = storage.open(name, false).map_err(failed("open"))?;
    let mut bytes = [0; SEGMENT_HEADER];
    let read = read_full(&*file, &mut bytes, 0).map_err(failed("read"))?;
    match SegmentHeader::decode(bytes.get(..read).unwrap_or_default()) {
        Ok(header) => Ok(Walked { next: base, previous: header.previous, ..Walked::default() }),
        // Perhaps it was being made when the machine stopped: the walk says.
        Err(Fault::Damaged(_)) => Ok(Walked { next: base, ..Walked::default() }),
        Err(Fault::Version(version)) => {
            Err(OpenError::Version { path, version, known: super::frame::FORMAT_VERSION })
        }
    }
}

/// Bytes of the index. A file that is gone before it is looked at was merged or made anew.
fn index_bytes(storage: &dyn Storage) -> Result<u64, OpenError> {
    let failed = |source| OpenError::Io {
        action: "list",
        path: storage.path(INDEX).display().to_string(),
        source,
    };
    // A folder that is not there would be made.
    if !storage.list().map_err(failed)?.iter().any(|name| name == INDEX) {
        return Ok(0);
    }
    let folder = storage.folder(INDEX).map_err(failed)?;
    let names = folder.list().map_err(failed)?;
    let sizes = names.iter().filter_map(|name| folder.open(name, false).ok()?.size().ok());
    Ok(sizes.sum())
}

fn size(storage: &dyn Storage, name: &str) -> Result<u64, OpenError> {
    storage.open(name, false).and_then(|file| file.size()).map_err(|source| OpenError::Io {
        action: "open",
        path: storage.path(name).display().to_string(),
        source,
    })
}
