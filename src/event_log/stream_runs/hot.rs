//! The streams of the events that no run covers yet, in memory.
//!
//! In: every event in the order of positions, as it is written or read. Out: the same answers
//! as from a run. A generation is one segment; when the segment is finished its generation
//! stays as it is, is written as a run elsewhere, and is forgotten then.
//! Invariant: revisions of a stream follow each other through the generations.
//! Memory: about 8 bytes an event and 90 a stream, of the segments that are not covered.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;

use super::StreamKey;

/// A key is a hash already.
#[derive(Default)]
pub(in crate::event_log) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

/// One stream in a generation.
#[derive(Debug)]
struct Hot {
    first_revision: u64,
    /// Counted from the generation's base.
    positions: Vec<u32>,
}

/// The streams of one segment.
#[derive(Debug, Default)]
pub(in crate::event_log) struct Generation {
    base: u64,
    count: u32,
    streams: HashMap<StreamKey, Hot, BuildHasherDefault<KeyHasher>>,
}

/// The streams of the segments that no run covers yet.
#[derive(Debug)]
pub(in crate::event_log) struct HotStreams {
    /// Finished, oldest first.
    finished: VecDeque<Arc<Generation>>,
    active: Generation,
}

impl Hot {
    fn next_revision(&self) -> u64 {
        self.first_revision + self.positions.len() as u64
    }
}

impl Generation {
    /// Position of its first event.
    pub(in crate::event_log) fn base(&self) -> u64 {
        self.base
    }

    /// The position after its last event.
    pub(in crate::event_log) fn next(&self) -> u64 {
        self.base + u64::from(self.count)
    }

    /// Every stream with its first revision, by key.
    pub(super) fn sorted(&self) -> Vec<(StreamKey, u64, impl Iterator<Item = u64> + '_)> {
        let mut streams: Vec<_> = self
            .streams
            .iter()
            .map(|(key, hot)| {
                let positions = hot.positions.iter();
                let positions = positions.map(|position| self.base + u64::from(*position));
                (*key, hot.first_revision, positions)
            })
            .collect();
        streams.sort_unstable_by_key(|(key, ..)| *key);
        streams
    }

    /// How many of a stream's events here stand before a position.
    fn visible(&self, hot: &Hot, end: u64) -> usize {
        let end = end.saturating_sub(self.base);
        // Nearly always all of them.
        if hot.positions.last().is_some_and(|last| u64::from(*last) < end) {
            return hot.positions.len();
        }
        hot.positions.partition_point(|position| u64::from(*position) < end)
    }
}

impl HotStreams {
    /// Nothing, from a position on.
    pub(in crate::event_log) fn new(base: u64) -> Self {
        let active = Generation { base, ..Generation::default() };
        Self { finished: VecDeque::new(), active }
    }

    /// Position of the first event here: what is before is in the runs.
    pub(in crate::event_log) fn base(&self) -> u64 {
        self.finished.front().map_or(self.active.base, |generation| generation.base)
    }

    /// The position of the next event.
    pub(in crate::event_log) fn next(&self) -> u64 {
        self.active.next()
    }

    /// Enters the next event. `revision` is taken as it is for a stream that has no event here:
    /// whoever enters it knows from the runs that it is the next one.
    ///
    /// # Errors
    /// Where the revision is not the next one of the stream, or the segment is too long.
    pub(in crate::event_log) fn insert(
        &mut self,
        key: StreamKey,
        revision: u64,
    ) -> Result<(), &'static str> {
        let place = self.active.count;
        let next = place.checked_add(1).ok_or("segment has too many events")?;
        let finished = &self.finished;
        let hot = self.active.streams.entry(key).or_insert_with(|| {
            let before = finished.iter().rev().find_map(|generation| generation.streams.get(&key));
            let first_revision = before.map_or(revision, Hot::next_revision);
            Hot { first_revision, positions: Vec::new() }
        });
        if hot.next_revision() != revision {
            if hot.positions.is_empty() {
                self.active.streams.remove(&key);
            }
            return Err("record has a wrong revision");
        }
        hot.positions.push(place);
        self.active.count = next;
        Ok(())
    }

    /// The segment is finished; the next event is the first of another one. Does nothing where
    /// it has no events.
    pub(in crate::event_log) fn roll(&mut self) {
        if self.active.count > 0 {
            let active = Generation { base: self.active.next(), ..Generation::default() };
            let mut full = std::mem::replace(&mut self.active, active);
            full.streams.values_mut().for_each(|hot| hot.positions.shrink_to_fit());
            self.finished.push_back(Arc::new(full));
        }
    }

    /// The oldest finished segment: the next one to be written as a run.
    pub(in crate::event_log) fn oldest(&self) -> Option<Arc<Generation>> {
        self.finished.front().cloned()
    }

    /// Forgets the finished segments that end at or before a position: runs cover them.
    pub(in crate::event_log) fn forget(&mut self, covered_until: u64) {
        while self.finished.front().is_some_and(|generation| generation.next() <= covered_until) {
            self.finished.pop_front();
        }
    }

    fn generations(&self) -> impl DoubleEndedIterator<Item = &Generation> {
        self.finished.iter().map(|generation| &**generation).chain([&self.active])
    }

    /// The first revision of a stream that is here and stands before position `end`: earlier
    /// ones are in the runs. Nothing where all of them are.
    pub(in crate::event_log) fn first_revision(&self, key: StreamKey, end: u64) -> Option<u64> {
        self.generations().find_map(|generation| {
            let hot = generation.streams.get(&key)?;
            (generation.visible(hot, end) > 0).then_some(hot.first_revision)
        })
    }

    /// The last revision of a stream that is here and stands before position `end`, and its
    /// position. Nothing where the runs have to be asked.
    pub(in crate::event_log) fn last(&self, key: StreamKey, end: u64) -> Option<(u64, u64)> {
        self.generations().rev().find_map(|generation| {
            let hot = generation.streams.get(&key)?;
            let last = generation.visible(hot, end).checked_sub(1)?;
            let position = generation.base + u64::from(*hot.positions.get(last)?);
            Some((hot.first_revision + last as u64, position))
        })
    }

    /// Adds the positions of revisions to `out`, as far as they are here and stand before
    /// position `end`, oldest first.
    pub(in crate::event_log) fn positions(
        &self,
        key: StreamKey,
        revisions: Range<u64>,
        end: u64,
        out: &mut Vec<u64>,
    ) {
        for generation in self.generations() {
            let Some(hot) = generation.streams.get(&key) else { continue };
            let visible = generation.visible(hot, end);
            let index = |revision: u64| {
                let index = revision.saturating_sub(hot.first_revision);
                usize::try_from(index).unwrap_or(usize::MAX).min(visible)
            };
            let wanted = hot.positions.get(index(revisions.start)..index(revisions.end));
            let wanted = wanted.unwrap_or_default().iter();
            out.extend(wanted.map(|position| generation.base + u64::from(*position)));
        }
    }

    /// Bytes of memory it takes, about.
    pub(in crate::event_log) fn memory(&self) -> usize {
        let stream = size_of::<(StreamKey, Hot)>() + 1;
        let of = |generation: &Generation| {
            let positions: usize =
                generation.streams.values().map(|hot| hot.positions.capacity() * 4 + 16).sum();
            generation.streams.capacity() * 8 / 7 * stream + positions
        };
        self.generations().map(of).sum()
    }
}
