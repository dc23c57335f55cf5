//! Which packets of a stream were taken.
//!
//! In: indices of packets proved genuine. Out: whether one may be taken. Invariant: none is taken
//! twice, and none older than the window. Source: RFC 3711 §3.3.2.

/// Packets behind the highest that may still come: 64, the least the RFC allows.
const WINDOW: u64 = 64;

/// The highest index taken, and a bit for each of the 64 up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Replay {
    highest: Option<u64>,
    /// Bit n: the index n before the highest was taken.
    taken: u64,
}

impl Replay {
    /// True where a packet may be taken.
    pub(super) fn allows(&self, index: u64) -> bool {
        let Some(highest) = self.highest else {
            return true;
        };
        match highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.taken & (1 << behind) == 0,
        }
    }

    /// Takes a packet.
    pub(super) fn take(&mut self, index: u64) {
        let highest = self.highest.unwrap_or(index);
        if index > highest || self.highest.is_none() {
            let ahead = index - highest;
            self.taken = if ahead < WINDOW { self.taken << ahead | 1 } else { 1 };
            self.highest = Some(index);
        } else if highest - index < WINDOW {
            self.taken |= 1 << (highest - index);
        }
    }

    /// The highest index taken.
    pub(super) const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_packet_is_taken_once_and_only_inside_the_window() {
        let mut replay = Replay::default();
        assert!(replay.allows(0) && replay.allows(1 << 40));
        replay.take(100);
        assert!(!replay.allows(100));
        assert!(replay.allows(37) && !replay.allows(36), "64 packets, the highest included");
        replay.take(37);
        assert!(!replay.allows(37));
        replay.take(1_000);
        assert!(!replay.allows(100) && replay.allows(999));
        assert_eq!(replay.highest(), Some(1_000));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set(indices in proptest::collection::vec(0..200_u64, 0..300)) {
            let (mut replay, mut set) = (Replay::default(), BTreeSet::new());
            for index in indices {
                let highest = set.last().copied().unwrap_or(0);
                let wanted = !set.contains(&index) && (set.is_empty() || index + WINDOW > highest);
                prop_assert_eq!(replay.allows(index), wanted);
                if wanted {
                    replay.take(index);
                    set.insert(index);
                }
            }
        }
    }
}
