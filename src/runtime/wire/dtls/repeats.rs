//! Which datagrams of a handshake say nothing new.
//!
//! In: datagrams. Out: whether all of one was there before. The library stops its timer for
//! whatever comes of a handshake, and does not start it again where that was a flight of before:
//! then the answer that was lost is never sent again. So it is not shown such.
//! Source: RFC 6347 §4.1 (records), §4.2.2 (messages and their fragments).

use std::collections::BTreeSet;

/// Bytes before the content of a record.
const RECORD: usize = 13;
/// What a record of a handshake begins with.
const HANDSHAKE: u8 = 22;
/// And one that says that encrypted ones follow.
const CHANGE_CIPHER_SPEC: u8 = 20;
/// Fragments that are remembered: a handshake has a dozen messages.
const FRAGMENTS_MAX: usize = 100;

/// A fragment of a message: its kind, length, number, and place.
type Fragment = [u8; 12];

/// What came so far.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    seen: BTreeSet<Fragment>,
}

impl Repeats {
    /// Takes a datagram. Whether there is nothing but fragments in it that came before, of
    /// messages from number `first` on.
    pub(super) fn has_nothing_new(&mut self, datagram: &[u8], first: u16) -> bool {
        let (mut rest, mut is_old) = (datagram, !datagram.is_empty());
        while let Some((head, after)) = rest.split_first_chunk::<RECORD>() {
            let length = usize::from(u16::from_be_bytes([head[11], head[12]]));
            let (content, next) = after.split_at(length.min(after.len()));
            let is_readable = u16::from_be_bytes([head[3], head[4]]) == 0;
            is_old &= match (head[0], content.first_chunk::<12>()) {
                (HANDSHAKE, Some(fragment)) if is_readable => {
                    let number = u16::from_be_bytes([fragment[4], fragment[5]]);
                    !self.is_new(*fragment) && number >= first
                }
                (CHANGE_CIPHER_SPEC, _) => is_readable,
                _ => false,
            };
            rest = next;
        }
        is_old
    }

    fn is_new(&mut self, fragment: Fragment) -> bool {
        self.seen.len() < FRAGMENTS_MAX && self.seen.insert(fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, number: u8, place: u8) -> Vec<u8> {
        let head = [kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 9, 0, 14];
        let fragment = [11, 0, 0, 9, 0, number, 0, 0, place, 0, 0, 2, 7, 7];
        [&head[..], &fragment].concat()
    }

    #[test]
    fn what_came_before_is_known_and_all_else_is_new() {
        let mut repeats = Repeats::default();
        let both = [record(22, 0, 1, 0), record(22, 0, 2, 0)].concat();
        assert!(!repeats.has_nothing_new(&both, 0));
        assert!(repeats.has_nothing_new(&both, 0) && repeats.has_nothing_new(&both, 1));
        assert!(repeats.has_nothing_new(&record(22, 0, 2, 0), 0));
        assert!(!repeats.has_nothing_new(&both, 2), "the first of them counts anew");
        let other_part = [record(22, 0, 1, 0), record(22, 0, 1, 2)].concat();
        assert!(!repeats.has_nothing_new(&other_part, 0));
        let sealed = [record(22, 0, 1, 0), record(20, 0, 0, 0), record(22, 1, 3, 0)].concat();
        assert!(!repeats.has_nothing_new(&sealed, 0) && !repeats.has_nothing_new(&sealed, 0));
        assert!(
            !repeats.has_nothing_new(&[], 0) && !repeats.has_nothing_new(&record(21, 0, 1, 0), 0)
        );
        assert!(!repeats.has_nothing_new(&both[..20], 0), "cut short");
    }
}
