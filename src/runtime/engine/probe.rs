//! OPTIONS in turn to every carrier and every agent's phone (RFC 3261 §11).

use std::collections::BTreeMap;

use crate::base::{Millis, Timestamp};
use crate::sip::Hop;

/// Probes without an answer after which an address counts as gone.
const MISSES: u32 = 2;

/// What is known of one address.
#[derive(Clone, Copy, Debug)]
struct Probe {
    due: Timestamp,
    misses: u32,
}

/// Which address is asked when.
#[derive(Debug)]
pub(super) struct Probes {
    every: Millis,
    addresses: BTreeMap<Hop, Probe>,
}

impl Probes {
    pub(super) fn new(addresses: impl Iterator<Item = Hop>, every: Millis, now: Timestamp) -> Self {
        let probe = Probe { due: now, misses: 0 };
        Self { every, addresses: addresses.map(|address| (address, probe)).collect() }
    }

    /// Asks another address from now on.
    pub(super) fn add(&mut self, address: Hop, now: Timestamp) {
        self.addresses.entry(address).or_insert(Probe { due: now, misses: 0 });
    }

    /// Asks an address no more.
    pub(super) fn remove(&mut self, address: Hop) {
        self.addresses.remove(&address);
    }

    /// The addresses to ask now; each is due again a period later.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Hop> {
        let every = self.every;
        let due = self.addresses.iter_mut().filter(|(_, probe)| probe.due <= now);
        due.map(|(address, probe)| {
            probe.due = now.plus(every);
            *address
        })
        .collect()
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.addresses.values().map(|probe| probe.due).min()
    }

    pub(super) fn answered(&mut self, address: Hop) {
        if let Some(probe) = self.addresses.get_mut(&address) {
            probe.misses = 0;
        }
    }

    /// Whether an address counts as gone.
    pub(super) fn is_gone(&self, address: Hop) -> bool {
        self.addresses.get(&address).is_some_and(|probe| probe.misses >= MISSES)
    }

    /// Counts a miss. Whether the address counts as gone now.
    pub(super) fn missed(&mut self, address: Hop) -> bool {
        self.addresses.get_mut(&address).is_some_and(|probe| {
            probe.misses += 1;
            probe.misses >= MISSES
        })
    }
}
