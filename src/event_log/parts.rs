//! Reading events from wherever they are: segment files and sealed parts, with the files of the
//! index beside them.
//!
//! In: positions, in order. Out: events, each compared with its checksum.
//! Invariants: no file of the index is evidence: a table that is missing or damaged is made
//! again from its segment, and a record that is not where a table says fails its checksum.
//! Memory: [`TABLES`] tables of about 0.7 MB and [`FILES`] open files.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::cache_file::IndexError;
use super::contract::ReadError;
use super::index::{Part, RawPart};
use super::record::{self, Stamp};
use super::rescan;
use super::sealed::SealedPart;
use super::segment_table::{SegmentFacts, SegmentTable, load_table};
use super::shared::Shared;
use super::storage::{SegmentFile, Storage, read_full};
use super::stream_runs::{StreamKey, StreamRuns};
use crate::base::{EventId, Timestamp};
use crate::event::Recorded;

/// One read from a file takes at most this much, unless a single record is longer.
const RUN_MAX: u64 = 1 << 20;
/// Records this close are read together.
const GAP_MAX: u64 = 4 << 10;
/// Tables of finished segments kept in memory.
const TABLES: usize = 32;
/// Segment files kept open.
const FILES: usize = 64;
/// How often a position is looked up again because its segment was sealed meanwhile.
const LOOKS_MAX: u32 = 4;

/// Where one record is.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    len: usize,
    position: u64,
    recorded_at: Timestamp,
}

/// What was used last, newest last.
struct Kept<T>(Mutex<Vec<(u64, Arc<T>)>>, usize);

impl<T> Kept<T> {
    fn new(max: usize) -> Self {
        Self(Mutex::new(Vec::new()), max)
    }

    fn get(&self, base: u64) -> Option<Arc<T>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().rposition(|(known, _)| *known == base)?;
        let found = kept.remove(at);
        let value = found.1.clone();
        kept.push(found);
        Some(value)
    }

    fn remove(&self, base: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != base);
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn put(&self, base: u64, value: Arc<T>) {
        self.remove(base);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.1 {
            kept.remove(0);
        }
        kept.push((base, value));
    }
}

/// The files behind an index.
pub(super) struct Parts {
    pub(super) storage: Arc<dyn Storage>,
    /// The folder of the index; none for a reader of a log that has none.
    pub(super) caches: OnceLock<Arc<dyn Storage>>,
    /// Not there where there is no folder of the index; a reader may find one later.
    pub(super) runs: OnceLock<StreamRuns>,
    tables: Kept<SegmentTable>,
    files: Kept<Arc<dyn SegmentFile>>,
}

/// Where the events of one part are.
enum Source {
    Places(RawPart, Vec<Place>),
    Table(RawPart, SegmentFacts),
    Sealed(Arc<SealedPart>),
}

