//! Sealed segments: finished raw segments as Parquet files, one per UTC day and event family.
//!
//! In: whole raw segments. Out: Parquet files whose typed columns give back every event, and the
//! raw segment file itself, byte for byte; a seal record that says so and is the commit point.
//! The format stands in `docs/log-format.md`, the reasons in ADR 0010.
//!
//! Invariants: the seal record is written only after the raw bytes were rebuilt from what is
//! stored and have the same BLAKE3; no byte of a sealed file is believed before it is compared
//! with a checksum of the record; the same segments give the same files. A raw segment may go
//! only once [`seal()`] has returned.
//!
//! Deliberately absent: deciding when to seal and removing raw segments (the caller does both),
//! and Arrow.

mod buffer;
mod cache;
mod columns;
mod derived;
mod encode;
mod encoding;
mod fill;
mod folder;
mod group;
mod literal;
mod merge;
mod part;
mod raw;
mod rebuild;
mod seal_record;
mod shape;
mod store;
mod table;
mod texts;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::contract::ReadError;
use super::storage::{Storage, WriteFailure};
use super::stream_rules::{TOMBSTONE_TYPE, original_of};
use crate::base::hex;
use crate::event::{CATALOG, ContentType};

use encode::Plan;
use raw::Scan;

#[cfg(feature = "s3")]
pub(super) use cache::Cache;
pub use merge::{merge, mergeable};
pub use part::{SealedEventKey, SealedPart};
pub use rebuild::SealedDamage;
pub use seal_record::{RowGroupEntry, SealRecord, SealedFile, SealedSegment, StreamEvent};
pub use store::SealedStore;

/// Events about streams that a seal record lists at most, and bytes of their data.
const STREAM_EVENTS: usize = 4_096;
const STREAM_EVENTS_BYTES: usize = 256 << 10;

/// How sealed files are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealOptions {
    /// Events in one row group: the least that is decoded to read one event.
    pub row_group_events: usize,
    /// Zstandard level, 1 to 22, of columns of few bytes; of others it is chosen.
    pub zstd_level: i32,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self { row_group_events: 32_768, zstd_level: 3 }
    }
}

/// A finished raw segment, from its header to the end of its last frame.
#[derive(Clone, Debug)]
pub struct RawSegment {
    /// The name of its file.
    pub name: String,
    /// Header and frames, without the zeros that were written ahead.
    pub bytes: Bytes,
}

impl RawSegment {
    /// Reads a raw segment whole and cuts it after its last frame.
    ///
    /// # Errors
    /// [`SealError::Unsealable`] where it is not whole; [`SealError::Read`].
    pub fn read(storage: &Arc<dyn Storage>, name: &str) -> Result<Self, SealError> {
        raw::read(storage, name)
    }
}

