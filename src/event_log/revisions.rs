//! Which revision each stream has next: what a walk compares revisions with.
//!
//! In: streams and revisions in the order of positions. Out: whether each stream's revisions are
//! 0, 1, 2 and so on.
//! Memory: 20 bytes a stream in tables that are at least three quarters full, so some 27 bytes;
//! [`STREAMS_MAX`] streams at most. Events of streams that come after so many are counted and
//! not compared.
//! Deliberately absent: revisions beyond 2^32 - 1: of a longer stream the lower half is compared.

use super::stream_runs::StreamKey;

/// Streams whose revisions are compared.
pub(super) const STREAMS_MAX: u64 = 10_000_000;
/// Tables, each of the streams whose keys begin with the same byte: only one grows at a time.
const TABLES: usize = 256;
/// Of a table's places so many in twenty are taken before it grows.
const FULL: usize = 17;

/// A key, and the lower half of the revision that comes next, never 0; zeros in a free place.
type Entry = [u8; 20];

/// The next revisions of streams.
pub(super) struct Revisions {
    tables: Vec<Table>,
    streams: u64,
    streams_max: u64,
    /// Events that were not compared.
    pub(super) uncompared: u64,
}

#[derive(Clone, Default)]
struct Table {
    entries: Vec<Entry>,
    used: usize,
}

impl Revisions {
    /// Of no stream.
    pub(super) fn new(streams_max: u64) -> Self {
        Self { tables: vec![Table::default(); TABLES], streams: 0, streams_max, uncompared: 0 }
    }

    /// Takes the next event in. Says whether its revision is the one that comes next.
    pub(super) fn follows(&mut self, stream: StreamKey, revision: u64) -> bool {
        let key = stream.bytes();
        let has_room = self.streams < self.streams_max;
        let Some(table) = self.tables.get_mut(usize::from(key[0])) else { return false };
        if has_room && table.entries.len() * FULL <= table.used * 20 {
            table.grow();
        }
        let Some(entry) = table.place(&key) else {
            self.uncompared += 1;
            return true;
        };
        let next = next_of(entry);
        if next == 0 {
            if !has_room {
                self.uncompared += 1;
                return true;
            }
            if revision != 0 {
                return false;
            }
            *entry = entry_of(&key, 1);
            table.used += 1;
            self.streams += 1;
            return true;
        }
        let follows = next == revision as u32;
        *entry = entry_of(&key, next.wrapping_add(1).max(1));
        follows
    }

    /// Bytes in the tables.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.tables.iter().map(|table| table.entries.capacity() * size_of::<Entry>()).sum()
    }
}

impl Table {
    /// The place of a key: its own, or the free one where it belongs. Nothing in a table without
    /// either.
    fn place(&mut self, key: &[u8; 16]) -> Option<&mut Entry> {
        let count = self.entries.len();
        let start = start_of(key, count);
        let mut at = start;
        loop {
            let entry = self.entries.get(at)?;
            if next_of(entry) == 0 || entry.starts_with(key) {
                return self.entries.get_mut(at);
            }
            at = if at + 1 == count { 0 } else { at + 1 };
            if at == start {
                return None;
            }
        }
    }

    /// An eighth more places.
    fn grow(&mut self) {
        let count = (self.entries.len() + self.entries.len() / 8).max(16);
        let old = std::mem::replace(&mut self.entries, vec![[0; 20]; count]);
        for entry in old.iter().filter(|entry| next_of(entry) != 0) {
            let Some(key) = entry.first_chunk() else { continue };
            if let Some(place) = self.place(key) {
                *place = *entry;
            }
        }
    }
}

/// Where the search for a key begins, in so many places.
fn start_of(key: &[u8; 16], count: usize) -> usize {
    let [_, a, b, c, d, ..] = *key;
    let hash = u64::from(u32::from_le_bytes([a, b, c, d]));
    usize::try_from((hash * count as u64) >> 32).unwrap_or(0)
}

fn next_of(entry: &Entry) -> u32 {
    entry.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn entry_of(key: &[u8; 16], next: u32) -> Entry {
    let mut entry = [0; 20];
    for (to, from) in entry.iter_mut().zip(key.iter().chain(&next.to_le_bytes())) {
        *to = *from;
    }
    entry
}
