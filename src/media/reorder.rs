//! Puts packets back in order: a thin jitter buffer.
//!
//! In: packets with sequence numbers that do not wrap. Out: the same packets in order, each once,
//! with how many are missing before it. One that is in order is not copied.
//! Invariants: a packet that arrives in order waits for nothing; none waits longer than
//! [`WAIT`]; memory is bounded by [`HELD_MAX`].
//! It deliberately does not pace playout: detectors take audio as it comes; the jitter buffer
//! ([`super::playout`]) spaces it for bridges.

use super::PACKET_MAX;
use crate::base::{Millis, Timestamp};

/// How long a packet waits for one before it: three frames.
pub(super) const WAIT: Millis = Millis(60);
/// Most packets that wait at a time.
pub(super) const HELD_MAX: usize = 6;

/// What of a packet matters once it has its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) payload_type: u8,
    pub(super) timestamp: u32,
    pub(super) payload: &'a [u8],
}

/// A packet in its turn.
#[derive(Debug)]
pub(super) struct Ready<'a> {
    pub(super) piece: Piece<'a>,
    /// Its sequence number.
    pub(super) number: u64,
    /// Packets between the last one and this that never came, or came too late.
    pub(super) missing: u64,
}

/// The buffer.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    next: Option<u64>,
    /// Places for packets that wait. They are kept, so that a bad line costs their memory once.
    slots: Vec<Slot>,
    /// Numbers up to here wait for nothing any more.
    released: u64,
    duplicates: u64,
    late: u64,
}

#[derive(Debug)]
struct Slot {
    /// Nothing while the place is free.
    number: Option<u64>,
    arrived: Timestamp,
    payload_type: u8,
    timestamp: u32,
    payload: Vec<u8>,
}

impl Reorder {
    /// Takes a packet. One whose turn it is comes back at once; take it, and then all that
    /// [`Self::pop`] gives.
    pub(super) fn push<'a>(
        &mut self,
        now: Timestamp,
        number: u64,
        piece: Piece<'a>,
    ) -> Option<Ready<'a>> {
        let next = *self.next.get_or_insert(number);
        if number < next {
            self.late += 1;
            return None;
        }
        if number == next {
            self.next = Some(number + 1);
            return Some(Ready { piece, number, missing: 0 });
        }
        if self.held().any(|(_, held)| held == number) {
            self.duplicates += 1;
            return None;
        }
        self.hold(now, number, piece);
        if self.held().count() > HELD_MAX {
            self.released = self.held().map(|(_, held)| held).min().unwrap_or(0);
        }
        None
    }

    /// Gives up on packets that were waited for long enough.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        let overdue = self.held().filter(|(slot, _)| now.since(slot.arrived) >= WAIT);
        if let Some(last) = overdue.map(|(_, number)| number).max() {
            self.released = self.released.max(last);
        }
    }

    /// When a packet has waited long enough.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.held().map(|(slot, _)| slot.arrived.plus(WAIT)).min()
    }

    /// Lets everything go. Take all that [`Self::pop`] gives: it begins anew with the next packet.
    pub(super) fn restart(&mut self) {
        self.released = u64::MAX;
    }

    /// The next packet in order that waits for nothing.
    pub(super) fn pop(&mut self) -> Option<Ready<'_>> {
        let waiting = self.slots.iter_mut().filter(|slot| slot.number.is_some());
        let Some(slot) = waiting.min_by_key(|slot| slot.number) else {
            if self.released == u64::MAX {
                (self.next, self.released) = (None, 0);
            }
            return None;
        };
        let (number, next) = (slot.number?, self.next?);
        if number > next && number > self.released {
            return None;
        }
        slot.number = None;
        self.next = Some(number + 1);
        let Slot { payload_type, timestamp, ref payload, .. } = *slot;
        let piece = Piece { payload_type, timestamp, payload };
        Some(Ready { piece, number, missing: number.saturating_sub(next) })
    }

    /// Packets dropped because their turn was over (late, or copies of one delivered) or
    /// because a copy already waits.
    #[cfg(test)]
    pub(super) fn dropped(&self) -> u64 {
        self.late + self.duplicates
    }

    fn held(&self) -> impl Iterator<Item = (&Slot, u64)> {
        self.slots.iter().filter_map(|slot| slot.number.map(|number| (slot, number)))
    }

    fn hold(&mut self, arrived: Timestamp, number: u64, piece: Piece<'_>) {
        let Piece { payload_type, timestamp, payload } = piece;
        // What is longer than any packet of ours is no audio that would be heard.
        let payload = payload.get(..PACKET_MAX).unwrap_or(payload);
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.number.is_none()) {
            slot.payload.clear();
            slot.payload.extend_from_slice(payload);
            (slot.number, slot.arrived) = (Some(number), arrived);
            (slot.payload_type, slot.timestamp) = (payload_type, timestamp);
        } else {
            let payload = payload.to_vec();
            self.slots.push(Slot {
                number: Some(number),
                arrived,
                payload_type,
                timestamp,
                payload,
            });
        }
    }
}

#[cfg(test)]
mod tests;
