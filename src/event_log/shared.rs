//! What the writer, readers and subscriptions of one log share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::contract::{AllRead, Direction, ReadError, StreamInfo, StreamRead};
use super::index::{Index, Part};
use super::mark::Mark;
use super::metrics::LogMetrics;
use super::parts::Parts;
use super::reader::Follower;
use super::secondary::SecondaryIndex;
use super::storage::WriteFailure;
use super::stream_runs::StreamKey;
use super::stream_state::ReaderStates;
use crate::base::{Clock, Timestamp};
use crate::event::{Recorded, StreamName};

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
    index: RwLock<Index>,
    pub(super) parts: Parts,
    pub(super) states: ReaderStates,
    /// What `$maxAge` is measured by; without one, the time of the newest event.
    pub(super) clock: OnceLock<Arc<dyn Clock>>,
    pub(super) head: watch::Sender<Head>,
    pub(super) metrics: Arc<LogMetrics>,
    /// Nothing in it until a system stream is read.
    pub(super) secondary: SecondaryIndex,
    /// The last durable frame, where it is known.
    durable: Mutex<Option<Mark>>,
    /// Of a reader.
    pub(super) follower: OnceLock<Follower>,
    /// Segments that end here or before are finished, and will be after a crash.
    pub(super) finished: AtomicU64,
}

impl Shared {
    pub(super) fn new(index: Index, parts: Parts) -> Self {
        let head = Head { next: index.next, state: HeadState::Open, ended: false };
        let finished = AtomicU64::new(index.parts.last().map_or(0, Part::base));
        let metrics = Arc::new(LogMetrics::default());
        metrics.durable(head.next);
        Self {
            finished,
            metrics,
            durable: Mutex::default(),
            index: RwLock::new(index),
            parts,
            states: ReaderStates::default(),
            secondary: SecondaryIndex::default(),
            clock: OnceLock::new(),
            follower: OnceLock::new(),
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

    /// Answers a question about positions from a lowest one on. Where a store may have to be
    /// asked for it, that is done on a thread for blocking work.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        lowest: u64,
        question: impl FnOnce(&Self) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let is_remote = self.parts.storage.remote().is_some() && {
            let index = self.index();
            let part = index.part_at(lowest).and_then(|number| index.parts.get(number));
            matches!(part, Some(Part::Sealed(_)))
        };
        if !is_remote {
            return question(self);
        }
        let shared = self.clone();
        let answer = tokio::task::spawn_blocking(move || question(&shared)).await;
        answer.unwrap_or_else(|ended| match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(ReadError::Unavailable {
                server: "the log".to_owned(),
                what: "was asked while the program ended".to_owned(),
            }),
        })
    }

    /// Notes that a frame is durable.
    pub(super) fn set_durable(&self, mark: Option<Mark>) {
        if mark.is_some() {
            *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = mark;
        }
    }

