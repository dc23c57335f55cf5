//! What is known of the log in memory: its parts, and of the events that no file of the index
//! covers yet, where they are and which streams they are in.
//!
//! In: parts as they are found or begun, events in the order of positions. Out: the part of a
//! position; places and streams of the newest events.
//! Invariant: the writer enters events before they are durable, so readers pass the durable end
//! with every question and see nothing at or after it.
//! Memory: what [`HotStreams`], [`SegmentTable`] and [`Recent`] say, for the segments that are
//! not covered; some 300 bytes for every other one.

use std::sync::Arc;

use super::frame::Hash;
use super::recent::Recent;
use super::rescan;
use super::sealed::SealedPart;
use super::segment_table::{SegmentFacts, SegmentTable};
use super::stream_runs::{HotStreams, StreamKey};
use crate::base::{EventId, Timestamp};

/// A segment file.
#[derive(Clone)]
pub(super) struct RawPart {
    pub(super) base: u64,
    pub(super) name: String,
    /// How it is named in messages.
    pub(super) path: String,
    /// None for the one that is written to.
    pub(super) facts: Option<SegmentFacts>,
    /// Of a finished one whose table is in no file.
    pub(super) table: Option<Arc<SegmentTable>>,
}

/// A stretch of the log.
#[derive(Clone)]
pub(super) enum Part {
    /// As it was written.
    Raw(RawPart),
    /// As Parquet.
    Sealed(Arc<SealedPart>),
}

impl Part {
    /// Position of its first event.
    pub(super) fn base(&self) -> u64 {
        match self {
            Self::Raw(raw) => raw.base,
            Self::Sealed(sealed) => sealed.base(),
        }
    }
}

pub(super) struct Index {
    /// In the order of positions, without gaps.
    pub(super) parts: Vec<Part>,
    /// Where the events of the last part are.
    pub(super) active: SegmentTable,
    /// The streams of the events that no run covers.
    pub(super) hot: HotStreams,
    pub(super) recent: Recent,
    /// The position the next event gets.
    pub(super) next: u64,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            active: SegmentTable::new(0),
            hot: HotStreams::new(0),
            recent: Recent::new(0),
            next: 0,
        }
    }
}

impl Index {
    /// Goes on behind what the runs cover and the parts before.
    pub(super) fn covered_until(&mut self, covered: u64) {
        self.hot = HotStreams::new(covered);
    }

    /// Notes that a frame begins in the last part.
    pub(super) fn begin_frame(
        &mut self,
        offset: u64,
        recorded_at: Timestamp,
    ) -> Result<(), &'static str> {
        self.active.begin_frame(offset, recorded_at)
    }

    /// Enters the next record of the last part. Says what is wrong where it does not fit.
    pub(super) fn enter(
        &mut self,
        key: StreamKey,
        revision: u64,
        event_id: EventId,
        offset: u64,
        len: usize,
    ) -> Result<(), &'static str> {
        if self.hot.next() == self.next {
            self.hot.insert(key, revision)?;
        }
        self.recent.push(self.next, key.low(), event_id, revision);
        self.active.record(offset, len)?;
        self.next += 1;
        Ok(())
    }

    /// Enters an event of a part that has no places here: a sealed one.
    pub(super) fn enter_sealed(
        &mut self,
        key: StreamKey,
        revision: u64,
        event_id: EventId,
    ) -> Result<(), &'static str> {
        if self.hot.next() == self.next {
            self.hot.insert(key, revision)?;
        }
        self.recent.push(self.next, key.low(), event_id, revision);
        self.next += 1;
        Ok(())
    }

    /// The last part is finished, which says this of itself; the next event is in another one.
    pub(super) fn finish(&mut self, facts: SegmentFacts) {
        let table = std::mem::replace(&mut self.active, SegmentTable::new(self.next));
        if let Some(Part::Raw(raw)) = self.parts.last_mut() {
            raw.facts = Some(facts);
            raw.table = Some(Arc::new(table));
        }
        if self.hot.next() == self.next {
            self.hot.roll();
        }
    }

    /// The last part has no places here and is finished.
    pub(super) fn seal_active(&mut self) {
        if self.hot.next() == self.next {
            self.hot.roll();
        }
    }

    /// Goes on at a position: what is before is covered.
    pub(super) fn skip_to(&mut self, position: u64) {
        if position > self.next {
            self.next = position;
        }
        self.active = SegmentTable::new(self.next);
    }

    /// The hash of the last frame before a position where a part ends.
    pub(super) fn last_hash(&self, end: u64) -> Option<Hash> {
        self.parts.iter().find_map(|part| match part {
            Part::Raw(raw) => {
                let facts = raw.facts.filter(|facts| facts.base + facts.count == end)?;
                Some(facts.last_hash)
            }
            Part::Sealed(sealed) => {
                let segment = sealed.record().segments.iter().find(|one| one.end == end)?;
                let hash = rescan::from_hex(&segment.last_frame);
                hash.first_chunk().copied()
            }
        })
    }

    /// A part begins.
    pub(super) fn begin(&mut self, name: String, path: String) {
        let base = self.next;
        self.active = SegmentTable::new(base);
        self.parts.push(Part::Raw(RawPart { base, name, path, facts: None, table: None }));
    }

    /// The number of the part that a position is in.
    pub(super) fn part_at(&self, position: u64) -> Option<usize> {
        self.parts.partition_point(|part| part.base() <= position).checked_sub(1)
    }

    /// The part that begins at a position, to be changed.
    pub(super) fn raw_mut(&mut self, base: u64) -> Option<&mut RawPart> {
        let number = self.parts.binary_search_by_key(&base, Part::base).ok()?;
        match self.parts.get_mut(number) {
            Some(Part::Raw(raw)) => Some(raw),
            _ => None,
        }
    }

    /// Where the finished parts begin that a sealed part from `base` to `end` stands for; nothing
    /// where they are not all known, or it is known itself.
    pub(super) fn replaced_by(&self, base: u64, end: u64) -> Option<Vec<u64>> {
        let first = self.parts.binary_search_by_key(&base, Part::base).ok()?;
        let last = self.parts.partition_point(|part| part.base() < end);
        let parts = self.parts.get(first..last).filter(|parts| !parts.is_empty())?;
        let next = self.parts.get(last).map_or(self.next, Part::base);
        let is_known = matches!(parts, [Part::Sealed(part)] if part.end() == end);
        let is_finished = parts.iter().all(|part| match part {
            Part::Raw(raw) => raw.facts.is_some(),
            Part::Sealed(_) => true,
        });
        (next == end && is_finished && !is_known).then(|| parts.iter().map(Part::base).collect())
    }

    /// Puts a sealed part in the place of the raw ones it covers.
    pub(super) fn replace_with(&mut self, sealed: Arc<SealedPart>) {
        let first = self.parts.partition_point(|part| part.base() < sealed.base());
        let last = self.parts.partition_point(|part| part.base() < sealed.end());
        if first < last {
            self.parts.splice(first..last, [Part::Sealed(sealed)]);
        }
    }
}
