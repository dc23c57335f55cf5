//! Puts packets back in order: a thin jitter buffer.
//!
//! In: packets with sequence numbers that do not wrap. Out: the same packets in order, each once,
//! with how many are missing before it.
//! Invariants: a packet that arrives in order waits for nothing; none waits longer than
//! [`WAIT`]; memory is bounded by [`HELD_MAX`].
//! It deliberately does not pace playout: detectors and the bridge take audio as it comes, and
//! the phone at the far end has its own buffer.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use rtp::packet::Packet;

use crate::base::{Millis, Timestamp};

/// How long a packet waits for one before it: three frames.
pub(super) const WAIT: Millis = Millis(60);
/// Most packets that wait at a time.
pub(super) const HELD_MAX: usize = 6;

/// A packet in its turn.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) packet: Packet,
    /// Packets between the last one and this that never came, or came too late.
    pub(super) missing: u64,
}

/// The buffer.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    next: Option<u64>,
    held: BTreeMap<u64, (Timestamp, Packet)>,
    ready: VecDeque<Ready>,
    duplicates: u64,
    late: u64,
}

impl Reorder {
    /// Takes a packet.
    pub(super) fn push(&mut self, now: Timestamp, number: u64, packet: Packet) {
        let next = *self.next.get_or_insert(number);
        if number < next {
            self.late += 1;
        } else if number == next {
            self.deliver(number, packet);
            self.follow();
        } else {
            match self.held.entry(number) {
                Entry::Occupied(_) => self.duplicates += 1,
                Entry::Vacant(slot) => {
                    slot.insert((now, packet));
                }
            }
            if self.held.len() > HELD_MAX {
                self.skip();
            }
        }
    }

    /// Gives up on packets that were waited for long enough.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        while self.held.values().any(|(arrived, _)| now.since(*arrived) >= WAIT) {
            self.skip();
        }
    }

    /// When a packet has waited long enough.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.held.values().map(|(arrived, _)| arrived.plus(WAIT)).min()
    }

    /// Lets everything go and begins anew with the next packet.
    pub(super) fn restart(&mut self) {
        while !self.held.is_empty() {
            self.skip();
        }
        self.next = None;
    }

    /// The next packet in order.
    pub(super) fn pop(&mut self) -> Option<Ready> {
        self.ready.pop_front()
    }

    /// Packets dropped because their turn was over (late, or copies of one delivered) or
    /// because a copy already waits.
    #[cfg(test)]
    pub(super) fn dropped(&self) -> u64 {
        self.late + self.duplicates
    }

    fn skip(&mut self) {
        if let Some((number, (_, packet))) = self.held.pop_first() {
            self.deliver(number, packet);
            self.follow();
        }
    }

    /// Delivers what waited for the packet just delivered.
    fn follow(&mut self) {
        while let Some(first) = self.held.first_entry() {
            if Some(*first.key()) != self.next {
                return;
            }
            let (number, (_, packet)) = first.remove_entry();
            self.deliver(number, packet);
        }
    }

    fn deliver(&mut self, number: u64, packet: Packet) {
        let missing = self.next.map_or(0, |next| number.saturating_sub(next));
        self.next = Some(number + 1);
        self.ready.push_back(Ready { packet, missing });
    }
}

#[cfg(test)]
mod tests;
