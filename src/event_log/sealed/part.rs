//! Reading a sealed part: events by position, as if they still stood in a raw segment.
//!
//! In: positions. Out: events in the order of positions, gathered from the files of all
//! families. Invariant: what is given is what was recorded, or an error that names the file; no
//! position of the part is passed over.
//! Memory: decoded row groups in the cache of the store, which is bounded, and those in use.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::group::{Depth, Footer, Rows};
use super::seal_record::{RowGroupEntry, SealRecord, SealedFile};
use super::store::{Cached, Key, SealedStore};
use crate::base::{EventId, Timestamp};
use crate::event::{Recorded, StreamName};
use crate::event_log::contract::ReadError;

/// What an index has to know of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedEventKey<'a> {
    /// Its position.
    pub position: u64,
    /// Its stream.
    pub stream: &'a StreamName,
    /// Its place in the stream.
    pub revision: u64,
    /// Its identity.
    pub event_id: EventId,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A sealed part, open for reading. All methods block, and for long where the files are in a
/// store that is not on this machine.
pub struct SealedPart {
    record: SealRecord,
    store: SealedStore,
    /// Where the last read of a range ended: one that goes on there decodes ahead.
    last_end: AtomicU64,
}

/// A row group: file and place in it.
type Place = (usize, usize);

/// Where a walk is in one file.
struct Cursor {
    file: usize,
    group: usize,
    rows: Option<Arc<Rows>>,
    row: usize,
}

/// What a walk does with each event.
type Each<'a> = dyn FnMut(&Rows, usize) -> Result<(), &'static str> + 'a;

impl SealedPart {
    /// Opens a part. Nothing is read before the first question.
    pub fn open(record: SealRecord, store: SealedStore) -> Self {
        Self { record, store, last_end: AtomicU64::new(u64::MAX) }
    }

    /// Its record.
    pub fn record(&self) -> &SealRecord {
        &self.record
    }

    /// Position of its first event.
    pub fn base(&self) -> u64 {
        self.record.base
    }

    /// The position after its last event.
    pub fn end(&self) -> u64 {
        self.record.end
    }

    pub(super) fn store(&self) -> &SealedStore {
        &self.store
    }

    /// Adds the events of a range, cut to this part, in the order of positions.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] with the file; [`ReadError::Io`]; [`ReadError::Unavailable`] where
    /// a store does not answer.
    pub fn read_range(
        &self,
        positions: Range<u64>,
        events: &mut Vec<Recorded>,
    ) -> Result<(), ReadError> {
        let positions = self.cut(&positions);
        let goes_on = self.last_end.swap(positions.end, Ordering::Relaxed) == positions.start;
        self.walk(positions, Depth::Events, goes_on, &mut |rows, row| {
            events.push(rows.event(row).ok_or("a row is not whole")?);
            Ok(())
        })
    }

