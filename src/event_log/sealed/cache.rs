//! What was used lately, within a bound of bytes.

use std::collections::HashMap;
use std::hash::Hash;

/// Values by key. The one that was not used for longest goes first.
pub(in crate::event_log) struct Cache<K, V> {
    entries: HashMap<K, Entry<V>>,
    bytes: u64,
    bytes_max: u64,
    uses: u64,
}

struct Entry<V> {
    value: V,
    bytes: u64,
    used: u64,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    pub(in crate::event_log) fn new(bytes_max: u64) -> Self {
        Self { entries: HashMap::new(), bytes: 0, bytes_max, uses: 0 }
    }

    pub(in crate::event_log) fn get(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.uses;
        Some(entry.value.clone())
    }

    pub(in crate::event_log) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Enters a value, and gives back what has to go for it. The new one stays, however large.
    pub(in crate::event_log) fn insert(&mut self, key: K, value: V, bytes: u64) -> Vec<(K, V)> {
        self.uses += 1;
        let entry = Entry { value, bytes, used: self.uses };
        if let Some(before) = self.entries.insert(key.clone(), entry) {
            self.bytes -= before.bytes;
        }
        self.bytes += bytes;
        let mut gone = Vec::new();
        while self.bytes > self.bytes_max {
            let others = self.entries.iter().filter(|(other, _)| **other != key);
            let Some((oldest, _)) = others.min_by_key(|(_, entry)| entry.used) else { break };
            let oldest = oldest.clone();
            if let Some(value) = self.remove(&oldest) {
                gone.push((oldest, value));
            }
        }
        gone
    }

    pub(in crate::event_log) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.bytes -= entry.bytes;
        Some(entry.value)
    }
}
