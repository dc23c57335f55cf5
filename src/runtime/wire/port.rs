//! Which ports legs use: pairs, RTP on the even one and RTCP on the next.
//!
//! In: a range, and what is taken and given back. Out: even ports. Invariants: no port is given
//! out twice at a time, nor again within ten seconds of its end, so that what still flies from an
//! old call is heard in no new one; each is used before one is used again.
//! It deliberately opens nothing: a port that another program has is given back and left alone.
//! Source: RFC 3550 §11.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::{Millis, Rng, Timestamp};

/// Time a port rests after its leg: longer than any packet flies.
const REST: Millis = Millis(10_000);

/// Ports from an even one to an odd one, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// A text is no range of ports for media.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "read media ports: {0:?}, wanted pairs from an even port above 1023 to an odd one, such as \
     10000-19999"
)]
pub struct PortRangeError(String);

impl PortRange {
    /// How many legs there is room for.
    pub const fn pairs(self) -> usize {
        ((self.last - self.first) / 2 + 1) as usize
    }
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, PortRangeError> {
        let ends = text.split_once('-').and_then(|(first, last)| {
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        });
        ends.map(|(first, last): (u16, u16)| Self { first, last })
            .filter(|range| range.first > 1_023 && range.first < range.last)
            .filter(|range| range.first % 2 == 0 && range.last % 2 == 1)
            .ok_or_else(|| PortRangeError(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for PortRange {
    type Error = PortRangeError;

    fn try_from(text: String) -> Result<Self, PortRangeError> {
        text.parse()
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// The pairs of a range.
#[derive(Debug)]
pub(super) struct PortPool {
    /// Even ports, the one that rested longest first.
    free: VecDeque<(u16, Timestamp)>,
    taken: BTreeSet<u16>,
}

impl PortPool {
    /// All of a range, from somewhere in it on.
    pub(super) fn new(range: PortRange, rng: &mut Rng) -> Self {
        let mut free: VecDeque<_> =
            (range.first..=range.last).step_by(2).map(|port| (port, Timestamp::EPOCH)).collect();
        let start = rng.below(free.len() as u64);
        free.rotate_left(usize::try_from(start).unwrap_or(0));
        Self { free, taken: BTreeSet::new() }
    }

    /// An even port that may be used.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<u16> {
        let (port, _) = self.free.pop_front_if(|(_, rested)| *rested <= now)?;
        self.taken.insert(port);
        Some(port)
    }

    /// Takes a port back.
    pub(super) fn give_back(&mut self, now: Timestamp, port: u16) {
        if self.taken.remove(&port) {
            self.free.push_back((port, now.plus(REST)));
        }
    }
}

#[cfg(test)]
mod tests;