    /// Adds the events at these positions, which are sorted and in this part.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub fn read(&self, positions: &[u64], events: &mut Vec<Recorded>) -> Result<(), ReadError> {
        let mut last: Option<(Place, Arc<Rows>)> = None;
        for position in positions {
            let known = last.as_ref().and_then(|(place, rows)| {
                Some((*place, rows.positions().binary_search(position).ok()?))
            });
            let (place, row) = match known {
                Some(found) => found,
                None => self.find(*position, last.as_ref().map(|(place, _)| *place))?,
            };
            let rows = match last.take() {
                Some((held, rows)) if held == place => rows,
                _ => self.rows(place)?,
            };
            let event = rows.event(row).ok_or_else(|| self.broken(place, "a row is not whole"))?;
            events.push(event);
            last = Some((place, rows));
        }
        Ok(())
    }

    /// Gives what an index needs of every event, in the order of positions. Fewer columns are
    /// read for it than for whole events, and nothing is kept.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub fn keys(&self, each: &mut dyn FnMut(SealedEventKey<'_>)) -> Result<(), ReadError> {
        let all = self.base()..self.end();
        self.walk(all, Depth::Keys, true, &mut |rows, row| {
            let key = || {
                Some(SealedEventKey {
                    position: *rows.positions().get(row)?,
                    stream: rows.stream(row)?,
                    revision: rows.revision(row)?,
                    event_id: rows.event_id(row)?,
                    recorded_at: rows.recorded_at(row)?,
                })
            };
            each(key().ok_or("a row is not whole")?);
            Ok(())
        })
    }

    fn cut(&self, positions: &Range<u64>) -> Range<u64> {
        let end = positions.end.min(self.end());
        positions.start.max(self.base()).min(end)..end
    }

    /// Goes through a range in the order of positions. `ahead`: decode the next row groups, too,
    /// also those behind the range.
    pub(super) fn walk(
        &self,
        range: Range<u64>,
        depth: Depth,
        ahead: bool,
        each: &mut Each<'_>,
    ) -> Result<(), ReadError> {
        let coming = self.coming(range.start, if ahead { self.end() } else { range.end });
        let mut cursors = self.cursors(&range);
        let mut next = range.start;
        while next < range.end {
            let mut found = false;
            for cursor in &mut cursors {
                while next < range.end && self.settle(cursor, next, depth, &coming)? {
                    let Some(rows) = &cursor.rows else { break };
                    each(rows, cursor.row)
                        .map_err(|what| self.broken((cursor.file, cursor.group), what))?;
                    cursor.row += 1;
                    next += 1;
                    found = true;
                }
            }
            if !found {
                return Err(self.missing(next));
            }
        }
        Ok(())
    }

    fn missing(&self, position: u64) -> ReadError {
        self.store.corrupt(&self.record.name(), 0, position, "no file has this position")
    }

    /// One cursor for each file that has anything in the range.
    fn cursors(&self, range: &Range<u64>) -> Vec<Cursor> {
        let files = self.record.files.iter().enumerate();
        files
            .filter_map(|(file, entry)| {
                let groups = &entry.row_groups;
                let group = groups.partition_point(|group| group.last < range.start);
                groups.get(group).filter(|group| group.first < range.end)?;
                Some(Cursor { file, group, rows: None, row: 0 })
            })
            .collect()
    }

    /// Whether a cursor is at a position; moves it to the first row that is not before it.
    fn settle(
        &self,
        cursor: &mut Cursor,
        position: u64,
        depth: Depth,
        coming: &[(u64, Place)],
    ) -> Result<bool, ReadError> {
        loop {
            if let Some(rows) = &cursor.rows {
                match rows.positions().get(cursor.row) {
                    Some(at) if *at >= position => return Ok(*at == position),
                    Some(_) => {
                        cursor.row = rows.positions().partition_point(|at| *at < position);
                    }
                    None => {
                        cursor.rows = None;
                        cursor.group += 1;
                        cursor.row = 0;
                    }
                }
                continue;
            }
            let place = (cursor.file, cursor.group);
            match self.group(place) {
                None => return Ok(false),
                Some((_, group)) if group.first > position => return Ok(false),
                Some((_, group)) if group.last < position => cursor.group += 1,
                Some(_) => cursor.rows = Some(self.rows_ahead(place, depth, coming)?),
            }
        }
    }

    fn group(&self, (file, group): Place) -> Option<(&SealedFile, &RowGroupEntry)> {
        let file = self.record.files.get(file)?;
        Some((file, file.row_groups.get(group)?))
    }

    /// Row groups with events in a range, by first position.
    fn coming(&self, start: u64, end: u64) -> Vec<(u64, Place)> {
        let mut coming = Vec::new();
        for (file, entry) in self.record.files.iter().enumerate() {
            for (group, entry) in entry.row_groups.iter().enumerate() {
                if entry.last >= start && entry.first < end {
                    coming.push((entry.first, (file, group)));
                }
            }
        }
        coming.sort_unstable();
        coming
    }

    /// The row group and row of one position; looks where the last one was first.
    fn find(&self, position: u64, hint: Option<Place>) -> Result<(Place, usize), ReadError> {
        let mut places = Vec::new();
        for (file, entry) in self.record.files.iter().enumerate() {
            let group = entry.row_groups.partition_point(|group| group.last < position);
            if entry.row_groups.get(group).is_some_and(|group| group.first <= position) {
                places.push((file, group));
            }
        }
        places.sort_by_key(|(file, _)| hint.is_none_or(|hint| hint.0 != *file));
        for place in places {
            if let Ok(row) = self.positions(place)?.binary_search(&position) {
                return Ok((place, row));
            }
        }
        Err(self.missing(position))
    }

    /// The positions in a row group, without the rest of it.
    fn positions(&self, place: Place) -> Result<Arc<Vec<u64>>, ReadError> {
        let Some((file, _)) = self.group(place) else { return Err(self.missing(self.base())) };
        let key = Key::Positions(file.path.clone(), place.1);
        if let Some(Cached::Positions(positions)) = self.store.cache().get(&key) {
            return Ok(positions);
        }
        let cached = self.store.cache().get(&Key::Rows(file.path.clone(), place.1));
        let positions = match cached {
            Some(Cached::Rows(rows)) => rows.positions().to_vec(),
            _ => self.decode(place, Depth::Positions)?.positions().to_vec(),
        };
        let positions = Arc::new(positions);
        let bytes = positions.len() as u64 * 8;
        self.store.cache().insert(key, Cached::Positions(positions.clone()), bytes);
        Ok(positions)
    }

    fn rows(&self, place: Place) -> Result<Arc<Rows>, ReadError> {
        self.rows_ahead(place, Depth::Events, &[])
    }

    /// A decoded row group, from the cache where it is there; the next one that is not there is
    /// decoded beside it.
    fn rows_ahead(
        &self,
        place: Place,
        depth: Depth,
        coming: &[(u64, Place)],
    ) -> Result<Arc<Rows>, ReadError> {
        let key = |place| Some(Key::Rows(self.group(place)?.0.path.clone(), place.1));
        let Some(wanted) = key(place) else { return Err(self.missing(self.base())) };
        if depth != Depth::Events {
            return Ok(Arc::new(self.decode(place, depth)?));
        }
        let next = {
            let mut cache = self.store.cache();
            if let Some(Cached::Rows(rows)) = cache.get(&wanted) {
                return Ok(rows);
            }
            let mut later = coming.iter().filter(|(_, other)| *other > place || other.0 != place.0);
            let first = self.group(place).map_or(0, |(_, group)| group.first);
            later.find(|(at, other)| {
                *at >= first
                    && *other != place
                    && key(*other).is_some_and(|key| !cache.contains(&key))
            })
        };
        let rows = match next {
            None => self.decode(place, depth)?,
            Some((_, next)) => {
                let (rows, ahead) = std::thread::scope(|scope| {
                    let ahead = scope.spawn(|| self.decode(*next, depth));
                    (self.decode(place, depth), ahead.join())
                });
                // What is wrong with the next one is said when it is asked for.
                if let (Ok(Ok(ahead)), Some(key)) = (ahead, key(*next)) {
                    self.keep(key, Arc::new(ahead));
                }
                rows?
            }
        };
        let rows = Arc::new(rows);
        self.keep(wanted, rows.clone());
        Ok(rows)
    }

    fn keep(&self, key: Key, rows: Arc<Rows>) {
        let bytes = rows.memory() as u64;
        self.store.cache().insert(key, Cached::Rows(rows), bytes);
    }

    fn decode(&self, place: Place, depth: Depth) -> Result<Rows, ReadError> {
        let Some((file, group)) = self.group(place) else {
            return Err(self.missing(self.base()));
        };
        let footer = self.footer(file)?;
        let stretch = (group.offset, group.bytes, group.crc32c);
        let bytes = self.store.read_checked(file, stretch, group.first)?;
        Rows::decode(&footer, place.1, group, bytes, depth)
            .map_err(|_| self.broken(place, "its pages do not decode"))
    }

    pub(super) fn footer(&self, file: &SealedFile) -> Result<Arc<Footer>, ReadError> {
        let key = Key::Footer(file.path.clone());
        if let Some(Cached::Footer(footer)) = self.store.cache().get(&key) {
            return Ok(footer);
        }
        let offset = file.bytes.saturating_sub(file.footer_bytes);
        let first = file.row_groups.first().map_or(self.base(), |group| group.first);
        let stretch = (offset, file.footer_bytes, file.footer_crc32c);
        let bytes: Bytes = self.store.read_checked(file, stretch, first)?;
        let footer = Footer::parse(&bytes).map_err(|_| {
            self.store.corrupt(&file.path, offset, first, "its footer does not decode")
        })?;
        let footer = Arc::new(footer);
        let bytes = footer.memory() as u64;
        self.store.cache().insert(key, Cached::Footer(footer.clone()), bytes);
        Ok(footer)
    }

    fn broken(&self, place: Place, what: &'static str) -> ReadError {
        match self.group(place) {
            None => self.missing(self.base()),
            Some((file, group)) => self.store.corrupt(&file.path, group.offset, group.first, what),
        }
    }
}
