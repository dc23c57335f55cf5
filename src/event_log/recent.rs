//! The identities of the newest events, so that an append that is repeated is recognized.
//!
//! In: every event that is entered, in the order of positions. Out: where an id stands in a
//! stream, and the id at a position, as long as it is one of the newest.
//! Invariant: holds a dense stretch of positions that ends with the newest; memory is bounded
//! by [`CAPACITY`].
//! Deliberately absent: older events. KurrentDB, too, looks only in a bounded cache where the
//! writer does not say at which revision the events should stand.

use super::hash::mix;
use crate::base::EventId;

/// The most events that are remembered. More than can be on their way to the disk at once.
pub(super) const CAPACITY: usize = 1 << 19;
const SLOTS: usize = CAPACITY * 2;
/// Bits of a hash that name a slot.
const SLOT_BITS: u32 = SLOTS.trailing_zeros();

/// Where a slot has bits of the hash.
const TAG: u64 = !0 << 32;

#[derive(Clone, Copy)]
struct Entry {
    id: [u64; 2],
    /// Hash of the stream's name.
    stream: u64,
    revision: u64,
}

/// The newest events by stream and id.
pub(super) struct Recent {
    /// By position, modulo the capacity.
    ring: Vec<Entry>,
    /// The first position that is held.
    first: u64,
    /// The position after the last.
    next: u64,
    /// By hash: 32 bits of the hash, above the place in the ring plus one; 0 is free. The ring
    /// is large and read at random places would not be in a cache, so nothing of it is read
    /// unless the bits agree. Made at the first event.
    table: Vec<u64>,
}

fn split(id: EventId) -> [u64; 2] {
    let (high, low) = id.0.as_u64_pair();
    [high, low]
}

/// 32 bits of an entry's hash, where the table has them.
fn tag(entry: &Entry) -> u64 {
    let [high, low] = entry.id;
    let hash = mix(high ^ entry.stream, 0x9e37_79b9_7f4a_7c15) ^ mix(low, 0xd6e8_feb8_6659_fd93);
    mix(hash, 0xa076_1d64_78bd_642f) & TAG
}

/// The slot at which the search for a tag begins.
fn home(tag: u64) -> usize {
    usize::try_from(tag >> (u64::BITS - SLOT_BITS)).unwrap_or(0)
}

/// The place in the ring that a slot names.
fn at_of(held: u64) -> Option<usize> {
    usize::try_from(held & !TAG).unwrap_or(0).checked_sub(1)
}

fn place(position: u64) -> usize {
    usize::try_from(position % CAPACITY as u64).unwrap_or(0)
}

impl Recent {
    /// Nothing yet; the next event has this position.
    pub(super) fn new(next: u64) -> Self {
        Self { ring: Vec::new(), first: next, next, table: Vec::new() }
    }

