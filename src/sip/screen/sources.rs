//! What is remembered of strangers' addresses, and no more than there is room for.
//!
//! Two halves: sources seen of late, and those before them. When the first is full it takes the
//! place of the second, whose sources are forgotten. Sources that are shut out stand apart, so
//! that a flood of forged addresses does not let them in again sooner than it has to.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::base::{Millis, Timestamp};

/// Sources in each half, and of those shut out.
const HALF: usize = 4_096;

/// A token bucket: one token for each datagram, so many a second, so many at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// In thousandths; spent ones, so that a new bucket is full.
    spent_milli: u64,
    at: Timestamp,
}

impl Bucket {
    /// Takes a token, where there is one.
    pub(super) fn pay(&mut self, now: Timestamp, (per_second, at_once): (u64, u64)) -> bool {
        let back = now.since(self.at).0.saturating_mul(per_second);
        self.spent_milli = self.spent_milli.saturating_sub(back);
        self.at = now;
        if self.spent_milli + 1_000 > at_once * 1_000 {
            return false;
        }
        self.spent_milli += 1_000;
        true
    }
}

/// One address.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Source {
    pub(super) new: Bucket,
    pub(super) other: Bucket,
    /// Since it was last told of.
    pub(super) dropped: u64,
    pub(super) wrong: u32,
    pub(super) wrong_since: Timestamp,
    pub(super) shut_out_until: Option<Timestamp>,
    told_at: Option<Timestamp>,
    told_malformed_at: Option<Timestamp>,
}

impl Source {
    /// Whether its drops are to be told of now.
    pub(super) fn tell(&mut self, now: Timestamp, again: Millis) -> bool {
        is_due(&mut self.told_at, now, again)
    }

    /// The same for what is unusable of it.
    pub(super) fn tell_malformed(&mut self, now: Timestamp, again: Millis) -> bool {
        is_due(&mut self.told_malformed_at, now, again)
    }
}

fn is_due(last: &mut Option<Timestamp>, now: Timestamp, again: Millis) -> bool {
    let is_due = last.is_none_or(|last| last.plus(again) <= now);
    if is_due {
        *last = Some(now);
    }
    is_due
}

/// All of them.
#[derive(Default)]
pub(super) struct Sources {
    late: BTreeMap<IpAddr, Source>,
    before: BTreeMap<IpAddr, Source>,
    shut_out: BTreeMap<IpAddr, Source>,
}

impl Sources {
    /// What is known of an address.
    pub(super) fn of(&mut self, address: IpAddr, now: Timestamp) -> &mut Source {
        let address = site(address);
        let is_over = |source: &Source| source.shut_out_until.is_none_or(|until| until <= now);
        if self.shut_out.get(&address).is_some_and(is_over) {
            self.shut_out.remove(&address);
        }
        if self.shut_out.contains_key(&address) {
            return self.shut_out.entry(address).or_default();
        }
        if !self.late.contains_key(&address) {
            if self.late.len() >= HALF {
                self.before = std::mem::take(&mut self.late);
            }
            let source = self.before.remove(&address).unwrap_or_default();
            self.late.insert(address, source);
        }
        self.late.entry(address).or_default()
    }

    /// Puts a source that was shut out where it is not forgotten before its time, as long as
    /// there is room.
    pub(super) fn keep(&mut self, address: IpAddr, now: Timestamp) {
        let address = site(address);
        if self.shut_out.len() >= HALF {
            self.shut_out
                .retain(|_, source| source.shut_out_until.is_some_and(|until| until > now));
        }
        if self.shut_out.len() < HALF
            && let Some(source) = self.late.remove(&address)
        {
            self.shut_out.insert(address, source);
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.late.len() + self.before.len() + self.shut_out.len()
    }
}

/// Whom an address stands for: itself, or in IPv6 the 64 bits that one customer has.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
        address @ IpAddr::V4(_) => address,
    }
}