/// Why nothing was sealed. The raw segment, or the sealed parts before a merge, are as they were.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No events.
    #[error("seal: there are no events in it")]
    Empty,
    /// The raw segment is damaged, or has bytes that no writer of this program wrote.
    #[error("seal {path} at byte {offset}: {what}; it stays as it is, run `ledgerline log verify`")]
    Unsealable {
        /// The raw segment.
        path: String,
        /// The first byte that cannot be explained.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// More than four thousand million events.
    #[error("seal: there are too many events for one part")]
    TooMany,
    /// The segments do not follow each other.
    #[error("seal: position {position} is where the next part should begin")]
    Gap {
        /// The position at which the next segment or part should begin.
        position: u64,
    },
    /// Parquet refused.
    #[error("seal {path}: {what}")]
    Encode {
        /// The Parquet file.
        path: String,
        /// What the encoder says.
        what: String,
    },
    /// What was stored does not give back what was sealed.
    #[error("seal {path}: the stored files do not give it back byte for byte ({what})")]
    NotTheSame {
        /// The raw segment.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// The disk failed.
    #[error("seal: failed to {0}")]
    Write(#[from] WriteFailure),
    /// Raw or sealed bytes cannot be read, or the store does not answer.
    #[error("seal: {0}")]
    Read(#[from] ReadError),
}

/// Seals raw segments that follow each other into one part: writes the Parquet files, reads
/// them back, rebuilds the raw bytes and compares them, then writes the seal record. Once it
/// returns, the raw segments may be removed. Blocks; for a blocking thread.
///
/// # Errors
/// See [`SealError`]. What a failed attempt left behind, [`SealedStore::clean`] removes.
pub fn seal(
    store: &SealedStore,
    segments: &[RawSegment],
    options: &SealOptions,
) -> Result<SealRecord, SealError> {
    let scan = Scan::new(segments)?;
    let mut files = Vec::new();
    for plan in plans(&scan)? {
        let (bytes, file) = encode::encode(&scan, &plan, options)?;
        store.put(&file, bytes.into())?;
        files.push(file);
    }
    let at = |number: usize| scan.event(number).map(|raw| raw.event.recorded_at.as_micros());
    let record = SealRecord {
        format: if store.remote().is_some() {
            SealRecord::FORMAT_STORE
        } else {
            SealRecord::FORMAT
        },
        base: scan.base,
        end: scan.next(),
        first_recorded_at: at(0)?,
        last_recorded_at: at(scan.len() - 1)?,
        segments: scan.entries.clone(),
        files,
        store: store.remote().map(str::to_owned),
        stream_events: if store.remote().is_some() { stream_events(&scan)? } else { None },
    };
    drop(scan);
    prove(store, &record, segments)?;
    store.commit(&record)?;
    Ok(record)
}

/// What goes into which file: by UTC day of recording, then family.
fn plans(scan: &Scan<'_>) -> Result<Vec<Plan>, SealError> {
    let range = format!("{:020}-{:020}", scan.base, scan.next());
    let mut files: BTreeMap<(i64, &'static str), Vec<u32>> = BTreeMap::new();
    for number in 0..scan.len() {
        let event = scan.event(number)?.event;
        let day = event.recorded_at.as_micros().div_euclid(86_400_000_000);
        let rows = files.entry((day, family(&event.event_type))).or_default();
        rows.push(u32::try_from(number).map_err(|_| SealError::TooMany)?);
    }
    let plan = |((day, family), rows)| {
        let (year, month, day) = literal::date(day);
        let day = format!("{year:04}-{month:02}-{day:02}");
        let path = format!("day={day}/family={family}/{range}.parquet");
        Plan { path, day, family: String::from(family), rows }
    };
    Ok(files.into_iter().map(plan).collect())
}

/// Tombstones and metadata of streams, where they are few enough to be kept beside.
fn stream_events(scan: &Scan<'_>) -> Result<Option<Vec<StreamEvent>>, SealError> {
    let mut events = Vec::new();
    let mut bytes = 0;
    for number in 0..scan.len() {
        let event = scan.event(number)?.event;
        let is_metadata = original_of(event.stream.as_str()).is_some();
        if !is_metadata && event.event_type != TOMBSTONE_TYPE {
            continue;
        }
        bytes += event.data.len();
        if bytes > STREAM_EVENTS_BYTES || events.len() == STREAM_EVENTS {
            return Ok(None);
        }
        events.push(StreamEvent {
            position: event.position,
            is_json: event.content_type == ContentType::Json,
            data: hex(&event.data),
            event_type: event.event_type,
        });
    }
    Ok(Some(events))
}

/// The family of an event by its type: one of the catalogue, `system` for the log's own events,
/// `other` for those of other clients.
fn family(event_type: &str) -> &'static str {
    if event_type.starts_with('$') {
        return "system";
    }
    let known = CATALOG.iter().find(|entry| entry.name == event_type);
    let stream = known.and_then(|entry| entry.family.stream().split('-').next());
    stream.unwrap_or("other")
}

/// Rebuilds the raw segments from what is stored and compares them with what was sealed.
fn prove(
    store: &SealedStore,
    record: &SealRecord,
    segments: &[RawSegment],
) -> Result<(), SealError> {
    let part = SealedPart::open(record.clone(), store.clone());
    for file in &record.files {
        part.verify_file(file)?;
    }
    for (number, raw) in segments.iter().enumerate() {
        let mut at = 0;
        let mut same = true;
        let rebuilt = part.rebuild_into(number, &mut |stretch| {
            same &= raw.bytes.get(at..at + stretch.len()) == Some(stretch);
            at += stretch.len();
        });
        let path = || raw.name.clone();
        match rebuilt {
            Ok(()) if same && at == raw.bytes.len() => {}
            Ok(()) => return Err(SealError::NotTheSame { path: path(), what: "other bytes" }),
            Err(ReadError::Corrupt { what, .. }) => {
                return Err(SealError::NotTheSame { path: path(), what });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
