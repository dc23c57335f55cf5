//! Which legs are due: twenty slots of a millisecond, one turn in 20 ms.
//!
//! In: legs by number, and the time. Out: the legs of the slots that have come. Invariants: each
//! leg is due once a turn, however late somebody looks, or not at all in a turn that was slept
//! through; legs are spread evenly, so that their packets do not leave in bursts.
//! Deliberately absent: knowing what is done for a leg, and sleeping.

use crate::base::Timestamp;

/// Slots in a turn.
const SLOTS: i64 = 20;
/// One slot, in microseconds.
const SLOT_US: i64 = 1_000;

/// Legs by slot.
#[derive(Debug)]
pub(super) struct Wheel {
    begun: Timestamp,
    slots: [Vec<usize>; SLOTS as usize],
    /// The slot that comes next, counted from the beginning.
    next: i64,
}

impl Wheel {
    /// A wheel that begins to turn now.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { begun: now, slots: [const { Vec::new() }; SLOTS as usize], next: 0 }
    }

    /// Puts a leg where the fewest are; says in which slot.
    pub(super) fn insert(&mut self, leg: usize) -> usize {
        let emptiest = self.slots.iter_mut().enumerate().min_by_key(|(_, legs)| legs.len());
        emptiest.map_or(0, |(slot, legs)| {
            legs.push(leg);
            slot
        })
    }

    /// Takes a leg out of its slot.
    pub(super) fn remove(&mut self, slot: usize, leg: usize) {
        if let Some(legs) = self.slots.get_mut(slot) {
            legs.retain(|known| *known != leg);
        }
    }

    /// The next time a slot comes, now at the earliest.
    pub(super) fn next_of(&self, slot: usize, now: Timestamp) -> Timestamp {
        let passed = now.as_micros() - self.begun.as_micros();
        let ahead = (slot as i64 * SLOT_US - passed).rem_euclid(SLOTS * SLOT_US);
        Timestamp::from_micros(now.as_micros() + ahead)
    }

    /// When to look again.
    pub(super) fn next_at(&self) -> Timestamp {
        Timestamp::from_micros(self.begun.as_micros() + self.next * SLOT_US)
    }

    /// The legs that have come due since somebody looked, into `due`.
    pub(super) fn turn(&mut self, now: Timestamp, due: &mut Vec<usize>) {
        let last = (now.as_micros() - self.begun.as_micros()).div_euclid(SLOT_US);
        // More than a turn behind, each is due once.
        let first = self.next.max(last - SLOTS + 1);
        for slot in first..=last {
            if let Some(legs) = self.slots.get(slot.rem_euclid(SLOTS) as usize) {
                due.extend_from_slice(legs);
            }
        }
        self.next = self.next.max(last + 1);
    }
}

#[cfg(test)]
mod tests;
