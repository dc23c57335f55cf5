//! What the writer, readers and subscriptions of one log share.

use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::contract::{AllRead, Direction, ReadError, StreamRead};
use super::index::{Index, Place};
use super::metrics::LogMetrics;
use super::record::{self, Stamp};
use super::storage::{SegmentFile, WriteFailure, read_full};
use super::stream_state::ReaderStates;
use crate::base::{Clock, Timestamp};
use crate::event::{Recorded, StreamName};

/// One read from a file takes at most this much, unless a single record is longer.
const RUN_MAX: u64 = 1 << 20;
/// Records this close are read together.
const GAP_MAX: u64 = 4 << 10;

/// How far the log is durable, and whether more will come.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// The position the next durable event will have.
    pub(super) next: u64,
    pub(super) state: HeadState,
    /// The writer's thread has let go of everything.
    pub(super) ended: bool,
}

#[derive(Clone, Debug)]
pub(super) enum HeadState {
    Open,
    Failed(Arc<WriteFailure>),
    Closed,
}

pub(super) struct Shared {
    pub(super) metrics: Arc<LogMetrics>,
    index: RwLock<Index>,
    pub(super) states: ReaderStates,
    /// What `$maxAge` is measured by; without one, the time of the newest event.
    pub(super) clock: OnceLock<Arc<dyn Clock>>,
    pub(super) head: watch::Sender<Head>,
}

/// Records that lie close together in one file.
struct Run {
    segment: usize,
    path: String,
    file: Arc<dyn SegmentFile>,
    places: Vec<Place>,
}

impl Shared {
    pub(super) fn new(index: Index) -> Self {
        let head = Head { next: index.next, state: HeadState::Open, ended: false };
        let metrics = Arc::new(LogMetrics::default());
        metrics.durable(head.next);
        Self {
            metrics,
            index: RwLock::new(index),
            states: ReaderStates::default(),
            clock: OnceLock::new(),
            head: watch::Sender::new(head),
        }
    }

    /// A writer that panicked while it held the index had not moved the head, so that readers
    /// see nothing of what it was at.
    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position after the last durable one.
    pub(super) fn end(&self) -> u64 {
        self.head.borrow().next
    }

    pub(super) fn read_stream(
        &self,
        stream: &StreamName,
        from: StreamRead,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let end = self.end();
        let state = self.state(stream, end)?;
        let oldest = state.metadata.max_age_us.map(|age| older_than(self.now(end), age));
        let places: Vec<_> = {
            let index = self.index();
            let positions = index.durable_positions(stream, end);
            let count = positions.len() as u64;
            let mut hidden = state.first_revision(count);
            if let Some(oldest) = oldest {
                let start = usize::try_from(hidden).unwrap_or(usize::MAX);
                let is_old = |position: &u64| {
                    index.place(*position).is_some_and(|place| place.recorded_at < oldest)
                };
                // Time of recording never goes backwards, so the old ones come first.
                let newer = positions.get(start..).unwrap_or_default();
                hidden += newer.partition_point(is_old) as u64;
            }
            let from = match from {
                StreamRead::Start => Some(0),
                StreamRead::Revision(revision) => Some(revision),
                StreamRead::End => None,
            };
            let (first, last) = stretch(from, direction, max, hidden, count);
            let wanted = positions.get(first..last).unwrap_or_default();
            wanted.iter().filter_map(|position| index.place(*position)).collect()
        };
        self.read(&places, direction)
    }

    pub(super) fn read_all(
        &self,
        from: AllRead,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let end = self.end();
        let from = match from {
            AllRead::Start => Some(0),
            AllRead::Position(position) => Some(position),
            AllRead::End => None,
        };
        let (first, last) = stretch(from, direction, max, 0, end);
        let places: Vec<_> = {
            let index = self.index();
            (first..last).filter_map(|position| index.place(position as u64)).collect()
        };
        self.read(&places, direction)
    }

    /// Events from a position on: up to `max`, and no more than about `bytes_max`, but one.
    pub(super) fn read_on(
        &self,
        from: u64,
        max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let end = self.end();
        let mut bytes = 0;
        let places: Vec<_> = {
            let index = self.index();
            (from..end)
                .take(max)
                .map_while(|position| index.place(position))
                .take_while(|place| {
                    bytes += place.len;
                    bytes <= bytes_max || bytes == place.len
                })
                .collect()
        };
        self.read(&places, Direction::Forwards)
    }

    /// The present, as `$maxAge` has it.
    fn now(&self, end: u64) -> Timestamp {
        let newest = || end.checked_sub(1).and_then(|newest| self.index().place(newest));
        match self.clock.get() {
            Some(clock) => clock.now(),
            None => newest().map_or(Timestamp::EPOCH, |place| place.recorded_at),
        }
    }