impl Parts {
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        caches: Option<Arc<dyn Storage>>,
        runs: Option<StreamRuns>,
    ) -> Self {
        let caches = caches.map_or_else(OnceLock::new, OnceLock::from);
        let runs = runs.map_or_else(OnceLock::new, OnceLock::from);
        Self { storage, caches, runs, tables: Kept::new(TABLES), files: Kept::new(FILES) }
    }

    /// Adds the events of positions, which are in order. Ends early after about so many bytes.
    pub(super) fn read(
        &self,
        shared: &Shared,
        positions: &[u64],
        bytes_max: Option<usize>,
        events: &mut Vec<Recorded>,
    ) -> Result<(), ReadError> {
        let mut rest = positions;
        let mut left = bytes_max;
        let mut looks = 1;
        while !rest.is_empty() && left != Some(0) {
            let (count, source) = resolve(shared, rest);
            let (mine, others) = rest.split_at_checked(count).unwrap_or_default();
            let before = events.len();
            let done = match source {
                Some(Source::Sealed(sealed)) => sealed.read(mine, events),
                Some(Source::Places(raw, places)) => {
                    self.read_places(&raw, &cut(places, &mut left), events)
                }
                Some(Source::Table(raw, facts)) => self.table(&raw, &facts).and_then(|table| {
                    let places =
                        mine.iter().filter_map(|position| place(&table, *position)).collect();
                    self.read_places(&raw, &cut(places, &mut left), events)
                }),
                None => return Ok(()),
            };
            match done {
                Ok(()) => {
                    rest = others;
                    looks = 1;
                }
                // It was sealed and removed between the two steps.
                Err(ReadError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && looks < LOOKS_MAX =>
                {
                    events.truncate(before);
                    looks += 1;
                    // A reader has to look where it is now; what is wrong there, the next try
                    // says as well as it can.
                    drop(shared.refresh());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// When an event was recorded.
    pub(super) fn recorded_at(
        &self,
        shared: &Shared,
        position: u64,
    ) -> Result<Timestamp, ReadError> {
        match resolve(shared, &[position]).1 {
            Some(Source::Places(_, places)) => {
                Ok(places.first().map_or(Timestamp::EPOCH, |place| place.recorded_at))
            }
            Some(Source::Table(raw, facts)) => {
                // Where it was sealed meanwhile, the event is read from there.
                let Ok(table) = self.table(&raw, &facts) else {
                    return Ok(shared.read_one(position)?.recorded_at);
                };
                let found = place(&table, position);
                Ok(found.map_or(Timestamp::EPOCH, |place| place.recorded_at))
            }
            Some(Source::Sealed(_)) | None => Ok(shared.read_one(position)?.recorded_at),
        }
    }

    /// The id of the event at a position.
    pub(super) fn id_at(&self, shared: &Shared, position: u64) -> Result<EventId, ReadError> {
        Ok(shared.read_one(position)?.event_id)
    }

    fn read_places(
        &self,
        raw: &RawPart,
        places: &[Place],
        events: &mut Vec<Recorded>,
    ) -> Result<(), ReadError> {
        let file = self.file(raw)?;
        let mut buffer = Vec::new();
        let mut rest = places;
        while let Some(first) = rest.first() {
            let mut end = first.offset + first.len as u64;
            let count = rest
                .iter()
                .take_while(|place| {
                    let place_end = place.offset + place.len as u64;
                    let near = place.offset <= end + GAP_MAX;
                    let fits = place_end - first.offset <= RUN_MAX || place_end == end;
                    if near && fits {
                        end = end.max(place_end);
                    }
                    near && fits
                })
                .count();
            let (run, others) = rest.split_at_checked(count.max(1)).unwrap_or_default();
            read_run(&**file, &raw.path, run, &mut buffer, events)?;
            rest = others;
        }
        Ok(())
    }

    fn file(&self, raw: &RawPart) -> Result<Arc<Arc<dyn SegmentFile>>, ReadError> {
        if let Some(file) = self.files.get(raw.base) {
            return Ok(file);
        }
        let file = self.storage.open(&raw.name, false).map_err(|source| failed(raw, source))?;
        let file = Arc::new(file);
        self.files.put(raw.base, file.clone());
        Ok(file)
    }

    /// Lets go of a segment file that is not needed any more.
    pub(super) fn forget(&self, base: u64) {
        self.files.remove(base);
        self.tables.remove(base);
    }

    /// Segment files that are open.
    #[cfg(test)]
    pub(super) fn open_files(&self) -> usize {
        self.files.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Lets go of every file.
    pub(super) fn forget_all(&self) {
        self.files.clear();
        self.tables.clear();
    }

    /// The table of a finished segment: from memory, from its file, or made again.
    fn table(&self, raw: &RawPart, facts: &SegmentFacts) -> Result<Arc<SegmentTable>, ReadError> {
        if let Some(table) = &raw.table {
            return Ok(table.clone());
        }
        if let Some(table) = self.tables.get(raw.base) {
            return Ok(table);
        }
        let stored = self.caches.get().and_then(|caches| load_table(&**caches, facts).ok());
        let table = match stored {
            Some(table) => table,
            None => rescan::table_of(&*self.storage, raw)?,
        };
        let table = Arc::new(table);
        self.tables.put(raw.base, table.clone());
        Ok(table)
    }

    /// The last revision of a stream that the runs know, and its position.
    pub(super) fn run_last(&self, key: StreamKey) -> Result<Option<(u64, u64)>, ReadError> {
        self.runs.get().map_or(Ok(None), |runs| runs.snapshot().last(key).map_err(unreadable))
    }

    /// The positions of revisions that the runs know.
    pub(super) fn run_positions(
        &self,
        key: StreamKey,
        revisions: std::ops::Range<u64>,
    ) -> Result<Vec<u64>, ReadError> {
        let mut positions = Vec::new();
        if let Some(runs) = self.runs.get() {
            runs.snapshot().positions(key, revisions, &mut positions).map_err(unreadable)?;
        }
        Ok(positions)
    }
}

/// Where the first of these positions is, and how many of them are there, too.
fn resolve(shared: &Shared, positions: &[u64]) -> (usize, Option<Source>) {
    let Some(first) = positions.first() else { return (0, None) };
    let index = shared.index();
    let Some(number) = index.part_at(*first) else { return (0, None) };
    let end = index.parts.get(number + 1).map_or(u64::MAX, Part::base);
    let count = positions.partition_point(|position| *position < end);
    let source = match index.parts.get(number) {
        Some(Part::Sealed(sealed)) => Source::Sealed(sealed.clone()),
        Some(Part::Raw(raw)) => match &raw.facts {
            Some(facts) => Source::Table(raw.clone(), *facts),
            None => {
                let mine = positions.get(..count).unwrap_or_default();
                let places = mine.iter().filter_map(|position| place(&index.active, *position));
                Source::Places(raw.clone(), places.collect())
            }
        },
        None => return (0, None),
    };
    (count, Some(source))
}

fn place(table: &SegmentTable, position: u64) -> Option<Place> {
    let found = table.place(position)?;
    Some(Place {
        offset: u64::from(found.offset),
        len: found.len as usize,
        position,
        recorded_at: found.recorded_at,
    })
}

/// As many places as `left` bytes hold, but one at least where it is not used up.
fn cut(mut places: Vec<Place>, left: &mut Option<usize>) -> Vec<Place> {
    if let Some(left) = left {
        let whole = places.len();
        let mut first = true;
        let count = places
            .iter()
            .take_while(|place| {
                let fits = first || place.len <= *left;
                first = false;
                *left = left.saturating_sub(place.len);
                fits
            })
            .count();
        places.truncate(count);
        if count < whole {
            *left = 0;
        }
    }
    places
}

fn read_run(
    file: &dyn SegmentFile,
    path: &str,
    run: &[Place],
    buffer: &mut Vec<u8>,
    events: &mut Vec<Recorded>,
) -> Result<(), ReadError> {
    let start = run.first().map_or(0, |place| place.offset);
    let end = run.last().map_or(0, |place| place.offset + place.len as u64);
    buffer.resize(usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX), 0);
    let read = read_full(file, buffer, start).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        offset: start,
        source: Arc::new(source),
    })?;
    let bytes = buffer.get(..read).unwrap_or_default();
    for place in run {
        let stamp = Stamp { position: place.position, recorded_at: place.recorded_at };
        let at = usize::try_from(place.offset - start).unwrap_or(usize::MAX);
        let event = record::decode(bytes.get(at..).unwrap_or_default(), stamp)
            .and_then(|record| record.to_recorded(stamp))
            .map_err(|what| ReadError::Corrupt {
                path: path.to_owned(),
                offset: place.offset,
                position: place.position,
                what,
            })?;
        events.push(event);
    }
    Ok(())
}

fn failed(raw: &RawPart, source: io::Error) -> ReadError {
    ReadError::Io { path: raw.path.clone(), offset: 0, source: Arc::new(source) }
}

/// A file of the index that fails a check says what to do about it.
fn unreadable(error: IndexError) -> ReadError {
    let path = match &error {
        IndexError::Damaged { path, .. }
        | IndexError::NotNext { path, .. }
        | IndexError::Read { path, .. }
        | IndexError::Stopped { path } => path.clone(),
        IndexError::Write(failure) => failure.path.clone(),
    };
    ReadError::Io { path, offset: 0, source: Arc::new(io::Error::other(error)) }
}
