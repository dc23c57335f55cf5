//! What is due when, in virtual time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::base::Timestamp;

/// Things due, the earliest first; of equals the one that was put in first.
pub(super) struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    serial: u64,
}

struct Entry<T> {
    at: Timestamp,
    serial: u64,
    what: T,
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), serial: 0 }
    }

    pub(super) fn put(&mut self, at: Timestamp, what: T) {
        self.serial += 1;
        self.heap.push(Reverse(Entry { at, serial: self.serial, what }));
    }

    pub(super) fn take(&mut self) -> Option<(Timestamp, T)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}