    /// The last durable frame.
    pub(super) fn durable(&self) -> Option<Mark> {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner)
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
        let key = StreamKey::of(stream.as_str());
        let state = self.state(stream, end)?;
        let count = self.length(key, end)?;
        let mut hidden = state.first_revision(count);
        if let Some(age) = state.metadata.max_age_us {
            hidden = self.first_since(key, older_than(self.now(end)?, age), hidden..count, end)?;
        }
        let from = match from {
            StreamRead::Start => Some(0),
            StreamRead::Revision(revision) => Some(revision),
            StreamRead::End => None,
        };
        let (first, last) = stretch(from, direction, max, hidden, count);
        let positions = self.positions(key, first..last, end)?;
        self.read(&positions, direction)
    }

    /// The first revision of a stretch that was recorded no earlier than a time. Time of
    /// recording never goes backwards, so the old ones come first.
    fn first_since(
        &self,
        key: StreamKey,
        oldest: Timestamp,
        mut revisions: std::ops::Range<u64>,
        end: u64,
    ) -> Result<u64, ReadError> {
        while !revisions.is_empty() {
            let middle = revisions.start + (revisions.end - revisions.start) / 2;
            let Some(position) = self.position(key, middle, end)? else { break };
            if self.parts.recorded_at(self, position)? < oldest {
                revisions.start = middle + 1;
            } else {
                revisions.end = middle;
            }
        }
        Ok(revisions.start)
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
        let positions: Vec<_> = (first..last).collect();
        self.read(&positions, direction)
    }

    /// Events from a position on: up to `max`, and no more than about `bytes_max`, but one.
    pub(super) fn read_on(
        &self,
        from: u64,
        max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let end = self.end().min(from.saturating_add(max as u64));
        let positions: Vec<_> = (from..end).collect();
        let mut events = Vec::new();
        self.parts.read(self, &positions, Some(bytes_max), &mut events)?;
        Ok(events)
    }

    /// The present, as `$maxAge` has it.
    fn now(&self, end: u64) -> Result<Timestamp, ReadError> {
        match (self.clock.get(), end.checked_sub(1)) {
            (Some(clock), _) => Ok(clock.now()),
            (None, Some(newest)) => self.parts.recorded_at(self, newest),
            (None, None) => Ok(Timestamp::EPOCH),
        }
    }

    /// What the log says of a stream.
    pub(super) fn info(&self, stream: &StreamName) -> Result<StreamInfo, ReadError> {
        let end = self.end();
        let state = self.state(stream, end)?;
        Ok(state.info(self.length(StreamKey::of(stream.as_str()), end)?))
    }

    /// Reads one event.
    pub(super) fn read_one(&self, position: u64) -> Result<Recorded, ReadError> {
        let events = self.read(&[position], Direction::Forwards)?;
        let Some(event) = events.into_iter().next() else {
            unreachable!("a position of the log has an event")
        };
        Ok(event)
    }

    /// Reads positions, which are in order, and turns the answer where asked to.
    pub(super) fn read(
        &self,
        positions: &[u64],
        direction: Direction,
    ) -> Result<Vec<Recorded>, ReadError> {
        let mut events = Vec::with_capacity(positions.len());
        self.parts.read(self, positions, None, &mut events)?;
        if direction == Direction::Backwards {
            events.reverse();
        }
        Ok(events)
    }

    /// The last revision of a stream before position `end`, and its position.
    pub(super) fn last(&self, key: StreamKey, end: u64) -> Result<Option<(u64, u64)>, ReadError> {
        // What is forgotten here is in the runs already.
        if let Some(last) = self.index().hot.last(key, end) {
            return Ok(Some(last));
        }
        self.parts.run_last(key)
    }

    /// Events of a stream before position `end`.
    pub(super) fn length(&self, key: StreamKey, end: u64) -> Result<u64, ReadError> {
        Ok(self.last(key, end)?.map_or(0, |(revision, _)| revision + 1))
    }

    /// The position of a revision.
    pub(super) fn position(
        &self,
        key: StreamKey,
        revision: u64,
        end: u64,
    ) -> Result<Option<u64>, ReadError> {
        let found = self.positions(key, revision..revision.saturating_add(1), end)?;
        Ok(found.first().copied())
    }

    /// The positions of revisions before position `end`, as far as there are any.
    pub(super) fn positions(
        &self,
        key: StreamKey,
        revisions: std::ops::Range<u64>,
        end: u64,
    ) -> Result<Vec<u64>, ReadError> {
        let mut hot = Vec::new();
        let first_hot = {
            let index = self.index();
            index.hot.positions(key, revisions.clone(), end, &mut hot);
            index.hot.first_revision(key, end)
        };
        let before = revisions.start..first_hot.unwrap_or(u64::MAX).min(revisions.end);
        if before.is_empty() {
            return Ok(hot);
        }
        let mut positions = self.parts.run_positions(key, before)?;
        positions.extend(hot);
        Ok(positions)
    }
}

fn older_than(now: Timestamp, age_us: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_sub(age_us))
}

/// From which number up to which one, not included, a read goes, of `count` in all without the
/// first `hidden` ones. No `from` means the end.
pub(super) fn stretch(
    from: Option<u64>,
    direction: Direction,
    max: usize,
    hidden: u64,
    count: u64,
) -> (u64, u64) {
    let max = max as u64;
    match direction {
        Direction::Forwards => {
            let first = from.unwrap_or(count).max(hidden).min(count);
            (first, first.saturating_add(max).min(count))
        }
        Direction::Backwards => {
            let last = from.map_or(count, |from| from.saturating_add(1).min(count));
            (last.saturating_sub(max).max(hidden).min(last), last)
        }
    }
}