    /// Remembers the event of a position, which follows the last one; where it does not,
    /// everything before is forgotten.
    pub(super) fn push(&mut self, position: u64, stream: u64, id: EventId, revision: u64) {
        if position != self.next {
            *self = Self::new(position);
        }
        if self.table.is_empty() {
            self.table = vec![0; SLOTS];
        }
        let entry = Entry { id: split(id), stream, revision };
        let at = place(self.next);
        if self.next - self.first == CAPACITY as u64 {
            self.forget(place(self.first));
            self.first += 1;
        }
        if self.ring.len() <= at {
            // Grows to the capacity while the stretch does, wherever in the ring it begins.
            let len = (at + 1).max(self.ring.len() * 2).min(CAPACITY);
            self.ring.resize(len, Entry { id: [0; 2], stream: 0, revision: 0 });
        }
        if let Some(held) = self.ring.get_mut(at) {
            *held = entry;
        }
        self.next += 1;
        let tag = tag(&entry);
        let value = tag | (at as u64 + 1);
        let mut slot = home(tag);
        while let Some(held) = self.table.get_mut(slot) {
            // An id that stands twice in a stream is found where it stands last.
            if *held == 0 || (*held & TAG == tag && same(&self.ring, *held, &entry)) {
                *held = value;
                return;
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The first position that is held.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The position of the next event.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// How many are held.
    pub(super) fn len(&self) -> u64 {
        self.next - self.first
    }

    /// Remembers all that another one does.
    pub(super) fn append(&mut self, other: &Self) {
        for position in other.first..other.next {
            if let Some(entry) = other.ring.get(place(position)) {
                let [high, low] = entry.id;
                let id = EventId(uuid::Uuid::from_u64_pair(high, low));
                self.push(position, entry.stream, id, entry.revision);
            }
        }
    }

    /// The revision and position of an event in a stream.
    pub(super) fn find(&self, stream: u64, id: EventId) -> Option<(u64, u64)> {
        let wanted = Entry { id: split(id), stream, revision: 0 };
        let tag = tag(&wanted);
        let mut slot = home(tag);
        loop {
            let held = *self.table.get(slot)?;
            if held == 0 {
                return None;
            }
            if held & TAG == tag && same(&self.ring, held, &wanted) {
                let at = at_of(held)?;
                let revision = self.ring.get(at)?.revision;
                let past = (at + CAPACITY - place(self.first)) % CAPACITY;
                return Some((revision, self.first + past as u64));
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The id at a position, where it is remembered.
    pub(super) fn id_at(&self, position: u64) -> Option<EventId> {
        if position < self.first || position >= self.next {
            return None;
        }
        let [high, low] = self.ring.get(place(position))?.id;
        Some(EventId(uuid::Uuid::from_u64_pair(high, low)))
    }

    /// Takes a place out of the table and closes the gap, as linear probing needs it.
    fn forget(&mut self, at: usize) {
        let Some(entry) = self.ring.get(at) else { return };
        let tag = tag(entry);
        let value = tag | (at as u64 + 1);
        let mut slot = home(tag);
        loop {
            match self.table.get(slot) {
                Some(0) | None => return, // It stands in the stream again, later.
                Some(held) if *held == value => break,
                Some(_) => slot = (slot + 1) % SLOTS,
            }
        }
        let mut gap = slot;
        loop {
            slot = (slot + 1) % SLOTS;
            let held = self.table.get(slot).copied().unwrap_or(0);
            if held == 0 {
                break;
            }
            // It may move into the gap where that is not before its home.
            let from_home = (slot + SLOTS - home(held)) % SLOTS;
            let from_gap = (slot + SLOTS - gap) % SLOTS;
            if from_home >= from_gap {
                self.set(gap, held);
                gap = slot;
            }
        }
        self.set(gap, 0);
    }

    fn set(&mut self, slot: usize, value: u64) {
        if let Some(held) = self.table.get_mut(slot) {
            *held = value;
        }
    }
}

fn same(ring: &[Entry], held: u64, wanted: &Entry) -> bool {
    at_of(held)
        .and_then(|at| ring.get(at))
        .is_some_and(|entry| entry.id == wanted.id && entry.stream == wanted.stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> EventId {
        EventId(uuid::Uuid::from_u128(u128::from(number)))
    }

    #[test]
    fn the_newest_are_found_and_older_ones_forgotten() {
        let start = 77;
        let mut recent = Recent::new(start);
        let count = CAPACITY as u64 * 2 + 1_000;
        for number in 0..count {
            recent.push(start + number, number % 7, id(number), number / 7);
        }
        let kept = count - CAPACITY as u64;
        for number in (0..kept).step_by(97) {
            assert_eq!(recent.find(number % 7, id(number)), None, "{number}");
            assert_eq!(recent.id_at(start + number), None);
        }
        for number in kept..count {
            assert_eq!(recent.find(number % 7, id(number)), Some((number / 7, start + number)));
            assert_eq!(recent.find(number % 7 + 1, id(number)), None, "another stream");
            assert_eq!(recent.id_at(start + number), Some(id(number)));
        }
        assert_eq!(recent.id_at(start + count), None);
    }

    #[test]
    fn an_id_that_stands_twice_is_found_where_it_stands_last() {
        let mut recent = Recent::new(0);
        recent.push(0, 1, id(5), 0);
        recent.push(1, 1, id(5), 1);
        assert_eq!(recent.find(1, id(5)), Some((1, 1)));
        for number in 0..CAPACITY as u64 - 1 {
            recent.push(2 + number, 2, id(number), number);
        }
        assert_eq!(recent.find(1, id(5)), Some((1, 1)), "the first is forgotten, not the last");
        recent.push(CAPACITY as u64 + 1, 2, id(u64::MAX), 0);
        assert_eq!(recent.find(1, id(5)), None);
    }
}