    /// Reads one event.
    pub(super) fn read_one(&self, place: Place) -> Result<Recorded, ReadError> {
        let events = self.read(&[place], Direction::Forwards)?;
        let Some(event) = events.into_iter().next() else { unreachable!("a place has an event") };
        Ok(event)
    }

    /// Reads places in the order of positions, and turns the answer where asked to.
    fn read(&self, places: &[Place], direction: Direction) -> Result<Vec<Recorded>, ReadError> {
        let mut events = Vec::with_capacity(places.len());
        let mut buffer = Vec::new();
        for run in self.runs(places) {
            read_run(&run, &mut buffer, &mut events)?;
        }
        if direction == Direction::Backwards {
            events.reverse();
        }
        Ok(events)
    }

    fn runs(&self, places: &[Place]) -> Vec<Run> {
        let index = self.index();
        let mut runs: Vec<Run> = Vec::new();
        for place in places {
            if let Some(run) = runs.last_mut().filter(|run| run.takes(place)) {
                run.places.push(*place);
            } else if let Some(segment) = index.segments.get(place.segment)
                && let Some(file) = &segment.file
            {
                runs.push(Run {
                    segment: place.segment,
                    path: segment.path.clone(),
                    file: file.clone(),
                    places: vec![*place],
                });
            }
        }
        runs
    }
}

impl Run {
    fn start(&self) -> u64 {
        self.places.first().map_or(0, |place| place.offset)
    }

    fn end(&self) -> u64 {
        self.places.last().map_or(0, |place| place.offset + place.len as u64)
    }

    fn takes(&self, place: &Place) -> bool {
        let end = self.end();
        self.segment == place.segment
            && place.offset >= end
            && place.offset - end <= GAP_MAX
            && place.offset + place.len as u64 - self.start() <= RUN_MAX
    }
}

fn read_run(run: &Run, buffer: &mut Vec<u8>, events: &mut Vec<Recorded>) -> Result<(), ReadError> {
    let start = run.start();
    let len = usize::try_from(run.end() - start).unwrap_or(usize::MAX);
    buffer.resize(len, 0);
    let read = read_full(&*run.file, buffer, start).map_err(|source| ReadError::Io {
        path: run.path.clone(),
        offset: start,
        source: Arc::new(source),
    })?;
    let bytes = buffer.get(..read).unwrap_or_default();
    for place in &run.places {
        let stamp = Stamp { position: place.position, recorded_at: place.recorded_at };
        let at = usize::try_from(place.offset - start).unwrap_or(usize::MAX);
        let event = record::decode(bytes.get(at..).unwrap_or_default(), stamp)
            .and_then(|record| record.to_recorded(stamp))
            .map_err(|what| ReadError::Corrupt {
                path: run.path.clone(),
                offset: place.offset,
                position: place.position,
                what,
            })?;
        events.push(event);
    }
    Ok(())
}

fn older_than(now: Timestamp, age_us: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_sub(age_us))
}

/// Reads one record, and of it what is asked for.
pub(super) fn read_place<T>(
    file: &dyn SegmentFile,
    path: &str,
    place: &Place,
    take: impl FnOnce(&[u8], Stamp) -> Result<T, &'static str>,
) -> Result<T, ReadError> {
    let mut bytes = vec![0; place.len];
    let read = read_full(file, &mut bytes, place.offset).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        offset: place.offset,
        source: Arc::new(source),
    })?;
    bytes.truncate(read);
    let stamp = Stamp { position: place.position, recorded_at: place.recorded_at };
    take(&bytes, stamp).map_err(|what| ReadError::Corrupt {
        path: path.to_owned(),
        offset: place.offset,
        position: place.position,
        what,
    })
}

/// From which number up to which one, not included, a read goes, of `count` in all without the
/// first `hidden` ones. No `from` means the end.
fn stretch(
    from: Option<u64>,
    direction: Direction,
    max: usize,
    hidden: u64,
    count: u64,
) -> (usize, usize) {
    let max = max as u64;
    let (first, last) = match direction {
        Direction::Forwards => {
            let first = from.unwrap_or(count).max(hidden).min(count);
            (first, first.saturating_add(max).min(count))
        }
        Direction::Backwards => {
            let last = from.map_or(count, |from| from.saturating_add(1).min(count));
            (last.saturating_sub(max).max(hidden).min(last), last)
        }
    };
    (usize::try_from(first).unwrap_or(usize::MAX), usize::try_from(last).unwrap_or(usize::MAX))
}
